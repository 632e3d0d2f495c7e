/*
 * May a letter be posted to a list (maillist.h)? First what no setting allows: letters of machines (RFC 3834 section 2 and what
 * experience adds), bounces, and whatever has passed this list already: its address stands in Delivered-To of every post, which
 * survives other lists on the way; List-Id besides. These are dropped without a word, for words would go round, too.
 *
 * Then the rules of the list. An author is who From: names, and only what our own checks prove counts: a member's name alone opens
 * nothing, least of all a moderator's.
 */
#include "mail/maillist.h"

#include "base/mem.h"
#include "codec/address.h"
#include "codec/authres.h"
#include "codec/header.h"

bool maillist_author(slice header, struct arena *a, slice *ret)
{
	struct header_field f;
	struct header_address *v;
	if (header_count(header, S("From")) != 1 || !header_find(header, S("From"), 0, &f))
		return false;
	if (header_addresses(f.value, a, &v) != 1 || !v[0].valid || v[0].odd)
		return false;
	return directory_canonical(v[0].address, a, ret);
}

/* ---- proof ---- */

static slice domain_of(slice address)
{
	return slice_skip(address, slice_rindex(address, '@') + 1);
}

static slice prop(const struct authres_method *m, slice ptype, slice property)
{
	const struct authres_prop *p = authres_prop_of(m, ptype, property);
	return p ? p->value : S("");
}

static bool proves(const struct authres_method *m, slice domain)
{
	slice from = prop(m, S("smtp"), S("mailfrom"));
	if (!slice_ieq(m->result, S("pass")))
		return false;
	if (slice_ieq(m->method, S("dmarc")))
		return slice_ieq(prop(m, S("header"), S("from")), domain);
	if (slice_ieq(m->method, S("dkim")))
		return domain_within(domain, prop(m, S("header"), S("d")));
	return slice_ieq(m->method, S("spf")) && slice_ieq(domain_of(from), domain);
}

/* "(p=reject sp=none dis=none)": what the record says, for the domain or for those below it. policy.dmarc is what was done. */
static slice policy_of(const struct authres_method *m)
{
	slice rest = m->comment, word, found = slice_ieq(m->result, S("none")) ? S("none") : S("");
	while (slice_cut(&rest, ' ', &word)) {
		slice value = slice_skip(word, slice_index(word, '=') + 1);
		bool ours = slice_istarts(word, S("p=")) || slice_istarts(word, S("sp=")) ||
			    slice_istarts(word, S("np="));
		if (ours && (slice_ieq(value, S("reject")) || slice_ieq(value, S("quarantine"))))
			return value;
		if (ours)
			found = S("none");
	}
	return found;
}

bool maillist_proven(slice prefix, slice author, struct arena *a, slice *ret_policy)
{
	struct header_field f;
	struct authres results;
	bool proven = false;
	*ret_policy = S("");
	if (!header_find(prefix, S("Authentication-Results"), 0, &f) ||
		!authres_parse(f.value, a, &results))
		return false;
	for (size_t i = 0; i < results.n; i++) {
		const struct authres_method *m = &results.v[i];
		proven |= proves(m, domain_of(author));
		if (slice_ieq(m->method, S("dmarc")))
			*ret_policy = policy_of(m);
	}
	return proven;
}

/* ---- machines, and what came back ---- */

static bool is_one_of(slice value, const slice *words, size_t n)
{
	slice s = slice_trim(value);
	for (size_t i = 0; i < n; i++)
		if (slice_ieq(s, words[i]))
			return true;
	return false;
}

/* "Dev list <dev.here.example>" */
static bool names_list(slice value, slice list)
{
	size_t at = slice_rindex(list, '@'), from = slice_rindex(value, '<');
	slice id = from < value.n ? slice_skip(value, from + 1) : slice_trim(value);
	id = slice_first(id, slice_index(id, '>'));
	return id.n == list.n && slice_ieq(slice_first(id, at), slice_first(list, at)) &&
	       id.p[at] == '.' && slice_ieq(slice_skip(id, at + 1), slice_skip(list, at + 1));
}

static const char *field_says(const struct header_field *f, slice list)
{
	static const slice bulk[] = {S_INIT("bulk"), S_INIT("junk"), S_INIT("auto_reply")};
	slice v = slice_trim(f->value);
	if ((slice_ieq(f->name, S("Delivered-To")) || slice_ieq(f->name, S("X-Loop"))) &&
		slice_ieq(v, list))
		return "loop: it has passed this list already";
	if (slice_ieq(f->name, S("List-Id")) && names_list(v, list))
		return "loop: it comes from this list";
	if (slice_ieq(f->name, S("Auto-Submitted")) &&
		!slice_ieq(slice_trim(slice_first(v, slice_index(v, ';'))), S("no")))
		return "written by a machine (Auto-Submitted)";
	if (slice_ieq(f->name, S("X-Autoreply")) || slice_ieq(f->name, S("X-Autorespond")) ||
		slice_ieq(f->name, S("X-Posthouse-Notice")))
		return "an automatic answer";
	if (slice_ieq(f->name, S("Precedence")) && is_one_of(v, bulk, sizeof bulk / sizeof *bulk))
		return "an automatic answer (Precedence)";
	if (slice_ieq(f->name, S("Content-Type")) && slice_istarts(v, S("multipart/report")))
		return "a report";
	return NULL;
}

const char *maillist_machine(slice header, const struct queue_msg *m, slice list)
{
	struct header_field f;
	unsigned hops = 0;
	if (m->sender.n == 0 || m->flags & MSG_BOUNCE)
		return "it has no sender: a bounce";
	if (slice_istarts(m->sender, S("mailer-daemon@")))
		return "a bounce";
	while (header_next(&header, &f)) {
		const char *why = field_says(&f, list);
		if (why)
			return why;
		hops += slice_ieq(f.name, S("Received"));
	}
	return hops > MAILLIST_HOPS_MAX ? "loop: too many hops" : NULL;
}

/* ---- the list's rules ---- */

bool maillist_may_refuse(const struct queue_msg *m, slice author, bool proven)
{
	return proven &&
	       (m->flags & MSG_SUBMITTED || domain_within(domain_of(m->sender), domain_of(author)));
}

static enum maillist_say refuse(const struct maillist_case *c)
{
	return maillist_may_refuse(c->m, c->author, c->proven) ? MAILLIST_SAY_REFUSE
							       : MAILLIST_SAY_DROP;
}

static enum maillist_say stranger(const struct maillist_case *c, const char **ret_why)
{
	*ret_why = "only members may post to this list";
	switch ((enum maillist_strangers)c->list->c.strangers) {
	case MAILLIST_HOLD:
		return MAILLIST_SAY_HOLD;
	case MAILLIST_DISCARD:
		return MAILLIST_SAY_DROP;
	case MAILLIST_REJECT:
		break;
	}
	return refuse(c);
}

static enum maillist_say by_members(const struct maillist_case *c, const char **ret_why)
{
	if (!c->member && !c->roles)
		return stranger(c, ret_why);
	if (c->proven)
		return MAILLIST_SAY_POST;
	*ret_why = "it names a member as its author, but nothing proves that he wrote it";
	return MAILLIST_SAY_HOLD;
}

static enum maillist_say by_senders(const struct maillist_case *c, const char **ret_why)
{
	if (!(c->roles & (MAILLIST_OWNER_ROLE | MAILLIST_SENDER))) {
		*ret_why = "only named senders may post to this list";
		return refuse(c);
	}
	if (c->proven)
		return MAILLIST_SAY_POST;
	*ret_why = "it names a sender as its author, but nothing proves that he wrote it";
	return MAILLIST_SAY_HOLD;
}

static enum maillist_say by_rules(const struct maillist_case *c, const char **ret_why)
{
	switch ((enum maillist_posting)c->list->c.posting) {
	case MAILLIST_MEMBERS:
		return by_members(c, ret_why);
	case MAILLIST_ANNOUNCE:
		return by_senders(c, ret_why);
	case MAILLIST_MODERATED:
		*ret_why = "every post to this list is looked at by a moderator";
		return c->proven && c->roles ? MAILLIST_SAY_POST : MAILLIST_SAY_HOLD;
	case MAILLIST_OPEN:
		break;
	}
	return MAILLIST_SAY_POST;
}

enum maillist_say maillist_judge(const struct maillist_case *c, const char **ret_why)
{
	const struct maillist_conf *s = &c->list->c;
	*ret_why = maillist_machine(c->header, c->m, c->list->address);
	if (*ret_why)
		return MAILLIST_SAY_DROP;
	if (!s->enabled) {
		*ret_why = "this list is closed";
		return refuse(c);
	}
	if (c->m->size > (uint64_t)s->max_size) {
		*ret_why = "it is larger than this list takes";
		return refuse(c);
	}
	if (c->posts_all >= (uint64_t)s->list_hour) {
		*ret_why = "this list has had its posts of the hour";
		return MAILLIST_SAY_LATER;
	}
	enum maillist_say say = MAILLIST_SAY_HOLD;
	if (!c->author.n)
		*ret_why = "it has no author, or several";
	else if (c->m->flags & MSG_JUNK)
		*ret_why = "it was found to be junk";
	else
		say = by_rules(c, ret_why);
	if (say == MAILLIST_SAY_POST && c->posts_author >= (uint64_t)s->sender_hour) {
		*ret_why = "the author has had his posts of the hour";
		say = MAILLIST_SAY_HOLD;
	}
	return say;
}
