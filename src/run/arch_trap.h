/* arch_trap: how a system call's result is put where the program looks for it, in a SIGSYS handler.
 */
#pragma once
#include <stdint.h>
#include <ucontext.h>

static inline void trap_set_result(void *context, long result)
{
	ucontext_t *u = context;
#if defined(__x86_64__)
	u->uc_mcontext.gregs[REG_RAX] = result;
#elif defined(__aarch64__)
	u->uc_mcontext.regs[0] = (uint64_t)result;
#else
#error "no such architecture"
#endif
}
