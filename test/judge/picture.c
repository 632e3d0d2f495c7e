/*
 * Reads pictures: requests are objects with "path", a line each; answers tell what the header says,
 * what the pixels say, QR codes, and how long reading, describing and searching took
 * (microseconds). test/pictures.py asks.
 */
#include "lib_file.h"

#include "base/mem.h"
#include "codec/qrcode.h"

#include <stdio.h>

enum { FILE_MAX = 64 << 20, PIXELS_MAX = 40 * 1000 * 1000 };

static json_t *codes(const struct qrcode *v, unsigned n)
{
	json_t *list = json_array();
	for (unsigned i = 0; i < n; i++) {
		json_t *s = json_stringn(v[i].text.p, v[i].text.n);
		json_array_append_new(list, s ? s : json_string("(no UTF-8)"));
	}
	return list;
}

static json_t *examine(slice in, struct arena *a)
{
	static const char *const results[] = {"read", "unknown", "limit", "damaged"};
	struct picture p = {0};
	struct picture_stats s;
	struct qrcode v[QRCODES_MAX];
	char hash[20];
	double start = spent();
	enum picture_result r = picture_read(in, PIXELS_MAX, a, &p);
	double read = spent();
	json_t *o = json_pack("{s:s, s:i, s:i, s:i, s:b}", "result", results[r], "format",
		(int)p.header.format, "width", (int)p.header.width, "height", (int)p.header.height,
		"animated", p.header.animated);
	if (r != PICTURE_READ)
		return o;
	picture_stats(&p, a, &s);
	double stats = spent();
	unsigned n = qrcode_read(&p, &(unsigned){2 * QRCODE_TRIES}, a, v);
	snprintf(hash, sizeof hash, "%016llx", (unsigned long long)s.hash);
	json_object_update_new(o,
		json_pack("{s:s, s:b, s:f, s:f, s:f, s:f, s:f, s:f, s:i, s:i, s:o, s:[f,f,f]}",
			"hash", hash, "flat", s.flat, "text", s.text, "photo", s.photo,
			"background", s.background, "edges", s.edges, "saturation", s.saturation,
			"contrast", s.contrast, "colours", (int)s.colours, "lines", (int)s.lines,
			"codes", codes(v, n), "took", read - start, stats - read, spent() - stats));
	return o;
}

static json_t *answer(void *ctx, json_t *request)
{
	AUTO(buf) struct buf file = BUF(FILE_MAX);
	AUTO(arena) struct arena a = {0};
	const char *path = json_string_value(json_object_get(request, "path"));
	(void)ctx;
	if (!path || !file_add(path, &file))
		return json_pack("{s:s}", "error", "no such file");
	return examine(buf_slice(&file), &a);
}

int main(void)
{
	judge_lines(answer, NULL);
	return 0;
}
