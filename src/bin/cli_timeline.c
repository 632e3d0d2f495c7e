/*
 * The timeline of a message (store/trace.h) for people and programs: `queue show` and `trace`.
 *
 *	09:11:10.123  attempt    mx.example.com [192.0.2.1]: 451 4.7.1 try later
 */
#include "bin/cli_queue.h"

#include "base/mem.h"
#include "base/time.h"
#include "base/utf8.h"
#include "codec/signal.h"
#include "store/trace.h"

#include <stdio.h>
#include <time.h>

static const struct word {
	const char *en, *zh;
} events[] = {
	{"connect", "连接"},
	{"tls", "加密"},
	{"auth", "认证"},
	{"envelope", "信封"},
	{"data", "正文"},
	{"iprev", "反查"},
	{"forged", "冒充"},
	{"signals", "信号"},
	{"door", "来访判定"},
	{"signed", "签名"},
	{"forwarded", "转发"},
	{"rule", "收信规则"},
	{"queued", "入队"},
	{"route", "路由"},
	{"attempt", "尝试"},
	{"delivered", "已投递"},
	{"deferred", "延后"},
	{"failed", "失败"},
	{"bounced", "已退信"},
	{"expired", "超期"},
	{"held", "暂停"},
	{"released", "恢复"},
	{"retry", "重试"},
	{"deleted", "已删除"},
	{"refused", "拒绝"},
	{"omitted", "略去"},
	{"warned", "延迟通知"},
	{"expanded", "展开别名"},
	{"reported", "已通知"},
	{"quarantined", "隔离"},
	{"asked", "请求放行"},
	{"restored", "取回"},
	{"recalled", "撤回放行"},
	{"reclassed", "重新分类"},
	{"infected", "事后发现病毒"},
	{"viewed", "查看"},
	{"downloaded", "下载"},
	{"told", "已告知"},
	{"policy", "策略"},
	{"split", "分拆"},
	{"copied", "副本"},
	{"changed", "改动"},
	{"unchanged", "无法修改"},
};

static slice event_name(slice event)
{
	for (size_t i = 0; tr_lang == LANG_ZH && i < sizeof events / sizeof events[0]; i++)
		if (slice_eq(event, slice_z(events[i].en)))
			return slice_z(events[i].zh);
	return event;
}

static bool needs_quotes(slice v)
{
	for (size_t i = 0; i < v.n; i++)
		if (v.p[i] == ' ' || v.p[i] == '=' || v.p[i] == '"')
			return true;
	return v.n == 0;
}

/* A quote inside must not look like the end: values come from strangers. */
static void print_quoted(slice v)
{
	AUTO(buf) struct buf text = BUF(2 * v.n + 2);
	buf_byte(&text, '"');
	for (size_t i = 0; i < v.n; i++) {
		if (v.p[i] == '"' || v.p[i] == '\\')
			buf_byte(&text, '\\');
		buf_byte(&text, v.p[i]);
	}
	buf_byte(&text, '"');
	out_safe(buf_slice(&text));
}

/* Signals are explained below their line. */
static bool is_list(slice event, slice key)
{
	return slice_eq(event, S("signals")) && slice_eq(key, S("list"));
}

/* So is a refusal that they led to: "score: helo-ours=6.0 ...". */
static slice signals_of(slice event, slice key, slice value)
{
	slice score = S("score: ");
	if (is_list(event, key))
		return value;
	return slice_eq(event, S("refused")) && slice_eq(key, S("why")) &&
			       slice_starts(value, score)
		       ? slice_skip(value, score.n)
		       : S("");
}

static void print_signals(slice list, const char *indent, struct signal_words *w)
{
	slice name, detail;
	double score;
	while (signals_next(&list, &name, &score, &detail)) {
		printf("%s                %+5.1f  %.*s", indent, score, SFMT(name));
		const char *words = signal_in_words(w, name);
		if (words)
			printf(T(": %s", "：%s"), words);
		if (detail.n) {
			fputs(T(" (", "（"), stdout);
			out_safe(detail);
			fputs(T(")", "）"), stdout);
		}
		putchar('\n');
	}
}

static void explain(slice event, slice key, slice value, const char *indent, struct signal_words *w)
{
	bool reply = slice_eq(event, S("refused")) && slice_eq(key, S("reply"));
	const char *words = reply ? reason_in_words(value) : NULL;
	if (words)
		printf("%s                %s\n", indent, words);
	print_signals(signals_of(event, key, value), indent, w);
}

static void print_fields(slice event, slice fields, struct arena *a)
{
	slice key, value;
	while (trace_field(&fields, a, &key, &value)) {
		if (is_list(event, key))
			continue;
		printf("  %.*s=", SFMT(key));
		if (needs_quotes(value))
			print_quoted(value);
		else
			out_safe(value);
	}
}

/* The day is said when it changes. */
static void print_when(int64_t wall, const char *indent, char day[OUT_TEXT])
{
	char now[OUT_TEXT], clock[OUT_TEXT];
	time_t sec = (time_t)(wall / SECOND);
	struct tm t;
	localtime_r(&sec, &t);
	strftime(now, sizeof now, "%Y-%m-%d", &t);
	strftime(clock, sizeof clock, "%H:%M:%S", &t);
	if (strcmp(now, day) != 0)
		printf("%s%s\n", indent, now);
	memcpy(day, now, OUT_TEXT);
	printf("%s  %s.%03d  ", indent, clock, (int)(wall / MSEC % 1000));
}

void timeline_print(slice log, const char *indent, struct signal_words *w)
{
	AUTO(arena) struct arena a = {0};
	char day[OUT_TEXT] = "";
	slice event, fields, key, value;
	int64_t wall;
	while (trace_next_event(&log, &wall, &event, &fields)) {
		print_when(wall, indent, day);
		slice name = event_name(event);
		size_t width = utf8_width(name);
		printf("%.*s%*s", SFMT(name), width < 9 ? (int)(9 - width) : 0, "");
		print_fields(event, fields, &a);
		putchar('\n');
		while (trace_field(&fields, &a, &key, &value))
			explain(event, key, value, indent, w);
		arena_reset(&a);
	}
}

void timeline_json(struct json *j, const char *key, slice log)
{
	AUTO(arena) struct arena a = {0};
	slice event, fields, name, value;
	int64_t wall;
	json_open_array(j, key);
	while (trace_next_event(&log, &wall, &event, &fields)) {
		json_open_object(j, NULL);
		json_time(j, "at", wall);
		json_text(j, "event", event);
		while (trace_field(&fields, &a, &name, &value))
			json_text(j, arena_strz(&a, name), value);
		json_close(j, '}');
		arena_reset(&a);
	}
	json_close(j, ']');
}
