/*
 * Scores: how much each signal weighs, section [scores]: one key a signal, made from the table of
 * signals itself. A section of callers that turned a check off has zero for its signals.
 */
#include "defence/source_conf.h"

static const struct conf_key keys[] = {
#define SIGNAL(id, signal_name, stage, number, en, zh)                                             \
	{.key = signal_name,                                                                       \
		.type = CONF_STRING,                                                               \
		.offset = SIGNAL_##id * sizeof(slice),                                             \
		.def = #number,                                                                    \
		.doc_en = en,                                                                      \
		.doc_zh = zh},
#include "codec/signal_table.h"
#undef SIGNAL
	CONF_END};

static void check(const void *value, slice instance, struct conf_check *c)
{
	const slice *v = value;
	float f;
	(void)instance;
	for (unsigned i = 0; i < SIGNALS_KNOWN; i++)
		if (!source_score_parse(v[i], &f) || f < -100 || f > 100)
			conf_complain(c, keys[i].key, "is a number from -100 to 100",
				"是 -100 到 100 的数字");
}

const struct conf_section scores_section = {
	.name = "scores",
	.keys = keys,
	.size = sizeof(slice) * SIGNALS_KNOWN,
	.doc_en =
		"What each finding weighs: positive numbers speak against a message, negative ones "
		"for it. The sum is compared with mark_score ... reject_score of the caller's "
		"[source].",
	.doc_zh =
		"每项发现的分值：正数不利于邮件，负数有利。总和与来访者 [source] 的 mark_score 至 "
		"reject_score 比较。",
	.check = check,
};

static const struct {
	const char *prefix;
	unsigned check;
} belongs[] = {
	{"dns", CHECK_DNSBL},
	{"ptr-", CHECK_IPREV},
	{"helo-", CHECK_HELO},
	{"spf-", CHECK_SPF},
	{"dkim-", CHECK_DKIM},
	{"arc-", CHECK_DKIM},
	{"dmarc-", CHECK_DMARC},
	{"rep-", CHECK_REPUTATION},
};

unsigned source_check_of(enum signal_id id)
{
	const struct signal_def *d = signal_def(id);
	for (size_t i = 0; i < sizeof belongs / sizeof *belongs; i++)
		if (slice_starts(slice_z(d->name), slice_z(belongs[i].prefix)))
			return belongs[i].check;
	return d->stage == SIGNAL_CONTENT ? CHECK_CONTENT : 0;
}

const float *source_scores(const struct conf *conf, unsigned checks, struct arena *a)
{
	const slice *v = conf_get(conf, &scores_section);
	float *scores = ARENA_ARRAY(a, float, SIGNALS_KNOWN);
	for (unsigned i = 0; i < SIGNALS_KNOWN; i++) {
		unsigned check_of = source_check_of((enum signal_id)i);
		source_score_parse(v[i], &scores[i]); /* check() has seen it */
		if (check_of && !(checks & check_of))
			scores[i] = 0;
	}
	return scores;
}
