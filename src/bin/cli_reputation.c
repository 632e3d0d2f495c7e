/* `posthouse reputation`: what is remembered of senders, in words; forgetting it; taking it along.
 */
#include "bin/cli_verbs.h"

#include "base/mem.h"
#include "base/time.h"
#include "defence/reputation.h"

#include <math.h>
#include <stdio.h>

enum { SHOWN = 50, SHOWN_MAX = 100000 };

static struct kv *open_kv(struct cli_call *c, struct cli_env *env, int *ret_code)
{
	if (cli_env_open(c->cli, env, ret_code) < 0)
		return NULL;
	struct kv *kv = kv_open(env->config.server->data, (uint64_t)env->config.kv->size);
	if (kv_works(kv))
		return kv;
	kv_close(kv);
	fprintf(stderr, "%s\n",
		T("posthouse: the key-value store does not open; the server's log says why",
			"posthouse: 无法打开键值存储，原因见服务器日志"));
	*ret_code = CLI_TEMPORARY;
	return NULL;
}

static int kind_of(slice word, enum rep_kind *ret)
{
	*ret = REP_KINDS;
	if (word.n && !rep_kind_parse(word, ret))
		return out_usage(T("%.*s: the kinds are ip, network, asn, helo, domain, dkim, "
				   "sender, origin",
					 "%.*s：类型为 "
					 "ip、network、asn、helo、domain、dkim、sender、origin"),
			SFMT(word));
	return CLI_OK;
}

/* ---- show ---- */

struct row {
	enum rep_kind kind;
	slice name;
	struct rep_answer answer;
};
struct rows {
	struct arena *mem;
	slice name; /* only this one; empty: all */
	bool bad, good; /* only these */
	struct row *v;
	size_t n, cap;
};

/* How much a record matters: a strong score of which one is sure. */
static double strength(const struct rep_answer *a)
{
	return fabs(a->score) * a->confidence;
}

static bool keep_row(void *arg, enum rep_kind kind, slice name, const struct rep_answer *answer)
{
	struct rows *r = arg;
	if ((r->name.n && !slice_ieq(name, r->name)) || (r->bad && answer->score >= 0) ||
		(r->good && answer->score <= 0))
		return true;
	if (r->n == r->cap) {
		r->cap = r->cap ? r->cap * 2 : 256;
		r->v = mem_grow(r->v, r->cap * sizeof *r->v);
	}
	r->v[r->n++] = (struct row){kind, arena_dup(r->mem, name), *answer};
	return true;
}

static int by_strength(const void *x, const void *y)
{
	double a = strength(&((const struct row *)x)->answer),
	       b = strength(&((const struct row *)y)->answer);
	return (a < b) - (a > b);
}

static void print_json(struct json *j, const struct row *row)
{
	const struct rep_answer *a = &row->answer;
	json_open_object(j, NULL);
	json_text(j, "kind", slice_z(rep_kind_name(row->kind)));
	json_text(j, "name", row->name);
	json_int(j, "score_percent", lround(a->score * 100));
	json_int(j, "confidence_percent", lround(a->confidence * 100));
	json_int(j, "messages", lround(a->messages));
	json_int(j, "window_days", a->window_days);
	json_int(j, "bad_percent", lround(a->bad_share * 100));
	json_time(j, "first_at", a->first_at * SECOND);
	json_time(j, "last_at", a->last_at * SECOND);
	json_open_object(j, "events");
	for (int i = 0; i < REP_EVENTS; i++)
		if (a->events[i] >= 0.5)
			json_int(j, rep_event_name((enum rep_event)i), lround(a->events[i]));
	json_close(j, '}');
	json_close(j, '}');
}

static void print_row(struct listing *l, const struct row *row)
{
	AUTO(buf) struct buf text = BUF(4096);
	const struct rep_answer *a = &row->answer;
	if (l->json) {
		print_json(&l->j, row);
		return;
	}
	reputation_explain(&text, row->kind, row->name, a, cli_conf_lang());
	table_cellf(l->table, "%+.2f", a->score);
	table_cellf(l->table, "%ld%%", lround(a->confidence * 100));
	table_cell(l->table, buf_slice(&text));
}

static void print_rows(struct cli_call *c, const struct rows *rows, size_t most)
{
	struct listing l;
	const char *const heads[] = {
		T(">SCORE", ">评分"), T(">SURE", ">把握"), T("WHAT IS KNOWN", "所知")};
	listing_begin(&l, c->cli->json, "reputation", heads, 3);
	for (size_t i = 0; i < rows->n && i < most; i++)
		print_row(&l, &rows->v[i]);
	listing_end_rows(&l);
	if (l.json)
		json_int(&l.j, "found", (int64_t)rows->n);
	listing_end(&l);
	if (!l.json && rows->n > most)
		printf(T("%zu more: --limit\n", "另有 %zu 条：用 --limit 显示\n"), rows->n - most);
}

static int reputation_show(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	struct rows rows = {.mem = &env.mem,
		.name = cli_arg(c, 1),
		.bad = cli_flag(c, "bad"),
		.good = cli_flag(c, "good")};
	enum rep_kind kind;
	uint64_t most = SHOWN;
	struct err e;
	int code = kind_of(cli_arg(c, 0), &kind);
	if (code != CLI_OK)
		return code;
	if (cli_option(c, "limit") &&
		(!slice_u64(cli_option_text(c, "limit"), &most) || most == 0 || most > SHOWN_MAX))
		return out_usage(
			T("--limit is a number up to %d", "--limit 为不超过 %d 的数字"), SHOWN_MAX);
	struct kv *kv = open_kv(c, &env, &code);
	if (!kv)
		return code;
	struct reputation *r = reputation_open(kv, env.config.reputation);
	int found = reputation_each(r, kind, keep_row, &rows, &e);
	if (rows.n)
		qsort(rows.v, rows.n, sizeof *rows.v, by_strength);
	if (found < 0)
		code = out_fail(&e);
	else {
		print_rows(c, &rows, most);
		code = rows.n ? CLI_OK : CLI_NOTHING;
	}
	free(rows.v);
	reputation_close(r);
	kv_close(kv);
	return code;
}

/* ---- forget ---- */

static int reputation_forget_one(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	enum rep_kind kind;
	struct rep_answer answer;
	int code = kind_of(cli_arg(c, 0), &kind);
	if (code != CLI_OK)
		return code;
	struct kv *kv = open_kv(c, &env, &code);
	if (!kv)
		return code;
	struct reputation *r = reputation_open(kv, env.config.reputation);
	bool known = reputation_ask(r, kind, cli_arg(c, 1), &answer);
	if (known) {
		reputation_forget(r, kind, cli_arg(c, 1));
		kv_flush(kv);
		printf(T("%.*s is forgotten.\n", "已清除 %.*s 的信誉。\n"), SFMT(cli_arg(c, 1)));
	} else {
		fprintf(stderr,
			T("posthouse: nothing is known of %s %.*s\n",
				"posthouse: 没有 %s %.*s 的信誉记录\n"),
			rep_kind_name(kind), SFMT(cli_arg(c, 1)));
	}
	reputation_close(r);
	kv_close(kv);
	return known ? CLI_OK : CLI_NOTHING;
}

/* ---- export ---- */

static bool export_one(void *arg, enum rep_kind kind, slice name, const struct rep_answer *a)
{
	const double *least = arg;
	if (a->confidence < *least || slice_index(name, '|') < name.n)
		return true; /* hardly known, or not proven */
	printf("%s\t", rep_kind_name(kind));
	out_safe(name);
	printf("\t%.3f\t%.3f\t%.0f\t%.3f\n", a->score, a->confidence, a->messages, a->bad_share);
	return true;
}

static int reputation_export(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	enum rep_kind kind;
	double least = 0.5;
	struct err e;
	int code = kind_of(cli_arg(c, 0), &kind);
	if (code != CLI_OK)
		return code;
	struct kv *kv = open_kv(c, &env, &code);
	if (!kv)
		return code;
	struct reputation *r = reputation_open(kv, env.config.reputation);
	puts("# kind\tname\tscore\tconfidence\tmessages\tbad");
	code = reputation_each(r, kind, export_one, &least, &e) < 0 ? out_fail(&e) : CLI_OK;
	reputation_close(r);
	kv_close(kv);
	return code;
}

static const struct cli_option show_options[] = {{"bad", NULL, "only bad ones", "仅不良"},
	{"good", NULL, "only good ones", "仅良好"},
	{"limit", "NUMBER", "so many, the clearest first (50)", "显示条数，最明确的在前（50）"},
	{NULL, NULL, NULL, NULL}};

const struct cli_verb reputation_verbs[] = {
	{"show", reputation_show, "[KIND [NAME]]", 0, 2, true, show_options,
		"Tells what is remembered, the clearest cases first.",
		"显示所记住的信誉，最明确的在前。",
		"The score goes from -1 (bad) to +1 (good).\n\n"
		"  posthouse reputation show network 192.0.2.0/24\n"
		"  posthouse reputation show domain --bad",
		"评分从 -1（不良）到 +1（良好）。\n\n"
		"  posthouse reputation show network 192.0.2.0/24\n"
		"  posthouse reputation show domain --bad"},
	{"forget", reputation_forget_one, "KIND NAME", 2, 2, false, NULL,
		"Forgets one: it begins anew with its next message.",
		"清除一条信誉：从下一封邮件起重新积累。", NULL, NULL},
	{"export", reputation_export, "[KIND]", 0, 1, false, NULL,
		"Prints what is known for sure and proven, for other systems: tab-separated.",
		"输出确知且经认证的信誉，供其他系统使用：以制表符分隔。", NULL, NULL},
	CLI_VERBS_END,
};
