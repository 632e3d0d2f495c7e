/* Reading the rules that are in force (rule_files.h). */
#include "bin/rule_files.h"

#include "base/mem.h"
#include "bin/shipped.h"
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

int rule_files_read(
	slice dir, struct arena *a, const struct rules_source **ret, size_t *ret_n, struct err *e)
{
	size_t shipped;
	const struct rules_source *own = shipped_rules(&shipped);
	const char *path = arena_strz(a, dir);
	struct dirent **names = NULL;
	int n = dir.n ? scandir(path, &names, is_rules, alphasort) : 0;
	if (n < 0 && errno != ENOENT)
		return err_sys(e, errno, "%s", path);
	size_t count = n > 0 ? (size_t)n : 0;
	struct rules_source *v = ARENA_ARRAY(a, struct rules_source, shipped + count + 1);
	memcpy(v, own, shipped * sizeof *v);
	int r = read_names(path, names, (int)count, a, v + shipped, e);
	for (size_t i = 0; i < count; i++)
		free(names[i]);
	free(names);
	if (r < 0)
		return -1;
	*ret = v;
	*ret_n = shipped + count;
	return 0;
}
