/* `posthouse check-config`, `config` and `version`. */
#include "bin/cli_verbs.h"

#include "base/mem.h"
#include "base/time.h"
#include "bin/filter_conf.h"
#include "bin/rule_files.h"
#include "proto/smtpc/smtpc.h"

#include <stdio.h>

enum { PRINT_MAX = 4 << 20 };

/* What is no mistake, but may be meant otherwise. */
static void advise(const struct config *c)
{
	if (c->dns->trust_anchor.n == 0 &&
		(c->delivery->dane || c->delivery->tls == SMTPC_TLS_DANE))
		puts(T("Note: DANE is off, since [dns] trust_anchor is empty. Whether the resolver "
		       "allows it: posthouse lookup dnssec",
			"提示：[dns] trust_anchor 为空，DANE 不启用。解析服务器是否支持，可用 "
			"posthouse lookup dnssec 查看"));
}

/* The server would refuse to reload them. */
static int check_rules(struct cli_env *env, struct err *e)
{
	AUTO(rules) struct rules *r = NULL;
	const struct rules_source *v;
	size_t n;
	if (rule_files_read(&(struct rule_files_from){.own = env->config.filter->rules, .data = env->config.server->data}, &env->mem, &v, &n, e) < 0)
		return -1;
	return rules_parse(v, n, &r, e);
}

static int check_config(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	struct err e;
	int code;
	if (cli_env_config(c->cli, &env, &code) < 0)
		return code;
	if (check_rules(&env, &e) < 0)
		return out_fail(&e);
	printf(T("%.*s: fine\n", "%.*s：没有问题\n"), SFMT(env.config.path));
	advise(&env.config);
	return CLI_OK;
}

static int print(const struct buf *out)
{
	if (!buf_ok(out))
		return out_usage(T("the configuration is too long to print", "配置过长，无法显示"));
	fwrite(out->p, 1, out->n, stdout);
	return CLI_OK;
}

/* Only what the file says: config_load would add the usual listeners to a file without any. */
static int show_changed(struct cli_call *c)
{
	AUTO(arena) struct arena mem = {0};
	AUTO(conf) struct conf *conf = NULL;
	AUTO(buf) struct buf out = BUF(PRINT_MAX);
	struct conf_errors errors;
	struct err e;
	slice path = slice_z(c->cli->config ? c->cli->config : CONFIG_PATH);
	if (conf_load(path, config_sections, cli_conf_lang(), &mem, &conf, &errors, &e) < 0) {
		if (e.kind == ERR_NOTFOUND && !c->cli->config)
			return CLI_OK; /* no file: nothing differs */
		return out_fail(&e);
	}
	conf_print(conf, CONF_SHOW_CHANGED, &out);
	return print(&out);
}

static int show(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	AUTO(buf) struct buf out = BUF(PRINT_MAX);
	int code;
	if (cli_env_config(c->cli, &env, &code) < 0)
		return code;
	if (cli_flag(c, "changed"))
		return show_changed(c);
	conf_print(env.config.conf, CONF_SHOW_ALL, &out);
	return print(&out);
}

static int defaults(struct cli_call *c)
{
	AUTO(buf) struct buf out = BUF(PRINT_MAX);
	(void)c;
	conf_print_defaults(config_sections, cli_conf_lang(), &out);
	return print(&out);
}

static int version(struct cli_call *c)
{
	if (c->cli->json) {
		struct json j = {0};
		json_begin(&j);
		json_text(&j, "version", S(VERSION));
		json_end(&j);
		return CLI_OK;
	}
	puts("posthouse " VERSION);
	return CLI_OK;
}

static const struct cli_option show_options[] = {
	{"changed", NULL, "only what differs from the defaults", "只显示与默认值不同的"},
	{NULL, NULL, NULL, NULL},
};

const struct cli_verb check_config_verbs[] = {
	{NULL, check_config, "", 0, 0, false, NULL,
		"Reads the configuration and tells every mistake in it.",
		"检查配置文件，指出其中所有错误。", "Exit code 2 when there are mistakes.",
		"有错误时退出码为 2。"},
	CLI_VERBS_END,
};

const struct cli_verb config_verbs[] = {
	{"show", show, "", 0, 0, false, show_options,
		"Prints the values in effect; secrets as ***.",
		"显示当前生效的配置；密钥显示为 ***。", NULL, NULL},
	{"defaults", defaults, "", 0, 0, false, NULL,
		"Prints every section and key with its meaning and default.",
		"列出所有配置节和配置项的含义与默认值。",
		"The output is a configuration file with everything commented out.\n\n  posthouse "
		"config defaults | less",
		"输出即为一份全部注释掉的配置文件。\n\n  posthouse config defaults | less"},
	CLI_VERBS_END,
};

const struct cli_verb version_verbs[] = {
	{NULL, version, "", 0, 0, true, NULL, "Prints the version.", "显示版本。", NULL, NULL},
	CLI_VERBS_END,
};
