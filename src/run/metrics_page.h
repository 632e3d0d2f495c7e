/* The layout of a metrics page, known to metrics.c (writes) and metrics_read.c (reads) alone. */
#pragma once
#include <stdint.h>

#define PAGE_MAGIC 0x6d65747269637331ull /* "metrics1" */
enum { PAGE_VERSION = 1 };

struct page_head {
	uint64_t magic;
	uint32_t version;
	int32_t pid;
	int64_t started_at; /* wall */
	uint32_t entries;
	uint32_t texts_at; /* NUL-terminated strings, up to cells_at */
	uint32_t cells_at;
	uint32_t cells; /* how many */
};

struct page_entry {
	uint32_t kind;
	uint32_t cell; /* index of the first */
	uint32_t name, labels, help; /* offsets within the texts */
};
