/*
 * must(cond): an assertion that is always on, for our own bugs only. Limits, bad input and a
 * failing world are ordinary errors (err.h). A failed must() tells what it knows and aborts; the
 * supervisor restarts the process.
 */
#pragma once

#define must(cond) (__builtin_expect(!!(cond), 1) ? (void)0 : must_failed(#cond, __FILE__, __LINE__))

_Noreturn void must_failed(const char *expr, const char *file, int line);

/* Called once before abort(): run/ prints the coroutine's backtrace and the session's card here. */
extern void (*must_panic_hook)(void);
