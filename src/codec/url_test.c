/* URLs: read as browsers do, found in texts, look-alikes, links that say one thing and lead to
 * another. */
#include "codec/url.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/test.h"

/* A small list of suffixes stands for the real one. */
static bool is_suffix(slice s)
{
	static const slice v[] = {S_INIT("com"), S_INIT("org"), S_INIT("cn"), S_INIT("com.cn"),
		S_INIT("example"), S_INIT("ru"), S_INIT("zip"), S_INIT("it"), S_INIT("py"),
		S_INIT("xn--p1ai")};
	for (size_t i = 0; i < sizeof v / sizeof *v; i++)
		if (slice_eq(s, v[i]))
			return true;
	return false;
}

static slice organisation(slice host)
{
	size_t from = 0;
	for (size_t i = 0; i < host.n; i++) {
		slice behind = slice_skip(host, i + 1);
		if (host.p[i] != '.')
			continue;
		if (is_suffix(behind))
			return slice_skip(host, from);
		from = i + 1;
	}
	return host;
}

static const struct url_names names = {is_suffix, organisation};

static const struct {
	const char *in, *text, *host;
	unsigned flags;
} parsed[] = {
	{"HTTP://Example.COM", "http://example.com/", "example.com", 0},
	{" https://e.com:443/a b?c=d#e\n", "https://e.com/a%20b?c=d#e", "e.com", 0},
	{"http://e.com:8080/", "http://e.com:8080/", "e.com", URL_PORT},
	{"ht\ntp://e.\tcom/", "http://e.com/", "e.com", 0},
	{"http:\\\\e.com\\a", "http://e.com/a", "e.com", URL_BACKSLASH},
	{"http:/e.com/", "http://e.com/", "e.com", URL_BACKSLASH},
	{"https:e.com", "https://e.com/", "e.com", URL_BACKSLASH},
	{"////e.com/", "http://e.com/", "e.com", URL_BACKSLASH},
	{"//e.com/x", "http://e.com/x", "e.com", 0},
	{"http://bank.com@evil.ru/", "http://evil.ru/", "evil.ru",
		URL_USERINFO | URL_USERINFO_HOST},
	{"http://user:pw@e.com/", "http://e.com/", "e.com", URL_USERINFO},
	{"http://e.com/@x", "http://e.com/@x", "e.com", 0},
	{"http://3232235777/", "http://192.168.1.1/", "192.168.1.1", URL_IP | URL_IP_ODD},
	{"http://0xC0.0250.1.1/", "http://192.168.1.1/", "192.168.1.1", URL_IP | URL_IP_ODD},
	{"http://192.11010305/", "http://192.168.1.1/", "192.168.1.1", URL_IP | URL_IP_ODD},
	{"http://192.0.2.1/", "http://192.0.2.1/", "192.0.2.1", URL_IP},
	{"http://192.0.2.256/", "http://192.0.2.256/", "192.0.2.256", URL_BAD_HOST},
	{"http://[2001:DB8::1]:81/", "http://[2001:db8::1]:81/", "[2001:db8::1]",
		URL_IP | URL_PORT},
	{"http://%65%2ecom/", "http://e.com/", "e.com", URL_ENCODED_HOST},
	{"http://ｅ．ｃｏｍ/", "http://e.com/", "e.com", URL_ENCODED_HOST},
	{"http://①②⑦.0.0.1/", "http://127.0.0.1/", "127.0.0.1",
		URL_ENCODED_HOST | URL_IP | URL_IP_ODD},
	{"http://e.com./", "http://e.com/", "e.com", 0},
	{"http://bücher.com/", "http://xn--bcher-kva.com/", "xn--bcher-kva.com", URL_IDN},
	{"http://xn--bcher-kva.com/", "http://xn--bcher-kva.com/", "xn--bcher-kva.com", URL_IDN},
	{"http://xn--a/", "http://xn--a/", "xn--a", URL_IDN | URL_BAD_IDN},
	{"http://中国.cn/", "http://xn--fiqs8s.cn/", "xn--fiqs8s.cn", URL_IDN},
	/* Cyrillic а in Latin; all Cyrillic; under a Cyrillic top level it is Russian. */
	{"http://pаypal.com/", "http://xn--pypal-4ve.com/", "xn--pypal-4ve.com",
		URL_IDN | URL_MIXED | URL_LOOKALIKE},
	{"http://сора.com/", "http://xn--80a1agc.com/", "xn--80a1agc.com", URL_IDN | URL_LOOKALIKE},
	{"http://сора.рф/", "http://xn--80a1agc.xn--p1ai/", "xn--80a1agc.xn--p1ai", URL_IDN},
	{"http://e.com/%7Ea%2f%41", "http://e.com/~a%2FA", "e.com", URL_ENCODED},
	{"http://r.com/?u=http%3A%2F%2Fe.com%2F", "http://r.com/?u=http%3A%2F%2Fe.com%2F", "r.com",
		URL_NESTED},
	{"http://r.com/aHR0cDovL2UuY29tLw", "http://r.com/aHR0cDovL2UuY29tLw", "r.com", URL_NESTED},
	{"http://www.paypal.com.login.evil.ru/", "http://www.paypal.com.login.evil.ru/",
		"www.paypal.com.login.evil.ru", URL_DEEP_HOST | URL_HOST_IN_PATH},
	{"http://evil.ru/www.paypal.com/", "http://evil.ru/www.paypal.com/", "evil.ru",
		URL_HOST_IN_PATH},
	{"http://e\xe2\x80\x8b.com/", "http://e.com/", "e.com", URL_CONTROL},
	{"http://a_b.com/", "http://a_b.com/", "a_b.com", 0},
	{"http://a b.com/", "http://a b.com/", "a b.com", URL_BAD_HOST},
	{"http:///", "http:///", "", URL_BACKSLASH | URL_BAD_HOST},
	{"www.e.com/x", "http://www.e.com/x", "www.e.com", URL_BARE},
	{"e.com:81/x", "http://e.com:81/x", "e.com", URL_BARE | URL_PORT},
	{"mailto:a@b.com?subject=x", "mailto:a@b.com?subject=x", "", URL_MAIL},
	{"JavaScript:alert(1)", "JavaScript:alert(1)", "", URL_SCRIPT},
	{"data:text/html,x", "data:text/html,x", "", URL_DATA},
	{"cid:1", "cid:1", "", URL_LOCAL},
	{"#top", "#top", "", URL_LOCAL},
	{"page.html", "page.html", "", URL_LOCAL},
	{"tel:+86", "tel:+86", "", URL_TEL},
};

TEST(url_parse)
{
	for (size_t i = 0; i < sizeof parsed / sizeof *parsed; i++) {
		AUTO(arena) struct arena a = {0};
		struct url u = {0};
		CHECK(url_parse(slice_z(parsed[i].in), &a, &u));
		if (!slice_eq(u.text, slice_z(parsed[i].text)) ||
			!slice_eq(u.host, slice_z(parsed[i].host)) || u.flags != parsed[i].flags)
			test_fail(__FILE__, __LINE__, "%s: %.*s host %.*s flags %x not %x",
				parsed[i].in, SFMT(u.text), SFMT(u.host), u.flags, parsed[i].flags);
	}
}

TEST(url_parts)
{
	AUTO(arena) struct arena a = {0};
	struct url u;
	CHECK(!url_parse(S(" \n"), &a, &u));
	CHECK(url_parse(
		S("https://u@xn--bcher-kva.com:1/p?q=https%253A%252F%252Fe.com#f"), &a, &u));
	CHECK_STR(u.scheme, S("https"));
	CHECK_STR(u.userinfo, S("u"));
	CHECK_STR(u.shown, S("bücher.com"));
	CHECK_INT(u.port, 1);
	CHECK_STR(u.path, S("/p"));
	CHECK_STR(u.fragment, S("f"));
	CHECK(slice_starts(u.nested, S("https://e.com")));
	CHECK(url_parse(S("http://r.com/?x=aHR0cHM6Ly9lLmNvbS9h&y"), &a, &u));
	CHECK_STR(u.nested, S("https://e.com/a"));
	CHECK(url_parse(S("http://r.com/?u=http://e.com/a&b=c"), &a, &u));
	CHECK_STR(u.nested, S("http://e.com/a"));
}

static const struct {
	const char *text, *found; /* each with '|' behind it */
} texts[] = {
	{"see http://e.com/a, or (https://e.org/b(c)).", "http://e.com/a|https://e.org/b(c)|"},
	{"请访问http://e.com/abc，谢谢", "http://e.com/abc|"},
	{"打开https://e.com/请登录", "https://e.com/|"},
	{"请点击http://e.com/领取奖品", "http://e.com/|"},
	{"点击www.e.com领取", "http://www.e.com/|"},
	{"官网:ex.com。更多", "http://ex.com/|"},
	{"访问e.cn/x领取", "http://e.cn/x|"},
	{"hxxp://e[.]com/x and hxxps://e.org", "http://e.com/x|https://e.org/|"},
	{"e[.]com and e(dot)org and a [.] b", "http://e.com/|http://e.org/|"},
	{"http：//e.com/x", "http://e.com/x|"},
	{"<http://e.com/a>\"http://e.com/b\"", "http://e.com/a|http://e.com/b|"},
	{"mail a@e.com or b.c@e.org.", ""},
	{"mailto:a@e.com now", "mailto:a@e.com|"},
	{"It is done.It was e.g. version 1.2.3 of file.txt, run.py, x.zip", ""},
	{"run.py/x shop.ex.com", "http://run.py/x|http://shop.ex.com/|"},
	{"e.com:8080/x?y=1", "http://e.com:8080/x?y=1|"},
	{"http://", ""},
	{"http:// http://a", "http://a/|"},
	{"wiki http://e.org/wiki/中国 x", "http://e.org/wiki/%E4%B8%AD%E5%9B%BD|"},
	{"http://e.com/a...\nhttp://e.com/b!", "http://e.com/a|http://e.com/b|"},
	{"http://пример.ru/", "http://xn--e1afmkfd.ru/|"},
	{"...ex.com... e.com", "http://ex.com/|"},
};

TEST(url_find)
{
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		AUTO(arena) struct arena a = {0};
		AUTO(buf) struct buf out = BUF(10000);
		struct url *v;
		size_t n = url_find(slice_z(texts[i].text), &names, &a, &v);
		for (size_t k = 0; k < n; k++) {
			buf_printf(&out, "%.*s|", SFMT(v[k].text));
			CHECK(v[k].from < v[k].to && v[k].to <= strlen(texts[i].text));
		}
		if (!slice_eq(buf_slice(&out), slice_z(texts[i].found)))
			test_fail(__FILE__, __LINE__, "%s: %.*s", texts[i].text,
				SFMT(buf_slice(&out)));
	}
}

TEST(url_deceives)
{
	static const struct {
		const char *said, *target;
		bool deceives;
	} v[] = {{"www.bank.com", "http://evil.ru/", true},
		{"www.bank.com", "https://login.bank.com/", false},
		{"https://bank.com/login", "http://bank.com.evil.ru/", true},
		{"bank.com.cn", "http://x.bank.com.cn/", false},
		{"Click here", "http://evil.ru/", false},
		{"www.bank.com", "http://click.org/?u=https%3A%2F%2Fwww.bank.com%2F", false},
		{"write to a@bank.com", "http://evil.ru/", false},
		{"visit bank.com now", "http://evil.ru/", false},
		{"bank.com", "mailto:x@y.com", false}};
	for (size_t i = 0; i < sizeof v / sizeof *v; i++) {
		AUTO(arena) struct arena a = {0};
		struct url u;
		CHECK(url_parse(slice_z(v[i].target), &a, &u));
		if (url_deceives(slice_z(v[i].said), &u, &names, &a) != v[i].deceives)
			test_fail(__FILE__, __LINE__, "%s -> %s", v[i].said, v[i].target);
	}
}

TEST(url_skeletons)
{
	AUTO(arena) struct arena a = {0};
	CHECK_STR(url_skeleton(S("раураl"), &a), url_skeleton(S("paypal"), &a));
	CHECK_STR(url_skeleton(S("rnicrosoft"), &a), url_skeleton(S("microsoft"), &a));
	CHECK(!slice_eq(url_skeleton(S("apple"), &a), url_skeleton(S("orange"), &a)));
}

TEST(url_limits)
{
	AUTO(arena) struct arena a = {0};
	AUTO(buf) struct buf b = BUF(1 << 20);
	struct url *v, u;
	for (int i = 0; i < 3000; i++)
		buf_put(&b, S("http://e.com/ "));
	CHECK_INT(url_find(buf_slice(&b), NULL, &a, &v), URL_LIST_MAX);
	buf_reset(&b);
	buf_put(&b, S("http://e.com/"));
	buf_fill(&b, 'x', 100000);
	CHECK(url_parse(buf_slice(&b), &a, &u));
	CHECK(u.flags & URL_CUT && u.text.n <= URL_MAX + 100);
}
