/*
 * The configuration's text: physical lines to sections and keys, continuation lines joined,
 * comments removed, includes followed. Knows nothing of tables and types. Called by conf.c.
 *
 * A "#" begins a comment at the start of a line or after white space, outside of quotes. An
 * indented line continues the value above it; a blank line ends a value.
 */
#include "base/mem.h"
#include "run/conf_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

struct reader {
	struct arena *a;
	struct conf_report *r;
	struct conf_items *items;
	unsigned files, depth;
	bool includes;
};

/* One file under way. */
struct source {
	struct reader *rd;
	struct conf_place at;
	struct conf_item section; /* the last one seen; to go back to it after an include */
	bool in_section;
	ssize_t open_key; /* index of the item that an indented line continues, or -1 */
	size_t room; /* bytes that its value may grow to in place */
};

static void read_source(struct reader *rd, slice text, slice name);

static bool is_space(char c)
{
	return c == ' ' || c == '\t';
}

static slice trim(slice s)
{
	while (s.n && is_space(*s.p))
		s = slice_skip(s, 1);
	while (s.n && is_space(s.p[s.n - 1]))
		s.n--;
	return s;
}

static void add_item(struct reader *rd, struct conf_item item)
{
	struct conf_items *l = rd->items;
	if (l->n == l->cap) {
		struct conf_item *old = l->v;
		l->cap = l->cap ? l->cap * 2 : 64;
		l->v = ARENA_ARRAY(rd->a, struct conf_item, l->cap);
		if (l->n)
			memcpy(l->v, old, l->n * sizeof *old);
	}
	l->v[l->n++] = item;
}

/* The line without its comment and outer white space; false when a quote stays open. */
static bool strip_comment(slice line, slice *ret)
{
	bool quoted = false;
	size_t i;
	for (i = 0; i < line.n; i++) {
		char c = line.p[i];
		if (quoted && c == '\\' && i + 1 < line.n)
			i++;
		else if (c == '"')
			quoted = !quoted;
		else if (c == '#' && !quoted && (i == 0 || is_space(line.p[i - 1])))
			break;
	}
	*ret = trim(slice_first(line, i));
	return !quoted;
}

static bool is_name(slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!(s.p[i] >= 'a' && s.p[i] <= 'z') && !(s.p[i] >= '0' && s.p[i] <= '9') &&
			s.p[i] != '_' && s.p[i] != '-')
			return false;
	return s.n > 0 && s.n <= 64;
}

/* ---- [section] ---- */

static bool section_parse(slice s, struct arena *a, struct conf_item *item)
{
	if (s.n < 3 || s.p[s.n - 1] != ']')
		return false;
	s = trim(slice_of(s.p + 1, s.n - 2));
	size_t end = 0;
	while (end < s.n && !is_space(s.p[end]) && s.p[end] != '"')
		end++;
	item->name = slice_first(s, end);
	slice rest = trim(slice_skip(s, end));
	item->has_instance = rest.n > 0;
	if (rest.n == 0)
		return is_name(item->name);
	if (*rest.p == '"') {
		if (rest.n < 3 || rest.p[rest.n - 1] != '"')
			return false;
		rest = slice_of(rest.p + 1, rest.n - 2);
	}
	item->instance = arena_dup(a, rest);
	return is_name(item->name) && slice_index(rest, '"') == rest.n &&
	       slice_index(rest, '\\') == rest.n && rest.n > 0 && rest.n <= 255;
}

static void read_section(struct source *src, slice s)
{
	struct conf_item item = {.at = src->at, .is_section = true};
	src->open_key = -1;
	if (!section_parse(s, src->rd->a, &item)) {
		conf_mistake(src->rd->r, src->at,
			"'%.*s' is no section: write [name], or [name \"instance\"] for those that "
			"have names",
			"“%.*s”不是段名：应写作 [段名]，可命名的段写作 [段名 \"名称\"]",
			SFMT(slice_first(s, 80)));
		src->in_section = false;
		return;
	}
	src->section = item;
	src->in_section = true;
	add_item(src->rd, item);
}

/* ---- include ---- */

static int read_regular(const char *path, struct arena *a, slice *ret, struct err *e)
{
	struct stat st;
	AUTO(fd) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(e, errno, "%s", path);
	if (!S_ISREG(st.st_mode))
		return err_set(e, ERR_PERM, "%s: not a regular file", path);
	if (st.st_size > CONF_FILE_MAX)
		return err_set(e, ERR_LIMIT, "%s: larger than %d bytes", path, CONF_FILE_MAX);
	char *text = arena_alloc(a, (size_t)st.st_size + 1);
	ssize_t n = pread(fd, text, (size_t)st.st_size, 0);
	if (n < 0)
		return err_sys(e, errno, "%s", path);
	*ret = slice_of(text, (size_t)n);
	return 0;
}

static void include_file(struct source *src, const char *path)
{
	struct reader *rd = src->rd;
	struct err e;
	slice text;
	if (rd->files >= CONF_FILES_MAX || rd->depth >= CONF_INCLUDE_DEPTH) {
		conf_mistake(rd->r, src->at, "too many files, or a circle of includes, at %s",
			"包含的文件过多，或循环包含：%s", path);
		return;
	}
	if (read_regular(path, rd->a, &text, &e) < 0) {
		conf_mistake(rd->r, src->at, "cannot include %s", "无法包含文件 %s", e.text);
		return;
	}
	read_source(rd, text, arena_dup(rd->a, slice_z(path)));
}

/* Relative names are meant from the including file's directory. */
static const char *include_path(struct source *src, slice path)
{
	size_t slash = slice_rindex(src->at.file, '/');
	if (*path.p == '/' || slash == src->at.file.n)
		return arena_strz(src->rd->a, path);
	return arena_printf(src->rd->a, "%.*s%.*s", (int)slash + 1, src->at.file.p, SFMT(path)).p;
}

static void read_include(struct source *src, slice path)
{
	src->open_key = -1;
	if (path.n >= 2 && *path.p == '"' && path.p[path.n - 1] == '"')
		path = slice_of(path.p + 1, path.n - 2);
	if (path.n == 0 || !src->rd->includes) {
		conf_mistake(src->rd->r, src->at,
			path.n ? "include is not allowed here" : "include needs a file",
			path.n ? "此处不允许 include" : "include 需要文件名");
		return;
	}
	const char *full = include_path(src, path);
	glob_t g = {0};
	if (strpbrk(full, "*?[") && glob(full, 0, NULL, &g) == 0) {
		for (size_t i = 0; i < g.gl_pathc; i++)
			include_file(src, g.gl_pathv[i]);
	} else if (!strpbrk(full, "*?[")) {
		include_file(src, full);
	}
	globfree(&g);
	if (src->in_section) {
		src->section.resumed = true;
		add_item(src->rd, src->section);
	}
}

/* ---- key = value ---- */

static void read_key(struct source *src, slice s)
{
	size_t eq = slice_index(s, '=');
	struct conf_item item = {.at = src->at, .name = trim(slice_first(s, eq))};
	src->open_key = -1;
	if (eq == s.n || !is_name(item.name)) {
		conf_mistake(src->rd->r, src->at,
			"'%.*s' is neither a [section] nor 'key = value' nor 'include FILE'",
			"“%.*s”既不是 [段名]，也不是“键 = 值”，也不是“include 文件”",
			SFMT(slice_first(s, 80)));
		return;
	}
	item.value = trim(slice_skip(s, eq + 1));
	src->room = 0;
	src->open_key = (ssize_t)src->rd->items->n;
	add_item(src->rd, item);
}

/* Doubles its room, so that a list of many lines does not copy itself again and again. */
static void append_value(struct source *src, struct conf_item *item, slice s)
{
	size_t n = item->value.n;
	char *p = (char *)item->value.p;
	if (n + s.n + 1 > src->room) {
		src->room = 2 * (n + s.n + 1);
		p = arena_alloc(src->rd->a, src->room);
		if (n)
			memcpy(p, item->value.p, n);
	}
	if (n)
		p[n++] = ' ';
	memcpy(p + n, s.p, s.n);
	item->value = slice_of(p, n + s.n);
}

static void read_continuation(struct source *src, slice s)
{
	if (src->open_key < 0) {
		conf_mistake(src->rd->r, src->at,
			"an indented line continues the value above it, but there is none; keys "
			"and sections begin in the first column",
			"缩进的行是上一个值的延续，但上面没有值；键和段名必须顶格书写");
		return;
	}
	struct conf_item *item = &src->rd->items->v[src->open_key];
	size_t eq = slice_index(s, '=');
	if (eq < s.n && eq > 0 && is_space(s.p[eq - 1]) && is_name(trim(slice_first(s, eq)))) {
		conf_mistake(src->rd->r, src->at,
			"this indented line would continue '%.*s'; if '%.*s' is meant as a key, "
			"remove the white space before it",
			"此缩进行会成为“%.*s”的延续；如果“%.*s”是一个键，请去掉行首空白",
			SFMT(item->name), SFMT(trim(slice_first(s, eq))));
		return;
	}
	if (item->value.n + s.n + 1 > CONF_VALUE_MAX) {
		conf_mistake(src->rd->r, src->at, "the value of '%.*s' is longer than %d bytes",
			"“%.*s”的值超过 %d 字节", SFMT(item->name), CONF_VALUE_MAX);
		src->open_key = -1;
		return;
	}
	append_value(src, item, s);
}

/* ---- lines ---- */

static bool has_control(slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if (((unsigned char)s.p[i] < ' ' && s.p[i] != '\t') || s.p[i] == 0x7f)
			return true;
	return false;
}

static void read_line(struct source *src, slice line)
{
	slice s;
	if (line.n && line.p[line.n - 1] == '\r')
		line.n--;
	if (trim(line).n == 0) {
		src->open_key = -1;
		return;
	}
	if (has_control(line) || line.n > CONF_VALUE_MAX) {
		conf_mistake(src->rd->r, src->at,
			"control characters, or more than %d bytes, in one line",
			"一行中含有控制字符，或超过 %d 字节", CONF_VALUE_MAX);
		return;
	}
	if (!strip_comment(line, &s)) {
		conf_mistake(src->rd->r, src->at, "a quote is not closed in this line",
			"此行的引号没有闭合");
		return;
	}
	if (s.n == 0)
		return; /* a comment: does not even end a value */
	if (is_space(*line.p))
		read_continuation(src, s);
	else if (*s.p == '[')
		read_section(src, s);
	else if (slice_starts(s, S("include")) && (s.n == 7 || is_space(s.p[7])) &&
		 (s.n == 7 || *trim(slice_skip(s, 7)).p != '='))
		read_include(src, trim(slice_skip(s, 7)));
	else
		read_key(src, s);
}

static void read_source(struct reader *rd, slice text, slice name)
{
	struct source src = {.rd = rd, .at = {name, 0}, .open_key = -1};
	slice line;
	rd->files++;
	rd->depth++;
	if (slice_starts(text, S("\xef\xbb\xbf")))
		text = slice_skip(text, 3);
	while (slice_cut(&text, '\n', &line)) {
		src.at.line++;
		read_line(&src, line);
	}
	rd->depth--;
}

int conf_read_file(
	slice path, struct arena *a, struct conf_report *r, struct conf_items *ret, struct err *e)
{
	struct reader rd = {.a = a, .r = r, .items = ret, .includes = true};
	slice text;
	if (read_regular(arena_strz(a, path), a, &text, e) < 0)
		return -1;
	read_source(&rd, text, arena_dup(a, path));
	return 0;
}

void conf_read_text(slice text, slice name, bool includes, struct arena *a, struct conf_report *r,
	struct conf_items *ret)
{
	struct reader rd = {.a = a, .r = r, .items = ret, .includes = includes};
	read_source(&rd, arena_dup(a, text), arena_dup(a, name));
}
