/*
 * Merges (index.h, doc/notes/search.md): neighbours of about the same size become one segment, a piece at a time: what is made so far is in
 * rows that nobody reads, with the last word that is done; when it is complete, one step makes it visible and the others dead, and
 * later steps remove their rows. A killed process goes on from the last step that was committed.
 */
#include "store/index_impl.h"

enum {
	FAN = 8, /* segments of a level that become one of the next */
	LEVEL_FIRST = 64 << 10, /* bytes of a segment of level 1; eight times as much each */
	LEVEL_TOP = 4, /* 32 MB: is not merged any more, but for small neighbours */
	TOP_BYTES = 48 << 20,
	REMOVE_ROWS = 300,
	INPUTS_MAX = 4 * FAN,
};

uint64_t index_step_bytes = 6 << 20;

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

/* ---- a merge ---- */

struct input {
	struct index_segment seg;
	struct index_reader r;
	uint64_t *gone; /* or NULL: none is */
	uint32_t *ordinals; /* in the new segment, when some are gone */
	uint32_t base;
	bool end;
	struct index_entry x;
};
struct merge {
	struct sql *db;
	int64_t account_id, goal;
	struct arena *a;
	struct input *in; /* oldest first */
	size_t n;
	struct index_writer w;
	unsigned char done[INDEX_WORD_MAX]; /* words up to this one are written */
	size_t done_n;
	struct buf docs, places, old_docs, old_places, inlined;
	uint32_t emails; /* of the word at hand */
	uint32_t last; /* ordinal, of the last email of the list */
	struct index_entry alone;
	uint64_t times;
};

static int next_word(struct input *in, struct err *e)
{
	int r = index_reader_next(&in->r, true, e);
	in->end = !r;
	if (r == 1 && !index_words_entry(&in->r.words, &in->x))
		return index_damaged(e, "entries");
	return r < 0 ? -1 : 0;
}

/* Behind the last word that is done. */
static int open_input(struct merge *m, struct input *in, struct err *e)
{
	slice done = slice_of(m->done, m->done_n);
	if (index_reader_open(&in->r, m->db, m->account_id, &in->seg, e) ||
		index_reader_seek(&in->r, done, true, e) || next_word(in, e))
		return -1;
	while (!in->end && done.n && slice_cmp(index_word(&in->r.words), done) <= 0)
		if (next_word(in, e))
			return -1;
	return 0;
}

static void put_email(struct merge *m, uint32_t ordinal, uint32_t times)
{
	index_put(&m->docs, (uint64_t)(ordinal - (uint32_t)(m->last + 1)) << 1 | (times == 1));
	if (times > 1)
		index_put(&m->docs, times - 2);
	m->last = ordinal;
	m->emails++;
	m->times += times;
}

static void put_alone(struct merge *m, uint32_t ordinal, uint32_t place)
{
	put_email(m, ordinal, 1);
	index_put(&m->places, place);
	m->alone = (struct index_entry){
		.emails = 1, .alone = true, .ordinal = ordinal, .place = place};
}

/* Emails are gone: each is looked at. */
static int put_remaining(struct merge *m, struct input *in, struct err *e)
{
	struct index_docs d = index_docs_of(buf_slice(&m->old_docs), in->x.emails, in->seg.emails);
	slice places = buf_slice(&m->old_places), before = places;
	while (index_docs_next(&d)) {
		before = places;
		index_places_skip(&places, d.times);
		if (!places.p)
			break;
		if (index_bit(in->gone, d.ordinal))
			continue;
		uint32_t ordinal = in->base + in->ordinals[d.ordinal];
		if (d.times == 1) {
			slice p = before;
			put_alone(m, ordinal, (uint32_t)index_get(&p));
			continue;
		}
		put_email(m, ordinal, d.times);
		buf_put(&m->places, slice_of(before.p, (size_t)(places.p - before.p)));
	}
	return d.bad || !places.p ? index_damaged(e, "list") : 0;
}

/* All are still there: the list goes behind the one before as it is, but for its first number. */
static int put_list(struct merge *m, struct input *in, struct err *e)
{
	slice docs = buf_slice(&m->old_docs);
	struct index_docs d = index_docs_of(docs, in->x.emails, in->seg.emails);
	uint64_t v = index_get(&docs);
	if (!docs.p && in->x.emails > 1)
		return index_damaged(e, "list");
	uint32_t first = in->base + (uint32_t)(v >> 1);
	index_put(&m->docs, (uint64_t)(first - (uint32_t)(m->last + 1)) << 1 | (v & 1));
	buf_put(&m->docs, docs);
	buf_put(&m->places, buf_slice(&m->old_places));
	m->emails += in->x.emails;
	m->times += 2; /* not alone */
	while (index_docs_next(&d))
		;
	m->last = in->base + d.ordinal;
	return d.bad || v >> 1 >= in->seg.emails ? index_damaged(e, "list") : 0;
}

static int put_input(struct merge *m, struct input *in, struct err *e)
{
	if (in->x.alone) {
		if (in->x.ordinal >= in->seg.emails)
			return index_damaged(e, "email of a word");
		if (!in->gone)
			put_alone(m, in->base + in->x.ordinal, in->x.place);
		else if (!index_bit(in->gone, in->x.ordinal))
			put_alone(m, in->base + in->ordinals[in->x.ordinal], in->x.place);
		return 0;
	}
	buf_reset(&m->old_docs);
	buf_reset(&m->old_places);
	if (index_reader_bytes(
		    &in->r, INDEX_DOC_STREAM, in->x.docs_at, in->x.docs_n, &m->old_docs, e) ||
		index_reader_bytes(&in->r, INDEX_PLACE_STREAM, in->x.places_at, in->x.places_n,
			&m->old_places, e))
		return -1;
	return in->gone ? put_remaining(m, in, e) : put_list(m, in, e);
}

/* The smallest word of all inputs: 1, 0 at the end, -1. */
static int merge_word(struct merge *m, struct err *e)
{
	slice least = {0};
	for (size_t i = 0; i < m->n; i++)
		if (!m->in[i].end &&
			(!least.p || slice_cmp(index_word(&m->in[i].r.words), least) < 0))
			least = index_word(&m->in[i].r.words);
	if (!least.p)
		return 0;
	memcpy(m->done, least.p, least.n);
	m->done_n = least.n;
	least.p = (char *)m->done;
	buf_reset(&m->docs);
	buf_reset(&m->places);
	m->emails = 0;
	m->times = 0;
	m->last = UINT32_MAX;
	for (size_t i = 0; i < m->n; i++) {
		if (m->in[i].end || !slice_eq(index_word(&m->in[i].r.words), least))
			continue;
		if (put_input(m, &m->in[i], e) || next_word(&m->in[i], e))
			return -1;
	}
	struct index_entry x = m->times == 1 ? m->alone : (struct index_entry){.emails = m->emails};
	if (m->emails &&
		index_writer_word(&m->w, least, &x, buf_slice(&m->docs), buf_slice(&m->places), e))
		return -1;
	return 1;
}

/* ---- steps ---- */

struct progress { /* of the segment that is being made */
	int64_t id, level, words, bytes;
	int64_t docs_at, places_at;
	slice done, gone;
};

/* 1, 0: none. */
static int read_progress(struct merge *m, struct progress *ret, struct err *e)
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
static int take_gone(struct merge *m, struct input *in, slice *gone, struct err *e)
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
	in->ordinals = ARENA_ARRAY(m->a, uint32_t, in->seg.emails + 1);
	for (uint32_t i = 0, k = 0; i < in->seg.emails; i++) {
		in->ordinals[i] = k;
		k += !index_bit(in->gone, i);
	}
	return 0;
}

static uint32_t remaining(const struct input *in)
{
	uint32_t n = 0;
	for (uint32_t i = 0; i < in->seg.emails; i++)
		n += !in->gone || !index_bit(in->gone, i);
	return n;
}

/* Inputs of the merge that is under way, oldest first. */
static int open_inputs(struct merge *m, const struct progress *p, struct err *e)
{
	struct index_segment *v;
	size_t n;
	slice gone = p->gone;
	uint32_t base = 0;
	if (index_segments_into(m->db, m->account_id, p->id, m->a, &v, &n, e))
		return -1;
	if (!n || p->done.n > INDEX_WORD_MAX)
		return index_damaged(e, "a merge");
	memcpy(m->done, p->done.p, p->done.n);
	m->done_n = p->done.n;
	m->in = ARENA_ARRAY(m->a, struct input, n);
	for (size_t i = n; i--;) {
		struct input *in = &m->in[m->n++];
		in->seg = v[i];
		in->base = base;
		if (take_gone(m, in, &gone, e) || open_input(m, in, e))
			return -1;
		base += remaining(in);
	}
	return base <= INDEX_SEGMENT_EMAILS_MAX
		       ? 0
		       : err_set(e, ERR_LIMIT, "too many emails in one segment");
}

/* ---- the beginning ---- */

/* 1: some are, 0, -1. */
static int ask_gone(const struct index_segment *g, uint64_t *bits,
	bool (*gone)(void *arg, int64_t email_id), void *arg, struct err *e)
{
	struct index_emails in = {g->docs, g->first_email, g->last_email};
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

static int begin(struct merge *m, const struct index_segment *v, size_t n, unsigned level,
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

/* The emails that remain, as the new segment's. */
static int merge_emails(
	struct merge *m, struct buf *docs, int64_t *ret_n, int64_t *ret_cut, struct err *e)
{
	int64_t last = m->in[0].seg.first_email;
	for (size_t k = 0; k < m->n; k++) {
		const struct input *in = &m->in[k];
		struct index_emails from = {in->seg.docs, in->seg.first_email, in->seg.last_email};
		struct index_email_row row;
		for (uint32_t i = 0; i < in->seg.emails; i++) {
			if (!index_emails_next(&from, &row) || row.id < last)
				return index_damaged(e, "emails of a segment");
			if (in->gone && index_bit(in->gone, i))
				continue;
			index_emails_put(docs, &last, &row);
			*ret_cut += row.cut;
			(*ret_n)++;
		}
	}
	return 0;
}

/* Text of the inputs, less the share of what is gone. */
static int64_t text_bytes(const struct merge *m)
{
	double sum = 0;
	for (size_t i = 0; i < m->n; i++)
		if (m->in[i].seg.emails)
			sum += (double)m->in[i].seg.text_bytes * remaining(&m->in[i]) /
			       m->in[i].seg.emails;
	return (int64_t)sum;
}

/* Small ones have no other rows; of the others those are removed in later steps. */
static int end_inputs(struct merge *m, int64_t goal, struct err *e)
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

static int finish(struct merge *m, const struct progress *p, struct err *e)
{
	AUTO(buf) struct buf docs = BUF((size_t)1 << 28);
	int64_t n = 0, cut = 0, bytes;
	if (merge_emails(m, &docs, &n, &cut, e))
		return -1;
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

static int put_progress(struct merge *m, const struct progress *p, struct err *e)
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

static int step(struct merge *m, const struct progress *p, struct err *e)
{
	int more = 1;
	index_writer_init(&m->w, m->db, m->account_id, p->id, INDEX_PACK_WELL);
	m->w.at[INDEX_DOC_STREAM] = (uint64_t)p->docs_at;
	m->w.at[INDEX_PLACE_STREAM] = (uint64_t)p->places_at;
	m->w.rows = p->done.n > 0;
	if (open_inputs(m, p, e))
		return -1;
	while (more == 1 && m->w.bytes < index_step_bytes)
		more = merge_word(m, e);
	if (more < 0)
		return -1;
	return more ? put_progress(m, p, e) : finish(m, p, e);
}

static void merge_done(struct merge *m)
{
	for (size_t i = 0; i < m->n; i++)
		index_reader_close(&m->in[i].r);
	index_writer_done(&m->w);
	buf_done(&m->docs);
	buf_done(&m->places);
	buf_done(&m->old_docs);
	buf_done(&m->old_places);
	buf_done(&m->inlined);
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
	struct merge *m, bool (*gone)(void *arg, int64_t email_id), void *arg, struct err *e)
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
	struct merge *m = NEW(struct merge);
	m->db = db;
	m->account_id = account_id;
	m->a = &a;
	m->docs.limit = m->places.limit = m->old_docs.limit = m->old_places.limit = (size_t)1 << 32;
	m->inlined.limit = 2 * INDEX_INLINE_MAX;
	r = merge(m, gone, arg, e);
	merge_done(m);
	free(m);
	return r;
}
