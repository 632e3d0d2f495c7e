/*
 * The true kind of a file (filetype.h): marks at fixed places, names inside zip files, the first
 * words of text. What several programs read in different ways is named by what a mail client's user
 * would open it with.
 *
 * Compound files (OLE) are told apart by the names in their directory, without following chains:
 * codec/ole.h reads them truly.
 */
#include "codec/filetype.h"

#include "base/utf8.h"

enum {
	LOOK = 2048, /* bytes of text that are looked at */
	MARK_FAR = 1024, /* how far into a file marks with preambles may stand: %PDF, %!PS */
	OLE_LOOK = 256 * 1024, /* bytes of a compound file in which its directory is sought */
	ZIP_NAMES = 400, /* entries of a zip file that are looked at */
	BINARY_SHARE = 10, /* one control character in so many bytes is no text any more */
};

struct mark {
	unsigned short at, n;
	enum filetype type;
	const char *bytes;
};

#define M(at, lit, type)                                                                           \
	{                                                                                          \
		at, sizeof(lit) - 1, FILETYPE_##type, lit                                          \
	}
/* clang-format off */
static const struct mark marks[] = {
	M(0, "\x7f" "ELF", ELF), M(0, "\xfe\xed\xfa\xce", MACHO), M(0, "\xfe\xed\xfa\xcf", MACHO), M(0, "\xce\xfa\xed\xfe", MACHO), M(0, "\xcf\xfa\xed\xfe", MACHO),
	M(0, "dex\n03", DEX), M(0, "!<arch>\ndebian-binary", DEB), M(0, "\xed\xab\xee\xdb", RPM), M(0, "xar!", PKG),
	M(0, "FasdUAS", APPLESCRIPT),
	M(0, "L\0\0\0\x01\x14\x02\0\0\0\0\0\xc0\0\0\0\0\0\0F", LNK),
	M(0, "7z\xbc\xaf\x27\x1c", 7Z), M(0, "Rar!\x1a\x07", RAR), M(0, "\x1f\x8b\x08", GZIP), M(0, "BZh", BZIP2), M(0, "\xfd" "7zXZ\0", XZ), M(0, "LZIP", LZIP),
	M(0, "\x04\x22\x4d\x18", LZ4), M(0, "\x28\xb5\x2f\xfd", ZSTD), M(0, "\x1f\x9d", COMPRESS), M(0, "\x1f\xa0", COMPRESS), M(257, "ustar", TAR), M(0, "070701", CPIO), M(0, "070707", CPIO),
	M(0, "!<arch>\n", AR), M(0, "MSCF", CAB), M(0, "MSWIM\0\0\0", WIM), M(0, "\x60\xea", ARJ), M(7, "**ACE**", ACE), M(0, "ALZ\x01", ALZ), M(0, "EGGA", EGG), M(0, "StuffIt", SIT), M(0, "SIT!", SIT),
	M(32769, "CD001", ISO), M(34817, "CD001", ISO), M(32769, "BEA01", ISO), M(0, "conectix", VHD), M(0, "vhdxfile", VHDX), M(0, "KDMV", VMDK), M(0, "# Disk DescriptorFile", VMDK),
	M(0, "{\\rt", RTF), M(0, "\xe4\x52\x5c\x7b\x8c\xd8\xa7\x4d\xae\xb1\x53\x78\xd0\x29\x96\xd3", ONENOTE), M(0, "ITSF", CHM), M(4, "Standard Jet DB", MDB), M(4, "Standard ACE DB", MDB), M(0, "\xc5\xd0\xd3\xc6", POSTSCRIPT), M(0, "AT&TFORM", DJVU), M(0, "AC10", DWG),
	M(0, "\x78\x9f\x3e\x22", TNEF),
	M(0, "\x89PNG\r\n\x1a\n", PNG), M(0, "\xff\xd8\xff", JPEG), M(0, "GIF87a", GIF), M(0, "GIF89a", GIF), M(0, "II*\0", TIFF), M(0, "MM\0*", TIFF), M(0, "P4\n", PNM), M(0, "P4 ", PNM), M(0, "P5\n", PNM), M(0, "P5 ", PNM), M(0, "P6\n", PNM), M(0, "P6 ", PNM), M(0, "\0\0\x01\0", ICO), M(0, "\0\0\x02\0", ICO),
	M(4, "ftypheic", HEIF), M(4, "ftypheix", HEIF), M(4, "ftypmif1", HEIF), M(4, "ftypavif", HEIF), M(4, "ftyp", MP4), M(4, "moov", MP4), M(0, "\0\0\0\x0cjP  ", JP2), M(0, "\0\0\0\x0cJXL ", JXL), M(0, "8BPS", PSD), M(40, " EMF", EMF), M(0, "\xd7\xcd\xc6\x9a", WMF),
	M(0, "ID3", MP3), M(0, "\xff\xfb", MP3), M(0, "\xff\xf3", MP3), M(0, "OggS", OGG), M(0, "fLaC", FLAC), M(0, "\x1a\x45\xdf\xa3", MKV), M(0, "0&\xb2u\x8e\x66\xcf\x11", ASF), M(0, "#!AMR", AMR), M(0, "MThd", MIDI),
	M(0, "OTTO\0", FONT), M(0, "\0\x01\0\0\0", FONT), M(0, "true\0", FONT), M(0, "wOFF", FONT), M(0, "wOF2", FONT), M(0, "ttcf", FONT), M(0, "SQLite format 3", SQLITE), M(0, "d8:announce", TORRENT),
	M(0, "#@~^", ENCODED), M(0, "Windows Registry Editor", REG), M(0, "REGEDIT4", REG),
	M(0, "-----BEGIN PGP MESSAGE", PGP), M(0, "-----BEGIN PGP SIGNATURE", PGP_SIGNATURE), M(0, "-----BEGIN PGP PUBLIC", PGP_KEY), M(0, "-----BEGIN CERT", CERTIFICATE), M(0, "-----BEGIN PKCS7", P7M),
	M(0, "%!PS", POSTSCRIPT), M(0, "ID;P", SLK),
};
/* clang-format on */

static bool has(slice s, size_t at, slice mark)
{
	return slice_starts(slice_skip(s, at), mark) && at < s.n;
}

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

/* ---- zip: documents and programs are told by the names inside ---- */

static const struct {
	slice name;
	bool prefix;
	enum filetype type;
} zip_names[] = {
	{S_INIT("word/vbaProject.bin"), false, FILETYPE_DOCM},
	{S_INIT("xl/vbaProject.bin"), false, FILETYPE_XLSM},
	{S_INIT("ppt/vbaProject.bin"), false, FILETYPE_PPTM},
	{S_INIT("AndroidManifest.xml"), false, FILETYPE_APK},
	{S_INIT("AppxManifest.xml"), false, FILETYPE_MSIX},
	{S_INIT("OFD.xml"), false, FILETYPE_OFD},
	{S_INIT("FixedDocSeq.fdseq"), false, FILETYPE_XPS},
	{S_INIT("FixedDocumentSequence.fdseq"), false, FILETYPE_XPS},
	{S_INIT("xl/workbook.bin"), false, FILETYPE_XLSB},
	{S_INIT("word/"), true, FILETYPE_DOCX},
	{S_INIT("xl/"), true, FILETYPE_XLSX},
	{S_INIT("ppt/"), true, FILETYPE_PPTX},
	{S_INIT("[Content_Types].xml"), false, FILETYPE_OOXML},
};
enum { ZIP_KNOWN = sizeof zip_names / sizeof *zip_names };

/* The index of the strongest name so far; macros stand first. */
static void zip_name(slice name, size_t *best)
{
	for (size_t i = 0; i < *best; i++)
		if (zip_names[i].prefix ? slice_istarts(name, zip_names[i].name)
					: slice_ieq(name, zip_names[i].name))
			*best = i;
}

static enum filetype zip_mimetype(slice in)
{
	static const struct {
		slice type;
		enum filetype is;
	} v[] = {
		{S_INIT("application/vnd.oasis.opendocument.text"), FILETYPE_ODT},
		{S_INIT("application/vnd.oasis.opendocument.spreadsheet"), FILETYPE_ODS},
		{S_INIT("application/vnd.oasis.opendocument.presentation"), FILETYPE_ODP},
		{S_INIT("application/vnd.oasis.opendocument"), FILETYPE_ODF},
		{S_INIT("application/epub+zip"), FILETYPE_EPUB},
	};
	slice content = slice_skip(in, 38u + le16(in, 28));
	for (size_t i = 0; i < sizeof v / sizeof *v; i++)
		if (slice_starts(content, v[i].type))
			return v[i].is;
	return FILETYPE_ZIP;
}

/* Where the central directory begins; in.n when it is not found at the end. */
static size_t zip_directory(slice in)
{
	enum { END = 22, COMMENT = 65535 };
	size_t lowest = in.n > END + COMMENT ? in.n - END - COMMENT : 0;
	for (size_t at = in.n >= END ? in.n - END : 0; at > lowest; at--)
		if (in.p[at] == 'P' && has(in, at, S("PK\5\6")))
			return le32(in, at + 16) < in.n ? le32(in, at + 16) : in.n;
	return in.n;
}

static enum filetype zip_type(slice in)
{
	size_t best = ZIP_KNOWN, at = zip_directory(in);
	slice first = slice_first(slice_skip(in, 30), le16(in, 26));
	if (slice_eq(first, S("mimetype")))
		return zip_mimetype(in);
	for (unsigned i = 0; i < ZIP_NAMES && has(in, at, S("PK\1\2")); i++) {
		zip_name(slice_first(slice_skip(in, at + 46), le16(in, at + 28)), &best);
		at += 46u + le16(in, at + 28) + le16(in, at + 30) + le16(in, at + 32);
	}
	/* A cut one: its files one by one, as far as they say how long they are. */
	for (at = 0; best == ZIP_KNOWN && has(in, at, S("PK\3\4"));) {
		zip_name(slice_first(slice_skip(in, at + 30), le16(in, at + 26)), &best);
		at += 30u + le16(in, at + 26) + le16(in, at + 28) + (size_t)le32(in, at + 18);
	}
	if (best == ZIP_KNOWN)
		return slice_starts(first, S("META-INF/")) ? FILETYPE_JAR : FILETYPE_ZIP;
	return zip_names[best].type;
}

/* ---- compound files ---- */

/* A name in the directory: UTF-16, at the beginning of its entry. */
static bool ole_has(slice in, slice wide)
{
	return slice_find(in, wide) < in.n;
}

#define W4(a, b, c, d) a "\0" b "\0" c "\0" d "\0"
static enum filetype ole_type(slice in)
{
	static const struct {
		slice name;
		enum filetype type;
	} v[] = {
		{S_INIT(W4("E", "n", "c", "r") W4("y", "p", "t", "e") W4("d", "P", "a", "c")),
			FILETYPE_SEALED},
		{S_INIT(W4("W", "o", "r", "d") W4("D", "o", "c", "u") W4("m", "e", "n", "t")),
			FILETYPE_DOC},
		{S_INIT(W4("W", "o", "r", "k") W4("b", "o", "o", "k")), FILETYPE_XLS},
		{S_INIT(W4("P", "o", "w", "e") W4("r", "P", "o", "i") W4("n", "t", " ", "D")),
			FILETYPE_PPT},
		{S_INIT(W4("_", "_", "p", "r") W4("o", "p", "e", "r") W4("t", "i", "e", "s")),
			FILETYPE_MSG},
		{S_INIT("B\0o\0o\0k\0\0\0"), FILETYPE_XLS},
		/* The table of tables of an installer. */
		{S_INIT("\x40\x48\x0f\x43\xe4\x41\x78\x45"), FILETYPE_MSI},
		{S_INIT("\x84\x10\x0c\0\0\0\0\0\xc0\0\0\0\0\0\0\x46"), FILETYPE_MSI},
	};
	/* The directory is where the head says; names elsewhere are text. */
	size_t sector = le16(in, 30) == 12 ? 4096 : 512;
	uint64_t at = ((uint64_t)le32(in, 48) + 1) * sector;
	slice dir = slice_first(slice_skip(in, at < in.n ? (size_t)at : in.n), OLE_LOOK);
	for (size_t i = 0; i < sizeof v / sizeof *v; i++)
		if (ole_has(dir, v[i].name))
			return v[i].type;
	return FILETYPE_OLE;
}

/* ---- text ---- */

static slice ascii_of(slice in, char space[LOOK])
{
	size_t n = 0;
	bool big = slice_starts(in, S("\xfe\xff"));
	if (big || slice_starts(in, S("\xff\xfe"))) {
		for (size_t i = 2; i + 1 < in.n && n < LOOK; i += 2)
			space[n++] = in.p[i + big] ? in.p[i + big] : ' ';
		return slice_of(space, n);
	}
	in = slice_starts(in, S("\xef\xbb\xbf")) ? slice_skip(in, 3) : in;
	return slice_first(in, LOOK);
}

static bool is_text(slice s)
{
	size_t odd = 0;
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];
		if (!c)
			return false;
		odd += c < ' ' && c != '\t' && c != '\n' && c != '\r' && c != '\f' && c != 27;
	}
	return odd * BINARY_SHARE <= s.n;
}

/* The first element: past the XML declaration, comments and the document type. */
static slice first_tag(slice s, bool *ret_declared)
{
	for (*ret_declared = false;;) {
		s = slice_trim(s);
		size_t skip;
		if (slice_starts(s, S("<!--"))) {
			skip = slice_find(s, S("-->")) + 3;
		} else if (slice_starts(s, S("<?")) || slice_starts(s, S("<!"))) {
			if (slice_istarts(s, S("<!doctype")))
				return s;
			*ret_declared = true;
			skip = slice_index(s, '>') + 1;
		} else {
			return s;
		}
		if (skip > s.n)
			return (slice){0};
		s = slice_skip(s, skip);
	}
}

static bool tag(slice s, slice name)
{
	char after = s.n > name.n + 1 ? s.p[name.n + 1] : '>';
	return s.n > name.n && s.p[0] == '<' && slice_istarts(slice_skip(s, 1), name) &&
	       (after == '>' || after == ' ' || after == '/' || after == '\n' || after == '\r' ||
		       after == '\t' || after == ':');
}

static enum filetype markup(slice all)
{
	static const char *const html[] = {"html", "head", "body", "title", "script", "table",
		"div", "meta", "style", "iframe", "center", "font", "p", "a", "h1", "img", "form",
		"span", "link", "base", "br"};
	bool declared;
	slice s = first_tag(all, &declared);
	if (slice_istarts(s, S("<!doctype svg")) || tag(s, S("svg")))
		return FILETYPE_SVG;
	if (slice_istarts(s, S("<!doctype html")))
		return FILETYPE_HTML;
	if (tag(s, S("job")) || tag(s, S("package")))
		return slice_find(s, S("script")) < s.n ? FILETYPE_WSF : FILETYPE_XML;
	if (tag(s, S("scriptlet")) || tag(s, S("component")))
		return slice_find(s, S("script")) < s.n ? FILETYPE_SCT : FILETYPE_XML;
	if (tag(s, S("MMC_ConsoleFile")))
		return FILETYPE_MSC;
	if (tag(s, S("libraryDescription")) || tag(s, S("searchConnectorDescription")))
		return FILETYPE_LIBRARY;
	for (size_t i = 0; i < sizeof html / sizeof *html; i++)
		if (tag(s, slice_z(html[i])))
			return FILETYPE_HTML;
	return declared ? FILETYPE_XML : FILETYPE_TEXT;
}

static enum filetype shebang(slice s)
{
	slice line = slice_first(s, slice_index(s, '\n'));
	return slice_find(line, S("/")) < line.n ? FILETYPE_SHELL : FILETYPE_TEXT;
}

/* Fields of a mail at the very beginning. */
static bool is_mail(slice s)
{
	static const char *const fields[] = {"received:", "return-path:", "message-id:",
		"delivered-to:", "mime-version:", "date:", "from:", "x-"};
	unsigned found = 0;
	for (unsigned lines = 0; lines < 40 && s.n; lines++) {
		slice line = slice_first(s, slice_index(s, '\n'));
		s = slice_skip(s, line.n + 1);
		if (!slice_trim(line).n)
			break;
		for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
			found += slice_istarts(line, slice_z(fields[i]));
		size_t colon = slice_index(line, ':');
		bool folded = line.p[0] == ' ' || line.p[0] == '\t';
		if (!folded && (colon == line.n || slice_index(line, ' ') < colon))
			return false;
	}
	return found >= 2;
}

static enum filetype text_type(slice s)
{
	s = slice_trim(s);
	if (slice_starts(s, S("#!")))
		return shebang(s);
	if (slice_istarts(s, S("BEGIN:VCALENDAR")))
		return FILETYPE_ICS;
	if (slice_istarts(s, S("BEGIN:VCARD")))
		return FILETYPE_VCF;
	if (slice_istarts(s, S("[InternetShortcut]")) ||
		slice_istarts(s, S("[{000214A0-0000-0000-C000-000000000046}]")))
		return FILETYPE_URL;
	if (slice_istarts(s, S("[Shell]")))
		return FILETYPE_SCF;
	if (slice_istarts(s, S("[Desktop Entry]")))
		return FILETYPE_DESKTOP;
	if (slice_starts(s, S("begin 6")) || slice_starts(s, S("begin 7")))
		return FILETYPE_UUE;
	if (is_mail(s)) {
		bool web = slice_find(s, S("multipart/related")) < s.n &&
			   slice_find(s, S("Content-Location:")) < s.n;
		return web ? FILETYPE_MHT : FILETYPE_EML;
	}
	return s.n && s.p[0] == '<' ? markup(s) : FILETYPE_TEXT;
}

/* ---- all ---- */

static enum filetype mz(slice in)
{
	if (has(in, le32(in, 60), S("PE\0\0")))
		return FILETYPE_PE;
	return is_text(slice_first(in, LOOK)) ? FILETYPE_UNKNOWN : FILETYPE_DOS;
}

/* "-lh5-" behind two bytes; "CWS" and a version. */
static bool is_lzh(slice in)
{
	return in.n > 21 && (has(in, 2, S("-lh")) || has(in, 2, S("-lz"))) && in.p[6] == '-';
}

static bool is_swf(slice in)
{
	return in.n > 8 && in.p[0] != 'M' && has(in, 1, S("WS")) &&
	       (in.p[0] == 'F' || in.p[0] == 'C' || in.p[0] == 'Z') &&
	       (unsigned char)in.p[3] < ' ' + 20 && in.p[3] > 2 && in.p[3] != ' ';
}

static enum filetype riff(slice in)
{
	if (has(in, 8, S("WEBP")))
		return FILETYPE_WEBP;
	return has(in, 8, S("AVI ")) ? FILETYPE_AVI : FILETYPE_WAV;
}

/* DER: a content info whose first object says what it is (RFC 5652). */
static enum filetype der(slice in)
{
	static const slice pkcs7 = S_INIT("\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07");
	slice head = slice_first(in, 40);
	size_t at = slice_find(head, pkcs7);
	if (at + pkcs7.n >= head.n)
		return FILETYPE_UNKNOWN;
	char kind = head.p[at + pkcs7.n];
	return kind == 3 ? FILETYPE_P7M_SEALED : FILETYPE_P7M;
}

static enum filetype by_mark(slice in)
{
	for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
		if (has(in, marks[i].at, slice_of(marks[i].bytes, marks[i].n)))
			return marks[i].type;
	return FILETYPE_UNKNOWN;
}

/* Marks that readers accept although something stands before them. */
static enum filetype far_mark(slice in)
{
	slice head = slice_first(in, MARK_FAR);
	if (slice_find(head, S("%PDF-")) < head.n)
		return FILETYPE_PDF;
	if (slice_find(head, S("PK\3\4")) < head.n && zip_directory(in) < in.n)
		return FILETYPE_ZIP;
	return in.n > 512 && has(in, in.n - 512, S("koly")) ? FILETYPE_DMG : FILETYPE_UNKNOWN;
}

static bool is_fat(slice in)
{
	return in.n >= 512 && le16(in, 510) == 0xaa55 &&
	       ((unsigned char)in.p[0] == 0xeb || (unsigned char)in.p[0] == 0xe9 ||
		       has(in, 54, S("FAT")) || has(in, 82, S("FAT32")));
}

static enum filetype special(slice in)
{
	if (slice_starts(in, S("MZ")))
		return mz(in);
	if (is_lzh(in))
		return FILETYPE_LZH;
	if (is_swf(in))
		return FILETYPE_SWF;
	if (slice_starts(in, S("PK\3\4")) || slice_starts(in, S("PK\5\6")) ||
		slice_starts(in, S("PK00PK\3\4")))
		return zip_type(in);
	if (slice_starts(in, S("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")))
		return ole_type(in);
	if (slice_starts(in, S("RIFF")))
		return riff(in);
	if (slice_starts(in, S("\xca\xfe\xba\xbe"))) /* universal binaries name few machines */
		return in.n > 7 && in.p[7] > 0 && in.p[7] < 20 ? FILETYPE_MACHO : FILETYPE_CLASS;
	if (slice_starts(in, S("BM")) && in.n > 26 && le32(in, 14) <= 124 && le32(in, 14) >= 12)
		return FILETYPE_BMP;
	return slice_starts(in, S("\x30")) ? der(in) : FILETYPE_UNKNOWN;
}

enum filetype filetype_of_bytes(slice bytes)
{
	char space[LOOK];
	enum filetype t = FILETYPE_EMPTY;
	if (!bytes.n)
		return t;
	if ((t = special(bytes)) != FILETYPE_UNKNOWN || (t = by_mark(bytes)) != FILETYPE_UNKNOWN)
		return t;
	slice text = ascii_of(bytes, space);
	bool plain = is_text(text);
	if (plain && (t = text_type(text)) != FILETYPE_TEXT)
		return t;
	if ((t = far_mark(bytes)) != FILETYPE_UNKNOWN)
		return t;
	if (plain)
		return FILETYPE_TEXT;
	return is_fat(bytes) ? FILETYPE_IMG : FILETYPE_UNKNOWN;
}

/* Kinds that have no mark in their bytes. */
static bool only_named(enum filetype t)
{
	return filetype_is(t, FILETYPE_SCRIPT) || t == FILETYPE_SOURCE || t == FILETYPE_CSV ||
	       t == FILETYPE_JSON || t == FILETYPE_RDP || t == FILETYPE_IQY || t == FILETYPE_URL ||
	       t == FILETYPE_SCF || t == FILETYPE_LIBRARY || t == FILETYPE_APPLICATION ||
	       t == FILETYPE_EML || t == FILETYPE_XML || t == FILETYPE_HTML;
}

static bool is_address(slice name)
{
	return slice_index(name, '@') < name.n || slice_istarts(name, S("www."));
}

enum filetype filetype_of(slice bytes, slice name, slice label)
{
	enum filetype t = filetype_of_bytes(bytes), named = filetype_of_ending(name);
	if (named == FILETYPE_UNKNOWN)
		named = filetype_of_label(label);
	switch (t) {
	case FILETYPE_TEXT: /* .com runs whatever is in it; but "bob@example.com" is somebody's key
			     */
		if (named == FILETYPE_DOS)
			return is_address(name) ? t : named;
		return only_named(named) ? named : t;
	case FILETYPE_HTML:
		return named == FILETYPE_HTA || named == FILETYPE_WSF || named == FILETYPE_EML
			       ? named
			       : t;
	case FILETYPE_XML:
		return filetype_is(named, FILETYPE_SCRIPT | FILETYPE_SHORTCUT) ||
				       named == FILETYPE_APPLICATION || named == FILETYPE_SVG
			       ? named
			       : t;
	case FILETYPE_SHELL: /* a source that can also be run by itself */
		return named == FILETYPE_SOURCE ? named : t;
	case FILETYPE_EML:
		return named == FILETYPE_MHT ? named : t;
	case FILETYPE_OLE:
		return named == FILETYPE_MSI || named == FILETYPE_MSG ? named : t;
	case FILETYPE_P7M:
		return named == FILETYPE_P7S ? named : t;
	case FILETYPE_ZIP:
		return named == FILETYPE_JAR || named == FILETYPE_MSIX ? named : t;
	case FILETYPE_UNKNOWN:
		return named == FILETYPE_DOS || named == FILETYPE_LZMA || named == FILETYPE_PGP ||
				       named == FILETYPE_CERTIFICATE || named == FILETYPE_TAR ||
				       named == FILETYPE_P7S || named == FILETYPE_P7M
			       ? named
			       : t;
	default:
		return t;
	}
}
