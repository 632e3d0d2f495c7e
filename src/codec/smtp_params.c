/*
 * Parameters of MAIL and RCPT: SIZE (RFC 1870), BODY (RFC 6152, RFC 3030), SMTPUTF8 (RFC 6531),
 * RET, ENVID, NOTIFY, ORCPT (RFC 3461), AUTH (RFC 4954), REQUIRETLS (RFC 8689), MT-PRIORITY (RFC
 * 6710). Called by smtp.c for every MAIL and RCPT. What was not offered is unknown (555).
 */
#include "codec/smtp_params.h"

#include "base/utf8.h"

struct value {
	bool given;
	slice text;
};

struct param {
	slice name;
	unsigned ext; /* any of these must have been offered */
	enum smtp_fault (*read)(struct value v, unsigned ext, struct arena *a, void *target);
};

/* Decoded text goes into reports as it is: printable, or it would add lines there. */
static bool is_printable(slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] < ' ' || s.p[i] == 0x7f)
			return false;
	return true;
}

static enum smtp_fault read_size(struct value v, unsigned ext, struct arena *a, void *target)
{
	struct smtp_mail *m = target;
	(void)ext, (void)a;
	if (!slice_u64(v.text, &m->size) || v.text.n > 20)
		return SMTP_FAULT_PARAM_VALUE;
	m->has_size = true;
	return SMTP_FINE;
}

static enum smtp_fault read_body(struct value v, unsigned ext, struct arena *a, void *target)
{
	struct smtp_mail *m = target;
	(void)a;
	if (slice_ieq(v.text, S("7BIT")))
		m->body = SMTP_BODY_7BIT;
	else if (slice_ieq(v.text, S("8BITMIME")))
		m->body = SMTP_BODY_8BITMIME;
	else if (slice_ieq(v.text, S("BINARYMIME")) && (ext & SMTP_EXT_BINARYMIME))
		m->body = SMTP_BODY_BINARYMIME;
	else
		return SMTP_FAULT_PARAM_VALUE;
	return SMTP_FINE;
}

static enum smtp_fault read_smtputf8(struct value v, unsigned ext, struct arena *a, void *target)
{
	(void)ext, (void)a;
	((struct smtp_mail *)target)->smtputf8 = true;
	return v.given ? SMTP_FAULT_PARAM_VALUE : SMTP_FINE;
}

static enum smtp_fault read_requiretls(struct value v, unsigned ext, struct arena *a, void *target)
{
	(void)ext, (void)a;
	((struct smtp_mail *)target)->requiretls = true;
	return v.given ? SMTP_FAULT_PARAM_VALUE : SMTP_FINE;
}

static enum smtp_fault read_ret(struct value v, unsigned ext, struct arena *a, void *target)
{
	struct smtp_mail *m = target;
	(void)ext, (void)a;
	if (slice_ieq(v.text, S("FULL")))
		m->ret = SMTP_RET_FULL;
	else if (slice_ieq(v.text, S("HDRS")))
		m->ret = SMTP_RET_HDRS;
	else
		return SMTP_FAULT_PARAM_VALUE;
	return SMTP_FINE;
}

static enum smtp_fault read_envid(struct value v, unsigned ext, struct arena *a, void *target)
{
	slice id;
	(void)ext;
	if (v.text.n == 0 || v.text.n > SMTP_ENVID_MAX || !xtext_decode(v.text, a, &id))
		return SMTP_FAULT_PARAM_VALUE;
	if (!is_printable(id) || !utf8_is_ascii(id)) /* RFC 3461 4.4: printable US-ASCII */
		return SMTP_FAULT_PARAM_VALUE;
	((struct smtp_mail *)target)->envid = id;
	return SMTP_FINE;
}

static enum smtp_fault read_auth(struct value v, unsigned ext, struct arena *a, void *target)
{
	struct smtp_mail *m = target;
	struct address addr;
	slice text;
	(void)ext;
	if (!xtext_decode(v.text, a, &text))
		return SMTP_FAULT_PARAM_VALUE;
	if (!slice_eq(text, S("<>"))) {
		if (address_parse(text, true, &addr) != ADDRESS_FINE)
			return SMTP_FAULT_PARAM_VALUE;
		m->auth = text;
	}
	m->has_auth = true;
	return SMTP_FINE;
}

static enum smtp_fault read_priority(struct value v, unsigned ext, struct arena *a, void *target)
{
	struct smtp_mail *m = target;
	(void)ext, (void)a;
	bool minus = slice_starts(v.text, S("-"));
	slice digit = slice_skip(v.text, minus);
	if (digit.n != 1 || digit.p[0] < '0' || digit.p[0] > '9' || (minus && digit.p[0] == '0'))
		return SMTP_FAULT_PARAM_VALUE;
	m->priority = (int8_t)((digit.p[0] - '0') * (minus ? -1 : 1));
	m->has_priority = true;
	return SMTP_FINE;
}

static enum smtp_fault read_notify(struct value v, unsigned ext, struct arena *a, void *target)
{
	unsigned notify = 0;
	slice word;
	(void)ext, (void)a;
	while (slice_cut(&v.text, ',', &word)) {
		if (slice_ieq(word, S("NEVER")))
			notify |= SMTP_NOTIFY_NEVER;
		else if (slice_ieq(word, S("SUCCESS")))
			notify |= SMTP_NOTIFY_SUCCESS;
		else if (slice_ieq(word, S("FAILURE")))
			notify |= SMTP_NOTIFY_FAILURE;
		else if (slice_ieq(word, S("DELAY")))
			notify |= SMTP_NOTIFY_DELAY;
		else
			return SMTP_FAULT_PARAM_VALUE;
	}
	if (notify == 0)
		return SMTP_FAULT_PARAM_VALUE;
	if ((notify & SMTP_NOTIFY_NEVER) && notify != SMTP_NOTIFY_NEVER)
		return SMTP_FAULT_PARAM_COMBINED;
	((struct smtp_rcpt *)target)->notify = notify;
	return SMTP_FINE;
}

static bool is_addr_type(slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] <= ' ' || s.p[i] > '~' || strchr("()<>[]:;@\\,.\"=+", s.p[i]))
			return false;
	return s.n > 0;
}

static enum smtp_fault read_orcpt(struct value v, unsigned ext, struct arena *a, void *target)
{
	slice type, text = v.text, addr;
	(void)ext;
	if (v.text.n > SMTP_ORCPT_MAX || !slice_cut(&text, ';', &type) || !is_addr_type(type) ||
		text.n == 0)
		return SMTP_FAULT_PARAM_VALUE;
	bool utf8 = slice_ieq(type, S("utf-8"));
	if (utf8 ? !utf8_addr_decode(text, a, &addr) : !xtext_decode(text, a, &addr))
		return SMTP_FAULT_PARAM_VALUE;
	if (!is_printable(addr) || (!utf8 && !utf8_is_ascii(addr)))
		return SMTP_FAULT_PARAM_VALUE;
	((struct smtp_rcpt *)target)->orcpt = arena_printf(a, "%.*s;%.*s", SFMT(type), SFMT(addr));
	return SMTP_FINE;
}

static const struct param mail_params[] = {
	{S_INIT("SIZE"), SMTP_EXT_SIZE, read_size},
	{S_INIT("BODY"), SMTP_EXT_8BITMIME | SMTP_EXT_BINARYMIME, read_body},
	{S_INIT("SMTPUTF8"), SMTP_EXT_SMTPUTF8, read_smtputf8},
	{S_INIT("RET"), SMTP_EXT_DSN, read_ret},
	{S_INIT("ENVID"), SMTP_EXT_DSN, read_envid},
	{S_INIT("AUTH"), SMTP_EXT_AUTH, read_auth},
	{S_INIT("REQUIRETLS"), SMTP_EXT_REQUIRETLS, read_requiretls},
	{S_INIT("MT-PRIORITY"), SMTP_EXT_MT_PRIORITY, read_priority},
};

static const struct param rcpt_params[] = {
	{S_INIT("NOTIFY"), SMTP_EXT_DSN, read_notify},
	{S_INIT("ORCPT"), SMTP_EXT_DSN, read_orcpt},
};

/* esmtp-keyword (RFC 5321 4.1.2) */
static bool is_keyword(slice s)
{
	for (size_t i = 0; i < s.n; i++) {
		char c = ascii_lower(s.p[i]);
		bool alnum = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
		if (!alnum && (c != '-' || i == 0))
			return false;
	}
	return s.n > 0;
}

/* esmtp-value: printable but "="; UTF-8 is let through for RFC 6531, each reader judges it. */
static bool is_value(slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] <= ' ' || s.p[i] == '=' || s.p[i] == 0x7f)
			return false;
	return s.n > 0;
}

static enum smtp_fault read_one(slice text, const struct param *list, size_t n, unsigned ext,
	struct arena *a, void *target, unsigned *seen)
{
	slice rest = text, key;
	slice_cut(&rest, '=', &key);
	struct value v = {.given = rest.p != NULL, .text = rest};
	if (!is_keyword(key) || (v.given && !is_value(rest)))
		return SMTP_FAULT_PARAM_SYNTAX;
	for (size_t i = 0; i < n; i++) {
		if (!slice_ieq(key, list[i].name) || !(ext & list[i].ext))
			continue;
		if (*seen & 1u << i)
			return SMTP_FAULT_PARAM_TWICE;
		*seen |= 1u << i;
		return list[i].read(v, ext, a, target);
	}
	return SMTP_FAULT_PARAM_UNKNOWN;
}

static enum smtp_fault read_all(slice s, const struct param *list, size_t n, unsigned ext,
	struct arena *a, void *target, slice *ret_detail)
{
	slice text;
	unsigned seen = 0;
	int count = 0;
	for (s = slice_trim(s); s.n; s = slice_trim(s)) {
		slice_cut(&s, ' ', &text);
		enum smtp_fault f = ++count > SMTP_PARAMS_MAX
					    ? SMTP_FAULT_PARAMS_MANY
					    : read_one(text, list, n, ext, a, target, &seen);
		if (f != SMTP_FINE) {
			*ret_detail = text;
			return f;
		}
	}
	return SMTP_FINE;
}

enum smtp_fault smtp_mail_params(
	slice s, unsigned ext, struct arena *a, struct smtp_mail *ret, slice *ret_detail)
{
	return read_all(s, mail_params, sizeof mail_params / sizeof mail_params[0], ext, a, ret,
		ret_detail);
}

enum smtp_fault smtp_rcpt_params(
	slice s, unsigned ext, struct arena *a, struct smtp_rcpt *ret, slice *ret_detail)
{
	return read_all(s, rcpt_params, sizeof rcpt_params / sizeof rcpt_params[0], ext, a, ret,
		ret_detail);
}
