/* Section [features] of the configuration (features.h). */
#include "bin/features.h"

#include "base/mem.h"
#include "run/fetch.h"

static void check_keys(const struct conf_list *l, const char *key, struct conf_check *c)
{
	struct feature_key k;
	for (size_t i = 0; i < l->n; i++)
		if (!feature_key_parse(l->v[i], &k))
			conf_complain(c, key, "is a list of keys: ed25519:BASE64",
				"应为公钥列表：ed25519:BASE64");
	if (l->n > FEATURE_KEYS_MAX)
		conf_complain(c, key, "has at most 16 keys", "最多 16 个公钥");
}

static void check_features(const void *value, slice instance, struct conf_check *c)
{
	const struct features_conf *v = value;
	slice host;
	uint16_t port;
	(void)instance;
	check_keys(&v->keys, "keys", c);
	check_keys(&v->revoked, "revoked", c);
	if (v->source.n && v->source.p[0] != '/' && !fetch_url_parse(v->source, &host, &port))
		conf_complain(c, "source", "is a directory (an absolute path) or an https URL",
			"应为目录的绝对路径或 https 网址");
	if (v->clamd.n && v->clamd.p[0] == '/')
		conf_complain(c, "clamd",
			"is HOST:PORT on this machine: sockets in the file system are not reached "
			"from here",
			"应为本机的 主机:端口；此处不能访问文件系统中的套接字");
}

static const char *const quiet_words[] = {"install", "wait", NULL};

#define T struct features_conf
static const struct conf_key features_keys[] = {
	CONF_KEY_STRING(T, source, "",
		"Where newer packs are looked for: a directory with an index, or the https URL of "
		"an index. Empty: nowhere; "
		"`posthouse features install` takes files.",
		"在何处查找新的特征包：带索引的目录，或索引的 https 网址。空：不查找，可用 "
		"`posthouse features install` "
		"安装文件。"),
	CONF_KEY_DURATION(T, every, "1h", MINUTE, 30 * DAY,
		"How often; a tenth of it earlier or later by chance.",
		"查找的间隔，随机提前或推后十分之一。"),
	CONF_KEY_LIST(T, keys, "",
		"Public keys of those whose packs are taken, ed25519:BASE64. Packs may introduce "
		"further ones. Without any, no "
		"pack is taken.",
		"信任的签发者公钥，ed25519:"
		"BASE64。特征包可引入后续公钥。没有公钥则不接受任何特征包。"),
	CONF_KEY_LIST(T, revoked, "", "Keys that are trusted no longer, whoever introduced them.",
		"不再信任的公钥，无论由谁引入。"),
	CONF_KEY_BOOL(T, automatic, "yes",
		"What was found is taken into force by itself, after the trial. no: it is stored, "
		"and waits for `posthouse "
		"features use`.",
		"找到的新版本经试用后自动启用。no：只保存，等待 `posthouse features use`。"),
	CONF_KEY_BOOL(T, canary, "yes",
		"A new version first judges a sample of mail beside the one in force, without "
		"effect.",
		"新版本先与使用中的版本并行判断一部分邮件，不产生实际效果。"),
	CONF_KEY_INT(T, canary_letters, "300", 10, 1000000, "So many letters decide.",
		"以这么多封邮件作出结论。"),
	CONF_KEY_INT(T, canary_differ, "2", 0, 100,
		"Percent of them whose verdict (spam or not) may change; with more the version is "
		"refused.",
		"其中判断（是否垃圾邮件）可以改变的百分比，超过则拒绝该版本。"),
	CONF_KEY_DURATION(T, canary_time, "1h", SECOND, 30 * DAY,
		"The trial takes at most so long.", "试用的最长时间。"),
	CONF_KEY_ENUM(T, canary_quiet, "install", quiet_words,
		"When so few letters came within canary_time that they say little: install (with a "
		"note), wait (for more).",
		"canary_time 内邮件太少、不足以判断时：install 启用并注明，wait 继续等待。"),
	CONF_KEY_INT(T, keep, "5", 2, 1000, "Versions of each pack kept, for going back.",
		"每个特征包保留的版本数，用于回退。"),
	CONF_KEY_PATH(T, clamav, "",
		"Directory of clamd's database: signatures that packs bring are put there. Empty: "
		"they are left out.",
		"clamd 的病毒库目录，特征包带来的特征放在此处。空：不使用。"),
	CONF_KEY_STRING(T, clamd, "",
		"HOST:PORT of a clamd that is told RELOAD then. Empty: clamd notices by itself "
		"(SelfCheck).",
		"随后通知其重新加载的 clamd，主机:端口。空：由 clamd 自行发现（SelfCheck）。"),
	CONF_END};
#undef T
const struct conf_section features_section = {.name = "features",
	.keys = features_keys,
	.size = sizeof(struct features_conf),
	.doc_en = "Packs of rules, lists, models and signatures.",
	.doc_zh = "特征包：规则、名单、模型和特征。",
	.check = check_features};

static bool is_revoked(const struct features_conf *c, const struct feature_key *k)
{
	struct feature_keys revoked = {0};
	struct feature_key one;
	for (size_t i = 0; i < c->revoked.n; i++)
		if (feature_key_parse(c->revoked.v[i], &one))
			feature_keys_add(&revoked, &one);
	return feature_keys_have(&revoked, k);
}

int features_trusted(
	const struct features_conf *c, slice data, struct feature_keys *ret, struct err *e)
{
	struct feature_keys keys = {0};
	struct feature_known known;
	struct feature_key k;
	if (feature_known_read(data, &known, e) < 0)
		return -1;
	for (size_t i = 0; i < c->keys.n; i++)
		if (feature_key_parse(c->keys.v[i], &k) && !is_revoked(c, &k))
			feature_keys_add(&keys, &k);
	for (size_t i = 0; i < known.keys.n; i++)
		if (!is_revoked(c, &known.keys.v[i]))
			feature_keys_add(&keys, &known.keys.v[i]);
	*ret = keys;
	return 0;
}
