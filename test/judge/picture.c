/*
 * Reads pictures: requests are objects with "path", a line each; answers tell what the header says,
 * what the pixels say, QR codes, and how long reading, describing and searching took
 * (microseconds). test/pictures.py asks.
 */
#include "base/mem.h"
#include "codec/qrcode.h"

#include <jansson.h>
#include <stdio.h>
#include <time.h>

enum { FILE_MAX = 64 << 20, PIXELS_MAX = 40 * 1000 * 1000 };

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static bool read_file(const char *path, struct buf *out)
{
	FILE *f = fopen(path, "rb");
	char *p;
	size_t n = 0;
	if (!f)
		return false;
	while ((p = buf_room(out, 1 << 16)) && (n = fread(p, 1, 1 << 16, f)) > 0)
		buf_commit(out, n);
	fclose(f);
	return buf_ok(out);
}

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
	double start = now();
	enum picture_result r = picture_read(in, PIXELS_MAX, a, &p);
	double read = now();
	json_t *o = json_pack("{s:s, s:i, s:i, s:i, s:b}", "result", results[r], "format",
		(int)p.header.format, "width", (int)p.header.width, "height", (int)p.header.height,
		"animated", p.header.animated);
	if (r != PICTURE_READ)
		return o;
	picture_stats(&p, a, &s);
	double stats = now();
	unsigned n = qrcode_read(&p, a, v);
	snprintf(hash, sizeof hash, "%016llx", (unsigned long long)s.hash);
	json_object_update_new(o,
		json_pack("{s:s, s:b, s:f, s:f, s:f, s:f, s:f, s:f, s:i, s:i, s:o, s:[f,f,f]}",
			"hash", hash, "flat", s.flat, "text", s.text, "photo", s.photo,
			"background", s.background, "edges", s.edges, "saturation", s.saturation,
			"contrast", s.contrast, "colours", (int)s.colours, "lines", (int)s.lines,
			"codes", codes(v, n), "took", read - start, stats - read, now() - stats));
	return o;
}

int main(void)
{
	char *line = NULL;
	size_t room = 0;
	while (getline(&line, &room, stdin) > 0) {
		AUTO(buf) struct buf file = BUF(FILE_MAX);
		AUTO(arena) struct arena a = {0};
		const char *path = NULL;
		json_t *request = json_loads(line, 0, NULL);
		if (json_unpack(request, "{s:s}", "path", &path) || !read_file(path, &file))
			return 1;
		json_t *o = examine(buf_slice(&file), &a);
		json_dumpf(o, stdout, JSON_COMPACT | JSON_SORT_KEYS | JSON_REAL_PRECISION(5));
		putchar('\n');
		fflush(stdout);
		json_decref(o);
		json_decref(request);
	}
	free(line);
	return 0;
}
