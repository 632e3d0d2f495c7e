/* Scripts from text to verdict, and on the wire: scripts.h, scripts_case.h. */
#include "mail/scripts.h"
#include "mail/scripts_case.h"
#include "mail/scripts_run.h"

#include "base/mem.h"
#include "base/test.h"
#include "base/time.h"
#include "store/trace.h"

#define LETTER                                                                                     \
	"Return-Path: <zoe@far.test>\r\nDelivered-To: ann@here.test\r\nFrom: zoe@far.test\r\n"     \
	"To: ann@here.test\r\nSubject: hello\r\nX-Secret: 1\r\n\r\nThe body.\r\n"

static struct scripts_case one_case(struct script *v, size_t n, struct script_set *set)
{
	*set = (struct script_set){.run = v, .nrun = n};
	return (struct scripts_case){.set = set,
		.input = {.sender = S("zoe@far.test"),
			.recipient = S("ann@here.test"),
			.separator = '+',
			.spam = -1,
			.now = 1795309870000000,
			.zone = -90}};
}

/* As a scan process does it: both ways over the wire. */
static void run(const struct scripts_case *c, struct arena *a, struct scripts_verdict *ret)
{
	AUTO(buf) struct buf asked = BUF(1 << 20), answer = BUF(1 << 20);
	struct scripts_case there;
	struct scripts_verdict v;
	scripts_case_encode(&asked, c);
	CHECK(scripts_case_decode(arena_dup(a, buf_slice(&asked)), a, &there));
	CHECK_STR(there.input.recipient, c->input.recipient);
	CHECK_INT(there.input.zone, c->input.zone);
	CHECK(there.input.spam < 0);
	scripts_case_run(&there, S(LETTER), a, &v);
	scripts_verdict_encode(&answer, &v);
	slice bytes = arena_dup(a, buf_slice(&answer));
	CHECK(scripts_verdict_decode(bytes, strlen(LETTER), a, ret));
	for (size_t n = 0; n < bytes.n; n += 1 + n / 8) { /* cut short it is none */
		struct scripts_verdict none;
		CHECK(!scripts_verdict_decode(slice_first(bytes, n), strlen(LETTER), a, &none));
	}
}

TEST(verdicts_travel)
{
	AUTO(arena) struct arena a = {0};
	struct script_set set;
	struct scripts_verdict v;
	struct script s = {.account_id = 1,
		.name = S("main"),
		.text = S("require [\"fileinto\", \"editheader\", \"imap4flags\"];\n"
			  "fileinto :flags \"\\\\Seen\" \"Work\";\n"
			  "deleteheader \"X-Secret\"; addheader \"X-New\" \"1\";\nkeep;\n")};
	struct scripts_case c = one_case(&s, 1, &set);
	run(&c, &a, &v);
	CHECK_INT(v.end, SIEVE_DONE);
	CHECK_INT(v.nactions, 2);
	CHECK_STR(v.actions[0].folder, S("Work"));
	CHECK_STR(v.actions[0].flags, S("\\Seen"));
	CHECK_INT(v.actions[0].line, 2);
	CHECK_INT(v.actions[1].kind, SIEVE_KEEP);
	CHECK_INT(v.nletters, 1);
	CHECK_STR(v.letters[0].header,
		S("X-New: 1\r\nFrom: zoe@far.test\r\nTo: ann@here.test\r\nSubject: hello\r\n\r\n"));
	CHECK_INT(v.letters[0].from, strlen(LETTER) - strlen("The body.\r\n"));
	CHECK(v.letters[0].summary.n > 0 && !v.letters[0].whole);
}

TEST(a_script_that_is_none_keeps_what_came_before_it)
{
	AUTO(arena) struct arena a = {0};
	struct script_set set;
	struct scripts_verdict v;
	struct script s[] = {{.account_id = 0,
				     .name = S("first"),
				     .text = S("require \"editheader\"; addheader \"X-A\" \"1\";")},
		{.account_id = 1, .name = S("main"), .text = S("nonsense")}};
	struct scripts_case c = one_case(s, 2, &set);
	run(&c, &a, &v);
	CHECK_INT(v.end, SIEVE_FAILED);
	CHECK_STR(v.mistake.script, S("main"));
	CHECK(!v.mistake_system && v.mistake.en.n && v.mistake.zh.n);
	CHECK_INT(v.nactions, 1);
	CHECK_INT(v.actions[0].kind, SIEVE_KEEP);
	s[0].text = S("discard; stop;"); /* then its turn does not come */
	run(&c, &a, &v);
	CHECK_INT(v.end, SIEVE_DONE);
}

TEST(scripts_are_checked_before_they_are_stored)
{
	AUTO(arena) struct arena a = {0};
	struct sieve_mistakes m;
	CHECK(scripts_check(S("x"), S("keep;"), false, 0, &a, &m));
	CHECK(!scripts_check(S("x"), S("keep;\nkep;"), false, 0, &a, &m));
	CHECK(slice_starts(scripts_mistakes(&m, false, &a), S("2:")));
	CHECK(scripts_mistakes(&m, true, &a).n > 0);
}

TEST(facts_come_from_the_timeline)
{
	static const struct {
		const char *log;
		float spam;
		int virus;
		bool proven;
	} rows[] = {
		{"", -1, 0, false},
		{"1 content verdict=accept probability=0.250\n", 0.25F, 0, false},
		{"1 content probability=7\n", -1, 0, false},
		{"1 engines result=infected virus=X\n", -1, 5, false},
		{"1 engines result=clean\n2 spf result=pass of=mailfrom domain=x\n", -1, 1, true},
		{"1 spf result=pass of=helo\n", -1, 0, false},
		{"1 dmarc result=pass from=x.test\n", -1, 0, true},
		{"1 dmarc result=pass from=else.test\n", -1, 0, false},
		{"1 dmarc result=pass from=test\n", -1, 0, true},
		{"1 dmarc result=pass from=a.x.test\n", -1, 0, false},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const struct queue_msg m = {.log = slice_z(rows[i].log), .sender = S("ann@x.test")};
		struct scripts_facts f;
		scripts_facts_read(&m, &f);
		CHECK(f.spam == rows[i].spam);
		CHECK_INT(f.virus, rows[i].virus);
		CHECK_INT(f.proven, rows[i].proven);
	}
}

TEST(hooks_reach_allowed_hosts_alone)
{
	slice hosts[] = {S("hooks.example.org"), S(".corp.test")};
	const struct scripts_conf c = {.webhook_hosts = {hosts, 2}};
	static const struct {
		const char *url;
		bool want;
	} rows[] = {{"https://hooks.example.org/x", true},
		{"https://HOOKS.example.org:8443/x", true}, {"https://a.corp.test/", true},
		{"https://corp.test/", false}, {"https://evilcorp.test/", false},
		{"https://hooks.example.org.evil.test/", false},
		{"https://hooks.example.org@evil.test/", false},
		{"http://hooks.example.org/", false}, {"https://127.0.0.1/", false}};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		CHECK_INT(scripts_may_reach(&c, slice_z(rows[i].url)), rows[i].want);
}
