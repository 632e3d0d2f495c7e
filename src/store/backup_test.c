/* Backups: what was there comes back, however the run before ended; what was changed in a repository is noticed; old generations go. */
#include "base/buf.h"
#include "base/test.h"
#include "store/backup_read.h"
#include "store/backup_sign.h"
#include "store/blob.h"
#include "store/crypt.h"
#include "store/directory.h"
#include "store/mailbox.h"
#include "store/store.h"
#include "store/store_testing.h"

#include <sys/stat.h>
#include <time.h>

struct world {
	struct testdir dir;
	char data[100], repo[100];
	struct backup_conf conf;
	struct backup_target *t;
	struct backup_secret secret;
	struct blobs *blobs;
	struct sql *mail;
	uint64_t stop_at; /* a run ends when it has read so much; 0: never */
};

static void ok(int64_t r, const struct err *e)
{
	if (r < 0)
		test_fail(__FILE__, __LINE__, "%s", e->text);
}

static void world_make(struct world *w)
{
	struct err e = {0};
	*w = (struct world){.dir = testdir_make()};
	backup_kdf_default.kib = 64;
	snprintf(w->data, sizeof w->data, "%s/data", w->dir.path);
	snprintf(w->repo, sizeof w->repo, "%s/repo", w->dir.path);
	w->conf.target = slice_z(w->repo);
	const struct backup_where where = {&w->conf, S("")};
	ok(store_prepare(slice_z(w->data), &e), &e);
	ok(backup_target_open(&where, &w->t, &e), &e);
	ok(backup_init(slice_z(w->data), w->t, 1, &w->secret, &e), &e);
	/* The directory was made only now. */
	backup_target_close(w->t);
	ok(backup_target_open(&where, &w->t, &e), &e);
	ok(blobs_open(slice_z(w->data), &w->blobs, &e), &e);
	ok(sql_open(slice_z(w->data), "mail-01", &w->mail, &e), &e);
}

static void world_end(struct world *w)
{
	blobs_close(w->blobs);
	sql_close(w->mail);
	backup_target_close(w->t);
	auto_testdir(&w->dir);
}

/* Text that hardly repeats. */
static void fill_text(struct buf *m, int seed, size_t size)
{
	uint64_t x = (uint64_t)seed * 2654435761u + 1;
	buf_printf(m, "Subject: letter %d\r\nMessage-ID: <%d@x>\r\n\r\n", seed, seed);
	while (m->n < size) {
		x ^= x << 13, x ^= x >> 7, x ^= x << 17;
		buf_printf(m, "%016llx%s", (unsigned long long)x, m->n % 76 < 16 ? "\r\n" : "");
	}
}

static blob_id letter(struct world *w, int seed, size_t size)
{
	AUTO(buf) struct buf m = BUF(8 << 20);
	struct err e = {0};
	struct mailbox_place place;
	blob_id id = 0;
	uint64_t n = 0;
	fill_text(&m, seed, size);
	struct blob_writer *b = blob_begin(w->blobs);
	ok(blob_add(b, buf_slice(&m), &e), &e);
	ok(blob_finish(b, &id, &n, &e), &e);
	ok(blobs_sync(w->blobs, &e), &e);
	const struct mailbox_delivery d = {.account_id = 1,
		.folder = S("INBOX"),
		.queue_id = seed,
		.blob = id,
		.size = n,
		.received_at = seed};
	ok(sql_begin(w->mail, &e), &e);
	ok(mailbox_deliver_tx(w->mail, &d, &place, &e), &e);
	ok(sql_commit(w->mail, &e), &e);
	blob_settle(w->blobs, id);
	return id;
}

static bool go_on(void *arg, uint64_t done, uint64_t all)
{
	const struct world *w = arg;
	(void)all;
	return !w->stop_at || done < w->stop_at;
}

/* Of an encrypted store: the ring in memory is enough here (encrypted stores: crypt_test.c, test/encryption.py). */
static int keep_keys(void *arg, slice dir, struct err *e)
{
	(void)arg, (void)dir, (void)e;
	return 0;
}

static int run(struct world *w, struct backup_result *ret, struct err *e)
{
	const struct backup_extra extra = {
		S("config/posthouse.conf"), S("[server]\nhostname = x\n")};
	const struct backup_run r = {.data = slice_z(w->data),
		.target = w->t,
		.host = S("host"),
		.why = S("test"),
		.extra = &extra,
		.nextra = 1,
		.go_on = go_on,
		.arg = w};
	return backup_run(&r, ret, e);
}

static struct backup_result run_ok(struct world *w)
{
	struct backup_result r = {0};
	struct err e = {0};
	ok(run(w, &r, &e), &e);
	return r;
}

static struct backup_repo *open_repo(struct world *w)
{
	struct backup_repo *r = NULL;
	struct err e = {0};
	ok(backup_repo_open(w->t, &w->secret, &r, &e), &e);
	return r;
}

static void count_problem(void *arg, const struct backup_problem *p)
{
	struct buf *out = arg;
	buf_printf(out, "%s ", p->kind);
}

static int64_t verify(struct world *w, struct buf *out)
{
	struct err e = {0};
	struct backup_repo *r = open_repo(w);
	const struct backup_verify v = {
		.percent = 100, .databases = true, .problem = count_problem, .arg = out};
	int64_t n = backup_verify(r, NULL, &v, NULL, &e);
	ok(n, &e);
	backup_repo_close(r);
	return n;
}

/* Restores a generation to NAME below the test's directory and looks at all of it. */
static void restore_to(
	struct world *w, const unsigned char id[BACKUP_ID], const char *name, int64_t messages)
{
	char to[128], config[140];
	struct err e = {0};
	struct backup_content *c;
	struct backup_repo *r = open_repo(w);
	struct store_stat st;
	snprintf(to, sizeof to, "%s/%s", w->dir.path, name);
	snprintf(config, sizeof config, "%s/%s-config", w->dir.path, name);
	const struct backup_restore x = {
		.data = slice_z(to), .config_to = slice_z(config), .keep_keys = keep_keys};
	ok(backup_content_open(r, id, &c, &e), &e);
	ok(backup_restore_all(r, c, &x, &e), &e);
	CHECK(backup_restore_all(r, c, &x, &e) < 0); /* never over something */
	CHECK_INT(e.kind, ERR_EXISTS);
	backup_content_close(c);
	backup_repo_close(r);
	ok(store_prepare(slice_z(to), &e), &e);
	int problems = store_verify(slice_z(to), false, NULL, NULL, &e);
	CHECK_INT(problems, 0);
	ok(store_stat(slice_z(to), &st, &e), &e);
	CHECK_INT(st.mailbox_messages, messages);
	strcat(config, "/posthouse.conf");
	CHECK(access(config, R_OK) == 0);
}

static void ignore_problem(void *arg, const struct store_problem *p)
{
	(void)arg, (void)p;
}

TEST(backup_comes_back_and_costs_what_is_new)
{
	struct world w;
	struct err e = {0};
	(void)ignore_problem;
	world_make(&w);
	for (int i = 1; i <= 20; i++)
		letter(&w, i, i % 5 ? 3000 : 400000);
	struct backup_result first = run_ok(&w);
	CHECK(first.fresh > 1000000 && first.files > 8);
	struct backup_result second = run_ok(&w);
	CHECK(second.fresh < first.fresh / 10);
	letter(&w, 21, 3000);
	struct backup_result third = run_ok(&w);
	CHECK(third.fresh < first.fresh / 3);
	AUTO(buf) struct buf problems = BUF(4096);
	CHECK_INT(verify(&w, &problems), 0);
	restore_to(&w, first.name, "one", 20);
	restore_to(&w, third.name, "three", 21);
	AUTO(arena) struct arena a = {0};
	struct backup_generation *v;
	size_t n;
	ok(backup_generations(slice_z(w.data), &a, &v, &n, &e), &e);
	CHECK_INT(n, 3);
	CHECK(v[0].id == third.id && v[2].bytes == first.bytes);
	world_end(&w);
}

TEST(backup_that_broke_off_goes_on)
{
	struct world w;
	struct backup_result r;
	struct err e = {0};
	world_make(&w);
	for (int i = 1; i <= 12; i++)
		letter(&w, i, 4 << 20);
	w.stop_at = 36 << 20;
	CHECK(run(&w, &r, &e) < 0);
	CHECK_INT(e.kind, ERR_CLOSED);
	w.stop_at = 0;
	r = run_ok(&w);
	CHECK(r.fresh < 25 << 20);
	restore_to(&w, r.name, "one", 12);
	world_end(&w);
}

/* Any part of any object. */
static void damage(struct world *w, const char *where, bool cut, bool gone)
{
	char command[400];
	snprintf(command, sizeof command,
		"f=$(find %s/%s -type f | sort | tail -1); s=$(stat -c %%s $f); %s", w->repo, where,
		gone  ? "rm $f"
		: cut ? "truncate -s $((s - 5)) $f"
		      : "printf X | dd of=$f bs=1 seek=$((s / 2)) conv=notrunc status=none");
	CHECK(system(command) == 0);
}

TEST(backup_damage_is_named)
{
	static const struct {
		const char *where;
		bool cut, gone;
		const char *kind;
	} cases[] = {
		{"data", false, false, "object-damaged "},
		{"data", true, false, "object-short "},
		{"data", false, true, "object-missing "},
		{"gen", false, false, "list-damaged "},
		{"gen", true, false, "list-damaged "},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct world w;
		AUTO(buf) struct buf problems = BUF(4096);
		world_make(&w);
		letter(&w, 1, 300000);
		run_ok(&w);
		damage(&w, cases[i].where, cases[i].cut, cases[i].gone);
		CHECK(verify(&w, &problems) > 0);
		CHECK(slice_find(buf_slice(&problems), slice_z(cases[i].kind)) < problems.n);
		world_end(&w);
	}
}

TEST(backup_damaged_object_is_not_restored)
{
	struct world w;
	struct err e = {0};
	struct backup_content *c;
	char to[128];
	world_make(&w);
	letter(&w, 1, 2 << 20);
	struct backup_result r = run_ok(&w);
	damage(&w, "data", false, false);
	struct backup_repo *repo = open_repo(&w);
	snprintf(to, sizeof to, "%s/to", w.dir.path);
	const struct backup_restore x = {.data = slice_z(to), .keep_keys = keep_keys};
	ok(backup_content_open(repo, r.name, &c, &e), &e);
	CHECK(backup_restore_all(repo, c, &x, &e) < 0);
	CHECK_INT(e.kind, ERR_PERM);
	CHECK(strstr(e.text, "object "));
	strcat(to, "/db");
	CHECK(access(to, F_OK) < 0);
	backup_content_close(c);
	backup_repo_close(repo);
	world_end(&w);
}

TEST(backup_keys)
{
	struct world w;
	struct err e = {0};
	struct backup_secret s, other = {0};
	struct backup_repo *r;
	AUTO(arena) struct arena a = {0};
	AUTO(buf) struct buf text = BUF(4096);
	struct backup_key *keys;
	size_t n;
	world_make(&w);
	backup_secret_print(&w.secret, &text);
	ok(backup_secret_parse(buf_slice(&text), &s, &e), &e);
	CHECK(memcmp(&s, &w.secret, sizeof s) == 0);
	CHECK(backup_secret_parse(S("nonsense"), &s, &e) < 0);
	CHECK(backup_secret_unlock(w.t, S("correct horse battery"), &s, &e) < 0);
	CHECK(backup_key_add(w.t, &w.secret, S("short"), S("x"), 1, &e) < 0);
	ok(backup_key_add(w.t, &w.secret, S("correct horse battery"), S("safe"), wall_now(), &e),
		&e);
	CHECK(backup_secret_unlock(w.t, S("correct horse batterx"), &s, &e) < 0);
	CHECK_INT(e.kind, ERR_DENIED);
	ok(backup_secret_unlock(w.t, S("correct horse battery"), &s, &e), &e);
	CHECK(memcmp(&s, &w.secret, sizeof s) == 0);
	ok(backup_key_list(w.t, &a, &keys, &n, &e), &e);
	CHECK_INT(n, 1);
	CHECK_STR(keys[0].label, S("safe"));
	memcpy(&other, &w.secret, sizeof other);
	other.key[3] ^= 1;
	CHECK(backup_repo_open(w.t, &other, &r, &e) < 0);
	CHECK_INT(e.kind, ERR_DENIED);
	CHECK(backup_key_add(w.t, &other, S("correct horse battery"), S("x"), 1, &e) < 0);
	ok(backup_key_remove(w.t, keys[0].name, &e), &e);
	CHECK(backup_key_remove(w.t, keys[0].name, &e) < 0);
	world_end(&w);
}

TEST(backup_prune_keeps_what_others_need)
{
	struct world w;
	struct err e = {0};
	AUTO(buf) struct buf problems = BUF(4096);
	struct backup_pruned p;
	struct backup_result last = {0};
	world_make(&w);
	for (int i = 1; i <= 6; i++) {
		for (int k = 0; k < 10; k++)
			letter(&w, i * 100 + k, 100000);
		last = run_ok(&w);
	}
	const struct backup_keep keep = {.last = 2};
	ok(backup_prune(slice_z(w.data), w.t, &keep, true, &p, &e), &e);
	CHECK_INT(p.generations, 4);
	CHECK_INT(p.objects, 0);
	ok(backup_prune(slice_z(w.data), w.t, &keep, false, &p, &e), &e);
	CHECK_INT(p.generations, 4);
	CHECK_INT(verify(&w, &problems), 0);
	restore_to(&w, last.name, "one", 60);
	ok(backup_prune(slice_z(w.data), w.t, &keep, false, &p, &e), &e);
	CHECK_INT(p.generations, 0);
	run_ok(&w);
	CHECK_INT(verify(&w, &problems), 0);
	world_end(&w);
}

TEST(backup_prune_gives_back_what_nobody_needs)
{
	struct world w;
	struct err e = {0};
	AUTO(buf) struct buf problems = BUF(4096);
	struct backup_pruned p;
	char path[160];
	world_make(&w);
	snprintf(path, sizeof path, "%s/learn", w.data);
	mkdir(path, 0700);
	strcat(path, "/big");
	for (int i = 0; i < 3; i++) {
		AUTO(buf) struct buf m = BUF(32 << 20);
		fill_text(&m, i + 7, 24 << 20);
		FILE *f = fopen(path, "w");
		CHECK(f && fwrite(m.p, 1, m.n, f) == m.n);
		fclose(f);
		run_ok(&w);
	}
	const struct backup_keep keep = {.last = 1};
	ok(backup_prune(slice_z(w.data), w.t, &keep, false, &p, &e), &e);
	CHECK_INT(p.generations, 2);
	/* Ends of objects are shared with what lives on: those go when they are tired. */
	CHECK(p.bytes > 15 << 20);
	run_ok(&w);
	ok(backup_prune(slice_z(w.data), w.t, &keep, false, &p, &e), &e);
	CHECK_INT(verify(&w, &problems), 0);
	world_end(&w);
}

TEST(backup_plan_of_generations)
{
	enum { N = 400 };
	int64_t at[N];
	bool keep[N];
	setenv("TZ", "Asia/Shanghai", 1);
	tzset();
	for (int i = 0; i < N; i++)
		at[i] = 1795000000LL * SECOND - i * DAY; /* one a day, the newest first */
	const struct backup_keep k = {.last = 3, .daily = 10, .weekly = 4, .monthly = 12};
	backup_prune_plan(&k, at, N, keep);
	int n = 0, oldest = 0;
	for (int i = 0; i < N; i++) {
		n += keep[i];
		oldest = keep[i] ? i : oldest;
	}
	for (int i = 0; i < 10; i++)
		CHECK(keep[i]);
	CHECK(n >= 22 && n <= 25);
	CHECK(oldest > 320 && oldest < 370);
	const struct backup_keep none = {0};
	backup_prune_plan(&none, at, 5, keep);
	CHECK(keep[0] && !keep[1]);
}

TEST(backup_is_one_installations)
{
	struct world w;
	struct err e = {0};
	AUTO(buf) struct buf problems = BUF(4096);
	struct backup_result r;
	char other[120];
	world_make(&w);
	for (int i = 1; i <= 10; i++)
		letter(&w, i, 300000);
	struct backup_result first = run_ok(&w);
	restore_to(&w, first.name, "other", 10);
	snprintf(other, sizeof other, "%s/other", w.dir.path);
	ok(backup_adopt(slice_z(other), w.t, &w.secret, &e), &e);
	CHECK(run(&w, &r, &e) < 0);
	CHECK_INT(e.kind, ERR_DENIED);
	const struct backup_run x = {
		.data = slice_z(other), .target = w.t, .host = S("b"), .why = S("test")};
	ok(backup_run(&x, &r, &e), &e);
	/* Nothing is sent again; but databases that were encrypted anew have other pages. */
	CHECK(r.fresh < first.fresh / (crypt_now() ? 3 : 10));
	CHECK_INT(verify(&w, &problems), 0);
	AUTO(arena) struct arena a = {0};
	struct backup_generation *v;
	size_t n;
	ok(backup_generations(slice_z(other), &a, &v, &n, &e), &e);
	CHECK_INT(n, 2);
	world_end(&w);
}

TEST(backup_without_a_target)
{
	struct world w;
	struct err e = {0};
	struct backup_result r;
	char moved[128];
	world_make(&w);
	run_ok(&w);
	backup_target_close(w.t);
	snprintf(moved, sizeof moved, "%s.away", w.repo);
	CHECK(rename(w.repo, moved) == 0);
	const struct backup_where where = {&w.conf, S("")};
	ok(backup_target_open(&where, &w.t, &e), &e);
	CHECK(run(&w, &r, &e) < 0);
	CHECK_INT(e.kind, ERR_NOTFOUND);
	/* An empty directory is what an unmounted file system leaves. */
	backup_target_close(w.t);
	CHECK(mkdir(w.repo, 0700) == 0);
	ok(backup_target_open(&where, &w.t, &e), &e);
	CHECK(run(&w, &r, &e) < 0);
	CHECK_INT(e.kind, ERR_NOTFOUND);
	world_end(&w);
}

TEST(backup_one_message)
{
	struct world w;
	struct err e = {0};
	AUTO(buf) struct buf got = BUF(8 << 20), want = BUF(8 << 20);
	struct backup_content *c;
	struct backup_mail *m;
	struct sql *db;
	char work[128];
	world_make(&w);
	blob_id small = letter(&w, 1, 3000), large = letter(&w, 2, 900000);
	struct backup_result r = run_ok(&w);
	struct backup_repo *repo = open_repo(&w);
	snprintf(work, sizeof work, "%s/work", w.dir.path);
	ok(backup_content_open(repo, r.name, &c, &e), &e);
	ok(backup_mail_open(repo, c, slice_z(work), &m, &e), &e);
	ok(backup_mail_db(m, "mail-01", &db, &e), &e);
	AUTO(arena) struct arena a = {0};
	struct mailbox_message msg;
	ok(mailbox_get(db, 1, S("INBOX"), 2, &a, &msg, &e), &e);
	CHECK_INT(msg.blob, large);
	sql_close(db);
	for (int i = 1; i <= 2; i++) {
		buf_reset(&got), buf_reset(&want);
		fill_text(&want, i, i == 1 ? 3000 : 900000);
		ok(backup_mail_blob(m, i == 1 ? small : large, &got, &e), &e);
		CHECK(slice_eq(buf_slice(&got), buf_slice(&want)));
	}
	CHECK(backup_mail_blob(m, (blob_id)77 << 36 | 4096, &got, &e) < 0);
	CHECK(backup_mail_blob(m, small + 8, &got, &e) < 0);
	backup_mail_close(m);
	backup_content_close(c);
	backup_repo_close(repo);
	CHECK(access(work, F_OK) < 0);
	world_end(&w);
}

/* An example of the documentation of AWS Signature Version 4 ("GET Bucket (List Objects)"). */
TEST(backup_signature)
{
	AUTO(arena) struct arena a = {0};
	struct backup_signed s;
	const struct backup_request r = {.method = "GET",
		.host = S("examplebucket.s3.amazonaws.com"),
		.path = S("/"),
		.query = S("max-keys=2&prefix=J"),
		.region = S("us-east-1"),
		.key = S("AKIAIOSFODNN7EXAMPLE"),
		.secret = S("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
		.now = 1369353600LL * SECOND};
	backup_sign(&r, &a, &s);
	CHECK_STR(s.date, S("x-amz-date: 20130524T000000Z"));
	CHECK(slice_ends(s.authorization,
		S("Signature=34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7")));
	CHECK_STR(backup_percent(S("a b/\xc3\xa4~"), true, &a), S("a%20b/%C3%A4~"));
	CHECK_STR(backup_percent(S("a/b"), false, &a), S("a%2Fb"));
}
