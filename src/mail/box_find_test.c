/* Searching with an index: what it says, what it does not know, who sees what, where words stand. */
#include "codec/tokens.h"
#include "mail/box_find.h"
#include "mail/box_testing.h"
#include "store/index.h"

/* ---- an index that says what a test wants ---- */

static struct sql *open_index(struct bench *b, int64_t account)
{
	struct sql *db = NULL;
	struct err e;
	OK(sql_open_cache(
		testdir_slice(&b->dir), index_db_name((int)(account % INDEX_SHARDS)), &db, &e));
	OK(sql_migrate(db, index_migrations, index_migrations_n, &e));
	return db;
}

static void add_email(struct bench *b, int64_t account, int n, const char *body, bool cut)
{
	struct sql *db = open_index(b, account);
	struct err e;
	const struct index_email m = {
		.email_id = (account << 32) + n, .text[INDEX_BODY] = slice_z(body), .cut = cut};
	OK(sql_begin(db, &e));
	OK(index_add_tx(db, account, &m, 1, &e));
	OK(sql_commit(db, &e));
	sql_close(db);
}

/* The body of each message as if it were in a file. */
static int give_texts(void *arg, const struct mailbox_message *m, bool all, struct arena *a,
	slice *ret, struct err *e)
{
	(void)m, (void)all, (void)a, (void)e;
	++*(int *)arg;
	for (int i = 0; i < INDEX_FIELDS; i++)
		ret[i] = S("");
	ret[INDEX_ATTACHMENT] = S("inside the file");
	return 0;
}

static slice fold(struct bench *b, const char *text)
{
	AUTO(buf) struct buf out = BUF(1000);
	search_fold(slice_z(text), &out);
	return arena_dup(&b->mem, buf_slice(&out));
}

static const char *found(struct bench *b, enum box_criterion_kind kind, const char *text)
{
	struct box_view *v = bench_view(b->ann, "INBOX");
	struct box_criterion c = {.kind = kind, .text = fold(b, text)};
	struct box_search s = {.what = &c};
	struct box_found f = {0};
	AUTO(buf) struct buf out = BUF(1000);
	struct err e;
	OK(box_search(v, &s, &f, &e));
	for (uint32_t u = 0; (u = uidset_next(&f.uids, u + 1));)
		buf_printf(&out, " %u", u);
	uidset_done(&f.uids);
	box_close(v);
	return arena_strz(&b->mem, buf_slice(&out));
}

static void index_is_believed_where_it_knows(struct bench *b)
{
	int asked = 0;
	const struct box_index index = {.files = true, .texts = give_texts, .arg = &asked};
	int64_t ann = box_user_account(b->ann);
	for (int i = 0; i < 4; i++)
		bench_append(b->ann, S("INBOX"), S("Subject: s\r\n\r\nreal words\r\n"), 0, S(""));
	boxes_index(b->boxes, &index);
	CHECK_STR(slice_z(found(b, BOX_BODY, "real")), S(" 1 2 3 4")); /* there is none yet */
	add_email(b, ann, 1, "phantom words",
		false); /* it lies, so that it can be seen to be asked */
	add_email(b, ann, 2, "real words", false);
	add_email(b, ann, 3, "", true);
	CHECK_STR(slice_z(found(b, BOX_BODY, "real")), S(" 2 3 4"));
	CHECK_STR(slice_z(found(b, BOX_BODY, "PHANTOM")), S(" 1"));
	CHECK_STR(slice_z(found(b, BOX_BODY, "al wor")), S(" 2 3 4"));
	CHECK_INT(asked, 0); /* no attachments anywhere */
	boxes_index(b->boxes, NULL);
	CHECK_STR(slice_z(found(b, BOX_BODY, "real")), S(" 1 2 3 4"));
	CHECK_STR(slice_z(found(b, BOX_BODY, "phantom")), S(""));
}

TEST(box_search_believes_the_index_where_it_knows)
{
	in_bench(index_is_believed_where_it_knows);
}

static const char with_file[] =
	"From: Zoe <zoe@far.test>\r\nSubject: a file\r\nContent-Type: multipart/mixed; "
	"boundary=b\r\n\r\n"
	"--b\r\n\r\nsee it\r\n--b\r\nContent-Type: application/pdf\r\n\r\n%PDF\r\n--b--\r\n";

static void files_are_asked_for(struct bench *b)
{
	int asked = 0;
	const struct box_index index = {.files = true, .texts = give_texts, .arg = &asked};
	bench_append(b->ann, S("INBOX"), slice_z(with_file), 0, S(""));
	bench_letter(b->ann, "INBOX");
	boxes_index(b->boxes, &index);
	add_email(b, box_user_account(b->ann), 1, "", true);
	CHECK_STR(slice_z(found(b, BOX_BODY, "inside THE file")), S(" 1"));
	CHECK_INT(asked, 1);
	CHECK_STR(slice_z(found(b, BOX_BODY, "see it")), S(" 1"));
	CHECK_INT(asked, 1); /* it was in the text */
	CHECK_STR(slice_z(found(b, BOX_SUBJECT, "inside")), S(""));
	CHECK_INT(asked, 1);
}

TEST(box_search_has_attachments_read_where_the_index_cannot_tell)
{
	in_bench(files_are_asked_for);
}

/* A damaged index is told about, and does no harm. */
static void damage_does_no_harm(struct bench *b)
{
	const struct box_index index = {.files = false};
	int64_t ann = box_user_account(b->ann);
	bench_letter(b->ann, "INBOX");
	boxes_index(b->boxes, &index);
	const char *name = index_db_name((int)(ann % INDEX_SHARDS));
	char path[200], mark[200];
	snprintf(path, sizeof path, "%s/db/%s.sqlite", b->dir.path, name);
	snprintf(mark, sizeof mark, "%s/db/%s.damaged", b->dir.path, name);
	FILE *f = fopen(path, "w");
	for (int i = 0; i < 5000; i++)
		fputs("garbage", f);
	fclose(f);
	CHECK_STR(slice_z(found(b, BOX_BODY, "the body")), S(" 1"));
	f = fopen(mark, "r");
	CHECK(f != NULL);
	if (f)
		fclose(f);
}

TEST(box_search_does_without_a_damaged_index)
{
	in_bench(damage_does_no_harm);
}

/* ---- finding ---- */

static void find_words(
	struct bench *b, struct box_user *u, const char *typed, struct box_finding *ret)
{
	struct box_find q = {.scope = BOX_ALL, .most = 10};
	struct err e;
	OK(box_find_parse(slice_z(typed), &b->mem, &q.what, &e));
	OK(box_find(u, &q, &b->mem, ret, &e));
}

static void people_find(struct bench *b)
{
	struct box_finding f;
	struct err e;
	bench_append(b->ann, S("INBOX"),
		S("From: Zoe <zoe@far.test>\r\nSubject: budget one\r\n\r\nfirst words\r\n"), 0,
		S(""));
	bench_append(b->ann, S("INBOX"),
		S("From: Joe <joe@far.test>\r\nSubject: =?utf-8?b?5Lya6K6u?=\r\n\r\nsecond words, "
		  "budget\r\nof two lines\r\n"),
		MAILBOX_SEEN, S(""));
	OK(box_folder_make(b->ann, S("Team"), MAILBOX_USE_NONE, &e));
	bench_append(b->ann, S("Team"),
		S("From: Zoe <zoe@far.test>\r\nSubject: shared\r\n\r\nthird words\r\n"), 0, S(""));
	static const struct {
		const char *typed;
		size_t n;
	} rows[] = {{"words", 3}, {"budget", 2}, {"budget first", 1}, {"from:zoe", 2},
		{"from:zoe -budget", 1}, {"\"budget of two\"", 1}, {"\"two of budget\"", 0},
		{"is:unread words", 2}, {"is:read", 1}, {"subject:会议", 1}, {"主题：會議", 1},
		{"before:2001-01-01 words", 0}, {"larger:1m", 0}, {"smaller:1m words", 3},
		{"http://none", 0}};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		find_words(b, b->ann, rows[i].typed, &f);
		if (f.n != rows[i].n)
			test_fail(__FILE__, __LINE__, "%s: %zu", rows[i].typed, f.n);
	}
	find_words(b, b->ann, "words", &f);
	CHECK(f.n == 3 && f.v[0].m.received_at >= f.v[1].m.received_at && f.v[0].m.summary.n > 0);
	find_words(b, b->bob, "words", &f);
	CHECK_INT(f.n, 0);
	OK(box_grant(b->ann, S("Team"), S("bob@one.test"), RIGHT_LOOKUP, &e));
	find_words(b, b->bob, "words", &f);
	CHECK_INT(f.n, 0); /* to see that it is there is not to read it */
	OK(box_grant(b->ann, S("Team"), S("bob@one.test"), RIGHT_LOOKUP | RIGHT_READ, &e));
	find_words(b, b->bob, "words", &f);
	CHECK(f.n == 1 && slice_ends(f.v[0].folder.name, S("/Team")));
}

TEST(people_find_what_they_may_read)
{
	in_bench(people_find);
}

TEST(what_people_type_has_limits)
{
	AUTO(arena) struct arena a = {0};
	AUTO(buf) struct buf many = BUF(10000);
	struct box_criterion *c;
	struct err e;
	static const char *const bad[] = {
		"", "   ", "before:soon", "larger:much", "is:lost", "\xff"};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		FAILS(box_find_parse(slice_z(bad[i]), &a, &c, &e), ERR_PROTO);
	for (int i = 0; i < 300; i++)
		buf_put(&many, S("a "));
	FAILS(box_find_parse(buf_slice(&many), &a, &c, &e), ERR_PROTO);
	for (int i = 0; i < 300; i++)
		buf_put(&many, S("bcd "));
	FAILS(box_find_parse(buf_slice(&many), &a, &c, &e), ERR_PROTO);
	OK(box_find_parse(S("a:b -c \"open"), &a, &c, &e));
}

/* ---- fragments ---- */

static slice marked(struct bench *b, const struct box_snippet *s)
{
	AUTO(buf) struct buf out = BUF(10000);
	size_t at = 0;
	for (size_t i = 0; i < s->nmarks; i++) {
		buf_put(&out, slice_of(s->text.p + at, s->marks[i].from - at));
		buf_byte(&out, '[');
		buf_put(&out,
			slice_of(s->text.p + s->marks[i].from, s->marks[i].to - s->marks[i].from));
		buf_byte(&out, ']');
		at = s->marks[i].to;
	}
	buf_put(&out, slice_skip(s->text, at));
	return arena_dup(&b->mem, buf_slice(&out));
}

static void fragments(struct bench *b)
{
	static const struct {
		const char *body, *typed, *want;
	} rows[] = {
		{"Some words here", "WORDS", "Some [words] here"},
		{"Some words here", "some here", "[Some] words [here]"},
		{"a phrase over\r\ntwo lines", "\"over two\"", "a phrase [over two] lines"},
		{"caf\xc3\xa9 au lait, cafe", "CAFE", "[caf\xc3\xa9] au lait, [cafe]"},
		{"请查收会\r\n议通知", "会议", "请查收[会 议]通知"},
		{"準時參加會議。", "参加会议", "準時[參加會議]。"},
		{"cafe\xcc\x81 combined", "café", "[cafe\xcc\x81] combined"},
		{"x\x01y needle\x02z", "needle", "x y [needle] z"},
		{"overlapping abcabc", "abc bca", "overlapping [abcabc]"},
		{"ＦＵＬＬ width", "full", "[ＦＵＬＬ] width"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct box_finding f;
		struct box_snippet *v;
		struct box_criterion *what;
		struct err e;
		size_t n;
		slice letter = arena_printf(&b->mem,
			"Subject: s\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n%s\r\n",
			rows[i].body);
		bench_append(b->ann, S("INBOX"), letter, 0, S(""));
		find_words(b, b->ann, rows[i].typed, &f);
		OK(box_find_parse(slice_z(rows[i].typed), &b->mem, &what, &e));
		OK(box_snippets(b->ann, &f.v[0], what, &b->mem, &v, &n, &e));
		if (f.n && n)
			CHECK_STR(marked(b, &v[n - 1]), slice_z(rows[i].want));
		else
			test_fail(__FILE__, __LINE__, "%s: nothing", rows[i].typed);
	}
}

TEST(fragments_show_where_words_stand)
{
	in_bench(fragments);
}

static void long_text(struct bench *b)
{
	AUTO(buf) struct buf letter = BUF(4 << 20);
	struct box_finding f;
	struct box_snippet *v;
	struct box_criterion *what;
	struct err e;
	size_t n;
	buf_put(&letter, S("Subject: s\r\n\r\n"));
	for (int i = 0; i < 20000; i++)
		buf_put(&letter, S("filler words\r\n"));
	buf_put(&letter, S("the needle stands here\r\n"));
	for (int i = 0; i < 100; i++)
		buf_put(&letter, S("filler words\r\n"));
	bench_append(b->ann, S("INBOX"), buf_slice(&letter), 0, S(""));
	find_words(b, b->ann, "needle", &f);
	OK(box_find_parse(S("needle"), &b->mem, &what, &e));
	OK(box_snippets(b->ann, &f.v[0], what, &b->mem, &v, &n, &e));
	CHECK(n == 1 && v[0].cut_before && v[0].cut_after && v[0].text.n < 300 && v[0].nmarks == 1);
	CHECK(slice_find(marked(b, &v[0]), S("the [needle] stands here")) < 300);
}

TEST(fragments_of_long_texts_are_short)
{
	in_bench(long_text);
}
