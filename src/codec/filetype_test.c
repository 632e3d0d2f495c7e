/* Types by bytes, what names claim, the tricks of names. */
#include "codec/filetype.h"

#include "base/test.h"

#define B(lit) lit, sizeof(lit) - 1

static const struct {
	const char *bytes;
	size_t n;
	const char *name, *label;
	enum filetype type;
} files[] = {
	{B(""), "a.txt", "", FILETYPE_EMPTY},
	{B("hello\n"), "a.txt", "", FILETYPE_TEXT},
	{B("\1\2\3\4\5\6\7\0\1"), "a", "", FILETYPE_UNKNOWN},
	{B("%PDF-1.4\n"), "a.doc", "", FILETYPE_PDF},
	{B("junk before\n%PDF-1.4\n"), "", "", FILETYPE_PDF},
	{B("{\\rtf1 x}"), "a.doc", "", FILETYPE_RTF},
	{B("\x89PNG\r\n\x1a\n"), "a.jpg", "", FILETYPE_PNG},
	{B("MZ-700 was a computer of Sharp\n"), "a.txt", "", FILETYPE_TEXT},
	{B("MZ\0\1\2\3\4\5\6\7\x8\xb\xe\xf"), "a.txt", "", FILETYPE_DOS},
	{B("CWS is short for something\n"), "", "", FILETYPE_TEXT},
	{B("\xef\xbb\xbf<!DOCTYPE html><html>"), "a.htm", "", FILETYPE_HTML},
	{B("<!-- saved --><HTML><body>"), "a.xls", "", FILETYPE_HTML},
	{B("<html><script>x</script>"), "a.hta", "", FILETYPE_HTA},
	{B("\xff\xfe<\0h\0t\0m\0l\0>\0"), "", "", FILETYPE_HTML},
	{B("<?xml version=\"1.0\"?><svg xmlns=\"x\">"), "a.svg", "", FILETYPE_SVG},
	{B("<?xml version=\"1.0\"?><data/>"), "a.xml", "", FILETYPE_XML},
	{B("<job><script>x</script></job>"), "a.txt", "", FILETYPE_WSF},
	{B("BEGIN:VCALENDAR\r\n"), "", "text/plain", FILETYPE_ICS},
	{B("[InternetShortcut]\r\nURL=http://x/\r\n"), "a.txt", "", FILETYPE_URL},
	{B("Received: from a\nDate: x\nSubject: y\n\nz"), "", "", FILETYPE_EML},
	{B("Dear all: today\nWe meet at noon: bring bread.\n"), "", "", FILETYPE_TEXT},
	{B("#!/bin/sh\necho\n"), "a", "", FILETYPE_SHELL},
	{B("#!/usr/bin/python3\n"), "a.py", "", FILETYPE_SOURCE},
	{B("var x;"), "a.js", "", FILETYPE_JS},
	{B("var x;"), "a.txt", "application/x-javascript", FILETYPE_TEXT},
	{B("var x;"), "a", "application/x-javascript", FILETYPE_JS},
	{B("begin 644 a.exe\n#0V%T\n`\nend\n"), "", "", FILETYPE_UUE},
	{B("PK\5\6\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"), "a.zip", "", FILETYPE_ZIP},
	{B("PK\3\4\n\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x11\0\0\0word/document.xml"), "", "",
		FILETYPE_DOCX},
	{B("\x1f\x8b\x08\0"), "a.tgz", "", FILETYPE_GZIP},
	{B("Rar!\x1a\x07\1\0"), "a.zip", "", FILETYPE_RAR},
	{B("-----BEGIN PGP MESSAGE-----\n"), "a.asc", "", FILETYPE_PGP},
	{B("X5O!P%@AP"), "eicar.com", "", FILETYPE_DOS},
	{B("hello"), "bob@example.com", "", FILETYPE_TEXT},
};

TEST(filetype_of)
{
	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		enum filetype t = filetype_of(slice_of(files[i].bytes, files[i].n),
			slice_z(files[i].name), slice_z(files[i].label));
		if (t != files[i].type)
			test_fail(__FILE__, __LINE__, "%zu %s: %s, not %s", i, files[i].name,
				filetype_name(t), filetype_name(files[i].type));
	}
}

static const struct {
	const char *name;
	unsigned tricks;
} names[] = {
	{"invoice.pdf", 0},
	{"invoice.pdf.exe", EXTRACT_DOUBLE_NAME},
	{"photo.jpg.html", EXTRACT_DOUBLE_NAME},
	{"readme.txt.html", 0}, /* made by programs that turn text into pages */
	{"readme.txt.js", EXTRACT_DOUBLE_NAME},
	{"report.pdf.zip", 0},
	{"backup.tar.gz", 0},
	{"jquery.min.js", 0},
	{"v1.2.exe", 0},
	{"invoice.pdf.exe. ", EXTRACT_DOUBLE_NAME},
	{"invoice\xe2\x80\xae"
	 "fdp.exe",
		EXTRACT_BIDI_NAME},
	{"\xe2\x80\xaa"
	 "C:\\x.pdf",
		0}, /* pasted from Windows' properties */
	{"invoice.pdf          .exe", EXTRACT_BLANKS_NAME | EXTRACT_DOUBLE_NAME},
	{"my      holiday.pdf", 0},
};

TEST(filetype_name_tricks)
{
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		unsigned got = filetype_name_tricks(slice_z(names[i].name));
		if (got != names[i].tricks)
			test_fail(__FILE__, __LINE__, "%s: %x, not %x", names[i].name, got,
				names[i].tricks);
	}
}

static const struct {
	enum filetype type;
	const char *name, *label;
	bool disguised;
} disguises[] = {
	{FILETYPE_PE, "a.exe", "image/png", false},
	{FILETYPE_PE, "a.scr", "", false},
	{FILETYPE_PE, "a.pdf", "", true},
	{FILETYPE_PE, "a", "image/png", true},
	{FILETYPE_PE, "a", "application/octet-stream", false},
	{FILETYPE_PNG, "a.jpg", "", false},
	{FILETYPE_HTML, "a.xls", "", false},
	{FILETYPE_HTML, "a.pdf", "", true},
	{FILETYPE_HTML, "a.txt", "", false},
	{FILETYPE_RTF, "a.doc", "", false},
	{FILETYPE_ZIP, "a.pdf", "", true},
	{FILETYPE_ZIP, "a.pages", "", false},
	{FILETYPE_SEALED, "a.xlsx", "", false},
	{FILETYPE_JS, "a.txt", "", false},
	{FILETYPE_LNK, "a.pdf", "", true},
	{FILETYPE_RAR, "a.zip", "", false},
	{FILETYPE_TEXT, "a.pdf", "", false},
};

TEST(filetype_disguised)
{
	for (size_t i = 0; i < sizeof disguises / sizeof *disguises; i++)
		if (filetype_disguised(disguises[i].type, slice_z(disguises[i].name),
			    slice_z(disguises[i].label)) != disguises[i].disguised)
			test_fail(__FILE__, __LINE__, "%s named %s",
				filetype_name(disguises[i].type), disguises[i].name);
}

TEST(filetype_names)
{
	enum filetype t;
	for (unsigned i = 0; i < FILETYPES; i++) {
		CHECK(filetype_by_name(slice_z(filetype_name(i)), &t));
		CHECK_INT(t, i); /* no name twice */
	}
	CHECK(!filetype_by_name(S("nothing"), &t));
	CHECK(filetype_is(FILETYPE_PE, FILETYPE_DANGEROUS));
	CHECK(!filetype_is(FILETYPE_PDF, FILETYPE_DANGEROUS));
}
