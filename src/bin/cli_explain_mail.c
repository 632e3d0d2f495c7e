/*
 * `posthouse explain FILE|ID`: what is in a letter and what the filter makes of it. A file (or
 * standard input), or a message that is in the queue, in quarantine or in a mailbox here, with what its trace
 * knows of its sender. Needs no server; uses the rules and models that are in force now.
 */
#include "bin/cli_explain.h"

#include "base/mem.h"
#include "base/time.h"
#include "bin/cli_verbs.h"
#include "codec/header.h"
#include "store/blob.h"
#include "store/directory.h"
#include "store/mailbox.h"
#include "store/quarantine.h"
#include "store/queue.h"
#include "store/trace.h"
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <unistd.h>

/* ---- a file ---- */

static int read_file(int fd, struct buf *out, struct err *e)
{
	enum { PIECE = 64 * 1024 };
	for (;;) {
		char *room = buf_room(out, PIECE);
		if (!room)
			return err_set(e, ERR_LIMIT, "larger than [scan] max_size");
		ssize_t n = read(fd, room, PIECE);
		if (n < 0)
			return err_sys(e, errno, "read");
		if (n == 0)
			return 0;
		buf_commit(out, (size_t)n);
	}
}

/* ---- a message of the store ---- */

struct found {
	struct cli_env *env;
	msg_id id;
	struct explained *x;
	blob_id blob;
	bool found;
	struct err e;
};

/* "192.0.2.1 mail.example", as traces have it. */
static void take_client(struct content_context *c, slice client)
{
	slice ip;
	slice_cut(&client, ' ', &ip);
	c->client_ip = ip;
	c->helo = client;
}

static void take_message(struct found *f, const struct queue_msg *m, const slice *rcpts, size_t n)
{
	struct content_context *c = &f->x->context;
	c->sender = m->sender;
	c->login = m->auth;
	c->rcpts = rcpts;
	c->nrcpts = c->rcpts_total = n;
	take_client(c, m->client);
	f->blob = m->blob;
	f->found = true;
}

static int find_in_queue(struct found *f, struct err *e)
{
	struct queue_msg m;
	struct sql *db = cli_env_db(f->env, DB_QUEUE, e);
	if (!db || queue_load(db, f->id, &f->env->mem, &m, e) < 0)
		return -1;
	slice *rcpts = ARENA_ARRAY(&f->env->mem, slice, m.nrcpts + 1);
	for (size_t i = 0; i < m.nrcpts; i++)
		rcpts[i] = m.rcpts[i].address;
	take_message(f, &m, rcpts, m.nrcpts);
	return 0;
}

static int find_in_quarantine(struct found *f, struct err *e)
{
	struct quarantine_msg m;
	struct sql *db = cli_env_db(f->env, DB_QUEUE, e);
	if (!db || quarantine_load(db, f->id, &f->env->mem, &m, e) < 0)
		return -1;
	slice *rcpts = ARENA_ARRAY(&f->env->mem, slice, m.nrcpts + 1);
	for (size_t i = 0; i < m.nrcpts; i++)
		rcpts[i] = m.rcpts[i].address;
	take_message(f, &m.msg, rcpts, m.nrcpts);
	return 0;
}

/* A recipient that has a mailbox here may still have it. */
static bool look_in_mailbox(void *arg, const struct trace_row *row)
{
	struct found *f = arg;
	struct arena *a = &f->env->mem;
	struct account account;
	struct mailbox_message m;
	struct sql *db = cli_env_db(f->env, DB_DIRECTORY, &f->e);
	if (!db || directory_account(db, row->rcpt, a, &account, &f->e) < 0)
		return true;
	struct sql *shard = cli_env_shard(f->env, account.id, &f->e);
	if (!shard)
		return true;
	if (mailbox_find(shard, account.id, f->id, a, &m, &f->e) == 0) {
		f->blob = m.blob;
		f->x->context.sender = arena_dup(a, row->sender);
		take_client(&f->x->context, arena_dup(a, row->client));
		slice *rcpts = ARENA_NEW(a, slice);
		*rcpts = arena_dup(a, row->rcpt);
		f->x->context.rcpts = rcpts;
		f->x->context.nrcpts = f->x->context.rcpts_total = 1;
		f->found = true;
	}
	sql_close(shard);
	return !f->found;
}

static int find(struct found *f, struct err *e)
{
	if (find_in_queue(f, e) == 0)
		return 0;
	if (e->kind != ERR_NOTFOUND)
		return -1;
	if (find_in_quarantine(f, e) == 0)
		return 0;
	if (e->kind != ERR_NOTFOUND)
		return -1;
	const struct trace_filter filter = {.id = f->id, .status = -1};
	struct sql *trace = cli_env_db(f->env, DB_TRACE, e);
	struct sql *queue = cli_env_db(f->env, DB_QUEUE, e);
	if (!trace || !queue ||
		trace_find(trace, queue, &filter, UINT64_MAX, look_in_mailbox, f, e) < 0)
		return -1;
	return f->found ? 0
			: err_set(e, ERR_NOTFOUND,
				  "the message is neither in the queue nor in "
				  "quarantine nor in a mailbox here");
}

static int read_stored(struct cli_env *env, blob_id id, struct buf *out, struct err *e)
{
	struct blobs *blobs;
	struct blob_reader *r;
	slice piece;
	if (blobs_open(env->config.server->data, &blobs, e) < 0)
		return -1;
	int result = blob_open(blobs, id, &r, e), more;
	if (result == 0) {
		while (result == 0 && (more = blob_next(r, &piece, e)))
			result = more < 0 ? -1 : (buf_put(out, piece), 0);
		blob_close(r);
	}
	blobs_close(blobs);
	if (result == 0 && !buf_ok(out))
		return err_set(e, ERR_LIMIT, "larger than [scan] max_size");
	return result;
}

/* ---- the command ---- */

static int get_message(
	struct cli_env *env, slice what, struct explained *x, struct buf *out, struct err *e)
{
	struct found f = {.env = env, .x = x};
	x->name = what;
	x->context.now = (uint64_t)(wall_now() / SECOND);
	if (slice_eq(what, S("-")))
		return read_file(0, out, e);
	cli_env_as_caller(env);
	AUTO(fd) int fd = open(what.p, O_RDONLY | O_CLOEXEC);
	int saved = errno;
	int r = fd >= 0 ? read_file(fd, out, e) : -1;
	cli_env_as_server(env);
	if (fd >= 0)
		return r;
	if (!msg_id_parse(what, &f.id))
		return err_sys(e, saved, "%.*s", SFMT(what));
	return find(&f, e) < 0 ? -1 : read_stored(env, f.blob, out, e);
}

static int explain(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	struct explained x = {0};
	struct content_report *report;
	json_t *j;
	struct err e;
	int code;
	if (cli_env_open(c->cli, &env, &code) < 0)
		return code;
	AUTO(buf) struct buf message = BUF((size_t)env.config.scan->max_size + 65536);
	if (get_message(&env, cli_arg(c, 0), &x, &message, &e) < 0)
		return out_fail(&e);
	x.message = buf_slice(&message);
	if (explain_in_child(&env, &x, &j, &e) < 0)
		return out_fail(&e);
	report = ARENA_NEW(&env.mem, struct content_report);
	if (c->cli->json) {
		json_dumpf(j, stdout, JSON_INDENT(2));
		putchar('\n');
	} else if (content_report_read(j, &env.mem, report)) {
		explain_show(&x, report, json_object_get(j, "details"));
	}
	json_decref(j);
	return CLI_OK;
}

const struct cli_verb explain_verbs[] = {
	{NULL, explain, "FILE|ID", 1, 1, true, NULL,
		"What is in a message, what the filter finds and how it judges.",
		"邮件里有什么，过滤器发现了什么，如何判断。",
		"FILE is a message as it travels (- for standard input), ID one that is in the "
		"queue or "
		"in a mailbox\n"
		"here. It is examined anew, by the rules and models in force now, without lookups; "
		"what "
		"was decided\n"
		"when it came is in the trace.\n\n"
		"  posthouse explain letter.eml\n  posthouse explain 0G3K5N2M1P0QR --json",
		"FILE 为原始邮件文件（- 表示标准输入），ID 为队列或本地邮箱中的邮件编号。\n"
		"按当前的规则和模型重新检查，不作网络查询；来信当时的判断见跟踪记录。\n\n"
		"  posthouse explain letter.eml\n  posthouse explain 0G3K5N2M1P0QR --json"},
	CLI_VERBS_END,
};
