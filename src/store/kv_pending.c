/*
 * Changes that wait for their transaction, by key (kv.c adds, kv_write.c makes them): repeated
 * additions to one number are one change, a put makes what came before needless.
 */
#include "store/kv_impl.h"

struct kv_pending *kv_pending_of(struct kv_batch *b, slice key)
{
	struct kv_pending *p = map_get(&b->by_key, key);
	if (p)
		return p;
	p = ARENA_NEW(&b->mem, struct kv_pending);
	p->key = arena_dup(&b->mem, key);
	map_put(&b->by_key, key, p);
	if (b->last)
		b->last->next = p;
	else
		b->first = p;
	b->last = p;
	b->n++;
	return p;
}

static struct kv_pending *replace(struct kv_batch *b, slice key)
{
	struct kv_pending *p = kv_pending_of(b, key);
	p->replaces = true;
	p->has_value = p->adds = false;
	p->add = 0;
	p->first = p->last = NULL;
	return p;
}

void kv_pending_put(struct kv_batch *b, slice key, slice value, int64_t ends)
{
	struct kv_pending *p = replace(b, key);
	p->has_value = true;
	p->value = arena_dup(&b->mem, value);
	p->ends = ends;
	b->n++; /* its bytes stay in the arena even when it is replaced again */
}

void kv_pending_delete(struct kv_batch *b, slice key)
{
	replace(b, key);
}

void kv_pending_add(struct kv_batch *b, slice key, int64_t n, int64_t ends)
{
	struct kv_pending *p = kv_pending_of(b, key);
	if (__builtin_add_overflow(p->add, n, &p->add))
		p->add = n > 0 ? INT64_MAX : INT64_MIN;
	if (!p->adds && !p->has_value)
		p->ends = ends;
	p->adds = true;
}

void kv_pending_update(struct kv_batch *b, slice key, kv_change change, slice arg, int64_t ends)
{
	struct kv_pending *p = kv_pending_of(b, key);
	struct kv_task *t = ARENA_NEW(&b->mem, struct kv_task);
	t->change = change;
	t->arg = arena_dup(&b->mem, arg);
	if (p->last)
		p->last->next = t;
	else
		p->first = t;
	p->last = t;
	p->ends = ends;
	b->n++;
}

void kv_batch_done(struct kv_batch *b)
{
	map_done(&b->by_key);
	arena_done(&b->mem);
	*b = (struct kv_batch){0};
}

slice kv_number_text(int64_t v, char out[8])
{
	for (int i = 7; i >= 0; i--, v = (int64_t)((uint64_t)v >> 8))
		out[i] = (char)(v & 0xff);
	return slice_of(out, 8);
}

int64_t kv_number(slice value)
{
	uint64_t v = 0;
	if (value.n != 8)
		return 0;
	for (size_t i = 0; i < 8; i++)
		v = v << 8 | (unsigned char)value.p[i];
	return (int64_t)v;
}

static void apply_add(const struct kv_pending *p, struct kv_record *rec, struct buf *out)
{
	char text[8];
	int64_t sum;
	if (!rec->value.p)
		rec->ends = p->ends;
	if (__builtin_add_overflow(kv_number(rec->value), p->add, &sum))
		sum = p->add > 0 ? INT64_MAX : INT64_MIN;
	buf_reset(out);
	buf_put(out, kv_number_text(sum, text));
	rec->value = buf_slice(out);
}

void kv_pending_apply(
	const struct kv_pending *p, struct kv_record *rec, struct buf *out, struct buf *spare)
{
	if (p->replaces)
		*rec = (struct kv_record){
			p->has_value ? p->value : (slice){0}, p->has_value ? p->ends : 0};
	if (p->adds)
		apply_add(p, rec, out);
	struct buf *to = rec->value.p == out->p ? spare : out;
	for (const struct kv_task *t = p->first; t; t = t->next) {
		buf_reset(to);
		t->change(rec->value, t->arg, to);
		if (!buf_ok(to)) { /* longer than a value may be: as if it were not asked */
			kv_count_dropped(1);
			continue;
		}
		rec->value = to->n ? buf_slice(to) : (slice){0};
		rec->ends = p->ends;
		to = to == out ? spare : out;
	}
}
