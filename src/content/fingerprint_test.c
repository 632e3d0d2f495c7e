/* Fingerprints: variants of a template meet, other letters do not; each kind sees what it should.
 */
#include "content/fingerprint.h"

#include "base/mem.h"
#include "base/rand.h"
#include "base/test.h"
#include "content/report.h"

struct prints {
	struct fingerprint v[FINGERPRINTS_MAX];
	size_t n;
};

static struct prints prints_of(slice letter, const struct content_context *ctx)
{
	static const struct content_tools tools;
	static const struct content_context nothing;
	AUTO(arena) struct arena a = {0};
	struct prints ret = {.n = 0};
	struct content_examiner *e = content_examiner_new();
	struct content_report *r = ARENA_NEW(&a, struct content_report);
	content_examine(e, letter, ctx ? ctx : &nothing, &tools, 0, &a, r);
	memcpy(ret.v, r->prints, sizeof ret.v);
	ret.n = r->nprints;
	content_examiner_free(e);
	return ret;
}

static unsigned shared(const struct prints *p, const struct prints *q, enum fingerprint_kind kind)
{
	unsigned n = 0;
	for (size_t i = 0; i < p->n; i++)
		for (size_t k = 0; k < q->n; k++)
			n += p->v[i].kind == kind && q->v[k].kind == kind &&
			     p->v[i].hash == q->v[k].hash;
	return n;
}

static unsigned count(const struct prints *p, enum fingerprint_kind kind)
{
	unsigned n = 0;
	for (size_t i = 0; i < p->n; i++)
		n += p->v[i].kind == kind;
	return n;
}

/* ---- texts ---- */

static unsigned chance = 1;

static unsigned one_in(unsigned n)
{
	chance = chance * 1103515245 + 12345;
	return (chance >> 16) % n;
}

static slice choose(const char *const *v, unsigned n)
{
	return slice_z(v[one_in(n)]);
}

/* A sentence of a template: {a|b} is one of several words, # a number, ^ a name, ~ a link. */
static void put_variant(struct buf *out, slice s)
{
	static const char *const names[] = {"Anna Berg", "Tom Keller", "Mrs Ruth Okafor", "Li Wei",
		"J. P. Martin", "Samuel", "customer"};
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '{') {
			slice rest = slice_skip(s, i + 1), word, options[8];
			slice all = slice_first(rest, slice_index(rest, '}'));
			unsigned n = 0;
			while (n < 8 && slice_cut(&all, '|', &word))
				options[n++] = word;
			buf_put(out, options[one_in(n)]);
			i += 1 + slice_index(rest, '}');
		} else if (s.p[i] == '#') {
			buf_printf(out, "%u", 10 + one_in(9000));
		} else if (s.p[i] == '^') {
			buf_put(out, choose(names, sizeof names / sizeof *names));
		} else if (s.p[i] == '~') {
			buf_printf(out, "https://x%u.example/%u", one_in(999), one_in(9999));
		} else {
			buf_byte(out, s.p[i]);
		}
	}
}

static const char *const english[] = {
	"Dear ^,\n",
	"We {regret|are sorry} to inform you that your parcel number # could not be delivered "
	"because the address on the label was {incomplete|wrong}.\n",
	"Please confirm your address and pay the {small|outstanding} fee of # dollars within # "
	"hours, "
	"otherwise the parcel will be {returned|sent back} to the sender at your expense.\n",
	"You can do this at any time by following this link: ~\n",
	"Our courier will then try again on the next working day between eight and six.\n",
	"If you have already arranged delivery with our office, {please|kindly} ignore this "
	"notice.\n",
	"Thank you for choosing our {service|company}.\nYour delivery team, ^\n",
};
static const char *const chinese[] = {
	"尊敬的^用户：\n",
	"您的邮箱容量已达到上限，自#日起将{无法|不能}正常接收新的邮件。\n",
	"请您在#小时内点击下方链接进行{升级|扩容}验证，逾期未处理的账户将被系统自动停用。\n",
	"验证地址：~ 验证编号 #\n",
	"升级过程不会影响您已有的邮件和联系人，请放心操作。\n",
	"如有疑问请联系{信息中心|网络中心}值班人员，电话 #。\n",
	"{系统管理员|邮件管理中心}\n",
};

/* swap: two of its sentences change places. */
static void put_letter(struct buf *out, const char *const *lines, unsigned n, bool swap)
{
	const char *v[8];
	memcpy(v, lines, n * sizeof *v);
	if (swap) {
		unsigned i = 1 + one_in(n - 3);
		const char *t = v[i];
		v[i] = v[i + 1];
		v[i + 1] = t;
	}
	buf_put(out, S("From: a@example.com\nSubject: notice\nContent-Type: text/plain; "
		       "charset=utf-8\n\n"));
	for (unsigned i = 0; i < n; i++)
		put_variant(out, slice_z(v[i]));
}

static unsigned meetings(const char *const *lines, unsigned n, unsigned tries)
{
	AUTO(buf) struct buf first = BUF(1 << 16);
	unsigned met = 0;
	put_letter(&first, lines, n, false);
	struct prints p = prints_of(buf_slice(&first), NULL);
	CHECK_INT(count(&p, FINGERPRINT_TEXT), 16);
	for (unsigned i = 0; i < tries; i++) {
		AUTO(buf) struct buf other = BUF(1 << 16);
		put_letter(&other, lines, n, one_in(2));
		struct prints q = prints_of(buf_slice(&other), NULL);
		met += shared(&p, &q, FINGERPRINT_TEXT) > 0;
	}
	return met;
}

TEST(fingerprint_variants_meet)
{
	CHECK(meetings(english, 7, 200) >= 190);
	CHECK(meetings(chinese, 7, 200) >= 190);
}

/* Random letters of common words: nobody meets. */
static void put_prose(struct buf *out)
{
	static const char *const words[] = {"the", "and", "we", "you", "for", "with", "your", "our",
		"meeting", "order", "please", "report", "team", "week", "project", "time", "house",
		"people", "can", "will", "have", "would", "about", "from", "next", "last", "new",
		"good", "thanks", "need", "know", "think", "open", "plan", "change", "work", "see"};
	buf_put(out, S("From: a@example.com\nSubject: x\n\n"));
	for (unsigned i = 0; i < 150; i++) {
		buf_put(out, choose(words, sizeof words / sizeof *words));
		buf_byte(out, i % 12 == 11 ? '\n' : ' ');
	}
}

TEST(fingerprint_others_do_not_meet)
{
	static struct prints v[60];
	unsigned met = 0;
	for (unsigned i = 0; i < 60; i++) {
		AUTO(buf) struct buf letter = BUF(1 << 16);
		put_prose(&letter);
		v[i] = prints_of(buf_slice(&letter), NULL);
		for (unsigned k = 0; k < i; k++)
			met += shared(&v[i], &v[k], FINGERPRINT_TEXT) > 0;
	}
	CHECK_INT(met, 0);
}

TEST(fingerprint_short_texts)
{
	struct prints none = prints_of(S("From: a@b.example\n\nSee you at 8.\n"), NULL);
	CHECK_INT(count(&none, FINGERPRINT_TEXT), 0);
	struct prints p = prints_of(S("From: a@b.example\n\nYour package 123 is waiting at the "
				      "depot, please confirm your delivery address now\n"),
		NULL);
	struct prints q = prints_of(S("From: a@b.example\n\nYour package 98765 is waiting at the "
				      "depot, please confirm your delivery address now "
				      "https://x.example/a\n"),
		NULL);
	CHECK_INT(count(&p, FINGERPRINT_TEXT), 1);
	CHECK_INT(shared(&p, &q, FINGERPRINT_TEXT), 1);
}

/* ---- the other kinds ---- */

TEST(fingerprint_links)
{
	struct prints p = prints_of(S("From: a@b.example\nContent-Type: text/html\n\n"
				      "<a href='https://evil.example/secure/83726/login.php?id=1'>a"
				      "</a> <a href='https://cdn.example.net/x1'>b</a>\n"),
		NULL);
	struct prints q =
		prints_of(S("From: c@d.example\nContent-Type: text/html\n\n"
			    "<p>Other <a href='https://evil.example/secure/7/login.php?"
			    "id=xyz'>z</a> <a href='https://cdn.example.net/x22'>b</a>\n"),
			NULL);
	struct prints r = prints_of(S("From: c@d.example\nContent-Type: text/html\n\n"
				      "<a href='https://evil.example/contact'>z</a>\n"),
		NULL);
	CHECK_INT(count(&p, FINGERPRINT_LINK), 2);
	CHECK_INT(shared(&p, &q, FINGERPRINT_LINK), 2);
	CHECK_INT(shared(&p, &q, FINGERPRINT_LINKS), 1);
	CHECK_INT(shared(&p, &r, FINGERPRINT_LINK), 0);
	CHECK_INT(count(&r, FINGERPRINT_LINKS), 0);
}

static void put_table(struct buf *out, unsigned rows, const char *extra)
{
	buf_put(out, S("From: a@b.example\nContent-Type: text/html\n\n<html><head><style></style>"
		       "</head><body><div><center><table><tr><td><img><h1>Hi</h1><p>text<br>"
		       "</td></tr>"));
	for (unsigned i = 0; i < rows; i++)
		buf_printf(out, "<tr><td>%u</td><td><b>x</b></td></tr>", i);
	buf_printf(out,
		"</table><span><font><a href='http://a.example/'>%s</a></font></span>"
		"<hr><ul><li>1</ul></div>",
		extra);
}

TEST(fingerprint_layout)
{
	AUTO(buf) struct buf a = BUF(1 << 16), b = BUF(1 << 16), c = BUF(1 << 16);
	put_table(&a, 3, "one");
	put_table(&b, 12, "two");
	put_table(&c, 3, "<h2>three</h2><i>i</i>");
	struct prints p = prints_of(buf_slice(&a), NULL), q = prints_of(buf_slice(&b), NULL);
	struct prints r = prints_of(buf_slice(&c), NULL);
	CHECK(count(&p, FINGERPRINT_LAYOUT) >= 1);
	CHECK_INT(shared(&p, &q, FINGERPRINT_LAYOUT), (int)count(&p, FINGERPRINT_LAYOUT));
	CHECK_INT(shared(&p, &r, FINGERPRINT_LAYOUT), 0);
}

TEST(fingerprint_files)
{
	static const char form[] =
		"From: a@b.example\nSubject: %s\nContent-Type: "
		"application/octet-stream; name=%s\n\nMZ%s 0123456789 0123456789 "
		"0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 "
		"0123456789 0123456789 the end\n";
	AUTO(arena) struct arena a = {0};
	struct prints p = prints_of(arena_printf(&a, form, "one", "a.exe", "x"), NULL);
	struct prints q = prints_of(arena_printf(&a, form, "two", "b.exe", "x"), NULL);
	struct prints r = prints_of(arena_printf(&a, form, "two", "b.exe", "y"), NULL);
	CHECK_INT(count(&p, FINGERPRINT_FILE), 1);
	CHECK_INT(shared(&p, &q, FINGERPRINT_FILE), 1);
	CHECK_INT(shared(&p, &r, FINGERPRINT_FILE), 0);
}

static slice from_tool(struct arena *a, const char *id, const char *mailer)
{
	return arena_printf(a,
		"Received: by x; %s\nMessage-ID: <%s@h.example>\nX-Mailer: %s\n"
		"From: \"N\" <n@d.example>\nDate: x\nSubject: %s\n\nHello\n",
		id, id, mailer, id);
}

TEST(fingerprint_sender)
{
	AUTO(arena) struct arena a = {0};
	struct content_context one = {.client_ip = S("192.0.2.7"), .helo = S("mx17")};
	struct content_context near = {.client_ip = S("192.0.2.200"), .helo = S("mx3")};
	struct content_context far = {.client_ip = S("198.51.100.1"), .helo = S("mail.d.example")};
	struct prints p = prints_of(from_tool(&a, "123.Ab4", "Blaster 1.2"), &one);
	struct prints q = prints_of(from_tool(&a, "98765.Xy777", "Blaster 2.10"), &near);
	struct prints r = prints_of(from_tool(&a, "98765.Xy777", "Blaster 2.10"), &far);
	struct prints s = prints_of(from_tool(&a, "aa-bb-cc", "Thunderbird"), &one);
	CHECK_INT(count(&p, FINGERPRINT_SENDER), 4);
	CHECK_INT(shared(&p, &q, FINGERPRINT_SENDER), 4);
	CHECK_INT(shared(&p, &r, FINGERPRINT_SENDER), 2);
	CHECK_INT(shared(&p, &s, FINGERPRINT_SENDER), 1); /* place and domain */
}

/* Never more than there is room for, whatever the letter. */
TEST(fingerprint_room)
{
	AUTO(buf) struct buf t = BUF(1 << 20);
	struct content_context ctx = {.client_ip = S("192.0.2.7"), .helo = S("mx17")};
	put_table(&t, 3, "x");
	for (unsigned i = 0; i < 300; i++)
		buf_printf(&t,
			"<p>word%c%c%c and other words <a href='http://h%u.example/p/%c'>x</a>",
			'a' + i % 26, 'a' + i / 26, 'a' + i % 7, i, 'a' + i % 26);
	struct prints p = prints_of(buf_slice(&t), &ctx);
	CHECK_INT(count(&p, FINGERPRINT_TEXT), 16);
	CHECK_INT(count(&p, FINGERPRINT_LINK), 12);
	CHECK_INT(count(&p, FINGERPRINT_SENDER), 4);
	CHECK(p.n <= FINGERPRINTS_MAX);
}
