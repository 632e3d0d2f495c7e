/* Section [filter] of the configuration: its keys, defaults and the rules between them. */
#include "bin/filter_conf.h"

#include <stdlib.h>

enum { NEVER = 2 };

/* Values of the configuration end in a NUL. */
static bool read_probability(slice s, double *ret)
{
	char *end;
	double v = strtod(s.p, &end);
	if (s.n == 0 || end != s.p + s.n || !(v >= 0 && v <= 1))
		return false;
	*ret = v > 0 ? v : NEVER;
	return true;
}

double filter_probability(slice value)
{
	double v = NEVER;
	read_probability(value, &v);
	return v;
}

static void check_filter(const void *value, slice instance, struct conf_check *c)
{
	const struct filter_conf *v = value;
	double mark = NEVER, reject = NEVER;
	(void)instance;
	if (!read_probability(v->mark, &mark))
		conf_complain(c, "mark", "is no number from 0 to 1", "不是 0 到 1 之间的数");
	if (!read_probability(v->reject, &reject))
		conf_complain(c, "reject", "is no number from 0 to 1", "不是 0 到 1 之间的数");
	if (reject < mark)
		conf_complain(c, "reject", "is lower than mark", "低于 mark");
}

#define T struct filter_conf
static const struct conf_key filter_keys[] = {
	CONF_KEY_BOOL(T, enabled, "yes", "Look into the content of incoming mail and judge it.",
		"检查来信的内容并作出判断。"),
	CONF_KEY_STRING(T, mark, "0.9",
		"From this probability of being spam on, 0 to 1, a message is marked. 0: never.",
		"垃圾邮件概率（0 到 1）达到此值时给邮件加标记。0：从不。"),
	CONF_KEY_STRING(T, reject, "0",
		"From this probability of being spam on, 0 to 1, a message is refused. 0: never.",
		"垃圾邮件概率（0 到 1）达到此值时拒收邮件。0：从不。"),
	CONF_KEY_PATH(T, rules, "/etc/posthouse/rules.d",
		"Directory of your own rules, files *.rules in the order of their names. Empty: "
		"none.",
		"自定义规则所在的目录，按文件名顺序读取其中的 *.rules 文件。空：没有。"),
	CONF_END};
#undef T
const struct conf_section filter_section = {.name = "filter",
	.keys = filter_keys,
	.size = sizeof(struct filter_conf),
	.doc_en = "Judging mail by its content.",
	.doc_zh = "按内容判断邮件。",
	.check = check_filter};
