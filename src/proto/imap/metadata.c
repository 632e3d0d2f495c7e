/*
 * METADATA (RFC 5464) of mailboxes and of the server, "/private/" and "/shared/"; for LIST (RFC 9590). Entries are kept by mail/box.h
 * in lower case, so that names do not depend on it.
 */
#include "proto/imap/list.h"

#include "base/mem.h"

enum { SET_MAX = 100 /* entries of one SETMETADATA */ };

/* "/private/comment" (RFC 5464 3.2). */
static bool is_entry(slice e)
{
	slice rest;
	if (slice_starts(e, S("/private/")))
		rest = slice_skip(e, 9);
	else if (slice_starts(e, S("/shared/")))
		rest = slice_skip(e, 8);
	else
		return false;
	if (rest.n == 0 || e.n > MAILBOX_FOLDER_MAX || rest.p[rest.n - 1] == '/' ||
		slice_find(e, S("//")) < e.n)
		return false;
	for (size_t i = 0; i < e.n; i++) {
		unsigned char c = (unsigned char)e.p[i];
		if (c < ' ' || c > 126 || c == '*' || c == '%')
			return false;
	}
	return true;
}

/* ---- GETMETADATA */

struct get {
	uint64_t max_size; /* UINT64_MAX: none */
	unsigned depth; /* 0, 1, UINT_MAX */
	slice name;
	slice *entries;
	size_t n;
	uint64_t too_long; /* the largest value that was left out */
	bool begun;
};

/* "(MAXSIZE 1024 DEPTH infinity)" */
static bool read_options(struct imap_reader *r, struct get *g)
{
	slice word;
	if (!imap_char(r, '('))
		return false;
	do {
		if (!imap_atom(r, &word) || !imap_space(r))
			return false;
		if (imap_is(word, "MAXSIZE")) {
			if (!imap_number(r, UINT32_MAX, &g->max_size))
				return false;
		} else if (imap_is(word, "DEPTH")) {
			if (!imap_atom(r, &word))
				return false;
			g->depth = imap_is(word, "0") ? 0 : imap_is(word, "1") ? 1 : UINT32_MAX;
			if (g->depth > 1 && !imap_is(word, "infinity"))
				return imap_wrong(r, "DEPTH is 0, 1 or infinity");
		} else {
			return imap_wrong(r, "that option of GETMETADATA is not known");
		}
	} while (imap_accept(r, ' '));
	return imap_char(r, ')') && imap_space(r);
}

/* And no list of entries: these begin with "/" or are strings. */
static bool are_options(const struct imap_reader *r)
{
	return imap_peek(r) == '(' && r->end - r->p > 1 && !memchr("/\"{", r->p[1], 3);
}

static bool read_get(struct imap *s, struct get *g)
{
	struct imap_reader *r = &s->in;
	*g = (struct get){.max_size = UINT64_MAX};
	g->entries = ARENA_ARRAY(&s->mem, slice, LIST_ENTRIES_MAX);
	/* Options stand before the mailbox in RFC 5464's grammar, behind it in its examples. */
	if (!imap_space(r) || (imap_peek(r) == '(' && !read_options(r, g)) ||
		!imap_mailbox(r, &g->name) || !imap_space(r) ||
		(are_options(r) && !read_options(r, g)) ||
		!imap_entries_read(s, g->entries, LIST_ENTRIES_MAX, &g->n) || !imap_end(r))
		return false;
	for (size_t i = 0; i < g->n; i++)
		if (!is_entry(g->entries[i]))
			return imap_wrong(r, "entries begin with /private/ or /shared/");
	return true;
}

static bool is_meant(slice entry, slice asked, unsigned depth)
{
	if (slice_eq(entry, asked))
		return true;
	if (depth == 0 || !slice_starts(entry, asked) || entry.p[asked.n] != '/')
		return false;
	slice below = slice_skip(entry, asked.n + 1);
	return depth > 1 || !memchr(below.p, '/', below.n);
}

/* Values may be binary: those with NUL are literal8 (RFC 5464 5). */
static void put_value(struct imap *s, slice v)
{
	if (v.p && memchr(v.p, 0, v.n)) {
		imap_printf(s, "~{%zu}\r\n", v.n);
		imap_put(s, v);
	} else {
		imap_put_string(s, v);
	}
}

static void put_entry(struct imap *s, struct get *g, slice entry, slice value)
{
	if (value.n > g->max_size) {
		if (value.n > g->too_long)
			g->too_long = value.n;
		return;
	}
	if (!g->begun) {
		imap_put(s, S("* METADATA "));
		imap_put_mailbox(s, g->name);
		imap_put(s, S(" ("));
	} else {
		imap_put(s, S(" "));
	}
	g->begun = true;
	imap_put_astring(s, entry);
	imap_put(s, S(" "));
	put_value(s, value);
}

static int get(struct imap *s, struct get *g, struct err *e)
{
	struct mailbox_metadata *v;
	size_t n;
	if (box_metadata(s->user, g->name, &s->mem, &v, &n, e) < 0)
		return -1;
	for (size_t i = 0; i < g->n; i++) {
		bool found = false;
		for (size_t k = 0; k < n; k++)
			if (is_meant(v[k].entry, g->entries[i], g->depth)) {
				found = true;
				put_entry(s, g, v[k].entry, v[k].value.p ? v[k].value : S(""));
			}
		if (!found && g->depth == 0)
			put_entry(s, g, g->entries[i], (slice){0});
	}
	if (g->begun)
		imap_put(s, S(")\r\n"));
	return 0;
}

void imap_put_metadata(struct imap *s, slice name, const slice *entries, size_t n)
{
	struct get g = {.max_size = UINT64_MAX, .name = name, .n = n};
	struct err e;
	g.entries = ARENA_ARRAY(&s->mem, slice, n + 1);
	memcpy(g.entries, entries, n * sizeof *entries);
	get(s, &g, &e); /* what may not be read is left out */
}

void imap_cmd_getmetadata(struct imap *s)
{
	struct get g;
	struct err e;
	if (!read_get(s, &g)) {
		imap_complain(s);
	} else if (get(s, &g, &e) < 0) {
		imap_fail(s, &e);
	} else if (g.too_long) {
		slice code = arena_printf(
			&s->mem, "METADATA LONGENTRIES %llu", (unsigned long long)g.too_long);
		imap_ok(s, code.p, "Some were too long");
	} else {
		imap_ok(s, NULL, "Those are the entries");
	}
}

/* ---- SETMETADATA */

static bool read_set(struct imap *s, slice *ret_name, struct mailbox_metadata *v, size_t *ret_n)
{
	struct imap_reader *r = &s->in;
	size_t n = 0;
	if (!imap_space(r) || !imap_mailbox(r, ret_name) || !imap_space(r) || !imap_char(r, '('))
		return false;
	do {
		slice entry, value;
		if (!imap_astring(r, &entry) || !imap_space(r) || !imap_nstring8(r, &value))
			return false;
		if (n == SET_MAX)
			return imap_wrong_size(r, "there are too many entries");
		char *z = arena_strz(&s->mem, entry);
		for (char *p = z; *p; p++)
			*p = ascii_lower(*p);
		v[n] = (struct mailbox_metadata){slice_of(z, entry.n), value};
		if (!is_entry(v[n].entry))
			return imap_wrong(r, "entries begin with /private/ or /shared/");
		n++;
	} while (imap_accept(r, ' '));
	*ret_n = n;
	return imap_char(r, ')') && imap_end(r);
}

static bool are_too_long(const struct mailbox_metadata *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (v[i].value.n > MAILBOX_METADATA_MAX)
			return true;
	return false;
}

void imap_cmd_setmetadata(struct imap *s)
{
	struct mailbox_metadata *v = ARENA_ARRAY(&s->mem, struct mailbox_metadata, SET_MAX);
	struct err e;
	slice name;
	size_t n = 0;
	if (!read_set(s, &name, v, &n)) {
		imap_complain(s);
	} else if (are_too_long(v, n)) {
		slice code = arena_printf(&s->mem, "METADATA MAXSIZE %d", MAILBOX_METADATA_MAX);
		imap_no(s, code.p, "A value is too long");
	} else if (box_metadata_set(s->user, name, v, n, &e) == 0) {
		for (size_t i = 0; i < n; i++)
			imap_notify_mine(s, IMAP_MINE_METADATA, name, v[i].entry);
		imap_ok(s, NULL, "Entries are set");
	} else if (e.kind == ERR_LIMIT) {
		imap_no(s, "METADATA TOOMANY", "There are too many entries");
	} else {
		imap_fail(s, &e);
	}
}
