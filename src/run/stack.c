/*
 * Coroutine stacks. Address space is reserved generously, pages come by use. A page without rights
 * below each stack turns an overflow into a fault (panic.c names it) instead of silent damage.
 * Freed stacks are kept for the next coroutine; how many follows the load: `spare_low` is the
 * watermark of spares that nobody touched since the last sweep.
 */
#include "run/stack.h"

#include "base/must.h"
#include "run/arch_san.h"
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

enum { STACK_SIZE = 128 * 1024 * SAN_STACK_FACTOR, RED_ZONE = 128 };

struct spare {
	struct spare *next;
};
static struct spare *spares;
static size_t n_spare, spare_low;

size_t stack_size(void)
{
	return STACK_SIZE;
}

static size_t page_size(void)
{
	static size_t page;
	if (page == 0)
		page = (size_t)sysconf(_SC_PAGESIZE);
	return page;
}

/* The link of a spare stack lies at its top: that page is in memory anyway. */
static struct spare *link_of(void *low)
{
	return (struct spare *)((char *)low + STACK_SIZE - sizeof(struct spare));
}

static void *low_of(struct spare *s)
{
	return (char *)s + sizeof(struct spare) - STACK_SIZE;
}

static void *map_stack(void)
{
	size_t guard = page_size();
	char *p = mmap(NULL, guard + STACK_SIZE, PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
	must(p !=
		MAP_FAILED); /* out of memory, or vm.max_map_count: callers bound their sessions */
	must(mprotect(p, guard, PROT_NONE) == 0);
	return p + guard;
}

static void unmap_stack(void *low)
{
	munmap((char *)low - page_size(), page_size() + STACK_SIZE);
}

static void *take_spare(void)
{
	struct spare *s = spares;
	if (!s)
		return NULL;
	spares = s->next;
	if (--n_spare < spare_low)
		spare_low = n_spare;
	return low_of(s);
}

void *stack_get(void)
{
	void *low = take_spare();
	if (!low)
		low = map_stack();
	san_stack_used(low, STACK_SIZE);
	return low;
}

void stack_put(void *low)
{
	san_stack_unused(low, STACK_SIZE);
	struct spare *s = link_of(low);
	s->next = spares;
	spares = s;
	n_spare++;
}

void stack_trim(void *low, const void *sp)
{
	uintptr_t end = ((uintptr_t)sp - RED_ZONE) & ~(uintptr_t)(page_size() - 1);
	if (end > (uintptr_t)low)
		madvise(low, end - (uintptr_t)low, MADV_DONTNEED);
}

void stack_sweep(void)
{
	for (size_t release = (spare_low + 1) / 2; release > 0; release--)
		unmap_stack(take_spare());
	spare_low = n_spare;
}

size_t stack_spare(void)
{
	return n_spare;
}

void stack_drop_spare(void)
{
	while (spares)
		unmap_stack(take_spare());
	spare_low = 0;
}

bool stack_in_guard(const void *low, const void *addr)
{
	return (uintptr_t)addr < (uintptr_t)low && (uintptr_t)addr >= (uintptr_t)low - page_size();
}
