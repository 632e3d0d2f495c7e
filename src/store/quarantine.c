/*
 * The quarantine's tables, their names for people, and adding a message. Adding is the only part on
 * the way of incoming mail.
 *
 * held has what lists ask for, held_more what only one message shows; held_rcpt is a row a recipient.
 * Rows are found as in the trace: by the part of the day of the id and an address with its domain in
 * front, which keeps writing inside a small part of each index, whatever the size of the table; by
 * terms (signals, policy, class: quarantine_impl.h), whose entries grow at their ends only; by state.
 */
#include "base/mem.h"
#include "base/must.h"
#include "base/utf8.h"
#include "codec/signal.h"
#include "store/quarantine_impl.h"
#include "store/trace_rows.h"

#include <stdio.h>

const char quarantine_schema_up[] =
	"CREATE TABLE held ("
	"id {{KEY}}, origin BIGINT NOT NULL, kind BIGINT NOT NULL, class BIGINT NOT NULL,"
	"direction BIGINT NOT NULL, probability BIGINT NOT NULL, score BIGINT NOT NULL,"
	"blob BIGINT NOT NULL, size BIGINT NOT NULL, flags BIGINT NOT NULL,"
	"arrived_at BIGINT NOT NULL, held_at BIGINT NOT NULL, expires_at BIGINT NOT NULL,"
	"hour BIGINT NOT NULL, policy_version BIGINT NOT NULL, policy TEXT NOT NULL,"
	"sender TEXT NOT NULL, sender_key TEXT NOT NULL, client TEXT NOT NULL,"
	"virus TEXT NOT NULL, subject TEXT NOT NULL, author TEXT NOT NULL);"
	"CREATE INDEX held_blob ON held (blob);"
	"CREATE INDEX held_sender ON held (hour, sender_key, id);"
	"CREATE INDEX held_expires ON held (expires_at, id);"
	"CREATE INDEX held_likely ON held (probability, id) WHERE kind = 1;"
	"CREATE INDEX held_origin ON held (origin) WHERE origin <> id;"
	"CREATE TABLE held_more ("
	"id {{KEY}}, prefix {{BLOB}} NOT NULL, envid TEXT NOT NULL, auth TEXT NOT NULL,"
	"message_id TEXT NOT NULL, signals TEXT NOT NULL, text TEXT NOT NULL,"
	"approvers TEXT NOT NULL, log TEXT NOT NULL);"
	"CREATE TABLE held_rcpt ("
	"msg BIGINT NOT NULL, idx BIGINT NOT NULL, state BIGINT NOT NULL, hour BIGINT NOT NULL,"
	"rcpt_key TEXT NOT NULL, address TEXT NOT NULL, orcpt TEXT NOT NULL,"
	"notify BIGINT NOT NULL, dest TEXT NOT NULL, changed_at BIGINT NOT NULL,"
	"changed_by TEXT NOT NULL, released_as BIGINT NOT NULL, log TEXT NOT NULL,"
	"PRIMARY KEY (msg, idx)) {{WITHOUT_ROWID}};"
	"CREATE INDEX held_rcpt_key ON held_rcpt (hour, rcpt_key, msg, idx);"
	"CREATE INDEX held_rcpt_state ON held_rcpt (state, msg, idx) WHERE state <> 0;"
	"CREATE TABLE held_term (id {{AUTO_KEY}}, name TEXT NOT NULL UNIQUE);"
	"CREATE TABLE held_by_term ("
	"term BIGINT NOT NULL, msg BIGINT NOT NULL, PRIMARY KEY (term, msg)) {{WITHOUT_ROWID}};"
	"CREATE TABLE held_total ("
	"hour BIGINT NOT NULL, kind BIGINT NOT NULL, class BIGINT NOT NULL,"
	"messages BIGINT NOT NULL, bytes BIGINT NOT NULL,"
	"PRIMARY KEY (hour, kind, class)) {{WITHOUT_ROWID}};"
	"CREATE TABLE held_deed ("
	"no {{AUTO_KEY}}, at BIGINT NOT NULL, undone_at BIGINT NOT NULL,"
	"done_by TEXT NOT NULL, verb TEXT NOT NULL, query TEXT NOT NULL);"
	"CREATE TABLE held_deed_item ("
	"deed BIGINT NOT NULL, msg BIGINT NOT NULL, idx BIGINT NOT NULL,"
	"before BIGINT NOT NULL, undone_at BIGINT NOT NULL,"
	"PRIMARY KEY (deed, msg, idx)) {{WITHOUT_ROWID}};";
const char quarantine_schema_down[] =
	"DROP TABLE held_deed_item; DROP TABLE held_deed; DROP TABLE held_total;"
	"DROP TABLE held_by_term; DROP TABLE held_term; DROP TABLE held_rcpt;"
	"DROP TABLE held_more; DROP TABLE held;";

/*
 * Numbers of recipients beside totals and terms; the columns `hour` of held and held_rcpt become the
 * first hour of a part of the day (QUARANTINE_PART): a month is 120 places to look at, not 720.
 */
const char quarantine_counts_up[] =
	"ALTER TABLE held_total ADD COLUMN rcpts BIGINT NOT NULL DEFAULT 0;"
	"ALTER TABLE held_by_term ADD COLUMN rcpts BIGINT NOT NULL DEFAULT 0;"
	"UPDATE held_total SET rcpts = (SELECT COUNT(*) FROM held h CROSS JOIN held_rcpt r"
	" WHERE h.hour = held_total.hour AND h.kind = held_total.kind"
	" AND h.class = held_total.class AND r.msg = h.id);"
	"UPDATE held_by_term SET rcpts ="
	" (SELECT COUNT(*) FROM held_rcpt r WHERE r.msg = held_by_term.msg);"
	"UPDATE held SET hour = hour / 6 * 6; UPDATE held_rcpt SET hour = hour / 6 * 6;";
const char quarantine_counts_down[] =
	"UPDATE held SET hour = (id / 2097152 + 1577836800000) / 3600000;"
	"UPDATE held_rcpt SET hour = (msg / 2097152 + 1577836800000) / 3600000;"
	"ALTER TABLE held_by_term DROP COLUMN rcpts; ALTER TABLE held_total DROP COLUMN rcpts;";

/* ---- names ---- */

static const struct {
	const char *name, *en, *zh;
} classes[QUARANTINE_CLASSES] = {
	[QUARANTINE_NONE] = {"none", "no class", "无分类"},
	[QUARANTINE_SPAM] = {"spam", "spam", "垃圾邮件"},
	[QUARANTINE_BULK] = {"bulk", "bulk mail", "群发邮件"},
	[QUARANTINE_SUSPICIOUS] = {"suspicious", "suspicious", "可疑邮件"},
	[QUARANTINE_PHISHING] = {"phishing", "phishing", "钓鱼邮件"},
	[QUARANTINE_PHISHING_SURE] = {"high-phishing", "phishing, certain", "高可信钓鱼邮件"},
	[QUARANTINE_VIRUS] = {"virus", "virus", "病毒邮件"},
	[QUARANTINE_POLICY] = {"policy", "policy of the organisation", "违反组织策略"},
	[QUARANTINE_APPROVAL] = {"approval", "waits for approval", "等待审批"},
	[QUARANTINE_UNEXAMINED] = {"unexamined", "could not be examined", "无法检查"},
};

const char *quarantine_class_name(enum quarantine_class c)
{
	return c < QUARANTINE_CLASSES ? classes[c].name : "unknown";
}

const char *quarantine_class_text(enum quarantine_class c, bool chinese)
{
	c = c < QUARANTINE_CLASSES ? c : QUARANTINE_NONE;
	return chinese ? classes[c].zh : classes[c].en;
}

bool quarantine_class_parse(slice s, enum quarantine_class *ret)
{
	for (int i = 0; i < QUARANTINE_CLASSES; i++)
		if (slice_ieq(s, slice_z(classes[i].name))) {
			*ret = (enum quarantine_class)i;
			return true;
		}
	return false;
}

const char *quarantine_state_name(enum quarantine_state s)
{
	static const char *const names[] = {
		"waits", "asked", "released", "deleted", "refused", "expired", "discarded"};
	return s <= QUARANTINE_DISCARDED ? names[s] : "unknown";
}

int64_t quarantine_ppm(double probability)
{
	return (int64_t)(probability * 1e6 + 0.5);
}

/* ---- terms ---- */

int quarantine_term_find(struct sql *db, slice name, int64_t *ret, struct err *e)
{
	struct sql_stmt *s = sql_prepare(db, "SELECT id FROM held_term WHERE name = $1", e);
	if (!s)
		return -1;
	sql_bind_text(s, 1, slice_first(name, QUARANTINE_TERM_MAX));
	int r = sql_step(s, e);
	if (r < 0)
		return -1;
	*ret = r ? sql_int(s, 0) : 0;
	if (r)
		sql_reset(s);
	return 0;
}

static int term_make(struct sql *db, slice name, int64_t *ret, struct err *e)
{
	struct sql_stmt *s =
		sql_prepare(db, "INSERT INTO held_term (name) VALUES ($1) RETURNING id", e);
	if (!s)
		return -1;
	sql_bind_text(s, 1, slice_first(name, QUARANTINE_TERM_MAX));
	if (sql_step(s, e) < 0)
		return -1;
	*ret = sql_int(s, 0);
	sql_reset(s);
	return 0;
}

static int enter_term(struct sql *db, slice name, const struct quarantine_terms *t, struct err *e)
{
	int64_t term;
	if (quarantine_term_find(db, name, &term, e) < 0 ||
		(!term && term_make(db, name, &term, e) < 0))
		return -1;
	return sql_run(db, e,
		       "INSERT INTO held_by_term (term, msg, rcpts) VALUES ($1, $2, $3)"
		       " ON CONFLICT (term, msg) DO NOTHING",
		       "iii", term, t->id, (int64_t)t->rcpts) < 0
		       ? -1
		       : 0;
}

static int remove_term(struct sql *db, slice name, const struct quarantine_terms *t, struct err *e)
{
	int64_t term;
	if (quarantine_term_find(db, name, &term, e) < 0)
		return -1;
	return sql_run(db, e, "DELETE FROM held_by_term WHERE term = $1 AND msg = $2", "ii", term,
		       t->id) < 0
		       ? -1
		       : 0;
}

slice quarantine_term_class(enum quarantine_class c, char out[8])
{
	return slice_of(out, (size_t)snprintf(out, 8, "c%u", (unsigned)c % 100));
}

slice quarantine_term_kind(enum quarantine_kind k, char out[8])
{
	return slice_of(out, (size_t)snprintf(out, 8, "k%u", (unsigned)k % 100));
}

static int each_term(struct sql *db, const struct quarantine_terms *t,
	int (*fn)(struct sql *, slice, const struct quarantine_terms *, struct err *),
	struct err *e)
{
	char k[8], c[8], name[QUARANTINE_TERM_MAX];
	if (fn(db, quarantine_term_kind(t->kind, k), t, e) < 0 ||
		fn(db, quarantine_term_class(t->class, c), t, e) < 0 ||
		(t->virus.n && fn(db, S("v"), t, e) < 0))
		return -1;
	slice text = t->signals, signal, detail;
	double score;
	int n = snprintf(name, sizeof name, "p:%.*s", SFMT(slice_first(t->policy, 150)));
	if (t->policy.n && fn(db, slice_of(name, (size_t)n), t, e) < 0)
		return -1;
	while (signals_next(&text, &signal, &score, &detail)) {
		n = snprintf(name, sizeof name, "s:%.*s", SFMT(slice_first(signal, 150)));
		if (fn(db, slice_of(name, (size_t)n), t, e) < 0)
			return -1;
	}
	return 0;
}

int quarantine_terms_enter(struct sql *db, const struct quarantine_terms *t, struct err *e)
{
	return each_term(db, t, enter_term, e);
}

int quarantine_terms_remove(struct sql *db, const struct quarantine_terms *t, struct err *e)
{
	return each_term(db, t, remove_term, e);
}

/* ---- adding ---- */

int quarantine_count_one(
	struct sql *db, const struct quarantine_terms *t, int sign, uint64_t size, struct err *e)
{
	int64_t n = sql_run(db, e,
		"INSERT INTO held_total (hour, kind, class, messages, bytes, rcpts)"
		" VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (hour, kind, class) DO UPDATE SET"
		" messages = held_total.messages + excluded.messages,"
		" bytes = held_total.bytes + excluded.bytes,"
		" rcpts = held_total.rcpts + excluded.rcpts",
		"iiiiii", trace_hour(t->id), (int64_t)t->kind, (int64_t)t->class, (int64_t)sign,
		(int64_t)size * sign, (int64_t)t->rcpts * sign);
	return n < 0 ? -1 : 0;
}

int64_t quarantine_part(msg_id id)
{
	return trace_hour(id) / QUARANTINE_PART * QUARANTINE_PART;
}

static slice join_approvers(const struct quarantine_msg *m, struct arena *a)
{
	slice all = S("");
	for (size_t i = 0; i < m->napprovers && i < QUARANTINE_APPROVERS_MAX; i++)
		all = arena_printf(
			a, "%.*s%s%.*s", SFMT(all), i ? "\n" : "", SFMT(m->approvers[i]));
	return all;
}

static int add_held(struct sql *db, const struct quarantine_msg *m, struct arena *a, struct err *e)
{
	const struct queue_msg *q = &m->msg;
	int64_t n = sql_run(db, e,
		"INSERT INTO held (id, origin, kind, class, direction, probability, score, blob,"
		" size, flags, arrived_at, held_at, expires_at, hour, policy_version, policy,"
		" sender, sender_key, client, virus, subject, author)"
		" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16,"
		" $17, $18, $19, $20, $21, $22)",
		"iiiiiiiiiiiiiiittttttt", q->id, m->origin ? m->origin : q->id, (int64_t)m->kind,
		(int64_t)m->class, (int64_t)m->direction, quarantine_ppm(m->probability),
		(int64_t)(m->score * 1000), (int64_t)q->blob, (int64_t)q->size, (int64_t)q->flags,
		q->arrived_at, m->held_at, m->expires_at, quarantine_part(q->id), m->policy_version,
		m->policy, q->sender, trace_key(q->sender, a), q->client, m->virus, q->subject,
		m->from);
	return n < 0 ? -1 : 0;
}

static int add_more(struct sql *db, const struct quarantine_msg *m, slice signals, struct arena *a,
	struct err *e)
{
	const struct queue_msg *q = &m->msg;
	int64_t n = sql_run(db, e,
		"INSERT INTO held_more (id, prefix, envid, auth, message_id, signals, text,"
		" approvers, log) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
		"ibttttttt", q->id, q->prefix, q->envid, q->auth, q->message_id, signals,
		utf8_first(m->text, QUARANTINE_TEXT_MAX), join_approvers(m, a), q->log);
	return n < 0 ? -1 : 0;
}

static int add_rcpt(struct sql *db, const struct quarantine_msg *m, const struct quarantine_rcpt *r,
	struct arena *a, struct err *e)
{
	int64_t n = sql_run(db, e,
		"INSERT INTO held_rcpt (msg, idx, state, hour, rcpt_key, address, orcpt, notify,"
		" dest, changed_at, changed_by, released_as, log)"
		" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
		"iiiitttititit", m->msg.id, (int64_t)r->idx, (int64_t)r->state,
		quarantine_part(m->msg.id), trace_key(r->address, a), r->address, r->orcpt,
		(int64_t)r->notify, r->dest, r->changed_at ? r->changed_at : m->held_at, r->by,
		r->released_as, r->log);
	return n < 0 ? -1 : 0;
}

int quarantine_add_tx(struct sql *db, const struct quarantine_msg *m, struct err *e)
{
	must(m->msg.id > 0 && m->kind >= QUARANTINE_HELD && m->kind <= QUARANTINE_RECENT);
	must(m->class < QUARANTINE_CLASSES);
	AUTO(arena) struct arena a = {0};
	slice signals = utf8_first(m->signals, QUARANTINE_SIGNALS_MAX);
	struct quarantine_terms t = {
		m->msg.id, m->kind, m->class, m->policy, m->virus, signals, m->nrcpts};
	if (add_held(db, m, &a, e) < 0 || add_more(db, m, signals, &a, e) < 0 ||
		quarantine_terms_enter(db, &t, e) < 0 ||
		quarantine_count_one(db, &t, 1, m->msg.size, e) < 0)
		return -1;
	for (size_t i = 0; i < m->nrcpts; i++)
		if (add_rcpt(db, m, &m->rcpts[i], &a, e) < 0)
			return -1;
	return 0;
}
