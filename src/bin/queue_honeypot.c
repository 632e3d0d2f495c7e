/*
 * Letters to addresses that nobody has ([learning] honeypots): given to the learn process as spam
 * instead of being delivered. Called by queue_session.c for groups with the destination "honeypot".
 * The letter leaves the queue when the learn process has it on stable storage.
 */
#include "base/mem.h"
#include "bin/learn_client.h"
#include "bin/queue.h"
#include "run/metrics.h"
#include "training/conf.h"

METRIC_COUNTER(trapped, "posthouse_honeypot_messages_total", "", "Letters to honeypots.");

static struct result outcome(enum result_kind kind, struct status_code status, slice text)
{
	return (struct result){.kind = kind, .status = status, .text = text};
}

/* Without what we put before it, as the edges have it examined. Its beginning suffices, and one
 * that is damaged will not be better later. */
static struct result learn(struct queue_session *s)
{
	const struct learning_conf *c = s->settings->config.learning;
	size_t most = (size_t)c->max_size;
	AUTO(buf) struct buf letter = BUF(most + s->letter->m.prefix.n + LINK_MESSAGE_MAX * 4);
	struct training_told t = {.source = TRAINING_HONEYPOT, .spam = true};
	struct err e;
	if (!c->enabled)
		return outcome(RESULT_DELIVERED, STATUS(2, 0, 0),
			S("a honeypot; nothing is learned ([learning] enabled)"));
	if (s->letter->m.flags & MSG_VOUCHED)
		return outcome(RESULT_DELIVERED, STATUS(2, 0, 0),
			S("a honeypot; nothing is learned of a sender with a good name"));
	if (letter_read(s->q->blobs, &s->letter->m, most, true, &letter, &e) == 0) {
		t.message =
			slice_first(slice_skip(buf_slice(&letter), s->letter->m.prefix.n), most);
		if (learn_tell(s->q->learn_link, &t, &e) == 0) {
			metric_add(&trapped, 1);
			return outcome(RESULT_DELIVERED, STATUS(2, 0, 0),
				S("a honeypot: learned as spam"));
		}
	}
	/* ERR_LIMIT: so many came that one more teaches nothing. */
	bool later = e.kind == ERR_TEMP || e.kind == ERR_TIMEOUT || e.kind == ERR_CLOSED;
	slice text = arena_dup(&s->mem, slice_z(e.text));
	return later ? outcome(RESULT_DEFERRED, STATUS(4, 3, 0), text)
		     : outcome(RESULT_DELIVERED, STATUS(2, 0, 0),
			       S("a honeypot; the letter could not be learned"));
}

void queue_honeypot_deliver(struct queue_session *s)
{
	struct result r = learn(s);
	for (size_t i = 0; i < s->n; i++)
		s->v[i].result = r;
}
