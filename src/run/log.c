/*
 * Structured logs: renders one logfmt line per event and hands it to stderr without ever waiting.
 * Called from everywhere, any thread. Under the journal (JOURNAL_STREAM names our stderr) lines
 * begin with the priority as <N> and carry no time and level of their own.
 *
 * The loop's thread gathers lines for a few rounds: at most PIPE_BUF bytes, so that a pipe still
 * takes them whole. Errors and the lines of other threads go at once, and take those along.
 *
 * A pipe or terminal is opened anew in non-blocking mode, so that the setting stays ours and does
 * not reach other holders of the same stderr; a socket is written with MSG_DONTWAIT. No rotation,
 * no syslog: both are the supervisor's world.
 */
#include "run/log.h"
#include "base/must.h"
#include "base/time.h"
#include "base/utf8.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum sink { SINK_FILE, SINK_NONBLOCK, SINK_POLLED, SINK_SOCKET };

static struct {
	pthread_mutex_t lock;
	const char *name;
	int fd;
	enum sink sink;
	bool journal;
	uint64_t dropped, reported;
	char held[LOG_LINE_MAX]; /* whole lines to write; the first may be the tail of one that a
				    socket took in part */
	size_t nheld;
} out = {.lock = PTHREAD_MUTEX_INITIALIZER, .fd = 2};

static _Thread_local bool gathers, left_some; /* this thread: see log_gather() */

enum log_level log_level_now = LEVEL_INFO;

static const char *const level_names[] = {"error", "warn", "info", "debug"};
static const char level_priority[] = {'3', '4', '6', '7'};

/* ---- rendering ---- */

struct line {
	char *p;
	size_t n, max;
	bool full;
};

static void line_put(struct line *l, const char *p, size_t n)
{
	if (n > l->max - l->n) {
		l->full = true;
		return;
	}
	memcpy(l->p + l->n, p, n);
	l->n += n;
}

static void line_z(struct line *l, const char *z)
{
	line_put(l, z, strlen(z));
}

/* Length of the printable character at s, 0 when it is none: controls (C1 too), broken UTF-8. */
static size_t printable_utf8(slice s)
{
	slice rest = s;
	uint32_t c;
	utf8_next(&rest, &c);
	bool broken = c == UTF8_REPLACEMENT && !slice_starts(s, S("\xef\xbf\xbd"));
	return broken || c < ' ' || (c >= 0x7f && c < 0xa0) ? 0 : s.n - rest.n;
}

static bool is_bare(slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] <= ' ' || s.p[i] > '~' || s.p[i] == '"' || s.p[i] == '=' ||
			s.p[i] == '\\')
			return false;
	return s.n > 0;
}

static void put_escaped(struct line *l, char c)
{
	char hex[8];
	switch (c) {
	case '\n':
		line_z(l, "\\n");
		break;
	case '\r':
		line_z(l, "\\r");
		break;
	case '\t':
		line_z(l, "\\t");
		break;
	case '"':
	case '\\':
		line_put(l, (char[]){'\\', c}, 2);
		break;
	default:
		snprintf(hex, sizeof hex, "\\x%02x", (unsigned char)c);
		line_z(l, hex);
	}
}

static void put_quoted(struct line *l, slice s)
{
	line_put(l, "\"", 1);
	while (s.n && !l->full) {
		size_t n = *s.p == '"' || *s.p == '\\' ? 0 : printable_utf8(s);
		if (n)
			line_put(l, s.p, n);
		else
			put_escaped(l, *s.p);
		s = slice_skip(s, n ? n : 1);
	}
	line_put(l, "\"", 1);
}

static void put_str(struct line *l, slice s)
{
	if (is_bare(s) && s.n <= LOG_VALUE_MAX) {
		line_put(l, s.p, s.n);
		return;
	}
	char tail[] = "...";
	bool cut = s.n > LOG_VALUE_MAX;
	put_quoted(l, slice_first(s, LOG_VALUE_MAX));
	if (cut)
		line_z(l, tail);
}

static void put_value(struct line *l, const struct log_field *f)
{
	char t[40];
	switch (f->kind) {
	case LOG_F_STR:
		put_str(l, f->str);
		return;
	case LOG_F_SECRET:
		line_z(l, "***");
		return;
	case LOG_F_BOOL:
		line_z(l, f->u ? "true" : "false");
		return;
	case LOG_F_INT:
		snprintf(t, sizeof t, "%" PRId64, f->i);
		break;
	case LOG_F_UINT:
		snprintf(t, sizeof t, "%" PRIu64, f->u);
		break;
	case LOG_F_REAL:
		snprintf(t, sizeof t, "%.6g", f->real);
		break;
	case LOG_F_USEC:
		snprintf(t, sizeof t, "%.3f", (double)f->i / SECOND);
		break;
	}
	line_z(l, t);
}

/* " key=value", or nothing at all when it does not fit. */
static void put_field(struct line *l, struct log_field f)
{
	size_t before = l->n;
	line_put(l, " ", 1);
	line_z(l, f.key);
	line_put(l, "=", 1);
	put_value(l, &f);
	if (l->full)
		l->n = before;
}

static void put_ctx(struct line *l, const struct log_ctx *ctx)
{
	if (!ctx)
		return;
	put_ctx(l, ctx->parent);
	line_put(l, ctx->text, ctx->n);
}

static void put_start(struct line *l, enum log_level level, const char *event)
{
	char t[TIME_ISO_MAX];
	if (out.journal) {
		line_put(l, (char[]){'<', level_priority[level], '>'}, 3);
	} else {
		line_z(l, "ts=");
		line_put(l, t, time_iso(wall_now(), t));
		line_z(l, " level=");
		line_z(l, level_names[level]);
		line_put(l, " ", 1);
	}
	line_z(l, "event=");
	line_z(l, event);
	if (out.name)
		put_field(l, F("role", out.name));
}

static void put_end(struct line *l)
{
	static const char mark[] = " cut=true\n";
	l->max += sizeof mark;
	if (l->full)
		line_z(l, mark);
	else
		line_put(l, "\n", 1);
}

/* ---- writing ---- */

/* How much of it was taken; 0 when it would have had to wait, or nobody is there. */
static size_t sink_write(const char *p, size_t n)
{
	struct pollfd ready = {.fd = out.fd, .events = POLLOUT};
	ssize_t r;
	do {
		if (out.sink == SINK_SOCKET)
			r = send(out.fd, p, n, MSG_DONTWAIT | MSG_NOSIGNAL);
		else if (out.sink == SINK_POLLED && poll(&ready, 1, 0) != 1)
			r = 0;
		else
			r = write(out.fd, p, n);
	} while (r < 0 && errno == EINTR);
	return r < 0 ? 0 : (size_t)r;
}

static void flush_held(void)
{
	if (out.nheld) {
		size_t n = sink_write(out.held, out.nheld);
		memmove(out.held, out.held + n, out.nheld - n);
		out.nheld -= n;
	}
}

/* False: there is no room for the line, because the sink takes nothing. */
static bool hold_line(const char *p, size_t n)
{
	if (n > sizeof out.held - out.nheld)
		flush_held();
	if (n > sizeof out.held - out.nheld)
		return false;
	memcpy(out.held + out.nheld, p, n);
	out.nheld += n;
	return true;
}

static void report_dropped(void)
{
	char text[256];
	struct line l = {.p = text, .max = sizeof text - 16};
	put_start(&l, LEVEL_WARN, "log.dropped");
	put_field(&l, F("lines", out.dropped - out.reported));
	put_end(&l);
	if (hold_line(l.p, l.n))
		out.reported = out.dropped;
}

void log_emit(enum log_level level, const struct log_ctx *ctx, const char *event,
	const struct log_field *fields)
{
	static _Thread_local char text[LOG_LINE_MAX];
	struct line l = {.p = text, .max = sizeof text - 16};
	put_start(&l, level, event);
	put_ctx(&l, ctx);
	for (; fields->key; fields++)
		put_field(&l, *fields);
	put_end(&l);

	pthread_mutex_lock(&out.lock);
	if (out.dropped != out.reported)
		report_dropped();
	if (!hold_line(l.p, l.n))
		out.dropped++;
	left_some = gathers && level != LEVEL_ERROR;
	if (!left_some)
		flush_held();
	pthread_mutex_unlock(&out.lock);
}

void log_gather(bool on)
{
	log_flush();
	gathers = on;
}

void log_flush(void)
{
	if (!left_some)
		return;
	left_some = false;
	pthread_mutex_lock(&out.lock);
	flush_held();
	pthread_mutex_unlock(&out.lock);
}

/* The thread that holds the lock may be the one that dies. */
void log_flush_dying(void)
{
	if (pthread_mutex_trylock(&out.lock) != 0)
		return;
	flush_held();
	pthread_mutex_unlock(&out.lock);
}

/* ---- set up ---- */

/* systemd says which stream it reads: "device:inode" (systemd.exec(5), JOURNAL_STREAM). */
static bool is_journal(const struct stat *st)
{
	const char *stream = getenv("JOURNAL_STREAM");
	char mine[64];
	snprintf(mine, sizeof mine, "%ju:%ju", (uintmax_t)st->st_dev, (uintmax_t)st->st_ino);
	return stream && strcmp(stream, mine) == 0;
}

static void choose_sink(int fd, const struct stat *st)
{
	char path[40];
	out.fd = fd;
	out.sink = SINK_FILE;
	if (S_ISSOCK(st->st_mode)) {
		out.sink = SINK_SOCKET;
	} else if (S_ISFIFO(st->st_mode) || S_ISCHR(st->st_mode)) {
		snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
		int own = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
		out.sink = own < 0 ? SINK_POLLED : SINK_NONBLOCK;
		out.fd = own < 0 ? fd : own;
	}
}

void log_init(const char *name, int fd, enum log_level level)
{
	struct stat st;
	pthread_mutex_lock(&out.lock);
	flush_held();
	out.nheld = 0;
	if (out.sink == SINK_NONBLOCK)
		close(out.fd); /* opened by an earlier log_init */
	out.name = name;
	out.journal = false;
	if (fstat(fd, &st) == 0) {
		out.journal = is_journal(&st);
		choose_sink(fd, &st);
	}
	pthread_mutex_unlock(&out.lock);
	log_set_level(level);
}

void log_set_level(enum log_level level)
{
	must(level <= LEVEL_DEBUG);
	log_level_now = level;
}

bool log_level_parse(slice s, enum log_level *ret)
{
	for (int i = 0; i <= LEVEL_DEBUG; i++) {
		if (slice_ieq(s, slice_z(level_names[i]))) {
			*ret = (enum log_level)i;
			return true;
		}
	}
	return false;
}

uint64_t log_dropped(void)
{
	pthread_mutex_lock(&out.lock);
	uint64_t n = out.dropped;
	pthread_mutex_unlock(&out.lock);
	return n;
}

void log_ctx_init(struct log_ctx *ctx, const struct log_ctx *parent)
{
	ctx->parent = parent;
	ctx->n = 0;
}

void log_ctx_add(struct log_ctx *ctx, struct log_field f)
{
	struct line l = {.p = ctx->text, .n = ctx->n, .max = sizeof ctx->text};
	put_field(&l, f);
	ctx->n = (unsigned)l.n;
}
