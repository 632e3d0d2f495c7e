/*
 * What is said about the content of a message: X-Spam fields on top of it, an event in the trace
 * (doc/en/trace.md); and the removal of such fields, and of X-Posthouse fields, that strangers wrote.
 */
#include "bin/edge_scan.h"

#include "base/mem.h"
#include "bin/edge_door.h"
#include "store/trace.h"

enum { FIELD_SIGNALS = 40, NEVER = 1000 }; /* NEVER: no sum of scores is that high */

/* ---- fields ---- */

static void put_signals(struct buf *top, const struct signals *all)
{
	unsigned shown = 0;
	for (unsigned i = 0; i < all->n && shown < FIELD_SIGNALS; i++) {
		if (all->v[i].score == 0)
			continue;
		buf_printf(top, "\r\n\t%s=%.1f", all->v[i].def->name, (double)all->v[i].score);
		shown++;
	}
}

void edge_scan_fields(const struct edge_session *s, bool marked, struct buf *top)
{
	const struct edge_scan *x = edge_scan_found(s);
	int when = s->edge->config->filter->fields;
	const struct signals *all = x ? x->signals : s->visit ? door_signals(s->visit) : NULL;
	if (marked)
		buf_put(top, S("X-Spam-Flag: YES\r\n"));
	bool shown = when == FILTER_FIELDS_ALWAYS || (when == FILTER_FIELDS_MARKED && marked);
	if (!shown || !all || (!marked && !(x && x->report)))
		return;
	buf_printf(top, "X-Spam-Status: %s, score=%.1f", marked ? "Yes" : "No", signals_score(all));
	double required = s->visit ? (double)door_source(s->visit)->thresholds[DOOR_MARK] : NEVER;
	if (required < NEVER)
		buf_printf(top, " required=%.1f", required);
	if (x && x->report)
		buf_printf(top, " probability=%.3f class=%s", x->probability,
			x->report->class == CONTENT_BULK ? "bulk" : "ordinary");
	put_signals(top, all);
	buf_put(top, S("\r\n"));
}

/* ---- fields of others ---- */

static bool is_ours(slice name)
{
	return slice_istarts(name, S("X-Spam-")) || slice_istarts(name, S("X-Posthouse-"));
}

void edge_scan_strip(struct smtpd_header *h, struct arena *a)
{
	struct header_field f;
	slice rest = h->block;
	size_t n = 0, next = 0; /* of those that are left out already, in the order of the block */
	while (header_next(&rest, &f))
		n += is_ours(f.name);
	if (!n)
		return;
	slice *v = ARENA_ARRAY(a, slice, n + h->nleft_out);
	n = 0;
	for (rest = h->block; header_next(&rest, &f);) {
		bool already = next < h->nleft_out && h->left_out[next].p == f.raw.p;
		next += already;
		if (already || is_ours(f.name))
			v[n++] = f.raw;
	}
	h->left_out = v;
	h->nleft_out = n;
}

/* ---- the trace ---- */

static slice models(const struct content_report *r, struct arena *a)
{
	AUTO(buf) struct buf text = BUF(200);
	for (unsigned i = 0; i < LEARN_INPUTS; i++)
		if (i != LEARN_RULES && r->in[i] != 0)
			buf_printf(&text, "%s%s=%.1f", text.n ? ", " : "",
				learn_input_name((enum learn_input)i, false), (double)r->in[i]);
	return arena_dup(a, buf_slice(&text));
}

static slice verdict_name(enum edge_scan_verdict v)
{
	static const char *const names[] = {
		"accept", "mark", "reject", "hold", "defer", "mixed", "other"};
	return slice_z(names[v]);
}

void edge_scan_tell(const struct edge_scan *x, enum edge_scan_verdict what, struct buf *log)
{
	AUTO(arena) struct arena a = {0};
	const struct content_report *r = x->report;
	trace_event(log, wall_now(), "content", "verdict", verdict_name(what), "probability",
		r ? arena_printf(&a, "%.3f", x->probability) : S(""), "class",
		r && r->class == CONTENT_BULK ? S("bulk") : S(""), "models",
		r ? models(r, &a) : S(""), "limited", r && r->limited ? S("yes") : S(""), "why",
		x->why, NULL);
}
