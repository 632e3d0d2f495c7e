/*
 * What is known of a connection and of a message, as signals (reputation.h). Subjects that contain
 * each other are asked in a chain: what is believed of an address of which little is known is what
 * is known of its network, and of that what is known of its autonomous system; likewise a sender
 * and his domain.
 */
#include "defence/reputation_impl.h"

#include "base/mem.h"
#include "defence/names.h"

#include <math.h>

enum {
	DETAIL_MAX = SIGNAL_DETAIL_MAX,
	DAY_SECONDS = 86400,
	FRESH_FACTOR = 3,
	/* What is known of the wider subject alone is less sure: it hints at a score, but does not
	 * make a caller one of the good or the bad. */
	INHERITED = 3,
};

static const double worth_saying = 0.15; /* a score nearer to 0 is no signal */
static const double is_known = 0.3; /* confidence */

/* What is believed so far, from the widest subject to the narrowest. */
struct belief {
	double score, confidence;
	enum rep_kind kind; /* that says most */
	slice name;
	struct rep_answer answer; /* of it */
	double weight;
};

static void ask_next(struct reputation *r, const struct rep_subjects *s, enum rep_kind kind,
	size_t i, struct belief *b, struct arena *a)
{
	struct rep_record rec;
	struct rep_answer own, with_prior;
	slice name = reputation_name(r, s, kind, i, a);
	if (!reputation_record(r, kind, name, &rec)) {
		b->confidence /= INHERITED;
		return;
	}
	int64_t now = kv_now(r->kv);
	rep_record_answer(&rec, now, r->half_life, r->doubt, 0, &own);
	rep_record_answer(&rec, now, r->half_life, r->doubt, b->score, &with_prior);
	b->score = with_prior.score;
	b->confidence = own.confidence + (1 - own.confidence) * b->confidence / INHERITED;
	if (own.confidence >= b->weight / 2) { /* the narrower one, unless it knows far less */
		b->kind = kind;
		b->name = name;
		b->answer = own;
		b->weight = own.confidence;
	}
}

static void tell(
	struct signals *out, const struct belief *b, enum signal_id bad, enum signal_id good)
{
	if (fabs(b->score) < worth_saying || b->name.n == 0)
		return;
	AUTO(buf) struct buf text = BUF(4 * DETAIL_MAX);
	reputation_explain(&text, b->kind, b->name, &b->answer, CONF_EN);
	signals_add(out, b->score < 0 ? bad : good, (float)fabs(b->score), buf_slice(&text));
}

static void tell_name(struct signals *out, enum signal_id id, enum rep_kind kind, slice name,
	const struct rep_answer *answer)
{
	AUTO(buf) struct buf text = BUF(4 * DETAIL_MAX);
	reputation_explain(&text, kind, name, answer, CONF_EN);
	signals_add(out, id, 1, buf_slice(&text));
}

/* Many more messages within an hour than usual; from one that is new, many more than many. */
static void judge_volume(struct reputation *r, const struct rep_subjects *s, enum rep_kind kind,
	struct signals *out, struct arena *a)
{
	struct rep_answer answer;
	const struct reputation_conf *c = r->conf;
	slice name = reputation_name(r, s, kind, 0, a);
	if (!reputation_ask(r, kind, name, &answer))
		return;
	bool fresh = kv_now(r->kv) - answer.first_at < DAY_SECONDS;
	double least = (double)c->surge_minimum * (fresh ? FRESH_FACTOR : 1);
	if (answer.rate >= least && answer.rate >= answer.baseline * (double)c->surge_factor)
		tell_name(out, SIGNAL_REP_SURGE, kind, name, &answer);
}

static double combine(const struct belief *v, size_t n, double *ret_confidence)
{
	double sum = 0, weight = 0, most = 0;
	for (size_t i = 0; i < n; i++) {
		sum += v[i].score * v[i].confidence;
		weight += v[i].confidence;
		most = fmax(most, v[i].confidence);
	}
	if (ret_confidence)
		*ret_confidence = most;
	return weight > 0 ? sum / weight : 0;
}

/* ---- the connection ---- */

static void judge_helo(struct reputation *r, const struct rep_subjects *s,
	const struct belief *address, struct signals *out, struct arena *a)
{
	struct belief helo = {0};
	ask_next(r, s, REP_HELO, 0, &helo, a);
	/* Anybody can give himself any name: it is no argument for a caller, and none against
	 * one whose address is good. */
	if (helo.score < 0 && !(address->score > 0 && address->confidence > is_known))
		tell(out, &helo, SIGNAL_REP_HELO_BAD, SIGNAL_REP_HELO_BAD);
}

double reputation_connection(struct reputation *r, const struct rep_subjects *s,
	struct signals *out, double *ret_confidence)
{
	AUTO(arena) struct arena a = {0};
	struct belief address = {0};
	if (ret_confidence)
		*ret_confidence = 0;
	if (!r->kv)
		return 0;
	ask_next(r, s, REP_ASN, 0, &address, &a);
	ask_next(r, s, REP_NET, 0, &address, &a);
	ask_next(r, s, REP_IP, 0, &address, &a);
	tell(out, &address, SIGNAL_REP_ADDRESS_BAD, SIGNAL_REP_ADDRESS_GOOD);
	judge_helo(r, s, &address, out, &a);
	judge_volume(r, s, REP_IP, out, &a);
	return combine(&address, 1, ret_confidence);
}

/* ---- the message ---- */

/* Whoever signs for others signs for good and bad ones: of several domains that are known the worst
 * one counts. */
static struct belief judge_domains(
	struct reputation *r, const struct rep_subjects *s, struct arena *a)
{
	struct belief worst = {0};
	bool any = false;
	size_t n = s->ndkim < REP_DKIM_MAX ? s->ndkim : REP_DKIM_MAX;
	for (size_t i = 0; i <= n; i++) {
		struct belief b = {0};
		ask_next(r, s, i < n ? REP_DKIM : REP_DOMAIN, i < n ? i : 0, &b, a);
		if (b.name.n == 0 || (any && b.confidence < is_known))
			continue;
		if (!any || worst.confidence < is_known || b.score < worst.score)
			worst = b;
		any = true;
	}
	return worst;
}

static void judge_mute(
	struct reputation *r, const struct rep_subjects *s, struct signals *out, struct arena *a)
{
	struct rep_answer answer;
	slice name = reputation_name(r, s, REP_SENDER, 0, a);
	if (!reputation_ask(r, REP_SENDER, name, &answer) ||
		answer.messages < (double)r->conf->mute_messages)
		return;
	if (reputation_written_to(r, s->sender) == 0)
		tell_name(out, SIGNAL_REP_ONLY_SENDS, REP_SENDER, name, &answer);
}

double reputation_message(struct reputation *r, const struct rep_subjects *s, struct signals *out,
	double *ret_confidence)
{
	AUTO(arena) struct arena a = {0};
	if (ret_confidence)
		*ret_confidence = 0;
	if (!r->kv)
		return 0;
	struct belief domain = judge_domains(r, s, &a), sender = domain, origin = {0};
	sender.name = (slice){0};
	sender.weight = 0;
	ask_next(r, s, REP_SENDER, 0, &sender, &a);
	ask_next(r, s, REP_ORIGIN, 0, &origin, &a);
	tell(out, &domain, SIGNAL_REP_DOMAIN_BAD, SIGNAL_REP_DOMAIN_GOOD);
	tell(out, &sender, SIGNAL_REP_SENDER_BAD, SIGNAL_REP_SENDER_GOOD);
	tell(out, &origin, SIGNAL_REP_ORIGIN_BAD, SIGNAL_REP_ORIGIN_GOOD);
	judge_volume(r, s, REP_SENDER, out, &a);
	judge_mute(r, s, out, &a);
	const struct belief all[] = {domain, sender, origin};
	return combine(all, sizeof all / sizeof *all, ret_confidence);
}
