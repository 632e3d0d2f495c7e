/*
 * The maildrop of a POP3 session: INBOX as it was at the login (RFC 1939 5). What other sessions do meanwhile is not seen; a message that
 * they deleted is "not there any more" when it is asked for. DELE marks in memory; QUIT deletes all that were marked, and only QUIT (RFC 1939 6).
 * What was retrieved is marked as seen at the end of the session.
 *
 * UIDL (RFC 1939 7) is UIDVALIDITY.UID: the same for ever, in every process.
 */
#include "proto/pop3/session.h"

#include "base/mem.h"
#include "base/must.h"

/* ---- opening ---- */

static void keep(struct pop3 *s, const struct mailbox_message *rows, size_t n, size_t *cap)
{
	if (s->n + n > *cap) {
		*cap = 2 * *cap > s->n + n ? 2 * *cap : s->n + n;
		s->v = realloc(s->v, *cap * sizeof *s->v);
		must(s->v != NULL);
	}
	for (size_t i = 0; i < n; i++)
		s->v[s->n++] = (struct pop3_message){.uid = rows[i].uid, .octets = rows[i].size};
}

static int load(struct pop3 *s, struct err *e)
{
	struct box_query q = {0};
	size_t cap = 0, n;
	do {
		AUTO(arena) struct arena a = {0};
		struct mailbox_message *rows;
		if (box_rows(s->view, &q, &a, &rows, &n, e) < 0)
			return -1;
		if (s->n + n > POP3_MESSAGES_MAX)
			return err_set(e, ERR_LIMIT,
				"There are too many messages in this mailbox for POP3");
		if (n == 0)
			break;
		keep(s, rows, n, &cap);
		q.after = rows[n - 1].uid;
	} while (n > 0);
	return 0;
}

int pop3_drop_open(struct pop3 *s, slice login, struct err *e)
{
	struct mailbox_actor actor = {0};
	if (s->base.ops->enter(s->base.arg, login, &actor, e) < 0 ||
		box_user_open(s->service->boxes, login, &actor, &s->who, e) < 0)
		return -1;
	box_user_no_recent(s->who);
	if (box_open(s->who, S("INBOX"), false, &s->view, e) < 0 || load(s, e) < 0)
		return -1;
	return 0;
}

/* Sizes as RETR sends them: summaries know what mail with other line ends than CRLF has more. Read when a size is asked for first, as
 * programs that only look for new ids never do. */
static int measure(struct pop3 *s, struct err *e)
{
	struct box_query q = {.want = MAILBOX_WANT_SUMMARY};
	size_t at = 0, n;
	while (!s->sized) {
		AUTO(arena) struct arena a = {0};
		struct mailbox_message *rows;
		if (box_rows(s->view, &q, &a, &rows, &n, e) < 0)
			return -1;
		for (size_t i = 0; i < n; i++) {
			struct summary sum;
			while (at < s->n && s->v[at].uid < rows[i].uid)
				at++;
			if (at < s->n && s->v[at].uid == rows[i].uid && !s->v[at].retrieved &&
				summary_open(rows[i].summary, &sum))
				s->v[at].octets = rows[i].size + sum.line_octets;
		}
		if (n == 0)
			s->sized = true;
		else
			q.after = rows[n - 1].uid;
	}
	return 0;
}

/* False: "-ERR" was said. */
static bool is_measured(struct pop3 *s)
{
	struct err e;
	if (measure(s, &e) == 0)
		return true;
	pop3_fail(s, &e);
	return false;
}

/* Not worth an error when it fails. */
static void mark_seen(struct pop3 *s)
{
	AUTO(uidset) struct uidset seen = {0}, changed = {0}, refused = {0};
	uint64_t modseq;
	struct err e;
	for (size_t i = 0; i < s->n; i++)
		if (s->v[i].retrieved && !s->v[i].deleted)
			uidset_add(&seen, s->v[i].uid, s->v[i].uid);
	const struct box_store store = {.uids = &seen,
		.how = MAILBOX_FLAGS_ADD,
		.flags = MAILBOX_SEEN,
		.keywords = S(""),
		.unchanged_since = UINT64_MAX};
	if (seen.n)
		box_store(s->view, &store, &changed, &refused, &modseq, &e);
}

void pop3_drop_close(struct pop3 *s)
{
	if (s->view && s->state == POP3_TRANSACTION)
		mark_seen(s);
	if (s->view)
		box_close(take(&s->view));
	if (s->who)
		box_user_close(take(&s->who));
	free(take(&s->v));
	s->n = 0;
}

/* ---- messages by number ---- */

struct pop3_message *pop3_message(struct pop3 *s, slice number)
{
	uint64_t n;
	if (!slice_u64(number, &n) || n == 0 || n > s->n) {
		pop3_err(s, NULL, "No such message");
		return NULL;
	}
	if (!s->v[n - 1].deleted)
		return &s->v[n - 1];
	pop3_err(s, NULL, "This message is marked as deleted");
	return NULL;
}

static void count(const struct pop3 *s, size_t *ret_n, uint64_t *ret_octets)
{
	*ret_n = 0;
	*ret_octets = 0;
	for (size_t i = 0; i < s->n; i++)
		if (!s->v[i].deleted) {
			++*ret_n;
			*ret_octets += s->v[i].octets;
		}
}

void pop3_stat(struct pop3 *s, slice arg)
{
	uint64_t octets;
	size_t n;
	(void)arg;
	if (!is_measured(s))
		return;
	count(s, &n, &octets);
	pop3_ok(s, "%zu %llu", n, (unsigned long long)octets);
}

/* "1 1234" or "1 1700000000.17" */
static void describe(struct pop3 *s, const struct pop3_message *m, bool unique, const char *before)
{
	size_t number = (size_t)(m - s->v) + 1;
	if (unique)
		pop3_printf(
			s, "%s%zu %u.%u", before, number, s->view->folder.f.uidvalidity, m->uid);
	else
		pop3_printf(s, "%s%zu %llu", before, number, (unsigned long long)m->octets);
}

static void list(struct pop3 *s, slice arg, bool unique)
{
	if (arg.n) {
		const struct pop3_message *m = pop3_message(s, arg);
		if (m && (unique || is_measured(s)))
			describe(s, m, unique, "+OK ");
		return;
	}
	uint64_t octets;
	size_t n;
	if (!unique && !is_measured(s))
		return;
	count(s, &n, &octets);
	if (unique)
		pop3_ok(s, "%zu messages", n);
	else
		pop3_ok(s, "%zu messages (%llu octets)", n, (unsigned long long)octets);
	for (size_t i = 0; i < s->n && !s->base.over; i++)
		if (!s->v[i].deleted)
			describe(s, &s->v[i], unique, "");
	pop3_put(s, S(".\r\n"));
}

void pop3_list(struct pop3 *s, slice arg)
{
	list(s, arg, false);
}

void pop3_uidl(struct pop3 *s, slice arg)
{
	list(s, arg, true);
}

void pop3_dele(struct pop3 *s, slice arg)
{
	struct pop3_message *m = pop3_message(s, arg);
	if (!m)
		return;
	m->deleted = true;
	pop3_ok(s, "Message %.*s will be deleted", SFMT(arg));
}

void pop3_rset(struct pop3 *s, slice arg)
{
	(void)arg;
	for (size_t i = 0; i < s->n; i++)
		s->v[i].deleted = false;
	pop3_ok(s, "%zu messages", s->n);
}

/* ---- the end ---- */

static int update(struct pop3 *s, struct err *e)
{
	AUTO(uidset) struct uidset marked = {0}, gone = {0};
	uint64_t modseq;
	for (size_t i = 0; i < s->n; i++)
		if (s->v[i].deleted)
			uidset_add(&marked, s->v[i].uid, s->v[i].uid);
	if (marked.n && box_expunge(s->view, &marked, true, &gone, &modseq, e) < 0)
		return -1;
	s->base.sum.deleted = gone.count;
	return 0;
}

void pop3_quit(struct pop3 *s, slice arg)
{
	struct err e = {0};
	(void)arg;
	if (s->state == POP3_TRANSACTION && update(s, &e) < 0) {
		/* RFC 1939 6: some may be left, and the client must know. */
		pop3_err(s, "SYS/TEMP", "Not all messages could be deleted");
		session_end(&s->base, "update", e.text);
		return;
	}
	pop3_ok(s, "Bye");
	session_end(&s->base, "quit", NULL);
}
