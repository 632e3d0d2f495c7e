/* Whole sessions: logins, folders, selecting, listing, what happens meanwhile. Messages are fetched and changed in message_test.c. */
#include "proto/imap/testing.h"

TEST(imap_before_login)
{
	struct world *w = imap_world();
	CHECK_IMAP(w, "C: a CAPABILITY\n"
		      "S: * CAPABILITY IMAP4rev2 IMAP4rev1 LITERAL- SASL-IR ENABLE ID AUTH=PLAIN "
		      "AUTH=TWO AUTH=LOGIN\n"
		      "S: a OK <any>\n"
		      "C: b NOOP\n"
		      "S: b OK <any>\n"
		      "C: c SELECT INBOX\n"
		      "S: c BAD Log in first\n"
		      "C: d NONSENSE\n"
		      "S: d BAD There is no such command\n"
		      "C: \n"
		      "S: * BAD <any>\n"
		      "C: + NOOP\n"
		      "S: * BAD <any>\n"
		      "C: e ID (\"name\" \"Test\" \"version\" \"7\")\n"
		      "S: * ID (\"name\" \"Posthouse\")\n"
		      "S: e OK <any>\n"
		      "C: f LOGOUT\n"
		      "S: * BYE <any>\n"
		      "S: f OK <any>\n"
		      "E:\n");
	CHECK_STR(slice_z(w->client), S("Test 7"));
	CHECK_STR(slice_z(w->sum.end), S("logout"));
	world_close(w);
}

TEST(imap_logins)
{
	struct world *w = imap_world();
	CHECK_IMAP(w, "C: a LOGIN alice wrong\n"
		      "S: a NO [AUTHENTICATIONFAILED] Wrong user name or password\n"
		      "C: b LOGIN stranger secret\n"
		      "S: b NO [AUTHENTICATIONFAILED] Wrong user name or password\n"
		      "C: c LOGIN alice {6}\n"
		      "S: + OK\n"
		      "C: secret\n"
		      "S: c OK [CAPABILITY IMAP4rev2 IMAP4rev1 LITERAL- <any>IDLE<any>] Logged in\n"
		      "C: d LOGIN alice secret\n"
		      "S: d BAD You are logged in already\n");
	CHECK_IMAP(w, "C: a AUTHENTICATE PLAIN AGFsaWNlAHNlY3JldA==\n"
		      "S: a OK <any>\n");
	CHECK_IMAP(w, "C: a AUTHENTICATE PLAIN\n"
		      "S: + \n"
		      "C: AGFsaWNlAHNlY3JldA==\n"
		      "S: a OK <any>\n");
	CHECK_IMAP(w, "C: a AUTHENTICATE TWO =\n"
		      "S: + U2F5IGl0\n"
		      "C: AGFsaWNlAHNlY3JldA==\n"
		      "S: + dj1wcm9vZg==\n"
		      "C: \n"
		      "S: a OK <any>\n");
	CHECK_IMAP(w, "C: a AUTHENTICATE PLAIN\n"
		      "S: + \n"
		      "C: *\n"
		      "S: a BAD <any>\n"
		      "C: b AUTHENTICATE PLAIN !!\n"
		      "S: b BAD That is no base64\n"
		      "C: c AUTHENTICATE SCRAM-SHA-256-PLUS\n"
		      "S: c NO [CANNOT] <any>\n"
		      "C: d LOGIN alice old\n"
		      "S: d NO [EXPIRED] <any>\n"
		      "C: e LOGIN alice later\n"
		      "S: e NO [UNAVAILABLE] <any>\n"
		      "C: f LOGIN nobody secret\n"
		      "S: f NO [AUTHORIZATIONFAILED] <any>\n"
		      "C: g LOGIN alice secret\n"
		      "S: g OK <any>\n");
	CHECK_IMAP(w,
		"C: a LOGIN x y\nW: a NO <any>\nC: b LOGIN x y\nW: b NO <any>\nC: c LOGIN x y\n"
		"S: c NO [AUTHENTICATIONFAILED] Wrong user name or password\n"
		"S: * BYE Too many failed logins\nE:\n");
	served.auth_plaintext = false;
	served.tls_mode = SESSION_TLS_OFFER;
	CHECK_IMAP(w, "C: a LOGIN alice secret\n"
		      "S: a NO [PRIVACYREQUIRED] <any>\n"
		      "C: b AUTHENTICATE PLAIN AGFsaWNlAHNlY3JldA==\n"
		      "S: b NO [PRIVACYREQUIRED] <any>\n"
		      "C: c CAPABILITY\n"
		      "S: * CAPABILITY IMAP4rev2 <any> STARTTLS LOGINDISABLED\n"
		      "S: c OK <any>\n"
		      "T: d STARTTLS<crlf>e LOGIN alice secret<crlf>\n"
		      "S: d BAD <any>\n"
		      "S: * BYE <any>\nE:\n");
	world_close(w);
}

TEST(imap_folders)
{
	struct world *w = imap_world();
	CHECK_IMAP(w, LOGIN "C: a CREATE Work\n"
			    "S: a OK [MAILBOXID (F<any>-<any>)] Created\n"
			    "C: b CREATE Work/2026/Q1/\n"
			    "S: b OK [MAILBOXID (<any>)] Created\n"
			    "C: c CREATE Work\n"
			    "S: c NO [ALREADYEXISTS] <any>\n"
			    "C: d LIST \"\" Work*\n"
			    "S: * LIST (\\HasChildren) \"/\" Work\n"
			    "S: * LIST (\\HasChildren) \"/\" Work/2026\n"
			    "S: * LIST (\\HasNoChildren) \"/\" Work/2026/Q1\n"
			    "S: d OK <any>\n"
			    "C: e LIST \"\" %\n"
			    "W: * LIST (\\HasChildren) \"/\" Work\n"
			    "N: * LIST (\\HasChildren) \"/\" Work/2026\n"
			    "W: e OK <any>\n"
			    "C: f LIST Work/ %\n"
			    "S: * LIST (\\HasChildren) \"/\" Work/2026\n"
			    "S: f OK <any>\n"
			    "C: g LIST \"\" \"\"\n"
			    "S: * LIST (\\Noselect) \"/\" \"\"\n"
			    "S: g OK <any>\n"
			    "C: h RENAME Work/2026 Old/2026\n"
			    "S: h OK <any>\n"
			    "C: i LIST \"\" (Work* Old*)\n"
			    "S: * LIST (\\HasChildren) \"/\" Old\n"
			    "S: * LIST (\\HasChildren) \"/\" Old/2026\n"
			    "S: * LIST (\\HasNoChildren) \"/\" Old/2026/Q1\n"
			    "S: * LIST (\\HasNoChildren) \"/\" Work\n"
			    "S: i OK <any>\n"
			    "C: j DELETE Work\n"
			    "S: j OK <any>\n"
			    "C: k DELETE Work\n"
			    "S: k NO [NONEXISTENT] <any>\n"
			    "C: l DELETE INBOX\n"
			    "S: l NO [CANNOT] <any>\n"
			    "C: m CREATE &U,BTFw-\n"
			    "S: m OK <any>\n"
			    "C: n LIST \"\" &U*\n"
			    "S: n OK <any>\n"
			    "C: r SELECT a&b\n"
			    "S: r NO <any>\n"
			    "C: s CREATE a&b\n"
			    "S: s NO [CANNOT] <any>\n"
			    "C: o LIST \"\" &U,BTFw-\n"
			    "S: * LIST (\\HasNoChildren) \"/\" &U,BTFw-\n"
			    "S: o OK <any>\n"
			    "C: p ENABLE IMAP4rev2\n"
			    "S: * ENABLED IMAP4rev2\n"
			    "S: p OK <any>\n"
			    "C: q LIST \"\" \"台*\"\n"
			    "S: * LIST (\\HasNoChildren) \"/\" \"台北\"\n"
			    "S: q OK <any>\n");
	world_close(w);
}

TEST(imap_special_use)
{
	struct world *w = imap_world();
	CHECK_IMAP(w, LOGIN "C: a CREATE Mine (USE (\\Important))\n"
			    "S: a OK <any>\n"
			    "C: b CREATE Other (USE (\\Important \\Sent))\n"
			    "S: b NO [USEATTR] <any>\n"
			    "C: c CREATE Other (USE (\\Strange))\n"
			    "S: c NO [USEATTR] <any>\n"
			    "C: d LIST (SPECIAL-USE) \"\" M*\n"
			    "S: * LIST (\\HasNoChildren \\Important) \"/\" Mine\n"
			    "S: d OK <any>\n"
			    "C: e LIST \"\" * RETURN (SPECIAL-USE)\n"
			    "W: * LIST (\\HasNoChildren) \"/\" INBOX\n"
			    "W: e OK <any>\n");
	world_close(w);
}

TEST(imap_subscriptions)
{
	struct world *w = imap_world();
	CHECK_IMAP(w, LOGIN "C: a CREATE a/b\n"
			    "W: a OK <any>\n"
			    "C: b SUBSCRIBE a/b\n"
			    "S: b OK <any>\n"
			    "C: c SUBSCRIBE gone/x\n"
			    "S: c OK <any>\n"
			    "C: d LIST (SUBSCRIBED) \"\" (a* g*)\n"
			    "S: * LIST (\\Subscribed \\HasNoChildren) \"/\" a/b\n"
			    "S: * LIST (\\NonExistent \\Subscribed) \"/\" gone/x\n"
			    "S: d OK <any>\n"
			    "C: e LIST (SUBSCRIBED RECURSIVEMATCH) \"\" (a g%)\n"
			    "S: * LIST (\\HasChildren) \"/\" a (\"CHILDINFO\" (\"SUBSCRIBED\"))\n"
			    "S: * LIST (\\NonExistent \\HasChildren) \"/\" gone (\"CHILDINFO\" "
			    "(\"SUBSCRIBED\"))\n"
			    "S: e OK <any>\n"
			    "C: f LIST (RECURSIVEMATCH) \"\" *\n"
			    "S: f BAD <any>\n"
			    "C: g LIST \"\" a* RETURN (SUBSCRIBED)\n"
			    "S: * LIST (\\HasChildren) \"/\" a\n"
			    "S: * LIST (\\Subscribed \\HasNoChildren) \"/\" a/b\n"
			    "S: g OK <any>\n"
			    "C: h LSUB \"\" a*\n"
			    "S: * LSUB () \"/\" a/b\n"
			    "S: h OK <any>\n"
			    "C: i LSUB \"\" a%\n"
			    "S: * LSUB (\\Noselect) \"/\" a\n"
			    "S: i OK <any>\n"
			    "C: j UNSUBSCRIBE a/b\n"
			    "S: j OK <any>\n"
			    "C: k LSUB \"\" a*\n"
			    "S: k OK <any>\n");
	world_close(w);
}

/* RFC 5258 section 5, example 9. */
TEST(imap_recursive_match)
{
	struct world *w = imap_world();
	CHECK_IMAP(w, LOGIN
		"C: a CREATE foo2/bar1\nC: a CREATE foo2/bar2\nC: a CREATE baz2/bar2\n"
		"C: a CREATE baz2/bar22\nC: a CREATE eps2/mamba\n"
		"C: b SUBSCRIBE foo2/bar1\nC: b SUBSCRIBE foo2/bar2\nC: b SUBSCRIBE baz2/bar2\n"
		"C: b SUBSCRIBE baz2/bar22\nC: b SUBSCRIBE eps2\nC: b SUBSCRIBE eps2/mamba\n"
		"C: b SUBSCRIBE qux2/bar2\n"
		"C: c NOOP\nW: c OK <any>\n"
		"C: d LIST (RECURSIVEMATCH SUBSCRIBED) \"\" *2\n"
		"S: * LIST (\\Subscribed \\HasNoChildren) \"/\" baz2/bar2\n"
		"S: * LIST (\\Subscribed \\HasNoChildren) \"/\" baz2/bar22\n"
		"S: * LIST (\\Subscribed \\HasChildren) \"/\" eps2 (\"CHILDINFO\" "
		"(\"SUBSCRIBED\"))\n"
		"S: * LIST (\\HasChildren) \"/\" foo2 (\"CHILDINFO\" (\"SUBSCRIBED\"))\n"
		"S: * LIST (\\Subscribed \\HasNoChildren) \"/\" foo2/bar2\n"
		"S: * LIST (\\NonExistent \\Subscribed) \"/\" qux2/bar2\n"
		"S: d OK <any>\n");
	world_close(w);
}

TEST(imap_selects)
{
	struct world *w = imap_world();
	CHECK_IMAP(w, LOGIN
		"M: INBOX one\n"
		"M: INBOX two\n"
		"C: a SELECT inbox\n"
		"S: * FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft)\n"
		"S: * OK [PERMANENTFLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft "
		"\\*)] <any>\n"
		"S: * 2 EXISTS\n"
		"S: * 2 RECENT\n"
		"S: * OK [UNSEEN 1] <any>\n"
		"S: * OK [UIDVALIDITY <any>] <any>\n"
		"S: * OK [UIDNEXT 3] <any>\n"
		"S: * OK [HIGHESTMODSEQ <any>] <any>\n"
		"S: * OK [MAILBOXID (F<any>)] <any>\n"
		"S: a OK [READ-WRITE] <any>\n"
		"C: b EXAMINE INBOX\n"
		"S: * OK [CLOSED] <any>\n"
		"S: * FLAGS <any>\n"
		"S: * OK [PERMANENTFLAGS ()] <any>\n"
		"S: * 2 EXISTS\n"
		"S: * <any> RECENT\n"
		"W: b OK [READ-ONLY] <any>\n"
		"C: c SELECT Missing\n"
		"S: * OK [CLOSED] <any>\n"
		"S: c NO [NONEXISTENT] <any>\n"
		"C: d FETCH 1 FLAGS\n"
		"S: d BAD Select a mailbox first\n"
		"C: e STATUS INBOX (MESSAGES UIDNEXT UNSEEN DELETED SIZE MAILBOXID APPENDLIMIT)\n"
		"S: * STATUS INBOX (MESSAGES 2 UIDNEXT 3 UNSEEN 2 DELETED 0 SIZE 120 "
		"MAILBOXID (<any>) APPENDLIMIT 1048576)\n"
		"S: e OK <any>\n"
		"C: f LIST \"\" INBOX RETURN (STATUS (MESSAGES UNSEEN) MYRIGHTS)\n"
		"S: * LIST (\\HasNoChildren) \"/\" INBOX\n"
		"S: * STATUS INBOX (MESSAGES 2 UNSEEN 2)\n"
		"S: * MYRIGHTS INBOX lrswipkxtea\n"
		"S: f OK <any>\n"
		"C: g ENABLE IMAP4rev2\n"
		"W: g OK <any>\n"
		"C: h SELECT INBOX\n"
		"W: * LIST () \"/\" INBOX\n"
		"N: * 0 RECENT\n"
		"N: * OK [UNSEEN\n"
		"W: h OK [READ-WRITE] <any>\n"
		"C: i UNSELECT\n"
		"S: i OK <any>\n"
		"C: j CLOSE\n"
		"S: j BAD <any>\n");
	world_close(w);
}

TEST(imap_news)
{
	struct world *w = imap_world();
	CHECK_IMAP(w, LOGIN "M: INBOX one\n"
			    "M: INBOX two\n"
			    "M: INBOX three\n"
			    "C: a SELECT INBOX\n"
			    "W: a OK <any>\n"
			    "C2: l LOGIN alice secret\n"
			    "W2: l OK <any>\n"
			    "C2: a SELECT INBOX\n"
			    "W2: a OK <any>\n"
			    "M: INBOX four\n"
			    "C: b NOOP\n"
			    "S: * 4 EXISTS\n"
			    "S: * <any> RECENT\n"
			    "S: b OK <any>\n"
			    "C: c STORE 1 +FLAGS (\\Flagged new)\n"
			    "W: c OK <any>\n"
			    "C2: c NOOP\n"
			    "S2: * 4 EXISTS\n"
			    "S2: * <any> RECENT\n"
			    "S2: * FLAGS (<any> new)\n"
			    "S2: * OK [PERMANENTFLAGS (<any> new \\*)] <any>\n"
			    "S2: * 1 FETCH (UID 1 FLAGS (\\Flagged <any>new))\n"
			    "S2: c OK <any>\n"
			    "C: d STORE 2:3 +FLAGS.SILENT (\\Deleted)\n"
			    "W: d OK <any>\n"
			    "C: e EXPUNGE\n"
			    "S: * 2 EXPUNGE\n"
			    "S: * 2 EXPUNGE\n"
			    "S: e OK <any>\n"
			    "C2: d FETCH 4 UID\n" /* no EXPUNGE while numbers are being used */
			    "W2: d <any>\n"
			    "N: * 2 EXPUNGE\n"
			    "C2: e NOOP\n"
			    "S2: * 2 EXPUNGE\n"
			    "S2: * 2 EXPUNGE\n"
			    "S2: e OK <any>\n");
	world_close(w);
}

TEST(imap_idle)
{
	struct world *w = imap_world();
	CHECK_IMAP(w, LOGIN "C: a SELECT INBOX\n"
			    "W: a OK <any>\n"
			    "C: b IDLE\n"
			    "S: + idling\n"
			    "M: INBOX one\n"
			    "S: * 1 EXISTS\n"
			    "S: * 1 RECENT\n"
			    "M: INBOX two\n"
			    "S: * 2 EXISTS\n"
			    "S: * 2 RECENT\n"
			    "C: DONE\n"
			    "S: b OK <any>\n"
			    "C: c IDLE\n"
			    "S: + idling\n"
			    "C2: l LOGIN alice secret\n"
			    "W2: l OK <any>\n"
			    "C2: a SELECT INBOX\n"
			    "W2: a OK <any>\n"
			    "C2: b STORE 2 +FLAGS (\\Seen \\Deleted)\n"
			    "W2: b OK <any>\n"
			    "S: * 2 FETCH (UID 2 FLAGS (\\Deleted \\Seen \\Recent))\n"
			    "C2: c CLOSE\n"
			    "W2: c OK <any>\n"
			    "S: * 2 EXPUNGE\n"
			    "C: NONSENSE\n"
			    "S: c BAD DONE is expected\n"
			    "C: d IDLE\n"
			    "S: + idling\n"
			    "C2: d DELETE INBOX\n"
			    "W2: d NO <any>\n"
			    "T: done<crlf>e NOOP<crlf>\n"
			    "S: d OK <any>\n"
			    "S: e OK <any>\n");
	world_close(w);
}

TEST(imap_qresync)
{
	struct world *w = imap_world();
	CHECK_IMAP(w,
		LOGIN "M: INBOX one\nM: INBOX two\nM: INBOX three\nM: INBOX four\n"
		      "C: a SELECT INBOX (QRESYNC (1 1))\n"
		      "S: a BAD <any>\n"
		      "C: b ENABLE QRESYNC CONDSTORE X-NONE\n"
		      "S: * ENABLED QRESYNC CONDSTORE\n"
		      "S: b OK <any>\n"
		      "C: c SELECT INBOX (QRESYNC (1 1 1:4 (1:2 1:2)))\n"
		      "W: * OK [UIDVALIDITY <1>] <any>\n"
		      "W: * OK [HIGHESTMODSEQ <2>] <any>\n"
		      "W: c OK <any>\n"
		      "N: * VANISHED\n"
		      "C: d STORE 2 +FLAGS (\\Deleted)\n"
		      "S: * 2 FETCH (UID 2 MODSEQ (<any>) FLAGS (\\Deleted \\Recent))\n"
		      "S: d OK <any>\n"
		      "C: e EXPUNGE\n"
		      "S: * VANISHED 2\n"
		      "S: e OK [HIGHESTMODSEQ <any>] <any>\n"
		      "C: f STORE 3 +FLAGS (later)\n"
		      "W: f OK <any>\n"
		      "C: g SELECT INBOX (QRESYNC (<1> <2>))\n"
		      "S: * OK [CLOSED] <any>\n"
		      "W: * VANISHED (EARLIER) 2\n"
		      "S: * 3 FETCH (UID 4 MODSEQ (<any>) FLAGS (<any>later))\n"
		      "S: g OK [READ-WRITE] <any>\n"
		      "C: h SELECT INBOX (QRESYNC (<1> <2> 1,3))\n"
		      "W: h OK [READ-WRITE] <any>\n"
		      "N: * VANISHED\n"
		      "N: * 3 FETCH\n"
		      "C: i SELECT INBOX (QRESYNC (77 <2>))\n" /* another folder of that name */
		      "W: i OK [READ-WRITE] <any>\n"
		      "N: * VANISHED\n"
		      "N: * 3 FETCH\n"
		      "C: j UNSELECT\nW: j OK <any>\n"
		      "C: k SELECT INBOX (CONDSTORE QRESYNC (<1> <2> 1:4 (1,3 1,3)))\n"
		      "W: * VANISHED (EARLIER) 2\n"
		      "W: k OK <any>\n"
		      "C: m SELECT INBOX (QRESYNC (<1> <2> 1:*))\n"
		      "S: m BAD <any>\n");
	world_close(w);
}

/* Two programs of one person: one marks and removes, the other one idles with QRESYNC. */
TEST(imap_idle_qresync)
{
	struct world *w = imap_world();
	CHECK_IMAP(w, LOGIN "M: INBOX one\nM: INBOX two\nM: INBOX three\n"
			    "C: a ENABLE QRESYNC\nW: a OK <any>\n"
			    "C: b SELECT INBOX\nW: b OK <any>\n"
			    "C: c IDLE\nS: + idling\n"
			    "C2: l LOGIN alice secret\nW2: l OK <any>\n"
			    "C2: a SELECT INBOX\nW2: a OK <any>\n"
			    "C2: b STORE 1,3 +FLAGS.SILENT (\\Deleted)\nW2: b OK <any>\n"
			    "S: * 1 FETCH (UID 1 MODSEQ (<1>) FLAGS (\\Deleted<any>))\n"
			    "S: * 3 FETCH (UID 3 MODSEQ (<1>) FLAGS (\\Deleted<any>))\n"
			    "C2: c EXPUNGE\nW2: c OK <any>\n"
			    "S: * VANISHED 1,3\n"
			    "C: DONE\nS: c OK <any>\n");
	world_close(w);
}

TEST(imap_rights_and_quota)
{
	struct world *w = imap_world();
	CHECK_IMAP(w,
		LOGIN "C: a CREATE Shared1\n"
		      "W: a OK <any>\n"
		      "C: b SETACL Shared1 bob@local.test lrs\n"
		      "S: b OK <any>\n"
		      "C: c SETACL Shared1 bob@local.test +w\n"
		      "S: c OK <any>\n"
		      "C: d SETACL Shared1 bob@local.test -s\n"
		      "S: d OK <any>\n"
		      "C: e GETACL Shared1\n"
		      "S: * ACL Shared1 <any>bob@local.test lrw<any>\n"
		      "S: e OK <any>\n"
		      "C: f SETACL Shared1 bob@local.test lrz\n"
		      "S: f BAD <any>\n"
		      "C2: l LOGIN bob secret\n"
		      "W2: l OK <any>\n"
		      "C2: a LIST \"\" \"Other Users/*\"\n"
		      "W2: * LIST (<any>) \"/\" \"Other Users/alice@local.test/Shared1\"\n"
		      "W2: a OK <any>\n"
		      "C2: b MYRIGHTS \"Other Users/alice@local.test/Shared1\"\n"
		      "S2: * MYRIGHTS \"Other Users/alice@local.test/Shared1\" lrw\n"
		      "S2: b OK <any>\n"
		      "C2: c GETACL \"Other Users/alice@local.test/Shared1\"\n"
		      "S2: c NO [NOPERM] <any>\n"
		      "C2: d SELECT \"Other Users/alice@local.test/INBOX\"\n"
		      "S2: d NO [NONEXISTENT] <any>\n"
		      "C: g LISTRIGHTS Shared1 bob@local.test\n"
		      "S: * LISTRIGHTS Shared1 bob@local.test \"\" l r s w i p k x t e a\n"
		      "S: g OK <any>\n"
		      "C: h DELETEACL Shared1 bob@local.test\n"
		      "S: h OK <any>\n"
		      "C2: e MYRIGHTS \"Other Users/alice@local.test/Shared1\"\n"
		      "S2: e NO [NONEXISTENT] <any>\n"
		      "C: i GETQUOTAROOT INBOX\n"
		      "S: * QUOTAROOT INBOX\n"
		      "S: i OK <any>\n"
		      "C: l GETQUOTA \"\"\n"
		      "S: l NO [NONEXISTENT] <any>\n"
		      "C: j SETQUOTA \"\" (STORAGE 5)\n"
		      "S: j NO [NOPERM] <any>\n"
		      "C: k NAMESPACE\n"
		      "S: * NAMESPACE ((\"\" \"/\")) ((\"Other Users/\" \"/\")) ((\"Shared/\" "
		      "\"/\"))\n"
		      "S: k OK <any>\n");
	world_close(w);
}

TEST(imap_metadata)
{
	struct world *w = imap_world();
	CHECK_IMAP(w, LOGIN
		"C: a SETMETADATA INBOX (/private/comment \"My own\" /shared/Comment {4+}\n"
		"C: all \n"
		"S: a BAD <any>\n"
		"C: b SETMETADATA INBOX (/private/comment \"My own\" /shared/Comment \"All\")\n"
		"S: b OK <any>\n"
		"C: c GETMETADATA INBOX (/private/comment /shared/comment /shared/none)\n"
		"S: * METADATA INBOX (/private/comment \"My own\" /shared/comment \"All\" "
		"/shared/none NIL)\n"
		"S: c OK <any>\n"
		"C: d GETMETADATA (MAXSIZE 4 DEPTH infinity) INBOX (/private /shared)\n"
		"S: d BAD <any>\n"
		"C: e SETMETADATA \"\" (/private/vendor/x/a \"1\" /private/vendor/x/a/b \"22\")\n"
		"S: e OK <any>\n"
		"C: f GETMETADATA (MAXSIZE 1 DEPTH infinity) \"\" /private/vendor\n"
		"S: * METADATA \"\" (/private/vendor/x/a \"1\")\n"
		"S: f OK [METADATA LONGENTRIES 2] <any>\n"
		"C: g GETMETADATA (DEPTH 1) \"\" /private/vendor/x\n"
		"S: * METADATA \"\" (/private/vendor/x/a \"1\")\n"
		"S: g OK <any>\n"
		"C: h SETMETADATA INBOX (/private/comment NIL)\n"
		"S: h OK <any>\n"
		"C: i LIST \"\" INBOX RETURN (METADATA (/private/comment /shared/comment))\n"
		"S: * LIST (\\HasNoChildren) \"/\" INBOX\n"
		"S: * METADATA INBOX (/private/comment NIL /shared/comment \"All\")\n"
		"S: i OK <any>\n");
	world_close(w);
}

TEST(imap_limits)
{
	struct world *w = imap_world();
	served.limits.bad_commands = 3;
	served.limits.line = 1000;
	served.limits.literal = 100;
	AUTO(buf) struct buf long_line = BUF(10000);
	buf_put(&long_line, S("C: x LOGIN "));
	buf_fill(&long_line, 'a', 2000);
	buf_put(&long_line,
		S("\nS: * NO [LIMIT] <any>\nC: a LOGIN alice {101}\nS: a NO [TOOBIG] <any>\n"
		  "C: b LOGIN {5000+}\nT: "));
	buf_fill(&long_line, 'x', 5000);
	buf_put(&long_line,
		S("\nC: \nS: b NO [LIMIT] <any>\nS: * BYE Too many bad commands\nE:\n"));
	buf_byte(&long_line, 0);
	CHECK_IMAP(w, long_line.p);
	CHECK_STR(slice_z(w->sum.end), S("bad"));
	world_close(w);
}
