/*
 * Garbage collection of packs. See doc/notes/packs.md for why this is safe while others write.
 *
 * A pack is in use while somebody holds a shared lock on it: its writer, and whoever has messages
 * in it, or references to its segments, that no database knows yet. Those that can be locked
 * exclusively and that no row refers to are candidates. A candidate lives if a pack that lives uses
 * its segments (the links in pack heads). The rest is deleted: index entries first, then the file.
 *
 * The order is what makes it exact: lock, then list the packs again, ask the databases, read the
 * links.
 */
#include "store/gc.h"

#include "base/mem.h"
#include "base/time.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CANDIDATES_MAX = 256 }; /* locked at a time: a descriptor each */
#define QUICK_AGE HOUR

int store_gc_open(slice dir, struct store_gc **ret, struct err *e)
{
	AUTO(free) char *root = mem_dup(dir.p, dir.n);
	AUTO(buf) struct buf path = BUF(3000);
	buf_printf(&path, "%s/blob", root);
	buf_byte(&path, 0);
	if (!buf_ok(&path))
		return err_set(e, ERR_LIMIT, "path of the store is too long");
	AUTO(fd) int fd = open(path.p, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(e, errno, "%s", path.p);
	struct store_gc *g = NEW(struct store_gc);
	if (refs_open(dir, &g->refs, e) < 0) {
		free(g);
		return -1;
	}
	g->dir = take(&root);
	g->packs_dir = take_fd(&fd);
	g->segments = segments_new(g->dir);
	pack_cache_init(&g->cache, g->packs_dir);
	*ret = g;
	return 0;
}

static void forget_packs(struct store_gc *g)
{
	for (size_t i = 0; i < g->npacks; i++) {
		if (g->packs[i].fd >= 0)
			close(g->packs[i].fd);
	}
	free(take(&g->packs));
	g->npacks = 0;
}

void store_gc_close(struct store_gc *g)
{
	if (!g)
		return;
	forget_packs(g);
	slice key;
	void *links;
	for (size_t i = 0; map_next(&g->links, &i, &key, &links);)
		free(links);
	map_done(&g->links);
	refs_close(&g->refs);
	segments_free(g->segments);
	pack_cache_done(&g->cache);
	close(g->packs_dir);
	free(g->dir);
	free(g);
}

static int by_number(const void *a, const void *b)
{
	uint32_t x = ((const struct gc_pack *)a)->no, y = ((const struct gc_pack *)b)->no;
	return x < y ? -1 : x > y;
}

struct gc_pack *gc_find(struct store_gc *g, uint32_t no)
{
	struct gc_pack key = {.no = no};
	return g->npacks ? bsearch(&key, g->packs, g->npacks, sizeof key, by_number) : NULL;
}

/* Adds packs that are in the directory and not yet known. */
int gc_list_packs(struct store_gc *g, struct err *e)
{
	int fd = openat(g->packs_dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	if (!d)
		return err_sys(e, errno, "pack directory");
	size_t known = g->npacks, cap = known;
	uint32_t no;
	struct stat st;
	for (struct dirent *f; (f = readdir(d));) {
		struct gc_pack key;
		if (!pack_name_parse(f->d_name, &no) ||
			fstatat(g->packs_dir, f->d_name, &st, 0) < 0)
			continue;
		key.no = no;
		if (known && bsearch(&key, g->packs, known, sizeof key, by_number))
			continue;
		if (g->npacks == cap) {
			cap = cap ? 2 * cap : 64;
			g->packs = mem_grow(g->packs, cap * sizeof *g->packs);
		}
		g->packs[g->npacks++] = (struct gc_pack){.no = no,
			.fd = -1,
			.size = (uint64_t)st.st_blocks * 512,
			.changed_at = st.st_mtim.tv_sec * SECOND,
			.live = true};
	}
	closedir(d);
	if (g->npacks)
		qsort(g->packs, g->npacks, sizeof *g->packs, by_number);
	return 0;
}

/* 1 referred to by a row, 0 not, -1. */
static int has_rows(struct store_gc *g, uint32_t no, struct err *e)
{
	blob_id first;
	int r = refs_next(&g->refs, blob_id_make(no, 0, 0), &first, e);
	return r == 1 ? blob_pack(first) == no : r;
}

/* Marks packs without rows, without looking at each: the index leads from one live pack to the
 * next. */
static int mark_without_rows(struct store_gc *g, struct err *e)
{
	for (size_t i = 0; i < g->npacks; i++)
		g->packs[i].live = false;
	blob_id at = 0;
	int r;
	while ((r = refs_next(&g->refs, at, &at, e)) == 1) {
		struct gc_pack *p = gc_find(g, blob_pack(at));
		if (p)
			p->live = true;
		at = blob_id_make(blob_pack(at) + 1, 0, 0);
	}
	return r;
}

/* The quick run: only what was written lately, which is where a relay's mail comes and goes. */
static int mark_recent_without_rows(struct store_gc *g, struct err *e)
{
	int64_t since = wall_now() - QUICK_AGE;
	for (size_t i = 0; i < g->npacks; i++) {
		struct gc_pack *p = &g->packs[i];
		int r = p->changed_at < since ? 1 : has_rows(g, p->no, e);
		if (r < 0)
			return -1;
		p->live = r;
	}
	return 0;
}

bool gc_lock(struct store_gc *g, struct gc_pack *p)
{
	char name[PACK_NAME_MAX];
	pack_name(p->no, name);
	AUTO(fd) int fd = openat(g->packs_dir, name, O_RDWR | O_CLOEXEC);
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	struct stat st;
	if (fd < 0 || fcntl(fd, F_OFD_SETLK, &lock) < 0 || fstat(fd, &st) < 0 || !st.st_nlink)
		return false;
	p->fd = take_fd(&fd);
	return true;
}

void gc_unlock(struct gc_pack *p)
{
	close(p->fd);
	p->fd = -1;
}

static size_t lock_candidates(struct store_gc *g)
{
	size_t n = 0;
	for (size_t i = 0; i < g->npacks; i++) {
		struct gc_pack *p = &g->packs[i];
		if (!p->live && (n == CANDIDATES_MAX || !gc_lock(g, p)))
			p->live = true;
		n += !p->live;
	}
	return n;
}

static bool is_open_elsewhere(int fd)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	return fcntl(fd, F_OFD_GETLK, &lock) < 0 || lock.l_type != F_UNLCK;
}

static struct gc_links *load_links(struct store_gc *g, const struct gc_pack *p, struct err *e)
{
	struct pack_in *in;
	uint32_t links[PACK_LINKS_MAX];
	unsigned n = 0;
	if (pack_in_open(g->packs_dir, p->no, &in, e) < 0)
		return NULL;
	bool final = p->fd >= 0 || !is_open_elsewhere(in->fd); /* asked before reading */
	int r = pack_in_links(in, links, &n, e);
	pack_in_close(in);
	if (r < 0)
		return NULL;
	struct gc_links *l = mem_alloc(sizeof *l + n * sizeof *l->v);
	l->final = final;
	l->n = n;
	memcpy(l->v, links, n * sizeof *l->v);
	return l;
}

int gc_read_links(struct store_gc *g, struct gc_pack *p, struct err *e)
{
	if (p->links_known)
		return 0;
	slice key = slice_of(&p->no, sizeof p->no);
	struct gc_links *l = map_get(&g->links, key);
	if (!l || !l->final) {
		l = load_links(g, p, e);
		if (!l)
			return -1;
		free(map_put(&g->links, key, l));
	}
	p->links = l->v;
	p->nlinks = l->n;
	p->links_known = l->final;
	return 0;
}

void gc_forget_links(struct store_gc *g, struct gc_pack *p)
{
	free(map_remove(&g->links, slice_of(&p->no, sizeof p->no)));
	p->links = NULL;
	p->nlinks = 0;
	p->links_known = false;
}

/* What the packs that live use, lives. Recursion goes along candidates only: each once. */
static int mark_from(struct store_gc *g, struct gc_pack *p, struct err *e)
{
	if (gc_read_links(g, p, e) < 0)
		return e->kind == ERR_NOTFOUND ? 0 : -1;
	for (unsigned i = 0; i < p->nlinks; i++) {
		struct gc_pack *used = gc_find(g, p->links[i]);
		if (!used || used->live)
			continue;
		used->live = true;
		gc_unlock(used);
		if (mark_from(g, used, e) < 0)
			return -1;
	}
	return 0;
}

static int mark_used(struct store_gc *g, struct err *e)
{
	for (size_t i = 0; i < g->npacks; i++)
		if (g->packs[i].live && mark_from(g, &g->packs[i], e) < 0)
			return err_wrap(e, "gc stops, nothing was deleted");
	return 0;
}

static int delete_pack(struct store_gc *g, struct gc_pack *p, struct err *e)
{
	if (g->sharing && segments_forget_pack(g->segments, p->no, e) < 0)
		return -1;
	char name[PACK_NAME_MAX];
	pack_name(p->no, name);
	/* Emptied first: processes that still have it open would keep the space. */
	if (ftruncate(p->fd, 0) < 0 || (unlinkat(g->packs_dir, name, 0) < 0 && errno != ENOENT))
		return err_sys(e, errno, "pack %u", p->no);
	gc_unlock(p);
	gc_forget_links(g, p);
	return 0;
}

static int delete_dead(struct store_gc *g, struct store_gc_result *result, struct err *e)
{
	for (size_t i = 0; i < g->npacks; i++) {
		struct gc_pack *p = &g->packs[i];
		if (p->live)
			continue;
		if (delete_pack(g, p, e) < 0)
			return -1;
		result->packs_deleted++;
		result->bytes_freed += p->size;
	}
	return 0;
}

static int recheck_rows(struct store_gc *g, struct err *e)
{
	for (size_t i = 0; i < g->npacks; i++) {
		struct gc_pack *p = &g->packs[i];
		if (p->live)
			continue;
		int r = has_rows(g, p->no, e);
		if (r < 0)
			return -1;
		if (r) {
			p->live = true;
			gc_unlock(p);
		}
	}
	return 0;
}

/* 1 it is our turn, 0 somebody else is collecting, -1. */
static int begin_run(struct store_gc *g, int *ret_lock, struct err *e)
{
	AUTO(fd) int fd = openat(g->packs_dir, "gc.lock", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_sys(e, errno, "gc.lock");
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	if (fcntl(fd, F_OFD_SETLK, &lock) < 0)
		return 0;
	*ret_lock = take_fd(&fd);
	if (faccessat(g->packs_dir, "../db/segment.sqlite", F_OK, 0) == 0)
		g->sharing = true;
	return 1;
}

static int delete_unused(
	struct store_gc *g, bool quick, struct store_gc_result *result, struct err *e)
{
	if (gc_list_packs(g, e) < 0)
		return -1;
	if ((quick ? mark_recent_without_rows(g, e) : mark_without_rows(g, e)) < 0)
		return -1;
	if (!lock_candidates(g))
		return 0;
	/* Packs made meanwhile may use what we hold locked only if they did before: they are in
	 * this list. */
	if (refs_fence(&g->refs, e) < 0 || gc_list_packs(g, e) < 0 || recheck_rows(g, e) < 0 ||
		mark_used(g, e) < 0)
		return -1;
	return delete_dead(g, result, e);
}

static int delete_run(struct store_gc *g, bool quick, struct store_gc_result *ret, struct err *e)
{
	struct store_gc_result result = {0};
	AUTO(fd) int lock = -1;
	int r = begin_run(g, &lock, e);
	if (r == 1) {
		r = delete_unused(g, quick, &result, e);
		forget_packs(g);
	}
	if (r == 0)
		*ret = result;
	return r;
}

int store_gc_quick(struct store_gc *g, struct store_gc_result *ret, struct err *e)
{
	return delete_run(g, true, ret, e);
}

int store_gc_dead(struct store_gc *g, struct store_gc_result *ret, struct err *e)
{
	return delete_run(g, false, ret, e);
}

/* What a rewriting that was interrupted left behind. */
static void remove_unfinished(struct store_gc *g)
{
	int fd = openat(g->packs_dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	for (struct dirent *f; d && (f = readdir(d));)
		if (slice_ends(slice_z(f->d_name), S(".pack.new")))
			unlinkat(g->packs_dir, f->d_name, 0);
	if (d)
		closedir(d);
}

static int whole_run(struct store_gc *g, struct store_gc_result *result, struct err *e)
{
	remove_unfinished(g);
	uint64_t before;
	do { /* the candidates of one round are limited */
		before = result->packs_deleted;
		int r = delete_unused(g, false, result, e);
		forget_packs(g);
		if (r < 0)
			return -1;
	} while (result->packs_deleted - before == CANDIDATES_MAX);
	int r = gc_rewrite_all(g, result, e);
	forget_packs(g);
	return r < 0 ? -1 : refs_count(&g->refs, &result->references, e);
}

static int convert_run(struct store_gc *g, struct err *e)
{
	struct store_gc_result ignored = {0};
	remove_unfinished(g);
	uint64_t before;
	do {
		before = ignored.packs_deleted;
		int r = delete_unused(g, false, &ignored, e);
		forget_packs(g);
		if (r < 0)
			return -1;
	} while (ignored.packs_deleted - before == CANDIDATES_MAX);
	int r = gc_rewrite_all(g, &ignored, e);
	forget_packs(g);
	return r;
}

int store_convert_packs(slice dir, bool (*go_on)(void *arg, uint64_t done, uint64_t all), void *arg,
	struct store_convert_result *ret, struct err *e)
{
	struct gc_convert x = {.go_on = go_on, .arg = arg};
	struct store_gc *g;
	if (store_gc_open(dir, &g, e) < 0)
		return -1;
	g->convert = &x;
	AUTO(fd) int lock = -1;
	instant until = instant_in(MINUTE);
	int r;
	while ((r = begin_run(g, &lock, e)) == 0 && instant_now() < until)
		usleep(100 * MSEC);
	if (r == 0)
		r = err_set(e, ERR_TEMP, "packs are being collected or backed up: try again later");
	if (r == 1)
		r = convert_run(g, e);
	store_gc_close(g);
	*ret = x.result;
	return r;
}

int store_gc(slice dir, struct store_gc_result *ret, struct err *e)
{
	struct store_gc *g;
	if (store_gc_open(dir, &g, e) < 0)
		return -1;
	struct store_gc_result result = {0};
	int lock = -1, r = begin_run(g, &lock, e);
	if (r == 1)
		r = whole_run(g, &result, e);
	if (lock >= 0)
		close(lock);
	store_gc_close(g);
	if (r == 0)
		*ret = result;
	return r;
}
