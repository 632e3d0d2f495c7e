/*
 * One look at a domain's MTA-STS: its record and its policy, nothing remembered (RFC 8461 3).
 * Called by sts.c and by the command line.
 */
#include "mail/sts_impl.h"

#include "run/fetch.h"

enum { HTTP_OK = 200 };

int sts_ask_record(struct dns *d, slice domain, instant deadline, struct arena *a,
	struct sts_asked *ret, uint32_t *ret_ttl, struct err *e)
{
	struct dns_names_answer txt;
	slice name = arena_printf(a, "_mta-sts.%.*s", SFMT(domain));
	*ret = (struct sts_asked){.record = MTA_STS_NONE};
	*ret_ttl = 0;
	if (dns_txt(d, name, deadline, a, &txt, e) < 0)
		return -1;
	ret->record = mta_sts_record_find(txt.v, txt.n, &ret->id);
	*ret_ttl = txt.dns.ttl;
	return 0;
}

static void fail(struct sts_asked *ret, enum tls_failure f, slice why)
{
	ret->failure = f;
	ret->why = why;
}

void sts_fetch(struct dns *d, slice ca_file, slice domain, instant deadline, struct arena *a,
	struct sts_asked *ret)
{
	const struct fetch_want w = {
		.url = arena_printf(
			a, "https://mta-sts.%.*s/.well-known/mta-sts.txt", SFMT(domain)),
		.ca_file = ca_file,
		.type = S("text/plain"),
		.max = MTA_STS_POLICY_MAX,
		.timeout = deadline - instant_now() < STS_FETCH_S * SECOND
				   ? deadline - instant_now()
				   : STS_FETCH_S * SECOND,
	};
	struct fetch_answer answer;
	struct err e;
	const char *why;
	if (fetch(d, &w, a, &answer, &e) < 0)
		fail(ret,
			answer.failure == FETCH_TLS    ? TLS_FAIL_STS_WEBPKI
			: answer.failure == FETCH_SIZE ? TLS_FAIL_STS_INVALID
						       : TLS_FAIL_STS_FETCH,
			arena_dup(a, slice_z(e.text)));
	else if (answer.status != HTTP_OK)
		fail(ret, TLS_FAIL_STS_FETCH, arena_printf(a, "https: status %d", answer.status));
	else if (!mta_sts_policy_parse(answer.body, &ret->policy, &why))
		fail(ret, TLS_FAIL_STS_INVALID, arena_printf(a, "policy: %s", why));
	else
		ret->has_policy = true;
	ret->text = answer.body;
}

int sts_ask(struct dns *d, slice ca_file, slice domain, instant deadline, struct arena *a,
	struct sts_asked *ret, struct err *e)
{
	uint32_t ttl;
	if (sts_ask_record(d, domain, deadline, a, ret, &ttl, e) < 0)
		return -1;
	if (ret->record == MTA_STS_FOUND)
		sts_fetch(d, ca_file, domain, deadline, a, ret);
	return 0;
}
