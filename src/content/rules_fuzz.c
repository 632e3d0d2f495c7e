/*
 * Any bytes as rules: they are read, or a mistake is told. Small ones without expressions (which
 * take long to be made) also run over a letter that has something in every field.
 */
#include "base/mem.h"
#include "base/must.h"
#include "content/rules.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum { COMPILED_MAX = 4096 };

static const char letter[] =
	"From: \"Wang Fang\" <wang@mail.example>\nReply-To: x@y.example\nX-Mailer: The Bat\n"
	"Subject: =?utf-8?B?5Y+R56Wo?= act now\nContent-Type: multipart/mixed; boundary=b\n\n"
	"--b\nContent-Type: text/html; charset=utf-8\n\n<p>\xe4\xbb\xa3\xe5\xbc\x80\xe5\x8f\x91"
	"\xe7\xa5\xa8 pay*ment <a href='https://evil.example/login?id=1'>bank</a><span "
	"style='display:none'>hidden text</span></p>\n--b\nContent-Type: application/pdf; "
	"name=\"invoice.pdf.exe\"\n\nMZ\n--b--\n";

static void run(struct rules *r)
{
	AUTO(arena) struct arena a = {0};
	slice rcpts[] = {S("a@b.example"), S("c@d.example")};
	struct content *c = ARENA_NEW(&a, struct content);
	struct signals *s = ARENA_NEW(&a, struct signals);
	struct content_context ctx = {.client_ip = S("192.0.2.1"),
		.sender = S("w@mail.example"),
		.helo = S("mx"),
		.rcpts = rcpts,
		.nrcpts = 2};
	struct content_tools tools = {0};
	content_read(slice_z(letter), &tools, &content_limits_default, &a, c);
	s->mem = &a;
	signals_add(s, SIGNAL_SPF_FAIL, 1, S(""));
	struct content_exam x = {.c = c, .ctx = &ctx, .tools = &tools, .signals = s, .a = &a};
	rules_run(r, &x);
	must(s->n <= RULES_SIGNALS_MAX + 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct rules_source s = {S("t"), slice_of(data, n)};
	struct err e = {0};
	AUTO(rules) struct rules *r = NULL;
	if (rules_parse(&s, 1, &r, &e) < 0) {
		must(e.kind == ERR_PROTO || e.kind == ERR_LIMIT);
		must(e.text[0]);
		return 0;
	}
	for (size_t i = 0; i < rules_count(r); i++) {
		const struct rule_info *k = rules_nth(r, i);
		must(rules_find(r, slice_z(k->def.name)) == k && k->def.en && k->def.zh);
		must(k->part || k->def.class);
	}
	if (n > COMPILED_MAX || slice_find(s.text, S("like")) < n)
		return 0;
	rules_free(take(&r));
	must(rules_compile(&s, 1, &r, &e) == 0);
	run(r);
	run(r);
	return 0;
}
