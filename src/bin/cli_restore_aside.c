/* Restored mail as files: eml, mbox (the variety "mboxrd"), Maildir++ with flags (cli_backup.h). */
#include "bin/cli_backup.h"

#include "base/buf.h"
#include "base/mem.h"
#include "codec/mutf7.h"
#include "store/mailbox.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { PATH_LIMIT = 4096, NAME_MAX_BYTES = 200 };

bool cli_aside_format(slice name, enum aside_format *ret)
{
	static const slice names[] = {S_INIT("eml"), S_INIT("mbox"), S_INIT("maildir")};
	for (int i = 0; i < 3; i++)
		if (slice_ieq(name, names[i])) {
			*ret = (enum aside_format)i;
			return true;
		}
	return false;
}

/* A level of a folder's name as a name of a file. */
static void put_level(struct buf *path, slice level)
{
	for (size_t i = 0; i < level.n && i < NAME_MAX_BYTES; i++) {
		unsigned char c = (unsigned char)level.p[i];
		buf_byte(path, c < ' ' || c == 127 || (i == 0 && c == '.') ? '_' : (char)c);
	}
}

static int make_dirs(const char *path, struct err *e)
{
	AUTO(free) char *part = mem_dup(path, strlen(path));
	for (char *p = part + 1; (p = strchr(p, '/')); *p++ = '/') {
		*p = 0;
		if (mkdir(part, 0700) < 0 && errno != EEXIST)
			return err_sys(e, errno, "%s", part);
	}
	return 0;
}

static int write_file(const char *path, slice bytes, int flags, struct err *e)
{
	if (make_dirs(path, e) < 0)
		return -1;
	AUTO(fd) int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | flags, 0600);
	if (fd < 0)
		return err_sys(e, errno, "%s", path);
	while (bytes.n) {
		ssize_t n = write(fd, bytes.p, bytes.n);
		if (n < 0 && errno != EINTR)
			return err_sys(e, errno, "%s", path);
		bytes = slice_skip(bytes, n > 0 ? (size_t)n : 0);
	}
	return 0;
}

static int write_eml(
	slice dir, slice folder, const struct mailbox_message *m, slice bytes, struct err *e)
{
	AUTO(buf) struct buf path = BUF(PATH_LIMIT);
	slice level;
	buf_printf(&path, "%.*s", SFMT(dir));
	while (slice_cut(&folder, '/', &level)) {
		buf_byte(&path, '/');
		put_level(&path, level);
	}
	buf_printf(&path, "/%u.eml", m->uid);
	buf_byte(&path, 0);
	return buf_ok(&path) ? write_file(path.p, bytes, O_EXCL, e)
			     : err_set(e, ERR_LIMIT, "path is too long");
}

/* Lines end with LF; with `quote` those that begin with >*From get one ">" more. */
static void put_lines(struct buf *out, slice bytes, bool quote)
{
	slice line;
	while (slice_cut(&bytes, '\n', &line)) {
		bool last = !bytes.p;
		if (last && line.n == 0)
			break;
		slice rest = line;
		while (rest.n && rest.p[0] == '>')
			rest = slice_skip(rest, 1);
		if (quote && slice_starts(rest, S("From ")))
			buf_byte(out, '>');
		if (line.n && line.p[line.n - 1] == '\r')
			line.n--;
		buf_put(out, line);
		buf_byte(out, '\n');
	}
}

static int write_mbox(
	slice dir, slice folder, const struct mailbox_message *m, slice bytes, struct err *e)
{
	AUTO(buf) struct buf path = BUF(PATH_LIMIT), out = BUF(2 * bytes.n + 4096);
	char when[64];
	time_t t = (time_t)(m->received_at / SECOND);
	struct tm tm;
	slice level;
	buf_printf(&path, "%.*s", SFMT(dir));
	while (slice_cut(&folder, '/', &level)) {
		buf_byte(&path, '/');
		put_level(&path, level);
	}
	buf_printf(&path, ".mbox");
	buf_byte(&path, 0);
	gmtime_r(&t, &tm);
	strftime(when, sizeof when, "%a %b %e %H:%M:%S %Y", &tm);
	buf_printf(&out, "From MAILER-DAEMON %s\nStatus: %s\nX-Status: %s%s%s%s\n", when,
		m->flags & MAILBOX_SEEN ? "RO" : "O", m->flags & MAILBOX_ANSWERED ? "A" : "",
		m->flags & MAILBOX_FLAGGED ? "F" : "", m->flags & MAILBOX_DRAFT ? "T" : "",
		m->flags & MAILBOX_DELETED ? "D" : "");
	put_lines(&out, bytes, true);
	buf_byte(&out, '\n');
	if (!buf_ok(&path) || !buf_ok(&out))
		return err_set(e, ERR_LIMIT, "too large for mbox");
	return write_file(path.p, buf_slice(&out), O_APPEND, e);
}

/* INBOX is the Maildir itself, others are ".A.B" in it; times are the files' own. */
static int write_maildir(
	slice dir, slice folder, const struct mailbox_message *m, slice bytes, struct err *e)
{
	AUTO(buf)
	struct buf path = BUF(PATH_LIMIT),
		   name = BUF(PATH_LIMIT), out = BUF(bytes.n + 4096);
	char part[2048];
	static const char *const subs[] = {"new", "tmp", "cur"};
	buf_printf(&path, "%.*s", SFMT(dir));
	if (!slice_ieq(folder, S("INBOX"))) {
		mutf7_encode(folder, &name);
		buf_printf(&path, "/.");
		for (size_t i = 0; i < name.n; i++)
			buf_byte(&path, name.p[i] == '/'   ? '.'
					: name.p[i] == '.' ? '_'
							   : name.p[i]);
	}
	for (int i = 0; i < 3; i++) {
		snprintf(part, sizeof part, "%.*s/%s/", SFMT(buf_slice(&path)), subs[i]);
		if (make_dirs(part, e) < 0)
			return -1;
	}
	buf_printf(&path, "/cur/%lld.u%u.posthouse,S=%zu:2,%s%s%s%s%s",
		(long long)(m->received_at / SECOND), m->uid, bytes.n,
		m->flags & MAILBOX_DRAFT ? "D" : "", m->flags & MAILBOX_FLAGGED ? "F" : "",
		m->flags & MAILBOX_ANSWERED ? "R" : "", m->flags & MAILBOX_SEEN ? "S" : "",
		m->flags & MAILBOX_DELETED ? "T" : "");
	buf_byte(&path, 0);
	put_lines(&out, bytes, false);
	if (!buf_ok(&path) || !buf_ok(&out))
		return err_set(e, ERR_LIMIT, "too large for a Maildir");
	const struct timespec times[2] = {
		{.tv_sec = m->received_at / SECOND}, {.tv_sec = m->received_at / SECOND}};
	if (write_file(path.p, buf_slice(&out), O_EXCL, e) < 0)
		return -1;
	utimensat(AT_FDCWD, path.p, times, 0);
	return 0;
}

int cli_aside_write(slice dir, enum aside_format f, slice folder, const struct mailbox_message *m,
	slice bytes, struct err *e)
{
	switch (f) {
	case ASIDE_EML:
		return write_eml(dir, folder, m, bytes, e);
	case ASIDE_MBOX:
		return write_mbox(dir, folder, m, bytes, e);
	default:
		return write_maildir(dir, folder, m, bytes, e);
	}
}
