/*
 * Which elements are open (html_reader.h): the rules of WHATWG HTML 13.2.6 that decide how far a
 * style reaches: implied end tags, end tags that do not match, formatting closed across blocks.
 * The tree itself is not built.
 */
#include "codec/html_reader.h"

#include "base/must.h"

static unsigned traits(const struct html_element *e)
{
	return html_tag_traits(e->tag);
}

static void pop_to(struct html_reader *r, unsigned depth)
{
	must(depth >= 1);
	if (depth < r->depth)
		r->depth = depth;
}

static void dress(struct html_element *e, const struct html_style *parent)
{
	e->style = html_style_of(parent, &e->own);
	if (traits(e) & HTML_NEVER) {
		e->style.gone |= HTML_HIDDEN_ATTRIBUTE;
		e->style.hiding |= HTML_HIDDEN_ATTRIBUTE;
	}
	e->style.pre |= e->tag == HTML_TAG_PRE;
}

/* Takes one out of the middle: what was inside it loses its style. */
static void take_out(struct html_reader *r, unsigned at)
{
	for (unsigned i = at; i + 1 < r->depth; i++) {
		r->stack[i] = r->stack[i + 1];
		dress(&r->stack[i], &r->stack[i - 1].style);
	}
	r->depth--;
}

/* ---- implied end tags ---- */

static bool is_one_of(enum html_tag tag, const enum html_tag *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (v[i] == tag)
			return true;
	return false;
}

/* Closes the innermost open one of `closed`, unless one of `stop` (or a scope's end) is nearer. */
static void close_one(struct html_reader *r, const enum html_tag *closed, size_t nclosed,
	const enum html_tag *stop, size_t nstop)
{
	for (unsigned i = r->depth; i-- > 1;) {
		enum html_tag tag = r->stack[i].tag;
		if (is_one_of(tag, closed, nclosed)) {
			pop_to(r, i);
			return;
		}
		if (is_one_of(tag, stop, nstop) || (!nstop && traits(&r->stack[i]) & HTML_SCOPE))
			return;
	}
}

#define LIST(...)                                                                                  \
	((const enum html_tag[]){__VA_ARGS__}),                                                    \
		sizeof((const enum html_tag[]){__VA_ARGS__}) / sizeof(enum html_tag)

void html_close_implied(struct html_reader *r, enum html_tag opening)
{
	if (html_tag_traits(opening) & HTML_CLOSES_P)
		close_one(r, LIST(HTML_TAG_P), NULL, 0);
	switch (opening) {
	case HTML_TAG_LI:
		close_one(r, LIST(HTML_TAG_LI),
			LIST(HTML_TAG_UL, HTML_TAG_OL, HTML_TAG_MENU, HTML_TAG_TD, HTML_TAG_TABLE));
		break;
	case HTML_TAG_DD:
	case HTML_TAG_DT:
		close_one(r, LIST(HTML_TAG_DD, HTML_TAG_DT),
			LIST(HTML_TAG_DL, HTML_TAG_TD, HTML_TAG_TABLE));
		break;
	case HTML_TAG_OPTION:
		close_one(r, LIST(HTML_TAG_OPTION), LIST(HTML_TAG_SELECT, HTML_TAG_OPTGROUP));
		break;
	case HTML_TAG_A:
		close_one(r, LIST(HTML_TAG_A), NULL, 0);
		break;
	case HTML_TAG_TD:
	case HTML_TAG_TH:
		close_one(r, LIST(HTML_TAG_TD, HTML_TAG_TH, HTML_TAG_CAPTION),
			LIST(HTML_TAG_TR, HTML_TAG_TABLE));
		break;
	case HTML_TAG_TR:
		close_one(r, LIST(HTML_TAG_TR, HTML_TAG_CAPTION),
			LIST(HTML_TAG_TABLE, HTML_TAG_TBODY, HTML_TAG_THEAD, HTML_TAG_TFOOT));
		break;
	case HTML_TAG_TBODY:
	case HTML_TAG_THEAD:
	case HTML_TAG_TFOOT:
		close_one(r, LIST(HTML_TAG_TBODY, HTML_TAG_THEAD, HTML_TAG_TFOOT, HTML_TAG_CAPTION),
			LIST(HTML_TAG_TABLE));
		break;
	case HTML_TAG_BODY:
		close_one(r, LIST(HTML_TAG_HEAD), LIST(HTML_TAG_HTML));
		break;
	default:
		break;
	}
}

/* ---- end tags ---- */

static bool is_table_part(enum html_tag tag)
{
	return is_one_of(tag, LIST(HTML_TAG_TABLE, HTML_TAG_TR, HTML_TAG_TD, HTML_TAG_TH,
				      HTML_TAG_TBODY, HTML_TAG_THEAD, HTML_TAG_TFOOT));
}

bool html_close_element(struct html_reader *r, enum html_tag tag)
{
	unsigned own = html_tag_traits(tag);
	bool crossed = false;
	if (tag == HTML_TAG_BODY || tag == HTML_TAG_HTML || own & HTML_VOID)
		return false;
	if (r->deeper) {
		r->deeper--;
		return true;
	}
	for (unsigned i = r->depth; i-- > 1;) {
		unsigned t = traits(&r->stack[i]);
		if (r->stack[i].tag == tag) {
			if (crossed && own & HTML_FORMATTING)
				take_out(r, i);
			else
				pop_to(r, i);
			return true;
		}
		bool table = is_table_part(tag);
		if (table ? r->stack[i].tag == HTML_TAG_TABLE : t & HTML_SCOPE)
			return false;
		if (t & HTML_SPECIAL) {
			crossed = true;
			if (!(own & (HTML_SPECIAL | HTML_FORMATTING)))
				return false;
		}
	}
	return false;
}

/* ---- start tags ---- */

void html_open_element(
	struct html_reader *r, const struct html_token *t, const struct css_values *own)
{
	unsigned limit = r->limits->depth < HTML_STACK_MAX ? r->limits->depth : HTML_STACK_MAX;
	if (html_tag_traits(t->tag) & HTML_VOID)
		return;
	if (r->depth >= limit) {
		r->deeper++;
		r->html->limits |= HTML_LIMIT_DEPTH;
		return;
	}
	const struct html_style *parent = &html_top(r)->style;
	struct html_element *e = &r->stack[r->depth++];
	e->tag = t->tag;
	e->own = *own;
	dress(e, parent);
}
