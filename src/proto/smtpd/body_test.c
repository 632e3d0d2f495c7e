/* DATA and BDAT, what a message may contain, failures of the store, LMTP. */
#include "proto/smtpd/transcript_testing.h"

#define TX HELO MAIL_A RCPT_ALICE
#define TX_OK GH MAIL_OK RCPT_OK

TEST(data)
{
	static const struct transcript table[] = {
		{"a message", MX, NULL, TX "DATA\r\nSubject: x\r\n\r\nhello\r\n.\r\n" QUIT, 0,
			GH MAIL_OK RCPT_OK GO KEPT BYE,
			"0 <a@x.test> -> alice@example.com(local)|Subject: x\r\n"
			"\r\nhello\r\n\n",
			"end quit\n"},
		{"dots", MX, NULL, TX "DATA\r\nA: b\r\n\r\n..\r\n..x\r\n.y\r\n...\r\n.\r\n" QUIT, 0,
			GH MAIL_OK RCPT_OK GO KEPT BYE,
			"0 <a@x.test> -> alice@example.com(local)|A: b\r\n\r\n"
			".\r\n.x\r\ny\r\n..\r\n\n",
			"end quit\n"},
		{"empty", MX, NULL, TX "DATA\r\n.\r\n" QUIT, 0, GH MAIL_OK RCPT_OK GO KEPT BYE,
			"0 <a@x.test> -> alice@example.com(local)|\n", "end quit\n"},
		{"only an empty line", MX, NULL, TX "DATA\r\n\r\n.\r\n" QUIT, 0,
			GH MAIL_OK RCPT_OK GO KEPT BYE,
			"0 <a@x.test> -> alice@example.com(local)|\r\n\n", "end quit\n"},
		{"header without body", MX, NULL, TX "DATA\r\nA: b\r\n.\r\n" QUIT, 0,
			GH MAIL_OK RCPT_OK GO KEPT BYE,
			"0 <a@x.test> -> alice@example.com(local)|A: b\r\n\n", "end quit\n"},
		{"no header", MX, NULL, TX "DATA\r\nhello there\r\n.\r\n" QUIT, 0,
			GH MAIL_OK RCPT_OK GO KEPT BYE,
			"0 <a@x.test> -> alice@example.com(local)|hello there\r\n"
			"\n",
			"end quit\n"},
		{"eight bits undeclared", MX, NULL,
			TX "DATA\r\nA: \xe4\xbd\xa0\r\n\r\n\xff\r\n.\r\n" QUIT, 0,
			GH MAIL_OK RCPT_OK GO KEPT BYE,
			"1 <a@x.test> -> alice@example.com(local)|A: \344\275\240\r\n"
			"\r\n\377\r\n\n",
			"end quit\n"},
		{"two messages", MX, NULL,
			TX "DATA\r\nA: 1\r\n\r\n1\r\n.\r\n" MAIL_A RCPT_BOB
			   "DATA\r\nA: 2\r\n\r\n2\r\n.\r\n" QUIT,
			0, GH MAIL_OK RCPT_OK GO KEPT MAIL_OK RCPT_OK GO KEPT BYE,
			"0 <a@x.test> -> alice@example.com(local)|A: 1\r\n\r\n"
			"1\r\n\n0 <a@x.test> -> bob@example.com(local)|A: 2\r\n"
			"\r\n2\r\n\n",
			"end quit\n"},
		{"lost within", MX, NULL, TX "DATA\r\nA: b\r\n\r\nhello\r\n", 0,
			GH MAIL_OK RCPT_OK GO, NULL, "end closed\n"},
		{"lost at the dot", MX, NULL, TX "DATA\r\nA: b\r\n\r\nhello\r\n.\r", 0,
			GH MAIL_OK RCPT_OK GO, NULL, "end closed\n"},
		{"timeout within", MX, NULL, TX "DATA\r\nA: b\r\n\r\nhello\r\n\362", 0,
			GH MAIL_OK RCPT_OK GO
			"421 4.4.2 mail.example.com Timeout, closing connection\r\n",
			NULL, "end timeout\n"},
		{"no second DATA", MX, NULL, TX "DATA\r\nA: b\r\n\r\nhello\r\n.\r\nDATA\r\n" QUIT,
			0, GH MAIL_OK RCPT_OK GO KEPT "503 5.5.1 Say MAIL and RCPT first\r\n" BYE,
			"0 <a@x.test> -> alice@example.com(local)|A: b\r\n\r\n"
			"hello\r\n\n",
			"end quit\n"},
		{"binary needs BDAT", MX, NULL,
			HELO "MAIL FROM:<a@x.test> BODY=BINARYMIME\r\n" RCPT_ALICE "DATA\r\n" QUIT,
			0, GH MAIL_OK RCPT_OK "503 5.5.1 BODY=BINARYMIME needs BDAT\r\n" BYE, NULL,
			"end quit\n"},
	};
	CHECK_TRANSCRIPTS(table);
}

TEST(bdat)
{
	static const struct transcript table[] = {
		{"one chunk", MX, NULL, TX "BDAT 9 LAST\r\nA: b\r\n\r\nx" QUIT, 0,
			GH MAIL_OK RCPT_OK KEPT BYE,
			"0 <a@x.test> -> alice@example.com(local)|A: b\r\n\r\nx\n", "end quit\n"},
		{"chunks", MX, NULL,
			TX
			"BDAT 3\r\nA: BDAT 5\r\nb\r\n\r\nBDAT 0\r\nBDAT 1\r\nxBDAT 0 LAST\r\n" QUIT,
			0,
			GH MAIL_OK RCPT_OK "250 2.0.0 3 bytes received\r\n"
					   "250 2.0.0 5 bytes received\r\n"
					   "250 2.0.0 0 bytes received\r\n"
					   "250 2.0.0 1 bytes received\r\n" KEPT BYE,
			"0 <a@x.test> -> alice@example.com(local)|A: b\r\n\r\nx\n", "end quit\n"},
		{"dots mean nothing", MX, NULL, TX "BDAT 15 LAST\r\nA: b\r\n\r\n.\r\n..\r\n" QUIT,
			0, GH MAIL_OK RCPT_OK KEPT BYE,
			"0 <a@x.test> -> alice@example.com(local)|A: b\r\n\r\n"
			".\r\n..\r\n\n",
			"end quit\n"},
		{"data after bdat", MX, NULL,
			TX "BDAT 4\r\nA: bDATA\r\nRCPT TO:<bob@example.com>\r\nMAIL "
			   "FROM:<>\r\nNOOP\r\nBDAT 5 LAST\r\n\r\n\r\nx" QUIT,
			0,
			GH MAIL_OK RCPT_OK "250 2.0.0 4 bytes received\r\n"
					   "503 5.5.1 Not while chunks of a message are coming\r\n"
					   "503 5.5.1 Not while chunks of a message are coming\r\n"
					   "503 5.5.1 There is a MAIL already; RSET starts over\r\n"
					   "250 2.0.0 Ok\r\n" KEPT BYE,
			"0 <a@x.test> -> alice@example.com(local)|A: b\r\n\r\nx\n", "end quit\n"},
		{"reset between", MX, NULL, TX "BDAT 4\r\nA: bRSET\r\nBDAT 3 LAST\r\nxyz" QUIT, 0,
			GH MAIL_OK RCPT_OK "250 2.0.0 4 bytes received\r\n250 2.0.0 Forgotten\r\n"
					   "503 5.5.1 Say MAIL and RCPT first\r\n" BYE,
			NULL, "end quit\n"},
		{"hello between", MX, NULL, TX "BDAT 4\r\nA: b" HELO "BDAT 3 LAST\r\nxyz" QUIT, 0,
			GH MAIL_OK RCPT_OK "250 2.0.0 4 bytes received\r\n" HELO_OK
					   "503 5.5.1 Say MAIL and RCPT first\r\n" BYE,
			NULL, "end quit\n"},
		{"out of place", MX, NULL,
			"BDAT 5\r\nQUIT\n" HELO "BDAT 4 LAST\r\nABCD" MAIL_A
			"BDAT 6\r\nRSET\r\n" QUIT,
			0,
			G "503 5.5.1 Say MAIL and RCPT first\r\n" HELO_OK
			  "503 5.5.1 Say MAIL and RCPT first\r\n" MAIL_OK
			  "554 5.5.1 No valid recipients\r\n" BYE,
			NULL, "end quit\n"},
		{"malformed", MX, NULL, TX "BDAT\r\nNOOP\r\n", 0,
			GH MAIL_OK RCPT_OK "501 5.5.4 Argument missing\r\n", NULL, "end errors\n"},
		{"malformed size", MX, NULL, TX "BDAT -1\r\nNOOP\r\n", 0,
			GH MAIL_OK RCPT_OK "501 5.5.4 Malformed argument: -1\r\n", NULL,
			"end errors\n"},
		{"malformed last", MX, NULL, TX "BDAT 1 FIRST\r\nNOOP\r\n", 0,
			GH MAIL_OK RCPT_OK "501 5.5.4 Malformed argument: 1 FIRST\r\n", NULL,
			"end errors\n"},
		{"binary", MX, NULL,
			HELO "MAIL FROM:<a@x.test> BODY=BINARYMIME\r\n" RCPT_ALICE
			     "BDAT 12 LAST\r\nA: b\r\n\r\n\r\n\n\r" QUIT,
			0, GH MAIL_OK RCPT_OK KEPT BYE,
			"2 <a@x.test> -> alice@example.com(local)|A: b\r\n\r\n\r\n"
			"\n\r\n",
			"end quit\n"},
		{"bare newline without binary", MX, NULL,
			TX "BDAT 10 LAST\r\nA: b\r\n\r\n\n\n" MAIL_A QUIT, 0,
			GH MAIL_OK RCPT_OK "550 5.5.2 Message has a bare CR or LF; lines end in "
					   "CRLF (RFC 5321 2.3.8)\r\n" MAIL_OK BYE,
			NULL,
			"data 550 5.5.2 Message has a bare CR or LF; lines end in CRLF (RFC 5321 "
			"2.3.8) 0 <a@x.test> <>\n"
			"end quit\n"},
		{"bare CR at the end", MX, NULL, TX "BDAT 9 LAST\r\nA: b\r\n\r\n\r" QUIT, 0,
			GH MAIL_OK RCPT_OK "550 5.5.2 Message has a bare CR or LF; lines end in "
					   "CRLF (RFC 5321 2.3.8)\r\n" BYE,
			NULL,
			"data 550 5.5.2 Message has a bare CR or LF; lines end in CRLF (RFC 5321 "
			"2.3.8) 0 <a@x.test> <>\n"
			"end quit\n"},
		{"bare CR within", MX, NULL,
			TX "BDAT 8\r\nA: b\r\n\r\nBDAT 4\r\n\r\n.\rBDAT 0 LAST\r\n" QUIT, 0,
			GH MAIL_OK RCPT_OK "250 2.0.0 8 bytes received\r\n"
					   "250 2.0.0 4 bytes received\r\n"
					   "550 5.5.2 Message has a bare CR or LF; lines end in "
					   "CRLF (RFC 5321 2.3.8)\r\n" BYE,
			NULL,
			"data 550 5.5.2 Message has a bare CR or LF; lines end in CRLF (RFC 5321 "
			"2.3.8) 0 <a@x.test> <>\n"
			"end quit\n"},
		{"lost within", MX, NULL, TX "BDAT 10\r\nA: b", 0, GH MAIL_OK RCPT_OK, NULL,
			"end closed\n"},
		{"failing store", MX, NULL,
			TX "BDAT 20\r\nA: b\r\n\r\nDISK IS FULLBDAT 5\r\nhelloBDAT 5 "
			   "LAST\r\nworld" MAIL_A QUIT,
			0,
			GH MAIL_OK RCPT_OK
			"452 4.3.1 Not enough storage, please try again later\r\n"
			"503 5.5.1 The message was refused already\r\n"
			"503 5.5.1 The message was refused already\r\n" MAIL_OK BYE,
			NULL,
			"data 452 4.3.1 Not enough storage, please try again later 0 <a@x.test> "
			"<>\n"
			"end quit\n"},
	};
	CHECK_TRANSCRIPTS(table);
}

TEST(nul_bytes)
{
	static const char nul[] = TX "DATA\r\nA: b\r\n\r\nx\0y\r\n.\r\n" QUIT;
	static const char bin[] = HELO "MAIL FROM:<a@x.test> BODY=BINARYMIME\r\n" RCPT_ALICE
				       "BDAT 12 LAST\r\nA: b\r\n\r\n\0\0\0\n" QUIT;
	static const char cmd[] = HELO "NO\0OP\r\nNOOP \r\r\nMAIL FROM:<a\r@x.test>\r\n" QUIT;
	static const struct transcript table[] = {
		{"refused", MX, NULL, nul, sizeof nul - 1,
			GH MAIL_OK RCPT_OK GO "554 5.6.0 Message has NUL bytes\r\n" BYE, NULL,
			"data 554 5.6.0 Message has NUL bytes 0 <a@x.test> <>\n"
			"end quit\n"},
		{"in a command", MX, NULL, cmd, sizeof cmd - 1,
			GH "500 5.5.1 No such command here\r\n"
			   "500 5.5.2 Control character in command\r\n"
			   "500 5.5.2 Control character in command\r\n" BYE,
			NULL, "end quit\n"},
	};
	CHECK_TRANSCRIPTS(table);
	struct fake f;
	fake_init(&f, 1 << 20);
	loop_init();
	struct transcript t = {
		"kept", MX "refuse_nul = no\n", NULL, nul, sizeof nul - 1, "", NULL, NULL};
	loop_main(run_one, &(struct run){&t, SIZE_MAX, &f});
	CHECK_STR(buf_slice(&f.kept),
		S("0 <a@x.test> -> alice@example.com(local)|A: b\r\n\r\nx\0y\r\n\n"));
	buf_reset(&f.kept);
	f.accepts = 0;
	t = (struct transcript){"binary", MX, NULL, bin, sizeof bin - 1, "", NULL, NULL};
	loop_main(run_one, &(struct run){&t, 3, &f});
	CHECK_STR(buf_slice(&f.kept),
		S("2 <a@x.test> -> alice@example.com(local)|A: b\r\n\r\n\0\0\0\n\n"));
	fake_done(&f);
	loop_done();
}

/* The set published in 2023 and its relatives: what another server might take for the end of data.
 */
TEST(smuggling)
{
#define HIDDEN "MAIL FROM:<evil@x.test>\r\n" RCPT_BOB "DATA\r\nA: evil\r\n\r\nevil\r\n"
	static const struct transcript table[] = {
		{"LF . LF", MX, NULL, TX "DATA\r\nA: b\r\n\r\nx\n.\n" HIDDEN ".\r\n" QUIT, 0,
			GH MAIL_OK RCPT_OK GO "550 5.5.2 Message has a bare CR or LF; lines end in "
					      "CRLF (RFC 5321 2.3.8)\r\n" BYE,
			NULL,
			"data 550 5.5.2 Message has a bare CR or LF; lines end in CRLF (RFC 5321 "
			"2.3.8) 0 <a@x.test> <>\n"
			"end quit\n"},
		{"LF . CRLF", MX, NULL, TX "DATA\r\nA: b\r\n\r\nx\n.\r\n" HIDDEN ".\r\n" QUIT, 0,
			GH MAIL_OK RCPT_OK GO "550 5.5.2 Message has a bare CR or LF; lines end in "
					      "CRLF (RFC 5321 2.3.8)\r\n" BYE,
			NULL,
			"data 550 5.5.2 Message has a bare CR or LF; lines end in CRLF (RFC 5321 "
			"2.3.8) 0 <a@x.test> <>\n"
			"end quit\n"},
		{"CRLF . LF", MX, NULL, TX "DATA\r\nA: b\r\n\r\nx\r\n.\n" HIDDEN ".\r\n" QUIT, 0,
			GH MAIL_OK RCPT_OK GO "550 5.5.2 Message has a bare CR or LF; lines end in "
					      "CRLF (RFC 5321 2.3.8)\r\n" BYE,
			NULL,
			"data 550 5.5.2 Message has a bare CR or LF; lines end in CRLF (RFC 5321 "
			"2.3.8) 0 <a@x.test> <>\n"
			"end quit\n"},
		{"CR . CR", MX, NULL, TX "DATA\r\nA: b\r\n\r\nx\r.\r" HIDDEN ".\r\n" QUIT, 0,
			GH MAIL_OK RCPT_OK GO "550 5.5.2 Message has a bare CR or LF; lines end in "
					      "CRLF (RFC 5321 2.3.8)\r\n" BYE,
			NULL,
			"data 550 5.5.2 Message has a bare CR or LF; lines end in CRLF (RFC 5321 "
			"2.3.8) 0 <a@x.test> <>\n"
			"end quit\n"},
		{"CRLF . CR", MX, NULL, TX "DATA\r\nA: b\r\n\r\nx\r\n.\r" HIDDEN ".\r\n" QUIT, 0,
			GH MAIL_OK RCPT_OK GO "550 5.5.2 Message has a bare CR or LF; lines end in "
					      "CRLF (RFC 5321 2.3.8)\r\n" BYE,
			NULL,
			"data 550 5.5.2 Message has a bare CR or LF; lines end in CRLF (RFC 5321 "
			"2.3.8) 0 <a@x.test> <>\n"
			"end quit\n"},
		{"CR CRLF . CRLF", MX, NULL, TX "DATA\r\nA: b\r\n\r\nx\r\r\n.\r\n" QUIT, 0,
			GH MAIL_OK RCPT_OK GO "550 5.5.2 Message has a bare CR or LF; lines end in "
					      "CRLF (RFC 5321 2.3.8)\r\n" BYE,
			NULL,
			"data 550 5.5.2 Message has a bare CR or LF; lines end in CRLF (RFC 5321 "
			"2.3.8) 0 <a@x.test> <>\n"
			"end quit\n"},
		{"CRLF . CR CRLF", MX, NULL,
			TX "DATA\r\nA: b\r\n\r\nx\r\n.\r\r\n" HIDDEN ".\r\n" QUIT, 0,
			GH MAIL_OK RCPT_OK GO "550 5.5.2 Message has a bare CR or LF; lines end in "
					      "CRLF (RFC 5321 2.3.8)\r\n" BYE,
			NULL,
			"data 550 5.5.2 Message has a bare CR or LF; lines end in CRLF (RFC 5321 "
			"2.3.8) 0 <a@x.test> <>\n"
			"end quit\n"},
		{"LF CR LF . CRLF", MX, NULL, TX "DATA\r\nA: b\r\n\r\nx\n\r\n.\r\n" QUIT, 0,
			GH MAIL_OK RCPT_OK GO "550 5.5.2 Message has a bare CR or LF; lines end in "
					      "CRLF (RFC 5321 2.3.8)\r\n" BYE,
			NULL,
			"data 550 5.5.2 Message has a bare CR or LF; lines end in CRLF (RFC 5321 "
			"2.3.8) 0 <a@x.test> <>\n"
			"end quit\n"},
		{"in the header", MX, NULL, TX "DATA\r\nA: b\nC: d\r\n\r\nx\r\n.\r\n" QUIT, 0,
			GH MAIL_OK RCPT_OK GO "550 5.5.2 Message has a bare CR or LF; lines end in "
					      "CRLF (RFC 5321 2.3.8)\r\n" BYE,
			NULL,
			"data 550 5.5.2 Message has a bare CR or LF; lines end in CRLF (RFC 5321 "
			"2.3.8) 0 <a@x.test> <>\n"
			"end quit\n"},
		{"kept where configured", MX "bare_newline = keep\n", NULL,
			TX "DATA\r\nA: b\r\n\r\nx\n.\ny\r\n.\r\n" QUIT, 0,
			GH MAIL_OK RCPT_OK GO KEPT BYE,
			"0 <a@x.test> -> alice@example.com(local)|A: b\r\n\r\nx\n"
			".\ny\r\n\n",
			"end quit\n"},
		{"trusted, from a stranger", MX "bare_newline = trusted\n", NULL,
			TX "DATA\r\nA: b\r\n\r\nx\n.\ny\r\n.\r\n" QUIT, 0,
			GH MAIL_OK RCPT_OK GO "550 5.5.2 Message has a bare CR or LF; lines end in "
					      "CRLF (RFC 5321 2.3.8)\r\n" BYE,
			NULL,
			"data 550 5.5.2 Message has a bare CR or LF; lines end in CRLF (RFC 5321 "
			"2.3.8) 0 <a@x.test> <>\n"
			"end quit\n"},
		{"trusted", MX "bare_newline = trusted\ntrusted = 192.0.2.1\n", NULL,
			"HELO c.test\nNOOP\n" MAIL_A RCPT_ALICE
			"DATA\r\nA: b\r\n\r\nx\n.\ny\r\n.\r\n" QUIT,
			0, GH "250 2.0.0 Ok\r\n" MAIL_OK RCPT_OK GO KEPT BYE,
			"128 <a@x.test> -> alice@example.com(local)|A: b\r\n\r\n"
			"x\n.\ny\r\n\n",
			"end quit\n"},
		{"commands", MX, NULL, "HELO c.test\nNOOP\n" HELO "NOOP\n" QUIT, 0,
			G "500 5.5.2 Lines end in CRLF, not in a bare LF\r\n"
			  "500 5.5.2 Lines end in CRLF, not in a bare LF\r\n" HELO_OK
			  "500 5.5.2 Lines end in CRLF, not in a bare LF\r\n" BYE,
			NULL, "end quit\n"},
		{"dot alone is no command", MX, NULL, HELO ".\r\n" QUIT, 0,
			GH "500 5.5.1 No such command here\r\n" BYE, NULL, "end quit\n"},
	};
	CHECK_TRANSCRIPTS(table);
}

TEST(failing_store)
{
#define FROM(s)                                                                                    \
	HELO "MAIL FROM:<" s ">\r\n" RCPT_ALICE "DATA\r\nA: b\r\n\r\nhello\r\n.\r\n" MAIL_A QUIT
	static const struct transcript table[] = {
		{"full at the start", MX, NULL,
			HELO "MAIL FROM:<begin-full@x.test>\r\n" RCPT_ALICE "DATA\r\nRSET\r\n" QUIT,
			0,
			GH MAIL_OK RCPT_OK
			"452 4.3.1 Not enough storage, please try again later\r\n"
			"250 2.0.0 Forgotten\r\n" BYE,
			NULL,
			"data 452 4.3.1 Not enough storage, please try again later 0 "
			"<begin-full@x.test> <>\n"
			"end quit\n"},
		{"full at the start of BDAT", MX, NULL,
			HELO "MAIL FROM:<begin-full@x.test>\r\n" RCPT_ALICE
			     "BDAT 4\r\nQUITBDAT 4 LAST\r\nQUIT" QUIT,
			0,
			GH MAIL_OK RCPT_OK
			"452 4.3.1 Not enough storage, please try again later\r\n"
			"503 5.5.1 The message was refused already\r\n" BYE,
			NULL,
			"data 452 4.3.1 Not enough storage, please try again later 0 "
			"<begin-full@x.test> <>\n"
			"end quit\n"},
		{"full within", MX, NULL,
			TX "DATA\r\nA: b\r\n\r\nDISK IS FULL\r\nmore\r\n.\r\n" MAIL_A QUIT, 0,
			GH MAIL_OK RCPT_OK GO
			"452 4.3.1 Not enough storage, please try again later\r\n" MAIL_OK BYE,
			NULL,
			"data 452 4.3.1 Not enough storage, please try again later 0 <a@x.test> "
			"<>\n"
			"end quit\n"},
		{"broken within", MX, NULL,
			TX "DATA\r\nA: DISK IS BROKEN\r\n\r\nmore\r\n.\r\n" MAIL_A QUIT, 0,
			GH MAIL_OK RCPT_OK GO
			"451 4.3.0 Local problem, please try again later\r\n" MAIL_OK BYE,
			NULL,
			"data 451 4.3.0 Local problem, please try again later 0 <a@x.test> <>\n"
			"end quit\n"},
		{"commit", MX, NULL, FROM("commit@x.test"), 0,
			GH MAIL_OK RCPT_OK GO
			"451 4.3.0 Local problem, please try again later\r\n" MAIL_OK BYE,
			NULL,
			"data 451 4.3.0 Local problem, please try again later 0 <commit@x.test> "
			"<>\n"
			"end quit\n"},
		{"commit full", MX, NULL, FROM("commit-full@x.test"), 0,
			GH MAIL_OK RCPT_OK GO
			"452 4.3.1 Not enough storage, please try again later\r\n" MAIL_OK BYE,
			NULL,
			"data 452 4.3.1 Not enough storage, please try again later 0 "
			"<commit-full@x.test> <>\n"
			"end quit\n"},
		{"policy", MX, NULL, FROM("denied@x.test"), 0,
			GH MAIL_OK RCPT_OK GO "550 5.7.1 Message refused\r\n" MAIL_OK BYE, NULL,
			"data 550 5.7.1 Message refused 0 <denied@x.test> <>\n"
			"end quit\n"},
		{"policy with words", MX, NULL, FROM("virus@x.test"), 0,
			GH MAIL_OK RCPT_OK GO "554 5.7.0 A virus was??found ???\r\n" MAIL_OK BYE,
			NULL,
			"data 554 5.7.0 A virus was\r\n"
			"found \344\275\240 0 <virus@x.test> <>\nend quit\n"},
	};
	CHECK_TRANSCRIPTS(table);
}

TEST(lmtp)
{
#define LHLO "LHLO c.test\r\n"
#define LM "kind = lmtp\n"
	static const struct transcript table[] = {
		{"one reply for each recipient", LM, NULL,
			LHLO MAIL_A RCPT_ALICE
			"RCPT TO:<nobody@example.com>\r\nRCPT TO:<x@backend.test>\r\n" RCPT_ALICE
			"DATA\r\nA: b\r\n\r\nx\r\n.\r\n" QUIT,
			0,
			G CAPS MAIL_OK RCPT_OK NO_USER RCPT_OK RCPT_OK GO
			"250 2.1.5 <alice@example.com> kept as ID\r\n"
			"250 2.1.5 <x@backend.test> kept as ID\r\n"
			"250 2.1.5 <alice@example.com> kept as ID\r\n" BYE,
			"0 <a@x.test> -> alice@example.com(local) x@backend.test(backend:b)|A: "
			"b\r\n"
			"\r\nx\r\n\n",
			"rcpt 550 5.1.1 No such user here -1 <a@x.test> <nobody@example.com>\n"
			"end quit\n"},
		{"chunks", LM, NULL,
			LHLO MAIL_A RCPT_ALICE RCPT_BOB
			"BDAT 4\r\nA: bBDAT 5 LAST\r\n\r\n\r\nx" QUIT,
			0,
			G CAPS MAIL_OK RCPT_OK RCPT_OK
			"250 2.0.0 4 bytes received\r\n"
			"250 2.1.5 <alice@example.com> kept as ID\r\n"
			"250 2.1.5 <bob@example.com> kept as ID\r\n" BYE,
			"0 <a@x.test> -> alice@example.com(local) bob@example.com(local)|A: b\r\n"
			"\r\nx\n",
			"end quit\n"},
		{"refused for each", LM, NULL,
			LHLO MAIL_A RCPT_ALICE RCPT_BOB
			"DATA\r\nA: b\r\n\r\nx\ny\r\n.\r\n" MAIL_A QUIT,
			0,
			G CAPS MAIL_OK RCPT_OK RCPT_OK GO
			"550 5.5.2 Message has a bare CR or LF; lines end in CRLF (RFC 5321 "
			"2.3.8)\r\n"
			"550 5.5.2 Message has a bare CR or LF; lines end in CRLF (RFC 5321 "
			"2.3.8)\r\n" MAIL_OK BYE,
			NULL,
			"data 550 5.5.2 Message has a bare CR or LF; lines end in CRLF (RFC 5321 "
			"2.3.8) 0 <a@x.test> <>\n"
			"end quit\n"},
		{"not stored for each", LM, NULL,
			LHLO "MAIL FROM:<commit@x.test>\r\n" RCPT_ALICE RCPT_BOB
			     "DATA\r\nA: b\r\n\r\nx\r\n.\r\n" QUIT,
			0,
			G CAPS MAIL_OK RCPT_OK RCPT_OK GO
			"451 4.3.0 Local problem, please try again later\r\n"
			"451 4.3.0 Local problem, please try again later\r\n" BYE,
			NULL,
			"data 451 4.3.0 Local problem, please try again later 0 <commit@x.test> "
			"<>\n"
			"end quit\n"},
		{"no recipients", LM, NULL,
			LHLO MAIL_A "RCPT TO:<nobody@example.com>\r\nDATA\r\n" QUIT, 0,
			G CAPS MAIL_OK NO_USER "503 5.5.1 No valid recipients\r\n" BYE, NULL,
			"rcpt 550 5.1.1 No such user here -1 <a@x.test> <nobody@example.com>\n"
			"end quit\n"},
		{"no HELO here", LM, NULL,
			"HELO x\r\nEHLO x\r\nMAIL FROM:<>\r\nAUTH PLAIN\r\nHELP\r\n" QUIT, 0,
			G "500 5.5.1 No such command here\r\n"
			  "500 5.5.1 No such command here\r\n"
			  "503 5.5.1 Say LHLO first\r\n"
			  "500 5.5.1 No such command here\r\n"
			  "214 2.0.0 LHLO MAIL RCPT DATA BDAT RSET NOOP VRFY HELP QUIT\r\n" BYE,
			NULL, "end quit\n"},
		{"bounces to many", LM, NULL, LHLO "MAIL FROM:<>\r\n" RCPT_ALICE RCPT_BOB QUIT, 0,
			G CAPS MAIL_OK RCPT_OK RCPT_OK BYE, NULL, "end quit\n"},
	};
	CHECK_TRANSCRIPTS(table);
}

static void large(const char *conf, const char *head, size_t line, size_t lines, const char *answer,
	bool kept)
{
	struct buf in = BUF(1 << 24), out = BUF(1 << 20), want = BUF(1 << 24);
	buf_put(&in, S(TX "DATA\r\n"));
	size_t start = in.n;
	buf_put(&in, slice_z(head));
	for (size_t i = 0; i < lines; i++) {
		buf_fill(&in, 'x', line);
		buf_put(&in, S("\r\n"));
	}
	if (kept)
		buf_printf(&want, "0 <a@x.test> -> alice@example.com(local)|%.*s\n",
			SFMT(slice_skip(buf_slice(&in), start)));
	buf_byte(&want, 0);
	buf_put(&in, S(".\r\nNOOP\r\nQUIT\r\n"));
	buf_printf(&out, "%s%s250 2.0.0 Ok\r\n%s", TX_OK GO, answer, BYE);
	buf_byte(&out, 0);
	struct transcript t = {"large", conf, NULL, in.p, in.n, out.p, want.p, NULL};
	loop_init();
	CHECK(check_transcript(&t, SIZE_MAX));
	CHECK(check_transcript(&t, 4093));
	loop_done();
	buf_done(&in);
	buf_done(&out);
	buf_done(&want);
}

TEST(limits_of_a_message)
{
	const char *const small = MX "max_size = 64k\n";
	large(small, "A: b\r\n\r\n", 998, 60, KEPT, true);
	large(small, "A: b\r\n\r\n", 998, 66, "552 5.3.4 Message is larger than 65536 bytes\r\n",
		false);
	large(small, "A: b\r\n\r\n", 1022, 64, "552 5.3.4 Message is larger than 65536 bytes\r\n",
		false);
	large(MX, "A: b\r\n\r\n", 1000000, 2, KEPT, true);
	large(MX, "A: b\r\n\r\n", 1100000, 1, "554 5.6.0 Message has a line that is too long\r\n",
		false);
	large(MX "max_header = 16k\n", "A: b\r\n", 1000, 15, KEPT, true);
	large(MX "max_header = 16k\n", "A: b\r\n", 1000, 17,
		"552 5.3.4 The header of the message is too large\r\n", false);
}

TEST(loops)
{
	struct buf in = BUF(1 << 16);
	for (int hops = 50; hops <= 51; hops++) {
		buf_reset(&in);
		for (int i = 0; i < hops; i++)
			buf_put(&in, S("Received: from a by b; x\r\n"));
		buf_put(&in, S("\r\n"));
		buf_byte(&in, 0);
		large(MX, in.p, 10, 1,
			hops == 50
				? KEPT
				: "554 5.4.6 Too many hops: this message is going in circles\r\n",
			hops == 50);
	}
	buf_done(&in);
}
