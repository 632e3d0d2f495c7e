/*
 * Keys of an encrypted store on their way (unlock.h). Called before anything of the store is opened and before the sandbox is entered, inside of which nobody can
 * read the key file.
 */
#include "bin/unlock.h"

#include "base/mem.h"
#include "run/log.h"
#include "store/crypt.h"
#include "store/crypt_conf.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>

int unlock_store(const struct config *c, struct err *e)
{
	const struct crypt_conf *conf = conf_get(c->conf, &crypt_section);
	const struct rlimit no_core = {0, 0};
	if (crypt_load(c->server->data, conf->key_file, e) < 0)
		return e->kind == ERR_NOTFOUND ? 0 : -1;
	setrlimit(RLIMIT_CORE, &no_core);
	return 1;
}

/* The pages stay in memory as long as the master lives, and nobody can change them. (Shared mappings and this seal exclude each other.) */
static int seal(int fd, size_t n)
{
	void *p = mmap(NULL, n, PROT_READ, MAP_PRIVATE, fd, 0);
	if (p == MAP_FAILED)
		return -1;
	madvise(p, n, MADV_DONTDUMP);
	mlock(p, n); /* as far as the limit allows */
	return fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
}

int unlock_for_children(const struct config *c, int *ret, struct err *e)
{
	int r = unlock_store(c, e);
	*ret = -1;
	if (r <= 0)
		return r;
	AUTO(free) char *ring = mem_alloc(CRYPT_RING_MAX);
	size_t n = crypt_export(ring);
	uint32_t now = crypt_now();
	crypt_forget();
	AUTO(fd) int fd = memfd_create("posthouse.keys", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	bool ok = fd >= 0 && write(fd, ring, n) == (ssize_t)n && seal(fd, n) == 0;
	OPENSSL_cleanse(ring, CRYPT_RING_MAX);
	if (!ok)
		return err_sys(e, errno, "memory for keys");
	*ret = take_fd(&fd);
	log_info(NULL, "server.encrypted", F("data_key", now));
	return 0;
}

int unlock_from_master(struct role_env *env, struct err *e)
{
	AUTO(fd) int fd = proc_start_take(&env->start, "unlocked");
	struct stat st;
	if (fd < 0)
		return 0;
	if (fstat(fd, &st) < 0 || st.st_size <= 0 || st.st_size > CRYPT_RING_MAX)
		return err_set(e, ERR_BUG, "no ring of data keys from the master");
	size_t n = (size_t)st.st_size;
	void *p = mmap(NULL, n, PROT_READ, MAP_PRIVATE, fd, 0);
	if (p == MAP_FAILED)
		return err_sys(e, errno, "keys");
	int r = crypt_adopt(slice_of(p, n), e);
	munmap(p, n);
	return r;
}
