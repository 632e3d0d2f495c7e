/*
 * Taking a changed configuration into service without dropping a connection: check it, bind what is
 * new, start a new generation of edges with the sockets and of scan processes with the rules, and
 * when they are ready let the former ones finish what they have. Queue, auth and keys take the new
 * configuration in place.
 * Whatever fails before that point leaves everything as it was.
 */
#include "bin/master.h"

#include "base/mem.h"
#include "bin/access.h"
#include "bin/engines.h"
#include "bin/filter_conf.h"
#include "bin/web.h"
#include "bin/backup_role.h"
#include "bin/identity_conf.h"
#include "bin/server_tls.h"
#include "run/log.h"
#include <signal.h>
#include <unistd.h>

static int load(struct master *m, struct config *ret, struct buf *report, struct err *e)
{
	AUTO(arena) struct arena mem = {0};
	struct conf_errors errors;
	if (config_load(m->config_path, CONF_EN, ret, &mem, &errors, e) == 0)
		return 0;
	for (size_t i = 0; i < errors.n; i++) {
		buf_printf(report, "%.*s\n", SFMT(errors.v[i]));
		log_error(NULL, "config.error", F("error", errors.v[i]));
	}
	return -1;
}

/* What processes cannot change while they run. */
static int check_fixed(const struct config *was, const struct config *is, struct err *e)
{
	const struct server_conf *a = was->server, *b = is->server;
	if (!slice_eq(a->data, b->data) || !slice_eq(a->run, b->run) ||
		!slice_eq(a->user, b->user) || a->sandbox != b->sandbox)
		return err_set(e, ERR_PERM,
			"[server] data, run, user and sandbox change by a restart only");
	return 0;
}

/* Exchanges the configuration and the rules in force for those given, and back. */
static void swap(struct master *m, struct config *c, struct buf *text, struct master_given *given)
{
	struct config config = m->config;
	struct buf was = m->text;
	struct master_given former = m->given;
	m->config = *c;
	m->text = *text;
	m->given = *given;
	*c = config;
	*text = was;
	*given = former;
}

static void kill_all(struct slot *const *v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		v[i]->wanted = false;
		if (v[i]->proc)
			proc_kill(v[i]->proc, SIGKILL);
	}
}

enum { FRESH_MAX = 2 + SCAN_PROCESSES_MAX + MASTER_EDGES_MAX + MASTER_ACCESS_MAX };

/* A place for the new engine process, if there is to be one; those of the new edges ask it. */
static struct slot *engine_slot_free(struct master *m)
{
	struct slot *s = &m->engines[1 - m->engine_at];
	if (s->proc || s->wanted)
		return NULL;
	m->engine_at = 1 - m->engine_at;
	return s;
}

/* The new engine process, scan processes, edges and so on, ready; or none. */
static int start_all_fresh(struct master *m, struct slot **v, size_t *ret_n, struct err *e)
{
	size_t engines = engines_configured(m->config.conf) ? 1 : 0;
	size_t scans = engines + scans_wanted(&m->config), edges = scans + m->config.edges;
	size_t access = edges + access_wanted(&m->config), n = access + web_wanted(&m->config);
	for (size_t i = 0; i < n; i++) {
		v[i] = i < engines  ? engine_slot_free(m)
		       : i < scans  ? scan_slot_free(m)
		       : i < edges  ? edge_slot_free(m)
		       : i < access ? access_slot_free(m)
				    : web_slot_free(m);
		if (!v[i]) {
			kill_all(v, i);
			return err_set(
				e, ERR_LIMIT, "too many processes of earlier reloads still run");
		}
		slot_start(v[i]);
	}
	*ret_n = n;
	if (slots_wait_ready(m, v, n, MINUTE, e) == 0)
		return 0;
	kill_all(v, n);
	return -1;
}

static int start_fresh(struct master *m, struct slot **v, size_t *ret_n, struct err *e)
{
	unsigned engine_was = m->engine_at;
	m->swapping = true;
	int r = start_all_fresh(m, v, ret_n, e);
	m->swapping = false;
	if (r < 0)
		m->engine_at = engine_was;
	return r;
}

static bool among(const struct slot *s, struct slot *const *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (v[i] == s)
			return true;
	return false;
}

static void retire(struct master *m, struct slot *s, struct slot *const *fresh, size_t n)
{
	if (s->wanted && !among(s, fresh, n))
		slot_retire(s, PROC_STOP_DRAIN, m->config.server->drain_time);
}

static void retire_former(struct master *m, struct slot *const *fresh, size_t n)
{
	for (unsigned i = 0; i < MASTER_EDGES_MAX; i++)
		retire(m, &m->edges[i], fresh, n);
	for (unsigned i = 0; i < SCAN_INSTANCES_MAX; i++)
		retire(m, &m->scans[i], fresh, n);
	for (unsigned i = 0; i < MASTER_ACCESS_MAX; i++)
		retire(m, &m->access[i], fresh, n);
	for (unsigned i = 0; i < MASTER_WEBS_MAX; i++)
		retire(m, &m->webs[i], fresh, n);
	engine_connect_all(m);
	for (unsigned i = 0; i < 2; i++)
		retire(m, &m->engines[i], fresh, n);
}

static void tell(struct master *m, struct slot *s)
{
	if (s->proc)
		proc_order_reload(s->proc, m->config.path, buf_slice(&m->text));
}

/* It keeps nothing but keys of others: with another configuration it begins anew, and who asks meanwhile waits. */
/* What is under way goes on with the new process. */
static void renew_collect(struct master *m)
{
	if (m->collect.proc || m->collect.wanted) {
		slot_retire(&m->collect, PROC_STOP_SOON, 2 * SECOND);
		slot_wait_ended(&m->collect, instant_in(4 * SECOND));
	}
	if (!m->collect.proc)
		slot_start(&m->collect);
}

static void renew_identity(struct master *m)
{
	if (m->identity.proc || m->identity.wanted) {
		slot_retire(&m->identity, PROC_STOP_SOON, 2 * SECOND);
		slot_wait_ended(&m->identity, instant_in(4 * SECOND));
	}
	if (identity_wanted(&m->config) && !m->identity.proc)
		slot_start(&m->identity);
}

/* What it is confined to follows from the configuration; a backup under way goes on with the new process. */
static void renew_backup(struct master *m)
{
	if (m->backup.proc || m->backup.wanted) {
		slot_retire(&m->backup, PROC_STOP_SOON, 2 * SECOND);
		slot_wait_ended(&m->backup, instant_in(4 * SECOND));
	}
	if (backup_wanted(&m->config) && !m->backup.proc)
		slot_start(&m->backup);
}

/* One that is asked meanwhile is asked once more. */
static void renew_search(struct master *m)
{
	if (m->texts.proc || m->texts.wanted) {
		slot_retire(&m->texts, PROC_STOP_SOON, 2 * SECOND);
		slot_wait_ended(&m->texts, instant_in(4 * SECOND));
	}
	if (!search_wanted(&m->config)) {
		slot_retire(&m->indexer, PROC_STOP_SOON, 2 * SECOND);
		return;
	}
	if (!m->texts.proc)
		slot_start(&m->texts);
	if (m->indexer.proc && m->indexer.wanted)
		tell(m, &m->indexer);
	else if (!m->indexer.proc)
		slot_start(&m->indexer);
}

static int change_over(struct master *m, struct config *c, struct buf *text, struct err *e)
{
	struct slot *fresh[FRESH_MAX];
	size_t sockets = m->nsockets, n = 0;
	struct master_given given;
	if (master_given_make(m, c, &m->features, &given, e) < 0)
		return -1;
	if (listen_add(m, c, e) < 0) {
		master_given_close(&given);
		return -1;
	}
	swap(m, c, text, &given);
	m->generation++;
	if (start_fresh(m, fresh, &n, e) < 0) {
		swap(m, c, text, &given);
		master_given_close(&given);
		while (m->nsockets > sockets)
			close(m->sockets[--m->nsockets].fd);
		return -1;
	}
	master_given_close(&given);
	retire_former(m, fresh, n);
	listen_drop_others(m, &m->config);
	tell(m, &m->queue);
	tell(m, &m->auth);
	tell(m, &m->keys);
	tell(m, &m->keeper);
	tell(m, &m->feature);
	renew_identity(m);
	renew_collect(m);
	renew_backup(m);
	renew_search(m);
	log_set_level((enum log_level)m->config.log->level);
	return 0;
}

int master_renew_scans(struct master *m, struct err *e)
{
	struct slot *fresh[FRESH_MAX];
	size_t n = scans_wanted(&m->config);
	for (size_t i = 0; i < n; i++) {
		fresh[i] = scan_slot_free(m);
		if (!fresh[i]) {
			kill_all(fresh, i);
			return err_set(
				e, ERR_TEMP, "too many processes of earlier changes still run");
		}
		slot_start(fresh[i]);
	}
	if (slots_wait_ready(m, fresh, n, MINUTE, e) < 0) {
		kill_all(fresh, n);
		return -1;
	}
	for (unsigned i = 0; i < SCAN_INSTANCES_MAX; i++)
		retire(m, &m->scans[i], fresh, n);
	return 0;
}

static int reload(struct master *m, struct buf *report, struct err *e)
{
	struct config c;
	AUTO(buf) struct buf text = BUF(PROC_CONFIG_MAX);
	if (load(m, &c, report, e) < 0)
		return -1;
	config_text(&c, &text);
	int r = check_fixed(&m->config, &c, e);
	if (r == 0 && !buf_ok(&text))
		r = err_set(e, ERR_LIMIT, "the configuration is too long");
	if (r == 0)
		r = server_tls_check(&c, e);
	if (r == 0)
		r = change_over(m, &c, &text, e);
	config_done(&c); /* the former one, or the refused one */
	return r;
}

int master_reload(struct master *m, struct buf *report, struct err *e)
{
	if (m->reloading || m->stop_wanted)
		return err_set(e, ERR_TEMP,
			m->reloading ? "a reload is under way" : "the server is stopping");
	m->reloading = true;
	proc_notify("RELOADING=1");
	log_info(NULL, "server.reload");
	int r = reload(m, report, e);
	if (r < 0)
		log_error(NULL, "server.reload.refused", F("error", e));
	else
		log_info(NULL, "server.reloaded", F("generation", m->generation));
	proc_notify("READY=1");
	m->reloading = false;
	return r;
}
