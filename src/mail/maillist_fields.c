/*
 * The fields of a post to a list (maillist.h): RFC 2919 (List-Id), RFC 2369, RFC 8058 (leaving with one click). They stand on top of
 * the stored message, in its prefix; those about leaving are a reader's own where he has a message of his own.
 */
#include "base/mem.h"
#include "codec/header.h"
#include "codec/words.h"
#include "mail/maillist.h"

static void put_mailto(struct buf *out, const char *field, slice address, const char *query)
{
	buf_printf(out, "%s: <mailto:%.*s%s>\r\n", field, SFMT(address), query);
}

static void put_id(const struct maillist *l, struct buf *out)
{
	size_t at = slice_rindex(l->address, '@');
	buf_put(out, S("List-Id: "));
	if (l->name.n) {
		words_encode_phrase(out, slice_first(l->name, 200), 9);
		buf_put(out, S("\r\n\t"));
	}
	buf_printf(out, "<%.*s.%.*s>\r\n", SFMT(slice_first(l->address, at)),
		SFMT(slice_skip(l->address, at + 1)));
}

void maillist_fields(const struct maillist *l, slice header, slice archive, struct buf *out)
{
	AUTO(arena) struct arena a = {0};
	struct header_field f;
	put_id(l, out);
	if (l->c.posting == MAILLIST_ANNOUNCE)
		buf_put(out, S("List-Post: NO\r\n"));
	else
		put_mailto(out, "List-Post", l->address, "");
	put_mailto(out, "List-Help", maillist_part_address(l->address, MAILLIST_REQUEST, S(""), &a),
		"?subject=help");
	if (l->c.joining != MAILLIST_JOIN_CLOSED)
		put_mailto(out, "List-Subscribe",
			maillist_part_address(l->address, MAILLIST_SUBSCRIBE, S(""), &a), "");
	put_mailto(out, "List-Owner", maillist_part_address(l->address, MAILLIST_OWNER, S(""), &a),
		"");
	if (archive.n)
		buf_printf(out, "List-Archive: <%.*s>\r\n", SFMT(archive));
	if (!header_find(header, S("Precedence"), 0, &f))
		buf_put(out, S("Precedence: list\r\n"));
	buf_printf(out, "Delivered-To: %.*s\r\n", SFMT(l->address));
}

slice maillist_url(slice url, slice token, struct arena *a)
{
	while (slice_ends(url, S("/")))
		url.n--;
	return url.n ? arena_printf(a, "%.*s/l/%.*s", SFMT(url), SFMT(token)) : S("");
}

void maillist_leave_fields(const struct maillist *l, slice url, slice member_token,
	slice list_token, struct arena *a, struct buf *out)
{
	enum maillist_part part = member_token.n ? MAILLIST_LEAVE : MAILLIST_UNSUBSCRIBE;
	slice page = maillist_url(url, member_token.n ? member_token : list_token, a);
	slice address = maillist_part_address(l->address, part, member_token, a);
	if (!l->c.leaving)
		return;
	buf_put(out, S("List-Unsubscribe: "));
	if (page.n)
		buf_printf(out, "<%.*s>,\r\n\t", SFMT(page));
	buf_printf(out, "<mailto:%.*s>\r\n", SFMT(address));
	if (page.n && member_token.n)
		buf_put(out, S("List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"));
}
