/*
 * `posthouse domain check`: compares what is published with the plan (dns_plan.c), through the
 * configured resolver. Here is the way through all checks and what is printed; the checks are in
 * cli_domain_check_*.c. Nothing is changed.
 */
#include "bin/cli_domain_dns.h"

#include "base/mem.h"
#include "codec/address.h"
#include "store/directory.h"

#include <stdio.h>

/* ---- telling ---- */

static const char *state_words(const struct finding *f)
{
	switch (f->state) {
	case FOUND_RIGHT:
		return T("right", "正确");
	case FOUND_MISSING:
		return f->optional ? T("absent", "未设") : T("MISSING", "缺少");
	case FOUND_DIFFERENT:
		return f->optional ? T("other", "不同") : T("WRONG", "错误");
	case FOUND_UNKNOWN:
		break;
	}
	return T("unknown", "未知");
}

static const char *state_key(enum finding_state s)
{
	static const char *const keys[] = {"right", "missing", "different", "unknown"};
	return keys[s];
}

static void print_json(struct json *j, const struct finding *f)
{
	json_open_object(j, NULL);
	json_text(j, "type", slice_z(f->type));
	json_text(j, "name", f->name);
	json_text(j, "state", slice_z(state_key(f->state)));
	json_bool(j, "optional", f->optional);
	json_text(j, "found", f->found);
	json_text(j, "wanted", f->wanted);
	if (f->state != FOUND_RIGHT) {
		json_text(j, "why", slice_z(f->why));
		json_text(j, "mend", f->mend);
	}
	json_close(j, '}');
}

static void print_line(const char *label, slice text)
{
	if (!text.n)
		return;
	printf("         %s", label);
	out_safe(slice_first(text, 600));
	putchar('\n');
}

static void print_text(const struct finding *f)
{
	printf("%-8s %-5s %.*s\n", state_words(f), f->type, SFMT(f->name));
	if (f->state == FOUND_RIGHT)
		return;
	print_line(T("found: ", "查得："), f->found);
	if (f->state == FOUND_UNKNOWN)
		return;
	if (f->why)
		print_line("", slice_z(f->why));
	if (f->mend.n)
		print_line(T("to mend: ", "修正："), f->mend);
	else
		print_line(T("publish: ", "请发布："), f->wanted);
}

void check_tell(struct checking *k, const struct finding *f)
{
	bool bad = f->state == FOUND_MISSING || f->state == FOUND_DIFFERENT;
	k->unknown += f->state == FOUND_UNKNOWN;
	k->mistakes += bad && !f->optional;
	k->advice += bad && f->optional;
	if (k->l->j)
		print_json(k->l->j, f);
	else
		print_text(f);
}

void check_unknown(struct checking *k, struct finding *f, const struct err *e)
{
	f->state = FOUND_UNKNOWN;
	f->found = arena_dup(k->l->mem, slice_z(e->text));
	check_tell(k, f);
}

/* ---- one domain ---- */

static void check_all(struct checking *k)
{
	check_addresses(k);
	check_reverse(k);
	check_mx(k);
	check_spf(k);
	check_dkim(k);
	check_dmarc(k);
	check_tlsrpt(k);
	check_sts(k);
	check_tlsa(k);
	check_services(k);
}

static void print_sum(const struct checking *k)
{
	if (k->l->j) {
		json_int(k->l->j, "mistakes", k->mistakes);
		json_int(k->l->j, "advice", k->advice);
		json_int(k->l->j, "unknown", k->unknown);
		return;
	}
	printf(T("%u to mend, %u of advice, %u unknown.\n",
		       "需修正 %u 项，建议 %u 项，未知 %u 项。\n"),
		k->mistakes, k->advice, k->unknown);
}

/* Exit code of one domain. */
static int check_domain(struct looking *l, slice domain)
{
	struct plan *p = ARENA_NEW(l->mem, struct plan);
	struct checking k = {.l = l, .plan = p};
	struct err e;
	if (domain_plan(l->call, l->env, domain, p, &e) < 0)
		return looking_failed(l, &e);
	l->deadline = instant_in(LOOKUP_SECONDS * SECOND);
	memcpy(k.own, p->own, sizeof k.own);
	k.nown = p->nown;
	if (l->j) {
		json_open_object(l->j, NULL);
		json_text(l->j, "domain", p->domain);
		json_open_array(l->j, "checks");
	} else {
		printf("%.*s\n", SFMT(looking_name(l, p->domain)));
	}
	check_all(&k);
	if (l->j)
		json_close(l->j, ']');
	print_sum(&k);
	if (l->j)
		json_close(l->j, '}');
	return k.mistakes ? CLI_FAILED : k.unknown ? CLI_TEMPORARY : CLI_OK;
}

/* ---- which ---- */

/* The worse of two exit codes: a mistake is more than not knowing. */
static int worse(int a, int b)
{
	return a == CLI_FAILED || b == CLI_OK ? a : b == CLI_FAILED || a == CLI_OK ? b : a;
}

static int names_of_all(struct looking *l, slice **ret, size_t *ret_n, struct err *e)
{
	struct sql *db = cli_env_db(l->env, DB_DIRECTORY, e);
	struct domain *v;
	size_t n;
	if (!db || directory_domains(db, l->mem, &v, &n, e) < 0)
		return -1;
	*ret = ARENA_ARRAY(l->mem, slice, n + 1);
	for (size_t i = 0; i < n; i++)
		(*ret)[i] = v[i].name;
	*ret_n = n;
	return 0;
}

static int names_given(struct looking *l, slice **ret, size_t *ret_n)
{
	size_t n = (size_t)l->call->nargs;
	*ret = ARENA_ARRAY(l->mem, slice, n + 1);
	for (size_t i = 0; i < n; i++)
		(*ret)[i] = cli_arg(l->call, (int)i);
	*ret_n = n;
	return 0;
}

int domain_check(struct looking *l)
{
	bool all = cli_flag(l->call, "all");
	struct err e;
	slice *names;
	size_t n;
	if (all == (l->call->nargs > 0))
		return out_usage(T("give domains, or --all", "请给出域名，或用 --all"));
	if (cli_env_take_user(l->env, &e) < 0 ||
		(all ? names_of_all(l, &names, &n, &e) : names_given(l, &names, &n)) < 0)
		return looking_failed(l, &e);
	if (l->j)
		json_open_array(l->j, "domains");
	int code = n ? CLI_OK : CLI_NOTHING;
	for (size_t i = 0; i < n; i++)
		code = worse(code, check_domain(l, names[i]));
	if (l->j)
		json_close(l->j, ']');
	return code;
}
