/*
 * One mailbox of a generation (backup.h): its databases are opened where they lie, page by page; of the packs only those parts are
 * fetched that a message is in, into files with holes in a directory of ours, where the usual readers find them. What was not fetched is a hole
 * there, and no record: it cannot be taken for one.
 *
 * A database of an older schema cannot be changed where it lies: it is copied whole and brought up to date first.
 */
#include "base/map.h"
#include "base/mem.h"
#include "store/backup_read.h"
#include "store/blob.h"
#include "store/credential.h"
#include "store/crypt.h"
#include "store/directory.h"
#include "store/mailbox.h"
#include "store/maillist.h"
#include "store/pack_in.h"
#include "store/sql_image.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	FETCHED_MAX = 512 << 20 /* bytes of packs; then the directory is emptied */,
	SOURCES_MAX = 16
};

struct source {
	struct backup_mail *m;
	const struct backup_file *f;
	struct sql_source sql;
};
struct backup_mail {
	struct backup_repo *r;
	const struct backup_content *c;
	char *work;
	struct blobs *blobs;
	int dir; /* WORK/blob */
	struct map fetched; /* "PACK.PART" */
	uint64_t bytes;
	struct source sources[SOURCES_MAX];
	size_t nsources;
};

/* ---- the directory ---- */

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st, (void)type, (void)at;
	return remove(path);
}

static void forget(struct backup_mail *m)
{
	blobs_close(take(&m->blobs));
	if (m->dir >= 0)
		close(take_fd(&m->dir));
	map_done(&m->fetched);
	m->bytes = 0;
}

/* Empty. */
static int begin(struct backup_mail *m, struct err *e)
{
	char path[3000];
	snprintf(path, sizeof path, "%s/blob", m->work);
	nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	if ((mkdir(m->work, 0700) < 0 && errno != EEXIST) || mkdir(path, 0700) < 0)
		return err_sys(e, errno, "%s", path);
	m->dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (m->dir < 0)
		return err_sys(e, errno, "%s", path);
	return blobs_open(slice_z(m->work), &m->blobs, e);
}

int backup_mail_open(struct backup_repo *r, const struct backup_content *c, slice work,
	struct backup_mail **ret, struct err *e)
{
	struct backup_mail *m = NEW(struct backup_mail);
	*m = (struct backup_mail){.r = r, .c = c, .dir = -1, .work = mem_dup(work.p, work.n)};
	nftw(m->work, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	if (backup_keys_read(r, c, crypt_add, e) < 0 || begin(m, e) < 0) {
		backup_mail_close(m);
		return -1;
	}
	*ret = m;
	return 0;
}

void backup_mail_close(struct backup_mail *m)
{
	if (!m)
		return;
	forget(m);
	nftw(m->work, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	free(m->work);
	free(m);
}

/* ---- databases ---- */

static int read_source(void *arg, uint64_t at, size_t n, char *to, struct err *e)
{
	struct source *s = arg;
	return backup_file_read(s->m->r, s->f, at, n, to, e);
}

/* All of the file, into WORK/db. */
static int copy_whole(
	struct backup_mail *m, const struct backup_file *f, const char *name, struct err *e)
{
	char path[3000];
	AUTO(buf) struct buf part = BUF(BACKUP_CHUNK_MAX);
	snprintf(path, sizeof path, "%s/db", m->work);
	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return err_sys(e, errno, "%s", path);
	snprintf(path, sizeof path, "%s/db/%s.sqlite", m->work, name);
	AUTO(fd) int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_sys(e, errno, "%s", path);
	for (uint64_t at = 0; at < f->size; at += f->chunk) {
		size_t n = f->size - at < f->chunk ? (size_t)(f->size - at) : f->chunk;
		buf_reset(&part);
		char *room = buf_room(&part, n);
		if (backup_file_read(m->r, f, at, n, room, e) < 0)
			return -1;
		if (pwrite(fd, room, n, (off_t)at) != (ssize_t)n)
			return err_sys(e, errno ? errno : ENOSPC, "%s", path);
	}
	return 0;
}

static const struct sql_migration *migrations_of(const char *name, size_t *ret_n)
{
	if (strncmp(name, "mail-", 5) == 0) {
		*ret_n = mailbox_migrations_n;
		return mailbox_migrations;
	}
	if (strcmp(name, CREDENTIAL_DB) == 0) {
		*ret_n = credential_migrations_n;
		return credential_migrations;
	}
	bool lists = strcmp(name, MAILLIST_DB) == 0;
	*ret_n = lists ? maillist_migrations_n : directory_migrations_n;
	return lists ? maillist_migrations : directory_migrations;
}

static int copy_and_migrate(struct backup_mail *m, const struct backup_file *f, const char *name,
	struct sql **ret, struct err *e)
{
	size_t n;
	const struct sql_migration *steps = migrations_of(name, &n);
	struct sql *db;
	if (copy_whole(m, f, name, e) < 0 || sql_open(slice_z(m->work), name, &db, e) < 0)
		return -1;
	if (sql_migrate(db, steps, n, e) < 0) {
		sql_close(db);
		return -1;
	}
	*ret = db;
	return 0;
}

int backup_mail_db(struct backup_mail *m, const char *name, struct sql **ret, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	size_t n;
	int version = 0;
	const struct sql_migration *steps = migrations_of(name, &n);
	const char *below = strcmp(name, CREDENTIAL_DB) == 0 ? "auth/" : "";
	const struct backup_file *f =
		backup_file_find(m->c, arena_printf(&a, "%sdb/%s.sqlite", below, name));
	if (!f)
		return err_set(e, ERR_NOTFOUND, "the generation has no database %s", name);
	if (m->nsources == SOURCES_MAX)
		return err_set(e, ERR_LIMIT, "too many databases of a backup are open");
	struct source *s = &m->sources[m->nsources++];
	*s = (struct source){m, f, {f->size, read_source, s}};
	struct sql *db;
	if (sql_open_source(name, &s->sql, &db, e) < 0)
		return -1;
	if (sql_version(db, &version, e) == 0 && version == steps[n - 1].version) {
		*ret = db;
		return 0;
	}
	sql_close(db);
	return version ? copy_and_migrate(m, f, name, ret, e) : -1;
}

int backup_mail_file(struct backup_mail *m, slice path, char *to, size_t n, struct err *e)
{
	const struct backup_file *f = backup_file_find(m->c, path);
	if (!f || f->size != n)
		return err_set(e, ERR_NOTFOUND, "the generation has no file %.*s of %zu bytes",
			SFMT(path), n);
	return backup_file_read(m->r, f, 0, n, to, e);
}

/* ---- messages ---- */

/* These bytes of a pack are in WORK/blob. */
static int need(struct backup_mail *m, uint32_t no, uint64_t at, uint64_t n, struct err *e)
{
	char name[PACK_NAME_MAX], path[PACK_NAME_MAX + 8], key[64];
	const char *bytes;
	pack_name(no, name);
	snprintf(path, sizeof path, "blob/%s", name);
	const struct backup_file *f = backup_file_find(m->c, slice_z(path));
	if (!f)
		return err_set(e, ERR_NOTFOUND, "pack %u is not in this generation", no);
	AUTO(fd) int fd = -1;
	for (uint64_t i = at / f->chunk; i * f->chunk < at + n && i * f->chunk < f->size; i++) {
		int k = snprintf(key, sizeof key, "%u.%llu", no, (unsigned long long)i);
		struct backup_ref ref;
		if (map_get(&m->fetched, slice_of(key, (size_t)k)))
			continue;
		if (fd < 0 && (fd = openat(m->dir, name, O_RDWR | O_CREAT | O_CLOEXEC, 0600)) < 0)
			return err_sys(e, errno, "%s", name);
		if (backup_file_ref(m->r, f, i, &ref, e) < 0)
			return -1;
		if (!backup_ref_is_hole(&ref) &&
			(backup_chunk(m->r, &ref, &bytes, e) < 0 ||
				pwrite(fd, bytes, ref.raw, (off_t)(i * f->chunk)) !=
					(ssize_t)ref.raw))
			return e->kind == ERR_PERM ? err_wrap(e, "pack %u", no)
						   : err_sys(e, errno ? errno : EIO, "%s", name);
		m->bytes += ref.raw;
		map_put(&m->fetched, slice_of(key, (size_t)k), m);
	}
	return 0;
}

/* Its head and, when gc has rewritten it, its map. */
static int open_pack(struct backup_mail *m, uint32_t no, struct pack_in **ret, struct err *e)
{
	char name[PACK_NAME_MAX], block[PACK_HEAD_COPY_AT + PACK_HEAD_SIZE];
	struct pack_head h;
	if (need(m, no, 0, PACK_RECORDS_AT, e) < 0)
		return -1;
	pack_name(no, name);
	AUTO(fd) int fd = openat(m->dir, name, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd >= 0 ? pread(fd, block, sizeof block, 0) : -1;
	slice s = slice_of(block, n > 0 ? (size_t)n : 0);
	if (!pack_head_parse(s, &h) && !pack_head_parse(slice_skip(s, PACK_HEAD_COPY_AT), &h))
		return err_set(e, ERR_PERM, "pack %u of the backup has no head", no);
	if (h.map_at && need(m, no, h.map_at, (uint64_t)h.map_n * 8 + 4, e) < 0)
		return -1;
	return pack_in_open(m->dir, no, ret, e);
}

/* A record is there; of a message what it refers to, too. */
static int need_record(struct backup_mail *m, blob_id id, unsigned depth, struct err *e)
{
	AUTO(pack_record) struct pack_record rec = {0};
	struct pack_in *p;
	struct piece_list list;
	struct piece piece;
	uint64_t place;
	struct record head;
	uint32_t no = blob_pack(id);
	if (open_pack(m, no, &p, e) < 0)
		return -1;
	int r = pack_in_place(p, blob_offset(id), &place)
			? need(m, no, place, RECORD_HEAD_SIZE, e)
			: err_set(e, ERR_NOTFOUND, "pack %u has no such record", no);
	if (r == 0)
		r = pack_in_peek(p, blob_offset(id), &head, e);
	if (r == 0)
		r = need(m, no, place, record_size(&head), e);
	bool message = r == 0 && head.type == RECORD_MESSAGE && depth == 0;
	if (message)
		r = pack_in_read(p, blob_offset(id), 0, &rec, e);
	pack_in_close(p);
	if (!message || r < 0)
		return r;
	if (!piece_list_parse(rec.content, &list))
		return err_set(e, ERR_PERM, "pack %u: a message is damaged", no);
	while (r == 0 && piece_next(&list, &piece))
		if (piece.kind == PIECE_REF)
			r = need_record(m, piece.ref, depth + 1, e);
	return r;
}

int backup_mail_blob(struct backup_mail *m, uint64_t blob, struct buf *out, struct err *e)
{
	if (m->bytes > FETCHED_MAX) {
		forget(m);
		if (begin(m, e) < 0)
			return -1;
	}
	return need_record(m, blob, 0, e) < 0 ? -1 : blob_read(m->blobs, blob, out, e);
}
