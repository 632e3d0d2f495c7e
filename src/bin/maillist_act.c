/*
 * Carrying out what people ask of mailing lists (maillist_act.h). A change is one transaction of the database of members; the letter
 * about it is put into the outbox after it: when the process dies in between nobody is told, but what was asked for is done.
 */
#include "bin/maillist_act.h"

#include "base/mem.h"
#include "base/time.h"
#include <inttypes.h>

enum { TOLD_LINES_MAX = 20 };

int maillist_hands_open(struct maillist_hands *h, slice data, struct err *e)
{
	if (sql_open_read(data, "directory", &h->directory, e) < 0 ||
		sql_open(data, MAILLIST_DB, &h->lists, e) < 0 ||
		sql_open(data, "queue", &h->queue, e) < 0) {
		maillist_hands_close(h);
		return -1;
	}
	return 0;
}

void maillist_hands_close(struct maillist_hands *h)
{
	sql_close(h->directory);
	sql_close(h->lists);
	sql_close(h->queue);
	h->directory = h->lists = h->queue = NULL;
}

static int end(struct sql *db, int r, struct err *e)
{
	if (r == 0)
		return sql_commit(db, e);
	sql_rollback(db);
	return -1;
}

/* ---- letters ---- */

int maillist_act_tell(const struct maillist_hands *h, const struct maillist_letter *letter,
	struct arena *a, struct err *e)
{
	const struct notice n = maillist_notice(letter, wall_now(), a);
	if (sql_begin(h->queue, e) < 0)
		return -1;
	return end(h->queue, notice_add_tx(h->queue, &n, e), e);
}

static slice token(const struct maillist_hands *h, enum maillist_token_kind kind, int64_t id,
	int64_t until, struct arena *a)
{
	const struct maillist_token t = {kind, id, until};
	return h->key ? maillist_token_make(h->key, &t, a) : S("");
}

static int tell(const struct maillist_hands *h, const struct maillist *l, slice to,
	const char *what, struct arena *a, struct err *e)
{
	const struct maillist_letter letter = {
		.what = what, .list = l, .to = to, .text = l->c.description};
	return maillist_act_tell(h, &letter, a, e);
}

static int ask_back(const struct maillist_hands *h, const struct maillist *l, slice to,
	int64_t request, bool leave, struct arena *a, struct err *e)
{
	slice t = token(
		h, MAILLIST_TOKEN_CONFIRM, request, wall_now() + MAILLIST_CONFIRM_DAYS * DAY, a);
	if (!t.n)
		return err_set(e, ERR_TEMP, "no key for links");
	const struct maillist_letter letter = {.what = "confirm",
		.list = l,
		.to = to,
		.from = maillist_part_address(l->address, MAILLIST_CONFIRM, t, a),
		.url = maillist_url(h->url, t, a),
		.leave = leave};
	return maillist_act_tell(h, &letter, a, e);
}

/* ---- joining ---- */

static int put_member(const struct maillist_hands *h, int64_t list_id, slice address, slice name,
	bool *ret_new, struct err *e)
{
	if (sql_begin(h->lists, e) < 0)
		return -1;
	return end(h->lists,
		maillist_join_tx(h->lists, list_id, address, name, wall_now(), ret_new, e), e);
}

static int welcome(const struct maillist_hands *h, const struct maillist *l, slice address,
	slice name, struct arena *a, const char **ret_what, struct err *e)
{
	bool fresh;
	struct maillist_member m;
	if (put_member(h, l->id, address, name, &fresh, e) < 0)
		return -1;
	*ret_what = "welcome";
	if (!fresh || maillist_member_get(h->lists, l->id, address, a, &m, e) < 0)
		return 0;
	const struct maillist_letter letter = {.what = "welcome",
		.list = l,
		.to = address,
		.text = l->c.description,
		.url = l->c.leaving && h->key
			       ? maillist_url(h->url, token(h, MAILLIST_TOKEN_LEAVE, m.id, 0, a), a)
			       : S("")};
	return maillist_act_tell(h, &letter, a, e);
}

static int put_request(const struct maillist_hands *h, const struct maillist_request *r,
	int64_t *ret_id, bool *ret_ask, struct err *e)
{
	if (sql_begin(h->lists, e) < 0)
		return -1;
	return end(h->lists, maillist_request_tx(h->lists, r, ret_id, ret_ask, e), e);
}

static int wait_for_moderator(const struct maillist_hands *h, const struct maillist *l,
	slice address, slice name, struct arena *a, const char **ret_what, struct err *e)
{
	int64_t now = wall_now(), id;
	bool ask;
	const struct maillist_request r = {.list_id = l->id,
		.address = address,
		.name = name,
		.want = MAILLIST_WANT_JOIN,
		.confirmed = true,
		.at = now,
		.until = now + MAILLIST_DECIDE_DAYS * DAY};
	*ret_what = "asked";
	if (put_request(h, &r, &id, &ask, e) < 0)
		return -1;
	return tell(h, l, address, "asked", a, e) < 0 ||
			       maillist_act_tell_moderators(h, l, a, e) < 0
		       ? -1
		       : 0;
}

static int carry_out_join(const struct maillist_hands *h, const struct maillist *l, slice address,
	slice name, struct arena *a, const char **ret_what, struct err *e)
{
	return l->c.joining == MAILLIST_JOIN_APPROVE
		       ? wait_for_moderator(h, l, address, name, a, ret_what, e)
		       : welcome(h, l, address, name, a, ret_what, e);
}

static int ask_for(const struct maillist_hands *h, const struct maillist *l, slice address,
	slice name, enum maillist_want want, struct arena *a, const char **ret_what, struct err *e)
{
	int64_t now = wall_now(), id;
	bool ask;
	const struct maillist_request r = {.list_id = l->id,
		.address = address,
		.name = name,
		.want = want,
		.at = now,
		.until = now + MAILLIST_CONFIRM_DAYS * DAY};
	*ret_what = "confirm";
	if (put_request(h, &r, &id, &ask, e) < 0)
		return -1;
	return ask ? ask_back(h, l, address, id, want == MAILLIST_WANT_LEAVE, a, e) : 0;
}

int maillist_act_join(const struct maillist_hands *h, const struct maillist *l, slice address,
	slice name, bool sure, struct arena *a, const char **ret_what, struct err *e)
{
	struct maillist_member m;
	*ret_what = NULL;
	if (l->c.joining == MAILLIST_JOIN_CLOSED) {
		*ret_what = "closed";
		return sure ? tell(h, l, address, "closed", a, e) : 0;
	}
	if (maillist_member_get(h->lists, l->id, address, a, &m, e) == 0 && m.own &&
		m.state == MAILLIST_ACTIVE)
		return 0; /* and nobody learns from our answer who is on the list */
	if (sure && l->c.joining != MAILLIST_JOIN_CONFIRM)
		return carry_out_join(h, l, address, name, a, ret_what, e);
	return ask_for(h, l, address, name, MAILLIST_WANT_JOIN, a, ret_what, e);
}

/* ---- leaving ---- */

static int carry_out_leave(const struct maillist_hands *h, const struct maillist *l, slice address,
	struct arena *a, const char **ret_what, struct err *e)
{
	struct maillist_source *v;
	size_t n;
	if (maillist_sources(h->directory, l->id, a, &v, &n, e) < 0 || sql_begin(h->lists, e) < 0)
		return -1;
	/* Where a department may bring him in again his word stays. */
	if (end(h->lists, maillist_leave_tx(h->lists, l->id, address, n > 0, wall_now(), e), e) < 0)
		return e->kind == ERR_NOTFOUND ? 0 : -1;
	*ret_what = "left";
	return tell(h, l, address, "left", a, e);
}

int maillist_act_leave(const struct maillist_hands *h, const struct maillist *l, slice address,
	bool sure, struct arena *a, const char **ret_what, struct err *e)
{
	bool has;
	*ret_what = NULL;
	if (maillist_has(h->lists, h->directory, l->id, address, &has, e) < 0)
		return -1;
	if (!has)
		return 0;
	if (!l->c.leaving) {
		*ret_what = "closed";
		return sure ? tell(h, l, address, "closed", a, e) : 0;
	}
	return sure ? carry_out_leave(h, l, address, a, ret_what, e)
		    : ask_for(h, l, address, S(""), MAILLIST_WANT_LEAVE, a, ret_what, e);
}

/* ---- requests ---- */

static int end_request(const struct maillist_hands *h, int64_t id, struct err *e)
{
	if (sql_begin(h->lists, e) < 0)
		return -1;
	return end(h->lists, maillist_request_done_tx(h->lists, id, e), e);
}

int maillist_act_confirm(const struct maillist_hands *h, int64_t request_id, struct arena *a,
	struct maillist *ret, const char **ret_what, struct err *e)
{
	struct maillist_request r;
	*ret_what = NULL;
	if (maillist_request_get(h->lists, request_id, a, &r, e) < 0 ||
		maillist_by_id(h->directory, r.list_id, a, ret, e) < 0)
		return -1;
	if (r.confirmed) {
		*ret_what = "asked";
		return 0;
	}
	int done = r.want == MAILLIST_WANT_LEAVE
			   ? carry_out_leave(h, ret, r.address, a, ret_what, e)
			   : carry_out_join(h, ret, r.address, r.name, a, ret_what, e);
	if (done < 0)
		return -1;
	bool waits = *ret_what && strcmp(*ret_what, "asked") == 0;
	return waits ? 0 : end_request(h, request_id, e);
}

int maillist_act_answer(const struct maillist_hands *h, int64_t request_id, bool agree,
	struct arena *a, struct err *e)
{
	struct maillist_request r;
	struct maillist l;
	const char *what;
	if (maillist_request_get(h->lists, request_id, a, &r, e) < 0 ||
		maillist_by_id(h->directory, r.list_id, a, &l, e) < 0)
		return -1;
	int done = agree ? welcome(h, &l, r.address, r.name, a, &what, e)
			 : tell(h, &l, r.address, "denied", a, e);
	return done < 0 ? -1 : end_request(h, request_id, e);
}

/* ---- wishes ---- */

static int wish_tx(const struct maillist_hands *h, const struct maillist *l, slice address,
	enum maillist_command c, struct arena *a, struct err *e)
{
	struct maillist_member m;
	int64_t id;
	if (maillist_known_tx(h->lists, l->id, address, wall_now(), &id, e) < 0 ||
		maillist_member_by_id(h->lists, id, a, &m, e) < 0)
		return -1;
	if (c == MAILLIST_CMD_DIGEST || c == MAILLIST_CMD_NODIGEST)
		m.digest = c == MAILLIST_CMD_DIGEST;
	else
		m.state = c == MAILLIST_CMD_NOMAIL ? MAILLIST_NOMAIL : MAILLIST_ACTIVE;
	return maillist_wish_tx(h->lists, id, m.state, m.digest, e);
}

int maillist_act_wish(const struct maillist_hands *h, const struct maillist *l, slice address,
	enum maillist_command c, struct arena *a, struct err *e)
{
	bool has;
	if (maillist_has(h->lists, h->directory, l->id, address, &has, e) < 0)
		return -1;
	if (!has || (c == MAILLIST_CMD_DIGEST && !l->c.digests))
		return tell(h, l, address, "closed", a, e);
	if (sql_begin(h->lists, e) < 0 || end(h->lists, wish_tx(h, l, address, c, a, e), e) < 0)
		return -1;
	return tell(h, l, address, "settings", a, e);
}

/* ---- moderation ---- */

int maillist_act_decide(const struct maillist_hands *h, msg_id id, int32_t idx,
	enum maillist_verdict v, slice by, struct err *e)
{
	if (sql_begin(h->queue, e) < 0)
		return -1;
	return end(h->queue, maillist_decide_tx(h->queue, id, idx, v, by, e), e);
}

static size_t list_waiting(const struct maillist_hands *h, int64_t list_id, struct arena *a,
	slice *lines, struct err *e)
{
	struct maillist_held *v;
	struct maillist_request *r;
	size_t n = 0, nr = 0, k = 0;
	if (maillist_held(h->queue, list_id, a, &v, &n, e) < 0 ||
		maillist_requests(h->lists, list_id, true, a, &r, &nr, e) < 0)
		return 0;
	for (size_t i = 0; i < n && k < TOLD_LINES_MAX; i++)
		lines[k++] = arena_printf(a, "%.*s: %.*s (%.*s)", SFMT(v[i].author),
			SFMT(v[i].subject), SFMT(v[i].reason));
	for (size_t i = 0; i < nr && k < TOLD_LINES_MAX; i++)
		lines[k++] = arena_printf(a, "+ %.*s %.*s", SFMT(r[i].address), SFMT(r[i].name));
	size_t more = n + nr - k;
	if (more)
		lines[k++] = arena_printf(a, "... %zu", more);
	return k;
}

int maillist_act_tell_moderators(
	const struct maillist_hands *h, const struct maillist *l, struct arena *a, struct err *e)
{
	slice lines[TOLD_LINES_MAX + 1];
	struct maillist_person *v;
	size_t n, nlines = list_waiting(h, l->id, a, lines, e);
	unsigned wanted = 0;
	if (!nlines || maillist_people(h->directory, l->id, a, &v, &n, e) < 0)
		return nlines ? -1 : 0;
	for (size_t i = 0; i < n; i++)
		wanted |= v[i].roles;
	wanted = wanted & MAILLIST_MODERATOR ? MAILLIST_MODERATOR : MAILLIST_OWNER_ROLE;
	for (size_t i = 0; i < n; i++) {
		if (!(v[i].roles & wanted))
			continue;
		slice t = token(h, MAILLIST_TOKEN_DECIDE, v[i].id,
			wall_now() + MAILLIST_DECIDE_DAYS * DAY, a);
		const struct maillist_letter letter = {.what = "waiting",
			.list = l,
			.to = v[i].address,
			.from = maillist_part_address(l->address, MAILLIST_DECIDE, t, a),
			.url = t.n ? maillist_url(h->url, t, a) : S(""),
			.lines = lines,
			.nlines = nlines};
		if (maillist_act_tell(h, &letter, a, e) < 0)
			return -1;
	}
	return 0;
}
