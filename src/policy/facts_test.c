/* Facts kept as JSON come back, also when what came in was no text; what is damaged is refused. */
#include "policy/policy_testing.h"

static slice print(const struct policy_facts *f, struct arena *a)
{
	AUTO(buf) struct buf b = BUF(POLICY_FACTS_MAX);
	policy_facts_print(&b, f);
	CHECK(buf_ok(&b));
	return arena_dup(a, buf_slice(&b));
}

TEST(facts_come_back)
{
	static const struct signal_def rule = {
		.name = "ZH-A", .en = "", .zh = "", .class = "fraud"};
	struct letter l;
	struct policy_facts back;
	letter_init(&l);
	signals_add(&l.signals, SIGNAL_SPF_FAIL, 1, S("detail"));
	signals_add_def(&l.signals, &rule, 1.5f, S(""));
	letter_file(&l, S("发票.exe"), FILETYPE_PE, EXTRACT_DISGUISED, 0);
	l.f.login = S("alice");
	l.f.virus = S("clamav: X");
	l.f.engine_down = S("icap");
	l.f.engine_holds = l.f.allowed = l.f.limited = true;
	l.f.bulk = 7;
	slice json = print(&l.f, &l.a);
	CHECK(slice_index(json, '\n') == json.n);
	CHECK(policy_facts_read(json, &l.a, &back));
	CHECK_STR(print(&back, &l.a), json);
	CHECK(back.direction == POLICY_IN && back.at == l.f.at && back.size == 20000);
	CHECK(back.rcpts == 3 && back.bulk == 7 && back.examined && back.allowed && back.limited);
	CHECK(back.engine_holds && !back.engine_defers && !back.spared && !back.too_large);
	CHECK_STR(back.subject, l.f.subject);
	CHECK_STR(back.header, l.f.header);
	CHECK_STR(back.from, l.f.from);
	CHECK_STR(back.sender, l.f.sender);
	CHECK_STR(back.login, l.f.login);
	CHECK_STR(back.client_ip, l.f.client_ip);
	CHECK_STR(back.client_name, l.f.client_name);
	CHECK_STR(back.virus, l.f.virus);
	CHECK_STR(back.engine_down, l.f.engine_down);
	CHECK(back.signals->n == 2 && back.signals->v[0].def == signal_def(SIGNAL_SPF_FAIL));
	CHECK(strcmp(back.signals->v[1].def->class, "fraud") == 0);
	CHECK(back.probability > 0.199 && back.probability < 0.201);
	CHECK(back.nfiles == 1 && back.files[0].type == FILETYPE_PE);
	CHECK(back.files[0].facts == EXTRACT_DISGUISED && back.files[0].size == 5000);
	CHECK_STR(back.files[0].name, S("发票.exe"));
	letter_done(&l);
}

TEST(what_is_no_text_is_kept_too)
{
	struct letter l;
	struct policy_facts back;
	letter_init(&l);
	l.f.header = S("Subject: \xb7\xa2\xc6\xb1\r\nX: y\r\n\r\n"); /* GBK */
	l.f.sender = S("\xff@x.example");
	l.f.client_name = slice_of("a\0b", 3);
	CHECK(policy_facts_read(print(&l.f, &l.a), &l.a, &back));
	CHECK_STR(back.header, l.f.header);
	CHECK_STR(back.sender, S("\xef\xbf\xbd@x.example"));
	CHECK_STR(back.client_name, l.f.client_name);
	letter_done(&l);
}

TEST(long_headers_are_shortened_by_whole_fields)
{
	struct letter l;
	struct policy_facts back;
	letter_init(&l);
	AUTO(buf) struct buf header = BUF(1 << 20);
	for (int i = 0; i < 1000; i++)
		buf_printf(&header, "X-Field-%d: some text\r\n", i);
	l.f.header = buf_slice(&header);
	CHECK(policy_facts_read(print(&l.f, &l.a), &l.a, &back));
	CHECK(back.header.n <= POLICY_HEADER_KEPT && back.header.n > POLICY_HEADER_KEPT - 100);
	CHECK(slice_ends(back.header, S("\r\n")) && slice_starts(l.f.header, back.header));
	header.n = 0;
	buf_put(&header, S("X: "));
	buf_fill(&header, 'x', POLICY_HEADER_KEPT);
	l.f.header = buf_slice(&header);
	CHECK(policy_facts_read(print(&l.f, &l.a), &l.a, &back));
	CHECK_INT(back.header.n, 0);
	letter_done(&l);
}

TEST(what_is_no_facts_is_refused)
{
	static const char *const bad[] = {"", "{", "[]", "null", "{}", "{\"v\":1}",
		"{\"v\":2,\"direction\":1}", "{\"v\":1,\"direction\":3}",
		"{\"v\":1,\"direction\":1,\"signals\":[[1,2]]}",
		"{\"v\":1,\"direction\":1,\"signals\":[[\"x\",\"y\"]]}",
		"{\"v\":1,\"direction\":1,\"signals\":[3]}"};
	AUTO(arena) struct arena a = {0};
	struct policy_facts f;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		if (policy_facts_read(slice_z(bad[i]), &a, &f))
			test_fail(__FILE__, __LINE__, "%s", bad[i]);
	CHECK(policy_facts_read(S("{\"v\":1,\"direction\":2,\"files\":[7,[\"x\"]],"
				  "\"header64\":\"!\"}"),
		&a, &f));
	CHECK(f.nfiles == 2 && f.signals->n == 0 && f.header.n == 0);
}
