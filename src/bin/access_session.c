/*
 * One connection of the access role: the PROXY header of a load balancer, then a session of proto/imap or proto/pop3, and what these ask of the
 * process: logins, limits of an account, what `posthouse session list` shows. Both protocols ask the same things; their vocabularies are
 * translated here and nowhere else.
 */
#include "bin/access.h"

#include "base/mem.h"
#include "codec/proxy.h"
#include "run/metrics.h"
#include "store/directory.h"
#include <stdio.h>

METRIC_GAUGE(open_imap, "posthouse_access_sessions", "protocol=\"imap\"",
	"Sessions of mail programs open now.");
METRIC_GAUGE(open_pop3, "posthouse_access_sessions", "protocol=\"pop3\"",
	"Sessions of mail programs open now.");
METRIC_GAUGE(open_sieve, "posthouse_access_sessions", "protocol=\"sieve\"",
	"Sessions of mail programs open now.");
METRIC_GAUGE(idle_imap, "posthouse_access_idle_sessions", "",
	"IMAP sessions that wait for news now (IDLE).");
METRIC_COUNTER(
	logins_ok, "posthouse_access_logins_total", "result=\"ok\"", "Logins of mail programs.");
METRIC_COUNTER(logins_failed, "posthouse_access_logins_total", "result=\"failed\"",
	"Logins of mail programs.");
METRIC_COUNTER(logins_refused, "posthouse_access_logins_total", "result=\"refused\"",
	"Logins of mail programs.");
METRIC_COUNTER(logins_temp, "posthouse_access_logins_total", "result=\"temp\"",
	"Logins of mail programs.");
METRIC_COUNTER(commands_imap, "posthouse_access_commands_total", "protocol=\"imap\"",
	"Commands of mail programs.");
METRIC_COUNTER(commands_pop3, "posthouse_access_commands_total", "protocol=\"pop3\"",
	"Commands of mail programs.");
METRIC_COUNTER(commands_sieve, "posthouse_access_commands_total", "protocol=\"sieve\"",
	"Commands of mail programs.");
METRIC_COUNTER(bytes_in, "posthouse_access_bytes_total", "direction=\"in\"",
	"Bytes from and to mail programs.");
METRIC_COUNTER(bytes_out, "posthouse_access_bytes_total", "direction=\"out\"",
	"Bytes from and to mail programs.");

enum { PROXY_SECONDS = 10 };

static const struct protocol { /* by enum access_protocol */
	const char *end; /* of its line in the log */
	struct metric *open, *commands;
} protocols[ACCESS_PROTOCOLS] = {
	{"imap.end", &open_imap, &commands_imap},
	{"pop3.end", &open_pop3, &commands_pop3},
	{"sieve.end", &open_sieve, &commands_sieve},
};

static const struct protocol *protocol_of(const struct access_session *s)
{
	return &protocols[s->service->listener.protocol];
}

static slice name_of(const struct access_session *s)
{
	return slice_z(access_protocol_name(s->service->listener.protocol));
}

void access_session_end(struct access_session *s, const char *why)
{
	s->why_end = why;
	co_cancel(s->co);
}

/* ---- who the client is ---- */

static bool in_nets(const struct conf_nets *nets, const struct net_addr *a)
{
	for (size_t i = 0; i < nets->n; i++)
		if (net_cidr_match(&nets->v[i], a))
			return true;
	return false;
}

static void take_address(struct access_session *s)
{
	char ip[NET_TEXT_MAX];
	if (s->peer.ss.ss_family == AF_UNIX)
		strcpy(ip, "local");
	else
		net_print_ip(&s->peer, ip);
	session_text(s->ip, sizeof s->ip, slice_z(ip));
	session_text(s->row->ip, sizeof s->row->ip, slice_z(ip));
}

/* Behind a balancer the client is somebody else than the peer: it is counted where it is. */
static const char *count_anew(struct access_session *s, const struct net_addr *client)
{
	struct access *a = s->access;
	bool limited = !in_nets(&s->service->listener.conf->trusted, client);
	if (census_enter(a->census, client, 0, limited ? a->conf->max_per_ip : 0) != CENSUS_FINE)
		return "too many connections from this address";
	census_leave(a->census, &s->counted);
	s->peer = s->counted = *client;
	return NULL;
}

static const char *use_header(struct access_session *s, const struct proxy_header *h)
{
	struct net_addr client;
	struct err e;
	char ip[PROXY_IP_TEXT];
	if (!h->family) /* LOCAL, UNKNOWN: its health check, or a client that it cannot name */
		return NULL;
	size_t n = proxy_ip_text(h->family, h->src, ip);
	if (net_from_ip(slice_of(ip, n), h->src_port, &client, &e) < 0)
		return "address in the PROXY header is not usable";
	net_unmap(&client);
	return count_anew(s, &client);
}

/* NULL, or why the connection ends. */
static const char *read_proxy(struct access_session *s, struct io *io)
{
	const struct conf_nets *from = &s->service->listener.conf->proxy_from;
	struct proxy_header h;
	struct err e = {0};
	if (from->n == 0)
		return NULL;
	if (!in_nets(from, &s->peer))
		return "peer is not in proxy_from";
	io_set_deadline(io, instant_in(PROXY_SECONDS * SECOND));
	for (;;) {
		slice in = io_peek(io);
		enum proxy_step step = in.n ? proxy_parse(in, &h) : PROXY_MORE;
		if (step == PROXY_BAD || proxy_want(in) > PROXY_MAX)
			return "no PROXY header";
		if (step == PROXY_OK) {
			io_consume(io, h.length);
			return use_header(s, &h);
		}
		if (io_fill_to(io, proxy_want(in), &e) <= 0)
			return e.kind == ERR_TIMEOUT ? "no PROXY header came" : "closed";
	}
}

/* ---- logging in ---- */

static void keep_login(struct access_session *s, const struct auth_reply *r)
{
	s->account_id = r->account_id;
	s->grant = r->grant;
	session_text(s->row->how, sizeof s->row->how, r->how);
}

static enum auth_outcome judge(
	struct access_session *s, enum auth_outcome o, const struct auth_reply *r)
{
	switch (o) {
	case AUTH_OK:
		metric_add(&logins_ok, 1);
		keep_login(s, r);
		break;
	case AUTH_FAILED:
		metric_add(&logins_failed, 1);
		if (r->hang_up)
			access_session_end(s, "Too many failed logins");
		break;
	case AUTH_EXPIRED:
	case AUTH_NOT_HERE:
		metric_add(&logins_refused, 1);
		break;
	case AUTH_TEMP:
		metric_add(&logins_temp, 1);
		log_warn(NULL, "access.login", F("ip", (const char *)s->ip), F("why", r->why));
		break;
	default:
		break;
	}
	return o;
}

static enum login_step outcome(
	enum auth_outcome o, const struct auth_reply *r, struct login_result *ret)
{
	bool refused = o == AUTH_EXPIRED || o == AUTH_NOT_HERE;
	*ret = (struct login_result){r->challenge, r->login, refused ? r->say : r->why};
	switch (o) {
	case AUTH_MORE:
		return LOGIN_MORE;
	case AUTH_OK:
		return LOGIN_OK;
	case AUTH_FAILED:
		return LOGIN_FAILED;
	case AUTH_EXPIRED:
		return LOGIN_EXPIRED;
	case AUTH_NOT_HERE:
		return LOGIN_NOT_HERE;
	default:
		return LOGIN_TEMP;
	}
}

static enum login_step op_auth_start(
	void *arg, const struct login_start *st, struct arena *a, struct login_result *ret)
{
	struct access_session *s = arg;
	struct auth_reply r;
	const struct auth_request q = {
		.response = st->initial,
		.mech = st->mech,
		.has_initial = st->has_initial,
		.secure = s->row->tls[0] != 0,
		.cb_type = slice_z(st->cb_type),
		.cb_data = st->cb_data,
		.ip = slice_z(s->ip),
		.service = name_of(s),
		.client = slice_z(s->row->client),
	};
	return outcome(judge(s, auth_client_start(&s->login, &q, a, &r), &r), &r, ret);
}

static enum login_step op_auth_step(
	void *arg, slice response, struct arena *a, struct login_result *ret)
{
	struct access_session *s = arg;
	struct auth_reply r;
	return outcome(judge(s, auth_client_step(&s->login, response, a, &r), &r), &r, ret);
}

static void op_auth_cancel(void *arg)
{
	struct access_session *s = arg;
	auth_client_cancel(&s->login);
}

/* For limits; the auth process may not have said whose login it was. */
static int find_account(struct access_session *s, slice login, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct login_facts facts;
	if (s->account_id)
		return 0;
	if (directory_get_facts(s->access->directory, login, &a, &facts, e) < 0)
		return -1;
	s->account_id = facts.id;
	return 0;
}

/* Also before the next login, where the mailbox of the one before could not be opened. */
static void leave_account(struct access_session *s)
{
	if (!s->who)
		return;
	census_leave_number(s->access->accounts, (uint64_t)s->row->account_id);
	free(take(&s->who));
}

static int op_enter(void *arg, slice login, struct mailbox_actor *ret_actor, struct err *e)
{
	struct access_session *s = arg;
	const struct access_conf *c = s->access->conf;
	if (find_account(s, login, e) < 0)
		return -1;
	leave_account(s);
	if (census_enter_number(s->access->accounts, (uint64_t)s->account_id, c->max_per_account) !=
		CENSUS_FINE) {
		s->account_id = 0;
		log_warn(NULL, "access.sessions", F("login", login), F("ip", (const char *)s->ip),
			F("max", c->max_per_account));
		return err_set(e, ERR_LIMIT, "Too many sessions of this account, close some");
	}
	s->who = mem_dup(login.p, login.n);
	session_text(s->row->login, sizeof s->row->login, login);
	__atomic_store_n(&s->row->account_id, s->account_id, __ATOMIC_RELAXED);
	*ret_actor = (struct mailbox_actor){
		.who = slice_of(s->who, login.n),
		.protocol = name_of(s),
		.ip = slice_z(s->ip),
	};
	return 0;
}

/* ---- what is shown ---- */

static void op_client(void *arg, slice name_and_version)
{
	struct access_session *s = arg;
	session_text(s->row->client, sizeof s->row->client, name_and_version);
}

static void set_idle(struct access_session *s, bool idle)
{
	if (idle != s->idle)
		metric_add(&idle_imap, idle ? 1 : -1);
	s->idle = idle;
}

static void op_state(void *arg, const char *doing, slice folder)
{
	struct access_session *s = arg;
	struct session_row *row = s->row;
	session_text(row->doing, sizeof row->doing, slice_z(doing));
	session_text(row->folder, sizeof row->folder, folder);
	row->active_at = wall_now();
	set_idle(s, strcmp(doing, "IDLE") == 0);
}

static void op_tls(void *arg, struct io *io)
{
	struct access_session *s = arg;
	struct tls_info info;
	tls_get_info(io, &info);
	session_text(s->row->tls, sizeof s->row->tls, slice_z(info.version));
}

static const char *op_why_end(void *arg)
{
	struct access_session *s = arg;
	return s->why_end;
}

static void op_end(void *arg, const struct session_summary *sum)
{
	struct access_session *s = arg;
	struct session_row *row = s->row;
	metric_add(protocol_of(s)->commands, (int64_t)sum->commands);
	metric_add(&bytes_in, (int64_t)sum->bytes_in);
	metric_add(&bytes_out, (int64_t)sum->bytes_out);
	log_info(NULL, protocol_of(s)->end, F("listener", s->service->listener.name),
		F("ip", (const char *)s->ip), F("login", (const char *)row->login),
		F("how", (const char *)row->how), F("client", (const char *)row->client),
		F("tls", row->tls[0] ? row->tls : "none"), F("commands", sum->commands),
		F("messages", sum->messages), F("deleted", sum->deleted), F("in", sum->bytes_in),
		F("out", sum->bytes_out), F("end", sum->end ? sum->end : ""),
		F("why", s->why_end ? slice_z(s->why_end) : sum->why),
		F_USEC("took", wall_now() - row->since));
}

static const struct session_ops ops = {.auth_start = op_auth_start,
	.auth_step = op_auth_step,
	.auth_cancel = op_auth_cancel,
	.enter = op_enter,
	.client = op_client,
	.state = op_state,
	.tls = op_tls,
	.why_end = op_why_end,
	.end = op_end};

/* ---- the session ---- */

static void serve(struct access_session *s)
{
	struct access *a = s->access;
	struct io *io = io_plain(s->fd);
	const char *no = read_proxy(s, io);
	take_address(s);
	if (no) {
		log_info(NULL, "access.refused", F("listener", s->service->listener.name),
			F("ip", (const char *)s->ip), F("why", no));
		io_abort(io);
		return;
	}
	metric_add(protocol_of(s)->open, 1);
	switch (s->service->listener.protocol) {
	case ACCESS_POP3:
		pop3_serve(&a->pop3_hub, io, &s->service->pop3, &ops, s);
		break;
	case ACCESS_SIEVE:
		managesieve_serve(&a->sieve_hub, io, &s->service->sieve, &ops, s);
		break;
	default:
		imap_serve(&a->imap_hub, io, &s->service->imap, &ops, s, &s->peer);
	}
	metric_add(protocol_of(s)->open, -1);
}

void access_session_run(void *arg)
{
	struct access_session *s = arg;
	struct access *a = s->access;
	session_text(s->row->service, sizeof s->row->service, name_of(s));
	serve(s);
	set_idle(s, false);
	leave_account(s);
	census_leave(a->census, &s->counted);
	a->by_row[sessions_index(a->sessions, s->row)] = NULL;
	sessions_leave(a->sessions, s->row);
	free(s);
	acceptor_ended(&a->acceptor);
}
