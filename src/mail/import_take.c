/*
 * Letters of files, one after another, into import.h (import_file.h): folders are begun when a letter for them comes, letters are known by a key, and
 * those with the same bytes in a folder are told apart by their number.
 */
#include "base/hex.h"
#include "base/mem.h"
#include "base/must.h"
#include "codec/maildir.h"
#include "mail/import_file_impl.h"

#include <openssl/evp.h>
#include <stdio.h>

/* ---- folders ---- */

void import_tell_left(struct import_files *f, slice box, uint64_t left)
{
	const struct import_folder_seen x = {.box = box, .found = left, .left = left};
	if (f->how->folder)
		f->how->folder(f->how->arg, &x);
}

static void tell_folder(struct import_files *f)
{
	struct import_report now;
	import_report(f->i, &now);
	const struct import_folder_seen x = {.box = f->box,
		.imported = now.copied - f->before.copied,
		.present = now.present - f->before.present,
		.failed = now.refused - f->before.refused - f->partial,
		.left = f->left,
		.found = now.messages - f->before.messages + f->left + f->bad};
	if (f->how->folder)
		f->how->folder(f->how->arg, &x);
}

int import_leave(struct import_files *f, struct err *e)
{
	if (!f->in_box)
		return 0;
	f->in_box = false;
	if (import_box_end(f->i, false, 0, e) < 0)
		return -1;
	tell_folder(f);
	return 0;
}

/* The source's INBOX goes to `into` itself. */
static slice wanted_path(struct import_files *f, slice path)
{
	if (!f->how->into.n)
		return path;
	if (slice_ieq(path, S("INBOX")))
		return f->how->into;
	return arena_printf(&f->item_mem, "%.*s/%.*s", SFMT(f->how->into), SFMT(path));
}

int import_enter(struct import_files *f, slice box, slice path, struct err *e)
{
	const struct file_folder *told = map_get(&f->folders, box);
	struct import_known_box known;
	if (f->in_box && slice_eq(box, f->box))
		return 0;
	if (import_leave(f, e) < 0)
		return -1;
	if (told)
		path = told->path;
	if (!f->keep_twins)
		map_done(&f->twins), f->twins = (struct map){0};
	struct import_box b = {.path = wanted_path(f, path), .name = box};
	if (!f->how->into.n)
		b.use = told              ? told->use
			: f->told_folders ? MAILBOX_USE_NONE
					  : import_place_use(path);
	b.subscribed = told ? told->subscribed
		       : f->told_subscriptions
			       ? map_get(&f->subscribed, path) || slice_ieq(path, S("INBOX"))
			       : true;
	import_report(f->i, &f->before);
	f->left = f->bad = f->partial = 0;
	if (import_box_begin(f->i, &b, &known, e) < 0)
		return -1;
	if (!map_put(&f->boxes, box, f))
		f->seen.folders++;
	buf_reset(&f->box_name);
	buf_put(&f->box_name, box);
	f->box = buf_slice(&f->box_name);
	f->in_box = true;
	return 0;
}

/* ---- keys ---- */

/* The n-th with these bytes in this folder: "HASH", "HASH#2", ... */
static slice key_of(struct import_files *f, slice head, slice rest)
{
	unsigned char hash[EVP_MAX_MD_SIZE];
	AUTO(buf) struct buf text = BUF(200);
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	bool ok = EVP_DigestInit_ex(md, EVP_sha256(), NULL) == 1 &&
		  EVP_DigestUpdate(md, head.p, head.n) == 1 &&
		  EVP_DigestUpdate(md, rest.p, rest.n) == 1 &&
		  EVP_DigestFinal_ex(md, hash, NULL) == 1;
	EVP_MD_CTX_free(md);
	must(ok);
	hex_encode(&text, slice_of(hash, 32));
	slice twin = arena_printf(&f->item_mem, "%.*s%.*s", SFMT(buf_slice(&text)),
		SFMT(f->keep_twins ? f->box : S("")));
	size_t n = (size_t)(uintptr_t)map_get(&f->twins, twin) + 1;
	map_put(&f->twins, twin, (void *)(uintptr_t)n);
	if (n > 1)
		buf_printf(&text, "#%zu", n);
	return arena_dup(&f->item_mem, buf_slice(&text));
}

/* ---- letters ---- */

static bool is_refusal(const struct err *e)
{
	return e->kind == ERR_LIMIT || e->kind == ERR_QUOTA;
}

static int bring(
	struct import_files *f, const struct item *m, slice head, slice rest, struct err *e)
{
	const struct import_message im = {.key = m->key,
		.flags = m->flags,
		.keywords = m->keywords,
		.received_at = m->received_at,
		.size = head.n + rest.n};
	int r = import_message_begin(f->i, &im, e);
	if (r == 1)
		return 0;
	if (r == 0)
		r = import_message_bytes(f->i, head, e);
	if (r == 0)
		r = import_message_bytes(f->i, rest, e);
	if (r == 0)
		r = import_message_end(f->i, e);
	return r < 0 && is_refusal(e) ? 0 : r;
}

static void tell(struct import_files *f, uint64_t bytes)
{
	if (f->how->progress)
		f->how->progress(f->how->arg, f->box, bytes);
}

int import_take_refused(struct import_files *f, slice key, const char *why, struct err *e)
{
	f->bad++;
	return import_message_refused(f->i, slice_first(key, IMPORT_KEY_MAX), slice_z(why), e);
}

int import_take_known(struct import_files *f, const struct item *m, struct err *e)
{
	unsigned flags;
	int r = import_known(f->i, m->key, &flags, e);
	if (r > 0 && m->noted && import_flags(f->i, m->key, m->flags, m->keywords, e) < 0)
		return -1;
	if (r == 1)
		tell(f, 0);
	return r == 2 ? 0 : r;
}

int import_take(struct import_files *f, const struct item *m, slice head, slice rest, struct err *e)
{
	struct item it = *m;
	int r = 0;
	if (!it.key.n) {
		it.key = key_of(f, head, rest);
		r = import_take_known(f, &it, e);
	}
	if (r == 0)
		r = bring(f, &it, head, rest, e);
	if (r >= 0)
		tell(f, head.n + rest.n);
	arena_reset(&f->item_mem);
	return r < 0 ? -1 : 0;
}

/* ---- a file that is a letter ---- */

/* 1: larger than may be. */
static int slurp(struct import_files *f, const struct file_in *in, struct err *e)
{
	size_t n;
	buf_reset(&f->raw);
	do {
		if (in->read(in->arg, f->room, FILE_ROOM, &n, e) < 0)
			return -1;
		buf_put(&f->raw, slice_of(f->room, n));
	} while (n && buf_ok(&f->raw));
	return !buf_ok(&f->raw);
}

static int take_file(struct import_files *f, const struct item *m, slice name,
	const struct file_in *in, struct err *e)
{
	int r = slurp(f, in, e);
	if (r < 0 && e->kind == ERR_PROTO) /* what an archive has of it is damaged */
		return import_take_refused(f, name, e->text, e);
	if (r > 0)
		return import_take_refused(f, name, "larger than the mailbox takes", e);
	if (r == 0 && !f->raw.n)
		return import_take_refused(f, name, "an empty file", e);
	return r < 0 ? -1 : import_take(f, m, buf_slice(&f->raw), S(""), e);
}

static int64_t maildir_date(const struct maildir_file *m, int64_t mtime)
{
	uint64_t seconds = 0;
	if (m->at)
		return m->at;
	slice_u64(slice_first(m->unique, slice_index(m->unique, '.')), &seconds);
	if (seconds > (uint64_t)INT64_MAX / SECOND)
		seconds = 0;
	int64_t named = (int64_t)seconds * SECOND;
	/* Dovecot keeps the date as the file's time; of one that was copied it is later than its name. */
	return !mtime || (named && mtime > named + MINUTE) ? named : mtime;
}

static slice words_of(struct import_files *f, slice box, const struct maildir_file *m)
{
	const struct file_words *w = map_get(&f->words, box);
	AUTO(buf) struct buf out = BUF(64 * 1024);
	for (unsigned i = 0; i < MAILDIR_WORDS; i++)
		if (m->words & UINT32_C(1) << i && w && w->v[i].n)
			buf_printf(&out, "%.*s ", SFMT(w->v[i]));
	if (m->flags & MAILDIR_PASSED)
		buf_put(&out, S("$Forwarded"));
	return slice_trim(arena_dup(&f->item_mem, buf_slice(&out)));
}

static int take_maildir(
	struct import_files *f, const struct place *p, const struct file_in *in, struct err *e)
{
	struct maildir_file m;
	if (!maildir_file(p->file, &m))
		return 0;
	if (m.unique.n > IMPORT_KEY_MAX)
		return import_take_refused(f, p->file, "the name is too long", e);
	struct item it = {.key = m.unique,
		.flags = m.flags & (MAILDIR_PASSED - 1),
		.keywords = words_of(f, p->box, &m),
		.received_at = maildir_date(&m, in->mtime),
		.noted = true};
	int r = import_take_known(f, &it, e);
	if (r == 0)
		r = take_file(f, &it, p->file, in, e);
	return r < 0 ? -1 : 0;
}

static int take_eml(
	struct import_files *f, const struct place *p, const struct file_in *in, struct err *e)
{
	const struct file_note *n = map_get(
		&f->notes, arena_printf(&f->item_mem, "%.*s/%.*s", SFMT(p->box), SFMT(p->file)));
	struct item it = {0};
	if (n)
		it = (struct item){.flags = n->flags,
			.keywords = n->keywords,
			.received_at = n->received_at,
			.noted = true};
	return take_file(f, &it, p->file, in, e);
}

/* ---- a file of letters ---- */

struct reading {
	struct import_files *f;
	struct err *e;
	int result;
};

static bool take_letter(void *arg, const struct mbox_letter *l)
{
	struct reading *r = arg;
	char name[40];
	const struct item it = {.flags = l->flags,
		.keywords = l->keywords,
		.received_at = l->received_at,
		.noted = l->noted};
	snprintf(name, sizeof name, "at byte %llu", (unsigned long long)l->at);
	if (l->expunged)
		return true;
	if (l->too_large)
		r->result = import_take_refused(
			r->f, slice_z(name), "larger than the mailbox takes", r->e);
	else if (l->head.n + l->rest.n)
		r->result = import_take(r->f, &it, l->head, l->rest, r->e);
	return r->result == 0;
}

int import_mbox(struct import_files *f, slice start, const struct file_in *in, struct err *e)
{
	AUTO(mbox) struct mbox m = {0};
	struct reading r = {.f = f, .e = e};
	size_t n = 1;
	mbox_init(&m, f->raw.limit, f->how->quoting, take_letter, &r);
	bool go = mbox_bytes(&m, start);
	while (go && n) {
		if (in->read(in->arg, f->room, FILE_ROOM, &n, e) < 0) {
			if (e->kind != ERR_PROTO)
				return -1;
			return import_take_refused(f, S("the rest"), e->text, e);
		}
		go = mbox_bytes(&m, slice_of(f->room, n));
	}
	if (go)
		mbox_end(&m);
	return r.result;
}

static int take_other(
	struct import_files *f, const struct place *p, const struct file_in *in, struct err *e)
{
	AUTO(buf) struct buf start = BUF(FILE_ROOM);
	size_t n;
	if (in->read(in->arg, f->room, FILE_ROOM, &n, e) < 0)
		return -1;
	buf_put(&start, slice_of(f->room, n));
	bool empty = n == 0 && slice_iends(p->file, S(".mbox"));
	if (!empty && !mbox_looks_so(buf_slice(&start))) {
		f->seen.other++;
		return 0;
	}
	if (import_enter(f, p->box, p->path, e) < 0)
		return -1;
	return import_mbox(f, buf_slice(&start), in, e);
}

int import_entry(
	struct import_files *f, const struct place *p, const struct file_in *in, struct err *e)
{
	enum import_format only = f->how->format;
	arena_reset(&f->item_mem);
	switch (p->kind) {
	case PLACE_MAILDIR:
	case PLACE_EML:
		if ((p->kind == PLACE_EML && (only == IMPORT_MBOX || only == IMPORT_MAILDIR)) ||
			(p->kind == PLACE_MAILDIR && (only == IMPORT_MBOX || only == IMPORT_EML)))
			return f->seen.other++, 0;
		if (import_enter(f, p->box, p->path, e) < 0)
			return -1;
		return p->kind == PLACE_EML ? take_eml(f, p, in, e) : take_maildir(f, p, in, e);
	case PLACE_OTHER:
		if (only == IMPORT_EML || only == IMPORT_MAILDIR)
			return f->seen.other++, 0;
		return take_other(f, p, in, e);
	default:
		return 0;
	}
}
