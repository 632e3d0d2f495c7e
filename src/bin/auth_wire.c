/* Encoding of the messages between server processes and the auth process (auth_wire.h). */
#include "bin/auth_wire.h"

#include "base/cur.h"

void auth_request_encode(struct buf *out, const struct auth_request *r)
{
	buf_u8(out, (uint8_t)r->op);
	buf_u64(out, r->handle);
	buf_str(out, r->response);
	if (r->op != AUTH_START)
		return;
	buf_str(out, r->mech);
	buf_u8(out, r->has_initial);
	buf_str(out, r->cb_type);
	buf_str(out, r->cb_data);
	buf_str(out, r->ip);
	buf_str(out, r->service);
}

bool auth_request_decode(slice in, struct auth_request *ret)
{
	struct cur c = cur_of(in);
	*ret = (struct auth_request){.op = cur_u8(&c), .handle = cur_u64(&c)};
	ret->response = cur_str(&c);
	if (ret->op == AUTH_START) {
		ret->mech = cur_str(&c);
		ret->has_initial = cur_u8(&c) != 0;
		ret->cb_type = cur_str(&c);
		ret->cb_data = cur_str(&c);
		ret->ip = cur_str(&c);
		ret->service = cur_str(&c);
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
}

bool auth_reply_decode(slice in, struct auth_reply *ret)
{
	struct cur c = cur_of(in);
	*ret = (struct auth_reply){.outcome = cur_u8(&c), .handle = cur_u64(&c)};
	ret->challenge = cur_str(&c);
	ret->login = cur_str(&c);
	ret->why = cur_str(&c);
	return cur_ok(&c) && cur_at_end(&c) && ret->outcome >= AUTH_MORE &&
	       ret->outcome <= AUTH_TEMP;
}
