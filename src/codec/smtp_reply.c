/*
 * Replies of an SMTP or LMTP server, line by line (RFC 5321 section 4.2, RFC 2034). The SMTP client
 * and the recipient callout use it; what EHLO announces is read in smtp_caps.c.
 */
#include "codec/smtp_reply.h"

#include "base/utf8.h"

void smtp_reply_init(struct smtp_reply *r)
{
	*r = (struct smtp_reply){.text = BUF(SMTP_REPLY_TEXT_MAX)};
}

void smtp_reply_start(struct smtp_reply *r)
{
	buf_reset(&r->text);
	r->code = 0;
	r->lines = 0;
	r->status = (struct status_code){0};
}

void smtp_reply_done(struct smtp_reply *r)
{
	buf_done(&r->text);
}

/* 200 .. 599, or 0. */
static unsigned code_of(slice line)
{
	unsigned code = 0;
	if (line.n < 3 || line.p[0] < '2' || line.p[0] > '5')
		return 0;
	for (int i = 0; i < 3; i++) {
		if (line.p[i] < '0' || line.p[i] > '9')
			return 0;
		code = code * 10 + (unsigned)(line.p[i] - '0');
	}
	return code;
}

/* It goes to logs, terminals and bounces: no controls, no broken UTF-8. What does not fit is
 * dropped. */
static void keep_text(struct buf *to, slice text)
{
	bool utf8 = utf8_valid(text);
	size_t newline = to->n > 0;
	text = utf8_first(text, to->limit > to->n + newline ? to->limit - to->n - newline : 0);
	char *p = buf_room(to, text.n + newline);
	if (!p)
		return;
	if (newline)
		*p++ = '\n';
	for (size_t i = 0; i < text.n; i++) {
		unsigned char c = (unsigned char)text.p[i];
		p[i] = c == '\t'                                      ? ' '
		       : c < ' ' || c == 0x7f || (c >= 0x80 && !utf8) ? '?'
								      : (char)c;
	}
	buf_commit(to, text.n + newline);
}

enum smtp_reply_step smtp_reply_line(struct smtp_reply *r, slice line)
{
	unsigned code = code_of(line);
	char mark = line.n > 3 ? line.p[3] : ' ';
	if (code == 0 || (mark != ' ' && mark != '-') || (r->lines && code != r->code))
		return SMTP_REPLY_BAD;
	if (r->lines == SMTP_REPLY_LINES_MAX || line.n > SMTP_REPLY_LINE_MAX)
		return SMTP_REPLY_BAD;
	slice text = slice_trim(slice_skip(line, 4)), behind = text;
	struct status_code status;
	if (status_parse(&behind, &status) && status.cls == code / 100) {
		text = behind;
		if (r->status.cls == 0)
			r->status = status;
	}
	r->code = code;
	r->lines++;
	keep_text(&r->text, text);
	return mark == '-' ? SMTP_REPLY_MORE : SMTP_REPLY_DONE;
}

void smtp_reply_print(struct buf *out, const struct smtp_reply *r)
{
	buf_printf(out, "%u", r->code);
	if (r->status.cls) {
		buf_byte(out, ' ');
		status_print(out, r->status);
	}
	if (r->text.n)
		buf_byte(out, ' ');
	for (size_t i = 0; i < r->text.n; i++)
		buf_byte(out, r->text.p[i] == '\n' ? ' ' : r->text.p[i]);
}
