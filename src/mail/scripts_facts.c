/* What a letter's timeline (doc/en/trace.md) says about it, for the rules of its readers (scripts_run.h). */
#include "mail/scripts_run.h"

#include "base/mem.h"
#include "codec/address.h"
#include "store/trace.h"
#include <stdlib.h>

struct event {
	slice result, probability, of, from;
};

static struct event read_event(slice fields, struct arena *a)
{
	struct event v = {0};
	slice key, value;
	while (trace_field(&fields, a, &key, &value))
		if (slice_eq(key, S("result")))
			v.result = value;
		else if (slice_eq(key, S("probability")))
			v.probability = value;
		else if (slice_eq(key, S("of")))
			v.of = value;
		else if (slice_eq(key, S("from")))
			v.from = value;
	return v;
}

static int virus_of(slice result)
{
	return slice_eq(result, S("clean")) ? 1 : slice_eq(result, S("infected")) ? 5 : 0;
}

/* DMARC speaks of From:, but what is sent back goes to the envelope's sender, who may be anybody. */
static bool is_senders(const struct queue_msg *m, slice from)
{
	slice domain = slice_skip(m->sender, slice_rindex(m->sender, '@') + 1);
	return from.n && domain.n && domain_within(domain, from);
}

void scripts_facts_read(const struct queue_msg *m, struct scripts_facts *ret)
{
	AUTO(arena) struct arena a = {0};
	slice log = m->log, name, fields;
	int64_t at;
	*ret = (struct scripts_facts){.spam = -1, .proven = m->auth.n || m->flags & MSG_SUBMITTED};
	while (trace_next_event(&log, &at, &name, &fields)) {
		struct event v = read_event(fields, &a);
		bool pass = slice_eq(v.result, S("pass"));
		if (slice_eq(name, S("content")) && v.probability.n)
			ret->spam = strtof(arena_strz(&a, v.probability), NULL);
		else if (slice_eq(name, S("engines")))
			ret->virus = virus_of(v.result);
		else if (slice_eq(name, S("dmarc")))
			ret->proven |= pass && is_senders(m, v.from);
		else if (slice_eq(name, S("spf")))
			ret->proven |= pass && slice_eq(v.of, S("mailfrom"));
		arena_reset(&a);
	}
	if (!(ret->spam <= 1)) /* also what is no number */
		ret->spam = -1;
}
