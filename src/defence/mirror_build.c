/*
 * Building the content of a list (mirror_data.h): entries are collected, sorted, and made into
 * ranges that do not overlap, where the most specific entry has won. Called by rbldnsd.c and
 * axfr.c, in a thread of the pool: millions of entries take a second.
 */
#include "defence/mirror_format.h"

#include "base/arena.h"
#include "base/hash.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/rand.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

enum { GROW = 1024 };

struct entry4 {
	uint32_t low, order;
	uint16_t code; /* index */
	uint8_t bits;
};
struct entry6 {
	uint8_t low[16];
	uint32_t order;
	uint16_t code;
	uint8_t bits;
};
struct name {
	uint64_t hash;
	uint32_t order;
	uint16_t code;
	uint8_t how;
};

struct mirror_builder {
	uint64_t seed[2];
	struct entry4 *v4;
	struct entry6 *v6;
	struct name *names;
	size_t n4, cap4, n6, cap6, nn, capn;
	uint32_t *codes; /* codes[0] is 0: not listed */
	size_t ncodes, capc;
	struct map index; /* code -> index */
};

struct mirror_builder *mirror_builder_new(void)
{
	struct mirror_builder *b = NEW(struct mirror_builder);
	rand_bytes(b->seed, sizeof b->seed);
	b->codes = mem_alloc(GROW * sizeof *b->codes);
	b->capc = GROW;
	b->ncodes = 1;
	return b;
}

void mirror_builder_free(struct mirror_builder *b)
{
	if (!b)
		return;
	map_done(&b->index);
	free(b->v4);
	free(b->v6);
	free(b->names);
	free(b->codes);
	free(b);
}

uint64_t mirror_builder_entries(const struct mirror_builder *b)
{
	return b->n4 + b->n6 + b->nn;
}

/* ---- collecting ---- */

static void *grown(void *old, size_t n, size_t *cap, size_t size)
{
	if (n < *cap)
		return old;
	*cap = *cap ? *cap + *cap / 2 : GROW;
	return mem_grow(old, *cap * size);
}

static bool code_index(struct mirror_builder *b, uint32_t code, uint16_t *ret)
{
	slice key = slice_of(&code, sizeof code);
	if (!code) {
		*ret = 0;
		return true;
	}
	uintptr_t found = (uintptr_t)map_get(&b->index, key);
	if (!found) {
		if (b->ncodes >= MIRROR_CODES_MAX)
			return false;
		b->codes = grown(b->codes, b->ncodes, &b->capc, sizeof *b->codes);
		found = b->ncodes;
		b->codes[b->ncodes++] = code;
		map_put(&b->index, key, (void *)found);
	}
	*ret = (uint16_t)found;
	return true;
}

static uint32_t mask4(unsigned bits)
{
	return bits ? UINT32_MAX << (32 - bits) : 0;
}

bool mirror_add_ip4(struct mirror_builder *b, uint32_t low, unsigned bits, uint32_t code)
{
	uint16_t index;
	if (bits > 32 || mirror_builder_entries(b) >= MIRROR_ENTRIES_MAX ||
		!code_index(b, code, &index))
		return false;
	b->v4 = grown(b->v4, b->n4, &b->cap4, sizeof *b->v4);
	b->v4[b->n4] = (struct entry4){low & mask4(bits), (uint32_t)b->n4, index, (uint8_t)bits};
	b->n4++;
	return true;
}

/* A range is a few prefixes: what nests can be sorted out by a stack. */
bool mirror_add_range4(struct mirror_builder *b, uint32_t low, uint32_t high, uint32_t code)
{
	uint64_t at = low;
	while (at <= high) {
		unsigned bits = 32;
		while (bits > 0) {
			uint64_t size = 1ULL << (32 - (bits - 1));
			if (at % size || at + size - 1 > high)
				break;
			bits--;
		}
		if (!mirror_add_ip4(b, (uint32_t)at, bits, code))
			return false;
		at += 1ULL << (32 - bits);
	}
	return true;
}

static void mask6(uint8_t ip[16], unsigned bits)
{
	for (unsigned i = 0; i < 16; i++) {
		unsigned here = bits > i * 8 ? bits - i * 8 : 0;
		ip[i] &= here >= 8 ? 0xff : (uint8_t)(0xff00 >> here);
	}
}

static void end6(const uint8_t low[16], unsigned bits, uint8_t ret[16])
{
	for (unsigned i = 0; i < 16; i++) {
		unsigned here = bits > i * 8 ? bits - i * 8 : 0;
		ret[i] = low[i] | (here >= 8 ? 0 : (uint8_t) ~(0xff00 >> here));
	}
}

bool mirror_add_ip6(struct mirror_builder *b, const uint8_t ip[16], unsigned bits, uint32_t code)
{
	uint16_t index;
	if (bits > 128 || mirror_builder_entries(b) >= MIRROR_ENTRIES_MAX ||
		!code_index(b, code, &index))
		return false;
	b->v6 = grown(b->v6, b->n6, &b->cap6, sizeof *b->v6);
	struct entry6 *v = &b->v6[b->n6];
	memset(v, 0, sizeof *v);
	memcpy(v->low, ip, 16);
	mask6(v->low, bits);
	v->order = (uint32_t)b->n6++;
	v->code = index;
	v->bits = (uint8_t)bits;
	return true;
}

uint64_t mirror_hash(const uint64_t seed[2], slice name)
{
	char lower[256];
	if (name.n && name.p[name.n - 1] == '.')
		name.n--;
	name = slice_first(name, sizeof lower);
	for (size_t i = 0; i < name.n; i++)
		lower[i] = ascii_lower(name.p[i]);
	return hash_with(seed, slice_of(lower, name.n));
}

bool mirror_add_name(struct mirror_builder *b, slice name, unsigned how, uint32_t code)
{
	uint16_t index;
	if (name.n == 0 || name.n > 254 || mirror_builder_entries(b) >= MIRROR_ENTRIES_MAX ||
		!code_index(b, code, &index))
		return false;
	b->names = grown(b->names, b->nn, &b->capn, sizeof *b->names);
	b->names[b->nn] =
		(struct name){mirror_hash(b->seed, name), (uint32_t)b->nn, index, (uint8_t)how};
	b->nn++;
	return true;
}

/* ---- sorting: by the lower end, wide before narrow, as they came ---- */

#define CMP(x, y) (((x) > (y)) - ((x) < (y)))

static int by_place4(const void *x, const void *y)
{
	const struct entry4 *a = x, *b = y;
	if (a->low != b->low)
		return CMP(a->low, b->low);
	return a->bits != b->bits ? CMP(a->bits, b->bits) : CMP(a->order, b->order);
}

static int by_place6(const void *x, const void *y)
{
	const struct entry6 *a = x, *b = y;
	int d = memcmp(a->low, b->low, 16);
	if (d)
		return d;
	return a->bits != b->bits ? CMP(a->bits, b->bits) : CMP(a->order, b->order);
}

static int by_hash(const void *x, const void *y)
{
	const struct name *a = x, *b = y;
	return a->hash != b->hash ? CMP(a->hash, b->hash) : CMP(a->order, b->order);
}

/* ---- ranges that do not overlap ---- */

struct out4 {
	uint32_t *low, *high;
	uint16_t *code;
	size_t n, cap;
};

static void emit4(struct out4 *o, uint64_t low, uint64_t high, uint16_t code)
{
	if (low > high || !code)
		return;
	if (o->n && o->high[o->n - 1] + 1ULL == low && o->code[o->n - 1] == code) {
		o->high[o->n - 1] = (uint32_t)high;
		return;
	}
	if (o->n == o->cap) {
		o->cap = o->cap ? o->cap + o->cap / 2 : GROW;
		o->low = mem_grow(o->low, o->cap * sizeof *o->low);
		o->high = mem_grow(o->high, o->cap * sizeof *o->high);
		o->code = mem_grow(o->code, o->cap * sizeof *o->code);
	}
	o->low[o->n] = (uint32_t)low;
	o->high[o->n] = (uint32_t)high;
	o->code[o->n++] = code;
}

/* Prefixes nest or are apart: a stack of those that are open; the top one holds from `at` on. */
static void flatten4(struct mirror_builder *b, struct out4 *o)
{
	struct {
		uint64_t high;
		uint16_t code;
	} open[34];
	int depth = 0;
	uint64_t at = 0;
	if (b->n4)
		qsort(b->v4, b->n4, sizeof *b->v4, by_place4);
	for (size_t i = 0; i < b->n4; i++) {
		const struct entry4 *v = &b->v4[i];
		if (i && v[-1].low == v->low && v[-1].bits == v->bits)
			continue; /* the same again */
		for (; depth && open[depth - 1].high < v->low; depth--) {
			emit4(o, at, open[depth - 1].high, open[depth - 1].code);
			at = open[depth - 1].high + 1;
		}
		if (depth)
			emit4(o, at, (uint64_t)v->low - 1, open[depth - 1].code);
		at = v->low;
		open[depth].high = v->low | (uint64_t)~mask4(v->bits);
		open[depth++].code = v->code;
	}
	for (; depth; depth--) {
		emit4(o, at, open[depth - 1].high, open[depth - 1].code);
		at = open[depth - 1].high + 1;
	}
}

struct out6 {
	uint8_t (*low)[16], (*high)[16];
	uint16_t *code;
	size_t n, cap;
};

static void step6(uint8_t ip[16], int by)
{
	for (int i = 15; i >= 0; i--) {
		ip[i] = (uint8_t)(ip[i] + by);
		if (ip[i] != (by > 0 ? 0 : 0xff))
			break;
	}
}

static void emit6(struct out6 *o, const uint8_t low[16], const uint8_t high[16], uint16_t code)
{
	if (!code || memcmp(low, high, 16) > 0)
		return;
	if (o->n == o->cap) {
		o->cap = o->cap ? o->cap + o->cap / 2 : GROW;
		o->low = mem_grow(o->low, o->cap * 16);
		o->high = mem_grow(o->high, o->cap * 16);
		o->code = mem_grow(o->code, o->cap * sizeof *o->code);
	}
	memcpy(o->low[o->n], low, 16);
	memcpy(o->high[o->n], high, 16);
	o->code[o->n++] = code;
}

struct open6 {
	uint8_t high[16];
	uint16_t code;
};

/* Ends the innermost open prefix. False: it ends with the last address of all. */
static bool close6(struct out6 *o, uint8_t at[16], const struct open6 *top)
{
	static const uint8_t last[16] = {
		255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255};
	emit6(o, at, top->high, top->code);
	if (memcmp(top->high, last, 16) == 0)
		return false;
	memcpy(at, top->high, 16);
	step6(at, 1);
	return true;
}

static void flatten6(struct mirror_builder *b, struct out6 *o)
{
	struct open6 open[130];
	int depth = 0;
	uint8_t at[16] = {0}, before[16];
	if (b->n6)
		qsort(b->v6, b->n6, sizeof *b->v6, by_place6);
	for (size_t i = 0; i < b->n6; i++) {
		const struct entry6 *v = &b->v6[i];
		if (i && memcmp(v[-1].low, v->low, 16) == 0 && v[-1].bits == v->bits)
			continue;
		for (; depth && memcmp(open[depth - 1].high, v->low, 16) < 0; depth--)
			close6(o, at, &open[depth - 1]);
		if (depth && memcmp(at, v->low, 16) < 0) {
			memcpy(before, v->low, 16);
			step6(before, -1);
			emit6(o, at, before, open[depth - 1].code);
		}
		memcpy(at, v->low, 16);
		end6(v->low, v->bits, open[depth].high);
		open[depth++].code = v->code;
	}
	while (depth && close6(o, at, &open[depth - 1]))
		depth--;
}

/* Equal names become one: each of its two meanings has the code that came first. A name with two
 * codes stays two. */
static void unite_names(struct mirror_builder *b)
{
	size_t n = 0;
	if (b->nn)
		qsort(b->names, b->nn, sizeof *b->names, by_hash);
	for (size_t i = 0; i < b->nn; i++) {
		struct name v = b->names[i];
		for (size_t k = n; k-- > 0 && b->names[k].hash == v.hash;)
			v.how &= (uint8_t)~b->names[k].how;
		if (v.how)
			b->names[n++] = v;
	}
	b->nn = n;
}

/* ---- the file ---- */

static bool put(FILE *f, const void *p, size_t size, size_t n)
{
	return n == 0 || fwrite(p, size, n, f) == n;
}

static bool put_names(FILE *f, const struct mirror_builder *b, int what)
{
	bool ok = true;
	for (size_t i = 0; ok && i < b->nn; i++)
		ok = what == 0   ? put(f, &b->names[i].hash, 8, 1)
		     : what == 1 ? put(f, &b->names[i].code, 2, 1)
				 : put(f, &b->names[i].how, 1, 1);
	return ok;
}

static bool put_all(
	FILE *f, const struct mirror_builder *b, const struct out4 *v4, const struct out6 *v6)
{
	struct mirror_head h = {.n4 = v4->n, .n6 = v6->n, .names = b->nn, .codes = b->ncodes};
	memcpy(h.magic, MIRROR_MAGIC, sizeof h.magic);
	memcpy(h.seed, b->seed, sizeof h.seed);
	h.size = mirror_layout(&h).end;
	return put(f, &h, sizeof h, 1) && put_names(f, b, 0) && put(f, v6->low, 16, v6->n) &&
	       put(f, v6->high, 16, v6->n) && put(f, v4->low, 4, v4->n) &&
	       put(f, v4->high, 4, v4->n) && put(f, b->codes, 4, b->ncodes) &&
	       put(f, v4->code, 2, v4->n) && put(f, v6->code, 2, v6->n) && put_names(f, b, 1) &&
	       put_names(f, b, 2);
}

static int write_file(const struct mirror_builder *b, const struct out4 *v4, const struct out6 *v6,
	slice path, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	const char *name = arena_strz(&a, path);
	const char *temp = arena_strz(&a, arena_printf(&a, "%s.new", name));
	FILE *f = fopen(temp, "we");
	if (!f)
		return err_sys(e, errno, "%s", temp);
	bool ok = put_all(f, b, v4, v6) && fflush(f) == 0 && fdatasync(fileno(f)) == 0;
	int sys = errno;
	fclose(f);
	if (ok && rename(temp, name) == 0)
		return 0;
	sys = ok ? errno : sys;
	unlink(temp);
	return err_sys(e, sys, "%s", name);
}

int mirror_write(struct mirror_builder *b, slice path, struct err *e)
{
	struct out4 v4 = {0};
	struct out6 v6 = {0};
	flatten4(b, &v4);
	flatten6(b, &v6);
	unite_names(b);
	int r = write_file(b, &v4, &v6, path, e);
	free(v4.low);
	free(v4.high);
	free(v4.code);
	free(v6.low);
	free(v6.high);
	free(v6.code);
	return r;
}
