/*
 * smtpsink: an SMTP server that takes everything, for benchmarks and crash tests. One epoll loop.
 * Counts into a shared file that others can map: u64 messages, bytes, connections, time of the last
 * message (monotonic microseconds). With -r FILE it records "id length sha256" of each message from its
 * X-Load-Id: header on (what stands before it is trace headers); see smtpload.c.
 */
#include "base/buf.h"
#include "base/mem.h"
#include "base/time.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <signal.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>

enum { MESSAGE_MAX = 128 << 20, READ_SIZE = 256 * 1024 };

struct counters {
	_Atomic uint64_t messages, bytes, conns, last_us;
};

struct client {
	int fd;
	bool data;
	struct buf in, out;
};

static struct counters *counters;
static int record_fd = -1;

static void record(slice message)
{
	static const char mark[] = "X-Load-Id: ";
	size_t at = slice_find(message, slice_z(mark));
	slice from = slice_skip(message, at), number;
	if (at == message.n)
		return;
	slice rest = slice_skip(from, sizeof mark - 1);
	slice_cut(&rest, '\r', &number);
	unsigned char d[EVP_MAX_MD_SIZE];
	char line[96];
	EVP_Digest(from.p, from.n, d, NULL, EVP_sha256(), NULL);
	int n = snprintf(line, sizeof line, "%.*s %zu %02x%02x%02x%02x%02x%02x%02x%02x\n", (int)(number.n > 20 ? 20 : number.n),
		number.p, from.n, d[0], d[1], d[2], d[3], d[4], d[5], d[6], d[7]);
	if (write(record_fd, line, (size_t)n) != n)
		perror("record");
}

/* Removes the dots that the client doubled. */
static slice unstuff(char *p, size_t n)
{
	char *to = p;
	for (size_t i = 0; i < n;) {
		char *nl = memchr(p + i, '\n', n - i);
		size_t end = nl ? (size_t)(nl - p) + 1 : n;
		size_t from = i + (p[i] == '.');
		memmove(to, p + from, end - from);
		to += end - from;
		i = end;
	}
	return slice_of(p, (size_t)(to - p));
}

static void message_done(struct client *c, size_t n)
{
	if (record_fd >= 0)
		record(unstuff(c->in.p, n));
	counters->messages++;
	counters->bytes += n;
	counters->last_us = (uint64_t)instant_now();
	buf_put(&c->out, S("250 2.0.0 taken\r\n"));
	c->data = false;
}

/* The end of the data, or false when it has not come yet. Looks only at what is new. */
static bool take_data(struct client *c, size_t looked)
{
	slice in = buf_slice(&c->in);
	if (slice_starts(in, S(".\r\n"))) {
		message_done(c, 0);
		buf_drop_front(&c->in, 3);
		return true;
	}
	size_t from = looked > 4 ? looked - 4 : 0;
	size_t at = slice_find(slice_skip(in, from), S("\r\n.\r\n"));
	if (from + at >= in.n)
		return false;
	message_done(c, from + at + 2);
	buf_drop_front(&c->in, from + at + 5);
	return true;
}

/* false: QUIT */
static bool command(struct client *c, slice line)
{
	if (slice_istarts(line, S("EHLO")) || slice_istarts(line, S("LHLO")))
		buf_put(&c->out, S("250-sink.test\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-ENHANCEDSTATUSCODES\r\n"
				   "250-SMTPUTF8\r\n250-DSN\r\n250 SIZE 134217728\r\n"));
	else if (slice_istarts(line, S("DATA"))) {
		buf_put(&c->out, S("354 go on\r\n"));
		c->data = true;
	} else if (slice_istarts(line, S("QUIT"))) {
		buf_put(&c->out, S("221 2.0.0 bye\r\n"));
		return false;
	} else
		buf_put(&c->out, S("250 2.0.0 ok\r\n"));
	return true;
}

static bool take_line(struct client *c, bool *ret_open)
{
	slice in = buf_slice(&c->in);
	size_t at = slice_index(in, '\n');
	if (at == in.n)
		return false;
	*ret_open = command(c, slice_first(in, at));
	buf_drop_front(&c->in, at + 1);
	return true;
}

/* Reads what is there; false when the connection is over. */
static bool serve(struct client *c)
{
	char *room = buf_room(&c->in, READ_SIZE);
	ssize_t k = room ? recv(c->fd, room, READ_SIZE, 0) : 0;
	if (k <= 0)
		return false;
	size_t looked = c->in.n;
	buf_commit(&c->in, (size_t)k);
	bool open = true;
	while (open && (c->data ? take_data(c, looked) : take_line(c, &open)))
		looked = 0;
	if (c->out.n && send(c->fd, c->out.p, c->out.n, MSG_NOSIGNAL) < 0)
		return false;
	buf_reset(&c->out);
	return open;
}

static void client_free(struct client *c)
{
	close(c->fd);
	buf_done(&c->in);
	buf_done(&c->out);
	free(c);
}

static void welcome(int ep, int listener)
{
	int fd, one = 1;
	while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
		struct client *c = NEW(struct client);
		c->fd = fd;
		c->in.limit = MESSAGE_MAX;
		c->out.limit = MESSAGE_MAX;
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
		struct epoll_event e = {EPOLLIN, {.ptr = c}};
		epoll_ctl(ep, EPOLL_CTL_ADD, fd, &e);
		if (send(fd, "220 sink.test ESMTP\r\n", 21, MSG_NOSIGNAL) != 21)
			continue; /* the read will find it closed */
		counters->conns++;
	}
}

static void run(int listener)
{
	int ep = epoll_create1(EPOLL_CLOEXEC);
	struct epoll_event e = {EPOLLIN, {.ptr = NULL}}, got[64];
	epoll_ctl(ep, EPOLL_CTL_ADD, listener, &e);
	for (;;) {
		int n = epoll_wait(ep, got, 64, -1);
		for (int i = 0; i < n; i++) {
			struct client *c = got[i].data.ptr;
			if (!c)
				welcome(ep, listener);
			else if (!serve(c))
				client_free(c);
		}
	}
}

static int listen_on(const char *text)
{
	char host[64];
	unsigned port;
	struct sockaddr_in a = {.sin_family = AF_INET};
	if (sscanf(text, "%63[^:]:%u", host, &port) != 2 || inet_pton(AF_INET, host, &a.sin_addr) != 1)
		return -1;
	a.sin_port = htons((uint16_t)port);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), one = 1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	if (bind(fd, (struct sockaddr *)&a, sizeof a) < 0 || listen(fd, 1024) < 0) {
		perror(text);
		return -1;
	}
	return fd;
}

int main(int argc, char **argv)
{
	int o;
	signal(SIGPIPE, SIG_IGN);
	while ((o = getopt(argc, argv, "r:")) != -1)
		if (o == 'r')
			record_fd = open(optarg, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	if (optind + 2 != argc) {
		fputs("smtpsink [-r record file] 127.0.0.1:PORT COUNTERFILE\n", stderr);
		return 2;
	}
	int fd = open(argv[optind + 1], O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	if (fd < 0 || ftruncate(fd, sizeof *counters) < 0) {
		perror(argv[optind + 1]);
		return 1;
	}
	counters = mmap(NULL, sizeof *counters, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	int listener = listen_on(argv[optind]);
	if (listener < 0)
		return 1;
	run(listener);
}
