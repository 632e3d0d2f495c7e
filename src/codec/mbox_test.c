/* Files of letters: where each begins and ends, notes, quoting; what is written is read again as it was. */
#include "base/mem.h"
#include "base/test.h"
#include "codec/mbox.h"
#include <stdio.h>

struct seen {
	struct buf out;
	unsigned n;
	bool body_only;
};

static bool note(void *arg, const struct mbox_letter *l)
{
	struct seen *s = arg;
	s->n++;
	buf_printf(&s->out, "[%u%s%.*s%s|", l->flags, l->keywords.n ? " " : "", SFMT(l->keywords),
		l->expunged    ? " expunged"
		: l->too_large ? " large"
			       : "");
	buf_put(&s->out, l->head);
	buf_put(&s->out, l->rest);
	buf_put(&s->out, S("]"));
	return true;
}

static void read_it(slice in, size_t step, enum mbox_quoting q, size_t most, struct seen *s)
{
	AUTO(mbox) struct mbox m = {0};
	mbox_init(&m, most, q, note, s);
	while (in.n) {
		slice piece = slice_first(in, step);
		CHECK(mbox_bytes(&m, piece));
		in = slice_skip(in, piece.n);
	}
	mbox_end(&m);
}

#define F "From joe@far.test Sun Nov 22 20:17:01 2026\n"

TEST(mbox_letters)
{
	static const struct {
		const char *in, *want;
		enum mbox_quoting q;
	} cases[] = {
		{"", "", MBOX_RD},
		{"no mbox\n", "", MBOX_RD},
		{F "A: b\n\ntext\n\n" F "C: d\n\nmore\n", "[0|A: b\n\ntext\n][0|C: d\n\nmore\n]",
			MBOX_RD},
		/* a line in a text is none, without a time or without an empty line before it */
		{F "A: b\n\nx\n\nFrom here on\n\n", "[0|A: b\n\nx\n\nFrom here on\n]", MBOX_RD},
		{F "A: b\n\nx\nFrom joe at 10:20 we\n", "[0|A: b\n\nx\nFrom joe at 10:20 we\n]",
			MBOX_RD},
		/* without an empty line, but all of it there */
		{F "A: b\n\nx\n" F "C: d\n\ny\n", "[0|A: b\n\nx\n][0|C: d\n\ny\n]", MBOX_RD},
		{F "A: b\n\n>From x\n>>From y\n> From\n", "[0|A: b\n\nFrom x\n>From y\n> From\n]",
			MBOX_RD},
		{F "A: b\n\n>From x\n>>From y\n", "[0|A: b\n\nFrom x\n>>From y\n]", MBOX_O},
		{F "A: b\n\n>From x\n>>From y\n", "[0|A: b\n\n>From x\n>>From y\n]", MBOX_AS_IS},
		{F "Status: RO\nA: b\nX-Status: AF\nX-Keywords: w  v\nX-UID: 7\n\nx\n",
			"[7 w  v|A: b\n\nx\n]", MBOX_RD},
		{F "X-Mozilla-Status: 1005\nX-Mozilla-Status2: 00800000\nX-Mozilla-Keys: k \nA: "
		   "b\n\nx\n",
			"[5 $Forwarded k|A: b\n\nx\n]", MBOX_RD},
		{F "X-Mozilla-Status: 0009\nA: b\n\nx\n", "[1 expunged|A: b\n\nx\n]", MBOX_RD},
		{"From joe@far.test Sun Nov 22 20:17:01 2026\r\nA: b\r\n\r\nx\r\n\r\n",
			"[0|A: b\r\n\r\nx\r\n]", MBOX_RD},
		/* Content-Length right: what is inside is the letter's own, unquoted */
		{F "A: b\nContent-Length: 51\n\n>From x\n" F "\n" F "C: d\n\ny\n",
			"[0|A: b\n\n>From x\n" F "][0|C: d\n\ny\n]", MBOX_RD},
		/* wrong: too long, too short, no number */
		{F "A: b\nContent-Length: 9999\n\nx\n\n" F "C: d\n\ny\n",
			"[0|A: b\n\nx\n][0|C: d\n\ny\n]", MBOX_RD},
		{F "A: b\nContent-Length: 3\n\nx\nyy\nz\n\n" F "C: d\n\ny\n",
			"[0|A: b\n\nx\nyy\nz\n][0|C: d\n\ny\n]", MBOX_RD},
		{F "A: b\nContent-Length: 2\n\nx\nyy\nz\n\n" F "C: d\n\ny\n",
			"[0|A: b\n\nx\nyy\nz\n][0|C: d\n\ny\n]", MBOX_RD},
		{F "A: b\nContent-Length: -1\n\nx\n", "[0|A: b\n\nx\n]", MBOX_RD},
		/* header alone, text alone, nothing */
		{F "A: b\n\n" F "\nx\n\n" F, "[0|A: b\n][0|\nx\n][0|]", MBOX_RD},
		{F "A: b\n\nno end", "[0|A: b\n\nno end]", MBOX_RD},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		for (size_t step = 1; step < 200; step += 61) {
			struct seen s = {.out = BUF(100000)};
			read_it(slice_z(cases[i].in), step, cases[i].q, 10000, &s);
			CHECK_STR(buf_slice(&s.out), slice_z(cases[i].want));
			buf_done(&s.out);
		}
}

TEST(mbox_too_large)
{
	struct seen s = {.out = BUF(100000)};
	read_it(S(F "A: b\n\n0123456789012345678901234567890123456789\n\n" F "C: d\n\ny\n"), 7,
		MBOX_RD, 30, &s);
	CHECK_STR(buf_slice(&s.out), S("[0 large|][0|C: d\n\ny\n]"));
	buf_done(&s.out);
}

struct dated {
	int64_t v[10];
	unsigned n;
};

static bool note_date(void *arg, const struct mbox_letter *l)
{
	struct dated *d = arg;
	d->v[d->n++] = l->received_at / 1000000;
	return true;
}

TEST(mbox_dates)
{
	static const char in[] = "From a@b Sun Nov 22 20:17:01 2026\nA: b\n\n\n"
				 "From a@b Sun Nov 22 20:17:01 +0800 2026\nA: b\n\n\n"
				 "From 17@xxx Sun Nov  2 20:17 2026 +0100\nA: b\n\n\n"
				 "From - Sun Nov 22 20:17:01 2026\nA: b\n\n\n"
				 "From a@b Foo Bar 99 20:17:01 x\nA: b\n\n";
	static const int64_t want[] = {1795378621, 1795349821, 1793647020, 0, 0};
	struct dated d = {0};
	AUTO(mbox) struct mbox m = {0};
	mbox_init(&m, 1000, MBOX_RD, note_date, &d);
	CHECK(mbox_bytes(&m, slice_z(in)));
	CHECK(mbox_end(&m));
	CHECK_INT(d.n, 5);
	for (int i = 0; i < 5; i++)
		CHECK_INT(d.v[i], want[i]);
}

struct back {
	struct buf bytes;
	unsigned flags, n;
	int64_t at;
	char words[100];
};

static bool note_back(void *arg, const struct mbox_letter *l)
{
	struct back *b = arg;
	b->n++;
	b->flags = l->flags;
	b->at = l->received_at;
	buf_put(&b->bytes, l->head);
	buf_put(&b->bytes, l->rest);
	snprintf(b->words, sizeof b->words, "%.*s", SFMT(l->keywords));
	return true;
}

/* What is written is read again: also letters whose own fields look like notes. */
TEST(mbox_there_and_back)
{
	static const char *const letters[] = {"A: b\n\nFrom x\n>From y\n\n\n",
		"Status: R\nX-Status: D\nContent-Length: 3\n\nx\n",
		"X-Posthouse-Export: received=1\n\nx\n", "A: b\n\n", "A: b\n", "\nx\n",
		"A: b\n\n" F "B: c\n\n", "A: b\n\nno end", "A: b\n\n\n\n", "A: b\r\n\r\nx\r\r\n"};
	for (size_t i = 0; i < sizeof letters / sizeof *letters; i++) {
		slice l = slice_z(letters[i]);
		const struct mbox_note n = {
			1795378621000123, MBOX_SEEN | MBOX_DRAFT, S("one $two"), S("a@b")};
		struct back b = {.bytes = BUF(10000)};
		AUTO(buf) struct buf out = BUF(10000);
		bool cut = !slice_ends(l, S("\n"));
		mbox_put_begin(&out, &n, cut);
		mbox_put_lines(&out, l, true);
		buf_put(&out, cut ? S("\n\n") : S("\n"));
		mbox_put_begin(&out, &n, false);
		AUTO(mbox) struct mbox m = {0};
		mbox_init(&m, 10000, MBOX_RD, note_back, &b);
		CHECK(mbox_bytes(&m, buf_slice(&out)));
		CHECK_STR(buf_slice(&b.bytes), l);
		CHECK_INT(b.flags, n.flags);
		CHECK_INT(b.at, n.received_at);
		CHECK_STR(slice_z(b.words), n.keywords);
		CHECK_INT(b.n, 1);
		buf_done(&b.bytes);
	}
}
