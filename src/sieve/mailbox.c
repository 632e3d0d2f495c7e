/*
 * Folders that scripts ask for: mailbox, mboxmetadata, servermetadata (RFC 5490), mailboxid (RFC 9042), special-use (RFC 8579). What
 * exists is told with the letter; annotations are asked for. The tags of fileinto are in actions.c.
 */
#include "base/utf8.h"
#include "sieve/impl.h"

/* Names that cannot be never exist; that is worth a warning. */
static void warn_folders(struct check *c, const struct arg *a)
{
	for (size_t i = 0; a && i < a->n; i++)
		if (!a->v[i].n && !sieve_folder_name(a->v[i].plain))
			sieve_warning(c, a->at, S("no folder can have this name"),
				S("文件夹不可能使用该名称"));
}

static bool check_mailboxexists(struct check *c, struct node *n)
{
	warn_folders(c, n->pos[0]);
	return true;
}

static bool holds_mailboxexists(struct run *r, const struct node *n)
{
	size_t count;
	slice *v = sieve_run_strings(r, n->pos[0], &count);
	for (size_t i = 0; i < count; i++) {
		const struct sieve_folder *f = sieve_run_folder(r, v[i]);
		if (!f || !f->may_insert)
			return false;
	}
	return true;
}

static bool holds_mailboxidexists(struct run *r, const struct node *n)
{
	size_t count;
	slice *v = sieve_run_strings(r, n->pos[0], &count);
	for (size_t i = 0; i < count; i++) {
		bool found = false;
		sieve_run_look(r, r->in->nfolders * 16);
		for (size_t k = 0; k < r->in->nfolders && !found; k++)
			found = slice_eq(r->in->folders[k].id, v[i]) &&
				r->in->folders[k].may_insert;
		if (!found)
			return false;
	}
	return true;
}

/* ---- special-use ---- */

static bool is_use(slice s)
{
	for (size_t i = 1; i < s.n; i++)
		if ((unsigned char)s.p[i] <= ' ' || (unsigned char)s.p[i] >= 0x7f ||
			strchr("(){%*\"\\]", s.p[i]))
			return false;
	return s.n > 1 && s.n < 64 && s.p[0] == '\\';
}

bool sieve_check_use(struct check *c, const struct arg *a)
{
	for (size_t i = 0; a && i < a->n; i++) {
		if (a->v[i].n || is_use(a->v[i].plain))
			continue;
		sieve_mistake(c, a->at,
			SAY(c, "'%.*s' is no special use: it must look like \"\\\\Junk\"",
				SFMT(a->v[i].plain)),
			SAY(c, "“%.*s”不是特殊用途：应形如 \"\\\\Junk\"", SFMT(a->v[i].plain)));
		return false;
	}
	return true;
}

static bool check_specialuse(struct check *c, struct node *n)
{
	warn_folders(c, n->pos[0]);
	return sieve_check_use(c, n->pos[1]);
}

static bool has_use(slice uses, slice one)
{
	slice u;
	while (slice_cut(&uses, ' ', &u))
		if (u.n && slice_ieq(u, one))
			return true;
	return false;
}

static bool use_exists(struct run *r, const slice *only, slice use)
{
	const struct sieve_input *in = r->in;
	sieve_run_look(r, in->nfolders * 16);
	for (size_t i = 0; i < in->nfolders; i++) {
		if (!in->folders[i].may_insert ||
			(only && sieve_run_folder(r, *only) != &in->folders[i]))
			continue;
		if (has_use(in->folders[i].use, use))
			return true;
	}
	return false;
}

static bool holds_specialuse(struct run *r, const struct node *n)
{
	size_t count;
	slice folder = sieve_run_string(r, n->pos[0]);
	slice *v = sieve_run_strings(r, n->pos[1], &count);
	for (size_t i = 0; i < count; i++)
		if (!use_exists(r, n->pos[0] ? &folder : NULL, v[i]))
			return false;
	return true;
}

/* ---- annotations ---- */

enum { ANNOTATION_MAX = 500 };

/* "/private/comment" (RFC 5464 section 4.1). */
static bool is_annotation(slice s)
{
	if (s.n > ANNOTATION_MAX || slice_ends(s, S("/")) || slice_find(s, S("//")) < s.n ||
		!utf8_valid(s))
		return false;
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] < ' ' || strchr("*%\x7f", s.p[i]))
			return false;
	return slice_istarts(s, S("/private/")) || slice_istarts(s, S("/shared/"));
}

static void warn_annotations(struct check *c, const struct arg *a)
{
	for (size_t i = 0; i < a->n; i++)
		if (!a->v[i].n && !is_annotation(a->v[i].plain))
			sieve_warning(c, a->at,
				SAY(c,
					"'%.*s' is no name of an annotation: it must begin with "
					"/private/ or /shared/",
					SFMT(a->v[i].plain)),
				SAY(c, "“%.*s”不是注解名：应以 /private/ 或 /shared/ 开头",
					SFMT(a->v[i].plain)));
}

static bool on_server(const struct node *n)
{
	return n->word->ext == EXT_SERVERMETADATA;
}

static bool check_metadata(struct check *c, struct node *n)
{
	bool server = on_server(n);
	if (!server)
		warn_folders(c, n->pos[0]);
	warn_annotations(c, n->pos[server ? 0 : 1]);
	return true;
}

/* The value of an annotation; folder empty: of the server. False: there is none. */
static bool annotation(struct run *r, bool server, slice folder, slice name, slice *ret)
{
	const struct sieve_answer *answer;
	if (!is_annotation(name) || (!server && !sieve_run_folder(r, folder)) ||
		!sieve_run_memory(r, name.n + folder.n + 2))
		return false;
	slice key = arena_printf(r->a, "%.*s\n%.*s", SFMT(name), SFMT(folder));
	if (!sieve_run_ask(r, SIEVE_ASK_METADATA, key, 0, &answer) || !answer->yes)
		return false;
	*ret = answer->text;
	return true;
}

static bool holds_metadata(struct run *r, const struct node *n)
{
	struct matching m;
	slice value;
	bool server = on_server(n);
	slice folder = server ? (slice){0} : sieve_run_string(r, n->pos[0]);
	slice name = sieve_run_string(r, n->pos[server ? 0 : 1]);
	if (!annotation(r, server, folder, name, &value))
		return false;
	sieve_match_begin(&m, r, n, n->pos[server ? 1 : 2]);
	sieve_match_value(&m, value);
	return sieve_match_end(&m);
}

static bool holds_metadataexists(struct run *r, const struct node *n)
{
	size_t count;
	slice value;
	bool server = on_server(n);
	slice folder = server ? (slice){0} : sieve_run_string(r, n->pos[0]);
	slice *v = sieve_run_strings(r, n->pos[server ? 0 : 1], &count);
	for (size_t i = 0; i < count; i++)
		if (!annotation(r, server, folder, v[i], &value))
			return false;
	return true;
}

#define FOLDER                                                                                     \
	{                                                                                          \
		's', false, "folder", "文件夹"                                                  \
	}
#define ANNOTATION(type)                                                                           \
	{                                                                                          \
		type, false, "annotation", "注解"                                                \
	}
#define KEYS                                                                                       \
	{                                                                                          \
		'S', false, "key list", "关键字列表"                                          \
	}

const struct word sieve_words_mailbox[] = {
	{.name = S_INIT("mailboxexists"),
		.ext = EXT_MAILBOX,
		.test = true,
		.params = {{'S', false, "folders", "文件夹"}},
		.check = check_mailboxexists,
		.holds = holds_mailboxexists},
	{.name = S_INIT("mailboxidexists"),
		.ext = EXT_MAILBOXID,
		.test = true,
		.params = {{'S', false, "ids", "标识"}},
		.holds = holds_mailboxidexists},
	{.name = S_INIT("specialuse_exists"),
		.ext = EXT_SPECIALUSE,
		.test = true,
		.params = {{'s', true, "folder", "文件夹"},
			{'S', false, "special uses", "特殊用途"}},
		.check = check_specialuse,
		.holds = holds_specialuse},
	{.name = S_INIT("metadata"),
		.ext = EXT_MBOXMETADATA,
		.test = true,
		.takes = TAKES_MATCH,
		.params = {FOLDER, ANNOTATION('s'), KEYS},
		.check = check_metadata,
		.holds = holds_metadata},
	{.name = S_INIT("metadataexists"),
		.ext = EXT_MBOXMETADATA,
		.test = true,
		.params = {FOLDER, ANNOTATION('S')},
		.check = check_metadata,
		.holds = holds_metadataexists},
	{.name = S_INIT("servermetadata"),
		.ext = EXT_SERVERMETADATA,
		.test = true,
		.takes = TAKES_MATCH,
		.params = {ANNOTATION('s'), KEYS},
		.check = check_metadata,
		.holds = holds_metadata},
	{.name = S_INIT("servermetadataexists"),
		.ext = EXT_SERVERMETADATA,
		.test = true,
		.params = {ANNOTATION('S')},
		.check = check_metadata,
		.holds = holds_metadataexists},
	{.name = {0}},
};
