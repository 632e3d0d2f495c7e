/*
 * Changing the content of messages (edit.h). Each change is a splice: so many bytes at a place give way
 * to others. They are gathered from what has to be done, sorted, and put together with all the bytes
 * between them in one pass, so what is not changed stays byte for byte. Called by bin/edge_edit.
 *
 * Not here: which parts are to be taken out, and what is said instead; signatures of ours.
 */
#include "base/hex.h"
#include "base/mem.h"
#include "base/must.h"
#include "codec/edit_impl.h"

#define BOUNDARY "=_posthouse_"
enum { BOUNDARY_DIGITS = 8, DASHES_MAX = 1000 };

void edit_splice_ranked(
	struct editing *x, const char *at, size_t remove, slice with, enum edit_rank rank)
{
	must(at >= x->message.p && at + remove <= edit_end(x->message));
	if (x->n == x->room) {
		size_t room = x->room ? 2 * x->room : 16;
		struct edit_splice *v = ARENA_ARRAY(x->a, struct edit_splice, room);
		if (x->n)
			memcpy(v, x->v, x->n * sizeof *v);
		x->v = v;
		x->room = room;
	}
	x->v[x->n] = (struct edit_splice){.at = (size_t)(at - x->message.p),
		.remove = remove,
		.with = with,
		.rank = rank,
		.order = x->n};
	x->n++;
	x->notes |= EDIT_CHANGED;
}

void edit_splice(struct editing *x, const char *at, size_t remove, slice with)
{
	edit_splice_ranked(x, at, remove, with, EDIT_IN_BODY);
}

/* ---- boundaries ---- */

/* The next number that follows the beginning of our boundaries. */
static bool next_taken(slice *in, uint64_t *ret)
{
	size_t at = slice_find(*in, S(BOUNDARY));
	if (at == in->n)
		return false;
	*in = slice_skip(*in, at + strlen(BOUNDARY));
	if (in->n < BOUNDARY_DIGITS || !hex_u64(slice_first(*in, BOUNDARY_DIGITS), ret))
		*ret = UINT64_MAX;
	return true;
}

/* The least number that the message has not: whoever foresees it and writes it into his message gets
 * another, and no message is so full of them that it takes more than two looks. */
static uint64_t free_number(slice message)
{
	size_t n = 0, least = 0;
	uint64_t number;
	for (slice in = message; next_taken(&in, &number);)
		n++;
	AUTO(free) bool *taken = mem_alloc(n + 1);
	for (slice in = message; next_taken(&in, &number);)
		if (number < n)
			taken[number] = true;
	while (taken[least])
		least++;
	return least;
}

slice edit_boundary(struct editing *x)
{
	if (!x->boundary.n)
		x->boundary = arena_printf(x->a, BOUNDARY "%0*llx", BOUNDARY_DIGITS,
			(unsigned long long)free_number(x->message));
	return x->boundary;
}

static bool line_delimits(const struct editing *x, slice line)
{
	for (size_t i = 0; i < x->mime.n; i++) {
		slice b = mime_param(&x->mime.v[i].type, S("boundary"));
		if (x->mime.v[i].multipart && b.n && slice_starts(slice_skip(line, 2), b))
			return true;
	}
	return false;
}

/* A text of many such lines may be delimited, for all that is known: to compare them all with all multiparts
 * would cost too much. */
bool edit_delimits(const struct editing *x, slice text)
{
	unsigned dashes = 0;
	for (slice line; slice_cut(&text, '\n', &line);)
		if (slice_starts(line, S("--")) &&
			(++dashes > DASHES_MAX || line_delimits(x, line)))
			return true;
	return false;
}

/* ---- putting it together ---- */

static int by_place(const void *pa, const void *pb)
{
	const struct edit_splice *a = pa, *b = pb;
	if (a->at != b->at)
		return a->at < b->at ? -1 : 1;
	if (!a->remove != !b->remove)
		return a->remove ? 1 : -1;
	if (a->rank != b->rank)
		return a->rank < b->rank ? -1 : 1;
	return a->order < b->order ? -1 : 1;
}

static void emit(struct editing *x, struct buf *out)
{
	size_t at = 0;
	if (x->n)
		qsort(x->v, x->n, sizeof *x->v, by_place);
	for (size_t i = 0; i < x->n; i++) {
		const struct edit_splice *s = &x->v[i];
		if (s->at < at) /* inside of what is taken out */
			continue;
		buf_put(out, slice_first(slice_skip(x->message, at), s->at - at));
		buf_put(out, s->with);
		at = s->at + s->remove;
	}
	buf_put(out, slice_skip(x->message, at));
}

static void note_signatures(struct editing *x)
{
	for (size_t i = 0; i < x->mime.n; i++) {
		const struct mime_part *p = &x->mime.v[i];
		bool lost = x->opened[i] || x->gone[i];
		if (edit_is_signed(p))
			x->notes |= lost ? EDIT_SIGNATURE_LOST : EDIT_SIGNED;
		if (edit_is_encrypted(p) && !lost)
			x->notes |= EDIT_ENCRYPTED;
	}
}

static int check(const struct edit *e, struct err *err)
{
	const slice texts[] = {
		e->banner.text, e->banner.html, e->disclaimer.text, e->disclaimer.html};
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		if (texts[i].n > EDIT_TEXT_MAX)
			return err_set(err, ERR_LIMIT, "a text to be added has more than %d bytes",
				(int)EDIT_TEXT_MAX);
	if (e->subject_tag.n > EDIT_TAG_MAX)
		return err_set(err, ERR_LIMIT, "the tag of subjects has more than %d bytes",
			(int)EDIT_TAG_MAX);
	return 0;
}

static struct edit_text tidied(const struct edit_text *t, struct arena *a)
{
	return (struct edit_text){edit_tidy(t->text, a), edit_tidy(t->html, a)};
}

int edit_message(slice message, const struct edit *e, struct arena *a, struct buf *out,
	unsigned *ret_notes, struct err *err)
{
	if (!message.p)
		message = S("");
	if (check(e, err) < 0)
		return -1;
	struct editing x = {.message = message, .e = e, .a = a, .err = err};
	mime_parse(message, &mime_limits_default, a, &x.mime);
	x.gone = ARENA_ARRAY(a, bool, x.mime.n);
	x.closed = ARENA_ARRAY(a, bool, x.mime.n);
	x.opened = ARENA_ARRAY(a, bool, x.mime.n);
	x.banner = tidied(&e->banner, a);
	x.disclaimer = tidied(&e->disclaimer, a);
	if (edit_fields(&x) < 0 || edit_strip(&x) < 0)
		return -1;
	edit_subject(&x);
	if (edit_place(&x) < 0)
		return -1;
	if (x.notes & EDIT_CHANGED) {
		note_signatures(&x);
		if (!x.mime.v[0].header.n)
			edit_close_header(&x, 0);
	}
	emit(&x, out);
	if (!buf_ok(out))
		return err_set(err, ERR_LIMIT, "the changed message is too large");
	*ret_notes = x.notes;
	return 0;
}
