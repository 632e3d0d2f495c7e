#include "content/checking_testing.h"

#define HTML "Content-Type: text/html; charset=utf-8\n\n"
#define TEN "one two three four five six seven eight nine ten "
#define WORDS "alpha bravo charlie delta echoes foxtrot golfing hotel india juliett kilos "

TEST(structure_is_judged)
{
	static const struct checking_case v[] = {
		{"Subject: x\n\nhello, how are you?\n", ""},
		{"Content-Type: multipart/alternative; boundary=b\n\n--b\n\n" TEN TEN TEN
		 "\n--b\n" HTML "<p>" TEN TEN TEN "</p>\n--b--\n",
			""},
		{"Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: base64\n\n"
		 "5L2g5aW977yM5LuK5aSp5LiL5Y2I5byA5Lya44CC\n",
			""},
		{"Content-Type: multipart/mixed\n\nhello, how are you?\n", "mime-boundary"},
		{"Content-Type: multipart/mixed; boundary=b\n\n--b\n\nhello, how are you?\n",
			"mime-unclosed"},
		{"Content-Type: text/plain\nContent-Type: text/html\n\nhello, how are you?\n",
			"mime-twice"},
		{"Content-Type: nonsense\n\nhello, how are you?\n", "mime-bad-label"},
		{"Content-Type: text/plain; charset=x-nobody\n\nhello, how are you?\n",
			"charset-unknown"},
		{"Content-Type: text/plain; charset=utf-8\n\nhello \xc4\xe3\xba\xc3 "
		 "\xc4\xe3\xba\xc3\n",
			"charset-lie"},
		{"Subject: x\n\n\n", "body-empty"},
		{HTML "<p>hello, how are you?</p>", "html-only"},
		{"Content-Type: multipart/alternative; boundary=b\n\n--b\n\n" WORDS WORDS
		 "\n--b\n" HTML "<p>" TEN TEN TEN "</p>\n--b--\n",
			"alternatives-differ"},
	};
	CHECKING_TRY_ALL(content_check_structure, NULL, NULL, v);
}

TEST(ascii_in_base64_is_seen)
{
	static const char text[] = TEN TEN TEN TEN;
	AUTO(buf) struct buf letter = BUF(10000);
	buf_put(&letter, S("Content-Type: text/plain\nContent-Transfer-Encoding: base64\n\n"));
	for (size_t i = 0; i < 4; i++)
		buf_put(&letter, S("SGVsbG8sIHRoaXMgaXMgYSB0ZXh0IHdpdGhvdXQgYW55IG5lZWQgZm9yIGJhc2U"
				   "2NC4g\n"));
	buf_byte(&letter, 0);
	const struct checking_case v = {letter.p, "base64-needless"};
	const struct checking_case plain = {text, ""};
	checking_try(content_check_structure, NULL, NULL, -1, &v);
	checking_try(content_check_mailer, NULL, NULL, -1, &plain);
}

TEST(html_is_judged)
{
	static const struct checking_case v[] = {
		{HTML "<p>Hello <b>Li</b>, <i>thank you</i> for your order.</p>", ""},
		{HTML "<p>" TEN TEN TEN TEN TEN TEN "</p><img src=\"cid:logo\">", ""},
		{HTML "<form action=\"https://x.com/\"><input type=password></form>",
			"html-password"},
		{HTML "<form action=\"https://x.com/\"><input type=text></form>", "html-form"},
		{HTML "<p>hi</p><script>go()</script>", "html-script"},
		{HTML "<p onclick=\"go()\">hi</p>", "html-events"},
		{HTML "<iframe src=\"https://x.com/\"></iframe>", "html-frame"},
		{HTML "<meta http-equiv=refresh content=\"0;url=https://x.com/\"><p>hi</p>",
			"html-refresh"},
		{HTML "<a href=\"https://x.com/\"><img src=\"https://x.com/a.png\"></a>",
			"html-picture-link"},
		{HTML "<img src=\"cid:a\">", "html-picture-only"},
		{HTML "<p>" TEN "and eleven, twelve, thirteen and so on until it ends."
		      "</p><a href=\"https://x.com/\"><img src=\"https://x.com/a.png\"></a>",
			"html-little-text"},
		{HTML "<p>h<!--a-->ello th<!--b-->ere fr<!--c-->iend of m<!--d-->ine he<!--e-->re "
		      "wi<!--f-->th"
		      "</p>",
			"html-splits"},
	};
	CHECKING_TRY_ALL(content_check_html, NULL, NULL, v);
}

#define ZW "\xe2\x80\x8b"
#define LONG                                                                                       \
	"this hidden text is long enough to be counted as hidden text by whoever looks at it, as " \
	"it is "                                                                                   \
	"meant to be "

TEST(disguised_text_is_seen)
{
	static const struct checking_case v[] = {
		{"Subject: x\n\nA plain letter, nothing else. See you at 10:30!\n", ""},
		/* a line for the preview */
		{HTML "<div style=\"display:none\">Our offers of this week</div><p>" TEN TEN TEN
		      "</p>",
			""},
		{HTML "<p>" TEN TEN "</p><div style=\"font-size:0\">" LONG LONG "</div>",
			"text-mostly-hidden"},
		{HTML "<p>" TEN TEN TEN TEN TEN TEN "</p><div style=\"font-size:0\">" LONG "</div>",
			"text-hidden"},
		{"Subject: x\nContent-Type: text/plain; charset=utf-8\n\npa" ZW "ss" ZW "wo" ZW
		 "rd "
		 "ex" ZW "pi" ZW "red\n",
			"text-zero-width"},
		{"Content-Type: text/plain; charset=utf-8\n\n"
		 "Your раssword hаs eхрired tоdаy\n", /* Cyrillic а, е, о, р, х */
			"text-homoglyphs"},
		{"Content-Type: text/plain; charset=utf-8\n\nПривет, как дела?\n", ""},
		{"Content-Type: text/plain; charset=utf-8\n\n加微信①③⑧⑧⑧⑧领取\n", "text-enclosed"},
		{"Content-Type: text/plain; charset=utf-8\n\n电话１３８００１３８０００\n",
			"text-wide"},
		{"Content-Type: text/plain; charset=utf-8\n\n会议通知：请于下午三点参加，谢谢！\n",
			""},
		{"Content-Type: text/plain; charset=utf-8\n\n代*开*发*票*请*联*系*我*们\n",
			"text-separators-cjk"},
		{"Content-Type: text/plain; charset=utf-8\n\nname \xe2\x80\xae"
		 "fdp.exe\n",
			"text-override"},
		{"Subject: =?utf-8?B?0YDQsNGDcGFs?=\n\nhello\n",
			"text-homoglyphs text-disguised-name"},
		{"Subject: Your order\n\nhello there\n\nxkqhtrwplkjhg\n", "text-gibberish"},
		{"Subject: Win xkqhtrwplkjhg\n\nhello there\n", "text-gibberish"},
		{"Subject: Your order\n\nhello there\n\nBest regards\nChristopher\n", ""},
	};
	CHECKING_TRY_ALL(content_check_text, NULL, NULL, v);
}
