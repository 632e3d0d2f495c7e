/*
 * sessions: who is logged in, for `posthouse session list|end`: every process that serves people (access, later web) keeps a mapped file of
 * fixed slots in RUN/sessions/ROLE-N, as the pages of counters are (run/metrics.h); the command reads them all, and ends a session by a mark in its
 * slot that the process sees within a second. A process that died leaves its file: slots of processes that are gone do not count (the file
 * is locked as long as its process lives).
 *
 * Nothing here waits; everything of the writing side in the loop's thread.
 */
#pragma once
#include "base/arena.h"
#include "base/err.h"
#include "base/slice.h"

enum { SESSIONS_MAX = 20000 /* slots a process */ };
struct session_row { /* as it lies in the file; texts cut to fit, NUL-terminated */
	uint64_t id; /* 0: free */
	int64_t since, active_at; /* wall */
	uint64_t bytes_in, bytes_out;
	int64_t account_id; /* 0: not logged in yet */
	uint32_t end_asked; /* set by the command */
	char service[12]; /* "imap", "pop3" */
	char login[128], ip[64], client[96], doing[16], folder[96],
		how[24] /* mechanism; "app:phone" */, tls[16];
};

/* ---- a process's own ---- */

struct sessions;
/* RUN/sessions/ROLE-N, made anew. */
int sessions_open(slice run, slice role, unsigned n, struct sessions **ret, struct err *e);
void sessions_close(struct sessions *s); /* NULL is fine */
/* A slot, `since` now, all else empty; NULL: there are SESSIONS_MAX already. */
struct session_row *sessions_enter(struct sessions *s);
void sessions_leave(struct sessions *s, struct session_row *row); /* NULL is fine */
size_t sessions_index(
	const struct sessions *s, const struct session_row *row); /* below SESSIONS_MAX */
/* Fills one of a row's texts: session_text(row->client, sizeof row->client, value). Control characters become "?". */
void session_text(char *to, size_t size, slice value);
/* The next one that is to end: start with *it = 0; NULL: no more. Cheap when nothing was asked. */
struct session_row *sessions_next_asked(struct sessions *s, size_t *it);

/* ---- the command's side ---- */

struct session_seen {
	slice role;
	unsigned n; /* the process's number */
	int pid;
	struct session_row row; /* a copy */
};
/* Of all processes that live. No directory: none. */
int sessions_read(
	slice run, struct arena *a, struct session_seen **ret, size_t *ret_n, struct err *e);
/* Marks those that `which` says, of processes that live; returns how many, or -1. */
int64_t sessions_end(slice run, bool (*which)(void *arg, const struct session_row *row), void *arg,
	struct err *e);
