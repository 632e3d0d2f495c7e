/*
 * password_rule: which passwords an installation takes: section [password]. Checked where passwords are set
 * (credential_change), never where they are used: a stricter rule locks nobody out.
 */
#pragma once
#include "base/err.h"
#include "run/conf.h"

enum {
	PASSWORD_FILE_MAX = 64 << 20, /* of a list of common passwords */
	PASSWORD_OWN_WORD = 4, /* shorter parts of names may occur in a password */
};

struct password_rule {
	int64_t minimum; /* characters */
	int64_t classes; /* kinds of characters at least: small, capital, digit, other */
	bool own_name; /* may be the address or the name */
	bool common; /* may be a common one */
	slice common_file; /* lines; empty: only our own short list */
	int64_t history; /* former ones that may not come again */
	int64_t max_age, min_age; /* usec; 0: none */
};
extern const struct conf_section password_section;

/* 0; ERR_PROTO: a rule, which the text names in English (the command line translates it). ERR_TEMP: the file
 * cannot be read. Blocks on the file. */
int password_check(
	const struct password_rule *rule, slice password, slice address, slice name, struct err *e);
/* Is it over? changed_at 0: was never set, no. */
bool password_expired(const struct password_rule *rule, int64_t changed_at, int64_t now);
