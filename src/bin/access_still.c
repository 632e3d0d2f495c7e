/*
 * Sessions that are to end (access.h): those that `posthouse session end` marked, and those whose login does not hold any more: the account was
 * disabled, suspended or removed, its password changed, the service switched off. The auth process knows that (AUTH_STILL); asked once a
 * second whether anything has changed at all, and about all sessions only when something has.
 */
#include "bin/access.h"

#include "base/mem.h"
#include "run/link.h"
#include "run/metrics.h"

METRIC_COUNTER(ended_asked, "posthouse_access_ended_total", "reason=\"command\"",
	"Sessions of mail programs that were ended.");
METRIC_COUNTER(ended_still, "posthouse_access_ended_total", "reason=\"login\"",
	"Sessions of mail programs that were ended.");

enum { LOOKS_A_SECOND = 4, ASK_WAIT = 10 };

struct access_still {
	struct access *access;
	struct group group;
	uint64_t version; /* of what the auth process said last; 0: none */
	bool failing; /* said so */
};

/* ---- marked ---- */

static void end_marked(struct access *a)
{
	struct session_row *row;
	size_t it = 0;
	while ((row = sessions_next_asked(a->sessions, &it)) != NULL) {
		struct access_session *s = a->by_row[sessions_index(a->sessions, row)];
		metric_add(&ended_asked, 1);
		log_info(NULL, "access.ended", F("login", (const char *)row->login),
			F("ip", (const char *)row->ip), F("why", "command"));
		access_session_end(s, "Your session was ended by the administrator");
	}
}

/* ---- logins that hold no more ---- */

struct batch { /* sessions may come and go while the auth process thinks: told apart by their ids */
	struct auth_still still[AUTH_STILL_MAX];
	uint64_t ids[AUTH_STILL_MAX];
	unsigned rows[AUTH_STILL_MAX];
	size_t n;
};

/* The next logged-in sessions from row *at on. */
static void gather(struct access *a, size_t *at, struct batch *b)
{
	b->n = 0;
	for (; *at < SESSIONS_MAX && b->n < AUTH_STILL_MAX; ++*at) {
		const struct access_session *s = a->by_row[*at];
		if (!s || !s->who)
			continue;
		b->still[b->n] = (struct auth_still){s->account_id, s->grant,
			slice_z(access_protocol_name(s->service->listener.protocol)),
			slice_first(slice_z(s->who), AUTH_STILL_LOGIN)};
		b->ids[b->n] = s->row->id;
		b->rows[b->n++] = (unsigned)*at;
	}
}

static void end_over(struct access *a, const struct batch *b, const unsigned char *over)
{
	for (size_t i = 0; i < b->n; i++) {
		struct access_session *s = a->by_row[b->rows[i]];
		if (!(over[i / 8] & 1 << i % 8) || !s || s->row->id != b->ids[i])
			continue;
		metric_add(&ended_still, 1);
		log_info(NULL, "access.ended", F("login", (const char *)s->row->login),
			F("ip", (const char *)s->ip), F("why", "login"));
		access_session_end(s, "Your login is not valid any more, log in again");
	}
}

/* One question; false: no answer. */
static bool ask(struct access_still *t, uint64_t version, const struct batch *b, bool *ret_same,
	uint64_t *ret_version, unsigned char *over)
{
	AUTO(buf) struct buf question = BUF(LINK_MESSAGE_MAX);
	AUTO(arena) struct arena mem = {0};
	struct err e = {0};
	slice answer;
	auth_still_encode(&question, version, b->still, b->n);
	bool got = buf_ok(&question) &&
		   link_call(t->access->auth_link, buf_slice(&question),
			   instant_in(ASK_WAIT * SECOND), &mem, &answer, &e) == 0 &&
		   auth_still_read(answer, b->n, ret_same, ret_version, over);
	if (!got && !t->failing)
		log_warn(NULL, "access.still", F("error", &e));
	t->failing = !got;
	return got;
}

/* Whatever changes meanwhile has a later version than the one that was named first: it is found by the next look. */
static void end_invalid(struct access_still *t, struct batch *b)
{
	unsigned char over[AUTH_STILL_MAX / 8];
	uint64_t version, ignored;
	bool same;
	b->n = 0;
	if (!link_up(t->access->auth_link) || !ask(t, t->version, b, &same, &version, over) || same)
		return;
	for (size_t at = 0; at < SESSIONS_MAX;) {
		gather(t->access, &at, b);
		if (b->n == 0)
			break;
		if (!ask(t, 0, b, &same, &ignored, over))
			return;
		if (!same)
			end_over(t->access, b, over);
	}
	t->version = version;
}

static void run(void *arg)
{
	struct access_still *t = arg;
	struct err e;
	AUTO(free) struct batch *b = mem_alloc(sizeof *b);
	for (unsigned i = 1; co_sleep(instant_in(SECOND / LOOKS_A_SECOND), &e) == 0; i++) {
		end_marked(t->access);
		if (i % LOOKS_A_SECOND == 0)
			end_invalid(t, b);
	}
}

struct access_still *access_still_new(struct access *a)
{
	struct access_still *t = NEW(struct access_still);
	t->access = a;
	group_init(&t->group);
	group_go(&t->group, "access.still", run, t);
	return t;
}

void access_still_stop(struct access_still *t)
{
	if (!t)
		return;
	group_cancel(&t->group);
	group_join(&t->group);
	free(t);
}
