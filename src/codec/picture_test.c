/* Pictures: headers, limits, damage, and what the pixels say. The pictures are made here with gd.
 */
#include "codec/picture.h"

#include "base/mem.h"
#include "base/test.h"

#include <gd.h>

/* A picture with some structure: soft waves, or lines of strokes as of text. */
static gdImagePtr made(int width, int height, bool text, int seed)
{
	gdImagePtr im = gdImageCreateTrueColor(width, height);
	int paper = gdTrueColor(250, 250, 250), ink = gdTrueColor(20, 20, 40);
	gdImageFilledRectangle(im, 0, 0, width, height, paper);
	for (int y = 0; y < height; y++) {
		for (int x = 0; x < width; x++) {
			int line = y * 20 / height, at = x * 97 / width;
			int wave = (x * (3 + seed) * 255 / width + y * 200 / height) % 256;
			wave = wave < 128 ? 2 * wave : 511 - 2 * wave;
			if (!text)
				gdImageSetPixel(im, x, y,
					gdTrueColor(wave, y * 255 / height,
						(x * 5 / width * 50 + wave / 3) & 255));
			else if (line % 2 == 1 && (at * at * (line + seed) + at * 7) % 5 < 2)
				gdImageSetPixel(im, x, y, ink);
		}
	}
	return im;
}

static void put_and_free(struct buf *out, void *p, const int *n)
{
	CHECK(p != NULL);
	buf_put(out, slice_of(p, (size_t)*n));
	gdFree(p);
}

static void encode(gdImagePtr im, enum picture_format f, int quality, struct buf *out)
{
	int n = 0;
	if (f == PICTURE_JPEG)
		put_and_free(out, gdImageJpegPtr(im, &n, quality), &n);
	else if (f == PICTURE_PNG)
		put_and_free(out, gdImagePngPtr(im, &n), &n);
	else if (f == PICTURE_GIF)
		put_and_free(out, gdImageGifPtr(im, &n), &n);
	else if (f == PICTURE_BMP)
		put_and_free(out, gdImageBmpPtr(im, &n, 0), &n);
	else if (f == PICTURE_WEBP)
		put_and_free(out, gdImageWebpPtrEx(im, &n, quality), &n);
	else
		put_and_free(out, gdImageTiffPtr(im, &n), &n);
}

static struct picture_stats stats_of(
	int width, int height, bool text, int seed, enum picture_format f, int quality)
{
	AUTO(arena) struct arena a = {0};
	AUTO(buf) struct buf file = BUF(1 << 26);
	struct picture p;
	struct picture_stats s;
	gdImagePtr large = made(1200, 800, text, seed), im = gdImageCreateTrueColor(width, height);
	gdImageCopyResampled(im, large, 0, 0, 0, 0, width, height, 1200, 800);
	gdImageDestroy(large);
	gdImageInterlace(im, seed & 1);
	encode(im, f, quality, &file);
	gdImageDestroy(im);
	CHECK_INT(picture_read(buf_slice(&file), 1 << 26, &a, &p), PICTURE_READ);
	CHECK_INT(p.header.format, f);
	CHECK_INT(p.header.width, width);
	CHECK_INT(p.header.height, height);
	CHECK(p.width <= (unsigned)width && p.width * p.height <= 3 * PICTURE_WORK);
	picture_stats(&p, &a, &s);
	return s;
}

static const enum picture_format formats[] = {
	PICTURE_JPEG, PICTURE_PNG, PICTURE_GIF, PICTURE_BMP, PICTURE_WEBP, PICTURE_TIFF};

TEST(picture_formats_look_alike)
{
	uint64_t first = stats_of(320, 200, false, 0, PICTURE_PNG, 90).hash;
	for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
		for (int seed = 0; seed < 2; seed++) {
			struct picture_stats s = stats_of(320, 200, false, seed, formats[i], 90);
			CHECK(!s.flat);
			if (seed == 0)
				CHECK(picture_distance(s.hash, first) <= 6);
			else
				CHECK(picture_distance(s.hash, first) > 12);
		}
}

TEST(picture_hash_is_robust)
{
	/* Even stripes of strokes have little that the hash could hold on to. */
	for (unsigned text = 0, most = 6; text < 2; text++, most = 16) {
		uint64_t first = stats_of(600, 400, text, 2, PICTURE_PNG, 90).hash;
		for (int quality = 20; quality <= 90; quality += 35) {
			uint64_t h = stats_of(600, 400, text, 2, PICTURE_JPEG, quality).hash;
			CHECK(picture_distance(h, first) <= most);
		}
		uint64_t larger = stats_of(1500, 1000, text, 2, PICTURE_JPEG, 80).hash;
		uint64_t huge = stats_of(4200, 2800, text, 2, PICTURE_JPEG, 80).hash;
		CHECK(picture_distance(larger, first) <= most);
		CHECK(picture_distance(huge, first) <= most);
	}
}

TEST(picture_text_and_photo)
{
	struct picture_stats text = stats_of(800, 600, true, 1, PICTURE_PNG, 0);
	struct picture_stats photo = stats_of(800, 600, false, 1, PICTURE_JPEG, 80);
	CHECK(text.text > 0.6f && text.photo < 0.1f);
	CHECK(text.lines >= 8 && text.lines <= 11);
	CHECK(photo.text < 0.2f && photo.photo > 0.6f);
	CHECK(photo.colours > 4 * text.colours);
}

TEST(picture_limits)
{
	AUTO(arena) struct arena a = {0};
	AUTO(buf) struct buf file = BUF(1 << 20);
	struct picture p;
	struct picture_header h;
	gdImagePtr im = made(100, 50, false, 0);
	encode(im, PICTURE_PNG, 0, &file);
	gdImageDestroy(im);
	CHECK_INT(picture_read(buf_slice(&file), 4999, &a, &p), PICTURE_LIMIT);
	CHECK_INT(p.header.width, 100);
	CHECK_INT(picture_read(buf_slice(&file), 5000, &a, &p), PICTURE_READ);
	/* A header that promises more than anybody should decode. */
	memcpy(file.p + 16, "\0\0\xff\xff\0\0\xff\xff", 8);
	CHECK(picture_header_read(buf_slice(&file), &h) && h.width == 65535);
	CHECK_INT(picture_read(buf_slice(&file), UINT64_MAX, &a, &p), PICTURE_LIMIT);
	CHECK_INT(picture_read(S("no picture at all"), 1 << 20, &a, &p), PICTURE_UNKNOWN);
	CHECK_INT(picture_read(S(""), 1 << 20, &a, &p), PICTURE_UNKNOWN);
}

/* Cut anywhere, and with bytes turned over: no crash, and for JPEG and PNG what there is. */
TEST(picture_damage)
{
	for (size_t f = 0; f < sizeof formats / sizeof *formats; f++) {
		AUTO(buf) struct buf file = BUF(1 << 22);
		gdImagePtr im = made(90, 60, false, 1);
		encode(im, formats[f], 80, &file);
		gdImageDestroy(im);
		for (size_t n = 0; n < file.n; n += 1 + file.n / 60) {
			AUTO(arena) struct arena a = {0};
			struct picture p;
			enum picture_result r = picture_read(slice_of(file.p, n), 1 << 20, &a, &p);
			if (formats[f] <= PICTURE_PNG && n > 3 * file.n / 4)
				CHECK_INT(r, PICTURE_READ);
			file.p[n] ^= 0x55;
			picture_read(buf_slice(&file), 1 << 20, &a, &p);
			file.p[n] ^= 0x55;
		}
	}
}

TEST(picture_animated_gif)
{
	AUTO(arena) struct arena a = {0};
	AUTO(buf) struct buf file = BUF(1 << 20);
	struct picture p;
	int n = 0;
	gdImagePtr im[2] = {gdImageCreate(40, 30), gdImageCreate(40, 30)};
	for (int i = 0; i < 2; i++)
		gdImageColorAllocate(im[i], i ? 255 : 0, 0, i ? 0 : 255);
	put_and_free(&file, gdImageGifAnimBeginPtr(im[0], &n, 1, 0), &n);
	for (int i = 0; i < 2; i++) {
		put_and_free(&file,
			gdImageGifAnimAddPtr(im[i], &n, 1, 0, 0, 10, gdDisposalNone, NULL), &n);
		gdImageDestroy(im[i]);
	}
	buf_byte(&file, ';');
	CHECK_INT(picture_read(buf_slice(&file), 1 << 20, &a, &p), PICTURE_READ);
	CHECK(p.header.animated);
	CHECK_INT(p.rgb[0], 0);
	CHECK_INT(picture_read_frame(buf_slice(&file), 1, 1 << 20, &a, &p), PICTURE_READ);
	CHECK_INT(p.rgb[0], 255);
	CHECK_INT(picture_read_frame(buf_slice(&file), 2, 1 << 20, &a, &p), PICTURE_UNKNOWN);
}

TEST(picture_pnm)
{
	AUTO(arena) struct arena a = {0};
	AUTO(buf) struct buf file = BUF(1 << 20);
	struct picture p;
	picture_pnm_begin(&file, 10, 2, 1, 1);
	buf_put(&file, S("\xff\x80\0\x40"));
	CHECK_INT(picture_read(buf_slice(&file), 100, &a, &p), PICTURE_READ);
	CHECK_INT(p.rgb[0] + p.rgb[3 * 8], 0);
	CHECK_INT(p.rgb[3 * 9], 255);
	CHECK_INT(p.rgb[30], 255);
	CHECK_INT(p.rgb[30 + 3 * 9], 0);
	CHECK_INT(picture_read(S("P6\n# by hand\n2 1\n255\n\1\2\3\4\5\6"), 100, &a, &p),
		PICTURE_READ);
	CHECK_INT(p.rgb[4], 5);
	CHECK_INT(picture_read(S("P5 2 2 65535 aaaaaaaa"), 100, &a, &p), PICTURE_UNKNOWN);
	CHECK_INT(picture_read(S("P5 9 9 255 a"), 100, &a, &p), PICTURE_DAMAGED);
}

/* What is transparent is white. */
TEST(picture_transparent)
{
	AUTO(arena) struct arena a = {0};
	AUTO(buf) struct buf file = BUF(1 << 20);
	struct picture p;
	gdImagePtr im = gdImageCreateTrueColor(8, 8);
	gdImageAlphaBlending(im, 0);
	gdImageSaveAlpha(im, 1);
	gdImageFilledRectangle(im, 0, 0, 7, 7, gdTrueColorAlpha(0, 0, 0, 127));
	gdImageSetPixel(im, 1, 0, gdTrueColorAlpha(0, 0, 0, 0));
	encode(im, PICTURE_PNG, 0, &file);
	gdImageDestroy(im);
	CHECK_INT(picture_read(buf_slice(&file), 100, &a, &p), PICTURE_READ);
	CHECK_INT(p.rgb[0], 255);
	CHECK_INT(p.rgb[3], 0);
}
