/* Between the decoders of pictures: rows go in as they are decoded, a smaller copy comes out. */
#pragma once
#include "codec/picture.h"

struct picture_shrink {
	struct picture *p;
	unsigned width, height; /* of what goes in */
	unsigned by; /* so many pixels and rows become one */
	unsigned x_used; /* pixels of a row that are looked at: a multiple of `by` */
	unsigned rows, y; /* gathered; rows that are ready */
	uint32_t *sum; /* NULL when nothing is made smaller */
};
/* By how much a picture of this size is made smaller. */
unsigned picture_shrink_by(uint64_t width, uint64_t height);
/* Memory of the copy from *a; all of it white. */
void picture_shrink_begin(struct picture_shrink *s, unsigned width, unsigned height, unsigned by,
	struct arena *a, struct picture *p);
/* 3 bytes a pixel, `width` of them. More rows than there are, are ignored. */
void picture_shrink_row(struct picture_shrink *s, const uint8_t *rgb);

/* The decoders. h was read from the same bytes and is within the limits. False: nothing came out.
 */
bool picture_read_jpeg(
	slice in, const struct picture_header *h, struct arena *a, struct picture *p);
bool picture_read_png(slice in, const struct picture_header *h, struct arena *a, struct picture *p);
bool picture_read_pnm(slice in, const struct picture_header *h, struct arena *a, struct picture *p);
/* GIF, BMP, WebP, TIFF */
bool picture_read_gd(slice in, const struct picture_header *h, struct arena *a, struct picture *p);

/* The n-th frame as a GIF of its own, in *out. False: there are not so many. */
bool picture_gif_frame(slice in, unsigned n, struct buf *out);
/* The first frame of an animated WebP as one of its own. */
bool picture_webp_frame(slice in, struct buf *out);
/* The header of a PNM: its type 4, 5, 6, its size, and where the rows begin. */
bool picture_pnm_header(
	slice in, unsigned *ret_type, unsigned *ret_width, unsigned *ret_height, size_t *ret_rows);
