/* Random bytes from the kernel; never predictable, never failing. */
#pragma once
#include <stddef.h>
#include <stdint.h>

void rand_bytes(void *p, size_t n);
uint64_t rand_u64(void);
uint64_t rand_below(uint64_t n); /* 0 .. n-1, n > 0 */
