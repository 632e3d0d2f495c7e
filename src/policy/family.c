/*
 * Families of checks: `without = dnsbl fingerprint` of a policy leaves out of the judgement what they
 * found. A family is known by the names of its signals; what rules of content find (keywords) is what
 * is not in the table of signals. Called while a document is read and by decide.c.
 */
#include "base/mem.h"
#include "policy/policy_impl.h"
#include "store/wildcard.h"

#include <math.h>

enum { PATTERNS_MAX = 12 };

static const struct family {
	const char *name;
	const char *patterns[PATTERNS_MAX]; /* none: rules */
} families[] = {
	{"dnsbl", {"dnsbl*", "dnswl"}},
	{"spf", {"spf-*"}},
	{"dkim", {"dkim-*"}},
	{"dmarc", {"dmarc-*"}},
	{"authentication", {"spf-*", "dkim-*", "dmarc-*", "arc-*", "forged-results"}},
	{"caller", {"ptr-*", "helo-*", "early-talker", "harvest", "passwords"}},
	{"reputation", {"rep-*"}},
	{"history", {"history-*"}},
	{"fingerprint", {"fp-*"}},
	{"keywords", {NULL}},
	{"links", {"link-*", "qr-*"}},
	{"files", {"file-*", "archive-*", "macro*", "document-*", "pdf-*", "page-*", "drawing-*"}},
	{"text", {"text-*", "html-*", "body-*", "alternatives-differ"}},
	{"pictures", {"picture-*"}},
	{"brands", {"brand-*", "*-brand*"}},
};
enum { FAMILIES = sizeof families / sizeof *families };

bool policy_family_by_name(slice name, unsigned *ret)
{
	for (unsigned i = 0; i < FAMILIES; i++)
		if (slice_eq(name, slice_z(families[i].name))) {
			*ret = i;
			return true;
		}
	return false;
}

const char *policy_family_names(void)
{
	return "dnsbl spf dkim dmarc authentication caller reputation history fingerprint keywords "
	       "links files text pictures brands";
}

bool policy_family_has(unsigned family, const struct signal_def *def)
{
	const char *const *patterns = families[family].patterns;
	if (!patterns[0])
		return def->class != NULL;
	for (unsigned i = 0; i < PATTERNS_MAX && patterns[i]; i++)
		if (wildcard_match(slice_z(patterns[i]), slice_z(def->name)))
			return true;
	return false;
}

static bool is_left_out(const struct policy_words *without, const struct signal_def *def)
{
	for (size_t i = 0; i < without->n; i++) {
		const struct policy_word *w = &without->v[i];
		if (w->text.n ? wildcard_match(w->text, slice_z(def->name))
			      : policy_family_has(w->index, def))
			return true;
	}
	return false;
}

/* A point moves the log odds by about that much (learn/fuse.h). */
#define POINT 0.5

/* Without the models at hand: what is known is the outcome and how many points are gone. */
static double estimate(double probability, double points)
{
	double p = fmin(fmax(probability, 1e-9), 1 - 1e-9);
	return 1 / (1 + exp(-(log(p / (1 - p)) + POINT * points)));
}

void policy_leave_out(struct policy_judging *j, const struct policy_words *without)
{
	const struct signals *all = j->f->signals;
	double gone = 0;
	if (!j->left_out)
		j->left_out = ARENA_ARRAY(j->scratch, bool, all->n + 1);
	for (unsigned i = 0; i < all->n; i++)
		if (!j->left_out[i] && is_left_out(without, all->v[i].def)) {
			j->left_out[i] = true;
			gone += (double)all->v[i].score;
		}
	if (gone == 0)
		return;
	j->score -= gone;
	j->probability = j->f->probability_of ? j->f->probability_of(j->f->arg, j->score)
					      : estimate(j->probability, -gone);
}
