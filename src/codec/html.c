/*
 * Reading HTML (html.h): tokens to text, hidden text, links and counts, in one pass. The parts:
 * html_token.c cuts, html_css.c and html_sheet.c read styles, html_style.c decides what is seen,
 * html_stack.c knows what is inside what, html_out.c writes text, html_link.c collects links.
 */
#include "codec/html.h"

#include "base/mem.h"
#include "codec/html_reader.h"

const struct html_limits html_limits_default = {.depth = 200,
	.rules = 2000,
	.links = 5000,
	.images = 2000,
	.value = 16 * 1024,
	.text = 4 << 20,
	.hidden = 1 << 20,
	.aside = 256 << 10};

enum { TITLE_MAX = 4096 };

/* ---- styles of one tag ---- */

static void set(struct css_values *v, enum css_property p, struct css_value value)
{
	v->v[p] = value;
	v->set |= 1u << p;
}

static void set_colour(struct css_values *v, enum css_property p, slice text)
{
	struct css_colour c;
	if (text.p && css_colour_attribute(text, &c))
		set(v, p, (struct css_value){.colour = c});
}

/* <font size=1>, "+2", "-2" (WHATWG HTML 15.3.4). */
static void font_size(struct css_values *v, slice text)
{
	static const float px[] = {10, 13, 16, 18, 24, 32, 48};
	struct css_value n;
	slice s = slice_trim(text);
	if (!s.n || !css_length(s, &n))
		return;
	int size = (int)n.n + (s.p[0] == '+' || s.p[0] == '-' ? 3 : 0);
	size = size < 1 ? 1 : size > 7 ? 7 : size;
	set(v, CSS_FONT_SIZE, (struct css_value){.n = px[size - 1], .unit = CSS_PX});
}

static void old_attributes(const struct html_token *t, struct css_values *v)
{
	set_colour(v, CSS_BACKGROUND, html_attribute(t, S("bgcolor")));
	if (html_attribute(t, S("background")).n)
		set(v, CSS_BACKGROUND, (struct css_value){.unit = CSS_UNKNOWN});
	if (t->tag == HTML_TAG_BODY)
		set_colour(v, CSS_COLOUR, html_attribute(t, S("text")));
	if (t->tag == HTML_TAG_FONT || t->tag == HTML_TAG_BASEFONT) {
		set_colour(v, CSS_COLOUR, html_attribute(t, S("color")));
		font_size(v, html_attribute(t, S("size")));
	}
	if (t->tag == HTML_TAG_A && html_attribute(t, S("href")).n)
		set(v, CSS_COLOUR, (struct css_value){.colour = {0, 0, 238, 255}});
}

/* Has the tag anything that decides how it looks? Most have not. */
static bool is_plain(const struct html_reader *r, const struct html_token *t)
{
	return !t->nattributes && !r->sheet.nrules;
}

static void own_style(struct html_reader *r, const struct html_token *t, struct css_values *ret)
{
	struct css_values v = {0};
	const struct css_links links = {html_found_url, r};
	bool cut;
	*ret = v;
	if (is_plain(r, t))
		return;
	slice tag = t->tag == HTML_TAG_OTHER ? t->name : html_tag_name(t->tag);
	old_attributes(t, &v);
	css_sheet_apply(&r->sheet, tag, slice_trim(html_attribute(t, S("id"))),
		html_attribute(t, S("class")), &v);
	slice style = html_attribute(t, S("style"));
	if (style.n)
		css_declarations(html_value(r, style, &cut), &links, r->mem, &v);
	if (html_attribute(t, S("hidden")).p)
		set(&v, CSS_DISPLAY, (struct css_value){0});
	if (v.set & 1u << CSS_MSO_HIDE && v.v[CSS_MSO_HIDE].n > 0)
		r->html->stats.mso_hidden++;
	*ret = v;
}

/* ---- counts ---- */

static void count_handlers(struct html_reader *r, const struct html_token *t)
{
	for (unsigned i = 0; i < t->nattributes; i++)
		r->html->stats.event_handlers += t->attributes[i].name.n > 3 &&
						 slice_istarts(t->attributes[i].name, S("on"));
}

static void count_input(struct html_reader *r, const struct html_token *t)
{
	struct html_stats *s = &r->html->stats;
	slice type = slice_trim(html_attribute(t, S("type")));
	bool button = slice_ieq(type, S("submit")) || slice_ieq(type, S("button")) ||
		      slice_ieq(type, S("image")) || slice_ieq(type, S("reset"));
	s->password_inputs += slice_ieq(type, S("password"));
	s->hidden_inputs += slice_ieq(type, S("hidden"));
	s->buttons += button;
	s->inputs += !button && !slice_ieq(type, S("hidden"));
}

static void count(struct html_reader *r, const struct html_token *t)
{
	struct html_stats *s = &r->html->stats;
	s->tags++;
	count_handlers(r, t);
	switch (t->tag) {
	case HTML_TAG_STYLE:
		s->styles++;
		break;
	case HTML_TAG_FORM:
		s->forms++;
		break;
	case HTML_TAG_INPUT:
		count_input(r, t);
		break;
	case HTML_TAG_TEXTAREA:
	case HTML_TAG_SELECT:
		s->inputs++;
		break;
	case HTML_TAG_BUTTON:
		s->buttons++;
		break;
	case HTML_TAG_SCRIPT:
		s->scripts++;
		break;
	case HTML_TAG_IFRAME:
	case HTML_TAG_FRAME:
		s->frames++;
		break;
	case HTML_TAG_OBJECT:
	case HTML_TAG_EMBED:
	case HTML_TAG_APPLET:
		s->objects++;
		break;
	case HTML_TAG_SVG:
		s->svgs++;
		break;
	case HTML_TAG_TABLE:
		s->tables++;
		break;
	default:
		break;
	}
}

/* ---- tags ---- */

/* The label of a button is seen: "<input type=submit value='Log in'>"; of other fields the hint. */
static void put_input(struct html_reader *r, const struct html_token *t)
{
	slice type = slice_trim(html_attribute(t, S("type")));
	bool button = slice_ieq(type, S("submit")) || slice_ieq(type, S("button"));
	slice label = html_attribute(t, button ? S("value") : S("placeholder"));
	if (slice_ieq(type, S("hidden")) || !label.n)
		return;
	size_t from = r->seen.b.n;
	html_put_space(r);
	html_put_text(r, slice_first(label, r->limits->value), true);
	html_put_space(r);
	struct html_link *form = r->form.link ? &r->html->links[r->form.link - 1] : NULL;
	if (button && form && !form->text.p)
		form->text = slice_trim(
			arena_dup(r->mem, slice_of(r->seen.b.p + from, r->seen.b.n - from)));
}

static void put_breaks(struct html_reader *r, enum html_tag tag)
{
	unsigned traits = html_tag_traits(tag);
	if (traits & HTML_PARAGRAPH)
		html_put_break(r, 2);
	else if (traits & HTML_BLOCK || tag == HTML_TAG_BR)
		html_put_break(r, 1);
	else if (tag == HTML_TAG_TD || tag == HTML_TAG_TH || tag == HTML_TAG_IMG ||
		 tag == HTML_TAG_BUTTON || tag == HTML_TAG_SELECT)
		html_put_space(r);
}

static void start_tag(struct html_reader *r, const struct html_token *t)
{
	count(r, t);
	if (t->dropped)
		r->html->limits |= HTML_LIMIT_ATTRIBUTES;
	buf_byte(&r->skeleton, (char)t->tag);
	html_close_implied(r, t->tag);
	if (t->tag == HTML_TAG_A)
		html_end_link(r, &r->a);
	put_breaks(r, t->tag);
	r->split |= t->tag == HTML_TAG_OTHER;
	struct css_values own;
	own_style(r, t, &own);
	html_open_element(r, t, &own);
	html_tag_links(r, t);
	if (t->tag == HTML_TAG_INPUT)
		put_input(r, t);
}

static void end_tag(struct html_reader *r, const struct html_token *t)
{
	if (t->tag == HTML_TAG_A)
		html_end_link(r, &r->a);
	if (t->tag == HTML_TAG_FORM)
		html_end_link(r, &r->form);
	r->split |= t->tag == HTML_TAG_OTHER;
	bool closed = html_close_element(r, t->tag);
	if (closed || t->tag == HTML_TAG_P || t->tag == HTML_TAG_BR) /* stand-ins for empty ones */
		put_breaks(r, t->tag);
}

/* ---- what is no text ---- */

static void aside(struct buf *b, slice s)
{
	if (b->n)
		buf_byte(b, '\n');
	buf_put(b, slice_first(s, b->limit > b->n ? b->limit - b->n : 0));
}

static void raw_text(struct html_reader *r, const struct html_token *t)
{
	const struct css_links links = {html_found_url, r};
	switch (t->tag) {
	case HTML_TAG_SCRIPT:
		aside(&r->scripts, t->text);
		break;
	case HTML_TAG_STYLE:
		if (!css_sheet_add(&r->sheet, t->text, &links, r->mem))
			r->html->limits |= HTML_LIMIT_RULES;
		break;
	case HTML_TAG_TITLE: {
		bool cut;
		aside(&r->title, html_value(r, slice_trim(t->text), &cut));
		break;
	}
	default:
		html_put_text(r, t->text, t->entities);
	}
}

static void comment(struct html_reader *r, const struct html_token *t)
{
	struct html_stats *s = &r->html->stats;
	bool conditional = slice_starts(slice_trim(t->text), S("[if"));
	s->comments++;
	s->conditional_comments += conditional;
	r->split = true;
	aside(&r->comments, t->text);
}

static void on_token(struct html_reader *r, const struct html_token *t)
{
	switch (t->kind) {
	case HTML_TOKEN_TEXT:
		if (t->tag != HTML_TAG_OTHER)
			raw_text(r, t);
		else
			html_put_text(r, t->text, t->entities);
		break;
	case HTML_TOKEN_START:
		start_tag(r, t);
		break;
	case HTML_TOKEN_END:
		end_tag(r, t);
		break;
	case HTML_TOKEN_COMMENT:
		comment(r, t);
		break;
	case HTML_TOKEN_DOCTYPE:
		r->html->stats.doctypes++;
		break;
	case HTML_TOKEN_BOGUS:
		if (slice_starts(t->text, S("[if")))
			r->html->stats.conditional_comments++;
		else if (!slice_starts(t->text, S("[")) && !slice_starts(t->text, S("?")))
			r->html->stats.bad_tags++;
		r->split = true;
		break;
	case HTML_TOKEN_CUT:
		r->html->stats.bad_tags++;
		aside(&r->comments, t->text);
		break;
	}
}

static slice give(struct html_reader *r, struct buf *b)
{
	slice s = arena_dup(r->mem, buf_slice(b));
	if (!buf_ok(b))
		r->html->limits |= HTML_LIMIT_TEXT;
	buf_done(b);
	return s;
}

static void finish(struct html_reader *r)
{
	struct html *h = r->html;
	h->stats.rules_ignored = r->sheet.ignored;
	html_end_link(r, &r->a);
	html_end_link(r, &r->form);
	h->text = give(r, &r->seen.b);
	html_place_spans(r);
	h->hidden = give(r, &r->unseen.b);
	h->title = give(r, &r->title);
	h->comments = give(r, &r->comments);
	h->scripts = give(r, &r->scripts);
	h->skeleton = arena_dup(r->mem, buf_slice(&r->skeleton));
	buf_done(&r->skeleton);
}

void html_read(slice in, const struct html_limits *l, struct arena *a, struct html *ret)
{
	struct html_reader *r = ARENA_NEW(a, struct html_reader);
	struct html_token *t = ARENA_NEW(a, struct html_token);
	struct html_tokens tokens = {.rest = in};
	*ret = (struct html){0};
	*r = (struct html_reader){.limits = l, .mem = a, .html = ret};
	r->seen.b = BUF(l->text);
	r->unseen.b = BUF(l->hidden);
	r->comments = BUF(l->aside);
	r->scripts = BUF(l->aside);
	r->title = BUF(TITLE_MAX);
	r->skeleton = BUF(HTML_SKELETON_MAX);
	r->sheet.max = l->rules;
	r->stack = ARENA_ARRAY(a, struct html_element, l->depth + 1);
	r->stack[0] = (struct html_element){.style = html_style_root};
	r->depth = 1;
	while (html_token_next(&tokens, t))
		on_token(r, t);
	finish(r);
}
