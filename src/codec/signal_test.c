#include "base/mem.h"
#include "base/test.h"
#include "codec/signal.h"

TEST(signals_print_and_read_back)
{
	AUTO(arena) struct arena a = {0};
	AUTO(buf) struct buf out = BUF(4096);
	struct signals s = {.mem = &a};
	signals_add(&s, SIGNAL_SPF_NONE, 1, S(""));
	signals_add(&s, SIGNAL_SPF_FAIL, 2, S("192.0.2.1 (really)\r\n"));
	signals_add(&s, SIGNAL_SPF_FAIL, 1, S("second"));
	signals_add(&s, SIGNAL_SPF_PASS, 1, S(""));
	CHECK_INT(s.n, 3);
	CHECK(signals_has(&s, SIGNAL_SPF_FAIL) && !signals_has(&s, SIGNAL_SPF_SOFTFAIL));
	CHECK(signals_score(&s) > 6.1 && signals_score(&s) < 6.3);
	signals_print(&out, &s);
	CHECK_STR(buf_slice(&out),
		S("spf-fail=6.0(192.0.2.1 [really]  ) spf-none=0.3 spf-pass=-0.1"));
	slice text = buf_slice(&out), name, detail;
	double score;
	CHECK(signals_next(&text, &name, &score, &detail));
	CHECK_STR(name, S("spf-fail"));
	CHECK_STR(detail, S("192.0.2.1 [really]  "));
	CHECK(score > 5.9 && score < 6.1);
	CHECK(signals_next(&text, &name, &score, &detail));
	CHECK(signals_next(&text, &name, &score, &detail));
	CHECK_STR(name, S("spf-pass"));
	CHECK(score < 0 && !signals_next(&text, &name, &score, &detail));
}

TEST(signal_names_are_unique)
{
	enum signal_id id;
	for (unsigned i = 0; i < SIGNALS_KNOWN; i++) {
		CHECK(signal_by_name(slice_z(signal_def((enum signal_id)i)->name), &id));
		CHECK_INT(id, i);
	}
	CHECK(!signal_by_name(S("no-such"), &id));
}
