/*
 * A table of accounts becomes rows: its columns by name, its cells by meaning (directory_import.h).
 * Whether they fit the directory is looked at in directory_import_check.c.
 */
#include "base/mem.h"
#include "codec/csv.h"
#include "run/conf.h"
#include "store/directory_import_impl.h"

const struct import_name import_names[] = {
	{IMPORT_ADDRESS, "address", "地址", "email mail account 邮箱 邮箱地址 邮件地址 帐号 账号"},
	{IMPORT_NAME, "name", "姓名", "display-name displayname 显示名称 名称"},
	{IMPORT_PASSWORD_CELL, "password", "密码", "口令"},
	{IMPORT_HASH, "hash", "密码哈希", "password-hash"},
	{IMPORT_KIND, "kind", "类型", "type"},
	{IMPORT_DEPARTMENT, "department", "部门", "ou"},
	{IMPORT_CLASS, "class", "服务等级", "cos 等级"},
	{IMPORT_QUOTA, "quota", "容量", "邮箱容量 容量限额"},
	{IMPORT_MESSAGES, "messages", "邮件数上限", "max-messages"},
	{IMPORT_SERVICES, "services", "服务", "protocols 协议"},
	{IMPORT_LANGUAGE, "language", "语言", "lang"},
	{IMPORT_ALIASES, "aliases", "别名", "alias further-addresses 其他地址"},
	{IMPORT_DISABLED, "disabled", "停用", "禁用"},
};
const size_t import_names_n = sizeof import_names / sizeof import_names[0];
_Static_assert(IMPORT_FIELDS < 16, "bits of import_row.given");

void import_mistake(struct import *x, unsigned line, const struct err *e)
{
	if (x->mistakes < IMPORT_TOLD_MAX) {
		if (!x->told)
			x->told = mem_alloc(IMPORT_TOLD_MAX * sizeof *x->told);
		x->told[x->mistakes] = (struct import_told){line, x->mistakes, *e};
	}
	x->mistakes++;
}

static int by_line(const void *a, const void *b)
{
	const struct import_told *x = a, *y = b;
	if (x->line != y->line)
		return x->line < y->line ? -1 : 1;
	return x->order < y->order ? -1 : x->order > y->order;
}

static void tell_mistakes(struct import *x)
{
	size_t n = x->mistakes < IMPORT_TOLD_MAX ? x->mistakes : IMPORT_TOLD_MAX;
	if (n)
		qsort(x->told, n, sizeof *x->told, by_line);
	for (size_t i = 0; i < n; i++)
		x->o.mistake(x->o.arg, x->told[i].line, &x->told[i].e);
}

/* ---- columns ---- */

/* "Employee Number" is "employee-number". */
static slice plain(slice head, char out[64])
{
	size_t n = 0;
	head = slice_trim(head);
	for (size_t i = 0; i < head.n && n < 64; i++)
		out[n++] = head.p[i] == ' ' || head.p[i] == '_' ? '-' : ascii_lower(head.p[i]);
	return slice_of(out, n);
}

static bool one_of(slice word, const char *words)
{
	slice rest = slice_z(words), part;
	while (slice_cut(&rest, ' ', &part))
		if (part.n && slice_eq(part, word))
			return true;
	return false;
}

static enum import_column column_of(slice head)
{
	char text[64], label[64];
	slice word = plain(head, text);
	for (size_t i = 0; i < import_names_n; i++) {
		const struct import_name *v = &import_names[i];
		if (slice_eq(word, slice_z(v->en)) || slice_eq(word, slice_z(v->zh)) ||
			one_of(word, v->others))
			return v->column;
	}
	for (int f = 1; f < FIELD_COUNT; f++)
		if (slice_eq(word, slice_z(person_fields[f].key)) ||
			slice_eq(word, slice_z(person_fields[f].zh)) ||
			slice_eq(word, plain(slice_z(person_fields[f].en), label)))
			return (enum import_column)(IMPORT_FIELDS + f);
	return IMPORT_SKIP;
}

static void read_header(struct import *x, unsigned line, const slice *cells, size_t n,
	enum import_column columns[CSV_COLUMNS_MAX])
{
	bool seen[IMPORT_COLUMNS] = {false};
	for (size_t i = 0; i < n; i++) {
		columns[i] = column_of(cells[i]);
		if (columns[i] == IMPORT_SKIP && slice_trim(cells[i]).n)
			IMPORT_MISTAKE(x, line, "there is no column %.*s",
				SFMT(slice_first(cells[i], 100)));
		else if (columns[i] != IMPORT_SKIP && seen[columns[i]])
			IMPORT_MISTAKE(x, line, "column %.*s is there twice",
				SFMT(slice_first(cells[i], 100)));
		seen[columns[i]] = true;
	}
	if (!seen[IMPORT_ADDRESS])
		IMPORT_MISTAKE(x, line, "there is no column address");
}

/* ---- cells ---- */

static bool read_amount(slice s, bool size, int64_t *ret)
{
	uint64_t n;
	if (slice_ieq(s, S("class")) || slice_eq(s, S("默认")))
		*ret = 0;
	else if (slice_ieq(s, S("none")) || slice_eq(s, S("无")) || slice_eq(s, S("不限")))
		*ret = DIRECTORY_UNLIMITED;
	else if (size)
		return conf_size_parse(s, ret) && *ret > 0;
	else if (slice_u64(s, &n) && n > 0 && n <= INT64_MAX)
		*ret = (int64_t)n;
	else
		return false;
	return true;
}

static bool read_kind(slice s, enum account_kind *ret)
{
	static const char *const zh[] = {"", "个人", "共享", "会议室", "设备"};
	for (int k = ACCOUNT_PERSON; k <= ACCOUNT_EQUIPMENT; k++)
		if (slice_eq(s, slice_z(zh[k]))) {
			*ret = (enum account_kind)k;
			return true;
		}
	return account_kind_parse(s, ret);
}

static bool read_bool(slice s, bool *ret)
{
	*ret = slice_ieq(s, S("yes")) || slice_ieq(s, S("true")) || slice_eq(s, S("1")) ||
	       slice_eq(s, S("是"));
	return *ret || slice_ieq(s, S("no")) || slice_ieq(s, S("false")) || slice_eq(s, S("0")) ||
	       slice_eq(s, S("否"));
}

/* What the cell means; false: nothing. */
static bool read_cell(struct import *x, struct import_row *r, enum import_column c, slice v)
{
	switch (c) {
	case IMPORT_ADDRESS:
		r->address = v; /* made canonical below */
		return true;
	case IMPORT_NAME:
		r->name = v;
		return true;
	case IMPORT_PASSWORD_CELL:
		r->password = v;
		return true;
	case IMPORT_HASH:
		r->hash = v;
		return true;
	case IMPORT_KIND:
		return read_kind(v, &r->kind);
	case IMPORT_DEPARTMENT:
		r->department = v;
		return true;
	case IMPORT_CLASS:
		r->class = v;
		return true;
	case IMPORT_QUOTA:
		return read_amount(v, true, &r->quota);
	case IMPORT_MESSAGES:
		return read_amount(v, false, &r->messages);
	case IMPORT_SERVICES:
		return services_parse(v, &r->services);
	case IMPORT_LANGUAGE:
		r->language = v;
		return true;
	case IMPORT_ALIASES:
		r->aliases = v;
		return true;
	case IMPORT_DISABLED:
		return read_bool(v, &r->disabled);
	default:
		if (!r->field)
			r->field = ARENA_ARRAY(&x->mem, slice, FIELD_COUNT);
		r->field[c - IMPORT_FIELDS] = v;
		return true;
	}
}

static struct import_row *new_row(struct import *x)
{
	if (x->n == x->cap) {
		x->cap = x->cap ? x->cap * 2 : 256;
		x->rows = mem_grow(x->rows, x->cap * sizeof *x->rows);
	}
	struct import_row *r = &x->rows[x->n++];
	*r = (struct import_row){.kind = ACCOUNT_PERSON};
	return r;
}

static void read_row(struct import *x, unsigned line, const slice *cells, size_t n,
	const enum import_column columns[CSV_COLUMNS_MAX], size_t ncolumns)
{
	struct import_row *r = new_row(x);
	r->line = line;
	for (size_t i = 0; i < n; i++) {
		bool raw = i < ncolumns && columns[i] == IMPORT_PASSWORD_CELL;
		slice v = raw ? cells[i] : slice_trim(cells[i]);
		if (v.n == 0)
			continue;
		if (i >= ncolumns) {
			IMPORT_MISTAKE(x, line, "there are more cells than columns");
			return;
		}
		if (columns[i] == IMPORT_SKIP)
			continue;
		if (columns[i] < IMPORT_FIELDS)
			r->given |= (uint16_t)(1u << columns[i]);
		if (!read_cell(x, r, columns[i], v))
			IMPORT_MISTAKE(x, line, "%s cannot be %.*s",
				import_names[columns[i] - 1].en, SFMT(slice_first(v, 100)));
	}
	slice key;
	if (!import_given(r, IMPORT_ADDRESS)) {
		IMPORT_MISTAKE(x, line, "there is no address");
	} else if (!directory_canonical(r->address, &x->mem, &key)) {
		IMPORT_MISTAKE(
			x, line, "not a mail address: %.*s", SFMT(slice_first(r->address, 300)));
		r->given &= (uint16_t) ~(1u << IMPORT_ADDRESS);
	} else {
		r->address = key;
	}
}

bool import_next_address(slice *list, slice *ret)
{
	size_t n = 0;
	while (list->n && strchr(" ,;\t\r\n", list->p[0]))
		*list = slice_skip(*list, 1);
	while (n < list->n && !strchr(" ,;\t\r\n", list->p[n]))
		n++;
	*ret = slice_first(*list, n);
	*list = slice_skip(*list, n);
	return n > 0;
}

/* ---- the whole table ---- */

static int read_table(struct import *x, struct err *e)
{
	static const char *const why[] = {[CSV_OPEN_QUOTE] = "a quote is never closed",
		[CSV_TOO_MANY] = "there are too many columns",
		[CSV_TOO_LONG] = "a cell is too long"};
	struct csv csv = csv_begin(buf_slice(&x->text));
	slice *cells = ARENA_ARRAY(&x->mem, slice, CSV_COLUMNS_MAX);
	enum import_column *columns = ARENA_ARRAY(&x->mem, enum import_column, CSV_COLUMNS_MAX);
	size_t n, ncolumns;
	enum csv_result r = csv_next(&csv, &x->mem, cells, &ncolumns);
	if (r == CSV_ROW)
		read_header(x, csv.line, cells, ncolumns, columns);
	if (x->mistakes)
		return 0;
	while (r == CSV_ROW && (r = csv_next(&csv, &x->mem, cells, &n)) == CSV_ROW) {
		if (x->n == IMPORT_ROWS_MAX)
			return err_set(
				e, ERR_LIMIT, "a table has at most %d rows", IMPORT_ROWS_MAX);
		read_row(x, csv.line, cells, n, columns, ncolumns);
	}
	if (r != CSV_END)
		IMPORT_MISTAKE(x, csv.line, "%s", why[r]);
	return 0;
}

int directory_import_read(struct sql *db, slice file, const struct import_options *o,
	struct import **ret, struct import_result *ret_result, struct err *e)
{
	struct import *x = NEW(struct import);
	x->db = db;
	x->o = *o;
	x->text = BUF(IMPORT_BYTES_MAX);
	*ret_result = (struct import_result){0};
	int r = 0;
	if (!csv_text(file, &x->text))
		r = err_set(e, ERR_PROTO,
			"the table is neither UTF-8 nor GB18030, or larger than %d MiB",
			IMPORT_BYTES_MAX >> 20);
	if (r == 0)
		r = read_table(x, e);
	if (r == 0)
		r = import_check(x, e);
	tell_mistakes(x);
	ret_result->rows = x->n;
	ret_result->mistakes = x->mistakes;
	if (r == 0 && x->mistakes)
		r = err_set(e, ERR_PROTO, "the table has %zu mistakes: nothing was changed",
			x->mistakes);
	if (r < 0)
		directory_import_free(x);
	else
		*ret = x;
	return r;
}

void directory_import_free(struct import *x)
{
	if (!x)
		return;
	map_done(&x->by_address);
	map_done(&x->classes);
	map_done(&x->departments);
	buf_done(&x->text);
	arena_done(&x->mem);
	free(x->rows);
	free(x->told);
	free(x);
}
