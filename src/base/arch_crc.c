/*
 * CRC-32C by instruction: SSE4.2 on x86-64, the CRC extension on ARMv8, asked for at run time
 * because Debian's baseline promises neither. Ten times the table of hash.c, which stays for
 * processors without, and to test this one against.
 */
#include "base/arch_crc.h"

#include <string.h>

#if defined(__x86_64__)
#define WITH_CRC __attribute__((target("sse4.2")))
#define CRC_8(reg, v) ((uint32_t)__builtin_ia32_crc32di((reg), (v)))
#define CRC_1(reg, v) __builtin_ia32_crc32qi((reg), (v))

bool arch_has_crc32c(void)
{
	return __builtin_cpu_supports("sse4.2");
}

#elif defined(__aarch64__)
#include <arm_acle.h>
#include <asm/hwcap.h>
#include <sys/auxv.h>
#define WITH_CRC __attribute__((target("+crc")))
#define CRC_8(reg, v) __crc32cd((reg), (v))
#define CRC_1(reg, v) __crc32cb((reg), (v))

bool arch_has_crc32c(void)
{
	return (getauxval(AT_HWCAP) & HWCAP_CRC32) != 0;
}

#endif

/* Both are little-endian, so a word is eight bytes in their order. */
WITH_CRC uint32_t arch_crc32c(uint32_t reg, slice s)
{
	size_t i = 0;
	for (; i + 8 <= s.n; i += 8) {
		uint64_t word;
		memcpy(&word, s.p + i, 8);
		reg = CRC_8(reg, word);
	}
	for (; i < s.n; i++)
		reg = CRC_1(reg, (unsigned char)s.p[i]);
	return reg;
}
