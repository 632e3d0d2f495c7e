/*
 * A form (form.h): JSON read and checked, and handed piece by piece to form_script.c. Called through mail/scripts.h. On jansson.
 */
#include "sieve/form.h"

#include "base/utf8.h"
#include "codec/address.h"
#include "codec/json_read.h"
#include "sieve/form_impl.h"
#include <stdarg.h>
#include <stdio.h>

/* ---- mistakes ---- */

enum { MISTAKES_MAX = 50 };

static slice printed(struct arena *a, const char *fmt, va_list ap)
{
	char text[500];
	int n = vsnprintf(text, sizeof text, fmt, ap);
	return arena_dup(a, slice_of(text, n < (int)sizeof text ? (size_t)n : sizeof text - 1));
}

/* `where` and what is wrong there, in both languages: their arguments are the same. */
static bool wrong(struct form *f, slice where, const char *en, const char *zh, ...)
{
	va_list ap, again;
	va_start(ap, zh);
	va_copy(again, ap);
	slice said_en = printed(f->a, en, ap), said_zh = printed(f->a, zh, again);
	if (f->mistakes->n < MISTAKES_MAX) {
		if (!f->mistakes->v)
			f->mistakes->v = ARENA_ARRAY(f->a, struct sieve_mistake, MISTAKES_MAX);
		f->mistakes->v[f->mistakes->n++] = (struct sieve_mistake){
			.en = arena_printf(f->a, "%.*s: %.*s", SFMT(where), SFMT(said_en)),
			.zh = arena_printf(f->a, "%.*s：%.*s", SFMT(where), SFMT(said_zh))};
	}
	va_end(again);
	va_end(ap);
	return false;
}

static slice at(struct form *f, slice where, const char *member)
{
	return arena_printf(f->a, "%.*s%s%s", SFMT(where), where.n ? "." : "", member);
}

static slice at_index(struct form *f, slice where, const char *member, size_t i)
{
	return arena_printf(f->a, "%.*s%s%s[%zu]", SFMT(where), where.n ? "." : "", member, i);
}

/* ---- members ---- */

/* An object with none but these members, separated by blanks. */
static bool is_object(struct form *f, const json_t *v, slice where, const char *members)
{
	const char *key;
	json_t *ignored;
	bool fine = true;
	if (!json_is_object(v))
		return wrong(f, where, "an object is expected", "应为一个对象");
	json_object_foreach((json_t *)v, key, ignored)
	{
		slice rest = slice_z(members), one;
		bool known = false;
		while (rest.n && !known) {
			slice_cut(&rest, ' ', &one);
			known = slice_eq(one, slice_z(key));
		}
		if (!known)
			fine = wrong(f, at(f, where, key), "this is not known", "无法识别");
	}
	return fine;
}

/* An array of at most `most`; absent: empty. */
static bool is_array(struct form *f, const json_t *object, slice where, const char *member,
	size_t most, const json_t **ret, size_t *ret_n)
{
	*ret = json_object_get(object, member);
	*ret_n = json_array_size(*ret);
	if (*ret && !json_is_array(*ret))
		return wrong(f, at(f, where, member), "a list is expected", "应为一个列表");
	if (*ret_n > most)
		return wrong(
			f, at(f, where, member), "there are more than %zu", "多于 %zu 个", most);
	return true;
}

static bool is_true(
	struct form *f, const json_t *object, slice where, const char *member, bool absent)
{
	const json_t *v = json_object_get(object, member);
	if (v && !json_is_boolean(v))
		wrong(f, at(f, where, member), "true or false is expected", "应为 true 或 false");
	return v ? json_is_true(v) : absent;
}

/* Text of UTF-8 without control characters, lines allowed or not. */
static bool text_of(
	struct form *f, const json_t *v, slice where, size_t most, bool lines, slice *ret)
{
	if (!json_is_string(v))
		return wrong(f, where, "a text is expected", "应为文本");
	*ret = slice_of(json_string_value(v), json_string_length(v));
	if (ret->n > most)
		return wrong(f, where, "this is longer than %zu bytes", "超过 %zu 字节", most);
	for (size_t i = 0; i < ret->n; i++) {
		unsigned char c = (unsigned char)ret->p[i];
		if ((c < ' ' && c != '\t' && !(lines && (c == '\n' || c == '\r'))) || c == 127)
			return wrong(
				f, where, "there is a control character in it", "含有控制字符");
	}
	return true;
}

static bool text_member(struct form *f, const json_t *object, slice where, const char *member,
	size_t most, bool lines, slice *ret)
{
	const json_t *v = json_object_get(object, member);
	*ret = S("");
	return !v || text_of(f, v, at(f, where, member), most, lines, ret);
}

/* One of the words, by its place; -1: told. */
static int word_of(struct form *f, const json_t *object, slice where, const char *member,
	const char *const *words)
{
	slice v = json_read_text(object, member);
	for (int i = 0; words[i]; i++)
		if (slice_eq(v, slice_z(words[i])))
			return i;
	wrong(f, at(f, where, member), "\"%.*s\" is not one of the words that are known here",
		"“%.*s”不是这里可用的值", SFMT(slice_first(v, 100)));
	return -1;
}

static bool is_address(struct form *f, slice address, slice where)
{
	struct address parsed;
	if (address_parse(address, true, &parsed) == ADDRESS_FINE && parsed.domain.n)
		return true;
	return wrong(f, where, "\"%.*s\" is no address", "“%.*s”不是邮件地址",
		SFMT(slice_first(address, 100)));
}

/* ---- conditions ---- */

static const char *const field_words[] = {"from", "to", "cc", "recipient", "subject", "body",
	"list", "header", "attachment", "size", NULL};
static const char *const op_words[] = {
	"contains", "is", "starts", "ends", "matches", "domain", "exists", "over", "under", NULL};
_Static_assert(FORM_SIZE == 9 && FORM_UNDER == 8, "words by enum");

/* Which field knows which ops. */
static bool goes_with(enum form_field field, enum form_op op)
{
	if (field == FORM_SIZE)
		return op == FORM_OVER || op == FORM_UNDER;
	if (op == FORM_OVER || op == FORM_UNDER)
		return false;
	if (op == FORM_DOMAIN)
		return field <= FORM_RECIPIENT;
	if (op == FORM_EXISTS)
		return field != FORM_BODY;
	return true;
}

static bool header_name(struct form *f, const json_t *v, slice where, struct form_condition *c)
{
	enum { NAME_MAX_BYTES = 100 };
	if (!text_member(f, v, where, "header", NAME_MAX_BYTES, false, &c->header))
		return false;
	bool fine = c->header.n > 0;
	for (size_t i = 0; i < c->header.n; i++)
		fine = fine && c->header.p[i] > ' ' && c->header.p[i] < 127 &&
		       c->header.p[i] != ':';
	return fine || wrong(f, at(f, where, "header"), "this is no name of a header field",
			       "不是邮件头字段名");
}

static bool size_value(struct form *f, slice v, slice where)
{
	uint64_t n;
	size_t digits = v.n;
	if (digits && strchr("kKmMgG", v.p[digits - 1]))
		digits--;
	if (slice_u64(slice_first(v, digits), &n) && n < UINT32_MAX)
		return true;
	return wrong(f, where, "a size is expected, like 500K or 10M", "应为大小，如 500K、10M");
}

static bool values_of(struct form *f, const json_t *v, slice where, struct form_condition *c)
{
	const json_t *list;
	if (!is_array(f, v, where, "values", SIEVE_FORM_VALUES_MAX, &list, &c->nvalues))
		return false;
	if (c->op == FORM_EXISTS && c->nvalues)
		return wrong(f, at(f, where, "values"), "exists takes none", "exists 不带值");
	if (c->op != FORM_EXISTS && (!c->nvalues || (c->field == FORM_SIZE && c->nvalues != 1)))
		return wrong(f, at(f, where, "values"), "a value is missing, or there are too many",
			"缺少值，或值过多");
	c->values = ARENA_ARRAY(f->a, slice, c->nvalues + 1);
	for (size_t i = 0; i < c->nvalues; i++) {
		slice here = at_index(f, where, "values", i);
		if (!text_of(f, json_array_get(list, i), here, SIEVE_FORM_VALUE_MAX, false,
			    &c->values[i]))
			return false;
		if (!c->values[i].n)
			return wrong(f, here, "this is empty", "为空");
		if (c->field == FORM_SIZE && !size_value(f, c->values[i], here))
			return false;
	}
	return true;
}

static bool condition(struct form *f, const json_t *v, slice where, struct form_condition *c)
{
	if (!is_object(f, v, where, "field header op values not"))
		return false;
	int field = word_of(f, v, where, "field", field_words),
	    op = word_of(f, v, where, "op", op_words);
	if (field < 0 || op < 0)
		return false;
	*c = (struct form_condition){.field = (enum form_field)field,
		.op = (enum form_op)op,
		.negated = is_true(f, v, where, "not", false)};
	if (!goes_with(c->field, c->op))
		return wrong(f, at(f, where, "op"), "%s cannot be asked of %s", "%s 不能用于 %s",
			op_words[op], field_words[field]);
	if (c->field == FORM_HEADER && !header_name(f, v, where, c))
		return false;
	return values_of(f, v, where, c);
}

/* ---- actions ---- */

static const char *const do_words[] = {
	"move", "copy", "flag", "forward", "reject", "discard", "keep", NULL};
_Static_assert(FORM_KEEP == 6, "words by enum");

static bool folder_of(struct form *f, const json_t *v, slice where, struct form_action *x)
{
	enum { FOLDER_MAX = 1000 };
	if (!text_member(f, v, where, "folder", FOLDER_MAX, false, &x->text))
		return false;
	return x->text.n || wrong(f, at(f, where, "folder"), "a folder is missing", "缺少文件夹");
}

static bool flags_of(struct form *f, const json_t *v, slice where, struct form_action *x)
{
	enum { FLAGS_MAX = 20, FLAG_MAX = 100 };
	const json_t *list;
	if (!is_array(f, v, where, "flags", FLAGS_MAX, &list, &x->nflags))
		return false;
	x->flags = ARENA_ARRAY(f->a, slice, x->nflags + 1);
	for (size_t i = 0; i < x->nflags; i++) {
		slice here = at_index(f, where, "flags", i);
		if (!text_of(f, json_array_get(list, i), here, FLAG_MAX, false, &x->flags[i]))
			return false;
		if (!x->flags[i].n || slice_index(x->flags[i], ' ') < x->flags[i].n)
			return wrong(f, here, "this is no flag", "不是标记");
	}
	return x->nflags > 0 || wrong(f, at(f, where, "flags"), "a flag is missing", "缺少标记");
}

static bool forward_of(struct form *f, const json_t *v, slice where, struct form_action *x)
{
	x->keep = is_true(f, v, where, "keep", true);
	return text_member(f, v, where, "to", SIEVE_FORM_VALUE_MAX, false, &x->text) &&
	       is_address(f, x->text, at(f, where, "to"));
}

static bool action(struct form *f, const json_t *v, slice where, struct form_action *x)
{
	if (!is_object(f, v, where, "do folder flags to keep text"))
		return false;
	int what = word_of(f, v, where, "do", do_words);
	if (what < 0)
		return false;
	*x = (struct form_action){.what = (enum form_do)what};
	switch (x->what) {
	case FORM_MOVE:
	case FORM_COPY:
		return folder_of(f, v, where, x);
	case FORM_FLAG:
		return flags_of(f, v, where, x);
	case FORM_FORWARD:
		return forward_of(f, v, where, x);
	case FORM_REJECT:
		return text_member(f, v, where, "text", SIEVE_FORM_TEXT_MAX, true, &x->text) &&
		       (x->text.n ||
			       wrong(f, at(f, where, "text"), "a reason is missing", "缺少理由"));
	default:
		return true;
	}
}

/* ---- rules ---- */

static const char *const match_words[] = {"all", "any", "always", NULL};
_Static_assert(FORM_ALL == 0 && FORM_ANY == 1 && FORM_ALWAYS == 2, "words by enum");

static bool rule(struct form *f, const json_t *v, slice where, struct form_rule *r)
{
	const json_t *conditions, *actions;
	if (!is_object(f, v, where, "name enabled match conditions actions stop") ||
		!text_member(f, v, where, "name", SIEVE_FORM_VALUE_MAX, false, &r->name) ||
		!is_array(f, v, where, "conditions", SIEVE_FORM_CONDITIONS_MAX, &conditions,
			&r->nconditions) ||
		!is_array(
			f, v, where, "actions", SIEVE_FORM_CONDITIONS_MAX, &actions, &r->nactions))
		return false;
	int match = word_of(f, v, where, "match", match_words);
	if (match < 0)
		return false;
	r->match = (enum form_match)match;
	r->enabled = is_true(f, v, where, "enabled", true);
	r->stop = is_true(f, v, where, "stop", false);
	if ((r->match == FORM_ALWAYS) != (r->nconditions == 0))
		return wrong(f, at(f, where, "conditions"),
			"there are none, or \"always\" has some", "没有条件，或 always 带有条件");
	if (!r->nactions && !r->stop)
		return wrong(f, at(f, where, "actions"), "there are none", "没有动作");
	r->conditions = ARENA_ARRAY(f->a, struct form_condition, r->nconditions + 1);
	r->actions = ARENA_ARRAY(f->a, struct form_action, r->nactions + 1);
	bool fine = true;
	for (size_t i = 0; i < r->nconditions; i++)
		fine &= condition(f, json_array_get(conditions, i),
			at_index(f, where, "conditions", i), &r->conditions[i]);
	for (size_t i = 0; i < r->nactions; i++)
		fine &= action(f, json_array_get(actions, i), at_index(f, where, "actions", i),
			&r->actions[i]);
	return fine;
}

static void rules(struct form *f, const json_t *root)
{
	const json_t *list;
	if (!is_array(f, root, S(""), "rules", SIEVE_FORM_RULES_MAX, &list, &f->nrules))
		return;
	f->rules = ARENA_ARRAY(f->a, struct form_rule, f->nrules + 1);
	for (size_t i = 0; i < f->nrules; i++)
		rule(f, json_array_get(list, i), at_index(f, S(""), "rules", i), &f->rules[i]);
}

/* ---- automatic answer, forward ---- */

static bool is_day(slice v)
{
	static const char shape[] = "dddd-dd-dd";
	if (v.n != sizeof shape - 1)
		return false;
	for (size_t i = 0; i < v.n; i++)
		if (shape[i] == 'd' ? v.p[i] < '0' || v.p[i] > '9' : v.p[i] != '-')
			return false;
	return true;
}

static bool day_of(struct form *f, const json_t *v, slice where, const char *member, slice *ret)
{
	if (!text_member(f, v, where, member, sizeof "2026-01-01", false, ret))
		return false;
	return !ret->n || is_day(*ret) ||
	       wrong(f, at(f, where, member), "a day is expected, like 2026-10-01",
		       "应为日期，如 2026-10-01");
}

static bool addresses_of(struct form *f, const json_t *v, slice where, const char *member,
	size_t most, slice **ret, size_t *ret_n)
{
	const json_t *list;
	if (!is_array(f, v, where, member, most, &list, ret_n))
		return false;
	*ret = ARENA_ARRAY(f->a, slice, *ret_n + 1);
	for (size_t i = 0; i < *ret_n; i++) {
		slice here = at_index(f, where, member, i);
		if (!text_of(f, json_array_get(list, i), here, SIEVE_FORM_VALUE_MAX, false,
			    &(*ret)[i]) ||
			!is_address(f, (*ret)[i], here))
			return false;
	}
	return true;
}

static void autoreply(struct form *f, const json_t *v)
{
	enum { DAYS_MAX = 90, ADDRESSES_MAX = 50 };
	slice where = S("autoreply");
	struct form_autoreply *r = &f->autoreply;
	if (!v || !is_object(f, v, where, "enabled subject text from until days addresses") ||
		!text_member(f, v, where, "subject", SIEVE_FORM_VALUE_MAX, false, &r->subject) ||
		!text_member(f, v, where, "text", SIEVE_FORM_TEXT_MAX, true, &r->text) ||
		!day_of(f, v, where, "from", &r->from) ||
		!day_of(f, v, where, "until", &r->until) ||
		!addresses_of(
			f, v, where, "addresses", ADDRESSES_MAX, &r->addresses, &r->naddresses))
		return;
	r->enabled = is_true(f, v, where, "enabled", false);
	r->days = json_read_count(v, "days");
	if (!r->days)
		r->days = 7;
	if (r->days > DAYS_MAX)
		wrong(f, at(f, where, "days"), "more than %d", "大于 %d", DAYS_MAX);
	if (r->enabled && !r->text.n)
		wrong(f, at(f, where, "text"), "an answer is missing", "缺少回复内容");
}

static void forward(struct form *f, const json_t *v)
{
	slice where = S("forward");
	struct form_forward *w = &f->forward;
	if (!v || !is_object(f, v, where, "enabled to keep") ||
		!addresses_of(f, v, where, "to", SIEVE_FORM_TARGETS_MAX, &w->to, &w->nto))
		return;
	w->enabled = is_true(f, v, where, "enabled", false);
	w->keep = is_true(f, v, where, "keep", true);
	if (w->enabled && !w->nto)
		wrong(f, at(f, where, "to"), "an address is missing", "缺少地址");
}

bool sieve_form_compile(slice json, struct arena *a, slice *ret_script, struct sieve_mistakes *ret)
{
	json_error_t error;
	struct form f = {.a = a, .mistakes = ret};
	*ret = (struct sieve_mistakes){.n = 0};
	if (json.n > SIEVE_FORM_MAX)
		return wrong(&f, S("form"), "it is longer than %d bytes", "超过 %d 字节",
			SIEVE_FORM_MAX);
	json_t *root = json_loadb(json.p ? json.p : "", json.n, JSON_REJECT_DUPLICATES, &error);
	if (!root)
		return wrong(&f, S("form"), "line %d, column %d: %s", "第 %d 行第 %d 列：%s",
			error.line, error.column, error.text);
	if (is_object(&f, root, S(""), "rules autoreply forward")) {
		rules(&f, root);
		autoreply(&f, json_object_get(root, "autoreply"));
		forward(&f, json_object_get(root, "forward"));
	}
	if (!ret->n)
		*ret_script = form_script(&f);
	json_decref(root);
	return ret->n == 0;
}
