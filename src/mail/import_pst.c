/*
 * PST files of Outlook (import_file.h), taken apart by a confined process (import_reader.h). Letters are asked for only when they are not here yet: what they
 * are known by is made of what Outlook says of them, so another pass over a large file moves no letters. What is no mail is counted.
 */
#include "base/mem.h"
#include "base/utf8.h"
#include "mail/import_file_impl.h"

struct pst_in {
	struct import_files *f;
	struct import_reader r;
	struct arena mem; /* of a frame */
	struct buf box; /* the folder that is read, as the file calls it */
	enum pst_use use;
	bool named, entered;
	struct buf inbox_path; /* what the file calls its inbox */
	uint64_t left;
	uint64_t folders;
};

/* ---- folders ---- */

static enum mailbox_use use_of(enum pst_use u)
{
	switch (u) {
	case PST_SENT:
		return MAILBOX_USE_SENT;
	case PST_TRASH:
		return MAILBOX_USE_TRASH;
	case PST_DRAFTS:
		return MAILBOX_USE_DRAFTS;
	case PST_JUNK:
		return MAILBOX_USE_JUNK;
	default:
		return MAILBOX_USE_NONE;
	}
}

/* The inbox is one everywhere, whatever Outlook's language calls it, and what is below stays below. */
static slice path_of(struct pst_in *p, slice box)
{
	slice inbox = buf_slice(&p->inbox_path);
	if (p->use == PST_INBOX)
		return S("INBOX");
	if (inbox.n && slice_starts(box, inbox) && box.n > inbox.n && box.p[inbox.n] == '/')
		return arena_printf(&p->f->mem, "INBOX%.*s", SFMT(slice_skip(box, inbox.n)));
	return arena_dup(&p->f->mem, box);
}

/* It is told like the folders of an export. */
static void tell_place(struct pst_in *p, slice box)
{
	struct file_folder *x = ARENA_NEW(&p->f->mem, struct file_folder);
	if (p->use == PST_INBOX && !p->inbox_path.n)
		buf_put(&p->inbox_path, box);
	*x = (struct file_folder){
		.path = path_of(p, box), .use = use_of(p->use), .subscribed = true};
	map_put(&p->f->folders, box, x);
}

static int enter(struct pst_in *p, struct err *e)
{
	slice box = buf_slice(&p->box);
	if (p->entered)
		return 0;
	if (import_enter(p->f, box, box, e) < 0)
		return -1;
	p->entered = true;
	p->f->left += p->left;
	p->left = 0;
	return 0;
}

static int leave(struct pst_in *p, struct err *e)
{
	if (p->entered) {
		p->entered = false;
		p->f->left += p->left;
		p->left = 0;
		return import_leave(p->f, e);
	}
	if (p->left)
		import_tell_left(p->f, buf_slice(&p->box), p->left);
	p->left = 0;
	return 0;
}

static int take_folder(struct pst_in *p, struct cur *c, struct err *e)
{
	if (leave(p, e) < 0)
		return -1;
	p->use = (enum pst_use)cur_u8(c);
	bool is_mail = cur_u8(c);
	slice path = cur_str(c);
	if (!cur_ok(c) || !path.n || path.n > IMPORT_NAME_MAX || ++p->folders > PST_FOLDERS_MAX + 2)
		return err_set(e, ERR_PROTO, "the PST file's reader says what makes no sense");
	buf_reset(&p->box);
	utf8_scrub(&p->box, path);
	p->named = true;
	tell_place(p, buf_slice(&p->box));
	return is_mail ? enter(p, e) : 0;
}

/* ---- letters ---- */

/* Words of Outlook may have blanks. */
static slice keywords_of(struct pst_in *p, slice categories, unsigned flags)
{
	AUTO(buf) struct buf out = BUF(WIRE_FRAME_MAX);
	slice line;
	while (categories.n && slice_cut(&categories, '\n', &line)) {
		for (size_t i = 0; i < line.n; i++)
			buf_byte(&out, line.p[i] == ' ' ? '_' : line.p[i]);
		buf_byte(&out, ' ');
	}
	if (flags & PST_FORWARDED)
		buf_put(&out, S("$Forwarded"));
	return slice_trim(arena_dup(&p->mem, buf_slice(&out)));
}

static unsigned flags_of(unsigned v)
{
	unsigned r = 0;
	if (v & PST_READ)
		r |= MAILBOX_SEEN;
	if (v & PST_REPLIED)
		r |= MAILBOX_ANSWERED;
	if (v & PST_FLAGGED)
		r |= MAILBOX_FLAGGED;
	if (v & PST_DRAFT)
		r |= MAILBOX_DRAFT;
	return r;
}

/* A copy in the same folder is one more. */
static slice number_key(struct pst_in *p, slice key)
{
	size_t n = (size_t)(uintptr_t)map_get(&p->f->twins, key) + 1;
	map_put(&p->f->twins, key, (void *)(uintptr_t)n);
	return n > 1 ? arena_printf(&p->mem, "%.*s#%zu", SFMT(key), n) : key;
}

/* The bytes of one; 1: it cannot be read, and that is told. */
static int take_bytes(struct pst_in *p, struct err *e)
{
	enum wire_frame type;
	struct cur c;
	buf_reset(&p->f->raw);
	for (;;) {
		if (import_reader_next(&p->r, &type, &c, e) < 0)
			return -1;
		if (type == WIRE_END)
			return 0;
		if (type == WIRE_BYTES) {
			buf_put(&p->f->raw, cur_rest(&c));
			continue;
		}
		slice what = cur_str(&c), why = cur_str(&c);
		if (type != WIRE_BAD || !cur_ok(&c))
			return err_set(
				e, ERR_PROTO, "the PST file's reader says what makes no sense");
		return import_take_refused(p->f, what, arena_strz(&p->mem, why), e) < 0 ? -1 : 1;
	}
}

static int take_item(struct pst_in *p, struct cur *c, struct err *e)
{
	struct item m = {.noted = true};
	unsigned flags = cur_u32(c);
	m.received_at = (int64_t)cur_u64(c);
	slice key = arena_dup(&p->mem, cur_str(c));
	m.keywords = keywords_of(p, cur_str(c), flags);
	m.flags = flags_of(flags);
	if (!cur_ok(c) || !p->named || !key.n || key.n > PST_KEY_MAX || m.received_at < 0 ||
		m.received_at > WIRE_TIME_MAX)
		return err_set(e, ERR_PROTO, "the PST file's reader says what makes no sense");
	if (enter(p, e) < 0)
		return -1;
	m.key = number_key(p, key);
	int known = import_take_known(p->f, &m, e);
	if (known < 0 || import_reader_answer(&p->r, known ? WIRE_NO : WIRE_ALL, e) < 0)
		return -1;
	if (known)
		return 0;
	int r = take_bytes(p, e);
	if (r < 0)
		return -1;
	if (r == 0 && !buf_ok(&p->f->raw)) {
		p->f->bad--;
		return import_take_refused(p->f, m.key, "larger than the mailbox takes", e);
	}
	if (r > 0) { /* it was found, and counted, by its key */
		p->f->bad--;
		return 0;
	}
	return import_take(p->f, &m, buf_slice(&p->f->raw), S(""), e);
}

/* Damaged: the item, or a part of one that came. */
static int take_bad(struct pst_in *p, struct cur *c, struct err *e)
{
	slice what = cur_str(c), why = cur_str(c);
	if (!p->named || !cur_ok(c))
		return err_set(e, ERR_PROTO, "the PST file's reader says what makes no sense");
	if (enter(p, e) < 0)
		return -1;
	if (!slice_starts(why, S("imported")))
		return import_take_refused(p->f, what, arena_strz(&p->mem, why), e);
	p->f->partial++;
	return import_message_refused(p->f->i, slice_first(what, IMPORT_KEY_MAX), why, e);
}

static void take_left(struct pst_in *p, struct cur *c)
{
	unsigned kind = cur_u8(c);
	if (kind >= PST_KINDS)
		kind = PST_OTHER;
	p->f->seen.left[kind]++;
	p->left++;
}

static int take_end(struct pst_in *p, struct cur *c, struct err *e)
{
	slice lost = arena_dup(&p->mem, slice_first(cur_str(c), IMPORT_WHY_MAX));
	if (leave(p, e) < 0)
		return -1;
	return lost.n ? import_folder_refused(p->f->i, S("."), lost, e) : 0;
}

/* 1: there is more. */
static int take_frame(struct pst_in *p, struct err *e)
{
	enum wire_frame type;
	struct cur c;
	arena_reset(&p->mem);
	if (import_reader_next(&p->r, &type, &c, e) < 0)
		return -1;
	switch (type) {
	case WIRE_FOLDER:
		return take_folder(p, &c, e) < 0 ? -1 : 1;
	case WIRE_ITEM:
		return take_item(p, &c, e) < 0 ? -1 : 1;
	case WIRE_BAD:
		return take_bad(p, &c, e) < 0 ? -1 : 1;
	case WIRE_LEFT:
		take_left(p, &c);
		return 1;
	case WIRE_DONE:
		return take_end(p, &c, e);
	case WIRE_FAILED:
		return err_set(
			e, ERR_PROTO, "the PST file cannot be read: %.*s", SFMT(cur_str(&c)));
	default:
		return err_set(e, ERR_PROTO, "the PST file's reader says what makes no sense");
	}
}

int import_pst(struct import_files *f, int fd, struct err *e)
{
	struct pst_in p = {.f = f, .box = BUF(WIRE_FRAME_MAX), .inbox_path = BUF(WIRE_FRAME_MAX)};
	f->seen.pst = true;
	int r = import_reader_open(&p.r, f, IMPORT_PST_FILE, fd, e);
	if (r == 0)
		do
			r = take_frame(&p, e);
		while (r > 0);
	import_reader_close(&p.r);
	/* Of a damaged one what could be read stays. */
	struct err later;
	if (r < 0 && e->kind == ERR_PROTO && leave(&p, &later) < 0)
		*e = later;
	buf_done(&p.box);
	buf_done(&p.inbox_path);
	arena_done(&p.mem);
	return r;
}
