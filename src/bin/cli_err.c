/*
 * Errors on the command line (cli_out.h): their exit code, and in Chinese the sentences of the
 * lower floors, which are written in English. What is not in the table is shown as it is.
 */
#include "base/mem.h"
#include "bin/cli_out.h"

#include <stdarg.h>
#include <stdio.h>

/* '*' stands for any text, taken over in the same order. */
static const struct sentence {
	const char *en, *zh;
} sentences[] = {
	/* Encryption of the store. */
	{"the store is not encrypted", "存储未加密"},
	{"the store is encrypted already", "存储已经加密"},
	{"the server is running: stop it first", "服务器正在运行：请先停止"},
	{"encrypted: the key is missing ([encryption] key_file is not set)",
		"存储已加密，缺少密钥（未设置 [encryption] key_file）"},
	{"encrypted: the key is missing: *", "存储已加密，缺少密钥：*"},
	{"encrypted: the key is not this store's", "存储已加密，但密钥不属于此存储"},
	{"no name for the key file ([encryption] key_file)", "没有指定密钥文件（[encryption] key_file）"},
	{"*: group or others may read the key (chmod 400)", "*：同组或其他用户可读取密钥（请执行 chmod 400）"},
	{"*: a key in the directory that it locks protects nothing", "*：密钥不能放在它所保护的目录里"},
	{"*: not a key (64 hexadecimal digits)", "*：不是密钥（应为 64 位十六进制数）"},
	{"*: the key is not a file", "*：密钥不是普通文件"},
	{"pack * is encrypted: the key is missing (data key *)", "存储包 * 已加密，缺少密钥（数据密钥 *）"},
	{"packs are being collected or backed up: try again later", "正在回收或备份存储包：请稍后再试"},
	{"not everything of the store can be read: no key is dropped", "存储中有无法读取的内容：不删除任何密钥"},
	{"the backup is of an encrypted store: [encryption] key_file must say where its key is, or is made",
		"备份来自加密的存储：[encryption] key_file 须指明密钥的位置（没有则会生成）"},
	/* The directory; in tables with the line first. */
	{"line *: *", "第 * 行：*"},
	{"the table has * mistakes: nothing was changed", "表格有 * 处错误，未作任何更改"},
	{"the table is neither UTF-8 nor GB18030, or larger than * MiB",
		"表格既不是 UTF-8 也不是 GB18030，或超过 * MiB"},
	{"the table is too large", "表格过大"},
	{"a table has at most * rows", "表格最多 * 行"},
	{"there is no column address", "没有“地址”列"},
	{"there is no column *", "没有名为“*”的列"},
	{"column * is there twice", "“*”列重复"},
	{"there is no address", "没有地址"},
	{"there are more cells than columns", "单元格多于列"},
	{"there are too many columns", "列过多"},
	{"a cell is too long", "单元格过长"},
	{"a quote is never closed", "引号没有结束"},
	{"* cannot be *", "* 不能是“*”"},
	{"* is in the table twice", "* 在表格中重复"},
	{"there is both a password and a hash", "密码和密码哈希只能有一个"},
	{"the hash is none of argon2id", "密码哈希不是 argon2id"},
	{"nobody logs in as this kind of mailbox", "此类邮箱不能登录，不设密码"},
	{"* has no password", "* 没有密码"},
	{"the kind of an account stays", "帐号的类型不能改变"},
	{"the passwords could not be written", "无法写出密码"},
	{"* must be one line of UTF-8, at most * bytes", "* 应为一行 UTF-8 文字，最多 * 字节"},
	{"not a department: *", "不是有效的部门：*"},
	{"no such department: *", "没有这个部门：*"},
	{"no such department in the organisation of the domain", "域所属的组织没有这个部门"},
	{"no such department", "没有这个部门"},
	{"department * exists already", "部门 * 已存在"},
	{"there is a department of that name already", "已有同名部门"},
	{"a department cannot be within itself", "部门不能移入自身或其下级"},
	{"departments move within their organisation", "部门只能在本组织内移动"},
	{"departments are at most * deep", "部门最多 * 级"},
	{"an organisation has at most * departments", "一个组织最多 * 个部门"},
	{"the department still has departments in it", "部门下还有部门"},
	{"the department still has people in it", "部门中还有人员"},
	{"the department still has a place in a group", "部门还是某个组的成员"},
	{"the department still has a place in a shared mailbox", "部门还有共享邮箱的使用权"},
	{"no such organisation: *", "没有这个组织：*"},
	{"no such organisation", "没有这个组织"},
	{"organisation * exists already", "组织 * 已存在"},
	{"an organisation's name is letters, digits, '-', '_', '.', at most 64",
		"组织名称由字母、数字和 - _ . 组成，最多 64 个"},
	{"organisation * still has domains", "组织 * 还有域"},
	{"organisation * still has departments", "组织 * 还有部门"},
	{"organisation * still has a place in a group or shared mailbox",
		"组织 * 还是某个组的成员或有共享邮箱的使用权"},
	{"organisation * may have * accounts", "组织 * 最多 * 个帐号"},
	{"organisation * has a limit of bytes: all its mailboxes need a quota",
		"组织 * 有总容量上限：其所有邮箱都必须有容量限额"},
	{"organisation * may have quotas of * bytes together, not *",
		"组织 * 的容量限额合计不得超过 * 字节，现为 *"},
	{"the first organisation stays; it can be renamed", "第一个组织不能删除，可以更名"},
	{"no such class: *", "没有这个服务等级：*"},
	{"no such class", "没有这个服务等级"},
	{"class * exists already", "服务等级 * 已存在"},
	{"a class's name is letters, digits, '-', '_', '.', at most 64",
		"服务等级名称由字母、数字和 - _ . 组成，最多 64 个"},
	{"the first class stays; it can be renamed and changed",
		"第一个服务等级不能删除，可以更名和修改"},
	{"* accounts are in this class", "还有 * 个帐号属于此服务等级"},
	{"a service cannot be switched both on and off", "同一服务不能既启用又禁用"},
	{"not a language: *", "不是有效的语言：*"},
	{"no such deleted account: *", "没有已删除的帐号：*"},
	{"* is a deleted account: it can be recovered or purged",
		"* 是已删除的帐号：可以恢复或永久删除"},
	{"no such group: *", "没有这个组：*"},
	{"* is a group already", "* 已经是组"},
	{"a group cannot be its own member", "组不能是自己的成员"},
	{"a group has at most * members", "一个组最多 * 个成员"},
	{"nobody is behind the address", "该地址没有任何收件人"},
	{"no such account or group: *", "没有这个帐号或组：*"},
	{"not a member: * (an address, department:PATH or org:NAME)",
		"不是有效的成员：*（应为地址、department:路径 或 org:名称）"},
	{"not a member: *", "不是成员：*"},
	{"* is a person's mailbox", "* 是个人邮箱"},
	{"* has no account here", "* 在本机没有帐号"},
	{"a shared mailbox has at most * members: use groups or departments",
		"共享邮箱最多 * 个成员：请使用组或部门"},
	{"an account has at most * further addresses", "一个帐号最多 * 个其他地址"},
	{"not an address of this account: *", "不是此帐号的地址：*"},
	{"* is an account's own further address", "* 是某个帐号的其他地址"},
	{"* stands for *: its addresses are there", "* 等同于 *：地址在后者中"},
	{"a domain can stand for another one with mailboxes here, not for *",
		"域别名只能代表另一个邮箱在本机的域，不能是 *"},
	{"the domain still has groups", "该域还有组"},
	{"the domain still has domains that stand for it", "该域还有域别名"},
	{"the domain still has accounts (also deleted ones count until they are purged)",
		"该域还有帐号（已删除的帐号在永久删除前也计入）"},
	{"no such rule: *", "没有这条规则：*"},
	{"cannot open *", "无法打开 *"},
	{"there is no version * of the policies", "没有第 * 版策略"},
	{"there are no policies yet", "还没有策略"},
	{"there is no version before the first", "第一版之前没有版本"},
	{"the policies are longer than * bytes", "策略超过 * 字节"},
	{"version * is in force by now, and the change was made to version *",
		"现在生效的是第 * 版，而修改是基于第 * 版作出的"},
	{"no version of the policies can be read: *", "没有可以读取的策略版本：*"},
	{"the editor failed: *", "编辑器出错：*"},
	{"* is too long for a message", "* 过长，不像邮件"},
	{"* different pictures of spam and * others: at least * of each are needed",
		"不同的垃圾图片 * 张，正常图片 * 张：两类各至少需要 * 张"},
	{"the two kinds look too much alike: of * unseen pictures of spam * were known, of * "
	 "honest ones * were taken for spam",
		"两类图片过于相似：* 张未见过的垃圾图片中识别出 * 张，* 张正常图片中误判 * 张"},
	{"the pictures are too mixed to be told apart", "图片过于混杂，无法区分"},
	{"more than * pictures", "图片超过 * 张"},
	{"no model of pictures was made here", "本站没有图片分类器"},
	/* Rules: FILE:LINE first. */
	{"*: begins with none of rule, part, list, score, off",
		"*：应以 rule、part、list、score 或 off 开头"},
	{"*: is indented, but belongs to nothing", "*：有缩进，但不属于任何内容"},
	{"*: is written: rule NAME SCORE [CLASS]", "*：写法：rule 名称 分值 [类别]"},
	{"*: is written: part NAME", "*：写法：part 名称"},
	{"*: is written: list NAME, and the values indented below",
		"*：写法：list 名称，值缩进写在下面"},
	{"*: is written: off NAME", "*：写法：off 名称"},
	{"*: is written: score NAME NUMBER", "*：写法：score 名称 分值"},
	{"*: is written: near NUMBER PHRASE PHRASE, with a number up to 200",
		"*：写法：near 数字 短语 短语，数字不超过 200"},
	{"*: is written: ip is 192.0.2.0/24 2001:db8::/32",
		"*：写法：ip is 192.0.2.0/24 2001:db8::/32"},
	{"*: a name has lower-case letters, digits and '-', up to 64",
		"*：名称由小写字母、数字和 - 组成，最多 64 个"},
	{"*: the score is no number from -100 to 100", "*：分值不是 -100 到 100 之间的数"},
	{"*: the class is no word of lower-case letters, digits and '-'",
		"*：类别应由小写字母、数字和 - 组成"},
	{"*: a rule without conditions", "*：规则没有条件"},
	{"*: a list without values below it", "*：列表下面没有值"},
	{"*: a group without conditions below it", "*：条件组下面没有条件"},
	{"*: wants more conditions than there are below it", "*：要求的条件数多于下面的条件"},
	{"*: wants * of * values", "*：要求 * 个值，但只有 * 个"},
	{"*: a built-in signal has this name", "*：内置信号已使用这个名称"},
	{"*: * is in line * of this file already", "*：* 在本文件第 * 行已有定义"},
	{"*: this file has a list of this name already", "*：本文件已有同名列表"},
	{"*: a second sentence in the same language", "*：同一语言的说明重复"},
	{"*: a sentence of 1 to 300 bytes is missing", "*：缺少 1 到 300 字节的说明"},
	{"*: groups are nested too deeply", "*：条件组嵌套过深"},
	{"*: lists are nested too deeply", "*：列表嵌套过深"},
	{"*: list * stands in itself", "*：列表 * 包含自身"},
	{"*: there is no list *", "*：没有列表 *"},
	{"*: there is no rule *", "*：没有规则 *"},
	{"*: there is no signal and no rule *", "*：没有名为 * 的信号或规则"},
	{"*: * needs itself, in a circle of rules", "*：* 依赖自身，规则形成循环"},
	{"*: is indented neither like the line above nor deeper",
		"*：缩进与上一行不同，也不比它更深"},
	{"*: only values may be indented below a condition: \"...\", @... or /.../",
		"*：条件下面只能缩进写值：“...”、@... 或 /.../"},
	{"*: something stands behind the end of the condition", "*：条件结束后还有多余内容"},
	{"*: \"*\" is nothing that a condition begins with", "*：条件不能以“*”开头"},
	{"*: an operator is missing: has, is, starts, ends, domain, near, like, exists",
		"*：缺少运算：has、is、starts、ends、domain、near、like 或 exists"},
	{"*: a comparison is missing: > < >= <= =", "*：缺少比较符号：> < >= <= ="},
	{"*: a number is missing, like 10 or 20k", "*：缺少数字，如 10 或 20k"},
	{"*: values are missing", "*：缺少值"},
	{"*: near wants two phrases", "*：near 需要两个短语"},
	{"*: near takes phrases without stars", "*：near 的短语不能含星号"},
	{"*: only addresses and hosts have a domain", "*：只有地址和主机才有域"},
	{"*: the name of the header field is missing", "*：缺少邮件头字段名"},
	{"*: no name of a header field", "*：不是邮件头字段名"},
	{"*: more than * different header fields", "*：不同的邮件头字段超过 * 个"},
	{"*: * is no address and no network", "*：* 不是 IP 地址或网段"},
	{"*: \"*\" is too short to look for", "*：“*”太短，无法查找"},
	{"*: a value of nothing but stars and blanks", "*：值中只有星号和空白"},
	{"*: a value of 1 to * characters", "*：值的长度应为 1 到 * 个字符"},
	{"*: more than * stars", "*：星号超过 * 个"},
	{"*: an expression of 1 to * bytes is missing", "*：缺少 1 到 * 字节的表达式"},
	{"*: behind /.../ may stand i, s, m, n", "*：/.../ 后面只能是 i、s、m、n"},
	{"*: /.../ belongs to like, words and phrases to the others",
		"*：/.../ 用于 like，词和短语用于其他运算"},
	{"*: /.../ matches the empty text: it would always hold",
		"*：/.../ 能匹配空文字，将永远成立"},
	{"*: /.../ has no part that must be there to look for",
		"*：/.../ 没有必须出现的部分，无法查找"},
	{"*: /.../ at its byte *: *", "*：/.../ 第 * 字节处：*"},
	{"*: a blank is missing behind the quote", "*：引号后面缺少空格"},
	{"*: * without its end", "*：* 没有结束"},
	{"*: a control character", "*：有控制字符"},
	{"*: a line is longer than * bytes", "*：一行超过 * 字节"},
	{"*: is not UTF-8", "*：不是 UTF-8"},
	{"no such account: *", "没有这个帐号：*"},
	{"no such domain: *", "没有这个域：*"},
	{"no such route: * (add the route first)", "没有这个路由：*（请先添加路由）"},
	{"no such route: *", "没有这个路由：*"},
	{"no such alias: *", "没有这个别名：*"},
	{"no such folder: *", "没有这个文件夹：*"},
	{"no such user: *", "没有这个系统用户：*"},
	{"no message * in *", "没有编号为 * 的邮件，文件夹：*"},
	{"no route matches *", "没有匹配 * 的路由"},
	{"not a domain name: *", "不是有效的域名：*"},
	{"not a mail address: *", "不是有效的邮件地址：*"},
	{"not an address: *", "不是有效的邮件地址：*"},
	{"domain * exists already", "域 * 已存在"},
	{"account * exists already", "帐号 * 已存在"},
	{"* is an alias already", "* 已经是别名"},
	{"* is an account", "* 是一个帐号"},
	{"alias * has that target already", "别名 * 已有这个目标"},
	{"an alias cannot be its own target", "别名的目标不能是它自己"},
	{"an alias has at most * targets", "一个别名最多有 * 个目标"},
	{"* is a backend domain: its addresses are there", "* 是后端域，其地址在后端系统中"},
	{"the domain still has accounts", "该域下还有帐号"},
	{"the domain still has aliases", "该域下还有别名"},
	{"domain * uses this route", "域 * 正在使用这个路由"},
	{"another route matches * already", "另一个路由已匹配 *"},
	{"the display name must be one line of UTF-8", "显示名必须是一行 UTF-8 文字"},
	{"password is shorter than * characters", "密码少于 * 个字符"},
	{"password needs * kinds of characters: small letters, capitals, digits, others",
		"密码需要包含 * 类字符：小写字母、大写字母、数字、其他"},
	{"password is made of the account's address or name", "密码由帐号地址或姓名构成"},
	{"password is one that very many people use", "这是非常多人使用的密码"},
	{"the password is one that was used before", "这个密码以前用过"},
	{"the password was changed too short a time ago", "距上次修改密码的时间太短"},
	{"no such application password", "没有这个应用专用密码"},
	{"there is an application password * already", "已有名为 * 的应用专用密码"},
	{"an account has at most * application passwords", "一个帐号最多 * 个应用专用密码"},
	{"a label has 1 to * bytes", "名称为 1 到 * 字节"},
	{"a label is one line of text", "名称应为一行文字"},
	{"the account has no second factor", "该帐号没有双因素"},
	{"no second factor is being set up", "尚未开始设置双因素"},
	{"wrong code", "验证码错误"},
	{"the account is suspended already", "该帐号已暂停"},
	{"the account is not suspended", "该帐号未暂停"},
	{"the account has no password here", "该帐号在本系统没有密码"},
	{"the secret cannot be read: DATA/auth/secret was replaced",
		"无法读取密钥：DATA/auth/secret 已被替换"},
	{"* is not banned", "* 未被封禁"},
	{"* networks are banned already", "已封禁 * 个网络"},
	{"password is longer than * bytes", "密码超过 * 字节"},
	{"password has control characters or others that SASLprep (RFC 4013) forbids",
		"密码中有控制字符或 SASLprep（RFC 4013）不允许的字符"},
	{"a route's name is letters, digits, '-', '_', '.', at most 64",
		"路由名由字母、数字和 - _ . 组成，最多 64 个"},
	{"match is \"domain\", \".domain\", \"user@domain\" or \"*\", not *",
		"match 应为 \"域名\"、\".域名\"、\"用户@域名\" 或 \"*\"，而不是 *"},
	{"protocol is smtp or lmtp, not *", "协议应为 smtp 或 lmtp，而不是 *"},
	{"tls is opportunistic, required, ca, host, dane or none, not *",
		"tls 应为 opportunistic、required、ca、host、dane 或 none，而不是 *"},
	{"a route needs hosts; texts are one line of UTF-8, at most * bytes",
		"路由需要主机；文字须为一行 UTF-8，最多 * 字节"},
	{"a login at the next hop needs both name and password",
		"下一跳登录须同时给出用户名和密码"},
	{"message has left the queue", "邮件已不在队列中"},
	{"recipient has left the queue", "收件人已不在队列中"},
	{"* database: disk full", "* 数据库：磁盘已满"},
	{"* database: locked by another program", "* 数据库被其他程序锁定"},
	{"* database: the database file is damaged (posthouse store verify)",
		"* 数据库文件已损坏（请运行 posthouse store verify）"},
	{"* database: cannot open the database file", "* 数据库文件打不开"},
	{"not understood: *", "无法识别：*"},
	{"a quote is not closed", "引号没有结束"},
	{"the line is longer than * bytes", "该行超过 * 字节"},
	{"not a *: *", "不是有效的 *：*"},
	{"not the name of an organisation (a domain): *", "不是组织名（域名）：*"},
	{"not the name of a user (an address): *", "不是用户（邮件地址）：*"},
	{"the text of an entry is one short line of UTF-8", "条目的文字须为一行较短的 UTF-8"},
	{"more than * patterns at one place", "同一处的通配模式超过 * 条"},
	{"more than * entries", "条目超过 * 条"},
	{"what is to be removed?", "要删除什么？"},
	{"*: Permission denied", "*：权限不足"},
	{"*: No such file or directory", "*：没有这个文件或目录"},
	{"*: No space left on device", "*：磁盘已满"},
};

/* Matches text against a pattern with stars; what the stars stood for goes to parts. */
static bool match(slice pattern, slice text, slice *parts, size_t *n)
{
	size_t at = slice_index(pattern, '*');
	if (!slice_eq(slice_first(pattern, at), slice_first(text, at)))
		return false;
	if (at == pattern.n)
		return text.n == at;
	pattern = slice_skip(pattern, at + 1);
	text = slice_skip(text, at);
	size_t mine = (*n)++;
	for (size_t i = 0; i <= text.n; i++) {
		parts[mine] = slice_first(text, i);
		size_t before = *n;
		if (match(pattern, slice_skip(text, i), parts, n))
			return true;
		*n = before;
	}
	return false;
}

static void put_translated(slice zh, const slice *parts, struct buf *out)
{
	for (size_t i = 0; zh.p; i++) {
		slice piece;
		slice_cut(&zh, '*', &piece);
		buf_put(out, piece);
		if (zh.p)
			buf_put(out, parts[i]);
	}
}

void out_err_text(const struct err *e, struct buf *out)
{
	enum { STARS_MAX = 4 };
	slice text = slice_z(e->text), parts[STARS_MAX];
	for (size_t i = 0; tr_lang == LANG_ZH && i < sizeof sentences / sizeof sentences[0]; i++) {
		size_t n = 0;
		if (match(slice_z(sentences[i].en), text, parts, &n)) {
			put_translated(slice_z(sentences[i].zh), parts, out);
			return;
		}
	}
	buf_put(out, text);
}

static int exit_code(enum err_kind kind)
{
	switch (kind) {
	case ERR_NOTFOUND:
		return CLI_NOTHING;
	case ERR_TEMP:
	case ERR_TIMEOUT:
		return CLI_TEMPORARY;
	case ERR_PROTO:
		return CLI_USAGE;
	default:
		return CLI_FAILED;
	}
}

int out_fail(const struct err *e)
{
	AUTO(buf) struct buf text = BUF(4096);
	out_err_text(e, &text);
	fflush(stdout);
	fprintf(stderr, "posthouse: %.*s\n", SFMT(buf_slice(&text)));
	return exit_code(e->kind);
}

int out_usage(const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	fflush(stdout);
	fputs("posthouse: ", stderr);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	va_end(ap);
	return CLI_USAGE;
}
