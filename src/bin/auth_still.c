/*
 * Whether logins still hold (auth_wire.h, AUTH_STILL): asked by processes with long sessions, once a second. The version is
 * that of directory and credentials together, and of the time: what ends by itself is noticed within five minutes.
 */
#include "base/mem.h"
#include "base/time.h"
#include "bin/auth_impl.h"
#include "run/link.h"
#include "store/directory_impl.h"

#define LOOK_EVERY (5 * MINUTE)

struct still {
	struct auth *auth;
	struct arena mem;
	uint64_t asked, version;
	struct auth_still *v;
	size_t n;
	unsigned char over[AUTH_STILL_MAX / 8];
	bool same;
	int result;
	struct err e;
};

static int holds(
	struct still *s, struct auth_db *db, const struct auth_still *q, bool *ret, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct login_facts f;
	struct credential c;
	const char *why;
	*ret = false;
	if (directory_account_facts(db->directory, q->account_id, &a, &f, e) < 0)
		return e->kind == ERR_NOTFOUND ? 0 : -1;
	if (!slice_ieq(slice_first(f.address, AUTH_STILL_LOGIN), q->login))
		return 0; /* the address was changed: what a session knows of itself is not true any more */
	if (credential_get(db->credentials, q->account_id, &a, &c, e) < 0)
		return -1;
	if (!auth_account_fine(&f, &c, &why) || !(f.limits.services & auth_service_bit(q->service)))
		return 0;
	if (q->grant & AUTH_GRANT_APP)
		return app_password_still(db->credentials, q->account_id,
			(int64_t)(q->grant & ~AUTH_GRANT_APP), wall_now(), ret, e);
	if (!(q->grant & AUTH_GRANT_PASSWORD)) {
		*ret = true; /* what others checked */
		return 0;
	}
	/* A second factor that was set up since ends sessions of the password alone, unless it asked for a code. */
	bool factor = s->auth->conf->second_factor != SECOND_OFF && c.factor;
	*ret = q->grant == auth_grant_password(c.argon2) &&
	       !(factor && !slice_eq(q->service, S("web")));
	return 0;
}

static int version_of(struct auth_db *db, uint64_t *ret, struct err *e)
{
	uint64_t directory, credentials;
	if (directory_version(db->directory, &directory, e) < 0 ||
		credential_version(db->credentials, &credentials, e) < 0)
		return -1;
	*ret = directory << 36 ^ (credentials << 12 & ((UINT64_C(1) << 36) - 1)) ^
	       ((uint64_t)(wall_now() / LOOK_EVERY) & 0xfff);
	if (*ret == 0)
		*ret = 1;
	return 0;
}

static void still_run(void *arg, struct auth_db *db)
{
	struct still *s = arg;
	bool fine;
	s->result = version_of(db, &s->version, &s->e);
	s->same = s->asked && s->asked == s->version;
	for (size_t i = 0; i < s->n && s->result == 0 && !s->same; i++) {
		s->result = holds(s, db, &s->v[i], &fine, &s->e);
		if (s->result == 0 && !fine)
			s->over[i / 8] |= (unsigned char)(1 << i % 8);
	}
}

void auth_still_request(struct auth *a, struct link_request *r, slice request)
{
	struct still *s = NEW(struct still);
	AUTO(buf) struct buf out = BUF(AUTH_WIRE_MAX);
	struct err e;
	s->auth = a;
	if (!auth_still_decode(request, &s->mem, &s->asked, &s->v, &s->n)) {
		s->result = err_set(&e, ERR_PROTO, "malformed request");
	} else if (auth_with_db(a, still_run, s, instant_in(10 * SECOND), &e) < 0) {
		s->result = -1;
	} else if (s->result < 0) {
		e = s->e;
	}
	if (s->result < 0) {
		link_refuse(r, &e);
	} else {
		auth_still_answer(&out, s->same, s->version, s->over, s->n);
		link_reply(r, buf_slice(&out));
	}
	arena_done(&s->mem);
	free(s);
}
