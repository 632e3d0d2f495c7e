/* The keys of [learning] (conf.h). */
#include "training/conf.h"

#include "codec/address.h"

#define T struct learning_conf
static const struct conf_key learning_keys[] = {
	CONF_KEY_BOOL(T, enabled, "yes",
		"Learn from reports, moves, releases, honeypots, administrators and archives. no: "
		"nothing new is learned; what was learned stays in service.",
		"从举报、移动、放行、蜜罐、管理员和导入的归档中学习。no：不再学习新内容，已学到的继"
		"续使用。"),
	CONF_KEY_INT(T, keep, "30000", 100, 200000,
		"The newest so many lessons make the site's layer; some 5 KiB each on disk. Older "
		"ones "
		"are forgotten.",
		"由最近的这么多条样本构成本站模型，每条约占磁盘 5 KiB；更早的会被遗忘。"),
	CONF_KEY_SIZE(T, max_size, "2m", 64 << 10, 64 << 20,
		"Only the beginning of larger letters is learned.",
		"超过此大小的邮件只学习开头部分。"),
	CONF_KEY_DURATION(T, pause, "3s", 100 * MSEC, DAY,
		"After a lesson a new version is made so late, with what else came meanwhile. A "
		"site with "
		"many lessons waits longer by itself: making versions takes at most a tenth of a "
		"processor.",
		"收到样本后等待多久生成新版本，期间到达的一并计入。样本多的系统会自动延长："
		"生成版本最多占用一个处理器的十分之一。"),
	CONF_KEY_INT(T, versions, "8", 2, 1000, "Versions kept, for comparing and for going back.",
		"保留的版本数，用于比较和回退。"),
	CONF_KEY_INT(T, agree, "3", 1, 1000,
		"What a user says teaches only his own layer until so many users say the same of "
		"letters "
		"alike (or an administrator does). Twice as many when everything else speaks "
		"clearly "
		"against it.",
		"用户的判断只影响本人的模型，直到这么多用户对相似邮件作出相同判断（或管理员作出判断"
		"）"
		"才影响全站。与其他证据明显矛盾时需要两倍人数。"),
	CONF_KEY_INT(T, per_user_day, "100", 1, 1000000, "Lessons taken from one user in a day.",
		"每个用户每天最多采纳的样本数。"),
	CONF_KEY_INT(T, weight_user, "30", 1, 100,
		"Percent of an administrator's word that a user's counts in the site's layer, once "
		"others "
		"agree.",
		"其他用户一致后，用户的判断在本站模型中的权重，为管理员判断的百分比。"),
	CONF_KEY_INT(T, weight_honeypot, "80", 1, 100, "The same for letters to honeypots.",
		"发往蜜罐地址的邮件的权重，百分比。"),
	CONF_KEY_LIST(T, honeypots, "",
		"Addresses that nobody has and that were shown to address collectors: mail to them "
		"is "
		"accepted, learned as spam and not delivered. Each is an address, a local part in "
		"every "
		"domain of this server, or \"@domain\" for all of its addresses.",
		"没有人使用、专供地址收集者获取的地址：发到这些地址的邮件会被接收并作为垃圾邮件学习"
		"，不投递。"
		"每项为一个地址、一个本地部分（适用于本机所有域），或“@域名”（该域的所有地址）。"),
	CONF_KEY_INT(T, honeypot_day, "300", 1, 1000000,
		"Letters to honeypots learned in a day; more are thrown away. They never are more "
		"than a quarter of all lessons.",
		"每天最多从蜜罐邮件中学习多少封，超出的丢弃。蜜罐邮件最多占全部样本的四分之一。"),
	CONF_KEY_INT(T, sample, "3000", 0, 100000,
		"Recent letters whose features are kept, to tell what a new version would change.",
		"为评估新版本的影响而保留特征的近期邮件数。"),
	CONF_KEY_INT(T, judge, "10", 1, 100000,
		"A new version is compared by so many witnesses (letters it has not learned) of "
		"each kind, "
		"at least; with fewer it goes into service unjudged.",
		"新版本至少用两类各这么多封未学习过的见证邮件来评判；不足时不经评判直接启用。"),
	CONF_KEY_INT(T, worse_spam, "200", 0, 10000,
		"A version that catches less of the witnesses' spam than the one in service, by "
		"more than "
		"so many hundredths of a percent, is not put into service by itself.",
		"新版本对见证垃圾邮件的识别率比现用版本低出这么多个万分点以上时，不自动启用。"),
	CONF_KEY_INT(T, worse_ham, "50", 0, 10000, "The same for honest letters taken for spam.",
		"对正常邮件的误判率高出这么多个万分点以上时，同样不自动启用。"),
	CONF_KEY_INT(T, changed, "500", 0, 10000,
		"The same for recent letters that would be judged otherwise. Counts only when "
		"there are 100 "
		"of them at least.",
		"近期邮件中判断会改变的比例超过这么多个万分点时，同样不自动启用。至少有 100 "
		"封近期邮件时才计算。"),
	CONF_END};
#undef T

static void check(const void *value, slice instance, struct conf_check *c)
{
	const struct learning_conf *v = value;
	(void)instance;
	for (size_t i = 0; i < v->honeypots.n; i++) {
		slice one = v->honeypots.v[i];
		bool domain = slice_starts(one, S("@"));
		if (domain ? !domain_valid(slice_skip(one, 1), false)
			   : slice_index(one, '@') == 0 || one.n > 254)
			conf_complain(c, "honeypots",
				"each is an address, a local part, or \"@domain\"",
				"每项应为地址、本地部分或“@域名”");
	}
}

const struct conf_section learning_section = {.name = "learning",
	.keys = learning_keys,
	.size = sizeof(struct learning_conf),
	.check = check,
	.doc_en = "What the filter learns from this site's mail.",
	.doc_zh = "过滤器从本站邮件中学习的方式。"};
