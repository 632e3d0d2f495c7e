/* What is seen in a message, and what must not be seen. */
#include "base/mem.h"
#include "base/test.h"
#include "learn/features.h"

static void read_message(struct learn_features *f, struct arena *a, slice message, unsigned groups)
{
	struct learn_mail m;
	learn_features_init(f, true);
	learn_mail_read(message, NULL, a, &m);
	learn_features_read(f, &m, groups, a);
}

static bool has(const struct learn_features *f, enum learn_group g, slice text)
{
	for (size_t i = 0; i < f->n; i++)
		if (f->v[i].group == g && slice_eq(learn_feature_text(f, i), text))
			return true;
	return false;
}

static const slice plain =
	S_INIT("From: \"Prize Desk\" <win99@promo.badsite.example>\r\n"
	       "To: <bob.secret@example.net>\r\n"
	       "Date: Mon, 04 Jul 2005 10:00:00 +0800\r\n"
	       "Reply-To: x@gmail.com\r\n"
	       "Subject: Re: [listname] Claim YOUR prize\r\n"
	       "X-Mailer: MassMailer 3.1\r\n"
	       "\r\n"
	       "You have won $1,250,000 in 2005! Write to bob.secret@example.net\r\n"
	       "or see https://www.badsite.example/claim/now.php?user=7 today.\r\n"
	       "_______________________________________________\r\n"
	       "Foo mailing list, https://lists.example.org/listinfo/foo\r\n");

TEST(features_of_text)
{
	AUTO(arena) struct arena a = {0};
	AUTO(learn_features) struct learn_features f;
	read_message(&f, &a, plain, LEARN_ALL_GROUPS);
	CHECK(has(&f, LEARN_WORDS, S("won")));
	CHECK(has(&f, LEARN_WORDS, S("$")));
	CHECK(has(&f, LEARN_PAIRS, S("you have")));
	CHECK(has(&f, LEARN_PAIRS, S("you … won")));
	CHECK(has(&f, LEARN_SUBJECT, S("claim … prize")));
	CHECK(has(&f, LEARN_GRAMS, S("claim")));
	CHECK(has(&f, LEARN_SENDER, S("from=badsite.example")));
	CHECK(has(&f, LEARN_SENDER, S("reply-to=freemail")));
	CHECK(has(&f, LEARN_SENDER, S("name=prize")));
	CHECK(has(&f, LEARN_HEADER, S("program=massmailer")));
	CHECK(has(&f, LEARN_HEADER, S("reply-to-nothing=yes")));
	CHECK(has(&f, LEARN_URL, S("site=badsite.example")));
	CHECK(has(&f, LEARN_URL, S("extension=.php")));
	CHECK(has(&f, LEARN_URL, S("query=user")));
}

TEST(features_leave_out_accidents)
{
	static const char *const never[] = {
		"secret", "2005", "jul", "listname", "mailing", "listinfo", "bob", "0800", "10:00"};
	AUTO(arena) struct arena a = {0};
	AUTO(learn_features) struct learn_features f;
	read_message(&f, &a, plain, LEARN_ALL_GROUPS & ~(1u << LEARN_WORDS | 1u << LEARN_PAIRS));
	for (size_t i = 0; i < f.n; i++)
		for (size_t k = 0; k < sizeof never / sizeof *never; k++)
			if (f.v[i].group != LEARN_URL &&
				slice_find(learn_feature_text(&f, i), slice_z(never[k])) <
					learn_feature_text(&f, i).n)
				test_fail(__FILE__, __LINE__, "%s in \"%.*s\"", never[k],
					SFMT(learn_feature_text(&f, i)));
}

/* Numbers count by their shape: another year, another sum makes no difference. */
TEST(features_of_numbers)
{
	AUTO(arena) struct arena a = {0};
	AUTO(learn_features) struct learn_features f, g;
	read_message(&f, &a, S("Subject: x\n\npay 1999 now, 12,345.00\n"), 1u << LEARN_WORDS);
	read_message(&g, &a, S("Subject: x\n\npay 2026 now, 98,765.43\n"), 1u << LEARN_WORDS);
	CHECK_INT(f.n, 4);
	CHECK_INT(g.n, 4);
	for (size_t i = 0; i < f.n; i++)
		CHECK(f.v[i].hash == g.v[i].hash);
}

TEST(features_of_chinese)
{
	AUTO(arena) struct arena a = {0};
	AUTO(learn_features) struct learn_features f;
	read_message(&f, &a,
		S("Subject: =?utf-8?B?5Y+R56Wo?=\nContent-Type: text/plain; "
		  "charset=utf-8\n\n代开发票，电话"),
		1u << LEARN_CJK);
	CHECK(has(&f, LEARN_CJK, S("发票")));
	CHECK(has(&f, LEARN_CJK, S("开发票")));
	CHECK(!has(&f, LEARN_CJK, S("票，电")));
	CHECK(!has(&f, LEARN_CJK, S("票电")));
}

/* Written with blanks, full-width letters or a split word, it is the same to the model. */
TEST(features_undo_disguise)
{
	AUTO(arena) struct arena a = {0};
	AUTO(learn_features) struct learn_features f;
	read_message(&f, &a,
		S("Content-Type: text/html; charset=utf-8\n\n"
		  "<p>ＶＩＡＧＲＡ</p><p>lot<b></b>tery</p><p style='display:none'>quiet</p>"),
		LEARN_ALL_GROUPS);
	CHECK(has(&f, LEARN_WORDS, S("viagra")));
	CHECK(has(&f, LEARN_WORDS, S("lottery")));
	CHECK(!has(&f, LEARN_WORDS, S("quiet")));
	CHECK(has(&f, LEARN_HIDDEN, S("quiet")));
}

TEST(features_of_parts)
{
	AUTO(arena) struct arena a = {0};
	AUTO(learn_features) struct learn_features f;
	read_message(&f, &a,
		S("Content-Type: multipart/mixed; boundary=b\n\n--b\n\nhello\n--b\n"
		  "Content-Type: application/zip; name=\"invoice.pdf.zip\"\n\nPK\n--b--\n"),
		LEARN_ALL_GROUPS);
	CHECK(has(&f, LEARN_PARTS, S("file=.zip")));
	CHECK(has(&f, LEARN_PARTS, S("double-extension=.zip")));
	CHECK(has(&f, LEARN_PARTS, S("type=application/zip")));
}

TEST(features_switch_off)
{
	AUTO(arena) struct arena a = {0};
	for (unsigned g = 0; g < LEARN_GROUPS; g++) {
		AUTO(learn_features) struct learn_features f;
		read_message(&f, &a, plain, LEARN_ALL_GROUPS & ~(1u << g));
		CHECK_INT(f.per_group[g], 0);
		CHECK(f.n > 0);
		CHECK(learn_group_name(g, false)[0] && learn_group_name(g, true)[0]);
	}
}

/* Hashes are part of what a model file means: a change needs a new LEARN_FEATURES_VERSION. */
TEST(features_stay_the_same)
{
	AUTO(arena) struct arena a = {0};
	AUTO(learn_features) struct learn_features f;
	uint64_t sum = 0;
	read_message(&f, &a, S("From: a@b.example\nSubject: one two\n\nthree four 发票\n"),
		LEARN_LASTING_GROUPS);
	for (size_t i = 0; i < f.n; i++)
		sum += f.v[i].hash;
	CHECK_INT(LEARN_FEATURES_VERSION, 2);
	CHECK_INT(sum, 1088533188682028098);
}

TEST(features_of_findings)
{
	AUTO(arena) struct arena a = {0};
	AUTO(learn_features) struct learn_features f;
	read_message(&f, &a, plain, LEARN_ALL_GROUPS);
	CHECK_INT(f.per_group[LEARN_SIGNALS], 0);
	learn_features_add_signal(&f, S("link-deceives"));
	learn_features_add_signal(&f, S("link-deceives"));
	CHECK_INT(f.per_group[LEARN_SIGNALS], 1);
	CHECK(has(&f, LEARN_SIGNALS, S("found=link-deceives")));
}

TEST(features_have_a_limit)
{
	AUTO(arena) struct arena a = {0};
	AUTO(learn_features) struct learn_features f;
	AUTO(buf) struct buf b = BUF(4 << 20);
	uint64_t seed = 1;
	buf_put(&b, S("Subject: x\n\n"));
	for (unsigned i = 0; i < 100000; i++) {
		seed = learn_hash(seed, S("x"));
		for (uint64_t s = seed; s > 1u << 20; s /= 26)
			buf_byte(&b, (char)('a' + s % 26));
		buf_byte(&b, i % 9 ? ' ' : '\n');
	}
	read_message(&f, &a, buf_slice(&b), LEARN_ALL_GROUPS);
	CHECK(f.n <= LEARN_FEATURES_MAX);
	CHECK(f.n > 5000);
}

/* The same set twice, the object used again. */
TEST(features_again)
{
	AUTO(arena) struct arena a = {0};
	AUTO(learn_features) struct learn_features f;
	struct learn_mail m;
	learn_features_init(&f, false);
	learn_mail_read(plain, NULL, &a, &m);
	learn_features_read(&f, &m, LEARN_ALL_GROUPS, &a);
	size_t n = f.n;
	uint64_t first = f.v[0].hash, last = f.v[n - 1].hash;
	for (unsigned i = 0; i < 20; i++)
		learn_features_read(&f, &m, LEARN_ALL_GROUPS, &a);
	CHECK_INT(f.n, n);
	CHECK(f.v[0].hash == first && f.v[n - 1].hash == last);
}
