/*
 * Searching in the bytes of one message (box_search.h): its texts come from codec/search_text.h, in pieces, and are folded and compared
 * here. Texts are parts of type text, reports (message/delivery-status ...) and the headers of parts (names of files). What is in
 * files that are attached is known to the index, or to who takes them apart for us (boxes_texts).
 */
#include "base/mem.h"
#include "codec/search_text.h"
#include "codec/tokens.h"
#include "mail/box_impl.h"
#include "mail/box_search.h"

enum { WINDOW_MAX = 16 << 20 };

struct reading {
	struct box_content *c;
	const struct box_text_want *want;
	bool *met;
	size_t longest; /* of the texts */
	struct buf window;
};

static bool of_body(const struct box_criterion *c)
{
	return c->kind == BOX_BODY || c->kind == BOX_TEXT;
}

static bool enough(void *arg, bool bodies_only)
{
	const struct reading *r = arg;
	for (size_t i = 0; i < r->want->n; i++)
		if (!r->met[i] && (!bodies_only || of_body(r->want->v[i])))
			return false;
	return true;
}

static bool contains(slice text, slice what)
{
	return slice_find(text, what) < text.n || !what.n;
}

/* ---- headers ---- */

static slice field_of(const struct box_criterion *c)
{
	static const slice names[] = {[SUMMARY_FROM] = S_INIT("From"),
		[SUMMARY_SENDER] = S_INIT("Sender"),
		[SUMMARY_REPLY_TO] = S_INIT("Reply-To"),
		[SUMMARY_TO] = S_INIT("To"),
		[SUMMARY_CC] = S_INIT("Cc"),
		[SUMMARY_BCC] = S_INIT("Bcc")};
	if (c->kind == BOX_WHO)
		return names[c->who];
	return c->kind == BOX_SUBJECT ? S("Subject") : c->name;
}

/* "name: value" folded, into the window. */
static void fold_field(struct reading *r, slice name, slice value)
{
	buf_reset(&r->window);
	if (name.n) {
		search_fold(name, &r->window);
		buf_put(&r->window, S(": "));
	}
	search_fold(value, &r->window);
}

/* Criteria that name a field: all of its value counts. */
static void ask_named(struct reading *r, const struct search_field *f)
{
	bool folded = false;
	for (size_t i = 0; i < r->want->n; i++) {
		const struct box_criterion *c = r->want->v[i];
		if (r->met[i] || of_body(c) || !slice_ieq(field_of(c), f->name))
			continue;
		if (!folded)
			fold_field(r, S(""), f->value);
		folded = true;
		r->met[i] = contains(buf_slice(&r->window), c->text);
	}
}

/* One field: of the message itself, or of a part in it (then it belongs to the body). */
static void ask_field(void *arg, const struct search_field *f)
{
	struct reading *r = arg;
	bool folded = false;
	if (!f->part)
		ask_named(r, f);
	if (!f->text.p)
		return;
	for (size_t i = 0; i < r->want->n; i++) {
		const struct box_criterion *c = r->want->v[i];
		if (r->met[i] || !of_body(c) || (!f->part && c->kind != BOX_TEXT))
			continue;
		if (!folded)
			fold_field(r, f->name, f->text);
		folded = true;
		r->met[i] = contains(buf_slice(&r->window), c->text);
	}
}

/* ---- texts ---- */

/* More of a text, folded: what may be the beginning of a match stays for the next piece. */
static void ask_text(void *arg, slice utf8, bool begins)
{
	struct reading *r = arg;
	if (begins)
		buf_reset(&r->window);
	search_fold(utf8, &r->window);
	for (size_t i = 0; i < r->want->n; i++)
		if (!r->met[i] && of_body(r->want->v[i]))
			r->met[i] = contains(buf_slice(&r->window), r->want->v[i]->text);
	if (r->window.n > r->longest)
		buf_drop_front(&r->window, r->window.n - r->longest);
}

static int read_bytes(void *arg, uint64_t at, uint64_t n, struct buf *out, struct err *e)
{
	struct reading *r = arg;
	if (at > box_content_prefix(r->c) + SEARCH_HEADER_MAX)
		co_yield(); /* a long one: others go on meanwhile */
	return box_content_read(r->c, at, n, out, e);
}

static bool any_of_body(struct reading *r)
{
	bool body = false;
	for (size_t i = 0; i < r->want->n; i++) {
		body |= of_body(r->want->v[i]);
		if (r->want->v[i]->text.n > r->longest)
			r->longest = r->want->v[i]->text.n;
	}
	return body;
}

int box_search_bytes(struct box_view *v, const struct mailbox_message *m, const struct summary *sum,
	const struct box_text_want *want, bool *met, struct err *e)
{
	struct reading r = {.want = want, .met = met, .longest = 1, .window = BUF(WINDOW_MAX)};
	struct search_texts t = {.read = read_bytes,
		.field = ask_field,
		.text = ask_text,
		.enough = enough,
		.arg = &r};
	bool body = any_of_body(&r);
	if (box_content_open(v, m, &r.c, e))
		return -1;
	search_texts_init(&t);
	t.prefix = box_content_prefix(r.c);
	t.size = box_content_size(r.c);
	int failed = search_texts_header(&t, sum, e);
	if (!failed && body)
		failed = search_texts_body(&t, sum, e);
	box_content_close(r.c);
	search_texts_done(&t);
	buf_done(&r.window);
	return failed ? -1 : 0;
}
