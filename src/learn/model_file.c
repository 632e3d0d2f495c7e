/*
 * The file of a model: weights of the linear model and how it is calibrated.
 *
 *	8 bytes "PHLEARN2", u16 version of the features, u8 bits, f32 scale, f32 bias, u8 how many
 *	groups, for each f32 gain; u32 n,
 *	n times: gap to the last place as a variable-length number (7 bits a byte, lowest first),
 *	one byte weight; string: learn_fuse_write; u32 CRC-32C of all before it.
 *
 * Read by the scanner from a file of the package or of the site's store, written by the trainer.
 */
#include "learn/model.h"

#include "base/cur.h"
#include "base/hash.h"
#include "base/mem.h"
#include <math.h>

static const slice magic = S_INIT("PHLEARN2");

static void put_number(struct buf *out, uint32_t v)
{
	for (; v >= 128; v >>= 7)
		buf_u8(out, (uint8_t)(v | 128));
	buf_u8(out, (uint8_t)v);
}

static uint32_t get_number(struct cur *c)
{
	uint32_t v = 0;
	for (unsigned shift = 0; shift < 28; shift += 7) {
		uint8_t b = cur_u8(c);
		v |= (uint32_t)(b & 127) << shift;
		if (!(b & 128))
			return v;
	}
	c->bad = true;
	return 0;
}

static void put_weights(const struct learn_weights *w, struct buf *out)
{
	uint32_t count = 0, next = 0, size = 1u << w->bits;
	for (uint32_t i = 0; i < size; i++)
		count += w->w[i] != 0;
	buf_u8(out, (uint8_t)w->bits);
	buf_f32(out, w->scale);
	buf_f32(out, w->bias);
	buf_u8(out, LEARN_GROUPS);
	for (unsigned g = 0; g < LEARN_GROUPS; g++)
		buf_f32(out, w->gain[g]);
	buf_u32(out, count);
	for (uint32_t i = 0; i < size; i++) {
		if (!w->w[i])
			continue;
		put_number(out, i - next);
		buf_u8(out, (uint8_t)w->w[i]);
		next = i + 1;
	}
}

void learn_model_write(const struct learn_model *m, struct buf *out)
{
	size_t from = out->n;
	AUTO(buf) struct buf fuse = BUF(4096);
	buf_put(out, magic);
	buf_u16(out, LEARN_FEATURES_VERSION);
	put_weights(&m->weights, out);
	learn_fuse_write(&m->fuse, &fuse);
	buf_str(out, buf_slice(&fuse));
	buf_u32(out, crc32c(0, slice_of(out->p + from, out->n - from)));
}

static bool get_gains(struct cur *c, float ret[LEARN_GROUPS])
{
	if (cur_u8(c) != LEARN_GROUPS)
		return false;
	for (unsigned g = 0; g < LEARN_GROUPS; g++) {
		ret[g] = cur_f32(c);
		if (!(ret[g] >= 0 && ret[g] <= LEARN_GAIN_MAX))
			return false;
	}
	return true;
}

static bool get_weights(struct cur *c, struct learn_weights *w)
{
	w->bits = cur_u8(c);
	w->scale = cur_f32(c);
	w->bias = cur_f32(c);
	if (!get_gains(c, w->gain))
		return false;
	uint32_t n = cur_u32(c), at = 0;
	if (w->bits < LEARN_BITS_MIN || w->bits > LEARN_BITS_MAX || n > 1u << w->bits ||
		n > cur_rest(c).n / 2 || !isfinite(w->scale) || w->scale <= 0 || !isfinite(w->bias))
		return false;
	w->w = mem_alloc((size_t)1 << w->bits);
	for (uint32_t i = 0; i < n; i++) {
		at += get_number(c);
		if (!cur_ok(c) || at >= 1u << w->bits)
			return false;
		w->w[at++] = (int8_t)cur_u8(c);
	}
	return cur_ok(c);
}

int learn_model_read(slice file, struct learn_model *ret, struct err *e)
{
	AUTO(learn_model) struct learn_model m = {0};
	if (!slice_starts(file, magic) || file.n < magic.n + 4)
		return err_set(e, ERR_PROTO, "not a model");
	slice body = slice_first(file, file.n - 4);
	struct cur c = cur_of(slice_skip(file, body.n));
	if (cur_u32(&c) != crc32c(0, body))
		return err_set(e, ERR_PROTO, "the model is damaged");
	c = cur_of(slice_skip(body, magic.n));
	unsigned version = cur_u16(&c);
	if (version != LEARN_FEATURES_VERSION)
		return err_set(e, ERR_PROTO, "the model is for features of version %u, not %u",
			version, LEARN_FEATURES_VERSION);
	if (!get_weights(&c, &m.weights))
		return err_set(e, ERR_PROTO, "the model's weights are damaged");
	slice fuse = cur_str(&c);
	if (!cur_ok(&c) || !cur_at_end(&c))
		return err_set(e, ERR_PROTO, "the model has a wrong length");
	if (learn_fuse_read(fuse, &m.fuse, e) < 0)
		return -1;
	*ret = m;
	m.weights.w = NULL;
	return 0;
}

void learn_model_done(struct learn_model *m)
{
	learn_weights_done(&m->weights);
}
