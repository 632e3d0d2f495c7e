/*
 * DKIM verification of messages in this process, for bench/auth.py; its peer with the same
 * arguments and output is bench/peers/opendkim_verify.c.
 *
 *	dkim_load check KEYS FILE ...     one line a file: the results of its signatures
 *	dkim_load load ROUNDS KEYS FILE ...     CPU nanoseconds a message
 *
 * KEYS: lines "NAME RECORD". Messages have CRLF line ends; bodies are given in pieces of 64 KiB.
 */
#include "lib_file.h"

#include "senderauth/dkim.h"
#include "senderauth/zone_testing.h"

#include <stdio.h>
#include <time.h>

enum { CHUNK = 64 * 1024 };

static _Noreturn void refuse(const char *what)
{
	fprintf(stderr, "dkim_load: %s\n", what);
	exit(2);
}

static void read_keys(struct zone *z, const char *path)
{
	slice text = file_of(path), rest = text, line, name;
	while (slice_cut(&rest, '\n', &line))
		if (slice_cut(&line, ' ', &name) && line.p)
			zone_add(z, name, ZONE_TXT, line);
	free((char *)text.p);
}

/* Prints the results unless quiet. How many signatures pass. */
static size_t verify(const struct lookup *l, slice message, struct arena *a, bool quiet)
{
	struct dkim_results r;
	struct dkim_policy policy = DKIM_POLICY_DEFAULT;
	size_t passed = 0, header = header_length(message);
	struct body_hashes *b = body_hashes_new(a);
	struct dkim_verifier *v =
		dkim_verify_new(a, slice_first(message, header), b, &policy, wall_now() / SECOND);
	for (slice body = slice_skip(message, header); body.n; body = slice_skip(body, CHUNK))
		body_hashes_add(b, slice_first(body, CHUNK));
	body_hashes_end(b);
	dkim_verify_finish(v, l, INSTANT_NEVER, &r);
	body_hashes_free(b);
	for (size_t i = 0; i < r.n; i++) {
		passed += r.v[i].result == AUTH_PASS;
		if (!quiet)
			printf("%s%s", i ? " " : "", auth_result_name(r.v[i].result));
	}
	if (!quiet)
		printf("%s\n", r.n ? "" : "none");
	return passed;
}

static double cpu(void)
{
	struct timespec t;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

int main(int argc, char **argv)
{
	AUTO(arena) struct arena a = {0};
	struct zone z = {0};
	bool load = argc > 4 && strcmp(argv[1], "load") == 0;
	if (!load && (argc < 4 || strcmp(argv[1], "check") != 0))
		refuse("check KEYS FILE ... | load ROUNDS KEYS FILE ...");
	int first = load ? 4 : 3, rounds = load ? atoi(argv[2]) : 1, n = argc - first;
	struct lookup l = zone_lookup(&z);
	slice *m = mem_alloc((size_t)n * sizeof *m);
	size_t passed = 0;
	read_keys(&z, argv[first - 1]);
	for (int i = 0; i < n; i++)
		m[i] = file_of(argv[first + i]);
	double start = cpu();
	for (int r = 0; r < rounds; r++)
		for (int i = 0; i < n; i++) {
			passed += verify(&l, m[i], &a, load);
			arena_reset(&a);
		}
	if (load)
		printf("%.0f %zu\n", (cpu() - start) / rounds / n, passed);
	for (int i = 0; i < n; i++)
		free((char *)m[i].p);
	free(m);
	zone_done(&z);
	return 0;
}
