/* Shared by pdf*.c: see pdf.h. */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "codec/pdf.h"

enum {
	PDF_OBJECTS_MAX = 200000,
	PDF_STREAM_MAX = 64 << 20, /* one stream, decoded */
	PDF_FILTERS_MAX = 8,
	PDF_NAME_MAX = 128,
	PDF_DEPTH_MAX = 64, /* arrays and dictionaries in each other; deeper ones are skipped */
};

/* ---- pdf_lex.c: tokens (ISO 32000-1 7.2, 7.3) ---- */

enum pdf_kind {
	PDF_END,
	PDF_NUMBER,
	PDF_NAME, /* text: without its '/', escapes undone */
	PDF_STRING, /* text: with its brackets: pdf_string undoes them */
	PDF_HEX, /* likewise */
	PDF_OPEN_DICT,
	PDF_CLOSE_DICT,
	PDF_OPEN_ARRAY,
	PDF_CLOSE_ARRAY,
	PDF_WORD, /* obj, R, true, null, operators */
};
struct pdf_token {
	enum pdf_kind kind;
	slice text; /* as it stands */
	double number;
	char name[PDF_NAME_MAX];
	bool escaped; /* a name with #xx for a letter that needs none */
};
void pdf_next(slice *in, struct pdf_token *ret);
/* Cuts one whole value off: a dictionary with all in it, "12 0 R" ... */
slice pdf_value(slice *in);
/* The value of a key of this dictionary itself ("<<...>>"); empty: none. */
slice pdf_get(slice dict, const char *key);
bool pdf_name_is(slice value, const char *name);
bool pdf_number(slice value, double *ret);
bool pdf_reference(slice value, uint32_t *ret_number);
void pdf_string_raw(slice value, struct buf *out); /* its bytes */

/* ---- pdf_objects.c ---- */

struct pdf_object {
	uint32_t number, generation, order;
	slice value; /* "<<...>>", "[...]" ... */
	slice stream; /* as stored; p NULL: none */
	uint32_t specification; /* in by_number, + 1: what names this file; 0: nothing */
	bool is_mask; /* of another picture's transparency */
	bool packed; /* from an object stream: its strings are not encrypted */
};
struct pdf {
	slice in;
	struct extract_limits *limits;
	const struct extract *x;
	struct arena a;
	struct pdf_object *v;
	size_t n, cap;
	struct pdf_object **by_number; /* the last of each number, sorted */
	size_t nby;
	slice trailer; /* the last dictionary behind "trailer", or of an /XRef stream */
	bool encrypt; /* has /Encrypt */
	struct pdf_crypt *crypt; /* NULL: not encrypted, or nobody has the password */
	uint64_t values_left; /* bytes of values that may still be read */
	uint64_t *looks_left; /* bytes of values that may still be looked through again */
	size_t maps_left; /* ranges of fonts' maps that are still kept */
	size_t pictures;
	unsigned embedded_left; /* files that are still given out */
	bool javascript, at_open, stopped;
	struct buf text;
};
void pdf_scan(struct pdf *p);
void pdf_index(struct pdf *p);
const struct pdf_object *pdf_find(const struct pdf *p, uint32_t number);
/* pdf_value, pdf_get where the same bytes can be asked for again and again: they cost looks_left,
 * as what stands behind a reference does; empty when there are none left. */
slice pdf_value_again(const struct pdf *p, slice *in);
slice pdf_get_again(const struct pdf *p, slice dict, const char *key);
/* The value itself, references followed. */
slice pdf_resolve(const struct pdf *p, slice value);
slice pdf_get_resolved(const struct pdf *p, slice dict, const char *key);
/* The object that a value refers to; NULL: it is none. */
const struct pdf_object *pdf_target(const struct pdf *p, slice value);
void pdf_unpack_objects(struct pdf *p);

/* ---- pdf_filter.c ---- */
/* A stream decoded up to its picture filter, if any; *ret_picture: "DCTDecode" ... or NULL. False:
 * it could not be read, or a limit. */
bool pdf_decode(
	struct pdf *p, const struct pdf_object *o, struct buf *out, const char **ret_picture);

/* ---- pdf_crypt.c (7.6) ---- */
void pdf_crypt_open(struct pdf *p);
/* Bytes of an object's string or stream, decrypted; the same when nothing is to be done. */
slice pdf_decrypt(const struct pdf *p, const struct pdf_object *o, bool is_stream, slice bytes,
	struct buf *space);

/* ---- pdf_facts.c: what an object does; links ---- */
void pdf_facts(struct pdf *p, const struct pdf_object *o);
/* A text string as UTF-8 (7.9.2.2). */
void pdf_text_string(struct pdf *p, const struct pdf_object *o, slice value, struct buf *out);

/* ---- pdf_text.c, pdf_font.c, pdf_image.c ---- */
void pdf_pages(struct pdf *p);
void pdf_image(struct pdf *p, const struct pdf_object *o);

struct pdf_font {
	uint32_t number;
	slice name; /* in the resources */
	bool wide; /* codes of two bytes, unless the map says otherwise */
	char charset[24]; /* of a predefined map; empty: none */
	struct pdf_map *map; /* ToUnicode, or NULL */
	uint16_t *simple; /* 256 code points of a simple encoding, or NULL */
};
void pdf_font_read(struct pdf *p, const struct pdf_object *font, struct pdf_font *ret);
void pdf_font_text(const struct pdf_font *f, slice codes, struct buf *out);
