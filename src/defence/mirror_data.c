/*
 * Looking things up in a mapped mirror (mirror_data.h): binary search in ranges and in hashes of
 * names. Called by mirror.c in every process that asks; the pages are shared by all.
 */
#include "defence/mirror_format.h"

#include "base/arena.h"
#include "base/mem.h"
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/mman.h>
#include <sys/stat.h>

struct mirror_data {
	const struct mirror_head *head;
	size_t size;
	const uint64_t *names;
	const uint8_t (*low6)[16], (*high6)[16];
	const uint32_t *low4, *high4, *codes;
	const uint16_t *code4, *code6, *coden;
	const uint8_t *hown;
};

static bool sound(const struct mirror_head *h, size_t size)
{
	const uint64_t most = 4ULL * MIRROR_ENTRIES_MAX;
	return size >= sizeof *h && memcmp(h->magic, MIRROR_MAGIC, sizeof h->magic) == 0 &&
	       h->size == size && h->n4 <= most && h->n6 <= most && h->names <= most &&
	       h->codes <= MIRROR_CODES_MAX + 1 && mirror_layout(h).end == size;
}

static void place(struct mirror_data *m, const char *base)
{
	struct mirror_layout l = mirror_layout(m->head);
	m->names = (const void *)(base + l.names);
	m->low6 = (const void *)(base + l.low6);
	m->high6 = (const void *)(base + l.high6);
	m->low4 = (const void *)(base + l.low4);
	m->high4 = (const void *)(base + l.high4);
	m->codes = (const void *)(base + l.codes);
	m->code4 = (const void *)(base + l.code4);
	m->code6 = (const void *)(base + l.code6);
	m->coden = (const void *)(base + l.coden);
	m->hown = (const void *)(base + l.hown);
}

int mirror_map(slice path, struct mirror_data **ret, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	const char *name = arena_strz(&a, path);
	struct stat st;
	AUTO(fd) int fd = open(name, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(e, errno, "%s", name);
	if ((uint64_t)st.st_size < sizeof(struct mirror_head))
		return err_set(e, ERR_PROTO, "%s: no mirror", name);
	size_t size = (size_t)st.st_size;
	char *p = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		return err_sys(e, errno, "%s", name);
	if (!sound((const void *)p, size)) {
		munmap(p, size);
		return err_set(e, ERR_PROTO, "%s: no mirror, or a damaged one", name);
	}
	struct mirror_data *m = NEW(struct mirror_data);
	m->head = (const void *)p;
	m->size = size;
	place(m, p);
	*ret = m;
	return 0;
}

void mirror_unmap(struct mirror_data *m)
{
	if (!m)
		return;
	munmap((void *)m->head, m->size);
	free(m);
}

static uint32_t code_of(const struct mirror_data *m, uint16_t index)
{
	return index < m->head->codes ? m->codes[index] : 0;
}

/* The last range that begins at or before it. */
static uint32_t find4(const struct mirror_data *m, uint32_t ip)
{
	size_t low = 0, high = m->head->n4;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (m->low4[mid] <= ip)
			low = mid + 1;
		else
			high = mid;
	}
	return low && ip <= m->high4[low - 1] ? code_of(m, m->code4[low - 1]) : 0;
}

static uint32_t find6(const struct mirror_data *m, const uint8_t ip[16])
{
	size_t low = 0, high = m->head->n6;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (memcmp(m->low6[mid], ip, 16) <= 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low && memcmp(ip, m->high6[low - 1], 16) <= 0 ? code_of(m, m->code6[low - 1]) : 0;
}

uint32_t mirror_find_ip(const struct mirror_data *m, const struct net_addr *ip)
{
	struct net_addr a = *ip;
	net_unmap(&a);
	if (a.ss.ss_family == AF_INET)
		return find4(m, ntohl(((const struct sockaddr_in *)&a.ss)->sin_addr.s_addr));
	if (a.ss.ss_family == AF_INET6)
		return find6(m, ((const struct sockaddr_in6 *)&a.ss)->sin6_addr.s6_addr);
	return 0;
}

/* An entry for that very name which means `how`. */
static bool find_one(const struct mirror_data *m, slice name, unsigned how, uint32_t *ret)
{
	uint64_t hash = mirror_hash(m->head->seed, name);
	size_t low = 0, high = m->head->names;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (m->names[mid] < hash)
			low = mid + 1;
		else
			high = mid;
	}
	for (; low < m->head->names && m->names[low] == hash; low++)
		if (m->hown[low] & how) {
			*ret = code_of(m, m->coden[low]);
			return true;
		}
	return false;
}

uint32_t mirror_find_name(const struct mirror_data *m, slice name)
{
	uint32_t code = 0;
	if (find_one(m, name, MIRROR_NAME_ITSELF, &code))
		return code;
	for (size_t dot = slice_index(name, '.'); dot < name.n; dot = slice_index(name, '.')) {
		name = slice_skip(name, dot + 1);
		if (find_one(m, name, MIRROR_NAME_BELOW, &code))
			return code;
	}
	return 0;
}
