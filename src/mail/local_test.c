/* Local delivery against a real store: exactly once, within quotas, to aliases and forwards; and rewritten senders, there and back. */
#include "mail/settle_testing.h"

#include "store/rename.h"

struct inbox {
	unsigned n;
	char prefix[2000];
	uint64_t size;
};

static bool count(void *arg, const struct mailbox_message *m)
{
	struct inbox *i = arg;
	i->n++;
	i->size = m->size;
	snprintf(i->prefix, sizeof i->prefix, "%.*s", SFMT(m->prefix));
	return true;
}

static struct inbox inbox_of(struct bench *b, slice address)
{
	struct err e;
	struct account a;
	struct inbox i = {0};
	OK(directory_account(b->dirdb, address, &b->mem, &a, &e));
	int shard = mailbox_shard(a.id);
	if (mailbox_list(b->shard[shard], a.id, S("INBOX"), 0, 100, count, &i, &e) < 0)
		CHECK_INT(e.kind, ERR_NOTFOUND);
	return i;
}

static void deliver_and_wait(struct bench *b, struct letter *l, const uint32_t *at, size_t n)
{
	unsigned before = b->settled;
	struct err e;
	const struct local_rules rules = {
		.plus_folders = true, .forward_outside = true, .autoreply = true};
	local_deliver(b->local, l, at, n, &rules, b);
	for (int i = 0; i < 1000 && b->settled == before; i++)
		OK(co_sleep(instant_in(10 * MSEC), &e));
	CHECK_INT(b->settled, before + 1);
}

static void local_delivery(void *arg)
{
	struct bench *b = arg;
	const uint32_t both[] = {0, 1};
	struct queue_rcpt r[2] = {{.address = S("alice@home.example"), .dest = S("local")},
		{.address = S("nobody@home.example"), .dest = S("local")}};
	struct letter *l = post(b, S("s@else.example"), MINUTE, S(BODY), r, 2);
	deliver_and_wait(b, l, both, 2);
	struct queue_msg m;
	CHECK_INT(in_queue(b, l->m.id, &m), 0);
	struct inbox i = inbox_of(b, S("alice@home.example"));
	CHECK_INT(i.n, 1);
	CHECK_STR(slice_z(i.prefix), S("Return-Path: <s@else.example>\r\nDelivered-To: "
				       "alice@home.example\r\nReceived: from here\r\n"));
	CHECK_INT(i.size, strlen(i.prefix) + strlen(BODY));
	CHECK_INT(b->nmade, 1); /* nobody@ bounced */
	/* The same once more, as after a crash before the queue's commit: no second copy. */
	local_deliver(b->local, l, both, 1, &(const struct local_rules){0}, b);
	struct err e;
	OK(co_sleep(instant_in(300 * MSEC), &e));
	CHECK_INT(inbox_of(b, S("alice@home.example")).n, 1);
	letter_unref(l);
}

TEST(local_delivery_is_exactly_once)
{
	in_loop(local_delivery);
}

static void quota(void *arg)
{
	struct bench *b = arg;
	const uint32_t first[] = {0};
	struct queue_rcpt r[1] = {{.address = S("bob@home.example"), .dest = S("local")}};
	AUTO(buf) struct buf large = BUF(10000);
	buf_put(&large, S("Subject: large\r\n\r\n"));
	buf_fill(&large, 'x', 2500);
	struct letter *l = post(b, S("s@else.example"), MINUTE, buf_slice(&large), r, 1);
	deliver_and_wait(b, l, first, 1);
	CHECK_INT(inbox_of(b, S("bob@home.example")).n, 1);
	/* Once more, as after a crash: it is there, so the mailbox is not too full for it. */
	struct err e;
	OK(queue_add_tx(b->side, &l->m, &e));
	deliver_and_wait(b, l, first, 1);
	struct queue_msg m;
	CHECK_INT(in_queue(b, l->m.id, &m), 0);
	letter_unref(l);
	l = post(b, S("s@else.example"), MINUTE, buf_slice(&large), r, 1);
	deliver_and_wait(b, l, first, 1);
	CHECK_INT(inbox_of(b, S("bob@home.example")).n, 1);
	CHECK_INT(in_queue(b, l->m.id, &m), 1);
	CHECK_STR(m.rcpts[0].reason, S("mailbox is full"));
	CHECK(m.rcpts[0].next_at > wall_now() + 25 * MINUTE);
	letter_unref(l);
}

TEST(local_full_mailbox_defers)
{
	in_loop(quota);
}

static void alias(void *arg)
{
	struct bench *b = arg;
	const uint32_t first[] = {0}, second[] = {1};
	struct queue_rcpt r[1] = {
		{.address = S("both@home.example"), .dest = S("local"), .notify = NOTIFY_FAILURE}};
	struct letter *l = post(b, S("s@else.example"), MINUTE, S(BODY), r, 1);
	deliver_and_wait(b, l, first, 1);
	struct queue_msg m;
	CHECK_INT(in_queue(b, l->m.id, &m), 0);
	CHECK_INT(b->nmade, 1);
	struct letter *x = b->made[0];
	CHECK_INT(in_queue(b, x->m.id, &m), 3);
	CHECK_INT(m.blob, l->m.blob);
	CHECK_STR(m.sender, S("s@else.example"));
	CHECK_STR(m.rcpts[0].address, S("alice@home.example"));
	CHECK_STR(m.rcpts[0].dest, S("local"));
	CHECK_STR(m.rcpts[2].address, S("far@else.example"));
	CHECK_STR(m.rcpts[2].dest, S("smtp:else.example"));
	CHECK_STR(m.rcpts[2].orcpt, S("rfc822;both@home.example"));
	CHECK_INT(m.rcpts[2].notify, NOTIFY_FAILURE);
	HAS(m.prefix, "Delivered-To: both@home.example\r\n");
	deliver_and_wait(b, x, second, 1);
	CHECK_INT(inbox_of(b, S("bob@home.example")).n, 1);
	letter_unref(l);
	/* It comes back from outside: the alias was passed before. */
	l = post(b, S("s@else.example"), MINUTE, S("Delivered-To: Both@home.example\r\n" BODY), r,
		1);
	deliver_and_wait(b, l, first, 1);
	CHECK_INT(in_queue(b, l->m.id, &m), 0);
	struct seen s = in_trace(b, l->m.id);
	CHECK_INT(s.status, TRACE_BOUNCED);
	CHECK(strstr(s.log, "5.4.6") != NULL);
	letter_unref(l);
}

TEST(local_alias_becomes_a_message_of_its_own)
{
	in_loop(alias);
}

/* A keys process of sorts. */
static int srs_hmac(void *arg, bool old, slice text, unsigned char ret[32], struct err *e)
{
	const bool *down = arg;
	if (*down)
		return err_set(e, ERR_TEMP, "down");
	if (old)
		return err_set(e, ERR_NOTFOUND, "no old secret");
	memset(ret, 0, 32);
	for (size_t i = 0; i < text.n; i++)
		ret[i % 32] = (unsigned char)(ret[i % 32] * 31 + (unsigned char)text.p[i]);
	return 0;
}

static const struct queue_msg *made_for(
	struct bench *b, slice dest, unsigned nrcpts, struct queue_msg *m)
{
	for (unsigned i = 0; i < b->nmade; i++)
		if (slice_eq(b->made[i]->m.rcpts[0].dest, dest)) {
			CHECK_INT(in_queue(b, b->made[i]->m.id, m), nrcpts);
			return m;
		}
	test_fail(__FILE__, __LINE__, "no message for %.*s", SFMT(dest));
}

static void forwarding(void *arg)
{
	struct bench *b = arg;
	bool down = true;
	struct srs srs = {.hmac = srs_hmac, .arg = &down, .valid_days = 21};
	const struct forward f = {.srs = &srs, .routes = &b->routes, .blobs = b->blobs};
	const struct local_rules rules = {.forward = &f, .forward_outside = true};
	const uint32_t first[] = {0};
	struct queue_rcpt r[1] = {{.address = S("both@home.example"), .dest = S("local")}};
	struct queue_msg m;
	struct err e;
	b->routes.srs = &srs;
	struct letter *l = post(b, S("s@else.example"), MINUTE, S(BODY), r, 1);
	/* Without the secret nothing is passed on, and nothing is lost. */
	local_deliver(b->local, l, first, 1, &rules, b);
	for (int i = 0; i < 1000 && b->settled == 0; i++)
		OK(co_sleep(instant_in(10 * MSEC), &e));
	CHECK_INT(b->nmade, 0);
	CHECK_INT(in_queue(b, l->m.id, &m), 1);
	CHECK(m.rcpts[0].next_at > wall_now());
	/* With it, those elsewhere get a message with a sender of ours, those here keep the true
	 * one. */
	down = false;
	local_deliver(b->local, l, first, 1, &rules, b);
	for (int i = 0; i < 1000 && b->settled == 1; i++)
		OK(co_sleep(instant_in(10 * MSEC), &e));
	CHECK_INT(b->nmade, 2);
	CHECK_INT(in_queue(b, l->m.id, &m), 0);
	made_for(b, S("local"), 2, &m);
	CHECK_STR(m.sender, S("s@else.example"));
	HAS(m.prefix, "Delivered-To: both@home.example\r\n");
	made_for(b, S("smtp:else.example"), 1, &m);
	CHECK(slice_starts(m.sender, S("SRS0=")));
	CHECK(slice_ends(m.sender, S("=else.example=s@home.example")));
	CHECK_STR(m.rcpts[0].address, S("far@else.example"));
	HAS(m.prefix, "Delivered-To: both@home.example\r\n");
	/* It bounces: the report goes to the true sender. */
	struct letter *x = slice_eq(b->made[0]->m.sender, m.sender) ? b->made[0] : b->made[1];
	struct settle_rcpt failed = {.at = 0,
		.result = {.kind = RESULT_FAILED, .status = STATUS(5, 1, 1), .text = S("550 no")}};
	settle_group(b->settle, x, &failed, 1, NULL, NULL, b);
	for (int i = 0; i < 1000 && b->nmade == 2; i++)
		OK(co_sleep(instant_in(10 * MSEC), &e));
	CHECK_INT(b->nmade, 3);
	CHECK_STR(b->made[2]->m.rcpts[0].address, S("s@else.example"));
	CHECK_STR(b->made[2]->m.rcpts[0].dest, S("smtp:else.example"));
	CHECK_STR(b->made[2]->m.sender, S(""));
	letter_unref(l);
}

TEST(local_alias_elsewhere_is_forwarded_with_a_sender_of_ours)
{
	in_loop(forwarding);
}

/* What an address that looks like a rewritten sender means. */
static void rewritten_senders(void *arg)
{
	struct bench *b = arg;
	bool down = false;
	struct srs srs = {.hmac = srs_hmac, .arg = &down, .valid_days = 21};
	struct route_decision d;
	struct arena a = {0};
	struct err e;
	slice there, expired, elsewhere;
	int64_t now = wall_now();
	OK(srs_forward(&srs, S("s@else.example"), S("home.example"), now, &a, &there, &e));
	OK(srs_forward(
		&srs, S("s@else.example"), S("home.example"), now - 30 * DAY, &a, &expired, &e));
	OK(srs_forward(&srs, S("s@else.example"), S("third.example"), now, &a, &elsewhere, &e));
	OK(route_decide(&b->routes, there, false, &a, &d, &e));
	CHECK(d.kind == ROUTE_ERROR && d.stands_for.n == 0); /* nobody knows the secret */
	b->routes.srs = &srs;
	OK(route_decide(&b->routes, there, true, &a, &d, &e));
	CHECK(d.kind == ROUTE_SMTP && d.ours && d.nwhy > 0);
	CHECK_STR(d.stands_for, S("s@else.example"));
	CHECK_STR(d.dest, S("smtp:else.example"));
	OK(route_decide(&b->routes, expired, false, &a, &d, &e));
	CHECK(d.kind == ROUTE_ERROR && d.ours && d.status.cls == 5 && d.stands_for.n == 0);
	OK(route_decide(&b->routes, elsewhere, false, &a, &d, &e));
	CHECK(d.kind == ROUTE_SMTP && !d.ours && d.stands_for.n == 0);
	CHECK_STR(d.dest, S("smtp:third.example"));
	/* A domain for them alone need not be in the directory. */
	srs.domain = S("third.example");
	OK(route_decide(&b->routes, elsewhere, false, &a, &d, &e));
	CHECK_STR(d.stands_for, S("s@else.example"));
	CHECK(d.ours);
	OK(route_decide(&b->routes, S("SRS0=AAAAAA=AA=x.org=u@third.example"), false, &a, &d, &e));
	CHECK(d.kind == ROUTE_ERROR && d.ours);
	down = true;
	CHECK(route_decide(&b->routes, there, false, &a, &d, &e) < 0);
	CHECK_INT(e.kind, ERR_TEMP);
	arena_done(&a);
}

TEST(route_leads_rewritten_senders_back)
{
	in_loop(rewritten_senders);
}

static void moved(void *arg)
{
	struct bench *b = arg;
	const uint32_t first[] = {0};
	struct queue_rcpt r[1] = {{.address = S("x@gone.example"), .dest = S("local")}};
	struct letter *l = post(b, S("s@else.example"), MINUTE, S(BODY), r, 1);
	deliver_and_wait(b, l, first, 1);
	struct queue_msg m;
	CHECK_INT(in_queue(b, l->m.id, &m), 1);
	CHECK_STR(m.rcpts[0].dest, S("smtp:gone.example"));
	letter_unref(l);
}

/* Accepted for an address that was changed meanwhile, before the queue's rows followed. */
static void renamed(void *arg)
{
	struct bench *b = arg;
	const uint32_t two[] = {0, 1};
	struct queue_rcpt r[2] = {{.address = S("alice+x@home.example"), .dest = S("local")},
		{.address = S("nobody@home.example"), .dest = S("local")}};
	struct letter *l = post(b, S("s@else.example"), MINUTE, S(BODY), r, 2);
	struct queue_msg m;
	struct err e;
	OK(directory_account_rename(
		b->dirdb, S("alice@home.example"), S("alicia@home.example"), false, S("test"), &e));
	deliver_and_wait(b, l, two, 2);
	CHECK_INT(in_queue(b, l->m.id, &m), 0);
	CHECK_INT(b->nmade, 1); /* nobody@ bounced alone */
	struct account a;
	OK(directory_account(b->dirdb, S("alicia@home.example"), &b->mem, &a, &e));
	unsigned n = 0;
	struct mailbox_folder *f;
	size_t nf;
	OK(mailbox_folders(b->shard[mailbox_shard(a.id)], a.id, &b->mem, &f, &nf, &e));
	for (size_t i = 0; i < nf; i++) {
		struct inbox in = {0};
		OK(mailbox_list(
			b->shard[mailbox_shard(a.id)], a.id, f[i].name, 0, 100, count, &in, &e));
		n += in.n;
	}
	CHECK_INT(n, 1);
	letter_unref(l);
}

TEST(local_address_that_was_changed_meanwhile)
{
	in_loop(renamed);
}

TEST(local_domain_that_is_no_longer_ours)
{
	in_loop(moved);
}
