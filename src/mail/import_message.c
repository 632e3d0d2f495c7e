/*
 * Messages that move in (import.h): known ones, new ones, their bytes. New messages of a folder are gathered and made in one transaction with
 * the notes of where they came from. Lines that end with a bare LF get their CR here, so hashes are of what is stored.
 */
#include "base/mem.h"
#include "base/must.h"
#include "mail/import_impl.h"

/* A line of the report; it is tried again by the next pass. */
static int note_refused(struct importing *i, slice key, const char *why, struct err *e)
{
	i->r.refused++;
	i->refused_here = true;
	return import_note(i, key, why, e);
}

/* ---- which are known ---- */

int import_known(struct importing *i, slice key, unsigned *ret_flags, struct err *e)
{
	must(i->in_box);
	if (key.n == 0 || key.n > IMPORT_KEY_MAX)
		return err_set(e, ERR_PROTO, "a message's key is 1 to %d bytes", IMPORT_KEY_MAX);
	struct import_seen *s = map_get(&i->keys, key);
	if (s && s->told)
		return *ret_flags = s->flags, 1;
	i->told++;
	i->r.messages++;
	if (!s && i->told > IMPORT_BOX_MAX)
		return err_set(e, ERR_LIMIT, "more than %d messages in a folder", IMPORT_BOX_MAX);
	if (!s)
		return 0;
	s->told = true;
	i->r.present++;
	*ret_flags = s->flags;
	return i->o.verify ? 2 : 1;
}

int import_flags(struct importing *i, slice key, unsigned flags, slice keywords, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct import_seen *s = map_get(&i->keys, key);
	bool lost;
	if (!s || !i->o.flags)
		return 0;
	slice words = import_words(i, keywords, &a, &lost);
	uint64_t hash = import_words_hash(words);
	if (s->flags == flags && s->words == hash)
		return 0;
	s->flags = flags;
	s->words = hash;
	if (i->o.dry_run) {
		i->r.flagged++;
		return 0;
	}
	const struct import_change c = {.kind = IMPORT_FLAGS,
		.key = {.box_id = i->box.id,
			.epoch = i->box.epoch,
			.key = key,
			.flags = flags,
			.keywords = words}};
	/* The message itself may wait for its transaction still. */
	if (i->nbatch && import_batch_flush(i, e) < 0)
		return -1;
	return import_change(i, &c, e);
}

/* ---- the transaction ---- */

static int batch_tx(
	struct sql *db, void *arg, const struct mailbox_place *v, size_t n, struct err *e)
{
	struct importing *i = arg;
	must(n == i->nbatch);
	for (size_t k = 0; k < n; k++) {
		i->batch[k].email_id = v[k].email_id;
		i->batch[k].folder_id = v[k].folder_id;
		i->batch[k].uid = v[k].uid;
		if (moved_put_tx(db, &i->batch[k], e) < 0)
			return -1;
	}
	return 0;
}

static void forget_batch(struct importing *i)
{
	box_append_cancel(take(&i->append));
	i->nbatch = 0;
	i->batch_bytes = 0;
	arena_reset(&i->batch_mem);
}

void import_batch_drop(struct importing *i)
{
	for (unsigned k = 0; k < i->nbatch; k++)
		map_remove(&i->keys, i->batch[k].key);
	forget_batch(i);
}

/* Those that did not fit are lines of the report; the next pass brings them when there is room. */
static int no_room(struct importing *i, struct err *e)
{
	struct err why = *e;
	i->full = true;
	for (unsigned k = 0; k < i->nbatch; k++)
		if (note_refused(i, i->batch[k].key, why.text, e) < 0)
			return -1;
	import_batch_drop(i);
	return 0;
}

int import_batch_flush(struct importing *i, struct err *e)
{
	AUTO(uidset) struct uidset uids = {0};
	uint32_t validity;
	must(!i->open);
	if (!i->nbatch) {
		forget_batch(i);
		return 0;
	}
	box_append_also(i->append, batch_tx, i);
	if (box_append_commit(i->append, NULL, 0, &validity, &uids, e) < 0) {
		if (e->kind == ERR_QUOTA)
			return no_room(i, e);
		import_batch_drop(i);
		return -1;
	}
	for (unsigned k = 0; k < i->nbatch; k++) {
		i->r.copied++;
		i->r.bytes += i->batch[k].size;
	}
	forget_batch(i);
	return 0;
}

/* ---- one comes in ---- */

void import_message_drop(struct importing *i)
{
	if (i->open && !i->compare && i->append)
		box_append_drop(i->append);
	i->open = false;
	buf_reset(&i->head);
}

/* ERR_LIMIT, ERR_QUOTA: told in the report. */
static int refuse(struct importing *i, const struct err *why, struct err *e)
{
	struct err said = *why;
	slice key = i->now.key;
	import_message_drop(i);
	if (said.kind != ERR_LIMIT && said.kind != ERR_QUOTA) {
		*e = said;
		return -1;
	}
	if (note_refused(i, key, said.text, e) < 0)
		return -1;
	*e = said;
	return -1;
}

int import_message_refused(struct importing *i, slice key, slice why, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	return note_refused(i, key, arena_strz(&a, slice_first(why, IMPORT_WHY_MAX)), e);
}

int import_folder_refused(struct importing *i, slice box, slice why, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	must(!i->in_box);
	i->box = (struct moved_box){.name = box};
	return note_refused(i, S(""), arena_strz(&a, slice_first(why, IMPORT_WHY_MAX)), e);
}

static int too_large(const struct importing *i, struct err *e)
{
	return err_set(
		e, ERR_LIMIT, "larger than %llu bytes", (unsigned long long)i->o.max_message);
}

static int begin_append(struct importing *i, const struct import_message *m, struct err *e)
{
	const struct box_append_options o = {
		.flags = m->flags, .keywords = i->now.keywords, .received_at = m->received_at};
	struct err why;
	if (m->size > i->o.max_message) {
		too_large(i, &why);
		return refuse(i, &why, e);
	}
	if (i->full) {
		err_set(&why, ERR_QUOTA, "the mailbox has no room left for this");
		return refuse(i, &why, e);
	}
	if (!i->append && box_append_begin(i->u, i->folder, &i->append, e) < 0)
		return -1;
	return box_append_start(i->append, &o, e);
}

int import_message_begin(struct importing *i, const struct import_message *m, struct err *e)
{
	must(i->in_box && !i->open);
	bool lost, known = map_get(&i->keys, m->key);
	if (i->o.dry_run && !known) {
		i->r.copied++;
		i->r.bytes += m->size;
		return 1;
	}
	if ((i->nbatch == IMPORT_BATCH || i->batch_bytes + m->size >= IMPORT_BATCH_BYTES) &&
		import_batch_flush(i, e) < 0)
		return -1;
	i->now = (struct moved_key){.box_id = i->box.id,
		.epoch = i->box.epoch,
		.key = arena_dup(&i->batch_mem, m->key),
		.flags = m->flags,
		.keywords = import_words(i, m->keywords, &i->batch_mem, &lost)};
	i->compare = known;
	i->mended = lost;
	i->last_cr = i->bare = false;
	i->size = 0;
	i->undated = m->received_at <= 0;
	if (!known && begin_append(i, m, e) < 0)
		return -1;
	must(EVP_DigestInit_ex(i->md, EVP_sha256(), NULL) == 1);
	i->open = true;
	return 0;
}

/* ---- bytes ---- */

static int take_bytes(struct importing *i, slice s, struct err *e)
{
	struct err why;
	i->size += s.n;
	must(EVP_DigestUpdate(i->md, s.p, s.n) == 1);
	if (i->compare)
		return 0;
	if (i->undated)
		buf_put(&i->head, slice_first(s, IMPORT_HEAD_MAX - i->head.n));
	if (i->size > i->o.max_message) {
		too_large(i, &why);
		return refuse(i, &why, e);
	}
	if (box_append_bytes(i->append, s, &why) < 0)
		return refuse(i, &why, e);
	return 0;
}

static int take_lines(struct importing *i, slice s, struct err *e)
{
	size_t from = 0;
	for (size_t at = 0; at < s.n; at++) {
		const char *lf = memchr(s.p + at, '\n', s.n - at);
		if (!lf)
			break;
		at = (size_t)(lf - s.p);
		bool cr = at ? s.p[at - 1] == '\r' : i->last_cr;
		if (cr)
			continue;
		i->bare = true;
		if (take_bytes(i, slice_of(s.p + from, at - from), e) < 0 ||
			take_bytes(i, S("\r"), e) < 0)
			return -1;
		from = at;
	}
	if (s.n)
		i->last_cr = s.p[s.n - 1] == '\r';
	return take_bytes(i, slice_skip(s, from), e);
}

/* Sleeps as long as so many bytes may take. */
static int throttle(struct importing *i, size_t n, struct err *e)
{
	instant now = instant_now();
	if (i->o.bytes_per_second <= 0)
		return 0;
	if (i->due < now)
		i->due = now;
	i->due += (int64_t)n * SECOND / i->o.bytes_per_second;
	return i->due > now + 50 * MSEC && co_self() ? co_sleep(i->due, e) : 0;
}

int import_message_bytes(struct importing *i, slice bytes, struct err *e)
{
	must(i->open);
	while (bytes.n) {
		slice piece = slice_first(bytes, IMPORT_CHUNK);
		bytes = slice_skip(bytes, piece.n);
		if (throttle(i, piece.n, e) < 0) {
			import_message_drop(i);
			return -1;
		}
		if (take_lines(i, piece, e) < 0)
			return -1;
	}
	return 0;
}

/* ---- its end ---- */

static int compare(struct importing *i, struct err *e)
{
	unsigned char here[MOVED_HASH];
	int r = import_hash_here(i, &i->now, here, e);
	if (r < 0)
		return -1;
	bool same = r && memcmp(here, i->now.hash, MOVED_HASH) == 0;
	i->r.missing += !r;
	i->r.verified += same;
	i->r.different += r && !same;
	if (same)
		return 0;
	return import_note(i, i->now.key,
		r ? "not the same bytes as at the source" : "it is not here any more", e);
}

static void remember(struct importing *i)
{
	struct import_seen *s = ARENA_NEW(&i->box_mem, struct import_seen);
	*s = (struct import_seen){
		.flags = i->now.flags, .words = import_words_hash(i->now.keywords), .told = true};
	map_put(&i->keys, i->now.key, s);
}

static int taken_tx(struct sql *db, void *arg, struct err *e)
{
	return moved_put_tx(db, arg, e);
}

int import_taken(struct importing *i, slice key, uint64_t size, bool copied, struct err *e)
{
	must(i->in_box && !i->open);
	const struct moved_key k = {.box_id = i->box.id,
		.epoch = i->box.epoch,
		.key = key,
		.keywords = S(""),
		/* no email: since when; what was refused has not come, and is deleted nowhere */
		.uid = copied ? (uint32_t)(wall_now() / SECOND) : 0,
		.size = size};
	if (box_change(i->b, i->u->account, taken_tx, (void *)&k, e) < 0)
		return -1;
	i->r.copied += copied;
	i->r.bytes += copied ? size : 0;
	i->now = k;
	remember(i);
	i->now = (struct moved_key){0};
	return 0;
}

/* It came in another epoch: the same bytes. */
static int know_again(struct importing *i, struct import_stale *o, struct err *e)
{
	const struct import_change rename = {
		.kind = IMPORT_RENAME, .key = o->k, .epoch = i->box.epoch, .to = i->now.key};
	const struct import_change flags = {.kind = IMPORT_FLAGS, .key = i->now};
	slice hash = slice_of(o->k.hash, MOVED_HASH);
	struct import_stale *next = o->next;
	if (next)
		map_put(&i->stale, hash, next);
	else
		map_remove(&i->stale, hash);
	i->r.present++;
	box_append_drop(i->append);
	remember(i);
	if (import_change(i, &rename, e) < 0)
		return -1;
	return i->o.flags ? import_change(i, &flags, e) : 0;
}

static int add(struct importing *i, struct err *e)
{
	struct err why;
	int64_t came = i->undated ? import_date(buf_slice(&i->head)) : 0;
	if (came)
		box_append_date(i->append, came);
	if (box_append_end(i->append, &why) < 0)
		return refuse(i, &why, e);
	i->now.size = i->size;
	i->batch[i->nbatch++] = i->now;
	i->batch_bytes += i->size;
	remember(i);
	return 0;
}

int import_message_end(struct importing *i, struct err *e)
{
	must(i->open);
	must(EVP_DigestFinal_ex(i->md, i->now.hash, NULL) == 1);
	struct import_stale *o = map_get(&i->stale, slice_of(i->now.hash, MOVED_HASH));
	int r;
	if (i->compare)
		r = compare(i, e);
	else if (o)
		r = know_again(i, o, e);
	else
		r = add(i, e);
	if (r == 0 && !i->compare)
		i->r.mended += i->bare || i->mended;
	i->open = false;
	buf_reset(&i->head);
	if (!i->nbatch)
		forget_batch(i);
	return r;
}
