/* Sender rewriting: there and back, by us and through others, tampered with, too old, nested. */
#include "mail/srs.h"

#include "base/mem.h"
#include "base/test.h"
#include "base/time.h"
#include <openssl/evp.h>
#include <openssl/hmac.h>

#define NOW (1700000000LL * SECOND)

/* A house with a secret of its own; the one before as `was` (or NULL). */
struct house {
	const char *secret, *was;
	bool down;
};

static int hmac(void *arg, bool old, slice text, unsigned char ret[32], struct err *e)
{
	const struct house *h = arg;
	const char *key = old ? h->was : h->secret;
	if (h->down)
		return err_set(e, ERR_TEMP, "down");
	if (!key)
		return err_set(e, ERR_NOTFOUND, "no secret");
	HMAC(EVP_sha256(), key, (int)strlen(key), (const unsigned char *)text.p, text.n, ret, NULL);
	return 0;
}

static struct srs srs_of(struct house *h)
{
	return (struct srs){.hmac = hmac, .arg = h, .valid_days = 21};
}

static slice forward(struct house *h, slice sender, slice domain, struct arena *a)
{
	struct srs s = srs_of(h);
	struct err e;
	slice out;
	if (srs_forward(&s, sender, domain, NOW, a, &out, &e) < 0)
		test_fail(__FILE__, __LINE__, "%.*s: %s", SFMT(sender), e.text);
	return out;
}

static int reverse(struct house *h, slice address, int64_t now, struct arena *a, slice *ret)
{
	struct srs s = srs_of(h);
	struct err e;
	return srs_reverse(&s, address, now, a, ret, &e) == 0 ? 0 : (int)e.kind;
}

TEST(srs_there_and_back)
{
	static const char *const senders[] = {"alice@example.net", "Alice.B+tag@sub.example.net",
		"a=b=c@example.net", "\"odd local\"@example.net", "\"at@sign\"@example.net",
		"srs0@example.net", "SRS0x=y@example.net", "x=SRS0=@example.net", "x@[192.0.2.1]",
		"\xe7\x94\xa8\xe6\x88\xb7@xn--fsqu00a.xn--0zwm56d"};
	struct house ours = {.secret = "ours"};
	for (size_t i = 0; i < sizeof senders / sizeof *senders; i++) {
		AUTO(arena) struct arena a = {0};
		slice there = forward(&ours, slice_z(senders[i]), S("ours.example"), &a), back;
		CHECK(slice_ends(there, S("@ours.example")));
		CHECK(srs_is(there) && !srs_is(slice_z(senders[i])));
		CHECK_INT(reverse(&ours, there, NOW, &a, &back), 0);
		CHECK_STR(back, slice_z(senders[i]));
	}
	AUTO(arena) struct arena a = {0};
	CHECK_STR(forward(&ours, S(""), S("ours.example"), &a), S(""));
}

TEST(srs_survives_folded_case)
{
	struct house ours = {.secret = "ours"};
	AUTO(arena) struct arena a = {0};
	slice there = forward(&ours, S("alice@example.net"), S("ours.example"), &a), back;
	for (int upper = 0; upper < 2; upper++) {
		char *p = arena_strz(&a, there);
		for (char *c = p; *c; c++)
			*c = upper && *c >= 'a' && *c <= 'z' ? (char)(*c - 32) : ascii_lower(*c);
		if (upper)
			memcpy(p, "SRS0", 4);
		CHECK_INT(reverse(&ours, slice_z(p), NOW, &a, &back), 0);
		CHECK(slice_ieq(back, S("alice@example.net")));
	}
}

TEST(srs_is_good_for_some_weeks)
{
	static const struct {
		int64_t days;
		int kind;
	} all[] = {{-2, ERR_DENIED}, {-1, 0}, {0, 0}, {20, 0}, {21, 0}, {22, ERR_DENIED},
		{500, ERR_DENIED}, {1000, ERR_DENIED}};
	struct house ours = {.secret = "ours"};
	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		AUTO(arena) struct arena a = {0};
		slice there = forward(&ours, S("alice@example.net"), S("ours.example"), &a), back;
		CHECK_INT(reverse(&ours, there, NOW + all[i].days * DAY, &a, &back), all[i].kind);
	}
}

TEST(srs_each_changed_byte_is_noticed)
{
	struct house ours = {.secret = "ours"}, other = {.secret = "other"};
	AUTO(arena) struct arena a = {0};
	slice there = forward(&ours, S("alice@example.net"), S("ours.example"), &a), back;
	slice local = slice_first(there, slice_rindex(there, '@'));
	for (size_t i = 5; i < local.n; i++) {
		char *p = arena_strz(&a, there);
		p[i] = p[i] == 'x' ? 'q' : 'x';
		CHECK(reverse(&ours, slice_z(p), NOW, &a, &back) == ERR_DENIED);
	}
	CHECK_INT(reverse(&other, there, NOW, &a, &back), ERR_DENIED);
	static const char *const bad[] = {"SRS0=@ours.example", "SRS0==@ours.example",
		"SRS0=x@ours.example", "SRS0====@ours.example",
		"SRS0=AAAAAA=AA=x.org=@ours.example", "SRS0=AAAAAA=AA=x.org=u@ours.example",
		"SRS1=@ours.example", "SRS1=AAAAAA=x.org@ours.example",
		"SRS1=AAAAAA=x.org==@ours.example",
		"SRS1=AAAAAA=x.org==HHH=TT=y.org=u@ours.example"};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		CHECK_INT(reverse(&ours, slice_z(bad[i]), NOW, &a, &back), ERR_DENIED);
	CHECK_INT(reverse(&ours, S("alice@ours.example"), NOW, &a, &back), ERR_NOTFOUND);
	CHECK_INT(reverse(&ours, S("SRS2=a=b@ours.example"), NOW, &a, &back), ERR_NOTFOUND);
	CHECK_INT(reverse(&ours, S(""), NOW, &a, &back), ERR_NOTFOUND);
}

/* A shorter hash is no shorter way in. */
TEST(srs_hash_is_whole)
{
	struct house ours = {.secret = "ours"};
	AUTO(arena) struct arena a = {0};
	slice there = forward(&ours, S("alice@example.net"), S("ours.example"), &a), back;
	for (size_t cut = 1; cut <= SRS_HASH_WRITE; cut++) {
		slice s = arena_printf(&a, "%.*s%.*s", 5 + SRS_HASH_WRITE - (int)cut, there.p,
			SFMT(slice_skip(there, 5 + SRS_HASH_WRITE)));
		CHECK_INT(reverse(&ours, s, NOW, &a, &back), ERR_DENIED);
	}
}

/* alice -> first -> second -> third, and the bounce all the way back. */
TEST(srs_chain_of_houses)
{
	struct house first = {.secret = "1"}, second = {.secret = "2"}, third = {.secret = "3"};
	AUTO(arena) struct arena a = {0};
	slice back;
	slice one = forward(&first, S("alice@example.net"), S("first.example"), &a);
	slice two = forward(&second, one, S("second.example"), &a);
	slice three = forward(&third, two, S("third.example"), &a);
	CHECK(slice_starts(two, S("SRS1=")) && slice_starts(three, S("SRS1=")));
	CHECK(slice_find(three, S("second.example")) == three.n); /* it need not go by there */
	CHECK_INT(reverse(&third, three, NOW, &a, &back), 0);
	CHECK_STR(back, one);
	CHECK_INT(reverse(&second, two, NOW, &a, &back), 0);
	CHECK_STR(back, one);
	CHECK_INT(reverse(&first, back, NOW, &a, &back), 0);
	CHECK_STR(back, S("alice@example.net"));
	CHECK_INT(reverse(&second, three, NOW, &a, &back), ERR_DENIED);
	/* What only looks like one is an address like any other. */
	static const char *const odd[] = {"SRS0=@first.example",
		"SRS1=AAAAAA=f*rst==HHH=TT=x.org=u@first.example", "SRS1=x@first.example"};
	for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
		slice there = forward(&second, slice_z(odd[i]), S("second.example"), &a);
		CHECK_INT(reverse(&second, there, NOW, &a, &back), 0);
		CHECK_STR(back, slice_z(odd[i]));
	}
	/* The separator of another system's SRS0 is kept. */
	slice plus = forward(
		&second, S("SRS0+Hh=TT=example.net=bob@first.example"), S("second.example"), &a);
	CHECK_INT(reverse(&second, plus, NOW, &a, &back), 0);
	CHECK_STR(back, S("SRS0+Hh=TT=example.net=bob@first.example"));
}

TEST(srs_secret_is_renewed)
{
	struct house before = {.secret = "old"}, now = {.secret = "new", .was = "old"},
		     later = {.secret = "newer", .was = "new"};
	AUTO(arena) struct arena a = {0};
	slice there = forward(&before, S("alice@example.net"), S("ours.example"), &a), back;
	CHECK_INT(reverse(&now, there, NOW, &a, &back), 0);
	CHECK_INT(reverse(&later, there, NOW, &a, &back), ERR_DENIED);
	now.down = true;
	CHECK_INT(reverse(&now, there, NOW, &a, &back), ERR_TEMP);
}

TEST(srs_limits)
{
	struct house ours = {.secret = "ours"};
	struct srs s = srs_of(&ours);
	AUTO(arena) struct arena a = {0};
	char local[190];
	struct err e;
	slice out;
	memset(local, 'a', sizeof local);
	slice sender = arena_printf(&a, "%.*s@example.net", (int)sizeof local, local);
	CHECK(srs_forward(&s, sender, S("ours.example"), NOW, &a, &out, &e) < 0);
	CHECK_INT(e.kind, ERR_LIMIT);
	s.domain = S("bounces.ours.example");
	CHECK(srs_forward(&s, S("a@example.net"), S("ours.example"), NOW, &a, &out, &e) == 0);
	CHECK(slice_ends(out, S("@bounces.ours.example")));
}
