/*
 * A pack becomes an installed version, versions come into force (features.h): what is written in DATA/features and told
 * to the history. Called by the features process, in its pool, and by the command line, both under the lock; blocks.
 */
#include "bin/features.h"

#include "base/map.h"
#include "base/mem.h"
#include "bin/rule_files.h"
#include "run/memfile.h"
#include <inttypes.h>
#include <jansson.h>

enum { NAMES_SHOWN = 40, HISTORY_LOOKED = 500, SET_TEXT_MAX = 1000 };

static json_t *text_json(slice s)
{
	return json_stringn(s.p ? s.p : "", s.n);
}

static json_t *set_json(const struct feature_set *s)
{
	AUTO(buf) struct buf text = BUF(SET_TEXT_MAX);
	feature_set_print(s, &text);
	return text_json(buf_slice(&text));
}

/* ---- the history ---- */

int features_tell(
	slice data, const char *what, uint64_t number, slice by, json_t *more, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct feature_manifest m;
	struct err ignored;
	json_t *j = json_pack("{s:s, s:o}", "what", what, "by", text_json(by));
	if (number && feature_depot_look(data, number, &a, &m, &ignored) == 0) {
		json_object_set_new(j, "number", json_integer((json_int_t)number));
		json_object_set_new(j, "name", text_json(m.name));
		json_object_set_new(j, "version", text_json(m.version));
		json_object_set_new(j, "serial", json_integer((json_int_t)m.serial));
	}
	if (more)
		json_object_update(j, more);
	json_decref(more);
	return feature_history_add(data, j, e);
}

/* ---- what changes ---- */

struct names {
	json_t *list;
	json_int_t n;
};

static void note(struct names *to, const struct rule_info *i)
{
	if (to->n++ < NAMES_SHOWN)
		json_array_append_new(to->list, json_string(i->def.name));
}

static json_t *names_json(struct names *v)
{
	return json_pack("{s:I, s:o}", "count", v->n, "names", v->list);
}

static int read_rules(slice data, const struct feature_set *set, struct rules **ret, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	const struct rule_files_from from = {.data = data, .set = set};
	const struct rules_source *v;
	size_t n;
	if (rule_files_read(&from, &a, &v, &n, e) < 0)
		return -1;
	return rules_parse(v, n, ret, e);
}

json_t *features_difference(slice data, const struct feature_set *was, const struct feature_set *is)
{
	AUTO(rules) struct rules *old = NULL;
	AUTO(rules) struct rules *new = NULL;
	struct err e;
	if (read_rules(data, was, &old, &e) < 0 || read_rules(data, is, &new, &e) < 0)
		return json_pack("{s:s}", "unknown", e.text);
	struct names added = {.list = json_array()}, removed = {.list = json_array()},
		     changed = {.list = json_array()};
	for (size_t i = 0; i < rules_count(new); i++) {
		const struct rule_info *n = rules_nth(new, i),
				       *o = rules_find(old, slice_z(n->def.name));
		if (!o)
			note(&added, n);
		else if (!slice_eq(o->text, n->text) || o->def.score < n->def.score ||
			 o->def.score > n->def.score || o->off != n->off)
			note(&changed, n);
	}
	for (size_t i = 0; i < rules_count(old); i++)
		if (!rules_find(new, slice_z(rules_nth(old, i)->def.name)))
			note(&removed, rules_nth(old, i));
	return json_pack("{s:o, s:o, s:o}", "added", names_json(&added), "removed",
		names_json(&removed), "changed", names_json(&changed));
}

/* ---- storing ---- */

static int tell_keys(slice data, const struct feature_pack *p, const struct feature_keys *before,
	slice by, struct err *e)
{
	for (size_t i = 0; i < p->m.next.n; i++) {
		char key[FEATURE_KEY_TEXT], signer[FEATURE_KEY_TEXT];
		if (feature_keys_have(before, &p->m.next.v[i]))
			continue;
		feature_key_print(&p->m.next.v[i], key);
		feature_key_print(&p->by, signer);
		if (features_tell(data, "key", 0, by,
			    json_pack("{s:s, s:s, s:o}", "key", key, "introduced_by", signer,
				    "name", text_json(p->m.name)),
			    e) < 0)
			return -1;
	}
	return 0;
}

static int remember(
	slice data, const struct feature_pack *p, struct feature_known *k, slice by, struct err *e)
{
	struct feature_keys before = k->keys;
	if (!feature_known_see(k, p->m.name, p->m.serial))
		return err_set(e, ERR_LIMIT, "packs of too many names were installed here");
	for (size_t i = 0; i < p->m.next.n; i++)
		if (!feature_keys_add(&k->keys, &p->m.next.v[i]))
			return err_set(e, ERR_LIMIT, "packs have introduced more than %d keys",
				FEATURE_KEYS_MAX);
	return feature_known_write(data, k, e) < 0 ? -1 : tell_keys(data, p, &before, by, e);
}

/* The number of a version with this very manifest; 0: it is not kept (any more). */
static uint64_t find_same(slice data, const struct feature_pack *p)
{
	AUTO(arena) struct arena a = {0};
	struct err e;
	uint64_t *v;
	size_t n;
	if (feature_depot_list(data, &a, &v, &n, &e) < 0)
		return 0;
	while (n-- > 0) {
		struct feature_pack had;
		AUTO(arena) struct arena b = {0};
		if (feature_depot_read(data, v[n], &b, &had, &e) == 0 &&
			slice_eq(had.manifest, p->manifest))
			return v[n];
	}
	return 0;
}

int features_store(slice data, const struct feature_pack *p, bool again, slice by,
	uint64_t *ret_number, struct err *e)
{
	struct feature_known known;
	uint64_t number;
	if (feature_known_read(data, &known, e) < 0)
		return -1;
	uint64_t seen = feature_known_serial(&known, p->m.name);
	if (p->m.serial < seen)
		return err_set(e, ERR_DENIED,
			"serial %" PRIu64 " is older than %" PRIu64
			", which was here; going back is `features rollback`",
			p->m.serial, seen);
	if (p->m.serial == seen && !again)
		return err_set(e, ERR_EXISTS, "serial %" PRIu64 " was here already", seen);
	if (p->m.serial == seen && (number = find_same(data, p)) != 0) {
		*ret_number = number;
		return 0;
	}
	if (feature_depot_put(data, p, &number, e) < 0 || remember(data, p, &known, by, e) < 0)
		return -1;
	char signer[FEATURE_KEY_TEXT];
	feature_key_print(&p->by, signer);
	if (features_tell(
		    data, "installed", number, by, json_pack("{s:s}", "signed_by", signer), e) < 0)
		return -1;
	*ret_number = number;
	return 0;
}

/* ---- in force ---- */

int features_take(slice data, const struct feature_set *set, const char *what, uint64_t number,
	slice by, json_t *more, struct err *e)
{
	struct feature_set was;
	if (feature_current_read(data, &was, e) < 0)
		was = (struct feature_set){0};
	json_t *j = json_pack("{s:o, s:o, s:o}", "was", set_json(&was), "is", set_json(set),
		"rules", features_difference(data, &was, set));
	if (more)
		json_object_update(j, more);
	json_decref(more);
	if (feature_current_write(data, set, e) < 0) {
		json_decref(j);
		return -1;
	}
	return features_tell(data, what, number, by, j, e);
}

int features_before(slice data, struct feature_set *ret, struct err *e)
{
	json_t *list;
	bool found = false;
	if (feature_history_read(data, HISTORY_LOOKED, &list, e) < 0)
		return -1;
	for (size_t i = json_array_size(list); i > 0 && !found; i--) {
		const json_t *was = json_object_get(json_array_get(list, i - 1), "was");
		found = json_is_string(was) &&
			feature_set_parse(
				slice_of(json_string_value(was), json_string_length(was)), ret);
	}
	json_decref(list);
	return found ? 0 : err_set(e, ERR_NOTFOUND, "nothing was in force here before");
}

int features_model(slice data, int *ret_fd, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct feature_set set;
	struct feature_part *v;
	size_t n;
	*ret_fd = -1;
	if (feature_current_read(data, &set, e) < 0 ||
		feature_set_files(data, &set, FEATURE_MODEL, &a, &v, &n, e) < 0)
		return e->kind == ERR_DENIED ? 0 : -1; /* a user who only asks */
	if (!n)
		return 0;
	*ret_fd = memfile_of("model", v[n - 1].bytes, e);
	return *ret_fd < 0 ? -1 : 0;
}

/* ---- old versions ---- */

static bool is_in(const struct feature_set *s, uint64_t number)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->v[i].number == number)
			return true;
	return false;
}

/* How many versions of that name were met. */
static int64_t count(struct map *seen, slice name, struct arena *a)
{
	int64_t *n = map_get(seen, name);
	if (!n) {
		n = ARENA_NEW(a, int64_t);
		map_put(seen, name, n);
	}
	return ++*n;
}

static int trim(slice data, int64_t keep, struct map *seen, struct arena *a, struct err *e)
{
	struct feature_set current, before = {0};
	struct feature_trial trial;
	struct err ignored;
	uint64_t *v;
	size_t n;
	if (feature_current_read(data, &current, e) < 0 ||
		feature_trial_read(data, a, &trial, e) < 0 ||
		feature_depot_list(data, a, &v, &n, e) < 0)
		return -1;
	features_before(data, &before, &ignored);
	while (n-- > 0) {
		struct feature_manifest m;
		if (feature_depot_look(data, v[n], a, &m, &ignored) < 0)
			continue;
		if (count(seen, m.name, a) > keep && !is_in(&current, v[n]) &&
			!is_in(&before, v[n]) && v[n] != trial.number &&
			feature_depot_remove(data, v[n], e) < 0)
			return -1;
	}
	return 0;
}

int features_trim(slice data, int64_t keep, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct map seen = {0};
	int r = trim(data, keep, &seen, &a, e);
	map_done(&seen);
	return r;
}
