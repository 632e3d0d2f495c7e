/*
 * DIR/crypt and the file of the installation key (crypt_file.h). Read by crypt.c at the start of a process, changed by crypt_admin.c. Whoever can write DIR can
 * put an older DIR/crypt back; nobody without the installation key can make another one.
 */
#include "store/crypt_file.h"

#include "base/b64.h"
#include "base/buf.h"
#include "base/cur.h"
#include "base/hex.h"
#include "base/mem.h"
#include "base/must.h"
#include "base/rand.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

enum {
	VERSION_1 = 1,
	SALT = 32,
	CHECK = 16,
	MAC = 32,
	HEAD = 8 + 4 + SALT + CHECK + 4 + 4,
	ENTRY = 4 + 8 + CRYPT_KEY + CRYPT_TAG,
	FILE_MAX = HEAD + CRYPT_KEYS_MAX * ENTRY + MAC,
	TEXT_MAX = 256, /* of a key file */
};
static const slice magic = S_INIT("PHCRYPT\n");

/* ---- memory for keys ---- */

struct crypt_file *crypt_file_new(void)
{
	void *p = mmap(NULL, sizeof(struct crypt_file), PROT_READ | PROT_WRITE,
		MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	must(p != MAP_FAILED);
	madvise(p, sizeof(struct crypt_file), MADV_DONTDUMP);
	mlock(p, sizeof(struct crypt_file)); /* as far as the limit allows */
	return p;
}

void crypt_file_free(struct crypt_file *f)
{
	if (!f)
		return;
	OPENSSL_cleanse(f, sizeof *f);
	munmap(f, sizeof *f);
}

const struct crypt_key *crypt_file_find(const struct crypt_file *f, uint32_t no)
{
	for (size_t i = 0; f && i < f->n; i++)
		if (f->keys[i].no == no)
			return &f->keys[i];
	return NULL;
}

/* ---- DIR/crypt ---- */

static int path_of(slice dir, const char *name, struct buf *out, struct err *e)
{
	buf_put(out, dir);
	buf_printf(out, "%s", name);
	buf_byte(out, 0);
	return buf_ok(out) ? 0 : err_set(e, ERR_LIMIT, "path of the store is too long");
}

static void nonce_of(uint32_t no, unsigned char ret[CRYPT_NONCE])
{
	memset(ret, 0, CRYPT_NONCE);
	for (int i = 0; i < 4; i++)
		ret[CRYPT_NONCE - 1 - i] = (unsigned char)(no >> (8 * i));
}

static void mac_of(
	const unsigned char key[CRYPT_KEY], slice salt, slice bytes, unsigned char ret[MAC])
{
	unsigned char mac_key[CRYPT_KEY];
	unsigned n = MAC;
	crypt_hkdf(key, salt, "crypt mac", mac_key);
	must(HMAC(EVP_sha256(), mac_key, CRYPT_KEY, (const unsigned char *)bytes.p, bytes.n, ret,
		     &n) &&
		n == MAC);
	OPENSSL_cleanse(mac_key, sizeof mac_key);
}

static bool same(slice a, const unsigned char *b)
{
	return CRYPTO_memcmp(a.p, b, a.n) == 0;
}

static int damaged(struct err *e, const char *what)
{
	return err_set(e, ERR_PERM, "the store's file of data keys (crypt) is damaged: %s", what);
}

static bool unwrap_all(struct cur *c, const unsigned char wrap[CRYPT_KEY], struct crypt_file *ret)
{
	for (size_t i = 0; i < ret->n; i++) {
		struct crypt_key *k = &ret->keys[i];
		unsigned char nonce[CRYPT_NONCE];
		k->no = cur_u32(c);
		k->made_at = (int64_t)cur_u64(c);
		slice sealed = cur_bytes(c, CRYPT_KEY + CRYPT_TAG);
		nonce_of(k->no, nonce);
		if (!cur_ok(c) || !k->no || (i && k->no <= ret->keys[i - 1].no) ||
			!crypt_gcm_open(wrap, nonce, S(""), sealed, (char *)k->key))
			return false;
	}
	return true;
}

static int parse(
	slice bytes, const unsigned char key[CRYPT_KEY], struct crypt_file *ret, struct err *e)
{
	unsigned char derived[CRYPT_KEY], mac[MAC];
	struct cur c = cur_of(bytes);
	if (!slice_eq(cur_bytes(&c, magic.n), magic))
		return damaged(e, "it does not begin as one");
	if (cur_u32(&c) != VERSION_1)
		return err_set(e, ERR_PERM,
			"the store's file of data keys (crypt) is of a version unknown here");
	slice salt = cur_bytes(&c, SALT), check = cur_bytes(&c, CHECK);
	uint32_t now = cur_u32(&c), n = cur_u32(&c);
	if (!cur_ok(&c) || n < 1 || n > CRYPT_KEYS_MAX || bytes.n != HEAD + (size_t)n * ENTRY + MAC)
		return damaged(e, "length");
	crypt_hkdf(key, salt, "crypt check", derived);
	if (!same(check, derived))
		return err_set(e, ERR_PERM, "encrypted: the key is not this store's");
	slice body = slice_first(bytes, bytes.n - MAC);
	mac_of(key, salt, body, mac);
	if (!same(slice_skip(bytes, body.n), mac))
		return damaged(e, "its authentication code is wrong");
	crypt_hkdf(key, salt, "crypt wrap", derived);
	ret->now = now;
	ret->n = n;
	bool ok = unwrap_all(&c, derived, ret);
	OPENSSL_cleanse(derived, sizeof derived);
	return ok && (!now || crypt_file_find(ret, now)) ? 0 : damaged(e, "keys");
}

static int read_whole(int fd, struct buf *out, struct err *e)
{
	for (;;) {
		char *room = buf_room(out, 1024);
		if (!room)
			return err_set(e, ERR_LIMIT, "too long");
		ssize_t n = read(fd, room, 1024);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? err_sys(e, errno, "read") : 0;
		buf_commit(out, (size_t)n);
	}
}

int crypt_file_there(slice dir, struct err *e)
{
	AUTO(buf) struct buf path = BUF(PATH_MAX);
	if (path_of(dir, "/crypt", &path, e) < 0)
		return -1;
	if (access(path.p, F_OK) == 0)
		return 1;
	return errno == ENOENT ? 0 : err_sys(e, errno, "%s", path.p);
}

int crypt_file_read(
	slice dir, const unsigned char key[CRYPT_KEY], struct crypt_file *ret, struct err *e)
{
	AUTO(buf) struct buf path = BUF(PATH_MAX);
	AUTO(buf) struct buf bytes = BUF(FILE_MAX + 1024);
	if (path_of(dir, "/crypt", &path, e) < 0)
		return -1;
	AUTO(fd) int fd = open(path.p, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_sys(e, errno, "%s", path.p);
	if (read_whole(fd, &bytes, e) < 0)
		return err_wrap(e, "%s", path.p);
	return parse(buf_slice(&bytes), key, ret, e);
}

static void put_all(const unsigned char key[CRYPT_KEY], const struct crypt_file *f, struct buf *out)
{
	unsigned char salt[SALT], derived[CRYPT_KEY], mac[MAC];
	slice s = slice_of(salt, SALT);
	rand_bytes(salt, sizeof salt);
	buf_put(out, magic);
	buf_u32(out, VERSION_1);
	buf_put(out, s);
	crypt_hkdf(key, s, "crypt check", derived);
	buf_put(out, slice_of(derived, CHECK));
	buf_u32(out, f->now);
	buf_u32(out, (uint32_t)f->n);
	crypt_hkdf(key, s, "crypt wrap", derived);
	for (size_t i = 0; i < f->n; i++) {
		const struct crypt_key *k = &f->keys[i];
		unsigned char nonce[CRYPT_NONCE];
		char sealed[CRYPT_KEY + CRYPT_TAG];
		nonce_of(k->no, nonce);
		crypt_gcm_seal(derived, nonce, S(""), slice_of(k->key, CRYPT_KEY), sealed);
		buf_u32(out, k->no);
		buf_u64(out, (uint64_t)k->made_at);
		buf_put(out, slice_of(sealed, sizeof sealed));
	}
	mac_of(key, s, buf_slice(out), mac);
	buf_put(out, slice_of(mac, MAC));
	OPENSSL_cleanse(derived, sizeof derived);
}

static int write_synced(int fd, slice bytes)
{
	while (bytes.n) {
		ssize_t n = write(fd, bytes.p, bytes.n);
		if (n < 0 && errno != EINTR)
			return -1;
		bytes = slice_skip(bytes, n > 0 ? (size_t)n : 0);
	}
	return fsync(fd);
}

int crypt_file_write(
	slice dir, const unsigned char key[CRYPT_KEY], const struct crypt_file *f, struct err *e)
{
	AUTO(buf) struct buf path = BUF(PATH_MAX);
	AUTO(buf) struct buf bytes = BUF(FILE_MAX);
	must(f->n >= 1 && f->n <= CRYPT_KEYS_MAX);
	if (path_of(dir, "", &path, e) < 0)
		return -1;
	AUTO(fd) int at = open(path.p, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (at < 0)
		return err_sys(e, errno, "%s", path.p);
	put_all(key, f, &bytes);
	must(buf_ok(&bytes));
	struct stat st;
	AUTO(fd) int fd = openat(at, "crypt.new", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	/* Made by root it belongs to whom the store belongs. */
	if (fd < 0 || fstat(at, &st) < 0 ||
		(geteuid() == 0 && fchown(fd, st.st_uid, st.st_gid) < 0) ||
		write_synced(fd, buf_slice(&bytes)) < 0 ||
		renameat(at, "crypt.new", at, "crypt") < 0 || fsync(at) < 0)
		return err_sys(e, errno, "%s/crypt", path.p);
	return 0;
}

/* ---- the installation key ---- */

bool crypt_key_parse(slice text, unsigned char ret[CRYPT_KEY])
{
	AUTO(buf) struct buf key = BUF(TEXT_MAX);
	text = slice_trim(text);
	bool ok = (text.n == 2 * CRYPT_KEY && hex_decode(&key, text)) ||
		  (text.n == b64_size(CRYPT_KEY) && b64_decode(&key, text));
	if (ok && key.n == CRYPT_KEY)
		memcpy(ret, key.p, CRYPT_KEY);
	ok = ok && key.n == CRYPT_KEY;
	if (key.p)
		OPENSSL_cleanse(key.p, key.cap);
	return ok;
}

/* Does the path, or what it leads to, lie in the directory? A key beside what it locks protects nothing. */
static bool lies_in(const char *path, slice dir)
{
	AUTO(free) char *dir_z = mem_dup(dir.p, dir.n);
	AUTO(free) char *root = realpath(dir_z, NULL);
	AUTO(free) char *real = realpath(path, NULL);
	if (!root || !real)
		return false;
	size_t n = strlen(root);
	return strncmp(real, root, n) == 0 && (real[n] == '/' || !real[n]);
}

/* Where a new file would lie. */
static bool parent_lies_in(slice path, slice dir)
{
	size_t at = slice_rindex(path, '/');
	AUTO(free) char *parent = at < path.n ? mem_dup(path.p, at ? at : 1) : mem_dup(".", 1);
	return lies_in(parent, dir);
}

/*
 * Of a file with an access control list (acl(5)) the group's bits are its mask. A service manager hands credentials over so: readable by this user, and
 * nobody else is named. The kernel's form: version 2, then entries of tag, rights, id, little endian.
 */
static bool acl_names_us_alone(int fd)
{
	enum { USER = 2, GROUP_OBJ = 4, GROUP = 8, OTHER = 32, ENTRY_SIZE = 8, MOST = 16 };
	unsigned char acl[4 + MOST * ENTRY_SIZE];
	ssize_t n = fgetxattr(fd, "system.posix_acl_access", acl, sizeof acl);
	if (n < 4 || acl[0] != 2 || (n - 4) % ENTRY_SIZE)
		return false;
	for (const unsigned char *p = acl + 4; p < acl + n; p += ENTRY_SIZE) {
		unsigned tag = p[0] | p[1] << 8, rights = p[2] | p[3] << 8;
		uint32_t id = p[4] | p[5] << 8 | p[6] << 16 | (uint32_t)p[7] << 24;
		bool other = tag == GROUP_OBJ || tag == GROUP || tag == OTHER ||
			     (tag == USER && id != geteuid());
		if (rights && other)
			return false;
	}
	return true;
}

static int check_rights(int fd, const char *path, struct err *e)
{
	struct stat st;
	if (fstat(fd, &st) < 0)
		return err_sys(e, errno, "%s", path);
	if (!S_ISREG(st.st_mode))
		return err_set(e, ERR_PERM, "%s: the key is not a file", path);
	if (st.st_mode & 07 || (st.st_mode & 070 && !acl_names_us_alone(fd)))
		return err_set(
			e, ERR_PERM, "%s: group or others may read the key (chmod 400)", path);
	return 0;
}

int crypt_key_read(slice path, slice dir, unsigned char ret[CRYPT_KEY], struct err *e)
{
	if (!path.n)
		return err_set(e, ERR_PERM,
			"encrypted: the key is missing ([encryption] key_file is not set)");
	AUTO(free) char *z = mem_dup(path.p, path.n);
	AUTO(fd) int fd = open(z, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0) {
		err_sys(e, errno, "%s", z);
		e->kind = ERR_PERM;
		return err_wrap(e, "encrypted: the key is missing");
	}
	if (check_rights(fd, z, e) < 0)
		return -1;
	if (lies_in(z, dir))
		return err_set(e, ERR_PERM,
			"%s: a key in the directory that it locks protects nothing", z);
	char text[TEXT_MAX];
	ssize_t n = read(fd, text, sizeof text);
	bool ok = n >= 0 && crypt_key_parse(slice_of(text, n > 0 ? (size_t)n : 0), ret);
	OPENSSL_cleanse(text, sizeof text);
	return ok ? 0 : err_set(e, ERR_PERM, "%s: not a key (64 hexadecimal digits)", z);
}

static int sync_parent(slice path)
{
	size_t at = slice_rindex(path, '/');
	AUTO(free) char *parent = at < path.n ? mem_dup(path.p, at ? at : 1) : mem_dup(".", 1);
	AUTO(fd) int fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -1 : fsync(fd);
}

int crypt_key_make(slice path, slice dir, struct err *e)
{
	unsigned char key[CRYPT_KEY];
	char line[2 * CRYPT_KEY + 2];
	if (!path.n)
		return err_set(e, ERR_PERM, "no name for the key file ([encryption] key_file)");
	if (parent_lies_in(path, dir))
		return err_set(e, ERR_PERM,
			"%.*s: a key in the directory that it locks protects nothing", SFMT(path));
	AUTO(free) char *z = mem_dup(path.p, path.n);
	AUTO(fd) int fd = open(z, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0400);
	if (fd < 0)
		return err_sys(e, errno, "%s", z);
	rand_bytes(key, sizeof key);
	for (size_t i = 0; i < CRYPT_KEY; i++)
		snprintf(line + 2 * i, 3, "%02x", key[i]);
	line[2 * CRYPT_KEY] = '\n';
	int r = write_synced(fd, slice_of(line, 2 * CRYPT_KEY + 1)) < 0 || sync_parent(path) < 0
			? err_sys(e, errno, "%s", z)
			: 0;
	if (r < 0)
		unlink(z);
	OPENSSL_cleanse(key, sizeof key);
	OPENSSL_cleanse(line, sizeof line);
	return r;
}
