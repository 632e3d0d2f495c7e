/*
 * Arguments of FETCH: items (RFC 9051 6.4.5, RFC 3516, 7162, 8474, 8514, 8970) and modifiers (CHANGEDSINCE, VANISHED: RFC 7162;
 * PARTIAL: RFC 9394). Called by fetch.c.
 */
#include "base/mem.h"
#include "proto/imap/fetch.h"

static const struct {
	const char *name;
	unsigned items;
} items[] = {
	{"FLAGS", FETCH_FLAGS},
	{"UID", FETCH_UID},
	{"INTERNALDATE", FETCH_DATE},
	{"RFC822.SIZE", FETCH_SIZE},
	{"ENVELOPE", FETCH_ENVELOPE},
	{"BODYSTRUCTURE", FETCH_STRUCTURE},
	{"MODSEQ", FETCH_MODSEQ},
	{"SAVEDATE", FETCH_SAVED},
	{"EMAILID", FETCH_EMAIL},
	{"THREADID", FETCH_THREAD},
};
static const struct {
	const char *name;
	unsigned items;
} macros[] = {
	{"ALL", FETCH_FLAGS | FETCH_DATE | FETCH_SIZE | FETCH_ENVELOPE},
	{"FAST", FETCH_FLAGS | FETCH_DATE | FETCH_SIZE},
	{"FULL", FETCH_FLAGS | FETCH_DATE | FETCH_SIZE | FETCH_ENVELOPE | FETCH_BODY},
};

static struct fetch_body *new_body(struct imap_reader *r, struct fetch *f)
{
	if (f->nbodies == FETCH_BODIES_MAX) {
		imap_wrong_size(r, "too many sections of a message are asked for at once");
		return NULL;
	}
	if (!f->bodies)
		f->bodies = ARENA_ARRAY(r->mem, struct fetch_body, FETCH_BODIES_MAX);
	return &f->bodies[f->nbodies++];
}

/* " (From To)" behind HEADER.FIELDS; appended to the label. */
static bool field_names(struct imap_reader *r, struct imap_section *x, struct buf *label)
{
	if (!imap_space(r) || !imap_char(r, '('))
		return false;
	x->fields = ARENA_ARRAY(r->mem, slice, IMAP_SECTION_FIELDS);
	do {
		slice *name = &x->fields[x->nfields];
		if (x->nfields == IMAP_SECTION_FIELDS)
			return imap_wrong_size(r, "too many header fields are asked for at once");
		if (!imap_astring(r, name))
			return false;
		if (!name->n)
			return imap_wrong(r, "the name of a header field is expected");
		buf_put(label, x->nfields++ ? S(" ") : S(" ("));
		fetch_string(label, *name, false);
	} while (imap_accept(r, ' '));
	buf_byte(label, ')');
	return imap_char(r, ')');
}

/* "<0.2048>": from, how many; the answer tells only from. */
static bool partial(struct imap_reader *r, struct fetch_body *b, struct buf *label)
{
	if (!imap_accept(r, '<'))
		return true;
	slice word, from, count;
	if (!imap_word(r, ">", &word) || !imap_char(r, '>'))
		return imap_wrong(r, "<FROM.COUNT> is expected");
	count = word;
	slice_cut(&count, '.', &from);
	if (!slice_u64(from, &b->from) || !slice_u64(count, &b->count) || b->from > INT64_MAX ||
		b->count > INT64_MAX || !b->count)
		return imap_wrong(r, "<FROM.COUNT> is expected, with a count above 0");
	b->partial = true;
	buf_printf(label, "<%llu>", (unsigned long long)b->from);
	return true;
}

/* Behind "BODY[" and its like. */
static bool section(struct imap_reader *r, struct fetch *f, enum fetch_how how)
{
	static const char *const names[] = {"BODY[", "BINARY[", "BINARY.SIZE["};
	AUTO(buf) struct buf label = BUF(64 * 1024);
	struct fetch_body *b = new_body(r, f);
	slice word = {0};
	if (!b || (imap_peek(r) != ']' && !imap_word(r, "[]<", &word)))
		return false;
	*b = (struct fetch_body){.how = how};
	if (!imap_section_parse(word, &b->section) ||
		(how != FETCH_RAW && b->section.kind != IMAP_SECTION_ALL))
		return imap_wrong(r, "there is no such section of a message");
	buf_put(&label, slice_z(names[how]));
	buf_put(&label, word);
	if (b->section.kind == IMAP_SECTION_PICK || b->section.kind == IMAP_SECTION_PICK_NOT)
		if (!field_names(r, &b->section, &label))
			return false;
	buf_byte(&label, ']');
	if (!imap_char(r, ']') || (how != FETCH_BINARY_SIZE && !partial(r, b, &label)))
		return false;
	if (!buf_ok(&label))
		return imap_wrong_size(r, "names of header fields are too long");
	b->label = arena_dup(r->mem, buf_slice(&label));
	return true;
}

static bool old_name(struct imap_reader *r, struct fetch *f, slice word)
{
	static const struct {
		slice name;
		enum imap_section_kind kind;
	} names[] = {{S_INIT("RFC822"), IMAP_SECTION_ALL},
		{S_INIT("RFC822.HEADER"), IMAP_SECTION_HEAD},
		{S_INIT("RFC822.TEXT"), IMAP_SECTION_TEXT}};
	for (size_t i = 0; i < 3; i++) {
		if (!slice_ieq(word, names[i].name))
			continue;
		struct fetch_body *b = new_body(r, f);
		if (!b)
			return false;
		*b = (struct fetch_body){.section.kind = names[i].kind, .label = names[i].name};
		f->seen |= names[i].kind != IMAP_SECTION_HEAD;
		return true;
	}
	return imap_wrong(r, "an item that FETCH knows is expected");
}

/* BODY, BODY[..., BODY.PEEK[..., BINARY..., RFC822... */
static bool bytes(struct imap_reader *r, struct fetch *f, slice word)
{
	bool bracket = imap_accept(r, '[');
	if (imap_is(word, "BODY") && !bracket) {
		f->items |= FETCH_BODY;
		return true;
	}
	if (!bracket)
		return old_name(r, f, word);
	if (imap_is(word, "BODY") || imap_is(word, "BINARY"))
		f->seen = true;
	if (imap_is(word, "BODY") || imap_is(word, "BODY.PEEK"))
		return section(r, f, FETCH_RAW);
	if (imap_is(word, "BINARY") || imap_is(word, "BINARY.PEEK"))
		return section(r, f, FETCH_BINARY);
	if (imap_is(word, "BINARY.SIZE"))
		return section(r, f, FETCH_BINARY_SIZE);
	return imap_wrong(r, "an item that FETCH knows is expected");
}

/* " (LAZY)" may follow (RFC 8970 3.1). */
static bool preview(struct imap_reader *r, struct fetch *f)
{
	slice word;
	f->items |= FETCH_PREVIEW;
	if (r->end - r->p < 2 || r->p[0] != ' ' || r->p[1] != '(')
		return true;
	if (!imap_space(r) || !imap_char(r, '(') || !imap_atom(r, &word) || !imap_char(r, ')'))
		return false;
	if (!imap_is(word, "LAZY"))
		return imap_wrong(r, "PREVIEW (LAZY) is expected");
	f->items |= FETCH_PREVIEW_LAZY;
	return true;
}

static bool item(struct imap_reader *r, struct fetch *f, bool macro_too)
{
	slice word;
	if (!imap_word(r, "[<", &word))
		return false;
	for (size_t i = 0; i < sizeof(items) / sizeof(*items); i++)
		if (imap_is(word, items[i].name)) {
			f->items |= items[i].items;
			return true;
		}
	for (size_t i = 0; macro_too && i < sizeof(macros) / sizeof(*macros); i++)
		if (imap_is(word, macros[i].name)) {
			f->items |= macros[i].items;
			return true;
		}
	if (imap_is(word, "PREVIEW"))
		return preview(r, f);
	return bytes(r, f, word);
}

bool imap_partial_parse(struct imap_reader *r, struct imap_partial *ret)
{
	struct imap_partial p = {0};
	uint64_t a, b;
	p.from_end = imap_accept(r, '-');
	if (!imap_number(r, UINT32_MAX, &a) || !imap_char(r, ':') ||
		(p.from_end && !imap_char(r, '-')) || !imap_number(r, UINT32_MAX, &b))
		return false;
	if (!a || !b)
		return imap_wrong(r, "a range of positions is expected: 1:100 or -1:-100");
	p.first = (uint32_t)(a < b ? a : b);
	p.last = (uint32_t)(a < b ? b : a);
	p.turned = a > b;
	*ret = p;
	return true;
}

void imap_partial_keep(const struct imap_partial *p, struct uidset *u)
{
	uint64_t first = p->first, last = p->last > u->count ? u->count : p->last;
	if (first > last) {
		uidset_done(u);
		return;
	}
	if (p->from_end) {
		uint64_t l = u->count - first + 1;
		first = u->count - last + 1;
		last = l;
	}
	uint32_t low = uidset_at(u, first - 1), high = uidset_at(u, last - 1);
	if (low > 1)
		uidset_remove(u, 1, low - 1);
	if (high < UINT32_MAX)
		uidset_remove(u, high + 1, UINT32_MAX);
}

static bool modifier(struct imap *s, struct fetch *f)
{
	struct imap_reader *r = &s->in;
	slice word;
	if (!imap_atom(r, &word))
		return false;
	if (imap_is(word, "CHANGEDSINCE")) {
		f->items |= FETCH_MODSEQ;
		return imap_space(r) && imap_number(r, INT64_MAX, &f->changed_since) &&
		       (f->changed_since || imap_wrong(r, "CHANGEDSINCE wants a number above 0"));
	}
	if (imap_is(word, "PARTIAL") && s->uid) {
		f->partial = true;
		return imap_space(r) && imap_partial_parse(r, &f->range);
	}
	if (imap_is(word, "VANISHED") && s->uid && imap_has(s, IMAP_QRESYNC)) {
		f->vanished = true;
		return true;
	}
	return imap_wrong(r, "a modifier that this FETCH knows is expected");
}

bool fetch_args(struct imap *s, struct fetch *f)
{
	struct imap_reader *r = &s->in;
	if (!imap_space(r) || !imap_set(r, &f->set) || !imap_space(r))
		return false;
	if (imap_accept(r, '(')) {
		do {
			if (!item(r, f, false))
				return false;
		} while (imap_accept(r, ' '));
		if (!imap_char(r, ')'))
			return false;
	} else if (!item(r, f, true)) {
		return false;
	}
	if (imap_accept(r, ' ')) {
		if (!imap_char(r, '('))
			return false;
		do {
			if (!modifier(s, f))
				return false;
		} while (imap_accept(r, ' '));
		if (!imap_char(r, ')'))
			return false;
	}
	if (f->vanished && !f->changed_since)
		return imap_wrong(r, "VANISHED needs CHANGEDSINCE");
	return imap_end(r);
}
