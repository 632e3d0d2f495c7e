/*
 * The frames of the process that takes a container apart (import_unpack.h). When the importing process is gone, so is this one.
 */
#include "mail/import_unpack.h"

#include "base/mem.h"
#include "base/time.h"

#include <errno.h>

static void send_all(int fd, slice s)
{
	while (s.n) {
		ssize_t n = write(fd, s.p, s.n);
		if (n < 0 && errno != EINTR)
			_exit(1);
		s = slice_skip(s, n > 0 ? (size_t)n : 0);
	}
}

void import_say(struct import_unpack *u, enum wire_frame type, slice payload)
{
	AUTO(buf) struct buf b = BUF(WIRE_HEAD + WIRE_FRAME_MAX);
	buf_u8(&b, (uint8_t)type);
	buf_u32(&b, (uint32_t)payload.n);
	buf_put(&b, payload);
	if (!buf_ok(&b))
		_exit(1);
	send_all(u->socket, buf_slice(&b));
	u->said_at = instant_now();
}

void import_say_text(struct import_unpack *u, enum wire_frame type, slice a, slice b)
{
	AUTO(buf) struct buf out = BUF(WIRE_FRAME_MAX);
	buf_str(&out, slice_first(a, WIRE_FRAME_MAX / 4));
	buf_str(&out, slice_first(b, WIRE_FRAME_MAX / 4));
	import_say(u, type, buf_slice(&out));
}

/* Called wherever the file is read: a reader that reads is not one that hangs. */
void import_alive(struct import_unpack *u)
{
	if (instant_now() - u->said_at > IMPORT_ALIVE_EVERY * SECOND)
		import_say(u, WIRE_ALIVE, S(""));
}

enum wire_answer import_ask(struct import_unpack *u)
{
	char c;
	ssize_t n;
	do
		n = read(u->socket, &c, 1);
	while (n < 0 && errno == EINTR);
	if (n != 1)
		_exit(1);
	return (enum wire_answer)c;
}

void import_unpack(struct import_unpack *u)
{
	u->said_at = instant_now();
	if (u->kind == IMPORT_PST_FILE)
		import_unpack_pst(u);
	else
		import_unpack_archive(u);
}
