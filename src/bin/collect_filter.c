/*
 * Mail of a collection through the filter (collect.h): a message that was read from an account elsewhere is handed in by LMTP at a listener of this server,
 * for the address of whose it is, with the folder behind a "+"; so it is looked at, decided about and delivered as any other. When it has been taken
 * (250), that is noted, in a transaction of its own: a process that is killed just between the two takes that one message again.
 *
 * Where: [collect] filter, else the first listener of kind lmtp. Without one nothing is collected: what should be filtered is never let past. With
 * `filter = none`, and for jobs that administrators want so, mail goes straight into the folder and is marked by the keyword "$Unfiltered".
 */
#include "bin/collect.h"

#include "base/mem.h"
#include "proto/smtpc/smtpc.h"
#include "proto/smtpd/smtpd.h"

#include <netinet/in.h>

enum { PIECE = 64 * 1024 };

struct collect_filter {
	struct collect_run *r;
	struct net_addr at;
	struct smtpc *s; /* NULL: not connected */
	struct buf text; /* the message that comes in */
	struct arena mem; /* of it */
	slice key;
	bool last_cr;
};

/* ---- where ---- */

/* A wildcard is reached by loopback. */
static struct net_addr reachable(const struct net_addr *a)
{
	struct net_addr to = *a;
	struct err e;
	char ip[NET_TEXT_MAX];
	slice text = slice_of(ip, net_print_ip(a, ip));
	if (slice_eq(text, S("0.0.0.0")) || a->dual)
		net_from_ip(S("127.0.0.1"), net_port(a), &to, &e);
	else if (slice_eq(text, S("::")))
		net_from_ip(S("::1"), net_port(a), &to, &e);
	return to;
}

static bool find_listener(const struct config *c, struct net_addr *ret)
{
	for (size_t i = 0; i < c->nlisteners; i++) {
		const struct smtpd_conf *l = c->listeners[i].conf;
		if (l->kind != SMTPD_LMTP || l->listen.n == 0 || l->tls == SMTPD_TLS_IMPLICIT)
			continue;
		*ret = reachable(&l->listen.v[0]);
		return true;
	}
	return false;
}

int collect_filter_open(struct collect_run *r, struct collect_filter **ret, struct err *e)
{
	const struct collect_conf *conf = r->c->conf;
	struct net_addr at;
	*ret = NULL;
	if (!r->job.every || r->job.options & COLLECT_UNFILTERED)
		return 0;
	if (slice_eq(conf->filter, S("none")))
		return 0;
	if (conf->filter.n && net_parse(conf->filter, COLLECT_LMTP_PORT, &at, e) < 0)
		return err_wrap(e, "[collect] filter");
	if (!conf->filter.n && !find_listener(r->c->config, &at))
		return err_set(e, ERR_TEMP,
			"collected mail cannot be filtered: no listener is of kind lmtp ([smtp "
			"\"lmtp\"] "
			"kind = lmtp, listen = 127.0.0.1:24; or [collect] filter)");
	struct collect_filter *f = NEW(struct collect_filter);
	f->r = r;
	f->at = at;
	f->text = BUF((size_t)boxes_max_message(r->c->boxes) + PIECE);
	*ret = f;
	return 0;
}

void collect_filter_close(struct collect_filter *f)
{
	if (!f)
		return;
	smtpc_quit(f->s);
	buf_done(&f->text);
	arena_done(&f->mem);
	free(f);
}

/* ---- a message comes in ---- */

void collect_filter_begin(struct collect_filter *f, slice key)
{
	buf_done(&f->text);
	arena_reset(&f->mem);
	f->key = arena_dup(&f->mem, key);
	f->last_cr = false;
}

/* Lines end in CRLF on the way. 1: too large. */
int collect_filter_bytes(struct collect_filter *f, slice s)
{
	size_t from = 0;
	for (size_t i = 0; i < s.n; i++) {
		bool cr = i ? s.p[i - 1] == '\r' : f->last_cr;
		if (s.p[i] != '\n' || cr)
			continue;
		buf_put(&f->text, slice_of(s.p + from, i - from));
		buf_byte(&f->text, '\r');
		from = i;
	}
	buf_put(&f->text, slice_skip(s, from));
	if (s.n)
		f->last_cr = s.p[s.n - 1] == '\r';
	return buf_ok(&f->text) ? 0 : 1;
}

/* ---- handing it in ---- */

struct reading {
	slice rest;
};

static int next_piece(void *arg, slice *ret, struct err *e)
{
	struct reading *r = arg;
	(void)e;
	*ret = slice_first(r->rest, PIECE);
	r->rest = slice_skip(r->rest, ret->n);
	return ret->n > 0;
}

static int connect_filter(struct collect_filter *f, struct err *e)
{
	const struct smtpc_config c = {.helo = f->r->c->config->hostname, .lmtp = true};
	if (f->s && smtpc_usable(f->s))
		return 0;
	smtpc_close(take(&f->s));
	if (smtpc_connect(&f->at, NULL, &c, &f->s, e) == 0)
		return 0;
	smtpc_close(take(&f->s));
	e->kind = ERR_TEMP;
	return err_wrap(e, "handing mail in for filtering");
}

/* "ann+Folder@one.test": what local delivery makes of it (mail/local.h). */
static slice recipient(struct collect_filter *f)
{
	const struct collect_job *j = &f->r->job;
	slice to = f->r->to;
	size_t at = slice_rindex(j->address, '@');
	if (!to.n || slice_ieq(to, S("INBOX")))
		return j->address;
	for (size_t i = 0; i < to.n; i++)
		if ((unsigned char)to.p[i] <= ' ' || strchr("\"@<>()[]\\,;:", to.p[i]))
			return j->address; /* no part of an address: it comes to INBOX */
	return arena_printf(&f->mem, "%.*s+%.*s%.*s", SFMT(slice_first(j->address, at)), SFMT(to),
		SFMT(slice_skip(j->address, at)));
}

static unsigned flags_of(slice text, slice rcpt)
{
	unsigned flags = 0;
	for (size_t i = 0; i < text.n; i++)
		if ((unsigned char)text.p[i] >= 0x80 || text.p[i] == 0)
			flags |= text.p[i] == 0 ? SMTPC_BINARY : SMTPC_8BIT;
	for (size_t i = 0; i < rcpt.n; i++)
		if ((unsigned char)rcpt.p[i] >= 0x80)
			flags |= SMTPC_UTF8;
	return flags;
}

/* 0: it was taken, or refused for good (told in the report); -1: later. */
int collect_filter_end(struct collect_filter *f, struct err *e)
{
	struct reading body = {buf_slice(&f->text)};
	const struct smtpc_rcpt rcpt = {.address = recipient(f)};
	const struct smtpc_mail m = {.flags = flags_of(body.rest, rcpt.address),
		.size = body.rest.n,
		.rcpts = &rcpt,
		.nrcpts = 1};
	struct smtpc_result result;
	struct smtpc_sent sent;
	if (connect_filter(f, e) < 0)
		return -1;
	smtpc_send(f->s, &m, (struct smtpc_body){next_piece, &body}, &f->mem, &result, &sent);
	/* Refused at the recipient, none would come: the fault is here, not in the message. */
	bool about_it = result.kind == SMTPC_PERM && result.stage != SMTPC_AT_RCPT;
	if (result.kind != SMTPC_OK && !about_it)
		return err_set(e, ERR_TEMP, "the filter does not take mail now: %.*s",
			(int)(result.text.n < 150 ? result.text.n : 150), result.text.p);
	if (result.kind == SMTPC_PERM &&
		import_message_refused(f->r->import, f->key, result.text, e) < 0)
		return -1;
	uint64_t size = f->text.n;
	buf_done(&f->text);
	return import_taken(f->r->import, f->key, size, result.kind == SMTPC_OK, e);
}
