/*
 * Is it the right password (auth_step.h)? What the client proved or said comes from sasl.h; what is stored is looked up in the pool;
 * then, in this order: application password, passwords that were right lately, the slow check; or a directory server's word, or
 * that of who made a token. Called by auth_login.c.
 */
#include "base/mem.h"
#include "bin/auth_step.h"
#include "run/metrics.h"
#include "run/pool.h"
#include "store/directory_org.h"
#include "store/external.h"
#include "store/password.h"

METRIC_COUNTER(remembered, "posthouse_auth_remembered_total", "",
	"Passwords that were recognised without the slow check.");
METRIC_COUNTER(hashed, "posthouse_auth_hashed_total", "", "Passwords that took the slow check.");

/* ---- what is stored ---- */

static int look_factor(struct auth_step *s, struct auth_db *db, struct err *e)
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
static int look_who(struct auth_step *s, struct auth_db *db, slice login, struct err *e)
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

void auth_step_look(void *arg, struct auth_db *db)
{
	struct auth_step *s = arg;
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
	instant deadline = instant_in(AUTH_STEP_TIME);
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
static int check_external(
	struct auth *a, struct auth_step *s, bool fine, bool *ret_right, struct err *e)
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

int auth_check_password(struct auth *a, struct auth_step *s, bool *ret_right, struct err *e)
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
	struct auth_step *step;
	slice address;
	int result;
	struct err e;
};

static void token_run(void *arg, struct auth_db *db)
{
	struct token_job *j = arg;
	j->result = look_who(j->step, db, j->address, &j->e);
}

int auth_check_token(
	struct auth *a, struct auth_step *s, bool *ret_right, struct auth_reply *r, struct err *e)
{
	struct token_job j = {.step = s};
	s->how = "oauth";
	*ret_right = false;
	if (auth_identity_token(a, sasl_secret(s->login->sasl), s->mem, &j.address, e) < 0) {
		r->why = arena_dup(s->mem, slice_z(e->text));
		return e->kind == ERR_DENIED ? 0 : -1;
	}
	if (auth_with_db(a, token_run, &j, instant_in(AUTH_STEP_TIME), e) < 0)
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
