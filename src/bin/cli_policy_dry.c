/*
 * `posthouse policy dry-run FILE`: a document is tried on the facts of recent letters, and what would
 * have been decided otherwise is shown. Facts keep the beginning of a header and no models: what a
 * document leaves out of the judgement (`without`) is estimated here. Puts nothing into force.
 */
#include "bin/cli_policy.h"

#include "base/mem.h"
#include "base/time.h"
#include "bin/filter_conf.h"

#include <stdio.h>

enum { SHOWN = 100 };

struct dry {
	const struct policy_set *set;
	struct policy_thresholds thresholds;
	struct listing *l;
	struct sql *directory; /* as it is now: who belonged to what then is not kept */
	struct arena mem; /* of one letter */
	uint64_t most, shown;
	uint64_t letters, changed, unreadable, recipients;
};

static void show(struct dry *d, const struct policies_fact *kept, const struct policy_facts *f,
	const struct policy_decided *before, slice after, const struct policy_decision *new)
{
	char id[MSG_ID_TEXT], at[OUT_TEXT];
	msg_id_print(kept->id, id);
	d->recipients++;
	if (d->shown++ >= d->most)
		return;
	if (!d->l->json) {
		table_cell(d->l->table, slice_z(id));
		table_cell(d->l->table, slice_z(out_time(kept->at, at)));
		table_cell(d->l->table, f->sender.n ? f->sender : S("<>"));
		table_cell(d->l->table, before->rcpt);
		table_cell(d->l->table, before->done);
		table_cell(d->l->table, after);
		table_cell(d->l->table, new->policy);
		return;
	}
	json_open_object(&d->l->j, NULL);
	json_text(&d->l->j, "id", slice_z(id));
	json_time(&d->l->j, "at", kept->at);
	json_text(&d->l->j, "sender", f->sender);
	json_text(&d->l->j, "recipient", before->rcpt);
	json_text(&d->l->j, "subject", f->subject);
	json_text(&d->l->j, "before", before->done);
	json_text(&d->l->j, "after", after);
	json_text(&d->l->j, "policy", new->policy);
	json_text(&d->l->j, "reason", new->reason);
	json_close(&d->l->j, '}');
}

static bool try_rcpt(struct dry *d, const struct policies_fact *kept, const struct policy_facts *f,
	const struct policy_decided *before)
{
	struct policy_decision new;
	AUTO(buf) struct buf after = BUF(65536);
	policy_decide(d->set, &d->thresholds, f, before->rcpt, &d->mem, &new);
	policy_decision_print(&after, &new);
	if (slice_eq(buf_slice(&after), before->done))
		return false;
	show(d, kept, f, before, buf_slice(&after), &new);
	return true;
}

static bool try_letter(void *arg, const struct policies_fact *kept)
{
	struct dry *d = arg;
	struct policy_facts f;
	struct policy_decided before;
	slice rest = kept->decided;
	bool changed = false;
	if (d->mem.total > 1 << 20)
		arena_done(&d->mem);
	else
		arena_reset(&d->mem);
	d->letters++;
	if (!policy_facts_read(kept->facts, &d->mem, &f)) {
		d->unreadable++;
		return true;
	}
	f.belonging_of = policy_belonging;
	f.directory = d->directory;
	while (policy_decided_next(&rest, &before)) {
		f.direction = before.direction;
		changed |= try_rcpt(d, kept, &f, &before);
	}
	d->changed += changed;
	return true;
}

/* "3,412" */
static const char *grouped(uint64_t n, char out[OUT_TEXT])
{
	char digits[24];
	int len = snprintf(digits, sizeof digits, "%llu", (unsigned long long)n), at = 0;
	for (int i = 0; i < len; i++) {
		if (i && (len - i) % 3 == 0)
			out[at++] = ',';
		out[at++] = digits[i];
	}
	out[at] = '\0';
	return out;
}

static void sum_up(const struct dry *d, FILE *to)
{
	char changed[OUT_TEXT], all[OUT_TEXT], more[OUT_TEXT];
	fprintf(to,
		T("Would have changed %s of %s letters.\n", "会改变 %s 封邮件的处置，共 %s 封。\n"),
		grouped(d->changed, changed), grouped(d->letters, all));
	if (d->recipients > d->most)
		fprintf(to, T("Not shown: %s more recipients.\n", "另有 %s 个收件人未列出。\n"),
			grouped(d->recipients - d->most, more));
	if (d->unreadable)
		fprintf(to,
			T("Could not be read: facts of %s letters.\n",
				"有 %s 封邮件的记录无法读取。\n"),
			grouped(d->unreadable, more));
}

static int options(const struct cli_call *c, int64_t *ret_since, uint64_t *ret_most)
{
	slice since = cli_option_text(c, "since"), most = cli_option_text(c, "most");
	*ret_since = wall_now() - 7 * DAY;
	*ret_most = SHOWN;
	if (since.n && !time_parse(since, wall_now(), ret_since))
		return out_usage(T("--since is a date or an age: 2026-11-22, 7d",
			"--since 为日期或时长：2026-11-22、7d"));
	if (most.n && !slice_u64(most, ret_most))
		return out_usage(T("--most is a number", "--most 应为数字"));
	return CLI_OK;
}

static int try_all(struct cli_call *c, struct cli_env *env, struct dry *d, int64_t since)
{
	struct listing l;
	struct err e;
	const char *const heads[] = {T("ID", "编号"), T("ARRIVED", "到达"), T("SENDER", "发件人"),
		T("RECIPIENT", "收件人"), T("BEFORE", "原处置"), T("AFTER", "新处置"),
		T("POLICY", "策略")};
	struct sql *db = cli_env_db(env, DB_TRACE, &e);
	if (!db || !(d->directory = cli_env_db(env, DB_DIRECTORY, &e)))
		return out_fail(&e);
	d->l = &l;
	listing_begin(&l, c->cli->json, "changed", heads, sizeof heads / sizeof *heads);
	int r = policies_facts_each(db, since, UINT64_MAX, try_letter, d, &e);
	listing_end_rows(&l);
	if (l.json) {
		json_int(&l.j, "letters", (int64_t)d->letters);
		json_int(&l.j, "letters_changed", (int64_t)d->changed);
		json_int(&l.j, "recipients_changed", (int64_t)d->recipients);
		json_int(&l.j, "unreadable", (int64_t)d->unreadable);
	}
	listing_end(&l);
	if (r == 0 && !c->cli->json)
		sum_up(d, stdout);
	return r < 0 ? out_fail(&e) : CLI_OK;
}

int policy_dry_run(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	struct dry d = {0};
	int64_t since = 0;
	int code = options(c, &since, &d.most);
	if (code != CLI_OK || cli_env_open(c->cli, &env, &code) < 0)
		return code;
	code = policy_document(&env, cli_arg(c, 0), &d.set);
	if (code == CLI_OK) {
		d.thresholds = filter_thresholds(env.config.filter);
		code = try_all(c, &env, &d, since);
	}
	arena_done(&d.mem);
	policy_release(d.set);
	return code;
}

const struct cli_option policy_dry_options[] = {
	{"since", "TIME", "from then on (default 7d)", "从何时起（默认 7d）"},
	{"most", "N", "rows shown (default 100)", "最多列出的行数（默认 100）"},
	{NULL, NULL, NULL, NULL},
};
