/*
 * ENVELOPE, BODY and BODYSTRUCTURE (RFC 9051 7.5.2) as text, from a message's summary. Called by fetch.c.
 */
#include "base/mem.h"
#include "base/utf8.h"
#include "proto/imap/fetch.h"

enum { QUOTED_MAX = 1000 }; /* longer ones are literals */

void fetch_string(struct buf *out, slice v, bool utf8)
{
	if (!v.p) {
		buf_put(out, S("NIL"));
		return;
	}
	bool plain = v.n <= QUOTED_MAX, high = false, escape = false;
	for (size_t i = 0; i < v.n && plain; i++) {
		unsigned char c = (unsigned char)v.p[i];
		plain = c != '\r' && c != '\n' && c;
		high |= c > 127;
		escape |= c == '"' || c == '\\';
	}
	if (!plain || (high && !(utf8 && utf8_valid(v)))) {
		buf_printf(out, "{%zu}\r\n", v.n);
		size_t at = out->n;
		buf_put(out, v);
		for (char *p = out->p + at; buf_ok(out) && (p = memchr(p, 0, out->p + out->n - p));)
			*p = '?';
		return;
	}
	buf_byte(out, '"');
	if (!escape) {
		buf_put(out, v);
	} else {
		for (size_t i = 0; i < v.n; i++) {
			if (v.p[i] == '"' || v.p[i] == '\\')
				buf_byte(out, '\\');
			buf_byte(out, v.p[i]);
		}
	}
	buf_byte(out, '"');
}

static void addresses(
	struct buf *out, const struct summary *sum, int envelope, enum summary_who who, bool utf8)
{
	struct summary_address a;
	unsigned it = 0;
	bool any = false;
	while (summary_next_address(sum, envelope, who, &it, &a)) {
		if (!any)
			buf_byte(out, '(');
		any = true;
		buf_byte(out, '(');
		fetch_string(out, a.name, utf8);
		buf_byte(out, ' ');
		fetch_string(out, a.route, utf8);
		buf_byte(out, ' ');
		fetch_string(out, a.mailbox, utf8);
		buf_byte(out, ' ');
		fetch_string(out, a.host, utf8);
		buf_byte(out, ')');
	}
	buf_put(out, any ? S(")") : S("NIL"));
}

void fetch_envelope(struct buf *out, const struct summary *sum, int envelope, bool utf8)
{
	static const enum summary_who order[] = {SUMMARY_FROM, SUMMARY_SENDER, SUMMARY_REPLY_TO,
		SUMMARY_TO, SUMMARY_CC, SUMMARY_BCC};
	buf_byte(out, '(');
	fetch_string(out, summary_text(sum, envelope, SUMMARY_DATE), utf8);
	buf_byte(out, ' ');
	fetch_string(out, summary_text(sum, envelope, SUMMARY_SUBJECT), utf8);
	for (size_t i = 0; i < sizeof(order) / sizeof(*order); i++) {
		buf_byte(out, ' ');
		addresses(out, sum, envelope, order[i], utf8);
	}
	buf_byte(out, ' ');
	fetch_string(out, summary_text(sum, envelope, SUMMARY_IN_REPLY_TO), utf8);
	buf_byte(out, ' ');
	fetch_string(out, summary_text(sum, envelope, SUMMARY_MESSAGE_ID), utf8);
	buf_byte(out, ')');
}

static void pairs(struct buf *out, slice params, bool utf8)
{
	slice name, value;
	bool any = false;
	while (summary_next_pair(&params, &name, &value)) {
		buf_byte(out, any ? ' ' : '(');
		any = true;
		fetch_string(out, name, utf8);
		buf_byte(out, ' ');
		fetch_string(out, value, utf8);
	}
	buf_put(out, any ? S(")") : S("NIL"));
}

static void languages(struct buf *out, slice list, bool utf8)
{
	slice one;
	bool any = false;
	while (summary_next_text(&list, &one)) {
		buf_byte(out, any ? ' ' : '(');
		any = true;
		fetch_string(out, one, utf8);
	}
	buf_put(out, any ? S(")") : S("NIL"));
}

static void extension(struct buf *out, const struct summary_part *p, bool utf8)
{
	buf_byte(out, ' ');
	if (p->multipart)
		pairs(out, p->params, utf8);
	else
		fetch_string(out, p->md5, utf8);
	buf_byte(out, ' ');
	if (p->disposition.p) {
		buf_byte(out, '(');
		fetch_string(out, p->disposition, utf8);
		buf_byte(out, ' ');
		pairs(out, p->disposition_params, utf8);
		buf_byte(out, ')');
	} else {
		buf_put(out, S("NIL"));
	}
	buf_byte(out, ' ');
	languages(out, p->language, utf8);
	buf_byte(out, ' ');
	fetch_string(out, p->location, utf8);
}

static size_t part(struct buf *out, const struct summary *sum, size_t i, bool extended, bool utf8);

/* Behind the fields that all leaves have: what message/rfc822 and text add. Returns the next part. */
static size_t leaf_kind(struct buf *out, const struct summary *sum, size_t i,
	const struct summary_part *p, bool extended, bool utf8)
{
	struct summary_part child;
	size_t next = i + 1;
	if (p->message && next < sum->nparts) {
		summary_part(sum, next, &child);
		if (child.parent == (int)i) {
			buf_byte(out, ' ');
			fetch_envelope(out, sum, p->envelope, utf8);
			buf_byte(out, ' ');
			next = part(out, sum, next, extended, utf8);
			buf_printf(out, " %llu", (unsigned long long)p->lines);
			return next;
		}
	}
	if (slice_ieq(p->type, S("text")))
		buf_printf(out, " %llu", (unsigned long long)p->lines);
	return next;
}

/* What is named multipart or message but has nothing inside (broken, encoded, too deep) is told as a text or a file: clients
 * read what follows by the name. */
static void harmless_type(const struct summary *sum, size_t i, struct summary_part *p)
{
	struct summary_part child;
	bool inside = false;
	if (i + 1 < sum->nparts) {
		summary_part(sum, i + 1, &child);
		inside = child.parent == (int)i;
	}
	if (slice_ieq(p->type, S("multipart"))) {
		p->type = S("text");
		p->subtype = S("plain");
		p->params = (slice){0};
	} else if (!inside && slice_ieq(p->type, S("message")) &&
		   (slice_ieq(p->subtype, S("rfc822")) || slice_ieq(p->subtype, S("global")))) {
		p->type = S("application");
		p->subtype = S("octet-stream");
	}
}

static size_t leaf(struct buf *out, const struct summary *sum, size_t i, struct summary_part *p,
	bool extended, bool utf8)
{
	harmless_type(sum, i, p);
	fetch_string(out, p->type, utf8);
	buf_byte(out, ' ');
	fetch_string(out, p->subtype, utf8);
	buf_byte(out, ' ');
	pairs(out, p->params, utf8);
	buf_byte(out, ' ');
	fetch_string(out, p->id, utf8);
	buf_byte(out, ' ');
	fetch_string(out, p->description, utf8);
	buf_byte(out, ' ');
	fetch_string(out, p->encoding_text.n ? p->encoding_text : S("7BIT"), utf8);
	buf_printf(out, " %llu", (unsigned long long)p->body_n);
	return leaf_kind(out, sum, i, p, extended, utf8);
}

/* Appends part i; returns the one behind it and all in it. Depth is bounded by mime_limits. */
static size_t part(struct buf *out, const struct summary *sum, size_t i, bool extended, bool utf8)
{
	struct summary_part p, child;
	size_t next = i + 1;
	summary_part(sum, i, &p);
	bool parent = p.multipart && next < sum->nparts;
	if (parent) {
		summary_part(sum, next, &child);
		parent = child.parent == (int)i;
	}
	buf_byte(out, '(');
	if (parent) {
		while (next < sum->nparts) {
			summary_part(sum, next, &child);
			if (child.parent != (int)i)
				break;
			next = part(out, sum, next, extended, utf8);
		}
		buf_byte(out, ' ');
		fetch_string(out, p.subtype, utf8);
	} else {
		next = leaf(out, sum, i, &p, extended, utf8);
		p.multipart = false;
	}
	if (extended)
		extension(out, &p, utf8);
	buf_byte(out, ')');
	return next;
}

void fetch_structure(struct buf *out, const struct summary *sum, bool extended, bool utf8)
{
	if (sum->nparts)
		part(out, sum, 0, extended, utf8);
	else
		buf_put(out, S("(\"TEXT\" \"PLAIN\" NIL NIL NIL \"7BIT\" 0 0)"));
}
