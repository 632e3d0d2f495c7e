/*
 * The class of a letter: what it is held under, what conditions ask for. The first that fits:
 *
 *	virus		an engine found one; a rule of class virus holds; or its files are made to
 *			deceive in a way that nothing honest is: programs that claim to be documents
 *	unexamined	it should have been examined, by us or by an engine, and was not
 *	high-phishing	as below, from [filter] sure on, and what points to fraud is strong
 *	phishing	it would be treated as spam, and enough points to fraud (table below)
 *	spam		its probability reaches one of the thresholds of its direction
 *	bulk		newsletters, notices
 *	suspicious	from [filter] suspicious on
 *
 * A letter of an allowed sender is virus, unexamined, bulk, or nothing.
 */
#include "policy/policy_impl.h"

#include <math.h>

enum { BULK_FROM = 50, FRAUD = 2, FRAUD_SURE = 4, NEVER = 2 };
#define SPAM_FROM 0.9 /* when no threshold says what spam is */
#define RULE_COUNTS 1.0 /* points of a rule from which on its class is believed */

static const struct hint {
	const char *signal;
	unsigned weight; /* FRAUD by itself, or one of several */
} fraud_hints[] = {
	/* What only deceivers do. */
	{"brand-lookalike", 2},
	{"link-brand-lookalike", 2},
	{"link-deceives-brand", 2},
	{"link-lookalike", 2},
	{"sender-lookalike", 2},
	{"sender-own-forged", 2},
	{"reply-lookalike", 2},
	{"person-imitated", 2},
	{"person-reply-elsewhere", 2},
	{"html-password", 2},
	{"page-password", 2},
	{"page-smuggling", 2},
	{"qr-deceptive", 2},
	{"inside-lure", 2},
	{"inside-mass-lure", 2},
	{"link-recipient-login", 2},
	/* What is seen with them, and elsewhere. */
	{"brand-name", 1},
	{"brand-subject", 1},
	{"link-deceives", 1},
	{"link-lookalike-letters", 1},
	{"link-userinfo", 1},
	{"link-host-inside", 1},
	{"link-login", 1},
	{"link-tunnel", 1},
	{"link-fragment-address", 1},
	{"link-form", 1},
	{"html-form", 1},
	{"page-form", 1},
	{"pdf-lure", 1},
	{"qr-elsewhere", 1},
	{"qr-little-text", 1},
	{"qr-in-file", 1},
	{"name-own-domain", 1},
	{"name-domain", 1},
	{"name-system", 1},
	{"name-system-freemail", 1},
	{"dnsbl-uri", 1},
};

/* Alone, or a pair that together leaves no honest explanation. */
static const struct proof {
	const char *signal, *with;
} virus_proofs[] = {
	{"file-program-disguised", NULL},
	{"file-bidi-name", "file-program"},
	{"file-bidi-name", "file-script"},
	{"file-double-name", "file-program"},
	{"file-double-name", "file-script"},
	{"file-double-name", "archive-program"},
	{"fp-file-bad", "file-program"},
	{"fp-file-bad", "file-script"},
	{"fp-file-bad", "archive-program"},
	{"fp-file-bad", "macro-suspicious"},
};

static bool is_class(const struct signal *s, const char *class)
{
	return s->def->class && strcmp(s->def->class, class) == 0 &&
	       (double)s->score >= RULE_COUNTS;
}

static bool proves_virus(const struct signals *all, const struct proof *p)
{
	return signals_has_name(all, slice_z(p->signal)) &&
	       (!p->with || signals_has_name(all, slice_z(p->with)));
}

/* The few signals that matter begin with one of these; most letters have none. */
static bool worth_looking(const struct signals *all)
{
	for (unsigned i = 0; i < all->n; i++)
		if (slice_starts(slice_z(all->v[i].def->name), S("file-")) ||
			slice_starts(slice_z(all->v[i].def->name), S("fp-file")))
			return true;
	return false;
}

bool policy_is_virus(const struct policy_facts *f)
{
	if (f->virus.n)
		return true;
	for (unsigned i = 0; i < f->signals->n; i++)
		if (is_class(&f->signals->v[i], "virus"))
			return true;
	if (!worth_looking(f->signals))
		return false;
	for (size_t i = 0; i < sizeof virus_proofs / sizeof *virus_proofs; i++)
		if (proves_virus(f->signals, &virus_proofs[i]))
			return true;
	return false;
}

bool policy_is_unexamined(const struct policy_facts *f, const struct policy_thresholds *t)
{
	if (f->engine_down.n && (f->engine_holds || f->engine_defers))
		return true;
	return f->examined ? f->too_large && t->hold_large : f->why_unexamined.n > 0;
}

static unsigned hint(const struct signal *s)
{
	if (is_class(s, "phishing") || is_class(s, "fraud"))
		return FRAUD;
	if (s->score < 0 || s->def->class)
		return 0;
	for (size_t i = 0; i < sizeof fraud_hints / sizeof *fraud_hints; i++)
		if (strcmp(s->def->name, fraud_hints[i].signal) == 0)
			return fraud_hints[i].weight;
	return 0;
}

static unsigned fraud(const struct policy_judging *j)
{
	unsigned sum = 0;
	for (unsigned i = 0; i < j->f->signals->n; i++)
		if (!j->left_out || !j->left_out[i])
			sum += hint(&j->f->signals->v[i]);
	return sum;
}

static double spam_line(const struct policy_judging *j)
{
	double line = fmin(fmin(j->mark, j->junk), fmin(j->quarantine, j->reject));
	return line < NEVER ? line : SPAM_FROM;
}

enum quarantine_class policy_class_of(const struct policy_judging *j)
{
	const struct policy_facts *f = j->f;
	if (policy_is_virus(f))
		return QUARANTINE_VIRUS;
	if (policy_is_unexamined(f, &j->t))
		return QUARANTINE_UNEXAMINED;
	bool friend = f->allowed || f->spared;
	if (!friend && j->probability >= spam_line(j)) {
		unsigned hints = fraud(j);
		if (hints >= FRAUD_SURE && j->probability >= j->t.sure)
			return QUARANTINE_PHISHING_SURE;
		return hints >= FRAUD ? QUARANTINE_PHISHING : QUARANTINE_SPAM;
	}
	if (f->bulk >= BULK_FROM)
		return QUARANTINE_BULK;
	return !friend && j->probability >= j->t.suspicious ? QUARANTINE_SUSPICIOUS
							    : QUARANTINE_NONE;
}

void policy_judge_line(struct policy_judging *j)
{
	const struct policy_thresholds *t = &j->t;
	bool own = j->f->direction != POLICY_IN;
	j->mark = own ? t->own_mark : t->mark;
	j->junk = own ? t->own_junk : t->junk;
	j->quarantine = own ? t->own_quarantine : t->quarantine;
	j->reject = own ? t->own_reject : t->reject;
}

enum quarantine_class policy_classify(
	const struct policy_facts *f, const struct policy_thresholds *t)
{
	struct policy_judging j = {
		.f = f, .t = *t, .probability = f->probability, .score = f->score};
	policy_judge_line(&j);
	return policy_class_of(&j);
}
