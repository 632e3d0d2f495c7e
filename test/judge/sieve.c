/*
 * Judge of Sieve: runs a file of Pigeonhole's test language, which is Sieve with commands of its own, upon the engine.
 *
 *	sieve FILE.svtest...
 *	file FILE
 *	pass NAME            or: fail NAME: why
 *	broken why           the file as a whole
 *
 * The commands (vnd.dovecot.testsuite) are handed to the compiler as one more extension; `test` runs its block, test_set changes
 * the letter and its envelope, test_script_compile and test_script_run do with another script what a server would,
 * test_result_execute carries actions out into folders and an outbox in memory, out of which test_message takes the letter that is
 * looked at next. What only delivery does (fields that a redirected letter gets, notices of rejection) is not imitated.
 */
#include "base/time.h"
#include "sieve/impl.h"
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>

enum {
	LETTERS_MAX = 200,
	FOLDERS_MAX = 50,
	ERRORS_MAX = 100,
	ANSWERS_MAX = 150,
	LISTS_MAX = 8,
	SCRIPT_BYTES = 1 << 20,
	VARIABLE_MAX = 4000
};
enum { TAG_APPEND = TAG_EXTRA, TAG_SMTP, TAG_FOLDER, TAG_MAILBOX, TAG_EXTENSION };

struct letter {
	slice folder; /* empty: sent */
	slice from, to, bytes;
};
struct judge {
	struct arena a;
	const char *dir;
	struct sieve_input in;
	struct sieve_limits lim;
	const struct sieve_script *script;
	struct letter letters[LETTERS_MAX];
	size_t nletters;
	struct sieve_folder folders[FOLDERS_MAX];
	struct list_file {
		slice name;
		const char *path; /* NULL: an empty list */
	} lists[LISTS_MAX];
	size_t nlists;
	slice errors[ERRORS_MAX];
	size_t nerrors;
	struct sieve_answer answers[ANSWERS_MAX];
	slice own[1], failed;
	bool keeps; /* implicitly, of what ran last */
};

static struct judge *judge_of(struct run *r)
{
	return r->extra;
}

static void note_error(struct judge *j, slice text)
{
	if (j->nerrors < ERRORS_MAX)
		j->errors[j->nerrors++] = arena_dup(&j->a, text);
}

/* ---- test, test_fail ---- */

static const slice test_loop = S_INIT("the test");

static bool in_file(const char *path, slice address)
{
	char line[1000];
	bool found = false;
	FILE *f = path ? fopen(path, "r") : NULL;
	while (f && !found && fgets(line, sizeof line, f)) {
		slice s = slice_trim(slice_z(line));
		found = slice_ends(s, address) && s.n > address.n &&
			s.p[s.n - address.n - 1] == '/';
	}
	if (f)
		fclose(f);
	return found;
}

/* "list LF address"; no address: is there such a list? */
static bool in_list(struct judge *j, slice key)
{
	slice list;
	slice_cut(&key, '\n', &list);
	if (slice_starts(list, S("urn:ietf:params:sieve:addrbook:")))
		list = slice_skip(list, sizeof "urn:ietf:params:sieve" - 1);
	for (size_t i = 0; i < j->nlists; i++)
		if (slice_eq(j->lists[i].name, list))
			return !key.n || in_file(j->lists[i].path, key);
	return false;
}

static void answer_questions(struct run *r)
{
	struct judge *j = judge_of(r);
	for (size_t i = 0; i < r->out->nquestions && j->in.nanswers < ANSWERS_MAX; i++) {
		const struct sieve_question *q = &r->out->questions[i];
		struct sieve_answer a = {.kind = q->kind, .key = arena_dup(&j->a, q->key)};
		a.yes = q->kind == SIEVE_ASK_LIST && in_list(j, q->key);
		j->answers[j->in.nanswers++] = a;
	}
	r->out->nquestions = 0;
}

static void run_test_block(struct run *r, const struct node *n)
{
	struct judge *j = judge_of(r);
	slice name = sieve_run_string(r, n->pos[0]);
	for (unsigned round = 0; round < SIEVE_ROUNDS_MAX; round++) {
		j->failed = (slice){0};
		j->nerrors = 0;
		r->steps = r->memory = 0;
		sieve_run_block(r, n->block);
		if (r->state != RUN_ASKS)
			break;
		answer_questions(r);
		r->state = RUN_ON;
	}
	if (r->state == RUN_BREAK && r->break_name.p == test_loop.p)
		r->state = RUN_ON;
	if (r->state == RUN_FAILED && !j->failed.p)
		j->failed = arena_printf(&j->a, "failed at line %u: %.*s", r->out->mistake.line,
			SFMT(r->out->mistake.en));
	if (r->state == RUN_ASKS && !j->failed.p)
		j->failed = S("asks what the judge does not know");
	r->state = RUN_ON;
	if (j->failed.p)
		printf("fail %.*s: %.*s\n", SFMT(name), SFMT(j->failed));
	else
		printf("pass %.*s\n", SFMT(name));
}

static void run_fail_command(struct run *r, const struct node *n)
{
	slice why = sieve_run_string(r, n->pos[0]);
	judge_of(r)->failed = arena_printf(&judge_of(r)->a, "line %u: %.*s", n->at.line, SFMT(why));
	r->break_name = test_loop;
	r->state = RUN_BREAK;
}

/* ---- the letter, configuration ---- */

static void set_letter(struct run *r, slice bytes)
{
	struct judge *j = judge_of(r);
	j->in.message = r->message = arena_dup(&j->a, bytes);
	r->have_fields = r->have_mime = false;
	r->nedits = 0;
	r->out->nedits = 0;
}

static void run_set_letter(struct run *r, const struct node *n)
{
	struct judge *j = judge_of(r);
	slice name = sieve_run_string(r, n->pos[0]),
	      value = arena_dup(&j->a, sieve_run_string(r, n->pos[1]));
	if (slice_eq(name, S("message")))
		set_letter(r, value);
	else if (slice_eq(name, S("envelope.from")))
		j->in.sender = slice_eq(value, S("<>")) ? S("") : value;
	else if (slice_eq(name, S("envelope.to")))
		j->in.recipient = value;
	else if (slice_eq(name, S("envelope.orig_to")))
		j->in.original_recipient = value;
	else if (slice_eq(name, S("envelope.auth")))
		j->in.login = value;
}

/* "sieve_extlists_list/:addrbook:default/name", ".../dict/file/path" */
static void note_list(struct judge *j, slice name, slice value)
{
	slice list, rest = slice_skip(name, sizeof "sieve_extlists_list");
	slice_cut(&rest, '/', &list);
	size_t i = 0;
	while (i < j->nlists && !slice_eq(j->lists[i].name, list))
		i++;
	if (i == LISTS_MAX)
		return;
	if (i == j->nlists)
		j->lists[j->nlists++].name = arena_dup(&j->a, list);
	if (slice_ends(name, S("/path")))
		j->lists[i].path = arena_strz(&j->a, value);
}

static void run_config_set(struct run *r, const struct node *n)
{
	struct judge *j = judge_of(r);
	slice name = sieve_run_string(r, n->pos[0]), value = sieve_run_string(r, n->pos[1]);
	uint64_t number = 0;
	slice_u64(value, &number);
	if (slice_eq(name, S("recipient_delimiter")))
		j->in.separator = value.n ? value.p[0] : 0;
	else if (slice_eq(name, S("sieve_notify_max_notifications")))
		j->lim.notices = (unsigned)number;
	else if (slice_eq(name, S("sieve_max_actions")))
		j->lim.actions = (unsigned)number;
	else if (slice_eq(name, S("sieve_max_redirects")))
		j->lim.redirects = (unsigned)number;
	else if (slice_ends(name, S("/name")) || slice_ends(name, S("/dict/file/path")))
		note_list(j, name, value);
	else if (slice_eq(name, S("sieve_user_email"))) {
		j->own[0] = arena_dup(&j->a, value);
		j->in.nown = 1;
	}
}

static void run_nothing(struct run *r, const struct node *n)
{
	(void)r;
	(void)n;
}

/* ---- other scripts ---- */

/* ${tst.path}: where the file is. */
static slice with_path(struct judge *j, slice s)
{
	for (slice path = S("${tst.path}");;) {
		size_t at = slice_find(s, path);
		if (at == s.n)
			return s;
		slice rest = slice_skip(s, at + path.n);
		s = arena_printf(&j->a, "%.*s%s%.*s", (int)at, s.p, j->dir, SFMT(rest));
	}
}

static slice read_script(struct judge *j, slice name)
{
	char path[4096];
	snprintf(path, sizeof path, "%s/%.*s", j->dir, SFMT(name));
	FILE *f = fopen(path, "r");
	if (!f)
		return (slice){0};
	char *bytes = arena_alloc(&j->a, SCRIPT_BYTES);
	size_t n = fread(bytes, 1, SCRIPT_BYTES, f);
	fclose(f);
	return with_path(j, slice_of(bytes, n));
}

/* A failed compilation ends with one more line, as Pigeonhole's does: "validation failed". */
static bool holds_compile(struct run *r, const struct node *n)
{
	struct judge *j = judge_of(r);
	struct sieve_mistakes m;
	struct sieve_source s = {.name = sieve_run_string(r, n->pos[0])};
	j->nerrors = 0;
	j->script = NULL;
	s.text = read_script(j, s.name);
	if (!s.text.p) {
		note_error(j, S("there is no such file"));
		return false;
	}
	j->script = sieve_compile(&s, 0, &j->a, &m);
	for (size_t i = 0; i < m.n; i++)
		if (!m.v[i].warning)
			note_error(j, m.v[i].en);
	if (!j->script)
		note_error(j, S("the script has mistakes"));
	return j->script != NULL;
}

/* Actions of the script take the place of those before, or come behind them. */
static bool holds_run(struct run *r, const struct node *n)
{
	struct judge *j = judge_of(r);
	struct sieve_result result;
	struct run *sub = ARENA_NEW(&j->a, struct run);
	j->nerrors = 0;
	if (!j->script)
		return false;
	j->in.limits = &j->lim;
	sieve_run_init(sub, &j->in, &j->a, &result);
	if (node_has(n, (enum tag_id)TAG_APPEND)) {
		sub->first = r->first;
		sub->last = r->last;
		sub->nactions = r->nactions;
	}
	sub->script = ++r->script;
	sieve_run_script(sub, j->script);
	bool good = sub->state == RUN_ON;
	if (!good)
		note_error(j, sub->state == RUN_ASKS ? S("asks") : result.mistake.en);
	for (size_t i = 0; i < result.warnings.n; i++)
		note_error(j, result.warnings.v[i].en);
	r->first = sub->first;
	r->last = sub->last;
	r->nactions = sub->nactions;
	j->keeps = sub->implicit_keep;
	return good;
}

static bool holds_error(struct run *r, const struct node *n)
{
	struct matching m;
	struct judge *j = judge_of(r);
	const struct arg *index = sieve_node_tag(n, TAG_INDEX, NULL);
	sieve_match_begin(&m, r, n, n->pos[0]);
	for (size_t i = 0; i < j->nerrors; i++)
		if ((!index || index->number == i + 1) && sieve_match_value(&m, j->errors[i]))
			break;
	return sieve_match_end(&m);
}

/* ---- results ---- */

static slice action_name(const struct sieve_action *a)
{
	switch (a->kind) {
	case SIEVE_KEEP:
		return S("keep");
	case SIEVE_FILEINTO:
		return S("store");
	case SIEVE_REDIRECT:
		return S("redirect");
	case SIEVE_REJECT:
		return S("reject");
	case SIEVE_VACATION:
		return S("vacation");
	case SIEVE_NOTIFY:
		return S("notify");
	case SIEVE_DISCARD:
		return S("discard");
	default:
		return S("other");
	}
}

static bool holds_action(struct run *r, const struct node *n)
{
	struct matching m;
	uint64_t i = 0;
	const struct arg *index = sieve_node_tag(n, TAG_INDEX, NULL);
	sieve_match_begin(&m, r, n, n->pos[0]);
	for (const struct action_made *a = r->first; a; a = a->next)
		if (i++,
			(!index || index->number == i) && sieve_match_value(&m, action_name(&a->a)))
			break;
	return sieve_match_end(&m);
}

static void add_letter(struct judge *j, slice folder, slice from, slice to, slice bytes)
{
	if (j->nletters < LETTERS_MAX)
		j->letters[j->nletters++] =
			(struct letter){folder, from, to, arena_dup(&j->a, bytes)};
}

static bool make_folder(struct judge *j, slice name)
{
	if (j->in.nfolders == FOLDERS_MAX)
		return false;
	j->folders[j->in.nfolders++] =
		(struct sieve_folder){.name = arena_dup(&j->a, name), .may_insert = true};
	return true;
}

static bool has_folder(const struct judge *j, slice name)
{
	for (size_t i = 0; i < j->in.nfolders; i++)
		if (slice_eq(j->folders[i].name, name))
			return true;
	return slice_ieq(name, S("INBOX"));
}

static slice edited(struct run *r, size_t edits)
{
	slice header, body;
	sieve_edited(judge_of(r)->in.message, r->out->edits, edits > r->out->nedits ? 0 : edits,
		r->a, &header, &body);
	return arena_printf(r->a, "%.*s%.*s", SFMT(header), SFMT(body));
}

static void notify(struct run *r, const struct sieve_action *a)
{
	struct err e;
	struct sieve_mailto to;
	struct judge *j = judge_of(r);
	if (!sieve_mailto(a->method, r->a, &to, &e))
		return;
	slice letter =
		sieve_notify_letter(a, &j->in, &to, S("Postmaster <postmaster@example.com>"), r->a);
	slice from = !j->in.sender.n ? S("") : a->from.n ? a->from : S("postmaster@example.com");
	for (size_t i = 0; i < to.nrcpts; i++)
		add_letter(j, (slice){0}, from, to.rcpts[i], letter);
}

static bool carry_out(struct run *r, const struct sieve_action *a)
{
	struct judge *j = judge_of(r);
	switch (a->kind) {
	case SIEVE_KEEP:
		add_letter(j, S("INBOX"), j->in.sender, j->in.recipient, edited(r, a->edits));
		return true;
	case SIEVE_FILEINTO:
		if (!has_folder(j, a->folder) && !(a->create && make_folder(j, a->folder))) {
			note_error(
				j, arena_printf(r->a,
					   "failed to store into mailbox '%.*s': it does not exist",
					   SFMT(a->folder)));
			return false;
		}
		add_letter(j, arena_dup(&j->a, a->folder), j->in.sender, j->in.recipient,
			edited(r, a->edits));
		return true;
	case SIEVE_REDIRECT:
		add_letter(j, (slice){0}, j->in.sender, arena_dup(&j->a, a->address),
			edited(r, a->edits));
		return true;
	case SIEVE_NOTIFY:
		notify(r, a);
		return true;
	default:
		return true;
	}
}

static bool holds_execute(struct run *r, const struct node *n)
{
	(void)n;
	bool good = true;
	struct judge *j = judge_of(r);
	j->nerrors = 0;
	for (struct action_made *a = r->first; a; a = a->next) {
		good = (a->done || carry_out(r, &a->a)) && good;
		a->done = true;
	}
	if (j->keeps) {
		struct sieve_action keep = {.kind = SIEVE_KEEP};
		carry_out(r, &keep);
		j->keeps = false;
	}
	return good;
}

static void run_reset(struct run *r, const struct node *n)
{
	(void)n;
	struct judge *j = judge_of(r);
	r->first = r->last = NULL;
	r->nactions = r->nredirects = r->nnotices = 0;
	r->rejected = false;
	r->implicit_keep = true;
	size_t kept = 0;
	for (size_t i = 0; i < j->nletters; i++)
		if (j->letters[i].folder.n)
			j->letters[kept++] = j->letters[i];
	j->nletters = kept;
}

static bool choose_letter(struct run *r, const struct node *n)
{
	struct judge *j = judge_of(r);
	const struct arg *folder = sieve_node_tag(n, (enum tag_id)TAG_FOLDER, NULL);
	slice name = folder ? sieve_run_string(r, folder) : (slice){0};
	uint64_t want = n->pos[0]->number;
	for (size_t i = 0; i < j->nletters; i++) {
		struct letter *l = &j->letters[i];
		if (!slice_eq(l->folder, name) || want--)
			continue;
		j->in.sender = l->from;
		j->in.recipient = l->to;
		set_letter(r, l->bytes);
		return true;
	}
	return false;
}

static void run_message(struct run *r, const struct node *n)
{
	if (choose_letter(r, n))
		return;
	judge_of(r)->failed =
		arena_printf(&judge_of(r)->a, "line %u: there is no such letter", n->at.line);
	r->break_name = test_loop;
	r->state = RUN_BREAK;
}

static void run_mailbox_create(struct run *r, const struct node *n)
{
	make_folder(judge_of(r), sieve_run_string(r, n->pos[0]));
}

static void run_metadata_set(struct run *r, const struct node *n)
{
	struct judge *j = judge_of(r);
	slice folder = sieve_run_string(r, sieve_node_tag(n, (enum tag_id)TAG_MAILBOX, NULL)),
	      name = sieve_run_string(r, n->pos[0]);
	slice key = arena_printf(&j->a, "%.*s\n%.*s", SFMT(name), SFMT(folder));
	for (size_t i = 0; i < j->in.nanswers; i++)
		if (slice_eq(j->answers[i].key, key)) {
			j->answers[i].yes = true;
			j->answers[i].text = arena_dup(&j->a, sieve_run_string(r, n->pos[1]));
			return;
		}
	if (j->in.nanswers < ANSWERS_MAX)
		j->answers[j->in.nanswers++] = (struct sieve_answer){.kind = SIEVE_ASK_METADATA,
			.key = key,
			.yes = true,
			.text = arena_dup(&j->a, sieve_run_string(r, n->pos[1]))};
}

/* ---- words ---- */

#define S1(what)                                                                                   \
	{                                                                                          \
		{                                                                                  \
			's', false, what, what                                                     \
		}                                                                                  \
	}
#define COMMAND(word, ...)                                                                         \
	{                                                                                          \
		.name = S_INIT(word), .ext = EXT_EXTRA, __VA_ARGS__                                \
	}
#define QUESTION(word, ...)                                                                        \
	{                                                                                          \
		.name = S_INIT(word), .ext = EXT_EXTRA, .test = true, __VA_ARGS__                  \
	}

static const struct tag tags[] = {
	{S_INIT("index"), TAG_INDEX, EXT_EXTRA, 'n', 0},
	{S_INIT("append_result"), TAG_APPEND, EXT_EXTRA, 0, 0},
	{S_INIT("smtp"), TAG_SMTP, EXT_EXTRA, 0, 1},
	{S_INIT("folder"), TAG_FOLDER, EXT_EXTRA, 's', 1},
	{S_INIT("mailbox"), TAG_MAILBOX, EXT_EXTRA, 's', 0},
	{S_INIT("extension"), TAG_EXTENSION, EXT_EXTRA, 's', 0},
	{{0}, 0, 0, 0, 0},
};
static const struct word words[] = {
	COMMAND("test", .block = true, .params = S1("name"), .run = run_test_block),
	COMMAND("test_fail", .params = S1("why"), .run = run_fail_command),
	COMMAND("test_set",
		.params = {{'s', false, "name", "name"}, {'s', false, "value", "value"}},
		.run = run_set_letter),
	COMMAND("test_config_set", .tags = tags,
		.params = {{'s', false, "name", "name"}, {'s', false, "value", "value"}},
		.run = run_config_set),
	COMMAND("test_config_unset", .tags = tags, .params = S1("name"), .run = run_nothing),
	COMMAND("test_config_reload", .tags = tags, .run = run_nothing),
	COMMAND("test_binary_save", .params = S1("name"), .run = run_nothing),
	COMMAND("test_binary_load", .params = S1("name"), .run = run_nothing),
	COMMAND("test_result_reset", .run = run_reset),
	COMMAND("test_result_print", .run = run_nothing),
	COMMAND("test_message", .tags = tags, .params = {{'n', false, "index", "index"}},
		.run = run_message),
	COMMAND("test_mailbox_create", .params = S1("name"), .run = run_mailbox_create),
	COMMAND("test_imap_metadata_set", .tags = tags,
		.params = {{'s', false, "name", "name"}, {'s', false, "value", "value"}},
		.run = run_metadata_set),
	QUESTION("test_script_compile", .params = S1("name"), .holds = holds_compile),
	QUESTION("test_script_run", .tags = tags, .holds = holds_run),
	QUESTION("test_error", .takes = TAKES_MATCH, .tags = tags,
		.params = {{'S', false, "keys", "keys"}}, .holds = holds_error),
	QUESTION("test_result_action", .takes = TAKES_MATCH, .tags = tags,
		.params = {{'S', false, "keys", "keys"}}, .holds = holds_action),
	QUESTION("test_result_execute", .holds = holds_execute),
	QUESTION("test_message", .tags = tags, .params = {{'n', false, "index", "index"}},
		.holds = choose_letter),
	{.name = {0}},
};

/* ---- files ---- */

static void run_file(const char *path)
{
	struct judge *j = calloc(1, sizeof *j);
	char *copy = strdup(path);
	struct sieve_mistakes m;
	struct sieve_result result;
	const struct extra x = {S("vnd.dovecot.testsuite vnd.dovecot.debug"), words};
	struct sieve_source s = {.name = slice_z(path)};
	j->dir = dirname(copy);
	j->lim = sieve_limits_default;
	struct sieve_limits wide = {
		UINT64_MAX, UINT64_MAX, 1000, 1000, 1000, 10000, VARIABLE_MAX, 1000};
	j->in = (struct sieve_input){.sender = S("sender@example.com"),
		.recipient = S("recipient@example.net"),
		.original_recipient = S("recipient@example.net"),
		.own = j->own,
		.folders = j->folders,
		.answers = j->answers,
		.separator = '+',
		.spam = -1,
		.version = S("1"),
		.host = S("host.example.net"),
		.domain = S("example.net"),
		.now = wall_now(),
		.limits = &wide,
		.message = S("From: sender@example.com\r\n\r\n")};
	make_folder(j, S("INBOX"));
	printf("file %s\n", path);
	s.text = read_script(j, slice_z(basename((char *)path)));
	const struct sieve_script *script = sieve_compile_with(&s, SCRIPT_BYTES, &x, &j->a, &m);
	for (size_t i = 0; i < m.n && !script; i++)
		printf("broken line %u: %.*s\n", m.v[i].line, SFMT(m.v[i].en));
	if (script) {
		struct run *r = ARENA_NEW(&j->a, struct run);
		sieve_run_init(r, &j->in, &j->a, &result);
		r->extra = j;
		sieve_run_script(r, script);
		if (r->state != RUN_ON)
			printf("broken line %u: %.*s\n", result.mistake.line,
				SFMT(result.mistake.en));
	}
	arena_done(&j->a);
	free(j);
	free(copy);
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		run_file(argv[i]);
	return 0;
}
