/* Letters from files (cli_letters.h). Used by `posthouse learn`. */
#include "bin/cli_letters.h"

#include "base/mem.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	LETTER_MAX = 128 << 20, /* bytes of a file with one letter */
	MBOX_MAX = 1 << 30, /* of one with many */
	DEPTH_MAX = 8, /* directories inside directories */
	FAULTS_SHOWN = 20,
};

void cli_letters_fault(struct cli_letters *w, const char *path, const char *why)
{
	if (w->faults++ < FAULTS_SHOWN)
		fprintf(stderr, "posthouse: %s: %s\n", path, why);
}

/* ---- files ---- */

static int read_fd(int fd, struct buf *out)
{
	for (;;) {
		char *room = buf_room(out, 64 * 1024);
		ssize_t n = room ? read(fd, room, 64 * 1024) : -1;
		if (!room)
			errno = EFBIG;
		if (n <= 0)
			return (int)n;
		buf_commit(out, (size_t)n);
	}
}

/* Files belong to who runs the command, the journal to the server. */
static int read_file(struct cli_letters *w, const char *path, struct buf *out)
{
	cli_env_as_caller(w->env);
	AUTO(fd)
	int fd = strcmp(path, "-") == 0 ? dup(0)
					: open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	int r = fd < 0 ? -1 : read_fd(fd, out);
	int why = errno;
	cli_env_as_server(w->env);
	errno = why;
	return r;
}

/* Where the next letter of an mbox begins: "From " at the beginning of a line behind an empty one.
 */
static size_t next_letter(slice s)
{
	for (size_t at = 1; at < s.n;) {
		size_t found = at + slice_find(slice_skip(s, at), S("\nFrom "));
		if (found >= s.n)
			return s.n;
		slice before = slice_first(s, found);
		if (slice_ends(before, S("\n")) || slice_ends(before, S("\n\r")))
			return found + 1;
		at = found + 1;
	}
	return s.n;
}

static int walk_mbox(struct cli_letters *w, const char *path, slice all)
{
	while (all.n) {
		size_t n = next_letter(all);
		slice letter = slice_first(all, n);
		all = slice_skip(all, n);
		letter = slice_skip(letter, slice_index(letter, '\n') + 1);
		int r = slice_trim(letter).n ? w->each(w->arg, path, letter) : 0;
		if (r < 0)
			return r;
	}
	return 0;
}

static int walk_file(struct cli_letters *w, const char *path)
{
	AUTO(buf) struct buf all = BUF(MBOX_MAX);
	if (read_file(w, path, &all) < 0) {
		cli_letters_fault(w, path, strerror(errno));
		return 0;
	}
	if (slice_starts(buf_slice(&all), S("From ")))
		return walk_mbox(w, path, buf_slice(&all));
	if (all.n > LETTER_MAX || !slice_trim(buf_slice(&all)).n) {
		cli_letters_fault(w, path,
			all.n > LETTER_MAX ? T("too large for a letter", "太大，不是一封邮件")
					   : T("empty", "空文件"));
		return 0;
	}
	return w->each(w->arg, path, buf_slice(&all));
}

static int walk_path(struct cli_letters *w, const char *path, unsigned depth);

static int walk_dir(struct cli_letters *w, const char *path, DIR *d, unsigned depth)
{
	int r = 0;
	for (struct dirent *f; r == 0 && (f = readdir(d));) {
		AUTO(arena) struct arena a = {0};
		if (f->d_name[0] == '.' && (f->d_name[1] == 0 || f->d_name[1] == '.'))
			continue;
		slice inside = arena_printf(&a, "%s/%s", path, f->d_name);
		r = walk_path(w, arena_strz(&a, inside), depth + 1);
	}
	return r;
}

/* A letter, an mbox, or a directory with such: also a Maildir with its folders. */
static int walk_path(struct cli_letters *w, const char *path, unsigned depth)
{
	struct stat st = {0};
	cli_env_as_caller(w->env);
	bool is_dir = stat(path, &st) == 0 && S_ISDIR(st.st_mode);
	DIR *d = is_dir && depth < DEPTH_MAX ? opendir(path) : NULL;
	int why = errno;
	cli_env_as_server(w->env);
	if (!is_dir)
		return S_ISREG(st.st_mode) || depth == 0 ? walk_file(w, path) : 0;
	if (!d) {
		cli_letters_fault(
			w, path, depth < DEPTH_MAX ? strerror(why) : T("too deep", "目录层次太深"));
		return 0;
	}
	int r = walk_dir(w, path, d, depth);
	closedir(d);
	return r;
}

int cli_letters(struct cli_letters *w, const char *path)
{
	return walk_path(w, path, 0);
}
