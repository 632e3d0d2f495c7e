/* Between the parts of qrcode: corner marks are found first, then what they enclose is decoded. */
#pragma once
#include "codec/qrcode.h"

enum {
	QR_CENTRES_MAX = 512, /* corner marks that are kept */
};

/* A picture of one channel. */
struct qr_grey {
	const uint8_t *p;
	unsigned width, height;
};
/* A corner mark: a square in a ring, in the proportion 1:1:3:1:1 both ways. */
struct qr_centre {
	float x, y, module; /* pixels */
	unsigned seen; /* rows that cross it */
	bool light; /* light on dark */
};
struct qr_centres {
	struct qr_centre v[QR_CENTRES_MAX];
	unsigned n;
	bool full;
};

/* Black (1) and white by the brightness around each pixel. From *a. */
uint8_t *qr_binarise(const struct qr_grey *g, struct arena *a);
void qr_find_centres(const uint8_t *bits, unsigned width, unsigned height, struct arena *a,
	struct qr_centres *ret);

/* Has zbar read a picture; adds what it reads to ret[*n]. */
bool qr_decode(
	const struct qr_grey *g, struct arena *a, struct qrcode ret[QRCODES_MAX], unsigned *n);
