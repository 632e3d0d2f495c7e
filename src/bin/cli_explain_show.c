/* The report about a letter in words, for `posthouse explain`. */
#include "bin/cli_explain.h"

#include "base/mem.h"
#include "codec/extract.h"
#include "codec/json_read.h"
#include <stdio.h>

enum { URL_SHOWN = 100, TEXT_SHOWN = 60 };

static void say(slice s, size_t most)
{
	out_safe(slice_first(s, most));
	if (s.n > most)
		fputs("...", stdout);
}

static void line(const char *label, slice value)
{
	if (!value.n)
		return;
	fputs(label, stdout);
	say(value, 300);
	putchar('\n');
}

static void heading(const char *text)
{
	printf("\n%s\n", text);
}

static void indent(int64_t depth)
{
	printf("%*s", 2 + 2 * (int)depth, "");
}

static void size(const json_t *o)
{
	char text[OUT_TEXT];
	printf("  %s", out_size((uint64_t)json_read_count(o, "size"), text));
}

/* ---- parts ---- */

static const struct {
	unsigned bit;
	const char *en, *zh;
} defects[] = {
	{MIME_NO_BOUNDARY, "no boundary", "缺少分界"},
	{MIME_BOUNDARY_UNSEEN, "boundary not found", "找不到分界"},
	{MIME_UNCLOSED, "not closed", "没有结束标记"},
	{MIME_TOO_DEEP, "too deep", "嵌套过深"},
	{MIME_TOO_MANY, "too many parts", "部分过多"},
	{MIME_BAD_TYPE, "bad type", "类型无效"},
	{MIME_BAD_ENCODING, "unknown encoding", "编码未知"},
	{MIME_BAD_HEADER, "lines that are no fields", "头部有无效行"},
	{MIME_TWICE, "a field twice", "字段重复"},
	{MIME_NO_HEADER, "header not ended", "头部未结束"},
	{MIME_VALUES, "a parameter guessed", "参数为推测"},
};

static void show_parts(const json_t *v)
{
	size_t i;
	json_t *p;
	heading(T("Parts", "组成部分"));
	json_array_foreach(v, i, p)
	{
		slice name = json_read_text(p, "name");
		unsigned bad = (unsigned)json_read_count(p, "defects");
		indent(json_read_count(p, "depth"));
		say(json_read_text(p, "type"), TEXT_SHOWN);
		size(p);
		if (name.n) {
			fputs("  \"", stdout);
			say(name, TEXT_SHOWN);
			putchar('"');
		}
		for (size_t k = 0; k < sizeof defects / sizeof *defects; k++)
			if (bad & defects[k].bit)
				printf("  [%s]", T(defects[k].en, defects[k].zh));
		putchar('\n');
	}
}

/* ---- files ---- */

static void show_facts(const json_t *names)
{
	size_t i;
	const json_t *name;
	json_array_foreach(names, i, name)
	{
		for (unsigned k = 0; k < EXTRACT_FACTS && json_is_string(name); k++) {
			const struct extract_fact_name *f = &extract_fact_names[k];
			if (strcmp(json_string_value(name), f->name) == 0)
				printf("  [%s]", T(f->en, f->zh));
		}
	}
}

static int64_t depth_of(const json_t *v, const json_t *f)
{
	int64_t depth = 0;
	json_int_t parent = json_integer_value(json_object_get(f, "parent"));
	while (parent >= 0 && depth < 20) {
		depth++;
		parent = json_integer_value(
			json_object_get(json_array_get(v, (size_t)parent), "parent"));
	}
	return depth;
}

static void show_files(const json_t *v)
{
	size_t i;
	json_t *f;
	if (!json_array_size(v))
		return;
	heading(T("Files", "文件"));
	json_array_foreach(v, i, f)
	{
		slice name = json_read_text(f, "name"), detail = json_read_text(f, "detail");
		indent(depth_of(v, f));
		say(name.n ? name : slice_z(T("(no name)", "（无名称）")), TEXT_SHOWN);
		printf("  %s", json_string_value(json_object_get(f, "type")));
		size(f);
		show_facts(json_object_get(f, "facts"));
		if (detail.n) {
			fputs("  ", stdout);
			say(detail, URL_SHOWN);
		}
		putchar('\n');
	}
}

/* ---- links and pictures ---- */

static const char *where_in_words(slice where)
{
	static const struct {
		const char *word, *en, *zh;
	} words[] = {{"text", "text", "正文"}, {"html", "HTML", "HTML"},
		{"qr", "QR code", "二维码"}, {"pdf", "PDF", "PDF"},
		{"office", "office document", "办公文档"}, {"calendar", "invitation", "日历邀请"},
		{"file", "attachment", "附件"}};
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (slice_eq(where, slice_z(words[i].word)))
			return T(words[i].en, words[i].zh);
	return "?";
}

static void show_links(const json_t *v)
{
	size_t i;
	json_t *l;
	if (!json_array_size(v))
		return;
	heading(T("Links", "链接"));
	json_array_foreach(v, i, l)
	{
		slice text = json_read_text(l, "text");
		fputs("  ", stdout);
		say(json_read_text(l, "url"), URL_SHOWN);
		printf("  (%s)", where_in_words(json_read_text(l, "where")));
		if (text.n) {
			fputs("  \"", stdout);
			say(text, TEXT_SHOWN);
			putchar('"');
		}
		if (json_is_true(json_object_get(l, "hidden")))
			printf("  [%s]", T("hidden", "隐藏"));
		if (json_is_true(json_object_get(l, "deceives")))
			printf("  [%s]", T("its text names another host", "文字与目标不符"));
		putchar('\n');
	}
}

static void show_pictures(const json_t *v)
{
	size_t i;
	json_t *p;
	if (!json_array_size(v))
		return;
	heading(T("Pictures", "图片"));
	json_array_foreach(v, i, p)
	{
		printf("  %lldx%lld  %s %.2f  %s %.2f", (long long)json_read_count(p, "width"),
			(long long)json_read_count(p, "height"), T("text", "文字"),
			json_number_value(json_object_get(p, "text")), T("photo", "照片"),
			json_number_value(json_object_get(p, "photo")));
		if (json_is_true(json_object_get(p, "qr")))
			printf("  [%s]", T("QR code", "二维码"));
		if (!json_is_true(json_object_get(p, "decoded")))
			printf("  [%s]", T("not decoded", "未解码"));
		putchar('\n');
	}
}

static void show_charsets(const json_t *d)
{
	int64_t lies = json_read_count(d, "charset_lies");
	int64_t unknown = json_read_count(d, "charset_unknown");
	int64_t replaced = json_read_count(d, "charset_replaced");
	if (!lies && !unknown && !replaced)
		return;
	heading(T("Character sets", "字符集"));
	if (lies)
		printf(T("  %lld parts declare another one than they use\n",
			       "  %lld 个部分声明的字符集与实际不符\n"),
			(long long)lies);
	if (unknown)
		printf(T("  %lld parts declare an unknown one\n",
			       "  %lld 个部分声明了未知字符集\n"),
			(long long)unknown);
	if (replaced)
		printf(T("  %lld characters could not be read\n", "  %lld 个字符无法读取\n"),
			(long long)replaced);
}

/* ---- judgement ---- */

/* Strongest first. */
static void show_signals(const struct signals *all)
{
	bool shown[SIGNALS_MAX] = {false};
	printf(T("\nSignals (sum %.1f)\n", "\n信号（合计 %.1f）\n"), signals_score(all));
	for (unsigned i = 0; i < all->n; i++) {
		const struct signal *best = NULL;
		for (unsigned k = 0; k < all->n; k++)
			if (!shown[k] && (!best || all->v[k].score > best->score))
				best = &all->v[k];
		shown[best - all->v] = true;
		printf("  %+5.1f  %s: ", (double)best->score, best->def->name);
		say(slice_z(T(best->def->en, best->def->zh)), 300);
		if (best->detail.n) {
			fputs(" (", stdout);
			say(best->detail, SIGNAL_DETAIL_MAX);
			putchar(')');
		}
		putchar('\n');
	}
}

static void show_models(const struct content_report *r)
{
	bool zh = tr_lang == LANG_ZH;
	heading(T("Models (above 0: spam)", "模型（大于 0：垃圾邮件）"));
	for (unsigned i = 0; i < LEARN_INPUTS; i++)
		if (i != LEARN_RULES && r->in[i] != 0)
			printf("  %+5.1f  %s\n", (double)r->in[i],
				learn_input_name((enum learn_input)i, zh));
	for (unsigned g = 0; g < LEARN_GROUPS; g++)
		if (r->groups[g] >= 0.05F || r->groups[g] <= -0.05F)
			printf("    %+5.1f  %s\n", (double)r->groups[g],
				learn_group_name((enum learn_group)g, zh));
	if (r->nreasons)
		heading(T("What moved the shipped model most", "对内置模型影响最大的特征"));
	for (size_t i = 0; i < r->nreasons; i++) {
		printf("  %+5.2f  ", (double)r->reasons[i].margin);
		say(r->reasons[i].what, URL_SHOWN);
		putchar('\n');
	}
}

void explain_show(const struct explained *x, const struct content_report *r, const json_t *details)
{
	char text[OUT_TEXT];
	printf(T("Message %.*s, %s\n", "邮件 %.*s，%s\n"), SFMT(x->name),
		out_size(x->message.n, text));
	line(T("  From:     ", "  发件人：  "), r->from_name);
	line(T("  Address:  ", "  地址：    "), r->from_address);
	line(T("  Subject:  ", "  主题：    "), r->subject);
	show_parts(json_object_get(details, "parts"));
	show_files(json_object_get(details, "files"));
	show_links(json_object_get(details, "links"));
	show_pictures(json_object_get(details, "pictures"));
	line(T("\nText of files: ", "\n文件中的文字："), json_read_text(details, "attached"));
	show_charsets(details);
	show_signals(&r->signals);
	show_models(r);
	printf(T("\nProbability of being spam, by content alone: %.3f (%s)\n",
		       "\n仅按内容判断的垃圾邮件概率：%.3f（%s）\n"),
		r->probability,
		r->class == CONTENT_BULK ? T("bulk mail", "批量邮件") : T("ordinary", "普通邮件"));
	if (r->limited)
		puts(T("A limit was reached: not all was looked at.",
			"达到限制，未检查全部内容。"));
}
