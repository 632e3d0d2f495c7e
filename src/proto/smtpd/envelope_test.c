/* MAIL and RCPT: parameters, relaying, senders, recipients, limits. */
#include "proto/smtpd/transcript_testing.h"

TEST(mail)
{
	static const struct transcript table[] = {
		{"senders", MX, NULL,
			HELO "MAIL FROM:<>\r\nRSET\r\nMAIL FROM:<@a,@b:c@x.test>\r\nRSET\r\nmail "
			     "from: <\"q s\"@[192.0.2.1]>\r\n" QUIT,
			0,
			GH MAIL_OK "250 2.0.0 Forgotten\r\n" MAIL_OK
				   "250 2.0.0 Forgotten\r\n" MAIL_OK BYE,
			NULL, "end quit\n"},
		{"malformed", MX, NULL,
			HELO "MAIL\r\nMAIL FROM:\r\nMAIL TO:<a@x.test>\r\nMAIL "
			     "FROM:a@x.test\r\nMAIL FROM:<a@x.test\r\nMAIL "
			     "FROM:<postmaster>\r\nMAIL FROM:<a b@x.test>\r\nMAIL "
			     "FROM:<a@x..test>\r\n" QUIT,
			0,
			GH "501 5.5.4 Argument missing\r\n"
			   "501 5.5.4 Argument missing\r\n"
			   "501 5.5.4 Malformed argument: TO:<a@x.test>\r\n"
			   "501 5.5.4 Malformed argument: a@x.test\r\n"
			   "501 5.1.7 Bad sender address syntax: not a mail address\r\n"
			   "501 5.1.7 Bad sender address syntax: not a mail address\r\n"
			   "501 5.1.7 Bad sender address syntax: not a mail address\r\n"
			   "501 5.1.7 Bad sender address syntax: not a valid domain or address "
			   "literal\r\n" BYE,
			NULL, "end quit\n"},
		{"parameters", MX, NULL,
			HELO "MAIL FROM:<a@x.test> SIZE=1000 BODY=8BITMIME SMTPUTF8 RET=HDRS "
			     "ENVID=a+2Bb\r\nRSET\r\n"
			     "MAIL FROM:<a@x.test> BODY=7BIT\r\nRSET\r\nMAIL FROM:<a@x.test> "
			     "body=binarymime\r\n" QUIT,
			0,
			GH MAIL_OK "250 2.0.0 Forgotten\r\n" MAIL_OK
				   "250 2.0.0 Forgotten\r\n" MAIL_OK BYE,
			NULL, "end quit\n"},
		{"bad parameters", MX, NULL,
			HELO "MAIL FROM:<a@x.test> FOO=1\r\nMAIL FROM:<a@x.test> SIZE=x\r\nMAIL "
			     "FROM:<a@x.test> SIZE=1 SIZE=1\r\n"
			     "MAIL FROM:<a@x.test> BODY=9BIT\r\nMAIL FROM:<a@x.test> "
			     "SMTPUTF8=1\r\nMAIL FROM:<a@x.test> RET=X\r\n"
			     "MAIL FROM:<a@x.test> =\r\nMAIL FROM:<a@x.test> REQUIRETLS\r\nMAIL "
			     "FROM:<a@x.test> AUTH=<>\r\n" QUIT,
			0,
			GH "555 5.5.4 Parameter not recognized: FOO=1\r\n"
			   "501 5.5.4 Bad parameter value: SIZE=x\r\n"
			   "501 5.5.4 Parameter given twice: SIZE=1\r\n"
			   "501 5.5.4 Bad parameter value: BODY=9BIT\r\n"
			   "501 5.5.4 Bad parameter value: SMTPUTF8=1\r\n"
			   "501 5.5.4 Bad parameter value: RET=X\r\n"
			   "501 5.5.4 Malformed parameter: =\r\n"
			   "555 5.5.4 Parameter not recognized: REQUIRETLS\r\n"
			   "555 5.5.4 Parameter not recognized: AUTH=<>\r\n" BYE,
			NULL, "end quit\n"},
		{"declared size", MX, NULL,
			HELO "MAIL FROM:<a@x.test> SIZE=52428800\r\nRSET\r\nMAIL FROM:<a@x.test> "
			     "SIZE=52428801\r\nMAIL "
			     "FROM:<a@x.test> SIZE=99999999999999999999\r\n" QUIT,
			0,
			GH MAIL_OK
			"250 2.0.0 Forgotten\r\n"
			"552 5.3.4 Message is larger than 52428800 bytes\r\n"
			"501 5.5.4 Bad parameter value: SIZE=99999999999999999999\r\n" BYE,
			NULL,
			"mail 552 5.3.4 Message is larger than 52428800 bytes 0 <a@x.test> <>\n"
			"end quit\n"},
		{"refused by policy", MX, NULL,
			HELO "MAIL FROM:<spammer@bad.test>\r\nMAIL FROM:<temp@bad.test>\r\nMAIL "
			     "FROM:<a@x.test>\r\n" QUIT,
			0,
			GH "550 5.7.1 Sender refused\r\n"
			   "451 4.3.0 Local problem, please try again later\r\n" MAIL_OK BYE,
			NULL,
			"mail 550 5.7.1 Sender refused 0 <spammer@bad.test> <>\n"
			"mail 451 4.3.0 Local problem, please try again later 0 <temp@bad.test> "
			"<>\n"
			"end quit\n"},
		{"utf8 senders", MX, NULL,
			HELO "MAIL FROM:<\xe4\xbd\xa0@x.test>\r\nMAIL FROM:<\xe4\xbd\xa0@x.test> "
			     "SMTPUTF8\r\nRSET\r\n"
			     "MAIL FROM:<\xff@x.test> SMTPUTF8\r\n" QUIT,
			0,
			GH "553 5.6.7 Non-ASCII address needs SMTPUTF8: ???@x.test\r\n" MAIL_OK
			   "250 2.0.0 Forgotten\r\n"
			   "501 5.1.7 Bad sender address syntax: address is not valid UTF-8 or not "
			   "an allowed internationalized name\r\n" BYE,
			NULL, "end quit\n"},
		{"transactions", MX "max_transactions = 2\n", NULL,
			HELO MAIL_A "RSET\r\n" MAIL_A "RSET\r\n" MAIL_A QUIT, 0,
			GH MAIL_OK
			"250 2.0.0 Forgotten\r\n" MAIL_OK "250 2.0.0 Forgotten\r\n"
			"421 4.5.3 mail.example.com Enough messages for one connection\r\n",
			NULL, "end transactions\n"},
	};
	CHECK_TRANSCRIPTS(table);
}

TEST(rcpt)
{
	static const struct transcript table[] = {
		{"recipients", MX, NULL,
			HELO MAIL_A "RCPT TO:<alice@example.com>\r\nRCPT "
				    "TO:<x@backend.test>\r\nRCPT TO:<nobody@example.com>\r\n"
				    "RCPT TO:<full@example.com>\r\nRCPT "
				    "TO:<off@example.com>\r\nRCPT TO:<temp@example.com>\r\n"
				    "RCPT TO:<grey@example.com>\r\nRCPT "
				    "TO:<bug@example.com>\r\nRCPT TO:<a@foreign.test>\r\n" QUIT,
			0,
			GH MAIL_OK RCPT_OK RCPT_OK NO_USER
			"452 4.2.2 Mailbox is full\r\n"
			"550 5.2.1 Mailbox is disabled\r\n"
			"451 4.3.0 Local problem, please try again later\r\n"
			"450 4.7.1 Greylisted, come again in 5 minutes\r\n"
			"451 4.3.0 Local problem, please try again later\r\n"
			"554 5.7.1 Relay access denied\r\n" BYE,
			NULL,
			"rcpt 550 5.1.1 No such user here -1 <a@x.test> <nobody@example.com>\n"
			"rcpt 452 4.2.2 Mailbox is full -2 <a@x.test> <full@example.com>\n"
			"rcpt 550 5.2.1 Mailbox is disabled -3 <a@x.test> <off@example.com>\n"
			"rcpt 451 4.3.0 Local problem, please try again later -4 <a@x.test> "
			"<temp@example.com>\n"
			"rcpt 450 4.7.1 Greylisted, come again in 5 minutes -5 <a@x.test> "
			"<grey@example.com>\n"
			"rcpt 451 4.3.0 Local problem, please try again later -6 <a@x.test> "
			"<bug@example.com>\n"
			"rcpt 554 5.7.1 Relay access denied -7 <a@x.test> <a@foreign.test>\n"
			"end quit\n"},
		{"malformed", MX, NULL,
			HELO MAIL_A "RCPT\r\nRCPT TO:\r\nRCPT TO:<>\r\nRCPT "
				    "FROM:<a@x.test>\r\nRCPT TO:<alice>\r\nRCPT "
				    "TO:<alice@example.com> FOO\r\nRCPT TO:<alice@example.com> "
				    "NOTIFY=NEVER,SUCCESS\r\nRCPT "
				    "TO:<alice@example.com> ORCPT=x\r\n" QUIT,
			0,
			GH MAIL_OK
			"501 5.5.4 Argument missing\r\n"
			"501 5.5.4 Argument missing\r\n"
			"501 5.1.3 Bad recipient address syntax: not a mail address\r\n"
			"501 5.5.4 Malformed argument: FROM:<a@x.test>\r\n"
			"501 5.1.3 Bad recipient address syntax: not a mail address\r\n"
			"555 5.5.4 Parameter not recognized: FOO\r\n"
			"501 5.5.4 Parameter values exclude each other: NOTIFY=NEVER,SUCCESS\r\n"
			"501 5.5.4 Bad parameter value: ORCPT=x\r\n" BYE,
			NULL, "end quit\n"},
		{"postmaster", MX "postmaster = root@example.com\n", NULL,
			HELO MAIL_A
			"RCPT TO:<postmaster>\r\nRCPT TO:<PostMaster@example.com>\r\nRCPT "
			"TO:<postmaster@foreign.test>\r\n"
			"DATA\r\nSubject: x\r\n\r\nx\r\n.\r\n" QUIT,
			0,
			GH MAIL_OK RCPT_OK RCPT_OK "554 5.7.1 Relay access denied\r\n" GO KEPT BYE,
			"0 <a@x.test> -> root@example.com(local)|Subject: x\r\n"
			"\r\nx\r\n\n",
			"rcpt 554 5.7.1 Relay access denied -1 <a@x.test> "
			"<postmaster@foreign.test>\n"
			"end quit\n"},
		{"postmaster of a domain that answers itself", MX "postmaster = root@example.com\n",
			NULL,
			HELO MAIL_A "RCPT TO:<postmaster@coded.test>\r\nRCPT "
				    "TO:<x@coded.test>\r\nDATA\r\n\r\n.\r\n" QUIT,
			0,
			G HELO_OK MAIL_OK RCPT_OK "550 5.1.1 Unknown in this house\r\n" GO KEPT BYE,
			"0 <a@x.test> -> root@example.com(local)[0 "
			"rfc822;postmaster@coded.test]|\r\n"
			"\n",
			"rcpt 550 5.1.1 Unknown in this house -1 <a@x.test> <x@coded.test>\n"
			"end quit\n"},
		{"aliases and duplicates", MX, NULL,
			HELO MAIL_A "RCPT TO:<list@example.com>\r\nRCPT TO:<bob@example.com> "
				    "NOTIFY=FAILURE,DELAY\r\nRCPT "
				    "TO:<list@example.com>\r\nRCPT TO:<x@backend.test> "
				    "NOTIFY=NEVER ORCPT=rfc822;y+2Bz@x.test\r\n"
				    "DATA\r\nSubject: x\r\n\r\nx\r\n.\r\n" QUIT,
			0, GH MAIL_OK RCPT_OK RCPT_OK RCPT_OK RCPT_OK GO KEPT BYE,
			"0 <a@x.test> -> alice@example.com(local)[0 rfc822;list@example.com] "
			"bob@example.com(local)[12 ] x@backend.test(backend:b)[1 "
			"rfc822;y+z@x.test]|Subject: x\r\n"
			"\r\nx\r\n\n",
			"end quit\n"},
		{"dsn", MX, NULL,
			HELO
			"MAIL FROM:<a@x.test> RET=FULL ENVID=QQ314159\r\nRCPT "
			"TO:<alice@example.com> NOTIFY=SUCCESS "
			"ORCPT=rfc822;Carol@x.test\r\nDATA\r\nSubject: x\r\n\r\nx\r\n.\r\n" QUIT,
			0, GH MAIL_OK RCPT_OK GO KEPT BYE,
			"32 <a@x.test> -> alice@example.com(local)[2 rfc822;Carol@x.test] "
			"envid=QQ314159|Subject: x\r\n"
			"\r\nx\r\n\n",
			"end quit\n"},
		{"utf8", MX, NULL,
			HELO MAIL_A "RCPT TO:<\xe4\xbd\xa0@example.com>\r\nRSET\r\nMAIL "
				    "FROM:<a@x.test> SMTPUTF8\r\nRCPT "
				    "TO:<\xe4\xbd\xa0@example.com>\r\nDATA\r\nSubject: "
				    "\xe4\xbd\xa0\r\n\r\nx\r\n.\r\n" QUIT,
			0,
			GH MAIL_OK "553 5.6.7 Non-ASCII address needs SMTPUTF8: ???@example.com\r\n"
				   "250 2.0.0 Forgotten\r\n" MAIL_OK RCPT_OK GO KEPT BYE,
			"5 <a@x.test> -> \344\275\240@example.com(local)|Subject: \344\275\240\r\n"
			"\r\nx\r\n\n",
			"end quit\n"},
		{"the same again", MX, NULL,
			HELO MAIL_A RCPT_ALICE RCPT_ALICE RCPT_ALICE RCPT_ALICE RCPT_ALICE
				RCPT_ALICE RCPT_ALICE RCPT_ALICE RCPT_ALICE RCPT_ALICE
			"RSET\r\n" QUIT,
			0,
			GH MAIL_OK RCPT_OK RCPT_OK RCPT_OK RCPT_OK RCPT_OK RCPT_OK RCPT_OK RCPT_OK
				RCPT_OK RCPT_OK "250 2.0.0 Forgotten\r\n" BYE,
			NULL, "end quit\n"},
		{"null sender", MX, NULL,
			HELO "MAIL FROM:<>\r\n" RCPT_ALICE RCPT_BOB
			     "DATA\r\nSubject: x\r\n\r\nx\r\n.\r\n" QUIT,
			0,
			GH MAIL_OK RCPT_OK "452 4.5.3 One at a time for notifications, send the "
					   "others separately\r\n" GO KEPT BYE,
			"0 <> -> alice@example.com(local)|Subject: x\r\n\r\nx\r\n"
			"\n",
			"end quit\n"},
	};
	CHECK_TRANSCRIPTS(table);
}

/* RFC 2920: what was sent before a refusal could be heard is no mistake. */
TEST(pipelining_behind_a_refusal)
{
	static const struct transcript table[] = {
		{"sender", MX "max_errors = 4\nsoft_errors = 1\ntarpit = 0s\n", NULL,
			HELO "MAIL FROM:<a@x.test> SIZE=52428801\r\n" RCPT_ALICE RCPT_ALICE
			     "DATA\r\nMAIL FROM:<a@x.test> SIZE=52428801\r\n" RCPT_ALICE
			     "DATA\r\nRSET\r\n" RCPT_ALICE QUIT,
			0,
			GH "552 5.3.4 Message is larger than 52428800 bytes\r\n"
			   "503 5.5.1 Say MAIL first\r\n503 5.5.1 Say MAIL first\r\n"
			   "503 5.5.1 Say MAIL and RCPT first\r\n"
			   "552 5.3.4 Message is larger than 52428800 bytes\r\n"
			   "503 5.5.1 Say MAIL first\r\n503 5.5.1 Say MAIL and RCPT first\r\n"
			   "250 2.0.0 Forgotten\r\n503 5.5.1 Say MAIL first\r\n" BYE,
			NULL,
			"mail 552 5.3.4 Message is larger than 52428800 bytes 0 <a@x.test> <>\n"
			"mail 552 5.3.4 Message is larger than 52428800 bytes 0 <a@x.test> <>\n"
			"end quit\n"},
		{"recipients", MX "max_errors = 2\nsoft_errors = 1\ntarpit = 0s\n", NULL,
			HELO MAIL_A "RCPT TO:<grey@example.com>\r\nDATA\r\nRSET\r\n" MAIL_A
				    "RCPT TO:<grey@example.com>\r\nDATA\r\nRSET\r\n" MAIL_A
				    "DATA\r\n" QUIT,
			0,
			GH MAIL_OK "450 4.7.1 Greylisted, come again in 5 minutes\r\n"
				   "554 5.5.1 No valid recipients\r\n"
				   "250 2.0.0 Forgotten\r\n" MAIL_OK
				   "450 4.7.1 Greylisted, come again in 5 minutes\r\n"
				   "554 5.5.1 No valid recipients\r\n"
				   "250 2.0.0 Forgotten\r\n" MAIL_OK
				   "554 5.5.1 No valid recipients\r\n" BYE,
			NULL,
			"rcpt 450 4.7.1 Greylisted, come again in 5 minutes -1 <a@x.test> "
			"<grey@example.com>\n"
			"rcpt 450 4.7.1 Greylisted, come again in 5 minutes -1 <a@x.test> "
			"<grey@example.com>\n"
			"end quit\n"},
	};
	CHECK_TRANSCRIPTS(table);
}

TEST(no_open_relay)
{
	static const struct transcript table[] = {
		{"stranger", MX, NULL,
			HELO MAIL_A "RCPT TO:<a@foreign.test>\r\nRCPT "
				    "TO:<alice%foreign.test@example.com>\r\nRCPT "
				    "TO:<@example.com:a@foreign.test>\r\nRCPT "
				    "TO:<\"a@foreign.test\"@example.com>\r\nRCPT "
				    "TO:<foreign.test!a@example.com>\r\nRCPT "
				    "TO:<a@[203.0.113.5]>\r\nDATA\r\n" QUIT,
			0,
			GH MAIL_OK "554 5.7.1 Relay access denied\r\n" NO_USER
				   "554 5.7.1 Relay access denied\r\n" NO_USER NO_USER
				   "554 5.7.1 Relay access denied\r\n"
				   "554 5.5.1 No valid recipients\r\n" BYE,
			NULL,
			"rcpt 554 5.7.1 Relay access denied -1 <a@x.test> <a@foreign.test>\n"
			"rcpt 550 5.1.1 No such user here -2 <a@x.test> "
			"<alice%foreign.test@example.com>\n"
			"rcpt 554 5.7.1 Relay access denied -3 <a@x.test> <a@foreign.test>\n"
			"rcpt 550 5.1.1 No such user here -4 <a@x.test> "
			"<\"a@foreign.test\"@example.com>\n"
			"rcpt 550 5.1.1 No such user here -5 <a@x.test> "
			"<foreign.test!a@example.com>\n"
			"rcpt 554 5.7.1 Relay access denied -6 <a@x.test> <a@[203.0.113.5]>\n"
			"end quit\n"},
		{"local sender is no proof", MX, NULL,
			HELO "MAIL FROM:<alice@example.com>\r\nRCPT TO:<a@foreign.test>\r\n" QUIT,
			0, GH MAIL_OK "554 5.7.1 Relay access denied\r\n" BYE, NULL,
			"rcpt 554 5.7.1 Relay access denied -1 <alice@example.com> "
			"<a@foreign.test>\n"
			"end quit\n"},
		{"trusted network", MX "trusted = 192.0.2.0/24\n", NULL,
			HELO MAIL_A
			"RCPT TO:<a@foreign.test>\r\nDATA\r\nSubject: x\r\n\r\nx\r\n.\r\n" QUIT,
			0, GH MAIL_OK RCPT_OK GO KEPT BYE,
			"128 <a@x.test> -> a@foreign.test(smtp:foreign.test)|Subject: x\r\n"
			"\r\nx\r\n\n",
			"end quit\n"},
		{"another network", MX "trusted = 198.51.100.0/24\n", NULL,
			HELO MAIL_A "RCPT TO:<a@foreign.test>\r\n" QUIT, 0,
			GH MAIL_OK "554 5.7.1 Relay access denied\r\n" BYE, NULL,
			"rcpt 554 5.7.1 Relay access denied -1 <a@x.test> <a@foreign.test>\n"
			"end quit\n"},
		{"internal service turns strangers away",
			"kind = internal\ntrusted = 198.51.100.0/24\n", NULL, HELO QUIT, 0,
			"554 5.7.1 Only known networks are served here\r\n", NULL,
			"connect 554 5.7.1 Only known networks are served here 0 <> <>\n"
			"end refused\n"},
		{"internal service", "kind = internal\ntrusted = 192.0.2.0/24\n", NULL,
			HELO MAIL_A
			"RCPT TO:<a@foreign.test>\r\nDATA\r\nSubject: x\r\n\r\nx\r\n.\r\n" QUIT,
			0, GH MAIL_OK RCPT_OK GO KEPT BYE,
			"128 <a@x.test> -> a@foreign.test(smtp:foreign.test)|Subject: x\r\n"
			"\r\nx\r\n\n",
			"end quit\n"},
		{"trust is no login",
			"kind = submission\nauth_plaintext = yes\ntrusted = 192.0.2.0/24\n", NULL,
			HELO MAIL_A QUIT, 0, GH "530 5.7.0 Log in with AUTH first\r\n" BYE, NULL,
			"end quit\n"},
		{"lmtp never relays", "kind = lmtp\ntrusted = 192.0.2.0/24\n", NULL,
			"LHLO c.test\r\n" MAIL_A "RCPT TO:<a@foreign.test>\r\n" QUIT, 0,
			G CAPS MAIL_OK "554 5.7.1 Relay access denied\r\n" BYE, NULL,
			"rcpt 554 5.7.1 Relay access denied -1 <a@x.test> <a@foreign.test>\n"
			"end quit\n"},
	};
	CHECK_TRANSCRIPTS(table);
}

TEST(many_recipients)
{
	struct buf in = BUF(1 << 20), out = BUF(1 << 20);
	buf_put(&in, S(HELO "MAIL FROM:<a@x.test>\r\n"));
	buf_put(&out, S(GH MAIL_OK));
	for (int i = 0; i < 103; i++) {
		buf_printf(&in, "RCPT TO:<u%d@backend.test>\r\n", i);
		buf_put(&out, i < 100 ? S(RCPT_OK)
				      : S("452 4.5.3 Too many recipients, send the others in "
					  "another message\r\n"));
	}
	buf_put(&in, S("DATA\r\n.\r\nQUIT\r\n"));
	buf_put(&out, S(GO KEPT BYE));
	buf_byte(&in, 0);
	buf_byte(&out, 0);
	struct buf kept = BUF(1 << 20);
	buf_put(&kept, S("0 <a@x.test> ->"));
	for (int i = 0; i < 100; i++)
		buf_printf(&kept, " u%d@backend.test(backend:b)", i);
	buf_put(&kept, S("|\n"));
	buf_byte(&kept, 0);
	struct transcript t = {"many", MX "max_rcpts = 100\n", NULL, in.p, 0, out.p, kept.p, NULL};
	check_transcripts(&t, 1);
	buf_done(&in);
	buf_done(&out);
	buf_done(&kept);
}
