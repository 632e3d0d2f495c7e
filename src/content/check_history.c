/*
 * What went between sender and recipient before, as the context tells it: who was written to is no
 * stranger, if it is truly him. A first letter that asks for something is for combinations (rules).
 */
#include "content/checking.h"
#include "content/checks.h"

void content_check_history(struct content_exam *x)
{
	const struct content_context *ctx = x->ctx;
	if (ctx->direction != CONTENT_INBOUND || !ctx->verified)
		return;
	if (ctx->proven && ctx->written_to)
		checking_found(x, SIGNAL_HISTORY_WRITTEN_TO, 1, S(""));
	else if (ctx->proven && ctx->wrote_before)
		checking_found(x, SIGNAL_HISTORY_KNOWN, 1, S(""));
	else if (ctx->written_to || ctx->wrote_before)
		checking_found(x, SIGNAL_HISTORY_UNPROVEN, 1, S(""));
	else if (ctx->nrcpts && x->bulk < 30)
		checking_found(x, SIGNAL_HISTORY_FIRST, 1, S(""));
}
