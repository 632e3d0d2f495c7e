/*
 * imap4flags (RFC 5232): setflag, addflag, removeflag, hasflag, and :flags of keep and fileinto. Flags are kept as one string,
 * "\Seen $Work", each once; what can be no flag is left out (section 2: implementations may ignore it).
 */
#include "sieve/impl.h"

enum { FLAG_MAX = 64, FLAGS_MAX = 100 };

static bool is_system(slice f)
{
	static const slice known[] = {S_INIT("\\Seen"), S_INIT("\\Answered"), S_INIT("\\Flagged"),
		S_INIT("\\Deleted"), S_INIT("\\Draft")};
	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (slice_ieq(f, known[i]))
			return true;
	return false;
}

/* An atom of IMAP (RFC 9051 flag-keyword), or a flag that has a meaning. */
static bool is_flag(slice f)
{
	if (f.n == 0 || f.n > FLAG_MAX)
		return false;
	if (f.p[0] == '\\')
		return is_system(f);
	for (size_t i = 0; i < f.n; i++)
		if ((unsigned char)f.p[i] <= ' ' || (unsigned char)f.p[i] >= 0x7f ||
			strchr("(){%*\"\\]", f.p[i]))
			return false;
	return true;
}

static bool next_flag(slice *s, slice *ret)
{
	while (s->n && strchr(" \t\r\n", s->p[0]) && s->p[0])
		*s = slice_skip(*s, 1);
	size_t n = 0;
	while (n < s->n && !(s->p[n] && strchr(" \t\r\n", s->p[n])))
		n++;
	*ret = slice_first(*s, n);
	*s = slice_skip(*s, n);
	return n > 0;
}

static bool has(slice flags, slice one)
{
	slice f;
	while (next_flag(&flags, &f))
		if (slice_ieq(f, one))
			return true;
	return false;
}

/* Adds or takes away what the strings name. */
static slice change(struct run *r, slice flags, const slice *v, size_t n, bool take)
{
	struct buf out = BUF(FLAGS_MAX * (FLAG_MAX + 1));
	slice f, all = flags;
	unsigned count = 0;
	while (next_flag(&all, &f)) {
		bool gone = false;
		for (size_t i = 0; take && i < n && !gone && sieve_run_look(r, v[i].n + 16); i++)
			gone = has(v[i], f);
		if (!gone && is_flag(f) && count++ < FLAGS_MAX)
			buf_printf(&out, "%s%.*s", out.n ? " " : "", SFMT(f));
	}
	for (size_t i = 0; !take && i < n; i++)
		for (slice s = v[i]; next_flag(&s, &f) && sieve_run_look(r, out.n + 16);)
			if (is_flag(f) && !has(buf_slice(&out), f) && count++ < FLAGS_MAX)
				buf_printf(&out, "%s%.*s", out.n ? " " : "", SFMT(f));
	return sieve_run_keep(r, &out);
}

slice sieve_run_flags(struct run *r, const struct node *n)
{
	bool there;
	size_t count;
	const struct arg *a = sieve_node_tag(n, TAG_FLAGS, &there);
	if (!there)
		return r->flags;
	slice *v = sieve_run_strings(r, a, &count);
	return change(r, (slice){0}, v, count, false);
}

/* Variables by name: their indexes, in n->data. */
static bool check_variables(struct check *c, struct node *n)
{
	const struct arg *a = n->pos[0];
	if (!a)
		return true;
	if (!(c->exts & EXT_BIT(EXT_VARIABLES))) {
		sieve_mistake(c, a->at, S("flags in a variable need `require \"variables\"` first"),
			S("变量中的标志需要先写 require \"variables\""));
		return false;
	}
	unsigned *v = ARENA_ARRAY(c->a, unsigned, a->n + 1);
	for (size_t i = 0; i < a->n; i++) {
		uint64_t number;
		slice name = a->v[i].plain;
		if (a->v[i].n || !sieve_variable_name(name) || slice_u64(name, &number)) {
			sieve_mistake(c, a->at,
				SAY(c, "'%.*s' is no name of a variable", SFMT(name)),
				SAY(c, "“%.*s”不是变量名", SFMT(name)));
			return false;
		}
		v[i] = sieve_variable(c, name);
	}
	n->data = v;
	return true;
}

static slice value_of(const struct run *r, unsigned var)
{
	const struct var *v = r->frame->slots[var];
	return v ? v->value : (slice){0};
}

static void run_change(struct run *r, const struct node *n)
{
	size_t count;
	const unsigned *var = n->data;
	slice *v = sieve_run_strings(r, n->pos[1], &count);
	bool set = slice_ieq(n->name, S("setflag")), take = slice_ieq(n->name, S("removeflag"));
	slice before = set ? (slice){0} : var ? value_of(r, *var) : r->flags;
	slice after = change(r, before, v, count, take);
	if (!run_on(r))
		return;
	if (var)
		sieve_run_set(r, *var, after);
	else
		r->flags = after;
}

/* Keys are flags, too: each alone (section 4). */
static void split_keys(struct matching *m)
{
	size_t n = 0, room = 0;
	slice f;
	for (size_t i = 0; i < m->nkeys; i++)
		room += m->keys[i].n / 2 + 1;
	slice *v = sieve_run_alloc(m->r, room * sizeof *v);
	for (size_t i = 0; i < m->nkeys; i++)
		for (slice s = m->keys[i]; next_flag(&s, &f);)
			v[n++] = f;
	m->keys = v;
	m->nkeys = n;
}

static bool holds_hasflag(struct run *r, const struct node *n)
{
	struct matching m;
	slice f;
	bool enough = false;
	const unsigned *var = n->data;
	size_t count = n->pos[0] ? n->pos[0]->n : 1;
	sieve_match_begin(&m, r, n, n->pos[1]);
	if (n->match.type == MATCH_IS || n->match.type == MATCH_CONTAINS)
		split_keys(&m);
	for (size_t i = 0; i < count && !enough; i++)
		for (slice s = n->pos[0] ? value_of(r, var[i]) : r->flags;
			!enough && next_flag(&s, &f);)
			enough = sieve_match_value(&m, f);
	return sieve_match_end(&m);
}

#define CHANGE(word)                                                                               \
	{                                                                                          \
		.name = S_INIT(word), .ext = EXT_IMAP4FLAGS,                                       \
		.params = {{'s', true, "variable", "变量"}, {'S', false, "flags", "标志"}},        \
		.check = check_variables, .run = run_change                                        \
	}

const struct word sieve_words_flags[] = {
	CHANGE("setflag"),
	CHANGE("addflag"),
	CHANGE("removeflag"),
	{.name = S_INIT("hasflag"),
		.ext = EXT_IMAP4FLAGS,
		.test = true,
		.takes = TAKES_MATCH,
		.params = {{'S', true, "variables", "变量"}, {'S', false, "flags", "标志"}},
		.check = check_variables,
		.holds = holds_hasflag},
	{.name = {0}},
};
