/*
 * What is in a folder (RFC 9051 sections 6.3.2, 6.3.3, 6.4.4, 6.4.5; RFC 7162 CONDSTORE): selecting, scanning flags and dates, the bytes of messages
 * streamed, deleting.
 *
 * FETCH responses that nobody asked for (another session changed flags) are read over. The bytes of a message are known to be its own by the UID
 * that stands before them in the response; a server that puts the UID behind them is asked for one message at a time.
 */
#include "base/mem.h"
#include "proto/imapc/session.h"

/* ---- selecting ---- */

int imapc_select(
	struct imapc *s, slice name, bool examine, struct imapc_selected *ret, struct err *e)
{
	s->box = (struct imapc_selected){0};
	if (imapc_begin(s, e) < 0 ||
		io_printf(s->io, e, "%s ", examine ? "EXAMINE" : "SELECT") < 0 ||
		imapc_put_string(s, name, e) < 0 ||
		(s->caps & CAP_CONDSTORE && io_write(s->io, S(" (CONDSTORE)"), e) < 0) ||
		imapc_run(s, NULL, NULL, e) < 0)
		return -1;
	*ret = s->box;
	return 0;
}

/* ---- FETCH responses ---- */

struct fetching {
	/* What is done with them. */
	int (*message)(void *arg, const struct imapc_message *m, struct err *e);
	void *arg;
	const struct imapc_sink *sink;
	const uint32_t *uids;
	size_t n;
	bool *got; /* by place in uids */
	bool one; /* a body without its UID is that of uids[0] */
	/* The response. */
	struct imapc_message m;
	struct buf words;
	bool flags, body;
	uint32_t body_uid;
};

static const struct {
	const char *name;
	unsigned flag;
} flag_names[] = {
	{"\\Seen", IMAPC_SEEN},
	{"\\Answered", IMAPC_ANSWERED},
	{"\\Flagged", IMAPC_FLAGGED},
	{"\\Deleted", IMAPC_DELETED},
	{"\\Draft", IMAPC_DRAFT},
};

static void take_flag(struct fetching *f, slice word, unsigned n)
{
	for (size_t i = 0; i < sizeof flag_names / sizeof *flag_names; i++)
		if (slice_ieq(word, slice_z(flag_names[i].name)))
			f->m.flags |= flag_names[i].flag;
	if (word.n == 0 || word.p[0] == '\\' || n >= IMAPC_FLAGS_MAX)
		return;
	buf_printf(&f->words, "%s%.*s", f->words.n ? " " : "", SFMT(word));
}

static int read_flags(struct imapc *s, struct fetching *f, struct err *e)
{
	struct imapc_word w;
	f->m.flags = 0;
	buf_reset(&f->words);
	if (imapc_word(s, &w, e) < 0)
		return -1;
	if (w.kind != WORD_OPEN)
		return imapc_broken(s, e, "broken FLAGS");
	for (unsigned n = 0;; n++) {
		if (imapc_word(s, &w, e) < 0)
			return -1;
		if (w.kind == WORD_CLOSE)
			break;
		if (w.kind != WORD_ATOM && w.kind != WORD_STRING)
			return imapc_broken(s, e, "broken FLAGS");
		take_flag(f, w.text, n);
	}
	f->flags = true;
	return 0;
}

/* A number, whatever it stands in. */
static int read_number(struct imapc *s, uint64_t *ret, struct err *e)
{
	struct imapc_word w;
	unsigned depth = 0;
	*ret = 0;
	do {
		if (imapc_word(s, &w, e) < 0)
			return -1;
		if (w.kind == WORD_EOL || w.kind == WORD_LITERAL)
			return imapc_broken(s, e, "no number where one belongs");
		depth += w.kind == WORD_OPEN;
		if (w.kind == WORD_CLOSE && depth-- == 0)
			return imapc_broken(s, e, "no number where one belongs");
		if (w.kind == WORD_ATOM)
			slice_u64(w.text, ret);
	} while (depth && depth <= IMAPC_DEPTH_MAX);
	return 0;
}

static bool *wanted(const struct fetching *f, uint32_t uid)
{
	for (size_t i = 0; i < f->n; i++)
		if (f->uids[i] == uid)
			return &f->got[i];
	return NULL;
}

static int hand_on(void *arg, slice piece, struct err *e)
{
	struct fetching *f = arg;
	return f->sink->bytes(f->sink->arg, piece, e);
}

/* r: what the sink said. */
static int skip_body(struct imapc *s, const struct imapc_word *w, int r, struct err *e)
{
	if (r < 0) {
		s->dead = true;
		return -1;
	}
	return w->kind == WORD_LITERAL ? imapc_literal(s, w->n, NULL, NULL, e) : 0;
}

static int stream(struct imapc *s, struct fetching *f, const struct imapc_word *w, struct err *e)
{
	uint64_t n = w->kind == WORD_LITERAL ? w->n : w->text.n;
	int r = f->sink->begin(f->sink->arg, f->body_uid, n, e);
	if (r)
		return skip_body(s, w, r, e);
	if (w->kind == WORD_LITERAL)
		r = imapc_literal(s, n, hand_on, f, e);
	else if (n)
		r = f->sink->bytes(f->sink->arg, w->text, e);
	if (r == 0)
		r = f->sink->end(f->sink->arg, e);
	if (r < 0)
		s->dead = true;
	return r < 0 ? -1 : 0;
}

static int read_body(struct imapc *s, struct fetching *f, struct err *e)
{
	struct imapc_word w;
	if (imapc_word(s, &w, e) < 0)
		return -1;
	if (w.kind == WORD_ATOM) /* NIL: it has nothing to give */
		return slice_ieq(w.text, S("NIL")) ? 0 : imapc_broken(s, e, "a broken BODY[]");
	if (w.kind != WORD_LITERAL && w.kind != WORD_STRING)
		return imapc_broken(s, e, "a broken BODY[]");
	uint32_t uid = f->m.uid ? f->m.uid : f->one ? f->uids[0] : 0;
	bool *got = f->sink && uid ? wanted(f, uid) : NULL;
	if (!got || *got)
		return w.kind == WORD_LITERAL ? imapc_literal(s, w.n, NULL, NULL, e) : 0;
	*got = true;
	f->body = true;
	f->body_uid = uid;
	return stream(s, f, &w, e);
}

static int read_item(struct imapc *s, struct fetching *f, slice name, struct err *e)
{
	uint64_t n;
	slice text;
	struct imapc_word w;
	if (slice_ieq(name, S("UID"))) {
		if (read_number(s, &n, e) < 0)
			return -1;
		f->m.uid = n <= UINT32_MAX ? (uint32_t)n : 0;
		return 0;
	}
	if (slice_ieq(name, S("FLAGS")))
		return read_flags(s, f, e);
	if (slice_ieq(name, S("RFC822.SIZE")))
		return read_number(s, &f->m.size, e);
	if (slice_ieq(name, S("MODSEQ")))
		return read_number(s, &f->m.modseq, e);
	if (slice_ieq(name, S("INTERNALDATE"))) {
		if (imapc_string(s, &text, e) < 0)
			return -1;
		f->m.received_at = imapc_date(text);
		return 0;
	}
	if (slice_ieq(name, S("BODY[]")) || slice_ieq(name, S("RFC822")))
		return read_body(s, f, e);
	return imapc_word(s, &w, e) < 0 ? -1 : imapc_skip_value(s, &w, e);
}

static int on_fetch(struct imapc *s, slice is, uint64_t n, void *arg, struct err *e)
{
	struct fetching *f = arg;
	struct imapc_word w;
	char name[32];
	(void)n;
	if (!slice_ieq(is, S("FETCH")))
		return 1;
	f->m = (struct imapc_message){0};
	f->flags = f->body = false;
	buf_reset(&f->words);
	if (imapc_word(s, &w, e) < 0)
		return -1;
	if (w.kind != WORD_OPEN)
		return imapc_broken(s, e, "a broken FETCH");
	for (;;) {
		if (imapc_word(s, &w, e) < 0)
			return -1;
		if (w.kind == WORD_CLOSE)
			break;
		if (w.kind != WORD_ATOM)
			return imapc_broken(s, e, "a broken FETCH");
		slice item = slice_first(w.text, sizeof name);
		memcpy(name, item.p, item.n);
		if (read_item(s, f, slice_of(name, item.n), e) < 0)
			return -1;
	}
	if (imapc_skip_line(s, e) < 0)
		return -1;
	if (f->body && f->m.uid && f->m.uid != f->body_uid)
		return imapc_broken(s, e, "the bytes of another message");
	f->m.keywords = buf_slice(&f->words);
	if (!f->message || !f->m.uid || !f->flags)
		return 0;
	if (f->message(f->arg, &f->m, e) == 0)
		return 0;
	s->dead = true;
	return -1;
}

/* ---- scanning ---- */

int imapc_scan(struct imapc *s, uint32_t from,
	int (*fn)(void *arg, const struct imapc_message *m, struct err *e), void *arg,
	struct err *e)
{
	struct fetching f = {.message = fn, .arg = arg, .words = BUF(IMAPC_WORD_MAX)};
	if (s->box.exists == 0)
		return 0;
	if (imapc_begin(s, e) < 0 ||
		io_printf(s->io, e, "UID FETCH %u:* (UID FLAGS INTERNALDATE RFC822.SIZE)",
			from ? from : 1) < 0)
		return -1;
	int r = imapc_run(s, on_fetch, &f, e);
	buf_done(&f.words);
	return r;
}

/* ---- bytes ---- */

static int run_fetch(struct imapc *s, struct fetching *f, struct err *e)
{
	if (imapc_begin(s, e) < 0 || io_write(s->io, S("UID FETCH "), e) < 0)
		return -1;
	for (size_t i = 0; i < f->n; i++)
		if (io_printf(s->io, e, "%s%u", i ? "," : "", f->uids[i]) < 0)
			return -1;
	if (io_write(s->io, S(" (UID BODY.PEEK[])"), e) < 0)
		return -1;
	return imapc_run(s, on_fetch, f, e);
}

/* Those that did not come, one at a time: whose UID comes last, and to hear why each of them cannot be had. */
static int fetch_again(struct imapc *s, struct fetching *f, size_t i, struct err *e)
{
	struct fetching g = *f;
	g.uids = f->uids + i;
	g.got = f->got + i;
	g.n = 1;
	g.one = true;
	int r = run_fetch(s, &g, e);
	if (r < 0 && s->dead)
		return -1;
	if (f->got[i])
		return 0;
	f->sink->lost(
		f->sink->arg, f->uids[i], r < 0 ? e->text : "the server did not give its bytes");
	return 0;
}

int imapc_fetch(struct imapc *s, const uint32_t *uids, size_t n, const struct imapc_sink *sink,
	struct err *e)
{
	bool got[IMAPC_FETCH_MAX] = {0};
	struct fetching f = {.sink = sink, .uids = uids, .got = got, .words = BUF(IMAPC_WORD_MAX)};
	f.n = n < IMAPC_FETCH_MAX ? n : IMAPC_FETCH_MAX;
	f.one = n == 1;
	int r = run_fetch(s, &f, e);
	if (r < 0 && !s->dead)
		r = 0;
	for (size_t i = 0; r == 0 && i < f.n; i++)
		if (!got[i])
			r = fetch_again(s, &f, i, e);
	buf_done(&f.words);
	return r;
}

/* ---- deleting ---- */

static int put_set(struct imapc *s, const struct uidset *uids, struct err *e)
{
	for (size_t i = 0; i < uids->n; i++) {
		const struct uidrange *r = &uids->v[i];
		int w = r->first == r->last
				? io_printf(s->io, e, "%s%u", i ? "," : "", r->first)
				: io_printf(s->io, e, "%s%u:%u", i ? "," : "", r->first, r->last);
		if (w < 0)
			return -1;
	}
	return 0;
}

struct marked {
	const struct uidset *ours;
	bool others;
};

static int look_for_others(void *arg, const struct imapc_message *m, struct err *e)
{
	struct marked *x = arg;
	(void)e;
	x->others |= m->flags & IMAPC_DELETED && !uidset_has(x->ours, m->uid);
	return 0;
}

/* EXPUNGE takes all that are marked, also what others marked and nobody took from here: then ours stay marked, too, until those have gone. */
static int expunge_all(struct imapc *s, const struct uidset *uids, struct err *e)
{
	struct marked x = {.ours = uids};
	if (imapc_scan(s, 1, look_for_others, &x, e) < 0)
		return -1;
	if (x.others)
		return 0;
	if (imapc_begin(s, e) < 0 || io_write(s->io, S("EXPUNGE"), e) < 0)
		return -1;
	return imapc_run(s, NULL, NULL, e);
}

int imapc_delete(struct imapc *s, const struct uidset *uids, struct err *e)
{
	if (uids->n == 0)
		return 0;
	if (imapc_begin(s, e) < 0 || io_write(s->io, S("UID STORE "), e) < 0 ||
		put_set(s, uids, e) < 0 ||
		io_write(s->io, S(" +FLAGS.SILENT (\\Deleted)"), e) < 0 ||
		imapc_run(s, NULL, NULL, e) < 0)
		return -1;
	if (!(s->caps & CAP_UIDPLUS))
		return expunge_all(s, uids, e);
	if (imapc_begin(s, e) < 0 || io_write(s->io, S("UID EXPUNGE "), e) < 0 ||
		put_set(s, uids, e) < 0)
		return -1;
	return imapc_run(s, NULL, NULL, e);
}
