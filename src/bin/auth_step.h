/* One step of a login, for auth_login.c, auth_check.c and auth_permit.c; nobody else includes this. */
#pragma once
#include "base/time.h"
#include "bin/auth_impl.h"

#define AUTH_STEP_TIME (30 * SECOND)

/* One step; what it finds out. */
struct auth_step {
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

/* auth_check.c. What is stored, and what the mechanism makes of the response: arg is the struct auth_step. */
void auth_step_look(void *arg, struct auth_db *db);
/* 0, *ret_right; -1: cannot be told now. An unknown account is hashed against nothing. */
int auth_check_password(struct auth *a, struct auth_step *s, bool *ret_right, struct err *e);
int auth_check_token(
	struct auth *a, struct auth_step *s, bool *ret_right, struct auth_reply *r, struct err *e);

/* auth_permit.c. The password, whichever, is right: may this login go on? */
enum auth_outcome auth_permit(
	struct auth *a, struct auth_login *l, const struct auth_step *s, struct auth_reply *r);
