/*
 * Letters to addresses that belong to a list (queue_maillist.h): commands, confirmations, moderators' answers, bounces. They are read
 * in a scan process (codec/bounce_in.h). What machines wrote is never answered. Whoever proves nothing can at most have one letter an
 * hour sent to the address that he named, which asks whether it was him; a moderator's word counts only in a letter that his own
 * domain vouches for, with the token that was sent to him.
 *
 * Bounces count by the token in their address. Without one only our own reports count, which name the recipient: a stranger's report
 * about somebody else proves nothing.
 */
#include "base/mem.h"
#include "bin/queue_maillist.h"
#include "bin/scan.h"
#include "codec/address.h"
#include "codec/header.h"
#include "codec/json_read.h"
#include "run/log.h"
#include "run/metrics.h"

METRIC_COUNTER(
	bounces, "posthouse_maillist_bounces_total", "", "Bounces of members of mailing lists.");
METRIC_COUNTER(disabled, "posthouse_maillist_disabled_total", "",
	"Members who get no more mail because of bounces.");

/* One letter. */
struct letter_in {
	struct maillist_work *k;
	json_t *said;
	slice author, name;
	bool proven;
	enum maillist_command command;
	const char *done; /* for the trace */
	struct maillist_token token;
	/* bounces */
	int64_t weight;
	slice text;
	const json_t *rcpts; /* NULL: by the token */
	unsigned counted, stopped;
};

static struct result taken(const char *what)
{
	return maillist_outcome(RESULT_DELIVERED, STATUS(2, 0, 0), slice_z(what));
}

/* ---- bounces ---- */

static int count_one(struct sql *db, struct letter_in *x, int64_t member, struct err *e)
{
	bool over = false;
	if (maillist_bounce_tx(
		    db, member, x->weight, x->text, &x->k->list.c, wall_now(), &over, e) < 0)
		return e->kind == ERR_NOTFOUND ? 0 : -1; /* he left */
	x->counted++;
	x->stopped += over;
	return 0;
}

/* A recipient that our own report names: the address that the list wrote to. */
static int count_rcpt(struct sql *db, struct letter_in *x, const json_t *one, struct err *e)
{
	slice address = json_read_text(one, "original");
	int64_t id;
	if (!slice_ieq(json_read_text(one, "action"), S("failed")))
		return 0;
	if (!address.n)
		address = json_read_text(one, "address");
	if (!directory_canonical(address, x->k->a, &address))
		return 0;
	slice status = json_read_text(one, "status");
	bool hard = slice_starts(status, S("5.1.")) || slice_starts(status, S("5.0."));
	x->weight = hard ? MAILLIST_BOUNCE_HARD : MAILLIST_BOUNCE_SOFT;
	x->text = json_read_text(one, "text").n ? json_read_text(one, "text") : status;
	if (maillist_known_tx(db, x->k->list.id, address, wall_now(), &id, e) < 0)
		return -1;
	return count_one(db, x, id, e);
}

static int count_tx(struct sql *db, void *arg, struct err *e)
{
	struct letter_in *x = arg;
	const json_t *one;
	size_t i;
	x->counted = x->stopped = 0;
	if (!x->rcpts)
		return count_one(db, x, x->token.id, e);
	json_array_foreach(x->rcpts, i, one) if (count_rcpt(db, x, one, e) < 0) return -1;
	return 0;
}

/* The owners are told a little later, of all of them. */
static void note_disabled(struct queue_maillists *l, int64_t list_id)
{
	for (size_t i = 0; i < l->nbounced; i++)
		if (l->bounced[i] == list_id)
			return;
	if (l->nbounced < MAILLISTS_BOUNCED_MAX)
		l->bounced[l->nbounced++] = list_id;
}

static struct result take_bounce(struct letter_in *x)
{
	struct maillist_work *k = x->k;
	slice kind = json_read_text(x->said, "kind"), text = maillist_part_token(k->r->address);
	struct err e;
	if (!slice_eq(kind, S("bounce")))
		return taken("not counted: no failure is told");
	x->weight = json_is_true(json_object_get(x->said, "hard")) ? MAILLIST_BOUNCE_HARD
								   : MAILLIST_BOUNCE_SOFT;
	x->text = json_read_text(x->said, "text");
	if (text.n) {
		if (queue_maillists_token(k->l, text, &x->token, &e) < 0)
			return e.kind == ERR_PROTO || e.kind == ERR_TIMEOUT
				       ? taken("not counted: forged")
				       : maillist_later(k, &e);
		if (x->token.kind != MAILLIST_TOKEN_BOUNCE && x->token.kind != MAILLIST_TOKEN_PROBE)
			return taken("not counted: forged");
	} else if (!(k->m->flags & MSG_BOUNCE)) {
		return taken("not counted: it does not say by a token whose bounce it is");
	} else {
		x->rcpts = json_object_get(x->said, "rcpts");
	}
	if (commit_run(k->l->bounces, count_tx, x, &e) < 0)
		return maillist_later(k, &e);
	metric_add(&bounces, x->counted);
	metric_add(&disabled, x->stopped);
	if (x->stopped)
		note_disabled(k->l, k->list.id);
	return taken(x->counted ? "counted as a bounce" : "not counted: not a member");
}

/* ---- commands, in the pool ---- */

static int decide_one(struct queue_maillists *m, struct letter_in *x, struct err *e)
{
	struct maillist_work *k = x->k;
	struct maillist_person p;
	struct maillist_held *v;
	int64_t list;
	size_t n;
	enum maillist_verdict verdict = x->command == MAILLIST_CMD_APPROVE  ? MAILLIST_APPROVED
					: x->command == MAILLIST_CMD_REJECT ? MAILLIST_REJECTED
									    : MAILLIST_DISCARDED;
	if (maillist_person_by_id(m->hands.directory, x->token.id, k->a, &p, &list, e) < 0)
		return e->kind == ERR_NOTFOUND ? 0 : -1;
	bool may = list == k->list.id && p.roles & (MAILLIST_MODERATOR | MAILLIST_OWNER_ROLE);
	if (!may || !x->proven || !slice_eq(p.address, x->author)) {
		x->done = "refused: not proven to be from this moderator";
		return 0;
	}
	if (x->command < MAILLIST_CMD_APPROVE ||
		maillist_held(m->queue_read, list, k->a, &v, &n, e) < 0)
		return x->command < MAILLIST_CMD_APPROVE ? 0 : -1;
	if (n != 1) {
		x->done = "several posts wait, or none: the page decides";
		return 0;
	}
	x->done = "a moderator's decision";
	int r = maillist_act_decide(&m->hands, v[0].id, v[0].idx, verdict, p.address, e);
	return r < 0 && e->kind != ERR_EXISTS && e->kind != ERR_NOTFOUND ? -1 : 0;
}

static int leave_by_token(struct queue_maillists *m, struct letter_in *x, struct err *e)
{
	struct maillist_member member;
	const char *what;
	struct maillist l;
	if (maillist_member_by_id(m->hands.lists, x->token.id, x->k->a, &member, e) < 0 ||
		maillist_by_id(m->hands.directory, member.list_id, x->k->a, &l, e) < 0)
		return e->kind == ERR_NOTFOUND ? 0 : -1;
	x->done = "left";
	return maillist_act_leave(&m->hands, &l, member.address, true, x->k->a, &what, e);
}

static int confirm_it(struct queue_maillists *m, struct letter_in *x, struct err *e)
{
	struct maillist l;
	const char *what;
	x->done = "confirmed";
	int r = maillist_act_confirm(&m->hands, x->token.id, x->k->a, &l, &what, e);
	return r < 0 && e->kind == ERR_NOTFOUND ? 0 : r;
}

static int help(struct queue_maillists *m, struct letter_in *x, struct err *e)
{
	struct maillist_work *k = x->k;
	const struct maillist_token t = {MAILLIST_TOKEN_PAGE, k->list.id, 0};
	const struct maillist_letter letter = {.what = "help",
		.list = &k->list,
		.to = x->author,
		.url = maillist_url(m->hands.url, maillist_token_make(m->key[0], &t, k->a), k->a),
		.text = k->list.c.description};
	x->done = "help was sent";
	return maillist_act_tell(&m->hands, &letter, k->a, e);
}

static int carry_out(struct queue_maillists *m, void *arg, struct err *e)
{
	struct letter_in *x = arg;
	struct maillist_work *k = x->k;
	const char *what = NULL;
	m->hands.url = queue_maillists_url(m);
	if (k->part == MAILLIST_DECIDE)
		return decide_one(m, x, e);
	if (k->part == MAILLIST_LEAVE)
		return leave_by_token(m, x, e);
	if (k->part == MAILLIST_CONFIRM)
		return confirm_it(m, x, e);
	if (x->command == MAILLIST_CMD_JOIN || x->command == MAILLIST_CMD_LEAVE) {
		bool join = x->command == MAILLIST_CMD_JOIN;
		x->done = join ? "asked to join" : "asked to leave";
		return join ? maillist_act_join(&m->hands, &k->list, x->author, x->name, x->proven,
				      k->a, &what, e)
			    : maillist_act_leave(
				      &m->hands, &k->list, x->author, x->proven, k->a, &what, e);
	}
	if (!x->proven) {
		x->done = "not answered: nothing proves its author";
		return 0;
	}
	if (x->command >= MAILLIST_CMD_DIGEST && x->command <= MAILLIST_CMD_MAIL) {
		x->done = "settings";
		return maillist_act_wish(&m->hands, &k->list, x->author, x->command, k->a, e);
	}
	return help(m, x, e);
}

/* ---- one letter ---- */

static bool wants_token(enum maillist_part part)
{
	return part == MAILLIST_LEAVE || part == MAILLIST_CONFIRM || part == MAILLIST_DECIDE;
}

static bool fits(enum maillist_part part, enum maillist_token_kind kind)
{
	return (part == MAILLIST_LEAVE && kind == MAILLIST_TOKEN_LEAVE) ||
	       (part == MAILLIST_CONFIRM && kind == MAILLIST_TOKEN_CONFIRM) ||
	       (part == MAILLIST_DECIDE && kind == MAILLIST_TOKEN_DECIDE);
}

/* 0: go on; 1: *ret is what became of it; -1. */
static int read_author(struct letter_in *x, struct result *ret, struct err *e)
{
	struct maillist_work *k = x->k;
	AUTO(buf) struct buf header = BUF(MAILLISTS_HEADER_READ + MAILLISTS_PREFIX_MAX);
	slice policy;
	struct header_field f;
	struct header_address *v;
	if (letter_read(k->l->q->blobs, k->m, MAILLISTS_HEADER_READ, false, &header, e) < 0)
		return -1;
	slice stored = slice_skip(buf_slice(&header), k->m->prefix.n);
	stored = slice_first(stored, header_length(stored));
	const char *why = maillist_machine(stored, k->m, k->list.address);
	if (why || !maillist_author(stored, k->a, &x->author)) {
		*ret = taken(arena_strz(
			k->a, arena_printf(k->a, "not answered: %s", why ? why : "no author")));
		return 1;
	}
	if (header_find(stored, S("From"), 0, &f) && header_addresses(f.value, k->a, &v) > 0)
		x->name = v[0].display;
	int proven = maillist_is_proven(k, x->author, &policy, e);
	x->proven = proven == 1;
	return proven < 0 ? -1 : 0;
}

static struct result take_letter(struct letter_in *x)
{
	struct maillist_work *k = x->k;
	struct result ret;
	struct err e;
	int r = read_author(x, &ret, &e);
	if (r)
		return r < 0 ? maillist_later(k, &e) : ret;
	if (queue_maillists_keys(k->l, &e) < 0)
		return maillist_later(k, &e);
	if (wants_token(k->part)) {
		if (queue_maillists_token(k->l, maillist_part_token(k->r->address), &x->token, &e) <
			0)
			return e.kind == ERR_PROTO || e.kind == ERR_TIMEOUT
				       ? taken("not answered: no token of ours, or too old")
				       : maillist_later(k, &e);
		if (!fits(k->part, x->token.kind))
			return taken("not answered: a token for something else");
	}
	x->command = k->part == MAILLIST_SUBSCRIBE ? MAILLIST_CMD_JOIN
		     : k->part == MAILLIST_UNSUBSCRIBE
			     ? MAILLIST_CMD_LEAVE
			     : maillist_command(json_read_text(x->said, "subject"),
				       json_read_text(x->said, "words"));
	x->done = "nothing to do";
	if (queue_maillists_call(k->l, carry_out, x, &e) < 0)
		return e.kind == ERR_LIMIT ? taken(arena_strz(k->a, slice_z(e.text)))
					   : maillist_later(k, &e);
	log_info(NULL, "maillist.command", F("list", k->list.address), F("from", x->author),
		F("done", x->done));
	queue_maillists_wake(k->l);
	queue_feed_sweep(k->l->q);
	return taken(x->done);
}

struct result queue_maillist_mail(struct maillist_work *k)
{
	struct letter_in *x = ARENA_NEW(k->a, struct letter_in);
	struct err e;
	x->k = k;
	if (scan_ask(queue_scan_pick(k->l->q->scan), SCAN_BOUNCE, k->s->settings->config.scan,
		    k->l->q->blobs, k->m, &x->said, &e) < 0)
		return e.kind == ERR_LIMIT || e.kind == ERR_PERM ? taken("cannot be read")
								 : maillist_later(k, &e);
	struct result r = k->part == MAILLIST_BOUNCES ? take_bounce(x) : take_letter(x);
	json_decref(x->said);
	return r;
}
