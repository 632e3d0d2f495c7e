/*
 * The rows of a table against each other and against the directory (directory_import.h): whatever a
 * change would refuse is told before anything is changed. Only reads.
 */
#include "base/mem.h"
#include "store/directory_import_impl.h"
#include "store/password_rule.h"

/* The class by name, asked once each. 0, -1; *ret 0: none. */
static int class_id(struct import *x, slice name, int64_t *ret, struct err *e)
{
	int64_t *known = map_get(&x->classes, name);
	if (!known) {
		known = ARENA_NEW(&x->mem, int64_t);
		*known = directory_number(
			x->db, e, "SELECT id FROM service_class WHERE name = $1", "t", name);
		if (*known < 0)
			return -1;
		map_put(&x->classes, name, known);
	}
	*ret = *known;
	return 0;
}

static bool path_ok(slice path)
{
	slice name;
	unsigned levels = 0;
	while (slice_cut(&path, '/', &name))
		if (slice_trim(name).n != name.n || name.n == 0 || name.n > DIRECTORY_LEVEL_MAX ||
			++levels > DIRECTORY_DEPARTMENT_DEPTH)
			return false;
	return levels > 0;
}

static void check_texts(struct import *x, const struct import_row *r)
{
	if (!directory_text_ok(r->name))
		IMPORT_MISTAKE(x, r->line, "the display name must be one line of UTF-8");
	for (int f = 1; r->field && f < FIELD_COUNT; f++)
		if (r->field[f].n > DIRECTORY_FIELD_MAX || !directory_text_ok(r->field[f]))
			IMPORT_MISTAKE(x, r->line, "%s must be one line of UTF-8, at most %d bytes",
				person_fields[f].key, DIRECTORY_FIELD_MAX);
	if (import_given(r, IMPORT_DEPARTMENT) && !path_ok(r->department))
		IMPORT_MISTAKE(x, r->line, "not a department: %.*s",
			SFMT(slice_first(r->department, 200)));
	if (!directory_language_ok(r->language))
		IMPORT_MISTAKE(
			x, r->line, "not a language: %.*s", SFMT(slice_first(r->language, 100)));
}

static void check_password(struct import *x, const struct import_row *r)
{
	bool password = import_given(r, IMPORT_PASSWORD_CELL), hash = import_given(r, IMPORT_HASH);
	if (password && hash)
		IMPORT_MISTAKE(x, r->line, "there is both a password and a hash");
	struct err wrong;
	if (password && r->password.n > PASSWORD_MAX)
		IMPORT_MISTAKE(x, r->line, "password is longer than %d bytes", PASSWORD_MAX);
	else if (password && x->o.rule &&
		 password_check(x->o.rule, r->password, r->address, r->name, &wrong) < 0)
		import_mistake(x, r->line, &wrong);
	if (hash && (!slice_starts(r->hash, S("$argon2id$v=19$")) || r->hash.n > 300))
		IMPORT_MISTAKE(x, r->line, "the hash is none of argon2id");
	if ((password || hash) && r->kind != ACCOUNT_PERSON)
		IMPORT_MISTAKE(x, r->line, "nobody logs in as this kind of mailbox");
	if (!password && !hash && r->is_new && r->kind == ACCOUNT_PERSON && !x->o.make_passwords &&
		!x->o.no_passwords)
		IMPORT_MISTAKE(x, r->line, "%.*s has no password", SFMT(r->address));
}

/* Is it there, may it be made? */
static int check_account(struct import *x, struct import_row *r, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct account v;
	struct domain d;
	struct err no;
	if (directory_account(x->db, r->address, &a, &v, e) == 0) {
		r->id = v.id;
		if (!x->o.update)
			IMPORT_MISTAKE(x, r->line, "account %.*s exists already", SFMT(v.address));
		if (import_given(r, IMPORT_KIND) && r->kind != v.kind)
			IMPORT_MISTAKE(x, r->line, "the kind of an account stays");
		r->kind = v.kind;
	} else if (e->kind != ERR_NOTFOUND) {
		return -1;
	}
	r->is_new = r->id == 0;
	if (r->is_new && directory_not_taken(x->db, r->address,
				 TAKEN_ACCOUNT | TAKEN_GROUP | TAKEN_ALIAS, &no) < 0) {
		if (no.kind != ERR_EXISTS) {
			*e = no;
			return -1;
		}
		import_mistake(x, r->line, &no);
	}
	if (directory_local_domain(x->db, r->address, &a, &d, &no) < 0) {
		if (no.kind != ERR_NOTFOUND && no.kind != ERR_PROTO) {
			*e = no;
			return -1;
		}
		import_mistake(x, r->line, &no);
		return 0;
	}
	r->org_id = d.org_id;
	return 0;
}

/* An address that the table gives away must be free, or this account's already. */
static int check_alias(struct import *x, const struct import_row *r, slice address, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	slice key;
	struct domain d;
	struct err no;
	if (!directory_canonical(address, &x->mem, &key)) {
		IMPORT_MISTAKE(
			x, r->line, "not a mail address: %.*s", SFMT(slice_first(address, 300)));
		return 0;
	}
	if (map_put(&x->by_address, key, (void *)r))
		IMPORT_MISTAKE(x, r->line, "%.*s is in the table twice", SFMT(key));
	int64_t owner = directory_number(x->db, e,
		"SELECT account_id FROM alias WHERE address = $1 AND account_id > 0", "t", key);
	if (owner < 0)
		return -1;
	if (owner && owner == r->id)
		return 0;
	if (directory_not_taken(x->db, key, TAKEN_ACCOUNT | TAKEN_GROUP | TAKEN_ALIAS, &no) == 0 &&
		directory_local_domain(x->db, key, &a, &d, &no) == 0)
		return 0;
	if (no.kind == ERR_TEMP || no.kind == ERR_BUG) {
		*e = no;
		return -1;
	}
	import_mistake(x, r->line, &no);
	return 0;
}

static int check_row(struct import *x, struct import_row *r, struct err *e)
{
	slice rest = r->aliases, address;
	unsigned n = 0;
	if (import_given(r, IMPORT_ADDRESS)) {
		if (map_put(&x->by_address, r->address, r))
			IMPORT_MISTAKE(x, r->line, "%.*s is in the table twice", SFMT(r->address));
		if (check_account(x, r, e) < 0)
			return -1;
	}
	if (import_given(r, IMPORT_CLASS)) {
		if (class_id(x, r->class, &r->class_id, e) < 0)
			return -1;
		if (!r->class_id)
			IMPORT_MISTAKE(x, r->line, "no such class: %.*s",
				SFMT(slice_first(r->class, 100)));
	}
	check_texts(x, r);
	check_password(x, r);
	while (import_next_address(&rest, &address)) {
		if (++n > DIRECTORY_OWN_MAX) {
			IMPORT_MISTAKE(x, r->line, "an account has at most %d further addresses",
				DIRECTORY_OWN_MAX);
			break;
		}
		if (check_alias(x, r, address, e) < 0)
			return -1;
	}
	return 0;
}

int import_check(struct import *x, struct err *e)
{
	for (size_t i = 0; i < x->n; i++)
		if (check_row(x, &x->rows[i], e) < 0)
			return -1;
	return 0;
}
