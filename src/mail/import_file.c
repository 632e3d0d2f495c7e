/*
 * Files and directories that are imported (import_file.h). A directory is read twice: first what stands beside letters, then the letters, folder by folder
 * in the order of their names (in which Maildirs and most programs number what came). Only ordinary files and directories inside are looked at: no
 * symbolic link, no pipe. What is opened is opened relative to the directory that holds it, with the rights of who runs the command.
 */
#include "base/hex.h"
#include "base/mem.h"
#include "base/must.h"
#include "mail/import_file_impl.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/evp.h>
#include <sys/stat.h>

enum { FILES_MAX = 2 * IMPORT_BOX_MAX }; /* of a directory */

/* ---- opening ---- */

static int open_in(struct import_files *f, int dir, const char *name, int flags)
{
	if (f->how->rights)
		f->how->rights(f->how->arg, true);
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | flags);
	int saved = errno;
	if (f->how->rights)
		f->how->rights(f->how->arg, false);
	errno = saved;
	return fd;
}

struct file_fd {
	int fd;
};

static int read_fd(void *arg, char *room, size_t n, size_t *ret_n, struct err *e)
{
	const struct file_fd *x = arg;
	ssize_t got;
	do
		got = read(x->fd, room, n);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return err_sys(e, errno, "reading");
	*ret_n = (size_t)got;
	return 0;
}

static struct file_in in_of(struct file_fd *x, const struct stat *st)
{
	return (struct file_in){.read = read_fd,
		.arg = x,
		.mtime = st->st_mtim.tv_sec * SECOND + st->st_mtim.tv_nsec / 1000,
		.size = (uint64_t)st->st_size};
}

/* ---- a directory ---- */

struct name {
	char *z;
	bool is_dir;
};

struct level {
	struct import_files *f;
	int fd;
	slice path; /* within the source; empty: its root */
	unsigned depth;
	bool notes; /* the first reading */
	struct arena mem;
	struct name *v;
	size_t n, cap;
};

static int by_name(const void *a, const void *b)
{
	const struct name *x = a, *y = b;
	return strverscmp(x->z, y->z);
}

static void add_name(struct level *l, const struct dirent *x)
{
	bool is_dir = x->d_type == DT_DIR;
	if (x->d_type == DT_UNKNOWN) { /* this file system does not tell */
		AUTO(fd) int fd = open_in(l->f, l->fd, x->d_name, O_NOFOLLOW | O_DIRECTORY);
		is_dir = fd >= 0;
	}
	if (l->n == l->cap) {
		l->cap = l->cap ? 2 * l->cap : 64;
		l->v = mem_grow(l->v, l->cap * sizeof *l->v);
	}
	l->v[l->n++] = (struct name){arena_strz(&l->mem, slice_z(x->d_name)), is_dir};
}

static int list_names(struct level *l, struct err *e)
{
	int fd = open_in(l->f, l->fd, ".", O_DIRECTORY);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *x;
	if (!d)
		return err_sys(e, errno, "%.*s", SFMT(l->path));
	while (l->n <= FILES_MAX && (x = readdir(d)))
		if (!slice_eq(slice_z(x->d_name), S(".")) && !slice_eq(slice_z(x->d_name), S("..")))
			add_name(l, x);
	closedir(d);
	if (l->n > FILES_MAX)
		return err_set(e, ERR_LIMIT, "%.*s: more than %d files", SFMT(l->path), FILES_MAX);
	if (l->n)
		qsort(l->v, l->n, sizeof *l->v, by_name);
	return 0;
}

static slice path_of(const struct level *l, const char *name, struct arena *a)
{
	return l->path.n ? arena_printf(a, "%.*s/%s", SFMT(l->path), name)
			 : arena_dup(a, slice_z(name));
}

static int take_file(struct level *l, const char *name, const struct place *p, struct err *e)
{
	struct stat st;
	AUTO(fd) int fd = open_in(l->f, l->fd, name, O_NOFOLLOW);
	if (fd < 0 &&
		(errno == ENOENT || errno == ELOOP)) /* renamed for its flags meanwhile; a link */
		return l->f->seen.other++, 0;
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(e, errno, "%.*s/%s", SFMT(l->path), name);
	if (!S_ISREG(st.st_mode))
		return 0;
	struct file_fd x = {fd};
	const struct file_in in = in_of(&x, &st);
	return p->kind >= PLACE_FOLDERS ? import_notes(l->f, p, &in, e)
					: import_entry(l->f, p, &in, e);
}

/* Notes of a directory's own letters are read just before these. */
enum round { NOTES_OF_ALL, NOTES_OF_LETTERS, LETTERS };
static bool is_of(enum place_kind k, enum round r)
{
	if (k == PLACE_MESSAGES)
		return r == NOTES_OF_LETTERS;
	return k != PLACE_NONE && r == (k >= PLACE_FOLDERS ? NOTES_OF_ALL : LETTERS);
}

static int take_files(struct level *l, enum round r, struct err *e)
{
	for (size_t i = 0; i < l->n; i++) {
		AUTO(arena) struct arena a = {0};
		struct place p;
		if (l->v[i].is_dir)
			continue;
		import_place(path_of(l, l->v[i].z, &a), l->f->how->separator, &a, &p);
		if (is_of(p.kind, r) && take_file(l, l->v[i].z, &p, e) < 0)
			return -1;
	}
	return 0;
}

static int read_level(struct level *l, struct err *e);

static int take_dir(struct level *l, const char *name, struct err *e)
{
	AUTO(fd) int fd = open_in(l->f, l->fd, name, O_NOFOLLOW | O_DIRECTORY);
	if (fd < 0 && (errno == ENOTDIR || errno == ELOOP || errno == ENOENT))
		return 0;
	if (fd < 0)
		return err_sys(e, errno, "%.*s/%s", SFMT(l->path), name);
	if (l->depth == IMPORT_DEPTH_MAX)
		return err_set(
			e, ERR_LIMIT, "more than %d directories in each other", IMPORT_DEPTH_MAX);
	struct level below = {.f = l->f, .fd = fd, .depth = l->depth + 1, .notes = l->notes};
	below.path = path_of(l, name, &below.mem);
	int r = read_level(&below, e);
	arena_done(&below.mem);
	free(below.v);
	return r;
}

static bool has_dir(const struct level *l, const char *name)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->v[i].is_dir && slice_eq(slice_z(l->v[i].z), slice_z(name)))
			return true;
	return false;
}

/* A Maildir is a folder even when nothing is in it. */
static int begin_maildir(struct level *l, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	if (l->f->how->format == IMPORT_EML || l->f->how->format == IMPORT_MBOX)
		return 0;
	return import_enter(l->f, l->path.n ? l->path : S("."),
		import_place_folder(l->path, l->f->how->separator, &a), e);
}

/* Its own letters first, of a Maildir "cur" and "new" one after another; then what is below. */
static int read_level(struct level *l, struct err *e)
{
	if (list_names(l, e) < 0)
		return -1;
	bool maildir = has_dir(l, "cur");
	if (l->notes && take_files(l, NOTES_OF_ALL, e) < 0)
		return -1;
	if (!l->notes) {
		map_done(&l->f->notes);
		l->f->notes = (struct map){0};
		arena_reset(&l->f->notes_mem);
		if ((maildir && begin_maildir(l, e) < 0) ||
			take_files(l, NOTES_OF_LETTERS, e) < 0 || take_files(l, LETTERS, e) < 0 ||
			(maildir && take_dir(l, "cur", e) < 0) ||
			(maildir && has_dir(l, "new") && take_dir(l, "new", e) < 0))
			return -1;
	}
	for (size_t i = 0; i < l->n; i++) {
		slice name = slice_z(l->v[i].z);
		bool own = slice_eq(name, S("cur")) || slice_eq(name, S("new")) ||
			   slice_eq(name, S("tmp"));
		if (l->v[i].is_dir && !(maildir && own) && take_dir(l, l->v[i].z, e) < 0)
			return -1;
	}
	return 0;
}

static int read_tree(struct import_files *f, int dir, bool notes, struct err *e)
{
	struct level root = {.f = f, .fd = dir, .notes = notes};
	int r = read_level(&root, e);
	arena_done(&root.mem);
	free(root.v);
	return r;
}

int import_tree(struct import_files *f, int dir, struct err *e)
{
	if (read_tree(f, dir, true, e) < 0 || import_told_folders(f, e) < 0)
		return -1;
	return read_tree(f, dir, false, e);
}

/* ---- a single file ---- */

static slice base_name(const char *path)
{
	slice s = slice_z(path);
	while (s.n > 1 && s.p[s.n - 1] == '/')
		s.n--;
	size_t at = slice_rindex(s, '/');
	return at < s.n ? slice_skip(s, at + 1) : s;
}

static bool looks_like_letter(slice start)
{
	slice line;
	size_t colon;
	return slice_cut(&start, '\n', &line) && start.p && (colon = slice_index(line, ':')) > 0 &&
	       colon < line.n && slice_index(line, ' ') >= colon &&
	       memchr(line.p, 0, line.n) == NULL;
}

static enum import_format sniff(slice start)
{
	if (mbox_looks_so(start))
		return IMPORT_MBOX;
	if (slice_starts(start, S("!BDN")))
		return IMPORT_PST;
	return looks_like_letter(start) ? IMPORT_EML : IMPORT_ARCHIVE;
}

static int one_letter(
	struct import_files *f, const char *path, const struct file_in *in, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	const struct place p = {.kind = PLACE_EML,
		.file = arena_dup(&a, base_name(path)),
		.box = S("."),
		.path = S("INBOX")};
	return import_entry(f, &p, in, e);
}

/* An mbox that is imported alone goes to the folder of its name. */
static int one_mbox(
	struct import_files *f, const char *path, const struct file_in *in, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct place p;
	import_place(base_name(path), '.', &a, &p);
	if (p.kind != PLACE_OTHER || f->how->into.n)
		p.path = S("INBOX");
	return import_enter(f, S("."), p.path, e) < 0 ? -1 : import_mbox(f, S(""), in, e);
}

static int one(
	struct import_files *f, const char *path, int fd, const struct stat *st, struct err *e)
{
	char start[512];
	struct file_fd x = {fd};
	const struct file_in in = in_of(&x, st);
	enum import_format format = f->how->format;
	ssize_t n = pread(fd, start, sizeof start, 0);
	if (n < 0)
		return err_sys(e, errno, "%s", path);
	if (n == 0)
		return err_set(e, ERR_PROTO, "the file is empty");
	if (format == IMPORT_AUTO)
		format = sniff(slice_of(start, (size_t)n));
	switch (format) {
	case IMPORT_MBOX:
		if (!mbox_looks_so(slice_of(start, (size_t)n)))
			return err_set(
				e, ERR_PROTO, "no mbox: it does not begin with a \"From \" line");
		return one_mbox(f, path, &in, e);
	case IMPORT_EML:
		return one_letter(f, path, &in, e);
	case IMPORT_MAILDIR:
		return err_set(e, ERR_PROTO, "a Maildir is a directory");
	case IMPORT_PST:
		return import_pst(f, fd, e);
	default:
		return import_archive(f, fd, e);
	}
}

/* ---- all of it ---- */

static void done(struct import_files *f)
{
	arena_done(&f->mem);
	arena_done(&f->notes_mem);
	arena_done(&f->item_mem);
	buf_done(&f->box_name);
	buf_done(&f->raw);
	map_done(&f->twins);
	map_done(&f->boxes);
	map_done(&f->folders);
	map_done(&f->notes);
	map_done(&f->words);
	map_done(&f->subscribed);
	free(f->room);
}

static int run(struct import_files *f, const char *path, struct err *e)
{
	struct stat st;
	AUTO(fd) int fd = open_in(f, AT_FDCWD, path, 0);
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(e, errno, "%s", path);
	if (S_ISDIR(st.st_mode))
		return import_tree(f, fd, e);
	if (!S_ISREG(st.st_mode))
		return err_set(e, ERR_PROTO, "%s is neither a file nor a directory", path);
	return one(f, path, fd, &st, e);
}

int import_files(struct importing *i, const char *path, const struct import_files_how *how,
	struct import_files_seen *ret, struct err *e)
{
	struct import_files f = {.i = i,
		.how = how,
		.box_name = BUF(PATH_MAX),
		.raw = BUF((size_t)how->max_message),
		.room = mem_alloc(FILE_ROOM)};
	int r = run(&f, path, e);
	if (r == 0)
		r = import_leave(&f, e);
	else
		import_box_abandon(i);
	*ret = f.seen;
	done(&f);
	return r;
}

int import_files_source(const char *path, const struct import_files_how *how, struct arena *a,
	slice *ret, struct err *e)
{
	unsigned char hash[EVP_MAX_MD_SIZE];
	AUTO(buf) struct buf hex = BUF(200);
	if (how->rights)
		how->rights(how->arg, true);
	AUTO(free) char *real = realpath(path, NULL);
	int saved = errno;
	if (how->rights)
		how->rights(how->arg, false);
	if (!real)
		return err_sys(e, saved, "%s", path);
	*ret = arena_printf(a, "file:%s%s%.*s", real, how->into.n ? " > " : "", SFMT(how->into));
	if (ret->n <= IMPORT_SOURCE_MAX)
		return 0;
	must(EVP_Digest(ret->p, ret->n, hash, NULL, EVP_sha256(), NULL) == 1);
	hex_encode(&hex, slice_of(hash, 32));
	*ret = arena_printf(a, "file:%.*s", SFMT(buf_slice(&hex)));
	return 0;
}
