/*
 * The daily digest of a list (maillist.h): one message with the contents as text and the posts, whole, as multipart/digest
 * (RFC 2046 5.1.5), which mail programs take apart again and can answer one by one. Plain readers see the same in order, as RFC 1153
 * had it. Nothing is encoded: the posts' bytes are what they were.
 */
#include "base/mem.h"
#include "base/time.h"
#include "base/utf8.h"
#include "codec/words.h"
#include "mail/maillist.h"
#include <inttypes.h>

static slice title(const struct maillist *l, uint64_t issue, struct arena *a)
{
	slice name = l->name.n ? l->name : l->address;
	return l->c.language == MAILLIST_ZH
		       ? arena_printf(a, "%.*s 汇总，第 %" PRIu64 " 期", SFMT(name), issue)
		       : arena_printf(a, "%.*s Digest, Issue %" PRIu64, SFMT(name), issue);
}

/* What stands behind a post that is not in the digest. */
static void put_absent(bool zh, const struct maillist_digest_post *p, struct buf *out)
{
	if (p->apart)
		buf_printf(out,
			zh ? "      （%" PRIu64 " 字节，过大，单独发送）\r\n"
			   : "      (%" PRIu64 " bytes: too large, it comes by itself)\r\n",
			p->size);
	else if (!p->message.n)
		buf_printf(out, "%s\r\n",
			zh ? "      （无法读取）" : "      (it cannot be read any more)");
}

static void put_contents(const struct maillist *l, slice name, const struct maillist_digest_post *v,
	size_t n, struct buf *out)
{
	bool zh = l->c.language == MAILLIST_ZH;
	buf_printf(
		out, "%.*s\r\n\r\n%s\r\n\r\n", SFMT(name), zh ? "本期内容：" : "Today's topics:");
	for (size_t i = 0; i < n; i++) {
		buf_printf(out, "%4zu. %.*s (%.*s)\r\n", i + 1, SFMT(utf8_first(v[i].subject, 200)),
			SFMT(utf8_first(v[i].from, 200)));
		put_absent(zh, &v[i], out);
	}
	buf_put(out, S("\r\n"));
}

/* The part with the posts, if any is in it. */
static void put_posts(const struct maillist_digest_post *v, size_t n, slice id, struct buf *out)
{
	size_t put = 0;
	for (size_t i = 0; i < n; i++) {
		if (!v[i].message.n)
			continue;
		if (!put++)
			buf_printf(out,
				"--=_d%.*s\r\nContent-Type: multipart/digest; "
				"boundary=\"=_p%.*s\"\r\n\r\n",
				SFMT(id), SFMT(id));
		buf_printf(out, "--=_p%.*s\r\n\r\n", SFMT(id));
		buf_put(out, v[i].message);
		buf_put(out, S("\r\n"));
	}
	if (put)
		buf_printf(out, "--=_p%.*s--\r\n\r\n", SFMT(id));
}

int maillist_digest_build(const struct maillist *l, uint64_t issue,
	const struct maillist_digest_post *v, size_t n, slice id, slice hostname, int64_t now,
	struct buf *out, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	slice name = title(l, issue, &a);
	char date[TIME_RFC5322_MAX];
	buf_put(out, S("From: "));
	words_encode_phrase(out, l->name.n ? l->name : l->address, 6);
	buf_printf(out, " <%.*s>\r\nTo: <%.*s>\r\nSubject: ",
		SFMT(maillist_part_address(l->address, MAILLIST_REQUEST, S(""), &a)),
		SFMT(l->address));
	words_encode(out, name, 9);
	buf_printf(out, "\r\nDate: %.*s\r\nMessage-ID: <%.*s@%.*s>\r\n",
		(int)time_rfc5322(now, date), date, SFMT(id), SFMT(hostname));
	buf_printf(out,
		"Reply-To: <%.*s>\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; "
		"boundary=\"=_d%.*s\"\r\n\r\n"
		"--=_d%.*s\r\nContent-Type: text/plain; "
		"charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n",
		SFMT(l->address), SFMT(id), SFMT(id));
	put_contents(l, name, v, n, out);
	put_posts(v, n, id, out);
	buf_printf(out, "--=_d%.*s--\r\n", SFMT(id));
	return buf_ok(out) ? 0
			   : err_set(e, ERR_LIMIT, "the digest is larger than %d bytes",
				     MAILLIST_DIGEST_MAX);
}
