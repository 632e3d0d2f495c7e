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
	const struct unpack_limits *limits;
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
		if (u->total > u->limits->total)
			return UNPACK_LIMIT;
		buf_commit(&u->bytes, (size_t)n);
	}
}

static enum unpack_result one(
	struct unpacking *u, struct archive_entry *entry, unpack_file file, void *arg)
{
	const char *name = archive_entry_pathname_utf8(entry);
	if (archive_entry_filetype(entry) != AE_IFREG && archive_entry_filetype(entry) != 0)
		return UNPACK_DONE;
	if (++u->files > u->limits->files)
		return UNPACK_LIMIT;
	if (archive_entry_is_encrypted(entry)) {
		u->encrypted = true;
		return UNPACK_DONE;
	}
	enum unpack_result r = read_file(u);
	if (r == UNPACK_LIMIT)
		return r;
	slice shown = slice_z(name ? name : archive_entry_pathname(entry));
	if (!file(arg, shown, buf_slice(&u->bytes)))
		return UNPACK_STOPPED;
	return r;
}

static enum unpack_result all(struct unpacking *u, unpack_file file, void *arg)
{
	struct archive_entry *entry;
	enum unpack_result worst = UNPACK_DONE;
	for (;;) {
		int r = archive_read_next_header(u->archive, &entry);
		if (r == ARCHIVE_EOF)
			break;
		if (r < ARCHIVE_WARN)
			return u->files ? UNPACK_DAMAGED : UNPACK_NO_ARCHIVE;
		enum unpack_result got = one(u, entry, file, arg);
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

enum unpack_result unpack(slice in, const struct unpack_limits *l, unpack_file file, void *arg)
{
	struct unpacking u = {.limits = l, .archive = archive_read_new()};
	u.bytes = BUF(l->total + STEP);
	enum unpack_result r = UNPACK_NO_ARCHIVE;
	struct guard g = {file, arg, u.archive, false};
	know_filters(u.archive);
	archive_read_support_format_all(u.archive);
	archive_read_support_format_raw(u.archive);
	if (in.n && archive_read_open_memory(u.archive, in.p, in.n) == ARCHIVE_OK)
		r = all(&u, guarded, &g);
	archive_read_free(u.archive);
	buf_done(&u.bytes);
	return g.plain ? UNPACK_NO_ARCHIVE : r;
}
