/*
 * TSIG (RFC 8945): signing the question of a zone transfer and verifying its answers, which are
 * chained: each signature covers the one before and all messages since (section 5.3.1). Called by
 * axfr.c.
 */
#include "defence/axfr.h"

#include "base/cur.h"
#include "base/must.h"
#include <openssl/crypto.h>
#include <openssl/hmac.h>

enum { FUDGE = 300, TSIG_MESSAGES_MAX = 16 << 20 /* unsigned bytes held */ };

static const struct {
	const char *name;
	const EVP_MD *(*md)(void);
} algorithms[] = {
	{"hmac-sha1", EVP_sha1},
	{"hmac-sha224", EVP_sha224},
	{"hmac-sha256", EVP_sha256},
	{"hmac-sha384", EVP_sha384},
	{"hmac-sha512", EVP_sha512},
};

static const EVP_MD *digest(slice name)
{
	for (size_t i = 0; i < sizeof algorithms / sizeof *algorithms; i++)
		if (slice_ieq(name, slice_z(algorithms[i].name)))
			return algorithms[i].md();
	return NULL;
}

bool tsig_algorithm_known(slice name)
{
	return digest(name) != NULL;
}

void tsig_init(struct tsig *t, const struct tsig_key *key)
{
	*t = (struct tsig){.key = key, .waiting = BUF(TSIG_MESSAGES_MAX)};
}

void tsig_done(struct tsig *t)
{
	buf_done(&t->waiting);
}

static void put_u48(struct buf *out, int64_t v)
{
	buf_u16(out, (uint16_t)(v >> 32));
	buf_u32(out, (uint32_t)v);
}

static void lower_name(struct buf *out, slice name)
{
	size_t from = out->n;
	dns_name_put(out, name);
	for (size_t i = from; i < out->n; i++)
		out->p[i] = ascii_lower(out->p[i]);
}

/* What is signed beside messages (4.3.3); behind the first answer only the times (5.3.1). */
static void put_variables(struct buf *out, const struct tsig_key *k, int64_t seconds,
	uint16_t fudge, uint16_t error, slice other, bool only_times)
{
	if (!only_times) {
		lower_name(out, k->name);
		buf_u16(out, DNS_CLASS_ANY);
		buf_u32(out, 0);
		lower_name(out, k->algorithm);
	}
	put_u48(out, seconds);
	buf_u16(out, fudge);
	if (!only_times) {
		buf_u16(out, error);
		buf_u16(out, (uint16_t)other.n);
		buf_put(out, other);
	}
}

static void mac(const struct tsig *t, slice bytes, char out[TSIG_MAC_MAX], size_t *ret_n)
{
	unsigned n = 0;
	slice secret = t->key->secret.value;
	must(HMAC(digest(t->key->algorithm), secret.p, (int)secret.n, (const void *)bytes.p,
		     bytes.n, (void *)out, &n) != NULL);
	*ret_n = n;
}

void tsig_sign(struct tsig *t, struct buf *message, int64_t seconds)
{
	struct buf all = BUF(64 * 1024);
	uint16_t id;
	must(message->n >= DNS_HEAD);
	buf_put(&all, buf_slice(message));
	put_variables(&all, t->key, seconds, FUDGE, 0, S(""), false);
	mac(t, buf_slice(&all), t->mac, &t->mac_n);
	buf_done(&all);
	struct buf data = BUF(1024);
	lower_name(&data, t->key->algorithm);
	put_u48(&data, seconds);
	buf_u16(&data, FUDGE);
	buf_u16(&data, (uint16_t)t->mac_n);
	buf_put(&data, slice_of(t->mac, t->mac_n));
	memcpy(&id, message->p, 2);
	buf_put(&data, slice_of(&id, 2));
	buf_u16(&data, 0);
	buf_u16(&data, 0);
	lower_name(message, t->key->name);
	buf_u16(message, DNS_RR_TSIG);
	buf_u16(message, DNS_CLASS_ANY);
	buf_u32(message, 0);
	buf_u16(message, (uint16_t)data.n);
	buf_put(message, buf_slice(&data));
	buf_done(&data);
	message->p[11]++; /* additional records; there was none */
}

struct signature {
	size_t start; /* of the record */
	char algorithm[DNS_TEXT_NAME_MAX + 1];
	size_t algorithm_n;
	int64_t seconds;
	uint16_t fudge, id, error;
	slice mac, other;
};

/* The last record of the message, if it is a TSIG by our key. */
static bool find(const struct tsig *t, slice message, struct signature *ret, struct err *e)
{
	struct dns_message m;
	struct dns_rr rr, last = {0};
	if (!dns_message_parse(message, &m)) {
		err_set(e, ERR_PROTO, "malformed DNS message");
		return false;
	}
	while (dns_message_next(&m, &rr))
		last = rr;
	if (m.bad || last.type != DNS_RR_TSIG || m.counts[3] == 0)
		return false;
	size_t at = last.data_at;
	if (!slice_ieq(slice_of(last.name, last.name_n), t->key->name) ||
		!dns_name_get(message, &at, ret->algorithm, &ret->algorithm_n) ||
		at > last.data_at + last.data.n)
		return false;
	struct cur c = cur_of(slice_of(message.p + at, last.data_at + last.data.n - at));
	ret->start = last.start;
	ret->seconds = (int64_t)cur_u16(&c) << 32;
	ret->seconds |= cur_u32(&c);
	ret->fudge = cur_u16(&c);
	ret->mac = cur_bytes(&c, cur_u16(&c));
	ret->id = cur_u16(&c);
	ret->error = cur_u16(&c);
	ret->other = cur_bytes(&c, cur_u16(&c));
	return cur_ok(&c) &&
	       slice_ieq(slice_of(ret->algorithm, ret->algorithm_n), t->key->algorithm);
}

/* The message as it was before it was signed: one record less, its first id. */
static void put_unsigned(struct buf *out, slice message, const struct signature *s)
{
	size_t from = out->n;
	buf_put(out, slice_first(message, s ? s->start : message.n));
	if (!s || !buf_ok(out))
		return;
	out->p[from] = (char)(s->id >> 8);
	out->p[from + 1] = (char)s->id;
	uint16_t n = (uint16_t)((unsigned char)message.p[10] << 8 | (unsigned char)message.p[11]);
	n--;
	out->p[from + 10] = (char)(n >> 8);
	out->p[from + 11] = (char)n;
}

static int check(struct tsig *t, const struct signature *s, int64_t seconds, struct err *e)
{
	struct buf all = BUF(TSIG_MESSAGES_MAX + 64 * 1024);
	char want[TSIG_MAC_MAX];
	size_t n;
	buf_u16(&all, (uint16_t)t->mac_n);
	buf_put(&all, slice_of(t->mac, t->mac_n));
	buf_put(&all, buf_slice(&t->waiting));
	put_variables(&all, t->key, s->seconds, s->fudge, s->error, s->other, t->nsigned > 0);
	bool whole = buf_ok(&all) && buf_ok(&t->waiting);
	mac(t, buf_slice(&all), want, &n);
	buf_done(&all);
	if (!whole || s->mac.n != n || CRYPTO_memcmp(want, s->mac.p, n) != 0)
		return err_set(e, ERR_DENIED, "TSIG: the signature is wrong");
	int64_t off = s->seconds > seconds ? s->seconds - seconds : seconds - s->seconds;
	if (off > s->fudge)
		return err_set(e, ERR_DENIED, "TSIG: clocks differ by %lld s", (long long)off);
	if (s->error)
		return err_set(e, ERR_DENIED, "TSIG: the server says error %u", s->error);
	memcpy(t->mac, want, n);
	t->mac_n = n;
	t->nsigned++;
	t->nunsigned = 0;
	buf_reset(&t->waiting);
	return 0;
}

int tsig_verify(struct tsig *t, slice message, int64_t seconds, struct err *e)
{
	struct signature s = {0};
	*e = (struct err){0};
	bool is_signed = find(t, message, &s, e);
	if (e->kind)
		return -1;
	put_unsigned(&t->waiting, message, is_signed ? &s : NULL);
	if (is_signed)
		return check(t, &s, seconds, e);
	/* The first answer must be signed, later ones at least every hundredth. */
	if (t->nsigned == 0)
		return err_set(e, ERR_DENIED, "TSIG: the answer is not signed by %.*s",
			SFMT(t->key->name));
	if (++t->nunsigned > AXFR_UNSIGNED_MAX)
		return err_set(e, ERR_DENIED, "TSIG: too many messages without signature");
	return 0;
}
