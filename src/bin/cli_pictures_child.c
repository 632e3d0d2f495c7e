/*
 * The processes of `posthouse learn pictures` (cli_pictures.h): one that reads letters, started
 * again when it died of one; one that makes the model. What goes to the reader: u32 length, the
 * letter; what comes back: u32 number of pictures, of each u8 whether it stands alone and its
 * features. What comes back from the other: u8 1, the figures, the model; or u8 0, a sentence.
 */
#include "bin/cli_pictures.h"

#include "base/b64.h"
#include "base/cur.h"
#include "base/mem.h"
#include "bin/role.h"
#include "bin/scan.h"
#include "codec/charset.h"
#include "codec/picture.h"
#include "codec/url.h"
#include "content/read.h"
#include "store/crypt.h"
#include "senderauth/psl.h"
#include <errno.h>
#include <libxml/parser.h>
#include <math.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	STATUS_SANDBOX = 11,
	ONE_PICTURE = 1 + 4 * PICTURES_FEATURES, /* bytes */
	TRAIN_SECONDS = 900,
	ANSWER_MAX = 2 * PICTURES_MODEL_MAX,
};

/* ---- both sides ---- */

static bool send_all(int fd, slice s)
{
	while (s.n) {
		ssize_t n = send(fd, s.p, s.n, MSG_NOSIGNAL);
		if (n < 0 && errno != EINTR)
			return false;
		s = slice_skip(s, n > 0 ? (size_t)n : 0);
	}
	return true;
}

static bool recv_all(int fd, char *to, size_t n)
{
	while (n) {
		ssize_t got = read(fd, to, n);
		if (got == 0 || (got < 0 && errno != EINTR))
			return false;
		to += got > 0 ? got : 0;
		n -= got > 0 ? (size_t)got : 0;
	}
	return true;
}

static bool recv_u32(int fd, uint32_t *ret)
{
	char bytes[4];
	if (!recv_all(fd, bytes, sizeof bytes))
		return false;
	struct cur c = cur_of(slice_of(bytes, sizeof bytes));
	*ret = cur_u32(&c);
	return true;
}

static bool recv_bytes(int fd, size_t n, struct buf *out)
{
	char *room = n ? buf_room(out, n) : NULL;
	if (n && (!room || !recv_all(fd, room, n)))
		return false;
	buf_commit(out, n);
	return true;
}

/* 0 in the child, whose end is *ret as well. */
static pid_t start(int *ret, struct err *e)
{
	int pair[2];
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return err_sys(e, errno, "socketpair");
	pid_t pid = fork();
	if (pid == 0)
		crypt_forget(); /* it reads what strangers wrote */
	if (pid < 0)
		err_sys(e, errno, "fork");
	close(pair[pid == 0 ? 0 : 1]);
	if (pid < 0)
		close(pair[0]);
	*ret = pair[pid == 0 ? 1 : 0];
	return pid;
}

static int end(pid_t pid, struct err *e)
{
	int status;
	if (waitpid(pid, &status, 0) != pid)
		return err_sys(e, errno, "waitpid");
	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
		return err_set(e, ERR_TIMEOUT, "it takes too long");
	if (WIFSIGNALED(status))
		return err_set(e, ERR_BUG, "the examination crashed (signal %d)", WTERMSIG(status));
	if (WEXITSTATUS(status) == STATUS_SANDBOX)
		return err_set(e, ERR_PROTO, "the process could not be confined");
	return err_set(e, ERR_BUG, "the examination failed");
}

static void confine(const struct config *c)
{
	struct err e;
	signal(SIGALRM, SIG_DFL);
	if (role_confine("scan", c, &e) == 0)
		return;
	fprintf(stderr, "posthouse: %s\n", e.text);
	_exit(STATUS_SANDBOX);
}

/* ---- the reader ---- */

/* A file that is a picture: a letter with nothing else. */
static bool wrap(slice file, struct buf *out)
{
	struct picture_header h;
	if (!picture_header_read(file, &h))
		return false;
	buf_put(out, S("MIME-Version: 1.0\r\nContent-Type: application/octet-stream\r\n"
		       "Content-Transfer-Encoding: base64\r\n\r\n"));
	b64_encode_lines(out, file);
	return buf_ok(out);
}

static void examine(slice letter, struct buf *out)
{
	static const struct url_names names = {psl_is_known_suffix, psl_org_domain};
	static const struct content_site site;
	static const struct content_tools tools = {.names = &names, .site = &site};
	AUTO(arena) struct arena a = {0};
	AUTO(buf) struct buf wrapped = BUF(2 * letter.n + 4096);
	struct content *c = ARENA_NEW(&a, struct content);
	float v[PICTURES_FEATURES];
	uint32_t n = 0;
	bool alone = wrap(letter, &wrapped);
	content_read(alone ? buf_slice(&wrapped) : letter, &tools, &content_limits_default, &a, c);
	for (size_t i = 0; i < c->npictures; i++)
		n += c->pictures[i].decoded;
	n = n < PICTURES_OF_LETTER ? n : PICTURES_OF_LETTER;
	buf_u32(out, n);
	for (size_t i = 0; n && i < c->npictures; i++) {
		if (!c->pictures[i].decoded)
			continue;
		pictures_features(c, &c->pictures[i], v);
		buf_u8(out, alone);
		for (unsigned k = 0; k < PICTURES_FEATURES; k++)
			buf_f32(out, v[k]);
		n--;
	}
}

_Noreturn static void reader(const struct config *c, int fd)
{
	uint32_t n;
	charset_warm_up();
	url_warm_up();
	psl_warm_up();
	xmlInitParser();
	confine(c);
	while (recv_u32(fd, &n)) {
		AUTO(buf) struct buf letter = BUF((size_t)c->scan->max_size);
		AUTO(buf) struct buf out = BUF(4 + PICTURES_OF_LETTER * ONE_PICTURE);
		if (!recv_bytes(fd, n, &letter))
			_exit(1);
		alarm((unsigned)(c->scan->time / SECOND) + 1);
		examine(buf_slice(&letter), &out);
		alarm(0);
		if (!send_all(fd, buf_slice(&out)))
			_exit(1);
	}
	_exit(0);
}

static bool take_pictures(int fd, struct pictures_example *ret, size_t *ret_n)
{
	AUTO(buf) struct buf in = BUF(PICTURES_OF_LETTER * ONE_PICTURE);
	uint32_t n;
	if (!recv_u32(fd, &n) || n > PICTURES_OF_LETTER ||
		!recv_bytes(fd, (size_t)n * ONE_PICTURE, &in))
		return false;
	struct cur c = cur_of(buf_slice(&in));
	for (uint32_t i = 0; i < n; i++) {
		ret[i].alone = cur_u8(&c);
		for (unsigned k = 0; k < PICTURES_FEATURES; k++) {
			ret[i].v[k] = cur_f32(&c);
			if (!isfinite(ret[i].v[k]))
				return false;
		}
	}
	*ret_n = n;
	return cur_ok(&c);
}

int pictures_of_letter(struct pictures_reading *r, slice letter, struct pictures_example *ret,
	size_t *ret_n, struct err *e)
{
	AUTO(buf) struct buf length = BUF(4);
	if (letter.n > (uint64_t)r->config->scan->max_size)
		return err_set(e, ERR_LIMIT, "larger than [scan] max_size");
	if (r->pid == 0) {
		r->pid = start(&r->fd, e);
		if (r->pid == 0)
			reader(r->config, r->fd);
		if (r->pid < 0) {
			r->pid = 0;
			return -1;
		}
	}
	buf_u32(&length, (uint32_t)letter.n);
	if (send_all(r->fd, buf_slice(&length)) && send_all(r->fd, letter) &&
		take_pictures(r->fd, ret, ret_n))
		return 0;
	pid_t dead = r->pid;
	pictures_reading_end(&(struct pictures_reading){NULL, 0, r->fd});
	r->pid = 0;
	return end(dead, e);
}

void pictures_reading_end(struct pictures_reading *r)
{
	int status;
	if (r->fd >= 0)
		close(r->fd);
	r->fd = -1;
	if (r->pid > 0)
		waitpid(r->pid, &status, 0);
	r->pid = 0;
}

/* ---- the trainer ---- */

_Noreturn static void trainer(const struct config *c, struct pictures_example *v, size_t n, int fd)
{
	AUTO(buf) struct buf model = BUF(PICTURES_MODEL_MAX), out = BUF(ANSWER_MAX);
	struct pictures_figures f = {0};
	struct err e;
	confine(c);
	alarm(TRAIN_SECONDS);
	bool made = pictures_train(v, n, &f, &model, &e) == 0;
	buf_u8(&out, made);
	buf_put(&out, made ? buf_slice(&model) : slice_z(e.text));
	_exit(send_all(fd, buf_slice(&out)) ? 0 : 1);
}

static void recv_rest(int fd, struct buf *out)
{
	enum { PIECE = 64 * 1024 };
	for (char *room; (room = buf_room(out, PIECE));) {
		ssize_t n = read(fd, room, PIECE);
		if (n == 0 || (n < 0 && errno != EINTR))
			return;
		buf_commit(out, n > 0 ? (size_t)n : 0);
	}
}

int pictures_train_confined(const struct config *c, struct pictures_example *v, size_t n,
	struct pictures_figures *ret, struct buf *out, struct err *e)
{
	AUTO(buf) struct buf answer = BUF(ANSWER_MAX);
	AUTO(fd) int fd = -1;
	pid_t pid = start(&fd, e);
	if (pid < 0)
		return -1;
	if (pid == 0)
		trainer(c, v, n, fd);
	recv_rest(fd, &answer);
	if (end(pid, e) < 0 && !answer.n)
		return -1;
	slice text = slice_skip(buf_slice(&answer), 1);
	if (!answer.n || !answer.p[0])
		return err_set(e, ERR_LIMIT, "%.*s", SFMT(text));
	buf_put(out, text);
	return pictures_model_figures(text, ret, e);
}
