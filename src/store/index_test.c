/* The full-text index against reading every text: the same emails, whatever was merged, dropped or cut. */
#include "store/index_impl.h"

#include "base/utf8.h"
#include "store/store_testing.h"

enum { ACCOUNT = 7, ID = 1000 };

struct corpus {
	struct arena a;
	struct index_email *v;
	slice (*folded)[INDEX_FIELDS];
	bool *gone;
	size_t n;
};

static uint64_t state = 88172645463325252u;

static uint32_t roll(uint32_t n)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)(state >> 11) % n;
}

static const char *const pieces[] = {"the", "report", "Report", "reporting", "a", "an", "ann",
	"annual", "example", "com", "org", "2024", "20", "4", "10", "1", "x", "xx", "xxx", "café",
	"CAFE", "naïve", "Straße", "strasse", "Привет", "мир", "ёлка", "елка", "Ελλάδα", "全", "文",
	"检", "索", "檢", "中", "国", "國", "公司", "的", "我的", "ひらがな", "カタカナ", "ｶﾞ",
	"か\xe3\x82\x99", "한국", "어", "서울", "한국", "全角", "Ａｂｃ１２", "ﾊﾝｶｸ", "ハンカク",
	"東京", "东京", "e\xcc\x81\xcc\xa7", "👩\xe2\x80\x8d👩", "🇨🇳", "ภาษาไทย", "ไทย", "กิน", "न",
	"मस्ते", "a\xcc\x81", "\xcc\x81", "😀", "\xff", "ß", "é"};
static const char *const signs[] = {" ", " ", " ", " ", "  ", ", ", ". ", ".", "@", "-", "--",
	"=====", ":", "://", "/", "<", ">", "\"", "'", "’", "\r\n", "\t", "，", "。", "", "", "",
	"", "(", ")", "!", "\x01"};

static void random_text(struct buf *out, uint32_t most)
{
	for (uint32_t i = roll(most + 1); i; i--) {
		buf_put(out, slice_z(pieces[roll(sizeof pieces / sizeof *pieces)]));
		if (!roll(60)) /* a long run */
			for (uint32_t k = roll(700); k; k--)
				buf_put(out, roll(20) ? S("q") : roll(2) ? S("7") : S("ñ"));
		buf_put(out, slice_z(signs[roll(sizeof signs / sizeof *signs)]));
	}
}

static struct corpus corpus_make(size_t n, uint32_t most)
{
	struct corpus c = {.n = n};
	c.v = ARENA_ARRAY(&c.a, struct index_email, n);
	c.folded = arena_alloc(&c.a, n * sizeof *c.folded);
	c.gone = ARENA_ARRAY(&c.a, bool, n);
	for (size_t i = 0; i < n; i++) {
		c.v[i].email_id = (int64_t)(ID + 3 * i);
		for (int f = 0; f < INDEX_FIELDS; f++) {
			AUTO(buf) struct buf text = BUF(1 << 20), folded = BUF(1 << 20);
			if (f == INDEX_BODY || f == INDEX_SUBJECT || !roll(3))
				random_text(&text, f == INDEX_BODY ? most : 4);
			search_fold(buf_slice(&text), &folded);
			c.v[i].text[f] = arena_dup(&c.a, buf_slice(&text));
			c.folded[i][f] = arena_dup(&c.a, buf_slice(&folded));
		}
	}
	return c;
}

static void auto_corpus(struct corpus *c)
{
	arena_done(&c->a);
}

static struct sql *open_index(const struct testdir *d)
{
	struct err e;
	struct sql *db;
	CHECK(sql_open(testdir_slice(d), index_db_name(3), &db, &e) == 0);
	CHECK(sql_migrate(db, index_migrations, index_migrations_n, &e) == 0);
	return db;
}

static void auto_sql(struct sql **db)
{
	sql_close(*db);
}

static void add(struct sql *db, const struct corpus *c, size_t from, size_t to)
{
	struct err e;
	CHECK(sql_begin(db, &e) == 0);
	if (index_add_tx(db, ACCOUNT, c->v + from, to - from, &e))
		test_fail(__FILE__, __LINE__, "add: %s", e.text);
	CHECK(sql_commit(db, &e) == 0);
}

static bool is_gone(void *arg, int64_t email_id)
{
	const struct corpus *c = arg;
	return c->gone[(size_t)(email_id - ID) / 3];
}

static int merge_once(struct sql *db, struct corpus *c)
{
	struct err e;
	CHECK(sql_begin(db, &e) == 0);
	int r = index_merge_tx(db, ACCOUNT, is_gone, c, &e);
	if (r < 0)
		test_fail(__FILE__, __LINE__, "merge: %s", e.text);
	CHECK(sql_commit(db, &e) == 0);
	return r;
}

/* ---- what reading finds ---- */

static bool leaf_matches(const struct corpus *c, size_t i, const struct index_query *q)
{
	AUTO(buf) struct buf want = BUF(100000);
	search_fold(q->text, &want);
	for (int f = 0; f < INDEX_FIELDS; f++)
		if ((q->fields >> f & 1) &&
			(!want.n ||
				slice_find(c->folded[i][f], buf_slice(&want)) < c->folded[i][f].n))
			return true;
	return false;
}

static bool matches(const struct corpus *c, size_t i, const struct index_query *q)
{
	if (q->op == INDEX_LEAF)
		return leaf_matches(c, i, q);
	bool all = true, any = false;
	for (const struct index_query *k = q->first; k; k = k->next) {
		bool m = matches(c, i, k);
		all &= m;
		any |= m;
	}
	return q->op == INDEX_AND ? all : q->op == INDEX_OR ? any : !any;
}

static void describe(const struct index_query *q, struct buf *out)
{
	if (q->op == INDEX_LEAF)
		buf_printf(out, "'%.*s'/%x", SFMT(q->text), q->fields);
	else
		buf_printf(out, "%s(",
			q->op == INDEX_AND  ? "and"
			: q->op == INDEX_OR ? "or"
					    : "not");
	for (const struct index_query *k = q->first; k; k = k->next) {
		describe(k, out);
		buf_byte(out, k->next ? ' ' : ')');
	}
}

static void show(const struct corpus *c, size_t i, const struct index_query *q)
{
	for (int f = 0; f < INDEX_FIELDS; f++)
		if (q->op != INDEX_LEAF || q->fields >> f & 1)
			fprintf(stderr, "%zu %d: %.*s\n", i, f, SFMT(c->folded[i][f]));
}

/* Same emails; sure unless a text begins or ends with a blank. Returns how many were found. */
static size_t compare(
	struct sql *db, const struct corpus *c, size_t n, const struct index_query *q, bool sure)
{
	AUTO(arena) struct arena a = {0};
	AUTO(buf) struct buf text = BUF(10000);
	struct index_found f;
	struct err e;
	struct index_ask ask = {.account_id = ACCOUNT, .what = q, .score = roll(2)};
	describe(q, &text);
	if (index_find(db, &ask, &a, &f, &e))
		test_fail(__FILE__, __LINE__, "%.*s: %s", SFMT(text), e.text);
	size_t k = 0;
	for (size_t i = n; i--;) {
		bool hit = k < f.n && f.v[k].email_id == c->v[i].email_id, want = matches(c, i, q);
		if (c->gone[i] && !hit)
			continue;
		if ((want && !hit) || (hit && !want && (f.v[k].sure || sure)))
			show(c, i, q);
		if (want && !hit)
			test_fail(__FILE__, __LINE__, "%.*s does not find %zu", SFMT(text), i);
		if (hit && !want && (f.v[k].sure || sure))
			test_fail(__FILE__, __LINE__, "%.*s finds %zu", SFMT(text), i);
		if (hit && sure && !f.v[k].sure)
			test_fail(__FILE__, __LINE__, "%.*s is not sure of %zu", SFMT(text), i);
		if (hit)
			CHECK(f.v[k].score >= 0 && f.v[k].score <= 1);
		k += hit;
	}
	CHECK_INT(k, f.n);
	return f.n;
}

/* A piece of some text, or something made up. */
static slice random_piece(const struct corpus *c, struct arena *a)
{
	AUTO(buf) struct buf made = BUF(1000);
	slice from = c->v[roll((uint32_t)c->n)].text[roll(3) ? INDEX_BODY : INDEX_SUBJECT];
	if (roll(4) && from.n) {
		uint32_t at = roll((uint32_t)from.n), cp;
		while (at && ((unsigned char)from.p[at] & 0xc0) == 0x80)
			at--;
		slice rest = slice_skip(from, at);
		for (uint32_t n = 1 + roll(roll(2)      ? 3
					      : roll(5) ? 20
							: 500);
			n && utf8_next(&rest, &cp); n--)
			;
		buf_put(&made, slice_of(from.p + at, (size_t)(rest.p - from.p) - at));
	} else {
		random_text(&made, 3);
	}
	return arena_dup(a, buf_slice(&made));
}

static bool plain(slice text)
{
	AUTO(buf) struct buf folded = BUF(10000);
	search_fold(text, &folded);
	return !folded.n ||
	       (folded.n <= TOKEN_OVERLAP && *folded.p != ' ' && folded.p[folded.n - 1] != ' ' &&
		       !memchr(folded.p, 1, folded.n));
}

static struct index_query *random_query(
	const struct corpus *c, struct arena *a, unsigned depth, bool *sure)
{
	struct index_query *q = ARENA_NEW(a, struct index_query);
	if (depth && !roll(3)) {
		q->op = 1 + roll(3);
		const struct index_query **tail = &q->first;
		for (uint32_t n = 1 + roll(3); n; n--) {
			struct index_query *child = random_query(c, a, depth - 1, sure);
			*tail = child;
			tail = &child->next;
		}
		return q;
	}
	q->fields = roll(3)   ? 1 << INDEX_BODY
		    : roll(2) ? (1 << INDEX_FIELDS) - 1
			      : 1 + roll((1 << INDEX_FIELDS) - 1);
	q->text = random_piece(c, a);
	*sure &= plain(q->text);
	return q;
}

static size_t compare_many(struct sql *db, const struct corpus *c, size_t n, size_t queries)
{
	size_t found = 0;
	for (size_t i = 0; i < queries; i++) {
		AUTO(arena) struct arena a = {0};
		bool sure = true;
		struct index_query *q = random_query(c, &a, i % 4 ? 0 : 3, &sure);
		found += compare(db, c, n, q, sure);
	}
	return found;
}

TEST(index_finds_what_reading_finds)
{
	AUTO(testdir) struct testdir d = testdir_make();
	AUTO(corpus) struct corpus c = corpus_make(120, 40);
	AUTO(sql) struct sql *db = open_index(&d);
	add(db, &c, 0, 100);
	CHECK(compare_many(db, &c, 100, 1500) > 1000);
	for (size_t i = 100; i < c.n; i++)
		add(db, &c, i, i + 1);
	add(db, &c, 0, c.n); /* once more: ignored */
	CHECK(compare_many(db, &c, c.n, 500) > 500);
}

TEST(index_finds_the_same_while_it_is_merged)
{
	AUTO(testdir) struct testdir d = testdir_make();
	AUTO(corpus) struct corpus c = corpus_make(300, 30);
	AUTO(sql) struct sql *db = open_index(&d);
	struct index_size size;
	struct err e;
	size_t steps = 0;
	for (size_t i = 0; i < c.n; i++) {
		add(db, &c, i, i + 1);
		if (i % 7 == 0)
			c.gone[roll((uint32_t)i + 1)] = true;
		if (merge_once(db, &c)) {
			steps++;
			compare_many(db, &c, i + 1, 10);
		}
	}
	while (merge_once(db, &c))
		compare_many(db, &c, c.n, 10);
	CHECK(steps > 20);
	CHECK(compare_many(db, &c, c.n, 500) > 500);
	CHECK(index_size(db, ACCOUNT, &size, &e) == 0);
	CHECK(size.segments < 25 && size.emails < c.n);
}

/* Segments of many rows, merged in many steps. */
TEST(index_finds_the_same_in_large_segments)
{
	AUTO(testdir) struct testdir d = testdir_make();
	AUTO(corpus) struct corpus c = corpus_make(160, 2000);
	AUTO(sql) struct sql *db = open_index(&d);
	uint64_t before = index_step_bytes;
	index_step_bytes = 40000;
	struct index_size size;
	struct err e;
	size_t steps = 0;
	for (size_t i = 0; i < c.n; i += 10) {
		add(db, &c, i, i + 10);
		c.gone[i / 2] = true;
		while (merge_once(db, &c))
			if (++steps % 4 == 0)
				compare_many(db, &c, i + 10, 2);
	}
	CHECK(steps > 10);
	CHECK(compare_many(db, &c, c.n, 150) > 1000);
	CHECK(index_size(db, ACCOUNT, &size, &e) == 0);
	CHECK(size.bytes > 300000 && size.segments < 10);
	index_step_bytes = before;
}

/* ---- known answers ---- */

static struct index_found ask(
	struct sql *db, const char *text, unsigned fields, enum index_how how, struct arena *a)
{
	struct index_query q = {.fields = fields, .text = slice_z(text), .how = how};
	struct index_ask k = {.account_id = ACCOUNT, .what = &q, .score = true};
	struct index_found f;
	struct err e;
	if (index_find(db, &k, a, &f, &e))
		test_fail(__FILE__, __LINE__, "%s: %s", text, e.text);
	return f;
}

/* "3 1" */
static void check_found(struct sql *db, const char *text, enum index_how how, const char *want)
{
	AUTO(arena) struct arena a = {0};
	AUTO(buf) struct buf got = BUF(1000);
	struct index_found f = ask(db, text, 1u << INDEX_BODY | 1u << INDEX_SUBJECT, how, &a);
	for (size_t i = 0; i < f.n; i++)
		buf_printf(
			&got, "%s%d%s", i ? " " : "", (int)f.v[i].email_id, f.v[i].sure ? "" : "?");
	if (!slice_eq(buf_slice(&got), slice_z(want)))
		test_fail(__FILE__, __LINE__, "'%s' finds '%.*s', not '%s'", text,
			SFMT(buf_slice(&got)), want);
}

static void add_known(struct sql *db)
{
	static const char *const bodies[] = {"", "The quick brown fox, jumps.",
		"quick: brown foxes", "Write to ann@example.com (or ann@example.org).",
		"全文檢索系統", "索引与全\n文检索",
		"The fox and the quick brown dog; quick, quick, quick!"};
	struct index_email v[7] = {0};
	struct err e;
	for (int i = 1; i < 7; i++) {
		v[i].email_id = i;
		v[i].text[INDEX_BODY] = slice_z(bodies[i]);
		v[i].cut = i == 5;
	}
	v[1].text[INDEX_SUBJECT] = S("Brown" INDEX_GAP "fox");
	CHECK(sql_begin(db, &e) == 0 && index_add_tx(db, ACCOUNT, v + 1, 6, &e) == 0);
	CHECK(sql_commit(db, &e) == 0);
}

TEST(index_knows_pieces_words_and_beginnings)
{
	static const struct {
		const char *text;
		enum index_how how;
		const char *want;
	} rows[] = {
		{"quick brown", INDEX_PHRASE, "6 5? 1"},
		{"uick brow", INDEX_PHRASE, "6 5? 1"},
		{"quick brown", INDEX_WORDS, "6 5? 2 1"}, /* whatever stands between */
		{"quick bro", INDEX_WORDS, "5?"},
		{"quick bro", INDEX_BEGINNING, "6 5? 2 1"},
		{"brown fox", INDEX_PHRASE, "5? 2 1"}, /* not across the gap of the subject */
		{"brown fox", INDEX_WORDS, "5? 1"},
		{"brownfox", INDEX_PHRASE, "5?"},
		{"fox,", INDEX_PHRASE, "5? 1"},
		{"ann@example.com", INDEX_PHRASE, "5? 3"},
		{"ann@example.", INDEX_PHRASE, "5? 3"},
		{"ann.example", INDEX_PHRASE, "5?"},
		{"n@e", INDEX_PHRASE, "5? 3"},
		{"全文检索", INDEX_PHRASE, "5 4"},
		{"檢索", INDEX_PHRASE, "5 4"},
		{"索", INDEX_WORDS, "5 4"},
		{"文全", INDEX_PHRASE, "5?"},
		{"FOXES", INDEX_PHRASE, "5? 2"},
		{"", INDEX_PHRASE, "6 5 4 3 2 1"},
		{"quick ", INDEX_PHRASE, "6? 5? 2? 1?"},
		{"nothing", INDEX_PHRASE, "5?"},
	};
	AUTO(testdir) struct testdir d = testdir_make();
	AUTO(sql) struct sql *db = open_index(&d);
	add_known(db);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		check_found(db, rows[i].text, rows[i].how, rows[i].want);
}

TEST(index_scores_what_is_rarer_and_more_often_higher)
{
	AUTO(testdir) struct testdir d = testdir_make();
	AUTO(sql) struct sql *db = open_index(&d);
	AUTO(arena) struct arena a = {0};
	add_known(db);
	struct index_found f = ask(db, "quick", 1 << INDEX_BODY, INDEX_WORDS, &a);
	CHECK(f.n == 4 && f.v[0].email_id == 6 && f.v[3].email_id == 1);
	CHECK(f.v[0].score > f.v[3].score && f.v[3].score > 0 && f.v[0].score <= 1);
	CHECK(!f.v[1].sure && f.v[1].score == 0);
	f = ask(db, "brown", 1 << INDEX_BODY | 1 << INDEX_SUBJECT, INDEX_WORDS, &a);
	CHECK(f.v[f.n - 1].email_id == 1 &&
		f.v[f.n - 1].score > f.v[0].score); /* in the subject, too */
}

TEST(index_asks_for_a_range_and_the_newest)
{
	AUTO(testdir) struct testdir d = testdir_make();
	AUTO(sql) struct sql *db = open_index(&d);
	AUTO(arena) struct arena a = {0};
	struct err e;
	add_known(db);
	struct index_query q = {.fields = 1 << INDEX_BODY, .text = S("o")};
	struct index_ask k = {.account_id = ACCOUNT, .what = &q, .from = 2, .to = 5};
	struct index_found f;
	CHECK(index_find(db, &k, &a, &f, &e) == 0);
	CHECK(f.n == 3 && f.v[0].email_id == 5 && f.v[2].email_id == 2 && f.known == 6);
	k = (struct index_ask){.account_id = ACCOUNT, .what = &q, .most = 2};
	CHECK(index_find(db, &k, &a, &f, &e) == 0 && f.n == 2 && f.v[0].email_id == 6);
	k.account_id++;
	CHECK(index_find(db, &k, &a, &f, &e) == 0 && f.n == 0 && f.known == 0);
}

TEST(index_refuses_queries_that_are_too_large)
{
	AUTO(testdir) struct testdir d = testdir_make();
	AUTO(sql) struct sql *db = open_index(&d);
	AUTO(arena) struct arena a = {0};
	struct err e;
	struct index_found f;
	struct index_query v[INDEX_QUERY_LEAVES_MAX + 1] = {0}, top = {.op = INDEX_OR, .first = v};
	struct index_ask k = {.account_id = ACCOUNT, .what = &top};
	for (int i = 0; i < INDEX_QUERY_LEAVES_MAX; i++)
		v[i].next = &v[i + 1];
	CHECK(index_find(db, &k, &a, &f, &e) < 0 && e.kind == ERR_LIMIT);
	for (int i = 0; i < INDEX_QUERY_LEAVES_MAX; i++)
		v[i] = (struct index_query){.op = INDEX_NOT, .first = &v[i + 1]};
	k.what = v;
	CHECK(index_find(db, &k, &a, &f, &e) < 0 && e.kind == ERR_LIMIT);
	AUTO(buf) struct buf text = BUF(10000);
	buf_fill(&text, 'x', INDEX_QUERY_TEXT_MAX + 1);
	v[0] = (struct index_query){.text = buf_slice(&text)};
	CHECK(index_find(db, &k, &a, &f, &e) < 0 && e.kind == ERR_LIMIT);
}

TEST(index_of_an_account_is_removed_and_made_again)
{
	AUTO(testdir) struct testdir d = testdir_make();
	AUTO(corpus) struct corpus c = corpus_make(60, 1500);
	AUTO(sql) struct sql *db = open_index(&d);
	AUTO(arena) struct arena a = {0};
	struct err e;
	int64_t known, due;
	int r;
	add(db, &c, 0, c.n);
	CHECK(index_known(db, ACCOUNT, &known, &e) == 0 && known == c.v[c.n - 1].email_id);
	CHECK(sql_begin(db, &e) == 0);
	r = index_remove_tx(db, ACCOUNT, &e);
	CHECK(sql_commit(db, &e) == 0 && r == 1);
	CHECK(index_known(db, ACCOUNT, &known, &e) == 0 && known == 0);
	CHECK(ask(db, "the", 0xff, INDEX_PHRASE, &a).n == 0);
	CHECK(sql_begin(db, &e) == 0);
	CHECK(index_merge_tx(db, ACCOUNT, NULL, NULL, &e) == 0); /* nothing is merged any more */
	CHECK(sql_commit(db, &e) == 0);
	for (size_t i = 0; i < 20; i++)
		add(db, &c, i, i + 1); /* what was left is removed first */
	CHECK(compare_many(db, &c, 20, 50) > 10);
	CHECK(index_due(db, 0, &due, &e) == 0 && due == ACCOUNT);
	while (merge_once(db, &c))
		;
	CHECK(index_due(db, 0, &due, &e) == 0 && due == 0);
	CHECK(compare_many(db, &c, 20, 50) > 10);
}

/* Made by another version of the program: as if there was none, until the indexer begins anew. */
TEST(index_of_another_version_knows_nothing)
{
	AUTO(testdir) struct testdir d = testdir_make();
	AUTO(sql) struct sql *db = open_index(&d);
	AUTO(arena) struct arena a = {0};
	struct err e;
	add_known(db);
	CHECK(ask(db, "quick", 1 << INDEX_BODY, INDEX_WORDS, &a).known == 6);
	for (int64_t by = -1; by < 2; by += 2) {
		static const char move[] = "UPDATE schema_version SET version = version + $1";
		CHECK(sql_run(db, &e, move, "i", by) == 1);
		struct index_found f = ask(db, "quick", 1 << INDEX_BODY, INDEX_WORDS, &a);
		CHECK(f.known == 0 && f.n == 0);
		CHECK(sql_run(db, &e, move, "i", -by) == 1);
	}
	CHECK(ask(db, "quick", 1 << INDEX_BODY, INDEX_WORDS, &a).n == 4);
}

/* ---- damage ---- */

static void damage(struct sql *db, const char *read, const char *write)
{
	AUTO(buf) struct buf data = BUF(1 << 20);
	struct err e;
	struct sql_stmt *s = sql_prepare(db, read, &e);
	CHECK(s && sql_step(s, &e) == 1);
	int64_t id = sql_int(s, 0);
	buf_put(&data, sql_text(s, 1));
	sql_reset(s);
	for (uint32_t k = 1 + roll(4); k && data.n; k--)
		data.p[roll(roll(2) ? (uint32_t)data.n : 40) % data.n] = (char)roll(256);
	if (!roll(4))
		data.n = roll((uint32_t)data.n + 1);
	CHECK(sql_begin(db, &e) == 0);
	CHECK(sql_run(db, &e, write, "ib", id, buf_slice(&data)) == 1);
	CHECK(sql_commit(db, &e) == 0);
}

/* A query or a merge of damaged rows ends, with an error or without. */
static size_t use_damaged(struct sql *db, struct corpus *c)
{
	AUTO(arena) struct arena a = {0};
	struct index_found f;
	struct err e = {0};
	size_t failed = 0;
	for (int i = 0; i < 6; i++) {
		bool sure = true;
		struct index_ask k = {.account_id = ACCOUNT, .what = random_query(c, &a, 1, &sure)};
		if (index_find(db, &k, &a, &f, &e) < 0) {
			/* Some of these queries have more words than one may have. */
			CHECK(e.kind == ERR_TEMP ||
				(e.kind == ERR_LIMIT &&
					slice_starts(slice_z(e.text), S("a text of a search"))));
			failed += e.kind == ERR_TEMP;
		}
	}
	CHECK(sql_begin(db, &e) == 0);
	if (index_merge_tx(db, ACCOUNT, is_gone, c, &e) < 0)
		CHECK_INT(e.kind, ERR_TEMP);
	sql_rollback(db);
	return failed;
}

TEST(index_with_damaged_blocks_fails_or_answers)
{
	AUTO(testdir) struct testdir d = testdir_make();
	AUTO(corpus) struct corpus c = corpus_make(90, 800);
	AUTO(sql) struct sql *db = open_index(&d);
	size_t failed = 0;
	for (size_t i = 0; i < c.n; i += 10)
		add(db, &c, i, i + 10);
	for (int i = 0; i < 150; i++) {
		damage(db, "SELECT rowid, data FROM block ORDER BY RANDOM() LIMIT 1",
			"UPDATE block SET data = $2 WHERE rowid = $1");
		failed += use_damaged(db, &c);
	}
	CHECK(failed > 0);
}

TEST(index_with_damaged_segments_fails_or_answers)
{
	AUTO(testdir) struct testdir d = testdir_make();
	AUTO(corpus) struct corpus c = corpus_make(90, 30);
	AUTO(sql) struct sql *db = open_index(&d);
	size_t failed = 0;
	for (size_t i = 0; i < c.n; i += 10)
		add(db, &c, i, i + 10);
	for (int i = 0; i < 150; i++) {
		damage(db, "SELECT id, inlined FROM segment ORDER BY RANDOM() LIMIT 1",
			"UPDATE segment SET inlined = $2 WHERE id = $1");
		if (!roll(3))
			damage(db, "SELECT id, docs FROM segment ORDER BY RANDOM() LIMIT 1",
				"UPDATE segment SET docs = $2 WHERE id = $1");
		failed += use_damaged(db, &c);
	}
	CHECK(failed > 0);
}
