/*
 * One exchange of a login (auth_step.h): its steps, and what is told of its end. Only who proved the right password hears more than
 * "no": that it must be changed, that the service is off for him, that a second factor is asked. Unknown, wrong and disabled take
 * the same way and the same time.
 */
#include "base/mem.h"
#include "base/time.h"
#include "bin/auth_step.h"
#include "run/log.h"
#include "run/metrics.h"
#include "run/pool.h"
#include <stdio.h>

METRIC_COUNTER(logins_ok, "posthouse_auth_logins_total", "result=\"ok\"", "Logins by result.");
METRIC_COUNTER(
	logins_failed, "posthouse_auth_logins_total", "result=\"failed\"", "Logins by result.");
METRIC_COUNTER(
	logins_refused, "posthouse_auth_logins_total", "result=\"refused\"", "Logins by result.");
METRIC_COUNTER(logins_temp, "posthouse_auth_logins_total", "result=\"temp\"", "Logins by result.");
METRIC_COUNTER(
	logins_not_here, "posthouse_auth_logins_total", "result=\"not-here\"", "Logins by result.");
METRIC_COUNTER(
	logins_expired, "posthouse_auth_logins_total", "result=\"expired\"", "Logins by result.");
/* ---- telling ---- */

static const struct {
	enum login_result result;
	const char *event;
	struct metric *metric;
} outcomes[] = {
	[AUTH_OK] = {LOGIN_OK, "auth.ok", &logins_ok},
	[AUTH_FAILED] = {LOGIN_FAILED, "auth.failed", &logins_failed},
	[AUTH_TEMP] = {LOGIN_TEMP, "auth.temp", &logins_temp},
	[AUTH_EXPIRED] = {LOGIN_EXPIRED, "auth.expired", &logins_expired},
	[AUTH_NOT_HERE] = {LOGIN_NOT_HERE, "auth.nothere", &logins_not_here},
};

static slice name_of(const struct auth_login *l)
{
	slice canonical = sasl_login(l->sasl);
	return canonical.n ? canonical : sasl_name(l->sasl);
}

static void tell(struct auth *a, const struct auth_login *l, const struct auth_reply *r, slice name,
	int64_t account_id, int64_t app_id, bool locked)
{
	char country[4];
	struct login_row row = {.at = wall_now(),
		.country = auth_country(a->places, slice_z(l->ip), country),
		.account_id = account_id,
		.login = name,
		.service = slice_z(l->service),
		.ip = slice_z(l->ip),
		.how = slice_z(l->how[0] ? l->how : l->mech),
		.client = slice_z(l->client),
		.why = r->why,
		.result = locked ? LOGIN_REFUSED : outcomes[r->outcome].result,
		.secure = l->secure};
	metric_add(locked ? &logins_refused : outcomes[r->outcome].metric, 1);
	if (r->outcome == AUTH_OK)
		log_info(NULL, "auth.ok", F("service", l->service), F("mech", l->mech),
			F("ip", l->ip), F("login", name), F("how", l->how));
	else
		log_info(NULL, locked ? "auth.refused" : outcomes[r->outcome].event,
			F("service", l->service), F("mech", l->mech), F("ip", l->ip),
			F("login", name), F("why", r->why));
	auth_log_add(a->log, &row, r->outcome == AUTH_OK ? app_id : 0);
}

static void succeed(
	struct auth *a, struct auth_login *l, const struct login_facts *f, struct auth_reply *r)
{
	auth_count_success(a, l, f);
	r->outcome = AUTH_OK;
	r->login = f->address;
	r->account_id = l->account_id;
	r->how = slice_z(l->how);
	r->grant = l->grant;
	r->why = S("");
}

/* ---- the code of a second factor ---- */

struct code_job {
	struct auth *auth;
	int64_t account_id;
	slice code;
	int result;
	struct err e;
};

static void code_run(void *arg)
{
	struct code_job *j = arg;
	struct sql *db;
	j->result = credential_open(j->auth->env->config.server->data, &db, &j->e);
	if (j->result < 0)
		return;
	j->result = factor_check(db, &j->auth->keys, j->account_id, j->code, wall_now(), &j->e);
	sql_close(db);
}

static void step_code(
	struct auth *a, struct auth_login *l, slice code, struct arena *mem, struct auth_reply *r)
{
	struct code_job j = {.auth = a, .account_id = l->account_id, .code = code};
	slice login = arena_dup(mem, sasl_login(l->sasl));
	const struct login_facts f = {.id = l->account_id, .address = login};
	const char *locked = auth_locked(a, l, login);
	if (!locked)
		pool_call(code_run, &j);
	if (!locked && j.result == 0) {
		succeed(a, l, &f, r);
	} else {
		bool denied = locked || j.e.kind == ERR_DENIED || j.e.kind == ERR_NOTFOUND;
		r->outcome = denied ? AUTH_FAILED : AUTH_TEMP;
		r->why = locked ? slice_z(locked) : arena_dup(mem, slice_z(j.e.text));
		if (locked)
			auth_count_refusal(a, l);
		else if (denied)
			auth_count_failure(a, l, login);
	}
	tell(a, l, r, login, l->account_id, 0, locked != NULL);
}

/* ---- a step ---- */

static void temp(struct auth_reply *r, struct arena *mem, const struct err *e)
{
	r->outcome = AUTH_TEMP;
	r->why = arena_dup(mem, slice_z(e->text));
}

/* What the mechanism says is right, or a password or token that has to be checked. *ret_right; -1: temporary. */
static int verify(
	struct auth *a, struct auth_step *s, bool *ret_right, struct auth_reply *r, struct err *e)
{
	struct auth_login *l = s->login;
	bool token = s->outcome == SASL_TOKEN;
	*ret_right = s->outcome == SASL_OK;
	s->how = "scram";
	if (!token && s->outcome != SASL_PASSWORD)
		return 0;
	if ((token ? auth_check_token(a, s, ret_right, r, e)
		   : auth_check_password(a, s, ret_right, e)) < 0)
		return -1;
	s->outcome =
		sasl_verdict(l->sasl, *ret_right ? s->who.facts.address : S(""), &s->challenge);
	if (!*ret_right && !r->why.n)
		r->why = slice_z(s->who.found ? "wrong password" : "no such account");
	if (s->outcome != SASL_OK)
		*ret_right = false; /* also: wants to act as another */
	return 0;
}

static uint64_t grant_of(const struct auth_step *s)
{
	const struct auth_who *w = &s->who;
	if (w->has_app)
		return AUTH_GRANT_APP | (uint64_t)w->app.id;
	if (strcmp(s->how, "oauth") == 0)
		return AUTH_GRANT_OAUTH;
	return w->external ? AUTH_GRANT_LDAP : auth_grant_password(w->credential.argon2);
}

static void name_how(struct auth_login *l, const struct auth_step *s)
{
	if (s->who.has_app)
		snprintf(l->how, sizeof l->how, "app:%.*s",
			SFMT(slice_first(s->who.app.label, APP_LABEL_MAX)));
	else
		snprintf(l->how, sizeof l->how, "%s", s->how);
}

static void conclude(struct auth *a, struct auth_step *s, bool right, struct auth_reply *r)
{
	struct auth_login *l = s->login;
	const struct auth_who *w = &s->who;
	const char *why = NULL;
	slice name = right ? w->facts.address : name_of(l);
	const char *locked = auth_locked(a, l, name);
	r->outcome = AUTH_FAILED;
	if (locked)
		why = locked;
	else if (right && auth_account_fine(&w->facts, &w->credential, &why))
		r->outcome = auth_permit(a, l, s, r);
	if (why)
		r->why = slice_z(why);
	if (!right && l->why[0])
		r->why = slice_z(l->why);
	if (!r->why.n && !right)
		r->why = slice_z(sasl_why(l->sasl));
	l->account_id = w->found ? w->facts.id : 0;
	if (right) {
		name_how(l, s);
		l->grant = grant_of(s);
	}
	if (r->outcome == AUTH_CODE) {
		l->code_asked = true;
		return;
	}
	if (r->outcome == AUTH_OK)
		succeed(a, l, &w->facts, r);
	else if (locked)
		auth_count_refusal(a, l);
	else if (r->outcome == AUTH_FAILED)
		auth_count_failure(a, l, name);
	if (r->outcome == AUTH_EXPIRED) {
		r->login = w->facts.address;
		r->account_id = l->account_id;
	}
	r->hang_up = r->outcome == AUTH_FAILED && auth_network_locked(a, l);
	tell(a, l, r, name, l->account_id, w->has_app ? w->app.id : 0, locked != NULL);
}

static void refuse_network(
	struct auth *a, struct auth_login *l, const char *why, struct auth_reply *r)
{
	r->outcome = AUTH_FAILED;
	r->why = slice_z(why);
	r->hang_up = true;
	auth_count_refusal(a, l);
	tell(a, l, r, name_of(l), 0, 0, true);
}

static void step_sasl(struct auth *a, struct auth_login *l, slice response, struct arena *mem,
	struct auth_reply *r)
{
	struct auth_step s = {.auth = a, .login = l, .mem = mem, .response = response, .how = ""};
	struct err e;
	bool right;
	const char *locked;
	if (auth_with_db(a, auth_step_look, &s, instant_in(AUTH_STEP_TIME), &e) < 0) {
		temp(r, mem, &e);
		return;
	}
	auth_bans_take(a, &s.bans);
	if (s.outcome == SASL_MORE) {
		r->outcome = AUTH_MORE;
	} else if (s.outcome == SASL_TEMP || s.failed) {
		r->outcome = AUTH_TEMP;
		r->why = s.failed ? arena_dup(mem, slice_z(s.e.text)) : slice_z(sasl_why(l->sasl));
		tell(a, l, r, name_of(l), 0, 0, false);
	} else if ((locked = auth_network_locked(a, l)) != NULL) {
		/* Who guesses passwords does not keep the hashing from others. */
		refuse_network(a, l, locked, r);
	} else if (verify(a, &s, &right, r, &e) < 0) {
		temp(r, mem, &e);
		tell(a, l, r, name_of(l), 0, 0, false);
	} else if (s.outcome == SASL_MORE) {
		/* A token is wrong: the client is told, then it fails. */
		snprintf(l->why, sizeof l->why, "%.*s",
			SFMT(slice_first(r->why, sizeof l->why - 1)));
		r->outcome = AUTH_MORE;
	} else {
		conclude(a, &s, right, r);
	}
	r->challenge = r->outcome == AUTH_MORE || r->outcome == AUTH_OK ? s.challenge : S("");
}

void auth_login_step(struct auth *a, struct auth_login *l, slice response, struct arena *mem,
	struct auth_reply *r)
{
	struct err e;
	l->begun = instant_now();
	if (l->code_asked)
		step_code(a, l, response, mem, r);
	else
		step_sasl(a, l, response, mem, r);
	/* All failures have the same time, however long it took to find out. */
	if (r->outcome == AUTH_FAILED)
		co_sleep(l->begun + auth_delay(a, l, name_of(l)), &e);
}
