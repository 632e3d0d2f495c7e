/*
 * Who may do what to whose: every operation, by every kind of person, on a folder of another's and of a shared mailbox. What
 * RFC 4314 section 4 asks for is written down here once more, as letters; each right of an operation is taken away
 * alone, and has to be missed.
 */
#include "mail/box_testing.h"

static const slice letters = S_INIT("lrswipkxtea");

/* ---- operations: 0, or -1 with the error; on a folder by the name that the person sees ---- */

struct trial {
	struct bench *b;
	struct box_user *u;
	slice folder, below; /* it has message 1, with \Deleted, and 2; "below" is not there yet */
	struct arena *a;
};
typedef int (*trial_fn)(const struct trial *t, struct err *e);

static int do_list(const struct trial *t, struct err *e)
{
	struct box_folder f, *v;
	size_t n;
	int r = box_folder(t->u, t->folder, t->a, &f, e);
	if (box_folders(t->u, BOX_ALL, t->a, &v, &n, e) < 0)
		test_fail(__FILE__, __LINE__, "%s", e->text);
	bool shown = false;
	for (size_t i = 0; i < n; i++)
		shown |= v[i].f.id && slice_eq(v[i].name, t->folder);
	CHECK(shown == (r == 0));
	return r < 0 ? err_set(e, ERR_NOTFOUND, "not listed") : 0;
}

static int do_open(const struct trial *t, struct err *e)
{
	struct box_view *v;
	if (box_open(t->u, t->folder, true, &v, e) < 0)
		return -1;
	box_close(v);
	return 0;
}

static int do_fetch(const struct trial *t, struct err *e)
{
	struct box_view *v;
	struct mailbox_message *m;
	struct box_content *c;
	const struct box_query q = {.want = MAILBOX_WANT_EMAIL};
	size_t n;
	if (box_open(t->u, t->folder, true, &v, e) < 0)
		return -1;
	int r = box_rows(v, &q, t->a, &m, &n, e);
	if (r == 0)
		r = box_content_open(v, m, &c, e);
	if (r == 0)
		box_content_close(c);
	box_close(v);
	return r;
}

static int store_flags(const struct trial *t, unsigned flags, slice keywords, struct err *e)
{
	struct box_view *v;
	AUTO(uidset) struct uidset changed = {0};
	AUTO(uidset) struct uidset failed = {0};
	AUTO(uidset) struct uidset two = bench_set(2, 2);
	uint64_t modseq;
	const struct box_store s = {.uids = &two,
		.how = MAILBOX_FLAGS_ADD,
		.flags = flags,
		.keywords = keywords,
		.unchanged_since = UINT64_MAX};
	if (box_open(t->u, t->folder, false, &v, e) < 0)
		return -1;
	int r = box_store(v, &s, &changed, &failed, &modseq, e);
	CHECK(r < 0 || changed.count == 1);
	box_close(v);
	return r;
}

static int do_seen(const struct trial *t, struct err *e)
{
	return store_flags(t, MAILBOX_SEEN, S(""), e);
}

static int do_flagged(const struct trial *t, struct err *e)
{
	return store_flags(t, MAILBOX_FLAGGED, S(""), e);
}

static int do_keyword(const struct trial *t, struct err *e)
{
	return store_flags(t, 0, S("word"), e);
}

static int do_deleted(const struct trial *t, struct err *e)
{
	return store_flags(t, MAILBOX_DELETED, S(""), e);
}

static int expunge(const struct trial *t, bool force, struct err *e)
{
	struct box_view *v;
	AUTO(uidset) struct uidset gone = {0};
	uint64_t modseq;
	if (box_open(t->u, t->folder, false, &v, e) < 0)
		return -1;
	int r = box_expunge(v, NULL, force, &gone, &modseq, e);
	CHECK(r < 0 || gone.count == (force ? 2 : 1));
	box_close(v);
	return r;
}

static int do_expunge(const struct trial *t, struct err *e)
{
	return expunge(t, false, e);
}

static int do_expunge_any(const struct trial *t, struct err *e)
{
	return expunge(t, true, e);
}

static int copy(const struct trial *t, slice from, slice to, bool move, struct err *e)
{
	struct box_view *v;
	struct box_copied c = {0};
	if (box_open(t->u, from, false, &v, e) < 0)
		return -1;
	int r = box_copy(v, NULL, to, move, &c, e);
	CHECK(r < 0 || c.to.count > 0);
	box_close(v);
	uidset_done(&c.from);
	uidset_done(&c.to);
	return r;
}

static int do_copy_from(const struct trial *t, struct err *e)
{
	return copy(t, t->folder, S("Archive"), false, e);
}

static int do_move_from(const struct trial *t, struct err *e)
{
	return copy(t, t->folder, S("Archive"), true, e);
}

static int do_copy_to(const struct trial *t, struct err *e)
{
	return copy(t, S("INBOX"), t->folder, false, e);
}

static int append(const struct trial *t, struct box_view *view, struct err *e)
{
	struct box_append *p;
	AUTO(uidset) struct uidset uids = {0};
	uint32_t validity;
	if (box_append_begin(t->u, t->folder, &p, e) < 0)
		return -1;
	int r = box_append_start(p, &(struct box_append_options){.flags = 0}, e);
	if (r == 0)
		r = box_append_bytes(p, S(LETTER), e);
	if (r == 0)
		r = box_append_end(p, e);
	if (r == 0)
		r = box_append_commit(p, view, 1, &validity, &uids, e);
	box_append_cancel(p);
	return r;
}

static int do_append(const struct trial *t, struct err *e)
{
	return append(t, NULL, e);
}

static int do_replace(const struct trial *t, struct err *e)
{
	struct box_view *v;
	if (box_open(t->u, t->folder, false, &v, e) < 0)
		return -1;
	int r = append(t, v, e);
	box_close(v);
	return r;
}

static int do_create(const struct trial *t, struct err *e)
{
	return box_folder_make(t->u, t->below, MAILBOX_USE_NONE, e);
}

static int do_remove(const struct trial *t, struct err *e)
{
	return box_folder_remove(t->u, t->folder, e);
}

static int do_rename(const struct trial *t, struct err *e)
{
	slice to = arena_printf(t->a, "%.*s-renamed", SFMT(t->folder));
	return box_folder_rename(t->u, t->folder, to, e);
}

static int do_use(const struct trial *t, struct err *e)
{
	return box_folder_use(t->u, t->folder, MAILBOX_USE_ARCHIVE, e);
}

static int do_grant(const struct trial *t, struct err *e)
{
	return box_grant(t->u, t->folder, S("cat@one.test"), RIGHT_LOOKUP, e);
}

static int do_grants(const struct trial *t, struct err *e)
{
	struct mailbox_grant *v;
	size_t n;
	return box_grants(t->u, t->folder, t->a, &v, &n, e);
}

static int do_meta_read(const struct trial *t, struct err *e)
{
	struct mailbox_metadata *v;
	size_t n;
	return box_metadata(t->u, t->folder, t->a, &v, &n, e);
}

static int do_meta_private(const struct trial *t, struct err *e)
{
	const struct mailbox_metadata m = {S("/private/comment"), S("x")};
	return box_metadata_set(t->u, t->folder, &m, 1, e);
}

static int do_meta_shared(const struct trial *t, struct err *e)
{
	const struct mailbox_metadata m = {S("/shared/comment"), S("x")};
	return box_metadata_set(t->u, t->folder, &m, 1, e);
}

static int do_usage(const struct trial *t, struct err *e)
{
	struct box_usage usage;
	return box_usage(t->u, t->folder, &usage, e);
}

static const struct {
	const char *name;
	trial_fn fn;
	const char *needs; /* on the folder */
	const char *above; /* on the one above it */
} operations[] = {
	{"list", do_list, "l", ""},
	{"open", do_open, "lr", ""},
	{"fetch", do_fetch, "lr", ""},
	{"store seen", do_seen, "lrs", ""},
	{"store flagged", do_flagged, "lrw", ""},
	{"store keyword", do_keyword, "lrw", ""},
	{"store deleted", do_deleted, "lrt", ""},
	{"expunge", do_expunge, "lre", ""},
	{"expunge any", do_expunge_any, "lrte", ""},
	{"copy from", do_copy_from, "lr", ""},
	{"move from", do_move_from, "lrte", ""},
	{"copy to", do_copy_to, "li", ""},
	{"append", do_append, "li", ""},
	{"replace", do_replace, "lrite", ""},
	{"create below", do_create, "lk", ""},
	{"delete", do_remove, "lx", ""},
	{"rename", do_rename, "lx", "lk"},
	{"use", do_use, "la", ""},
	{"grant", do_grant, "la", ""},
	{"grants", do_grants, "la", ""},
	{"metadata", do_meta_read, "lr", ""},
	{"metadata private", do_meta_private, "lr", ""},
	{"metadata shared", do_meta_shared, "lw", ""},
	{"quota", do_usage, "lr", ""},
};
enum { OPERATIONS = sizeof operations / sizeof operations[0] };

static unsigned rights_of(const char *s)
{
	unsigned r = 0;
	CHECK(box_rights_parse(slice_z(s), &r));
	return r;
}

/* What must come of it. */
static enum err_kind expected(size_t op, unsigned rights, unsigned above)
{
	unsigned needs = rights_of(operations[op].needs), up = rights_of(operations[op].above);
	if (!(rights & RIGHT_LOOKUP))
		return ERR_NOTFOUND;
	if ((rights & needs) != needs)
		return ERR_DENIED;
	if (up && !(above & RIGHT_LOOKUP))
		return ERR_NOTFOUND;
	return (above & up) == up ? ERR_NONE : ERR_DENIED;
}

/* A new folder "Top/N" of `owner`, as another person sees it below `prefix`. */
struct place {
	struct box_user *owner;
	const char *own_prefix, *prefix;
	slice own_name, name;
	unsigned number;
};

/* Both messages in one command. */
static void fill(struct box_user *u, slice folder)
{
	struct err e;
	struct box_append *p;
	AUTO(uidset) struct uidset uids = {0};
	uint32_t validity;
	OK(box_append_begin(u, folder, &p, &e));
	for (unsigned i = 0; i < 2; i++) {
		OK(box_append_start(
			p, &(struct box_append_options){.flags = i ? 0 : MAILBOX_DELETED}, &e));
		OK(box_append_bytes(p, S(LETTER), &e));
		OK(box_append_end(p, &e));
	}
	OK(box_append_commit(p, NULL, 0, &validity, &uids, &e));
	box_append_cancel(p);
}

static void fresh(struct place *p, struct arena *a)
{
	struct err e;
	p->number++;
	p->own_name = arena_printf(a, "%sTop/%u", p->own_prefix, p->number);
	p->name = arena_printf(a, "%sTop/%u", p->prefix, p->number);
	OK(box_folder_make(p->owner, p->own_name, MAILBOX_USE_NONE, &e));
	fill(p->owner, p->own_name);
}

static void try(struct bench *b, struct box_user *u, const struct place *p, size_t op,
	enum err_kind want, slice who)
{
	AUTO(arena) struct arena a = {0};
	struct err e = {.kind = ERR_NONE};
	struct trial t = {.b = b, .u = u, .folder = p->name, .a = &a};
	t.below = arena_printf(&a, "%.*s/below", SFMT(p->name));
	int r = operations[op].fn(&t, &e);
	enum err_kind got = r < 0 ? e.kind : ERR_NONE;
	if (got != want)
		test_fail(__FILE__, __LINE__, "%.*s, %s: %s (%s), not %s", SFMT(who),
			operations[op].name, err_kind_name(got), r < 0 ? e.text : "",
			err_kind_name(want));
}

/* ---- each right of each operation ---- */

static void each_right(struct bench *b)
{
	struct place p = {.owner = b->ann, .own_prefix = "", .prefix = "Other Users/ann@one.test/"};
	AUTO(arena) struct arena a = {0};
	struct err e;
	bench_letter(b->eve, "INBOX");
	OK(box_folder_make(b->ann, S("Top"), MAILBOX_USE_NONE, &e));
	for (size_t op = 0; op < OPERATIONS; op++)
		for (size_t i = 0; i <= letters.n; i++) {
			unsigned up = rights_of(operations[op].above),
				 needs = rights_of(operations[op].needs);
			/* All but this one, or (the last) exactly those it needs. */
			unsigned rights = i < letters.n ? RIGHT_ALL & ~(1u << i) : needs;
			if (i < letters.n && !(needs & 1u << i) &&
				op % 5) /* few of those that must not matter */
				continue;
			fresh(&p, &a);
			OK(box_grant(b->ann, S("Top"), S("eve@one.test"), up, &e));
			OK(box_grant(b->ann, p.own_name, S("eve@one.test"), rights, &e));
			slice who = arena_printf(
				&a, "eve with %.*s", SFMT(box_rights_print(rights, &a)));
			try(b, b->eve, &p, op, expected(op, rights, up), who);
			if (!up)
				continue;
			fresh(&p, &a); /* and without one of those above */
			OK(box_grant(b->ann, S("Top"), S("eve@one.test"),
				up & ~(unsigned)RIGHT_CREATE, &e));
			OK(box_grant(b->ann, p.own_name, S("eve@one.test"), RIGHT_ALL, &e));
			try(b, b->eve, &p, op, ERR_DENIED, who);
		}
}

TEST(box_rights_each_is_needed)
{
	in_bench(each_right);
}

/* ---- each kind of person ---- */

static void each_operation(struct bench *b, struct box_user *u, struct place *p, unsigned rights,
	unsigned above, const char *who)
{
	AUTO(arena) struct arena a = {0};
	bool used = true; /* what was refused has changed nothing */
	for (size_t op = 0; op < OPERATIONS; op++) {
		enum err_kind want = expected(op, rights, above);
		if (used)
			fresh(p, &a);
		try(b, u, p, op, want, slice_z(who));
		used = want == ERR_NONE;
	}
}

static void each_person(struct bench *b)
{
	struct err e;
	struct place p = {.owner = b->ann, .own_prefix = "", .prefix = "Other Users/ann@one.test/"};
	struct place own = {.owner = b->ann, .own_prefix = "", .prefix = "", .number = 1000};
	struct place shared = {.owner = b->ann,
		.own_prefix = "Shared/sales@one.test/",
		.prefix = "Shared/sales@one.test/",
		.number = 2000};
	struct box_user *zoe = bench_user(b, S("zoe@far.test"));
	bench_letter(b->ann, "INBOX");
	bench_letter(b->bob, "INBOX");
	bench_letter(b->cat, "INBOX");
	bench_letter(b->eve, "INBOX");
	bench_letter(zoe, "INBOX");
	OK(box_folder_make(b->ann, S("Top"), MAILBOX_USE_NONE, &e));
	OK(box_folder_make(b->ann, S("Shared/sales@one.test/Top"), MAILBOX_USE_NONE, &e));

	/* Folders inherit from Top what it grants. */
	const unsigned group = rights_of("lrsi"), any = rights_of("lr");
	each_operation(b, b->ann, &own, RIGHT_ALL, RIGHT_ALL, "the owner");
	each_operation(b, b->bob, &p, 0, 0, "a stranger");
	each_operation(b, zoe, &p, 0, 0, "somebody of another organisation");
	OK(box_grant(b->ann, S("Top"), S("team@one.test"), group, &e));
	each_operation(b, b->cat, &p, group, group, "a member of a group");
	each_operation(b, b->bob, &p, 0, 0, "no member of the group");
	OK(box_grant(b->ann, S("Top"), S("anyone"), any, &e));
	each_operation(b, b->bob, &p, any, any, "anyone");
	each_operation(b, zoe, &p, 0, 0, "anyone of another organisation");
	OK(box_grant(b->ann, S("Top"), S("-bob@one.test"), RIGHT_ALL, &e));
	each_operation(b, b->bob, &p, 0, 0, "anyone but bob");
	OK(box_grant(b->ann, S("Top"), S("-team@one.test"), rights_of("r"), &e));
	each_operation(b, b->cat, &p, group & ~(unsigned)RIGHT_READ, group & ~(unsigned)RIGHT_READ,
		"a member of a group that may not read");
	each_operation(b, b->ann, &shared, RIGHT_ALL, RIGHT_ALL, "who manages a shared mailbox");
	each_operation(b, b->bob, &shared, rights_of("lrs"), rights_of("lrs"),
		"who reads a shared mailbox");
	each_operation(b, b->cat, &shared, 0, 0, "no member of a shared mailbox");
	OK(box_grant(
		b->ann, S("Shared/sales@one.test/Top"), S("cat@one.test"), rights_of("li"), &e));
	each_operation(b, b->cat, &shared, rights_of("li"), rights_of("li"),
		"a guest in a shared mailbox");
	box_user_close(zoe);
}

TEST(box_rights_by_person)
{
	in_bench(each_person);
}

/* ---- what is hidden is not named ---- */

static void hidden(struct bench *b)
{
	struct err e, f;
	AUTO(arena) struct arena a = {0};
	struct box_folder folder;
	struct box_copied c = {0};
	const slice secret = S("Other Users/ann@one.test/Secret"),
		    none = S("Other Users/ann@one.test/Other");
	const slice nobody = S("Other Users/none@one.test/Secret");
	OK(box_folder_make(b->ann, S("Secret"), MAILBOX_USE_NONE, &e));
	OK(box_folder_make(b->ann, S("Secret/Open"), MAILBOX_USE_NONE, &e));
	OK(box_grant(b->ann, S("Secret/Open"), S("bob@one.test"), RIGHT_LOOKUP | RIGHT_CREATE, &e));
	bench_letter(b->bob, "INBOX");
	struct box_view *v = bench_view(b->bob, "INBOX");
	const slice names[] = {secret, none, nobody};
	for (size_t i = 0; i < 3; i++) {
		FAILS(box_folder(b->bob, names[i], &a, &folder, &e), ERR_NOTFOUND);
		FAILS(box_copy(v, NULL, names[i], false, &c, &e), ERR_NOTFOUND);
		FAILS(box_folder_remove(b->bob, names[i], &e), ERR_NOTFOUND);
		FAILS(box_folder_rename(b->bob, names[i], S("Mine"), &e), ERR_NOTFOUND);
		FAILS(box_folder_make(b->bob, names[i], MAILBOX_USE_NONE, &e), ERR_NOTFOUND);
		FAILS(box_grant(b->bob, names[i], S("bob@one.test"), RIGHT_ALL, &e), ERR_NOTFOUND);
	}
	/* The same words, but for the name that was given. */
	FAILS(box_folder_make(b->bob, secret, MAILBOX_USE_NONE, &e), ERR_NOTFOUND);
	FAILS(box_folder_make(b->bob, none, MAILBOX_USE_NONE, &f), ERR_NOTFOUND);
	CHECK_STR(slice_first(slice_z(e.text), 40), slice_first(slice_z(f.text), 40));
	/* The level above what may be seen has no more than its name. */
	struct box_folder *l;
	size_t n;
	OK(box_folders(b->bob, BOX_OTHERS_TOO, &a, &l, &n, &e));
	CHECK_INT(n, 4);
	CHECK_STR(l[2].name, secret);
	CHECK_INT(l[2].f.id, 0);
	OK(box_folder_make(
		b->bob, S("Other Users/ann@one.test/Secret/Open/New"), MAILBOX_USE_NONE, &e));
	FAILS(box_folder_make(
		      b->bob, S("Other Users/ann@one.test/Secret/New"), MAILBOX_USE_NONE, &e),
		ERR_NOTFOUND);
	box_close(v);
}

TEST(box_rights_what_is_hidden_is_not_there)
{
	in_bench(hidden);
}

/* ---- rights that are taken away while a folder is open ---- */

static void taken(struct bench *b)
{
	struct err e;
	AUTO(arena) struct arena a = {0};
	struct box_news n;
	struct box_view *v;
	OK(box_folder_make(b->ann, S("Top"), MAILBOX_USE_NONE, &e));
	bench_letter(b->ann, "Top");
	OK(box_grant(b->ann, S("Top"), S("eve@one.test"), rights_of("lrw"), &e));
	OK(box_open(b->eve, S("Other Users/ann@one.test/Top"), false, &v, &e));
	OK(box_grant(b->ann, S("Top"), S("eve@one.test"), rights_of("lr"), &e));
	OK(box_sync(v, true, &a, &n, &e));
	CHECK(!n.folder_gone);
	CHECK_INT(v->folder.rights, rights_of("lr"));
	OK(box_grant(b->ann, S("Top"), S("eve@one.test"), 0, &e));
	OK(box_sync(v, true, &a, &n, &e));
	CHECK(n.folder_gone);
	struct mailbox_message *m;
	size_t count;
	FAILS(box_rows(v, &(struct box_query){.want = 0}, &a, &m, &count, &e), ERR_NOTFOUND);
	box_close(v);
}

TEST(box_rights_taken_away_count_at_once)
{
	in_bench(taken);
}

TEST(box_rights_as_letters)
{
	AUTO(arena) struct arena a = {0};
	unsigned r;
	CHECK_STR(box_rights_print(RIGHT_ALL, &a), S("lrswipkxtea"));
	CHECK(box_rights_parse(S("lrswipkxtea"), &r) && r == RIGHT_ALL);
	CHECK(box_rights_parse(S("lrc"), &r) &&
		r == (RIGHT_LOOKUP | RIGHT_READ | RIGHT_CREATE | RIGHT_DELETE_FOLDER));
	CHECK(box_rights_parse(S("d"), &r) &&
		r == (RIGHT_DELETE | RIGHT_EXPUNGE | RIGHT_DELETE_FOLDER));
	CHECK(box_rights_parse(S(""), &r) && r == 0);
	CHECK(!box_rights_parse(S("lq"), &r));
	CHECK(!box_rights_parse(S("L"), &r));
}
