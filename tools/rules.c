/*
 * What rules cost: reads rules and messages, runs all rules over each message several times.
 *
 *	rules FILE.rules ... <paths-of-messages
 *
 * Prints one line of JSON: how long the rules took to be made, the memory that they took, CPU time
 * a message for reading and for rules, and how many signals they gave. For bench/rules.py.
 */
#include "content/rules.h"
#include "base/mem.h"

#include <malloc.h>
#include <stdio.h>
#include <time.h>

enum { FILE_MAX = 64 << 20, SOURCES_MAX = 1000, ROUNDS = 5, LINE_MAX = 4096 };

static double cpu(void)
{
	struct timespec t;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static bool read_file(const char *path, struct buf *out)
{
	FILE *f = fopen(path, "rb");
	char *to;
	size_t n;
	if (!f)
		return false;
	buf_reset(out);
	while ((to = buf_room(out, 1 << 16)) && (n = fread(to, 1, 1 << 16, f)) > 0)
		buf_commit(out, n);
	fclose(f);
	return buf_ok(out);
}

static struct rules *make(int n, char **paths)
{
	static struct rules_source v[SOURCES_MAX];
	static struct buf text[SOURCES_MAX];
	struct rules *r;
	struct err e;
	for (int i = 0; i < n && i < SOURCES_MAX; i++) {
		text[i] = BUF(FILE_MAX);
		if (!read_file(paths[i], &text[i])) {
			perror(paths[i]);
			exit(1);
		}
		v[i] = (struct rules_source){slice_z(paths[i]), buf_slice(&text[i])};
	}
	if (rules_compile(v, (size_t)n, &r, &e) < 0) {
		fprintf(stderr, "%s\n", e.text);
		exit(1);
	}
	fprintf(stderr, "%.*s", SFMT(rules_warnings(r)));
	for (int i = 0; i < n; i++)
		buf_done(&text[i]);
	return r;
}

struct sums {
	double read, run;
	unsigned messages, signals;
};

static void one(struct rules *r, slice message, struct sums *s)
{
	AUTO(arena) struct arena a = {0};
	struct content *c = ARENA_NEW(&a, struct content);
	struct signals *found = ARENA_NEW(&a, struct signals);
	const struct content_context ctx = {0};
	const struct content_tools tools = {0};
	double start = cpu();
	content_read(message, &tools, &content_limits_default, &a, c);
	double read = cpu();
	for (int i = 0; i < ROUNDS; i++) {
		*found = (struct signals){.mem = &a};
		struct content_exam x = {
			.c = c, .ctx = &ctx, .tools = &tools, .signals = found, .a = &a};
		rules_run(r, &x);
	}
	s->run += (cpu() - read) / ROUNDS;
	s->read += read - start;
	s->messages++;
	s->signals += found->n;
}

int main(int argc, char **argv)
{
	static char path[LINE_MAX];
	AUTO(buf) struct buf message = BUF(FILE_MAX);
	struct sums s = {0};
	text_warm_up();
	double start = cpu();
	size_t before = mallinfo2().uordblks + mallinfo2().hblkhd;
	struct rules *r = make(argc - 1, argv + 1);
	size_t after = mallinfo2().uordblks + mallinfo2().hblkhd;
	double made = cpu();
	while (fgets(path, sizeof path, stdin)) {
		path[strcspn(path, "\n")] = 0;
		if (read_file(path, &message))
			one(r, buf_slice(&message), &s);
	}
	printf("{\"rules\": %zu, \"made_ms\": %.1f, \"memory_kib\": %zu, \"messages\": %u, "
	       "\"read_us\": %.1f, \"run_us\": %.1f, \"signals\": %.2f, \"limited\": %llu}\n",
		rules_count(r), (made - start) * 1e3, (after - before) / 1024, s.messages,
		s.read * 1e6 / s.messages, s.run * 1e6 / s.messages, (double)s.signals / s.messages,
		(unsigned long long)rules_limited(r));
	rules_free(r);
	return 0;
}
