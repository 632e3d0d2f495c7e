/*
 * load: what the load generators share: blocking connections to loopback with and without TLS, lines, times of
 * operations. Each generator is one program of one file; this is its only other part.
 */
#pragma once
#include "base/buf.h"
#include "base/mem.h"
#include "base/time.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/socket.h>

enum { LOAD_LINE_MAX = 16384, LOAD_SAMPLES_MAX = 4000000, LOAD_STACK = 256 * 1024 };

static SSL_CTX *load_tls;
static struct sockaddr_in load_to;
static atomic_flag load_failed = ATOMIC_FLAG_INIT;
static char load_error[160]; /* the first one */
static uint32_t *load_samples; /* usec */
static atomic_size_t load_nsamples;

struct conn {
	int fd;
	SSL *ssl;
	char *in;
	size_t cap, have, used;
};

static inline int load_fail(const char *what, slice detail)
{
	if (atomic_flag_test_and_set(&load_failed))
		return -1;
	snprintf(load_error, sizeof load_error, "%s: %.*s", what, (int)(detail.n > 100 ? 100 : detail.n), detail.p);
	for (char *p = load_error; *p; p++) /* it is printed inside JSON */
		if (*p == '"' || *p == '\\' || (unsigned char)*p < ' ')
			*p = ' ';
	return -1;
}

static inline int conn_send(struct conn *c, const char *p, size_t n)
{
	while (n) {
		ssize_t k = c->ssl ? SSL_write(c->ssl, p, n > 16384 ? 16384 : (int)n) : send(c->fd, p, n, MSG_NOSIGNAL);
		if (k <= 0)
			return load_fail("send", slice_z(strerror(errno)));
		p += k;
		n -= (size_t)k;
	}
	return 0;
}

/* Reads more behind what is there: 0, -1. */
static inline int conn_fill(struct conn *c)
{
	memmove(c->in, c->in + c->used, c->have - c->used);
	c->have -= c->used;
	c->used = 0;
	size_t room = c->cap - c->have;
	ssize_t k = room == 0 ? 0 : c->ssl ? SSL_read(c->ssl, c->in + c->have, (int)room) : recv(c->fd, c->in + c->have, room, 0);
	if (k <= 0)
		return load_fail("receive", k == 0 ? S("closed, or a line too long") : slice_z(strerror(errno)));
	c->have += (size_t)k;
	return 0;
}

static inline int conn_line(struct conn *c, slice *ret)
{
	for (;;) {
		slice have = slice_of(c->in + c->used, c->have - c->used);
		size_t at = slice_index(have, '\n');
		if (at < have.n) {
			*ret = slice_first(have, at);
			c->used += at + 1;
			return 0;
		}
		if (conn_fill(c) < 0)
			return -1;
	}
}

static inline int conn_skip(struct conn *c, size_t n)
{
	for (;;) {
		size_t k = c->have - c->used;
		if (k > n)
			k = n;
		c->used += k;
		n -= k;
		if (n == 0)
			return 0;
		if (conn_fill(c) < 0)
			return -1;
	}
}

static inline int conn_start_tls(struct conn *c)
{
	c->ssl = SSL_new(load_tls);
	SSL_set_fd(c->ssl, c->fd);
	c->have = c->used = 0;
	return SSL_connect(c->ssl) == 1 ? 0 : load_fail("tls", S("handshake failed"));
}

static inline void conn_close(struct conn *c)
{
	if (c->ssl)
		SSL_free(c->ssl);
	if (c->fd >= 0)
		close(c->fd);
	free(c->in);
	*c = (struct conn){.fd = -1};
}

/* TCP alone; `line`: the longest one that will be read. */
static inline int conn_open(struct conn *c, size_t line)
{
	struct timeval limit = {60, 0};
	int one = 1;
	*c = (struct conn){.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), .in = mem_alloc(line), .cap = line};
	setsockopt(c->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
	setsockopt(c->fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	if (connect(c->fd, (struct sockaddr *)&load_to, sizeof load_to) < 0)
		return load_fail("connect", slice_z(strerror(errno)));
	return 0;
}

/* "127.0.0.1:PORT"; nothing but loopback. */
static inline bool load_target(const char *text)
{
	char host[64];
	unsigned port;
	if (sscanf(text, "%63[^:]:%u", host, &port) != 2 || inet_pton(AF_INET, host, &load_to.sin_addr) != 1 ||
		ntohl(load_to.sin_addr.s_addr) >> 24 != 127)
		return false;
	load_to.sin_family = AF_INET;
	load_to.sin_port = htons((uint16_t)port);
	return true;
}

static inline void load_init(void)
{
	load_tls = SSL_CTX_new(TLS_client_method());
	SSL_CTX_set_mode(load_tls, SSL_MODE_AUTO_RETRY | SSL_MODE_RELEASE_BUFFERS);
	SSL_CTX_set_session_cache_mode(load_tls, SSL_SESS_CACHE_OFF);
	load_samples = mem_alloc(sizeof *load_samples * LOAD_SAMPLES_MAX);
}

static inline void load_sample(instant started)
{
	size_t at = atomic_fetch_add(&load_nsamples, 1);
	if (at < LOAD_SAMPLES_MAX)
		load_samples[at] = (uint32_t)(instant_now() - started);
}

static inline int load_by_value(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	return (x > y) - (x < y);
}

static inline size_t load_sort(void)
{
	size_t n = load_nsamples < LOAD_SAMPLES_MAX ? load_nsamples : LOAD_SAMPLES_MAX;
	qsort(load_samples, n, sizeof *load_samples, load_by_value);
	return n;
}

/* Milliseconds; after load_sort. */
static inline double load_quantile(double q)
{
	size_t n = load_nsamples < LOAD_SAMPLES_MAX ? load_nsamples : LOAD_SAMPLES_MAX;
	return n ? load_samples[(size_t)(q * (double)(n - 1))] / 1000.0 : 0;
}

/* `count` threads of fn(number); returns when all have. */
static inline void load_threads(long count, void *(*fn)(void *))
{
	pthread_t *threads = mem_alloc((size_t)count * sizeof *threads);
	pthread_attr_t attr;
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, LOAD_STACK);
	for (long i = 0; i < count; i++)
		pthread_create(&threads[i], &attr, fn, (void *)i);
	for (long i = 0; i < count; i++)
		pthread_join(threads[i], NULL);
	free(threads);
}
