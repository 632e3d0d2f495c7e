/* Changing the keys of an encrypted store (crypt_admin.h); called by `posthouse encryption`, by init, and after a restore. */
#include "store/crypt_admin.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/rand.h"
#include "store/crypt_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/crypto.h>
#include <sys/file.h>
#include <unistd.h>

struct change {
	slice dir;
	unsigned char key[CRYPT_KEY];
	struct crypt_file *f;
	int lock;
};

static int lock_dir(slice dir, int *ret, struct err *e)
{
	AUTO(free) char *z = mem_dup(dir.p, dir.n);
	AUTO(fd) int fd = open(z, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || flock(fd, LOCK_EX) < 0)
		return err_sys(e, errno, "%s", z);
	*ret = take_fd(&fd);
	return 0;
}

static void change_end(struct change *c)
{
	OPENSSL_cleanse(c->key, sizeof c->key);
	crypt_file_free(c->f);
	if (c->lock >= 0)
		close(c->lock);
}

/* 1: there are data keys; 0: none yet; -1. */
static int change_begin(struct change *c, slice dir, slice key_file, struct err *e)
{
	*c = (struct change){.dir = dir, .lock = -1};
	c->f = crypt_file_new();
	if (lock_dir(dir, &c->lock, e) < 0 || crypt_key_read(key_file, dir, c->key, e) < 0)
		return -1;
	int there = crypt_file_there(dir, e);
	if (there <= 0)
		return there;
	return crypt_file_read(dir, c->key, c->f, e) < 0 ? -1 : 1;
}

/* A store's numbers begin anywhere, so that keys of two stores (one that was restored, one made anew) are not mistaken for each other; then they go up by one. */
static uint32_t first_number(void)
{
	return (uint32_t)(1000 * (1 + rand_below(999999)) + 1);
}

static int add_key(struct change *c, struct err *e)
{
	struct crypt_file *f = c->f;
	if (f->n == CRYPT_KEYS_MAX)
		return err_set(e, ERR_LIMIT,
			"there are %d data keys: convert the store, then drop those that nothing "
			"uses",
			CRYPT_KEYS_MAX);
	struct crypt_key *k = &f->keys[f->n];
	k->no = f->n ? f->keys[f->n - 1].no + 1 : first_number();
	k->made_at = wall_now();
	rand_bytes(k->key, sizeof k->key);
	f->n++;
	f->now = k->no;
	return crypt_file_write(c->dir, c->key, f, e);
}

int crypt_on(slice dir, slice key_file, struct err *e)
{
	struct change c;
	int r = change_begin(&c, dir, key_file, e);
	if (r == 1 && c.f->now)
		r = err_set(e, ERR_EXISTS, "the store is encrypted already");
	if (r >= 0)
		r = add_key(&c, e);
	change_end(&c);
	return r;
}

int crypt_rotate(slice dir, slice key_file, struct err *e)
{
	struct change c;
	int r = change_begin(&c, dir, key_file, e);
	if (r == 0 || (r == 1 && !c.f->now))
		r = err_set(e, ERR_NOTFOUND, "the store is not encrypted");
	if (r >= 0)
		r = add_key(&c, e);
	change_end(&c);
	return r;
}

int crypt_off(slice dir, slice key_file, struct err *e)
{
	struct change c;
	int r = change_begin(&c, dir, key_file, e);
	if (r == 0 || (r == 1 && !c.f->now))
		r = err_set(e, ERR_NOTFOUND, "the store is not encrypted");
	if (r == 1) {
		c.f->now = 0;
		r = crypt_file_write(dir, c.key, c.f, e);
	}
	change_end(&c);
	return r;
}

int crypt_rewrap(slice dir, slice old_file, slice new_file, struct err *e)
{
	struct change c;
	unsigned char key[CRYPT_KEY];
	int r = change_begin(&c, dir, old_file, e);
	if (r == 0)
		r = err_set(e, ERR_NOTFOUND, "the store is not encrypted");
	if (r == 1 && (r = crypt_key_read(new_file, dir, key, e)) == 0)
		r = crypt_file_write(dir, key, c.f, e);
	OPENSSL_cleanse(key, sizeof key);
	change_end(&c);
	return r;
}

static int remove_file(slice dir, struct err *e)
{
	AUTO(buf) struct buf path = BUF(PATH_MAX);
	buf_put(&path, dir);
	buf_printf(&path, "/crypt");
	buf_byte(&path, 0);
	return buf_ok(&path) && unlink(path.p) == 0 ? 0
						    : err_sys(e, errno, "%.*s/crypt", SFMT(dir));
}

static int drop(
	struct change *c, bool (*used)(void *, uint32_t), void *arg, unsigned *ret, struct err *e)
{
	struct crypt_file *f = c->f;
	size_t n = 0;
	unsigned gone = 0;
	struct crypt_key *newest = &f->keys[f->n - 1];
	/* The newest stays as long as any does: numbers go on behind it. */
	for (size_t i = 0; i < f->n; i++)
		if (f->keys[i].no == f->now || used(arg, f->keys[i].no) ||
			(&f->keys[i] == newest && n > 0))
			f->keys[n++] = f->keys[i];
		else
			gone++;
	if (!gone) {
		*ret = 0;
		return 0;
	}
	f->n = n;
	int r = n ? crypt_file_write(c->dir, c->key, f, e) : remove_file(c->dir, e);
	if (r == 0)
		*ret = gone;
	return r;
}

int crypt_drop(slice dir, slice key_file, bool (*used)(void *arg, uint32_t no), void *arg,
	unsigned *ret, struct err *e)
{
	struct change c;
	int r = change_begin(&c, dir, key_file, e);
	if (r == 0)
		r = err_set(e, ERR_NOTFOUND, "the store is not encrypted");
	if (r == 1)
		r = drop(&c, used, arg, ret, e);
	change_end(&c);
	return r;
}

int crypt_list(slice dir, slice key_file, struct crypt_list *ret, struct err *e)
{
	struct change c;
	int there = crypt_file_there(dir, e);
	if (there <= 0)
		return there < 0 ? -1 : err_set(e, ERR_NOTFOUND, "the store is not encrypted");
	int r = change_begin(&c, dir, key_file, e);
	if (r == 1) {
		ret->now = c.f->now;
		ret->n = c.f->n;
		for (size_t i = 0; i < c.f->n; i++)
			ret->keys[i] = (struct crypt_listed){c.f->keys[i].no, c.f->keys[i].made_at};
	}
	change_end(&c);
	return r < 0 ? -1 : 0;
}

static int settle(slice dir, slice key_file, struct err *e)
{
	struct change c;
	int r = change_begin(&c, dir, key_file, e);
	if (r == 1)
		r = err_set(e, ERR_EXISTS, "the store has data keys already");
	if (r == 0 && !crypt_ring(c.f))
		r = err_set(e, ERR_NOTFOUND, "no data keys");
	if (r == 0)
		r = crypt_file_write(dir, c.key, c.f, e);
	change_end(&c);
	return r;
}

int crypt_settle(slice dir, slice key_file, bool *ret_made, struct err *e)
{
	bool made = crypt_key_make(key_file, dir, e) == 0;
	if (!made && e->kind != ERR_EXISTS)
		return -1;
	if (settle(dir, key_file, e) < 0)
		return -1;
	*ret_made = made;
	return 0;
}
