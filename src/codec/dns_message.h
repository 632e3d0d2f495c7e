/*
 * dns_message: DNS messages on the wire (RFC 1035 section 4), for those who talk to one server
 * themselves, as a zone transfer does. Ordinary lookups are run/dns.h. Compressed names are read,
 * never written; pointers only go backwards, so reading ends.
 */
#pragma once
#include "base/buf.h"

enum {
	DNS_HEAD = 12,
	DNS_WIRE_NAME_MAX = 255,
	DNS_TEXT_NAME_MAX = 254,
	DNS_RR_A = 1,
	DNS_RR_SOA = 6,
	DNS_RR_TSIG = 250,
	DNS_RR_AXFR = 252,
	DNS_CLASS_IN = 1,
	DNS_CLASS_ANY = 255,
};

/* A name as text to wire form. False: no name (an empty or long label, too long). "." is the root.
 */
bool dns_name_put(struct buf *out, slice text);
/* A question with one name, class IN, no recursion wanted. False: no name. */
bool dns_message_query(struct buf *out, uint16_t id, slice name, uint16_t type);

struct dns_message {
	slice all;
	uint16_t id, flags, counts[4]; /* questions, answers, authority, additional */
	size_t at; /* of what dns_message_next reads */
	uint32_t left; /* records */
	bool bad;
};
/* Reads the head and passes over the questions. */
bool dns_message_parse(slice bytes, struct dns_message *ret);

struct dns_rr {
	size_t start; /* offset of the record */
	char name[DNS_TEXT_NAME_MAX + 1]; /* lower case, without final dot; labels are taken as they
					     are, other bytes than host names have become '?' */
	size_t name_n;
	uint16_t type, cls;
	uint32_t ttl;
	slice data;
	size_t data_at; /* its offset */
};
/* The next record of whatever section. False: no more, or m->bad. */
bool dns_message_next(struct dns_message *m, struct dns_rr *ret);
/* A name at an offset; *io_at moves behind it. */
bool dns_name_get(slice all, size_t *io_at, char out[DNS_TEXT_NAME_MAX + 1], size_t *ret_n);
