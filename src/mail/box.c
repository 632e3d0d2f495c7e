/*
 * The mailboxes of a process (box.h): what it opens once, and a person's entry. Called by the processes that serve people
 * (access, later web).
 *
 * A person's struct is small: it lives as long as a session, and there may be thousands that do nothing. Default folders
 * are made when an account logs in for the first time; that they are there is asked once a process.
 */
#include "base/mem.h"
#include "base/must.h"
#include "mail/box_impl.h"
#include "run/loop.h"
#include "store/index.h"

enum { READERS_DEFAULT = 2, TEXT_MAX = 200 /* bytes of what a client says of itself */ };

/* ---- the process ---- */

void boxes_configure(struct boxes *b, const struct mailbox_conf *conf)
{
	b->conf = *conf;
}

int64_t boxes_max_message(const struct boxes *b)
{
	return b->conf.max_message;
}

static int open_shards(struct boxes *b, struct err *e)
{
	for (int i = 0; i < MAILBOX_SHARDS; i++) {
		if (sql_open(b->data, mailbox_db_name(i), &b->writer[i], e) < 0)
			return -1;
		b->commit[i] = commit_new(b->writer[i], b->blobs);
		if (sql_open_cache(b->data, mailbox_db_name(i), &b->light_writer[i], e) < 0)
			return -1;
		b->light[i] = commit_new(b->light_writer[i], NULL);
		commit_set_sync(b->light[i], BOX_LIGHT_SYNC);
	}
	return changes_open(b->data, &b->changes, e);
}

static const char *name_of_db(int i)
{
	if (i == BOX_DIRECTORY)
		return "directory";
	return i < BOX_DIRECTORY ? mailbox_db_name(i) : index_db_name(i - BOX_INDEX);
}

int boxes_open(const struct boxes_config *c, struct boxes **ret, struct err *e)
{
	struct boxes *b = NEW(struct boxes);
	b->data_z = mem_dup(c->data.p, c->data.n);
	b->data = slice_z(b->data_z);
	b->directory = c->directory;
	b->blobs = c->blobs;
	b->readers = c->readers ? c->readers : READERS_DEFAULT;
	if (b->readers > BOX_READERS_MAX)
		b->readers = BOX_READERS_MAX;
	boxes_configure(b, c->conf);
	for (int i = 0; i < BOX_DATABASES; i++) {
		b->db[i].name = name_of_db(i);
		cond_init(&b->db[i].room);
	}
	list_init(&b->kept);
	list_init(&b->watches);
	cond_init(&b->summed);
	cond_init(&b->watch_end);
	b->slow_every = BOX_SLOW_LOOK;
	if (open_shards(b, e) < 0) {
		boxes_close(b);
		return -1;
	}
	*ret = b;
	return 0;
}

void boxes_drain(struct boxes *b)
{
	for (int i = 0; i < MAILBOX_SHARDS; i++) {
		commit_drain(b->commit[i]);
		commit_drain(b->light[i]);
	}
}

void boxes_close(struct boxes *b)
{
	if (!b)
		return;
	must(list_empty(&b->watches));
	for (int i = 0; i < MAILBOX_SHARDS; i++) {
		commit_free(b->commit[i]);
		sql_close(b->writer[i]);
		commit_free(b->light[i]);
		sql_close(b->light_writer[i]);
	}
	box_readers_close(b);
	box_kept_clear(b);
	map_done(&b->people);
	arena_done(&b->people_mem);
	map_done(&b->made);
	free(b->index);
	changes_close(b->changes);
	free(b->data_z);
	free(b);
}

void boxes_guard(struct boxes *b,
	int (*ask)(void *arg, int64_t account_id, const struct mailbox_message *m, struct err *e),
	void *arg)
{
	b->guard = ask;
	b->guard_arg = arg;
}

/* ---- default folders ---- */

struct prepared {
	int64_t account_id;
	bool done;
};

static int ask_prepared(struct sql *db, void *arg, struct err *e)
{
	struct prepared *p = arg;
	int r = mailbox_prepared(db, p->account_id, e);
	p->done = r == 1;
	return r < 0 ? -1 : 0;
}

static int prepare_tx(struct sql *db, void *arg, struct err *e)
{
	return mailbox_folders_default_tx(db, ((struct prepared *)arg)->account_id, e);
}

static int prepare(struct boxes *b, int64_t account_id, struct err *e)
{
	struct prepared p = {.account_id = account_id};
	slice key = slice_of(&account_id, sizeof account_id);
	if (map_get(&b->made, key))
		return 0;
	if (box_read_of(b, account_id, ask_prepared, &p, e) < 0)
		return -1;
	if (!p.done && box_change(b, account_id, prepare_tx, &p, e) < 0)
		return -1;
	map_put(&b->made, key, b);
	return 0;
}

/* ---- a person ---- */

static slice put_string(char **at, slice s)
{
	slice to = {*at, s.n};
	if (s.n)
		memcpy(*at, s.p, s.n);
	*at += s.n;
	return to;
}

static void keep_strings(struct box_user *u, slice login, const struct mailbox_actor *actor)
{
	const struct mailbox_actor none = {.who = login};
	if (!actor)
		actor = &none;
	slice client = slice_first(actor->client, TEXT_MAX);
	char *at = u->strings =
		mem_alloc(login.n + actor->who.n + actor->protocol.n + actor->ip.n + client.n);
	u->login = put_string(&at, login);
	u->actor.who = put_string(&at, actor->who);
	u->actor.protocol = put_string(&at, actor->protocol);
	u->actor.ip = put_string(&at, actor->ip);
	u->actor.client = put_string(&at, client);
}

int box_user_open(struct boxes *b, slice login, const struct mailbox_actor *actor,
	struct box_user **ret, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct login_facts f;
	if (directory_get_facts(b->directory, login, &a, &f, e) < 0)
		return -1;
	if (f.disabled || f.deleted || f.kind != ACCOUNT_PERSON)
		return err_set(e, ERR_DENIED, "this account cannot log in");
	if (prepare(b, f.id, e) < 0)
		return -1;
	struct box_user *u = NEW(struct box_user);
	u->b = b;
	u->account = f.id;
	u->org = f.org_id;
	keep_strings(u, f.address, actor);
	*ret = u;
	return 0;
}

void box_user_rest(struct box_user *u)
{
	arena_done(&u->granted_mem);
	u->granted = NULL;
	u->ngranted = 0;
	u->granted_known = false;
	free(take(&u->append_name));
	u->append_folder = 0;
}

void box_user_close(struct box_user *u)
{
	if (!u)
		return;
	box_user_rest(u);
	free(u->strings);
	free(u->client);
	free(u);
}

void box_user_no_recent(struct box_user *u)
{
	u->no_recent = true;
}

slice box_user_login(const struct box_user *u)
{
	return u->login;
}

int64_t box_user_account(const struct box_user *u)
{
	return u->account;
}

void box_user_client(struct box_user *u, slice client)
{
	client = slice_first(client, TEXT_MAX);
	free(u->client);
	u->client = mem_dup(client.p, client.n);
	u->actor.client = slice_of(u->client, client.n);
}
