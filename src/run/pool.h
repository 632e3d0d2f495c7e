/*
 * The blocking pool: a few threads for calls that block (SQLite, fsync, argon2). The calling
 * coroutine waits without deadline: such work cannot be cancelled half way, it always finishes.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

void pool_init(unsigned threads); /* after loop_init; threads start on first use */
void pool_done(void);
/* Runs fn(arg) in a pool thread and returns when it has. Outside a coroutine: runs it right here.
 */
void pool_call(void (*fn)(void *), void *arg);
/* For calls that hardly ever block, like reading a few rows that the kernel has in memory: runs fn(arg) at once on the loop's own stack,
 * which saves two hand-overs between threads. When those of the same pace have blocked for too much of a second, the next ones
 * go to the pool, until for a second they do so no more: a cold or slow disk does not hold the loop up for long. Outside a
 * coroutine: right here. */
struct pool_pace {
	int64_t since, blocked; /* usec of waiting since that instant */
	int64_t pool_until; /* instant */
	bool suspect; /* the last one took long: the next one is watched */
};
void pool_call_short(struct pool_pace *pace, void (*fn)(void *), void *arg);
bool pool_here(const struct pool_pace *pace); /* whether the next one would run right here */
/* Runs fn(arg) in a pool thread and then, in the loop's thread, done(arg); returns at once. */
void pool_post(void (*fn)(void *), void (*done)(void *), void *arg);
