/*
 * LDAP by libldap (ldap_client.h): connecting with failover and time limits, TLS before anything is said, searching in pages (RFC 2696),
 * proving a password by a bind. Used by the identity role and `posthouse ldap`. Does not follow referrals, does not write.
 */
#include "bin/ldap_client.h"

#include "base/hex.h"
#include "base/mem.h"
#include "base/time.h"
#include <errno.h>
#include <fcntl.h>
#include <ldap.h>
#include <openldap.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

enum { FILTER_MAX = 4000, SYSTEM_TIMES = 4 };
#define SYSTEM_CA "/etc/ssl/certs/ca-certificates.crt"
#define DISABLED_THERE 2 /* ADS_UF_ACCOUNTDISABLE of userAccountControl */

/* ---- texts ---- */

void ldap_escape(struct buf *out, slice value)
{
	for (size_t i = 0; i < value.n; i++) {
		unsigned char c = (unsigned char)value.p[i];
		if (c < ' ' || c >= 0x7f || strchr("*()\\", c))
			buf_printf(out, "\\%02x", c);
		else
			buf_byte(out, (char)c);
	}
}

bool ldap_filter(slice pattern, slice address, struct buf *out)
{
	slice local = slice_first(address, slice_rindex(address, '@'));
	slice domain = slice_skip(address, local.n + 1);
	for (size_t i = 0; i < pattern.n; i++) {
		char next = i + 1 < pattern.n ? pattern.p[i + 1] : 0;
		if (pattern.p[i] != '%' || !next || !strchr("aud%", next)) {
			buf_byte(out, pattern.p[i]);
			continue;
		}
		if (next == '%')
			buf_byte(out, '%');
		else
			ldap_escape(out, next == 'a' ? address : next == 'u' ? local : domain);
		i++;
	}
	return buf_ok(out);
}

size_t ldap_servers(const struct ldap_conf *c, struct ldap_server *v)
{
	size_t n = 0;
	for (size_t i = 0; i < c->servers.n && n < LDAP_SERVERS_MAX; i++) {
		struct ldap_server *s = &v[n++];
		*s = (struct ldap_server){.url = c->servers.v[i]};
		s->tls_first = slice_starts(s->url, S("ldaps://"));
		slice rest = slice_skip(s->url, s->tls_first ? 8 : 7);
		rest = slice_first(rest, slice_index(rest, '/'));
		bool six = slice_starts(rest, S("["));
		size_t end = six ? slice_index(rest, ']') + 1 : slice_index(rest, ':');
		uint64_t port = s->tls_first ? 636 : 389;
		if (end < rest.n && rest.p[end] == ':')
			slice_u64(slice_skip(rest, end + 1), &port);
		s->host = six ? slice_first(slice_skip(rest, 1), slice_index(rest, ']') - 1)
			      : slice_first(rest, end);
		s->port = (uint16_t)port;
	}
	return n;
}

/* The attribute names of "displayName cn", NUL-terminated, behind `v`. */
static size_t names(slice words, struct arena *a, char **v, size_t most)
{
	slice word;
	size_t n = 0;
	while (n < most && slice_cut(&words, ' ', &word))
		if (word.n)
			v[n++] = arena_strz(a, word);
	return n;
}

/* ---- connecting ---- */

struct session {
	LDAP *ld;
	const struct ldap_client *c;
	instant deadline;
};

static int fail(struct session *s, int rc, const char *what, struct err *e)
{
	char *text = NULL;
	ldap_get_option(s->ld, LDAP_OPT_DIAGNOSTIC_MESSAGE, &text);
	err_set(e, rc == LDAP_INVALID_CREDENTIALS ? ERR_DENIED : ERR_TEMP, "%s: %s%s%.120s", what,
		ldap_err2string(rc), text && text[0] ? ": " : "", text ? text : "");
	ldap_memfree(text);
	return -1;
}

static int connect_to(const struct net_addr *to, instant deadline, struct err *e)
{
	AUTO(fd) int fd = socket(to->ss.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct pollfd p = {.fd = fd, .events = POLLOUT};
	int failed = 0;
	socklen_t n = sizeof failed;
	if (fd < 0)
		return err_sys(e, errno, "socket");
	if (connect(fd, (const struct sockaddr *)&to->ss, to->len) < 0 && errno != EINPROGRESS)
		return err_sys(e, errno, "connect");
	int64_t left = deadline - instant_now();
	if (left <= 0 || poll(&p, 1, (int)(left / MSEC)) <= 0)
		return err_set(e, ERR_TEMP, "connect: no answer in time");
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &failed, &n) < 0 || failed)
		return err_sys(e, failed ? failed : errno, "connect");
	if (fcntl(fd, F_SETFL, 0) < 0)
		return err_sys(e, errno, "fcntl");
	return take_fd(&fd);
}

/* Before the library is given the socket. */
static void set_limits(LDAP *ld, int64_t timeout)
{
	struct timeval t = {timeout / SECOND, timeout % SECOND};
	int version = LDAP_VERSION3;
	ldap_set_option(ld, LDAP_OPT_PROTOCOL_VERSION, &version);
	ldap_set_option(ld, LDAP_OPT_REFERRALS, LDAP_OPT_OFF);
	ldap_set_option(ld, LDAP_OPT_RESTART, LDAP_OPT_OFF);
	ldap_set_option(ld, LDAP_OPT_NETWORK_TIMEOUT, &t);
	ldap_set_option(ld, LDAP_OPT_TIMEOUT, &t);
}

static int secure(
	struct session *s, const struct ldap_server *server, struct arena *a, struct err *e)
{
	int hard = LDAP_OPT_X_TLS_HARD, zero = 0;
	if (!server->tls_first && !s->c->conf->tls)
		return 0;
	ldap_set_option(s->ld, LDAP_OPT_X_TLS_REQUIRE_CERT, &hard);
	ldap_set_option(
		s->ld, LDAP_OPT_X_TLS_CACERTFILE, s->c->ca.n ? arena_strz(a, s->c->ca) : SYSTEM_CA);
	int rc = ldap_set_option(s->ld, LDAP_OPT_X_TLS_NEWCTX, &zero);
	if (rc == LDAP_SUCCESS)
		rc = server->tls_first ? ldap_install_tls(s->ld)
				       : ldap_start_tls_s(s->ld, NULL, NULL);
	return rc == LDAP_SUCCESS ? 0 : fail(s, rc, "TLS", e);
}

static int simple_bind(struct session *s, const char *dn, slice password, struct err *e)
{
	struct berval cred = {password.n, (char *)(uintptr_t)password.p};
	int rc = ldap_sasl_bind_s(s->ld, dn, LDAP_SASL_SIMPLE, &cred, NULL, NULL, NULL);
	return rc == LDAP_SUCCESS ? 0 : fail(s, rc, "bind", e);
}

static void hang_up(struct session *s)
{
	if (s->ld)
		ldap_unbind_ext_s(s->ld, NULL, NULL);
	s->ld = NULL;
}

/* One address of one server, up to a session that may search. */
static int dial(struct session *s, const struct ldap_server *server, const struct net_addr *addr,
	struct err *e)
{
	AUTO(arena) struct arena a = {0};
	const struct ldap_conf *conf = s->c->conf;
	s->deadline = instant_in(conf->timeout);
	int fd = connect_to(addr, s->deadline, e);
	if (fd < 0)
		return -1;
	int rc = ldap_init_fd(fd, LDAP_PROTO_TCP, arena_strz(&a, server->url), &s->ld);
	if (rc != LDAP_SUCCESS) {
		close(fd);
		return err_set(e, ERR_TEMP, "libldap: %s", ldap_err2string(rc));
	}
	set_limits(s->ld, conf->timeout);
	int r = secure(s, server, &a, e);
	/* Without a name nothing needs to be said: an unauthenticated search is anonymous. */
	if (r == 0 && conf->bind_dn.n)
		r = simple_bind(s, arena_strz(&a, conf->bind_dn), conf->bind_password.value, e);
	if (r < 0) {
		hang_up(s);
		if (e->kind == ERR_DENIED)
			e->kind = ERR_TEMP; /* our own password is wrong, not the person's */
	}
	return r;
}

static int open_server(struct session *s, size_t i, struct err *e)
{
	const struct ldap_server *server = &s->c->servers[i];
	err_set(e, ERR_TEMP, "the name has no address");
	for (size_t k = 0; k < server->n; k++)
		if (dial(s, server, &server->addr[k], e) == 0)
			return 0;
	return err_wrap(e, "%.*s", SFMT(slice_first(server->url, 80)));
}

static int open_any(const struct ldap_client *c, struct session *ret, struct err *e)
{
	*ret = (struct session){.c = c};
	err_set(e, ERR_TEMP, "no directory server is configured");
	for (size_t i = 0; i < c->n; i++)
		if (open_server(ret, i, e) == 0)
			return 0;
	return -1;
}

/* ---- entries ---- */

static slice value(LDAP *ld, LDAPMessage *entry, const char *name, struct arena *a)
{
	struct berval **v = ldap_get_values_len(ld, entry, name);
	slice r = v && v[0] ? arena_dup(a, slice_of(v[0]->bv_val, v[0]->bv_len)) : S("");
	ldap_value_free_len(v);
	return r;
}

static slice first_value(LDAP *ld, LDAPMessage *entry, slice words, struct arena *a)
{
	slice word, v = {0};
	while (!v.n && slice_cut(&words, ' ', &word))
		if (word.n)
			v = value(ld, entry, arena_strz(a, word), a);
	return v;
}

/* objectGUID is sixteen bytes: shown in hex, as every value that is no text. */
static slice id_of(LDAP *ld, LDAPMessage *entry, slice words, struct arena *a)
{
	slice v = slice_first(first_value(ld, entry, words, a), LDAP_ID_MAX);
	for (size_t i = 0; i < v.n; i++)
		if (v.p[i] <= ' ' || v.p[i] > '~') {
			AUTO(buf) struct buf hex = BUF(2 * LDAP_ID_MAX);
			hex_encode(&hex, v);
			return arena_dup(a, buf_slice(&hex));
		}
	return v;
}

static bool is_disabled(LDAP *ld, LDAPMessage *entry, struct arena *a)
{
	uint64_t flags = 0;
	slice_u64(value(ld, entry, "userAccountControl", a), &flags);
	return flags & DISABLED_THERE;
}

static slice dn_of(LDAP *ld, LDAPMessage *entry, struct arena *a)
{
	char *dn = ldap_get_dn(ld, entry);
	slice r = arena_dup(a, slice_z(dn ? dn : ""));
	ldap_memfree(dn);
	return r;
}

static struct ldap_person read_person(
	LDAP *ld, LDAPMessage *entry, const struct ldap_conf *c, struct arena *a)
{
	return (struct ldap_person){.id = id_of(ld, entry, c->id, a),
		.dn = dn_of(ld, entry, a),
		.address = value(ld, entry, arena_strz(a, c->address), a),
		.name = first_value(ld, entry, c->name, a),
		.disabled = is_disabled(ld, entry, a)};
}

/* ---- is it the password? ---- */

static int search_one(struct session *s, const char *filter, struct arena *a,
	struct ldap_person *ret, struct err *e)
{
	const struct ldap_conf *c = s->c->conf;
	char *attrs[16];
	size_t n = names(c->id, a, attrs, 8);
	LDAPMessage *result = NULL;
	attrs[n++] = (char *)(uintptr_t) "userAccountControl";
	attrs[n] = NULL;
	int rc = ldap_search_ext_s(s->ld, arena_strz(a, c->base), LDAP_SCOPE_SUBTREE, filter, attrs,
		0, NULL, NULL, NULL, 2, &result);
	int found = rc == LDAP_SUCCESS || rc == LDAP_SIZELIMIT_EXCEEDED
			    ? ldap_count_entries(s->ld, result)
			    : -1,
	    r = 0;
	if (rc == LDAP_NO_SUCH_OBJECT || found == 0)
		r = err_set(e, ERR_DENIED, "the directory server finds nobody");
	else if (found < 0)
		r = fail(s, rc, "search", e);
	else if (found > 1 || rc == LDAP_SIZELIMIT_EXCEEDED)
		r = err_set(e, ERR_DENIED,
			"the directory server finds several people: login_filter is too wide");
	else
		*ret = read_person(s->ld, ldap_first_entry(s->ld, result), c, a);
	ldap_msgfree(result);
	return r;
}

static int check_with(struct session *s, slice address, slice id, slice password, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	AUTO(buf) struct buf filter = BUF(FILTER_MAX);
	struct ldap_person p;
	if (!ldap_filter(s->c->conf->login_filter, address, &filter))
		return err_set(e, ERR_DENIED, "address too long");
	if (search_one(s, arena_strz(&a, buf_slice(&filter)), &a, &p, e) < 0)
		return -1;
	if (p.disabled)
		return err_set(e, ERR_DENIED, "disabled in the directory");
	if (id.n && !slice_eq(id, p.id))
		return err_set(
			e, ERR_DENIED, "the address is another person's in the directory: sync");
	return simple_bind(s, arena_strz(&a, p.dn), password, e);
}

int ldap_check(const struct ldap_client *c, slice address, slice id, slice password, struct err *e)
{
	struct session s;
	/* A bind without password is anonymous and always succeeds (RFC 4513 5.1.2). */
	if (password.n == 0 || memchr(password.p, 0, password.n))
		return err_set(e, ERR_DENIED, "empty password");
	if (open_any(c, &s, e) < 0)
		return -1;
	int r = check_with(&s, address, id, password, e);
	hang_up(&s);
	return r;
}

/* ---- everybody ---- */

/* Calls fn with each entry, page by page. */
static int search_all(struct session *s, slice filter, char **attrs,
	int (*fn)(void *arg, LDAP *ld, LDAPMessage *entry, struct err *e), void *arg,
	struct arena *a, struct err *e)
{
	struct berval cookie = {0, NULL};
	const char *base = arena_strz(a, s->c->conf->base), *text = arena_strz(a, filter);
	int r = 0;
	bool more = true;
	struct timeval t = {s->c->conf->timeout * SYSTEM_TIMES / SECOND, 0};
	while (r == 0 && more) {
		LDAPControl *page = NULL, *controls[2] = {NULL, NULL}, **back = NULL, *cursor;
		LDAPMessage *result = NULL;
		int rc = ldap_create_page_control(s->ld, LDAP_PAGE, &cookie, 'F', &page), code = 0;
		ber_memfree(cookie.bv_val);
		cookie = (struct berval){0, NULL};
		controls[0] = page;
		if (rc == LDAP_SUCCESS)
			rc = ldap_search_ext_s(s->ld, base, LDAP_SCOPE_SUBTREE, text, attrs, 0,
				controls, NULL, &t, 0, &result);
		if (rc == LDAP_SUCCESS)
			rc = ldap_parse_result(s->ld, result, &code, NULL, NULL, NULL, &back, 0);
		if (rc == LDAP_SUCCESS)
			rc = code;
		if (rc != LDAP_SUCCESS)
			r = fail(s, rc, "search", e);
		for (LDAPMessage *m = r == 0 ? ldap_first_entry(s->ld, result) : NULL; m && r == 0;
			m = ldap_next_entry(s->ld, m))
			r = fn(arg, s->ld, m, e);
		cursor = back ? ldap_control_find(LDAP_CONTROL_PAGEDRESULTS, back, NULL) : NULL;
		ber_int_t total;
		more = r == 0 && cursor &&
		       ldap_parse_pageresponse_control(s->ld, cursor, &total, &cookie) ==
			       LDAP_SUCCESS &&
		       cookie.bv_len > 0;
		ldap_controls_free(back);
		ldap_control_free(page);
		ldap_msgfree(result);
	}
	ber_memfree(cookie.bv_val);
	return r;
}

struct gather {
	const struct ldap_conf *conf;
	struct arena *a;
	struct ldap_people *to;
	size_t cap, gcap;
	struct session *s;
};

static void *wider(struct arena *a, void *v, size_t n, size_t *cap, size_t size)
{
	if (n < *cap)
		return v;
	*cap = *cap ? *cap * 2 : 256;
	void *wide = arena_alloc(a, *cap * size);
	if (n)
		memcpy(wide, v, n * size);
	return wide;
}

static int on_person(void *arg, LDAP *ld, LDAPMessage *entry, struct err *e)
{
	struct gather *g = arg;
	struct ldap_people *to = g->to;
	if (to->n >= LDAP_ENTRIES_MAX)
		return err_set(e, ERR_LIMIT, "more than %d people", LDAP_ENTRIES_MAX);
	to->v = wider(g->a, to->v, to->n, &g->cap, sizeof *to->v);
	to->v[to->n++] = read_person(ld, entry, g->conf, g->a);
	return 0;
}

static int read_members(
	LDAP *ld, LDAPMessage *entry, struct gather *g, struct ldap_group *ret, struct err *e)
{
	char *attrs[8];
	size_t n = names(g->conf->member, g->a, attrs, 8), cap = 0;
	for (size_t i = 0; i < n; i++) {
		struct berval **v = ldap_get_values_len(ld, entry, attrs[i]);
		for (size_t k = 0; v && v[k]; k++) {
			if (ret->n >= LDAP_VALUES_MAX) {
				ldap_value_free_len(v);
				return err_set(e, ERR_LIMIT, "a group has more than %d members",
					LDAP_VALUES_MAX);
			}
			ret->members =
				wider(g->a, ret->members, ret->n, &cap, sizeof *ret->members);
			ret->members[ret->n++] =
				arena_dup(g->a, slice_of(v[k]->bv_val, v[k]->bv_len));
		}
		ldap_value_free_len(v);
	}
	return 0;
}

static int on_group(void *arg, LDAP *ld, LDAPMessage *entry, struct err *e)
{
	struct gather *g = arg;
	struct ldap_people *to = g->to;
	struct ldap_person p = read_person(ld, entry, g->conf, g->a);
	if (to->ngroups >= LDAP_ENTRIES_MAX)
		return err_set(e, ERR_LIMIT, "more than %d groups", LDAP_ENTRIES_MAX);
	struct ldap_group group = {.id = p.id, .dn = p.dn, .address = p.address, .name = p.name};
	if (read_members(ld, entry, g, &group, e) < 0)
		return -1;
	to->groups = wider(g->a, to->groups, to->ngroups, &g->gcap, sizeof *to->groups);
	to->groups[to->ngroups++] = group;
	return 0;
}

static int read_with(struct session *s, struct arena *a, struct ldap_people *ret, struct err *e)
{
	const struct ldap_conf *c = s->c->conf;
	struct gather g = {.conf = c, .a = a, .to = ret, .s = s};
	char *attrs[32];
	size_t n = names(c->id, a, attrs, 6);
	n += names(c->name, a, attrs + n, 6);
	attrs[n++] = arena_strz(a, c->address);
	attrs[n++] = (char *)(uintptr_t) "userAccountControl";
	attrs[n] = NULL;
	if (search_all(s, c->user_filter, attrs, on_person, &g, a, e) < 0)
		return -1;
	if (c->group_filter.n == 0)
		return 0;
	n += names(c->member, a, attrs + n, 6);
	attrs[n] = NULL;
	return search_all(s, c->group_filter, attrs, on_group, &g, a, e);
}

int ldap_read(const struct ldap_client *c, struct arena *a, struct ldap_people *ret, struct err *e)
{
	struct session s;
	struct ldap_people people = {0};
	if (open_any(c, &s, e) < 0)
		return -1;
	int r = read_with(&s, a, &people, e);
	hang_up(&s);
	if (r == 0)
		*ret = people;
	return r;
}

int ldap_try(const struct ldap_client *c, size_t server, size_t *ret_people, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct session s = {.c = c};
	struct ldap_people people = {0};
	if (open_server(&s, server, e) < 0)
		return -1;
	int r = read_with(&s, &a, &people, e);
	hang_up(&s);
	*ret_people = people.n;
	return r;
}
