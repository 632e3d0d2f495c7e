/*
 * trim: memory that was freed goes back to the system when a process has become quiet. The
 * allocator keeps it otherwise, and what a burst of sessions needed would stay in use for good.
 */
#pragma once

/* Called now and then (proc_child.c does); acts when the process has worked since the last time
 * and is not working now. */
void trim_when_quiet(void);
