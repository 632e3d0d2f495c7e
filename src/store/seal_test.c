/* Sealed secrets: what was sealed opens with its key for its purpose, and in no other way. */
#include "store/seal.h"

#include "base/mem.h"
#include "base/test.h"

TEST(seal_opens_with_its_key)
{
	unsigned char priv[SEAL_KEY], pub[SEAL_KEY], other[SEAL_KEY], other_pub[SEAL_KEY];
	AUTO(buf) struct buf sealed = BUF(1000);
	AUTO(buf) struct buf again = BUF(1000);
	AUTO(buf) struct buf text = BUF(1000);
	struct err e;
	seal_make(priv, pub);
	seal_make(other, other_pub);
	CHECK_INT(seal_close(pub, S("job 1"), S("hunter2 \xe5\xaf\x86"), &sealed, &e), 0);
	CHECK_INT(seal_close(pub, S("job 1"), S("hunter2 \xe5\xaf\x86"), &again, &e), 0);
	CHECK(!slice_eq(buf_slice(&sealed), buf_slice(&again)));
	CHECK_INT(sealed.n, SEAL_OVERHEAD + 11);
	CHECK_INT(seal_open(priv, S("job 1"), buf_slice(&sealed), &text, &e), 0);
	CHECK_STR(buf_slice(&text), S("hunter2 \xe5\xaf\x86"));
	CHECK_INT(seal_open(other, S("job 1"), buf_slice(&sealed), &text, &e), -1);
	CHECK_INT(e.kind, ERR_PERM);
	CHECK_INT(seal_open(priv, S("job 2"), buf_slice(&sealed), &text, &e), -1);
	for (size_t i = 0; i < sealed.n; i++) {
		sealed.p[i] ^= 1;
		CHECK_INT(seal_open(priv, S("job 1"), buf_slice(&sealed), &text, &e), -1);
		sealed.p[i] ^= 1;
	}
	CHECK_INT(seal_open(priv, S("job 1"), slice_first(buf_slice(&sealed), 40), &text, &e), -1);
	CHECK_STR(buf_slice(&text), S("hunter2 \xe5\xaf\x86"));
}
