/*
 * Sections of messages (RFC 9051 6.4.5.1): read from text, found in a summary, fields picked from a header. Header lines that
 * delivery put before the stored bytes belong to the header of the message itself.
 */
#include "proto/imap/section.h"
#include "base/mem.h"
#include "codec/header.h"

static bool kind_of(slice s, struct imap_section *x)
{
	static const struct {
		slice name;
		enum imap_section_kind kind;
	} names[] = {{S_INIT("HEADER"), IMAP_SECTION_HEAD},
		{S_INIT("HEADER.FIELDS"), IMAP_SECTION_PICK},
		{S_INIT("HEADER.FIELDS.NOT"), IMAP_SECTION_PICK_NOT},
		{S_INIT("TEXT"), IMAP_SECTION_TEXT}, {S_INIT("MIME"), IMAP_SECTION_MIME}};
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (!slice_ieq(s, names[i].name))
			continue;
		x->kind = names[i].kind;
		return x->kind != IMAP_SECTION_MIME || x->npath > 0;
	}
	return false;
}

bool imap_section_parse(slice word, struct imap_section *ret)
{
	struct imap_section x = {.kind = IMAP_SECTION_ALL};
	slice rest = word, one;
	while (rest.n) {
		slice before = rest;
		uint64_t v;
		slice_cut(&rest, '.', &one);
		if (!slice_u64(one, &v)) {
			if (!kind_of(before, &x))
				return false;
			break;
		}
		if (v == 0 || v > UINT32_MAX || x.npath == IMAP_SECTION_DEPTH ||
			(rest.p && !rest.n))
			return false;
		x.path[x.npath++] = (unsigned)v;
	}
	*ret = x;
	return true;
}

bool imap_section_parse_all(slice text, struct arena *a, struct imap_section *ret)
{
	slice word = slice_first(text, slice_index(text, ' ')), list = slice_skip(text, word.n + 1),
	      one;
	struct imap_section x;
	if (!imap_section_parse(word, &x))
		return false;
	bool wants = x.kind == IMAP_SECTION_PICK || x.kind == IMAP_SECTION_PICK_NOT;
	if (!wants && word.n != text.n)
		return false;
	if (wants) {
		if (list.n < 3 || list.p[0] != '(' || list.p[list.n - 1] != ')')
			return false;
		list = slice_of(list.p + 1, list.n - 2);
		x.fields = ARENA_ARRAY(a, slice, IMAP_SECTION_FIELDS);
		while (slice_cut(&list, ' ', &one)) {
			if (one.n > 1 && one.p[0] == '"' && one.p[one.n - 1] == '"')
				one = slice_of(one.p + 1, one.n - 2);
			if (!one.n || x.nfields == IMAP_SECTION_FIELDS)
				return false;
			x.fields[x.nfields++] = one;
		}
	}
	*ret = x;
	return true;
}

/* The message inside a part of type message/rfc822: its first child. */
static int inside(const struct summary *sum, int part, struct summary_part *ret)
{
	if (part + 1 >= (int)sum->nparts)
		return -1;
	summary_part(sum, (size_t)part + 1, ret);
	return ret->parent == part ? part + 1 : -1;
}

bool imap_section_find(const struct imap_section *x, const struct summary *sum, uint64_t prefix,
	uint64_t size, struct imap_place *ret)
{
	struct summary_part p;
	int i = summary_find_part(sum, x->path, x->npath);
	if (i < 0)
		return false;
	summary_part(sum, (size_t)i, &p);
	if (!x->npath && x->kind == IMAP_SECTION_ALL) {
		*ret = (struct imap_place){0, size};
		return true;
	}
	if (x->npath && x->kind != IMAP_SECTION_ALL && x->kind != IMAP_SECTION_MIME) {
		if (!p.message || inside(sum, i, &p) < 0)
			return false;
		i++;
	}
	bool head = x->kind != IMAP_SECTION_ALL && x->kind != IMAP_SECTION_TEXT;
	struct imap_place at = head ? (struct imap_place){prefix + p.header_at, p.header_n}
				    : (struct imap_place){prefix + p.body_at, p.body_n};
	if (head && i == 0 && x->kind != IMAP_SECTION_MIME)
		at = (struct imap_place){0, prefix + p.header_n};
	if (at.at > size || at.n > size - at.at)
		return false; /* a summary of other bytes */
	*ret = at;
	return true;
}

static bool is_listed(const struct imap_section *x, slice name)
{
	for (size_t i = 0; i < x->nfields; i++)
		if (slice_ieq(x->fields[i], name))
			return true;
	return false;
}

void imap_section_pick(const struct imap_section *x, slice header, struct buf *out)
{
	struct header_field f;
	while (header_next(&header, &f))
		if (f.name.n ? is_listed(x, f.name) == (x->kind == IMAP_SECTION_PICK)
			     : x->kind == IMAP_SECTION_PICK_NOT)
			buf_put(out, f.raw);
	buf_put(out, S("\r\n"));
}
