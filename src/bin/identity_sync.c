/*
 * People and groups of a directory server become accounts and groups here (identity.h). What a person is is decided by what never changes there
 * (entryUUID, objectGUID), so a changed address or name is the same account. Accounts that are here already and were not made by this are
 * left alone, whatever the directory says: an administrator's own account works when the directory is dead or wrong.
 *
 * Everything is read first, then changed in transactions of some hundred; a run that ends half way is completed by the next. Who is no longer found is
 * disabled or deleted (to be recovered), unless too many would be: then nothing of that happens and the administrator is told.
 */
#include "base/map.h"
#include "base/mem.h"
#include "base/time.h"
#include "bin/identity.h"
#include "mail/notice.h"
#include "run/log.h"
#include "store/directory_org.h"
#include "store/external.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>

enum { BATCH = 500, NOTES_MAX = 8000, BRAKE_FROM = 3 /* so few may always go */ };

struct sync {
	const struct config *config;
	const struct ldap_conf *conf;
	struct arena *a;
	struct sql *db;
	struct ldap_people people;
	struct external *known;
	size_t nknown;
	struct map by_id, by_dn; /* id -> struct external; DN, lower case -> struct found */
	bool *seen; /* by place in known */
	int64_t class_id, now;
	struct buf notes;
	struct identity_sync *done;
	unsigned in_batch;
};

/* A person or group of the directory and what it is here. */
struct found {
	int64_t id;
	slice address;
	bool group;
};

static void note(struct sync *s, slice who, const char *what)
{
	s->done->skipped++;
	buf_printf(&s->notes, "%.*s: %s\n", SFMT(slice_first(who, 200)), what);
}

static slice folded(struct sync *s, slice dn)
{
	char *out = arena_alloc(s->a, dn.n + 1);
	for (size_t i = 0; i < dn.n; i++)
		out[i] = ascii_lower(dn.p[i]);
	return slice_of(out, dn.n);
}

/* ---- transactions ---- */

static int begin(struct sync *s, struct err *e)
{
	s->in_batch = 0;
	return directory_begin(s->db, e);
}

/* Ends the batch when it is large enough, and begins another. */
static int step(struct sync *s, struct err *e)
{
	if (++s->in_batch < BATCH)
		return 0;
	return directory_end(s->db, 0, e) < 0 ? -1 : begin(s, e);
}

/* ---- people ---- */

static bool same_name(slice a, slice b)
{
	return slice_eq(slice_trim(a), slice_trim(b));
}

static int remember(
	struct sync *s, int64_t account_id, const struct ldap_person *p, bool gone, struct err *e)
{
	const struct external x = {
		account_id, p->id, slice_first(p->dn, DIRECTORY_TEXT_MAX), s->now, gone};
	return external_put_tx(s->db, EXTERNAL_ACCOUNT, &x, e);
}

static void put_found(struct sync *s, slice dn, int64_t id, slice address, bool group)
{
	struct found *f = ARENA_NEW(s->a, struct found);
	*f = (struct found){id, address, group};
	map_put(&s->by_dn, folded(s, dn), f);
}

/* 1: it was made. 0: it could not be, for a reason that was noted. */
static int add_person(struct sync *s, const struct ldap_person *p, slice address, struct err *e)
{
	struct account there;
	int64_t id;
	const struct account_draft d = {.account = {.address = address,
						.name = slice_trim(p->name),
						.kind = ACCOUNT_PERSON,
						.class_id = s->class_id,
						.disabled = p->disabled}};
	if (directory_account(s->db, address, s->a, &there, e) == 0) {
		note(s, address, "is an account of our own, which stays as it is");
		return 0;
	}
	if (e->kind != ERR_NOTFOUND)
		return -1;
	if (directory_account_make_tx(s->db, &d, &id, e) < 0) {
		if (e->kind == ERR_TEMP || e->kind == ERR_BUG)
			return -1;
		note(s, address, e->text);
		return 0;
	}
	put_found(s, p->dn, id, address, false);
	return remember(s, id, p, false, e) < 0 ? -1 : 1;
}

/* What the directory says now. 1: something changed. */
static int update_person(struct sync *s, struct external *x, const struct ldap_person *p,
	slice address, struct err *e)
{
	struct account a;
	if (directory_account_by_id(s->db, x->account_id, s->a, &a, e) < 0)
		return e->kind == ERR_NOTFOUND
			       ? external_remove_tx(s->db, EXTERNAL_ACCOUNT, x->account_id, e)
			       : -1;
	if (a.deleted_at) {
		note(s, address, "was deleted here: posthouse account recover brings it back");
		return 0;
	}
	put_found(s, p->dn, a.id, a.address, false);
	if (!slice_eq(a.address, address))
		note(s, address,
			"has another address here, which stays: posthouse account rename changes it");
	/* Who was disabled here by hand stays so; who was because he had gone comes back. */
	bool disabled = x->gone ? p->disabled : a.disabled || p->disabled;
	slice name = slice_trim(p->name);
	bool changed = disabled != a.disabled || (name.n && !same_name(a.name, name));
	if (changed) {
		struct account_draft d = {.account = a};
		d.account.disabled = disabled;
		if (name.n)
			d.account.name = name;
		if (directory_account_save_tx(s->db, &d, e) < 0)
			return -1;
	}
	s->done->back += x->gone;
	if ((x->gone || !slice_eq(x->dn, slice_first(p->dn, DIRECTORY_TEXT_MAX))) &&
		remember(s, a.id, p, false, e) < 0)
		return -1;
	return changed;
}

static int take_person(struct sync *s, const struct ldap_person *p, struct err *e)
{
	slice address;
	if (p->id.n == 0) {
		note(s, p->dn, "has nothing that never changes ([ldap] id)");
		return 0;
	}
	if (!directory_canonical(p->address, s->a, &address)) {
		note(s, p->dn, "has no mail address");
		return 0;
	}
	struct external *x = map_get(&s->by_id, p->id);
	if (x) {
		s->seen[x - s->known] = true;
		int r = update_person(s, x, p, address, e);
		s->done->changed += r > 0;
		return r < 0 ? -1 : 0;
	}
	int r = add_person(s, p, address, e);
	s->done->added += r > 0;
	return r < 0 ? -1 : 0;
}

static int take_people(struct sync *s, struct err *e)
{
	for (size_t i = 0; i < s->people.n; i++)
		if (take_person(s, &s->people.v[i], e) < 0 || step(s, e) < 0)
			return -1;
	return 0;
}

/* ---- who has gone ---- */

static size_t count_gone(const struct sync *s)
{
	size_t n = 0;
	for (size_t i = 0; i < s->nknown; i++)
		n += !s->seen[i] && !s->known[i].gone;
	return n;
}

static int let_go(struct sync *s, struct external *x, struct err *e)
{
	struct account a;
	if (directory_account_by_id(s->db, x->account_id, s->a, &a, e) < 0)
		return e->kind == ERR_NOTFOUND
			       ? external_remove_tx(s->db, EXTERNAL_ACCOUNT, x->account_id, e)
			       : -1;
	if (!a.deleted_at && !a.disabled) {
		struct account_draft d = {.account = a};
		d.account.disabled = true;
		if (directory_account_save_tx(s->db, &d, e) < 0)
			return -1;
		s->done->gone++;
	}
	x->gone = true;
	return external_put_tx(s->db, EXTERNAL_ACCOUNT, x, e);
}

static int handle_gone(struct sync *s, struct err *e)
{
	size_t gone = count_gone(s);
	if (gone == 0 || s->conf->gone == LDAP_GONE_KEEP)
		return 0;
	if (gone > BRAKE_FROM && gone * 100 > s->nknown * (size_t)s->conf->brake) {
		s->done->braked = true;
		return 0;
	}
	for (size_t i = 0; i < s->nknown; i++)
		if (!s->seen[i] && !s->known[i].gone &&
			(let_go(s, &s->known[i], e) < 0 || step(s, e) < 0))
			return -1;
	return 0;
}

/* Deleting has transactions of its own; who cannot be deleted (an alias leads there) stays disabled. */
static int delete_gone(struct sync *s, struct err *e)
{
	for (size_t i = 0; i < s->nknown && s->conf->gone == LDAP_GONE_DELETE && !s->done->braked;
		i++) {
		struct account a;
		if (s->seen[i] || !s->known[i].gone ||
			directory_account_by_id(s->db, s->known[i].account_id, s->a, &a, e) < 0 ||
			a.deleted_at)
			continue;
		if (directory_account_delete(s->db, a.address, e) < 0) {
			if (e->kind == ERR_TEMP)
				return -1;
			note(s, a.address, e->text);
		}
	}
	return 0;
}

/* ---- groups ---- */

static int64_t group_id_of(struct sync *s, slice address, struct err *e)
{
	struct mail_group g;
	if (directory_group(s->db, address, s->a, &g, e) == 0)
		return g.id;
	return e->kind == ERR_NOTFOUND ? 0 : -1;
}

static bool is_known_group(struct external *v, size_t n, int64_t id)
{
	for (size_t i = 0; i < n; i++)
		if (v[i].account_id == id)
			return true;
	return false;
}

/* The groups themselves, before their members: groups may be in groups. */
static int make_groups(struct sync *s, struct err *e)
{
	struct external *v;
	size_t n;
	if (external_list(s->db, EXTERNAL_GROUP, s->a, &v, &n, e) < 0)
		return -1;
	for (size_t i = 0; i < s->people.ngroups; i++) {
		const struct ldap_group *g = &s->people.groups[i];
		slice address;
		if (g->id.n == 0 || !directory_canonical(g->address, s->a, &address)) {
			note(s, g->dn, "has no mail address");
			continue;
		}
		int64_t id = group_id_of(s, address, e);
		if (id < 0)
			return -1;
		if (id > 0 && !is_known_group(v, n, id)) {
			note(s, address, "is a group of our own, which stays as it is");
			continue;
		}
		if (id == 0 && directory_group_add(s->db, address, slice_trim(g->name), e) < 0) {
			if (e->kind == ERR_TEMP)
				return -1;
			note(s, address, e->text);
			continue;
		}
		id = id ? id : group_id_of(s, address, e);
		if (id <= 0)
			return -1;
		const struct external x = {
			id, g->id, slice_first(g->dn, DIRECTORY_TEXT_MAX), s->now, false};
		if (directory_begin(s->db, e) < 0 ||
			directory_end(s->db, external_put_tx(s->db, EXTERNAL_GROUP, &x, e), e) < 0)
			return -1;
		put_found(s, g->dn, id, address, true);
		s->done->groups++;
	}
	return 0;
}

static bool has_member(const struct member *v, size_t n, slice text)
{
	for (size_t i = 0; i < n; i++)
		if (slice_ieq(v[i].text, text))
			return true;
	return false;
}

static int put_member(struct sync *s, int64_t group_id, slice address, struct err *e)
{
	struct member m;
	if (directory_member_parse(s->db, DIRECTORY_FIRST, address, s->a, &m, e) == 0 &&
		directory_group_put(s->db, group_id, &m, e) == 0)
		return 0;
	if (e->kind == ERR_TEMP)
		return -1;
	note(s, address, e->text);
	return 0;
}

static int fill_group(
	struct sync *s, const struct ldap_group *g, const struct found *self, struct err *e)
{
	struct member *have, *want = ARENA_ARRAY(s->a, struct member, g->n + 1);
	size_t nhave, nwant = 0;
	if (directory_group_members(s->db, self->id, s->a, &have, &nhave, e) < 0)
		return -1;
	for (size_t i = 0; i < g->n; i++) {
		const struct found *m = map_get(&s->by_dn, folded(s, g->members[i]));
		if (!m ||
			m == self) /* a computer, somebody without mailbox, a group without address */
			continue;
		want[nwant++].text = m->address;
		if (!has_member(have, nhave, m->address) &&
			put_member(s, self->id, m->address, e) < 0)
			return -1;
	}
	for (size_t i = 0; i < nhave; i++)
		if (!has_member(want, nwant, have[i].text) &&
			directory_group_take(s->db, self->id, &have[i], e) < 0)
			return -1;
	return 0;
}

static int take_groups(struct sync *s, struct err *e)
{
	if (s->conf->group_filter.n == 0)
		return 0;
	if (make_groups(s, e) < 0)
		return -1;
	for (size_t i = 0; i < s->people.ngroups; i++) {
		const struct ldap_group *g = &s->people.groups[i];
		const struct found *self = map_get(&s->by_dn, folded(s, g->dn));
		if (self && self->group && fill_group(s, g, self, e) < 0)
			return -1;
	}
	return 0;
}

/* ---- a run ---- */

static int tell_brake(struct sync *s, struct err *e)
{
	struct sql *queue;
	char text[64];
	snprintf(text, sizeof text, "%zu / %zu", count_gone(s), s->nknown);
	const slice lines[] = {slice_z(text), s->conf->base, s->conf->user_filter};
	const struct notice_alarm w = {
		.what_en = S("Too many people have vanished from the directory server at once"),
		.what_zh = S("目录服务器中一次消失的人过多"),
		.why_en = S("The search found far fewer people than before: rather the search, its "
			    "rights or the server changed than the staff."),
		.why_zh = S("搜索到的人远少于以前：多半是搜索条件、权限或服务器有变化，而不是人员变"
			    "动。"),
		.done_en = S("No account was disabled or deleted; new people were added."),
		.done_zh = S("没有停用或删除任何帐号；新增的人已添加。"),
		.todo_en = S("posthouse ldap test. When it is right: raise [ldap] brake for once, "
			     "posthouse ldap sync."),
		.todo_zh = S("请执行 posthouse ldap test 检查。如果确实无误：临时调高 [ldap] "
			     "brake，再执行 posthouse ldap sync。"),
		.lines = lines,
		.nlines = 3};
	const struct notice n = {.kind = NOTICE_ALARM,
		.idx = -1,
		.key = S("ldap:brake"),
		.data = notice_alarm_data(&w, s->a),
		.at = s->now};
	if (sql_open(s->config->server->data, "queue", &queue, e) < 0)
		return -1;
	int r = sql_begin(queue, e);
	if (r == 0 && notice_add_tx(queue, &n, e) < 0) {
		sql_rollback(queue);
		r = -1;
	} else if (r == 0) {
		r = sql_commit(queue, e);
	}
	sql_close(queue);
	return r;
}

static int prepare(struct sync *s, struct err *e)
{
	struct service_class class;
	s->class_id = DIRECTORY_FIRST;
	if (s->conf->class.n) {
		if (directory_class(s->db, s->conf->class, s->a, &class, e) < 0)
			return err_wrap(e, "[ldap] class");
		s->class_id = class.id;
	}
	if (external_list(s->db, EXTERNAL_ACCOUNT, s->a, &s->known, &s->nknown, e) < 0)
		return -1;
	s->seen = ARENA_ARRAY(s->a, bool, s->nknown + 1);
	for (size_t i = 0; i < s->nknown; i++)
		map_put(&s->by_id, s->known[i].id, &s->known[i]);
	return 0;
}

static int change(struct sync *s, struct err *e)
{
	if (prepare(s, e) < 0 || begin(s, e) < 0)
		return -1;
	/* What is open when something fails is undone with the connection. */
	if (take_people(s, e) < 0 || handle_gone(s, e) < 0 || directory_end(s->db, 0, e) < 0 ||
		delete_gone(s, e) < 0 || take_groups(s, e) < 0)
		return -1;
	return s->done->braked ? tell_brake(s, e) : 0;
}

static int lock(slice data, int *ret, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	const char *path = arena_strz(&a, arena_printf(&a, "%.*s/db/ldap-sync.lock", SFMT(data)));
	AUTO(fd) int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_sys(e, errno, "%s", path);
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return err_set(e, ERR_EXISTS, "another synchronisation is under way");
	*ret = take_fd(&fd);
	return 0;
}

int identity_sync(const struct config *c, const struct ldap_client *ldap, struct arena *a,
	struct identity_sync *ret, struct err *e)
{
	AUTO(fd) int held = -1;
	struct identity_sync done = {0};
	struct sync s = {.config = c,
		.conf = ldap->conf,
		.a = a,
		.done = &done,
		.now = wall_now(),
		.notes = BUF(NOTES_MAX)};
	if (lock(c->server->data, &held, e) < 0 || ldap_read(ldap, a, &s.people, e) < 0 ||
		sql_open(c->server->data, "directory", &s.db, e) < 0)
		return -1;
	done.people = s.people.n;
	int r = change(&s, e);
	done.notes = arena_dup(a, buf_slice(&s.notes));
	sql_close(s.db);
	map_done(&s.by_id);
	map_done(&s.by_dn);
	buf_done(&s.notes);
	if (r == 0)
		*ret = done;
	return r;
}
