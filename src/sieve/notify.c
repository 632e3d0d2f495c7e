/*
 * enotify (RFC 5435): notify, valid_notify_method, notify_method_capability, for mailto (RFC 5436; read in mailto.c) and https, a
 * webhook. Only what is said is noted here; the caller sends it.
 */
#include "base/utf8.h"
#include "codec/url.h"
#include "sieve/impl.h"

enum { METHOD_MAX = 2000, OPTIONS_MAX = 20 };

/* NULL: it can be used. */
static const char *method_fault(slice uri, struct arena *a, const char **ret_zh)
{
	struct sieve_mailto to;
	struct err e;
	*ret_zh = "通知方式无效";
	if (uri.n > METHOD_MAX || !utf8_valid(uri))
		return "is too long";
	for (size_t i = 0; i < uri.n; i++)
		if ((unsigned char)uri.p[i] <= ' ' || uri.p[i] == 0x7f)
			return "holds a blank or a control character";
	if (slice_istarts(uri, S("mailto:")))
		return sieve_mailto(uri, a, &to, &e) ? NULL : arena_strz(a, slice_z(e.text));
	if (slice_istarts(uri, S("https://"))) {
		struct url u;
		bool good = url_parse(uri, a, &u) && slice_eq(u.scheme, S("https")) && u.host.n &&
			    !u.userinfo.n && !(u.flags & (URL_BAD_HOST | URL_CUT | URL_CONTROL));
		return good ? NULL : "is no address of a web server";
	}
	*ret_zh = "未知的通知方式：可用 mailto 和 https";
	return "is no method that is known: there are mailto and https";
}

/* "name=value" (RFC 5435 section 3.7). */
static bool good_option(slice s)
{
	size_t n = 0;
	while (n < s.n && ((ascii_lower(s.p[n]) >= 'a' && ascii_lower(s.p[n]) <= 'z') ||
				  (n && s.p[n] && strchr("0123456789.-_", s.p[n]))))
		n++;
	return n > 0 && n < s.n && s.p[n] == '=' && !memchr(s.p, '\n', s.n) &&
	       !memchr(s.p, '\r', s.n) && !memchr(s.p, 0, s.n);
}

static bool check_options(struct check *c, const struct arg *a)
{
	for (size_t i = 0; a && i < a->n; i++) {
		if (i < OPTIONS_MAX && (a->v[i].n || good_option(a->v[i].plain)))
			continue;
		sieve_mistake(c, a->at,
			SAY(c, "notify: invalid option '%.*s': it must be name=value",
				SFMT(a->v[i].plain)),
			SAY(c, "notify：无效的选项“%.*s”：应为 名称=值", SFMT(a->v[i].plain)));
		return false;
	}
	return true;
}

static bool check_importance(struct check *c, const struct arg *a)
{
	slice s = a ? a->v[0].plain : (slice){0};
	if (!a || a->v[0].n || (s.n == 1 && s.p[0] >= '1' && s.p[0] <= '3'))
		return true;
	sieve_mistake(c, a->at, S("notify: :importance must be \"1\", \"2\" or \"3\""),
		S("notify：:importance 必须是 \"1\"、\"2\" 或 \"3\""));
	return false;
}

static bool check_notify(struct check *c, struct node *n)
{
	slice address;
	const char *zh;
	const struct arg *from = sieve_node_tag(n, TAG_FROM, NULL), *method = n->pos[0];
	if (from && !from->v[0].n && !sieve_mailbox(from->v[0].plain, c->a, &address, NULL)) {
		sieve_mistake(c, from->at,
			SAY(c, "notify: '%.*s' is no mail address", SFMT(from->v[0].plain)),
			SAY(c, "notify：“%.*s”不是邮件地址", SFMT(from->v[0].plain)));
		return false;
	}
	if (!check_options(c, sieve_node_tag(n, TAG_OPTIONS, NULL)) ||
		!check_importance(c, sieve_node_tag(n, TAG_IMPORTANCE, NULL)))
		return false;
	if (method->v[0].n)
		return true;
	slice uri = method->v[0].plain;
	const char *why = method_fault(uri, c->a, &zh);
	if (why)
		sieve_mistake(c, method->at, SAY(c, "notify: '%.*s' %s", SFMT(uri), why),
			SAY(c, "notify：“%.*s”：%s", SFMT(uri), zh));
	return !why;
}

static slice join_options(struct run *r, const struct arg *a)
{
	size_t n;
	struct buf out = BUF(OPTIONS_MAX * 4096);
	slice *v = sieve_run_strings(r, a, &n);
	for (size_t i = 0; i < n; i++)
		if (good_option(v[i]))
			buf_printf(&out, "%.*s\n", SFMT(v[i]));
	return sieve_run_keep(r, &out);
}

static bool is_said(const struct run *r, const struct sieve_action *like)
{
	for (const struct action_made *m = r->first; m; m = m->next)
		if (m->a.kind == SIEVE_NOTIFY && slice_eq(m->a.method, like->method) &&
			slice_eq(m->a.text, like->text))
			return true;
	return false;
}

/* A machine wrote it: a notice by mail could start a loop (RFC 5436 section 2.7.1). */
static bool is_automatic(struct run *r)
{
	struct loop *loop = r->loop;
	bool automatic = false;
	r->loop = NULL;
	struct fields *v = sieve_run_fields(r);
	for (size_t i = 0; i < v->n; i++) {
		slice value = slice_trim(v->v[i].value);
		if (slice_ieq(v->v[i].name, S("auto-submitted")))
			automatic = !slice_istarts(value, S("no")) ||
				    (value.n > 2 && !strchr(" ;(\t", value.p[2]));
	}
	r->loop = loop;
	return automatic;
}

static void run_notify(struct run *r, const struct node *n)
{
	slice address;
	const char *zh;
	struct sieve_action v = {.kind = SIEVE_NOTIFY, .method = sieve_run_string(r, n->pos[0])};
	v.text = sieve_run_string(r, sieve_node_tag(n, TAG_MESSAGE, NULL));
	v.options = join_options(r, sieve_node_tag(n, TAG_OPTIONS, NULL));
	slice importance = sieve_run_string(r, sieve_node_tag(n, TAG_IMPORTANCE, NULL)),
	      from = sieve_run_string(r, sieve_node_tag(n, TAG_FROM, NULL));
	v.importance = importance.n == 1 && importance.p[0] >= '1' && importance.p[0] <= '3'
			       ? importance.p[0] - '0'
			       : 2;
	if (!sieve_run_look(r, v.method.n * 4) || !sieve_run_memory(r, v.method.n * 8))
		return;
	const char *why = method_fault(v.method, r->a, &zh);
	if (why) {
		sieve_run_fail(r, arena_printf(r->a, "notify: '%.*s' %s", SFMT(v.method), why),
			arena_printf(r->a, "notify：“%.*s”：%s", SFMT(v.method), zh));
		return;
	}
	if (from.n && !sieve_mailbox(from, r->a, &address, &v.from))
		sieve_run_warn(r, S("notify: :from is no mail address; it is left out"),
			S("notify：:from 不是邮件地址，已忽略"));
	if (is_said(r, &v) || (slice_istarts(v.method, S("mailto:")) && is_automatic(r)))
		return;
	struct sieve_action *a = sieve_run_act(r, SIEVE_NOTIFY);
	if (!a)
		return;
	v.edits = a->edits;
	v.script = a->script;
	v.line = a->line;
	*a = v;
}

static bool holds_valid_method(struct run *r, const struct node *n)
{
	size_t count;
	const char *zh;
	slice *v = sieve_run_strings(r, n->pos[0], &count);
	for (size_t i = 0; i < count; i++)
		if (!sieve_run_look(r, v[i].n * 4) || !sieve_run_memory(r, v[i].n * 8) ||
			method_fault(v[i], r->a, &zh))
			return false;
	return true;
}

/* "online": nobody can know whether somebody reads mail now (RFC 5436 section 2.5). */
static bool holds_capability(struct run *r, const struct node *n)
{
	struct matching m;
	const char *zh;
	slice uri = sieve_run_string(r, n->pos[0]);
	if (!sieve_run_look(r, uri.n * 4) || !sieve_run_memory(r, uri.n * 8) ||
		method_fault(uri, r->a, &zh) ||
		!slice_ieq(sieve_run_string(r, n->pos[1]), S("online")))
		return false;
	sieve_match_begin(&m, r, n, n->pos[2]);
	sieve_match_value(&m, S("maybe"));
	return sieve_match_end(&m);
}

static const struct tag tags[] = {
	{S_INIT("from"), TAG_FROM, EXT_ENOTIFY, 's', 0},
	{S_INIT("importance"), TAG_IMPORTANCE, EXT_ENOTIFY, 's', 0},
	{S_INIT("options"), TAG_OPTIONS, EXT_ENOTIFY, 'S', 0},
	{S_INIT("message"), TAG_MESSAGE, EXT_ENOTIFY, 's', 0},
	{{0}, 0, 0, 0, 0},
};

const struct word sieve_words_enotify[] = {
	{.name = S_INIT("notify"),
		.ext = EXT_ENOTIFY,
		.params = {{'s', false, "method", "方式"}},
		.tags = tags,
		.check = check_notify,
		.run = run_notify},
	{.name = S_INIT("valid_notify_method"),
		.ext = EXT_ENOTIFY,
		.test = true,
		.params = {{'S', false, "methods", "方式"}},
		.holds = holds_valid_method},
	{.name = S_INIT("notify_method_capability"),
		.ext = EXT_ENOTIFY,
		.test = true,
		.takes = TAKES_MATCH,
		.params = {{'s', false, "method", "方式"}, {'s', false, "capability", "能力"},
			{'S', false, "key list", "关键字列表"}},
		.holds = holds_capability},
	{.name = {0}},
};
