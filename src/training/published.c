/*
 * The file of a version (published.h): written by build.c, mapped by scan processes and edges. It
 * is our own file, yet every number in it is checked: a damaged disk must not take the filter down.
 */
#include "training/published.h"

#include "base/cur.h"
#include "base/hash.h"
#include "base/mem.h"
#include "training/versions.h"
#include <errno.h>
#include <sys/mman.h>
#include <sys/stat.h>

enum { HEAD = 64, CHECKED = 56, ALIGN = 64 };

static const slice magic = S_INIT("PHSITE01");

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "buckets are mapped as they are");

struct head {
	uint64_t version, lessons[2];
	uint32_t messages[2], model, bits, flags, crc;
};

static size_t aligned(size_t n)
{
	return (n + ALIGN - 1) / ALIGN * ALIGN;
}

static bool read_head(slice file, struct head *h)
{
	struct cur c = cur_of(slice_first(file, HEAD));
	if (file.n < HEAD || !slice_eq(cur_bytes(&c, magic.n), magic))
		return false;
	h->version = cur_u64(&c);
	for (int i = 0; i < 2; i++)
		h->lessons[i] = cur_u64(&c);
	for (int i = 0; i < 2; i++)
		h->messages[i] = cur_u32(&c);
	h->model = cur_u32(&c);
	h->bits = cur_u32(&c);
	h->flags = cur_u32(&c);
	h->crc = cur_u32(&c);
	uint32_t own = cur_u32(&c);
	return cur_ok(&c) && own == crc32c(0, slice_first(file, CHECKED));
}

static bool fits(const struct head *h, size_t n)
{
	if (h->bits && (h->bits < TRAINING_BUCKETS_MIN_BITS || h->bits > TRAINING_BUCKETS_MAX_BITS))
		return false;
	size_t counts = h->bits ? (size_t)TRAINING_BUCKET << h->bits : 0;
	return h->model <= LEARN_MODEL_MAX && HEAD + aligned(h->model) + counts == n;
}

int training_published_read(slice file, struct training_published *ret, struct err *e)
{
	struct head h;
	if (!read_head(file, &h))
		return err_set(e, ERR_PROTO, "not a file of what was learned");
	if (!fits(&h, file.n) || crc32c(0, slice_skip(file, HEAD)) != h.crc)
		return err_set(e, ERR_PROTO, "the file of what was learned is damaged");
	struct learn_model model = {0};
	if (learn_model_read(slice_first(slice_skip(file, HEAD), h.model), &model, e) < 0)
		return -1;
	*ret = (struct training_published){.version = h.version,
		.lessons = {h.lessons[0], h.lessons[1]},
		.flags = h.flags,
		.model = model,
		.has_counts = h.bits > 0};
	if (!h.bits)
		return 0;
	ret->look =
		(struct training_look){(const void *)(file.p + HEAD + aligned(h.model)), h.bits};
	training_look_counts(&ret->look, h.messages, &ret->counts);
	return 0;
}

int training_published_map(int fd, struct training_published *ret, struct err *e)
{
	struct stat st;
	if (fstat(fd, &st) < 0)
		return err_sys(e, errno, "what was learned");
	if (st.st_size < HEAD || st.st_size > TRAINING_FILE_MAX)
		return err_set(e, ERR_PROTO, "a file of what was learned has %lld bytes",
			(long long)st.st_size);
	size_t n = (size_t)st.st_size;
	void *p = mmap(NULL, n, PROT_READ, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		return err_sys(e, errno, "what was learned");
	if (training_published_read(slice_of(p, n), ret, e) < 0) {
		munmap(p, n);
		return -1;
	}
	ret->map = p;
	ret->mapped = n;
	return 0;
}

void training_published_done(struct training_published *p)
{
	if (!p)
		return;
	learn_model_done(&p->model);
	if (p->map)
		munmap(p->map, p->mapped);
	*p = (struct training_published){0};
}

/* ---- writing ---- */

static void pad(struct buf *out, size_t from)
{
	buf_fill(out, 0, aligned(out->n - from) - (out->n - from));
}

static void put_head(const struct head *h, struct buf *out)
{
	size_t from = out->n;
	buf_put(out, magic);
	buf_u64(out, h->version);
	for (int i = 0; i < 2; i++)
		buf_u64(out, h->lessons[i]);
	for (int i = 0; i < 2; i++)
		buf_u32(out, h->messages[i]);
	buf_u32(out, h->model);
	buf_u32(out, h->bits);
	buf_u32(out, h->flags);
	buf_u32(out, h->crc);
	buf_u32(out, crc32c(0, slice_of(out->p + from, out->n - from)));
	pad(out, from);
}

/* Megabytes: the buckets are copied once, into memory asked for at once. */
void training_published_write(uint64_t version, const uint64_t lessons[2], unsigned flags,
	const struct learn_model *model, const struct training_counts *counts, struct buf *out)
{
	AUTO(buf) struct buf small = BUF(LEARN_MODEL_MAX);
	learn_model_write(model, &small);
	struct head h = {.version = version, .flags = flags, .model = (uint32_t)small.n};
	for (int i = 0; i < 2; i++) {
		h.lessons[i] = lessons[i];
		h.messages[i] = counts ? counts->messages[i] : 0;
	}
	pad(&small, 0);
	slice buckets = {0};
	if (counts) {
		h.bits = counts->bits;
		buckets = slice_of(counts->v, (size_t)TRAINING_BUCKET << counts->bits);
	}
	h.crc = crc32c(crc32c(0, buf_slice(&small)), buckets);
	buf_room(out, HEAD + small.n + buckets.n);
	put_head(&h, out);
	buf_put(out, buf_slice(&small));
	if (counts)
		buf_put(out, buckets);
}
