/*
 * A part in a summary: where it is, how long it is encoded, decoded and in lines, its Content- fields as they are
 * written (RFC 9051 7.5.2 BODYSTRUCTURE: parameters without quotes, but RFC 2231 not undone); what it says about the
 * whole message. What its type *is* was decided by mime_parse.
 */
#include "codec/paren.h"
#include "codec/summary_impl.h"

/* ---- sizes ---- */

static uint64_t count_lines(slice s)
{
	uint64_t n = 0;
	for (size_t i = 0; i < s.n; i++)
		n += s.p[i] == '\n';
	return n;
}

enum { B64_DIGIT = 1, B64_BLANK = 2, B64_PAD = 4, B64_OTHER = 8 };

static uint8_t b64_class(unsigned char c)
{
	bool digit = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
		     c == '+' || c == '/';
	if (digit)
		return B64_DIGIT;
	if (c == '=')
		return B64_PAD;
	return c == ' ' || c == '\t' || c == '\r' || c == '\n' ? B64_BLANK : B64_OTHER;
}

/* Of base64 without decoding it. UINT64_MAX: there is more in it than digits, blanks and padding at the end. */
static uint64_t base64_size(slice s)
{
	uint8_t class[256];
	uint64_t digits = 0;
	unsigned seen = 0;
	while (s.n && b64_class((unsigned char)s.p[s.n - 1]) & (B64_PAD | B64_BLANK))
		s.n--;
	for (unsigned c = 0; c < 256; c++)
		class[c] = b64_class((unsigned char)c);
	for (size_t i = 0; i < s.n; i++) {
		unsigned k = class[(unsigned char)s.p[i]];
		digits += k & B64_DIGIT;
		seen |= k;
	}
	return seen & (B64_PAD | B64_OTHER) ? UINT64_MAX : digits * 3 / 4;
}

static uint64_t decoded_size(const struct mime_part *p)
{
	switch (p->encoding) {
	case MIME_BASE64:
		return base64_size(p->body);
	case MIME_QP:
	case MIME_UUENCODE:
		return UINT64_MAX;
	default:
		return p->body.n;
	}
}

/* ---- fields ---- */

struct fields {
	slice type, encoding, disposition, id, description, md5, language, location;
	bool raw; /* 8-bit bytes in the header */
};

/* Where a field of that name goes; NULL: none of ours. The first of several counts, as in mime.c. */
static slice *field_place(struct fields *f, slice name)
{
	const struct {
		slice name;
		slice *to;
	} v[] = {
		{S("Content-Type"), &f->type},
		{S("Content-Transfer-Encoding"), &f->encoding},
		{S("Content-Disposition"), &f->disposition},
		{S("Content-ID"), &f->id},
		{S("Content-Description"), &f->description},
		{S("Content-MD5"), &f->md5},
		{S("Content-Language"), &f->language},
		{S("Content-Location"), &f->location},
	};
	for (size_t i = 0; i < sizeof v / sizeof *v; i++)
		if (slice_ieq(name, v[i].name))
			return v[i].to->p ? NULL : v[i].to;
	return NULL;
}

static bool has_8bit(slice s)
{
	unsigned char all = 0;
	for (size_t i = 0; i < s.n; i++)
		all |= (unsigned char)s.p[i];
	return all & 0x80;
}

static void read_fields(slice header, struct fields *ret)
{
	struct header_field f;
	*ret = (struct fields){.raw = has_8bit(header)};
	while (header_next(&header, &f)) {
		slice *to = slice_istarts(f.name, S("Content-")) ? field_place(ret, f.name) : NULL;
		if (to)
			*to = f.value.p ? f.value : S("");
	}
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static slice skip_blanks(slice s)
{
	while (s.n && (is_blank(s.p[0]) || s.p[0] == '(')) {
		size_t n = s.p[0] == '(' ? paren_length(s) : 1;
		s = slice_skip(s, n ? n : s.n);
	}
	return s;
}

/* A value in quotes, without them; line ends go (summary_field). */
static slice cut_quoted(slice *in, struct arena *a)
{
	slice s = slice_skip(*in, 1);
	char *out = arena_alloc(a, s.n + 1);
	size_t n = 0, i = 0;
	for (; i < s.n && s.p[i] != '"'; i++) {
		i += s.p[i] == '\\' && i + 1 < s.n && (s.p[i + 1] == '"' || s.p[i + 1] == '\\');
		out[n++] = s.p[i];
	}
	s = slice_skip(s, i + 1);
	*in = slice_skip(s, slice_index(s, ';'));
	return slice_of(out, n);
}

static slice cut_token(slice *in)
{
	slice all = slice_first(*in, slice_index(*in, ';'));
	*in = slice_skip(*in, all.n);
	return slice_trim(slice_first(all, slice_find(all, S(" ("))));
}

/* The next "name=value" of *in. False: none. */
static bool cut_param(slice *in, struct arena *a, slice *ret_name, slice *ret_value)
{
	while (in->n) {
		size_t end = 0;
		slice s = skip_blanks(in->p[0] == ';' ? slice_skip(*in, 1) : *in);
		while (end < s.n && s.p[end] != '=' && s.p[end] != ';' && s.p[end] != '"')
			end++;
		slice name = slice_trim(slice_first(s, end));
		*in = slice_skip(s, end);
		if (end < s.n && s.p[end] == '"')
			cut_quoted(in, a); /* quotes around nothing that has a name */
		if (end == s.n || s.p[end] != '=')
			continue;
		*in = skip_blanks(slice_skip(s, end + 1));
		slice value = in->n && in->p[0] == '"' ? cut_quoted(in, a) : cut_token(in);
		if (!name.n)
			continue;
		*ret_name = name;
		*ret_value = value;
		return true;
	}
	return false;
}

static void put_params(struct summary_writer *w, slice in)
{
	slice name, value;
	for (size_t n = 0; cut_param(&in, w->a, &name, &value); n++) {
		if (n == w->limits->params) {
			w->flags |= SUMMARY_CUT;
			break;
		}
		summary_put_text(w, summary_field(w, name));
		summary_put_text(w, summary_field(w, value.p ? value : S("")));
	}
	summary_put_text(w, (slice){0});
}

/* A field's first word, as it is written when that is what the reader took it for; *in moves behind it. */
static slice cut_main(slice *in, slice taken)
{
	slice s = skip_blanks(*in), main = slice_first(s, taken.n);
	*in = slice_skip(s, slice_index(s, ';'));
	return slice_ieq(main, taken) ? main : taken;
}

/* ---- what is written ---- */

static void put_type(struct summary_writer *w, const struct mime_part *p, slice field)
{
	slice params = field, main = cut_main(&params, p->type.main), first;
	bool container = mime_is(p, S("multipart"), S(""));
	if ((container && !p->multipart) || !p->type_given || p->defects & MIME_BAD_TYPE) {
		bool inside = p->type_given || !mime_is(p, S("message"), S(""));
		bool deep = p->defects & MIME_TOO_DEEP;
		main = deep ? S("application/octet-stream") : inside ? S("text/plain") : main;
		params = inside && !deep ? S("; charset=us-ascii") : S("");
	}
	if (slice_cut(&main, '/', &first)) {
		summary_put_text(w, summary_field(w, first));
		summary_put_text(w, summary_field(w, main));
	}
	put_params(w, params);
}

static void put_languages(struct summary_writer *w, slice in)
{
	slice one;
	for (size_t n = 0; n < w->limits->params && slice_cut(&in, ',', &one); n++)
		if (slice_trim(one).n)
			summary_put_text(w, summary_field(w, skip_blanks(one)));
	summary_put_text(w, (slice){0});
}

static void put_disposition(struct summary_writer *w, const struct mime_part *p, slice field)
{
	slice main = cut_main(&field, p->disposition.main);
	summary_put_text(w, summary_field(w, main.p ? main : S("")));
	put_params(w, field);
}

/* ---- what it says about the message ---- */

static bool is_file(const struct mime_part *p, const struct fields *f)
{
	slice name = mime_param(&p->disposition, S("filename"));
	if (p->multipart || mime_is(p, S("application"), S("pgp-signature")) ||
		mime_is(p, S("application"), S("pkcs7-signature")) ||
		mime_is(p, S("application"), S("x-pkcs7-signature")) ||
		mime_is(p, S("application"), S("pgp-encrypted")))
		return false;
	if (slice_eq(p->disposition.main, S("attachment")))
		return true;
	if (f->id.p && mime_is(p, S("image"), S("")))
		return false; /* shown in the text */
	name = name.n ? name : mime_param(&p->type, S("name"));
	if (name.n)
		return true;
	return p->parent >= 0 && !mime_is(p, S("text"), S("")) &&
	       !mime_is(p, S("message"), S("delivery-status")) &&
	       !mime_is(p, S("message"), S("disposition-notification")) &&
	       !mime_is(p, S("multipart"), S(""));
}

static unsigned flags_of(const struct mime_part *p, const struct fields *f)
{
	unsigned flags = 0;
	bool smime = mime_is(p, S("application"), S("pkcs7-mime")) ||
		     mime_is(p, S("application"), S("x-pkcs7-mime"));
	bool signed_only = slice_ieq(mime_param(&p->type, S("smime-type")), S("signed-data"));
	flags |= is_file(p, f) && !smime ? SUMMARY_ATTACHMENT : 0;
	flags |= f->raw ? SUMMARY_8BIT : 0;
	flags |= mime_is(p, S("text"), S("calendar")) ? SUMMARY_INVITE : 0;
	flags |= mime_is(p, S("multipart"), S("encrypted")) || (smime && !signed_only)
			 ? SUMMARY_ENCRYPTED
			 : 0;
	flags |= mime_is(p, S("multipart"), S("signed")) || (smime && signed_only) ? SUMMARY_SIGNED
										   : 0;
	return flags;
}

/* ---- a part ---- */

static bool has_child(const struct summary_writer *w, size_t i)
{
	return i + 1 < w->m->n && i + 1 < w->limits->parts && w->m->v[i + 1].parent == (int)i;
}

static void put_place(struct summary_writer *w, slice message, slice s)
{
	size_t at = s.p ? (size_t)(s.p - message.p) : message.n,
	       before = at < w->lead ? w->lead - at : 0;
	summary_put_number(w, at < w->lead ? 0 : at - w->lead);
	summary_put_number(w, before < s.n ? s.n - before : 0);
}

void summary_put_part(struct summary_writer *w, slice message, size_t i, int envelope)
{
	const struct mime_part *p = &w->m->v[i];
	struct fields f;
	read_fields(p->header, &f);
	bool lines = mime_is(p, S("text"), S("")) || mime_is(p, S("message"), S("")) ||
		     !p->type_given || (mime_is(p, S("multipart"), S("")) && !p->multipart);
	uint64_t decoded = decoded_size(p);
	slice optional[] = {f.id, f.description, f.encoding, f.md5};
	unsigned bits = (unsigned)p->encoding << PART_ENCODING_SHIFT;
	bits |= p->multipart && has_child(w, i) ? PART_MULTIPART : 0;
	bits |= p->message && has_child(w, i) ? PART_MESSAGE : 0;
	bits |= lines ? PART_LINES : 0;
	bits |= decoded != p->body.n ? PART_DECODED : 0;
	for (unsigned k = 0; k < 4; k++)
		bits |= optional[k].p ? PART_ID << k : 0;
	bits |= f.disposition.p ? PART_DISPOSITION : 0;
	bits |= f.language.p ? PART_LANGUAGE : 0;
	bits |= f.location.p ? PART_LOCATION : 0;
	bits |= envelope >= 0 ? PART_ENVELOPE : 0;
	buf_u16(&w->b, (uint16_t)bits);
	summary_put_number(w, (uint64_t)(p->parent + 1));
	summary_put_number(w, p->depth);
	put_place(w, message, p->header);
	put_place(w, message, p->body);
	if (bits & PART_LINES)
		summary_put_number(w, count_lines(p->body));
	if (bits & PART_DECODED)
		summary_put_number(w, decoded + 1); /* 0: not known */
	if (bits & PART_ENVELOPE)
		summary_put_number(w, (uint64_t)envelope);
	put_type(w, p, f.type);
	for (unsigned k = 0; k < 4; k++)
		if (optional[k].p)
			summary_put_text(w, summary_field(w, optional[k]));
	if (f.disposition.p)
		put_disposition(w, p, f.disposition);
	if (f.language.p)
		put_languages(w, f.language);
	if (f.location.p)
		summary_put_text(w, summary_field(w, f.location));
	w->flags |= flags_of(p, &f);
}
