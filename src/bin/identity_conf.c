/* Sections [ldap] and [oidc] (identity_conf.h). */
#include "bin/identity_conf.h"
#include "bin/config.h"

static const char *const gone_words[] = {"disable", "delete", "keep", NULL};
_Static_assert(LDAP_GONE_DISABLE == 0 && LDAP_GONE_KEEP == 2, "gone_words");

#define T struct ldap_conf
static const struct conf_key ldap_keys[] = {
	CONF_KEY_LIST(T, servers, "",
		"Directory servers that check passwords, in the order in which they are tried: "
		"ldaps://dc1.example.org, ldap://dc2.example.org:389. Empty: none.",
		"核对密码的目录服务器，按顺序尝试：ldaps://dc1.example.org、ldap://"
		"dc2.example.org:389。空：不使用。"),
	CONF_KEY_BOOL(T, tls, "yes",
		"ldap:// servers must offer STARTTLS. no: passwords cross the network in clear.",
		"ldap:// 服务器必须支持 STARTTLS。no：密码以明文在网络上传输。"),
	CONF_KEY_PATH(T, ca, "",
		"PEM file of authorities of these servers. Empty: [tls] ca, else the system's.",
		"这些服务器的根证书 PEM 文件。空：[tls] ca，否则用系统自带。"),
	CONF_KEY_STRING(T, bind_dn, "", "Who the server is when it searches. Empty: anonymous.",
		"搜索时使用的身份（DN）。空：匿名。"),
	CONF_KEY_SECRET(T, bind_password, "Its password.", "其密码。"),
	CONF_KEY_STRING(T, base, "", "Where people and groups are searched: dc=example,dc=org",
		"搜索用户和组的起点：dc=example,dc=org"),
	CONF_KEY_STRING(T, login_filter, "(|(mail=%a)(userPrincipalName=%a))",
		"Finds the one person who logs in: %a is the address, %u what stands before the @, "
		"%d behind it. They are escaped.",
		"查找登录者：%a 为完整地址，%u 为 @ 之前，%d 为 @ 之后，均已转义。"),
	CONF_KEY_STRING(T, user_filter, "(&(objectClass=person)(mail=*))",
		"People who have a mailbox here.", "在本系统有邮箱的人。"),
	CONF_KEY_STRING(T, group_filter, "",
		"Groups with an address that become groups here: "
		"(&(|(objectClass=group)(objectClass=groupOfNames))(mail=*)). Empty: none.",
		"同步为本系统组地址的组：(&(|(objectClass=group)(objectClass=groupOfNames))(mail=*)"
		")。空：不同步组。"),
	CONF_KEY_STRING(T, address, "mail", "Attribute with the address.", "存放邮件地址的属性。"),
	CONF_KEY_STRING(T, name, "displayName cn",
		"Attributes with the name; the first that is there.",
		"存放姓名的属性，取第一个有值的。"),
	CONF_KEY_STRING(T, id, "entryUUID objectGUID",
		"Attributes that never change for a person; the first that is there.",
		"对一个人永不改变的属性，取第一个有值的。"),
	CONF_KEY_STRING(T, member, "member uniqueMember",
		"Attributes of groups that name members by their DN; groups in groups are "
		"followed.",
		"组内以 DN 列出成员的属性；组中组会展开。"),
	CONF_KEY_DURATION(T, timeout, "5s", SECOND, MINUTE,
		"One server may take so long; then the next is asked.",
		"一台服务器最多等待这么久，然后换下一台。"),
	CONF_KEY_DURATION(T, remember, "5m", 0, HOUR,
		"A password that was right is not asked again for so long: when the directory "
		"locks somebody out it takes that long here.",
		"核对正确的密码在这段时间内不再询问；目录中停用用户后，最多经过这么久在此生效。"),
	CONF_KEY_DURATION(T, sync_every, "1h", 0, 7 * DAY,
		"How often people and groups are taken over. 0: only by posthouse ldap sync.",
		"每隔多久同步用户和组。0：仅由 posthouse ldap sync 执行。"),
	CONF_KEY_STRING(T, class, "", "Service class of new accounts. Empty: the first.",
		"新帐号的服务等级。空：默认等级。"),
	CONF_KEY_ENUM(T, gone, "disable", gone_words,
		"Accounts whose person is no longer found: disable, delete (they can be "
		"recovered), or keep.",
		"目录中不再存在的人，其帐号：disable 停用，delete 删除（可恢复），keep 保留。"),
	CONF_KEY_INT(T, brake, "10", 1, 100,
		"When more than this percentage of the accounts would go at once, none goes and "
		"there is an alarm: the search is likely wrong.",
		"若一次消失的帐号超过这个百分比，则一个也不处理并报警：多半是搜索条件有误。"),
	CONF_END};
#undef T

static void check_ldap(const void *value, slice instance, struct conf_check *c)
{
	const struct ldap_conf *v = value;
	(void)instance;
	for (size_t i = 0; i < v->servers.n; i++)
		if (!slice_starts(v->servers.v[i], S("ldap://")) &&
			!slice_starts(v->servers.v[i], S("ldaps://")))
			conf_complain(c, "servers", "begin with ldap:// or ldaps://",
				"应以 ldap:// 或 ldaps:// 开头");
	if (v->servers.n && !v->base.n)
		conf_complain(c, "base", "is needed", "必须给出");
	if (v->servers.n && slice_find(v->login_filter, S("%a")) == v->login_filter.n &&
		slice_find(v->login_filter, S("%u")) == v->login_filter.n)
		conf_complain(c, "login_filter", "has neither %a nor %u: it would find anybody",
			"没有 %a 或 %u：会匹配任何人");
	if (v->bind_dn.n && !v->bind_password.value.n)
		conf_complain(c, "bind_password",
			"is needed with bind_dn: without one servers let anybody in",
			"给出 bind_dn 时必须给出：没有密码时服务器会当作匿名放行");
}

const struct conf_section ldap_section = {.name = "ldap",
	.keys = ldap_keys,
	.size = sizeof(struct ldap_conf),
	.doc_en = "People in LDAP or Active Directory: they log in with the password that they "
		  "have there.",
	.doc_zh = "LDAP 或 Active Directory 中的用户：使用其目录密码登录。",
	.check = check_ldap};

#define T struct oidc_conf
static const struct conf_key oidc_keys[] = {
	CONF_KEY_STRING(T, issuer, "",
		"Who issues tokens (OpenID Connect): https://login.example.org. Its keys are found "
		"by discovery. Empty: no logins by OAuth.",
		"签发令牌的 OpenID Connect "
		"提供方：https://login.example.org，其密钥自动发现。空：不使用 OAuth 登录。"),
	CONF_KEY_LIST(T, audience, "",
		"Tokens must be for one of these: client ids of the mail programs' application.",
		"令牌必须签发给其中之一：邮件客户端所用应用的 client id。"),
	CONF_KEY_STRING(T, claim, "email",
		"Claim that is the account's address, or the part before the @ with `domain`.",
		"令牌中表示帐号地址的声明；配合 domain 时可以只是 @ 之前的部分。"),
	CONF_KEY_STRING(
		T, domain, "", "Put behind a claim without @.", "声明中没有 @ 时补上的域。"),
	CONF_KEY_STRING(T, introspection, "",
		"Address that is asked about tokens that are not signed ones (RFC 7662). Empty: "
		"such tokens are refused.",
		"对非签名令牌进行询问的地址（RFC 7662）。空：拒绝此类令牌。"),
	CONF_KEY_STRING(T, client_id, "", "Who we are there.", "在该处使用的身份。"),
	CONF_KEY_SECRET(T, client_secret, "Its secret.", "其密钥。"),
	CONF_KEY_DURATION(T, skew, "60s", 0, 10 * MINUTE, "Clocks may differ by so much.",
		"允许的时钟误差。"),
	CONF_KEY_DURATION(T, max_life, "1d", 0, 365 * DAY,
		"Tokens that live longer are refused. 0: any.",
		"有效期更长的令牌会被拒绝。0：不限。"),
	CONF_END};
#undef T

static void check_oidc(const void *value, slice instance, struct conf_check *c)
{
	const struct oidc_conf *v = value;
	(void)instance;
	if (v->issuer.n && !slice_starts(v->issuer, S("https://")))
		conf_complain(c, "issuer", "begins with https://", "应以 https:// 开头");
	if (v->issuer.n && v->audience.n == 0)
		conf_complain(c, "audience",
			"is needed: else tokens for any other application would do",
			"必须给出：否则签发给其他应用的令牌也能使用");
	if (v->introspection.n &&
		(!slice_starts(v->introspection, S("https://")) || !v->client_id.n))
		conf_complain(c, "introspection", "begins with https:// and needs client_id",
			"应以 https:// 开头，并需要 client_id");
}

const struct conf_section oidc_section = {.name = "oidc",
	.keys = oidc_keys,
	.size = sizeof(struct oidc_conf),
	.doc_en = "Logins with tokens (OAUTHBEARER, XOAUTH2) of an OpenID Connect provider.",
	.doc_zh = "使用 OpenID Connect 提供方签发的令牌登录（OAUTHBEARER、XOAUTH2）。",
	.check = check_oidc};

bool identity_wanted(const struct config *c)
{
	return ldap_wanted(conf_get(c->conf, &ldap_section)) ||
	       oidc_wanted(conf_get(c->conf, &oidc_section));
}
