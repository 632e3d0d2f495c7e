/*
 * Changes in headers (edit_impl.h): the tag of the subject, fields on top, and the Content- fields of
 * parts that get other content. What we write is ASCII with encoded words (RFC 2047), also where a
 * message may have UTF-8 in its header (RFC 6532): it is valid in both.
 */
#include "base/mem.h"
#include "base/utf8.h"
#include "codec/edit_impl.h"
#include "codec/words.h"

enum { SUBJECTS_MAX = 8, FIELD_MAX = 32 * 1024 };

const char *edit_header_top(const struct editing *x, const struct mime_part *p)
{
	slice h = p->header;
	if (p->parent < 0 && (slice_starts(h, S("From ")) || slice_starts(h, S(">From ")))) {
		slice rest = slice_skip(h, slice_index(h, '\n') + 1); /* mbox's line stays above */
		return rest.n ? rest.p : edit_end(h);
	}
	return h.p ? h.p : x->message.p;
}

static bool ends_line(slice header)
{
	return !header.n || slice_ends(header, S("\n"));
}

/* Where the empty line is missing, new text would be read as fields, and new fields as text. */
void edit_close_header(struct editing *x, size_t index)
{
	const struct mime_part *p = &x->mime.v[index];
	if (!(p->defects & MIME_NO_HEADER) || x->closed[index])
		return;
	x->closed[index] = true;
	edit_splice_ranked(x, edit_end(p->header), 0,
		ends_line(p->header) ? S("\r\n") : S("\r\n\r\n"), EDIT_HEADER_END);
}

static void add_on_top(struct editing *x, const struct mime_part *p, slice lines)
{
	edit_splice_ranked(x, edit_header_top(x, p), 0, lines, EDIT_ON_TOP);
}

void edit_set_field(struct editing *x, const struct mime_part *p, slice name, slice line)
{
	struct header_field f;
	slice rest = p->header;
	bool done = false;
	while (header_next(&rest, &f)) {
		if (!slice_ieq(f.name, name))
			continue;
		edit_splice(x, f.raw.p, f.raw.n, done ? S("") : line);
		done = true;
	}
	if (!done)
		add_on_top(x, p, line);
}

void edit_take_content_fields(struct editing *x, const struct mime_part *p, struct buf *ret)
{
	struct header_field f;
	slice rest = p->header;
	while (header_next(&rest, &f)) {
		if (!slice_istarts(f.name, S("Content-")))
			continue;
		edit_splice(x, f.raw.p, f.raw.n, S(""));
		buf_put(ret, f.raw);
		if (!slice_ends(f.raw, S("\n")))
			buf_put(ret, S("\r\n"));
	}
}

void edit_ensure_mime(struct editing *x, const struct mime_part *p)
{
	bool message = p->parent < 0 || x->mime.v[p->parent].message;
	if (message && header_count(p->header, S("MIME-Version")) == 0)
		add_on_top(x, p, S("MIME-Version: 1.0\r\n"));
}

/* ---- fields ---- */

static bool is_name(slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] <= ' ' || s.p[i] > '~')
			return false;
	return s.n > 0;
}

static int put_field(struct editing *x, slice field, struct buf *out)
{
	size_t colon = slice_index(field, ':');
	slice name = slice_first(field, colon);
	if (colon == field.n || !is_name(name))
		return err_set(x->err, ERR_PROTO, "\"%.*s\" is no header field",
			SFMT(slice_first(field, 60)));
	buf_put(out, name);
	buf_put(out, S(": "));
	words_encode(out, slice_trim(slice_skip(field, colon + 1)), name.n + 2);
	buf_put(out, S("\r\n"));
	return 0;
}

int edit_fields(struct editing *x)
{
	AUTO(buf) struct buf out = BUF(FIELD_MAX + 4 * EDIT_TEXT_MAX);
	for (size_t i = 0; i < x->e->nfields; i++)
		if (put_field(x, x->e->fields[i], &out) < 0)
			return -1;
	if (!buf_ok(&out))
		return err_set(x->err, ERR_LIMIT, "the fields to be added are too long");
	if (out.n)
		add_on_top(x, &x->mime.v[0], arena_dup(x->a, buf_slice(&out)));
	return 0;
}

/* ---- the subject ---- */

/* Of "Subject:" and what is in *out. */
static size_t line_so_far(const struct buf *out)
{
	size_t at = slice_rindex(buf_slice(out), '\n');
	return at < out->n ? out->n - at : out->n + 8;
}

/* The tag as it has to stand before `rest`, the value as it is without its leading blanks. */
static void put_tag(struct editing *x, slice rest, struct buf *out)
{
	slice tag = x->e->subject_tag, bare = slice_trim(tag);
	bool words = slice_starts(rest, S("=?"));
	bool coded = !utf8_is_ascii(bare);
	/* Blanks between two encoded words are not shown: then the tag's own is inside its word. */
	words_encode(out, coded && words ? tag : bare, 9);
	if (!rest.n)
		return;
	if (line_so_far(out) + slice_index(rest, '\n') > WORDS_LINE)
		buf_put(out, S("\r\n "));
	else if (coded || words || tag.n > bare.n)
		buf_byte(out, ' ');
	buf_put(out, rest);
}

static slice skip_blanks(slice s)
{
	size_t n = 0;
	while (n < s.n && strchr(" \t\r\n", s.p[n]) && s.p[n])
		n++;
	return slice_skip(s, n);
}

static void tag_one(struct editing *x, const struct header_field *f)
{
	AUTO(buf) struct buf out = BUF(f->raw.n + 8 * EDIT_TAG_MAX + 64);
	slice bare = slice_trim(x->e->subject_tag), text = header_text(f->value, x->a);
	if (slice_find(text, bare) < text.n)
		return; /* an answer to a tagged message, or tagged by somebody else */
	buf_byte(&out, ' ');
	put_tag(x, skip_blanks(f->value), &out);
	edit_splice(x, f->value.p, f->value.n, arena_dup(x->a, buf_slice(&out)));
	x->notes |= EDIT_SUBJECT;
}

static void add_subject(struct editing *x)
{
	AUTO(buf) struct buf out = BUF(8 * EDIT_TAG_MAX + 64);
	buf_put(&out, S("Subject: "));
	put_tag(x, S(""), &out);
	buf_put(&out, S("\r\n"));
	add_on_top(x, &x->mime.v[0], arena_dup(x->a, buf_slice(&out)));
	x->notes |= EDIT_SUBJECT;
}

void edit_subject(struct editing *x)
{
	struct header_field f;
	slice rest = x->mime.v[0].header;
	unsigned seen = 0;
	if (!slice_trim(x->e->subject_tag).n)
		return;
	while (seen < SUBJECTS_MAX && header_next(&rest, &f))
		if (slice_ieq(f.name, S("Subject"))) {
			tag_one(x, &f);
			seen++;
		}
	if (!seen)
		add_subject(x);
}
