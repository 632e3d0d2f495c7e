/*
 * The message: once more lists, whom we wrote to, reputation and scores, now that it is known who
 * signed it and what stands in From:; and what is learnt from how it ended.
 */
#include "defence/door_impl.h"

#include "base/mem.h"
#include "defence/autowhite.h"
#include "defence/greylist.h"
#include "defence/reputation.h"
#include "store/list.h"

/* What lists say for one recipient (or none: the system's). */
static enum lists_verdict ask_lists(struct door_visit *v, const struct door_evidence *ev,
	slice rcpt, struct lists_answer *answer)
{
	slice proven[DOOR_PROVEN_MAX];
	const struct lists_facts facts = {.ip = &v->caller.ip,
		.host = v->iprev.name,
		.helo = visit_helo(v),
		.helo_verified = v->iprev.name.n && slice_ieq(v->iprev.name, visit_helo(v)),
		.sender = v->m->sender,
		.from = ev->from,
		.proven = proven,
		.nproven = evidence_proven(ev, proven),
		.rcpt = rcpt};
	lists_match(v->door->c.lists, &facts, &v->m->mem, answer);
	return answer->verdict;
}

/* A message goes to all its recipients or to none: it is refused when all of them block it, and
 * known when one of them allows it. */
static bool blocked(struct door_visit *v, const struct door_evidence *ev, struct door_verdict *ret)
{
	struct lists_answer answer = {0};
	struct door_message *m = v->m;
	unsigned blocks = 0;
	if (!v->door->c.lists)
		return false;
	for (unsigned i = 0; i < m->nkept; i++) {
		enum lists_verdict l = ask_lists(v, ev, m->rcpts[i], &answer);
		blocks += l == LISTS_BLOCK;
		m->known |= l == LISTS_ALLOW;
		m->friends.allowed |= l == LISTS_ALLOW;
	}
	if (m->nkept == 0 || blocks < m->nrcpts)
		return false;
	m->blocked = true;
	AUTO(buf) struct buf why = BUF(DOOR_WHY_MAX);
	lists_explain(&why, &answer);
	verdict_set(ret, STAGE_AT_DATA, DOOR_REJECT, WHY_BLOCKED, "%.*s", (int)why.n,
		why.p ? why.p : "");
	return true;
}

static void ask_autowhite(struct door_visit *v, const struct door_evidence *ev)
{
	slice proven[DOOR_PROVEN_MAX];
	struct door_message *m = v->m;
	size_t nproven = evidence_proven(ev, proven);
	for (unsigned i = 0; v->door->c.autowhite && !m->known && i < m->nkept; i++) {
		struct autowhite_answer answer;
		const struct autowhite_facts facts = {.rcpt = m->rcpts[i],
			.sender = m->sender,
			.from = ev->from,
			.proven = proven,
			.nproven = nproven,
			.in_reply_to = ev->in_reply_to,
			.references = ev->references};
		autowhite_ask(v->door->c.autowhite, &facts, &answer);
		m->known |= answer.how != AUTOWHITE_NO;
		m->friends.written_to |= answer.how != AUTOWHITE_NO;
	}
}

static struct rep_subjects subjects(const struct door_visit *v, const struct door_evidence *ev)
{
	return (struct rep_subjects){.ip = &v->caller.ip,
		.helo = visit_helo(v),
		.sender = v->m->sender,
		.sender_proven = ev->spf == AUTH_PASS || ev->dmarc == AUTH_PASS,
		.dkim = ev->dkim,
		.ndkim = ev->ndkim,
		.origin = ev->origin};
}

static void keep_evidence(struct door_visit *v, const struct door_evidence *ev)
{
	struct door_message *m = v->m;
	m->proven = ev->spf == AUTH_PASS || ev->dmarc == AUTH_PASS || ev->ndkim;
	m->spf_or_dmarc = ev->spf == AUTH_PASS || ev->dmarc == AUTH_PASS;
	m->ndkim = ev->ndkim < DOOR_DKIM_KEPT ? ev->ndkim : DOOR_DKIM_KEPT;
	for (size_t i = 0; i < m->ndkim; i++)
		m->dkim[i] = arena_dup(&m->mem, ev->dkim[i]);
	if (ev->origin)
		m->origin = *ev->origin;
}

/* To postmaster and the like alone: not judged, and nobody earns a name by it. */
static bool only_complaints(const struct door_message *m)
{
	return m->complaints > 0 && m->complaints == m->nrcpts;
}

void door_data(struct door_visit *v, const struct door_evidence *ev, struct door_verdict *ret)
{
	verdict_none(ret);
	must(v->m && v->m->open);
	keep_evidence(v, ev);
	if (visit_spared(v) || v->caller.service == DOOR_INTERNAL ||
		v->source->cls == SOURCE_TRUSTED)
		return;
	if (blocked(v, ev, ret))
		return;
	ask_autowhite(v, ev);
	if (v->door->c.reputation && visit_checks(v, CHECK_REPUTATION)) {
		struct rep_subjects s = subjects(v, ev);
		reputation_message(v->door->c.reputation, &s, door_signals(v), NULL);
	}
	if (only_complaints(v->m))
		return;
	judge_score(v, STAGE_AT_DATA, ret);
	v->m->marked = ret->action == DOOR_MARK;
}

struct door_friends door_friends(const struct door_visit *v)
{
	return v->m && v->m->open ? v->m->friends : (struct door_friends){0};
}

void door_content(struct door_visit *v, enum door_content what)
{
	if (v->m && v->m->open)
		v->m->content = what;
}

/* What was taken in spite of doubts is no good mail; what one reader or the administrator does not
 * want says nothing about the sender to all others. */
static bool teaches_nothing(const struct door_message *m)
{
	bool spam = m->content == DOOR_CONTENT_SPAM;
	return m->blocked || only_complaints(m) || (m->marked && !spam) ||
	       m->content == DOOR_CONTENT_DOUBTFUL || (spam && m->friends.allowed);
}

static void learn(struct door_visit *v, enum rep_event event)
{
	struct door_message *m = v->m;
	struct reputation *r = v->door->c.reputation;
	if (!r || !(v->source->checks & CHECK_REPUTATION) || teaches_nothing(m))
		return;
	const struct rep_subjects s = {.ip = &v->caller.ip,
		.helo = visit_helo(v),
		.sender = m->sender,
		.sender_proven = m->spf_or_dmarc,
		.dkim = m->dkim,
		.ndkim = m->ndkim,
		.origin = m->origin.family ? &m->origin : NULL};
	reputation_note(r, &s, event, 1);
}

/* What is proven and was not doubtful need not wait the next time; what was bad waits again. */
static void teach_greylist(struct door_visit *v, bool good)
{
	struct greylist *g = v->door->c.greylist;
	double score = v->signals ? signals_score(v->signals) : 0;
	if (!g || !visit_checks(v, CHECK_GREYLIST))
		return;
	struct greylist_facts f = greylist_facts_of(v, v->m->rcpt);
	if (!good && !v->m->blocked)
		greylist_distrust(g, &f);
	else if (good && v->m->proven && !only_complaints(v->m) &&
		 score < v->source->thresholds[DOOR_GREYLIST])
		greylist_release(g, &f);
}

void door_message_was(struct door_visit *v, enum door_end_of what)
{
	if (!v->m || !v->m->open)
		return;
	bool spam = v->m->content == DOOR_CONTENT_SPAM;
	if (!visit_spared(v) && v->caller.service == DOOR_MX && what != DOOR_NOT_STORED) {
		learn(v, spam ? REP_SPAM : what == DOOR_STORED ? REP_ACCEPTED : REP_REFUSED);
		teach_greylist(v, what == DOOR_STORED && !spam);
	}
	v->stored += what == DOOR_STORED;
	message_close(v);
}
