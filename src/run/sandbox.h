/*
 * sandbox: what a process may still do once it has opened what it needs. Gives up root, then
 * landlock (files and TCP ports), then seccomp (system calls). Denied calls fail with EPERM and are
 * logged once each. Irrevocable; before any thread is started.
 */
#pragma once
#include "base/err.h"
#include "base/slice.h"

enum sandbox_mode {
	SANDBOX_AUTO, /* what the kernel offers; what is missing is logged */
	SANDBOX_REQUIRED, /* all of it, or the process does not start */
	SANDBOX_OFF, /* only gives up root */
};

enum sandbox_may {
	SANDBOX_MAY_CONNECT = 1, /* connect to TCP ports */
	SANDBOX_MAY_BIND = 2, /* bind TCP ports (listening needs it) */
	SANDBOX_MAY_UDP = 4, /* open UDP sockets (a resolver) */
	SANDBOX_MAY_MEMORY_FILE = 16, /* memfd_create */
	SANDBOX_MAY_FORK = 32, /* children, which may do no more than it */
	SANDBOX_LEAVE_FILES = 64, /* no links, no changing of rights and times:
				     landlock does not know all of these */
	SANDBOX_NO_DUMP = 8, /* not traceable, no core, memory not readable by its own user */
};

struct sandbox_path {
	slice path; /* a directory (and all below) or a file; one that does not exist is left out */
	bool write; /* also create, rename, remove */
};
enum { SANDBOX_PATHS_MAX = 32 };

struct sandbox {
	enum sandbox_mode mode;
	unsigned may;
	slice user; /* taken on when started as root */
	uint64_t open_files; /* RLIMIT_NOFILE wanted; the hard limit caps it */
	uint64_t memory; /* bytes of address space; 0 no limit. Not under sanitizers, which need all
			  */
	struct sandbox_path paths[SANDBOX_PATHS_MAX];
	size_t npaths;
};

/* ERR_PERM with the part that failed in the text. */
int sandbox_enter(const struct sandbox *s, struct err *e);
/* What this process is confined by: "complete", "off", or "without:" and what the kernel lacks. */
enum { SANDBOX_STATE_MAX = 64 };
void sandbox_state(char out[SANDBOX_STATE_MAX]);

/* The ids of `user`; when it does not exist those of "nobody". ERR_NOTFOUND. */
int sandbox_user_ids(slice user, unsigned *ret_uid, unsigned *ret_gid, struct err *e);
