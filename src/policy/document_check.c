/*
 * What does not go together in a policy, each with a sentence, and what is allowed but probably not
 * meant (warnings). Called by document_actions.c for each [policy].
 */
#include "policy/policy_impl.h"

/* Ways to end, as bits. */
#define E(end) (1U << POLICY_##end)
enum {
	NO_END = 1 << 15, /* the policy leaves it to others */
	REACHES = E(DELIVER) | E(JUNK) | E(FORWARD) | NO_END, /* somebody reads it */
	HOLDS = E(QUARANTINE) | E(APPROVE) | NO_END,
};

/* Keys and words that say something only for some ends. */
static const struct need {
	const char *key;
	unsigned ends;
	const char *en, *zh;
} needs[] = {
	{"approvers", E(APPROVE), "needs do = approve", "需要 do = approve"},
	{"forward_to", E(FORWARD), "needs do = forward", "需要 do = forward"},
	{"code", E(REJECT) | E(DEFER), "needs do = reject or defer", "需要 do = reject 或 defer"},
	{"status", E(REJECT) | E(DEFER) | E(BOUNCE), "needs do = reject, defer or bounce",
		"需要 do = reject、defer 或 bounce"},
	{"text", E(REJECT) | E(DEFER) | E(BOUNCE) | E(QUARANTINE) | E(APPROVE),
		"needs do = reject, defer, bounce, quarantine or approve",
		"需要 do = reject、defer、bounce、quarantine 或 approve"},
	{"subject_tag", REACHES, "nobody gets a letter that ends like this",
		"以此方式处置的邮件不会被投递"},
	{"add_field", REACHES, "nobody gets a letter that ends like this",
		"以此方式处置的邮件不会被投递"},
	{"banner_zh", REACHES, "nobody gets a letter that ends like this",
		"以此方式处置的邮件不会被投递"},
	{"banner_en", REACHES, "nobody gets a letter that ends like this",
		"以此方式处置的邮件不会被投递"},
	{"disclaimer_zh", REACHES, "nobody gets a letter that ends like this",
		"以此方式处置的邮件不会被投递"},
	{"disclaimer_en", REACHES, "nobody gets a letter that ends like this",
		"以此方式处置的邮件不会被投递"},
	{"delay", REACHES, "nobody gets a letter that ends like this",
		"以此方式处置的邮件不会被投递"},
	{"mark_from", NO_END, "says nothing beside a decision in `do`", "do 已作决定时不起作用"},
	{"junk_from", NO_END, "says nothing beside a decision in `do`", "do 已作决定时不起作用"},
	{"quarantine_from", NO_END, "says nothing beside a decision in `do`",
		"do 已作决定时不起作用"},
	{"reject_from", NO_END, "says nothing beside a decision in `do`", "do 已作决定时不起作用"},
	{"without", NO_END, "says nothing beside a decision in `do`", "do 已作决定时不起作用"},
};

static unsigned end_of(const struct policy_does *d)
{
	return !d->ends ? NO_END : d->go_on ? 1U << d->end | NO_END : 1U << d->end;
}

static void check_needs(struct policy_reading *rd, unsigned end)
{
	for (size_t i = 0; i < sizeof needs / sizeof *needs; i++)
		if (policy_says(rd, needs[i].key) && !(needs[i].ends & end))
			policy_wrong(rd, needs[i].key, "%s: %s", "%s：%s", needs[i].key,
				rd->r->lang == CONF_ZH ? needs[i].zh : needs[i].en);
}

static void check_word(struct policy_reading *rd, bool said, bool fits, const char *word,
	const char *en, const char *zh)
{
	if (said && !fits)
		policy_wrong(rd, "do", "do: %s: %s", "do：%s：%s", word,
			rd->r->lang == CONF_ZH ? zh : en);
}

static void check_words(struct policy_reading *rd, unsigned end)
{
	static const char unread_en[] = "nobody gets a letter that ends like this",
			  unread_zh[] = "以此方式处置的邮件不会被投递",
			  unheld_en[] = "goes with quarantine or approve",
			  unheld_zh[] = "应与 quarantine 或 approve 同用";
	const struct policy_does *d = &rd->p->does;
	check_word(rd, d->mark, end & REACHES, "mark", unread_en, unread_zh);
	check_word(rd, d->clean, end & REACHES, "clean", unread_en, unread_zh);
	check_word(rd, d->strip, end & REACHES, "strip", unread_en, unread_zh);
	check_word(rd, d->tell_sender, end & HOLDS, "tell_sender", unheld_en, unheld_zh);
	check_word(rd, d->tell_rcpt, end & HOLDS, "tell_recipient", unheld_en, unheld_zh);
	check_word(rd, d->keep_copy, end & (E(REJECT) | NO_END), "keep_copy", "goes with reject",
		"应与 reject 同用");
	check_word(rd, d->go_on, d->ends, "continue",
		"without a decision the next policies are tried anyway",
		"没有决定时本来就会继续尝试后面的策略");
	check_word(rd, d->strip == POLICY_STRIP_MATCHED, policy_says(rd, "attachment"), "strip",
		"needs the condition attachment, or is written strip:all",
		"需要 attachment 条件，或写作 strip:all");
}

static void check_missing(struct policy_reading *rd)
{
	const struct policy_does *d = &rd->p->does;
	bool notice = policy_says(rd, "notice_zh") || policy_says(rd, "notice_en");
	if (d->ends && d->end == POLICY_APPROVE && !d->approvers.n)
		policy_wrong(rd, "do", "do: approve needs approvers", "do：approve 需要 approvers");
	if (d->ends && d->end == POLICY_FORWARD && !d->forwards.n)
		policy_wrong(
			rd, "do", "do: forward needs forward_to", "do：forward 需要 forward_to");
	if (notice && !d->strip)
		policy_wrong(rd, policy_says(rd, "notice_zh") ? "notice_zh" : "notice_en",
			"notice: needs do = strip", "notice：需要 do = strip");
}

static bool does_nothing(const struct policy_does *d)
{
	return !d->ends && !d->mark && !d->clean && !d->strip && !d->tell_sender && !d->tell_rcpt &&
	       !d->keep_copy && !d->subject_tag.n && !d->fields.n && !d->copies.n &&
	       !d->supervisors.n && !d->banner.en.n && !d->banner.zh.n && !d->disclaimer.en.n &&
	       !d->disclaimer.zh.n && !d->delay && !d->own_thresholds && !d->without.n;
}

/* Conditions that choose letters by what they are, not by their way alone. */
static bool is_broad(const struct policy_reading *rd)
{
	static const char *const ways[] = {"direction", "organisation", "hours", "weekdays"};
	size_t n = 0;
	for (size_t i = 0; i < sizeof ways / sizeof *ways; i++)
		n += policy_says(rd, ways[i]);
	return rd->p->ntests <= n;
}

static void warn_broad(struct policy_reading *rd)
{
	const struct policy_does *d = &rd->p->does;
	if (!d->ends || !is_broad(rd))
		return;
	const char *name = policy_end_name(d->end);
	if (rd->p->ntests == 0)
		policy_doubt(rd, "do", "[policy \"%.*s\"] has no condition: %s all mail",
			"[policy \"%.*s\"] 没有条件：对所有邮件执行 %s", SFMT(rd->p->name), name);
	else if (d->end != POLICY_DELIVER)
		policy_doubt(rd, "do",
			"[policy \"%.*s\"] asks nothing of the letter itself: %s all such mail",
			"[policy \"%.*s\"] 没有针对邮件本身的条件：对所有此类邮件执行 %s",
			SFMT(rd->p->name), name);
}

void policy_check_actions(struct policy_reading *rd)
{
	unsigned end = end_of(&rd->p->does);
	check_needs(rd, end);
	check_words(rd, end);
	check_missing(rd);
	if (rd->c->does.n == 0 && does_nothing(&rd->p->does))
		policy_wrong(rd, NULL, "[policy \"%.*s\"] does nothing: write `do = ...`",
			"[policy \"%.*s\"] 没有任何处置：请写 do = ...", SFMT(rd->p->name));
	warn_broad(rd);
}
