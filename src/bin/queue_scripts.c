/*
 * Running people's scripts (queue_scripts.h). A case travels like a letter to be examined: inside the request while it is small, else
 * in a memory file, in which the scan process says that it has begun. One that dies or hangs then is a strike; after the second one
 * the letter is delivered without rules, and that account's are not run for a while, unless they change: so a script that kills
 * processes costs two of them an hour, and no letter.
 */
#include "bin/queue_scripts.h"

#include "base/map.h"
#include "base/mem.h"
#include "bin/queue.h"
#include "bin/scan_letter.h"
#include "mail/scripts_known.h"
#include "run/link.h"
#include "run/log.h"
#include "run/metrics.h"
#include "run/pool.h"
#include <pthread.h>
#include <unistd.h>

METRIC_COUNTER(runs, "posthouse_rules_runs_total", "", "Letters over which scripts were run.");
METRIC_COUNTER(failures, "posthouse_rules_failures_total", "", "Of these: a script went wrong.");
METRIC_COUNTER(killed, "posthouse_rules_killed_total", "",
	"Letters delivered without rules because scan processes died or hung over them.");
METRIC_DURATION(run_seconds, "posthouse_rules_seconds", "", "Time of one run, waiting included.");

enum {
	STRIKES = 2,
	TRIES = 3, /* then the letter waits: deferred */
	IN_POOL = 64 * 1024, /* more bytes than this are copied off the loop */
	ACCOUNTS_MAX = 50000, /* whose deeds of a day are counted; more: all are forgotten */
	MEMBERS_MAX = 200, /* of a list, for redirect */
};
#define GIVE_UP (5 * SECOND)
#define SUSPENDED HOUR

struct deeds { /* of an account, today */
	int64_t day;
	unsigned n[SCRIPTS_DEEDS];
	instant suspended; /* until then its scripts are not run */
	uint64_t version; /* unless they are others than these */
};
struct queue_scripts {
	struct queue *q;
	struct scripts_judge judge;
	struct script_cache *scripts;
	struct sql *mail[MAILBOX_SHARDS], *directory; /* readers; in the pool, under the lock */
	pthread_mutex_t lock;
	struct map deeds; /* by account */
};

static slice key_of(const int64_t *account_id)
{
	return slice_of((const char *)account_id, sizeof *account_id);
}

/* ---- what accounts did today ---- */

static void forget_deeds(struct queue_scripts *r)
{
	size_t i = 0;
	slice key;
	void *value;
	while (map_next(&r->deeds, &i, &key, &value))
		free(value);
	map_done(&r->deeds);
	r->deeds = (struct map){0};
}

static struct deeds *deeds_of(struct queue_scripts *r, int64_t account_id)
{
	int64_t day = wall_now() / DAY;
	struct deeds *d = map_get(&r->deeds, key_of(&account_id));
	if (!d) {
		if (r->deeds.n >= ACCOUNTS_MAX)
			forget_deeds(r);
		d = NEW(struct deeds);
		map_put(&r->deeds, key_of(&account_id), d);
	}
	if (d->day != day) {
		memset(d->n, 0, sizeof d->n);
		d->day = day;
	}
	return d;
}

static bool may(void *arg, int64_t account_id, enum scripts_deed deed, unsigned n)
{
	struct queue_scripts *r = arg;
	const struct scripts_conf *c = conf_get(r->q->settings->config.conf, &scripts_section);
	int64_t most = deed == SCRIPTS_REDIRECTS ? c->redirects_day : c->notices_day;
	struct deeds *d = deeds_of(r, account_id);
	if (d->n[deed] + (int64_t)n > most)
		return false;
	d->n[deed] += n;
	return true;
}

/* Changes with every script. */
static uint64_t version_of(const struct script_set *s)
{
	uint64_t v = 0;
	for (size_t i = 0; i < s->nrun + s->nincluded; i++)
		v = v * 31 + (i < s->nrun ? s->run[i].version : s->included[i - s->nrun].version);
	return v;
}

static bool is_suspended(struct queue_scripts *r, const struct script_set *s, int64_t account_id)
{
	const struct deeds *d = map_get(&r->deeds, key_of(&account_id));
	return d && d->suspended > instant_now() && d->version == version_of(s);
}

static void suspend(struct queue_scripts *r, const struct script_set *s, int64_t account_id)
{
	struct deeds *d = deeds_of(r, account_id);
	d->suspended = instant_in(SUSPENDED);
	d->version = version_of(s);
	metric_add(&killed, 1);
	log_error(NULL, "rules.killed", F("account", s->owner),
		F("then", S("its scripts rest for an hour")));
}

/* ---- one run ---- */

struct asking {
	struct queue_scripts *r;
	const struct scripts_case *c;
	slice message;
	struct buf bytes; /* the case */
	struct scan_letter letter; /* both */
	struct scan_answer where;
	char *answer;
	bool damaged;
};

static void gather(void *arg)
{
	struct asking *k = arg;
	scripts_case_encode(&k->bytes, k->c);
	scan_letter_init(&k->letter, k->bytes.n + k->message.n);
	scan_letter_add(&k->letter, buf_slice(&k->bytes));
	scan_letter_add(&k->letter, k->message);
}

static void read_answer(void *arg)
{
	struct asking *k = arg;
	k->answer = mem_alloc((size_t)k->where.n);
	ssize_t n = pread(k->letter.fd, k->answer, (size_t)k->where.n, (off_t)k->where.from);
	k->damaged = n != (ssize_t)k->where.n;
}

static int decode(
	struct asking *k, slice reply, struct arena *a, struct scripts_verdict *ret, struct err *e)
{
	bool good = scan_answer_decode(reply, &k->where);
	slice text = k->where.text;
	if (good && k->where.n) {
		pool_call(read_answer, k);
		good = !k->damaged;
		text = good ? arena_dup(a, slice_of(k->answer, (size_t)k->where.n)) : S("");
		free(take(&k->answer));
	}
	if (!good || !scripts_verdict_decode(text, k->message.n, a, ret))
		return err_set(e, ERR_PROTO, "scan: a damaged verdict");
	return 0;
}

static int ask_once(
	struct asking *k, bool in_file, struct arena *a, struct scripts_verdict *ret, struct err *e)
{
	AUTO(buf) struct buf request = BUF(SCAN_WIRE_MAX);
	struct queue *q = k->r->q;
	struct scan_request r = {
		.job = SCAN_SCRIPTS, .lead_n = (uint32_t)k->bytes.n, .in_file = in_file};
	slice reply;
	if (in_file && scan_letter_file(&k->letter, S(""), &r.from, e) < 0)
		return -1;
	r.message = buf_slice(&k->letter.bytes);
	scan_request_encode(&request, &r);
	if (!buf_ok(&request))
		return err_set(e, ERR_LIMIT, "the request is too large");
	instant deadline = instant_in(2 * q->settings->config.scan->time + GIVE_UP);
	if (link_call_file(queue_scan_pick(q->scan), buf_slice(&request),
		    in_file ? k->letter.fd : -1, deadline, a, &reply, e) < 0)
		return -1;
	return decode(k, reply, a, ret, e);
}

/* As for letters that are examined (scans.c): only what had begun is held against it. */
static int ask(struct asking *k, struct arena *a, struct scripts_verdict *ret, struct err *e)
{
	unsigned strikes = 0;
	bool in_file = !scan_letter_is_small(&k->letter, S(""));
	for (unsigned i = 0; i < TRIES && strikes < STRIKES; i++) {
		if (ask_once(k, in_file, a, ret, e) == 0)
			return 0;
		log_warn(NULL, "rules.failed", F("account", k->c->set->owner), F("try", i + 1),
			F("error", e));
		if (e->kind == ERR_CLOSED)
			return -1;
		bool passing = e->kind == ERR_TEMP || e->kind == ERR_TIMEOUT;
		strikes += passing ? in_file && scan_letter_begun(&k->letter) : in_file;
		in_file = true;
	}
	return strikes < STRIKES ? err_set(e, ERR_TEMP, "no scan process runs the rules now")
				 : err_set(e, ERR_PERM, "the rules cannot be run");
}

static int run(void *arg, const struct scripts_case *c, slice message, struct arena *a,
	struct scripts_verdict *ret, struct err *e)
{
	struct queue_scripts *r = arg;
	int64_t account_id = c->account_id;
	struct asking k = {.r = r, .c = c, .message = message, .bytes = BUF(SCRIPTS_CASE_MAX)};
	if (is_suspended(r, c->set, account_id))
		return err_set(e, ERR_PERM, "its scripts rest");
	instant began = instant_now();
	if (message.n > IN_POOL)
		pool_call(gather, &k);
	else
		gather(&k);
	int status = buf_ok(&k.bytes) ? ask(&k, a, ret, e)
				      : err_set(e, ERR_PERM, "the scripts are too large together");
	if (status < 0 && e->kind == ERR_PERM)
		suspend(r, c->set, account_id);
	scan_letter_done(&k.letter);
	buf_done(&k.bytes);
	metric_add(&runs, 1);
	metric_add(&failures, status == 0 && ret->end == SIEVE_FAILED);
	metric_observe(&run_seconds, (uint64_t)(instant_now() - began));
	return status;
}

/* ---- scripts ---- */

static int scripts(void *arg, int64_t account_id, const struct script_set **ret, struct err *e)
{
	struct queue_scripts *r = arg;
	return script_cache_get(r->scripts, directory_seen(r->q->directory), account_id, ret, e);
}

static void drop(void *arg, const struct script_set *s)
{
	script_cache_drop(((struct queue_scripts *)arg)->scripts, s);
}

/* ---- the mailbox ---- */

struct reading {
	struct queue_scripts *r;
	int (*fn)(struct sql *db, struct reading *w);
	int64_t account_id;
	struct arena *a;
	struct err *e;
	int status;
	/* folders */
	struct sieve_folder *folders;
	size_t n;
	/* seen */
	const struct mailbox_seen *seen;
	int64_t since;
	/* metadata */
	slice folder, entry, value;
};

static void read_in_pool(void *arg)
{
	struct reading *w = arg;
	pthread_mutex_lock(&w->r->lock);
	w->status = w->fn(w->r->mail[mailbox_shard(w->account_id)], w);
	pthread_mutex_unlock(&w->r->lock);
}

static int read_mail(struct reading *w)
{
	pool_call(read_in_pool, w);
	return w->status;
}

static int read_folders(struct sql *db, struct reading *w)
{
	return scripts_known_folders(db, w->account_id, w->a, &w->folders, &w->n, w->e);
}

static int folders(void *arg, int64_t account_id, struct arena *a, struct sieve_folder **ret,
	size_t *ret_n, struct err *e)
{
	struct reading w = {.r = arg, .fn = read_folders, .account_id = account_id, .a = a, .e = e};
	if (read_mail(&w) < 0)
		return -1;
	*ret = w.folders;
	*ret_n = w.n;
	return 0;
}

static int read_seen(struct sql *db, struct reading *w)
{
	return mailbox_seen(db, w->seen, w->since, w->e);
}

static int seen(void *arg, const struct mailbox_seen *s, int64_t since, struct err *e)
{
	struct reading w = {.r = arg,
		.fn = read_seen,
		.account_id = s->account_id,
		.seen = s,
		.since = since,
		.e = e};
	return read_mail(&w);
}

static int read_metadata(struct sql *db, struct reading *w)
{
	return scripts_known_metadata(db, w->account_id, w->folder, w->entry, w->a, &w->value, w->e);
}

static int metadata(void *arg, int64_t account_id, slice folder, slice entry, struct arena *a,
	slice *ret, struct err *e)
{
	struct reading w = {.r = arg,
		.fn = read_metadata,
		.account_id = account_id,
		.folder = folder,
		.entry = entry,
		.a = a,
		.e = e};
	int r = read_mail(&w);
	if (r == 1)
		*ret = w.value;
	return r;
}

/* ---- lists: groups of the directory ---- */

struct nearness {
	struct queue_scripts *r;
	int64_t group_id, account_id;
	int result;
	struct err *e;
};

static void read_nearness(void *arg)
{
	struct nearness *n = arg;
	pthread_mutex_lock(&n->r->lock);
	n->result = directory_group_is_near(n->r->directory, n->group_id, n->account_id, n->e);
	pthread_mutex_unlock(&n->r->lock);
}

/* 1 with its people, 0: there is none of that name in the account's organisation, -1. */
static int find_group(struct queue_scripts *r, int64_t account_id, slice list, struct arena *a,
	struct rcpt_answer *ret, struct err *e)
{
	slice address;
	if (!scripts_known_group(list, &address))
		return 0;
	if (directory_rcpt(r->q->directory, address, a, ret, e) < 0)
		return -1;
	if (ret->kind != RCPT_LOCAL || !ret->group_id || !ret->targets)
		return 0;
	struct nearness n = {r, ret->group_id, account_id, 0, e};
	pool_call(read_nearness, &n);
	return n.result;
}

static int listed(void *arg, int64_t account_id, slice list, slice address, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct rcpt_answer group;
	slice canonical;
	int r = find_group(arg, account_id, list, &a, &group, e);
	if (r <= 0 || !address.n)
		return r;
	if (!directory_canonical(address, &a, &canonical))
		return 0;
	for (size_t i = 0; i < group.ntargets; i++)
		if (slice_eq(group.targets[i], canonical))
			return 1;
	return 0;
}

static int members(void *arg, int64_t account_id, slice list, struct arena *a, slice **ret,
	size_t *ret_n, struct err *e)
{
	struct rcpt_answer group;
	int r = find_group(arg, account_id, list, a, &group, e);
	*ret_n = 0;
	if (r <= 0)
		return r;
	*ret = group.targets;
	*ret_n = group.ntargets < MEMBERS_MAX ? group.ntargets : MEMBERS_MAX;
	return 0;
}

/* ---- opening ---- */

struct queue_scripts *queue_scripts_new(struct queue *q)
{
	struct queue_scripts *r = NEW(struct queue_scripts);
	r->q = q;
	r->judge = (struct scripts_judge){.scripts = scripts,
		.drop = drop,
		.run = run,
		.folders = folders,
		.seen = seen,
		.metadata = metadata,
		.listed = listed,
		.members = members,
		.may = may,
		.arg = r};
	pthread_mutex_init(&r->lock, NULL);
	return r;
}

int queue_scripts_open(struct queue_scripts *r, struct err *e)
{
	slice data = r->q->settings->config.server->data;
	r->judge.letter_max = (uint64_t)r->q->settings->config.scan->max_size;
	for (int i = 0; i < MAILBOX_SHARDS; i++)
		if (sql_open_read(data, mailbox_db_name(i), &r->mail[i], e) < 0)
			return -1;
	if (sql_open_read(data, "directory", &r->directory, e) < 0)
		return -1;
	return script_cache_open(data, &r->scripts, e);
}

const struct scripts_judge *queue_scripts_judge(struct queue_scripts *r)
{
	return &r->judge;
}

void queue_scripts_close(struct queue_scripts *r)
{
	if (!r)
		return;
	script_cache_close(r->scripts);
	for (int i = 0; i < MAILBOX_SHARDS; i++)
		sql_close(r->mail[i]);
	sql_close(r->directory);
	pthread_mutex_destroy(&r->lock);
	forget_deeds(r);
	free(r);
}
