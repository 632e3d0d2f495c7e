/*
 * What accounts set for their mail, as letters (notice.h): that it is passed on now, to its owner, who may not be the one
 * who set it; that rules of theirs went wrong; and the automatic answer of a reader, to who wrote to him. Of the latter every word
 * is the reader's.
 *
 *	FORWARD		{"by", "targets": [...], "outside": bool, "keep": bool, "enabled": bool}
 *	AUTOREPLY	{"from", "name", "subject", "text" or "entity", "message_id", "references"} (autoreply.h)
 *	SCRIPT		{"script", "line", "en", "zh", "system": bool}
 */
#include "mail/notice_impl.h"

#include "base/mem.h"
#include "store/script.h"

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

static void set_text(json_t *o, const char *key, slice value)
{
	json_t *text = json_stringn(value.n ? value.p : "", value.n);
	if (text) /* else no UTF-8 */
		json_object_set_new(o, key, text);
}

slice notice_script_data(const struct script_fault *f, struct arena *a)
{
	json_t *o = json_object();
	set_text(o, "script", f->script);
	set_text(o, "en", f->en);
	set_text(o, "zh", f->zh);
	json_object_set_new(o, "line", json_integer(f->line));
	json_object_set_new(o, "system", json_boolean(f->system));
	AUTO(free) char *text = json_dumps(o, JSON_COMPACT);
	json_decref(o);
	return arena_dup(a, slice_z(text));
}

void notice_write_script(struct notice_job *j)
{
	struct notice_page *p = &j->page;
	bool system = json_is_true(json_object_get(j->data, "system"));
	json_int_t line = json_integer_value(json_object_get(j->data, "line"));
	slice what = json_read_text(j->data, j->f->chinese ? "zh" : "en");
	slice title = notice_word(p, "A mail rule could not be carried out", "邮件规则未能执行");
	notice_page_begin(p, j->f->chinese, title, j->a);
	notice_page_para(p,
		notice_word(p,
			"Something is wrong with a script of rules for incoming mail. What came "
			"was not "
			"lost: what the rules did not decide went where mail goes without rules.",
			"收信规则脚本中有错误。邮件没有丢失：规则未能处理的邮件按没有规则时投递"
			"。"));
	notice_page_fact(p, notice_word(p, "Script", "脚本"),
		notice_safe(json_read_text(j->data, "script"), 150, j->a));
	if (line)
		notice_page_fact(p, notice_word(p, "Line", "行号"),
			arena_printf(j->a, "%lld", (long long)line));
	notice_page_fact(p, notice_word(p, "Error", "错误"), notice_safe(what, 600, j->a));
	notice_page_facts_end(p);
	notice_page_para(p, system ? notice_word(p,
					     "It is one of the administrator's. `posthouse sieve "
					     "log` lists errors; "
					     "`posthouse sieve test` tries a script on a letter.",
					     "这是管理员的脚本。`posthouse sieve log` "
					     "列出错误，`posthouse sieve test` "
					     "可用一封信试运行。")
				   : notice_word(p,
					     "Please mend it. You are told again only when the "
					     "script has changed.",
					     "请修正脚本。脚本修改之前不再重复通知。"));
	notice_finish(j, title, "script");
}

bool notice_write_answer(const struct notice_facts *f, struct arena *a, struct notice_letter *ret)
{
	json_t *data = json_loadb(f->data.p ? f->data.p : "", f->data.n, 0, NULL);
	*ret = (struct notice_letter){.from = arena_dup(a, json_read_text(data, "from")),
		.from_name = arena_dup(a, json_read_text(data, "name")),
		.subject = arena_dup(a, json_read_text(data, "subject")),
		.text = arena_dup(a, json_read_text(data, "text")),
		.entity = arena_dup(a, json_read_text(data, "entity")),
		.references = arena_dup(a, json_read_text(data, "references")),
		.kind = "autoreply",
		.chinese = f->chinese,
		.as_written = true,
		.automatic_reply = true};
	json_decref(data);
	return ret->from.n && (ret->text.n || ret->entity.n);
}
