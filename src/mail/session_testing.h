/*
 * Sessions of mail programs from memory on a real store: a directory of its own with one mailbox, alice@local.test, and a process that
 * knows her password, "se cret". For unit tests and fuzzers of proto/pop3 and proto/managesieve.
 */
#pragma once
#include "base/mem.h"
#include "base/must.h"
#include "base/test.h"
#include "mail/box.h"
#include "mail/session.h"
#include "run/co.h"
#include "run/loop.h"
#include "run/pool.h"
#include "run/tls.h"
#include "store/commit.h"
#include <ftw.h>
#include <stdio.h>
#include <unistd.h>

struct world {
	char dir[64];
	struct directory *directory;
	struct blobs *blobs;
	struct boxes *boxes;
	struct tls_ctx *tls;
	struct mailbox_conf conf;
	int64_t account;
	/* of a session */
	bool full, temporary; /* enter refuses; logins cannot be checked */
	struct session_summary sum;
	char end[32];
};

static inline void world_tls(struct world *w)
{
	struct arena a = {0};
	struct err e;
	const struct tls_server_config c = {.cert_file = arena_printf(&a, "%s/cert.pem", w->dir),
		.key_file = arena_printf(&a, "%s/key.pem", w->dir)};
	must(tls_make_self_signed(S("mx.post.test"), c.cert_file, c.key_file, &e) == 0);
	must(tls_server_ctx(&c, &w->tls, &e) == 0);
	arena_done(&a);
}

static inline void world_open(struct world *w)
{
	struct arena a = {0};
	struct err e;
	struct sql *db;
	struct account account;
	*w = (struct world){.conf = {.max_message = 1 << 20}};
	const char *tmp = getenv("TMPDIR");
	snprintf(w->dir, sizeof w->dir, "%s/sessiontest-XXXXXX",
		tmp && strlen(tmp) < 40 ? tmp : "/tmp");
	must(mkdtemp(w->dir) != NULL);
	slice dir = slice_z(w->dir);
	must(sql_open(dir, "directory", &db, &e) == 0);
	must(sql_migrate(db, directory_migrations, directory_migrations_n, &e) == 0);
	must(directory_domain_add(
		     db, &(struct domain){.name = S("local.test"), .kind = DOMAIN_LOCAL}, &e) == 0);
	must(directory_account_add(db, S("alice@local.test"), S(""), S("correct horse 7"), &e) ==
		0);
	must(directory_account(db, S("alice@local.test"), &a, &account, &e) == 0);
	w->account = account.id;
	sql_close(db);
	arena_done(&a);
	for (int i = 0; i < MAILBOX_SHARDS; i++) {
		must(sql_open(dir, mailbox_db_name(i), &db, &e) == 0);
		must(sql_migrate(db, mailbox_migrations, mailbox_migrations_n, &e) == 0);
		sql_close(db);
	}
	must(directory_open(dir, &w->directory, &e) == 0 && blobs_open(dir, &w->blobs, &e) == 0);
	const struct boxes_config c = {.data = dir,
		.directory = w->directory,
		.blobs = w->blobs,
		.readers = 1,
		.conf = &w->conf};
	must(boxes_open(&c, &w->boxes, &e) == 0);
	world_tls(w);
}

static inline int world_remove_one(
	const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st, (void)type, (void)at;
	return remove(path);
}

static inline void world_close(struct world *w)
{
	boxes_close(w->boxes);
	directory_close(w->directory);
	blobs_close(w->blobs);
	tls_ctx_unref(w->tls);
	nftw(w->dir, world_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* A message as delivery leaves it, into INBOX; UIDs are 1, 2 ... */
static inline void world_deliver(struct world *w, slice text)
{
	struct err e;
	struct sql *db;
	struct mailbox_place place;
	blob_id blob;
	uint64_t size;
	must(sql_open(slice_z(w->dir), mailbox_db_name(mailbox_shard(w->account)), &db, &e) == 0);
	struct blob_writer *writer = blob_begin(w->blobs);
	must(blob_add(writer, text, &e) == 0 && blob_finish(writer, &blob, &size, &e) == 0);
	must(blobs_sync(w->blobs, &e) == 0);
	const struct mailbox_delivery d = {.account_id = w->account,
		.folder = S("INBOX"),
		.blob = blob,
		.size = size,
		.prefix = S("X-Prefix: yes\r\n"),
		.received_at = 1,
		.keywords = S(""),
		.summary = S("")};
	must(mailbox_deliver_tx(db, &d, &place, &e) == 0);
	blob_settle(w->blobs, blob);
	sql_close(db);
}

/* ---- what the process answers ---- */

static inline enum login_step judge(struct world *w, slice response, struct login_result *ret)
{
	if (w->temporary)
		return LOGIN_TEMP;
	if (slice_eq(response, S("\0alice\0old")))
		return ret->why = S("The password must be changed first"), LOGIN_EXPIRED;
	if (!slice_eq(response, S("\0alice\0se cret")))
		return LOGIN_FAILED;
	ret->login = S("alice@local.test");
	return LOGIN_OK;
}

/* PLAIN at once; "TWO" asks once more and ends with a last word. */
static inline enum login_step test_auth_start(
	void *arg, const struct login_start *s, struct arena *a, struct login_result *ret)
{
	(void)a;
	if (slice_ieq(s->mech, S("PLAIN")))
		return judge(arg, s->initial, ret);
	ret->challenge = S("Say it");
	return LOGIN_MORE;
}

static inline enum login_step test_auth_step(
	void *arg, slice response, struct arena *a, struct login_result *ret)
{
	(void)a;
	enum login_step r = judge(arg, response, ret);
	if (r == LOGIN_OK)
		ret->challenge = S("v=proof");
	return r;
}

static inline void test_auth_cancel(void *arg)
{
	(void)arg;
}

static inline int test_enter(void *arg, slice login, struct mailbox_actor *ret, struct err *e)
{
	struct world *w = arg;
	(void)login;
	if (w->full)
		return err_set(e, ERR_LIMIT, "Too many sessions of this account, close some");
	*ret = (struct mailbox_actor){
		.who = S("alice@local.test"), .protocol = S("test"), .ip = S("192.0.2.1")};
	return 0;
}

static inline void test_end(void *arg, const struct session_summary *s)
{
	struct world *w = arg;
	w->sum = *s;
	snprintf(w->end, sizeof w->end, "%s", s->end);
}

static const struct session_ops test_ops = {.auth_start = test_auth_start,
	.auth_step = test_auth_step,
	.auth_cancel = test_auth_cancel,
	.enter = test_enter,
	.end = test_end};

static const slice test_mechs[] = {
	S_INIT("SCRAM-SHA-256-PLUS"), S_INIT("PLAIN"), S_INIT("TWO"), S_INIT("LOGIN")};
enum { TEST_MECHS = sizeof test_mechs / sizeof *test_mechs };

/* ---- transcripts: what a client says, what it hears ---- */

struct session_run { /* of the folder's session_run(), which serves one session in a loop of its own */
	struct world *w;
	struct io *io;
	bool offer_tls;
};

static inline struct session_service session_test_service(const struct session_run *r)
{
	return (struct session_service){
		.tls = r->w->tls,
		.tls_mode = r->offer_tls ? SESSION_TLS_OFFER : SESSION_TLS_NO,
		.auth_plaintext = !r->offer_tls,
		.hostname = S("mx.post.test"),
		.version = S("1"),
		.limits = {MINUTE, 30 * MINUTE, 5, 3},
		.mechs = test_mechs,
		.nmechs = TEST_MECHS,
	};
}

struct transcript {
	const char *name, *in, *out, *end;
	bool offer_tls, full, temporary;
};
#define TRANSCRIPT(n, said, heard, ended, ...)                                                     \
	{                                                                                          \
		.name = n, .in = said, .out = heard, .end = ended, ##__VA_ARGS__                   \
	}

static inline void world_say(struct world *w, void (*session)(void *run), const char *in,
	bool offer_tls, struct buf *out)
{
	struct session_run r = {w, io_mem(slice_z(in), out), offer_tls};
	loop_main(session, &r);
}

static inline bool world_heard(struct world *w, const struct transcript *t, slice out)
{
	if (slice_eq(out, slice_z(t->out)) && strcmp(w->end, t->end) == 0)
		return true;
	fprintf(stderr, "transcript \"%s\":\n--- said\n%.*s--- end %s\n", t->name, SFMT(out),
		w->end);
	return false;
}

/* How many of them went otherwise. */
static inline unsigned world_transcripts(
	struct world *w, void (*session)(void *run), const struct transcript *t, size_t n)
{
	unsigned wrong = 0;
	for (size_t i = 0; i < n; i++) {
		AUTO(buf) struct buf out = BUF(1 << 20);
		w->full = t[i].full;
		w->temporary = t[i].temporary;
		world_say(w, session, t[i].in, t[i].offer_tls, &out);
		wrong += !world_heard(w, &t[i], buf_slice(&out));
	}
	return wrong;
}
#define CHECK_TRANSCRIPTS(w, session, table)                                                       \
	CHECK_INT(world_transcripts(w, session, table, sizeof(table) / sizeof *(table)), 0)

static inline struct world *world_start(void)
{
	static struct world w;
	loop_init();
	pool_init(2);
	world_open(&w);
	return &w;
}

static inline void world_finish(struct world *w)
{
	world_close(w);
	pool_done();
	loop_done();
}
