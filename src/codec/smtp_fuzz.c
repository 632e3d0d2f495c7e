/*
 * Command lines, replies, capabilities and XCLIENT attributes. The input's lines are read as each
 * of them; what comes out must keep its promises.
 */
#include "base/mem.h"
#include "base/must.h"
#include "base/utf8.h"
#include "codec/smtp.h"
#include "codec/smtp_reply.h"
#include "codec/xclient.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static bool is_one_line(slice s)
{
	return slice_index(s, '\n') == s.n && slice_index(s, '\r') == s.n &&
	       slice_index(s, 0) == s.n;
}

static void check_command(slice line, unsigned ext, bool utf8, struct arena *a)
{
	struct smtp_command c;
	smtp_command_parse(line, ext, utf8, a, &c);
	must(c.verb < SMTP_VERBS && c.fault < SMTP_FAULTS);
	must(smtp_fault_answer(c.fault).text);
	if (c.fault != SMTP_FINE)
		return;
	must(is_one_line(c.arg));
	if (c.verb == SMTP_MAIL) {
		must(is_one_line(c.mail.envid) && utf8_is_ascii(c.mail.envid) &&
			is_one_line(c.mail.auth));
		must(!c.mail.from.utf8 || c.mail.smtputf8);
		must(c.mail.from.text.n == 0 || c.mail.from.domain.n);
		must(c.mail.priority >= -9 && c.mail.priority <= 9);
	}
	if (c.verb == SMTP_RCPT) {
		must(is_one_line(c.rcpt.orcpt) && utf8_valid(c.rcpt.orcpt) && c.rcpt.to.text.n);
		must(!c.rcpt.to.utf8 || utf8);
		must(!(c.rcpt.notify & SMTP_NOTIFY_NEVER) || c.rcpt.notify == SMTP_NOTIFY_NEVER);
	}
}

static void check_reply(struct smtp_reply *r, slice text)
{
	struct smtp_caps caps;
	smtp_reply_start(r);
	for (slice line; slice_cut(&text, '\n', &line);) {
		enum smtp_reply_step step = smtp_reply_line(r, line);
		must(step == SMTP_REPLY_BAD || (r->code >= 200 && r->code <= 599));
		must(utf8_valid(buf_slice(&r->text)) && buf_ok(&r->text));
		if (step == SMTP_REPLY_MORE)
			continue;
		if (step == SMTP_REPLY_DONE)
			smtp_caps_parse(r, &caps);
		smtp_reply_start(r);
	}
}

static void check_xtext(slice s, struct arena *a)
{
	AUTO(buf) struct buf out = BUF(1 << 22);
	slice plain;
	xtext_encode(&out, s);
	must(xtext_decode(buf_slice(&out), a, &plain) && slice_eq(plain, s));
	xtext_decode(s, a, &plain);
	if (utf8_addr_decode(s, a, &plain))
		must(utf8_valid(plain) && is_one_line(plain));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	AUTO(arena) struct arena a = {0};
	slice in = slice_of(data, n), line, bad;
	struct smtp_reply reply;
	struct xclient x;
	smtp_reply_init(&reply);
	check_reply(&reply, in);
	smtp_reply_done(&reply);
	for (slice rest = in; slice_cut(&rest, '\n', &line);) {
		check_command(line, 0xff, true, &a);
		check_command(line, 0xff, false, &a);
		check_command(line, 0, false, &a);
		check_xtext(line, &a);
		if (xclient_parse(line, &a, &x, &bad))
			must(is_one_line(x.helo.value) && is_one_line(x.name.value) &&
				is_one_line(x.login.value));
	}
	return 0;
}
