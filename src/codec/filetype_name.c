/*
 * What names and labels claim about a file (filetype.h), and where they mislead. Used by the walk
 * through attachments and by rules. Nothing here looks at the bytes.
 */
#include "base/utf8.h"
#include "codec/filetype.h"

static const struct kind {
	const char *name;
	unsigned classes;
} kinds[] = {
#define FILETYPE(id, name, classes) {name, classes},
#include "codec/filetype_table.h"
#undef FILETYPE
};

enum { ENDING_MAX = 20, BLANKS_MIN = 5 };

struct claim {
	slice key;
	enum filetype type;
};

#define C(key, type)                                                                               \
	{                                                                                          \
		S_INIT(key), FILETYPE_##type                                                       \
	}
/* clang-format off */
static const struct claim endings[] = {
	C("exe", PE), C("scr", PE), C("pif", PE), C("cpl", PE), C("dll", PE), C("sys", PE), C("ocx", PE), C("drv", PE), C("xll", PE), C("com", DOS),
	C("msi", MSI), C("msp", MSI), C("mst", MSI), C("msix", MSIX), C("appx", MSIX), C("msixbundle", MSIX), C("appinstaller", APPLICATION),
	C("application", APPLICATION), C("gadget", APPLICATION), C("jar", JAR), C("class", CLASS), C("jnlp", APPLICATION), C("apk", APK), C("dex", DEX), C("deb", DEB), C("rpm", RPM),
	C("pkg", PKG), C("mpkg", PKG), C("swf", SWF), C("elf", ELF), C("so", ELF),
	C("js", JS), C("jse", ENCODED), C("mjs", JS), C("vbs", VBS), C("vbe", ENCODED), C("vb", VBS), C("wsf", WSF), C("wsc", SCT), C("wsh", WSF), C("sct", SCT), C("hta", HTA),
	C("ps1", PS1), C("ps1xml", PS1), C("psm1", PS1), C("psd1", PS1), C("ps2", PS1), C("psc1", PS1), C("bat", BAT), C("cmd", BAT), C("reg", REG), C("inf", INF), C("ins", INF), C("isp", INF),
	C("sh", SHELL), C("bash", SHELL), C("command", SHELL), C("csh", SHELL), C("ksh", SHELL), C("scpt", APPLESCRIPT), C("applescript", APPLESCRIPT), C("msc", MSC),
	C("py", SOURCE), C("pl", SOURCE), C("rb", SOURCE), C("php", SOURCE), C("c", SOURCE), C("h", SOURCE), C("cpp", SOURCE), C("java", SOURCE), C("ts", SOURCE), C("css", SOURCE), C("sql", SOURCE), C("go", SOURCE), C("rs", SOURCE),
	C("patch", SOURCE), C("diff", SOURCE),
	C("lnk", LNK), C("url", URL), C("website", URL), C("webloc", URL), C("scf", SCF), C("library-ms", LIBRARY), C("search-ms", LIBRARY), C("searchconnector-ms", LIBRARY), C("settingcontent-ms", LIBRARY), C("theme", LIBRARY), C("themepack", LIBRARY),
	C("desktop", DESKTOP), C("rdp", RDP), C("iqy", IQY), C("oqy", IQY), C("rqy", IQY), C("dqy", IQY),
	C("zip", ZIP), C("7z", 7Z), C("rar", RAR), C("r00", RAR), C("r01", RAR), C("gz", GZIP), C("tgz", GZIP), C("bz2", BZIP2), C("tbz", BZIP2), C("tbz2", BZIP2), C("xz", XZ), C("txz", XZ), C("lzma", LZMA), C("lz", LZIP), C("lz4", LZ4), C("zst", ZSTD),
	C("z", COMPRESS), C("tar", TAR), C("cpio", CPIO), C("cab", CAB), C("lzh", LZH), C("lha", LZH), C("wim", WIM), C("uue", UUE), C("uu", UUE), C("arj", ARJ), C("ace", ACE), C("alz", ALZ), C("egg", EGG), C("sit", SIT), C("sitx", SIT),
	C("iso", ISO), C("img", IMG), C("ima", IMG), C("vhd", VHD), C("vhdx", VHDX), C("vmdk", VMDK), C("dmg", DMG), C("udf", ISO), C("daa", ISO), C("nrg", ISO), C("isz", ISO),
	C("pdf", PDF), C("rtf", RTF), C("doc", DOC), C("dot", DOC), C("wps", DOC), C("wpt", DOC), C("xls", XLS), C("xlt", XLS), C("xla", XLS), C("et", XLS), C("ett", XLS), C("ppt", PPT), C("pps", PPT), C("pot", PPT), C("dps", PPT), C("pub", OLE), C("vsd", OLE),
	C("docx", DOCX), C("dotx", DOCX), C("xlsx", XLSX), C("xltx", XLSX), C("xlsb", XLSB), C("pptx", PPTX), C("ppsx", PPTX), C("potx", PPTX), C("vsdx", OOXML),
	C("docm", DOCM), C("dotm", DOCM), C("xlsm", XLSM), C("xltm", XLSM), C("xlam", XLSM), C("pptm", PPTM), C("ppsm", PPTM), C("potm", PPTM), C("ppam", PPTM),
	C("odt", ODT), C("ott", ODT), C("ods", ODS), C("ots", ODS), C("odp", ODP), C("otp", ODP), C("odg", ODF), C("odf", ODF), C("ofd", OFD), C("xps", XPS), C("oxps", XPS), C("epub", EPUB), C("one", ONENOTE), C("onepkg", CAB), C("chm", CHM),
	C("mdb", MDB), C("accdb", MDB), C("accde", MDB), C("mde", MDB), C("ps", POSTSCRIPT), C("eps", POSTSCRIPT), C("djvu", DJVU), C("dwg", DWG), C("csv", CSV), C("tsv", CSV), C("slk", SLK), C("xml", XML), C("json", JSON),
	C("html", HTML), C("htm", HTML), C("xhtml", HTML), C("xht", HTML), C("shtml", HTML), C("shtm", HTML), C("svg", SVG), C("mht", MHT), C("mhtml", MHT),
	C("eml", EML), C("msg", MSG), C("ics", ICS), C("vcs", ICS), C("ifb", ICS), C("vcf", VCF), C("pgp", PGP), C("gpg", PGP), C("asc", PGP), C("sig", PGP_SIGNATURE), C("p7m", P7M), C("p7s", P7S), C("cer", CERTIFICATE), C("crt", CERTIFICATE), C("pem", CERTIFICATE), C("p12", CERTIFICATE), C("pfx", CERTIFICATE), C("der", CERTIFICATE), C("p7b", CERTIFICATE),
	C("png", PNG), C("jpg", JPEG), C("jpeg", JPEG), C("jpe", JPEG), C("jfif", JPEG), C("gif", GIF), C("bmp", BMP), C("dib", BMP), C("webp", WEBP), C("tif", TIFF), C("tiff", TIFF), C("pnm", PNM), C("pbm", PNM), C("pgm", PNM), C("ppm", PNM), C("ico", ICO), C("cur", ICO), C("heic", HEIF), C("heif", HEIF), C("avif", HEIF), C("jp2", JP2), C("jxl", JXL), C("psd", PSD), C("emf", EMF), C("wmf", WMF),
	C("mp3", MP3), C("mp4", MP4), C("m4a", MP4), C("m4v", MP4), C("mov", MP4), C("3gp", MP4), C("ogg", OGG), C("oga", OGG), C("opus", OGG), C("flac", FLAC), C("wav", WAV), C("avi", AVI), C("mkv", MKV), C("webm", MKV), C("wmv", ASF), C("wma", ASF), C("amr", AMR), C("mid", MIDI), C("midi", MIDI),
	C("ttf", FONT), C("otf", FONT), C("woff", FONT), C("woff2", FONT), C("eot", FONT), C("sqlite", SQLITE), C("torrent", TORRENT),
	C("txt", TEXT), C("text", TEXT), C("log", TEXT), C("md", TEXT), C("ini", TEXT), C("conf", TEXT), C("srt", TEXT),
};
static const struct claim labels[] = {
	C("text/html", HTML), C("application/xhtml+xml", HTML), C("text/calendar", ICS), C("application/ics", ICS), C("text/vcard", VCF), C("text/x-vcard", VCF), C("text/directory", VCF), C("text/csv", CSV), C("text/xml", XML), C("application/xml", XML),
	C("text/rtf", RTF), C("application/rtf", RTF), C("message/rfc822", EML), C("message/global", EML), C("application/ms-tnef", TNEF), C("application/vnd.ms-tnef", TNEF), C("text/plain", TEXT), C("text/markdown", TEXT),
	C("application/pdf", PDF), C("application/msword", DOC), C("application/vnd.ms-excel", XLS), C("application/vnd.ms-powerpoint", PPT), C("application/vnd.ms-outlook", MSG), C("application/zip", ZIP), C("application/x-zip-compressed", ZIP), C("application/x-rar-compressed", RAR), C("application/vnd.rar", RAR), C("application/gzip", GZIP), C("application/x-gzip", GZIP), C("application/x-7z-compressed", 7Z), C("application/x-tar", TAR),
	C("image/png", PNG), C("image/jpeg", JPEG), C("image/jpg", JPEG), C("image/pjpeg", JPEG), C("image/gif", GIF), C("image/bmp", BMP), C("image/webp", WEBP), C("image/tiff", TIFF), C("image/svg+xml", SVG), C("image/x-icon", ICO), C("image/vnd.microsoft.icon", ICO), C("image/heic", HEIF),
	C("application/x-msdownload", PE), C("application/x-msdos-program", PE), C("application/x-dosexec", PE), C("application/vnd.microsoft.portable-executable", PE), C("application/x-javascript", JS), C("application/javascript", JS), C("text/javascript", JS), C("application/hta", HTA), C("application/x-ms-shortcut", LNK), C("application/x-sh", SHELL), C("application/java-archive", JAR), C("application/vnd.android.package-archive", APK),
	C("application/pkcs7-mime", P7M), C("application/x-pkcs7-mime", P7M), C("application/pkcs7-signature", P7S), C("application/x-pkcs7-signature", P7S), C("application/pgp-signature", PGP_SIGNATURE), C("application/pgp-keys", PGP_KEY), C("application/json", JSON), C("application/x-iso9660-image", ISO), C("application/onenote", ONENOTE),
	C("audio/mpeg", MP3), C("audio/wav", WAV), C("video/mp4", MP4), C("multipart/related", MHT),
	C("application/vnd.openxmlformats-officedocument.wordprocessingml.document", DOCX), C("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", XLSX), C("application/vnd.openxmlformats-officedocument.presentationml.presentation", PPTX),
};
/* clang-format on */

const char *filetype_name(enum filetype t)
{
	return t < FILETYPES ? kinds[t].name : kinds[FILETYPE_UNKNOWN].name;
}

bool filetype_by_name(slice name, enum filetype *ret)
{
	for (unsigned i = 0; i < FILETYPES; i++)
		if (slice_ieq(name, slice_z(kinds[i].name))) {
			*ret = i;
			return true;
		}
	return false;
}

bool filetype_is(enum filetype t, unsigned classes)
{
	return t < FILETYPES && kinds[t].classes & classes;
}

static enum filetype look_up(const struct claim *v, size_t n, slice key)
{
	for (size_t i = 0; i < n; i++)
		if (slice_ieq(v[i].key, key))
			return v[i].type;
	return FILETYPE_UNKNOWN;
}

/* As Windows opens it: dots, blanks and what cannot be seen at the end do not count. */
static slice seen_name(slice name)
{
	static const slice invisible[] = {S_INIT("\xe2\x80\x8b"), S_INIT("\xe2\x80\x8c"),
		S_INIT("\xe2\x80\x8e"), S_INIT("\xe2\x80\x8f"), S_INIT("\xe2\x80\xac"),
		S_INIT("\xc2\xa0"), S_INIT("\xe3\x80\x80"), S_INIT("\xef\xbb\xbf")};
	for (bool more = true; more && name.n;) {
		more = name.p[name.n - 1] == ' ' || name.p[name.n - 1] == '.' ||
		       (unsigned char)name.p[name.n - 1] < ' ';
		size_t cut = more ? 1 : 0;
		for (size_t i = 0; !more && i < sizeof invisible / sizeof *invisible; i++)
			if (slice_ends(name, invisible[i])) {
				more = true;
				cut = invisible[i].n;
			}
		name.n -= cut;
	}
	return name;
}

/* The part behind the last dot of the last path component; *rest: what stands before that dot. */
static slice ending(slice name, slice *rest)
{
	name = seen_name(name);
	size_t dot = slice_rindex(name, '.');
	slice end = slice_skip(name, dot + 1);
	*rest = slice_first(name, dot);
	if (dot >= name.n || end.n > ENDING_MAX || slice_index(end, '/') < end.n ||
		slice_index(end, '\\') < end.n)
		return (slice){0};
	return slice_trim(end);
}

enum filetype filetype_of_ending(slice name)
{
	slice rest;
	return look_up(endings, sizeof endings / sizeof *endings, ending(name, &rest));
}

enum filetype filetype_of_label(slice label)
{
	return look_up(labels, sizeof labels / sizeof *labels, label);
}

/* invoice.pdf.exe, photo.jpg.html: something that opens harmlessly is named before what does not.
 */
static bool doubled(slice name)
{
	slice rest, inner, unused;
	slice last = ending(name, &rest);
	enum filetype t = look_up(endings, sizeof endings / sizeof *endings, last);
	if (!filetype_is(t, FILETYPE_DANGEROUS | FILETYPE_WEB | FILETYPE_DISK))
		return false;
	inner = ending(rest, &unused);
	enum filetype before = look_up(endings, sizeof endings / sizeof *endings, inner);
	return before != t && !filetype_is(before, FILETYPE_DANGEROUS | FILETYPE_WEB) &&
	       (filetype_is(before, FILETYPE_DOCUMENT | FILETYPE_PICTURE | FILETYPE_MEDIA) ||
		       (before == FILETYPE_TEXT && filetype_is(t, FILETYPE_DANGEROUS)));
}

static bool turns(uint32_t cp)
{
	return cp == 0x202b || cp == 0x202d || cp == 0x202e || cp == 0x2066 || cp == 0x2067;
}

static bool is_blank(uint32_t cp)
{
	return cp == ' ' || cp == '\t' || cp == 0xa0 || (cp >= 0x2000 && cp <= 0x200b) ||
	       cp == 0x202f || cp == 0x205f || cp == 0x3000 || cp == 0x2800 || cp == 0x3164;
}

unsigned filetype_name_tricks(slice name)
{
	unsigned found = doubled(name) ? EXTRACT_DOUBLE_NAME : 0;
	unsigned run = 0;
	bool pushed = false;
	uint32_t cp;
	for (slice s = name; utf8_next(&s, &cp);) {
		if (turns(cp))
			found |= EXTRACT_BIDI_NAME;
		pushed |= run >= BLANKS_MIN && !is_blank(cp);
		run = is_blank(cp) ? run + 1 : 0;
	}
	/* Blanks in the middle of a name push nothing out of sight but what stands behind them. */
	if (pushed && filetype_is(filetype_of_ending(name), FILETYPE_DANGEROUS | FILETYPE_WEB))
		found |= EXTRACT_BLANKS_NAME;
	return found;
}

/* Kinds that are mixed up without harm. */
static bool alike(enum filetype t, enum filetype claimed)
{
	static const unsigned families[] = {FILETYPE_PICTURE, FILETYPE_MEDIA, FILETYPE_OFFICE,
		FILETYPE_ARCHIVE | FILETYPE_DISK, FILETYPE_MAIL | FILETYPE_WEB};
	for (size_t i = 0; i < sizeof families / sizeof *families; i++)
		if (filetype_is(t, families[i]) && filetype_is(claimed, families[i]))
			return true;
	if (filetype_is(t, FILETYPE_DANGEROUS))
		return filetype_is(claimed, FILETYPE_DANGEROUS);
	/* Exports of web applications: tables and documents that are HTML or text inside. */
	if (filetype_is(t, FILETYPE_PLAIN))
		return filetype_is(claimed, FILETYPE_PLAIN | FILETYPE_OFFICE | FILETYPE_MAIL);
	return false;
}

bool filetype_disguised(enum filetype t, slice name, slice label)
{
	enum filetype claimed = filetype_of_ending(name);
	bool dangerous = filetype_is(t, FILETYPE_DANGEROUS);
	if (claimed == FILETYPE_UNKNOWN)
		claimed = dangerous ? filetype_of_label(label) : claimed;
	if (t == FILETYPE_UNKNOWN || t == FILETYPE_EMPTY || t == claimed ||
		claimed == FILETYPE_UNKNOWN || alike(t, claimed))
		return false;
	if (dangerous) /* a source or a script attached as text is what it says */
		return !(filetype_is(t, FILETYPE_PLAIN) && filetype_is(claimed, FILETYPE_PLAIN));
	/* Others count when they open in something that the name does not say. */
	return filetype_is(t, FILETYPE_ARCHIVE | FILETYPE_DISK | FILETYPE_WEB | FILETYPE_OFFICE) &&
	       filetype_is(claimed,
		       FILETYPE_PICTURE | FILETYPE_MEDIA | FILETYPE_DOCUMENT | FILETYPE_PLAIN) &&
	       !filetype_is(t, claimed == FILETYPE_TEXT ? FILETYPE_PLAIN : 0);
}
