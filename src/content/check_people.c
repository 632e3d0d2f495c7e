/*
 * Checks for the names of those whom swindlers like to imitate (the site's list of people: chiefs,
 * treasurers): is a message in such a name from one of his addresses? Names are compared as readers
 * do: without case, order, titles, middle initials, in simplified characters, look-alike letters as
 * what they look like (text_normal.h).
 */
#include "codec/address.h"
#include "content/checking.h"
#include "content/checks.h"

enum {
	WORDS_MAX = 8, /* of a name */
	NAME_MAX = 300, /* bytes of a display name that are looked at */
	HAN_BYTES = 3, /* of nearly all Chinese characters in UTF-8 */
};

struct name {
	slice words[WORDS_MAX]; /* Latin ones, sorted, without titles and initials */
	size_t n;
	slice han; /* Chinese characters in a row, without titles */
	bool title; /* one was left out */
};

/* ---- reading names ---- */

static const slice latin_titles[] = {S_INIT("mr"), S_INIT("mrs"), S_INIT("ms"), S_INIT("dr"),
	S_INIT("prof"), S_INIT("professor"), S_INIT("sir"), S_INIT("ceo"), S_INIT("cfo"),
	S_INIT("cto"), S_INIT("coo"), S_INIT("president"), S_INIT("chairman"), S_INIT("director"),
	S_INIT("manager"), S_INIT("founder"), S_INIT("phd"), S_INIT("mba"), S_INIT("esq"),
	S_INIT("jr"), S_INIT("sr"), S_INIT("chief"), S_INIT("executive"), S_INIT("officer"),
	S_INIT("general"), S_INIT("office"), S_INIT("of"), S_INIT("the"), S_INIT("vp"),
	S_INIT("vice")};
/* Longer ones first: they end in shorter ones. */
static const slice han_titles[] = {S_INIT("副总经理"), S_INIT("总经理"), S_INIT("副董事长"),
	S_INIT("董事长"), S_INIT("财务总监"), S_INIT("副总裁"), S_INIT("总裁"), S_INIT("总监"),
	S_INIT("副经理"), S_INIT("经理"), S_INIT("董事"), S_INIT("主任"), S_INIT("院长"),
	S_INIT("校长"), S_INIT("书记"), S_INIT("处长"), S_INIT("局长"), S_INIT("部长"),
	S_INIT("科长"), S_INIT("主席"), S_INIT("教授"), S_INIT("老师"), S_INIT("先生"),
	S_INIT("女士"), S_INIT("老板"), S_INIT("总"), S_INIT("董")};

static bool is_latin_title(slice w)
{
	for (size_t i = 0; i < sizeof latin_titles / sizeof *latin_titles; i++)
		if (slice_eq(w, latin_titles[i]))
			return true;
	return false;
}

static void add_word(struct name *n, slice w)
{
	size_t at = n->n;
	if (w.n < 2 || n->n == WORDS_MAX)
		return;
	if (is_latin_title(w)) {
		n->title = true;
		return;
	}
	while (at > 0 && slice_cmp(n->words[at - 1], w) > 0) {
		n->words[at] = n->words[at - 1];
		at--;
	}
	n->words[at] = w;
	n->n++;
}

static slice without_title(slice han, bool *ret_title)
{
	for (size_t i = 0; i < sizeof han_titles / sizeof *han_titles; i++)
		if (han.n > han_titles[i].n && slice_ends(han, han_titles[i])) {
			*ret_title = true;
			return slice_first(han, han.n - han_titles[i].n);
		}
	return han;
}

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* Latin words are apart by whatever is no letter; Chinese characters are drawn together. */
static void read_name(struct content_exam *x, slice text, struct name *ret)
{
	slice s = checking_normal(x, slice_first(text, NAME_MAX));
	char *han = arena_alloc(x->a, s.n + 1);
	size_t hans = 0;
	*ret = (struct name){.n = 0};
	for (size_t i = 0; i < s.n;) {
		size_t len = 0;
		while (i + len < s.n && is_letter(s.p[i + len]))
			len++;
		add_word(ret, slice_of(s.p + i, len));
		if (!len && (unsigned char)s.p[i] >= 0xe4 && (unsigned char)s.p[i] <= 0xe9 &&
			i + HAN_BYTES <= s.n) {
			memcpy(han + hans, s.p + i, HAN_BYTES);
			hans += HAN_BYTES;
			len = HAN_BYTES;
		}
		i += len ? len : 1;
	}
	ret->han = without_title(slice_of(han, hans), &ret->title);
}

/* ---- comparing ---- */

static bool same_words(const struct name *a, const struct name *b)
{
	if (a->n != b->n || a->n < 2)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (!slice_eq(a->words[i], b->words[i]))
			return false;
	return true;
}

/* All words of the person among those of the letter: "Zhang Wei Finance Department". */
static bool holds_words(const struct name *letter, const struct name *person)
{
	size_t found = 0;
	for (size_t i = 0; i < person->n; i++)
		for (size_t j = 0; j < letter->n; j++)
			found += slice_eq(person->words[i], letter->words[j]);
	return person->n >= 2 && found == person->n && letter->n <= person->n + 2;
}

/* How sure it is that the one is meant: 0 .. 1. */
static float likeness(const struct name *letter, const struct name *person)
{
	size_t two = (size_t)2 * HAN_BYTES;
	if (same_words(letter, person))
		return 1;
	if (person->han.n >= two && slice_eq(letter->han, person->han))
		return 1;
	if (holds_words(letter, person))
		return 0.7F;
	if (person->han.n >= two && slice_find(letter->han, person->han) < letter->han.n)
		return 0.7F;
	/* "张总": the surname and a title. */
	if (letter->title && letter->han.n == HAN_BYTES && person->han.n >= two &&
		slice_starts(person->han, letter->han))
		return 0.3F;
	return 0;
}

static bool is_his(const struct content_person *p, slice address)
{
	for (size_t i = 0; i < p->naddresses; i++)
		if (slice_ieq(p->addresses[i], address))
			return true;
	return false;
}

/* ---- the check ---- */

/* Colleagues may have the same name, and so may people who write to us for years. */
static float doubt(const struct content_exam *x, slice from)
{
	bool proven = checking_proven(x) || x->ctx->direction != CONTENT_INBOUND;
	if (checking_own(x, from) && proven)
		return 0.1F;
	return x->ctx->written_to ? 0.3F : checking_freemail(from) ? 1 : 0.8F;
}

static void look_at_person(
	struct content_exam *x, const struct content_person *p, const struct name *letter)
{
	struct name person;
	slice address = x->c->from_address;
	if (is_his(p, address))
		return;
	read_name(x, p->name, &person);
	float sure = likeness(letter, &person);
	checking_found(x, SIGNAL_PERSON_IMITATED, sure * doubt(x, checking_from_domain(x)),
		arena_printf(x->a, "%.*s <%.*s>", SFMT(x->c->from_name), SFMT(address)));
}

/* He writes, but answers shall go to somebody else. */
static void look_at_reply(struct content_exam *x, const struct content_person *p)
{
	slice reply = x->c->reply_address;
	if (is_his(p, x->c->from_address) && reply.n && !is_his(p, reply) && !checking_is_list(x) &&
		!checking_own(x, checking_domain(reply)))
		checking_found(x, SIGNAL_PERSON_REPLY_ELSEWHERE, 1, reply);
}

void content_check_people(struct content_exam *x)
{
	const struct content_site *s = x->tools->site;
	struct name letter;
	if (!s || !s->npeople)
		return;
	read_name(x, x->c->from_name, &letter);
	for (size_t i = 0; i < s->npeople; i++) {
		look_at_person(x, &s->people[i], &letter);
		look_at_reply(x, &s->people[i]);
	}
}
