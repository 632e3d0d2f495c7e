/*
 * The conditions of a policy: each key that is written becomes a test of match.c; cheap ones come
 * first. Called by document.c for each [policy].
 */
#include "policy/policy_impl.h"

#include <math.h>

enum kind { PEOPLE, WORDS, RANGE, SIZES, ANSWER };

#define C(field) offsetof(struct policy_entry, field)
/* In the order in which they are tried. */
static const struct condition {
	const char *key;
	enum kind kind;
	size_t at; /* of the value in struct policy_entry */
	policy_holds *holds;
	policy_word_reader *word;
	enum policy_who_kind who;
} conditions[] = {
	{"direction", WORDS, C(direction), policy_holds_direction, policy_word_direction, 0},
	{"examined", ANSWER, C(examined), policy_holds_examined, NULL, 0},
	{"limited", ANSWER, C(limited), policy_holds_limited, NULL, 0},
	{"allowed", ANSWER, C(allowed), policy_holds_allowed, NULL, 0},
	{"engine_down", ANSWER, C(engine_down), policy_holds_engine_down, NULL, 0},
	{"class", WORDS, C(class), policy_holds_class, policy_word_class, 0},
	{"probability", RANGE, C(probability), policy_holds_probability, NULL, 0},
	{"score", RANGE, C(score), policy_holds_score, NULL, 0},
	{"bulk", RANGE, C(bulk), policy_holds_bulk, NULL, 0},
	{"size", SIZES, C(size), policy_holds_size, NULL, 0},
	{"recipients", RANGE, C(recipients), policy_holds_recipients, NULL, 0},
	{"to", PEOPLE, C(to), policy_holds_to, NULL, POLICY_WHO_ADDRESS},
	{"organisation", PEOPLE, C(organisation), policy_holds_organisation, NULL,
		POLICY_WHO_DOMAIN},
	{"login", PEOPLE, C(login), policy_holds_login, NULL, POLICY_WHO_LOGIN},
	{"from", PEOPLE, C(from), policy_holds_from, NULL, POLICY_WHO_ADDRESS},
	{"envelope_from", PEOPLE, C(envelope_from), policy_holds_envelope_from, NULL,
		POLICY_WHO_ADDRESS},
	{"header_from", PEOPLE, C(header_from), policy_holds_header_from, NULL, POLICY_WHO_ADDRESS},
	{"virus", WORDS, C(virus), policy_holds_virus, policy_word_pattern, 0},
	{"attachments", RANGE, C(attachments), policy_holds_attachments, NULL, 0},
	{"signal", WORDS, C(signal), policy_holds_signal, policy_word_signal, 0},
	{"every_signal", WORDS, C(every_signal), policy_holds_every_signal, policy_word_signal, 0},
	{"ip", WORDS, C(ip), policy_holds_ip, policy_word_ip, 0},
	{"host", WORDS, C(host), policy_holds_host, policy_word_pattern, 0},
	{"hours", WORDS, C(hours), policy_holds_hours, policy_word_hours, 0},
	{"weekdays", WORDS, C(weekdays), policy_holds_weekdays, policy_word_weekdays, 0},
	{"subject", WORDS, C(subject), policy_holds_subject, policy_word_pattern, 0},
	{"attachment", WORDS, C(attachment), policy_holds_attachment, policy_word_file, 0},
	{"header", WORDS, C(header), policy_holds_header, policy_word_header, 0},
};
#undef C
enum { CONDITIONS = sizeof conditions / sizeof *conditions };
_Static_assert((int)CONDITIONS <= (int)POLICY_TESTS_MAX, "");

enum { ANSWER_ANY, ANSWER_YES, ANSWER_NO };

bool policy_read_range(struct policy_reading *rd, const char *key, slice text, bool sizes,
	double *ret_min, double *ret_max)
{
	if (policy_range_parse(text, sizes, ret_min, ret_max))
		return true;
	policy_wrong(rd, key, "%s: '%.*s' is no range: write FROM..TO, FROM.. or ..TO",
		"%s：“%.*s”不是范围：应写作 下限..上限、下限.. 或 ..上限", key, SFMT(text));
	return false;
}

/* "+08:00", "UTC", "local". */
static int read_zone(struct policy_reading *rd)
{
	slice s = rd->c->zone;
	uint64_t h, m;
	if (slice_ieq(s, S("local")))
		return POLICY_ZONE_LOCAL;
	if (slice_ieq(s, S("utc")))
		return 0;
	if (s.n == 6 && (s.p[0] == '+' || s.p[0] == '-') && s.p[3] == ':' &&
		slice_u64(slice_of(s.p + 1, 2), &h) && slice_u64(slice_of(s.p + 4, 2), &m) &&
		h <= 14 && m <= 59)
		return (s.p[0] == '-' ? -1 : 1) * (int)(h * 60 + m);
	policy_wrong(rd, "zone", "zone: '%.*s' is no time zone: local, UTC, +08:00",
		"zone：“%.*s”不是时区：local、UTC、+08:00", SFMT(s));
	return 0;
}

static void read_people(
	struct policy_reading *rd, const struct condition *k, struct policy_test *ret)
{
	const struct conf_list *words = (const void *)((const char *)rd->c + k->at);
	ret->people = ARENA_NEW(&rd->set->mem, struct policy_people);
	policy_read_people(rd, k->key, words, k->who, ret->people);
	if (words->n == 0)
		policy_wrong(
			rd, k->key, "%s: nothing is written behind it", "%s：没有内容", k->key);
}

static void read_words(
	struct policy_reading *rd, const struct condition *k, struct policy_test *ret)
{
	const struct conf_list *words = (const void *)((const char *)rd->c + k->at);
	policy_read_words(rd, k->key, words, k->word, &ret->words);
	if (words->n == 0)
		policy_wrong(
			rd, k->key, "%s: nothing is written behind it", "%s：没有内容", k->key);
	if (k->holds == policy_holds_hours || k->holds == policy_holds_weekdays)
		ret->zone = read_zone(rd);
}

/* Whether there is a test to be made. */
static bool read_condition(
	struct policy_reading *rd, const struct condition *k, struct policy_test *ret)
{
	const void *value = (const char *)rd->c + k->at;
	ret->holds = k->holds;
	switch (k->kind) {
	case PEOPLE:
		read_people(rd, k, ret);
		break;
	case WORDS:
		read_words(rd, k, ret);
		break;
	case RANGE:
	case SIZES:
		policy_read_range(
			rd, k->key, *(const slice *)value, k->kind == SIZES, &ret->min, &ret->max);
		break;
	case ANSWER:
		ret->yes = *(const int *)value == ANSWER_YES;
		return *(const int *)value != ANSWER_ANY;
	}
	return true;
}

static void check_probability(struct policy_reading *rd, const struct policy_test *t)
{
	if (t->holds == policy_holds_probability && ((t->min > 1) || (t->max < 0)))
		policy_wrong(rd, "probability", "probability: is a range within 0 to 1",
			"probability：应为 0 到 1 之间的范围");
}

void policy_read_conditions(struct policy_reading *rd)
{
	struct policy_test *tests = ARENA_ARRAY(&rd->set->mem, struct policy_test, CONDITIONS);
	struct policy *p = rd->p;
	for (size_t i = 0; i < CONDITIONS; i++) {
		const struct condition *k = &conditions[i];
		if (!policy_says(rd, k->key))
			continue;
		if (read_condition(rd, k, &tests[p->ntests])) {
			check_probability(rd, &tests[p->ntests]);
			p->ntests++;
		}
	}
	if (policy_says(rd, "zone") && !policy_says(rd, "hours") && !policy_says(rd, "weekdays"))
		policy_wrong(rd, "zone", "zone: says nothing without hours or weekdays",
			"zone：没有 hours 或 weekdays 时不起作用");
	p->tests = tests;
	p->knows_unexamined |= policy_says(rd, "examined") || policy_says(rd, "engine_down");
	p->knows_allowed = policy_says(rd, "allowed");
}
