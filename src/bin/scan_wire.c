/* Encoding of requests to the scan processes and of their answers (scan_wire.h). */
#include "bin/scan_wire.h"

#include "base/cur.h"
#include "content/texts.h"
#include <math.h>

enum { /* bits of a context */
	BIT_PROVEN = 1,
	BIT_VERIFIED = 2,
	BIT_WROTE_BEFORE = 4,
	BIT_WRITTEN_TO = 8,
};
enum { WISHES = CONTENT_EXPLAIN | CONTENT_FEATURES | CONTENT_NO_CHECKS | CONTENT_TEXT | CONTENT_OPENED | CONTENT_SUMMARY };
enum { SCORE_UNIT = 1000, SCORE_MAX = 1000 };

/* ---- context ---- */

static void put_word(struct buf *out, slice word)
{
	slice s = slice_first(word, SCAN_WORD_MAX);
	buf_u16(out, (uint16_t)s.n);
	buf_put(out, s);
}

static slice take_word(struct cur *c)
{
	size_t n = cur_u16(c);
	if (n > SCAN_WORD_MAX)
		c->bad = true;
	return cur_bytes(c, n);
}

static unsigned bits_of(const struct content_context *x)
{
	return (x->proven ? BIT_PROVEN : 0) | (x->verified ? BIT_VERIFIED : 0) |
	       (x->wrote_before ? BIT_WROTE_BEFORE : 0) | (x->written_to ? BIT_WRITTEN_TO : 0);
}

static void put_rcpts(struct buf *out, const struct content_context *x)
{
	size_t n = x->nrcpts < SCAN_RCPTS_MAX ? x->nrcpts : SCAN_RCPTS_MAX;
	buf_u32(out, x->rcpts_total < UINT32_MAX ? (uint32_t)x->rcpts_total : UINT32_MAX);
	buf_u8(out, (uint8_t)n);
	for (size_t i = 0; i < n; i++)
		put_word(out, x->rcpts[i]);
}

static unsigned count_known(const struct signals *s)
{
	enum signal_id id;
	unsigned n = 0;
	for (unsigned i = 0; s && i < s->n; i++)
		n += signal_by_name(slice_z(s->v[i].def->name), &id);
	return n;
}

static void put_signals(struct buf *out, const struct signals *s)
{
	enum signal_id id;
	buf_u8(out, (uint8_t)count_known(s));
	for (unsigned i = 0; s && i < s->n; i++) {
		const struct signal *v = &s->v[i];
		if (!signal_by_name(slice_z(v->def->name), &id))
			continue;
		buf_u16(out, (uint16_t)id);
		buf_u32(out, (uint32_t)(int32_t)lrintf(v->score * SCORE_UNIT));
		put_word(out, v->detail);
	}
}

static void put_context(struct buf *out, const struct content_context *x)
{
	buf_u8(out, (uint8_t)x->direction);
	buf_u8(out, (uint8_t)bits_of(x));
	buf_u64(out, x->now);
	put_word(out, x->client_ip);
	put_word(out, x->client_name);
	put_word(out, x->helo);
	put_word(out, x->sender);
	put_word(out, x->login);
	put_rcpts(out, x);
	put_signals(out, x->known);
}

static void take_rcpts(struct cur *c, struct arena *a, struct content_context *ret)
{
	ret->rcpts_total = cur_u32(c);
	ret->nrcpts = cur_u8(c);
	if (ret->nrcpts > SCAN_RCPTS_MAX)
		c->bad = true;
	if (!cur_ok(c))
		return;
	slice *v = ARENA_ARRAY(a, slice, ret->nrcpts + 1);
	for (size_t i = 0; i < ret->nrcpts; i++)
		v[i] = take_word(c);
	ret->rcpts = v;
}

static void take_signals(struct cur *c, struct arena *a, struct content_context *ret)
{
	unsigned n = cur_u8(c);
	if (!cur_ok(c) || n > SIGNALS_MAX) {
		c->bad = true;
		return;
	}
	struct signals *s = ARENA_NEW(a, struct signals);
	s->mem = a;
	for (unsigned i = 0; i < n && cur_ok(c); i++) {
		unsigned id = cur_u16(c);
		int32_t score = (int32_t)cur_u32(c);
		slice detail = take_word(c);
		if (id >= SIGNALS_KNOWN || score > SCORE_MAX * SCORE_UNIT ||
			score < -SCORE_MAX * SCORE_UNIT)
			c->bad = true;
		else
			signals_add_def(s, signal_def((enum signal_id)id),
				(float)score / SCORE_UNIT, detail);
	}
	ret->known = s;
}

static void take_context(struct cur *c, struct arena *a, struct content_context *ret)
{
	unsigned direction = cur_u8(c), bits = cur_u8(c);
	ret->now = cur_u64(c);
	ret->client_ip = take_word(c);
	ret->client_name = take_word(c);
	ret->helo = take_word(c);
	ret->sender = take_word(c);
	ret->login = take_word(c);
	take_rcpts(c, a, ret);
	take_signals(c, a, ret);
	if (direction > CONTENT_INTERNAL)
		c->bad = true;
	ret->direction = (enum content_direction)direction;
	ret->proven = bits & BIT_PROVEN;
	ret->verified = bits & BIT_VERIFIED;
	ret->wrote_before = bits & BIT_WROTE_BEFORE;
	ret->written_to = bits & BIT_WRITTEN_TO;
}

/* ---- requests ---- */

void scan_request_encode(struct buf *out, const struct scan_request *r)
{
	buf_u8(out, (uint8_t)r->job);
	if (r->job == SCAN_USE)
		buf_u8(out, (uint8_t)r->use);
	if (r->job != SCAN_MESSAGE && r->job != SCAN_TEXT && r->job != SCAN_SCRIPTS)
		return;
	buf_u8(out, (uint8_t)r->wishes);
	if (r->job == SCAN_MESSAGE)
		put_context(out, &r->context);
	buf_u32(out, r->lead_n);
	buf_u8(out, r->in_file);
	buf_u32(out, r->in_file ? r->from : (uint32_t)(r->lead.n + r->message.n));
	if (r->in_file)
		return;
	buf_put(out, r->lead);
	buf_put(out, r->message);
}

static void take_message(struct cur *c, struct scan_request *ret)
{
	ret->lead_n = cur_u32(c);
	ret->in_file = cur_u8(c);
	if (ret->in_file)
		ret->from = cur_u32(c);
	else
		ret->message = cur_str(c);
}

bool scan_request_decode(slice in, struct arena *a, struct scan_request *ret)
{
	struct cur c = cur_of(in);
	*ret = (struct scan_request){.job = cur_u8(&c)};
	switch (ret->job) {
	case SCAN_REPORT:
	case SCAN_PACK:
	case SCAN_REPORTED:
	case SCAN_BOUNCE:
		break;
	case SCAN_USE:
		ret->use = cur_u8(&c);
		if (ret->use >= SCAN_USES)
			return false;
		break;
	case SCAN_MESSAGE:
		ret->wishes = cur_u8(&c);
		take_context(&c, a, &ret->context);
		take_message(&c, ret);
		if (ret->wishes & ~(unsigned)WISHES || ret->from > SCAN_LEAD_MAX ||
			ret->lead_n > SCAN_LEAD_MAX)
			return false;
		break;
	case SCAN_SCRIPTS:
	case SCAN_TEXT:
		ret->wishes = cur_u8(&c);
		take_message(&c, ret);
		if (ret->wishes > CONTENT_TEXTS_FILES || ret->from > SCAN_LEAD_MAX)
			return false;
		break;
	default:
		return false;
	}
	return cur_ok(&c) && cur_at_end(&c);
}

/* ---- answers ---- */

void scan_answer_encode(struct buf *out, const struct scan_answer *w)
{
	buf_u64(out, w->from);
	buf_u64(out, w->n);
	buf_str(out, w->summary);
	buf_put(out, w->text);
}

bool scan_answer_decode(slice in, struct scan_answer *ret)
{
	struct cur c = cur_of(in);
	*ret = (struct scan_answer){0};
	ret->from = cur_u64(&c);
	ret->n = cur_u64(&c);
	ret->summary = cur_str(&c);
	ret->text = cur_rest(&c);
	return cur_ok(&c) && ret->n <= SCAN_ANSWER_MAX && ret->from <= INT64_MAX - ret->n;
}
