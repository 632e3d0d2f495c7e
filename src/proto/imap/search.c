/*
 * SEARCH, UID SEARCH and their answers (RFC 9051 6.4.4, 7.3.4; ESEARCH RFC 4731, SEARCHRES RFC 5182, PARTIAL RFC 9394, MESSAGELIMIT RFC
 * 9738). A long search tells how far it is (INPROGRESS, RFC 9585): that also finds out that the client has gone.
 */
#include "proto/imap/search.h"
#include "base/mem.h"
#include <stdio.h>

/* NO to a search that was to be saved leaves nothing saved; BAD leaves what was (RFC 5182 2.1). */
static void forget_saved(struct imap *s, const struct search *q)
{
	if (q->returns & IMAP_RETURN_SAVE)
		uidset_done(&s->saved);
}

bool search_charset_is_good(struct imap *s, const struct search *q)
{
	if (!q->bad_charset)
		return true;
	forget_saved(s, q);
	imap_no(s, "BADCHARSET (US-ASCII UTF-8)", "This charset is not known here");
	return false;
}

void search_complain(struct imap *s, const struct search *q)
{
	if (s->in.too_big)
		forget_saved(s, q);
	imap_complain(s);
}

static bool progress(void *arg, uint64_t done, uint64_t total)
{
	struct imap *s = arg;
	struct err e;
	imap_putz(s, "* OK [INPROGRESS (");
	imap_put_string(s, s->tag);
	imap_printf(s, " %llu %llu)] Still searching\r\n", (unsigned long long)done,
		(unsigned long long)total);
	if (!s->lost && io_flush(s->io, &e))
		s->lost = true;
	return !s->lost;
}

/* MESSAGELIMIT: only the last ones are looked at. */
static void limit(struct imap *s, struct search *q)
{
	uint64_t most = s->service->limits.messages;
	if (!most || s->view->uids.count <= most)
		return;
	struct box_criterion *c = ARENA_NEW(&s->mem, struct box_criterion);
	struct uidset *u = ARENA_NEW(&s->mem, struct uidset);
	u->v = ARENA_NEW(&s->mem, struct uidrange);
	q->limit_uid = uidset_at(&s->view->uids, s->view->uids.count - most);
	*u->v = (struct uidrange){q->limit_uid, UINT32_MAX};
	u->n = u->cap = 1;
	u->count = (uint64_t)UINT32_MAX - q->limit_uid + 1;
	*c = (struct box_criterion){.kind = BOX_UIDS, .uids = u, .next = q->what->first};
	q->what->first = c;
	q->limited = true;
}

bool search_run(struct imap *s, struct search *q)
{
	struct err e = {0};
	if (q->modseq)
		imap_use_condstore(s);
	limit(s, q);
	bool scores = q->scores || q->returns & IMAP_RETURN_RELEVANCY;
	const struct box_search what = {
		.what = q->what, .progress = progress, .arg = s, .scores = scores ? &s->mem : NULL};
	if (box_search(s->view, &what, &q->found, &e)) {
		forget_saved(s, q);
		imap_fail(s, &e);
		return false;
	}
	return true;
}

unsigned search_relevancy(const struct search *q, uint32_t uid)
{
	const struct box_score *v = q->found.scores;
	size_t lo = 0, hi = q->found.nscores;
	while (lo < hi) {
		size_t mid = (lo + hi) / 2;
		if (v[mid].uid < uid)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo == q->found.nscores || v[lo].uid != uid)
		return 1;
	return 1 + (unsigned)(v[lo].score * 99);
}

void search_done(struct search *q)
{
	uidset_done(&q->found.uids);
}

void search_put_esearch(struct imap *s)
{
	imap_putz(s, "* ESEARCH (TAG ");
	imap_put_string(s, s->tag);
	imap_putz(s, s->uid ? ") UID" : ")");
}

static uint32_t shown(struct imap *s, uint32_t uid)
{
	return s->uid ? uid : imap_number_of(s, uid);
}

void search_put_set(struct imap *s, const struct uidset *uids)
{
	struct uidset numbers = {0};
	if (s->uid) {
		imap_put_set(s, uids);
		return;
	}
	/* All of a range are in the view, so their numbers are a range, too. */
	for (size_t i = 0; i < uids->n; i++)
		uidset_add(&numbers, imap_number_of(s, uids->v[i].first),
			imap_number_of(s, uids->v[i].last));
	imap_put_set(s, &numbers);
	uidset_done(&numbers);
}

void search_put_range(struct imap *s, const struct imap_partial *p)
{
	const char *sign = p->from_end ? "-" : "";
	uint32_t a = p->turned ? p->last : p->first, b = p->turned ? p->first : p->last;
	imap_printf(s, "%s%u:%s%u", sign, a, sign, b);
}

void search_end(struct imap *s, const struct search *q)
{
	char code[64];
	snprintf(code, sizeof(code), "MESSAGELIMIT %llu %u",
		(unsigned long long)s->service->limits.messages, q->limit_uid);
	if (q->found.unread)
		imap_ok(s, q->limited ? code : NULL, "Searched; %llu message%s could not be read",
			(unsigned long long)q->found.unread, q->found.unread > 1 ? "s" : "");
	else
		imap_ok(s, q->limited ? code : NULL, "Searched");
}

/* "* SEARCH 2 3 6 (MODSEQ 5)": of those who know no better. */
static void put_plain(struct imap *s, const struct search *q)
{
	AUTO(buf) struct buf out = BUF(SIZE_MAX);
	buf_put(&out, S("* SEARCH"));
	for (size_t i = 0; i < q->found.uids.n; i++) {
		struct uidrange r = q->found.uids.v[i];
		uint32_t first = shown(s, r.first);
		for (uint32_t k = 0; k <= r.last - r.first; k++) {
			char digits[12], *p = digits + sizeof(digits);
			uint32_t v = first + k;
			do
				*--p = (char)('0' + v % 10);
			while (v /= 10);
			*--p = ' ';
			buf_put(&out, slice_of(p, (size_t)(digits + sizeof(digits) - p)));
		}
		if (out.n > 16384) {
			imap_put(s, buf_slice(&out));
			buf_reset(&out);
		}
	}
	imap_put(s, buf_slice(&out));
	if (q->modseq && q->found.uids.count)
		imap_printf(s, " (MODSEQ %llu)", (unsigned long long)q->found.modseq);
	imap_put(s, S("\r\n"));
}

/* Highest modseq of what is told (RFC 7162 3.1.5, RFC 4731 3.2): of MIN and MAX alone it is theirs. */
static uint64_t modseq_of(struct imap *s, const struct search *q, const struct uidset *told)
{
	AUTO(arena) struct arena a = {0};
	struct box_query query = {.uids = told};
	struct mailbox_message *v;
	struct err e;
	size_t n;
	uint64_t highest = 0;
	if (told->count == q->found.uids.count)
		return q->found.modseq;
	while (query.after < uidset_last(told)) {
		arena_reset(&a);
		if (box_rows(s->view, &query, &a, &v, &n, &e) || !n)
			break;
		for (size_t i = 0; i < n; i++)
			highest = v[i].modseq > highest ? v[i].modseq : highest;
		query.after = v[n - 1].uid;
	}
	return highest ? highest : q->found.modseq;
}

/* What the options that were given speak of: all, or the ends and a part. Also what SAVE keeps (RFC 5182 2.4). */
static void spoken_of(const struct search *q, struct uidset *ret)
{
	const struct uidset *u = &q->found.uids;
	unsigned ends = IMAP_RETURN_MIN | IMAP_RETURN_MAX | IMAP_RETURN_PARTIAL;
	if (!(q->returns & ends) || (q->returns & (IMAP_RETURN_ALL | IMAP_RETURN_COUNT))) {
		uidset_copy(ret, u);
		return;
	}
	if (q->returns & IMAP_RETURN_PARTIAL) {
		uidset_copy(ret, u);
		imap_partial_keep(&q->partial, ret);
	}
	if ((q->returns & IMAP_RETURN_MIN) && u->n)
		uidset_add(ret, u->v[0].first, u->v[0].first);
	if ((q->returns & IMAP_RETURN_MAX) && u->n)
		uidset_add(ret, uidset_last(u), uidset_last(u));
}

/* "RELEVANCY (4 99 42)": of all that were found, in their order (RFC 6203 4). */
static void put_relevancy(struct imap *s, const struct search *q)
{
	imap_put(s, S(" RELEVANCY ("));
	for (size_t i = 0; i < q->found.nscores; i++)
		imap_printf(s, i ? " %u" : "%u", search_relevancy(q, q->found.scores[i].uid));
	imap_put(s, S(")"));
}

static void put_extended(struct imap *s, const struct search *q, const struct uidset *told)
{
	const struct uidset *u = &q->found.uids;
	AUTO(uidset) struct uidset part = {0};
	search_put_esearch(s);
	if ((q->returns & IMAP_RETURN_MIN) && u->n)
		imap_printf(s, " MIN %u", shown(s, u->v[0].first));
	if ((q->returns & IMAP_RETURN_MAX) && u->n)
		imap_printf(s, " MAX %u", shown(s, uidset_last(u)));
	if ((q->returns & IMAP_RETURN_ALL) && u->n) {
		imap_put(s, S(" ALL "));
		search_put_set(s, u);
	}
	if (q->returns & IMAP_RETURN_PARTIAL) {
		uidset_copy(&part, u);
		imap_partial_keep(&q->partial, &part);
		imap_put(s, S(" PARTIAL ("));
		search_put_range(s, &q->partial);
		imap_put(s, S(" "));
		if (part.n)
			search_put_set(s, &part);
		else
			imap_put(s, S("NIL"));
		imap_put(s, S(")"));
	}
	if (q->returns & IMAP_RETURN_COUNT)
		imap_printf(s, " COUNT %llu", (unsigned long long)u->count);
	if (q->returns & IMAP_RETURN_RELEVANCY)
		put_relevancy(s, q);
	if (q->modseq && u->n)
		imap_printf(s, " MODSEQ %llu", (unsigned long long)modseq_of(s, q, told));
	imap_put(s, S("\r\n"));
}

static void answer(struct imap *s, struct search *q)
{
	AUTO(uidset) struct uidset told = {0};
	if (!q->extended && imap_has(s, IMAP_REV2)) {
		q->extended = true;
		q->returns = IMAP_RETURN_ALL;
	}
	spoken_of(q, &told);
	if (q->returns & IMAP_RETURN_SAVE) {
		uidset_copy(&s->saved, &told);
		uidset_trim(&s->saved);
	}
	if (!q->extended)
		put_plain(s, q);
	else if (q->returns != IMAP_RETURN_SAVE)
		put_extended(s, q, &told);
	search_end(s, q);
}

static bool search_args(struct imap *s, struct search *q)
{
	struct imap_reader *r = &s->in;
	slice word;
	if (!imap_space(r) || !search_returns(s, q))
		return false;
	if (slice_istarts(slice_of(r->p, (size_t)(r->end - r->p)), S("CHARSET ")) &&
		(!imap_atom(r, &word) || !imap_space(r) || !search_charset(s, q)))
		return false;
	return search_keys(s, q);
}

void imap_cmd_search(struct imap *s)
{
	struct search q = {0};
	if (!search_args(s, &q))
		search_complain(s, &q);
	else if (search_charset_is_good(s, &q) && search_run(s, &q))
		answer(s, &q);
	search_done(&q);
}
