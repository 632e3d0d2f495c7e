/*
 * Compressed RTF (MS-OXRTFCP 2.1, 3.2): LZ77 with a dictionary of 4096 bytes that begins with
 * common RTF words. Called by the readers of winmail.dat and of Outlook's messages. The checksum is
 * not looked at.
 */
#include "codec/rtfcp.h"

#include "base/mem.h"

enum { DICTIONARY = 4096, COMPRESSED = 0x75465a4c, PLAIN = 0x414c454d };

static const slice beginning = S_INIT(
	"{\\rtf1\\ansi\\mac\\deff0\\deftab720{\\fonttbl;}{\\f0\\fnil \\froman \\fswiss \\fmodern "
	"\\fscript \\fdecor MS Sans SerifSymbolArialTimes New RomanCourier{\\colortbl\\red0\\green0"
	"\\blue0\r\n\\par \\pard\\plain\\f0\\fs20\\b\\i\\u\\tab\\tx");

struct expanding {
	char *dictionary;
	size_t write;
	struct buf *out;
};

static char *at(struct expanding *e, size_t i)
{
	return &e->dictionary[i % DICTIONARY];
}

static uint32_t le32(slice s, size_t i)
{
	const unsigned char *p = (const unsigned char *)slice_skip(s, i).p;
	if (i >= s.n || s.n - i < 4)
		return 0;
	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static void emit(struct expanding *e, char c)
{
	buf_byte(e->out, c);
	*at(e, e->write++) = c;
}

/* A reference of two bytes: offset of 12 bits, length of 4. False: the end mark. */
static bool copy(struct expanding *e, unsigned reference)
{
	size_t from = reference >> 4, n = (reference & 15) + 2;
	if (from == e->write % DICTIONARY)
		return false;
	for (size_t i = 0; i < n; i++)
		emit(e, *at(e, from + i));
	return true;
}

static bool expand(struct expanding *e, slice in)
{
	for (size_t i = 0; i < in.n && buf_ok(e->out);) {
		unsigned control = (unsigned char)in.p[i++];
		for (unsigned bit = 0; bit < 8 && i < in.n; bit++) {
			if (!(control >> bit & 1)) {
				emit(e, in.p[i++]);
				continue;
			}
			if (i + 2 > in.n)
				return false;
			unsigned r =
				(unsigned)(unsigned char)in.p[i] << 8 | (unsigned char)in.p[i + 1];
			i += 2;
			if (!copy(e, r))
				return true;
		}
	}
	return false;
}

bool rtfcp_undo(slice in, struct buf *out)
{
	slice body = slice_skip(in, 16);
	if (le32(in, 8) == PLAIN) {
		buf_put(out, slice_first(body, le32(in, 4)));
		return buf_ok(out);
	}
	if (le32(in, 8) != COMPRESSED)
		return false;
	AUTO(free) char *dictionary = mem_alloc(DICTIONARY);
	struct expanding e = {dictionary, beginning.n, out};
	memcpy(dictionary, beginning.p, beginning.n);
	return expand(&e, body) && buf_ok(out);
}
