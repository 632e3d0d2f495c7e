/* Encoding of the messages between the auth process and the identity process (identity_wire.h). */
#include "bin/identity_wire.h"

#include "base/cur.h"

void identity_request_encode(struct buf *out, const struct identity_request *r)
{
	buf_u8(out, (uint8_t)r->op);
	buf_str(out, r->login);
	buf_str(out, r->id);
	buf_str(out, r->secret);
}

bool identity_request_decode(slice in, struct identity_request *ret)
{
	struct cur c = cur_of(in);
	*ret = (struct identity_request){.op = cur_u8(&c)};
	ret->login = cur_str(&c);
	ret->id = cur_str(&c);
	ret->secret = cur_str(&c);
	return cur_ok(&c) && cur_at_end(&c) &&
	       (ret->op == IDENTITY_BIND || ret->op == IDENTITY_TOKEN);
}

void identity_reply_encode(struct buf *out, const struct identity_reply *r)
{
	buf_u8(out, (uint8_t)r->outcome);
	buf_str(out, r->login);
	buf_str(out, r->why);
}

bool identity_reply_decode(slice in, struct identity_reply *ret)
{
	struct cur c = cur_of(in);
	*ret = (struct identity_reply){.outcome = cur_u8(&c)};
	ret->login = cur_str(&c);
	ret->why = cur_str(&c);
	return cur_ok(&c) && cur_at_end(&c) && ret->outcome >= IDENTITY_YES &&
	       ret->outcome <= IDENTITY_TEMP;
}
