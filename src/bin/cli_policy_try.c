/*
 * `posthouse policy test LETTER`: the letter is examined in a child process like a scan process does
 * it (cli_explain_child.c); with what the options pretend, that makes the facts on which policies and
 * thresholds decide for each recipient, as the edge does. No lookups, nothing is delivered.
 */
#include "bin/cli_explain.h"
#include "bin/cli_policy.h"

#include "base/mem.h"
#include "base/time.h"
#include "bin/cli_words.h"
#include "bin/filter_conf.h"
#include "codec/address.h"
#include "codec/header.h"
#include "store/directory.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>

enum { REASONS_SHOWN = 8 };

struct trial {
	struct cli_call *c;
	struct cli_env *env;
	const struct policy_set *set;
	struct policy_thresholds thresholds;
	slice *rcpts;
	size_t nrcpts;
	struct domain *domains; /* ours */
	size_t ndomains;
	enum policy_direction forced; /* 0: as the addresses say */
	struct explained x;
	struct content_report report;
	json_t *json; /* what the report borrows from */
	struct policy_facts facts;
};

/* ---- options ---- */

static int read_rcpts(struct trial *t)
{
	const char *word;
	size_t n = 0;
	for (int at = 0; (word = cli_word(t->c, "to", &at));)
		n++;
	if (n == 0)
		return out_usage(T("--to names the recipients", "须用 --to 给出收件人"));
	t->rcpts = ARENA_ARRAY(&t->env->mem, slice, n);
	for (int at = 0; (word = cli_word(t->c, "to", &at));)
		t->rcpts[t->nrcpts++] = slice_z(word);
	return CLI_OK;
}

static int read_direction(struct trial *t)
{
	slice s = cli_option_text(t->c, "direction");
	if (slice_eq(s, S("in")))
		t->forced = POLICY_IN;
	else if (slice_eq(s, S("out")))
		t->forced = POLICY_OUT;
	else if (slice_eq(s, S("internal")))
		t->forced = POLICY_INTERNAL;
	else if (s.n)
		return out_usage(T("--direction is in, out or internal",
			"--direction 为 in、out 或 internal"));
	return CLI_OK;
}

static int read_time(struct trial *t)
{
	slice s = cli_option_text(t->c, "at");
	t->facts.at = wall_now();
	if (s.n && !time_parse(s, wall_now(), &t->facts.at))
		return out_usage(T("--at is a time: 2026-11-22T09:30, 2h (ago)",
			"--at 为时间：2026-11-22T09:30、2h（之前）"));
	return CLI_OK;
}

static bool is_ours(const struct trial *t, slice address)
{
	slice local, domain, name;
	AUTO(arena) struct arena a = {0};
	if (!address_split(address, &local, &domain) || !domain_to_ascii(domain, &a, &name))
		return slice_ieq(address, S("postmaster"));
	for (size_t i = 0; i < t->ndomains; i++)
		if (slice_eq(t->domains[i].name, name))
			return true;
	return false;
}

/* Who has logged in sends out, or to his own; everything else comes in. */
static enum policy_direction direction(const struct trial *t, slice rcpt)
{
	if (t->forced)
		return t->forced;
	if (!cli_option_text(t->c, "login").n)
		return POLICY_IN;
	return is_ours(t, rcpt) ? POLICY_INTERNAL : POLICY_OUT;
}

static enum content_direction of_content(enum policy_direction d)
{
	return d == POLICY_OUT        ? CONTENT_OUTBOUND
	       : d == POLICY_INTERNAL ? CONTENT_INTERNAL
				      : CONTENT_INBOUND;
}

static void fill_context(struct trial *t)
{
	const struct cli_call *c = t->c;
	t->x.context = (struct content_context){.direction = of_content(direction(t, t->rcpts[0])),
		.client_ip = cli_option_text(c, "ip"),
		.client_name = cli_option_text(c, "host"),
		.sender = cli_option_text(c, "from"),
		.login = cli_option_text(c, "login"),
		.rcpts = t->rcpts,
		.nrcpts = t->nrcpts,
		.rcpts_total = t->nrcpts,
		.proven = cli_option_text(c, "login").n > 0,
		.now = (uint64_t)(t->facts.at / SECOND)};
}

static int prepare(struct trial *t)
{
	struct err e;
	int code = read_rcpts(t);
	if (code != CLI_OK || (code = read_direction(t)) != CLI_OK ||
		(code = read_time(t)) != CLI_OK ||
		(code = policy_document(t->env, cli_option_text(t->c, "policies"), &t->set)) !=
			CLI_OK)
		return code;
	struct sql *db = cli_env_db(t->env, DB_DIRECTORY, &e);
	if (!db || directory_domains(db, &t->env->mem, &t->domains, &t->ndomains, &e) < 0)
		return out_fail(&e);
	t->thresholds = filter_thresholds(t->env->config.filter);
	fill_context(t);
	return CLI_OK;
}

/* ---- the letter ---- */

static int read_letter(struct trial *t, struct buf *out, struct err *e)
{
	enum { PIECE = 64 * 1024 };
	slice path = cli_arg(t->c, 0);
	cli_env_as_caller(t->env);
	AUTO(fd) int file = slice_eq(path, S("-")) ? dup(0) : open(path.p, O_RDONLY | O_CLOEXEC);
	int saved = errno;
	cli_env_as_server(t->env);
	if (file < 0)
		return err_sys(e, saved, "%.*s", SFMT(path));
	for (ssize_t n = 1; n > 0;) {
		char *room = buf_room(out, PIECE);
		if (!room)
			return err_set(e, ERR_LIMIT, "larger than [scan] max_size");
		if ((n = read(file, room, PIECE)) < 0)
			return err_sys(e, errno, "read");
		buf_commit(out, (size_t)n);
	}
	return 0;
}

static double probability_of(void *arg, double score)
{
	return content_probability(arg, score);
}

static void take_files(struct trial *t)
{
	const struct content_report *r = &t->report;
	struct policy_file *v = ARENA_ARRAY(&t->env->mem, struct policy_file, r->nfiles + 1);
	for (size_t i = 0; i < r->nfiles; i++)
		v[i] = (struct policy_file){.name = r->files[i].name,
			.type = (enum filetype)r->files[i].type,
			.size = r->files[i].size,
			.facts = r->files[i].facts,
			.depth = r->files[i].depth,
			.part = r->files[i].part};
	t->facts.files = v;
	t->facts.nfiles = r->nfiles;
}

/* As the edge has it: nobody may lose a complaint. */
static bool only_complaints(const struct trial *t)
{
	slice local, domain;
	for (size_t i = 0; i < t->nrcpts; i++) {
		if (!address_split(t->rcpts[i], &local, &domain))
			local = t->rcpts[i];
		if (!slice_ieq(local, S("postmaster")) && !slice_ieq(local, S("abuse")))
			return false;
	}
	return true;
}

static void take_facts(struct trial *t)
{
	struct policy_facts *f = &t->facts;
	const struct content_context *c = &t->x.context;
	f->client_ip = c->client_ip;
	f->client_name = c->client_name;
	f->login = c->login;
	f->sender = c->sender;
	f->from = t->report.from_address;
	f->subject = t->report.subject;
	f->header = slice_first(t->x.message, header_length(t->x.message));
	f->size = t->x.message.n;
	f->rcpts = (unsigned)t->nrcpts;
	f->signals = &t->report.signals;
	f->score = signals_score(&t->report.signals);
	f->probability = content_probability(&t->report, f->score);
	f->bulk = t->report.bulk;
	f->examined = true;
	f->limited = t->report.limited;
	f->allowed = cli_flag(t->c, "allowed");
	f->spared = only_complaints(t);
	f->virus = cli_option_text(t->c, "virus");
	f->probability_of = probability_of;
	f->arg = &t->report;
	take_files(t);
	f->belonging_of = policy_belonging;
	f->directory = t->env->db[DB_DIRECTORY];
}

static int examine(struct trial *t, struct buf *message)
{
	struct err e;
	if (read_letter(t, message, &e) < 0)
		return out_fail(&e);
	t->x.name = cli_arg(t->c, 0);
	t->x.message = buf_slice(message);
	if (explain_in_child(t->env, &t->x, &t->json, &e) < 0)
		return out_fail(&e);
	if (!content_report_read(t->json, &t->env->mem, &t->report)) {
		err_set(&e, ERR_BUG, "the examination gave no report");
		return out_fail(&e);
	}
	take_facts(t);
	return CLI_OK;
}

/* ---- showing ---- */

static const char *class_name(enum quarantine_class class)
{
	return class == QUARANTINE_NONE ? "none" : quarantine_class_name(class);
}

static slice names_of(const struct policy_decision *d, struct arena *a)
{
	AUTO(buf) struct buf b = BUF(8192);
	for (unsigned i = 0; i < d->nwhy; i++)
		buf_printf(&b, "%s%.*s", i ? ", " : "", SFMT(d->why[i]));
	return arena_dup(a, buf_slice(&b));
}

slice policy_belonging(void *directory, slice address, struct arena *a)
{
	slice words = S("");
	struct err e;
	if (directory && directory_find_belonging(directory, address, a, &words, &e) < 0)
		out_fail(&e);
	return words;
}

static void show_rcpt(struct trial *t, struct listing *l, slice rcpt)
{
	struct policy_decision d;
	struct arena *a = &t->env->mem;
	AUTO(buf) struct buf done = BUF(65536);
	t->facts.direction = direction(t, rcpt);
	policy_decide(t->set, &t->thresholds, &t->facts, rcpt, a, &d);
	policy_decision_print(&done, &d);
	if (!l->json) {
		table_cell(l->table, rcpt);
		table_cell(l->table, buf_slice(&done));
		table_cell(l->table, names_of(&d, a));
		table_cell(l->table, d.reason);
		return;
	}
	json_open_object(&l->j, NULL);
	json_text(&l->j, "recipient", rcpt);
	json_text(&l->j, "end", slice_z(policy_end_name(d.end)));
	json_text(&l->j, "class", slice_z(class_name(d.class)));
	json_text(&l->j, "decision", buf_slice(&done));
	json_text(&l->j, "policy", d.policy);
	json_text(&l->j, "policies", names_of(&d, a));
	json_text(&l->j, "reason", d.reason);
	if (policy_asks_directory(t->set))
		json_text(&l->j, "belongs", policy_belonging(t->facts.directory, rcpt, a));
	json_close(&l->j, '}');
}

static int by_score(const void *a, const void *b)
{
	const struct signal *x = a, *y = b;
	return (x->score < y->score) - (x->score > y->score);
}

static void show_signals(struct trial *t)
{
	AUTO(signal_words)
	struct signal_words words = {
		.dir = t->env->config.filter->rules, .data = t->env->config.server->data};
	struct signals *all = &t->report.signals;
	qsort(all->v, all->n, sizeof *all->v, by_score);
	for (unsigned i = 0; i < all->n && i < REASONS_SHOWN; i++) {
		const char *text = signal_in_words(&words, slice_z(all->v[i].def->name));
		if (all->v[i].score == 0)
			continue;
		printf("  %+5.1f  %s: ", (double)all->v[i].score, all->v[i].def->name);
		out_safe(slice_z(text ? text : ""));
		putchar('\n');
	}
}

/* What the policies could ask about somebody. */
static void show_person(struct trial *t, slice address)
{
	AUTO(arena) struct arena a = {0};
	slice words = policy_belonging(t->facts.directory, address, &a), one;
	if (!words.n)
		return;
	printf("%.*s:", SFMT(address));
	while (slice_cut(&words, '\n', &one))
		printf(" %.*s", SFMT(one));
	putchar('\n');
}

static void show_people(struct trial *t)
{
	if (!policy_asks_directory(t->set))
		return;
	show_person(t, t->facts.login.n ? t->facts.login : t->facts.sender);
	for (size_t i = 0; i < t->nrcpts; i++)
		show_person(t, t->rcpts[i]);
	putchar('\n');
}

static void show_letter(struct trial *t)
{
	t->facts.direction = direction(t, t->rcpts[0]);
	printf(T("Probability %.3f, score %.1f, class %s\n", "概率 %.3f，分值 %.1f，类别 %s\n"),
		t->facts.probability, t->facts.score,
		class_name(policy_classify(&t->facts, &t->thresholds)));
	show_signals(t);
	putchar('\n');
}

static void show(struct trial *t)
{
	struct listing l;
	const char *const heads[] = {T("RECIPIENT", "收件人"), T("DECISION", "处置"),
		T("POLICIES", "策略"), T("REASON", "原因")};
	bool json = t->c->cli->json;
	if (!json) {
		show_letter(t);
		show_people(t);
	}
	listing_begin(&l, json, "recipients", heads, sizeof heads / sizeof *heads);
	for (size_t i = 0; i < t->nrcpts; i++)
		show_rcpt(t, &l, t->rcpts[i]);
	listing_end_rows(&l);
	if (json) {
		AUTO(arena) struct arena a = {0};
		json_text(&l.j, "probability", arena_printf(&a, "%.4f", t->facts.probability));
		json_text(&l.j, "score", arena_printf(&a, "%.1f", t->facts.score));
		json_text(&l.j, "class",
			slice_z(class_name(policy_classify(&t->facts, &t->thresholds))));
	}
	listing_end(&l);
}

int policy_test(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	int code;
	if (cli_env_open(c->cli, &env, &code) < 0)
		return code;
	AUTO(buf) struct buf message = BUF((size_t)env.config.scan->max_size + 65536);
	struct trial *t = ARENA_NEW(&env.mem, struct trial);
	t->c = c;
	t->env = &env;
	code = prepare(t);
	if (code == CLI_OK)
		code = examine(t, &message);
	if (code == CLI_OK)
		show(t);
	json_decref(t->json);
	policy_release(t->set);
	return code;
}

const struct cli_option policy_test_options[] = {
	{"to", "ADDRESS...", "recipients", "收件人"},
	{"from", "ADDRESS", "sender of the envelope", "信封发件人"},
	{"ip", "ADDRESS", "where it comes from", "来源地址"},
	{"host", "NAME", "the confirmed name of that address", "该地址经确认的主机名"},
	{"login", "NAME", "who has logged in", "登录的用户"},
	{"direction", "in|out|internal", "instead of what the addresses say",
		"方向，默认由地址得出"},
	{"at", "TIME", "when it comes", "来信时间"},
	{"virus", "NAME", "what an engine would find", "假设引擎发现的病毒"},
	{"allowed", NULL, "as if an allow list spoke for the sender", "假设发件方在允许名单中"},
	{"policies", "FILE|N", "a document that is not in force, or version N",
		"未生效的文档，或第 N 版"},
	{NULL, NULL, NULL, NULL},
};
