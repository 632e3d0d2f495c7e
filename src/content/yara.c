/*
 * YARA rules (yara.h) by libyara. Called in the scan process by files.c for each file, by examine.c for the rest.
 * The library reads hostile bytes: only where there is nothing to steal. No includes, no console.
 */
#include "content/yara.h"

#include "base/arena.h"
#include "base/buf.h"
#include "base/mem.h"
#include "base/time.h"
#include "base/utf8.h"
#include <stdlib.h>
#include <yara.h>

enum { SENTENCE_MAX = 200, NAME_MAX_BYTES = 64, STRINGS_MAX = 20000, SCORE_USUAL = 3 };

struct match {
	const struct signal_def *def;
	slice where; /* in found_mem */
};

struct yara_rules {
	struct arena mem; /* of definitions */
	YR_RULES *rules;
	YR_SCANNER *scanner;
	struct signal_def *defs; /* by the rule's number */
	size_t n;
	/* The letter at hand. */
	struct arena found_mem;
	struct match found[YARA_MATCHES_MAX];
	size_t nfound;
	const struct yara_piece *piece;
	int64_t time_left;
	bool late;
};

/* ---- what a rule says of itself ---- */

struct about {
	const char *class, *en, *zh, *description;
	double score;
	bool scored;
};

static void take_meta(const YR_META *m, struct about *ret)
{
	bool text = m->type == META_TYPE_STRING;
	if (!strcmp(m->identifier, "score")) {
		ret->score = text ? strtod(m->string, NULL) : (double)m->integer;
		ret->scored = true;
	} else if (!text) {
		return;
	} else if (!strcmp(m->identifier, "class")) {
		ret->class = m->string;
	} else if (!strcmp(m->identifier, "en")) {
		ret->en = m->string;
	} else if (!strcmp(m->identifier, "zh")) {
		ret->zh = m->string;
	} else if (!strcmp(m->identifier, "description")) {
		ret->description = m->string;
	}
}

static const char *sentence(
	struct yara_rules *r, const char *own, const char *other, const char *usual)
{
	AUTO(buf) struct buf clean = BUF(4 * SENTENCE_MAX);
	utf8_scrub(&clean, utf8_first(slice_z(own ? own : other ? other : usual), SENTENCE_MAX));
	for (size_t i = 0; i < clean.n; i++)
		if ((unsigned char)clean.p[i] < ' ')
			clean.p[i] = ' ';
	return arena_strz(&r->mem, buf_slice(&clean));
}

static float score_of(const struct about *b)
{
	double s = b->scored                                ? b->score
		   : b->class && !strcmp(b->class, "virus") ? YARA_SCORE_MAX
							    : SCORE_USUAL;
	return s > YARA_SCORE_MAX    ? YARA_SCORE_MAX
	       : s < -YARA_SCORE_MAX ? -YARA_SCORE_MAX
				     : (float)s;
}

static bool is_word(const char *s)
{
	size_t n = strlen(s);
	for (size_t i = 0; i < n; i++)
		if (!((s[i] >= 'a' && s[i] <= 'z') || s[i] == '-'))
			return false;
	return n > 0 && n < 32;
}

static void define(struct yara_rules *r, YR_RULE *rule, struct signal_def *d)
{
	struct about b = {0};
	YR_META *m;
	yr_rule_metas_foreach(rule, m) take_meta(m, &b);
	*d = (struct signal_def){.stage = SIGNAL_CONTENT,
		.score = score_of(&b),
		.name = arena_strz(&r->mem,
			arena_printf(&r->mem, "yara-%.*s",
				SFMT(slice_first(slice_z(rule->identifier), NAME_MAX_BYTES)))),
		.en = sentence(r, b.en, b.description, "a YARA rule recognises it"),
		.zh = sentence(r, b.zh, b.description, "符合一条 YARA 规则"),
		.class =
			b.class && is_word(b.class) ? arena_strz(&r->mem, slice_z(b.class)) : NULL};
}

static void define_all(struct yara_rules *r)
{
	YR_RULE *rule;
	size_t i = 0;
	r->defs = ARENA_ARRAY(&r->mem, struct signal_def, r->rules->num_rules + 1);
	yr_rules_foreach(r->rules, rule) define(r, rule, &r->defs[i++]);
	r->n = i;
}

/* ---- compiling ---- */

struct complaint {
	slice source;
	struct buf text;
};

static void on_error(
	int level, const char *file, int line, const YR_RULE *rule, const char *message, void *arg)
{
	struct complaint *c = arg;
	(void)file, (void)rule;
	if (level == YARA_ERROR_LEVEL_ERROR && !c->text.n)
		buf_printf(&c->text, "%.*s:%d: %.300s", SFMT(c->source), line, message);
}

static const char *const variables[] = {"filename", "extension", "filetype", "where"};

static int open_compiler(YR_COMPILER **ret, struct complaint *c)
{
	YR_COMPILER *y = NULL;
	if (yr_compiler_create(&y) != ERROR_SUCCESS)
		return -1;
	yr_compiler_set_callback(y, on_error, c);
	yr_compiler_set_include_callback(y, NULL, NULL, NULL);
	for (size_t i = 0; i < sizeof variables / sizeof *variables; i++)
		yr_compiler_define_string_variable(y, variables[i], "");
	*ret = y;
	return 0;
}

static int add(YR_COMPILER *y, const struct yara_source *s)
{
	AUTO(free) char *text = mem_dup(s->text.p ? s->text.p : "", s->text.n);
	AUTO(free) char *name = mem_dup(s->name.p ? s->name.p : "", s->name.n);
	return memchr(s->text.p ? s->text.p : "", 0, s->text.n)
		       ? 1
		       : yr_compiler_add_string(y, text, name);
}

/* A compiler that has seen a mistake is of no use any more: each source is tried in one of its own. */
static bool is_good(const struct yara_source *s, struct complaint *c)
{
	YR_COMPILER *y;
	c->source = s->name;
	buf_reset(&c->text);
	if (open_compiler(&y, c) < 0)
		return false;
	int bad = add(y, s);
	yr_compiler_destroy(y);
	if (bad && !c->text.n)
		buf_printf(&c->text, "%.*s: cannot be read", SFMT(s->name));
	return !bad;
}

static int build(YR_COMPILER *y, struct yara_rules *r, struct err *e)
{
	if (yr_compiler_get_rules(y, &r->rules) != ERROR_SUCCESS ||
		yr_scanner_create(r->rules, &r->scanner) != ERROR_SUCCESS)
		return err_set(e, ERR_TEMP, "YARA: out of memory");
	define_all(r);
	return 0;
}

static int on_match(YR_SCAN_CONTEXT *context, int message, void *data, void *arg);

static size_t add_good(YR_COMPILER *y, const struct yara_source *v, size_t n, struct complaint *c,
	void (*broken)(void *arg, slice about), void *arg)
{
	uint64_t total = 0;
	size_t good = 0;
	for (size_t i = 0; i < n; i++) {
		total += v[i].text.n;
		if (total > YARA_TEXT_MAX) {
			buf_reset(&c->text);
			buf_printf(&c->text, "%.*s: more than %d bytes of rules", SFMT(v[i].name),
				YARA_TEXT_MAX);
		} else if (is_good(&v[i], c) && add(y, &v[i]) == 0) {
			good++;
			continue;
		}
		broken(arg, buf_slice(&c->text));
		if (total > YARA_TEXT_MAX)
			break;
	}
	return good;
}

int yara_compile(const struct yara_source *v, size_t n, void (*broken)(void *arg, slice about),
	void *arg, struct yara_rules **ret, struct err *e)
{
	static bool ready;
	uint32_t strings = STRINGS_MAX;
	YR_COMPILER *y;
	struct complaint c = {.text = BUF(YARA_BROKEN_MAX)};
	*ret = NULL;
	if (n == 0)
		return 0;
	if (!ready && yr_initialize() != ERROR_SUCCESS)
		return err_set(e, ERR_TEMP, "YARA cannot be set up");
	ready = true;
	yr_set_configuration(YR_CONFIG_MAX_STRINGS_PER_RULE, &strings);
	if (open_compiler(&y, &c) < 0)
		return err_set(e, ERR_TEMP, "YARA: out of memory");
	size_t good = add_good(y, v, n, &c, broken, arg);
	buf_done(&c.text);
	struct yara_rules *r = good ? NEW(struct yara_rules) : NULL;
	int result = r ? build(y, r, e) : 0;
	yr_compiler_destroy(y);
	if (result < 0) {
		yara_free(r);
		return -1;
	}
	if (r)
		yr_scanner_set_callback(r->scanner, on_match, r);
	*ret = r;
	return 0;
}

void yara_free(struct yara_rules *r)
{
	if (!r)
		return;
	if (r->scanner)
		yr_scanner_destroy(r->scanner);
	if (r->rules)
		yr_rules_destroy(r->rules);
	arena_done(&r->mem);
	arena_done(&r->found_mem);
	free(r);
}

size_t yara_count(const struct yara_rules *r)
{
	return r ? r->n : 0;
}

/* ---- looking ---- */

void yara_begin(struct yara_rules *r, int64_t time)
{
	arena_reset(&r->found_mem);
	r->nfound = 0;
	r->time_left = time;
	r->late = false;
}

static bool is_known(const struct yara_rules *r, const struct signal_def *d)
{
	for (size_t i = 0; i < r->nfound; i++)
		if (r->found[i].def == d)
			return true;
	return false;
}

static int on_match(YR_SCAN_CONTEXT *context, int message, void *data, void *arg)
{
	struct yara_rules *r = arg;
	(void)context;
	if (message != CALLBACK_MSG_RULE_MATCHING)
		return CALLBACK_CONTINUE;
	const YR_RULE *rule = data;
	size_t i = (size_t)(rule - r->rules->rules_table);
	if (i >= r->n || is_known(r, &r->defs[i]))
		return CALLBACK_CONTINUE;
	if (r->nfound == YARA_MATCHES_MAX)
		return CALLBACK_ABORT;
	slice in = r->piece->name.n ? r->piece->name : slice_z(r->piece->where);
	r->found[r->nfound++] = (struct match){&r->defs[i], arena_dup(&r->found_mem, in)};
	return CALLBACK_CONTINUE;
}

static void set_variable(struct yara_rules *r, const char *name, slice value)
{
	AUTO(free) char *z = mem_dup(value.p ? value.p : "", value.n);
	yr_scanner_define_string_variable(r->scanner, name, z);
}

void yara_look(struct yara_rules *r, const struct yara_piece *p)
{
	if (!p->bytes.n || r->late)
		return;
	instant began = instant_now();
	size_t dot = slice_rindex(p->name, '.');
	set_variable(r, "filename", p->name);
	set_variable(r, "extension", slice_skip(p->name, dot));
	set_variable(r, "filetype", p->type);
	set_variable(r, "where", slice_z(p->where));
	r->piece = p;
	yr_scanner_set_flags(r->scanner,
		SCAN_FLAGS_FAST_MODE | SCAN_FLAGS_NO_TRYCATCH | SCAN_FLAGS_REPORT_RULES_MATCHING);
	yr_scanner_set_timeout(r->scanner, (int)(r->time_left / SECOND) + 1);
	int result = yr_scanner_scan_mem(r->scanner, (const uint8_t *)p->bytes.p, p->bytes.n);
	r->time_left -= instant_now() - began;
	r->late = result == ERROR_SCAN_TIMEOUT || r->time_left <= 0;
}

bool yara_end(struct yara_rules *r, struct signals *s)
{
	for (size_t i = 0; i < r->nfound; i++)
		signals_add_def(s, r->found[i].def, r->found[i].def->score, r->found[i].where);
	return !r->late;
}
