/*
 * reject and ereject (RFC 5429): the letter is refused, and nothing else becomes of it in this script.
 */
#include "sieve/impl.h"

static bool conflicts(const struct run *r)
{
	for (const struct action_made *m = r->first; m; m = m->next) {
		enum sieve_action_kind k = m->a.kind;
		if (m->script == r->script && (k == SIEVE_KEEP || k == SIEVE_FILEINTO ||
						      k == SIEVE_REDIRECT || k == SIEVE_VACATION))
			return true;
	}
	return false;
}

/* By a script before this one: once is enough. */
static bool is_rejected_before(const struct run *r)
{
	for (const struct action_made *m = r->first; m; m = m->next)
		if (m->a.kind == SIEVE_REJECT && m->script != r->script)
			return true;
	return false;
}

static void run_reject(struct run *r, const struct node *n)
{
	slice why = sieve_run_string(r, n->pos[0]);
	if (is_rejected_before(r))
		return;
	if (r->rejected) {
		sieve_run_fail(
			r, S("a letter can be rejected only once"), S("一封邮件只能拒收一次"));
		return;
	}
	if (conflicts(r)) {
		sieve_run_fail(r,
			S("a letter that is kept, filed, redirected or answered cannot be "
			  "rejected, too"),
			S("已保留、归档、转发或自动回复的邮件不能再拒收"));
		return;
	}
	struct sieve_action *a = sieve_run_act(r, SIEVE_REJECT);
	if (!a)
		return;
	a->text = why;
	a->ereject = n->word->ext == EXT_EREJECT;
	r->rejected = true;
	r->implicit_keep = false;
}

const struct word sieve_words_reject[] = {
	{.name = S_INIT("reject"),
		.ext = EXT_REJECT,
		.params = {{'s', false, "reason", "理由"}},
		.run = run_reject},
	{.name = S_INIT("ereject"),
		.ext = EXT_EREJECT,
		.params = {{'s', false, "reason", "理由"}},
		.run = run_reject},
	{.name = {0}},
};
