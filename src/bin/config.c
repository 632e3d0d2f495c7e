/*
 * Loading the configuration (config.h): the file through run/conf, then what follows from it.
 * Called by the master, every role and the command line. Rules that concern several sections are
 * here.
 */
#include "bin/config.h"
#include "bin/edge_verify.h"

#include "base/mem.h"
#include "bin/access.h"
#include "bin/config_keys.h"
#include "bin/filter_conf.h"
#include "bin/policy_conf.h"
#include "bin/quarantine_conf.h"
#include "bin/web.h"
#include "codec/address.h"
#include "defence/dnsbl.h"
#include "mail/digest.h"
#include "mail/report_conf.h"
#include "training/conf.h"
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <unistd.h>

/* Served when the file has no [smtp "..."] section. */
#define DEFAULT_LISTENERS                                                                          \
	"\n[smtp \"mx\"]\nkind = mx\nlisten = *:25\n"                                              \
	"[smtp \"submission\"]\nkind = submission\nlisten = *:587\n"                               \
	"[smtp \"submissions\"]\nkind = submissions\nlisten = *:465\n"                             \
	"[smtp \"lmtp\"]\nkind = lmtp\nlisten = 127.0.0.1:24\n"

enum { CONFIG_TEXT_MAX = 1 << 20 };

/* The machine's own name, as complete as it knows it. */
static slice machine_name(struct arena *a)
{
	char name[256];
	if (gethostname(name, sizeof name) < 0)
		return S("localhost");
	name[sizeof name - 1] = 0;
	if (strchr(name, '.'))
		return arena_dup(a, slice_z(name));
	struct addrinfo hints = {.ai_flags = AI_CANONNAME, .ai_socktype = SOCK_STREAM}, *found;
	slice full = arena_dup(a, slice_z(name));
	if (getaddrinfo(name, NULL, &hints, &found) != 0)
		return full;
	if (found->ai_canonname && strchr(found->ai_canonname, '.'))
		full = arena_dup(a, slice_z(found->ai_canonname));
	freeaddrinfo(found);
	return full;
}

static int take_hostname(struct config *c, struct err *e)
{
	slice name = c->server->hostname.n ? c->server->hostname : machine_name(&c->mem);
	if (!domain_to_ascii(name, &c->mem, &c->hostname))
		return err_set(
			e, ERR_PERM, "[server] hostname: \"%.*s\" is no host name", SFMT(name));
	return 0;
}

static int take_postmaster(struct config *c, struct err *e)
{
	struct address parsed;
	c->postmaster = c->queue->postmaster;
	if (c->postmaster.n == 0)
		c->postmaster = arena_printf(&c->mem, "mailer-daemon@%.*s", SFMT(c->hostname));
	else if (address_parse(c->postmaster, false, &parsed) != ADDRESS_FINE)
		return err_set(e, ERR_PERM, "[queue] postmaster: \"%.*s\" is no mail address",
			SFMT(c->postmaster));
	slice doubles = c->queue->double_bounces;
	if (doubles.n && address_parse(doubles, false, &parsed) != ADDRESS_FINE)
		return err_set(e, ERR_PERM, "[queue] double_bounces: \"%.*s\" is no mail address",
			SFMT(doubles));
	return 0;
}

static void take_retry(struct config *c)
{
	c->nretry = c->queue->retry.n;
	c->retry = ARENA_ARRAY(&c->mem, int64_t, c->nretry);
	for (size_t i = 0; i < c->nretry; i++)
		duration_parse(c->queue->retry.v[i], &c->retry[i]); /* config_keys.c checked it */
}

static bool same_address(const struct net_addr *a, const struct net_addr *b)
{
	return a->len == b->len && memcmp(&a->ss, &b->ss, a->len) == 0;
}

/* Is this address of listener `at` used by itself earlier, or by a listener before it? */
static const struct listener *address_taken(const struct config *c, size_t at, size_t addr)
{
	const struct net_addr *mine = &c->listeners[at].conf->listen.v[addr];
	for (size_t i = 0; i <= at; i++)
		for (size_t j = 0; j < c->listeners[i].conf->listen.n; j++) {
			if (i == at && j >= addr)
				break;
			if (net_port(mine) &&
				same_address(mine, &c->listeners[i].conf->listen.v[j]))
				return &c->listeners[i];
		}
	return NULL;
}

static int take_listeners(struct config *c, struct err *e)
{
	char text[NET_TEXT_MAX];
	c->nlisteners = conf_count(c->conf, &smtpd_section);
	c->listeners = ARENA_ARRAY(&c->mem, struct listener, c->nlisteners);
	for (size_t i = 0; i < c->nlisteners; i++)
		c->listeners[i].conf = conf_nth(c->conf, &smtpd_section, i, &c->listeners[i].name);
	for (size_t i = 0; i < c->nlisteners; i++)
		for (size_t j = 0; j < c->listeners[i].conf->listen.n; j++) {
			const struct listener *other = address_taken(c, i, j);
			if (!other)
				continue;
			net_print(&c->listeners[i].conf->listen.v[j], text);
			return err_set(e, ERR_PERM,
				"[smtp \"%.*s\"] and [smtp \"%.*s\"] both listen on %s",
				SFMT(other->name), SFMT(c->listeners[i].name), text);
		}
	return 0;
}

/* The pages share no address with mail. */
static int check_web(const struct config *c, struct err *e)
{
	const struct web_conf *w = conf_get(c->conf, &web_section);
	char text[NET_TEXT_MAX];
	for (size_t i = 0; i < w->listen.n; i++)
		for (size_t k = 0; k < c->nlisteners; k++)
			for (size_t j = 0; j < c->listeners[k].conf->listen.n; j++) {
				const struct net_addr *a = &c->listeners[k].conf->listen.v[j];
				if (!net_port(a) || !same_address(a, &w->listen.v[i]))
					continue;
				net_print(a, text);
				return err_set(e, ERR_PERM,
					"[web] and [smtp \"%.*s\"] both listen on %s",
					SFMT(c->listeners[k].name), text);
			}
	return 0;
}

static slice file_or(struct arena *a, slice path, slice data, const char *name)
{
	return path.n ? path : arena_printf(a, "%.*s/tls/%s", SFMT(data), name);
}

static unsigned edges_wanted(const struct server_conf *s)
{
	long processors = sysconf(_SC_NPROCESSORS_ONLN);
	if (s->edges > 0)
		return (unsigned)s->edges;
	return processors < 1 ? 1 : processors > 16 ? 16 : (unsigned)processors;
}

/* Takes conf over. */
static int complete(struct config *c, struct conf *conf, struct err *e)
{
	c->conf = conf;
	c->server = conf_get(conf, &server_section);
	c->tls = conf_get(conf, &tls_section);
	c->connections = conf_get(conf, &connections_section);
	c->callout = conf_get(conf, &callout_section);
	c->auth = conf_get(conf, &auth_section);
	c->queue = conf_get(conf, &queue_section);
	c->delivery = conf_get(conf, &delivery_section);
	c->dns = conf_get(conf, &dns_section);
	c->store = conf_get(conf, &store_section);
	c->log = conf_get(conf, &log_section);
	c->reports = conf_get(conf, &reports_section);
	c->signing = conf_get(conf, &signing_section);
	c->srs = conf_get(conf, &srs_section);
	c->kv = conf_get(conf, &kv_section);
	c->reputation = conf_get(conf, &reputation_section);
	c->fingerprints = conf_get(conf, &fingerprints_section);
	c->greylist = conf_get(conf, &greylist_section);
	c->autowhite = conf_get(conf, &autowhite_section);
	c->digest = conf_get(conf, &digest_section);
	c->alarm = conf_get(conf, &alarm_section);
	struct quarantine_conf *quarantine = ARENA_NEW(&c->mem, struct quarantine_conf);
	quarantine_conf_read(conf, quarantine);
	c->quarantine = quarantine;
	c->scan = conf_get(conf, &scan_section);
	c->filter = conf_get(conf, &filter_section);
	c->policy = conf_get(conf, &policy_conf_section);
	c->learning = conf_get(conf, &learning_section);
	c->verify = conf_get(conf, &verify_section);
	c->edges = edges_wanted(c->server);
	c->certificate = file_or(&c->mem, c->tls->certificate, c->server->data, "certificate.pem");
	c->key = file_or(&c->mem, c->tls->key, c->server->data, "key.pem");
	take_retry(c);
	if (take_hostname(c, e) < 0 || take_postmaster(c, e) < 0 || take_listeners(c, e) < 0 ||
		check_web(c, e) < 0 || access_check(c, e) < 0 || dnsbls_check(conf, e) < 0)
		return -1;
	return 0;
}

/* A configuration without listeners gets the usual ones. Replaces *conf. */
static int add_listeners(struct conf **conf, slice sections, slice name, enum conf_lang lang,
	struct arena *mem, struct conf_errors *errors, struct err *e)
{
	AUTO(buf) struct buf text = BUF(CONFIG_TEXT_MAX);
	struct conf *more;
	if (sections.n == 0)
		return 0;
	conf_print(*conf, CONF_SHOW_SECRETS, &text);
	buf_put(&text, sections);
	if (!buf_ok(&text))
		return err_set(
			e, ERR_LIMIT, "configuration of more than %d bytes", CONFIG_TEXT_MAX);
	if (conf_parse(buf_slice(&text), name, config_sections, lang, mem, &more, errors, e) < 0)
		return -1;
	conf_free(*conf);
	*conf = more;
	return 0;
}

static int finish(struct conf *loaded, slice path, enum conf_lang lang, struct config *ret,
	struct arena *mem, struct conf_errors *errors, struct err *e)
{
	AUTO(conf) struct conf *conf = loaded;
	slice smtp = conf_count(conf, &smtpd_section) == 0 ? S(DEFAULT_LISTENERS) : S("");
	if (add_listeners(&conf, smtp, path, lang, mem, errors, e) < 0 ||
		add_listeners(&conf, access_defaults(conf), path, lang, mem, errors, e) < 0)
		return -1;
	struct config c = {0};
	c.path = arena_dup(&c.mem, path);
	if (complete(&c, take(&conf), e) < 0) {
		config_done(&c);
		errors->v = ARENA_NEW(mem, slice);
		errors->v[0] = arena_printf(mem, "%.*s: %s", SFMT(path), e->text);
		errors->n = 1;
		return -1;
	}
	*ret = c;
	return 0;
}

int config_load(slice path, enum conf_lang lang, struct config *ret, struct arena *mem,
	struct conf_errors *ret_errors, struct err *e)
{
	struct conf *conf;
	*ret_errors = (struct conf_errors){0};
	slice file = path.n ? path : S(CONFIG_PATH);
	int r = conf_load(file, config_sections, lang, mem, &conf, ret_errors, e);
	if (r < 0 && path.n == 0 && e->kind == ERR_NOTFOUND)
		r = conf_parse(S(""), file, config_sections, lang, mem, &conf, ret_errors, e);
	return r < 0 ? -1 : finish(conf, file, lang, ret, mem, ret_errors, e);
}

int config_parse(slice text, slice path, struct config *ret, struct err *e)
{
	AUTO(arena) struct arena mem = {0};
	struct conf_errors errors = {0};
	struct conf *conf;
	if (conf_parse(text, path, config_sections, CONF_EN, &mem, &conf, &errors, e) < 0)
		return -1;
	return finish(conf, path, CONF_EN, ret, &mem, &errors, e);
}

void config_text(const struct config *c, struct buf *out)
{
	conf_print(c->conf, CONF_SHOW_SECRETS, out);
}

void config_done(struct config *c)
{
	conf_free(c->conf);
	arena_done(&c->mem);
	*c = (struct config){0};
}
