/*
 * imapload: an IMAP client that offers load, for benchmarks. One thread a connection, blocking I/O; loopback targets
 * only; bounded by operations (-n) and seconds (-d). Prints one JSON line.
 *
 *	fetch	LOGIN, SELECT, -k FETCHes of whole messages by chance, LOGOUT: one operation
 *	append	APPEND again and again in one session
 *	store	+FLAGS and -FLAGS of one message by chance
 *	search	UID SEARCH TEXT for words that change
 *	idle	holds sessions in IDLE; {"open":...} when all are there
 *	cmd	the commands given, one after another in one session, each with its time
 */
#include "load.h"

#include <signal.h>
#include <stdarg.h>

enum { ANSWER_LINE_MAX = 4 << 20 }; /* SORT of a large mailbox is one line */

static struct {
	long conns, operations, users, first_user, fetches;
	size_t size;
	double seconds, hold;
	bool tls;
	const char *mode, *user_format, *password, *folder;
} opt = {.conns = 10, .operations = 1000000, .users = 1, .fetches = 10, .size = 4096, .seconds = 5, .hold = 10, .mode = "fetch",
	.user_format = "user%ld@local.test", .password = "secret", .folder = "INBOX"};

static atomic_long next_id, done, failed, fetched, bytes;
static instant ends_at;
static char *filler;

/* What a command's answer said. */
struct answer {
	long exists, rows;
};

/* The size of a literal that the line announces at its end; -1 none. */
static long literal(slice line)
{
	size_t at = line.n;
	if (at && line.p[at - 1] == '\r')
		at--;
	if (!at || line.p[at - 1] != '}')
		return -1;
	size_t digits = at - 1;
	while (digits > 0 && line.p[digits - 1] >= '0' && line.p[digits - 1] <= '9')
		digits--;
	return digits > 0 && line.p[digits - 1] == '{' ? atol(line.p + digits) : -1;
}

static void count(slice line, struct answer *a)
{
	char *end;
	if (!slice_starts(line, S("* ")))
		return;
	long n = strtol(line.p + 2, &end, 10);
	if (end == line.p + 2)
		return;
	a->rows += strncmp(end, " FETCH", 6) == 0;
	if (strncmp(end, " EXISTS", 7) == 0)
		a->exists = n;
}

/* Up to the tagged line: 0 when it is OK. */
static int answered(struct conn *c, slice tag, struct answer *a)
{
	slice line;
	for (bool inside = false;;) {
		if (conn_line(c, &line) < 0)
			return -1;
		if (!inside && slice_starts(line, tag))
			return slice_starts(slice_skip(line, tag.n), S("OK")) ? 0 : load_fail("answer", line);
		if (!inside)
			count(line, a);
		long n = literal(line);
		inside = n >= 0;
		if (n < 0)
			continue;
		atomic_fetch_add(&bytes, n);
		if (conn_skip(c, (size_t)n) < 0)
			return -1;
	}
}

__attribute__((format(printf, 3, 4))) static int command(struct conn *c, struct answer *a, const char *fmt, ...)
{
	char text[2048] = "a ";
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(text + 2, sizeof text - 4, fmt, ap);
	va_end(ap);
	memcpy(text + 2 + n, "\r\n", 2);
	if (conn_send(c, text, (size_t)n + 4) < 0)
		return -1;
	*a = (struct answer){0};
	return answered(c, S("a "), a);
}

static int log_in(struct conn *c, long number)
{
	char user[160];
	struct answer a;
	slice greeting;
	if (conn_open(c, opt.mode[0] == 'c' ? ANSWER_LINE_MAX : LOAD_LINE_MAX) < 0 || (opt.tls && conn_start_tls(c) < 0) || conn_line(c, &greeting) < 0)
		return -1;
	snprintf(user, sizeof user, opt.user_format, opt.first_user + number % opt.users);
	return command(c, &a, "LOGIN %s \"%s\"", user, opt.password);
}

static int select_folder(struct conn *c, struct answer *a)
{
	return command(c, a, "SELECT %s", opt.folder);
}

/* ---- operations: 0, -1 ---- */

static unsigned by_chance(unsigned *state)
{
	return (*state = *state * 1103515245 + 12345) >> 8;
}

static int fetch_once(struct conn *c, long id, unsigned *state)
{
	struct answer a, rows;
	if (log_in(c, id) < 0 || select_folder(c, &a) < 0)
		return -1;
	for (long i = 0; i < opt.fetches && a.exists; i++) {
		if (command(c, &rows, "FETCH %ld (UID FLAGS BODY.PEEK[])", 1 + by_chance(state) % a.exists) < 0)
			return -1;
		atomic_fetch_add(&fetched, rows.rows);
	}
	return command(c, &rows, "LOGOUT");
}

static int append_once(struct conn *c, long id)
{
	static const char names[][8] = {"Ann", "Bob", "Chen", "Dana", "Emil", "Fatima"};
	char head[700], line[160];
	struct answer a;
	slice go_on;
	int n = snprintf(head, sizeof head,
		"From: %s Sender <person%ld@client.test>\r\nTo: Reader <reader@local.test>\r\nSubject: Report number %ld of project %ld\r\n"
		"Date: Mon, %02ld Nov 2026 %02ld:%02ld:00 +0800\r\nMessage-ID: <%ld.%d@client.test>\r\nMIME-Version: 1.0\r\n"
		"Content-Type: text/plain; charset=utf-8\r\n\r\n",
		names[id % 6], id % 977, id, id % 53, id % 28 + 1, id / 60 % 24, id % 60, id, (int)getpid());
	size_t body = opt.size > (size_t)n ? (opt.size - (size_t)n) / 78 * 78 : 0;
	int k = snprintf(line, sizeof line, "a APPEND %s {%zu}\r\n", opt.folder, (size_t)n + body);
	if (conn_send(c, line, (size_t)k) < 0)
		return -1;
	do {
		if (conn_line(c, &go_on) < 0)
			return -1;
	} while (slice_starts(go_on, S("* ")));
	if (!slice_starts(go_on, S("+")))
		return load_fail("append", go_on);
	atomic_fetch_add(&bytes, (long)body + n);
	if (conn_send(c, head, (size_t)n) < 0 || conn_send(c, filler + id % 64 * 78, body) < 0 || conn_send(c, "\r\n", 2) < 0)
		return -1;
	return answered(c, S("a "), &a);
}

static int store_once(struct conn *c, long exists, unsigned *state)
{
	struct answer a;
	unsigned r = by_chance(state);
	return command(c, &a, "STORE %ld %cFLAGS (\\Flagged)", 1 + (long)(r >> 1) % exists, r & 1 ? '+' : '-');
}

static int search_once(struct conn *c, long id)
{
	struct answer a;
	return command(c, &a, "UID SEARCH TEXT \"customer%ld\"", id);
}

/* ---- threads ---- */

static int one(struct conn *c, long id, long exists, unsigned *state)
{
	switch (opt.mode[0] == 's' ? opt.mode[1] : opt.mode[0]) {
	case 'f':
		return fetch_once(c, id, state);
	case 'a':
		return append_once(c, id);
	case 't':
		return store_once(c, exists, state);
	default:
		return search_once(c, id);
	}
}

static void *worker(void *arg)
{
	long number = (long)arg;
	unsigned state = (unsigned)number * 7919 + 1;
	bool each = opt.mode[0] == 'f'; /* a session for every operation */
	struct conn c = {.fd = -1};
	struct answer a = {0};
	if (!each && (log_in(&c, number) < 0 || (opt.mode[0] == 's' && select_folder(&c, &a) < 0))) {
		atomic_fetch_add(&failed, 1);
		return NULL;
	}
	while (instant_now() < ends_at) {
		long id = atomic_fetch_add(&next_id, 1);
		if (id >= opt.operations)
			break;
		instant started = instant_now();
		bool bad = one(&c, id, a.exists ? a.exists : 1, &state) < 0;
		if (bad)
			atomic_fetch_add(&failed, 1);
		else
			atomic_fetch_add(&done, 1);
		load_sample(started);
		if (each)
			conn_close(&c);
		else if (bad)
			break;
	}
	conn_close(&c);
	return NULL;
}

static struct conn *idle;
static atomic_long idle_open;

static void *idle_worker(void *arg)
{
	struct answer a;
	slice line;
	for (long i; (i = atomic_fetch_add(&next_id, 1)) < opt.conns;) {
		struct conn *c = &idle[i];
		(void)arg;
		if (log_in(c, i) < 0 || select_folder(c, &a) < 0 || conn_send(c, "i IDLE\r\n", 8) < 0 || conn_line(c, &line) < 0) {
			atomic_fetch_add(&failed, 1);
			continue;
		}
		free(c->in); /* nothing is read any more: this program's memory is not what counts */
		c->in = NULL;
		atomic_fetch_add(&idle_open, 1);
	}
	return NULL;
}

static void hold_idle(void)
{
	enum { SETTING_UP = 8 };
	idle = mem_alloc((size_t)opt.conns * sizeof *idle);
	for (long i = 0; i < opt.conns; i++)
		idle[i].fd = -1;
	load_threads(SETTING_UP, idle_worker);
	printf("{\"open\":%ld,\"failed\":%ld,\"error\":\"%s\"}\n", (long)idle_open, (long)failed, load_error);
	fflush(stdout);
	usleep((useconds_t)(opt.hold * 1e6));
}

static void run_commands(char **v)
{
	struct conn c;
	struct answer a;
	instant started = instant_now();
	bool fine = log_in(&c, 0) == 0;
	printf("{\"login_ms\":%.2f,\"commands\":[", (double)(instant_now() - started) / 1000);
	for (int i = 0; fine && v[i]; i++) {
		started = instant_now();
		int r = command(&c, &a, "%s", v[i]);
		printf("%s{\"ms\":%.2f,\"ok\":%s,\"exists\":%ld,\"rows\":%ld}", i ? "," : "", (double)(instant_now() - started) / 1000,
			r == 0 ? "true" : "false", a.exists, a.rows);
	}
	printf("],\"error\":\"%s\"}\n", load_error);
}

static void make_filler(void)
{
	size_t n = (opt.size / 78 + 66) * 78;
	filler = mem_alloc(n);
	uint32_t x = 2463534242;
	for (size_t i = 0; i < n; i++) {
		x ^= x << 13;
		x ^= x >> 17;
		x ^= x << 5;
		filler[i] = i % 78 == 76 ? '\r' : i % 78 == 77 ? '\n' : "etaoin shrdlu cmfwyp vbgkqj xz0123456789"[x % 40];
	}
}

static void usage(void)
{
	fputs("imapload 127.0.0.1:PORT [-m fetch|append|store|search|idle|cmd] [-c connections] [-n operations] [-d seconds] [-s bytes]\n"
	      "  [-k fetches a session] [-u user format, %ld is a number] [-U users] [-B first user] [-p password] [-b folder] [-T implicit TLS]\n"
	      "  [-I seconds to hold idle sessions] [COMMAND ...]\n", stderr);
	exit(2);
}

static void parse_options(int argc, char **argv)
{
	int o;
	while ((o = getopt(argc, argv, "m:c:n:d:s:k:u:U:B:p:b:TI:")) != -1) {
		switch (o) {
		case 'm': opt.mode = optarg; break;
		case 'c': opt.conns = atol(optarg); break;
		case 'n': opt.operations = atol(optarg); break;
		case 'd': opt.seconds = atof(optarg); break;
		case 's': opt.size = (size_t)atol(optarg); break;
		case 'k': opt.fetches = atol(optarg); break;
		case 'u': opt.user_format = optarg; break;
		case 'U': opt.users = atol(optarg); break;
		case 'B': opt.first_user = atol(optarg); break;
		case 'p': opt.password = optarg; break;
		case 'b': opt.folder = optarg; break;
		case 'T': opt.tls = true; break;
		case 'I': opt.hold = atof(optarg); break;
		default: usage();
		}
	}
	if (optind >= argc || opt.conns < 1 || opt.users < 1 || opt.seconds > 3600 || !load_target(argv[optind]))
		usage();
}

int main(int argc, char **argv)
{
	signal(SIGPIPE, SIG_IGN);
	parse_options(argc, argv);
	make_filler();
	load_init();
	if (strcmp(opt.mode, "idle") == 0) {
		hold_idle();
		return 0;
	}
	if (strcmp(opt.mode, "cmd") == 0) {
		run_commands(argv + optind + 1);
		return 0;
	}
	instant started = instant_now();
	ends_at = started + (int64_t)(opt.seconds * SECOND);
	load_threads(opt.conns, worker);
	double wall = (double)(instant_now() - started) / SECOND;
	load_sort();
	printf("{\"done\":%ld,\"failed\":%ld,\"fetched\":%ld,\"bytes\":%ld,\"seconds\":%.3f,\"rate\":%.1f,\"p50_ms\":%.2f,\"p99_ms\":%.2f,\"error\":\"%s\"}\n",
		(long)done, (long)failed, (long)fetched, (long)bytes, wall, (double)done / wall, load_quantile(.5), load_quantile(.99), load_error);
	return 0;
}
