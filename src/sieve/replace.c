/*
 * replace and enclose (RFC 5703 sections 5 and 6): a part, or the whole letter, becomes another text; or the letter is wrapped into a
 * new one. What comes out is a new letter, an edit of its own kind (SIEVE_EDIT_MESSAGE), which all that follows sees.
 */
#include "base/utf8.h"
#include "codec/qp.h"
#include "codec/words.h"
#include "sieve/impl.h"

enum { MADE_MAX = 64 << 20 }; /* bytes of a letter that a script makes */

void sieve_run_replace_message(struct run *r, slice message)
{
	struct sieve_edit e = {.kind = SIEVE_EDIT_MESSAGE, .value = message};
	sieve_run_edit(r, &e);
	if (!run_on(r))
		return;
	r->message = message;
	r->have_mime = r->have_fields = false;
	for (struct loop *l = r->loop; l; l = l->up)
		if (l->part >= sieve_run_mime(r)->n) {
			l->part = 0;
			l->ended = true;
		}
}

static bool is_content(slice name)
{
	return slice_istarts(name, S("content-")) || slice_ieq(name, S("mime-version"));
}

static void put_field(struct buf *out, const char *name, slice value)
{
	buf_printf(out, "%s: ", name);
	words_encode(out, value, strlen(name) + 2);
	buf_put(out, S("\r\n"));
}

/* The body that takes its place: with its own header (:mime), or plain text. */
static void put_text(struct buf *out, const struct node *n, slice text)
{
	if (node_has(n, TAG_MIME)) {
		buf_put(out, text);
		if (header_length(text) == text.n && !slice_ends(text, S("\r\n\r\n")))
			buf_put(out, S("\r\n\r\n"));
		return;
	}
	buf_put(out, S("Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: "
		       "quoted-printable\r\n\r\n"));
	qp_encode(out, text);
}

/* A header without what told of the old body; Subject and From, when they change, stay under other names. */
static void put_header(struct run *r, struct buf *out, const struct node *n)
{
	struct fields *v = sieve_run_fields(r);
	const struct arg *subject = sieve_node_tag(n, TAG_SUBJECT, NULL),
			 *from = sieve_node_tag(n, TAG_FROM, NULL);
	slice address, full = {0};
	if (from && !sieve_mailbox(sieve_run_string(r, from), r->a, &address, &full))
		sieve_run_warn(r, S("replace: :from is no mail address; it is left out"),
			S("replace：:from 不是邮件地址，已忽略"));
	for (size_t i = 0; i < v->n; i++) {
		slice raw = v->v[i].raw, name = v->v[i].name;
		if (is_content(name) || !name.n)
			continue;
		if ((subject && slice_ieq(name, S("subject"))) ||
			(full.n && slice_ieq(name, S("from"))))
			buf_put(out, S("Original-"));
		buf_put(out, raw);
		if (!slice_ends(raw, S("\n")))
			buf_put(out, S("\r\n"));
	}
	if (subject)
		put_field(out, "Subject", sieve_run_string(r, subject));
	if (full.n)
		buf_printf(out, "From: %.*s\r\n", SFMT(full));
	buf_put(out, S("MIME-Version: 1.0\r\n"));
}

static void finish(struct run *r, struct buf *out)
{
	if (!buf_ok(out))
		sieve_run_fail(r, S("the letter that the script makes is too large"),
			S("脚本生成的邮件过大"));
	else if (sieve_run_look(r, out->n) && sieve_run_memory(r, out->n / 4))
		sieve_run_replace_message(r, arena_dup(r->a, buf_slice(out)));
}

static void run_replace(struct run *r, const struct node *n)
{
	slice text = sieve_run_string(r, n->pos[0]);
	AUTO(buf) struct buf out = BUF(MADE_MAX);
	size_t i = r->loop ? r->loop->part : 0;
	if (!run_on(r))
		return;
	if (i == 0) {
		put_header(r, &out, n);
		put_text(&out, n, text);
		finish(r, &out);
		return;
	}
	const struct mime_part *p = &sieve_run_mime(r)->v[i];
	size_t from = (size_t)(p->header.p - r->message.p),
	       to = (size_t)(p->body.p - r->message.p) + p->body.n;
	if (!p->header.p || from > r->message.n || to > r->message.n || to < from) {
		sieve_run_warn(r, S("replace: this part cannot be replaced"),
			S("replace：无法替换该部分"));
		return;
	}
	buf_put(&out, slice_first(r->message, from));
	put_text(&out, n, text);
	if (slice_ends(buf_slice(&out), S("\r\n")) && to < r->message.n)
		out.n -= 2;
	buf_put(&out, slice_skip(r->message, to));
	finish(r, &out);
}

/* ---- enclose ---- */

static bool is_carried_over(slice name)
{
	static const slice names[] = {S_INIT("from"), S_INIT("sender"), S_INIT("reply-to"),
		S_INIT("to"), S_INIT("cc"), S_INIT("date"), S_INIT("message-id"),
		S_INIT("references"), S_INIT("in-reply-to"), S_INIT("received"),
		S_INIT("return-path"), S_INIT("delivered-to"), S_INIT("auto-submitted"),
		S_INIT("x-sieve-redirected-from")};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (slice_ieq(name, names[i]))
			return true;
	return false;
}

/* "Name: value" lines of :headers. */
static void put_own_fields(struct run *r, struct buf *out, const struct arg *a)
{
	size_t n;
	slice *v = sieve_run_strings(r, a, &n);
	for (size_t i = 0; i < n; i++) {
		slice rest = v[i], name;
		if (!slice_cut(&rest, ':', &name) || !rest.p || !sieve_field_name(name) ||
			is_content(name) || sieve_field_is_protected(name))
			continue;
		buf_printf(out, "%.*s: ", SFMT(name));
		words_encode(out, slice_trim(rest), name.n + 2);
		buf_put(out, S("\r\n"));
	}
}

/* One that no line of the letter begins with. */
static slice boundary(struct run *r)
{
	for (unsigned i = 0;; i++) {
		slice b = arena_printf(r->a, "=_enclosed_%u_%zu", i, r->message.n);
		sieve_run_look(r, r->message.n);
		if (slice_find(r->message, b) == r->message.n || !run_on(r))
			return b;
	}
}

static void run_enclose(struct run *r, const struct node *n)
{
	struct loop *loop = r->loop;
	slice header, body, text = sieve_run_string(r, n->pos[0]), limit = boundary(r);
	const struct arg *subject = sieve_node_tag(n, TAG_SUBJECT, NULL);
	AUTO(buf) struct buf out = BUF(MADE_MAX);
	r->loop = NULL;
	struct fields *v = sieve_run_fields(r);
	for (size_t i = 0; i < v->n; i++)
		if (is_carried_over(v->v[i].name))
			buf_put(&out, v->v[i].raw);
		else if (!subject && slice_ieq(v->v[i].name, S("subject")))
			buf_put(&out, v->v[i].raw);
	r->loop = loop;
	if (subject)
		put_field(&out, "Subject", sieve_run_string(r, subject));
	put_own_fields(r, &out, sieve_node_tag(n, TAG_HEADERS, NULL));
	buf_printf(&out,
		"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; "
		"boundary=\"%.*s\"\r\n\r\n--%.*s\r\n",
		SFMT(limit), SFMT(limit));
	buf_put(&out, S("Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: "
			"quoted-printable\r\n\r\n"));
	qp_encode(&out, text);
	buf_printf(&out, "\r\n--%.*s\r\nContent-Type: message/rfc822\r\n\r\n", SFMT(limit));
	sieve_edited(r->in->message, r->out->edits, r->nedits, r->a, &header, &body);
	buf_put(&out, header);
	buf_put(&out, body);
	buf_printf(&out, "\r\n--%.*s--\r\n", SFMT(limit));
	finish(r, &out);
	for (struct loop *l = r->loop; l; l = l->up) {
		l->part =
			0; /* parts are others now: this turn sees the new letter, and there is no next one */
		l->ended = true;
	}
}

static bool check_from(struct check *c, struct node *n)
{
	slice address;
	const struct arg *from = sieve_node_tag(n, TAG_FROM, NULL);
	if (!from || from->v[0].n || sieve_mailbox(from->v[0].plain, c->a, &address, NULL))
		return true;
	sieve_mistake(c, from->at,
		SAY(c, "replace: '%.*s' is no mail address", SFMT(from->v[0].plain)),
		SAY(c, "replace：“%.*s”不是邮件地址", SFMT(from->v[0].plain)));
	return false;
}

static const struct tag replace_tags[] = {
	{S_INIT("mime"), TAG_MIME, EXT_REPLACE, 0, 0},
	{S_INIT("subject"), TAG_SUBJECT, EXT_REPLACE, 's', 0},
	{S_INIT("from"), TAG_FROM, EXT_REPLACE, 's', 0},
	{{0}, 0, 0, 0, 0},
};
static const struct tag enclose_tags[] = {
	{S_INIT("subject"), TAG_SUBJECT, EXT_ENCLOSE, 's', 0},
	{S_INIT("headers"), TAG_HEADERS, EXT_ENCLOSE, 'S', 0},
	{{0}, 0, 0, 0, 0},
};

const struct word sieve_words_replace[] = {
	{.name = S_INIT("replace"),
		.ext = EXT_REPLACE,
		.params = {{'s', false, "replacement", "替换内容"}},
		.tags = replace_tags,
		.check = check_from,
		.run = run_replace},
	{.name = S_INIT("enclose"),
		.ext = EXT_ENCLOSE,
		.params = {{'s', false, "text", "正文"}},
		.tags = enclose_tags,
		.run = run_enclose},
	{.name = {0}},
};
