/*
 * Which versions are in force, and which one is tried (feature.h): small files of text, DATA/features/
 * current and trial; and the files in force, read by the simple index of each version: the master does
 * so, which parses nothing that came from outside.
 */
#include "base/hex.h"
#include "base/mem.h"
#include "feature/file.h"
#include "run/file.h"
#include <inttypes.h>
#include <stdio.h>

enum {
	SET_TEXT_MAX = FEATURE_PACKS_MAX * (FEATURE_NAME_MAX + 24),
	INDEX_MAX = FEATURE_FILES_MAX * 200
};

static bool is_name(slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!((s.p[i] >= 'a' && s.p[i] <= 'z') || (s.p[i] >= '0' && s.p[i] <= '9') ||
			    (i && s.p[i] == '-')))
			return false;
	return s.n > 0 && s.n <= FEATURE_NAME_MAX;
}

/* ---- the set ---- */

bool feature_set_put(struct feature_set *s, slice name, uint64_t number)
{
	size_t i = 0;
	while (i < s->n && slice_cmp(slice_z(s->v[i].name), name) < 0)
		i++;
	bool there = i < s->n && slice_eq(slice_z(s->v[i].name), name);
	if (!number && there)
		memmove(&s->v[i], &s->v[i + 1], (--s->n - i) * sizeof *s->v);
	if (!number)
		return true;
	if (!there && (s->n == FEATURE_PACKS_MAX || !is_name(name)))
		return false;
	if (!there)
		memmove(&s->v[i + 1], &s->v[i], (s->n++ - i) * sizeof *s->v);
	snprintf(s->v[i].name, sizeof s->v[i].name, "%.*s", SFMT(name));
	s->v[i].number = number;
	return true;
}

uint64_t feature_set_get(const struct feature_set *s, slice name)
{
	for (size_t i = 0; i < s->n; i++)
		if (slice_eq(slice_z(s->v[i].name), name))
			return s->v[i].number;
	return 0;
}

bool feature_set_parse(slice text, struct feature_set *ret)
{
	struct feature_set s = {0};
	slice word, name, rest = slice_trim(text);
	uint64_t number;
	while (rest.n && slice_cut(&rest, ' ', &word)) {
		if (!slice_cut(&word, '=', &name) || !slice_u64(word, &number) || !number ||
			feature_set_get(&s, name) || !feature_set_put(&s, name, number))
			return false;
	}
	*ret = s;
	return true;
}

void feature_set_print(const struct feature_set *s, struct buf *out)
{
	for (size_t i = 0; i < s->n; i++)
		buf_printf(out, "%s%s=%" PRIu64, i ? " " : "", s->v[i].name, s->v[i].number);
}

int feature_current_read(slice data, struct feature_set *ret, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	slice text, path = arena_printf(&a, "%.*s/current", SFMT(feature_dir(data, &a)));
	if (feature_read_file(path, SET_TEXT_MAX, &a, &text, e) < 0) {
		if (e->kind != ERR_NOTFOUND)
			return -1;
		*ret = (struct feature_set){0};
		return 0;
	}
	return feature_set_parse(text, ret) ? 0
					    : err_set(e, ERR_PROTO, "%.*s is damaged", SFMT(path));
}

int feature_current_write(slice data, const struct feature_set *s, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	AUTO(buf) struct buf text = BUF(SET_TEXT_MAX);
	feature_set_print(s, &text);
	buf_byte(&text, '\n');
	return file_replace(feature_dir(data, &a), S("current"), buf_slice(&text), e);
}

/* ---- the trial ---- */

int feature_trial_read(slice data, struct arena *a, struct feature_trial *ret, struct err *e)
{
	slice text, word, path = arena_printf(a, "%.*s/trial", SFMT(feature_dir(data, a)));
	struct feature_trial t = {0};
	uint64_t since = 0;
	if (feature_read_file(path, 1024, a, &text, e) < 0) {
		if (e->kind != ERR_NOTFOUND)
			return -1;
		*ret = t;
		return 0;
	}
	slice rest = slice_trim(text);
	if (!slice_cut(&rest, ' ', &word) || !slice_u64(word, &t.number))
		return err_set(e, ERR_PROTO, "%.*s is damaged", SFMT(path));
	if (slice_cut(&rest, ' ', &word))
		slice_u64(word, &since);
	t.since = (int64_t)since;
	t.by = rest;
	*ret = t;
	return 0;
}

int feature_trial_write(slice data, const struct feature_trial *t, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	slice text = arena_printf(&a, "%" PRIu64 " %" PRId64 " %.*s\n", t->number, t->since,
		SFMT(slice_first(t->by, 200)));
	return file_replace(feature_dir(data, &a), S("trial"), text, e);
}

/* ---- the files in force ---- */

struct reading {
	slice dir, pack;
	enum feature_kind kind;
	struct arena *a;
	struct feature_part *v;
	size_t n;
};

/* "rules 1234 SHA256 NAME" */
static bool parse_line(slice line, struct feature_file *ret, slice *ret_kind)
{
	AUTO(buf) struct buf digest = BUF(sizeof ret->sha256);
	slice size, hex;
	enum feature_kind kind;
	if (!slice_cut(&line, ' ', ret_kind) || !slice_cut(&line, ' ', &size) ||
		!slice_u64(size, &ret->size) || ret->size > FEATURE_TOTAL_MAX ||
		!slice_cut(&line, ' ', &hex) || !hex_decode(&digest, hex) ||
		digest.n != sizeof ret->sha256 || !feature_kind_of(line, &kind))
		return false;
	memcpy(ret->sha256, digest.p, digest.n);
	ret->name = line;
	ret->kind = kind;
	return slice_eq(*ret_kind, slice_z(feature_kind_name(kind)));
}

static int take_file(struct reading *r, const struct feature_file *f, struct err *e)
{
	unsigned char digest[32];
	struct feature_part *p = &r->v[r->n];
	slice path = arena_printf(r->a, "%.*s/%.*s", SFMT(r->dir), SFMT(f->name));
	if (feature_read_file(path, f->size, r->a, &p->bytes, e) < 0)
		return -1;
	feature_sha256(p->bytes, digest);
	if (p->bytes.n != f->size || memcmp(digest, f->sha256, sizeof digest) != 0)
		return err_set(e, ERR_PROTO, "%.*s is damaged", SFMT(path));
	p->pack = r->pack;
	p->name = f->name;
	r->n++;
	return 0;
}

static int read_version(struct reading *r, struct err *e)
{
	slice index, line, kind;
	slice path = arena_printf(r->a, "%.*s/index", SFMT(r->dir));
	size_t lines = 0;
	if (feature_read_file(path, INDEX_MAX, r->a, &index, e) < 0)
		return -1;
	while (slice_cut(&index, '\n', &line)) {
		struct feature_file f;
		if (!line.n)
			continue;
		if (!parse_line(line, &f, &kind) || ++lines > FEATURE_FILES_MAX)
			return err_set(e, ERR_PROTO, "%.*s is damaged", SFMT(path));
		if (f.kind == r->kind && take_file(r, &f, e) < 0)
			return -1;
	}
	return 0;
}

int feature_set_files(slice data, const struct feature_set *s, enum feature_kind kind,
	struct arena *a, struct feature_part **ret, size_t *ret_n, struct err *e)
{
	struct reading r = {.kind = kind, .a = a};
	r.v = ARENA_ARRAY(a, struct feature_part, s->n * FEATURE_FILES_MAX + 1);
	for (size_t i = 0; i < s->n; i++) {
		r.dir = feature_version_dir(data, s->v[i].number, a);
		r.pack = arena_dup(a, slice_z(s->v[i].name));
		if (read_version(&r, e) < 0)
			return err_wrap(e, "features of %s", s->v[i].name);
	}
	*ret = r.v;
	*ret_n = r.n;
	return 0;
}
