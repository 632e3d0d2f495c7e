/* Signed links: what was signed comes back; whatever is altered, cut, of another encoding, or signed by a secret that
 * has gone does not; forms' proofs are no links. A serving end answers as the keys process does. */
#include "bin/token.h"

#include "base/mem.h"
#include "base/time.h"
#include "bin/keys_client.h"
#include "bin/keys_ring.h"
#include "run/co.h"
#include "run/loop.h"
#include "run/pool.h"
#include "store/store_testing.h"

#define NOW (1800000000LL * SECOND)

struct world {
	struct sql *db;
	struct keys_ring *ring;
	struct link *link;
	struct link_server *server;
	struct keys_client *keys;
};

static void on_request(void *arg, struct link_request *r, slice request)
{
	struct world *w = arg;
	struct keys_request q;
	struct err e;
	unsigned char out[32];
	CHECK(keys_request_decode(request, &q));
	CHECK(q.op == KEYS_HMAC);
	if (keys_ring_hmac(w->ring, q.secret, q.old, q.text, out, &e) < 0)
		link_refuse(r, &e);
	else
		link_reply(r, slice_of(out, sizeof out));
}

static void reload(struct world *w)
{
	struct err e;
	keys_ring_unref(w->ring);
	w->ring = NULL;
	CHECK(keys_ring_load(w->db, &w->ring, &e) == 0);
}

static void renew(struct world *w)
{
	struct err e;
	CHECK(keyring_secret_renew(w->db, S(TOKEN_SECRET), NOW, &e) == 0);
	reload(w);
}

static enum err_kind read_kind(
	struct world *w, slice text, int64_t now, struct arena *a, struct token *ret)
{
	struct err e = {0};
	return token_read(w->keys, text, now, a, ret, &e) == 0 ? ERR_NONE : e.kind;
}

static const struct token good = {
	.verb = QUARANTINE_RELEASE,
	.role = QUARANTINE_RECIPIENT,
	.id = 0x123456789abcdef,
	.idx = 3,
	.until = NOW + HOUR,
	.who = S_INIT("li@example.com"),
};

static void comes_back(struct world *w, const struct token *t)
{
	AUTO(arena) struct arena a = {0};
	AUTO(buf) struct buf text = BUF(TOKEN_TEXT_MAX);
	struct token got;
	struct err e;
	CHECK(token_make(w->keys, t, &text, &e) == 0);
	for (size_t i = 0; i < text.n; i++)
		CHECK(strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
			text.p[i]));
	CHECK_INT(read_kind(w, buf_slice(&text), NOW, &a, &got), ERR_NONE);
	CHECK(got.verb == t->verb && got.role == t->role && got.id == t->id && got.idx == t->idx);
	CHECK_INT(got.until, t->until / SECOND * SECOND);
	CHECK_STR(got.who, t->who);
}

static void round_trips(struct world *w)
{
	char longest[TOKEN_WHO_MAX + 1];
	memset(longest, 'a', sizeof longest);
	struct token t = good;
	comes_back(w, &t);
	t.idx = -1, t.role = QUARANTINE_APPROVER, t.verb = QUARANTINE_APPROVE_IT;
	comes_back(w, &t);
	t.id = 0, t.verb = QUARANTINE_PREVIEW, t.who = S("");
	comes_back(w, &t);
	t.who = slice_of(longest, TOKEN_WHO_MAX), t.id = INT64_MAX, t.until = INT64_MAX;
	comes_back(w, &t);
	t.who = slice_of(longest, TOKEN_WHO_MAX + 1);
	AUTO(buf) struct buf text = BUF(TOKEN_TEXT_MAX);
	struct err e;
	CHECK(token_make(w->keys, &t, &text, &e) < 0);
	CHECK_INT(e.kind, ERR_LIMIT);
}

/* Every bit of the text, every length, every other character. */
static void altered(struct world *w)
{
	AUTO(arena) struct arena a = {0};
	AUTO(buf) struct buf text = BUF(TOKEN_TEXT_MAX);
	struct token got;
	struct err e;
	CHECK(token_make(w->keys, &good, &text, &e) == 0);
	for (size_t i = 0; i < text.n; i++)
		for (int bit = 0; bit < 8; bit++) {
			text.p[i] = (char)(text.p[i] ^ 1 << bit);
			CHECK_INT(read_kind(w, buf_slice(&text), NOW, &a, &got), ERR_PROTO);
			text.p[i] = (char)(text.p[i] ^ 1 << bit);
		}
	for (size_t n = 0; n < text.n; n++)
		CHECK_INT(read_kind(w, slice_of(text.p, n), NOW, &a, &got), ERR_PROTO);
	size_t n = text.n;
	static const char *const tails[] = {"=", "==", "A", "AA", "AAAA", " ", "\n", "."};
	for (size_t i = 0; i < sizeof tails / sizeof *tails; i++) {
		buf_put(&text, slice_z(tails[i]));
		CHECK_INT(read_kind(w, buf_slice(&text), NOW, &a, &got), ERR_PROTO);
		text.n = n;
	}
	CHECK_INT(read_kind(w, buf_slice(&text), NOW, &a, &got), ERR_NONE);
}

static void ends(struct world *w)
{
	AUTO(arena) struct arena a = {0};
	AUTO(buf) struct buf text = BUF(TOKEN_TEXT_MAX);
	struct token got = {0};
	struct err e;
	CHECK(token_make(w->keys, &good, &text, &e) == 0);
	CHECK_INT(read_kind(w, buf_slice(&text), good.until - 1, &a, &got), ERR_NONE);
	got = (struct token){0};
	CHECK_INT(read_kind(w, buf_slice(&text), good.until, &a, &got), ERR_TIMEOUT);
	CHECK(got.id == good.id); /* to tell what it was for */
	renew(w);
	CHECK_INT(read_kind(w, buf_slice(&text), NOW, &a, &got), ERR_NONE);
	renew(w);
	CHECK_INT(read_kind(w, buf_slice(&text), NOW, &a, &got), ERR_PROTO);
}

static void proofs(struct world *w)
{
	AUTO(arena) struct arena a = {0};
	AUTO(buf) struct buf text = BUF(TOKEN_TEXT_MAX), proof = BUF(64);
	struct token got;
	struct err e;
	CHECK(token_make(w->keys, &good, &text, &e) == 0);
	CHECK(token_proof(w->keys, buf_slice(&text), &proof, &e) == 0);
	CHECK_INT(proof.n, TOKEN_PROOF);
	CHECK(token_proof_check(w->keys, buf_slice(&text), buf_slice(&proof), &e) == 0);
	CHECK_INT(read_kind(w, buf_slice(&proof), NOW, &a, &got), ERR_PROTO);
	slice tail = slice_skip(buf_slice(&text), text.n - TOKEN_PROOF);
	CHECK(token_proof_check(w->keys, buf_slice(&text), tail, &e) < 0);
	CHECK_INT(e.kind, ERR_DENIED);
	CHECK(token_proof_check(w->keys, S("other"), buf_slice(&proof), &e) < 0);
	CHECK(token_proof_check(w->keys, buf_slice(&text), S(""), &e) < 0);
	renew(w); /* a form may have been open meanwhile */
	CHECK(token_proof_check(w->keys, buf_slice(&text), buf_slice(&proof), &e) == 0);
}

/* Nobody answers: never "altered", which would tell people that their link is bad. */
static void away(struct world *w)
{
	AUTO(arena) struct arena a = {0};
	AUTO(buf) struct buf text = BUF(TOKEN_TEXT_MAX);
	struct token got;
	struct err e;
	CHECK(token_make(w->keys, &good, &text, &e) == 0);
	link_server_close(w->server);
	co_sleep(instant_in(20 * MSEC), &e);
	CHECK_INT(read_kind(w, buf_slice(&text), NOW, &a, &got), ERR_TEMP);
}

static void all(void *arg)
{
	struct world *w = arg;
	struct err e;
	int fds[2];
	CHECK(link_pair(fds, &e) == 0);
	const struct link_service service = {NULL, on_request, NULL, w};
	w->server = link_serve("test", fds[1], &service);
	link_attach(w->link, fds[0]);
	w->keys = keys_client_new(w->link, 300 * MSEC);
	round_trips(w);
	altered(w);
	ends(w);
	proofs(w);
	away(w);
	keys_client_free(w->keys);
	loop_stop();
}

TEST(token_is_good_for_one_thing)
{
	AUTO(testdir) struct testdir d = testdir_make();
	struct world w = {0};
	struct err e;
	CHECK(keyring_open(testdir_slice(&d), &w.db, &e) == 0);
	CHECK(keyring_secret_make(w.db, S(TOKEN_SECRET), NOW, &e) == 0);
	reload(&w);
	loop_init();
	w.link = link_new("keys");
	co_go("test", all, &w);
	loop_run();
	link_free(w.link);
	loop_done();
	keys_ring_unref(w.ring);
	sql_close(w.db);
}
