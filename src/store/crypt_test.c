/* Keys of encryption at rest: what is on the disk opens with its key and in no other way; changing keys loses none. */
#include "store/crypt_admin.h"
#include "store/crypt_file.h"

#include "base/buf.h"
#include "base/hex.h"
#include "store/store_testing.h"

#include <sys/stat.h>

struct place {
	struct testdir data, away; /* the store, and where keys lie */
	char key[128], other[128], crypt[128];
};

static void auto_place(struct place *p)
{
	crypt_forget();
	auto_testdir(&p->data);
	auto_testdir(&p->away);
}

/* These tests begin without keys, whatever the others run with. */
static struct place make(void)
{
	crypt_forget();
	struct place p = {.data = testdir_make(), .away = testdir_make()};
	struct err e;
	snprintf(p.key, sizeof p.key, "%s/key", p.away.path);
	snprintf(p.other, sizeof p.other, "%s/other", p.away.path);
	snprintf(p.crypt, sizeof p.crypt, "%s/crypt", p.data.path);
	CHECK_INT(crypt_key_make(slice_z(p.key), slice_z(p.data.path), &e), 0);
	CHECK_INT(crypt_key_make(slice_z(p.other), slice_z(p.data.path), &e), 0);
	return p;
}

#define DIR_OF(p) slice_z((p).data.path)
#define KEY_OF(p) slice_z((p).key)

static size_t read_file(const char *path, char *to, size_t n)
{
	AUTO(fd) int fd = open(path, O_RDONLY);
	ssize_t got = fd < 0 ? -1 : read(fd, to, n);
	CHECK(got > 0);
	return (size_t)got;
}

static void write_file(const char *path, slice s, mode_t mode)
{
	unlink(path);
	AUTO(fd) int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	CHECK(fd >= 0 && write(fd, s.p, s.n) == (ssize_t)s.n && fchmod(fd, mode) == 0);
}

static uint32_t first_of(const struct place *p, const char *key)
{
	struct crypt_list list;
	struct err e;
	CHECK_INT(crypt_list(slice_z(p->data.path), slice_z(key), &list, &e), 0);
	CHECK(list.n > 0 && list.keys[0].no > 0);
	return list.keys[0].no;
}

static void derived(
	uint32_t no, const char *purpose, const char *salt, unsigned char ret[CRYPT_KEY])
{
	struct err e;
	if (crypt_derive(no, purpose, slice_z(salt), ret, &e) < 0)
		test_fail(__FILE__, __LINE__, "%s", e.text);
}

/* RFC 5869; the value was made by hand from two HMACs. */
TEST(crypt_hkdf_is_that_of_rfc_5869)
{
	unsigned char key[CRYPT_KEY], out[CRYPT_KEY];
	AUTO(buf) struct buf hex = BUF(100);
	for (size_t i = 0; i < sizeof key; i++)
		key[i] = (unsigned char)i;
	crypt_hkdf(key, S("salt"), "page", out);
	hex_encode(&hex, slice_of(out, sizeof out));
	CHECK_STR(buf_slice(&hex),
		S("884b2dccb94248f3b210040a8dc71c45ff25494b729f95fbb77f184848ad987a"));
}

TEST(crypt_plain_store_needs_no_key)
{
	AUTO(place) struct place p = make();
	struct err e;
	CHECK_INT(crypt_load(DIR_OF(p), S("/nowhere"), &e), -1);
	CHECK_INT(e.kind, ERR_NOTFOUND);
	CHECK_INT(crypt_now(), 0);
	CHECK_INT(crypt_rotate(DIR_OF(p), KEY_OF(p), &e), -1);
	CHECK_INT(e.kind, ERR_NOTFOUND);
	CHECK_INT(crypt_off(DIR_OF(p), KEY_OF(p), &e), -1);
	CHECK_INT(e.kind, ERR_NOTFOUND);
	unsigned char key[CRYPT_KEY];
	CHECK_INT(crypt_derive(1, "page", S("x"), key, &e), -1);
	CHECK_INT(e.kind, ERR_PERM);
}

TEST(crypt_keys_stay_the_same_through_every_change)
{
	AUTO(place) struct place p = make();
	struct err e;
	unsigned char first[CRYPT_KEY], second[CRYPT_KEY], again[CRYPT_KEY];
	CHECK_INT(crypt_on(DIR_OF(p), KEY_OF(p), &e), 0);
	CHECK_INT(crypt_on(DIR_OF(p), KEY_OF(p), &e), -1);
	CHECK_INT(e.kind, ERR_EXISTS);
	CHECK_INT(crypt_load(DIR_OF(p), KEY_OF(p), &e), 0);
	uint32_t no = first_of(&p, p.key);
	CHECK_INT(crypt_now(), no);
	derived(no, "page", "a", first);
	CHECK_INT(crypt_rotate(DIR_OF(p), KEY_OF(p), &e), 0);
	CHECK_INT(crypt_load(DIR_OF(p), KEY_OF(p), &e), 0);
	CHECK_INT(crypt_now(), no + 1);
	derived(no, "page", "a", again);
	CHECK(memcmp(first, again, CRYPT_KEY) == 0);
	derived(no + 1, "page", "a", second);
	CHECK(memcmp(first, second, CRYPT_KEY) != 0);
	derived(no + 1, "pack", "a", again);
	CHECK(memcmp(second, again, CRYPT_KEY) != 0);
	derived(no + 1, "page", "b", again);
	CHECK(memcmp(second, again, CRYPT_KEY) != 0);
	CHECK_INT(crypt_rewrap(DIR_OF(p), KEY_OF(p), slice_z(p.other), &e), 0);
	CHECK_INT(crypt_load(DIR_OF(p), KEY_OF(p), &e), -1);
	CHECK_INT(e.kind, ERR_PERM);
	CHECK_INT(crypt_load(DIR_OF(p), slice_z(p.other), &e), 0);
	derived(no + 1, "page", "a", again);
	CHECK(memcmp(second, again, CRYPT_KEY) == 0);
	CHECK_INT(crypt_off(DIR_OF(p), slice_z(p.other), &e), 0);
	CHECK_INT(crypt_load(DIR_OF(p), slice_z(p.other), &e), 0);
	CHECK_INT(crypt_now(), 0);
	CHECK(crypt_has(no) && crypt_has(no + 1) && !crypt_has(no + 2));
	CHECK_INT(crypt_on(DIR_OF(p), slice_z(p.other), &e), 0);
	CHECK_INT(crypt_load(DIR_OF(p), slice_z(p.other), &e), 0);
	CHECK_INT(crypt_now(), no + 2);
}

static bool is_used(void *arg, uint32_t no)
{
	return *(uint32_t *)arg == no;
}

TEST(crypt_drop_keeps_what_is_used_and_what_writes)
{
	AUTO(place) struct place p = make();
	struct err e;
	struct crypt_list list;
	unsigned gone;
	CHECK_INT(crypt_on(DIR_OF(p), KEY_OF(p), &e), 0);
	uint32_t no = first_of(&p, p.key), used = no + 1;
	for (int i = 0; i < 3; i++)
		CHECK_INT(crypt_rotate(DIR_OF(p), KEY_OF(p), &e), 0);
	CHECK_INT(crypt_drop(DIR_OF(p), KEY_OF(p), is_used, &used, &gone, &e), 0);
	CHECK_INT(gone, 2);
	CHECK_INT(crypt_list(DIR_OF(p), KEY_OF(p), &list, &e), 0);
	CHECK_INT(list.n, 2);
	CHECK_INT(list.keys[0].no, no + 1);
	CHECK_INT(list.keys[1].no, no + 3);
	CHECK_INT(list.now, no + 3);
	CHECK(list.keys[1].made_at > 0);
	CHECK_INT(crypt_off(DIR_OF(p), KEY_OF(p), &e), 0);
	used = 0;
	CHECK_INT(crypt_drop(DIR_OF(p), KEY_OF(p), is_used, &used, &gone, &e), 0);
	CHECK_INT(gone, 2);
	CHECK(access(p.crypt, F_OK) < 0);
	CHECK_INT(crypt_load(DIR_OF(p), KEY_OF(p), &e), -1);
	CHECK_INT(e.kind, ERR_NOTFOUND);
}

TEST(crypt_has_at_most_so_many_keys)
{
	AUTO(place) struct place p = make();
	struct err e;
	char ring[CRYPT_RING_MAX];
	CHECK_INT(crypt_on(DIR_OF(p), KEY_OF(p), &e), 0);
	for (int i = 1; i < CRYPT_KEYS_MAX; i++)
		CHECK_INT(crypt_rotate(DIR_OF(p), KEY_OF(p), &e), 0);
	CHECK_INT(crypt_rotate(DIR_OF(p), KEY_OF(p), &e), -1);
	CHECK_INT(e.kind, ERR_LIMIT);
	CHECK_INT(crypt_load(DIR_OF(p), KEY_OF(p), &e), 0);
	CHECK_INT(crypt_now(), first_of(&p, p.key) + CRYPT_KEYS_MAX - 1);
	CHECK_INT(crypt_export(ring), CRYPT_RING_MAX);
}

/* Each byte counts, and each length; nothing of the file shows a key. */
TEST(crypt_file_that_was_changed_does_not_open)
{
	AUTO(place) struct place p = make();
	struct err e;
	char good[2000], bad[2000], ring[CRYPT_RING_MAX];
	CHECK_INT(crypt_on(DIR_OF(p), KEY_OF(p), &e), 0);
	CHECK_INT(crypt_rotate(DIR_OF(p), KEY_OF(p), &e), 0);
	size_t n = read_file(p.crypt, good, sizeof good);
	CHECK_INT(crypt_load(DIR_OF(p), KEY_OF(p), &e), 0);
	CHECK_INT(crypt_export(ring), 16 + 2 * 36);
	CHECK_INT(slice_find(slice_of(good, n), slice_of(ring + 20, CRYPT_KEY)), n);
	for (size_t i = 0; i < n; i++) {
		memcpy(bad, good, n);
		bad[i] ^= 4;
		write_file(p.crypt, slice_of(bad, n), 0600);
		CHECK_INT(crypt_load(DIR_OF(p), KEY_OF(p), &e), -1);
		CHECK_INT(e.kind, ERR_PERM);
		write_file(p.crypt, slice_of(good, i), 0600);
		CHECK_INT(crypt_load(DIR_OF(p), KEY_OF(p), &e), -1);
		CHECK_INT(e.kind, ERR_PERM);
	}
	memcpy(bad, good, n);
	bad[n] = 0;
	write_file(p.crypt, slice_of(bad, n + 1), 0600);
	CHECK_INT(crypt_load(DIR_OF(p), KEY_OF(p), &e), -1);
	write_file(p.crypt, slice_of(good, n), 0600);
	CHECK_INT(crypt_load(DIR_OF(p), KEY_OF(p), &e), 0);
}

TEST(crypt_key_file_is_refused_when_it_protects_nothing)
{
	AUTO(place) struct place p = make();
	struct err e;
	char inside[128], link[128], text[100];
	size_t n = read_file(p.key, text, sizeof text);
	CHECK_INT(n, 65);
	CHECK_INT(crypt_on(DIR_OF(p), KEY_OF(p), &e), 0);
	struct stat st;
	CHECK(stat(p.key, &st) == 0 && (st.st_mode & 0777) == 0400);
	static const struct {
		mode_t mode;
		const char *word;
	} modes[] = {
		{0440, "group or others"}, {0404, "group or others"}, {0420, "group or others"}};
	for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
		CHECK(chmod(p.key, modes[i].mode) == 0);
		CHECK_INT(crypt_load(DIR_OF(p), KEY_OF(p), &e), -1);
		CHECK_INT(e.kind, ERR_PERM);
		CHECK(strstr(e.text, modes[i].word));
	}
	CHECK(chmod(p.key, 0600) == 0);
	CHECK_INT(crypt_load(DIR_OF(p), KEY_OF(p), &e), 0);
	snprintf(inside, sizeof inside, "%s/key", p.data.path);
	snprintf(link, sizeof link, "%s/link", p.away.path);
	write_file(inside, slice_of(text, n), 0400);
	CHECK(symlink(inside, link) == 0);
	CHECK_INT(crypt_load(DIR_OF(p), slice_z(inside), &e), -1);
	CHECK(strstr(e.text, "protects nothing"));
	CHECK_INT(crypt_load(DIR_OF(p), slice_z(link), &e), -1);
	CHECK(strstr(e.text, "protects nothing"));
	unlink(inside);
	CHECK_INT(crypt_key_make(slice_z(inside), DIR_OF(p), &e), -1);
	CHECK_INT(e.kind, ERR_PERM);
	CHECK_INT(crypt_key_make(KEY_OF(p), DIR_OF(p), &e), -1);
	CHECK_INT(e.kind, ERR_EXISTS);
	CHECK_INT(crypt_load(DIR_OF(p), S(""), &e), -1);
	CHECK(strstr(e.text, "key_file"));
	CHECK_INT(crypt_load(DIR_OF(p), S("/nowhere/key"), &e), -1);
	CHECK_INT(e.kind, ERR_PERM);
	CHECK_INT(crypt_load(DIR_OF(p), slice_z(p.away.path), &e), -1);
	CHECK_INT(e.kind, ERR_PERM);
}

TEST(crypt_key_is_a_line)
{
	static const struct {
		const char *text;
		bool good;
	} cases[] = {
		{"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f", true},
		{"000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F\r\n", true},
		{"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n", true},
		{"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1", false},
		{"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f00", false},
		{"000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1g", false},
		{"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8", false},
		{"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHg==", false},
		{"", false},
		{"password", false},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		unsigned char key[CRYPT_KEY];
		bool good = crypt_key_parse(slice_z(cases[i].text), key);
		if (good != cases[i].good)
			test_fail(__FILE__, __LINE__, "\"%s\": %d", cases[i].text, good);
		for (size_t k = 0; good && k < CRYPT_KEY; k++)
			CHECK_INT(key[k], k);
	}
}

TEST(crypt_ring_travels)
{
	AUTO(place) struct place p = make();
	struct err e;
	char ring[CRYPT_RING_MAX];
	unsigned char before[CRYPT_KEY], after[CRYPT_KEY];
	CHECK_INT(crypt_export(ring), 0);
	CHECK_INT(crypt_on(DIR_OF(p), KEY_OF(p), &e), 0);
	CHECK_INT(crypt_rotate(DIR_OF(p), KEY_OF(p), &e), 0);
	CHECK_INT(crypt_load(DIR_OF(p), KEY_OF(p), &e), 0);
	uint32_t no = first_of(&p, p.key);
	derived(no, "pack", "salt", before);
	size_t n = crypt_export(ring);
	crypt_forget();
	CHECK_INT(crypt_now(), 0);
	CHECK(!crypt_has(no));
	for (size_t i = 0; i < n; i++)
		CHECK_INT(crypt_adopt(slice_of(ring, i), &e), -1);
	CHECK_INT(crypt_now(), 0);
	CHECK_INT(crypt_adopt(slice_of(ring, n), &e), 0);
	CHECK_INT(crypt_now(), no + 1);
	derived(no, "pack", "salt", after);
	CHECK(memcmp(before, after, CRYPT_KEY) == 0);
	ring[11] ^= 0x40; /* a number that is not there writes */
	CHECK_INT(crypt_adopt(slice_of(ring, n), &e), -1);
	CHECK_INT(crypt_now(), no + 1);
}

TEST(crypt_keys_of_another_store_are_added)
{
	AUTO(place) struct place p = make();
	AUTO(testdir) struct testdir elsewhere = testdir_make();
	struct err e;
	char mine[CRYPT_RING_MAX], theirs[CRYPT_RING_MAX];
	unsigned char before[CRYPT_KEY], after[CRYPT_KEY];
	CHECK_INT(crypt_on(DIR_OF(p), KEY_OF(p), &e), 0);
	CHECK_INT(crypt_on(slice_z(elsewhere.path), slice_z(p.other), &e), 0);
	CHECK_INT(crypt_rotate(slice_z(elsewhere.path), slice_z(p.other), &e), 0);
	CHECK_INT(crypt_load(slice_z(elsewhere.path), slice_z(p.other), &e), 0);
	uint32_t theirs_now = crypt_now();
	derived(theirs_now, "pack", "salt", before);
	size_t n = crypt_export(theirs);
	CHECK_INT(crypt_load(DIR_OF(p), KEY_OF(p), &e), 0);
	uint32_t now = crypt_now();
	CHECK(!crypt_has(theirs_now));
	CHECK_INT(crypt_add(slice_of(theirs, n), &e), 0);
	CHECK_INT(crypt_add(slice_of(theirs, n), &e), 0);
	CHECK(crypt_has(theirs_now) && crypt_has(theirs_now - 1) && crypt_has(now));
	CHECK_INT(crypt_now(), now);
	derived(theirs_now, "pack", "salt", after);
	CHECK(memcmp(before, after, CRYPT_KEY) == 0);
	size_t both = crypt_export(mine);
	CHECK_INT(both, 16 + 3 * 36);
	CHECK_INT(crypt_adopt(slice_of(mine, both), &e), 0); /* in order */
	theirs[20] ^= 1;
	CHECK_INT(crypt_add(slice_of(theirs, n), &e), -1);
	CHECK_INT(e.kind, ERR_PERM);
	crypt_forget();
	CHECK_INT(crypt_add(slice_of(theirs, n), &e), 0); /* nothing is written by it */
	CHECK_INT(crypt_now(), 0);
	CHECK(crypt_has(theirs_now));
}

TEST(crypt_settle_gives_a_restored_store_its_keys)
{
	AUTO(place) struct place p = make();
	AUTO(testdir) struct testdir restored = testdir_make();
	struct err e;
	char fresh[128];
	unsigned char before[CRYPT_KEY], after[CRYPT_KEY];
	bool made;
	CHECK_INT(crypt_on(DIR_OF(p), KEY_OF(p), &e), 0);
	CHECK_INT(crypt_load(DIR_OF(p), KEY_OF(p), &e), 0);
	uint32_t no = first_of(&p, p.key);
	derived(no, "pack", "salt", before);
	snprintf(fresh, sizeof fresh, "%s/fresh", p.away.path);
	CHECK_INT(crypt_settle(slice_z(restored.path), slice_z(fresh), &made, &e), 0);
	CHECK(made);
	CHECK_INT(crypt_settle(slice_z(restored.path), slice_z(fresh), &made, &e), -1);
	CHECK_INT(e.kind, ERR_EXISTS);
	CHECK_INT(crypt_load(slice_z(restored.path), slice_z(fresh), &e), 0);
	CHECK_INT(crypt_now(), no);
	derived(no, "pack", "salt", after);
	CHECK(memcmp(before, after, CRYPT_KEY) == 0);
	char crypt[128];
	snprintf(crypt, sizeof crypt, "%s/crypt", restored.path);
	unlink(crypt);
	CHECK_INT(crypt_settle(slice_z(restored.path), slice_z(p.other), &made, &e), 0);
	CHECK(!made);
	CHECK_INT(crypt_load(slice_z(restored.path), slice_z(p.other), &e), 0);
}

TEST(crypt_gcm_notices_everything)
{
	unsigned char key[CRYPT_KEY] = {1}, nonce[CRYPT_NONCE] = {2};
	char sealed[5 + CRYPT_TAG], text[5];
	crypt_gcm_seal(key, nonce, S("head"), S("hello"), sealed);
	slice s = slice_of(sealed, sizeof sealed);
	CHECK(crypt_gcm_open(key, nonce, S("head"), s, text));
	CHECK_STR(slice_of(text, 5), S("hello"));
	CHECK(!crypt_gcm_open(key, nonce, S("heap"), s, text));
	CHECK(!crypt_gcm_open(key, nonce, S("head"), slice_first(s, 20), text));
	CHECK(!crypt_gcm_open(key, nonce, S("head"), slice_first(s, 3), text));
	for (size_t i = 0; i < sizeof sealed; i++) {
		sealed[i] ^= 1;
		CHECK(!crypt_gcm_open(key, nonce, S("head"), s, text));
		sealed[i] ^= 1;
	}
	key[31] ^= 1;
	CHECK(!crypt_gcm_open(key, nonce, S("head"), s, text));
	char empty[CRYPT_TAG];
	crypt_gcm_seal(key, nonce, S(""), S(""), empty);
	CHECK(crypt_gcm_open(key, nonce, S(""), slice_of(empty, sizeof empty), text));
}
