/* icap: what its files share. */
#pragma once
#include "proto/icap/icap.h"

/* Head of an answer. */
struct icap_head {
	unsigned status;
	slice reason;
	slice istag, service;
	slice threat; /* named in one of the fields; may be "unnamed" */
	int64_t preview; /* -1 */
	bool respmod, reqmod;
	/* Encapsulated: */
	size_t http; /* bytes of header */
	bool body, response; /* a body follows; it is a response of HTTP (res-hdr) */
};

/* ---- icap_head.c ---- */
int icap_head_read(struct io *io, struct arena *a, struct icap_head *ret, struct err *e);
/* "Type=0; Resolution=2; Threat=EICAR-Test;" -> "EICAR-Test"; empty: it has none. Borrows. */
slice icap_threat_of(slice field);
/* "HTTP/1.1 403 Forbidden..." -> 403; 0: no such line. */
unsigned icap_http_status(slice header);

/* ---- icap_body.c ---- */
int icap_send_chunk(struct io *io, slice bytes, struct err *e);
/* Reads a chunked body to its end; *ret_same: it is `sent`. */
int icap_body_compare(struct io *io, slice sent, bool *ret_same, struct err *e);
