/*
 * Which extensions, commands, tests and tags there are. Looked up by check.c; `require` and CAPABILITY know extensions by the names
 * here. The words themselves stand in the files that do what they say.
 */
#include "sieve/impl.h"

static const slice names[EXT_NONE] = {
	[EXT_VARIABLES] = S_INIT("variables"),
	[EXT_FILEINTO] = S_INIT("fileinto"),
	[EXT_COPY] = S_INIT("copy"),
	[EXT_IMAP4FLAGS] = S_INIT("imap4flags"),
	[EXT_ENVELOPE] = S_INIT("envelope"),
	[EXT_BODY] = S_INIT("body"),
	[EXT_DATE] = S_INIT("date"),
	[EXT_INDEX] = S_INIT("index"),
	[EXT_RELATIONAL] = S_INIT("relational"),
	[EXT_REGEX] = S_INIT("regex"),
	[EXT_VACATION] = S_INIT("vacation"),
	[EXT_VACATION_SECONDS] = S_INIT("vacation-seconds"),
	[EXT_REJECT] = S_INIT("reject"),
	[EXT_EREJECT] = S_INIT("ereject"),
	[EXT_EDITHEADER] = S_INIT("editheader"),
	[EXT_MAILBOX] = S_INIT("mailbox"),
	[EXT_MBOXMETADATA] = S_INIT("mboxmetadata"),
	[EXT_SERVERMETADATA] = S_INIT("servermetadata"),
	[EXT_MAILBOXID] = S_INIT("mailboxid"),
	[EXT_SPECIALUSE] = S_INIT("special-use"),
	[EXT_SUBADDRESS] = S_INIT("subaddress"),
	[EXT_DUPLICATE] = S_INIT("duplicate"),
	[EXT_INCLUDE] = S_INIT("include"),
	[EXT_MIME] = S_INIT("mime"),
	[EXT_FOREVERYPART] = S_INIT("foreverypart"),
	[EXT_EXTRACTTEXT] = S_INIT("extracttext"),
	[EXT_REPLACE] = S_INIT("replace"),
	[EXT_ENCLOSE] = S_INIT("enclose"),
	[EXT_ENOTIFY] = S_INIT("enotify"),
	[EXT_SPAMTEST] = S_INIT("spamtest"),
	[EXT_SPAMTESTPLUS] = S_INIT("spamtestplus"),
	[EXT_VIRUSTEST] = S_INIT("virustest"),
	[EXT_ENVIRONMENT] = S_INIT("environment"),
	[EXT_IHAVE] = S_INIT("ihave"),
	[EXT_ENCODED] = S_INIT("encoded-character"),
	[EXT_EXTLISTS] = S_INIT("extlists"),
	[EXT_NUMERIC] = S_INIT("comparator-i;ascii-numeric"),
	[EXT_UNICODE] = S_INIT("comparator-i;unicode-casemap"),
	[EXT_OCTET] = S_INIT("comparator-i;octet"),
	[EXT_CASEMAP] = S_INIT("comparator-i;ascii-casemap"),
};

enum ext sieve_ext_find(slice name)
{
	for (unsigned i = 0; i < EXT_NONE; i++)
		if (names[i].n && slice_eq(names[i], name))
			return i;
	return EXT_NONE;
}

slice sieve_ext_name(enum ext e)
{
	return e < EXT_NONE ? names[e] : (slice){0};
}

slice sieve_extensions(void)
{
	/* Comparators that every script has are not announced (RFC 5804 section 1.7 lists extensions). */
	return S("fileinto reject ereject envelope encoded-character vacation vacation-seconds "
		 "subaddress "
		 "comparator-i;ascii-numeric comparator-i;unicode-casemap relational regex "
		 "imap4flags copy include variables "
		 "body enotify environment mailbox mailboxid special-use mboxmetadata "
		 "servermetadata date index ihave "
		 "duplicate editheader mime foreverypart extracttext replace enclose spamtest "
		 "spamtestplus virustest extlists");
}

slice sieve_notify_methods(void)
{
	return S("mailto https");
}

/* ---- words ---- */

static const struct word *const all[] = {sieve_words_control, sieve_words_tests,
	sieve_words_address, sieve_words_actions, sieve_words_variables, sieve_words_flags,
	sieve_words_body, sieve_words_date, sieve_words_vacation, sieve_words_reject,
	sieve_words_editheader, sieve_words_mailbox, sieve_words_duplicate, sieve_words_include,
	sieve_words_mime, sieve_words_replace, sieve_words_enotify, sieve_words_spamtest,
	sieve_words_environment, sieve_words_ihave, sieve_words_extlists};

static const struct word *find_in(const struct word *w, slice name, bool test)
{
	for (; w && w->name.n; w++)
		if (w->test == test && slice_ieq(w->name, name))
			return w;
	return NULL;
}

static bool is_required(const struct check *c, enum ext e)
{
	return e == EXT_CORE || (c->exts & EXT_BIT(e)) ||
	       (e == EXT_SPAMTEST && (c->exts & EXT_BIT(EXT_SPAMTESTPLUS)));
}

const struct word *sieve_word_find(
	const struct check *c, slice name, bool test, enum ext *ret_needs)
{
	const struct word *w = NULL;
	for (size_t i = 0; !w && i < sizeof all / sizeof *all; i++)
		w = find_in(all[i], name, test);
	if (!w && c->extra && (c->exts & EXT_BIT(EXT_EXTRA)))
		w = find_in(c->extra->words, name, test);
	*ret_needs = w && !is_required(c, w->ext) ? (enum ext)w->ext : EXT_NONE;
	return w;
}

/* ---- tags that many words take ---- */

enum { GROUP_MATCH = 100, GROUP_PART, GROUP_COMPARATOR, GROUP_MIME };

static const struct tag match_tags[] = {
	{S_INIT("is"), TAG_IS, EXT_CORE, 0, GROUP_MATCH},
	{S_INIT("contains"), TAG_CONTAINS, EXT_CORE, 0, GROUP_MATCH},
	{S_INIT("matches"), TAG_MATCHES, EXT_CORE, 0, GROUP_MATCH},
	{S_INIT("regex"), TAG_REGEX, EXT_REGEX, 0, GROUP_MATCH},
	{S_INIT("count"), TAG_COUNT, EXT_RELATIONAL, 's', GROUP_MATCH},
	{S_INIT("value"), TAG_VALUE, EXT_RELATIONAL, 's', GROUP_MATCH},
	{S_INIT("list"), TAG_LIST, EXT_EXTLISTS, 0, GROUP_MATCH},
	{S_INIT("comparator"), TAG_COMPARATOR, EXT_CORE, 's', GROUP_COMPARATOR},
	{{0}, 0, 0, 0, 0},
};
static const struct tag part_tags[] = {
	{S_INIT("all"), TAG_ALL, EXT_CORE, 0, GROUP_PART},
	{S_INIT("localpart"), TAG_LOCALPART, EXT_CORE, 0, GROUP_PART},
	{S_INIT("domain"), TAG_DOMAIN, EXT_CORE, 0, GROUP_PART},
	{S_INIT("user"), TAG_USER, EXT_SUBADDRESS, 0, GROUP_PART},
	{S_INIT("detail"), TAG_DETAIL, EXT_SUBADDRESS, 0, GROUP_PART},
	{{0}, 0, 0, 0, 0},
};
static const struct tag index_tags[] = {
	{S_INIT("index"), TAG_INDEX, EXT_INDEX, 'n', 0},
	{S_INIT("last"), TAG_LAST, EXT_INDEX, 0, 0},
	{{0}, 0, 0, 0, 0},
};
static const struct tag mime_tags[] = {
	{S_INIT("mime"), TAG_MIME, EXT_MIME, 0, 0},
	{S_INIT("anychild"), TAG_ANYCHILD, EXT_MIME, 0, 0},
	{{0}, 0, 0, 0, 0},
};
static const struct tag mime_part_tags[] = {
	{S_INIT("type"), TAG_TYPE, EXT_MIME, 0, GROUP_MIME},
	{S_INIT("subtype"), TAG_SUBTYPE, EXT_MIME, 0, GROUP_MIME},
	{S_INIT("contenttype"), TAG_CONTENTTYPE, EXT_MIME, 0, GROUP_MIME},
	{S_INIT("param"), TAG_PARAM, EXT_MIME, 'S', GROUP_MIME},
	{{0}, 0, 0, 0, 0},
};

static const struct {
	uint8_t takes;
	const struct tag *tags;
} shared[] = {{TAKES_MATCH, match_tags}, {TAKES_PART, part_tags}, {TAKES_INDEX, index_tags},
	{TAKES_MIME, mime_tags}, {TAKES_MIME_PART, mime_part_tags}};

static const struct tag *find_tag(const struct tag *t, slice name)
{
	for (; t && t->name.n; t++)
		if (slice_ieq(t->name, name))
			return t;
	return NULL;
}

const struct tag *sieve_tag_find(
	const struct check *c, const struct word *w, slice name, enum ext *ret_needs)
{
	const struct tag *t = find_tag(w->tags, name);
	for (size_t i = 0; !t && i < sizeof shared / sizeof *shared; i++)
		if (w->takes & shared[i].takes)
			t = find_tag(shared[i].tags, name);
	*ret_needs = t && !is_required(c, t->ext) ? (enum ext)t->ext : EXT_NONE;
	return t;
}

static void put_names(const struct check *c, const struct tag *t, struct buf *out)
{
	for (; t && t->name.n; t++)
		if (is_required(c, t->ext))
			buf_printf(out, "%s:%.*s", out->n ? " " : "", SFMT(t->name));
}

slice sieve_tag_names(const struct check *c, const struct word *w)
{
	AUTO(buf) struct buf out = BUF(2000);
	put_names(c, w->tags, &out);
	for (size_t i = 0; i < sizeof shared / sizeof *shared; i++)
		if (w->takes & shared[i].takes)
			put_names(c, shared[i].tags, &out);
	return arena_dup(c->a, buf_slice(&out));
}
