/*
 * Pictures as carriers: QR codes that lead somewhere, letters that are nothing but a picture of
 * text. Reading them is pictures.c. Honest mail has QR codes as well (business cards in signatures,
 * tickets, invoices), so one alone says little; what counts is where it leads and what is around
 * it. check_html looks at pictures that are fetched from elsewhere.
 */
#include "content/checking.h"
#include "content/checks.h"
#include "content/pictures.h"

enum {
	LITTLE_TEXT = 150, /* bytes that are no white space */
	TEXT_PIXELS = 200 * 100, /* of a picture that can hold a letter's text */
	ODD_FLAGS = URL_USERINFO_HOST | URL_IP | URL_MIXED | URL_LOOKALIKE | URL_BAD_IDN |
		    URL_ENCODED_HOST | URL_HOST_IN_PATH | URL_BAD_HOST | URL_SCRIPT | URL_DATA,
};

struct codes {
	unsigned links, elsewhere, contacts, payments, odd, in_files, drawn, all;
	slice first, odd_one, payment, contact, other;
};

/* ---- what is there ---- */

static bool has_little_text(const struct content *c)
{
	size_t n = 0;
	for (size_t i = 0; i < c->mail.text.n && n < LITTLE_TEXT; i++)
		n += (unsigned char)c->mail.text.p[i] > ' ';
	return n < LITTLE_TEXT;
}

static bool one_of(slice s, const slice *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (slice_ieq(s, v[i]))
			return true;
	return false;
}

/* Leads into an application that pays. */
static bool is_payment(const struct url *u)
{
	static const slice schemes[] = {S_INIT("wxp"), S_INIT("weixin"), S_INIT("alipay"),
		S_INIT("alipays"), S_INIT("alipayqr"), S_INIT("upi"), S_INIT("bitcoin"),
		S_INIT("ethereum"), S_INIT("litecoin"), S_INIT("monero"), S_INIT("tron"),
		S_INIT("lightning"), S_INIT("solana"), S_INIT("unionpay")};
	static const slice hosts[] = {S_INIT("qr.alipay.com"), S_INIT("wx.tenpay.com"),
		S_INIT("qr.95516.com"), S_INIT("i.qianbao.qq.com")};
	return one_of(u->scheme, schemes, sizeof schemes / sizeof *schemes) ||
	       one_of(u->host, hosts, sizeof hosts / sizeof *hosts);
}

/* Adds a person or a group to one's contacts; common in signatures. */
static bool is_contact(const struct url *u)
{
	static const slice hosts[] = {S_INIT("u.wechat.com"), S_INIT("weixin.qq.com"),
		S_INIT("work.weixin.qq.com"), S_INIT("mp.weixin.qq.com"), S_INIT("qm.qq.com"),
		S_INIT("qr.dingtalk.com"), S_INIT("applink.feishu.cn"), S_INIT("line.me"),
		S_INIT("lin.ee"), S_INIT("t.me"), S_INIT("wa.me"), S_INIT("linkedin.com"),
		S_INIT("www.linkedin.com")};
	return one_of(u->host, hosts, sizeof hosts / sizeof *hosts) ||
	       slice_ieq(u->scheme, S("tel"));
}

/* Does anything else in the letter, its sender first, belong to that organisation? */
static bool is_elsewhere(struct content_exam *x, slice org)
{
	const struct content *c = x->c;
	slice from = checking_from_domain(x);
	if (checking_own(x, org) || (from.n && slice_eq(checking_org(x, from), org)))
		return false;
	for (size_t i = 0; i < c->nlinks; i++) {
		const struct content_link *l = &c->links[i];
		if (l->where != CONTENT_IN_QR && l->url.host.n &&
			slice_eq(checking_org(x, l->url.host), org))
			return false;
	}
	return true;
}

static void count_link(struct content_exam *x, const struct content_link *l, struct codes *ret)
{
	const struct url *u = &l->url;
	ret->all++;
	if (is_payment(u)) {
		ret->payments++;
		ret->payment = u->text;
	} else if (is_contact(u)) {
		ret->contacts++;
		ret->contact = u->text;
	} else if (u->host.n) {
		ret->first = ret->links++ ? ret->first : u->text;
		ret->in_files += content_picture_inside(x->c, l->file);
		if (is_elsewhere(x, checking_org(x, u->host))) {
			ret->elsewhere++;
			ret->other = u->host;
		}
	}
	if (u->flags & ODD_FLAGS) {
		ret->odd++;
		ret->odd_one = u->text;
	}
}

static struct codes count_codes(struct content_exam *x)
{
	struct codes ret = {0};
	for (size_t i = 0; i < x->c->nlinks; i++)
		if (x->c->links[i].where == CONTENT_IN_QR)
			count_link(x, &x->c->links[i], &ret);
	for (size_t i = 0; i < x->c->npictures; i++)
		ret.drawn += x->c->pictures[i].drawn;
	return ret;
}

/* ---- what follows ---- */

static void judge_codes(struct content_exam *x, const struct codes *k)
{
	float often = checking_unless_bulk(x);
	if (k->links)
		checking_found(x, SIGNAL_QR_LINK, 1, k->first);
	if (k->elsewhere)
		checking_found(x, SIGNAL_QR_ELSEWHERE, often, k->other);
	if (k->links && has_little_text(x->c))
		checking_found(x, SIGNAL_QR_LITTLE_TEXT, 1, k->first);
	if (k->in_files)
		checking_found(x, SIGNAL_QR_IN_FILE, 1, k->first);
	if (k->payments)
		checking_found(x, SIGNAL_QR_PAYMENT, often, k->payment);
	if (k->contacts)
		checking_found(x, SIGNAL_QR_CONTACT, 1, k->contact);
	if (k->odd)
		checking_found(x, SIGNAL_QR_DECEPTIVE, 1, k->odd_one);
	if (k->drawn)
		checking_found(x, SIGNAL_QR_DRAWN, 1, k->first);
	if (k->all > 1)
		checking_found(x, SIGNAL_QR_SEVERAL, 1, arena_printf(x->a, "%u", k->all));
}

static void judge_pictures(struct content_exam *x)
{
	const struct content *c = x->c;
	float worst = 0;
	for (size_t i = 0; i < c->npictures; i++) {
		const struct content_picture *p = &c->pictures[i];
		slice size = arena_printf(x->a, "%ux%u", p->width, p->height);
		if (p->text > 0.5f && p->width * p->height >= TEXT_PIXELS && has_little_text(c))
			checking_found(x, SIGNAL_PICTURE_OF_TEXT, checking_unless_bulk(x), size);
		worst = p->spam > worst ? p->spam : worst;
	}
	/* A margin of 1 is where the classifier is fairly sure. */
	if (worst > 0)
		checking_found(x, SIGNAL_PICTURE_SPAM, worst < 1 ? worst : 1,
			arena_printf(x->a, "%.2f", (double)worst));
}

void content_check_pictures(struct content_exam *x)
{
	if (x->c->npictures == 0)
		return;
	struct codes k = count_codes(x);
	judge_codes(x, &k);
	judge_pictures(x);
}
