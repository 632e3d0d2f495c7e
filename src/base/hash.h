/*
 * Hashes that are not cryptography: SipHash-1-3 with a random per-process key (tables), and
 * CRC-32C (Castagnoli) for records on disk. Digests come from OpenSSL where they are used.
 */
#pragma once
#include "base/slice.h"

uint64_t hash_keyed(slice s);
/* With a key of the caller's, for tables that processes share. */
uint64_t hash_with(const uint64_t key[2], slice s);
uint32_t crc32c(uint32_t crc, slice s); /* start with 0 */
uint32_t crc32c_by_table(uint32_t crc, slice s); /* the same, slower: for tests */
