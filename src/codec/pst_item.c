/*
 * What an item of a PST is (pst.h): its kind by its class (MS-OXCMSG 2.2.1.3), its flags, and a key that knows it again.
 */
#include "codec/pst_impl.h"

#include "base/hex.h"
#include "base/must.h"
#include <openssl/evp.h>

/* ---- its kind ---- */

static const struct class_kind {
	slice name; /* the class begins so */
	enum pst_kind kind;
} classes[] = {{S_INIT("IPM.Note"), PST_MAIL}, {S_INIT("REPORT."), PST_MAIL},
	{S_INIT("IPM.Schedule.Meeting"), PST_MAIL}, {S_INIT("IPM.Post"), PST_MAIL},
	{S_INIT("IPM.TaskRequest"), PST_MAIL}, {S_INIT("IPM.Recall"), PST_MAIL},
	{S_INIT("IPM.Outlook.Recall"), PST_MAIL}, {S_INIT("IPM.Sharing"), PST_MAIL},
	{S_INIT("IPM.Replication"), PST_MAIL}, {S_INIT("IPM.Resend"), PST_MAIL},
	{S_INIT("IPM.Conflict"), PST_MAIL}, {S_INIT("IPM.Document"), PST_MAIL},
	{S_INIT("IPM.Contact"), PST_CONTACT}, {S_INIT("IPM.DistList"), PST_CONTACT},
	{S_INIT("IPM.AbchPerson"), PST_CONTACT}, {S_INIT("IPM.Appointment"), PST_CALENDAR},
	{S_INIT("IPM.OLE.CLASS"), PST_CALENDAR}, {S_INIT("IPM.Task"), PST_TASK},
	{S_INIT("IPM.StickyNote"), PST_NOTE}, {S_INIT("IPM.Activity"), PST_JOURNAL}};

/* An item without a class is what mail programs of others wrote. */
static enum pst_kind kind_of(slice class)
{
	if (!class.n || slice_ieq(class, S("IPM")))
		return PST_MAIL;
	for (size_t i = 0; i < sizeof classes / sizeof *classes; i++) {
		slice name = classes[i].name;
		bool whole =
			class.n == name.n || class.p[name.n] == '.' || name.p[name.n - 1] == '.';
		if (slice_istarts(class, name) && whole)
			return classes[i].kind;
	}
	return PST_OTHER;
}

/* ---- its flags ---- */

enum {
	FLAGS = 0x0e07,
	READ = 1,
	UNSENT = 8,
	FLAG_STATUS = 0x1090,
	FLAG_ON = 2,
	LAST_VERB = 0x1081,
	ICON = 0x1080
};

static unsigned flags_of(struct pst_props *o)
{
	uint32_t v = pst_number(o, FLAGS, 0), verb = pst_number(o, LAST_VERB, 0),
		 icon = pst_number(o, ICON, 0);
	unsigned r = 0;
	if (v & READ)
		r |= PST_READ;
	if (v & UNSENT)
		r |= PST_DRAFT;
	if (pst_number(o, FLAG_STATUS, 0) == FLAG_ON)
		r |= PST_FLAGGED;
	if (verb == 102 || verb == 103 || icon == 0x105) /* a reply, a reply to all */
		r |= PST_REPLIED;
	if (verb == 104 || icon == 0x106)
		r |= PST_FORWARDED;
	return r;
}

/* ---- its key ---- */

static void add(EVP_MD_CTX *md, struct pst_props *o, unsigned id)
{
	enum { LOOK = 64 * 1024 };
	AUTO(pst_raw) struct pst_raw r;
	pst_get(o, id, LOOK, &r);
	unsigned char head[] = {(unsigned char)id, (unsigned char)(id >> 8), (unsigned char)r.s.n,
		(unsigned char)(r.s.n >> 8), (unsigned char)(r.s.n >> 16)};
	must(EVP_DigestUpdate(md, head, sizeof head) == 1 &&
		EVP_DigestUpdate(md, r.s.p, r.s.n) == 1);
}

/* What stays while a letter lies there. A draft that was changed is another letter. */
static void key_of(struct pst_props *o, unsigned flags, char out[PST_KEY_MAX + 1])
{
	static const unsigned ids[] = {0x300b /* search key */, 0x3007 /* made */,
		0x0039 /* sent */, 0x0e06 /* came */, 0x1035 /* Message-ID */, 0x0037 /* subject */,
		0x001a /* class */, 0x0c1a /* sender */};
	unsigned char hash[EVP_MAX_MD_SIZE];
	AUTO(buf) struct buf hex = BUF(PST_KEY_MAX);
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	must(md && EVP_DigestInit_ex(md, EVP_sha256(), NULL) == 1);
	for (size_t i = 0; i < sizeof ids / sizeof *ids; i++)
		add(md, o, ids[i]);
	if (flags & PST_DRAFT)
		add(md, o, 0x3008); /* changed */
	must(EVP_DigestFinal_ex(md, hash, NULL) == 1);
	EVP_MD_CTX_free(md);
	hex_encode(&hex, slice_of(hash, PST_KEY_MAX / 2));
	memcpy(out, hex.p, PST_KEY_MAX);
	out[PST_KEY_MAX] = 0;
}

/* ---- the item ---- */

/* A first character of 1 says how long the prefix is, "Re: " (MS-PST 2.5.3.1.1.1). */
slice pst_subject(struct pst_props *o, struct arena *a)
{
	slice s = pst_text(o, 0x0037, a);
	return s.n >= 2 && s.p[0] == 1 ? slice_skip(s, 2) : s;
}

void pst_item_of(struct pst *p, const struct pst_node *n, struct pst_props *o, struct arena *a,
	struct pst_item *ret)
{
	*ret = (struct pst_item){.kind = PST_DAMAGED, .nid = n->nid};
	if (!pst_props_open(p, n, o))
		return;
	pst_find_charset(o);
	ret->kind = kind_of(pst_text(o, 0x001a, a));
	ret->flags = flags_of(o);
	ret->received_at = pst_time(o, 0x0e06);
	if (!ret->received_at)
		ret->received_at = pst_time(o, 0x0039);
	if (!ret->received_at)
		ret->received_at = pst_time(o, 0x3007);
	ret->subject = pst_subject(o, a);
	if (p->keywords_tag)
		ret->categories = pst_lines(o, p->keywords_tag, a);
	ret->props = o;
	key_of(o, ret->flags, ret->key);
}

/* ---- what the name "Keywords" stands for in this file (2.4.7) ---- */

enum { NAMES = 0x61, ENTRIES = 3, STRINGS = 4, PUBLIC_STRINGS = 2, NAMED = 0x8000 };

unsigned pst_find_keywords(struct pst *p)
{
	static const char name[] = "K\0e\0y\0w\0o\0r\0d\0s";
	AUTO(pst_props) struct pst_props o = {0};
	AUTO(pst_raw) struct pst_raw entries = {0};
	AUTO(pst_raw) struct pst_raw strings = {0};
	struct pst_node n;
	if (!pst_find(p, NAMES, &n) || !pst_props_open(p, &n, &o) ||
		!pst_get(&o, ENTRIES, PST_HEAP_MAX, &entries) ||
		!pst_get(&o, STRINGS, PST_HEAP_MAX, &strings))
		return 0;
	for (slice s = entries.s; s.n >= 8; s = slice_skip(s, 8)) {
		uint32_t at = pst_32(s.p), guid = pst_16(s.p + 4);
		if (guid != (PUBLIC_STRINGS << 1 | 1) || at > strings.s.n)
			continue;
		slice text = slice_skip(strings.s, at);
		if (text.n >= 4 + sizeof name && pst_32(text.p) == sizeof name &&
			memcmp(text.p + 4, name, sizeof name) == 0)
			return NAMED + pst_16(s.p + 6);
	}
	return 0;
}
