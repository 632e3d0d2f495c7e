/* Inside base/hash.c: CRC-32C by the processor's own instruction; written in arch_crc.c. */
#pragma once
#include "base/slice.h"

/* Whether this processor has it. */
bool arch_has_crc32c(void);
/* On the inverted register (~crc), as the instruction has it. Only where arch_has_crc32c(). */
uint32_t arch_crc32c(uint32_t reg, slice s);
