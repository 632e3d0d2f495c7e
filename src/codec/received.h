/*
 * The trace fields that we add (RFC 5321 section 4.4): Received: and Return-Path:.
 */
#pragma once
#include "base/buf.h"

struct received_facts {
	slice helo; /* what the client called itself; bad characters are made '?' */
	slice client_ip; /* text of the address, without brackets; empty: local submission */
	slice client_name; /* verified reverse name, or empty */
	slice by; /* our host name */
	slice id; /* message id of ours */
	slice rcpt; /* the only recipient, without <>; empty: none or several (RFC 5321 7.2) */
	slice login; /* authenticated identity to be shown, or empty */
	slice tls_version; /* "TLSv1.3"; empty: no TLS */
	slice tls_cipher; /* "TLS_AES_256_GCM_SHA384" */
	unsigned tls_bits; /* 0: unknown */
	bool esmtp, lmtp, auth, utf8; /* make up "with": RFC 3848, RFC 6531 4.3 */
	int64_t wall;
};

/* "Received: from ...; date" folded with tabs, ended by CRLF. */
void received_build(struct buf *out, const struct received_facts *f);
/* The "with" keyword alone: "ESMTPSA", "UTF8LMTPS" ... for logs. */
const char *received_with(const struct received_facts *f);
/* "Return-Path: <a@b>" CRLF; an empty sender gives <>. */
void return_path_build(struct buf *out, slice sender);
