/*
 * Reason codes of the door in words: "[greylist]" at the end of a reply
 * (doc/en/connection-rules.md), what it means and where the administrator changes it. Used by the
 * timeline (cli_timeline.c).
 */
#include "bin/cli_queue.h"

static const struct reason {
	const char *code, *en, *zh;
} reasons[] = {
	{"connections", "too many connections at a time from there; [source] connections",
		"该来源同时连接过多；见 [source] connections"},
	{"connection-rate",
		"too many connections in a minute from there; [source] connections_per_minute",
		"该来源每分钟连接过多；见 [source] connections_per_minute"},
	{"network-rate",
		"too many connections in a minute from its network; [source] "
		"network_connections_per_minute",
		"该网段每分钟连接过多；见 [source] network_connections_per_minute"},
	{"message-rate", "too many messages in a minute from there; [source] messages_per_minute",
		"该来源每分钟邮件过多；见 [source] messages_per_minute"},
	{"sender-rate", "too much mail of this sender; [source] sender_messages_15m and the like",
		"该发件人的邮件过多；见 [source] sender_messages_15m 等"},
	{"recipients", "too many recipients in one connection; [source] rcpts_per_connection",
		"一个连接中的收件人过多；见 [source] rcpts_per_connection"},
	{"error-ratio", "most commands from there failed in the last hour; [source] error_ratio",
		"该来源最近一小时的命令大多失败；见 [source] error_ratio"},
	{"passwords",
		"too many failed logins from there in the last hour; [source] "
		"auth_failures_per_hour",
		"该来源最近一小时登录失败过多；见 [source] auth_failures_per_hour"},
	{"harvest",
		"too many recipients that do not exist asked for from there; [source] "
		"unknown_rcpts_per_hour",
		"该来源探测了过多不存在的收件人；见 [source] unknown_rcpts_per_hour"},
	{"offences",
		"it spoke no mail or broke the order of SMTP several times; [source] "
		"offences_per_hour",
		"该来源多次不按邮件协议通信；见 [source] offences_per_hour"},
	{"blocked", "an entry of the block list: posthouse list show",
		"命中阻止名单：posthouse list show"},
	{"score", "the signals together weigh too much; an allow entry or [source] lifts it",
		"信号总分过高；可用允许名单或 [source] 放行"},
	{"greylist", "doubtful and not seen before: it has to come again in a few minutes",
		"可疑且首次来信：须过几分钟再来"},
	{"login-rate", "the user has sent as much as [caps] allows",
		"该用户的发送量已达 [caps] 上限"},
	{"organisation-rate", "the organisation has sent as much as [caps] allows",
		"该组织的发送量已达 [caps] 上限"},
	{"outbound-cap", "the sender has written to as many recipients as [outbound] allows",
		"该发送方的收件人数已达 [outbound] 上限"},
	{"suspended", "the sender is suspended: `posthouse outbound list` says why",
		"该发送方已停用，原因见 posthouse outbound list"},
	{"surge", "the user sends far more than ever before; [caps] surge_factor",
		"该用户的发送量远超以往；见 [caps] surge_factor"},
};

/* reply: "5.7.1 Not accepted: ... [score]" */
const char *reason_in_words(slice reply)
{
	size_t at = slice_rindex(reply, '[');
	if (at == reply.n || !slice_ends(reply, S("]")))
		return NULL;
	slice code = slice_skip(slice_first(reply, reply.n - 1), at + 1);
	for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
		if (slice_eq(code, slice_z(reasons[i].code)))
			return T(reasons[i].en, reasons[i].zh);
	return NULL;
}
