/*
 * The commands that read and change scripts (RFC 5804 2.4 - 2.12). A script is compiled before it is stored, so that none with mistakes is ever
 * there; what the compiler says goes to the client line by line.
 */
#include "mail/scripts.h"
#include "proto/managesieve/session.h"

struct job {
	struct managesieve *s;
	slice name, other; /* other: the text, or the new name */
	uint64_t bytes;
	enum script_room room;
	struct script *v;
	size_t n;
	struct sieve_mistakes mistakes;
	bool fine;
};

static int run(struct managesieve *s, int (*fn)(struct sql *db, void *arg, struct err *e),
	struct job *j, struct err *e)
{
	return managesieve_store_call(s->service->scripts, fn, j, e);
}

/* Does what a command needs; OK or NO. */
static void do_it(
	struct managesieve *s, int (*fn)(struct sql *db, void *arg, struct err *e), struct job *j)
{
	struct err e = {0};
	if (run(s, fn, j, &e) < 0)
		managesieve_fail(s, &e);
	else
		managesieve_ok(s, NULL, S(""));
}

/* ---- room ---- */

static int look_for_room(struct sql *db, void *arg, struct err *e)
{
	struct job *j = arg;
	return script_room(db, j->s->account_id, j->name, j->bytes, &j->room, e);
}

/* False: there is none, and it was said. */
static bool has_room(struct managesieve *s, slice name, uint64_t bytes)
{
	struct job j = {.s = s, .name = name, .bytes = bytes};
	struct err e = {0};
	if (script_name_check(name, &e) < 0 || run(s, look_for_room, &j, &e) < 0)
		managesieve_fail(s, &e);
	else if (j.room == SCRIPT_TOO_MANY)
		managesieve_no(s, "QUOTA/MAXSCRIPTS", S("There are too many scripts"));
	else if (j.room == SCRIPT_TOO_LARGE)
		managesieve_no(s, "QUOTA/MAXSIZE", S("There is no room for so long a script"));
	else
		return true;
	return false;
}

void managesieve_havespace(struct managesieve *s, const struct managesieve_args *args)
{
	if (has_room(s, args->v[0].text, args->v[1].n))
		managesieve_ok(s, NULL, S(""));
}

/* ---- putting ---- */

static void tell_mistakes(struct managesieve *s, const struct job *j, bool fine)
{
	slice text = scripts_mistakes(&j->mistakes, false, &s->base.mem);
	if (fine)
		managesieve_ok(s, text.n ? "WARNINGS" : NULL, text);
	else
		managesieve_no(s, NULL, text);
}

static int put(struct sql *db, void *arg, struct err *e)
{
	struct job *j = arg;
	const struct script script = {.account_id = j->s->account_id,
		.name = j->name,
		.text = j->other,
		.changed_by = j->s->login};
	return scripts_put(db, &script, false, &j->s->base.mem, &j->mistakes, e);
}

void managesieve_putscript(struct managesieve *s, const struct managesieve_args *args)
{
	struct job j = {.s = s, .name = args->v[0].text, .other = args->v[1].text};
	struct err e = {0};
	if (!has_room(s, j.name, j.other.n))
		return;
	int r = run(s, put, &j, &e);
	if (r < 0 && !(e.kind == ERR_PROTO && j.mistakes.n)) {
		managesieve_fail(s, &e);
		return;
	}
	s->base.sum.messages += r == 0;
	tell_mistakes(s, &j, r == 0);
}

static int check(struct sql *db, void *arg, struct err *e)
{
	struct job *j = arg;
	(void)db;
	(void)e;
	j->fine = scripts_check(S("script"), j->other, false, 0, &j->s->base.mem, &j->mistakes);
	return 0;
}

/* In the pool as well: a long script must not hold up everybody's sessions. */
void managesieve_checkscript(struct managesieve *s, const struct managesieve_args *args)
{
	struct job j = {.s = s, .other = args->v[0].text};
	struct err e = {0};
	if (run(s, check, &j, &e) < 0)
		managesieve_fail(s, &e);
	else
		tell_mistakes(s, &j, j.fine);
}

/* ---- reading ---- */

static int list(struct sql *db, void *arg, struct err *e)
{
	struct job *j = arg;
	return script_list(db, j->s->account_id, &j->s->base.mem, &j->v, &j->n, e);
}

void managesieve_listscripts(struct managesieve *s, const struct managesieve_args *args)
{
	struct job j = {.s = s};
	struct err e = {0};
	(void)args;
	if (run(s, list, &j, &e) < 0) {
		managesieve_fail(s, &e);
		return;
	}
	for (size_t i = 0; i < j.n; i++) {
		managesieve_string(s, j.v[i].name);
		managesieve_put(s, j.v[i].active ? S(" ACTIVE\r\n") : S("\r\n"));
	}
	managesieve_ok(s, NULL, S(""));
}

static int get(struct sql *db, void *arg, struct err *e)
{
	struct job *j = arg;
	j->v = ARENA_NEW(&j->s->base.mem, struct script);
	return script_get(db, j->s->account_id, j->name, &j->s->base.mem, j->v, e);
}

void managesieve_getscript(struct managesieve *s, const struct managesieve_args *args)
{
	struct job j = {.s = s, .name = args->v[0].text};
	struct err e = {0};
	if (run(s, get, &j, &e) < 0) {
		managesieve_fail(s, &e);
		return;
	}
	managesieve_put(s, arena_printf(&s->base.mem, "{%zu}\r\n", j.v->text.n));
	managesieve_put(s, j.v->text);
	managesieve_put(s, S("\r\n"));
	s->base.sum.messages++;
	managesieve_ok(s, NULL, S(""));
}

/* ---- changing ---- */

static int activate(struct sql *db, void *arg, struct err *e)
{
	struct job *j = arg;
	return script_activate(db, j->s->account_id, j->name, j->s->login, e);
}

void managesieve_setactive(struct managesieve *s, const struct managesieve_args *args)
{
	struct job j = {.s = s, .name = args->v[0].text};
	do_it(s, activate, &j);
}

static int remove_it(struct sql *db, void *arg, struct err *e)
{
	struct job *j = arg;
	return script_remove(db, j->s->account_id, j->name, e);
}

void managesieve_deletescript(struct managesieve *s, const struct managesieve_args *args)
{
	struct job j = {.s = s, .name = args->v[0].text};
	do_it(s, remove_it, &j);
}

static int rename_it(struct sql *db, void *arg, struct err *e)
{
	struct job *j = arg;
	return script_rename(db, j->s->account_id, j->name, j->other, e);
}

void managesieve_renamescript(struct managesieve *s, const struct managesieve_args *args)
{
	struct job j = {.s = s, .name = args->v[0].text, .other = args->v[1].text};
	struct err e = {0};
	if (script_name_check(j.other, &e) < 0)
		managesieve_fail(s, &e);
	else
		do_it(s, rename_it, &j);
}
