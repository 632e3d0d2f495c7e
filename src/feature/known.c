/*
 * What must not be forgotten about packs (feature.h): the highest serial of each name that was ever
 * installed here, so that an old pack, though well signed, cannot take the place of a newer one; and
 * the keys that packs have introduced. DATA/features/known, lines of text.
 */
#include "base/mem.h"
#include "feature/file.h"
#include "run/file.h"
#include <inttypes.h>
#include <stdio.h>

enum { TEXT_MAX = 64 << 10 };

uint64_t feature_known_serial(const struct feature_known *k, slice name)
{
	for (size_t i = 0; i < k->nserials; i++)
		if (slice_eq(slice_z(k->serials[i].name), name))
			return k->serials[i].serial;
	return 0;
}

bool feature_known_see(struct feature_known *k, slice name, uint64_t serial)
{
	size_t i = 0;
	while (i < k->nserials && !slice_eq(slice_z(k->serials[i].name), name))
		i++;
	if (i == sizeof k->serials / sizeof *k->serials || name.n > FEATURE_NAME_MAX)
		return false;
	if (i == k->nserials) {
		k->nserials++;
		snprintf(k->serials[i].name, sizeof k->serials[i].name, "%.*s", SFMT(name));
		k->serials[i].serial = 0;
	}
	if (serial > k->serials[i].serial)
		k->serials[i].serial = serial;
	return true;
}

static bool take_line(slice line, struct feature_known *k)
{
	slice word, name;
	uint64_t serial;
	struct feature_key key;
	if (!slice_cut(&line, ' ', &word))
		return true;
	if (slice_eq(word, S("key")))
		return feature_key_parse(line, &key) && feature_keys_add(&k->keys, &key);
	if (slice_eq(word, S("serial")))
		return slice_cut(&line, ' ', &name) && slice_u64(line, &serial) &&
		       feature_known_see(k, name, serial);
	return word.n == 0;
}

int feature_known_read(slice data, struct feature_known *ret, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	slice text, line, path = arena_printf(&a, "%.*s/known", SFMT(feature_dir(data, &a)));
	*ret = (struct feature_known){0};
	if (feature_read_file(path, TEXT_MAX, &a, &text, e) < 0)
		return e->kind == ERR_NOTFOUND ? 0 : -1;
	while (slice_cut(&text, '\n', &line))
		if (!take_line(line, ret))
			return err_set(e, ERR_PROTO, "%.*s is damaged", SFMT(path));
	return 0;
}

int feature_known_write(slice data, const struct feature_known *k, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	AUTO(buf) struct buf text = BUF(TEXT_MAX);
	for (size_t i = 0; i < k->nserials; i++)
		buf_printf(
			&text, "serial %s %" PRIu64 "\n", k->serials[i].name, k->serials[i].serial);
	for (size_t i = 0; i < k->keys.n; i++) {
		char key[FEATURE_KEY_TEXT];
		feature_key_print(&k->keys.v[i], key);
		buf_printf(&text, "key %s\n", key);
	}
	return file_replace(feature_dir(data, &a), S("known"), buf_slice(&text), e);
}
