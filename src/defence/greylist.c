/*
 * Greylisting (greylist.h): a record in the key-value store for each pair of a client's network and
 * a sender's domain, "grey:NET|DOMAIN", and one for each network that has proven itself,
 * "greynet:NET". The attempt is judged from the record as it is read; the same change is then made
 * by the store's writing thread, so that attempts at other processes are not lost. When the store
 * does not answer everybody passes.
 */
#include "defence/greylist.h"

#include "base/cur.h"
#include "base/mem.h"
#include "base/time.h"
#include "defence/names.h"

enum {
	FORMAT = 1,
	SAME_ATTEMPT = 20, /* seconds: more recipients of one transaction, or a second host */
	SENDERS_MAX = 8, /* of a network, remembered to tell them apart */
};

#define T struct greylist_conf
static void check(const void *value, slice instance, struct conf_check *c)
{
	const T *v = value;
	(void)instance;
	if (v->delay_min > v->delay_max)
		conf_complain(
			c, "delay_min", "must not be more than delay_max", "不能大于 delay_max");
	if (v->window <= v->delay_max)
		conf_complain(c, "window", "must be more than delay_max", "必须大于 delay_max");
}

static const struct conf_key greylist_keys[] = {
	CONF_KEY_BOOL(T, enabled, "yes",
		"Doubtful senders are asked to come again (450). Others never are.",
		"要求可疑的发件方稍后重试（450）。其他发件方不受影响。"),
	CONF_KEY_DURATION(T, delay_min, "1m", SECOND, HOUR,
		"The slightly doubtful wait at least so long.", "轻度可疑者至少等待多久。"),
	CONF_KEY_DURATION(T, delay_max, "5m", SECOND, DAY,
		"The very doubtful wait at least so long.", "高度可疑者至少等待多久。"),
	CONF_KEY_DURATION(T, window, "2d", HOUR, 30 * DAY,
		"Who comes back later than that begins anew.", "超过多久才重试的视为首次。"),
	CONF_KEY_DURATION(T, lifetime, "36d", HOUR, 365 * DAY,
		"Who has come back is not asked again until nothing came from him for so long.",
		"重试成功后，只要来信间隔不超过此时间就不再要求重试。"),
	CONF_KEY_INT(T, network_passes, "5", 0, SENDERS_MAX,
		"When senders of so many domains have come back from a network, all of it "
		"passes; 0: never.",
		"某网段有这么多个域的发件方重试成功后，整个网段放行；0：从不。"),
	CONF_KEY_BOOL(T, by_recipient, "no", "Each domain of ours is waited for separately.",
		"按收件域分别计算。"),
	CONF_END};
#undef T
const struct conf_section greylist_section = {.name = "greylist",
	.keys = greylist_keys,
	.size = sizeof(struct greylist_conf),
	.doc_en = "Asking doubtful senders to come again.",
	.doc_zh = "灰名单：要求可疑的发件方稍后重试。",
	.check = check};

struct greylist {
	struct kv *kv;
	const struct greylist_conf *conf;
};

struct greylist *greylist_open(struct kv *kv, const struct greylist_conf *conf)
{
	struct greylist *g = NEW(struct greylist);
	g->kv = kv;
	g->conf = conf;
	return g;
}

void greylist_close(struct greylist *g)
{
	free(g);
}

const char *greylist_why_name(enum greylist_why w)
{
	static const char *const names[] = {
		[GREYLIST_OFF] = "off",
		[GREYLIST_NEW] = "new",
		[GREYLIST_EARLY] = "early",
		[GREYLIST_CAME_BACK] = "came-back",
		[GREYLIST_KNOWN] = "known",
		[GREYLIST_NETWORK] = "network",
		[GREYLIST_RELEASED] = "released",
		[GREYLIST_UNKNOWN] = "unknown",
	};
	return names[w];
}

/* ---- records ---- */

enum state { WAITING, PASSED, RELEASED };
struct record {
	int64_t first, last; /* seconds since 1970; first 0: none */
	uint32_t tries;
	enum state state;
};

static struct record read_record(slice value)
{
	struct cur c = cur_of(value);
	struct record r = {0};
	if (cur_u8(&c) != FORMAT)
		return (struct record){0};
	r.state = (enum state)cur_u8(&c);
	r.tries = cur_u32(&c);
	r.first = cur_u32(&c);
	r.last = cur_u32(&c);
	return cur_ok(&c) && r.state <= RELEASED ? r : (struct record){0};
}

static void write_record(struct buf *out, const struct record *r)
{
	buf_u8(out, FORMAT);
	buf_u8(out, (uint8_t)r->state);
	buf_u32(out, r->tries);
	buf_u32(out, (uint32_t)r->first);
	buf_u32(out, (uint32_t)r->last);
}

/* An attempt at `now` by one that must wait `delay` seconds and come within `window`. */
struct attempt {
	int64_t now, delay, window;
};

static enum greylist_why judge(struct record *r, const struct attempt *t)
{
	bool same = r->first && t->now - r->last < SAME_ATTEMPT;
	if (r->state != WAITING) {
		r->last = t->now;
		r->tries += !same;
		return r->state == PASSED ? GREYLIST_KNOWN : GREYLIST_RELEASED;
	}
	if (r->first == 0 || t->now - r->first > t->window || t->now < r->first) {
		*r = (struct record){.first = t->now, .last = t->now, .tries = 1};
		return GREYLIST_NEW;
	}
	bool new_still = same && r->tries == 1;
	r->tries += !same;
	r->last = t->now;
	if (t->now - r->first < t->delay)
		return new_still ? GREYLIST_NEW : GREYLIST_EARLY;
	r->state = PASSED;
	return GREYLIST_CAME_BACK;
}

static void change_attempt(slice old, slice arg, struct buf *out)
{
	struct attempt t;
	struct record r = read_record(old);
	memcpy(&t, arg.p, sizeof t);
	judge(&r, &t);
	write_record(out, &r);
}

static void change_release(slice old, slice arg, struct buf *out)
{
	int64_t now;
	struct record r = read_record(old);
	memcpy(&now, arg.p, sizeof now);
	if (r.first == 0)
		r.first = now;
	r.last = now;
	if (r.state == WAITING)
		r.state = RELEASED;
	write_record(out, &r);
}

/* ---- networks: which senders' domains came back from there ---- */

/* Digests of names, four bytes each, the oldest first. */
static uint32_t digest(slice s)
{
	uint32_t h = 2166136261U; /* FNV-1a: the same in every process */
	for (size_t i = 0; i < s.n; i++)
		h = (h ^ (unsigned char)s.p[i]) * 16777619U;
	return h;
}

static void change_network(slice old, slice arg, struct buf *out)
{
	size_t n = old.n / 4;
	for (size_t i = 0; i < n; i++)
		if (memcmp(old.p + 4 * i, arg.p, 4) == 0) {
			buf_put(out, old);
			return;
		}
	buf_put(out, slice_skip(old, n >= SENDERS_MAX ? 4 * (n - SENDERS_MAX + 1) : 0));
	buf_put(out, arg);
}

/* ---- keys ---- */

struct keys {
	slice pair, network, sender;
};

static bool make_keys(
	struct greylist *g, const struct greylist_facts *f, struct arena *a, struct keys *ret)
{
	slice net = f->ip ? name_network(f->ip, 24, 64, a) : (slice){0};
	if (!g->kv || net.n == 0)
		return false;
	slice sender = name_domain_of(f->sender.n ? f->sender : f->helo, a);
	if (sender.n == 0)
		sender = arena_dup(a, slice_first(f->sender.n ? f->sender : f->helo, 100));
	slice rcpt = g->conf->by_recipient ? name_domain_of(f->rcpt, a) : (slice){0};
	ret->sender = sender;
	ret->pair =
		arena_printf(a, "grey:%.*s|%s%.*s|%.*s", SFMT(f->sender_proven ? S("spf") : net),
			f->sender.n ? "" : "<>", SFMT(sender), SFMT(rcpt));
	ret->network = arena_printf(a, "greynet:%.*s", SFMT(net));
	return true;
}

static bool network_passes(struct greylist *g, const struct keys *k, struct arena *a)
{
	slice v;
	return g->conf->network_passes > 0 && kv_get(g->kv, k->network, a, &v) == KV_FOUND &&
	       v.n / 4 >= (size_t)g->conf->network_passes;
}

static uint32_t lifetime(const struct greylist *g)
{
	return (uint32_t)(g->conf->lifetime / SECOND);
}

/* ---- asking ---- */

static int64_t delay_of(const struct greylist_conf *c, double doubt)
{
	double d = doubt > 1 ? 1 : doubt > 0 ? doubt : 0;
	return (c->delay_min + (int64_t)((double)(c->delay_max - c->delay_min) * d)) / SECOND;
}

static void earn_network(struct greylist *g, const struct keys *k)
{
	uint32_t d = digest(k->sender);
	kv_update(g->kv, k->network, change_network, slice_of(&d, sizeof d), lifetime(g));
}

static void note_attempt(
	struct greylist *g, const struct keys *k, const struct attempt *t, enum greylist_why why)
{
	bool passes = why != GREYLIST_NEW && why != GREYLIST_EARLY;
	kv_update(g->kv, k->pair, change_attempt, slice_of(t, sizeof *t),
		passes ? lifetime(g) : (uint32_t)t->window);
	if (why == GREYLIST_CAME_BACK)
		earn_network(g, k);
}

static void ask_store(struct greylist *g, const struct keys *k, double doubt, struct arena *a,
	struct greylist_answer *ret)
{
	slice value = {0};
	const struct attempt t = {.now = kv_now(g->kv),
		.delay = delay_of(g->conf, doubt),
		.window = g->conf->window / SECOND};
	enum kv_status status = kv_get(g->kv, k->pair, a, &value);
	if (status == KV_UNKNOWN)
		return;
	struct record r = read_record(status == KV_FOUND ? value : (slice){0});
	ret->first_at = r.first;
	ret->why = judge(&r, &t);
	ret->tries = r.tries;
	ret->pass = ret->why != GREYLIST_NEW && ret->why != GREYLIST_EARLY;
	if (!ret->pass && network_passes(g, k, a)) {
		ret->pass = true;
		ret->why = GREYLIST_NETWORK;
		return; /* the pair earns nothing of its own by it */
	}
	if (!ret->pass)
		ret->wait = (r.first + t.delay - t.now) * SECOND;
	note_attempt(g, k, &t, ret->why);
}

void greylist_ask(struct greylist *g, const struct greylist_facts *f, struct greylist_answer *ret)
{
	AUTO(arena) struct arena a = {0};
	struct keys k;
	*ret = (struct greylist_answer){.pass = true, .why = GREYLIST_UNKNOWN};
	if (!g->conf->enabled)
		ret->why = GREYLIST_OFF;
	else if (make_keys(g, f, &a, &k))
		ask_store(g, &k, f->doubt, &a, ret);
}

void greylist_release(struct greylist *g, const struct greylist_facts *f)
{
	AUTO(arena) struct arena a = {0};
	struct keys k;
	if (!g->conf->enabled || !make_keys(g, f, &a, &k))
		return;
	int64_t now = kv_now(g->kv);
	kv_update(g->kv, k.pair, change_release, slice_of(&now, sizeof now), lifetime(g));
}

void greylist_distrust(struct greylist *g, const struct greylist_facts *f)
{
	AUTO(arena) struct arena a = {0};
	struct keys k;
	if (!g->conf->enabled || !make_keys(g, f, &a, &k))
		return;
	kv_delete(g->kv, k.pair);
	kv_delete(g->kv, k.network);
}
