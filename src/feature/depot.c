/*
 * Installed versions on disk (feature.h). A version is a directory that is made aside, synced file by
 * file and then renamed: killed at any point, it is there whole or not at all. Written by the features
 * process and by the command line, under the lock; blocks.
 */
#include "base/hex.h"
#include "base/mem.h"
#include "feature/file.h"
#include "run/file.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { INDEX_MAX = FEATURE_FILES_MAX * 200 };
#define UNDER_WORK ".new"

slice feature_version_dir(slice data, uint64_t number, struct arena *a)
{
	return arena_printf(a, "%.*s/features/%06" PRIu64, SFMT(data), number);
}

int feature_depot_make(slice data, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	const char *dir = arena_strz(&a, feature_dir(data, &a));
	return mkdir(dir, 0700) < 0 && errno != EEXIST ? err_sys(e, errno, "%s", dir) : 0;
}

int feature_depot_lock(slice data, int *ret_fd, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	if (feature_depot_make(data, e) < 0)
		return -1;
	const char *path =
		arena_strz(&a, arena_printf(&a, "%.*s/lock", SFMT(feature_dir(data, &a))));
	AUTO(fd) int fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_sys(e, errno, "%s", path);
	while (flock(fd, LOCK_EX) < 0)
		if (errno != EINTR)
			return err_sys(e, errno, "%s", path);
	*ret_fd = take_fd(&fd);
	return 0;
}

/* ---- which there are ---- */

static int oldest_first(const void *x, const void *y)
{
	uint64_t a = *(const uint64_t *)x, b = *(const uint64_t *)y;
	return (a > b) - (a < b);
}

int feature_depot_list(slice data, struct arena *a, uint64_t **ret, size_t *ret_n, struct err *e)
{
	const char *path = arena_strz(a, feature_dir(data, a));
	DIR *d = opendir(path);
	uint64_t *v = ARENA_ARRAY(a, uint64_t, FEATURE_VERSIONS_MAX);
	size_t n = 0;
	if (!d && errno != ENOENT)
		return err_sys(e, errno, "%s", path);
	for (struct dirent *one; d && (one = readdir(d)) && n < FEATURE_VERSIONS_MAX;)
		n += one->d_name[0] != '.' && slice_u64(slice_z(one->d_name), &v[n]);
	if (d)
		closedir(d);
	qsort(v, n, sizeof *v, oldest_first);
	*ret = v;
	*ret_n = n;
	return 0;
}

/* ---- removing ---- */

static void remove_flat(const char *path)
{
	DIR *d = opendir(path);
	for (struct dirent *one; d && (one = readdir(d));)
		if (strcmp(one->d_name, ".") != 0 && strcmp(one->d_name, "..") != 0)
			unlinkat(dirfd(d), one->d_name, 0);
	if (d)
		closedir(d);
	rmdir(path);
}

/* First it has another name: a half removed version is none. */
int feature_depot_remove(slice data, uint64_t number, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	const char *path = arena_strz(&a, feature_version_dir(data, number, &a));
	const char *aside =
		arena_strz(&a, arena_printf(&a, "%.*s/" UNDER_WORK, SFMT(feature_dir(data, &a))));
	remove_flat(aside);
	if (rename(path, aside) < 0)
		return err_sys(e, errno, "version %" PRIu64, number);
	remove_flat(aside);
	return 0;
}

/* ---- putting ---- */

static void put_index(const struct feature_manifest *m, struct buf *out)
{
	for (size_t i = 0; i < m->nfiles; i++) {
		const struct feature_file *f = &m->files[i];
		buf_printf(out, "%s %" PRIu64 " ", feature_kind_name(f->kind), f->size);
		hex_encode(out, slice_of(f->sha256, sizeof f->sha256));
		buf_printf(out, " %.*s\n", SFMT(f->name));
	}
}

static int put_files(const char *dir, const struct feature_pack *p, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	AUTO(buf) struct buf index = BUF(INDEX_MAX);
	put_index(&p->m, &index);
	const struct {
		const char *name;
		slice bytes;
	} own[] = {{"manifest.json", p->manifest}, {"manifest.sig", p->signatures},
		{"index", buf_slice(&index)}};
	for (size_t i = 0; i < sizeof own / sizeof *own; i++)
		if (file_put(arena_strz(&a, arena_printf(&a, "%s/%s", dir, own[i].name)),
			    own[i].bytes, O_TRUNC | O_NOFOLLOW, 0600, e) < 0)
			return -1;
	for (size_t i = 0; i < p->m.nfiles; i++)
		if (file_put(arena_strz(&a,
				     arena_printf(&a, "%s/%.*s", dir, SFMT(p->m.files[i].name))),
			    p->bytes[i], O_TRUNC | O_NOFOLLOW, 0600, e) < 0)
			return -1;
	return file_sync_dir(dir, e);
}

/* Numbers are not used again, also when the last version was removed. */
static int next_number(slice data, struct arena *a, uint64_t *ret, struct err *e)
{
	uint64_t *v, last = 0;
	size_t n;
	slice text = S(""), path = arena_printf(a, "%.*s/last", SFMT(feature_dir(data, a)));
	if (feature_depot_list(data, a, &v, &n, e) < 0)
		return -1;
	if (feature_read_file(path, 32, a, &text, e) < 0 && e->kind != ERR_NOTFOUND)
		return -1;
	slice_u64(slice_trim(text), &last);
	*ret = (n && v[n - 1] > last ? v[n - 1] : last) + 1;
	return file_replace(
		feature_dir(data, a), S("last"), arena_printf(a, "%" PRIu64 "\n", *ret), e);
}

int feature_depot_put(slice data, const struct feature_pack *p, uint64_t *ret_number, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	uint64_t number;
	slice features = feature_dir(data, &a);
	const char *aside = arena_strz(&a, arena_printf(&a, "%.*s/" UNDER_WORK, SFMT(features)));
	if (feature_depot_make(data, e) < 0 || next_number(data, &a, &number, e) < 0)
		return -1;
	remove_flat(aside);
	if (mkdir(aside, 0700) < 0)
		return err_sys(e, errno, "%s", aside);
	const char *to = arena_strz(&a, feature_version_dir(data, number, &a));
	if (put_files(aside, p, e) < 0) {
		remove_flat(aside);
		return -1;
	}
	if (rename(aside, to) < 0)
		return err_sys(e, errno, "%s", to);
	if (file_sync_dir(arena_strz(&a, features), e) < 0)
		return -1;
	*ret_number = number;
	return 0;
}

/* ---- reading ---- */

static int read_part(slice dir, slice name, size_t most, struct arena *a, slice *ret, struct err *e)
{
	return feature_read_file(
		arena_printf(a, "%.*s/%.*s", SFMT(dir), SFMT(name)), most, a, ret, e);
}

int feature_depot_look(
	slice data, uint64_t number, struct arena *a, struct feature_manifest *ret, struct err *e)
{
	slice json;
	slice dir = feature_version_dir(data, number, a);
	if (read_part(dir, S("manifest.json"), FEATURE_MANIFEST_MAX, a, &json, e) < 0)
		return e->kind == ERR_NOTFOUND
			       ? err_set(e, ERR_NOTFOUND, "there is no version %" PRIu64, number)
			       : -1;
	return feature_manifest_read(json, a, ret, e);
}

int feature_depot_read(
	slice data, uint64_t number, struct arena *a, struct feature_pack *ret, struct err *e)
{
	struct feature_pack p = {0};
	slice dir = feature_version_dir(data, number, a);
	if (feature_depot_look(data, number, a, &p.m, e) < 0 ||
		read_part(dir, S("manifest.json"), FEATURE_MANIFEST_MAX, a, &p.manifest, e) < 0 ||
		read_part(dir, S("manifest.sig"), FEATURE_SIGNATURES_MAX, a, &p.signatures, e) < 0)
		return -1;
	p.bytes = ARENA_ARRAY(a, slice, p.m.nfiles + 1);
	for (size_t i = 0; i < p.m.nfiles; i++) {
		const struct feature_file *f = &p.m.files[i];
		unsigned char digest[32];
		if (read_part(dir, f->name, f->size, a, &p.bytes[i], e) < 0)
			return -1;
		feature_sha256(p.bytes[i], digest);
		if (memcmp(digest, f->sha256, sizeof digest) != 0)
			return err_set(e, ERR_PROTO, "version %" PRIu64 " is damaged: %.*s", number,
				SFMT(f->name));
	}
	*ret = p;
	return 0;
}
