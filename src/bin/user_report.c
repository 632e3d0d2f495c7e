/*
 * What follows when a user reports a letter (user_report.h). Called by queue_user_report.c for mail to the report
 * addresses and by web_report.c for mail programs' buttons; in coroutines.
 *
 * A user's word about mail that is held is a deed of his on the quarantine, with its permissions (quarantine_act.h);
 * about mail that he has, a lesson. An allow entry of the site, his organisation or his own that names the sender
 * keeps his "spam" to himself (training/lesson.h).
 */
#include "bin/user_report.h"

#include "base/mem.h"
#include "bin/learn_client.h"
#include "codec/address.h"
#include "codec/header.h"
#include "run/pool.h"

enum { HEADER_LOOK = 64 * 1024, FIELDS_MIN = 1 };

const char *user_report_fate_name(enum user_report_fate f)
{
	static const char *const names[USER_REPORT_FATES] = {
		[USER_REPORT_LEARNED] = "learned",
		[USER_REPORT_PERSONAL] = "personal",
		[USER_REPORT_RELEASED] = "released",
		[USER_REPORT_ASKED] = "asked",
		[USER_REPORT_KEPT] = "kept",
		[USER_REPORT_OFF] = "off",
		[USER_REPORT_BUSY] = "busy",
		[USER_REPORT_UNREADABLE] = "unreadable",
	};
	return f > 0 && f < USER_REPORT_FATES ? names[f] : "unreadable";
}

/* ---- whose letter it was when it came ---- */

/* "... by mx.example.com (...) with ESMTP id 0123456789ABC ...": the id, when the field is ours. */
static bool is_ours(slice value, slice hostname, struct arena *a, msg_id *ret_id)
{
	char *text = arena_strz(a, header_unfold(value, a));
	for (char *p = text; *p; p++)
		*p = *p == '\t' ? ' ' : *p;
	slice s = slice_z(text), word;
	bool by = false, ours = false, id = false;
	*ret_id = 0;
	while (slice_cut(&s, ' ', &word)) {
		if (word.n == 0)
			continue;
		if (slice_ends(word, S(";")))
			word.n--;
		if (by && slice_ieq(word, hostname))
			ours = true;
		if (id && ours)
			return msg_id_parse(word, ret_id);
		by = slice_ieq(word, S("by"));
		id = slice_ieq(word, S("id"));
	}
	return false;
}

slice user_report_strip(slice letter, slice hostname, msg_id *ret_id)
{
	AUTO(arena) struct arena a = {0};
	slice rest = slice_first(letter, HEADER_LOOK);
	struct header_field f;
	*ret_id = 0;
	while (header_next(&rest, &f)) {
		if (!slice_ieq(f.name, S("Received")) || !is_ours(f.value, hostname, &a, ret_id))
			continue;
		return slice_skip(letter, (size_t)(f.raw.p + f.raw.n - letter.p));
	}
	return letter;
}

static void read_header(
	slice letter, struct arena *a, struct user_report_done *ret, slice *ret_author)
{
	slice header = slice_first(letter, header_length(slice_first(letter, HEADER_LOOK)));
	struct header_field f;
	struct header_address *v;
	if (header_find(header, S("Subject"), 0, &f))
		ret->subject = header_text(f.value, a);
	if (!header_find(header, S("From"), 0, &f))
		return;
	ret->from = header_text(f.value, a);
	if (header_addresses(f.value, a, &v) > 0 && v[0].valid)
		*ret_author = v[0].address;
}

static bool has_fields(slice letter)
{
	slice rest = slice_first(letter, HEADER_LOOK);
	struct header_field f;
	unsigned n = 0;
	while (n < FIELDS_MIN && header_next(&rest, &f))
		n += f.name.n > 0;
	return n >= FIELDS_MIN;
}

/* ---- held mail ---- */

struct finding {
	const struct user_report_hands *h;
	const struct user_report *r;
	msg_id origin;
	struct arena *a;
	/* found */
	msg_id id;
	int32_t idx;
	enum quarantine_state state;
	/* done */
	enum user_report_fate fate;
	int status;
	struct err e;
};

static bool take_held(void *arg, const struct quarantine_row *row)
{
	struct finding *f = arg;
	if (row->state != QUARANTINE_WAITS && row->state != QUARANTINE_ASKED)
		return true;
	if (!slice_ieq(row->rcpt, f->r->who)) /* a '*' in a name is no pattern */
		return true;
	f->id = row->id;
	f->idx = row->idx;
	f->state = row->state;
	return false;
}

static int act(struct finding *f, enum quarantine_verb verb, struct err *e)
{
	const struct quarantine_actor who = {QUARANTINE_RECIPIENT, f->r->who};
	struct quarantine_done done;
	return quarantine_act(f->h->hands, &who, verb, f->id, f->idx, false, f->a, &done, e);
}

static void find_and_act(struct finding *f)
{
	const struct quarantine_filter what = {.origin = f->origin,
		.rcpt = f->r->who,
		.kind = QUARANTINE_HELD,
		.class = -1,
		.state = -1,
		.direction = -1};
	f->status = quarantine_list(f->h->queue_read, &what, NULL, 10, take_held, f, &f->e);
	if (f->status < 0 || !f->id)
		return;
	if (act(f, QUARANTINE_RELEASE, &f->e) == 0)
		f->fate = USER_REPORT_RELEASED;
	else if (f->state == QUARANTINE_ASKED ||
		 (f->e.kind == ERR_DENIED && act(f, QUARANTINE_ASK, &f->e) == 0))
		f->fate = USER_REPORT_ASKED;
	else if (f->e.kind == ERR_DENIED || f->e.kind == ERR_PERM)
		f->fate = USER_REPORT_KEPT;
	else
		f->status = -1;
}

static void find_in_pool(void *arg)
{
	struct finding *f = arg;
	if (f->h->lock)
		pthread_mutex_lock(f->h->lock);
	find_and_act(f);
	if (f->h->lock)
		pthread_mutex_unlock(f->h->lock);
}

/* 1: it was held, and *ret says what became of it; 0: it is not; -1. */
static int let_out(const struct user_report_hands *h, const struct user_report *r, msg_id origin,
	struct arena *a, struct user_report_done *ret, struct err *e)
{
	struct finding f = {.h = h, .r = r, .origin = origin, .a = a};
	if (!origin || !h->queue_read || !h->hands)
		return 0;
	pool_call(find_in_pool, &f);
	if (f.status < 0) {
		*e = f.e;
		return -1;
	}
	ret->fate = f.fate;
	ret->held = f.id;
	return f.id != 0;
}

/* ---- lessons ---- */

/* By name alone: what the user holds in hand cannot be verified any more, and the entry only keeps his word to himself. */
static bool is_vouched(const struct user_report_hands *h, const struct user_report *r, slice author,
	struct arena *a)
{
	slice local, domain, ascii;
	struct lists_answer answer;
	if (!h->lists || !address_split(author, &local, &domain) ||
		!domain_to_ascii(domain, a, &ascii))
		return false;
	const struct lists_facts f = {
		.sender = author, .from = author, .proven = &ascii, .nproven = 1, .rcpt = r->who};
	lists_match(h->lists, &f, a, &answer);
	return answer.verdict == LISTS_ALLOW;
}

/* `held`: what became of it in the quarantine is what he is told. */
static int learn(const struct user_report_hands *h, const struct user_report *r, slice letter,
	slice author, bool held, struct arena *a, struct user_report_done *ret, struct err *e)
{
	const struct training_told t = {.source = TRAINING_REPORT,
		.who = r->who,
		.spam = r->spam,
		.vouched = r->spam && is_vouched(h, r, author, a),
		.message = slice_first(letter, (size_t)h->learning->max_size)};
	enum user_report_fate fate = t.vouched ? USER_REPORT_PERSONAL : USER_REPORT_LEARNED;
	if (!h->learning->enabled) {
		fate = USER_REPORT_OFF;
	} else if (learn_tell(h->learn, &t, e) < 0) {
		if (e->kind != ERR_LIMIT)
			return -1;
		fate = USER_REPORT_BUSY;
	}
	if (!held)
		ret->fate = fate;
	return 0;
}

int user_report(const struct user_report_hands *h, const struct user_report *r, struct arena *a,
	struct user_report_done *ret, struct err *e)
{
	struct user_report_done done = {.fate = USER_REPORT_UNREADABLE};
	slice author = {0};
	msg_id origin;
	int held = 0;
	slice letter = user_report_strip(r->letter, h->hostname, &origin);
	if (has_fields(letter)) {
		read_header(letter, a, &done, &author);
		if (!r->spam)
			held = let_out(h, r, origin, a, &done, e);
		if (held < 0 || learn(h, r, letter, author, held > 0, a, &done, e) < 0)
			return -1;
	}
	*ret = done;
	return 0;
}
