/*
 * Messages by POP3 (collect.h): those whose names (UIDL) did not come yet; of a server without names all are read and known by their bytes. What was
 * collected stays there, or is deleted so long after it came here: only what an earlier pass has made durable.
 */
#include "bin/collect.h"

#include "base/mem.h"
#include "proto/pop3c/pop3c.h"

#include <openssl/evp.h>
#include <stdio.h>

struct pop3_run {
	struct collect_run *r;
	struct pop3c *s;
	bool done; /* of the message: refused */
	bool deleted;
};

static int on_bytes(void *arg, slice piece, struct err *e)
{
	struct pop3_run *m = arg;
	int r = collect_message_bytes(m->r, piece, e);
	m->done |= r == 1;
	return r;
}

/* ---- a server without names ---- */

static int hash_bytes(void *arg, slice piece, struct err *e)
{
	(void)e;
	return EVP_DigestUpdate(arg, piece.p, piece.n) == 1 ? 0 : -1;
}

/* Read once to know it, and once more to take it: POP3 without UIDL is rare. */
static int name_by_bytes(struct pop3_run *m, struct pop3c_message *x, struct err *e)
{
	unsigned char hash[32];
	char text[65];
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	EVP_DigestInit_ex(md, EVP_sha256(), NULL);
	int r = pop3c_fetch(m->s, x->n, hash_bytes, md, e);
	EVP_DigestFinal_ex(md, hash, NULL);
	EVP_MD_CTX_free(md);
	if (r < 0)
		return -1;
	for (size_t i = 0; i < sizeof hash; i++)
		snprintf(text + 2 * i, 3, "%02x", hash[i]);
	x->name = arena_dup(&m->r->mem, slice_of(text, 64));
	return 0;
}

/* ---- one message ---- */

static int take_message(struct pop3_run *m, const struct pop3c_message *x, struct err *e)
{
	const struct import_message im = {.key = x->name, .size = x->size};
	m->done = false;
	int r = collect_message_begin(m->r, &im, e);
	if (r)
		return r < 0 ? -1 : 0;
	r = pop3c_fetch(m->s, x->n, on_bytes, m, e);
	if (r < 0) {
		struct err why = *e;
		collect_message_drop(m->r);
		if (!pop3c_usable(m->s))
			return -1;
		return import_message_refused(m->r->import, x->name, slice_z(why.text), e);
	}
	if (m->done) {
		collect_message_drop(m->r);
		return 0;
	}
	return collect_message_end(m->r, e) < 0 ? -1 : 0;
}

/* It is here since an earlier pass, for long enough. */
static int drop_there(struct pop3_run *m, const struct pop3c_message *x, struct err *e)
{
	int64_t age = m->r->job.delete_after, since;
	if (age < 0 || m->r->options.dry_run)
		return 0;
	if (import_since(m->r->import, x->name, &since, e) < 0)
		return -1;
	if (!since || since > wall_now() - age)
		return 0;
	if (pop3c_delete(m->s, x->n, e) < 0)
		return pop3c_usable(m->s) ? 0 : -1;
	m->deleted = true;
	return 0;
}

static int look_at(struct pop3_run *m, struct pop3c_message *x, struct err *e)
{
	unsigned flags;
	if (!x->name.n && name_by_bytes(m, x, e) < 0)
		return pop3c_usable(m->s) ? 0 : -1;
	int known = import_known(m->r->import, x->name, &flags, e);
	if (known < 0)
		return -1;
	if (known != 1 && take_message(m, x, e) < 0)
		return -1;
	return known ? drop_there(m, x, e) : 0;
}

static int look_at_all(struct pop3_run *m, struct err *e)
{
	const struct collect_job *j = &m->r->job;
	const struct import_box box = {
		.path = j->into.n ? j->into : S("INBOX"), .name = S("INBOX"), .subscribed = true};
	struct import_known_box known;
	struct pop3c_message *v;
	size_t n;
	m->r->boxes = 1;
	m->r->box = S("INBOX");
	if (pop3c_list(m->s, &m->r->mem, &v, &n, e) < 0 ||
		import_box_begin(m->r->import, &box, &known, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (look_at(m, &v[i], e) < 0) {
			import_flush(m->r->import, &(struct err){0});
			import_box_abandon(m->r->import);
			return -1;
		}
	if (import_box_end(m->r->import, true, 0, e) < 0)
		return -1;
	m->r->boxes_done = 1;
	return 0;
}

/* ---- the server ---- */

static int open_it(void *arg, struct io *io, const struct remote *to, struct err *e)
{
	return pop3c_open(io, to, &((struct pop3_run *)arg)->s, e);
}

int collect_pop3(struct collect_run *r, struct err *e)
{
	struct pop3_run m = {.r = r};
	if (collect_log_in(r, open_it, &m, e) < 0)
		return -1;
	if (look_at_all(&m, e) == 0)
		return pop3c_quit(m.s, e);
	pop3c_close(m.s);
	return -1;
}
