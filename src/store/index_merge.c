/*
 * Merges (index.h, doc/notes/search.md): neighbours of about the same size become one segment, a piece at a time: what is made so far is in
 * rows that nobody reads, with the last word that is done; when it is complete, one step makes it visible and the others dead, and
 * later steps remove their rows. A killed process goes on from the last step that was committed.
 */
#include "store/index_merge.h"

enum {
	FAN = 8, /* segments of a level that become one of the next */
	LEVEL_FIRST = 64 << 10, /* bytes of a segment of level 1; eight times as much each */
	LEVEL_TOP = 4, /* 32 MB: is not merged any more, but for small neighbours */
	TOP_BYTES = 48 << 20,
	REMOVE_ROWS = 300,
	INPUTS_MAX = 4 * FAN,
};

uint64_t index_step_bytes = 4 << 20;

unsigned index_level(uint64_t bytes)
{
	unsigned level = 0;
	for (uint64_t n = LEVEL_FIRST; bytes >= n && level < LEVEL_TOP; n *= FAN)
		level++;
	return level;
}

/* ---- what is due ---- */

/* From `i` on: how many in a row are of at most that level. */
static size_t run_of(const struct index_segment *v, size_t n, size_t i, unsigned level)
{
	size_t k = 0;
	while (i + k < n && v[i + k].level <= level)
		k++;
	return k;
}

/* Newest first. A run of neighbours of a low level: merged when there are enough of them, the oldest of it first, so that none stay behind
 * one that was made of newer ones. Returns how many, from *ret_first on. */
static size_t choose(
	const struct index_segment *v, size_t n, size_t *ret_first, unsigned *ret_level)
{
	*ret_first = 0;
	for (unsigned level = 0; level < LEVEL_TOP; level++)
		for (size_t i = 0, k; i < n; i += k + 1) {
			k = run_of(v, n, i, level);
			if (k < FAN)
				continue;
			size_t some = k < INPUTS_MAX ? k : INPUTS_MAX;
			*ret_first = i + k - some;
			*ret_level = level + 1;
			return some;
		}
	/* Segments of the top that are small: by many small steps, or emails that are gone. */
	for (size_t i = 0; i < n; i++) {
		size_t k = 0;
		uint64_t bytes = 0;
		while (i + k < n && k < FAN && v[i + k].level == LEVEL_TOP &&
			bytes + v[i + k].bytes <= TOP_BYTES)
			bytes += v[i + k++].bytes;
		if (k >= FAN / 2) {
			*ret_first = i;
			*ret_level = LEVEL_TOP;
			return k;
		}
	}
	return 0;
}

static int set_due(struct sql *db, int64_t account_id, int64_t due, struct err *e)
{
	return sql_run(db, e,
		       "UPDATE indexed SET due = $2 WHERE account_id = $1 AND due <> $2 AND "
		       "removing = 0",
		       "ii", account_id, due) < 0
		       ? -1
		       : 0;
}

int index_mark_due(struct sql *db, int64_t account_id, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct index_segment *v;
	size_t n, first;
	unsigned level;
	if (index_segments(db, account_id, false, &a, &v, &n, e))
		return -1;
	return choose(v, n, &first, &level) ? set_due(db, account_id, 1, e) : 0;
}

/* ---- steps ---- */

struct progress { /* of the segment that is being made */
	int64_t id, level, words, bytes;
	int64_t docs_at, places_at;
	slice done, gone;
};

/* 1, 0: none. */
static int read_progress(struct index_merge *m, struct progress *ret, struct err *e)
{
	struct sql_stmt *s = sql_prepare(m->db,
		"SELECT id, level, words, bytes, docs_at, places_at, done, gone FROM segment"
		" WHERE account_id = $1 AND state = 1",
		e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, m->account_id);
	int r = sql_step(s, e);
	if (r != 1)
		return r;
	*ret = (struct progress){.id = sql_int(s, 0),
		.level = sql_int(s, 1),
		.words = sql_int(s, 2),
		.bytes = sql_int(s, 3),
		.docs_at = sql_int(s, 4),
		.places_at = sql_int(s, 5),
		.done = arena_dup(m->a, sql_text(s, 6)),
		.gone = arena_dup(m->a, sql_text(s, 7))};
	sql_reset(s);
	return 1;
}

/* What is gone of an input: a byte, and if it is 1 a bit for each of its emails. */
static int take_gone(struct index_merge *m, struct index_input *in, slice *gone, struct err *e)
{
	size_t n = ((size_t)in->seg.emails + 63) / 64 * 8;
	if (!gone->n || (*gone->p && gone->n < 1 + n))
		return index_damaged(e, "what is gone");
	bool some = *gone->p;
	*gone = slice_skip(*gone, 1);
	if (!some)
		return 0;
	in->gone = arena_alloc(m->a, n + 8);
	memcpy(in->gone, gone->p, n);
	*gone = slice_skip(*gone, n);
	return 0;
}

/* Inputs of the merge that is under way, oldest first. */
static int open_inputs(struct index_merge *m, const struct progress *p, struct err *e)
{
	struct index_segment *v;
	size_t n;
	slice gone = p->gone;
	if (index_segments_into(m->db, m->account_id, p->id, m->a, &v, &n, e))
		return -1;
	if (!n || p->done.n > INDEX_WORD_MAX)
		return index_damaged(e, "a merge");
	memcpy(m->done, p->done.p, p->done.n);
	m->done_n = p->done.n;
	m->in = ARENA_ARRAY(m->a, struct index_input, n);
	for (size_t i = n; i--;) {
		struct index_input *in = &m->in[m->n++];
		in->seg = v[i];
		if (take_gone(m, in, &gone, e))
			return -1;
	}
	return index_merge_emails(m, e) || index_merge_open(m, e) ? -1 : 0;
}

/* ---- the beginning ---- */

/* 1: some are, 0, -1. */
static int ask_gone(const struct index_segment *g, uint64_t *bits,
	bool (*gone)(void *arg, int64_t email_id), void *arg, struct err *e)
{
	struct index_emails in = index_emails_of(g);
	struct index_email_row row;
	int some = 0;
	for (uint32_t i = 0; i < g->emails && gone; i++) {
		if (!index_emails_next(&in, &row))
			return index_damaged(e, "emails of a segment");
		if (gone(arg, row.id)) {
			index_set_bit(bits, i);
			some = 1;
		}
	}
	return some;
}

static int begin(struct index_merge *m, const struct index_segment *v, size_t n, unsigned level,
	bool (*gone)(void *arg, int64_t email_id), void *arg, struct err *e)
{
	AUTO(buf) struct buf all = BUF(n * (INDEX_SEGMENT_EMAILS_MAX / 8 + 16));
	int64_t id = index_next_segment(m->db, m->account_id, 0, e);
	if (id < 0)
		return -1;
	for (size_t i = n; i--;) {
		size_t bytes = ((size_t)v[i].emails + 63) / 64 * 8;
		AUTO(free) uint64_t *bits = mem_alloc(bytes + 8);
		int some = ask_gone(&v[i], bits, gone, arg, e);
		if (some < 0)
			return -1;
		buf_u8(&all, (uint8_t)some);
		buf_put(&all, slice_of(bits, some ? bytes : 0));
		if (sql_run(m->db, e,
			    "UPDATE segment SET goal = $3 WHERE account_id = $1 AND id = $2", "iii",
			    m->account_id, v[i].id, id) < 0)
			return -1;
	}
	return sql_run(m->db, e,
		       "INSERT INTO segment (account_id, id, state, level, first_email, "
		       "last_email, emails, cut, words,"
		       " bytes, text_bytes, goal, docs_at, places_at, done, gone, docs, inlined)"
		       " VALUES ($1, $2, 1, $3, $4, $5, 0, 0, 0, 0, 0, 0, 0, 0, $6, $7, $6, $6)",
		       "iiiiibb", m->account_id, id, (int64_t)level, v[n - 1].first_email,
		       v[0].last_email, S(""), buf_slice(&all)) < 0
		       ? -1
		       : 0;
}

/* ---- the end ---- */

/* Text of the inputs, less the share of what is gone. */
static int64_t text_bytes(const struct index_merge *m)
{
	double sum = 0;
	for (size_t i = 0; i < m->n; i++) {
		const struct index_input *in = &m->in[i];
		uint32_t left = 0;
		for (uint32_t k = 0; k < in->seg.emails; k++)
			left += in->ordinals[k] != INDEX_GONE;
		if (in->seg.emails)
			sum += (double)in->seg.text_bytes * left / in->seg.emails;
	}
	return (int64_t)sum;
}

/* Small ones have no other rows; of the others those are removed in later steps. */
static int end_inputs(struct index_merge *m, int64_t goal, struct err *e)
{
	if (sql_run(m->db, e,
		    "DELETE FROM segment WHERE account_id = $1 AND goal = $2 AND LENGTH(inlined) > "
		    "0",
		    "ii", m->account_id, goal) < 0)
		return -1;
	return sql_run(m->db, e,
		       "UPDATE segment SET state = 2, docs = $3, gone = $3 WHERE account_id = $1 "
		       "AND goal = $2",
		       "iib", m->account_id, goal, S("")) < 0
		       ? -1
		       : 0;
}

static int finish(struct index_merge *m, const struct progress *p, struct err *e)
{
	AUTO(buf) struct buf docs = BUF((size_t)1 << 28);
	struct index_email_row last = {.id = m->in[0].seg.first_email};
	int64_t n = (int64_t)m->nemails, cut = 0, bytes;
	for (size_t i = 0; i < m->nemails; i++) {
		index_emails_put(&docs, &last, &m->emails[i]);
		cut += m->emails[i].cut;
	}
	if (index_writer_end(&m->w, &m->inlined, e))
		return -1;
	bytes = p->bytes + (int64_t)(m->w.bytes + docs.n);
	unsigned level = index_level((uint64_t)bytes);
	if (sql_run(m->db, e,
		    "UPDATE segment SET state = $3, level = $4, emails = $5, cut = $6, words = $7, "
		    "bytes = $8,"
		    " text_bytes = $9, done = $12, gone = $12, docs = $10, inlined = $11"
		    " WHERE account_id = $1 AND id = $2",
		    "iiiiiiiiibbb", m->account_id, p->id, (int64_t)(n ? INDEX_LIVE : INDEX_DEAD),
		    level > p->level ? (int64_t)level : p->level, n, cut,
		    p->words + (int64_t)m->w.nwords, bytes, text_bytes(m), buf_slice(&docs),
		    buf_slice(&m->inlined), S("")) < 0)
		return -1;
	return end_inputs(m, p->id, e);
}

static int put_progress(struct index_merge *m, const struct progress *p, struct err *e)
{
	if (index_writer_flush(&m->w, e))
		return -1;
	return sql_run(m->db, e,
		       "UPDATE segment SET words = $3, bytes = $4, docs_at = $5, places_at = $6, "
		       "done = $7"
		       " WHERE account_id = $1 AND id = $2",
		       "iiiiiib", m->account_id, p->id, p->words + (int64_t)m->w.nwords,
		       p->bytes + (int64_t)m->w.bytes, (int64_t)m->w.at[INDEX_DOC_STREAM],
		       (int64_t)m->w.at[INDEX_PLACE_STREAM], slice_of(m->done, m->done_n)) < 0
		       ? -1
		       : 0;
}

static int step(struct index_merge *m, const struct progress *p, struct err *e)
{
	int more = 1;
	index_writer_init(&m->w, m->db, m->account_id, p->id, INDEX_PACK_WELL);
	m->w.at[INDEX_DOC_STREAM] = (uint64_t)p->docs_at;
	m->w.at[INDEX_PLACE_STREAM] = (uint64_t)p->places_at;
	m->w.rows = p->done.n > 0;
	if (open_inputs(m, p, e))
		return -1;
	while (more == 1 && m->w.bytes < index_step_bytes)
		more = index_merge_word(m, e);
	if (more < 0)
		return -1;
	return more ? put_progress(m, p, e) : finish(m, p, e);
}

/* ---- what is dead ---- */

/* 1: some was removed, 0: there was nothing, -1. */
static int remove_dead(struct sql *db, int64_t account_id, struct err *e)
{
	struct sql_stmt *s = sql_prepare(db,
		"SELECT id FROM segment WHERE account_id = $1 AND state = 2 ORDER BY id LIMIT 1",
		e);
	if (!s)
		return -1;
	sql_bind_int(s, 1, account_id);
	int r = sql_step(s, e);
	if (r != 1)
		return r;
	int64_t id = sql_int(s, 0);
	sql_reset(s);
	int64_t n = sql_run(db, e,
		"DELETE FROM block WHERE account_id = $1 AND segment = $2 AND (kind, first) IN "
		"(SELECT kind, first"
		" FROM block WHERE account_id = $1 AND segment = $2 LIMIT $3)",
		"iii", account_id, id, (int64_t)REMOVE_ROWS);
	if (n >= 0 && n < REMOVE_ROWS)
		n = sql_run(db, e, "DELETE FROM segment WHERE account_id = $1 AND id = $2", "ii",
			account_id, id);
	return n < 0 ? -1 : 1;
}

static int merge(
	struct index_merge *m, bool (*gone)(void *arg, int64_t email_id), void *arg, struct err *e)
{
	struct progress p;
	struct index_segment *v;
	size_t n, first, k;
	unsigned level;
	int r = read_progress(m, &p, e);
	if (r < 0)
		return -1;
	if (!r) {
		if (index_segments(m->db, m->account_id, true, m->a, &v, &n, e))
			return -1;
		k = choose(v, n, &first, &level);
		if (!k)
			return set_due(m->db, m->account_id, 0, e);
		if (begin(m, v + first, k, level, gone, arg, e) || read_progress(m, &p, e) != 1)
			return -1;
	}
	return step(m, &p, e) ? -1 : 1;
}

int index_merge_tx(struct sql *db, int64_t account_id, bool (*gone)(void *arg, int64_t email_id),
	void *arg, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	int64_t known;
	if (index_known(db, account_id, &known, e))
		return -1;
	if (!known)
		return 0; /* none, or being removed */
	int r = remove_dead(db, account_id, e);
	if (r)
		return r;
	struct index_merge *m = NEW(struct index_merge);
	m->db = db;
	m->account_id = account_id;
	m->a = &a;
	m->docs.limit = m->places.limit = m->old_docs.limit = m->old_places.limit = (size_t)1 << 32;
	m->inlined.limit = 2 * INDEX_INLINE_MAX;
	r = merge(m, gone, arg, e);
	index_merge_done(m);
	free(m);
	return r;
}
