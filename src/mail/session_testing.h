/*
 * The world in which sessions of mail programs run from memory: a real store in a directory of its own with the mailboxes of alice and bob
 * @local.test, and a process that knows their passwords. For unit tests and fuzzers of proto/imap, proto/pop3 and proto/managesieve.
 *
 * Logins: alice and bob, "secret"; alice also "se cret".
 */
#pragma once
#include "base/mem.h"
#include "base/must.h"
#include "mail/box.h"
#include "mail/login.h"
#include "run/co.h"
#include "run/loop.h"
#include "run/pool.h"
#include "run/tls.h"
#include "store/commit.h"
#include "store/store_testing.h"

struct world {
	struct testdir dir;
	struct directory *directory;
	struct blobs *blobs;
	struct boxes *boxes;
	struct tls_ctx *tls, *client_tls; /* world_certificate() */
	struct mailbox_conf conf;
	int64_t alice;
	bool full, temporary; /* enter refuses; logins cannot be checked */
	/* of the session that ended last */
	struct session_summary sum;
	char end[32];
	char client[64]; /* what ID told of it */
};

/* ---- the store ---- */

static inline void world_directory(struct world *w, slice dir)
{
	AUTO(arena) struct arena a = {0};
	struct account account;
	struct err e;
	struct sql *db;
	const struct domain local = {.name = S("local.test"), .kind = DOMAIN_LOCAL};
	must(sql_open(dir, "directory", &db, &e) == 0);
	must(sql_migrate(db, directory_migrations, directory_migrations_n, &e) == 0);
	must(directory_domain_add(db, &local, &e) == 0);
	must(directory_account_add(db, S("alice@local.test"), S(""), S("correct horse 7"), &e) ==
		0);
	must(directory_account_add(db, S("bob@local.test"), S(""), S("correct horse 7"), &e) == 0);
	must(directory_account(db, S("alice@local.test"), &a, &account, &e) == 0);
	w->alice = account.id;
	sql_close(db);
}

static inline struct world *world_open(void)
{
	static struct world world;
	struct world *w = &world;
	struct err e;
	struct sql *db;
	loop_init();
	pool_init(2);
	*w = (struct world){.dir = testdir_make(),
		.conf = {.max_message = 1 << 20, .keep_removed = DAY, .keep_log = DAY}};
	slice dir = testdir_slice(&w->dir);
	world_directory(w, dir);
	for (int i = 0; i < MAILBOX_SHARDS; i++) {
		must(sql_open(dir, mailbox_db_name(i), &db, &e) == 0);
		must(sql_migrate(db, mailbox_migrations, mailbox_migrations_n, &e) == 0);
		sql_close(db);
	}
	must(directory_open(dir, &w->directory, &e) == 0);
	must(blobs_open(dir, &w->blobs, &e) == 0);
	const struct boxes_config c = {.data = dir,
		.directory = w->directory,
		.blobs = w->blobs,
		.readers = 1,
		.conf = &w->conf};
	must(boxes_open(&c, &w->boxes, &e) == 0);
	return w;
}

/* For mx.post.test, made when it is first asked for. */
static inline void world_certificate(struct world *w)
{
	AUTO(arena) struct arena a = {0};
	struct err e;
	if (w->tls)
		return;
	slice cert = arena_printf(&a, "%s/cert.pem", w->dir.path);
	slice key = arena_printf(&a, "%s/key.pem", w->dir.path);
	must(tls_make_self_signed(S("mx.post.test"), cert, key, &e) == 0);
	const struct tls_server_config server = {.cert_file = cert, .key_file = key};
	const struct tls_client_config client = {.ca_file = cert};
	must(tls_server_ctx(&server, &w->tls, &e) == 0);
	must(tls_client_ctx(&client, &w->client_tls, &e) == 0);
}

static inline void world_close(struct world *w)
{
	boxes_close(w->boxes);
	directory_close(w->directory);
	blobs_close(w->blobs);
	tls_ctx_unref(w->client_tls);
	tls_ctx_unref(w->tls);
	auto_testdir(&w->dir);
	pool_done();
	loop_done();
}

/* A message as delivery leaves it, for alice; UIDs are 1, 2 ... */
static inline void world_deliver(struct world *w, slice folder, slice text)
{
	struct err e;
	struct sql *db;
	struct mailbox_place place;
	blob_id blob;
	uint64_t size;
	slice dir = testdir_slice(&w->dir);
	must(sql_open(dir, mailbox_db_name(mailbox_shard(w->alice)), &db, &e) == 0);
	struct blob_writer *writer = blob_begin(w->blobs);
	must(blob_add(writer, text, &e) == 0);
	must(blob_finish(writer, &blob, &size, &e) == 0);
	must(blobs_sync(w->blobs, &e) == 0);
	const struct mailbox_delivery d = {.account_id = w->alice,
		.folder = folder,
		.blob = blob,
		.size = size,
		.prefix = S("X-Prefix: yes\r\n"),
		.received_at = 1000 * SECOND,
		.keywords = S(""),
		.summary = S("")};
	must(mailbox_deliver_tx(db, &d, &place, &e) == 0);
	blob_settle(w->blobs, blob);
	sql_close(db);
	struct changes *changes;
	must(changes_open(dir, &changes, &e) == 0);
	changes_tell(changes, w->alice);
	changes_close(changes);
}

/* ---- what the process answers ---- */

static inline enum login_step world_judge(
	const struct world *w, slice response, struct login_result *ret)
{
	static const struct {
		slice said, login;
	} known[] = {
		{S_INIT("\0alice\0secret"), S_INIT("alice@local.test")},
		{S_INIT("\0alice\0se cret"), S_INIT("alice@local.test")},
		{S_INIT("\0bob\0secret"), S_INIT("bob@local.test")},
		{S_INIT("\0nobody\0secret"), S_INIT("nobody@local.test")},
	};
	if (w->temporary || slice_eq(response, S("\0alice\0later")))
		return LOGIN_TEMP;
	if (slice_eq(response, S("\0alice\0old")))
		return ret->why = S("The password must be changed first"), LOGIN_EXPIRED;
	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (slice_eq(response, known[i].said))
			return ret->login = known[i].login, LOGIN_OK;
	return LOGIN_FAILED;
}

/* PLAIN at once; "TWO" asks once more and ends with a last word. */
static inline enum login_step world_auth_start(
	void *arg, const struct login_start *s, struct arena *a, struct login_result *ret)
{
	(void)a;
	if (slice_ieq(s->mech, S("PLAIN")))
		return world_judge(arg, s->initial, ret);
	ret->challenge = S("Say it");
	return LOGIN_MORE;
}

static inline enum login_step world_auth_step(
	void *arg, slice response, struct arena *a, struct login_result *ret)
{
	(void)a;
	enum login_step r = world_judge(arg, response, ret);
	if (r == LOGIN_OK)
		ret->challenge = S("v=proof");
	return r;
}

static inline void world_auth_cancel(void *arg)
{
	(void)arg;
}

static inline int world_enter(void *arg, slice login, struct mailbox_actor *ret, struct err *e)
{
	const struct world *w = arg;
	if (w->full)
		return err_set(e, ERR_LIMIT, "Too many sessions of this account, close some");
	*ret = (struct mailbox_actor){.who = login, .protocol = S("test"), .ip = S("192.0.2.1")};
	return 0;
}

static inline void world_client(void *arg, slice name)
{
	struct world *w = arg;
	snprintf(w->client, sizeof w->client, "%.*s", SFMT(name));
}

static inline void world_end(void *arg, const struct session_summary *s)
{
	struct world *w = arg;
	w->sum = *s;
	w->sum.why = S("");
	snprintf(w->end, sizeof w->end, "%s", s->end);
}

static const struct session_ops world_ops = {.auth_start = world_auth_start,
	.auth_step = world_auth_step,
	.auth_cancel = world_auth_cancel,
	.enter = world_enter,
	.client = world_client,
	.end = world_end};

static const slice world_mechs[] = {
	S_INIT("SCRAM-SHA-256-PLUS"), S_INIT("PLAIN"), S_INIT("TWO"), S_INIT("LOGIN")};
enum { WORLD_MECHS = sizeof world_mechs / sizeof *world_mechs };
