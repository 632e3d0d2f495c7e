/*
 * Into mailboxes (local.h): one transaction of the account's shard. Mostly one row, its prefix Return-Path:, Delivered-To: and what
 * the message has; where people's rules say so several folders, versions of the letter with another header, keys to remember. The
 * same (message, recipient) is never stored twice: the first email of a delivery says that all of it was done. Called by local.c
 * and local_scripts.c.
 */
#include "mail/local_impl.h"

#include "base/mem.h"
#include "base/time.h"
#include "codec/received.h"
#include "mail/box.h"

struct drop {
	struct job *job;
	struct settle_rcpt *rcpt;
	struct mailbox_delivery d; /* the letter as it came */
	const struct local_places *places; /* NULL: one, home */
	uint64_t quota, quota_messages;
	bool full;
	bool junk, sent;
	slice detail; /* the folder that the address names; empty: none */
	bool raced; /* a key was noted by another delivery meanwhile */
	bool plain; /* what rules wanted cannot be: one letter, home */
	const struct local_place *missed; /* its folder cannot be had */
	slice missed_en, missed_zh;
	struct arena mem; /* of one try */
};

static uint64_t size_of(const struct drop *p, const struct local_place *at)
{
	return at->version ? at->version->size + at->version->prefix.n : p->d.size + p->d.prefix.n;
}

static const struct local_place home_place = {.home = true};

/* What is delivered: how many, and each. */
static size_t places_n(const struct drop *p)
{
	return p->places && !p->plain ? p->places->n : 1;
}
static const struct local_place *place_at(const struct drop *p, size_t i)
{
	return p->places && !p->plain ? &p->places->v[i] : &home_place;
}

/* Sets p->full. What is in the mailbox since before a crash does not count twice. */
static int check_quota(struct sql *db, struct drop *p, struct err *e)
{
	uint64_t bytes, messages, more = 0;
	size_t n = places_n(p);
	if ((!p->quota && !p->quota_messages) || !n)
		return 0;
	if (mailbox_usage(db, p->d.account_id, &bytes, &messages, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		more += size_of(p, place_at(p, i));
	if ((!p->quota || bytes + more <= p->quota) &&
		(!p->quota_messages || messages + n <= p->quota_messages))
		return 0;
	int delivered = mailbox_delivered(db, &p->d, e);
	p->full = delivered == 0;
	return delivered < 0 ? -1 : 0;
}

/* "work.2026" is the folder Work/2026. Those with a use of their own are not for strangers to choose. */
static bool is_named(const struct mailbox_folder *f, slice detail)
{
	if (f->use != MAILBOX_USE_NONE || f->name.n != detail.n)
		return false;
	for (size_t i = 0; i < detail.n; i++) {
		char c = ascii_lower(detail.p[i]);
		if (c != ascii_lower(f->name.p[i]) && !(c == '.' && f->name.p[i] == '/'))
			return false;
	}
	return true;
}

/* The folder that is used as Junk may have any name. */
static int find_home(struct sql *db, struct drop *p, slice *ret, struct err *e)
{
	struct mailbox_folder *v;
	size_t n;
	*ret = p->sent ? S(LOCAL_SENT) : p->junk ? S(LOCAL_JUNK) : S("INBOX");
	if (!p->sent && !p->junk && !p->detail.n)
		return 0;
	if (mailbox_folders(db, p->d.account_id, &p->mem, &v, &n, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (p->sent       ? v[i].use == MAILBOX_USE_SENT
			: p->junk ? v[i].use == MAILBOX_USE_JUNK
				  : is_named(&v[i], p->detail)) {
			*ret = v[i].name;
			break;
		}
	return 0;
}

/* ---- folders that rules name ---- */

static void miss(
	struct drop *p, const struct local_place *at, slice name, const char *en, const char *zh)
{
	struct arena *a = &p->job->mem;
	if (p->missed)
		return;
	p->missed = at;
	p->missed_en = arena_printf(a, "the folder \"%.*s\" %s", SFMT(slice_first(name, 200)), en);
	p->missed_zh = arena_printf(a, "文件夹“%.*s”%s", SFMT(slice_first(name, 200)), zh);
}

/* By id, or by use. 1, 0: none, -1. */
static int find_marked(
	struct sql *db, struct drop *p, const struct local_place *at, slice *ret, struct err *e)
{
	struct mailbox_folder *v;
	size_t n;
	if (!at->folder_id && at->use == MAILBOX_USE_NONE)
		return 0;
	if (mailbox_folders(db, p->d.account_id, &p->mem, &v, &n, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (at->folder_id ? v[i].id == at->folder_id : v[i].use == at->use) {
			*ret = v[i].name;
			return 1;
		}
	return 0;
}

/* By name. 1, 0: it is not to be had, -1. */
static int find_named(
	struct sql *db, struct drop *p, const struct local_place *at, slice *ret, struct err *e)
{
	struct mailbox_folder f;
	struct err why;
	if (at->others || mailbox_folder_name(at->folder, &p->mem, ret, &why) < 0) {
		miss(p, at, at->folder, at->others ? "is not one's own" : "cannot have that name",
			at->others ? "不是自己的文件夹" : "名称无效");
		return 0;
	}
	if (at->create)
		return 1;
	if (mailbox_folder_find(db, p->d.account_id, *ret, &p->mem, &f, e) == 0)
		return 1;
	if (e->kind != ERR_NOTFOUND)
		return -1;
	if (!slice_ieq(*ret, S("INBOX")))
		miss(p, at, at->folder, "is not there", "不存在");
	return 0;
}

/* What is not to be had is home. */
static int find_folder(
	struct sql *db, struct drop *p, const struct local_place *at, slice *ret, struct err *e)
{
	int r = 0;
	if (!at->home) {
		r = find_marked(db, p, at, ret, e);
		if (r == 0 && at->folder.n)
			r = find_named(db, p, at, ret, e);
		else if (r == 0)
			miss(p, at, S(""), "is not there", "不存在");
	}
	return r ? r : find_home(db, p, ret, e) < 0 ? -1 : 0;
}

/* ---- delivering ---- */

/* The letter as this place gets it. */
static struct mailbox_delivery delivery_of(const struct drop *p, const struct local_place *at)
{
	struct mailbox_delivery d = p->d;
	if (at->version) {
		d.blob = at->version->blob;
		d.size = at->version->size;
		d.prefix = at->version->prefix;
		d.summary = at->version->summary;
	}
	d.flags |= at->flags;
	d.keywords = at->keywords;
	return d;
}

/* The email that this version of the letter became in this transaction; 0: none yet. */
struct made {
	const struct local_version *version;
	int64_t email_id;
	slice folders[LOCAL_PLACES_MAX];
	size_t n;
};

static bool is_in(const struct made *m, slice folder)
{
	for (size_t i = 0; i < m->n; i++)
		if (slice_eq(m->folders[i], folder))
			return true;
	return false;
}

static int put(struct sql *db, struct drop *p, const struct local_place *at, struct made *v,
	size_t *n, struct err *e)
{
	struct mailbox_delivery d = delivery_of(p, at);
	struct mailbox_place place;
	size_t k = 0;
	if (find_folder(db, p, at, &d.folder, e) < 0)
		return -1;
	while (k < *n && v[k].version != at->version)
		k++;
	if (k < *n && is_in(&v[k], d.folder))
		return 0;
	if (k < *n) {
		v[k].folders[v[k].n++] = d.folder;
		return mailbox_deliver_also_tx(db, &d, v[k].email_id, &place, e);
	}
	if (k)
		mailbox_delivery_version(&d, (int)k);
	if (mailbox_deliver_tx(db, &d, &place, e) < 0)
		return -1;
	v[k] = (struct made){.version = at->version, .email_id = place.email_id, .n = 1};
	v[k].folders[0] = d.folder;
	++*n;
	return 0;
}

/* Keys first: who comes second finds them. */
static int remember(struct sql *db, struct drop *p, struct err *e)
{
	const struct local_places *w = p->places;
	for (size_t i = 0; w && i < w->nseen; i++) {
		int r = mailbox_seen(db, &w->seen[i], w->since[i], e);
		if (r)
			return r < 0 ? -1 : (p->raced = true, 0);
	}
	for (size_t i = 0; w && i < w->nseen; i++)
		if (mailbox_seen_tx(db, &w->seen[i], e) < 0)
			return -1;
	return 0;
}

static int put_all(struct sql *db, struct drop *p, struct err *e)
{
	size_t n = 0, all = places_n(p);
	struct made *v = ARENA_ARRAY(&p->mem, struct made, all + 1);
	for (size_t i = 0; i < all; i++)
		if (put(db, p, place_at(p, i), v, &n, e) < 0)
			return -1;
	return 0;
}

/* One email, home: what nearly all mail wants. */
static int put_home(struct sql *db, struct drop *p, struct err *e)
{
	struct mailbox_place place;
	if (find_home(db, p, &p->d.folder, e) < 0)
		return -1;
	if (mailbox_deliver_tx(db, &p->d, &place, e) == 0)
		return 0;
	if (e->kind != ERR_LIMIT || slice_eq(p->d.folder, S("INBOX")))
		return -1;
	p->d.folder = S("INBOX"); /* no room for another folder */
	return mailbox_deliver_tx(db, &p->d, &place, e);
}

/* A full mailbox is an answer, not a failure: the others of the group commit goes on. */
static int drop_tx(struct sql *db, void *arg, struct err *e)
{
	struct drop *p = arg;
	p->full = p->raced = false;
	p->missed = NULL;
	arena_reset(&p->mem);
	int delivered = p->places ? mailbox_delivered(db, &p->d, e) : 0;
	if (delivered)
		return delivered < 0 ? -1 : 0;
	if (check_quota(db, p, e) < 0)
		return -1;
	if (p->full)
		return 0;
	if (remember(db, p, e) < 0)
		return -1;
	if (p->raced)
		return 0;
	return p->places && !p->plain ? put_all(db, p, e) : put_home(db, p, e);
}

/* ---- what came of it ---- */

static void post(struct drop *p);

/* The folder, or a keyword, cannot be: the letter can. */
static bool can_be_plain(const struct drop *p, const struct err *e)
{
	return p->places && p->places->n && !p->plain &&
	       (e->kind == ERR_LIMIT || e->kind == ERR_PROTO);
}

static void tell_missed(struct drop *p)
{
	const struct local_place *at = p->missed;
	if (!at || !at->fault)
		return;
	struct settle_extra *x = p->places->extra;
	x->faults[x->nfaults] = *at->fault;
	x->faults[x->nfaults].fault.en = p->missed_en;
	x->faults[x->nfaults++].fault.zh = p->missed_zh;
}

/* No room, but rules send something: the place alone waits, as a message of its own. False: all of it waits. */
static bool wait_apart(struct drop *p)
{
	const struct local_places *w = p->places;
	struct err e;
	if (!w || !w->waiting || blob_hold(p->job->l->c.blobs, w->waiting->blob, &e) < 0)
		return false;
	w->extra->made[w->extra->nmade++] = *w->waiting;
	return true;
}

static struct result outcome(struct drop *p, const struct err *e)
{
	struct result r;
	struct arena *a = &p->job->mem;
	if (e)
		local_result(&r, RESULT_DEFERRED, STATUS(4, 3, 0), arena_dup(a, slice_z(e->text)));
	else if (p->full && wait_apart(p))
		r = (struct result){.kind = RESULT_EXPANDED,
			.status = STATUS(2, 1, 5),
			.text = S("the mailbox is full: its copy waits, what rules send does not"),
			.dsn = true};
	else if (p->full)
		local_result(&r, RESULT_DEFERRED, STATUS(4, 2, 2), S("mailbox is full"));
	else if (p->raced) { /* looked at again at once */
		local_result(&r, RESULT_REROUTED, STATUS(0, 0, 0), (slice){0});
		r.dest = S("local");
	} else if (p->places)
		r = p->places->then;
	else
		local_result(&r, RESULT_DELIVERED, STATUS(2, 1, 5), S("delivered to mailbox"));
	return r;
}

static void drop_done(void *arg, const struct err *e)
{
	struct drop *p = arg;
	struct job *j = p->job;
	if (e && can_be_plain(p, e)) {
		p->plain = true;
		post(p);
		return;
	}
	if (!e && p->plain && !p->missed) {
		p->missed = &p->places->v[0];
		p->missed_en = S("the folders or flags are too many for this mailbox");
		p->missed_zh = S("文件夹或标记超出此邮箱的限制");
	}
	if (!e)
		tell_missed(p);
	p->rcpt->result = outcome(p, e);
	arena_done(&p->mem);
	if (!e && !p->full && !p->raced)
		changes_tell(j->l->c.changes, p->d.account_id);
	if (j->l->posted-- == LOCAL_POSTED_MAX)
		cond_wake_all(&j->l->room);
	if (--j->pending == 0)
		local_finish(j);
}

static void post(struct drop *p)
{
	commit_post(p->job->l->c.shards[mailbox_shard(p->d.account_id)], drop_tx, drop_done, p);
}

static void start(struct drop *p)
{
	p->job->pending++;
	p->job->l->posted++;
	post(p);
}

/* ---- what is asked for ---- */

slice local_mailbox_prefix(struct job *j, const struct queue_rcpt *r, slice rest)
{
	AUTO(buf) struct buf b = BUF(LOCAL_PREFIX_MAX);
	return_path_build(&b, j->letter->m.sender);
	buf_printf(&b, "Delivered-To: %.*s\r\n", SFMT(r->address));
	buf_put(&b, rest);
	return arena_dup(&j->mem, buf_slice(&b));
}

/* What stands behind "+" in the local part, unless that is the account's own name. */
static slice detail_of(
	const struct job *j, const struct queue_rcpt *r, const struct delivery_wishes *w)
{
	slice local = slice_first(r->address, slice_rindex(r->address, '@'));
	slice detail = slice_skip(local, slice_index(local, '+') + 1);
	return j->rules->plus_folders && !slice_ieq(r->address, w->address) ? detail : S("");
}

static struct drop *drop_new(struct job *j, const struct queue_rcpt *r,
	const struct rcpt_answer *answer, slice prefix, struct settle_rcpt *ret)
{
	const struct queue_msg *m = &j->letter->m;
	struct drop *p = ARENA_NEW(&j->mem, struct drop);
	*p = (struct drop){.job = j,
		.rcpt = ret,
		.d = {.account_id = answer->account_id,
			.queue_id = m->id,
			.rcpt_idx = r->idx,
			.blob = m->blob,
			.size = m->size,
			.prefix = prefix,
			.summary = m->summary,
			.received_at = wall_now()}};
	return p;
}

void local_into_mailbox(struct job *j, const struct queue_rcpt *r, const struct rcpt_answer *answer,
	const struct delivery_wishes *w, const struct local_places *places, struct settle_rcpt *ret)
{
	const struct queue_msg *m = &j->letter->m;
	struct drop *p = drop_new(j, r, answer, local_mailbox_prefix(j, r, m->prefix), ret);
	p->places = places;
	p->quota = answer->quota;
	p->quota_messages = answer->quota_messages;
	p->junk = m->flags & MSG_JUNK;
	p->detail = detail_of(j, r, w);
	start(p);
}

/* What was sent in the name of a shared mailbox, as a mail program would put it there: seen, and whether or not
 * there is room. */
void local_into_sent(struct job *j, const struct queue_rcpt *r, const struct rcpt_answer *answer,
	struct settle_rcpt *ret)
{
	struct drop *p = drop_new(j, r, answer, j->letter->m.prefix, ret);
	p->sent = true;
	p->d.flags = MAILBOX_SEEN;
	start(p);
}
