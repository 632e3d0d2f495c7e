/* getrandom(2), with a small per-thread store so that a number does not cost a system call. */
#include "base/rand.h"

#include "base/must.h"
#include <errno.h>
#include <string.h>
#include <sys/random.h>

void rand_bytes(void *p, size_t n)
{
	char *to = p;
	while (n) {
		ssize_t k = getrandom(to, n, 0);
		if (k < 0) {
			must(errno == EINTR);
			continue;
		}
		to += k;
		n -= (size_t)k;
	}
}

uint64_t rand_u64(void)
{
	static _Thread_local uint64_t store[32];
	static _Thread_local unsigned left;
	if (left == 0) {
		rand_bytes(store, sizeof store);
		left = 32;
	}
	return store[--left];
}

uint64_t rand_below(uint64_t n)
{
	must(n > 0);
	uint64_t cut = UINT64_MAX - UINT64_MAX % n, v;
	do
		v = rand_u64();
	while (v >= cut);
	return v % n;
}
