/* SipHash (Aumasson, Bernstein 2012) with 1 compression and 3 finalisation rounds; CRC-32C by
 * the processor's instruction (arch_crc.c), else by table. */
#include "base/hash.h"

#include "base/arch_crc.h"
#include "base/rand.h"

static uint64_t rotl(uint64_t x, int b)
{
	return x << b | x >> (64 - b);
}

struct sip {
	uint64_t a, b, c, d;
};

static void sip_round(struct sip *s)
{
	s->a += s->b;
	s->b = rotl(s->b, 13) ^ s->a;
	s->a = rotl(s->a, 32);
	s->c += s->d;
	s->d = rotl(s->d, 16) ^ s->c;
	s->a += s->d;
	s->d = rotl(s->d, 21) ^ s->a;
	s->c += s->b;
	s->b = rotl(s->b, 17) ^ s->c;
	s->c = rotl(s->c, 32);
}

static uint64_t load_le(const char *p, size_t n)
{
	uint64_t v = 0;
	for (size_t i = 0; i < n; i++)
		v |= (uint64_t)(unsigned char)p[i] << (8 * i);
	return v;
}

static uint64_t table_key[2];

__attribute__((constructor)) static void make_table_key(void)
{
	rand_bytes(table_key, sizeof table_key);
}

uint64_t hash_keyed(slice in)
{
	return hash_with(table_key, in);
}

uint64_t hash_with(const uint64_t key[2], slice in)
{
	struct sip s = {key[0] ^ 0x736f6d6570736575, key[1] ^ 0x646f72616e646f6d,
		key[0] ^ 0x6c7967656e657261, key[1] ^ 0x7465646279746573};
	uint64_t len = (uint64_t)in.n << 56;
	while (in.n >= 8) {
		uint64_t m = load_le(in.p, 8);
		s.d ^= m;
		sip_round(&s);
		s.a ^= m;
		in = slice_skip(in, 8);
	}
	uint64_t last = len | load_le(in.p, in.n);
	s.d ^= last;
	sip_round(&s);
	s.a ^= last;
	s.c ^= 0xff;
	for (int i = 0; i < 3; i++)
		sip_round(&s);
	return s.a ^ s.b ^ s.c ^ s.d;
}

static bool has_crc32c;
static uint32_t crc_table[8][256];

__attribute__((constructor)) static void make_crc_table(void)
{
	for (uint32_t i = 0; i < 256; i++) {
		uint32_t c = i;
		for (int k = 0; k < 8; k++)
			c = c >> 1 ^ (c & 1 ? 0x82f63b78 : 0);
		crc_table[0][i] = c;
	}
	for (uint32_t i = 0; i < 256; i++)
		for (int t = 1; t < 8; t++)
			crc_table[t][i] = crc_table[t - 1][i] >> 8 ^ crc_table[0][crc_table[t - 1][i] & 255];
	has_crc32c = arch_has_crc32c();
}

uint32_t crc32c(uint32_t crc, slice s)
{
	return has_crc32c ? ~arch_crc32c(~crc, s) : crc32c_by_table(crc, s);
}

uint32_t crc32c_by_table(uint32_t crc, slice s)
{
	uint64_t c = ~crc;
	while (s.n >= 8) {
		c = (uint32_t)c ^ load_le(s.p, 8);
		c = crc_table[7][c & 255] ^ crc_table[6][c >> 8 & 255] ^ crc_table[5][c >> 16 & 255] ^
			crc_table[4][c >> 24 & 255] ^ crc_table[3][c >> 32 & 255] ^
			crc_table[2][c >> 40 & 255] ^ crc_table[1][c >> 48 & 255] ^ crc_table[0][c >> 56];
		s = slice_skip(s, 8);
	}
	for (size_t i = 0; i < s.n; i++)
		c = c >> 8 ^ crc_table[0][(c ^ (unsigned char)s.p[i]) & 255];
	return ~(uint32_t)c;
}
