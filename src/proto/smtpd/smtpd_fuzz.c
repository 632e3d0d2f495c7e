/*
 * Whole sessions from memory. The first byte chooses the service, the second how the input is read:
 *
 *	even	the rest is what the client says (with the marks of smtpd_testing.h); the session is
 *		run whole and byte by byte, and both must say and keep the same
 *	odd	the rest is one message; it is sent by DATA or BDAT by code of this file, and must be
 *		kept as it is or refused for what is in it
 *
 * Checked besides what the fake world checks (order of callbacks, sizes): nothing leaves for
 * foreign domains without right, replies are well formed, every 250 for a message stands for one
 * kept.
 */
#include "proto/smtpd/smtpd_testing.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static const struct service {
	const char *conf, *ip, *hello;
	bool may_relay, may_login, keeps_bytes;
} services[] = {
	{"kind = mx\nsync = no\n", "192.0.2.1", "EHLO", false, false, true},
	{"kind = mx\nmax_size = 64k\nmax_errors = 500\nmax_idle_commands = 1000\nmax_unknown = "
	 "500\n",
		"192.0.2.1", "EHLO", false, false, true},
	{"kind = submission\nauth_plaintext = yes\n", "192.0.2.1", "EHLO", false, true, false},
	{"kind = internal\ntrusted = 192.0.2.0/24\nfix_headers = yes\n", "192.0.2.1", "EHLO", true,
		false, false},
	{"kind = lmtp\n", "192.0.2.1", "LHLO", false, false, true},
	{"kind = mx\nsync = no\nproxy_from = 192.0.2.1\n", "192.0.2.1", "EHLO", false, false, true},
	{"kind = mx\nsync = no\nxclient_from = 192.0.2.1\n", "192.0.2.1", "EHLO", false, true,
		true},
	{"kind = mx\nsync = no\nbare_newline = keep\nrefuse_nul = no\nstrict_helo = yes\n",
		"192.0.2.1", "EHLO", false, false, true},
};
enum { SERVICES = sizeof services / sizeof services[0], OUT_MAX = 1 << 24 };

struct session {
	const struct service *what;
	struct smtpd_service *service;
	struct fake *fake;
	slice in;
	size_t step;
};

static void serve(void *arg)
{
	struct session *s = arg;
	struct net_addr peer, local;
	fake_peers(s->what->ip, &peer, &local);
	smtpd_serve(&s->fake->hub, script_io(s->fake, s->in, s->step), s->service, &fake_ops,
		s->fake, &peer, &local);
}

/* Parsed once: the fuzzer has no time for configuration. */
static struct smtpd_service *service_of(unsigned i)
{
	static struct smtpd_service made[SERVICES];
	static struct arena mem;
	static bool ready;
	if (!ready) {
		loop_init();
		for (unsigned k = 0; k < SERVICES; k++) {
			struct conf *conf; /* lives as long as the process */
			fake_service(slice_z(services[k].conf), NULL, &mem, &conf, &made[k]);
			must(arena_dup(&mem, slice_of(&conf, sizeof conf)).n > 0);
		}
		ready = true;
	}
	return &made[i];
}

static void check_relaying(struct fake *f, const struct queue_msg *m)
{
	const struct service *what = f->what;
	bool login = f->client->login.n > 0;
	must(!login || what->may_login);
	must(!!(m->flags & MSG_SUBMITTED) == (what->may_relay || login));
	for (size_t i = 0; i < m->nrcpts; i++)
		if (slice_starts(m->rcpts[i].dest, S("smtp:")))
			must(what->may_relay || login);
	must(m->prefix.n > 0 && slice_starts(m->prefix, S("Received: ")) &&
		slice_ends(m->prefix, S("\r\n")));
	must(m->log.n > 0 && m->arrived_at > 0);
}

static void check_line(slice line)
{
	must(line.n >= 5 && line.n <= 512 && slice_ends(line, S("\r\n")));
	must(line.p[0] >= '2' && line.p[0] <= '5' && (line.p[3] == ' ' || line.p[3] == '-'));
	for (size_t i = 0; i + 2 < line.n; i++)
		must(line.p[i] >= ' ' && line.p[i] <= '~');
}

/* Where a reply names the message that was kept; line.n: nowhere. */
static size_t id_at(slice line)
{
	size_t at = slice_find(line, S("ept as "));
	return slice_starts(line, S("250 2.")) && at < line.n ? at + 7 : line.n;
}

/* Returns how many messages the client believes to be kept. */
static unsigned check_replies(slice out)
{
	unsigned kept = 0;
	while (out.n) {
		size_t at = slice_index(out, '\n');
		must(at < out.n);
		slice line = slice_first(out, at + 1);
		check_line(line);
		kept += id_at(line) < line.n;
		out = slice_skip(out, at + 1);
	}
	return kept;
}

static void without_ids(struct buf *out, slice in)
{
	while (in.n) {
		slice line = slice_first(in, slice_index(in, '\n') + 1);
		size_t at = id_at(line);
		buf_put(out, slice_first(line, at));
		buf_put(out, slice_skip(line, at + 13));
		in = slice_skip(in, line.n);
	}
}

static void run_session(struct session *s, struct fake *f)
{
	fake_init(f, OUT_MAX);
	f->what = s->what;
	f->accepted = check_relaying;
	s->fake = f;
	loop_main(serve, s);
	unsigned said = check_replies(buf_slice(&f->out));
	must(said == f->accepts ||
		(slice_eq(slice_z(s->what->hello), S("LHLO")) && said >= f->accepts));
	must(f->sum.end && f->sum.end[0]);
}

static void raw(struct session *s)
{
	struct fake whole, single;
	struct buf a = BUF(OUT_MAX), b = BUF(OUT_MAX);
	s->step = SIZE_MAX;
	run_session(s, &whole);
	s->step = 1;
	run_session(s, &single);
	without_ids(&a, buf_slice(&whole.out));
	without_ids(&b, buf_slice(&single.out));
	must(slice_eq(buf_slice(&a), buf_slice(&b)));
	must(slice_eq(buf_slice(&whole.kept), buf_slice(&single.kept)));
	must(slice_eq(buf_slice(&whole.told), buf_slice(&single.told)));
	buf_done(&a);
	buf_done(&b);
	fake_done(&whole);
	fake_done(&single);
}

/* ---- one message, sent as it should be ---- */

static bool has_bare(slice m)
{
	for (size_t i = 0; i < m.n; i++) {
		if (m.p[i] == '\n' && (i == 0 || m.p[i - 1] != '\r'))
			return true;
		if (m.p[i] == '\r' && (i + 1 == m.n || m.p[i + 1] != '\n'))
			return true;
	}
	return false;
}

static void stuff(struct buf *out, slice m)
{
	for (size_t i = 0; i < m.n; i++) {
		bool start = i == 0 || (i >= 2 && m.p[i - 1] == '\n' && m.p[i - 2] == '\r');
		if (start && m.p[i] == '.')
			buf_byte(out, '.');
		buf_byte(out, m.p[i]);
	}
}

static void chunks(struct buf *out, slice m, size_t size)
{
	while (m.n > size) {
		buf_printf(out, "BDAT %zu\r\n", size);
		buf_put(out, slice_first(m, size));
		m = slice_skip(m, size);
	}
	buf_printf(out, "BDAT %zu LAST\r\n", m.n);
	buf_put(out, m);
}

static void one_message(struct session *s, unsigned how, slice m)
{
	struct fake f;
	struct buf in = BUF(OUT_MAX), body = BUF(OUT_MAX);
	for (size_t i = 0; i < m.n; i++) /* marks of the script are no bytes of a message here */
		buf_byte(&body, is_mark(slice_skip(m, i)) ? '.' : m.p[i]);
	bool bdat = how & 2, binary = bdat && (how & 4);
	if (!bdat && !slice_ends(buf_slice(&body), S("\r\n")))
		buf_put(&body, S("\r\n"));
	m = buf_slice(&body);
	buf_printf(&in, "\361%s c.test\r\n\361%s", s->what->hello,
		s->service->require_auth ? "AUTH PLAIN AGFsaWNlAHNlY3JldA==\r\n" : "");
	buf_printf(&in, "MAIL FROM:<alice@example.com>%s\r\nRCPT TO:<bob@example.com>\r\n",
		binary ? " BODY=BINARYMIME" : "");
	if (bdat) {
		chunks(&in, m, 1 + (how >> 3));
	} else {
		buf_put(&in, S("DATA\r\n\361"));
		stuff(&in, m);
		buf_put(&in, S(".\r\n"));
	}
	buf_put(&in, S("QUIT\r\n"));
	s->in = buf_slice(&in);
	s->step = how & 1 ? SIZE_MAX : 3;
	run_session(s, &f);
	bool nul = slice_index(m, 0) < m.n;
	bool lenient = s->service->conf->bare_newline == SMTPD_BARE_KEEP;
	bool must_refuse = !binary && !lenient && (has_bare(m) || nul);
	must(!must_refuse || f.accepts == 0);
	if (f.accepts && s->what->keeps_bytes)
		must(slice_eq(buf_slice(&f.body), m));
	/* Nothing of a message is a command: the session ends as it should. */
	must(slice_ends(buf_slice(&f.out), S("221 2.0.0 Bye\r\n")));
	buf_done(&in);
	buf_done(&body);
	fake_done(&f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	if (n < 2)
		return 0;
	unsigned i = data[0] % SERVICES;
	struct session s = {.what = &services[i], .service = service_of(i)};
	slice rest = slice_of(data + 2, n - 2);
	s.in = rest;
	bool plain = !services[i].conf[0] || !s.service->conf->proxy_from.n;
	if (data[1] % 2 && plain)
		one_message(&s, data[1] / 2, rest);
	else
		raw(&s);
	return 0;
}
