/*
 * What versions in force bring beside rules and models (features_role.h): entries of the allow and block lists in the
 * directory's database, fingerprints in the key-value store, signatures in clamd's directory. Brought in line with
 * DATA/features/current whenever that has changed, in the pool; DATA/features/applied says for which set that was done.
 * Interrupted anywhere, it is done again.
 */
#include "bin/features_role.h"

#include "base/mem.h"
#include "defence/fingerprint.h"
#include "run/file.h"
#include "run/log.h"
#include "store/list.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SET_TEXT_MAX = 1000 };
#define OURS "posthouse-" /* begins the names of files in clamd's directory */

static void log_left_out(slice pack, slice file, const struct err *e)
{
	log_error(NULL, "features.left_out", F("pack", pack), F("file", file), F("error", e));
}

/* ---- lists ---- */

static int apply_lists(struct features_work *w, struct err *e)
{
	struct feature_part *parts;
	size_t nparts, n = 0;
	struct lists_entry *all = NULL;
	if (feature_set_files(w->data, &w->current, FEATURE_LISTS, &w->mem, &parts, &nparts, e) < 0)
		return -1;
	for (size_t i = 0; i < nparts; i++) {
		struct lists_entry *v;
		size_t more;
		if (features_entries(parts[i].pack, parts[i].bytes, &w->mem, &v, &more, e) < 0) {
			log_left_out(parts[i].pack, parts[i].name, e);
			continue;
		}
		all = mem_grow(all, (n + more + 1) * sizeof *all);
		memcpy(all + n, v, more * sizeof *all);
		n += more;
	}
	int64_t r = lists_set_features(w->directory, all, n, e);
	free(all);
	return r < 0 ? -1 : 0;
}

/* ---- fingerprints ---- */

static void note(struct fingerprints *f, const struct features_print *p, bool back)
{
	enum fingerprint_event event = p->bad ? (back ? FINGERPRINT_NOT_BAD : FINGERPRINT_BAD)
					      : (back ? FINGERPRINT_NOT_GOOD : FINGERPRINT_GOOD);
	fingerprints_note(f, &p->print, 1, event, p->weight);
}

/* Of those versions that only one of the sets has. */
static int note_others(struct features_work *w, const struct feature_set *of,
	const struct feature_set *without, bool back, struct err *e)
{
	struct feature_set only = {0};
	struct feature_part *parts;
	size_t n;
	for (size_t i = 0; i < of->n; i++)
		if (feature_set_get(without, slice_z(of->v[i].name)) != of->v[i].number)
			feature_set_put(&only, slice_z(of->v[i].name), of->v[i].number);
	if (feature_set_files(w->data, &only, FEATURE_PRINTS, &w->mem, &parts, &n, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		struct features_print *v;
		size_t count;
		if (features_prints(parts[i].bytes, &w->mem, &v, &count, e) < 0) {
			log_left_out(parts[i].pack, parts[i].name, e);
			continue;
		}
		for (size_t k = 0; k < count; k++)
			note(w->prints, &v[k], back);
	}
	return 0;
}

/* ---- signatures for clamd ---- */

static bool is_ours(const char *name)
{
	return strncmp(name, OURS, strlen(OURS)) == 0;
}

static slice clamav_name(const struct feature_part *p, struct arena *a)
{
	return arena_printf(a, OURS "%.*s-%.*s", SFMT(p->pack), SFMT(p->name));
}

static bool is_wanted(const char *name, const struct feature_part *v, size_t n, struct arena *a)
{
	for (size_t i = 0; i < n; i++)
		if (slice_eq(slice_z(name), clamav_name(&v[i], a)))
			return true;
	return false;
}

static void remove_others(const char *dir, const struct feature_part *v, size_t n, struct arena *a)
{
	DIR *d = opendir(dir);
	for (struct dirent *one; d && (one = readdir(d));)
		if (is_ours(one->d_name) && !is_wanted(one->d_name, v, n, a))
			unlinkat(dirfd(d), one->d_name, 0);
	if (d)
		closedir(d);
}

/* clamd runs as another user, who may own the directory: the rights of our file are changed, not of what
 * has its name by then. */
static int put_signatures(slice dir, const struct feature_part *p, struct arena *a, struct err *e)
{
	slice name = clamav_name(p, a);
	const char *path = arena_strz(a, arena_printf(a, "%.*s/%.*s", SFMT(dir), SFMT(name)));
	if (file_replace(dir, name, p->bytes, e) < 0)
		return -1;
	AUTO(fd) int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 || fchmod(fd, 0644) < 0)
		return err_sys(e, errno, "%s", path);
	return 0;
}

static int apply_clamav(struct features_work *w, struct err *e)
{
	struct feature_part *v;
	size_t n;
	if (!w->clamav.n)
		return 0;
	if (feature_set_files(w->data, &w->current, FEATURE_CLAMAV, &w->mem, &v, &n, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (put_signatures(w->clamav, &v[i], &w->mem, e) < 0)
			return -1;
	remove_others(arena_strz(&w->mem, w->clamav), v, n, &w->mem);
	w->signatures_changed = true;
	return 0;
}

/* ---- all ---- */

static slice print_set(const struct feature_set *s, struct arena *a)
{
	AUTO(buf) struct buf text = BUF(SET_TEXT_MAX);
	feature_set_print(s, &text);
	return arena_dup(a, buf_slice(&text));
}

static int read_applied(struct features_work *w, struct feature_set *ret, struct err *e)
{
	slice text, path = arena_printf(&w->mem, "%.*s/features/applied", SFMT(w->data));
	*ret = (struct feature_set){0};
	if (feature_read_file(path, SET_TEXT_MAX, &w->mem, &text, e) < 0)
		return e->kind == ERR_NOTFOUND ? 0 : -1;
	feature_set_parse(text, ret);
	return 0;
}

void features_apply(void *arg)
{
	struct features_work *w = arg;
	struct feature_set applied;
	struct err ignored;
	w->result = -1;
	if (feature_current_read(w->data, &w->current, &w->e) < 0 ||
		read_applied(w, &applied, &w->e) < 0)
		return;
	slice is = print_set(&w->current, &w->mem);
	w->result = 0;
	if (slice_eq(is, print_set(&applied, &w->mem)))
		return;
	w->result = -1;
	if (apply_lists(w, &w->e) < 0)
		return;
	/* A version that was removed meanwhile leaves what was noted to fade. */
	if (note_others(w, &applied, &w->current, true, &ignored) < 0)
		log_warn(NULL, "features.prints", F("error", &ignored));
	if (note_others(w, &w->current, &applied, false, &w->e) < 0 || apply_clamav(w, &w->e) < 0)
		return;
	slice dir = arena_printf(&w->mem, "%.*s/features", SFMT(w->data));
	w->result = file_replace(dir, S("applied"), is, &w->e);
	if (w->result == 0)
		log_info(NULL, "features.applied", F("versions", is));
}
