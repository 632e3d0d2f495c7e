/*
 * The blocking pool: a few threads for calls that block (SQLite, fsync, argon2). The calling
 * coroutine waits without deadline: such work cannot be cancelled half way, it always finishes.
 */
#pragma once

void pool_init(unsigned threads); /* after loop_init; threads start on first use */
void pool_done(void);
/* Runs fn(arg) in a pool thread and returns when it has. Outside a coroutine: runs it right here.
 */
void pool_call(void (*fn)(void *), void *arg);
/* Runs fn(arg) in a pool thread and then, in the loop's thread, done(arg); returns at once. */
void pool_post(void (*fn)(void *), void (*done)(void *), void *arg);
