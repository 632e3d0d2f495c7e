/*
 * The configuration engine: INI-like text against tables that modules declare.
 *
 *	# comment; also behind a value after white space
 *	include conf.d/extra.conf	patterns are allowed: conf.d/[a-z]*.conf
 *	[smtp]
 *	max_size = 50m
 *	trusted = 192.0.2.0/24
 *	    2001:db8::/32		indented lines continue the value above
 *	[listener "mx"]			named sections may occur many times
 *	banner = "two  spaces # kept"
 *
 * Every key has a default, so the empty file is valid. Loading reports all mistakes, not the first.
 * A module declares its struct and its table:
 *
 *	struct smtp_conf { int64_t max_size; bool strict; slice banner; };
 *	static const struct conf_key smtp_keys[] = {
 *		CONF_KEY_SIZE(struct smtp_conf, max_size, "50m", 1 << 10, 1LL << 40,
 *			"Largest ...", "..."),
 *		...
 *		CONF_END};
 *	const struct conf_section smtp_section = {"smtp", smtp_keys, sizeof(struct smtp_conf), ...};
 *
 * and reads `const struct smtp_conf *c = conf_get(conf, &smtp_section);`. The key's name is the
 * field's.
 */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "run/log.h"
#include "run/net.h"

enum conf_type {
	CONF_STRING, /* slice; NUL-terminated behind its end */
	CONF_PATH, /* slice, likewise; absolute (or empty, when the default is) */
	CONF_SECRET, /* struct secret; masked when printed */
	CONF_LIST, /* struct conf_list: words separated by white space */
	CONF_INT, /* int64_t with min, max */
	CONF_SIZE, /* int64_t bytes: 10, 64k, 50m, 2g; min, max */
	CONF_DURATION, /* int64_t microseconds: 500ms, 90s, 15m, 2h, 3d, 1w; min, max */
	CONF_BOOL, /* bool: yes no on off true false */
	CONF_ENUM, /* int: index into words */
	CONF_ADDRS, /* struct conf_addrs: "192.0.2.1:25", "*:25", "unix:/run/x" */
	CONF_NETS, /* struct conf_nets: "192.0.2.0/24", "2001:db8::/32", one address */
};

struct conf_list {
	slice *v; /* NUL-terminated each */
	size_t n;
};
struct conf_addrs {
	struct net_addr *v;
	size_t n;
};
struct conf_nets {
	struct net_cidr *v;
	size_t n;
};

struct conf_key {
	const char *key;
	enum conf_type type;
	size_t offset;
	const char *def; /* as it would be written */
	int64_t min,
		max; /* numbers, durations (usec), sizes; CONF_ADDRS: max is the default port */
	const char *const *words; /* CONF_ENUM, ends with NULL */
	const char *doc_en, *doc_zh;
};

struct conf_check;
struct conf_section {
	const char *name;
	const struct conf_key *keys; /* ends with CONF_END */
	size_t size; /* of the module's struct */
	bool named; /* [name "instance"], any number */
	const char *doc_en, *doc_zh;
	/* Rules between keys, may be NULL: says conf_complain() for each mistake. */
	void (*check)(const void *value, slice instance, struct conf_check *c);
};
/* Reports a mistake at the place of that key (or of the section, when the key is not written). key NULL: it is
 * about the section as a whole. */
void conf_complain(struct conf_check *c, const char *key, const char *en, const char *zh);

enum conf_lang { CONF_EN, CONF_ZH };
enum {
	CONF_FILE_MAX = 4 << 20,
	CONF_FILES_MAX = 256, /* with all includes */
	CONF_INCLUDE_DEPTH = 8,
	CONF_ERRORS_MAX = 100,
	CONF_INSTANCES_MAX = 10000,
	CONF_VALUE_MAX = 64 << 10,
	CONF_WORDS_MAX = 4096, /* of one list */
};

struct conf;
/* Where mistakes go: one line each, "posthouse.conf:12: ...", in order of appearance. */
struct conf_errors {
	slice *v; /* in the arena given */
	size_t n;
};

/* `sections` ends with NULL. -1 with ERR_NOTFOUND, ERR_DENIED (the file), or ERR_PERM: then
 * *ret_errors tells each mistake in the language asked for and e->text the first. */
int conf_load(slice path, const struct conf_section *const *sections, enum conf_lang lang,
	struct arena *a, struct conf **ret, struct conf_errors *ret_errors, struct err *e);
/* The same from text; `name` stands for the file; includes are relative to the working directory.
 */
int conf_parse(slice text, slice name, const struct conf_section *const *sections,
	enum conf_lang lang, struct arena *a, struct conf **ret, struct conf_errors *ret_errors,
	struct err *e);

/* What goes beyond one section, for texts that are documents of their own: after everything was
 * read, before the mistakes are handed out. Values of keys that are mistakes are the defaults. */
struct conf_report;
struct conf_review {
	const struct conf *conf;
	enum conf_lang lang;
	struct conf_report *mistakes, *warnings;
};
struct conf_reviewer {
	void (*review)(void *arg, struct conf_review *r);
	void *arg;
	struct conf_errors warnings; /* filled in; in the arena given */
};
/* Like conf_parse, never with includes, each named section once. */
int conf_parse_document(slice text, slice name, const struct conf_section *const *sections,
	enum conf_lang lang, struct conf_reviewer *reviewer, struct arena *a, struct conf **ret,
	struct conf_errors *ret_errors, struct err *e);
/* At the key of the i-th section, or where that section begins when the key is NULL or not written.
 * The formats take the same arguments. */
void conf_review_mistake(struct conf_review *r, const struct conf_section *s, size_t i,
	const char *key, const char *en, const char *zh, ...)
	__attribute__((format(printf, 5, 7), format(printf, 6, 7)));
void conf_review_warning(struct conf_review *r, const struct conf_section *s, size_t i,
	const char *key, const char *en, const char *zh, ...)
	__attribute__((format(printf, 5, 7), format(printf, 6, 7)));
bool conf_written(const struct conf *c, const struct conf_section *s, size_t i, const char *key);
/* Whether all its keys could be read. */
bool conf_sound(const struct conf *c, const struct conf_section *s, size_t i);

void conf_free(struct conf *c);
static inline void auto_conf(struct conf **c)
{
	conf_free(*c);
}

/* The struct of a plain section: always there. Valid until conf_free. */
const void *conf_get(const struct conf *c, const struct conf_section *s);
/* Named sections, in order of appearance: how many, and the i-th. */
size_t conf_count(const struct conf *c, const struct conf_section *s);
const void *conf_nth(const struct conf *c, const struct conf_section *s, size_t i, slice *ret_name);
/* By name, or NULL. */
const void *conf_named(const struct conf *c, const struct conf_section *s, slice name);

/* "500", "50m", "2g": as values of CONF_KEY_SIZE are written. */
bool conf_size_parse(slice s, int64_t *ret);

/* The whole configuration, every key with its documentation and default, commented out. */
void conf_print_defaults(
	const struct conf_section *const *sections, enum conf_lang lang, struct buf *out);
enum conf_show {
	CONF_SHOW_ALL, /* every key with its effective value */
	CONF_SHOW_CHANGED, /* those that are written somewhere */
	CONF_SHOW_SECRETS, /* all, secrets in clear: to hand the configuration to a child process */
};
/* Written so that conf_parse reads it back. Secrets as ***. */
void conf_print(const struct conf *c, enum conf_show what, struct buf *out);

/* ---- declaring keys; the field's type is checked by the compiler ---- */
#define CONF_END                                                                                   \
	{                                                                                          \
		.key = NULL                                                                        \
	}
#define CONF_KEY_STRING(st, f, d, en, zh)                                                          \
	CONF_KEY_(st, f, slice, CONF_STRING, d, 0, 0, NULL, en, zh)
#define CONF_KEY_PATH(st, f, d, en, zh) CONF_KEY_(st, f, slice, CONF_PATH, d, 0, 0, NULL, en, zh)
#define CONF_KEY_SECRET(st, f, en, zh)                                                             \
	CONF_KEY_(st, f, struct secret, CONF_SECRET, "", 0, 0, NULL, en, zh)
#define CONF_KEY_LIST(st, f, d, en, zh)                                                            \
	CONF_KEY_(st, f, struct conf_list, CONF_LIST, d, 0, 0, NULL, en, zh)
#define CONF_KEY_INT(st, f, d, min, max, en, zh)                                                   \
	CONF_KEY_(st, f, int64_t, CONF_INT, d, min, max, NULL, en, zh)
#define CONF_KEY_SIZE(st, f, d, min, max, en, zh)                                                  \
	CONF_KEY_(st, f, int64_t, CONF_SIZE, d, min, max, NULL, en, zh)
#define CONF_KEY_DURATION(st, f, d, min, max, en, zh)                                              \
	CONF_KEY_(st, f, int64_t, CONF_DURATION, d, min, max, NULL, en, zh)
#define CONF_KEY_BOOL(st, f, d, en, zh) CONF_KEY_(st, f, bool, CONF_BOOL, d, 0, 0, NULL, en, zh)
#define CONF_KEY_ENUM(st, f, d, words, en, zh)                                                     \
	CONF_KEY_(st, f, int, CONF_ENUM, d, 0, 0, words, en, zh)
#define CONF_KEY_ADDRS(st, f, d, port, en, zh)                                                     \
	CONF_KEY_(st, f, struct conf_addrs, CONF_ADDRS, d, 0, port, NULL, en, zh)
#define CONF_KEY_NETS(st, f, d, en, zh)                                                            \
	CONF_KEY_(st, f, struct conf_nets, CONF_NETS, d, 0, 0, NULL, en, zh)

#define CONF_KEY_(st, f, ctype, t, d, lo, hi, w, en, zh)                                           \
	{                                                                                          \
		.key = #f, .type = t, .def = d, .min = lo, .max = hi, .words = w, .doc_en = en,    \
		.doc_zh = zh,                                                                      \
		.offset =                                                                          \
			offsetof(st, f) + 0 * sizeof(char[__builtin_types_compatible_p(            \
								  __typeof__(((st *)0)->f), ctype) \
								  ? 1                              \
								  : -1]),                          \
	}
