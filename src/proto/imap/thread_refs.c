/*
 * THREAD=REFERENCES (RFC 5256, "REFERENCES", steps 1 to 6): message ids are linked into trees, trees whose subjects are the same are put
 * together. Called by thread.c with one message after another. Linear but for sorting: looking for loops, which hostile
 * references could make expensive, has a budget; when it is spent, links that would have to be looked at are not made.
 * Nothing here is recursive: threads may be as deep as there are messages.
 */
#include "base/arena.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/must.h"
#include "proto/imap/search.h"
#include <stdio.h>

enum { LOOP_BUDGET = 50 * 1000 * 1000, REFERENCES_MAX = 100 };

struct node {
	struct node *parent, *first, *last, *next, *before; /* siblings: next, before */
	uint32_t uid; /* 0: a dummy */
	bool reply;
	int64_t sent;
	slice subject;
};
struct threads {
	struct arena mem;
	struct map ids; /* message id -> node */
	struct node root;
	struct node **all;
	size_t n, cap;
	struct node *refs[REFERENCES_MAX];
	size_t nrefs;
	uint64_t looked;
	struct node **scratch; /* for sorting */
};

struct threads *threads_new(void)
{
	return NEW(struct threads);
}

void threads_free(struct threads *t)
{
	if (!t)
		return;
	map_done(&t->ids);
	arena_done(&t->mem);
	free(t->all);
	free(t->scratch);
	free(t);
}

static struct node *new_node(struct threads *t)
{
	if (t->n == t->cap) {
		t->cap = t->cap ? 2 * t->cap : 256;
		t->all = mem_grow(t->all, t->cap * sizeof(struct node *));
	}
	return t->all[t->n++] = ARENA_NEW(&t->mem, struct node);
}

static struct node *of_id(struct threads *t, slice id)
{
	struct node *k = map_get(&t->ids, id);
	if (!k) {
		k = new_node(t);
		map_put(&t->ids, id, k);
	}
	return k;
}

static void unlink_node(struct node *k)
{
	struct node *p = k->parent;
	if (!p)
		return;
	*(k->before ? &k->before->next : &p->first) = k->next;
	*(k->next ? &k->next->before : &p->last) = k->before;
	k->parent = k->next = k->before = NULL;
}

static void link_last(struct node *p, struct node *k)
{
	k->parent = p;
	k->before = p->last;
	k->next = NULL;
	*(p->last ? &p->last->next : &p->first) = k;
	p->last = k;
}

/* Is k above p, or p itself? */
static bool would_loop(struct threads *t, const struct node *p, const struct node *k)
{
	if (p == k)
		return true;
	if (!k->first)
		return false;
	for (; p; p = p->parent)
		if (p == k || ++t->looked > LOOP_BUDGET)
			return true;
	return false;
}

/* ---- 1: by references ---- */

void threads_refer(struct threads *t, slice id)
{
	if (t->nrefs < REFERENCES_MAX && id.n)
		t->refs[t->nrefs++] = of_id(t, id);
}

void threads_add(struct threads *t, uint32_t uid, int64_t sent, slice id, slice subject, bool reply)
{
	struct node *k = id.n ? of_id(t, id) : new_node(t), *parent = NULL;
	if (k->uid)
		k = new_node(t); /* that id is taken: as if it had none */
	k->uid = uid;
	k->sent = sent;
	k->subject = arena_dup(&t->mem, subject);
	k->reply = reply;
	for (size_t i = 0; i < t->nrefs; i++) {
		if (parent && !t->refs[i]->parent && !would_loop(t, parent, t->refs[i]))
			link_last(parent, t->refs[i]);
		parent = t->refs[i];
	}
	t->nrefs = 0;
	if (k->parent && k->parent != parent)
		unlink_node(k);
	if (parent && k->parent != parent && !would_loop(t, parent, k))
		link_last(parent, k);
}

/* ---- 2, 3: the root; dummies go ---- */

static void gather(struct threads *t)
{
	for (size_t i = 0; i < t->n; i++)
		if (!t->all[i]->parent)
			link_last(&t->root, t->all[i]);
}

/* Its children in its place. */
static void replace_by_children(struct node *k)
{
	struct node *p = k->parent;
	for (struct node *c = k->first; c; c = c->next)
		c->parent = p;
	k->first->before = k->before;
	k->last->next = k->next;
	*(k->before ? &k->before->next : &p->first) = k->first;
	*(k->next ? &k->next->before : &p->last) = k->last;
	k->parent = k->first = k->last = k->next = k->before = NULL;
}

/* The node that is left behind k in a walk that comes to children before their parents. */
static struct node *deepest(struct node *k)
{
	while (k->first)
		k = k->first;
	return k;
}

static struct node *after(struct node *k)
{
	return k->next ? deepest(k->next) : k->parent;
}

static void prune(struct threads *t)
{
	struct node *k = deepest(&t->root), *next;
	for (; k != &t->root; k = next) {
		next = after(k);
		if (k->uid)
			continue;
		if (!k->first)
			unlink_node(k);
		else if (k->parent != &t->root || k->first == k->last)
			replace_by_children(k);
	}
}

/* ---- 4, 6: order ---- */

static int64_t date_of(const struct node *k)
{
	return k->uid || !k->first ? k->sent : k->first->sent;
}

static uint32_t uid_of(const struct node *k)
{
	return k->uid || !k->first ? k->uid : k->first->uid;
}

static int by_date(const void *a, const void *b)
{
	const struct node *x = *(struct node *const *)a, *y = *(struct node *const *)b;
	int64_t dx = date_of(x), dy = date_of(y);
	if (dx != dy)
		return dx < dy ? -1 : 1;
	return (uid_of(x) > uid_of(y)) - (uid_of(x) < uid_of(y));
}

static void sort_children(struct threads *t, struct node *p)
{
	size_t n = 0;
	if (p->first == p->last)
		return;
	for (struct node *c = p->first; c; c = c->next)
		t->scratch[n++] = c;
	qsort(t->scratch, n, sizeof(*t->scratch), by_date);
	p->first = p->last = NULL;
	for (size_t i = 0; i < n; i++)
		link_last(p, t->scratch[i]);
}

static void sort_top(struct threads *t)
{
	for (struct node *k = t->root.first; k; k = k->next)
		if (!k->uid)
			sort_children(t, k);
	sort_children(t, &t->root);
}

/* ---- 5: by subject ---- */

static slice subject_of(const struct node *k)
{
	return k->uid ? k->subject : k->first->subject;
}

static bool is_reply(const struct node *k)
{
	return k->uid && k->reply;
}

static void note_subjects(struct threads *t, struct map *subjects)
{
	for (struct node *k = t->root.first; k; k = k->next) {
		slice subject = subject_of(k);
		if (!subject.n)
			continue;
		struct node *have = map_get(subjects, subject);
		if (!have || (have->uid && (!k->uid || (is_reply(have) && !is_reply(k)))))
			map_put(subjects, subject, k);
	}
}

static void put_in_place(struct node *old, struct node *k)
{
	struct node *p = old->parent;
	k->parent = p;
	k->before = old->before;
	k->next = old->next;
	*(k->before ? &k->before->next : &p->first) = k;
	*(k->next ? &k->next->before : &p->last) = k;
	old->parent = old->next = old->before = NULL;
}

static void merge(struct threads *t, struct map *subjects, struct node *have, struct node *k)
{
	unlink_node(k);
	if (!have->uid && !k->uid) {
		for (struct node *c; (c = k->first);) {
			unlink_node(c);
			link_last(have, c);
		}
	} else if (!have->uid || (is_reply(k) && !is_reply(have))) {
		link_last(have, k);
	} else {
		struct node *dummy = new_node(t);
		slice subject = subject_of(have);
		put_in_place(have, dummy);
		link_last(dummy, have);
		link_last(dummy, k);
		map_put(subjects, subject, dummy);
	}
}

static void by_subject(struct threads *t)
{
	struct map subjects = {0};
	note_subjects(t, &subjects);
	for (struct node *k = t->root.first, *next; k; k = next) {
		next = k->next;
		slice subject = subject_of(k);
		struct node *have = subject.n ? map_get(&subjects, subject) : k;
		if (have != k)
			merge(t, &subjects, have, k);
	}
	map_done(&subjects);
}

/* ---- the answer ---- */

struct printing {
	struct buf out;
	uint32_t (*number)(void *arg, uint32_t uid);
	void (*put)(void *arg, slice text);
	void *arg;
};

static void hand_on(struct printing *p)
{
	p->put(p->arg, buf_slice(&p->out));
	buf_reset(&p->out);
}

/* A thread (RFC 5256 5): an only child stands in its parent's parentheses, several have their own. */
static void print_from(struct printing *p, const struct node *top)
{
	const struct node *k = top;
	buf_byte(&p->out, '(');
	for (;;) {
		if (k->uid)
			buf_printf(&p->out, "%u", p->number(p->arg, k->uid));
		if (p->out.n > 16384)
			hand_on(p);
		if (k->first) {
			if (k->uid)
				buf_byte(&p->out, ' ');
			if (k->first != k->last)
				buf_byte(&p->out, '(');
			k = k->first;
			continue;
		}
		while (k != top && !k->next) {
			if (k->parent->first != k->parent->last)
				buf_byte(&p->out, ')');
			k = k->parent;
		}
		if (k == top)
			break;
		buf_put(&p->out, S(")("));
		k = k->next;
	}
	buf_byte(&p->out, ')');
}

void threads_print(struct threads *t, uint32_t (*number)(void *arg, uint32_t uid),
	void (*put)(void *arg, slice text), void *arg)
{
	struct printing p = {.out = BUF(1 << 20), .number = number, .put = put, .arg = arg};
	gather(t);
	t->scratch = mem_alloc((2 * t->n + 1) * sizeof(*t->scratch));
	prune(t);
	sort_top(t);
	by_subject(t);
	for (size_t i = 0; i < t->n; i++)
		sort_children(t, t->all[i]);
	sort_children(t, &t->root);
	for (const struct node *k = t->root.first; k; k = k->next)
		print_from(&p, k);
	hand_on(&p);
	buf_done(&p.out);
}
