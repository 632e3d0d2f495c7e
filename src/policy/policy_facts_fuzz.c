/* Facts as JSON: what is read is written, and read again the same. */
#include "base/mem.h"
#include "base/must.h"
#include "policy/policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	AUTO(arena) struct arena a = {0};
	AUTO(buf) struct buf once = BUF(16 << 20);
	AUTO(buf) struct buf twice = BUF(16 << 20);
	struct policy_facts f, back;
	if (!policy_facts_read(slice_of(data, n), &a, &f))
		return 0;
	policy_facts_print(&once, &f);
	must(policy_facts_read(buf_slice(&once), &a, &back));
	policy_facts_print(&twice, &back);
	must(slice_eq(buf_slice(&once), buf_slice(&twice)));
	return 0;
}
