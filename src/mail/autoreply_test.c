/* Who gets an automatic answer, and what it says (RFC 3834). */
#include "mail/autoreply.h"

#include "base/mem.h"
#include "base/test.h"

static int is_own(void *arg, slice address)
{
	(void)arg;
	if (slice_ieq(address, S("unsure@here.test")))
		return -1;
	return slice_ieq(address, S("ann@here.test")) || slice_ieq(address, S("info@here.test"));
}

static const char *why_not(slice header, slice sender, unsigned flags, int64_t now)
{
	AUTO(arena) struct arena a = {0};
	const struct autoreply r = {
		.enabled = true, .text = S("Away"), .from_at = 10, .until_at = 20, .days = 7};
	const struct delivery_wishes w = {.address = S("ann@here.test"), .autoreply = &r};
	const struct queue_msg m = {.sender = sender, .flags = flags};
	const struct autoreply_ask q = {
		.header = header, .m = &m, .wishes = &w, .is_own = is_own, .now = now};
	return autoreply_why_not(&q, &a);
}

TEST(only_letters_of_people_to_this_person_are_answered)
{
	static const struct {
		slice header, sender;
		unsigned flags;
		const char *want; /* NULL: answered */
	} v[] = {
		{S_INIT("To: Ann <ann@here.test>\r\n\r\n"), S_INIT("bob@far.test"), 0, NULL},
		{S_INIT("Cc: x@y.test,\r\n INFO@here.test\r\nAuto-Submitted: no\r\n"),
			S_INIT("bob@far.test"), 0, NULL},
		{S_INIT("To: ann@here.test\nAuto-Submitted: no (really); x=y\n"),
			S_INIT("bob@far.test"), 0, "automatic"},
		{S_INIT("To: ann@here.test\nAuto-Submitted: auto-replied\n"),
			S_INIT("bob@far.test"), 0, "automatic"},
		{S_INIT("Auto-Submitted: auto-generated; x=y\nTo: ann@here.test\n"),
			S_INIT("bob@far.test"), 0, "automatic"},
		{S_INIT("To: ann@here.test\nList-Unsubscribe: <x>\n"), S_INIT("bob@far.test"), 0,
			"list"},
		{S_INIT("To: ann@here.test\nPrecedence: Bulk\n"), S_INIT("bob@far.test"), 0,
			"bulk"},
		{S_INIT("To: ann@here.test\nX-Auto-Response-Suppress: DR, oof\n"),
			S_INIT("bob@far.test"), 0, "suppressed"},
		{S_INIT("To: ann@here.test\nX-Auto-Response-Suppress: DR\n"),
			S_INIT("bob@far.test"), 0, NULL},
		{S_INIT("To: ann@here.test\nX-Spam-Flag: YES\n"), S_INIT("bob@far.test"), 0,
			"spam"},
		{S_INIT("To: ann@here.test\nContent-Type: multipart/report; x=y\n"),
			S_INIT("bob@far.test"), 0, "report"},
		{S_INIT("To: undisclosed-recipients:;\n"), S_INIT("bob@far.test"), 0,
			"not-addressed"},
		{S_INIT("Subject: To: ann@here.test\n\nTo: ann@here.test\n"),
			S_INIT("bob@far.test"), 0, "not-addressed"},
		{S_INIT("To: unsure@here.test\n"), S_INIT("bob@far.test"), 0, "unknown"},
		{S_INIT("To: ann@here.test\n"), S_INIT(""), 0, "null-sender"},
		{S_INIT("To: ann@here.test\n"), S_INIT("x@far.test"), MSG_BOUNCE, "null-sender"},
		{S_INIT("To: ann@here.test\n"), S_INIT("x@far.test"), MSG_JUNK, "junk"},
		{S_INIT("To: ann@here.test\n"), S_INIT("Info@here.test"), 0, "own"},
		{S_INIT("To: ann@here.test\n"), S_INIT("owner-list@far.test"), 0, "machine"},
		{S_INIT("To: ann@here.test\n"), S_INIT("list-request@far.test"), 0, "machine"},
		{S_INIT("To: ann@here.test\n"), S_INIT("No-Reply@far.test"), 0, "machine"},
		{S_INIT("To: ann@here.test\n"), S_INIT("shop.noreply@far.test"), 0, "machine"},
		{S_INIT("To: ann@here.test\n"), S_INIT("MAILER-DAEMON@far.test"), 0, "machine"},
		{S_INIT("To: ann@here.test\n"), S_INIT("bounces+ann=here.test@far.test"), 0,
			"machine"},
		{S_INIT("To: ann@here.test\n"), S_INIT("requester@far.test"), 0, NULL},
	};
	for (size_t i = 0; i < sizeof v / sizeof *v; i++) {
		const char *got = why_not(v[i].header, v[i].sender, v[i].flags, 15);
		if ((got == NULL) != (v[i].want == NULL) || (got && strcmp(got, v[i].want) != 0))
			test_fail(__FILE__, __LINE__, "%zu: %s, not %s", i, got ? got : "answered",
				v[i].want ? v[i].want : "answered");
	}
	CHECK(why_not(S("To: ann@here.test\n"), S("bob@far.test"), 0, 9));
	CHECK(why_not(S("To: ann@here.test\n"), S("bob@far.test"), 0, 20));
	CHECK(!why_not(S("To: ann@here.test\n"), S("bob@far.test"), 0, 10));
}

TEST(answers_refer_to_what_they_answer)
{
	AUTO(arena) struct arena a = {0};
	const struct autoreply r = {
		.enabled = true, .text = S("Zurück am \"Montag\".\n"), .days = 7};
	const struct delivery_wishes w = {
		.address = S("ann@here.test"), .name = S("Ann"), .autoreply = &r};
	const struct queue_msg m = {.sender = S("bob@far.test")};
	struct autoreply_ask q = {.header = S("Subject: =?utf-8?q?H=C3=A4?=\r\nMessage-ID: "
					      "<3@x>\r\nReferences: <1@x>\r\n <2@x>\r\n"),
		.m = &m,
		.wishes = &w,
		.is_own = is_own};
	CHECK_STR(autoreply_data(&q, &a),
		S("{\"from\":\"ann@here.test\",\"name\":\"Ann\",\"subject\":\"Auto: Hä\","
		  "\"text\":\"Zurück am \\\"Montag\\\".\\n\",\"message_id\":\"<3@x>\","
		  "\"references\":\"<1@x>\\r\\n <2@x>\\r\\n <3@x>\"}"));
	q.header = S("Message-ID: <a\x01\x7f b>\r\n");
	slice bad = autoreply_data(&q, &a);
	CHECK(slice_find(bad, S("\"message_id\":\"\"")) < bad.n);
	CHECK(slice_find(bad, S("\"references\":\"\"")) < bad.n);
}
