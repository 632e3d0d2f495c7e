/*
 * engine_command: engines that are programs. The engine process itself may start nothing: a small process
 * beside it, the hand, was forked before the sandbox was entered. It reads nothing of mail: it starts the
 * commands of the configuration, by number, with descriptors that come along, and tells how they ended; and it
 * connects to those unix sockets that the configuration names.
 */
#pragma once
#include "bin/engine.h"

struct config;

/* ---- engine_hand.c ---- */
/* Before the sandbox, before threads. It takes on the server's user, and ends with its parent. */
int engine_hand_start(const struct config *c, struct engine_hand **ret, struct err *e);
void engine_hand_free(struct engine_hand *h);
/* In the loop, once. */
void engine_hand_run(struct engine_hand *h);
/* In a coroutine. Starts command `index`: the file on standard input, output where `out` leads. Waits for its
 * end; at the deadline it is killed, with all that it started: ERR_TIMEOUT. */
int engine_hand_call(struct engine_hand *h, unsigned index, int file, int out, instant deadline,
	int *ret_status, struct err *e);

/* A connection to the unix socket of engine `index`: a non-blocking descriptor. In a coroutine. */
int engine_hand_connect(
	struct engine_hand *h, unsigned index, instant deadline, int *ret_fd, struct err *e);

/* ---- engine_command.c ---- */
int engine_command_look(struct engine *g, const struct engine_look *q, struct arena *a,
	struct engine_found *ret, struct err *e);
/* The name that a command's output gives, by key `virus` of its engine; empty: none. Borrows. */
slice engine_command_virus(slice output, slice pattern);
