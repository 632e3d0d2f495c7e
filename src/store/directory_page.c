/*
 * Accounts in pages, by address (directory_org.h): for the console, the API and exports. Each page
 * starts from an index: those of a domain, of a department, or all.
 */
#include "base/mem.h"
#include "store/directory_impl.h"

#define COLUMNS "SELECT " ACCOUNT_COLUMNS " FROM " ACCOUNT_TABLES
/* $1 after, $2 org, $3 domain, $4 class, $5 kind, $6 department, $7 text, $8 deleted, $9 limit */
#define FILTER                                                                                     \
	" AND ($2 = 0 OR account.domain_id IN (SELECT id FROM domain WHERE org_id = $2))"          \
	" AND ($4 = 0 OR account.class_id = $4) AND ($5 = 0 OR account.kind = $5)"                 \
	" AND ($7 = '' OR LOWER(account.address) LIKE $7 ESCAPE '\\'"                              \
	"  OR LOWER(account.name) LIKE $7 ESCAPE '\\' OR EXISTS (SELECT 1 FROM account_field"      \
	"  WHERE account_field.account_id = account.id AND LOWER(value) LIKE $7 ESCAPE '\\'))"     \
	" AND CASE WHEN account.deleted_at > 0 THEN 1 ELSE 0 END = $8"                             \
	" ORDER BY account.address LIMIT $9"

static const char all[] = COLUMNS " WHERE account.address > $1 AND $3 = 0 AND $6 = 0" FILTER;
static const char of_domain[] =
	COLUMNS " WHERE account.domain_id = $3 AND account.address > $1 AND $6 = 0" FILTER;
static const char of_department[] =
	"WITH RECURSIVE below (id, depth) AS (SELECT id, 1 FROM department WHERE id = $6"
	" UNION ALL SELECT department.id, below.depth + 1 FROM department"
	" JOIN below ON department.parent_id = below.id WHERE below.depth < 64) " COLUMNS
	" WHERE account.department_id > 0 AND account.department_id IN (SELECT id FROM below)"
	" AND account.address > $1 AND ($3 = 0 OR account.domain_id = $3)" FILTER;

/* "%text%", folded, with its own wildcards as they are. */
static slice like_pattern(slice text, struct arena *a)
{
	if (text.n == 0)
		return S("");
	char *p = arena_alloc(a, text.n * 2 + 2);
	size_t n = 0;
	p[n++] = '%';
	for (size_t i = 0; i < text.n; i++) {
		if (strchr("%_\\", text.p[i]) && text.p[i])
			p[n++] = '\\';
		p[n++] = ascii_lower(text.p[i]);
	}
	p[n++] = '%';
	return slice_of(p, n);
}

static void read_account(struct sql_stmt *s, struct arena *a, void *row)
{
	*(struct account *)row = directory_read_account(s, a);
}

int directory_accounts_page(struct sql *db, const struct account_query *q, struct arena *a,
	struct account **ret, size_t *ret_n, struct err *e)
{
	size_t limit = q->limit && q->limit < DIRECTORY_PAGE_MAX ? q->limit : DIRECTORY_PAGE_MAX;
	if (q->text.n > DIRECTORY_FIELD_MAX)
		return err_set(
			e, ERR_PROTO, "a text to find has at most %d bytes", DIRECTORY_FIELD_MAX);
	struct sql_stmt *s = directory_query(db, e,
		q->department_id ? of_department
		: q->domain_id   ? of_domain
				 : all,
		"tiiiiitii", q->after, q->org_id, q->domain_id, q->class_id, (int64_t)q->kind,
		q->department_id, like_pattern(slice_trim(q->text), a), (int64_t)q->deleted,
		(int64_t)limit);
	return s ? directory_collect(s, sizeof **ret, read_account, a, (void **)ret, ret_n, e) : -1;
}
