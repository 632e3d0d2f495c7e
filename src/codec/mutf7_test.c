/* Names that servers and clients have written, and spellings that are none. */
#include "codec/mutf7.h"

#include "base/mem.h"
#include "base/test.h"

TEST(mutf7_both_ways)
{
	static const struct {
		slice utf8, written;
	} t[] = {
		{S_INIT(""), S_INIT("")},
		{S_INIT("INBOX"), S_INIT("INBOX")},
		{S_INIT("R&D"), S_INIT("R&-D")},
		{S_INIT("&&"), S_INIT("&-&-")},
		{S_INIT("台北"), S_INIT("&U,BTFw-")},
		{S_INIT("日本語"), S_INIT("&ZeVnLIqe-")},
		{S_INIT("~peter/mail/台北/日本語"), S_INIT("~peter/mail/&U,BTFw-/&ZeVnLIqe-")},
		{S_INIT("Entwürfe"), S_INIT("Entw&APw-rfe")},
		{S_INIT("é&é"), S_INIT("&AOk-&-&AOk-")},
		{S_INIT("😀"), S_INIT("&2D3eAA-")},
		{S_INIT("收件箱"), S_INIT("&ZTZO9nux-")},
		{S_INIT("\x7f"), S_INIT("&AH8-")},
	};
	for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
		AUTO(buf) struct buf a = BUF(1000), b = BUF(1000);
		mutf7_encode(t[i].utf8, &a);
		CHECK_STR(buf_slice(&a), t[i].written);
		CHECK(mutf7_decode(t[i].written, &b));
		CHECK_STR(buf_slice(&b), t[i].utf8);
	}
}

TEST(mutf7_refuses_other_spellings)
{
	static const char *const bad[] = {
		"&", /* never ends */
		"a&b",
		"&U,BTFw", /* no end */
		"&AGE-", /* an "a" that can stand for itself */
		"&ACY-", /* and the "&" */
		"&U,BTFw-&ZeVnLIqe-", /* one run as two */
		"&U,BTFx-", /* bits left over */
		"&U,BTFwA-", /* a character more than needed */
		"&U/BTFw-", /* the other base64 */
		"&2D0-", /* half a pair */
		"&3gDYPQ-", /* the wrong way round */
		"&A-",
		"Entw\xc3\xbcrfe", /* raw 8-bit */
		"tab\there",
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		AUTO(buf) struct buf b = BUF(1000);
		buf_put(&b, S("kept"));
		if (mutf7_decode(slice_z(bad[i]), &b))
			test_fail(__FILE__, __LINE__, "\"%s\" was taken", bad[i]);
		CHECK_STR(buf_slice(&b), S("kept"));
	}
}
