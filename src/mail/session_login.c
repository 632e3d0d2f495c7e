/*
 * Logging in to a session (session.h): TLS, the mechanisms that are offered, the SASL exchange (RFC 4422 4). What is in it is judged elsewhere
 * (the ops' auth_start and auth_step); what is held of it here is wiped. How challenges and answers look is the protocol's.
 */
#include "base/b64.h"
#include "base/mem.h"
#include "mail/session.h"
#include "run/tls.h"
#include <string.h>

static void wipe(struct buf *b)
{
	if (b->p)
		explicit_bzero(b->p, b->cap);
	buf_done(b);
}

/* ---- TLS ---- */

const char *session_no_tls(const struct session *s)
{
	if (s->tls)
		return "TLS is on already";
	return s->service->tls_mode == SESSION_TLS_OFFER ? NULL : "TLS is not offered here";
}

/* What the client sent behind the command in clear is refused by tls_accept. */
bool session_start_tls(struct session *s)
{
	struct err e;
	io_set_deadline(s->io, s->began + s->service->limits.login_time);
	if (io_flush(s->io, &e) < 0 || tls_accept(s->io, s->service->tls, &e) < 0) {
		session_end(s, "tls", e.text);
		return false;
	}
	s->tls = true;
	if (s->ops->tls)
		s->ops->tls(s->arg, s->io);
	return true;
}

/* ---- mechanisms ---- */

bool session_may_log_in(const struct session *s)
{
	return s->tls || s->service->auth_plaintext;
}

bool session_next_mech(const struct session *s, size_t *it, slice *ret)
{
	while (*it < s->service->nmechs) {
		*ret = s->service->mechs[(*it)++];
		if (session_may_log_in(s) && (s->tls || !slice_iends(*ret, S("-PLUS"))))
			return true;
	}
	return false;
}

static bool offered(const struct session *s, slice mech)
{
	slice one;
	for (size_t it = 0; session_next_mech(s, &it, &one);)
		if (slice_ieq(one, mech))
			return true;
	return false;
}

/* ---- the outcome ---- */

static void failed(struct session *s)
{
	s->kind->no(s, SESSION_NO_PASSWORD, S("Wrong user name or password"));
	if (++s->failures >= s->service->limits.login_failures)
		session_bye(s, SESSION_LOGINS);
}

static void conclude(struct session *s, enum login_step a, const struct login_result *r)
{
	if (a == LOGIN_OK && r->login.n)
		s->kind->enter(s, r->login, s->kind->last_is_asked ? S("") : r->challenge);
	else if (a == LOGIN_EXPIRED || a == LOGIN_NOT_HERE)
		s->kind->no(s, SESSION_NO_PASSWORD, r->why);
	else if (a == LOGIN_TEMP || a == LOGIN_MORE)
		s->kind->no(s, SESSION_NO_JUDGE, S("Logins cannot be checked at the moment"));
	else
		failed(s);
}

/* ---- the exchange ---- */

static bool decode(struct session *s, slice text, struct buf *out)
{
	buf_reset(out);
	if (b64_decode(out, text))
		return true;
	s->kind->no(s, SESSION_NO_WORD, S("Not base64"));
	session_bad(s);
	return false;
}

/* Says a challenge and waits for the answer; false: it was answered, or the session is over. */
static bool ask(struct session *s, slice challenge, struct buf *out)
{
	AUTO(buf) struct buf text = BUF(SESSION_AUTH_MAX * 2);
	slice answer;
	b64_encode(&text, challenge);
	if (!s->kind->ask(s, buf_slice(&text), &answer))
		return false;
	if (!slice_eq(answer, S("*")))
		return decode(s, answer, out);
	s->kind->no(s, SESSION_NO_WORD, S("Authentication cancelled"));
	return false;
}

static bool last_word(struct session *s, slice challenge, struct buf *response)
{
	if (!s->kind->last_is_asked || !challenge.n)
		return true;
	if (!ask(s, challenge, response))
		return false;
	if (response->n == 0)
		return true;
	s->kind->no(s, SESSION_NO_WORD, S("An empty answer was expected"));
	return false;
}

static void exchange(struct session *s, const struct login_start *start, struct buf *response)
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

/* The command's line is gone after the first wait: what is needed of it is copied. */
static void begin(struct session *s, slice mech, const slice *initial, struct buf *response)
{
	char data[64];
	struct login_start start = {.mech = arena_dup(&s->mem, mech), .has_initial = initial};
	start.cb_data.p = data;
	if (!s->tls || !tls_channel_binding(s->io, &start.cb_type, data, &start.cb_data.n))
		start.cb_type = NULL, start.cb_data = S("");
	if (initial && !decode(s, *initial, response))
		return;
	/* All but LOGIN begin with the client: ask for what it could have sent at once. */
	if (!initial && !slice_ieq(mech, S("LOGIN"))) {
		if (!ask(s, S(""), response))
			return;
		start.has_initial = true;
	}
	start.initial = start.has_initial ? buf_slice(response) : S("");
	exchange(s, &start, response);
}

void session_authenticate(struct session *s, slice mech, const slice *initial)
{
	struct buf response = BUF(SESSION_AUTH_MAX);
	if (!session_may_log_in(s))
		s->kind->no(s, SESSION_NO_TLS, S("Begin TLS first"));
	else if (!offered(s, mech))
		s->kind->no(s, SESSION_NO_MECH, S("This mechanism is not offered"));
	else
		begin(s, mech, initial, &response);
	wipe(&response);
}

void session_password(struct session *s, slice name, slice password)
{
	struct buf plain = BUF(SESSION_AUTH_MAX);
	struct login_result r = {0};
	buf_byte(&plain, 0);
	buf_put(&plain, name);
	buf_byte(&plain, 0);
	buf_put(&plain, password);
	const struct login_start start = {
		.mech = S("PLAIN"), .has_initial = true, .initial = buf_slice(&plain)};
	enum login_step a = LOGIN_FAILED;
	if (buf_ok(&plain))
		a = s->ops->auth_start(s->arg, &start, &s->mem, &r);
	if (a == LOGIN_MORE)
		s->ops->auth_cancel(s->arg);
	wipe(&plain);
	conclude(s, a, &r);
}
