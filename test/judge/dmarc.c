/*
 * Judge of DMARC: reads one JSON object a line and answers with one.
 *
 *	{"zone": {...}, "header": "From: ...", "spf": ["pass", "example.com"],
 *	 "dkim": [["pass", "example.com"], ...], "method": "psl", "sample": 0}
 *	{"result": "fail", "disposition": "reject", "policy": "reject",
 *	 "record_domain": "example.com", "org_domain": "example.com", "spf": false, "dkim": false,
 *	 "reason": "...", "asked": 2}
 *
 * The zone (lib_zone.h) stays until another is given. "method" is "walk" when it is missing.
 */
#include "senderauth/dmarc.h"
#include "lib_zone.h"

#include <stdio.h>

static slice text_of(json_t *s)
{
	return slice_of(json_string_value(s), json_string_length(s));
}

static json_t *text(slice s)
{
	return json_stringn_nocheck(s.n ? s.p : "", s.n);
}

/* ["pass", "example.com"] */
static struct dmarc_dkim identifier(json_t *pair)
{
	struct dmarc_dkim d = {.domain = text_of(json_array_get(pair, 1)), .selector = S("s")};
	if (pair && !auth_result_parse(text_of(json_array_get(pair, 0)), &d.result)) {
		fprintf(stderr, "no such result\n");
		exit(2);
	}
	return d;
}

static json_t *answer(const struct dmarc_result *r, const struct zone *z)
{
	json_t *o = json_object();
	json_object_set_new(o, "result", json_string(auth_result_name(r->result)));
	json_object_set_new(o, "disposition", json_string(dmarc_policy_name(r->disposition)));
	json_object_set_new(o, "policy", json_string(dmarc_policy_name(r->policy)));
	json_object_set_new(o, "record_domain", text(r->record_domain));
	json_object_set_new(o, "org_domain", text(r->org_domain));
	json_object_set_new(o, "spf", json_boolean(r->spf_aligned));
	json_object_set_new(o, "dkim", json_boolean(r->dkim_aligned));
	json_object_set_new(o, "reason", text(r->reason));
	json_object_set_new(o, "asked", json_integer(z->asked));
	return o;
}

static json_t *judge(struct zone *z, json_t *request)
{
	AUTO(arena) struct arena a = {0};
	struct dmarc_from from;
	struct dmarc_result r;
	json_t *dkim = json_object_get(request, "dkim");
	struct dmarc_dkim spf = identifier(json_object_get(request, "spf"));
	size_t n = json_array_size(dkim);
	struct dmarc_dkim *v = ARENA_ARRAY(&a, struct dmarc_dkim, n + 1);
	for (size_t i = 0; i < n; i++)
		v[i] = identifier(json_array_get(dkim, i));
	dmarc_from(text_of(json_object_get(request, "header")), &a, &from);
	const struct dmarc_query q = {
		.from = &from,
		.spf = spf.result,
		.spf_domain = spf.domain,
		.dkim = v,
		.ndkim = n,
		.method = slice_eq(text_of(json_object_get(request, "method")), S("psl"))
				  ? DMARC_PUBLIC_SUFFIX
				  : DMARC_TREE_WALK,
		.sample = (unsigned)json_integer_value(json_object_get(request, "sample")),
		.deadline = INSTANT_NEVER,
	};
	struct lookup l = zone_lookup(z);
	z->asked = 0;
	dmarc_check(&l, &q, &a, &r);
	return answer(&r, z);
}

int main(void)
{
	return judge_main("dmarc", judge);
}
