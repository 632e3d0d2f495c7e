/*
 * What accounts set for their mail, as letters (notice.h): that it is passed on now, to its owner, who may not be the one
 * who set it; and the automatic answer of a reader, to who wrote to him. Of the latter every word is the reader's.
 *
 *	FORWARD		{"by", "targets": [...], "outside": bool, "keep": bool, "enabled": bool}
 *	AUTOREPLY	{"from", "name", "subject", "text", "message_id", "references"} (autoreply.h)
 */
#include "mail/notice_impl.h"

void notice_write_forward(struct notice_job *j)
{
	struct notice_page *p = &j->page;
	const json_t *targets = json_object_get(j->data, "targets"), *one;
	bool on = json_is_true(json_object_get(j->data, "enabled"));
	bool outside = json_is_true(json_object_get(j->data, "outside"));
	size_t i;
	slice title =
		on ? notice_word(p, "Your mail is forwarded", "您的邮件已设置自动转发")
		   : notice_word(p, "Your mail is no longer forwarded", "您的邮件不再自动转发");
	notice_page_begin(p, j->f->chinese, title, j->a);
	notice_page_para(p,
		on ? notice_word(p,
			     "From now on mail that comes for you is passed on to these addresses:",
			     "从现在起，发给您的邮件将自动转发到以下地址：")
		   : notice_word(p,
			     "Mail that comes for you stays in your mailbox from now on. It was "
			     "passed on to:",
			     "从现在起，发给您的邮件只保留在您的邮箱中。此前的转发地址："));
	json_array_foreach(targets, i, one) if (json_is_string(one)) notice_page_fact(p, S(""),
		notice_safe_address(
			slice_of(json_string_value(one), json_string_length(one)), 200, j->a));
	notice_page_facts_end(p);
	if (on)
		notice_page_para(
			p, json_is_true(json_object_get(j->data, "keep"))
				   ? notice_word(p, "A copy of each message stays in your mailbox.",
					     "您的邮箱中会保留副本。")
				   : notice_word(p, "No copy stays in your mailbox.",
					     "您的邮箱中不保留副本。"));
	if (on && outside)
		notice_page_para(p,
			notice_word(p, "Some of these addresses are outside of this organisation.",
				"其中有本单位以外的地址。"));
	notice_page_fact(p, notice_word(p, "Set by", "设置人"), json_read_text(j->data, "by"));
	notice_page_facts_end(p);
	notice_page_para(
		p, notice_word(p,
			   "If you do not know of this, change your password and tell your "
			   "administrator at "
			   "once: whoever reads the mail of others often begins like this.",
			   "如果您不知情，请立即修改密码并通知管理员：盗取他人邮件往往由此开始。"));
	notice_finish(j, title, "forward");
	j->ret->stays = true;
}

bool notice_write_answer(const struct notice_facts *f, struct arena *a, struct notice_letter *ret)
{
	json_t *data = json_loadb(f->data.p ? f->data.p : "", f->data.n, 0, NULL);
	*ret = (struct notice_letter){.from = arena_dup(a, json_read_text(data, "from")),
		.from_name = arena_dup(a, json_read_text(data, "name")),
		.subject = arena_dup(a, json_read_text(data, "subject")),
		.text = arena_dup(a, json_read_text(data, "text")),
		.references = arena_dup(a, json_read_text(data, "references")),
		.kind = "autoreply",
		.chinese = f->chinese,
		.as_written = true,
		.automatic_reply = true};
	json_decref(data);
	return ret->from.n && ret->text.n;
}
