/*
 * Sender rewriting (srs.h). The forms are those of libsrs2 and its relatives:
 *
 *	SRS0=HASH=TT=DOMAIN=LOCAL@here		DOMAIN and LOCAL: the sender
 *	SRS1=HASH=FIRST=?REST@here		FIRST forwarded first, as SRS0?REST@FIRST
 *
 * `=` may be + or - behind SRS0 and SRS1. HASH is base32 (no two characters differ only by case, so
 * systems that fold it do no harm), TT the day in base32. Local parts are hashed without regard to
 * case for the same reason. An SRS1 has no time of ours: the one inside is the first host's.
 */
#include "mail/srs.h"

#include "base/base32.h"
#include "base/mem.h"
#include "base/time.h"
#include "codec/address.h"

enum { HASH_TEXT_MAX = 1200 };

static const char days_alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/* ---- hash and time ---- */

/* The hash of a text, which is folded to lower case. */
static int make_hash(
	const struct srs *s, bool old, slice text, char ret[SRS_HASH_WRITE], struct err *e)
{
	AUTO(buf) struct buf folded = BUF(HASH_TEXT_MAX), out = BUF(64);
	unsigned char mac[32];
	for (size_t i = 0; i < text.n; i++)
		buf_byte(&folded, ascii_lower(text.p[i]));
	if (!buf_ok(&folded))
		return err_set(e, ERR_LIMIT, "address is too long");
	if (s->hmac(s->arg, old, buf_slice(&folded), mac, e) < 0)
		return -1;
	base32hex_encode(&out, slice_of(mac, 10));
	memcpy(ret, out.p, SRS_HASH_WRITE);
	return 0;
}

/* 0 right; -1 ERR_DENIED, or what hmac says. */
static int check_hash(const struct srs *s, slice given, slice text, struct err *e)
{
	char want[SRS_HASH_WRITE];
	for (int old = 0; old < 2; old++) {
		if (make_hash(s, old, text, want, e) < 0) {
			if (old && e->kind == ERR_NOTFOUND)
				break;
			return -1;
		}
		if (slice_ieq(given, slice_of(want, sizeof want)))
			return 0;
	}
	return err_set(e, ERR_DENIED, "not a sender that was rewritten here");
}

static unsigned today(int64_t now)
{
	return (unsigned)(now / DAY % SRS_DAYS);
}

static bool read_day(slice s, unsigned *ret)
{
	unsigned v = 0;
	for (size_t i = 0; i < s.n; i++) {
		char c = ascii_lower(s.p[i]);
		if (c >= 'a' && c <= 'z')
			v = v << 5 | (unsigned)(c - 'a');
		else if (c >= '2' && c <= '7')
			v = v << 5 | (unsigned)(c - '2' + 26);
		else
			return false;
	}
	*ret = v;
	return s.n == 2;
}

/* A clock of ours that is a day ahead of the other's is forgiven. */
static int check_day(const struct srs *s, slice given, int64_t now, struct err *e)
{
	unsigned day;
	if (!read_day(given, &day))
		return err_set(e, ERR_DENIED, "not a sender that was rewritten here");
	unsigned age = (today(now) + SRS_DAYS - day) % SRS_DAYS;
	if (age > s->valid_days && age != SRS_DAYS - 1)
		return err_set(
			e, ERR_DENIED, "rewritten %u days ago, longer than is good for", age);
	return 0;
}

/* ---- reading ---- */

/* The value of the local part behind "SRS0" or "SRS1", its separator included. 0, 1, or -1. */
static int kind_of(slice local, slice *ret_rest)
{
	if (local.n < 5 || !(slice_istarts(local, S("SRS0")) || slice_istarts(local, S("SRS1"))))
		return -1;
	char sep = local.p[4];
	if (sep != '=' && sep != '+' && sep != '-')
		return -1;
	*ret_rest = slice_skip(local, 4);
	return local.p[3] - '0';
}

bool srs_is(slice address)
{
	slice local, domain, rest;
	if (!address_split(address, &local, &domain))
		return false;
	if (local.n && local.p[0] == '"')
		local = slice_skip(local, 1);
	return kind_of(local, &rest) >= 0;
}

static bool take_apart(slice address, struct arena *a, slice *ret_local, slice *ret_domain)
{
	slice local;
	if (!address_split(address, &local, ret_domain) || !local.n || !ret_domain->n)
		return false;
	*ret_local = address_local_value(local, a);
	return ret_local->n <= SRS_LOCAL_MAX;
}

/* Only what could be an address goes out again. */
static int join(slice local, slice domain, struct arena *a, slice *ret, struct err *e)
{
	struct address parsed;
	slice address = address_join(local, domain, a);
	enum address_fault fault = address_parse(address, true, &parsed);
	if (fault != ADDRESS_FINE)
		return err_set(e, fault == ADDRESS_SYNTAX ? ERR_DENIED : ERR_LIMIT,
			"rewritten sender: %s", address_fault_text(fault));
	*ret = address;
	return 0;
}

/* ---- there ---- */

static int forward_first(const struct srs *s, slice local, slice from, slice here, int64_t now,
	struct arena *a, slice *ret, struct err *e)
{
	char hash[SRS_HASH_WRITE];
	unsigned day = today(now);
	slice rest = arena_printf(a, "%c%c=%.*s=%.*s", days_alphabet[day >> 5],
		days_alphabet[day & 31], SFMT(from), SFMT(local));
	if (make_hash(s, false, arena_printf(a, "srs0=%.*s", SFMT(rest)), hash, e) < 0)
		return -1;
	return join(arena_printf(a, "SRS0=%.*s=%.*s", SRS_HASH_WRITE, hash, SFMT(rest)), here, a,
		ret, e);
}

/* first: who wrote the SRS0; rest: what followed the word there, its separator included. */
static int forward_again(const struct srs *s, slice first, slice rest, slice here, struct arena *a,
	slice *ret, struct err *e)
{
	char hash[SRS_HASH_WRITE];
	slice body = arena_printf(a, "%.*s=%.*s", SFMT(first), SFMT(rest));
	if (make_hash(s, false, arena_printf(a, "srs1=%.*s", SFMT(body)), hash, e) < 0)
		return -1;
	return join(arena_printf(a, "SRS1=%.*s=%.*s", SRS_HASH_WRITE, hash, SFMT(body)), here, a,
		ret, e);
}

/* Cuts "hash=first=rest" (behind SRS1 and its separator) apart. */
static bool read_srs1(slice body, slice *ret_hash, slice *ret_first, slice *ret_rest)
{
	return slice_cut(&body, '=', ret_hash) && slice_cut(&body, '=', ret_first) &&
	       ret_first->n && body.p && (*ret_rest = body).n > 1;
}

int srs_forward(const struct srs *s, slice sender, slice domain, int64_t now, struct arena *a,
	slice *ret, struct err *e)
{
	slice local, from, rest, hash, first;
	slice here = s->domain.n ? s->domain : domain;
	if (sender.n == 0) {
		*ret = sender;
		return 0;
	}
	if (!take_apart(sender, a, &local, &from))
		return err_set(e, ERR_LIMIT, "sender cannot be rewritten");
	switch (kind_of(local, &rest)) {
	case 0:
		if (rest.n > 1)
			return forward_again(s, from, rest, here, a, ret, e);
		return forward_first(s, local, from, here, now, a, ret, e);
	case 1: /* the first host gets it straight, if that is one: we stand in the place of the one
		 * before us */
		if (read_srs1(slice_skip(rest, 1), &hash, &first, &rest) &&
			join(arena_printf(a, "SRS0%.*s", SFMT(rest)), first, a, &hash, e) == 0)
			return forward_again(s, first, rest, here, a, ret, e);
		return forward_first(s, local, from, here, now, a, ret, e);
	default:
		return forward_first(s, local, from, here, now, a, ret, e);
	}
}

/* ---- and back ---- */

static int reverse_first(
	const struct srs *s, slice rest, int64_t now, struct arena *a, slice *ret, struct err *e)
{
	slice body = slice_skip(rest, 1), hash, day, domain;
	if (!slice_cut(&body, '=', &hash) || !body.p)
		return err_set(e, ERR_DENIED, "not a sender that was rewritten here");
	slice hashed = arena_printf(a, "srs0=%.*s", SFMT(body));
	if (!slice_cut(&body, '=', &day) || !slice_cut(&body, '=', &domain) || !body.p)
		return err_set(e, ERR_DENIED, "not a sender that was rewritten here");
	if (check_hash(s, hash, hashed, e) < 0 || check_day(s, day, now, e) < 0)
		return -1;
	return join(body, domain, a, ret, e);
}

static int reverse_again(
	const struct srs *s, slice rest, struct arena *a, slice *ret, struct err *e)
{
	slice body = slice_skip(rest, 1), hash, first, inner;
	if (!read_srs1(body, &hash, &first, &inner))
		return err_set(e, ERR_DENIED, "not a sender that was rewritten here");
	slice hashed = arena_printf(a, "srs1=%.*s=%.*s", SFMT(first), SFMT(inner));
	if (check_hash(s, hash, hashed, e) < 0)
		return -1;
	return join(arena_printf(a, "SRS0%.*s", SFMT(inner)), first, a, ret, e);
}

int srs_reverse(
	const struct srs *s, slice address, int64_t now, struct arena *a, slice *ret, struct err *e)
{
	slice local, domain, rest;
	int kind = take_apart(address, a, &local, &domain) ? kind_of(local, &rest) : -1;
	if (kind < 0)
		return err_set(e, ERR_NOTFOUND, "not a rewritten sender");
	return kind ? reverse_again(s, rest, a, ret, e) : reverse_first(s, rest, now, a, ret, e);
}
