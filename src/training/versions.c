/*
 * Versions on disk and in the journal (versions.h). Written by the learn process and by
 * `posthouse learn use`; read by scan processes at their start.
 */
#include "training/versions.h"

#include "base/cur.h"
#include "base/mem.h"
#include "run/file.h"
#include "training/journal.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>

enum { MARKER_MAX = 64, FILES_MAX = 10000 };

/* ---- names ---- */

static const char *versions_dir(slice data, struct arena *a)
{
	return arena_strz(a, arena_printf(a, "%.*s/learn/versions", SFMT(data)));
}

static const char *file_name(slice data, uint64_t number, bool twin, struct arena *a)
{
	return arena_strz(a, arena_printf(a, "%.*s/learn/versions/%06" PRIu64 ".%s", SFMT(data),
				     number, twin ? "twin" : "site"));
}

/* ---- writing ---- */

int versions_put(slice data, uint64_t number, bool twin, slice bytes, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	slice dir = slice_z(versions_dir(data, &a));
	slice name = arena_printf(&a, "%06" PRIu64 ".%s", number, twin ? "twin" : "site");
	return file_replace(dir, name, bytes, e);
}

/* ---- the one in service ---- */

int versions_current(slice data, uint64_t *ret, bool *ret_pinned, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	const char *path = arena_strz(&a, arena_printf(&a, "%.*s/learn/current", SFMT(data)));
	char text[MARKER_MAX];
	AUTO(fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT) {
		*ret = 0;
		*ret_pinned = false;
		return 0;
	}
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text);
	if (n < 0)
		return err_sys(e, errno, "%s", path);
	slice rest = slice_trim(slice_of(text, (size_t)n)), number;
	uint64_t v;
	if (!slice_cut(&rest, ' ', &number) || !slice_u64(number, &v))
		return err_set(e, ERR_PROTO, "%s is damaged", path);
	*ret = v;
	*ret_pinned = slice_eq(rest, S("pinned"));
	return 0;
}

static int mark(slice data, uint64_t number, bool pinned, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	slice text = arena_printf(&a, "%" PRIu64 "%s\n", number, pinned ? " pinned" : "");
	return file_replace(arena_printf(&a, "%.*s/learn", SFMT(data)), S("current"), text, e);
}

int versions_use(slice data, uint64_t number, bool pinned, struct err *e)
{
	AUTO(training_published) struct training_published p = {0};
	if (versions_open(data, number, false, &p, e) < 0)
		return -1;
	return mark(data, number, pinned, e);
}

int versions_use_none(slice data, bool pinned, struct err *e)
{
	return mark(data, 0, pinned, e);
}

int versions_open(
	slice data, uint64_t number, bool twin, struct training_published *ret, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	const char *path = file_name(data, number, twin, &a);
	AUTO(fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT
			       ? err_set(e, ERR_NOTFOUND, "there is no version %" PRIu64, number)
			       : err_sys(e, errno, "%s", path);
	if (training_published_map(fd, ret, e) < 0)
		return err_wrap(e, "version %" PRIu64, number);
	return 0;
}

int training_current_open(slice data, int *ret_fd, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	uint64_t number;
	bool pinned;
	if (versions_current(data, &number, &pinned, e) < 0)
		return -1;
	if (!number)
		return err_set(e, ERR_NOTFOUND, "nothing was learned here yet");
	int fd = open(file_name(data, number, false, &a), O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(e, errno, "version %" PRIu64, number);
	*ret_fd = fd;
	return 0;
}

/* ---- which there are ---- */

struct found {
	uint64_t v[FILES_MAX];
	size_t n;
};

/* Of "000012.site"; false: another name. */
static bool number_of(slice name, uint64_t *ret)
{
	slice stem;
	return slice_cut(&name, '.', &stem) && slice_eq(name, S("site")) && slice_u64(stem, ret);
}

static int newest_first(const void *x, const void *y)
{
	uint64_t a = *(const uint64_t *)x, b = *(const uint64_t *)y;
	return (a < b) - (a > b);
}

static int look(slice data, struct arena *a, struct found **ret, struct err *e)
{
	const char *path = versions_dir(data, a);
	struct found *f = ARENA_NEW(a, struct found);
	DIR *d = opendir(path);
	if (!d)
		return err_sys(e, errno, "%s", path);
	for (struct dirent *one; (one = readdir(d)) && f->n < FILES_MAX;)
		f->n += number_of(slice_z(one->d_name), &f->v[f->n]);
	closedir(d);
	qsort(f->v, f->n, sizeof *f->v, newest_first);
	*ret = f;
	return 0;
}

/* What a writer left that was killed: only one writes, and it is the one who asks. */
static void sweep(slice data, struct arena *a)
{
	const char *path = versions_dir(data, a);
	DIR *d = opendir(path);
	for (struct dirent *one; d && (one = readdir(d));)
		if (slice_find(slice_z(one->d_name), S(".new-")) < strlen(one->d_name))
			unlinkat(dirfd(d), one->d_name, 0);
	if (d)
		closedir(d);
}

int versions_trim(slice data, int64_t keep, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct found *f;
	uint64_t current;
	bool pinned;
	sweep(data, &a);
	if (versions_current(data, &current, &pinned, e) < 0 || look(data, &a, &f, e) < 0)
		return -1;
	for (size_t i = (size_t)keep; i < f->n; i++) {
		if (f->v[i] == current)
			continue;
		unlink(file_name(data, f->v[i], false, &a));
		unlink(file_name(data, f->v[i], true, &a));
	}
	return 0;
}

int versions_next(struct sql *db, slice data, uint64_t *ret, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct found *f;
	if (look(data, &a, &f, e) < 0)
		return -1;
	struct sql_stmt *s = sql_prepare(db, "SELECT COALESCE(MAX(number), 0) FROM version", e);
	if (!s || sql_step(s, e) < 0)
		return -1;
	uint64_t told = (uint64_t)sql_int(s, 0), there = f->n ? f->v[0] : 0;
	sql_reset(s);
	*ret = (told > there ? told : there) + 1;
	return 0;
}

/* ---- what is known of them ---- */

static int64_t millionths(double v)
{
	return (int64_t)(v * 1e6);
}

static void put_figures(struct buf *b, const struct training_figures *f)
{
	buf_u64(b, f->spam);
	buf_u64(b, f->ham);
	buf_u64(b, f->caught);
	buf_u64(b, f->accused);
	buf_u64(b, (uint64_t)millionths(f->log_loss));
}

static struct training_figures get_figures(struct cur *c)
{
	struct training_figures f = {cur_u64(c), cur_u64(c), cur_u64(c), cur_u64(c), 0};
	f.log_loss = (double)cur_u64(c) / 1e6;
	return f;
}

int versions_add_tx(struct sql *db, const struct training_version *v, struct err *e)
{
	AUTO(buf) struct buf figures = BUF(1024);
	put_figures(&figures, &v->figures);
	put_figures(&figures, &v->before);
	return sql_run(db, e,
		       "INSERT INTO version (number, made_at, used_at, ham, spam, figures, sampled,"
		       " changed, refused, why, revision)"
		       " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
		       "iiiiibiiiti", (int64_t)v->number, v->made_at, v->used_at,
		       (int64_t)v->lessons[0], (int64_t)v->lessons[1], buf_slice(&figures),
		       (int64_t)v->sampled, (int64_t)v->changed, (int64_t)v->refused, v->why,
		       v->revision) < 0
		       ? -1
		       : 0;
}

static struct training_version read_row(struct sql_stmt *s, struct arena *a)
{
	struct cur c = cur_of(sql_text(s, 5));
	struct training_version v = {.number = (uint64_t)sql_int(s, 0),
		.made_at = sql_int(s, 1),
		.used_at = sql_int(s, 2),
		.lessons = {(uint64_t)sql_int(s, 3), (uint64_t)sql_int(s, 4)},
		.sampled = (uint64_t)sql_int(s, 6),
		.changed = (uint64_t)sql_int(s, 7),
		.refused = sql_int(s, 8) != 0,
		.why = arena_dup(a, sql_text(s, 9)),
		.revision = sql_int(s, 10)};
	v.figures = get_figures(&c);
	v.before = get_figures(&c);
	return v;
}

static int load(struct sql *db, uint64_t number, struct arena *a, struct training_version *ret,
	struct err *e)
{
	struct sql_stmt *s = sql_prepare(db,
		"SELECT number, made_at, used_at, ham, spam, figures, sampled, changed, refused, "
		"why,"
		" revision FROM version WHERE number = $1",
		e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, (int64_t)number);
	int r = sql_step(s, e);
	if (r == 1) {
		*ret = read_row(s, a);
		sql_reset(s);
	}
	return r;
}

int versions_list(slice data, struct sql *db, struct arena *a, struct training_version **ret,
	size_t *ret_n, struct err *e)
{
	struct found *f;
	if (look(data, a, &f, e) < 0)
		return -1;
	struct training_version *v = ARENA_ARRAY(a, struct training_version, f->n + 1);
	for (size_t i = 0; i < f->n; i++) {
		struct stat st;
		v[i].number = f->v[i];
		if (load(db, f->v[i], a, &v[i], e) < 0)
			return -1;
		if (stat(file_name(data, f->v[i], false, a), &st) == 0)
			v[i].bytes = (uint64_t)st.st_size;
	}
	*ret = v;
	*ret_n = f->n;
	return 0;
}

int versions_built(struct sql *db, int64_t *ret_revision, struct err *e)
{
	struct sql_stmt *s = sql_prepare(db, "SELECT COALESCE(MAX(revision), 0) FROM version", e);
	int r = s ? sql_step(s, e) : -1;
	if (r == 1) {
		*ret_revision = sql_int(s, 0);
		sql_reset(s);
	}
	return r < 0 ? -1 : 0;
}
