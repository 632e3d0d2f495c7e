/*
 * mailto: URIs of notify (RFC 6068, RFC 5436), and the letter that such a notice is. Called by notify.c to check them, and by those
 * who send. Fields that would let a script forge who wrote it or how it came are left out (RFC 5436 section 2.3).
 */
#include "base/hex.h"
#include "base/time.h"
#include "base/utf8.h"
#include "codec/qp.h"
#include "codec/words.h"
#include "sieve/impl.h"

enum { VALUE_MAX = 4096, FIELDS_MAX = 20, LETTER_MAX = 256 * 1024, SUBJECT_MAX = 256 };

struct reading {
	struct arena *a;
	struct sieve_mailto *to;
	struct buf to_field, cc_field, fields;
	unsigned nfields;
};

static bool is_uri_char(char c)
{
	char l = ascii_lower(c);
	return (l >= 'a' && l <= 'z') || (c >= '0' && c <= '9') ||
	       (c && strchr("-._~!$'()*+,;:@/?[]", c)) || (unsigned char)c >= 0x80;
}

/* %41 becomes A. False: no URI. */
static bool decode(slice s, struct arena *a, slice *ret)
{
	char *p = arena_alloc(a, s.n + 1), *to = p;
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] != '%') {
			if (!is_uri_char(s.p[i]))
				return false;
			*to++ = s.p[i];
			continue;
		}
		if (i + 2 >= s.n || hex_digit(s.p[i + 1]) < 0 || hex_digit(s.p[i + 2]) < 0)
			return false;
		*to++ = (char)(hex_digit(s.p[i + 1]) << 4 | hex_digit(s.p[i + 2]));
		i += 2;
	}
	*ret = slice_of(p, (size_t)(to - p));
	return ret->n <= VALUE_MAX && utf8_valid(*ret) && !memchr(p, 0, ret->n);
}

static bool is_rcpt(const struct sieve_mailto *to, slice address)
{
	for (size_t i = 0; i < to->nrcpts; i++)
		if (slice_ieq(to->rcpts[i], address))
			return true;
	return false;
}

static int add_rcpt(struct reading *r, slice s, struct buf *field, struct err *e)
{
	slice address, full;
	s = slice_trim(s);
	if (!sieve_mailbox(s, r->a, &address, &full))
		return err_set(e, ERR_PROTO, "names '%.*s', which is no mail address",
			(int)(s.n > 100 ? 100 : s.n), s.p);
	if (is_rcpt(r->to, address))
		return 0;
	if (r->to->nrcpts == SIEVE_NOTIFY_RCPTS_MAX)
		return err_set(
			e, ERR_LIMIT, "names more than %d recipients", SIEVE_NOTIFY_RCPTS_MAX);
	r->to->rcpts[r->to->nrcpts++] = address;
	if (field)
		buf_printf(field, "%s%.*s", field->n ? ", " : "", SFMT(full));
	return 0;
}

/* Commas that are not encoded part recipients; encoded ones are taken so, too, as everybody does. */
static int add_rcpts(struct reading *r, slice list, struct buf *field, struct err *e)
{
	slice s, one;
	if (!decode(list, r->a, &s))
		return err_set(e, ERR_PROTO, "holds characters that must be encoded");
	while (slice_cut(&s, ',', &one))
		if (add_rcpt(r, one, field, e) < 0)
			return -1;
	return 0;
}

static bool may_be_set(slice name)
{
	static const slice names[] = {S_INIT("in-reply-to"), S_INIT("references"),
		S_INIT("keywords"), S_INIT("comments")};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (slice_ieq(name, names[i]))
			return true;
	return slice_istarts(name, S("x-")) && !slice_ieq(name, S("x-priority"));
}

static int read_field(struct reading *r, slice part, struct err *e)
{
	slice raw, name, value;
	if (!slice_cut(&part, '=', &raw) || !part.p || !decode(raw, r->a, &name) ||
		!sieve_field_name(name))
		return err_set(e, ERR_PROTO, "holds a field that is none");
	if (slice_ieq(name, S("to")))
		return add_rcpts(r, part, &r->to_field, e);
	if (slice_ieq(name, S("cc")))
		return add_rcpts(r, part, &r->cc_field, e);
	if (slice_ieq(name, S("bcc")))
		return add_rcpts(r, part, NULL, e);
	if (!decode(part, r->a, &value))
		return err_set(e, ERR_PROTO, "holds characters that must be encoded");
	if (slice_ieq(name, S("subject")))
		r->to->subject = value;
	else if (slice_ieq(name, S("body")))
		r->to->body = value;
	else if (may_be_set(name) && r->nfields++ < FIELDS_MAX) {
		buf_printf(&r->fields, "%.*s: ", SFMT(name));
		words_encode(&r->fields, value, name.n + 2);
		buf_put(&r->fields, S("\r\n"));
	}
	return 0;
}

static int read_uri(struct reading *r, slice uri, struct err *e)
{
	slice rest = slice_skip(uri, 7), list, part;
	slice_cut(&rest, '?', &list);
	if (list.n && add_rcpts(r, list, &r->to_field, e) < 0)
		return -1;
	while (rest.p && slice_cut(&rest, '&', &part))
		if (read_field(r, part, e) < 0)
			return -1;
	return r->to->nrcpts ? 0 : err_set(e, ERR_PROTO, "names no recipient");
}

bool sieve_mailto(slice uri, struct arena *a, struct sieve_mailto *ret, struct err *e)
{
	struct reading r = {.a = a,
		.to = ret,
		.to_field = BUF(8192),
		.cc_field = BUF(8192),
		.fields = BUF(65536)};
	*ret = (struct sieve_mailto){.rcpts = ARENA_ARRAY(a, slice, SIEVE_NOTIFY_RCPTS_MAX)};
	int good = slice_istarts(uri, S("mailto:")) ? read_uri(&r, uri, e)
						    : err_set(e, ERR_PROTO, "is no mailto: URI");
	ret->to = arena_dup(a, buf_slice(&r.to_field));
	ret->cc = arena_dup(a, buf_slice(&r.cc_field));
	ret->fields = arena_dup(a, buf_slice(&r.fields));
	buf_done(&r.to_field);
	buf_done(&r.cc_field);
	buf_done(&r.fields);
	return good == 0;
}

/* ---- the letter ---- */

static void put_text_field(struct buf *out, const char *name, slice value)
{
	buf_printf(out, "%s: ", name);
	words_encode(out, value, strlen(name) + 2);
	buf_put(out, S("\r\n"));
}

/* At most SUBJECT_MAX characters; what is cut is seen. */
static void put_subject(struct buf *out, slice text)
{
	slice rest = text, first = text;
	AUTO(buf) struct buf cut = BUF(SUBJECT_MAX * UTF8_MAX + UTF8_MAX);
	unsigned n = 0;
	for (uint32_t cp; n < SUBJECT_MAX && utf8_next(&rest, &cp); n++)
		if (n + 2 == SUBJECT_MAX)
			first = slice_first(text, text.n - rest.n);
	if (rest.n) {
		buf_printf(&cut, "%.*s\u2026", SFMT(first));
		text = buf_slice(&cut);
	}
	put_text_field(out, "Subject", text);
}

static slice original(const struct sieve_input *q, slice name, struct arena *a)
{
	struct header_field f;
	slice header = slice_first(q->message, header_length(q->message));
	return header_find(header, name, 0, &f) ? header_text(f.value, a) : (slice){0};
}

static void put_body(struct buf *out, const struct sieve_action *act, const struct sieve_input *q,
	const struct sieve_mailto *to, struct arena *a)
{
	slice text = act->text.n ? act->text : to->body;
	AUTO(buf) struct buf made = BUF(LETTER_MAX / 8);
	if (!text.n) {
		slice from = original(q, S("from"), a), subject = original(q, S("subject"), a);
		buf_printf(&made,
			"A letter has arrived for %.*s.\r\n\r\nFrom: %.*s\r\nSubject: %.*s\r\n",
			SFMT(q->recipient), SFMT(from), SFMT(subject));
		text = buf_slice(&made);
	}
	qp_encode(out, text);
	if (!slice_ends(text, S("\n")))
		buf_put(out, S("\r\n"));
}

slice sieve_notify_letter(const struct sieve_action *act, const struct sieve_input *q,
	const struct sieve_mailto *to, slice from, struct arena *a)
{
	static const char *const priority[] = {"", "1 (High)", "3 (Normal)", "5 (Low)"};
	static const char *const importance[] = {"", "high", "normal", "low"};
	AUTO(buf) struct buf out = BUF(LETTER_MAX);
	char date[TIME_RFC5322_MAX];
	int level = act->importance >= 1 && act->importance <= 3 ? act->importance : 2;
	slice subject = to->subject.n ? to->subject
			: act->text.n ? act->text
				      : original(q, S("subject"), a);
	if (act->from.n)
		from = act->from;
	buf_printf(&out, "From: %.*s\r\n", SFMT(from));
	if (to->to.n)
		buf_printf(&out, "To: %.*s\r\n", SFMT(to->to));
	if (to->cc.n)
		buf_printf(&out, "Cc: %.*s\r\n", SFMT(to->cc));
	put_subject(&out, subject.n ? subject : S("New mail"));
	time_rfc5322(q->now, date);
	buf_printf(&out, "Date: %s\r\n", date);
	buf_printf(&out, "Auto-Submitted: auto-notified; owner-email=\"%.*s\"\r\n",
		SFMT(q->recipient));
	buf_printf(
		&out, "X-Priority: %s\r\nImportance: %s\r\n", priority[level], importance[level]);
	buf_put(&out, to->fields);
	buf_put(&out, S("MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
			"Content-Transfer-Encoding: quoted-printable\r\n\r\n"));
	put_body(&out, act, q, to, a);
	return arena_dup(a, buf_slice(&out));
}
