/*
 * arch_san: what the address and leak sanitizers must be told about stacks. Nothing in a release.
 */
#pragma once
#include <malloc.h>
#include <stddef.h>

#if !defined(__has_feature)
#define __has_feature(x) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#include <sanitizer/lsan_interface.h>

enum { SAN_STACK_FACTOR = 4, SAN_ON = 1 }; /* instrumented frames are several times larger */

/* Before a switch to the stack [low, low + size); save_fake is NULL when this one never goes on. */
static inline void san_leave(void **save_fake, const void *low, size_t size)
{
	__sanitizer_start_switch_fiber(save_fake, low, size);
}

/* After a switch: tells where the stack was that we came from. */
static inline void san_arrive(void *fake, const void **ret_low, size_t *ret_size)
{
	__sanitizer_finish_switch_fiber(fake, ret_low, ret_size);
}

static inline void san_stack_used(void *low, size_t size)
{
	__asan_unpoison_memory_region(low, size);
	__lsan_register_root_region(low, size);
}

static inline void san_stack_unused(void *low, size_t size)
{
	__lsan_unregister_root_region(low, size);
	__asan_unpoison_memory_region(low, size);
}

size_t __sanitizer_get_current_allocated_bytes(void); /* gcc does not ship its header */

/* Bytes of heap in use, for tests. */
static inline size_t san_heap_used(void)
{
	return __sanitizer_get_current_allocated_bytes();
}
#else
enum { SAN_STACK_FACTOR = 1, SAN_ON = 0 };

static inline void san_leave(void **save_fake, const void *low, size_t size)
{
	(void)save_fake, (void)low, (void)size;
}

static inline void san_arrive(void *fake, const void **ret_low, size_t *ret_size)
{
	(void)fake, (void)ret_low, (void)ret_size;
}

static inline void san_stack_used(void *low, size_t size)
{
	(void)low, (void)size;
}

static inline void san_stack_unused(void *low, size_t size)
{
	(void)low, (void)size;
}

static inline size_t san_heap_used(void)
{
	struct mallinfo2 m = mallinfo2();
	return m.uordblks + m.hblkhd;
}
#endif
