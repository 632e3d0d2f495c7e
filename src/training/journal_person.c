/* People whose address changed keep what they taught (journal.h). Called where everything follows a changed address. */
#include "training/journal_impl.h"

int journal_people(struct sql *db, struct arena *a, slice **ret, size_t *ret_n, struct err *e)
{
	struct sql_stmt *s = sql_prepare(db,
		"SELECT who FROM person UNION SELECT who FROM lesson UNION SELECT who FROM waiting",
		e);
	size_t n = 0, cap = 64;
	slice *v = ARENA_ARRAY(a, slice, cap);
	int r = s ? 1 : -1;
	while (r == 1 && (r = sql_step(s, e)) == 1) {
		if (n == cap) {
			slice *more = ARENA_ARRAY(a, slice, cap * 2);
			memcpy(more, v, n * sizeof *v);
			v = more;
			cap *= 2;
		}
		v[n++] = arena_dup(a, sql_text(s, 0));
	}
	if (r == 0)
		*ret = v, *ret_n = n;
	return r;
}

static int move(struct sql *db, slice from, slice to, struct err *e)
{
	static const char *const texts[] = {
		"UPDATE waiting SET who = $1 WHERE who = $2",
		"DELETE FROM lesson WHERE who = $2 AND digest IN (SELECT digest FROM lesson WHERE "
		"who = $1)",
		"UPDATE lesson SET who = $1 WHERE who = $2",
		"INSERT INTO person (who, agreed, disagreed, changed)"
		" SELECT $1, agreed, disagreed, changed FROM person WHERE who = $2"
		" ON CONFLICT (who) DO UPDATE SET agreed = person.agreed + excluded.agreed,"
		" disagreed = person.disagreed + excluded.disagreed",
		"UPDATE person SET agreed = 0, disagreed = 0 WHERE who = $2 AND $1 <> ''",
	};
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		if (sql_run(db, e, texts[i], "tt", to, from) < 0)
			return -1;
	return 0;
}

/* The layers of both are made anew: that of the former goes. */
int journal_rename_tx(struct sql *db, slice from, slice to, struct err *e)
{
	if (move(db, from, to, e) < 0 || journal_touch_person_tx(db, from, e) < 0)
		return -1;
	return journal_touch_person_tx(db, to, e);
}
