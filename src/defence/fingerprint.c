/*
 * What became of mail with the same fingerprints (fingerprint.h). One record a fingerprint in the
 * store, "fp:t:0123456789abcdef", with a letter a kind: good, bad, copies of the last hour and
 * where they came from (two small bitmaps). Changed by the store's writing thread; a look reads at
 * most FINGERPRINTS_MAX records.
 *
 * How sure: bad / (bad + known_from), less what is good twice over. Several fingerprints of one
 * text or picture together say more than one, which may be of a phrase that many use.
 */
#include "defence/fingerprint.h"

#include "base/cur.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/time.h"

#include <math.h>
#include <stdio.h>

enum {
	FORMAT = 1,
	FAST_HALF = 1800, /* seconds: copies fade; a steady flow counts those of about 45 minutes */
	SOURCES_SECONDS = 3600, /* the bitmaps begin anew */
	KEY_MAX = 32,
	NEW_SHARE = 8, /* of `keep`: how long one is kept that nobody has judged */
	DETAIL_MAX = SIGNAL_DETAIL_MAX,
};
static const double worth_saying = 0.2; /* how sure */
static const double all_kinds_from = 0.5; /* weight of a note that goes to all fingerprints */

#define T struct fingerprints_conf
static const struct conf_key fingerprints_keys[] = {
	CONF_KEY_DURATION(T, half_life, "14d", HOUR, 3650 * DAY,
		"What was reported so long ago weighs half.", "多久以前的举报权重减半。"),
	CONF_KEY_DURATION(T, keep, "60d", DAY, 3650 * DAY,
		"A fingerprint that was judged and is not seen for so long is forgotten (one that "
		"nobody judged: after an eighth of it).",
		"已判定的指纹多久没有再出现即被遗忘（无人判定的：八分之一的时间）。"),
	CONF_KEY_INT(T, known_from, "2", 1, 1000,
		"So many reports of people make a fingerprint half as bad as it can be.",
		"达到这么多次举报时，指纹的恶意程度计为一半。"),
	CONF_KEY_INT(T, surge_copies, "25", 3, 1000000,
		"An outbreak: so many messages with the same fingerprint within an hour,",
		"爆发：一小时内出现这么多封指纹相同的邮件，"),
	CONF_KEY_INT(T, surge_sources, "6", 2, 32,
		"from so many different networks and sender domains.",
		"并且来自这么多不同的网段和发件人域。"),
	CONF_END};
#undef T
const struct conf_section fingerprints_section = {.name = "fingerprints",
	.keys = fingerprints_keys,
	.size = sizeof(struct fingerprints_conf),
	.doc_en = "What is learnt from earlier mail that looked alike: near-duplicates, links, "
		  "pictures, files, habits of senders.",
	.doc_zh = "从以往相似邮件中学到的信息：近似文本、链接、图片、文件、发件特征。"};

struct fingerprints {
	struct kv *kv;
	const struct fingerprints_conf *conf;
	double half_life;
};

struct fingerprints *fingerprints_open(struct kv *kv, const struct fingerprints_conf *conf)
{
	struct fingerprints *f = NEW(struct fingerprints);
	*f = (struct fingerprints){kv, conf, (double)conf->half_life / SECOND};
	return f;
}

void fingerprints_close(struct fingerprints *f)
{
	free(f);
}

const char *fingerprint_kind_name(enum fingerprint_kind k)
{
	static const char *const names[FINGERPRINTS] = {
		"text", "layout", "links", "link", "picture", "file", "sender", "cluster"};
	return k < FINGERPRINTS ? names[k] : "";
}

static slice key_of(struct fingerprint p, char key[KEY_MAX])
{
	static const char letters[FINGERPRINTS + 1] = "thlupfsc";
	int n = snprintf(
		key, KEY_MAX, "fp:%c:%016llx", letters[p.kind], (unsigned long long)p.hash);
	return slice_of(key, (size_t)n);
}

/* ---- records ---- */

struct record {
	int64_t first, last;
	double good, bad, copies;
	int64_t sources_from; /* when the bitmaps began */
	uint32_t networks, domains; /* a bit each, by hash */
};

static double get_real(struct cur *c)
{
	double v = (double)cur_f32(c);
	return isfinite(v) && v > 0 ? v : 0;
}

static bool record_read(slice value, struct record *ret)
{
	struct cur c = cur_of(value);
	struct record r = {0};
	*ret = r;
	if (cur_u8(&c) != FORMAT)
		return false;
	r.first = cur_u32(&c);
	r.last = cur_u32(&c);
	r.good = get_real(&c);
	r.bad = get_real(&c);
	r.copies = get_real(&c);
	r.sources_from = cur_u32(&c);
	r.networks = cur_u32(&c);
	r.domains = cur_u32(&c);
	if (!cur_ok(&c))
		return false;
	*ret = r;
	return true;
}

static void record_write(struct buf *out, const struct record *r)
{
	buf_u8(out, FORMAT);
	buf_u32(out, (uint32_t)r->first);
	buf_u32(out, (uint32_t)r->last);
	buf_f32(out, (float)r->good);
	buf_f32(out, (float)r->bad);
	buf_f32(out, (float)r->copies);
	buf_u32(out, (uint32_t)r->sources_from);
	buf_u32(out, r->networks);
	buf_u32(out, r->domains);
}

/* A clock that went back changes nothing. */
static void fade(struct record *r, int64_t now, double half_life)
{
	double age = (double)(now - r->last);
	if (r->first == 0)
		r->first = r->last = r->sources_from = now;
	if (age <= 0)
		return;
	r->good *= exp2(-age / half_life);
	r->bad *= exp2(-age / half_life);
	r->copies *= exp2(-age / FAST_HALF);
	if (now - r->sources_from >= SOURCES_SECONDS) {
		r->networks = r->domains = 0;
		r->sources_from = now;
	}
	r->last = now;
}

/* What the store's writing thread does with a record. */
struct change {
	int64_t now;
	double half_life, good, bad, copies;
	uint32_t network, domain; /* bits */
};

static double at_least_nothing(double v)
{
	return v > 0 ? v : 0;
}

static void apply(slice old, slice arg, struct buf *out)
{
	struct change c;
	struct record r;
	memcpy(&c, arg.p, sizeof c);
	record_read(old, &r);
	fade(&r, c.now, c.half_life);
	r.good = at_least_nothing(r.good + c.good);
	r.bad = at_least_nothing(r.bad + c.bad);
	r.copies += c.copies;
	r.networks |= c.network;
	r.domains |= c.domain;
	record_write(out, &r);
}

static bool get(struct fingerprints *f, struct fingerprint p, struct arena *a, struct record *ret)
{
	char key[KEY_MAX];
	slice value;
	if (!f->kv || p.kind >= FINGERPRINTS ||
		kv_get(f->kv, key_of(p, key), a, &value) != KV_FOUND || !record_read(value, ret))
		return false;
	fade(ret, kv_now(f->kv), f->half_life);
	return true;
}

static unsigned sources(const struct record *r)
{
	unsigned networks = (unsigned)__builtin_popcount(r->networks);
	unsigned domains = (unsigned)__builtin_popcount(r->domains);
	return networks < domains ? networks : domains;
}

bool fingerprints_ask(struct fingerprints *f, struct fingerprint p, struct fingerprint_record *ret)
{
	AUTO(arena) struct arena a = {0};
	struct record r;
	if (!get(f, p, &a, &r))
		return false;
	*ret = (struct fingerprint_record){r.good, r.bad, r.copies, sources(&r), r.first, r.last};
	return true;
}

/* ---- looking ---- */

/* What all fingerprints of one kind say together. */
struct opinion {
	unsigned n; /* that are bad */
	double sure; /* of the worst, 0..1 */
	struct record worst;
};

/* enough: so many bad ones of a kind say all that it can say. */
static const struct {
	enum signal_id bad;
	unsigned enough;
} kinds[FINGERPRINTS] = {
	[FINGERPRINT_TEXT] = {SIGNAL_FP_TEXT_BAD, 4},
	[FINGERPRINT_LAYOUT] = {SIGNAL_FP_LAYOUT_BAD, 2},
	[FINGERPRINT_LINKS] = {SIGNAL_FP_LINKS_BAD, 1},
	[FINGERPRINT_LINK] = {SIGNAL_FP_LINK_BAD, 1},
	[FINGERPRINT_PICTURE] = {SIGNAL_FP_PICTURE_BAD, 3},
	[FINGERPRINT_FILE] = {SIGNAL_FP_FILE_BAD, 1},
	[FINGERPRINT_SENDER] = {SIGNAL_FP_SENDER_BAD, 2},
	[FINGERPRINT_CLUSTER] = {SIGNAL_FP_CLUSTER_BAD, 1},
};

static double sure_of(const struct fingerprints *f, const struct record *r)
{
	double bad = at_least_nothing(r->bad - 2 * r->good);
	return bad / (bad + (double)f->conf->known_from);
}

static bool is_surge(const struct fingerprints *f, const struct record *r)
{
	return r->copies >= (double)f->conf->surge_copies &&
	       sources(r) >= (unsigned)f->conf->surge_sources;
}

static void tell_kind(struct fingerprints *f, enum fingerprint_kind kind, const struct opinion *o,
	struct signals *out)
{
	char text[DETAIL_MAX];
	unsigned n = o->n < kinds[kind].enough ? o->n : kinds[kind].enough;
	double weight = o->sure * n / kinds[kind].enough;
	if (n == 0 || weight < worth_saying)
		return;
	int len = snprintf(text, sizeof text, "%s: bad %.1f, good %.1f, known for %lld days",
		fingerprint_kind_name(kind), o->worst.bad, o->worst.good,
		(long long)(kv_now(f->kv) - o->worst.first) / 86400);
	signals_add(out, kinds[kind].bad, (float)weight, slice_of(text, (size_t)len));
}

static void tell_surge(enum fingerprint_kind kind, const struct record *r, struct signals *out)
{
	char text[DETAIL_MAX];
	int len = snprintf(text, sizeof text, "%s: %.0f copies within an hour from %u sources",
		fingerprint_kind_name(kind), r->copies, sources(r));
	signals_add(out, SIGNAL_FP_SURGE, 1, slice_of(text, (size_t)len));
}

void fingerprints_look(
	struct fingerprints *f, const struct fingerprint *v, size_t n, struct signals *out)
{
	AUTO(arena) struct arena a = {0};
	struct opinion o[FINGERPRINTS] = {0};
	struct record r, surge;
	int surge_kind = -1;
	for (size_t i = 0; i < n && i < FINGERPRINTS_MAX; i++) {
		if (!get(f, v[i], &a, &r))
			continue;
		double sure = sure_of(f, &r);
		struct opinion *k = &o[v[i].kind];
		k->n += sure >= worth_saying;
		if (sure > k->sure) {
			k->sure = sure;
			k->worst = r;
		}
		if (is_surge(f, &r) && (surge_kind < 0 || r.copies > surge.copies)) {
			surge_kind = v[i].kind;
			surge = r;
		}
	}
	for (unsigned k = 0; k < FINGERPRINTS; k++)
		tell_kind(f, (enum fingerprint_kind)k, &o[k], out);
	if (surge_kind >= 0)
		tell_surge((enum fingerprint_kind)surge_kind, &surge, out);
}

/* ---- noting ---- */

static uint32_t keep_time(const struct fingerprints *f, bool judged)
{
	int64_t keep = f->conf->keep / SECOND;
	return (uint32_t)(judged ? keep : keep / NEW_SHARE);
}

static void change(
	struct fingerprints *f, struct fingerprint p, const struct change *c, uint32_t ttl)
{
	char key[KEY_MAX];
	if (p.kind < FINGERPRINTS)
		kv_update(f->kv, key_of(p, key), apply, slice_of(c, sizeof *c), ttl);
}

/* How many of a kind tell most, for what happens with every message. */
static const uint8_t telling[FINGERPRINTS] = {[FINGERPRINT_TEXT] = 4,
	[FINGERPRINT_LINKS] = 1,
	[FINGERPRINT_LINK] = 2,
	[FINGERPRINT_PICTURE] = 2,
	[FINGERPRINT_FILE] = 2};

static uint32_t bit_of(slice s)
{
	static const uint64_t key[2] = {0x7066696e67657270, 0x72696e7473000001};
	return s.n ? 1u << (hash_with(key, s) & 31) : 0;
}

/* The most telling ones of each kind. */
static void change_telling(struct fingerprints *f, const struct fingerprint *v, size_t n,
	const struct change *c, bool judged)
{
	AUTO(arena) struct arena a = {0};
	uint8_t left[FINGERPRINTS];
	struct record r;
	memcpy(left, telling, sizeof left);
	for (size_t i = 0; i < n && i < FINGERPRINTS_MAX; i++) {
		if (v[i].kind >= FINGERPRINTS || !left[v[i].kind])
			continue;
		left[v[i].kind]--;
		bool known = judged || (get(f, v[i], &a, &r) && (r.good > 0.5 || r.bad > 0.5));
		change(f, v[i], c, keep_time(f, known));
	}
}

void fingerprints_seen(
	struct fingerprints *f, const struct fingerprint *v, size_t n, slice network, slice domain)
{
	if (!f->kv)
		return;
	const struct change c = {.now = kv_now(f->kv),
		.half_life = f->half_life,
		.copies = 1,
		.network = bit_of(network),
		.domain = bit_of(domain)};
	change_telling(f, v, n, &c, false);
}

void fingerprints_note(struct fingerprints *f, const struct fingerprint *v, size_t n,
	enum fingerprint_event event, double weight)
{
	if (!f->kv || !(weight > 0))
		return;
	weight = fmin(weight, FINGERPRINT_WEIGHT_MAX);
	bool back = event == FINGERPRINT_NOT_GOOD || event == FINGERPRINT_NOT_BAD;
	bool good = event == FINGERPRINT_GOOD || event == FINGERPRINT_NOT_GOOD;
	double by = back ? -weight : weight;
	const struct change c = {.now = kv_now(f->kv),
		.half_life = f->half_life,
		.good = good ? by : 0,
		.bad = good ? 0 : by};
	if (weight < all_kinds_from) {
		change_telling(f, v, n, &c, true);
		return;
	}
	for (size_t i = 0; i < n && i < FINGERPRINTS_MAX; i++)
		change(f, v[i], &c, keep_time(f, true));
}
