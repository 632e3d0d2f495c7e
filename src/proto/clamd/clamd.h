/*
 * clamd: asking ClamAV's daemon (clamd(8)), one question a connection. Works on a struct io; the caller
 * connects, sets the deadline and closes.
 *
 * Commands go in the form that ends in a NUL (zINSTREAM), so that answers have a clear end.
 */
#pragma once
#include "base/arena.h"
#include "base/err.h"
#include "run/io.h"

enum { CLAMD_REPLY_MAX = 4096 };

struct clamd_answer {
	bool infected;
	slice virus; /* "Win.Test.EICAR_HDB-1" */
};
/* "stream: OK", "fd[7]: NAME FOUND". False: neither, an error of clamd's or nothing known. Borrows. */
bool clamd_reply_parse(slice line, struct clamd_answer *ret);

/* INSTREAM: sends the bytes. ERR_LIMIT: clamd takes none so large; ERR_TEMP with its words. The rest is
 * from *a. */
int clamd_scan_stream(
	struct io *io, slice bytes, struct arena *a, struct clamd_answer *ret, struct err *e);
/* FILDES: passes an open file over a unix socket; clamd reads it from its beginning. */
int clamd_scan_file(
	struct io *io, int fd, struct arena *a, struct clamd_answer *ret, struct err *e);
/* VERSION: "ClamAV 1.4.3/27800/Sun Nov 22 ..." */
int clamd_version(struct io *io, struct arena *a, slice *ret, struct err *e);
