/*
 * QRESYNC of SELECT (qresync.h; RFC 7162 3.2.5.1, 3.2.5.2). What left is looked up in the log of removals; when that does not go back
 * far enough, all UIDs that the client may know and that are not there are told, which is correct and only longer.
 */
#include "proto/imap/qresync.h"

#include "base/mem.h"
#include "run/log.h"

bool imap_qresync_read(struct imap_reader *r, struct imap_qresync *ret)
{
	struct imap_qresync q = {.given = true};
	uint64_t validity;
	if (!imap_space(r) || !imap_char(r, '(') || !imap_number(r, UINT32_MAX, &validity) ||
		!imap_space(r) || !imap_number(r, INT64_MAX, &q.modseq))
		return false;
	q.uidvalidity = (uint32_t)validity;
	if (imap_accept(r, ' ') && imap_peek(r) != '(' &&
		(!imap_set(r, &q.known) || (imap_peek(r) == ' ' && !imap_space(r))))
		return false;
	if (imap_accept(r, '(') && (!imap_set(r, &q.match_numbers) || !imap_space(r) ||
					   !imap_set(r, &q.match_uids) || !imap_char(r, ')')))
		return false;
	if (!imap_char(r, ')'))
		return false;
	if (validity == 0 || (q.known.p && memchr(q.known.p, '*', q.known.n)))
		return imap_wrong(r, "that is no QRESYNC parameter");
	*ret = q;
	return true;
}

/* The highest UID up to which client and folder agree: pairs of number and UID that are still true. */
static uint32_t agreed_up_to(struct imap *s, const struct imap_qresync *q)
{
	AUTO(uidset) struct uidset numbers = {0}, uids = {0};
	uint32_t agreed = 0, n = 0, u = 0;
	if (!q->match_numbers.p || !imap_parse_set(q->match_numbers, 0, &numbers) ||
		!imap_parse_set(q->match_uids, 0, &uids))
		return 0;
	while ((n = uidset_next(&numbers, n + 1)) && (u = uidset_next(&uids, u + 1))) {
		if (uidset_at(&s->view->uids, n - 1) != u)
			break;
		agreed = u;
		if (n == UINT32_MAX || u == UINT32_MAX)
			break;
	}
	return agreed;
}

/* All that the client may know and that is not there. */
static void all_missing(struct imap *s, const struct imap_qresync *q, struct uidset *out)
{
	const struct box_view *v = s->view;
	uint32_t from = agreed_up_to(s, q) + 1;
	if (v->folder.f.uidnext > from)
		uidset_add(out, from, v->folder.f.uidnext - 1);
	uidset_drop(out, &v->uids);
}

static void tell_gone(struct imap *s, const struct imap_qresync *q, const struct uidset *known)
{
	AUTO(uidset) struct uidset gone = {0};
	struct err e;
	if (box_vanished(s->view, q->modseq, &gone, &e) < 0) {
		if (e.kind != ERR_NOTFOUND)
			log_warn(NULL, "imap.vanished", F("error", e.text));
		uidset_done(&gone);
		all_missing(s, q, &gone);
	}
	if (known)
		uidset_keep(&gone, known);
	uidset_drop(&gone, &s->view->uids);
	imap_tell_vanished(s, &gone, true);
}

static void tell_changed(struct imap *s, const struct imap_qresync *q, const struct uidset *known)
{
	struct box_query query = {.uids = known, .since = q->modseq};
	struct mailbox_message *rows;
	struct err e;
	size_t n;
	do {
		AUTO(arena) struct arena a = {0};
		if (box_rows(s->view, &query, &a, &rows, &n, &e) < 0) {
			log_warn(NULL, "imap.changed", F("error", e.text));
			return;
		}
		for (size_t i = 0; i < n && !s->lost; i++)
			imap_put_fetch_flags(s, &rows[i], true);
		if (n)
			query.after = rows[n - 1].uid;
	} while (n > 0 && !s->lost);
}

void imap_qresync_tell(struct imap *s, const struct imap_qresync *q)
{
	AUTO(uidset) struct uidset known = {0};
	if (q->uidvalidity != s->view->folder.f.uidvalidity)
		return;
	if (q->known.p)
		imap_parse_set(q->known, 0, &known);
	const struct uidset *k = q->known.p ? &known : NULL;
	tell_gone(s, q, k);
	tell_changed(s, q, k);
}
