/*
 * The commands of ManageSieve: which there are, when they may come, and those that touch neither logins nor scripts: CAPABILITY, NOOP,
 * LOGOUT (RFC 5804 2).
 */
#include "base/mem.h"
#include "mail/scripts.h"
#include "proto/managesieve/session.h"
#include <stdio.h>

enum when { BEFORE = 1, INSIDE = 2, ANY = 3 };

static void capability(struct managesieve *s, const char *name, slice value)
{
	managesieve_string(s, slice_z(name));
	managesieve_put(s, S(" "));
	managesieve_string(s, value);
	managesieve_put(s, S("\r\n"));
}

static void mechanisms(struct managesieve *s)
{
	AUTO(buf) struct buf names = BUF(4096);
	slice mech;
	for (size_t it = 0; session_next_mech(&s->base, &it, &mech);) {
		if (names.n)
			buf_byte(&names, ' ');
		buf_put(&names, mech);
	}
	capability(s, "SASL", buf_slice(&names));
}

void managesieve_capabilities(struct managesieve *s)
{
	char number[24];
	capability(s, "IMPLEMENTATION",
		arena_printf(&s->base.mem, "Posthouse %.*s", SFMT(s->service->session.version)));
	mechanisms(s);
	capability(s, "SIEVE", sieve_extensions());
	capability(s, "NOTIFY", sieve_notify_methods());
	snprintf(number, sizeof number, "%u", sieve_limits_default.redirects);
	capability(s, "MAXREDIRECTS", slice_z(number));
	if (!session_no_tls(&s->base))
		managesieve_put(s, S("\"STARTTLS\"\r\n"));
	if (s->base.inside)
		capability(s, "OWNER", s->login);
	managesieve_put(s, S("\"UNAUTHENTICATE\"\r\n"));
	capability(s, "VERSION", S("1.0"));
	managesieve_ok(s, NULL, S(""));
}

static void capability_command(struct managesieve *s, const struct managesieve_args *args)
{
	(void)args;
	managesieve_capabilities(s);
}

/* RFC 5804 2.13: the string comes back, so that a client finds its place. */
static void noop(struct managesieve *s, const struct managesieve_args *args)
{
	if (args->n) {
		managesieve_put(s, S("OK (TAG "));
		managesieve_string(s, args->v[0].text);
		managesieve_put(s, S(") \"Done\"\r\n"));
		return;
	}
	managesieve_ok(s, NULL, S("Nothing done"));
}

static void logout(struct managesieve *s, const struct managesieve_args *args)
{
	(void)args;
	managesieve_ok(s, NULL, S("Bye"));
	session_end(&s->base, "logout", NULL);
}

static const struct command {
	const char *name;
	enum when when;
	const char *args; /* s: a string, n: a number; behind "?" they may be missing */
	managesieve_fn run;
} table[] = {
	{"AUTHENTICATE", BEFORE, "s?s", managesieve_authenticate},
	{"STARTTLS", BEFORE, "", managesieve_starttls},
	{"UNAUTHENTICATE", INSIDE, "", managesieve_unauthenticate},
	{"LOGOUT", ANY, "", logout},
	{"CAPABILITY", ANY, "", capability_command},
	{"NOOP", ANY, "?s", noop},
	{"HAVESPACE", INSIDE, "sn", managesieve_havespace},
	{"PUTSCRIPT", INSIDE, "ss", managesieve_putscript},
	{"CHECKSCRIPT", INSIDE, "s", managesieve_checkscript},
	{"LISTSCRIPTS", INSIDE, "", managesieve_listscripts},
	{"GETSCRIPT", INSIDE, "s", managesieve_getscript},
	{"SETACTIVE", INSIDE, "s", managesieve_setactive},
	{"DELETESCRIPT", INSIDE, "s", managesieve_deletescript},
	{"RENAMESCRIPT", INSIDE, "ss", managesieve_renamescript},
};

static bool fits(const struct managesieve_args *args, const char *wanted)
{
	bool may_end = false;
	size_t i = 0;
	for (; *wanted; wanted++) {
		if (*wanted == '?') {
			may_end = true;
			continue;
		}
		if (i == args->n)
			return may_end;
		if (args->v[i++].number != (*wanted == 'n'))
			return false;
	}
	return i == args->n;
}

static void complain(struct managesieve *s, const char *why)
{
	managesieve_no(s, NULL, slice_z(why));
	session_bad(&s->base);
}

static void run(struct managesieve *s, const struct command *c, const struct managesieve_args *args)
{
	if (!(c->when & (s->base.inside ? INSIDE : BEFORE))) {
		complain(s, s->base.inside ? "You are logged in already" : "Log in first");
	} else if (!fits(args, c->args)) {
		complain(s, "These are not the arguments of this command");
	} else if (args->too_long) {
		managesieve_no(s, "QUOTA/MAXSIZE", S("This is longer than a script may be"));
	} else {
		if (s->base.ops->state)
			s->base.ops->state(s->base.arg, c->name, S(""));
		c->run(s, args);
		if (s->base.ops->state)
			s->base.ops->state(s->base.arg, "", S(""));
	}
}

void managesieve_dispatch(struct managesieve *s, slice verb, const struct managesieve_args *args)
{
	for (size_t i = 0; i < sizeof table / sizeof *table; i++)
		if (slice_ieq(verb, slice_z(table[i].name))) {
			run(s, &table[i], args);
			return;
		}
	complain(s, "Unknown command");
}
