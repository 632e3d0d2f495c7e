/*
 * The tables of the directory's database, step by step. Those of list.c, digest.c and policies.c are
 * here, too: a database has one sequence of versions. Run by store_prepare.
 *
 *	org, department			who the people are		domain, account, account_field
 *	service_class			what they may
 *	alias, mailgroup(_member)	addresses that stand for others	shared_member	who reads a shared mailbox
 */
#include "store/directory_impl.h"
#include "store/forward.h"
#include "store/maillist.h"
#include "store/rename.h"
#include "store/retention.h"
#include "store/script.h"

const struct sql_migration directory_migrations[] = {
	{1, "directory",
		"CREATE TABLE meta (id {{KEY}}, version BIGINT NOT NULL);"
		"INSERT INTO meta (id, version) VALUES (1, 1);"
		"CREATE TABLE domain ("
		"id {{AUTO_KEY}}, name TEXT NOT NULL UNIQUE, kind BIGINT NOT NULL, backend TEXT "
		"NOT NULL,"
		"callout BIGINT NOT NULL, disabled BIGINT NOT NULL, created_at BIGINT NOT NULL);"
		"CREATE TABLE account ("
		"id {{AUTO_KEY}}, domain_id BIGINT NOT NULL, address TEXT NOT NULL UNIQUE, name "
		"TEXT NOT NULL,"
		"disabled BIGINT NOT NULL, quota BIGINT NOT NULL, created_at BIGINT NOT NULL);"
		"CREATE INDEX account_domain ON account (domain_id, address);"
		"CREATE TABLE alias ("
		"address TEXT NOT NULL, target TEXT NOT NULL, domain_id BIGINT NOT NULL,"
		"PRIMARY KEY (address, target)) {{WITHOUT_ROWID}};"
		"CREATE INDEX alias_domain ON alias (domain_id, address);"
		"CREATE TABLE route ("
		"id {{AUTO_KEY}}, name TEXT NOT NULL UNIQUE, pattern TEXT NOT NULL, protocol TEXT "
		"NOT NULL,"
		"hosts TEXT NOT NULL, tls TEXT NOT NULL, auth_user TEXT NOT NULL, auth_secret TEXT "
		"NOT NULL,"
		"disabled BIGINT NOT NULL);"
		"CREATE INDEX route_pattern ON route (pattern);",
		"DROP TABLE route; DROP TABLE alias; DROP TABLE account;"
		"DROP TABLE domain; DROP TABLE meta;"},
	{2, "lists", /* list.c; meta 2 is the version of this table alone */
		"CREATE TABLE list_entry ("
		"id {{AUTO_KEY}}, level BIGINT NOT NULL, scope TEXT NOT NULL, kind BIGINT NOT "
		"NULL, what TEXT NOT NULL, allow BIGINT NOT NULL, insist BIGINT NOT NULL, "
		"expires_at BIGINT NOT NULL, created_at BIGINT NOT NULL, created_by TEXT NOT NULL,"
		"comment TEXT NOT NULL);"
		"CREATE UNIQUE INDEX list_entry_what ON list_entry (level, scope, kind, what);"
		"CREATE INDEX list_entry_expires ON list_entry (expires_at);"
		"INSERT INTO meta (id, version) VALUES (2, 1);",
		"DROP TABLE list_entry; DELETE FROM meta WHERE id = 2;"},
	{3, "digest", /* digest.c; meta 3 counts its changes */
		"CREATE TABLE digest_setting ("
		"name TEXT PRIMARY KEY, enabled BIGINT NOT NULL, every BIGINT NOT NULL,"
		"hour BIGINT NOT NULL, weekday BIGINT NOT NULL, only_new BIGINT NOT NULL,"
		"zone TEXT NOT NULL, language TEXT NOT NULL, send_to TEXT NOT NULL,"
		"covers TEXT NOT NULL, changed_at BIGINT NOT NULL, changed_by TEXT NOT NULL)"
		" {{WITHOUT_ROWID}};",
		"DROP TABLE digest_setting; DELETE FROM meta WHERE id = 3;"},
	{4, "policies", /* policies.c: versions of the policy document; the highest is in force */
		"CREATE TABLE policies ("
		"version {{KEY}}, made_at BIGINT NOT NULL, made_by TEXT NOT NULL,"
		"note TEXT NOT NULL, body TEXT NOT NULL);",
		"DROP TABLE policies;"},
	{5, "organisation", /* directory_org.h */
		"CREATE TABLE org ("
		"id {{AUTO_KEY}}, name TEXT NOT NULL UNIQUE, title TEXT NOT NULL,"
		"max_accounts BIGINT NOT NULL, max_bytes BIGINT NOT NULL,"
		"disabled BIGINT NOT NULL, created_at BIGINT NOT NULL);"
		"INSERT INTO org (name, title, max_accounts, max_bytes, disabled, created_at)"
		" VALUES ('default', '', 0, 0, 0, 0);"
		"CREATE TABLE service_class ("
		"id {{AUTO_KEY}}, name TEXT NOT NULL UNIQUE, quota BIGINT NOT NULL,"
		"quota_messages BIGINT NOT NULL, max_message BIGINT NOT NULL, max_rcpts BIGINT NOT "
		"NULL,"
		"rcpts_hour BIGINT NOT NULL, rcpts_day BIGINT NOT NULL, services BIGINT NOT NULL,"
		"created_at BIGINT NOT NULL);"
		"INSERT INTO service_class (name, quota, quota_messages, max_message, max_rcpts,"
		" rcpts_hour, rcpts_day, services, created_at)"
		" VALUES ('standard', 0, 0, 0, 0, 0, 0, 127, 0);"
		"CREATE TABLE department ("
		"id {{AUTO_KEY}}, org_id BIGINT NOT NULL, parent_id BIGINT NOT NULL, name TEXT NOT "
		"NULL,"
		"created_at BIGINT NOT NULL);"
		"CREATE UNIQUE INDEX department_name ON department (org_id, parent_id, name);"
		"CREATE INDEX department_parent ON department (parent_id);"
		"ALTER TABLE domain ADD COLUMN org_id BIGINT NOT NULL DEFAULT 1;"
		"ALTER TABLE domain ADD COLUMN stands_for TEXT NOT NULL DEFAULT '';"
		"CREATE INDEX domain_org ON domain (org_id);"
		"ALTER TABLE account ADD COLUMN kind BIGINT NOT NULL DEFAULT 1;"
		"ALTER TABLE account ADD COLUMN class_id BIGINT NOT NULL DEFAULT 1;"
		"ALTER TABLE account ADD COLUMN department_id BIGINT NOT NULL DEFAULT 0;"
		"ALTER TABLE account ADD COLUMN quota_messages BIGINT NOT NULL DEFAULT 0;"
		"ALTER TABLE account ADD COLUMN services_on BIGINT NOT NULL DEFAULT 0;"
		"ALTER TABLE account ADD COLUMN services_off BIGINT NOT NULL DEFAULT 0;"
		"ALTER TABLE account ADD COLUMN language TEXT NOT NULL DEFAULT '';"
		"ALTER TABLE account ADD COLUMN deleted_at BIGINT NOT NULL DEFAULT 0;"
		"CREATE INDEX account_department ON account (department_id, address) WHERE "
		"department_id > 0;"
		"CREATE INDEX account_class ON account (class_id);"
		"CREATE INDEX account_deleted ON account (deleted_at) WHERE deleted_at > 0;"
		"CREATE TABLE account_field ("
		"account_id BIGINT NOT NULL, field BIGINT NOT NULL, value TEXT NOT NULL,"
		"PRIMARY KEY (account_id, field)) {{WITHOUT_ROWID}};"
		"CREATE INDEX account_field_value ON account_field (field, value);"
		"ALTER TABLE alias ADD COLUMN account_id BIGINT NOT NULL DEFAULT 0;"
		"CREATE INDEX alias_account ON alias (account_id) WHERE account_id > 0;"
		"CREATE INDEX alias_target ON alias (target);"
		"CREATE TABLE mailgroup ("
		"id {{AUTO_KEY}}, domain_id BIGINT NOT NULL, address TEXT NOT NULL UNIQUE,"
		"name TEXT NOT NULL, created_at BIGINT NOT NULL);"
		"CREATE INDEX mailgroup_domain ON mailgroup (domain_id, address);"
		"CREATE TABLE mailgroup_member ("
		"group_id BIGINT NOT NULL, kind BIGINT NOT NULL, member_id BIGINT NOT NULL,"
		"address TEXT NOT NULL, send_as BIGINT NOT NULL,"
		"PRIMARY KEY (group_id, kind, member_id, address)) {{WITHOUT_ROWID}};"
		"CREATE INDEX mailgroup_member_of ON mailgroup_member (kind, member_id, group_id);"
		"CREATE TABLE shared_member ("
		"account_id BIGINT NOT NULL, kind BIGINT NOT NULL, member_id BIGINT NOT NULL,"
		"level BIGINT NOT NULL, send_as BIGINT NOT NULL,"
		"PRIMARY KEY (account_id, kind, member_id)) {{WITHOUT_ROWID}};"
		"CREATE INDEX shared_member_of ON shared_member (kind, member_id, account_id);",
		/* What stays is what the older program knows: people's mailboxes and plain aliases. */
		"DROP TABLE shared_member; DROP TABLE mailgroup_member; DROP TABLE mailgroup;"
		"DROP INDEX alias_target; DROP INDEX alias_account; ALTER TABLE alias DROP COLUMN "
		"account_id;"
		"DROP TABLE account_field; DROP INDEX account_deleted; DROP INDEX account_class;"
		"DROP INDEX account_department;"
		"UPDATE account SET disabled = 1 WHERE deleted_at > 0 OR kind > 1;"
		"UPDATE account SET quota = 0 WHERE quota < 0;"
		"ALTER TABLE account DROP COLUMN deleted_at; ALTER TABLE account DROP COLUMN "
		"language;"
		"ALTER TABLE account DROP COLUMN services_off; ALTER TABLE account DROP COLUMN "
		"services_on;"
		"ALTER TABLE account DROP COLUMN quota_messages; ALTER TABLE account DROP COLUMN "
		"department_id;"
		"ALTER TABLE account DROP COLUMN class_id; ALTER TABLE account DROP COLUMN kind;"
		"UPDATE domain SET disabled = 1 WHERE org_id IN (SELECT id FROM org WHERE disabled "
		"> 0);"
		"DELETE FROM domain WHERE kind = 3; DROP INDEX domain_org;"
		"ALTER TABLE domain DROP COLUMN stands_for; ALTER TABLE domain DROP COLUMN org_id;"
		"DROP TABLE department; DROP TABLE service_class; DROP TABLE org;"},
	{6, "forward", forward_schema_up, forward_schema_down},
	{7, "external", /* external.h: what comes from a directory server */
		"CREATE TABLE external ("
		"kind BIGINT NOT NULL, ref_id BIGINT NOT NULL, ext_id TEXT NOT NULL, dn TEXT NOT "
		"NULL,"
		"seen_at BIGINT NOT NULL, gone BIGINT NOT NULL,"
		"PRIMARY KEY (kind, ref_id)) {{WITHOUT_ROWID}};",
		"DROP TABLE external;"},
	{8, "sieve", script_schema_up, script_schema_down},
	{9, "maillist", maillist_directory_up, maillist_directory_down}, /* maillist.c */
	{10, "retention", retention_schema_up, retention_schema_down},
	{11, "renamed", rename_schema_up, rename_schema_down}, /* rename.h */
	{12, "collections", /* who had all services has this one, too */
		"UPDATE service_class SET services = 255 WHERE services = 127;",
		"UPDATE service_class SET services = services & 127;"
		"UPDATE account SET services_on = services_on & 127, services_off = services_off & "
		"127;"},
};
const size_t directory_migrations_n = sizeof directory_migrations / sizeof directory_migrations[0];
