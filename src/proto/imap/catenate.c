/*
 * CATENATE (RFC 4469): a message made of literals and of parts of messages that are there already, named by URLs of this server
 * (RFC 5092: "/Drafts;UIDVALIDITY=1/;UID=20/;SECTION=1.2/;PARTIAL=0.1000"). Only what the person may read through this session; no
 * URLAUTH, no other servers. Called by append.c.
 */
#include "base/mem.h"
#include "base/utf8.h"
#include "proto/imap/append.h"
#include "proto/imap/section.h"

enum { URL_MAX = 8192, PIECE = 64 * 1024 };

struct url {
	slice mailbox; /* UTF-8; empty: the one that is selected */
	uint64_t validity; /* 0: not said */
	uint64_t uid;
	slice section;
	bool partial;
	uint64_t from, count;
};

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = ascii_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool undo_percent(slice in, struct arena *a, slice *ret)
{
	char *to = arena_alloc(a, in.n + 1);
	size_t n = 0;
	for (size_t i = 0; i < in.n; i++) {
		if (in.p[i] != '%') {
			to[n++] = in.p[i];
			continue;
		}
		if (in.n - i < 3 || hex(in.p[i + 1]) < 0 || hex(in.p[i + 2]) < 0)
			return false;
		to[n++] = (char)(hex(in.p[i + 1]) * 16 + hex(in.p[i + 2]));
		i += 2;
	}
	*ret = slice_of(to, n);
	return true;
}

static bool value(slice part, slice key, slice *ret)
{
	if (!slice_istarts(part, key))
		return false;
	*ret = slice_skip(part, key.n);
	return true;
}

/* ";UID=20", ";SECTION=1", ";PARTIAL=0.10", one between two slashes. */
static bool attribute(slice part, struct url *u, struct arena *a)
{
	slice v, first;
	if (value(part, S(";UID="), &v))
		return slice_u64(v, &u->uid) && u->uid && u->uid <= UINT32_MAX;
	if (value(part, S(";SECTION="), &v))
		return undo_percent(v, a, &u->section);
	if (!value(part, S(";PARTIAL="), &v))
		return false;
	slice rest = v;
	slice_cut(&rest, '.', &first);
	u->partial = true;
	u->count = UINT64_MAX;
	return slice_u64(first, &u->from) && (!rest.p || slice_u64(rest, &u->count));
}

/* "imap://host/INBOX", "//host/INBOX": of whatever server, only relative URLs are for CATENATE (RFC 4469 3). */
static bool is_absolute(slice name)
{
	return slice_starts(name, S("//")) || slice_find(name, S("://")) < name.n;
}

static bool parse(slice text, struct arena *a, struct url *ret)
{
	struct url u = {0};
	slice path = text, part, v;
	size_t at = 0;
	/* The mailbox ends where ";UID=" begins; its name may hold slashes. */
	while (at < path.n && !slice_istarts(slice_skip(path, at), S(";UID=")))
		at++;
	if (at == path.n || text.n > URL_MAX || is_absolute(slice_first(path, at)))
		return false;
	slice name = slice_first(path, at), rest = slice_skip(path, at);
	if (slice_ends(name, S("/")))
		name.n--;
	if (slice_starts(name, S("/")))
		name = slice_skip(name, 1);
	for (at = 0; at < name.n && !slice_istarts(slice_skip(name, at), S(";UIDVALIDITY="));)
		at++;
	if (at < name.n && value(slice_skip(name, at), S(";UIDVALIDITY="), &v) &&
		(!slice_u64(v, &u.validity) || !u.validity))
		return false;
	if (!undo_percent(slice_first(name, at), a, &u.mailbox) || !utf8_valid(u.mailbox))
		return false;
	while (slice_cut(&rest, '/', &part))
		if (!attribute(part, &u, a))
			return false;
	*ret = u;
	return u.uid != 0;
}

static int bad_url(struct imap *s, struct append *a, slice url, struct err *e)
{
	slice shown = slice_first(url, 200);
	for (size_t i = 0; i < shown.n; i++)
		if (shown.p[i] < ' ' || shown.p[i] > '~' || shown.p[i] == '"' || shown.p[i] == ']')
			shown = S("?");
	slice code = arena_printf(&s->mem, "BADURL \"%.*s\"%c", SFMT(shown), 0);
	a->code = code.p;
	return err_set(e, ERR_NOTFOUND, "This URL leads to nothing that can be read");
}

static int copy_place(
	struct imap *s, struct append *a, struct box_content *c, struct imap_place p, struct err *e)
{
	AUTO(buf) struct buf piece = BUF(PIECE);
	for (uint64_t n; p.n; p.at += n, p.n -= n) {
		n = p.n < PIECE ? p.n : PIECE;
		buf_reset(&piece);
		if (box_content_read(c, p.at, n, &piece, e))
			return -1;
		if (piece.n != n)
			return err_set(e, ERR_TEMP, "a message is shorter than it should be");
		if (append_bytes(s, a, buf_slice(&piece), e))
			return -1;
	}
	return 0;
}

static void clip(const struct url *u, struct imap_place *p)
{
	if (!u->partial)
		return;
	uint64_t from = u->from < p->n ? u->from : p->n;
	p->at += from;
	p->n -= from;
	if (p->n > u->count)
		p->n = u->count;
}

static int copy_picked(struct imap *s, struct append *a, struct box_content *c, const struct url *u,
	const struct imap_section *x, struct imap_place p, struct err *e)
{
	AUTO(buf)
	struct buf header = BUF(IMAP_SECTION_HEADER), picked = BUF(IMAP_SECTION_HEADER + 2);
	if (p.n > IMAP_SECTION_HEADER)
		return err_set(e, ERR_LIMIT, "A header is too long");
	if (box_content_read(c, p.at, p.n, &header, e))
		return -1;
	imap_section_pick(x, buf_slice(&header), &picked);
	struct imap_place in = {0, picked.n};
	clip(u, &in);
	return append_bytes(s, a, slice_of(picked.p + in.at, in.n), e);
}

/* 1: it leads to nothing. */
static int copy_message(struct imap *s, struct append *a, struct box_view *v,
	const struct mailbox_message *m, const struct url *u, struct err *e)
{
	struct imap_section x;
	struct summary sum;
	struct box_content *c;
	struct imap_place p;
	if (!imap_section_parse_all(u->section, &s->mem, &x) || !summary_open(m->summary, &sum))
		return 1;
	if (box_content_open(v, m, &c, e))
		return e->kind == ERR_NOTFOUND ? 1 : -1;
	int r = 1;
	if (imap_section_find(&x, &sum, box_content_prefix(c), box_content_size(c), &p)) {
		if (x.kind == IMAP_SECTION_PICK || x.kind == IMAP_SECTION_PICK_NOT) {
			r = copy_picked(s, a, c, u, &x, p, e);
		} else {
			clip(u, &p);
			r = copy_place(s, a, c, p, e);
		}
	}
	box_content_close(c);
	return r;
}

static int copy_from_view(
	struct imap *s, struct append *a, struct box_view *v, const struct url *u, struct err *e)
{
	AUTO(arena) struct arena mem = {0};
	AUTO(uidset) struct uidset uid = {0};
	struct mailbox_message *m;
	size_t n;
	if (u->validity && u->validity != v->folder.f.uidvalidity)
		return 1;
	uidset_add(&uid, (uint32_t)u->uid, (uint32_t)u->uid);
	const struct box_query q = {
		.uids = &uid, .want = MAILBOX_WANT_SUMMARY | MAILBOX_WANT_EMAIL};
	if (box_rows(v, &q, &mem, &m, &n, e))
		return -1;
	return n ? copy_message(s, a, v, m, u, e) : 1;
}

static int from_url(struct imap *s, struct append *a, slice text, struct err *e)
{
	struct url u;
	struct box_view *v;
	if (!parse(text, &s->mem, &u) || (!u.mailbox.n && !s->view))
		return bad_url(s, a, text, e);
	if (slice_ieq(u.mailbox, S("INBOX")))
		u.mailbox = S("INBOX");
	if (s->view && (!u.mailbox.n || slice_eq(u.mailbox, s->view->folder.name))) {
		int r = copy_from_view(s, a, s->view, &u, e);
		return r > 0 ? bad_url(s, a, text, e) : r;
	}
	if (box_open(s->user, u.mailbox, true, &v, e))
		return e->kind == ERR_TEMP ? -1 : bad_url(s, a, text, e);
	int r = copy_from_view(s, a, v, &u, e);
	box_close(v);
	return r > 0 ? bad_url(s, a, text, e) : r;
}

int append_catenate(struct imap *s, struct append *a, struct err *e)
{
	struct imap_reader *r = &s->in;
	slice word, url;
	uint64_t size;
	bool binary;
	if (!imap_char(r, '('))
		return -1;
	do {
		if (!imap_atom(r, &word) || !imap_space(r))
			return -1;
		if (imap_is(word, "TEXT")) {
			if (!imap_literal(r, &size, &binary) || append_literal(s, a, size, e))
				return -1;
		} else if (imap_is(word, "URL")) {
			if (!imap_astring(r, &url) || from_url(s, a, url, e))
				return -1;
		} else {
			imap_wrong(r, "TEXT or URL is expected");
			return -1;
		}
	} while (imap_accept(r, ' '));
	return imap_char(r, ')') ? 0 : -1;
}
