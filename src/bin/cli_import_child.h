/*
 * The confined process that takes an archive or a PST apart for `posthouse import` (mail/import_unpack.h): a fork that keeps two descriptors, the file and a
 * socket, and enters the sandbox of "reader" (role.c): no files, no network, memory bounded by [scan] memory.
 */
#pragma once
#include "bin/config.h"
#include "mail/import_unpack.h"

struct cli_import_child {
	const struct config *config;
	int pid; /* 0: none */
};
int cli_import_child_start(struct cli_import_child *c, struct import_unpack *u, struct err *e);
int cli_import_child_end(struct cli_import_child *c, bool kill, int *ret_status, struct err *e);
