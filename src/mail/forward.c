/* Forwarding (forward.h): when a sender is rewritten, and reading a stored message to seal it. */
#include "mail/forward.h"

#include "base/mem.h"
#include "codec/address.h"
#include "run/pool.h"
#include "senderauth/arc.h"

bool forward_leaves(const struct route_decision *d)
{
	return !d->ours && (d->kind == ROUTE_SMTP || d->kind == ROUTE_BACKEND);
}

static slice domain_of(slice address)
{
	slice local, domain;
	return address_split(address, &local, &domain) ? domain : (slice){0};
}

/* ---- the sender ---- */

/* SPF of our own domains names us; only others' senders must change. */
static int is_ours(const struct forward *f, slice sender, struct arena *a, bool *ret, struct err *e)
{
	struct route_decision d;
	if (route_decide(f->routes, sender, false, a, &d, e) < 0)
		return -1;
	*ret = d.ours;
	return 0;
}

int forward_sender(const struct forward *f, slice sender, slice alias, int64_t now, struct arena *a,
	slice *ret, struct err *e)
{
	bool ours = true;
	if (!f->srs || sender.n == 0) {
		*ret = sender;
		return 0;
	}
	if (is_ours(f, sender, a, &ours, e) < 0)
		return -1;
	if (ours) {
		*ret = sender;
		return 0;
	}
	if (srs_forward(f->srs, sender, domain_of(alias), now, a, ret, e) == 0)
		return 0;
	if (e->kind != ERR_LIMIT)
		return -1;
	*ret = sender; /* too long to be rewritten */
	return 0;
}

/* ---- the seal ---- */

struct reading {
	struct blobs *blobs;
	blob_id id;
	struct buf header; /* prefix and stored header */
	bool behind; /* the header is complete */
	struct body_hashes *hashes;
	int status;
	struct err err;
};

/* Header bytes of the piece, up to and with the empty line; the rest is body. */
static void take_piece(struct reading *r, size_t prefix, slice piece)
{
	if (r->behind) {
		body_hashes_add(r->hashes, piece);
		return;
	}
	size_t had = r->header.n, from = had - prefix > 3 ? had - 3 : prefix;
	buf_put(&r->header, piece);
	if (!buf_ok(&r->header))
		return;
	slice stored = slice_skip(buf_slice(&r->header), prefix);
	slice seen = slice_skip(buf_slice(&r->header), from);
	size_t at = slice_find(seen, S("\r\n\r\n"));
	size_t end = slice_starts(stored, S("\r\n")) ? prefix + 2 : at < seen.n ? from + at + 4 : 0;
	if (!end)
		return;
	r->behind = true;
	body_hashes_add(r->hashes, slice_skip(buf_slice(&r->header), end));
	r->header.n = end;
}

static void read_message(void *arg)
{
	struct reading *r = arg;
	struct blob_reader *reader;
	size_t prefix = r->header.n;
	slice piece;
	r->status = blob_open(r->blobs, r->id, &reader, &r->err);
	if (r->status < 0)
		return;
	while (buf_ok(&r->header) && (r->status = blob_next(reader, &piece, &r->err)) == 1)
		take_piece(r, prefix, piece);
	blob_close(reader);
	body_hashes_end(r->hashes);
}

/* Seals what was read; empty with a reason. */
static slice seal(const struct forward *f, const struct reading *r, int digest, slice alias,
	int64_t now, struct arena *a, slice *ret_why)
{
	AUTO(buf) struct buf out = BUF(FORWARD_SEAL_MAX);
	const struct arc_seal q = {.header = buf_slice(&r->header),
		.authserv_id = f->authserv_id,
		.domain = domain_of(alias),
		.wall = now};
	struct err e;
	*ret_why = (slice){0};
	if (arc_seal(&q, r->hashes, digest, &f->signing->signer, a, &out, ret_why, &e) < 0)
		*ret_why = arena_dup(a, slice_z(e.text));
	return buf_ok(&out) && ret_why->n == 0 ? arena_dup(a, buf_slice(&out)) : (slice){0};
}

slice forward_seal(const struct forward *f, const struct queue_msg *m, slice prefix, slice alias,
	int64_t now, struct arena *a, slice *ret_why)
{
	if (!f->signing || f->signing->conf->arc == SIGNING_ARC_NONE) {
		*ret_why = S("not configured");
		return (slice){0};
	}
	struct reading r = {.blobs = f->blobs,
		.id = m->blob,
		.header = BUF(FORWARD_HEADER_MAX),
		.hashes = body_hashes_new(a)};
	slice fields = {0};
	int digest = arc_seal_want(r.hashes);
	buf_put(&r.header, prefix);
	pool_call(read_message, &r);
	if (r.status < 0)
		*ret_why = arena_dup(a, slice_z(r.err.text));
	else if (!buf_ok(&r.header))
		*ret_why = S("the header is too large");
	else
		fields = seal(f, &r, digest, alias, now, a, ret_why);
	body_hashes_free(r.hashes);
	buf_done(&r.header);
	return fields;
}
