/*
 * What a letter has in the fields that rules look at: each one text, several values with line ends
 * between them, made when it is first asked for. As written (valid UTF-8), and as literals are
 * compared: prose in its one spelling with white space folded, names in lower case. Called by
 * rules_run.c.
 */
#include "base/mem.h"
#include "base/utf8.h"
#include "codec/filetype.h"
#include "codec/text_table.h"
#include "content/rules_impl.h"

enum { CHINESE_LOOKED_AT = 8 * 1024 }; /* bytes of the text that show its language */

#define BIT(f) (1ULL << (f))

/* What others keep lives as long as the run; a buffer's bytes go into the arena. */
static slice keep(struct rule_fields *f, struct buf *b)
{
	return arena_dup(f->x->a, buf_slice(b));
}

/* ---- several values ---- */

static void add(struct buf *b, slice value)
{
	slice line;
	if (!value.n || b->full)
		return;
	if (b->n)
		buf_byte(b, '\n');
	while (slice_cut(&value, '\n', &line)) {
		buf_put(b, line);
		if (value.n)
			buf_byte(b, ' ');
	}
}

static void link_values(struct rule_fields *f, unsigned field, struct buf *b)
{
	const struct content *c = f->x->c;
	for (size_t i = 0; i < c->nlinks; i++) {
		const struct content_link *l = &c->links[i];
		add(b, field == FIELD_LINK    ? l->url.text
			: field == FIELD_HOST ? l->url.host
					      : l->text);
	}
}

static void file_values(struct rule_fields *f, unsigned field, struct buf *b)
{
	const struct content *c = f->x->c;
	for (size_t i = 0; i < c->nfiles; i++)
		add(b, field == FIELD_FILE
				? c->files[i].name
				: slice_z(filetype_name((enum filetype)c->files[i].type)));
}

static void html_values(struct rule_fields *f, struct buf *b)
{
	const struct mime *m = f->x->c->mime;
	for (size_t i = 0; m && i < m->n; i++)
		if (mime_is(&m->v[i], S("text"), S("html")))
			mime_decode(&m->v[i], b);
}

/* All fields that rules name, in one walk through the header. */
static void read_headers(struct rule_fields *f)
{
	struct rules *r = f->r;
	struct header_field h;
	struct buf v[RULES_HEADERS_MAX];
	slice in = f->x->c->mail.header;
	for (size_t i = 0; i < r->nheaders; i++)
		v[i] = BUF(RULES_FIELD_MAX);
	while (header_next(&in, &h))
		for (size_t i = 0; i < r->nheaders; i++)
			if (slice_ieq(h.name, r->headers[i]) && !v[i].full)
				add(&v[i], header_text(h.value, f->x->a));
	for (size_t i = 0; i < r->nheaders; i++) {
		f->written[FIELD_HEADER + i] = keep(f, &v[i]);
		f->have_written |= BIT(FIELD_HEADER + i);
		buf_done(&v[i]);
	}
}

static slice joined(struct rule_fields *f, unsigned field)
{
	AUTO(buf) struct buf b = BUF(RULES_FIELD_MAX);
	const struct content_context *ctx = f->x->ctx;
	if (field == FIELD_LINK || field == FIELD_HOST || field == FIELD_LINK_TEXT)
		link_values(f, field, &b);
	else if (field == FIELD_FILE || field == FIELD_TYPE)
		file_values(f, field, &b);
	else if (field == FIELD_HTML)
		html_values(f, &b);
	else
		for (size_t i = 0; i < ctx->nrcpts; i++)
			add(&b, ctx->rcpts[i]);
	return keep(f, &b);
}

/* ---- as written ---- */

static slice plain(const struct rule_fields *f, unsigned field, bool *ret_is)
{
	const struct content *c = f->x->c;
	const struct content_context *ctx = f->x->ctx;
	*ret_is = true;
	switch (field) {
	case FIELD_SUBJECT:
		return c->mail.subject;
	case FIELD_TEXT:
		return c->mail.text;
	case FIELD_HIDDEN:
		return c->mail.hidden;
	case FIELD_ATTACHED:
		return c->attached;
	case FIELD_FROM_NAME:
		return c->from_name;
	case FIELD_FROM:
		return c->from_address;
	case FIELD_REPLY_TO:
		return c->reply_address;
	case FIELD_SENDER:
		return ctx->sender;
	case FIELD_HELO:
		return ctx->helo;
	case FIELD_CLIENT_NAME:
		return ctx->client_name;
	case FIELD_LOGIN:
		return ctx->login;
	default:
		*ret_is = false;
		return S("");
	}
}

static slice made_valid(struct rule_fields *f, slice s)
{
	s = utf8_first(s, RULES_FIELD_MAX);
	if (utf8_valid(s))
		return s;
	AUTO(buf) struct buf b = BUF(3 * RULES_FIELD_MAX);
	utf8_scrub(&b, s);
	return keep(f, &b);
}

slice rules_field_written(struct rule_fields *f, unsigned field)
{
	bool is;
	if (field >= FIELD_HEADER && !f->have_headers) {
		f->have_headers = true;
		read_headers(f);
		for (size_t i = 0; i < f->r->nheaders; i++)
			f->written[FIELD_HEADER + i] = made_valid(f, f->written[FIELD_HEADER + i]);
	}
	if (!(f->have_written & BIT(field))) {
		slice s = plain(f, field, &is);
		f->written[field] = made_valid(f, is ? s : joined(f, field));
		f->have_written |= BIT(field);
	}
	return f->written[field];
}

/* ---- as compared ---- */

static slice lower(struct rule_fields *f, slice s)
{
	char *low = arena_strz(f->x->a, s);
	for (size_t i = 0; i < s.n; i++)
		low[i] = ascii_lower(low[i]);
	return slice_of(low, s.n);
}

static slice one_spelling(struct rule_fields *f, unsigned field)
{
	const struct content *c = f->x->c;
	struct text_undone undone;
	AUTO(buf) struct buf normal = BUF(4 * RULES_FIELD_MAX), out = BUF(RULES_FIELD_MAX);
	slice s = field == FIELD_SUBJECT    ? c->mail.normal_subject
		  : field == FIELD_TEXT     ? c->mail.normal
		  : field == FIELD_HIDDEN   ? c->mail.normal_hidden
		  : field == FIELD_ATTACHED ? c->attached_normal
					    : S("");
	if (field > FIELD_ATTACHED) {
		text_normalise(rules_field_written(f, field), &normal, &undone);
		s = buf_slice(&normal);
	}
	rules_squeeze(utf8_first(s, RULES_FIELD_MAX), rules_field_many(field), &out);
	return keep(f, &out);
}

slice rules_field_normal(struct rule_fields *f, unsigned field)
{
	if (!(f->have_normal & BIT(field))) {
		f->normal[field] = rules_field_group(field) == GROUP_PROSE
					   ? one_spelling(f, field)
					   : lower(f, rules_field_written(f, field));
		f->have_normal |= BIT(field);
	}
	return f->normal[field];
}

/* ---- numbers, facts ---- */

/* White space does not count. */
static double characters(slice s)
{
	double n = 0;
	for (size_t i = 0; i < s.n; i++)
		n += ((unsigned char)s.p[i] & 0xc0) != 0x80 && (unsigned char)s.p[i] > ' ';
	return n;
}

static void count_letters(slice s, unsigned *letters, unsigned *chinese)
{
	uint32_t cp;
	while (utf8_next(&s, &cp)) {
		bool latin = (cp | 32) >= 'a' && (cp | 32) <= 'z';
		bool han = cp >= 0x3400 && text_is_cjk(cp) && !(cp >= 0xac00 && cp <= 0xd7ff);
		*letters += latin || han || (cp >= 0xc0 && cp < 0x2000) ||
			    (cp >= 0x3040 && text_is_cjk(cp) && !han);
		*chinese += han;
	}
}

static double chinese(const struct content *c)
{
	unsigned letters = 0, han = 0;
	count_letters(c->mail.subject, &letters, &han);
	count_letters(utf8_first(c->mail.text, CHINESE_LOOKED_AT), &letters, &han);
	return letters ? 100.0 * han / letters : 0;
}

static double number(const struct content_exam *x, enum rule_number n)
{
	const struct content *c = x->c;
	switch (n) {
	case NUMBER_SIZE:
		return (double)c->message.n;
	case NUMBER_RCPTS:
		return (double)(x->ctx->rcpts_total > x->ctx->nrcpts ? x->ctx->rcpts_total
								     : x->ctx->nrcpts);
	case NUMBER_LINKS:
		return (double)c->nlinks;
	case NUMBER_FILES:
		return (double)c->nfiles;
	case NUMBER_PICTURES:
		return (double)c->npictures;
	case NUMBER_TEXT_LENGTH:
		return characters(c->mail.text);
	case NUMBER_SUBJECT_LENGTH:
		return characters(c->mail.subject);
	case NUMBER_HIDDEN_LENGTH:
		return characters(c->mail.hidden);
	case NUMBER_CHINESE:
		return chinese(c);
	case NUMBER_BULK:
		return x->bulk;
	case NUMBERS:
		break;
	}
	return 0;
}

double rules_number(struct rule_fields *f, enum rule_number n)
{
	if (!(f->have_numbers & 1U << n)) {
		f->numbers[n] = number(f->x, n);
		f->have_numbers |= 1U << n;
	}
	return f->numbers[n];
}

bool rules_fact(const struct rule_fields *f, enum rule_fact n)
{
	const struct content_context *c = f->x->ctx;
	switch (n) {
	case FACT_INBOUND:
		return c->direction == CONTENT_INBOUND;
	case FACT_OUTBOUND:
		return c->direction == CONTENT_OUTBOUND;
	case FACT_INTERNAL:
		return c->direction == CONTENT_INTERNAL;
	case FACT_LOGGED_IN:
		return c->login.n > 0;
	case FACT_PROVEN:
		return c->proven;
	case FACT_UNPROVEN:
		return c->verified && !c->proven;
	case FACT_WROTE_BEFORE:
		return c->wrote_before;
	case FACT_WRITTEN_TO:
		return c->written_to;
	case FACTS:
		break;
	}
	return false;
}
