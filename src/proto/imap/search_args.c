/*
 * Arguments of SEARCH, SORT and THREAD: keys as a tree of criteria (RFC 9051 6.4.4; WITHIN RFC 5032, SEARCHRES RFC 5182, CONDSTORE
 * RFC 7162, OBJECTID RFC 8474, SAVEDATE RFC 8514, PARTIAL RFC 9394). Called by search.c, sort.c, thread.c.
 */
#include "base/mem.h"
#include "base/utf8.h"
#include "codec/tokens.h"
#include "proto/imap/search.h"

static struct box_criterion *add(struct imap *s, struct search *q, enum box_criterion_kind kind)
{
	if (++q->count > BOX_CRITERIA_MAX)
		imap_wrong_size(&s->in, "the search has too many keys");
	struct box_criterion *c = ARENA_NEW(&s->mem, struct box_criterion);
	c->kind = kind;
	c->fuzzy = q->fuzzy > 0;
	return c;
}

static struct box_criterion *not_of(struct imap *s, struct search *q, struct box_criterion *c)
{
	struct box_criterion *none = add(s, q, BOX_NONE_OF);
	none->first = c;
	return none;
}

static bool one_key(struct imap *s, struct search *q, struct box_criterion **ret);

/* ---- values ---- */

static bool folded_text(struct imap *s, slice *ret)
{
	AUTO(buf) struct buf out = BUF(20 * BOX_CRITERIA_TEXT);
	slice raw;
	if (!imap_space(&s->in) || !imap_astring(&s->in, &raw))
		return false;
	if (raw.n > BOX_CRITERIA_TEXT)
		return imap_wrong_size(&s->in, "a text to search for is too long");
	if (!utf8_valid(raw))
		return imap_wrong(&s->in, "a text to search for is no UTF-8");
	search_fold(raw, &out);
	*ret = arena_dup(&s->mem, buf_slice(&out));
	return true;
}

static const struct uidset *keep_set(struct imap *s, struct uidset *u)
{
	struct uidset *kept = ARENA_NEW(&s->mem, struct uidset);
	kept->v = ARENA_ARRAY(&s->mem, struct uidrange, u->n + 1);
	if (u->n)
		memcpy(kept->v, u->v, u->n * sizeof(*u->v));
	kept->n = kept->cap = u->n;
	kept->count = u->count;
	uidset_done(u);
	return kept;
}

/* Numbers in the view to UIDs: those that are too high mean nothing. */
static void positions_to_uids(struct imap *s, struct uidset *u)
{
	const struct uidset *all = &s->view->uids;
	struct uidset uids = {0};
	for (size_t i = 0; i < u->n && u->v[i].first <= all->count; i++) {
		uint64_t last = u->v[i].last < all->count ? u->v[i].last : all->count;
		uidset_add(&uids, uidset_at(all, u->v[i].first - 1), uidset_at(all, last - 1));
	}
	uidset_keep(&uids, all);
	uidset_done(u);
	*u = uids;
}

static bool set_key(struct imap *s, struct box_criterion *c, bool numbers)
{
	struct uidset u = {0};
	slice text;
	if (!imap_set(&s->in, &text))
		return false;
	c->kind = BOX_UIDS;
	if (slice_eq(text, S("$"))) {
		uidset_copy(&u, &s->saved);
	} else if (numbers) {
		if (imap_has(s, IMAP_UIDONLY))
			return imap_wrong_number(&s->in);
		imap_parse_set(text, (uint32_t)s->view->uids.count, &u);
		positions_to_uids(s, &u);
	} else {
		imap_parse_set(text, uidset_last(&s->view->uids), &u);
	}
	c->uids = keep_set(s, &u);
	return true;
}

/* ---- kinds of keys ---- */

enum how {
	KEY_ALL,
	KEY_FLAG,
	KEY_UNFLAG,
	KEY_KEYWORD,
	KEY_UNKEYWORD,
	KEY_RECENT,
	KEY_NEW,
	KEY_OLD,
	KEY_WHO,
	KEY_TEXT, /* a = enum box_criterion_kind */
	KEY_HEADER,
	KEY_LARGER,
	KEY_SMALLER,
	KEY_BEFORE, /* a = enum box_criterion_kind */
	KEY_ON,
	KEY_SINCE,
	KEY_OLDER,
	KEY_YOUNGER,
	KEY_MODSEQ,
	KEY_OBJECT, /* a = enum box_criterion_kind */
	KEY_NOT,
	KEY_OR,
	KEY_UID,
	KEY_FUZZY,
};
static const struct key {
	const char *name;
	enum how how;
	unsigned a;
} keys[] = {
	{"ALL", KEY_ALL, 0},
	{"ANSWERED", KEY_FLAG, MAILBOX_ANSWERED},
	{"BCC", KEY_WHO, SUMMARY_BCC},
	{"BEFORE", KEY_BEFORE, BOX_RECEIVED},
	{"BODY", KEY_TEXT, BOX_BODY},
	{"CC", KEY_WHO, SUMMARY_CC},
	{"DELETED", KEY_FLAG, MAILBOX_DELETED},
	{"DRAFT", KEY_FLAG, MAILBOX_DRAFT},
	{"EMAILID", KEY_OBJECT, BOX_EMAIL},
	{"FLAGGED", KEY_FLAG, MAILBOX_FLAGGED},
	{"FROM", KEY_WHO, SUMMARY_FROM},
	{"FUZZY", KEY_FUZZY, 0},
	{"HEADER", KEY_HEADER, 0},
	{"KEYWORD", KEY_KEYWORD, 0},
	{"LARGER", KEY_LARGER, 0},
	{"MODSEQ", KEY_MODSEQ, 0},
	{"NEW", KEY_NEW, 0},
	{"NOT", KEY_NOT, 0},
	{"OLD", KEY_OLD, 0},
	{"OLDER", KEY_OLDER, 0},
	{"ON", KEY_ON, BOX_RECEIVED},
	{"OR", KEY_OR, 0},
	{"RECENT", KEY_RECENT, 0},
	{"SAVEDATESUPPORTED", KEY_ALL, 0},
	{"SAVEDBEFORE", KEY_BEFORE, BOX_SAVED},
	{"SAVEDON", KEY_ON, BOX_SAVED},
	{"SAVEDSINCE", KEY_SINCE, BOX_SAVED},
	{"SEEN", KEY_FLAG, MAILBOX_SEEN},
	{"SENTBEFORE", KEY_BEFORE, BOX_SENT},
	{"SENTON", KEY_ON, BOX_SENT},
	{"SENTSINCE", KEY_SINCE, BOX_SENT},
	{"SINCE", KEY_SINCE, BOX_RECEIVED},
	{"SMALLER", KEY_SMALLER, 0},
	{"SUBJECT", KEY_TEXT, BOX_SUBJECT},
	{"TEXT", KEY_TEXT, BOX_TEXT},
	{"THREADID", KEY_OBJECT, BOX_THREAD},
	{"TO", KEY_WHO, SUMMARY_TO},
	{"UID", KEY_UID, 0},
	{"UNANSWERED", KEY_UNFLAG, MAILBOX_ANSWERED},
	{"UNDELETED", KEY_UNFLAG, MAILBOX_DELETED},
	{"UNDRAFT", KEY_UNFLAG, MAILBOX_DRAFT},
	{"UNFLAGGED", KEY_UNFLAG, MAILBOX_FLAGGED},
	{"UNKEYWORD", KEY_UNKEYWORD, 0},
	{"UNSEEN", KEY_UNFLAG, MAILBOX_SEEN},
	{"YOUNGER", KEY_YOUNGER, 0},
};

static bool date_key(struct imap *s, const struct key *k, struct box_criterion *c)
{
	int64_t day, unit = k->a == BOX_SENT ? 1 : SECOND;
	if (!imap_space(&s->in) || !imap_date(&s->in, &day))
		return false;
	c->kind = (enum box_criterion_kind)k->a;
	c->from = k->how == KEY_BEFORE ? INT64_MIN : day * unit;
	c->to = k->how == KEY_SINCE ? INT64_MAX : (k->how == KEY_ON ? day + 86400 : day) * unit - 1;
	return true;
}

static bool age_key(struct imap *s, bool older, struct box_criterion *c)
{
	uint64_t seconds;
	if (!imap_space(&s->in) || !imap_number(&s->in, UINT32_MAX, &seconds))
		return false;
	if (!seconds)
		return imap_wrong(&s->in, "a number of seconds above 0 is expected");
	/* To the second, as INTERNALDATE is told (RFC 5032 2). */
	int64_t then = (wall_now() / SECOND - (int64_t)seconds) * SECOND;
	c->kind = BOX_RECEIVED;
	c->from = older ? INT64_MIN : then;
	c->to = older ? then + SECOND - 1 : INT64_MAX;
	return true;
}

static bool size_key(struct imap *s, bool larger, struct box_criterion *c)
{
	uint64_t n;
	if (!imap_space(&s->in) || !imap_number(&s->in, INT64_MAX - 1, &n))
		return false;
	c->kind = BOX_SIZE;
	c->from = larger ? (int64_t)n + 1 : 0;
	c->to = larger ? INT64_MAX : (int64_t)n - 1;
	return true;
}

static bool header_key(struct imap *s, struct box_criterion *c)
{
	c->kind = BOX_HEADER;
	if (!imap_space(&s->in) || !imap_astring(&s->in, &c->name))
		return false;
	return c->name.n ? folded_text(s, &c->text)
			 : imap_wrong(&s->in, "a header field is expected");
}

/* MODSEQ ["/flags/\\Seen" all] 620162338: kinds of entries are taken and make no difference (RFC 7162 3.1.5). */
static bool modseq_key(struct imap *s, struct search *q, struct box_criterion *c)
{
	slice entry, type;
	uint64_t n;
	if (!imap_space(&s->in))
		return false;
	if (imap_peek(&s->in) == '"') {
		if (!imap_string(&s->in, &entry) || !imap_space(&s->in) ||
			!imap_atom(&s->in, &type) || !imap_space(&s->in))
			return false;
		if (!slice_istarts(entry, S("/flags/")) ||
			!(imap_is(type, "all") || imap_is(type, "priv") || imap_is(type, "shared")))
			return imap_wrong(&s->in, "an entry of flags is expected behind MODSEQ");
	}
	if (!imap_number(&s->in, INT64_MAX, &n))
		return false;
	c->kind = BOX_MODSEQ;
	c->from = (int64_t)n;
	c->to = INT64_MAX;
	q->modseq = true;
	return true;
}

/* "M5-77", as FETCH tells them; any other id is nobody's. */
static bool object_key(struct imap *s, const struct key *k, struct box_criterion *c)
{
	slice id, account;
	uint64_t of, n;
	if (!imap_space(&s->in) || !imap_atom(&s->in, &id))
		return false;
	c->kind = BOX_ANY_OF;
	char letter = k->a == BOX_EMAIL ? 'M' : 'T';
	if (id.n < 4 || *id.p != letter)
		return true;
	id = slice_skip(id, 1);
	slice_cut(&id, '-', &account);
	if (slice_u64(account, &of) && slice_u64(id, &n) && n <= INT64_MAX &&
		of == (uint64_t)s->view->folder.account_id) {
		c->kind = (enum box_criterion_kind)k->a;
		c->from = (int64_t)n;
	}
	return true;
}

static bool keyword_key(struct imap *s, struct box_criterion *c)
{
	c->kind = BOX_KEYWORD;
	return imap_space(&s->in) && imap_atom(&s->in, &c->text);
}

static bool or_key(struct imap *s, struct search *q, struct box_criterion *c)
{
	c->kind = BOX_ANY_OF;
	return imap_space(&s->in) && one_key(s, q, &c->first) && imap_space(&s->in) &&
	       one_key(s, q, &c->first->next);
}

/* What has arguments. */
static bool key_with(struct imap *s, struct search *q, const struct key *k, struct box_criterion *c)
{
	switch (k->how) {
	case KEY_WHO:
		c->kind = BOX_WHO;
		c->who = (enum summary_who)k->a;
		return folded_text(s, &c->text);
	case KEY_TEXT:
		c->kind = (enum box_criterion_kind)k->a;
		return folded_text(s, &c->text);
	case KEY_HEADER:
		return header_key(s, c);
	case KEY_LARGER:
	case KEY_SMALLER:
		return size_key(s, k->how == KEY_LARGER, c);
	case KEY_BEFORE:
	case KEY_ON:
	case KEY_SINCE:
		return date_key(s, k, c);
	case KEY_OLDER:
	case KEY_YOUNGER:
		return age_key(s, k->how == KEY_OLDER, c);
	case KEY_MODSEQ:
		return modseq_key(s, q, c);
	case KEY_OBJECT:
		return object_key(s, k, c);
	case KEY_KEYWORD:
	case KEY_UNKEYWORD:
		return keyword_key(s, c);
	case KEY_NOT:
		c->kind = BOX_NONE_OF;
		return imap_space(&s->in) && one_key(s, q, &c->first);
	case KEY_OR:
		return or_key(s, q, c);
	default:
		return imap_space(&s->in) && set_key(s, c, false);
	}
}

/* RFC 6203 3: of texts; other keys mean what they always mean. */
static bool fuzzy_key(struct imap *s, struct search *q, struct box_criterion **ret)
{
	q->any_fuzzy = true;
	q->fuzzy++;
	bool good = imap_space(&s->in) && one_key(s, q, ret);
	q->fuzzy--;
	return good;
}

static bool named_key(
	struct imap *s, struct search *q, const struct key *k, struct box_criterion **ret)
{
	if (k->how == KEY_FUZZY)
		return fuzzy_key(s, q, ret);
	struct box_criterion *c = add(s, q, BOX_ALL_OF);
	*ret = c;
	if (s->in.bad)
		return false;
	if (k->how >= KEY_WHO || k->how == KEY_KEYWORD || k->how == KEY_UNKEYWORD) {
		if (!key_with(s, q, k, c))
			return false;
	} else if (k->how == KEY_FLAG || k->how == KEY_UNFLAG) {
		c->kind = BOX_FLAGGED;
		c->flags = k->a;
	} else if (k->how == KEY_NEW) {
		struct box_criterion *seen = add(s, q, BOX_FLAGGED);
		seen->flags = MAILBOX_SEEN;
		c->first = add(s, q, BOX_RECENT);
		c->first->next = not_of(s, q, seen);
	} else if (k->how != KEY_ALL) {
		c->kind = BOX_RECENT;
	}
	if (k->how == KEY_UNFLAG || k->how == KEY_UNKEYWORD || k->how == KEY_OLD)
		*ret = not_of(s, q, c);
	return true;
}

static bool one_after_another(struct imap *s, struct search *q, struct box_criterion *all)
{
	struct box_criterion **next = &all->first;
	do {
		if (!one_key(s, q, next))
			return false;
		next = &(*next)->next;
	} while (imap_accept(&s->in, ' '));
	return true;
}

static bool key_of(struct imap *s, struct search *q, struct box_criterion **ret)
{
	struct imap_reader *r = &s->in;
	char c = imap_peek(r);
	slice word;
	if (c == '(') {
		*ret = add(s, q, BOX_ALL_OF);
		return imap_char(r, '(') && one_after_another(s, q, *ret) && imap_char(r, ')');
	}
	if (c == '*' || c == '$' || (c >= '0' && c <= '9')) {
		*ret = add(s, q, BOX_UIDS);
		return set_key(s, *ret, true);
	}
	if (!imap_atom(r, &word))
		return false;
	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++)
		if (imap_is(word, keys[i].name))
			return named_key(s, q, &keys[i], ret);
	return imap_wrong(r, "a search key is expected");
}

static bool one_key(struct imap *s, struct search *q, struct box_criterion **ret)
{
	if (++q->depth > BOX_CRITERIA_DEPTH)
		return imap_wrong_size(&s->in, "search keys lie too deep in each other");
	bool good = key_of(s, q, ret);
	q->depth--;
	return good && !s->in.bad;
}

bool search_keys(struct imap *s, struct search *q)
{
	q->what = add(s, q, BOX_ALL_OF);
	if (!one_after_another(s, q, q->what) || !imap_end(&s->in))
		return false;
	if (((q->returns & IMAP_RETURN_RELEVANCY) || q->scores) && !q->any_fuzzy)
		return imap_wrong(&s->in, "RELEVANCY needs a FUZZY key");
	return true;
}

/* ---- before the keys ---- */

static bool return_option(struct imap *s, struct search *q)
{
	static const struct {
		const char *name;
		unsigned bit;
	} names[] = {{"MIN", IMAP_RETURN_MIN}, {"MAX", IMAP_RETURN_MAX}, {"ALL", IMAP_RETURN_ALL},
		{"COUNT", IMAP_RETURN_COUNT}, {"SAVE", IMAP_RETURN_SAVE},
		{"RELEVANCY", IMAP_RETURN_RELEVANCY}};
	slice word;
	if (!imap_atom(&s->in, &word))
		return false;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (imap_is(word, names[i].name)) {
			q->returns |= names[i].bit;
			return true;
		}
	if (!imap_is(word, "PARTIAL") || (q->returns & IMAP_RETURN_PARTIAL))
		return imap_wrong(&s->in, "a RETURN option that is known is expected");
	q->returns |= IMAP_RETURN_PARTIAL;
	return imap_space(&s->in) && imap_partial_parse(&s->in, &q->partial);
}

bool search_returns(struct imap *s, struct search *q)
{
	struct imap_reader *r = &s->in;
	slice word;
	if (!slice_istarts(slice_of(r->p, (size_t)(r->end - r->p)), S("RETURN (")))
		return true;
	q->extended = true;
	if (!imap_atom(r, &word) || !imap_space(r) || !imap_char(r, '('))
		return false;
	if (imap_peek(r) != ')')
		do {
			if (!return_option(s, q))
				return false;
		} while (imap_accept(r, ' '));
	if (!q->returns)
		q->returns = IMAP_RETURN_ALL;
	if ((q->returns & IMAP_RETURN_ALL) && (q->returns & IMAP_RETURN_PARTIAL))
		return imap_wrong(r, "ALL and PARTIAL exclude each other");
	return imap_char(r, ')') && imap_space(r);
}

bool search_charset(struct imap *s, struct search *q)
{
	slice name;
	if (!imap_astring(&s->in, &name))
		return false;
	q->bad_charset = !imap_is(name, "US-ASCII") && !imap_is(name, "UTF-8");
	return imap_space(&s->in);
}
