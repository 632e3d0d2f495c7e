/*
 * Signing keys and their records (cli_dkim.h): RFC 6376 section 3.6.1, zone files as RFC 1035
 * section 5 has them. Used by `posthouse dkim` and `posthouse domain`.
 */
#include "bin/cli_dkim.h"

#include "base/mem.h"
#include "codec/dkim_record.h"

#include <stdio.h>
#include <time.h>

enum { RECORD_MAX = 4096, STRING_MAX = 255, LINE_STRING = 200, SELECTOR_TRIES = 50 };

/* ---- records ---- */

static void zone_string(struct buf *out, slice s)
{
	buf_byte(out, '"');
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];
		if (c == '"' || c == '\\')
			buf_printf(out, "\\%c", c);
		else if (c < ' ' || c > '~')
			buf_printf(out, "\\%03u", c);
		else
			buf_byte(out, (char)c);
	}
	buf_byte(out, '"');
}

void zone_txt(struct buf *out, slice name, slice value)
{
	_Static_assert(LINE_STRING <= STRING_MAX, "strings of TXT records");
	buf_printf(out, "%.*s. IN TXT ", SFMT(name));
	if (value.n <= LINE_STRING) {
		zone_string(out, value);
		buf_byte(out, '\n');
		return;
	}
	buf_put(out, S("("));
	for (slice rest = value; rest.n; rest = slice_skip(rest, LINE_STRING)) {
		buf_put(out, S("\n\t"));
		zone_string(out, slice_first(rest, LINE_STRING));
	}
	buf_put(out, S(" )\n"));
}

slice dkim_record_name(const struct keyring_key *k, struct arena *a)
{
	return arena_printf(a, "%.*s._domainkey.%.*s", SFMT(k->selector), SFMT(k->domain));
}

slice dkim_record_value(const struct keyring_key *k, struct arena *a)
{
	AUTO(buf) struct buf out = BUF(RECORD_MAX);
	if (k->state == KEYRING_REVOKED)
		return S("v=DKIM1; p=");
	dkim_record_build(&out, keyring_is_rsa(k->algorithm) ? DKIM_KEY_RSA : DKIM_KEY_ED25519,
		k->public_key, false);
	return arena_dup(a, buf_slice(&out));
}

const char *dkim_state_text(enum keyring_state s)
{
	switch (s) {
	case KEYRING_PREPARED:
		return T("prepared", "待启用");
	case KEYRING_ACTIVE:
		return T("active", "启用");
	case KEYRING_RETIRED:
		return T("retired", "已停用");
	case KEYRING_REVOKED:
		return T("revoked", "已吊销");
	}
	return "?";
}

void dkim_print_records(const struct keyring_key *v, size_t n, struct arena *a)
{
	AUTO(buf) struct buf out = BUF(KEYRING_DOMAIN_KEYS_MAX * RECORD_MAX);
	for (size_t i = 0; i < n; i++) {
		buf_printf(&out, "; %s, %s\n", keyring_algorithm_name(v[i].algorithm),
			dkim_state_text(v[i].state));
		zone_txt(&out, dkim_record_name(&v[i], a), dkim_record_value(&v[i], a));
	}
	fwrite(out.p ? out.p : "", 1, out.n, stdout);
}

void dkim_json_key(struct json *j, const struct keyring_key *k, bool record, struct arena *a)
{
	json_open_object(j, NULL);
	json_text(j, "domain", k->domain);
	json_text(j, "selector", k->selector);
	json_text(j, "algorithm", slice_z(keyring_algorithm_name(k->algorithm)));
	json_int(j, "bits", k->bits);
	json_text(j, "state", slice_z(keyring_state_name(k->state)));
	json_time(j, "created_at", k->created_at);
	json_time(j, "activated_at", k->activated_at);
	json_time(j, "retired_at", k->retired_at);
	json_time(j, "revoked_at", k->revoked_at);
	json_text(j, "by", k->by);
	if (record) {
		json_text(j, "name", dkim_record_name(k, a));
		json_text(j, "value", dkim_record_value(k, a));
	}
	json_close(j, '}');
}

/* ---- making ---- */

struct sql *dkim_open(struct cli *cli, struct cli_env *env, int *ret_code)
{
	struct sql *db;
	struct err e;
	if (cli_env_open(cli, env, ret_code) < 0)
		return NULL;
	if (keyring_open(env->config.server->data, &db, &e) == 0)
		return db;
	*ret_code = out_fail(&e);
	return NULL;
}

/* "ph202611r", "ph202611e"; with a number behind it when it is taken. */
static slice selector_by_date(enum keyring_algorithm g, int64_t now, int n, struct arena *a)
{
	time_t t = (time_t)(now / SECOND);
	struct tm tm;
	gmtime_r(&t, &tm);
	slice s = arena_printf(
		a, "ph%04d%02d%c", tm.tm_year + 1900, tm.tm_mon + 1, keyring_is_rsa(g) ? 'r' : 'e');
	return n ? arena_printf(a, "%.*s%d", SFMT(s), n + 1) : s;
}

int dkim_make_key(struct sql *db, slice domain, slice selector, enum keyring_algorithm g,
	enum keyring_state state, slice by, struct arena *a, struct keyring_key *ret, struct err *e)
{
	struct keyring_key k;
	int64_t now = wall_now();
	if (keyring_generate(g, a, &k, e) < 0)
		return -1;
	k.domain = domain;
	k.state = state;
	for (int i = 0;; i++) {
		k.selector = selector.n ? selector : selector_by_date(g, now, i, a);
		if (keyring_add(db, &k, by, now, &k.id, e) == 0)
			break;
		if (selector.n || e->kind != ERR_EXISTS || i == SELECTOR_TRIES)
			return -1;
	}
	return keyring_find(db, domain, k.selector, a, ret, e);
}

int dkim_make_usual(
	slice data, slice domain, struct arena *a, struct keyring_key ret[2], struct err *e)
{
	static const enum keyring_algorithm usual[] = {KEYRING_RSA2048, KEYRING_ED25519};
	struct keyring_key *v;
	struct sql *db;
	size_t n;
	if (keyring_open(data, &db, e) < 0)
		return -1;
	int r = keyring_list(db, domain, a, &v, &n, e), made = 0;
	for (int i = 0; i < 2 && r == 0 && n == 0; i++) {
		r = dkim_make_key(db, domain, S(""), usual[i], KEYRING_ACTIVE, cli_env_who(a), a,
			&ret[made], e);
		made += r == 0;
	}
	sql_close(db);
	return r < 0 ? -1 : made;
}

int dkim_retire_all(slice data, slice domain, struct arena *a, struct err *e)
{
	struct keyring_key *v;
	struct sql *db;
	size_t n = 0;
	if (keyring_open(data, &db, e) < 0)
		return -1;
	int r = keyring_list(db, domain, a, &v, &n, e);
	for (size_t i = 0; i < n && r == 0; i++)
		if (v[i].state == KEYRING_ACTIVE || v[i].state == KEYRING_PREPARED)
			r = keyring_set_state(
				db, v[i].id, KEYRING_RETIRED, cli_env_who(a), wall_now(), e);
	sql_close(db);
	return r;
}

/* ---- what is published ---- */

enum dkim_seen dkim_look(struct looking *l, const struct keyring_key *k, slice *ret_text)
{
	struct dns_names_answer txt;
	struct dkim_record r;
	struct err e;
	*ret_text = (slice){0};
	if (dns_txt(l->dns, dkim_record_name(k, l->mem), l->deadline, l->mem, &txt, &e) < 0) {
		*ret_text = arena_dup(l->mem, slice_z(e.text));
		return DKIM_SEEN_UNKNOWN;
	}
	if (txt.n == 0)
		return DKIM_SEEN_MISSING;
	*ret_text = txt.v[0];
	bool revoked = k->state == KEYRING_REVOKED;
	for (size_t i = 0; i < txt.n; i++) {
		enum dkim_record_fault fault = dkim_record_parse(txt.v[i], l->mem, &r);
		if (revoked ? fault == DKIM_RECORD_REVOKED
			    : fault == DKIM_RECORD_FINE && slice_eq(r.key, k->public_key) &&
					(r.type == DKIM_KEY_RSA) == keyring_is_rsa(k->algorithm))
			return txt.n == 1 ? DKIM_SEEN_RIGHT : DKIM_SEEN_OTHER;
	}
	return DKIM_SEEN_OTHER;
}
