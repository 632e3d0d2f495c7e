/*
 * Logging in to POP3: USER and PASS (RFC 1939 7), AUTH (RFC 5034), STLS (RFC 2595 4). What is in the SASL exchange is judged elsewhere (the
 * ops' auth_start and auth_step); what is held of it here is wiped. USER and PASS are the mechanism PLAIN.
 */
#include "proto/pop3/session.h"

#include "base/b64.h"
#include "base/mem.h"
#include "run/co.h"
#include "run/tls.h"
#include <string.h>

enum { RESPONSE_MAX = POP3_LINE_MAX };

static void wipe(struct buf *b)
{
	if (b->p)
		explicit_bzero(b->p, b->cap);
	buf_done(b);
}

/* ---- TLS ---- */

bool pop3_start_tls(struct pop3 *s)
{
	struct err e;
	io_set_deadline(s->io, s->began + s->service->limits.login_time);
	if (io_flush(s->io, &e) < 0 || tls_accept(s->io, s->service->tls, &e) < 0) {
		pop3_end(s, "tls", e.text);
		return false;
	}
	s->tls = true;
	if (s->ops->tls)
		s->ops->tls(s->arg, s->io);
	return true;
}

void pop3_stls(struct pop3 *s, slice arg)
{
	(void)arg;
	if (s->tls || s->service->tls_mode != SESSION_TLS_OFFER) {
		s->bad++;
		pop3_err(s, NULL, s->tls ? "TLS is on already" : "TLS is not offered here");
		return;
	}
	/* What was said in clear before counts for nothing (RFC 2595 4). */
	free(take(&s->user));
	s->utf8 = false;
	pop3_ok(s, "Begin TLS");
	if (!s->over)
		pop3_start_tls(s);
}

/* ---- mechanisms ---- */

static bool offered(const struct pop3 *s, slice mech)
{
	bool plus = mech.n > 5 && slice_eq(slice_skip(mech, mech.n - 5), S("-PLUS"));
	return pop3_may_log_in(s) && (s->tls || !plus);
}

bool pop3_next_mech(const struct pop3 *s, size_t *it, slice *ret)
{
	while (*it < s->service->nmechs) {
		*ret = s->service->mechs[(*it)++];
		if (offered(s, *ret))
			return true;
	}
	return false;
}

static bool known(const struct pop3 *s, slice mech)
{
	slice one;
	for (size_t it = 0; pop3_next_mech(s, &it, &one);)
		if (slice_ieq(one, mech))
			return true;
	return false;
}

/* ---- the outcome ---- */

static void enter(struct pop3 *s, slice login)
{
	struct err e = {0};
	if (pop3_drop_open(s, login, &e) == 0) {
		s->state = POP3_TRANSACTION;
		pop3_ok(s, "%zu messages", s->n);
		return;
	}
	pop3_drop_close(s);
	/* The person was right: nothing to do again with another password. */
	pop3_err(s, e.kind == ERR_DENIED ? "SYS/PERM" : "SYS/TEMP", "%s",
		e.kind == ERR_LIMIT || e.kind == ERR_DENIED
			? e.text
			: "The mailbox cannot be opened now, try later");
	pop3_end(s, "mailbox", e.text);
}

static void failed(struct pop3 *s)
{
	s->failures++;
	pop3_err(s, "AUTH", "Wrong user name or password");
	if (s->failures >= s->service->limits.login_failures)
		pop3_end(s, "auth", "too many failed logins");
}

static void conclude(struct pop3 *s, enum login_step a, const struct login_result *r)
{
	if (a == LOGIN_OK && r->login.n)
		enter(s, r->login);
	else if (a == LOGIN_EXPIRED || a == LOGIN_NOT_HERE)
		pop3_err(s, "AUTH", "%.*s", SFMT(r->why));
	else if (a == LOGIN_TEMP || a == LOGIN_MORE)
		pop3_err(s, "SYS/TEMP", "Logins cannot be checked at the moment");
	else
		failed(s);
}

/* ---- USER and PASS ---- */

static void refuse_clear(struct pop3 *s)
{
	pop3_err(s, NULL, "Encryption required: say STLS first");
}

void pop3_user(struct pop3 *s, slice arg)
{
	if (!pop3_may_log_in(s)) {
		refuse_clear(s);
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
	struct buf plain = BUF(RESPONSE_MAX + POP3_USER_MAX + 2);
	struct login_result r = {0};
	if (!pop3_may_log_in(s)) {
		refuse_clear(s);
		return;
	}
	if (!user) {
		pop3_err(s, NULL, "USER first");
		return;
	}
	buf_byte(&plain, 0);
	buf_put(&plain, slice_z(user));
	buf_byte(&plain, 0);
	buf_put(&plain, arg);
	const struct login_start start = {
		.mech = S("PLAIN"), .has_initial = true, .initial = buf_slice(&plain)};
	enum login_step a = s->ops->auth_start(s->arg, &start, &s->mem, &r);
	if (a == LOGIN_MORE)
		s->ops->auth_cancel(s->arg);
	wipe(&plain);
	conclude(s, a, &r);
}

/* ---- AUTH ---- */

static bool decode(struct pop3 *s, slice text, struct buf *out)
{
	buf_reset(out);
	if (b64_decode(out, text))
		return true;
	s->bad++;
	pop3_err(s, NULL, "Not base64");
	return false;
}

/* Sends a challenge and waits for the answer; false: it was answered, or the session is over. */
static bool ask(struct pop3 *s, slice challenge, struct buf *out)
{
	AUTO(buf) struct buf line = BUF(4 * POP3_LINE_MAX);
	slice answer;
	buf_put(&line, S("+ "));
	b64_encode(&line, challenge);
	buf_put(&line, S("\r\n"));
	pop3_put(s, buf_slice(&line));
	if (!pop3_read_line(s, &answer))
		return false;
	if (!slice_eq(answer, S("*")))
		return decode(s, answer, out);
	pop3_err(s, NULL, "Authentication cancelled");
	return false;
}

/* What the server says last goes out as a challenge that is answered by nothing (RFC 5034 4). */
static bool last_word(struct pop3 *s, slice challenge, struct buf *response)
{
	if (!challenge.n)
		return true;
	if (!ask(s, challenge, response))
		return false;
	if (response->n == 0)
		return true;
	pop3_err(s, NULL, "An empty answer was expected");
	return false;
}

static void exchange(struct pop3 *s, const struct login_start *start, struct buf *response)
{
	struct login_result r = {0};
	enum login_step a = s->ops->auth_start(s->arg, start, &s->mem, &r);
	while (a == LOGIN_MORE) {
		if (!ask(s, r.challenge, response)) {
			s->ops->auth_cancel(s->arg);
			return;
		}
		r = (struct login_result){0};
		a = s->ops->auth_step(s->arg, buf_slice(response), &s->mem, &r);
	}
	if (a != LOGIN_OK || last_word(s, r.challenge, response))
		conclude(s, a, &r);
}

static void begin(struct pop3 *s, slice mech, slice initial, bool has_initial, struct buf *response)
{
	char data[64];
	/* The arguments lie in the line, which is gone after the first wait. */
	struct login_start start = {.mech = arena_dup(&s->mem, mech), .has_initial = has_initial};
	start.cb_data.p = data;
	if (!s->tls || !tls_channel_binding(s->io, &start.cb_type, data, &start.cb_data.n))
		start.cb_type = NULL, start.cb_data = S("");
	/* "=": there, and empty. */
	if (has_initial && !decode(s, slice_eq(initial, S("=")) ? S("") : initial, response))
		return;
	/* All but LOGIN begin with the client: ask for what it could have sent at once. */
	if (!has_initial && !slice_ieq(mech, S("LOGIN"))) {
		if (!ask(s, S(""), response))
			return;
		start.has_initial = true;
	}
	start.initial = start.has_initial ? buf_slice(response) : S("");
	exchange(s, &start, response);
}

static void list_mechs(struct pop3 *s)
{
	slice mech;
	pop3_ok(s, "Mechanisms follow");
	for (size_t it = 0; pop3_next_mech(s, &it, &mech);)
		pop3_printf(s, "%.*s", SFMT(mech));
	pop3_put(s, S(".\r\n"));
}

void pop3_auth(struct pop3 *s, slice arg)
{
	struct buf response = BUF(RESPONSE_MAX);
	size_t blank = slice_index(arg, ' ');
	slice mech = slice_first(arg, blank);
	slice initial = blank < arg.n ? slice_trim(slice_skip(arg, blank + 1)) : S("");
	if (arg.n == 0)
		list_mechs(s);
	else if (!pop3_may_log_in(s))
		refuse_clear(s);
	else if (!known(s, mech))
		pop3_err(s, NULL, "This mechanism is not offered");
	else
		begin(s, mech, initial, blank < arg.n, &response);
	wipe(&response);
}
