/*
 * Reads letters whole, as the scan process does: structure, charsets, HTML, URLs, one spelling,
 * words. With a number first it reads all files that often and prints what that took; without, the
 * text, the hidden text and the links of each file. test/reading.py counts the instructions of each
 * file under callgrind.
 */
#include "base/mem.h"
#include "base/utf8.h"
#include "codec/charset.h"
#include "codec/html.h"
#include "codec/mime.h"
#include "codec/text_normal.h"
#include "codec/url.h"
#include <libpsl.h>
#include <stdio.h>
#include <sys/resource.h>
#include <time.h>
#if __has_include(<valgrind/callgrind.h>)
#include <valgrind/callgrind.h>
#else
#define CALLGRIND_ZERO_STATS
#define CALLGRIND_DUMP_STATS_AT(name) (void)(name)
#endif

enum { MESSAGE_MAX = 256 << 20, TEXT_MAX = 16 << 20 };

static const psl_ctx_t *list;

static bool is_suffix(slice s)
{
	char z[256];
	snprintf(z, sizeof z, "%.*s", SFMT(s));
	return psl_is_public_suffix2(list, z, PSL_TYPE_ANY | PSL_TYPE_NO_STAR_RULE);
}

static slice organisation(slice host)
{
	char z[256];
	snprintf(z, sizeof z, "%.*s", SFMT(host));
	const char *org = psl_registrable_domain(list, z);
	return org && host.n < sizeof z ? slice_skip(host, (size_t)(org - z)) : host;
}

static const struct url_names names = {is_suffix, organisation};

struct totals {
	double mime, decode, html, url, normal, words; /* seconds */
	size_t parts, bytes, links, words_seen, hidden, deceiving;
};

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void lap(double *since, double *sum)
{
	double t = now();
	*sum += t - *since;
	*since = t;
}

static void show(const struct html *h)
{
	printf("--- text\n%.*s\n--- hidden (%x)\n%.*s\n--- links\n", SFMT(h->text), h->stats.hiding,
		SFMT(h->hidden));
	for (size_t i = 0; i < h->nlinks; i++)
		printf("%d %.*s [%.*s]\n", h->links[i].kind, SFMT(h->links[i].target),
			SFMT(h->links[i].text));
}

static void read_urls(const struct html *h, slice text, struct arena *a, struct totals *t)
{
	struct url *v, u;
	t->links += url_find(text, &names, a, &v);
	for (size_t i = 0; h && i < h->nlinks; i++) {
		t->links++;
		if (url_parse(h->links[i].target, a, &u) && h->links[i].kind == HTML_LINK_A)
			t->deceiving += url_deceives(h->links[i].text, &u, &names, a);
	}
}

static void read_text(const struct mime_part *p, slice bytes, struct text_words *words,
	struct totals *t, bool print)
{
	AUTO(arena) struct arena a = {0};
	AUTO(buf) struct buf utf8 = BUF(TEXT_MAX);
	AUTO(buf) struct buf normal = BUF(TEXT_MAX);
	struct charset_reading r;
	struct text_undone undone;
	struct html h;
	enum text_word_kind kind;
	slice word;
	double since = now();
	bool html = mime_is(p, S("text"), S("html"));
	charset_read(mime_param(&p->type, S("charset")), bytes, html, &utf8, &r);
	lap(&since, &t->decode);
	if (html)
		html_read(buf_slice(&utf8), &html_limits_default, &a, &h);
	lap(&since, &t->html);
	slice text = html ? h.text : buf_slice(&utf8);
	read_urls(html ? &h : NULL, text, &a, t);
	t->hidden += html ? h.stats.hidden : 0;
	lap(&since, &t->url);
	text_normalise(text, &normal, &undone);
	lap(&since, &t->normal);
	text_words_start(words, buf_slice(&normal));
	while (text_words_next(words, &word, &kind))
		t->words_seen++;
	lap(&since, &t->words);
	if (print && html)
		show(&h);
	else if (print)
		printf("--- plain (%s)\n%.*s\n", r.name, SFMT(buf_slice(&normal)));
}

static void read_letter(slice message, struct text_words *words, struct totals *t, bool print)
{
	AUTO(arena) struct arena a = {0};
	struct mime m;
	double since = now();
	mime_parse(message, &mime_limits_default, &a, &m);
	lap(&since, &t->mime);
	for (size_t i = 0; i < m.n; i++) {
		AUTO(buf) struct buf out = BUF(MESSAGE_MAX);
		const struct mime_part *p = &m.v[i];
		if (p->multipart || p->message)
			continue;
		since = now();
		mime_decode(p, &out);
		mime_filename(p, &a);
		lap(&since, &t->decode);
		if (mime_is(p, S("text"), S("")))
			read_text(p, buf_slice(&out), words, t, print);
	}
	t->parts += m.n;
	t->bytes += message.n;
}

static void load(const char *path, struct buf *out)
{
	FILE *f = fopen(path, "r");
	char *room;
	size_t n;
	if (!f)
		return;
	while ((room = buf_room(out, 65536)) && (n = fread(room, 1, 65536, f)) > 0)
		buf_commit(out, n);
	fclose(f);
}

static void report(const struct totals *t, size_t letters)
{
	struct rusage u;
	double each = 1e6 / (double)letters;
	getrusage(RUSAGE_SELF, &u);
	printf("%zu letters, %zu bytes, %zu parts, %zu links (%zu deceive), %zu words, %zu hidden\n"
	       "us each: mime %.1f decode %.1f html %.1f url %.1f normal %.1f words %.1f, "
	       "peak %ld KiB\n",
		letters, t->bytes, t->parts, t->links, t->deceiving, t->words_seen, t->hidden,
		t->mime * each, t->decode * each, t->html * each, t->url * each, t->normal * each,
		t->words * each, u.ru_maxrss);
}

int main(int argc, char **argv)
{
	int times = argc > 1 ? atoi(argv[1]) : 0;
	struct totals t = {0};
	size_t letters = 0;
	char path[1024];
	list = psl_builtin();
	charset_warm_up();
	text_warm_up();
	url_warm_up();
	struct text_words *words = text_words_new();
	while (fgets(path, sizeof path, stdin)) {
		AUTO(buf) struct buf in = BUF(MESSAGE_MAX);
		path[strcspn(path, "\n")] = 0;
		load(path, &in);
		CALLGRIND_ZERO_STATS;
		for (int k = 0; k < (times ? times : 1); k++, letters++)
			read_letter(buf_slice(&in), words, &t, !times);
		CALLGRIND_DUMP_STATS_AT(path);
	}
	text_words_free(words);
	if (times && letters)
		report(&t, letters);
	return 0;
}
