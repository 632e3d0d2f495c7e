/*
 * Walking through a pack (pack_scan.h). A window of the file is kept in memory; it grows to hold a
 * whole record. A damaged head costs a search for the next one: at every multiple of 8.
 */
#include "store/pack_scan.h"

#include "base/mem.h"
#include "base/must.h"

#include <errno.h>
#include <zstd.h>

enum { WINDOW = 1 << 20, WINDOW_MAX = RECORD_STORED_MAX + 2 * WINDOW };

int pack_scan_begin(struct pack_in *p, struct pack_scan *ret, struct err *e)
{
	int64_t size = pack_in_size(p, e);
	if (size < 0)
		return -1;
	*ret = (struct pack_scan){.pack = p, .at = PACK_RECORDS_AT, .window = BUF(WINDOW_MAX)};
	ret->size =
		p->head.map_at && p->head.map_at < (uint64_t)size ? p->head.map_at : (uint64_t)size;
	return 0;
}

void pack_scan_done(struct pack_scan *s)
{
	buf_done(&s->window);
}

/* At least n bytes from s->at on, or all that the file has. */
static int look(struct pack_scan *s, size_t n, slice *ret, struct err *e)
{
	uint64_t left = s->at < s->size ? s->size - s->at : 0;
	if (n > left)
		n = left;
	uint64_t skip = s->at - s->window_at;
	if (!s->window.n || s->at < s->window_at || skip + n > s->window.n) {
		size_t want = left < n + WINDOW ? left : n + WINDOW;
		buf_reset(&s->window);
		char *room = buf_room(&s->window, want ? want : 1);
		for (size_t got = 0; got < want;) {
			ssize_t r =
				pread(s->pack->fd, room + got, want - got, (off_t)(s->at + got));
			if (r < 0 && errno != EINTR)
				return err_sys(e, errno, "pack %u", s->pack->no);
			if (r == 0)
				s->size = s->at + (want = got); /* became shorter meanwhile */
			got += r > 0 ? (size_t)r : 0;
		}
		buf_commit(&s->window, want);
		s->window_at = s->at;
		skip = 0;
	}
	*ret = slice_skip(buf_slice(&s->window), skip);
	return 0;
}

enum pack_scan_kind pack_scan_step(
	slice bytes, uint64_t salt, size_t *at, struct record *ret, slice *ret_payload)
{
	slice rest = slice_skip(bytes, *at);
	if (!rest.n)
		return SCAN_END;
	if (!record_parse(rest, salt, ret)) {
		for (size_t i = PACK_ALIGN; i + RECORD_HEAD_SIZE <= rest.n; i += PACK_ALIGN)
			if (record_parse(slice_skip(rest, i), salt, ret)) {
				*at += i;
				return SCAN_GAP;
			}
		*at = bytes.n;
		return SCAN_TAIL;
	}
	uint64_t size = record_size(ret);
	slice payload = slice_first(slice_skip(rest, RECORD_HEAD_SIZE), ret->stored);
	*at += size < rest.n ? size : rest.n;
	if (payload.n < ret->stored || record_crc(salt, payload) != ret->crc) {
		*at = (size_t)(rest.p - bytes.p) +
		      PACK_ALIGN; /* its length may be all that is wrong */
		return SCAN_DAMAGED;
	}
	*ret_payload = payload;
	return SCAN_RECORD;
}

/* Past bytes that are no record: to the next head, or to the end. */
static int skip_gap(struct pack_scan *s, enum pack_scan_kind *ret_kind, struct err *e)
{
	struct record head;
	slice w;
	s->blank = true;
	for (;;) {
		if (look(s, RECORD_HEAD_SIZE, &w, e) < 0)
			return -1;
		if (w.n < RECORD_HEAD_SIZE) {
			for (size_t i = 0; i < w.n; i++)
				s->blank &= !w.p[i];
			s->at = s->size;
			*ret_kind = SCAN_TAIL;
			return 0;
		}
		for (; w.n >= RECORD_HEAD_SIZE;
			w = slice_skip(w, PACK_ALIGN), s->at += PACK_ALIGN) {
			static const char zero[PACK_ALIGN];
			if (memcmp(w.p, zero, PACK_ALIGN) == 0)
				continue;
			if (s->at > s->from && record_parse(w, s->pack->head.salt, &head)) {
				*ret_kind = SCAN_GAP;
				return 0;
			}
			s->blank = false;
		}
	}
}

/* What is in it, when it can be read: without the key there is nothing more to say of it. */
static bool content_of(const struct pack_in *p, struct pack_record *r, slice payload)
{
	r->digest = r->content = (slice){0};
	if (pack_key_missing(&p->key))
		return true;
	if (p->key.no) { /* decrypted beside the window, which may be looked at again */
		r->stored.limit = RECORD_STORED_MAX;
		buf_reset(&r->stored);
		buf_put(&r->stored, payload);
		must(buf_ok(&r->stored));
		if (!record_open(&p->key, p->head.salt, &r->head, r->stored.p, &payload))
			return false;
	} else if (r->head.flags & RECORD_SEALED) {
		return false;
	}
	size_t digest = r->head.type == RECORD_SEGMENT ? DIGEST_SIZE : 0;
	r->digest = slice_first(payload, digest);
	r->content = slice_skip(payload, digest);
	if (!(r->head.flags & RECORD_ZSTD))
		return true;
	r->plain.limit = RECORD_STORED_MAX;
	buf_reset(&r->plain);
	char *room = buf_room(&r->plain, r->head.raw ? r->head.raw : 1);
	size_t n = ZSTD_decompress(room, r->head.raw, r->content.p, r->content.n);
	if (ZSTD_isError(n) || n != r->head.raw)
		return false;
	buf_commit(&r->plain, n);
	r->content = buf_slice(&r->plain);
	return true;
}

/* A damaged payload: goes on behind it when a record or the end is there, else right behind its
 * head. */
static int step_over(struct pack_scan *s, const struct record *damaged, struct err *e)
{
	struct record next;
	slice w;
	uint64_t end = s->from + record_size(damaged), near = s->at;
	s->at = end < s->size ? end : s->size;
	if (look(s, RECORD_HEAD_SIZE, &w, e) < 0)
		return -1;
	if (w.n && !record_parse(w, s->pack->head.salt, &next))
		s->at = near;
	s->to = s->at;
	return 0;
}

int pack_scan_next(
	struct pack_scan *s, struct pack_record *ret, enum pack_scan_kind *ret_kind, struct err *e)
{
	slice w, payload;
	s->from = s->to = s->at;
	if (look(s, RECORD_HEAD_SIZE, &w, e) < 0)
		return -1;
	if (!w.n) {
		*ret_kind = SCAN_END;
		return 0;
	}
	if (!record_parse(w, s->pack->head.salt, &ret->head)) {
		int r = skip_gap(s, ret_kind, e);
		s->to = s->at;
		return r;
	}
	/* With its padding: else a window that ends in it would put the next step beside the grid. */
	if (look(s, record_size(&ret->head), &w, e) < 0)
		return -1;
	size_t step = 0;
	*ret_kind = pack_scan_step(w, s->pack->head.salt, &step, &ret->head, &payload);
	if (*ret_kind == SCAN_RECORD && !content_of(s->pack, ret, payload))
		*ret_kind = SCAN_DAMAGED;
	s->at += step;
	s->to = s->at;
	return *ret_kind == SCAN_DAMAGED ? step_over(s, &ret->head, e) : 0;
}
