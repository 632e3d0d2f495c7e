/*
 * A table without mistakes becomes accounts (directory_import.h): passwords are hashed by several
 * threads, then rows are written in transactions of IMPORT_BATCH, with departments on the way.
 */
#include "base/mem.h"
#include "base/rand.h"
#include "store/credential.h"
#include "store/directory_import_impl.h"
#include "store/sql_driver.h"

#include <pthread.h>

/* ---- passwords ---- */

/* Without letters and digits that look alike. */
static slice make_password(struct arena *a)
{
	static const char letters[] = "abcdefghjkmnpqrstuvwxyzACDEFGHJKLMNPQRTUVWXYZ2346789";
	char *p = arena_alloc(a, IMPORT_PASSWORD);
	for (int i = 0; i < IMPORT_PASSWORD; i++)
		p[i] = letters[rand_below(sizeof letters - 1)];
	return slice_of(p, IMPORT_PASSWORD);
}

static void choose_passwords(struct import *x)
{
	for (size_t i = 0; i < x->n; i++) {
		struct import_row *r = &x->rows[i];
		if (import_given(r, IMPORT_HASH))
			r->verifier = (struct password){.argon2 = r->hash, .scram = S("")};
		else if (x->o.make_passwords && r->is_new && r->kind == ACCOUNT_PERSON &&
			 !import_given(r, IMPORT_PASSWORD_CELL))
			r->password = make_password(&x->mem);
	}
}

struct hashing {
	pthread_t thread;
	struct import *x;
	size_t to;
	size_t *next;
	pthread_mutex_t *lock;
	int result;
	struct err e;
	struct arena mem;
};

static void *hash_some(void *arg)
{
	struct hashing *h = arg;
	for (;;) {
		pthread_mutex_lock(h->lock);
		size_t i = *h->next < h->to ? (*h->next)++ : h->to;
		pthread_mutex_unlock(h->lock);
		if (i == h->to || h->result < 0)
			return NULL;
		struct import_row *r = &h->x->rows[i];
		if (r->password.n == 0)
			continue;
		h->result = password_make(r->password, &h->mem, &r->verifier, &h->e);
		if (h->result < 0) {
			struct err why = h->e;
			err_set(&h->e, why.kind, "line %u: %s", r->line, why.text);
		}
	}
}

enum { THREADS_MAX = 64 };

/* Verifiers of a batch, in mems[], which the caller frees. */
static int hash_batch(struct import *x, size_t from, size_t to, struct arena *mems, struct err *e)
{
	unsigned want = x->o.threads ? x->o.threads : 1, n = 0;
	pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	size_t next = from;
	int result = 0;
	if (want > THREADS_MAX)
		want = THREADS_MAX;
	AUTO(free) struct hashing *h = mem_alloc(want * sizeof *h);
	for (unsigned i = 0; i < want; i++)
		h[i] = (struct hashing){.x = x, .to = to, .next = &next, .lock = &lock};
	while (n + 1 < want && pthread_create(&h[n].thread, NULL, hash_some, &h[n]) == 0)
		n++;
	hash_some(&h[n]);
	for (unsigned i = 0; i < n; i++)
		pthread_join(h[i].thread, NULL);
	for (unsigned i = 0; i <= n; i++) {
		mems[i] = h[i].mem;
		if (h[i].result < 0 && result == 0) {
			*e = h[i].e;
			result = -1;
		}
	}
	return result;
}

/* ---- rows ---- */

static int department_of(struct import *x, const struct import_row *r, struct import_result *ret,
	int64_t *ret_id, struct err *e)
{
	slice key = arena_printf(&x->mem, "%lld %.*s", (long long)r->org_id, SFMT(r->department));
	int64_t *known = map_get(&x->departments, key);
	unsigned made = 0;
	if (!known) {
		known = ARENA_NEW(&x->mem, int64_t);
		if (directory_department_make_tx(x->db, r->org_id, r->department, known, &made, e) <
			0)
			return -1;
		map_put(&x->departments, key, known);
	}
	ret->departments += made;
	*ret_id = *known;
	return 0;
}

/* On and off beside what the class says. */
static int set_services(
	struct import *x, const struct import_row *r, struct account *v, struct err *e)
{
	int64_t class =
		directory_number(x->db, e, "SELECT services FROM service_class WHERE id = $1", "i",
			v->class_id ? v->class_id : (int64_t)DIRECTORY_FIRST);
	if (class < 0)
		return -1;
	v->services_on = r->services & ~(unsigned)class;
	v->services_off = (unsigned)class & ~r->services;
	return 0;
}

static int fill_draft(struct import *x, const struct import_row *r, struct import_result *ret,
	struct account_draft *d, struct err *e)
{
	struct account *v = &d->account;
	if (import_given(r, IMPORT_NAME))
		v->name = r->name;
	if (import_given(r, IMPORT_CLASS))
		v->class_id = r->class_id;
	if (import_given(r, IMPORT_QUOTA))
		v->own_quota = r->quota;
	if (import_given(r, IMPORT_MESSAGES))
		v->own_quota_messages = r->messages;
	if (import_given(r, IMPORT_LANGUAGE))
		v->language = r->language;
	if (import_given(r, IMPORT_DISABLED))
		v->disabled = r->disabled;
	if (r->field)
		memcpy(d->field, r->field, sizeof d->field);
	if (import_given(r, IMPORT_DEPARTMENT) &&
		department_of(x, r, ret, &v->department_id, e) < 0)
		return -1;
	return import_given(r, IMPORT_SERVICES) ? set_services(x, r, v, e) : 0;
}

static int add_aliases(struct import *x, const struct import_row *r, struct err *e)
{
	slice rest = r->aliases, address;
	while (import_next_address(&rest, &address)) {
		AUTO(arena) struct arena a = {0};
		slice key = address;
		directory_canonical(address, &a, &key);
		int64_t owner = directory_number(x->db, e,
			"SELECT account_id FROM alias WHERE address = $1 AND account_id > 0", "t",
			key);
		if (owner < 0 || (owner != r->id && directory_own_add_tx(x->db, r->id, key, e) < 0))
			return -1;
	}
	return 0;
}

static int apply_row(
	struct import *x, struct import_row *r, struct import_result *ret, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct account_draft d = {
		.account = {.address = r->address, .kind = r->kind, .class_id = r->class_id}};
	if (!r->is_new && directory_account_by_id(x->db, r->id, &a, &d.account, e) < 0)
		return -1;
	if (fill_draft(x, r, ret, &d, e) < 0)
		return -1;
	int result = r->is_new ? directory_account_make_tx(x->db, &d, &r->id, e)
			       : directory_account_save_tx(x->db, &d, e);
	if (result < 0) {
		struct err why = *e;
		return err_set(e, why.kind, "line %u: %s", r->line, why.text);
	}
	ret->added += r->is_new;
	ret->changed += !r->is_new;
	return add_aliases(x, r, e);
}

static int put_passwords(struct import *x, size_t from, size_t to, struct err *e)
{
	struct credential_row *v = mem_alloc((to - from) * sizeof *v);
	size_t n = 0;
	for (size_t i = from; i < to; i++)
		if (x->rows[i].verifier.argon2.n)
			v[n++] = (struct credential_row){
				.account_id = x->rows[i].id, .password = &x->rows[i].verifier};
	int r = credential_put_all(slice_z(x->db->dir), v, n, e);
	free(v);
	return r;
}

static int apply_batch(
	struct import *x, size_t from, size_t to, struct import_result *ret, struct err *e)
{
	struct import_result now = *ret;
	if (directory_begin(x->db, e) < 0)
		return -1;
	int r = 0;
	for (size_t i = from; i < to && r == 0; i++)
		r = apply_row(x, &x->rows[i], &now, e);
	if (r == 0 && now.departments > ret->departments)
		r = directory_departments_fit(x->db, e);
	if (r == 0)
		r = put_passwords(x, from, to, e);
	r = directory_end(x->db, r, e);
	if (r == 0)
		*ret = now;
	return r;
}

/* Those that were made here. */
static int tell_passwords(struct import *x, size_t from, size_t to, struct err *e)
{
	for (size_t i = from; i < to; i++) {
		const struct import_row *r = &x->rows[i];
		if (r->password.n && !import_given(r, IMPORT_PASSWORD_CELL) &&
			x->o.made(x->o.arg, r->address, r->name, r->password) < 0)
			return err_set(e, ERR_TEMP, "the passwords could not be written");
	}
	return 0;
}

int directory_import_run(struct import *x, struct import_result *ret, struct err *e)
{
	choose_passwords(x);
	ret->rows = x->n;
	int r = 0;
	for (size_t from = 0; from < x->n && r == 0; from += IMPORT_BATCH) {
		struct arena mems[THREADS_MAX] = {{0}};
		size_t to = from + IMPORT_BATCH < x->n ? from + IMPORT_BATCH : x->n;
		r = hash_batch(x, from, to, mems, e);
		if (r == 0)
			r = tell_passwords(x, from, to, e); /* before they count: none is lost */
		if (r == 0)
			r = apply_batch(x, from, to, ret, e);
		for (int i = 0; i < THREADS_MAX; i++)
			arena_done(&mems[i]);
	}
	return r;
}
