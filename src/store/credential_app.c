/*
 * Passwords for one program each (credential.h): 100 random bits as letters and digits that are not
 * mistaken for each other, kept as a keyed digest. Such a password cannot be guessed, so its digest need
 * not be slow: a login costs microseconds. Used by the command line and the auth role.
 */
#include "base/mem.h"
#include "base/rand.h"
#include "base/time.h"
#include "base/utf8.h"
#include "store/credential_impl.h"
#include "store/directory.h"
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

enum { LETTERS = APP_PASSWORD_BITS / 5, GROUP = 4, DIGEST = 32 };

/* 32 of them: no i, l, o, and digits only where they are not letters. */
static const char alphabet[] = "abcdefghjkmnpqrstuvwxyz023456789";
_Static_assert(sizeof alphabet == 33, "five bits a letter");

static bool normalise(slice password, char out[LETTERS])
{
	size_t n = 0;
	for (size_t i = 0; i < password.n; i++) {
		char c = ascii_lower(password.p[i]);
		if (c == '-' || c == ' ')
			continue;
		if (n == LETTERS || !c || !strchr(alphabet, c))
			return false;
		out[n++] = c;
	}
	return n == LETTERS;
}

bool app_password_shape(slice password)
{
	char text[LETTERS];
	bool fits = normalise(password, text);
	OPENSSL_cleanse(text, sizeof text);
	return fits;
}

static void digest(
	const struct credential_keys *k, const char text[LETTERS], unsigned char out[DIGEST])
{
	HMAC(EVP_sha256(), k->app, CREDENTIAL_KEY, (const unsigned char *)text, LETTERS, out, NULL);
}

static void make_text(char out[LETTERS])
{
	unsigned char raw[LETTERS];
	rand_bytes(raw, sizeof raw);
	for (int i = 0; i < LETTERS; i++)
		out[i] = alphabet[raw[i] & 31];
	OPENSSL_cleanse(raw, sizeof raw);
}

static slice show(const char text[LETTERS], struct arena *a)
{
	char out[LETTERS + LETTERS / GROUP];
	size_t n = 0;
	for (int i = 0; i < LETTERS; i++) {
		if (i > 0 && i % GROUP == 0)
			out[n++] = '-';
		out[n++] = text[i];
	}
	slice r = arena_dup(a, slice_of(out, n));
	OPENSSL_cleanse(out, sizeof out);
	return r;
}

static int check(const struct app_password *app, struct err *e)
{
	slice label = slice_trim(app->label);
	if (label.n == 0 || label.n > APP_LABEL_MAX || !utf8_valid(label))
		return err_set(e, ERR_PROTO, "a label has 1 to %d bytes", APP_LABEL_MAX);
	for (size_t i = 0; i < label.n; i++)
		if ((unsigned char)label.p[i] < ' ' || label.p[i] == 0x7f)
			return err_set(e, ERR_PROTO, "a label is one line of text");
	if (app->services == 0 || (app->services & ~(unsigned)SERVICE_ALL))
		return err_set(e, ERR_PROTO, "no service is allowed");
	return 0;
}

static int count(struct sql *db, int64_t account_id, int64_t *ret, struct err *e)
{
	struct sql_stmt *s =
		sql_prepare(db, "SELECT COUNT(*) FROM app_password WHERE account_id = $1", e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, account_id);
	int r = sql_step(s, e);
	if (r <= 0)
		return -1;
	*ret = sql_int(s, 0);
	sql_reset(s);
	return 0;
}

static int64_t insert(struct sql *db, const struct app_password *app, slice sum, struct err *e)
{
	int64_t have;
	if (count(db, app->account_id, &have, e) < 0)
		return -1;
	if (have >= APP_PASSWORDS_MAX)
		return err_set(e, ERR_LIMIT, "an account has at most %d application passwords",
			APP_PASSWORDS_MAX);
	int64_t r = sql_run(db, e,
		"INSERT INTO app_password (account_id, label, digest, services, made_at, "
		"expires_at,"
		" made_by) VALUES ($1, $2, $3, $4, $5, $6, $7)",
		"itbiiit", app->account_id, slice_trim(app->label), sum, (int64_t)app->services,
		wall_now(), app->expires_at, app->made_by);
	if (r < 0 && e->kind == ERR_EXISTS)
		err_set(e, ERR_EXISTS, "there is an application password %.*s already",
			SFMT(app->label));
	return r;
}

int app_password_make(struct sql *db, const struct credential_keys *k,
	const struct app_password *app, struct arena *a, slice *ret_text, struct err *e)
{
	char text[LETTERS];
	unsigned char sum[DIGEST];
	if (check(app, e) < 0 || sql_begin(db, e) < 0)
		return -1;
	make_text(text);
	digest(k, text, sum);
	int r = credential_end(db, insert(db, app, slice_of(sum, DIGEST), e), e);
	if (r == 0)
		*ret_text = show(text, a);
	OPENSSL_cleanse(text, sizeof text);
	return r;
}

#define COLUMNS "id, account_id, label, services, made_at, expires_at, made_by"

static struct app_password read_row(struct sql_stmt *s, struct arena *a)
{
	return (struct app_password){
		.id = sql_int(s, 0),
		.account_id = sql_int(s, 1),
		.label = arena_dup(a, sql_text(s, 2)),
		.services = (unsigned)sql_int(s, 3),
		.made_at = sql_int(s, 4),
		.expires_at = sql_int(s, 5),
		.made_by = arena_dup(a, sql_text(s, 6)),
	};
}

int app_password_match(struct sql *db, const struct credential_keys *k, int64_t account_id,
	slice password, int64_t now, struct arena *a, struct app_password *ret, struct err *e)
{
	char text[LETTERS];
	unsigned char sum[DIGEST];
	if (!normalise(password, text))
		return err_set(e, ERR_NOTFOUND, "not of the shape of an application password");
	digest(k, text, sum);
	OPENSSL_cleanse(text, sizeof text);
	struct sql_stmt *s = sql_prepare(db,
		"SELECT " COLUMNS " FROM app_password WHERE account_id = $1 AND digest = $2"
		" AND (expires_at = 0 OR expires_at > $3)",
		e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, account_id);
	sql_bind_blob(s, 2, slice_of(sum, DIGEST));
	sql_bind_int(s, 3, now);
	int r = sql_step(s, e);
	if (r <= 0)
		return r < 0 ? -1 : err_set(e, ERR_NOTFOUND, "no such application password");
	*ret = read_row(s, a);
	sql_reset(s);
	return 0;
}

int app_password_list(struct sql *db, int64_t account_id, struct arena *a,
	struct app_password **ret, size_t *ret_n, struct err *e)
{
	struct app_password *v = ARENA_ARRAY(a, struct app_password, APP_PASSWORDS_MAX);
	size_t n = 0;
	struct sql_stmt *s = sql_prepare(db,
		"SELECT " COLUMNS " FROM app_password WHERE account_id = $1 ORDER BY id LIMIT $2",
		e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, account_id);
	sql_bind_int(s, 2, APP_PASSWORDS_MAX);
	int r;
	while ((r = sql_step(s, e)) == 1)
		v[n++] = read_row(s, a);
	if (r < 0)
		return -1;
	*ret = v;
	*ret_n = n;
	return 0;
}

int app_password_revoke(
	struct sql *db, int64_t account_id, slice which, int64_t *ret_n, struct err *e)
{
	uint64_t id = 0;
	bool all = which.n == 0;
	slice_u64(which, &id);
	if (sql_begin(db, e) < 0)
		return -1;
	int64_t r = all ? sql_run(db, e, "DELETE FROM app_password WHERE account_id = $1", "i",
				  account_id)
			: sql_run(db, e,
				  "DELETE FROM app_password WHERE account_id = $1 AND"
				  " (label = $2 OR id = $3)",
				  "iti", account_id, which, (int64_t)id);
	if (r == 0)
		r = err_set(e, ERR_NOTFOUND, "no such application password");
	if (credential_end(db, r, e) < 0)
		return -1;
	*ret_n = r;
	return 0;
}

int app_password_still(
	struct sql *db, int64_t account_id, int64_t id, int64_t now, bool *ret, struct err *e)
{
	struct sql_stmt *s = sql_prepare(db,
		"SELECT 1 FROM app_password WHERE id = $1 AND account_id = $2"
		" AND (expires_at = 0 OR expires_at > $3)",
		e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, id);
	sql_bind_int(s, 2, account_id);
	sql_bind_int(s, 3, now);
	int r = sql_step(s, e);
	if (r == 1)
		sql_reset(s);
	if (r >= 0)
		*ret = r == 1;
	return r < 0 ? -1 : 0;
}
