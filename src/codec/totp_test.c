/* Codes of RFC 6238 appendix B (last six digits), RFC 4226 appendix D, base32 of RFC 4648 section 10. */
#include "base/mem.h"
#include "base/test.h"
#include "codec/totp.h"
#include <stdio.h>

static const slice key = S_INIT("12345678901234567890");

TEST(totp_codes_of_the_rfc)
{
	static const struct {
		uint64_t time;
		unsigned code;
	} t[] = {{59, 287082}, {1111111109, 81804}, {1111111111, 50471}, {1234567890, 5924},
		{2000000000, 279037}, {20000000000, 353130}};
	for (size_t i = 0; i < sizeof t / sizeof *t; i++)
		CHECK(totp_code(key, t[i].time / TOTP_STEP_S) == t[i].code);
	CHECK(totp_code(key, 0) == 755224);
	CHECK(totp_code(key, 9) == 520489);
}

TEST(totp_drift_and_replay)
{
	char text[8];
	uint64_t now = 1234567890 / TOTP_STEP_S;
	for (int d = -2; d <= 2; d++) {
		snprintf(text, sizeof text, "%06u", totp_code(key, now + (uint64_t)(int64_t)d));
		uint64_t expected = d >= -1 && d <= 1 ? now + (uint64_t)(int64_t)d : 0;
		CHECK(totp_match(key, slice_z(text), now, 1, 0) == expected);
	}
	snprintf(text, sizeof text, "%06u", totp_code(key, now));
	CHECK(totp_match(key, slice_z(text), now, 1, now - 1) == now);
	CHECK(totp_match(key, slice_z(text), now, 1, now) == 0); /* used */
	CHECK(totp_match(key, S("5924"), now, 1, 0) == 0); /* too short: zeros count */
	CHECK(totp_match(key, S("00592x"), now, 1, 0) == 0);
}

TEST(totp_base32)
{
	static const char *const t[][2] = {{"", ""}, {"f", "MY"}, {"fo", "MZXQ"}, {"foo", "MZXW6"},
		{"foob", "MZXW6YQ"}, {"fooba", "MZXW6YTB"}, {"foobar", "MZXW6YTBOI"}};
	for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
		AUTO(buf) struct buf out = BUF(64);
		AUTO(buf) struct buf back = BUF(64);
		base32_encode(&out, slice_z(t[i][0]));
		CHECK_STR(buf_slice(&out), slice_z(t[i][1]));
		CHECK(base32_decode(&back, buf_slice(&out)));
		CHECK_STR(buf_slice(&back), slice_z(t[i][0]));
	}
	AUTO(buf) struct buf out = BUF(64);
	CHECK(base32_decode(&out, S("mzxw 6ytb-oi")) && slice_eq(buf_slice(&out), S("foobar")));
	CHECK(!base32_decode(&out, S("MZ1W")) && out.n == 6);
}

TEST(totp_uri_text)
{
	AUTO(arena) struct arena a = {0};
	CHECK_STR(totp_uri(S("Müller Mail"), S("a+b@example.org"), S("ABC"), &a),
		S("otpauth://totp/"
		  "M%C3%BCller%20Mail:a%2Bb@example.org?secret=ABC&issuer=M%C3%BCller%20Mail"));
}
