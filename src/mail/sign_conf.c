/* Section [signing] of the configuration (sign.h). */
#include "mail/sign.h"

#include "base/time.h"

static const char *const failure_words[] = {"try-later", "unsigned", NULL};
static const char *const algorithm_words[] = {"all", "rsa", "ed25519", NULL};
static const char *const arc_words[] = {"none", "forwards", NULL};
_Static_assert(SIGNING_TRY_LATER == 0 && SIGNING_UNSIGNED == 1, "failure_words");
_Static_assert(SIGNING_ALL == 0 && SIGNING_ED25519 == 2, "algorithm_words");
_Static_assert(SIGNING_ARC_NONE == 0 && SIGNING_ARC_FORWARDS == 1, "arc_words");

enum { HEADERS_MAX = 60 };

static bool is_name(slice s)
{
	if (s.n && s.p[0] == '+')
		s = slice_skip(s, 1);
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] <= ' ' || s.p[i] > '~' || s.p[i] == ':' || s.p[i] == ';')
			return false;
	return s.n > 0 && s.n <= 70;
}

static void check(const void *value, slice instance, struct conf_check *c)
{
	const struct signing_conf *v = value;
	bool from = v->headers.n == 0;
	(void)instance;
	if (v->headers.n > HEADERS_MAX)
		conf_complain(c, "headers", "more than 60 names", "多于 60 个名称");
	for (size_t i = 0; i < v->headers.n; i++) {
		slice name = v->headers.v[i];
		if (!is_name(name))
			conf_complain(c, "headers", "not a field name", "不是字段名");
		from = from || slice_ieq(name, S("From")) || slice_ieq(name, S("+From"));
	}
	if (!from)
		conf_complain(c, "headers", "From must be signed (RFC 6376 5.4)",
			"From 必须签名（RFC 6376 5.4）");
}

struct signing_conf *signing_conf_copy(const struct signing_conf *c, struct arena *a)
{
	struct signing_conf *copy = ARENA_NEW(a, struct signing_conf);
	slice *names = ARENA_ARRAY(a, slice, c->headers.n + 1);
	*copy = *c;
	for (size_t i = 0; i < c->headers.n; i++)
		names[i] = arena_dup(a, c->headers.v[i]);
	copy->headers.v = names;
	return copy;
}

#define T struct signing_conf
static const struct conf_key keys[] = {
	CONF_KEY_BOOL(T, sign, "yes",
		"Sign what our users send and what the server writes, when the domain of From: has "
		"keys (posthouse dkim).",
		"From: 的域有密钥（posthouse "
		"dkim）时，为用户发出的邮件和服务器自己生成的邮件签名。"),
	CONF_KEY_BOOL(T, mail_from, "yes",
		"Sign by the domain of the envelope sender, too, when it is another of ours.",
		"信封发件人属于本系统的另一个域时，也用该域签名。"),
	CONF_KEY_ENUM(T, algorithms, "all", algorithm_words,
		"Which of the domain's active keys sign.", "用该域的哪些启用中的密钥签名。"),
	CONF_KEY_LIST(T, headers, "",
		"Fields to sign; with a + one more of the name than there is, so that nobody can "
		"add "
		"one. Empty: the usual ones.",
		"要签名的字段；前面带 + 的多签一次，使他人无法添加同名字段。空：常用的字段。"),
	CONF_KEY_DURATION(T, lifetime, "0", 0, 365 * DAY,
		"Signatures say that they are good for so long; 0: nothing about it.",
		"签名中声明的有效期；0：不声明。"),
	CONF_KEY_ENUM(T, if_unreachable, "try-later", failure_words,
		"When the process that has the keys cannot be reached: try-later asks the client "
		"to "
		"come again (451), unsigned lets the mail go without.",
		"无法连到持有密钥的进程时：try-later 让客户端稍后再试（451）；unsigned "
		"不签名就发出。"),
	CONF_KEY_DURATION(T, wait, "10s", 100 * MSEC, 5 * MINUTE,
		"It is waited for so long, as when it is restarted.",
		"等待它多久，例如它正在重启时。"),
	CONF_KEY_ENUM(T, arc, "forwards", arc_words,
		"Seal mail that an alias passes on to other systems (ARC), so that they can "
		"believe "
		"what was verified here.",
		"为经别名转发到其他系统的邮件加上 ARC 封印，使对方可以采信本系统的验证结果。"),
	CONF_END};
#undef T
const struct conf_section signing_section = {.name = "signing",
	.keys = keys,
	.size = sizeof(struct signing_conf),
	.doc_en = "Signatures of outgoing mail: DKIM and ARC.",
	.doc_zh = "外发邮件的签名：DKIM 和 ARC。",
	.check = check};
