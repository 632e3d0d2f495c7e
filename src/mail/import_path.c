/*
 * Names of folders of other systems as names here (import.h): one that can be a folder's name stays as it is; of another, what cannot be
 * is made "_", and what is too long is cut and gets a mark of its own, so that two names do not become one.
 */
#include "base/hash.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "mail/import_impl.h"

enum { MARK = 10 /* "~" and eight digits, with room */, LEVELS = MAILBOX_DEPTH_MAX - 2 };

static void put_mended(struct buf *out, slice level)
{
	uint32_t cp;
	while (utf8_next(&level, &cp)) {
		bool control = cp < ' ' || (cp >= 0x7f && cp < 0xa0) || cp == 0x2028 ||
			       cp == 0x2029 || cp == 0xfeff || cp == UTF8_REPLACEMENT;
		utf8_put(out, control ? '_' : cp);
	}
}

static slice cut_level(slice level, size_t most, struct arena *a)
{
	if (level.n <= most)
		return level;
	slice start = utf8_first(level, most - MARK);
	return arena_printf(a, "%.*s~%08x", SFMT(start), crc32c(0, level));
}

/* Names that stand for others' mailboxes here. */
static bool is_taken(slice first)
{
	return slice_ieq(first, S("Other Users")) || slice_ieq(first, S("Shared"));
}

static slice mend(slice path, struct arena *a)
{
	AUTO(buf) struct buf out = BUF(64 * 1024);
	slice level, rest = slice_first(path, 32 * 1024);
	unsigned depth = 0;
	while (slice_cut(&rest, '/', &level)) {
		AUTO(buf) struct buf one = BUF(128 * 1024);
		put_mended(&one, level);
		if (one.n == 0)
			buf_byte(&one, '_');
		slice cut = cut_level(buf_slice(&one), MAILBOX_LEVEL_MAX / 2, a);
		if (depth)
			buf_byte(&out, depth < LEVELS ? '/' : '_');
		buf_put(&out, cut);
		if (!depth && is_taken(cut))
			buf_byte(&out, '_');
		depth++;
	}
	if (out.n <= MAILBOX_FOLDER_MAX / 2 && depth <= LEVELS)
		return arena_dup(a, buf_slice(&out));
	slice start = utf8_first(buf_slice(&out), MAILBOX_LEVEL_MAX / 2);
	if (out.n <= MAILBOX_FOLDER_MAX / 2)
		start = buf_slice(&out);
	return arena_printf(a, "%.*s~%08x", SFMT(start), crc32c(0, path));
}

slice import_path(slice path, struct arena *a)
{
	slice good, rest = path, first;
	struct err e;
	if (slice_cut(&rest, '/', &first) && !is_taken(first) &&
		mailbox_folder_name(path, a, &good, &e) == 0)
		return good;
	slice mended = mend(path, a);
	if (mailbox_folder_name(mended, a, &good, &e) == 0)
		return good;
	return arena_printf(a, "Imported ~%08x", crc32c(0, path));
}
