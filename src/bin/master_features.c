/*
 * Feature packs in the master (features.h): scan processes get the rules and the base model of the versions in force;
 * when others come into force, new scan processes are started with them, and when they are ready those of before
 * finish what they have: no message waits for it, none is judged by half of each. One scan process more, instance
 * SCAN_TRIAL, judges by versions that are tried; nobody but the edges' sample asks it.
 *
 * Orders come from the features process over its link, and from the command line by the control socket. Of the files
 * only the index is read, and bytes are handed on whose digests are right.
 */
#include "bin/master.h"

#include "base/mem.h"
#include "bin/features.h"
#include "bin/filter_conf.h"
#include "bin/rule_files.h"
#include "bin/yara_files.h"
#include "run/link.h"
#include "run/log.h"
#include "run/memfile.h"
#include <signal.h>
#include <unistd.h>

enum { SET_TEXT_MAX = 1000 };
#define READY_TIME (MINUTE)

/* ---- what scan processes are given ---- */

static int make_model(struct master *m, const struct feature_set *set, int *ret_fd, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct feature_part *v;
	size_t n;
	*ret_fd = -1;
	if (feature_set_files(m->config.server->data, set, FEATURE_MODEL, &a, &v, &n, e) < 0)
		return -1;
	if (n)
		*ret_fd = memfile_of("model", v[n - 1].bytes, e);
	return n && *ret_fd < 0 ? -1 : 0;
}

int master_given_make(struct master *m, const struct config *c, const struct feature_set *set,
	struct master_given *ret, struct err *e)
{
	const struct rule_files_from from = {c->filter->rules, m->config.server->data, set};
	const struct yara_conf *yara = conf_get(c->conf, &yara_section);
	struct master_given g = {-1, -1, -1};
	if (make_model(m, set, &g.model, e) < 0)
		return -1;
	if (yara_files_pack(yara->rules, m->config.server->data, set, &g.yara, e) < 0) {
		master_given_close(&g);
		return -1;
	}
	if (rule_files_pack(&from, &g.rules, e) < 0) {
		master_given_close(&g);
		return -1;
	}
	*ret = g;
	return 0;
}

void master_given_close(struct master_given *g)
{
	if (g->rules >= 0)
		close(take_fd(&g->rules));
	if (g->model >= 0)
		close(take_fd(&g->model));
	if (g->yara >= 0)
		close(take_fd(&g->yara));
}

/* What cannot be read now does not stop mail. */
void master_given_read(struct master *m)
{
	const struct feature_set none = {0};
	struct err e;
	if (feature_current_read(m->config.server->data, &m->features, &e) == 0 &&
		master_given_make(m, &m->config, &m->features, &m->given, &e) == 0)
		return;
	log_error(NULL, "rules.unreadable", F("error", &e));
	m->features = none;
	if (master_given_make(m, &m->config, &none, &m->given, &e) < 0)
		log_error(NULL, "rules.unreadable", F("error", &e),
			F("then", S("the shipped rules alone are in force")));
}

/* ---- the trial ---- */

static void end_trial(struct master *m)
{
	slot_retire(&m->scans[SCAN_TRIAL], PROC_STOP_SOON, SECOND);
	master_given_close(&m->trial_given);
	m->trial_set = (struct feature_set){0};
}

static bool same_set(const struct feature_set *a, const struct feature_set *b)
{
	AUTO(buf) struct buf x = BUF(SET_TEXT_MAX);
	AUTO(buf) struct buf y = BUF(SET_TEXT_MAX);
	feature_set_print(a, &x);
	feature_set_print(b, &y);
	return slice_eq(buf_slice(&x), buf_slice(&y));
}

/* The process that runs is of this trial, and edges of today may ask it. */
static bool is_tried(const struct master *m, const struct feature_set *set)
{
	return m->scans[SCAN_TRIAL].wanted && same_set(&m->trial_set, set) &&
	       m->trial_generation == m->generation;
}

static int start_trial(struct master *m, const struct feature_set *set, struct err *e)
{
	struct slot *one = &m->scans[SCAN_TRIAL];
	if (is_tried(m, set))
		return 0;
	end_trial(m);
	if (!slot_wait_ended(&m->scans[SCAN_TRIAL], instant_in(5 * SECOND)))
		return err_set(e, ERR_TEMP, "the former trial has not ended yet");
	if (master_given_make(m, &m->config, set, &m->trial_given, e) < 0)
		return -1;
	m->trial_set = *set;
	m->trial_generation = m->generation;
	slot_start(&m->scans[SCAN_TRIAL]);
	if (slots_wait_ready(m, &one, 1, READY_TIME, e) == 0)
		return 0;
	m->scans[SCAN_TRIAL].wanted = false;
	if (m->scans[SCAN_TRIAL].proc)
		proc_kill(m->scans[SCAN_TRIAL].proc, SIGKILL);
	master_given_close(&m->trial_given);
	return -1;
}

/* ---- another set comes into force ---- */

static void exchange(struct master *m, struct feature_set *set, struct master_given *given)
{
	struct feature_set was = m->features;
	struct master_given had = m->given;
	m->features = *set;
	m->given = *given;
	*set = was;
	*given = had;
}

static int use(struct master *m, const struct feature_set *set, struct err *e)
{
	struct feature_set other = *set;
	struct master_given given;
	if (master_given_make(m, &m->config, set, &given, e) < 0)
		return -1;
	exchange(m, &other, &given);
	m->generation++;
	int r = master_renew_scans(m, e);
	if (r < 0)
		exchange(m, &other, &given);
	master_given_close(&given); /* those of before, or those that were no good */
	return r;
}

int master_features_use(struct master *m, const struct feature_set *set, struct err *e)
{
	if (same_set(&m->features, set))
		return 0;
	if (m->reloading || m->stop_wanted)
		return err_set(e, ERR_TEMP,
			m->reloading ? "a reload is under way" : "the server is stopping");
	m->reloading = true;
	int r = use(m, set, e);
	m->reloading = false;
	if (r == 0)
		end_trial(m);
	if (r < 0)
		log_error(NULL, "features.refused", F("error", e));
	else
		log_info(NULL, "features.in_force", F("generation", m->generation));
	return r;
}

/* ---- orders ---- */

static int obey(struct master *m, slice order, struct err *e)
{
	struct feature_set set;
	slice verb;
	if (!slice_cut(&order, ' ', &verb))
		verb = S("");
	if (slice_eq(verb, S("end"))) {
		end_trial(m);
		return 0;
	}
	if (!feature_set_parse(order, &set))
		return err_set(e, ERR_PROTO, "not a set of versions");
	if (slice_eq(verb, S("use")))
		return master_features_use(m, &set, e);
	if (slice_eq(verb, S("try")))
		return start_trial(m, &set, e);
	return err_set(e, ERR_PROTO, "not known here");
}

static void on_request(void *arg, struct link_request *r, slice request)
{
	struct err e;
	if (obey(arg, request, &e) < 0)
		link_refuse(r, &e);
	else
		link_reply(r, S(""));
}

void master_features_link(struct master *m)
{
	const struct link_service service = {NULL, on_request, NULL, m};
	struct err e;
	int ends[2];
	if (link_pair(ends, &e) < 0) {
		log_error(NULL, "link.failed", F("from", m->feature.role), F("to", "master"),
			F("error", &e));
		return;
	}
	AUTO(fd) int theirs = ends[1];
	if (proc_order_link(m->feature.proc, "master", 0, theirs))
		link_serve("features", ends[0], &service);
	else
		close(ends[0]);
}
