/*
 * Fingerprints of a message (edge_scan.h): what is remembered of mail like it before the decision,
 * and after it, what is to be remembered. What people say of mail is noted elsewhere, and counts
 * far more than what the filter thought.
 */
#include "bin/edge_scan.h"

#include "bin/edge_door.h"
#include "bin/edge_learn.h"
#include "defence/fingerprint.h"
#include "defence/names.h"
#include "senderauth/psl.h"

static const double own_weight = 0.1; /* of the filter's verdict */
static const double trap_weight = 3; /* nobody writes to a trap by mistake */
static const double surely_good = 0.05; /* probability */

static struct fingerprints *memory(const struct edge_session *s)
{
	return s->edge->door ? s->edge->door->fingerprints : NULL;
}

void edge_scan_prints_look(struct edge_session *s, struct edge_scan *x)
{
	if (memory(s))
		fingerprints_look(memory(s), x->report->prints, x->report->nprints, x->signals);
}

static void note(
	struct edge_session *s, struct edge_scan *x, enum fingerprint_event event, double weight)
{
	fingerprints_note(memory(s), x->report->prints, x->report->nprints, event, weight);
}

void edge_scan_prints_note(struct edge_session *s, struct edge_scan *x, const struct queue_msg *m)
{
	if (!memory(s))
		return;
	const struct content_context *c = &x->context;
	slice from = x->report->from_address;
	slice domain = psl_org_domain(slice_skip(from, slice_rindex(from, '@') + 1));
	if (c->direction == CONTENT_INBOUND)
		fingerprints_seen(memory(s), x->report->prints, x->report->nprints,
			name_network(&s->client->peer, 24, 48, &x->mem), domain);
	if (edge_learn_trapped(m)) {
		if (!edge_learn_vouched(s))
			note(s, x, FINGERPRINT_BAD, trap_weight);
	} else if (edge_scan_is_spam(x))
		note(s, x, FINGERPRINT_BAD, own_weight);
	else if (x->probability < surely_good && (c->login.n || c->written_to))
		note(s, x, FINGERPRINT_GOOD, own_weight);
}
