/*
 * The header of a message out of a PST (pst.h): the fields that it came with (PidTagTransportMessageHeaders) but for those of its MIME structure, which is made
 * anew; what is missing, of mail that was sent or written here all of it, from properties and the list of recipients (MS-OXCMAIL 2.1.3).
 * People who have no address but a name in a directory ("/o=.../cn=joe") get one below "exchange.invalid", as Exchange wraps such names
 * (MS-OXOABK IMCEAEX); those with a name alone are an empty group of this name (RFC 5322 3.4).
 */
#include "codec/pst_impl.h"

#include "base/b64.h"
#include "codec/header.h"
#include "codec/words.h"
#include <stdio.h>

enum { TO = 1, CC, BCC, RECIPIENTS = 0x692, LINE_MAX_BYTES = 996 };

/* ---- those it came with ---- */

static bool is_own(slice name)
{
	return slice_istarts(name, S("Content-")) || slice_ieq(name, S("MIME-Version"));
}

static bool is_name(slice name)
{
	for (size_t i = 0; i < name.n; i++)
		if (name.p[i] <= ' ' || name.p[i] >= 127)
			return false;
	return name.n > 0;
}

/* Lines end in CRLF, whatever they ended in; an empty continuation would be the end of the header. */
static void put_raw(struct buf *out, slice raw)
{
	slice line;
	while (slice_cut(&raw, '\n', &line)) {
		if (!slice_trim(line).n)
			continue;
		while (line.n && line.p[line.n - 1] == '\r')
			line.n--;
		for (size_t i = 0; i < line.n; i++)
			buf_byte(out, line.p[i] == '\r' ? ' ' : line.p[i]);
		buf_put(out, S("\r\n"));
	}
}

static void put_transport(struct buf *out, slice header)
{
	struct header_field f;
	while (header_next(&header, &f))
		if (is_name(f.name) && !is_own(f.name))
			put_raw(out, f.raw);
}

/* ---- addresses ---- */

static bool is_address(slice s)
{
	size_t at = slice_rindex(s, '@');
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] <= ' ' || s.p[i] == 127 ||
			strchr("<>(),;:\"[]\\", s.p[i]))
			return false;
	return at > 0 && at + 1 < s.n && s.n <= 320;
}

/* "/O=SITE/CN=JOE" */
static slice wrapped(slice dn, struct arena *a)
{
	AUTO(buf) struct buf b = BUF(4096);
	buf_put(&b, S("IMCEAEX-"));
	for (size_t i = 0; i < dn.n && i < 1000; i++) {
		unsigned char c = (unsigned char)dn.p[i];
		if (c == '/')
			buf_byte(&b, '_');
		else if (c < 128 &&
			 (strchr("=-.", c) || (c >= '0' && c <= '9') ||
				 (ascii_lower((char)c) >= 'a' && ascii_lower((char)c) <= 'z')))
			buf_byte(&b, (char)c);
		else
			buf_printf(&b, "+%02X", c);
	}
	buf_put(&b, S("@exchange.invalid"));
	return arena_dup(a, buf_slice(&b));
}

struct person {
	slice name, address, smtp; /* smtp: when it is known besides another kind of address */
};

static slice address_of(const struct person *x, struct arena *a)
{
	if (is_address(x->smtp))
		return x->smtp;
	if (slice_starts(x->address, S("/")))
		return wrapped(x->address, a);
	if (is_address(x->address))
		return x->address;
	return is_address(x->name) ? x->name : S("");
}

static void put_person(struct buf *out, const struct person *x, size_t column, struct arena *a)
{
	slice address = address_of(x, a), name = slice_trim(x->name);
	if (name.n >= 2 && name.p[0] == '\'' && name.p[name.n - 1] == '\'')
		name = slice_of(
			name.p + 1, name.n - 2); /* Outlook's way to say that it is an address */
	if (address.n && (!name.n || slice_ieq(name, address))) {
		buf_put(out, address);
		return;
	}
	words_encode_phrase(out, name.n ? name : S("unknown"), column);
	if (address.n)
		buf_printf(out, "%s<%.*s>", column + name.n + address.n > 70 ? "\r\n " : " ",
			SFMT(address));
	else
		buf_put(out, S(":;"));
}

/* ---- who sent it ---- */

static bool person_of(struct pst_props *o, unsigned name, unsigned address, unsigned smtp,
	struct arena *a, struct person *ret)
{
	*ret = (struct person){slice_trim(pst_text(o, name, a)),
		slice_trim(pst_text(o, address, a)), slice_trim(pst_text(o, smtp, a))};
	return ret->name.n || ret->address.n || ret->smtp.n;
}

static void put_from(struct pst_making *m, struct pst_props *o)
{
	struct person from, sender;
	bool has_sender = person_of(o, 0x0c1a, 0x0c1f, 0x5d01, m->a, &sender);
	bool has_from = person_of(o, 0x0042, 0x0065, 0x5d02, m->a, &from);
	if (!has_from && !has_sender)
		return;
	buf_put(m->out, S("From: "));
	put_person(m->out, has_from ? &from : &sender, 6, m->a);
	buf_put(m->out, S("\r\n"));
	if (has_from && has_sender &&
		!slice_ieq(address_of(&from, m->a), address_of(&sender, m->a))) {
		buf_put(m->out, S("Sender: "));
		put_person(m->out, &sender, 8, m->a);
		buf_put(m->out, S("\r\n"));
	}
}

/* ---- who got it ---- */

static slice cell_text(
	struct pst_table *t, size_t row, unsigned id, struct pst_props *o, struct arena *a)
{
	AUTO(pst_raw) struct pst_raw r;
	return pst_cell(t, row, id, PST_NAME_MAX, &r) ? slice_trim(pst_text_of(o, &r, a)) : S("");
}

static uint32_t cell_number(struct pst_table *t, size_t row, unsigned id)
{
	AUTO(pst_raw) struct pst_raw r;
	return pst_cell(t, row, id, 8, &r) && r.s.n == 4 ? pst_32(r.s.p) : 0;
}

static void put_recipients(struct pst_making *m, struct pst_props *o, struct pst_table *t,
	uint32_t type, const char *name)
{
	size_t n = 0, most = t->n < PST_RECIPIENTS_MAX ? t->n : PST_RECIPIENTS_MAX;
	for (size_t i = 0; i < most; i++) {
		if ((cell_number(t, i, 0x0c15) & 15) != type)
			continue;
		struct person x = {cell_text(t, i, 0x3001, o, m->a),
			cell_text(t, i, 0x3003, o, m->a), cell_text(t, i, 0x39fe, o, m->a)};
		if (!x.name.n && !x.address.n && !x.smtp.n)
			continue;
		if (n++)
			buf_put(m->out, S(",\r\n "));
		else
			buf_printf(m->out, "%s: ", name);
		put_person(m->out, &x, n == 1 ? strlen(name) + 2 : 1, m->a);
	}
	if (n)
		buf_put(m->out, S("\r\n"));
}

/* Without a list: what was shown, "Ann; Bob". */
static void put_shown(struct pst_making *m, struct pst_props *o, unsigned id, const char *name)
{
	slice rest = pst_text(o, id, m->a), one;
	size_t n = 0;
	while (n < PST_RECIPIENTS_MAX && slice_cut(&rest, ';', &one)) {
		struct person x = {.name = slice_trim(one)};
		if (!x.name.n)
			continue;
		if (n++)
			buf_put(m->out, S(",\r\n "));
		else
			buf_printf(m->out, "%s: ", name);
		put_person(m->out, &x, n == 1 ? strlen(name) + 2 : 1, m->a);
	}
	if (n)
		buf_put(m->out, S("\r\n"));
}

static void put_to(struct pst_making *m, struct pst_props *o, slice given)
{
	static const struct {
		uint32_t type;
		unsigned shown;
		const char *name;
	} kinds[] = {{TO, 0x0e04, "To"}, {CC, 0x0e03, "Cc"}, {BCC, 0x0e02, "Bcc"}};
	AUTO(pst_table) struct pst_table t = {0};
	struct pst_node n;
	if (header_count(given, S("To")) || header_count(given, S("Cc")))
		return;
	bool has = o->heap.sub && pst_sub(m->p, o->heap.sub, RECIPIENTS, &n) &&
		   pst_table_open(m->p, &n, &t) && t.n;
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		size_t before = m->out->n;
		if (has)
			put_recipients(m, o, &t, kinds[i].type, kinds[i].name);
		if (m->out->n == before && kinds[i].type != BCC)
			put_shown(m, o, kinds[i].shown, kinds[i].name);
	}
}

/* ---- others ---- */

static void put_words(struct buf *out, const char *name, slice text)
{
	buf_printf(out, "%s: ", name);
	words_encode(out, text, strlen(name) + 2);
	buf_put(out, S("\r\n"));
}

/* "<...>", several of them in References. */
static void put_ids(struct pst_making *m, struct pst_props *o, unsigned id, const char *name)
{
	slice rest = pst_text(o, id, m->a);
	size_t n = 0, from, to;
	while ((from = slice_index(rest, '<')) < rest.n &&
		(to = slice_index(slice_skip(rest, from), '>')) < rest.n - from) {
		slice one = slice_of(rest.p + from, to + 1);
		rest = slice_skip(rest, from + to + 1);
		if (!is_name(one) || one.n > LINE_MAX_BYTES)
			continue;
		if (n++)
			buf_put(m->out, S("\r\n "));
		else
			buf_printf(m->out, "%s: ", name);
		buf_put(m->out, one);
	}
	if (n)
		buf_put(m->out, S("\r\n"));
}

static void put_date(struct pst_making *m, struct pst_props *o)
{
	static const unsigned ids[] = {0x0039, 0x0e06, 0x3007, 0x3008};
	char text[PST_DATE_MAX];
	int64_t at = 0;
	for (size_t i = 0; !at && i < sizeof ids / sizeof *ids; i++)
		at = pst_time(o, ids[i]);
	if (!at)
		return;
	pst_date(at, text);
	buf_printf(m->out, "Date: %s\r\n", text);
}

static void put_importance(struct pst_making *m, struct pst_props *o)
{
	enum { LOW, NORMAL, HIGH };
	uint32_t v = pst_number(o, 0x0017, NORMAL);
	if (v == HIGH)
		buf_put(m->out, S("Importance: high\r\nX-Priority: 1\r\n"));
	else if (v == LOW)
		buf_put(m->out, S("Importance: low\r\nX-Priority: 5\r\n"));
}

static void put_thread(struct pst_making *m, struct pst_props *o)
{
	enum { INDEX_MAX = 600 };
	AUTO(pst_raw) struct pst_raw r = {0};
	slice topic = pst_text(o, 0x0070, m->a);
	if (topic.n)
		put_words(m->out, "Thread-Topic", topic);
	if (!pst_get(o, 0x0071, INDEX_MAX, &r) || r.type != PST_T_BINARY || !r.s.n)
		return;
	buf_put(m->out, S("Thread-Index: "));
	b64_encode(m->out, r.s);
	buf_put(m->out, S("\r\n"));
}

void pst_fields(struct pst_making *m, struct pst_props *o)
{
	AUTO(buf) struct buf raw = BUF(PST_TEXT_MAX);
	put_transport(&raw, pst_text(o, 0x007d, m->a));
	slice given = buf_slice(&raw);
	buf_put(m->out, given);
	if (!header_count(given, S("From")))
		put_from(m, o);
	put_to(m, o, given);
	if (!header_count(given, S("Subject")))
		put_words(m->out, "Subject", pst_subject(o, m->a));
	if (!header_count(given, S("Date")))
		put_date(m, o);
	if (!header_count(given, S("Message-ID")))
		put_ids(m, o, 0x1035, "Message-ID");
	if (!header_count(given, S("In-Reply-To")))
		put_ids(m, o, 0x1042, "In-Reply-To");
	if (!header_count(given, S("References")))
		put_ids(m, o, 0x1039, "References");
	if (given.n)
		return;
	put_importance(m, o);
	put_thread(m, o);
}
