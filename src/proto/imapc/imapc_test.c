/* A session against servers that say odd things: what was said stands in memory. */
#include "proto/imapc/imapc.h"

#include "base/mem.h"
#include "base/test.h"
#include "proto/imapc/session.h"
#include "run/loop.h"

struct talk {
	const char *server; /* all that it says, in order */
	void (*fn)(struct imapc *s, struct talk *t);
	struct remote cfg;
	struct buf out;
	struct err e;
	int result;
	struct buf seen;
};

static void talk_run(void *arg)
{
	struct talk *t = arg;
	struct imapc *s = NULL;
	t->cfg.tls = REMOTE_TLS_NEVER;
	if (!t->cfg.user.n)
		t->cfg.user = S("ann");
	t->cfg.password.value = S("se\"cret");
	t->result = imapc_open(io_mem(slice_z(t->server), &t->out), &t->cfg, &s, &t->e);
	if (t->result < 0)
		return;
	if (t->fn)
		t->fn(s, t);
	imapc_logout(s);
}

static void talk(struct talk *t)
{
	t->out = BUF(1 << 20);
	t->seen = BUF(1 << 20);
	loop_init();
	loop_main(talk_run, t);
	loop_done();
}

static void done(struct talk *t)
{
	buf_done(&t->out);
	buf_done(&t->seen);
}

#define HELLO "* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN SASL-IR LITERAL+ NAMESPACE] hi\r\n"
#define IN HELLO "A1 OK [CAPABILITY IMAP4rev1 LITERAL+ NAMESPACE UIDPLUS CONDSTORE] in\r\n"

TEST(imapc_logs_in)
{
	struct talk t = {.server = IN "A2 OK bye\r\n"};
	talk(&t);
	CHECK_INT(t.result, 0);
	CHECK(slice_find(buf_slice(&t.out), S("A1 AUTHENTICATE PLAIN AGFubgBzZSJjcmV0\r\n")) <
		t.out.n);
	done(&t);
	t = (struct talk){.server = "* OK old server\r\n* CAPABILITY IMAP4\r\nA1 OK\r\nA2 OK\r\n"
				    "* CAPABILITY IMAP4\r\nA3 OK\r\n"};
	talk(&t);
	CHECK_INT(t.result, 0);
	CHECK(slice_find(buf_slice(&t.out), S("A2 LOGIN \"ann\" \"se\\\"cret\"\r\n")) < t.out.n);
	done(&t);
	t = (struct talk){.server = HELLO "A1 NO [AUTHENTICATIONFAILED] wrong\r\n"};
	talk(&t);
	CHECK_INT(t.result, -1);
	CHECK_INT(t.e.kind, ERR_DENIED);
	done(&t);
	t = (struct talk){.server = HELLO "A1 OK in\r\n* CAPABILITY IMAP4rev1\r\nA2 OK\r\n",
		.cfg.as = S("bob")};
	talk(&t);
	CHECK_INT(t.result, 0);
	CHECK(slice_find(buf_slice(&t.out), S("A1 AUTHENTICATE PLAIN Ym9iAGFubgBzZSJjcmV0\r\n")) <
		t.out.n);
	done(&t);
}

TEST(imapc_wants_tls)
{
	struct talk t = {.server = HELLO};
	t.out = BUF(1000);
	loop_init();
	struct imapc *s;
	struct err e;
	const struct remote c = {.tls = REMOTE_TLS_START, .user = S("ann"), .password = {S("x")}};
	CHECK_INT(imapc_open(io_mem(S(HELLO), &t.out), &c, &s, &e), -1);
	CHECK_INT(e.kind, ERR_DENIED);
	CHECK_INT(t.out.n, 0); /* not a word about the password */
	CHECK_INT(imapc_open(io_mem(S("* PREAUTH [CAPABILITY IMAP4rev1 STARTTLS] hi\r\n"), &t.out),
			  &c, &s, &e),
		-1);
	CHECK_INT(e.kind, ERR_DENIED);
	loop_done();
	buf_done(&t.out);
}

static void list(struct imapc *s, struct talk *t)
{
	AUTO(arena) struct arena a = {0};
	struct imapc_folder *v;
	size_t n;
	t->result = imapc_list(s, &a, &v, &n, &t->e);
	for (size_t i = 0; t->result == 0 && i < n; i++)
		buf_printf(&t->seen, "%.*s -> %.*s %d%s%s\n", SFMT(v[i].name), SFMT(v[i].path),
			v[i].use, v[i].selectable ? "" : " none",
			v[i].subscribed ? " subscribed" : "");
}

TEST(imapc_lists)
{
	struct talk t = {.fn = list,
		.server = IN "* NAMESPACE ((\"INBOX.\" \".\")) ((\"user.\" \".\")) ((\"shared.\" "
			     "\".\" \"X\" (\"y\")))\r\n"
			     "A2 OK\r\n"
			     "* LIST (\\HasChildren) \".\" INBOX\r\n"
			     "* LIST (\\Sent) \".\" \"INBOX.Sent Items\"\r\n"
			     "* LIST () \".\" INBOX.&Ti1lhw-.a/b\r\n"
			     "* LIST () \".\" {16}\r\nINBOX.lit\"\\al &-\r\n"
			     "* LIST (\\Noselect) \".\" \"INBOX.q\\\"uote\"\r\n"
			     "* LIST () \".\" \"INBOX.bad &!!-\"\r\n"
			     "* LIST () \".\" \"user.bob\"\r\n"
			     "* LIST () \".\" \"shared\"\r\n"
			     "* LIST () NIL INBOX\r\n"
			     "* 7 EXISTS\r\n* OK [ALERT] {5}\r\n"
			     "A3 OK\r\n* LSUB () \".\" INBOX\r\nA4 OK\r\nA5 OK\r\n"};
	talk(&t);
	CHECK_STR(slice_z(t.e.text), S(""));
	CHECK_INT(t.result, 0);
	CHECK_STR(buf_slice(&t.seen), S("INBOX -> INBOX 0 subscribed\n"
					"INBOX.&Ti1lhw-.a/b -> 中文/a∕b 0\n"
					"INBOX.Sent Items -> Sent Items 4\n"
					"INBOX.bad &!!- -> bad &!!- 0\n"
					"INBOX.lit\"\\al &- -> lit\"\\al & 0\n"
					"INBOX.q\"uote -> q\"uote 0 none\n"));
	done(&t);
}

static int on_message(void *arg, const struct imapc_message *m, struct err *e)
{
	struct talk *t = arg;
	(void)e;
	buf_printf(&t->seen, "%u %x [%.*s] %lld %llu\n", m->uid, m->flags, SFMT(m->keywords),
		(long long)(m->received_at / SECOND), (unsigned long long)m->size);
	return 0;
}

static void scan(struct imapc *s, struct talk *t)
{
	struct imapc_selected b;
	t->result = imapc_select(s, S("INBOX"), true, &b, &t->e);
	if (t->result == 0)
		buf_printf(&t->seen, "%llu %llu %llu %llu\n", (unsigned long long)b.exists,
			(unsigned long long)b.uidvalidity, (unsigned long long)b.uidnext,
			(unsigned long long)b.modseq);
	if (t->result == 0)
		t->result = imapc_scan(s, 1, on_message, t, &t->e);
}

#define SELECTED                                                                                   \
	IN "* 3 EXISTS\r\n* 0 RECENT\r\n* FLAGS (\\Seen x)\r\n* OK [UIDVALIDITY 9] ok\r\n"         \
	   "* OK [UIDNEXT 40] n\r\n* OK [HIGHESTMODSEQ 77]\r\nA2 OK [READ-ONLY] done\r\n"

TEST(imapc_scans)
{
	struct talk t = {.fn = scan,
		.server = SELECTED
		"* 1 FETCH (UID 5 FLAGS (\\Seen $Forwarded \\Odd work) INTERNALDATE \"17-Jul-1996 "
		"02:44:25 -0700\" RFC822.SIZE 10 MODSEQ (12))\r\n"
		"* 2 FETCH (FLAGS () RFC822.SIZE 4294967297 UID 6 INTERNALDATE NIL X-GM (a (b "
		"{3}\r\n()) \"c\")))\r\n"
		"* 9 FETCH (FLAGS (\\Deleted))\r\n"
		"*  3  FETCH  (UID 7 FLAGS (\\DRAFT \\flagged) INTERNALDATE \" 1-Jan-2001 00:00:00 "
		"+0000\")\n"
		"A3 OK\r\nA4 OK\r\n"};
	talk(&t);
	CHECK_INT(t.result, 0);
	CHECK_STR(buf_slice(&t.seen),
		S("3 9 40 77\n5 1 [$Forwarded work] 837596665 10\n6 0 [] 0 4294967297\n7 14 [] "
		  "978307200 0\n"));
	done(&t);
}

#define OLD HELLO "A1 OK [CAPABILITY IMAP4rev1 LITERAL+] in\r\n"
#define OLD_SELECTED OLD "* 3 EXISTS\r\nA2 OK\r\nA3 OK\r\n"

static void delete_some(struct imapc *s, struct talk *t)
{
	AUTO(uidset) struct uidset some = {0};
	struct imapc_selected b;
	uidset_add(&some, 5, 6);
	t->result = imapc_select(s, S("INBOX"), false, &b, &t->e);
	if (t->result == 0)
		t->result = imapc_delete(s, &some, &t->e);
}

/* A server without UID EXPUNGE: what somebody else marked does not go with ours. */
TEST(imapc_deletes_what_it_was_told)
{
	static const struct {
		const char *server, *last;
	} v[] = {
		{IN "* 3 EXISTS\r\nA2 OK\r\nA3 OK\r\nA4 OK\r\nA5 OK\r\n", "A4 UID EXPUNGE 5:6\r\n"},
		{OLD_SELECTED "* 1 FETCH (UID 5 FLAGS (\\Deleted))\r\n* 2 FETCH (UID 6 FLAGS "
			      "(\\Deleted))\r\n* 3 FETCH (UID 7 FLAGS (\\Seen))\r\nA4 OK\r\nA5 "
			      "OK\r\nA6 OK\r\n",
			"A5 EXPUNGE\r\n"},
		{OLD_SELECTED
			"* 1 FETCH (UID 5 FLAGS (\\Deleted))\r\n* 3 FETCH (UID 7 FLAGS (\\Seen "
			"\\Deleted))\r\nA4 OK\r\nA5 OK\r\n",
			NULL},
	};
	for (size_t i = 0; i < sizeof v / sizeof *v; i++) {
		struct talk t = {.fn = delete_some, .server = v[i].server};
		talk(&t);
		CHECK_INT(t.result, 0);
		slice out = buf_slice(&t.out);
		CHECK(slice_find(out, S("A3 UID STORE 5:6 +FLAGS.SILENT (\\Deleted)\r\n")) < out.n);
		if (v[i].last)
			CHECK(slice_find(out, slice_z(v[i].last)) < out.n);
		else
			CHECK_INT(slice_find(out, S("EXPUNGE")), out.n);
		done(&t);
	}
}

static int on_begin(void *arg, uint32_t uid, uint64_t size, struct err *e)
{
	struct talk *t = arg;
	(void)e;
	buf_printf(&t->seen, "%u %llu:", uid, (unsigned long long)size);
	return uid == 8;
}

static int on_bytes(void *arg, slice piece, struct err *e)
{
	(void)e;
	buf_put(&((struct talk *)arg)->seen, piece);
	return 0;
}

static int on_end(void *arg, struct err *e)
{
	(void)e;
	buf_byte(&((struct talk *)arg)->seen, '\n');
	return 0;
}

static void on_lost(void *arg, uint32_t uid, const char *why)
{
	buf_printf(&((struct talk *)arg)->seen, "%u lost: %s\n", uid, why);
}

static void fetch(struct imapc *s, struct talk *t)
{
	static const uint32_t uids[] = {5, 6, 8, 9};
	const struct imapc_sink sink = {on_begin, on_bytes, on_end, on_lost, t};
	struct imapc_selected b;
	t->result = imapc_select(s, S("INBOX"), true, &b, &t->e);
	if (t->result == 0)
		t->result = imapc_fetch(s, uids, 4, &sink, &t->e);
}

/* One before its UID, one that is not wanted, one that cannot be had; others' flags between. */
TEST(imapc_fetches)
{
	struct talk t = {.fn = fetch,
		.server = SELECTED
		"* 1 FETCH (UID 5 BODY[] {5}\r\nab\r\n))\r\n"
		"* 2 FETCH (BODY[] {3}\r\nxyz UID 6)\r\n"
		"* 2 FETCH (FLAGS (\\Seen))\r\n"
		"* 3 FETCH (UID 8 BODY[] {4}\r\nskip)\r\n"
		"A3 NO some are missing\r\n"
		"* 2 FETCH (BODY[] \"x\\\"z\" UID 6)\r\nA4 OK\r\n"
		"* 4 FETCH (UID 9 BODY[] NIL)\r\nA5 NO [SERVERBUG] broken\r\nA6 OK\r\n"};
	talk(&t);
	CHECK_INT(t.result, 0);
	CHECK_STR(buf_slice(&t.seen), S("5 5:ab\r\n)\n8 4:6 3:x\"z\n9 lost: the IMAP server says "
					"NO: [SERVERBUG] broken\n"));
	done(&t);
}

/* None of these may be believed, and each ends the session. */
TEST(imapc_broken)
{
	static const char *const broken[] = {
		"* 1 FETCH (UID 5 FLAGS (\\Seen)\r\nA3 OK\r\n",
		"* 1 FETCH (UID 5 BODY[] {99999999999999999999}\r\n",
		"* 1 FETCH (UID 5 BODY[] {10}\r\nshort",
		"* 1 FETCH UID 5\r\nA3 OK\r\n",
		"* 1 FETCH (UID 5 X \"no end\r\n",
		"garbage\r\nA3 OK\r\n",
		"A9 OK\r\n",
		"* BYE going\r\n",
		"* 1 FETCH (UID 6 BODY[] {1}\r\nx UID 5)\r\nA3 OK\r\n",
	};
	for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
		AUTO(buf) struct buf all = BUF(10000);
		buf_printf(&all, "%s%s", SELECTED, broken[i]);
		buf_byte(&all, 0);
		struct talk t = {.fn = fetch, .server = all.p};
		talk(&t);
		if (t.result != -1)
			test_fail(__FILE__, __LINE__, "believed: %s", broken[i]);
		CHECK(t.e.kind == ERR_PROTO || t.e.kind == ERR_CLOSED);
		done(&t);
	}
}

TEST(imapc_dates)
{
	static const struct {
		const char *text;
		int64_t want;
	} cases[] = {
		{"17-Jul-1996 02:44:25 -0700", 837596665},
		{" 1-Jan-1970 00:00:01 +0000", 1},
		{"1-jan-2000 00:00:00 GMT", 946684800},
		{"29-Feb-2024 23:59:60 +1400", 1709200800},
		{"", 0},
		{"00-Jan-2000 00:00:00 +0000", 0},
		{"01-Foo-2000 00:00:00 +0000", 0},
		{"2000-01-01T00:00:00Z", 0},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		CHECK_INT(imapc_date(slice_z(cases[i].text)), cases[i].want * SECOND);
}

static void select_odd(struct imapc *s, struct talk *t)
{
	struct imapc_selected b;
	t->result = imapc_select(s, S("x\r\nA9 DELETE y"), true, &b, &t->e);
}

TEST(imapc_names_are_no_commands)
{
	struct talk t = {.server = HELLO
			 "A1 OK [CAPABILITY IMAP4rev1 LITERAL+ ENABLE UTF8=ONLY] in\r\n"
			 "A2 OK\r\nA3 NO\r\nA4 OK bye\r\n",
		.fn = select_odd};
	talk(&t);
	CHECK(slice_find(buf_slice(&t.out), S("ENABLE UTF8=ACCEPT")) < t.out.n);
	CHECK(slice_find(buf_slice(&t.out), S("{14+}\r\nx\r\nA9 DELETE y")) < t.out.n);
	done(&t);
}
