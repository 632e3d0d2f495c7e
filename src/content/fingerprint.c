/*
 * Fingerprints of a letter (fingerprint.h): what it shares with its copies, variants and relatives.
 * Texts are in fingerprint_text.c, traits of senders in fingerprint_sender.c; here the others:
 *
 *	layout		the sequence of HTML tags, repetitions told once: the whole, its beginning,
 *			its end
 *	links		the organisation and the shape of the path, of each and of all together
 *	pictures	halves of the perceptual hash: pictures that differ in few bits share one
 *	files		digests of attachments and of what is inside them
 *	cluster		the set of what the checks found: the same trick, whatever the words
 *
 * Whether one is worth anything is not decided here: what good mail has, too, says nothing
 * (defence/fingerprint.c).
 */
#include "content/fingerprint_impl.h"

#include "base/mem.h"
#include "codec/filetype.h"
#include "content/checking.h"

#include <stdlib.h>

enum {
	TAGS_MIN = 15, /* of a layout, repetitions not counted */
	TAGS_KINDS_MIN = 6,
	TAGS_PART = 40, /* its beginning and its end */
	SHAPE_MAX = 120, /* bytes of the shape of a path */
	FILE_MIN = 100, /* bytes */
	FILE_PICTURE_MIN = 3000, /* smaller ones are icons that everybody has */
	PICTURES_USED = 2, /* the largest */
	BLOCKS = 4, /* of a picture's hash; a pair of them is a fingerprint */
	CLUSTER_MIN = 3, /* signals */
};
static const float cluster_strong = 0.75f; /* score of a signal that alone means something */

void fingerprint_put(struct fingerprints_out *out, enum fingerprint_kind kind, uint64_t hash)
{
	if (out->n == FINGERPRINTS_MAX)
		return;
	for (size_t i = 0; i < out->n; i++)
		if (out->v[i].hash == hash && out->v[i].kind == kind)
			return;
	out->v[out->n++] = (struct fingerprint){kind, hash};
}

unsigned fingerprint_count(const struct fingerprints_out *out, enum fingerprint_kind kind)
{
	unsigned n = 0;
	for (size_t i = 0; i < out->n; i++)
		n += out->v[i].kind == kind;
	return n;
}

/* ---- layout ---- */

/* Runs of up to three tags that repeat (rows, cells, paragraphs) are told once. */
static slice without_repeats(slice tags, struct arena *a)
{
	char *out = arena_alloc(a, tags.n + 1);
	size_t n = 0;
	for (size_t i = 0; i < tags.n; i++) {
		out[n++] = tags.p[i];
		for (size_t k = 1; k <= 3; k++)
			if (n >= 2 * k && !memcmp(out + n - k, out + n - 2 * k, k)) {
				n -= k;
				break;
			}
	}
	return slice_of(out, n);
}

static unsigned kinds_of(slice tags)
{
	bool seen[256] = {0};
	unsigned n = 0;
	for (size_t i = 0; i < tags.n; i++) {
		n += !seen[(uint8_t)tags.p[i]];
		seen[(uint8_t)tags.p[i]] = true;
	}
	return n;
}

static void of_layout(struct fingerprints_out *out, const struct content_exam *x)
{
	slice tags = without_repeats(x->c->mail.skeleton, x->a);
	if (tags.n < TAGS_MIN || kinds_of(tags) < TAGS_KINDS_MIN)
		return;
	fingerprint_put(out, FINGERPRINT_LAYOUT, learn_hash(41, tags));
	if (tags.n < 2 * TAGS_PART)
		return;
	fingerprint_put(out, FINGERPRINT_LAYOUT, learn_hash(42, slice_first(tags, TAGS_PART)));
	fingerprint_put(
		out, FINGERPRINT_LAYOUT, learn_hash(43, slice_skip(tags, tags.n - TAGS_PART)));
}

/* ---- links ---- */

/* Does it look made by a machine: digits in it, or long without being words? */
static bool is_random(slice part)
{
	size_t digits = 0, upper = 0;
	for (size_t i = 0; i < part.n; i++) {
		digits += part.p[i] >= '0' && part.p[i] <= '9';
		upper += part.p[i] >= 'A' && part.p[i] <= 'Z';
	}
	return part.n > 24 || digits * 3 > part.n || (part.n > 8 && digits && upper);
}

/* "/a/12345/page-7.html?id=9" is "/a/9/page-9.html?id". */
static void put_shape(struct buf *out, slice part)
{
	if (part.n > 8 && is_random(part)) {
		buf_byte(out, '*');
		return;
	}
	for (size_t i = 0; i < part.n; i++) {
		bool digit = part.p[i] >= '0' && part.p[i] <= '9';
		bool before = i && part.p[i - 1] >= '0' && part.p[i - 1] <= '9';
		if (!digit)
			buf_byte(out, ascii_lower(part.p[i]));
		else if (!before)
			buf_byte(out, '9');
	}
}

static void link_shape(const struct content_exam *x, const struct url *u, struct buf *out)
{
	slice path = u->path, query = u->query, part;
	buf_put(out, checking_org(x, u->host));
	for (unsigned n = 0; n < 5 && slice_cut(&path, '/', &part); n++) {
		buf_byte(out, '/');
		put_shape(out, part);
	}
	for (unsigned n = 0; n < 5 && query.n && slice_cut(&query, '&', &part); n++) {
		buf_byte(out, n ? '&' : '?');
		put_shape(out, slice_first(part, slice_index(part, '=')));
	}
}

static int by_value(const void *va, const void *vb)
{
	uint64_t a = *(const uint64_t *)va, b = *(const uint64_t *)vb;
	return (a > b) - (a < b);
}

static uint64_t hash_of_set(uint64_t *v, size_t n, uint64_t seed)
{
	size_t different = 0;
	qsort(v, n, sizeof *v, by_value);
	for (size_t i = 0; i < n; i++)
		if (i == 0 || v[i] != v[i - 1])
			v[different++] = v[i];
	return learn_hash(seed, slice_of(v, different * sizeof *v));
}

static void of_links(struct fingerprints_out *out, const struct content_exam *x)
{
	uint64_t v[FINGERPRINTS_OF_LINK];
	size_t n = 0;
	for (size_t i = 0; i < x->c->nlinks && n < FINGERPRINTS_OF_LINK; i++) {
		const struct content_link *l = &x->c->links[i];
		AUTO(buf) struct buf shape = BUF(4 * URL_MAX);
		if (!l->url.host.n || !checking_follows(l))
			continue;
		link_shape(x, &l->url, &shape);
		uint64_t h = learn_hash(44, slice_first(buf_slice(&shape), SHAPE_MAX));
		size_t before = out->n;
		fingerprint_put(out, FINGERPRINT_LINK, h);
		if (out->n > before)
			v[n++] = h;
	}
	if (n > 1)
		fingerprint_put(out, FINGERPRINT_LINKS, hash_of_set(v, n, 45));
}

/* ---- pictures ---- */

static void of_picture(struct fingerprints_out *out, const struct content_picture *p)
{
	for (unsigned i = 0; i < BLOCKS; i++)
		for (unsigned k = i + 1; k < BLOCKS; k++) {
			uint64_t pair[3] = {i * BLOCKS + k, p->hash >> 16 * i & 0xffff,
				p->hash >> 16 * k & 0xffff};
			fingerprint_put(out, FINGERPRINT_PICTURE,
				learn_hash(46, slice_of(pair, sizeof pair)));
		}
}

static uint64_t area(const struct content_picture *p)
{
	return p->decoded && !p->flat ? (uint64_t)p->width * p->height : 0;
}

static void of_pictures(struct fingerprints_out *out, const struct content *c)
{
	uint64_t below = UINT64_MAX;
	for (unsigned used = 0; used < PICTURES_USED; used++) {
		const struct content_picture *best = NULL;
		for (size_t i = 0; i < c->npictures; i++)
			if (area(&c->pictures[i]) < below &&
				(!best || area(&c->pictures[i]) > area(best)))
				best = &c->pictures[i];
		if (!best || area(best) < 64 * 64)
			return;
		of_picture(out, best);
		below = area(best);
	}
}

/* ---- files ---- */

static void of_files(struct fingerprints_out *out, const struct content *c)
{
	for (size_t i = 0; i < c->nfiles; i++) {
		const struct content_file *f = &c->files[i];
		uint64_t h;
		bool picture = filetype_is(f->type, FILETYPE_PICTURE);
		if (f->size < (picture ? FILE_PICTURE_MIN : FILE_MIN))
			continue;
		memcpy(&h, f->digest, sizeof h);
		fingerprint_put(out, FINGERPRINT_FILE, h);
		if (fingerprint_count(out, FINGERPRINT_FILE) == FINGERPRINTS_OF_FILES)
			return;
	}
}

/* ---- clusters ---- */

static void of_cluster(struct fingerprints_out *out, const struct content_exam *x)
{
	uint64_t all[SIGNALS_MAX], strong[SIGNALS_MAX];
	size_t n = 0, nstrong = 0;
	for (unsigned i = 0; i < x->signals->n; i++) {
		const struct signal *s = &x->signals->v[i];
		uint64_t h = learn_hash(47, slice_z(s->def->name));
		if (s->score > 0)
			all[n++] = h;
		if (s->score >= cluster_strong)
			strong[nstrong++] = h;
	}
	if (nstrong >= CLUSTER_MIN)
		fingerprint_put(out, FINGERPRINT_CLUSTER, hash_of_set(strong, nstrong, 48));
	if (nstrong && n > nstrong && n >= CLUSTER_MIN)
		fingerprint_put(out, FINGERPRINT_CLUSTER, hash_of_set(all, n, 49));
}

void content_fingerprints(const struct content_exam *x, struct content_report *ret)
{
	struct fingerprints_out out = {ret->prints, 0};
	of_cluster(&out, x);
	fingerprints_of_sender(&out, x);
	of_layout(&out, x);
	of_files(&out, x->c);
	of_pictures(&out, x->c);
	fingerprints_of_text(&out, x->c->mail.normal, x->a);
	of_links(&out, x);
	ret->nprints = out.n;
}
