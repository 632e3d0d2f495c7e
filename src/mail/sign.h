/*
 * sign: DKIM signatures of what leaves in our name (RFC 6376): which domain signs a message, by
 * which of its keys, over which fields, and what happens when the keys cannot be reached. Used by
 * edge for what users submit and by the queue for what we write ourselves.
 */
#pragma once
#include "base/buf.h"
#include "run/conf.h"
#include "senderauth/signer.h"

enum signing_failure { SIGNING_TRY_LATER, SIGNING_UNSIGNED };
enum signing_algorithms { SIGNING_ALL, SIGNING_RSA, SIGNING_ED25519 };
enum signing_arc { SIGNING_ARC_NONE, SIGNING_ARC_FORWARDS };

struct signing_conf {
	bool sign, mail_from;
	int if_unreachable; /* enum signing_failure */
	int algorithms; /* enum signing_algorithms */
	int arc; /* enum signing_arc */
	struct conf_list headers; /* empty: senderauth/dkim's own */
	int64_t lifetime, wait; /* usec */
};
extern const struct conf_section signing_section;

enum { SIGN_DOMAINS_MAX = 2, SIGN_FIELDS_MAX = 16 * 1024 };

struct signing {
	const struct signing_conf *conf;
	struct signer signer; /* all keys */
};

/* A copy with its strings in *a. */
struct signing_conf *signing_conf_copy(const struct signing_conf *c, struct arena *a);

/* The author whose domain signs a message: the first address of its From:, and the domain of that
 * in A-labels. False: it has none. From *a. */
bool sign_author(slice header, struct arena *a, slice *ret_address, slice *ret_domain);

/* Does anybody sign for the domain? With the keys that the configuration allows. 1, 0, -1. */
int sign_has_keys(const struct signing *s, slice domain, struct arena *a, struct err *e);

struct sign_what {
	slice domains[SIGN_DOMAINS_MAX]; /* one whose keys are those of an earlier one is left out
					  */
	size_t ndomains;
	slice before, header; /* fields that we add; the header as stored */
	slice digest; /* of the body: dkim_sign_want() */
	int64_t wall;
};
/* Appends DKIM-Signature fields, each ended by CRLF; nothing when no domain has keys. Returns how
 * many domains signed, or -1: ERR_TEMP, ERR_TIMEOUT (what conf->if_unreachable is about),
 * ERR_LIMIT. */
int sign_fields(const struct signing *s, const struct sign_what *w, struct arena *a,
	struct buf *out, struct err *e);

/* The fields for a whole message of ours in memory, by the domain of its From:. Empty when it has
 * no keys, when nothing is to be signed, or when mail may go unsigned. -1: try again. In a
 * coroutine. */
int sign_text(const struct signing *s, slice message, int64_t wall, struct arena *a, slice *ret,
	struct err *e);
