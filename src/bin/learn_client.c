/* The side of those who tell the learn process something (learn_client.h). */
#include "bin/learn_client.h"

#include "base/mem.h"
#include "bin/learn.h"
#include "run/memfile.h"

enum { WIRE_MAX = 120 * 1024, TRIES = 2 };

/* Told once more when the process died meanwhile: the same lesson counts once. */
int learn_tell(struct link *learn, const struct training_told *t, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	AUTO(buf) struct buf request = BUF(WIRE_MAX);
	bool in_file = t->message.n > LEARN_WIRE_INLINE;
	instant deadline = instant_in(LEARN_TELL_TIME);
	slice nothing;
	AUTO(fd) int fd = in_file ? memfile_of("lesson", t->message, e) : -1;
	if (in_file && fd < 0)
		return -1;
	learn_tell_encode(&request, t, in_file);
	for (int i = 1;; i++) {
		if (link_call_file(learn, buf_slice(&request), fd, deadline, &a, &nothing, e) == 0)
			return 0;
		if (e->kind != ERR_TEMP || i == TRIES)
			return err_wrap(e, "learn");
	}
}

void learn_sample(struct link *learn, const float in[LEARN_INPUTS], double rules, slice packed)
{
	AUTO(buf) struct buf message = BUF(WIRE_MAX);
	struct journal_sample s = {.rules = rules, .packed = packed};
	memcpy(s.in, in, sizeof s.in);
	learn_sample_encode(&message, &s);
	if (buf_ok(&message))
		link_send(learn, buf_slice(&message));
}
