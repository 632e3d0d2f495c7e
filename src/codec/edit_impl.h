/* What the files of edit share. */
#pragma once
#include "codec/edit.h"

enum edit_rank { EDIT_ON_TOP, EDIT_HEADER_END, EDIT_IN_BODY }; /* order at one place */

/* One change of the message's bytes. At one place insertions come first, by rank and in the order made. */
struct edit_splice {
	size_t at, remove;
	slice with;
	enum edit_rank rank;
	size_t order;
};

struct work;
struct editing {
	slice message;
	const struct edit *e;
	struct arena *a;
	struct mime mime;
	struct edit_splice *v;
	size_t n, room;
	/* By part. */
	bool *gone; /* taken out, or inside of what is */
	bool *closed; /* its header has got its empty line */
	bool *opened; /* was signed or encrypted, and is multipart/mixed now */
	slice boundary; /* of a multipart of ours; made when asked for */
	struct edit_text banner, disclaimer; /* tidied */
	slice notices; /* about parts that left no place for one of their own */
	slice below; /* notices and the text of the disclaimer */
	struct work **works; /* by part; edit_text.c */
	unsigned notes;
	struct err *err;
};

/* `at` points into the message. */
void edit_splice(struct editing *x, const char *at, size_t remove, slice with);
void edit_splice_ranked(
	struct editing *x, const char *at, size_t remove, slice with, enum edit_rank rank);
static inline const char *edit_end(slice s)
{
	return s.p + s.n;
}
/* A boundary that is nowhere in the message. */
slice edit_boundary(struct editing *x);
/* Does a line of the text look like a delimiter of a multipart of the message? */
bool edit_delimits(const struct editing *x, slice text);

/* ---- edit_header.c ---- */
int edit_fields(struct editing *x);
void edit_subject(struct editing *x);
/* Where fields are put on top of a part's header. */
const char *edit_header_top(const struct editing *x, const struct mime_part *p);
/* The part's field gets this line (with CRLF): in place of the first one, others go. */
void edit_set_field(struct editing *x, const struct mime_part *p, slice name, slice line);
/* All Content- fields of the part go; *ret: they, as they stood. */
void edit_take_content_fields(struct editing *x, const struct mime_part *p, struct buf *ret);
/* A message (not a part in a multipart) says that it is MIME. */
void edit_ensure_mime(struct editing *x, const struct mime_part *p);
/* Before anything of the part is changed. */
void edit_close_header(struct editing *x, size_t index);

/* ---- edit_place.c ---- */
int edit_place(struct editing *x);
bool edit_is_signed(const struct mime_part *p);
bool edit_is_encrypted(const struct mime_part *p);
bool edit_is_sealed(const struct editing *x, size_t index);
/* Content fields, an empty line and the text: a whole part. */
void edit_put_text_part(struct editing *x, slice text, struct buf *out);
bool edit_is_text(const struct editing *x, size_t index);

/* ---- edit_text.c ---- */
struct edit_cut { /* in the decoded text; in order */
	size_t at, remove;
	slice with;
};
/* The part's text, read once; NULL: it cannot hold what is to go in, or would suffer. */
struct work *edit_text_work(struct editing *x, size_t index);
/* banner, disclaimer: which of the texts; also takes out the uuencoded files that are to go. False: as
 * above. */
bool edit_text_part(struct editing *x, size_t index, bool banner, bool disclaimer);
/* Encodes a text anew; *ret_encoding: the name of the encoding. */
void edit_encode(const struct editing *x, slice text, struct buf *out, slice *ret_encoding);
slice edit_encoding_line(slice encoding, struct arena *a);
/* Lines end in CRLF; no blanks at the end; valid UTF-8 without controls. */
slice edit_tidy(slice text, struct arena *a);

/* ---- edit_html.c ---- */
size_t edit_html_top(slice html);
size_t edit_html_bottom(slice html);
/* The text in a box that the page's styles leave alone. */
void edit_html_box(const struct edit_text *t, slice notices, bool banner, struct buf *out);

/* ---- edit_strip.c ---- */
/* Sets `gone`, `opened`, `notices` and `below`. */
int edit_strip(struct editing *x);
