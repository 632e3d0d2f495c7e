/* One spelling for names. */
#include "base/mem.h"
#include "base/test.h"
#include "codec/nfc.h"

TEST(nfc_composes_and_keeps_the_rest)
{
	static const struct {
		const char *in, *want;
	} cases[] = {
		{"", ""},
		{"Work/2026", "Work/2026"},
		{"Cafe\xcc\x81", "Caf\xc3\xa9"},
		{"Caf\xc3\xa9", "Caf\xc3\xa9"},
		{"\xe1\x84\x80\xe1\x85\xa1", "\xea\xb0\x80"}, /* Hangul letters become a syllable */
		{"\xe5\x9e\x83\xe5\x9c\xbe", "\xe5\x9e\x83\xe5\x9c\xbe"},
		{"\xef\xac\x81", "\xef\xac\x81"}, /* no compatibility: the ligature stays */
		{"\xf0\x9f\x93\x81", "\xf0\x9f\x93\x81"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		AUTO(buf) struct buf out = BUF(100);
		CHECK(nfc_put(&out, slice_z(cases[i].in)));
		CHECK_STR(buf_slice(&out), slice_z(cases[i].want));
	}
}

TEST(nfc_refuses_what_is_no_text)
{
	AUTO(buf) struct buf out = BUF(100);
	AUTO(free) char *longer = mem_alloc(NFC_MAX + 2);
	memset(longer, 'x', NFC_MAX + 1);
	CHECK(!nfc_put(&out, S("\xff")));
	CHECK(!nfc_put(&out, slice_of(longer, NFC_MAX + 1)));
	CHECK_INT(out.n, 0);
}
