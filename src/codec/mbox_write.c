/*
 * Writing mbox files (mbox.h): mboxrd, whose quoting can be undone, with the notes that other programs read (Status, X-Status, X-Keywords) as first fields
 * behind one of our own, so that reading again finds the letter byte for byte.
 */
#include "base/time.h"
#include "codec/mbox_impl.h"
#include <time.h>

static slice from_sender(slice sender)
{
	for (size_t i = 0; i < sender.n; i++)
		if (sender.p[i] <= ' ' || sender.p[i] >= 0x7f)
			return S("MAILER-DAEMON");
	return sender.n && sender.n < 300 ? sender : S("MAILER-DAEMON");
}

void mbox_put_begin(struct buf *out, const struct mbox_note *n, bool cut)
{
	static const char status[] = "AFTD";
	static const unsigned bits[] = {MBOX_ANSWERED, MBOX_FLAGGED, MBOX_DRAFT, MBOX_DELETED};
	time_t seconds = (time_t)(n->received_at / SECOND);
	bool x = n->flags & (MBOX_ANSWERED | MBOX_FLAGGED | MBOX_DRAFT | MBOX_DELETED);
	char date[40];
	struct tm tm;
	gmtime_r(&seconds, &tm);
	strftime(date, sizeof date, "%a %b %e %H:%M:%S %Y", &tm);
	buf_printf(out, "From %.*s %s\n", SFMT(from_sender(n->sender)), date);
	buf_printf(out, MBOX_OWN ": received=%lld; notes=%d%s\n", (long long)n->received_at,
		1 + x + (n->keywords.n > 0), cut ? "; cut" : "");
	buf_printf(out, "Status: %sO\n", n->flags & MBOX_SEEN ? "R" : "");
	if (x) {
		buf_put(out, S("X-Status: "));
		for (int i = 0; i < 4; i++)
			if (n->flags & bits[i])
				buf_byte(out, status[i]);
		buf_byte(out, '\n');
	}
	if (n->keywords.n)
		buf_printf(out, "X-Keywords: %.*s\n", SFMT(n->keywords));
}

static bool needs_quote(slice line)
{
	size_t n = 0;
	while (n < line.n && line.p[n] == '>')
		n++;
	return slice_starts(slice_skip(line, n), S("From "));
}

void mbox_put_lines(struct buf *out, slice lines, bool as_is)
{
	while (lines.n) {
		size_t n = slice_index(lines, '\n');
		n += n < lines.n;
		slice line = slice_first(lines, n);
		lines = slice_skip(lines, n);
		if (needs_quote(line))
			buf_byte(out, '>');
		if (!as_is && slice_ends(line, S("\r\n"))) {
			buf_put(out, slice_first(line, line.n - 2));
			buf_byte(out, '\n');
		} else {
			buf_put(out, line);
		}
	}
}
