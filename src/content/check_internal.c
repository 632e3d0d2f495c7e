/*
 * Checks of mail among ourselves (FEATURES H9) and of what our users send: who logged in is not who
 * writes, a colleague's mailbox that suddenly asks many for a password. How much somebody sends in
 * an hour is counted elsewhere and comes in as known signals.
 */
#include "codec/address.h"
#include "content/checking.h"
#include "content/checks.h"

enum { RECIPIENTS_MANY = 20 };

static bool from_inside(const struct content_exam *x)
{
	return x->ctx->direction != CONTENT_INBOUND || x->ctx->login.n;
}

/* ---- the login and From ---- */

/* "li" and "li@corp.example" are one; another domain of ours may be an alias of his. */
static bool is_login(const struct content_exam *x, slice address)
{
	slice login = x->ctx->login;
	if (slice_index(login, '@') < login.n)
		return slice_ieq(login, address);
	return slice_ieq(login, checking_local(address));
}

static void look_at_login(struct content_exam *x)
{
	slice from = x->c->from_address, domain = checking_from_domain(x);
	if (!x->ctx->login.n || !domain.n || is_login(x, from))
		return;
	if (slice_ieq(x->c->sender_address, x->ctx->login))
		return; /* he says so: a secretary (RFC 5322 3.6.2) */
	if (checking_own(x, domain))
		checking_found(x, SIGNAL_INSIDE_OTHER_NAME, 1,
			arena_printf(x->a, "%.*s: %.*s", SFMT(x->ctx->login), SFMT(from)));
	else
		checking_found(x, SIGNAL_INSIDE_FOREIGN_FROM, 1,
			arena_printf(x->a, "%.*s: %.*s", SFMT(x->ctx->login), SFMT(from)));
}

/* Mail that stays inside, without login, from an address that is not ours. */
static void look_at_unknown(struct content_exam *x)
{
	const struct content_context *ctx = x->ctx;
	slice from = checking_from_domain(x);
	if (ctx->direction == CONTENT_INTERNAL && !ctx->login.n && ctx->verified && !ctx->proven &&
		checking_own(x, from))
		checking_found(x, SIGNAL_INSIDE_UNPROVEN, 1, x->c->from_address);
}

/* ---- what a stolen mailbox does ---- */

static const slice login_words[] = {S_INIT("password"), S_INIT("log in"), S_INIT("login"),
	S_INIT("sign in"), S_INIT("verify your"), S_INIT("mailbox"), S_INIT("expire"),
	S_INIT("密码"), S_INIT("登录"), S_INIT("登陆"), S_INIT("验证"), S_INIT("邮箱升级"),
	S_INIT("备案"), S_INIT("认证"), S_INIT("扫码"), S_INIT("二维码"), S_INIT("补贴"),
	S_INIT("到期"), S_INIT("停用"), S_INIT("迁移")};

static bool leads_outside(struct content_exam *x)
{
	const struct checking_hosts *h = checking_hosts(x);
	for (size_t i = 0; i < h->n; i++)
		if (h->v[i].links && !checking_own(x, h->v[i].host))
			return true;
	for (size_t i = 0; i < x->c->npictures; i++)
		if (x->c->pictures[i].qr)
			return true;
	return false;
}

static void look_at_lure(struct content_exam *x)
{
	const struct learn_mail *m = &x->c->mail;
	bool many = x->ctx->rcpts_total >= RECIPIENTS_MANY;
	size_t n = sizeof login_words / sizeof *login_words;
	bool login = checking_says(m->normal, login_words, n) ||
		     checking_says(m->normal_subject, login_words, n);
	if (many)
		checking_found(
			x, SIGNAL_INSIDE_MANY, 1, arena_printf(x->a, "%zu", x->ctx->rcpts_total));
	if (login && leads_outside(x))
		checking_found(x, many ? SIGNAL_INSIDE_MASS_LURE : SIGNAL_INSIDE_LURE, 1, S(""));
}

void content_check_internal(struct content_exam *x)
{
	if (!from_inside(x))
		return;
	look_at_login(x);
	look_at_unknown(x);
	look_at_lure(x);
}
