/*
 * cli_dkim: what the commands about signing keys share: making the usual pair of keys, the records
 * that publish them, and comparing with what the DNS has.
 */
#pragma once
#include "bin/cli_lookup.h"
#include "store/keyring.h"

/* "zone file" text of a TXT record: name. IN TXT ( "255 bytes" "..." ), wrapped, ended by LF. */
void zone_txt(struct buf *out, slice name, slice value);

/* The name and the value of a key's record; of a revoked key "v=DKIM1; p=". From *a. */
slice dkim_record_name(const struct keyring_key *k, struct arena *a);
slice dkim_record_value(const struct keyring_key *k, struct arena *a);
/* Prints the records of these keys, with what they are. */
void dkim_print_records(const struct keyring_key *v, size_t n, struct arena *a);
/* The state, in the chosen language. */
const char *dkim_state_text(enum keyring_state s);
void dkim_json_key(struct json *j, const struct keyring_key *k, bool record, struct arena *a);

/* The keyring for writing; takes on the server's user. NULL after a complaint, and *ret_code. */
struct sql *dkim_open(struct cli *cli, struct cli_env *env, int *ret_code);

/* Makes a key with the selector given or one by the date, stores it, and fills *ret. */
int dkim_make_key(struct sql *db, slice domain, slice selector, enum keyring_algorithm g,
	enum keyring_state state, slice by, struct arena *a, struct keyring_key *ret,
	struct err *e);
/* The usual pair, RSA 2048 and Ed25519, active at once, for a domain without any keys: its number
 * (0: it had keys) or -1. For `domain add`, `init` and the demo. */
int dkim_make_usual(
	slice data, slice domain, struct arena *a, struct keyring_key ret[2], struct err *e);

/* A domain that is not ours any more signs no more. */
int dkim_retire_all(slice data, slice domain, struct arena *a, struct err *e);

enum dkim_seen { DKIM_SEEN_RIGHT, DKIM_SEEN_MISSING, DKIM_SEEN_OTHER, DKIM_SEEN_UNKNOWN };
/* What the DNS has for the key; *ret_text: what was found or why not, from l->mem. In a coroutine.
 */
enum dkim_seen dkim_look(struct looking *l, const struct keyring_key *k, slice *ret_text);

/* cli_dkim_rotate.c */
int dkim_rotate(struct looking *l);
int dkim_activate(struct looking *l);
