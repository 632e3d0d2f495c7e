/*
 * Last words. A failed must() and a fatal fault in a coroutine say whose coroutine it was, print
 * its card (the session's client and state) and a backtrace; then the process ends, the supervisor
 * starts another. A fault in a stack's guard page is named as what it is: a stack overflow.
 */
#include "run/sched.h"

#include "base/must.h"
#include "run/log.h"
#include "run/stack.h"
#include <execinfo.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { FRAMES_MAX = 48, SIGNAL_STACK = 64 * 1024 };

static struct sigaction before_segv, before_bus;

static void print_backtrace(void)
{
	void *frames[FRAMES_MAX];
	int n = backtrace(frames, FRAMES_MAX);
	backtrace_symbols_fd(frames, n, STDERR_FILENO);
}

static void report(void)
{
	struct co *co = co_self();
	log_flush_dying();
	fprintf(stderr, "level=panic event=where pid=%d coroutine=\"%s\"\n", (int)getpid(),
		co ? co->name : "(none)");
	if (co && co->card.print) {
		co->card.print(co->card.arg, stderr);
		fputc('\n', stderr);
	}
	fflush(stderr);
	print_backtrace();
}

/* Only write(2) and what is as safe: the heap may be broken. */
static void say(const char *text)
{
	if (text && write(STDERR_FILENO, text, strlen(text)) < 0)
		return;
}

static void on_fault(int signo, siginfo_t *info, void *context)
{
	struct co *co = co_self();
	log_flush_dying();
	say("level=panic event=fault text=\"");
	if (co && stack_in_guard(co->stack_low, info->si_addr))
		say("stack overflow");
	else
		say(signo == SIGBUS ? "bus error" : "invalid memory access");
	say(" in coroutine ");
	say(co ? co->name : "(none)");
	say("\"\n");
	const struct sigaction *before = signo == SIGBUS ? &before_bus : &before_segv;
	if (before->sa_flags & SA_SIGINFO) {
		before->sa_sigaction(signo, info, context); /* a sanitizer's */
		return;
	}
	print_backtrace();
	signal(signo, SIG_DFL);
	raise(signo); /* blocked until this handler returns */
}

/* The fault may be that there is no stack left: handlers run on one of their own. */
static void give_signals_a_stack(void)
{
	static char stack[SIGNAL_STACK] __attribute__((aligned(16)));
	stack_t has;
	if (sigaltstack(NULL, &has) == 0 && !(has.ss_flags & SS_DISABLE))
		return;
	stack_t mine = {.ss_sp = stack, .ss_size = sizeof stack};
	must(sigaltstack(&mine, NULL) == 0);
}

void panic_init(void)
{
	static bool once;
	must_panic_hook = report;
	give_signals_a_stack();
	if (once)
		return;
	once = true;
	void *warm[1];
	backtrace(warm, 1); /* loads libgcc now, not in a broken process */
	struct sigaction sa = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK};
	must(sigaction(SIGSEGV, &sa, &before_segv) == 0);
	must(sigaction(SIGBUS, &sa, &before_bus) == 0);
}
