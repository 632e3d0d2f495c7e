/* `posthouse account import` and `export`: many accounts as a table (store/directory_import.h). */
#include "bin/cli_account.h"
#include "bin/cli_account_login.h"

#include "base/mem.h"
#include "codec/csv.h"
#include "store/directory_import.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- files, with the rights of who runs the command ---- */

/* Only its owner reads it: there are passwords in it. Never one that is there already. */
static int make_file(struct cli_env *env, const char *name, FILE **ret, struct err *e)
{
	cli_env_as_caller(env);
	int fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	int error = errno;
	cli_env_as_server(env);
	if (fd < 0)
		return err_sys(e, error, "cannot make %s", name);
	*ret = fdopen(fd, "w");
	if (!*ret)
		close(fd);
	return *ret ? 0 : err_sys(e, errno, "%s", name);
}

/* ---- import ---- */

struct importing {
	struct listing l; /* of mistakes */
	const char *heads[2];
	bool listed;
	bool json;
	FILE *result;
};

static void begin_list(struct importing *m)
{
	m->heads[0] = T(">LINE", ">行");
	m->heads[1] = T("MISTAKE", "错误");
	if (!m->listed)
		listing_begin(&m->l, m->json, "mistakes", m->heads, 2);
	m->listed = true;
}

static void on_mistake(void *arg, unsigned line, const struct err *e)
{
	struct importing *m = arg;
	AUTO(buf) struct buf text = BUF(4000);
	begin_list(m);
	out_err_text(e, &text);
	if (m->l.json) {
		json_open_object(&m->l.j, NULL);
		json_int(&m->l.j, "line", line);
		json_text(&m->l.j, "mistake", buf_slice(&text));
		json_close(&m->l.j, '}');
		return;
	}
	table_cellf(m->l.table, "%u", line);
	table_cell(m->l.table, buf_slice(&text));
}

static int on_made(void *arg, slice address, slice name, slice password)
{
	struct importing *m = arg;
	AUTO(buf) struct buf row = BUF(8000);
	csv_put(&row, address, true);
	csv_put(&row, name, false);
	csv_put(&row, password, false);
	csv_end_row(&row);
	return buf_ok(&row) && fwrite(row.p, 1, row.n, m->result) == row.n && fflush(m->result) == 0
		       ? 0
		       : -1;
}

static void tell_result(struct importing *m, const struct import_result *r, bool dry)
{
	if (m->json) {
		begin_list(m);
		listing_end_rows(&m->l);
		json_int(&m->l.j, "rows", (int64_t)r->rows);
		json_int(&m->l.j, "mistake_count", (int64_t)r->mistakes);
		json_int(&m->l.j, "added", (int64_t)r->added);
		json_int(&m->l.j, "changed", (int64_t)r->changed);
		json_int(&m->l.j, "departments", (int64_t)r->departments);
		listing_end(&m->l);
		return;
	}
	if (m->listed) {
		listing_end_rows(&m->l);
		listing_end(&m->l);
	}
	if (r->mistakes > IMPORT_TOLD_MAX)
		printf(T("... and %zu more.\n", "……另有 %zu 处。\n"),
			r->mistakes - IMPORT_TOLD_MAX);
	if (r->mistakes)
		return;
	if (dry)
		printf(T("%zu rows, no mistakes; nothing was changed.\n",
			       "共 %zu 行，没有错误；未作更改。\n"),
			r->rows);
	else
		printf(T("%zu accounts added, %zu changed, %zu departments made.\n",
			       "添加帐号 %zu 个，修改 %zu 个，新建部门 %zu 个。\n"),
			r->added, r->changed, r->departments);
}

static int open_result(struct cli_call *c, struct cli_env *env, struct importing *m, struct err *e)
{
	const char *name = cli_option(c, "result");
	if (!name)
		return 0;
	if (make_file(env, name, &m->result, e) < 0)
		return -1;
	fprintf(m->result, "%s,%s,%s\r\n", T("address", "地址"), T("name", "姓名"),
		T("password", "密码"));
	return 0;
}

static int run(struct cli_call *c, struct cli_env *env, struct sql *db, slice table,
	struct importing *m, struct err *e)
{
	bool dry = cli_flag(c, "dry-run");
	struct import *x = NULL;
	struct import_result result;
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	const struct import_options o = {
		.update = cli_flag(c, "update"),
		.make_passwords = cli_option(c, "result") != NULL,
		.no_passwords = cli_flag(c, "no-passwords"),
		.rule = cli_password_rule(env),
		.threads = cpus > 0 ? (unsigned)cpus : 1,
		.mistake = on_mistake,
		.made = on_made,
		.arg = m,
	};
	int r = directory_import_read(db, table, &o, &x, &result, e);
	if (r == 0 && !dry)
		r = open_result(c, env, m, e);
	if (r == 0 && !dry)
		r = directory_import_run(x, &result, e);
	directory_import_free(x);
	tell_result(m, &result, dry);
	return r;
}

int account_import(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	AUTO(buf) struct buf table = BUF(IMPORT_BYTES_MAX);
	struct err e;
	struct importing m = {.json = c->cli->json};
	int code;
	struct sql *db = cli_env_directory(c->cli, &env, &code);
	if (!db)
		return code;
	int r = cli_env_read(&env, cli_arg(c, 0), "the table", &table, &e);
	if (r == 0)
		r = run(c, &env, db, buf_slice(&table), &m, &e);
	if (m.result && fclose(m.result) != 0 && r == 0)
		r = err_sys(&e, errno, "%s", cli_option(c, "result"));
	return r < 0 ? out_fail(&e) : CLI_OK;
}

/* ---- export ---- */

static int export_pages(struct sql *db, struct account_query *q, bool chinese, struct err *e)
{
	AUTO(arena) struct arena page = {0};
	AUTO(buf) struct buf out = BUF(64 << 20);
	struct account *v;
	size_t n;
	buf_put(&out, S("\xef\xbb\xbf")); /* else spreadsheets take it for another charset */
	directory_export_head(&out, chinese);
	do {
		AUTO(arena) __attribute__((unused)) struct arena former = page;
		page = (struct arena){0};
		if (directory_accounts_page(db, q, &page, &v, &n, e) < 0 ||
			directory_export_rows(db, v, n, &out, e) < 0)
			return -1;
		if (fwrite(out.p, 1, out.n, stdout) != out.n)
			return err_sys(e, errno, "writing the table");
		buf_reset(&out);
		if (n)
			q->after = v[n - 1].address;
	} while (n == DIRECTORY_PAGE_MAX);
	return fflush(stdout) == 0 ? 0 : err_sys(e, errno, "writing the table");
}

int account_export(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	struct err e;
	struct domain d = {0};
	struct org org = {0};
	int code;
	struct sql *db = cli_env_directory(c->cli, &env, &code);
	if (!db)
		return code;
	if ((c->nargs && directory_domain(db, cli_arg(c, 0), &env.mem, &d, &e) < 0) ||
		(cli_option(c, "org") && cli_org_option(c, db, &env.mem, &org, &e) < 0))
		return out_fail(&e);
	struct account_query q = {.domain_id = d.id, .org_id = org.id};
	return export_pages(db, &q, cli_flag(c, "chinese"), &e) < 0 ? out_fail(&e) : CLI_OK;
}
