/*
 * Is all that generations need there and whole (backup.h): the size of every object is asked, as many as wanted are read and opened from
 * their first to their last byte; lists of files must lead into objects that the generation has; databases are checked by their engine,
 * page by page out of the repository. Every problem is named; what cannot be looked at is a problem, too.
 */
#include "base/map.h"
#include "base/mem.h"
#include "base/rand.h"
#include "store/backup_read.h"
#include "store/sql_image.h"

#include <stdarg.h>
#include <stdio.h>

struct verifying {
	struct backup_repo *r;
	const struct backup_verify *v;
	struct backup_verified done;
	struct map seen; /* objects that were looked at */
	struct arena mem;
	int64_t problems;
	uint64_t all;
	struct buf object;
};

__attribute__((format(printf, 3, 4))) static void tell(
	struct verifying *x, const char *kind, const char *fmt, ...)
{
	char text[600];
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	x->problems++;
	const struct backup_problem p = {
		kind, slice_of(text, n < (int)sizeof text ? (size_t)n : sizeof text - 1)};
	if (x->v->problem)
		x->v->problem(x->v->arg, &p);
}

static int go_on(struct verifying *x, struct err *e)
{
	if (x->v->go_on && !x->v->go_on(x->v->arg, x->done.bytes, x->all))
		return err_set(e, ERR_CLOSED, "the verification was ended");
	return 0;
}

/* ---- objects ---- */

static void read_object(struct verifying *x, const struct backup_used *u, const char *name)
{
	struct err e;
	const struct backup_walk w = {BACKUP_DATA, u->id, NULL, NULL};
	buf_reset(&x->object);
	if (x->r->t->ops->get(x->r->t, name, 0, u->size, &x->object, &e) < 0)
		tell(x, "object-missing", "%s: %s", name, e.text);
	else if (backup_walk(x->r, &w, buf_slice(&x->object), &e) < 0)
		tell(x, "object-damaged", "%s", e.text);
}

static int check_object(struct verifying *x, const struct backup_used *u, struct err *e)
{
	char name[BACKUP_NAME_MAX];
	struct err why;
	uint64_t size;
	slice key = slice_of(u->id, BACKUP_ID);
	if (map_get(&x->seen, key))
		return 0;
	map_put(&x->seen, key, x);
	x->done.objects++;
	x->done.bytes += u->size;
	backup_object_name(BACKUP_DATA, u->id, name);
	if (x->r->t->ops->size(x->r->t, name, &size, &why) < 0)
		tell(x, "object-missing", "%s: %s", name, why.text);
	else if (size != u->size)
		tell(x, "object-short", "%s has %llu bytes, not %llu", name,
			(unsigned long long)size, (unsigned long long)u->size);
	else if (rand_below(100) < x->v->percent)
		read_object(x, u, name);
	return go_on(x, e);
}

/* ---- lists ---- */

static int by_id(const void *x, const void *y)
{
	return memcmp(((const struct backup_used *)x)->id, ((const struct backup_used *)y)->id,
		BACKUP_ID);
}

static bool leads_somewhere(const struct backup_content *c, const struct backup_ref *ref)
{
	struct backup_used key;
	if (backup_ref_is_hole(ref))
		return true;
	memcpy(key.id, ref->object, BACKUP_ID);
	const struct backup_used *u =
		c->nobjects ? bsearch(&key, c->objects, c->nobjects, sizeof key, by_id) : NULL;
	return u && (uint64_t)ref->at + BACKUP_FRAME_HEAD + ref->stored <= u->size;
}

/* Lists are equal in many generations: each is read once. */
static int check_lists(struct verifying *x, const struct backup_content *c,
	const struct backup_file *f, struct err *e)
{
	struct err why;
	if (map_get(&x->seen, f->lists) || f->lists.n == 0)
		return 0;
	map_put(&x->seen, f->lists, x);
	for (uint64_t i = 0; i * f->chunk < f->size; i++) {
		struct backup_ref ref;
		if (backup_file_ref(x->r, f, i, &ref, &why) < 0) {
			tell(x, "list-damaged", "%.*s: %s", SFMT(f->path), why.text);
			return 0;
		}
		if (!leads_somewhere(c, &ref)) {
			tell(x, "list-damaged", "%.*s: part %llu leads nowhere", SFMT(f->path),
				(unsigned long long)i);
			return 0;
		}
	}
	return go_on(x, e);
}

/* ---- databases ---- */

struct image {
	struct backup_repo *r;
	const struct backup_file *f;
	struct err why;
};

static int read_image(void *arg, uint64_t at, size_t n, char *to, struct err *e)
{
	struct image *i = arg;
	if (backup_file_read(i->r, i->f, at, n, to, e) == 0)
		return 0;
	i->why = *e;
	return -1;
}

static void check_database(
	struct verifying *x, const struct backup_content *c, const struct backup_file *f)
{
	AUTO(arena) struct arena a = {0};
	struct image image = {x->r, f, {.kind = ERR_NONE}};
	const struct sql_source source = {f->size, read_image, &image};
	struct sql *db = NULL;
	struct err e = {.kind = ERR_NONE};
	slice report = S("");
	char when[TIME_ISO_MAX];
	int n = sql_open_source("backup", &source, &db, &e);
	if (n == 0)
		n = sql_check(db, &a, &report, &e);
	sql_close(db);
	x->done.databases++;
	if (n)
		tell(x, "database", "%.*s of %.*s: %.*s", SFMT(f->path),
			(int)time_iso(c->started_at, when), when,
			n > 0 ? (int)(report.n < 300 ? report.n : 300) : (int)strlen(e.text),
			n > 0                        ? report.p
			: image.why.kind != ERR_NONE ? image.why.text
						     : e.text);
}

/* ---- generations ---- */

static int check_generation(struct verifying *x, const unsigned char name[BACKUP_ID], struct err *e)
{
	struct backup_content *c;
	struct err why;
	int r = 0;
	x->done.generations++;
	if (backup_content_open(x->r, name, &c, &why) < 0) {
		tell(x, "list-damaged", "generation: %s", why.text);
		return 0;
	}
	qsort(c->objects, c->nobjects, sizeof *c->objects, by_id);
	for (size_t i = 0; i < c->nobjects; i++)
		x->all += map_get(&x->seen, slice_of(c->objects[i].id, BACKUP_ID))
				  ? 0
				  : c->objects[i].size;
	for (size_t i = 0; r == 0 && i < c->nobjects; i++)
		r = check_object(x, &c->objects[i], e);
	for (size_t i = 0; r == 0 && i < c->nfiles; i++)
		r = check_lists(x, c, &c->files[i], e);
	for (size_t i = 0; r == 0 && x->v->databases && i < c->nfiles; i++)
		if (c->files[i].kind == BACKUP_DATABASE && c->files[i].size)
			check_database(x, c, &c->files[i]);
	backup_content_close(c);
	return r;
}

struct found {
	unsigned char (*v)[BACKUP_ID];
	size_t n, cap;
};

static int note(void *arg, const char *name, uint64_t size, struct err *e)
{
	struct found *f = arg;
	(void)size, (void)e;
	if (f->n == f->cap)
		f->v = mem_grow(f->v, (f->cap = f->cap ? 2 * f->cap : 32) * sizeof *f->v);
	f->n += backup_name_id(slice_z(name), f->v[f->n]);
	return 0;
}

static int check_all(struct verifying *x, struct err *e)
{
	struct found found = {0};
	int r = x->r->t->ops->list(x->r->t, "gen/", note, &found, e);
	for (size_t i = 0; r == 0 && i < found.n; i++)
		r = check_generation(x, found.v[i], e);
	free(found.v);
	return r;
}

int64_t backup_verify(struct backup_repo *r, const unsigned char *name,
	const struct backup_verify *v, struct backup_verified *ret, struct err *e)
{
	struct verifying x = {.r = r, .v = v};
	x.object = BUF(BACKUP_OBJECT_MAX + 4 * BACKUP_CHUNK_MAX);
	int result = name ? check_generation(&x, name, e) : check_all(&x, e);
	if (ret)
		*ret = x.done;
	map_done(&x.seen);
	buf_done(&x.object);
	return result < 0 ? -1 : x.problems;
}
