/*
 * Attachments of a message out of a PST (MS-OXCMSG 2.2.2): files, messages, objects of other programs, and links to files elsewhere, which stay links
 * (message/external-body, RFC 2046 5.2.3, RFC 2017). Called by pst_mail.c.
 */
#include "codec/pst_impl.h"

#include "base/utf8.h"

enum {
	TABLE = 0x671,
	METHOD = 0x3705,
	DATA = 0x3701,
	LONG_NAME = 0x3707,
	NAME = 0x3704,
	SHOWN = 0x3001,
	TYPE = 0x370e,
	ID = 0x3712,
	FLAGS = 0x3714,
	LONG_PATH = 0x370d,
	PATH = 0x3708
};
enum {
	BY_VALUE = 1,
	BY_REFERENCE = 2,
	BY_RESOLVE = 3,
	BY_REFERENCE_ONLY = 4,
	MESSAGE = 5,
	OLE = 6,
	BY_WEB = 7
};

static bool open_one(struct pst_making *m, struct pst_props *o, uint32_t nid, struct pst_props *ret)
{
	struct pst_node n;
	if (!pst_sub(m->p, o->heap.sub, nid, &n) || !pst_props_open(m->p, &n, ret))
		return false;
	memcpy(ret->charset, o->charset, sizeof ret->charset);
	return true;
}

/* A token "/" a token; what has parts or is a message has no place in base64. */
static bool is_type(slice s)
{
	unsigned slashes = 0;
	for (size_t i = 0; i < s.n; i++) {
		slashes += s.p[i] == '/';
		if (s.p[i] <= ' ' || s.p[i] >= 127 || strchr("()<>@,;:\\\"[]?=", s.p[i]))
			return false;
	}
	return slashes == 1 && s.p[0] != '/' && s.p[s.n - 1] != '/' && s.n < 100 &&
	       !slice_istarts(s, S("multipart/")) && !slice_istarts(s, S("message/"));
}

static slice one_line(slice s, struct arena *a)
{
	char *z = arena_strz(a, utf8_first(slice_trim(s), PST_NAME_MAX / 2));
	for (char *c = z; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 127)
			*c = ' ';
	return slice_z(z);
}

static slice first_text(struct pst_props *o, struct arena *a, const unsigned *ids, size_t n)
{
	slice s = S("");
	for (size_t i = 0; !s.n && i < n; i++)
		s = one_line(pst_text(o, ids[i], a), a);
	return s;
}

static slice id_of(struct pst_props *o, struct arena *a)
{
	slice s = one_line(pst_text(o, ID, a), a);
	if (s.n > 2 && s.p[0] == '<' && s.p[s.n - 1] == '>')
		s = slice_of(s.p + 1, s.n - 2);
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] <= ' ' || s.p[i] >= 127 || strchr("<>\"", s.p[i]))
			return S("");
	return s.n <= 250 ? s : S("");
}

static bool is_inside(struct pst_props *o, slice id, slice html, struct arena *a)
{
	enum { RENDERED = 4 };
	if (!id.n || !html.n)
		return false;
	return pst_number(o, FLAGS, 0) & RENDERED ||
	       slice_find(html, arena_printf(a, "cid:%.*s", SFMT(id))) < html.n;
}

size_t pst_attachments(
	struct pst_making *m, struct pst_props *o, slice html, struct pst_attachment **ret)
{
	static const unsigned names[] = {LONG_NAME, NAME, SHOWN};
	AUTO(pst_table) struct pst_table t = {0};
	struct pst_node n;
	*ret = NULL;
	if (!o->heap.sub || !pst_sub(m->p, o->heap.sub, TABLE, &n))
		return 0;
	if (!pst_table_open(m->p, &n, &t)) {
		m->lost++;
		return 0;
	}
	size_t most = t.n < PST_ATTACHMENTS_MAX ? t.n : PST_ATTACHMENTS_MAX, k = 0;
	struct pst_attachment *v = ARENA_ARRAY(m->a, struct pst_attachment, most + 1);
	m->lost += (unsigned)(t.n - most);
	for (size_t i = 0; i < most; i++) {
		AUTO(pst_props) struct pst_props x = {0};
		struct pst_attachment *y = &v[k++];
		y->nid = pst_row_id(&t, i);
		if (!open_one(m, o, y->nid, &x))
			continue; /* told in its place */
		y->method = pst_number(&x, METHOD, 0);
		y->name = first_text(&x, m->a, names, sizeof names / sizeof *names);
		y->type = one_line(pst_text(&x, TYPE, m->a), m->a);
		y->id = id_of(&x, m->a);
		y->inside = is_inside(&x, y->id, html, m->a);
		k -= !y->method && !pst_has(&x, DATA); /* a row without anything */
	}
	*ret = v;
	return k;
}

bool pst_attachment_bytes(
	struct pst_making *m, struct pst_props *o, const struct pst_attachment *x, struct buf *out)
{
	AUTO(pst_props) struct pst_props at = {0};
	AUTO(pst_raw) struct pst_raw r = {0};
	struct pst_node n;
	if (!open_one(m, o, x->nid, &at))
		return false;
	if (x->method == OLE && pst_object(&at, DATA, &n))
		return pst_data(m->p, n.data, out, NULL);
	if (!pst_get(&at, DATA, out->limit, &r))
		return pst_has(&at, DATA) ? false : pst_fail(m->p, "it is not there");
	buf_put(out, r.s);
	return buf_ok(out);
}

/* ---- their parts ---- */

static void put_names(struct pst_making *m, const struct pst_attachment *x, slice type)
{
	buf_printf(m->out, "Content-Type: %.*s", SFMT(type));
	if (x->name.n)
		pst_put_param(m->out, "name", x->name);
	buf_printf(m->out, "\r\nContent-Disposition: %s", x->inside ? "inline" : "attachment");
	if (x->name.n)
		pst_put_param(m->out, "filename", x->name);
	buf_put(m->out, S("\r\n"));
	if (x->id.n)
		buf_printf(m->out, "Content-ID: <%.*s>\r\n", SFMT(x->id));
}

static void put_lost(struct pst_making *m, const struct pst_attachment *x)
{
	AUTO(arena) struct arena a = {0};
	slice name = x->name.n ? x->name : S("?");
	m->lost++;
	pst_put_text(m->out, "text/plain", S("utf-8"),
		arena_printf(&a,
			"[%.*s: this attachment could not be read from the PST file: %s]\r\n",
			SFMT(name), pst_why(m->p)));
}

static bool put_message(struct pst_making *m, struct pst_props *o, const struct pst_attachment *x)
{
	AUTO(pst_props) struct pst_props at = {0};
	AUTO(pst_props) struct pst_props inner = {0};
	struct pst_node n;
	if (m->depth == PST_EMBEDDED_MAX)
		return pst_fail(m->p, "more than %d messages in each other", PST_EMBEDDED_MAX);
	if (!open_one(m, o, x->nid, &at) || !pst_object(&at, DATA, &n) ||
		!pst_props_open(m->p, &n, &inner))
		return false;
	pst_find_charset(&inner);
	buf_put(m->out, S("Content-Type: message/rfc822\r\nContent-Disposition: attachment"));
	if (x->name.n)
		pst_put_param(m->out, "filename", x->name);
	buf_put(m->out, S("\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"));
	m->depth++;
	bool ok = pst_message(m, &inner);
	m->depth--;
	return ok;
}

static bool put_link(struct pst_making *m, struct pst_props *o, const struct pst_attachment *x)
{
	static const unsigned paths[] = {LONG_PATH, PATH};
	AUTO(pst_props) struct pst_props at = {0};
	if (!open_one(m, o, x->nid, &at))
		return false;
	slice path = first_text(&at, m->a, paths, 2);
	bool web = x->method == BY_WEB;
	buf_printf(m->out, "Content-Type: message/external-body; access-type=%s",
		web ? "URL" : "local-file");
	pst_put_param(m->out, web ? "URL" : "name", path.n ? path : x->name);
	buf_put(m->out, S("\r\n\r\nContent-Type: application/octet-stream"));
	if (x->name.n)
		pst_put_param(m->out, "name", x->name);
	buf_put(m->out, S("\r\n\r\n"));
	return true;
}

static bool put_file(struct pst_making *m, struct pst_props *o, const struct pst_attachment *x)
{
	AUTO(buf) struct buf bytes = BUF(m->out->limit);
	slice type = is_type(x->type) ? x->type : S("application/octet-stream");
	if (!pst_attachment_bytes(m, o, x, &bytes))
		return false;
	put_names(m, x, type);
	pst_put_base64(m->out, buf_slice(&bytes));
	return true;
}

void pst_put_attachment(struct pst_making *m, struct pst_props *o, const struct pst_attachment *x)
{
	size_t start = m->out->n;
	bool ok;
	if (x->method == MESSAGE)
		ok = put_message(m, o, x);
	else if (x->method == BY_VALUE || x->method == OLE || !x->method)
		ok = put_file(m, o, x);
	else
		ok = put_link(m, o, x);
	if (ok || !buf_ok(m->out))
		return;
	m->out->n = start;
	put_lost(m, x);
}
