/*
 * Changing the content of messages (edit.h). Each change is a splice: so many bytes at a place give way
 * to others. They are gathered from what has to be done, sorted, and put together with all the bytes
 * between them in one pass, so what is not changed stays byte for byte. Called by bin/edge_edit.
 *
 * Not here: which parts are to be taken out, and what is said instead; signatures of ours.
 */
#include "base/hash.h"
#include "base/mem.h"
#include "base/must.h"
#include "codec/edit_impl.h"

enum { BOUNDARY_TRIES = 1000 };

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

/* By the message's digest, so that the same message gives the same result; whoever foresees it gains
 * nothing, as it is looked for. */
slice edit_boundary(struct editing *x)
{
	uint32_t seed = crc32c(0, slice_first(x->message, 64 * 1024));
	for (unsigned i = 0; !x->boundary.n; i++) {
		must(i < BOUNDARY_TRIES); /* each try needs 20 bytes of the message */
		slice b = arena_printf(x->a, "=_%08x_%zu_%u", seed, x->message.n, i);
		if (i == BOUNDARY_TRIES - 1 || slice_find(x->message, b) == x->message.n)
			x->boundary = b;
		seed = seed * 2654435761u + 12345;
	}
	return x->boundary;
}

static bool line_delimits(const struct editing *x, slice line)
{
	if (!slice_starts(line, S("--")))
		return false;
	for (size_t i = 0; i < x->mime.n; i++) {
		slice b = mime_param(&x->mime.v[i].type, S("boundary"));
		if (x->mime.v[i].multipart && b.n && slice_starts(slice_skip(line, 2), b))
			return true;
	}
	return false;
}

bool edit_delimits(const struct editing *x, slice text)
{
	for (slice line; slice_cut(&text, '\n', &line);)
		if (line_delimits(x, line))
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
