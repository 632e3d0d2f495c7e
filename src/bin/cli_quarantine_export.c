/*
 * `posthouse quarantine export`: the list as CSV (RFC 4180, UTF-8 with a mark that Excel understands) or as
 * xlsx. What stands in a letter must not become a formula of whoever opens the table: in CSV such cells
 * begin with an apostrophe; in xlsx they are text by their type.
 */
#include "bin/cli_quarantine.h"

#include "base/mem.h"
#include "base/time.h"
#include "base/utf8.h"
#include "bin/filter_conf.h"

#include <errno.h>
#include <stdio.h>
#include <xlsxwriter.h>

enum { COLUMNS = 17, XLSX_ROWS_MAX = 1048575, XLSX_CELL_MAX = 32000 };

struct cells {
	slice v[COLUMNS];
	double number[COLUMNS]; /* where v is empty and is_number */
	bool is_number[COLUMNS];
	size_t n;
};

static void put(struct cells *c, slice v)
{
	c->v[c->n++] = v;
}

static void put_number(struct cells *c, double v)
{
	c->is_number[c->n] = true;
	c->number[c->n++] = v;
}

static void heads(struct cells *c)
{
	const char *const names[COLUMNS] = {T("id", "编号"), T("recipient number", "收件人序号"),
		T("held at", "扣留时间"), T("kind", "种类"), T("class", "类别"), T("state", "状态"),
		T("by", "操作人"), T("probability", "概率"), T("sender", "信封发件人"),
		T("from", "发件人"), T("to", "收件人"), T("subject", "主题"), T("size", "大小"),
		T("client", "来自"), T("policy", "策略"), T("virus", "病毒"), T("reasons", "原因")};
	*c = (struct cells){0};
	for (int i = 0; i < COLUMNS; i++)
		put(c, slice_z(names[i]));
}

static void cells_of(
	struct cells *c, const struct quarantine_row *r, struct signal_words *w, struct arena *a)
{
	char id[MSG_ID_TEXT], when[OUT_TEXT];
	*c = (struct cells){0};
	msg_id_print(r->id, id);
	put(c, arena_dup(a, slice_z(id)));
	put_number(c, r->idx);
	put(c, arena_dup(a, slice_z(out_time(r->held_at, when))));
	put(c, slice_z(held_kind_name(r->kind)));
	put(c, slice_z(quarantine_class_text(r->class, tr_lang == LANG_ZH)));
	put(c, slice_z(held_state_text(r->state)));
	put(c, r->by);
	put_number(c, r->probability);
	put(c, r->sender);
	put(c, r->from);
	put(c, r->rcpt);
	put(c, r->subject);
	put_number(c, (double)r->size);
	put(c, r->client);
	put(c, r->policy);
	put(c, r->virus);
	put(c, held_reasons(w, r->signals, 5, a));
}

/* Control characters are spaces: a cell is one line. */
static slice clean(slice v, struct arena *a)
{
	AUTO(buf) struct buf out = BUF(4 * v.n + 16);
	utf8_scrub(&out, utf8_first(v, XLSX_CELL_MAX / 4));
	for (size_t i = 0; i < out.n; i++)
		if ((unsigned char)out.p[i] < ' ' || out.p[i] == 0x7f)
			out.p[i] = ' ';
	return arena_dup(a, buf_slice(&out));
}

struct sink {
	struct signal_words words;
	struct arena a;
	struct cells cells;
	FILE *csv;
	lxw_worksheet *sheet;
	uint64_t rows;
	bool full, failed;
};

/* ---- CSV ---- */

/* Spreadsheets skip blanks of all kinds and, in East Asian settings, take the wide forms for the signs. */
static bool is_formula(slice v)
{
	uint32_t cp = ' ';
	while (cp == ' ' || cp == 0xa0 || cp == 0x3000 || cp == 0xfeff ||
		(cp >= 0x2000 && cp <= 0x200f))
		if (!utf8_next(&v, &cp))
			return false;
	if (cp >= 0xff01 && cp <= 0xff5e)
		cp -= 0xff01 - '!';
	return cp < 0x80 && strchr("=+-@|%", (int)cp) != NULL;
}

static void csv_cell(struct sink *s, slice v)
{
	fputc('"', s->csv);
	if (is_formula(v))
		fputc('\'', s->csv);
	for (size_t i = 0; i < v.n; i++) {
		if (v.p[i] == '"')
			fputc('"', s->csv);
		fputc(v.p[i], s->csv);
	}
	fputc('"', s->csv);
}

static void csv_row(struct sink *s)
{
	for (size_t i = 0; i < s->cells.n; i++) {
		if (i)
			fputc(',', s->csv);
		if (s->cells.is_number[i])
			fprintf(s->csv, "%.15g", s->cells.number[i]);
		else
			csv_cell(s, clean(s->cells.v[i], &s->a));
	}
	s->failed |= fputs("\r\n", s->csv) < 0;
}

/* ---- xlsx ---- */

static void xlsx_row(struct sink *s)
{
	for (size_t i = 0; i < s->cells.n; i++) {
		lxw_row_t row = (lxw_row_t)s->rows;
		lxw_error r;
		if (s->cells.is_number[i])
			r = worksheet_write_number(
				s->sheet, row, (lxw_col_t)i, s->cells.number[i], NULL);
		else
			r = worksheet_write_string(s->sheet, row, (lxw_col_t)i,
				arena_strz(&s->a, clean(s->cells.v[i], &s->a)), NULL);
		s->failed |= r != LXW_NO_ERROR;
	}
}

static bool write_row(void *arg, const struct quarantine_row *r)
{
	struct sink *s = arg;
	arena_reset(&s->a);
	if (s->sheet && s->rows > XLSX_ROWS_MAX - 1) {
		s->full = true;
		return false;
	}
	if (r)
		cells_of(&s->cells, r, &s->words, &s->a);
	else
		heads(&s->cells);
	if (s->sheet)
		xlsx_row(s);
	else
		csv_row(s);
	s->rows++;
	return !s->failed;
}

/* ---- the command ---- */

static int to_csv(
	struct sink *s, struct sql *db, const struct held_pick *p, const char *path, struct err *e)
{
	s->csv = path ? fopen(path, "wxe") : stdout;
	if (!s->csv)
		return err_sys(e, errno, "%s", path);
	fputs("\xef\xbb\xbf", s->csv);
	write_row(s, NULL);
	int r = held_pick_each(db, p, UINT64_MAX, write_row, s, e);
	bool good = fflush(s->csv) == 0 && !s->failed;
	if (path && fclose(s->csv) != 0)
		good = false;
	if (r == 0 && !good)
		return err_sys(e, errno ? errno : EIO, "%s", path ? path : "stdout");
	return r;
}

/* The library keeps nothing but the row at hand, in a file beside. */
static int to_xlsx(
	struct sink *s, struct sql *db, const struct held_pick *p, const char *path, struct err *e)
{
	FILE *own = fopen(path, "wxe"); /* nothing is overwritten */
	if (!own)
		return err_sys(e, errno, "%s", path);
	fclose(own);
	lxw_workbook_options o = {.constant_memory = LXW_TRUE};
	lxw_workbook *book = workbook_new_opt(path, &o);
	s->sheet = book ? workbook_add_worksheet(book, T("Quarantine", "隔离区")) : NULL;
	if (!s->sheet)
		return err_set(e, ERR_TEMP, "%s: the workbook cannot be made", path);
	worksheet_set_column(s->sheet, 0, 7, 16, NULL);
	worksheet_set_column(s->sheet, 8, 16, 32, NULL);
	write_row(s, NULL);
	worksheet_freeze_panes(s->sheet, 1, 0);
	int r = held_pick_each(db, p, UINT64_MAX, write_row, s, e);
	worksheet_autofilter(s->sheet, 0, 0, (lxw_row_t)(s->rows ? s->rows - 1 : 0), COLUMNS - 1);
	lxw_error x = workbook_close(book);
	if (r == 0 && (x != LXW_NO_ERROR || s->failed))
		return err_set(e, ERR_TEMP, "%s: %s", path, lxw_strerror(x));
	return r;
}

int held_export(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	AUTO(arena) struct arena a = {0};
	struct sink s = {0};
	struct held_pick pick;
	struct err e;
	const char *path = cli_option(c, "output");
	bool any, xlsx = path && slice_iends(slice_z(path), S(".xlsx"));
	int code = held_pick_parse(c, -1, &a, &pick, &any, NULL);
	if (code)
		return code;
	if (path && !xlsx && !slice_iends(slice_z(path), S(".csv")))
		return out_usage(T(
			"--output is a file *.csv or *.xlsx", "--output 为 *.csv 或 *.xlsx 文件"));
	pick.likely = cli_flag(c, "likely");
	if (cli_env_open(c->cli, &env, &code) < 0)
		return code;
	s.words.dir = env.config.filter->rules;
	s.words.data = env.config.server->data;
	struct sql *db = cli_env_db(&env, DB_QUEUE, &e);
	cli_env_as_caller(&env);
	int r = !db ? -1 : (xlsx ? to_xlsx : to_csv)(&s, db, &pick, path, &e);
	signal_words_done(&s.words);
	arena_done(&s.a);
	if (r < 0)
		return out_fail(&e);
	if (s.full)
		fprintf(stderr,
			T("posthouse: a sheet has room for %d rows; the rest is missing\n",
				"posthouse: 一张工作表最多 %d 行，其余未写入\n"),
			XLSX_ROWS_MAX);
	if (path)
		printf(T("rows: %llu\n", "行数：%llu\n"), (unsigned long long)(s.rows - 1));
	return s.full ? CLI_FAILED : CLI_OK;
}
