/*
 * Zone transfer of a DNSBL (RFC 5936) over TCP: the serial is asked first, then the zone, on one
 * connection. Called by mirror_keep.c. Of the zone only A records count: the owner is what is
 * listed, the address is the answer.
 */
#include "defence/axfr.h"

#include "base/cur.h"
#include "base/mem.h"
#include "base/rand.h"
#include "codec/address.h"
#include "run/net.h"
#include <netinet/in.h>

/* ---- owners ---- */

static size_t labels_of(slice name, slice *v, size_t max)
{
	size_t n = 0;
	slice label;
	while (n <= max && name.n && slice_cut(&name, '.', &label)) {
		if (n == max)
			return max + 1;
		v[n++] = label;
	}
	return n;
}

static bool add_reversed4(
	struct mirror_builder *b, const slice *v, size_t n, uint32_t code, bool *ret)
{
	uint32_t ip = 0;
	uint64_t part;
	for (size_t i = n; i-- > 0;) {
		if (!slice_u64(v[i], &part) || part > 255)
			return false;
		ip = ip << 8 | (uint32_t)part;
	}
	*ret = mirror_add_ip4(b, n == 4 ? ip : ip << (32 - 8 * n), (unsigned)(8 * n), code);
	return true;
}

static int nibble(slice s)
{
	char c = s.n == 1 ? s.p[0] : 0;
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool add_reversed6(
	struct mirror_builder *b, const slice *v, size_t n, uint32_t code, bool *ret)
{
	uint8_t ip[16] = {0};
	for (size_t i = 0; i < n; i++) {
		int d = nibble(v[n - 1 - i]);
		if (d < 0)
			return false;
		ip[i / 2] |= (uint8_t)(i % 2 ? d : d << 4);
	}
	*ret = mirror_add_ip6(b, ip, (unsigned)(4 * n), code);
	return true;
}

bool axfr_add(struct mirror_builder *b, slice name, uint32_t code)
{
	slice v[33];
	bool ok = true;
	bool wild = slice_starts(name, S("*."));
	slice inner = wild ? slice_skip(name, 2) : name;
	size_t n = labels_of(inner, v, 32);
	if (n >= 1 && n <= (wild ? 3 : 4) && (wild || n == 4) && add_reversed4(b, v, n, code, &ok))
		return ok;
	if (n >= 5 && n <= 32 && (wild || n == 32) && add_reversed6(b, v, n, code, &ok))
		return ok;
	return mirror_add_name(b, inner, wild ? MIRROR_NAME_BELOW : MIRROR_NAME_ITSELF, code);
}

/* ---- messages ---- */

static const char *const rcodes[] = {"no error", "format error", "server failure", "no such zone",
	"not implemented", "refused", NULL};

static bool serial_of(slice all, const struct dns_rr *rr, uint32_t *ret)
{
	char name[DNS_TEXT_NAME_MAX + 1];
	size_t at = rr->data_at, n;
	if (!dns_name_get(all, &at, name, &n) || !dns_name_get(all, &at, name, &n))
		return false;
	struct cur c = cur_of(slice_of(all.p + at, all.n - at));
	*ret = cur_u32(&c);
	return cur_ok(&c);
}

static int take_record(struct axfr *x, slice all, const struct dns_rr *rr, struct err *e)
{
	slice name = slice_of(rr->name, rr->name_n);
	uint32_t serial;
	if (rr->type == DNS_RR_SOA) {
		if (!slice_ieq(name, x->zone) || !serial_of(all, rr, &serial))
			return err_set(e, ERR_PROTO, "the SOA record is not the zone's");
		if (x->soas++ && serial != x->serial)
			return err_set(e, ERR_TEMP, "the zone changed during its transfer");
		x->serial = serial;
		return 0;
	}
	if (!x->soas)
		return err_set(e, ERR_PROTO, "the transfer does not begin with SOA");
	x->records++;
	bool below = name.n > x->zone.n + 1 && domain_within(name, x->zone);
	if (rr->type != DNS_RR_A || rr->data.n != 4 || !below) {
		x->ignored++;
		return 0;
	}
	struct cur c = cur_of(rr->data);
	uint32_t code = cur_u32(&c);
	if (code >> 24 != 127) {
		x->ignored++;
		return 0;
	}
	if (!axfr_add(x->to, slice_first(name, name.n - x->zone.n - 1), code))
		return err_set(e, ERR_LIMIT, "the zone has too many entries");
	return 0;
}

static int check_head(const struct dns_message *m, struct err *e)
{
	unsigned rcode = m->flags & 15;
	if (!(m->flags & 0x8000))
		return err_set(e, ERR_PROTO, "not an answer");
	if (rcode)
		return err_set(
			e, ERR_TEMP, "the server says: %s", rcode < 6 ? rcodes[rcode] : "an error");
	return 0;
}

int axfr_message(struct axfr *x, slice message, struct err *e)
{
	struct dns_message m;
	struct dns_rr rr;
	if (!dns_message_parse(message, &m))
		return err_set(e, ERR_PROTO, "malformed DNS message");
	if (check_head(&m, e) < 0)
		return -1;
	for (unsigned i = 0; i < m.counts[1] && dns_message_next(&m, &rr); i++) {
		if (x->soas >= 2)
			return err_set(e, ERR_PROTO, "records behind the end of the zone");
		if (take_record(x, message, &rr, e) < 0)
			return -1;
	}
	if (m.bad)
		return err_set(e, ERR_PROTO, "malformed DNS message");
	return x->soas >= 2;
}

/* ---- talking ---- */

struct talk {
	struct io *io;
	const struct tsig_key *key;
	struct tsig tsig;
	uint16_t id;
	uint64_t bytes;
};

static int ask(struct talk *t, slice zone, uint16_t type, struct err *e)
{
	AUTO(buf) struct buf q = BUF(4096);
	AUTO(buf) struct buf out = BUF(4096 + 2);
	t->id = (uint16_t)rand_u64();
	if (!dns_message_query(&q, t->id, zone, type))
		return err_set(e, ERR_PERM, "\"%.*s\" is no zone name", SFMT(zone));
	tsig_done(&t->tsig);
	tsig_init(&t->tsig, t->key);
	if (t->key->name.n)
		tsig_sign(&t->tsig, &q, wall_now() / SECOND);
	buf_u16(&out, (uint16_t)q.n);
	buf_put(&out, buf_slice(&q));
	if (io_write(t->io, buf_slice(&out), e) < 0)
		return -1;
	return io_flush(t->io, e);
}

static int need(struct talk *t, size_t n, struct err *e)
{
	while (io_peek(t->io).n < n) {
		int got = io_fill(t->io, 128 * 1024, e);
		if (got == 0)
			return err_set(e, ERR_CLOSED, "the server closed the connection");
		if (got < 0)
			return -1;
	}
	return 0;
}

/* The next message, copied. */
static int receive(struct talk *t, struct buf *out, struct err *e)
{
	if (need(t, 2, e) < 0)
		return -1;
	slice in = io_peek(t->io);
	size_t n = (size_t)(unsigned char)in.p[0] << 8 | (unsigned char)in.p[1];
	if (need(t, n + 2, e) < 0)
		return -1;
	buf_reset(out);
	buf_put(out, slice_of(io_peek(t->io).p + 2, n));
	io_consume(t->io, n + 2);
	t->bytes += n;
	if (t->bytes > AXFR_BYTES_MAX)
		return err_set(e, ERR_LIMIT, "the zone has more than %d bytes", AXFR_BYTES_MAX);
	if (n < DNS_HEAD || (((unsigned char)out->p[0] << 8) | (unsigned char)out->p[1]) != t->id)
		return err_set(e, ERR_PROTO, "an answer to another question");
	return t->key->name.n ? tsig_verify(&t->tsig, buf_slice(out), wall_now() / SECOND, e) : 0;
}

static int ask_serial(struct talk *t, slice zone, uint32_t *ret, struct err *e)
{
	AUTO(buf) struct buf b = BUF(64 * 1024);
	struct dns_message m;
	struct dns_rr rr;
	if (ask(t, zone, DNS_RR_SOA, e) < 0 || receive(t, &b, e) < 0)
		return -1;
	if (!dns_message_parse(buf_slice(&b), &m))
		return err_set(e, ERR_PROTO, "malformed DNS message");
	if (check_head(&m, e) < 0)
		return -1;
	while (dns_message_next(&m, &rr))
		if (rr.type == DNS_RR_SOA && slice_ieq(slice_of(rr.name, rr.name_n), zone) &&
			serial_of(buf_slice(&b), &rr, ret))
			return 0;
	return err_set(e, ERR_PROTO, "the server has no such zone");
}

static int transfer(struct talk *t, struct axfr *x, struct err *e)
{
	AUTO(buf) struct buf b = BUF(64 * 1024);
	int r = 0;
	if (ask(t, x->zone, DNS_RR_AXFR, e) < 0)
		return -1;
	while (r == 0) {
		if (receive(t, &b, e) < 0)
			return -1;
		r = axfr_message(x, buf_slice(&b), e);
	}
	if (r < 0)
		return -1;
	if (t->key->name.n && t->tsig.nunsigned)
		return err_set(e, ERR_DENIED, "TSIG: the end of the zone is not signed");
	return 0;
}

int axfr_fetch(const struct net_addr *from, slice zone, const struct tsig_key *key, bool has_serial,
	uint32_t *io_serial, instant deadline, struct mirror_builder *to, struct err *e)
{
	AUTO(io) struct io *io = NULL;
	uint32_t serial;
	if (zone.n && zone.p[zone.n - 1] == '.')
		zone.n--;
	if (net_connect(from, NULL, deadline, &io, e) < 0)
		return -1;
	struct talk t = {.io = io, .key = key};
	tsig_init(&t.tsig, key);
	struct axfr x = {.zone = zone, .to = to};
	int r = ask_serial(&t, zone, &serial, e);
	if (r == 0 && has_serial && serial == *io_serial)
		r = 1;
	if (r == 0)
		r = transfer(&t, &x, e);
	if (r == 0)
		*io_serial = x.serial;
	tsig_done(&t.tsig);
	return r;
}
