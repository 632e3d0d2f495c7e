/*
 * Asking a person at the terminal (cli_tty.h), through /dev/tty, so that stdin and stdout may be
 * pipes. Echo comes back also when ^C ends the program.
 */
#include "bin/cli_tty.h"

#include "base/mem.h"
#include "bin/tr.h"

#include <fcntl.h>
#include <openssl/crypto.h>
#include <signal.h>
#include <stdio.h>
#include <termios.h>

enum { LINE_MAX_BYTES = 2000 };

static int open_tty(struct err *e)
{
	int fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		err_set(e, ERR_PROTO, "%s",
			T("no terminal to ask on; use --stdin", "没有可询问的终端；请使用 --stdin"));
	return fd;
}

bool tty_present(void)
{
	struct err e;
	AUTO(fd) int fd = open_tty(&e);
	return fd >= 0;
}

/* A line without its LF. -1: end of input, too long. */
static int read_line(int fd, char *line, size_t size, size_t *ret_n)
{
	size_t n = 0;
	for (;;) {
		char c;
		ssize_t r = read(fd, &c, 1);
		if (r < 0 || (r == 0 && n == 0))
			return -1;
		if (r == 0 || c == '\n')
			break;
		if (n == size)
			return -1;
		line[n++] = c;
	}
	if (n && line[n - 1] == '\r')
		n--;
	*ret_n = n;
	return 0;
}

static void say(int fd, const char *text)
{
	if (write(fd, text, strlen(text)) < 0)
		return; /* the terminal is gone: reading will tell */
}

static int ask_hidden(int fd, const char *prompt, char *line, size_t *ret_n)
{
	struct termios before, hidden;
	sigset_t stop, old;
	say(fd, prompt);
	sigemptyset(&stop);
	sigaddset(&stop, SIGINT);
	sigaddset(&stop, SIGTERM);
	sigaddset(&stop, SIGTSTP);
	if (tcgetattr(fd, &before) < 0)
		return -1;
	hidden = before;
	hidden.c_lflag &=
		~(tcflag_t)(ECHO | ISIG); /* ^C arrives as a character: echo is put back first */
	sigprocmask(SIG_BLOCK, &stop, &old);
	tcsetattr(fd, TCSAFLUSH, &hidden);
	int r = read_line(fd, line, LINE_MAX_BYTES, ret_n);
	tcsetattr(fd, TCSAFLUSH, &before);
	sigprocmask(SIG_SETMASK, &old, NULL);
	say(fd, "\n");
	return r < 0 || memchr(line, 3, *ret_n) ? -1 : 0;
}

static int secret_from_stdin(struct arena *a, slice *ret, struct err *e)
{
	char line[LINE_MAX_BYTES];
	size_t n;
	if (read_line(0, line, sizeof line, &n) < 0 || n == 0)
		return err_set(e, ERR_PROTO, "%s", T("no password on stdin", "标准输入中没有密码"));
	*ret = arena_dup(a, slice_of(line, n));
	OPENSSL_cleanse(line, sizeof line);
	return 0;
}

int tty_secret(const char *prompt, bool from_stdin, struct arena *a, slice *ret, struct err *e)
{
	if (from_stdin)
		return secret_from_stdin(a, ret, e);
	char line[LINE_MAX_BYTES];
	size_t n = 0;
	AUTO(fd) int fd = open_tty(e);
	if (fd < 0)
		return -1;
	int r = ask_hidden(fd, prompt, line, &n);
	if (r == 0)
		*ret = arena_dup(a, slice_of(line, n));
	OPENSSL_cleanse(line, sizeof line);
	return r < 0 ? err_set(e, ERR_PROTO, "%s", T("no password was given", "没有输入密码")) : 0;
}

int tty_new_password(bool from_stdin, struct arena *a, slice *ret, struct err *e)
{
	slice first, again;
	if (tty_secret(T("New password: ", "新密码："), from_stdin, a, &first, e) < 0)
		return -1;
	if (from_stdin) {
		*ret = first;
		return 0;
	}
	if (tty_secret(T("Again: ", "再输入一次："), false, a, &again, e) < 0)
		return -1;
	if (!slice_eq(first, again))
		return err_set(
			e, ERR_PROTO, "%s", T("the two passwords differ", "两次输入的密码不同"));
	*ret = first;
	return 0;
}

bool tty_confirm(const char *question)
{
	struct err e;
	char line[LINE_MAX_BYTES];
	size_t n = 0;
	AUTO(fd) int fd = open_tty(&e);
	if (fd < 0)
		return false;
	say(fd, question);
	say(fd, T(" [y/N] ", " [y/N] "));
	if (read_line(fd, line, sizeof line, &n) < 0 || n == 0)
		return false;
	slice s = slice_trim(slice_of(line, n));
	return slice_ieq(s, S("y")) || slice_ieq(s, S("yes")) || slice_eq(s, S("是"));
}

int tty_ask(const char *question, slice def, struct arena *a, slice *ret, struct err *e)
{
	char line[LINE_MAX_BYTES];
	size_t n = 0;
	AUTO(fd) int fd = open_tty(e);
	if (fd < 0)
		return -1;
	say(fd, question);
	if (def.n) {
		say(fd, " [");
		say(fd, arena_strz(a, def));
		say(fd, "]");
	}
	say(fd, ": ");
	if (read_line(fd, line, sizeof line, &n) < 0)
		return err_set(e, ERR_PROTO, "%s", T("nothing was entered", "没有输入"));
	slice s = slice_trim(slice_of(line, n));
	*ret = s.n ? arena_dup(a, s) : def;
	return 0;
}
