/* Which port, protocol and TLS a route and a domain mean (way.h). */
#include "base/test.h"
#include "bin/way.h"
#include <netinet/in.h>

static struct host at_port(uint16_t port)
{
	struct host h = {.name = S("mx.test")};
	struct sockaddr_in *in = (struct sockaddr_in *)&h.addr.ss;
	*in = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port)};
	h.addr.len = sizeof *in;
	return h;
}

TEST(way_ports)
{
	const struct delivery_conf c = {.port = 2525, .tls = SMTPC_TLS_ALWAYS};
	const struct route lmtp = {.protocol = S("lmtp"), .tls = S("none")};
	const struct route smtp = {.protocol = S("smtp"), .tls = S("none")};
	CHECK_INT(way_by_route(&lmtp, &c).port, 24);
	CHECK(way_by_route(&lmtp, &c).lmtp);
	CHECK_INT(way_by_route(&smtp, &c).port, 2525);
	CHECK_INT(way_to_domain(&c).port, 2525);
	CHECK_INT(way_to_domain(&c).tls, SMTPC_TLS_ALWAYS);
}

TEST(way_tls_of_a_route)
{
	static const struct {
		slice word;
		enum smtpc_tls tls;
	} cases[] = {{S_INIT("none"), SMTPC_TLS_NEVER}, {S_INIT("opportunistic"), SMTPC_TLS_MAYBE},
		{S_INIT("required"), SMTPC_TLS_ALWAYS}, {S_INIT("ca"), SMTPC_TLS_CA},
		{S_INIT("host"), SMTPC_TLS_HOST}, {S_INIT("dane"), SMTPC_TLS_DANE},
		{S_INIT("nonsense"), SMTPC_TLS_HOST}};
	const struct delivery_conf c = {.port = 25, .tls = SMTPC_TLS_NEVER};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const struct route r = {.protocol = S("smtp"), .tls = cases[i].word};
		CHECK_INT(way_by_route(&r, &c).tls, cases[i].tls);
	}
}

TEST(way_implicit_tls_on_465)
{
	const struct delivery_conf c = {.port = 25};
	const struct route r = {.protocol = S("smtp"), .tls = S("opportunistic")};
	const struct way w = way_by_route(&r, &c);
	struct host submissions = at_port(465), mx = at_port(25);
	const struct tls_policy maybe = {.level = TLS_LEVEL_MAYBE}, never = {0};
	CHECK(way_config(&w, &submissions, &maybe).tls_implicit);
	CHECK(!way_config(&w, &submissions, &never).tls_implicit);
	CHECK(!way_config(&w, &mx, &maybe).tls_implicit);
}
