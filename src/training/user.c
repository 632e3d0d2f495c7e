/*
 * Users' layers for those who judge mail (user.h): files mapped on demand, looked at again when
 * they are a few seconds old. When too many are open all are closed: whoever gets mail opens his
 * again.
 */
#include "training/user.h"

#include "base/arena.h"
#include "base/map.h"
#include "base/mem.h"
#include "training/published.h"
#include <fcntl.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <sys/stat.h>

enum { ADDRESS_MAX = 320, OPEN_MAX = 256, KNOWN_MAX = 20000 };

struct entry {
	struct timespec changed;
	ino_t file; /* 0: he has none */
	instant looked;
	struct training_published layer;
};
struct training_users {
	char *dir;
	struct map entries;
	size_t open;
};

struct training_users *training_users_open(slice data)
{
	struct training_users *u = NEW(struct training_users);
	AUTO(arena) struct arena a = {0};
	slice dir = arena_printf(&a, "%.*s/learn/users", SFMT(data));
	u->dir = mem_dup(dir.p, dir.n);
	return u;
}

static void forget_all(struct training_users *u)
{
	size_t i = 0;
	slice key;
	void *value;
	while (map_next(&u->entries, &i, &key, &value)) {
		struct entry *one = value;
		training_published_done(&one->layer);
		free(one);
	}
	map_done(&u->entries);
	u->entries = (struct map){0};
	u->open = 0;
}

void training_users_close(struct training_users *u)
{
	if (!u)
		return;
	forget_all(u);
	free(u->dir);
	free(u);
}

static slice folded(slice address, char out[ADDRESS_MAX])
{
	address = slice_first(address, ADDRESS_MAX);
	for (size_t i = 0; i < address.n; i++)
		out[i] = ascii_lower(address.p[i]);
	return slice_of(out, address.n);
}

void training_user_name(slice address, char out[TRAINING_USER_NAME])
{
	char text[ADDRESS_MAX];
	uint8_t digest[SHA256_DIGEST_LENGTH];
	slice key = folded(address, text);
	SHA256((const unsigned char *)key.p, key.n, digest);
	for (unsigned i = 0; i < TRAINING_USER_NAME / 2; i++)
		snprintf(out + 2 * i, 3, "%02x", digest[i]);
}

static void drop(struct training_users *u, struct entry *one)
{
	if (one->file)
		u->open--;
	training_published_done(&one->layer);
	one->file = 0;
}

/* A damaged file is as good as none; the next lesson makes it anew. */
static void load(struct training_users *u, struct entry *one, const char *path)
{
	struct err e;
	struct stat st;
	AUTO(fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0) {
		drop(u, one);
		return;
	}
	if (one->file == st.st_ino && one->changed.tv_sec == st.st_mtim.tv_sec &&
		one->changed.tv_nsec == st.st_mtim.tv_nsec)
		return;
	drop(u, one);
	if (training_published_map(fd, &one->layer, &e) < 0)
		return;
	one->file = st.st_ino;
	one->changed = st.st_mtim;
	u->open++;
}

static struct entry *find(struct training_users *u, slice address)
{
	char text[ADDRESS_MAX], name[TRAINING_USER_NAME];
	slice key = folded(address, text);
	struct entry *one = map_get(&u->entries, key);
	if (one && instant_now() - one->looked < TRAINING_USER_STALE)
		return one;
	if (!one && (u->open >= OPEN_MAX || u->entries.n >= KNOWN_MAX))
		forget_all(u);
	if (!one) {
		one = NEW(struct entry);
		map_put(&u->entries, key, one);
	}
	AUTO(arena) struct arena a = {0};
	training_user_name(address, name);
	load(u, one, arena_strz(&a, arena_printf(&a, "%s/%s.site", u->dir, name)));
	one->looked = instant_now();
	return one;
}

bool training_user_has(struct training_users *u, slice address)
{
	return find(u, address)->file != 0;
}

bool training_user_ask(struct training_users *u, slice address, const struct learn_feature *f,
	size_t n, struct training_user_says *ret)
{
	struct learn_bayes b;
	struct learn_features all = {.v = (struct learn_feature *)(uintptr_t)f, .n = n};
	struct entry *one = find(u, address);
	if (!one->file)
		return false;
	for (size_t i = 0; i < n; i++)
		if (f[i].group < LEARN_GROUPS)
			all.per_group[f[i].group]++;
		else
			return false;
	*ret = (struct training_user_says){
		.linear = (float)learn_weights_margin(&one->layer.model.weights, &all)};
	if (!one->layer.has_counts)
		return true;
	learn_bayes_score(&one->layer.counts, &all, &learn_bayes_default, &b);
	ret->bayes = b.known ? (float)b.margin : 0;
	return true;
}
