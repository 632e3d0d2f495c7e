/*
 * A case and a verdict as bytes (scripts_case.h): the queue process to a scan process, and back. Whoever reads a verdict reads it as
 * written by an enemy: everything is bounded and checked for what its users rely on.
 */
#include "mail/scripts_case.h"

#include "base/cur.h"
#include "base/mem.h"
#include "base/utf8.h"

enum { WIRE_VERSION = 1 };

static unsigned take_count(struct cur *c, unsigned most)
{
	uint32_t n = cur_u32(c);
	if (n > most || n > cur_rest(c).n) {
		c->bad = true;
		return 0;
	}
	return n;
}

static bool take_bool(struct cur *c)
{
	uint8_t v = cur_u8(c);
	c->bad |= v > 1;
	return v == 1;
}

/* ---- a case ---- */

static void put_scripts(struct buf *out, const struct script *v, size_t n)
{
	buf_u32(out, (uint32_t)n);
	for (size_t i = 0; i < n; i++) {
		buf_u8(out, v[i].account_id ? 1 : 0);
		buf_u64(out, v[i].version);
		buf_str(out, v[i].name);
		buf_str(out, v[i].text);
	}
}

static struct script *take_scripts(struct cur *c, unsigned most, struct arena *a, size_t *ret_n)
{
	size_t n = take_count(c, most);
	struct script *v = ARENA_ARRAY(a, struct script, n + 1);
	for (size_t i = 0; i < n; i++) {
		v[i].account_id = take_bool(c);
		v[i].version = cur_u64(c);
		v[i].name = cur_str(c);
		v[i].text = cur_str(c);
	}
	*ret_n = n;
	return v;
}

static void put_slices(struct buf *out, const slice *v, size_t n)
{
	buf_u32(out, (uint32_t)n);
	for (size_t i = 0; i < n; i++)
		buf_str(out, v[i]);
}

static slice *take_slices(struct cur *c, unsigned most, struct arena *a, size_t *ret_n)
{
	size_t n = take_count(c, most);
	slice *v = ARENA_ARRAY(a, slice, n + 1);
	for (size_t i = 0; i < n; i++)
		v[i] = cur_str(c);
	*ret_n = n;
	return v;
}

static void put_folders(struct buf *out, const struct sieve_folder *v, size_t n)
{
	buf_u32(out, (uint32_t)n);
	for (size_t i = 0; i < n; i++) {
		buf_str(out, v[i].name);
		buf_str(out, v[i].id);
		buf_str(out, v[i].use);
		buf_u8(out, v[i].may_insert);
	}
}

static void take_folders(struct cur *c, struct arena *a, struct sieve_input *ret)
{
	ret->nfolders = take_count(c, SCRIPTS_FOLDERS_MAX);
	struct sieve_folder *v = ARENA_ARRAY(a, struct sieve_folder, ret->nfolders + 1);
	for (size_t i = 0; i < ret->nfolders; i++) {
		v[i].name = cur_str(c);
		v[i].id = cur_str(c);
		v[i].use = cur_str(c);
		v[i].may_insert = take_bool(c);
	}
	ret->folders = v;
}

static void put_answers(struct buf *out, const struct sieve_answer *v, size_t n)
{
	buf_u32(out, (uint32_t)n);
	for (size_t i = 0; i < n; i++) {
		buf_u8(out, (uint8_t)v[i].kind);
		buf_str(out, v[i].key);
		buf_u8(out, v[i].yes);
		buf_str(out, v[i].text);
	}
}

static void take_answers(struct cur *c, struct arena *a, struct sieve_input *ret)
{
	ret->nanswers = take_count(c, SIEVE_QUESTIONS_MAX * SIEVE_ROUNDS_MAX);
	struct sieve_answer *v = ARENA_ARRAY(a, struct sieve_answer, ret->nanswers + 1);
	for (size_t i = 0; i < ret->nanswers; i++) {
		v[i].kind = cur_u8(c);
		v[i].key = cur_str(c);
		v[i].yes = take_bool(c);
		v[i].text = cur_str(c);
	}
	ret->answers = v;
}

static void put_limits(struct buf *out, const struct sieve_limits *l)
{
	buf_u64(out, l->steps);
	buf_u64(out, l->memory);
	buf_u32(out, l->actions);
	buf_u32(out, l->redirects);
	buf_u32(out, l->notices);
	buf_u32(out, l->variables);
	buf_u64(out, l->variable);
	buf_u32(out, l->edits);
}

static void take_limits(struct cur *c, struct arena *a, struct sieve_input *ret)
{
	struct sieve_limits *l = ARENA_NEW(a, struct sieve_limits);
	*l = (struct sieve_limits){.steps = cur_u64(c), .memory = cur_u64(c)};
	l->actions = cur_u32(c);
	l->redirects = cur_u32(c);
	l->notices = cur_u32(c);
	l->variables = cur_u32(c);
	l->variable = (size_t)cur_u64(c);
	l->edits = cur_u32(c);
	ret->limits = l;
}

/* Texts of the input, in the order in which they travel. */
#define TEXTS(q)                                                                                   \
	{                                                                                          \
		&(q)->sender, &(q)->recipient, &(q)->original_recipient, &(q)->login, &(q)->name,  \
			&(q)->home, &(q)->domain, &(q)->host, &(q)->version, &(q)->client_ip,      \
			&(q)->client_name                                                          \
	}
enum { TEXTS_N = 11 };

void scripts_case_encode(struct buf *out, const struct scripts_case *c)
{
	const struct sieve_input *q = &c->input;
	const slice *texts[TEXTS_N] = TEXTS(q);
	buf_u8(out, WIRE_VERSION);
	put_scripts(out, c->set->run, c->set->nrun);
	put_scripts(out, c->set->included, c->set->nincluded);
	for (size_t i = 0; i < TEXTS_N; i++)
		buf_str(out, *texts[i]);
	put_slices(out, q->own, q->nown);
	buf_u8(out, (uint8_t)q->separator);
	put_folders(out, q->folders, q->nfolders);
	buf_u32(out, q->spam < 0 ? UINT32_MAX : (uint32_t)(q->spam * 1000000));
	buf_u8(out, (uint8_t)q->virus);
	buf_u64(out, (uint64_t)q->now);
	buf_u32(out, (uint32_t)(q->zone + 24 * 60));
	put_answers(out, q->answers, q->nanswers);
	put_limits(out, q->limits ? q->limits : &sieve_limits_default);
}

bool scripts_case_decode(slice in, struct arena *a, struct scripts_case *ret)
{
	struct cur c = cur_of(in);
	struct sieve_input *q = &ret->input;
	struct script_set *set = ARENA_NEW(a, struct script_set);
	slice *texts[TEXTS_N] = TEXTS(q);
	*ret = (struct scripts_case){.set = set};
	c.bad |= cur_u8(&c) != WIRE_VERSION;
	set->run = take_scripts(&c, SCRIPTS_RUN_MAX, a, &set->nrun);
	set->included = take_scripts(&c, SCRIPT_INCLUDED_MAX, a, &set->nincluded);
	for (size_t i = 0; i < TEXTS_N; i++)
		*texts[i] = cur_str(&c);
	q->own = take_slices(&c, SCRIPTS_OWN_MAX, a, &q->nown);
	q->separator = (char)cur_u8(&c);
	take_folders(&c, a, q);
	uint32_t spam = cur_u32(&c);
	q->spam = spam == UINT32_MAX ? -1 : (float)spam / 1000000;
	q->virus = cur_u8(&c);
	q->now = (int64_t)cur_u64(&c);
	q->zone = (int)cur_u32(&c) - 24 * 60;
	take_answers(&c, a, q);
	take_limits(&c, a, q);
	return cur_ok(&c) && cur_at_end(&c);
}

/* ---- a verdict ---- */

#define ACTION_TEXTS(x)                                                                            \
	{                                                                                          \
		&(x)->folder, &(x)->folder_id, &(x)->folder_use, &(x)->flags, &(x)->address,       \
			&(x)->text, &(x)->subject, &(x)->from, &(x)->handle, &(x)->method,         \
			&(x)->options, &(x)->key, &(x)->script                                     \
	}
enum { ACTION_TEXTS_N = 13 };
enum { BIT_CREATE = 1, BIT_COPY = 2, BIT_LIST = 4, BIT_EREJECT = 8, BIT_MIME = 16 };

static void put_action(struct buf *out, const struct sieve_action *x)
{
	const slice *texts[ACTION_TEXTS_N] = ACTION_TEXTS(x);
	buf_u8(out, (uint8_t)x->kind);
	buf_u8(out, (uint8_t)((x->create ? BIT_CREATE : 0) | (x->copy ? BIT_COPY : 0) |
			      (x->list ? BIT_LIST : 0) | (x->ereject ? BIT_EREJECT : 0) |
			      (x->mime ? BIT_MIME : 0)));
	buf_u32(out, (uint32_t)x->edits);
	buf_u64(out, (uint64_t)x->seconds);
	buf_u8(out, (uint8_t)x->importance);
	buf_u32(out, x->line);
	for (size_t i = 0; i < ACTION_TEXTS_N; i++)
		buf_str(out, *texts[i]);
}

static void take_action(struct cur *c, struct sieve_action *x)
{
	slice *texts[ACTION_TEXTS_N] = ACTION_TEXTS(x);
	unsigned kind = cur_u8(c), bits = cur_u8(c);
	c->bad |= kind > SIEVE_REPORT;
	x->kind = (enum sieve_action_kind)kind;
	x->create = bits & BIT_CREATE;
	x->copy = bits & BIT_COPY;
	x->list = bits & BIT_LIST;
	x->ereject = bits & BIT_EREJECT;
	x->mime = bits & BIT_MIME;
	x->edits = cur_u32(c);
	x->seconds = (int64_t)cur_u64(c);
	x->importance = cur_u8(c);
	x->line = cur_u32(c);
	for (size_t i = 0; i < ACTION_TEXTS_N; i++) {
		*texts[i] = cur_str(c);
		c->bad |= texts[i]->n > SCRIPTS_STRING_MAX || !utf8_valid(*texts[i]);
	}
	c->bad |= x->seconds < 0;
}

static void put_questions(struct buf *out, const struct scripts_verdict *v)
{
	buf_u32(out, (uint32_t)v->nquestions);
	for (size_t i = 0; i < v->nquestions; i++) {
		buf_u8(out, (uint8_t)v->questions[i].kind);
		buf_str(out, v->questions[i].key);
		buf_u64(out, (uint64_t)v->questions[i].seconds);
	}
}

static void take_questions(struct cur *c, struct arena *a, struct scripts_verdict *ret)
{
	ret->nquestions = take_count(c, SIEVE_QUESTIONS_MAX);
	ret->questions = ARENA_ARRAY(a, struct sieve_question, ret->nquestions + 1);
	for (size_t i = 0; i < ret->nquestions; i++) {
		struct sieve_question *q = &ret->questions[i];
		q->kind = cur_u8(c);
		q->key = cur_str(c);
		q->seconds = (int64_t)cur_u64(c);
		c->bad |= q->kind < SIEVE_ASK_DUPLICATE || q->kind > SIEVE_ASK_LIST ||
			  q->key.n > SCRIPTS_STRING_MAX || q->seconds < 0;
	}
	c->bad |= ret->end == SIEVE_ASKS && !ret->nquestions;
}

static void put_letters(struct buf *out, const struct scripts_verdict *v)
{
	buf_u32(out, (uint32_t)v->nletters);
	for (size_t i = 0; i < v->nletters; i++) {
		const struct scripts_letter *l = &v->letters[i];
		buf_u32(out, (uint32_t)l->edits);
		buf_str(out, l->header);
		buf_u8(out, l->whole);
		buf_str(out, l->body);
		buf_u64(out, l->from);
		buf_str(out, l->summary);
	}
}

static void take_letters(
	struct cur *c, uint64_t message, struct arena *a, struct scripts_verdict *ret)
{
	ret->nletters = take_count(c, SCRIPTS_LETTERS_MAX);
	ret->letters = ARENA_ARRAY(a, struct scripts_letter, ret->nletters + 1);
	for (size_t i = 0; i < ret->nletters; i++) {
		struct scripts_letter *l = &ret->letters[i];
		l->edits = cur_u32(c);
		l->header = cur_str(c);
		l->whole = take_bool(c);
		l->body = cur_str(c);
		l->from = cur_u64(c);
		l->summary = cur_str(c);
		c->bad |= !l->edits || l->from > message ||
			  !(slice_ends(l->header, S("\r\n\r\n")) || slice_eq(l->header, S("\r\n")));
	}
}

static const struct scripts_letter *find_letter(const struct scripts_verdict *v, size_t edits)
{
	for (size_t i = 0; i < v->nletters; i++)
		if (v->letters[i].edits == edits)
			return &v->letters[i];
	return NULL;
}

static void put_mistake(struct buf *out, const struct sieve_mistake *m)
{
	buf_str(out, m->script);
	buf_u32(out, m->line);
	buf_str(out, m->en);
	buf_str(out, m->zh);
}

static void take_mistake(struct cur *c, struct sieve_mistake *m)
{
	m->script = cur_str(c);
	m->line = cur_u32(c);
	m->en = cur_str(c);
	m->zh = cur_str(c);
	c->bad |= !utf8_valid(m->script) || !utf8_valid(m->en) || !utf8_valid(m->zh);
}

static void take_warnings(struct cur *c, struct arena *a, struct scripts_verdict *ret)
{
	ret->warnings.n = take_count(c, SCRIPTS_WARNINGS_MAX);
	ret->warnings.v = ARENA_ARRAY(a, struct sieve_mistake, ret->warnings.n + 1);
	for (size_t i = 0; i < ret->warnings.n; i++)
		take_mistake(c, &ret->warnings.v[i]);
}

void scripts_verdict_encode(struct buf *out, const struct scripts_verdict *v)
{
	buf_u8(out, WIRE_VERSION);
	buf_u8(out, (uint8_t)v->end);
	buf_u64(out, v->steps);
	buf_u32(out, (uint32_t)v->nactions);
	for (size_t i = 0; i < v->nactions; i++)
		put_action(out, &v->actions[i]);
	put_questions(out, v);
	put_mistake(out, &v->mistake);
	size_t warnings = v->warnings.n < SCRIPTS_WARNINGS_MAX ? v->warnings.n : SCRIPTS_WARNINGS_MAX;
	buf_u32(out, (uint32_t)warnings);
	for (size_t i = 0; i < warnings; i++)
		put_mistake(out, &v->warnings.v[i]);
	buf_u8(out, v->mistake_system);
	put_letters(out, v);
}

bool scripts_verdict_decode(slice in, uint64_t message, struct arena *a, struct scripts_verdict *ret)
{
	struct cur c = cur_of(in);
	*ret = (struct scripts_verdict){0};
	c.bad |= cur_u8(&c) != WIRE_VERSION;
	unsigned end = cur_u8(&c);
	c.bad |= end > SIEVE_FAILED;
	ret->end = (enum sieve_end)end;
	ret->steps = cur_u64(&c);
	ret->nactions = take_count(&c, SCRIPTS_ACTIONS_MAX);
	ret->actions = ARENA_ARRAY(a, struct sieve_action, ret->nactions + 1);
	for (size_t i = 0; i < ret->nactions; i++)
		take_action(&c, &ret->actions[i]);
	take_questions(&c, a, ret);
	take_mistake(&c, &ret->mistake);
	take_warnings(&c, a, ret);
	ret->mistake_system = take_bool(&c);
	take_letters(&c, message, a, ret);
	for (size_t i = 0; i < ret->nactions && cur_ok(&c); i++) {
		const struct sieve_action *x = &ret->actions[i];
		bool letter = x->kind == SIEVE_KEEP || x->kind == SIEVE_FILEINTO ||
			      x->kind == SIEVE_REDIRECT;
		c.bad |= letter && x->edits && !find_letter(ret, x->edits);
	}
	return cur_ok(&c) && cur_at_end(&c);
}
