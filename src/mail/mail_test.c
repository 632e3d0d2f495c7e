/* Tables for the small rules: routes, retries, the datagram. */
#include "base/rand.h"
#include "base/test.h"
#include "base/time.h"
#include "mail/handoff.h"
#include "mail/letter.h"
#include "mail/retry.h"
#include "mail/route.h"

/* ---- routes: a directory in a few lines ---- */

static int fake_rcpt(
	void *arg, slice address, struct arena *a, struct rcpt_answer *ret, struct err *e)
{
	(void)arg;
	(void)a;
	static slice targets[] = {S_INIT("x@elsewhere.example"), S_INIT("bob@home.example")};
	*ret = (struct rcpt_answer){.kind = RCPT_UNKNOWN_DOMAIN};
	if (slice_iends(address, S("@locked.example")))
		return err_set(e, ERR_TEMP, "database is locked");
	if (slice_iends(address, S("@home.example")))
		ret->kind = slice_istarts(address, S("bob@"))    ? RCPT_LOCAL
			    : slice_istarts(address, S("all@"))  ? RCPT_LOCAL
			    : slice_istarts(address, S("gone@")) ? RCPT_DISABLED
								 : RCPT_NO_SUCH_USER;
	if (slice_iends(address, S("@bait.example")))
		ret->kind = RCPT_NO_SUCH_USER;
	if (slice_istarts(address, S("all@"))) {
		ret->targets = targets;
		ret->ntargets = 2;
	}
	if (slice_iends(address, S("@behind.example")) ||
		slice_iends(address, S("@orphan.example"))) {
		ret->kind = RCPT_BACKEND;
		ret->callout = true;
		ret->backend =
			slice_iends(address, S("@behind.example")) ? S("exchange") : S("nowhere");
	}
	return 0;
}

static const struct route routes[] = {
	{.name = S_INIT("exchange"),
		.protocol = S_INIT("smtp"),
		.hosts = S_INIT("mail.behind.example:25")},
	{.name = S_INIT("partner"), .match = S_INIT("partner.example"), .protocol = S_INIT("smtp")},
	{.name = S_INIT("asia"), .match = S_INIT(".cn"), .protocol = S_INIT("smtp")},
	{.name = S_INIT("off"), .match = S_INIT("off.example"), .disabled = true},
};

static int fake_route_for(
	void *arg, slice address, struct arena *a, struct route *ret, struct err *e)
{
	(void)arg;
	(void)a;
	for (size_t i = 0; i < sizeof routes / sizeof *routes; i++)
		if (routes[i].match.n && slice_iends(address, routes[i].match)) {
			*ret = routes[i];
			return 0;
		}
	return err_set(e, ERR_NOTFOUND, "no route");
}

static int fake_route(void *arg, slice name, struct arena *a, struct route *ret, struct err *e)
{
	(void)arg;
	(void)a;
	for (size_t i = 0; i < sizeof routes / sizeof *routes; i++)
		if (slice_eq(routes[i].name, name)) {
			*ret = routes[i];
			return 0;
		}
	return err_set(e, ERR_NOTFOUND, "no route");
}

static slice honeypot_entries[] = {
	S_INIT("Trap@home.example"), S_INIT("former"), S_INIT("@bait.example")};
static const struct conf_list fake_honeypots = {honeypot_entries, 3};

static const struct route_lookup fake_lookup = {.rcpt = fake_rcpt,
	.route_for = fake_route_for,
	.route = fake_route,
	.honeypots = &fake_honeypots};

TEST(route_table)
{
	static const struct {
		slice address, dest, reason; /* reason: a part of the last reason */
	} t[] = {
		{S_INIT("bob@home.example"), S_INIT("local"),
			S_INIT("mailbox of bob@home.example")},
		{S_INIT("all@home.example"), S_INIT("local"), S_INIT("alias with 2 targets")},
		{S_INIT("eve@HOME.example"), S_INIT("error:5.1.1 no such mailbox here"),
			S_INIT("no such address")},
		{S_INIT("trap@HOME.example"), S_INIT("honeypot"), S_INIT("is a honeypot")},
		{S_INIT("Former@home.example"), S_INIT("honeypot"), S_INIT("is a honeypot")},
		{S_INIT("anybody@Bait.example"), S_INIT("honeypot"), S_INIT("is a honeypot")},
		{S_INIT("former@else.example"), S_INIT("smtp:else.example"), S_INIT("MX")},
		{S_INIT("gone@home.example"), S_INIT("error:5.2.1 this mailbox is disabled"),
			S_INIT("disabled")},
		{S_INIT("a@behind.example"), S_INIT("backend:exchange"),
			S_INIT("goes by route exchange")},
		{S_INIT("a@orphan.example"),
			S_INIT("error:4.4.4 the domain's backend has no route"), S_INIT("nowhere")},
		{S_INIT("a@partner.example"), S_INIT("backend:partner"), S_INIT("route partner")},
		{S_INIT("a@mail.example.cn"), S_INIT("backend:asia"), S_INIT("route asia")},
		{S_INIT("a@off.example"),
			S_INIT("error:4.4.4 the route for this recipient is disabled"),
			S_INIT("disabled")},
		{S_INIT("a@Else.Example"), S_INIT("smtp:else.example"), S_INIT("MX")},
		{S_INIT("a@b\xc3\xbc"
			"cher.example"),
			S_INIT("smtp:xn--bcher-kva.example"), S_INIT("MX")},
		{S_INIT("a@[192.0.2.1]"), S_INIT("smtp:[192.0.2.1]"), S_INIT("address literal")},
		{S_INIT("a@[IPv6:2001:db8::1]"), S_INIT("smtp:[IPv6:2001:db8::1]"),
			S_INIT("address literal")},
		{S_INIT("a@[nonsense]"), S_INIT("error:5.1.3 bad recipient address"),
			S_INIT("not a mail address")},
		{S_INIT("nobody"), S_INIT("error:5.1.3 bad recipient address"),
			S_INIT("not a mail address")},
		{S_INIT("a@"), S_INIT("error:5.1.3 bad recipient address"),
			S_INIT("not a mail address")},
	};
	struct arena a = {0};
	for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
		struct route_decision d;
		struct err e;
		CHECK_INT(route_decide(&fake_lookup, t[i].address, true, &a, &d, &e), 0);
		CHECK_STR(d.dest, t[i].dest);
		CHECK(d.nwhy > 0 && d.why[d.nwhy - 1].zh.n > 0);
		slice last = d.why[d.nwhy - 1].en;
		if (slice_find(last, t[i].reason) == last.n)
			test_fail(__FILE__, __LINE__, "reason '%.*s' lacks '%.*s'", SFMT(last),
				SFMT(t[i].reason));
	}
	struct route_decision d;
	struct err e;
	CHECK_INT(route_decide(&fake_lookup, S("a@locked.example"), false, &a, &d, &e), -1);
	CHECK_INT(e.kind, ERR_TEMP);
	arena_done(&a);
}

TEST(route_keys_are_taken_apart)
{
	static const struct {
		slice dest;
		bool good;
		enum route_kind kind;
		slice name;
	} t[] = {
		{S_INIT("local"), true, ROUTE_LOCAL, S_INIT("")},
		{S_INIT("bounce"), true, ROUTE_BOUNCE, S_INIT("")},
		{S_INIT("honeypot"), true, ROUTE_HONEYPOT, S_INIT("")},
		{S_INIT("backend:x y"), true, ROUTE_BACKEND, S_INIT("x y")},
		{S_INIT("smtp:[::1]"), true, ROUTE_SMTP, S_INIT("[::1]")},
		{S_INIT("error:5.1.1 no"), true, ROUTE_ERROR, S_INIT("5.1.1 no")},
		{S_INIT("smtp:"), false, 0, S_INIT("")},
		{S_INIT("locals"), false, 0, S_INIT("")},
		{S_INIT(""), false, 0, S_INIT("")},
	};
	for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
		enum route_kind kind;
		slice name;
		CHECK_INT(route_parse(t[i].dest, &kind, &name), t[i].good);
		if (!t[i].good)
			continue;
		CHECK_INT(kind, t[i].kind);
		CHECK_STR(name, t[i].name);
	}
	struct status_code st;
	slice text;
	route_error(S("4.4.4 no route"), &st, &text);
	CHECK(st.cls == 4 && st.subject == 4 && st.detail == 4);
	CHECK_STR(text, S("no route"));
	route_error(S("strange"), &st, &text);
	CHECK(st.cls == 5 && st.subject == 0);
}

/* ---- retries ---- */

TEST(retry_waits)
{
	static const struct {
		int32_t attempts;
		struct status_code status;
		int64_t least, most;
	} t[] = {
		{1, {4, 4, 1}, 4 * MINUTE, 6 * MINUTE}, /* the schedule, a tenth around */
		{2, {4, 4, 1}, 9 * MINUTE, 11 * MINUTE},
		{8, {4, 4, 1}, 216 * MINUTE, 264 * MINUTE},
		{500, {4, 4, 1}, 216 * MINUTE, 264 * MINUTE}, /* the last wait repeats */
		{1, {4, 2, 2}, 27 * MINUTE, 33 * MINUTE}, /* full mailbox: later */
		{7, {4, 2, 2}, 108 * MINUTE, 132 * MINUTE},
		{1, {4, 5, 3}, 26 * SECOND, 34 * SECOND}, /* too many recipients: soon */
		{4, {4, 7, 1}, 27 * MINUTE, 33 * MINUTE}, /* greylisted: not so late at first */
		{6, {4, 7, 1}, 108 * MINUTE, 132 * MINUTE},
	};
	struct retry_config c = {0};
	for (size_t i = 0; i < sizeof t / sizeof *t; i++)
		for (int k = 0; k < 100; k++) {
			int64_t wait = retry_next(&c, t[i].attempts, DAY, 100 * DAY, t[i].status,
					       rand_u64()) -
				       DAY;
			if (wait < t[i].least || wait > t[i].most)
				test_fail(__FILE__, __LINE__, "row %zu: %lld s", i,
					(long long)(wait / SECOND));
		}
	int64_t own[] = {MINUTE};
	c = (struct retry_config){own, 1, 0};
	CHECK(retry_next(&c, 9, 0, DAY, STATUS(4, 0, 0), 0) < 67 * SECOND);
	/* The last attempt is made when time is up. */
	CHECK_INT(retry_next(&c, 9, 0, 10 * SECOND, STATUS(4, 0, 0), 5), 10 * SECOND);
}

TEST(retry_warns_once)
{
	struct retry_config c = {.warn_after = 4 * HOUR};
	struct queue_msg m = {.arrived_at = DAY, .expires_at = 6 * DAY};
	struct queue_rcpt r = {0};
	CHECK(!retry_warning_due(&c, &m, &r, DAY + 4 * HOUR - 1));
	CHECK(retry_warning_due(&c, &m, &r, DAY + 4 * HOUR));
	r.warned = true;
	CHECK(!retry_warning_due(&c, &m, &r, DAY + 5 * HOUR));
	r.warned = false;
	c.warn_after = 0;
	CHECK(!retry_warning_due(&c, &m, &r, DAY + 5 * HOUR));
	CHECK(!retry_expired(&m, 6 * DAY - 1) && retry_expired(&m, 6 * DAY));
}

/* ---- the datagram ---- */

static struct queue_msg sample(struct queue_rcpt rcpts[2])
{
	rcpts[0] = (struct queue_rcpt){.idx = 0,
		.address = S("a@b.example"),
		.dest = S("smtp:b.example"),
		.notify = NOTIFY_SUCCESS,
		.orcpt = S("rfc822;x@b.example"),
		.next_at = 77};
	rcpts[1] = (struct queue_rcpt){.idx = 5,
		.address = S("c@d"),
		.dest = S("local"),
		.attempts = 3,
		.warned = true,
		.reason = S("why")};
	return (struct queue_msg){.id = 123456789012345,
		.sender = S("s@t"),
		.blob = 42,
		.size = 4096,
		.prefix = S("Received: x\r\n"),
		.flags = MSG_8BIT | MSG_RET_HDRS,
		.priority = QUEUE_BULK,
		.arrived_at = 1,
		.expires_at = 2,
		.envid = S("E"),
		.client = S("192.0.2.1 h"),
		.log = S("1 connect\n"),
		.message_id = S("<m@x>"),
		.subject = S("\xe4\xbd\xa0\xe5\xa5\xbd"),
		.summary = S("\1summary"),
		.rcpts = rcpts,
		.nrcpts = 2};
}

TEST(handoff_round_trip)
{
	struct queue_rcpt rcpts[2];
	struct queue_msg m = sample(rcpts);
	struct buf b = BUF(HANDOFF_MAX), again = BUF(HANDOFF_MAX);
	handoff_encode(&b, &m);
	bool id_only;
	struct letter *l = letter_from_handoff(buf_slice(&b), &id_only);
	CHECK(l && !id_only);
	CHECK_INT(l->m.id, m.id);
	CHECK_STR(l->m.rcpts[1].reason, S("why"));
	CHECK_INT(l->m.rcpts[0].notify, NOTIFY_SUCCESS);
	struct letter *copy = letter_copy(&l->m);
	letter_unref(l);
	handoff_encode(&again, &copy->m);
	CHECK_STR(buf_slice(&again), buf_slice(&b));
	letter_unref(copy);
	/* Every cut and every damaged count is refused or harmless. */
	for (size_t n = 0; n < b.n; n++) {
		struct letter *cut = letter_from_handoff(slice_of(b.p, n), &id_only);
		CHECK(cut == NULL);
	}
	for (size_t i = 0; i < b.n; i++) {
		b.p[i] ^= 0x81;
		letter_unref(letter_from_handoff(buf_slice(&b), &id_only));
		b.p[i] ^= 0x81;
	}
	buf_done(&b);
	buf_done(&again);
}

TEST(handoff_of_a_large_message_is_its_id)
{
	struct queue_rcpt rcpts[2];
	struct queue_msg m = sample(rcpts);
	struct buf log = BUF(100000), b = BUF(HANDOFF_MAX);
	buf_fill(&log, 'x', HANDOFF_MAX - 100);
	rcpts[0].log = buf_slice(&log);
	handoff_encode(&b, &m);
	CHECK(buf_ok(&b) && b.n < 20);
	bool id_only;
	struct letter *l = letter_from_handoff(buf_slice(&b), &id_only);
	CHECK(l && id_only);
	CHECK_INT(l->m.id, m.id);
	letter_unref(l);
	buf_done(&log);
	buf_done(&b);
}
