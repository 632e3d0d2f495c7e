#include "content/checking_testing.h"

#define DATE "Date: Sun, 22 Nov 2026 09:11:10 +0800\n"
#define ID "Message-ID: <a1@shop.example>\n"
#define FROM "From: Li Lei <li@shop.example>\n"
#define TO "To: han@corp.example\n"
#define SUBJECT "Subject: hello\n"
#define BODY "\nhello\n"

TEST(honest_headers_give_nothing)
{
	static const struct checking_case v[] = {
		{FROM TO DATE ID SUBJECT BODY, ""},
		/* through a mailing list: to it, answers to it */
		{"From: =?utf-8?B?5p2O6Zu3?= <li@shop.example>\nTo: dev@lists.example\n" DATE ID
				SUBJECT
		 "List-Id: <dev.lists.example>\nList-Post: <mailto:dev@lists.example>\n"
		 "Reply-To: dev@lists.example\nPrecedence: list\n" BODY,
			""},
		/* a bounce */
		{"From: MAILER-DAEMON@mx.shop.example (Mail Delivery System)\n" TO DATE
		 "Message-Id: <20261122.9F2C@mx.shop.example>\nSubject: Undelivered\n"
		 "Auto-Submitted: auto-replied\n" BODY,
			""},
		/* an invitation */
		{FROM TO DATE ID SUBJECT
			"Sender: calendar@shop.example\nReply-To: Li <li@shop.example>\n"
			"Cc: a@corp.example, b@corp.example\n" BODY,
			""},
		/* a relay that writes versions in brackets */
		{"Received: from a ([192.0.2.255]) by b [10.0.0.1] (Foo [2026.11.22.300x])\n"
		 "\tid 5; Sun, 22 Nov 2026 09:11:10 +0800\n" FROM TO DATE ID SUBJECT BODY,
			""},
	};
	CHECKING_TRY_ALL(content_check_header, NULL, NULL, v);
}

TEST(headers_of_bad_mail_are_seen)
{
	static const struct checking_case v[] = {
		{FROM TO ID SUBJECT BODY, "date-missing"},
		{FROM TO ID SUBJECT "Date: tomorrow\n" BODY, "date-bad"},
		{FROM TO DATE SUBJECT BODY, "message-id-missing"},
		{FROM TO DATE SUBJECT "Message-ID: 12345\n" BODY, "message-id-bad"},
		{FROM TO DATE SUBJECT "Message-ID: <a b@c.example>\n" BODY, "message-id-bad"},
		{FROM TO DATE SUBJECT "Message-ID: <ab@>\n" BODY, "message-id-bad"},
		{FROM TO DATE SUBJECT "Message-ID: <ab@localhost>\n" BODY, "message-id-local"},
		{TO DATE ID SUBJECT BODY, "from-missing"},
		{"From: nobody\n" TO DATE ID SUBJECT BODY, "from-bad"},
		{"From: Bank, <x@shop.example>\n" TO DATE ID SUBJECT BODY, "from-odd"},
		{"From: a@shop.example, b@else.example\n" TO DATE ID SUBJECT BODY, "from-several"},
		{FROM "From: x@else.example\n" TO DATE ID SUBJECT BODY, "from-twice"},
		{FROM TO DATE ID SUBJECT "Subject: again\n" BODY, "field-twice"},
		{FROM DATE ID SUBJECT BODY, "to-missing"},
		{FROM "To: undisclosed-recipients:;\n" DATE ID SUBJECT BODY, "to-undisclosed"},
		{FROM "To: li@shop.example\n" DATE ID SUBJECT BODY, "to-self"},
		{FROM TO DATE ID SUBJECT "Reply-To: li.lei77@gmail.com\n" BODY, "reply-freemail"},
		{"From: a@qq.com\n" TO DATE ID SUBJECT "Reply-To: b@163.com\n" BODY,
			"from-freemail reply-other-freemail"},
		{FROM TO DATE ID SUBJECT "Reply-To: b@else.example\n" BODY, "reply-elsewhere"},
		{"Received: from a ([300.1.2.3]) by b; now\n" FROM TO DATE ID SUBJECT BODY,
			"received-impossible"},
		{FROM TO DATE ID "no field at all\n" SUBJECT BODY, "header-broken"},
	};
	CHECKING_TRY_ALL(content_check_header, NULL, NULL, v);
}

TEST(dates_are_compared_with_the_clock)
{
	const struct content_context now = {.now = 1795309870};
	static const struct checking_case v[] = {
		{FROM TO DATE ID SUBJECT BODY, ""},
		{FROM TO ID SUBJECT "Date: Mon, 23 Nov 2026 09:11:10 +0800\n" BODY, ""},
		{FROM TO ID SUBJECT "Date: Thu, 26 Nov 2026 09:11:10 +0800\n" BODY, "date-future"},
		{FROM TO ID SUBJECT "Date: Thu, 1 Oct 2026 09:11:10 +0800\n" BODY, "date-old"},
	};
	CHECKING_TRY_ALL(content_check_header, &now, NULL, v);
}

TEST(our_users_may_leave_out_what_we_add)
{
	const struct content_context ctx = {.direction = CONTENT_OUTBOUND, .login = S("li")};
	static const struct checking_case v[] = {{FROM TO SUBJECT BODY, ""}};
	CHECKING_TRY_ALL(content_check_header, &ctx, NULL, v);
}

TEST(the_envelope_is_compared)
{
	const slice to[] = {S("han@corp.example")}, other[] = {S("other@corp.example")};
	slice own[] = {S("corp.example")};
	const struct content_site site = {.domains = own, .ndomains = 1};
	const struct content_context right = {
		.sender = S("bounce@shop.example"), .rcpts = to, .nrcpts = 1, .rcpts_total = 1};
	const struct content_context wrong = {
		.sender = S("x@evil.example"), .rcpts = other, .nrcpts = 1, .rcpts_total = 1};
	const struct content_context proven = {
		.sender = S("x@service.example"), .verified = true, .proven = true};
	static const struct checking_case fine[] = {
		{FROM TO DATE ID SUBJECT BODY, ""},
		{FROM TO DATE "Message-ID: <q@mx.corp.example>\n" SUBJECT BODY, "message-id-ours"},
		{"From: a@corp.example\n" TO DATE "Message-ID: <q@mx.corp.example>\n" SUBJECT BODY,
			"envelope-elsewhere"},
		/* a form on our own site writes for who filled it in */
		{"From: form@www.corp.example\n" TO DATE ID SUBJECT "Reply-To: c@gmail.com\n" BODY,
			"reply-freemail envelope-elsewhere"},
	};
	static const struct checking_case bad[] = {
		{FROM TO DATE ID SUBJECT BODY, "to-others envelope-elsewhere"}};
	static const struct checking_case good[] = {{FROM TO DATE ID SUBJECT BODY, ""}};
	CHECKING_TRY_ALL(content_check_header, &right, &site, fine);
	CHECKING_TRY_ALL(content_check_header, &wrong, &site, bad);
	CHECKING_TRY_ALL(content_check_header, &proven, &site, good);
}

/* ---- subject ---- */

TEST(subjects_are_judged)
{
	static const struct checking_case v[] = {
		{SUBJECT BODY, ""},
		{"Subject: Re: order\nIn-Reply-To: <a@b.example>\n\nyes\n", ""},
		{"Subject: RE: order\n\nyes\n\n> shall we\n", ""},
		{"Subject: =?utf-8?B?5Zue5aSN77ya6K6i5Y2V?=\n\n"
		 "\xe5\xa5\xbd\xe7\x9a\x84\n\n\xe5\x8f\x91\xe4\xbb\xb6\xe4\xba\xba: li\n",
			""},
		{"Subject: Re: order\n\nopen http://a.example/\n", "reply-forged"},
		{"Subject: =?utf-8?B?5Zue5aSN77ya6K6i5Y2V?=\n\nhttp://a.example/\n",
			"reply-forged"},
		{"Subject: Fwd: list\n\nhttp://a.example/\n", "forward-forged"},
		{"Subject: Fwd: list\n\n---------- Forwarded message ---------\nFrom: x\n", ""},
		{"Subject: Report of November\n\nhi\n", ""},
		{"Subject: =?utf-8?B?aGVsbG8=?=\n\nhi\n", "subject-needless"},
		{"Subject: =?utf-8?Q?Your_order?=\n\nhi\n", ""},
		{"Subject: =?utf-8?B?5L2g5aW9?= =?koi8-r?B?8NLJ18XU?=\n\nhi\n", "words-mixed"},
		{"Subject: =?gb2312?B?xOO6ww==?= =?GBK?B?xOO6ww==?=\n\nhi\n", ""},
		{"From: =?utf-8?B?UGF5UGFs?= <a@b.example>\nSubject: x\n\nhi\n", "from-needless"},
		{"Subject: \xc4\xe3\xba\xc3\n\nhi\n", "subject-raw"},
		{"Subject:\n\nhi\n", "subject-empty"},
		{"From: a@b.example\n\nhi\n", "subject-empty"},
		{"Subject: Cheap pills           hf8f\n\nhi\n", "subject-padded"},
		{"Subject: READ THIS AT ONCE PLEASE\n\nhi\n", "subject-shouts"},
		{"Subject: SAP IDoc 4711\n\nhi\n", ""},
		{"Subject: Win! Now! Here!\n\nhi\n", "subject-exclaims"},
	};
	CHECKING_TRY_ALL(content_check_subject, NULL, NULL, v);
}

TEST(subjects_that_name_the_recipient)
{
	const slice to[] = {S("Han@corp.example")};
	const struct content_context ctx = {.rcpts = to, .nrcpts = 1, .rcpts_total = 1};
	static const struct checking_case v[] = {
		{"Subject: han@corp.example: password expires\n\nhi\n", "subject-address"},
		{"Subject: lunch with Han\n\nhi\n", ""},
	};
	CHECKING_TRY_ALL(content_check_subject, &ctx, NULL, v);
}

/* ---- programs ---- */

#define MIME "MIME-Version: 1.0\n"

TEST(programs_are_what_they_say)
{
	static const struct checking_case v[] = {
		{MIME "X-Mailer: Microsoft Outlook 16.0\nThread-Index: "
		      "AQHZ8sZ0mJ2dUj0kQ0qv0w7m0h0gXg==\n"
		      "Message-ID: <000001d9f2c6$5a3b2c10$0eb18430$@shop.example>\n\nhi\n",
			""},
		{MIME "X-Mailer: Foxmail 7.2.25.213[cn]\nX-Priority: 3\n"
		      "Message-ID: <202611220911102345671@shop.example>\n\nhi\n",
			""},
		{MIME "X-Mailer: QQMail 2.x\nMessage-ID: <tencent_1F2E3D@qq.com>\n"
		      "X-Priority: 3\n\nhi\n",
			""},
		{MIME "X-Mailer: Coremail Webmail Server Version XT5.0.14\n"
		      "Message-ID: <1a2b3c.5d6e.18d0a1b2c3d.Coremail.li@shop.example>\n\nhi\n",
			""},
		{"Mime-Version: 1.0 (1.0)\nX-Mailer: iPhone Mail (20H115)\n"
		 "Message-Id: <2D8F21A4-7E0C-4F5B-9C26-0AF2E5B0D3C1@shop.example>\n\nhi\n",
			""},
		{MIME "X-Mailer: Microsoft Outlook Express 6.00.2900.5512\n"
		      "X-MSMail-Priority: Normal\nX-MimeOLE: Produced By Microsoft MimeOLE\n"
		      "Message-ID: <001a01c7$6b2f0d40$0100a8c0@pc>\n\nhi\n",
			""},
		{MIME "User-Agent: Mozilla Thunderbird\nMessage-ID: <3f1c@shop.example>\n\nhi\n",
			""},
		/* and what they do not write */
		{MIME "X-Mailer: Microsoft Outlook Express 6.00.2900.5512\n\nhi\n",
			"mailer-forged"},
		{"X-Mailer: Microsoft Outlook 16.0\n\nhi\n", "mailer-forged"},
		{MIME "X-Mailer: iPhone Mail (20H115)\nMessage-ID: <123@shop.example>\n\nhi\n",
			"mailer-forged"},
		{MIME "X-Mailer: Leaf PHPMailer 2.8\n\nhi\n", "mailer-spamware"},
		{MIME "X-Mailer: PHPMailer 6.1 (https://a.example)\n\nhi\n", "made-by-script"},
		{"X-PHP-Originating-Script: 33:x.php(3) : eval()'d code\n\nhi\n",
			"mailer-spamware"},
		{"Thread-Index: AQHZ\n\nhi\n", "thread-index-bad"},
		{"X-Priority: 1 (Highest)\n\nhi\n", "priority-high"},
		{"Importance: high\n\nhi\n", "priority-high"},
		{"X-MSMail-Priority: Normal\nX-Mailer: The Bat\n\nhi\n", "msmail-alone"},
		{"Content-Type: text/plain\nContent-Transfer-Encoding: base64\n\naGk=\n",
			"mime-version-missing"},
	};
	CHECKING_TRY_ALL(content_check_mailer, NULL, NULL, v);
}
