/*
 * The answer to a user who reported letters (notice.h, bin/user_report.h): what was done about each, or how to report
 * so that it helps.
 */
#include "mail/notice_impl.h"

struct words {
	const char *key, *en, *zh;
};

/* What became of one letter. */
static const struct words done[] = {
	{"learned", "The filter learns from it.", "过滤系统已据此学习。"},
	{"personal",
		"The filter learns from it for your mailbox; somebody vouches for this sender, so "
		"others are not affected.",
		"过滤系统已据此学习，仅对您的邮箱生效：该发件人已有他人担保。"},
	{"released", "It was held and has been released to you; the filter learns from it.",
		"该邮件此前被拦截，现已放行给您，过滤系统已据此学习。"},
	{"asked", "It is held; the administrator was asked to release it.",
		"该邮件被拦截，已向管理员申请放行。"},
	{"kept", "It is held and cannot be released by its recipient.",
		"该邮件被拦截，收件人不能自行放行。"},
	{"off", "Learning is switched off on this server.", "本服务器未启用学习功能。"},
	{"busy", "Too many reports came today; nothing is learned from this one.",
		"今天举报过多，这一封未学习。"},
	{"unreadable", "It could not be read.", "无法读取该邮件。"},
};
/* Why nothing could be done at all. */
static const struct words faults[] = {
	{"inline",
		"Your message quotes the mail that you mean but does not contain it: its header "
		"and its hidden parts, "
		"by which the filter learns, are missing. Please forward it as an attachment, in "
		"most mail programs: "
		"\"Forward as attachment\".",
		"您转发的是引用的正文，其中不含原邮件：缺少过滤系统学习所需的邮件头和隐藏内容。请将"
		"该邮件"
		"“作为附件转发”。"},
	{"nothing",
		"There is no mail in your message. Please forward the mail that you mean as an "
		"attachment.",
		"您的邮件中没有附上任何邮件。请将要举报的邮件“作为附件转发”。"},
	{"many", "Too many reports came from you within an hour; please try again later.",
		"您一小时内的举报过多，请稍后再试。"},
	{"unreadable", "The message could not be read.", "无法读取您的邮件。"},
};

static slice look_up(const struct notice_page *p, const struct words *v, size_t n, slice key)
{
	for (size_t i = 0; i < n; i++)
		if (slice_eq(slice_z(v[i].key), key))
			return notice_word(p, v[i].en, v[i].zh);
	return (slice){0};
}

static void tell_letter(struct notice_job *j, const json_t *l)
{
	struct notice_page *p = &j->page;
	slice subject = json_read_text(l, "subject");
	notice_page_fact(p, notice_word(p, "Subject", "主题"),
		subject.n ? subject : notice_word(p, "(no subject)", "（无主题）"));
	notice_page_fact(p, notice_word(p, "From", "发件人"), json_read_text(l, "from"));
	notice_page_fact(p, notice_word(p, "Result", "处理"),
		look_up(p, done, sizeof done / sizeof *done, json_read_text(l, "done")));
	notice_page_facts_end(p);
}

void notice_write_report(struct notice_job *j)
{
	struct notice_page *p = &j->page;
	bool spam = json_is_true(json_object_get(j->data, "spam"));
	slice fault = json_read_text(j->data, "fault");
	const json_t *letters = json_object_get(j->data, "letters"), *l;
	int64_t more = json_read_count(j->data, "more");
	size_t i;
	slice title = fault.n ? notice_word(p, "Your report could not be used", "您的举报未能处理")
		      : spam ? notice_word(p, "Thank you for reporting spam", "感谢您举报垃圾邮件")
			     : notice_word(p, "Thank you for reporting wanted mail",
				       "感谢您反馈正常邮件");
	notice_page_begin(p, j->f->chinese, title, j->a);
	notice_page_para(p, look_up(p, faults, sizeof faults / sizeof *faults, fault));
	json_array_foreach(letters, i, l) tell_letter(j, l);
	if (more)
		notice_page_para(p,
			arena_printf(j->a,
				p->chinese ? "另有 %lld 封未列出。" : "%lld more are not listed.",
				(long long)more));
	notice_finish(j, title, "report");
}
