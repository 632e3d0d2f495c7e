/*
 * What the families of checks share: the letter's hosts, whose they are, and small questions about
 * text. Inside content only.
 */
#pragma once
#include "content/content.h"

enum {
	CHECKING_HOSTS_MAX = 64,
	CHECKING_FIELDS_MAX = 500, /* of the header; more are not looked at */
};

/* One host of the letter's links. */
struct checking_host {
	slice host, org; /* as in the first link to it; org: the registered domain, borrowed */
	unsigned links; /* that a reader follows: a, area, form, refresh, QR codes and the like */
	unsigned loads; /* pictures, styles and whatever else is fetched */
	const struct content_link *first;
};
struct checking_hosts {
	struct checking_host v[CHECKING_HOSTS_MAX];
	size_t n;
	size_t orgs; /* different ones that readers follow links to */
	size_t followed; /* links, all together, without mailto and the like */
	bool more; /* there are more hosts than fit */
};
/* Collected once for each letter. */
const struct checking_hosts *checking_hosts(struct content_exam *x);
bool checking_follows(const struct content_link *l); /* by a click, a scan or by itself */

/* The registered part of a host; its last two labels when nobody can tell. */
slice checking_org(const struct content_exam *x, slice host);
slice checking_from_domain(const struct content_exam *x); /* of From:, may be empty */
slice checking_domain(slice address); /* behind the last @; empty without one */
slice checking_local(slice address);
bool checking_own(const struct content_exam *x, slice domain); /* the site's, or below it */
/* Free mail for everybody: gmail.com, qq.com ... */
bool checking_freemail(slice domain);
/* The domain stands behind the message, and somebody looked. */
bool checking_proven(const struct content_exam *x);
/* Through a mailing list: others than the author changed it. */
bool checking_is_list(struct content_exam *x);

/* ---- the header; names in lower case ---- */
unsigned checking_count(struct content_exam *x, slice name);
bool checking_has(struct content_exam *x, slice name);
slice checking_value(struct content_exam *x, slice name); /* of the first, raw, trimmed */
slice checking_text(struct content_exam *x, slice name); /* decoded; empty: not there */
/* All of them, in their order. */
const struct header_field *checking_fields(struct content_exam *x, size_t *ret_n);

/* weight 0: nothing is added. */
void checking_found(struct content_exam *x, enum signal_id id, float weight, slice detail);
/* How much counts what newsletters do, too: 1 for ordinary mail, 0.2 for what is surely bulk. */
float checking_unless_bulk(const struct content_exam *x);

/* Is one of the words in the text? Both in one spelling (text_normal.h). Latin words stand alone,
 * Chinese ones anywhere. */
bool checking_says(slice normal, const slice *words, size_t n);
bool checking_listed(slice s, const slice *sorted, size_t n); /* sorted by slice_cmp */
slice checking_normal(const struct content_exam *x, slice text);
slice checking_lower(struct arena *a, slice s); /* ASCII */
