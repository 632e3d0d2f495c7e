/*
 * One letter that is exported (export.h). In Maildirs and mbox files lines end with LF, as programs on Unix expect; a letter in which that could not be
 * undone (bare LF, or CR CR LF) is written as it is. eml and zip hold the bytes that are stored.
 */
#include "base/mem.h"
#include "base/time.h"
#include "codec/maildir.h"
#include "codec/mbox.h"
#include "mail/export_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#define TMP ".posthouse-tmp"

/* ---- files ---- */

static void rights(struct exporting *x, bool caller)
{
	int saved = errno;
	if (x->how->rights)
		x->how->rights(x->how->arg, caller);
	errno = saved;
}

int export_open(struct exporting *x, int dir, const char *name, int flags)
{
	rights(x, true);
	int fd = openat(dir, name, flags | O_CLOEXEC | O_NOFOLLOW, 0600);
	rights(x, false);
	return fd;
}

int export_mkdir(struct exporting *x, int dir, const char *name, struct err *e)
{
	rights(x, true);
	int r = mkdirat(dir, name, 0700);
	rights(x, false);
	return r < 0 && errno != EEXIST ? err_sys(e, errno, "%s", name) : 0;
}

int export_write(int fd, slice s, struct err *e)
{
	while (s.n) {
		ssize_t n = write(fd, s.p, s.n);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_sys(e, errno, "writing");
		s = slice_skip(s, (size_t)n);
	}
	return 0;
}

int export_move(struct exporting *x, int from, const char *name, int to, const char *as,
	bool replace, struct err *e)
{
	rights(x, true);
	int r = renameat2(from, name, to, as, replace ? 0 : RENAME_NOREPLACE);
	if (r < 0 && errno == EINVAL && !replace &&
		faccessat(to, as, F_OK, AT_SYMLINK_NOFOLLOW) < 0)
		r = renameat(
			from, name, to, as); /* a file system that cannot look and rename in one */
	rights(x, false);
	return r < 0 ? err_sys(e, errno, "%s", as) : 0;
}

int export_put_file(struct exporting *x, int dir, const char *name, slice bytes, struct err *e)
{
	AUTO(fd) int fd = export_open(x, dir, TMP, O_WRONLY | O_CREAT | O_TRUNC);
	if (fd < 0)
		return err_sys(e, errno, "%s", name);
	return export_write(fd, bytes, e) < 0 ? -1 : export_move(x, dir, TMP, dir, name, true, e);
}

/* The letter appears when it is whole, with the time at which it came. */
static int put_letter(struct exporting *x, const char *dir, const char *name, slice bytes,
	int64_t at, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	const struct timespec t[2] = {{at / SECOND, (long)(at % SECOND) * 1000},
		{at / SECOND, (long)(at % SECOND) * 1000}};
	const char *tmp = *dir ? "tmp/" TMP : TMP;
	const char *to = *dir ? arena_strz(&a, arena_printf(&a, "%s/%s", dir, name)) : name;
	AUTO(fd) int fd = export_open(x, x->at, tmp, O_WRONLY | O_CREAT | O_TRUNC);
	if (fd < 0)
		return err_sys(e, errno, "%s", name);
	if (export_write(fd, bytes, e) < 0)
		return -1;
	rights(x, true);
	int r = futimens(fd, t);
	rights(x, false);
	if (r < 0)
		return err_sys(e, errno, "%s", name);
	return export_move(x, x->at, tmp, x->at, to, false, e);
}

/* ---- line ends ---- */

static bool must_stay(slice s)
{
	for (size_t i = 0; i < s.n; i++) {
		const char *lf = memchr(s.p + i, '\n', s.n - i);
		if (!lf)
			return false;
		i = (size_t)(lf - s.p);
		if (i == 0 || s.p[i - 1] != '\r' || (i > 1 && s.p[i - 2] == '\r'))
			return true;
	}
	return false;
}

static void put_lf(struct buf *out, slice s)
{
	while (s.n) {
		size_t n = slice_find(s, S("\r\n"));
		buf_put(out, slice_first(s, n));
		if (n < s.n)
			buf_byte(out, '\n');
		s = slice_skip(s, n + 2);
	}
}

/* ---- formats ---- */

slice export_file_name(const struct mailbox_message *m, struct arena *a)
{
	return arena_printf(a, "%010u-%lld.eml", m->uid, (long long)m->email_id);
}

static void count(struct exporting *x, const struct mailbox_message *m, bool there)
{
	if (there) {
		x->r->present++;
	} else {
		x->r->messages++;
		x->r->bytes += m->size;
	}
	if (x->how->progress)
		x->how->progress(x->how->arg, x->folder->name, there ? 0 : m->size);
}

static int put_eml(struct exporting *x, const struct mailbox_message *m, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	const char *name = arena_strz(&a, export_file_name(m, &a));
	if (put_letter(x, "", name, buf_slice(&x->raw), m->received_at, e) < 0)
		return -1;
	count(x, m, false);
	return 0;
}

/* Letters of its keywords; new ones get the next that is free. */
static uint32_t word_letters(struct exporting *x, slice words, unsigned *flags)
{
	uint32_t bits = 0;
	slice w;
	bool lost = false;
	while (slice_cut(&words, ' ', &w)) {
		unsigned i = 0;
		if (!w.n)
			continue;
		if (slice_ieq(w, S("$Forwarded"))) {
			*flags |= MAILDIR_PASSED;
			continue;
		}
		while (i < x->nwords && !slice_eq(x->words[i], w))
			i++;
		if (i == MAILDIR_WORDS) {
			lost = true;
			continue;
		}
		if (i == x->nwords)
			x->words[x->nwords++] = arena_dup(&x->mem, w);
		bits |= UINT32_C(1) << i;
	}
	x->r->words_lost += lost;
	return bits;
}

static void put_unique(struct buf *out, const struct mailbox_message *m)
{
	buf_printf(out, "%lld.M%06lldU%uE%lld.posthouse", (long long)(m->received_at / SECOND),
		(long long)(m->received_at % SECOND), m->uid, (long long)m->email_id);
}

static int put_maildir(struct exporting *x, const struct mailbox_message *m, struct err *e)
{
	AUTO(buf) struct buf name = BUF(1000);
	unsigned flags = m->flags;
	bool as_is = must_stay(buf_slice(&x->raw));
	if (!as_is)
		put_lf(&x->out, buf_slice(&x->raw));
	slice bytes = buf_slice(as_is ? &x->raw : &x->out);
	put_unique(&name, m);
	buf_printf(&name, ",S=%zu,W=%zu", bytes.n, x->raw.n);
	uint32_t words = word_letters(x, m->keywords, &flags);
	maildir_put_info(&name, flags, words);
	buf_byte(&name, 0);
	if (put_letter(x, "cur", name.p, bytes, m->received_at, e) < 0)
		return -1;
	count(x, m, false);
	return 0;
}

static int put_mbox(struct exporting *x, const struct mailbox_message *m, struct err *e)
{
	const struct mbox_note note = {
		.received_at = m->received_at, .flags = m->flags, .keywords = m->keywords};
	slice raw = buf_slice(&x->raw);
	bool cut = !slice_ends(raw, S("\n"));
	mbox_put_begin(&x->out, &note, cut);
	mbox_put_lines(&x->out, raw, must_stay(raw));
	buf_put(&x->out, cut ? S("\n\n") : S("\n"));
	if (export_write(x->at, buf_slice(&x->out), e) < 0)
		return -1;
	count(x, m, false);
	return 0;
}

static int put_zip(struct exporting *x, const struct mailbox_message *m, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	slice name = arena_printf(&a, "%.*s/%.*s", SFMT(x->dir), SFMT(export_file_name(m, &a)));
	if (export_zip_put(x, name, buf_slice(&x->raw), m->received_at, e) < 0)
		return -1;
	count(x, m, false);
	return 0;
}

static int read_letter(struct exporting *x, const struct mailbox_message *m, struct err *e)
{
	struct blob_reader *r;
	slice piece;
	int more = 0;
	buf_done(&x->raw);
	buf_done(&x->out);
	x->raw = BUF((size_t)m->size + 1);
	x->out = BUF(2 * (size_t)m->size + 64 * 1024);
	buf_put(&x->raw, m->prefix);
	if (blob_open(x->blobs, m->blob, &r, e) < 0)
		return -1;
	while ((more = blob_next(r, &piece, e)) == 1)
		buf_put(&x->raw, piece);
	blob_close(r);
	return more < 0 ? -1 : 0;
}

/* From an earlier export: it need not be read. */
static bool is_there(struct exporting *x, const struct mailbox_message *m)
{
	AUTO(arena) struct arena a = {0};
	AUTO(buf) struct buf unique = BUF(1000);
	struct stat st;
	if (x->how->format == EXPORT_EML) {
		rights(x, true);
		int r = fstatat(
			x->at, arena_strz(&a, export_file_name(m, &a)), &st, AT_SYMLINK_NOFOLLOW);
		rights(x, false);
		return r == 0 && (uint64_t)st.st_size == m->size;
	}
	put_unique(&unique, m);
	return map_get(&x->have, buf_slice(&unique));
}

int export_letter(struct exporting *x, const struct mailbox_message *m, struct err *e)
{
	if (is_there(x, m)) {
		count(x, m, true);
		return 0;
	}
	if (read_letter(x, m, e) < 0)
		return err_wrap(e, "%.*s, message %u", SFMT(x->folder->name), m->uid);
	switch (x->how->format) {
	case EXPORT_MAILDIR:
		return put_maildir(x, m, e);
	case EXPORT_MBOX:
		return put_mbox(x, m, e);
	case EXPORT_EML:
		return put_eml(x, m, e);
	default:
		return put_zip(x, m, e);
	}
}
