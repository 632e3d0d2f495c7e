/* Engines: the wire, answers that are kept, names of viruses, what a command's output says. */
#include "base/mem.h"
#include "base/test.h"
#include "bin/engine_command.h"
#include "bin/engine_wire.h"
#include <stdio.h>

TEST(engine_wire_requests)
{
	AUTO(buf) struct buf out = BUF(ENGINE_WIRE_MAX);
	const struct engine_request r = {.ask = ENGINE_SCAN,
		.purpose = ENGINE_INTERNAL,
		.from = 8192,
		.size = 77,
		.within = SECOND,
		.name = S("a.eml")};
	struct engine_request got;
	engine_request_encode(&out, &r);
	CHECK(engine_request_decode(buf_slice(&out), &got));
	CHECK_INT(got.purpose, ENGINE_INTERNAL);
	CHECK_INT(got.from, 8192);
	CHECK_INT(got.size, 77);
	CHECK_INT(got.within, SECOND);
	CHECK_STR(got.name, S("a.eml"));
	for (size_t i = 0; i < out.n; i++)
		CHECK(!engine_request_decode(slice_first(buf_slice(&out), i), &got));
	out.p[1] = 3; /* two purposes at once */
	CHECK(!engine_request_decode(buf_slice(&out), &got));
}

TEST(engine_wire_answers)
{
	AUTO(buf) struct buf out = BUF(ENGINE_WIRE_MAX);
	const struct engines_answer w = {
		.infected = true, .virus = S("a: B"), .failed = S("c: gone"), .defer = true};
	struct engines_answer got;
	engine_answer_encode(&out, &w);
	CHECK(engine_answer_decode(buf_slice(&out), &got));
	CHECK(got.infected && got.defer && !got.hold && !got.none);
	CHECK_STR(got.virus, S("a: B"));
	CHECK_STR(got.failed, S("c: gone"));
	out.p[0] = 0; /* a virus, but not infected */
	CHECK(!engine_answer_decode(buf_slice(&out), &got));
}

TEST(engine_answers_add_up)
{
	AUTO(arena) struct arena a = {0};
	struct engines_answer one = {.failed = S("x: gone"), .hold = true};
	const struct engines_answer two = {
		.infected = true, .virus = S("y: V"), .failed = S("x: gone")};
	engines_answer_add(&one, &two, &a);
	CHECK(one.infected && one.hold);
	CHECK_STR(one.virus, S("y: V"));
	CHECK_STR(one.failed, S("x: gone"));
}

TEST(engine_kept_is_bounded_and_goes_with_the_version)
{
	AUTO(arena) struct arena a = {0};
	const struct engines_conf c = {.kept = 2, .kept_for = HOUR};
	struct engine g = {.index = 3, .version = "1"}, other = {.index = 4, .version = "1"};
	struct engine_kept *k = engine_kept_new(&c);
	uint8_t digest[3][ENGINE_DIGEST] = {{1}, {2}, {3}};
	const struct engine_found bad = {true, S("V")}, good = {0};
	struct engine_found got;
	engine_kept_put(k, &g, digest[0], &bad);
	engine_kept_put(k, &g, digest[1], &good);
	CHECK(engine_kept_get(k, &g, digest[0], &a, &got) && got.infected);
	CHECK_STR(got.virus, S("V"));
	CHECK(engine_kept_get(k, &g, digest[1], &a, &got) && !got.infected);
	CHECK(!engine_kept_get(k, &other, digest[0], &a, &got));
	engine_kept_put(k, &g, digest[2], &good);
	CHECK(!engine_kept_get(k, &g, digest[0], &a, &got)); /* the oldest made room */
	snprintf(g.version, sizeof g.version, "2");
	CHECK(!engine_kept_get(k, &g, digest[1], &a, &got));
	engine_kept_free(k);
}

TEST(engine_virus_names_are_tame)
{
	AUTO(arena) struct arena a = {0};
	CHECK_STR(engine_virus_name(S(" Win.Test "), &a), S("Win.Test"));
	CHECK_STR(engine_virus_name(S("EICAR Test, \x1b[2J\n"), &a), S("EICAR_Test___[2J"));
	CHECK_STR(engine_virus_name(S("  "), &a), S("unnamed"));
	char much[1000];
	memset(much, 'x', sizeof much);
	CHECK_INT(engine_virus_name(slice_of(much, sizeof much), &a).n, ENGINE_VIRUS_MAX);
}

TEST(engine_command_names)
{
	static const struct {
		slice output, pattern, name;
	} v[] = {
		{S_INIT("Eicar\nmore\n"), S_INIT(""), S_INIT("Eicar")},
		{S_INIT("\n  Eicar \n"), S_INIT(""), S_INIT("Eicar")},
		{S_INIT("scanning\n/tmp/x: Eicar FOUND\n"), S_INIT(": %v FOUND"), S_INIT("Eicar")},
		{S_INIT("virus=Eicar\n"), S_INIT("virus=%v"), S_INIT("Eicar")},
		{S_INIT("Eicar was found"), S_INIT("%v was found"), S_INIT("Eicar")},
		{S_INIT("nothing of it\n"), S_INIT(": %v FOUND"), S_INIT("")},
		{S_INIT(""), S_INIT(""), S_INIT("")},
	};
	for (size_t i = 0; i < sizeof v / sizeof *v; i++)
		CHECK_STR(engine_command_virus(v[i].output, v[i].pattern), v[i].name);
}

TEST(engine_icap_addresses)
{
	struct net_addr addr;
	slice service;
	CHECK(engine_icap_parse(S("icap://192.0.2.5:1345/av/scan?x=1"), &addr, &service));
	CHECK_INT(net_port(&addr), 1345);
	CHECK_STR(service, S("/av/scan?x=1"));
	CHECK(engine_icap_parse(S("ICAP://[2001:db8::5]/s"), &addr, &service));
	CHECK_INT(net_port(&addr), 1344);
	CHECK(!engine_icap_parse(S("icap://192.0.2.5"), &addr, &service));
	CHECK(!engine_icap_parse(S("icap://192.0.2.5/"), &addr, &service));
	CHECK(!engine_icap_parse(S("http://192.0.2.5/s"), &addr, &service));
	CHECK(!engine_icap_parse(S("icap://192.0.2.5/s\r\nX: y"), &addr, &service));
}
