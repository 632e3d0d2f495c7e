/*
 * Decisions compared, and written on one line: for logs, for what is kept with the facts, and for
 * telling what a new document would change. Called by the edge and the command line.
 */
#include "base/time.h"
#include "policy/policy.h"

static bool same_list(const slice *a, size_t na, const slice *b, size_t nb)
{
	if (na != nb)
		return false;
	for (size_t i = 0; i < na; i++)
		if (!slice_eq(a[i], b[i]))
			return false;
	return true;
}

static bool same_text(const struct policy_text *a, const struct policy_text *b)
{
	return slice_eq(a->en, b->en) && slice_eq(a->zh, b->zh);
}

static bool same_lists(const struct policy_decision *a, const struct policy_decision *b)
{
	return same_list(a->fields, a->nfields, b->fields, b->nfields) &&
	       same_list(a->copies, a->ncopies, b->copies, b->ncopies) &&
	       same_list(a->supervisors, a->nsupervisors, b->supervisors, b->nsupervisors) &&
	       same_list(a->forwards, a->nforwards, b->forwards, b->nforwards) &&
	       same_list(a->approvers, a->napprovers, b->approvers, b->napprovers);
}

static bool same_changes(const struct policy_decision *a, const struct policy_decision *b)
{
	return a->mark == b->mark && slice_eq(a->subject_tag, b->subject_tag) &&
	       same_text(&a->banner, &b->banner) && same_text(&a->disclaimer, &b->disclaimer) &&
	       a->strip == b->strip && same_text(&a->strip_notice, &b->strip_notice) &&
	       a->clean == b->clean;
}

static bool same_words(const struct policy_decision *a, const struct policy_decision *b)
{
	return a->tell_sender == b->tell_sender && a->tell_rcpt == b->tell_rcpt &&
	       a->keep_copy == b->keep_copy && a->delay == b->delay && a->code == b->code &&
	       slice_eq(a->status, b->status) && slice_eq(a->reply, b->reply);
}

/* Arrays of both belong to the same facts. */
static bool same_files(const struct policy_decision *a, const struct policy_decision *b, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if ((a->stripped && a->stripped[i]) != (b->stripped && b->stripped[i]))
			return false;
	return true;
}

bool policy_same(const struct policy_decision *a, const struct policy_decision *b)
{
	return a->end == b->end && a->class == b->class && slice_eq(a->policy, b->policy) &&
	       a->nfiles == b->nfiles && same_words(a, b) && same_changes(a, b) &&
	       same_lists(a, b) && same_files(a, b, a->nfiles);
}

/* ---- on one line ---- */

static void put_list(struct buf *out, const char *name, const slice *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		buf_printf(out, "%s%s%.*s", i ? "," : " ", i ? "" : name, SFMT(v[i]));
}

static void put_word(struct buf *out, const char *word, bool said)
{
	if (said)
		buf_printf(out, " %s", word);
}

void policy_decision_print(struct buf *out, const struct policy_decision *d)
{
	char delay[24];
	buf_printf(out, "%s", policy_end_name(d->end));
	if (d->end == POLICY_QUARANTINE || d->end == POLICY_APPROVE)
		buf_printf(out, " class=%s", quarantine_class_name(d->class));
	if (d->code)
		buf_printf(out, " code=%d", d->code);
	put_word(out, "mark", d->mark);
	put_word(out, "subject", d->subject_tag.n > 0);
	put_word(out, "fields", d->nfields > 0);
	put_word(out, "banner", d->banner.en.n || d->banner.zh.n);
	put_word(out, "disclaimer", d->disclaimer.en.n || d->disclaimer.zh.n);
	put_word(out, d->strip == POLICY_STRIP_ALL ? "strip:all" : "strip", d->strip);
	put_word(out, "clean", d->clean);
	put_word(out, "keep_copy", d->keep_copy);
	put_word(out, "tell_sender", d->tell_sender);
	put_word(out, "tell_recipient", d->tell_rcpt);
	if (d->delay) {
		duration_print(d->delay, delay);
		buf_printf(out, " delay=%s", delay);
	}
	put_list(out, "to=", d->forwards, d->nforwards);
	put_list(out, "copy=", d->copies, d->ncopies);
	put_list(out, "supervise=", d->supervisors, d->nsupervisors);
	put_list(out, "approvers=", d->approvers, d->napprovers);
}

/* Neither tabs nor ends of lines inside. */
static void put_clean(struct buf *out, slice s)
{
	for (size_t i = 0; i < s.n; i++)
		buf_byte(out, (unsigned char)s.p[i] < ' ' ? ' ' : s.p[i]);
}

/* address TAB direction TAB decision TAB policy */
void policy_decided_add(struct buf *out, slice rcpt, enum policy_direction direction,
	const struct policy_decision *d)
{
	put_clean(out, rcpt);
	buf_printf(out, "\t%u\t", direction);
	policy_decision_print(out, d);
	buf_byte(out, '\t');
	put_clean(out, d->policy);
	buf_byte(out, '\n');
}

static bool read_line(slice line, struct policy_decided *ret)
{
	slice rcpt, direction, done;
	uint64_t number;
	if (!slice_cut(&line, '\t', &rcpt) || !slice_cut(&line, '\t', &direction) ||
		!slice_cut(&line, '\t', &done) || !line.p || !slice_u64(direction, &number) ||
		(number != POLICY_IN && number != POLICY_OUT && number != POLICY_INTERNAL))
		return false;
	*ret = (struct policy_decided){rcpt, (enum policy_direction)number, done, line};
	return true;
}

bool policy_decided_next(slice *text, struct policy_decided *ret)
{
	slice line;
	while (text->n && slice_cut(text, '\n', &line))
		if (read_line(line, ret))
			return true;
	return false;
}
