/* Sequence sets to UIDs. */
#include "base/mem.h"
#include "base/test.h"
#include "proto/imap/session.h"

static void check(const struct uidset *u, struct arena *a, const char *want)
{
	CHECK_STR(imap_print_set(a, u), slice_z(want));
}

TEST(set_of_uids)
{
	static const struct {
		const char *text;
		uint32_t star;
		const char *want;
	} t[] = {
		{"1", 9, "1"},
		{"1:3,2:5", 9, "1:5"},
		{"7,5,3,1", 9, "1,3,5,7"},
		{"*", 9, "9"},
		{"20:*", 9, "9:20"}, /* RFC 9051 9: includes the last one */
		{"*:2", 9, "2:9"},
		{"4294967295", 9, "4294967295"},
		{"*", 0, ""},
		{"3:*", 0, "1:3"},
	};
	for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
		AUTO(uidset) struct uidset u = {0};
		AUTO(arena) struct arena a = {0};
		CHECK(imap_parse_set(slice_z(t[i].text), t[i].star, &u));
		check(&u, &a, t[i].want);
	}
}

/* A view of UIDs 10-14, 20, 30-32: numbers 1-5, 6, 7-9. */
TEST(set_of_numbers)
{
	static const struct {
		const char *text, *numbers, *uids; /* what it means as either; NULL: bad */
	} t[] = {
		{"1", "10", ""},
		{"9", "32", ""},
		{"1:*", "10:14,20,30:32", "10:14,20,30:32"},
		{"*", "32", "32"},
		{"6:5", "14,20", ""},
		{"7,1,5:6,2:3", "10:12,14,20,30", ""},
		{"2:8,3:4", "11:14,20,30:31", ""},
		{"5,5,5", "14", ""},
		{"10", NULL, "10"},
		{"8:40", NULL, "10:14,20,30:32"},
		{"12:*", NULL, "12:14,20,30:32"},
		{"50:*", NULL, "32"},
		{"$", "12,20", "12,20"},
	};
	struct box_view v = {0};
	struct imap s = {.view = &v};
	AUTO(arena) struct arena a = {0};
	uidset_add(&v.uids, 10, 14);
	uidset_add(&v.uids, 20, 20);
	uidset_add(&v.uids, 30, 32);
	uidset_add(&s.saved, 12, 12);
	uidset_add(&s.saved, 15, 20);
	for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
		AUTO(uidset) struct uidset u = {0}, n = {0};
		s.uid = true;
		CHECK(imap_resolve(&s, slice_z(t[i].text), &u));
		check(&u, &a, t[i].uids);
		s.uid = false;
		if (!t[i].numbers)
			continue; /* answers BAD: in transcripts */
		CHECK(imap_resolve(&s, slice_z(t[i].text), &n));
		check(&n, &a, t[i].numbers);
	}
	CHECK_INT(imap_number_of(&s, 20), 6);
	uidset_done(&v.uids);
	uidset_done(&s.saved);
}
