/*
 * Verdicts in words: the reply that the peer gets, with a reason code that the manual explains
 * (doc/en/connection-rules.md), and the sentence for the trace. The only place where actions become
 * codes (RFC 5321 section 4.2, RFC 3463).
 */
#include "defence/door_impl.h"

#include "base/buf.h"
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

static const struct {
	const char *code;
	const char *text; /* for the peer */
} reasons[DOOR_REASONS] = {
	[WHY_CONNECTIONS] = {"connections", "Too many connections from your address"},
	[WHY_CONNECTION_RATE] = {"connection-rate", "Your address connects too often"},
	[WHY_NETWORK_RATE] = {"network-rate", "Your network connects too often"},
	[WHY_MESSAGE_RATE] = {"message-rate", "Too many messages from your address in a minute"},
	[WHY_SENDER_RATE] = {"sender-rate", "Too much mail of this sender for now"},
	[WHY_RCPTS] = {"recipients", "Enough recipients for one connection"},
	[WHY_ERRORS] = {"error-ratio", "Too many of your commands have failed lately"},
	[WHY_PASSWORDS] = {"passwords", "Too many failed logins from your address"},
	[WHY_HARVEST] = {"harvest", "Too many unknown recipients from your address"},
	[WHY_OFFENCES] = {"offences", "Your address has broken the rules of SMTP too often"},
	[WHY_BLOCKED] = {"blocked", "Blocked by the administrator or the recipient"},
	[WHY_SCORE] = {"score", "Not accepted"},
	[WHY_GREYLIST] = {"greylist", "Please try again in a few minutes"},
	[WHY_LOGIN_RATE] = {"login-rate", "You have sent as much as you may for now"},
	[WHY_ORG_RATE] = {"organisation-rate",
		"Your organisation has sent as much as it may for now"},
	[WHY_SURGE] = {"surge", "You send much more than usual; your administrator was told"},
};

void verdict_none(struct door_verdict *ret)
{
	*ret = (struct door_verdict){.action = DOOR_ACCEPT};
}

/* By stage: refused for now, and for good. */
static const struct {
	int temp, perm;
} codes[] = {
	[STAGE_AT_CONNECT] = {421, 554},
	[STAGE_AT_HELO] = {450, 550},
	[STAGE_AT_MAIL] = {450, 550},
	[STAGE_AT_RCPT] = {450, 550},
	[STAGE_AT_DATA] = {451, 550},
};

void verdict_set(struct door_verdict *ret, enum door_stage stage, enum door_action action,
	enum door_reason reason, const char *why, ...)
{
	va_list ap;
	bool perm = action == DOOR_REJECT;
	if (action < DOOR_GREYLIST)
		return;
	ret->action = action;
	ret->reason = reasons[reason].code;
	ret->code = action == DOOR_DROP ? 421 : perm ? codes[stage].perm : codes[stage].temp;
	snprintf(ret->status, sizeof ret->status, "%d.7.%d", perm ? 5 : 4,
		stage == STAGE_AT_CONNECT ? 0 : 1);
	snprintf(
		ret->text, sizeof ret->text, "%s [%s]", reasons[reason].text, reasons[reason].code);
	va_start(ap, why);
	vsnprintf(ret->why, sizeof ret->why, why, ap);
	va_end(ap);
}

void verdict_slow(struct door_visit *v, struct door_verdict *ret)
{
	const struct source *s = v->source;
	if (!s->delay)
		return;
	v->delays++;
	int64_t delay = s->delay_max / s->delay < v->delays ? s->delay_max : s->delay * v->delays;
	if (delay > ret->delay)
		ret->delay = delay;
}

bool verdict_limit(struct door_visit *v, enum door_stage stage, enum source_limit limit,
	enum door_reason reason, int64_t count, struct door_verdict *ret)
{
	const struct source_rule *r = &v->source->limits[limit];
	if (!r->n || count <= r->n || v->excepted)
		return false;
	if (r->action <= DOOR_SLOW) {
		verdict_slow(v, ret);
		return false;
	}
	verdict_set(ret, stage, r->action, reason, "%s: %" PRId64 " of %" PRId64 ", source %.*s",
		reasons[reason].code, count, r->n, SFMT(v->source->name));
	return true;
}
