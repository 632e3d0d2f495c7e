/*
 * Caps on what our own users send (caps.h). Called by door_rcpt for sessions that are logged in.
 * Whoever took over an account can then send only so much, and the log says who (later: the
 * console). Counts of a quarter of an hour are in shared memory, those of a day in the key-value
 * store.
 *
 * A sudden volume: recipients of the last quarter of an hour, against the most that the login has
 * had in a quarter before (kept for 30 days).
 */
#include "defence/door_impl.h"

#include "base/mem.h"
#include "run/log.h"
#include "run/metrics.h"
#include "store/kv.h"
#include <inttypes.h>
#include <stdlib.h>

METRIC_COUNTER(capped, "posthouse_caps_deferred_total", "",
	"Recipients put off because a user or an organisation has sent too much.");

enum { PEAK_KEEP = 30 * 86400, PEAK_STEPS = 20 };

#define T struct caps_conf
static const struct conf_key keys[] = {
	CONF_KEY_INT(T, login_messages_15m, "150", 0, 1000000000,
		"Messages of one login in 15 minutes; 0: any number.",
		"一个帐号 15 分钟内的邮件数；0：不限。"),
	CONF_KEY_INT(T, login_rcpts_15m, "500", 0, 1000000000, "Recipients, likewise.",
		"同上，收件人数。"),
	CONF_KEY_INT(T, login_messages_day, "1000", 0, 1000000000,
		"Messages of one login in a day.", "一个帐号一天内的邮件数。"),
	CONF_KEY_INT(T, login_rcpts_day, "3000", 0, 1000000000, "Recipients, likewise.",
		"同上，收件人数。"),
	CONF_KEY_INT(T, org_messages_15m, "0", 0, 1000000000,
		"Messages in 15 minutes of all logins of one domain; 0: any number.",
		"一个域的所有帐号 15 分钟内的邮件数；0：不限。"),
	CONF_KEY_INT(
		T, org_rcpts_15m, "0", 0, 1000000000, "Recipients, likewise.", "同上，收件人数。"),
	CONF_KEY_INT(T, org_messages_day, "0", 0, 1000000000,
		"Messages in a day of all logins of one domain.",
		"一个域的所有帐号一天内的邮件数。"),
	CONF_KEY_INT(
		T, org_rcpts_day, "0", 0, 1000000000, "Recipients, likewise.", "同上，收件人数。"),
	CONF_KEY_INT(T, surge_factor, "0", 0, 1000000,
		"A login that sends to so many times more recipients in 15 minutes than ever in "
		"the "
		"last 30 days is put off, and the log says so; 0: never ([outbound] looks at what "
		"goes outside).",
		"15 分钟内的收件人数达到该帐号最近 30 "
		"天最高值的这么多倍时，暂缓发送并写入日志；0：不检查（外发由 [outbound] 检查）。"),
	CONF_KEY_INT(T, surge_minimum, "200", 1, 1000000000,
		"Fewer recipients in 15 minutes are never a surge.",
		"15 分钟内少于此数的收件人从不算突增。"),
	CONF_KEY_LIST(T, exceptions, "",
		"Logins, and \"@domain\"s, without caps: newsletters, programs.",
		"不受限制的帐号和“@域”：通讯、程序。"),
	CONF_END};
#undef T

const struct conf_section caps_section = {
	.name = "caps",
	.keys = keys,
	.size = sizeof(struct caps_conf),
	.doc_en = "What our own users may send after login.",
	.doc_zh = "本系统用户登录后可以发送的数量。",
};

/* ---- caps ---- */

struct cap {
	int64_t most;
	enum rate_kind kind;
	bool rcpts, org;
};

static bool reached(const struct cap *c, struct rates *r, slice key, unsigned messages,
	unsigned rcpts, struct door_verdict *ret)
{
	unsigned more = c->rcpts ? rcpts : messages;
	if (!c->most || !more)
		return false;
	int64_t have = rates_get(r, c->kind, key);
	if (have + more <= c->most)
		return false;
	verdict_set(ret, STAGE_AT_RCPT, DOOR_DEFER, c->org ? WHY_ORG_RATE : WHY_LOGIN_RATE,
		"%s of %.*s: %" PRId64 " of %" PRId64, c->rcpts ? "recipients" : "messages",
		SFMT(key), have, c->most);
	return true;
}

static bool excepted(const struct caps_conf *c, slice login, slice org)
{
	for (size_t i = 0; i < c->exceptions.n; i++) {
		slice e = c->exceptions.v[i];
		if (slice_ieq(e, login))
			return true;
		if (e.n && e.p[0] == '@' && slice_ieq(slice_skip(e, 1), org))
			return true;
	}
	return false;
}

/* ---- sudden volume ---- */

static void raise_peak(slice old, slice arg, struct buf *out)
{
	uint64_t was = 0, now = 0;
	slice_u64(old, &was);
	slice_u64(arg, &now);
	buf_printf(out, "%" PRIu64, was > now ? was : now);
}

static int64_t peak_of(struct kv *kv, slice key)
{
	AUTO(arena) struct arena a = {0};
	slice v;
	uint64_t n;
	if (!kv || kv_get(kv, key, &a, &v) != KV_FOUND || !slice_u64(v, &n))
		return 0;
	return (int64_t)n;
}

/* Below the minimum the peak is only learnt; it may grow by the factor, not by more. */
static bool surges(const struct caps_conf *c, struct rates *r, struct kv *kv, slice login,
	unsigned rcpts, struct door_verdict *ret)
{
	AUTO(arena) struct arena a = {0};
	int64_t now = rates_get(r, RATE_LOGIN_RCPTS, login) + rcpts;
	if (!c->surge_factor || !kv || !kv_works(kv))
		return false;
	slice key = arena_printf(&a, "caps:peak:%.*s", SFMT(slice_first(login, 300)));
	int64_t peak = peak_of(kv, key);
	if (now > c->surge_minimum && peak > 0 && now > peak * c->surge_factor) {
		verdict_set(ret, STAGE_AT_RCPT, DOOR_DEFER, WHY_SURGE,
			"surge of %.*s: %" PRId64 " recipients, never more than %" PRId64 " before",
			SFMT(login), now, peak);
		return true;
	}
	return false;
}

static void learn_peak(const struct caps_conf *c, struct rates *r, struct kv *kv, slice login)
{
	AUTO(arena) struct arena a = {0};
	int64_t now = rates_get(r, RATE_LOGIN_RCPTS, login);
	if (!c->surge_factor || !kv || now > c->surge_minimum)
		return;
	slice key = arena_printf(&a, "caps:peak:%.*s", SFMT(slice_first(login, 300)));
	int64_t peak = peak_of(kv, key);
	if (now > peak + peak / PEAK_STEPS)
		kv_update(kv, key, raise_peak, arena_printf(&a, "%" PRId64, now), PEAK_KEEP);
}

/* ---- all ---- */

static void alarm_once(struct rates *r, slice login, const struct door_verdict *v)
{
	AUTO(arena) struct arena a = {0};
	metric_add(&capped, 1);
	slice key = arena_printf(&a, "alarm:%.*s", SFMT(login));
	if (rates_count(r, RATE_LOGIN_MESSAGES, key, 1) == 1)
		log_warn(NULL, "caps.reached", F("login", login), F("reason", v->reason),
			F("why", (const char *)v->why));
}

void caps_ask(const struct caps_conf *c, struct rates *r, struct kv *kv, slice login,
	unsigned messages, unsigned rcpts, struct door_verdict *ret)
{
	slice org = slice_skip(login, slice_rindex(login, '@') + 1);
	const struct cap caps[] = {
		{c->login_messages_15m, RATE_LOGIN_MESSAGES, false, false},
		{c->login_rcpts_15m, RATE_LOGIN_RCPTS, true, false},
		{c->login_messages_day, RATE_LOGIN_MESSAGES_DAY, false, false},
		{c->login_rcpts_day, RATE_LOGIN_RCPTS_DAY, true, false},
		{c->org_messages_15m, RATE_ORG_MESSAGES, false, true},
		{c->org_rcpts_15m, RATE_ORG_RCPTS, true, true},
		{c->org_messages_day, RATE_ORG_MESSAGES_DAY, false, true},
		{c->org_rcpts_day, RATE_ORG_RCPTS_DAY, true, true},
	};
	const size_t n = sizeof caps / sizeof *caps;
	bool no = false;
	if (excepted(c, login, org))
		return;
	for (size_t i = 0; i < n && !no; i++)
		no = (!caps[i].org || org.n) &&
		     reached(&caps[i], r, caps[i].org ? org : login, messages, rcpts, ret);
	if (no || surges(c, r, kv, login, rcpts, ret)) {
		alarm_once(r, login, ret);
		return;
	}
	for (size_t i = 0; i < n; i++) {
		unsigned more = caps[i].rcpts ? rcpts : messages;
		bool kept = caps[i].most || caps[i].kind == RATE_LOGIN_RCPTS;
		if (more && kept && (!caps[i].org || org.n))
			rates_add(r, caps[i].kind, caps[i].org ? org : login, more);
	}
	learn_peak(c, r, kv, login);
}
