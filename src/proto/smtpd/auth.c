/*
 * AUTH (RFC 4954): the SASL exchange as lines of base64. What is in them is judged elsewhere (the
 * ops' auth_start and auth_step); the decoded responses held here are wiped.
 */
#include "proto/smtpd/session.h"

#include "base/b64.h"
#include "base/mem.h"
#include "run/metrics.h"
#include "run/tls.h"
#include "store/trace.h"
#include <string.h>

METRIC_COUNTER(auth_failures, "posthouse_smtp_auth_failures_total", "", "Failed SMTP logins.");

enum { AUTH_DATA_MAX = SMTP_AUTH_LINE_MAX / 4 * 3 };

enum got_response { RESPONSE_OK, RESPONSE_ANSWERED };

static void wipe(struct buf *b)
{
	if (b->p)
		explicit_bzero(b->p, b->cap);
	buf_done(b);
}

/* A response in base64; false: answered 501. */
static bool decode(struct smtpd_session *s, slice text, struct buf *out)
{
	buf_reset(out);
	if (b64_decode(out, text))
		return true;
	smtpd_complain(s, 501, "5.5.2", "Not base64");
	return false;
}

/* Sends a challenge and waits for the answer. */
static enum got_response ask(struct smtpd_session *s, slice challenge, struct buf *out)
{
	AUTO(buf) struct buf line = BUF(SMTP_AUTH_LINE_MAX);
	struct err e;
	buf_put(&line, S("334 "));
	b64_encode(&line, challenge);
	buf_put(&line, S("\r\n"));
	if (io_write(s->io, buf_slice(&line), &e) < 0) {
		smtpd_end(s, "closed", e.text);
		return RESPONSE_ANSWERED;
	}
	slice answer;
	bool crlf;
	enum smtpd_got got = smtpd_read_line(
		s, SMTP_AUTH_LINE_MAX, s->client.limits.timeout_command, &answer, &crlf);
	if (got == GOT_TOO_LONG)
		smtpd_complain(s, 500, "5.5.6", "Authentication exchange line is too long");
	else if (got == GOT_LINE && slice_eq(answer, S("*")))
		smtpd_complain(s, 501, "5.7.0", "Authentication cancelled");
	else if (got == GOT_LINE && decode(s, answer, out))
		return RESPONSE_OK;
	return RESPONSE_ANSWERED;
}

static void failed(struct smtpd_session *s, slice mech, const struct smtpd_auth_result *r)
{
	s->sum.auth_failures++;
	metric_add(&auth_failures, 1);
	trace_event(&s->log, wall_now(), "auth", "mech", mech, "failed",
		r->why.n ? r->why : S("yes"), NULL);
	/* Slower with each try, from the first on. */
	smtpd_tarpit(s, (unsigned)s->conf->soft_errors + s->sum.auth_failures);
	if (s->over)
		return;
	if (s->sum.auth_failures >= s->conf->max_auth_failures)
		smtpd_hang_up(s, "auth", "4.7.0", "Too many failed logins, closing connection");
	else
		smtpd_complain(s, 535, "5.7.8", "Wrong user name or password");
}

/* Who is right hears why it is refused all the same. */
static void denied(struct smtpd_session *s, slice mech, const struct smtpd_auth_result *r)
{
	s->sum.auth_failures++;
	trace_event(&s->log, wall_now(), "auth", "mech", mech, "failed", r->why, NULL);
	if (s->sum.auth_failures >= s->conf->max_auth_failures)
		smtpd_hang_up(s, "auth", "4.7.0", "Too many failed logins, closing connection");
	else
		smtpd_complain(s, 535, "5.7.13", "%.*s", SFMT(slice_first(r->say, 200)));
}

/* RFC 4954 4: what the server says last goes out as a challenge that is answered by nothing. */
static bool last_word(struct smtpd_session *s, slice challenge, struct buf *response)
{
	if (!challenge.n)
		return true;
	if (ask(s, challenge, response) == RESPONSE_ANSWERED)
		return false;
	if (response->n == 0)
		return true;
	smtpd_complain(s, 501, "5.5.2", "An empty answer was expected");
	return false;
}

static void succeeded(struct smtpd_session *s, slice mech, const struct smtpd_auth_result *r)
{
	s->client.login = arena_dup(&s->mem, r->login);
	s->idle_commands = 0;
	trace_event(&s->log, wall_now(), "auth", "mech", mech, "login", s->client.login, NULL);
	smtpd_say(s, 235, "2.7.0", "Logged in");
}

static void exchange(struct smtpd_session *s, struct smtpd_auth_start *start, struct buf *response)
{
	struct smtpd_auth_result r = {0};
	enum smtpd_auth a = s->ops->auth_start(s->arg, start, &s->cmd, &r);
	while (a == SMTPD_AUTH_MORE) {
		if (ask(s, r.challenge, response) == RESPONSE_ANSWERED) {
			s->ops->auth_cancel(s->arg);
			return;
		}
		r = (struct smtpd_auth_result){0};
		a = s->ops->auth_step(s->arg, buf_slice(response), &s->cmd, &r);
	}
	if (a == SMTPD_AUTH_FAILED || (a == SMTPD_AUTH_OK && !r.login.n))
		failed(s, start->mech, &r);
	else if (a == SMTPD_AUTH_DENIED)
		denied(s, start->mech, &r);
	else if (a == SMTPD_AUTH_TEMP)
		smtpd_say(s, 454, "4.7.0", "Logins cannot be checked at the moment");
	else if (last_word(s, r.challenge, response))
		succeeded(s, start->mech, &r);
}

static bool listed(slice list, slice mech)
{
	slice one;
	while (slice_cut(&list, ' ', &one))
		if (slice_ieq(one, mech))
			return true;
	return false;
}

static void start(struct smtpd_session *s, const struct smtp_command *c, struct buf *response)
{
	/* `c` points into the line, which is gone after the first wait. */
	struct smtpd_auth_start st = {.mech = arena_dup(&s->cmd, c->auth.mechanism)};
	char data[64];
	st.cb_data.p = data;
	if (!s->tls || !tls_channel_binding(s->io, &st.cb_type, data, &st.cb_data.n))
		st.cb_type = NULL, st.cb_data = S("");
	st.has_initial = c->auth.has_initial;
	if (st.has_initial && !decode(s, c->auth.initial, response))
		return;
	/* All but LOGIN begin with the client: ask for what it could have sent at once. */
	if (!st.has_initial && !slice_eq(st.mech, S("LOGIN"))) {
		if (ask(s, S(""), response) == RESPONSE_ANSWERED)
			return;
		st.has_initial = true;
	}
	st.initial = st.has_initial ? buf_slice(response) : S("");
	exchange(s, &st, response);
}

void smtpd_auth(struct smtpd_session *s, const struct smtp_command *c)
{
	if (s->client.login.n)
		smtpd_complain(s, 503, "5.5.1", "You are logged in already");
	else if (!smtpd_auth_offered(s))
		smtpd_complain(s, 538, "5.7.11", "Encryption required: say STARTTLS first");
	else if (!listed(smtpd_auth_list(s, &s->cmd), c->auth.mechanism))
		smtpd_complain(s, 504, "5.5.4", "Mechanism is not offered");
	else {
		struct buf response = BUF(AUTH_DATA_MAX);
		start(s, c, &response);
		wipe(&response);
	}
}
