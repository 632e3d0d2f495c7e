/* Readers of foreign containers that were taken over: what they say is looked at, and none keeps the importing process waiting. */
#include "mail/box_testing.h"
#include "mail/import_file.h"
#include "mail/import_unpack.h"

#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

enum { FOREVER = 1 << 30 };

struct hostile {
	struct buf says;
	uint64_t times; /* so often */
	bool stays; /* after it has closed its socket */
	pid_t pid;
};

_Noreturn static void speak(const struct hostile *h, int fd)
{
	for (uint64_t i = 0; i < h->times; i++)
		for (slice s = buf_slice(&h->says); s.n;) {
			ssize_t n = write(fd, s.p, s.n);
			if (n <= 0)
				_exit(0);
			s = slice_skip(s, (size_t)n);
		}
	close(fd);
	while (h->stays)
		pause();
	_exit(0);
}

static int start(void *arg, struct import_unpack *u, struct err *e)
{
	struct hostile *h = arg;
	int pair[2];
	(void)e;
	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	h->pid = fork();
	if (h->pid == 0) {
		signal(SIGPIPE, SIG_IGN);
		close(pair[0]);
		speak(h, pair[1]);
	}
	close(pair[1]);
	u->socket = pair[0];
	return 0;
}

static int end(void *arg, bool kill_it, int *ret_status, struct err *e)
{
	struct hostile *h = arg;
	(void)e;
	if (kill_it)
		kill(h->pid, SIGKILL);
	CHECK(waitpid(h->pid, ret_status, 0) == h->pid);
	h->pid = 0;
	return 0;
}

static void frame(struct buf *out, enum wire_frame type, const struct buf *fields)
{
	buf_u8(out, (uint8_t)type);
	buf_u32(out, (uint32_t)fields->n);
	buf_put(out, buf_slice(fields));
}

static void folder(struct buf *out, slice path)
{
	AUTO(buf) struct buf b = BUF(WIRE_FRAME_MAX);
	buf_u8(&b, 0);
	buf_u8(&b, 1);
	buf_str(&b, path);
	frame(out, WIRE_FOLDER, &b);
}

static void item(struct buf *out, uint64_t at, slice key)
{
	AUTO(buf) struct buf b = BUF(WIRE_FRAME_MAX);
	buf_u32(&b, 0);
	buf_u64(&b, at);
	buf_str(&b, key);
	buf_str(&b, S(""));
	frame(out, WIRE_ITEM, &b);
}

/* Imports "x.pst" of this reader: what comes of it. */
static enum err_kind result_of(struct bench *b, struct hostile *h)
{
	const struct import_options o = {0};
	const struct import_files_how how = {.format = IMPORT_PST,
		.separator = '.',
		.reader = {start, end},
		.arg = h,
		.max_message = 1 << 20};
	struct import_files_seen seen;
	struct importing *i;
	struct err e = {0};
	AUTO(arena) struct arena a = {0};
	const char *path =
		arena_strz(&a, arena_printf(&a, "%.*s/x.pst", SFMT(testdir_slice(&b->dir))));
	FILE *f = fopen(path, "w");
	CHECK(f && fputs("!BDN", f) >= 0 && fclose(f) == 0);
	OK(import_open(b->boxes, b->ann, S("test:ann"), &o, &i, &e));
	int r = import_files(i, path, &how, &seen, &e);
	import_close(i);
	CHECK_INT(h->pid, 0);
	buf_done(&h->says);
	return r < 0 ? e.kind : ERR_NONE;
}

static void does_not_wait(struct bench *b)
{
	struct hostile h = {.says = BUF(WIRE_FRAME_MAX), .times = 1, .stays = true};
	folder(&h.says, S("Inbox"));
	CHECK_INT(result_of(b, &h), ERR_PROTO);
}

/* Nothing of it is a letter; it would go on for ever. */
static void has_an_end(struct bench *b)
{
	struct hostile h = {.says = BUF(2 * WIRE_FRAME_MAX), .times = FOREVER};
	AUTO(buf) struct buf zeros = BUF(WIRE_FRAME_MAX);
	memset(buf_room(&zeros, WIRE_FRAME_MAX), 0, WIRE_FRAME_MAX);
	buf_commit(&zeros, WIRE_FRAME_MAX);
	frame(&h.says, WIRE_LEFT, &zeros);
	CHECK_INT(result_of(b, &h), ERR_PROTO);
}

static void has_bounds(struct bench *b)
{
	AUTO(buf) struct buf name = BUF(WIRE_FRAME_MAX);
	memset(buf_room(&name, IMPORT_NAME_MAX + 1), 'x', IMPORT_NAME_MAX + 1);
	buf_commit(&name, IMPORT_NAME_MAX + 1);
	for (int i = 0; i < 4; i++) {
		struct hostile h = {.says = BUF(2 * WIRE_FRAME_MAX), .times = 1};
		folder(&h.says, i == 0 ? buf_slice(&name) : S("Inbox"));
		if (i == 1)
			item(&h.says, (uint64_t)WIRE_TIME_MAX + 1, S("ab"));
		else if (i == 2)
			item(&h.says, UINT64_MAX, S("ab"));
		else if (i == 3)
			item(&h.says, 1, S(""));
		CHECK_INT(result_of(b, &h), ERR_PROTO);
	}
}

TEST(reader_that_does_not_end)
{
	in_bench(does_not_wait);
}
TEST(reader_that_says_without_end)
{
	in_bench(has_an_end);
}
TEST(reader_that_says_too_much)
{
	in_bench(has_bounds);
}
