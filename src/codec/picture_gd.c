/*
 * GIF, BMP, WebP and TIFF by gd, silent. gd keeps one byte a pixel (palette) or four.
 */
#include "codec/picture_impl.h"

#include <gd.h>
#include <limits.h>
#include <tiffio.h>

static void silent(int priority, const char *format, va_list args)
{
	(void)priority, (void)format, (void)args;
}

static void silent_tiff(const char *module, const char *format, va_list args)
{
	(void)module, (void)format, (void)args;
}

static gdImagePtr decode(slice in, enum picture_format format)
{
	gdSetErrorMethod(silent);
	if (in.n > INT_MAX)
		return NULL;
	void *p = (void *)(uintptr_t)in.p; /* gd does not write there */
	switch (format) {
	case PICTURE_GIF:
		return gdImageCreateFromGifPtr((int)in.n, p);
	case PICTURE_BMP:
		return gdImageCreateFromBmpPtr((int)in.n, p);
	case PICTURE_WEBP:
		return gdImageCreateFromWebpPtr((int)in.n, p);
	case PICTURE_TIFF:
		TIFFSetWarningHandler(silent_tiff);
		TIFFSetErrorHandler(silent_tiff);
		return gdImageCreateFromTiffPtr((int)in.n, p);
	default:
		return NULL;
	}
}

/* gd's alpha: 0 opaque, 127 transparent. */
static uint8_t on_white(int value, int alpha)
{
	return (uint8_t)((value * (gdAlphaMax - alpha) + 255 * alpha) / gdAlphaMax);
}

static void palette_row(const gdImage *im, const unsigned char *in, uint8_t *rgb)
{
	for (int x = 0; x < im->sx; x++, rgb += 3) {
		int c = in[x], alpha = c == im->transparent ? gdAlphaMax : im->alpha[c];
		rgb[0] = on_white(im->red[c], alpha);
		rgb[1] = on_white(im->green[c], alpha);
		rgb[2] = on_white(im->blue[c], alpha);
	}
}

static void true_row(const gdImage *im, const int *in, uint8_t *rgb)
{
	for (int x = 0; x < im->sx; x++, rgb += 3) {
		int c = in[x], alpha = gdTrueColorGetAlpha(c);
		rgb[0] = on_white(gdTrueColorGetRed(c), alpha);
		rgb[1] = on_white(gdTrueColorGetGreen(c), alpha);
		rgb[2] = on_white(gdTrueColorGetBlue(c), alpha);
	}
}

bool picture_read_gd(slice in, const struct picture_header *h, struct arena *a, struct picture *p)
{
	struct picture_shrink s;
	gdImagePtr im = decode(in, h->format);
	if (!im)
		return false;
	unsigned width = (unsigned)im->sx, height = (unsigned)im->sy;
	uint8_t *rgb = arena_alloc(a, 3 * (size_t)width);
	picture_shrink_begin(&s, width, height, picture_shrink_by(width, height), a, p);
	for (int y = 0; y < im->sy; y++) {
		if (im->trueColor)
			true_row(im, im->tpixels[y], rgb);
		else
			palette_row(im, im->pixels[y], rgb);
		picture_shrink_row(&s, rgb);
	}
	gdImageDestroy(im);
	return true;
}
