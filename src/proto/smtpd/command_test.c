/* Verbs, their order, EHLO and what surrounds transactions. */
#include "proto/smtpd/transcript_testing.h"

TEST(verbs_and_their_order)
{
	static const struct transcript table[] = {
		{"hello and bye", MX, NULL, "EHLO c.test\r\nQUIT\r\n", 0, G CAPS BYE, NULL,
			"end quit\n"},
		{"helo", MX, NULL, "HELO c.test\r\nquit\r\n", 0, GH BYE, NULL, "end quit\n"},
		{"case does not matter", MX, NULL, "eHLo c.test\r\nNoop\r\nqUIT\r\n", 0,
			G CAPS "250 2.0.0 Ok\r\n" BYE, NULL, "end quit\n"},
		{"no name", MX, NULL, "EHLO\r\nHELO \r\nQUIT\r\n", 0,
			G "501 5.5.4 Argument missing\r\n"
			  "501 5.5.4 Argument missing\r\n" BYE,
			NULL, "end quit\n"},
		{"odd names pass", MX, NULL,
			"HELO under_score\r\nHELO 192.0.2.1\r\nHELO [192.0.2.1]\r\n" QUIT, 0,
			GH HELO_OK HELO_OK BYE, NULL, "end quit\n"},
		{"odd names where it is strict", MX "strict_helo = yes\n", NULL,
			"HELO under_score\r\nHELO [192.0.2.1]\r\nHELO [300.0.2.1]\r\n" QUIT, 0,
			G "501 5.5.4 That is no host name or address literal\r\n" HELO_OK
			  "501 5.5.4 That is no host name or address literal\r\n" BYE,
			NULL, "end quit\n"},
		{"order", MX, NULL,
			MAIL_A "RCPT TO:<alice@example.com>\r\nDATA\r\n" HELO
			       "RCPT TO:<alice@example.com>\r\nDATA\r\n" MAIL_A
			       "DATA\r\nMAIL FROM:<b@x.test>\r\nAUTH PLAIN\r\nSTARTTLS\r\n" QUIT,
			0,
			G "503 5.5.1 Say EHLO first\r\n503 5.5.1 Say EHLO first\r\n"
			  "503 5.5.1 Say EHLO first\r\n" HELO_OK "503 5.5.1 Say MAIL first\r\n"
			  "503 5.5.1 Say MAIL and RCPT first\r\n" MAIL_OK
			  "554 5.5.1 No valid recipients\r\n"
			  "503 5.5.1 There is a MAIL already; RSET starts over\r\n"
			  "502 5.5.1 AUTH is not offered\r\n"
			  "502 5.5.1 STARTTLS is not offered\r\n" BYE,
			NULL, "end quit\n"},
		{"before EHLO", MX, NULL, "NOOP\r\nRSET\r\nVRFY x\r\nHELP\r\nQUIT\r\n", 0,
			G
			"250 2.0.0 Ok\r\n250 2.0.0 Forgotten\r\n"
			"252 2.0.0 Cannot tell; send mail and see\r\n"
			"214 2.0.0 EHLO HELO MAIL RCPT DATA BDAT RSET NOOP VRFY HELP QUIT\r\n" BYE,
			NULL, "end quit\n"},
		{"reset", MX, NULL,
			HELO MAIL_A RCPT_ALICE "RSET\r\nDATA\r\n" MAIL_A RCPT_BOB HELO
					       "DATA\r\n" QUIT,
			0,
			GH MAIL_OK RCPT_OK
			"250 2.0.0 Forgotten\r\n"
			"503 5.5.1 Say MAIL and RCPT first\r\n" MAIL_OK RCPT_OK HELO_OK
			"503 5.5.1 Say MAIL and RCPT first\r\n" BYE,
			NULL, "end quit\n"},
		{"what is not offered", MX, NULL,
			HELO "EXPN list\r\nTURN\r\nETRN x\r\nSEND FROM:<a@x.test>\r\nXCLIENT "
			     "ADDR=192.0.2.9\r\nSTARTTLS\r\n"
			     "AUTH PLAIN\r\n" QUIT,
			0,
			GH "502 5.5.1 EXPN is not offered\r\n"
			   "502 5.5.1 TURN is not offered\r\n"
			   "502 5.5.1 ETRN is not offered\r\n"
			   "502 5.5.1 SEND is not offered\r\n"
			   "502 5.5.1 XCLIENT is not offered\r\n"
			   "502 5.5.1 STARTTLS is not offered\r\n"
			   "502 5.5.1 AUTH is not offered\r\n" BYE,
			NULL, "end quit\n"},
		{"unknown", MX, NULL,
			HELO "FOO\r\nLHLO x\r\n\r\nMAIL\tFROM:<a@x.test>\r\nQUITX\r\n" QUIT, 0,
			GH "500 5.5.1 No such command here\r\n"
			   "500 5.5.1 No such command here\r\n"
			   "500 5.5.1 No such command here\r\n" MAIL_OK
			   "500 5.5.1 No such command here\r\n" BYE,
			NULL, "end quit\n"},
		{"arguments where none belong", MX, NULL,
			HELO "QUIT now\r\nRSET x\r\nDATA x\r\nNOOP hello there\r\n" QUIT, 0,
			GH "501 5.5.4 No argument allowed: now\r\n"
			   "501 5.5.4 No argument allowed: x\r\n"
			   "503 5.5.1 Say MAIL and RCPT first\r\n250 2.0.0 Ok\r\n" BYE,
			NULL, "end quit\n"},
		{"nothing at all", MX, NULL, "", 0, G, NULL, "end closed\n"},
		{"half a command", MX, NULL, HELO "NOO", 0, GH, NULL, "end closed\n"},
		{"timeout", MX, NULL, HELO "\362", 0,
			GH "421 4.4.2 mail.example.com Timeout, closing connection\r\n", NULL,
			"end timeout\n"},
		{"lost", MX, NULL, HELO MAIL_A "\363", 0, GH MAIL_OK, NULL, "end closed\n"},
		{"banner", MX "banner = NO UCE ESMTP\n", NULL, QUIT, 0,
			"220 mail.example.com NO UCE ESMTP\r\n" BYE, NULL, "end quit\n"},
	};
	CHECK_TRANSCRIPTS(table);
}

TEST(drain_ends_sessions_between_transactions)
{
	static const struct transcript table[] = {
		{"idle", MX, NULL, HELO "\364NOOP\r\n", 0,
			GH "421 4.3.2 mail.example.com Service is going down, please try again\r\n",
			NULL, "end drain\n"},
		{"in a transaction", MX, NULL,
			HELO MAIL_A "\364" RCPT_ALICE
				    "DATA\r\n\361Subject: x\r\n\r\nx\r\n.\r\n" QUIT,
			0,
			GH MAIL_OK RCPT_OK GO KEPT
			"421 4.3.2 mail.example.com Service is going down, please try again\r\n",
			"0 <a@x.test> -> alice@example.com(local)|Subject: x\r\n"
			"\r\nx\r\n\n",
			"end drain\n"},
		{"reset ends a transaction", MX, NULL, HELO MAIL_A "\364RSET\r\nNOOP\r\n", 0,
			GH MAIL_OK
			"250 2.0.0 Forgotten\r\n"
			"421 4.3.2 mail.example.com Service is going down, please try again\r\n",
			NULL, "end drain\n"},
	};
	CHECK_TRANSCRIPTS(table);
}
