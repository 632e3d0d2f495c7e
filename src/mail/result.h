/*
 * result: what came of one recipient in one attempt. Transports and local delivery fill it in;
 * settle.h draws the consequences.
 */
#pragma once
#include "base/arena.h"
#include "codec/status.h"

enum result_kind {
	RESULT_DEFERRED = 0, /* try again later */
	RESULT_DELIVERED, /* taken by the next hop or put into the mailbox */
	RESULT_FAILED, /* for good */
	RESULT_EXPANDED, /* an alias: its targets are recipients of a new message */
	RESULT_REROUTED, /* the directory changed: goes to `dest` now; no attempt was made */
	RESULT_HELD, /* waits until somebody releases it: `text` says for what */
	RESULT_UNTRIED, /* left as it was, e.g. the process is stopping; no attempt was made */
};

struct result {
	enum result_kind kind;
	struct status_code status;
	struct status_code cause; /* of one whose time ran out: what kept it; class 0: none */
	slice mta; /* name of the host that said so; empty: we did */
	slice text; /* its reply on one line, "550 5.1.1 no such user", or our reason */
	slice dest; /* RESULT_REROUTED */
	bool dsn; /* RESULT_DELIVERED: the next hop took over the duty to report success (RFC 3461)
		   */
	bool skipped; /* RESULT_DEFERRED: nobody was asked, because the destination is down */
	bool relayed; /* RESULT_DELIVERED: to another system, not into a mailbox */
};

/* The attempt itself, for the timeline. Empty fields are left out. */
struct attempt {
	slice host, ip, tls; /* "mx.example.net", "192.0.2.1:25", "TLSv1.3 TLS_AES_256_GCM_SHA384
				verified" */
	int64_t started_at; /* wall; 0: nobody was asked */
	bool reused; /* an open connection */
};
