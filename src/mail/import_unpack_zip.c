/*
 * Archives, in the process that may do nothing else (import_unpack.h): zip, tar, 7z and what else libarchive knows. Names that do not say their charset are
 * read as what they look like all together: Chinese zips are in GBK. Nothing is ever written to a disk by a name from inside.
 */
#include "base/mem.h"
#include "base/time.h"
#include "base/utf8.h"
#include "codec/charset.h"
#include "mail/import_file.h"
#include "mail/import_unpack.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdio.h>

enum { NAMES_LOOKED_AT = 16 * 1024 };

struct opened {
	struct import_unpack *u;
	struct archive *a;
	struct archive_entry *e;
	char *block;
	uint64_t at, out, entries;
	char charset[CHARSET_NAME_MAX + 1]; /* of names that are no UTF-8; empty: each is guessed */
};

/* ---- the file, for libarchive ---- */

static la_ssize_t get_bytes(struct archive *a, void *arg, const void **ret)
{
	struct opened *o = arg;
	import_alive(o->u);
	ssize_t n = pread(o->u->file, o->block, WIRE_BYTES_MAX, (off_t)o->at);
	if (n < 0) {
		archive_set_error(a, errno, "the file cannot be read");
		return -1;
	}
	o->at += (uint64_t)n;
	*ret = o->block;
	return n;
}

static la_int64_t skip_bytes(struct archive *a, void *arg, la_int64_t n)
{
	struct opened *o = arg;
	(void)a;
	if (n < 0 || (uint64_t)n > o->u->size || o->at > o->u->size - (uint64_t)n)
		return 0;
	o->at += (uint64_t)n;
	return n;
}

static la_int64_t seek_to(struct archive *a, void *arg, la_int64_t n, int whence)
{
	struct opened *o = arg;
	int64_t base = whence == SEEK_SET   ? 0
		       : whence == SEEK_CUR ? (int64_t)o->at
					    : (int64_t)o->u->size;
	(void)a;
	if (n < -base || n > (int64_t)1 << 60)
		return ARCHIVE_FATAL;
	o->at = (uint64_t)(base + n);
	return base + n;
}

static int open_archive(struct opened *o)
{
	o->at = 0;
	o->a = archive_read_new();
	if (!o->a || archive_read_support_filter_all(o->a) < ARCHIVE_WARN ||
		archive_read_support_format_all(o->a) < ARCHIVE_WARN)
		return ARCHIVE_FATAL;
	archive_read_set_callback_data(o->a, o);
	archive_read_set_read_callback(o->a, get_bytes);
	archive_read_set_skip_callback(o->a, skip_bytes);
	archive_read_set_seek_callback(o->a, seek_to);
	return archive_read_open1(o->a);
}

/* ---- names ---- */

/* As they are stored: without a locale libarchive turns no charset into another one. */
static slice raw_name(const struct opened *o)
{
	const char *z = archive_entry_pathname(o->e);
	return slice_z(z ? z : archive_entry_pathname_utf8(o->e));
}

static bool is_zip(const struct opened *o)
{
	return (archive_format(o->a) & ARCHIVE_FORMAT_BASE_MASK) == ARCHIVE_FORMAT_ZIP;
}

/* All names of a zip that are no UTF-8 tell together what they are. Other archives are not read once more for it. */
static void guess_names(struct opened *o)
{
	AUTO(buf) struct buf all = BUF(NAMES_LOOKED_AT);
	int r;
	while (buf_ok(&all) && (r = archive_read_next_header(o->a, &o->e)) >= ARCHIVE_WARN &&
		r != ARCHIVE_EOF && is_zip(o) && o->entries++ < IMPORT_ENTRIES_MAX) {
		slice name = raw_name(o);
		if (utf8_valid(name))
			continue;
		buf_put(&all, slice_first(name, NAMES_LOOKED_AT / 4));
		buf_byte(&all, '\n');
	}
	o->entries = 0;
	if (all.n)
		snprintf(o->charset, sizeof o->charset, "%.*s",
			SFMT(charset_guess_names(buf_slice(&all))));
}

static slice name_of(const struct opened *o, struct arena *a)
{
	AUTO(buf) struct buf out = BUF(4 * IMPORT_NAME_MAX);
	slice s = slice_first(raw_name(o), IMPORT_NAME_MAX);
	if (utf8_valid(s))
		return s;
	if (!charset_to_utf8(o->charset[0] ? slice_z(o->charset) : charset_guess_names(s), s, &out))
		return s;
	return arena_dup(a, slice_first(buf_slice(&out), IMPORT_NAME_MAX));
}

static bool is_note(slice name)
{
	static const slice v[] = {S_INIT(IMPORT_FOLDERS_CSV), S_INIT(IMPORT_MESSAGES_CSV),
		S_INIT("dovecot-keywords"), S_INIT("subscriptions")};
	size_t at = slice_rindex(name, '/');
	slice file = at < name.n ? slice_skip(name, at + 1) : name;
	for (size_t i = 0; i < sizeof v / sizeof *v; i++)
		if (slice_eq(file, v[i]))
			return true;
	return false;
}

/* ---- bytes ---- */

static const char *error_of(const struct opened *o)
{
	const char *text = o->a ? archive_error_string(o->a) : NULL;
	return text ? text : "no known format";
}

/* What comes out of filters counts, too: what is passed over was unpacked all the same. */
static bool is_bomb(const struct opened *o)
{
	uint64_t most = import_unpack_most(o->u->size);
	la_int64_t filtered = archive_filter_bytes(o->a, 0);
	return o->out > most || (filtered > 0 && (uint64_t)filtered > most);
}

/* A whole block unless the file ends. -1: it cannot be read. */
static ssize_t get_block(struct opened *o, char *room)
{
	size_t n = 0;
	while (n < WIRE_BYTES_MAX) {
		la_ssize_t got = archive_read_data(o->a, room + n, WIRE_BYTES_MAX - n);
		if (got < 0)
			return n ? (ssize_t)n : -1;
		if (got == 0)
			break;
		n += (size_t)got;
		import_alive(o->u);
	}
	o->out += n;
	return (ssize_t)n;
}

static void say_bad(struct opened *o)
{
	bool locked = archive_entry_is_encrypted(o->e);
	import_say_text(
		o->u, WIRE_BAD, S(""), locked ? S("it needs a password") : slice_z(error_of(o)));
}

/* False: nothing more. */
static bool give_file(struct opened *o, enum wire_answer wanted, char *room)
{
	uint64_t most = wanted == WIRE_LETTER ? o->u->max_message + 1 : UINT64_MAX, given = 0;
	for (bool first = true;; first = false) {
		ssize_t n = get_block(o, room);
		if (n < 0) {
			say_bad(o);
			return true;
		}
		if (is_bomb(o)) {
			import_say_text(
				o->u, WIRE_FAILED, S("it unpacks to far more than it is"), S(""));
			return false;
		}
		import_say(o->u, WIRE_BYTES, slice_of(room, (size_t)n));
		given += (uint64_t)n;
		if (n < WIRE_BYTES_MAX || given >= most)
			break;
		if (first && import_ask(o->u) == WIRE_NO)
			break;
	}
	import_say(o->u, WIRE_END, S(""));
	return true;
}

/* ---- entries ---- */

static enum wire_kind kind_of(const struct opened *o)
{
	unsigned type = archive_entry_filetype(o->e);
	return type == AE_IFDIR            ? WIRE_IS_DIR
	       : type == AE_IFREG || !type ? WIRE_IS_FILE
					   : WIRE_IS_OTHER;
}

static void say_entry(struct opened *o, slice name)
{
	AUTO(buf) struct buf b = BUF(WIRE_FRAME_MAX);
	int64_t at = archive_entry_mtime_is_set(o->e) ? archive_entry_mtime(o->e) : 0;
	if (at < 0 || at > WIRE_TIME_MAX / SECOND)
		at = 0;
	buf_u8(&b, (uint8_t)kind_of(o));
	buf_u64(&b, (uint64_t)(at * SECOND));
	buf_str(&b, name);
	import_say(o->u, WIRE_ENTRY, buf_slice(&b));
}

static bool one_entry(struct opened *o, char *room)
{
	AUTO(arena) struct arena a = {0};
	slice name = name_of(o, &a);
	if (o->u->kind == IMPORT_ARCHIVE_NOTES && !is_note(name))
		return true;
	if (o->u->kind != IMPORT_ARCHIVE_NAMES && kind_of(o) != WIRE_IS_FILE)
		return true;
	say_entry(o, name);
	if (o->u->kind == IMPORT_ARCHIVE_NAMES)
		return true;
	enum wire_answer wanted = import_ask(o->u);
	return wanted == WIRE_NO || give_file(o, wanted, room);
}

static void each_entry(struct opened *o, char *room)
{
	int r;
	while ((r = archive_read_next_header(o->a, &o->e)) >= ARCHIVE_WARN && r != ARCHIVE_EOF) {
		if (++o->entries > IMPORT_ENTRIES_MAX) {
			import_say_text(
				o->u, WIRE_FAILED, S("there are too many files in it"), S(""));
			return;
		}
		if (is_bomb(o)) {
			import_say_text(
				o->u, WIRE_FAILED, S("it unpacks to far more than it is"), S(""));
			return;
		}
		if (!one_entry(o, room))
			return;
	}
	if (r == ARCHIVE_EOF)
		import_say_text(o->u, WIRE_DONE, S(""), S(""));
	else
		import_say_text(o->u, WIRE_FAILED, slice_z(error_of(o)), S(""));
}

void import_unpack_archive(struct import_unpack *u)
{
	struct opened o = {.u = u, .block = mem_alloc(WIRE_BYTES_MAX)};
	AUTO(free) char *room = mem_alloc(WIRE_BYTES_MAX);
	if (open_archive(&o) >= ARCHIVE_WARN)
		guess_names(&o);
	archive_read_free(o.a);
	if (open_archive(&o) < ARCHIVE_WARN)
		import_say_text(u, WIRE_FAILED, slice_z(error_of(&o)), S(""));
	else
		each_entry(&o, room);
	archive_read_free(o.a);
	free(o.block);
}
