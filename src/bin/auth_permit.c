/* What becomes of a login whose password is right (auth_step.h), and what sessions are granted by. Called by auth_login.c and auth_still.c. */
#include "base/mem.h"
#include "bin/auth_step.h"
#include "store/password.h"
#include <openssl/sha.h>

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

enum auth_outcome auth_permit(
	struct auth *a, struct auth_login *l, const struct auth_step *s, struct auth_reply *r)
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
