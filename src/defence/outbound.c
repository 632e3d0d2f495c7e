/*
 * What own accounts send, counted and judged (outbound.h). Numbers are in the key-value store, so that all
 * edge processes count together and a restart forgets nothing: one number an hour (or day), the last one
 * whole counts in proportion to what of it still lies inside the window. The habit of an account is a decaying
 * average over the hours in which it sends at all.
 *
 * Called by bin/edge_outbound (before and after each message) and bin/queue_outbound (results).
 */
#include "defence/outbound.h"

#include "base/cur.h"
#include "base/mem.h"
#include "base/time.h"
#include <inttypes.h>

enum { HOUR_S = 3600, DAY_S = 86400, HABIT_KEEP_S = 90 * DAY_S, HABIT_STEPS = 12 };

static const struct {
	const char *name, *en, *zh;
} whys[] = {
	[OUTBOUND_CAP] = {"cap", "it reached its cap", "达到上限"},
	[OUTBOUND_SUDDEN] = {"sudden", "it sends many times as much as usual",
		"发送量突然远超平时"},
	[OUTBOUND_FAILING] = {"failing", "most of its recipients do not exist",
		"大部分收件人不存在"},
	[OUTBOUND_SPAM] = {"spam", "what it sends is spam", "外发内容为垃圾邮件"},
	[OUTBOUND_ADMIN] = {"admin", "an administrator said so", "管理员停用"},
};

static enum outbound_why known(enum outbound_why w)
{
	return w >= OUTBOUND_CAP && w <= OUTBOUND_ADMIN ? w : OUTBOUND_ADMIN;
}

const char *outbound_why_name(enum outbound_why w)
{
	return whys[known(w)].name;
}

const char *outbound_why_text(enum outbound_why w, bool chinese)
{
	return chinese ? whys[known(w)].zh : whys[known(w)].en;
}

static slice org_of(slice who)
{
	return slice_skip(who, slice_rindex(who, '@'));
}

bool outbound_is_excepted(const struct outbound_conf *c, slice who)
{
	slice org = org_of(who);
	for (size_t i = 0; i < c->exceptions.n; i++)
		if (slice_ieq(c->exceptions.v[i], who) ||
			(org.n && slice_ieq(c->exceptions.v[i], org)))
			return true;
	return false;
}

/* ---- numbers that slide ---- */

struct window {
	const char *what; /* "o" outside, "i" inside, "m" messages, "s" spam */
	int64_t seconds;
};

static slice key_of(const struct window *w, slice who, int64_t n, struct arena *a)
{
	slice key = arena_printf(
		a, "outbound:%s:%" PRId64 ":%.*s:%" PRId64, w->what, w->seconds, SFMT(who), n);
	for (size_t i = 0; i < key.n; i++)
		((char *)key.p)[i] = ascii_lower(key.p[i]);
	return key;
}

static void add(const struct outbound *o, struct window w, slice who, int64_t n)
{
	AUTO(arena) struct arena a = {0};
	int64_t now = kv_now(o->kv);
	if (n > 0)
		kv_add(o->kv, key_of(&w, who, now / w.seconds, &a), n, (uint32_t)(2 * w.seconds));
}

static int64_t get(const struct outbound *o, struct window w, slice who)
{
	AUTO(arena) struct arena a = {0};
	int64_t now = kv_now(o->kv), at = now / w.seconds, this = 0, last = 0;
	kv_count(o->kv, key_of(&w, who, at, &a), &this);
	kv_count(o->kv, key_of(&w, who, at - 1, &a), &last);
	return this + last * (w.seconds - now % w.seconds) / w.seconds;
}

/* ---- habit ---- */

/* A row of the store: 5 numbers. */
struct habit {
	uint64_t first; /* when it sent first, seconds */
	uint64_t hour; /* the last one in which it sent, and how much in that */
	uint64_t in_hour;
	uint64_t usual; /* average of the hours before that, in thousandths */
	uint64_t hours; /* of them */
};

static bool read_habit(slice s, struct habit *ret)
{
	struct cur c = cur_of(s);
	*ret = (struct habit){cur_u64(&c), cur_u64(&c), cur_u64(&c), cur_u64(&c), cur_u64(&c)};
	return cur_ok(&c);
}

static void change_habit(slice old, slice arg, struct buf *out)
{
	struct habit h;
	uint64_t in[2]; /* now, recipients */
	memcpy(in, arg.p, sizeof in);
	uint64_t hour = in[0] / HOUR_S;
	if (!old.n || !read_habit(old, &h))
		h = (struct habit){.first = in[0], .hour = hour};
	if (h.hour != hour && h.in_hour) {
		uint64_t steps = h.hours < HABIT_STEPS ? h.hours + 1 : HABIT_STEPS;
		h.usual = (h.usual * (steps - 1) + h.in_hour * 1000) / steps;
		h.hours++;
		h.in_hour = 0;
	}
	h.hour = hour;
	h.in_hour += in[1];
	buf_u64(out, h.first);
	buf_u64(out, h.hour);
	buf_u64(out, h.in_hour);
	buf_u64(out, h.usual);
	buf_u64(out, h.hours);
}

static slice habit_key(slice who, struct arena *a)
{
	slice key = arena_printf(a, "outbound:habit:%.*s", SFMT(who));
	for (size_t i = 0; i < key.n; i++)
		((char *)key.p)[i] = ascii_lower(key.p[i]);
	return key;
}

static bool habit_of(const struct outbound *o, slice who, struct habit *ret)
{
	AUTO(arena) struct arena a = {0};
	slice value;
	return kv_get(o->kv, habit_key(who, &a), &a, &value) == KV_FOUND && read_habit(value, ret);
}

static void note_habit(const struct outbound *o, slice who, unsigned n)
{
	AUTO(arena) struct arena a = {0};
	const uint64_t in[2] = {(uint64_t)kv_now(o->kv), n};
	kv_update(o->kv, habit_key(who, &a), change_habit, slice_of(in, sizeof in), HABIT_KEEP_S);
}

/* Outside in an hour; what the hour at hand has counts only when nothing else is known. */
static double usual_of(const struct outbound *o, slice who)
{
	struct habit h;
	return habit_of(o, who, &h) && h.hours ? (double)h.usual / 1000 : 0;
}

/* Everybody was new when the counting began. */
#define BEGAN "*"

static bool is_new(const struct outbound *o, slice who)
{
	struct habit h, began;
	int64_t now = kv_now(o->kv), for_s = o->conf->new_for / SECOND;
	if (!for_s || !habit_of(o, S(BEGAN), &began) || now - (int64_t)began.first < for_s)
		return false;
	return !habit_of(o, who, &h) || now - (int64_t)h.first < for_s;
}

/* ---- caps ---- */

static const struct window outside_hour = {"o", HOUR_S}, outside_day = {"o", DAY_S},
			   inside_hour = {"i", HOUR_S}, inside_day = {"i", DAY_S},
			   messages = {"m", HOUR_S}, spam = {"s", HOUR_S};

static bool above(const struct outbound *o, struct window w, slice who, unsigned more, int64_t most)
{
	return most && more && get(o, w, who) + more > most;
}

static void ask(const struct outbound *o, slice who, const struct outbound_count *m,
	struct outbound_cap *ret)
{
	const struct outbound_conf *c = o->conf;
	slice org = org_of(who);
	const struct {
		struct window w;
		slice who;
		unsigned more;
		int64_t most;
		struct outbound_cap cap;
	} all[] = {
		{outside_hour, who, m->outside, c->outside_hour, {.outside = true}},
		{outside_day, who, m->outside, c->outside_day, {.outside = true, .day = true}},
		{inside_hour, who, m->inside, c->inside_hour, {.reached = false}},
		{inside_day, who, m->inside, c->inside_day, {.day = true}},
		{outside_hour, org, m->outside, org.n ? c->org_outside_hour : 0,
			{.outside = true, .org = true}},
		{outside_day, org, m->outside, org.n ? c->org_outside_day : 0,
			{.outside = true, .day = true, .org = true}},
		{outside_day, who, m->outside, is_new(o, who) ? c->new_outside_day : 0,
			{.outside = true, .day = true, .fresh = true}},
	};
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		if (above(o, all[i].w, all[i].who, all[i].more, all[i].most)) {
			*ret = all[i].cap;
			ret->reached = true;
			ret->most = (unsigned)all[i].most;
			return;
		}
}

void outbound_ask(const struct outbound *o, slice who, const struct outbound_count *m,
	struct outbound_cap *ret)
{
	*ret = (struct outbound_cap){0};
	if (o->conf->enabled && o->kv && !outbound_is_excepted(o->conf, who))
		ask(o, who, m, ret);
}

void outbound_sent(const struct outbound *o, slice who, const struct outbound_count *m)
{
	slice org = org_of(who);
	if (!o->conf->enabled || !o->kv)
		return;
	add(o, outside_hour, who, m->outside);
	add(o, outside_day, who, m->outside);
	add(o, inside_hour, who, m->inside);
	add(o, inside_day, who, m->inside);
	if (org.n && (o->conf->org_outside_hour || o->conf->org_outside_day)) {
		add(o, outside_hour, org, m->outside);
		add(o, outside_day, org, m->outside);
	}
	note_habit(o, who, m->outside);
	note_habit(o, S(BEGAN), 0);
}

void outbound_judged(const struct outbound *o, slice who, bool is_spam)
{
	if (!o->conf->enabled || !o->kv)
		return;
	add(o, messages, who, 1);
	add(o, spam, who, is_spam);
}

/* ---- what suspends ---- */

bool outbound_is_sudden(const struct outbound *o, slice who, const struct outbound_count *m,
	struct arena *a, slice *ret_detail)
{
	const struct outbound_conf *c = o->conf;
	if (!c->enabled || !o->kv || !c->sudden_factor || !m->outside ||
		outbound_is_excepted(c, who))
		return false;
	int64_t n = get(o, outside_hour, who) + m->outside;
	double usual = usual_of(o, who);
	if (n < c->sudden_minimum || (double)n < usual * (double)c->sudden_factor)
		return false;
	*ret_detail = arena_printf(
		a, "%" PRId64 " recipients outside in an hour, usually %.0f", n, usual);
	return true;
}

static bool has_share(uint64_t part, uint64_t all, int64_t least, int64_t percent)
{
	return percent && (int64_t)part >= least && part * 100 >= all * (uint64_t)percent;
}

bool outbound_is_spam(const struct outbound *o, slice who, struct arena *a, slice *ret_detail)
{
	const struct outbound_conf *c = o->conf;
	if (!c->enabled || !o->kv || outbound_is_excepted(c, who))
		return false;
	int64_t all = get(o, messages, who), bad = get(o, spam, who);
	if (!has_share((uint64_t)bad, (uint64_t)all, c->spam_minimum, c->spam_percent))
		return false;
	*ret_detail = arena_printf(
		a, "%" PRId64 " of %" PRId64 " messages in an hour are spam", bad, all);
	return true;
}

bool outbound_is_failing(const struct outbound_conf *c, uint64_t tried, uint64_t unknown,
	struct arena *a, slice *ret_detail)
{
	if (!c->enabled || !has_share(unknown, tried, c->failing_minimum, c->failing_percent))
		return false;
	*ret_detail = arena_printf(a,
		"%" PRIu64 " of %" PRIu64 " recipients tried in an hour do not exist", unknown,
		tried);
	return true;
}

void outbound_facts(const struct outbound *o, slice who, struct outbound_facts *ret)
{
	struct habit h = {0};
	habit_of(o, who, &h);
	*ret = (struct outbound_facts){.outside_hour = get(o, outside_hour, who),
		.outside_day = get(o, outside_day, who),
		.inside_hour = get(o, inside_hour, who),
		.inside_day = get(o, inside_day, who),
		.messages_hour = get(o, messages, who),
		.spam_hour = get(o, spam, who),
		.usual = usual_of(o, who),
		.first_at = (int64_t)h.first,
		.fresh = is_new(o, who)};
}
