/*
 * Do the tables of mailboxes agree (mailbox.h)? Called by `store verify`, `store repair` and `posthouse mailbox
 * verify|repair`. What can be counted by one statement is a row of a table of checks; what it finds is mended by one
 * more, or by a function. Bytes are never given up: an email that is in no folder gets one.
 *
 * Each check sees one account ($1 = $2) or all of a shard.
 */
#include "store/mailbox_impl.h"

#include "base/mem.h"
#include "base/time.h"
#include <stdio.h>

#define HERE "account_id BETWEEN $1 AND $2"
#define EMAILS "id BETWEEN $1 * 4294967296 AND $2 * 4294967296 + 4294967295"

struct looking {
	struct sql *db;
	int64_t first, last; /* accounts */
};

static const struct mailbox_actor mender = {
	.who = S_INIT("mailbox repair"), .protocol = S_INIT("command")};

static struct sql_stmt *ask(struct looking *l, const char *text, struct err *e)
{
	struct sql_stmt *s = sql_prepare(l->db, text, e);
	if (s) {
		sql_bind_int(s, 1, l->first);
		sql_bind_int(s, 2, l->last);
	}
	return s;
}

/* ---- what needs more than a statement ---- */

struct pairs {
	struct pair {
		int64_t a, b, c;
	} * v;
	size_t n, cap;
};

static void auto_pairs(struct pairs *p)
{
	free(p->v);
}

static int collect(struct looking *l, const char *text, struct pairs *out, struct err *e)
{
	struct sql_stmt *s = ask(l, text, e);
	int r = s ? 1 : -1;
	while (s && (r = sql_step(s, e)) == 1) {
		if (out->n == out->cap) {
			out->cap = out->cap ? 2 * out->cap : 64;
			out->v = mem_grow(out->v, out->cap * sizeof *out->v);
		}
		out->v[out->n++] = (struct pair){sql_int(s, 0), sql_int(s, 1), sql_int(s, 2)};
	}
	return r;
}

/* A folder that is only known by its messages gets a row and a name that is free. */
static int make_folder_again(
	struct looking *l, int64_t account_id, int64_t folder_id, struct err *e)
{
	int64_t r = 0;
	for (int i = 0; i < 100 && r == 0; i++) {
		char name[64];
		int n = snprintf(name, sizeof name, i ? "Recovered-%lld-%d" : "Recovered-%lld",
			(long long)folder_id, i);
		r = sql_run(l->db, e,
			"INSERT INTO folder (account_id, id, name, uidvalidity, uidnext, "
			"recent_uid,"
			" messages, unseen, deleted, bytes, modseq, removed_floor, changed, "
			"special,"
			" created_at) SELECT $1, $2, $3, $4, MAX(uid) + 1, 1, 0, 0, 0, 0, "
			"MAX(modseq),"
			" MAX(modseq), MAX(modseq), 0, $5 FROM message"
			" WHERE account_id = $1 AND folder_id = $2 ON CONFLICT DO NOTHING",
			"iitii", account_id, folder_id, slice_of(name, (size_t)n),
			wall_now() / SECOND, wall_now());
	}
	return r < 0 ? -1 : 0;
}

static int mend_orphans(struct looking *l, struct err *e)
{
	AUTO(pairs) struct pairs p = {0};
	int r = collect(l,
		"SELECT DISTINCT account_id, folder_id, 0 FROM message m WHERE m." HERE
		" AND NOT EXISTS"
		" (SELECT 1 FROM folder f WHERE f.account_id = m.account_id AND f.id = "
		"m.folder_id)",
		&p, e);
	for (size_t i = 0; r == 0 && i < p.n; i++)
		r = make_folder_again(l, p.v[i].a, p.v[i].b, e);
	return r;
}

/* Nothing is left of them but their rows: clients are told that they are gone, the log says so. */
static int mend_lost(struct looking *l, struct err *e)
{
	AUTO(pairs) struct pairs p = {0};
	int r = collect(l,
		"SELECT account_id, folder_id, uid FROM message m WHERE m." HERE " AND NOT EXISTS"
		" (SELECT 1 FROM email x WHERE x.id = m.email_id)",
		&p, e);
	for (size_t i = 0; r == 0 && i < p.n; i++) {
		AUTO(uidset) struct uidset one = {0};
		AUTO(uidset) struct uidset gone = {0};
		struct mailbox_actor by = mender;
		uint64_t modseq;
		by.how = MAILBOX_LOST;
		uidset_add(&one, (uint32_t)p.v[i].c, (uint32_t)p.v[i].c);
		r = mailbox_expunge_tx(
			l->db, p.v[i].a, p.v[i].b, &one, false, &by, &gone, &modseq, e);
	}
	return r;
}

static int put_back(
	struct looking *l, int64_t email_id, int64_t size, int64_t received_at, struct err *e)
{
	struct mailbox_message m = {.account_id = email_id >> EMAIL_BITS,
		.email_id = email_id,
		.size = (uint64_t)size,
		.received_at = received_at,
		.saved_at = wall_now()};
	struct mailbox_sum sum = {0};
	uint32_t uidvalidity;
	int64_t email;
	mailbox_sum_add(&sum, 0, m.size);
	if (mailbox_folder_need(l->db, m.account_id, S("Recovered"), &m.folder_id, e) < 0 ||
		mailbox_next(l->db, m.account_id, &sum, 0, &m.modseq, &email, e) < 0 ||
		mailbox_folder_enter(l->db, m.account_id, m.folder_id, &sum, 1, m.modseq, &m.uid,
			&uidvalidity, e) < 0)
		return -1;
	return mailbox_message_insert(l->db, &m, e);
}

#define NOWHERE                                                                                    \
	" FROM email x WHERE " EMAILS " AND NOT EXISTS"                                            \
	" (SELECT 1 FROM message m WHERE m.email_id = x.id) AND id NOT IN"                         \
	" (SELECT email_id FROM removed WHERE " HERE " AND can_return = 1)"

static int mend_nowhere(struct looking *l, struct err *e)
{
	AUTO(pairs) struct pairs p = {0};
	int r = collect(l, "SELECT id, size + LENGTH(prefix), received_at" NOWHERE, &p, e);
	for (size_t i = 0; r == 0 && i < p.n; i++)
		r = put_back(l, p.v[i].a, p.v[i].b, p.v[i].c, e);
	return r;
}

#define HOLDERS                                                                                    \
	" FROM email x LEFT JOIN (SELECT email_id, COUNT(*) AS n FROM"                             \
	" (SELECT email_id FROM message WHERE " HERE " UNION ALL SELECT email_id FROM removed"     \
	" WHERE " HERE " AND can_return = 1) AS each_one GROUP BY email_id) AS held"               \
	" ON held.email_id = x.id WHERE x." EMAILS " AND x.refs <> COALESCE(held.n, 0)"

static int mend_refs(struct looking *l, struct err *e)
{
	AUTO(pairs) struct pairs p = {0};
	int r = collect(l, "SELECT x.id, COALESCE(held.n, 0), 0" HOLDERS, &p, e);
	for (size_t i = 0; r == 0 && i < p.n; i++)
		if (sql_run(l->db, e, "UPDATE email SET refs = $2 WHERE id = $1", "ii", p.v[i].a,
			    p.v[i].b) < 0)
			r = -1;
	return r;
}

/* ---- the checks, in the order in which they can rely on one another ---- */

#define OF_FOLDER                                                                                  \
	" FROM message m WHERE m.account_id = folder.account_id AND m.folder_id = folder.id"
#define IS_MESSAGES "(SELECT COUNT(*)" OF_FOLDER ")"
#define IS_UNSEEN "(SELECT COUNT(*)" OF_FOLDER " AND (m.flags & 1) = 0)"
#define IS_DELETED "(SELECT COUNT(*)" OF_FOLDER " AND (m.flags & 8) <> 0)"
#define IS_BYTES "(SELECT CAST(COALESCE(SUM(m.size), 0) AS BIGINT)" OF_FOLDER ")"
#define COUNTS_WRONG                                                                               \
	HERE " AND (messages <> " IS_MESSAGES " OR unseen <> " IS_UNSEEN                           \
	     " OR deleted <> " IS_DELETED " OR bytes <> " IS_BYTES ")"
#define LAST_UID "(SELECT COALESCE(MAX(m.uid), 0)" OF_FOLDER ")"
#define OF_ACCOUNT " WHERE account_id = mailbox.account_id"
#define LAST_MODSEQ                                                                                \
	"(SELECT COALESCE(MAX(last), 0) FROM (SELECT MAX(modseq) AS last FROM message" OF_ACCOUNT  \
	" UNION ALL SELECT MAX(modseq) AS last FROM folder" OF_ACCOUNT                             \
	" UNION ALL SELECT MAX(changed) AS last FROM folder" OF_ACCOUNT                            \
	" UNION ALL SELECT MAX(modseq) AS last FROM removed" OF_ACCOUNT ") AS lasts)"
#define LAST_EMAIL                                                                                 \
	"(SELECT COALESCE(MAX(id) - mailbox.account_id * 4294967296, 0) FROM email WHERE id"       \
	" BETWEEN mailbox.account_id * 4294967296 AND mailbox.account_id * 4294967296 + "          \
	"4294967295)"
#define LAST_FOLDER "(SELECT COALESCE(MAX(id), 0) FROM folder" OF_ACCOUNT ")"
#define SUM_MESSAGES "(SELECT CAST(COALESCE(SUM(messages), 0) AS BIGINT) FROM folder" OF_ACCOUNT ")"
#define SUM_BYTES "(SELECT CAST(COALESCE(SUM(bytes), 0) AS BIGINT) FROM folder" OF_ACCOUNT ")"
#define NO_FOLDER " WHERE " HERE " AND folder_id <> 0 AND NOT EXISTS"
#define RIGHT_SIZE "(SELECT x.size + LENGTH(x.prefix) FROM email x WHERE x.id = message.email_id)"
#define NO_THREAD                                                                                  \
	" FROM thread_ref WHERE " HERE " AND NOT EXISTS (SELECT 1 FROM email x WHERE x.id ="       \
	" thread_ref.thread_id) AND NOT EXISTS (SELECT 1 FROM email x WHERE x.thread_id ="         \
	" thread_ref.thread_id AND x.thread_id <> x.id)"
#define CANNOT_RETURN                                                                              \
	HERE " AND can_return = 1 AND NOT EXISTS (SELECT 1 FROM email x WHERE x.id = "             \
	     "removed.email_id)"

static const struct check {
	const char *kind, *text, *count, *mend;
	int (*fn)(struct looking *l, struct err *e);
} checks[] = {
	{"mailbox-missing", "accounts have mail and no row of their own",
		"SELECT COUNT(*) FROM (SELECT account_id FROM folder WHERE " HERE
		" UNION SELECT account_id FROM message WHERE " HERE
		" UNION SELECT account_id FROM email WHERE " EMAILS ") AS used WHERE NOT EXISTS"
		" (SELECT 1 FROM mailbox b WHERE b.account_id = used.account_id)",
		"INSERT INTO mailbox (account_id, modseq, next_folder, next_email, uidvalidity,"
		" messages, bytes, prepared) SELECT account_id, 1, 1, 1, 0, 0, 0, 0 FROM"
		" (SELECT account_id FROM folder WHERE " HERE
		" UNION SELECT account_id FROM message WHERE " HERE
		" UNION SELECT account_id FROM email WHERE " EMAILS ") AS used WHERE NOT EXISTS"
		" (SELECT 1 FROM mailbox b WHERE b.account_id = used.account_id)",
		NULL},
	{"mailbox-orphan", "messages are in folders that do not exist",
		"SELECT COUNT(*) FROM message WHERE " HERE " AND NOT EXISTS (SELECT 1 FROM folder"
		" WHERE folder.account_id = message.account_id AND folder.id = message.folder_id)",
		NULL, mend_orphans},
	{"mailbox-modseq", "accounts would give a modification sequence a second time",
		"SELECT COUNT(*) FROM mailbox WHERE " HERE " AND modseq < " LAST_MODSEQ,
		"UPDATE mailbox SET modseq = " LAST_MODSEQ " WHERE " HERE
		" AND modseq < " LAST_MODSEQ,
		NULL},
	{"mailbox-modseq", "folders have newer messages than they say",
		"SELECT COUNT(*) FROM folder WHERE " HERE
		" AND modseq < (SELECT COALESCE(MAX(m.modseq), 0)" OF_FOLDER ")",
		"UPDATE folder SET modseq = (SELECT MAX(m.modseq)" OF_FOLDER ") WHERE " HERE
		" AND modseq < (SELECT COALESCE(MAX(m.modseq), 0)" OF_FOLDER ")",
		NULL},
	{"mailbox-uid", "folders would give a UID a second time",
		"SELECT COUNT(*) FROM folder WHERE " HERE " AND uidnext <= " LAST_UID,
		"UPDATE folder SET uidnext = 1 + " LAST_UID " WHERE " HERE
		" AND uidnext <= " LAST_UID,
		NULL},
	{"mailbox-next", "accounts would give a number of an email or a folder a second time",
		"SELECT COUNT(*) FROM mailbox WHERE " HERE " AND (next_email <= " LAST_EMAIL
		" OR next_folder <= " LAST_FOLDER ")",
		"UPDATE mailbox SET next_email = CASE WHEN next_email <= " LAST_EMAIL
		" THEN 1 + " LAST_EMAIL
		" ELSE next_email END, next_folder = CASE WHEN next_folder <= " LAST_FOLDER
		" THEN 1 + " LAST_FOLDER " ELSE next_folder END WHERE " HERE,
		NULL},
	{"mailbox-size", "messages have another size than their emails",
		"SELECT COUNT(*) FROM message WHERE " HERE " AND size <> " RIGHT_SIZE,
		"UPDATE message SET size = " RIGHT_SIZE " WHERE " HERE " AND size <> " RIGHT_SIZE,
		NULL},
	{"mailbox-count", "folders count their messages or bytes wrong",
		"SELECT COUNT(*) FROM folder WHERE " COUNTS_WRONG,
		"UPDATE folder SET messages = " IS_MESSAGES ", unseen = " IS_UNSEEN
		", deleted = " IS_DELETED ", bytes = " IS_BYTES " WHERE " COUNTS_WRONG,
		NULL},
	{"mailbox-total", "accounts add up their folders wrong",
		"SELECT COUNT(*) FROM mailbox WHERE " HERE " AND (messages <> " SUM_MESSAGES
		" OR bytes <> " SUM_BYTES ")",
		"UPDATE mailbox SET messages = " SUM_MESSAGES ", bytes = " SUM_BYTES " WHERE " HERE,
		NULL},
	{"mailbox-removed", "deleted messages could not come back",
		"SELECT COUNT(*) FROM removed WHERE " CANNOT_RETURN,
		"UPDATE removed SET can_return = 0 WHERE " CANNOT_RETURN, NULL},
	{"mailbox-lost", "messages have no email",
		"SELECT COUNT(*) FROM message m WHERE m." HERE " AND NOT EXISTS"
		" (SELECT 1 FROM email x WHERE x.id = m.email_id)",
		NULL, mend_lost},
	{"mailbox-nowhere", "emails are in no folder", "SELECT COUNT(*)" NOWHERE, NULL,
		mend_nowhere},
	{"mailbox-refs", "emails count wrong who holds them", "SELECT COUNT(*)" HOLDERS, NULL,
		mend_refs},
	{"mailbox-thread", "message ids lead to threads that have gone",
		"SELECT COUNT(*)" NO_THREAD, "DELETE" NO_THREAD, NULL},
	{"mailbox-rights", "rights are granted on folders that do not exist",
		"SELECT COUNT(*) FROM acl" NO_FOLDER " (SELECT 1 FROM folder f WHERE f.account_id "
						     "= acl.account_id AND f.id = acl.folder_id)",
		"DELETE FROM acl" NO_FOLDER " (SELECT 1 FROM folder f WHERE f.account_id = "
					    "acl.account_id AND f.id = acl.folder_id)",
		NULL},
	{"mailbox-metadata", "metadata is of folders that do not exist",
		"SELECT COUNT(*) FROM metadata" NO_FOLDER
		" (SELECT 1 FROM folder f WHERE f.account_id = metadata.account_id"
		" AND f.id = metadata.folder_id)",
		"DELETE FROM metadata" NO_FOLDER
		" (SELECT 1 FROM folder f WHERE f.account_id = metadata.account_id"
		" AND f.id = metadata.folder_id)",
		NULL},
	{"mailbox-keyword", "keywords are noted of folders that do not exist",
		"SELECT COUNT(*) FROM keyword WHERE " HERE " AND NOT EXISTS (SELECT 1 FROM folder f"
		" WHERE f.account_id = keyword.account_id AND f.id = keyword.folder_id)",
		"DELETE FROM keyword WHERE " HERE " AND NOT EXISTS (SELECT 1 FROM folder f"
		" WHERE f.account_id = keyword.account_id AND f.id = keyword.folder_id)",
		NULL},
};

static int mend(struct looking *l, const struct check *c, struct err *e)
{
	if (c->fn)
		return c->fn(l, e);
	return sql_run(l->db, e, c->mend, "ii", l->first, l->last) < 0 ? -1 : 0;
}

int64_t mailbox_verify(struct sql *db, int64_t account_id, bool repair,
	void (*found)(void *arg, const struct mailbox_finding *f), void *arg, struct err *e)
{
	struct looking l = {
		db, account_id ? account_id : 0, account_id ? account_id : ACCOUNTS_MAX};
	int64_t findings = 0;
	for (size_t i = 0; i < sizeof checks / sizeof *checks; i++) {
		const struct check *c = &checks[i];
		int64_t n = 0;
		struct sql_stmt *s = ask(&l, c->count, e);
		if (!s || mailbox_returned(s, &n, e) < 0)
			return -1;
		if (n == 0)
			continue;
		if (repair && mend(&l, c, e) < 0)
			return -1;
		findings++;
		found(arg, &(struct mailbox_finding){c->kind, c->text, n, repair});
	}
	return findings;
}
