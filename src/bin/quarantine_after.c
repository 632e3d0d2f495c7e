/*
 * What follows when something was done to held mail and is durable (quarantine_act.h): the queue is woken, senders
 * come on lists, the filter learns. Nothing of this undoes the deed: what could not be done is said.
 * Doing the deed again does what was missing; entries and lessons told twice count once.
 */
#include "base/mem.h"
#include "bin/quarantine_act.h"
#include "bin/quarantine_conf.h"
#include "run/log.h"

static void note(struct quarantine_outcome *o, struct arena *a, const char *what, const char *why)
{
	o->done.note = arena_printf(
		a, "%.*s%s%s: %s", SFMT(o->done.note), o->done.note.n ? "; " : "", what, why);
}

/* An entry on the recipient's own list; without a recipient that is one's own, nothing. */
static int add_entry(const struct quarantine_hands *h, const struct quarantine_request *r,
	slice sender, slice rcpt, struct arena *a, struct err *e)
{
	char id[MSG_ID_TEXT];
	struct sql *db;
	size_t bad;
	msg_id_print(r->id, id);
	struct lists_entry entry = {.level = LISTS_USER,
		.scope = rcpt,
		.kind = LISTS_ADDRESS,
		.what = sender,
		.allow = r->verb == QUARANTINE_ALLOW,
		.created_at = r->now,
		.created_by = r->who.name,
		.comment = arena_printf(a, "quarantine %s", id)};
	if (lists_canonical(&entry, false, a, e) < 0 || sql_open(h->data, "directory", &db, e) < 0)
		return -1;
	int64_t n = lists_add(db, &entry, 1, &bad, e);
	sql_close(db);
	return n < 0 ? -1 : 0;
}

static void list_sender(const struct quarantine_hands *h, const struct quarantine_request *r,
	struct quarantine_outcome *o, struct arena *a)
{
	const char *what = r->verb == QUARANTINE_ALLOW ? "the sender was not allowed"
						       : "the sender was not blocked";
	slice sender = quarantine_sender_of(&o->m);
	struct err e;
	if (!sender.n) {
		note(o, a, what, "the message names none");
		return;
	}
	for (size_t i = 0; i < o->m.nrcpts; i++)
		if ((r->idx < 0 || o->m.rcpts[i].idx == r->idx) &&
			add_entry(h, r, sender, o->m.rcpts[i].address, a, &e) < 0) {
			note(o, a, what, e.text);
			return;
		}
}

/* Whose word it is: a recipient's teaches his own layer, an administrator's everybody's. */
static void teach(const struct quarantine_hands *h, const struct quarantine_request *r,
	struct quarantine_outcome *o, struct arena *a)
{
	struct err e;
	bool spam = r->verb == QUARANTINE_BLOCK || r->verb == QUARANTINE_DELETE;
	slice who = {0};
	if (o->m.class == QUARANTINE_VIRUS || o->m.class == QUARANTINE_APPROVAL)
		return; /* that one was let through says nothing about mail like it */
	if (r->who.role == QUARANTINE_RECIPIENT && !h->conf->teach)
		return;
	if (!h->teach) {
		note(o, a, "nothing was learned", "nobody is there who learns");
		return;
	}
	if (r->who.role == QUARANTINE_RECIPIENT)
		for (size_t i = 0; i < o->m.nrcpts; i++)
			if (o->m.rcpts[i].idx == r->idx)
				who = o->m.rcpts[i].address;
	if (h->teach(h->arg, &o->m, who, spam, &e) < 0)
		note(o, a, "nothing was learned", e.text);
}

static const char *verb_name(enum quarantine_verb v)
{
	switch (v) {
	case QUARANTINE_PREVIEW:
		return "preview";
	case QUARANTINE_RELEASE:
		return "release";
	case QUARANTINE_ALLOW:
		return "allow";
	case QUARANTINE_BLOCK:
		return "block";
	case QUARANTINE_DELETE:
		return "delete";
	case QUARANTINE_ASK:
		return "ask";
	case QUARANTINE_DOWNLOAD:
		return "download";
	case QUARANTINE_HEADERS:
		return "headers";
	case QUARANTINE_APPROVE_IT:
		return "approve";
	case QUARANTINE_REFUSE_IT:
		return "refuse";
	case QUARANTINE_UNDO:
		return "undo";
	}
	return "?";
}

void quarantine_act_after(const struct quarantine_hands *h, const struct quarantine_request *r,
	struct quarantine_outcome *o, struct arena *a)
{
	bool lists = r->verb == QUARANTINE_ALLOW || r->verb == QUARANTINE_BLOCK;
	bool teaches = lists || r->verb == QUARANTINE_RELEASE || r->verb == QUARANTINE_DELETE;
	char id[MSG_ID_TEXT];
	msg_id_print(r->id, id);
	if (o->queued.id && h->queued)
		h->queued(h->arg, &o->queued);
	if (lists)
		list_sender(h, r, o, a);
	if (r->teach && teaches && (o->done.changed || lists))
		teach(h, r, o, a);
	log_info(NULL, "quarantine.deed", F("what", verb_name(r->verb)), F("id", id),
		F("idx", (int64_t)r->idx), F("by", r->who.name),
		F("changed", (int64_t)o->done.changed), F("operation", r->deed));
}
