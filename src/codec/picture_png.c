/*
 * PNG by libpng itself: row by row into the smaller copy, so that memory does not grow with the
 * picture (interlaced ones need all rows), no chunk but the pixels, palette and transparency is
 * looked at, and nothing is printed. What is transparent becomes white, as most mail programs show
 * it. Errors come back by longjmp; what was decoded until then stays.
 */
#include "codec/picture_impl.h"

#include "base/mem.h"

#include <png.h>

enum { INTERLACED_MAX = 12 * 1000 * 1000 }; /* pixels */

struct reader {
	png_structp png;
	png_infop info;
	slice in;
	struct picture_shrink out;
	uint8_t *rgb; /* a row on white */
	uint8_t *rows; /* one, or all of an interlaced one */
	size_t stride; /* between rows; 0: there is one */
	unsigned channels, y;
	int complete; /* passes of an interlaced one */
	bool begun;
};

static void more(png_structp png, png_bytep to, size_t n)
{
	struct reader *r = png_get_io_ptr(png);
	slice have = slice_first(r->in, n);
	if (have.n == 0)
		png_error(png, "end of data");
	/* libpng asks for whole buffers: of the last one what there is. */
	memcpy(to, have.p, have.n);
	memset(to + have.n, 0, n - have.n);
	r->in = slice_skip(r->in, n);
}

_Noreturn static void failed(png_structp png, png_const_charp text)
{
	(void)text;
	png_longjmp(png, 1);
}

static void ignored(png_structp png, png_const_charp text)
{
	(void)png, (void)text;
}

static void on_white(const uint8_t *in, unsigned n, uint8_t *rgb)
{
	for (unsigned x = 0; x < n; x++, in += 4, rgb += 3)
		for (unsigned k = 0; k < 3; k++)
			rgb[k] = (uint8_t)((in[k] * in[3] + 255u * (255u - in[3]) + 127) / 255);
}

static void give_row(struct reader *r)
{
	const uint8_t *row = r->rows + r->stride * r->y;
	if (r->channels == 4)
		on_white(row, r->out.width, r->rgb);
	picture_shrink_row(&r->out, r->channels == 4 ? r->rgb : row);
	r->begun = true;
}

static void configure(png_structp png)
{
	static const png_byte unused[] =
		"iCCP\0iTXt\0tEXt\0zTXt\0sPLT\0eXIf\0pCAL\0hIST\0sRGB\0gAMA\0cHRM";
	png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, unused, (int)(sizeof unused / 5));
	png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, NULL, 0);
	png_set_user_limits(png, PICTURE_SIDE_MAX, PICTURE_SIDE_MAX);
	png_set_crc_action(png, PNG_CRC_QUIET_USE, PNG_CRC_QUIET_USE);
	png_set_benign_errors(png, 1);
}

static void decode(struct reader *r, struct arena *a, struct picture *p)
{
	png_structp png = r->png;
	configure(png);
	png_read_info(png, r->info);
	png_set_expand(png);
	png_set_scale_16(png);
	png_set_gray_to_rgb(png);
	int passes = png_set_interlace_handling(png);
	png_read_update_info(png, r->info);
	unsigned width = png_get_image_width(png, r->info);
	unsigned height = png_get_image_height(png, r->info);
	unsigned channels = png_get_channels(png, r->info);
	size_t bytes = png_get_rowbytes(png, r->info);
	if ((channels != 3 && channels != 4) || bytes != (size_t)width * channels)
		return;
	if (passes > 1 && (uint64_t)width * height > INTERLACED_MAX)
		return;
	r->rgb = arena_alloc(a, 3 * (size_t)width);
	r->channels = channels;
	r->stride = passes > 1 ? bytes : 0;
	r->rows = mem_alloc(bytes * (passes > 1 ? height : 1));
	picture_shrink_begin(&r->out, width, height, picture_shrink_by(width, height), a, p);
	for (int i = 1; i < passes; i++) {
		for (unsigned y = 0; y < height; y++)
			png_read_row(png, r->rows + bytes * y, NULL);
		r->complete = i;
	}
	for (; r->y < height; r->y++) {
		png_read_row(png, r->rows + r->stride * r->y, NULL);
		give_row(r);
	}
}

bool picture_read_png(slice in, const struct picture_header *h, struct arena *a, struct picture *p)
{
	struct reader *r = ARENA_NEW(a, struct reader);
	(void)h;
	r->in = in;
	r->png = png_create_read_struct(PNG_LIBPNG_VER_STRING, r, failed, ignored);
	r->info = r->png ? png_create_info_struct(r->png) : NULL;
	if (!r->info) {
		png_destroy_read_struct(&r->png, NULL, NULL);
		return false;
	}
	if (setjmp(png_jmpbuf(r->png)) == 0) {
		png_set_read_fn(r->png, r, more);
		decode(r, a, p);
	}
	/* An interlaced one whose end is missing: as sharp as it came. */
	for (; r->complete > 0 && r->y < r->out.height; r->y++)
		give_row(r);
	png_destroy_read_struct(&r->png, &r->info, NULL);
	free(r->rows);
	return r->begun;
}
