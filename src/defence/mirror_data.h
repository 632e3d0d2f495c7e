/*
 * mirror_data: the content of one list, compact and immutable: sorted ranges of addresses and
 * hashed names, in one piece of memory that is the same as the file it is kept in. Built once, by
 * the process that loads or transfers the list; all others map the file.
 *
 * The most specific entry decides. A code is an answer such as 127.0.0.2, in host order.
 */
#pragma once
#include "base/buf.h"
#include "base/err.h"
#include "run/net.h"

enum { MIRROR_ENTRIES_MAX = 50000000, MIRROR_CODES_MAX = 65000 /* distinct ones */ };

/* ---- building ---- */
struct mirror_builder;
struct mirror_builder *mirror_builder_new(void);
void mirror_builder_free(struct mirror_builder *b);
static inline void auto_mirror_builder(struct mirror_builder **b)
{
	mirror_builder_free(*b);
}
/* code 0: not listed, an exception to what is wider. False: a limit was reached. Equal entries: the
 * first wins. */
bool mirror_add_ip4(struct mirror_builder *b, uint32_t low, unsigned bits, uint32_t code);
/* Any range, both ends belong to it. */
bool mirror_add_range4(struct mirror_builder *b, uint32_t low, uint32_t high, uint32_t code);
bool mirror_add_ip6(struct mirror_builder *b, const uint8_t ip[16], unsigned bits, uint32_t code);
enum mirror_name { MIRROR_NAME_ITSELF = 1, MIRROR_NAME_BELOW = 2 };
bool mirror_add_name(struct mirror_builder *b, slice name, unsigned how, uint32_t code);
uint64_t mirror_builder_entries(const struct mirror_builder *b);
/* Writes the file by way of path.new. Uses the builder up. */
int mirror_write(struct mirror_builder *b, slice path, struct err *e);

/* ---- using ---- */
struct mirror_data;
/* ERR_NOTFOUND, ERR_PROTO (not such a file), ERR_TEMP. */
int mirror_map(slice path, struct mirror_data **ret, struct err *e);
void mirror_unmap(struct mirror_data *m); /* NULL is fine */
/* The code, 0: not listed. */
uint32_t mirror_find_ip(const struct mirror_data *m, const struct net_addr *ip);
uint32_t mirror_find_name(const struct mirror_data *m, slice name);
