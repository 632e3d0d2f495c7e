/* Forms: the script that becomes of them, that it compiles, and that mistakes are told where they are. */
#include "base/mem.h"
#include "base/test.h"
#include "sieve/form.h"

struct form_case {
	const char *json, *script;
};
static const struct form_case good[] = {
	{"{}", ""},
	{"{\"rules\":[{\"name\":\"订单\",\"match\":\"any\",\"stop\":true,\"conditions\":["
	 "{\"field\":\"from\",\"op\":\"domain\",\"values\":[\"shop.example\"]},"
	 "{\"field\":\"subject\",\"op\":\"starts\",\"values\":[\"50*\\\"\"],\"not\":true}],"
	 "\"actions\":[{\"do\":\"move\",\"folder\":\"工作/"
	 "订单\"},{\"do\":\"flag\",\"flags\":[\"\\\\Flagged\"]}]}]}",
		"require [\"fileinto\", \"imap4flags\", \"mailbox\"];\r\n"
		"\r\n# 订单\r\n"
		"if anyof (address :domain :is \"From\" [\"shop.example\"],\r\n"
		"        not header :matches \"Subject\" [\"50\\\\*\\\"*\"])\r\n"
		"{\r\n"
		"    addflag [\"\\\\Flagged\"];\r\n"
		"    fileinto :create \"工作/订单\";\r\n"
		"    stop;\r\n}\r\n"},
	{"{\"autoreply\":{\"enabled\":true,\"text\":\"Away\\nuntil "
	 "Monday\",\"from\":\"2026-10-01\",\"days\":3},"
	 "\"forward\":{\"enabled\":true,\"to\":[\"a@b.example\"],\"keep\":false}}",
		"require [\"vacation\", \"date\", \"relational\"];\r\n"
		"\r\nif allof (true, currentdate :value \"ge\" \"date\" \"2026-10-01\")\r\n"
		"{\r\n    vacation :days 3\r\n        \"Away\r\nuntil Monday\";\r\n}\r\n"
		"\r\nredirect \"a@b.example\";\r\n"},
	{"{\"rules\":[{\"name\":\"off\",\"enabled\":false,\"match\":\"always\",\"actions\":[{"
	 "\"do\":\"discard\"}]},"
	 "{\"name\":\"big\",\"match\":\"all\",\"conditions\":[{\"field\":\"size\",\"op\":\"over\","
	 "\"values\":[\"10M\"]},"
	 "{\"field\":\"attachment\",\"op\":\"ends\",\"values\":[\".exe\"]},"
	 "{\"field\":\"header\",\"header\":\"X-Spam\",\"op\":\"exists\"}],"
	 "\"actions\":[{\"do\":\"reject\",\"text\":\"No\"},{\"do\":\"forward\",\"to\":\"x@y."
	 "example\"}]}]}",
		"require [\"copy\", \"reject\", \"mime\"];\r\n"
		"\r\n# big\r\n"
		"if allof (size :over 10M,\r\n"
		"        header :mime :anychild :param [\"filename\", \"name\"] :matches "
		"[\"Content-Disposition\", "
		"\"Content-Type\"] [\"*.exe\"],\r\n"
		"        exists \"X-Spam\")\r\n"
		"{\r\n    reject \"No\";\r\n    redirect :copy \"x@y.example\";\r\n}\r\n"},
};

TEST(form_scripts)
{
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		AUTO(arena) struct arena a = {0};
		struct sieve_mistakes m;
		slice script;
		CHECK(sieve_form_compile(slice_z(good[i].json), &a, &script, &m));
		CHECK_STR(script, slice_z(good[i].script));
		const struct sieve_source source = {.name = S("form"), .text = script};
		CHECK(sieve_compile(&source, 0, &a, &m) != NULL);
	}
}

static const struct form_case bad[] = {
	{"", "form: line"},
	{"[]", ": an object is expected"},
	{"{\"x\":1}", "x: this is not known"},
	{"{\"rules\":{}}", "rules: a list is expected"},
	{"{\"rules\":[{\"match\":\"some\"}]}", "rules[0].match: \"some\" is not one"},
	{"{\"rules\":[{\"match\":\"all\",\"actions\":[{\"do\":\"keep\"}]}]}",
		"rules[0].conditions: there are none"},
	{"{\"rules\":[{\"match\":\"always\"}]}", "rules[0].actions: there are none"},
	{"{\"rules\":[{\"name\":\"a\\nb\",\"match\":\"always\"}]}",
		"rules[0].name: there is a control character"},
	{"{\"rules\":[{\"match\":\"any\",\"conditions\":[{\"field\":\"size\",\"op\":\"is\","
	 "\"values\":[\"1\"]}],"
	 "\"actions\":[{\"do\":\"keep\"}]}]}",
		"rules[0].conditions[0].op: is cannot be asked of size"},
	{"{\"rules\":[{\"match\":\"any\",\"conditions\":[{\"field\":\"header\",\"header\":\"a "
	 "b\",\"op\":\"is\",\"values\":[\"1\"]}],"
	 "\"actions\":[{\"do\":\"keep\"}]}]}",
		"rules[0].conditions[0].header: this is no name"},
	{"{\"rules\":[{\"match\":\"always\",\"actions\":[{\"do\":\"forward\",\"to\":\"nobody\"}]}]"
	 "}",
		"rules[0].actions[0].to: \"nobody\" is no address"},
	{"{\"rules\":[{\"match\":\"always\",\"actions\":[{\"do\":\"move\"}]}]}",
		"rules[0].actions[0].folder: a folder is missing"},
	{"{\"autoreply\":{\"enabled\":true}}", "autoreply.text: an answer is missing"},
	{"{\"autoreply\":{\"enabled\":true,\"text\":\"x\",\"until\":\"soon\"}}",
		"autoreply.until: a day is expected"},
	{"{\"forward\":{\"enabled\":true,\"to\":[]}}", "forward.to: an address is missing"},
	{"{\"forward\":{\"enabled\":true,\"to\":[\"a@b.c\",\"a@b.c\",\"a@b.c\",\"a@b.c\",\"a@b.c\"]"
	 "}}",
		"forward.to: there are more than 4"},
};

TEST(form_mistakes)
{
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		AUTO(arena) struct arena a = {0};
		struct sieve_mistakes m;
		slice script;
		CHECK(!sieve_form_compile(slice_z(bad[i].json), &a, &script, &m));
		CHECK(m.n > 0);
		CHECK_STR(slice_first(m.v[0].en, strlen(bad[i].script)), slice_z(bad[i].script));
		CHECK(m.v[0].zh.n > 0);
	}
}
