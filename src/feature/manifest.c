/*
 * The manifest of a pack (feature.h): JSON, strict: every member has its type and its bounds, file
 * names are flat and plain, none comes twice. Read only after its signature was verified, and by the
 * maker's commands.
 */
#include "feature/feature.h"

#include "base/hex.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "codec/json_read.h"
#include <inttypes.h>

enum { FORMAT = 1 };

static const char *const kind_names[FEATURE_KINDS] = {
	"rules", "model", "lists", "fingerprints", "yara", "clamav"};

static const struct {
	slice ending;
	enum feature_kind kind;
} endings[] = {
	{S_INIT(".rules"), FEATURE_RULES},
	{S_INIT(".list"), FEATURE_LISTS},
	{S_INIT(".prints"), FEATURE_PRINTS},
	{S_INIT(".yar"), FEATURE_YARA},
	{S_INIT(".yara"), FEATURE_YARA},
	{S_INIT(".cvd"), FEATURE_CLAMAV},
	{S_INIT(".cld"), FEATURE_CLAMAV},
	{S_INIT(".ndb"), FEATURE_CLAMAV},
	{S_INIT(".hdb"), FEATURE_CLAMAV},
	{S_INIT(".hsb"), FEATURE_CLAMAV},
	{S_INIT(".ldb"), FEATURE_CLAMAV},
	{S_INIT(".mdb"), FEATURE_CLAMAV},
	{S_INIT(".msb"), FEATURE_CLAMAV},
	{S_INIT(".fp"), FEATURE_CLAMAV},
	{S_INIT(".sfp"), FEATURE_CLAMAV},
	{S_INIT(".ign2"), FEATURE_CLAMAV},
	{S_INIT(".pdb"), FEATURE_CLAMAV},
	{S_INIT(".wdb"), FEATURE_CLAMAV},
};

const char *feature_kind_name(enum feature_kind k)
{
	return kind_names[k];
}

/* ---- names ---- */

static bool is_plain(slice s, bool upper)
{
	for (size_t i = 0; i < s.n; i++) {
		char c = upper ? ascii_lower(s.p[i]) : s.p[i];
		bool word = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
		if (!word && (i == 0 || (c != '-' && !(upper && (c == '.' || c == '_')))))
			return false;
	}
	return s.n > 0 && s.n <= FEATURE_NAME_MAX;
}

bool feature_kind_of(slice name, enum feature_kind *ret)
{
	if (!is_plain(name, true))
		return false;
	if (slice_eq(name, S("base.model"))) {
		*ret = FEATURE_MODEL;
		return true;
	}
	for (size_t i = 0; i < sizeof endings / sizeof *endings; i++)
		if (slice_ends(name, endings[i].ending)) {
			*ret = endings[i].kind;
			return true;
		}
	return false;
}

/* The next number of a version; what is no number counts as 0. */
static uint64_t next_number(slice *s)
{
	slice part;
	uint64_t n = 0;
	if (!slice_cut(s, '.', &part))
		return 0;
	size_t digits = 0;
	while (digits < part.n && digits < 18 && part.p[digits] >= '0' && part.p[digits] <= '9')
		digits++;
	slice_u64(slice_first(part, digits), &n);
	return n;
}

bool feature_program_fits(slice needs, slice program)
{
	while (needs.p && needs.n) {
		uint64_t a = next_number(&needs), b = next_number(&program);
		if (a != b)
			return a < b;
	}
	return true;
}

/* ---- reading ---- */

static int complain(struct err *e, const char *what)
{
	return err_set(e, ERR_PROTO, "manifest: %s", what);
}

static bool is_text(slice s, size_t most)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] < ' ' && s.p[i] != '\n' && s.p[i] != '\t')
			return false;
	return s.n <= most && utf8_valid(s);
}

static int read_file(const json_t *j, struct arena *a, struct feature_file *ret, struct err *e)
{
	AUTO(buf) struct buf digest = BUF(sizeof ret->sha256);
	ret->name = arena_dup(a, json_read_text(j, "name"));
	ret->size = (uint64_t)json_read_count(j, "size");
	if (!feature_kind_of(ret->name, &ret->kind))
		return complain(e, "a file has no name that a pack may have");
	if (!slice_eq(json_read_text(j, "kind"), slice_z(kind_names[ret->kind])))
		return complain(e, "a file's kind is not that of its name");
	if (ret->size > FEATURE_TOTAL_MAX || !json_is_integer(json_object_get(j, "size")))
		return complain(e, "a file has no size, or is too large");
	if (!hex_decode(&digest, json_read_text(j, "sha256")) || digest.n != sizeof ret->sha256)
		return complain(e, "a file has no digest");
	memcpy(ret->sha256, digest.p, digest.n);
	return 0;
}

static int by_name(const void *x, const void *y)
{
	return slice_cmp(
		((const struct feature_file *)x)->name, ((const struct feature_file *)y)->name);
}

/* Names that come twice are beside each other in the sorted copy. */
static int check_names(const struct feature_manifest *m, struct err *e)
{
	AUTO(free) struct feature_file *sorted = mem_alloc((m->nfiles + 1) * sizeof *sorted);
	uint64_t total = 0;
	memcpy(sorted, m->files, m->nfiles * sizeof *sorted);
	qsort(sorted, m->nfiles, sizeof *sorted, by_name);
	for (size_t i = 0; i < m->nfiles; i++) {
		total += sorted[i].size;
		if (i && slice_eq(sorted[i].name, sorted[i - 1].name))
			return complain(e, "a file comes twice");
	}
	return total > FEATURE_TOTAL_MAX ? complain(e, "the files are too large") : 0;
}

static int read_files(const json_t *j, struct arena *a, struct feature_manifest *m, struct err *e)
{
	const json_t *list = json_object_get(j, "files");
	size_t n = json_array_size(list);
	if (!json_is_array(list) || n > FEATURE_FILES_MAX)
		return complain(e, "no files, or too many");
	m->files = ARENA_ARRAY(a, struct feature_file, n + 1);
	for (m->nfiles = 0; m->nfiles < n; m->nfiles++)
		if (read_file(json_array_get(list, m->nfiles), a, &m->files[m->nfiles], e) < 0)
			return -1;
	return check_names(m, e);
}

static int read_keys(const json_t *j, struct feature_manifest *m, struct err *e)
{
	const json_t *list = json_object_get(j, "next_keys");
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *text = json_array_get(list, i);
		struct feature_key k;
		if (!json_is_string(text) ||
			!feature_key_parse(slice_z(json_string_value(text)), &k))
			return complain(e, "next_keys are keys: ed25519:BASE64");
		if (!feature_keys_add(&m->next, &k))
			return complain(e, "too many keys");
	}
	return 0;
}

static int read_texts(const json_t *j, struct arena *a, struct feature_manifest *m, struct err *e)
{
	const json_t *notes = json_object_get(j, "notes");
	m->name = arena_dup(a, json_read_text(j, "name"));
	m->version = arena_dup(a, json_read_text(j, "version"));
	m->needs = arena_dup(a, json_read_text(j, "needs"));
	m->notes_en = arena_dup(a, json_read_text(notes, "en"));
	m->notes_zh = arena_dup(a, json_read_text(notes, "zh"));
	if (!is_plain(m->name, false))
		return complain(e, "the pack's name is a-z, 0-9 and '-'");
	if (!is_plain(m->version, true))
		return complain(e, "the version is letters, digits, '.', '-' and '_'");
	if (m->needs.n && !is_plain(m->needs, true))
		return complain(e, "needs is the version of a program");
	if (!is_text(m->notes_en, FEATURE_NOTES_MAX) || !is_text(m->notes_zh, FEATURE_NOTES_MAX))
		return complain(e, "the notes are too long, or no text");
	return 0;
}

static int read_all(const json_t *j, struct arena *a, struct feature_manifest *m, struct err *e)
{
	if (json_read_count(j, "format") != FORMAT)
		return complain(e, "its format is not known here: a newer program is needed");
	if (read_texts(j, a, m, e) < 0)
		return -1;
	m->serial = (uint64_t)json_read_count(j, "serial");
	m->made_at = json_read_count(j, "made_at") < INT64_MAX / SECOND
			     ? json_read_count(j, "made_at") * SECOND
			     : 0;
	if (!m->serial)
		return complain(e, "the serial is a number from 1 on");
	return read_keys(j, m, e) < 0 ? -1 : read_files(j, a, m, e);
}

int feature_manifest_read(slice json, struct arena *a, struct feature_manifest *ret, struct err *e)
{
	struct feature_manifest m = {0};
	json_error_t bad;
	if (json.n > FEATURE_MANIFEST_MAX)
		return err_set(e, ERR_LIMIT, "the manifest is too long");
	json_t *j = json_loadb(json.p ? json.p : "", json.n, JSON_REJECT_DUPLICATES, &bad);
	int r = json_is_object(j) ? read_all(j, a, &m, e) : complain(e, "not JSON");
	json_decref(j);
	if (r == 0)
		*ret = m;
	return r;
}

/* ---- writing ---- */

static json_t *text_json(slice s)
{
	return json_stringn(s.p ? s.p : "", s.n);
}

static json_t *files_json(const struct feature_manifest *m)
{
	json_t *list = json_array();
	for (size_t i = 0; i < m->nfiles; i++) {
		const struct feature_file *f = &m->files[i];
		AUTO(buf) struct buf digest = BUF(64);
		hex_encode(&digest, slice_of(f->sha256, sizeof f->sha256));
		json_array_append_new(
			list, json_pack("{s:o, s:s, s:I, s:o}", "name", text_json(f->name), "kind",
				      kind_names[f->kind], "size", (json_int_t)f->size, "sha256",
				      text_json(buf_slice(&digest))));
	}
	return list;
}

static json_t *keys_json(const struct feature_manifest *m)
{
	json_t *list = json_array();
	for (size_t i = 0; i < m->next.n; i++) {
		char text[FEATURE_KEY_TEXT];
		feature_key_print(&m->next.v[i], text);
		json_array_append_new(list, json_string(text));
	}
	return list;
}

void feature_manifest_write(const struct feature_manifest *m, struct buf *out)
{
	json_t *j = json_pack("{s:i, s:o, s:o, s:I, s:I, s:o, s:{s:o, s:o}, s:o, s:o}", "format",
		FORMAT, "name", text_json(m->name), "version", text_json(m->version), "serial",
		(json_int_t)m->serial, "made_at", (json_int_t)(m->made_at / SECOND), "needs",
		text_json(m->needs), "notes", "en", text_json(m->notes_en), "zh",
		text_json(m->notes_zh), "next_keys", keys_json(m), "files", files_json(m));
	AUTO(free) char *text = j ? json_dumps(j, JSON_INDENT(1)) : NULL;
	buf_put(out, slice_z(text ? text : ""));
	buf_byte(out, '\n');
	json_decref(j);
}
