/*
 * Features of who a message says it is from, and of its header. Only what the sender's side wrote,
 * and what says how it was made: not when, not for whom, not in which order lines stand, nothing of
 * the hops it took (the source's reputation is the business of defence/).
 */
#include "codec/address.h"
#include "learn/features_parts.h"

enum { SIGNERS = 5 };

static const slice freemail[] = {S_INIT("gmail.com"), S_INIT("googlemail.com"),
	S_INIT("outlook.com"), S_INIT("hotmail.com"), S_INIT("live.com"), S_INIT("msn.com"),
	S_INIT("yahoo.com"), S_INIT("yahoo.co.jp"), S_INIT("yahoo.co.uk"), S_INIT("ymail.com"),
	S_INIT("aol.com"), S_INIT("icloud.com"), S_INIT("me.com"), S_INIT("gmx.com"),
	S_INIT("gmx.net"), S_INIT("gmx.de"), S_INIT("web.de"), S_INIT("mail.com"),
	S_INIT("mail.ru"), S_INIT("yandex.ru"), S_INIT("yandex.com"), S_INIT("proton.me"),
	S_INIT("protonmail.com"), S_INIT("zoho.com"), S_INIT("qq.com"), S_INIT("foxmail.com"),
	S_INIT("163.com"), S_INIT("126.com"), S_INIT("yeah.net"), S_INIT("sina.com"),
	S_INIT("sina.cn"), S_INIT("sohu.com"), S_INIT("139.com"), S_INIT("189.cn"), S_INIT("wo.cn"),
	S_INIT("21cn.com"), S_INIT("tom.com"), S_INIT("aliyun.com"), S_INIT("naver.com"),
	S_INIT("daum.net"), S_INIT("orange.fr"), S_INIT("free.fr"), S_INIT("laposte.net"),
	S_INIT("libero.it"), S_INIT("uol.com.br"), S_INIT("bol.com.br"), S_INIT("t-online.de"),
	S_INIT("comcast.net"), S_INIT("att.net"), S_INIT("rediffmail.com")};

static bool is_freemail(slice domain)
{
	for (size_t i = 0; i < sizeof freemail / sizeof *freemail; i++)
		if (slice_eq(domain, freemail[i]))
			return true;
	return false;
}

static struct header_address first_address(const struct learn_mail *m, slice field, struct arena *a)
{
	struct header_field f;
	struct header_address *v;
	if (!header_find(m->header, field, 0, &f) || !header_addresses(f.value, a, &v))
		return (struct header_address){0};
	return v[0];
}

/* "info", "john.smith", "x7f3a9": letters a, digits 9, the rest as it is, repeated ones once. */
static slice local_shape(slice local, char out[FACT_MAX])
{
	size_t n = 0;
	for (size_t i = 0; i < local.n && n < FACT_MAX; i++) {
		char c = ascii_lower(local.p[i]);
		c = c >= 'a' && c <= 'z' ? 'a' : c >= '0' && c <= '9' ? '9' : c;
		if (!n || out[n - 1] != c)
			out[n++] = c;
	}
	return slice_of(out, n);
}

static bool shares_word(slice display, slice domain)
{
	struct token v[20];
	size_t n = learn_tokens(display, v, 20);
	for (size_t i = 0; i < n; i++)
		if (v[i].text.n > 3 && slice_find(domain, v[i].text) < domain.n)
			return true;
	return false;
}

static slice lowered(slice s, struct arena *a)
{
	char *p = arena_alloc(a, s.n + 1);
	for (size_t i = 0; i < s.n; i++)
		p[i] = ascii_lower(s.p[i]);
	return slice_of(p, s.n);
}

static void put_display(struct learn_features *f, slice display, slice domain)
{
	struct token v[20];
	size_t n = learn_tokens(display, v, 20);
	for (size_t i = 0; i < n; i++)
		learn_put_fact(f, LEARN_SENDER, S("name"), v[i].text);
	learn_put_count(f, LEARN_SENDER, S("name-words"), n);
	learn_put_flag(
		f, LEARN_SENDER, S("name-has-address"), slice_index(display, '@') < display.n);
	if (n && domain.n)
		learn_put_fact(f, LEARN_SENDER, S("name-in-domain"),
			is_freemail(domain)            ? S("freemail")
			: shares_word(display, domain) ? S("yes")
						       : S("no"));
}

static void put_domain(struct learn_features *f, const struct learn_mail *m, slice name, slice host)
{
	slice org = learn_organisation(m, host);
	learn_put_fact(f, LEARN_SENDER, name, org);
	learn_put_fact(f, LEARN_SENDER, S("from-tld"), learn_top_level(host));
	learn_put_flag(f, LEARN_SENDER, S("from-freemail"), is_freemail(org));
	size_t digits = 0;
	for (size_t i = 0; i < org.n; i++)
		digits += org.p[i] >= '0' && org.p[i] <= '9';
	learn_put_count(f, LEARN_SENDER, S("from-digits"), digits);
}

/* Does another address belong to the same people as From:? */
static void put_relation(
	struct learn_features *f, const struct learn_mail *m, slice name, slice other, slice from)
{
	if (!other.n)
		return;
	slice org = learn_organisation(m, other), mine = learn_organisation(m, from);
	learn_put_fact(f, LEARN_SENDER, name,
		slice_eq(other, from) ? S("same")
		: slice_eq(org, mine) ? S("same organisation")
		: is_freemail(org)    ? S("freemail")
				      : S("other"));
}

/* Who says that he signed it (whether the signature holds is not known here). */
static void put_signers(struct learn_features *f, const struct learn_mail *m, slice from)
{
	struct header_field h;
	for (size_t i = 0; i < SIGNERS && header_find(m->header, S("dkim-signature"), i, &h); i++)
		for (slice rest = h.value, tag; slice_cut(&rest, ';', &tag);) {
			tag = slice_trim(tag);
			if (slice_starts(tag, S("d=")))
				put_relation(f, m, S("signer"), slice_skip(tag, 2), from);
		}
}

void learn_put_sender(struct learn_features *f, const struct learn_mail *m, struct arena *a)
{
	char shape[FACT_MAX];
	struct header_address from = first_address(m, S("from"), a);
	struct header_address reply = first_address(m, S("reply-to"), a);
	AUTO(buf) struct buf display = BUF(4 * HEADER_TEXT_MAX);
	struct text_undone undone;
	text_normalise(slice_first(from.display, 500), &display, &undone);
	put_display(f, buf_slice(&display), from.domain);
	if (!from.domain.n) {
		learn_put_flag(f, LEARN_SENDER, S("no-address"), true);
		return;
	}
	put_domain(f, m, S("from"), from.domain);
	learn_put_fact(f, LEARN_SENDER, S("local"), lowered(from.local, a));
	learn_put_fact(f, LEARN_SENDER, S("local-shape"), local_shape(from.local, shape));
	put_relation(f, m, S("reply-to"), reply.domain, from.domain);
	put_signers(f, m, from.domain);
	learn_put_flag(
		f, LEARN_SENDER, S("no-message-id"), !header_count(m->header, S("message-id")));
}

/* ---- header ---- */

static void put_program(struct learn_features *f, const struct learn_mail *m, slice field)
{
	struct header_field h;
	if (!header_find(m->header, field, 0, &h))
		return;
	slice v = slice_trim(h.value);
	size_t n = 0;
	while (n < v.n && n < 30 && ((v.p[n] | 32) >= 'a' ? (v.p[n] | 32) <= 'z' : v.p[n] == ' '))
		n++;
	learn_put_fact(f, LEARN_HEADER, S("program"), slice_trim(slice_first(v, n)));
}

static void put_subject_facts(struct learn_features *f, const struct learn_mail *m, bool threaded)
{
	slice s = slice_trim(m->subject);
	size_t upper = 0, lower = 0, marks = 0, wide = 0;
	bool reply = slice_istarts(s, S("re:"));
	for (size_t i = 0; i < s.n; i++) {
		upper += s.p[i] >= 'A' && s.p[i] <= 'Z';
		lower += s.p[i] >= 'a' && s.p[i] <= 'z';
		marks += s.p[i] == '!';
		wide += (unsigned char)s.p[i] >= 0xf0;
	}
	learn_put_share(f, LEARN_HEADER, S("subject-capitals"), upper, upper + lower);
	learn_put_count(f, LEARN_HEADER, S("subject-exclaims"), marks);
	learn_put_count(f, LEARN_HEADER, S("subject-pictures"), wide);
	learn_put_flag(f, LEARN_HEADER, S("reply-to-nothing"), reply && !threaded);
}

void learn_put_header(struct learn_features *f, const struct learn_mail *m)
{
	struct header_field h;
	bool threaded = header_count(m->header, S("references")) ||
			header_count(m->header, S("in-reply-to"));
	put_program(f, m, S("x-mailer"));
	put_program(f, m, S("user-agent"));
	put_subject_facts(f, m, threaded);
	learn_put_flag(f, LEARN_HEADER, S("threaded"), threaded);
	learn_put_flag(f, LEARN_HEADER, S("no-recipients"), !header_count(m->header, S("to")));
	if (header_find(m->header, S("x-priority"), 0, &h))
		learn_put_fact(f, LEARN_HEADER, S("priority"), slice_first(slice_trim(h.value), 1));
	if (header_find(m->header, S("importance"), 0, &h))
		learn_put_fact(f, LEARN_HEADER, S("importance"), slice_trim(h.value));
	learn_put_flag(f, LEARN_HEADER, S("one-click-unsubscribe"),
		header_count(m->header, S("list-unsubscribe-post")));
	learn_put_flag(f, LEARN_HEADER, S("no-mime"), !header_count(m->header, S("mime-version")));
	learn_put_flag(f, LEARN_HEADER, S("no-date"), !header_count(m->header, S("date")));
}
