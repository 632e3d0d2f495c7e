/*
 * How large and how fast the full-text index is, without a server: reads messages from files, takes their texts as the product does
 * (content/texts.h), indexes them in batches as the indexer does, merges, asks. One line each; times are CPU of this thread.
 *
 *	index-measure DIR COPIES FOLDER...
 *
 * DIR (a new one) gets the database. COPIES above 1: as many messages again are put together of pieces of the others' bodies,
 * so that a large mailbox can be had from a small corpus.
 */
#include "base/mem.h"
#include "content/texts.h"
#include "store/index.h"
#include <ftw.h>
#include <stdio.h>
#include <time.h>

enum {
	MESSAGE_MAX = 64 << 20,
	BATCH = 1000,
	PIECE_MIN = 200,
	PIECE_MAX = 1400,
	REPEAT = 5,
	ACCOUNT = 4
};

static struct arena texts;
static struct index_email *emails;
static size_t n, cap;
static uint64_t state = 88172645463325252u;

static uint32_t roll(size_t below)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)((state >> 11) % (below ? below : 1));
}

static double cpu(void)
{
	struct timespec t;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static _Noreturn void give_up(const char *what, const char *why)
{
	fprintf(stderr, "index-measure: %s: %s\n", what, why);
	exit(1);
}

static struct index_email *one_more(void)
{
	if (n == cap) {
		cap = cap ? 2 * cap : 1024;
		emails = mem_grow(emails, cap * sizeof *emails);
	}
	emails[n] = (struct index_email){.email_id = (int64_t)n + 1};
	return &emails[n++];
}

static int read_file(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)at;
	FILE *f = type == FTW_F && st->st_size < MESSAGE_MAX ? fopen(path, "rb") : NULL;
	if (!f)
		return 0;
	AUTO(arena) struct arena a = {0};
	AUTO(free) char *raw = mem_alloc((size_t)st->st_size + 1);
	size_t got = fread(raw, 1, (size_t)st->st_size, f);
	struct content_texts t;
	fclose(f);
	content_texts(slice_of(raw, got), 0, CONTENT_TEXTS_ALL, &a, &t);
	struct index_email *m = one_more();
	for (int i = 0; i < INDEX_FIELDS; i++)
		m->text[i] = arena_dup(&texts, t.text[i]);
	m->cut = t.cut;
	return 0;
}

/* Lines of a body, from anywhere in it. */
static slice piece_of(slice body, size_t most)
{
	slice s = slice_skip(body, roll(body.n > most ? body.n - most : 1));
	s = slice_first(slice_skip(s, slice_index(s, '\n') + 1), most);
	return slice_first(s, slice_rindex(s, '\n'));
}

/* Fields of one message, a body as long as its own of pieces of all. */
static void make_email(size_t originals)
{
	AUTO(buf) struct buf body = BUF(INDEX_TEXT_MAX);
	const struct index_email from = emails[roll(originals)];
	while (body.n < from.text[INDEX_BODY].n) {
		slice other = emails[roll(originals)].text[INDEX_BODY];
		buf_put(&body, piece_of(other, PIECE_MIN + roll(PIECE_MAX - PIECE_MIN)));
		buf_byte(&body, '\n');
	}
	struct index_email *m = one_more();
	memcpy(m->text, from.text, sizeof m->text);
	m->text[INDEX_BODY] = arena_dup(&texts, buf_slice(&body));
}

static void fill(struct sql *db)
{
	struct err e;
	double adding = 0, merging = 0, worst = 0;
	for (size_t i = 0; i < n; i += BATCH) {
		double at = cpu();
		size_t k = n - i < BATCH ? n - i : BATCH;
		if (sql_begin(db, &e) || index_add_tx(db, ACCOUNT, emails + i, k, &e) ||
			sql_commit(db, &e))
			give_up("adding", e.text);
		adding += cpu() - at;
		for (int more = 1; more == 1;) {
			at = cpu();
			if (sql_begin(db, &e) ||
				(more = index_merge_tx(db, ACCOUNT, NULL, NULL, &e)) < 0 ||
				sql_commit(db, &e))
				give_up("merging", e.text);
			at = cpu() - at;
			merging += at;
			worst = at > worst ? at : worst;
		}
	}
	struct index_size s;
	if (index_size(db, ACCOUNT, &s, &e))
		give_up("size", e.text);
	double mb = (double)s.text_bytes / 1e6, sum = adding + merging;
	printf("filling   %zu emails, %.1f MB of text; adding %.2f s, merging %.2f s (longest step "
	       "%.2f): "
	       "%.0f emails, %.1f MB a CPU second\n",
		n, mb, adding, merging, worst, (double)n / sum, mb / sum);
	printf("size      %.1f MB: %.1f %% of the text; %lu segments, %lu words, %lu emails cut\n",
		(double)s.bytes / 1e6, 100.0 * (double)s.bytes / (double)s.text_bytes,
		(unsigned long)s.segments, (unsigned long)s.words, (unsigned long)s.cut);
}

static void ask(
	struct sql *db, const char *what, unsigned fields, enum index_how how, const char *text)
{
	struct index_query q = {.fields = fields, .text = slice_z(text), .how = how};
	struct index_ask k = {.account_id = ACCOUNT, .what = &q};
	struct index_found f = {0};
	struct err e;
	double first = 0, best = 1e9;
	for (int i = 0; i < REPEAT; i++) {
		AUTO(arena) struct arena a = {0};
		double at = cpu();
		if (index_find(db, &k, &a, &f, &e))
			give_up(text, e.text);
		at = cpu() - at;
		first = i ? first : at;
		best = at < best ? at : best;
	}
	printf("%-22s %-24s %7zu found %5zu unsure  first %6.1f ms, best %6.1f ms\n", what, text,
		f.n, f.unsure, 1e3 * first, 1e3 * best);
}

static void ask_all(struct sql *db)
{
	enum { BODY = 1 << INDEX_BODY, ALL = (1 << INDEX_FIELDS) - 1 };
	ask(db, "two characters", ALL, INDEX_PHRASE, "公司");
	ask(db, "one character", ALL, INDEX_PHRASE, "的");
	ask(db, "four characters", BODY, INDEX_PHRASE, "合作伙伴");
	ask(db, "common characters", BODY, INDEX_PHRASE, "我们的");
	ask(db, "in no email", ALL, INDEX_PHRASE, "zzqqzzqq");
	ask(db, "rare word", BODY, INDEX_PHRASE, "xylophone");
	ask(db, "piece of a word", BODY, INDEX_PHRASE, "report");
	ask(db, "anywhere", ALL, INDEX_PHRASE, "report");
	ask(db, "short piece", BODY, INDEX_PHRASE, "ing");
	ask(db, "whole word", ALL, INDEX_WORDS, "report");
	ask(db, "beginning", ALL, INDEX_BEGINNING, "repor");
	ask(db, "common phrase", BODY, INDEX_PHRASE, "in the world");
	ask(db, "common words", ALL, INDEX_WORDS, "of the");
	ask(db, "sender", 1 << INDEX_FROM, INDEX_PHRASE, "@yahoo.com");
	ask(db, "subject", 1 << INDEX_SUBJECT, INDEX_PHRASE, "meeting");
	ask(db, "number", ALL, INDEX_PHRASE, "192.168.1.");
}

int main(int argc, char **argv)
{
	struct err e;
	struct sql *db;
	if (argc < 4)
		give_up("use", "index-measure DIR COPIES FOLDER...");
	for (int i = 3; i < argc; i++)
		nftw(argv[i], read_file, 16, FTW_PHYS);
	size_t originals = n, copies = strtoul(argv[2], NULL, 10);
	if (!n)
		give_up(argv[3], "no messages");
	while (n < originals * copies)
		make_email(originals);
	if (sql_open_cache(slice_z(argv[1]), index_db_name(0), &db, &e) ||
		sql_migrate(db, index_migrations, index_migrations_n, &e))
		give_up(argv[1], e.text);
	fill(db);
	ask_all(db);
	sql_close(db);
	arena_done(&texts);
	free(emails);
	return 0;
}
