/* Where extensions meet each other and their limits, by the letter of their RFCs. */
#include "proto/imap/testing.h"

#define IN LOGIN "C: i SELECT INBOX\nW: i OK [READ-WRITE] <any>\n"

static void deliver(struct world *w, int n)
{
	for (int i = 0; i < n; i++)
		world_deliver(w, S("INBOX"), S("Subject: x\r\n\r\nbody\r\n"));
}

/* RFC 5182 2.1: NO to a search that was to be saved empties the variable, BAD does not; SELECT does. */
TEST(imap_saved_results_of_failed_searches)
{
	struct world *w = imap_world();
	deliver(w, 2);
	CHECK_IMAP(w, IN
		"C: a SEARCH RETURN (SAVE) ALL\nS: a OK Searched\n"
		"C: b SEARCH RETURN (SAVE) NONSENSE\nS: b BAD <any>\n"
		"C: c SEARCH CHARSET KOI8-R ALL\nS: c NO [BADCHARSET <any>\n"
		"C: d FETCH $ UID\nS: * 1 FETCH (UID 1)\nS: * 2 FETCH (UID 2)\nS: d OK <any>\n"
		"C: e SEARCH RETURN (SAVE) CHARSET KOI8-R ALL\nS: e NO [BADCHARSET <any>\n"
		"C: f FETCH $ UID\nS: f OK <any>\n"
		"C: g SEARCH RETURN (SAVE MAX) ALL\nS: * ESEARCH (TAG \"g\") MAX 2\nS: g OK <any>\n"
		"C: h SORT RETURN (SAVE) (ARRIVAL) KOI8-R ALL\nS: h NO [BADCHARSET <any>\n"
		"C: j COPY $ Trash\nS: j OK <any>\n"
		"C: k SORT RETURN (SAVE MIN) (REVERSE ARRIVAL) UTF-8 ALL\n"
		"S: * ESEARCH (TAG \"k\") MIN <1>\nS: k OK <any>\n"
		"C: l SEARCH $\nS: * SEARCH <1>\nS: l OK <any>\n");
	world_close(w);
}

/* RFC 9394 3.1, 4: the range comes back as it was written; what it means has no direction. */
TEST(imap_partial_ranges)
{
	struct world *w = imap_world();
	deliver(w, 4);
	CHECK_IMAP(w, IN "C: a UID SEARCH RETURN (PARTIAL 3:2) ALL\n"
			 "S: * ESEARCH (TAG \"a\") UID PARTIAL (3:2 2:3)\nS: a OK <any>\n"
			 "C: b SEARCH RETURN (PARTIAL -9:-2 SAVE MAX) ALL\n"
			 "S: * ESEARCH (TAG \"b\") MAX 4 PARTIAL (-9:-2 1:3)\nS: b OK <any>\n"
			 "C: c SEARCH $\nS: * SEARCH 1 2 3 4\nS: c OK <any>\n"
			 "C: d SEARCH RETURN (PARTIAL 1:2 PARTIAL 3:4) ALL\nS: d BAD <any>\n"
			 "C: e SEARCH RETURN (PARTIAL 0:2) ALL\nS: e BAD <any>\n"
			 "C: f SEARCH RETURN (PARTIAL -1:2) ALL\nS: f BAD <any>\n"
			 "C: g FETCH 1:4 UID (PARTIAL 1:2)\nS: g BAD <any>\n"
			 "C: h STORE 4 +FLAGS.SILENT (\\Flagged)\nS: h OK <any>\n"
			 "C: j SEARCH RETURN (PARTIAL 1:1 COUNT SAVE) ALL\n"
			 "S: * ESEARCH (TAG \"j\") PARTIAL (1:1 1) COUNT 4\nS: j OK <any>\n"
			 "C: k SEARCH $\nS: * SEARCH 1 2 3 4\nS: k OK <any>\n"
			 "C: m UID FETCH 1:* (UID) (PARTIAL 1:2 CHANGEDSINCE 1)\n"
			 "W: m OK <any>\nN: * 4 FETCH\n");
	world_close(w);
}

/* RFC 9586: no number in either direction. */
TEST(imap_uidonly_refuses_numbers)
{
	struct world *w = imap_world();
	deliver(w, 2);
	CHECK_IMAP(w, LOGIN
		"C: a ENABLE UIDONLY QRESYNC\nW: a OK <any>\n"
		"C: b SELECT INBOX\nW: * 2 EXISTS\nW: * OK [UIDVALIDITY <1>] <any>\nN: * OK "
		"[UNSEEN\n"
		"W: b OK <any>\n"
		"C: c UID SEARCH OR 1 UNSEEN\nS: c BAD [UIDREQUIRED] <any>\n"
		"C: d SELECT INBOX (QRESYNC (<1> 1 1:2 (1:2 1:2)))\nS: d BAD [UIDREQUIRED] <any>\n"
		"C: e SELECT INBOX (QRESYNC (<1> 1 1:2))\nW: * 1 UIDFETCH (<any>)\nW: e OK <any>\n"
		"C: f SEARCH ALL\nS: f BAD [UIDREQUIRED] <any>\n"
		"C: g SORT (ARRIVAL) UTF-8 ALL\nS: g BAD [UIDREQUIRED] <any>\n"
		"C: h MOVE 1 Trash\nS: h BAD [UIDREQUIRED] <any>\n"
		"C: j REPLACE 1 INBOX {1+}\nC: x\nS: j BAD [UIDREQUIRED] <any>\n"
		"C: k UID MOVE 1 Trash\nS: * OK [COPYUID <any>] <any>\nS: * VANISHED 1\nS: k OK "
		"<any>\n");
	world_close(w);
}

/* RFC 8508 4.5, RFC 7162 3.2.9. */
TEST(imap_replace_tells_highest_modseq)
{
	struct world *w = imap_world();
	deliver(w, 1);
	CHECK_IMAP(w, LOGIN
		"C: a ENABLE QRESYNC\nW: a OK <any>\nC: b SELECT INBOX\nW: b OK <any>\n"
		"C: c UID REPLACE 1 INBOX {8+}\nT: A: 5<crlf><crlf>\nC: \n"
		"S: * OK [APPENDUID <any> 2] <any>\nS: * VANISHED 1\nS: * 1 EXISTS\nS: * 1 RECENT\n"
		"S: c OK [HIGHESTMODSEQ <1>] Replaced\n"
		"C: d STATUS INBOX (HIGHESTMODSEQ)\nS: * STATUS INBOX (HIGHESTMODSEQ <1>)\nW: d OK "
		"<any>\n"
		"C: e REPLACE 1 Nowhere {8+}\nT: A: 5<crlf><crlf>\nC: \nS: e NO [TRYCREATE] <any>\n"
		"C: f REPLACE 1 Trash {8+}\nT: A: 5<crlf><crlf>\nC: \nS: * OK [APPENDUID <any> 1] "
		"<any>\n"
		"S: * VANISHED 2\nS: f OK [HIGHESTMODSEQ <any>] Replaced\n");
	world_close(w);
}

/* RFC 4469 3: relative URLs of this session's messages, nothing else. */
TEST(imap_catenate_takes_relative_urls)
{
	struct world *w = imap_world();
	deliver(w, 1);
	CHECK_IMAP(w, IN "C: a APPEND INBOX CATENATE (URL \"imap://mx.post.test/INBOX;UID=1\")\n"
			 "S: a NO [BADURL \"imap://mx.post.test/INBOX;UID=1\"] <any>\n"
			 "C: b APPEND INBOX CATENATE (URL \"//evil.test/INBOX;UID=1\")\nS: b NO "
			 "[BADURL <any>] <any>\n"
			 "C: c APPEND INBOX CATENATE (URL \"/INBOX;UID=1/;SECTION=7\")\nS: c NO "
			 "[BADURL <any>] <any>\n"
			 "C: d APPEND INBOX CATENATE (URL \"/INBOX;UID=1;URLAUTH=anonymous\")\nS: "
			 "d NO [BADURL <any>] <any>\n"
			 "C: e APPEND INBOX CATENATE (URL \";UID=1/;section=HEADER\" TEXT {3+}\nT: "
			 "new\nC: )\n"
			 "W: e OK [APPENDUID <any> 2] Stored\n"
			 "C: f FETCH 2 BODY.PEEK[TEXT]\nS: * 2 FETCH (BODY[TEXT] {3}\nS: new)\nS: "
			 "f OK <any>\n");
	world_close(w);
}

/* RFC 5032 2: to the second, both ends belong to it. RFC 8514 4.3. */
TEST(imap_ages)
{
	struct world *w = imap_world();
	CHECK_IMAP(w, IN "C: a APPEND INBOX {8+}\nT: A: 5<crlf><crlf>\nC: \nW: a OK <any>\n"
			 "C: b SEARCH YOUNGER 3600\nS: * SEARCH 1\nS: b OK <any>\n"
			 "C: c SEARCH OLDER 3600\nS: * SEARCH\nS: c OK <any>\n"
			 "C: d SEARCH YOUNGER 0\nS: d BAD <any>\n"
			 "C: e SEARCH SAVEDATESUPPORTED\nS: * SEARCH 1\nS: e OK <any>\n"
			 "C: f SEARCH SAVEDBEFORE 1-Jan-2020\nS: * SEARCH\nS: f OK <any>\n");
	world_close(w);
}

/* RFC 7162 3.1.4: what a FETCH has told is not told again as news. */
TEST(imap_fetch_tells_once)
{
	struct world *w = imap_world();
	deliver(w, 2);
	CHECK_IMAP(w, IN
		"C2: l LOGIN alice secret\nW2: l OK <any>\n"
		"C2: a SELECT INBOX\nW2: * OK [HIGHESTMODSEQ <1>] <any>\nW2: a OK <any>\n"
		"C: a STORE 1 +FLAGS.SILENT (\\Flagged $New)\nW: a OK <any>\n"
		"C2: b FETCH 1:2 FLAGS\n"
		"S2: * FLAGS (<any> $New)\nS2: * OK [PERMANENTFLAGS <any>] <any>\n"
		"S2: * 1 FETCH (FLAGS (\\Flagged<any>$New))\nS2: * 2 FETCH (FLAGS (<any>))\nS2: b "
		"OK <any>\n"
		"C: b STORE 2 +FLAGS.SILENT (\\Flagged)\nW: b OK <any>\n"
		"C2: c UID FETCH 2 FLAGS (CHANGEDSINCE <1>)\n"
		"S2: * OK [HIGHESTMODSEQ <any>] <any>\n"
		"S2: * 2 FETCH (UID 2 MODSEQ (<any>) FLAGS (\\Flagged<any>))\nS2: c OK <any>\n"
		"C: c STORE 1 -FLAGS.SILENT (\\Flagged)\nW: c OK <any>\n" /* its MODSEQ is not told by that */
		"C2: d FETCH 1 FLAGS\nS2: * 1 FETCH (FLAGS (<any>))\n"
		"S2: * 1 FETCH (UID 1 MODSEQ (<any>) FLAGS (<any>))\nS2: d OK <any>\n"
		"C2: e NOOP\nS2: e OK <any>\n");
	world_close(w);
}

/* RFC 5464 4.2: options stand before the mailbox in its grammar, behind it in its examples. */
TEST(imap_metadata_options)
{
	struct world *w = imap_world();
	CHECK_IMAP(w, LOGIN
		"C: a SETMETADATA INBOX (/private/filters/values/small \"SMALLER 5000\" "
		"/private/filters/values/boss \"FROM \\\"boss\\\"\")\nS: a OK <any>\n"
		"C: b GETMETADATA \"INBOX\" (DEPTH 1) (/private/filters/values)\n"
		"S: * METADATA INBOX (/private/filters/values/boss \"FROM \\\"boss\\\"\" "
		"/private/filters/values/small \"SMALLER 5000\")\nS: b OK <any>\n"
		"C: c GETMETADATA (DEPTH 1) INBOX /private/filters\nS: c OK <any>\n"
		"C: d GETMETADATA INBOX (MAXSIZE 3) \"/private/filters/values/small\"\n"
		"S: d OK [METADATA LONGENTRIES 12] <any>\n"
		"C: e GETMETADATA INBOX (\"/private/filters/values/small\")\n"
		"S: * METADATA INBOX (/private/filters/values/small \"SMALLER 5000\")\nS: e OK "
		"<any>\n"
		"C: f SETMETADATA \"\" (/shared/comment \"x\")\nS: f NO <any>\n"
		"C: g SETMETADATA INBOX (/private/a \"1\" /private/b* \"2\")\nS: g BAD <any>\n"
		"C: h GETMETADATA INBOX /private/a\nS: * METADATA INBOX (/private/a NIL)\nS: h OK "
		"<any>\n");
	world_close(w);
}
