/*
 * Inside `store verify` and `store repair`: verify.c (the order of things), verify_packs.c (files
 * and records), verify_rows.c (references), verify_db.c (databases), repair.c (mending). Callers
 * see store.h.
 */
#pragma once
#include "store/gc.h"

struct verify_ids {
	blob_id *v; /* ascending, once sorted */
	size_t n, cap;
};
struct verify {
	slice dir;
	bool repair;
	void (*problem)(void *arg, const struct store_problem *p);
	void *arg;
	int64_t problems;
	struct store_gc *g;
	struct verify_ids told; /* messages reported by the first look; ascending */
	struct verify_ids damaged; /* records whose head is good and whose payload is not */
	uint64_t *needed; /* by position in g->packs: the end of what is referred to */
	struct segment *fresh; /* the index is made anew: segments found */
	size_t nfresh;
	bool rebuild;
	bool again; /* the second look at messages */
};

void verify_report(struct verify *v, const char *kind, bool repaired, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/* Runs look() on a connection; with repair on a writing one, in a transaction. */
int verify_with_database(struct verify *v, const char *name,
	int (*look)(struct verify *, struct sql *, struct err *), struct err *e);
void verify_ids_add(struct verify_ids *s, blob_id id);
void verify_ids_sort(struct verify_ids *s);
bool verify_ids_has(const struct verify_ids *s, blob_id id);

/* Each: 0, or -1 when it could not look. */
int verify_databases(struct verify *v, struct err *e); /* the engine's structures */
int verify_messages(struct verify *v, struct err *e); /* every reference, and what it leads to */
int verify_packs(struct verify *v, struct err *e); /* every record of every pack */
int verify_again(struct verify *v, struct err *e); /* messages hit by damaged segments */
int verify_queue(struct verify *v, struct err *e); /* messages and recipients belong together */
int verify_quarantine(struct verify *v, struct err *e); /* the same there */
int verify_mailboxes(struct verify *v, struct err *e); /* folders count right */
int verify_index(struct verify *v, struct err *e); /* segments are where it says */

/* Mending. true: done. */
bool repair_pack(struct verify *v, struct gc_pack *p, const struct verify_ids *good);
bool repair_head(struct verify *v, struct gc_pack *p, struct pack_in *in); /* from its copy */
bool repair_tail(struct verify *v, struct gc_pack *p, uint64_t end);
bool repair_link(struct verify *v, struct gc_pack *p, uint32_t other);
/* The rows that refer to the message go to DIR/lost with whatever can be read of it. */
bool repair_message(struct verify *v, blob_id id);
bool repair_size(struct verify *v, int db, blob_id id, uint64_t size);
bool repair_queue_row(struct verify *v, struct sql *db, msg_id id, blob_id blob);
bool repair_held(struct verify *v, struct sql *db, msg_id id);
/* Throws the index away; verify_packs then fills a new one by repair_index_add. */
bool repair_index(struct verify *v);
void repair_index_add(struct verify *v, const struct pack_record *r, blob_id id);
void repair_index_flush(struct verify *v);
bool verify_has_index(struct verify *v);
/* Writes DIR/lost/NAME and syncs it; a name that is taken gets a number. */
int repair_keep(struct verify *v, const char *name, slice bytes, struct err *e);
