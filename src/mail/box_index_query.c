/*
 * Criteria as a query of the full-text index (box_index.h). The index answers whether a piece of text occurs in a field exactly as
 * comparing would (codec/tokens.h); of fields that are named it knows only the common ones apart, so others are candidates.
 */
#include "codec/search_text.h"
#include "codec/tokens.h"
#include "mail/box_index.h"

enum {
	IN_BODY = 1 << INDEX_BODY | 1 << INDEX_ATTACHMENT,
	FUZZY_WORDS_MAX = 20,
};

static const slice own_names[] = {
	S_INIT("from"), S_INIT("to"), S_INIT("cc"), S_INIT("bcc"), S_INIT("subject")};
static const enum index_field own_fields[] = {
	INDEX_FROM, INDEX_TO, INDEX_CC, INDEX_BCC, INDEX_SUBJECT};
enum { OWN = sizeof own_names / sizeof *own_names };

static bool has_tokens(slice text)
{
	struct tokens t = {.rest = text};
	struct token one;
	return token_next(&t, &one);
}

static unsigned header_fields(slice name, bool *ret_look)
{
	*ret_look = true;
	if (!search_field_is_whole(name))
		return 0;
	for (size_t i = 0; i < OWN; i++)
		if (slice_ieq(name, own_names[i]))
			return 1u << own_fields[i] | 1u << INDEX_HEADER;
	return 1u << INDEX_HEADER;
}

static unsigned who_fields(enum summary_who who)
{
	switch (who) {
	case SUMMARY_FROM:
		return 1u << INDEX_FROM;
	case SUMMARY_TO:
		return 1u << INDEX_TO;
	case SUMMARY_CC:
		return 1u << INDEX_CC;
	case SUMMARY_BCC:
		return 1u << INDEX_BCC;
	default:
		return 0;
	}
}

/* 0: the index cannot tell. */
static unsigned fields_of(const struct box_criterion *c, bool *ret_look)
{
	switch (c->kind) {
	case BOX_WHO:
		return who_fields(c->who);
	case BOX_SUBJECT:
		return 1u << INDEX_SUBJECT;
	case BOX_HEADER:
		return header_fields(c->name, ret_look);
	case BOX_BODY:
		return IN_BODY;
	default:
		return 1u << INDEX_HEADER | IN_BODY;
	}
}

static struct index_query *new_leaf(
	struct arena *a, unsigned fields, slice text, enum index_how how)
{
	struct index_query *q = ARENA_NEW(a, struct index_query);
	*q = (struct index_query){.op = INDEX_LEAF, .fields = fields, .text = text, .how = how};
	return q;
}

/* Each word, wherever it stands, and what begins with it. */
static struct index_query *fuzzy(struct arena *a, unsigned fields, slice text)
{
	struct index_query *all = ARENA_NEW(a, struct index_query);
	slice word;
	all->op = INDEX_AND;
	for (unsigned n = 0; n < FUZZY_WORDS_MAX && slice_cut(&text, ' ', &word);) {
		if (!has_tokens(word))
			continue;
		struct index_query *q = new_leaf(a, fields, word, INDEX_BEGINNING);
		q->next = all->first;
		all->first = q;
		n++;
	}
	return all;
}

static bool leaf(
	const struct box_criterion *c, struct arena *a, struct index_query **ret, bool *ret_look)
{
	unsigned fields = c->kind >= BOX_WHO && has_tokens(c->text) ? fields_of(c, ret_look) : 0;
	if (!fields)
		return false;
	*ret = c->fuzzy ? fuzzy(a, fields, c->text) : new_leaf(a, fields, c->text, INDEX_PHRASE);
	return true;
}

bool box_index_query(
	const struct box_criterion *c, struct arena *a, struct index_query **ret, bool *ret_look)
{
	if (c->kind > BOX_NONE_OF)
		return leaf(c, a, ret, ret_look);
	if (c->kind == BOX_NONE_OF || !c->first)
		return false;
	struct index_query *q = ARENA_NEW(a, struct index_query);
	q->op = c->kind == BOX_ALL_OF ? INDEX_AND : INDEX_OR;
	for (const struct box_criterion *k = c->first; k; k = k->next) {
		struct index_query *one;
		if (!box_index_query(k, a, &one, ret_look))
			return false;
		one->next = q->first;
		q->first = one;
	}
	*ret = q;
	return true;
}
