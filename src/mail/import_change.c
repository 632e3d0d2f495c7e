/*
 * What changed at a source since the last pass (import.h): flags, messages that went, another epoch. Each change and what is noted of it are one
 * transaction, so that a pass that is repeated after a crash does nothing twice.
 *
 * Flags go one way and by their difference: what was set at the source since then is set here, what was taken away there is taken
 * away here, and what people changed here themselves stays. A message that was moved here is found where it is.
 */
#include "base/mem.h"
#include "mail/import_impl.h"

/* ---- one change, in a transaction ---- */

struct place {
	int64_t folder;
	uint32_t uid;
};

static int store(struct sql *db, const struct importing *i, const struct place *at,
	enum mailbox_flags_how how, unsigned flags, slice keywords, bool *changed, struct err *e)
{
	AUTO(uidset) struct uidset one = {0};
	AUTO(uidset) struct uidset hit = {0};
	AUTO(uidset) struct uidset failed = {0};
	uint64_t modseq;
	if (!flags && !keywords.n)
		return 0;
	uidset_add(&one, at->uid, at->uid);
	const struct mailbox_store s = {.account_id = i->box.account_id,
		.folder_id = at->folder,
		.uids = &one,
		.how = how,
		.flags = flags,
		.keywords = keywords,
		.unchanged_since = UINT64_MAX};
	int r = mailbox_store_tx(db, &s, &hit, &failed, &modseq, e);
	if (r < 0 && e->kind == ERR_LIMIT && flags) /* the message has many keywords of its own */
		return store(db, i, at, how, flags, S(""), changed, e);
	*changed |= hit.count > 0;
	return r < 0 && e->kind == ERR_LIMIT ? 0 : r;
}

static int flags_tx(struct sql *db, struct importing *i, struct import_change *c, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct moved_key was;
	struct place at;
	if (moved_get(db, c->key.box_id, c->key.epoch, c->key.key, &a, &was, e) < 0)
		return e->kind == ERR_NOTFOUND ? 0 : -1;
	int here = moved_place(db, i->box.account_id, &was, &at.folder, &at.uid, e);
	if (here < 0)
		return -1;
	if (here &&
		(store(db, i, &at, MAILBOX_FLAGS_ADD, c->key.flags & ~was.flags,
			 import_words_less(c->key.keywords, was.keywords, &a), &c->done, e) < 0 ||
			store(db, i, &at, MAILBOX_FLAGS_REMOVE, was.flags & ~c->key.flags,
				import_words_less(was.keywords, c->key.keywords, &a), &c->done,
				e) < 0))
		return -1;
	return moved_flags_tx(db, &c->key, e);
}

/* Where it was put, and as it was put there? 1, 0, -1. */
static int untouched(
	struct sql *db, const struct importing *i, const struct moved_key *k, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	AUTO(uidset) struct uidset one = {0};
	struct mailbox_message *v;
	size_t n;
	uidset_add(&one, k->uid, k->uid);
	const struct mailbox_query q = {.account_id = i->box.account_id,
		.folder_id = k->folder_id,
		.uids = &one,
		.most = 1};
	if (mailbox_rows(db, &q, &a, &v, &n, e) < 0)
		return -1;
	return n == 1 && v[0].email_id == k->email_id && v[0].flags == k->flags &&
	       import_words_hash(v[0].keywords) == import_words_hash(k->keywords);
}

static int gone_tx(struct sql *db, struct importing *i, struct import_change *c, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	AUTO(uidset) struct uidset one = {0};
	AUTO(uidset) struct uidset gone = {0};
	struct moved_key k;
	uint64_t modseq;
	if (moved_get(db, c->key.box_id, c->key.epoch, c->key.key, &a, &k, e) < 0)
		return e->kind == ERR_NOTFOUND ? 0 : -1;
	int same = c->kind == IMPORT_GONE ? untouched(db, i, &k, e) : 0;
	if (same < 0)
		return -1;
	if (same) {
		uidset_add(&one, k.uid, k.uid);
		if (mailbox_expunge_tx(db, i->box.account_id, k.folder_id, &one, false,
			    &i->u->actor, &gone, &modseq, e) < 0)
			return -1;
		c->done = gone.count > 0;
	}
	return moved_gone_tx(db, &k, e);
}

static int changes_tx(struct sql *db, void *arg, struct err *e)
{
	struct importing *i = arg;
	int r = 0;
	for (unsigned n = 0; r == 0 && n < i->nchanges; n++) {
		struct import_change *c = &i->changes[n];
		c->done = false;
		if (c->kind == IMPORT_FLAGS)
			r = flags_tx(db, i, c, e);
		else if (c->kind == IMPORT_RENAME)
			r = moved_rename_tx(db, &c->key, c->epoch, c->to, e);
		else
			r = gone_tx(db, i, c, e);
	}
	return r;
}

/* ---- many ---- */

int import_changes_flush(struct importing *i, struct err *e)
{
	if (!i->nchanges)
		return 0;
	int r = box_change(i->b, i->box.account_id, changes_tx, i, e);
	for (unsigned n = 0; r == 0 && n < i->nchanges; n++) {
		i->r.flagged += i->changes[n].done && i->changes[n].kind == IMPORT_FLAGS;
		i->r.gone += i->changes[n].done && i->changes[n].kind == IMPORT_GONE;
	}
	i->nchanges = 0;
	arena_reset(&i->change_mem);
	return r;
}

int import_change(struct importing *i, const struct import_change *c, struct err *e)
{
	if (i->nchanges == IMPORT_CHANGES && import_changes_flush(i, e) < 0)
		return -1;
	struct import_change *to = &i->changes[i->nchanges++];
	*to = *c;
	to->key.key = arena_dup(&i->change_mem, c->key.key);
	to->key.keywords = arena_dup(&i->change_mem, c->key.keywords);
	to->to = arena_dup(&i->change_mem, c->to);
	return 0;
}

/* ---- what went ---- */

int import_gone(struct importing *i, struct err *e)
{
	slice key;
	void *value;
	const struct import_change gone = {.kind = i->o.delete_gone ? IMPORT_GONE : IMPORT_FORGET,
		.key = {.box_id = i->box.id}};
	for (size_t at = 0; i->o.delete_gone && map_next(&i->keys, &at, &key, &value);) {
		const struct import_seen *s = value;
		struct import_change c = gone;
		c.key.epoch = i->box.epoch;
		c.key.key = key;
		if (s->told)
			continue;
		i->r.gone += i->o.dry_run;
		if (!i->o.dry_run && import_change(i, &c, e) < 0)
			return -1;
	}
	/* Of a former epoch, and not known again: without delete_gone the mail stays. */
	for (size_t at = 0; !i->o.dry_run && map_next(&i->stale, &at, &key, &value);) {
		for (const struct import_stale *o = value; o; o = o->next) {
			struct import_change c = gone;
			c.key.epoch = o->k.epoch;
			c.key.key = o->k.key;
			if (import_change(i, &c, e) < 0)
				return -1;
		}
	}
	return 0;
}
