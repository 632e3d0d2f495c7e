/*
 * STORE, EXPUNGE and their UID forms (RFC 9051 6.4.3, 6.4.6, 6.4.9; UNCHANGEDSINCE: RFC 7162 3.1.3). What was changed is told by
 * tell.c, as any other change; here only what it does not see: messages that were like that already, and with .SILENT the
 * new modseq for those who keep track of it. Also what a command has told itself, so that it is not told twice.
 */
#include "base/mem.h"
#include "proto/imap/session.h"
#include <stdio.h>

enum { FRESH_MAX = 4096 /* messages of a FETCH that are remembered; others may be told twice */ };

struct imap_told {
	struct imap_told *next;
	uint64_t modseq;
	struct uidset uids; /* ranges in s->mem */
};
/* Told by FETCH as they are now, which is newer than what the view knows. By UID. */
struct imap_fresh {
	size_t n, cap;
	struct fresh {
		uint32_t uid;
		uint64_t modseq;
	} * v;
};

void imap_tell_not(struct imap *s, const struct uidset *uids, uint64_t modseq)
{
	if (!uids->count)
		return;
	struct imap_told *t = ARENA_NEW(&s->mem, struct imap_told);
	t->uids.v = ARENA_ARRAY(&s->mem, struct uidrange, uids->n);
	memcpy(t->uids.v, uids->v, uids->n * sizeof(*uids->v));
	t->uids.n = t->uids.cap = uids->n;
	t->uids.count = uids->count;
	t->modseq = modseq;
	t->next = s->told;
	s->told = t;
}

void imap_tell_not_again(struct imap *s, const struct mailbox_message *m)
{
	struct imap_fresh *f = s->fresh;
	if (!f)
		f = s->fresh = ARENA_NEW(&s->mem, struct imap_fresh);
	if (f->n == FRESH_MAX || (f->n && f->v[f->n - 1].uid >= m->uid))
		return;
	if (f->n == f->cap) {
		f->cap = f->cap ? 2 * f->cap : 8;
		struct fresh *v = ARENA_ARRAY(&s->mem, struct fresh, f->cap);
		if (f->n)
			memcpy(v, f->v, f->n * sizeof *v);
		f->v = v;
	}
	f->v[f->n++] = (struct fresh){m->uid, m->modseq};
}

static bool is_fresh(const struct imap_fresh *f, const struct mailbox_message *m)
{
	size_t lo = 0, hi = f->n;
	while (lo < hi) {
		size_t mid = (lo + hi) / 2;
		if (f->v[mid].uid < m->uid)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < f->n && f->v[lo].uid == m->uid && f->v[lo].modseq == m->modseq;
}

bool imap_was_told(const struct imap *s, const struct mailbox_message *m)
{
	for (const struct imap_told *t = s->told; t; t = t->next)
		if (t->modseq == m->modseq && uidset_has(&t->uids, m->uid))
			return true;
	return s->fresh && is_fresh(s->fresh, m);
}

struct store {
	slice set;
	struct box_store how;
	bool silent, conditional;
	struct uidset uids, changed, failed;
};

static bool how(struct imap_reader *r, struct store *t)
{
	static const struct {
		const char *name;
		enum mailbox_flags_how how;
		bool silent;
	} names[] = {
		{"FLAGS", MAILBOX_FLAGS_SET, false},
		{"+FLAGS", MAILBOX_FLAGS_ADD, false},
		{"-FLAGS", MAILBOX_FLAGS_REMOVE, false},
		{"FLAGS.SILENT", MAILBOX_FLAGS_SET, true},
		{"+FLAGS.SILENT", MAILBOX_FLAGS_ADD, true},
		{"-FLAGS.SILENT", MAILBOX_FLAGS_REMOVE, true},
	};
	slice word;
	if (!imap_word(r, "", &word))
		return false;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (!imap_is(word, names[i].name))
			continue;
		t->how.how = names[i].how;
		t->silent = names[i].silent;
		return true;
	}
	return imap_wrong(r, "FLAGS, +FLAGS or -FLAGS is expected");
}

static bool modifiers(struct imap_reader *r, struct store *t)
{
	if (!imap_accept(r, '('))
		return true;
	do {
		slice word;
		if (!imap_atom(r, &word))
			return false;
		if (!imap_is(word, "UNCHANGEDSINCE"))
			return imap_wrong(r, "a modifier that STORE knows is expected");
		if (!imap_space(r) || !imap_number(r, INT64_MAX, &t->how.unchanged_since))
			return false;
		t->conditional = true;
	} while (imap_accept(r, ' '));
	return imap_char(r, ')') && imap_space(r);
}

static bool store_args(struct imap *s, struct store *t)
{
	struct imap_reader *r = &s->in;
	t->how.unchanged_since = UINT64_MAX;
	return imap_space(r) && imap_set(r, &t->set) && imap_space(r) && modifiers(r, t) &&
	       how(r, t) && imap_space(r) &&
	       imap_flag_list(r, false, &t->how.flags, &t->how.keywords) && imap_end(r);
}

/* As many as one transaction takes, off the front of *rest. */
static void next_batch(struct uidset *rest, struct uidset *ret)
{
	uidset_done(ret);
	uidset_copy(ret, rest);
	if (rest->count <= MAILBOX_BATCH) {
		uidset_done(rest);
		return;
	}
	uint32_t last = uidset_at(rest, MAILBOX_BATCH - 1);
	uidset_remove(ret, last + 1, UINT32_MAX);
	uidset_remove(rest, 1, last);
}

/* .SILENT, for who keeps track of modseq: RFC 7162 3.1.3, example 8. */
static void tell_modseq(struct imap *s, const struct uidset *changed, uint64_t modseq)
{
	for (uint32_t u = 0; !s->lost && u < UINT32_MAX && (u = uidset_next(changed, u + 1));) {
		if (imap_has(s, IMAP_UIDONLY))
			imap_printf(s, "* %u UIDFETCH (MODSEQ (%llu))\r\n", u,
				(unsigned long long)modseq);
		else if (s->uid || imap_has(s, IMAP_QRESYNC))
			imap_printf(s, "* %u FETCH (UID %u MODSEQ (%llu))\r\n",
				imap_number_of(s, u), u, (unsigned long long)modseq);
		else
			imap_printf(s, "* %u FETCH (MODSEQ (%llu))\r\n", imap_number_of(s, u),
				(unsigned long long)modseq);
	}
}

static int batches(struct imap *s, struct store *t, struct err *e)
{
	AUTO(uidset) struct uidset rest = {0}, batch = {0};
	uidset_copy(&rest, &t->uids);
	int r = 0;
	while (rest.count && !r && !s->lost) {
		AUTO(uidset) struct uidset changed = {0}, failed = {0};
		uint64_t modseq = 0;
		next_batch(&rest, &batch);
		t->how.uids = &batch;
		r = box_store(s->view, &t->how, &changed, &failed, &modseq, e);
		if (!r && t->silent) {
			imap_tell_not(s, &changed, modseq);
			if (imap_has(s, IMAP_CONDSTORE))
				tell_modseq(s, &changed, modseq);
		}
		uidset_join(&t->changed, &changed);
		uidset_join(&t->failed, &failed);
	}
	return r;
}

/* Those that were like that already: the answer to STORE is their flags, too. */
static int tell_same(struct imap *s, struct store *t, size_t *missing, struct err *e)
{
	AUTO(uidset) struct uidset same = {0};
	AUTO(arena) struct arena a = {0};
	uidset_copy(&same, &t->uids);
	uidset_drop(&same, &t->changed);
	uidset_drop(&same, &t->failed);
	uint64_t there = 0;
	struct box_query q = {.uids = &same};
	while (q.after < uidset_last(&same) && !s->lost) {
		struct mailbox_message *v;
		size_t n;
		arena_reset(&a);
		if (box_rows(s->view, &q, &a, &v, &n, e))
			return -1;
		if (!n)
			break;
		for (size_t i = 0; i < n && !t->silent && !s->lost; i++)
			imap_put_fetch_flags(s, &v[i], s->uid);
		q.after = v[n - 1].uid;
		there += n;
	}
	*missing = same.count - there;
	return 0;
}

/* UIDs as the client counts them. */
static slice numbers(struct imap *s, const struct uidset *uids)
{
	AUTO(uidset) struct uidset n = {0};
	if (s->uid)
		return imap_print_set(&s->mem, uids);
	for (uint32_t u = 0; u < UINT32_MAX && (u = uidset_next(uids, u + 1));)
		uidset_add(&n, imap_number_of(s, u), imap_number_of(s, u));
	return imap_print_set(&s->mem, &n);
}

static void store_end(struct imap *s, struct store *t, size_t missing, bool limited)
{
	slice code = {0};
	if (t->failed.count) {
		code = numbers(s, &t->failed);
		code = arena_printf(&s->mem, "MODIFIED %.*s%c", SFMT(code), 0);
		imap_ok(s, code.p, "Some messages had been changed meanwhile");
	} else if (missing && !s->uid) {
		imap_ok(s, "EXPUNGEISSUED", "Some of these messages are no longer there");
	} else if (limited) {
		code = arena_printf(&s->mem, "MESSAGELIMIT %llu %u%c",
			(unsigned long long)s->service->limits.messages, t->uids.v[0].first, 0);
		imap_ok(s, code.p, "Done for the last ones");
	} else {
		imap_ok(s, NULL, "Stored");
	}
}

static void store(struct imap *s, struct store *t)
{
	struct err e = {0};
	size_t missing = 0;
	if (!store_args(s, t)) {
		imap_complain(s);
		return;
	}
	if (!imap_resolve(s, t->set, &t->uids))
		return;
	if (s->view->read_only) {
		imap_no(s, NULL, "The mailbox is open for reading only");
		return;
	}
	if (t->conditional)
		imap_use_condstore(s);
	bool limited = imap_limit_messages(s, &t->uids);
	if (batches(s, t, &e) || tell_same(s, t, &missing, &e))
		imap_fail(s, &e);
	else
		store_end(s, t, missing, limited);
}

void imap_cmd_store(struct imap *s)
{
	struct store t = {0};
	store(s, &t);
	uidset_done(&t.uids);
	uidset_done(&t.changed);
	uidset_done(&t.failed);
}

/* ---- EXPUNGE ---- */

/* Tagged OK with what the client has now seen everything of (RFC 7162 3.2.10). */
static void expunged(struct imap *s, bool any)
{
	char code[40];
	imap_tell_news(s, true);
	snprintf(code, sizeof(code), "HIGHESTMODSEQ %llu", (unsigned long long)s->view->modseq);
	imap_ok(s, any && imap_has(s, IMAP_CONDSTORE | IMAP_QRESYNC) ? code : NULL, "Expunged");
}

void imap_cmd_expunge(struct imap *s)
{
	AUTO(uidset) struct uidset uids = {0}, gone = {0};
	struct imap_reader *r = &s->in;
	struct err e = {0};
	uint64_t modseq = 0;
	slice set = {0};
	if ((s->uid && (!imap_space(r) || !imap_set(r, &set))) || !imap_end(r)) {
		imap_complain(s);
		return;
	}
	if (s->uid && !imap_resolve(s, set, &uids))
		return;
	if (s->view->read_only) {
		imap_no(s, NULL, "The mailbox is open for reading only");
		return;
	}
	bool limited = s->uid && imap_limit_messages(s, &uids);
	if (box_expunge(s->view, s->uid ? &uids : NULL, false, &gone, &modseq, &e)) {
		imap_fail(s, &e);
	} else if (limited) {
		slice code = arena_printf(&s->mem, "MESSAGELIMIT %llu %u%c",
			(unsigned long long)s->service->limits.messages, uids.v[0].first, 0);
		imap_ok(s, code.p, "Done for the last ones");
	} else {
		expunged(s, gone.count > 0);
	}
}
