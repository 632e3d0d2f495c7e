/*
 * qrcode: QR codes in pictures, and those that are drawn with letters (blocks of Unicode) or with
 * the cells of an HTML table, as phishers do to get a link past filters. Upright, turned, inverted,
 * coloured, small, with a logo in the middle; several in one picture. What one says comes back as
 * text.
 *
 * A quick look for the three corner marks comes first; only what has them is decoded. zbar decodes.
 */
#pragma once
#include "base/arena.h"
#include "codec/picture.h"

enum {
	QRCODE_SIDE_MIN = 21, /* pixels: smaller ones hold none */
	QRCODES_MAX = 8, /* of one picture */
	QRCODE_TEXT_MAX = 4096, /* bytes that one says; the largest codes hold 2953 */
	QRCODE_TRIES = 12, /* at one picture: in other sizes, colours, inverted */
};

struct qrcode {
	slice text; /* UTF-8 or whatever was in it, without NUL */
};
/* How many were read; ret[QRCODES_MAX]. Text from *a. *tries: how many are left for all pictures of
 * a letter, counted down: one may take 50 ms, and pictures can be made to need all of them. */
unsigned qrcode_read(
	const struct picture *p, unsigned *tries, struct arena *a, struct qrcode ret[QRCODES_MAX]);
/* Codes drawn with full and half blocks (U+2580...), with squares, with pairs of '#' and blanks, in
 * lines of text. */
unsigned qrcode_read_text(
	slice utf8, unsigned *tries, struct arena *a, struct qrcode ret[QRCODES_MAX]);
/* The same in HTML (UTF-8), whose blanks and line ends matter there. */
unsigned qrcode_read_html_text(
	slice html, unsigned *tries, struct arena *a, struct qrcode ret[QRCODES_MAX]);
/* Codes drawn by tables of HTML, a cell a module, dark and light by background colour. */
unsigned qrcode_read_html(
	slice html, unsigned *tries, struct arena *a, struct qrcode ret[QRCODES_MAX]);
