/*
 * Any bytes as a letter: it is read, and all checks look at it, with a site and a context in which
 * every family has something to do. What they find is within its limits and can be printed.
 */
#include "base/mem.h"
#include "base/must.h"
#include "base/utf8.h"
#include "content/checks.h"
#include "senderauth/psl.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static slice own[] = {S_INIT("posthouse.cn")}, partners[] = {S_INIT("steelworks.com")};
static slice his[] = {S_INIT("zhang.wei@posthouse.cn")};
static struct content_person people[] = {{S_INIT("张伟"), his, 1}, {S_INIT("Zhang Wei"), his, 1}};
static const struct content_site site = {own, 1, partners, 1, people, 2};

static void look(slice letter, const struct content_context *ctx)
{
	AUTO(arena) struct arena a = {0};
	AUTO(buf) struct buf out = BUF(1 << 20);
	const struct url_names names = {psl_is_suffix, psl_org_domain};
	const struct content_tools tools = {.names = &names, .site = &site};
	struct signals s = {.mem = &a};
	struct content c;
	content_read(letter, &tools, &content_limits_default, &a, &c);
	struct content_exam x = {.c = &c, .ctx = ctx, .tools = &tools, .signals = &s, .a = &a};
	for (const struct content_check *k = content_checks; k->name; k++)
		k->run(&x);
	must(x.bulk <= 100 && s.n <= SIGNALS_MAX);
	for (unsigned i = 0; i < s.n; i++)
		must(s.v[i].detail.n <= SIGNAL_DETAIL_MAX);
	signals_print(&out, &s);
	must(buf_ok(&out));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	const slice to[] = {S("han@posthouse.cn")};
	const struct content_context from_outside = {.verified = true,
		.sender = S("a@evil.com"),
		.rcpts = to,
		.nrcpts = 1,
		.rcpts_total = 1,
		.now = 1795309870};
	const struct content_context inside = {
		.direction = CONTENT_INTERNAL, .login = S("li@posthouse.cn"), .rcpts_total = 50};
	look(slice_of(data, n), n % 2 ? &from_outside : &inside);
	return 0;
}
