/*
 * COPY and MOVE (RFC 9051 6.4.7, 6.4.8; COPYUID: UIDPLUS). All of them or none; MESSAGELIMIT refuses larger sets, because half
 * a copy would be worse (RFC 9738).
 */
#include "base/mem.h"
#include "proto/imap/session.h"
#include <stdio.h>

static slice copyuid(struct imap *s, const struct box_copied *c)
{
	slice from = imap_print_set(&s->mem, &c->from), to = imap_print_set(&s->mem, &c->to);
	return arena_printf(
		&s->mem, "COPYUID %u %.*s %.*s%c", c->uidvalidity, SFMT(from), SFMT(to), 0);
}

static void moved(struct imap *s, slice code)
{
	char modseq[40];
	imap_printf(s, "* OK [%s] Moved\r\n", code.p);
	imap_tell_news(s, true);
	snprintf(modseq, sizeof(modseq), "HIGHESTMODSEQ %llu", (unsigned long long)s->view->modseq);
	imap_ok(s, imap_has(s, IMAP_CONDSTORE | IMAP_QRESYNC) ? modseq : NULL, "Moved");
}

static void copy(struct imap *s, const struct uidset *uids, slice to, bool move)
{
	struct box_copied c = {0};
	struct err e = {0};
	if (!uids->count) {
		imap_ok(s, NULL, "There was nothing to do");
		return;
	}
	if (box_copy(s->view, uids, to, move, &c, &e)) {
		if (e.kind == ERR_NOTFOUND)
			imap_no(s, "TRYCREATE", "%s", e.text);
		else
			imap_fail(s, &e);
		return;
	}
	bool some = c.from.count < uids->count; /* others left meanwhile */
	if (slice_eq(to, s->view->folder.name))
		s->made = &c.to;
	slice code = copyuid(s, &c);
	if (!c.from.count)
		imap_no(s, "EXPUNGEISSUED", "These messages are no longer there");
	else if (move)
		moved(s, code);
	else
		imap_ok(s, code.p, some ? "Copied those that are still there" : "Copied");
	s->made = NULL;
	uidset_done(&c.from);
	uidset_done(&c.to);
}

static void copy_or_move(struct imap *s, bool move)
{
	AUTO(uidset) struct uidset uids = {0};
	struct imap_reader *r = &s->in;
	slice set, to;
	if (!imap_space(r) || !imap_set(r, &set) || !imap_space(r) || !imap_mailbox(r, &to) ||
		!imap_end(r)) {
		imap_complain(s);
		return;
	}
	if (!imap_resolve(s, set, &uids))
		return;
	uint64_t most = s->service->limits.messages;
	if (move && s->view->read_only) {
		imap_no(s, NULL, "The mailbox is open for reading only");
	} else if (most && uids.count > most) {
		slice code =
			arena_printf(&s->mem, "MESSAGELIMIT %llu%c", (unsigned long long)most, 0);
		imap_no(s, code.p, "More messages than one command takes");
	} else {
		copy(s, &uids, to, move);
	}
}

void imap_cmd_copy(struct imap *s)
{
	copy_or_move(s, false);
}

void imap_cmd_move(struct imap *s)
{
	copy_or_move(s, true);
}
