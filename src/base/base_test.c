/* The ground floor: slices, buffers, cursors, arenas, maps, lists, times, checksums. */
#include "base/arena.h"
#include "base/buf.h"
#include "base/cur.h"
#include "base/hash.h"
#include "base/list.h"
#include "base/map.h"
#include "base/rand.h"
#include "base/test.h"
#include "base/time.h"
#include <stdio.h>
#include <stdlib.h>

TEST(slice_basics)
{
	CHECK(slice_ieq(S("MAIL from"), S("mail FROM")));
	CHECK(!slice_ieq(S("a["), S("a{")));
	CHECK_STR(slice_trim(S(" \tx y\r\n")), S("x y"));
	CHECK_INT(slice_find(S("abcabd"), S("abd")), 3);
	CHECK_INT(slice_find(S("abc"), S("x")), 3);
	slice rest = S("a,,b"), part;
	CHECK(slice_cut(&rest, ',', &part) && slice_eq(part, S("a")));
	CHECK(slice_cut(&rest, ',', &part) && part.n == 0);
	CHECK(slice_cut(&rest, ',', &part) && slice_eq(part, S("b")));
	CHECK(!slice_cut(&rest, ',', &part));
}

TEST(slice_numbers)
{
	uint64_t v = 7;
	CHECK(slice_u64(S("18446744073709551615"), &v) && v == UINT64_MAX);
	CHECK(!slice_u64(S("18446744073709551616"), &v));
	CHECK(!slice_u64(S(""), &v) && !slice_u64(S("-1"), &v) && !slice_u64(S("1 "), &v));
}

TEST(buf_has_a_sticky_limit)
{
	struct buf b = BUF(4);
	buf_put(&b, S("abc"));
	buf_put(&b, S("de"));
	buf_byte(&b, 'f');
	CHECK(!buf_ok(&b));
	CHECK_STR(buf_slice(&b), S("abc"));
	buf_reset(&b);
	buf_put(&b, S("wxyz"));
	CHECK(buf_ok(&b));
	buf_done(&b);
}

TEST(buf_and_cur_agree)
{
	struct buf b = BUF(1000);
	buf_u8(&b, 1);
	buf_u16(&b, 0x203);
	buf_u32(&b, 0xfffefdfc);
	buf_u64(&b, 1ull << 63);
	buf_f32(&b, -0.75f);
	buf_str(&b, S("hello"));
	struct cur c = cur_of(buf_slice(&b));
	CHECK(cur_u8(&c) == 1 && cur_u16(&c) == 0x203 && cur_u32(&c) == 0xfffefdfc && cur_u64(&c) == 1ull << 63);
	CHECK(cur_f32(&c) == -0.75f);
	CHECK_STR(cur_str(&c), S("hello"));
	CHECK(cur_ok(&c) && cur_at_end(&c));
	CHECK(cur_u8(&c) == 0 && !cur_ok(&c));
	buf_done(&b);
}

TEST(arena_gives_zeroed_memory_again)
{
	struct arena a = {0};
	for (int round = 0; round < 3; round++) {
		char *p = arena_alloc(&a, 3000);
		for (int i = 0; i < 3000; i++)
			CHECK(p[i] == 0);
		memset(p, 1, 3000);
		CHECK_STR(arena_printf(&a, "%d-%s", 5, "x"), S("5-x"));
		arena_alloc(&a, 200000);
		arena_reset(&a);
	}
	arena_done(&a);
}

TEST(map_survives_churn)
{
	struct map m = {0};
	static int values[5000];
	char key[16];
	for (int round = 0; round < 4; round++) {
		for (int i = 0; i < 5000; i++)
			map_put(&m, slice_of(key, (size_t)snprintf(key, sizeof key, "k%d", i)), &values[i]);
		CHECK_INT(m.n, 5000);
		for (int i = 0; i < 5000; i += 1 + round)
			CHECK(map_remove(&m, slice_of(key, (size_t)snprintf(key, sizeof key, "k%d", i))) == &values[i]);
		CHECK(map_get(&m, S("k0")) == NULL);
		CHECK(round == 0 || map_get(&m, S("k1")) == &values[1]);
	}
	size_t at = 0, seen = 0;
	slice k;
	void *v;
	while (map_next(&m, &at, &k, &v))
		seen++;
	CHECK_INT(seen, m.n);
	map_done(&m);
}

TEST(list_order)
{
	struct list h, n[3];
	list_init(&h);
	for (int i = 0; i < 3; i++)
		list_append(&h, &n[i]);
	list_remove(&n[1]);
	list_remove(&n[1]);
	CHECK(list_shift(&h) == &n[0] && list_shift(&h) == &n[2] && list_shift(&h) == NULL);
}

TEST(crc32c_known_answer) /* RFC 3720 B.4 */
{
	char zeros[32] = {0};
	CHECK_INT(crc32c(0, slice_of(zeros, 32)), 0x8a9136aa);
	CHECK_INT(crc32c(0, S("123456789")), 0xe3069283);
	CHECK_INT(crc32c_by_table(0, S("123456789")), 0xe3069283);
}

TEST(crc32c_instruction_agrees_with_table)
{
	char bytes[300];
	rand_bytes(bytes, sizeof bytes);
	for (size_t from = 0; from < 9; from++)
		for (size_t n = 0; n < sizeof bytes - from; n++) {
			slice s = slice_of(bytes + from, n);
			uint32_t start = (uint32_t)(n * 2654435761u);
			if (crc32c(start, s) != crc32c_by_table(start, s))
				test_fail(__FILE__, __LINE__, "differs at %zu, %zu bytes", from, n);
		}
}

TEST(times_are_written_and_read)
{
	setenv("TZ", "Asia/Shanghai", 1);
	char out[64];
	int64_t wall = 1795309870LL * SECOND + 123 * MSEC, back;
	CHECK_STR(slice_of(out, time_rfc5322(wall, out)), S("Sun, 22 Nov 2026 09:11:10 +0800"));
	CHECK_STR(slice_of(out, time_iso(wall, out)), S("2026-11-22T01:11:10.123Z"));
	CHECK(time_parse(S("2026-11-22T01:11:10.123Z"), 0, &back) && back == wall);
	CHECK(time_parse(S("2h"), 3 * HOUR, &back) && back == HOUR);
	CHECK(!time_parse(S("yesterday"), 0, &back) && !time_parse(S(""), 0, &back));
}

TEST(durations)
{
	int64_t us;
	char out[24];
	CHECK(duration_parse(S("90s"), &us) && us == 90 * SECOND);
	CHECK(duration_parse(S("15"), &us) && us == 15 * SECOND);
	CHECK(!duration_parse(S("3x"), &us) && !duration_parse(S("h"), &us));
	CHECK(!duration_parse(S("99999999999999999w"), &us));
	CHECK_STR(slice_of(out, duration_print(5400 * SECOND, out)), S("90m"));
	CHECK_STR(slice_of(out, duration_print(7 * DAY, out)), S("1w"));
}

TEST(rand_below_stays_below)
{
	for (int i = 0; i < 1000; i++)
		CHECK(rand_below(7) < 7);
}
