/*
 * Shortcuts (shortcut.h): what a click on them starts. Called by the reader of attachments.
 *
 * Of .lnk files (MS-SHLLINK 2.1-2.4): the relative path, the arguments, where the icon is, the
 * local path. Those that start an interpreter of commands are said to be launchers. Item lists are
 * not resolved; their ASCII and UTF-16 names are looked through for programs.
 */
#include "codec/shortcut.h"

#include "base/buf.h"
#include "base/mem.h"
#include "codec/charset.h"

enum {
	TEXT_MAX = 64 * 1024,
	STRING_MAX = 4096,
	HEADER = 76,
	/* LinkFlags */
	HAS_IDLIST = 1,
	HAS_INFO = 2,
	HAS_NAME = 4,
	HAS_PATH = 8,
	HAS_DIR = 16,
	HAS_ARGUMENTS = 32,
	HAS_ICON = 64,
	IS_UNICODE = 128,
};

static unsigned le16(slice s, size_t at)
{
	slice v = slice_skip(s, at);
	if (v.n < 2)
		return 0;
	return (unsigned char)v.p[0] | (unsigned)(unsigned char)v.p[1] << 8;
}

static uint32_t le32(slice s, size_t at)
{
	return le16(s, at) | (uint32_t)le16(s, at + 2) << 16;
}

static bool ifind(slice s, slice word)
{
	for (size_t i = 0; i + word.n <= s.n; i++)
		if (ascii_lower(s.p[i]) == word.p[0] && slice_istarts(slice_skip(s, i), word))
			return true;
	return false;
}

/* Programs that run what their arguments say. */
static void interpreters(slice s, const struct extract *x)
{
	static const slice v[] = {S_INIT("powershell"), S_INIT("pwsh"), S_INIT("cmd.exe"),
		S_INIT("mshta"), S_INIT("wscript"), S_INIT("cscript"), S_INIT("rundll32"),
		S_INIT("regsvr32"), S_INIT("msiexec"), S_INIT("certutil"), S_INIT("bitsadmin"),
		S_INIT("curl"), S_INIT("conhost"), S_INIT("forfiles"), S_INIT("explorer.exe"),
		S_INIT("ssh.exe"), S_INIT("%comspec%")};
	for (size_t i = 0; i < sizeof v / sizeof *v; i++)
		if (ifind(s, v[i]))
			x->fact(x->ctx, EXTRACT_LAUNCH, v[i]);
}

/* ---- MS-SHLLINK ---- */

/* 2.4: count of characters, then them. Advances *at. */
static void string_data(
	slice in, size_t *at, bool wide, slice what, struct buf *space, const struct extract *x)
{
	size_t n = (size_t)le16(in, *at) * (wide ? 2 : 1);
	slice raw = slice_first(slice_skip(in, *at + 2), n < STRING_MAX ? n : STRING_MAX);
	*at += 2 + n;
	buf_reset(space);
	charset_to_utf8(wide ? S("utf-16le") : S("windows-1252"), raw, space);
	slice s = buf_slice(space);
	interpreters(s, x);
	if (slice_eq(what, S("icon")) || !s.n)
		return;
	x->text(x->ctx, s);
	x->text(x->ctx, S("\n"));
}

/* The same of a list of items: letters with or without zero bytes between. */
static void item_list(slice items, const struct extract *x)
{
	AUTO(buf) struct buf flat = BUF(STRING_MAX);
	for (size_t i = 0; i < items.n; i++)
		if (items.p[i])
			buf_byte(&flat, items.p[i]);
	interpreters(buf_slice(&flat), x);
}

static void link_read(slice in, const struct extract *x)
{
	static const struct {
		unsigned flag;
		const char *what;
	} strings[] = {{HAS_NAME, "name"}, {HAS_PATH, "path"}, {HAS_DIR, "folder"},
		{HAS_ARGUMENTS, "arguments"}, {HAS_ICON, "icon"}};
	AUTO(buf) struct buf space = BUF(4 * STRING_MAX);
	uint32_t flags = le32(in, 20);
	size_t at = HEADER;
	if (flags & HAS_IDLIST) {
		item_list(slice_first(slice_skip(in, at + 2), le16(in, at)), x);
		at += 2u + le16(in, at);
	}
	if (flags & HAS_INFO) {
		uint32_t size = le32(in, at);
		item_list(slice_first(slice_skip(in, at), size < in.n ? size : in.n), x);
		at += size < in.n ? size : in.n;
	}
	for (size_t i = 0; i < sizeof strings / sizeof *strings && at < in.n; i++)
		if (flags & strings[i].flag)
			string_data(
				in, &at, flags & IS_UNICODE, slice_z(strings[i].what), &space, x);
}

/* ---- those that are text: "URL=...", "Exec=...", <url>, addresses ---- */

static void text_line(slice line, const struct extract *x)
{
	static const slice targets[] = {S_INIT("URL="), S_INIT("BaseURL="), S_INIT("IconFile="),
		S_INIT("full address:s:"), S_INIT("http://"), S_INIT("https://")};
	for (size_t i = 0; i < sizeof targets / sizeof *targets; i++) {
		if (!slice_istarts(line, targets[i]))
			continue;
		slice target = i < 4 ? slice_skip(line, targets[i].n) : line;
		x->link(x->ctx, target, S(""));
		if (slice_istarts(target, S("file:")) || slice_starts(target, S("\\\\")))
			x->fact(x->ctx, EXTRACT_REMOTE, target);
		return;
	}
	if (slice_istarts(line, S("Exec=")) || slice_istarts(line, S("Command="))) {
		x->fact(x->ctx, EXTRACT_LAUNCH, slice_skip(line, slice_index(line, '=') + 1));
		interpreters(line, x);
	}
}

static void text_read(slice in, const struct extract *x)
{
	AUTO(buf) struct buf utf8 = BUF(2 * TEXT_MAX);
	struct charset_reading how;
	charset_read(S(""), slice_first(in, TEXT_MAX), false, &utf8, &how);
	slice rest = buf_slice(&utf8), line;
	x->text(x->ctx, rest);
	while (slice_cut(&rest, '\n', &line)) {
		line = slice_trim(line);
		text_line(line, x);
		size_t at = slice_find(line, S("<url>")); /* .library-ms and its like */
		if (at < line.n) {
			slice target = slice_skip(line, at + 5);
			target = slice_first(target, slice_index(target, '<'));
			x->link(x->ctx, target, S(""));
			x->fact(x->ctx, EXTRACT_REMOTE, target);
		}
	}
}

void shortcut_read(slice in, struct extract_limits *l, const struct extract *x)
{
	if (!extract_take(l, in.n < TEXT_MAX ? in.n : TEXT_MAX))
		x->fact(x->ctx, EXTRACT_LIMIT, S(""));
	else if (slice_starts(in, S("L\0\0\0\x01\x14\x02\0")))
		link_read(in, x);
	else
		text_read(in, x);
}
