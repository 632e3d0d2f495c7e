/*
 * STATUS (RFC 9051 6.3.11, RFC 7162 3.1.7, RFC 8438, RFC 8474 4.3, RFC 7889, RFC 9208 4.1.4), alone, with LIST (RFC 5819) and for
 * NOTIFY. Counts are kept with the folder; only DELETED-STORAGE is added up when it is asked for.
 */
#include "proto/imap/session.h"

#include "base/mem.h"

static const struct {
	const char *name;
	enum imap_status_item item;
} items_known[] = {
	{"MESSAGES", IMAP_STATUS_MESSAGES},
	{"RECENT", IMAP_STATUS_RECENT},
	{"UIDNEXT", IMAP_STATUS_UIDNEXT},
	{"UIDVALIDITY", IMAP_STATUS_UIDVALIDITY},
	{"UNSEEN", IMAP_STATUS_UNSEEN},
	{"DELETED", IMAP_STATUS_DELETED},
	{"SIZE", IMAP_STATUS_SIZE},
	{"HIGHESTMODSEQ", IMAP_STATUS_MODSEQ},
	{"MAILBOXID", IMAP_STATUS_MAILBOXID},
	{"APPENDLIMIT", IMAP_STATUS_APPENDLIMIT},
	{"DELETED-STORAGE", IMAP_STATUS_DELETED_STORAGE},
};
enum { ITEMS = sizeof items_known / sizeof *items_known };

bool imap_status_items(struct imap_reader *r, unsigned *ret)
{
	unsigned items = 0;
	if (!imap_char(r, '('))
		return false;
	do {
		slice word;
		if (!imap_atom(r, &word))
			return false;
		size_t i = 0;
		while (i < ITEMS && !imap_is(word, items_known[i].name))
			i++;
		if (i == ITEMS)
			return imap_wrong(r, "that status item is not known");
		items |= items_known[i].item;
	} while (imap_accept(r, ' '));
	*ret = items;
	return imap_char(r, ')');
}

/* Bytes of the messages that are marked \Deleted. */
static uint64_t deleted_storage(struct imap *s, const struct box_folder *f)
{
	struct box_view *v;
	struct box_query q = {0};
	struct mailbox_message *rows;
	struct err e;
	uint64_t bytes = 0;
	size_t n;
	if (f->f.deleted == 0 || box_open(s->user, f->name, true, &v, &e) < 0)
		return 0;
	do {
		AUTO(arena) struct arena a = {0};
		if (box_rows(v, &q, &a, &rows, &n, &e) < 0)
			break;
		for (size_t i = 0; i < n; i++)
			bytes += rows[i].flags & MAILBOX_DELETED ? rows[i].size : 0;
		if (n)
			q.after = rows[n - 1].uid;
	} while (n > 0);
	box_close(v);
	return bytes;
}

static uint64_t recent(const struct mailbox_folder *f)
{
	uint64_t n = f->uidnext > f->recent_uid ? f->uidnext - f->recent_uid : 0;
	return n < f->messages ? n : f->messages;
}

static uint64_t number_of(struct imap *s, const struct box_folder *b, enum imap_status_item item)
{
	const struct mailbox_folder *f = &b->f;
	switch (item) {
	case IMAP_STATUS_MESSAGES:
		return f->messages;
	case IMAP_STATUS_RECENT:
		return recent(f);
	case IMAP_STATUS_UIDNEXT:
		return f->uidnext;
	case IMAP_STATUS_UIDVALIDITY:
		return f->uidvalidity;
	case IMAP_STATUS_UNSEEN:
		return f->unseen;
	case IMAP_STATUS_DELETED:
		return f->deleted;
	case IMAP_STATUS_SIZE:
		return f->bytes;
	case IMAP_STATUS_MODSEQ:
		return f->modseq ? f->modseq : 1;
	case IMAP_STATUS_APPENDLIMIT:
		return (uint64_t)boxes_max_message(s->service->boxes);
	case IMAP_STATUS_DELETED_STORAGE:
		return deleted_storage(s, b);
	default:
		return 0;
	}
}

void imap_put_status(struct imap *s, const struct box_folder *f, unsigned items)
{
	const char *between = "";
	uint64_t numbers[ITEMS];
	for (size_t i = 0; i < ITEMS; i++) /* may wait: before the line is begun */
		numbers[i] = items & items_known[i].item ? number_of(s, f, items_known[i].item) : 0;
	imap_put(s, S("* STATUS "));
	imap_put_mailbox(s, f->name);
	imap_put(s, S(" ("));
	for (size_t i = 0; i < ITEMS; i++) {
		if (!(items & items_known[i].item))
			continue;
		imap_putz(s, between);
		imap_putz(s, items_known[i].name);
		if (items_known[i].item == IMAP_STATUS_MAILBOXID)
			imap_printf(s, " (%.*s)", SFMT(imap_mailbox_id(&s->mem, f)));
		else
			imap_printf(s, " %llu", (unsigned long long)numbers[i]);
		between = " ";
	}
	imap_put(s, S(")\r\n"));
}

void imap_cmd_status(struct imap *s)
{
	struct imap_reader *r = &s->in;
	struct box_folder f;
	struct err e;
	slice name;
	unsigned items;
	if (!imap_space(r) || !imap_mailbox(r, &name) || !imap_space(r) ||
		!imap_status_items(r, &items) || !imap_end(r)) {
		imap_complain(s);
		return;
	}
	if (items & IMAP_STATUS_MODSEQ)
		imap_use_condstore(s);
	if (box_folder(s->user, name, &s->mem, &f, &e) < 0) {
		imap_fail(s, &e);
	} else if (!(f.rights & RIGHT_READ)) {
		imap_no(s, "NOPERM", "You may not look into that mailbox");
	} else {
		imap_put_status(s, &f, items);
		imap_ok(s, NULL, "That is its status");
	}
}
