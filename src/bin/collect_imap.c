/*
 * Folders and messages by IMAP (collect.h): the list of folders; in each what is there, by one scan of flags, dates and sizes; then the bytes of those
 * that are not here, some at a time, straight from the connection into the store. A folder of which the server says that nothing changed since the last
 * whole pass (CONDSTORE) is not scanned.
 */
#include "bin/collect.h"

#include "base/mem.h"
#include "proto/imapc/imapc.h"

#include <stdio.h>

enum { GROUP_BYTES = 16 << 20, KEY = 24 };

_Static_assert((int)IMAPC_SEEN == (int)MAILBOX_SEEN && (int)IMAPC_DRAFT == (int)MAILBOX_DRAFT &&
		       (int)IMAPC_DELETED == (int)MAILBOX_DELETED &&
		       (int)IMAPC_FLAGGED == (int)MAILBOX_FLAGGED &&
		       (int)IMAPC_ANSWERED == (int)MAILBOX_ANSWERED,
	"flags are handed on");
_Static_assert((int)IMAPC_USE_ARCHIVE == (int)MAILBOX_USE_ARCHIVE &&
		       (int)IMAPC_USE_IMPORTANT == (int)MAILBOX_USE_IMPORTANT,
	"uses are handed on");

struct wanted {
	uint32_t uid;
	unsigned flags;
	slice keywords;
	int64_t received_at;
	uint64_t size;
};

struct imap_run {
	struct collect_run *r;
	struct imapc *s;
	struct arena mem; /* of a folder */
	struct wanted *v;
	size_t n, cap;
	uint64_t scanned;
	/* The group being fetched. */
	const struct wanted *group;
	size_t ngroup;
	struct uidset taken; /* collection: those that may be deleted there */
	int64_t old; /* here since before this: deleted there; 0: never */
};

static slice key_of(uint32_t uid, char out[KEY])
{
	return slice_of(out, (size_t)snprintf(out, KEY, "%u", uid));
}

/* ---- what is there ---- */

static void want(struct imap_run *m, const struct imapc_message *x)
{
	if (m->n == m->cap) {
		m->cap = m->cap ? 2 * m->cap : 256;
		m->v = mem_grow(m->v, m->cap * sizeof *m->v);
	}
	m->v[m->n++] = (struct wanted){.uid = x->uid,
		.flags = x->flags,
		.keywords = x->keywords.n ? arena_dup(&m->mem, x->keywords) : S(""),
		.received_at = x->received_at,
		.size = x->size};
}

static int on_message(void *arg, const struct imapc_message *x, struct err *e)
{
	struct imap_run *m = arg;
	char room[KEY];
	unsigned flags;
	slice key = key_of(x->uid, room);
	int known = import_known(m->r->import, key, &flags, e);
	if (known < 0)
		return -1;
	m->scanned++;
	if (known != 1)
		want(m, x);
	if (known && m->old) {
		/* So long here; what was not wanted has not come. */
		int64_t since;
		if (import_since(m->r->import, key, &since, e) < 0)
			return -1;
		if (since && since <= m->old)
			uidset_add(&m->taken, x->uid, x->uid);
	}
	return known ? import_flags(m->r->import, key, x->flags, x->keywords, e) : 0;
}

/* ---- bytes ---- */

static const struct wanted *of_group(const struct imap_run *m, uint32_t uid)
{
	for (size_t i = 0; i < m->ngroup; i++)
		if (m->group[i].uid == uid)
			return &m->group[i];
	return NULL;
}

static int begin(struct imap_run *m, const struct wanted *w, uint64_t size, struct err *e)
{
	char room[KEY];
	const struct import_message x = {.key = key_of(w->uid, room),
		.flags = w->flags,
		.keywords = w->keywords,
		.received_at = w->received_at,
		.size = size};
	return collect_message_begin(m->r, &x, e);
}

static int on_begin(void *arg, uint32_t uid, uint64_t size, struct err *e)
{
	struct imap_run *m = arg;
	const struct wanted *w = of_group(m, uid);
	return w ? begin(m, w, size, e) : 1;
}

static int on_bytes(void *arg, slice piece, struct err *e)
{
	struct imap_run *m = arg;
	return collect_message_bytes(m->r, piece, e);
}

static int on_end(void *arg, struct err *e)
{
	struct imap_run *m = arg;
	return collect_message_end(m->r, e);
}

static void on_lost(void *arg, uint32_t uid, const char *why)
{
	struct imap_run *m = arg;
	char room[KEY];
	struct err e;
	if (import_message_refused(m->r->import, key_of(uid, room), slice_z(why), &e) < 0)
		log_warn(NULL, "collect.note", F("job", m->r->job.id), F("error", &e));
}

/* What need not be fetched for import.h to know that it will not be taken. */
static bool hopeless(const struct imap_run *m, const struct wanted *w)
{
	uint64_t most = m->r->options.max_message;
	uint64_t limit = (uint64_t)boxes_max_message(m->r->c->boxes);
	if (!most || most > limit)
		most = limit;
	return m->r->full || m->r->options.dry_run || w->size > most;
}

static int fetch_group(struct imap_run *m, size_t from, size_t n, struct err *e)
{
	uint32_t uids[IMAPC_FETCH_MAX];
	const struct imapc_sink sink = {on_begin, on_bytes, on_end, on_lost, m};
	size_t wanted = 0;
	m->group = m->v + from;
	m->ngroup = n;
	for (size_t i = 0; i < n; i++) {
		const struct wanted *w = &m->group[i];
		if (!hopeless(m, w))
			uids[wanted++] = w->uid;
		else if (begin(m, w, w->size, e) < 0)
			return -1;
	}
	return wanted ? imapc_fetch(m->s, uids, wanted, &sink, e) : 0;
}

static int fetch_all(struct imap_run *m, struct err *e)
{
	for (size_t from = 0; from < m->n;) {
		uint64_t bytes = 0;
		size_t n = 0;
		while (from + n < m->n && n < IMAPC_FETCH_MAX && (n == 0 || bytes < GROUP_BYTES))
			bytes += m->v[from + n++].size;
		if (fetch_group(m, from, n, e) < 0) {
			collect_message_drop(m->r);
			return -1;
		}
		from += n;
	}
	return 0;
}

/* ---- a folder ---- */

static bool unchanged(
	const struct imap_run *m, const struct imapc_selected *b, const struct import_known_box *k)
{
	return b->modseq && b->modseq == k->modseq && b->exists == k->messages &&
	       !m->r->options.verify && !m->old;
}

static int read_folder(struct imap_run *m, const struct imapc_selected *b, struct err *e)
{
	arena_reset(&m->mem);
	uidset_done(&m->taken);
	m->n = 0;
	m->scanned = 0;
	if (imapc_scan(m->s, 1, on_message, m, e) < 0 || fetch_all(m, e) < 0)
		return -1;
	if (import_box_end(m->r->import, m->scanned >= b->exists, b->modseq, e) < 0)
		return -1;
	/* What is deleted there is durable here: it was known at the beginning of this pass. */
	return m->taken.n ? imapc_delete(m->s, &m->taken, e) : 0;
}

static int folder(struct imap_run *m, const struct imapc_folder *f, slice to, struct err *e)
{
	struct imapc_selected b;
	struct import_known_box known;
	bool once = m->r->job.every == 0;
	const struct import_box box = {.path = to,
		.name = f->name,
		.use = once ? (enum mailbox_use)f->use : MAILBOX_USE_NONE,
		.subscribed = f->subscribed || !once};
	struct import_box with_epoch = box;
	m->r->box = f->path;
	m->r->to = to;
	if (imapc_select(m->s, f->name, m->old == 0, &b, e) < 0) {
		if (!imapc_usable(m->s))
			return -1;
		log_warn(NULL, "collect.folder", F("job", m->r->job.id), F("folder", f->path),
			F("error", e));
		return import_folder_refused(m->r->import, f->name, slice_z(e->text), e);
	}
	with_epoch.epoch = b.uidvalidity;
	if (import_box_begin(m->r->import, &with_epoch, &known, e) < 0)
		return -1;
	if (unchanged(m, &b, &known)) {
		import_box_unchanged(m->r->import);
		return import_box_end(m->r->import, true, b.modseq, e);
	}
	int r = read_folder(m, &b, e);
	if (r < 0)
		import_box_abandon(m->r->import);
	return r;
}

/* Views of messages that are in other folders, too. */
static bool is_view(const struct imapc_folder *f)
{
	return f->use == IMAPC_USE_FLAGGED || f->use == IMAPC_USE_IMPORTANT;
}

static int folders(struct imap_run *m, struct err *e)
{
	struct arena *a = &m->r->mem;
	struct imapc_folder *v;
	slice to;
	size_t n;
	if (imapc_list(m->s, a, &v, &n, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		m->r->boxes += v[i].selectable;
	for (size_t i = 0; i < n; i++) {
		if (!v[i].selectable)
			continue;
		if (!is_view(&v[i]) && collect_place(&m->r->job, v[i].path, a, &to) &&
			folder(m, &v[i], to, e) < 0)
			return -1;
		m->r->boxes_done++;
	}
	return 0;
}

/* Where mail of a folder there goes: as it is mapped, else by the same name, below the job's folder. */
static slice place(const struct imap_run *m, slice path)
{
	const struct collect_job *j = &m->r->job;
	slice to;
	bool inbox = slice_ieq(path, S("INBOX"));
	if (!collect_place(j, path, &m->r->mem, &to))
		return (slice){0};
	if (!slice_eq(to, path))
		return to;
	if (inbox)
		return j->into.n ? j->into : S("INBOX");
	return j->into.n ? arena_printf(&m->r->mem, "%.*s/%.*s", SFMT(j->into), SFMT(path)) : path;
}

static int chosen(struct imap_run *m, struct err *e)
{
	const struct collect_job *j = &m->r->job;
	struct imapc_folder *v;
	size_t n, found = 0;
	if (imapc_list(m->s, &m->r->mem, &v, &n, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		m->r->boxes += v[i].selectable && collect_folder_wanted(j, v[i].path);
	for (size_t i = 0; i < n; i++) {
		if (!v[i].selectable || is_view(&v[i]) || !collect_folder_wanted(j, v[i].path))
			continue;
		slice to = place(m, v[i].path);
		if (to.p && folder(m, &v[i], to, e) < 0)
			return -1;
		m->r->boxes_done++;
		found++;
	}
	return found ? 0 : err_set(e, ERR_TEMP, "none of the folders of this job is there");
}

/* A collection looks into the folders of the job; INBOX alone, if it says none, and puts what is there into one folder. */
static int inbox(struct imap_run *m, struct err *e)
{
	const struct collect_job *j = &m->r->job;
	const struct imapc_folder f = {.name = S("INBOX"), .path = S("INBOX"), .selectable = true};
	if (j->delete_after >= 0)
		m->old = wall_now() - j->delete_after;
	if (j->folders.n)
		return chosen(m, e);
	m->r->boxes = 1;
	if (folder(m, &f, j->into.n ? j->into : S("INBOX"), e) < 0)
		return -1;
	m->r->boxes_done = 1;
	return 0;
}

/* ---- the server ---- */

static int open_it(void *arg, struct io *io, const struct remote *to, struct err *e)
{
	return imapc_open(io, to, &((struct imap_run *)arg)->s, e);
}

int collect_imap(struct collect_run *r, struct err *e)
{
	struct imap_run m = {.r = r};
	if (collect_log_in(r, open_it, &m, e) < 0)
		return -1;
	int result = r->job.every ? inbox(&m, e) : folders(&m, e);
	if (result == 0)
		imapc_logout(m.s);
	else
		imapc_close(m.s);
	free(m.v);
	uidset_done(&m.taken);
	arena_done(&m.mem);
	return result;
}
