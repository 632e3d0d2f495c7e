/*
 * Names in Maildirs (maildir.h). Directories: modified UTF-7 (RFC 3501 5.1.3) between dots, as Courier and Dovecot have them, and a dot inside a name as
 * "\2e", as Dovecot's listescape writes it. Elsewhere: UTF-8, with percent signs for what some file system refuses.
 */
#include "codec/maildir.h"

#include "base/hash.h"
#include "base/hex.h"
#include "base/mem.h"
#include "base/time.h"
#include "base/utf8.h"
#include "codec/mutf7.h"

#define OWN ".posthouse"

/* ---- files ---- */

/* Where ":2," stands; some file systems have no colon. */
static size_t find_info(slice name)
{
	for (size_t i = name.n; i-- > 0;) {
		slice rest = slice_skip(name, i);
		if ((name.p[i] == ':' || name.p[i] == ';' || name.p[i] == '!') &&
			(slice_starts(slice_skip(rest, 1), S("2,")) ||
				slice_starts(slice_skip(rest, 1), S("1,"))))
			return i;
	}
	return name.n;
}

static void read_info(slice info, struct maildir_file *f)
{
	static const char letters[] = "SRFTDP";
	for (size_t i = 0; i < info.n; i++) {
		const char *at = info.p[i] ? strchr(letters, info.p[i]) : NULL;
		if (at)
			f->flags |= 1u << (at - letters);
		else if (info.p[i] >= 'a' && info.p[i] <= 'z')
			f->words |= UINT32_C(1) << (info.p[i] - 'a');
	}
}

/* "1795378621.M000123U17V3.posthouse" */
static int64_t own_time(slice unique)
{
	slice seconds, micros, rest = unique;
	uint64_t s, u;
	if (!slice_ends(unique, S(OWN)) || !slice_cut(&rest, '.', &seconds) ||
		!slice_cut(&rest, 'U', &micros) || !slice_starts(micros, S("M")) ||
		!slice_u64(seconds, &s) || !slice_u64(slice_skip(micros, 1), &u) || u >= SECOND ||
		s > INT64_MAX / SECOND - 1)
		return 0;
	return (int64_t)(s * SECOND + u);
}

bool maildir_file(slice name, struct maildir_file *ret)
{
	struct maildir_file f = {0};
	if (name.n == 0 || name.p[0] == '.')
		return false;
	size_t at = find_info(name);
	slice unique = slice_first(name, at), rest, part;
	if (slice_starts(slice_skip(name, at + 1), S("2,")))
		read_info(slice_skip(name, at + 3), &f);
	rest = unique;
	slice_cut(&rest, ',', &f.unique);
	while (rest.p && slice_cut(&rest, ',', &part))
		if (slice_starts(part, S("S=")))
			slice_u64(slice_skip(part, 2), &f.size);
	f.at = own_time(f.unique);
	if (f.unique.n == 0)
		return false;
	*ret = f;
	return true;
}

void maildir_put_info(struct buf *out, unsigned flags, uint32_t words)
{
	static const struct {
		char letter;
		unsigned flag;
	} table[] = {{'D', MAILDIR_DRAFT}, {'F', MAILDIR_FLAGGED}, {'P', MAILDIR_PASSED},
		{'R', MAILDIR_ANSWERED}, {'S', MAILDIR_SEEN}, {'T', MAILDIR_DELETED}};
	buf_put(out, S(":2,"));
	for (size_t i = 0; i < sizeof table / sizeof *table; i++)
		if (flags & table[i].flag)
			buf_byte(out, table[i].letter);
	for (unsigned i = 0; i < MAILDIR_WORDS; i++)
		if (words & UINT32_C(1) << i)
			buf_byte(out, (char)('a' + i));
}

bool maildir_word(slice line, unsigned *ret_n, slice *ret_word)
{
	slice number;
	uint64_t n;
	line = slice_trim(line);
	if (!slice_cut(&line, ' ', &number) || !line.p || !slice_u64(number, &n) ||
		n >= MAILDIR_WORDS || slice_trim(line).n == 0)
		return false;
	*ret_n = (unsigned)n;
	*ret_word = slice_trim(line);
	return true;
}

/* ---- folders ---- */

/* "\2e" as "."; what would be two levels stays one. */
static void unescape(slice s, struct buf *out)
{
	for (size_t i = 0; i < s.n; i++) {
		uint64_t c;
		if (s.p[i] == '\\' && i + 2 < s.n && hex_u64(slice_of(s.p + i + 1, 2), &c) && c) {
			buf_byte(out, c == '/' ? '_' : (char)c);
			i += 2;
		} else {
			buf_byte(out, s.p[i] == '/' ? '_' : s.p[i]);
		}
	}
}

static void put_level(slice level, struct buf *out)
{
	AUTO(buf) struct buf text = BUF(4096);
	AUTO(buf) struct buf plain = BUF(4096);
	unescape(level, &plain);
	if (!mutf7_decode(buf_slice(&plain), &text)) {
		buf_reset(&text);
		utf8_scrub(&text, buf_slice(&plain));
	}
	for (size_t i = 0; i < text.n; i++)
		buf_byte(out, text.p[i] == '/' ? '_' : text.p[i]);
}

slice maildir_folder(slice name, char separator, struct arena *a)
{
	AUTO(buf) struct buf out = BUF(64 * 1024);
	slice level;
	while (slice_cut(&name, separator, &level)) {
		if (!level.n)
			continue;
		if (out.n)
			buf_byte(&out, '/');
		put_level(level, &out);
	}
	return arena_dup(a, buf_slice(&out));
}

/* A name that is too long: its start and a mark of all of it. */
static void cut_to(struct buf *out, size_t from, slice whole, size_t most)
{
	if (out->n - from <= most)
		return;
	slice keep = utf8_first(slice_of(out->p + from, out->n - from), most - 10);
	out->n = from + keep.n;
	buf_printf(out, "~%08x", crc32c(0, whole));
}

void maildir_put_folder(struct buf *out, slice path)
{
	size_t from = out->n;
	slice level, rest = path;
	while (slice_cut(&rest, '/', &level)) {
		AUTO(buf) struct buf one = BUF(64 * 1024);
		mutf7_encode(level, &one);
		buf_byte(out, '.');
		for (size_t i = 0; i < one.n; i++)
			if (one.p[i] == '.' || one.p[i] == '\\' || one.p[i] == '/')
				buf_printf(out, "\\%02x", (unsigned char)one.p[i]);
			else
				buf_byte(out, one.p[i]);
	}
	cut_to(out, from, path, MAILDIR_LEVEL_MAX);
}

static bool is_safe(unsigned char c, bool first)
{
	return c >= ' ' && c != 0x7f && !strchr("%\\:*?\"<>|/", c) && !(first && c == '.');
}

void maildir_put_path(struct buf *out, slice path)
{
	slice level, rest = path;
	bool more = false;
	while (slice_cut(&rest, '/', &level)) {
		if (more)
			buf_byte(out, '/');
		more = true;
		size_t from = out->n;
		for (size_t i = 0; i < level.n; i++) {
			bool last = i + 1 == level.n && (level.p[i] == '.' || level.p[i] == ' ');
			if (is_safe((unsigned char)level.p[i], i == 0) && !last)
				buf_byte(out, level.p[i]);
			else
				buf_printf(out, "%%%02X", (unsigned char)level.p[i]);
		}
		cut_to(out, from, level, MAILDIR_LEVEL_MAX);
	}
}
