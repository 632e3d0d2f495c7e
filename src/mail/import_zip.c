/*
 * Archives of letters (import_file.h): zip, tar, 7z and what else libarchive knows, compressed or not. Read twice, as a stream: first the small files of notes
 * that stand beside letters, then the letters. Nothing is ever written to a disk by a name from inside, so such names can do no harm. Bytes that come out
 * are bounded by what a letter may have, each, and IMPORT_ENTRIES_MAX; who calls this reads archives of their own choosing.
 */
#include "base/mem.h"
#include "mail/import_file_impl.h"
#include "run/pool.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>

struct packed {
	struct import_files *f;
	int fd;
	struct archive *a;
	struct archive_entry *entry;
	struct arena mem; /* of an entry */
	slice prefix; /* what all names begin with, before a Maildir: "Maildir/" */
	bool notes;
	uint64_t entries, found;
	/* Of a call in the pool. */
	char *room;
	size_t n;
	la_ssize_t got;
	int result;
};

/* ---- libarchive, on a stack of ordinary size ---- */

static void open_job(void *arg)
{
	struct packed *p = arg;
	p->a = archive_read_new();
	if (!p->a || archive_read_support_filter_all(p->a) < ARCHIVE_WARN ||
		archive_read_support_format_all(p->a) < ARCHIVE_WARN ||
		lseek(p->fd, 0, SEEK_SET) < 0)
		p->result = ARCHIVE_FATAL;
	else
		p->result = archive_read_open_fd(p->a, p->fd, FILE_ROOM);
}

static void next_job(void *arg)
{
	struct packed *p = arg;
	p->result = archive_read_next_header(p->a, &p->entry);
}

static void data_job(void *arg)
{
	struct packed *p = arg;
	p->got = archive_read_data(p->a, p->room, p->n);
}

static int why(const struct packed *p, struct err *e)
{
	const char *text = p->a ? archive_error_string(p->a) : NULL;
	return err_set(
		e, ERR_PROTO, "the archive cannot be read: %s", text ? text : "no known format");
}

static int read_packed(void *arg, char *room, size_t n, size_t *ret_n, struct err *e)
{
	struct packed *p = arg;
	p->room = room;
	p->n = n;
	pool_call(data_job, p);
	if (p->got < 0)
		return archive_entry_is_encrypted(p->entry)
			       ? err_set(e, ERR_PROTO, "it needs a password")
			       : why(p, e);
	*ret_n = (size_t)p->got;
	return 0;
}

/* ---- entries ---- */

static slice name_of(const struct packed *p)
{
	const char *name = archive_entry_pathname_utf8(p->entry);
	slice s = slice_z(name ? name : archive_entry_pathname(p->entry));
	while (slice_starts(s, S("./")) || slice_starts(s, S("/")))
		s = slice_skip(s, slice_index(s, '/') + 1);
	return slice_starts(s, p->prefix) ? slice_skip(s, p->prefix.n) : s;
}

/* Letters have names; a compressed file alone has none, or its own. */
static int take_entry(struct packed *p, struct err *e)
{
	struct place at;
	const struct file_in in = {.read = read_packed,
		.arg = p,
		.mtime = archive_entry_mtime_is_set(p->entry)
				 ? archive_entry_mtime(p->entry) * SECOND
				 : 0};
	slice name = arena_dup(&p->mem, name_of(p));
	if (archive_entry_filetype(p->entry) != AE_IFREG && archive_entry_filetype(p->entry) != 0)
		return 0;
	import_place(name, p->f->how->separator, &p->mem, &at);
	bool note = at.kind >= PLACE_FOLDERS;
	if (at.kind == PLACE_NONE || note != p->notes)
		return 0;
	return note ? import_notes(p->f, &at, &in, e) : import_entry(p->f, &at, &in, e);
}

/* "tar c Maildir" and the like: all below one directory, which is a Maildir or one of our exports. */
static void look_for_prefix(struct packed *p, slice *common, bool *one, bool *root)
{
	slice name = name_of(p);
	size_t at = slice_index(name, '/');
	slice first = slice_first(name, at + 1), rest = slice_skip(name, at + 1);
	if (at == name.n) {
		*one = *one && archive_entry_filetype(p->entry) == AE_IFDIR;
		return;
	}
	if (!common->n)
		*common = arena_dup(&p->f->mem, first);
	*one = *one && slice_eq(*common, first);
	*root |= slice_starts(rest, S("cur/")) || slice_starts(rest, S("new/")) ||
		 slice_eq(rest, S(IMPORT_FOLDERS_CSV));
}

typedef int (*entry_fn)(struct packed *p, void *arg, struct err *e);

static int each(struct packed *p, entry_fn fn, void *arg, struct err *e)
{
	int r = 0;
	p->entries = 0;
	pool_call(open_job, p);
	if (p->result < ARCHIVE_WARN)
		r = why(p, e);
	while (r == 0) {
		pool_call(next_job, p);
		if (p->result == ARCHIVE_EOF)
			break;
		if (p->result < ARCHIVE_WARN)
			r = why(p, e);
		else if (++p->entries > IMPORT_ENTRIES_MAX)
			r = err_set(e, ERR_LIMIT, "more than %d files in an archive",
				IMPORT_ENTRIES_MAX);
		else
			r = fn(p, arg, e);
		arena_reset(&p->mem);
	}
	archive_read_free(take(&p->a));
	return r;
}

struct prefix {
	slice common;
	bool one, root;
};

static int prefix_entry(struct packed *p, void *arg, struct err *e)
{
	struct prefix *x = arg;
	(void)e;
	look_for_prefix(p, &x->common, &x->one, &x->root);
	return 0;
}

static int file_entry(struct packed *p, void *arg, struct err *e)
{
	(void)arg;
	return take_entry(p, e);
}

/* Somewhere behind its beginning. */
static bool is_damaged(const struct packed *p, int r, const struct err *e)
{
	return r < 0 && e->kind == ERR_PROTO && p->entries > 0;
}

int import_archive(struct import_files *f, int fd, struct err *e)
{
	struct packed p = {.f = f, .fd = fd, .notes = true};
	struct prefix x = {.one = true};
	f->keep_twins = true; /* folders may come in any order */
	int r = each(&p, prefix_entry, &x, e);
	if (is_damaged(&p, r, e))
		r = 0;
	if (r == 0 && !p.entries)
		r = err_set(e, ERR_PROTO, "there is no file in the archive");
	if (x.one && x.root)
		p.prefix = x.common;
	if (r == 0)
		r = each(&p, file_entry, NULL, e);
	if (is_damaged(&p, r, e))
		r = 0;
	if (r == 0)
		r = import_told_folders(f, e);
	p.notes = false;
	if (r == 0)
		r = each(&p, file_entry, NULL, e);
	/* Of a damaged one what could be read stays. */
	struct err later;
	if (r < 0 && e->kind == ERR_PROTO && import_leave(f, &later) < 0)
		*e = later;
	arena_done(&p.mem);
	return r;
}
