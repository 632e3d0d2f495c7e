/*
 * A PST (codec/pst.h), in the process that may do nothing else (import_unpack.h): folders, letters that the importing process wants, what is no mail, what is
 * damaged.
 */
#include "base/mem.h"
#include "codec/pst.h"
#include "mail/import_unpack.h"

#include <errno.h>
#include <stdio.h>

struct pst_reading {
	struct import_unpack *u;
	struct pst *p;
	struct buf letter;
	uint64_t out;
	bool too_much;
};

static bool read_file(void *arg, uint64_t at, void *room, size_t n)
{
	struct pst_reading *r = arg;
	import_alive(r->u);
	for (size_t got = 0; got < n;) {
		ssize_t k = pread(r->u->file, (char *)room + got, n - got, (off_t)(at + got));
		if (k <= 0 && !(k < 0 && errno == EINTR))
			return false;
		got += k > 0 ? (size_t)k : 0;
	}
	return true;
}

static bool say_folder(void *arg, const struct pst_folder *f)
{
	struct pst_reading *r = arg;
	AUTO(buf) struct buf b = BUF(WIRE_FRAME_MAX);
	buf_u8(&b, (uint8_t)f->use);
	buf_u8(&b, f->is_mail);
	buf_str(&b, slice_first(f->path, WIRE_FRAME_MAX / 4));
	import_say(r->u, WIRE_FOLDER, buf_slice(&b));
	return true;
}

/* What a line of the report names: its subject. */
static void say_bad(struct pst_reading *r, const struct pst_item *i, const char *why)
{
	char what[64];
	snprintf(what, sizeof what, "item %x%s", i->nid, i->subject.n ? " " : "");
	AUTO(arena) struct arena a = {0};
	import_say_text(r->u, WIRE_BAD,
		arena_printf(&a, "%s%.*s", what, SFMT(slice_first(i->subject, 300))), slice_z(why));
}

static void say_item(struct pst_reading *r, const struct pst_item *i)
{
	AUTO(buf) struct buf b = BUF(WIRE_FRAME_MAX);
	buf_u32(&b, i->flags);
	buf_u64(&b, (uint64_t)i->received_at);
	buf_str(&b, slice_z(i->key));
	buf_str(&b, slice_first(i->categories, WIRE_FRAME_MAX / 4));
	import_say(r->u, WIRE_ITEM, buf_slice(&b));
}

static void give_letter(struct pst_reading *r, const struct pst_item *i, unsigned lost)
{
	char why[100];
	for (slice s = buf_slice(&r->letter); s.n; s = slice_skip(s, WIRE_BYTES_MAX))
		import_say(r->u, WIRE_BYTES, slice_first(s, WIRE_BYTES_MAX));
	import_say(r->u, WIRE_END, S(""));
	if (!lost)
		return;
	snprintf(why, sizeof why, "imported, but %u parts of it are damaged", lost);
	say_bad(r, i, why);
}

static bool take_item(void *arg, const struct pst_item *i)
{
	struct pst_reading *r = arg;
	unsigned lost;
	if (i->kind == PST_DAMAGED) {
		say_bad(r, i, pst_why(r->p));
		return true;
	}
	if (i->kind != PST_MAIL) {
		const char kind = (char)i->kind;
		import_say(r->u, WIRE_LEFT, slice_of(&kind, 1));
		return true;
	}
	say_item(r, i);
	if (import_ask(r->u) == WIRE_NO)
		return true;
	buf_reset(&r->letter);
	bool ok = pst_mail(r->p, i, &r->letter, &lost);
	r->out += r->letter.n;
	r->too_much = r->out > import_unpack_most(r->u->size);
	if (ok)
		give_letter(r, i, lost);
	else
		say_bad(r, i, pst_why(r->p));
	return !r->too_much;
}

static void say_end(struct pst_reading *r, const struct pst_report *x)
{
	AUTO(buf) struct buf lost = BUF(1000);
	if (x->damaged_pages)
		buf_printf(&lost, "%u pages of its index are damaged: what they name is not here; ",
			x->damaged_pages);
	if (x->lost)
		buf_printf(&lost, "%zu items whose folder is gone are in \"Recovered\"; ", x->lost);
	if (x->cut)
		buf_printf(&lost,
			"%zu folders are beyond the limits (%d in each other, %d in all); ", x->cut,
			PST_DEPTH_MAX, PST_FOLDERS_MAX);
	if (lost.n)
		lost.n -= 2;
	import_say_text(r->u, WIRE_DONE, buf_slice(&lost), S(""));
}

void import_unpack_pst(struct import_unpack *u)
{
	char why[PST_WHY_MAX];
	struct pst_report report;
	struct pst_reading r = {.u = u, .letter = BUF((size_t)u->max_message)};
	const struct pst_source s = {.read = read_file, .arg = &r, .size = u->size};
	const struct pst_visitor v = {say_folder, take_item, &r};
	AUTO(pst) struct pst *p = pst_open(&s, why);
	r.p = p;
	if (!p)
		import_say_text(u, WIRE_FAILED, slice_z(why), S(""));
	else if (!pst_walk(p, &v, &report))
		import_say_text(u, WIRE_FAILED, slice_z(pst_why(p)), S(""));
	else if (r.too_much)
		import_say_text(u, WIRE_FAILED, S("it holds far more than it is large"), S(""));
	else
		say_end(&r, &report);
	buf_done(&r.letter);
}
