/*
 * Settings of lists as texts (maillist.h): one table for the command line, for showing and for storing. Stored as lines
 * "key=value" in which a backslash stands before n (a line end) and itself; usual values are left out, so that a later program
 * may choose better ones.
 */
#include "base/mem.h"
#include "base/utf8.h"
#include "store/maillist_impl.h"
#include <inttypes.h>

static const char *const posting[] = {"open", "members", "moderated", "announce", NULL};
static const char *const strangers[] = {"reject", "hold", "discard", NULL};
static const char *const joining[] = {"confirm", "open", "approve", "closed", NULL};
static const char *const yes_no[] = {"no", "yes", NULL};
static const char *const automatic[] = {"auto", "always", "never", NULL};
static const char *const reply[] = {"author", "list", NULL};
static const char *const language[] = {"en", "zh", NULL};

#define WORD(f, w, d, en, zh)                                                                      \
	{                                                                                          \
#f, MAILLIST_WORD, offsetof(struct maillist_conf, f), 0, 0, d, w, en, zh           \
	}
#define INT(f, lo, hi, d, en, zh)                                                                  \
	{                                                                                          \
#f, MAILLIST_INT, offsetof(struct maillist_conf, f), lo, hi, d, NULL, en, zh       \
	}
#define TEXT(f, most, en, zh)                                                                      \
	{                                                                                          \
#f, MAILLIST_TEXT, offsetof(struct maillist_conf, f), 0, most, 0, NULL, en, zh     \
	}

const struct maillist_setting maillist_settings[] = {
	WORD(posting, posting, MAILLIST_MEMBERS,
		"who may post: open (everybody), members, moderated (every post waits), announce "
		"(owners and senders)",
		"谁可以发帖：open 任何人，members 成员，moderated 每封都须审核，announce "
		"仅所有者和指定发件人"),
	WORD(strangers, strangers, MAILLIST_HOLD,
		"posts of others than members: reject, hold (for a moderator), discard",
		"非成员的来信：reject 拒绝，hold 待审核，discard 丢弃"),
	WORD(joining, joining, MAILLIST_JOIN_CONFIRM,
		"joining: confirm (by a letter), open (also without, where mail is proven), "
		"approve (a moderator agrees), closed",
		"加入方式：confirm 确认信，open 身份可证实时无需确认，approve 须审批，closed "
		"不开放"),
	WORD(leaving, yes_no, true, "members may leave on their own", "成员可以自行退出"),
	WORD(rewrite_from, automatic, MAILLIST_AUTO,
		"From becomes the list's, \"Ann via List\": auto (where DMARC would break), "
		"always, never",
		"发件人改写为“某某 via 列表”：auto 仅当会破坏 DMARC 时，always，never"),
	WORD(personal, automatic, MAILLIST_AUTO,
		"each member gets a message of his own, with his own link to leave: auto (members "
		"elsewhere), always, never",
		"为每位成员单独生成邮件（含专属退订链接）：auto 仅外部成员，always，never"),
	WORD(reply_to, reply, MAILLIST_REPLY_AUTHOR,
		"answers go to the author or to the list (breaks signatures)",
		"回复到 author 作者或 list 列表（会破坏签名）"),
	WORD(language, language, MAILLIST_EN, "of the letters that the list writes",
		"列表所发通知的语言"),
	WORD(digests, yes_no, true, "members may get a daily digest instead",
		"成员可以改收每日汇总"),
	INT(digest_hour, 0, 23, 6, "hour of the day at which digests leave",
		"每日汇总的发送时刻（时）"),
	{"max_size", MAILLIST_SIZE, offsetof(struct maillist_conf, max_size), 1024, 1LL << 30,
		10 << 20, NULL, "largest post", "单封邮件的最大字节数"},
	INT(sender_hour, 1, 100000, 30, "posts of one author in an hour; more wait for a moderator",
		"每位作者每小时的发帖数，超过则待审核"),
	INT(list_hour, 1, 1000000, 500, "posts in an hour; more are put off",
		"列表每小时的发帖数，超过则推迟"),
	INT(hold_days, 1, 90, 7, "a post waits so long for a moderator, then it is discarded",
		"待审核邮件的保留天数，过期丢弃"),
	INT(bounce_score, 1, 100, 5,
		"bounces until a member gets no more mail (a soft one counts a quarter)",
		"退信达到多少次后停发（软退信按四分之一计）"),
	INT(bounce_days, 1, 365, 7, "days after which one bounce is forgotten",
		"多少天消减一次退信计数"),
	WORD(enabled, yes_no, true, "the list takes posts", "列表是否启用"),
	TEXT(subject_tag, MAILLIST_TAG_MAX,
		"what is put before subjects (breaks the authors' signatures)",
		"主题前缀（会破坏作者的签名）"),
	TEXT(footer, MAILLIST_TEXT_MAX, "text below each post (breaks the authors' signatures)",
		"每封邮件末尾的文字（会破坏作者的签名）"),
	TEXT(description, MAILLIST_TEXT_MAX, "what the list is for: shown to whoever wants to join",
		"列表说明，显示给申请加入的人"),
	TEXT(archive, 300,
		"mailbox that keeps each post: a shared mailbox, whose rights say who reads it",
		"存档邮箱：共享邮箱，按其权限决定谁可阅读"),
	TEXT(archive_folder, 200, "folder in it; empty: INBOX", "存档文件夹，留空为收件箱"),
};
const size_t maillist_settings_n = sizeof maillist_settings / sizeof *maillist_settings;

static int64_t *number_of(struct maillist_conf *c, const struct maillist_setting *s)
{
	return (int64_t *)((char *)c + s->offset);
}

static slice *text_of(struct maillist_conf *c, const struct maillist_setting *s)
{
	return (slice *)((char *)c + s->offset);
}

void maillist_conf_usual(struct maillist_conf *c)
{
	*c = (struct maillist_conf){0};
	for (size_t i = 0; i < maillist_settings_n; i++)
		if (maillist_settings[i].type != MAILLIST_TEXT)
			*number_of(c, &maillist_settings[i]) = maillist_settings[i].usual;
}

/* ---- reading one value ---- */

static int set_word(
	struct maillist_conf *c, const struct maillist_setting *s, slice value, struct err *e)
{
	for (int i = 0; s->words[i]; i++)
		if (slice_ieq(value, slice_z(s->words[i]))) {
			*number_of(c, s) = i;
			return 0;
		}
	return err_set(e, ERR_PROTO, "%s: not one of its words: %.*s", s->key,
		SFMT(slice_first(value, 50)));
}

/* "10m", "512k", or bytes. */
static bool read_size(slice value, uint64_t *ret)
{
	char last = value.n ? ascii_lower(value.p[value.n - 1]) : 0;
	unsigned shift = last == 'k' ? 10 : last == 'm' ? 20 : last == 'g' ? 30 : 0;
	if (!slice_u64(slice_first(value, value.n - (shift != 0)), ret) || *ret > UINT64_C(1) << 32)
		return false;
	*ret <<= shift;
	return true;
}

static int set_number(
	struct maillist_conf *c, const struct maillist_setting *s, slice value, struct err *e)
{
	uint64_t n;
	bool read = s->type == MAILLIST_SIZE ? read_size(value, &n) : slice_u64(value, &n);
	if (!read || n < (uint64_t)s->least || n > (uint64_t)s->most)
		return err_set(e, ERR_PROTO,
			"%s: a number from %" PRId64 " to %" PRId64 ", not %.*s", s->key, s->least,
			s->most, SFMT(slice_first(value, 50)));
	*number_of(c, s) = (int64_t)n;
	return 0;
}

static int set_text(
	struct maillist_conf *c, const struct maillist_setting *s, slice value, struct err *e)
{
	bool lines = s->most == MAILLIST_TEXT_MAX;
	if (value.n > (size_t)s->most || !utf8_valid(value))
		return err_set(
			e, ERR_PROTO, "%s: UTF-8 of at most %" PRId64 " bytes", s->key, s->most);
	for (size_t i = 0; i < value.n; i++)
		if (((unsigned char)value.p[i] < ' ' &&
			    !(lines && (value.p[i] == '\n' || value.p[i] == '\t'))) ||
			value.p[i] == 0x7f)
			return err_set(e, ERR_PROTO, "%s: control characters", s->key);
	*text_of(c, s) = value;
	return 0;
}

int maillist_conf_set(struct maillist_conf *c, slice key, slice value, struct err *e)
{
	for (size_t i = 0; i < maillist_settings_n; i++) {
		const struct maillist_setting *s = &maillist_settings[i];
		if (!slice_eq(key, slice_z(s->key)))
			continue;
		if (s->type == MAILLIST_WORD)
			return set_word(c, s, value, e);
		return s->type == MAILLIST_TEXT ? set_text(c, s, value, e)
						: set_number(c, s, value, e);
	}
	return err_set(e, ERR_NOTFOUND, "no such setting: %.*s", SFMT(slice_first(key, 50)));
}

slice maillist_conf_get(
	const struct maillist_conf *c, const struct maillist_setting *s, struct arena *a)
{
	struct maillist_conf *v = (struct maillist_conf *)c;
	if (s->type == MAILLIST_TEXT)
		return *text_of(v, s);
	if (s->type == MAILLIST_WORD)
		return slice_z(s->words[*number_of(v, s)]);
	return arena_printf(a, "%" PRId64, *number_of(v, s));
}

/* ---- storing ---- */

void maillist_conf_write(const struct maillist_conf *c, struct buf *out)
{
	AUTO(arena) struct arena a = {0};
	for (size_t i = 0; i < maillist_settings_n; i++) {
		const struct maillist_setting *s = &maillist_settings[i];
		slice v = maillist_conf_get(c, s, &a);
		bool usual = s->type == MAILLIST_TEXT
				     ? !v.n
				     : *number_of((struct maillist_conf *)c, s) == s->usual;
		if (usual)
			continue;
		buf_printf(out, "%s=", s->key);
		for (size_t k = 0; k < v.n; k++)
			if (v.p[k] == '\n' || v.p[k] == '\\')
				buf_put(out, v.p[k] == '\n' ? S("\\n") : S("\\\\"));
			else
				buf_byte(out, v.p[k]);
		buf_byte(out, '\n');
	}
}

static slice unescape(slice v, struct arena *a)
{
	char *to = arena_alloc(a, v.n + 1);
	size_t n = 0;
	for (size_t i = 0; i < v.n; i++)
		if (v.p[i] == '\\' && i + 1 < v.n)
			to[n++] = v.p[++i] == 'n' ? '\n' : v.p[i];
		else
			to[n++] = v.p[i];
	return slice_of(to, n);
}

void maillist_conf_read(struct maillist_conf *c, slice text, struct arena *a)
{
	slice line;
	struct err e;
	maillist_conf_usual(c);
	while (slice_cut(&text, '\n', &line)) {
		size_t at = slice_index(line, '=');
		maillist_conf_set(
			c, slice_first(line, at), unescape(slice_skip(line, at + 1), a), &e);
	}
}
