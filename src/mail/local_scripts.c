/*
 * What people's scripts want of a letter, carried out (local.h, scripts_run.h). Called by local.c for accounts over whose mail scripts
 * run. Everything is prepared before the first step that lasts: places in the mailbox are one transaction of the shard, and what is
 * sent travels with the recipient's end; so what a crash interrupts is begun anew, and nothing is done twice (doc/notes/scripts-in-delivery.md).
 *
 * Policy stands above scripts: what it put into Junk stays there unless the script asks the filter's opinion (spamtest), and is never
 * sent on or answered. Whatever goes wrong, the letter is kept.
 */
#include "mail/local_scripts.h"

#include "base/mem.h"
#include "base/time.h"
#include "mail/box.h"
#include "run/log.h"
#include "store/trace.h"
#include <stdio.h>

enum { HOLD_TRIES = 20, KEYWORDS_MAX = 30 };

/* ---- words about it ---- */

void scripts_event(
	struct carry *k, const struct sieve_action *x, const char *action, slice to, slice why)
{
	char line[16];
	snprintf(line, sizeof line, "%u", x ? x->line : 0);
	trace_event(&k->events, k->now, "rule", "script", x ? x->script : S(""), "line",
		x && x->line ? slice_z(line) : S(""), "action", slice_z(action), "to", to, "why",
		why, NULL);
}

static const struct script *find_script(const struct script_set *set, slice name)
{
	const struct script *found = NULL;
	for (size_t i = 0; i < set->nrun + set->nincluded; i++) {
		const struct script *s =
			i < set->nrun ? &set->run[i] : &set->included[i - set->nrun];
		if (slice_eq(s->name, name) && (!found || s->account_id))
			found = s;
	}
	return found;
}

bool scripts_is_systems(const struct script_set *set, slice script)
{
	const struct script *s = find_script(set, script);
	return s && !s->account_id;
}

static struct settle_fault fault_of(const struct carry *k, slice script, unsigned line)
{
	struct arena *a = &k->j->mem;
	const struct script *s = find_script(k->set, script);
	bool system = s && !s->account_id;
	return (struct settle_fault){.fault = {.account_id = system ? 0 : k->answer->account_id,
					     .script = arena_dup(a, script),
					     .system = system,
					     .version = s ? s->version : 0,
					     .line = line,
					     .last_at = k->now},
		.owner = system ? S("") : arena_dup(a, k->set->owner)};
}

static void add_fault(struct carry *k, struct settle_fault f, slice en, slice zh)
{
	struct settle_extra *x = k->extra;
	if (x->nfaults == SCRIPTS_FAULTS_MAX || k->ruled) /* told before */
		return;
	f.fault.en = arena_dup(&k->j->mem, en);
	f.fault.zh = arena_dup(&k->j->mem, zh);
	x->faults[x->nfaults++] = f;
}

void scripts_fault(struct carry *k, const struct sieve_action *x, slice en, slice zh)
{
	add_fault(k, fault_of(k, x->script, x->line), en, zh);
}

/* ---- versions of the letter ---- */

static int nothing_tx(struct sql *db, void *arg, struct err *e)
{
	(void)db;
	(void)arg;
	(void)e;
	return 0;
}

int scripts_hold(struct job *j, blob_id id, struct err *e)
{
	for (int i = 0; i < HOLD_TRIES; i++) {
		if (blob_hold(j->l->c.blobs, id, e) == 0)
			return 0;
		if (e->kind != ERR_NOTFOUND || co_sleep(instant_in(100 * MSEC), e) < 0)
			return -1;
	}
	return -1;
}

int scripts_store(
	struct job *j, slice header, slice body, blob_id *ret, uint64_t *ret_size, struct err *e)
{
	struct blob_writer *w = blob_begin(j->l->c.blobs);
	blob_id id;
	if (blob_add(w, header, e) < 0 || blob_add(w, body, e) < 0) {
		blob_cancel(w);
		return -1;
	}
	if (blob_finish(w, &id, ret_size, e) < 0)
		return -1;
	if (scripts_hold(j, id, e) < 0) {
		blob_settle(j->l->c.blobs, id);
		return -1;
	}
	if (commit_run_blob(j->l->c.queue, id, nothing_tx, NULL, e) < 0) {
		blob_settle(j->l->c.blobs, id);
		return -1;
	}
	*ret = id;
	return 0;
}

static const struct scripts_letter *letter_with(const struct scripts_verdict *v, size_t edits)
{
	for (size_t i = 0; i < v->nletters; i++)
		if (v->letters[i].edits == edits)
			return &v->letters[i];
	return NULL;
}

/* The fields of delivery stand before each version as before any letter. */
int scripts_version(struct carry *k, size_t edits, const struct local_version **ret, struct err *e)
{
	const struct scripts_letter *l = edits && !k->cut ? letter_with(&k->verdict, edits) : NULL;
	*ret = NULL;
	if (!l)
		return 0;
	for (size_t i = 0; i < k->nversions; i++)
		if (k->versions[i].edits == edits) {
			*ret = &k->versions[i].version;
			return 0;
		}
	struct scripts_made *m = &k->versions[k->nversions];
	slice body = l->whole ? l->body : slice_skip(k->letter, (size_t)l->from);
	*m = (struct scripts_made){.edits = edits,
		.version = {.prefix = local_mailbox_prefix(k->j, k->r, S("")),
			.summary = arena_dup(&k->j->mem, l->summary)}};
	if (scripts_store(k->j, l->header, body, &m->version.blob, &m->version.size, e) < 0)
		return -1;
	local_settle_at_end(k->j, m->version.blob);
	k->nversions++;
	*ret = &m->version;
	return 0;
}

/* ---- places ---- */

static enum mailbox_use use_of(slice name)
{
	static const struct {
		slice name;
		enum mailbox_use use;
	} v[] = {{S_INIT("\\Archive"), MAILBOX_USE_ARCHIVE},
		{S_INIT("\\Drafts"), MAILBOX_USE_DRAFTS}, {S_INIT("\\Junk"), MAILBOX_USE_JUNK},
		{S_INIT("\\Sent"), MAILBOX_USE_SENT}, {S_INIT("\\Trash"), MAILBOX_USE_TRASH},
		{S_INIT("\\Flagged"), MAILBOX_USE_FLAGGED}, {S_INIT("\\All"), MAILBOX_USE_ALL},
		{S_INIT("\\Important"), MAILBOX_USE_IMPORTANT}};
	for (size_t i = 0; i < sizeof v / sizeof *v; i++)
		if (slice_ieq(name, v[i].name))
			return v[i].use;
	return MAILBOX_USE_NONE;
}

/* "F12-3": folder 3 of account 12, as IMAP says it (RFC 8474). 0: none of this account. */
static int64_t folder_id_of(slice id, int64_t account_id)
{
	uint64_t account, folder;
	size_t dash = slice_index(id, '-');
	if (!slice_starts(id, S("F")) || dash == id.n ||
		!slice_u64(slice_first(slice_skip(id, 1), dash - 1), &account) ||
		!slice_u64(slice_skip(id, dash + 1), &folder) || folder > INT64_MAX)
		return 0;
	return account == (uint64_t)account_id ? (int64_t)folder : 0;
}

static bool is_keyword(slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] <= ' ' || s.p[i] > '~' || strchr("(){%*\"\\]", s.p[i]))
			return false;
	return s.n > 0 && s.n <= MAILBOX_KEYWORD_MAX;
}

static void read_flags(slice flags, struct arena *a, struct local_place *ret)
{
	static const struct {
		slice name;
		unsigned flag;
	} v[] = {{S_INIT("\\Seen"), MAILBOX_SEEN}, {S_INIT("\\Answered"), MAILBOX_ANSWERED},
		{S_INIT("\\Flagged"), MAILBOX_FLAGGED}, {S_INIT("\\Deleted"), MAILBOX_DELETED},
		{S_INIT("\\Draft"), MAILBOX_DRAFT}};
	AUTO(buf) struct buf words = BUF(KEYWORDS_MAX * (MAILBOX_KEYWORD_MAX + 1));
	slice one;
	unsigned n = 0;
	while (slice_cut(&flags, ' ', &one)) {
		for (size_t i = 0; i < sizeof v / sizeof *v; i++)
			if (slice_ieq(one, v[i].name))
				ret->flags |= v[i].flag;
		if (is_keyword(one) && n++ < KEYWORDS_MAX)
			buf_printf(&words, "%s%.*s", words.n ? " " : "", SFMT(one));
	}
	ret->keywords = arena_dup(a, buf_slice(&words));
}

static struct local_place *add_place(struct carry *k, const struct sieve_action *x)
{
	struct local_places *p = k->places;
	if (p->n == LOCAL_PLACES_MAX)
		return NULL;
	struct local_place *v = &p->v[p->n++];
	*v = (struct local_place){.home = true};
	if (x) {
		v->fault = ARENA_NEW(&k->j->mem, struct settle_fault);
		*v->fault = fault_of(k, x->script, x->line);
	}
	return v;
}

void scripts_keep(struct carry *k, const struct sieve_action *x)
{
	if (!k->places->n)
		add_place(k, x);
}

/* Policy said Junk: only who asks the filter knows better. */
static bool stays_junk(const struct carry *k, const struct sieve_action *x)
{
	bool asks =
		scripts_is_systems(k->set, x->script) ? k->set->system_spamtest : k->set->spamtest;
	return k->j->letter->m.flags & MSG_JUNK && !asks;
}

static int store_one(struct carry *k, const struct sieve_action *x, struct err *e)
{
	struct local_place *v = add_place(k, x);
	struct arena *a = &k->j->mem;
	if (!v)
		return 0;
	read_flags(x->flags, a, v);
	if (scripts_version(k, x->edits, &v->version, e) < 0)
		return -1;
	if (x->kind == SIEVE_KEEP) {
		if (x->script.n)
			scripts_event(k, x, "keep", S(""),
				x->edits && k->cut ? S("too-large-to-edit") : S(""));
		return 0;
	}
	slice name = x->folder.n ? x->folder : x->folder_use.n ? x->folder_use : x->folder_id;
	if (stays_junk(k, x)) {
		scripts_event(k, x, "fileinto", name, S("junk"));
		return 0;
	}
	v->home = false;
	v->folder = arena_dup(a, x->folder);
	v->folder_id = folder_id_of(x->folder_id, k->answer->account_id);
	v->use = use_of(x->folder_use);
	v->create = x->create || k->conf->make_folders;
	v->others =
		slice_istarts(x->folder, S(BOX_OTHERS)) || slice_istarts(x->folder, S(BOX_SHARED));
	scripts_event(k, x, "fileinto", name, S(""));
	return 0;
}

/* ---- the other actions ---- */

static bool was_answered_yes(const struct carry *k, slice key)
{
	const struct sieve_input *q = &k->c->input;
	for (size_t i = 0; i < q->nanswers; i++)
		if (q->answers[i].kind == SIEVE_ASK_DUPLICATE && q->answers[i].yes &&
			slice_eq(q->answers[i].key, key))
			return true;
	return false;
}

/* What another delivery notes meanwhile makes this one look again, unless it knew it for a duplicate anyhow. */
static void remember(struct carry *k, const struct sieve_action *x)
{
	struct local_places *p = k->places;
	int64_t lasts = x->seconds < SCRIPTS_REMEMBER_MAX_S ? x->seconds : SCRIPTS_REMEMBER_MAX_S;
	p->since[p->nseen] = was_answered_yes(k, x->key) ? INT64_MAX : k->now - lasts * SECOND;
	p->seen[p->nseen++] = (struct mailbox_seen){.account_id = k->answer->account_id,
		.key = arena_dup(&k->j->mem, x->key),
		.now = k->now,
		.until = k->now + lasts * SECOND,
		.queue_id = k->j->letter->m.id,
		.rcpt_idx = k->r->idx};
}

/* RFC 5429 2.2.1: nobody is told who did not write it, or is no person; such a letter goes to Junk instead. */
static void reject(struct carry *k, const struct sieve_action *x)
{
	const char *why = scripts_why_not_told(k);
	if (!why && !k->facts.proven)
		why = "unproven";
	if (!why) {
		k->rejected = true;
		k->reason = arena_dup(&k->j->mem, x->text);
		scripts_event(k, x, x->ereject ? "ereject" : "reject", S(""), S(""));
		return;
	}
	struct local_place *v = add_place(k, x);
	if (v) {
		v->home = false;
		v->use = MAILBOX_USE_JUNK;
		v->folder = S(LOCAL_JUNK);
		v->create = true;
	}
	scripts_event(k, x, x->ereject ? "ereject" : "reject", S(LOCAL_JUNK), slice_z(why));
}

static bool sends(const struct sieve_action *x)
{
	return x->kind == SIEVE_REDIRECT || x->kind == SIEVE_VACATION || x->kind == SIEVE_NOTIFY;
}

static int act(struct carry *k, const struct sieve_action *x, struct err *e)
{
	if (k->ruled && sends(x))
		return 0;
	switch (x->kind) {
	case SIEVE_KEEP:
	case SIEVE_FILEINTO:
		return store_one(k, x, e);
	case SIEVE_REDIRECT:
		return scripts_redirect(k, x, e);
	case SIEVE_REJECT:
		reject(k, x);
		return 0;
	case SIEVE_DISCARD:
		k->discarded = true;
		scripts_event(k, x, "discard", S(""), S(""));
		return 0;
	case SIEVE_VACATION:
		return scripts_vacation(k, x, e);
	case SIEVE_NOTIFY:
		return scripts_notify(k, x, e);
	case SIEVE_REMEMBER:
		remember(k, x);
		return 0;
	case SIEVE_REPORT:
		log_info(NULL, "rules.report", F("script", x->script), F("line", x->line),
			F("text", x->text));
		return 0;
	}
	return 0;
}

/* ---- all of it ---- */

static struct result outcome(const struct carry *k)
{
	struct result r = {0};
	struct arena *a = &k->j->mem;
	if (k->places->n)
		local_result(&r, RESULT_DELIVERED, STATUS(2, 1, 5), S("delivered to mailbox"));
	else if (k->redirected)
		local_result(&r, RESULT_EXPANDED, STATUS(2, 1, 5),
			arena_printf(a, "sent on to %u addresses by rules", k->redirected));
	else if (k->rejected)
		local_result(&r, RESULT_FAILED, STATUS(5, 7, 1), k->reason);
	else
		local_result(&r, RESULT_DELIVERED, STATUS(2, 1, 5), S("discarded by rules"));
	r.dsn = r.kind == RESULT_EXPANDED && k->redirected == 1;
	return r;
}

static void make_room(struct carry *k)
{
	struct arena *a = &k->j->mem;
	size_t n = k->verdict.nactions + 1;
	k->places = ARENA_NEW(a, struct local_places);
	k->places->v = ARENA_ARRAY(a, struct local_place, LOCAL_PLACES_MAX);
	k->places->seen = ARENA_ARRAY(a, struct mailbox_seen, n);
	k->places->since = ARENA_ARRAY(a, int64_t, n);
	k->extra = ARENA_NEW(a, struct settle_extra);
	k->extra->made = ARENA_ARRAY(a, struct queue_msg, SETTLE_EXPANSIONS_MAX * n);
	k->extra->answers = ARENA_ARRAY(a, struct settle_answer, n);
	k->extra->hooks = ARENA_ARRAY(a, struct webhook, n);
	k->extra->faults = ARENA_ARRAY(a, struct settle_fault, SCRIPTS_FAULTS_MAX + 1);
	k->places->extra = k->extra;
}

static void tell_failure(struct carry *k)
{
	const struct sieve_mistake *m = &k->verdict.mistake;
	const struct sieve_action said = {.script = m->script, .line = m->line};
	if (k->verdict.end != SIEVE_FAILED)
		return;
	scripts_event(k, &said, "failed", S(""), m->en);
	scripts_fault(k, &said, m->en, m->zh);
}

/* The letter again, for this recipient, with a mark: should there be no room now. Its time to live goes on, and who is told of
 * its end is who would be told of this one's. */
static void make_waiting(struct carry *k)
{
	const struct settle_extra *x = k->extra;
	const struct queue_msg *of = &k->j->letter->m;
	struct arena *a = &k->j->mem;
	char id[MSG_ID_TEXT];
	AUTO(buf) struct buf log = BUF(TRACE_LOG_MAX);
	if (!k->places->n || !(x->nmade + x->nanswers + x->nhooks))
		return;
	struct queue_msg *m = ARENA_NEW(a, struct queue_msg);
	struct queue_rcpt *r = ARENA_NEW(a, struct queue_rcpt);
	msg_id_print(of->id, id);
	buf_put(&log, of->log);
	trace_event(&log, k->now, "queued", "expanded_from", slice_z(id), NULL);
	*m = *of;
	m->id = msg_id_new();
	m->flags |= MSG_RULED;
	m->log = arena_dup(a, buf_slice(&log));
	*r = *k->r;
	r->idx = 0;
	r->attempts = 0;
	r->next_at = k->now;
	m->rcpts = r;
	m->nrcpts = 1;
	k->places->waiting = m;
}

/* Nothing lasts yet when this fails. */
static int carry_out(struct carry *k, struct err *e)
{
	make_room(k);
	tell_failure(k);
	for (size_t i = 0; i < k->verdict.nactions; i++)
		if (act(k, &k->verdict.actions[i], e) < 0)
			return -1;
	/* A letter is never lost by what scripts forgot to say. */
	bool gone = k->places->n || k->redirected || k->rejected || k->discarded;
	if (!gone || k->verdict.end == SIEVE_FAILED)
		scripts_keep(k, NULL);
	k->places->then = outcome(k);
	make_waiting(k);
	return 0;
}

static void give_back(struct carry *k)
{
	for (size_t i = 0; k->extra && i < k->extra->nmade; i++)
		blob_settle(k->j->l->c.blobs, k->extra->made[i].blob);
}

static int read_letter(struct carry *k, struct buf *out, struct err *e)
{
	struct queue_msg m = k->j->letter->m;
	m.prefix = local_mailbox_prefix(k->j, k->r, m.prefix);
	size_t most = (size_t)k->judge->letter_max;
	size_t enough = most > m.prefix.n ? most - m.prefix.n : 0;
	*out = BUF(m.prefix.n + most + 1);
	if (letter_read(k->j->l->c.blobs, &m, enough, false, out, e) < 0)
		return -1;
	k->cut = m.size > enough;
	k->letter = buf_slice(out);
	return 0;
}

static int judge(struct carry *k, struct arena *a, struct err *e)
{
	const struct local_rules *rules = k->j->rules;
	const struct queue_msg *m = &k->j->letter->m;
	const struct scripts_ask q = {.account_id = k->answer->account_id,
		.m = m,
		.r = k->r,
		.set = k->set,
		.letter = k->letter,
		.home = m->flags & MSG_JUNK ? S(LOCAL_JUNK) : S("INBOX"),
		.host = rules->hostname,
		.zone = rules->zone,
		.conf = k->conf};
	scripts_facts_read(m, &k->facts);
	int r = scripts_judge_letter(k->judge, &q, a, k->c, &k->verdict, e);
	k->c->input.message = k->letter;
	return r;
}

static int by_scripts(struct carry *k, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	AUTO(buf) struct buf letter = {0};
	struct scripts_case c;
	k->c = &c;
	k->events = BUF(SCRIPTS_EVENTS_MAX);
	int r = read_letter(k, &letter, e) < 0 || judge(k, &a, e) < 0 ? -1 : carry_out(k, e);
	if (r < 0)
		give_back(k);
	else
		k->v->events = arena_dup(&k->j->mem, buf_slice(&k->events));
	buf_done(&k->events);
	return r;
}

/* -1: later. */
static int start(struct job *j, const struct queue_rcpt *r, const struct rcpt_answer *answer,
	const struct delivery_wishes *w, const struct script_set *set, struct settle_rcpt *v,
	struct err *e)
{
	struct carry *k = ARENA_NEW(&j->mem, struct carry); /* versions are used later */
	*k = (struct carry){.j = j,
		.r = r,
		.answer = answer,
		.w = w,
		.judge = j->l->c.judge,
		.conf = j->rules->scripts,
		.set = set,
		.v = v,
		.ruled = j->letter->m.flags & MSG_RULED,
		.now = wall_now()};
	if (k->ruled)
		v->answer = NULL; /* it was given then */
	if (by_scripts(k, e) < 0)
		return -1;
	v->extra = k->extra;
	if (k->answered)
		v->answer = NULL; /* one is enough */
	if (k->places->n || k->places->nseen)
		local_into_mailbox(j, r, answer, w, k->places, v);
	else
		v->result = k->places->then;
	return 0;
}

bool local_by_scripts(struct job *j, const struct queue_rcpt *r, const struct rcpt_answer *answer,
	const struct delivery_wishes *w, struct settle_rcpt *v)
{
	const struct scripts_judge *judge = j->l->c.judge;
	const struct script_set *set;
	struct err e;
	if (!w->scripts || !judge || !j->rules->scripts || !j->rules->scripts->enabled ||
		j->letter->m.flags & MSG_STAYS)
		return false;
	int status = judge->scripts(judge->arg, answer->account_id, &set, &e);
	if (status == 0) {
		bool any = set->nrun > 0;
		if (any)
			status = start(j, r, answer, w, set, v, &e);
		judge->drop(judge->arg, set);
		if (!any)
			return false;
	}
	if (status < 0)
		local_result(&v->result, RESULT_DEFERRED, STATUS(4, 3, 0),
			arena_dup(&j->mem, slice_z(e.text)));
	return true;
}
