/* A zone read from JSON (lib_zone.h). Data that is not understood ends the program: a judge that
 * leaves records out would judge something else. */
#include "lib_zone.h"

#include <stdio.h>
#include <stdlib.h>

static const struct {
	const char *name;
	enum zone_type type;
} types[] = {{"TXT", ZONE_TXT}, {"A", ZONE_A}, {"AAAA", ZONE_AAAA}, {"MX", ZONE_MX},
	{"PTR", ZONE_PTR}, {"CNAME", ZONE_CNAME}};

_Noreturn static void refuse(const char *name, json_t *what)
{
	char *text = what ? json_dumps(what, JSON_ENCODE_ANY) : NULL;
	fprintf(stderr, "zone: %s: not understood: %s\n", name, text ? text : "");
	exit(2);
}

static slice text_of(json_t *s)
{
	return slice_of(json_string_value(s), json_string_length(s));
}

/* TXT: one string or several, which are joined. */
static void add_txt(struct zone *z, const char *name, json_t *value)
{
	AUTO(buf) struct buf joined = BUF(1 << 20);
	size_t i;
	json_t *part;
	if (json_is_string(value))
		buf_put(&joined, text_of(value));
	else if (!json_is_array(value))
		refuse(name, value);
	json_array_foreach(value, i, part)
	{
		if (!json_is_string(part))
			refuse(name, value);
		buf_put(&joined, text_of(part));
	}
	zone_add(z, slice_z(name), ZONE_TXT, buf_slice(&joined));
}

static void add_mx(struct zone *z, const char *name, json_t *value)
{
	json_t *preference = json_array_get(value, 0), *host = json_array_get(value, 1);
	if (!json_is_integer(preference) || !json_is_string(host))
		refuse(name, value);
	zone_add_mx(z, slice_z(name), (uint16_t)json_integer_value(preference), text_of(host));
}

static void add_typed(struct zone *z, const char *name, const char *type, json_t *value)
{
	for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
		if (strcmp(type, types[i].name) != 0)
			continue;
		if (types[i].type == ZONE_TXT)
			add_txt(z, name, value);
		else if (types[i].type == ZONE_MX)
			add_mx(z, name, value);
		else if (json_is_string(value))
			zone_add(z, slice_z(name), types[i].type, text_of(value));
		else
			refuse(name, value);
		return;
	}
	refuse(type, value);
}

static void add_record(struct zone *z, const char *name, json_t *record)
{
	const char *type;
	json_t *value;
	if (json_is_string(record) && strcmp(json_string_value(record), "TIMEOUT") == 0)
		zone_add(z, slice_z(name), ZONE_TIMEOUT, S(""));
	else if (json_is_object(record))
		json_object_foreach(record, type, value) add_typed(z, name, type, value);
	else
		refuse(name, record);
}

void zone_from_json(struct zone *z, json_t *object)
{
	const char *name;
	json_t *records, *one;
	size_t i;
	if (!json_is_object(object))
		refuse("the whole", object);
	json_object_foreach(object, name, records)
	{
		if (!json_is_array(records))
			add_record(z, name, records);
		json_array_foreach(records, i, one) add_record(z, name, one);
	}
}

void zone_from_file(struct zone *z, const char *path)
{
	json_error_t e;
	json_t *all = json_load_file(path, JSON_ALLOW_NUL, &e);
	if (!all) {
		fprintf(stderr, "zone: %s:%d: %s\n", path, e.line, e.text);
		exit(2);
	}
	zone_from_json(z, all);
	json_decref(all);
}

int judge_main(const char *name, json_t *(*answer)(struct zone *z, json_t *request))
{
	struct zone z = {0};
	json_error_t e;
	json_t *request, *made;
	while ((request = json_loadf(stdin, JSON_ALLOW_NUL | JSON_DISABLE_EOF_CHECK, &e))) {
		if ((made = json_object_get(request, "zone"))) {
			zone_done(&z);
			zone_from_json(&z, made);
		}
		json_t *o = answer(&z, request);
		json_dumpf(o, stdout, JSON_COMPACT);
		puts("");
		fflush(stdout);
		json_decref(o);
		json_decref(request);
	}
	zone_done(&z);
	if (json_error_code(&e) != json_error_premature_end_of_input) {
		fprintf(stderr, "%s: line %d: %s\n", name, e.line, e.text);
		return 2;
	}
	return 0;
}
