/*
 * Logging in to POP3: USER and PASS (RFC 1939 7), AUTH (RFC 5034), STLS (RFC 2595 4), on the frame of sessions (mail/session.h). USER and
 * PASS are the mechanism PLAIN.
 */
#include "proto/pop3/session.h"

#include "base/mem.h"
#include <stdio.h>

void pop3_stls(struct pop3 *s, slice arg)
{
	const char *why = session_no_tls(&s->base);
	(void)arg;
	if (why) {
		pop3_err(s, NULL, "%s", why);
		session_bad(&s->base);
		return;
	}
	/* What was said in clear before counts for nothing (RFC 2595 4). */
	free(take(&s->user));
	s->utf8 = false;
	pop3_ok(s, "Begin TLS");
	if (!s->base.over)
		session_start_tls(&s->base);
}

/* ---- how POP3 speaks (mail/session.h) ---- */

static void card(void *arg, void *file)
{
	const struct pop3 *s = arg;
	fprintf(file, "pop3 session: state %d messages %zu commands %llu\n", s->state, s->n,
		(unsigned long long)s->base.sum.commands);
}

/* RFC 1939 3: who is silent for too long is hung up on without a word, and nothing is deleted. */
static void bye(struct session *base, enum session_end end, const char *why)
{
	if (end == SESSION_CANCELLED)
		pop3_err((struct pop3 *)base, "SYS/TEMP", "%s", why);
	else if (end == SESSION_LINE || end == SESSION_COMMANDS)
		pop3_err((struct pop3 *)base, NULL, "%s", why);
}

static void no(struct session *base, enum session_no no, slice why)
{
	static const char *const codes[] = {
		[SESSION_NO_PASSWORD] = "AUTH", [SESSION_NO_JUDGE] = "SYS/TEMP"};
	if (no == SESSION_NO_TLS)
		why = S("Encryption required: say STLS first");
	pop3_err((struct pop3 *)base, codes[no], "%.*s", SFMT(why));
}

static bool ask(struct session *s, slice challenge, slice *ret_answer)
{
	session_put(s, S("+ "));
	session_put(s, challenge);
	session_put(s, S("\r\n"));
	return session_wait(s, POP3_LINE_MAX, ret_answer);
}

static void enter(struct session *base, slice login, slice last)
{
	struct pop3 *s = (struct pop3 *)base;
	struct err e = {0};
	(void)last;
	if (pop3_drop_open(s, login, &e) == 0) {
		s->state = POP3_TRANSACTION;
		base->inside = true;
		pop3_ok(s, "%zu messages", s->n);
		return;
	}
	pop3_drop_close(s);
	/* The person was right: nothing to do again with another password. */
	pop3_err(s, e.kind == ERR_DENIED ? "SYS/PERM" : "SYS/TEMP", "%s",
		e.kind == ERR_LIMIT || e.kind == ERR_DENIED
			? e.text
			: "The mailbox cannot be opened now, try later");
	session_end(base, "mailbox", e.text);
}

const struct session_kind pop3_kind = {
	.card = card, .bye = bye, .no = no, .ask = ask, .enter = enter, .last_is_asked = true};

/* ---- USER and PASS ---- */

void pop3_user(struct pop3 *s, slice arg)
{
	if (!session_may_log_in(&s->base)) {
		no(&s->base, SESSION_NO_TLS, S(""));
		return;
	}
	if (arg.n > POP3_USER_MAX || slice_index(arg, 0) < arg.n) {
		pop3_err(s, NULL, "This is no user name");
		return;
	}
	free(s->user);
	s->user = mem_dup(arg.p, arg.n);
	pop3_ok(s, "Password, please"); /* whether there is such a user or not */
}

void pop3_pass(struct pop3 *s, slice arg)
{
	AUTO(free) char *user = take(&s->user);
	if (!session_may_log_in(&s->base))
		no(&s->base, SESSION_NO_TLS, S(""));
	else if (!user)
		pop3_err(s, NULL, "USER first");
	else
		session_password(&s->base, slice_z(user), arg);
}

/* ---- AUTH ---- */

static void list_mechs(struct pop3 *s)
{
	slice mech;
	pop3_ok(s, "Mechanisms follow");
	for (size_t it = 0; session_next_mech(&s->base, &it, &mech);)
		pop3_printf(s, "%.*s", SFMT(mech));
	pop3_put(s, S(".\r\n"));
}

/* "=" is an initial answer that is empty. */
void pop3_auth(struct pop3 *s, slice arg)
{
	size_t blank = slice_index(arg, ' ');
	slice initial = slice_trim(slice_skip(arg, blank));
	if (slice_eq(initial, S("=")))
		initial = S("");
	if (arg.n == 0)
		list_mechs(s);
	else
		session_authenticate(
			&s->base, slice_first(arg, blank), blank < arg.n ? &initial : NULL);
}
