/*
 * Which parts are taken out of a message (edge_edit.h), and what stands there instead: attachments that
 * policy names, and what virus engines call infected. Engines are asked about each part decoded, and
 * about each uuencoded file in a text, so that only what is bad goes. Called by edge_edit.c.
 *
 * What nobody can take apart (an infected message whose parts are all clean) is not cleaned here: the
 * caller holds it.
 */
#include "bin/edge_edit_impl.h"

#include "base/mem.h"
#include "codec/uu.h"
#include "mail/notice.h"
#include "policy/policy.h"
#include <errno.h>
#include <inttypes.h>
#include <sys/mman.h>
#include <unistd.h>

enum { NAME_SHOWN = 120, BLOCKS_MAX = 1000 /* uuencoded files in a text that are told apart */ };

void edge_stripping_init(struct edge_stripping *t)
{
	mime_parse(t->whole, &mime_limits_default, t->a, &t->mime);
	t->purpose = t->q->facts->direction == POLICY_OUT        ? ENGINE_OUT
		     : t->q->facts->direction == POLICY_INTERNAL ? ENGINE_INTERNAL
								 : ENGINE_IN;
	t->deadline = instant_in(EDGE_EDIT_WAIT * SECOND);
}

/* ---- what stands there instead ---- */

static void put_size(struct buf *out, uint64_t n)
{
	if (n < 1024)
		buf_printf(out, "%" PRIu64 " B", n);
	else if (n < 1024 * 1024)
		buf_printf(out, "%.1f KiB", (double)n / 1024);
	else
		buf_printf(out, "%.1f MiB", (double)n / (1024 * 1024));
}

struct gone {
	slice name, type, virus; /* virus: empty when policy said so */
	uint64_t size;
};

/* In both languages: who reads it is not known here. */
static slice notice_of(const struct edge_stripping *t, const struct gone *g)
{
	const struct policy_text *own = &t->q->decision->strip_notice;
	AUTO(buf) struct buf size = BUF(40), out = BUF(EDIT_TEXT_MAX / 2);
	put_size(&size, g->size);
	slice name = g->name.n ? notice_safe(g->name, NAME_SHOWN, t->a) : S("-");
	slice type = notice_safe(g->type, NAME_SHOWN, t->a);
	bool virus = g->virus.n > 0, usual = virus || !(own->zh.n || own->en.n);
	buf_printf(&out, "[附件已移除：%.*s（%.*s，%.*s）", SFMT(name), SFMT(type),
		SFMT(buf_slice(&size)));
	if (virus)
		buf_printf(&out, "，其中发现病毒 %.*s", SFMT(g->virus));
	else if (usual)
		buf_put(&out, S("，依据本单位的邮件策略"));
	buf_printf(&out, "]\r\n[Attachment removed: %.*s (%.*s, %.*s)", SFMT(name), SFMT(type),
		SFMT(buf_slice(&size)));
	if (virus)
		buf_printf(&out, ": it contains the virus %.*s", SFMT(g->virus));
	else if (usual)
		buf_put(&out, S(": by a mail policy of this organisation"));
	buf_byte(&out, ']');
	if (!usual)
		buf_printf(&out, "\r\n%.*s%s%.*s", SFMT(own->zh),
			own->zh.n && own->en.n ? "\r\n" : "", SFMT(own->en));
	return arena_dup(t->a, buf_slice(&out));
}

static void take_out(struct edge_stripping *t, unsigned part, int block, const struct gone *g)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->v[i].part == part && t->v[i].block == block) {
			if (g->virus.n) /* readers are told the worst */
				t->v[i].notice = notice_of(t, g);
			return;
		}
	if (t->n == t->room) {
		size_t room = t->room ? 2 * t->room : 8;
		struct edit_strip *v = ARENA_ARRAY(t->a, struct edit_strip, room);
		slice *names = ARENA_ARRAY(t->a, slice, room);
		if (t->n) {
			memcpy(v, t->v, t->n * sizeof *v);
			memcpy(names, t->names, t->n * sizeof *names);
		}
		t->v = v;
		t->names = names;
		t->room = room;
	}
	t->names[t->n] = g->name.n ? g->name : g->type;
	t->v[t->n++] = (struct edit_strip){part, block, notice_of(t, g)};
}

/* ---- parts ---- */

static bool is_leaf(const struct mime_part *p)
{
	return !p->multipart && !p->message;
}

/* A text that people read, not a file. */
static bool is_body(const struct edge_stripping *t, const struct mime_part *p)
{
	if (!mime_is(p, S("text"), S("")) || mime_is(p, S("text"), S("calendar")) ||
		mime_is(p, S("text"), S("rtf")))
		return false;
	return p->parent < 0 ||
	       (!slice_eq(p->disposition.main, S("attachment")) && mime_filename(p, t->a).n == 0);
}

static bool is_signature(const struct mime_part *p)
{
	return slice_ends(p->type.main, S("pkcs7-signature")) ||
	       slice_ends(p->type.main, S("pgp-signature"));
}

static slice decoded(const struct edge_stripping *t, const struct mime_part *p)
{
	AUTO(buf) struct buf out = BUF(p->body.n + 16);
	if (p->encoding != MIME_QP && p->encoding != MIME_BASE64 && p->encoding != MIME_UUENCODE)
		return p->body;
	mime_decode(p, &out);
	return arena_dup(t->a, buf_slice(&out));
}

static struct gone describe(const struct edge_stripping *t, const struct mime_part *p)
{
	size_t n = p->encoding == MIME_BASE64 ? p->body.n / 4 * 3 : p->body.n;
	return (struct gone){.name = mime_filename(p, t->a), .type = p->type.main, .size = n};
}

/* ---- what policy says ---- */

/* The names of the uuencoded files in a text: read once, not again for each file that policy names. */
static void read_blocks(struct edge_stripping *t, unsigned part)
{
	slice block, text = decoded(t, &t->mime.v[part]);
	t->blocks = ARENA_ARRAY(t->a, slice, BLOCKS_MAX);
	t->blocks_of = part + 1;
	for (t->nblocks = 0; t->nblocks < BLOCKS_MAX && uu_next(&text, &block); t->nblocks++) {
		AUTO(buf) struct buf none = BUF(1);
		slice name;
		uu_read(slice_first(block, slice_index(block, '\n') + 1), &none, &name);
		t->blocks[t->nblocks] = slice_trim(name);
	}
}

/* The uuencoded file of that name; -1. */
static int block_named(struct edge_stripping *t, unsigned part, slice name)
{
	if (t->blocks_of != part + 1)
		read_blocks(t, part);
	for (size_t i = 0; i < t->nblocks; i++)
		if (slice_eq(t->blocks[i], slice_trim(name)))
			return (int)i;
	return -1;
}

static void take_file(struct edge_stripping *t, const struct policy_file *f)
{
	const struct mime_part *p = &t->mime.v[f->part];
	struct gone g = describe(t, p);
	g.size = f->depth == 0 && f->size ? f->size : g.size;
	if (f->name.n && f->depth == 0)
		g.name = f->name;
	int block = is_body(t, p) ? block_named(t, f->part, f->name) : -1;
	if (block >= 0)
		g.type = S("uuencode");
	take_out(t, f->part, block >= 0 ? block : EDIT_WHOLE_PART, &g);
}

/* The uuencoded files of a text; the text goes with them where there are too many to be taken out. */
static void take_blocks(struct edge_stripping *t, unsigned part)
{
	slice text = decoded(t, &t->mime.v[part]), block;
	for (int n = 0; uu_next(&text, &block); n++) {
		AUTO(buf) struct buf bytes = BUF(block.n + 16);
		slice name;
		if (n == EDIT_BLOCKS_MAX) {
			const struct gone all = describe(t, &t->mime.v[part]);
			take_out(t, part, EDIT_WHOLE_PART, &all);
			return;
		}
		uu_read(block, &bytes, &name);
		const struct gone g = {arena_dup(t->a, name), S("uuencode"), S(""), bytes.n};
		take_out(t, part, n, &g);
	}
}

/* All that is no text to be read. */
static void take_all(struct edge_stripping *t)
{
	for (size_t i = 0; i < t->mime.n; i++) {
		const struct mime_part *p = &t->mime.v[i];
		if (!is_leaf(p) || is_signature(p))
			continue;
		const struct gone g = describe(t, p);
		if (is_body(t, p))
			take_blocks(t, (unsigned)i);
		else
			take_out(t, (unsigned)i, EDIT_WHOLE_PART, &g);
	}
}

int edge_strip_wanted(struct edge_stripping *t, struct err *e)
{
	const struct policy_decision *d = t->q->decision;
	const struct policy_facts *f = t->q->facts;
	if (d->strip == POLICY_STRIP_ALL)
		take_all(t);
	for (size_t i = 0; d->strip == POLICY_STRIP_MATCHED && d->stripped && i < f->nfiles; i++) {
		if (!d->stripped[i])
			continue;
		if (f->files[i].part >= t->mime.n)
			return err_set(e, ERR_PROTO, "part %u of the message cannot be taken out",
				f->files[i].part);
		take_file(t, &f->files[i]);
	}
	return 0;
}

/* ---- what engines say ---- */

static int to_file(slice bytes, struct err *e)
{
	int fd = memfd_create("part", MFD_CLOEXEC);
	if (fd < 0)
		return err_sys(e, errno, "memfd_create");
	for (size_t done = 0; done < bytes.n;) {
		ssize_t n = write(fd, bytes.p + done, bytes.n - done);
		if (n < 0) {
			err_sys(e, errno, "memory file");
			close(fd);
			return -1;
		}
		done += (size_t)n;
	}
	return fd;
}

int edge_edit_ask_engines(struct edge_stripping *t, slice bytes, slice name,
	struct engines_answer *ret, struct err *e)
{
	AUTO(fd) int fd = to_file(bytes, e);
	if (fd < 0)
		return err_set(e, ERR_TEMP, "no memory for a part");
	const struct engines_asked q = {.purpose = t->purpose,
		.fd = fd,
		.size = bytes.n,
		.name = name,
		.deadline = t->deadline};
	engines_ask(t->s->edge->engines, &q, t->a, ret);
	if (ret->none)
		t->silent = S("no engine looks at such mail");
	else if (ret->failed.n)
		t->silent = ret->failed;
	return 0;
}

static void note_virus(struct edge_stripping *t, slice virus)
{
	if (slice_find(t->viruses, virus) < t->viruses.n || t->viruses.n > 500)
		return;
	t->viruses = t->viruses.n ? arena_printf(t->a, "%.*s, %.*s", SFMT(t->viruses), SFMT(virus))
				  : virus;
}

/* Of the files in an infected text those that are bad. True: there were such. */
static bool take_bad_blocks(struct edge_stripping *t, unsigned part, slice text, struct err *e)
{
	slice block;
	bool any = false;
	for (int i = 0; i < EDIT_BLOCKS_MAX && uu_next(&text, &block); i++) {
		AUTO(buf) struct buf bytes = BUF(block.n + 16);
		struct engines_answer answer = {0};
		slice name;
		uu_read(block, &bytes, &name);
		if (edge_edit_ask_engines(t, buf_slice(&bytes), name, &answer, e) < 0)
			return false;
		if (!answer.infected)
			continue;
		const struct gone g = {arena_dup(t->a, name), S("uuencode"), answer.virus, bytes.n};
		take_out(t, part, i, &g);
		note_virus(t, answer.virus);
		any = true;
	}
	return any;
}

static int ask_about(struct edge_stripping *t, unsigned part, struct err *e)
{
	const struct mime_part *p = &t->mime.v[part];
	struct engines_answer answer = {0};
	struct gone g = describe(t, p);
	slice bytes = decoded(t, p);
	if (edge_edit_ask_engines(t, bytes, g.name, &answer, e) < 0)
		return -1;
	if (!answer.infected)
		return 0;
	note_virus(t, answer.virus);
	if (is_body(t, p) && take_bad_blocks(t, part, bytes, e))
		return 0;
	g.virus = answer.virus;
	g.size = bytes.n;
	take_out(t, part, EDIT_WHOLE_PART, &g);
	return 0;
}

int edge_strip_infected(struct edge_stripping *t, struct err *e)
{
	unsigned asked = 0;
	for (unsigned i = 0; i < t->mime.n && !t->silent.n; i++) {
		if (!is_leaf(&t->mime.v[i]) || !t->mime.v[i].body.n)
			continue;
		if (++asked > EDGE_EDIT_PARTS_MAX)
			return err_set(e, ERR_LIMIT, "more than %d parts to be cleaned",
				(int)EDGE_EDIT_PARTS_MAX);
		if (ask_about(t, i, e) < 0)
			return -1;
	}
	return 0;
}
