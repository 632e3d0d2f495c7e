/*
 * The configuration engine: matches what conf_read.c found against the modules' tables, fills their
 * structs, and collects every mistake with its place and a sentence that helps. Called by the
 * command line (check, show) and by each role when it starts or reloads. Reads only; writing a
 * configuration back is conf_print.c.
 */
#include "run/conf.h"
#include "base/mem.h"
#include "base/must.h"
#include "run/conf_internal.h"

#include <stdio.h>
#include <stdlib.h>

struct conf_check {
	struct conf_report *report;
	const struct conf_section *section;
	struct conf_instance *instance;
};

/* ---- mistakes ---- */

static slice place_and_text(struct conf_report *r, struct conf_place at, slice text)
{
	if (at.line == 0 && at.file.n == 0)
		return text;
	return arena_printf(r->a, "%.*s:%u: %.*s", SFMT(at.file), at.line, SFMT(text));
}

void conf_mistake_at(struct conf_report *r, struct conf_place at, const char *format, va_list ap)
{
	char text[700];
	if (r->list.n == CONF_ERRORS_MAX)
		return;
	int n = vsnprintf(text, sizeof text, format, ap);
	slice s = slice_of(text, n < (int)sizeof text ? (size_t)n : sizeof text - 1);
	if (r->list.n == r->cap) {
		slice *old = r->list.v;
		r->cap = r->cap ? r->cap * 2 : 8;
		r->list.v = ARENA_ARRAY(r->a, slice, r->cap);
		if (r->list.n)
			memcpy(r->list.v, old, r->list.n * sizeof *old);
	}
	r->list.v[r->list.n++] = place_and_text(r, at, s);
}

void conf_mistake(struct conf_report *r, struct conf_place at, const char *en, const char *zh, ...)
{
	va_list ap;
	va_start(ap, zh);
	conf_mistake_at(r, at, r->lang == CONF_ZH ? zh : en, ap);
	va_end(ap);
}

/* Edits that turn a into b; names longer than 64 are as far as can be. */
static unsigned distance(slice a, slice b)
{
	unsigned row[65];
	if (a.n > 64 || b.n > 64)
		return 100;
	for (unsigned j = 0; j <= b.n; j++)
		row[j] = j;
	for (unsigned i = 1; i <= a.n; i++) {
		unsigned diagonal = row[0];
		row[0] = i;
		for (unsigned j = 1; j <= b.n; j++) {
			unsigned best = diagonal + (a.p[i - 1] != b.p[j - 1]);
			diagonal = row[j];
			best = best < row[j] + 1 ? best : row[j] + 1;
			row[j] = best < row[j - 1] + 1 ? best : row[j - 1] + 1;
		}
	}
	return row[b.n];
}

/* The nearest of the names offered one by one; or a list of all when none is near. */
struct nearest {
	slice wanted;
	const char *best;
	unsigned best_distance;
	char all[400];
	size_t n;
};

static void offer(struct nearest *near, const char *name)
{
	unsigned d = distance(near->wanted, slice_z(name));
	if (!near->best || d < near->best_distance) {
		near->best = name;
		near->best_distance = d;
	}
	size_t len = strlen(name);
	if (near->n + len + 6 < sizeof near->all)
		near->n += (size_t)snprintf(near->all + near->n, sizeof near->all - near->n, "%s%s",
			near->n ? ", " : "", name);
	else if (near->n && near->all[near->n - 1] != '.')
		near->n +=
			(size_t)snprintf(near->all + near->n, sizeof near->all - near->n, " ...");
}

static bool is_near(const struct nearest *near)
{
	return near->best && near->best_distance <= 1 + near->wanted.n / 4;
}

/* ---- instances ---- */

static size_t count_keys(const struct conf_section *s)
{
	size_t n = 0;
	while (s->keys[n].key)
		n++;
	return n;
}

static struct conf_instance *add_instance(
	struct conf *c, struct conf_table *t, slice name, struct conf_place at)
{
	struct conf_why why;
	size_t nkeys = count_keys(t->section);
	if (t->n == t->cap) {
		struct conf_instance *old = t->v;
		t->cap = t->cap ? t->cap * 2 : 1;
		t->v = ARENA_ARRAY(&c->a, struct conf_instance, t->cap);
		if (t->n)
			memcpy(t->v, old, t->n * sizeof *old);
	}
	struct conf_instance *i = &t->v[t->n++];
	*i = (struct conf_instance){.name = arena_dup(&c->a, name),
		.value = arena_alloc(&c->a, t->section->size),
		.at = at,
		.where = ARENA_ARRAY(&c->a, struct conf_place, nkeys)};
	for (size_t k = 0; k < nkeys; k++) {
		const struct conf_key *key = &t->section->keys[k];
		must(conf_value_parse(key, slice_z(key->def), i->value + key->offset, &c->a, &why));
	}
	return i;
}

static struct conf *conf_new(const struct conf_section *const *sections)
{
	struct conf *c = NEW(struct conf);
	while (sections[c->ntables])
		c->ntables++;
	c->tables = ARENA_ARRAY(&c->a, struct conf_table, c->ntables);
	for (size_t i = 0; i < c->ntables; i++) {
		c->tables[i].section = sections[i];
		if (!sections[i]->named)
			add_instance(c, &c->tables[i], (slice){0}, (struct conf_place){0});
	}
	return c;
}

void conf_free(struct conf *c)
{
	if (!c)
		return;
	arena_done(&c->a);
	free(c);
}

/* A name may stand for two: a plain section, and named ones that refine it. */
static struct conf_table *find_table(const struct conf *c, slice name, bool named)
{
	struct conf_table *other = NULL;
	for (size_t i = 0; i < c->ntables; i++) {
		if (!slice_eq(slice_z(c->tables[i].section->name), name))
			continue;
		if (c->tables[i].section->named == named)
			return &c->tables[i];
		other = &c->tables[i];
	}
	return other;
}

static struct conf_instance *find_instance(const struct conf_table *t, slice name)
{
	for (size_t i = 0; i < t->n; i++)
		if (slice_eq(t->v[i].name, name))
			return &t->v[i];
	return NULL;
}

/* ---- filling in ---- */

/* Where the keys that follow belong. NULL instance: a section that was in error; say nothing more.
 */
struct filling {
	struct conf *c;
	struct conf_report *r;
	struct conf_table *table;
	struct conf_instance *instance;
	bool seen_section;
	bool once; /* each named section stands there once: their order means something */
};

static void unknown_section(struct filling *f, const struct conf_item *item)
{
	struct nearest near = {.wanted = item->name};
	for (size_t i = 0; i < f->c->ntables; i++)
		offer(&near, f->c->tables[i].section->name);
	if (is_near(&near))
		conf_mistake(f->r, item->at, "unknown section [%.*s]; did you mean [%s]?",
			"未知的段 [%.*s]；是否应为 [%s]？", SFMT(item->name), near.best);
	else
		conf_mistake(f->r, item->at, "unknown section [%.*s]; the sections are: %s",
			"未知的段 [%.*s]；可用的段有：%s", SFMT(item->name), near.all);
}

static bool section_fits(struct filling *f, const struct conf_item *item)
{
	const char *name = f->table->section->name;
	if (f->table->section->named && !item->has_instance)
		conf_mistake(f->r, item->at, "[%s] needs a name, like [%s \"main\"]",
			"[%s] 需要名称，例如 [%s \"main\"]", name, name);
	else if (!f->table->section->named && item->has_instance)
		conf_mistake(f->r, item->at, "[%s] takes no name", "[%s] 不带名称", name);
	else if (f->table->n >= CONF_INSTANCES_MAX)
		conf_mistake(f->r, item->at, "more than %d sections [%s]", "超过 %d 个 [%s] 段",
			CONF_INSTANCES_MAX, name);
	else
		return true;
	return false;
}

static bool is_again(struct filling *f, const struct conf_item *item)
{
	if (!f->once || !f->instance || !f->table->section->named)
		return false;
	conf_mistake(f->r, item->at, "[%s \"%.*s\"] is there already, in line %u",
		"[%s \"%.*s\"] 已在第 %u 行出现", f->table->section->name, SFMT(item->instance),
		f->instance->at.line);
	return true;
}

static void enter_section(struct filling *f, const struct conf_item *item)
{
	f->seen_section = true;
	f->instance = NULL;
	f->table = find_table(f->c, item->name, item->has_instance);
	if (f->table)
		f->instance = find_instance(f->table, item->instance);
	if (item->resumed)
		return;
	if (!f->table) {
		unknown_section(f, item);
		return;
	}
	if (!section_fits(f, item) || is_again(f, item)) {
		f->instance = NULL;
		return;
	}
	if (!f->instance)
		f->instance = add_instance(f->c, f->table, item->instance, item->at);
	if (f->instance->at.line == 0)
		f->instance->at = item->at;
}

static void unknown_key(struct filling *f, const struct conf_item *item)
{
	const struct conf_section *s = f->table->section;
	struct nearest near = {.wanted = item->name};
	for (const struct conf_key *k = s->keys; k->key; k++)
		offer(&near, k->key);
	if (is_near(&near))
		conf_mistake(f->r, item->at, "unknown key '%.*s' in [%s]; did you mean '%s'?",
			"未知的键“%.*s”（段 [%s]）；是否应为“%s”？", SFMT(item->name), s->name,
			near.best);
	else
		conf_mistake(f->r, item->at, "unknown key '%.*s' in [%s]; its keys are: %s",
			"未知的键“%.*s”（段 [%s]）；可用的键有：%s", SFMT(item->name), s->name,
			near.all);
}

static void bad_value(struct filling *f, const struct conf_item *item, const struct conf_key *k,
	const struct conf_why *why)
{
	slice shown = k->type == CONF_SECRET ? S("***") : slice_first(item->value, 80);
	const char *dots = item->value.n > 80 && k->type != CONF_SECRET ? "..." : "";
	const char *text = f->r->lang == CONF_ZH ? why->zh : why->en;
	conf_mistake(f->r, item->at, "%s: '%.*s%s' %s", "%s：“%.*s%s” %s", k->key, SFMT(shown),
		dots, text);
}

static void set_key(struct filling *f, const struct conf_item *item)
{
	const struct conf_key *keys = f->table->section->keys, *k = keys;
	struct conf_why why;
	while (k->key && !slice_eq(slice_z(k->key), item->name))
		k++;
	if (!k->key) {
		f->instance->broken = true;
		unknown_key(f, item);
		return;
	}
	struct conf_place *before = &f->instance->where[k - keys];
	if (before->line) {
		f->instance->broken = true;
		conf_mistake(f->r, item->at, "'%s' is set twice in [%s]; the first is at %.*s:%u",
			"“%s”在 [%s] 中重复设置；第一次在 %.*s:%u", k->key, f->table->section->name,
			SFMT(before->file), before->line);
		return;
	}
	*before = item->at;
	if (!conf_value_parse(k, item->value, f->instance->value + k->offset, &f->c->a, &why)) {
		f->instance->broken = true;
		bad_value(f, item, k, &why);
	}
}

static void fill(struct conf *c, struct conf_report *r, const struct conf_items *items, bool once)
{
	struct filling f = {.c = c, .r = r, .once = once};
	for (size_t i = 0; i < items->n; i++) {
		const struct conf_item *item = &items->v[i];
		if (item->is_section)
			enter_section(&f, item);
		else if (!f.seen_section)
			conf_mistake(r, item->at, "'%.*s' stands before the first [section]",
				"“%.*s”出现在第一个 [段] 之前", SFMT(item->name));
		else if (f.instance)
			set_key(&f, item);
	}
}

/* ---- rules between keys ---- */

void conf_complain(struct conf_check *c, const char *key, const char *en, const char *zh)
{
	const struct conf_key *keys = c->section->keys;
	struct conf_place at = c->instance->at;
	const char *text = c->report->lang == CONF_ZH ? zh : en;
	size_t k = 0;
	if (!key) { /* about all of it */
		conf_mistake(c->report, at, "[%s]: %s", "[%s]：%s", c->section->name, text);
		return;
	}
	while (keys[k].key && strcmp(keys[k].key, key) != 0)
		k++;
	must(keys[k].key != NULL);
	if (c->instance->where[k].line)
		at = c->instance->where[k];
	conf_mistake(c->report, at, "[%s] %s: %s", "[%s] %s：%s", c->section->name, key, text);
}

static void check_all(struct conf *c, struct conf_report *r)
{
	for (size_t t = 0; t < c->ntables; t++) {
		struct conf_table *table = &c->tables[t];
		for (size_t i = 0; i < table->n; i++) {
			struct conf_check check = {r, table->section, &table->v[i]};
			if (table->section->check && !table->v[i].broken)
				table->section->check(table->v[i].value, table->v[i].name, &check);
		}
	}
}

static int hand_out(struct conf *c, struct conf_report *r, struct conf **ret,
	struct conf_errors *ret_errors, struct err *e)
{
	if (ret_errors)
		*ret_errors = r->list;
	if (r->list.n) {
		conf_free(c);
		return err_set(e, ERR_PERM, "%.*s", SFMT(r->list.v[0]));
	}
	*ret = c;
	return 0;
}

static int finish(struct conf *c, struct conf_report *r, const struct conf_items *items,
	struct conf **ret, struct conf_errors *ret_errors, struct err *e)
{
	fill(c, r, items, false);
	check_all(c, r);
	return hand_out(c, r, ret, ret_errors, e);
}

int conf_load(slice path, const struct conf_section *const *sections, enum conf_lang lang,
	struct arena *a, struct conf **ret, struct conf_errors *ret_errors, struct err *e)
{
	struct conf_report r = {.a = a, .lang = lang};
	struct conf_items items = {0};
	struct conf *c = conf_new(sections);
	if (conf_read_file(path, &c->a, &r, &items, e) < 0) {
		conf_mistake(&r, (struct conf_place){0}, "%s", "%s", e->text);
		if (ret_errors)
			*ret_errors = r.list;
		conf_free(c);
		return -1;
	}
	return finish(c, &r, &items, ret, ret_errors, e);
}

int conf_parse(slice text, slice name, const struct conf_section *const *sections,
	enum conf_lang lang, struct arena *a, struct conf **ret, struct conf_errors *ret_errors,
	struct err *e)
{
	struct conf_report r = {.a = a, .lang = lang};
	struct conf_items items = {0};
	struct conf *c = conf_new(sections);
	conf_read_text(text, name, name.n > 0, &c->a, &r, &items);
	return finish(c, &r, &items, ret, ret_errors, e);
}

int conf_parse_document(slice text, slice name, const struct conf_section *const *sections,
	enum conf_lang lang, struct conf_reviewer *reviewer, struct arena *a, struct conf **ret,
	struct conf_errors *ret_errors, struct err *e)
{
	struct conf_report r = {.a = a, .lang = lang}, warnings = r;
	struct conf_items items = {0};
	struct conf *c = conf_new(sections);
	conf_read_text(text, name, false, &c->a, &r, &items);
	fill(c, &r, &items, true);
	check_all(c, &r);
	struct conf_review review = {c, lang, &r, &warnings};
	reviewer->review(reviewer->arg, &review);
	reviewer->warnings = warnings.list;
	return hand_out(c, &r, ret, ret_errors, e);
}

/* ---- reading it ---- */

static const struct conf_table *table_of(const struct conf *c, const struct conf_section *s)
{
	for (size_t i = 0; i < c->ntables; i++)
		if (c->tables[i].section == s)
			return &c->tables[i];
	must(!"section was not among those loaded");
	return NULL;
}

const void *conf_get(const struct conf *c, const struct conf_section *s)
{
	must(!s->named);
	return table_of(c, s)->v[0].value;
}

size_t conf_count(const struct conf *c, const struct conf_section *s)
{
	return table_of(c, s)->n;
}

const void *conf_nth(const struct conf *c, const struct conf_section *s, size_t i, slice *ret_name)
{
	const struct conf_table *t = table_of(c, s);
	must(i < t->n);
	if (ret_name)
		*ret_name = t->v[i].name;
	return t->v[i].value;
}

const void *conf_named(const struct conf *c, const struct conf_section *s, slice name)
{
	const struct conf_instance *i = find_instance(table_of(c, s), name);
	return i ? i->value : NULL;
}
