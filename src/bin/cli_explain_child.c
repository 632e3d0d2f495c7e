/*
 * `posthouse explain` examines a letter in a child process that is confined like a scan process
 * (role.c): the letter is as hostile as any other, and who explains it may be root. The report
 * comes back as JSON through a pipe.
 */
#include "bin/cli_explain.h"

#include "base/mem.h"
#include "bin/cli_child.h"
#include "bin/features.h"
#include "bin/filter_conf.h"
#include "bin/role.h"
#include "bin/rule_files.h"
#include "bin/scan_tools.h"
#include "bin/yara_files.h"
#include "codec/charset.h"
#include "store/directory.h"
#include <jansson.h>
#include <libxml/parser.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

enum { STATUS_TOOLS = 10, STATUS_SANDBOX, DOMAINS_TEXT_MAX = 32 << 20 };

/* Ends the process; the parent reads why. */
_Noreturn static void give_up(int fd, int status, const struct err *e)
{
	cli_child_write(fd, slice_z(e->text));
	_exit(status);
}

static int read_domains(struct cli_env *env, struct buf *text, struct err *e)
{
	struct domain *v;
	size_t n;
	struct sql *db = cli_env_db(env, DB_DIRECTORY, e);
	if (!db || directory_domains(db, &env->mem, &v, &n, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		buf_put(text, v[i].name);
		buf_byte(text, '\n');
	}
	return 0;
}

struct asked {
	struct cli_env *env;
	const struct explained *x;
	slice domains;
};

static void child(void *arg, int out)
{
	const struct asked *asked = arg;
	struct cli_env *env = asked->env;
	const struct explained *x = asked->x;
	struct scan_tools *tools;
	struct arena a = {0};
	struct err e;
	const struct yara_conf *yara = conf_get(env->config.conf, &yara_section);
	struct scan_given given = {-1, -1, -1};
	const struct rule_files_from from = {
		.own = env->config.filter->rules, .data = env->config.server->data};
	signal(SIGALRM, SIG_DFL);
	alarm((unsigned)(env->config.scan->time / SECOND) + 1);
	charset_warm_up();
	xmlInitParser();
	if (rule_files_pack(&from, &given.rules, &e) < 0 ||
		yara_files_pack(yara->rules, env->config.server->data, NULL, &given.yara, &e) < 0 ||
		features_model(env->config.server->data, &given.model, &e) < 0 ||
		scan_tools_open(&env->config, &given, true, &tools, &e) < 0 ||
		scan_tools_use(tools, SCAN_USE_DOMAINS, -1, asked->domains, &e) < 0)
		give_up(out, STATUS_TOOLS, &e);
	if (role_confine("scan", &env->config, &e) < 0)
		give_up(out, STATUS_SANDBOX, &e);
	struct content_report *r = ARENA_NEW(&a, struct content_report);
	content_examine(content_examiner_new(), x->message, &x->context, scan_tools_get(tools),
		CONTENT_EXPLAIN, &a, r);
	char *text = json_dumps(content_report_json(r, CONTENT_EXPLAIN), JSON_COMPACT);
	cli_child_write(out, slice_z(text));
	_exit(text ? 0 : 1);
}

static int judge_end(int status, slice text, struct err *e)
{
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
		return err_set(e, ERR_TIMEOUT, "the message takes longer than [scan] time");
	if (WIFSIGNALED(status))
		return err_set(e, ERR_BUG, "the examination crashed (signal %d)", WTERMSIG(status));
	if (WEXITSTATUS(status) == STATUS_TOOLS || WEXITSTATUS(status) == STATUS_SANDBOX)
		return err_set(e, ERR_PROTO, "%.*s", SFMT(text));
	return WEXITSTATUS(status) ? err_set(e, ERR_BUG, "the examination failed") : 0;
}

int explain_in_child(struct cli_env *env, const struct explained *x, json_t **ret, struct err *e)
{
	AUTO(buf) struct buf domains = BUF(DOMAINS_TEXT_MAX);
	AUTO(buf) struct buf text = BUF(SCAN_ANSWER_MAX);
	json_error_t bad;
	int status;
	if (read_domains(env, &domains, e) < 0)
		return -1;
	struct asked asked = {env, x, buf_slice(&domains)};
	if (cli_child(child, &asked, &text, &status, e) < 0)
		return -1;
	if (judge_end(status, buf_slice(&text), e) < 0)
		return -1;
	*ret = text.n ? json_loadb(text.p, text.n, JSON_ALLOW_NUL, &bad) : NULL;
	return *ret ? 0 : err_set(e, ERR_BUG, "the examination gave no report");
}
