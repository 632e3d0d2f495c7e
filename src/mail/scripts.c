/*
 * From what somebody wrote to a script that is stored (scripts.h): compiled, so that mistakes are told at once, with what it includes
 * noted beside it, so that delivery knows what to load. Called by the command line, ManageSieve and pages. What a script does is
 * none of this file's business.
 */
#include "mail/scripts.h"

#include "base/buf.h"
#include "base/mem.h"
#include "sieve/form.h"

enum { LINES_MAX = 64 * 1024 };

/* NULL: it is wrong. */
static const struct sieve_script *compile(slice name, slice text, bool system, size_t most,
	struct arena *a, struct sieve_mistakes *ret)
{
	const struct sieve_source source = {.name = name, .text = text, .global = system};
	*ret = (struct sieve_mistakes){0};
	return sieve_compile(&source, most, a, ret);
}

bool scripts_check(slice name, slice text, bool system, size_t most, struct arena *a,
	struct sieve_mistakes *ret)
{
	return compile(name, text, system, most, a, ret) != NULL;
}

slice scripts_mistakes(const struct sieve_mistakes *m, bool chinese, struct arena *a)
{
	AUTO(buf) struct buf b = BUF(LINES_MAX);
	for (size_t i = 0; i < m->n; i++) {
		const struct sieve_mistake *v = &m->v[i];
		if (v->line)
			buf_printf(&b, "%u:%u: ", v->line, v->column);
		if (v->warning)
			buf_put(&b, chinese ? S("警告：") : S("warning: "));
		buf_put(&b, chinese ? v->zh : v->en);
		buf_byte(&b, '\n');
	}
	return arena_dup(a, buf_slice(&b));
}

static slice includes_of(const struct sieve_script *s, struct arena *a)
{
	AUTO(buf) struct buf b = BUF(LINES_MAX);
	size_t n;
	const struct sieve_include *v = sieve_includes(s, &n);
	for (size_t i = 0; i < n; i++)
		if (slice_index(v[i].name, '\n') == v[i].name.n)
			buf_printf(
				&b, "%s %.*s\n", v[i].global ? "global" : "own", SFMT(v[i].name));
	return arena_dup(a, buf_slice(&b));
}

static slice first_mistake(const struct sieve_mistakes *m, struct arena *a)
{
	for (size_t i = 0; i < m->n; i++)
		if (!m->v[i].warning)
			return arena_printf(a, "line %u: %.*s", m->v[i].line, SFMT(m->v[i].en));
	return S("it cannot be understood");
}

/* What compiling yields is filled in. */
static int prepare(
	struct script *s, bool system, struct arena *a, struct sieve_mistakes *ret, struct err *e)
{
	const struct sieve_script *c = compile(s->name, s->text, system, SCRIPT_TEXT_MAX, a, ret);
	if (!c)
		return err_set(e, ERR_PROTO, "%.*s", SFMT(first_mistake(ret, a)));
	s->includes = includes_of(c, a);
	s->warnings = scripts_mistakes(ret, false, a);
	return 0;
}

int scripts_put(struct sql *db, const struct script *s, bool activate, struct arena *a,
	struct sieve_mistakes *ret, struct err *e)
{
	struct script own = *s;
	*ret = (struct sieve_mistakes){0};
	if (script_name_check(s->name, e) < 0 || prepare(&own, false, a, ret, e) < 0 ||
		script_put(db, &own, e) < 0)
		return -1;
	return activate ? script_activate(db, s->account_id, s->name, s->changed_by, e) : 0;
}

int scripts_put_form(struct sql *db, const struct script *s, bool activate, struct arena *a,
	struct sieve_mistakes *ret, struct err *e)
{
	struct script made = *s;
	if (!sieve_form_compile(s->form, a, &made.text, ret))
		return err_set(e, ERR_PROTO, "%.*s", SFMT(ret->v[0].en));
	return scripts_put(db, &made, activate, a, ret, e);
}

int scripts_put_system(struct sql *db, const struct script *s, struct arena *a,
	struct sieve_mistakes *ret, struct err *e)
{
	struct script own = *s;
	*ret = (struct sieve_mistakes){0};
	if (script_name_check(s->name, e) < 0 || prepare(&own, true, a, ret, e) < 0)
		return -1;
	return script_system_put(db, &own, e);
}
