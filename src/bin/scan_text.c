/*
 * Having texts read (scan_text.h). Called by the indexer and by access. Messages are read from the blob store in the pool; small ones
 * travel inside the request, others in a memory file. Who dies over one that came inside is given it once more in a file, where
 * a mark tells whether it had begun (scan_letter.h): only that is held against the message.
 */
#include "bin/scan_text.h"

#include "base/mem.h"
#include "bin/scan_letter.h"
#include "run/link.h"
#include "run/log.h"
#include "run/pool.h"
#include <unistd.h>

enum { STRIKES = 2, TRIES = 5 };
#define GIVE_UP (5 * SECOND) /* beyond the time in which the process ends by itself */

struct asking {
	struct blobs *blobs;
	const struct scan_text *q;
	struct scan_letter letter;
	/* The answer, when it is in the file. */
	struct scan_answer where;
	char *bytes;
	int result;
	struct err *e;
};

static void read_message(void *arg)
{
	struct asking *k = arg;
	struct blob_reader *r;
	slice piece;
	scan_letter_add(&k->letter, k->q->prefix);
	k->result = blob_open(k->blobs, k->q->blob, &r, k->e);
	if (k->result < 0)
		return;
	while (!scan_letter_cut(&k->letter) && (k->result = blob_next(r, &piece, k->e)) == 1)
		scan_letter_add(&k->letter, piece);
	blob_close(r);
	if (k->result >= 0 && k->letter.broken.kind) {
		*k->e = k->letter.broken;
		k->result = -1;
	}
}

static void read_answer(void *arg)
{
	struct asking *k = arg;
	k->bytes = mem_alloc((size_t)k->where.n);
	ssize_t n = pread(k->letter.fd, k->bytes, (size_t)k->where.n, (off_t)k->where.from);
	k->result =
		n == (ssize_t)k->where.n ? 0 : err_set(k->e, ERR_PROTO, "texts: a damaged answer");
}

static int decode(
	struct asking *k, slice reply, struct arena *a, struct content_texts *ret, struct err *e)
{
	slice text;
	if (!scan_answer_decode(reply, &k->where))
		return err_set(e, ERR_PROTO, "texts: a damaged answer");
	text = k->where.text; /* in *a already */
	if (k->where.n) {
		pool_call(read_answer, k);
		if (k->result == 0)
			text = arena_dup(a, slice_of(k->bytes, (size_t)k->where.n));
		free(k->bytes);
		if (k->result < 0)
			return -1;
	}
	if (!content_texts_decode(text, ret))
		return err_set(e, ERR_PROTO, "texts: a damaged answer");
	return 0;
}

static int ask_once(struct asking *k, struct link *texts, const struct scan_conf *c, bool in_file,
	struct arena *a, struct content_texts *ret, struct err *e)
{
	AUTO(buf) struct buf request = BUF(SCAN_WIRE_MAX);
	struct scan_request r = {.job = SCAN_TEXT,
		.wishes = k->q->want,
		.lead_n = (uint32_t)k->q->prefix.n,
		.in_file = in_file};
	slice reply;
	if (in_file && scan_letter_file(&k->letter, S(""), &r.from, e) < 0)
		return -1;
	r.message = buf_slice(&k->letter.bytes);
	scan_request_encode(&request, &r);
	if (!buf_ok(&request))
		return err_set(e, ERR_LIMIT, "the request is too large");
	if (link_call_file(texts, buf_slice(&request), in_file ? k->letter.fd : -1,
		    instant_in(2 * c->time + GIVE_UP), a, &reply, e) < 0)
		return -1;
	return decode(k, reply, a, ret, e);
}

static int ask(struct asking *k, struct link *texts, const struct scan_conf *c, struct arena *a,
	struct content_texts *ret, struct err *e)
{
	unsigned strikes = 0;
	bool in_file = !scan_letter_is_small(&k->letter, S(""));
	for (unsigned i = 0; i < TRIES && strikes < STRIKES; i++) {
		if (ask_once(k, texts, c, in_file, a, ret, e) == 0)
			return 0;
		if (e->kind == ERR_CLOSED ||
			(e->kind == ERR_TEMP && !link_up(texts) && !in_file && i))
			return -1;
		/* An answer that is too large for a reply, or none: it would be none again, unless in a file. */
		bool passing = e->kind == ERR_TEMP || e->kind == ERR_TIMEOUT;
		strikes += passing ? in_file && scan_letter_begun(&k->letter) : in_file;
		in_file = true;
	}
	if (strikes < STRIKES)
		return -1;
	log_warn(NULL, "texts.cannot", F("error", e));
	return err_set(e, ERR_PERM, "its texts cannot be read");
}

int scan_text_ask(struct link *texts, const struct scan_conf *c, struct blobs *blobs,
	const struct scan_text *q, struct arena *a, struct content_texts *ret, struct err *e)
{
	struct asking k = {.blobs = blobs, .q = q, .e = e};
	if (q->whole && q->size + q->prefix.n > (uint64_t)c->max_size)
		return err_set(e, ERR_LIMIT, "larger than is looked at");
	scan_letter_init(&k.letter, (uint64_t)c->max_size);
	pool_call(read_message, &k);
	int r = k.result < 0 ? -1 : ask(&k, texts, c, a, ret, e);
	if (r == 0)
		ret->cut |= scan_letter_cut(&k.letter);
	scan_letter_done(&k.letter);
	return r;
}
