/*
 * Who it is: LOGIN, AUTHENTICATE (RFC 9051 6.2, RFC 4959), STARTTLS. Passwords are judged elsewhere (struct session_ops); what of them was held
 * here is wiped. An unknown user and a wrong password get the same answer after the same time: the ops see to the latter.
 */
#include "proto/imap/session.h"

#include "base/b64.h"
#include "base/mem.h"
#include "run/metrics.h"
#include "run/tls.h"

enum { AUTH_DATA_MAX = 12 * 1024 };

METRIC_COUNTER(failures, "posthouse_imap_login_failures_total", "", "Failed IMAP logins.");

static void wipe(struct buf *b)
{
	if (b->p)
		explicit_bzero(b->p, b->cap);
	buf_done(b);
}

static bool has_suffix_plus(slice mech)
{
	return slice_iends(mech, S("-PLUS"));
}

bool imap_mech_offered(const struct imap *s, slice mech)
{
	const struct imap_service *v = s->service;
	if (!s->tls && (!v->auth_plaintext || has_suffix_plus(mech)))
		return false;
	for (size_t i = 0; i < v->nmechs; i++)
		if (slice_ieq(v->mechs[i], mech))
			return true;
	return false;
}

/* ---- what a login comes to */

static void enter(struct imap *s, slice login)
{
	struct mailbox_actor actor = {0};
	struct err e;
	if (s->ops->enter(s->arg, login, &actor, &e) < 0) {
		if (e.kind == ERR_LIMIT)
			imap_no(s, "LIMIT", "%s", e.text);
		else
			imap_fail(s, &e);
		return;
	}
	if (box_user_open(s->service->boxes, login, &actor, &s->user, &e) < 0) {
		if (e.kind == ERR_NOTFOUND || e.kind == ERR_DENIED)
			imap_no(s, "AUTHORIZATIONFAILED", "There is no mailbox for this login");
		else
			imap_fail(s, &e);
		return;
	}
	s->state = IMAP_AUTHENTICATED;
	s->bad_commands = 0;
	imap_put(s, s->tag);
	imap_put(s, S(" OK [CAPABILITY "));
	imap_put_capabilities(s);
	imap_put(s, S("] Logged in\r\n"));
	s->answered = true;
}

static void failed(struct imap *s)
{
	metric_add(&failures, 1);
	imap_no(s, "AUTHENTICATIONFAILED", "Wrong user name or password");
	if (++s->login_failures >= s->service->limits.login_failures)
		imap_bye(s, "auth", "Too many failed logins");
}

static void conclude(struct imap *s, enum login_step a, const struct login_result *r)
{
	switch (a) {
	case LOGIN_OK:
		if (r->login.n)
			enter(s, r->login);
		else
			failed(s);
		return;
	case LOGIN_TEMP:
		imap_no(s, "UNAVAILABLE", "Logins cannot be checked at the moment");
		return;
	case LOGIN_EXPIRED:
		imap_no(s, "EXPIRED", "The password must be changed first");
		return;
	case LOGIN_NOT_HERE:
		imap_no(s, "AUTHORIZATIONFAILED", "%.*s", SFMT(r->why));
		return;
	default:
		failed(s);
	}
}

static bool may_log_in(struct imap *s, slice mech)
{
	if (!s->tls && !s->service->auth_plaintext)
		imap_no(s, "PRIVACYREQUIRED", "Say STARTTLS first");
	else if (!imap_mech_offered(s, mech))
		imap_no(s, "CANNOT", "That mechanism is not offered");
	else
		return true;
	return false;
}

static void check_password(struct imap *s, slice user, slice password)
{
	struct buf plain = BUF(AUTH_DATA_MAX);
	struct login_result r = {0};
	buf_byte(&plain, 0);
	buf_put(&plain, user);
	buf_byte(&plain, 0);
	buf_put(&plain, password);
	enum login_step a = LOGIN_FAILED;
	if (buf_ok(&plain)) {
		struct login_start st = {.mech = S("PLAIN"),
			.has_initial = true,
			.initial = buf_slice(&plain),
			.cb_data = S("")};
		a = s->ops->auth_start(s->arg, &st, &s->mem, &r);
	}
	wipe(&plain);
	if (a == LOGIN_MORE) {
		s->ops->auth_cancel(s->arg);
		a = LOGIN_FAILED;
	}
	conclude(s, a, &r);
}

void imap_cmd_login(struct imap *s)
{
	struct imap_reader *r = &s->in;
	slice user, password;
	const char *line = r->p;
	size_t line_n = (size_t)(r->end - r->p);
	if (!imap_space(r) || !imap_astring(r, &user) || !imap_space(r) ||
		!imap_astring(r, &password) || !imap_end(r)) {
		imap_complain(s);
		return;
	}
	if (may_log_in(s, S("PLAIN")))
		check_password(s, user, password);
	explicit_bzero((char *)password.p, password.n); /* both in the command's memory */
	explicit_bzero((char *)line, line_n);
}

/* ---- AUTHENTICATE */

static bool decode(struct imap *s, slice text, struct buf *out)
{
	buf_reset(out);
	if (b64_decode(out, text))
		return true;
	imap_bad(s, "That is no base64");
	return false;
}

/* Sends a challenge and waits for the answer. False: answered, or lost. */
static bool ask(struct imap *s, slice challenge, struct buf *out)
{
	AUTO(buf) struct buf line = BUF(AUTH_DATA_MAX * 2);
	slice answer;
	buf_put(&line, S("+ "));
	b64_encode(&line, challenge);
	buf_put(&line, S("\r\n"));
	imap_put(s, buf_slice(&line));
	if (!imap_raw_line(&s->in, &answer)) {
		imap_complain(s);
		return false;
	}
	s->in.ended = true;
	bool good = false;
	if (slice_eq(answer, S("*")))
		imap_bad(s, "Authentication was cancelled");
	else
		good = decode(s, answer, out);
	explicit_bzero((char *)answer.p, answer.n);
	return good;
}

static void exchange(struct imap *s, const struct login_start *start, struct buf *response)
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
	/* What the server says last is a challenge that is answered by nothing. */
	if (a == LOGIN_OK && r.challenge.n && !ask(s, r.challenge, response))
		return;
	conclude(s, a, &r);
}

static bool read_initial(struct imap *s, struct login_start *st, struct buf *response)
{
	struct imap_reader *r = &s->in;
	slice text;
	if (imap_accept(r, ' ')) {
		if (!imap_word(r, "", &text) || !imap_end(r)) {
			imap_complain(s);
			return false;
		}
		st->has_initial = true;
		bool good = slice_eq(text, S("=")) || decode(s, text, response);
		explicit_bzero((char *)text.p, text.n);
		return good;
	}
	if (!imap_end(r)) {
		imap_complain(s);
		return false;
	}
	return true;
}

static void authenticate(struct imap *s, slice mech, struct buf *response)
{
	struct login_start st = {.mech = mech};
	char data[64];
	if (!read_initial(s, &st, response) || !may_log_in(s, mech))
		return;
	/* All but LOGIN begin with the client: ask for what it could have sent at once. */
	if (!st.has_initial && !slice_eq(mech, S("LOGIN"))) {
		if (!ask(s, S(""), response))
			return;
		st.has_initial = true;
	}
	st.cb_data.p = data;
	if (!s->tls || !tls_channel_binding(s->io, &st.cb_type, data, &st.cb_data.n))
		st.cb_type = NULL, st.cb_data = S("");
	st.initial = st.has_initial ? buf_slice(response) : S("");
	exchange(s, &st, response);
}

void imap_cmd_authenticate(struct imap *s)
{
	struct imap_reader *r = &s->in;
	slice word;
	if (!imap_space(r) || !imap_atom(r, &word)) {
		imap_complain(s);
		return;
	}
	char *mech = arena_strz(&s->mem, word);
	for (char *p = mech; *p; p++)
		if (*p >= 'a' && *p <= 'z')
			*p = (char)(*p - 'a' + 'A');
	struct buf response = BUF(AUTH_DATA_MAX);
	authenticate(s, slice_of(mech, word.n), &response);
	wipe(&response);
}

/* ---- STARTTLS (RFC 9051 6.2.1) */

void imap_cmd_starttls(struct imap *s)
{
	if (!imap_end(&s->in)) {
		imap_complain(s);
	} else if (s->tls || s->service->tls_mode != SESSION_TLS_OFFER) {
		imap_bad(s, "TLS cannot begin here");
	} else if (io_peek(s->io).n > 0) {
		/* What an attacker put behind the command would be taken for the client's. */
		imap_bad(s, "Nothing may follow STARTTLS before TLS has begun");
		imap_bye(s, "tls", "Plain text behind STARTTLS");
	} else {
		imap_ok(s, NULL, "Begin TLS now");
		imap_start_tls(s);
	}
}
