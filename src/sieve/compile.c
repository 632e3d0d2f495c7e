/*
 * Compiling a script: reading, checking, and what is said about mistakes (sieve.h). Called where scripts are stored, and before they
 * run.
 */
#include "base/utf8.h"
#include "sieve/impl.h"

static void say(struct check *c, struct place at, slice en, slice zh, bool warning)
{
	struct sieve_mistakes *out = c->out;
	if (out->n == SIEVE_MISTAKES_MAX)
		return;
	if (!out->v)
		out->v = ARENA_ARRAY(c->a, struct sieve_mistake, SIEVE_MISTAKES_MAX);
	out->v[out->n++] = (struct sieve_mistake){.script = c->source->name,
		.line = at.line,
		.column = at.column,
		.warning = warning,
		.en = en,
		.zh = zh};
}

void sieve_mistake(struct check *c, struct place at, slice en, slice zh)
{
	c->nerrors++;
	say(c, at, en, zh, false);
}

void sieve_warning(struct check *c, struct place at, slice en, slice zh)
{
	say(c, at, en, zh, true);
}

/* Where the first broken byte is. */
static struct place place_of_broken(slice text)
{
	struct place at = {1, 1};
	for (slice s = text; s.n;) {
		uint32_t cp;
		slice before = s;
		utf8_next(&s, &cp);
		if (cp == UTF8_REPLACEMENT && !slice_starts(before, S("\xef\xbf\xbd")))
			break;
		at = cp == '\n' ? (struct place){at.line + 1, 1}
				: (struct place){at.line, at.column + 1};
	}
	return at;
}

static bool check_text(struct check *c, slice text, size_t most)
{
	if (text.n > most) {
		sieve_mistake(c, (struct place){0, 0},
			SAY(c, "the script is longer than %zu bytes", most),
			SAY(c, "脚本超过 %zu 字节", most));
		return false;
	}
	if (!utf8_valid(text)) {
		sieve_mistake(c, place_of_broken(text), S("this is not valid UTF-8"),
			S("此处不是有效的 UTF-8"));
		return false;
	}
	return true;
}

const struct sieve_script *sieve_compile_with(const struct sieve_source *s, size_t most,
	const struct extra *x, struct arena *a, struct sieve_mistakes *ret)
{
	*ret = (struct sieve_mistakes){0};
	struct sieve_script *script = ARENA_NEW(a, struct sieve_script);
	struct sieve_source own = *s; /* names of commands are borrowed from it */
	struct check c = {.a = a, .source = &own, .out = ret, .script = script, .extra = x};
	script->name = own.name = arena_dup(a, s->name);
	script->global = s->global;
	if (!check_text(&c, s->text, most ? most : SIEVE_SCRIPT_MAX))
		return NULL;
	own.text = arena_dup(a, s->text);
	c.exts = EXT_BIT(EXT_OCTET) | EXT_BIT(EXT_CASEMAP);
	script->first = sieve_parse(&c);
	if (c.nerrors)
		return NULL;
	sieve_check(&c, script->first);
	script->exts = c.exts;
	return c.nerrors ? NULL : script;
}

const struct sieve_script *sieve_compile(
	const struct sieve_source *s, size_t most, struct arena *a, struct sieve_mistakes *ret)
{
	return sieve_compile_with(s, most, NULL, a, ret);
}

const struct sieve_include *sieve_includes(const struct sieve_script *s, size_t *ret_n)
{
	*ret_n = s->nincludes;
	return s->includes;
}
