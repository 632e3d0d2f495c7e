/*
 * Sections [engine "NAME"], one a virus engine, and [engines] (engines.h): keys, defaults, the rules
 * between them, and what their values mean. Used by the role, by those who ask it and the command line.
 */
#include "bin/engines.h"

#include "run/conf.h"

static const char *const type_words[] = {"clamd", "icap", "command", NULL};
static const char *const by_words[] = {"stream", "descriptor", NULL};
static const char *const method_words[] = {"respmod", "reqmod", NULL};
static const char *const down_words[] = {"defer", "hold", "pass", NULL};
_Static_assert(ENGINE_CLAMD == 0 && ENGINE_COMMAND == 2, "type_words");
_Static_assert(ENGINE_DOWN_DEFER == 0 && ENGINE_DOWN_PASS == 2, "down_words");

enum { CLAMD_PORT = 3310, ICAP_PORT = 1344, EXIT_CODES_MAX = 255 };

static const struct {
	slice word;
	enum engine_purpose purpose;
} purposes[] = {
	{S_INIT("in"), ENGINE_IN},
	{S_INIT("out"), ENGINE_OUT},
	{S_INIT("internal"), ENGINE_INTERNAL},
	{S_INIT("read"), ENGINE_READ},
	{S_INIT("again"), ENGINE_AGAIN},
};

static unsigned purpose_of(slice word)
{
	for (size_t i = 0; i < sizeof purposes / sizeof *purposes; i++)
		if (slice_ieq(word, purposes[i].word))
			return purposes[i].purpose;
	return 0;
}

unsigned engine_purposes(const struct engine_conf *c)
{
	unsigned bits = 0;
	for (size_t i = 0; i < c->purposes.n && c->enabled; i++)
		bits |= purpose_of(c->purposes.v[i]);
	return bits;
}

bool engine_icap_parse(slice url, struct net_addr *ret_addr, slice *ret_service)
{
	struct err e;
	if (!slice_istarts(url, S("icap://")))
		return false;
	slice rest = slice_skip(url, 7);
	size_t path = slice_index(rest, '/');
	if (path + 1 >= rest.n || net_parse(slice_first(rest, path), ICAP_PORT, ret_addr, &e) < 0 ||
		ret_addr->ss.ss_family == AF_UNIX)
		return false;
	slice service = slice_skip(rest, path);
	for (size_t i = 0; i < service.n; i++)
		if (service.p[i] <= ' ' || service.p[i] > '~')
			return false;
	*ret_service = service;
	return true;
}

int engine_clamd_parse(slice address, struct net_addr *ret, struct err *e)
{
	return net_parse(address, CLAMD_PORT, ret, e);
}

bool engines_configured(const struct conf *c)
{
	for (size_t i = 0; i < conf_count(c, &engine_section); i++) {
		slice name;
		const struct engine_conf *v = conf_nth(c, &engine_section, i, &name);
		if (v->enabled)
			return true;
	}
	return false;
}

/* ---- rules ---- */

static void check_where(const struct engine_conf *v, struct conf_check *c)
{
	struct net_addr addr;
	struct err e;
	slice service;
	bool local = slice_istarts(v->address, S("unix:"));
	if (v->type == ENGINE_CLAMD && engine_clamd_parse(v->address, &addr, &e) < 0)
		conf_complain(
			c, "address", "is IP:PORT or unix:/PATH", "应为 IP:端口 或 unix:/路径");
	if (v->type == ENGINE_CLAMD && v->by == ENGINE_BY_DESCRIPTOR && !local)
		conf_complain(
			c, "by", "descriptor needs a unix socket", "descriptor 需要 unix 套接字");
	if (v->type == ENGINE_ICAP && !engine_icap_parse(v->address, &addr, &service))
		conf_complain(
			c, "address", "is icap://IP:PORT/SERVICE", "应为 icap://IP:端口/服务名");
	if (v->type == ENGINE_COMMAND && v->address.n)
		conf_complain(c, "address", "is not for a command", "不适用于 command 类型");
}

static void check_codes(struct conf_check *c, const char *key, const struct conf_list *codes)
{
	uint64_t code;
	for (size_t i = 0; i < codes->n; i++)
		if (!slice_u64(codes->v[i], &code) || code > EXIT_CODES_MAX)
			conf_complain(c, key, "is a list of exit codes, 0 to 255",
				"应为退出码列表（0 到 255）");
}

static bool share_a_word(const struct conf_list *a, const struct conf_list *b)
{
	for (size_t i = 0; i < a->n; i++)
		for (size_t k = 0; k < b->n; k++)
			if (slice_eq(a->v[i], b->v[k]))
				return true;
	return false;
}

static void check_command(const struct engine_conf *v, struct conf_check *c)
{
	if (v->command.n == 0 || v->command.v[0].p[0] != '/')
		conf_complain(c, "command", "begins with the program's whole path",
			"应以程序的完整路径开头");
	check_codes(c, "clean", &v->clean);
	check_codes(c, "infected", &v->infected);
	if (v->clean.n == 0 || v->infected.n == 0)
		conf_complain(c, v->clean.n ? "infected" : "clean", "needs at least one exit code",
			"至少需要一个退出码");
	if (share_a_word(&v->clean, &v->infected))
		conf_complain(
			c, "infected", "and clean share an exit code", "与 clean 含有相同的退出码");
	if (v->virus.n && slice_find(v->virus, S("%v")) == v->virus.n)
		conf_complain(
			c, "virus", "has no %v, where the name stands", "缺少表示病毒名位置的 %v");
}

static void check_engine(const void *value, slice instance, struct conf_check *c)
{
	const struct engine_conf *v = value;
	check_where(v, c);
	if (v->type == ENGINE_COMMAND)
		check_command(v, c);
	else if (v->command.n)
		conf_complain(c, "command", "is for type = command", "仅适用于 type = command");
	for (size_t i = 0; i < v->purposes.n; i++)
		if (!purpose_of(v->purposes.v[i]))
			conf_complain(c, "for", "is a list of in, out, internal, read, again",
				"应为 in、out、internal、read、again 组成的列表");
	for (size_t i = 0; i < instance.n; i++)
		if ((unsigned char)instance.p[i] <= ' ' || instance.p[i] == ',' ||
			instance.p[i] == ':' || instance.n > 40) {
			conf_complain(c, "type",
				"the engine's name has no blanks, commas, colons, and at most 40 "
				"bytes",
				"引擎名称不能含空白、逗号、冒号，且不超过 40 字节");
			break;
		}
}

/* ---- keys ---- */

#define T struct engine_conf
static const struct conf_key engine_keys[] = {
	CONF_KEY_BOOL(T, enabled, "yes", "Ask this engine.", "使用该引擎。"),
	CONF_KEY_ENUM(T, type, "clamd", type_words,
		"clamd (ClamAV), icap (any engine that speaks ICAP), command (a program is "
		"started).",
		"clamd（ClamAV），icap（支持 ICAP 协议的任何引擎），command（运行一个程序）。"),
	CONF_KEY_STRING(T, address, "",
		"Where it is: 127.0.0.1:3310 or unix:/run/clamav/clamd.ctl (clamd), "
		"icap://192.0.2.5:1344/avscan (icap).",
		"引擎地址：127.0.0.1:3310 或 unix:/run/clamav/clamd.ctl（clamd），"
		"icap://192.0.2.5:1344/avscan（icap）。"),
	CONF_KEY_ENUM(T, by, "stream", by_words,
		"How clamd gets a message: stream, or descriptor (an open file; unix sockets "
		"only).",
		"邮件如何交给 clamd：stream 数据流，或 descriptor 传递打开的文件（仅限 unix "
		"套接字）。"),
	CONF_KEY_ENUM(T, method, "respmod", method_words,
		"The method of ICAP that the service wants.", "该服务使用的 ICAP 方法。"),
	CONF_KEY_BOOL(T, preview, "yes",
		"Send the ICAP server only the beginning first, when it offers that.",
		"ICAP 服务器支持时，先只发送邮件开头部分供其预览。"),
	CONF_KEY_LIST(T, command, "",
		"The program with its arguments; no shell. The message is on its standard input; "
		"an "
		"argument %f becomes the name of a file with the message.",
		"程序及其参数，不经过 shell。邮件从标准输入读入；参数 %f 替换为存有邮件的文件名。"),
	CONF_KEY_LIST(T, clean, "0", "Exit codes of the command that mean: nothing was found.",
		"表示未发现病毒的退出码。"),
	CONF_KEY_LIST(T, infected, "1",
		"Exit codes that mean: a virus was found. All others are failures.",
		"表示发现病毒的退出码。其余退出码均视为失败。"),
	CONF_KEY_STRING(T, virus, "",
		"How a line of the command's output names the virus, with %v where the name "
		"stands: "
		"\": %v FOUND\". Empty: its first line.",
		"命令输出中病毒名所在行的样式，%v 表示病毒名的位置：\": %v "
		"FOUND\"。空：输出的第一行。"),
	CONF_KEY_SIZE(T, memory, "2g", 16 << 20, 1LL << 40, "Memory that the command may have.",
		"该命令最多可用的内存。"),
	{.key = "for",
		.type = CONF_LIST,
		.def = "in out internal again",
		.offset = offsetof(T, purposes),
		.doc_en =
			"Which mail it looks at: in, out, internal, read (when a mailbox is read), "
			"again (held and delivered mail, when signatures have changed).",
		.doc_zh = "检查哪些邮件：in 收进，out 外发，internal 内部，read 读取邮箱时，"
			  "again 病毒库更新后重新检查已隔离和已投递的邮件。"},
	CONF_KEY_DURATION(T, timeout, "30s", 100 * MSEC, 10 * MINUTE,
		"Time for one message, waiting for its turn included.",
		"检查一封邮件的时限，包括排队时间。"),
	CONF_KEY_SIZE(T, max_size, "100m", 1 << 10, 1LL << 32,
		"Larger messages are not given to it: that counts as a failure.",
		"更大的邮件不交给该引擎，按检查失败处理。"),
	CONF_KEY_INT(T, at_once, "8", 1, 256, "Messages that it works on at the same time.",
		"同时检查的邮件数。"),
	CONF_KEY_ENUM(T, down, "defer", down_words,
		"When it cannot look at a message: defer (the sender tries again later), hold (for "
		"the "
		"administrator), pass (with the signal engine-unavailable).",
		"该引擎无法检查邮件时：defer 请发送方稍后再试，hold 扣留等待管理员处理，"
		"pass 放行并记下信号 engine-unavailable。"),
	CONF_END};
#undef T
const struct conf_section engine_section = {.name = "engine",
	.keys = engine_keys,
	.size = sizeof(struct engine_conf),
	.named = true,
	.doc_en = "A virus engine, under a name of its own: [engine \"clamav\"]. All are asked at "
		  "once; "
		  "what one of them finds counts.",
	.doc_zh = "病毒引擎，各有名称：[engine "
		  "\"clamav\"]。所有引擎同时检查，任何一个发现病毒即算发现。",
	.check = check_engine};

#define T struct engines_conf
static const struct conf_key engines_keys[] = {
	CONF_KEY_INT(T, kept, "20000", 0, 10000000,
		"Answers of engines that are kept, so that the same bytes are not looked at twice.",
		"保留多少条引擎的检查结果，相同内容不重复检查。"),
	CONF_KEY_DURATION(
		T, kept_for, "1h", SECOND, 7 * DAY, "They are kept so long.", "检查结果保留多久。"),
	CONF_KEY_DURATION(T, poll, "2m", SECOND, DAY,
		"How often engines are asked for the version of their signatures.",
		"多久询问一次引擎的病毒库版本。"),
	CONF_KEY_DURATION(T, again, "2d", 0, 60 * DAY,
		"When signatures have changed, held mail and what came into mailboxes here in this "
		"time "
		"is looked at again. 0: held mail only.",
		"病毒库更新后，重新检查已隔离的邮件以及在此时间内投递到本系统邮箱的邮件。"
		"0：只检查已隔离的邮件。"),
	CONF_KEY_DURATION(T, keep, "0", 0, 60 * DAY,
		"Mail that goes on to backends is also kept here for so long, as it came, so that "
		"it can be looked at again. 0: it is not kept.",
		"投递到后端服务器的邮件，其原样副本在本系统保留多久，以便重新检查。0：不保留。"),
	CONF_END};
#undef T
const struct conf_section engines_section = {.name = "engines",
	.keys = engines_keys,
	.size = sizeof(struct engines_conf),
	.doc_en = "Virus engines, all together.",
	.doc_zh = "病毒引擎总体设置。"};
