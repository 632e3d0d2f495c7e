/* Whole sessions: what a client says and what it hears, before and after logging in, on a real store. */
#include "base/test.h"
#include "proto/pop3/pop3_testing.h"
#include <stdio.h>

#define GREETING "+OK mx.post.test POP3 Posthouse\r\n"
#define LOGIN "USER alice\r\nPASS se cret\r\n"
#define USER_OK "+OK Password, please\r\n"
#define BYE "+OK Bye\r\n"
#define IN(n) GREETING USER_OK "+OK " n " messages\r\n"

#define T TRANSCRIPT

#define CAPABILITIES                                                                               \
	"TOP\r\nUIDL\r\nRESP-CODES\r\nAUTH-RESP-CODE\r\nPIPELINING\r\nEXPIRE NEVER\r\n"            \
	"LOGIN-DELAY 0\r\nUTF8 USER\r\nLANG\r\n"

static const struct transcript before_login[] = {
	T("quit", "QUIT\r\n", GREETING BYE, "quit"),
	T("closed", "", GREETING, "closed"),
	T("capabilities", "capa\r\nQUIT\r\n",
		GREETING "+OK Capabilities follow\r\n" CAPABILITIES
			 "USER\r\nSASL PLAIN TWO LOGIN\r\nIMPLEMENTATION Posthouse 1\r\n.\r\n" BYE,
		"quit"),
	T("nothing in clear where TLS is offered",
		"CAPA\r\nUSER alice\r\nPASS x\r\nAUTH PLAIN "
		"AGFsaWNlAHNlIGNyZXQ=\r\nAUTH\r\nQUIT\r\n",
		GREETING "+OK Capabilities follow\r\n" CAPABILITIES
			 "STLS\r\nIMPLEMENTATION Posthouse 1\r\n.\r\n"
			 "-ERR Encryption required: say STLS first\r\n"
			 "-ERR Encryption required: say STLS first\r\n"
			 "-ERR Encryption required: say STLS first\r\n"
			 "+OK Mechanisms follow\r\n.\r\n" BYE,
		"quit", .offer_tls = true),
	T("mechanisms", "AUTH\r\nAUTH CRAM-MD5\r\nAUTH SCRAM-SHA-256-PLUS\r\nQUIT\r\n",
		GREETING
		"+OK Mechanisms follow\r\nPLAIN\r\nTWO\r\nLOGIN\r\n.\r\n"
		"-ERR This mechanism is not offered\r\n-ERR This mechanism is not offered\r\n" BYE,
		"quit"),
	T("not now", "STAT\r\nSTLS\r\nPASS x\r\nQUIT\r\n",
		GREETING
		"-ERR Log in first\r\n-ERR TLS is not offered here\r\n-ERR USER first\r\n" BYE,
		"quit"),
	T("wrong passwords end it",
		"USER alice\r\nPASS a\r\nUSER alice\r\nPASS b\r\nPASS c\r\nUSER alice\r\nPASS "
		"d\r\nNOOP\r\n",
		GREETING USER_OK
		"-ERR [AUTH] Wrong user name or password\r\n" USER_OK
		"-ERR [AUTH] Wrong user name or password\r\n-ERR USER first\r\n" USER_OK
		"-ERR [AUTH] Wrong user name or password\r\n",
		"auth"),
	T("expired", "USER alice\r\nPASS old\r\nQUIT\r\n",
		GREETING USER_OK "-ERR [AUTH] The password must be changed first\r\n" BYE, "quit"),
	T("cannot be checked", LOGIN "QUIT\r\n",
		GREETING USER_OK "-ERR [SYS/TEMP] Logins cannot be checked at the moment\r\n" BYE,
		"quit", .temporary = true),
	T("too many sessions", LOGIN "NOOP\r\n",
		GREETING USER_OK
		"-ERR [SYS/TEMP] Too many sessions of this account, close some\r\n",
		"mailbox", .full = true),
	T("bad commands end it", "A\r\n\r\nQUIT x\r\nUSER\r\n \r\nQUIT\r\n",
		GREETING
		"-ERR Unknown command\r\n-ERR Unknown command\r\n"
		"-ERR This command takes no argument\r\n-ERR This command needs an argument\r\n"
		"-ERR Unknown command\r\n-ERR Too many bad commands\r\n",
		"commands"),
	T("languages", "LANG\r\nLANG *\r\nLANG EN-gb\r\nLANG tlh\r\nUTF8\r\nQUIT\r\n",
		GREETING
		"+OK Languages follow\r\nen English\r\n.\r\n+OK en Replies are in English\r\n"
		"+OK en Replies are in English\r\n-ERR This language is not spoken here\r\n"
		"+OK UTF-8 mode\r\n" BYE,
		"quit"),
	T("initial response", "AUTH PLAIN AGFsaWNlAHNlIGNyZXQ=\r\nQUIT\r\n",
		GREETING "+OK 0 messages\r\n" BYE, "quit"),
	T("response asked for", "auth plain\r\nAGFsaWNlAHNlIGNyZXQ=\r\nQUIT\r\n",
		GREETING "+ \r\n+OK 0 messages\r\n" BYE, "quit"),
	T("cancelled, empty, garbage",
		"AUTH PLAIN\r\n*\r\nAUTH PLAIN =\r\nAUTH PLAIN !\r\nAUTH LOGIN\r\n*\r\nQUIT\r\n",
		GREETING
		"+ \r\n-ERR Authentication cancelled\r\n-ERR [AUTH] Wrong user name or password\r\n"
		"-ERR Not base64\r\n+ U2F5IGl0\r\n-ERR Authentication cancelled\r\n" BYE,
		"quit"),
	T("the server's last word", "AUTH TWO =\r\nAGFsaWNlAHNlIGNyZXQ=\r\n\r\nQUIT\r\n",
		GREETING "+ U2F5IGl0\r\n+ dj1wcm9vZg==\r\n+OK 0 messages\r\n" BYE, "quit"),
	T("the last word is answered by nothing",
		"AUTH TWO =\r\nAGFsaWNlAHNlIGNyZXQ=\r\neA==\r\nQUIT\r\n",
		GREETING
		"+ U2F5IGl0\r\n+ dj1wcm9vZg==\r\n-ERR An empty answer was expected\r\n" BYE,
		"quit"),
};

TEST(pop3_before_login)
{
	struct world *w = world_open();
	CHECK_TRANSCRIPTS(w, session_run, before_login);
	world_close(w);
}

TEST(pop3_line_too_long)
{
	struct world *w = world_open();
	AUTO(buf) struct buf in = BUF(1 << 16), out = BUF(1 << 16);
	buf_fill(&in, 'x', 20000);
	buf_byte(&in, 0);
	world_say(w, session_run, in.p, false, &out);
	CHECK_STR(buf_slice(&out), S(GREETING "-ERR Line too long\r\n"));
	CHECK_STR(slice_z(w->end), S("line"));
	world_close(w);
}

/* ---- a maildrop of three ---- */

#define MAIL_1 "Subject: one\r\n\r\n.dot\r\n..\r\nend\r\n"
#define MAIL_2 "Subject: two\n\nbare\n.\nlast" /* LF alone, no end */
#define MAIL_3 "Subject: three\r\n\r\n"
#define P "X-Prefix: yes\r\n"

static const struct transcript in_drop[] = {
	T("overview",
		LOGIN "STAT\r\nLIST\r\nLIST 2\r\nLIST 4\r\nLIST 0\r\nLIST x\r\nNOOP\r\nUSER "
		      "x\r\nQUIT\r\n",
		IN("3") "+OK 3 125\r\n+OK 3 messages (125 octets)\r\n1 46\r\n2 46\r\n3 "
			"33\r\n.\r\n+OK 2 46\r\n"
			"-ERR No such message\r\n-ERR No such message\r\n-ERR No such message\r\n"
			"+OK Nothing done\r\n-ERR You are logged in already\r\n" BYE,
		"quit"),
	T("retrieving", LOGIN "RETR 1\r\nRETR 2\r\nRETR 3\r\nLIST 2\r\nQUIT\r\n",
		IN("3") "+OK Message follows\r\n" P
			"Subject: one\r\n\r\n..dot\r\n...\r\nend\r\n.\r\n"
			"+OK Message follows\r\n" P
			"Subject: two\r\n\r\nbare\r\n..\r\nlast\r\n.\r\n"
			"+OK Message follows\r\n" P MAIL_3 ".\r\n+OK 2 46\r\n" BYE,
		"quit"),
	T("tops",
		LOGIN "TOP 1 0\r\nTOP 1 1\r\nTOP 2 2\r\nTOP 1 99\r\nTOP 1\r\nTOP 9 9\r\nTOP 3 "
		      "5\r\nQUIT\r\n",
		IN("3") "+OK Top of message follows\r\n" P "Subject: one\r\n\r\n.\r\n"
			"+OK Top of message follows\r\n" P "Subject: one\r\n\r\n..dot\r\n.\r\n"
			"+OK Top of message follows\r\n" P "Subject: two\r\n\r\nbare\r\n..\r\n.\r\n"
			"+OK Top of message follows\r\n" P
			"Subject: one\r\n\r\n..dot\r\n...\r\nend\r\n.\r\n"
			"-ERR TOP wants a message and a number of lines\r\n-ERR No such message\r\n"
			"+OK Top of message follows\r\n" P MAIL_3 ".\r\n" BYE,
		"quit"),
	T("a mark taken back",
		LOGIN "DELE 2\r\nDELE 2\r\nRETR 2\r\nSTAT\r\nLIST\r\nRSET\r\nSTAT\r\nQUIT\r\n",
		IN("3") "+OK Message 2 will be deleted\r\n-ERR This message is marked as "
			"deleted\r\n"
			"-ERR This message is marked as deleted\r\n+OK 2 79\r\n"
			"+OK 2 messages (79 octets)\r\n1 46\r\n3 33\r\n.\r\n+OK 3 messages\r\n+OK "
			"3 125\r\n" BYE,
		"quit"),
	T("hanging up deletes nothing", LOGIN "DELE 1\r\n",
		IN("3") "+OK Message 1 will be deleted\r\n", "closed"),
	T("deleting", LOGIN "DELE 1\r\nDELE 3\r\nQUIT\r\n",
		IN("3") "+OK Message 1 will be deleted\r\n+OK Message 3 will be deleted\r\n" BYE,
		"quit"),
	T("deleted", LOGIN "STAT\r\nQUIT\r\n", IN("1") "+OK 1 46\r\n" BYE, "quit"),
};

static void uidl(struct world *w, struct buf *out)
{
	world_say(w, session_run, LOGIN "UIDL\r\nUIDL 1\r\nQUIT\r\n", false, out);
}

TEST(pop3_maildrop)
{
	struct world *w = world_open();
	AUTO(buf) struct buf once = BUF(4096), again = BUF(4096), later = BUF(4096);
	world_deliver(w, S("INBOX"), S(MAIL_1));
	world_deliver(w, S("INBOX"), S(MAIL_2));
	world_deliver(w, S("INBOX"), S(MAIL_3));
	uidl(w, &once);
	CHECK_TRANSCRIPTS(w, session_run, in_drop);
	CHECK_INT(w->sum.deleted, 0);
	uidl(w, &again);
	/* What is left has the id it had: "UIDVALIDITY.UID". */
	size_t second = slice_find(buf_slice(&once), S("\r\n2 ")) + 4;
	slice id = slice_first(slice_skip(buf_slice(&once), second),
		slice_find(slice_skip(buf_slice(&once), second), S("\r\n")));
	CHECK(slice_ends(id, S(".2")));
	buf_put(&later, S("\r\n1 "));
	buf_put(&later, id);
	CHECK(slice_find(buf_slice(&again), buf_slice(&later)) < again.n);
	world_close(w);
}
