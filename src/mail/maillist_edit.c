/*
 * A post that is changed before it goes to a list's readers (maillist.h): fields of other lists go (RFC 2369 section 4: the last list
 * speaks), From becomes the list's where DMARC would have readers refuse it, and codec/edit puts a tag before the subject and a footer
 * below the text. What need not be changed stays byte for byte. Linear; called in the pool.
 */
#include "base/mem.h"
#include "base/utf8.h"
#include "codec/address.h"
#include "codec/header.h"
#include "codec/words.h"
#include "mail/maillist.h"

static bool is_list_field(slice name)
{
	static const slice v[] = {S_INIT("List-Id"), S_INIT("List-Post"), S_INIT("List-Help"),
		S_INIT("List-Subscribe"), S_INIT("List-Unsubscribe"),
		S_INIT("List-Unsubscribe-Post"), S_INIT("List-Owner"), S_INIT("List-Archive")};
	for (size_t i = 0; i < sizeof v / sizeof *v; i++)
		if (slice_ieq(name, v[i]))
			return true;
	return false;
}

bool maillist_has_list_fields(slice header)
{
	struct header_field f;
	while (header_next(&header, &f))
		if (is_list_field(f.name))
			return true;
	return false;
}

slice maillist_from(slice header, slice author, const struct maillist *l, struct arena *a)
{
	AUTO(buf) struct buf name = BUF(2000), out = BUF(8000);
	struct header_field f;
	struct header_address *v;
	slice who = S(""),
	      list = l->name.n ? l->name : slice_first(l->address, slice_rindex(l->address, '@'));
	if (header_find(header, S("From"), 0, &f) && header_addresses(f.value, a, &v) > 0)
		who = v[0].display;
	if (!who.n)
		who = slice_first(author, slice_rindex(author, '@'));
	buf_printf(&name, "%.*s via %.*s", SFMT(utf8_first(who, 200)), SFMT(utf8_first(list, 200)));
	words_encode_phrase(&out, buf_slice(&name), 6);
	buf_printf(&out, " <%.*s>", SFMT(l->address));
	return arena_dup(a, buf_slice(&out));
}

/* Field by field; what is replaced is left out, and stands at the end. */
static void put_header(slice message, const struct maillist_change *c, struct buf *out)
{
	struct header_field f;
	slice rest = message;
	while (header_next(&rest, &f)) {
		bool goes = (c->strip && is_list_field(f.name)) ||
			    (c->from.n && slice_ieq(f.name, S("From"))) ||
			    (c->reply_to.n && slice_ieq(f.name, S("Reply-To"))) ||
			    (c->sender.n && slice_ieq(f.name, S("Sender"))) ||
			    slice_ieq(f.name, S("Disposition-Notification-To")) ||
			    slice_ieq(f.name, S("Return-Receipt-To"));
		if (!goes)
			buf_put(out, f.raw);
	}
	const struct {
		const char *name;
		slice value;
	} set[] = {{"From", c->from}, {"Reply-To", c->reply_to}, {"Sender", c->sender}};
	for (size_t i = 0; i < sizeof set / sizeof *set; i++)
		if (set[i].value.n)
			buf_printf(out, "%s: %.*s\r\n", set[i].name, SFMT(set[i].value));
	buf_put(out, S("\r\n"));
	buf_put(out, rest);
}

int maillist_edit(slice message, const struct maillist_change *c, struct arena *a, struct buf *out,
	struct err *e)
{
	AUTO(buf) struct buf whole = BUF(edit_limit(message.n));
	unsigned notes;
	put_header(message, c, &whole);
	if (!buf_ok(&whole))
		return err_set(e, ERR_LIMIT, "the post is too large to be changed");
	const struct edit edit = {.subject_tag = c->tag, .disclaimer = {.text = c->footer}};
	if (!c->tag.n && !c->footer.n)
		buf_put(out, buf_slice(&whole));
	else if (edit_message(buf_slice(&whole), &edit, a, out, &notes, e) < 0)
		return -1;
	return buf_ok(out) ? 0 : err_set(e, ERR_LIMIT, "the post is too large to be changed");
}
