/*
 * JPEG by libjpeg itself and not through gd, because it can decode to 1/2 ... 1/8 of the size at a
 * fraction of the time and memory, and because progressive ones with hundreds of scans and those
 * that ask for too much memory must be refused. Errors come back by longjmp; nothing is printed.
 */
#include "codec/picture_impl.h"

#include <setjmp.h>
#include <stdio.h>

#include <jpeglib.h>

enum { MEMORY_MAX = 100 << 20 }; /* of progressive ones: all coefficients */

struct reader {
	struct jpeg_decompress_struct c;
	struct jpeg_error_mgr errors;
	struct jpeg_progress_mgr progress;
	jmp_buf back;
	struct picture_shrink out;
	uint8_t *rgb; /* a row, for those that come in another form */
	bool begun;
};

_Noreturn static void failed(j_common_ptr c)
{
	longjmp(((struct reader *)c->client_data)->back, 1);
}

static void silent(j_common_ptr c)
{
	(void)c;
}

static void count_warning(j_common_ptr c, int level)
{
	if (level < 0)
		c->err->num_warnings++;
}

static void watch(j_common_ptr c)
{
	if (((j_decompress_ptr)c)->input_scan_number > PICTURE_SCANS)
		failed(c);
}

static void from_grey(const uint8_t *in, unsigned n, uint8_t *rgb)
{
	for (unsigned x = 0; x < n; x++, rgb += 3)
		memset(rgb, in[x], 3);
}

/* Adobe's programs write all four inverted, and say that they wrote it. */
static void from_cmyk(const uint8_t *in, unsigned n, bool inverted, uint8_t *rgb)
{
	for (unsigned x = 0; x < n; x++, in += 4, rgb += 3) {
		for (unsigned k = 0; k < 3; k++) {
			unsigned c = inverted ? in[k] : 255u - in[k];
			unsigned black = inverted ? in[3] : 255u - in[3];
			rgb[k] = (uint8_t)(c * black / 255);
		}
	}
}

static void give_row(struct reader *r, const uint8_t *row)
{
	unsigned n = r->c.output_width;
	if (r->c.out_color_space == JCS_GRAYSCALE)
		from_grey(row, n, r->rgb);
	else if (r->c.out_color_space == JCS_CMYK)
		from_cmyk(row, n, r->c.saw_Adobe_marker, r->rgb);
	picture_shrink_row(&r->out, r->c.out_color_space == JCS_RGB ? row : r->rgb);
}

static void choose_form(struct jpeg_decompress_struct *c, unsigned by)
{
	c->scale_denom = 8;
	c->scale_num = by >= 8 ? 1 : (8 + by / 2) / by;
	c->dct_method = JDCT_IFAST;
	c->do_fancy_upsampling = FALSE;
	if (c->num_components == 1)
		c->out_color_space = JCS_GRAYSCALE;
	else if (c->num_components == 4)
		c->out_color_space = JCS_CMYK;
	else
		c->out_color_space = JCS_RGB;
}

static void decode(struct reader *r, slice in, struct arena *a, struct picture *p)
{
	struct jpeg_decompress_struct *c = &r->c;
	jpeg_mem_src(c, (const unsigned char *)in.p, in.n);
	c->mem->max_memory_to_use = MEMORY_MAX;
	jpeg_read_header(c, TRUE);
	choose_form(c, picture_shrink_by(c->image_width, c->image_height));
	jpeg_start_decompress(c);
	unsigned by = picture_shrink_by(c->output_width, c->output_height);
	size_t bytes = (size_t)c->output_width * (unsigned)c->output_components;
	JSAMPROW row = arena_alloc(a, bytes);
	r->rgb = arena_alloc(a, 3 * (size_t)c->output_width);
	picture_shrink_begin(&r->out, c->output_width, c->output_height, by, a, p);
	while (c->output_scanline < c->output_height && jpeg_read_scanlines(c, &row, 1) == 1) {
		give_row(r, row);
		r->begun = true;
	}
}

bool picture_read_jpeg(slice in, const struct picture_header *h, struct arena *a, struct picture *p)
{
	struct reader *r = arena_alloc(a, sizeof *r);
	(void)h;
	r->c.err = jpeg_std_error(&r->errors);
	r->errors.error_exit = failed;
	r->errors.output_message = silent;
	r->errors.emit_message = count_warning;
	r->c.client_data = r;
	if (setjmp(r->back) == 0) {
		jpeg_create_decompress(&r->c);
		r->c.client_data = r;
		r->progress.progress_monitor = watch;
		r->c.progress = &r->progress;
		decode(r, in, a, p);
	}
	jpeg_destroy_decompress(&r->c);
	return r->begun;
}
