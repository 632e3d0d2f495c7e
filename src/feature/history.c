/*
 * What happened to packs, when and by whom (feature.h): DATA/features/history, a line of JSON each,
 * appended and synced. A line that a crash cut off is left out by the reader, and the next one begins
 * on a line of its own. When it has grown too long the older half goes.
 */
#include "base/mem.h"
#include "feature/file.h"
#include "run/file.h"
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_MAX = 64 << 20 };

static slice path_of(slice data, struct arena *a)
{
	return arena_printf(a, "%.*s/history", SFMT(feature_dir(data, a)));
}

static size_t count_lines(slice text)
{
	size_t n = 0;
	for (size_t i = 0; i < text.n; i++)
		n += text.p[i] == '\n';
	return n;
}

static int shorten(slice data, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	slice text;
	if (feature_read_file(path_of(data, &a), FILE_MAX, &a, &text, e) < 0)
		return e->kind == ERR_NOTFOUND ? 0 : -1;
	size_t lines = count_lines(text);
	for (slice line; lines > FEATURE_HISTORY_KEPT / 2 && slice_cut(&text, '\n', &line);)
		lines--;
	return file_replace(feature_dir(data, &a), S("history"), text, e);
}

static int append(const char *path, slice line, size_t *ret_size, struct err *e)
{
	AUTO(buf) struct buf text = BUF(FEATURE_HISTORY_LINE_MAX + 8);
	struct stat st;
	char last = '\n';
	AUTO(fd) int fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(e, errno, "%s", path);
	if (st.st_size > 0 && pread(fd, &last, 1, st.st_size - 1) != 1)
		return err_sys(e, errno, "%s", path);
	if (last != '\n')
		buf_byte(&text, '\n');
	buf_put(&text, line);
	buf_byte(&text, '\n');
	if (write(fd, text.p, text.n) != (ssize_t)text.n || fsync(fd) < 0)
		return err_sys(e, errno, "%s", path);
	*ret_size = (size_t)st.st_size + text.n;
	return 0;
}

int feature_history_add(slice data, json_t *what, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	size_t size = 0;
	json_object_set_new(what, "at", json_integer(wall_now()));
	AUTO(free) char *text = json_dumps(what, JSON_COMPACT);
	json_decref(what);
	slice line = slice_z(text ? text : "{}");
	if (line.n > FEATURE_HISTORY_LINE_MAX)
		return err_set(e, ERR_LIMIT, "an entry of the history is too long");
	if (feature_depot_make(data, e) < 0 ||
		append(arena_strz(&a, path_of(data, &a)), line, &size, e) < 0)
		return -1;
	return size > FILE_MAX / 2 ? shorten(data, e) : 0;
}

static json_t *last_of(json_t *list, size_t most)
{
	size_t n = json_array_size(list);
	if (n <= most)
		return list;
	json_t *last = json_array();
	for (size_t i = n - most; i < n; i++)
		json_array_append(last, json_array_get(list, i));
	json_decref(list);
	return last;
}

int feature_history_read(slice data, size_t most, json_t **ret, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	slice text = S(""), line;
	json_error_t bad;
	if (feature_read_file(path_of(data, &a), FILE_MAX, &a, &text, e) < 0 &&
		e->kind != ERR_NOTFOUND)
		return -1;
	json_t *list = json_array();
	while (slice_cut(&text, '\n', &line)) {
		json_t *one = line.n ? json_loadb(line.p, line.n, 0, &bad) : NULL;
		if (json_is_object(one))
			json_array_append(list, one);
		json_decref(one);
	}
	*ret = last_of(list, most);
	return 0;
}
