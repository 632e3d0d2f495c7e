/*
 * Words of conditions that are not people: each reader makes one word, without its '!', a struct
 * policy_word, or says what is wrong with it. Called by document_conditions.c.
 */
#include "base/mem.h"
#include "policy/policy_impl.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

void policy_read_words(struct policy_reading *rd, const char *key, const struct conf_list *words,
	policy_word_reader *one, struct policy_words *ret)
{
	ret->v = ARENA_ARRAY(&rd->set->mem, struct policy_word, words->n + 1);
	if (words->n > POLICY_WORDS_MAX) {
		policy_wrong(
			rd, key, "%s: more than %d words", "%s：超过 %d 项", key, POLICY_WORDS_MAX);
		return;
	}
	for (size_t i = 0; i < words->n; i++) {
		struct policy_word w = {.min = -INFINITY, .max = INFINITY};
		bool not = slice_starts(words->v[i], S("!"));
		if (!one(rd, key, slice_skip(words->v[i], not ), &w))
			continue;
		w.not = not ;
		ret->positive |= !not ;
		ret->v[ret->n++] = w;
	}
}

/* ---- numbers ---- */

static bool number(slice s, bool sizes, double *ret)
{
	char text[32], *end;
	int64_t size;
	if (s.n == 0 || s.n >= sizeof text)
		return false;
	if (sizes) {
		if (!conf_size_parse(s, &size))
			return false;
		*ret = (double)size;
		return true;
	}
	memcpy(text, s.p, s.n);
	text[s.n] = '\0';
	*ret = strtod(text, &end);
	return *end == '\0' && isfinite(*ret);
}

bool policy_range_parse(slice text, bool sizes, double *ret_min, double *ret_max)
{
	double min = -INFINITY, max = INFINITY;
	size_t dots = slice_find(text, S(".."));
	if (dots == text.n || text.n == 2)
		return false;
	slice from = slice_first(text, dots), to = slice_skip(text, dots + 2);
	if ((from.n && !number(from, sizes, &min)) || (to.n && !number(to, sizes, &max)) ||
		min > max)
		return false;
	*ret_min = min;
	*ret_max = max;
	return true;
}

/* ---- words ---- */

struct named {
	const char *name;
	unsigned bits;
};

/* Says which there are when it is none of them. */
static bool one_of(struct policy_reading *rd, const char *key, slice word,
	const struct named *names, size_t n, const char *all, unsigned *ret)
{
	for (size_t i = 0; i < n; i++)
		if (slice_eq(word, slice_z(names[i].name))) {
			*ret = names[i].bits;
			return true;
		}
	policy_wrong(rd, key, "%s: '%.*s' is none of: %s", "%s：“%.*s”不在可用的词中：%s", key,
		SFMT(word), all);
	return false;
}

bool policy_word_direction(
	struct policy_reading *rd, const char *key, slice word, struct policy_word *ret)
{
	static const struct named names[] = {
		{"in", POLICY_IN}, {"out", POLICY_OUT}, {"internal", POLICY_INTERNAL}};
	return one_of(rd, key, word, names, 3, "in out internal", &ret->bits);
}

bool policy_word_class(
	struct policy_reading *rd, const char *key, slice word, struct policy_word *ret)
{
	enum quarantine_class class = QUARANTINE_NONE;
	if (!slice_eq(word, S("none")) &&
		(!quarantine_class_parse(word, &class) || class == QUARANTINE_POLICY ||
			class == QUARANTINE_APPROVAL)) {
		policy_wrong(rd, key,
			"%s: '%.*s' is no class of letters: none spam bulk suspicious phishing "
			"high-phishing virus unexamined",
			"%s：“%.*s”不是邮件类别：none spam bulk suspicious phishing high-phishing "
			"virus unexamined",
			key, SFMT(word));
		return false;
	}
	ret->bits = 1U << class;
	rd->p->knows_virus |= class == QUARANTINE_VIRUS;
	rd->p->knows_unexamined |= class == QUARANTINE_UNEXAMINED;
	return true;
}

bool policy_word_ip(struct policy_reading *rd, const char *key, slice word, struct policy_word *ret)
{
	struct err e;
	if (net_cidr_parse(word, &ret->net, &e) == 0)
		return true;
	policy_wrong(rd, key, "%s: '%.*s' is no network (192.0.2.0/24, 2001:db8::/32)",
		"%s：“%.*s”不是网段（例如 192.0.2.0/24、2001:db8::/32）", key, SFMT(word));
	return false;
}

/* "08:30"; 24:00 is the end of a day. */
static bool clock_time(slice s, double *ret)
{
	uint64_t h, m;
	slice hours;
	if (!slice_cut(&s, ':', &hours) || !s.p || s.n != 2 || hours.n < 1 || hours.n > 2 ||
		!slice_u64(hours, &h) || !slice_u64(s, &m) || m > 59 || h * 60 + m > 24 * 60)
		return false;
	*ret = (double)(h * 60 + m);
	return true;
}

bool policy_word_hours(
	struct policy_reading *rd, const char *key, slice word, struct policy_word *ret)
{
	slice from, to = word;
	if (slice_cut(&to, '-', &from) && to.p && clock_time(from, &ret->min) &&
		clock_time(to, &ret->max) && ret->min != ret->max)
		return true;
	policy_wrong(rd, key, "%s: '%.*s' is no time of the day (08:00-18:30, 22:00-06:00)",
		"%s：“%.*s”不是时段（例如 08:00-18:30、22:00-06:00）", key, SFMT(word));
	return false;
}

static bool weekday(slice s, unsigned *ret)
{
	static const char names[] = "sunmontuewedthufrisat";
	for (unsigned i = 0; i < 7; i++)
		if (slice_eq(s, slice_of(names + 3 * i, 3))) {
			*ret = i;
			return true;
		}
	return false;
}

bool policy_word_weekdays(
	struct policy_reading *rd, const char *key, slice word, struct policy_word *ret)
{
	unsigned first, last;
	slice from, to = word;
	slice_cut(&to, '-', &from);
	if (weekday(from, &first) && weekday(to.p ? to : from, &last)) {
		for (unsigned day = first;; day = (day + 1) % 7) {
			ret->bits |= 1U << day;
			if (day == last)
				return true;
		}
	}
	policy_wrong(rd, key, "%s: '%.*s' is no day of the week (mon, mon-fri, sat)",
		"%s：“%.*s”不是星期（例如 mon、mon-fri、sat）", key, SFMT(word));
	return false;
}

/* For virus, `found` is any. */
bool policy_word_pattern(
	struct policy_reading *rd, const char *key, slice word, struct policy_word *ret)
{
	bool virus = strcmp(key, "virus") == 0;
	rd->p->knows_virus |= virus;
	ret->text = virus && (slice_eq(word, S("found")) || slice_eq(word, S("*"))) ? S("") : word;
	if (word.n == 0)
		policy_wrong(rd, key, "%s: an empty word", "%s：有空的词", key);
	return word.n > 0;
}

bool policy_word_header(
	struct policy_reading *rd, const char *key, slice word, struct policy_word *ret)
{
	slice rest = word;
	if (!slice_cut(&rest, ':', &ret->name) || !rest.p || ret->name.n == 0 ||
		slice_index(ret->name, ' ') < ret->name.n) {
		policy_wrong(rd, key,
			"%s: '%.*s' is not written \"Name: pattern\" (with quotes, and * for any "
			"text)",
			"%s：“%.*s”应写作 \"字段名: 模式\"（带引号，* 代表任意文字）", key,
			SFMT(word));
		return false;
	}
	ret->text = slice_trim(rest);
	return true;
}

/* ---- signals ---- */

static bool is_new_signal(
	struct policy_set *s, enum policy_signal_kind kind, slice text, unsigned *ret)
{
	for (unsigned i = 0; i < s->nsignals; i++)
		if (s->signals[i].kind == kind && slice_eq(s->signals[i].text, text)) {
			*ret = i;
			return false;
		}
	return true;
}

static bool ask_for_signal(struct policy_reading *rd, const char *key, enum policy_signal_kind kind,
	slice text, unsigned *ret)
{
	struct policy_set *s = rd->set;
	if (!is_new_signal(s, kind, text, ret))
		return true;
	if (s->nsignals == POLICY_SIGNALS_MAX) {
		policy_wrong(rd, key, "%s: more than %d different signals in all policies",
			"%s：所有策略中的不同信号超过 %d 个", key, POLICY_SIGNALS_MAX);
		return false;
	}
	*ret = (unsigned)s->nsignals;
	s->signals[s->nsignals++] = (struct policy_signal){kind, arena_dup(&s->mem, text)};
	return true;
}

static bool is_signal_name(slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!((s.p[i] >= 'a' && s.p[i] <= 'z') || (s.p[i] >= '0' && s.p[i] <= '9') ||
			    (s.p[i] >= 'A' && s.p[i] <= 'Z') || strchr("-_.*", s.p[i])))
			return false;
	return s.n > 0;
}

/* A name may be of a rule that is written later: one that is not in the table of signals is only
 * doubted when nothing of it looks like a pattern or a rule. */
bool policy_word_signal(
	struct policy_reading *rd, const char *key, slice word, struct policy_word *ret)
{
	size_t least = slice_find(word, S(">="));
	slice name = slice_first(word, least);
	enum policy_signal_kind kind = POLICY_SIGNAL_NAME;
	if (slice_starts(name, S("class:"))) {
		name = slice_skip(name, 6);
		kind = POLICY_SIGNAL_CLASS;
	} else if (slice_index(name, '*') < name.n) {
		kind = POLICY_SIGNAL_WILD;
	}
	if (!is_signal_name(name) ||
		(least < word.n && !number(slice_skip(word, least + 2), false, &ret->min))) {
		policy_wrong(rd, key,
			"%s: '%.*s' is no signal (spf-fail, link-*, class:phishing, dnsbl>=3)",
			"%s：“%.*s”不是信号（例如 spf-fail、link-*、class:phishing、dnsbl>=3）",
			key, SFMT(word));
		return false;
	}
	return ask_for_signal(rd, key, kind, name, &ret->index);
}

/* ---- what is left out ---- */

bool policy_word_without(
	struct policy_reading *rd, const char *key, slice word, struct policy_word *ret)
{
	enum signal_id id;
	if (policy_family_by_name(word, &ret->index))
		return true;
	ret->text = word;
	if (signal_by_name(word, &id) || (slice_index(word, '*') < word.n && is_signal_name(word)))
		return true;
	policy_wrong(rd, key, "%s: '%.*s' is neither a signal nor one of: %s",
		"%s：“%.*s”既不是信号，也不在这些检查类别中：%s", key, SFMT(word),
		policy_family_names());
	return false;
}
