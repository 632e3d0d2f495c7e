/* Who is on a mailing list, for `posthouse maillist` (cli_maillist.h): joining, leaving, files of addresses, how they get its mail. */
#include "bin/cli_maillist.h"

#include "base/mem.h"
#include "base/time.h"
#include "bin/cli_out.h"
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

enum { LINE_BYTES = 2000 };

static int put_member(struct cli_lists *x, slice address, bool *ret_new, struct err *e)
{
	slice key;
	if (!directory_canonical(address, &x->env.mem, &key))
		return err_set(e, ERR_PROTO, "not an address: %.*s", SFMT(address));
	if (!x->counted && maillist_room(x->h.lists, x->l.id, &x->room, e) < 0)
		return -1;
	x->counted = true;
	return maillist_join_within_tx(
		x->h.lists, x->l.id, key, S(""), wall_now(), &x->room, ret_new, e);
}

static int join_all(struct cli_call *c, struct cli_lists *x, struct err *e)
{
	bool fresh;
	for (int i = 1; i < c->nargs; i++)
		if (put_member(x, cli_arg(c, i), &fresh, e) < 0)
			return -1;
	return 0;
}

int cli_maillist_join(struct cli_call *c)
{
	AUTO(cli_lists) struct cli_lists x = {0};
	struct err e;
	if (!cli_maillist_begin(c, &x, true))
		return x.code;
	if (sql_begin(x.h.lists, &e) < 0 ||
		cli_maillist_end(x.h.lists, join_all(c, &x, &e), &e) < 0)
		return out_fail(&e);
	printf(T("They are on %.*s.\n", "已加入 %.*s。\n"), SFMT(x.l.address));
	return CLI_OK;
}

int cli_maillist_leave(struct cli_call *c)
{
	AUTO(cli_lists) struct cli_lists x = {0};
	struct maillist_source *v;
	size_t n;
	struct err e;
	if (!cli_maillist_begin(c, &x, true))
		return x.code;
	if (maillist_sources(x.h.directory, x.l.id, &x.env.mem, &v, &n, &e) < 0 ||
		sql_begin(x.h.lists, &e) < 0)
		return out_fail(&e);
	int r = 0;
	for (int i = 1; r == 0 && i < c->nargs; i++) {
		slice key = cli_arg(c, i);
		directory_canonical(key, &x.env.mem, &key);
		r = maillist_leave_tx(x.h.lists, x.l.id, key, n > 0, wall_now(), &e);
	}
	if (cli_maillist_end(x.h.lists, r, &e) < 0)
		return out_fail(&e);
	printf(T("They are on %.*s no more.\n", "已移出 %.*s。\n"), SFMT(x.l.address));
	return CLI_OK;
}

/* One address a line; what stands behind a comma or blank does not count, nor do lines with #. */
static int import_file(
	struct cli_lists *x, FILE *f, unsigned *ret_new, unsigned *ret_bad, struct err *e)
{
	char line[LINE_BYTES];
	while (fgets(line, sizeof line, f)) {
		slice s = slice_trim(slice_z(line));
		bool fresh = false;
		if (!s.n || s.p[0] == '#')
			continue;
		s = slice_trim(slice_first(s, strcspn(s.p, ",; \t\r\n")));
		if (put_member(x, s, &fresh, e) < 0) {
			if (e->kind != ERR_PROTO)
				return -1;
			fprintf(stderr, T("not an address: %.*s\n", "不是地址：%.*s\n"), SFMT(s));
			++*ret_bad;
		}
		*ret_new += fresh;
	}
	return ferror(f) ? err_sys(e, errno, "reading") : 0;
}

int cli_maillist_import(struct cli_call *c)
{
	AUTO(cli_lists) struct cli_lists x = {0};
	struct err e;
	unsigned fresh = 0, bad = 0;
	FILE *f = stdin;
	if (c->nargs > 1 && !slice_eq(cli_arg(c, 1), S("-")))
		f = fopen(c->args[1], "r");
	if (!f) {
		err_sys(&e, errno, "%s", c->args[1]);
		return out_fail(&e);
	}
	int code = CLI_OK;
	if (!cli_maillist_begin(c, &x, true))
		code = x.code;
	else if (sql_begin(x.h.lists, &e) < 0 ||
		 cli_maillist_end(x.h.lists, import_file(&x, f, &fresh, &bad, &e), &e) < 0)
		code = out_fail(&e);
	else
		printf(T("%u new members, %u lines that are no addresses.\n",
			       "新增成员 %u 个，%u 行不是地址。\n"),
			fresh, bad);
	if (f != stdin)
		fclose(f);
	return code ? code : bad ? CLI_FAILED : CLI_OK;
}

static void member_row(struct listing *l, const struct maillist_member *m, struct arena *a)
{
	char score[30];
	snprintf(score, sizeof score, "%.2f", (double)m->score / MAILLIST_BOUNCE_HARD);
	if (l->json) {
		json_open_object(&l->j, NULL);
		json_text(&l->j, "address", m->address);
		json_text(&l->j, "name", m->name);
		json_text(&l->j, "state", slice_z(maillist_state_name(m->state)));
		json_bool(&l->j, "own", m->own);
		json_bool(&l->j, "digest", m->digest);
		json_text(&l->j, "bounces", slice_z(score));
		json_text(&l->j, "bounce", m->bounce);
		json_time(&l->j, "joined_at", m->joined_at);
		json_close(&l->j, '}');
		return;
	}
	table_cell(l->table, out_address(m->address, a));
	table_cell(l->table, slice_z(maillist_state_name(m->state)));
	table_cell(l->table, slice_z(m->digest ? T("digest", "汇总") : ""));
	table_cell(l->table, slice_z(score));
	table_cell(l->table, m->bounce);
}

static int list_members(struct cli_call *c, int state, bool bounces)
{
	AUTO(cli_lists) struct cli_lists x = {0};
	struct listing l;
	struct maillist_member *v;
	struct err e = {0};
	size_t n = MAILLIST_PAGE_MAX;
	slice after = S("");
	int r = 0;
	if (!cli_maillist_begin(c, &x, true))
		return x.code;
	const char *const heads[] = {T("MEMBER", "成员"), T("STATE", "状态"), T("WISH", "方式"),
		T(">BOUNCES", ">退信"), T("LAST", "最近退信")};
	listing_begin(&l, c->cli->json, "members", heads, 5);
	while (r == 0 && n == MAILLIST_PAGE_MAX) {
		r = maillist_members(x.h.lists, x.l.id, after, state, 0, &x.env.mem, &v, &n, &e);
		for (size_t i = 0; r == 0 && i < n; i++) {
			after = v[i].address;
			if (!bounces || v[i].bounced_at)
				member_row(&l, &v[i], &x.env.mem);
		}
	}
	listing_end_rows(&l);
	listing_end(&l);
	return r < 0 ? out_fail(&e) : CLI_OK;
}

int cli_maillist_members(struct cli_call *c)
{
	return list_members(c, 0, false);
}

int cli_maillist_bounces(struct cli_call *c)
{
	return list_members(c, 0, true);
}

/* Who would get a post. */
int cli_maillist_export(struct cli_call *c)
{
	AUTO(cli_lists) struct cli_lists x = {0};
	struct maillist_reader *v;
	struct err e;
	slice next = S("");
	size_t n;
	bool more = true;
	if (!cli_maillist_begin(c, &x, true))
		return x.code;
	while (more) {
		AUTO(arena) struct arena a = {0};
		if (maillist_readers(x.h.lists, x.h.directory, x.l.id, next, 0, &a, &v, &n, &next,
			    &more, &e) < 0)
			return out_fail(&e);
		for (size_t i = 0; i < n; i++)
			printf("%.*s\n", SFMT(v[i].address));
		next = arena_dup(&x.env.mem, next);
	}
	return CLI_OK;
}

static int wish(struct cli_call *c, enum maillist_state state, int digest)
{
	AUTO(cli_lists) struct cli_lists x = {0};
	struct maillist_member m;
	struct err e;
	if (!cli_maillist_begin(c, &x, true))
		return x.code;
	for (int i = 1; i < c->nargs; i++) {
		slice key = cli_arg(c, i);
		int64_t id;
		directory_canonical(key, &x.env.mem, &key);
		if (sql_begin(x.h.lists, &e) < 0)
			return out_fail(&e);
		int r = maillist_known_tx(x.h.lists, x.l.id, key, wall_now(), &id, &e);
		if (r == 0)
			r = maillist_member_by_id(x.h.lists, id, &x.env.mem, &m, &e);
		if (r == 0)
			r = maillist_wish_tx(
				x.h.lists, id, state, digest < 0 ? m.digest : digest, &e);
		if (cli_maillist_end(x.h.lists, r, &e) < 0)
			return out_fail(&e);
	}
	return CLI_OK;
}

int cli_maillist_member(struct cli_call *c)
{
	int digest = cli_flag(c, "digest") ? 1 : cli_flag(c, "no-digest") ? 0 : -1;
	return wish(c, cli_flag(c, "nomail") ? MAILLIST_NOMAIL : MAILLIST_ACTIVE, digest);
}
