/*
 * Logging in to ManageSieve: AUTHENTICATE (RFC 5804 2.1), STARTTLS (2.2), UNAUTHENTICATE (2.14). What is in the SASL exchange is judged elsewhere
 * (the ops' auth_start and auth_step); what is held of it here is wiped.
 */
#include "base/b64.h"
#include "base/mem.h"
#include "proto/managesieve/session.h"
#include "run/tls.h"
#include "store/directory.h"
#include <string.h>

enum { RESPONSE_MAX = MANAGESIEVE_LINE_MAX };

static void wipe(struct buf *b)
{
	if (b->p)
		explicit_bzero(b->p, b->cap);
	buf_done(b);
}

/* ---- TLS ---- */

bool managesieve_start_tls(struct managesieve *s)
{
	struct err e;
	io_set_deadline(s->io, s->began + s->service->limits.login_time);
	if (io_flush(s->io, &e) < 0 || tls_accept(s->io, s->service->tls, &e) < 0) {
		managesieve_end(s, "tls", e.text);
		return false;
	}
	s->tls = true;
	if (s->ops->tls)
		s->ops->tls(s->arg, s->io);
	return true;
}

/* What the client sent behind it in clear is refused by tls_accept. Capabilities are said again, without being asked (2.2). */
void managesieve_starttls(struct managesieve *s, const struct managesieve_args *args)
{
	(void)args;
	if (s->tls || s->service->tls_mode != SESSION_TLS_OFFER) {
		managesieve_no(
			s, NULL, s->tls ? S("TLS is on already") : S("TLS is not offered here"));
		return;
	}
	managesieve_ok(s, NULL, S("Begin TLS"));
	if (!s->over && managesieve_start_tls(s))
		managesieve_capabilities(s);
}

/* ---- mechanisms ---- */

bool managesieve_next_mech(const struct managesieve *s, size_t *it, slice *ret)
{
	while (*it < s->service->nmechs) {
		*ret = s->service->mechs[(*it)++];
		if (managesieve_may_log_in(s) && (s->tls || !slice_iends(*ret, S("-PLUS"))))
			return true;
	}
	return false;
}

static bool offered(const struct managesieve *s, slice mech)
{
	slice one;
	for (size_t it = 0; managesieve_next_mech(s, &it, &one);)
		if (slice_ieq(one, mech))
			return true;
	return false;
}

/* ---- the outcome ---- */

static int find_account(struct managesieve *s, slice login, struct err *e)
{
	struct login_facts facts;
	if (directory_get_facts(s->service->directory, login, &s->mem, &facts, e) < 0)
		return -1;
	s->account_id = facts.id;
	return 0;
}

static void enter(struct managesieve *s, const struct login_result *r)
{
	struct mailbox_actor actor = {0};
	struct err e = {0};
	s->login = arena_dup(&s->life, r->login);
	if (s->ops->enter(s->arg, s->login, &actor, &e) < 0 || find_account(s, s->login, &e) < 0) {
		s->account_id = 0;
		managesieve_bye(s, "scripts", "TRYLATER",
			e.kind == ERR_LIMIT ? e.text : "Scripts cannot be reached now, try later");
		return;
	}
	if (!r->challenge.n) {
		managesieve_ok(s, NULL, S("Logged in"));
		return;
	}
	/* The server's last word travels with the OK (2.1). */
	AUTO(buf) struct buf word = BUF(RESPONSE_MAX * 2);
	b64_encode(&word, r->challenge);
	managesieve_put(s, S("OK (SASL "));
	managesieve_string(s, buf_slice(&word));
	managesieve_put(s, S(") \"Logged in\"\r\n"));
}

static void failed(struct managesieve *s)
{
	managesieve_no(s, NULL, S("Wrong user name or password"));
	if (++s->failures >= s->service->limits.login_failures)
		managesieve_bye(s, "auth", NULL, "Too many failed logins");
}

static void conclude(struct managesieve *s, enum login_step a, const struct login_result *r)
{
	if (a == LOGIN_OK && r->login.n)
		enter(s, r);
	else if (a == LOGIN_EXPIRED || a == LOGIN_NOT_HERE)
		managesieve_no(s, NULL, r->why);
	else if (a == LOGIN_TEMP || a == LOGIN_MORE)
		managesieve_no(s, "TRYLATER", S("Logins cannot be checked at the moment"));
	else
		failed(s);
}

/* ---- AUTHENTICATE ---- */

static bool decode(struct managesieve *s, slice text, struct buf *out)
{
	buf_reset(out);
	if (b64_decode(out, text))
		return true;
	managesieve_no(s, NULL, S("Not base64"));
	return false;
}

/* Sends a challenge and waits for the answer; false: it was answered, or the session is over. */
static bool ask(struct managesieve *s, slice challenge, struct buf *out)
{
	AUTO(buf) struct buf text = BUF(RESPONSE_MAX * 2);
	slice reply;
	b64_encode(&text, challenge);
	managesieve_string(s, buf_slice(&text));
	managesieve_put(s, S("\r\n"));
	if (!managesieve_read_string(s, &reply))
		return false;
	if (!slice_eq(reply, S("*")))
		return decode(s, reply, out);
	managesieve_no(s, NULL, S("Authentication cancelled"));
	return false;
}

static void exchange(struct managesieve *s, const struct login_start *start, struct buf *response)
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
	conclude(s, a, &r);
}

static void begin(struct managesieve *s, const struct managesieve_args *args, struct buf *response)
{
	char data[64];
	struct login_start start = {.mech = args->v[0].text, .has_initial = args->n > 1};
	start.cb_data.p = data;
	if (!s->tls || !tls_channel_binding(s->io, &start.cb_type, data, &start.cb_data.n))
		start.cb_type = NULL, start.cb_data = S("");
	if (start.has_initial && !decode(s, args->v[1].text, response))
		return;
	/* All but LOGIN begin with the client: ask for what it could have sent at once. */
	if (!start.has_initial && !slice_ieq(start.mech, S("LOGIN"))) {
		if (!ask(s, S(""), response))
			return;
		start.has_initial = true;
	}
	start.initial = start.has_initial ? buf_slice(response) : S("");
	exchange(s, &start, response);
}

void managesieve_authenticate(struct managesieve *s, const struct managesieve_args *args)
{
	struct buf response = BUF(RESPONSE_MAX);
	if (!managesieve_may_log_in(s))
		managesieve_no(s, "ENCRYPT-NEEDED", S("Say STARTTLS first"));
	else if (!offered(s, args->v[0].text))
		managesieve_no(s, NULL, S("This mechanism is not offered"));
	else
		begin(s, args, &response);
	wipe(&response);
}

/* Back to where one logs in; TLS stays. */
void managesieve_unauthenticate(struct managesieve *s, const struct managesieve_args *args)
{
	(void)args;
	s->account_id = 0;
	s->login = S("");
	arena_reset(&s->life);
	s->began = instant_now();
	managesieve_ok(s, NULL, S("Logged out"));
}
