/*
 * environment (RFC 5183), ihave and error (RFC 5463), spamtest, spamtestplus, virustest (RFC 5235): what the server knows and can do.
 */
#include "sieve/impl.h"

/* ---- environment ---- */

/* False: there is no such item, or it is not known. */
static bool item(const struct run *r, slice name, slice *ret)
{
	const struct sieve_input *in = r->in;
	const struct {
		slice name, value;
	} items[] = {{S("domain"), in->domain}, {S("host"), in->host}, {S("location"), S("MS")},
		{S("name"), S("Posthouse")}, {S("phase"), S("during")},
		{S("remote-host"), in->client_name}, {S("remote-ip"), in->client_ip},
		{S("version"), in->version}};
	for (size_t i = 0; i < sizeof items / sizeof *items; i++)
		if (slice_ieq(name, items[i].name)) {
			*ret = items[i].value;
			return ret->n > 0;
		}
	return false;
}

static bool holds_environment(struct run *r, const struct node *n)
{
	struct matching m;
	slice value;
	if (!item(r, sieve_run_string(r, n->pos[0]), &value))
		return false;
	sieve_match_begin(&m, r, n, n->pos[1]);
	sieve_match_value(&m, value);
	return sieve_match_end(&m);
}

const struct word sieve_words_environment[] = {
	{.name = S_INIT("environment"),
		.ext = EXT_ENVIRONMENT,
		.test = true,
		.takes = TAKES_MATCH,
		.params = {{'s', false, "item", "项目"}, {'S', false, "key list", "关键字列表"}},
		.holds = holds_environment},
	{.name = {0}},
};

/* ---- ihave ---- */

/* What changes how strings are read must be known from the start (RFC 5463 section 4). */
static bool can_have(const struct check *c, slice name)
{
	enum ext e = sieve_ext_find(name);
	if (e == EXT_VARIABLES || e == EXT_ENCODED)
		return (c->exts & EXT_BIT(e)) != 0;
	return e != EXT_NONE;
}

static bool check_ihave(struct check *c, struct node *n)
{
	const struct arg *a = n->pos[0];
	bool all = true;
	for (size_t i = 0; i < a->n; i++)
		all = all && !a->v[i].n && can_have(c, a->v[i].plain);
	for (size_t i = 0; all && i < a->n; i++)
		c->exts |= EXT_BIT(sieve_ext_find(a->v[i].plain));
	n->data = all ? n : NULL;
	return true;
}

static bool holds_ihave(struct run *r, const struct node *n)
{
	(void)r;
	return n->data != NULL;
}

static void run_error(struct run *r, const struct node *n)
{
	slice why = sieve_run_string(r, n->pos[0]);
	sieve_run_fail(r, arena_printf(r->a, "error: %.*s", SFMT(why)),
		arena_printf(r->a, "错误：%.*s", SFMT(why)));
}

const struct word sieve_words_ihave[] = {
	{.name = S_INIT("ihave"),
		.ext = EXT_IHAVE,
		.test = true,
		.params = {{'S', false, "extensions", "扩展"}},
		.check = check_ihave,
		.holds = holds_ihave},
	{.name = S_INIT("error"),
		.ext = EXT_IHAVE,
		.params = {{'s', false, "message", "消息"}},
		.run = run_error},
	{.name = {0}},
};

/* ---- spamtest, virustest ---- */

static bool match_one(struct run *r, const struct node *n, bool known, uint64_t value)
{
	struct matching m;
	sieve_match_begin(&m, r, n, n->pos[0]);
	if (known || n->match.type != MATCH_COUNT)
		sieve_match_value(&m, sieve_run_number(r, value));
	return sieve_match_end(&m);
}

/* 0: not looked at; 1: surely none ... 10: surely spam; of :percent 0 ... 100 (RFC 5235 sections 3.2, 3.3). */
static bool holds_spamtest(struct run *r, const struct node *n)
{
	float spam = r->in->spam;
	bool known = spam >= 0;
	float part = spam > 1 ? 1 : known ? spam : 0;
	if (node_has(n, TAG_PERCENT))
		return match_one(r, n, known, (uint64_t)(part * 100 + 0.5f));
	return match_one(r, n, known, known ? 1 + (uint64_t)(part * 9 + 0.5f) : 0);
}

static bool holds_virustest(struct run *r, const struct node *n)
{
	int v = r->in->virus;
	return match_one(r, n, v > 0, v > 5 ? 5 : v < 0 ? 0 : (uint64_t)v);
}

static const struct tag spam_tags[] = {
	{S_INIT("percent"), TAG_PERCENT, EXT_SPAMTESTPLUS, 0, 0},
	{{0}, 0, 0, 0, 0},
};

const struct word sieve_words_spamtest[] = {
	{.name = S_INIT("spamtest"),
		.ext = EXT_SPAMTEST,
		.test = true,
		.takes = TAKES_MATCH,
		.params = {{'s', false, "value", "值"}},
		.tags = spam_tags,
		.holds = holds_spamtest},
	{.name = S_INIT("virustest"),
		.ext = EXT_VIRUSTEST,
		.test = true,
		.takes = TAKES_MATCH,
		.params = {{'s', false, "value", "值"}},
		.holds = holds_virustest},
	{.name = {0}},
};
