/*
 * Whose a repository is, and who can open it: the text files in it and in DATA/backup, key files, passphrases. Called by the command line and
 * by every run.
 *
 *	posthouse-backup 1		(repository)
 *	id HEX
 *	public HEX
 *	secret HEX			what the writer shares with readers, sealed for the public key
 *
 *	posthouse-backup-key 1		(keys/NAME)
 *	label TEXT
 *	made TIME
 *	argon2id KIB PASSES SALT
 *	key HEX				the private key under the passphrase
 */
#include "base/buf.h"
#include "base/hex.h"
#include "base/mem.h"
#include "base/rand.h"
#include "run/file.h"
#include "store/backup_state.h"
#include "store/backup_target.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

enum { TEXT_MAX = 8192, LABEL_MAX = 100, KDF_KIB_MAX = 4 << 20, KDF_PASSES_MAX = 100 };

/* ---- lines of a text file ---- */

static bool starts_with_line(slice *text, slice first)
{
	slice line;
	return slice_cut(text, '\n', &line) && slice_eq(slice_trim(line), first);
}

/* The value of the line that begins with `key` and a blank. */
static bool line_of(slice text, slice key, slice *ret)
{
	slice line;
	while (slice_cut(&text, '\n', &line))
		if (slice_starts(line, key) && line.n > key.n && line.p[key.n] == ' ') {
			*ret = slice_trim(slice_skip(line, key.n));
			return true;
		}
	return false;
}

static bool hex_line(slice text, slice key, unsigned char *to, size_t n)
{
	slice value;
	AUTO(buf) struct buf bytes = BUF(n);
	if (!line_of(text, key, &value) || !hex_decode(&bytes, value) || bytes.n != n)
		return false;
	memcpy(to, bytes.p, n);
	return true;
}

static void put_hex(struct buf *out, const char *key, const void *p, size_t n)
{
	buf_printf(out, "%s ", key);
	hex_encode(out, slice_of(p, n));
	buf_byte(out, '\n');
}

/* ---- key files ---- */

static const slice secret_line = S_INIT("posthouse-backup-secret-key 1");

void backup_secret_print(const struct backup_secret *s, struct buf *out)
{
	buf_printf(out, "%.*s\n", SFMT(secret_line));
	put_hex(out, "id", s->repository, sizeof s->repository);
	put_hex(out, "key", s->key, sizeof s->key);
}

int backup_secret_parse(slice text, struct backup_secret *ret, struct err *e)
{
	struct backup_secret s;
	if (!starts_with_line(&text, secret_line) ||
		!hex_line(text, S("id"), s.repository, sizeof s.repository) ||
		!hex_line(text, S("key"), s.key, sizeof s.key))
		return err_set(e, ERR_PROTO, "this is not a key file of backups");
	*ret = s;
	return 0;
}

/* ---- the repository's own file ---- */

static const slice about_line = S_INIT("posthouse-backup 1");

int backup_about_read(
	struct backup_target *t, struct arena *a, struct backup_about *ret, struct err *e)
{
	AUTO(buf) struct buf bytes = BUF(TEXT_MAX), sealed = BUF(TEXT_MAX);
	struct backup_about about = {0};
	slice value;
	if (backup_target_get_all(t, "repository", &bytes, e) < 0)
		return e->kind == ERR_NOTFOUND ? err_set(e, ERR_NOTFOUND,
							 "no repository in %.*s (is it mounted? "
							 "was it made by `backup init`?)",
							 SFMT(t->where))
					       : -1;
	slice text = buf_slice(&bytes);
	if (!starts_with_line(&text, about_line) ||
		!hex_line(text, S("id"), about.key.repository, BACKUP_ID) ||
		!hex_line(text, S("public"), about.key.public_key, BACKUP_KEY) ||
		!line_of(text, S("secret"), &value) || !hex_decode(&sealed, value))
		return err_set(e, ERR_PERM,
			"%.*s: the file \"repository\" is damaged or of a newer program",
			SFMT(t->where));
	about.sealed = arena_dup(a, buf_slice(&sealed));
	*ret = about;
	return 0;
}

int backup_about_secret(const struct backup_about *a, const struct backup_secret *s,
	unsigned char ret[BACKUP_KEY], struct err *e)
{
	AUTO(buf) struct buf secret = BUF(TEXT_MAX);
	unsigned char public_key[BACKUP_KEY];
	if (memcmp(a->key.repository, s->repository, BACKUP_ID) != 0)
		return err_set(e, ERR_DENIED, "this key belongs to another repository");
	if (backup_pair_public(s->key, public_key, e) < 0)
		return -1;
	if (memcmp(public_key, a->key.public_key, BACKUP_KEY) != 0 ||
		!backup_unbox_mine(s->key, a->sealed, &secret) || secret.n != BACKUP_KEY)
		return err_set(e, ERR_DENIED, "the key does not open this repository");
	memcpy(ret, secret.p, BACKUP_KEY);
	return 0;
}

static int about_write(struct backup_target *t, const struct backup_writer_key *k, struct err *e)
{
	AUTO(buf) struct buf out = BUF(TEXT_MAX), sealed = BUF(TEXT_MAX);
	if (backup_box_for(k->public_key, slice_of(k->secret, BACKUP_KEY), &sealed, e) < 0)
		return -1;
	buf_printf(&out, "%.*s\n", SFMT(about_line));
	put_hex(&out, "id", k->repository, BACKUP_ID);
	put_hex(&out, "public", k->public_key, BACKUP_KEY);
	put_hex(&out, "secret", sealed.p, sealed.n);
	return t->ops->put(t, "repository", buf_slice(&out), false, e);
}

/* ---- who writes ---- */

int backup_owner_write(struct backup_target *t, const struct backup_local *l, struct err *e)
{
	AUTO(buf) struct buf out = BUF(TEXT_MAX);
	put_hex(&out, "owner", l->owner, BACKUP_ID);
	return t->ops->put(t, "owner", buf_slice(&out), true, e);
}

int backup_owner_check(struct backup_target *t, const struct backup_local *l, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	AUTO(buf) struct buf text = BUF(TEXT_MAX);
	struct backup_about about;
	unsigned char owner[BACKUP_ID];
	if (backup_about_read(t, &a, &about, e) < 0)
		return -1;
	if (memcmp(about.key.repository, l->key.repository, BACKUP_ID) != 0 ||
		memcmp(about.key.public_key, l->key.public_key, BACKUP_KEY) != 0)
		return err_set(e, ERR_DENIED,
			"%.*s holds another repository than this installation's", SFMT(t->where));
	if (backup_target_get_all(t, "owner", &text, e) < 0)
		return -1;
	if (!hex_line(buf_slice(&text), S("owner"), owner, sizeof owner))
		return err_set(e, ERR_PERM, "%.*s: the file \"owner\" is damaged", SFMT(t->where));
	if (memcmp(owner, l->owner, sizeof owner) != 0)
		return err_set(e, ERR_DENIED,
			"another installation writes to this repository now (`backup adopt` takes "
			"it over)");
	return 0;
}

/* ---- DATA/backup/repository ---- */

static const slice local_line = S_INIT("posthouse-backup-writer 1");

static char *local_path(slice data, const char *name, struct arena *a)
{
	return arena_strz(
		a, arena_printf(a, "%.*s/backup%s%s", SFMT(data), *name ? "/" : "", name));
}

static int read_small(const char *path, struct buf *out, struct err *e)
{
	AUTO(fd) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	char *room = buf_room(out, TEXT_MAX);
	ssize_t n = fd >= 0 ? read(fd, room, TEXT_MAX) : -1;
	if (n < 0)
		return err_sys(e, errno, "%s", path);
	buf_commit(out, (size_t)n);
	return 0;
}

int backup_local_read(slice data, struct backup_local *ret, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	AUTO(buf) struct buf bytes = BUF(TEXT_MAX);
	struct backup_local l;
	const char *path = local_path(data, "repository", &a);
	if (read_small(path, &bytes, e) < 0)
		return e->kind == ERR_NOTFOUND
			       ? err_set(e, ERR_NOTFOUND,
					 "no repository was made yet: posthouse backup init")
			       : -1;
	slice text = buf_slice(&bytes);
	if (!starts_with_line(&text, local_line) ||
		!hex_line(text, S("id"), l.key.repository, BACKUP_ID) ||
		!hex_line(text, S("public"), l.key.public_key, BACKUP_KEY) ||
		!hex_line(text, S("secret"), l.key.secret, BACKUP_KEY) ||
		!hex_line(text, S("owner"), l.owner, BACKUP_ID))
		return err_set(
			e, ERR_PERM, "%s is damaged: posthouse backup adopt makes it anew", path);
	*ret = l;
	return 0;
}

int backup_local_write(slice data, const struct backup_local *l, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	AUTO(buf) struct buf out = BUF(TEXT_MAX);
	const char *dir = local_path(data, "", &a);
	if (mkdir(dir, 0700) < 0 && errno != EEXIST)
		return err_sys(e, errno, "%s", dir);
	buf_printf(&out, "%.*s\n", SFMT(local_line));
	put_hex(&out, "id", l->key.repository, BACKUP_ID);
	put_hex(&out, "public", l->key.public_key, BACKUP_KEY);
	put_hex(&out, "secret", l->key.secret, BACKUP_KEY);
	put_hex(&out, "owner", l->owner, BACKUP_ID);
	return file_replace(slice_z(dir), S("repository"), buf_slice(&out), e);
}

int backup_prepared(slice data, struct err *e)
{
	struct backup_local l;
	if (backup_local_read(data, &l, e) == 0)
		return 1;
	return e->kind == ERR_NOTFOUND ? 0 : -1;
}

int backup_init(
	slice data, struct backup_target *t, int64_t now, struct backup_secret *ret, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct backup_local l;
	struct backup_about about;
	struct backup_secret s;
	(void)now;
	int r = backup_prepared(data, e);
	if (r)
		return r < 0 ? -1
			     : err_set(e, ERR_EXISTS, "this installation has a repository already");
	if (backup_target_make(t, e) < 0)
		return -1;
	if (backup_about_read(t, &a, &about, e) == 0)
		return err_set(e, ERR_EXISTS,
			"there is a repository in %.*s already (`backup adopt` goes on with it)",
			SFMT(t->where));
	if (e->kind != ERR_NOTFOUND)
		return -1;
	rand_bytes(l.key.repository, BACKUP_ID);
	rand_bytes(l.key.secret, BACKUP_KEY);
	rand_bytes(l.owner, BACKUP_ID);
	memcpy(s.repository, l.key.repository, BACKUP_ID);
	if (backup_pair_make(s.key, l.key.public_key, e) < 0 || about_write(t, &l.key, e) < 0 ||
		backup_owner_write(t, &l, e) < 0 || backup_local_write(data, &l, e) < 0)
		return -1;
	*ret = s;
	return 0;
}

/* ---- passphrases ---- */

static const slice key_line = S_INIT("posthouse-backup-key 1");

int backup_key_add(struct backup_target *t, const struct backup_secret *s, slice passphrase,
	slice label, int64_t now, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	AUTO(buf) struct buf out = BUF(TEXT_MAX), box = BUF(TEXT_MAX);
	struct backup_kdf kdf = backup_kdf_default;
	struct backup_key *have;
	struct backup_about about;
	unsigned char key[BACKUP_KEY], check[BACKUP_KEY];
	char when[TIME_ISO_MAX], name[BACKUP_NAME_MAX];
	size_t n;
	if (passphrase.n < BACKUP_PASSPHRASE_MIN)
		return err_set(e, ERR_PROTO, "a passphrase has at least %d characters",
			BACKUP_PASSPHRASE_MIN);
	for (size_t i = 0; i < label.n; i++)
		if ((unsigned char)label.p[i] < ' ' || label.n > LABEL_MAX)
			return err_set(
				e, ERR_PROTO, "a label is one line of at most %d bytes", LABEL_MAX);
	if (backup_about_read(t, &a, &about, e) < 0 ||
		backup_about_secret(&about, s, check, e) < 0 ||
		backup_key_list(t, &a, &have, &n, e) < 0)
		return -1;
	if (n >= BACKUP_KEYS_MAX)
		return err_set(e, ERR_LIMIT, "at most %d passphrases", BACKUP_KEYS_MAX);
	rand_bytes(kdf.salt, sizeof kdf.salt);
	if (backup_kdf(&kdf, passphrase, key, e) < 0 ||
		backup_box(key, slice_of(s->key, BACKUP_KEY), &box, e) < 0)
		return -1;
	buf_printf(&out, "%.*s\nlabel %.*s\nmade %.*s\nargon2id %u %u ", SFMT(key_line),
		SFMT(label), (int)time_iso(now, when), when, kdf.kib, kdf.passes);
	hex_encode(&out, slice_of(kdf.salt, sizeof kdf.salt));
	buf_byte(&out, '\n');
	put_hex(&out, "id", s->repository, BACKUP_ID);
	put_hex(&out, "key", box.p, box.n);
	snprintf(name, sizeof name, "keys/%016llx", (unsigned long long)rand_u64());
	return t->ops->put(t, name, buf_slice(&out), false, e);
}

struct names {
	struct arena *a;
	slice v[BACKUP_KEYS_MAX * 4];
	size_t n;
};

static int note_name(void *arg, const char *name, uint64_t size, struct err *e)
{
	struct names *x = arg;
	(void)size;
	if (x->n == sizeof x->v / sizeof *x->v)
		return err_set(e, ERR_LIMIT, "too many files in keys/");
	x->v[x->n++] = slice_of(arena_strz(x->a, slice_z(name)), strlen(name));
	return 0;
}

int backup_key_list(struct backup_target *t, struct arena *a, struct backup_key **ret,
	size_t *ret_n, struct err *e)
{
	struct names names = {.a = a};
	AUTO(buf) struct buf bytes = BUF(TEXT_MAX);
	if (t->ops->list(t, "keys/", note_name, &names, e) < 0)
		return -1;
	*ret = ARENA_ARRAY(a, struct backup_key, names.n + 1);
	for (size_t i = 0; i < names.n; i++) {
		struct backup_key *k = &(*ret)[i];
		slice label = S(""), made = S("");
		buf_reset(&bytes);
		if (backup_target_get_all(t, names.v[i].p, &bytes, e) < 0)
			return -1;
		line_of(buf_slice(&bytes), S("label"), &label);
		line_of(buf_slice(&bytes), S("made"), &made);
		*k = (struct backup_key){
			.name = slice_skip(names.v[i], 5), .label = arena_dup(a, label)};
		time_parse(made, 0, &k->made_at);
	}
	*ret_n = names.n;
	return 0;
}

int backup_key_remove(struct backup_target *t, slice name, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct backup_key *v;
	size_t n;
	if (backup_key_list(t, &a, &v, &n, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (slice_eq(v[i].name, name))
			return t->ops->remove(
				t, arena_strz(&a, arena_printf(&a, "keys/%.*s", SFMT(name))), e);
	return err_set(e, ERR_NOTFOUND, "no such key");
}

/* 1: this passphrase opens it, 0 not. */
static int try_key(slice text, slice passphrase, struct backup_secret *ret)
{
	AUTO(buf) struct buf box = BUF(TEXT_MAX), salt = BUF(64), key = BUF(TEXT_MAX);
	unsigned char under[BACKUP_KEY];
	slice value, kib, passes;
	uint64_t k, p;
	struct backup_kdf kdf;
	struct err e;
	if (!starts_with_line(&text, key_line) || !line_of(text, S("argon2id"), &value) ||
		!slice_cut(&value, ' ', &kib) || !slice_cut(&value, ' ', &passes) || !value.p ||
		!slice_u64(kib, &k) || !slice_u64(passes, &p) || k > KDF_KIB_MAX || k < 8 ||
		p > KDF_PASSES_MAX || p < 1 || !hex_decode(&salt, value) ||
		salt.n != sizeof kdf.salt)
		return 0;
	kdf.kib = (uint32_t)k;
	kdf.passes = (uint32_t)p;
	memcpy(kdf.salt, salt.p, sizeof kdf.salt);
	if (!line_of(text, S("key"), &value) || !hex_decode(&box, value) ||
		!hex_line(text, S("id"), ret->repository, BACKUP_ID) ||
		backup_kdf(&kdf, passphrase, under, &e) < 0 ||
		!backup_unbox(under, buf_slice(&box), &key) || key.n != BACKUP_KEY)
		return 0;
	memcpy(ret->key, key.p, BACKUP_KEY);
	return 1;
}

int backup_secret_unlock(
	struct backup_target *t, slice passphrase, struct backup_secret *ret, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	AUTO(buf) struct buf bytes = BUF(TEXT_MAX);
	struct names names = {.a = &a};
	struct backup_about about;
	struct backup_secret s;
	if (backup_about_read(t, &a, &about, e) < 0 ||
		t->ops->list(t, "keys/", note_name, &names, e) < 0)
		return -1;
	for (size_t i = 0; i < names.n; i++) {
		buf_reset(&bytes);
		if (backup_target_get_all(t, names.v[i].p, &bytes, e) < 0)
			return -1;
		if (try_key(buf_slice(&bytes), passphrase, &s)) {
			*ret = s;
			return 0;
		}
	}
	return err_set(e, ERR_DENIED,
		names.n ? "no key of the repository opens with this passphrase"
			: "the repository has no passphrase: its key file is needed (--key)");
}
