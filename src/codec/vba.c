/*
 * Macros (vba.h): the compression of MS-OVBA 2.4.1, and words of the source that say what it does.
 * Called by ole.c. Where the source begins in a module's stream is found by its first words, which
 * the format prescribes (2.3.4.3), so that a broken list of modules hides nothing.
 *
 * Honest macros create objects and start programs, too: one strong word or several weak ones count.
 */
#include "codec/vba.h"

enum { CHUNK = 4096, WEAK_ENOUGH = 3, CHR_ENOUGH = 30 };

/* ---- MS-OVBA 2.4.1.3 ---- */

/* How many bits of a copy token are the offset's (2.4.1.3.19.1). */
static unsigned offset_bits(size_t done)
{
	unsigned bits = 4;
	while ((size_t)1 << bits < done)
		bits++;
	return bits;
}

static bool copy(struct buf *out, size_t chunk, unsigned token)
{
	unsigned bits = offset_bits(out->n - chunk);
	size_t length = (token & (0xffffu >> bits)) + 3, offset = (token >> (16 - bits)) + 1;
	if (offset > out->n - chunk)
		return false;
	for (size_t i = 0; i < length && out->n - chunk < CHUNK; i++) {
		char c = out->p[out->n - offset];
		buf_byte(out, c);
		if (!buf_ok(out))
			return false;
	}
	return true;
}

static bool expand_chunk(slice in, struct buf *out)
{
	size_t chunk = out->n;
	for (size_t i = 0; i < in.n && buf_ok(out);) {
		unsigned flags = (unsigned char)in.p[i++];
		for (unsigned bit = 0; bit < 8 && i < in.n; bit++) {
			if (!(flags >> bit & 1)) {
				buf_byte(out, in.p[i++]);
				continue;
			}
			if (i + 2 > in.n)
				return false;
			unsigned token =
				(unsigned char)in.p[i] | (unsigned)(unsigned char)in.p[i + 1] << 8;
			i += 2;
			if (!copy(out, chunk, token))
				return false;
		}
	}
	return buf_ok(out);
}

static void expand(slice in, struct buf *out)
{
	in = slice_skip(in, 1); /* the signature byte */
	while (in.n > 2) {
		unsigned head = (unsigned char)in.p[0] | (unsigned)(unsigned char)in.p[1] << 8;
		size_t n = (head & 0xfff) + 3;
		slice body = slice_skip(slice_first(in, n), 2);
		if (!(head & 0x8000))
			buf_put(out, body);
		else if (!expand_chunk(body, out))
			return;
		in = slice_skip(in, n);
	}
}

bool vba_source(slice stream, struct buf *out)
{
	/* 01, a chunk's head of two bytes, a flag byte 00, eight plain letters. */
	static const slice first = S_INIT("\0Attribut");
	for (slice s = stream; s.n > 3;) {
		size_t at = slice_find(s, first);
		if (at >= s.n)
			return false;
		if (at >= 3 && s.p[at - 3] == 1) {
			expand(slice_skip(s, at - 3), out);
			return true;
		}
		s = slice_skip(s, at + first.n);
	}
	return false;
}

/* ---- words ---- */

enum strength { AUTORUN, STRONG, WEAK };

static const struct {
	slice word;
	enum strength strength;
} words[] = {
	{S_INIT("autoopen"), AUTORUN},
	{S_INIT("auto_open"), AUTORUN},
	{S_INIT("autoexec"), AUTORUN},
	{S_INIT("autoclose"), AUTORUN},
	{S_INIT("auto_close"), AUTORUN},
	{S_INIT("autonew"), AUTORUN},
	{S_INIT("document_open"), AUTORUN},
	{S_INIT("document_close"), AUTORUN},
	{S_INIT("document_new"), AUTORUN},
	{S_INIT("workbook_open"), AUTORUN},
	{S_INIT("workbook_activate"), AUTORUN},
	{S_INIT("workbook_beforeclose"), AUTORUN},
	{S_INIT("workbook_close"), AUTORUN},
	{S_INIT("_painted"), AUTORUN},
	{S_INIT("_mousehover"), AUTORUN},
	{S_INIT("_layout("), AUTORUN},
	{S_INIT("presentation_open"), AUTORUN},
	{S_INIT("urldownloadtofile"), STRONG},
	{S_INIT("powershell"), STRONG},
	{S_INIT("wscript.shell"), STRONG},
	{S_INIT("shell.application"), STRONG},
	{S_INIT("shellexecute"), STRONG},
	{S_INIT("shell("), STRONG},
	{S_INIT("shell \""), STRONG},
	{S_INIT("shell$("), STRONG},
	{S_INIT("adodb.stream"), STRONG},
	{S_INIT("xmlhttp"), STRONG},
	{S_INIT("winhttp"), STRONG},
	{S_INIT("winmgmts"), STRONG},
	{S_INIT("win32_process"), STRONG},
	{S_INIT("virtualalloc"), STRONG},
	{S_INIT("createthread"), STRONG},
	{S_INIT("rtlmovememory"), WEAK},
	{S_INIT("mshta"), STRONG},
	{S_INIT("regsvr32"), STRONG},
	{S_INIT("rundll32"), STRONG},
	{S_INIT("certutil"), STRONG},
	{S_INIT("bitsadmin"), STRONG},
	{S_INIT("cmd.exe"), STRONG},
	{S_INIT("cmd /c"), STRONG},
	{S_INIT("executeexcel4macro"), STRONG},
	{S_INIT("createobject"), WEAK},
	{S_INIT("getobject"), WEAK},
	{S_INIT("callbyname"), WEAK},
	{S_INIT("strreverse"), WEAK},
	{S_INIT("environ"), WEAK},
	{S_INIT("savetofile"), WEAK},
	{S_INIT(".responsebody"), WEAK},
	{S_INIT("frombase64"), WEAK},
	{S_INIT("xor"), WEAK},
};
enum { WORDS = sizeof words / sizeof *words };

/* Starts at every byte: the table is short and most words begin rarely. */
static void look(slice s, bool seen[WORDS], size_t *ret_chr)
{
	bool starts[256] = {false};
	for (size_t k = 0; k < WORDS; k++)
		starts[(unsigned char)words[k].word.p[0]] = true;
	*ret_chr = 0;
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)ascii_lower(s.p[i]);
		if (c == 'c')
			*ret_chr += slice_istarts(slice_skip(s, i), S("chr")) && i + 3 < s.n &&
				    strchr("($wWbB", s.p[i + 3]) != NULL;
		if (!starts[c])
			continue;
		for (size_t k = 0; k < WORDS; k++)
			if (!seen[k] && slice_istarts(slice_skip(s, i), words[k].word))
				seen[k] = true;
	}
}

void vba_words(slice source, const struct extract *x)
{
	bool seen[WORDS] = {false};
	size_t chr;
	unsigned weak = 0;
	look(source, seen, &chr);
	for (size_t k = 0; k < WORDS; k++) {
		if (seen[k] && words[k].strength == AUTORUN)
			x->fact(x->ctx, EXTRACT_AUTORUN, words[k].word);
		else if (seen[k] && words[k].strength == STRONG)
			x->fact(x->ctx, EXTRACT_SUSPICIOUS_MACRO, words[k].word);
		else if (seen[k])
			weak++;
	}
	if (weak + (chr >= CHR_ENOUGH) >= WEAK_ENOUGH)
		x->fact(x->ctx, EXTRACT_SUSPICIOUS_MACRO, S("obfuscated"));
}
