/*
 * axfr: a DNSBL's zone by transfer (RFC 5936), signed with TSIG where a key is given (RFC 8945).
 * The messages' meaning is here without sockets; axfr_fetch does the talking.
 */
#pragma once
#include "base/time.h"
#include "codec/dns_message.h"
#include "defence/mirror_data.h"
#include "run/log.h"

enum { AXFR_UNSIGNED_MAX = 99, TSIG_MAC_MAX = 64, AXFR_BYTES_MAX = 1 << 30 };

/* ---- TSIG ---- */
struct tsig_key {
	slice name; /* empty: no TSIG */
	slice algorithm; /* "hmac-sha256", "hmac-sha512", "hmac-sha384", "hmac-sha224", "hmac-sha1"
			  */
	struct secret secret; /* raw bytes */
};
bool tsig_algorithm_known(slice name);
/* State of one question and its answers. */
struct tsig {
	const struct tsig_key *key;
	char mac[TSIG_MAC_MAX]; /* the last one */
	size_t mac_n;
	struct buf waiting; /* bytes of messages that were not signed yet */
	unsigned nunsigned, nsigned;
};
void tsig_init(struct tsig *t, const struct tsig_key *key);
void tsig_done(struct tsig *t);
/* Appends the record to a question. seconds: wall time. */
void tsig_sign(struct tsig *t, struct buf *message, int64_t seconds);
/* One message of the answer, in order. ERR_DENIED: it is not from who has the key. */
int tsig_verify(struct tsig *t, slice message, int64_t seconds, struct err *e);

/* ---- the records ---- */
struct axfr {
	slice zone;
	struct mirror_builder *to;
	uint32_t serial;
	unsigned soas;
	uint64_t records, ignored;
};
/* One message: 1 that was the last, 0 more will come, -1. */
int axfr_message(struct axfr *x, slice message, struct err *e);
/* One A record's owner below the zone: "2.0.0.127", "*.2.0.192", 32 nibbles, or a name. False: a
 * limit was reached. */
bool axfr_add(struct mirror_builder *b, slice name, uint32_t code);

/* Asks for the serial first; when it is *io_serial already and has_serial, returns 1 and nothing is
 * transferred. In a coroutine. */
int axfr_fetch(const struct net_addr *from, slice zone, const struct tsig_key *key, bool has_serial,
	uint32_t *io_serial, instant deadline, struct mirror_builder *to, struct err *e);
