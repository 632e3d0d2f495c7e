/*
 * What holds for each class of callers without any configuration. doc/en/connection-rules.md shows
 * the same table; test/attack.py and the unit tests run on it.
 *
 * The numbers of strangers are such that a small company's own server never meets them, and that
 * one address of a large provider, which does, is only asked to come again until it is known.
 */
#include "defence/source_conf.h"

struct defaults {
	struct source_rule limits[SOURCE_LIMITS];
	int64_t numbers[SOURCE_NUMBERS];
	float mark, slow, greylist, defer, reject;
	unsigned checks;
	int64_t delay, delay_max;
};

enum { MIB = 1 << 20 };

static const struct defaults table[SOURCE_CLASSES] =
	{
		[SOURCE_TRUSTED] =
			{
				.limits = {[LIMIT_AUTH_FAILURES] = {200, DOOR_DEFER}},
				.mark = SOURCE_OFF,
				.slow = SOURCE_OFF,
				.greylist = SOURCE_OFF,
				.defer = SOURCE_OFF,
				.reject = SOURCE_OFF,
				.checks = CHECK_SPF | CHECK_DKIM | CHECK_CONTENT,
			},
		[SOURCE_KNOWN] =
			{
				.limits =
					{
						[LIMIT_CONNECTIONS] = {100, DOOR_DEFER},
						[LIMIT_CONNECTION_RATE] = {600, DOOR_DEFER},
						[LIMIT_MESSAGE_RATE] = {600, DOOR_DEFER},
						[LIMIT_SENDER_MESSAGES_15M] = {3000, DOOR_DEFER},
						[LIMIT_SENDER_RCPTS_15M] = {10000, DOOR_DEFER},
						[LIMIT_ERROR_RATIO] = {90, DOOR_DEFER},
						[LIMIT_AUTH_FAILURES] = {100, DOOR_DEFER},
						[LIMIT_UNKNOWN_RCPTS] = {1000, DOOR_DEFER},
						[LIMIT_OFFENCES] = {60, DOOR_DEFER},
					},
				.mark = 6,
				.slow = SOURCE_OFF,
				.greylist = SOURCE_OFF,
				.defer = SOURCE_OFF,
				.reject = 12,
				.checks = CHECKS_ALL & ~(unsigned)CHECK_GREYLIST,
				.delay = SECOND,
				.delay_max = 5 * SECOND,
			},
		[SOURCE_UNKNOWN] =
			{
				.limits =
					{
						[LIMIT_CONNECTIONS] = {20, DOOR_DEFER},
						[LIMIT_CONNECTION_RATE] = {60, DOOR_DEFER},
						[LIMIT_NETWORK_RATE] = {300, DOOR_DEFER},
						[LIMIT_MESSAGE_RATE] = {30, DOOR_DEFER},
						[LIMIT_SENDER_MESSAGES_15M] = {100, DOOR_DEFER},
						[LIMIT_SENDER_RCPTS_15M] = {500, DOOR_DEFER},
						[LIMIT_SENDER_MESSAGES_DAY] = {2000, DOOR_DEFER},
						[LIMIT_SENDER_RCPTS_DAY] = {5000, DOOR_DEFER},
						[LIMIT_ERROR_RATIO] = {50, DOOR_DEFER},
						[LIMIT_AUTH_FAILURES] = {20, DOOR_DEFER},
						[LIMIT_UNKNOWN_RCPTS] = {30, DOOR_DEFER},
						[LIMIT_OFFENCES] = {5, DOOR_DROP},
					},
				.numbers =
					{
						[NUMBER_MESSAGES] = 100,
						[NUMBER_COMMANDS] = 5000,
						[NUMBER_SESSION_RCPTS] = 2000,
						[NUMBER_HEADER] = 256 << 10,
						[NUMBER_ERRORS] = 15,
						[NUMBER_UNKNOWN] = 10,
						[NUMBER_HELLO] = MINUTE,
						[NUMBER_GREET] = SECOND,
					},
				.mark = 5,
				.slow = 3,
				.greylist = 2.5F,
				.defer = SOURCE_OFF,
				.reject = 8,
				.checks = CHECKS_ALL,
				.delay = SECOND,
				.delay_max = 10 * SECOND,
			},
		[SOURCE_BAD] =
			{
				.limits =
					{
						[LIMIT_CONNECTIONS] = {2, DOOR_DROP},
						[LIMIT_CONNECTION_RATE] = {6, DOOR_DROP},
						[LIMIT_NETWORK_RATE] = {60, DOOR_DROP},
						[LIMIT_MESSAGE_RATE] = {3, DOOR_DEFER},
						[LIMIT_SENDER_MESSAGES_15M] = {10, DOOR_DEFER},
						[LIMIT_SENDER_RCPTS_15M] = {20, DOOR_DEFER},
						[LIMIT_SENDER_MESSAGES_DAY] = {50, DOOR_DEFER},
						[LIMIT_SENDER_RCPTS_DAY] = {100, DOOR_DEFER},
						[LIMIT_ERROR_RATIO] = {20, DOOR_DROP},
						[LIMIT_AUTH_FAILURES] = {5, DOOR_DROP},
						[LIMIT_UNKNOWN_RCPTS] = {5, DOOR_DROP},
						[LIMIT_OFFENCES] = {1, DOOR_DROP},
					},
				.numbers =
					{
						[NUMBER_MESSAGES] = 5,
						[NUMBER_COMMANDS] = 200,
						[NUMBER_RCPTS] = 100,
						[NUMBER_SESSION_RCPTS] = 100,
						[NUMBER_SIZE] = 10LL * MIB,
						[NUMBER_HEADER] = 64 << 10,
						[NUMBER_ERRORS] = 5,
						[NUMBER_UNKNOWN] = 3,
						[NUMBER_IDLE] = MINUTE,
						[NUMBER_HELLO] = 20 * SECOND,
						[NUMBER_GREET] = 5 * SECOND,
					},
				.mark = 1,
				.slow = 0,
				.greylist = 1,
				.defer = SOURCE_OFF,
				.reject = 5,
				.checks = CHECKS_ALL,
				.delay = 2 * SECOND,
				.delay_max = 10 * SECOND,
			},
};

void source_defaults(enum source_class c, struct source *ret)
{
	const struct defaults *d = &table[c];
	*ret = (struct source){
		.name = slice_z(source_class_name(c)),
		.cls = c,
		.checks = d->checks,
		.error_minimum = c == SOURCE_BAD ? 10 : 40,
		.delay = d->delay,
		.delay_max = d->delay_max,
		.thresholds =
			{
				[DOOR_ACCEPT] = SOURCE_OFF,
				[DOOR_MARK] = d->mark,
				[DOOR_SLOW] = d->slow,
				[DOOR_GREYLIST] = d->greylist,
				[DOOR_DEFER] = d->defer,
				[DOOR_REJECT] = d->reject,
				[DOOR_DROP] = SOURCE_OFF,
			},
	};
	memcpy(ret->limits, d->limits, sizeof ret->limits);
	memcpy(ret->numbers, d->numbers, sizeof ret->numbers);
}

bool source_is_class(slice name, enum source_class *ret)
{
	for (unsigned i = 0; i < SOURCE_CLASSES; i++)
		if (slice_eq(name, slice_z(source_class_name((enum source_class)i)))) {
			*ret = (enum source_class)i;
			return true;
		}
	return false;
}

/* RFC 1918, RFC 4193, link-local (RFC 3927, 4291), loopback. Not RFC 6598: a provider's
 * customers. */
static struct net_cidr local_v[] = {
	{AF_INET, 8, {127}},
	{AF_INET, 8, {10}},
	{AF_INET, 12, {172, 16}},
	{AF_INET, 16, {192, 168}},
	{AF_INET, 16, {169, 254}},
	{AF_INET6, 128, {[15] = 1}},
	{AF_INET6, 7, {0xfc}},
	{AF_INET6, 10, {0xfe, 0x80}},
};
const struct conf_nets source_local_networks = {local_v, sizeof local_v / sizeof *local_v};
