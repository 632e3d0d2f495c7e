/*
 * One SMTP or LMTP command line into a struct (RFC 5321 section 4.1.1; LMTP: RFC 2033; BDAT: RFC
 * 3030; AUTH: RFC 4954; STARTTLS: RFC 3207). proto/smtpd calls it for every line. Order of
 * commands, policy and replies are the caller's; parameters of MAIL and RCPT are in smtp_params.c.
 */
#include "codec/smtp.h"

#include "codec/smtp_params.h"

enum arg_rule { ARG_NONE, ARG_MAY, ARG_MUST };

struct verb {
	slice name;
	enum smtp_verb verb;
	enum arg_rule arg;
	void (*read)(struct smtp_command *c, unsigned ext, bool utf8, struct arena *a);
};

static void fault(struct smtp_command *c, enum smtp_fault f, slice detail)
{
	c->fault = f;
	c->detail = detail;
}

/*
 * Domain or address literal. Names are judged by their characters only: RFC 5321 4.1.4 forbids to
 * refuse for what a name means, and underscores and trailing dots are common (doc/VIOLATIONS.md).
 */
static void read_helo(struct smtp_command *c, unsigned ext, bool utf8, struct arena *a)
{
	uint8_t family, ip[16];
	(void)ext, (void)utf8, (void)a;
	bool ok = c->arg.n <= ADDRESS_DOMAIN_MAX;
	if (c->arg.p[0] == '[') {
		ok &= domain_literal_parse(c->arg, &family, ip);
	} else {
		for (size_t i = 0; i < c->arg.n; i++) {
			char b = ascii_lower(c->arg.p[i]);
			bool alnum = (b >= 'a' && b <= 'z') || (b >= '0' && b <= '9');
			ok &= alnum || (b & 0x80) || (b && strchr("-._:", b));
		}
	}
	if (!ok)
		fault(c, SMTP_FAULT_HELO, c->arg);
}

/* "FROM:" or "TO:", the path, and what follows. */
static bool take_path(struct smtp_command *c, slice keyword, enum smtp_fault bad_address,
	struct address *ret, slice *ret_rest)
{
	slice s = c->arg;
	if (!slice_istarts(s, keyword)) {
		fault(c, SMTP_FAULT_SYNTAX, s);
		return false;
	}
	s = slice_skip(s, keyword.n);
	c->sloppy = s.n && (s.p[0] == ' ' || s.p[0] == '\t');
	s = slice_trim(s);
	if (s.n == 0 || s.p[0] != '<') {
		fault(c, s.n ? SMTP_FAULT_SYNTAX : SMTP_FAULT_NO_ARG, s);
		return false;
	}
	slice path = s;
	c->address_fault = address_parse_path(&s, true, ret);
	if (c->address_fault != ADDRESS_FINE) {
		fault(c, bad_address, path);
		return false;
	}
	if (s.n && s.p[0] != ' ') {
		fault(c, SMTP_FAULT_SYNTAX, s);
		return false;
	}
	*ret_rest = s;
	return true;
}

static void read_mail(struct smtp_command *c, unsigned ext, bool utf8, struct arena *a)
{
	struct smtp_mail m = {0};
	slice rest;
	(void)utf8;
	if (!take_path(c, S("FROM:"), SMTP_FAULT_SENDER, &m.from, &rest))
		return;
	if (m.from.text.n && m.from.domain.n == 0) { /* <postmaster> is for RCPT alone */
		c->address_fault = ADDRESS_SYNTAX;
		fault(c, SMTP_FAULT_SENDER, m.from.text);
		return;
	}
	c->fault = smtp_mail_params(rest, ext, a, &m, &c->detail);
	if (c->fault == SMTP_FINE && m.from.utf8 && !m.smtputf8)
		fault(c, SMTP_FAULT_NEEDS_UTF8, m.from.text);
	c->mail = m;
}

static void read_rcpt(struct smtp_command *c, unsigned ext, bool utf8, struct arena *a)
{
	struct smtp_rcpt r = {0};
	slice rest;
	if (!take_path(c, S("TO:"), SMTP_FAULT_RCPT, &r.to, &rest))
		return;
	if (r.to.text.n == 0) {
		c->address_fault = ADDRESS_SYNTAX;
		fault(c, SMTP_FAULT_RCPT, S("<>"));
		return;
	}
	c->fault = smtp_rcpt_params(rest, ext, a, &r, &c->detail);
	if (c->fault == SMTP_FINE && r.to.utf8 && !utf8)
		fault(c, SMTP_FAULT_NEEDS_UTF8, r.to.text);
	c->rcpt = r;
}

static void read_bdat(struct smtp_command *c, unsigned ext, bool utf8, struct arena *a)
{
	struct smtp_bdat b = {0};
	slice rest = c->arg, size;
	(void)ext, (void)utf8, (void)a;
	slice_cut(&rest, ' ', &size);
	rest = slice_trim(rest);
	b.last = slice_ieq(rest, S("LAST"));
	if (!slice_u64(size, &b.size) || size.n > 20 || (rest.n && !b.last))
		fault(c, SMTP_FAULT_SYNTAX, c->arg);
	c->bdat = b;
}

/* sasl-mech (RFC 4422 3.1) and an initial response: base64, or "=" for an empty one. */
static void read_auth(struct smtp_command *c, unsigned ext, bool utf8, struct arena *a)
{
	struct smtp_auth auth = {0};
	slice rest = c->arg, mech;
	(void)ext, (void)utf8;
	slice_cut(&rest, ' ', &mech);
	rest = slice_trim(rest);
	mech = arena_dup(a, mech);
	bool ok = mech.n <= 20 && slice_index(rest, ' ') == rest.n;
	for (size_t i = 0; i < mech.n; i++) {
		char *b = (char *)mech.p + i;
		if (*b >= 'a' && *b <= 'z')
			*b = (char)(*b - 32);
		ok &= (*b >= 'A' && *b <= 'Z') || (*b >= '0' && *b <= '9') || *b == '-' ||
		      *b == '_';
	}
	auth.mechanism = mech;
	auth.has_initial = rest.n > 0;
	auth.initial = slice_eq(rest, S("=")) ? S("") : rest;
	if (!ok)
		fault(c, SMTP_FAULT_SYNTAX, c->arg);
	c->auth = auth;
}

static const struct verb verbs[] = {
	{S_INIT("MAIL"), SMTP_MAIL, ARG_MUST, read_mail},
	{S_INIT("RCPT"), SMTP_RCPT, ARG_MUST, read_rcpt},
	{S_INIT("DATA"), SMTP_DATA, ARG_NONE, NULL},
	{S_INIT("BDAT"), SMTP_BDAT, ARG_MUST, read_bdat},
	{S_INIT("EHLO"), SMTP_EHLO, ARG_MUST, read_helo},
	{S_INIT("HELO"), SMTP_HELO, ARG_MUST, read_helo},
	{S_INIT("LHLO"), SMTP_LHLO, ARG_MUST, read_helo},
	{S_INIT("RSET"), SMTP_RSET, ARG_NONE, NULL},
	{S_INIT("QUIT"), SMTP_QUIT, ARG_NONE, NULL},
	{S_INIT("NOOP"), SMTP_NOOP, ARG_MAY, NULL},
	{S_INIT("STARTTLS"), SMTP_STARTTLS, ARG_NONE, NULL},
	{S_INIT("AUTH"), SMTP_AUTH, ARG_MUST, read_auth},
	{S_INIT("VRFY"), SMTP_VRFY, ARG_MUST, NULL},
	{S_INIT("EXPN"), SMTP_EXPN, ARG_MUST, NULL},
	{S_INIT("HELP"), SMTP_HELP, ARG_MAY, NULL},
	{S_INIT("XCLIENT"), SMTP_XCLIENT, ARG_MUST, NULL},
	{S_INIT("ETRN"), SMTP_ETRN, ARG_MUST, NULL},
	{S_INIT("TURN"), SMTP_TURN, ARG_NONE, NULL},
	{S_INIT("SEND"), SMTP_SEND, ARG_MAY, NULL},
	{S_INIT("SOML"), SMTP_SEND, ARG_MAY, NULL},
	{S_INIT("SAML"), SMTP_SEND, ARG_MAY, NULL},
};

const char *smtp_verb_name(enum smtp_verb v)
{
	if (v == SMTP_HTTP)
		return "HTTP";
	for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++)
		if (verbs[i].verb == v)
			return verbs[i].name.p;
	return "?";
}

static const struct verb *find_verb(slice word)
{
	for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++)
		if (slice_ieq(verbs[i].name, word))
			return &verbs[i];
	return NULL;
}

/* "POST / HTTP/1.1": a browser was talked into sending mail for someone. */
static bool is_http(slice line)
{
	size_t at = slice_rindex(line, ' ');
	return at < line.n && slice_istarts(slice_skip(line, at + 1), S("HTTP/1."));
}

static bool has_control(slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if (((unsigned char)s.p[i] < ' ' && s.p[i] != '\t') || s.p[i] == 0x7f)
			return true;
	return false;
}

static size_t word_length(slice s)
{
	size_t n = 0;
	while (n < s.n && s.p[n] != ' ' && s.p[n] != '\t')
		n++;
	return n;
}

void smtp_command_parse(
	slice line, unsigned ext, bool utf8, struct arena *a, struct smtp_command *ret)
{
	struct smtp_command c = {0};
	c.word = slice_first(line, word_length(line));
	c.arg = slice_trim(slice_skip(line, c.word.n));
	const struct verb *v = find_verb(c.word);
	if (v)
		c.verb = v->verb;
	if (!v && is_http(line))
		c.verb = SMTP_HTTP;
	if (has_control(line))
		fault(&c, SMTP_FAULT_CONTROL, (slice){0});
	else if (!v)
		fault(&c, SMTP_FAULT_UNKNOWN, c.word);
	else if (v->arg == ARG_NONE && c.arg.n)
		fault(&c, SMTP_FAULT_EXTRA_ARG, c.arg);
	else if (v->arg == ARG_MUST && c.arg.n == 0)
		fault(&c, SMTP_FAULT_NO_ARG, (slice){0});
	else if (v->read)
		v->read(&c, ext, utf8, a);
	*ret = c;
}

struct smtp_answer smtp_fault_answer(enum smtp_fault f)
{
	static const struct smtp_answer answers[SMTP_FAULTS] = {
		[SMTP_FINE] = {250, {2, 0, 0}, "OK"},
		[SMTP_FAULT_UNKNOWN] = {500, {5, 5, 1}, "command not recognized"},
		[SMTP_FAULT_CONTROL] = {500, {5, 5, 2}, "control character in command"},
		[SMTP_FAULT_NO_ARG] = {501, {5, 5, 4}, "argument missing"},
		[SMTP_FAULT_EXTRA_ARG] = {501, {5, 5, 4}, "no argument allowed"},
		[SMTP_FAULT_SYNTAX] = {501, {5, 5, 4}, "malformed argument"},
		[SMTP_FAULT_HELO] = {501, {5, 5, 4}, "host name or address literal expected"},
		[SMTP_FAULT_SENDER] = {501, {5, 1, 7}, "bad sender address syntax"},
		[SMTP_FAULT_RCPT] = {501, {5, 1, 3}, "bad recipient address syntax"},
		[SMTP_FAULT_NEEDS_UTF8] = {553, {5, 6, 7}, "non-ASCII address needs SMTPUTF8"},
		[SMTP_FAULT_PARAM_SYNTAX] = {501, {5, 5, 4}, "malformed parameter"},
		[SMTP_FAULT_PARAM_UNKNOWN] = {555, {5, 5, 4}, "parameter not recognized"},
		[SMTP_FAULT_PARAM_VALUE] = {501, {5, 5, 4}, "bad parameter value"},
		[SMTP_FAULT_PARAM_TWICE] = {501, {5, 5, 4}, "parameter given twice"},
		[SMTP_FAULT_PARAM_COMBINED] = {501, {5, 5, 4},
			"parameter values exclude each other"},
		[SMTP_FAULT_PARAMS_MANY] = {501, {5, 5, 4}, "too many parameters"},
	};
	return answers[f];
}
