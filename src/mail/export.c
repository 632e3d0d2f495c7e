/*
 * An account's folders as files (export.h): which there are, where each goes, the notes beside them. Letters: export_letter.c.
 */
#include "base/mem.h"
#include "base/time.h"
#include "codec/csv.h"
#include "codec/maildir.h"
#include "mail/export_impl.h"
#include "mail/import_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

enum { NOTES_MAX = IMPORT_NOTES_MAX };

/* ---- notes ---- */

static const char *use_word(enum mailbox_use use)
{
	static const char *const names[] = {"", "archive", "drafts", "junk", "sent", "trash"};
	return use < sizeof names / sizeof *names ? names[use] : "";
}

static slice flag_words(const struct mailbox_message *m, struct arena *a)
{
	static const char *const names[] = {
		"\\Seen", "\\Answered", "\\Flagged", "\\Deleted", "\\Draft"};
	AUTO(buf) struct buf out = BUF(200);
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (m->flags & 1u << i)
			buf_printf(&out, "%s%s", out.n ? " " : "", names[i]);
	return arena_dup(a, buf_slice(&out));
}

static bool note_message(void *arg, const struct mailbox_message *m)
{
	struct exporting *x = arg;
	AUTO(arena) struct arena a = {0};
	if (m->received_at < x->how->since)
		return true;
	csv_put(&x->notes, export_file_name(m, &a), true);
	csv_put(&x->notes,
		arena_printf(&a, "%lld.%06lld", (long long)(m->received_at / SECOND),
			(long long)(m->received_at % SECOND)),
		false);
	csv_put(&x->notes, flag_words(m, &a), false);
	csv_put(&x->notes, m->keywords, false);
	csv_end_row(&x->notes);
	return true;
}

/* As they are now; they stand before the letters in a zip. */
static int put_notes(struct exporting *x, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	if (x->how->format != EXPORT_EML && x->how->format != EXPORT_ZIP)
		return 0;
	buf_done(&x->notes);
	x->notes = BUF(NOTES_MAX);
	buf_put(&x->notes, S("file,received,flags,keywords\r\n"));
	if (mailbox_list(x->shard, x->account_id, x->folder->name, 0, UINT64_MAX, note_message, x,
		    e) < 0)
		return -1;
	if (!buf_ok(&x->notes))
		return err_set(e, ERR_LIMIT,
			"%.*s: the list of its messages is larger than %d bytes",
			SFMT(x->folder->name), NOTES_MAX);
	if (x->zip)
		return export_zip_put(x,
			arena_printf(&a, "%.*s/%s", SFMT(x->dir), IMPORT_MESSAGES_CSV),
			buf_slice(&x->notes), wall_now(), e);
	return export_put_file(x, x->at, IMPORT_MESSAGES_CSV, buf_slice(&x->notes), e);
}

/* ---- where a folder goes ---- */

static slice dir_of(struct exporting *x, slice folder)
{
	AUTO(buf) struct buf out = BUF(64 * 1024);
	bool inbox = slice_eq(folder, S("INBOX"));
	if (x->how->format == EXPORT_MAILDIR) {
		if (inbox)
			return S(".");
		maildir_put_folder(&out, folder);
	} else {
		maildir_put_path(&out, folder);
		if (x->how->format == EXPORT_MBOX)
			buf_put(&out, S(".mbox"));
	}
	return arena_dup(&x->mem, buf_slice(&out));
}

static bool is_wanted(const struct exporting *x, const struct mailbox_folder *f)
{
	return !x->how->folder.n || slice_eq(f->name, x->how->folder);
}

static bool is_in(slice name, const slice *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (slice_eq(v[i], name))
			return true;
	return false;
}

static int put_folders(struct exporting *x, const struct mailbox_folder *v, size_t n,
	const slice *subscribed, size_t nsubscribed, struct err *e)
{
	AUTO(buf) struct buf out = BUF(NOTES_MAX);
	AUTO(buf) struct buf subs = BUF(NOTES_MAX);
	buf_put(&out, S("directory,folder,use,subscribed\r\n"));
	for (size_t i = 0; i < n; i++) {
		bool on = is_in(v[i].name, subscribed, nsubscribed);
		if (!is_wanted(x, &v[i]))
			continue;
		csv_put(&out, dir_of(x, v[i].name), true);
		csv_put(&out, v[i].name, false);
		csv_put(&out, slice_z(use_word(v[i].use)), false);
		csv_put(&out, on ? S("yes") : S("no"), false);
		csv_end_row(&out);
		slice dir = dir_of(x, v[i].name);
		if (on)
			buf_printf(&subs, "%.*s\n",
				SFMT(slice_eq(dir, S(".")) ? S("INBOX") : slice_skip(dir, 1)));
	}
	if (!buf_ok(&out) || !buf_ok(&subs))
		return err_set(e, ERR_LIMIT, "too many folders");
	if (x->zip)
		return export_zip_put(x, S(IMPORT_FOLDERS_CSV), buf_slice(&out), wall_now(), e);
	if (x->how->format == EXPORT_MAILDIR && !x->how->folder.n &&
		export_put_file(x, x->root, "subscriptions", buf_slice(&subs), e) < 0)
		return -1;
	/* One folder more beside others: their list stays. */
	AUTO(fd) int fd = -1;
	if (x->how->folder.n)
		fd = export_open(x, x->root, IMPORT_FOLDERS_CSV, O_WRONLY | O_APPEND);
	if (fd >= 0) {
		size_t head = slice_index(buf_slice(&out), '\n') + 1;
		return export_write(fd, slice_skip(buf_slice(&out), head), e);
	}
	return export_put_file(x, x->root, IMPORT_FOLDERS_CSV, buf_slice(&out), e);
}

/* ---- a folder ---- */

static bool one_letter(void *arg, const struct mailbox_message *m)
{
	struct exporting *x = arg;
	if (m->received_at >= x->how->since)
		x->result = export_letter(x, m, x->e);
	return x->result == 0;
}

static int letters(struct exporting *x, struct err *e)
{
	x->e = e;
	x->result = 0;
	int r = mailbox_list(
		x->shard, x->account_id, x->folder->name, 0, UINT64_MAX, one_letter, x, e);
	return x->result < 0 ? -1 : r;
}

/* Every level of it, relative to the root. */
static int make_dirs(struct exporting *x, slice dir, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	for (size_t i = 0; i <= dir.n; i++)
		if (i == dir.n || dir.p[i] == '/')
			if (export_mkdir(x, x->root, arena_strz(&a, slice_first(dir, i)), e) < 0)
				return -1;
	return 0;
}

static int open_dir(struct exporting *x, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	if (make_dirs(x, x->dir, e) < 0)
		return -1;
	x->at = export_open(x, x->root, arena_strz(&a, x->dir), O_RDONLY | O_DIRECTORY);
	return x->at < 0 ? err_sys(e, errno, "%.*s", SFMT(x->dir)) : 0;
}

/* Keywords have the letters that they had in an earlier export. */
static int read_words(struct exporting *x, struct err *e)
{
	AUTO(buf) struct buf text = BUF(64 * 1024);
	AUTO(fd) int fd = export_open(x, x->at, "dovecot-keywords", O_RDONLY);
	slice line, word;
	unsigned n;
	x->nwords = 0;
	if (fd < 0)
		return errno == ENOENT ? 0 : err_sys(e, errno, "dovecot-keywords");
	char *room = buf_room(&text, 60 * 1024);
	ssize_t got = read(fd, room, 60 * 1024);
	buf_commit(&text, got > 0 ? (size_t)got : 0);
	slice rest = buf_slice(&text);
	while (slice_cut(&rest, '\n', &line))
		if (maildir_word(line, &n, &word) && n == x->nwords)
			x->words[x->nwords++] = arena_dup(&x->mem, word);
	return 0;
}

static int write_words(struct exporting *x, struct err *e)
{
	AUTO(buf) struct buf text = BUF(64 * 1024);
	for (unsigned i = 0; i < x->nwords; i++)
		buf_printf(&text, "%u %.*s\n", i, SFMT(x->words[i]));
	return text.n ? export_put_file(x, x->at, "dovecot-keywords", buf_slice(&text), e) : 0;
}

/* What is there by its unique name: flags may have changed since. */
static int read_have(struct exporting *x, struct err *e)
{
	struct maildir_file f;
	const struct dirent *d;
	int fd = export_open(x, x->at, "cur", O_RDONLY | O_DIRECTORY);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir)
		return err_sys(e, errno, "cur");
	while ((d = readdir(dir)))
		if (maildir_file(slice_z(d->d_name), &f))
			map_put(&x->have, f.unique, x);
	closedir(dir);
	return 0;
}

static int export_maildir(struct exporting *x, struct err *e)
{
	static const char *const subs[] = {"cur", "new", "tmp"};
	AUTO(fd) int mark = -1;
	for (int i = 0; i < 3; i++)
		if (export_mkdir(x, x->at, subs[i], e) < 0)
			return -1;
	if (!slice_eq(x->dir, S(".")))
		mark = export_open(x, x->at, "maildirfolder", O_WRONLY | O_CREAT);
	if (read_words(x, e) < 0 || read_have(x, e) < 0)
		return -1;
	int r = letters(x, e);
	return write_words(x, e) < 0 ? -1 : r;
}

/* Under another name until it is whole. */
static int export_mbox(struct exporting *x, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	const char *name = arena_strz(&a, x->dir);
	const char *part = arena_strz(&a, arena_printf(&a, "%s.part", name));
	size_t slash = slice_rindex(x->dir, '/');
	if (slash < x->dir.n && make_dirs(x, slice_first(x->dir, slash), e) < 0)
		return -1;
	AUTO(fd) int there = export_open(x, x->root, name, O_RDONLY);
	if (there >= 0) {
		x->r->present++;
		return 0;
	}
	x->at = export_open(x, x->root, part, O_WRONLY | O_CREAT | O_TRUNC);
	if (x->at < 0)
		return err_sys(e, errno, "%s", part);
	if (letters(x, e) < 0)
		return -1;
	if (fsync(x->at) < 0)
		return err_sys(e, errno, "%s", part);
	return export_move(x, x->root, part, x->root, name, false, e);
}

static int export_folder(struct exporting *x, const struct mailbox_folder *f, struct err *e)
{
	int r;
	x->folder = f;
	x->dir = dir_of(x, f->name);
	x->at = -1;
	x->r->folders++;
	if (x->how->format == EXPORT_MBOX) {
		r = export_mbox(x, e);
	} else if (x->how->format == EXPORT_ZIP) {
		r = put_notes(x, e) < 0 ? -1 : letters(x, e);
	} else {
		r = open_dir(x, e);
		if (r == 0 && x->how->format == EXPORT_MAILDIR)
			r = export_maildir(x, e);
		else if (r == 0)
			r = put_notes(x, e) < 0 ? -1 : letters(x, e);
		if (r == 0 && syncfs(x->at) < 0)
			r = err_sys(e, errno, "%.*s", SFMT(x->dir));
	}
	auto_fd(&x->at);
	map_done(&x->have);
	x->have = (struct map){0};
	return r;
}

/* ---- all ---- */

static int export_folders(struct exporting *x, struct err *e)
{
	struct mailbox_folder *v;
	slice *subscribed;
	size_t n, nsubscribed;
	bool any = false;
	if (mailbox_folders(x->shard, x->account_id, &x->mem, &v, &n, e) < 0 ||
		mailbox_subscriptions(
			x->shard, x->account_id, &x->mem, &subscribed, &nsubscribed, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		any |= is_wanted(x, &v[i]);
	if (!any && x->how->folder.n)
		return err_set(e, ERR_NOTFOUND, "no folder %.*s", SFMT(x->how->folder));
	if (put_folders(x, v, n, subscribed, nsubscribed, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (is_wanted(x, &v[i]) && export_folder(x, &v[i], e) < 0)
			return -1;
	return 0;
}

static int export_to_dir(struct exporting *x, const char *path, struct err *e)
{
	if (export_mkdir(x, AT_FDCWD, path, e) < 0)
		return -1;
	x->root = export_open(x, AT_FDCWD, path, O_RDONLY | O_DIRECTORY);
	if (x->root < 0)
		return err_sys(e, errno, "%s", path);
	int r = export_folders(x, e);
	close(x->root);
	return r;
}

static int export_to_zip(struct exporting *x, const char *path, struct err *e)
{
	const char *part = arena_strz(&x->mem, arena_printf(&x->mem, "%s.part", path));
	AUTO(fd) int there = export_open(x, AT_FDCWD, path, O_RDONLY);
	if (there >= 0)
		return err_set(e, ERR_EXISTS, "%s is there already", path);
	AUTO(fd) int fd = export_open(x, AT_FDCWD, part, O_RDWR | O_CREAT | O_TRUNC);
	if (fd < 0)
		return err_sys(e, errno, "%s", part);
	int r = export_zip_begin(x, fd, e) < 0 ? -1 : export_folders(x, e);
	struct err ignored;
	if (export_zip_end(x, r < 0 ? &ignored : e) < 0)
		r = -1;
	if (r == 0 && fsync(fd) < 0)
		r = err_sys(e, errno, "%s", part);
	return r < 0 ? -1 : export_move(x, AT_FDCWD, part, AT_FDCWD, path, false, e);
}

int export_account(struct sql *shard, struct blobs *b, int64_t account_id, const char *path,
	const struct export_how *how, struct export_report *ret, struct err *e)
{
	*ret = (struct export_report){0};
	struct exporting x = {.how = how,
		.r = ret,
		.shard = shard,
		.blobs = b,
		.account_id = account_id,
		.root = -1};
	int r = how->format == EXPORT_ZIP ? export_to_zip(&x, path, e) : export_to_dir(&x, path, e);
	buf_done(&x.notes);
	buf_done(&x.raw);
	buf_done(&x.out);
	arena_done(&x.mem);
	return r;
}
