/*
 * Where accounts log in from (auth_impl.h): places never seen before, about which the owner gets a letter, and what looks as if
 * the account was stolen: logins from many networks or countries within an hour, or the first one from a network that has
 * failed again and again. Then the administrator gets an alarm, and the account is suspended: sessions end within seconds.
 *
 * Judged after the login was answered, in a coroutine of its own: nobody waits for it. What is known is in the log of logins
 * (store/login.h), what happened in the last hour in memory. Trusted networks say nothing about where somebody is.
 */
#include "base/mem.h"
#include "base/time.h"
#include "bin/auth_impl.h"
#include "defence/asn.h"
#include "mail/notice.h"
#include "run/log.h"
#include "run/metrics.h"
#include "run/pool.h"
#include <arpa/inet.h>
#include <stdio.h>

METRIC_COUNTER(new_places, "posthouse_auth_new_places_total", "",
	"Logins from places never seen for the account.");
METRIC_COUNTER(stolen, "posthouse_auth_stolen_total", "", "Accounts that behaved as if stolen.");

enum { JOBS_MAX = 500, RECENT_MAX = 64, ACCOUNTS_MAX = 20000, PLACE_MAX = 64 };
#define RECENT_TIME HOUR
#define NOTED_TIME HOUR /* the same place of the same account is written once in this time */

struct place {
	char network[PLACE_MAX]; /* /24, /48 */
	char region[PLACE_MAX]; /* country; without a database /16, /32 */
	char client[PLACE_MAX * 2]; /* "imap Thunderbird" */
	char country[4]; /* or empty */
};

struct recent { /* of one account */
	struct {
		char network[PLACE_MAX], country[4];
		instant at;
	} v[RECENT_MAX];
	unsigned n;
};

struct auth_places {
	struct auth *auth;
	struct asn *countries;
	struct map recent; /* account id -> struct recent */
	struct auth_failures noted; /* "id network client": written lately */
	unsigned jobs;
};

struct auth_places *auth_places_new(struct auth *a, struct err *e)
{
	struct auth_places *p = NEW(struct auth_places);
	p->auth = a;
	auth_failures_init(&p->noted, NOTED_TIME, instant_now());
	if (a->conf->country_database.n &&
		asn_open(a->conf->country_database, &p->countries, e) < 0) {
		free(p);
		return NULL;
	}
	return p;
}

static void forget_recent(struct auth_places *p)
{
	slice key;
	void *value;
	for (size_t i = 0; map_next(&p->recent, &i, &key, &value);)
		free(value);
	map_done(&p->recent);
	p->recent = (struct map){0};
}

void auth_places_free(struct auth_places *p)
{
	if (!p)
		return;
	forget_recent(p);
	auth_failures_done(&p->noted);
	asn_close(p->countries);
	free(p);
}

/* ---- where ---- */

slice auth_country(struct auth_places *p, slice ip, char out[4])
{
	struct net_addr addr;
	struct err e;
	out[0] = 0;
	if (p->countries && net_from_ip(ip, 0, &addr, &e) == 0)
		asn_country(p->countries, &addr, out);
	return slice_z(out);
}

/* The first bits of an address, as text. */
static void prefix(const char *ip, unsigned v4, unsigned v6, char out[PLACE_MAX])
{
	unsigned char raw[16];
	bool six = strchr(ip, ':') != NULL;
	unsigned bits = six ? v6 : v4, size = six ? 16 : 4;
	snprintf(out, PLACE_MAX, "%s", ip);
	if (inet_pton(six ? AF_INET6 : AF_INET, ip, raw) != 1)
		return;
	memset(raw + bits / 8, 0, size - bits / 8);
	inet_ntop(six ? AF_INET6 : AF_INET, raw, out, PLACE_MAX);
	size_t n = strlen(out);
	snprintf(out + n, PLACE_MAX - n, "/%u", bits);
}

static struct place place_of(struct auth_places *p, const struct auth_login *l)
{
	struct place w;
	auth_country(p, slice_z(l->ip), w.country);
	prefix(l->ip, 24, 48, w.network);
	if (p->countries)
		snprintf(w.region, sizeof w.region, "%s", w.country);
	else
		prefix(l->ip, 16, 32, w.region);
	snprintf(w.client, sizeof w.client, "%s %.100s", l->service, l->client);
	return w;
}

/* ---- the last hour ---- */

static slice id_key(const int64_t *id)
{
	return slice_of(id, sizeof *id);
}

static struct recent *recent_of(struct auth_places *p, int64_t account_id)
{
	struct recent *r = map_get(&p->recent, id_key(&account_id));
	if (r)
		return r;
	if (p->recent.n >= ACCOUNTS_MAX)
		forget_recent(p); /* rather too few alarms than no end */
	r = NEW(struct recent);
	map_put(&p->recent, id_key(&account_id), r);
	return r;
}

static void note_recent(struct recent *r, const struct place *w, instant now)
{
	unsigned oldest = 0, n = 0;
	for (unsigned i = 0; i < r->n; i++)
		if (now - r->v[i].at < RECENT_TIME)
			r->v[n++] = r->v[i];
	r->n = n;
	for (unsigned i = 0; i < r->n; i++) {
		if (strcmp(r->v[i].network, w->network) == 0) {
			r->v[i].at = now;
			return;
		}
		if (r->v[i].at < r->v[oldest].at)
			oldest = i;
	}
	unsigned at = r->n < RECENT_MAX ? r->n++ : oldest;
	snprintf(r->v[at].network, PLACE_MAX, "%s", w->network);
	snprintf(r->v[at].country, sizeof w->country, "%s", w->country);
	r->v[at].at = now;
}

static unsigned countries_of(const struct recent *r)
{
	unsigned n = 0;
	for (unsigned i = 0; i < r->n; i++) {
		bool fresh = r->v[i].country[0] != 0;
		for (unsigned j = 0; j < i && fresh; j++)
			fresh = strcmp(r->v[i].country, r->v[j].country) != 0;
		n += fresh;
	}
	return n;
}

/* ---- one login ---- */

struct job {
	struct auth_places *places;
	struct arena mem;
	int64_t account_id, at;
	slice address, service, ip, client;
	struct place place;
	bool known; /* logged in from this network lately */
	unsigned failures; /* from this network */
	/* What was found. */
	bool new_network, new_region, new_client;
	int64_t since;
	int result;
	struct err e;
	/* What is done. */
	bool suspend, suspended;
	struct notice notice;
};

static int note_tx(struct sql *db, struct job *j)
{
	int64_t since;
	if (place_note_tx(db, j->account_id, PLACE_NETWORK, slice_z(j->place.network), j->at,
		    &j->new_network, &j->since, &j->e) < 0 ||
		place_note_tx(db, j->account_id, PLACE_CLIENT, slice_z(j->place.client), j->at,
			&j->new_client, &since, &j->e) < 0)
		return -1;
	if (!j->place.region[0])
		return 0;
	return place_note_tx(db, j->account_id, PLACE_COUNTRY, slice_z(j->place.region), j->at,
		&j->new_region, &since, &j->e);
}

static void note_run(void *arg, struct sql *logins)
{
	struct job *j = arg;
	j->result = sql_begin(logins, &j->e);
	if (j->result < 0)
		return;
	j->result = note_tx(logins, j);
	if (j->result < 0)
		sql_rollback(logins);
	else
		j->result = sql_commit(logins, &j->e);
}

/* ---- telling ---- */

static int add_notice(struct job *j)
{
	struct sql *queue;
	if (sql_open(j->places->auth->env->config.server->data, "queue", &queue, &j->e) < 0)
		return -1;
	int r = sql_begin(queue, &j->e);
	if (r == 0) {
		r = notice_add_tx(queue, &j->notice, &j->e);
		if (r < 0)
			sql_rollback(queue);
		else
			r = sql_commit(queue, &j->e);
	}
	sql_close(queue);
	return r;
}

static int suspend(struct job *j, slice why)
{
	struct sql *db;
	const struct suspension s = {j->account_id, j->at, S("auth"), why};
	if (credential_open(j->places->auth->env->config.server->data, &db, &j->e) < 0)
		return -1;
	int r = suspension_put(db, &s, &j->e);
	sql_close(db);
	j->suspended = r == 0;
	return r < 0 && j->e.kind == ERR_EXISTS ? 0 : r;
}

static void act_run(void *arg)
{
	struct job *j = arg;
	j->result = j->suspend ? suspend(j, j->notice.to) : 0;
	if (j->suspend)
		j->notice.to = (slice){0}; /* the administrator's */
	if (j->result == 0)
		j->result = add_notice(j);
}

static slice place_text(struct job *j)
{
	return arena_printf(&j->mem, "%.*s%s%s, %.*s%s%.*s", SFMT(j->ip),
		j->place.country[0] ? ", " : "", j->place.country, SFMT(j->service),
		j->client.n ? ", " : "", SFMT(j->client));
}

static void tell_owner(struct job *j)
{
	const slice lines[] = {place_text(j)};
	const struct notice_alarm w = {
		.what_en = S("Your mailbox was opened from a place never seen before"),
		.what_zh = S("您的邮箱从一个从未出现过的地点登录"),
		.why_en = S("Somebody who knows your password, or a password that you made for a "
			    "program, logged in from there."),
		.why_zh = S("有人使用您的密码，或您为某个程序生成的专用密码，从该处登录。"),
		.todo_en = S("If it was you, nothing needs to be done. If not: change your "
			     "password at once, tell your administrator, "
			     "and look whether forwarding or automatic answers were set up that "
			     "are not yours."),
		.todo_zh = S("如果是您本人，无需处理。如果不是：请立即修改密码并通知管理员，"
			     "并检查是否有并非您设置的自动转发或自动回复。"),
		.lines = lines,
		.nlines = 1};
	j->notice = (struct notice){.kind = NOTICE_LOGIN,
		.to = j->address,
		.idx = -1,
		.key = arena_printf(&j->mem, "login:%.*s", SFMT(slice_first(j->address, 150))),
		.data = notice_alarm_data(&w, &j->mem),
		.at = j->at};
	pool_call(act_run, j);
	metric_add(&new_places, 1);
	log_info(NULL, "auth.newplace", F("login", j->address), F("ip", j->ip),
		F("country", (const char *)j->place.country), F("client", j->client));
}

static void alarm_text(struct job *j, slice why_en, slice why_zh)
{
	const slice lines[] = {j->address, j->ip.n ? place_text(j) : S("")};
	bool s = j->suspend;
	const struct notice_alarm w = {
		.what_en = arena_printf(
			&j->mem, "The account %.*s behaves as if it was stolen", SFMT(j->address)),
		.what_zh = arena_printf(&j->mem, "帐号 %.*s 的行为像是被盗", SFMT(j->address)),
		.why_en = why_en,
		.why_zh = why_zh,
		.done_en = s ? S("It is suspended: nobody logs in, its sessions end. Mail still "
				 "comes in.")
			     : S("Nothing: [auth] stolen = alarm."),
		.done_zh = s ? S("帐号已暂停：不能登录，现有会话结束；邮件照常接收。")
			     : S("未采取措施：[auth] stolen = alarm。"),
		.todo_en = arena_printf(&j->mem,
			"Ask the owner. If it was stolen: posthouse account passwd %.*s, posthouse "
			"app-password revoke %.*s --all, look at "
			"posthouse login list %.*s. Then: posthouse account resume %.*s",
			SFMT(j->address), SFMT(j->address), SFMT(j->address), SFMT(j->address)),
		.todo_zh = arena_printf(&j->mem,
			"请询问帐号主人。若确已被盗：posthouse account passwd %.*s，posthouse "
			"app-password revoke %.*s --all，并查看 "
			"posthouse login list %.*s；然后执行 posthouse account resume %.*s",
			SFMT(j->address), SFMT(j->address), SFMT(j->address), SFMT(j->address)),
		.lines = lines,
		.nlines = j->ip.n ? 2 : 1};
	j->notice = (struct notice){.kind = NOTICE_ALARM,
		.idx = -1,
		.key = arena_printf(&j->mem, "stolen:%.*s", SFMT(slice_first(j->address, 150))),
		.data = notice_alarm_data(&w, &j->mem),
		.at = j->at};
}

static bool exempt(const struct auth_conf *c, slice address)
{
	for (size_t i = 0; i < c->stolen_exempt.n; i++)
		if (slice_ieq(c->stolen_exempt.v[i], address))
			return true;
	return false;
}

static bool looks_stolen(struct job *j, slice *ret_en, slice *ret_zh)
{
	const struct auth_conf *c = j->places->auth->conf;
	const struct recent *r = recent_of(j->places, j->account_id);
	unsigned countries = countries_of(r);
	if (c->stolen == STOLEN_OFF || exempt(c, j->address))
		return false;
	if (r->n >= c->stolen_networks || countries >= c->stolen_countries) {
		*ret_en = arena_printf(&j->mem,
			"Logins from %u networks in %u countries within an hour.", r->n, countries);
		*ret_zh = arena_printf(
			&j->mem, "一小时内从 %u 个网络、%u 个国家登录。", r->n, countries);
		return true;
	}
	if (j->new_network && !j->known && j->failures >= c->stolen_failures) {
		*ret_en = arena_printf(&j->mem,
			"A first login from a network with %u failed logins: the password was "
			"guessed.",
			j->failures);
		*ret_zh = arena_printf(&j->mem,
			"某网络登录失败 %u 次之后，首次从该网络登录成功：密码被猜中。",
			j->failures);
		return true;
	}
	return false;
}

static void treat_as_stolen(struct job *j, slice why_en, slice why_zh)
{
	j->suspend = j->places->auth->conf->stolen == STOLEN_SUSPEND;
	alarm_text(j, why_en, why_zh);
	j->notice.to = j->suspend ? why_en : (slice){0}; /* act_run: the reason of the suspension */
	pool_call(act_run, j);
	metric_add(&stolen, 1);
	log_warn(NULL, "auth.stolen", F("login", j->address), F("ip", j->ip), F("why", why_en),
		F("suspended", j->suspended));
}

static void judge(struct job *j)
{
	const struct auth_conf *c = j->places->auth->conf;
	slice en, zh;
	if (looks_stolen(j, &en, &zh)) {
		treat_as_stolen(j, en, zh);
		return;
	}
	bool unusual = j->new_region || (j->new_network && j->new_client);
	if (unusual && c->new_place_notices && j->at - j->since >= c->new_place_after)
		tell_owner(j);
}

void auth_places_stolen(
	struct auth_places *p, const struct login_facts *f, slice why_en, slice why_zh)
{
	struct job j = {.places = p, .account_id = f->id, .at = wall_now(), .address = f->address};
	if (p->auth->conf->stolen == STOLEN_OFF || exempt(p->auth->conf, f->address))
		return;
	treat_as_stolen(&j, why_en, why_zh);
	if (j.result < 0)
		log_error(NULL, "auth.places", F("login", j.address), F("error", &j.e));
	arena_done(&j.mem);
}

static void job_run(void *arg)
{
	struct job *j = arg;
	auth_log_with_db(j->places->auth->log, note_run, j);
	if (j->result == 0)
		judge(j);
	if (j->result < 0)
		log_error(NULL, "auth.places", F("login", j->address), F("error", &j->e));
	j->places->jobs--;
	arena_done(&j->mem);
	free(j);
}

void auth_places_ok(struct auth_places *p, const struct auth_login *l, const struct login_facts *f,
	bool known, unsigned failures_there)
{
	char text[PLACE_MAX * 4];
	instant now = instant_now();
	struct place w = place_of(p, l);
	note_recent(recent_of(p, f->id), &w, now);
	int n = snprintf(text, sizeof text, "%lld %s %s", (long long)f->id, w.network, w.client);
	slice name = slice_of(text, (size_t)n);
	if (auth_failures_count(&p->noted, name, now) || p->jobs >= JOBS_MAX)
		return;
	auth_failures_add(&p->noted, name, now);
	struct job *j = NEW(struct job);
	p->jobs++;
	j->places = p;
	j->account_id = f->id;
	j->at = wall_now();
	j->address = arena_dup(&j->mem, f->address);
	j->service = arena_dup(&j->mem, slice_z(l->service));
	j->ip = arena_dup(&j->mem, slice_z(l->ip));
	j->client = arena_dup(&j->mem, slice_z(l->client));
	j->place = w;
	j->known = known;
	j->failures = failures_there;
	co_go("auth.places", job_run, j);
}
