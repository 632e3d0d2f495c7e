/*
 * Structured logs: one event, one line of logfmt on stderr, fields and no prose.
 *
 *	log_info(&s->log, "smtp.accepted", F("id", id), F("bytes", n), F("pass", secret));
 *
 * F() takes a slice, char *, any integer, bool, double, struct err *, struct secret. The context
 * (NULL is fine) brings its fields into every line. Writing never blocks: what a full pipe does not
 * take is dropped and counted, and the next line that gets through is preceded by the count. Any
 * thread.
 */
#pragma once
#include "base/err.h"
#include "base/slice.h"

enum log_level { LEVEL_ERROR, LEVEL_WARN, LEVEL_INFO, LEVEL_DEBUG };

/* Longest line, LF included: a pipe takes it whole or not at all (PIPE_BUF). */
enum { LOG_LINE_MAX = 4096, LOG_VALUE_MAX = 1024, LOG_CTX_MAX = 320 };

/* A value that is never printed: as "***" in logs, configuration dumps and error texts. */
struct secret {
	slice value;
};

struct log_field {
	const char *key;
	enum {
		LOG_F_STR,
		LOG_F_INT,
		LOG_F_UINT,
		LOG_F_REAL,
		LOG_F_BOOL,
		LOG_F_USEC,
		LOG_F_SECRET
	} kind;
	union {
		slice str;
		int64_t i;
		uint64_t u;
		double real;
	};
};

/* Fields that a session or a process puts into each of its lines; kept rendered. */
struct log_ctx {
	const struct log_ctx *parent;
	unsigned n;
	char text[LOG_CTX_MAX];
};

/* name: of the role, e.g. "edge-1", shown in every line; a literal or as long-lived. fd: usually 2.
 * Call it once before threads start and before the sandbox closes. Level info until then. */
void log_init(const char *name, int fd, enum log_level level);
void log_set_level(enum log_level level);
/* "error", "warn", "info", "debug" */
bool log_level_parse(slice s, enum log_level *ret);
uint64_t log_dropped(void); /* lines lost so far */

/* The calling thread's lines below error wait for log_flush(), or for others that fill the buffer;
 * the loop's does, which flushes before it sleeps. */
void log_gather(bool on);
void log_flush(void);
void log_flush_dying(void); /* what any thread gathered, at the end of the process */

void log_ctx_init(struct log_ctx *ctx, const struct log_ctx *parent);
/* Adds a field; dropped silently when the context is full. */
void log_ctx_add(struct log_ctx *ctx, struct log_field f);

#define log_error(ctx, event, ...) LOG_AT(LEVEL_ERROR, ctx, event, __VA_ARGS__)
#define log_warn(ctx, event, ...) LOG_AT(LEVEL_WARN, ctx, event, __VA_ARGS__)
#define log_info(ctx, event, ...) LOG_AT(LEVEL_INFO, ctx, event, __VA_ARGS__)
#define log_debug(ctx, event, ...) LOG_AT(LEVEL_DEBUG, ctx, event, __VA_ARGS__)

/* One field. Keys are literals: [a-z0-9_.]. */
#define F(k, v)                                                                                    \
	_Generic((v),                                                                              \
		slice: log_field_slice,                                                            \
		char *: log_field_z,                                                               \
		const char *: log_field_z,                                                         \
		struct secret: log_field_secret,                                                   \
		struct err *: log_field_err,                                                       \
		const struct err *: log_field_err,                                                 \
		bool: log_field_bool,                                                              \
		double: log_field_real,                                                            \
		unsigned long: log_field_uint,                                                     \
		unsigned long long: log_field_uint,                                                \
		default: log_field_int)("" k, v)

/* A duration of microseconds, printed in seconds: took=0.153 */
#define F_USEC(k, usec) ((struct log_field){.key = "" k, .kind = LOG_F_USEC, .i = (usec)})

/* The rest is what the macros above are made of. */
extern enum log_level log_level_now;
void log_emit(enum log_level level, const struct log_ctx *ctx, const char *event,
	const struct log_field *fields);

#define LOG_AT(level, ctx, event, ...)                                                             \
	((level) <= log_level_now ? log_emit(level, ctx, event,                                    \
					    (const struct log_field[]){                            \
						    __VA_ARGS__ __VA_OPT__(, ){.key = NULL}})      \
				  : (void)0)

static inline struct log_field log_field_slice(const char *key, slice s)
{
	return (struct log_field){.key = key, .kind = LOG_F_STR, .str = s};
}

static inline struct log_field log_field_z(const char *key, const char *z)
{
	return log_field_slice(key, slice_z(z));
}

static inline struct log_field log_field_err(const char *key, const struct err *e)
{
	return log_field_z(key, e->text);
}

static inline struct log_field log_field_secret(const char *key, struct secret s)
{
	(void)s;
	return (struct log_field){.key = key, .kind = LOG_F_SECRET};
}

static inline struct log_field log_field_bool(const char *key, bool b)
{
	return (struct log_field){.key = key, .kind = LOG_F_BOOL, .u = b};
}

static inline struct log_field log_field_int(const char *key, int64_t i)
{
	return (struct log_field){.key = key, .kind = LOG_F_INT, .i = i};
}

static inline struct log_field log_field_uint(const char *key, uint64_t u)
{
	return (struct log_field){.key = key, .kind = LOG_F_UINT, .u = u};
}

static inline struct log_field log_field_real(const char *key, double d)
{
	return (struct log_field){.key = key, .kind = LOG_F_REAL, .real = d};
}
