/* Encoding of the messages between server processes and the keys process (keys_wire.h). */
#include "bin/keys_wire.h"

#include "base/cur.h"

void keys_request_encode(struct buf *out, const struct keys_request *r)
{
	buf_u8(out, (uint8_t)r->op);
	switch (r->op) {
	case KEYS_LIST:
		buf_str(out, r->domain);
		break;
	case KEYS_SIGN:
		buf_u64(out, (uint64_t)r->key);
		buf_str(out, r->digest);
		break;
	case KEYS_HMAC:
		buf_u8(out, r->old);
		buf_str(out, r->secret);
		buf_str(out, r->text);
		break;
	}
}

bool keys_request_decode(slice in, struct keys_request *ret)
{
	struct cur c = cur_of(in);
	*ret = (struct keys_request){.op = cur_u8(&c)};
	switch (ret->op) {
	case KEYS_LIST:
		ret->domain = cur_str(&c);
		break;
	case KEYS_SIGN:
		ret->key = (int64_t)cur_u64(&c);
		ret->digest = cur_str(&c);
		break;
	case KEYS_HMAC:
		ret->old = cur_u8(&c) != 0;
		ret->secret = cur_str(&c);
		ret->text = cur_str(&c);
		break;
	default:
		return false;
	}
	return cur_ok(&c) && cur_at_end(&c) && ret->text.n <= KEYS_HMAC_TEXT_MAX &&
	       (ret->op != KEYS_SIGN || ret->digest.n == KEYS_DIGEST);
}

void keys_list_encode(struct buf *out, const struct signer_key *v, size_t n)
{
	buf_u8(out, (uint8_t)n);
	for (size_t i = 0; i < n; i++) {
		buf_u64(out, (uint64_t)v[i].id);
		buf_str(out, v[i].domain);
		buf_str(out, v[i].selector);
		buf_u8(out, (uint8_t)v[i].algorithm);
	}
}

bool keys_list_decode(slice in, struct signer_key ret[SIGNER_KEYS_MAX], size_t *ret_n)
{
	struct cur c = cur_of(in);
	size_t n = cur_u8(&c);
	if (n > SIGNER_KEYS_MAX)
		return false;
	for (size_t i = 0; i < n; i++) {
		ret[i] = (struct signer_key){.id = (int64_t)cur_u64(&c)};
		ret[i].domain = cur_str(&c);
		ret[i].selector = cur_str(&c);
		ret[i].algorithm = cur_u8(&c);
		if (ret[i].algorithm > DKIM_ED25519_SHA256)
			return false;
	}
	if (!cur_ok(&c) || !cur_at_end(&c))
		return false;
	*ret_n = n;
	return true;
}
