/*
 * Archives, compressed files and disks: every file inside is a file of the letter. Called by
 * files.c. What needs a password is tried with the words of the letter that may be one
 * (files_words.c): senders of malicious software hide it from scanners so.
 */
#include "base/mem.h"
#include "codec/unpack.h"
#include "content/files.h"

enum {
	BOMB_RATIO = 200, /* unpacked to packed, and */
	BOMB_MIN = 32 << 20, /* more than so many bytes */
};

struct unpacking {
	struct files_look *k;
	uint64_t total;
};

/* A compressed file without a name inside is called as the outer one, without its ending. */
static slice inner_name(struct files_look *k, slice name)
{
	const struct content_file *f = files_of(k);
	bool single = f->type == FILETYPE_GZIP || f->type == FILETYPE_BZIP2 ||
		      f->type == FILETYPE_XZ || f->type == FILETYPE_LZMA ||
		      f->type == FILETYPE_LZIP || f->type == FILETYPE_LZ4 ||
		      f->type == FILETYPE_ZSTD || f->type == FILETYPE_COMPRESS;
	if (!single || (name.n && !slice_eq(name, S("data"))))
		return name;
	if (slice_iends(f->name, S(".tgz")) || slice_iends(f->name, S(".txz")))
		return arena_printf(k->r->a, "%.*s.tar", SFMT(slice_first(f->name, f->name.n - 4)));
	return slice_first(f->name, slice_rindex(f->name, '.'));
}

static bool got_file(void *arg, slice name, slice bytes)
{
	struct unpacking *u = arg;
	u->total += bytes.n;
	return u->k->x.file(u->k, inner_name(u->k, name), bytes);
}

static void locked(void *arg, slice name)
{
	struct unpacking *u = arg;
	files_fact(u->k->r, u->k->file, EXTRACT_ENCRYPTED, name);
	/* The name tells what it hides. */
	if (filetype_is(filetype_of_ending(name), FILETYPE_DANGEROUS))
		files_fact(u->k->r, u->k->file, EXTRACT_EMBEDDED, name);
}

static void opened(void *arg, slice name)
{
	struct unpacking *u = arg;
	files_fact(u->k->r, u->k->file, EXTRACT_ENCRYPTED | EXTRACT_OPENED, name);
}

void files_look_archive(struct files_look *k, slice bytes)
{
	const char *passwords[FILES_PASSWORDS_MAX];
	struct unpacking u = {.k = k};
	uint64_t spent = 0;
	struct unpack_how how = {
		.limits = {.total = k->limits.unpacked, .files = k->r->limits->files},
		.only_zip = files_of(k)->type == FILETYPE_ZIP,
		.passwords = passwords,
		.npasswords = files_passwords(k->r, passwords),
		.locked = locked,
		.opened = opened,
		.ret_spent = &spent};
	enum unpack_result r = unpack_with(bytes, &how, got_file, &u);
	extract_pay(&k->limits, spent - u.total); /* a file that broke off */
	if (r == UNPACK_DAMAGED || r == UNPACK_NO_ARCHIVE)
		files_fact(k->r, k->file, EXTRACT_DAMAGED, S(""));
	if (r == UNPACK_LIMIT)
		files_fact(k->r, k->file, EXTRACT_LIMIT, S(""));
	if ((r == UNPACK_LIMIT && how.limits.total / BOMB_RATIO > bytes.n) ||
		(u.total > BOMB_MIN && u.total / BOMB_RATIO > bytes.n))
		files_fact(k->r, k->file, EXTRACT_BOMB, S(""));
}
