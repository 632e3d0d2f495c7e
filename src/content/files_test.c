/* The walk through attachments: types, places, limits, passwords of the letter, and what the checks
 * make of it. Archives are written by libarchive, which reads them, too; files of other programs
 * are the business of test/attachments.py. */
#include "base/b64.h"
#include "base/mem.h"
#include "base/test.h"
#include "codec/filetype.h"
#include "content/checks.h"
#include "content/content.h"
#include <archive.h>
#include <archive_entry.h>

enum { ROOM = 1 << 20 };

static const struct content_tools tools;

struct entry {
	const char *name;
	slice bytes;
};

static void zip(const struct entry *v, size_t n, const char *password, struct buf *out)
{
	struct archive *a = archive_write_new();
	size_t used = 0;
	char *room = buf_room(out, ROOM);
	archive_write_set_format_zip(a);
	if (password) {
		archive_write_set_options(a, "zip:encryption=zipcrypt");
		archive_write_set_passphrase(a, password);
	}
	archive_write_open_memory(a, room, ROOM, &used);
	for (size_t i = 0; i < n; i++) {
		struct archive_entry *e = archive_entry_new();
		archive_entry_set_pathname(e, v[i].name);
		archive_entry_set_size(e, (la_int64_t)v[i].bytes.n);
		archive_entry_set_filetype(e, AE_IFREG);
		archive_write_header(a, e);
		archive_write_data(a, v[i].bytes.p, v[i].bytes.n);
		archive_entry_free(e);
	}
	archive_write_close(a);
	archive_write_free(a);
	buf_commit(out, used);
}

static void letter(const char *text, const char *name, slice bytes, struct buf *out)
{
	buf_printf(out,
		"From: a@example.org\r\nMIME-Version: 1.0\r\n"
		"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
		"--b\r\nContent-Type: text/plain\r\n\r\n%s\r\n"
		"--b\r\nContent-Type: application/octet-stream\r\n"
		"Content-Disposition: attachment; filename=\"%s\"\r\n"
		"Content-Transfer-Encoding: base64\r\n\r\n",
		text, name);
	b64_encode_lines(out, bytes);
	buf_put(out, S("--b--\r\n"));
}

struct exam {
	struct arena a;
	struct buf message;
	struct content c;
	struct signals *signals;
};

static void examine(struct exam *e, const struct content_limits *l, const char *text,
	const char *name, slice bytes)
{
	static const struct content_context nothing;
	e->message = BUF(4 * ROOM);
	letter(text, name, bytes, &e->message);
	content_read(buf_slice(&e->message), &tools, l, &e->a, &e->c);
	e->signals = ARENA_NEW(&e->a, struct signals);
	e->signals->mem = &e->a;
	struct content_exam x = {
		.c = &e->c, .ctx = &nothing, .tools = &tools, .signals = e->signals, .a = &e->a};
	content_check_files(&x);
}

static void done(struct exam *e)
{
	arena_done(&e->a);
	buf_done(&e->message);
	*e = (struct exam){0};
}

static const char exe[] = "MZ\1\2\3\4\5\6\7\x8\0";
static const slice program = {exe, sizeof exe - 1};

TEST(files_have_their_place)
{
	AUTO(buf) struct buf inner = BUF(2 * ROOM), outer = BUF(2 * ROOM);
	struct exam e = {0};
	zip(&(struct entry){"run.exe", program}, 1, NULL, &inner);
	zip(&(struct entry){"in.zip", buf_slice(&inner)}, 1, NULL, &outer);
	examine(&e, &content_limits_default, "hello", "a.zip", buf_slice(&outer));
	CHECK_INT(e.c.nfiles, 3);
	for (int i = 0; i < 3; i++) {
		CHECK_INT(e.c.files[i].parent, i - 1);
		CHECK_INT(e.c.files[i].depth, i);
		CHECK_INT(e.c.files[i].part, 2);
		CHECK_INT(e.c.files[i].type, i < 2 ? FILETYPE_ZIP : FILETYPE_DOS);
	}
	CHECK_STR(e.c.files[2].name, S("run.exe"));
	CHECK_INT(e.c.files[2].size, program.n);
	CHECK(signals_has(e.signals, SIGNAL_ARCHIVE_PROGRAM));
	CHECK(signals_has(e.signals, SIGNAL_ARCHIVE_NESTED));
	CHECK(!signals_has(e.signals, SIGNAL_FILE_PROGRAM));
	CHECK(!e.c.limited);
	done(&e);
}

TEST(files_limits)
{
	static const struct entry v[] = {
		{"1", S_INIT("text one")}, {"2", S_INIT("text two")}, {"3", S_INIT("text three")}};
	AUTO(buf) struct buf z = BUF(2 * ROOM);
	struct content_limits l = content_limits_default;
	struct exam e = {0};
	zip(v, 3, NULL, &z);
	examine(&e, &l, "x", "a.zip", buf_slice(&z));
	CHECK(!e.c.limited);
	CHECK_STR(e.c.attached, S("text one\ntext two\ntext three\n"));
	done(&e);
	l.files = 3;
	examine(&e, &l, "x", "a.zip", buf_slice(&z));
	CHECK(e.c.limited && e.c.files[0].facts & EXTRACT_LIMIT);
	CHECK_INT(e.c.nfiles, 3);
	done(&e);
	l = content_limits_default;
	l.unpacked = 17;
	examine(&e, &l, "x", "a.zip", buf_slice(&z));
	CHECK(e.c.limited && e.c.files[0].facts & EXTRACT_LIMIT);
	CHECK_INT(e.c.nfiles, 3);
	done(&e);
	l = content_limits_default;
	l.depth = 0;
	examine(&e, &l, "x", "a.zip", buf_slice(&z));
	CHECK(e.c.limited && signals_has(e.signals, SIGNAL_FILE_DEEP));
	CHECK_INT(e.c.nfiles, 1);
	done(&e);
	l = content_limits_default;
	l.text = 12;
	examine(&e, &l, "x", "a.zip", buf_slice(&z));
	CHECK(e.c.limited && e.c.attached.n <= 12);
	done(&e);
}

static const struct {
	const char *text;
	bool opened;
} letters[] = {
	{"see the file", false},
	{"The password is secret1.", true},
	{"Password: secret1", true},
	{"password for the archive is \"secret1\"", true},
	{"解压密码：secret1，请查收", true},
	{"密码是secret1", true},
	{"PASSWORD\n\nsecret1", true},
	{"the secret1 of success", false},
};

TEST(files_passwords_of_the_letter)
{
	AUTO(buf) struct buf z = BUF(2 * ROOM);
	zip(&(struct entry){"run.exe", program}, 1, "secret1", &z);
	for (size_t i = 0; i < sizeof letters / sizeof *letters; i++) {
		struct exam e = {0};
		examine(&e, &content_limits_default, letters[i].text, "a.zip", buf_slice(&z));
		bool opened = e.c.nfiles == 2;
		if (opened != letters[i].opened ||
			signals_has(e.signals, SIGNAL_ARCHIVE_PASSWORD_TOLD) != opened)
			test_fail(__FILE__, __LINE__, "%s", letters[i].text);
		CHECK(e.c.files[0].facts & EXTRACT_ENCRYPTED);
		CHECK(signals_has(e.signals, SIGNAL_ARCHIVE_ENCRYPTED_PROGRAM));
		done(&e);
	}
}

TEST(files_text_and_links)
{
	struct exam e = {0};
	examine(&e, &content_limits_default, "x", "a.html",
		S("<p>Read <a href=\"http://a.example/x\">this</a></p>"));
	CHECK_INT(e.c.nlinks, 1);
	CHECK_STR(e.c.links[0].url.text, S("http://a.example/x"));
	CHECK_STR(e.c.links[0].text, S("this"));
	CHECK_INT(e.c.links[0].where, CONTENT_IN_FILE);
	CHECK_INT(e.c.links[0].file, 0);
	CHECK_STR(e.c.attached, S("Read this\n"));
	CHECK(signals_has(e.signals, SIGNAL_PAGE_ONLY));
	CHECK(!signals_has(e.signals, SIGNAL_PAGE_FORM));
	done(&e);
}

TEST(files_that_are_honest)
{
	static const struct {
		const char *name;
		slice bytes;
	} v[] = {{"notes.txt", S_INIT("hello")}, {"list.csv", S_INIT("a,b\n1,2\n")},
		{"a.ics", S_INIT("BEGIN:VCALENDAR\nSUMMARY:x\nEND:VCALENDAR\n")},
		{"fix.patch", S_INIT("--- a\n+++ b\n")}, {"empty", S_INIT("")},
		{"table.xls", S_INIT("a\tb\n")}};
	for (size_t i = 0; i < sizeof v / sizeof *v; i++) {
		struct exam e = {0};
		examine(&e, &content_limits_default, "see the file", v[i].name, v[i].bytes);
		if (e.signals->n)
			test_fail(
				__FILE__, __LINE__, "%s: %s", v[i].name, e.signals->v[0].def->name);
		done(&e);
	}
}
