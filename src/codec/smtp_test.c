/* Commands as a server reads them: verbs, arguments, parameters, faults. */
#include "base/mem.h"
#include "base/test.h"
#include "codec/smtp.h"

static const unsigned all_ext = 0xff;

#define FAULT(line, verb, fault)                                                                   \
	{                                                                                          \
		S_INIT(line), verb, fault                                                          \
	}
static const struct {
	slice line;
	enum smtp_verb verb;
	enum smtp_fault fault;
} lines[] = {
	FAULT("EHLO client.example", SMTP_EHLO, SMTP_FINE),
	FAULT("ehlo [192.0.2.1]", SMTP_EHLO, SMTP_FINE),
	FAULT("EHLO [IPv6:::1] ", SMTP_EHLO, SMTP_FINE),
	FAULT("HELO my_pc.", SMTP_HELO, SMTP_FINE),
	FAULT("LHLO x", SMTP_LHLO, SMTP_FINE),
	FAULT("EHLO", SMTP_EHLO, SMTP_FAULT_NO_ARG),
	FAULT("EHLO ", SMTP_EHLO, SMTP_FAULT_NO_ARG),
	FAULT("EHLO a b", SMTP_EHLO, SMTP_FAULT_HELO),
	FAULT("EHLO a(b)", SMTP_EHLO, SMTP_FAULT_HELO),
	FAULT("EHLO [1.2.3]", SMTP_EHLO, SMTP_FAULT_HELO),
	FAULT("MAIL FROM:<>", SMTP_MAIL, SMTP_FINE),
	FAULT("MAIL FROM:<a@b.c>", SMTP_MAIL, SMTP_FINE),
	FAULT("mail from:<a@b.c> size=5 body=8bitmime", SMTP_MAIL, SMTP_FINE),
	FAULT("MAIL FROM: <a@b.c>", SMTP_MAIL, SMTP_FINE),
	FAULT("MAIL FROM:a@b.c", SMTP_MAIL, SMTP_FAULT_SYNTAX),
	FAULT("MAIL FROM:", SMTP_MAIL, SMTP_FAULT_NO_ARG),
	FAULT("MAIL FROM", SMTP_MAIL, SMTP_FAULT_SYNTAX),
	FAULT("MAIL TO:<a@b.c>", SMTP_MAIL, SMTP_FAULT_SYNTAX),
	FAULT("MAIL", SMTP_MAIL, SMTP_FAULT_NO_ARG),
	FAULT("MAIL FROM:<a@b.c>SIZE=5", SMTP_MAIL, SMTP_FAULT_SYNTAX),
	FAULT("MAIL FROM:<a@b..c>", SMTP_MAIL, SMTP_FAULT_SENDER),
	FAULT("MAIL FROM:<postmaster>", SMTP_MAIL, SMTP_FAULT_SENDER),
	FAULT("MAIL FROM:<用户@b.c>", SMTP_MAIL, SMTP_FAULT_NEEDS_UTF8),
	FAULT("MAIL FROM:<用户@b.c> SMTPUTF8", SMTP_MAIL, SMTP_FINE),
	FAULT("MAIL FROM:<> SMTPUTF8=1", SMTP_MAIL, SMTP_FAULT_PARAM_VALUE),
	FAULT("MAIL FROM:<> SIZE", SMTP_MAIL, SMTP_FAULT_PARAM_VALUE),
	FAULT("MAIL FROM:<> SIZE=", SMTP_MAIL, SMTP_FAULT_PARAM_SYNTAX),
	FAULT("MAIL FROM:<> SIZE=-1", SMTP_MAIL, SMTP_FAULT_PARAM_VALUE),
	FAULT("MAIL FROM:<> SIZE=18446744073709551616", SMTP_MAIL, SMTP_FAULT_PARAM_VALUE),
	FAULT("MAIL FROM:<> SIZE=1 SIZE=1", SMTP_MAIL, SMTP_FAULT_PARAM_TWICE),
	FAULT("MAIL FROM:<> BODY=9BIT", SMTP_MAIL, SMTP_FAULT_PARAM_VALUE),
	FAULT("MAIL FROM:<> FOO=1", SMTP_MAIL, SMTP_FAULT_PARAM_UNKNOWN),
	FAULT("MAIL FROM:<> NOTIFY=NEVER", SMTP_MAIL, SMTP_FAULT_PARAM_UNKNOWN),
	FAULT("MAIL FROM:<> -X", SMTP_MAIL, SMTP_FAULT_PARAM_SYNTAX),
	FAULT("MAIL FROM:<> A=B=C", SMTP_MAIL, SMTP_FAULT_PARAM_SYNTAX),
	FAULT("MAIL FROM:<> RET=HALF", SMTP_MAIL, SMTP_FAULT_PARAM_VALUE),
	FAULT("MAIL FROM:<> ENVID=a+0Ab", SMTP_MAIL, SMTP_FAULT_PARAM_VALUE),
	FAULT("MAIL FROM:<> ENVID=a+2", SMTP_MAIL, SMTP_FAULT_PARAM_VALUE),
	FAULT("MAIL FROM:<> ENVID=a+2b", SMTP_MAIL, SMTP_FAULT_PARAM_VALUE),
	FAULT("MAIL FROM:<> AUTH=<>", SMTP_MAIL, SMTP_FINE),
	FAULT("MAIL FROM:<> AUTH=nobody", SMTP_MAIL, SMTP_FAULT_PARAM_VALUE),
	FAULT("MAIL FROM:<> MT-PRIORITY=10", SMTP_MAIL, SMTP_FAULT_PARAM_VALUE),
	FAULT("MAIL FROM:<> MT-PRIORITY=-0", SMTP_MAIL, SMTP_FAULT_PARAM_VALUE),
	FAULT("MAIL FROM:<> REQUIRETLS", SMTP_MAIL, SMTP_FINE),
	FAULT("RCPT TO:<a@b.c>", SMTP_RCPT, SMTP_FINE),
	FAULT("RCPT TO:<Postmaster>", SMTP_RCPT, SMTP_FINE),
	FAULT("RCPT TO:<>", SMTP_RCPT, SMTP_FAULT_RCPT),
	FAULT("RCPT TO:<a b@c.d>", SMTP_RCPT, SMTP_FAULT_RCPT),
	FAULT("RCPT TO:<用户@b.c>", SMTP_RCPT, SMTP_FAULT_NEEDS_UTF8),
	FAULT("RCPT TO:<a@b.c> NOTIFY=NEVER,DELAY", SMTP_RCPT, SMTP_FAULT_PARAM_COMBINED),
	FAULT("RCPT TO:<a@b.c> NOTIFY=", SMTP_RCPT, SMTP_FAULT_PARAM_SYNTAX),
	FAULT("RCPT TO:<a@b.c> NOTIFY=,", SMTP_RCPT, SMTP_FAULT_PARAM_VALUE),
	FAULT("RCPT TO:<a@b.c> ORCPT=a@b.c", SMTP_RCPT, SMTP_FAULT_PARAM_VALUE),
	FAULT("RCPT TO:<a@b.c> ORCPT=rfc822;", SMTP_RCPT, SMTP_FAULT_PARAM_VALUE),
	FAULT("RCPT TO:<a@b.c> ORCPT=rfc822;a+0D+0Ab", SMTP_RCPT, SMTP_FAULT_PARAM_VALUE),
	FAULT("RCPT TO:<a@b.c> SIZE=1", SMTP_RCPT, SMTP_FAULT_PARAM_UNKNOWN),
	FAULT("DATA", SMTP_DATA, SMTP_FINE),
	FAULT("DATA now", SMTP_DATA, SMTP_FAULT_EXTRA_ARG),
	FAULT("QUIT ", SMTP_QUIT, SMTP_FINE),
	FAULT("RSET x", SMTP_RSET, SMTP_FAULT_EXTRA_ARG),
	FAULT("NOOP anything goes", SMTP_NOOP, SMTP_FINE),
	FAULT("BDAT 100", SMTP_BDAT, SMTP_FINE),
	FAULT("BDAT 0 LAST", SMTP_BDAT, SMTP_FINE),
	FAULT("BDAT 1 FIRST", SMTP_BDAT, SMTP_FAULT_SYNTAX),
	FAULT("BDAT x", SMTP_BDAT, SMTP_FAULT_SYNTAX),
	FAULT("BDAT", SMTP_BDAT, SMTP_FAULT_NO_ARG),
	FAULT("STARTTLS now", SMTP_STARTTLS, SMTP_FAULT_EXTRA_ARG),
	FAULT("AUTH", SMTP_AUTH, SMTP_FAULT_NO_ARG),
	FAULT("AUTH PLAIN a b", SMTP_AUTH, SMTP_FAULT_SYNTAX),
	FAULT("AUTH PL(IN", SMTP_AUTH, SMTP_FAULT_SYNTAX),
	FAULT("VRFY", SMTP_VRFY, SMTP_FAULT_NO_ARG),
	FAULT("HELP", SMTP_HELP, SMTP_FINE),
	FAULT("SOML FROM:<a@b>", SMTP_SEND, SMTP_FINE),
	FAULT("", SMTP_UNKNOWN, SMTP_FAULT_UNKNOWN),
	FAULT(" NOOP", SMTP_UNKNOWN, SMTP_FAULT_UNKNOWN),
	FAULT("NOOPS", SMTP_UNKNOWN, SMTP_FAULT_UNKNOWN),
	FAULT("GET / HTTP/1.1", SMTP_HTTP, SMTP_FAULT_UNKNOWN),
	FAULT("NOOP \r", SMTP_NOOP, SMTP_FAULT_CONTROL),
	FAULT("MAIL FROM:<a@b.c>\0", SMTP_MAIL, SMTP_FAULT_CONTROL),
	FAULT("\x16\x03\x01", SMTP_UNKNOWN, SMTP_FAULT_CONTROL),
};

TEST(smtp_lines_and_their_faults)
{
	AUTO(arena) struct arena a = {0};
	for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
		struct smtp_command c;
		smtp_command_parse(lines[i].line, all_ext, false, &a, &c);
		if (c.verb != lines[i].verb || c.fault != lines[i].fault)
			test_fail(__FILE__, __LINE__, "%.*s: %s, %s", SFMT(lines[i].line),
				smtp_verb_name(c.verb), smtp_fault_answer(c.fault).text);
	}
}

TEST(smtp_mail_values)
{
	AUTO(arena) struct arena a = {0};
	struct smtp_command c;
	smtp_command_parse(S("MAIL FROM:<@hop.example:a@b.c>  SIZE=12345 BODY=BINARYMIME RET=HDRS "
			     "ENVID=QQ+2B314+3D9 "
			     "AUTH=e+3Dmc2@example.com MT-PRIORITY=-7 REQUIRETLS"),
		all_ext, false, &a, &c);
	CHECK_INT(c.fault, SMTP_FINE);
	CHECK_STR(c.mail.from.text, S("a@b.c"));
	CHECK(c.mail.has_size && c.mail.size == 12345 && c.mail.body == SMTP_BODY_BINARYMIME);
	CHECK(c.mail.ret == SMTP_RET_HDRS && c.mail.requiretls && !c.mail.smtputf8 && !c.sloppy);
	CHECK_STR(c.mail.envid, S("QQ+314=9"));
	CHECK_STR(c.mail.auth, S("e=mc2@example.com")); /* RFC 4954 section 5 */
	CHECK(c.mail.has_priority && c.mail.priority == -7);
	smtp_command_parse(S("MAIL FROM: <a@b.c> FOO=1"), all_ext, false, &a, &c);
	CHECK(c.sloppy);
	CHECK_STR(c.detail, S("FOO=1"));
}

TEST(smtp_rcpt_values)
{
	AUTO(arena) struct arena a = {0};
	struct smtp_command c;
	smtp_command_parse(S("RCPT TO:<Dana@Ivory.EDU> NOTIFY=SUCCESS,failure "
			     "ORCPT=rfc822;Dana+2BX@Ivory.EDU"),
		all_ext, false, &a, &c);
	CHECK_INT(c.fault, SMTP_FINE);
	CHECK_INT(c.rcpt.notify, SMTP_NOTIFY_SUCCESS | SMTP_NOTIFY_FAILURE);
	CHECK_STR(c.rcpt.orcpt, S("rfc822;Dana+X@Ivory.EDU"));
	smtp_command_parse(S("RCPT TO:<x@y.z> ORCPT=utf-8;\\x{5F20}a@b.c"), all_ext, false, &a, &c);
	CHECK_STR(c.rcpt.orcpt, S("utf-8;张a@b.c"));
	smtp_command_parse(S("RCPT TO:<张三@y.z> ORCPT=utf-8;张三@y.z"), all_ext, true, &a, &c);
	CHECK_INT(c.fault, SMTP_FINE);
	CHECK(c.rcpt.to.utf8);
}

TEST(smtp_only_what_was_offered)
{
	static const char *const params[] = {"SIZE=1", "BODY=7BIT", "SMTPUTF8", "RET=FULL",
		"ENVID=x", "AUTH=<>", "REQUIRETLS", "MT-PRIORITY=1"};
	AUTO(arena) struct arena a = {0};
	struct smtp_command c;
	for (size_t i = 0; i < sizeof params / sizeof params[0]; i++) {
		slice line = arena_printf(&a, "MAIL FROM:<a@b.c> %s", params[i]);
		smtp_command_parse(line, all_ext, false, &a, &c);
		CHECK_INT(c.fault, SMTP_FINE);
		smtp_command_parse(line, 0, false, &a, &c);
		CHECK_INT(c.fault, SMTP_FAULT_PARAM_UNKNOWN);
	}
	smtp_command_parse(S("MAIL FROM:<> BODY=BINARYMIME"), SMTP_EXT_8BITMIME, false, &a, &c);
	CHECK_INT(c.fault, SMTP_FAULT_PARAM_VALUE);
}

TEST(smtp_auth_and_bdat_values)
{
	AUTO(arena) struct arena a = {0};
	struct smtp_command c;
	smtp_command_parse(S("AUTH scram-sha-256"), all_ext, false, &a, &c);
	CHECK_STR(c.auth.mechanism, S("SCRAM-SHA-256"));
	CHECK(!c.auth.has_initial);
	smtp_command_parse(S("AUTH PLAIN AGEAYg=="), all_ext, false, &a, &c);
	CHECK(c.auth.has_initial && slice_eq(c.auth.initial, S("AGEAYg==")));
	smtp_command_parse(S("AUTH EXTERNAL ="), all_ext, false, &a, &c);
	CHECK(c.auth.has_initial && c.auth.initial.n == 0);
	smtp_command_parse(S("BDAT 86 last"), all_ext, false, &a, &c);
	CHECK(c.bdat.size == 86 && c.bdat.last);
}

TEST(smtp_faults_all_have_answers)
{
	for (int f = 0; f < SMTP_FAULTS; f++) {
		struct smtp_answer answer = smtp_fault_answer((enum smtp_fault)f);
		CHECK(answer.text && answer.code / 100 == answer.status.cls);
	}
}

TEST(xtext_there_and_back)
{
	AUTO(arena) struct arena a = {0};
	AUTO(buf) struct buf out = BUF(2000);
	char all[256];
	for (int i = 0; i < 256; i++)
		all[i] = (char)i;
	xtext_encode(&out, slice_of(all, sizeof all));
	slice back = {0};
	CHECK(xtext_decode(buf_slice(&out), &a, &back));
	CHECK_STR(back, slice_of(all, sizeof all));
	CHECK(!xtext_decode(S("a+"), &a, &back) && !xtext_decode(S("a+4"), &a, &back));
	CHECK(!xtext_decode(S("a=b"), &a, &back) && !xtext_decode(S("a b"), &a, &back));
	buf_reset(&out);
	utf8_addr_encode_xtext(&out, S("张+\\三@例.cn"));
	CHECK_STR(buf_slice(&out), S("\\x{5F20}\\x{2B}\\x{5C}\\x{4E09}@\\x{4F8B}.cn"));
	CHECK(utf8_addr_decode(buf_slice(&out), &a, &back));
	CHECK_STR(back, S("张+\\三@例.cn"));
	CHECK(!utf8_addr_decode(S("\\x{D800}"), &a, &back) &&
		!utf8_addr_decode(S("\\x{0A}"), &a, &back));
	CHECK(!utf8_addr_decode(S("\\x{110000}"), &a, &back) &&
		!utf8_addr_decode(S("\\y"), &a, &back));
}
