/*
 * Packs as archives (feature.h): tar (POSIX pax) compressed by zstd, both by libarchive. The reader
 * takes members in one order only: manifest, signatures (verified before anything else is looked at),
 * then exactly the files of the manifest, plain files with flat names, each of the size and the digest
 * that were signed, and nothing behind them. It runs where there is nothing to steal.
 */
#include "feature/feature.h"

#include "base/cur.h"
#include "base/mem.h"
#include <archive.h>
#include <archive_entry.h>
#include <stdio.h>

#define MANIFEST S("manifest.json")
#define SIGNATURES S("manifest.sig")

static void auto_reader(struct archive **a)
{
	archive_read_free(*a);
}

static void auto_writer(struct archive **a)
{
	archive_write_free(*a);
}

static void auto_entry(struct archive_entry **v)
{
	archive_entry_free(*v);
}

/* ---- verifying ---- */

static int check_file(const struct feature_file *f, slice bytes, struct err *e)
{
	unsigned char digest[32];
	if (bytes.n != f->size)
		return err_set(
			e, ERR_PROTO, "%.*s: not of the size that was signed", SFMT(f->name));
	feature_sha256(bytes, digest);
	if (memcmp(digest, f->sha256, sizeof digest) != 0)
		return err_set(e, ERR_PROTO, "%.*s: not what was signed", SFMT(f->name));
	return 0;
}

/* The manifest, once its signature is good. */
static int open_manifest(
	const struct feature_keys *trusted, struct arena *a, struct feature_pack *p, struct err *e)
{
	if (feature_verify(p->manifest, p->signatures, trusted, &p->by, e) < 0)
		return -1;
	return feature_manifest_read(p->manifest, a, &p->m, e);
}

/* ---- reading ---- */

/* libarchive's words for what is wrong. */
static int broken(struct archive *r, struct err *e)
{
	const char *why = archive_error_string(r);
	return err_set(
		e, ERR_PROTO, "not a pack, or a damaged one: %s", why ? why : "it ends too early");
}

static bool is_plain_file(struct archive_entry *v)
{
	return archive_entry_filetype(v) == AE_IFREG && !archive_entry_hardlink(v) &&
	       !archive_entry_symlink(v) && archive_entry_size_is_set(v) &&
	       archive_entry_sparse_count(v) == 0;
}

/* The next member, which must have this name. size: what it must have; 0: at most `most`. */
static int next_member(struct archive *r, slice name, const uint64_t *size, size_t most,
	struct arena *a, slice *ret, struct err *e)
{
	struct archive_entry *v;
	int got = archive_read_next_header(r, &v);
	if (got != ARCHIVE_OK)
		return broken(r, e);
	const char *path = archive_entry_pathname(v);
	if (!is_plain_file(v) || !path || !slice_eq(slice_z(path), name))
		return err_set(e, ERR_PROTO, "not a pack: something else stands where %.*s belongs",
			SFMT(name));
	int64_t is = archive_entry_size(v);
	if (is < 0 || (uint64_t)is > most || (size && (uint64_t)is != *size))
		return err_set(e, ERR_LIMIT, "%.*s has not the size that it may have", SFMT(name));
	char *p = arena_alloc(a, (size_t)is + 1);
	size_t done = 0;
	while (done < (size_t)is) {
		la_ssize_t n = archive_read_data(r, p + done, (size_t)is - done);
		if (n <= 0)
			return broken(r, e);
		done += (size_t)n;
	}
	*ret = slice_of(p, done);
	return 0;
}

static int read_files(struct archive *r, struct arena *a, struct feature_pack *p, struct err *e)
{
	struct archive_entry *v;
	p->bytes = ARENA_ARRAY(a, slice, p->m.nfiles + 1);
	for (size_t i = 0; i < p->m.nfiles; i++) {
		const struct feature_file *f = &p->m.files[i];
		if (next_member(r, f->name, &f->size, FEATURE_TOTAL_MAX, a, &p->bytes[i], e) < 0 ||
			check_file(f, p->bytes[i], e) < 0)
			return -1;
	}
	int end = archive_read_next_header(r, &v);
	if (end == ARCHIVE_OK)
		return err_set(e, ERR_PROTO, "the pack holds files that nobody signed");
	return end == ARCHIVE_EOF ? 0 : broken(r, e);
}

int feature_pack_read(slice archive, const struct feature_keys *trusted, struct arena *a,
	struct feature_pack *ret, struct err *e)
{
	__attribute__((cleanup(auto_reader))) struct archive *r = archive_read_new();
	struct feature_pack p = {0};
	if (archive.n > FEATURE_PACK_MAX)
		return err_set(e, ERR_LIMIT, "a pack has at most %d bytes", FEATURE_PACK_MAX);
	archive_read_support_filter_zstd(r);
	archive_read_support_format_tar(r);
	if (archive_read_open_memory(r, archive.p ? archive.p : "", archive.n) != ARCHIVE_OK)
		return broken(r, e);
	if (next_member(r, MANIFEST, NULL, FEATURE_MANIFEST_MAX, a, &p.manifest, e) < 0 ||
		next_member(r, SIGNATURES, NULL, FEATURE_SIGNATURES_MAX, a, &p.signatures, e) < 0 ||
		open_manifest(trusted, a, &p, e) < 0 || read_files(r, a, &p, e) < 0)
		return -1;
	*ret = p;
	return 0;
}

/* ---- between processes ---- */

void feature_pack_encode(const struct feature_pack *p, struct buf *out)
{
	buf_str(out, p->manifest);
	buf_str(out, p->signatures);
	for (size_t i = 0; i < p->m.nfiles; i++)
		buf_str(out, p->bytes[i]);
}

int feature_pack_decode(slice in, const struct feature_keys *trusted, struct arena *a,
	struct feature_pack *ret, struct err *e)
{
	struct cur c = cur_of(in);
	struct feature_pack p = {.manifest = cur_str(&c), .signatures = cur_str(&c)};
	if (!cur_ok(&c))
		return err_set(e, ERR_PROTO, "not a pack that was read");
	if (open_manifest(trusted, a, &p, e) < 0)
		return -1;
	p.bytes = ARENA_ARRAY(a, slice, p.m.nfiles + 1);
	for (size_t i = 0; i < p.m.nfiles; i++) {
		p.bytes[i] = cur_str(&c);
		if (!cur_ok(&c))
			return err_set(e, ERR_PROTO, "not a pack that was read");
		if (check_file(&p.m.files[i], p.bytes[i], e) < 0)
			return -1;
	}
	if (!cur_at_end(&c))
		return err_set(e, ERR_PROTO, "not a pack that was read");
	*ret = p;
	return 0;
}

/* ---- writing ---- */

static la_ssize_t on_bytes(struct archive *w, void *arg, const void *bytes, size_t n)
{
	struct buf *out = arg;
	buf_put(out, slice_of(bytes, n));
	if (buf_ok(out))
		return (la_ssize_t)n;
	archive_set_error(w, 1, "the pack is too large");
	return -1;
}

static int add_member(struct archive *w, slice name, slice bytes, int64_t at, struct err *e)
{
	__attribute__((cleanup(auto_entry))) struct archive_entry *v = archive_entry_new();
	char path[FEATURE_NAME_MAX + 1];
	snprintf(path, sizeof path, "%.*s", SFMT(name));
	archive_entry_set_pathname(v, path);
	archive_entry_set_filetype(v, AE_IFREG);
	archive_entry_set_perm(v, 0644);
	archive_entry_set_size(v, (la_int64_t)bytes.n);
	archive_entry_set_mtime(v, at / SECOND, 0);
	if (archive_write_header(w, v) == ARCHIVE_OK &&
		archive_write_data(w, bytes.p ? bytes.p : "", bytes.n) == (la_ssize_t)bytes.n)
		return 0;
	const char *why = archive_error_string(w);
	return err_set(e, ERR_LIMIT, "%.*s: %s", SFMT(name), why ? why : "cannot be written");
}

static int add_all(struct archive *w, const struct feature_pack *p, struct err *e)
{
	if (add_member(w, MANIFEST, p->manifest, p->m.made_at, e) < 0 ||
		add_member(w, SIGNATURES, p->signatures, p->m.made_at, e) < 0)
		return -1;
	for (size_t i = 0; i < p->m.nfiles; i++)
		if (add_member(w, p->m.files[i].name, p->bytes[i], p->m.made_at, e) < 0)
			return -1;
	return archive_write_close(w) == ARCHIVE_OK
		       ? 0
		       : err_set(e, ERR_LIMIT, "the pack cannot be written");
}

int feature_pack_write(const struct feature_pack *p, struct buf *out, struct err *e)
{
	__attribute__((cleanup(auto_writer))) struct archive *w = archive_write_new();
	if (archive_write_add_filter_zstd(w) != ARCHIVE_OK ||
		archive_write_set_format_pax_restricted(w) != ARCHIVE_OK ||
		archive_write_set_bytes_in_last_block(w, 1) != ARCHIVE_OK ||
		archive_write_open(w, out, NULL, on_bytes, NULL) != ARCHIVE_OK)
		return err_set(e, ERR_TEMP, "libarchive cannot write zstd");
	return add_all(w, p, e);
}
