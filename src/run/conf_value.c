/*
 * Configuration values: from text into a field of a module's struct, and back into text that reads
 * the same. Called by conf.c and conf_print.c. The text of a value still carries its quotes: within
 * "..." a backslash takes the next character as it is; outside of quotes it is an ordinary
 * character.
 */
#include "base/mem.h"
#include "run/conf_internal.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

/* Both formats take the same arguments. Returns false, for the caller to return. */
__attribute__((format(printf, 2, 4), format(printf, 3, 4))) static bool wrong(
	struct conf_why *why, const char *en, const char *zh, ...)
{
	va_list ap, again;
	va_start(ap, zh);
	va_copy(again, ap);
	vsnprintf(why->en, sizeof why->en, en, ap);
	vsnprintf(why->zh, sizeof why->zh, zh, again);
	va_end(again);
	va_end(ap);
	return false;
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t';
}

/* Moves *s behind one word (words) or behind everything (!words); the text without its quotes. */
static slice unquote(slice *s, bool words, struct arena *a)
{
	char *to = arena_alloc(a, s->n + 1);
	size_t n = 0, i;
	bool quoted = false;
	for (i = 0; i < s->n; i++) {
		char c = s->p[i];
		if (words && !quoted && is_space(c))
			break;
		if (c == '"')
			quoted = !quoted;
		else if (quoted && c == '\\' && i + 1 < s->n)
			to[n++] = s->p[++i];
		else
			to[n++] = c;
	}
	*s = slice_skip(*s, i);
	return slice_of(to, n);
}

/* First pass of two: how many words, so that each list is allocated once. */
static size_t count_words(slice s)
{
	size_t n = 0;
	bool quoted = false, inside = false;
	for (size_t i = 0; i < s.n; i++) {
		bool space = !quoted && is_space(s.p[i]);
		n += !space && !inside;
		inside = !space;
		if (quoted && s.p[i] == '\\')
			i++;
		else if (s.p[i] == '"')
			quoted = !quoted;
	}
	return n;
}

static bool next_word(slice *s, struct arena *a, slice *ret)
{
	while (s->n && is_space(*s->p))
		*s = slice_skip(*s, 1);
	if (s->n == 0)
		return false;
	*ret = unquote(s, true, a);
	return true;
}

/* ---- numbers ---- */

static const struct size_unit {
	char c;
	unsigned shift;
} size_units[] = {{'t', 40}, {'g', 30}, {'m', 20}, {'k', 10}, {0, 0}};

bool conf_size_parse(slice s, int64_t *ret)
{
	uint64_t v;
	const struct size_unit *u = size_units;
	while (u->c && !(s.n && ascii_lower(s.p[s.n - 1]) == u->c))
		u++;
	if (!slice_u64(slice_first(s, s.n - (u->c != 0)), &v) ||
		v > (uint64_t)INT64_MAX >> u->shift)
		return false;
	*ret = (int64_t)(v << u->shift);
	return true;
}

static void size_print(int64_t v, struct buf *out)
{
	const struct size_unit *u = size_units;
	while (u->c && (v == 0 || v & ((1LL << u->shift) - 1)))
		u++;
	buf_printf(out, "%" PRId64, v >> u->shift);
	if (u->c)
		buf_byte(out, u->c);
}

static bool int_parse(slice s, int64_t *ret)
{
	uint64_t v;
	bool minus = s.n && *s.p == '-';
	if (!slice_u64(slice_skip(s, minus), &v) || v > INT64_MAX)
		return false;
	*ret = minus ? -(int64_t)v : (int64_t)v;
	return true;
}

static void number_print(enum conf_type type, int64_t v, struct buf *out)
{
	char t[24];
	if (type == CONF_SIZE)
		size_print(v, out);
	else if (type == CONF_DURATION)
		buf_put(out, slice_of(t, duration_print(v, t)));
	else
		buf_printf(out, "%" PRId64, v);
}

static bool number_parse(const struct conf_key *k, slice s, int64_t *ret, struct conf_why *why)
{
	int64_t v;
	if (k->type == CONF_INT && !int_parse(s, &v))
		return wrong(why, "is not a whole number", "不是整数");
	if (k->type == CONF_SIZE && !conf_size_parse(s, &v))
		return wrong(why, "is not a size: write a number with k, m, g or t, like 50m",
			"不是大小：应为数字加 k、m、g 或 t，例如 50m");
	if (k->type == CONF_DURATION && !duration_parse(s, &v))
		return wrong(why,
			"is not a duration: write a number with ms, s, m, h, d or w, like 15m",
			"不是时长：应为数字加 ms、s、m、h、d 或 w，例如 15m");
	if (v < k->min || v > k->max) {
		AUTO(buf) struct buf low = BUF(64), high = BUF(64);
		number_print(k->type, k->min, &low);
		number_print(k->type, k->max, &high);
		return wrong(why, "is out of range: %.*s to %.*s", "超出范围：%.*s 至 %.*s",
			SFMT(buf_slice(&low)), SFMT(buf_slice(&high)));
	}
	*ret = v;
	return true;
}

/* ---- the other types ---- */

static bool bool_parse(slice s, bool *ret, struct conf_why *why)
{
	static const char *const yes[] = {"yes", "on", "true"}, *const no[] = {
									"no", "off", "false"};
	for (int i = 0; i < 3; i++) {
		if (slice_ieq(s, slice_z(yes[i])) || slice_ieq(s, slice_z(no[i]))) {
			*ret = slice_ieq(s, slice_z(yes[i]));
			return true;
		}
	}
	return wrong(why, "is neither yes nor no", "应为 yes 或 no");
}

static void join_words(const char *const *words, char *to, size_t n)
{
	size_t at = 0;
	to[0] = 0;
	for (; *words && at < n; words++)
		at += (size_t)snprintf(to + at, n - at, "%s%s", at ? ", " : "", *words);
}

static bool enum_parse(const struct conf_key *k, slice s, int *ret, struct conf_why *why)
{
	char all[200];
	for (int i = 0; k->words[i]; i++) {
		if (slice_ieq(s, slice_z(k->words[i]))) {
			*ret = i;
			return true;
		}
	}
	join_words(k->words, all, sizeof all);
	return wrong(why, "is none of: %s", "应为以下之一：%s", all);
}

static bool path_parse(const struct conf_key *k, slice s, slice *ret, struct conf_why *why)
{
	if (s.n ? *s.p != '/' : *k->def != 0)
		return wrong(why, "is not an absolute path: it must begin with /",
			"不是绝对路径：必须以 / 开头");
	if (s.n > 4000)
		return wrong(why, "is longer than a path can be", "路径过长");
	*ret = s;
	return true;
}

static bool list_parse(slice s, struct conf_list *ret, struct arena *a)
{
	struct conf_list l = {.v = ARENA_ARRAY(a, slice, count_words(s))};
	for (slice word; next_word(&s, a, &word);)
		l.v[l.n++] = word;
	*ret = l;
	return true;
}

static bool addrs_parse(const struct conf_key *k, slice s, struct conf_addrs *ret, struct arena *a,
	struct conf_why *why)
{
	struct conf_addrs l = {.v = ARENA_ARRAY(a, struct net_addr, count_words(s))};
	struct err e;
	for (slice word; next_word(&s, a, &word);)
		if (net_parse(word, (uint16_t)k->max, &l.v[l.n++], &e) < 0)
			return wrong(why, "has a bad address: %s", "含有错误的地址：%s", e.text);
	*ret = l;
	return true;
}

static bool nets_parse(slice s, struct conf_nets *ret, struct arena *a, struct conf_why *why)
{
	struct conf_nets l = {.v = ARENA_ARRAY(a, struct net_cidr, count_words(s))};
	struct err e;
	for (slice word; next_word(&s, a, &word);)
		if (net_cidr_parse(word, &l.v[l.n++], &e) < 0)
			return wrong(why, "has a bad network: %s", "含有错误的网段：%s", e.text);
	*ret = l;
	return true;
}

static bool is_list(enum conf_type t)
{
	return t == CONF_LIST || t == CONF_ADDRS || t == CONF_NETS;
}

bool conf_value_parse(
	const struct conf_key *k, slice text, void *field, struct arena *a, struct conf_why *why)
{
	if (is_list(k->type) && count_words(text) > CONF_WORDS_MAX)
		return wrong(why, "has more than %d words", "超过 %d 项", CONF_WORDS_MAX);
	slice rest = text, s = is_list(k->type) ? text : unquote(&rest, false, a);
	switch (k->type) {
	case CONF_STRING:
		*(slice *)field = s;
		return true;
	case CONF_SECRET:
		((struct secret *)field)->value = s;
		return true;
	case CONF_PATH:
		return path_parse(k, s, field, why);
	case CONF_LIST:
		return list_parse(s, field, a);
	case CONF_INT:
	case CONF_SIZE:
	case CONF_DURATION:
		return number_parse(k, s, field, why);
	case CONF_BOOL:
		return bool_parse(s, field, why);
	case CONF_ENUM:
		return enum_parse(k, s, field, why);
	case CONF_ADDRS:
		return addrs_parse(k, s, field, a, why);
	case CONF_NETS:
		return nets_parse(s, field, a, why);
	}
	return wrong(why, "has an unknown type", "类型未知");
}

/* ---- back to text ---- */

void conf_quote(slice s, bool word, struct buf *out)
{
	bool plain = s.n > 0 || !word;
	for (size_t i = 0; i < s.n; i++) {
		bool edge = i == 0 || i == s.n - 1;
		if (s.p[i] == '"' || s.p[i] == '#' || s.p[i] == '\\' ||
			(is_space(s.p[i]) && (word || edge)))
			plain = false;
	}
	if (plain) {
		buf_put(out, s);
		return;
	}
	buf_byte(out, '"');
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '"' || s.p[i] == '\\')
			buf_byte(out, '\\');
		buf_byte(out, s.p[i]);
	}
	buf_byte(out, '"');
}

static void net_cidr_text(const struct net_cidr *c, struct buf *out)
{
	char t[INET6_ADDRSTRLEN];
	if (inet_ntop(c->family, c->ip, t, sizeof t))
		buf_put(out, slice_z(t));
	buf_printf(out, "/%u", c->bits);
}

static void list_print(const struct conf_key *k, const void *field, struct buf *out)
{
	const struct conf_list *words = field;
	const struct conf_addrs *addrs = field;
	const struct conf_nets *nets = field;
	char t[NET_TEXT_MAX];
	size_t n = k->type == CONF_LIST ? words->n : k->type == CONF_ADDRS ? addrs->n : nets->n;
	for (size_t i = 0; i < n; i++) {
		if (i)
			buf_byte(out, ' ');
		if (k->type == CONF_LIST)
			conf_quote(words->v[i], true, out);
		else if (k->type == CONF_ADDRS)
			conf_quote(slice_of(t, net_print(&addrs->v[i], t)), true, out);
		else
			net_cidr_text(&nets->v[i], out);
	}
}

void conf_value_print(const struct conf_key *k, const void *field, bool secrets, struct buf *out)
{
	switch (k->type) {
	case CONF_STRING:
	case CONF_PATH:
		conf_quote(*(const slice *)field, false, out);
		break;
	case CONF_SECRET: {
		slice s = ((const struct secret *)field)->value;
		conf_quote(secrets || s.n == 0 ? s : S("***"), false, out);
		break;
	}
	case CONF_LIST:
	case CONF_ADDRS:
	case CONF_NETS:
		list_print(k, field, out);
		break;
	case CONF_INT:
	case CONF_SIZE:
	case CONF_DURATION:
		number_print(k->type, *(const int64_t *)field, out);
		break;
	case CONF_BOOL:
		buf_put(out, *(const bool *)field ? S("yes") : S("no"));
		break;
	case CONF_ENUM:
		buf_put(out, slice_z(k->words[*(const int *)field]));
		break;
	}
}

void conf_value_describe(const struct conf_key *k, enum conf_lang lang, struct buf *out)
{
	static const char *const names[][2] = {
		[CONF_STRING] = {"text", "文本"},
		[CONF_PATH] = {"absolute path", "绝对路径"},
		[CONF_SECRET] = {"text, never shown", "文本，不会显示"},
		[CONF_LIST] = {"words", "以空格分隔的列表"},
		[CONF_INT] = {"number", "整数"},
		[CONF_SIZE] = {"size", "大小"},
		[CONF_DURATION] = {"duration", "时长"},
		[CONF_BOOL] = {"yes or no", "yes 或 no"},
		[CONF_ENUM] = {"one of", "可选"},
		[CONF_ADDRS] = {"addresses", "地址列表"},
		[CONF_NETS] = {"networks", "网段列表"},
	};
	char all[200];
	buf_put(out, slice_z(names[k->type][lang == CONF_ZH]));
	if (k->type == CONF_ENUM) {
		join_words(k->words, all, sizeof all);
		buf_printf(out, ": %s", all);
	} else if (k->type == CONF_INT || k->type == CONF_SIZE || k->type == CONF_DURATION) {
		buf_put(out, S(", "));
		number_print(k->type, k->min, out);
		buf_put(out, lang == CONF_ZH ? S(" 至 ") : S(" to "));
		number_print(k->type, k->max, out);
	}
}
