/* Accounts as a table that an import reads (directory_import.h): all but their passwords. */
#include "base/mem.h"
#include "codec/csv.h"
#include "store/directory_import_impl.h"

static bool written(enum import_column c)
{
	return c != IMPORT_PASSWORD_CELL && c != IMPORT_HASH;
}

void directory_export_head(struct buf *out, bool chinese)
{
	bool first = true;
	for (size_t i = 0; i < import_names_n; i++) {
		if (!written(import_names[i].column))
			continue;
		csv_put(out, slice_z(chinese ? import_names[i].zh : import_names[i].en), first);
		first = false;
	}
	for (int f = 1; f < FIELD_COUNT; f++)
		csv_put(out, slice_z(chinese ? person_fields[f].zh : person_fields[f].key), false);
	csv_end_row(out);
}

static slice amount(int64_t own, struct arena *a)
{
	if (own == 0)
		return S("class");
	return own < 0 ? S("none") : arena_printf(a, "%lld", (long long)own);
}

static slice joined(const slice *v, size_t n, struct arena *a)
{
	slice out = S("");
	for (size_t i = 0; i < n; i++)
		out = i ? arena_printf(a, "%.*s %.*s", SFMT(out), SFMT(v[i])) : v[i];
	return out;
}

struct classes {
	struct service_class *v;
	size_t n;
};

static int export_row(struct sql *db, const struct account *v, const struct classes *classes,
	struct buf *out, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct service_class class = {.name = S("")};
	struct department d = {.path = S("")};
	slice field[FIELD_COUNT], *own;
	size_t n;
	for (size_t i = 0; i < classes->n; i++)
		if (classes->v[i].id == v->class_id)
			class = classes->v[i];
	if ((v->department_id && directory_department_by_id(db, v->department_id, &a, &d, e) < 0) ||
		directory_account_fields(db, v->id, &a, field, e) < 0 ||
		directory_own(db, v->id, &a, &own, &n, e) < 0)
		return -1;
	unsigned services = (class.limits.services | v->services_on) & ~v->services_off;
	csv_put(out, v->address, true);
	csv_put(out, v->name, false);
	csv_put(out, slice_z(account_kind_name(v->kind)), false);
	csv_put(out, d.path, false);
	csv_put(out, class.name, false);
	csv_put(out, amount(v->own_quota, &a), false);
	csv_put(out, amount(v->own_quota_messages, &a), false);
	csv_put(out, services_print(services, &a), false);
	csv_put(out, v->language, false);
	csv_put(out, joined(own, n, &a), false);
	csv_put(out, v->disabled ? S("yes") : S("no"), false);
	for (int f = 1; f < FIELD_COUNT; f++)
		csv_put(out, field[f], false);
	csv_end_row(out);
	return 0;
}

int directory_export_rows(
	struct sql *db, const struct account *v, size_t n, struct buf *out, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct classes classes;
	if (directory_classes(db, &a, &classes.v, &classes.n, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (export_row(db, &v[i], &classes, out, e) < 0)
			return -1;
	return buf_ok(out) ? 0 : err_set(e, ERR_LIMIT, "the table is too large");
}
