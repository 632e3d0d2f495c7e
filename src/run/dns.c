/*
 * The resolver: one libunbound context a process, whose own thread does the work; answers come back
 * over a descriptor and wake the coroutine that asked. Used by whoever looks something up; what
 * answers mean is in dns_types.c.
 *
 * The coroutine that reads the descriptor (the pump) lives only while questions are under way, so
 * an idle resolver keeps no loop from ending. A cancelled question is forgotten here at once;
 * libunbound finishes it in the background, for its cache.
 */
#include "base/mem.h"
#include "base/must.h"
#include "run/dns_internal.h"
#include "run/loop.h"
#include "run/pool.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <sys/epoll.h>

struct dns {
	struct ub_ctx *ub;
	int fd;
	enum dns_order order;
	int64_t timeout;
	bool validates;
	struct dns_hot *hot;
	unsigned in_flight;
	struct co *pump; /* the one that reads; a cancelled one may still be on its way out */
	unsigned pumps;
};

/* ---- configuration ---- */

/* "192.0.2.1", "127.0.0.1@5353", "2001:db8::1@53" */
static bool is_server(slice s)
{
	uint64_t port;
	char ip[INET6_ADDRSTRLEN];
	uint8_t bin[16];
	size_t at = slice_index(s, '@');
	if (at >= sizeof ip || (at < s.n && (!slice_u64(slice_skip(s, at + 1), &port) ||
						    port == 0 || port > 65535)))
		return false;
	memcpy(ip, s.p, at);
	ip[at] = 0;
	return inet_pton(AF_INET, ip, bin) == 1 || inet_pton(AF_INET6, ip, bin) == 1;
}

static void check_dns(const void *value, slice instance, struct conf_check *c)
{
	const struct dns_config *cfg = value;
	(void)instance;
	if (cfg->mode == DNS_FORWARD && cfg->servers.n == 0)
		conf_complain(c, "servers", "the mode forward needs at least one server",
			"forward 模式至少需要一个服务器");
	for (size_t i = 0; i < cfg->servers.n; i++)
		if (!is_server(cfg->servers.v[i]))
			conf_complain(c, "servers", "each server is an IP address, or ADDRESS@PORT",
				"每个服务器应为 IP 地址，或“地址@端口”");
}

static const char *const mode_words[] = {"system", "forward", "recurse", NULL};
static const char *const order_words[] = {
	"ipv6-first", "ipv4-first", "ipv6-only", "ipv4-only", NULL};

static const struct conf_key dns_keys[] = {
	CONF_KEY_ENUM(struct dns_config, mode, "system", mode_words,
		"Whom to ask: the servers of /etc/resolv.conf (system), the resolvers listed below "
		"(forward), or the DNS "
		"itself, beginning at its root (recurse).",
		"查询方式：使用 /etc/resolv.conf "
		"中的服务器（system）、下列解析服务器（forward），或自根域起递归查询（recurse）。"),
	CONF_KEY_LIST(struct dns_config, servers, "",
		"Servers for the mode forward: addresses, with @PORT where it is not 53.",
		"forward 模式的服务器地址；端口不是 53 时写作“地址@端口”。"),
	CONF_KEY_PATH(struct dns_config, root_hints, "",
		"File with the root servers for the mode recurse; empty for the built-in list.",
		"recurse 模式的根服务器文件；留空则使用内置列表。"),
	CONF_KEY_PATH(struct dns_config, trust_anchor, "",
		"File with the DNSSEC trust anchor, on Debian /usr/share/dns/root.key of the "
		"package dns-root-data. With it an answer that fails validation counts as none, "
		"and "
		"the mail waits; only with it are certificates looked up in the DNS (DANE). When "
		"empty, answers are not validated.",
		"DNSSEC 信任锚文件，Debian 上为 dns-root-data 软件包的 "
		"/usr/share/dns/root.key。设置后，未通过验证的应答视为没有应答，邮件等待；"
		"仅在设置后才通过 DNS 查证对方证书（DANE）。留空则不验证应答。"),
	CONF_KEY_ENUM(struct dns_config, order, "ipv6-first", order_words,
		"Which addresses of a host to use, and in which order.",
		"使用主机的哪类地址及其先后次序。"),
	CONF_KEY_SIZE(struct dns_config, cache_size, "32m", 1 << 20, 16LL << 30,
		"Memory for cached answers, in each process that uses the DNS.",
		"每个使用 DNS 的进程的应答缓存大小。"),
	CONF_KEY_DURATION(struct dns_config, timeout, "20s", SECOND, 5 * MINUTE,
		"How long to wait for an answer; then it is a temporary failure.",
		"等待应答的时间；超过即视为临时失败。"),
	CONF_END,
};

const struct conf_section dns_section = {"dns", dns_keys, sizeof(struct dns_config), false,
	"Looking up names.", "域名解析。", check_dns};

/* ---- opening ---- */

static int set_option(struct dns *d, const char *name, const char *value, struct err *e)
{
	int r = ub_ctx_set_option(d->ub, name, value);
	return r ? err_set(e, ERR_PERM, "dns: %s %s: %s", name, value, ub_strerror(r)) : 0;
}

static int set_cache(struct dns *d, int64_t size, struct err *e)
{
	char value[24];
	snprintf(value, sizeof value, "%lld", (long long)size / 3);
	if (set_option(d, "msg-cache-size:", value, e) < 0)
		return -1;
	snprintf(value, sizeof value, "%lld", (long long)size / 3 * 2);
	return set_option(d, "rrset-cache-size:", value, e);
}

static int set_servers(struct dns *d, const struct dns_config *cfg, struct err *e)
{
	int r = 0;
	if (cfg->mode == DNS_SYSTEM)
		r = ub_ctx_resolvconf(d->ub, NULL);
	for (size_t i = 0; cfg->mode == DNS_FORWARD && i < cfg->servers.n; i++) {
		AUTO(free) char *server = mem_dup(cfg->servers.v[i].p, cfg->servers.v[i].n);
		r = ub_ctx_set_fwd(d->ub, server);
		if (r)
			return err_set(e, ERR_PERM, "dns: server %s: %s", server, ub_strerror(r));
	}
	return r ? err_set(e, ERR_PERM, "dns: /etc/resolv.conf: %s", ub_strerror(r)) : 0;
}

/* Servers of the site's own choice are asked about everything, also what libunbound would answer by
 * itself because the public DNS must not be bothered with it: private reverse zones, test. (RFC
 * 6303, 6761). */
static int open_private_zones(struct dns *d, struct err *e)
{
	if (set_option(d, "do-not-query-localhost:", "no", e) < 0 ||
		set_option(d, "unblock-lan-zones:", "yes", e) < 0 ||
		set_option(d, "insecure-lan-zones:", "yes", e) < 0)
		return -1;
	return set_option(d, "local-zone:", "test. transparent", e);
}

static int set_files(struct dns *d, const struct dns_config *cfg, struct err *e)
{
	if (cfg->mode == DNS_RECURSE && cfg->root_hints.n) {
		AUTO(free) char *path = mem_dup(cfg->root_hints.p, cfg->root_hints.n);
		if (set_option(d, "root-hints:", path, e) < 0)
			return -1;
	}
	if (cfg->trust_anchor.n) {
		AUTO(free) char *path = mem_dup(cfg->trust_anchor.p, cfg->trust_anchor.n);
		if (access(path, R_OK) < 0)
			return err_set(e, ERR_PERM, "dns: trust anchor %s cannot be read", path);
		int r = ub_ctx_add_ta_file(d->ub, path);
		if (r)
			return err_set(
				e, ERR_PERM, "dns: trust anchor %s: %s", path, ub_strerror(r));
	}
	return 0;
}

static void ignore(void *arg, int status, struct ub_result *r)
{
	(void)arg, (void)status;
	ub_resolve_free(r);
}

/* The first question starts libunbound's thread and reads the root hints, on more stack than a
 * coroutine has: it is asked here, about a name that libunbound answers by itself. */
static int start_worker(struct dns *d, struct err *e)
{
	int id;
	int r = ub_resolve_async(d->ub, "nothing.invalid.", 1, 1, NULL, ignore, &id);
	if (r)
		return err_set(e, ERR_PERM, "dns: %s", ub_strerror(r));
	ub_cancel(d->ub, id);
	return 0;
}

/* libunbound reads its files and tells of mistakes when it is first used. Removing what is not
 * there is such a use: now, with an error in the right place, and before the sandbox closes the
 * file system. */
static int finalize(struct dns *d, const struct dns_config *cfg, struct err *e)
{
	int r = ub_ctx_data_remove(d->ub, "nothing.invalid.");
	if (r == 0)
		return start_worker(d, e);
	return err_set(e, ERR_PERM, "dns: %s%s%.*s", ub_strerror(r),
		cfg->trust_anchor.n ? "; is this a trust anchor file: " : "",
		SFMT(cfg->trust_anchor));
}

static int configure(struct dns *d, const struct dns_config *cfg, struct err *e)
{
	ub_ctx_debugout(d->ub, NULL); /* it would write to stderr past our log */
	if (set_cache(d, cfg->cache_size, e) < 0 ||
		set_option(d, "num-queries-per-thread:", "2048", e) < 0)
		return -1;
	if (cfg->mode != DNS_RECURSE && open_private_zones(d, e) < 0)
		return -1;
	if (set_servers(d, cfg, e) < 0 || set_files(d, cfg, e) < 0)
		return -1;
	int r = ub_ctx_async(d->ub, 1);
	return r ? err_set(e, ERR_PERM, "dns: %s", ub_strerror(r)) : finalize(d, cfg, e);
}

struct opening {
	struct dns *d;
	const struct dns_config *cfg;
	int result;
	struct err *e;
};

/* Reads files, and needs more stack than a coroutine has. */
static void opening_run(void *arg)
{
	struct opening *o = arg;
	o->result = configure(o->d, o->cfg, o->e);
}

int dns_open(const struct dns_config *cfg, struct dns **ret, struct err *e)
{
	struct dns *d = NEW(struct dns);
	struct opening opening = {d, cfg, -1, e};
	d->ub = ub_ctx_create();
	must(d->ub != NULL);
	d->order = (enum dns_order)cfg->order;
	d->timeout = cfg->timeout;
	d->validates = cfg->trust_anchor.n > 0;
	pool_call(opening_run, &opening);
	if (opening.result < 0) {
		ub_ctx_delete(d->ub);
		free(d);
		return -1;
	}
	d->fd = ub_fd(d->ub);
	d->hot = dns_hot_new();
	*ret = d;
	return 0;
}

void dns_close(struct dns *d)
{
	if (!d)
		return;
	must(d->in_flight == 0);
	while (d->pumps && co_self())
		co_yield();
	must(d->pumps == 0);
	loop_forget_fd(d->fd);
	dns_hot_free(d->hot);
	ub_ctx_delete(d->ub);
	free(d);
}

bool dns_validates(const struct dns *d)
{
	return d->validates;
}

enum dns_order dns_order_of(const struct dns *d)
{
	return d->order;
}

/* ---- asking ---- */

const char *dns_status_name(enum dns_status s)
{
	static const char *const names[] = {"ok", "nodata", "nxdomain", "temp", "bogus"};
	return names[s];
}

static void type_name(int type, char to[16])
{
	static const struct {
		int type;
		const char *name;
	} known[] = {{DNS_TYPE_A, "A"}, {DNS_TYPE_NS, "NS"}, {DNS_TYPE_CNAME, "CNAME"},
		{DNS_TYPE_PTR, "PTR"}, {DNS_TYPE_MX, "MX"}, {DNS_TYPE_TXT, "TXT"},
		{DNS_TYPE_AAAA, "AAAA"}, {DNS_TYPE_TLSA, "TLSA"}};
	snprintf(to, 16, "TYPE%d", type);
	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (known[i].type == type)
			snprintf(to, 16, "%s", known[i].name);
}

static int temp(const struct lookup *l, struct err *e, const char *why)
{
	char type[16];
	type_name(l->type, type);
	return err_set(e, ERR_TEMP, "dns: %.*s %s: %s", SFMT(l->name), type, why);
}

/* Printable ASCII labels of 1 to 63 bytes, 253 together; a final dot is allowed (RFC 1035 2.3.4).
 */
static bool is_domain(slice s)
{
	if (slice_eq(s, S(".")))
		return true;
	if (s.n && s.p[s.n - 1] == '.')
		s.n--;
	if (s.n == 0 || s.n > DNS_NAME_MAX)
		return false;
	for (slice label; slice_cut(&s, '.', &label);) {
		if (label.n == 0 || label.n > 63)
			return false;
		for (size_t i = 0; i < label.n; i++)
			if (label.p[i] <= ' ' || label.p[i] > '~' || label.p[i] == '\\')
				return false;
	}
	return true;
}

static void pump(void *arg)
{
	struct dns *d = arg;
	struct err e;
	while (d->in_flight && loop_wait_fd(d->fd, EPOLLIN, INSTANT_NEVER, &e) == 0)
		ub_process(d->ub);
	if (d->pump == co_self())
		d->pump = NULL;
	d->pumps--;
}

static void lookup_left(struct lookup *l)
{
	must(l->d->in_flight > 0);
	l->running = false;
	l->d->in_flight--;
}

static void hold(struct lookup *l, struct dns_held *held)
{
	l->held = held;
	l->result = held ? held->result : NULL;
}

static void on_answer(void *arg, int error, struct ub_result *result)
{
	struct lookup *l = arg;
	lookup_left(l);
	l->error = error;
	if (result)
		hold(l, dns_hot_put(l->d->hot, l->name, l->type, result));
	cond_wake_all(&l->done);
}

int lookup_start(struct lookup *l, struct dns *d, slice name, int type, struct err *e)
{
	char text[DNS_NAME_MAX + 2];
	*l = (struct lookup){.d = d, .name = name, .type = type};
	cond_init(&l->done);
	if (!is_domain(name))
		return err_set(e, ERR_PROTO, "dns: '%.*s' is not a domain name",
			SFMT(slice_first(name, 100)));
	hold(l, dns_hot_find(d->hot, name, type));
	if (l->held)
		return 0;
	if (d->in_flight >= DNS_FLIGHT_MAX)
		return temp(l, e, "too many lookups under way");
	memcpy(text, name.p, name.n);
	text[name.n] = 0;
	int r = ub_resolve_async(d->ub, text, type, 1 /* IN */, l, on_answer, &l->id);
	if (r)
		return temp(l, e, ub_strerror(r));
	l->running = true;
	d->in_flight++;
	if (!d->pump) {
		d->pumps++;
		d->pump = co_go("dns", pump, d);
	}
	return 0;
}

void lookup_end(struct lookup *l)
{
	if (l->running) {
		ub_cancel(l->d->ub, l->id);
		lookup_left(l);
		if (l->d->in_flight == 0 && l->d->pump)
			co_cancel(take(&l->d->pump));
	}
	dns_hot_release(l->held);
	hold(l, NULL);
}

/* Waits at most d->timeout beside the caller's deadline. */
static int await(struct lookup *l, instant deadline, struct err *e)
{
	instant own = instant_in(l->d->timeout);
	while (l->running) {
		if (cond_wait(&l->done, own < deadline ? own : deadline, e) == 0)
			continue;
		if (!l->running)
			return 0;
		return e->kind == ERR_TIMEOUT && own < deadline ? temp(l, e, "no answer in time")
								: -1;
	}
	return 0;
}

static slice lower_name(struct arena *a, slice s)
{
	if (s.n && s.p[s.n - 1] == '.')
		s.n--;
	char *z = arena_strz(a, s);
	for (size_t i = 0; i < s.n; i++)
		z[i] = ascii_lower(z[i]);
	return slice_of(z, s.n);
}

int lookup_wait(
	struct lookup *l, instant deadline, struct arena *a, struct dns_answer *ret, struct err *e)
{
	enum { RCODE_NXDOMAIN = 3 };
	if (await(l, deadline, e) < 0) {
		if (e->kind == ERR_TEMP)
			ret->status = DNS_TEMP;
		return -1;
	}
	const struct ub_result *r = l->result;
	if (l->error || !r) {
		ret->status = DNS_TEMP;
		return temp(l, e, ub_strerror(l->error));
	}
	if (r->bogus) {
		ret->status = DNS_BOGUS;
		return temp(l, e, r->why_bogus ? r->why_bogus : "DNSSEC validation failed");
	}
	if (r->rcode && r->rcode != RCODE_NXDOMAIN) {
		static const char *const rcodes[] = {
			"", "format error", "server failure", "", "not implemented", "refused"};
		ret->status = DNS_TEMP;
		return temp(l, e, r->rcode < 6 ? rcodes[r->rcode] : "error reply");
	}
	int64_t age = (loop_now() - l->held->since) / SECOND;
	*ret = (struct dns_answer){
		.status = r->nxdomain   ? DNS_NXDOMAIN
			  : r->havedata ? DNS_OK
					: DNS_NODATA,
		.secure = r->secure != 0,
		.ttl = r->ttl > age ? (uint32_t)(r->ttl - age) : 0,
		.canon = lower_name(a, r->canonname ? slice_z(r->canonname) : l->name),
	};
	return 0;
}
