/*
 * Folders of a PST and what is in them (pst.h; MS-PST 2.4): from the root of what people see, folder by folder, items in the order of their numbers, in
 * which they came. The index of nodes says which item is in which folder; lists of contents, which Outlook keeps beside it, are not needed.
 */
#include "codec/pst_impl.h"

#include "base/utf8.h"
#include <stdio.h>

enum { NODE_STORE = 0x21, NODE_ROOT = 0x122, NODE_KIND = 31, KIND_FOLDER = 2, KIND_MESSAGE = 4 };
enum { DISPLAY_NAME = 0x3001, CONTAINER_CLASS = 0x3613 };

struct walk {
	struct pst *p;
	const struct pst_visitor *v;
	struct pst_report *report;
	uint32_t top, used[PST_OUTBOX + 1]; /* by use: the folder */
	size_t folders;
	bool stopped;
};

/* ---- folders that have a use ---- */

static bool is_kind(const struct pst_place *x, unsigned kind)
{
	return (x->node.nid & NODE_KIND) == kind;
}

enum { ENTRY_SIZE = 24 };

/* A folder's number out of an EntryID (2.4.3.2); those of other stores are longer. */
static uint32_t entry_number(slice s)
{
	return s.n == ENTRY_SIZE ? pst_32(s.p + 20) : 0;
}

static uint32_t entry_of(struct pst_props *o, unsigned id)
{
	AUTO(pst_raw) struct pst_raw r;
	return pst_get(o, id, 1024, &r) ? entry_number(r.s) : 0;
}

static bool open_node(struct pst *p, uint32_t nid, struct pst_props *o)
{
	struct pst_node n;
	return pst_find(p, nid, &n) && pst_props_open(p, &n, o);
}

/* Several EntryIDs; the fifth one is of the folder of junk (MS-OXOSFLD 2.2.4). */
static uint32_t junk_of(struct pst_props *o)
{
	enum { JUNK = 4 };
	AUTO(pst_raw) struct pst_raw r;
	if (!pst_get(o, 0x36d8, 64 * 1024, &r) || r.s.n < 4 + 4 * (JUNK + 1) ||
		pst_32(r.s.p) <= JUNK)
		return 0;
	return entry_number(slice_first(slice_skip(r.s, pst_32(r.s.p + 4 + 4 * JUNK)), ENTRY_SIZE));
}

static slice name_of(struct walk *w, uint32_t nid, struct arena *a)
{
	AUTO(pst_props) struct pst_props o = {0};
	return open_node(w->p, nid, &o) ? pst_text(&o, DISPLAY_NAME, a) : S("");
}

/* An .ost says it by names: Root - Mailbox/IPM_SUBTREE, beside what Outlook keeps for itself. */
static uint32_t top_by_name(struct walk *w)
{
	for (size_t i = 0; i < w->p->n; i++) {
		AUTO(arena) struct arena a = {0};
		const struct pst_node *n = &w->p->v[i].node;
		w->p->steps = 0;
		if (is_kind(&w->p->v[i], KIND_FOLDER) &&
			slice_eq(name_of(w, n->nid, &a), S("IPM_SUBTREE")) &&
			slice_eq(name_of(w, n->parent, &a), S("Root - Mailbox")))
			return n->nid;
	}
	return NODE_ROOT;
}

static void find_uses(struct walk *w)
{
	AUTO(pst_props) struct pst_props store = {0};
	AUTO(pst_props) struct pst_props root = {0};
	w->top = 0;
	if (open_node(w->p, NODE_STORE, &store)) {
		w->top = entry_of(&store, 0x35e0);
		w->used[PST_OUTBOX] = entry_of(&store, 0x35e2);
		w->used[PST_TRASH] = entry_of(&store, 0x35e3);
		w->used[PST_SENT] = entry_of(&store, 0x35e4);
	}
	if (!w->top)
		w->top = top_by_name(w);
	if (open_node(w->p, NODE_ROOT, &root)) {
		w->used[PST_DRAFTS] = entry_of(&root, 0x36d7);
		w->used[PST_JUNK] = junk_of(&root);
	}
}

static enum pst_use use_of(const struct walk *w, uint32_t nid, slice name, unsigned depth)
{
	static const struct {
		slice name;
		enum pst_use use;
	} names[] = {{S_INIT("Inbox"), PST_INBOX}, {S_INIT("收件箱"), PST_INBOX},
		{S_INIT("收件匣"), PST_INBOX}, {S_INIT("Posteingang"), PST_INBOX},
		{S_INIT("Boîte de réception"), PST_INBOX},
		{S_INIT("Bandeja de entrada"), PST_INBOX}, {S_INIT("受信トレイ"), PST_INBOX},
		{S_INIT("받은 편지함"), PST_INBOX}, {S_INIT("Входящие"), PST_INBOX},
		{S_INIT("Posta in arrivo"), PST_INBOX}, {S_INIT("Postvak IN"), PST_INBOX},
		{S_INIT("Caixa de entrada"), PST_INBOX}, {S_INIT("Sent Items"), PST_SENT},
		{S_INIT("已发送邮件"), PST_SENT}, {S_INIT("Deleted Items"), PST_TRASH},
		{S_INIT("已删除邮件"), PST_TRASH}, {S_INIT("Drafts"), PST_DRAFTS},
		{S_INIT("草稿"), PST_DRAFTS}, {S_INIT("Junk E-mail"), PST_JUNK},
		{S_INIT("Junk Email"), PST_JUNK}, {S_INIT("垃圾邮件"), PST_JUNK},
		{S_INIT("Outbox"), PST_OUTBOX}, {S_INIT("发件箱"), PST_OUTBOX}};
	for (int use = PST_INBOX; use <= PST_OUTBOX; use++)
		if (w->used[use] == nid)
			return (enum pst_use)use;
	for (size_t i = 0; depth <= 1 && i < sizeof names / sizeof *names; i++)
		if (slice_ieq(names[i].name, name) && !w->used[names[i].use])
			return names[i].use;
	return PST_ORDINARY;
}

/* ---- the index ---- */

/* The first node whose parent is not below this one. */
static size_t first_of(const struct pst *p, uint32_t parent)
{
	size_t low = 0, high = p->n;
	while (low < high) {
		size_t mid = (low + high) / 2;
		if (p->v[mid].node.parent < parent)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

/* What the first messages that tell it are in. */
static slice told_charset(struct pst *p)
{
	enum { LOOKED_AT = 200 };
	slice name = S("");
	for (size_t i = 0, n = 0; i < p->n && n < LOOKED_AT && !name.n; i++) {
		AUTO(pst_props) struct pst_props o = {0};
		p->steps = 0;
		if (!is_kind(&p->v[i], KIND_MESSAGE) || !pst_props_open(p, &p->v[i].node, &o))
			continue;
		n++;
		name = pst_charset(pst_number(&o, 0x3ffd, 0));
		if (slice_eq(name, S("us-ascii")))
			name = S("");
	}
	return name;
}

/* 8-bit names of folders say nothing of their charset: it is that of the messages, or guessed from all of them. */
static void find_charset(struct pst *p)
{
	AUTO(buf) struct buf all = BUF(CHARSET_LOOK_MAX);
	for (size_t i = 0; i < p->n && buf_ok(&all); i++) {
		AUTO(pst_props) struct pst_props o = {0};
		AUTO(pst_raw) struct pst_raw r = {0};
		p->steps = 0;
		if (is_kind(&p->v[i], KIND_FOLDER) && pst_props_open(p, &p->v[i].node, &o) &&
			pst_get(&o, DISPLAY_NAME, PST_NAME_MAX, &r) && r.type == PST_T_STRING8 &&
			!utf8_is_ascii(r.s)) {
			buf_put(&all, r.s);
			buf_byte(&all, '\n');
		}
	}
	if (!all.n)
		return;
	slice name = told_charset(p);
	if (!name.n || !charset_fits(name, buf_slice(&all)))
		name = charset_guess_names(buf_slice(&all));
	snprintf(p->charset, sizeof p->charset, "%.*s", SFMT(name));
}

/* ---- walking ---- */

static void one_item(struct walk *w, const struct pst_node *n)
{
	AUTO(arena) struct arena a = {0};
	AUTO(pst_props) struct pst_props o = {0};
	struct pst_item i;
	w->p->steps = 0;
	w->p->why[0] = 0;
	pst_item_of(w->p, n, &o, &a, &i);
	w->stopped = !w->v->item(w->v->arg, &i);
}

static void items_of(struct walk *w, uint32_t parent)
{
	struct pst *p = w->p;
	for (size_t i = first_of(p, parent);
		i < p->n && p->v[i].node.parent == parent && !w->stopped; i++) {
		if (!is_kind(&p->v[i], KIND_MESSAGE))
			continue;
		p->v[i].seen = true;
		one_item(w, &p->v[i].node);
	}
}

static size_t count_items(const struct pst *p, uint32_t parent)
{
	size_t n = 0;
	for (size_t i = first_of(p, parent); i < p->n && p->v[i].node.parent == parent; i++)
		n += is_kind(&p->v[i], KIND_MESSAGE);
	return n;
}

static slice level_name(slice name, uint32_t nid, struct arena *a)
{
	char *z = arena_strz(a, utf8_first(slice_trim(name), PST_NAME_MAX / 4));
	for (char *c = z; *c; c++)
		if (*c == '/')
			*c = '_';
	return *z ? slice_z(z) : arena_printf(a, "Folder %x", nid);
}

/* Tells of a folder; *ret: its path, which lives as long as *a. */
static void tell_folder(struct walk *w, const struct pst_node *n, slice above, unsigned depth,
	struct arena *a, slice *ret)
{
	AUTO(pst_props) struct pst_props o = {0};
	slice name = S(""), class = S("");
	w->p->steps = 0;
	if (pst_props_open(w->p, n, &o)) {
		snprintf(o.charset, sizeof o.charset, "%s", w->p->charset);
		name = pst_text(&o, DISPLAY_NAME, a);
		class = pst_text(&o, CONTAINER_CLASS, a);
	}
	slice level = level_name(name, n->nid, a);
	*ret = above.n ? arena_printf(a, "%.*s/%.*s", SFMT(above), SFMT(level)) : level;
	const struct pst_folder f = {.nid = n->nid,
		.path = *ret,
		.use = use_of(w, n->nid, level, depth),
		.is_mail = !class.n || slice_istarts(class, S("IPF.Note")) ||
			   slice_istarts(class, S("IPF.Imap")),
		.items = count_items(w->p, n->nid)};
	w->stopped = !w->v->folder(w->v->arg, &f);
}

static void folders_of(struct walk *w, uint32_t parent, slice above, unsigned depth);

static void one_folder(struct walk *w, const struct pst_node *n, slice above, unsigned depth)
{
	AUTO(arena) struct arena a = {0};
	slice path;
	if (w->folders++ >= PST_FOLDERS_MAX || depth > PST_DEPTH_MAX) {
		w->report->cut++;
		return;
	}
	tell_folder(w, n, above, depth, &a, &path);
	if (!w->stopped)
		items_of(w, n->nid);
	if (!w->stopped)
		folders_of(w, n->nid, path, depth + 1);
}

static void folders_of(struct walk *w, uint32_t parent, slice above, unsigned depth)
{
	struct pst *p = w->p;
	for (size_t i = first_of(p, parent);
		i < p->n && p->v[i].node.parent == parent && !w->stopped; i++) {
		if (!is_kind(&p->v[i], KIND_FOLDER) || p->v[i].seen || p->v[i].node.nid == parent)
			continue;
		p->v[i].seen = true;
		one_folder(w, &p->v[i].node, above, depth);
	}
}

/* ---- what hangs nowhere ---- */

static bool has_node(const struct pst *p, uint32_t nid)
{
	struct pst_node n;
	return pst_find((struct pst *)p, nid, &n);
}

/* Folders whose parent is gone keep their names; items come together. */
static void lost_folders(struct walk *w)
{
	struct pst *p = w->p;
	for (size_t i = 0; i < p->n && !w->stopped; i++) {
		struct pst_place *x = &p->v[i];
		p->steps = 0;
		if (x->seen || !is_kind(x, KIND_FOLDER) || x->node.nid == NODE_ROOT ||
			x->node.nid == w->top || has_node(p, x->node.parent))
			continue;
		x->seen = true;
		one_folder(w, &x->node, S("Recovered"), 1);
	}
}

static void lost_items(struct walk *w)
{
	struct pst *p = w->p;
	struct pst_folder f = {.nid = 0, .path = S("Recovered"), .is_mail = true};
	uint32_t parent = 0;
	bool gone = false, looked = false;
	for (size_t i = 0; i < p->n && !w->stopped; i++) {
		struct pst_place *x = &p->v[i];
		p->steps = 0;
		if (x->seen || !is_kind(x, KIND_MESSAGE))
			continue;
		if (!looked || x->node.parent != parent) {
			parent = x->node.parent;
			gone = !has_node(p, parent);
			looked = true;
		}
		if (!gone)
			continue;
		if (!w->report->lost++)
			w->stopped = !w->v->folder(w->v->arg, &f);
		if (!w->stopped)
			one_item(w, &x->node);
	}
}

/* In no folder but their root. */
static void items_on_top(struct walk *w)
{
	const struct pst_folder f = {.nid = w->top, .path = S("INBOX"), .is_mail = true};
	if (!count_items(w->p, w->top))
		return;
	w->stopped = !w->v->folder(w->v->arg, &f);
	items_of(w, w->top);
}

bool pst_walk(struct pst *p, const struct pst_visitor *v, struct pst_report *ret)
{
	struct walk w = {.p = p, .v = v, .report = ret};
	*ret = (struct pst_report){0};
	if (!pst_index(p))
		return false;
	ret->damaged_pages = p->damaged_pages;
	find_charset(p);
	p->keywords_tag = pst_find_keywords(p);
	find_uses(&w);
	items_on_top(&w);
	folders_of(&w, w.top, S(""), 1);
	if (!w.stopped)
		lost_folders(&w);
	if (!w.stopped)
		lost_items(&w);
	ret->stopped = w.stopped;
	return true;
}
