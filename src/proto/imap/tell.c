/*
 * Telling what happened in the selected folder (RFC 9051 section 7.4, 7.5; RFC 7162 3.1.4, 3.2.10; RFC 9586): asked of mail/box.h,
 * which brings the view up to date. Called by every tagged answer (reply.c), by IDLE and NOTIFY, and by STORE for what it did itself.
 */
#include "proto/imap/session.h"

#include "base/mem.h"
#include "run/log.h"

void imap_tell_vanished(struct imap *s, const struct uidset *u, bool earlier)
{
	if (u->count == 0)
		return;
	imap_put(s, earlier ? S("* VANISHED (EARLIER) ") : S("* VANISHED "));
	imap_put_set(s, u);
	imap_put(s, S("\r\n"));
}

/* A run of neighbours leaves by saying one number again and again: each takes the place of the one before it. */
static void tell_expunged(struct imap *s, const struct uidset *gone, const struct uidset *before)
{
	uint64_t taken = 0;
	for (size_t i = 0; i < gone->n; i++) {
		uint64_t number = uidset_position(before, gone->v[i].first) + 1 - taken;
		uint64_t n = (uint64_t)gone->v[i].last - gone->v[i].first + 1;
		for (uint64_t k = 0; k < n && !s->lost; k++) {
			imap_put(s, S("* "));
			imap_put_number(s, number);
			imap_put(s, S(" EXPUNGE\r\n"));
		}
		taken += n;
	}
}

void imap_tell_exists(struct imap *s)
{
	const struct box_view *v = s->view;
	imap_printf(s, "* %llu EXISTS\r\n", (unsigned long long)v->uids.count);
	if (imap_has(s, IMAP_REV2))
		return;
	imap_printf(s, "* %llu RECENT\r\n", (unsigned long long)box_recent_count(v));
}

void imap_put_fetch_flags(struct imap *s, const struct mailbox_message *m, bool with_uid)
{
	bool uidonly = imap_has(s, IMAP_UIDONLY);
	imap_put(s, S("* "));
	imap_put_number(s, uidonly ? m->uid : imap_number_of(s, m->uid));
	imap_put(s, uidonly ? S(" UIDFETCH (") : S(" FETCH ("));
	if (!uidonly && (with_uid || imap_has(s, IMAP_QRESYNC))) {
		imap_put(s, S("UID "));
		imap_put_number(s, m->uid);
		imap_put(s, S(" "));
	}
	if (imap_has(s, IMAP_CONDSTORE)) {
		imap_put(s, S("MODSEQ ("));
		imap_put_number(s, m->modseq);
		imap_put(s, S(") "));
	}
	imap_put(s, S("FLAGS "));
	imap_put_flags(s, m);
	imap_put(s, S(")\r\n"));
}

void imap_use_condstore(struct imap *s)
{
	if (imap_has(s, IMAP_CONDSTORE))
		return;
	s->enabled |= IMAP_CONDSTORE;
	if (s->view)
		imap_printf(s, "* OK [HIGHESTMODSEQ %llu] Highest\r\n",
			(unsigned long long)imap_highest_modseq(s->view));
}

/* ---- keywords: a new one in the folder is told before a message shows it (RFC 9051 7.3.5) */

static bool is_known(const struct buf *known, slice keyword)
{
	slice all = buf_slice(known), one;
	while (slice_cut(&all, ' ', &one))
		if (slice_ieq(one, keyword))
			return true;
	return false;
}

void imap_know_keywords(struct imap *s, slice keywords)
{
	if (s->keywords.n)
		buf_byte(&s->keywords, ' ');
	buf_put(&s->keywords, keywords);
}

static bool all_known(struct imap *s, slice keywords)
{
	slice one;
	while (slice_cut(&keywords, ' ', &one))
		if (one.n && !is_known(&s->keywords, one))
			return false;
	return true;
}

void imap_tell_keywords(struct imap *s, const struct mailbox_message *m)
{
	slice *keywords;
	size_t n;
	struct err e;
	if (!s->view || all_known(s, m->keywords))
		return;
	if (box_keywords(s->view, &s->mem, &keywords, &n, &e) == 0) {
		buf_reset(&s->keywords);
		imap_tell_flags(s, keywords, n);
	}
	if (!all_known(s, m->keywords))
		imap_know_keywords(s, m->keywords);
}

/* ---- news */

static void tell_changed(struct imap *s, const struct box_news *n)
{
	uint32_t new_from = n->ncame ? n->came[0] : UINT32_MAX;
	for (size_t i = 0; i < n->nchanged && !s->lost; i++) {
		const struct mailbox_message *m = &n->changed[i];
		if (m->uid >= new_from || imap_was_told(s, m) ||
			!uidset_has(&s->view->uids, m->uid))
			continue;
		imap_tell_keywords(s, m);
		imap_put_fetch_flags(s, m, true);
	}
}

static void tell(struct imap *s, struct box_news *n)
{
	if (imap_has(s, IMAP_QRESYNC | IMAP_UIDONLY))
		imap_tell_vanished(s, &n->gone, false);
	else
		tell_expunged(s, &n->gone, &n->before);
	if (n->ncame) {
		imap_tell_exists(s);
		imap_notify_came(s, n->came, n->ncame);
	}
	if (imap_hears_flags(s) || (s->command && (s->command->flags & IMAP_CHANGES)))
		tell_changed(s, n);
}

void imap_tell_news(struct imap *s, bool expunges)
{
	struct box_news n = {0};
	struct err e;
	if (!s->view || s->ending)
		return;
	if (box_sync(s->view, expunges, &s->mem, &n, &e) < 0) {
		if (e.kind == ERR_NOTFOUND || e.kind == ERR_DENIED)
			imap_bye(s, "folder", "The selected mailbox is gone");
		else
			log_warn(NULL, "imap.news", F("kind", err_kind_name(e.kind)),
				F("error", e.text));
		return;
	}
	if (n.folder_gone)
		imap_bye(s, "folder", "The selected mailbox is gone");
	else if (n.any)
		tell(s, &n);
	uidset_done(&n.gone);
	uidset_done(&n.before);
}
