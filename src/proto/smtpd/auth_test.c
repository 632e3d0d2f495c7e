/* AUTH, and what a login may do then. base64: AGFsaWNlAHNlY3JldA== is \0alice\0secret. */
#include "proto/smtpd/transcript_testing.h"

#define EHLO_SUB "EHLO c.test\r\n"

TEST(auth)
{
	static const struct transcript table[] = {
		{"plain", SUBMISSION, NULL, EHLO_SUB AUTH_ALICE EHLO_SUB QUIT, 0,
			G CAPS_SUBMISSION AUTH_OK CAPS BYE, NULL, "end quit\n"},
		{"plain in two steps", SUBMISSION, NULL,
			EHLO_SUB "AUTH PLAIN\r\nAGFsaWNlAHNlY3JldA==\r\n" QUIT, 0,
			G CAPS_SUBMISSION "334 \r\n" AUTH_OK BYE, NULL, "end quit\n"},
		{"login", SUBMISSION, NULL, EHLO_SUB "AUTH LOGIN\r\nYWxpY2U=\r\nc2VjcmV0\r\n" QUIT,
			0, G CAPS_SUBMISSION "334 VXNlcm5hbWU6\r\n334 UGFzc3dvcmQ6\r\n" AUTH_OK BYE,
			NULL, "end quit\n"},
		{"scram", SUBMISSION, NULL,
			EHLO_SUB "AUTH SCRAM-SHA-256 bixu\r\nc2VjcmV0\r\n\r\n" QUIT, 0,
			G CAPS_SUBMISSION "334 cj1uLG4=\r\n334 dj1wcm9vZg==\r\n" AUTH_OK BYE, NULL,
			"end quit\n"},
		{"scram, last word answered wrongly", SUBMISSION, NULL,
			EHLO_SUB
			"AUTH SCRAM-SHA-256 bixu\r\nc2VjcmV0\r\nc2VjcmV0\r\nMAIL FROM:<>\r\n" QUIT,
			0,
			G CAPS_SUBMISSION "334 cj1uLG4=\r\n334 dj1wcm9vZg==\r\n"
					  "501 5.5.2 An empty answer was expected\r\n"
					  "530 5.7.0 Log in with AUTH first\r\n" BYE,
			NULL, "end quit\n"},
		{"empty initial response", SUBMISSION, NULL, EHLO_SUB "AUTH PLAIN =\r\n" QUIT, 0,
			G CAPS_SUBMISSION "535 5.7.8 Wrong user name or password\r\n" BYE, NULL,
			"end quit\n"},
		{"cancelled", SUBMISSION, NULL,
			EHLO_SUB
			"AUTH PLAIN\r\n*\r\nAUTH SCRAM-SHA-256 bixu\r\n*\r\n" AUTH_ALICE QUIT,
			0,
			G CAPS_SUBMISSION
			"334 \r\n501 5.7.0 Authentication cancelled\r\n"
			"334 cj1uLG4=\r\n501 5.7.0 Authentication cancelled\r\n" AUTH_OK BYE,
			NULL, "end quit\n"},
		{"not base64", SUBMISSION, NULL,
			EHLO_SUB "AUTH PLAIN AGFs!\r\nAUTH PLAIN\r\n====\r\nAUTH PLAIN YQ\r\n" QUIT,
			0,
			G CAPS_SUBMISSION "501 5.5.2 Not base64\r\n334 \r\n501 5.5.2 Not base64\r\n"
					  "501 5.5.2 Not base64\r\n" BYE,
			NULL, "end quit\n"},
		{"wrong", SUBMISSION, NULL,
			EHLO_SUB "AUTH PLAIN AGFsaWNlAHdyb25n\r\nAUTH PLAIN "
				 "AGFsaWNlAHdyb25n\r\nAUTH PLAIN AGFsaWNlAHdyb25n\r\nNOOP\r\n",
			0,
			G CAPS_SUBMISSION
			"535 5.7.8 Wrong user name or password\r\n"
			"535 5.7.8 Wrong user name or password\r\n"
			"421 4.7.0 mail.example.com Too many failed logins, closing connection\r\n",
			NULL, "end auth\n"},
		{"temporary", SUBMISSION, NULL, EHLO_SUB "AUTH PLAIN AHRlbXAAeA==\r\n" QUIT, 0,
			G CAPS_SUBMISSION
			"454 4.7.0 Logins cannot be checked at the moment\r\n" BYE,
			NULL, "end quit\n"},
		{"too weak", SUBMISSION, NULL, EHLO_SUB "AUTH PLAIN AHdlYWsAeA==\r\n" QUIT, 0,
			G CAPS_SUBMISSION
			"535 5.7.13 Use another password\r\n" BYE,
			NULL, "end quit\n"},
		{"unknown mechanism", SUBMISSION, NULL,
			EHLO_SUB "AUTH CRAM-MD5\r\nAUTH SCRAM-SHA-256-PLUS\r\nAUTH PLAIN x "
				 "y\r\nAUTH\r\nAUTH plain AGFsaWNlAHNlY3JldA==\r\n" QUIT,
			0,
			G CAPS_SUBMISSION "504 5.5.4 Mechanism is not offered\r\n"
					  "504 5.5.4 Mechanism is not offered\r\n"
					  "501 5.5.4 Malformed argument: PLAIN x y\r\n"
					  "501 5.5.4 Argument missing\r\n" AUTH_OK BYE,
			NULL, "end quit\n"},
		{"twice", SUBMISSION, NULL, EHLO_SUB AUTH_ALICE AUTH_ALICE QUIT, 0,
			G CAPS_SUBMISSION AUTH_OK "503 5.5.1 You are logged in already\r\n" BYE,
			NULL, "end quit\n"},
		{"before EHLO", SUBMISSION, NULL, AUTH_ALICE QUIT, 0,
			G "503 5.5.1 Say EHLO first\r\n" BYE, NULL, "end quit\n"},
		{"in a transaction", SUBMISSION, NULL,
			EHLO_SUB AUTH_ALICE "MAIL FROM:<alice@example.com>\r\n" AUTH_ALICE QUIT, 0,
			G CAPS_SUBMISSION AUTH_OK MAIL_OK
			"503 5.5.1 Not during a mail transaction\r\n" BYE,
			NULL, "end quit\n"},
		{"not in clear", "kind = mx\nauth = yes\nsync = no\n", NULL,
			EHLO_SUB AUTH_ALICE QUIT, 0,
			G CAPS "538 5.7.11 Encryption required: say STARTTLS first\r\n" BYE, NULL,
			"end quit\n"},
		{"not here", MX, NULL, EHLO_SUB AUTH_ALICE QUIT, 0,
			G CAPS "502 5.5.1 AUTH is not offered\r\n" BYE, NULL, "end quit\n"},
		{"lost within", SUBMISSION, NULL, EHLO_SUB "AUTH SCRAM-SHA-256 bixu\r\n", 0,
			G CAPS_SUBMISSION "334 cj1uLG4=\r\n", NULL, "end closed\n"},
		{"timeout within", SUBMISSION, NULL, EHLO_SUB "AUTH SCRAM-SHA-256 bixu\r\n\362", 0,
			G CAPS_SUBMISSION
			"334 cj1uLG4=\r\n"
			"421 4.4.2 mail.example.com Timeout, closing connection\r\n",
			NULL, "end timeout\n"},
	};
	CHECK_TRANSCRIPTS(table);
}

TEST(submission)
{
#define LOGIN EHLO_SUB AUTH_ALICE
	static const struct transcript table[] = {
		{"login needed", SUBMISSION, NULL,
			EHLO_SUB
			"MAIL FROM:<alice@example.com>\r\nRCPT TO:<a@foreign.test>\r\nDATA\r\nVRFY "
			"x\r\nBDAT 4 LAST\r\nQUIT" QUIT,
			0,
			G CAPS_SUBMISSION "530 5.7.0 Log in with AUTH first\r\n"
					  "530 5.7.0 Log in with AUTH first\r\n"
					  "530 5.7.0 Log in with AUTH first\r\n"
					  "530 5.7.0 Log in with AUTH first\r\n"
					  "503 5.5.1 Say MAIL and RCPT first\r\n" BYE,
			NULL, "end quit\n"},
		{"own sender, foreign recipient", SUBMISSION, NULL,
			LOGIN "MAIL FROM:<Alice@example.com> AUTH=<>\r\nRCPT "
			      "TO:<a@foreign.test>\r\nDATA\r\nFrom: alice@example.com\r\n"
			      "Date: x\r\nMessage-ID: <1@x>\r\n\r\nx\r\n.\r\n" QUIT,
			0, G CAPS_SUBMISSION AUTH_OK MAIL_OK RCPT_OK GO KEPT BYE,
			"128 <Alice@example.com> -> a@foreign.test(smtp:foreign.test)|From: "
			"alice@example.com\r\n"
			"Date: x\r\nMessage-ID: <1@x>\r\n\r\nx\r\n\n",
			"end quit\n"},
		{"alias", SUBMISSION, NULL, LOGIN "MAIL FROM:<sales@example.com>\r\n" QUIT, 0,
			G CAPS_SUBMISSION AUTH_OK MAIL_OK BYE, NULL, "end quit\n"},
		{"another's sender", SUBMISSION, NULL,
			LOGIN "MAIL FROM:<bob@example.com>\r\nMAIL FROM:<a@foreign.test>\r\n" QUIT,
			0,
			G CAPS_SUBMISSION AUTH_OK
			"553 5.7.1 You may not send as this address\r\n"
			"553 5.7.1 You may not send as this address\r\n" BYE,
			NULL,
			"mail 553 5.7.1 You may not send as this address 0 <bob@example.com> <>\n"
			"mail 553 5.7.1 You may not send as this address 0 <a@foreign.test> <>\n"
			"end quit\n"},
		{"null sender", SUBMISSION, NULL, LOGIN "MAIL FROM:<>\r\n" QUIT, 0,
			G CAPS_SUBMISSION AUTH_OK MAIL_OK BYE, NULL, "end quit\n"},
		{"directory is away", SUBMISSION, NULL,
			LOGIN "MAIL FROM:<temp@example.com>\r\n" QUIT, 0,
			G CAPS_SUBMISSION AUTH_OK
			"451 4.3.0 Local problem, please try again later\r\n" BYE,
			NULL,
			"mail 451 4.3.0 Local problem, please try again later 0 <temp@example.com> "
			"<>\n"
			"end quit\n"},
		{"not bound", SUBMISSION "bind_sender = no\n", NULL,
			LOGIN "MAIL FROM:<bob@example.com>\r\n" QUIT, 0,
			G CAPS_SUBMISSION AUTH_OK MAIL_OK BYE, NULL, "end quit\n"},
	};
	CHECK_TRANSCRIPTS(table);
}

TEST(overlong_exchange)
{
	struct buf in = BUF(1 << 16);
	buf_put(&in, S(EHLO_SUB "AUTH PLAIN\r\n"));
	buf_fill(&in, 'A', 13000);
	buf_put(&in, S("\r\n" AUTH_ALICE QUIT));
	buf_byte(&in, 0);
	struct transcript t = {"long", SUBMISSION, NULL, in.p, 0,
		G CAPS_SUBMISSION
		"334 \r\n500 5.5.6 Authentication exchange line is too long\r\n" AUTH_OK BYE,
		NULL, "end quit\n"};
	check_transcripts(&t, 1);
	buf_done(&in);
}
