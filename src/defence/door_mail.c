/*
 * The envelope: rates of messages and senders, block and allow lists, whom we wrote to, scores,
 * greylisting. Scores decide at RCPT and not before: so the trace knows both ends, postmaster can
 * be reached by the unjustly blocked, and who logs in on the same connection is not concerned.
 */
#include "defence/door_impl.h"

#include "base/mem.h"
#include "defence/autowhite.h"
#include "defence/greylist.h"
#include "defence/reputation.h"
#include "store/list.h"
#include <stdio.h>

void message_close(struct door_visit *v)
{
	struct door_message *m = v->m;
	if (!m || !m->open)
		return;
	if (v->signals) {
		v->signals->n = m->first_signal;
		v->signals->mem = &v->mem;
	}
	struct arena mem = m->mem;
	arena_reset(&mem);
	*m = (struct door_message){.mem = mem};
}

/* A sender's own count is kept by network: who forges an address cannot use up its allowance. */
static void sender_key(struct door_visit *v, slice sender)
{
	struct door_message *m = v->m;
	m->sender_key_n = v->network_n;
	memcpy(m->sender_key, v->network, v->network_n);
	for (size_t i = 0; i < sender.n && m->sender_key_n < sizeof m->sender_key; i++)
		m->sender_key[m->sender_key_n++] = ascii_lower(sender.p[i]);
}

static slice key_of_sender(const struct door_visit *v)
{
	return slice_of(v->m->sender_key, v->m->sender_key_n);
}

static void message_open(struct door_visit *v, slice sender)
{
	if (!v->m)
		v->m = NEW(struct door_message);
	message_close(v);
	struct door_message *m = v->m;
	m->open = true;
	m->sender = arena_dup(&m->mem, sender);
	m->first_signal = v->signals ? v->signals->n : 0;
	sender_key(v, sender);
	if (v->signals)
		v->signals->mem = &m->mem;
}

static bool over(struct door_visit *v, enum door_stage at, enum source_limit limit,
	enum door_reason reason, enum rate_kind kind, slice key, struct door_verdict *ret)
{
	if (!v->source->limits[limit].n)
		return false;
	return verdict_limit(v, at, limit, reason, rates_get(v->door->c.rates, kind, key) + 1, ret);
}

static void count(struct door_visit *v, enum source_limit limit, enum rate_kind kind, slice key)
{
	if (v->source->limits[limit].n)
		rates_add(v->door->c.rates, kind, key, 1);
}

static bool message_rates(struct door_visit *v, struct door_verdict *ret)
{
	slice address = visit_address(v), sender = key_of_sender(v);
	const enum door_stage at = STAGE_AT_MAIL;
	if (over(v, at, LIMIT_MESSAGE_RATE, WHY_MESSAGE_RATE, RATE_MESSAGES, address, ret) ||
		over(v, at, LIMIT_SENDER_MESSAGES_15M, WHY_SENDER_RATE, RATE_SENDER_MESSAGES,
			sender, ret) ||
		over(v, at, LIMIT_SENDER_MESSAGES_DAY, WHY_SENDER_RATE, RATE_SENDER_MESSAGES_DAY,
			sender, ret))
		return true;
	count(v, LIMIT_MESSAGE_RATE, RATE_MESSAGES, address);
	count(v, LIMIT_SENDER_MESSAGES_15M, RATE_SENDER_MESSAGES, sender);
	count(v, LIMIT_SENDER_MESSAGES_DAY, RATE_SENDER_MESSAGES_DAY, sender);
	return false;
}

static void judge_domain(struct door_visit *v, slice sender)
{
	struct dnsbls *d = v->door->c.dnsbls;
	size_t at = slice_rindex(sender, '@');
	struct dnsbl_result r;
	AUTO(buf) struct buf text = BUF(SIGNAL_DETAIL_MAX);
	if (!d || at == sender.n || !visit_checks(v, CHECK_DNSBL) || !dnsbls_any(d, DNSBL_DOMAIN))
		return;
	dnsbls_ask_domain(
		d, DNSBL_DOMAIN, slice_skip(sender, at + 1), instant_in(DOOR_LOOKUP_TIME), &r);
	float weight = dnsbl_result_print(&r, false, &text);
	if (text.n)
		signals_add(door_signals(v), SIGNAL_DNSBL_DOMAIN, weight, buf_slice(&text));
}

void door_mail(struct door_visit *v, const struct door_mail *mail, struct door_verdict *ret)
{
	verdict_none(ret);
	if (mail->login.n && !v->login.n)
		v->login = arena_dup(&v->mem, mail->login); /* told by XCLIENT */
	lookups_settle(v);
	message_open(v, mail->sender);
	if (visit_spared(v) || v->caller.service == DOOR_INTERNAL)
		return;
	if (message_rates(v, ret))
		return;
	judge_domain(v, mail->sender);
	if (v->early || v->source->cls == SOURCE_BAD)
		verdict_slow(v, ret);
}

/* ---- recipients ---- */

static bool rcpt_rates(struct door_visit *v, struct door_verdict *ret)
{
	int64_t most = v->source->numbers[NUMBER_SESSION_RCPTS];
	const enum door_stage at = STAGE_AT_RCPT;
	if (most && v->session_rcpts >= most && !v->excepted) {
		verdict_set(ret, at, DOOR_DEFER, WHY_RCPTS, "%u recipients in this connection",
			v->session_rcpts);
		return true;
	}
	return over(v, at, LIMIT_SENDER_RCPTS_15M, WHY_SENDER_RATE, RATE_SENDER_RCPTS,
		       key_of_sender(v), ret) ||
	       over(v, at, LIMIT_SENDER_RCPTS_DAY, WHY_SENDER_RATE, RATE_SENDER_RCPTS_DAY,
		       key_of_sender(v), ret);
}

/* True: blocked. An allow entry makes the message known. */
static bool ask_lists(struct door_visit *v, const struct door_rcpt *r, struct door_verdict *ret)
{
	slice proven[DOOR_PROVEN_MAX];
	struct door_message *m = v->m;
	struct lists_answer answer;
	const struct lists_facts facts = {.ip = &v->caller.ip,
		.host = v->iprev.name,
		.helo = visit_helo(v),
		.helo_verified = v->iprev.name.n && slice_ieq(v->iprev.name, visit_helo(v)),
		.sender = m->sender,
		.proven = proven,
		.nproven = evidence_proven(r->evidence, proven),
		.rcpt = r->address};
	if (!v->door->c.lists)
		return false;
	lists_match(v->door->c.lists, &facts, &m->mem, &answer);
	if (answer.verdict == LISTS_BLOCK) {
		AUTO(buf) struct buf why = BUF(DOOR_WHY_MAX);
		lists_explain(&why, &answer);
		verdict_set(ret, STAGE_AT_RCPT, DOOR_REJECT, WHY_BLOCKED, "%.*s", (int)why.n,
			why.p ? why.p : "");
		return true;
	}
	m->known |= answer.verdict == LISTS_ALLOW;
	m->friends.allowed |= answer.verdict == LISTS_ALLOW;
	m->waiting |= answer.waiting != NULL;
	return false;
}

static void ask_autowhite(struct door_visit *v, const struct door_rcpt *r)
{
	slice proven[DOOR_PROVEN_MAX];
	struct door_message *m = v->m;
	struct autowhite_answer answer;
	const struct autowhite_facts facts = {.rcpt = r->address,
		.sender = m->sender,
		.proven = proven,
		.nproven = evidence_proven(r->evidence, proven)};
	if (!v->door->c.autowhite)
		return;
	autowhite_ask(v->door->c.autowhite, &facts, &answer);
	m->known |= answer.how != AUTOWHITE_NO;
	m->friends.written_to |= answer.how != AUTOWHITE_NO;
	m->waiting |= answer.waiting != AUTOWHITE_NO;
}

/* SPF is known already; the rest of what is proven comes with the message. */
static void judge_spf(struct door_visit *v, const struct door_evidence *ev)
{
	if (ev && ev->spf_domain.n)
		signals_add(door_signals(v), signal_of_spf(ev->spf), 1, ev->spf_domain);
}

static void ask_repute(struct door_visit *v, const struct door_evidence *ev)
{
	struct reputation *r = v->door->c.reputation;
	if (!r || !visit_checks(v, CHECK_REPUTATION))
		return;
	const struct rep_subjects s = {.ip = &v->caller.ip,
		.helo = visit_helo(v),
		.sender = v->m->sender,
		.sender_proven = ev && ev->spf == AUTH_PASS};
	reputation_message(r, &s, door_signals(v), NULL);
}

struct greylist_facts greylist_facts_of(const struct door_visit *v, slice rcpt)
{
	double score = v->signals ? signals_score(v->signals) : 0;
	float low = v->source->thresholds[DOOR_GREYLIST];
	float high = v->source->thresholds[DOOR_REJECT];
	double doubt = high > low ? (score - low) / (high - low) : 0;
	return (struct greylist_facts){.ip = &v->caller.ip,
		.helo = visit_helo(v),
		.sender = v->m->sender,
		.sender_proven = v->m->spf,
		.rcpt = rcpt,
		.doubt = doubt < 0   ? 0
			 : doubt > 1 ? 1
				     : doubt};
}

static bool must_wait(struct door_visit *v, enum door_stage stage, struct door_verdict *ret)
{
	struct greylist *g = v->door->c.greylist;
	struct greylist_answer answer;
	if (!g || !visit_checks(v, CHECK_GREYLIST))
		return false;
	struct greylist_facts f = greylist_facts_of(v, v->m->rcpt);
	greylist_ask(g, &f, &answer);
	if (!answer.pass)
		verdict_set(ret, stage, DOOR_GREYLIST, WHY_GREYLIST,
			"greylisted (%s, try %u, %lld s to wait)", greylist_why_name(answer.why),
			answer.tries, (long long)(answer.wait / SECOND));
	return !answer.pass;
}

/* The strongest signals by name, for the peer's administrator. */
static void tell(const struct signals *s, struct door_verdict *ret)
{
	AUTO(buf) struct buf names = BUF(DOOR_TEXT_MAX - 40);
	AUTO(buf) struct buf all = BUF(DOOR_WHY_MAX - 1);
	slice text, name, detail;
	double score;
	signals_print(&all, s);
	text = buf_slice(&all);
	for (int i = 0; i < 4 && signals_next(&text, &name, &score, &detail) && score > 0; i++)
		buf_printf(&names, "%s%.*s", i ? ", " : "", SFMT(name));
	snprintf(
		ret->text, sizeof ret->text, "Not accepted: %.*s [score]", SFMT(buf_slice(&names)));
	snprintf(ret->why, sizeof ret->why, "%.*s", SFMT(buf_slice(&all)));
}

void judge_score(struct door_visit *v, enum door_stage stage, struct door_verdict *ret)
{
	const float *at = v->source->thresholds;
	if (!v->signals || v->m->known)
		return;
	double score = signals_score(v->signals);
	if (score >= at[DOOR_DEFER] || score >= at[DOOR_REJECT]) {
		bool good = score >= at[DOOR_REJECT];
		verdict_set(ret, stage, good ? DOOR_REJECT : DOOR_DEFER, WHY_SCORE, "score %.1f",
			score);
		tell(v->signals, ret);
		return;
	}
	bool doubtful = score >= at[DOOR_GREYLIST];
	if (stage == STAGE_AT_RCPT)
		v->m->doubtful = doubtful;
	else if (doubtful && v->m->waiting && must_wait(v, stage, ret))
		return; /* a proof that it is a friend was waited for, and did not come */
	if (score >= at[DOOR_SLOW])
		verdict_slow(v, ret);
	if (score >= at[DOOR_MARK]) {
		ret->action = DOOR_MARK;
		ret->reason = "score";
		snprintf(ret->why, sizeof ret->why, "score %.1f", score);
	}
}

static void judge_rcpt(struct door_visit *v, const struct door_rcpt *r, struct door_verdict *ret)
{
	struct door_message *m = v->m;
	m->rcpt = arena_dup(&m->mem, r->address);
	m->complaint = r->postmaster;
	m->spf = r->evidence && r->evidence->spf == AUTH_PASS && m->sender.n;
	if (v->login.n) {
		caps_ask(v->door->caps, v->door->c.rates, v->door->c.kv, v->login, m->asked == 0, 1,
			ret);
		m->asked += !door_refuses(ret);
		return;
	}
	if (v->caller.service == DOOR_INTERNAL || v->excepted || rcpt_rates(v, ret))
		return;
	if (v->source->cls != SOURCE_TRUSTED && ask_lists(v, r, ret))
		return;
	if (!m->known)
		ask_autowhite(v, r);
	if (m->asked++ == 0) {
		judge_spf(v, r->evidence);
		ask_repute(v, r->evidence);
	}
	/* What an allow entry waits for may come with the message. */
	if (!m->known && !m->waiting && !r->postmaster)
		judge_score(v, STAGE_AT_RCPT, ret);
}

/* Who goes on asking although he is put off each time is cut off. */
static void count_put_off(struct door_visit *v, struct door_verdict *ret)
{
	if (!door_refuses(ret) || v->login.n)
		return;
	v->put_off++;
	v->rejected += ret->action == DOOR_REJECT;
	/* Recipients that were taken still get their message. */
	if (v->put_off <= DOOR_PUT_OFF_MAX || v->m->nrcpts > 0)
		return;
	ret->action = DOOR_DROP;
	ret->code = 421;
	ret->status[0] = '4';
}

void door_rcpt(struct door_visit *v, const struct door_rcpt *r, struct door_verdict *ret)
{
	verdict_none(ret);
	must(v->m && v->m->open);
	v->m->doubtful = false;
	judge_rcpt(v, r, ret);
	count_put_off(v, ret);
}

void door_greylist(struct door_visit *v, struct door_verdict *ret)
{
	verdict_none(ret);
	if (v->m->doubtful)
		must_wait(v, STAGE_AT_RCPT, ret);
	count_put_off(v, ret);
}

void door_rcpt_was(struct door_visit *v, enum door_fate fate)
{
	struct door_message *m = v->m;
	struct rates *r = v->door->c.rates;
	bool counted = v->source->limits[LIMIT_UNKNOWN_RCPTS].n && !visit_spared(v);
	if (!m || !m->open)
		return;
	if (fate == DOOR_NO_SUCH_USER && ++v->unknown_rcpts && counted) {
		rates_add(r, RATE_UNKNOWN_RCPTS, visit_address(v), 1);
		if (v->unknown_rcpts > 3 && v->unknown_rcpts > v->good_rcpts)
			signals_add(door_signals(v), SIGNAL_HARVEST, 1, S(""));
	}
	if (fate != DOOR_GOOD)
		return;
	v->good_rcpts++;
	v->session_rcpts++;
	m->nrcpts++;
	m->complaints += m->complaint;
	if (m->nkept < DOOR_RCPTS_KEPT)
		m->rcpts[m->nkept++] = m->rcpt;
	if (counted)
		rates_add(r, RATE_GOOD_RCPTS, visit_address(v), 1);
	if (visit_spared(v))
		return;
	count(v, LIMIT_SENDER_RCPTS_15M, RATE_SENDER_RCPTS, key_of_sender(v));
	count(v, LIMIT_SENDER_RCPTS_DAY, RATE_SENDER_RCPTS_DAY, key_of_sender(v));
}
