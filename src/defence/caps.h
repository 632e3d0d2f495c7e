/*
 * caps: what our own users may send (H13): messages and recipients of a login, and of all logins of
 * an organisation, in 15 minutes and in a day; and a sudden volume. Section [caps].
 */
#pragma once
#include "defence/door.h"

struct caps_conf {
	int64_t login_messages_15m, login_rcpts_15m, login_messages_day, login_rcpts_day;
	int64_t org_messages_15m, org_rcpts_15m, org_messages_day, org_rcpts_day;
	int64_t surge_factor, surge_minimum;
	struct conf_list exceptions; /* logins and "@domain"s */
};
extern const struct conf_section caps_section;

/* May this login send a message to one more recipient now? messages: 1 at the first recipient. A
 * refusal defers, and says so in the log, once a login in a quarter of an hour. */
void caps_ask(const struct caps_conf *c, struct rates *r, struct kv *kv, slice login,
	unsigned messages, unsigned rcpts, struct door_verdict *ret);
