/*
 * `posthouse digest preview`: what a digest would say now, as text or HTML. Without links: those are made by the queue
 * process alone, whose word the keys process takes.
 */
#include "bin/cli_digest.h"

#include "base/mem.h"
#include "bin/cli_words.h"
#include "bin/filter_conf.h"
#include "codec/signal.h"
#include "store/quarantine.h"
#include <stdio.h>

const struct cli_option digest_preview_options[] = {
	{"html", NULL, "the HTML part", "显示 HTML 部分"}, {NULL, NULL, NULL, NULL}};

struct preview {
	struct arena *a;
	struct digest_row v[DIGEST_ROWS_MAX + 1];
	double p[DIGEST_ROWS_MAX + 1];
	size_t n, most;
	bool chinese;
	struct signal_words words;
};

static unsigned reasons(struct preview *k, slice signals, slice ret[DIGEST_REASONS_MAX])
{
	slice name, detail;
	double score;
	unsigned n = 0;
	while (n < DIGEST_REASONS_MAX && signals_next(&signals, &name, &score, &detail)) {
		const struct signal_def *d = score > 0 ? signal_words_def(&k->words, name) : NULL;
		if (d)
			ret[n++] = arena_dup(k->a, slice_z(k->chinese ? d->zh : d->en));
	}
	return n;
}

/* The likeliest mistakes first, those of several patterns among each other. */
static bool take_row(void *arg, const struct quarantine_row *r)
{
	struct preview *k = arg;
	size_t at = k->n;
	while (at > 0 && k->p[at - 1] > r->probability)
		at--;
	if (at == k->most)
		return false;
	if (k->n == k->most)
		k->n--;
	memmove(&k->v[at + 1], &k->v[at], (k->n - at) * sizeof *k->v);
	memmove(&k->p[at + 1], &k->p[at], (k->n - at) * sizeof *k->p);
	k->n++;
	k->p[at] = r->probability;
	struct digest_row *w = &k->v[at];
	*w = (struct digest_row){.from = arena_dup(k->a, r->from),
		.sender = arena_dup(k->a, r->sender),
		.subject = arena_dup(k->a, r->subject),
		.rcpt = arena_dup(k->a, r->rcpt),
		.held_at = r->held_at,
		.size = r->size,
		.class_text = slice_z(quarantine_class_text(r->class, k->chinese))};
	w->nreasons = reasons(k, r->signals, w->reasons);
	return true;
}

static int list_pattern(
	struct sql *db, slice pattern, struct preview *k, uint64_t *total, struct err *e)
{
	const struct quarantine_filter f = {
		.rcpt = slice_starts(pattern, S("@")) ? slice_skip(pattern, 1) : pattern,
		.kind = QUARANTINE_HELD,
		.class = -1,
		.state = QUARANTINE_WAITS,
		.direction = -1};
	const struct quarantine_order o = {.likely_mistakes = true};
	uint64_t n = 0;
	if (quarantine_count(db, &f, &n, e) < 0)
		return -1;
	*total += n;
	return quarantine_list(db, &f, &o, k->most, take_row, k, e);
}

static int list_all(
	struct cli_env *env, slice name, struct preview *k, uint64_t *total, struct err *e)
{
	struct sql *db = cli_env_db(env, DB_QUEUE, e);
	struct sql *directory = cli_env_db(env, DB_DIRECTORY, e);
	struct digest_setting s = {0};
	slice rest = name, word;
	if (!db || !directory)
		return -1;
	if (!slice_starts(name, S(DIGEST_GROUP)))
		return list_pattern(db, name, k, total, e);
	if (digest_setting_get(directory, name, &env->mem, &s, e) < 0)
		return -1;
	rest = s.covers;
	while (slice_cut(&rest, ' ', &word))
		if (word.n && list_pattern(db, word, k, total, e) < 0)
			return -1;
	return 0;
}

static int print(struct cli_call *c, struct cli_env *env, slice name, const struct digest_plan *p,
	struct preview *k, uint64_t total)
{
	AUTO(zones) struct zones zones = {0};
	bool group = slice_starts(name, S(DIGEST_GROUP));
	const struct digest_facts f = {.chinese = p->chinese,
		.zone = zones_get(&zones, p->zone, NULL),
		.hostname = env->config.hostname,
		.name = group ? slice_skip(name, strlen(DIGEST_GROUP)) : name,
		.group = group,
		.rows = k->v,
		.nrows = k->n,
		.total = total,
		.now = wall_now()};
	struct notice_letter letter;
	struct err e;
	if (digest_write(&f, &env->mem, &letter, &e) < 0)
		return out_fail(&e);
	slice text = cli_flag(c, "html") ? letter.html : letter.text;
	fwrite(text.p, 1, text.n, stdout);
	return k->n ? CLI_OK : CLI_NOTHING;
}

int digest_cli_preview(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	struct digest_plan p;
	struct err e;
	slice name;
	uint64_t total = 0;
	int code;
	if ((code = digest_cli_name(&env.mem, cli_arg(c, 0), &name)) != CLI_OK ||
		cli_env_open(c->cli, &env, &code) < 0)
		return code;
	if (digest_cli_plan(&env, name, &p, &e) < 0)
		return out_fail(&e);
	struct preview *k = ARENA_NEW(&env.mem, struct preview);
	k->a = &env.mem;
	k->most = (size_t)env.config.digest->rows;
	k->chinese = p.chinese;
	k->words.dir = env.config.filter->rules;
	k->words.data = env.config.server->data;
	if (list_all(&env, name, k, &total, &e) < 0)
		code = out_fail(&e);
	else
		code = print(c, &env, name, &p, k, total);
	signal_words_done(&k->words);
	return code;
}
