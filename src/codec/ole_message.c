/*
 * Outlook's .msg (MS-OXMSG): properties are streams "__substg1.0_iiiitttt" (2.1.3); attachments are
 * storages of their own. Subject, body, attachments with their names. Called by ole_parts.c. A
 * message attached to the message is read as if it were part of it.
 */
#include "base/mem.h"
#include "codec/charset.h"
#include "codec/ole_impl.h"
#include "codec/rtfcp.h"

enum { TEXT_MAX = 1 << 20, NAME_BYTES = 520 };

static void text_of(struct ole *o, slice raw, bool wide, bool html)
{
	AUTO(buf) struct buf utf8 = BUF(TEXT_MAX);
	struct charset_reading how;
	if (wide)
		ole_wide(raw, &utf8);
	else
		charset_read(S(""), slice_first(raw, TEXT_MAX), html, &utf8, &how);
	o->x->text(o->x->ctx, buf_slice(&utf8));
	o->x->text(o->x->ctx, S("\n"));
}

static bool name_of(struct ole *o, const struct ole_entry *e, struct buf *out)
{
	static const slice v[] = {S_INIT("__substg1.0_3707001F"), S_INIT("__substg1.0_3704001F"),
		S_INIT("__substg1.0_3707001E"), S_INIT("__substg1.0_3704001E")};
	for (size_t i = 0; i < sizeof v / sizeof *v; i++) {
		AUTO(buf) struct buf raw = BUF(NAME_BYTES);
		const struct ole_entry *n = ole_beside(o, e, v[i]);
		if (!n || n->size > NAME_BYTES || !ole_stream(o, n, &raw))
			continue;
		if (i < 2)
			ole_wide(buf_slice(&raw), out);
		else
			buf_put(out, buf_slice(&raw));
		return true;
	}
	return false;
}

static void attachment(struct ole *o, const struct ole_entry *e, slice bytes)
{
	AUTO(buf) struct buf name = BUF(4 * NAME_BYTES);
	name_of(o, e, &name);
	o->stopped = !o->x->file(o->x->ctx, buf_slice(&name), bytes);
}

static void rtf(struct ole *o, slice bytes)
{
	AUTO(buf) struct buf out = BUF(TEXT_MAX);
	if (!rtfcp_undo(bytes, &out) && out.full)
		o->x->fact(o->x->ctx, EXTRACT_LIMIT, S(""));
	if (out.n) /* programs show what is cut, too */
		o->stopped = !o->x->file(o->x->ctx, S("body.rtf"), buf_slice(&out));
}

bool ole_message(struct ole *o, const struct ole_entry *e, slice bytes)
{
	slice name = slice_z(e->name);
	if (!slice_istarts(name, S("__substg1.0_")))
		return false;
	slice id = slice_skip(name, 12);
	bool wide = slice_iends(id, S("001F"));
	if (slice_istarts(id, S("37010102")))
		attachment(o, e, bytes);
	else if (slice_istarts(id, S("0037")) || slice_istarts(id, S("1000")))
		text_of(o, bytes, wide, false);
	else if (slice_istarts(id, S("1013")))
		o->stopped = !o->x->file(o->x->ctx, S("body.html"), bytes);
	else if (slice_istarts(id, S("10090102")))
		rtf(o, bytes);
	return true;
}
