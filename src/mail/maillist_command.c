/*
 * What a letter to LIST-request (or to an address with a token) asks for (maillist.h): one word, in the subject or in the first lines
 * of the text, in English or Chinese. No parameters: an address is always the author's own, which his mail must prove.
 */
#include "mail/maillist.h"

enum { LINES_MAX = 5 };

static const struct {
	slice word;
	enum maillist_command command;
} words[] = {
	{S_INIT("help"), MAILLIST_CMD_HELP},
	{S_INIT("info"), MAILLIST_CMD_HELP},
	{S_INIT("帮助"), MAILLIST_CMD_HELP},
	{S_INIT("subscribe"), MAILLIST_CMD_JOIN},
	{S_INIT("join"), MAILLIST_CMD_JOIN},
	{S_INIT("订阅"), MAILLIST_CMD_JOIN},
	{S_INIT("加入"), MAILLIST_CMD_JOIN},
	{S_INIT("unsubscribe"), MAILLIST_CMD_LEAVE},
	{S_INIT("leave"), MAILLIST_CMD_LEAVE},
	{S_INIT("退订"), MAILLIST_CMD_LEAVE},
	{S_INIT("退出"), MAILLIST_CMD_LEAVE},
	{S_INIT("digest"), MAILLIST_CMD_DIGEST},
	{S_INIT("汇总"), MAILLIST_CMD_DIGEST},
	{S_INIT("nodigest"), MAILLIST_CMD_NODIGEST},
	{S_INIT("nomail"), MAILLIST_CMD_NOMAIL},
	{S_INIT("停收"), MAILLIST_CMD_NOMAIL},
	{S_INIT("mail"), MAILLIST_CMD_MAIL},
	{S_INIT("恢复"), MAILLIST_CMD_MAIL},
	{S_INIT("approve"), MAILLIST_CMD_APPROVE},
	{S_INIT("批准"), MAILLIST_CMD_APPROVE},
	{S_INIT("通过"), MAILLIST_CMD_APPROVE},
	{S_INIT("reject"), MAILLIST_CMD_REJECT},
	{S_INIT("拒绝"), MAILLIST_CMD_REJECT},
	{S_INIT("discard"), MAILLIST_CMD_DISCARD},
	{S_INIT("丢弃"), MAILLIST_CMD_DISCARD},
};

static enum maillist_command read_line(slice line)
{
	line = slice_trim(line);
	while (slice_istarts(line, S("re:")) || slice_istarts(line, S("aw:")))
		line = slice_trim(slice_skip(line, 3));
	slice word = slice_first(line, slice_index(line, ' '));
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (slice_ieq(word, words[i].word))
			return words[i].command;
	return MAILLIST_CMD_NONE;
}

enum maillist_command maillist_command(slice subject, slice text)
{
	slice line;
	enum maillist_command c = read_line(subject);
	for (unsigned i = 0; !c && i < LINES_MAX && slice_cut(&text, '\n', &line); i++)
		if (slice_trim(line).n)
			c = read_line(line);
	return c;
}
