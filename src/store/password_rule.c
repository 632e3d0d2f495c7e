/*
 * The rules for new passwords (password_rule.h): section [password], and what it means. Used by
 * credential_change and, for the age, by the auth role.
 */
#include "store/password_rule.h"

#include "base/mem.h"
#include "base/utf8.h"
#include "store/password.h"
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#define T struct password_rule
static const struct conf_key password_keys[] = {
	CONF_KEY_INT(
		T, minimum, "8", 4, 200, "Shortest password, in characters.", "密码的最少字符数。"),
	CONF_KEY_INT(T, classes, "1", 1, 4,
		"Kinds of characters that a password has at least: small letters, capitals, "
		"digits, others "
		"(letters without case, as of Chinese, are others).",
		"密码至少包含几类字符：小写字母、大写字母、数字、其他（汉字等不分大小写的文字算其他"
		"）。"),
	CONF_KEY_BOOL(T, own_name, "no", "A password may be made of the account's address or name.",
		"密码可以由帐号地址或姓名构成。"),
	CONF_KEY_BOOL(T, common, "no", "Passwords that very many people use are accepted.",
		"接受非常多人使用的常见密码。"),
	CONF_KEY_PATH(T, common_file, "",
		"File of more common passwords, one a line, at most 64 MiB; capitals do not "
		"matter.",
		"更多常见密码的文件，每行一个，最大 64 MiB；不区分大小写。"),
	CONF_KEY_INT(T, history, "0", 0, 30,
		"So many former passwords (with the present one) may not be set again.",
		"最近这么多个密码（含当前的）不得再次使用。"),
	CONF_KEY_DURATION(T, max_age, "0", 0, 3650 * DAY,
		"A password must be changed when it is so old; mail programs are refused until "
		"then. 0: never. "
		"Passwords of directory servers have their own rules.",
		"密码使用这么久后必须修改，此前邮件客户端会被拒绝；0：从不。目录服务器的密码有其自"
		"己的规则。"),
	CONF_KEY_DURATION(T, min_age, "0", 0, 30 * DAY,
		"People may change their own password again only after this time. 0: at once.",
		"本人修改密码后，过这么久才能再次修改；0：随时。"),
	CONF_END};
#undef T

static void check(const void *value, slice instance, struct conf_check *c)
{
	const struct password_rule *v = value;
	(void)instance;
	if (v->max_age > 0 && v->min_age >= v->max_age)
		conf_complain(c, "min_age", "must be shorter than max_age", "必须短于 max_age");
	if (v->max_age > 0 && v->max_age < DAY)
		conf_complain(c, "max_age", "is at least 1d, or 0", "至少为 1d，或为 0");
}

const struct conf_section password_section = {.name = "password",
	.keys = password_keys,
	.size = sizeof(struct password_rule),
	.doc_en = "Rules for the passwords of accounts, when they are set.",
	.doc_zh = "设置帐号密码时的规则。",
	.check = check};

/* What people choose first, here and elsewhere; with digits or signs behind them they are the same. */
static const char *const common_words[] = {"password", "passw0rd", "p@ssword", "p@ssw0rd",
	"passwort", "motdepasse", "contrasena", "qwerty", "qwertyuiop", "qwertz", "azerty",
	"asdfgh", "asdfghjkl", "zxcvbn", "zxcvbnm", "1qaz2wsx", "1q2w3e4r", "1q2w3e4r5t",
	"q1w2e3r4", "qazwsx", "qweasd", "qweasdzxc", "abc", "abcd", "abcde", "abcdef", "abcdefg",
	"abcdefgh", "abcabc", "aaa", "aaaa", "aaaaaa", "aaaaaaaa", "admin", "administrator", "root",
	"toor", "user", "guest", "test", "tester", "testing", "demo", "changeme", "change",
	"default", "secret", "letmein", "welcome", "hello", "login", "master", "monkey", "dragon",
	"football", "baseball", "basketball", "superman", "batman", "iloveyou", "loveyou", "lovely",
	"sunshine", "princess", "shadow", "michael", "jordan", "whatever", "trustno", "starwars",
	"computer", "internet", "server", "office", "company", "mail", "email", "webmail",
	"postmaster", "postfix", "posthouse", "mailserver", "spring", "summer", "autumn", "winter",
	"january", "monday", "freedom", "killer", "pass", "qq", "woaini", "woaiwojia", "wodemima",
	"mima", "nihao", "woshishui", "zhongguo", "beijing", "shanghai", "aini", "caonima",
	"wangyi", "taobao", "huawei", "xiaomi", "xiaoming", "zhangsan", "lisi", "gongsi",
	"youxiang", "dianziyoujian", "5201314", "520520", "1314520", "147258369", "123321",
	"112233", "121212", "123123", "159357", "654321", "666666", "888888", "987654321",
	"0987654321", "1234qwer", "qwer", "asdf", "zxcv", "a1b2c3", "a1b2c3d4"};

/* ---- reading ---- */

struct shape {
	size_t characters;
	unsigned classes, distinct;
	bool runs; /* every character follows the one before: 12345678, hgfedcba */
};

static unsigned class_of(uint32_t c)
{
	return c >= 'a' && c <= 'z' ? 1 : c >= 'A' && c <= 'Z' ? 2 : c >= '0' && c <= '9' ? 4 : 8;
}

static struct shape look(slice s)
{
	struct shape r = {.runs = true};
	uint32_t last = 0, seen[4] = {0};
	int64_t step = 0;
	unsigned classes = 0;
	for (uint32_t c; utf8_next(&s, &c); last = c) {
		int64_t d = (int64_t)c - last;
		if (r.characters == 1)
			step = d;
		if (r.characters > 0 && (d != step || (d != 1 && d != -1 && d != 0)))
			r.runs = false;
		classes |= class_of(c);
		r.characters++;
		bool known = false;
		for (unsigned i = 0; i < r.distinct; i++)
			known = known || seen[i] == c;
		if (!known && r.distinct < 4)
			seen[r.distinct++] = c;
	}
	r.classes = (unsigned)__builtin_popcount(classes);
	return r;
}

/* Without what people put behind a word to satisfy a rule: "Password123!" is "password". */
static slice stem(slice s)
{
	while (s.n > 0 && !(ascii_lower(s.p[s.n - 1]) >= 'a' && ascii_lower(s.p[s.n - 1]) <= 'z') &&
		!(s.p[s.n - 1] & 0x80))
		s.n--;
	return s;
}

static bool is_common(slice password)
{
	slice word = stem(password);
	for (size_t i = 0; i < sizeof common_words / sizeof *common_words; i++) {
		slice w = slice_z(common_words[i]);
		if (slice_ieq(password, w) || slice_ieq(word, w))
			return true;
	}
	struct shape shape = look(password);
	return shape.runs || shape.distinct < 4;
}

static int in_file(slice path, slice password, bool *ret, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	struct stat st;
	FILE *f = fopen(arena_strz(&a, path), "re");
	if (!f)
		return err_sys(e, errno, "%.*s", SFMT(path));
	if (fstat(fileno(f), &st) < 0 || st.st_size > PASSWORD_FILE_MAX) {
		fclose(f);
		return err_set(e, ERR_LIMIT, "%.*s: larger than 64 MiB", SFMT(path));
	}
	char line[PASSWORD_MAX + 3];
	bool found = false;
	while (!found && fgets(line, sizeof line, f))
		found = slice_ieq(slice_trim(slice_z(line)), password);
	bool bad = ferror(f);
	fclose(f);
	*ret = found;
	return bad ? err_set(e, ERR_TEMP, "%.*s: cannot be read", SFMT(path)) : 0;
}

/* ---- names ---- */

static bool contains(slice text, slice word)
{
	for (size_t i = 0; i + word.n <= text.n; i++)
		if (slice_ieq(slice_of(text.p + i, word.n), word))
			return true;
	return false;
}

/* Little is left of the password when the name is taken out. */
static bool made_of(slice password, slice word)
{
	return word.n >= PASSWORD_OWN_WORD && contains(password, word) &&
	       password.n < word.n + PASSWORD_OWN_WORD + 1;
}

static bool is_own(slice password, slice address, slice name)
{
	slice local = slice_first(address, slice_rindex(address, '@'));
	slice domain = slice_skip(address, local.n + 1), part;
	slice first = slice_first(domain, slice_index(domain, '.'));
	if (slice_ieq(password, address) || made_of(password, local) || made_of(password, domain) ||
		made_of(password, first) || made_of(password, name))
		return true;
	while (slice_cut(&name, ' ', &part))
		if (made_of(password, part))
			return true;
	return false;
}

int password_check(
	const struct password_rule *rule, slice password, slice address, slice name, struct err *e)
{
	struct shape shape = look(password);
	bool listed = false;
	if (password.n > PASSWORD_MAX)
		return err_set(e, ERR_PROTO, "password is longer than %d bytes", PASSWORD_MAX);
	if ((int64_t)shape.characters < rule->minimum)
		return err_set(
			e, ERR_PROTO, "password is shorter than %d characters", (int)rule->minimum);
	if ((int64_t)shape.classes < rule->classes)
		return err_set(e, ERR_PROTO,
			"password needs %d kinds of characters: small letters, capitals, digits, "
			"others",
			(int)rule->classes);
	if (!rule->own_name && is_own(password, address, name))
		return err_set(e, ERR_PROTO, "password is made of the account's address or name");
	if (rule->common)
		return 0;
	if (rule->common_file.n && in_file(rule->common_file, password, &listed, e) < 0)
		return -1;
	return listed || is_common(password)
		       ? err_set(e, ERR_PROTO, "password is one that very many people use")
		       : 0;
}

bool password_expired(const struct password_rule *rule, int64_t changed_at, int64_t now)
{
	return rule->max_age > 0 && changed_at > 0 && now - changed_at >= rule->max_age;
}
