/*
 * Indexes: what a source of packs offers (features.h). {"packs": [{"name", "version", "serial", "file", "size"}]}: nobody
 * signs it, it only says what to look at; the packs themselves are signed. Read by the features process, written by
 * `posthouse features index`.
 */
#include "base/mem.h"
#include "bin/features.h"
#include "codec/json_read.h"

static bool is_file(slice s)
{
	for (size_t i = 0; i < s.n; i++) {
		char c = ascii_lower(s.p[i]);
		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
			    (c == '.' && i)))
			return false;
	}
	return s.n > 0 && s.n <= 4 * FEATURE_NAME_MAX;
}

static bool read_offer(const json_t *j, struct arena *a, struct features_offer *ret)
{
	ret->name = arena_dup(a, json_read_text(j, "name"));
	ret->version = arena_dup(a, json_read_text(j, "version"));
	ret->file = arena_dup(a, json_read_text(j, "file"));
	ret->serial = (uint64_t)json_read_count(j, "serial");
	ret->size = (uint64_t)json_read_count(j, "size");
	return ret->name.n && ret->name.n <= FEATURE_NAME_MAX &&
	       ret->version.n <= FEATURE_NAME_MAX && ret->serial && ret->size <= FEATURE_PACK_MAX &&
	       is_file(ret->file);
}

int features_index_read(
	slice json, struct arena *a, struct features_offer **ret, size_t *ret_n, struct err *e)
{
	json_error_t bad;
	json_t *j =
		json.n && json.n <= FEATURES_INDEX_MAX ? json_loadb(json.p, json.n, 0, &bad) : NULL;
	const json_t *list = json_object_get(j, "packs");
	size_t n = json_array_size(list), i = 0;
	bool ok = json_is_array(list) && n <= FEATURES_OFFERS_MAX;
	struct features_offer *v = ARENA_ARRAY(a, struct features_offer, (ok ? n : 0) + 1);
	while (ok && i < n && read_offer(json_array_get(list, i), a, &v[i]))
		i++;
	json_decref(j);
	if (!ok || i < n)
		return err_set(e, ERR_PROTO, "not an index of packs");
	*ret = v;
	*ret_n = n;
	return 0;
}

void features_index_write(const struct features_offer *v, size_t n, struct buf *out)
{
	json_t *list = json_array();
	for (size_t i = 0; i < n; i++)
		json_array_append_new(
			list, json_pack("{s:s%, s:s%, s:I, s:s%, s:I}", "name", v[i].name.p,
				      v[i].name.n, "version", v[i].version.p, v[i].version.n,
				      "serial", (json_int_t)v[i].serial, "file", v[i].file.p,
				      v[i].file.n, "size", (json_int_t)v[i].size));
	json_t *j = json_pack("{s:o}", "packs", list);
	AUTO(free) char *text = json_dumps(j, JSON_INDENT(1));
	buf_put(out, slice_z(text ? text : ""));
	buf_byte(out, '\n');
	json_decref(j);
}
