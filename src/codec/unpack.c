/*
 * Archives from memory, by libarchive (unpack.h). Used by the readers of reports and of
 * attachments. One level: what is inside an archive inside is the caller's next call.
 */
#include "codec/unpack.h"

#include "base/mem.h"
#include <archive.h>
#include <archive_entry.h>

enum { STEP = 64 * 1024 };

struct unpacking {
	const struct unpack_how *how;
	unpack_file file;
	void *arg;
	struct archive *archive;
	struct buf bytes; /* of the present file */
	uint64_t total;
	unsigned files;
	bool encrypted;
};

/* The content of the present entry. */
static enum unpack_result read_file(struct unpacking *u)
{
	buf_reset(&u->bytes);
	for (;;) {
		char *room = buf_room(&u->bytes, STEP);
		if (!room)
			return UNPACK_LIMIT;
		la_ssize_t n = archive_read_data(u->archive, room, STEP);
		if (n == 0)
			return UNPACK_DONE;
		if (n < 0)
			return UNPACK_DAMAGED;
		u->total += (uint64_t)n;
		if (u->total > u->how->limits.total)
			return UNPACK_LIMIT;
		buf_commit(&u->bytes, (size_t)n);
	}
}

static void locked(struct unpacking *u, slice name)
{
	u->encrypted = true;
	if (u->how->locked)
		u->how->locked(u->arg, name);
}

static enum unpack_result one(struct unpacking *u, struct archive_entry *entry)
{
	const char *name = archive_entry_pathname_utf8(entry);
	slice shown = slice_z(name ? name : archive_entry_pathname(entry));
	bool sealed = archive_entry_is_encrypted(entry);
	if (archive_entry_filetype(entry) != AE_IFREG && archive_entry_filetype(entry) != 0)
		return UNPACK_DONE;
	if (++u->files > u->how->limits.files)
		return UNPACK_LIMIT;
	if (sealed && !u->how->npasswords) {
		locked(u, shown);
		return UNPACK_DONE;
	}
	if (u->how->want && !u->how->want(u->arg, shown))
		return UNPACK_DONE;
	enum unpack_result r = read_file(u);
	if (r == UNPACK_LIMIT)
		return r;
	if (sealed && r == UNPACK_DAMAGED) { /* a wrong password */
		locked(u, shown);
		return UNPACK_DONE;
	}
	if (sealed && u->how->opened)
		u->how->opened(u->arg, shown);
	if (!u->file(u->arg, shown, buf_slice(&u->bytes)))
		return UNPACK_STOPPED;
	return r;
}

/* What an archive was that ended in an error. */
static enum unpack_result broken(struct unpacking *u)
{
	if (archive_read_has_encrypted_entries(u->archive) > 0) { /* its list of files, too */
		locked(u, (slice){0});
		return UNPACK_ENCRYPTED;
	}
	return u->files ? UNPACK_DAMAGED : UNPACK_NO_ARCHIVE;
}

static enum unpack_result all(struct unpacking *u)
{
	struct archive_entry *entry;
	enum unpack_result worst = UNPACK_DONE;
	for (;;) {
		int r = archive_read_next_header(u->archive, &entry);
		if (r == ARCHIVE_EOF)
			break;
		if (r < ARCHIVE_WARN)
			return broken(u);
		enum unpack_result got = one(u, entry);
		if (got == UNPACK_DAMAGED)
			worst = got;
		else if (got != UNPACK_DONE)
			return got;
	}
	return u->encrypted ? UNPACK_ENCRYPTED : worst;
}

/* A plain file is "raw" with no filter: that is no archive. */
static bool compressed(struct archive *a)
{
	return archive_format(a) != ARCHIVE_FORMAT_RAW || archive_filter_count(a) > 1;
}

struct guard {
	const struct unpack_how *how;
	unpack_file file;
	void *arg;
	struct archive *archive;
	bool plain;
};

static bool guarded(void *arg, slice name, slice bytes)
{
	struct guard *g = arg;
	g->plain = !compressed(g->archive);
	return !g->plain && g->file(g->arg, name, bytes);
}

static bool guarded_want(void *arg, slice name)
{
	struct guard *g = arg;
	return g->how->want(g->arg, name);
}

static void guarded_opened(void *arg, slice name)
{
	struct guard *g = arg;
	g->how->opened(g->arg, name);
}

static void guarded_locked(void *arg, slice name)
{
	struct guard *g = arg;
	g->how->locked(g->arg, name);
}

/* Those that libarchive undoes itself; for the others it would start programs. */
static void know_filters(struct archive *a)
{
	archive_read_support_filter_gzip(a);
	archive_read_support_filter_bzip2(a);
	archive_read_support_filter_xz(a);
	archive_read_support_filter_lzma(a);
	archive_read_support_filter_lzip(a);
	archive_read_support_filter_lz4(a);
	archive_read_support_filter_zstd(a);
	archive_read_support_filter_compress(a);
	archive_read_support_filter_uu(a);
}

static bool open_archive(struct archive *a, slice in, const struct unpack_how *how)
{
	if (how->only_zip) {
		archive_read_support_format_zip_seekable(a);
	} else {
		know_filters(a);
		archive_read_support_format_all(a);
		archive_read_support_format_raw(a);
	}
	return in.n && archive_read_open_memory(a, in.p, in.n) == ARCHIVE_OK;
}

/* Is the present entry, read to its end, whole? */
static bool reads_well(struct archive *a, uint64_t most)
{
	char room[2048];
	la_ssize_t n = 0;
	for (uint64_t total = 0; total <= most; total += (uint64_t)n) {
		n = archive_read_data(a, room, sizeof room);
		if (n <= 0)
			return n == 0;
	}
	return false;
}

static bool opens_with(slice in, const struct unpack_how *how, const char *password)
{
	struct archive *a = archive_read_new();
	struct archive_entry *entry;
	bool right = false;
	archive_read_add_passphrase(a, password);
	if (open_archive(a, in, how))
		while (archive_read_next_header(a, &entry) == ARCHIVE_OK)
			if (archive_entry_is_encrypted(entry)) {
				right = reads_well(a, how->limits.total);
				break;
			}
	archive_read_free(a);
	return right;
}

/* The right one first: of a zip's old encryption a wrong one in 256 passes, and none is tried behind it. */
static void give_passwords(struct archive *a, slice in, const struct unpack_how *how)
{
	size_t right = how->npasswords;
	for (size_t i = 0; i < how->npasswords && how->npasswords > 1 && right == how->npasswords;
		i++)
		if (opens_with(in, how, how->passwords[i]))
			right = i;
	if (right < how->npasswords)
		archive_read_add_passphrase(a, how->passwords[right]);
	for (size_t i = 0; i < how->npasswords; i++)
		if (i != right)
			archive_read_add_passphrase(a, how->passwords[i]);
}

enum unpack_result unpack_with(slice in, const struct unpack_how *how, unpack_file file, void *arg)
{
	struct archive *a = archive_read_new();
	struct guard g = {how, file, arg, a, false};
	struct unpack_how guarded_how = *how;
	struct unpacking u = {.how = &guarded_how, .file = guarded, .arg = &g, .archive = a};
	guarded_how.want = how->want ? guarded_want : NULL;
	guarded_how.opened = how->opened ? guarded_opened : NULL;
	guarded_how.locked = how->locked ? guarded_locked : NULL;
	u.bytes = BUF(how->limits.total + STEP);
	enum unpack_result r = UNPACK_NO_ARCHIVE;
	give_passwords(a, in, how);
	if (open_archive(a, in, how))
		r = all(&u);
	archive_read_free(a);
	buf_done(&u.bytes);
	if (how->ret_spent)
		*how->ret_spent = u.total;
	return g.plain ? UNPACK_NO_ARCHIVE : r;
}

enum unpack_result unpack(slice in, const struct unpack_limits *l, unpack_file file, void *arg)
{
	return unpack_with(in, &(struct unpack_how){.limits = *l}, file, arg);
}
