/* Documents of policies, and decisions by those that are read. Whatever is decided is something that
 * exists; whatever is wrong is told. */
#include "base/mem.h"
#include "base/must.h"
#include "policy/policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void decide(const struct policy_set *s, struct arena *a)
{
	struct signals signals = {.mem = a};
	const struct policy_file files[] = {{.name = S("a.exe"), .type = FILETYPE_PE},
		{.name = S("b"), .type = FILETYPE_ZIP, .facts = EXTRACT_ENCRYPTED, .depth = 1}};
	const struct policy_thresholds t = {.mark = 0.9, .junk = 2, .quarantine = 2, .reject = 2};
	const struct policy_facts f = {.direction = POLICY_IN,
		.sender = S("a@b.example"),
		.from = S("c@d.example"),
		.client_ip = S("192.0.2.1"),
		.subject = S("hello"),
		.header = S("Subject: hello\r\nX: y\r\n"),
		.signals = &signals,
		.examined = true,
		.probability = 0.95,
		.score = 5,
		.size = 1000,
		.rcpts = 1,
		.files = files,
		.nfiles = 2};
	struct policy_decision d;
	AUTO(buf) struct buf line = BUF(64 << 10);
	signals_add(&signals, SIGNAL_SPF_FAIL, 1, S(""));
	policy_decide(s, &t, &f, S("rcpt@example.com"), a, &d);
	policy_decision_print(&line, &d);
	must(line.n > 0 && d.nwhy <= POLICY_WHY_MAX && policy_same(&d, &d));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	AUTO(arena) struct arena a = {0};
	struct conf_errors errors = {0};
	struct policy_set *s;
	struct err e;
	if (policy_parse(slice_of(data, n), S("p"), n & 1 ? CONF_EN : CONF_ZH, &a, &s, &errors,
		    &e) < 0) {
		must(errors.n > 0);
		return 0;
	}
	decide(s, &a);
	policy_release(s);
	return 0;
}
