/*
 * What people may do about accounts elsewhere (collections.h). Called by the command line. Fetches nothing: the collect process does
 * (bin/collect.h), which looks at servers' addresses again.
 */
#include "mail/collections.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/time.h"
#include "store/seal.h"

enum { PERSONS_OPTIONS = COLLECT_FLAGS };

uint16_t collections_port(const struct collect_job *j)
{
	bool tls = j->security == COLLECT_TLS;
	if (j->protocol == COLLECT_POP3)
		return tls ? 995 : 110;
	return tls ? 993 : 143;
}

int collections_seal(
	struct sql *jobs, struct collect_job *j, slice password, struct arena *a, struct err *e)
{
	AUTO(buf) struct buf sealed = BUF(COLLECT_SECRET_MAX + SEAL_OVERHEAD);
	unsigned char key[SEAL_KEY];
	if (password.n == 0 || password.n > COLLECT_SECRET_MAX)
		return err_set(e, ERR_PROTO, "no password, or one that is too long");
	if (collect_key(jobs, key, e) < 0 ||
		seal_close(key, collect_about(j, a), password, &sealed, e) < 0)
		return -1;
	j->secret = arena_dup(a, buf_slice(&sealed));
	return 0;
}

/* Who it is, if he may. */
static int find_person(
	struct sql *directory, slice login, struct arena *a, struct login_facts *ret, struct err *e)
{
	if (directory_login_facts(directory, login, a, ret, e) < 0)
		return -1;
	if (ret->disabled || !(ret->limits.services & SERVICE_COLLECT))
		return err_set(e, ERR_DENIED, "%.*s may not collect mail of other accounts",
			SFMT(ret->address));
	return 0;
}

static int check(const struct collect_job *j, struct err *e)
{
	if (j->every < COLLECTIONS_EVERY)
		return err_set(e, ERR_PROTO, "at least 5 minutes lie between two passes");
	if (j->options & ~(unsigned)PERSONS_OPTIONS || j->as.n)
		return err_set(e, ERR_DENIED,
			"only administrators may leave out the filter, trust any certificate, or "
			"log in "
			"there for somebody else");
	return 0;
}

int collections_add_tx(struct sql *jobs, struct sql *directory, slice login, struct collect_job *j,
	slice password, struct arena *a, int64_t *ret_id, struct err *e)
{
	struct login_facts who;
	if (find_person(directory, login, a, &who, e) < 0 || check(j, e) < 0)
		return -1;
	j->account_id = who.id;
	j->address = who.address;
	j->made_by = who.address;
	if (!j->port)
		j->port = collections_port(j);
	if (collections_seal(jobs, j, password, a, e) < 0)
		return -1;
	return collect_add_tx(jobs, j, ret_id, e);
}

int collections_list(struct sql *jobs, struct sql *directory, slice login, struct arena *a,
	struct collect_job **ret, size_t *ret_n, struct err *e)
{
	struct login_facts who;
	if (find_person(directory, login, a, &who, e) < 0)
		return -1;
	const struct collect_query q = {
		.account_id = who.id, .repeated = 1, .most = COLLECT_OWN_MAX};
	return collect_list(jobs, &q, a, ret, ret_n, e);
}

static int find_own(struct sql *jobs, struct sql *directory, slice login, int64_t id, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct login_facts who;
	struct collect_job j;
	if (find_person(directory, login, &a, &who, e) < 0 || collect_get(jobs, id, &a, &j, e) < 0)
		return -1;
	return j.account_id == who.id && j.every ? 0 : err_set(e, ERR_NOTFOUND, "no such job");
}

int collections_order_tx(struct sql *jobs, struct sql *directory, slice login, int64_t id,
	enum collect_order o, int64_t now, struct err *e)
{
	const struct collect_query q = {.id = id, .repeated = 1};
	if (find_own(jobs, directory, login, id, e) < 0)
		return -1;
	if (o != COLLECT_PAUSE && o != COLLECT_RESUME && o != COLLECT_AGAIN)
		return err_set(e, ERR_DENIED, "not for people to say");
	return collect_order_tx(jobs, &q, o, now, e) < 0 ? -1 : 0;
}

int collections_remove_tx(
	struct sql *jobs, struct sql *directory, slice login, int64_t id, struct err *e)
{
	return find_own(jobs, directory, login, id, e) < 0 ? -1 : collect_remove_tx(jobs, id, e);
}
