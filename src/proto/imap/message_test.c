/* Messages: FETCH with all it can be asked for, STORE, EXPUNGE, COPY, MOVE, APPEND, CATENATE, REPLACE. */
#include "proto/imap/append.h"
#include "proto/imap/testing.h"

#define IN LOGIN "C: i SELECT INBOX\nW: i OK [READ-WRITE] <any>\n"

/* A text, a base64 file with a NUL and a message inside, as APPEND takes it: 649 bytes. */
#define MIXED                                                                                      \
	"From: Ann <ann@example.com>\n"                                                            \
	"To: undisclosed: bob@example.com;\n"                                                      \
	"Subject: =?utf-8?q?caf=C3=A9?= \"x\"\n"                                                   \
	"Message-ID: <m1@example.com>\n"                                                           \
	"MIME-Version: 1.0\n"                                                                      \
	"Content-Type: multipart/mixed; boundary=b\n"                                              \
	"\n"                                                                                       \
	"--b\n"                                                                                    \
	"Content-Type: text/plain; charset=utf-8\n"                                                \
	"Content-Transfer-Encoding: quoted-printable\n"                                            \
	"\n"                                                                                       \
	"caf=C3=A9 au=\n"                                                                          \
	" lait\n"                                                                                  \
	"--b\n"                                                                                    \
	"Content-Type: application/octet-stream; name=f.bin\n"                                     \
	"Content-Disposition: attachment; filename=f.bin\n"                                        \
	"Content-Transfer-Encoding: base64\n"                                                      \
	"\n"                                                                                       \
	"QUJDRA==\n"                                                                               \
	"--b\n"                                                                                    \
	"Content-Type: message/rfc822\n"                                                           \
	"\n"                                                                                       \
	"From: inner@example.org\n"                                                                \
	"Subject: inside\n"                                                                        \
	"\n"                                                                                       \
	"inner body\n"                                                                             \
	"--b--\n"

static void deliver(struct world *w, const char *lines)
{
	AUTO(buf) struct buf out = BUF(1 << 20);
	for (const char *p = lines; *p; p++) {
		if (*p == '\n')
			buf_byte(&out, '\r');
		buf_byte(&out, *p);
	}
	world_deliver(w, S("INBOX"), buf_slice(&out));
}

TEST(imap_fetch_sections)
{
	struct world *w = imap_world();
	deliver(w, MIXED);
	CHECK_IMAP(w, IN
		"C: a FETCH 1 (BODY.PEEK[HEADER.FIELDS (SUBJECT x-prefix nosuch)])\n"
		"S: * 1 FETCH (BODY[HEADER.FIELDS (\"SUBJECT\" \"x-prefix\" \"nosuch\")] {53}\n"
		"S: X-Prefix: yes\n"
		"S: Subject: =?utf-8?q?caf=C3=A9?= \"x\"\n"
		"S: \n"
		"S: )\n"
		"S: a OK Fetched\n"
		"C: b FETCH 1 (BODY.PEEK[1] BODY.PEEK[1.MIME]<0.13> BODY.PEEK[3.HEADER] "
		"BODY.PEEK[3.TEXT] BODY.PEEK[3.1])\n"
		"S: * 1 FETCH (BODY[1] {20}\n"
		"S: caf=C3=A9 au=\n"
		"S:  lait BODY[1.MIME]<0> {13}\n"
		"S: Content-Type: BODY[3.HEADER] {44}\n"
		"S: From: inner@example.org\n"
		"S: Subject: inside\n"
		"S: \n"
		"S:  BODY[3.TEXT] {10}\n"
		"S: inner body BODY[3.1] {10}\n"
		"S: inner body)\n"
		"S: b OK Fetched\n"
		"C: c FETCH 1 (BODY.PEEK[9] BODY.PEEK[1.HEADER] BODY.PEEK[TEXT]<100000.5>)\n"
		"S: * 1 FETCH (BODY[9] NIL BODY[1.HEADER] NIL BODY[TEXT]<100000> {0}\n"
		"S: )\n"
		"S: c OK Fetched\n"
		"C: d FETCH 1 (BINARY.PEEK[1] BINARY.SIZE[1] BINARY.SIZE[2] BINARY.PEEK[2]<1.2>)\n"
		"S: * 1 FETCH (BINARY[1] {13}\n"
		"S: caf\xc3\xa9 au lait BINARY.SIZE[1] 13 BINARY.SIZE[2] 4 BINARY[2]<1> {2}\n"
		"S: BC)\n"
		"S: d OK Fetched\n"
		"C: e FETCH 1 FLAGS\n"
		"S: * 1 FETCH (FLAGS (\\Recent))\n"
		"S: e OK Fetched\n"
		"C: f FETCH 1 BODY[3.1]\n"
		"S: * 1 FETCH (FLAGS (\\Seen \\Recent) BODY[3.1] {10}\n"
		"S: inner body)\n"
		"S: f OK Fetched\n"
		"C: g FETCH 1 RFC822.HEADER\n"
		"S: * 1 FETCH (RFC822.HEADER {<any>}\n"
		"S: X-Prefix: yes\n"
		"S: From: Ann <ann@example.com>\n"
		"W: )\n"
		"S: g OK Fetched\n");
	world_close(w);
}

TEST(imap_fetch_structure)
{
	struct world *w = imap_world();
	deliver(w, MIXED);
	CHECK_IMAP(w, IN
		"C: a FETCH 1 ENVELOPE\n"
		"S: * 1 FETCH (ENVELOPE (NIL \"=?utf-8?q?caf=C3=A9?= \\\"x\\\"\" ((\"Ann\" NIL "
		"\"ann\" \"example.com\")) "
		"((\"Ann\" NIL \"ann\" \"example.com\")) ((\"Ann\" NIL \"ann\" \"example.com\")) "
		"((NIL NIL \"undisclosed\" NIL)(NIL NIL \"bob\" \"example.com\")(NIL NIL NIL NIL)) "
		"NIL NIL NIL \"<m1@example.com>\"))\n"
		"S: a OK Fetched\n"
		"C: b FETCH 1 BODYSTRUCTURE\n"
		"S: * 1 FETCH (BODYSTRUCTURE ((\"text\" \"plain\" (\"charset\" \"utf-8\") NIL NIL "
		"\"quoted-printable\" 20 1 NIL NIL NIL NIL)"
		"(\"application\" \"octet-stream\" (\"name\" \"f.bin\") NIL NIL \"base64\" 8 NIL "
		"(\"attachment\" (\"filename\" \"f.bin\")) NIL NIL)"
		"(\"message\" \"rfc822\" NIL NIL NIL \"7BIT\" 54 (NIL \"inside\" ((NIL NIL "
		"\"inner\" \"example.org\")) "
		"((NIL NIL \"inner\" \"example.org\")) ((NIL NIL \"inner\" \"example.org\")) NIL "
		"NIL NIL NIL NIL) "
		"(\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7BIT\" 10 0 NIL NIL NIL "
		"NIL) 3 NIL NIL NIL NIL) "
		"\"mixed\" (\"boundary\" \"b\") NIL NIL NIL))\n"
		"S: b OK Fetched\n"
		"C: c FETCH 1 (UID EMAILID THREADID SAVEDATE PREVIEW (LAZY) INTERNALDATE)\n"
		"S: * 1 FETCH (UID 1 INTERNALDATE \" 1-Jan-1970 00:16:40 +0000\" SAVEDATE "
		"\"<any>\" EMAILID (M<any>) THREADID (T<any>) "
		"PREVIEW <any>\n"
		"W: c OK Fetched\n");
	world_close(w);
}

static int infected(void *arg, int64_t account_id, const struct mailbox_message *m, struct err *e)
{
	(void)arg, (void)account_id;
	return m->uid == 2 ? err_set(e, ERR_DENIED, "A virus was found: Eicar") : 0;
}

/* A message with a virus is not given out, the others are; what is known without its bytes is told. */
TEST(imap_fetch_what_may_not_be_given)
{
	struct world *w = imap_world();
	for (unsigned i = 0; i < 3; i++)
		deliver(w, "Subject: x\n\nbody");
	boxes_guard(w->boxes, infected, NULL);
	CHECK_IMAP(w, IN "C: a FETCH 1:3 BODY.PEEK[TEXT]\n"
			 "S: * 1 FETCH (BODY[TEXT] {4}\nS: body)\n"
			 "S: * 3 FETCH (BODY[TEXT] {4}\nS: body)\n"
			 "S: a NO 1 message was not given: A virus was found: Eicar\n"
			 "C: b FETCH 2 (FLAGS BODY.PEEK[])\n"
			 "S: * 2 FETCH (FLAGS (\\Recent))\n"
			 "S: b NO 1 message was not given: <any>\n"
			 "C: c SEARCH BODY body\nS: * SEARCH 1 3\n"
			 "S: c OK Searched; 1 message could not be read\n"
			 "C: d APPEND INBOX CATENATE (URL \"/INBOX/;UID=2\")\nS: d NO <any>\n");
	world_close(w);
}

/* More recipients than a summary keeps: all of them are told. */
TEST(imap_fetch_what_a_summary_has_no_room_for)
{
	struct world *w = imap_world();
	AUTO(buf) struct buf m = BUF(1 << 20), script = BUF(1 << 20);
	buf_put(&m, S("From: a@b.c\nTo: x0@example.com"));
	buf_put(&script, S(IN "C: a FETCH 1 ENVELOPE\nS: * 1 FETCH (ENVELOPE (NIL NIL ((NIL NIL "
			      "\"a\" \"b.c\")) "
			      "((NIL NIL \"a\" \"b.c\")) ((NIL NIL \"a\" \"b.c\")) ((NIL NIL "
			      "\"x0\" \"example.com\")"));
	for (unsigned i = 1; i < 1000; i++) {
		buf_printf(&m, ",\n x%u@example.com", i);
		buf_printf(&script, "(NIL NIL \"x%u\" \"example.com\")", i);
	}
	buf_put(&m, S("\n\nbody\n"));
	buf_byte(&m, 0);
	buf_put(&script, S(") NIL NIL NIL NIL))\nS: a OK Fetched\nC: b SEARCH TO x999@\nS: * "
			   "SEARCH 1\nS: b OK Searched\n"));
	buf_byte(&script, 0);
	deliver(w, m.p);
	CHECK_IMAP(w, script.p);
	world_close(w);
}

TEST(imap_fetch_that_is_wrong)
{
	struct world *w = imap_world();
	deliver(w, MIXED);
	CHECK_IMAP(w, IN "C: a FETCH 1 NOSUCH\nS: a BAD Syntax: <any>\n"
			 "C: b FETCH 1 BODY[0]\nS: b BAD Syntax: <any>\n"
			 "C: c FETCH 1 BODY[MIME]\nS: c BAD Syntax: <any>\n"
			 "C: d FETCH 1 BODY[]<0.0>\nS: d BAD Syntax: <any>\n"
			 "C: e FETCH 1 BINARY[1.TEXT]\nS: e BAD Syntax: <any>\n"
			 "C: f FETCH 2 FLAGS\nS: f BAD <any>\n"
			 "C: g FETCH 1 (FLAGS) (CHANGEDSINCE 0)\nS: g BAD <any>\n"
			 "C: h UID FETCH 1 FLAGS (VANISHED CHANGEDSINCE 1)\nS: h BAD <any>\n"
			 "C: j FETCH 1 (FLAGS) (PARTIAL 1:2)\nS: j BAD <any>\n"
			 "C: k FETCH 1 (FULL)\nS: k BAD <any>\n"
			 "C: m UID FETCH 77 FLAGS\nS: m OK Fetched\n"
			 "C: n FETCH 1 "
			 "BODY[1.2.3.4.5.6.7.8.9.10.11.12.13.14.15.16.17.18.19.20.21.22.23.24.25."
			 "26.27.28.29.30.31.32.33]\n"
			 "S: n BAD <any>\n");
	world_close(w);
}

TEST(imap_fetch_since_and_partial)
{
	struct world *w = imap_world();
	for (unsigned i = 0; i < 5; i++)
		deliver(w, "Subject: x\n\nbody\n");
	CHECK_IMAP(w, LOGIN
		"C: q ENABLE QRESYNC\nW: q OK <any>\n"
		"C: i SELECT INBOX\nW: * OK [HIGHESTMODSEQ <1>] <any>\nW: i OK [READ-WRITE] <any>\n"
		"C: a UID STORE 2 +FLAGS.SILENT (\\Flagged)\n"
		"S: * 2 FETCH (UID 2 MODSEQ (<2>))\n"
		"S: a OK Stored\n"
		"C: b UID FETCH 1:* (FLAGS) (CHANGEDSINCE <1>)\n"
		"S: * 2 FETCH (UID 2 MODSEQ (<2>) FLAGS (\\Flagged \\Recent))\n"
		"S: b OK Fetched\n"
		"C: c UID STORE 4 +FLAGS.SILENT (\\Deleted)\nW: c OK Stored\n"
		"C: d EXPUNGE\nS: * VANISHED 4\nS: d OK [HIGHESTMODSEQ <any>] Expunged\n"
		"C: e UID FETCH 1:* (FLAGS) (CHANGEDSINCE <2> VANISHED)\n"
		"S: * VANISHED (EARLIER) 4\n"
		"S: e OK Fetched\n"
		"C: f UID FETCH 1:* (UID) (PARTIAL -1:-2)\n"
		"S: * 3 FETCH (UID 3)\nS: * 4 FETCH (UID 5)\nS: f OK Fetched\n"
		"C: g UID FETCH 1:* (UID) (PARTIAL 2:2)\n"
		"S: * 2 FETCH (UID 2)\nS: g OK Fetched\n"
		"C: h UID FETCH 1:* (UID) (PARTIAL 9:12)\nS: h OK Fetched\n");
	world_close(w);
}

TEST(imap_messages_are_limited)
{
	struct world *w = imap_world();
	for (unsigned i = 0; i < 5; i++)
		deliver(w, "Subject: x\n\nbody\n");
	served.limits.messages = 2;
	CHECK_IMAP(w,
		IN "C: a FETCH 1:5 UID\n"
		   "S: * 4 FETCH (UID 4)\nS: * 5 FETCH (UID 5)\n"
		   "S: a OK [MESSAGELIMIT 2 4] <any>\n"
		   "C: b COPY 1:5 Trash\nS: b NO [MESSAGELIMIT 2] <any>\n"
		   "C: c SEARCH ALL\nS: * SEARCH 4 5\nS: c OK [MESSAGELIMIT 2 4] <any>\n"
		   "C: d STORE 1:5 +FLAGS.SILENT (\\Deleted)\nS: d OK [MESSAGELIMIT 2 4] <any>\n"
		   "C: e FETCH 3:4 FLAGS\nS: * 3 FETCH (FLAGS (\\Recent))\nS: * 4 FETCH (FLAGS "
		   "(\\Deleted \\Recent))\nS: e OK Fetched\n");
	world_close(w);
}

TEST(imap_uidonly)
{
	struct world *w = imap_world();
	deliver(w, "Subject: x\n\nbody\n");
	CHECK_IMAP(w, LOGIN "C: q ENABLE UIDONLY\nW: q OK <any>\n"
			    "C: i SELECT INBOX\nW: i OK [READ-WRITE] <any>\n"
			    "C: a FETCH 1 FLAGS\nS: a BAD [UIDREQUIRED] <any>\n"
			    "C: b UID FETCH 1 RFC822.SIZE\nS: * 1 UIDFETCH (RFC822.SIZE <any>)\nS: "
			    "b OK Fetched\n"
			    "C: c UID SEARCH 1\nS: c BAD <any>\n"
			    "C: d UID SEARCH UID 1\nS: * SEARCH 1\nS: d OK Searched\n"
			    "C: e UID STORE 1 +FLAGS (\\Deleted)\nW: * 1 UIDFETCH (<any>FLAGS "
			    "(\\Deleted<any>))\nS: e OK Stored\n"
			    "C: f UID EXPUNGE 1\nS: * VANISHED 1\nS: f OK <any>\n");
	world_close(w);
}

TEST(imap_store)
{
	struct world *w = imap_world();
	for (unsigned i = 0; i < 3; i++)
		deliver(w, "Subject: x\n\nbody\n");
	CHECK_IMAP(w,
		IN "C: a STORE 1:2 +FLAGS (\\Flagged key)\n"
		   "W: * 1 FETCH (<any>FLAGS (\\Flagged<any>key<any>))\n"
		   "S: * 2 FETCH (<any>FLAGS (\\Flagged<any>key<any>))\n"
		   "S: a OK Stored\n"
		   "C: b STORE 1 +FLAGS \\Flagged\n" /* as it was: told all the same */
		   "S: * 1 FETCH (<any>FLAGS (\\Flagged<any>key<any>))\n"
		   "S: b OK Stored\n"
		   "C: c STORE 1:3 -FLAGS.SILENT (\\Flagged)\n"
		   "S: c OK Stored\n"
		   "C: d FETCH 1 MODSEQ\nS: * OK [HIGHESTMODSEQ <any>] <any>\nS: * 1 FETCH (MODSEQ "
		   "(<1>))\nS: d OK Fetched\n"
		   "C: e STORE 1 (UNCHANGEDSINCE <1>) FLAGS.SILENT (\\Seen)\n"
		   "S: * 1 FETCH (MODSEQ (<2>))\n"
		   "S: e OK Stored\n"
		   "C: f STORE 1,3 (UNCHANGEDSINCE <1>) +FLAGS (\\Draft)\n"
		   "S: * 3 FETCH (<any>FLAGS (\\Draft<any>))\n"
		   "S: f OK [MODIFIED 1] <any>\n"
		   "C: g STORE 1 FLAGS (\\Nosuch)\nS: g BAD <any>\n"
		   "C: h STORE 1 (NOSUCH 1) FLAGS (\\Seen)\nS: h BAD <any>\n"
		   "C: j EXAMINE INBOX\nW: j OK [READ-ONLY] <any>\n"
		   "C: k STORE 1 FLAGS (\\Seen)\nS: k NO <any>\n"
		   "C: m EXPUNGE\nS: m NO <any>\n"
		   "C: n FETCH 2 BODY[TEXT]\nS: * 2 FETCH (BODY[TEXT] {<any>}\nW: n OK Fetched\n"
		   "C: o FETCH 2 FLAGS\nS: * 2 FETCH (FLAGS (<any>key<any>))\nS: o OK Fetched\n");
	world_close(w);
}

TEST(imap_copy_and_move)
{
	struct world *w = imap_world();
	for (unsigned i = 0; i < 4; i++)
		deliver(w, "Subject: x\n\nbody\n");
	CHECK_IMAP(w, IN "C: a COPY 1 Nowhere\nS: a NO [TRYCREATE] <any>\n"
			 "C: b CREATE Box\nS: b OK <any>\n"
			 "C: c COPY 1,3 Box\nS: c OK [COPYUID <any> 1,3 1:2] Copied\n"
			 "C: d MOVE 2 Box\nS: * OK [COPYUID <any> 2 3] Moved\nS: * 2 EXPUNGE\nS: d "
			 "OK Moved\n"
			 "C: e UID MOVE 99 Box\nS: e OK <any>\n"
			 "C: f UID STORE 1,4 +FLAGS.SILENT (\\Deleted)\nS: f OK Stored\n"
			 "C: g UID EXPUNGE 4\nS: * 3 EXPUNGE\nS: g OK Expunged\n"
			 "C: h EXPUNGE\nS: * 1 EXPUNGE\nS: h OK Expunged\n"
			 "C: j EXPUNGE\nS: j OK Expunged\n");
	world_close(w);
}

TEST(imap_numbers_of_what_left_meanwhile)
{
	struct world *w = imap_world();
	for (unsigned i = 0; i < 3; i++)
		deliver(w, "Subject: x\n\nbody\n");
	CHECK_IMAP(w,
		IN "C2: l LOGIN alice secret\nS2: l OK <any>\nC2: i SELECT INBOX\nW2: i OK <any>\n"
		   "C2: a STORE 2 +FLAGS.SILENT (\\Deleted)\nS2: a OK Stored\n"
		   "C2: b EXPUNGE\nS2: * 2 EXPUNGE\nS2: b OK Expunged\n"
		   "C: c FETCH 1:3 UID\nS: * 1 FETCH (UID 1)\nS: * 3 FETCH (UID 3)\nS: c OK "
		   "[EXPUNGEISSUED] <any>\n"
		   "C: d STORE 2 +FLAGS (\\Seen)\nS: d OK [EXPUNGEISSUED] <any>\n"
		   "C: e NOOP\nS: * 2 EXPUNGE\nS: e OK <any>\n");
	world_close(w);
}

TEST(imap_append)
{
	struct world *w = imap_world();
	CHECK_IMAP(w,
		IN "C: a APPEND INBOX (\\Flagged) \"01-Feb-2024 03:04:05 +0100\" {14+}\n"
		   "T: A: 1<crlf><crlf>body<crlf>\n"
		   "C: \n"
		   "S: * 1 EXISTS\nW: a OK [APPENDUID <1> 1] Stored\n"
		   "C: b FETCH 1 (FLAGS INTERNALDATE)\n"
		   "S: * 1 FETCH (FLAGS (\\Flagged<any>) INTERNALDATE \" 1-Feb-2024 02:04:05 "
		   "+0000\")\nS: b OK Fetched\n"
		   "C: c APPEND INBOX {9}\nS: + <any>\nT: A: 2<crlf><crlf>x\nC:  {9}\nS: + "
		   "<any>\nT: A: 3<crlf><crlf>y\nC: \n"
		   "W: c OK [APPENDUID <1> 2:3] Stored\n"
		   "C: d APPEND Nowhere {9}\nS: d NO [TRYCREATE] <any>\n"
		   "C: e APPEND INBOX {9999999999}\nS: e NO [TOOBIG] <any>\n"
		   "C: f APPEND INBOX {0+}\nC: \nS: f NO <any>\n"
		   "C: g APPEND INBOX (\\Seen) nonsense\nS: g BAD <any>\n"
		   "C: h APPEND INBOX UTF8 (~{9+}\nT: A: 4<crlf><crlf>z\nC: )\nW: h OK [APPENDUID "
		   "<1> 4] Stored\n"
		   "C: j STATUS INBOX (MESSAGES)\nS: * STATUS INBOX (MESSAGES 4)\nS: j OK <any>\n");
	world_close(w);
}

TEST(imap_catenate_and_replace)
{
	struct world *w = imap_world();
	deliver(w, MIXED);
	CHECK_IMAP(w,
		IN "C: a APPEND INBOX CATENATE (TEXT {12+}\nT: Subject: n<crlf>\n"
		   "C:  TEXT {2+}\nT: <crlf>\nC:  URL \"/INBOX/;UID=1/;SECTION=3.TEXT\" URL "
		   "\"/INBOX/;UID=1/;SECTION=1/;PARTIAL=0.3\")\n"
		   "S: * 2 EXISTS\nW: a OK [APPENDUID <any> 2] Stored\n"
		   "C: b FETCH 2 BODY.PEEK[]\n"
		   "S: * 2 FETCH (BODY[] {27}\nS: Subject: n\nS: \nS: inner bodycaf)\nS: b OK "
		   "Fetched\n"
		   "C: c APPEND INBOX CATENATE (URL \"/INBOX/;UID=99\")\nS: c NO [BADURL "
		   "\"/INBOX/;UID=99\"] <any>\n"
		   "C: d APPEND INBOX CATENATE (URL \"/INBOX;UIDVALIDITY=1/;UID=1\")\nS: d NO "
		   "[BADURL <any>] <any>\n"
		   "C: e APPEND INBOX CATENATE (URL "
		   "\"/Other%20Users/bob@local.test/INBOX/;UID=1\")\nS: e NO [BADURL <any>] <any>\n"
		   "C: f APPEND INBOX CATENATE (FOO x)\nS: f BAD <any>\n"
		   "C: g REPLACE 2 INBOX (\\Draft) {8+}\nT: A: 5<crlf><crlf>\nC: \n"
		   "S: * OK [APPENDUID <any> 3] <any>\nS: * 2 EXPUNGE\nS: * 2 EXISTS\nW: g OK "
		   "Replaced\n"
		   "C: h FETCH 2 (UID FLAGS)\nS: * 2 FETCH (UID 3 FLAGS (\\Draft<any>))\nS: h OK "
		   "Fetched\n"
		   "C: j UID REPLACE 99 INBOX {8+}\nT: A: 5<crlf><crlf>\nC: \nS: j NO "
		   "[EXPUNGEISSUED] <any>\n");
	world_close(w);
}

TEST(append_rewrites_parts_that_hold_nul)
{
	static const struct {
		slice in;
		bool good;
		const char *part;
	} rows[] = {
		{S_INIT("A: b\r\nContent-Transfer-Encoding: binary\r\n\r\na\0b"), true,
			"A: b\r\nContent-Transfer-Encoding: base64\r\n\r\nYQBi\r\n"},
		{S_INIT("A: b\0\r\n\r\nbody"), false, ""},
		{S_INIT("Content-Transfer-Encoding: base64\r\n\r\nQ\0Q="), false, ""},
		{S_INIT("Content-Type: multipart/mixed; "
			"boundary=x\r\n\r\n--x\r\n\r\nplain\r\n--x\r\n"
			"Content-Type: image/png\r\n\r\n\0\0\0\r\n--x--\r\n"),
			true,
			"Content-Type: multipart/mixed; "
			"boundary=x\r\n\r\n--x\r\n\r\nplain\r\n--x\r\n"
			"Content-Type: image/png\r\nContent-Transfer-Encoding: "
			"base64\r\n\r\nAAAA\r\n\r\n--x--\r\n"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		AUTO(buf) struct buf out = BUF(10000);
		CHECK_INT(append_without_nul(rows[i].in, &out), rows[i].good);
		if (rows[i].good)
			CHECK_STR(buf_slice(&out), slice_z(rows[i].part));
	}
}
