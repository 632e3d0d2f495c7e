/*
 * picture: pictures from memory (JPEG, PNG, GIF, BMP, WebP, TIFF, and PNM), made small while they
 * are decoded, and what their pixels say: how they look to an eye that compares (perceptual hash),
 * how much like text, how much like a photo. For hostile input: only where there is nothing to
 * steal.
 *
 * The size is read from the header before anything is decoded; what is larger than the limit is
 * not decoded at all.
 *
 * Readers of documents that find bare bitmaps (PDF) hand them on as PNM: picture_pnm_begin writes
 * the header, the rows follow it as they are. A JPEG found in a document is handed on unchanged.
 */
#pragma once
#include "base/arena.h"
#include "base/buf.h"

enum picture_format {
	PICTURE_NONE,
	PICTURE_JPEG,
	PICTURE_PNG,
	PICTURE_GIF,
	PICTURE_BMP,
	PICTURE_WEBP,
	PICTURE_TIFF,
	PICTURE_PNM, /* P4, P5, P6 with 8 bits */
};
enum {
	PICTURE_SIDE_MAX = 30000, /* wider or higher ones are not decoded */
	PICTURE_WORK = 1200 * 1200, /* about as many pixels are left to work with */
	PICTURE_FRAMES = 8, /* of an animation are looked at */
	PICTURE_SCANS = 30, /* of a progressive JPEG are decoded; real ones have 10 */
};

struct picture_header {
	enum picture_format format;
	unsigned width, height;
	bool animated; /* more than one frame; known of GIF, PNG and WebP */
};
/* What it is, by its first bytes. False: no picture that is known here. */
bool picture_header_read(slice bytes, struct picture_header *ret);

struct picture {
	struct picture_header header;
	unsigned width, height; /* of the copy: the whole picture, smaller when it is a large one */
	uint8_t *rgb; /* 3 bytes a pixel, rows without gaps; what is transparent is white */
	uint8_t *grey; /* its brightness, a byte a pixel */
};
enum picture_result {
	PICTURE_READ, /* also when the end was missing: the rest is white or grey */
	PICTURE_UNKNOWN, /* no picture */
	PICTURE_LIMIT, /* too large; the header is told */
	PICTURE_DAMAGED, /* nothing could be decoded; the header is told */
};
/* pixels: the most that are decoded. Memory of *ret from *a. */
enum picture_result picture_read(
	slice bytes, uint64_t pixels, struct arena *a, struct picture *ret);
/* Frame 1, 2 ... of an animated GIF (0 is what picture_read gives). */
enum picture_result picture_read_frame(
	slice bytes, unsigned frame, uint64_t pixels, struct arena *a, struct picture *ret);

/* Like grey, from *a: of each pixel the darkest or lightest of red, green, blue. What is coloured
 * stands out from white, or from black, as if it were not. */
enum picture_channel { PICTURE_DARKEST, PICTURE_LIGHTEST };
uint8_t *picture_grey(const struct picture *p, enum picture_channel channel, struct arena *a);

struct picture_stats {
	uint64_t hash; /* perceptual: near pictures differ in few bits */
	bool flat; /* hardly anything in it: the hash says nothing */
	float text; /* 0..1: looks like text */
	float photo; /* 0..1: looks like a photo */
	float background; /* 0..1: share of its commonest colour */
	float edges; /* 0..1: share of the pixels that are edges */
	float saturation; /* 0..1: mean */
	float contrast; /* 0..1: standard deviation of the brightness, doubled */
	unsigned colours; /* of 4096 that it has */
	unsigned lines; /* of text, roughly */
};
void picture_stats(const struct picture *p, struct arena *a, struct picture_stats *ret);

/* Bits in which two hashes differ: below 10 or so they are of the same picture. */
static inline unsigned picture_distance(uint64_t a, uint64_t b)
{
	return (unsigned)__builtin_popcountll(a ^ b);
}

/* channels 1 (grey) or 3 (RGB), a byte each, rows without gaps; bits 1: one channel, eight pixels a
 * byte, rows padded to bytes, set bits are black. */
void picture_pnm_begin(
	struct buf *out, unsigned width, unsigned height, unsigned channels, unsigned bits);
