/*
 * Any bytes as a letter, examined by rules with every field and operator: what they found lies in
 * the letter, and is the same each time.
 */
#include "base/mem.h"
#include "base/must.h"
#include "base/utf8.h"
#include "content/rules.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static const char text[] =
	"rule a 1\n\tanywhere has 发票 代开*票 \"act now\" pay* *ment\n"
	"rule b 1\n\ttext has 2 of a1*b2 aa*aa aaa*aaa xyz\n"
	"rule c 1\n\ttext near 9 aa bb\n"
	"rule d 1\n\ttext like /(\\w)\\1\\1y/ /(?<!a)bc+d/ /(a+)+$/\n"
	"rule e 1\n\thtml like /<[a-z]+ [^>]*style/i\n\tnot hidden exists\n"
	"rule f 1\n\tlink has login\n\thost domain example\n"
	"rule g 1\n\theader subject starts re\n\theader x-a like /^[a-z]+$/m\n"
	"rule h 1\n\tfile ends .exe .js\n\ttype is exe pdf zip\n"
	"rule i 1\n\tany\n\t\tfrom domain example\n\t\tfrom-name has bank\n\t\tchinese > 50\n"
	"rule j 1\n\t2 of\n\t\tlinks > 3\n\t\tsignal a b\n\t\ttext-length < 10\n\t\tnot "
	"wrote-before\n"
	"rule k 1\n\ttext like /\\bfr[e3]{2}\\b/n\n\tsubject is hello\n";

static struct rules *made(void)
{
	static struct rules *r;
	struct rules_source s = {S("t"), slice_z(text)};
	struct err e;
	if (!r)
		must(rules_compile(&s, 1, &r, &e) == 0);
	return r;
}

static unsigned run(struct rules *r, struct content *c, struct arena *a)
{
	const struct content_context ctx = {0};
	const struct content_tools tools = {0};
	struct signals *s = ARENA_NEW(a, struct signals);
	struct content_exam x = {.c = c, .ctx = &ctx, .tools = &tools, .signals = s, .a = a};
	const struct rule_hit *v;
	s->mem = a;
	rules_run(r, &x);
	size_t n = rules_hits(r, &v);
	must(n >= s->n);
	for (size_t i = 0; i < n; i++)
		must(utf8_valid(v[i].text) && utf8_valid(v[i].field));
	for (unsigned i = 0; i < s->n; i++)
		must(utf8_valid(s->v[i].detail));
	return s->n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	AUTO(arena) struct arena a = {0};
	struct rules *r = made();
	const struct content_tools tools = {0};
	struct content *c = ARENA_NEW(&a, struct content);
	content_read(slice_of(data, n), &tools, &content_limits_default, &a, c);
	must(run(r, c, &a) == run(r, c, &a));
	return 0;
}
