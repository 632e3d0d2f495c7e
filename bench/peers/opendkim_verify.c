/*
 * libopendkim verifying messages in this process, as its milter does: the peer of
 * test/judge/dkim_load.c, with the same arguments and output. Compiled by bench/auth.py and
 * test/lib/suite_dkim.py.
 *
 *	opendkim_verify check KEYS FILE ...     one line a file: the results of its signatures
 *	opendkim_verify load ROUNDS KEYS FILE ...     CPU nanoseconds a message
 *	opendkim_verify sign FORMS PEM FILE ...     each message with a signature of example.com
 *		on top, into FILE.signed; FORMS: two letters, s(imple) or r(elaxed), for header
 *		and body
 *
 * KEYS: lines "NAME RECORD". Messages have CRLF line ends.
 */
#include <dkim.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { KEYS_MAX = 100, CHUNK = 64 * 1024 };

static struct {
	char name[512], record[8192];
} keys[KEYS_MAX];
static int nkeys;

struct message {
	unsigned char *p;
	size_t n;
};

static void die(const char *what)
{
	fprintf(stderr, "opendkim_verify: %s\n", what);
	exit(2);
}

static struct message read_file(const char *path)
{
	struct message m = {malloc(64 << 20), 0};
	FILE *f = fopen(path, "rb");
	if (!f || !m.p)
		die(path);
	m.n = fread(m.p, 1, 64 << 20, f);
	fclose(f);
	m.p = realloc(m.p, m.n + 1);
	return m;
}

static void read_keys(const char *path)
{
	FILE *f = fopen(path, "r");
	if (!f)
		die(path);
	while (nkeys < KEYS_MAX &&
		fscanf(f, "%511s %8191[^\n]", keys[nkeys].name, keys[nkeys].record) == 2)
		nkeys++;
	fclose(f);
}

static DKIM_CBSTAT look_up(DKIM *d, DKIM_SIGINFO *sig, unsigned char *buf, size_t n)
{
	char name[512];
	(void)d;
	snprintf(name, sizeof name, "%s._domainkey.%s", dkim_sig_getselector(sig),
		dkim_sig_getdomain(sig));
	for (int i = 0; i < nkeys; i++) {
		if (strcasecmp(keys[i].name, name) != 0)
			continue;
		snprintf((char *)buf, n, "%s", keys[i].record);
		return DKIM_CBSTAT_CONTINUE;
	}
	return DKIM_CBSTAT_NOTFOUND;
}

/* Prints the results unless quiet. How many signatures pass. */
static int verify(DKIM_LIB *lib, const struct message *m, int quiet)
{
	DKIM_STAT st;
	DKIM_SIGINFO **sigs;
	int n = 0, passed = 0;
	DKIM *d = dkim_verify(lib, (const unsigned char *)"x", NULL, &st);
	if (!d)
		die("dkim_verify");
	for (size_t at = 0; at < m->n && st == DKIM_STAT_OK; at += CHUNK)
		st = dkim_chunk(d, m->p + at, m->n - at < CHUNK ? m->n - at : CHUNK);
	if (st == DKIM_STAT_OK)
		dkim_chunk(d, NULL, 0);
	dkim_eom(d, NULL);
	if (dkim_getsiglist(d, &sigs, &n) != DKIM_STAT_OK)
		n = 0;
	for (int i = 0; i < n; i++) {
		int good = (dkim_sig_getflags(sigs[i]) & DKIM_SIGFLAG_PASSED) &&
			   dkim_sig_getbh(sigs[i]) == DKIM_SIGBH_MATCH;
		passed += good;
		if (!quiet)
			printf("%s%s", i ? " " : "", good ? "pass" : "fail");
	}
	if (!quiet)
		printf("%s\n", n ? "" : "none");
	dkim_free(d);
	return passed;
}

static dkim_canon_t form_of(char c)
{
	return c == 's' ? DKIM_CANON_SIMPLE : DKIM_CANON_RELAXED;
}

static void sign(DKIM_LIB *lib, const char *forms, const struct message *pem,
	const struct message *m, const char *path)
{
	DKIM_STAT st;
	char to[4096];
	unsigned char *line;
	size_t n;
	DKIM *d = dkim_sign(lib, (const unsigned char *)"x", NULL, pem->p,
		(const unsigned char *)"rsa", (const unsigned char *)"example.com",
		form_of(forms[0]), form_of(forms[1]), DKIM_SIGN_RSASHA256, -1, &st);
	if (!d || dkim_chunk(d, m->p, m->n) != DKIM_STAT_OK ||
		dkim_chunk(d, NULL, 0) != DKIM_STAT_OK || dkim_eom(d, NULL) != DKIM_STAT_OK ||
		dkim_getsighdr_d(d, strlen("DKIM-Signature: "), &line, &n) != DKIM_STAT_OK)
		die("cannot sign");
	snprintf(to, sizeof to, "%s.signed", path);
	FILE *f = fopen(to, "wb");
	if (!f)
		die(to);
	fprintf(f, "DKIM-Signature: ");
	for (size_t i = 0; i < n; i++) { /* its lines end in LF alone, or in CRLF */
		if (line[i] == '\n' && (i == 0 || line[i - 1] != '\r'))
			fputc('\r', f);
		fputc(line[i], f);
	}
	fprintf(f, "\r\n");
	fwrite(m->p, 1, m->n, f);
	fclose(f);
	dkim_free(d);
}

static double cpu(void)
{
	struct timespec t;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return t.tv_sec * 1e9 + t.tv_nsec;
}

int main(int argc, char **argv)
{
	if (argc > 4 && strcmp(argv[1], "sign") == 0) {
		struct message pem = read_file(argv[3]);
		pem.p[pem.n] = 0;
		DKIM_LIB *signer = dkim_init(NULL, NULL);
		for (int i = 4; i < argc; i++) {
			struct message one = read_file(argv[i]);
			sign(signer, argv[2], &pem, &one, argv[i]);
		}
		return 0;
	}
	int load = argc > 4 && strcmp(argv[1], "load") == 0;
	if (!load && (argc < 4 || strcmp(argv[1], "check") != 0))
		die("check KEYS FILE ... | load ROUNDS KEYS FILE ...");
	int first = load ? 4 : 3, rounds = load ? atoi(argv[2]) : 1, n = argc - first;
	DKIM_LIB *lib = dkim_init(NULL, NULL);
	struct message *m = calloc((size_t)n, sizeof *m);
	long passed = 0;
	read_keys(argv[first - 1]);
	dkim_set_key_lookup(lib, look_up);
	for (int i = 0; i < n; i++)
		m[i] = read_file(argv[first + i]);
	double start = cpu();
	for (int r = 0; r < rounds; r++)
		for (int i = 0; i < n; i++)
			passed += verify(lib, &m[i], load);
	if (load)
		printf("%.0f %ld\n", (cpu() - start) / rounds / n, passed);
	return 0;
}
