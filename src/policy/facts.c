/*
 * What is known of a letter as one line of JSON, kept for some days so that new policies can be tried
 * on real traffic. Names are those of struct policy_facts where they are not shorter; what is empty,
 * zero or false is left out. Written by the edge, read by the command line: the text may be damaged,
 * so everything is checked. On jansson.
 */
#include "policy/policy.h"

#include "base/b64.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "codec/header.h"
#include "codec/json_read.h"

#include <math.h>

enum { FORMAT = 1, TEXT_MAX = 1000 };

/* ---- writing ---- */

/* What came from outside may be no UTF-8. */
static json_t *text(slice s, size_t most)
{
	s = slice_first(s, most);
	if (utf8_valid(s))
		return json_stringn_nocheck(s.p ? s.p : "", s.n);
	AUTO(buf) struct buf clean = BUF(4 * most);
	utf8_scrub(&clean, s);
	return json_stringn_nocheck(clean.p ? clean.p : "", clean.n);
}

static void put_text(json_t *o, const char *key, slice s)
{
	if (s.n)
		json_object_set_new_nocheck(o, key, text(utf8_first(s, TEXT_MAX), TEXT_MAX));
}

static void put_count(json_t *o, const char *key, uint64_t v)
{
	if (v)
		json_object_set_new_nocheck(o, key, json_integer((json_int_t)v));
}

static void put_yes(json_t *o, const char *key, bool v)
{
	if (v)
		json_object_set_new_nocheck(o, key, json_true());
}

static double whole(double v)
{
	return isfinite(v) ? v : 0;
}

/* Whole fields, as many as there is room for. */
static slice shortened(slice header)
{
	struct header_field f;
	slice rest = header, kept = slice_first(header, 0);
	if (header.n <= POLICY_HEADER_KEPT)
		return header;
	while (header_next(&rest, &f) && f.raw.p + f.raw.n <= header.p + POLICY_HEADER_KEPT)
		kept.n = (size_t)(f.raw.p + f.raw.n - header.p);
	return kept;
}

/* Bytes that are no UTF-8 must stay what they are: their charset is guessed when they are read. */
static void put_header(json_t *o, slice header)
{
	slice kept = shortened(header);
	if (kept.n && utf8_valid(kept)) {
		json_object_set_new_nocheck(o, "header", json_stringn_nocheck(kept.p, kept.n));
	} else if (kept.n) {
		AUTO(buf) struct buf b = BUF(b64_size(POLICY_HEADER_KEPT));
		b64_encode(&b, kept);
		json_object_set_new_nocheck(o, "header64", json_stringn_nocheck(b.p, b.n));
	}
}

/* [name, score] or, of a rule, [name, score, class] */
static void put_signals(json_t *o, const struct signals *all)
{
	json_t *list = json_array();
	for (unsigned i = 0; i < all->n; i++) {
		const struct signal *s = &all->v[i];
		json_t *one = json_array();
		json_array_append_new(one, text(slice_z(s->def->name), TEXT_MAX));
		json_array_append_new(one, json_real(whole((double)s->score)));
		if (s->def->class)
			json_array_append_new(one, text(slice_z(s->def->class), TEXT_MAX));
		json_array_append_new(list, one);
	}
	json_object_set_new_nocheck(o, "signals", list);
}

/* [name, type, size, facts, depth] */
static void put_files(json_t *o, const struct policy_facts *f)
{
	json_t *list = json_array();
	for (size_t i = 0; i < f->nfiles && i < POLICY_FILES_MAX; i++) {
		const struct policy_file *file = &f->files[i];
		json_t *one = json_array();
		json_array_append_new(one, text(utf8_first(file->name, 255), 255));
		json_array_append_new(one, json_string_nocheck(filetype_name(file->type)));
		json_array_append_new(one, json_integer((json_int_t)file->size));
		json_array_append_new(one, json_integer(file->facts));
		json_array_append_new(one, json_integer(file->depth));
		json_array_append_new(list, one);
	}
	json_object_set_new_nocheck(o, "files", list);
}

static void put_examination(json_t *o, const struct policy_facts *f)
{
	put_yes(o, "examined", f->examined);
	put_yes(o, "limited", f->limited);
	put_yes(o, "too_large", f->too_large);
	put_yes(o, "unavailable", f->unavailable);
	put_yes(o, "allowed", f->allowed);
	put_yes(o, "spared", f->spared);
	put_yes(o, "engine_holds", f->engine_holds);
	put_yes(o, "engine_defers", f->engine_defers);
	put_text(o, "why", f->why_unexamined);
	put_text(o, "virus", f->virus);
	put_text(o, "engine_down", f->engine_down);
}

void policy_facts_print(struct buf *out, const struct policy_facts *f)
{
	json_t *o = json_object();
	put_count(o, "v", FORMAT);
	put_count(o, "direction", f->direction);
	put_count(o, "at", (uint64_t)(f->at > 0 ? f->at : 0));
	put_text(o, "ip", f->client_ip);
	put_text(o, "host", f->client_name);
	put_text(o, "login", f->login);
	put_text(o, "sender", f->sender);
	put_text(o, "from", f->from);
	put_text(o, "subject", f->subject);
	put_count(o, "size", f->size);
	put_count(o, "rcpts", f->rcpts);
	put_count(o, "bulk", f->bulk);
	json_object_set_new_nocheck(o, "probability", json_real(whole(f->probability)));
	json_object_set_new_nocheck(o, "score", json_real(whole(f->score)));
	put_examination(o, f);
	put_signals(o, f->signals);
	put_files(o, f);
	put_header(o, f->header);
	char *line = json_dumps(o, JSON_COMPACT | JSON_REAL_PRECISION(6));
	buf_put(out, slice_z(line));
	free(line);
	json_decref(o);
}

/* ---- reading ---- */

static slice get_text(const json_t *o, const char *key, struct arena *a)
{
	return arena_dup(a, json_read_text(o, key));
}

static slice item_text(const json_t *list, size_t i)
{
	const json_t *v = json_array_get(list, i);
	return json_is_string(v) ? slice_of(json_string_value(v), json_string_length(v)) : S("");
}

/* Names that are not in the table are those of rules, or of another version. */
static const struct signal_def *def_of(slice name, slice class, struct arena *a)
{
	enum signal_id id;
	if (signal_by_name(name, &id))
		return signal_def(id);
	struct signal_def *def = ARENA_NEW(a, struct signal_def);
	*def = (struct signal_def){.name = arena_strz(a, name),
		.stage = SIGNAL_CONTENT,
		.en = "",
		.zh = "",
		.class = class.n ? arena_strz(a, class) : NULL};
	return def;
}

static bool read_signals(const json_t *o, struct arena *a, struct policy_facts *ret)
{
	const json_t *list = json_object_get(o, "signals");
	struct signals *all = ARENA_NEW(a, struct signals);
	all->mem = a;
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *one = json_array_get(list, i), *score = json_array_get(one, 1);
		slice name = item_text(one, 0);
		if (name.n == 0 || !json_is_number(score))
			return false;
		signals_add_def(all, def_of(name, item_text(one, 2), a),
			(float)json_number_value(score), S(""));
	}
	ret->signals = all;
	return true;
}

static uint64_t item_count(const json_t *list, size_t i)
{
	json_int_t v = json_integer_value(json_array_get(list, i));
	return v > 0 ? (uint64_t)v : 0;
}

static void read_files(const json_t *o, struct arena *a, struct policy_facts *ret)
{
	const json_t *list = json_object_get(o, "files");
	size_t n = json_array_size(list);
	n = n < POLICY_FILES_MAX ? n : POLICY_FILES_MAX;
	struct policy_file *v = ARENA_ARRAY(a, struct policy_file, n + 1);
	for (size_t i = 0; i < n; i++) {
		const json_t *one = json_array_get(list, i);
		v[i].name = arena_dup(a, item_text(one, 0));
		if (!filetype_by_name(item_text(one, 1), &v[i].type))
			v[i].type = FILETYPE_UNKNOWN;
		v[i].size = item_count(one, 2);
		v[i].facts = (unsigned)item_count(one, 3);
		v[i].depth = (unsigned)item_count(one, 4);
	}
	ret->files = v;
	ret->nfiles = n;
}

static void read_header(const json_t *o, struct arena *a, struct policy_facts *ret)
{
	AUTO(buf) struct buf bytes = BUF(POLICY_HEADER_KEPT);
	ret->header = get_text(o, "header", a);
	if (!ret->header.n && b64_decode(&bytes, json_read_text(o, "header64")))
		ret->header = arena_dup(a, buf_slice(&bytes));
}

static void read_examination(const json_t *o, struct arena *a, struct policy_facts *ret)
{
	const struct yes {
		const char *key;
		bool *at;
	} yes[] = {
		{"examined", &ret->examined},
		{"limited", &ret->limited},
		{"too_large", &ret->too_large},
		{"unavailable", &ret->unavailable},
		{"allowed", &ret->allowed},
		{"spared", &ret->spared},
		{"engine_holds", &ret->engine_holds},
		{"engine_defers", &ret->engine_defers},
	};
	for (size_t i = 0; i < sizeof yes / sizeof *yes; i++)
		*yes[i].at = json_is_true(json_object_get(o, yes[i].key));
	ret->why_unexamined = get_text(o, "why", a);
	ret->virus = get_text(o, "virus", a);
	ret->engine_down = get_text(o, "engine_down", a);
}

static bool read_object(const json_t *o, struct arena *a, struct policy_facts *ret)
{
	struct policy_facts f = {0};
	int64_t direction = json_read_count(o, "direction");
	if (json_read_count(o, "v") != FORMAT ||
		(direction != POLICY_IN && direction != POLICY_OUT && direction != POLICY_INTERNAL))
		return false;
	f.direction = (enum policy_direction)direction;
	f.at = json_read_count(o, "at");
	f.client_ip = get_text(o, "ip", a);
	f.client_name = get_text(o, "host", a);
	f.login = get_text(o, "login", a);
	f.sender = get_text(o, "sender", a);
	f.from = get_text(o, "from", a);
	f.subject = get_text(o, "subject", a);
	f.size = (uint64_t)json_read_count(o, "size");
	f.rcpts = (unsigned)json_read_count(o, "rcpts");
	f.bulk = (unsigned)json_read_count(o, "bulk");
	f.probability = json_number_value(json_object_get(o, "probability"));
	f.score = json_number_value(json_object_get(o, "score"));
	read_examination(o, a, &f);
	read_files(o, a, &f);
	read_header(o, a, &f);
	if (!read_signals(o, a, &f))
		return false;
	*ret = f;
	return true;
}

bool policy_facts_read(slice json, struct arena *a, struct policy_facts *ret)
{
	json_error_t bad;
	json_t *o = json.n ? json_loadb(json.p, json.n, JSON_ALLOW_NUL, &bad) : NULL;
	bool read = json_is_object(o) && read_object(o, a, ret);
	json_decref(o);
	return read;
}
