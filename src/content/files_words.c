/*
 * Words of the letter that may be the password of its attachment: what stands behind "password",
 * "密码" and their like in subject and text. Called by files_archive.c, once a letter.
 */
#include "content/files.h"

enum {
	LOOKED_AT = 16 * 1024, /* of the text */
	WORD_MIN = 2,
	WORD_MAX = 40,
	SIGNS_MAX = 3, /* behind the password */
	BETWEEN_MAX = 24, /* bytes between the keyword and the password */
};

static const slice keywords[] = {S_INIT("password"), S_INIT("passwort"), S_INIT("passcode"),
	S_INIT("pass"), S_INIT("pwd"), S_INIT("pw"), S_INIT("pin"), S_INIT("密码"), S_INIT("密碼"),
	S_INIT("口令"), S_INIT("解压码"), S_INIT("解壓碼"), S_INIT("提取码"),
	S_INIT("mot de passe"), S_INIT("contraseña"), S_INIT("пароль")};

/* What may stand between: blanks, colons, quotes, "is", "为", "是". */
static slice between(slice s)
{
	static const slice fill[] = {S_INIT(" "), S_INIT("\t"), S_INIT("\n"), S_INIT(":"),
		S_INIT("="), S_INIT("\""), S_INIT("'"), S_INIT("("), S_INIT("["), S_INIT("-"),
		S_INIT("*"), S_INIT("："), S_INIT("“"), S_INIT("‘"), S_INIT("（"), S_INIT("【"),
		S_INIT("为"), S_INIT("為"), S_INIT("是"), S_INIT("\xc2\xa0"),
		S_INIT("\xe3\x80\x80"), S_INIT("is "), S_INIT("is:"), S_INIT("for "),
		S_INIT("the "), S_INIT("archive "), S_INIT("file "), S_INIT("zip ")};
	slice from = s;
	for (bool more = true; more && from.n - s.n < BETWEEN_MAX;) {
		more = false;
		for (size_t i = 0; i < sizeof fill / sizeof *fill; i++)
			if (slice_istarts(s, fill[i])) {
				s = slice_skip(s, fill[i].n);
				more = true;
				break;
			}
	}
	return s;
}

static void add(struct content_reader *r, slice word)
{
	if (word.n < WORD_MIN || word.n > WORD_MAX || r->npasswords == FILES_PASSWORDS_MAX)
		return;
	for (size_t i = 0; i < r->npasswords; i++)
		if (slice_eq(slice_z(r->passwords[i]), word))
			return;
	r->passwords[r->npasswords++] = arena_strz(r->a, word);
}

/* A run of printable ASCII; with and without what sentences put behind it. */
static void take(struct content_reader *r, slice s)
{
	size_t n = 0;
	while (n < s.n && s.p[n] > ' ' && s.p[n] < 127 && n <= WORD_MAX)
		n++;
	slice word = slice_first(s, n);
	for (unsigned i = 0; i <= SIGNS_MAX && word.n; i++) {
		add(r, word);
		if (!strchr(".,;:!?\"')]*", word.p[word.n - 1]))
			return;
		word.n--;
	}
}

static void look(struct content_reader *r, slice text)
{
	text = slice_first(text, LOOKED_AT);
	for (size_t i = 0; i < text.n; i++)
		for (size_t k = 0; k < sizeof keywords / sizeof *keywords; k++) {
			slice rest = slice_skip(text, i);
			if (!slice_istarts(rest, keywords[k]))
				continue;
			take(r, between(slice_skip(rest, keywords[k].n)));
			i += keywords[k].n - 1;
			break;
		}
}

size_t files_passwords(struct content_reader *r, const char *ret[FILES_PASSWORDS_MAX])
{
	if (!r->passwords_looked) {
		r->passwords_looked = true;
		r->passwords = ARENA_ARRAY(r->a, const char *, FILES_PASSWORDS_MAX);
		look(r, r->c->mail.subject);
		look(r, r->c->mail.text);
	}
	memcpy(ret, r->passwords, r->npasswords * sizeof *ret);
	return r->npasswords;
}
