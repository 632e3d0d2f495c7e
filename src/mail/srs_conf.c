/* Section [srs] of the configuration (srs.h). */
#include "mail/srs.h"

#include "base/time.h"
#include "codec/address.h"

static void check(const void *value, slice instance, struct conf_check *c)
{
	const struct srs_conf *v = value;
	(void)instance;
	if (v->domain.n && !domain_valid(v->domain, false))
		conf_complain(c, "domain", "not a domain", "不是域名");
}

#define T struct srs_conf
static const struct conf_key keys[] = {
	CONF_KEY_BOOL(T, rewrite, "yes",
		"Mail of foreign senders that an alias passes on to another system gets an "
		"envelope "
		"sender of ours (SRS): else SPF fails there. Bounces find their way back.",
		"经别名转发到其他系统的外来邮件改用本系统的信封发件人（SRS），否则对方的 SPF "
		"验证会失败。"
		"退信仍会送回原发件人。"),
	CONF_KEY_STRING(T, domain, "",
		"Domain of these senders: its MX is this server, its SPF allows it. Empty: the "
		"domain of the alias.",
		"此类发件人使用的域：其 MX 是本服务器，其 SPF "
		"允许本服务器发信。空：别名所在的域。"),
	CONF_KEY_DURATION(T, valid, "21d", DAY, 365 * DAY,
		"Bounces to such a sender are taken for so long.",
		"这样的发件人在多长时间内接收退信。"),
	CONF_KEY_INT(T, bounces, "20", 1, 1000000,
		"And so many of them within a day, for each process.",
		"以及每天最多接收多少封（每个进程）。"),
	CONF_END};
#undef T
const struct conf_section srs_section = {.name = "srs",
	.keys = keys,
	.size = sizeof(struct srs_conf),
	.doc_en = "Senders of forwarded mail.",
	.doc_zh = "转发邮件的发件人。",
	.check = check};
