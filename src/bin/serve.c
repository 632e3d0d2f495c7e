/*
 * `posthouse serve`, `reload`, `status` and the hidden `role`: entries of the table in commands.c.
 * The work is in master.c and role.c; reload and status speak to the master's control socket.
 */
#include "bin/serve.h"

#include "base/mem.h"
#include "bin/config.h"
#include "bin/master.h"
#include "bin/role.h"
#include "run/control.h"
#include <stdio.h>

static enum conf_lang conf_lang(void)
{
	return tr_lang == LANG_ZH ? CONF_ZH : CONF_EN;
}

static int no_arguments(int argc, char **argv)
{
	if (argc == 1)
		return 0;
	fprintf(stderr, T("posthouse %s takes no arguments\n", "posthouse %s 不带参数\n"), argv[0]);
	return -1;
}

int serve_command(struct cli *cli, int argc, char **argv)
{
	if (no_arguments(argc, argv) < 0)
		return CLI_USAGE;
	return master_main(slice_z(cli->config), conf_lang());
}

int role_command(struct cli *cli, int argc, char **argv)
{
	(void)cli;
	return role_main(argc, argv);
}

static int exit_code(const struct err *e)
{
	switch (e->kind) {
	case ERR_NOTFOUND:
		return CLI_NOTHING;
	case ERR_TEMP:
	case ERR_TIMEOUT:
		return CLI_TEMPORARY;
	default:
		return CLI_FAILED;
	}
}

/* One command to the server of this configuration. */
static int call(struct cli *cli, slice command, struct buf *reply, struct err *e)
{
	AUTO(arena) struct arena mem = {0};
	struct config c;
	struct conf_errors errors;
	if (config_load(slice_z(cli->config), conf_lang(), &c, &mem, &errors, e) < 0) {
		for (size_t i = 0; i < errors.n; i++)
			fprintf(stderr, "%.*s\n", SFMT(errors.v[i]));
		return err_set(e, ERR_PROTO, "%s",
			T("the configuration has mistakes; nothing was changed",
				"配置有误，未作任何更改"));
	}
	int r = control_call(c.server->run, command, reply, e);
	config_done(&c);
	return r;
}

int reload_command(struct cli *cli, int argc, char **argv)
{
	AUTO(buf) struct buf reply = BUF(CONTROL_REPLY_MAX);
	struct err e;
	if (no_arguments(argc, argv) < 0)
		return CLI_USAGE;
	int r = call(cli, S("reload"), &reply, &e);
	if (reply.n)
		fwrite(reply.p, 1, reply.n, r < 0 ? stderr : stdout);
	if (r == 0) {
		puts(T("The new configuration is in service.", "新配置已生效。"));
		return CLI_OK;
	}
	fprintf(stderr, T("not reloaded: %s\n", "未重新加载：%s\n"), e.text);
	return e.kind == ERR_PROTO ? CLI_USAGE : exit_code(&e);
}

int status_command(struct cli *cli, int argc, char **argv)
{
	AUTO(buf) struct buf reply = BUF(CONTROL_REPLY_MAX);
	struct err e;
	if (no_arguments(argc, argv) < 0)
		return CLI_USAGE;
	if (call(cli, S("status"), &reply, &e) < 0) {
		fprintf(stderr, "%s\n", e.text);
		return exit_code(&e);
	}
	fwrite(reply.p, 1, reply.n, stdout);
	return CLI_OK;
}

void serve_wake_queue(slice run_dir)
{
	AUTO(buf) struct buf reply = BUF(CONTROL_REPLY_MAX);
	struct err e;
	/* Not running, or just now not listening: it will look for itself. */
	control_call(run_dir, S("wake"), &reply, &e);
}
