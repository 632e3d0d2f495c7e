/* Encoding of the messages between server processes and the auth process (auth_wire.h). */
#include "bin/auth_wire.h"

#include "base/cur.h"
#include "base/mem.h"
#include <string.h>

enum { HAS_INITIAL = 1, CAN_CODE = 2, SECURE = 4 };

void auth_request_encode(struct buf *out, const struct auth_request *r)
{
	buf_u8(out, (uint8_t)r->op);
	buf_u64(out, r->handle);
	buf_str(out, r->response);
	if (r->op != AUTH_START)
		return;
	buf_str(out, r->mech);
	buf_u8(out, (uint8_t)((r->has_initial ? HAS_INITIAL : 0) | (r->can_code ? CAN_CODE : 0) |
			      (r->secure ? SECURE : 0)));
	buf_str(out, r->cb_type);
	buf_str(out, r->cb_data);
	buf_str(out, r->ip);
	buf_str(out, r->service);
	buf_str(out, r->client);
}

bool auth_request_decode(slice in, struct auth_request *ret)
{
	struct cur c = cur_of(in);
	*ret = (struct auth_request){.op = cur_u8(&c), .handle = cur_u64(&c)};
	ret->response = cur_str(&c);
	if (ret->op == AUTH_START) {
		ret->mech = cur_str(&c);
		uint8_t flags = cur_u8(&c);
		ret->has_initial = flags & HAS_INITIAL;
		ret->can_code = flags & CAN_CODE;
		ret->secure = flags & SECURE;
		ret->cb_type = cur_str(&c);
		ret->cb_data = cur_str(&c);
		ret->ip = cur_str(&c);
		ret->service = cur_str(&c);
		ret->client = cur_str(&c);
	}
	return cur_ok(&c) && cur_at_end(&c) && ret->op >= AUTH_START && ret->op <= AUTH_CANCEL;
}

void auth_reply_encode(struct buf *out, const struct auth_reply *r)
{
	buf_u8(out, (uint8_t)r->outcome);
	buf_u64(out, r->handle);
	buf_str(out, r->challenge);
	buf_str(out, r->login);
	buf_str(out, r->why);
	buf_str(out, r->say);
	buf_u64(out, (uint64_t)r->account_id);
	buf_str(out, r->how);
	buf_u64(out, r->grant);
	buf_u8(out, r->hang_up);
}

bool auth_reply_decode(slice in, struct auth_reply *ret)
{
	struct cur c = cur_of(in);
	*ret = (struct auth_reply){.outcome = cur_u8(&c), .handle = cur_u64(&c)};
	ret->challenge = cur_str(&c);
	ret->login = cur_str(&c);
	ret->why = cur_str(&c);
	ret->say = cur_str(&c);
	ret->account_id = (int64_t)cur_u64(&c);
	ret->how = cur_str(&c);
	ret->grant = cur_u64(&c);
	ret->hang_up = cur_u8(&c) != 0;
	return cur_ok(&c) && cur_at_end(&c) && ret->outcome >= AUTH_MORE &&
	       ret->outcome <= AUTH_CODE;
}

/* ---- whether logins still hold ---- */

void auth_still_encode(struct buf *out, uint64_t version, const struct auth_still *v, size_t n)
{
	buf_u8(out, AUTH_STILL);
	buf_u64(out, version);
	buf_u32(out, (uint32_t)n);
	for (size_t i = 0; i < n; i++) {
		buf_u64(out, (uint64_t)v[i].account_id);
		buf_u64(out, v[i].grant);
		buf_str(out, v[i].service);
		buf_str(out, v[i].login);
	}
}

bool auth_still_decode(
	slice in, struct arena *a, uint64_t *ret_version, struct auth_still **ret, size_t *ret_n)
{
	struct cur c = cur_of(in);
	uint8_t op = cur_u8(&c);
	uint64_t version = cur_u64(&c);
	size_t n = cur_u32(&c);
	if (!cur_ok(&c) || op != AUTH_STILL || n > AUTH_STILL_MAX)
		return false;
	struct auth_still *v = ARENA_ARRAY(a, struct auth_still, n);
	for (size_t i = 0; i < n; i++) {
		v[i].account_id = (int64_t)cur_u64(&c);
		v[i].grant = cur_u64(&c);
		v[i].service = cur_str(&c);
		v[i].login = cur_str(&c);
	}
	if (!cur_ok(&c) || !cur_at_end(&c))
		return false;
	*ret_version = version;
	*ret = v;
	*ret_n = n;
	return true;
}

void auth_still_answer(
	struct buf *out, bool same, uint64_t version, const unsigned char *over, size_t n)
{
	buf_u8(out, same);
	buf_u64(out, version);
	if (!same)
		buf_put(out, slice_of(over, (n + 7) / 8));
}

bool auth_still_read(slice answer, size_t n, bool *ret_same, uint64_t *ret_version,
	unsigned char ret_over[AUTH_STILL_MAX / 8])
{
	struct cur c = cur_of(answer);
	bool same = cur_u8(&c) != 0;
	uint64_t version = cur_u64(&c);
	slice over = same ? S("") : cur_bytes(&c, (n + 7) / 8);
	if (n > AUTH_STILL_MAX || !cur_ok(&c) || !cur_at_end(&c))
		return false;
	memcpy(ret_over, over.p ? over.p : "", over.n);
	*ret_same = same;
	*ret_version = version;
	return true;
}
