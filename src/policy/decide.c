/*
 * Facts and a recipient -> a decision (policy.h). First the policies in their order, then what
 * protects when none of them has spoken of it (viruses, what could not be examined), then the
 * thresholds. Called for each recipient by the edge, by `posthouse policy test` and by the dry run.
 */
#include "base/mem.h"
#include "policy/policy_impl.h"

#include <math.h>

enum { DEFER_CODE = 451, REJECT_CODE = 550 };

/* A decision under way. */
struct making {
	struct policy_judging *j;
	struct policy_decision *d;
	bool decided;
	bool knows_virus, knows_unexamined; /* the policy that decided speaks of them */
	struct policy_slices fields, copies, supervisors, forwards, approvers;
};

/* ---- what a policy does ---- */

static bool listed(const struct policy_slices *l, slice s)
{
	for (size_t i = 0; i < l->n; i++)
		if (slice_eq(l->v[i], s))
			return true;
	return false;
}

/* Most letters meet one policy with such a list: it is borrowed then. */
static void join(struct policy_slices *to, const struct policy_slices *from, struct arena *a)
{
	if (!from->n)
		return;
	if (!to->n) {
		*to = *from;
		to->cap = to->n; /* the first one added makes a copy */
		return;
	}
	for (size_t i = 0; i < from->n && to->n < POLICY_ADDRESSES_MAX; i++)
		if (!listed(to, from->v[i]))
			policy_slices_add(to, from->v[i], a);
}

static void join_text(struct policy_text *to, const struct policy_text *from)
{
	if (from->en.n || from->zh.n)
		*to = *from;
}

/* What stands inside of an attachment is taken out with it. */
static void strip_matched(struct making *m)
{
	struct policy_judging *j = m->j;
	bool *out = (bool *)m->d->stripped;
	size_t attachment = 0;
	if (!out)
		m->d->stripped = out = ARENA_ARRAY(j->a, bool, j->f->nfiles + 1);
	for (size_t i = 0; i < j->f->nfiles; i++) {
		if (j->f->files[i].depth == 0)
			attachment = i;
		if (j->matched && j->matched[i])
			out[attachment] = true;
	}
}

static void strip(struct making *m, const struct policy_does *does)
{
	if (does->strip == POLICY_STRIP_MATCHED)
		strip_matched(m);
	if (does->strip > m->d->strip)
		m->d->strip = does->strip;
	if (does->strip)
		join_text(&m->d->strip_notice, &does->notice);
}

static void change_lines(struct policy_judging *j, const struct policy_does *does)
{
	if (does->mark_from >= 0)
		j->mark = does->mark_from;
	if (does->junk_from >= 0)
		j->junk = does->junk_from;
	if (does->quarantine_from >= 0)
		j->quarantine = does->quarantine_from;
	if (does->reject_from >= 0)
		j->reject = does->reject_from;
}

static void change_judgement(struct policy_judging *j, const struct policy_does *does)
{
	if (does->own_thresholds)
		change_lines(j, does);
	if (does->without.n)
		policy_leave_out(j, &does->without);
	if (does->own_thresholds || does->without.n)
		j->class = policy_class_of(j);
}

static void note_why(struct policy_decision *d, slice name)
{
	if (d->nwhy < POLICY_WHY_MAX)
		d->why[d->nwhy++] = name;
}

static void add(struct making *m, const struct policy *p)
{
	const struct policy_does *does = &p->does;
	struct policy_decision *d = m->d;
	struct arena *a = m->j->a;
	d->mark |= does->mark;
	d->clean |= does->clean;
	d->tell_sender |= does->tell_sender;
	d->tell_rcpt |= does->tell_rcpt;
	d->keep_copy |= does->keep_copy;
	if (does->subject_tag.n)
		d->subject_tag = does->subject_tag;
	if (does->delay > d->delay)
		d->delay = does->delay;
	join_text(&d->banner, &does->banner);
	join_text(&d->disclaimer, &does->disclaimer);
	join(&m->fields, &does->fields, a);
	join(&m->copies, &does->copies, a);
	join(&m->supervisors, &does->supervisors, a);
	strip(m, does);
	change_judgement(m->j, does);
	note_why(d, p->name);
}

/* The class it is held under: the one that was asked for, else the letter's own. */
static enum quarantine_class held_as(const struct policy_judging *j, const struct policy *p)
{
	if (p->does.end == POLICY_APPROVE)
		return QUARANTINE_APPROVAL;
	if (p->does.classed)
		return p->does.class;
	return j->class == QUARANTINE_NONE ? QUARANTINE_POLICY : j->class;
}

static void end(struct making *m, const struct policy *p)
{
	const struct policy_does *does = &p->does;
	struct policy_decision *d = m->d;
	m->decided = true;
	m->knows_virus = p->knows_virus;
	m->knows_unexamined = p->knows_unexamined;
	m->forwards = does->forwards;
	m->approvers = does->approvers;
	d->end = does->end;
	d->policy = p->name;
	d->code = does->code;
	d->status = does->status;
	d->reply = does->reply;
	d->class = does->end == POLICY_QUARANTINE || does->end == POLICY_APPROVE ? held_as(m->j, p)
										 : m->j->class;
	d->reason = arena_printf(
		m->j->a, "policy \"%.*s\": %s", SFMT(p->name), policy_end_name(does->end));
}

static void try_policies(struct making *m)
{
	const struct policy_set *s = m->j->set;
	for (size_t i = 0; s && i < s->n; i++) {
		const struct policy *p = &s->policies[i];
		if (!policy_matches(m->j, p))
			continue;
		add(m, p);
		if (!p->does.ends)
			continue;
		end(m, p);
		if (!p->does.go_on)
			return;
	}
}

/* ---- when they have not said otherwise ---- */

static bool reaches_reader(enum policy_end e)
{
	return e == POLICY_DELIVER || e == POLICY_JUNK || e == POLICY_FORWARD ||
	       e == POLICY_BOUNCE; /* a bounce may carry it back to a forged sender */
}

static void by_itself(struct making *m, enum policy_end e, slice reason)
{
	m->decided = true;
	m->d->end = e;
	m->d->policy = m->d->reply = S("");
	m->d->class = m->j->class;
	m->d->reason = reason;
	m->forwards = m->approvers = (struct policy_slices){0};
}

static void put_off(struct making *m, slice reason)
{
	by_itself(m, POLICY_DEFER, reason);
	m->d->code = DEFER_CODE;
	m->d->status = S("4.3.0");
	m->d->reply = S("The message cannot be examined now, try later");
}

static void guard_unexamined(struct making *m)
{
	const struct policy_facts *f = m->j->f;
	if (f->engine_down.n && f->engine_defers)
		put_off(m, arena_printf(m->j->a, "engine: %.*s", SFMT(f->engine_down)));
	else if (f->engine_down.n && f->engine_holds)
		by_itself(m, POLICY_QUARANTINE,
			arena_printf(m->j->a, "engine: %.*s", SFMT(f->engine_down)));
	else if (f->examined)
		by_itself(m, POLICY_QUARANTINE, S("too large to be examined whole"));
	else if (!f->unavailable)
		by_itself(m, POLICY_QUARANTINE,
			arena_printf(m->j->a, "not examined: %.*s", SFMT(f->why_unexamined)));
	else if (m->j->t.defer_unavailable)
		put_off(m, arena_printf(m->j->a, "not examined: %.*s", SFMT(f->why_unexamined)));
}

/* Nobody gets a virus, or what should have been examined, because of a policy about something else. */
static void guard(struct making *m)
{
	const struct policy_judging *j = m->j;
	if (m->decided && !reaches_reader(m->d->end))
		return;
	if (policy_is_virus(j->f) && !m->knows_virus && !m->d->clean)
		by_itself(m, POLICY_QUARANTINE,
			j->f->virus.n ? arena_printf(j->a, "virus: %.*s", SFMT(j->f->virus))
				      : S("virus: its files are made to deceive"));
	else if (policy_is_unexamined(j->f, &j->t) && !m->knows_unexamined)
		guard_unexamined(m);
}

static slice line_text(const struct policy_judging *j, const char *name, double line)
{
	return arena_printf(j->a, "probability %.3f, %s from %.3f on", j->probability, name, line);
}

static void by_thresholds(struct making *m)
{
	struct policy_judging *j = m->j;
	bool friend = j->f->allowed || j->f->spared;
	double p = friend ? -1 : j->probability;
	if (p >= j->reject) {
		by_itself(m, POLICY_REJECT, line_text(j, "reject", j->reject));
		m->d->code = REJECT_CODE;
		m->d->status = S("5.7.1");
	} else if (p >= j->quarantine) {
		by_itself(m, POLICY_QUARANTINE, line_text(j, "quarantine", j->quarantine));
	} else if (p >= j->junk) {
		by_itself(m, POLICY_JUNK, line_text(j, "junk", j->junk));
	} else {
		by_itself(m, POLICY_DELIVER,
			p >= j->mark ? line_text(j, "mark", j->mark)
				     : S("nothing speaks against it"));
	}
	m->d->mark |= p >= j->mark || m->d->end == POLICY_JUNK;
}

/* Complaints about us must reach us, whatever they quote. */
static void spare(struct making *m)
{
	struct policy_decision *d = m->d;
	if (!m->j->f->spared ||
		(d->end != POLICY_REJECT && d->end != POLICY_BOUNCE && d->end != POLICY_DISCARD))
		return;
	d->reason = arena_printf(
		m->j->a, "%.*s; held, because its recipients take complaints", SFMT(d->reason));
	d->end = POLICY_QUARANTINE;
	if (d->class == QUARANTINE_NONE)
		d->class = QUARANTINE_POLICY;
	d->code = 0;
	d->status = d->reply = S("");
}

/* ---- all together ---- */

static void finish(struct making *m)
{
	struct policy_decision *d = m->d;
	d->fields = m->fields.v, d->nfields = m->fields.n;
	d->copies = m->copies.v, d->ncopies = m->copies.n;
	d->supervisors = m->supervisors.v, d->nsupervisors = m->supervisors.n;
	d->forwards = m->forwards.v, d->nforwards = m->forwards.n;
	d->approvers = m->approvers.v, d->napprovers = m->approvers.n;
	d->probability = m->j->probability;
	d->score = m->j->score;
	bool answers = d->end == POLICY_REJECT || d->end == POLICY_DEFER || d->end == POLICY_BOUNCE;
	bool waits = d->end == POLICY_QUARANTINE || d->end == POLICY_APPROVE;
	if (!answers) {
		d->code = 0;
		d->status = S("");
	}
	if (!answers && !waits) /* who is told that it waits reads it, too */
		d->reply = S("");
	if (d->end == POLICY_JUNK)
		d->mark = true; /* what stands behind us files it by that */
}

static struct policy_address person(
	struct policy_judging *j, const struct policy_facts *f, slice address)
{
	struct policy_address x = policy_address_of(address, j->scratch);
	if (j->set->asks_directory && f->belonging_of && x.whole.n)
		x.belongs = policy_lower(
			f->belonging_of(f->directory, address, j->scratch), j->scratch);
	return x;
}

static void judge(struct policy_judging *j, const struct policy_facts *f, slice rcpt)
{
	j->probability = f->probability;
	j->score = f->score;
	policy_judge_line(j);
	j->class = policy_class_of(j);
	if (!j->set)
		return;
	j->rcpt = person(j, f, rcpt);
	j->sender = person(j, f, f->sender.p ? f->sender : S(""));
	if (f->from.n)
		j->from = person(j, f, f->from);
	if (f->login.n)
		j->login = person(j, f, f->login);
}

void policy_decide(const struct policy_set *s, const struct policy_thresholds *t,
	const struct policy_facts *f, slice rcpt, struct arena *a, struct policy_decision *ret)
{
	AUTO(arena) struct arena scratch = {0};
	struct policy_judging j = {.set = s, .f = f, .a = a, .scratch = &scratch, .t = *t};
	struct making m = {.j = &j, .d = ret};
	*ret = (struct policy_decision){.end = POLICY_DELIVER, .nfiles = f->nfiles};
	judge(&j, f, rcpt);
	try_policies(&m);
	guard(&m);
	if (!m.decided)
		by_thresholds(&m);
	spare(&m);
	finish(&m);
}
