/*
 * Commands and what comes back (RFC 9051 sections 2.2, 7): tags, statuses with their codes, capabilities, literals in commands; untagged
 * responses go to whoever waits for them, all others are read over. Used by everything in imapc/.
 */
#include "base/mem.h"
#include "proto/imapc/session.h"

static const struct {
	const char *name;
	unsigned cap;
} capabilities[] = {
	{"STARTTLS", CAP_STARTTLS},
	{"LOGINDISABLED", CAP_LOGINDISABLED},
	{"AUTH=PLAIN", CAP_PLAIN},
	{"AUTH=LOGIN", CAP_LOGIN_MECH},
	{"SASL-IR", CAP_SASL_IR},
	{"LITERAL+", CAP_LITERAL_PLUS},
	{"NAMESPACE", CAP_NAMESPACE},
	{"SPECIAL-USE", CAP_SPECIAL_USE},
	{"XLIST", CAP_XLIST},
	{"LIST-EXTENDED", CAP_LIST_EXTENDED},
	{"CONDSTORE", CAP_CONDSTORE},
	{"QRESYNC", CAP_CONDSTORE},
	{"UIDPLUS", CAP_UIDPLUS},
	{"UTF8=ONLY", CAP_UTF8_ONLY},
	{"ENABLE", CAP_ENABLE},
	{"IMAP4rev2", CAP_REV2 | CAP_NAMESPACE | CAP_UIDPLUS | CAP_SASL_IR | CAP_LIST_EXTENDED |
			      CAP_SPECIAL_USE | CAP_ENABLE},
};

static void read_capabilities(struct imapc *s, slice words)
{
	slice w;
	s->caps = 0;
	s->caps_known = true;
	while (slice_cut(&words, ' ', &w))
		for (size_t i = 0; i < sizeof capabilities / sizeof *capabilities; i++)
			if (slice_ieq(w, slice_z(capabilities[i].name)))
				s->caps |= capabilities[i].cap;
}

/* ---- statuses ---- */

/* "[UIDNEXT 17] text": what the code says. */
static void read_code(struct imapc *s)
{
	slice t = buf_slice(&s->text), name;
	uint64_t n = 0;
	if (!slice_starts(t, S("[")))
		return;
	slice code = slice_skip(slice_first(t, slice_index(t, ']')), 1);
	if (!slice_cut(&code, ' ', &name))
		return;
	slice value = code.p ? code : S("");
	bool number = slice_u64(slice_first(value, slice_index(value, ' ')), &n);
	if (slice_ieq(name, S("CAPABILITY")))
		read_capabilities(s, value);
	else if (slice_ieq(name, S("UIDVALIDITY")) && number)
		s->box.uidvalidity = n;
	else if (slice_ieq(name, S("UIDNEXT")) && number)
		s->box.uidnext = n;
	else if (slice_ieq(name, S("HIGHESTMODSEQ")) && number)
		s->box.modseq = n;
	else if (slice_ieq(name, S("NOMODSEQ")))
		s->box.modseq = 0;
	else if (slice_ieq(name, S("READ-ONLY")))
		s->box.read_only = true;
}

static int status(struct imapc *s, struct err *e)
{
	if (imapc_rest(s, e) < 0)
		return -1;
	read_code(s);
	return 0;
}

/* What it said, fit for a log line. */
static int said(struct imapc *s, enum err_kind kind, const char *what, struct err *e)
{
	char out[180];
	size_t n = s->text.n < sizeof out - 1 ? s->text.n : sizeof out - 1;
	for (size_t i = 0; i < n; i++)
		out[i] = (unsigned char)s->text.p[i] < ' ' || (unsigned char)s->text.p[i] >= 0x7f
				 ? '?'
				 : s->text.p[i];
	out[n] = 0;
	return err_set(e, kind, "the IMAP server says %s: %s", what, out);
}

static bool is_status(slice name)
{
	return slice_ieq(name, S("OK")) || slice_ieq(name, S("NO")) || slice_ieq(name, S("BAD")) ||
	       slice_ieq(name, S("PREAUTH"));
}

static int untagged(struct imapc *s, imapc_untagged *fn, void *arg, struct err *e)
{
	struct imapc_word w;
	char name[64];
	uint64_t n = 0;
	if (imapc_word(s, &w, e) < 0)
		return -1;
	if (w.kind == WORD_ATOM && slice_u64(w.text, &n) && imapc_word(s, &w, e) < 0)
		return -1;
	if (w.kind == WORD_EOL)
		return 0;
	if (w.kind != WORD_ATOM || w.text.n > sizeof name)
		return imapc_broken(s, e, "a response without a name");
	memcpy(name, w.text.p, w.text.n);
	slice is = slice_of(name, w.text.n);
	if (is_status(is))
		return status(s, e);
	if (slice_ieq(is, S("BYE"))) {
		if (imapc_rest(s, e) < 0)
			return -1;
		s->dead = true;
		return said(s, ERR_CLOSED, "goodbye", e);
	}
	if (slice_ieq(is, S("CAPABILITY"))) {
		if (imapc_rest(s, e) < 0)
			return -1;
		read_capabilities(s, buf_slice(&s->text));
		return 0;
	}
	if (slice_ieq(is, S("EXISTS")))
		s->box.exists = n;
	int r = fn ? fn(s, is, n, arg, e) : 1;
	return r == 1 ? imapc_skip_line(s, e) : r;
}

/* ---- a command ---- */

int imapc_begin(struct imapc *s, struct err *e)
{
	if (s->dead)
		return err_set(e, ERR_CLOSED, "the connection is broken");
	s->until = instant_in(s->cfg.command_time);
	io_set_deadline(s->io, s->until);
	if (io_printf(s->io, e, "A%u ", ++s->tag) == 0)
		return 0;
	s->dead = true;
	return -1;
}

static bool is_tag(const struct imapc *s, slice w)
{
	uint64_t n;
	return w.n > 1 && w.p[0] == 'A' && slice_u64(slice_skip(w, 1), &n) && n == s->tag;
}

static int ended(struct imapc *s, struct err *e)
{
	struct imapc_word w;
	if (imapc_word(s, &w, e) < 0)
		return -1;
	if (w.kind != WORD_ATOM || !is_status(w.text))
		return imapc_broken(s, e, "no status");
	bool ok = slice_ieq(w.text, S("OK")), bad = slice_ieq(w.text, S("BAD"));
	if (status(s, e) < 0)
		return -1;
	return ok ? 0 : said(s, ERR_PERM, bad ? "BAD" : "NO", e);
}

/* 0: ended; 1: "+"; -1. */
static int read_until(struct imapc *s, bool plus, imapc_untagged *fn, void *arg, struct err *e)
{
	struct imapc_word w;
	for (unsigned n = 0;; n++) {
		if (n >= IMAPC_RESPONSES_MAX)
			return imapc_broken(s, e, "responses without end");
		if (imapc_word(s, &w, e) < 0)
			return -1;
		if (w.kind == WORD_EOL)
			continue;
		if (w.kind != WORD_ATOM)
			return imapc_broken(s, e, "something that is no response");
		if (is_tag(s, w.text))
			return ended(s, e);
		if (slice_eq(w.text, S("*"))) {
			if (untagged(s, fn, arg, e) < 0)
				return -1;
			/* Something came: as long as there is more it may go on. */
			s->until = instant_in(s->cfg.command_time);
			continue;
		}
		if (!slice_eq(w.text, S("+")))
			return imapc_broken(s, e, "something that is no response");
		if (imapc_rest(s, e) < 0)
			return -1;
		if (plus)
			return 1;
	}
}

int imapc_run(struct imapc *s, imapc_untagged *fn, void *arg, struct err *e)
{
	if (s->dead)
		return err_set(e, ERR_CLOSED, "the connection is broken");
	if (io_write(s->io, S("\r\n"), e) < 0 || io_flush(s->io, e) < 0) {
		s->dead = true;
		return -1;
	}
	return read_until(s, false, fn, arg, e);
}

int imapc_wait_plus(struct imapc *s, struct err *e)
{
	if (io_flush(s->io, e) < 0) {
		s->dead = true;
		return -1;
	}
	return read_until(s, true, NULL, NULL, e);
}

/* A name that a server told in a literal may hold line ends: quoted they would begin a command. */
static bool quotable(const struct imapc *s, slice v)
{
	for (size_t i = 0; i < v.n; i++) {
		unsigned char c = (unsigned char)v.p[i];
		if (c < ' ' || c == 0x7f || (c > 0x7f && !s->utf8))
			return false;
	}
	return v.n < 1000;
}

int imapc_put_string(struct imapc *s, slice v, struct err *e)
{
	AUTO(buf) struct buf out = BUF(2 * IMAPC_WORD_MAX);
	if (quotable(s, v)) {
		buf_byte(&out, '"');
		for (size_t i = 0; i < v.n; i++) {
			if (v.p[i] == '"' || v.p[i] == '\\')
				buf_byte(&out, '\\');
			buf_byte(&out, v.p[i]);
		}
		buf_byte(&out, '"');
		return io_write(s->io, buf_slice(&out), e);
	}
	bool plus = s->caps & CAP_LITERAL_PLUS;
	if (io_printf(s->io, e, "{%zu%s}\r\n", v.n, plus ? "+" : "") < 0)
		return -1;
	if (!plus) {
		int r = imapc_wait_plus(s, e);
		if (r == 0)
			return imapc_broken(s, e, "an end before the command was sent");
		if (r < 0)
			return -1;
	}
	return io_write(s->io, v, e);
}

/* ---- the beginning ---- */

int imapc_greeting(struct imapc *s, struct err *e)
{
	struct imapc_word w;
	s->until = instant_in(s->cfg.command_time);
	if (imapc_word(s, &w, e) < 0)
		return -1;
	if (w.kind != WORD_ATOM || !slice_eq(w.text, S("*")) || imapc_word(s, &w, e) < 0 ||
		w.kind != WORD_ATOM)
		return s->dead && e->kind ? -1 : imapc_broken(s, e, "no greeting of IMAP");
	s->preauth = slice_ieq(w.text, S("PREAUTH"));
	bool ok = s->preauth || slice_ieq(w.text, S("OK")), bye = slice_ieq(w.text, S("BYE"));
	if (!ok && !bye)
		return imapc_broken(s, e, "no greeting of IMAP");
	if (status(s, e) < 0)
		return -1;
	if (!bye)
		return 0;
	s->dead = true;
	return said(s, ERR_TEMP, "goodbye", e);
}

int imapc_capability(struct imapc *s, struct err *e)
{
	if (s->caps_known)
		return 0;
	if (imapc_begin(s, e) < 0 || io_write(s->io, S("CAPABILITY"), e) < 0)
		return -1;
	return imapc_run(s, NULL, NULL, e);
}
