/*
 * Checks of the subject: how it is encoded, what it pretends (an answer to nothing), how it shouts.
 * Called with the checks of the header. What it says is the business of the checks of intent.
 */
#include "base/utf8.h"
#include "content/checking.h"
#include "content/checks.h"

enum {
	LONG = 400, /* characters */
	PADDING = 6, /* blanks in a row */
	SHOUT_LETTERS = 12,
	EXCLAIMS = 3,
	WORDS_LOOKED_AT = 40, /* encoded words */
};

/* ---- answers to nothing ---- */

static const slice answers[] = {S_INIT("re:"), S_INIT("aw:"), S_INIT("sv:"), S_INIT("antw:"),
	S_INIT("回复:"), S_INIT("答复:")};
static const slice forwards[] = {
	S_INIT("fw:"), S_INIT("fwd:"), S_INIT("wg:"), S_INIT("tr:"), S_INIT("转发:")};
/* What stands around the quoted letter. */
static const slice quotes[] = {S_INIT("\n>"), S_INIT("\n|"), S_INIT("wrote:"), S_INIT("wrote :"),
	S_INIT("original message"), S_INIT("original appointment"), S_INIT("forwarded message"),
	S_INIT("begin forwarded"), S_INIT("\nfrom:"), S_INIT("写道"), S_INIT("原始邮件"),
	S_INIT("\n发件人:"), S_INIT("转发的邮件"), S_INIT("转发邮件"), S_INIT("schrieb"),
	S_INIT("\nvon:"), S_INIT("ecrit"), S_INIT("\nde:"), S_INIT("escribio"), S_INIT("wrote on")};

static bool starts_with(slice s, const slice *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (slice_starts(s, v[i]))
			return true;
	return false;
}

static bool contains(slice s, const slice *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (slice_find(s, v[i]) < s.n)
			return true;
	return false;
}

static bool holds_message(const struct content *c)
{
	for (size_t i = 0; i < c->mime->n; i++)
		if (c->mime->v[i].message)
			return true;
	return false;
}

/* A mail program that answers says to what (RFC 5322 3.6.4), and nearly all quote it. */
static void look_for_answer(struct content_exam *x)
{
	slice s = x->c->mail.normal_subject, text = x->c->mail.normal;
	bool answer = starts_with(s, answers, sizeof answers / sizeof *answers);
	bool forward = starts_with(s, forwards, sizeof forwards / sizeof *forwards);
	if (!answer && !forward)
		return;
	if (checking_has(x, S("in-reply-to")) || checking_has(x, S("references")) ||
		checking_has(x, S("thread-index")))
		return;
	if (slice_starts(text, S(">")) || slice_starts(text, S("from:")) ||
		contains(text, quotes, sizeof quotes / sizeof *quotes))
		return;
	if (answer)
		checking_found(x, SIGNAL_REPLY_FORGED, 1, x->c->mail.subject);
	else if (!holds_message(x->c) && !x->c->nfiles)
		checking_found(x, SIGNAL_FORWARD_FORGED, 1, x->c->mail.subject);
}

/* ---- encoding ---- */

/* Cuts the next encoded word (RFC 2047) off. */
static bool next_word(slice *in, slice *ret_charset, char *ret_encoding)
{
	for (size_t at; (at = slice_find(*in, S("=?"))) < in->n;) {
		*in = slice_skip(*in, at + 2);
		size_t end = slice_index(*in, '?');
		if (end + 2 >= in->n || in->p[end + 2] != '?')
			continue;
		*ret_charset = slice_first(slice_first(*in, end), slice_index(*in, '*'));
		*ret_encoding = ascii_lower(in->p[end + 1]);
		*in = slice_skip(*in, end + 3);
		size_t close = slice_find(*in, S("?="));
		*in = slice_skip(*in, close + 2);
		return true;
	}
	return false;
}

static bool is_family(slice charset, slice prefix)
{
	return slice_istarts(charset, prefix);
}

static bool same_charset(slice a, slice b)
{
	static const slice families[] = {S_INIT("gb"), S_INIT("iso-8859"), S_INIT("windows-")};
	for (size_t i = 0; i < sizeof families / sizeof *families; i++)
		if (is_family(a, families[i]) && is_family(b, families[i]))
			return true;
	return slice_ieq(a, b) || is_family(a, S("us-ascii")) || is_family(b, S("us-ascii"));
}

static void look_at_words(struct content_exam *x, slice raw, slice decoded, enum signal_id needless)
{
	slice rest = raw, charset, first = {0};
	char encoding;
	unsigned base64 = 0, words = 0;
	bool mixed = false;
	while (words < WORDS_LOOKED_AT && next_word(&rest, &charset, &encoding)) {
		mixed |= words && !same_charset(first, charset);
		if (!words++)
			first = charset;
		base64 += encoding == 'b';
	}
	if (mixed)
		checking_found(x, SIGNAL_WORDS_MIXED, 1, decoded);
	/* Plain ASCII in base64 is unreadable for simple filters, and for nothing else. */
	if (base64 && utf8_is_ascii(decoded) && slice_find(decoded, S("=?")) == decoded.n)
		checking_found(x, needless, checking_unless_bulk(x), decoded);
}

static void look_at_encoding(struct content_exam *x)
{
	slice subject = checking_value(x, S("subject")), from = checking_value(x, S("from"));
	look_at_words(x, subject, x->c->mail.subject, SIGNAL_SUBJECT_NEEDLESS);
	look_at_words(x, from, x->c->from_name, SIGNAL_FROM_NEEDLESS);
	if (!utf8_is_ascii(subject) && !utf8_valid(subject))
		checking_found(x, SIGNAL_SUBJECT_RAW, 1, S(""));
}

/* ---- how it looks ---- */

static void look_at_length(struct content_exam *x)
{
	slice rest = x->c->mail.subject;
	size_t n = 0, blanks = 0, most = 0;
	for (uint32_t cp; utf8_next(&rest, &cp); n++) {
		bool blank = cp == ' ' || cp == 0xa0 || cp == 0x3000;
		blanks = blank ? blanks + 1 : 0;
		most = blanks > most ? blanks : most;
	}
	if (!n)
		checking_found(x, SIGNAL_SUBJECT_EMPTY, 1, S(""));
	if (n > LONG)
		checking_found(x, SIGNAL_FIELD_LONG, 1, S("Subject"));
	if (most >= PADDING)
		checking_found(x, SIGNAL_SUBJECT_PADDED, 1, x->c->mail.subject);
}

static void look_at_shouting(struct content_exam *x)
{
	slice s = x->c->mail.subject;
	size_t upper = 0, lower = 0, marks = 0;
	for (size_t i = 0; i < s.n; i++) {
		upper += s.p[i] >= 'A' && s.p[i] <= 'Z';
		lower += s.p[i] >= 'a' && s.p[i] <= 'z';
		marks += s.p[i] == '!';
		marks += slice_starts(slice_skip(s, i), S("！"));
	}
	if (upper >= SHOUT_LETTERS && lower * 8 < upper)
		checking_found(x, SIGNAL_SUBJECT_SHOUTS, 1, s);
	if (marks >= EXCLAIMS)
		checking_found(x, SIGNAL_SUBJECT_EXCLAIMS, checking_unless_bulk(x), s);
}

static void look_for_recipient(struct content_exam *x)
{
	slice s = checking_lower(x->a, x->c->mail.subject);
	for (size_t i = 0; i < x->ctx->nrcpts; i++) {
		slice rcpt = checking_lower(x->a, x->ctx->rcpts[i]);
		if (slice_index(rcpt, '@') > 0 && slice_find(s, rcpt) < s.n) {
			checking_found(x, SIGNAL_SUBJECT_ADDRESS, checking_unless_bulk(x), rcpt);
			return;
		}
	}
}

void content_check_subject(struct content_exam *x)
{
	look_for_answer(x);
	look_at_encoding(x);
	look_at_length(x);
	look_at_shouting(x);
	look_for_recipient(x);
}
