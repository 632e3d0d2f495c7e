/*
 * The life of one session: PROXY header, TLS from the first byte where configured, admission,
 * greeting, then commands until QUIT, an error or a drain. Called by bin/edge in a coroutine of its
 * own for every connection; whole sessions also run from memory in tests and in the fuzzer.
 *
 * RFC 5321 sections 3.1 and 3.8. Nothing here knows directories, files or processes: see smtpd.h.
 */
#include "proto/smtpd/session.h"

#include "base/mem.h"
#include "run/co.h"
#include "run/metrics.h"
#include "run/tls.h"
#include "store/trace.h"
#include <stdio.h>

enum { RCPT_TRIES = 10, COMMANDS_BESIDE = 1000 }; /* commands of one transaction: see may_go_on */

METRIC_COUNTER(sessions, "posthouse_smtp_sessions_total", "", "SMTP and LMTP sessions served.");
METRIC_GAUGE(sessions_open, "posthouse_smtp_sessions", "", "SMTP and LMTP sessions open now.");

void smtpd_hub_init(struct smtpd_hub *h)
{
	*h = (struct smtpd_hub){0};
	list_init(&h->sessions);
}

void smtpd_drain(struct smtpd_hub *h)
{
	h->draining = true;
	list_each(node, &h->sessions) {
		struct smtpd_session *s = list_entry(node, struct smtpd_session, node);
		if (s->waiting && s->co)
			co_cancel(s->co);
	}
}

bool smtpd_start_tls(struct smtpd_session *s)
{
	struct err e;
	io_set_deadline(s->io, instant_in(s->conf->timeout_tls));
	if (io_flush(s->io, &e) < 0 || tls_accept(s->io, s->service->tls, &e) < 0) {
		smtpd_end(s, "tls", e.text);
		return false;
	}
	struct tls_info info;
	tls_get_info(s->io, &info);
	s->tls = true;
	s->client.tls_version = info.version;
	s->client.tls_cipher = info.cipher;
	s->client.tls_cn = info.verified && info.peer_cn[0]
				   ? arena_strz(&s->mem, slice_z(info.peer_cn))
				   : NULL;
	trace_event(&s->log, wall_now(), "tls", "version", slice_z(info.version), "cipher",
		slice_z(info.cipher), "resumed", info.resumed ? S("yes") : S(""), "cn",
		slice_z(s->client.tls_cn), NULL);
	return true;
}

void smtpd_greet(struct smtpd_session *s)
{
	smtpd_say(s, 220, NULL, "%.*s %.*s", SFMT(s->service->hostname), SFMT(s->conf->banner));
}

bool smtpd_watch_early(struct smtpd_session *s)
{
	struct err e = {0};
	int64_t delay = s->client.limits.greet_delay;
	if (s->conf->kind == SMTPD_LMTP)
		return true;
	if (delay && !smtpd_talks_early(s)) {
		io_set_deadline(s->io, instant_in(delay));
		int got = io_fill(s->io, READ_MAX, &e);
		if (got == 0 || (got < 0 && e.kind != ERR_TIMEOUT)) {
			smtpd_end(s, "closed", got ? e.text : "before the greeting");
			return false;
		}
	}
	bool look = s->service->sync || s->conf->refuse_early || delay;
	s->client.early = look && smtpd_talks_early(s);
	if (!s->client.early || !s->conf->refuse_early)
		return true;
	struct smtpd_refusal no = {0};
	smtpd_refuse(&no, 554, "5.5.0", "Wait for the greeting before you talk");
	smtpd_say_refusal(s, &no, false);
	smtpd_report(s, "connect", &no, S(""));
	smtpd_end(s, "early", NULL);
	return false;
}

/* Whether another command may come. Inside a transaction only what cannot be honest ends it. */
static bool may_go_on(struct smtpd_session *s, bool idle)
{
	const struct smtpd_conf *c = s->conf;
	uint64_t most = (uint64_t)s->client.limits.max_rcpts * RCPT_TRIES + COMMANDS_BESIDE;
	if (s->idle_commands >= c->max_idle_commands)
		smtpd_hang_up(s, "commands", "4.7.0",
			"Too many commands without effect, closing connection");
	else if (!idle && s->tx.commands >= most)
		smtpd_hang_up(s, "commands", "4.7.0", "Too many commands, closing connection");
	else if (s->state == ST_BDAT && instant_now() >= s->tx.deadline)
		smtpd_hang_up(s, "timeout", "4.4.2", "Timeout, closing connection");
	else if (!idle)
		return true;
	else if (s->hub->draining)
		smtpd_hang_up(s, "drain", "4.3.2", "Service is going down, please try again");
	else if (s->suspicious)
		smtpd_hang_up(
			s, "harvest", "4.7.0", "Too many unknown recipients, closing connection");
	else if (s->sum.commands >= s->client.limits.max_commands)
		smtpd_hang_up(s, "commands", "4.7.0", "Too many commands, closing connection");
	return !s->over;
}

static void take_line(struct smtpd_session *s, enum smtpd_got got, slice line, bool crlf)
{
	enum smtpd_bare bare = (enum smtpd_bare)s->conf->bare_newline;
	bool lenient = bare == SMTPD_BARE_KEEP || (bare == SMTPD_BARE_TRUSTED && smtpd_is_known(s));
	s->sum.commands++;
	if (got == GOT_TOO_LONG)
		smtpd_complain(s, 500, "5.5.2", "Line too long");
	else if (!crlf && !lenient)
		smtpd_complain(s, 500, "5.5.2", "Lines end in CRLF, not in a bare LF");
	else
		smtpd_dispatch(s, line);
}

static void command_loop(struct smtpd_session *s)
{
	while (!s->over) {
		bool idle = !(s->state & ST_TRANSACTION);
		if (!may_go_on(s, idle))
			break;
		slice line;
		bool crlf;
		s->waiting = idle;
		enum smtpd_got got = smtpd_read_line(
			s, SMTP_LINE_MAX, s->client.limits.timeout_command, &line, &crlf);
		s->waiting = false;
		if (got == GOT_NOTHING)
			break;
		take_line(s, got, line, crlf);
		arena_reset(&s->cmd);
	}
}

static void run(struct smtpd_session *s)
{
	if (!smtpd_proxy(s))
		return;
	s->xclient_allowed = !s->unnamed && smtpd_in_nets(&s->conf->xclient_from, &s->client.peer);
	if (s->service->tls_mode == SMTPD_TLS_IMPLICIT && !smtpd_start_tls(s))
		return;
	if (s->hub->draining) {
		smtpd_hang_up(s, "drain", "4.3.2", "Service is going down, please try again");
		return;
	}
	if (!smtpd_admit(s, true))
		return;
	smtpd_greet(s);
	if (!smtpd_speaks_mail(s))
		return;
	command_loop(s);
}

static void print_card(void *arg, void *file)
{
	const struct smtpd_session *s = arg;
	fprintf(file, "smtp session: service %.*s client %s state %d commands %u messages %u\n",
		SFMT(s->service->name), s->client.ip, s->state, s->sum.commands, s->sum.accepted);
}

static void finish_session(struct smtpd_session *s)
{
	smtpd_tx_reset(s);
	list_remove(&s->node);
	s->hub->n--;
	metric_add(&sessions_open, -1);
	s->sum.why = slice_z(s->end_why);
	s->ops->end(s->arg, &s->client, &s->sum);
	io_close(s->io);
	co_set_card((struct co_card){0});
	arena_done(&s->tx.mem);
	arena_done(&s->mem);
	arena_done(&s->cmd);
	buf_done(&s->log);
	free(s);
}

static void set_limits(struct smtpd_limits *l, const struct smtpd_conf *c)
{
	*l = (struct smtpd_limits){
		.max_size = c->max_size,
		.max_header = c->max_header,
		.max_rcpts = c->max_rcpts,
		.max_transactions = c->max_transactions,
		.max_commands = c->max_commands,
		.max_errors = c->max_errors,
		.max_unknown = c->max_unknown,
		.timeout_hello = c->timeout_command,
		.timeout_command = c->timeout_command,
		.timeout_data = c->timeout_data,
		.greet_delay = c->greet_delay,
	};
}

void smtpd_serve(struct smtpd_hub *hub, struct io *io, const struct smtpd_service *service,
	const struct smtpd_ops *ops, void *arg, const struct net_addr *peer,
	const struct net_addr *local)
{
	struct smtpd_session *s = NEW(struct smtpd_session);
	s->hub = hub;
	s->co = co_self();
	s->io = io;
	s->service = service;
	s->conf = service->conf;
	s->ops = ops;
	s->arg = arg;
	s->state = ST_CONNECTED;
	s->log = BUF(TRACE_LOG_MAX);
	s->sum.end = "";
	s->client.connected_at = wall_now();
	s->client.local = *local;
	set_limits(&s->client.limits, service->conf);
	smtpd_set_peer(s, peer);
	list_append(&hub->sessions, &s->node);
	hub->n++;
	metric_add(&sessions, 1);
	metric_add(&sessions_open, 1);
	co_set_card((struct co_card){print_card, s});
	run(s);
	finish_session(s);
}
