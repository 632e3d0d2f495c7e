/*
 * sessions: who is logged in, for `posthouse session list|end`: every process that serves people (access, later web) keeps a mapped file of
 * fixed slots in RUN/sessions/ROLE-N, as the pages of counters are (run/metrics.h); the command reads them all, and ends a session by a mark in its
 * slot that the process sees within a second. A process that died leaves its file: slots of processes that are gone do not count.
 *
 * Also where an account that was disabled, whose password was changed or whose service was switched off is noticed: the process
 * walks its slots when the directory's version moves.
 */
#pragma once
#include "base/err.h"
#include "base/slice.h"

enum { SESSIONS_MAX = 20000 /* slots a process */ };
struct session_row { /* as it lies in the file; texts cut to fit, NUL-terminated */
	uint64_t id; /* 0: free */
	int64_t since, active_at; /* wall */
	uint64_t bytes_in, bytes_out;
	int64_t account_id;
	uint32_t end_asked; /* set by the command */
	char service[12]; /* "imap", "pop3" */
	char login[128], ip[64], client[96], doing[16], folder[96], how[24] /* mechanism; "app:phone" */, tls[16];
};
