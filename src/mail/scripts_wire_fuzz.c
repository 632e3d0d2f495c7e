/* Cases and verdicts that no process of ours would send. */
#include "mail/scripts_case.h"

#include "base/mem.h"
#include "base/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO(arena) struct arena a = {0};
	AUTO(buf) struct buf again = BUF(1 << 20);
	slice in = slice_of((const char *)data, size);
	struct scripts_case c;
	struct scripts_verdict v, v2;
	scripts_case_decode(in, &a, &c);
	if (!scripts_verdict_decode(in, 1000, &a, &v))
		return 0;
	for (size_t i = 0; i < v.nletters; i++)
		must(v.letters[i].from <= 1000 && v.letters[i].edits);
	scripts_verdict_encode(&again, &v);
	must(!buf_ok(&again) || scripts_verdict_decode(buf_slice(&again), 1000, &a, &v2));
	return 0;
}
