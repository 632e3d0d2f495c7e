/*
 * Finds reported letters in a message (reported.h). Called in the scan process for mail to the report addresses
 * (bin/queue_user_report.c). Who may report, and what follows, is decided there.
 */
#include "codec/reported.h"

#include "base/b64.h"
#include "base/mem.h"
#include "codec/mime.h"
#include "codec/report_in.h"
#include "codec/report_in_arf.h"

enum { DECODED_MAX = 64 * 1024 * 1024, TEXT_LOOK = 64 * 1024, NAMED_FIELDS_MIN = 2 };

struct search {
	struct mime m;
	struct arena a;
	json_t *letters;
	unsigned found;
	size_t decoded; /* bytes: the work that hostile input causes */
	slice type; /* of feedback */
};

/* Does it begin with fields that letters have? */
static bool is_letter(slice bytes)
{
	static const slice names[] = {S_INIT("From"), S_INIT("Received"), S_INIT("Subject"),
		S_INIT("Date"), S_INIT("Message-ID"), S_INIT("To"), S_INIT("MIME-Version")};
	slice header = slice_first(bytes, header_length(slice_first(bytes, TEXT_LOOK)));
	unsigned n = 0;
	struct header_field f;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		n += header_find(header, names[i], 0, &f);
	return n >= NAMED_FIELDS_MIN;
}

static void add(struct search *s, slice bytes)
{
	AUTO(buf) struct buf text = BUF(2 * REPORTED_LETTER_MAX);
	if (!is_letter(bytes))
		return;
	if (s->found++ >= REPORTED_LETTERS_MAX)
		return;
	b64_encode(&text, slice_first(bytes, REPORTED_LETTER_MAX));
	json_t *one = json_object();
	json_object_set_new(one, "bytes", json_stringn(text.p, text.n));
	json_object_set_new(one, "size", json_integer((json_int_t)bytes.n));
	json_array_append_new(s->letters, one);
}

/* It lies in a letter that is reported: a part of that, not another one. */
static bool is_inside(const struct search *s, size_t i)
{
	for (int p = s->m.v[i].parent; p >= 0; p = s->m.v[p].parent)
		if (s->m.v[p].message)
			return true;
	return false;
}

/* Only the header of a letter: some complaints give no more (RFC 5965 2.d). */
static bool may_be_letter(struct search *s, const struct mime_part *p)
{
	return mime_is(p, S("message"), S("rfc822")) || mime_is(p, S("message"), S("global")) ||
	       mime_is(p, S("text"), S("rfc822-headers")) ||
	       slice_iends(mime_filename(p, &s->a), S(".eml"));
}

static void try_part(struct search *s, size_t i)
{
	const struct mime_part *p = &s->m.v[i];
	if (p->multipart || is_inside(s, i) || !may_be_letter(s, p))
		return;
	if (p->encoding == MIME_7BIT || p->encoding == MIME_8BIT || p->encoding == MIME_BINARY) {
		add(s, p->body);
		return;
	}
	if (s->decoded >= DECODED_MAX)
		return;
	AUTO(buf) struct buf bytes = BUF(DECODED_MAX - s->decoded);
	mime_decode(p, &bytes);
	s->decoded += bytes.n;
	add(s, buf_slice(&bytes));
}

/* ---- quoted ---- */

/* What mail programs put before a letter that they forward as text. */
static bool has_marks(slice text)
{
	static const slice marks[] = {S_INIT("Forwarded message"), S_INIT("Original Message"),
		S_INIT("Begin forwarded message"), S_INIT("原始邮件"), S_INIT("转发的邮件"),
		S_INIT("转发邮件信息"), S_INIT("发件人："), S_INIT("发件人:"), S_INIT("\nFrom:"),
		S_INIT("\n> ")};
	for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
		if (slice_find(text, marks[i]) < text.n)
			return true;
	return false;
}

static bool is_quoted(struct search *s)
{
	for (size_t i = 0; i < s->m.n; i++) {
		const struct mime_part *p = &s->m.v[i];
		AUTO(buf) struct buf text = BUF(TEXT_LOOK);
		if (p->multipart || p->message || is_inside(s, i) || !mime_is(p, S("text"), S("")))
			continue;
		mime_decode(p, &text);
		if (has_marks(buf_slice(&text)))
			return true;
	}
	return false;
}

/* ---- the whole ---- */

static void find_feedback(struct search *s, json_t *ret)
{
	for (size_t i = 0; i < s->m.n; i++) {
		if (!mime_is(&s->m.v[i], S("message"), S("feedback-report")))
			continue;
		json_t *report = report_in_arf(&s->m, i, &s->a);
		const char *type = json_string_value(json_object_get(report, "type"));
		json_object_set_new(ret, "how", json_string("feedback"));
		if (type)
			json_object_set_new(ret, "type", json_string(type));
		json_decref(report);
		return;
	}
}

static void tell_about(struct search *s, slice message, json_t *ret)
{
	struct header_summary h;
	slice header = slice_first(message, header_length(slice_first(message, TEXT_LOOK)));
	header_summarize(header, &s->a, &h);
	report_in_set(ret, "message_id", h.message_id);
	json_object_set_new(ret, "automatic", json_boolean(h.auto_reply || h.bulk));
}

json_t *reported_read(slice message)
{
	struct search s = {.letters = json_array()};
	json_t *ret = json_object();
	mime_parse(message, &mime_limits_default, &s.a, &s.m);
	for (size_t i = 0; i < s.m.n; i++)
		try_part(&s, i);
	const char *how = s.found ? "attached" : is_quoted(&s) ? "inline" : "nothing";
	json_object_set_new(ret, "how", json_string(how));
	find_feedback(&s, ret);
	tell_about(&s, message, ret);
	json_object_set_new(ret, "letters", s.letters);
	json_object_set_new(ret, "more",
		json_integer(s.found > REPORTED_LETTERS_MAX ? s.found - REPORTED_LETTERS_MAX : 0));
	arena_done(&s.a);
	return ret;
}
