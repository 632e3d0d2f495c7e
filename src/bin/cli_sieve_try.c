/*
 * `posthouse sieve test`: what rules would do with a letter. They run in a child process that is confined like a scan process, for
 * letter and script are as hostile as any; what they ask is answered from the account's mailbox, read only.
 */
#include "bin/cli_sieve.h"

#include "base/mem.h"
#include "base/time.h"
#include "bin/cli_child.h"
#include "bin/role.h"
#include "bin/scan.h"
#include "bin/zones.h"
#include "codec/address.h"
#include "codec/charset.h"
#include "codec/header.h"
#include "mail/digest.h"
#include "mail/scripts.h"
#include "mail/scripts_known.h"
#include "run/log.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

struct trial {
	struct cli_call *c;
	struct cli_env env;
	const struct scripts_conf *conf;
	struct sql *db, *shard;
	struct account account;
	struct script_set set;
	struct queue_msg m;
	struct queue_rcpt r;
	float spam;
	int virus;
	/* for the child */
	const struct scripts_case *asked;
	slice message;
};

static void auto_trial(struct trial *t)
{
	sql_close(t->shard);
	cli_env_close(&t->env);
}

/* ---- one run ---- */

static void child(void *arg, int out)
{
	struct trial *t = arg;
	AUTO(buf) struct buf text = BUF(SCAN_ANSWER_MAX);
	struct arena a = {0};
	struct scripts_verdict v;
	struct err e;
	signal(SIGALRM, SIG_DFL);
	alarm((unsigned)(t->conf->time / SECOND) + 1);
	charset_warm_up();
	if (role_confine("scan", &t->env.config, &e) < 0) {
		cli_child_write(out, slice_z(e.text));
		_exit(2);
	}
	scripts_case_run(t->asked, t->message, &a, &v);
	scripts_verdict_encode(&text, &v);
	cli_child_write(out, buf_slice(&text));
	_exit(buf_ok(&text) ? 0 : 1);
}

static int run(void *arg, const struct scripts_case *c, slice message, struct arena *a,
	struct scripts_verdict *ret, struct err *e)
{
	struct trial *t = arg;
	AUTO(buf) struct buf text = BUF(SCAN_ANSWER_MAX);
	struct scripts_case asked = *c;
	int status;
	asked.input.spam = t->spam;
	asked.input.virus = t->virus;
	t->asked = &asked;
	t->message = message;
	if (cli_child(child, t, &text, &status, e) < 0)
		return -1;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 2)
		return err_set(e, ERR_PROTO, "%.*s", SFMT(buf_slice(&text)));
	if (!WIFEXITED(status) || WEXITSTATUS(status))
		return err_set(e, ERR_PERM, "the scripts took too long, or crashed");
	if (!scripts_verdict_decode(arena_dup(a, buf_slice(&text)), message.n, a, ret))
		return err_set(e, ERR_BUG, "a damaged verdict");
	return 0;
}

/* ---- what they ask ---- */

static int folders(void *arg, int64_t account_id, struct arena *a, struct sieve_folder **ret,
	size_t *ret_n, struct err *e)
{
	return scripts_known_folders(((struct trial *)arg)->shard, account_id, a, ret, ret_n, e);
}

static int seen(void *arg, const struct mailbox_seen *s, int64_t since, struct err *e)
{
	return mailbox_seen(((struct trial *)arg)->shard, s, since, e);
}

static int metadata(void *arg, int64_t account_id, slice folder, slice entry, struct arena *a,
	slice *ret, struct err *e)
{
	return scripts_known_metadata(
		((struct trial *)arg)->shard, account_id, folder, entry, a, ret, e);
}

static int listed(void *arg, int64_t account_id, slice list, slice address, struct err *e)
{
	struct trial *t = arg;
	AUTO(arena) struct arena a = {0};
	struct directory *d;
	struct rcpt_answer group = {0};
	slice name, canonical;
	bool found = false;
	struct sql *db = cli_env_db(&t->env, DB_DIRECTORY, e);
	if (!scripts_known_group(list, &name))
		return 0;
	if (directory_open(t->env.config.server->data, &d, e) < 0)
		return -1;
	int r = directory_rcpt(d, name, &a, &group, e);
	directory_close(d);
	if (r == 0 && group.group_id && group.targets)
		r = db ? directory_group_is_near(db, group.group_id, account_id, e) : -1;
	if (r <= 0 || !address.n)
		return r;
	if (directory_canonical(address, &a, &canonical))
		for (size_t i = 0; i < group.ntargets && !found; i++)
			found = slice_eq(group.targets[i], canonical);
	return found;
}

/* ---- the letter ---- */

/* As it would come: lines end in CRLF. */
static slice to_crlf(slice text, struct arena *a)
{
	size_t lines = 0, n = 0;
	for (size_t i = 0; i < text.n; i++)
		lines += text.p[i] == '\n';
	char *p = arena_alloc(a, text.n + lines + 1);
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] == '\n' && (!i || text.p[i - 1] != '\r'))
			p[n++] = '\r';
		p[n++] = text.p[i];
	}
	return slice_of(p, n);
}

static slice unbracket(slice s)
{
	s = slice_trim(s);
	return slice_starts(s, S("<")) && slice_ends(s, S(">")) ? slice_of(s.p + 1, s.n - 2) : s;
}

/* --from, else what the letter says. */
static slice sender_of(struct cli_call *c, slice letter, struct arena *a)
{
	struct header_field f;
	struct header_address *v;
	if (cli_option(c, "from"))
		return unbracket(cli_option_text(c, "from"));
	if (header_find(letter, S("Return-Path"), 0, &f))
		return unbracket(f.value);
	if (header_find(letter, S("From"), 0, &f) && header_addresses(f.value, a, &v) && v[0].valid)
		return v[0].address;
	return S("");
}

/* A script from a file in place of the account's own. */
static int replace_own(struct trial *t, slice path, struct err *e)
{
	AUTO(buf) struct buf text = {0};
	struct script_set *set = &t->set;
	if (cli_sieve_read(&t->env, path, SCRIPT_TEXT_MAX + 1, &text, e) < 0)
		return -1;
	struct script *v = ARENA_ARRAY(&t->env.mem, struct script, set->nrun + 1);
	const struct script own = {.account_id = t->account.id,
		.name = path,
		.text = arena_dup(&t->env.mem, buf_slice(&text)),
		.active = true};
	size_t n = 0, i = 0;
	while (i < set->nrun && set->run[i].place == SCRIPT_BEFORE)
		v[n++] = set->run[i++];
	v[n++] = own;
	for (; i < set->nrun; i++)
		if (!set->run[i].account_id)
			v[n++] = set->run[i];
	set->run = v;
	set->nrun = n;
	return 0;
}

/* ---- the command ---- */

static int read_options(struct trial *t)
{
	slice spam = cli_option_text(t->c, "spam"), virus = cli_option_text(t->c, "virus");
	uint64_t n;
	t->spam = -1;
	if (spam.n) {
		t->spam = strtof(arena_strz(&t->env.mem, spam), NULL);
		if (!(t->spam >= 0 && t->spam <= 1))
			return out_usage(T("--spam is 0 to 1", "--spam 为 0 到 1"));
	}
	if (virus.n && (!slice_u64(virus, &n) || n > 5))
		return out_usage(T("--virus is 0 to 5", "--virus 为 0 到 5"));
	t->virus = virus.n ? (int)n : 0;
	return CLI_OK;
}

static int load(struct trial *t, struct buf *letter, struct err *e)
{
	struct cli_call *c = t->c;
	size_t most = (size_t)t->env.config.scan->max_size;
	if (directory_account(t->db, cli_arg(c, 0), &t->env.mem, &t->account, e) < 0)
		return -1;
	t->shard = cli_env_shard(&t->env, t->account.id, e);
	if (!t->shard || script_set_load(t->db, t->account.id, &t->env.mem, &t->set, e) < 0 ||
		cli_sieve_read(&t->env, cli_arg(c, 1), most, letter, e) < 0)
		return -1;
	if (cli_option(c, "script") && replace_own(t, cli_option_text(c, "script"), e) < 0)
		return -1;
	return t->set.nrun ? 0
			   : err_set(e, ERR_NOTFOUND,
				     "this account has no active script, and none of the "
				     "administrator's applies");
}

int cli_sieve_test(struct cli_call *c)
{
	AUTO(trial) struct trial t = {.c = c};
	AUTO(buf) struct buf letter = {0};
	AUTO(zones) struct zones zones = {0};
	struct scripts_case rules;
	struct scripts_verdict v;
	struct err e;
	int code;
	t.db = cli_env_directory(c->cli, &t.env, &code);
	if (!t.db || (code = read_options(&t)))
		return code;
	t.conf = conf_get(t.env.config.conf, &scripts_section);
	if (load(&t, &letter, &e) < 0)
		return out_fail(&e);
	slice text = to_crlf(buf_slice(&letter), &t.env.mem);
	slice to = cli_option_text(c, "to");
	t.m.sender = sender_of(c, text, &t.env.mem);
	t.r.address = to.n ? to : t.account.address;
	const struct scripts_judge judge = {.run = run,
		.folders = folders,
		.seen = seen,
		.metadata = metadata,
		.listed = listed,
		.arg = &t};
	const struct scripts_ask q = {.account_id = t.account.id,
		.m = &t.m,
		.r = &t.r,
		.set = &t.set,
		.letter = text,
		.home = S("INBOX"),
		.host = t.env.config.hostname,
		.zone = (int)(zone_offset(zones_get(&zones, t.env.config.digest->zone, NULL),
				      wall_now() / SECOND) /
			      60),
		.conf = t.conf};
	if (scripts_judge_letter(&judge, &q, &t.env.mem, &rules, &v, &e) < 0)
		return out_fail(&e);
	cli_sieve_verdict(c, &t.set, &v, cli_flag(c, "letter"));
	return v.end == SIEVE_FAILED ? CLI_FAILED : CLI_OK;
}

const struct cli_option cli_sieve_test_options[] = {
	{"script", "FILE", "this script in place of the account's active one",
		"用此脚本代替帐号启用的脚本"},
	{"from", "ADDRESS", "envelope sender; without: Return-Path, From",
		"信封发件人；不给则取 Return-Path、From"},
	{"to", "ADDRESS", "envelope recipient; without: the account", "信封收件人；不给则为该帐号"},
	{"spam", "P", "what the filter found: 0 to 1", "过滤结果：0 到 1"},
	{"virus", "N", "what virus engines found: 0 not looked, 1 clean ... 5 infected",
		"病毒检查结果：0 未检查，1 干净……5 确定感染"},
	{"letter", NULL, "print the header as the rules leave it", "显示规则修改后的邮件头"}, {0}};
