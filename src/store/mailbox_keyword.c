/*
 * Keywords of messages (RFC 9051 2.3.2): a message has its own as words in one text, a folder knows which
 * ones were ever used in it, in the spelling of their first use. Upper and lower case make no difference.
 */
#include "store/mailbox_impl.h"

#include "base/mem.h"

bool mailbox_keyword_next(slice *words, slice *ret)
{
	while (slice_cut(words, ' ', ret))
		if (ret->n)
			return true;
	return false;
}

bool mailbox_keyword_in(slice words, slice keyword)
{
	slice w;
	while (mailbox_keyword_next(&words, &w))
		if (slice_ieq(w, keyword))
			return true;
	return false;
}

/* An atom (RFC 9051 9), not one of the system's. */
static bool is_keyword(slice k)
{
	for (size_t i = 0; i < k.n; i++) {
		unsigned char c = (unsigned char)k.p[i];
		if (c <= ' ' || c >= 0x7f || strchr("(){%*\"\\]", c))
			return false;
	}
	return k.n > 0 && k.n <= MAILBOX_KEYWORD_MAX;
}

static int check_room(struct sql *db, int64_t account_id, int64_t folder_id, struct err *e)
{
	int64_t n = 0;
	struct sql_stmt *s = sql_prepare(
		db, "SELECT COUNT(*) FROM keyword WHERE account_id = $1 AND folder_id = $2", e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, account_id);
	sql_bind_int(s, 2, folder_id);
	if (mailbox_returned(s, &n, e) < 0)
		return -1;
	return n < MAILBOX_FOLDER_KEYWORDS_MAX
		       ? 0
		       : err_set(e, ERR_LIMIT, "a folder has at most %d different keywords",
				 MAILBOX_FOLDER_KEYWORDS_MAX);
}

static slice lower(slice s, char out[MAILBOX_KEYWORD_MAX])
{
	for (size_t i = 0; i < s.n; i++)
		out[i] = ascii_lower(s.p[i]);
	return slice_of(out, s.n);
}

static int note_one(struct sql *db, int64_t account_id, int64_t folder_id, slice keyword,
	struct arena *a, slice *ret, struct err *e)
{
	char room[MAILBOX_KEYWORD_MAX];
	if (!is_keyword(keyword))
		return err_set(e, ERR_PROTO, "no keyword: %.*s",
			(int)(keyword.n < 100 ? keyword.n : 100), keyword.p);
	slice name = lower(keyword, room);
	struct sql_stmt *s = sql_prepare(db,
		"SELECT spelling FROM keyword WHERE account_id = $1 AND folder_id = $2 AND name = "
		"$3",
		e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, account_id);
	sql_bind_int(s, 2, folder_id);
	sql_bind_text(s, 3, name);
	int r = sql_step(s, e);
	if (r < 0)
		return -1;
	if (r == 1) {
		*ret = arena_dup(a, sql_text(s, 0));
		sql_reset(s);
		return 0;
	}
	*ret = keyword;
	if (check_room(db, account_id, folder_id, e) < 0)
		return -1;
	return sql_run(db, e,
		       "INSERT INTO keyword (account_id, folder_id, name, spelling)"
		       " VALUES ($1, $2, $3, $4)",
		       "iitt", account_id, folder_id, name, keyword) < 0
		       ? -1
		       : 0;
}

int mailbox_keywords_note(struct sql *db, int64_t account_id, int64_t folder_id, slice keywords,
	struct arena *a, slice *ret, struct err *e)
{
	AUTO(buf) struct buf out = BUF((MAILBOX_KEYWORD_MAX + 1) * MAILBOX_KEYWORDS_MAX);
	slice k, known;
	int n = 0;
	while (mailbox_keyword_next(&keywords, &k)) {
		if (mailbox_keyword_in(buf_slice(&out), k))
			continue;
		if (++n > MAILBOX_KEYWORDS_MAX)
			return err_set(e, ERR_LIMIT, "a message has at most %d keywords",
				MAILBOX_KEYWORDS_MAX);
		if (note_one(db, account_id, folder_id, k, a, &known, e) < 0)
			return -1;
		if (out.n)
			buf_byte(&out, ' ');
		buf_put(&out, known);
	}
	*ret = arena_dup(a, buf_slice(&out));
	return 0;
}

int mailbox_slices(
	struct sql_stmt *s, size_t most, struct arena *a, slice **ret, size_t *ret_n, struct err *e)
{
	slice *v = NULL;
	size_t n = 0, cap = 0;
	int r;
	while ((r = sql_step(s, e)) == 1 && n < most) {
		if (n == cap) {
			cap = cap ? 2 * cap : 16;
			v = mem_grow(v, cap * sizeof *v);
		}
		v[n++] = arena_dup(a, sql_text(s, 0));
	}
	if (r == 1)
		sql_reset(s);
	*ret = ARENA_ARRAY(a, slice, n + 1);
	memcpy(*ret, v ? v : *ret, n * sizeof *v);
	*ret_n = n;
	free(v);
	return r < 0 ? -1 : 0;
}

int mailbox_keywords(struct sql *db, int64_t account_id, int64_t folder_id, struct arena *a,
	slice **ret, size_t *ret_n, struct err *e)
{
	struct sql_stmt *s = sql_prepare(db,
		"SELECT spelling FROM keyword WHERE account_id = $1 AND folder_id = $2 ORDER BY "
		"name",
		e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, account_id);
	sql_bind_int(s, 2, folder_id);
	return mailbox_slices(s, MAILBOX_FOLDER_KEYWORDS_MAX, a, ret, ret_n, e);
}
