/* What rules would do with a letter, in words (cli_sieve.h). Called by `posthouse sieve test`. */
#include "bin/cli_sieve.h"

#include "base/mem.h"
#include <stdio.h>

static const char *kind_name(enum sieve_action_kind kind)
{
	static const char *const v[] = {[SIEVE_KEEP] = "keep",
		[SIEVE_FILEINTO] = "fileinto",
		[SIEVE_REDIRECT] = "redirect",
		[SIEVE_REJECT] = "reject",
		[SIEVE_DISCARD] = "discard",
		[SIEVE_VACATION] = "vacation",
		[SIEVE_NOTIFY] = "notify",
		[SIEVE_REMEMBER] = "remember",
		[SIEVE_REPORT] = "report"};
	return v[kind];
}

static const char *kind_word(enum sieve_action_kind kind)
{
	switch (kind) {
	case SIEVE_KEEP:
		return T("kept in the inbox", "保留在收件箱");
	case SIEVE_FILEINTO:
		return T("filed into", "投递到文件夹");
	case SIEVE_REDIRECT:
		return T("sent on to", "转发到");
	case SIEVE_REJECT:
		return T("refused", "拒收");
	case SIEVE_DISCARD:
		return T("thrown away", "丢弃");
	case SIEVE_VACATION:
		return T("answered", "自动回复");
	case SIEVE_NOTIFY:
		return T("notified", "通知");
	case SIEVE_REMEMBER:
		return T("remembered against duplicates", "记录以识别重复邮件");
	case SIEVE_REPORT:
		return T("logged", "写入日志");
	}
	return "";
}

/* What it is done to, or says. */
static slice object_of(const struct sieve_action *x)
{
	switch (x->kind) {
	case SIEVE_FILEINTO:
		return x->folder.n ? x->folder : x->folder_use.n ? x->folder_use : x->folder_id;
	case SIEVE_REDIRECT:
		return x->address;
	case SIEVE_NOTIFY:
		return x->method;
	default:
		return x->text;
	}
}

static void action_json(struct json *j, const struct sieve_action *x)
{
	json_open_object(j, NULL);
	json_text(j, "action", slice_z(kind_name(x->kind)));
	json_text(j, "script", x->script);
	json_int(j, "line", x->line);
	json_text(j, "to", object_of(x));
	json_text(j, "flags", x->flags);
	json_bool(j, "create", x->create);
	json_bool(j, "edited", x->edits > 0);
	if (x->kind == SIEVE_VACATION) {
		json_text(j, "subject", x->subject);
		json_text(j, "from", x->from);
		json_int(j, "seconds", x->seconds);
	}
	json_close(j, '}');
}

static void mistake_json(struct json *j, const char *key, const struct sieve_mistake *m)
{
	json_open_object(j, key);
	json_text(j, "script", m->script);
	json_int(j, "line", m->line);
	json_text(j, "text", cli_conf_lang() == CONF_ZH ? m->zh : m->en);
	json_close(j, '}');
}

static void show_json(const struct script_set *set, const struct scripts_verdict *v)
{
	struct json j = {0};
	json_begin(&j);
	json_open_array(&j, "scripts");
	for (size_t i = 0; i < set->nrun; i++)
		json_text(&j, NULL, set->run[i].name);
	json_close(&j, ']');
	json_open_array(&j, "actions");
	for (size_t i = 0; i < v->nactions; i++)
		action_json(&j, &v->actions[i]);
	json_close(&j, ']');
	json_bool(&j, "failed", v->end == SIEVE_FAILED);
	if (v->end == SIEVE_FAILED)
		mistake_json(&j, "error", &v->mistake);
	json_open_array(&j, "warnings");
	for (size_t i = 0; i < v->warnings.n; i++)
		mistake_json(&j, NULL, &v->warnings.v[i]);
	json_close(&j, ']');
	json_int(&j, "steps", (int64_t)v->steps);
	if (v->nletters)
		json_text(&j, "header", v->letters[v->nletters - 1].header);
	json_end(&j);
}

static void say(const char *label, slice text)
{
	if (!text.n)
		return;
	printf("      %s ", label);
	for (slice line, rest = text; slice_cut(&rest, '\n', &line);) {
		out_safe(slice_trim(line));
		printf(rest.p ? "\n        " : "\n");
	}
}

static void show_action(const struct sieve_action *x)
{
	slice object = object_of(x);
	bool text = x->kind == SIEVE_REJECT || x->kind == SIEVE_VACATION || x->kind == SIEVE_REPORT;
	printf("  %s", kind_word(x->kind));
	if (object.n && !text && x->kind != SIEVE_KEEP) {
		printf(" ");
		out_safe(object);
	}
	if (x->script.n) {
		printf("   [");
		out_safe(x->script);
		printf(":%u]", x->line);
	} else {
		printf("   [%s]", T("as without rules", "按没有规则时"));
	}
	printf("%s\n", x->edits ? T("   (changed)", "   （内容已修改）") : "");
	say(T("flags:", "标记："), x->flags);
	say(T("subject:", "主题："), x->subject);
	if (text || x->kind == SIEVE_NOTIFY)
		say(T("text:", "内容："), x->text);
}

static void show_mistake(const char *what, const struct sieve_mistake *m)
{
	printf("  %s ", what);
	out_safe(m->script);
	printf(":%u: ", m->line);
	out_safe(cli_conf_lang() == CONF_ZH ? m->zh : m->en);
	printf("\n");
}

void cli_sieve_verdict(
	struct cli_call *c, const struct script_set *set, const struct scripts_verdict *v, bool whole)
{
	if (c->cli->json) {
		show_json(set, v);
		return;
	}
	printf("%s", T("Scripts that ran:", "运行的脚本："));
	for (size_t i = 0; i < set->nrun; i++) {
		printf(" ");
		out_safe(set->run[i].name);
	}
	printf("\n%s\n", T("The letter would be:", "这封信将会："));
	for (size_t i = 0; i < v->nactions; i++)
		show_action(&v->actions[i]);
	if (v->end == SIEVE_FAILED)
		show_mistake(T("error", "错误"), &v->mistake);
	for (size_t i = 0; i < v->warnings.n; i++)
		show_mistake(T("warning", "警告"), &v->warnings.v[i]);
	printf(T("%llu steps\n", "%llu 步\n"), (unsigned long long)v->steps);
	if (!whole || !v->nletters)
		return;
	printf("\n");
	for (slice line, rest = v->letters[v->nletters - 1].header;
		slice_cut(&rest, '\n', &line);) {
		out_safe(slice_trim(line));
		printf("\n");
	}
}
