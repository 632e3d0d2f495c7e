/*
 * `posthouse migrate add | import`, `posthouse collect add`: jobs for the collect process. Passwords come from a file, from stdin or from the
 * terminal, never from the command line, and are sealed before they are stored. Options and columns are in cli_collect_fields.c.
 */
#include "bin/cli_collect_fields.h"
#include "bin/cli_tty.h"

#include "base/mem.h"
#include "codec/csv.h"
#include "mail/collections.h"
#include "store/directory.h"

#include <openssl/crypto.h>
#include <stdio.h>

enum { FILE_MAX_BYTES = 64 << 20, ROWS_MAX = 100000 };

/* ---- passwords ---- */

static int ask_password(struct cli_collect *x, slice *ret, struct err *e)
{
	AUTO(buf) struct buf text = BUF(256 * 1024);
	slice file = cli_collect_option(x->call, "password-file"), rest, line = {0};
	if (!file.n)
		return tty_secret(T("Password there: ", "对方密码："), false, &x->env.mem, ret, e);
	if (cli_env_read(&x->env, file, "the file", &text, e) < 0)
		return -1;
	rest = buf_slice(&text);
	slice_cut(&rest, '\n', &line);
	if (slice_ends(line, S("\r")))
		line.n--;
	if (!line.n)
		return err_set(e, ERR_PROTO, "the file holds no password");
	*ret = arena_dup(&x->env.mem, line);
	OPENSSL_cleanse(text.p, text.n);
	return 0;
}

/* ---- one ---- */

/* j->secret: the password as it is; sealed here. */
static int add_tx(struct cli_collect *x, struct collect_job *j, int64_t *ret_id, struct err *e)
{
	struct sql *dir = cli_env_db(&x->env, DB_DIRECTORY, e);
	struct account account;
	slice password = j->secret;
	if (!dir)
		return -1;
	if (cli_collect_flag(x->call, "as-person"))
		return collections_add_tx(
			x->db, dir, j->address, j, password, &x->env.mem, ret_id, e);
	if (directory_account(dir, j->address, &x->env.mem, &account, e) < 0)
		return -1;
	j->account_id = account.id;
	j->address = account.address;
	if (!j->user.n)
		j->user = j->address;
	if (!j->port)
		j->port = collections_port(j);
	if (collections_seal(x->db, j, password, &x->env.mem, e) < 0)
		return -1;
	return collect_add_tx(x->db, j, ret_id, e);
}

static int added(struct cli_collect *x, const struct collect_query *q, uint64_t n)
{
	bool running;
	cli_collect_wake(&x->env, &running);
	if (cli_flag(x->call, "wait")) {
		if (!running)
			return out_usage("%s", T("no server is running: nothing would happen",
						       "服务器没有运行，任务不会执行"));
		return cli_collect_wait(x, q, x->call->cli->json);
	}
	if (x->call->cli->json)
		return CLI_OK;
	if (!running)
		puts(T("No server is running: it begins when one does.",
			"服务器没有运行：启动后开始。"));
	if (!x->repeated && n)
		puts(T("`posthouse migrate watch` shows how far it is.",
			"用 `posthouse migrate watch` 查看进度。"));
	return CLI_OK;
}

static int in_transaction(
	struct cli_collect *x, struct collect_job *v, size_t n, int64_t *ids, struct err *e)
{
	if (sql_begin(x->db, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (add_tx(x, &v[i], &ids[i], e) < 0) {
			sql_rollback(x->db);
			return (int)i - (int)n - 1; /* which one: below -1 */
		}
	return sql_commit(x->db, e);
}

int cli_collect_add(struct cli_call *c)
{
	AUTO(cli_collect) struct cli_collect x = {0};
	struct collect_job j;
	struct err e;
	int64_t id = 0;
	int code = cli_collect_open(c, &x);
	if (code || (code = cli_collect_from_options(&x, &j)))
		return code;
	j.address = cli_arg(c, 0);
	if (!j.host.n)
		return out_usage("%s", T("--from HOST is missing", "缺少 --from 服务器"));
	if (x.repeated && !j.user.n)
		return out_usage("%s", T("--user LOGIN is missing", "缺少 --user 帐号"));
	if (ask_password(&x, &j.secret, &e) < 0 || in_transaction(&x, &j, 1, &id, &e) < 0)
		return out_fail(&e);
	if (c->cli->json) {
		struct json out = {0};
		json_begin(&out);
		json_int(&out, "id", id);
		json_end(&out);
	} else {
		printf(T("Job %lld: %.*s from %.*s\n", "任务 %lld：%.*s，来自 %.*s\n"),
			(long long)id, SFMT(j.address), SFMT(j.host));
	}
	const struct collect_query q = {.id = id, .repeated = x.repeated, .most = 1};
	if (x.repeated) {
		bool running;
		cli_collect_wake(&x.env, &running);
		return CLI_OK;
	}
	return added(&x, &q, 1);
}

/* ---- a table of them ---- */

struct table_in {
	struct csv csv;
	const struct cli_collect_field *columns[CSV_COLUMNS_MAX];
	size_t ncolumns;
};

static int read_head(struct table_in *t, struct arena *a, struct err *e)
{
	slice cells[CSV_COLUMNS_MAX];
	size_t n;
	if (csv_next(&t->csv, a, cells, &n) != CSV_ROW)
		return err_set(e, ERR_PROTO, "the table has no heading");
	for (size_t i = 0; i < n; i++) {
		slice name = slice_trim(cells[i]);
		for (const struct cli_collect_field *f = cli_collect_fields; f->name; f++)
			if ((f->is & FIELD_COLUMN) && (slice_ieq(name, slice_z(f->name)) ||
							      slice_eq(name, slice_z(f->zh))))
				t->columns[i] = f;
		if (!t->columns[i])
			return err_set(e, ERR_PROTO, "no such column: %.*s",
				(int)(name.n < 80 ? name.n : 80), name.p);
	}
	t->ncolumns = n;
	return 0;
}

/* Several folders of a cell stand between semicolons. */
static slice list_cell(slice v, struct arena *a)
{
	char *p = arena_strz(a, v);
	for (size_t i = 0; i < v.n; i++)
		if (p[i] == ';')
			p[i] = '\n';
	return slice_of(p, v.n);
}

static int read_row(const struct table_in *t, const slice *cells, size_t n, struct arena *a,
	struct collect_job *j, struct err *e)
{
	for (size_t i = 0; i < n && i < t->ncolumns; i++) {
		const struct cli_collect_field *f = t->columns[i];
		slice v = f->is & FIELD_SECRET ? cells[i] : slice_trim(cells[i]);
		if (!v.n)
			continue;
		const char *wrong =
			f->set(j, arena_dup(a, f->is & FIELD_LIST ? list_cell(v, a) : v));
		if (wrong)
			return err_set(e, ERR_PROTO, "%s", wrong);
	}
	if (!j->address.n || !j->host.n)
		return err_set(e, ERR_PROTO, "%s",
			T("a row needs an address and a server", "每行需要地址和服务器"));
	return 0;
}

static int in_line(unsigned line, const struct err *e)
{
	fprintf(stderr, T("line %u: ", "第 %u 行："), line);
	return out_fail(e);
}

/* All rows, or -1 after a complaint with the exit code. */
static int read_rows(struct cli_collect *x, struct table_in *t, const struct collect_job *base,
	slice password, struct collect_job *v, unsigned *lines, size_t *ret_n, int *code)
{
	slice cells[CSV_COLUMNS_MAX];
	enum csv_result r;
	struct err e;
	size_t n = 0, ncells;
	while ((r = csv_next(&t->csv, &x->env.mem, cells, &ncells)) == CSV_ROW) {
		if (n == ROWS_MAX) {
			err_set(&e, ERR_LIMIT, "more than %d rows", ROWS_MAX);
			return *code = out_fail(&e), -1;
		}
		v[n] = *base;
		lines[n] = t->csv.line;
		if (read_row(t, cells, ncells, &x->env.mem, &v[n], &e) < 0)
			return *code = in_line(t->csv.line, &e), -1;
		if (!v[n].secret.n)
			v[n].secret = password;
		/* With one login for all it is an administrator's: the address says whose mail. */
		if (base->user.n && slice_eq(v[n].user, base->user) && !v[n].as.n)
			v[n].as = v[n].address;
		n++;
	}
	if (r != CSV_END) {
		err_set(&e, ERR_PROTO, "%s", T("the table is broken", "表格损坏"));
		return *code = in_line(t->csv.line, &e), -1;
	}
	*ret_n = n;
	return 0;
}

static int add_rows(
	struct cli_collect *x, slice text, const struct collect_job *base, slice password)
{
	struct table_in *t = ARENA_NEW(&x->env.mem, struct table_in);
	AUTO(free) struct collect_job *v = NULL;
	AUTO(free) unsigned *lines = NULL;
	AUTO(free) int64_t *ids = NULL;
	struct err e;
	size_t n = 0;
	int code;
	t->csv = csv_begin(text);
	if (read_head(t, &x->env.mem, &e) < 0)
		return out_fail(&e);
	v = mem_alloc(ROWS_MAX * sizeof *v);
	lines = mem_alloc(ROWS_MAX * sizeof *lines);
	ids = mem_alloc(ROWS_MAX * sizeof *ids);
	if (read_rows(x, t, base, password, v, lines, &n, &code) < 0)
		return code;
	int r = in_transaction(x, v, n, ids, &e);
	if (r < -1)
		return in_line(lines[(size_t)(r + (int)n + 1)], &e);
	if (r < 0)
		return out_fail(&e);
	if (!x->call->cli->json)
		printf(T("%zu jobs, batch %.*s\n", "%zu 个任务，批次 %.*s\n"), n,
			SFMT(base->batch));
	const struct collect_query q = {.batch = base->batch, .repeated = 0, .most = ROWS_MAX};
	return added(x, &q, n);
}

int cli_collect_import(struct cli_call *c)
{
	AUTO(cli_collect) struct cli_collect x = {0};
	AUTO(buf) struct buf file = BUF(FILE_MAX_BYTES);
	AUTO(buf) struct buf text = BUF(2 * FILE_MAX_BYTES);
	struct collect_job base;
	slice password = S("");
	struct err e;
	int code = cli_collect_open(c, &x);
	if (code || (code = cli_collect_from_options(&x, &base)))
		return code;
	char now[TIME_ISO_MAX];
	if (!base.batch.n)
		base.batch = arena_dup(&x.env.mem, slice_of(now, time_iso(wall_now(), now)));
	if (cli_env_read(&x.env, cli_arg(c, 0), "the file", &file, &e) < 0)
		return out_fail(&e);
	if (!csv_text(buf_slice(&file), &text))
		return out_usage("%s", T("the file is no table in UTF-8, UTF-16 or GB18030",
					       "文件不是 UTF-8、UTF-16 或 GB18030 的表格"));
	if (cli_collect_option(c, "password-file").n && ask_password(&x, &password, &e) < 0)
		return out_fail(&e);
	code = add_rows(&x, buf_slice(&text), &base, password);
	OPENSSL_cleanse(file.p, file.n);
	OPENSSL_cleanse(text.p, text.n);
	return code;
}
