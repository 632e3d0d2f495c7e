/*
 * The engine role (engines.h): the one process that talks to virus engines. It reads no mail itself: it hands
 * bytes on and understands short answers. All engines that a message is meant for are asked at once; one that
 * finds something is enough, and each that could not look is named.
 */
#include "base/hash.h"
#include "base/list.h"
#include "base/mem.h"
#include "bin/engine_command.h"
#include "bin/engine_wire.h"
#include "bin/role.h"
#include "run/link.h"
#include "run/log.h"
#include "run/loop.h"
#include "run/pool.h"
#include <errno.h>
#include <openssl/sha.h>
#include <sys/mman.h>
#include <sys/stat.h>

METRIC_COUNTER(messages, "posthouse_engine_requests_total", "",
	"Files that other processes wanted looked at by virus engines.");

enum { IN_POOL = 128 * 1024, ANSWER_TEXT_MAX = 6000 };

struct engine_self {
	struct role_env *env;
	struct arena mem;
	const struct engines_conf *conf;
	struct engine *engines;
	unsigned n;
	struct engine_kept *kept;
	struct engine_hand *hand;
	struct group watchers;
	struct list peers;
	unsigned asked; /* requests that were not answered yet */
	struct cond answered;
};

struct peer {
	struct list node;
	struct engine_self *role;
	struct link_server *server;
};

/* ---- one file, all engines ---- */

struct asking {
	struct engine_self *role;
	struct engine *engine;
	const struct engine_look *look;
	struct arena *a;
	int result;
	struct engine_found found;
	struct err e;
};

static void ask_one(void *arg)
{
	struct asking *k = arg;
	k->result = engine_ask(k->engine, k->role->kept, k->look, k->a, &k->found, &k->e);
}

static void name_in(struct buf *out, const struct engine *g, slice what)
{
	buf_printf(out, "%s%.*s: ", out->n ? ", " : "", SFMT(g->name));
	buf_put(out, what);
}

static void combine(const struct asking *v, size_t n, struct arena *a, struct engines_answer *ret)
{
	AUTO(buf) struct buf virus = BUF(ANSWER_TEXT_MAX);
	AUTO(buf) struct buf failed = BUF(ANSWER_TEXT_MAX);
	*ret = (struct engines_answer){.none = n == 0};
	for (size_t i = 0; i < n; i++) {
		const struct engine *g = v[i].engine;
		if (v[i].result == 0 && v[i].found.infected)
			name_in(&virus, g, v[i].found.virus);
		if (v[i].result == 0)
			continue;
		name_in(&failed, g, slice_z(v[i].e.text));
		ret->hold |= g->conf->down == ENGINE_DOWN_HOLD;
		ret->defer |= g->conf->down == ENGINE_DOWN_DEFER;
	}
	ret->infected = virus.n > 0;
	ret->virus = arena_dup(a, buf_slice(&virus));
	ret->failed = arena_dup(a, buf_slice(&failed));
}

static void ask_all(struct engine_self *r, unsigned purpose, const struct engine_look *look,
	struct arena *a, struct engines_answer *ret)
{
	struct asking *v = ARENA_ARRAY(a, struct asking, r->n + 1);
	struct group all;
	size_t n = 0;
	group_init(&all);
	for (unsigned i = 0; i < r->n; i++) {
		if (!(r->engines[i].purposes & purpose))
			continue;
		v[n] = (struct asking){
			.role = r, .engine = &r->engines[i], .look = look, .a = a, .result = -1};
		group_go(&all, "engine.ask", ask_one, &v[n++]);
	}
	group_join(&all);
	combine(v, n, a, ret);
}

/* ---- the file ---- */

static int map_file(int fd, uint64_t end, slice *ret, struct err *e)
{
	struct stat st;
	*ret = S("");
	if (fd < 0 || fstat(fd, &st) < 0 || (uint64_t)st.st_size < end)
		return err_set(e, ERR_PROTO, "the file is too short");
	void *p = end ? mmap(NULL, (size_t)end, PROT_READ, MAP_PRIVATE, fd, 0) : NULL;
	if (p == MAP_FAILED)
		return err_sys(e, errno, "the file");
	*ret = slice_of(p ? p : "", end);
	return 0;
}

static void digest(void *arg)
{
	struct engine_look *q = arg;
	SHA256((const unsigned char *)q->bytes.p, q->bytes.n, q->digest);
}

static int scan(struct engine_self *r, const struct engine_request *q, int fd, struct arena *a,
	struct buf *reply, struct err *e)
{
	slice map;
	struct engines_answer answer;
	if (map_file(fd, q->from + q->size, &map, e) < 0)
		return -1;
	struct engine_look look = {.bytes = slice_skip(map, (size_t)q->from),
		.name = q->name,
		.deadline = instant_in(q->within),
		/* Signatures that a site adds by itself change no version. */
		.again = q->purpose == ENGINE_AGAIN};
	if (look.bytes.n > IN_POOL)
		pool_call(digest, &look);
	else
		digest(&look);
	ask_all(r, q->purpose, &look, a, &answer);
	if (map.n)
		munmap((void *)(uintptr_t)map.p, map.n);
	engine_answer_encode(reply, &answer);
	return 0;
}

/* ---- versions ---- */

/* The same in every process: it is kept, and compared with later ones. */
static void tell_version(const struct engine_self *r, struct buf *reply)
{
	static const uint64_t key[2] = {0x706f7374, 0x686f757365};
	AUTO(buf) struct buf all = BUF((size_t)ENGINES_MAX * 1024);
	uint64_t version = 0;
	for (unsigned i = 0; i < r->n; i++) {
		const struct engine *g = &r->engines[i];
		if (!(g->purposes & ENGINE_AGAIN))
			continue;
		if (g->conf->type != ENGINE_COMMAND && !g->version[0])
			goto unknown;
		buf_str(&all, g->name);
		buf_str(&all, slice_first(g->conf->address, 255));
		buf_str(&all, slice_z(g->version));
	}
	if (all.n)
		version = hash_with(key, buf_slice(&all)) | 1;
unknown:
	buf_put(reply, slice_of(&version, sizeof version));
}

/* ---- requests ---- */

static int serve(struct engine_self *r, struct link_request *l, slice request, struct buf *reply,
	struct err *e)
{
	AUTO(arena) struct arena a = {0};
	AUTO(fd) int fd = link_request_take_file(l);
	struct engine_request q;
	if (!engine_request_decode(request, &q))
		return err_set(e, ERR_PROTO, "malformed request");
	if (q.ask == ENGINE_VERSION) {
		tell_version(r, reply);
		return 0;
	}
	metric_add(&messages, 1);
	return scan(r, &q, fd, &a, reply, e);
}

static void on_request(void *arg, struct link_request *l, slice request)
{
	struct engine_self *r = ((struct peer *)arg)->role;
	AUTO(buf) struct buf reply = BUF(ENGINE_WIRE_MAX);
	struct err e;
	r->asked++;
	if (serve(r, l, request, &reply, &e) == 0)
		link_reply(l, buf_slice(&reply));
	else
		link_refuse(l, &e);
	r->asked--;
	cond_wake_all(&r->answered);
}

/* ---- the role ---- */

static bool needs_hand(const struct engine_self *r)
{
	for (unsigned i = 0; i < r->n; i++)
		if (r->engines[i].conf->type == ENGINE_COMMAND ||
			r->engines[i].addr.ss.ss_family == AF_UNIX)
			return true;
	return false;
}

static void make_engines(struct engine_self *r, const struct conf *c)
{
	size_t n = conf_count(c, &engine_section);
	r->engines = ARENA_ARRAY(&r->mem, struct engine, ENGINES_MAX);
	for (size_t i = 0; i < n; i++) {
		slice name;
		const struct engine_conf *v = conf_nth(c, &engine_section, i, &name);
		if (v->enabled && r->n == ENGINES_MAX)
			log_error(NULL, "engine.too-many", F("max", (int)ENGINES_MAX));
		else if (v->enabled)
			engine_init(&r->engines[r->n++], name, (unsigned)i, v, &r->mem);
	}
}

static int engine_prepare(struct role_env *env, struct err *e)
{
	struct engine_self *r = NEW(struct engine_self);
	env->self = r;
	r->env = env;
	r->conf = conf_get(env->config.conf, &engines_section);
	cond_init(&r->answered);
	list_init(&r->peers);
	group_init(&r->watchers);
	make_engines(r, env->config.conf);
	r->kept = engine_kept_new(r->conf);
	if (!needs_hand(r))
		return 0;
	if (engine_hand_start(&env->config, &r->hand, e) < 0)
		return -1;
	for (unsigned i = 0; i < r->n; i++)
		r->engines[i].hand = r->hand;
	return 0;
}

struct watching {
	struct engine *engine;
	int64_t every;
};

static void watch(void *arg)
{
	AUTO(free) struct watching *w = arg;
	engine_watch(w->engine, w->every);
}

static int engine_open(struct role_env *env, struct err *e)
{
	struct engine_self *r = env->self;
	(void)e;
	if (r->hand)
		engine_hand_run(r->hand);
	for (unsigned i = 0; i < r->n; i++) {
		struct watching *w = NEW(struct watching);
		*w = (struct watching){&r->engines[i], r->conf->poll};
		group_go(&r->watchers, "engine.watch", watch, w);
	}
	return 0;
}

/* Its place is used again: requests that are still under work know it. */
static void on_closed(void *arg)
{
	((struct peer *)arg)->server = NULL;
}

static struct peer *free_peer(struct engine_self *r)
{
	list_each(n, &r->peers) {
		struct peer *p = list_entry(n, struct peer, node);
		if (!p->server)
			return p;
	}
	struct peer *p = NEW(struct peer);
	p->role = r;
	list_append(&r->peers, &p->node);
	return p;
}

static void engine_link(void *arg, const char *role, unsigned instance, int fd)
{
	struct peer *p = free_peer(((struct role_env *)arg)->self);
	const struct link_service service = {NULL, on_request, on_closed, p};
	(void)instance;
	p->server = link_serve(role, fd, &service);
}

/* What was asked is answered; a successor takes the rest. */
static void engine_stop(void *arg, enum proc_stop how, instant deadline)
{
	struct engine_self *r = ((struct role_env *)arg)->self;
	struct err e;
	(void)how;
	list_each(n, &r->peers) {
		struct peer *p = list_entry(n, struct peer, node);
		if (p->server)
			link_server_close(p->server);
	}
	co_yield();
	while (r->asked > 0)
		if (cond_wait(&r->answered, deadline, &e) < 0)
			break;
	group_cancel(&r->watchers);
	group_join(&r->watchers);
	loop_stop();
}

static void engine_close(struct role_env *env)
{
	struct engine_self *r = env->self;
	for (struct list *n; (n = list_shift(&r->peers));)
		free(list_entry(n, struct peer, node));
	engine_hand_free(r->hand);
	engine_kept_free(r->kept);
	/* Counters stay registered: what they point at lives as long as the process. */
}

/* A changed configuration: the master starts another, because the sandbox hangs on it. */
const struct role engine_role = {
	.name = "engine",
	.prepare = engine_prepare,
	.open = engine_open,
	.orders = {.stop = engine_stop, .link = engine_link},
	.close = engine_close,
};
