/*
 * Checks of HTML: what has no business in a letter (forms, scripts, frames), pictures in place of
 * text, styles that hide or shrink, and counts that honest editors do not reach. Hidden and
 * disguised text: check_text.c.
 */
#include "content/checking.h"
#include "content/checks.h"

enum {
	PICTURE_TEXT = 60, /* visible characters below which the picture is the letter */
	PICTURE_FEW_TEXT = 250,
	ENTITIES = 20,
	SPLITS = 6,
	BAD_TAGS = 15,
	COMMENTS = 40,
	TRACKERS = 4,
};

static void look_at_forms(struct content_exam *x, const struct html_stats *h)
{
	if (h->password_inputs)
		checking_found(x, SIGNAL_HTML_PASSWORD, 1, S(""));
	else if (h->forms && h->inputs > h->hidden_inputs)
		checking_found(x, SIGNAL_HTML_FORM, checking_unless_bulk(x), S(""));
}

static void look_at_active(struct content_exam *x, const struct html_stats *h)
{
	float soft = checking_unless_bulk(x);
	if (h->scripts)
		checking_found(x, SIGNAL_HTML_SCRIPT, soft, S(""));
	if (h->event_handlers)
		checking_found(x, SIGNAL_HTML_EVENTS, soft, S(""));
	if (h->frames || h->objects)
		checking_found(x, SIGNAL_HTML_FRAME, soft, S(""));
	if (h->bases)
		checking_found(x, SIGNAL_HTML_BASE, soft, S(""));
	for (size_t i = 0; i < x->c->nlinks; i++)
		if (x->c->links[i].kind == HTML_LINK_REFRESH && x->c->links[i].url.host.n)
			checking_found(x, SIGNAL_HTML_REFRESH, 1, x->c->links[i].url.host);
}

static bool leads_on(struct content_exam *x)
{
	return checking_hosts(x)->followed > 0;
}

static void look_at_pictures(struct content_exam *x, const struct html_stats *h)
{
	unsigned shown = h->images - (h->trackers < h->images ? h->trackers : h->images);
	bool plain = x->c->mail.plain > PICTURE_FEW_TEXT;
	if (!shown || plain)
		return;
	if (h->visible < PICTURE_TEXT && leads_on(x))
		checking_found(x, SIGNAL_HTML_PICTURE_LINK, 1, S(""));
	else if (h->visible < PICTURE_TEXT)
		checking_found(x, SIGNAL_HTML_PICTURE_ONLY, 1, S(""));
	else if (h->visible < PICTURE_FEW_TEXT && h->images_remote && leads_on(x))
		checking_found(x, SIGNAL_HTML_LITTLE_TEXT, checking_unless_bulk(x), S(""));
	if (h->trackers >= TRACKERS)
		checking_found(x, SIGNAL_HTML_TRACKERS, checking_unless_bulk(x), S(""));
}

static void look_at_writing(struct content_exam *x, const struct html_stats *h)
{
	if (h->entities_needless >= ENTITIES)
		checking_found(x, SIGNAL_HTML_ENTITIES, 1, S(""));
	if (h->splits_in_words >= SPLITS)
		checking_found(x, SIGNAL_HTML_SPLITS, 1, S(""));
	if (h->bad_tags >= BAD_TAGS)
		checking_found(x, SIGNAL_HTML_BAD_TAGS, 1, S(""));
	if (h->comments >= COMMENTS && h->comments > 4 * h->conditional_comments &&
		h->comments * 8 > h->tags)
		checking_found(x, SIGNAL_HTML_COMMENTS, 1, S(""));
}

void content_check_html(struct content_exam *x)
{
	const struct html_stats *h = &x->c->mail.html;
	if (!h->tags)
		return;
	look_at_forms(x, h);
	look_at_active(x, h);
	look_at_pictures(x, h);
	look_at_writing(x, h);
}
