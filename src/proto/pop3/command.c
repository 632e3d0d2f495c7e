/*
 * The commands of POP3: which there are, when they may come, and those that touch neither logins nor mail: CAPA (RFC 2449), NOOP, UTF8
 * and LANG (RFC 6856).
 *
 * Not here: APOP (it needs passwords in clear), LAST (left out of RFC 1939). Messages with UTF-8 in their header are sent as they
 * are, also without UTF8: turning them into something else helps nobody who reads them.
 */
#include "proto/pop3/session.h"

static void capa(struct pop3 *s, slice arg)
{
	size_t it = 0;
	slice mech;
	(void)arg;
	pop3_ok(s, "Capabilities follow");
	pop3_put(
		s, S("TOP\r\nUIDL\r\nRESP-CODES\r\nAUTH-RESP-CODE\r\nPIPELINING\r\nEXPIRE NEVER\r\n"
		     "LOGIN-DELAY 0\r\nUTF8 USER\r\nLANG\r\n"));
	if (s->state == POP3_AUTHORIZATION) {
		if (!session_no_tls(&s->base))
			pop3_put(s, S("STLS\r\n"));
		if (session_may_log_in(&s->base))
			pop3_put(s, S("USER\r\n"));
		if (session_next_mech(&s->base, &it, &mech)) {
			pop3_put(s, S("SASL"));
			for (it = 0; session_next_mech(&s->base, &it, &mech);) {
				pop3_put(s, S(" "));
				pop3_put(s, mech);
			}
			pop3_put(s, S("\r\n"));
		}
	}
	pop3_printf(s, "IMPLEMENTATION Posthouse %.*s", SFMT(s->service->session.version));
	pop3_put(s, S(".\r\n"));
}

static void noop(struct pop3 *s, slice arg)
{
	(void)arg;
	pop3_ok(s, "Nothing done");
}

static void utf8(struct pop3 *s, slice arg)
{
	(void)arg;
	s->utf8 = true;
	pop3_ok(s, "UTF-8 mode");
}

/* RFC 6856 3: replies are English. */
static void lang(struct pop3 *s, slice arg)
{
	if (arg.n == 0) {
		pop3_ok(s, "Languages follow");
		pop3_put(s, S("en English\r\n.\r\n"));
	} else if (slice_eq(arg, S("*")) || slice_ieq(arg, S("en")) ||
		   slice_istarts(arg, S("en-")) || slice_ieq(arg, S("i-default"))) {
		pop3_ok(s, "en Replies are in English");
	} else {
		pop3_err(s, NULL, "This language is not spoken here");
	}
}

static const struct pop3_command table[] = {
	{"RETR", POP3_TRANSACTION, true, true, pop3_retr},
	{"DELE", POP3_TRANSACTION, true, true, pop3_dele},
	{"LIST", POP3_TRANSACTION, true, false, pop3_list},
	{"UIDL", POP3_TRANSACTION, true, false, pop3_uidl},
	{"STAT", POP3_TRANSACTION, false, false, pop3_stat},
	{"TOP", POP3_TRANSACTION, true, true, pop3_top},
	{"RSET", POP3_TRANSACTION, false, false, pop3_rset},
	{"NOOP", POP3_TRANSACTION, false, false, noop},
	{"QUIT", POP3_ANY, false, false, pop3_quit},
	{"CAPA", POP3_ANY, false, false, capa},
	{"USER", POP3_AUTHORIZATION, true, true, pop3_user},
	{"PASS", POP3_AUTHORIZATION, true, true, pop3_pass},
	{"AUTH", POP3_AUTHORIZATION, true, false, pop3_auth},
	{"STLS", POP3_AUTHORIZATION, false, false, pop3_stls},
	{"UTF8", POP3_AUTHORIZATION, false, false, utf8},
	{"LANG", POP3_ANY, true, false, lang},
};

static void complain(struct pop3 *s, const char *why)
{
	pop3_err(s, NULL, "%s", why);
	session_bad(&s->base);
}

static void run(struct pop3 *s, const struct pop3_command *c, slice arg)
{
	if (!(c->allowed_in & s->state))
		complain(s, s->state == POP3_AUTHORIZATION ? "Log in first"
							   : "You are logged in already");
	else if (arg.n && !c->may_arg)
		complain(s, "This command takes no argument");
	else if (!arg.n && c->must_arg)
		complain(s, "This command needs an argument");
	else {
		if (s->state == POP3_TRANSACTION && s->base.ops->state)
			s->base.ops->state(s->base.arg, c->name, S("INBOX"));
		c->run(s, arg);
	}
}

void pop3_dispatch(struct pop3 *s, slice line)
{
	size_t blank = slice_index(line, ' ');
	slice verb = slice_first(line, blank);
	/* PASS: all behind the first blank, blanks too; the others know none at the end. */
	slice arg = blank < line.n ? slice_skip(line, blank + 1) : S("");
	if (!slice_ieq(verb, S("PASS")))
		arg = slice_trim(arg);
	for (size_t i = 0; i < sizeof table / sizeof *table; i++)
		if (slice_ieq(verb, slice_z(table[i].name))) {
			run(s, &table[i], arg);
			return;
		}
	complain(s, "Unknown command");
}
