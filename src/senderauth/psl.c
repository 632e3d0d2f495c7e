/*
 * Public suffixes through libpsl (psl.h). Used by DMARC (RFC 7489 section 3.2), reputation and
 * keys.
 *
 * A wildcard or exception of the list is libpsl's business. A name whose top level is not in the
 * list counts as registered directly below its last label (the list's own default rule "*").
 */
#include "senderauth/psl.h"

#include "base/mem.h"
#include <libpsl.h>
#include <pthread.h>
#include <stdio.h>

enum { HOST_MAX = 255 };

static const psl_ctx_t
	*list; /* lives as long as the process: shared by all threads, never changed */
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void load(void)
{
	list = psl_latest(NULL);
	if (!list)
		list = psl_builtin();
}

void psl_warm_up(void)
{
	pthread_once(&once, load);
}

/* With a NUL, for the library. False: too long to be a host name. */
static bool to_z(slice host, char out[HOST_MAX + 1])
{
	if (host.n == 0 || host.n > HOST_MAX || !list)
		return false;
	memcpy(out, host.p, host.n);
	out[host.n] = 0;
	return true;
}

slice psl_org_domain(slice host)
{
	char z[HOST_MAX + 1];
	psl_warm_up();
	if (!to_z(host, z))
		return host;
	const char *org = psl_registrable_domain(list, z);
	return org ? slice_skip(host, (size_t)(org - z)) : host;
}

bool psl_is_suffix(slice host)
{
	char z[HOST_MAX + 1];
	psl_warm_up();
	return to_z(host, z) && psl_is_public_suffix2(list, z, PSL_TYPE_ANY);
}

bool psl_is_known_suffix(slice host)
{
	char z[HOST_MAX + 1];
	psl_warm_up();
	return to_z(host, z) &&
	       psl_is_public_suffix2(list, z, PSL_TYPE_ANY | PSL_TYPE_NO_STAR_RULE);
}
