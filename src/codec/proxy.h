/*
 * The PROXY protocol, version 1 (text) and 2 (binary), as a load balancer puts it before the first
 * byte of a connection (haproxy.org/download/2.8/doc/proxy-protocol.txt).
 */
#pragma once
#include "base/slice.h"

enum {
	PROXY_V1_MAX = 107, /* with CRLF (section 2.1) */
	PROXY_V2_MAX = 16 + 2048, /* with TLVs; more is refused */
	PROXY_MAX = PROXY_V2_MAX,
	PROXY_IP_TEXT = 46,
};

enum proxy_step { PROXY_MORE, PROXY_OK, PROXY_BAD };

struct proxy_header {
	size_t length; /* bytes to consume */
	uint8_t family; /* 4, 6; 0: LOCAL or UNKNOWN: use the connection's own addresses */
	uint8_t src[16], dst[16];
	uint16_t src_port, dst_port;
};

/* `in` is what has arrived so far; nothing is consumed. PROXY_MORE never comes for PROXY_MAX bytes.
 */
enum proxy_step proxy_parse(slice in, struct proxy_header *ret);

/* So many bytes in all may be read without reading beyond the header, when it is not whole yet: what follows may be
 * a TLS handshake, which must stay in the socket. Above PROXY_MAX: it is too long. */
size_t proxy_want(slice in);

/* Text of src or dst; returns its length. */
size_t proxy_ip_text(uint8_t family, const uint8_t ip[16], char out[PROXY_IP_TEXT]);
