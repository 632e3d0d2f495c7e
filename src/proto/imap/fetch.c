/*
 * FETCH, UID FETCH (RFC 9051 6.4.5; CONDSTORE and QRESYNC RFC 7162, PARTIAL RFC 9394, MESSAGELIMIT RFC 9738, UIDONLY RFC 9586): rows are
 * read in pieces, what is asked for is told from them and from summaries; bytes of messages by fetch_body.c. \Seen is set
 * for a piece at once, before it is told.
 */
#include "proto/imap/fetch.h"
#include "base/mem.h"
#include "base/time.h"
#include "run/log.h"
#include <stdio.h>
#include <time.h>

bool imap_limit_messages(struct imap *s, struct uidset *u)
{
	uint64_t most = s->service->limits.messages;
	if (!most || u->count <= most)
		return false;
	uint32_t first = uidset_at(u, u->count - most);
	if (first > 1)
		uidset_remove(u, 1, first - 1);
	return true;
}

static void put_flags(struct imap *s, struct buf *out, const struct mailbox_message *m)
{
	static const slice names[] = {S_INIT("\\Seen"), S_INIT("\\Answered"), S_INIT("\\Flagged"),
		S_INIT("\\Deleted"), S_INIT("\\Draft")};
	buf_put(out, S("FLAGS ("));
	size_t empty = out->n;
	for (unsigned i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (m->flags & 1u << i) {
			if (out->n > empty)
				buf_byte(out, ' ');
			buf_put(out, names[i]);
		}
	if (m->keywords.n) {
		if (out->n > empty)
			buf_byte(out, ' ');
		buf_put(out, m->keywords);
	}
	if (!imap_has(s, IMAP_REV2) && uidset_has(&s->view->recent, m->uid)) {
		if (out->n > empty)
			buf_byte(out, ' ');
		buf_put(out, S("\\Recent"));
	}
	buf_byte(out, ')');
}

static void put_number(struct buf *out, uint64_t v)
{
	char digits[20], *p = digits + sizeof(digits);
	do
		*--p = (char)('0' + v % 10);
	while (v /= 10);
	buf_put(out, slice_of(p, (size_t)(digits + sizeof(digits) - p)));
}

static void put_date(struct buf *out, int64_t usec)
{
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	time_t seconds = (time_t)(usec / SECOND - (usec % SECOND < 0));
	struct tm tm;
	if (!gmtime_r(&seconds, &tm))
		tm = (struct tm){.tm_mday = 1, .tm_year = 70};
	buf_printf(out, "\"%2d-%.3s-%04d %02d:%02d:%02d +0000\"", tm.tm_mday,
		months + 3 * tm.tm_mon, tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

/* " NAME" behind what is there already. */
static void name(struct buf *out, slice v)
{
	if (out->p[out->n - 1] != '(')
		buf_byte(out, ' ');
	buf_put(out, v);
}

/* What the row tells. */
static void put_row(
	struct imap *s, struct fetch *f, const struct mailbox_message *m, unsigned items)
{
	struct buf *out = &f->line;
	if (items & FETCH_UID) {
		name(out, S("UID "));
		put_number(out, m->uid);
	}
	if (items & FETCH_MODSEQ) {
		name(out, S("MODSEQ ("));
		put_number(out, m->modseq);
		buf_byte(out, ')');
	}
	if (items & FETCH_FLAGS) {
		name(out, (slice){0});
		put_flags(s, out, m);
	}
	if (items & FETCH_DATE) {
		name(out, S("INTERNALDATE "));
		put_date(out, m->received_at);
	}
	if (items & FETCH_SIZE) {
		name(out, S("RFC822.SIZE "));
		put_number(out, m->size);
	}
	if (items & FETCH_SAVED) {
		name(out, S("SAVEDATE "));
		if (m->saved_at)
			put_date(out, m->saved_at);
		else
			buf_put(out, S("NIL"));
	}
	if (items & FETCH_EMAIL) {
		name(out, S("EMAILID "));
		buf_printf(out, "(M%lld-%lld)", (long long)m->account_id, (long long)m->email_id);
	}
	if (items & FETCH_THREAD) {
		name(out, S("THREADID "));
		if (m->thread_id)
			buf_printf(out, "(T%lld-%lld)", (long long)m->account_id,
				(long long)m->thread_id);
		else
			buf_put(out, S("NIL"));
	}
}

/* Bodies that cannot be given: what else was asked for is told nevertheless. */
static void no_bodies(struct fetch *f, const struct err *e)
{
	if (e->kind == ERR_NOTFOUND) {
		f->missing++;
		return;
	}
	if (!f->denied && !f->failed)
		f->why = *e;
	if (e->kind == ERR_DENIED)
		f->denied++;
	else
		f->failed++;
}

static void put_preview(
	struct imap *s, struct fetch *f, const struct mailbox_message *m, const struct summary *sum)
{
	AUTO(buf) struct buf made = BUF(8 * SUMMARY_PREVIEW_MAX);
	slice v = summary_text(sum, 0, SUMMARY_PREVIEW);
	struct err e;
	name(&f->line, S("PREVIEW "));
	if ((sum->flags & SUMMARY_NO_PREVIEW) && (f->items & FETCH_PREVIEW_LAZY)) {
		buf_put(&f->line, S("NIL"));
		return;
	}
	if (sum->flags &
		SUMMARY_NO_PREVIEW) { /* NIL only to LAZY (RFC 8970 3.2): else the command fails */
		if (fetch_preview(s, m, &made, &e))
			no_bodies(f, &e);
		v = buf_slice(&made);
	}
	fetch_string(&f->line, v.p ? v : S(""), s->in.utf8);
}

/* What the summary tells. */
static void put_summary(
	struct imap *s, struct fetch *f, const struct mailbox_message *m, const struct summary *sum)
{
	if (f->items & FETCH_ENVELOPE) {
		name(&f->line, S("ENVELOPE "));
		fetch_envelope(&f->line, sum, 0, s->in.utf8);
	}
	if (f->items & FETCH_BODY) {
		name(&f->line, S("BODY "));
		fetch_structure(&f->line, sum, false, s->in.utf8);
	}
	if (f->items & FETCH_STRUCTURE) {
		name(&f->line, S("BODYSTRUCTURE "));
		fetch_structure(&f->line, sum, true, s->in.utf8);
	}
	if (f->items & FETCH_PREVIEW)
		put_preview(s, f, m, sum);
}

enum { FETCH_OF_SUMMARY = FETCH_ENVELOPE | FETCH_BODY | FETCH_STRUCTURE | FETCH_PREVIEW };

static bool wants_summary(const struct fetch *f)
{
	return (f->items & FETCH_OF_SUMMARY) || f->nbodies;
}

static int open_summary(struct imap *s, struct fetch *f, const struct mailbox_message *m,
	struct summary *ret, struct err *e)
{
	enum { NEED_ALL = FETCH_ENVELOPE | FETCH_BODY | FETCH_STRUCTURE };
	if (!summary_open(m->summary, ret))
		return err_set(e, ERR_TEMP, "the structure of a message is not known now");
	if (!(ret->flags & SUMMARY_CUT) || !((f->items & NEED_ALL) || f->nbodies))
		return 0;
	struct summary whole;
	buf_reset(&f->whole);
	if (fetch_whole(s, m, &f->whole, e))
		return -1;
	if (summary_open(buf_slice(&f->whole), &whole))
		*ret = whole;
	return 0;
}

static void put_message(struct imap *s, struct fetch *f, const struct mailbox_message *m)
{
	struct summary sum;
	struct err e = {0};
	unsigned items = f->items;
	if (wants_summary(f) && open_summary(s, f, m, &sum, &e)) {
		no_bodies(f, &e);
		return;
	}
	const unsigned news = FETCH_FLAGS | (imap_has(s, IMAP_CONDSTORE) ? FETCH_MODSEQ : 0);
	if (uidset_has(&f->seen_now, m->uid))
		items |= news;
	if (m->modseq > s->view->modseq && (items & news) == news) {
		imap_tell_keywords(s, m);
		imap_tell_not_again(s, m);
	}
	bool uidonly = imap_has(s, IMAP_UIDONLY);
	buf_reset(&f->line);
	buf_put(&f->line, S("* "));
	put_number(&f->line, uidonly ? m->uid : imap_number_of(s, m->uid));
	buf_put(&f->line, uidonly ? S(" UIDFETCH (") : S(" FETCH ("));
	size_t empty = f->line.n;
	put_row(s, f, m, items);
	if (f->items & FETCH_OF_SUMMARY)
		put_summary(s, f, m, &sum);
	bool others = (items & ~(unsigned)FETCH_UID) != 0;
	if (f->nbodies && fetch_bodies(s, f, m, &sum, &e)) {
		no_bodies(f, &e);
		if (!others)
			return;
	}
	if (f->line.n == empty && !f->nbodies)
		return;
	buf_put(&f->line, S(")\r\n"));
	if (buf_ok(&f->line))
		imap_put(s, buf_slice(&f->line));
	s->summary.messages++;
}

/* Those of a piece that become \Seen by being read (RFC 9051 6.4.5). */
static int see(struct imap *s, struct fetch *f, struct mailbox_message *v, size_t n, struct err *e)
{
	AUTO(uidset) struct uidset unseen = {0}, changed = {0}, failed = {0};
	uint64_t modseq = 0;
	for (size_t i = 0; i < n; i++)
		if (!(v[i].flags & MAILBOX_SEEN) && box_content_given(s->view, &v[i]))
			uidset_add(&unseen, v[i].uid, v[i].uid);
	if (!unseen.count)
		return 0;
	const struct box_store store = {.uids = &unseen,
		.how = MAILBOX_FLAGS_ADD,
		.flags = MAILBOX_SEEN,
		.unchanged_since = UINT64_MAX};
	if (box_store(s->view, &store, &changed, &failed, &modseq, e))
		return -1;
	for (size_t i = 0; i < n; i++)
		if (uidset_has(&changed, v[i].uid)) {
			v[i].flags |= MAILBOX_SEEN;
			v[i].modseq = modseq;
		}
	uidset_join(&f->seen_now, &changed);
	imap_tell_not(s, &changed, modseq);
	return 0;
}

static int pieces(struct imap *s, struct fetch *f, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct box_query q = {.uids = &f->uids, .since = f->changed_since};
	uint64_t told = 0;
	q.want = (wants_summary(f) ? MAILBOX_WANT_SUMMARY : 0) |
		 (f->nbodies || (f->items & (FETCH_EMAIL | FETCH_THREAD | FETCH_PREVIEW))
				 ? MAILBOX_WANT_EMAIL
				 : 0);
	bool see_too = f->seen && !s->view->read_only && (s->view->folder.rights & RIGHT_SEEN);
	uint32_t last = uidset_last(&f->uids);
	while (q.after < last && !s->lost) {
		struct mailbox_message *v;
		size_t n;
		arena_reset(&a);
		if (box_rows(s->view, &q, &a, &v, &n, e))
			return -1;
		if (!n)
			break;
		if (see_too && see(s, f, v, n, e))
			return -1;
		for (size_t i = 0; i < n && !s->lost; i++)
			put_message(s, f, &v[i]);
		told += n;
		q.after = v[n - 1].uid;
	}
	if (!f->changed_since && told < f->uids.count && !s->lost)
		f->missing += f->uids.count - told;
	return 0;
}

/* UIDs of the set that left since CHANGEDSINCE (RFC 7162 3.2.6). When that is no longer known: all of the set that are not there. */
static int vanished(struct imap *s, struct fetch *f, struct err *e)
{
	AUTO(uidset) struct uidset asked = {0}, gone = {0};
	uint32_t star = uidset_last(&s->view->uids);
	if (slice_eq(f->set, S("$")))
		uidset_copy(&asked, &s->saved);
	else if (!imap_parse_set(f->set, star, &asked))
		return 0;
	if (box_vanished(s->view, f->changed_since, &gone, e)) {
		if (e->kind != ERR_NOTFOUND)
			return -1;
		uint32_t next = s->view->folder.f.uidnext;
		uidset_copy(&gone, &asked);
		uidset_drop(&gone, &s->view->uids);
		uidset_remove(&gone, next > star ? next : star + 1, UINT32_MAX);
	}
	uidset_keep(&gone, &asked);
	imap_tell_vanished(s, &gone, true);
	return 0;
}

static void finish(struct imap *s, struct fetch *f, bool limited)
{
	char code[64];
	if (f->denied)
		imap_no(s, NULL, "%zu message%s not given: %s", f->denied,
			f->denied > 1 ? "s were" : " was", f->why.text);
	else if (f->failed)
		imap_fail(s, &f->why);
	else if (f->unknown_encoding)
		imap_no(s, "UNKNOWN-CTE", "A part's encoding cannot be undone here");
	else if (f->missing && !s->uid)
		imap_ok(s, "EXPUNGEISSUED", "Some of these messages are no longer there");
	else if (limited) {
		snprintf(code, sizeof(code), "MESSAGELIMIT %llu %u",
			(unsigned long long)s->service->limits.messages,
			f->uids.n ? f->uids.v[0].first : 1);
		imap_ok(s, code, "Done for the last ones");
	} else
		imap_ok(s, NULL, "Fetched");
}

static void fetch(struct imap *s, struct fetch *f)
{
	struct err e = {0};
	if (!fetch_args(s, f)) {
		imap_complain(s);
		return;
	}
	if (!imap_resolve(s, f->set, &f->uids))
		return;
	if (f->items & FETCH_MODSEQ)
		imap_use_condstore(s);
	if (f->vanished && vanished(s, f, &e)) {
		imap_fail(s, &e);
		return;
	}
	if (f->partial)
		imap_partial_keep(&f->range, &f->uids);
	bool limited = imap_limit_messages(s, &f->uids);
	if (s->uid && !imap_has(s, IMAP_UIDONLY))
		f->items |= FETCH_UID;
	if (pieces(s, f, &e))
		imap_fail(s, &e);
	else
		finish(s, f, limited);
}

static struct fetch new_fetch(void)
{
	return (struct fetch){.line = BUF(FETCH_LINE_MAX),
		.piece = BUF(IMAP_SECTION_HEADER + 16),
		.whole = BUF(FETCH_LINE_MAX)};
}

static void end_fetch(struct fetch *f)
{
	buf_done(&f->line);
	buf_done(&f->piece);
	buf_done(&f->whole);
	uidset_done(&f->uids);
	uidset_done(&f->seen_now);
}

void imap_cmd_fetch(struct imap *s)
{
	struct fetch f = new_fetch();
	fetch(s, &f);
	end_fetch(&f);
}

/* ---- for NOTIFY (RFC 5465 5.2) */

/* Has the reader read "1 ITEMS" instead of what the client says; its place is kept. */
static bool read_items(struct imap *s, slice items, struct fetch *f)
{
	struct imap_reader kept = s->in;
	slice text = arena_printf(&s->mem, " 1 %.*s", SFMT(items));
	s->in.p = text.p;
	s->in.end = text.p + text.n;
	s->in.bad = s->in.too_big = s->in.ended = false;
	bool good = fetch_args(s, f);
	uint64_t left = s->in.command_left;
	s->in = kept;
	s->in.command_left = left;
	return good;
}

bool imap_fetch_check(struct imap *s, slice items)
{
	struct fetch f = new_fetch();
	bool good = read_items(s, items, &f) && !f.seen;
	end_fetch(&f);
	return good;
}

void imap_fetch_new(struct imap *s, slice items, const struct uidset *uids)
{
	struct fetch f = new_fetch();
	struct err e;
	if (read_items(s, items, &f)) {
		uidset_copy(&f.uids, uids);
		f.items |= FETCH_UID;
		if (pieces(s, &f, &e) < 0)
			log_warn(NULL, "imap.notify.fetch", F("error", e.text));
	}
	end_fetch(&f);
}
