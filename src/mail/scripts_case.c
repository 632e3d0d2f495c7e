/*
 * Running the scripts that have a say in a letter (scripts_case.h): called in scan processes, by `posthouse sieve test`, by unit
 * tests. What becomes of the actions is local delivery's (local_scripts.c).
 */
#include "mail/scripts_case.h"

#include "base/mem.h"
#include "codec/header.h"
#include "codec/summary.h"

/* The scripts that compile, up to the first that does not: then *ret_bad. */
static size_t compile_all(const struct script *v, size_t n, struct arena *a,
	const struct sieve_script ***ret, const struct sieve_mistake **ret_bad)
{
	const struct sieve_script **made = ARENA_ARRAY(a, const struct sieve_script *, n + 1);
	*ret = made;
	for (size_t i = 0; i < n; i++) {
		struct sieve_mistakes why = {0};
		const struct sieve_source source = {
			.name = v[i].name, .text = v[i].text, .global = !v[i].account_id};
		made[i] = sieve_compile(&source, SCRIPT_TEXT_MAX, a, &why);
		if (made[i])
			continue;
		size_t k = 0;
		while (k + 1 < why.n && why.v[k].warning)
			k++;
		*ret_bad = why.n ? &why.v[k] : NULL;
		return i;
	}
	return n;
}

/* What cannot be compiled is not there: `include` says so. */
static size_t compile_included(
	const struct script_set *set, struct arena *a, const struct sieve_script ***ret)
{
	const struct sieve_script **made =
		ARENA_ARRAY(a, const struct sieve_script *, set->nincluded + 1);
	size_t n = 0;
	for (size_t i = 0; i < set->nincluded; i++) {
		const struct script *s = &set->included[i];
		struct sieve_mistakes why = {0};
		const struct sieve_source source = {
			.name = s->name, .text = s->text, .global = !s->account_id};
		made[n] = sieve_compile(&source, SCRIPT_TEXT_MAX, a, &why);
		n += made[n] != NULL;
	}
	*ret = made;
	return n;
}

static bool is_kept(const struct sieve_result *r)
{
	for (size_t i = 0; i < r->nactions; i++)
		if (r->actions[i].kind == SIEVE_KEEP)
			return true;
	return false;
}

/* A script of that name: the account's first. */
static bool is_systems(const struct script_set *set, slice name)
{
	bool system = false;
	for (size_t i = 0; i < set->nrun + set->nincluded; i++) {
		const struct script *s =
			i < set->nrun ? &set->run[i] : &set->included[i - set->nrun];
		if (!slice_eq(s->name, name))
			continue;
		if (s->account_id)
			return false;
		system = true;
	}
	return system;
}

/* ---- versions of the letter ---- */

static struct scripts_letter *letter_of(struct scripts_verdict *v, size_t edits)
{
	for (size_t i = 0; i < v->nletters; i++)
		if (v->letters[i].edits == edits)
			return &v->letters[i];
	return NULL;
}

static slice summarize(slice header, slice body, struct arena *a)
{
	AUTO(buf) struct buf whole = BUF(header.n + body.n), summary = BUF(SUMMARY_MAX);
	struct mime m;
	buf_put(&whole, header);
	buf_put(&whole, body);
	mime_parse(buf_slice(&whole), &mime_limits_default, a, &m);
	summary_build(buf_slice(&whole), 0, &m, true, &summary);
	return buf_ok(&summary) ? arena_dup(a, buf_slice(&summary)) : S("");
}

/* Delivery puts its own fields before each version of the letter: those that it had put before this one go. */
static slice without_delivery(slice header, slice recipient, struct arena *a)
{
	AUTO(buf) struct buf out = BUF(header.n + 2);
	struct header_field f;
	slice rest = header;
	bool path = false, to = false;
	while (header_next(&rest, &f)) {
		bool is_path = !path && slice_ieq(f.name, S("Return-Path"));
		bool is_to = !to && slice_ieq(f.name, S("Delivered-To")) &&
			     slice_ieq(slice_trim(f.value), recipient);
		if (!is_path && !is_to)
			buf_put(&out, f.raw);
		path |= is_path;
		to |= is_to;
	}
	buf_put(&out, S("\r\n"));
	return arena_dup(a, buf_slice(&out));
}

static void edit(const struct scripts_case *c, slice message, const struct sieve_result *r,
	size_t edits, struct arena *a, struct scripts_letter *ret)
{
	slice body;
	*ret = (struct scripts_letter){.edits = edits};
	sieve_edited(message, r->edits, edits, a, &ret->header, &body);
	ret->header = without_delivery(ret->header, c->input.recipient, a);
	bool own = body.p >= message.p && body.p + body.n == message.p + message.n;
	if (own || !body.n) {
		ret->from = body.n ? (uint64_t)(body.p - message.p) : message.n;
	} else {
		ret->whole = true;
		ret->body = body;
	}
	ret->summary = summarize(ret->header, body, a);
}

static bool has_letter(enum sieve_action_kind kind)
{
	return kind == SIEVE_KEEP || kind == SIEVE_FILEINTO || kind == SIEVE_REDIRECT;
}

static void make_letters(const struct scripts_case *c, slice message, const struct sieve_result *r,
	struct arena *a, struct scripts_verdict *v)
{
	v->letters = ARENA_ARRAY(a, struct scripts_letter, SCRIPTS_LETTERS_MAX);
	for (size_t i = 0; i < v->nactions; i++) {
		struct sieve_action *act = &v->actions[i];
		if (!has_letter(act->kind) || !act->edits || letter_of(v, act->edits))
			continue;
		if (v->nletters == SCRIPTS_LETTERS_MAX)
			act->edits = v->letters[v->nletters - 1].edits;
		else
			edit(c, message, r, act->edits, a, &v->letters[v->nletters++]);
	}
}

/* ---- the run ---- */

void scripts_case_run(
	const struct scripts_case *c, slice message, struct arena *a, struct scripts_verdict *ret)
{
	struct sieve_input q = c->input;
	struct sieve_result r = {0};
	const struct sieve_script **run, **included;
	const struct sieve_mistake *bad = NULL;
	q.message = message;
	q.nscripts = compile_all(c->set->run, c->set->nrun, a, &run, &bad);
	q.scripts = run;
	q.nincluded = compile_included(c->set, a, &included);
	q.included = included;
	sieve_run(&q, a, &r);
	/* It would have been its turn now. */
	if (q.nscripts < c->set->nrun && r.end == SIEVE_DONE && is_kept(&r)) {
		r.end = SIEVE_FAILED;
		r.mistake =
			bad ? *bad
			    : (struct sieve_mistake){.en = S("it cannot be understood any more"),
				      .zh = S("脚本已无法解析")};
		r.mistake.script = c->set->run[q.nscripts].name;
	}
	*ret = (struct scripts_verdict){.end = r.end,
		.actions = r.actions,
		.nactions = r.nactions,
		.questions = r.questions,
		.nquestions = r.nquestions,
		.mistake = r.mistake,
		.warnings = r.warnings,
		.steps = r.steps};
	ret->mistake_system = r.end == SIEVE_FAILED && is_systems(c->set, r.mistake.script);
	if (r.end != SIEVE_ASKS)
		make_letters(c, message, &r, a, ret);
}
