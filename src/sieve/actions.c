/*
 * What becomes of the letter: keep, discard, fileinto, redirect (RFC 5228 section 4), with :copy (RFC 3894), :flags (RFC 5232),
 * :create (RFC 5490), :mailboxid (RFC 9042), :specialuse (RFC 8579), :list (RFC 6134). Here the list of actions grows: what is said
 * twice is done once, what conflicts ends the script (2.10), and no script can ask for more than the limits allow.
 */
#include "base/utf8.h"
#include "codec/address.h"
#include "codec/words.h"
#include "sieve/addr.h"
#include "sieve/impl.h"

/* ---- the list ---- */

static bool counts(enum sieve_action_kind k)
{
	return k != SIEVE_REMEMBER && k != SIEVE_DISCARD && k != SIEVE_REPORT;
}

static bool too_many(struct run *r, unsigned *n, unsigned most, slice en, slice zh)
{
	if ((*n)++ < most)
		return false;
	sieve_run_fail(r,
		arena_printf(r->a, "%.*s exceeds policy limit: more than %u", SFMT(en), most),
		arena_printf(r->a, "%.*s超过上限 %u", SFMT(zh), most));
	return true;
}

struct sieve_action *sieve_run_act(struct run *r, enum sieve_action_kind kind)
{
	if (counts(kind) && too_many(r, &r->nactions, r->lim.actions, S("total number of actions"),
				    S("动作总数")))
		return NULL;
	if (kind == SIEVE_REDIRECT && too_many(r, &r->nredirects, r->lim.redirects,
					      S("number of redirect actions"), S("转发动作数")))
		return NULL;
	if (kind == SIEVE_NOTIFY && r->lim.notices == 0) {
		sieve_run_fail(r, S("local policy prohibits the use of a notify action"),
			S("策略禁止使用 notify 动作"));
		return NULL;
	}
	if (kind == SIEVE_NOTIFY && too_many(r, &r->nnotices, r->lim.notices,
					    S("number of notify actions"), S("通知动作数")))
		return NULL;
	if (!sieve_run_memory(r, sizeof(struct action_made)))
		return NULL;
	struct action_made *m = ARENA_NEW(r->a, struct action_made);
	m->script = r->script;
	m->a = (struct sieve_action){.kind = kind, .edits = r->nedits, .line = r->at.line};
	m->a.script = r->frame ? r->frame->script->name : (slice){0};
	if (r->last)
		r->last->next = m;
	else
		r->first = m;
	r->last = m;
	return &m->a;
}

/* ---- flags ---- */

static bool has_flag(slice flags, slice one)
{
	slice f;
	while (slice_cut(&flags, ' ', &f))
		if (f.n && slice_ieq(f, one))
			return true;
	return false;
}

static slice both_flags(struct run *r, slice a, slice b)
{
	slice f, all = a;
	while (slice_cut(&b, ' ', &f))
		if (f.n && !has_flag(all, f)) {
			sieve_run_memory(r, all.n + f.n + 1);
			all = all.n ? arena_printf(r->a, "%.*s %.*s", SFMT(all), SFMT(f)) : f;
		}
	return all;
}

/* ---- storing ---- */

static slice home(const struct run *r)
{
	return r->in->home.n ? r->in->home : S("INBOX");
}

static bool same_folder(slice a, slice b)
{
	return slice_eq(a, b) || (slice_ieq(a, S("INBOX")) && slice_ieq(b, S("INBOX")));
}

static bool is_home(const struct run *r, const struct sieve_action *a)
{
	return a->kind == SIEVE_KEEP ||
	       (a->kind == SIEVE_FILEINTO && !a->folder_id.n && !a->folder_use.n &&
		       same_folder(a->folder, home(r)));
}

static bool same_target(
	const struct run *r, const struct sieve_action *a, const struct sieve_action *b)
{
	if (is_home(r, a) || is_home(r, b))
		return is_home(r, a) && is_home(r, b);
	return a->kind == b->kind && same_folder(a->folder, b->folder) &&
	       slice_eq(a->folder_id, b->folder_id) && slice_ieq(a->folder_use, b->folder_use);
}

static bool conflicts(struct run *r)
{
	if (!r->rejected)
		return false;
	sieve_run_fail(r,
		S("a letter that is rejected cannot be kept, filed, redirected or answered, too"),
		S("拒收的邮件不能同时保留、归档、转发或自动回复"));
	return true;
}

bool sieve_run_store(struct run *r, const struct sieve_action *like)
{
	if (conflicts(r))
		return false;
	for (struct action_made *m = r->first; m; m = m->next) {
		if ((m->a.kind != SIEVE_KEEP && m->a.kind != SIEVE_FILEINTO) ||
			!same_target(r, &m->a, like))
			continue;
		slice flags = both_flags(r, m->a.flags, like->flags);
		if (like->kind == SIEVE_KEEP)
			m->a.kind = SIEVE_KEEP;
		m->a.flags = flags;
		m->a.create = m->a.create || like->create;
		return run_on(r);
	}
	struct sieve_action *a = sieve_run_act(r, like->kind);
	if (!a)
		return false;
	struct sieve_action said = *a;
	*a = *like;
	a->edits = said.edits;
	a->script = said.script;
	a->line = said.line;
	return true;
}

static void run_keep_action(struct run *r, const struct node *n)
{
	struct sieve_action a = {.kind = SIEVE_KEEP, .flags = sieve_run_flags(r, n)};
	if (sieve_run_store(r, &a))
		r->implicit_keep = false;
}

static void run_discard(struct run *r, const struct node *n)
{
	(void)n;
	r->implicit_keep = false;
	sieve_run_act(r, SIEVE_DISCARD);
}

/* ---- fileinto ---- */

bool sieve_folder_name(slice name)
{
	if (name.n == 0 || name.n > SIEVE_FOLDER_MAX || !utf8_valid(name))
		return false;
	for (size_t i = 0; i < name.n; i++)
		if ((unsigned char)name.p[i] < ' ' || name.p[i] == 0x7f)
			return false;
	return true;
}

const struct sieve_folder *sieve_run_folder(struct run *r, slice name)
{
	sieve_run_look(r, r->in->nfolders * 16);
	for (size_t i = 0; i < r->in->nfolders; i++)
		if (same_folder(r->in->folders[i].name, name))
			return &r->in->folders[i];
	return NULL;
}

static bool check_fileinto(struct check *c, struct node *n)
{
	const struct text *t = &n->pos[0]->v[0];
	if (!sieve_check_use(c, sieve_node_tag(n, TAG_SPECIALUSE, NULL)))
		return false;
	if (t->n || sieve_folder_name(t->plain))
		return true;
	sieve_mistake(c, n->pos[0]->at,
		SAY(c, "invalid folder name '%.*s'",
			SFMT(utf8_valid(t->plain) ? t->plain : S("(not UTF-8)"))),
		SAY(c, "无效的文件夹名“%.*s”",
			SFMT(utf8_valid(t->plain) ? t->plain : S("（不是 UTF-8）"))));
	return false;
}

static void run_fileinto(struct run *r, const struct node *n)
{
	struct sieve_action a = {.kind = SIEVE_FILEINTO, .folder = sieve_run_string(r, n->pos[0])};
	if (!run_on(r))
		return;
	if (!sieve_folder_name(a.folder)) {
		sieve_run_fail(
			r, S("fileinto: invalid folder name"), S("fileinto：无效的文件夹名"));
		return;
	}
	a.flags = sieve_run_flags(r, n);
	a.create = node_has(n, TAG_CREATE);
	a.folder_id = sieve_run_string(r, sieve_node_tag(n, TAG_MAILBOXID, NULL));
	a.folder_use = sieve_run_string(r, sieve_node_tag(n, TAG_SPECIALUSE, NULL));
	a.copy = node_has(n, TAG_COPY);
	if (sieve_run_store(r, &a) && !a.copy)
		r->implicit_keep = false;
}

/* ---- redirect ---- */

bool sieve_mailbox(slice s, struct arena *a, slice *ret_address, slice *ret_full)
{
	struct addr *v;
	struct address checked;
	if (sieve_addr_list(s, a, &v) != 1 || !v[0].valid || slice_index(s, ';') < s.n ||
		slice_index(s, ',') + 1 == s.n)
		return false;
	if (memchr(s.p, '\r', s.n) || memchr(s.p, '\n', s.n) || memchr(s.p, 0, s.n) ||
		!utf8_valid(s))
		return false;
	slice address = sieve_addr_join(&v[0], a);
	slice strict = address_join(v[0].local, v[0].domain, a);
	if (address_parse(strict, true, &checked) != ADDRESS_FINE)
		return false;
	*ret_address = strict;
	if (!ret_full)
		return true;
	AUTO(buf) struct buf full = BUF(4000);
	if (v[0].phrase.n) {
		slice phrase = header_text(v[0].phrase, a);
		if (phrase.n > 1 && phrase.p[0] == '"' && slice_ends(phrase, S("\"")))
			phrase = slice_skip(slice_first(phrase, phrase.n - 1), 1);
		words_encode_phrase(&full, phrase, 8);
		buf_printf(&full, " <%.*s>", SFMT(strict));
	}
	*ret_full = v[0].phrase.n && buf_ok(&full) ? arena_dup(a, buf_slice(&full)) : address;
	return true;
}

static bool check_redirect(struct check *c, struct node *n)
{
	slice address;
	const struct text *t = &n->pos[0]->v[0];
	if (t->n || node_has(n, TAG_LIST) || sieve_mailbox(t->plain, c->a, &address, NULL))
		return true;
	sieve_mistake(c, n->pos[0]->at,
		SAY(c, "redirect: '%.*s' is no mail address", SFMT(t->plain)),
		SAY(c, "redirect：“%.*s”不是邮件地址", SFMT(t->plain)));
	return false;
}

bool sieve_run_redirect(struct run *r, const struct sieve_action *like)
{
	if (conflicts(r))
		return false;
	for (struct action_made *m = r->first; m; m = m->next)
		if (m->a.kind == SIEVE_REDIRECT && slice_ieq(m->a.address, like->address) &&
			m->a.list == like->list)
			return true;
	struct sieve_action *a = sieve_run_act(r, SIEVE_REDIRECT);
	if (!a)
		return false;
	a->address = like->address;
	a->copy = like->copy;
	a->list = like->list;
	return true;
}

static void run_redirect_action(struct run *r, const struct node *n)
{
	struct sieve_action a = {.copy = node_has(n, TAG_COPY), .list = node_has(n, TAG_LIST)};
	slice said = sieve_run_string(r, n->pos[0]);
	if (!sieve_run_look(r, said.n * 8) || !sieve_run_memory(r, said.n * 4))
		return;
	a.address = said;
	if (!a.list && !sieve_mailbox(said, r->a, &a.address, NULL)) {
		sieve_run_fail(
			r, S("redirect: this is no mail address"), S("redirect：不是邮件地址"));
		return;
	}
	if (sieve_run_redirect(r, &a) && !a.copy)
		r->implicit_keep = false;
}

static const struct tag keep_tags[] = {
	{S_INIT("flags"), TAG_FLAGS, EXT_IMAP4FLAGS, 'S', 0},
	{{0}, 0, 0, 0, 0},
};
static const struct tag fileinto_tags[] = {
	{S_INIT("copy"), TAG_COPY, EXT_COPY, 0, 0},
	{S_INIT("flags"), TAG_FLAGS, EXT_IMAP4FLAGS, 'S', 0},
	{S_INIT("create"), TAG_CREATE, EXT_MAILBOX, 0, 0},
	{S_INIT("mailboxid"), TAG_MAILBOXID, EXT_MAILBOXID, 's', 1},
	{S_INIT("specialuse"), TAG_SPECIALUSE, EXT_SPECIALUSE, 's', 1},
	{{0}, 0, 0, 0, 0},
};
static const struct tag redirect_tags[] = {
	{S_INIT("copy"), TAG_COPY, EXT_COPY, 0, 0},
	{S_INIT("list"), TAG_LIST, EXT_EXTLISTS, 0, 0},
	{{0}, 0, 0, 0, 0},
};

const struct word sieve_words_actions[] = {
	{.name = S_INIT("keep"), .tags = keep_tags, .run = run_keep_action},
	{.name = S_INIT("discard"), .run = run_discard},
	{.name = S_INIT("fileinto"),
		.ext = EXT_FILEINTO,
		.params = {{'s', false, "folder", "文件夹"}},
		.tags = fileinto_tags,
		.check = check_fileinto,
		.run = run_fileinto},
	{.name = S_INIT("redirect"),
		.params = {{'s', false, "address", "地址"}},
		.tags = redirect_tags,
		.check = check_redirect,
		.run = run_redirect_action},
	{.name = {0}},
};
