/*
 * `posthouse engine`: virus engines as the configuration has them: how they are, what they say of a file, looking at
 * mail again; and YARA rules. Engines are asked by this process itself, by the same code as in the server, so that
 * it also says what is wrong before a server runs.
 */
#include "base/mem.h"
#include "bin/cli_env.h"
#include "bin/cli_verbs.h"
#include "bin/engine_command.h"
#include "bin/keeper_again.h"
#include "bin/yara_files.h"
#include "run/control.h"
#include "run/loop.h"
#include <errno.h>
#include <fcntl.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <sys/stat.h>

enum { FILE_MAX = 1 << 30, STATUS_INFECTED = 1, STATUS_FAILED = 3 };

/* ---- asking them ---- */

struct one {
	struct engine engine;
	slice version;
	int result;
	int64_t took;
	struct engine_found found;
	struct err e;
};
struct asked {
	struct cli_env *env;
	struct arena mem;
	struct one v[ENGINES_MAX];
	size_t n;
	struct engine_hand *hand;
	struct engine_kept *kept;
	const struct engine_look *look; /* NULL: only how they are */
};

static void ask_one(struct asked *x, struct one *o)
{
	instant began = instant_now();
	if (x->look)
		o->result = engine_ask(&o->engine, x->kept, x->look, &x->mem, &o->found, &o->e);
	else if (o->engine.conf->type != ENGINE_COMMAND)
		o->result = engine_net_version(&o->engine, instant_in(o->engine.conf->timeout),
			&x->mem, &o->version, &o->e);
	o->took = instant_now() - began;
}

static void ask_all(void *arg)
{
	struct asked *x = arg;
	if (x->hand)
		engine_hand_run(x->hand);
	for (size_t i = 0; i < x->n; i++)
		ask_one(x, &x->v[i]);
	loop_stop();
}

static bool has_command(const struct asked *x)
{
	for (size_t i = 0; i < x->n; i++)
		if (x->v[i].engine.conf->type == ENGINE_COMMAND)
			return true;
	return false;
}

static int ask(struct asked *x, const struct engine_look *look, struct err *e)
{
	const struct conf *c = x->env->config.conf;
	for (size_t i = 0; i < conf_count(c, &engine_section) && x->n < ENGINES_MAX; i++) {
		slice name;
		const struct engine_conf *v = conf_nth(c, &engine_section, i, &name);
		if (v->enabled)
			engine_init(&x->v[x->n++].engine, name, (unsigned)i, v, &x->mem);
	}
	if (look && has_command(x) && engine_hand_start(&x->env->config, &x->hand, e) < 0)
		return -1;
	for (size_t i = 0; i < x->n; i++)
		x->v[i].engine.hand = x->hand;
	x->look = look;
	x->kept = engine_kept_new(conf_get(c, &engines_section));
	loop_init();
	loop_main(ask_all, x);
	engine_hand_free(x->hand);
	loop_done();
	return 0;
}

static void done(struct asked *x)
{
	engine_kept_free(x->kept);
	arena_done(&x->mem);
	free(x);
}

/* ---- list ---- */

static const char *type_of(const struct engine *g)
{
	static const char *const names[] = {"clamd", "icap", "command"};
	return names[g->conf->type];
}

static slice where(const struct engine *g)
{
	return g->conf->type == ENGINE_COMMAND ? g->conf->command.v[0] : g->conf->address;
}

static void show_engine(struct listing *l, const struct one *o)
{
	char ms[OUT_TEXT];
	slice about = o->result < 0 ? slice_z(o->e.text) : o->version;
	snprintf(ms, sizeof ms, "%.1f ms", (double)o->took / MSEC);
	if (l->json) {
		json_open_object(&l->j, NULL);
		json_text(&l->j, "name", o->engine.name);
		json_text(&l->j, "type", slice_z(type_of(&o->engine)));
		json_text(&l->j, "address", where(&o->engine));
		json_bool(&l->j, "up", o->result == 0);
		json_text(&l->j, "version", o->version);
		json_text(&l->j, "error", o->result < 0 ? slice_z(o->e.text) : S(""));
		json_int(&l->j, "usec", o->took);
		json_close(&l->j, '}');
		return;
	}
	table_cell(l->table, o->engine.name);
	table_cell(l->table, slice_z(type_of(&o->engine)));
	table_cell(l->table, where(&o->engine));
	table_cell(l->table, slice_z(o->result < 0 ? T("down", "不可用") : T("up", "可用")));
	table_cell(l->table, slice_z(o->engine.conf->type == ENGINE_COMMAND ? "-" : ms));
	table_cell(l->table, about);
}

static int engine_list(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	const char *const headers[] = {T("NAME", "名称"), T("TYPE", "类型"), T("ADDRESS", "地址"),
		T("STATE", "状态"), T(">TIME", ">用时"), T("VERSION", "版本")};
	struct listing l;
	struct err e;
	int code;
	if (cli_env_config(c->cli, &env, &code) < 0)
		return code;
	struct asked *x = NEW(struct asked);
	x->env = &env;
	code = ask(x, NULL, &e) < 0 ? out_fail(&e) : CLI_OK;
	if (code == CLI_OK) {
		listing_begin(&l, c->cli->json, "engines", headers, 6);
		for (size_t i = 0; i < x->n; i++) {
			show_engine(&l, &x->v[i]);
			code = x->v[i].result < 0 ? STATUS_FAILED : code;
		}
		listing_end_rows(&l);
		listing_end(&l);
	}
	done(x);
	return code;
}

/* ---- test ---- */

static int read_file(const char *path, struct buf *out, struct err *e)
{
	AUTO(fd)
	int fd = slice_eq(slice_z(path), S("-")) ? dup(0) : open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(e, errno, "%s", path);
	for (;;) {
		char *room = buf_room(out, 64 * 1024);
		ssize_t n = room ? read(fd, room, 64 * 1024) : -1;
		if (!room)
			return err_set(e, ERR_LIMIT, "%s: too large", path);
		if (n <= 0)
			return n < 0 ? err_sys(e, errno, "%s", path) : 0;
		buf_commit(out, (size_t)n);
	}
}

static void show_answer(struct listing *l, const struct one *o)
{
	const char *result = o->result < 0       ? T("failed", "失败")
			     : o->found.infected ? T("infected", "有病毒")
						 : T("clean", "未发现");
	slice about = o->result < 0 ? slice_z(o->e.text) : o->found.virus;
	char ms[OUT_TEXT];
	snprintf(ms, sizeof ms, "%.1f ms", (double)o->took / MSEC);
	if (l->json) {
		json_open_object(&l->j, NULL);
		json_text(&l->j, "name", o->engine.name);
		json_bool(&l->j, "infected", o->result == 0 && o->found.infected);
		json_text(&l->j, "virus", o->result < 0 ? S("") : o->found.virus);
		json_text(&l->j, "error", o->result < 0 ? slice_z(o->e.text) : S(""));
		json_int(&l->j, "usec", o->took);
		json_close(&l->j, '}');
		return;
	}
	table_cell(l->table, o->engine.name);
	table_cell(l->table, slice_z(result));
	table_cell(l->table, slice_z(ms));
	table_cell(l->table, about);
}

static int show_answers(struct cli_call *c, const struct asked *x)
{
	const char *const headers[] = {
		T("NAME", "名称"), T("RESULT", "结果"), T(">TIME", ">用时"), T("VIRUS", "病毒")};
	struct listing l;
	bool infected = false, failed = false;
	listing_begin(&l, c->cli->json, "engines", headers, 4);
	for (size_t i = 0; i < x->n; i++) {
		show_answer(&l, &x->v[i]);
		failed |= x->v[i].result < 0;
		infected |= x->v[i].result == 0 && x->v[i].found.infected;
	}
	listing_end_rows(&l);
	listing_end(&l);
	return infected ? STATUS_INFECTED : failed ? STATUS_FAILED : CLI_OK;
}

static int engine_test(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	AUTO(buf) struct buf bytes = BUF(FILE_MAX);
	struct err e;
	int code;
	if (cli_env_config(c->cli, &env, &code) < 0)
		return code;
	if (read_file(c->args[0], &bytes, &e) < 0)
		return out_fail(&e);
	slice name = slice_z(c->args[0]);
	struct engine_look look = {.bytes = buf_slice(&bytes),
		.name = slice_skip(
			name, slice_rindex(name, '/') < name.n ? slice_rindex(name, '/') + 1 : 0),
		.deadline = INSTANT_NEVER};
	SHA256((const unsigned char *)(bytes.p ? bytes.p : ""), bytes.n, look.digest);
	struct asked *x = NEW(struct asked);
	x->env = &env;
	code = ask(x, &look, &e) < 0 ? out_fail(&e) : show_answers(c, x);
	done(x);
	return code;
}

/* ---- rescan ---- */

static int engine_rescan(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	AUTO(buf) struct buf reply = BUF(CONTROL_REPLY_MAX);
	struct err e;
	int code;
	if (cli_env_open(c->cli, &env, &code) < 0)
		return code;
	if (again_forget(env.config.server->data, &e) < 0)
		return out_fail(&e);
	if (control_call(env.config.server->run, S("wake-keeper"), &reply, &e) == 0)
		puts(T("Held and recent mail is being looked at again.",
			"正在重新检查已隔离和近期的邮件。"));
	else
		puts(T("Held and recent mail will be looked at again when the server runs.",
			"服务器运行后将重新检查已隔离和近期的邮件。"));
	return CLI_OK;
}

/* ---- YARA ---- */

struct told {
	unsigned broken;
};

static void tell_broken(void *arg, slice about)
{
	((struct told *)arg)->broken++;
	out_safe(about);
	putchar('\n');
}

static int engine_yara(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	AUTO(arena) struct arena a = {0};
	struct yara_source *v;
	struct yara_rules *rules = NULL;
	struct told told = {0};
	struct err e;
	size_t n;
	int code;
	if (cli_env_config(c->cli, &env, &code) < 0)
		return code;
	const struct yara_conf *conf = conf_get(env.config.conf, &yara_section);
	slice dir = c->nargs ? cli_arg(c, 0) : conf->rules;
	if (yara_files_read(dir, c->nargs ? S("") : env.config.server->data, NULL, &a, &v, &n, &e) <
			0 ||
		yara_compile(v, n, tell_broken, &told, &rules, &e) < 0)
		return out_fail(&e);
	printf(T("%zu files, %zu rules, %u files left out\n",
		       "%zu 个文件，%zu 条规则，%u 个文件未采用\n"),
		n, yara_count(rules), told.broken);
	yara_free(rules);
	return told.broken ? CLI_USAGE : CLI_OK;
}

const struct cli_verb engine_verbs[] = {
	{"list", engine_list, "", 0, 0, true, NULL, "virus engines, and whether they answer now",
		"列出病毒引擎及其当前状态",
		"Each is asked for the version of its signatures. Exit code 3: one does not "
		"answer.\n",
		"向每个引擎询问病毒库版本。退出码 3：有引擎没有应答。\n"},
	{"test", engine_test, "FILE", 1, 1, true, NULL, "what each engine says of a file",
		"查看各引擎对一个文件的检查结果",
		"FILE - is standard input. Exit code 1: a virus was found, 3: an engine could not "
		"look.\n",
		"FILE 为 - 时读标准输入。退出码 1：发现病毒，3：有引擎无法检查。\n"},
	{"rescan", engine_rescan, "", 0, 0, false, NULL, "look at held and recent mail again",
		"重新检查已隔离和近期的邮件",
		"The server does so by itself when the version of an engine's signatures "
		"changes.\n",
		"引擎的病毒库版本变化时，服务器会自动进行。\n"},
	{"yara", engine_yara, "[DIRECTORY]", 0, 1, false, NULL, "look for mistakes in YARA rules",
		"检查 YARA 规则",
		"Without DIRECTORY those that the server uses. A file with a mistake is left out "
		"by the "
		"server; the\nothers are used. Exit code 2: there is one.\n",
		"不给出目录时检查服务器使用的规则。服务器不采用有错误的文件，其余照常使用。"
		"退出码 2：有错误。\n"},
	CLI_VERBS_END,
};
