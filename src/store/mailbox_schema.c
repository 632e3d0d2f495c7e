/*
 * The tables of a mail shard (mailbox.h, doc/notes/mailbox.md). Every table is led by account_id,
 * or has it, so that a cluster can distribute them by it.
 *
 * Tables that are read by small rows (message, folder) are clustered by their keys. Rows with long
 * bytes (email, removed) are not: SQLite would carry them through the inner pages of the tree.
 * Each index that is led by the account is one more page to write for each delivery: there are few.
 */
#include "store/mailbox.h"

#include "base/must.h"
#include "store/moved.h"

static const char first_up[] =
	"CREATE TABLE mailbox ("
	"account_id {{KEY}}, modseq BIGINT NOT NULL, next_folder BIGINT NOT NULL);"
	"CREATE TABLE folder ("
	"account_id BIGINT NOT NULL, id BIGINT NOT NULL, name TEXT NOT NULL,"
	"uidvalidity BIGINT NOT NULL, uidnext BIGINT NOT NULL, modseq BIGINT NOT NULL,"
	"messages BIGINT NOT NULL, bytes BIGINT NOT NULL,"
	"PRIMARY KEY (account_id, name)) {{WITHOUT_ROWID}};"
	"CREATE TABLE message ("
	"account_id BIGINT NOT NULL, folder_id BIGINT NOT NULL, uid BIGINT NOT NULL,"
	"blob BIGINT NOT NULL, size BIGINT NOT NULL, prefix {{BLOB}} NOT NULL,"
	"received_at BIGINT NOT NULL, flags BIGINT NOT NULL, modseq BIGINT NOT NULL,"
	"queue_id BIGINT NOT NULL, rcpt_idx BIGINT NOT NULL,"
	"PRIMARY KEY (account_id, folder_id, uid)) {{WITHOUT_ROWID}};"
	"CREATE UNIQUE INDEX message_delivery ON message (account_id, queue_id, rcpt_idx);"
	"CREATE INDEX message_blob ON message (blob);";

static const char second_up[] =
	"DROP INDEX message_delivery; DROP INDEX message_blob;"
	"ALTER TABLE mailbox RENAME TO mailbox_1; ALTER TABLE folder RENAME TO folder_1;"
	"ALTER TABLE message RENAME TO message_1;"

	"CREATE TABLE mailbox ("
	"account_id {{KEY}}, modseq BIGINT NOT NULL, next_folder BIGINT NOT NULL,"
	"next_email BIGINT NOT NULL, uidvalidity BIGINT NOT NULL," /* the last one given */
	"messages BIGINT NOT NULL, bytes BIGINT NOT NULL, prepared BIGINT NOT NULL);"

	"CREATE TABLE folder ("
	"account_id BIGINT NOT NULL, id BIGINT NOT NULL, name TEXT NOT NULL,"
	"uidvalidity BIGINT NOT NULL, uidnext BIGINT NOT NULL, recent_uid BIGINT NOT NULL,"
	"messages BIGINT NOT NULL, unseen BIGINT NOT NULL, deleted BIGINT NOT NULL,"
	"bytes BIGINT NOT NULL, modseq BIGINT NOT NULL, removed_floor BIGINT NOT NULL,"
	"changed BIGINT NOT NULL, special BIGINT NOT NULL, created_at BIGINT NOT NULL,"
	"PRIMARY KEY (account_id, id)) {{WITHOUT_ROWID}};"
	"CREATE UNIQUE INDEX folder_name ON folder (account_id, name);"

	"CREATE TABLE message ("
	"account_id BIGINT NOT NULL, folder_id BIGINT NOT NULL, uid BIGINT NOT NULL,"
	"email_id BIGINT NOT NULL, flags BIGINT NOT NULL, keywords TEXT NOT NULL,"
	"modseq BIGINT NOT NULL, size BIGINT NOT NULL, received_at BIGINT NOT NULL,"
	"saved_at BIGINT NOT NULL,"
	"PRIMARY KEY (account_id, folder_id, uid)) {{WITHOUT_ROWID}};"
	"CREATE INDEX message_modseq ON message (account_id, modseq);"
	"CREATE INDEX message_email ON message (email_id);"
	"CREATE INDEX message_deleted ON message (account_id, folder_id, uid)"
	" WHERE (flags & 8) <> 0;"

	"CREATE TABLE email ("
	"id {{KEY}}, account_id BIGINT NOT NULL, refs BIGINT NOT NULL, blob BIGINT NOT NULL,"
	"size BIGINT NOT NULL, queue_id BIGINT NOT NULL, rcpt_idx BIGINT NOT NULL,"
	"thread_id BIGINT NOT NULL, received_at BIGINT NOT NULL, summary {{BLOB}} NOT NULL,"
	"prefix {{BLOB}} NOT NULL);"
	"CREATE INDEX email_blob ON email (blob, size);"
	"CREATE UNIQUE INDEX email_delivery ON email (queue_id, rcpt_idx, account_id)"
	" WHERE queue_id <> 0;"
	"CREATE INDEX email_thread ON email (thread_id) WHERE thread_id <> id;"

	"CREATE TABLE removed ("
	"account_id BIGINT NOT NULL, modseq BIGINT NOT NULL, folder_id BIGINT NOT NULL,"
	"uid BIGINT NOT NULL, email_id BIGINT NOT NULL, can_return BIGINT NOT NULL,"
	"how BIGINT NOT NULL, removed_at BIGINT NOT NULL, received_at BIGINT NOT NULL,"
	"flags BIGINT NOT NULL, keywords TEXT NOT NULL, size BIGINT NOT NULL,"
	"folder TEXT NOT NULL, sender TEXT NOT NULL, subject TEXT NOT NULL,"
	"message_id TEXT NOT NULL, who TEXT NOT NULL, protocol TEXT NOT NULL,"
	"client TEXT NOT NULL, ip TEXT NOT NULL,"
	"PRIMARY KEY (account_id, modseq, folder_id, uid));"
	"CREATE INDEX removed_end ON removed (can_return, removed_at);"

	"CREATE TABLE thread_ref ("
	"account_id BIGINT NOT NULL, hash BIGINT NOT NULL, thread_id BIGINT NOT NULL,"
	"own BIGINT NOT NULL, PRIMARY KEY (account_id, hash)) {{WITHOUT_ROWID}};"
	"CREATE INDEX thread_ref_others ON thread_ref (thread_id) WHERE own = 0;"

	"CREATE TABLE keyword ("
	"account_id BIGINT NOT NULL, folder_id BIGINT NOT NULL, name TEXT NOT NULL," /* lower case */
	"spelling TEXT NOT NULL, PRIMARY KEY (account_id, folder_id, name)) {{WITHOUT_ROWID}};"

	"CREATE TABLE acl ("
	"account_id BIGINT NOT NULL, folder_id BIGINT NOT NULL, who TEXT NOT NULL,"
	"rights BIGINT NOT NULL, PRIMARY KEY (account_id, folder_id, who)) {{WITHOUT_ROWID}};"
	"CREATE INDEX acl_who ON acl (who);"

	"CREATE TABLE metadata ("
	"account_id BIGINT NOT NULL, folder_id BIGINT NOT NULL, entry TEXT NOT NULL,"
	"value {{BLOB}} NOT NULL, PRIMARY KEY (account_id, folder_id, entry));"

	"CREATE TABLE subscription ("
	"account_id BIGINT NOT NULL, name TEXT NOT NULL,"
	"PRIMARY KEY (account_id, name)) {{WITHOUT_ROWID}};"

	/* What is there: an email for each message, numbered by account in the order of arrival. */
	"CREATE TABLE numbered AS SELECT account_id * 4294967296 + ROW_NUMBER() OVER"
	" (PARTITION BY account_id ORDER BY received_at, folder_id, uid) AS email_id,"
	" account_id, folder_id, uid, blob, size, prefix, received_at, flags, modseq, queue_id,"
	" rcpt_idx FROM message_1;"
	"INSERT INTO email (id, account_id, refs, blob, size, queue_id, rcpt_idx, thread_id,"
	" received_at, summary, prefix) SELECT email_id, account_id, 1, blob, size - "
	"LENGTH(prefix),"
	" queue_id, rcpt_idx, email_id, received_at, SUBSTR(prefix, 1, 0), prefix FROM numbered "
	"ORDER BY email_id;"
	"INSERT INTO message (account_id, folder_id, uid, email_id, flags, keywords, modseq, size,"
	" received_at, saved_at) SELECT account_id, folder_id, uid, email_id, flags, '', modseq, "
	"size,"
	" received_at, received_at FROM numbered ORDER BY account_id, folder_id, uid;"
	"INSERT INTO folder (account_id, id, name, uidvalidity, uidnext, recent_uid, messages, "
	"unseen,"
	" deleted, bytes, modseq, removed_floor, changed, special, created_at)"
	" SELECT f.account_id, f.id, f.name, f.uidvalidity, f.uidnext, 1, f.messages,"
	" (SELECT COUNT(*) FROM message m WHERE m.account_id = f.account_id AND m.folder_id = f.id"
	"  AND (m.flags & 1) = 0),"
	" (SELECT COUNT(*) FROM message m WHERE m.account_id = f.account_id AND m.folder_id = f.id"
	"  AND (m.flags & 8) <> 0),"
	" f.bytes, f.modseq, f.modseq, f.modseq,"
	" CASE WHEN f.name = 'Junk' THEN 3 ELSE 0 END, f.uidvalidity * 1000000 FROM folder_1 f;"
	"INSERT INTO mailbox (account_id, modseq, next_folder, next_email, uidvalidity, messages,"
	" bytes, prepared) SELECT m.account_id, m.modseq, m.next_folder,"
	" 1 + (SELECT COALESCE(MAX(e.id), m.account_id * 4294967296) FROM email e WHERE e.id"
	"  BETWEEN m.account_id * 4294967296 AND m.account_id * 4294967296 + 4294967295)"
	" - m.account_id * 4294967296,"
	" (SELECT COALESCE(MAX(f.uidvalidity), 0) FROM folder f WHERE f.account_id = m.account_id),"
	" (SELECT CAST(COALESCE(SUM(f.messages), 0) AS BIGINT) FROM folder f"
	"  WHERE f.account_id = m.account_id),"
	" (SELECT CAST(COALESCE(SUM(f.bytes), 0) AS BIGINT) FROM folder f"
	"  WHERE f.account_id = m.account_id), 0 FROM mailbox_1 m;"
	"DROP TABLE numbered; DROP TABLE message_1; DROP TABLE folder_1; DROP TABLE mailbox_1;";

/* Copies of an email get a delivery of their own that none from the queue has. */
static const char second_down[] =
	"ALTER TABLE mailbox RENAME TO mailbox_2; ALTER TABLE folder RENAME TO folder_2;"
	"DROP INDEX folder_name; DROP INDEX message_modseq; DROP INDEX message_email;"
	"DROP INDEX message_deleted;"
	"ALTER TABLE message RENAME TO message_2;"
	"CREATE TABLE mailbox ("
	"account_id {{KEY}}, modseq BIGINT NOT NULL, next_folder BIGINT NOT NULL);"
	"CREATE TABLE folder ("
	"account_id BIGINT NOT NULL, id BIGINT NOT NULL, name TEXT NOT NULL,"
	"uidvalidity BIGINT NOT NULL, uidnext BIGINT NOT NULL, modseq BIGINT NOT NULL,"
	"messages BIGINT NOT NULL, bytes BIGINT NOT NULL,"
	"PRIMARY KEY (account_id, name)) {{WITHOUT_ROWID}};"
	"CREATE TABLE message ("
	"account_id BIGINT NOT NULL, folder_id BIGINT NOT NULL, uid BIGINT NOT NULL,"
	"blob BIGINT NOT NULL, size BIGINT NOT NULL, prefix {{BLOB}} NOT NULL,"
	"received_at BIGINT NOT NULL, flags BIGINT NOT NULL, modseq BIGINT NOT NULL,"
	"queue_id BIGINT NOT NULL, rcpt_idx BIGINT NOT NULL,"
	"PRIMARY KEY (account_id, folder_id, uid)) {{WITHOUT_ROWID}};"
	"INSERT INTO mailbox (account_id, modseq, next_folder)"
	" SELECT account_id, modseq, next_folder FROM mailbox_2;"
	"INSERT INTO folder (account_id, id, name, uidvalidity, uidnext, modseq, messages, bytes)"
	" SELECT account_id, id, name, uidvalidity, uidnext, modseq, messages, bytes FROM folder_2;"
	"INSERT INTO message (account_id, folder_id, uid, blob, size, prefix, received_at, flags,"
	" modseq, queue_id, rcpt_idx)"
	" SELECT c.account_id, c.folder_id, c.uid, e.blob, c.size, e.prefix, c.received_at, "
	"c.flags,"
	" c.modseq, CASE WHEN c.n = 1 THEN e.queue_id ELSE 0 END,"
	" CASE WHEN c.n = 1 AND e.queue_id <> 0 THEN e.rcpt_idx ELSE c.of_all END FROM"
	" (SELECT m.account_id, m.folder_id, m.uid, m.email_id, m.size, m.received_at, m.flags,"
	"  m.modseq, ROW_NUMBER() OVER (PARTITION BY m.email_id ORDER BY m.folder_id, m.uid) AS n,"
	"  ROW_NUMBER() OVER (PARTITION BY m.account_id ORDER BY m.folder_id, m.uid) AS of_all"
	"  FROM message_2 m) c, email e WHERE e.id = c.email_id;"
	"CREATE UNIQUE INDEX message_delivery ON message (account_id, queue_id, rcpt_idx);"
	"CREATE INDEX message_blob ON message (blob);"
	"DROP TABLE mailbox_2; DROP TABLE folder_2; DROP TABLE message_2; DROP TABLE email;"
	"DROP TABLE removed; DROP TABLE thread_ref; DROP TABLE keyword;"
	"DROP TABLE acl; DROP TABLE metadata; DROP TABLE subscription;";

/* What people teach by moving messages (mail/box_teach.h). */
static const char third_up[] =
	"CREATE TABLE lesson ("
	"email_id {{KEY}}, account_id BIGINT NOT NULL, who TEXT NOT NULL, spam BIGINT NOT NULL,"
	"at BIGINT NOT NULL);"
	"CREATE INDEX lesson_account ON lesson (account_id);";

/* mailbox_seen.c */
static const char seen_up[] =
	"CREATE TABLE seen ("
	"account_id BIGINT NOT NULL, name TEXT NOT NULL, at BIGINT NOT NULL,"
	"until_at BIGINT NOT NULL, queue_id BIGINT NOT NULL, rcpt_idx BIGINT NOT NULL,"
	"PRIMARY KEY (account_id, name)) {{WITHOUT_ROWID}};"
	"CREATE INDEX seen_until ON seen (until_at);";

const struct sql_migration mailbox_migrations[] = {
	{1, "mailbox", first_up, "DROP TABLE message; DROP TABLE folder; DROP TABLE mailbox;"},
	{2, "folders, emails, what left", second_up, second_down},
	{3, "lessons", third_up, "DROP TABLE lesson;"},
	{4, "what moved in", moved_up, moved_down},
	{5, "what rules remember", seen_up, "DROP TABLE seen;"},
	{6, "legal holds", "ALTER TABLE mailbox ADD COLUMN held BIGINT NOT NULL DEFAULT 0;",
		"ALTER TABLE mailbox DROP COLUMN held;"}, /* retention.h */
	{7, "when metadata changed",
		"ALTER TABLE metadata ADD COLUMN modseq BIGINT NOT NULL DEFAULT 0;",
		"ALTER TABLE metadata DROP COLUMN modseq;"},
};
const size_t mailbox_migrations_n = sizeof mailbox_migrations / sizeof mailbox_migrations[0];

const char *mailbox_db_name(int shard)
{
	static const char *const names[MAILBOX_SHARDS] = {
		"mail-00", "mail-01", "mail-02", "mail-03"};
	must(shard >= 0 && shard < MAILBOX_SHARDS);
	return names[shard];
}
