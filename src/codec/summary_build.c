/*
 * A summary is made from a parsed message (summary.h, summary_impl.h): envelopes (RFC 9051 7.5.2) of it and of the
 * messages inside it, its parts (summary_part.c), what it answers. What does not fit is left out in steps: first
 * long fields, then most parts.
 */
#include "base/mem.h"
#include "base/must.h"
#include "base/utf8.h"
#include "codec/date.h"
#include "codec/summary_impl.h"

enum { REFERENCES_FIRST = 8 /* of SUMMARY_REFERENCES_MAX; the others are the last ones */ };

/* The last one always fits. */
static const struct summary_limits steps[] = {
	{SUMMARY_MAX, SUMMARY_ADDRESSES_MAX, SUMMARY_FIELD_MAX, MIME_PARAMS_MAX, SUMMARY_PARTS_MAX,
		SUMMARY_REFERENCES_MAX},
	{SUMMARY_MAX, 50, 300, 8, 200, SUMMARY_REFERENCES_MAX},
	{SUMMARY_MAX, 2, 60, 2, 4, 10},
};
static const struct summary_limits whole = {
	SIZE_MAX, SIZE_MAX, SIZE_MAX, SIZE_MAX, UINT16_MAX, SIZE_MAX};

/* ---- fields ---- */

static bool is_plain(slice s)
{
	unsigned char odd = 0;
	for (size_t i = 0; i < s.n; i++)
		odd |= (unsigned char)s.p[i] < ' ' || s.p[i] == 127;
	return !odd;
}

slice summary_field(struct summary_writer *w, slice value)
{
	size_t n = 0;
	if (!value.p)
		return value;
	value = slice_trim(value);
	if (value.n > w->limits->field) {
		value = utf8_first(value, w->limits->field);
		w->flags |= SUMMARY_CUT;
	}
	if (is_plain(value))
		return value.p ? value : S("");
	char *out = arena_alloc(w->a, value.n);
	for (size_t i = 0; i < value.n; i++) {
		char c = value.p[i];
		bool line_end =
			c == '\n' || (c == '\r' && i + 1 < value.n && value.p[i + 1] == '\n');
		if (!line_end)
			out[n++] = (unsigned char)c < ' ' || c == 127 ? ' ' : c;
	}
	return slice_of(out, n);
}

enum single {
	FIELD_DATE,
	FIELD_SUBJECT,
	FIELD_IN_REPLY_TO,
	FIELD_MESSAGE_ID,
	FIELD_REFERENCES,
	FIELD_LIST_ID,
	SINGLES
};
static const slice single_names[SINGLES] = {S_INIT("Date"), S_INIT("Subject"),
	S_INIT("In-Reply-To"), S_INIT("Message-ID"), S_INIT("References"), S_INIT("List-Id")};
static const slice who_names[SUMMARY_WHOS] = {S_INIT("From"), S_INIT("Sender"), S_INIT("Reply-To"),
	S_INIT("To"), S_INIT("Cc"), S_INIT("Bcc")};

bool summary_shows(slice name)
{
	for (unsigned i = 0; i < SINGLES; i++)
		if (slice_ieq(name, single_names[i]))
			return true;
	for (unsigned i = 0; i < SUMMARY_WHOS; i++)
		if (slice_ieq(name, who_names[i]))
			return true;
	return slice_istarts(name, S("Content-"));
}

struct fields {
	slice single[SINGLES]; /* the first of each */
	slice who[SUMMARY_WHOS];
	bool more[SUMMARY_WHOS]; /* there are more of that name */
};

static void keep_field(struct fields *f, const struct header_field *h)
{
	slice value = h->value.p ? h->value : S("");
	for (unsigned i = 0; i < SINGLES; i++)
		if (slice_ieq(h->name, single_names[i])) {
			f->single[i] = f->single[i].p ? f->single[i] : value;
			return;
		}
	for (unsigned i = 0; i < SUMMARY_WHOS; i++)
		if (slice_ieq(h->name, who_names[i])) {
			f->more[i] = f->who[i].p;
			f->who[i] = f->who[i].p ? f->who[i] : value;
			return;
		}
}

static void read_fields(slice header, struct fields *ret)
{
	struct header_field h;
	*ret = (struct fields){0};
	while (header_next(&header, &h))
		if (h.name.n >= 2 && h.name.n <= 11)
			keep_field(ret, &h);
}

/* ---- an envelope ---- */

/* Those of From once, as everyone shows them; recipients of all fields of that name (RFC 5322 4.5.3). */
static void put_who(
	struct summary_writer *w, slice header, const struct fields *f, enum summary_who who)
{
	size_t room = w->limits->addresses;
	struct header_field h;
	if (f->who[who].p)
		summary_put_addresses(w, f->who[who], &room);
	if (f->more[who] && who >= SUMMARY_TO) {
		header_find(header, who_names[who], 0, &h);
		header = slice_of(
			h.raw.p + h.raw.n, (size_t)(header.p + header.n - h.raw.p - h.raw.n));
		while (header_next(&header, &h))
			if (slice_ieq(h.name, who_names[who]))
				summary_put_addresses(w, h.value, &room);
	}
	buf_byte(&w->b, 0);
}

static slice list_id(slice value, struct arena *a)
{
	slice text = header_text(value, a);
	size_t open = slice_rindex(text, '<');
	if (open == text.n)
		return text;
	slice id = slice_skip(text, open + 1);
	return slice_trim(slice_first(id, slice_index(id, '>')));
}

/* Decoded, and what is left of it for comparing: mostly bytes that stand there already. */
static void put_subjects(struct summary_writer *w, slice value)
{
	bool reply;
	if (!value.p) {
		summary_put_text(w, (slice){0});
		summary_put_text(w, (slice){0});
		return;
	}
	slice text = utf8_first(header_text(value, w->a), w->limits->field);
	text = text.p ? text : S("");
	size_t at = summary_put_text(w, text);
	slice base = summary_base_subject(text, w->a, &reply);
	bool same = base.n && base.p >= text.p && base.p + base.n <= text.p + text.n;
	if (same)
		summary_put_again(w, at + (size_t)(base.p - text.p), base.n);
	else
		summary_put_text(w, base);
}

static void put_preview(struct summary_writer *w, slice message)
{
	AUTO(buf) struct buf text = BUF(4 * SUMMARY_PREVIEW_MAX);
	if (w->flags & SUMMARY_NO_PREVIEW) {
		summary_put_text(w, (slice){0});
		return;
	}
	summary_preview(message, w->m, &text);
	summary_put_text(w, text.n ? buf_slice(&text) : S(""));
}

static void put_envelope(
	struct summary_writer *w, slice message, slice header, const struct fields *f, bool outer)
{
	summary_put_text(w, summary_field(w, f->single[FIELD_DATE]));
	summary_put_text(w, summary_field(w, f->single[FIELD_SUBJECT]));
	summary_put_text(w, summary_field(w, f->single[FIELD_IN_REPLY_TO]));
	summary_put_text(w, summary_field(w, f->single[FIELD_MESSAGE_ID]));
	if (outer) {
		slice id = f->single[FIELD_LIST_ID];
		put_subjects(w, f->single[FIELD_SUBJECT]);
		put_preview(w, message);
		summary_put_text(w, id.p ? utf8_first(list_id(id, w->a), w->limits->field) : id);
	} else {
		for (int i = SUMMARY_SUBJECT_TEXT; i < SUMMARY_TEXTS; i++)
			summary_put_text(w, (slice){0});
	}
	for (int i = 0; i < SUMMARY_WHOS; i++)
		put_who(w, header, f, (enum summary_who)i);
}

/* ---- what it answers ---- */

static size_t count_ids(slice in, struct arena *a)
{
	slice id;
	size_t n = 0;
	while (summary_message_id(&in, a, &id))
		n++;
	return n;
}

static void put_references(struct summary_writer *w, const struct fields *f)
{
	slice id, in = f->single[FIELD_REFERENCES];
	size_t n = count_ids(in, w->a), most = w->limits->references;
	if (!n) {
		in = f->single[FIELD_IN_REPLY_TO];
		n = count_ids(in, w->a);
	}
	for (size_t i = 0; summary_message_id(&in, w->a, &id); i++) {
		if (i < REFERENCES_FIRST || n <= most || i >= n - most + REFERENCES_FIRST)
			summary_put_text(w, slice_first(id, w->limits->field));
		else
			w->flags |= SUMMARY_CUT;
	}
	summary_put_text(w, (slice){0});
}

/* ---- the record ---- */

static void set_u32(struct buf *b, size_t at, size_t v)
{
	for (int i = 0; !b->full && i < 4; i++)
		b->p[at + (size_t)i] = (char)(v >> (24 - 8 * i));
}

/* The message inside part i, if its envelope is in the record. */
static bool has_envelope(const struct summary_writer *w, size_t i, size_t nparts)
{
	return w->m->v[i].message && i + 1 < nparts && w->m->v[i + 1].parent == (int)i;
}

static void begin_record(
	struct summary_writer *w, slice message, const struct fields *f, size_t nparts, size_t nenv)
{
	int64_t sent = INT64_MIN;
	if (f->single[FIELD_DATE].p && !date_parse(f->single[FIELD_DATE], &sent))
		sent = INT64_MIN;
	buf_u8(&w->b, SUMMARY_VERSION);
	buf_u16(&w->b, 0);
	buf_u16(&w->b, (uint16_t)nparts);
	buf_u16(&w->b, (uint16_t)nenv);
	buf_u32(&w->b, 0);
	buf_u64(&w->b, message.n - w->lead);
	buf_u64(&w->b, (uint64_t)sent);
	buf_fill(&w->b, 0, 4 * (nparts + nenv));
}

static void put_envelopes(
	struct summary_writer *w, slice message, const struct fields *outer, size_t nparts)
{
	size_t at = SUMMARY_FIXED;
	set_u32(&w->b, at, w->b.n);
	put_envelope(w, message, w->m->v[0].header, outer, true);
	for (size_t i = 0; i < nparts; i++) {
		struct fields f;
		if (!has_envelope(w, i, nparts))
			continue;
		at += 4;
		set_u32(&w->b, at, w->b.n);
		read_fields(w->m->v[i + 1].header, &f);
		put_envelope(w, message, w->m->v[i + 1].header, &f, false);
	}
}

static void put_parts(struct summary_writer *w, slice message, size_t nparts, size_t nenv)
{
	int envelope = 0;
	for (size_t i = 0; i < nparts; i++) {
		set_u32(&w->b, SUMMARY_FIXED + 4 * (nenv + i), w->b.n);
		summary_put_part(w, message, i, has_envelope(w, i, nparts) ? ++envelope : -1);
	}
}

/* What is missing to CRLF at the end of every line. */
static uint64_t line_octets(slice stored)
{
	uint64_t n = stored.n && stored.p[stored.n - 1] != '\n' ? 2 : 0;
	for (size_t at = 0; at < stored.n; at++) {
		at += slice_index(slice_skip(stored, at), '\n');
		n += at < stored.n && (!at || stored.p[at - 1] != '\r');
	}
	return n;
}

static void put_line_octets(struct summary_writer *w, slice message)
{
	uint64_t n = line_octets(slice_skip(message, w->lead));
	if (!n)
		return;
	w->flags |= SUMMARY_LINES;
	summary_put_number(w, n);
}

static bool try_build(struct summary_writer *w, slice message)
{
	struct fields f;
	size_t nparts = w->m->n < w->limits->parts ? w->m->n : w->limits->parts, nenv = 1;
	w->flags |= nparts < w->m->n ? SUMMARY_CUT : 0;
	read_fields(w->m->v[0].header, &f);
	for (size_t i = 0; i < nparts; i++)
		nenv += has_envelope(w, i, nparts);
	begin_record(w, message, &f, nparts, nenv);
	put_envelopes(w, message, &f, nparts);
	put_parts(w, message, nparts, nenv);
	set_u32(&w->b, 7, w->b.n);
	put_references(w, &f);
	put_line_octets(w, message);
	if (w->b.full)
		return false;
	w->b.p[1] = (char)(w->flags >> 8);
	w->b.p[2] = (char)w->flags;
	return true;
}

static bool build(slice message, size_t lead, const struct mime *m, const struct summary_limits *l,
	unsigned flags, struct buf *out)
{
	AUTO(arena) struct arena a = {0};
	struct summary_writer w = {
		.b = BUF(l->record), .a = &a, .limits = l, .flags = flags, .m = m, .lead = lead};
	must(lead <= message.n);
	bool done = try_build(&w, message.p ? message : S(""));
	if (done)
		buf_put(out, buf_slice(&w.b));
	buf_done(&w.b);
	return done;
}

void summary_build(slice message, size_t lead, const struct mime *m, bool preview, struct buf *out)
{
	unsigned flags = preview ? 0 : SUMMARY_NO_PREVIEW;
	bool done = false;
	for (size_t i = 0; i < sizeof steps / sizeof *steps && !done; i++)
		done = build(message, lead, m, &steps[i], flags | (i ? SUMMARY_CUT : 0), out);
	must(done);
}

void summary_build_whole(slice message, size_t lead, const struct mime *m, struct buf *out)
{
	must(build(message, lead, m, &whole, SUMMARY_NO_PREVIEW, out));
}
