/*
 * Files of data/ inside the program (shipped.h). The assembler takes them in; shipped_rules.inc,
 * which the Makefile writes, has a line for each file of rules: RULES(number, "name", "path").
 */
#include "bin/shipped.h"

#define EMBED(symbol, path)                                                                        \
	__asm__(".pushsection .rodata\n\t.balign 64\n" #symbol ":\n\t.incbin \"" path              \
		"\"\n" #symbol "_end:\n\t.byte 0\n\t.popsection\n");                               \
	extern const char symbol[], symbol##_end[]

EMBED(shipped_model_bytes, "data/learn/base.model");
EMBED(shipped_policies_bytes, "data/policies/default.conf");
#define RULES(i, name, path) EMBED(shipped_rules_bytes_##i, path);
#include "bin/shipped_rules.inc"
#undef RULES

static struct rules_source sources[] = {
#define RULES(i, name, path) {S_INIT("shipped:" name), {shipped_rules_bytes_##i, 0}},
#include "bin/shipped_rules.inc"
#undef RULES
};

static const char *const ends[] = {
#define RULES(i, name, path) shipped_rules_bytes_##i##_end,
#include "bin/shipped_rules.inc"
#undef RULES
};

/* How long they are is known when the program is linked, not when it is compiled. */
__attribute__((constructor)) static void measure(void)
{
	for (size_t i = 0; i < sizeof sources / sizeof *sources; i++)
		sources[i].text.n = (size_t)(ends[i] - sources[i].text.p);
}

const struct rules_source *shipped_rules(size_t *ret_n)
{
	*ret_n = sizeof sources / sizeof *sources;
	return sources;
}

slice shipped_base_model(void)
{
	return slice_of(
		shipped_model_bytes, (size_t)(shipped_model_bytes_end - shipped_model_bytes));
}

slice shipped_policies(void)
{
	return slice_of(shipped_policies_bytes,
		(size_t)(shipped_policies_bytes_end - shipped_policies_bytes));
}
