/*
 * Reading: command lines (RFC 5321 sections 2.3.8, 4.5.3.1.4) and the pieces of a message, each
 * with its deadline (4.5.3.2.7). io_fill sends the replies that are due before it waits, and not
 * earlier: this is what makes pipelining (RFC 2920) cheap.
 */
#include "proto/smtpd/session.h"

#include "run/co.h"

/* How a failed read ends the session. A timeout and a drain are said; a lost connection cannot be.
 */
static void end_of_input(struct smtpd_session *s, int got, const struct err *e)
{
	if (got == 0)
		smtpd_end(s, "closed", NULL);
	else if (e->kind == ERR_TIMEOUT)
		smtpd_hang_up(s, "timeout", "4.4.2", "Timeout, closing connection");
	else if (s->hub->draining && co_cancelled())
		smtpd_hang_up(s, "drain", "4.3.2", "Service is going down, please try again");
	else
		smtpd_end(s, "closed", e->text);
}

/* Throws away the rest of a line that is too long. */
static enum smtpd_got skip_line(struct smtpd_session *s)
{
	size_t skipped = 0;
	for (;;) {
		slice in = io_peek(s->io);
		size_t at = slice_index(in, '\n');
		if (at < in.n) {
			io_consume(s->io, at + 1);
			return GOT_TOO_LONG;
		}
		io_consume(s->io, in.n);
		skipped += in.n;
		if (skipped > SKIP_MAX) {
			smtpd_hang_up(s, "errors", "4.7.0", "Endless line, closing connection");
			return GOT_NOTHING;
		}
		struct err e;
		int got = io_fill(s->io, READ_MAX, &e);
		if (got <= 0) {
			end_of_input(s, got, &e);
			return GOT_NOTHING;
		}
	}
}

enum smtpd_got smtpd_read_line(
	struct smtpd_session *s, size_t max, int64_t timeout, slice *ret, bool *ret_crlf)
{
	struct err e = {0};
	io_set_deadline(s->io, instant_in(timeout));
	slice line;
	int got = io_line(s->io, max, &line, &e);
	if (got < 0 && e.kind == ERR_LIMIT)
		return skip_line(s);
	if (got <= 0) {
		end_of_input(s, got, &e);
		return GOT_NOTHING;
	}
	line.n--;
	*ret_crlf = line.n && line.p[line.n - 1] == '\r';
	if (*ret_crlf)
		line.n--;
	*ret = line;
	return GOT_LINE;
}

bool smtpd_read_more(struct smtpd_session *s)
{
	instant wait = instant_in(s->client.limits.timeout_data);
	io_set_deadline(s->io, wait < s->tx.deadline ? wait : s->tx.deadline);
	struct err e = {0};
	int got = io_fill(s->io, READ_MAX, &e);
	if (got <= 0)
		end_of_input(s, got, &e);
	return got > 0;
}

/* TLS, remote desktops, SOCKS and the like begin with bytes that no command has; waiting for the
 * end of their line would take until the timeout. */
bool smtpd_speaks_mail(struct smtpd_session *s)
{
	struct err e = {0};
	bool drained = s->hub->draining;
	while (io_peek(s->io).n == 0) {
		io_set_deadline(s->io, instant_in(s->client.limits.timeout_hello));
		s->waiting = true;
		int got = drained ? -1 : io_fill(s->io, READ_MAX, &e);
		s->waiting = false;
		if (drained)
			smtpd_hang_up(
				s, "drain", "4.3.2", "Service is going down, please try again");
		else if (got <= 0)
			end_of_input(s, got, &e);
		if (s->over)
			return false;
	}
	unsigned char first = (unsigned char)io_peek(s->io).p[0];
	if (first >= ' ' && first < 127)
		return true;
	if (first == '\r' || first == '\n' || first == '\t')
		return true;
	smtpd_say(s, 554, "5.5.1", "This is a mail server");
	smtpd_end(s, "nonsense", NULL);
	return false;
}

bool smtpd_talks_early(struct smtpd_session *s)
{
	return io_peek(s->io).n > 0 || io_ready(s->io);
}
