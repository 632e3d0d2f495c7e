/* What the tests of reputation, greylist and automatic whitelist share: a store and a clock. */
#pragma once
#include "run/conf.h"
#include "store/kv.h"
#include "store/store_testing.h"

struct test_kv {
	struct testdir dir;
	struct kv *kv;
	struct arena mem;
	struct conf *conf;
};

static int64_t test_now = 1800000000;
static inline int64_t test_clock(void)
{
	return __atomic_load_n(&test_now, __ATOMIC_RELAXED);
}

/* With one section of the configuration, from text. */
static inline const void *test_kv_open(
	struct test_kv *t, const struct conf_section *section, const char *text)
{
	const struct conf_section *const all[] = {section, NULL};
	struct conf_errors errors;
	struct err e;
	*t = (struct test_kv){.dir = testdir_make()};
	t->kv = kv_open(testdir_slice(&t->dir), 16 << 20);
	kv_set_clock(t->kv, test_clock);
	if (conf_parse(slice_z(text), S("test"), all, CONF_EN, &t->mem, &t->conf, &errors, &e) < 0)
		test_fail(__FILE__, __LINE__, "%s", e.text);
	return conf_get(t->conf, section);
}

static inline void test_kv_close(struct test_kv *t)
{
	kv_close(t->kv);
	conf_free(t->conf);
	arena_done(&t->mem);
	auto_testdir(&t->dir);
}

static inline struct net_addr test_ip(const char *text)
{
	struct net_addr ip;
	struct err e;
	if (net_from_ip(slice_z(text), 0, &ip, &e) < 0)
		test_fail(__FILE__, __LINE__, "%s", e.text);
	return ip;
}
