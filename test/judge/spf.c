/*
 * Judge of SPF: reads one JSON object a line and answers with one.
 *
 *	{"zone": {...}, "ip": "192.0.2.1", "helo": "...", "mail_from": "...", "receiver": "...",
 *	 "scope": "helo"}
 *	{"result": "fail", "explanation": "...", "mechanism": "-all", "problem": "", "lookups": 1,
 *	 "voids": 0, "asked": 2}
 *
 * The zone (lib_zone.h) stays until another is given. "asked" counts all questions to the DNS.
 */
#include "senderauth/spf.h"
#include "lib_zone.h"

#include <stdio.h>

static slice member(json_t *o, const char *key)
{
	json_t *s = json_object_get(o, key);
	return slice_of(json_string_value(s), json_string_length(s));
}

static json_t *text(slice s)
{
	return json_stringn_nocheck(s.n ? s.p : "", s.n);
}

static json_t *answer(const struct spf_result *r, struct zone *z, struct arena *a)
{
	json_t *o = json_object();
	json_object_set_new(o, "result", json_string(auth_result_name(r->result)));
	json_object_set_new(o, "explanation", text(r->explanation));
	json_object_set_new(o, "mechanism", text(r->mechanism));
	json_object_set_new(o, "problem", text(spf_problem_text(&r->problem, a)));
	json_object_set_new(o, "lookups", json_integer(r->lookups));
	json_object_set_new(o, "voids", json_integer(r->voids));
	json_object_set_new(o, "asked", json_integer(z->asked));
	return o;
}

static json_t *judge(struct zone *z, json_t *request)
{
	AUTO(arena) struct arena a = {0};
	struct spf_result r;
	struct err e;
	struct spf_query q = {
		.helo = member(request, "helo"),
		.mail_from = member(request, "mail_from"),
		.receiver = member(request, "receiver"),
		.scope = slice_eq(member(request, "scope"), S("helo")) ? SPF_HELO : SPF_MFROM,
		.deadline = INSTANT_NEVER,
	};
	if (net_from_ip(member(request, "ip"), 0, &q.ip, &e) < 0) {
		fprintf(stderr, "%s\n", e.text);
		exit(2);
	}
	struct lookup l = zone_lookup(z);
	z->asked = 0;
	spf_check(&l, &q, &a, &r);
	return answer(&r, z, &a);
}

int main(void)
{
	return judge_main("spf", judge);
}
