/*
 * XCLIENT's attributes (postfix.org/XCLIENT_README.html). The SMTP server offers the command to
 * configured peers only; what to do with the values is its business.
 */
#include "codec/xclient.h"

#include "codec/smtp.h"
#include <arpa/inet.h>
#include <stddef.h>

static bool is_printable(slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] < ' ' || s.p[i] == 0x7f)
			return false;
	return true;
}

static bool check_addr(slice *value, uint8_t *ret_family)
{
	char z[INET6_ADDRSTRLEN];
	uint8_t ip[16];
	bool six = slice_istarts(*value, S("IPV6:"));
	slice s = six ? slice_skip(*value, 5) : *value;
	if (s.n == 0 || s.n >= sizeof z)
		return false;
	memcpy(z, s.p, s.n);
	z[s.n] = 0;
	if (inet_pton(six ? AF_INET6 : AF_INET, z, ip) != 1)
		return false;
	*value = s;
	*ret_family = six ? 6 : 4;
	return true;
}

static bool check_port(slice value, uint16_t *ret)
{
	uint64_t v;
	if (value.n > 5 || !slice_u64(value, &v) || v > 65535)
		return false;
	*ret = (uint16_t)v;
	return true;
}

/* Rules of one attribute beyond being text. */
static bool check(struct xclient *x, struct xclient_attr *attr)
{
	uint8_t family;
	if (attr->has != XCLIENT_VALUE)
		return attr != &x->proto;
	if (attr == &x->addr)
		return check_addr(&attr->value, &x->family);
	if (attr == &x->destaddr)
		return check_addr(&attr->value, &family);
	if (attr == &x->port)
		return check_port(attr->value, &x->port_number);
	if (attr == &x->destport)
		return check_port(attr->value, &x->destport_number);
	if (attr == &x->proto) {
		x->esmtp = slice_ieq(attr->value, S("ESMTP"));
		return x->esmtp || slice_ieq(attr->value, S("SMTP"));
	}
	return true;
}

static struct xclient_attr *find(struct xclient *x, slice name)
{
	static const struct {
		slice name;
		size_t at;
	} attrs[] = {
		{S_INIT("NAME"), offsetof(struct xclient, name)},
		{S_INIT("ADDR"), offsetof(struct xclient, addr)},
		{S_INIT("PORT"), offsetof(struct xclient, port)},
		{S_INIT("PROTO"), offsetof(struct xclient, proto)},
		{S_INIT("HELO"), offsetof(struct xclient, helo)},
		{S_INIT("LOGIN"), offsetof(struct xclient, login)},
		{S_INIT("DESTADDR"), offsetof(struct xclient, destaddr)},
		{S_INIT("DESTPORT"), offsetof(struct xclient, destport)},
	};
	for (size_t i = 0; i < sizeof attrs / sizeof attrs[0]; i++)
		if (slice_ieq(name, attrs[i].name))
			return (struct xclient_attr *)((char *)x + attrs[i].at);
	return NULL;
}

static bool read_attr(struct xclient *x, slice word, struct arena *a)
{
	slice value = word, name;
	slice_cut(&value, '=', &name);
	struct xclient_attr *attr = find(x, name);
	if (!attr || !value.p || attr->has != XCLIENT_ABSENT)
		return false;
	if (slice_ieq(value, S("[UNAVAILABLE]")))
		attr->has = XCLIENT_UNAVAILABLE;
	else if (slice_ieq(value, S("[TEMPUNAVAIL]")))
		attr->has = XCLIENT_TEMPUNAVAIL;
	else
		attr->has = XCLIENT_VALUE;
	if (attr->has == XCLIENT_VALUE &&
		!(xtext_decode(value, a, &attr->value) && is_printable(attr->value)))
		return false;
	return check(x, attr);
}

bool xclient_parse(slice arg, struct arena *a, struct xclient *ret, slice *ret_bad)
{
	struct xclient x = {0};
	slice word;
	bool any = false;
	for (slice rest = slice_trim(arg); slice_cut(&rest, ' ', &word);) {
		if (word.n == 0)
			continue;
		if (!read_attr(&x, word, a)) {
			*ret_bad = word;
			return false;
		}
		any = true;
	}
	if (!any) {
		*ret_bad = arg;
		return false;
	}
	*ret = x;
	return true;
}
