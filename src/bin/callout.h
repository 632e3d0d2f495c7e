/*
 * callout: asking a backend whether a recipient exists (RCPT without a message), with a memory for
 * the answers. In a coroutine.
 */
#pragma once
#include "bin/config.h"
#include "run/tls.h"
#include "store/directory.h"

struct callout;
struct callout_config {
	const struct callout_conf *conf;
	const struct delivery_conf *delivery;
	slice helo;
	struct dns *dns;
	struct tls_ctx *tls;
	struct directory *directory;
};
struct callout *callout_new(const struct callout_config *c);
void callout_free(struct callout *c);

enum callout_kind { CALLOUT_GOOD, CALLOUT_BAD, CALLOUT_UNKNOWN };
struct callout_answer {
	enum callout_kind kind;
	slice text; /* BAD: the backend's reply; UNKNOWN: why nobody knows */
};
/* route: name of the backend's route. Strings from *a. */
void callout_ask(
	struct callout *c, slice route, slice address, struct arena *a, struct callout_answer *ret);
