#include "base/mem.h"
#include "base/test.h"
#include "run/dns_hot.h"
#include "run/loop.h"
#include <stdio.h>

static struct ub_result *answer(int rcode, int ttl)
{
	struct ub_result *r = calloc(1, sizeof *r);
	CHECK(r != NULL);
	r->rcode = rcode;
	r->ttl = ttl;
	r->nxdomain = rcode == 3;
	return r;
}

static struct ub_result *found(struct dns_hot *h, slice name, int type)
{
	struct dns_held *a = dns_hot_find(h, name, type);
	struct ub_result *r = a ? a->result : NULL;
	dns_hot_release(a);
	return r;
}

TEST(dns_hot_keeps_definite_answers)
{
	loop_init();
	struct dns_hot *h = dns_hot_new();
	struct ub_result *r = answer(0, 300), *no = answer(3, 300);
	dns_hot_release(dns_hot_put(h, S("A.example."), 1, r));
	dns_hot_release(dns_hot_put(h, S("no.example"), 1, no));
	CHECK(found(h, S("a.EXAMPLE"), 1) == r);
	CHECK(found(h, S("a.example."), 1) == r);
	CHECK(found(h, S("a.example"), 16) == NULL);
	CHECK(found(h, S("no.example"), 1) == no);
	dns_hot_release(dns_hot_put(h, S("broken.example"), 1, answer(2, 300)));
	CHECK(found(h, S("broken.example"), 1) == NULL);
	dns_hot_release(dns_hot_put(h, S("now.example"), 1, answer(0, 0)));
	CHECK(found(h, S("now.example"), 1) == NULL);
	struct ub_result *bogus = answer(0, 300);
	bogus->bogus = 1;
	dns_hot_release(dns_hot_put(h, S("bogus.example"), 1, bogus));
	CHECK(found(h, S("bogus.example"), 1) == NULL);
	dns_hot_free(h);
	loop_done();
}

/* An answer that is replaced or pushed out stays with those who read it. */
TEST(dns_hot_answers_outlive_their_place)
{
	loop_init();
	struct dns_hot *h = dns_hot_new();
	struct ub_result *old = answer(0, 300), *new = answer(0, 300);
	struct dns_held *held = dns_hot_put(h, S("a.example"), 1, old);
	dns_hot_release(dns_hot_put(h, S("a.example"), 1, new));
	CHECK(held->result == old && found(h, S("a.example"), 1) == new);
	dns_hot_release(held);
	held = dns_hot_find(h, S("a.example"), 1);
	CHECK(held != NULL);
	for (int i = 0; i < DNS_HOT_MAX; i++) {
		char name[32];
		snprintf(name, sizeof name, "n%d.example", i);
		dns_hot_release(dns_hot_put(h, slice_z(name), 1, answer(0, 300)));
	}
	CHECK(found(h, S("a.example"), 1) == NULL);
	CHECK(found(h, S("n0.example"), 1) != NULL);
	CHECK(held->result == new &&new->ttl == 300);
	dns_hot_release(held);
	dns_hot_free(h);
	loop_done();
}
