/*
 * smtpload: an SMTP client that offers load, for benchmarks and crash tests. One thread a connection,
 * blocking I/O; loopback targets only; bounded by messages (-n) and seconds (-d). Prints one JSON line.
 *
 * Every message carries "X-Load-Id: N" and a body that depends on N alone. With -r FILE each message
 * that was answered 250 is recorded there as "id length sha256 (16 digits)" before the next one is sent;
 * smtpsink -r writes the same lines for what arrives, so that the two can be compared.
 */
#include "load.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <signal.h>

enum { CONNS_MAX = 20000, REPLY_MAX = 2048 };

static struct {
	long conns, messages, per_session, first_id, users;
	size_t size;
	double seconds, idle;
	bool starttls, tls, pipelining, keep_going;
	const char *from, *rcpt_format, *record, *file;
} opt = {.conns = 10, .messages = 1000, .per_session = 1, .users = 1, .size = 4096, .seconds = 30,
	.from = "load@sender.test", .rcpt_format = "user%ld@bench.test"};

static atomic_long next_id, accepted, failed, sessions;
static int record_fd = -1;
static instant ends_at;
static char *filler; /* what bodies are cut from */
static slice whole_file; /* -F */
static int expect(struct conn *c, const char *what, char first)
{
	slice line;
	do {
		if (conn_line(c, &line) < 0)
			return -1;
	} while (line.n > 3 && line.p[3] == '-');
	return line.n && line.p[0] == first ? 0 : load_fail(what, line);
}

static int say(struct conn *c, const char *what, char first, const char *text)
{
	return conn_send(c, text, strlen(text)) || expect(c, what, first) ? -1 : 0;
}

static int open_session(struct conn *c)
{
	if (conn_open(c, REPLY_MAX) < 0)
		return -1;
	if (opt.tls && conn_start_tls(c) < 0)
		return -1;
	if (expect(c, "greeting", '2') || say(c, "EHLO", '2', "EHLO load.test\r\n"))
		return -1;
	if (!opt.starttls)
		return 0;
	return say(c, "STARTTLS", '2', "STARTTLS\r\n") || conn_start_tls(c) || say(c, "EHLO", '2', "EHLO load.test\r\n");
}

/* Header and body of message `id`; the body is a window of the filler, moved by the id. */
static void compose(long id, struct buf *head, slice *ret_body)
{
	buf_reset(head);
	if (opt.file) {
		buf_printf(head, "X-Load-Id: %ld\r\n", id);
		*ret_body = whole_file;
		return;
	}
	buf_printf(head,
		"X-Load-Id: %ld\r\nFrom: <%s>\r\nTo: <undisclosed@bench.test>\r\nSubject: load %ld\r\n"
		"Date: Sun, 22 Nov 2026 09:11:10 +0800\r\nMessage-ID: <%ld.%d@load.test>\r\n"
		"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n",
		id, opt.from, id, id, (int)getpid());
	size_t n = opt.size > head->n + 2 ? (opt.size - head->n) / 78 * 78 : 0;
	*ret_body = slice_of(filler + (id % 64) * 78, n);
}

static void record(long id, slice whole)
{
	unsigned char d[EVP_MAX_MD_SIZE];
	char line[96];
	EVP_Digest(whole.p, whole.n, d, NULL, EVP_sha256(), NULL);
	int n = snprintf(line, sizeof line, "%ld %zu %02x%02x%02x%02x%02x%02x%02x%02x\n", id, whole.n, d[0], d[1], d[2],
		d[3], d[4], d[5], d[6], d[7]);
	if (write(record_fd, line, (size_t)n) != n)
		load_fail("record", slice_z(strerror(errno)));
}

static int envelope(struct conn *c, long id)
{
	char rcpt[128], text[512];
	snprintf(rcpt, sizeof rcpt, opt.rcpt_format, id % opt.users);
	if (opt.pipelining) {
		snprintf(text, sizeof text, "MAIL FROM:<%s>\r\nRCPT TO:<%s>\r\nDATA\r\n", opt.from, rcpt);
		return say(c, "MAIL", '2', text) || expect(c, "RCPT", '2') || expect(c, "DATA", '3');
	}
	snprintf(text, sizeof text, "MAIL FROM:<%s>\r\n", opt.from);
	if (say(c, "MAIL", '2', text))
		return -1;
	snprintf(text, sizeof text, "RCPT TO:<%s>\r\n", rcpt);
	return say(c, "RCPT", '2', text) || say(c, "DATA", '3', "DATA\r\n");
}

static int send_message(struct conn *c, long id, struct buf *out)
{
	slice body;
	instant started = instant_now();
	if (envelope(c, id) < 0)
		return -1;
	compose(id, out, &body);
	buf_put(out, body);
	buf_put(out, S(".\r\n"));
	if (conn_send(c, out->p, out->n) || expect(c, "message", '2'))
		return -1;
	if (record_fd >= 0)
		record(id, slice_of(out->p, out->n - 3));
	load_sample(started);
	atomic_fetch_add(&accepted, 1);
	return 0;
}

/* One session of up to per_session messages. */
static int session(struct conn *c, struct buf *out, long first, long count)
{
	if (open_session(c) < 0)
		return -1;
	for (long i = 0; i < count && instant_now() < ends_at; i++)
		if (send_message(c, first + i, out) < 0)
			return -1;
	atomic_fetch_add(&sessions, 1);
	return conn_send(c, "QUIT\r\n", 6);
}

static void *worker(void *number)
{
	(void)number;
	struct conn c = {.fd = -1};
	struct buf out = BUF(64 << 20);
	while (instant_now() < ends_at) {
		long first = atomic_fetch_add(&next_id, opt.per_session);
		if (first >= opt.first_id + opt.messages)
			break;
		bool bad = session(&c, &out, first, opt.per_session) < 0;
		conn_close(&c);
		if (bad) {
			atomic_fetch_add(&failed, 1);
			if (!opt.keep_going)
				break;
			usleep(20000);
		}
	}
	buf_done(&out);
	return NULL;
}

/* Holds sessions that have said EHLO and nothing more; tells when all are there. */
static void hold_idle(void)
{
	struct conn *c = mem_alloc((size_t)opt.conns * sizeof *c);
	long open = 0;
	for (; open < opt.conns; open++)
		if (open_session(&c[open]) < 0)
			break;
	printf("{\"open\":%ld,\"error\":\"%s\"}\n", open, load_error);
	fflush(stdout);
	usleep((useconds_t)(opt.idle * 1e6));
	for (long i = 0; i < open; i++)
		conn_close(&c[i]);
	free(c);
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

/* A message with CRLF and without lines that begin with a dot. */
static void read_file(void)
{
	static char text[16 << 20];
	FILE *f = fopen(opt.file, "rb");
	size_t n = f ? fread(text, 1, sizeof text, f) : 0;
	whole_file = slice_of(text, n);
	if (!n || !slice_ends(whole_file, S("\r\n")) || slice_find(whole_file, S("\n.")) < n) {
		fprintf(stderr, "%s: not a message that can be sent as it is\n", opt.file);
		exit(2);
	}
	fclose(f);
}

static void usage(void)
{
	fputs("smtpload 127.0.0.1:PORT [-c connections] [-n messages] [-d seconds] [-s bytes] [-m messages a session]\n"
	      "  [-f from] [-u rcpt format, %ld is a number] [-U users] [-t STARTTLS] [-T implicit TLS] [-p pipelining]\n"
	      "  [-F file: the message, behind its X-Load-Id] [-i first id] [-r record file] [-k go on after failures] [-I seconds: only hold idle sessions]\n", stderr);
	exit(2);
}

static void parse_options(int argc, char **argv)
{
	int o;
	while ((o = getopt(argc, argv, "c:n:d:s:m:f:u:U:tTpi:r:kI:F:")) != -1) {
		switch (o) {
		case 'c': opt.conns = atol(optarg); break;
		case 'n': opt.messages = atol(optarg); break;
		case 'd': opt.seconds = atof(optarg); break;
		case 's': opt.size = (size_t)atol(optarg); break;
		case 'm': opt.per_session = atol(optarg); break;
		case 'f': opt.from = optarg; break;
		case 'u': opt.rcpt_format = optarg; break;
		case 'U': opt.users = atol(optarg); break;
		case 't': opt.starttls = true; break;
		case 'T': opt.tls = true; break;
		case 'p': opt.pipelining = true; break;
		case 'i': opt.first_id = atol(optarg); break;
		case 'r': opt.record = optarg; break;
		case 'F': opt.file = optarg; break;
		case 'k': opt.keep_going = true; break;
		case 'I': opt.idle = atof(optarg); break;
		default: usage();
		}
	}
	if (optind + 1 != argc || opt.conns < 1 || opt.conns > CONNS_MAX || opt.users < 1 || opt.per_session < 1 ||
		opt.seconds > 3600)
		usage();
	if (!load_target(argv[optind]))
		usage();
}

int main(int argc, char **argv)
{
	signal(SIGPIPE, SIG_IGN);
	parse_options(argc, argv);
	make_filler();
	if (opt.file)
		read_file();
	next_id = opt.first_id;
	load_init();
	if (opt.record)
		record_fd = open(opt.record, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	if (opt.idle > 0) {
		hold_idle();
		return 0;
	}
	instant started = instant_now();
	ends_at = started + (int64_t)(opt.seconds * SECOND);
	load_threads(opt.conns, worker);
	double wall = (double)(instant_now() - started) / SECOND;
	load_sort();
	printf("{\"accepted\":%ld,\"failed\":%ld,\"sessions\":%ld,\"seconds\":%.3f,\"rate\":%.1f,\"p50_ms\":%.2f,"
	       "\"p99_ms\":%.2f,\"max_ms\":%.2f,\"error\":\"%s\"}\n",
		(long)accepted, (long)failed, (long)sessions, wall, (double)accepted / wall, load_quantile(.5), load_quantile(.99),
		load_quantile(1), load_error);
	return 0;
}
