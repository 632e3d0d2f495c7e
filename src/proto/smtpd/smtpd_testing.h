/*
 * For tests and the fuzzer of this folder: a small world for the session to live in (struct fake),
 * and an io that plays a client from a script.
 *
 * Bytes of the script go to the session as they are, but for these:
 *	\361 the client waits here until the server waits for it
 *	\362 a timeout	\363 the connection is lost	\364 the server is told to drain
 */
#pragma once
#include "base/base32.h"
#include "base/mem.h"
#include "base/must.h"
#include "base/test.h"
#include "proto/smtpd/smtpd.h"
#include "run/co.h"
#include "run/loop.h"
#include <stdio.h>
#include <stdlib.h>

enum { PAUSE = 0361, EXPIRE, LOSE, DRAIN };

struct fake {
	struct smtpd_hub hub;
	struct arena mem;
	struct buf out; /* what the server said */
	struct buf kept; /* the messages accepted, see fake_accept */
	struct buf told; /* refusals reported, and the end */
	struct buf body, behind; /* all of it; what came behind the header */
	struct buf last_prefix, last_log;
	const struct smtpd_client *client;
	struct smtpd_summary sum;
	unsigned accepts, begins, cancels, auth_steps;
	bool open;
	slice mech;
	/* For the fuzzer: what is served, and a look at every message accepted. */
	const void *what;
	void (*accepted)(struct fake *f, const struct queue_msg *m);
};

/* ---- the world: example.com is local, backend.test behind us, the rest of the world foreign ----
 */

static int fake_connect(void *arg, struct smtpd_client *c, struct smtpd_refusal *no)
{
	struct fake *f = arg;
	f->client = c;
	if (slice_eq(slice_z(c->ip), S("192.0.2.66")))
		return err_set(&no->err, ERR_DENIED, "on our list");
	if (slice_eq(slice_z(c->ip), S("192.0.2.67")))
		return err_set(&no->err, ERR_LIMIT, "too many");
	if (slice_eq(slice_z(c->ip), S("192.0.2.1")))
		c->name = S("client.test");
	return 0;
}

static enum smtpd_auth fake_verdict(slice login, slice password, struct smtpd_auth_result *ret)
{
	if (slice_eq(login, S("temp")))
		return SMTPD_AUTH_TEMP;
	if (slice_eq(login, S("weak")))
		return ret->say = S("Use another password"), SMTPD_AUTH_DENIED;
	if (!slice_eq(login, S("alice")) || !slice_eq(password, S("secret"))) {
		ret->why = S("wrong password");
		return SMTPD_AUTH_FAILED;
	}
	ret->login = S("alice@example.com");
	return SMTPD_AUTH_OK;
}

static enum smtpd_auth fake_step(
	void *arg, slice in, struct arena *a, struct smtpd_auth_result *ret)
{
	struct fake *f = arg;
	must(f->mech.n > 0);
	enum smtpd_auth r = SMTPD_AUTH_MORE;
	f->auth_steps++;
	if (slice_eq(f->mech, S("PLAIN"))) {
		slice zid, login, rest = in;
		slice_cut(&rest, 0, &zid);
		if (!slice_cut(&rest, 0, &login))
			login = S("");
		r = fake_verdict(login, rest, ret);
	} else if (slice_eq(f->mech, S("LOGIN"))) {
		if (f->auth_steps == 1)
			ret->challenge = S("Username:");
		else if (f->auth_steps == 2)
			ret->challenge = S("Password:");
		else
			r = fake_verdict(S("alice"), in, ret);
	} else if (f->auth_steps == 1) { /* a mock of SCRAM's shape */
		ret->challenge = arena_printf(a, "r=%.*s", SFMT(in));
	} else {
		r = fake_verdict(S("alice"), in, ret);
		if (r == SMTPD_AUTH_OK)
			ret->challenge = S("v=proof");
	}
	if (r != SMTPD_AUTH_MORE)
		f->mech = S("");
	return r;
}

static enum smtpd_auth fake_start(
	void *arg, const struct smtpd_auth_start *s, struct arena *a, struct smtpd_auth_result *ret)
{
	struct fake *f = arg;
	must(f->mech.n == 0);
	f->mech = arena_dup(&f->mem, s->mech);
	f->auth_steps = 0;
	return fake_step(arg, s->initial, a, ret);
}

static void fake_auth_cancel(void *arg)
{
	struct fake *f = arg;
	must(f->mech.n > 0);
	f->mech = S("");
}

static int fake_may_send_as(void *arg, slice login, slice address, bool *ret, struct err *e)
{
	(void)arg;
	must(slice_eq(login, S("alice@example.com")));
	if (slice_eq(address, S("temp@example.com")))
		return err_set(e, ERR_TEMP, "directory is locked");
	*ret = slice_ieq(address, login) || slice_eq(address, S("sales@example.com"));
	return 0;
}

static int fake_mail(void *arg, const struct smtpd_ask_mail *m, struct smtpd_refusal *no)
{
	(void)arg;
	if (slice_eq(m->sender, S("spammer@bad.test")))
		return err_set(&no->err, ERR_DENIED, "known spammer");
	if (slice_eq(m->sender, S("temp@bad.test")))
		return err_set(&no->err, ERR_TEMP, "resolver is down");
	return 0;
}

static int fake_rcpt(void *arg, const struct smtpd_ask_rcpt *r, struct arena *a,
	struct smtpd_rcpt *ret, struct smtpd_refusal *no)
{
	(void)arg;
	size_t at = slice_rindex(r->address, '@');
	slice local = slice_first(r->address, at), domain = slice_skip(r->address, at + 1);
	ret->targets = ARENA_ARRAY(a, struct smtpd_target, 2);
	ret->targets[0].address = r->address;
	ret->n = 1;
	if (slice_ieq(domain, S("backend.test"))) {
		ret->targets[0].dest = S("backend:b");
	} else if (slice_ieq(domain, S("coded.test"))) { /* says it with its own code */
		return smtpd_refuse(no, 550, "5.1.1", "Unknown in this house");
	} else if (!slice_ieq(domain, S("example.com"))) {
		ret->foreign = true;
		ret->targets[0].dest = arena_printf(a, "smtp:%.*s", SFMT(domain));
	} else if (slice_ieq(local, S("list"))) {
		ret->n = 2;
		ret->targets[0].address = S("alice@example.com");
		ret->targets[1].address = S("bob@example.com");
		ret->targets[0].dest = ret->targets[1].dest = S("local");
	} else if (slice_ieq(local, S("full"))) {
		return err_set(&no->err, ERR_LIMIT, "quota");
	} else if (slice_ieq(local, S("off"))) {
		return err_set(&no->err, ERR_PERM, "disabled");
	} else if (slice_ieq(local, S("temp"))) {
		return err_set(&no->err, ERR_TEMP, "database is locked");
	} else if (slice_ieq(local, S("grey"))) {
		return smtpd_refuse(no, 450, "4.7.1", "Greylisted, come again in %d minutes", 5);
	} else if (slice_ieq(local, S("bug"))) {
		ret->n = 0;
	} else if (slice_ieq(local, S("alice")) || slice_ieq(local, S("bob")) ||
		   slice_ieq(local, S("root")) || (unsigned char)local.p[0] > 127) {
		ret->targets[0].dest = S("local");
	} else {
		return err_set(&no->err, ERR_NOTFOUND, "no such mailbox");
	}
	return 0;
}

static int fake_begin(void *arg, const struct queue_msg *m, struct smtpd_refusal *no)
{
	struct fake *f = arg;
	must(!f->open && m->nrcpts > 0 && m->id);
	f->begins++;
	if (slice_eq(m->sender, S("begin-full@x.test")))
		return err_set(&no->err, ERR_LIMIT, "disk is full");
	buf_reset(&f->body);
	f->open = true;
	return 0;
}

/* Of this sender X-Forged: is left out, and X-Header: refuses. */
static int fake_header(void *arg, struct smtpd_header *h, struct arena *a, struct smtpd_refusal *no)
{
	struct fake *f = arg;
	struct header_field field;
	slice rest = h->block, *out = ARENA_ARRAY(a, slice, header_count(h->block, S("X-Forged")));
	must(f->open && f->body.n == 0 && h->summary);
	buf_reset(&f->behind);
	if (header_count(h->block, S("X-Header")))
		return err_set(&no->err, ERR_DENIED, "by its header");
	h->left_out = out;
	while (!f->what && header_next(&rest, &field))
		if (slice_ieq(field.name, S("X-Forged")))
			out[h->nleft_out++] = field.raw;
	return 0;
}

static int fake_add(void *arg, slice bytes, bool behind, struct err *e)
{
	struct fake *f = arg;
	must(f->open && bytes.n > 0);
	must(behind || f->behind.n == 0);
	if (behind)
		buf_put(&f->behind, bytes);
	buf_put(&f->body, bytes);
	if (slice_find(buf_slice(&f->body), S("DISK IS FULL")) < f->body.n)
		return err_set(e, ERR_LIMIT, "no space left");
	if (slice_find(buf_slice(&f->body), S("DISK IS BROKEN")) < f->body.n)
		return err_set(e, ERR_TEMP, "I/O error");
	return 0;
}

static void fake_cancel(void *arg)
{
	struct fake *f = arg;
	must(f->open);
	f->open = false;
	f->cancels++;
}

/* Refuses bodies that say so; of one sender it adds a field and an event. */
static int fake_judge(void *arg, struct smtpd_verdict *v, struct smtpd_refusal *no)
{
	struct fake *f = arg;
	must(f->open && v->msg->size == f->body.n);
	if (slice_find(buf_slice(&f->behind), S("REFUSE ME")) < f->behind.n) {
		buf_put(v->log, S("1 judged because=body\n"));
		return smtpd_refuse(no, 550, "5.7.1", "Judged");
	}
	if (slice_eq(v->msg->sender, S("judged@x.test"))) {
		buf_put(v->top, S("X-Judged: yes\r\n"));
		buf_put(v->log, S("1 judged\n"));
	}
	return 0;
}

/* "FLAGS from -> to(dest) to(dest)|body" and a newline. */
static int fake_accept(void *arg, struct queue_msg *m, struct smtpd_refusal *no)
{
	struct fake *f = arg;
	must(f->open && m->size == f->body.n && m->nrcpts > 0);
	must(buf_ok(&f->body));
	f->open = false;
	if (slice_eq(m->sender, S("commit@x.test")))
		return err_set(&no->err, ERR_TEMP, "commit failed");
	if (slice_eq(m->sender, S("commit-full@x.test")))
		return err_set(&no->err, ERR_LIMIT, "disk is full");
	if (slice_eq(m->sender, S("denied@x.test")))
		return err_set(&no->err, ERR_DENIED, "policy");
	if (slice_eq(m->sender, S("virus@x.test")))
		return smtpd_refuse(no, 554, "5.7.0", "A virus was\r\nfound \xe4\xbd\xa0");
	f->accepts++;
	buf_printf(&f->kept, "%u <%.*s> ->", m->flags, SFMT(m->sender));
	for (size_t i = 0; i < m->nrcpts; i++) {
		const struct queue_rcpt *r = &m->rcpts[i];
		must(r->idx == (int)i && r->state == RCPT_WAITING);
		buf_printf(&f->kept, " %.*s(%.*s)", SFMT(r->address), SFMT(r->dest));
		if (r->notify || r->orcpt.n)
			buf_printf(&f->kept, "[%u %.*s]", r->notify, SFMT(r->orcpt));
	}
	if (m->envid.n)
		buf_printf(&f->kept, " envid=%.*s", SFMT(m->envid));
	buf_byte(&f->kept, '|');
	buf_put(&f->kept, buf_slice(&f->body));
	buf_byte(&f->kept, '\n');
	buf_reset(&f->last_prefix);
	buf_put(&f->last_prefix, m->prefix);
	buf_reset(&f->last_log);
	buf_put(&f->last_log, m->log);
	if (f->accepted)
		f->accepted(f, m);
	return 0;
}

static void fake_refused(void *arg, const struct smtpd_refused *r)
{
	struct fake *f = arg;
	must(r->msg && r->msg->id && r->code >= 400);
	buf_printf(&f->told, "%s %d %.*s %d <%.*s> <%.*s>\n", r->stage, r->code, SFMT(r->reply),
		r->idx, SFMT(r->msg->sender), SFMT(r->rcpt));
	buf_reset(&f->last_log);
	buf_put(&f->last_log, r->msg->log);
}

static void fake_end(void *arg, const struct smtpd_client *c, const struct smtpd_summary *s)
{
	struct fake *f = arg;
	must(c == f->client || !f->client);
	must(!f->open && f->mech.n == 0);
	must(s->accepted == f->accepts);
	f->sum = *s;
	buf_printf(&f->told, "end %s\n", s->end);
	f->client = NULL;
}

static const struct smtpd_ops fake_ops = {
	.connect = fake_connect,
	.auth_start = fake_start,
	.auth_step = fake_step,
	.auth_cancel = fake_auth_cancel,
	.may_send_as = fake_may_send_as,
	.mail = fake_mail,
	.rcpt = fake_rcpt,
	.body_begin = fake_begin,
	.header = fake_header,
	.body_add = fake_add,
	.verdict = fake_judge,
	.body_cancel = fake_cancel,
	.accept = fake_accept,
	.refused = fake_refused,
	.end = fake_end,
};

static inline void fake_init(struct fake *f, size_t limit)
{
	*f = (struct fake){
		.out = BUF(limit), .kept = BUF(limit), .told = BUF(limit), .body = BUF(limit)};
	f->last_prefix = f->last_log = f->behind = BUF(limit);
	smtpd_hub_init(&f->hub);
}

static inline void fake_done(struct fake *f)
{
	must(list_empty(&f->hub.sessions) && f->hub.n == 0);
	buf_done(&f->out);
	buf_done(&f->kept);
	buf_done(&f->told);
	buf_done(&f->body);
	buf_done(&f->behind);
	buf_done(&f->last_prefix);
	buf_done(&f->last_log);
	arena_done(&f->mem);
}

/* ---- the client ---- */

struct script {
	struct fake *fake;
	slice rest;
	size_t step; /* bytes a read gives at most */
};

static inline bool is_mark(slice rest)
{
	return rest.n && (unsigned char)rest.p[0] >= PAUSE && (unsigned char)rest.p[0] <= DRAIN;
}

static ssize_t script_read(void *self, char *to, size_t n, struct err *e)
{
	struct script *s = self;
	(void)e;
	size_t max = n < s->step ? n : s->step, i = 0;
	if (is_mark(s->rest))
		return IO_AGAIN;
	for (; i < max && i < s->rest.n && !is_mark(slice_skip(s->rest, i)); i++)
		to[i] = s->rest.p[i];
	s->rest = slice_skip(s->rest, i);
	return (ssize_t)i;
}

static ssize_t script_write(void *self, slice out, struct err *e)
{
	struct script *s = self;
	buf_put(&s->fake->out, out);
	return buf_ok(&s->fake->out) ? (ssize_t)out.n : err_set(e, ERR_CLOSED, "client is full");
}

static int script_wait(void *self, enum io_dir dir, instant deadline, struct err *e)
{
	struct script *s = self;
	must(dir == IO_IN && s->rest.n && deadline != INSTANT_NEVER);
	must(is_mark(s->rest));
	int mark = (unsigned char)s->rest.p[0];
	s->rest = slice_skip(s->rest, 1);
	if (mark == EXPIRE)
		return err_set(e, ERR_TIMEOUT, "timeout");
	if (mark == LOSE)
		return err_set(e, ERR_CLOSED, "connection reset");
	if (mark == DRAIN)
		smtpd_drain(&s->fake->hub);
	if (co_cancelled())
		return err_set(e, ERR_CLOSED, "cancelled");
	return 0;
}

static bool script_ready(void *self)
{
	struct script *s = self;
	return s->rest.n && !is_mark(s->rest);
}

static void script_close(void *self, bool clean)
{
	(void)clean;
	free(self);
}

static int script_fd(const void *self)
{
	(void)self;
	return -1;
}

static const struct io_ops script_ops = {
	.read = script_read,
	.write = script_write,
	.wait = script_wait,
	.ready = script_ready,
	.close = script_close,
	.fd = script_fd,
};

static inline struct io *script_io(struct fake *f, slice input, size_t step)
{
	struct script *s = NEW(struct script);
	*s = (struct script){.fake = f, .rest = input, .step = step};
	return io_new(&script_ops, s);
}

/* ---- a service from a piece of configuration ---- */

static inline void fake_service(slice conf_text, struct tls_ctx *tls, struct arena *a,
	struct conf **ret_conf, struct smtpd_service *ret)
{
	static const struct conf_section *const sections[] = {&smtpd_section, NULL};
	struct conf_errors errors;
	struct err e;
	slice name, text = arena_printf(a, "[smtp \"t\"]\n%s%.*s\n",
			    slice_find(conf_text, S("tarpit")) < conf_text.n ? "" : "tarpit = 0\n",
			    SFMT(conf_text));
	if (conf_parse(text, S("test"), sections, CONF_EN, a, ret_conf, &errors, &e) < 0 ||
		smtpd_service_init(ret, conf_nth(*ret_conf, &smtpd_section, 0, &name), S("mx"),
			S("mail.example.com"), tls, a, &e) < 0) {
		fprintf(stderr, "test configuration: %s\n", e.text);
		abort();
	}
}

static inline void fake_peers(const char *ip, struct net_addr *ret_peer, struct net_addr *ret_local)
{
	struct err e;
	must(net_parse(slice_z(ip), 40000, ret_peer, &e) == 0);
	must(net_from_ip(S("192.0.2.25"), 25, ret_local, &e) == 0);
}
