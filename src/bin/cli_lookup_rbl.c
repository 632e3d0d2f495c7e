/*
 * `posthouse lookup rbl`: whether an address or a domain is on lists that are asked by DNS (RFC
 * 5782). All lists are asked at once. What lists answer wrongly is told apart from a listing: error
 * codes, zones that have gone and answer anything, lists that fail their own test points.
 */
#include "bin/cli_lookup.h"

#include "base/mem.h"
#include "defence/dnsbl_list.h"
#include "run/co.h"

#include <arpa/inet.h>
#include <stdio.h>

enum {
	ZONES_MAX = 64, /* of --zone */
	WAIT_SECONDS = 10, /* for one list */
};

enum state { CLEAR, LISTED, ERROR_CODE, UNKNOWN };
enum tested { NOT_TESTED, TEST_GOOD, TEST_BLIND, TEST_WILD };

struct row {
	struct looking *l;
	slice zone, section; /* section: of the configuration, may be empty */
	slice query; /* what stands before the zone */
	slice yes, no; /* test points, likewise; empty: none */
	const struct conf_list *weights;
	struct mirrors *mirrors; /* with a mirror: looked up here */
	int mirror; /* index */
	bool white;
	enum state state;
	enum tested tested;
	uint32_t code; /* the answer, host order */
	slice text; /* the list's own words */
};

/* ---- asking ---- */

/* The answers to one name: LISTED beats an error code; codes that do not count are no listing. */
static enum state judge(struct row *r, const struct dns_names_answer *a, uint32_t *ret_code)
{
	struct dnsbl_weights w = {0};
	enum state state = CLEAR;
	float weight;
	if (r->weights)
		dnsbl_weights_parse(r->weights, &w);
	for (size_t i = 0; i < a->n; i++) {
		uint32_t code;
		if (a->v[i].n != sizeof code)
			continue;
		memcpy(&code, a->v[i].p, sizeof code);
		code = ntohl(code);
		enum dnsbl_code c = dnsbl_code_judge(&w, code, &weight);
		if (state == LISTED || (c == DNSBL_NOT && state == ERROR_CODE))
			continue;
		*ret_code = code;
		state = c == DNSBL_LISTED ? LISTED : c == DNSBL_ERROR ? ERROR_CODE : CLEAR;
	}
	return state;
}

static enum state ask(struct row *r, slice name, uint32_t *ret_code)
{
	struct looking *l = r->l;
	struct dns_names_answer a = {0};
	struct err e;
	instant deadline = instant_in(WAIT_SECONDS * SECOND);
	slice full = arena_printf(l->mem, "%.*s.%.*s", SFMT(name), SFMT(r->zone));
	*ret_code = 0;
	if (dns_query(l->dns, full, DNS_TYPE_A, deadline, l->mem, &a, &e) < 0)
		return UNKNOWN;
	return judge(r, &a, ret_code);
}

static void ask_reason(struct row *r)
{
	struct looking *l = r->l;
	struct dns_names_answer a = {0};
	struct err e;
	slice name = arena_printf(l->mem, "%.*s.%.*s", SFMT(r->query), SFMT(r->zone));
	instant deadline = instant_in(WAIT_SECONDS * SECOND);
	if (dns_txt(l->dns, name, deadline, l->mem, &a, &e) == 0 && a.n)
		r->text = a.v[0];
}

/* RFC 5782 section 5. */
static void test(struct row *r)
{
	uint32_t code;
	if (r->yes.n == 0)
		return;
	enum state yes = ask(r, r->yes, &code), no = ask(r, r->no, &code);
	if (yes == UNKNOWN || no == UNKNOWN)
		return;
	r->tested = no == LISTED ? TEST_WILD : yes != LISTED ? TEST_BLIND : TEST_GOOD;
}

/* A list that is held here (defence/mirror.h). */
static enum state ask_mirror(struct row *r)
{
	struct net_addr ip;
	struct err e;
	struct dnsbl_weights w;
	float weight;
	slice name = cli_arg(r->l->call, 0);
	if (r->mirror < 0)
		return UNKNOWN; /* no such [mirror] */
	dnsbl_weights_parse(r->weights, &w);
	enum mirror_answer a = net_from_ip(name, 0, &ip, &e) == 0
				       ? mirrors_ip(r->mirrors, r->mirror, &ip, &r->code)
				       : mirrors_name(r->mirrors, r->mirror, r->query, &r->code);
	if (a != MIRROR_LISTED)
		return a == MIRROR_NOT ? CLEAR : UNKNOWN;
	return dnsbl_code_judge(&w, r->code, &weight) == DNSBL_LISTED ? LISTED : CLEAR;
}

static void ask_row(void *arg)
{
	struct row *r = arg;
	if (r->mirrors) {
		r->state = ask_mirror(r);
		return;
	}
	if (cli_flag(r->l->call, "test"))
		test(r);
	r->state = ask(r, r->query, &r->code);
	if (r->state == LISTED)
		ask_reason(r);
}

/* ---- which lists ---- */

struct subject {
	bool is_ip;
	struct net_addr ip;
	slice name; /* as shown: the address, or the domain */
	slice query;
};

static slice reverse_of(struct looking *l, slice ip)
{
	struct net_addr a;
	struct err e;
	if (net_from_ip(ip, 0, &a, &e) < 0)
		return ip; /* test points of domain lists are names */
	return dns_reverse(&a, S(""), l->mem);
}

static void add_row(
	struct looking *l, const struct subject *s, struct row *v, size_t *n, struct row row)
{
	row.l = l;
	row.query = s->query;
	if (row.yes.n == 0) {
		row.yes = s->is_ip ? S("127.0.0.2") : S("test");
		row.no = s->is_ip ? S("127.0.0.1") : S("invalid");
	} else if (slice_eq(row.yes, S("none"))) {
		row.yes = (slice){0};
	}
	row.yes = reverse_of(l, row.yes);
	row.no = reverse_of(l, row.no);
	v[(*n)++] = row;
}

static void add_configured(struct looking *l, const struct subject *s, struct mirrors *mirrors,
	struct row *v, size_t *n)
{
	const struct conf *conf = l->env->config.conf;
	for (size_t i = 0; i < conf_count(conf, &dnsbl_section) && *n < ZONES_MAX; i++) {
		slice name;
		const struct dnsbl_conf *c = conf_nth(conf, &dnsbl_section, i, &name);
		bool for_ip = c->type == DNSBL_IP || c->type == DNSBL_WHITE;
		if (!c->enabled || for_ip != s->is_ip)
			continue;
		bool mirrored = c->mirror.n > 0;
		add_row(l, s, v, n,
			(struct row){.zone = mirrored ? c->mirror : c->zone,
				.section = name,
				.mirrors = mirrored ? mirrors : NULL,
				.mirror = mirrored ? mirrors_index(mirrors, c->mirror) : -1,
				.weights = &c->weights,
				.white = c->type == DNSBL_WHITE,
				.yes = c->test_points.n ? c->test_points.v[0] : S(""),
				.no = c->test_points.n > 1 ? c->test_points.v[1] : S("")});
	}
}

static size_t choose_lists(
	struct looking *l, const struct subject *s, struct mirrors *mirrors, struct row *v)
{
	size_t n = 0;
	slice zones = cli_option_text(l->call, "zone"), zone;
	if (!cli_option(l->call, "zone")) {
		add_configured(l, s, mirrors, v, &n);
		return n;
	}
	char *z = arena_strz(l->mem, zones);
	for (size_t i = 0; i < zones.n; i++)
		if (z[i] == ',')
			z[i] = ' ';
	zones = slice_of(z, zones.n);
	while (n < ZONES_MAX && slice_cut(&zones, ' ', &zone))
		if (zone.n)
			add_row(l, s, v, &n, (struct row){.zone = zone});
	return n;
}

/* ---- telling ---- */

static const char *state_name(enum state s)
{
	static const char *const names[] = {[CLEAR] = "clear",
		[LISTED] = "listed",
		[ERROR_CODE] = "error",
		[UNKNOWN] = "unknown"};
	return names[s];
}

static const char *state_words(const struct row *r)
{
	switch (r->state) {
	case CLEAR:
		return r->code ? T("answers, but with a code that does not count",
					 "有应答，但该代码不计入")
			       : T("not listed", "未列入");
	case LISTED:
		return r->white ? T("on the white list", "在白名单中") : T("listed", "已列入");
	case ERROR_CODE:
		return T("error of the list, no listing", "名单返回错误，不算列入");
	default:
		return T("no answer: unknown", "没有应答：未知");
	}
}

/* What lists mean by their error codes. */
static const char *error_words(uint32_t code)
{
	switch (code) {
	case 0x7ffffffc: /* 127.255.255.252 */
		return T("the zone's name is mistyped", "区域名写错了");
	case 0x7ffffffe: /* .254 */
		return T("it was asked through a public resolver and answers nobody there; let the "
			 "server ask by itself: [dns] mode = recurse, or a resolver of your own",
			"查询经由公共解析服务器，名单不答复；请改用自有解析服务器，或设置 [dns] "
			"mode = recurse");
	case 0x7fffffff: /* .255 */
		return T("too many questions: it wants a contract, or a copy of its zone",
			"查询过多：名单要求签约，或使用其区域的副本");
	}
	if (code >> 24 == 127)
		return T("the list refuses to answer", "名单拒绝答复");
	return T("an address outside of 127.0.0.0/8: the zone is gone, or a resolver on the way "
		 "answers falsely",
		"应答不在 127.0.0.0/8 之内：该名单已不存在，或途中的解析服务器答复不实");
}

static const char *test_words(enum tested t)
{
	switch (t) {
	case TEST_GOOD:
		return T("test points as they should be", "测试点正常");
	case TEST_BLIND:
		return T("does not list its own test point: it finds nothing, do not believe it",
			"未列入自己的测试点：它什么也查不到，不可信");
	case TEST_WILD:
		return T("lists what must not be listed: it lists everything, do not believe it",
			"列入了不该列入的测试点：它列入一切，不可信");
	default:
		return T("its test points could not be asked", "无法查询测试点");
	}
}

static const char *test_name(enum tested t)
{
	static const char *const names[] = {[NOT_TESTED] = "unknown",
		[TEST_GOOD] = "good",
		[TEST_BLIND] = "lists-nothing",
		[TEST_WILD] = "lists-everything"};
	return names[t];
}

static slice code_text(const struct row *r)
{
	if (!r->code)
		return (slice){0};
	return arena_printf(r->l->mem, "%u.%u.%u.%u", r->code >> 24, r->code >> 16 & 255,
		r->code >> 8 & 255, r->code & 255);
}

static void row_json(const struct row *r)
{
	struct json *j = r->l->j;
	json_open_object(j, NULL);
	json_text(j, "zone", r->zone);
	json_text(j, "list", r->section);
	json_bool(j, "white", r->white);
	json_text(j, "state", slice_z(state_name(r->state)));
	json_text(j, "code", code_text(r));
	json_text(j, "text", r->text);
	if (cli_flag(r->l->call, "test"))
		json_text(j, "test", slice_z(test_name(r->tested)));
	json_close(j, '}');
}

static void row_text(const struct row *r)
{
	slice code = code_text(r);
	printf("%.*s: %s", SFMT(r->zone), state_words(r));
	if (code.n)
		printf(" (%.*s)", SFMT(code));
	putchar('\n');
	if (r->text.n) {
		fputs("    ", stdout);
		out_safe(r->text);
		putchar('\n');
	}
	if (r->state == ERROR_CODE)
		printf("    %s\n", error_words(r->code));
	if (cli_flag(r->l->call, "test") && !r->mirrors)
		printf("    %s\n", test_words(r->tested));
}

/* A list that fails its test points says nothing, whatever it says. */
static enum state believed(const struct row *r)
{
	return r->tested == TEST_BLIND || r->tested == TEST_WILD ? UNKNOWN : r->state;
}

static int summary(struct looking *l, const struct subject *s, const struct row *v, size_t n)
{
	int listed = 0, unknown = 0;
	for (size_t i = 0; i < n; i++) {
		enum state state = believed(&v[i]);
		listed += state == LISTED && !v[i].white;
		unknown += state == UNKNOWN || state == ERROR_CODE;
		if (l->j && v[i].state == ERROR_CODE)
			say(l, "%.*s: %s", SFMT(v[i].zone), error_words(v[i].code));
		if (l->j && v[i].tested > TEST_GOOD)
			say(l, "%.*s: %s", SFMT(v[i].zone), test_words(v[i].tested));
	}
	say(l,
		T("%.*s: on %d of %zu lists; %d of them said nothing that counts.",
			"%.*s：在 %d 个名单中，共查询 %zu 个；其中 %d 个没有有效答复。"),
		SFMT(s->name), listed, n, unknown);
	return listed ? CLI_FAILED : unknown ? CLI_TEMPORARY : CLI_OK;
}

static bool read_subject(struct looking *l, struct subject *ret)
{
	struct err e;
	char text[NET_TEXT_MAX];
	if (net_from_ip(cli_arg(l->call, 0), 0, &ret->ip, &e) < 0) {
		if (!looking_domain(l, 0, &ret->name))
			return false;
		ret->query = ret->name;
		return true;
	}
	ret->is_ip = true;
	ret->name = arena_dup(l->mem, slice_of(text, net_print_ip(&ret->ip, text)));
	ret->query = reverse_of(l, ret->name);
	return true;
}

static int no_lists(const struct subject *s)
{
	if (s->is_ip)
		return out_usage(T("no lists for addresses are configured ([dnsbl]); name some by "
				   "--zone",
			"没有配置地址名单（[dnsbl]）；请用 --zone 指定"));
	return out_usage(T("no lists for domains are configured ([dnsbl]); name some by --zone",
		"没有配置域名名单（[dnsbl]）；请用 --zone 指定"));
}

static void ask_all(struct row *v, size_t n)
{
	struct group asking;
	group_init(&asking);
	for (size_t i = 0; i < n; i++)
		group_go(&asking, "rbl", ask_row, &v[i]);
	group_join(&asking);
}

static void show_rows(struct looking *l, const struct row *v, size_t n)
{
	if (l->j)
		json_open_array(l->j, "lists");
	for (size_t i = 0; i < n; i++) {
		if (l->j)
			row_json(&v[i]);
		else
			row_text(&v[i]);
	}
	if (l->j)
		json_close(l->j, ']');
}

int lookup_rbl(struct looking *l)
{
	struct subject s = {0};
	struct row *v = ARENA_ARRAY(l->mem, struct row, ZONES_MAX);
	const struct config *c = &l->env->config;
	if (!read_subject(l, &s))
		return CLI_USAGE;
	struct mirrors *mirrors = mirrors_open(c->conf, c->server->data);
	size_t n = choose_lists(l, &s, mirrors, v);
	ask_all(v, n);
	mirrors_close(mirrors);
	if (n == 0)
		return no_lists(&s);
	if (l->j)
		json_text(l->j, "subject", s.name);
	show_rows(l, v, n);
	return summary(l, &s, v, n);
}
