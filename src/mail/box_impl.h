/* What the files of box.h and import.h share. Nobody else includes this. */
#pragma once
#include "base/list.h"
#include "base/map.h"
#include "mail/box.h"
#include "run/co.h"
#include "run/pool.h"
#include "store/commit.h"

enum {
	BOX_PEOPLE_MAX = 20000, /* accounts of others that are remembered */
	BOX_READERS_MAX = 64, /* connections a shard */
	BOX_KEPT_MAX = 64, /* sets of UIDs of folders that were closed */
	BOX_KEPT_RANGES = 400000, /* and their ranges, all told */
	BOX_KEPT_FROM = 500, /* messages from which on a folder's set is kept */
	BOX_KEEP_MAX = 8 << 20, /* bytes of a message kept while it comes in, for its summary */
	BOX_SMALL = 64 * 1024, /* messages up to here are looked at in the loop's thread */
	BOX_BRIEF = 16, /* rows that are read or changed without a hand-over to the pool */
	BOX_WHOLE_MAX = 1 << 30, /* of larger ones no summary is made: they read as cut */
};
#define BOX_READER_WAIT (30 * SECOND)
#define BOX_LIGHT_SYNC SECOND /* flags that were changed reach the disk that much later */
#define BOX_SLOW_LOOK MINUTE /* at the database itself, for changes that nobody told */

/* Connections of one database that only read, lent to one pool job at a time. */
struct box_readers {
	const char *name; /* of the database */
	struct sql *idle[BOX_READERS_MAX];
	unsigned nidle, nopen;
	struct cond room;
	struct pool_pace pace;
	uint64_t file; /* of an index: which one they are connections to */
};
/* A shard, the directory, the index of a shard. */
enum { BOX_DIRECTORY = MAILBOX_SHARDS, BOX_INDEX, BOX_DATABASES = BOX_INDEX + MAILBOX_SHARDS };

/* An account that is not the reader's: what names and rights need. */
struct box_person {
	int64_t id, org_id;
	slice address;
	enum account_kind kind;
	bool gone; /* disabled, deleted, or no account */
	uint64_t quota, quota_messages;
};

/* The UIDs of a folder as a view that was closed knew them. */
struct box_kept {
	struct list in; /* boxes.kept, the one used last in front */
	unsigned refs;
	int64_t account_id, folder_id;
	uint32_t uidvalidity, uidnext;
	uint64_t modseq;
	struct uidset uids;
};

struct boxes {
	char *data_z;
	slice data;
	struct directory *directory;
	struct blobs *blobs;
	struct changes *changes;
	unsigned readers;
	struct mailbox_conf conf;
	struct sql *writer[MAILBOX_SHARDS];
	struct commit *commit[MAILBOX_SHARDS];
	/* Without a sync of their own, one each BOX_LIGHT_SYNC: flags, and what costs nothing to lose (\Recent, summaries made later). */
	struct sql *light_writer[MAILBOX_SHARDS];
	struct commit *light[MAILBOX_SHARDS];
	struct box_readers db[BOX_DATABASES];
	struct map people; /* account id -> struct box_person */
	struct arena people_mem;
	uint64_t people_version;
	struct map made; /* accounts that have their default folders: account id -> b */
	struct list kept;
	unsigned nkept;
	uint64_t kept_ranges;
	struct pool_pace blob_pace; /* of small messages */
	int (*guard)(void *arg, int64_t account_id, const struct mailbox_message *m, struct err *e);
	void *guard_arg;
	struct box_index *index; /* NULL: none is used */
	/* box_watch.c */
	struct list watches;
	bool watching;
	uint64_t watched_any;
	int64_t slow_every;
	struct cond watch_end;
	/* box_row.c: one large message at a time */
	bool summing;
	struct cond summed;
};

struct box_user {
	struct boxes *b;
	slice login;
	int64_t account, org;
	struct mailbox_actor actor; /* all strings of this struct: in `strings` and `client` */
	char *strings, *client;
	bool no_recent;
	/* What others granted, while the counters say that it is so still. */
	struct arena granted_mem;
	struct mailbox_grant *granted;
	size_t ngranted;
	uint64_t granted_seen, granted_version;
	bool granted_known;
	/* The folder that the last append went to. */
	int64_t append_folder;
	uint32_t append_validity;
	char *append_name;
};

/* ---- box_db.c: reading ---- */

typedef int (*box_read_fn)(struct sql *db, void *arg, struct err *e);
/* One job in the pool with a connection that reads. `which`: a shard, BOX_DIRECTORY, or BOX_INDEX + a shard. */
int box_read(struct boxes *b, int which, box_read_fn fn, void *arg, struct err *e);
/* The same with one of each shard: fn is called once for each, until one fails. */
int box_read_shards(struct boxes *b, box_read_fn fn, void *arg, struct err *e);
/* The same for a few rows: one state of the database, and no hand-over to the pool as long as the disk does not make it wait. */
int box_read_brief(struct boxes *b, int64_t account_id, box_read_fn fn, void *arg, struct err *e);
void box_readers_close(struct boxes *b);
static inline int box_read_of(
	struct boxes *b, int64_t account_id, box_read_fn fn, void *arg, struct err *e)
{
	return box_read(b, mailbox_shard(account_id), fn, arg, e);
}
/* A change: waits until it is durable, and tells who waits for changes of the account. */
int box_change(struct boxes *b, int64_t account_id, commit_fn fn, void *arg, struct err *e);

/* The same for what may be undone by a power failure in the next BOX_LIGHT_SYNC; a process that is killed loses nothing. */
int box_change_light(struct boxes *b, int64_t account_id, commit_fn fn, void *arg, struct err *e);
/* And of at most BOX_BRIEF rows. */
int box_change_brief(struct boxes *b, int64_t account_id, commit_fn fn, void *arg, struct err *e);

/* ---- box_name.c ---- */

struct box_where {
	int64_t account_id;
	bool own, shared; /* else another's */
	slice folder; /* its name in that mailbox; empty: a level above */
	slice prefix; /* "Other Users/bob@example.com/", or empty */
	uint64_t quota, quota_messages;
};
/* Where a name leads. ERR_NOTFOUND for people who are not there, or not to be seen; ERR_PROTO: no name. */
int box_locate(
	struct box_user *u, slice name, struct arena *a, struct box_where *ret, struct err *e);
int box_no_such(slice name,
	struct err *e); /* ERR_NOTFOUND, the same for what is hidden and what is not there */
/* Of an account by its id; remembered. */
int box_person(struct boxes *b, int64_t account_id, struct arena *a, struct box_person *ret,
	struct err *e);
slice box_person_prefix(const struct box_person *p, struct arena *a);

/* ---- box_rights.c ---- */

enum box_op { /* what rights are asked for: the table is in box_rights.c */
	BOX_DO_LIST,
	BOX_DO_OPEN,
	BOX_DO_STATUS,
	BOX_DO_CREATE, /* on the folder above */
	BOX_DO_REMOVE,
	BOX_DO_RENAME, /* what is renamed */
	BOX_DO_USE,
	BOX_DO_COPY_FROM,
	BOX_DO_COPY_TO,
	BOX_DO_MOVE_FROM,
	BOX_DO_APPEND,
	BOX_DO_REPLACE, /* the message that leaves */
	BOX_DO_STORE,
	BOX_DO_EXPUNGE,
	BOX_DO_EXPUNGE_ANY, /* without \Deleted */
	BOX_DO_READ,
	BOX_DO_GRANT,
	BOX_DO_GRANTS,
	BOX_DO_META_READ,
	BOX_DO_META_WRITE, /* "/shared/" entries */
	BOX_DO_QUOTA,
	BOX_OPS
};
/* ERR_NOTFOUND without RIGHT_LOOKUP, ERR_DENIED. `name` is shown. */
int box_may(unsigned rights, enum box_op op, slice name, struct err *e);
bool box_may_quietly(unsigned rights, enum box_op op);
/* Flags (enum mailbox_flag) that may be changed; keywords go with RIGHT_WRITE. */
unsigned box_flags_allowed(unsigned rights);

/* As whom a person holds rights: themselves, their groups, anyone. */
struct box_whos {
	slice *v; /* each, and each with "-" before it */
	size_t n;
	struct memberships m;
};
int box_whos(struct box_user *u, struct arena *a, struct box_whos *ret, struct err *e);
/* What entries of one mailbox give: those of the folder, and those for all folders (folder_id 0). */
unsigned box_rights_of(unsigned base, const struct mailbox_grant *v, size_t n, int64_t account_id,
	int64_t folder_id, const struct box_whos *w);
/* Rights that a person has on all folders of a mailbox by what it is: its owner, a member of a shared one. */
unsigned box_rights_base(const struct box_user *u, int64_t account_id, const struct box_whos *w);

/* What others granted to this person. Fills u->granted. */
int box_granted(struct box_user *u, const struct box_whos *w, struct err *e);

/* ---- box_folder.c ---- */

/* A folder with the rights of this person on it: for use in a read job. */
struct box_look {
	struct box_where where;
	struct box_whos whos; /* not for the own mailbox */
	unsigned base;
	struct arena *a;
	struct mailbox_folder f;
	unsigned rights;
	bool found;
	bool gone; /* its owner is: nobody has rights on it */
};
/* In the coroutine: everything but the database. */
int box_look_begin(
	struct box_user *u, slice name, struct arena *a, struct box_look *ret, struct err *e);
/* In the pool. Not found is no error: look->found. */
int box_look_db(struct sql *db, struct box_look *l, struct err *e);
/* Rights alone, of a folder by id (0: of what is above all folders). */
int box_look_rights(struct sql *db, struct box_look *l, int64_t folder_id, struct err *e);
/* Both, and whether the person may. */
int box_look_up(struct box_user *u, slice name, enum box_op op, struct arena *a,
	struct box_look *ret, struct err *e);

/* ---- box_view.c ---- */

/* box_may for a folder that is open, with the rights as they are now: they may have been taken away meanwhile. In a coroutine. */
int box_view_may(struct box_view *v, enum box_op op, struct err *e);

/* What a change of this session's own found out: the next sync need not read it again if nobody else changed anything. */
struct box_ahead {
	struct arena mem;
	struct mailbox_stored told;
	uint64_t seen; /* the counter of changes, if the own one was the only one */
};
struct box_ahead *box_ahead_new(const struct box_view *v); /* before the change */
void box_ahead_keep(struct box_view *v, struct box_ahead *x); /* after it */
void box_ahead_free(struct box_ahead *x); /* NULL is fine */

void box_kept_clear(struct boxes *b);

/* ---- box_row.c ---- */

/* Makes those that rows lack, keeps them. In a coroutine. A message that cannot be read gets none. */
void box_summaries(struct box_view *v, struct mailbox_message *rows, size_t n, struct arena *a);
/* Of a message that is at hand. */
void box_summary_make(slice message, size_t lead, struct buf *out);
/* Of one that is in the blob store, in a coroutine. ERR_LIMIT: too large. */
int box_summary_read(
	struct boxes *b, slice prefix, blob_id blob, uint64_t size, struct buf *out, struct err *e);

/* ---- box_usage.c ---- */

/* Fills the limits of the own mailbox in; those of others are known by their place. */
int box_own_quota(struct box_user *u, struct box_where *w, struct err *e);
/* ERR_QUOTA: the mailbox has no room for so much more. */
int box_room_tx(struct sql *db, const struct box_where *w, uint64_t bytes, uint64_t messages,
	struct err *e);

/* ---- box_teach.c ---- */

struct box_lesson_tx { /* what a copy or move of these messages means */
	bool teach, spam;
	slice who;
};
struct box_lesson_tx box_lesson_of(const struct box_view *v, const struct box_look *to);
/* Notes it for messages of the folder, in the transaction that moves them; before they go. */
int box_lessons_tx(struct sql *db, const struct box_lesson_tx *l, const struct box_folder *from,
	const struct uidset *uids, struct err *e);
