#include "base/test.h"

#include "base/mem.h"
#include "base/utf8.h"
#include "codec/summary.h"

struct made {
	struct buf record, shown;
	struct summary s;
};

static void make_bytes(slice message, bool preview, struct made *ret)
{
	AUTO(arena) struct arena a = {0};
	struct mime m;
	*ret = (struct made){.record = BUF(1 << 24), .shown = BUF(1 << 24)};
	mime_parse(message, &mime_limits_default, &a, &m);
	summary_build(message, 0, &m, preview, &ret->record);
	CHECK(summary_open(buf_slice(&ret->record), &ret->s));
	CHECK(ret->record.n <= SUMMARY_MAX);
	CHECK_INT(ret->s.size, message.n);
}

static void made_done(struct made *m)
{
	buf_done(&m->record);
	buf_done(&m->shown);
}

static void show_text(struct buf *out, slice s)
{
	if (s.p)
		buf_printf(out, "\"%.*s\"", SFMT(s));
	else
		buf_put(out, S("NIL"));
}

static void show_addresses(struct made *m, int envelope, enum summary_who who)
{
	struct summary_address a;
	unsigned it = 0, n = 0;
	while (summary_next_address(&m->s, envelope, who, &it, &a)) {
		const slice v[] = {a.name, a.route, a.mailbox, a.host};
		buf_put(&m->shown, n++ ? S("") : S("("));
		for (int i = 0; i < 4; i++) {
			buf_byte(&m->shown, i ? ' ' : '(');
			show_text(&m->shown, v[i]);
		}
		buf_byte(&m->shown, ')');
	}
	buf_put(&m->shown, n ? S(")") : S("NIL"));
}

static slice show_envelope(struct made *m, int envelope)
{
	buf_reset(&m->shown);
	show_text(&m->shown, summary_text(&m->s, envelope, SUMMARY_DATE));
	buf_byte(&m->shown, ' ');
	show_text(&m->shown, summary_text(&m->s, envelope, SUMMARY_SUBJECT));
	for (int i = 0; i < SUMMARY_WHOS; i++) {
		buf_byte(&m->shown, ' ');
		show_addresses(m, envelope, (enum summary_who)i);
	}
	buf_byte(&m->shown, ' ');
	show_text(&m->shown, summary_text(&m->s, envelope, SUMMARY_IN_REPLY_TO));
	buf_byte(&m->shown, ' ');
	show_text(&m->shown, summary_text(&m->s, envelope, SUMMARY_MESSAGE_ID));
	return buf_slice(&m->shown);
}

TEST(envelopes_are_as_imap_wants_them)
{
	static const struct {
		slice header, want;
	} v[] = {
		{S_INIT("Message-ID: <msg@id>\r\nIn-Reply-To: <reply@to.id>\r\nDate: Thu, 15 Feb "
			"2007 01:02:03 +0200\r\n"
			"Subject: subject\r\n header\r\nFrom: From Real "
			"<fromuser@fromdomain.org>\r\nTo: To <to@t>\r\n"
			"Cc: Cc <c@c>\r\nBcc: b@c\r\nSender: S <s@s>\r\nReply-To: \"Reply, To\" "
			"<r@r>\r\n"),
			S_INIT("\"Thu, 15 Feb 2007 01:02:03 +0200\" \"subject header\" "
			       "((\"From Real\" NIL \"fromuser\" \"fromdomain.org\")) ((\"S\" NIL "
			       "\"s\" \"s\")) "
			       "((\"Reply, To\" NIL \"r\" \"r\")) ((\"To\" NIL \"to\" \"t\")) "
			       "((\"Cc\" NIL \"c\" \"c\")) "
			       "((NIL NIL \"b\" \"c\")) \"<reply@to.id>\" \"<msg@id>\"")},
		{S_INIT("From: user@domain (Real Name)\nTo: group: g1@d1.org, g2@d2.org;, group2: "
			"g3@d3.org;\n"
			"Cc: group:;, group2: (foo) ;\nReply-To: \nSubject:\n"),
			S_INIT("NIL \"\" ((\"Real Name\" NIL \"user\" \"domain\")) ((\"Real Name\" "
			       "NIL \"user\" \"domain\")) "
			       "((\"Real Name\" NIL \"user\" \"domain\")) ((NIL NIL \"group\" "
			       "NIL)(NIL NIL \"g1\" \"d1.org\")"
			       "(NIL NIL \"g2\" \"d2.org\")(NIL NIL NIL NIL)(NIL NIL \"group2\" "
			       "NIL)(NIL NIL \"g3\" \"d3.org\")"
			       "(NIL NIL NIL NIL)) ((NIL NIL \"group\" NIL)(NIL NIL NIL NIL)(NIL "
			       "NIL \"group2\" NIL)"
			       "(NIL NIL NIL NIL)) NIL NIL NIL")},
		{S_INIT("From: <@route,@b:user@domain>\nTo: one@x\nTo: =?utf-8?q?T=C3=BC?= "
			"<two@x>, John Smith, \"a b\"@c\n"
			"From: second@from\n"),
			S_INIT("NIL NIL ((NIL \"@route,@b\" \"user\" \"domain\")) ((NIL "
			       "\"@route,@b\" \"user\" \"domain\")) "
			       "((NIL \"@route,@b\" \"user\" \"domain\")) ((NIL NIL \"one\" \"x\")"
			       "(\"=?utf-8?q?T=C3=BC?=\" NIL \"two\" \"x\")(NIL NIL \"John Smith\" "
			       "\"\")"
			       "(NIL NIL \"a b\" \"c\")) NIL NIL NIL NIL")},
		{S_INIT("From: d\nTo: Bob <>, a@b <c@d> , \"x\\\"y\" <e@f> <g@h>, "
			"undisclosed-recipients:;\nCc: tail: a@b"),
			S_INIT("NIL NIL ((NIL NIL \"d\" \"\")) ((NIL NIL \"d\" \"\")) ((NIL NIL "
			       "\"d\" \"\")) "
			       "((\"Bob\" NIL \"\" \"\")(\"a@b\" NIL \"c\" \"d\")(\"x\"y\" NIL "
			       "\"e\" \"f\")(NIL NIL \"g\" \"h\")"
			       "(NIL NIL \"undisclosed-recipients\" NIL)(NIL NIL NIL NIL)) ((NIL "
			       "NIL \"tail\" NIL)"
			       "(NIL NIL \"a\" \"b\")(NIL NIL NIL NIL)) NIL NIL NIL")},
	};
	for (size_t i = 0; i < sizeof v / sizeof *v; i++) {
		AUTO(buf) struct buf in = BUF(1 << 16);
		struct made m;
		buf_put(&in, v[i].header);
		buf_put(&in, S("\r\nbody\r\n"));
		make_bytes(buf_slice(&in), false, &m);
		CHECK_STR(show_envelope(&m, 0), v[i].want);
		CHECK(m.s.flags & SUMMARY_NO_PREVIEW &&
			!(m.s.flags & (SUMMARY_CUT | SUMMARY_8BIT)));
		made_done(&m);
	}
}

static const char nested[] =
	"From: user@domain.org\r\nDate: Sat, 24 Mar 2007 23:00:00 +0200\r\nMime-Version: 1.0\r\n"
	"Content-Type: Multipart/Mixed; boundary=\"foo\r\n bar\"; x=\"a \\\"b\"\r\n\r\nRoot MIME "
	"prologue\r\n\r\n--foo bar\r\n"
	"Content-Type: text/x-MyOwn; charset=us-ascii\r\n\r\nhello\r\n\r\n--foo "
	"bar\r\nContent-Type: message/rfc822\r\n\r\n"
	"From: sub@domain.org\r\nSubject: submsg\r\nContent-Type: multipart/alternative; "
	"boundary=\"sub1\"\r\n\r\n"
	"Sub MIME prologue\r\n--sub1\r\nContent-Type: text/html\r\n\r\n<p>Hello "
	"world</p>\r\n\r\n--sub1\r\n"
	"Content-Type: text/plain\r\n\r\nHello another world\r\n\r\n--sub1--\r\nSub MIME "
	"epilogue\r\n\r\n--foo bar\r\n"
	"Content-Type: APPLICATION/pdf; NAME*=utf-8''%41.pdf\r\nContent-Transfer-Encoding: "
	"Base64\r\n"
	"Content-ID: <id@x>\r\nContent-Description: A =?us-ascii?q?file?=\r\nContent-MD5: "
	"Q2hlY2s=\r\n"
	"Content-Disposition: Attachment; filename=\"a;b.pdf\"; size=4\r\nContent-Language: de, "
	"en-GB (x)\r\n"
	"Content-Location: http://x/y\r\n\r\nYWJj\r\n ZA==\r\n--foo bar--\r\nRoot MIME "
	"epilogue\r\n";

static slice show_pairs(struct made *m, slice params)
{
	slice name, value;
	buf_reset(&m->shown);
	while (summary_next_pair(&params, &name, &value))
		buf_printf(&m->shown, "%.*s=%.*s|", SFMT(name), SFMT(value));
	return buf_slice(&m->shown);
}

TEST(parts_are_found_with_their_fields)
{
	static const struct {
		unsigned path[3], n;
		slice type, subtype, body;
		int64_t lines, decoded;
	} v[] = {
		{{1}, 1, S_INIT("text"), S_INIT("x-MyOwn"), S_INIT("hello\r\n"), 1, 7},
		{{2, 1}, 2, S_INIT("text"), S_INIT("html"), S_INIT("<p>Hello world</p>\r\n"), 1,
			20},
		{{2, 2}, 2, S_INIT("text"), S_INIT("plain"), S_INIT("Hello another world\r\n"), 1,
			21},
		{{3}, 1, S_INIT("APPLICATION"), S_INIT("pdf"), S_INIT("YWJj\r\n ZA=="), 0, 4},
	};
	slice in = slice_z(nested), one;
	struct made m;
	struct summary_part p;
	make_bytes(in, false, &m);
	for (size_t i = 0; i < sizeof v / sizeof *v; i++) {
		int at = summary_find_part(&m.s, v[i].path, v[i].n);
		CHECK(at > 0);
		summary_part(&m.s, (size_t)at, &p);
		CHECK_STR(p.type, v[i].type);
		CHECK_STR(p.subtype, v[i].subtype);
		CHECK_STR(slice_of(in.p + p.body_at, p.body_n), v[i].body);
		CHECK_INT(p.lines, v[i].lines);
		CHECK_INT(p.decoded_n, v[i].decoded);
	}
	CHECK_STR(show_pairs(&m, p.params), S("NAME*=utf-8''%41.pdf|"));
	CHECK_STR(show_pairs(&m, p.disposition_params), S("filename=a;b.pdf|size=4|"));
	CHECK_STR(p.disposition, S("Attachment"));
	CHECK_STR(p.id, S("<id@x>"));
	CHECK_STR(p.description, S("A =?us-ascii?q?file?="));
	CHECK_STR(p.encoding_text, S("Base64"));
	CHECK_STR(p.md5, S("Q2hlY2s="));
	CHECK_STR(p.location, S("http://x/y"));
	CHECK(summary_next_text(&p.language, &one));
	CHECK_STR(one, S("de"));
	CHECK(summary_next_text(&p.language, &one));
	CHECK_STR(one, S("en-GB (x)"));
	CHECK(!summary_next_text(&p.language, &one));
	CHECK(m.s.flags & SUMMARY_ATTACHMENT && m.s.nenvelopes == 2);
	summary_part(&m.s, 0, &p);
	CHECK(p.multipart && p.parent == -1 && p.envelope == -1 && p.header_n == m.s.header_n);
	CHECK_STR(show_pairs(&m, p.params), S("boundary=foo bar|x=a \"b|"));
	CHECK_INT(m.s.sent_at, 1174770000);
	made_done(&m);
}

TEST(paths_lead_through_messages)
{
	slice in = S("Content-Type: message/rfc822\n\nContent-Type: message/rfc822\n\nSubject: "
		     "submsg\n\nHello world\n");
	static const struct {
		unsigned path[4], n;
		int want;
	} v[] = {{{0}, 0, 0}, {{1}, 1, 0}, {{1, 1}, 2, 1}, {{1, 1, 1}, 3, 2}, {{1, 1, 1, 1}, 4, -1},
		{{2}, 1, -1}, {{1, 2}, 2, -1}, {{0}, 1, -1}};
	struct made m;
	struct summary_part p;
	make_bytes(in, false, &m);
	for (size_t i = 0; i < sizeof v / sizeof *v; i++)
		CHECK_INT(summary_find_part(&m.s, v[i].path, v[i].n), v[i].want);
	summary_part(&m.s, 1, &p);
	CHECK_INT(p.envelope, 2);
	CHECK_STR(summary_text(&m.s, 2, SUMMARY_SUBJECT), S("submsg"));
	summary_part(&m.s, 0, &p);
	CHECK_INT(p.lines, 5);
	made_done(&m);
	make_bytes(slice_z(nested), false, &m);
	CHECK_INT(summary_find_part(&m.s, (const unsigned[]){2}, 1), 2);
	CHECK_INT(summary_find_part(&m.s, (const unsigned[]){2, 3}, 2), -1);
	CHECK_INT(summary_find_part(&m.s, (const unsigned[]){4}, 1), -1);
	made_done(&m);
}

/* Fields that were put in front of the stored bytes; also before bytes that have no header at all. */
TEST(what_is_put_before_counts_for_the_envelope)
{
	static const struct {
		slice lead, stored, body;
		uint64_t header_n;
	} v[] = {
		{S_INIT("Received: x\r\nMessage-ID: <a@b>\r\n"), S_INIT("Subject: s\r\n\r\nbody"),
			S_INIT("body"), 14},
		{S_INIT("Message-ID: <a@b>\r\n\r\n"), S_INIT("body"), S_INIT("body"), 0},
		{S_INIT("Message-ID: <a@b>\r\n"), S_INIT(""), S_INIT(""), 0},
	};
	for (size_t i = 0; i < sizeof v / sizeof *v; i++) {
		AUTO(buf) struct buf in = BUF(1 << 16), record = BUF(1 << 16);
		AUTO(arena) struct arena a = {0};
		struct mime m;
		struct summary s;
		struct summary_part p;
		buf_put(&in, v[i].lead);
		buf_put(&in, v[i].stored);
		mime_parse(buf_slice(&in), &mime_limits_default, &a, &m);
		summary_build(buf_slice(&in), v[i].lead.n, &m, true, &record);
		CHECK(summary_open(buf_slice(&record), &s));
		summary_part(&s, 0, &p);
		CHECK_STR(summary_text(&s, 0, SUMMARY_MESSAGE_ID), S("<a@b>"));
		CHECK_INT(s.size, v[i].stored.n);
		CHECK_INT(p.header_at, 0);
		CHECK_INT(p.header_n, v[i].header_n);
		CHECK_STR(slice_of(v[i].stored.p + p.body_at, p.body_n), v[i].body);
	}
}

TEST(types_are_what_people_see)
{
	static const struct {
		slice header, type, subtype, params;
		bool message;
	} v[] = {
		{S_INIT(""), S_INIT("text"), S_INIT("plain"), S_INIT("charset=us-ascii|"), false},
		{S_INIT("Content-Type: multipart/mixed\n"), S_INIT("text"), S_INIT("plain"),
			S_INIT("charset=us-ascii|"), false},
		{S_INIT("Content-Type: multipart/mixed; boundary=x\n"), S_INIT("text"),
			S_INIT("plain"), S_INIT("charset=us-ascii|"), false},
		{S_INIT("Content-Type: nothing\n"), S_INIT("text"), S_INIT("plain"),
			S_INIT("charset=us-ascii|"), false},
		{S_INIT("Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n"),
			S_INIT("message"), S_INIT("rfc822"), S_INIT(""), false},
		{S_INIT("Content-Type: text/plain; charset=gbk; format=flowed (a;b)\n"),
			S_INIT("text"), S_INIT("plain"), S_INIT("charset=gbk|format=flowed|"),
			false},
		{S_INIT("Content-Type: image/png name=a.png\n"), S_INIT("image"), S_INIT("png"),
			S_INIT(""), false},
	};
	for (size_t i = 0; i < sizeof v / sizeof *v; i++) {
		AUTO(buf) struct buf in = BUF(1 << 16);
		struct made m;
		struct summary_part p;
		buf_put(&in, v[i].header);
		buf_put(&in, S("\nbody\n"));
		make_bytes(buf_slice(&in), false, &m);
		summary_part(&m.s, 0, &p);
		CHECK_STR(p.type, v[i].type);
		CHECK_STR(p.subtype, v[i].subtype);
		CHECK_STR(show_pairs(&m, p.params), v[i].params);
		CHECK_INT(p.message, v[i].message);
		made_done(&m);
	}
}

TEST(base_subjects_are_those_of_rfc5256)
{
	static const struct {
		slice in, want;
		bool reply;
	} v[] = {
		{S_INIT("a"), S_INIT("a"), false},
		{S_INIT("[foo] Fwd: [bar] Re: fw: b (fWd)  (fwd)"), S_INIT("b"), true},
		{S_INIT("b (a)"), S_INIT("b (a)"), false},
		{S_INIT("Re: [FWD: c]"), S_INIT("c"), true},
		{S_INIT("[xyz]"), S_INIT("[xyz]"), false},
		{S_INIT("[abc][xyz] "), S_INIT("[xyz]"), false},
		{S_INIT("[abc] word"), S_INIT("word"), false},
		{S_INIT(" "), S_INIT(""), false},
		{S_INIT("RE: C"), S_INIT("C"), true},
		{S_INIT("Ad: Re: Ad: Re: Ad: x"), S_INIT("Ad: Re: Ad: Re: Ad: x"), false},
		{S_INIT("re: [fwd: [fwd: re: [fwd: babylon]]]"), S_INIT("babylon"), true},
		{S_INIT("Re [x] : a\t  b"), S_INIT("a b"), true},
		{S_INIT("Re: Fwd:"), S_INIT(""), true},
		{S_INIT("Really: no"), S_INIT("Really: no"), false},
		{S_INIT("fwd: [a [b] c"), S_INIT("[a [b] c"), true},
		{S_INIT("Re: 回复"), S_INIT("回复"), true},
	};
	for (size_t i = 0; i < sizeof v / sizeof *v; i++) {
		AUTO(arena) struct arena a = {0};
		bool reply;
		CHECK_STR(summary_base_subject(v[i].in, &a, &reply), v[i].want);
		CHECK_INT(reply, v[i].reply);
	}
}

TEST(subjects_are_decoded_and_compared)
{
	struct made m;
	make_bytes(S("Subject: =?us-ascii?b?UmU6IGM=?=\n =?utf-8?q?=C3=A4?=\nList-Id: \"The "
		     "=?utf-8?q?L?=\" <l.example>\n\n"),
		false, &m);
	CHECK_STR(summary_text(&m.s, 0, SUMMARY_SUBJECT),
		S("=?us-ascii?b?UmU6IGM=?= =?utf-8?q?=C3=A4?="));
	CHECK_STR(summary_text(&m.s, 0, SUMMARY_SUBJECT_TEXT), S("Re: cä"));
	CHECK_STR(summary_text(&m.s, 0, SUMMARY_BASE_SUBJECT), S("cä"));
	CHECK_STR(summary_text(&m.s, 0, SUMMARY_LIST_ID), S("l.example"));
	CHECK(!summary_text(&m.s, 0, SUMMARY_PREVIEW).p);
	CHECK_INT(m.s.sent_at, INT64_MIN);
	made_done(&m);
}

static slice show_references(struct made *m)
{
	unsigned it = 0;
	slice id;
	buf_reset(&m->shown);
	while (summary_next_reference(&m->s, &it, &id))
		buf_printf(&m->shown, "%.*s ", SFMT(id));
	return buf_slice(&m->shown);
}

TEST(references_are_message_ids)
{
	static const struct {
		slice header, want;
	} v[] = {
		{S_INIT("References: <a@b>\n <\"c d\"@e><f@g>\nIn-Reply-To: <z@z>\n"),
			S_INIT("a@b cd@e f@g ")},
		{S_INIT("In-Reply-To: your message of <z@z>\n"), S_INIT("z@z ")},
		{S_INIT("References: none\nIn-Reply-To: <y@y> <z@z>\n"), S_INIT("y@y z@z ")},
		{S_INIT("References: <a\"b@c> <>  <d@e\n"), S_INIT("ab@c ")},
		{S_INIT(""), S_INIT("")},
	};
	for (size_t i = 0; i < sizeof v / sizeof *v; i++) {
		AUTO(buf) struct buf in = BUF(1 << 16);
		struct made m;
		buf_put(&in, v[i].header);
		buf_put(&in, S("\nbody\n"));
		make_bytes(buf_slice(&in), false, &m);
		CHECK_STR(show_references(&m), v[i].want);
		made_done(&m);
	}
}

TEST(previews_are_what_was_written)
{
	static const struct {
		slice in, want;
	} v[] = {
		{S_INIT("\n  Hello\r\n\r\nWorld \xe3\x80\x80 !\n-- \nAnn\n"),
			S_INIT("Hello World !")},
		{S_INIT("\nOn Monday, Ann\n<ann@example.com> wrote:\n\n> old\n> text\n\nNo, "
			"thanks.\n"),
			S_INIT("No, thanks.")},
		{S_INIT("\nTo do:\nthis <https://example.com/x> and that\n----------\nend"),
			S_INIT("To do: this and that end")},
		{S_INIT("\n---------- Forwarded message ---------\nFrom: a@b\nSubject: "
			"x\n\nInside\n"),
			S_INIT("Inside")},
		{S_INIT("\nYes.\n-----Original Message-----\nFrom: a@b\nInside\n"), S_INIT("Yes.")},
		{S_INIT("Content-Type: text/html; "
			"charset=gb2312\n\n<style>x{}</style><p>\xc4\xe3&nbsp;<b>\xba\xc3</b></p>"
			"<div style='display:none'>no</div>"),
			S_INIT("你 好")},
		{S_INIT("Content-Type: multipart/alternative; boundary=x\n\n--x\nContent-Type: "
			"text/plain\n\n \n--x\n"
			"Content-Type: text/html\n\n<p>seen</p>\n--x--\n"),
			S_INIT("seen")},
		{S_INIT("Content-Type: multipart/mixed; boundary=x\n\n--x\nContent-Disposition: "
			"attachment\n\nfile\n--x\n"
			"Content-Transfer-Encoding: base64\n\nYWJj\n--x--\n"),
			S_INIT("abc")},
		{S_INIT("Content-Type: application/pdf\n\nx\n"), S_INIT("")},
	};
	for (size_t i = 0; i < sizeof v / sizeof *v; i++) {
		struct made m;
		make_bytes(v[i].in, true, &m);
		CHECK_STR(summary_text(&m.s, 0, SUMMARY_PREVIEW), v[i].want);
		made_done(&m);
	}
}

TEST(previews_end_after_200_characters)
{
	AUTO(buf) struct buf in = BUF(1 << 16);
	struct made m;
	buf_put(&in, S("Content-Type: text/plain; charset=utf-8\n\n"));
	for (int i = 0; i < 150; i++)
		buf_put(&in, S("你 "));
	make_bytes(buf_slice(&in), true, &m);
	slice text = summary_text(&m.s, 0, SUMMARY_PREVIEW);
	size_t n = 0;
	for (uint32_t c; utf8_next(&text, &c);)
		n++;
	CHECK(n >= SUMMARY_PREVIEW_MAX - 1 && n <= SUMMARY_PREVIEW_MAX);
	made_done(&m);
}

TEST(what_does_not_fit_is_cut)
{
	AUTO(buf) struct buf in = BUF(1 << 24), full = BUF(1 << 24);
	AUTO(arena) struct arena a = {0};
	struct mime mime;
	struct made m;
	struct summary s;
	struct summary_address who;
	unsigned it = 0, n = 0;
	buf_put(&in, S("To: x@y"));
	for (int i = 0; i < 5000; i++)
		buf_printf(&in, ",\r\n Somebody Number %d <somebody.%d@%d.example.com>", i, i, i);
	buf_put(&in, S("\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"));
	for (int i = 0; i < 2000; i++)
		buf_printf(&in,
			"--b\r\nContent-Type: text/plain; name=%d\r\nContent-Description: "
			"%d\r\n\r\n\r\n",
			i, i);
	make_bytes(buf_slice(&in), true, &m);
	CHECK(m.s.flags & SUMMARY_CUT && m.s.nparts > 1);
	while (summary_next_address(&m.s, 0, SUMMARY_TO, &it, &who))
		n++;
	CHECK(n > 10 && n <= SUMMARY_ADDRESSES_MAX);
	mime_parse(buf_slice(&in), &mime_limits_default, &a, &mime);
	summary_build_whole(buf_slice(&in), 0, &mime, &full);
	CHECK(summary_open(buf_slice(&full), &s) && !(s.flags & SUMMARY_CUT));
	for (it = n = 0; summary_next_address(&s, 0, SUMMARY_TO, &it, &who);)
		n++;
	CHECK_INT(n, 5001);
	made_done(&m);
}

TEST(damaged_records_are_none)
{
	struct made m;
	struct summary s;
	make_bytes(slice_z(nested), true, &m);
	slice r = buf_slice(&m.record);
	CHECK(r.n < 1000);
	CHECK(!summary_open(S(""), &s));
	for (size_t n = 0; n < r.n; n++)
		CHECK(!summary_open(slice_first(r, n), &s));
	m.record.p[0] = 99;
	CHECK(!summary_open(r, &s));
	made_done(&m);
}

/* What a message has more when all its lines end in CRLF: of what is stored, without what stands before it. */
TEST(line_ends_that_are_missing_are_counted)
{
	static const struct {
		slice message;
		size_t lead;
		uint64_t octets;
	} v[] = {
		{S_INIT("A: b\r\n\r\nc\r\n"), 0, 0},
		{S_INIT("A: b\r\n\r\nc"), 0, 2},
		{S_INIT("A: b\n\nc\n"), 0, 3},
		{S_INIT("A: b\r\n\r\n\n\r\r\nd\r"), 0, 3},
		{S_INIT("X: y\n\nA: b\r\n\r\nc\r\n"), 6, 0},
		{S_INIT("X: y\r\n\nc"), 6, 3},
		{S_INIT(""), 0, 0},
	};
	for (size_t i = 0; i < sizeof v / sizeof *v; i++) {
		AUTO(arena) struct arena a = {0};
		AUTO(buf) struct buf out = BUF(SUMMARY_MAX);
		struct summary s;
		struct mime m;
		mime_parse(v[i].message, &mime_limits_default, &a, &m);
		summary_build(v[i].message, v[i].lead, &m, false, &out);
		CHECK(summary_open(buf_slice(&out), &s));
		CHECK_INT(s.line_octets, v[i].octets);
		CHECK(!(s.flags & SUMMARY_LINES) == !v[i].octets);
		CHECK(!summary_open(slice_first(buf_slice(&out), out.n - 1), &s));
	}
}
