/* Tokens, literals and what is skipped of bad commands, from memory. */
#include "proto/imap/reader.h"

#include "base/mem.h"
#include "base/test.h"
#include "store/mailbox.h"

struct desk {
	struct imap_reader r;
	struct arena mem;
	struct buf out;
	uint64_t bytes;
};

static void begin(struct desk *d, const char *input)
{
	*d = (struct desk){.out = BUF(4096)};
	d->r = (struct imap_reader){.io = io_mem(slice_z(input), &d->out),
		.mem = &d->mem,
		.line_max = 200,
		.literal_max = 100,
		.command_max = 150,
		.time = SECOND,
		.bytes_in = &d->bytes};
}

static void end(struct desk *d)
{
	io_close(d->r.io);
	buf_done(&d->out);
	arena_done(&d->mem);
}

static slice said(struct desk *d)
{
	struct err e;
	io_flush(d->r.io, &e);
	return buf_slice(&d->out);
}

/* Reads a line and gives what `read` makes of it as text, or "!" and the complaint. */
static void one(const char *input, bool (*read)(struct imap_reader *, slice *), const char *want)
{
	struct desk d;
	slice v = S("");
	begin(&d, input);
	CHECK(imap_begin(&d.r));
	if (read(&d.r, &v) && imap_end(&d.r))
		CHECK_STR(v.p ? v : S("(nil)"), slice_z(want));
	else
		CHECK_STR(S("!"), slice_first(slice_z(want), 1));
	end(&d);
}

TEST(reader_strings)
{
	one("abc\r\n", imap_astring, "abc");
	one("abc\n", imap_astring, "abc");
	one("a]c\r\n", imap_astring, "a]c");
	one("a]c\r\n", imap_atom, "!");
	one("\"a b\"\r\n", imap_astring, "a b");
	one("\"a\\\"b\\\\\"\r\n", imap_astring, "a\"b\\");
	one("\"a\\b\"\r\n", imap_astring, "!");
	one("\"ab\r\n", imap_astring, "!");
	one("\"\xc3\xa9\"\r\n", imap_string, "\xc3\xa9");
	one("\"\xc3\"\r\n", imap_string, "!");
	one("{3}\r\na\rb\r\n", imap_string, "a\rb");
	one("{3+}\r\nabc\r\n", imap_string, "abc");
	one("{0}\r\n\r\n", imap_string, "");
	one("{3} \r\nabc\r\n", imap_string, "!");
	one("{-3}\r\nabc\r\n", imap_string, "!");
	one("{99999999999999999999999}\r\nabc\r\n", imap_string, "!");
	one("NIL\r\n", imap_nstring, "(nil)");
	one("nil\r\n", imap_nstring, "(nil)");
	one("NILE\r\n", imap_nstring, "!");
	one("\"NIL\"\r\n", imap_nstring, "NIL");
	one("(\r\n", imap_astring, "!");
	one("\r\n", imap_astring, "!");
	one("a b\r\n", imap_astring, "!");
}

TEST(reader_names)
{
	one("inbox\r\n", imap_mailbox, "INBOX");
	one("\"InBox\"\r\n", imap_mailbox, "INBOX");
	one("&U,BTFw-\r\n", imap_mailbox, "台北");
	one("R&-D\r\n", imap_mailbox, "R&D");
	one("\"R&D\"\r\n", imap_mailbox, "\xff");
	one("\"Entw\xc3\xbcrfe\"\r\n", imap_mailbox, "!");
	one("%*\r\n", imap_list_mailbox, "%*");
	one("\"%/*\"\r\n", imap_list_mailbox, "%/*");
	one("a%b\r\n", imap_mailbox, "!");
}

TEST(reader_sets)
{
	one("1\r\n", imap_set, "1");
	one("1:*,4,7:5\r\n", imap_set, "1:*,4,7:5");
	one("$\r\n", imap_set, "$");
	one("4294967295\r\n", imap_set, "4294967295");
	one("4294967296\r\n", imap_set, "!");
	one("0\r\n", imap_set, "!");
	one("1,\r\n", imap_set, "!");
	one("1::2\r\n", imap_set, "!");
	one("1:\r\n", imap_set, "!");
	one("$,1\r\n", imap_set, "!");
	one("-1\r\n", imap_set, "!");
}

static void flags(const char *input, bool parens, bool good, unsigned want, const char *keywords)
{
	struct desk d;
	unsigned f = 0;
	slice k = S("");
	begin(&d, input);
	CHECK(imap_begin(&d.r));
	CHECK_INT(imap_flag_list(&d.r, parens, &f, &k) && imap_end(&d.r), good);
	if (good) {
		CHECK_INT(f, want);
		CHECK_STR(k, slice_z(keywords));
	}
	end(&d);
}

TEST(reader_flags)
{
	flags("(\\Seen $Junk \\deleted x)\r\n", true, true, MAILBOX_SEEN | MAILBOX_DELETED,
		"$Junk x");
	flags("()\r\n", true, true, 0, "");
	flags("\\Seen \\Flagged\r\n", false, true, MAILBOX_SEEN | MAILBOX_FLAGGED, "");
	flags("\\Seen\r\n", true, false, 0, "");
	flags("(\\Recent)\r\n", true, true, 0, "");
	flags("(\\Unknown)\r\n", true, false, 0, "");
	flags("(\\*)\r\n", true, false, 0, "");
	flags("(a b\r\n", true, false, 0, "");
	flags("(a  b)\r\n", true, false, 0, "");
}

static void date(const char *input, bool good, int64_t want)
{
	struct desk d;
	int64_t t = 0;
	begin(&d, input);
	CHECK(imap_begin(&d.r));
	CHECK_INT(imap_date_time(&d.r, &t) && imap_end(&d.r), good);
	if (good)
		CHECK_INT(t / SECOND, want);
	end(&d);
}

TEST(reader_dates)
{
	date("\"17-Jul-1996 02:44:25 -0700\"\r\n", true, 837596665);
	date("\" 1-Jan-1970 00:00:00 +0000\"\r\n", true, 0);
	date("\"01-jan-1970 00:00:00 +0100\"\r\n", true, -3600);
	date("\"29-Feb-2023 00:00:00 +0000\"\r\n", false, 0);
	date("\"29-Feb-2024 00:00:00 +0000\"\r\n", true, 1709164800);
	date("\"00-Feb-2024 00:00:00 +0000\"\r\n", false, 0);
	date("\"01-Feb-2024 24:00:00 +0000\"\r\n", false, 0);
	date("\"01-Feb-2024 00:00:00\"\r\n", false, 0);
	date("17-Jul-1996\r\n", false, 0);
	struct desk d;
	int64_t t;
	begin(&d, "1-Feb-1994 \"1-Feb-1994\" 32-Feb-1994\r\n");
	CHECK(imap_begin(&d.r));
	CHECK(imap_date(&d.r, &t) && imap_space(&d.r));
	CHECK_INT(t, 760060800);
	CHECK(imap_date(&d.r, &t) && imap_space(&d.r));
	CHECK(!imap_date(&d.r, &t));
	end(&d);
}

/* ---- what is asked for, and what is skipped */

TEST(reader_asks_for_literals)
{
	struct desk d;
	slice a, b;
	begin(&d, "{2}\r\nab {2+}\r\ncd\r\nnext\r\n");
	CHECK(imap_begin(&d.r) && imap_string(&d.r, &a) && imap_space(&d.r) &&
		imap_string(&d.r, &b) && imap_end(&d.r));
	CHECK_STR(a, S("ab"));
	CHECK_STR(b, S("cd"));
	CHECK_STR(said(&d), S("+ OK\r\n"));
	CHECK(imap_skip_rest(&d.r) && imap_begin(&d.r) && imap_atom(&d.r, &a));
	CHECK_STR(a, S("next"));
	CHECK_INT(d.bytes, 24);
	end(&d);
}

/* A bad command ends where it ends; the next one is "next". */
static void skips(const char *input, const char *want_said)
{
	struct desk d;
	slice v;
	begin(&d, input);
	if (imap_begin(&d.r)) {
		CHECK(!(imap_astring(&d.r, &v) && imap_space(&d.r) && imap_string(&d.r, &v) &&
			imap_space(&d.r) && imap_string(&d.r, &v) && imap_end(&d.r)));
	}
	CHECK(d.r.bad && !d.r.lost);
	CHECK(imap_skip_rest(&d.r));
	CHECK(imap_begin(&d.r) && imap_atom(&d.r, &v));
	CHECK_STR(v, S("next"));
	CHECK_STR(said(&d), slice_z(want_said));
	end(&d);
}

TEST(reader_skips_what_is_bad)
{
	skips("( {3+}\r\nabc {2+}\r\nab\r\nnext\r\n", "");
	skips("( {3}\r\nnext\r\n", ""); /* the client waits, and is refused */
	skips("a {101}\r\nnext\r\n", "");
	skips("a {101+}\r\n" /* too large, and here all the same */
	      "0123456789012345678901234567890123456789012345678901234567890123456789"
	      "0123456789012345678901234567890 {1+}\r\nx\r\nnext\r\n",
		"");
	skips("a {90}\r\n"
	      "012345678901234567890123456789012345678901234567890123456789012345678901234567890123"
	      "456789"
	      " {90}\r\nnext\r\n",
		"+ OK\r\n"); /* together more than a command may have */
	skips("a \"x\"{5}\r\nnext\r\n", "");
	skips("a \"x\" {0+}\r\n, \r\nnext\r\n", "");
}

TEST(reader_skips_long_lines)
{
	struct desk d;
	slice v;
	AUTO(buf) struct buf in = BUF(100000);
	for (int i = 0; i < 9000; i++)
		buf_put(&in, S("abcdefghi "));
	buf_put(&in, S("{7+}\r\nliteral\r\nnext\r\n"));
	buf_byte(&in, 0);
	begin(&d, in.p);
	CHECK(!imap_begin(&d.r));
	CHECK(d.r.too_big && !d.r.lost);
	CHECK(imap_skip_rest(&d.r));
	CHECK(imap_begin(&d.r) && imap_atom(&d.r, &v));
	CHECK_STR(v, S("next"));
	CHECK(!imap_begin(&d.r) && d.r.lost);
	end(&d);
}

TEST(reader_message_literals)
{
	struct desk d;
	struct err e;
	uint64_t size;
	bool binary;
	slice v;
	static const char input[] = "~{5}\r\nhel\0o more\r\nx {3+}\r\nabc\r\nnext\r\n";
	begin(&d, "");
	io_close(d.r.io);
	d.r.io = io_mem(slice_of(input, sizeof input - 1), &d.out);
	CHECK(imap_begin(&d.r) && imap_literal(&d.r, &size, &binary));
	CHECK_INT(size, 5);
	CHECK(binary);
	CHECK_STR(said(&d), S(""));
	CHECK(imap_literal_bytes(&d.r, &v, &e) == 1);
	CHECK_STR(v, slice_of("hel\0o", 5));
	CHECK_STR(said(&d), S("+ OK\r\n"));
	CHECK(imap_literal_bytes(&d.r, &v, &e) == 0);
	CHECK(imap_space(&d.r) && imap_atom(&d.r, &v) && imap_end(&d.r));
	CHECK_STR(v, S("more"));
	/* One that nobody reads. */
	CHECK(imap_skip_rest(&d.r) && imap_begin(&d.r) && imap_atom(&d.r, &v) && imap_space(&d.r) &&
		imap_literal(&d.r, &size, &binary));
	CHECK(!binary && imap_skip_rest(&d.r));
	CHECK(imap_begin(&d.r) && imap_atom(&d.r, &v));
	CHECK_STR(v, S("next"));
	end(&d);
}
