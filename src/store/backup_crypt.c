/*
 * Backups of an encrypted store (crypt.h): packs go out as they lie on the disk, so the data keys go along, as a small file of their own kind, sealed like everything
 * else in the repository. Databases go out as plain pages (a moment reads through SQLite) and are encrypted again when they are restored. DATA/crypt itself is
 * of no use elsewhere: the installation key is in no backup.
 */
#include "base/mem.h"
#include "store/backup_read.h"
#include "store/backup_write.h"
#include "store/crypt.h"

#include <openssl/crypto.h>

static const struct backup_file *find(const struct backup_content *c)
{
	for (size_t i = 0; i < c->nfiles; i++)
		if (c->files[i].kind == BACKUP_KEYS)
			return &c->files[i];
	return NULL;
}

int backup_keys_write(struct backup_writer *w, struct err *e)
{
	if (!crypt_held())
		return 0;
	AUTO(free) char *ring = mem_alloc(CRYPT_RING_MAX);
	struct backup_making m;
	struct backup_file f = {.path = S("keys.ring"),
		.kind = BACKUP_KEYS,
		.mode = 0600,
		.size = crypt_export(ring),
		.changed_at = wall_now(),
		.chunk = BACKUP_FILE_CHUNK};
	backup_file_begin(w, &m);
	int r = backup_file_part(&m, slice_of(ring, f.size), e);
	if (r == 0)
		r = backup_file_end(&m, &f, S(""), e);
	backup_file_drop(&m);
	OPENSSL_cleanse(ring, CRYPT_RING_MAX);
	return r;
}

int backup_keys_read(struct backup_repo *r, const struct backup_content *c,
	int (*use)(slice ring, struct err *e), struct err *e)
{
	const struct backup_file *f = find(c);
	struct backup_ref ref;
	const char *bytes;
	if (!f)
		return 0;
	if (f->size > CRYPT_RING_MAX)
		return err_set(e, ERR_PERM, "the backup's data keys are damaged");
	if (backup_file_ref(r, f, 0, &ref, e) < 0 || backup_chunk(r, &ref, &bytes, e) < 0)
		return err_wrap(e, "data keys");
	return use(slice_of(bytes, ref.raw), e) < 0 ? err_wrap(e, "the backup's data keys") : 1;
}
