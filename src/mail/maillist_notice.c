/*
 * Letters of mailing lists (maillist.h): rows of the outbox with kind NOTICE_MAILLIST, and what they say. In the list's language, since
 * most of their readers have no account here. From and Reply-To are addresses of the list, so that answering a letter does what its
 * button does; all of them are automatic (RFC 3834) and have no sender that a machine could answer.
 *
 *	{"what", "list", "name", "from", "url", "leave": bool, "chinese": bool, "text", "lines": [...]}
 */
#include "base/mem.h"
#include "base/time.h"
#include "codec/json_read.h"
#include "mail/maillist.h"

static void set(json_t *o, const char *key, slice value)
{
	json_t *text = json_stringn(value.n ? value.p : "", value.n);
	if (text) /* else no UTF-8 */
		json_object_set_new(o, key, text);
}

struct notice maillist_notice(const struct maillist_letter *l, int64_t now, struct arena *a)
{
	json_t *o = json_object(), *lines = json_array();
	set(o, "what", slice_z(l->what));
	set(o, "list", l->list->address);
	set(o, "name", l->list->name);
	set(o, "from",
		l->from.n ? l->from
			  : maillist_part_address(l->list->address, MAILLIST_OWNER, S(""), a));
	set(o, "url", l->url);
	set(o, "text", l->text);
	json_object_set_new(o, "leave", json_boolean(l->leave));
	json_object_set_new(o, "chinese", json_boolean(l->list->c.language == MAILLIST_ZH));
	for (size_t i = 0; i < l->nlines; i++) {
		json_t *line = json_stringn(l->lines[i].p, l->lines[i].n);
		if (line)
			json_array_append_new(lines, line);
	}
	json_object_set_new(o, "lines", lines);
	AUTO(free) char *text = json_dumps(o, JSON_COMPACT);
	json_decref(o);
	return (struct notice){.kind = NOTICE_MAILLIST,
		.to = l->to,
		.idx = -1,
		.data = arena_dup(a, slice_z(text)),
		.at = now};
}

/* ---- what they say ---- */

static const struct text {
	const char *what, *en, *zh; /* subject; %L: the list */
	const char *say_en, *say_zh;
	const char *button_en, *button_zh;
} texts[] = {
	{"confirm", "Please confirm: subscribe to %L", "请确认：订阅 %L",
		"Somebody, probably you, asked that this address join the mailing list %L. To "
		"confirm, press the button or "
		"simply answer this letter. If it was not you, do nothing.",
		"有人（可能是您本人）申请将此地址加入邮件列表 "
		"%L。请点击按钮，或直接回复本邮件确认。若非本人操作，请忽略。",
		"Confirm", "确认"},
	{"confirm-leave", "Please confirm: leave %L", "请确认：退出 %L",
		"Somebody, probably you, asked that this address leave the mailing list %L. To "
		"confirm, press the button or "
		"simply answer this letter. If it was not you, do nothing.",
		"有人（可能是您本人）申请将此地址退出邮件列表 "
		"%L。请点击按钮，或直接回复本邮件确认。若非本人操作，请忽略。",
		"Confirm", "确认"},
	{"welcome", "Welcome to %L", "欢迎加入 %L", "This address is on the mailing list %L now.",
		"此地址已加入邮件列表 %L。", "Leave the list", "退出列表"},
	{"left", "You have left %L", "您已退出 %L",
		"This address is not on the mailing list %L any more.", "此地址已退出邮件列表 %L。",
		NULL, NULL},
	{"asked", "Your request to join %L waits", "您加入 %L 的申请待审批",
		"A moderator of %L will decide about your request.",
		"列表 %L 的管理员将审批您的申请。", NULL, NULL},
	{"denied", "Your request to join %L was refused", "您加入 %L 的申请未获批准",
		"The moderators of %L have refused your request.",
		"列表 %L 的管理员拒绝了您的申请。", NULL, NULL},
	{"closed", "%L takes no such requests", "%L 不接受此类请求",
		"The members of %L are chosen by its owners. Please write to them.",
		"列表 %L 的成员由所有者管理，请与所有者联系。", NULL, NULL},
	{"help", "How to use %L", "%L 使用说明",
		"Write to the -request address of the list with one of these words as the subject: "
		"subscribe, unsubscribe, "
		"digest (one letter a day), nodigest, nomail, mail, help.",
		"请向列表的 -request "
		"地址发信，主题写：订阅、退订、汇总（每日一封）、nodigest、停收、恢复 或 帮助。",
		"The list's page", "列表页面"},
	{"settings", "Your settings for %L were changed", "您在 %L 的设置已修改", "Done.",
		"已完成。", NULL, NULL},
	{"held", "Your letter to %L waits for a moderator", "您发往 %L 的邮件待审核",
		"It will be posted when a moderator of %L agrees.",
		"经列表 %L 的管理员同意后即可发布。", NULL, NULL},
	{"waiting", "%L: waiting for your decision", "%L：待您审核",
		"These wait for a moderator of %L. Open the page to decide; for the only one you "
		"can also answer this letter "
		"with the subject approve, reject or discard.",
		"以下内容等待列表 %L "
		"的管理员审核。请打开页面处理；仅有一封时，也可回复本邮件，主题写 "
		"approve（通过）、reject（拒绝）"
		"或 discard（丢弃）。",
		"Decide", "处理"},
	{"disabled", "%L: mail to members comes back", "%L：发往成员的邮件被退回",
		"These members of %L get no more mail for now, because it comes back. The list "
		"tries again from time to time.",
		"发往以下成员的邮件多次被退回，列表 %L 暂停向其发送，以后会定期重试。", NULL, NULL},
	{"removed", "%L: members were removed", "%L：成员已移除",
		"Mail to these members of %L kept coming back. They were removed.",
		"发往以下成员的邮件持续被退回，已从列表 %L 移除。", NULL, NULL},
	{"probe", "Your mail from %L came back", "%L 发给您的邮件曾被退回",
		"Mail from %L to this address came back several times, so the list sends you "
		"nothing for now. If you can read "
		"this, all is well: it will begin again in a few days.",
		"列表 %L "
		"发往此地址的邮件多次被退回，已暂停向您发送。您能看到本邮件，说明邮箱已恢复，列表将"
		"在几天后恢复发送。",
		"Leave the list", "退出列表"},
};

static slice fill(const char *pattern, slice list, struct arena *a)
{
	slice p = slice_z(pattern);
	size_t at = slice_find(p, S("%L"));
	if (at == p.n)
		return p;
	return arena_printf(a, "%.*s%.*s%.*s", SFMT(slice_first(p, at)), SFMT(list),
		SFMT(slice_skip(p, at + 2)));
}

static const struct text *find_text(slice what)
{
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		if (slice_eq(what, slice_z(texts[i].what)))
			return &texts[i];
	return NULL;
}

static slice put_letter(struct notice_page *p, const struct text *t, const json_t *data, slice list,
	struct arena *a)
{
	const json_t *lines = json_object_get(data, "lines"), *one;
	size_t i;
	slice subject = fill(p->chinese ? t->zh : t->en, list, a),
	      text = json_read_text(data, "text");
	slice url = json_read_text(data, "url");
	notice_page_begin(p, p->chinese, subject, a);
	notice_page_para(p, fill(p->chinese ? t->say_zh : t->say_en, list, a));
	json_array_foreach(lines, i, one) if (json_is_string(one)) notice_page_fact(p, S(""),
		notice_safe(slice_of(json_string_value(one), json_string_length(one)), 300, a));
	notice_page_facts_end(p);
	if (text.n)
		notice_page_para(p, notice_safe(text, 2000, a));
	if (url.n && t->button_en) {
		notice_page_button(p, notice_word(p, t->button_en, t->button_zh), url, NOTICE_GOOD);
		notice_page_buttons_end(p);
	}
	return subject;
}

bool notice_write_maillist(const struct notice_facts *f, struct arena *a, struct notice_letter *ret)
{
	json_t *data = json_loadb(f->data.p ? f->data.p : "", f->data.n, 0, NULL);
	slice what = json_read_text(data, "what"),
	      list = arena_dup(a, json_read_text(data, "list"));
	bool leave = json_is_true(json_object_get(data, "leave"));
	const struct text *t =
		find_text(leave && slice_eq(what, S("confirm")) ? S("confirm-leave") : what);
	struct notice_page page = {.chinese = json_is_true(json_object_get(data, "chinese"))};
	if (!t || !list.n) {
		json_decref(data);
		return false;
	}
	slice subject = put_letter(&page, t, data, list, a);
	slice foot =
		page.chinese
			? arena_printf(a, "由 %.*s 的邮件列表系统自动发出。", SFMT(f->hostname))
			: arena_printf(a, "Sent automatically by the mailing lists of %.*s.",
				  SFMT(f->hostname));
	bool fits = notice_page_end(&page, foot);
	slice name = json_read_text(data, "name");
	*ret = (struct notice_letter){
		.from = arena_dup(a, json_read_text(data, "from")),
		.from_name = arena_dup(a, name.n ? name : list),
		.subject = subject,
		.text = arena_dup(a, buf_slice(&page.text)),
		.html = arena_dup(a, buf_slice(&page.html)),
		.kind = "maillist",
		.chinese = page.chinese,
		.as_written = true,
		.automatic_reply = !slice_eq(what, S("probe")) && !slice_eq(what, S("waiting")) &&
				   !slice_eq(what, S("disabled")),
	};
	notice_page_done(&page);
	json_decref(data);
	return fits;
}
