/*
 * Archives of letters (import_file.h): zip, tar, 7z and what else libarchive knows, compressed or not, unpacked by a confined process (import_reader.h). Read
 * three times, as a stream: which names there are; the small files of notes that stand beside letters; the letters. Nothing is ever written to a disk
 * by a name from inside, so such names can do no harm.
 */
#include "base/mem.h"
#include "mail/import_file_impl.h"

struct packed {
	struct import_files *f;
	int fd;
	struct import_reader r;
	struct arena mem; /* of an entry */
	enum wire_kind kind;
	int64_t mtime;
	slice name; /* without prefix */
	slice prefix; /* what all names begin with, before a Maildir: "Maildir/" */
	uint64_t entries;
	/* Its bytes. */
	enum { UNASKED, COMING, HELD, AT_END } state; /* HELD: the first block came, and it waits */
	enum wire_answer wanted;
	slice rest; /* of the frame that came last */
	slice failed; /* why nothing more can be read */
};

static slice without_root(slice s)
{
	while (slice_starts(s, S("./")) || slice_starts(s, S("/")))
		s = slice_skip(s, slice_index(s, '/') + 1);
	return s;
}

/* ---- bytes of an entry ---- */

static int next_block(struct packed *p, struct err *e)
{
	enum wire_frame type;
	struct cur c;
	bool first = p->state == UNASKED;
	if ((first || p->state == HELD) &&
		import_reader_answer(&p->r, first ? p->wanted : WIRE_ALL, e) < 0)
		return -1;
	p->state = COMING;
	if (import_reader_next(&p->r, &type, &c, e) < 0)
		return -1;
	if (type == WIRE_BYTES) {
		p->rest = cur_rest(&c);
		if (first && p->rest.n == WIRE_BYTES_MAX)
			p->state = HELD;
		return 0;
	}
	p->state = AT_END;
	if (type == WIRE_END)
		return 0;
	slice why = cur_str(&c);
	if (type == WIRE_FAILED)
		p->failed = why = arena_dup(&p->f->mem, slice_first(why, 200));
	else
		why = type == WIRE_BAD ? cur_str(&c) : S("it says what makes no sense");
	return err_set(
		e, ERR_PROTO, "the archive cannot be read: %.*s", SFMT(slice_first(why, 200)));
}

static int read_packed(void *arg, char *room, size_t n, size_t *ret_n, struct err *e)
{
	struct packed *p = arg;
	while (!p->rest.n && p->state != AT_END)
		if (next_block(p, e) < 0)
			return -1;
	*ret_n = p->rest.n < n ? p->rest.n : n;
	if (*ret_n)
		memcpy(room, p->rest.p, *ret_n);
	p->rest = slice_skip(p->rest, *ret_n);
	return 0;
}

/* What of it nobody wanted. */
static int pass_over(struct packed *p, struct err *e)
{
	p->rest = S("");
	if (p->state == UNASKED)
		return import_reader_answer(&p->r, WIRE_NO, e);
	if (p->state == HELD) {
		if (import_reader_answer(&p->r, WIRE_NO, e) < 0)
			return -1;
		p->state = COMING;
	}
	while (p->state == COMING)
		if (next_block(p, e) < 0 && p->r.u.socket < 0)
			return -1;
	return 0;
}

/* ---- entries ---- */

static int take_entry(struct packed *p, bool notes, struct err *e)
{
	struct place at;
	const struct file_in in = {.read = read_packed, .arg = p, .mtime = p->mtime};
	import_place(p->name, p->f->how->separator, &p->mem, &at);
	bool note = at.kind >= PLACE_FOLDERS;
	p->wanted = at.kind == PLACE_EML || at.kind == PLACE_MAILDIR ? WIRE_LETTER : WIRE_ALL;
	if (p->kind != WIRE_IS_FILE || at.kind == PLACE_NONE || note != notes)
		return 0;
	return note ? import_notes(p->f, &at, &in, e) : import_entry(p->f, &at, &in, e);
}

struct prefix {
	slice common;
	bool one, root;
};

/* "tar c Maildir" and the like: all below one directory, which is a Maildir or one of our exports. */
static void look_for_prefix(struct packed *p, struct prefix *x)
{
	size_t at = slice_index(p->name, '/');
	slice first = slice_first(p->name, at + 1), rest = slice_skip(p->name, at + 1);
	if (at == p->name.n) {
		x->one = x->one && p->kind == WIRE_IS_DIR;
		return;
	}
	if (!x->common.n)
		x->common = arena_dup(&p->f->mem, first);
	x->one = x->one && slice_eq(x->common, first);
	x->root |= slice_starts(rest, S("cur/")) || slice_starts(rest, S("new/")) ||
		   slice_eq(rest, S(IMPORT_FOLDERS_CSV));
}

/* 1: an entry; 0: the end; -1 */
static int next_entry(struct packed *p, struct err *e)
{
	enum wire_frame type;
	struct cur c;
	arena_reset(&p->mem);
	if (p->failed.n)
		return err_set(e, ERR_PROTO, "the archive cannot be read: %.*s", SFMT(p->failed));
	if (import_reader_next(&p->r, &type, &c, e) < 0)
		return -1;
	if (type == WIRE_FAILED)
		return err_set(e, ERR_PROTO, "the archive cannot be read: %.*s",
			SFMT(slice_first(cur_str(&c), 200)));
	if (type == WIRE_DONE)
		return 0;
	p->kind = (enum wire_kind)cur_u8(&c);
	p->mtime = (int64_t)cur_u64(&c);
	slice name = without_root(slice_first(cur_str(&c), IMPORT_NAME_MAX));
	if (type != WIRE_ENTRY || !cur_ok(&c) || p->mtime < 0 || p->mtime > WIRE_TIME_MAX)
		return err_set(e, ERR_PROTO, "the archive's reader says what makes no sense");
	if (++p->entries > IMPORT_ENTRIES_MAX)
		return err_set(
			e, ERR_LIMIT, "more than %d files in an archive", IMPORT_ENTRIES_MAX);
	p->name = arena_dup(
		&p->mem, slice_starts(name, p->prefix) ? slice_skip(name, p->prefix.n) : name);
	p->state = UNASKED;
	return 1;
}

static int each(struct packed *p, enum import_container kind, struct prefix *x, struct err *e)
{
	int r = import_reader_open(&p->r, p->f, kind, p->fd, e);
	p->entries = 0;
	while (r == 0 && (r = next_entry(p, e)) > 0) {
		r = 0;
		if (kind == IMPORT_ARCHIVE_NAMES) {
			look_for_prefix(p, x);
			continue;
		}
		r = take_entry(p, kind == IMPORT_ARCHIVE_NOTES, e);
		if (r == 0)
			r = pass_over(p, e);
	}
	import_reader_close(&p->r);
	p->failed = S("");
	return r;
}

/* Somewhere behind its beginning. */
static bool is_damaged(const struct packed *p, int r, const struct err *e)
{
	return r < 0 && e->kind == ERR_PROTO && p->entries > 0;
}

int import_archive(struct import_files *f, int fd, struct err *e)
{
	struct packed p = {.f = f, .fd = fd};
	struct prefix x = {.one = true};
	f->keep_twins = true; /* folders may come in any order */
	int r = each(&p, IMPORT_ARCHIVE_NAMES, &x, e);
	if (is_damaged(&p, r, e))
		r = 0;
	else if (r == 0 && !p.entries)
		r = err_set(e, ERR_PROTO, "there is no file in the archive");
	if (x.one && x.root)
		p.prefix = x.common;
	if (r == 0) {
		r = each(&p, IMPORT_ARCHIVE_NOTES, NULL, e);
		if (r < 0 && e->kind == ERR_PROTO)
			r = 0; /* the next round says so */
	}
	if (r == 0)
		r = import_told_folders(f, e);
	if (r == 0)
		r = each(&p, IMPORT_ARCHIVE_FILES, NULL, e);
	/* Of a damaged one what could be read stays. */
	struct err later;
	if (r < 0 && (e->kind == ERR_PROTO || e->kind == ERR_LIMIT) && import_leave(f, &later) < 0)
		*e = later;
	arena_done(&p.mem);
	return r;
}
