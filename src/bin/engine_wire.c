/* Encoding of requests to the engine process and of its answers (engine_wire.h). */
#include "bin/engine_wire.h"

#include "base/cur.h"

enum { BIT_INFECTED = 1, BIT_HOLD = 2, BIT_DEFER = 4, BIT_NONE = 8, BITS_ALL = 15 };

void engine_request_encode(struct buf *out, const struct engine_request *r)
{
	buf_u8(out, (uint8_t)r->ask);
	if (r->ask == ENGINE_VERSION)
		return;
	buf_u8(out, (uint8_t)r->purpose);
	buf_u64(out, r->from);
	buf_u64(out, r->size);
	buf_u64(out, r->within > 0 ? (uint64_t)r->within : 0);
	buf_str(out, slice_first(r->name, ENGINE_NAME_MAX));
}

static bool is_purpose(unsigned p)
{
	return p && p <= ENGINE_AGAIN && (p & (p - 1)) == 0;
}

bool engine_request_decode(slice in, struct engine_request *ret)
{
	struct cur c = cur_of(in);
	struct engine_request r = {.ask = cur_u8(&c)};
	if (r.ask == ENGINE_SCAN) {
		r.purpose = cur_u8(&c);
		r.from = cur_u64(&c);
		r.size = cur_u64(&c);
		uint64_t within = cur_u64(&c);
		r.name = cur_str(&c);
		r.within = within < (uint64_t)HOUR ? (int64_t)within : HOUR;
		if (!is_purpose(r.purpose) || r.name.n > ENGINE_NAME_MAX || r.from > INT64_MAX ||
			r.size > INT64_MAX - r.from)
			return false;
	} else if (r.ask != ENGINE_VERSION) {
		return false;
	}
	if (!cur_ok(&c) || !cur_at_end(&c))
		return false;
	*ret = r;
	return true;
}

void engine_answer_encode(struct buf *out, const struct engines_answer *w)
{
	buf_u8(out, (uint8_t)((w->infected ? BIT_INFECTED : 0) | (w->hold ? BIT_HOLD : 0) |
			      (w->defer ? BIT_DEFER : 0) | (w->none ? BIT_NONE : 0)));
	buf_str(out, w->virus);
	buf_str(out, w->failed);
}

bool engine_answer_decode(slice in, struct engines_answer *ret)
{
	struct cur c = cur_of(in);
	unsigned bits = cur_u8(&c);
	struct engines_answer w = {.infected = bits & BIT_INFECTED,
		.hold = bits & BIT_HOLD,
		.defer = bits & BIT_DEFER,
		.none = bits & BIT_NONE};
	w.virus = cur_str(&c);
	w.failed = cur_str(&c);
	if (!cur_ok(&c) || !cur_at_end(&c) || bits & ~(unsigned)BITS_ALL ||
		w.infected != (w.virus.n > 0))
		return false;
	*ret = w;
	return true;
}
