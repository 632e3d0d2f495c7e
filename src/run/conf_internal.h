/* Shared by the files of the configuration engine: conf.c, conf_read.c, conf_value.c, conf_print.c.
 */
#pragma once
#include "run/conf.h"

#include <stdarg.h>

/* Where something was written. line 0: nowhere. */
struct conf_place {
	slice file;
	unsigned line;
};

/* Collects mistakes. The two formats take the same arguments in the same order. */
struct conf_report {
	struct arena *a; /* the caller's */
	enum conf_lang lang;
	struct conf_errors list;
	size_t cap;
};
void conf_mistake(struct conf_report *r, struct conf_place at, const char *en, const char *zh, ...)
	__attribute__((format(printf, 3, 5), format(printf, 4, 5)));
void conf_mistake_at(struct conf_report *r, struct conf_place at, const char *format, va_list ap)
	__attribute__((format(printf, 3, 0)));

/* conf_read.c: the text as a list of sections and keys, in order, includes resolved. */
struct conf_item {
	struct conf_place at;
	bool is_section;
	bool resumed; /* a section that goes on behind an include */
	bool has_instance;
	slice name; /* of the section or the key; lower case as it must be written */
	slice instance; /* [name "instance"] */
	slice value; /* of a key: lines joined, comment removed, quotes as written */
};
struct conf_items {
	struct conf_item *v;
	size_t n, cap;
};
/* Text lives in *a (conf's own). -1 only when the first file cannot be read. */
int conf_read_file(
	slice path, struct arena *a, struct conf_report *r, struct conf_items *ret, struct err *e);
void conf_read_text(slice text, slice name, bool includes, struct arena *a, struct conf_report *r,
	struct conf_items *ret);

/* conf_value.c: text to field and back. */
struct conf_why { /* what is wrong with a value, in both languages */
	char en[256], zh[256];
};
/* Writes the field; false with the reason. Memory from *a. */
bool conf_value_parse(
	const struct conf_key *k, slice text, void *field, struct arena *a, struct conf_why *why);
void conf_value_print(const struct conf_key *k, const void *field, bool secrets, struct buf *out);
void conf_quote(slice s, bool word, struct buf *out);
/* What may be written, for people: "size, 1k to 50m". */
void conf_value_describe(const struct conf_key *k, enum conf_lang lang, struct buf *out);

/* conf.c */
struct conf_instance {
	slice name;
	char *value; /* the module's struct */
	struct conf_place at; /* first seen */
	struct conf_place *where; /* of each key */
	bool broken;
};
struct conf_table {
	const struct conf_section *section;
	struct conf_instance *v;
	size_t n, cap;
};
struct conf {
	struct arena a;
	struct conf_table *tables;
	size_t ntables;
};
