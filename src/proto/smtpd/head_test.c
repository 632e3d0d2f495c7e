/* What is added to a message and what is seen of it: Received:, RFC 6409 fixes, the timeline. */
#include "proto/smtpd/transcript_testing.h"

#include "store/trace.h"

struct message_case {
	const char *conf, *ip, *in;
	const char *answer; /* the last reply before BYE begins so */
	const char *body; /* stored bytes */
	const char *prefix[4]; /* parts of the prefix */
	const char *not_prefix[2]; /* and what must not be in it */
};

static bool holds(slice text, const char *part)
{
	return slice_find(text, slice_z(part)) < text.n;
}

static void check_prefix(const struct fake *f, const struct message_case *c)
{
	slice prefix = buf_slice(&f->last_prefix);
	CHECK(slice_starts(prefix, S("Received: from ")));
	CHECK(slice_ends(prefix, S("\r\n")));
	for (int i = 0; i < 4 && c->prefix[i]; i++)
		if (!holds(prefix, c->prefix[i]))
			test_fail(c->in, 0, "prefix lacks %s:\n%.*s", c->prefix[i], SFMT(prefix));
	for (int i = 0; i < 2 && c->not_prefix[i]; i++)
		if (holds(prefix, c->not_prefix[i]))
			test_fail(c->in, 0, "prefix has %s:\n%.*s", c->not_prefix[i], SFMT(prefix));
}

static void check_message(const struct message_case *c, size_t step)
{
	struct fake f;
	fake_init(&f, 1 << 20);
	struct transcript t = {c->in, c->conf, c->ip, c->in, 0, "", NULL, NULL};
	loop_init();
	loop_main(run_one, &(struct run){&t, step, &f});
	loop_done();
	if (!holds(buf_slice(&f.out), c->answer))
		test_fail(c->in, 0, "answered:\n%.*s", SFMT(buf_slice(&f.out)));
	CHECK_INT(f.accepts, c->body ? 1 : 0);
	if (c->body) {
		CHECK_STR(buf_slice(&f.body), slice_z(c->body));
		check_prefix(&f, c);
	}
	fake_done(&f);
}

#define CHECK_MESSAGES(table)                                                                      \
	for (size_t i = 0; i < sizeof(table) / sizeof(table)[0]; i++)                              \
		for (size_t step = 1; step; step = step == 1 ? 11 : step == 11 ? SIZE_MAX : 0)     \
	check_message(&(table)[i], step)

#define TX(from) "EHLO c.test\r\nMAIL FROM:<" from ">\r\n" RCPT_ALICE "DATA\r\n"
#define LOGGED_IN                                                                                  \
	"EHLO c.test\r\n" AUTH_ALICE "MAIL FROM:<alice@example.com>\r\n" RCPT_BOB "DATA\r\n"
#define END ".\r\n" QUIT

TEST(received_fields)
{
	static const struct message_case table[] = {
		{MX, NULL, TX("a@x.test") "A: b\r\n\r\nx\r\n" END, "250 2.0.0 Kept as",
			"A: b\r\n\r\nx\r\n",
			{"from c.test (client.test [192.0.2.1])", "by mail.example.com",
				"with ESMTP id ", "for <alice@example.com>"},
			{"Message-ID", "Date:"}},
		{MX, "[2001:db8::7]",
			HELO MAIL_A RCPT_ALICE RCPT_BOB "DATA\r\nA: b\r\n\r\nx\r\n" END,
			"250 2.0.0 Kept as", "A: b\r\n\r\nx\r\n",
			{"from c.test ([IPv6:2001:db8::7])", "with SMTP id "}, {"for <"}},
		{MX, NULL, "EHLO x(y\";z\r\n" MAIL_A RCPT_ALICE "DATA\r\nA: b\r\n\r\nx\r\n" END,
			"250 2.0.0 Kept as", "A: b\r\n\r\nx\r\n", {"from x?y??z (client.test"},
			{"x(y"}},
		{"kind = lmtp\n", NULL,
			"LHLO c.test\r\n" MAIL_A RCPT_ALICE "DATA\r\nA: b\r\n\r\nx\r\n" END,
			"250 2.1.5 <alice", "A: b\r\n\r\nx\r\n", {"with LMTP id "}, {NULL}},
		{SUBMISSION, NULL,
			LOGGED_IN
			"Date: x\r\nMessage-ID: <1@x>\r\nFrom: alice@example.com\r\n\r\nx\r\n" END,
			"250 2.0.0 Kept as",
			"Date: x\r\nMessage-ID: <1@x>\r\nFrom: alice@example.com\r\n\r\nx\r\n",
			{"with ESMTPA id "}, {"alice", "Message-ID"}},
		{MX, NULL,
			"EHLO c.test\r\nMAIL FROM:<a@x.test> SMTPUTF8\r\n" RCPT_ALICE
			"DATA\r\nA: b\r\n\r\nx\r\n" END,
			"250 2.0.0 Kept as", "A: b\r\n\r\nx\r\n", {"with UTF8SMTP id "}, {NULL}},
		{"kind = internal\n"
		 "trusted = 198.51.100.0/24\n",
			"unix:/run/x",
			"EHLO c.test\r\n" MAIL_A
			"RCPT TO:<a@foreign.test>\r\nDATA\r\nA: b\r\n\r\nx\r\n" END,
			"250 2.0.0 Kept as", "A: b\r\n\r\nx\r\n",
			{"Received: from c.test\r\n", "for <a@foreign.test>"}, {"["}},
		/* No header: ours must not swallow the first lines. */
		{MX, NULL, TX("a@x.test") "hello there\r\nSubject: no\r\n" END, "250 2.0.0 Kept as",
			"hello there\r\nSubject: no\r\n", {"\r\n\r\n"}, {NULL}},
		{MX, NULL, TX("a@x.test") "From me Mon Nov 23\r\nSubject: mbox\r\n\r\nx\r\n" END,
			"250 2.0.0 Kept as", "From me Mon Nov 23\r\nSubject: mbox\r\n\r\nx\r\n",
			{NULL}, {"\r\n\r\n"}},
	};
	CHECK_MESSAGES(table);
}

TEST(submitted_headers_are_mended)
{
#define FULL "Date: x\r\nMessage-ID: <1@x>\r\nFrom: alice@example.com\r\n"
	static const struct message_case table[] = {
		{SUBMISSION, NULL, LOGGED_IN "Subject: x\r\n\r\nx\r\n" END, "250 2.0.0 Kept as",
			"Subject: x\r\n\r\nx\r\n",
			{"\r\nDate: ", "\r\nFrom: <alice@example.com>\r\n", "\r\nMessage-ID: <",
				"@mail.example.com>\r\n"},
			{NULL}},
		{SUBMISSION, NULL,
			LOGGED_IN FULL "bcc: eve@x.test,\r\n\teve@y.test\r\nTo: "
				       "bob@example.com\r\n\r\nBcc: x\r\n" END,
			"250 2.0.0 Kept as", FULL "To: bob@example.com\r\n\r\nBcc: x\r\n", {NULL},
			{"Date:"}},
		{SUBMISSION, NULL,
			LOGGED_IN "BCC: eve@x.test\r\n" FULL "Resent-Bcc: x\r\nBcc:\r\n\r\n" END,
			"250 2.0.0 Kept as", FULL "\r\n", {NULL}, {NULL}},
		{SUBMISSION "fix_headers = no\n", NULL,
			LOGGED_IN "Bcc: eve@x.test\r\n\r\nx\r\n" END, "250 2.0.0 Kept as",
			"Bcc: eve@x.test\r\n\r\nx\r\n", {NULL}, {"Date:", "Message-ID:"}},
		/* Never of others. */
		{MX "fix_headers = yes\n", NULL, TX("a@x.test") "Bcc: eve@x.test\r\n\r\nx\r\n" END,
			"250 2.0.0 Kept as", "Bcc: eve@x.test\r\n\r\nx\r\n", {NULL},
			{"Date:", "Message-ID:"}},
		{MX "fix_headers = yes\ntrusted = 192.0.2.1\n", NULL,
			TX("a@x.test") "Bcc: eve@x.test\r\n\r\nx\r\n" END, "250 2.0.0 Kept as",
			"\r\nx\r\n", {"Date: ", "From: <a@x.test>", "Message-ID: <"}, {NULL}},
	};
	CHECK_MESSAGES(table);
}

TEST(from_belongs_to_the_login)
{
#define REST "Date: x\r\nMessage-ID: <1@x>\r\n"
	static const struct message_case table[] = {
		{SUBMISSION, NULL, LOGGED_IN REST "From: Bob <bob@example.com>\r\n\r\nx\r\n" END,
			"550 5.7.1 The From:", NULL, {NULL}, {NULL}},
		{SUBMISSION, NULL,
			LOGGED_IN REST "From: Sales <sales@example.com>\r\n\r\nx\r\n" END,
			"250 2.0.0 Kept as", REST "From: Sales <sales@example.com>\r\n\r\nx\r\n",
			{NULL}, {"Sender"}},
		{SUBMISSION, NULL,
			LOGGED_IN REST "From: alice@example.com, bob@example.com\r\n\r\nx\r\n" END,
			"550 5.7.1 The From:", NULL, {NULL}, {NULL}},
		{SUBMISSION, NULL,
			LOGGED_IN REST
			"From: alice@example.com\r\nFrom: bob@example.com\r\n\r\nx\r\n" END,
			"550 5.7.1 The From:", NULL, {NULL}, {NULL}},
		{SUBMISSION, NULL, LOGGED_IN REST "From: temp@example.com\r\n\r\nx\r\n" END,
			"451 4.3.0", NULL, {NULL}, {NULL}},
		{SUBMISSION, NULL,
			LOGGED_IN REST
			"Resent-From: alice@example.com\r\nFrom: carol@x.test\r\n\r\nx\r\n" END,
			"250 2.0.0 Kept as",
			REST "Resent-From: alice@example.com\r\nFrom: carol@x.test\r\n\r\nx\r\n",
			{NULL}, {"Sender"}},
		{SUBMISSION, NULL,
			LOGGED_IN REST
			"Resent-From: bob@example.com\r\nFrom: alice@example.com\r\n\r\nx\r\n" END,
			"550 5.7.1 The From:", NULL, {NULL}, {NULL}},
		/* Others of the house are not resent: their mail would look authentic. */
		{SUBMISSION, NULL,
			LOGGED_IN REST
			"Resent-From: alice@example.com\r\nFrom: bob@example.com\r\n\r\nx\r\n" END,
			"550 5.7.1 The From:", NULL, {NULL}, {NULL}},
		{SUBMISSION, NULL,
			LOGGED_IN REST "Resent-From: alice@example.com\r\n"
				       "From: carol@x.test, bob@sub.EXAMPLE.com\r\n\r\nx\r\n" END,
			"550 5.7.1 The From:", NULL, {NULL}, {NULL}},
		{SUBMISSION, NULL,
			LOGGED_IN REST "Resent-From: alice@example.com\r\nFrom: "
				       "sales@example.com\r\n\r\nx\r\n" END,
			"250 2.0.0 Kept as",
			REST
			"Resent-From: alice@example.com\r\nFrom: sales@example.com\r\n\r\nx\r\n",
			{NULL}, {NULL}},
		/* Two where others may read the second. */
		{SUBMISSION, NULL,
			LOGGED_IN REST "From: alice@example.com bob@example.com\r\n\r\nx\r\n" END,
			"550 5.7.1 The From:", NULL, {NULL}, {NULL}},
		/* Resent-From: that names nobody, and what other readers may take for From:. */
		{SUBMISSION, NULL,
			LOGGED_IN REST "Resent-From:\r\nFrom: bob@example.com\r\n\r\nx\r\n" END,
			"550 5.7.1 The From:", NULL, {NULL}, {NULL}},
		{SUBMISSION, NULL,
			LOGGED_IN REST
			"From: <alice@example.com> <bob@example.com>\r\n\r\nx\r\n" END,
			"550 5.7.1 The From:", NULL, {NULL}, {NULL}},
		{SUBMISSION, NULL, LOGGED_IN REST "From: @x:bob@example.com\r\n\r\nx\r\n" END,
			"550 5.7.1 The From:", NULL, {NULL}, {NULL}},
		{SUBMISSION, NULL, LOGGED_IN REST "From: (bob@example.com)\r\n\r\nx\r\n" END,
			"550 5.7.1 The From:", NULL, {NULL}, {NULL}},
		{SUBMISSION "header_from = any\n", NULL,
			LOGGED_IN REST "From: bob@example.com\r\n\r\nx\r\n" END,
			"250 2.0.0 Kept as", REST "From: bob@example.com\r\n\r\nx\r\n", {NULL},
			{"Sender"}},
		{SUBMISSION "header_from = add-sender\n", NULL,
			LOGGED_IN REST
			"Sender: carol@x.test\r\nFrom: bob@example.com\r\n\r\nx\r\n" END,
			"250 2.0.0 Kept as", REST "From: bob@example.com\r\n\r\nx\r\n",
			{"\r\nSender: <alice@example.com>\r\n"}, {NULL}},
		{SUBMISSION "header_from = add-sender\n", NULL,
			LOGGED_IN REST "From: alice@example.com\r\n\r\nx\r\n" END,
			"250 2.0.0 Kept as", REST "From: alice@example.com\r\n\r\nx\r\n", {NULL},
			{"Sender"}},
	};
	CHECK_MESSAGES(table);
}

/* The value of a field of the first such event, or empty. */
static slice field_of(slice log, slice want_event, slice want_key, struct arena *a)
{
	int64_t wall;
	slice event, fields, key, value;
	while (trace_next_event(&log, &wall, &event, &fields))
		while (slice_eq(event, want_event) && trace_field(&fields, a, &key, &value))
			if (slice_eq(key, want_key))
				return value;
	return S("");
}

TEST(timeline_tells_the_facts)
{
	struct fake f;
	struct arena a = {0};
	fake_init(&f, 1 << 20);
	struct transcript t = {"log", SUBMISSION, NULL,
		LOGGED_IN
		"Subject: =?utf-8?B?5L2g5aW9?=\r\nFrom: alice@example.com\r\n\r\nx\r\n" END,
		0, "", NULL, NULL};
	loop_init();
	loop_main(run_one, &(struct run){&t, SIZE_MAX, &f});
	slice log = buf_slice(&f.last_log);
	CHECK_STR(field_of(log, S("connect"), S("ip"), &a), S("192.0.2.1"));
	CHECK_STR(field_of(log, S("connect"), S("name"), &a), S("client.test"));
	CHECK_STR(field_of(log, S("auth"), S("login"), &a), S("alice@example.com"));
	CHECK_STR(field_of(log, S("envelope"), S("helo"), &a), S("c.test"));
	CHECK_STR(field_of(log, S("envelope"), S("from"), &a), S("alice@example.com"));
	CHECK_STR(field_of(log, S("envelope"), S("to"), &a), S("bob@example.com"));
	CHECK_STR(field_of(log, S("data"), S("bytes"), &a), S("61"));
	CHECK_INT(field_of(log, S("queued"), S("id"), &a).n, 13);
	CHECK_INT(f.sum.accepted, 1);
	CHECK_INT(f.sum.bytes_in, 61);
	/* A refused message: the same, and why. */
	t.in = HELO "MAIL FROM:<virus@x.test>\r\n" RCPT_ALICE "DATA\r\n\r\n" END;
	t.conf = MX;
	f.accepts = 0;
	loop_main(run_one, &(struct run){&t, SIZE_MAX, &f});
	log = buf_slice(&f.last_log);
	CHECK_STR(field_of(log, S("refused"), S("stage"), &a), S("data"));
	CHECK_STR(field_of(log, S("refused"), S("code"), &a), S("554"));
	CHECK_STR(field_of(log, S("envelope"), S("to"), &a), S("alice@example.com"));
	loop_done();
	arena_done(&a);
	fake_done(&f);
}

static void check_judged(const char *from, const char *text, const char *kept, const char *behind,
	slice answer, bool judged)
{
	AUTO(arena) struct arena a = {0};
	slice in = arena_printf(&a,
		"EHLO c.test\r\nMAIL FROM:<%s>\r\n" RCPT_ALICE "DATA\r\n%s.\r\n" QUIT, from, text);
	struct transcript t = {"judged", MX, NULL, arena_strz(&a, in), 0, "", NULL, NULL};
	for (size_t step = 1; step; step = step == 1 ? 7 : step == 7 ? SIZE_MAX : 0) {
		struct fake f;
		fake_init(&f, 1 << 20);
		loop_init();
		loop_main(run_one, &(struct run){&t, step, &f});
		loop_done();
		CHECK(slice_find(buf_slice(&f.out), answer) < f.out.n);
		CHECK_STR(buf_slice(&f.body), slice_z(kept));
		CHECK_STR(buf_slice(&f.behind), slice_z(behind));
		CHECK_INT(slice_starts(buf_slice(&f.last_prefix), S("X-Judged: yes\r\nReceived: ")),
			judged && f.accepts);
		CHECK_INT(
			slice_find(buf_slice(&f.last_log), S("\n1 judged")) < f.last_log.n, judged);
		fake_done(&f);
	}
}

TEST(what_the_owner_finds)
{
	slice kept = S("250 2.0.0 Kept as ");
	check_judged("a@x.test", "A: 1\r\n\r\nbody\r\n..dot\r\n", "A: 1\r\n\r\nbody\r\n.dot\r\n",
		"body\r\n.dot\r\n", kept, false);
	check_judged("a@x.test",
		"X-Forged: 1\r\nA: 1\r\nx-forged :\r\n 2\r\nX-FORGED: 3\r\nB: 2\r\n\r\nX-Forged: "
		"4\r\n",
		"A: 1\r\nB: 2\r\n\r\nX-Forged: 4\r\n", "X-Forged: 4\r\n", kept, false);
	check_judged("a@x.test", "X-Forged: 1\r\n\r\n", "\r\n", "", kept, false);
	check_judged("a@x.test", "X-Forged: 1\r\n", "", "", kept, false);
	check_judged(
		"judged@x.test", "A: 1\r\n\r\nb\r\n", "A: 1\r\n\r\nb\r\n", "b\r\n", kept, true);
	check_judged("a@x.test", "A: 1\r\n\r\nREFUSE ME\r\n", "A: 1\r\n\r\nREFUSE ME\r\n",
		"REFUSE ME\r\n", S("550 5.7.1 Judged"), true);
	check_judged("a@x.test", "X-Header: 1\r\n\r\nb\r\n", "", "", S("550 5.7.1"), false);
}
