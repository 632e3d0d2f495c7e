/*
 * DNS messages on the wire (dns_message.h; RFC 1035 sections 3.1 and 4.1). Called by the zone
 * transfer of defence/axfr.c.
 */
#include "codec/dns_message.h"

#include "base/cur.h"

enum { LABEL_MAX = 63, POINTERS_MAX = 127 };

bool dns_name_put(struct buf *out, slice text)
{
	size_t total = 1;
	slice label;
	if (text.n && text.p[text.n - 1] == '.')
		text.n--;
	while (text.n && slice_cut(&text, '.', &label)) {
		total += label.n + 1;
		if (label.n == 0 || label.n > LABEL_MAX || total > DNS_WIRE_NAME_MAX)
			return false;
		buf_u8(out, (uint8_t)label.n);
		buf_put(out, label);
	}
	buf_u8(out, 0);
	return buf_ok(out);
}

bool dns_message_query(struct buf *out, uint16_t id, slice name, uint16_t type)
{
	buf_u16(out, id);
	buf_u16(out, 0); /* a plain query */
	buf_u16(out, 1);
	buf_u16(out, 0);
	buf_u16(out, 0);
	buf_u16(out, 0);
	if (!dns_name_put(out, name))
		return false;
	buf_u16(out, type);
	buf_u16(out, DNS_CLASS_IN);
	return buf_ok(out);
}

/* ---- names ---- */

static bool put_label(slice label, char *out, size_t *n)
{
	if (*n + label.n + (*n > 0) > DNS_TEXT_NAME_MAX)
		return false;
	if (*n)
		out[(*n)++] = '.';
	for (size_t i = 0; i < label.n; i++) {
		char c = ascii_lower(label.p[i]);
		out[(*n)++] = c > ' ' && c < 127 && c != '.' ? c : '?';
	}
	return true;
}

bool dns_name_get(slice all, size_t *io_at, char out[DNS_TEXT_NAME_MAX + 1], size_t *ret_n)
{
	size_t at = *io_at, n = 0, end = 0;
	for (int jumps = 0; at < all.n;) {
		unsigned len = (unsigned char)all.p[at];
		if (len == 0) {
			*io_at = end ? end : at + 1;
			out[n] = 0;
			*ret_n = n;
			return true;
		}
		if (len >= 0xc0) {
			if (at + 2 > all.n || ++jumps > POINTERS_MAX)
				return false;
			size_t to = (len & 0x3f) << 8 | (unsigned char)all.p[at + 1];
			if (!end)
				end = at + 2;
			if (to >= at)
				return false;
			at = to;
			continue;
		}
		if (len > LABEL_MAX || at + 1 + len > all.n ||
			!put_label(slice_of(all.p + at + 1, len), out, &n))
			return false;
		at += 1 + len;
	}
	return false;
}

/* ---- messages ---- */

static bool skip_question(struct dns_message *m)
{
	char name[DNS_TEXT_NAME_MAX + 1];
	size_t n;
	if (!dns_name_get(m->all, &m->at, name, &n) || m->at + 4 > m->all.n)
		return false;
	m->at += 4;
	return true;
}

bool dns_message_parse(slice bytes, struct dns_message *ret)
{
	struct cur c = cur_of(bytes);
	struct dns_message m = {.all = bytes, .at = DNS_HEAD};
	m.id = cur_u16(&c);
	m.flags = cur_u16(&c);
	for (int i = 0; i < 4; i++)
		m.counts[i] = cur_u16(&c);
	if (!cur_ok(&c))
		return false;
	for (unsigned i = 0; i < m.counts[0]; i++)
		if (!skip_question(&m))
			return false;
	m.left = (uint32_t)m.counts[1] + m.counts[2] + m.counts[3];
	*ret = m;
	return true;
}

bool dns_message_next(struct dns_message *m, struct dns_rr *ret)
{
	if (m->bad || !m->left)
		return false;
	ret->start = m->at;
	if (!dns_name_get(m->all, &m->at, ret->name, &ret->name_n)) {
		m->bad = true;
		return false;
	}
	struct cur c = cur_of(slice_skip(m->all, m->at));
	ret->type = cur_u16(&c);
	ret->cls = cur_u16(&c);
	ret->ttl = cur_u32(&c);
	ret->data = cur_bytes(&c, cur_u16(&c));
	if (!cur_ok(&c)) {
		m->bad = true;
		return false;
	}
	ret->data_at = m->at + 10;
	m->at = ret->data_at + ret->data.n;
	m->left--;
	return true;
}
