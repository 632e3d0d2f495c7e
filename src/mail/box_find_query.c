/*
 * What people type into a search field, as criteria (box_find.h). Nothing that can be typed is a mistake but dates and sizes that are none:
 * a word with a colon that is no key is a word.
 */
#include "base/mem.h"
#include "base/time.h"
#include "base/utf8.h"
#include "codec/tokens.h"
#include "mail/box_find.h"
#include "run/conf.h"

enum key {
	K_WORD,
	K_FROM,
	K_TO,
	K_CC,
	K_SUBJECT,
	K_BODY,
	K_TEXT,
	K_BEFORE,
	K_AFTER,
	K_ON,
	K_LARGER,
	K_SMALLER,
	K_IS
};

static const struct {
	slice name;
	enum key key;
} keys[] = {{S_INIT("from"), K_FROM}, {S_INIT("发件人"), K_FROM}, {S_INIT("to"), K_TO},
	{S_INIT("收件人"), K_TO}, {S_INIT("cc"), K_CC}, {S_INIT("抄送"), K_CC},
	{S_INIT("subject"), K_SUBJECT}, {S_INIT("主题"), K_SUBJECT}, {S_INIT("body"), K_BODY},
	{S_INIT("正文"), K_BODY}, {S_INIT("text"), K_TEXT}, {S_INIT("全文"), K_TEXT},
	{S_INIT("before"), K_BEFORE}, {S_INIT("之前"), K_BEFORE}, {S_INIT("after"), K_AFTER},
	{S_INIT("之后"), K_AFTER}, {S_INIT("on"), K_ON}, {S_INIT("当天"), K_ON},
	{S_INIT("larger"), K_LARGER}, {S_INIT("大于"), K_LARGER}, {S_INIT("smaller"), K_SMALLER},
	{S_INIT("小于"), K_SMALLER}, {S_INIT("is"), K_IS}};

struct parsing {
	struct arena *a;
	struct box_criterion *all;
	struct err *e;
};

static struct box_criterion *new (struct parsing *p, enum box_criterion_kind kind)
{
	struct box_criterion *c = ARENA_NEW(p->a, struct box_criterion);
	c->kind = kind;
	return c;
}

static void put_first(struct box_criterion *parent, struct box_criterion *c)
{
	c->next = parent->first;
	parent->first = c;
}

/* ---- one term ---- */

struct term {
	enum key key;
	bool no, quoted;
	slice text;
};

/* "key:" or "key：" at the beginning; *s moves behind it. */
static enum key take_key(slice *s)
{
	static const slice colons[] = {S_INIT(":"), S_INIT("：")};
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
		for (size_t k = 0; k < 2 && slice_istarts(*s, keys[i].name); k++) {
			slice rest = slice_skip(*s, keys[i].name.n);
			if (!slice_starts(rest, colons[k]) || rest.n == colons[k].n)
				continue;
			*s = slice_skip(rest, colons[k].n);
			return keys[i].key;
		}
	return K_WORD;
}

static bool is_blank(slice s, size_t *ret_n)
{
	*ret_n = slice_starts(s, S("　")) ? 3 : 1;
	return *ret_n == 3 || (unsigned char)*s.p <= ' ';
}

static slice take_word(slice *s)
{
	slice rest = *s;
	size_t n;
	while (rest.n && !is_blank(rest, &n))
		rest = slice_skip(rest, 1);
	slice word = slice_of(s->p, (size_t)(rest.p - s->p));
	*s = rest;
	return word;
}

/* Between quotes of either kind; up to the end when it is not closed. */
static bool take_quoted(slice *s, slice *ret)
{
	static const slice pairs[][2] = {{S_INIT("\""), S_INIT("\"")}, {S_INIT("“"), S_INIT("”")}};
	for (size_t i = 0; i < 2; i++) {
		if (!slice_starts(*s, pairs[i][0]))
			continue;
		slice in = slice_skip(*s, pairs[i][0].n);
		size_t n = slice_find(in, pairs[i][1]);
		*ret = slice_first(in, n);
		*s = slice_skip(in, n + pairs[i][1].n);
		return true;
	}
	return false;
}

static bool next_term(slice *s, struct term *ret)
{
	size_t n;
	while (s->n && is_blank(*s, &n))
		*s = slice_skip(*s, n);
	if (!s->n)
		return false;
	*ret = (struct term){0};
	if (s->n > 1 && *s->p == '-' && !is_blank(slice_skip(*s, 1), &n)) {
		ret->no = true;
		*s = slice_skip(*s, 1);
	}
	ret->key = take_key(s);
	ret->quoted = take_quoted(s, &ret->text);
	if (!ret->quoted)
		ret->text = take_word(s);
	return true;
}

/* ---- as a criterion ---- */

static slice folded(struct parsing *p, slice text)
{
	AUTO(buf) struct buf out = BUF(20 * BOX_FIND_TEXT_MAX);
	search_fold(text, &out);
	return arena_dup(p->a, buf_slice(&out));
}

static struct box_criterion *text_of(
	struct parsing *p, enum box_criterion_kind kind, enum summary_who who, const struct term *t)
{
	struct box_criterion *c = new (p, kind);
	c->who = who;
	c->text = folded(p, t->text);
	return c;
}

/* Where people expect words to be found: not in the fields that only programs write. */
static struct box_criterion *anywhere(struct parsing *p, const struct term *t)
{
	struct box_criterion *any = new (p, BOX_ANY_OF);
	put_first(any, text_of(p, BOX_BODY, 0, t));
	put_first(any, text_of(p, BOX_WHO, SUMMARY_CC, t));
	put_first(any, text_of(p, BOX_WHO, SUMMARY_TO, t));
	put_first(any, text_of(p, BOX_WHO, SUMMARY_FROM, t));
	put_first(any, text_of(p, BOX_SUBJECT, 0, t));
	return any;
}

static struct box_criterion *date_of(struct parsing *p, const struct term *t)
{
	struct box_criterion *c = new (p, BOX_RECEIVED);
	int64_t at;
	if (!time_parse(t->text, wall_now(), &at)) {
		err_set(p->e, ERR_PROTO, "%.*s: a date is written 2026-01-31", SFMT(t->text));
		return NULL;
	}
	c->from = t->key == K_BEFORE ? INT64_MIN : at;
	c->to = t->key == K_AFTER ? INT64_MAX : t->key == K_ON ? at + DAY - 1 : at - 1;
	return c;
}

static bool read_size(slice s, int64_t *ret)
{
	uint64_t n, unit = 1;
	char last = s.n ? ascii_lower(s.p[s.n - 1]) : 0;
	if (last == 'k' || last == 'm' || last == 'g') {
		unit = last == 'k' ? 1 << 10 : last == 'm' ? 1 << 20 : 1 << 30;
		s.n--;
	}
	if (!slice_u64(s, &n) || n > (1ULL << 40))
		return false;
	*ret = (int64_t)(n * unit);
	return true;
}

static struct box_criterion *size_of(struct parsing *p, const struct term *t)
{
	struct box_criterion *c = new (p, BOX_SIZE);
	int64_t n;
	if (!read_size(t->text, &n)) {
		err_set(p->e, ERR_PROTO, "%.*s: a size is written 100k or 5m", SFMT(t->text));
		return NULL;
	}
	c->from = t->key == K_LARGER ? n + 1 : 0;
	c->to = t->key == K_LARGER ? INT64_MAX : n - 1;
	return c;
}

static struct box_criterion *state_of(struct parsing *p, struct term *t)
{
	static const struct {
		slice name;
		unsigned flag;
		bool no;
	} states[] = {{S_INIT("unread"), MAILBOX_SEEN, true}, {S_INIT("read"), MAILBOX_SEEN, false},
		{S_INIT("flagged"), MAILBOX_FLAGGED, false},
		{S_INIT("answered"), MAILBOX_ANSWERED, false},
		{S_INIT("draft"), MAILBOX_DRAFT, false}};
	for (size_t i = 0; i < sizeof states / sizeof *states; i++)
		if (slice_ieq(t->text, states[i].name)) {
			struct box_criterion *c = new (p, BOX_FLAGGED);
			c->flags = states[i].flag;
			t->no ^= states[i].no;
			return c;
		}
	err_set(p->e, ERR_PROTO, "is:%.*s: unread, read, flagged, answered or draft",
		SFMT(t->text));
	return NULL;
}

static struct box_criterion *criterion(struct parsing *p, struct term *t)
{
	switch (t->key) {
	case K_FROM:
		return text_of(p, BOX_WHO, SUMMARY_FROM, t);
	case K_TO:
		return text_of(p, BOX_WHO, SUMMARY_TO, t);
	case K_CC:
		return text_of(p, BOX_WHO, SUMMARY_CC, t);
	case K_SUBJECT:
		return text_of(p, BOX_SUBJECT, 0, t);
	case K_BODY:
		return text_of(p, BOX_BODY, 0, t);
	case K_TEXT:
		return text_of(p, BOX_TEXT, 0, t);
	case K_BEFORE:
	case K_AFTER:
	case K_ON:
		return date_of(p, t);
	case K_LARGER:
	case K_SMALLER:
		return size_of(p, t);
	case K_IS:
		return state_of(p, t);
	default:
		return anywhere(p, t);
	}
}

int box_find_parse(slice typed, struct arena *a, struct box_criterion **ret, struct err *e)
{
	struct parsing p = {.a = a, .e = e};
	struct term t;
	size_t n = 0;
	if (typed.n > BOX_FIND_TEXT_MAX)
		return err_set(e, ERR_PROTO, "the text to look for is too long");
	if (!utf8_valid(typed))
		return err_set(e, ERR_PROTO, "the text to look for is no UTF-8");
	p.all = new (&p, BOX_ALL_OF);
	while (next_term(&typed, &t)) {
		struct box_criterion *c = criterion(&p, &t);
		if (!c)
			return -1;
		if (++n > BOX_CRITERIA_MAX / 10)
			return err_set(e, ERR_PROTO, "too many words");
		if (t.no) {
			struct box_criterion *no = new (&p, BOX_NONE_OF);
			no->first = c;
			c = no;
		}
		put_first(p.all, c);
	}
	if (!n)
		return err_set(e, ERR_PROTO, "there is nothing to look for");
	*ret = p.all;
	return 0;
}
