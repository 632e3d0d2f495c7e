/*
 * Running scripts over a letter (sieve_run of sieve.h): blocks, what may be spent, the sequence of scripts, what comes out. Each
 * command and test is done by the function of its word. A limit, a conflict or a mistake that shows only now ends the script:
 * what it wanted is forgotten and the letter is kept (RFC 5228 section 2.10.6). Steps count work, not time: the same input
 * ends the same way everywhere.
 */
#include "sieve/impl.h"

const struct sieve_limits sieve_limits_default = {
	.steps = 10000000,
	.memory = 16 << 20,
	.actions = 32,
	.redirects = 4,
	.notices = 4,
	.variables = 255,
	.variable = 4096,
	.edits = 100,
};

/* ---- what is spent ---- */

static void end_with(struct run *r, enum run_state s)
{
	if (r->state == RUN_ON || r->state == RUN_STOP || r->state == RUN_RETURN ||
		r->state == RUN_BREAK)
		r->state = s;
}

static struct sieve_mistake mistake_here(const struct run *r, slice en, slice zh)
{
	slice name = r->frame ? r->frame->script->name : (slice){0};
	return (struct sieve_mistake){
		.script = name, .line = r->at.line, .column = r->at.column, .en = en, .zh = zh};
}

void sieve_run_fail(struct run *r, slice en, slice zh)
{
	if (r->state != RUN_FAILED)
		r->out->mistake = mistake_here(r, en, zh);
	end_with(r, RUN_FAILED);
}

void sieve_run_warn(struct run *r, slice en, slice zh)
{
	struct sieve_mistakes *out = &r->out->warnings;
	if (out->n == SIEVE_MISTAKES_MAX)
		return;
	if (!out->v)
		out->v = ARENA_ARRAY(r->a, struct sieve_mistake, SIEVE_MISTAKES_MAX);
	out->v[out->n] = mistake_here(r, en, zh);
	out->v[out->n++].warning = true;
}

bool sieve_run_spend(struct run *r, uint64_t steps)
{
	r->steps += steps;
	if (r->steps > r->lim.steps)
		sieve_run_fail(r, S("the script takes more steps than a letter may cost"),
			S("脚本的步骤超过一封邮件允许的上限"));
	return run_on(r);
}

bool sieve_run_look(struct run *r, size_t bytes)
{
	r->looked += bytes;
	uint64_t steps = r->looked / SIEVE_WORK;
	r->looked %= SIEVE_WORK;
	return sieve_run_spend(r, steps);
}

bool sieve_run_memory(struct run *r, size_t n)
{
	r->memory += n;
	if (r->memory > r->lim.memory)
		sieve_run_fail(r, S("the script makes more text than a letter may cost"),
			S("脚本产生的文本超过一封邮件允许的上限"));
	return run_on(r);
}

void *sieve_run_alloc(struct run *r, size_t n)
{
	sieve_run_memory(r, n);
	return arena_alloc(r->a, n ? n : 1);
}

slice sieve_run_dup(struct run *r, slice s)
{
	return sieve_run_look(r, s.n) && sieve_run_memory(r, s.n) ? arena_dup(r->a, s) : (slice){0};
}

slice sieve_run_keep(struct run *r, struct buf *b)
{
	slice s = sieve_run_dup(r, buf_slice(b));
	buf_done(b);
	return s;
}

/* ---- questions ---- */

static void note_question(struct run *r, int kind, slice key, int64_t seconds)
{
	struct sieve_result *out = r->out;
	if (out->nquestions == r->questions_room) {
		size_t room = r->questions_room ? r->questions_room * 2 : 4;
		struct sieve_question *more = sieve_run_alloc(r, room * sizeof *more);
		if (out->nquestions)
			memcpy(more, out->questions, out->nquestions * sizeof *more);
		out->questions = more;
		r->questions_room = room;
	}
	out->questions[out->nquestions++] =
		(struct sieve_question){kind, arena_dup(r->a, key), seconds};
}

static bool is_noted(const struct run *r, int kind, slice key)
{
	const struct sieve_result *out = r->out;
	for (size_t i = 0; i < out->nquestions; i++)
		if (out->questions[i].kind == kind && slice_eq(out->questions[i].key, key))
			return true;
	return false;
}

bool sieve_run_know(
	struct run *r, int kind, slice key, int64_t seconds, const struct sieve_answer **ret)
{
	const struct sieve_input *in = r->in;
	for (size_t i = 0; i < in->nanswers; i++)
		if (in->answers[i].kind == kind && slice_eq(in->answers[i].key, key)) {
			*ret = &in->answers[i];
			return true;
		}
	if (in->nanswers + r->out->nquestions >= SIEVE_QUESTIONS_MAX)
		sieve_run_fail(r, S("the script asks more questions than a letter may cost"),
			S("脚本的查询超过一封邮件允许的上限"));
	else if (!is_noted(r, kind, key))
		note_question(r, kind, key, seconds);
	return false;
}

void sieve_run_wait(struct run *r)
{
	end_with(r, RUN_ASKS);
}

bool sieve_run_ask(
	struct run *r, int kind, slice key, int64_t seconds, const struct sieve_answer **ret)
{
	if (sieve_run_know(r, kind, key, seconds, ret))
		return true;
	sieve_run_wait(r);
	return false;
}

/* ---- commands and tests ---- */

bool sieve_run_test(struct run *r, const struct node *n)
{
	struct place before = r->at;
	if (!sieve_run_spend(r, 1) || n->dead || !n->word)
		return false;
	if (r->depth == SIEVE_DEPTH_MAX) {
		sieve_run_fail(r, S("tests are nested too deeply"), S("测试嵌套过深"));
		return false;
	}
	r->depth++;
	r->at = n->at;
	bool holds = n->word->holds(r, n);
	r->depth--;
	if (run_on(r))
		r->at = before;
	return holds && run_on(r);
}

static bool is_branch(const struct node *n)
{
	return n && n->word && !n->word->run; /* if, elsif, else */
}

static bool goes_on(const struct node *n)
{
	return n && (slice_ieq(n->name, S("elsif")) || slice_ieq(n->name, S("else")));
}

/* The branch that holds runs; returns the last one. */
static const struct node *run_if(struct run *r, const struct node *n)
{
	bool done = false;
	for (;; n = n->next) {
		if (!done && !n->dead && run_on(r)) {
			done = n->ntests == 0 || sieve_run_test(r, n->tests);
			if (done)
				sieve_run_block(r, n->block);
		}
		if (!goes_on(n->next))
			return n;
	}
}

void sieve_run_block(struct run *r, const struct node *first)
{
	if (r->depth == SIEVE_DEPTH_MAX) {
		sieve_run_fail(r, S("blocks are nested too deeply"), S("语句块嵌套过深"));
		return;
	}
	r->depth++;
	for (const struct node *n = first; n && run_on(r); n = n->next) {
		if (n->dead || !n->word)
			continue;
		r->at = n->at;
		if (!sieve_run_spend(r, 1))
			break;
		if (is_branch(n))
			n = run_if(r, n);
		else
			n->word->run(r, n);
	}
	r->depth--;
}

/* ---- scripts ---- */

void sieve_run_included(struct run *r, const struct sieve_script *s)
{
	struct frame f = {.script = s, .up = r->frame};
	f.slots = sieve_run_alloc(r, s->nvars * sizeof *f.slots);
	r->frame = &f;
	for (size_t i = 0; i < s->nvars; i++)
		if (slice_starts(s->vars[i], S("global.")))
			f.slots[i] = sieve_run_global(r, slice_skip(s->vars[i], 7));
	if (run_on(r))
		sieve_run_block(r, s->first);
	if (r->state == RUN_RETURN)
		r->state = RUN_ON;
	r->frame = f.up;
}

/* What scripts before said to keep is in question again: this one may discard it. */
static void take_back_keep(struct run *r)
{
	struct action_made **at = &r->first;
	r->last = NULL;
	while (*at) {
		if ((*at)->a.kind == SIEVE_KEEP && !(*at)->done) {
			r->kept_flags = (*at)->a.flags;
			*at = (*at)->next;
			r->nactions--;
			continue;
		}
		r->last = *at;
		at = &(*at)->next;
	}
}

static void forget_actions_of(struct run *r, unsigned script)
{
	struct action_made **at = &r->first;
	r->last = NULL;
	while (*at) {
		if ((*at)->script == script && !(*at)->done) {
			*at = (*at)->next;
			continue;
		}
		r->last = *at;
		at = &(*at)->next;
	}
}

void sieve_run_script(struct run *r, const struct sieve_script *s)
{
	take_back_keep(r);
	r->implicit_keep = true;
	r->rejected = false;
	r->flags = r->kept_flags;
	r->globals = NULL;
	r->nonce = 0;
	r->nvalues = 0;
	sieve_run_included(r, s);
	if (r->state == RUN_STOP || r->state == RUN_BREAK)
		r->state = RUN_ON;
	if (r->state == RUN_FAILED) {
		forget_actions_of(r, r->script);
		r->implicit_keep = true;
		r->flags = r->kept_flags;
	}
	if (r->implicit_keep)
		r->kept_flags = r->flags; /* the next script goes on with them */
	r->script++;
}

bool sieve_run_keeps(const struct run *r)
{
	bool said = false;
	for (const struct action_made *m = r->first; m; m = m->next)
		said = said || m->a.kind == SIEVE_KEEP;
	return said || r->implicit_keep;
}

void sieve_run_init(
	struct run *r, const struct sieve_input *q, struct arena *a, struct sieve_result *ret)
{
	*ret = (struct sieve_result){0};
	*r = (struct run){
		.in = q, .a = a, .out = ret, .message = q->message, .implicit_keep = true};
	r->lim = q->limits ? *q->limits : sieve_limits_default;
}

void sieve_run_end(struct run *r)
{
	struct sieve_result *out = r->out;
	out->steps = r->steps;
	if (r->state == RUN_ASKS) {
		out->end = SIEVE_ASKS;
		return;
	}
	out->end = r->state == RUN_FAILED ? SIEVE_FAILED : SIEVE_DONE;
	r->state = RUN_ON;
	if (r->implicit_keep) {
		struct sieve_action keep = {
			.kind = SIEVE_KEEP, .flags = r->flags, .edits = out->nedits};
		r->lim.actions = UINT32_MAX; /* whatever was spent: the letter is kept */
		r->lim.memory = r->lim.steps = UINT64_MAX;
		r->rejected = false;
		sieve_run_store(r, &keep);
	}
	size_t n = 0;
	for (const struct action_made *m = r->first; m; m = m->next)
		n++;
	out->actions = ARENA_ARRAY(r->a, struct sieve_action, n + 1);
	for (const struct action_made *m = r->first; m; m = m->next)
		out->actions[out->nactions++] = m->a;
}

void sieve_run(const struct sieve_input *q, struct arena *a, struct sieve_result *ret)
{
	struct run *r = ARENA_NEW(a, struct run);
	sieve_run_init(r, q, a, ret);
	for (size_t i = 0; i < q->nscripts && run_on(r) && sieve_run_keeps(r); i++)
		sieve_run_script(r, q->scripts[i]);
	sieve_run_end(r);
}
