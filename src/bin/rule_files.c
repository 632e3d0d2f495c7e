/* Reading the rules that are in force (rule_files.h). */
#include "bin/rule_files.h"

#include "base/buf.h"
#include "base/cur.h"
#include "base/mem.h"
#include "bin/shipped.h"
#include "feature/feature.h"
#include "run/memfile.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static int is_rules(const struct dirent *d)
{
	return d->d_name[0] != '.' && slice_ends(slice_z(d->d_name), S(".rules"));
}

static int read_all(int fd, size_t n, char *into, size_t *ret_n, struct err *e)
{
	size_t done = 0;
	while (done < n) {
		ssize_t got = read(fd, into + done, n - done);
		if (got < 0)
			return err_sys(e, errno, "read");
		if (got == 0)
			break;
		done += (size_t)got;
	}
	*ret_n = done;
	return 0;
}

int rule_file_read(const char *path, struct arena *a, struct rules_source *ret, struct err *e)
{
	struct stat st;
	AUTO(fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(e, errno, "%s", path);
	if (!S_ISREG(st.st_mode) || st.st_size > RULES_TEXT_MAX)
		return err_set(e, ERR_LIMIT, "%s: no file of rules, or too large", path);
	char *text = arena_alloc(a, (size_t)st.st_size + 1);
	size_t n = 0;
	if (read_all(fd, (size_t)st.st_size, text, &n, e) < 0)
		return err_wrap(e, "%s", path);
	*ret = (struct rules_source){arena_dup(a, slice_z(path)), slice_of(text, n)};
	return 0;
}

static int read_names(const char *dir, struct dirent **names, int n, struct arena *a,
	struct rules_source *v, struct err *e)
{
	if (n > RULE_FILES_MAX)
		return err_set(
			e, ERR_LIMIT, "%s: more than %d files of rules", dir, RULE_FILES_MAX);
	for (int i = 0; i < n; i++) {
		const char *path = arena_strz(a, arena_printf(a, "%s/%s", dir, names[i]->d_name));
		if (rule_file_read(path, a, &v[i], e) < 0)
			return -1;
	}
	return 0;
}

/* Those of the directory, behind `before` free places. */
static int read_own(slice dir, size_t before, struct arena *a, struct rules_source **ret,
	size_t *ret_n, struct err *e)
{
	const char *path = arena_strz(a, dir);
	struct dirent **names = NULL;
	int n = dir.n ? scandir(path, &names, is_rules, alphasort) : 0;
	if (n < 0 && errno != ENOENT)
		return err_sys(e, errno, "%s", path);
	size_t count = n > 0 ? (size_t)n : 0;
	struct rules_source *v = ARENA_ARRAY(a, struct rules_source, before + count + 1);
	int r = read_names(path, names, (int)count, a, v + before, e);
	for (size_t i = 0; i < count; i++)
		free(names[i]);
	free(names);
	*ret = v;
	*ret_n = before + count;
	return r;
}

/* ---- packs ---- */

#define SHIPPED S("shipped:")
#define FEATURES S("features:")

slice rule_files_name(slice pack, slice file, struct arena *a)
{
	return arena_printf(a, "features:%.*s/%.*s", SFMT(pack), SFMT(file));
}

bool rule_files_foreign(slice name)
{
	return slice_starts(name, SHIPPED) || slice_starts(name, FEATURES);
}

/* "x.rules" of "features:vendor/x.rules"; empty: none of a pack. */
static slice pack_file(slice name)
{
	return slice_starts(name, FEATURES) ? slice_skip(name, slice_rindex(name, '/') + 1) : S("");
}

static bool is_replaced(slice shipped, const struct rules_source *v, size_t n)
{
	slice file = slice_skip(shipped, SHIPPED.n);
	for (size_t i = 0; i < n; i++)
		if (slice_eq(pack_file(v[i].name), file))
			return true;
	return false;
}

void rule_files_join(const struct rules_source *v, size_t n, struct arena *a,
	const struct rules_source **ret, size_t *ret_n)
{
	size_t nshipped, all = 0;
	const struct rules_source *shipped = shipped_rules(&nshipped);
	struct rules_source *to = ARENA_ARRAY(a, struct rules_source, nshipped + n + 1);
	for (size_t i = 0; i < nshipped; i++)
		if (!is_replaced(shipped[i].name, v, n))
			to[all++] = shipped[i];
	for (size_t i = 0; i < n; i++)
		to[all++] = v[i];
	*ret = to;
	*ret_n = all;
}

/* Of packs, then the site's own. */
static int read_added(const struct rule_files_from *f, struct arena *a, struct rules_source **ret,
	size_t *ret_n, struct err *e)
{
	struct feature_set current;
	struct feature_part *parts = NULL;
	size_t n = 0;
	const struct feature_set *set = f->set;
	if (f->data.n && !set && feature_current_read(f->data, &current, e) < 0) {
		if (e->kind != ERR_DENIED) /* a user who may not look there, and only asks */
			return -1;
		current = (struct feature_set){0};
	}
	if (f->data.n && feature_set_files(f->data, set ? set : &current, FEATURE_RULES, a, &parts,
				 &n, e) < 0)
		return -1;
	if (read_own(f->own, n, a, ret, ret_n, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		(*ret)[i] = (struct rules_source){
			rule_files_name(parts[i].pack, parts[i].name, a), parts[i].bytes};
	return 0;
}

int rule_files_read(const struct rule_files_from *f, struct arena *a,
	const struct rules_source **ret, size_t *ret_n, struct err *e)
{
	struct rules_source *v;
	size_t n;
	if (read_added(f, a, &v, &n, e) < 0)
		return -1;
	rule_files_join(v, n, a, ret, ret_n);
	return 0;
}

/* ---- as a memory file: names and texts ---- */

enum { PACK_MAX = RULES_TEXT_MAX + RULE_SOURCES_MAX * 4200 };

int rule_files_pack(const struct rule_files_from *f, int *ret_fd, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	AUTO(buf) struct buf text = BUF(PACK_MAX);
	struct rules_source *v;
	size_t n;
	if (read_added(f, &a, &v, &n, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		buf_str(&text, v[i].name);
		buf_str(&text, v[i].text);
	}
	if (!buf_ok(&text))
		return err_set(e, ERR_LIMIT, "more than %d bytes of rules", RULES_TEXT_MAX);
	int fd = memfile_of("rules", buf_slice(&text), e);
	if (fd < 0)
		return -1;
	*ret_fd = fd;
	return 0;
}

static int read_pack(int fd, struct arena *a, slice *ret, struct err *e)
{
	struct stat st;
	if (fstat(fd, &st) < 0)
		return err_sys(e, errno, "rules");
	char *p = arena_alloc(a, (size_t)st.st_size + 1);
	ssize_t n = pread(fd, p, (size_t)st.st_size, 0);
	if (n < 0)
		return err_sys(e, errno, "rules");
	*ret = slice_of(p, (size_t)n);
	return 0;
}

int rule_files_unpack(
	int fd, struct arena *a, const struct rules_source **ret, size_t *ret_n, struct err *e)
{
	slice pack = S("");
	size_t n = 0;
	struct rules_source *v = ARENA_ARRAY(a, struct rules_source, RULE_SOURCES_MAX);
	if (fd >= 0 && read_pack(fd, a, &pack, e) < 0)
		return -1;
	for (struct cur c = cur_of(pack); cur_ok(&c) && !cur_at_end(&c) && n < RULE_SOURCES_MAX;) {
		v[n].name = cur_str(&c);
		v[n].text = cur_str(&c);
		n += cur_ok(&c);
	}
	rule_files_join(v, n, a, ret, ret_n);
	return 0;
}
