/*
 * Suspending an account (edge_outbound.h): one transaction has the suspension, the first of its messages
 * that wait in the queue, and the alarm; the rest of its messages follow in further ones. Called by
 * edge_outbound.c and queue_outbound.c, with whose committer it works.
 */
#include "bin/edge_outbound.h"

#include "base/mem.h"
#include "mail/notice.h"
#include "run/log.h"
#include "run/metrics.h"

METRIC_COUNTER(suspended, "posthouse_outbound_suspended_total", "",
	"Own accounts that were suspended for what they sent.");

enum { HELD_AT_ONCE = 500 };

struct act {
	const struct outbound_suspension *s;
	int fresh; /* 1: it was not suspended before */
	int64_t held;
	bool first;
};

static int tell(struct sql *db, const struct outbound_suspension *s, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	const slice lines[] = {arena_printf(&a, "%.*s", SFMT(s->who)), s->detail};
	const struct notice_alarm w = {
		.what_en = arena_printf(&a, "Sending was suspended for %.*s", SFMT(s->who)),
		.what_zh = arena_printf(&a, "已停用 %.*s 的发送", SFMT(s->who)),
		.why_en = arena_printf(
			&a, "%s: %.*s.", outbound_why_text(s->why, false), SFMT(s->detail)),
		.why_zh = arena_printf(
			&a, "%s：%.*s。", outbound_why_text(s->why, true), SFMT(s->detail)),
		.done_en = S("New mail of this sender is refused, what waits of it in the queue is "
			     "held. Other senders are not affected."),
		.done_zh = S("拒绝该发送方的新邮件，并暂停其队列中的邮件；其他发送方不受影响。"),
		.todo_en = arena_printf(&a,
			"If the account was stolen: set a new password, look at what is held "
			"(posthouse queue list --state held), delete it. Then: posthouse outbound "
			"lift %.*s",
			SFMT(s->who)),
		.todo_zh = arena_printf(&a,
			"若帐号被盗：更换密码，查看被暂停的邮件（posthouse queue list --state "
			"held）并删除；然后执行 posthouse outbound lift %.*s",
			SFMT(s->who)),
		.lines = lines,
		.nlines = 2};
	const struct notice n = {.kind = NOTICE_ALARM,
		.idx = -1,
		.key = arena_printf(&a, "outbound:%.*s", SFMT(slice_first(s->who, 150))),
		.data = notice_alarm_data(&w, &a),
		.at = s->since};
	return notice_add_tx(db, &n, e);
}

static int act_tx(struct sql *db, void *arg, struct err *e)
{
	struct act *w = arg;
	if (w->first) {
		w->fresh = outbound_suspend_tx(db, w->s, e);
		if (w->fresh < 0 ||
			(w->fresh && w->s->why != OUTBOUND_ADMIN && tell(db, w->s, e) < 0))
			return -1;
	}
	w->held = outbound_hold_tx(db, w->s->who, S("outbound"), HELD_AT_ONCE, e);
	return w->held < 0 ? -1 : 0;
}

int outbound_act(struct commit *queue, const struct outbound_suspension *s, struct err *e)
{
	struct act w = {.s = s, .first = true};
	int64_t held = 0;
	do {
		if (commit_run(queue, act_tx, &w, e) < 0)
			return -1;
		held += w.held;
		w.first = false;
	} while (w.held == HELD_AT_ONCE);
	if (!w.fresh)
		return 0;
	metric_add(&suspended, 1);
	log_warn(NULL, "outbound.suspended", F("who", s->who), F("why", outbound_why_name(s->why)),
		F("detail", s->detail), F("held", held));
	return 0;
}
