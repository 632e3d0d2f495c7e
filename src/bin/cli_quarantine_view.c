/*
 * `posthouse quarantine preview | download`. The letter is as hostile as any: it is read in a child process that is
 * confined like a scan process (role.c), and what comes back is plain text: nothing active, nothing
 * remote, links written out. Looking and downloading are written into the message's timeline.
 */
#include "bin/cli_quarantine.h"

#include "base/mem.h"
#include "base/time.h"
#include "base/utf8.h"
#include "bin/cli_child.h"
#include "bin/role.h"
#include "codec/charset.h"
#include "codec/filetype.h"
#include "codec/header.h"
#include "content/content.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <libxml/parser.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	MESSAGE_MAX = 1 << 30,
	VIEW_MAX = 4 << 20,
	VIEW_LINKS = 100,
	VIEW_FILES = 100,
	VIEW_HEADER = 32 * 1024,
	STATUS_SANDBOX = 10
};

static json_t *text_of(slice s)
{
	AUTO(buf) struct buf clean = BUF(s.n * 3 + 16);
	utf8_scrub(&clean, s);
	return json_stringn_nocheck(clean.p ? clean.p : "", clean.n);
}

static json_t *links_of(const struct content *c)
{
	json_t *all = json_array();
	for (size_t i = 0; i < c->nlinks && i < VIEW_LINKS; i++) {
		const struct content_link *l = &c->links[i];
		json_t *one = json_object();
		json_object_set_new(one, "text", text_of(l->text));
		json_object_set_new(one, "url", text_of(l->url.text));
		json_object_set_new(one, "deceives", json_boolean(l->deceives));
		json_array_append_new(all, one);
	}
	return all;
}

static json_t *files_of(const struct content *c)
{
	json_t *all = json_array();
	for (size_t i = 0; i < c->nfiles && i < VIEW_FILES; i++) {
		const struct content_file *f = &c->files[i];
		json_t *one = json_object();
		json_object_set_new(one, "name", text_of(f->name));
		json_object_set_new(
			one, "type", json_string(filetype_name((enum filetype)f->type)));
		json_object_set_new(one, "declared", text_of(f->label));
		json_object_set_new(one, "size", json_integer((json_int_t)f->size));
		json_object_set_new(one, "depth", json_integer(f->depth));
		json_array_append_new(all, one);
	}
	return all;
}

struct viewed {
	struct cli_env *env;
	slice message;
};

static void child(void *arg, int out)
{
	const struct viewed *v = arg;
	static const struct content_tools tools;
	struct arena a = {0};
	struct content c = {0};
	struct err e;
	signal(SIGALRM, SIG_DFL);
	alarm((unsigned)(v->env->config.scan->time / SECOND) + 1);
	charset_warm_up();
	xmlInitParser();
	if (role_confine("scan", &v->env->config, &e) < 0) {
		cli_child_write(out, slice_z(e.text));
		_exit(STATUS_SANDBOX);
	}
	content_read(v->message, &tools, &content_limits_default, &a, &c);
	json_t *j = json_object();
	json_object_set_new(j, "header", text_of(slice_first(c.mail.header, VIEW_HEADER)));
	json_object_set_new(j, "from", text_of(c.from_address));
	json_object_set_new(j, "from_name", text_of(c.from_name));
	json_object_set_new(j, "subject", text_of(c.mail.subject));
	json_object_set_new(j, "text", text_of(c.mail.text));
	json_object_set_new(j, "hidden", text_of(c.mail.hidden));
	json_object_set_new(j, "links", links_of(&c));
	json_object_set_new(j, "files", files_of(&c));
	char *text = json_dumps(j, JSON_COMPACT);
	cli_child_write(out, slice_z(text));
	_exit(text ? 0 : 1);
}

static int view_in_child(struct cli_env *env, slice message, json_t **ret, struct err *e)
{
	AUTO(buf) struct buf text = BUF(VIEW_MAX);
	json_error_t bad;
	int status;
	struct viewed v = {env, message};
	if (cli_child(child, &v, &text, &status, e) < 0)
		return -1;
	if (WIFSIGNALED(status))
		return err_set(e, ERR_TIMEOUT, "the message cannot be shown (signal %d)",
			WTERMSIG(status));
	if (WEXITSTATUS(status) == STATUS_SANDBOX)
		return err_set(e, ERR_PROTO, "%.*s", SFMT(buf_slice(&text)));
	*ret = WEXITSTATUS(status) || !text.n ? NULL : json_loadb(text.p, text.n, 0, &bad);
	return *ret ? 0 : err_set(e, ERR_BUG, "the message cannot be shown");
}

static slice member(const json_t *j, const char *key)
{
	const json_t *v = json_object_get(j, key);
	return v && json_is_string(v) ? slice_of(json_string_value(v), json_string_length(v))
				      : S("");
}

/* Line by line: control characters of the letter never reach the terminal. */
static void print_lines(slice text, const char *indent)
{
	slice line;
	while (text.n && slice_cut(&text, '\n', &line)) {
		fputs(indent, stdout);
		out_safe(slice_trim(line));
		putchar('\n');
	}
}

static void view_text(const json_t *j)
{
	char size[OUT_TEXT];
	size_t i;
	json_t *one;
	puts(T("Header:", "邮件头："));
	print_lines(member(j, "header"), "  ");
	puts(T("\nText:", "\n正文："));
	print_lines(member(j, "text"), "  ");
	if (member(j, "hidden").n) {
		puts(T("\nHidden from the reader:", "\n对读者隐藏的内容："));
		print_lines(member(j, "hidden"), "  ");
	}
	if (json_array_size(json_object_get(j, "links")))
		puts(T("\nLinks:", "\n链接："));
	json_array_foreach(json_object_get(j, "links"), i, one)
	{
		fputs(json_is_true(json_object_get(one, "deceives")) ? "! " : "  ", stdout);
		out_safe(member(one, "url"));
		if (member(one, "text").n) {
			fputs(T("  under: ", "  文字："), stdout);
			out_safe(member(one, "text"));
		}
		putchar('\n');
	}
	if (json_array_size(json_object_get(j, "files")))
		puts(T("\nAttachments:", "\n附件："));
	json_array_foreach(json_object_get(j, "files"), i, one)
	{
		fputs("  ", stdout);
		for (json_int_t d = json_integer_value(json_object_get(one, "depth")); d > 0; d--)
			fputs("  ", stdout);
		out_safe(member(one, "name").n ? member(one, "name") : S("-"));
		printf("  %s  %s\n", json_string_value(json_object_get(one, "type")),
			out_size((uint64_t)json_integer_value(json_object_get(one, "size")), size));
	}
}

/* Loads and reads it, and notes who looked. */
static int take_letter(struct cli_call *c, struct cli_env *env, enum quarantine_verb verb,
	struct buf *letter, struct err *e)
{
	struct held_tools tools = {.env = env};
	struct quarantine_done done;
	struct quarantine_msg m;
	msg_id id = 0;
	int32_t idx = -1;
	msg_id_parse(slice_first(cli_arg(c, 0), slice_index(cli_arg(c, 0), '/')), &id);
	struct sql *db = cli_env_db(env, DB_QUEUE, e);
	if (!db || quarantine_load(db, id, &env->mem, &m, e) < 0)
		return -1;
	struct quarantine_hands h = held_hands(&tools, db);
	const struct quarantine_actor who = {QUARANTINE_ADMIN, cli_env_who(&env->mem)};
	int r = held_read(&tools, &m, letter, e);
	if (r == 0)
		r = quarantine_act(&h, &who, verb, id, idx, false, &env->mem, &done, e);
	held_tools_done(&tools);
	return r;
}

int held_preview(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	AUTO(buf) struct buf letter = BUF(MESSAGE_MAX);
	json_t *j = NULL;
	struct err e;
	msg_id id;
	int32_t idx;
	int code = held_parse_id(cli_arg(c, 0), &id, &idx);
	if (code || cli_env_open(c->cli, &env, &code) < 0)
		return code;
	if (take_letter(c, &env, QUARANTINE_PREVIEW, &letter, &e) < 0 ||
		view_in_child(&env, buf_slice(&letter), &j, &e) < 0)
		return out_fail(&e);
	if (c->cli->json) {
		char *text = json_dumps(j, JSON_INDENT(2));
		puts(text ? text : "{}");
		free(text);
	} else {
		view_text(j);
	}
	json_decref(j);
	return CLI_OK;
}

int held_download(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	AUTO(buf) struct buf letter = BUF(MESSAGE_MAX);
	const char *path = cli_option(c, "output");
	struct err e;
	msg_id id;
	int32_t idx;
	int code = held_parse_id(cli_arg(c, 0), &id, &idx);
	if (code || cli_env_open(c->cli, &env, &code) < 0)
		return code;
	if (take_letter(c, &env, QUARANTINE_DOWNLOAD, &letter, &e) < 0)
		return out_fail(&e);
	cli_env_as_caller(&env);
	FILE *f = path ? fopen(path, "wxe") : stdout;
	if (!f) {
		err_sys(&e, errno, "%s", path);
		return out_fail(&e);
	}
	bool good = fwrite(letter.p, 1, letter.n, f) == letter.n && fflush(f) == 0;
	if (path && fclose(f) != 0)
		good = false;
	if (!good) {
		err_sys(&e, errno ? errno : EIO, "%s", path ? path : "stdout");
		return out_fail(&e);
	}
	return CLI_OK;
}
