/* What the files pst*.c share. Nobody else includes this. */
#pragma once
#include "base/mem.h"
#include "codec/charset.h"
#include "codec/pst.h"

enum {
	PST_BLOCK_MAX = 65536, /* bytes of a block */
	PST_TREE_DEPTH = 12, /* levels of pages */
	PST_HEAP_MAX = 64 << 20, /* bytes of a heap: lists of properties and small values */
	PST_HEAP_BLOCKS = 65536,
	PST_VALUES_MAX = 20000, /* properties of an object */
	PST_COLUMNS_MAX = 2000,
	PST_TEXT_MAX = 32 << 20, /* bytes of a text property */
	PST_NAME_MAX = 2048, /* bytes of a name */
	PST_STEPS_MAX = 400000, /* blocks and pages read for an item */
	PST_AGAIN_MAX = 64, /* how often, on the average, a piece of the file may be read */
	PST_CACHE = 256, /* pages */
	PST_PAGE_MAX = 4096,
};

enum pst_format { PST_ANSI, PST_UNICODE, PST_UNICODE_4K };

struct pst_cached {
	uint64_t at;
	unsigned char *page;
};

struct pst {
	struct pst_source s;
	enum pst_format format;
	unsigned crypt;
	uint64_t nodes_at, blocks_at; /* roots of the trees */
	struct pst_cached cache[PST_CACHE];
	unsigned char *block; /* PST_BLOCK_MAX */
	uint64_t steps, all_steps;
	char why[PST_WHY_MAX];
	struct pst_place *v; /* nodes, by parent */
	size_t n, cap;
	unsigned damaged_pages;
	char charset[CHARSET_NAME_MAX +
		     1]; /* of 8-bit names, which do not say; empty: each is guessed */
	unsigned keywords_tag; /* the property that has categories; 0: none */
};

static inline uint16_t pst_16(const void *v)
{
	const unsigned char *p = v;
	return (uint16_t)(p[0] | p[1] << 8);
}
static inline uint32_t pst_32(const void *v)
{
	return pst_16(v) | (uint32_t)pst_16((const char *)v + 2) << 16;
}
static inline uint64_t pst_64(const void *v)
{
	return pst_32(v) | (uint64_t)pst_32((const char *)v + 4) << 32;
}

bool pst_fail(struct pst *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* ---- pst_crypt.c ---- */
enum { PST_PLAIN, PST_PERMUTED, PST_CYCLIC };
void pst_decrypt(unsigned how, uint64_t block, unsigned char *v, size_t n);

/* ---- pst_ndb.c: nodes and blocks ---- */
struct pst_node {
	uint32_t nid, parent;
	uint64_t data, sub;
};
struct pst_place { /* one of the index */
	struct pst_node node;
	bool seen;
};
/* Reads the index of nodes into p->v, as far as it can be read, sorted by (parent, nid). */
bool pst_index(struct pst *p);
bool pst_find(struct pst *p, uint32_t nid, struct pst_node *ret);
/* All bytes of a node. ends: where each block ends (PST_HEAP_BLOCKS at most), or NULL. */
struct pst_ends {
	uint32_t *v;
	size_t n, cap;
};
bool pst_data(struct pst *p, uint64_t data, struct buf *out, struct pst_ends *ends);
/* A node below another one. */
bool pst_sub(struct pst *p, uint64_t sub, uint32_t nid, struct pst_node *ret);

/* ---- pst_ltp.c: heaps, properties, tables ---- */
struct pst_heap {
	struct pst *p;
	struct buf data;
	struct pst_ends ends;
	uint64_t sub;
	unsigned kind; /* bClientSig */
	uint32_t root;
};
struct pst_prop {
	uint16_t id, type;
	uint32_t hnid;
};
struct pst_props {
	struct pst_heap heap;
	struct pst_prop *v;
	size_t n, cap;
	char charset[CHARSET_NAME_MAX + 1]; /* of 8-bit strings; empty: each is guessed */
};
struct pst_column {
	uint16_t id, type, at;
	uint8_t size, bit;
};
struct pst_table {
	struct pst_heap heap;
	struct pst_column *v;
	size_t ncolumns, row_size, bits_at;
	struct buf rows;
	struct pst_ends ends;
	uint32_t *index; /* of the rows: their places */
	size_t n, cap;
};
enum {
	PST_T_16 = 2,
	PST_T_32 = 3,
	PST_T_BOOL = 11,
	PST_T_OBJECT = 13,
	PST_T_TIME = 0x40,
	PST_T_STRING8 = 0x1e,
	PST_T_UNICODE = 0x1f,
	PST_T_BINARY = 0x102,
	PST_T_STRINGS8 = 0x101e,
	PST_T_UNICODES = 0x101f
};

struct pst_raw { /* a value's bytes */
	uint16_t type;
	slice s;
	struct buf own; /* what s is part of when it is in no heap */
};
void auto_pst_raw(struct pst_raw *r);
bool pst_props_open(struct pst *p, const struct pst_node *n, struct pst_props *ret);
void pst_props_done(struct pst_props *o);
static inline void auto_pst_props(struct pst_props *o)
{
	pst_props_done(o);
}
/* False: not there, damaged, or larger than most. *ret is empty then. */
bool pst_get(struct pst_props *o, unsigned id, size_t most, struct pst_raw *ret);
bool pst_has(const struct pst_props *o, unsigned id);
/* A PtypObject: the node below that holds it. */
bool pst_object(struct pst_props *o, unsigned id, struct pst_node *ret);
bool pst_table_open(struct pst *p, const struct pst_node *n, struct pst_table *ret);
void pst_table_done(struct pst_table *t);
static inline void auto_pst_table(struct pst_table *t)
{
	pst_table_done(t);
}
bool pst_cell(struct pst_table *t, size_t row, unsigned id, size_t most, struct pst_raw *ret);
uint32_t pst_row_id(const struct pst_table *t, size_t row);

/* ---- pst_text.c ---- */
/* UTF-8 without NUL; empty: not there. From *a. */
slice pst_text(struct pst_props *o, unsigned id, struct arena *a);
slice pst_text_of(const struct pst_props *o, const struct pst_raw *r, struct arena *a);
uint32_t pst_number(struct pst_props *o, unsigned id, uint32_t otherwise);
int64_t pst_time(struct pst_props *o, unsigned id); /* usec since 1970; 0: none */
/* "gb18030" for 936; empty: nothing known. */
slice pst_charset(uint32_t page);
/* Which one the 8-bit strings of a message are in. */
void pst_find_charset(struct pst_props *o);
/* "Sun, 22 Nov 2026 01:11:10 +0000" */
enum { PST_DATE_MAX = 40 };
void pst_date(int64_t wall, char out[PST_DATE_MAX]);
/* Properties that are several strings: one a line. */
slice pst_lines(struct pst_props *o, unsigned id, struct arena *a);

/* ---- pst_item.c ---- */
/* o stays open when it is no damaged one. */
void pst_item_of(struct pst *p, const struct pst_node *n, struct pst_props *o, struct arena *a,
	struct pst_item *ret);
slice pst_subject(struct pst_props *o, struct arena *a);
/* The property that holds what Outlook calls categories; 0: none does. */
unsigned pst_find_keywords(struct pst *p);

/* ---- pst_fields.c, pst_body.c, pst_rtf.c ---- */
struct pst_making {
	struct pst *p;
	struct arena *a;
	struct buf *out;
	slice key; /* for boundaries */
	unsigned depth, parts; /* messages around this one; multiparts so far */
	unsigned lost; /* attachments and bodies that cannot be read */
};
/* All but Content-*, MIME-Version. */
void pst_fields(struct pst_making *m, struct pst_props *o);
struct pst_body {
	slice text; /* UTF-8 */
	slice html; /* bytes */
	slice charset; /* of html */
	slice rtf; /* when there is no HTML and it is more than text */
	bool has_text, has_html, has_rtf;
};
void pst_body(struct pst_making *m, struct pst_props *o, struct pst_body *ret);
/* HTML that was packed into RTF (MS-OXRTFEX); false: it has none. Else its text. UTF-8 both. */
bool pst_rtf_html(slice rtf, struct buf *out);
void pst_rtf_text(slice rtf, struct buf *out);
/* The message with all its fields and parts. */
bool pst_message(struct pst_making *m, struct pst_props *o);

/* ---- pst_part.c: pieces of MIME ---- */
void pst_put_text(struct buf *out, const char *type, slice charset, slice text);
/* ; name="..." on a line of its own, as RFC 2231 wants it */
void pst_put_param(struct buf *out, const char *name, slice value);
void pst_put_base64(struct buf *out, slice bytes);
/* Opens a multipart: its Content-Type. From *a: the boundary. */
slice pst_multipart(struct pst_making *m, const char *type);
void pst_next_part(struct pst_making *m, slice boundary);
void pst_end_parts(struct pst_making *m, slice boundary);

/* ---- pst_attach.c ---- */
struct pst_attachment {
	uint32_t nid;
	uint32_t method;
	slice name, type, id; /* UTF-8; id: Content-ID without <> */
	bool inside; /* shown in the HTML */
};
/* Of a message; from *a. */
size_t pst_attachments(
	struct pst_making *m, struct pst_props *o, slice html, struct pst_attachment **ret);
/* Its Content-* and content. */
void pst_put_attachment(struct pst_making *m, struct pst_props *o, const struct pst_attachment *x);
/* Its bytes. */
bool pst_attachment_bytes(
	struct pst_making *m, struct pst_props *o, const struct pst_attachment *x, struct buf *out);
