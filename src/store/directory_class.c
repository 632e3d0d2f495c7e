/* Service classes (directory_org.h): what accounts may use, and how much of it. */
#include "base/mem.h"
#include "base/time.h"
#include "store/directory_impl.h"

#include <strings.h>

/* ---- services as words ---- */

static const struct {
	enum service bit;
	const char *name;
} services[] = {
	{SERVICE_SUBMISSION, "smtp"},
	{SERVICE_IMAP, "imap"},
	{SERVICE_POP3, "pop3"},
	{SERVICE_WEB, "web"},
	{SERVICE_DAV, "dav"},
	{SERVICE_EAS, "eas"},
	{SERVICE_SIEVE, "sieve"},
	{SERVICE_COLLECT, "collect"},
};
enum { SERVICES = sizeof services / sizeof services[0] };

const char *service_name(enum service one)
{
	for (size_t i = 0; i < SERVICES; i++)
		if (services[i].bit == one)
			return services[i].name;
	return NULL;
}

static bool one_service(slice word, unsigned *bits)
{
	if (slice_ieq(word, S("all")))
		*bits |= SERVICE_ALL;
	else if (!slice_ieq(word, S("none"))) {
		size_t i = 0;
		while (i < SERVICES && !slice_ieq(word, slice_z(services[i].name)))
			i++;
		if (i == SERVICES)
			return false;
		*bits |= (unsigned)services[i].bit;
	}
	return true;
}

bool services_parse(slice s, unsigned *ret)
{
	unsigned bits = 0;
	for (slice part, word; slice_cut(&s, ',', &part);)
		for (part = slice_trim(part); slice_cut(&part, ' ', &word);)
			if (word.n && !one_service(word, &bits))
				return false;
	*ret = bits;
	return true;
}

slice services_print(unsigned bits, struct arena *a)
{
	AUTO(buf) struct buf out = BUF(200);
	for (size_t i = 0; i < SERVICES; i++)
		if (bits & (unsigned)services[i].bit)
			buf_printf(&out, "%s%s", out.n ? "," : "", services[i].name);
	return out.n ? arena_dup(a, buf_slice(&out)) : S("none");
}

/* ---- rows ---- */

#define CLASS_QUERY                                                                                \
	"SELECT id, name, quota, quota_messages, max_message, max_rcpts, rcpts_hour, rcpts_day,"   \
	" services, created_at,"                                                                   \
	" (SELECT COUNT(*) FROM account WHERE account.class_id = service_class.id),"               \
	" sieve_scripts, sieve_bytes"                                                              \
	" FROM service_class"

static void read_class(struct sql_stmt *s, struct arena *a, void *row)
{
	*(struct service_class *)row = (struct service_class){
		.id = sql_int(s, 0),
		.name = arena_dup(a, sql_text(s, 1)),
		.limits =
			{
				.quota = (uint64_t)sql_int(s, 2),
				.quota_messages = (uint64_t)sql_int(s, 3),
				.max_message = (uint64_t)sql_int(s, 4),
				.max_rcpts = (uint64_t)sql_int(s, 5),
				.rcpts_hour = (uint64_t)sql_int(s, 6),
				.rcpts_day = (uint64_t)sql_int(s, 7),
				.services = (unsigned)sql_int(s, 8),
				.sieve_scripts = (uint64_t)sql_int(s, 11),
				.sieve_bytes = (uint64_t)sql_int(s, 12),
			},
		.created_at = sql_int(s, 9),
		.accounts = (uint64_t)sql_int(s, 10),
	};
}

static int one_class(
	struct sql_stmt *s, slice name, struct arena *a, struct service_class *ret, struct err *e)
{
	int r = s ? sql_step(s, e) : -1;
	if (r == 0)
		return err_set(e, ERR_NOTFOUND, "no such class: %.*s", SFMT(name));
	if (r < 0)
		return -1;
	read_class(s, a, ret);
	sql_reset(s);
	return 0;
}

int directory_class(
	struct sql *db, slice name, struct arena *a, struct service_class *ret, struct err *e)
{
	return one_class(
		directory_query(db, e, CLASS_QUERY " WHERE name = $1", "t", name), name, a, ret, e);
}

int directory_class_by_id(
	struct sql *db, int64_t id, struct arena *a, struct service_class *ret, struct err *e)
{
	return one_class(
		directory_query(db, e, CLASS_QUERY " WHERE id = $1", "i", id), S("?"), a, ret, e);
}

int directory_classes(
	struct sql *db, struct arena *a, struct service_class **ret, size_t *ret_n, struct err *e)
{
	struct sql_stmt *s = directory_query(db, e, CLASS_QUERY " ORDER BY name", "");
	return s ? directory_collect(s, sizeof **ret, read_class, a, (void **)ret, ret_n, e) : -1;
}

/* ---- changes ---- */

static int check_class(const struct service_class *c, struct err *e)
{
	const struct limits *l = &c->limits;
	const uint64_t numbers[] = {l->quota, l->quota_messages, l->max_message, l->max_rcpts,
		l->rcpts_hour, l->rcpts_day, l->sieve_scripts, l->sieve_bytes};
	if (!directory_word_ok(c->name))
		return err_set(e, ERR_PROTO,
			"a class's name is letters, digits, '-', '_', '.', at most 64");
	for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
		if (numbers[i] > INT64_MAX)
			return err_set(e, ERR_PROTO, "a limit that large is none");
	return l->services & ~(unsigned)SERVICE_ALL ? err_set(e, ERR_PROTO, "no such service") : 0;
}

static int64_t put_class(struct sql *db, const char *text, const struct service_class *c,
	int64_t last, struct err *e)
{
	const struct limits *l = &c->limits;
	int64_t r = sql_run(db, e, text, "tiiiiiiiiii", c->name, (int64_t)l->quota,
		(int64_t)l->quota_messages, (int64_t)l->max_message, (int64_t)l->max_rcpts,
		(int64_t)l->rcpts_hour, (int64_t)l->rcpts_day, (int64_t)l->services, last,
		(int64_t)l->sieve_scripts, (int64_t)l->sieve_bytes);
	if (r < 0 && e->kind == ERR_EXISTS)
		err_set(e, ERR_EXISTS, "class %.*s exists already", SFMT(c->name));
	return r;
}

int directory_class_add(struct sql *db, const struct service_class *c, struct err *e)
{
	if (check_class(c, e) < 0 || sql_begin(db, e) < 0)
		return -1;
	int64_t r = directory_number(db, e, "SELECT COUNT(*) FROM service_class", "");
	if (r >= DIRECTORY_CLASSES_MAX)
		r = err_set(e, ERR_LIMIT, "at most %d classes", DIRECTORY_CLASSES_MAX);
	if (r >= 0)
		r = put_class(db,
			"INSERT INTO service_class (name, quota, quota_messages, max_message,"
			" max_rcpts, rcpts_hour, rcpts_day, services, created_at,"
			" sieve_scripts, sieve_bytes)"
			" VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
			c, wall_now(), e);
	return directory_end_change(db, r, e);
}

int directory_class_save(struct sql *db, const struct service_class *c, struct err *e)
{
	if (check_class(c, e) < 0 || directory_begin(db, e) < 0)
		return -1;
	int64_t r = put_class(db,
		"UPDATE service_class SET name = $1, quota = $2, quota_messages = $3,"
		" max_message = $4, max_rcpts = $5, rcpts_hour = $6, rcpts_day = $7, services = $8,"
		" sieve_scripts = $10, sieve_bytes = $11"
		" WHERE id = $9",
		c, c->id, e);
	if (r == 0)
		r = err_set(e, ERR_NOTFOUND, "no such class: %.*s", SFMT(c->name));
	return directory_end(db, r, e);
}

int directory_class_remove(struct sql *db, slice name, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct service_class c;
	if (sql_begin(db, e) < 0)
		return -1;
	int64_t r = directory_class(db, name, &a, &c, e);
	if (r == 0 && c.id == DIRECTORY_FIRST)
		r = err_set(e, ERR_PERM, "the first class stays; it can be renamed and changed");
	if (r == 0 && c.accounts)
		r = err_set(e, ERR_PERM, "%llu accounts are in this class",
			(unsigned long long)c.accounts);
	if (r == 0)
		r = sql_run(db, e, "DELETE FROM service_class WHERE id = $1", "i", c.id);
	return directory_end_change(db, r, e);
}
