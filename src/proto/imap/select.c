/*
 * SELECT, EXAMINE, CLOSE, UNSELECT: RFC 9051 6.3.2, 6.3.3, 6.4.1, 6.4.2; CONDSTORE and QRESYNC of RFC 7162 3.1.8, 3.2.5 and 3.2.6;
 * MAILBOXID of RFC 8474. Counts and rights come from mail/box.h in one read; qresync.c tells who comes back what it missed.
 */
#include "proto/imap/qresync.h"

#include "base/mem.h"

uint64_t imap_highest_modseq(const struct box_view *v)
{
	return v->modseq ? v->modseq : 1;
}

slice imap_mailbox_id(struct arena *a, const struct box_folder *f)
{
	return arena_printf(a, "F%lld-%lld", (long long)f->account_id, (long long)f->f.id);
}

void imap_close_view(struct imap *s)
{
	box_close(take(&s->view));
	uidset_done(&s->saved);
	buf_done(&s->keywords);
	if (s->state == IMAP_SELECTED)
		s->state = IMAP_AUTHENTICATED;
}

/* ---- what is told of the folder */

static unsigned flags_allowed(const struct box_view *v)
{
	unsigned r = v->folder.rights, f = 0;
	if (v->read_only)
		return 0;
	if (r & RIGHT_SEEN)
		f |= MAILBOX_SEEN;
	if (r & RIGHT_DELETE)
		f |= MAILBOX_DELETED;
	if (r & RIGHT_WRITE)
		f |= MAILBOX_ANSWERED | MAILBOX_FLAGGED | MAILBOX_DRAFT;
	return f;
}

static void put_flag_words(
	struct imap *s, unsigned flags, const slice *keywords, size_t n, bool star)
{
	struct mailbox_message m = {.flags = flags, .keywords = S("")};
	AUTO(buf) struct buf b = BUF(MAILBOX_FOLDER_KEYWORDS_MAX * (MAILBOX_KEYWORD_MAX + 1) + 8);
	for (size_t i = 0; i < n; i++) {
		if (b.n)
			buf_byte(&b, ' ');
		buf_put(&b, keywords[i]);
	}
	if (star)
		buf_put(&b, b.n ? S(" \\*") : S("\\*"));
	m.keywords = buf_slice(&b);
	imap_put_flags(s, &m); /* UID 0 is not recent */
}

void imap_tell_flags(struct imap *s, const slice *keywords, size_t n)
{
	enum {
		ALL = MAILBOX_SEEN | MAILBOX_ANSWERED | MAILBOX_FLAGGED | MAILBOX_DELETED |
		      MAILBOX_DRAFT
	};
	unsigned allowed = flags_allowed(s->view);
	bool may = allowed & MAILBOX_FLAGGED;
	s->keywords.limit = MAILBOX_FOLDER_KEYWORDS_MAX * (MAILBOX_KEYWORD_MAX + 1) * 2;
	for (size_t i = 0; i < n; i++)
		imap_know_keywords(s, keywords[i]);
	imap_put(s, S("* FLAGS "));
	put_flag_words(s, ALL, keywords, n, false);
	imap_put(s, S("\r\n* OK [PERMANENTFLAGS "));
	put_flag_words(s, allowed, keywords, may ? n : 0, may);
	imap_put(s, S("] Flags that can be changed\r\n"));
}

static void tell_unseen(struct imap *s, uint32_t uid)
{
	if (uid && uidset_has(&s->view->uids, uid))
		imap_printf(s, "* OK [UNSEEN %u] First unseen\r\n", imap_number_of(s, uid));
}

static void tell_folder(struct imap *s, const struct box_selected *more)
{
	const struct box_view *v = s->view;
	bool rev2 = imap_has(s, IMAP_REV2);
	imap_tell_flags(s, more->keywords, more->nkeywords);
	imap_tell_exists(s);
	if (!rev2)
		tell_unseen(s, more->first_unseen);
	slice id = imap_mailbox_id(&s->mem, &v->folder);
	imap_printf(s,
		"* OK [UIDVALIDITY %u] UIDs valid\r\n* OK [UIDNEXT %u] Next UID\r\n"
		"* OK [HIGHESTMODSEQ %llu] Highest\r\n* OK [MAILBOXID (%.*s)] Id\r\n",
		v->folder.f.uidvalidity, v->folder.f.uidnext,
		(unsigned long long)imap_highest_modseq(v), SFMT(id));
	if (rev2) {
		imap_put(s, S("* LIST () \"/\" "));
		imap_put_mailbox(s, v->folder.name);
		imap_put(s, S("\r\n"));
	}
}

/* ---- the commands */

static bool read_params(struct imap *s, struct imap_qresync *q, bool *ret_condstore)
{
	struct imap_reader *r = &s->in;
	slice word;
	if (!imap_accept(r, ' '))
		return imap_end(r);
	if (!imap_char(r, '('))
		return false;
	do {
		if (!imap_atom(r, &word))
			return false;
		if (imap_is(word, "CONDSTORE"))
			*ret_condstore = true;
		else if (!imap_is(word, "QRESYNC"))
			return imap_wrong(r, "that parameter of SELECT is not known");
		else if (!imap_has(s, IMAP_QRESYNC))
			return imap_wrong(r, "QRESYNC was not enabled");
		else if (!imap_qresync_read(r, q))
			return false;
		else if (q->match_numbers.p && imap_has(s, IMAP_UIDONLY))
			return imap_wrong_number(r);
	} while (imap_accept(r, ' '));
	return imap_char(r, ')') && imap_end(r);
}

static void forget_old(struct imap *s)
{
	if (!s->view)
		return;
	imap_close_view(s);
	imap_put(s, S("* OK [CLOSED] The mailbox before is closed\r\n"));
}

static void selected(struct imap *s, const struct box_selected *more, const struct imap_qresync *q)
{
	s->state = IMAP_SELECTED;
	tell_folder(s, more);
	if (q->given)
		imap_qresync_tell(s, q);
	imap_ok(s, s->view->read_only ? "READ-ONLY" : "READ-WRITE", "%s",
		s->view->read_only ? "Only for reading" : "Selected");
}

static void open_folder(struct imap *s, bool read_only)
{
	struct imap_reader *r = &s->in;
	struct imap_qresync q = {0};
	struct box_selected more = {0};
	struct err e;
	slice name;
	bool condstore = false;
	if (!imap_space(r) || !imap_mailbox(r, &name) || !read_params(s, &q, &condstore)) {
		imap_complain(s);
		return;
	}
	forget_old(s);
	if (condstore)
		s->enabled |= IMAP_CONDSTORE;
	bool first_unseen = !imap_has(s, IMAP_REV2 | IMAP_UIDONLY); /* it is a number */
	if (box_select(s->user, name, read_only, first_unseen, &s->mem, &more, &s->view, &e) < 0)
		imap_fail(s, &e);
	else
		selected(s, &more, &q);
}

void imap_cmd_select(struct imap *s)
{
	open_folder(s, false);
}

void imap_cmd_examine(struct imap *s)
{
	open_folder(s, true);
}

void imap_cmd_close(struct imap *s)
{
	AUTO(uidset) struct uidset gone = {0};
	uint64_t modseq = 0;
	struct err e;
	if (!imap_end(&s->in)) {
		imap_complain(s);
		return;
	}
	if (!s->view->read_only && (s->view->folder.rights & RIGHT_EXPUNGE) &&
		box_expunge(s->view, NULL, false, &gone, &modseq, &e) < 0) {
		imap_fail(s, &e);
		return;
	}
	imap_close_view(s);
	imap_ok(s, NULL, "Closed");
}

void imap_cmd_unselect(struct imap *s)
{
	if (!imap_end(&s->in)) {
		imap_complain(s);
		return;
	}
	imap_close_view(s);
	imap_ok(s, NULL, "Closed");
}
