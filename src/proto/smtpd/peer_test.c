/* Who the client is: admission, early talkers, PROXY protocol, XCLIENT, abuse. */
#include "proto/smtpd/transcript_testing.h"

TEST(admission)
{
	static const struct transcript table[] = {
		{"listed", MX, "192.0.2.66", HELO QUIT, 0, "554 5.7.1 No service for you here\r\n",
			NULL,
			"connect 554 5.7.1 No service for you here 0 <> <>\n"
			"end refused\n"},
		{"too many connections", MX, "192.0.2.67", HELO QUIT, 0,
			"421 4.7.0 Too many connections, please try again later\r\n", NULL,
			"connect 421 4.7.0 Too many connections, please try again later 0 <> <>\n"
			"end refused\n"},
		{"talks early", "kind = mx\nrefuse_early = yes\n", NULL, HELO QUIT, 0,
			"554 5.5.0 Wait for the greeting before you talk\r\n", NULL,
			"connect 554 5.5.0 Wait for the greeting before you talk 0 <> <>\n"
			"end early\n"},
		{"waits", "kind = mx\nrefuse_early = yes\n", NULL, "\361" HELO "\361" QUIT, 0,
			GH BYE, NULL, "end quit\n"},
		{"talks in the pause", "kind = mx\nrefuse_early = yes\ngreet_delay = 1s\n", NULL,
			"\361" HELO QUIT, 0, "554 5.5.0 Wait for the greeting before you talk\r\n",
			NULL,
			"connect 554 5.5.0 Wait for the greeting before you talk 0 <> <>\n"
			"end early\n"},
		{"waits out the pause", "kind = mx\nrefuse_early = yes\ngreet_delay = 1s\n", NULL,
			"\362\361" HELO "\361" QUIT, 0, GH BYE, NULL, "end quit\n"},
		{"goes away in the pause", "kind = mx\ngreet_delay = 1s\n", NULL, "\363", 0, "",
			NULL, "end closed\n"},
	};
	CHECK_TRANSCRIPTS(table);
}

TEST(synchronisation)
{
	static const struct transcript table[] = {
		{"waits as it should", "kind = mx\n", NULL,
			"\361EHLO c.test\r\n\361" MAIL_A RCPT_ALICE
			"DATA\r\n\361A: b\r\n\r\nx\r\n.\r\n" MAIL_A RCPT_BOB "DATA\r\n\361A: "
			"b\r\n\r\ny\r\n.\r\n" QUIT,
			0, G CAPS MAIL_OK RCPT_OK GO KEPT MAIL_OK RCPT_OK GO KEPT BYE,
			"0 <a@x.test> -> alice@example.com(local)|A: b\r\n\r\n"
			"x\r\n\n0 <a@x.test> -> bob@example.com(local)|A: b\r\n"
			"\r\ny\r\n\n",
			"end quit\n"},
		{"does not wait for EHLO", "kind = mx\n", NULL, "\361EHLO c.test\r\n" MAIL_A QUIT,
			0, G "554 5.5.0 Wait for the reply to EHLO before you go on\r\n", NULL,
			"end sync\n"},
		{"does not wait for DATA", "kind = mx\n", NULL,
			"\361" HELO "\361" MAIL_A RCPT_ALICE "DATA\r\nA: b\r\n\r\nx\r\n.\r\n" QUIT,
			0,
			GH MAIL_OK RCPT_OK
			"554 5.5.0 Wait for the reply to DATA before you go on\r\n",
			NULL,
			"data 554 5.5.0 Wait for the reply to DATA before you go on 0 <a@x.test> "
			"<>\n"
			"end sync\n"},
		{"trusted ones may", "kind = mx\ntrusted = 192.0.2.1\n", NULL,
			"\361" HELO MAIL_A RCPT_ALICE "DATA\r\nA: b\r\n\r\nx\r\n.\r\n" QUIT, 0,
			GH MAIL_OK RCPT_OK GO KEPT BYE,
			"128 <a@x.test> -> alice@example.com(local)|A: b\r\n\r\n"
			"x\r\n\n",
			"end quit\n"},
	};
	CHECK_TRANSCRIPTS(table);
}

TEST(abuse)
{
#define BAD5 "X1\r\nX2\r\nX3\r\nX4\r\nX5\r\n"
#define UNKNOWN5                                                                                   \
	"RCPT TO:<1@example.com>\r\nRCPT TO:<2@example.com>\r\nRCPT TO:<3@example.com>\r\nRCPT "   \
	"TO:<4@example.com>\r\nRCPT TO:<5@example.com>\r\n"
	static const struct transcript table[] = {
		{"browser", MX, NULL, "GET / HTTP/1.1\r\nHost: x\r\n\r\n", 0,
			G "554 5.5.1 This is a mail server\r\n", NULL, "end nonsense\n"},
		{"browser with a message", MX, NULL,
			"POST / HTTP/1.1\r\nContent-Length: 99\r\n\r\n" HELO MAIL_A RCPT_ALICE, 0,
			G "554 5.5.1 This is a mail server\r\n", NULL, "end nonsense\n"},
		{"TLS without asking", MX, NULL, "\026\003\001\002", 0,
			G "554 5.5.1 This is a mail server\r\n", NULL, "end nonsense\n"},
		{"an empty line first", MX, NULL, "\r\n" HELO "QUIT\r\n", 0,
			G "500 5.5.1 No such command here\r\n" HELO_OK BYE, NULL, "end quit\n"},
		{"errors", MX, NULL, HELO BAD5 BAD5 BAD5 BAD5 "NOOP\r\n", 0,
			GH "500 5.5.1 No such command here\r\n"
			   "500 5.5.1 No such command here\r\n"
			   "500 5.5.1 No such command here\r\n"
			   "500 5.5.1 No such command here\r\n"
			   "500 5.5.1 No such command here\r\n"
			   "500 5.5.1 No such command here\r\n"
			   "500 5.5.1 No such command here\r\n"
			   "500 5.5.1 No such command here\r\n"
			   "500 5.5.1 No such command here\r\n"
			   "500 5.5.1 No such command here\r\n"
			   "500 5.5.1 No such command here\r\n"
			   "500 5.5.1 No such command here\r\n"
			   "500 5.5.1 No such command here\r\n"
			   "500 5.5.1 No such command here\r\n"
			   "500 5.5.1 No such command here\r\n"
			   "500 5.5.1 No such command here\r\n"
			   "500 5.5.1 No such command here\r\n"
			   "500 5.5.1 No such command here\r\n"
			   "500 5.5.1 No such command here\r\n"
			   "421 4.7.0 mail.example.com Too many errors, closing connection\r\n",
			NULL, "end errors\n"},
		{"errors configured", MX "max_errors = 2\nsoft_errors = 1\n", NULL,
			HELO "X\r\nX\r\nNOOP\r\n", 0,
			GH "500 5.5.1 No such command here\r\n"
			   "421 4.7.0 mail.example.com Too many errors, closing connection\r\n",
			NULL, "end errors\n"},
		{"idle commands", MX "max_idle_commands = 10\n", NULL,
			HELO BAD5 "NOOP\r\nNOOP\r\nNOOP\r\nNOOP\r\nNOOP\r\nRSET\r\nVRFY "
				  "x\r\nHELP\r\nNOOP\r\nNOOP\r\nNOOP\r\n",
			0,
			GH "500 5.5.1 No such command here\r\n"
			   "500 5.5.1 No such command here\r\n"
			   "500 5.5.1 No such command here\r\n"
			   "500 5.5.1 No such command here\r\n"
			   "500 5.5.1 No such command here\r\n250 2.0.0 Ok\r\n"
			   "250 2.0.0 Ok\r\n250 2.0.0 Ok\r\n250 2.0.0 Ok\r\n"
			   "250 2.0.0 Ok\r\n250 2.0.0 Forgotten\r\n"
			   "252 2.0.0 Cannot tell; send mail and see\r\n"
			   "214 2.0.0 EHLO HELO MAIL RCPT DATA BDAT RSET NOOP VRFY HELP QUIT\r\n"
			   "250 2.0.0 Ok\r\n"
			   "421 4.7.0 mail.example.com Too many commands without effect, closing "
			   "connection\r\n",
			NULL, "end commands\n"},
		{"idle commands in a transaction", MX "max_idle_commands = 10\n", NULL,
			HELO MAIL_A RCPT_ALICE
			"NOOP\r\nNOOP\r\nNOOP\r\nNOOP\r\nNOOP\r\nNOOP\r\nNOOP\r\nNOOP\r\nNOOP\r\nBD"
			"AT 0\r\nBDAT 0\r\nBDAT 0\r\n",
			0,
			GH MAIL_OK RCPT_OK "250 2.0.0 Ok\r\n250 2.0.0 Ok\r\n250 2.0.0 Ok\r\n"
					   "250 2.0.0 Ok\r\n250 2.0.0 Ok\r\n250 2.0.0 Ok\r\n"
					   "250 2.0.0 Ok\r\n250 2.0.0 Ok\r\n250 2.0.0 Ok\r\n"
					   "250 2.0.0 0 bytes received\r\n"
					   "421 4.7.0 mail.example.com Too many commands without "
					   "effect, closing connection\r\n",
			NULL, "end commands\n"},
		{"harvest", MX "max_unknown = 4\nsoft_errors = 1\n", NULL,
			HELO MAIL_A UNKNOWN5 "NOOP\r\n", 0,
			GH MAIL_OK NO_USER NO_USER NO_USER NO_USER
			"421 4.7.0 mail.example.com Too many unknown recipients, closing "
			"connection\r\n",
			NULL,
			"rcpt 550 5.1.1 No such user here -1 <a@x.test> <1@example.com>\n"
			"rcpt 550 5.1.1 No such user here -2 <a@x.test> <2@example.com>\n"
			"rcpt 550 5.1.1 No such user here -3 <a@x.test> <3@example.com>\n"
			"rcpt 550 5.1.1 No such user here -4 <a@x.test> <4@example.com>\n"
			"end harvest\n"},
		{"harvest, answered by code", MX "max_unknown = 2\n", NULL,
			HELO MAIL_A "RCPT TO:<1@coded.test>\r\nRCPT TO:<2@coded.test>\r\nRCPT "
				    "TO:<3@coded.test>\r\n" QUIT,
			0,
			G HELO_OK MAIL_OK "550 5.1.1 Unknown in this house\r\n"
					  "550 5.1.1 Unknown in this house\r\n"
					  "421 4.7.0 mail.example.com Too many unknown recipients, "
					  "closing connection\r\n",
			NULL,
			"rcpt 550 5.1.1 Unknown in this house -1 <a@x.test> <1@coded.test>\n"
			"rcpt 550 5.1.1 Unknown in this house -2 <a@x.test> <2@coded.test>\n"
			"end harvest\n"},
		{"harvest with one that exists", MX "max_unknown = 4\n", NULL,
			HELO MAIL_A RCPT_ALICE UNKNOWN5 RCPT_BOB
			"DATA\r\nA: b\r\n\r\nx\r\n.\r\nMAIL FROM:<>\r\n" QUIT,
			0,
			GH MAIL_OK RCPT_OK NO_USER NO_USER NO_USER NO_USER
			"450 4.7.1 Too many unknown recipients, try this one later\r\n"
			"450 4.7.1 Too many unknown recipients, try this one later\r\n" GO KEPT
			"421 4.7.0 mail.example.com Too many unknown recipients, closing "
			"connection\r\n",
			"0 <a@x.test> -> alice@example.com(local)|A: b\r\n\r\n"
			"x\r\n\n",
			"rcpt 550 5.1.1 No such user here -1 <a@x.test> <1@example.com>\n"
			"rcpt 550 5.1.1 No such user here -2 <a@x.test> <2@example.com>\n"
			"rcpt 550 5.1.1 No such user here -3 <a@x.test> <3@example.com>\n"
			"rcpt 550 5.1.1 No such user here -4 <a@x.test> <4@example.com>\n"
			"end harvest\n"},
		{"trusted list", MX "max_unknown = 4\ntrusted = 192.0.2.1\n", NULL,
			HELO MAIL_A UNKNOWN5 RCPT_BOB QUIT, 0,
			GH MAIL_OK NO_USER NO_USER NO_USER NO_USER NO_USER RCPT_OK BYE, NULL,
			"rcpt 550 5.1.1 No such user here -1 <a@x.test> <1@example.com>\n"
			"rcpt 550 5.1.1 No such user here -2 <a@x.test> <2@example.com>\n"
			"rcpt 550 5.1.1 No such user here -3 <a@x.test> <3@example.com>\n"
			"rcpt 550 5.1.1 No such user here -4 <a@x.test> <4@example.com>\n"
			"rcpt 550 5.1.1 No such user here -5 <a@x.test> <5@example.com>\n"
			"end quit\n"},
	};
	CHECK_TRANSCRIPTS(table);
}

TEST(overlong_lines)
{
	struct buf in = BUF(1 << 20);
	buf_put(&in, S(HELO "NOOP "));
	buf_fill(&in, 'x', 3000);
	buf_put(&in, S("\r\nNOOP "));
	buf_fill(&in, 'x', 2041);
	buf_put(&in, S("\r\nNOOP "));
	buf_fill(&in, 'x', 2042);
	buf_put(&in, S("\r\nNOOP\r\n"));
	buf_fill(&in, 'y', 200000);
	buf_byte(&in, 0);
	struct transcript t = {"long", MX, NULL, in.p, 0,
		GH "500 5.5.2 Line too long\r\n250 2.0.0 Ok\r\n500 5.5.2 Line too long\r\n250 "
		   "2.0.0 Ok\r\n"
		   "421 4.7.0 mail.example.com Endless line, closing connection\r\n",
		NULL, "end errors\n"};
	check_transcripts(&t, 1);
	buf_done(&in);
}

TEST(many_commands)
{
	struct buf in = BUF(1 << 20), out = BUF(1 << 20);
	buf_put(&in, S(HELO));
	buf_put(&out, S(GH));
	for (int i = 0; i < 33; i++) {
		buf_put(&in, S(MAIL_A RCPT_ALICE "RSET\r\n"));
		buf_put(&out, S(MAIL_OK RCPT_OK "250 2.0.0 Forgotten\r\n"));
	}
	buf_put(&in, S("NOOP\r\n"));
	buf_put(&out, S("421 4.7.0 mail.example.com Too many commands, closing connection\r\n"));
	buf_byte(&in, 0);
	buf_byte(&out, 0);
	struct transcript t = {
		"many", MX "max_commands = 100\n", NULL, in.p, 0, out.p, NULL, "end commands\n"};
	check_transcripts(&t, 1);
	buf_done(&in);
	buf_done(&out);
}

TEST(proxy)
{
#define P MX "proxy_from = 192.0.2.1\n"
#define V2 "\r\n\r\n\0\r\nQUIT\n"
	static const char v2[] =
		V2 "\x21\x11\0\x0c\xc0\0\2\x42\xc0\0\2\x19\x9c\x40\0\x19" HELO QUIT;
	static const char v2_local[] = V2 "\x20\0\0\0" HELO QUIT;
	static const char v2_bad[] =
		V2 "\x31\x11\0\x0c\xc0\0\2\x42\xc0\0\2\x19\x9c\x40\0\x19" HELO QUIT;
	static const struct transcript table[] = {
		{"v1", P, NULL, "PROXY TCP4 192.0.2.66 192.0.2.25 40000 25\r\n" HELO QUIT, 0,
			"554 5.7.1 No service for you here\r\n", NULL,
			"connect 554 5.7.1 No service for you here 0 <> <>\n"
			"end refused\n"},
		{"v1, IPv6", P, NULL, "PROXY TCP6 2001:db8::1 2001:db8::2 40000 25\r\n" HELO QUIT,
			0, GH BYE, NULL, "end quit\n"},
		{"v1 unknown", P, NULL, "PROXY UNKNOWN\r\n" HELO QUIT, 0, GH BYE, NULL,
			"end quit\n"},
		{"v1 broken", P, NULL, "PROXY TCP4 192.0.2.66 192.0.2.25 40000\r\n" HELO QUIT, 0,
			"", NULL, "end proxy\n"},
		{"none", P, NULL, HELO QUIT, 0, "", NULL, "end proxy\n"},
		{"never comes", P, NULL, "\362", 0, "", NULL, "end proxy\n"},
		{"half", P, NULL, "PROXY TCP4 192.0", 0, "", NULL, "end proxy\n"},
		{"from elsewhere", P, "192.0.2.9",
			"PROXY TCP4 192.0.2.1 192.0.2.25 40000 25\r\n" HELO QUIT, 0,
			"554 5.7.1 Direct connections are not served here\r\n", NULL,
			"end proxy\n"},
		{"not expected", MX, NULL,
			"PROXY TCP4 192.0.2.66 192.0.2.25 40000 25\r\n" HELO QUIT, 0,
			G "500 5.5.1 No such command here\r\n" HELO_OK BYE, NULL, "end quit\n"},
		{"v2", P, NULL, v2, sizeof v2 - 1, "554 5.7.1 No service for you here\r\n", NULL,
			"connect 554 5.7.1 No service for you here 0 <> <>\n"
			"end refused\n"},
		{"v2 local", P, NULL, v2_local, sizeof v2_local - 1, GH BYE, NULL, "end quit\n"},
		{"v2 broken", P, NULL, v2_bad, sizeof v2_bad - 1, "", NULL, "end proxy\n"},
		{"trust follows the client", P "trusted = 192.0.2.1\n", NULL,
			"PROXY TCP4 192.0.2.9 192.0.2.25 40000 25\r\n" HELO MAIL_A
			"RCPT TO:<a@foreign.test>\r\n" QUIT,
			0, GH MAIL_OK "554 5.7.1 Relay access denied\r\n" BYE, NULL,
			"rcpt 554 5.7.1 Relay access denied -1 <a@x.test> <a@foreign.test>\n"
			"end quit\n"},
		{"a client without name has no trust",
			P "trusted = 192.0.2.1\nxclient_from = 192.0.2.1\n", NULL,
			"PROXY UNKNOWN\r\n" HELO "XCLIENT LOGIN=alice@example.com\r\n" MAIL_A
			"RCPT TO:<a@foreign.test>\r\n" QUIT,
			0,
			GH "502 5.5.1 XCLIENT is not offered\r\n" MAIL_OK
			   "554 5.7.1 Relay access denied\r\n" BYE,
			NULL,
			"rcpt 554 5.7.1 Relay access denied -1 <a@x.test> <a@foreign.test>\n"
			"end quit\n"},
	};
	CHECK_TRANSCRIPTS(table);
}

TEST(xclient)
{
#define XC MX "xclient_from = 192.0.2.1\n"
	static const struct transcript table[] = {
		{"offered", XC, NULL, "EHLO c.test\r\n" QUIT, 0,
			G "250-mail.example.com\r\n250-PIPELINING\r\n"
			  "250-SIZE 52428800\r\n250-8BITMIME\r\n250-BINARYMIME\r\n"
			  "250-CHUNKING\r\n250-SMTPUTF8\r\n250-DSN\r\n"
			  "250-ENHANCEDSTATUSCODES\r\n"
			  "250-LIMITS MAILMAX=1000 RCPTMAX=1000\r\n"
			  "250-XCLIENT NAME ADDR PORT PROTO HELO LOGIN DESTADDR DESTPORT\r\n"
			  "250 HELP\r\n" BYE,
			NULL, "end quit\n"},
		{"another client", XC, NULL,
			HELO
			"XCLIENT NAME=spike.test ADDR=198.51.100.7 PORT=1234 PROTO=ESMTP\r\n" MAIL_A
				HELO MAIL_A QUIT,
			0, G HELO_OK G "503 5.5.1 Say EHLO first\r\n" HELO_OK MAIL_OK BYE, NULL,
			"end quit\n"},
		{"name of the client", XC, NULL,
			"XCLIENT ADDR=198.51.100.7 HELO=spike.test\r\n" MAIL_A QUIT, 0,
			G G MAIL_OK BYE, NULL, "end quit\n"},
		{"refused client", XC, NULL, "XCLIENT ADDR=192.0.2.66\r\nNOOP\r\n", 0,
			G "554 5.7.1 No service for you here\r\n", NULL,
			"connect 554 5.7.1 No service for you here 0 <> <>\n"
			"end refused\n"},
		{"IPv6", XC, NULL, "XCLIENT ADDR=IPV6:2001:db8::5\r\n" QUIT, 0, G G BYE, NULL,
			"end quit\n"},
		{"login", XC, NULL,
			HELO "XCLIENT LOGIN=alice@example.com\r\n" HELO MAIL_A
			     "RCPT TO:<a@foreign.test>\r\n" QUIT,
			0, G HELO_OK G HELO_OK MAIL_OK RCPT_OK BYE, NULL, "end quit\n"},
		{"another client has another login", XC, NULL,
			"XCLIENT ADDR=198.51.100.7 LOGIN=alice@example.com\r\n"
			"XCLIENT ADDR=198.51.100.8\r\n" HELO MAIL_A
			"RCPT TO:<a@foreign.test>\r\n" QUIT,
			0, G G G HELO_OK MAIL_OK "554 5.7.1 Relay access denied\r\n" BYE, NULL,
			"rcpt 554 5.7.1 Relay access denied -1 <a@x.test> <a@foreign.test>\n"
			"end quit\n"},
		{"trust does not go with it", XC "trusted = 192.0.2.1\n", NULL,
			"XCLIENT ADDR=[UNAVAILABLE]\r\n" HELO MAIL_A
			"RCPT TO:<a@foreign.test>\r\n" QUIT,
			0, G G HELO_OK MAIL_OK "554 5.7.1 Relay access denied\r\n" BYE, NULL,
			"rcpt 554 5.7.1 Relay access denied -1 <a@x.test> <a@foreign.test>\n"
			"end quit\n"},
		{"malformed", XC, NULL,
			"XCLIENT\r\nXCLIENT FOO=1\r\nXCLIENT ADDR=999.1.1.1\r\nXCLIENT "
			"PORT=99999\r\n" QUIT,
			0,
			G "501 5.5.4 Argument missing\r\n"
			  "501 5.5.4 Bad XCLIENT attribute: FOO=1\r\n"
			  "501 5.5.4 Bad XCLIENT attribute: ADDR=999.1.1.1\r\n"
			  "501 5.5.4 Bad XCLIENT attribute: PORT=99999\r\n" BYE,
			NULL, "end quit\n"},
		{"in a transaction", XC, NULL, HELO MAIL_A "XCLIENT ADDR=198.51.100.7\r\n" QUIT, 0,
			G HELO_OK MAIL_OK "503 5.5.1 Not during a mail transaction\r\n" BYE, NULL,
			"end quit\n"},
		{"not from others", XC, "192.0.2.9", HELO "XCLIENT ADDR=198.51.100.7\r\n" QUIT, 0,
			G HELO_OK "502 5.5.1 XCLIENT is not offered\r\n" BYE, NULL, "end quit\n"},
	};
	CHECK_TRANSCRIPTS(table);
}
