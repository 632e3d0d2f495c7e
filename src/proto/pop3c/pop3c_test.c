/* POP3 servers from memory: lists, names, dots, refusals. */
#include "proto/pop3c/pop3c.h"

#include "base/mem.h"
#include "base/test.h"
#include "run/loop.h"

struct talk {
	const char *server;
	struct remote cfg;
	bool fetch;
	struct buf out, seen;
	struct err e;
	int result;
};

static int on_bytes(void *arg, slice piece, struct err *e)
{
	(void)e;
	buf_put(&((struct talk *)arg)->seen, piece);
	return 0;
}

static void talk_run(void *arg)
{
	struct talk *t = arg;
	AUTO(arena) struct arena a = {0};
	struct pop3c *s;
	struct pop3c_message *v = NULL;
	size_t n = 0;
	t->cfg.tls = REMOTE_TLS_NEVER;
	t->cfg.user = S("ann");
	t->cfg.password.value = S("secret");
	t->result = pop3c_open(io_mem(slice_z(t->server), &t->out), &t->cfg, &s, &t->e);
	if (t->result < 0)
		return;
	t->result = pop3c_list(s, &a, &v, &n, &t->e);
	for (size_t i = 0; t->result == 0 && i < n; i++) {
		buf_printf(&t->seen, "%u %llu [%.*s]\n", v[i].n, (unsigned long long)v[i].size,
			SFMT(v[i].name));
		if (t->fetch)
			t->result = pop3c_fetch(s, v[i].n, on_bytes, t, &t->e);
	}
	if (t->result < 0)
		pop3c_close(s);
	else
		t->result = pop3c_quit(s, &t->e);
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

#define IN "+OK hi\r\n+OK\r\nSASL PLAIN XOAUTH2\r\nUIDL\r\n.\r\n+ \r\n+OK in\r\n"

TEST(pop3c_session)
{
	struct talk t = {.fetch = true,
		.server = IN
		"+OK\r\n1 100\r\n3 7 octets\r\n.\r\n+OK\r\n1 aa\r\n2 zz\r\n3 b b\r\n.\r\n"
		"+OK\r\n..dot\r\nline\n.\r.x\r\n...\r\n.\r\n+OK\r\n.\r\n+OK bye\r\n"};
	talk(&t);
	CHECK_INT(t.result, 0);
	CHECK_STR(buf_slice(&t.seen), S("1 100 [aa]\n.dot\r\nline\n\r.x\r\n..\r\n3 7 [b b]\n"));
	CHECK(slice_find(buf_slice(&t.out), S("AUTH PLAIN\r\nAGFubgBzZWNyZXQ=\r\n")) < t.out.n);
	done(&t);
}

TEST(pop3c_old_server)
{
	struct talk t = {.server = "+OK hi\r\n-ERR what\r\n+OK\r\n+OK\r\n+OK\r\n1 5\r\n.\r\n-ERR "
				   "no UIDL\r\n+OK\r\n"};
	talk(&t);
	CHECK_INT(t.result, 0);
	CHECK_STR(buf_slice(&t.seen), S("1 5 []\n"));
	CHECK(slice_find(buf_slice(&t.out), S("USER ann\r\nPASS secret\r\n")) < t.out.n);
	done(&t);
}

TEST(pop3c_refused)
{
	static const struct {
		const char *server;
		enum err_kind want;
	} cases[] = {
		{"-ERR go away\r\n", ERR_PERM},
		{"+OK\r\n-ERR\r\n+OK\r\n-ERR wrong\r\n", ERR_DENIED},
		{"+OK\r\n-ERR\r\n+OK\r\n-ERR [IN-USE] locked\r\n", ERR_TEMP},
		{"hello\r\n", ERR_PROTO},
		{IN "+OK\r\n2 5\r\n1 5\r\n.\r\n", ERR_PROTO},
		{IN "+OK\r\n1 5\r\n", ERR_CLOSED},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct talk t = {.server = cases[i].server};
		talk(&t);
		CHECK_INT(t.result, -1);
		CHECK_INT(t.e.kind, cases[i].want);
		done(&t);
	}
	struct talk t = {.server = "+OK\r\n-ERR\r\n", .cfg.as = S("bob")};
	talk(&t);
	CHECK_INT(t.e.kind, ERR_DENIED);
	done(&t);
}
