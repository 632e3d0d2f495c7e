/*
 * A whole evaluation against a zone made from the input, one record a line: "name TYPE data". The
 * sender is u@a.test. Whatever the records say, the number of questions is bounded.
 */
#include "base/must.h"
#include "senderauth/spf.h"
#include "senderauth/zone_testing.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum {
	RECORDS_MAX = 300,
	/* Each term asks once, an mx also for its hosts; the client's names are asked once; the
	 * first record; the explanation. */
	ASKED_MAX = 1 + SPF_LOOKUPS_MAX * (1 + SPF_NAMES_MAX) + 1 + SPF_NAMES_MAX + 1
};

static void add_line(struct zone *z, slice line)
{
	static const struct {
		slice name;
		enum zone_type type;
	} types[] = {{S_INIT("TXT"), ZONE_TXT}, {S_INIT("A"), ZONE_A}, {S_INIT("AAAA"), ZONE_AAAA},
		{S_INIT("PTR"), ZONE_PTR}, {S_INIT("CNAME"), ZONE_CNAME},
		{S_INIT("TIMEOUT"), ZONE_TIMEOUT}};
	slice name, type;
	if (!slice_cut(&line, ' ', &name) || !slice_cut(&line, ' ', &type))
		return;
	if (slice_eq(type, S("MX")))
		zone_add_mx(z, name, 10, line);
	for (size_t i = 0; i < sizeof types / sizeof *types; i++)
		if (slice_eq(type, types[i].name))
			zone_add(z, name, types[i].type, line);
}

static void check(struct zone *z, slice ip, struct arena *a)
{
	struct spf_query q = {.helo = S("h.test"),
		.mail_from = S("u+x@a.test"),
		.receiver = S("r.test"),
		.deadline = INSTANT_NEVER};
	struct lookup l = zone_lookup(z);
	struct spf_result r;
	struct authres_method m;
	struct err e;
	must(net_from_ip(ip, 0, &q.ip, &e) == 0);
	z->asked = 0;
	spf_check(&l, &q, a, &r);
	must(z->asked <= ASKED_MAX);
	must(r.lookups <= SPF_LOOKUPS_MAX + 1 && r.voids <= SPF_VOID_MAX + 2);
	must(r.explanation.n <= SPF_EXPLANATION_MAX);
	must(r.explanation.n == 0 || r.result == AUTH_FAIL);
	bool error =
		r.result == AUTH_NONE || r.result == AUTH_TEMPERROR || r.result == AUTH_PERMERROR;
	must(error == (r.problem.reason != SPF_REASON_NONE));
	spf_authres(&r, a, &m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	AUTO(arena) struct arena a = {0};
	struct zone z = {0};
	slice in = slice_of(data, n), line;
	for (int i = 0; i < RECORDS_MAX && slice_cut(&in, '\n', &line); i++)
		add_line(&z, line);
	check(&z, S("192.0.2.1"), &a);
	check(&z, S("2001:db8::1"), &a);
	zone_done(&z);
	return 0;
}
