/*
 * One exchange of a login (auth_impl.h). What the client proved or said comes from sasl.h; what is stored is looked up in the
 * pool; then, in this order: application password, passwords that were right lately, the slow check. Only who proved
 * the right password hears more than "no": that it must be changed, that the service is off for him, that a
 * second factor is asked. Unknown, wrong and disabled take the same way and the same time.
 */
#include "base/mem.h"
#include "base/time.h"
#include "bin/auth_impl.h"
#include "run/log.h"
#include "run/metrics.h"
#include "run/pool.h"
#include "store/directory_org.h"
#include "store/external.h"
#include "store/password.h"
#include <openssl/sha.h>
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
METRIC_COUNTER(remembered, "posthouse_auth_remembered_total", "",
	"Passwords that were recognised without the slow check.");
METRIC_COUNTER(hashed, "posthouse_auth_hashed_total", "", "Passwords that took the slow check.");

#define STEP_TIME (30 * SECOND)

/* One step; what it finds out. */
struct step {
	struct auth *auth;
	struct auth_login *login;
	struct arena *mem;
	slice response, challenge;
	enum sasl_outcome outcome;
	struct auth_who who;
	struct auth_bans_read bans;
	const char *how; /* "password"; of an application password it is made from its label */
	bool failed; /* the database did: e */
	struct err e;
};

/* ---- what is stored ---- */

static int look_factor(struct step *s, struct auth_db *db, struct err *e)
{
	const struct auth_conf *c = s->auth->conf;
	struct service_class class;
	s->who.factor_required = c->second_factor == SECOND_REQUIRED;
	if (!s->who.factor_required || c->second_factor_classes.n == 0)
		return 0;
	s->who.factor_required = false;
	if (directory_class_by_id(db->directory,
		    s->who.facts.limits.services ? s->who.facts.class_id : 0, s->mem, &class,
		    e) < 0)
		return e->kind == ERR_NOTFOUND ? 0 : -1;
	for (size_t i = 0; i < c->second_factor_classes.n; i++)
		if (slice_eq(c->second_factor_classes.v[i], class.name))
			s->who.factor_required = true;
	return 0;
}

/* 0 also when there is no such account. */
static int look_who(struct step *s, struct auth_db *db, slice login, struct err *e)
{
	struct auth_who *w = &s->who;
	slice secret = sasl_secret(s->login->sasl);
	if (directory_login_facts(db->directory, login, s->mem, &w->facts, e) < 0)
		return e->kind == ERR_NOTFOUND ? 0 : -1;
	if (credential_get(db->credentials, w->facts.id, s->mem, &w->credential, e) < 0 ||
		look_factor(s, db, e) < 0)
		return -1;
	struct external x;
	if (external_get(db->directory, w->facts.id, s->mem, &x, e) == 0) {
		w->external = true;
		w->external_id = x.id;
	} else if (e->kind != ERR_NOTFOUND) {
		return -1;
	}
	w->found = true;
	if (s->outcome != SASL_PASSWORD || !app_password_shape(secret))
		return 0;
	w->has_app = app_password_match(db->credentials, &s->auth->keys, w->facts.id, secret,
			     wall_now(), s->mem, &w->app, e) == 0;
	return w->has_app || e->kind == ERR_NOTFOUND ? 0 : -1;
}

/* For SCRAM: by its own keys. */
static int scram_keys(
	void *arg, slice login, struct arena *mem, struct sasl_verifier *ret, struct err *e)
{
	struct auth_db *db = arg;
	struct login_facts f;
	struct credential c;
	if (directory_login_facts(db->directory, login, mem, &f, e) < 0 ||
		credential_get(db->credentials, f.id, mem, &c, e) < 0)
		return -1;
	*ret = (struct sasl_verifier){.login = f.address, .scram = c.scram};
	return 0;
}

static void step_run(void *arg, struct auth_db *db)
{
	struct step *s = arg;
	struct sasl *sasl = s->login->sasl;
	auth_bans_look(db, s->auth->bans_version, s->mem, &s->bans);
	s->outcome = sasl_step(sasl, s->response, scram_keys, db, &s->challenge);
	if (s->outcome == SASL_PASSWORD || s->outcome == SASL_OK)
		s->failed =
			look_who(s, db, s->outcome == SASL_OK ? sasl_login(sasl) : sasl_name(sasl),
				&s->e) < 0;
}

/* ---- the check of a password ---- */

struct hash_job {
	slice verifier, password;
	bool right;
};

static void hash_run(void *arg)
{
	struct hash_job *j = arg;
	j->right = password_verify(j->verifier, j->password);
}

/* Waits until there is memory to hash. */
static int hash(struct auth *a, struct hash_job *j, struct err *e)
{
	instant deadline = instant_in(STEP_TIME);
	while (a->hashing >= a->conf->hashes_at_once)
		if (cond_wait(&a->hash_done, deadline, e) < 0)
			return -1;
	a->hashing++;
	metric_add(&hashed, 1);
	pool_call(hash_run, j);
	a->hashing--;
	cond_wake_one(&a->hash_done);
	return 0;
}

/* Of somebody whom a directory server knows. 0, *ret_right; -1: it does not answer, which is never a "no". */
static int check_external(struct auth *a, struct step *s, bool fine, bool *ret_right, struct err *e)
{
	const struct auth_who *w = &s->who;
	slice secret = sasl_secret(s->login->sasl);
	instant now = instant_now();
	s->how = "ldap";
	*ret_right = true;
	if (fine && auth_cache_knows(&a->ldap_cache, w->facts.id, w->external_id, secret, now)) {
		metric_add(&remembered, 1);
		return 0;
	}
	int r = auth_identity_bind(a, w->facts.address, w->external_id, secret, e);
	if (r == 0 && fine)
		auth_cache_add(&a->ldap_cache, w->facts.id, w->external_id, secret, now);
	*ret_right = r == 0;
	return r == 0 || e->kind == ERR_DENIED ? 0 : -1;
}

/* 0, *ret_right; -1: cannot be told now. An unknown account is hashed against nothing. */
static int check_password(struct auth *a, struct step *s, bool *ret_right, struct err *e)
{
	struct auth_who *w = &s->who;
	slice secret = sasl_secret(s->login->sasl),
	      verifier = w->found ? w->credential.argon2 : S("");
	instant now = instant_now();
	const char *why;
	/* Who may not log in anyway does not learn by the time it takes that the password is right. */
	bool fine = w->found && auth_account_fine(&w->facts, &w->credential, &why);
	*ret_right = true;
	s->how = "password";
	if (fine && w->has_app)
		return 0;
	if (w->external && !w->has_app)
		return check_external(a, s, fine, ret_right, e);
	if (fine && auth_cache_knows(&a->cache, w->facts.id, verifier, secret, now)) {
		metric_add(&remembered, 1);
		return 0;
	}
	struct hash_job j = {verifier, secret, false};
	if (hash(a, &j, e) < 0)
		return -1;
	*ret_right = w->found && (j.right || w->has_app);
	if (fine && j.right)
		auth_cache_add(&a->cache, w->facts.id, verifier, secret, now);
	return 0;
}

/* ---- tokens ---- */

struct token_job {
	struct step *step;
	slice address;
	int result;
	struct err e;
};

static void token_run(void *arg, struct auth_db *db)
{
	struct token_job *j = arg;
	j->result = look_who(j->step, db, j->address, &j->e);
}

/* 0, *ret_right; -1: cannot be told now. */
static int check_token(
	struct auth *a, struct step *s, bool *ret_right, struct auth_reply *r, struct err *e)
{
	struct token_job j = {.step = s};
	s->how = "oauth";
	*ret_right = false;
	if (auth_identity_token(a, sasl_secret(s->login->sasl), s->mem, &j.address, e) < 0) {
		r->why = arena_dup(s->mem, slice_z(e->text));
		return e->kind == ERR_DENIED ? 0 : -1;
	}
	if (auth_with_db(a, token_run, &j, instant_in(STEP_TIME), e) < 0)
		return -1;
	if (j.result < 0) {
		*e = j.e;
		return -1;
	}
	*ret_right = s->who.found;
	if (!s->who.found)
		r->why = arena_printf(s->mem, "the token is of %.*s, who has no account here",
			SFMT(slice_first(j.address, 200)));
	return 0;
}

/* ---- what becomes of it ---- */

unsigned auth_service_bit(slice name)
{
	static const struct {
		const char *name;
		unsigned bit;
	} services[] = {{"smtp", SERVICE_SUBMISSION}, {"imap", SERVICE_IMAP},
		{"pop3", SERVICE_POP3}, {"web", SERVICE_WEB}, {"dav", SERVICE_DAV},
		{"eas", SERVICE_EAS}, {"sieve", SERVICE_SIEVE}};
	for (size_t i = 0; i < sizeof services / sizeof *services; i++)
		if (slice_eq(name, slice_z(services[i].name)))
			return services[i].bit;
	return 0;
}

bool auth_account_fine(
	const struct login_facts *f, const struct credential *c, const char **ret_why)
{
	*ret_why = f->deleted                  ? "account deleted"
		   : f->disabled               ? "account disabled"
		   : f->kind != ACCOUNT_PERSON ? "not a person's account"
		   : c->suspended              ? "account suspended"
					       : NULL;
	return !*ret_why;
}

/* The same for whoever has the same verifier; says nothing about it. */
uint64_t auth_grant_password(slice verifier)
{
	unsigned char sum[32];
	uint64_t v;
	SHA256((const unsigned char *)verifier.p, verifier.n, sum);
	memcpy(&v, sum, sizeof v);
	return AUTH_GRANT_PASSWORD | (v & (AUTH_GRANT_PASSWORD - 1));
}

static void name_how(struct auth_login *l, const struct step *s)
{
	if (s->who.has_app)
		snprintf(l->how, sizeof l->how, "app:%.*s",
			SFMT(slice_first(s->who.app.label, APP_LABEL_MAX)));
	else
		snprintf(l->how, sizeof l->how, "%s", s->how);
}

static enum auth_outcome not_here(struct auth_reply *r, const char *why, const char *say)
{
	r->why = slice_z(why);
	r->say = slice_z(say);
	return AUTH_NOT_HERE;
}

/* The main password was proved, and there is or should be a second factor. */
static enum auth_outcome second_factor(
	const struct auth *a, struct auth_login *l, const struct auth_who *w, struct auth_reply *r)
{
	bool on = a->conf->second_factor != SECOND_OFF;
	bool page = slice_eq(slice_z(l->service), S("web"));
	if (!on || !(w->credential.factor || w->factor_required))
		return AUTH_OK;
	if (page && l->can_code && !w->credential.factor)
		return AUTH_OK; /* so that one can be set up */
	if (page && l->can_code)
		return AUTH_CODE;
	return not_here(r, "second factor: main password refused",
		"This account has a second factor: use an application password here");
}

/* The password, whichever, is right. */
static enum auth_outcome permit(
	struct auth *a, struct auth_login *l, const struct step *s, struct auth_reply *r)
{
	const struct auth_who *w = &s->who;
	unsigned bit = auth_service_bit(slice_z(l->service));
	if (!(w->facts.limits.services & bit))
		return not_here(r, "service switched off for this account",
			"This service is not switched on for this account");
	if (w->has_app)
		return w->app.services & bit
			       ? AUTH_OK
			       : not_here(r, "application password for other services",
					 "This application password is for other services");
	if (strcmp(s->how, "oauth") == 0)
		return AUTH_OK;
	enum auth_outcome o = second_factor(a, l, w, r);
	if (o == AUTH_NOT_HERE)
		return o;
	if (!w->external &&
		(w->credential.must_change ||
			password_expired(a->rule, w->credential.changed_at, wall_now()))) {
		r->why = slice_z("password must be changed");
		r->say = slice_z("The password of this account must be changed first");
		return AUTH_EXPIRED;
	}
	return o;
}

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
	struct auth *a, struct step *s, bool *ret_right, struct auth_reply *r, struct err *e)
{
	struct auth_login *l = s->login;
	bool token = s->outcome == SASL_TOKEN;
	*ret_right = s->outcome == SASL_OK;
	s->how = "scram";
	if (!token && s->outcome != SASL_PASSWORD)
		return 0;
	if ((token ? check_token(a, s, ret_right, r, e) : check_password(a, s, ret_right, e)) < 0)
		return -1;
	s->outcome =
		sasl_verdict(l->sasl, *ret_right ? s->who.facts.address : S(""), &s->challenge);
	if (!*ret_right && !r->why.n)
		r->why = slice_z(s->who.found ? "wrong password" : "no such account");
	if (s->outcome != SASL_OK)
		*ret_right = false; /* also: wants to act as another */
	return 0;
}

static uint64_t grant_of(const struct step *s)
{
	const struct auth_who *w = &s->who;
	if (w->has_app)
		return AUTH_GRANT_APP | (uint64_t)w->app.id;
	if (strcmp(s->how, "oauth") == 0)
		return AUTH_GRANT_OAUTH;
	return w->external ? AUTH_GRANT_LDAP : auth_grant_password(w->credential.argon2);
}

static void conclude(struct auth *a, struct step *s, bool right, struct auth_reply *r)
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
		r->outcome = permit(a, l, s, r);
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
	struct step s = {.auth = a, .login = l, .mem = mem, .response = response, .how = ""};
	struct err e;
	bool right;
	const char *locked;
	if (auth_with_db(a, step_run, &s, instant_in(STEP_TIME), &e) < 0) {
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
		snprintf(l->why, sizeof l->why, "%.*s", SFMT(slice_first(r->why, sizeof l->why - 1)));
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
