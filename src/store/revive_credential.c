/*
 * Passwords of an account that comes back (revive.h), in one transaction that replaces whatever its number had. Verifiers of the main password are
 * bound to nothing. Second factors are sealed for the account's number by a key of the server's secret; passwords of programs and recovery codes are
 * keyed digests: with another secret they are worthless.
 */
#include "store/revive_impl.h"

#include "store/credential_impl.h"

static const struct revive_rows password_rows[] = {
	{REVIVE_PASSWORD, false,
		"SELECT argon2, scram, changed_at, must_change FROM credential"
		" WHERE account_id = $1 AND argon2 <> ''",
		"INSERT INTO credential (account_id, argon2, scram, changed_at, must_change)"
		" VALUES ($1, $2, $3, $4, $5) RETURNING 1",
		"ttii", -1, NULL},
	{REVIVE_KINDS, false, "SELECT until, argon2 FROM password_history WHERE account_id = $1",
		"INSERT INTO password_history (account_id, until, argon2)"
		" VALUES ($1, $2, $3) RETURNING 1",
		"it", -1, NULL},
	{REVIVE_SUSPENSION, false,
		"SELECT why, suspended_at, suspended_by FROM suspension WHERE account_id = $1",
		"INSERT INTO suspension (account_id, why, suspended_at, suspended_by)"
		" VALUES ($1, $2, $3, $4) RETURNING 1",
		"tit", 0, NULL},
};

static const struct revive_rows keyed_rows[] = {
	{REVIVE_APP_PASSWORD, false,
		"SELECT label, digest, services, made_at, expires_at, made_by FROM app_password"
		" WHERE account_id = $1",
		"INSERT INTO app_password (account_id, label, digest, services, made_at, "
		"expires_at,"
		" made_by) VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING 1",
		"tbiiit", 0, NULL},
	{REVIVE_RECOVERY_CODE, false, "SELECT digest FROM recovery_code WHERE account_id = $1",
		"INSERT INTO recovery_code (account_id, digest) VALUES ($1, $2) RETURNING 1", "b",
		-1, NULL},
};

/* Those that cannot be used with this server's secret, to be told. */
static int note_keyed(struct revive *v, struct sql *then, struct err *e)
{
	for (size_t i = 0; i < sizeof keyed_rows / sizeof *keyed_rows; i++) {
		int r;
		struct sql_stmt *s = sql_prepare(then, keyed_rows[i].read, e);
		if (!s)
			return -1;
		sql_bind_int(s, 1, v->then_id);
		while ((r = sql_step(s, e)) == 1)
			revive_note(v, keyed_rows[i].kind, false,
				keyed_rows[i].name < 0 ? S("") : sql_text(s, keyed_rows[i].name));
		if (r < 0)
			return -1;
	}
	return 0;
}

static int put_factor(struct revive *v, struct sql_stmt *row, struct sql *now,
	const struct credential_keys *old_keys, const struct credential_keys *keys, struct err *e)
{
	unsigned char sealed[FACTOR_SEALED];
	bool good = old_keys &&
		    factor_seal_anew(old_keys, v->then_id, sql_text(row, 0), keys, v->id, sealed);
	revive_note(v, REVIVE_FACTOR, good, S(""));
	if (!good)
		return 0;
	return sql_run(now, e,
		       "INSERT INTO second_factor (account_id, secret, fresh, confirmed_at,"
		       " last_step) VALUES ($1, $2, $3, $4, $5)",
		       "ibbii", v->id, slice_of(sealed, sizeof sealed), S(""), sql_int(row, 1),
		       sql_int(row, 2)) < 0
		       ? -1
		       : 0;
}

/* One that was begun and not confirmed is begun again by its owner. */
static int copy_factor(struct revive *v, struct sql *then, struct sql *now,
	const struct credential_keys *old_keys, const struct credential_keys *keys, struct err *e)
{
	struct sql_stmt *s = sql_prepare(then,
		"SELECT secret, confirmed_at, last_step FROM second_factor"
		" WHERE account_id = $1 AND confirmed_at > 0",
		e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, v->then_id);
	int r = sql_step(s, e);
	if (r != 1)
		return r;
	r = put_factor(v, s, now, old_keys, keys, e);
	sql_reset(s);
	return r;
}

static int copy_all(struct revive *v, struct sql *then, struct sql *now, bool same,
	const struct credential_keys *old_keys, const struct credential_keys *keys, struct err *e)
{
	if (credential_remove_tx(now, v->id, e) < 0)
		return -1;
	for (size_t i = 0; i < sizeof password_rows / sizeof *password_rows; i++)
		if (revive_copy(v, then, now, &password_rows[i], e) < 0)
			return -1;
	for (size_t i = 0; i < sizeof keyed_rows / sizeof *keyed_rows && same; i++)
		if (revive_copy(v, then, now, &keyed_rows[i], e) < 0)
			return -1;
	if (!same && note_keyed(v, then, e) < 0)
		return -1;
	return copy_factor(v, then, now, old_keys, keys, e);
}

int revive_credentials(struct revive *v, struct sql *then, slice data, bool same,
	const struct credential_keys *old_keys, struct err *e)
{
	struct credential_keys keys;
	struct sql *now;
	if (!then) {
		revive_note(v, REVIVE_PASSWORD, false, S(""));
		return 0;
	}
	if (credential_keys_read(data, &keys, e) < 0 || credential_open(data, &now, e) < 0)
		return -1;
	int r = sql_begin(now, e);
	if (r == 0)
		r = credential_end(now, copy_all(v, then, now, same, old_keys, &keys, e), e);
	sql_close(now);
	return r;
}
