/*
 * ACL (RFC 4314) and QUOTA (RFC 9208). Rights are kept and judged by mail/box.h; an identifier is a login, "group:address",
 * "anyone", each with "-" before it to take rights away.
 *
 * Quota roots: the own mailbox is "", another one's is called like the folder that was asked about. A mailbox without limits
 * has none, as the list of a QUOTA response is never empty. Limits are set by the administrator alone, so QUOTASET is not
 * offered.
 */
#include "proto/imap/session.h"

/* ---- ACL */

static bool mailbox_and_end(struct imap *s, slice *ret)
{
	struct imap_reader *r = &s->in;
	if (imap_space(r) && imap_mailbox(r, ret) && imap_end(r))
		return true;
	imap_complain(s);
	return false;
}

void imap_cmd_getacl(struct imap *s)
{
	struct mailbox_grant *v;
	struct err e;
	slice name;
	size_t n;
	if (!mailbox_and_end(s, &name))
		return;
	if (box_grants(s->user, name, &s->mem, &v, &n, &e) < 0) {
		imap_fail(s, &e);
		return;
	}
	imap_put(s, S("* ACL "));
	imap_put_mailbox(s, name);
	for (size_t i = 0; i < n; i++) {
		imap_put(s, S(" "));
		imap_put_astring(s, v[i].who);
		imap_put(s, S(" "));
		imap_put_astring(s, box_rights_print(v[i].rights, &s->mem));
	}
	imap_put(s, S("\r\n"));
	imap_ok(s, NULL, "Those are the rights");
}

/* What `who` has now. */
static int rights_of(struct imap *s, slice name, slice who, unsigned *ret, struct err *e)
{
	struct mailbox_grant *v;
	size_t n;
	*ret = 0;
	if (box_grants(s->user, name, &s->mem, &v, &n, e) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (slice_ieq(v[i].who, who))
			*ret |= v[i].rights;
	return 0;
}

static int set_rights(struct imap *s, slice name, slice who, slice change, struct err *e)
{
	unsigned rights, old;
	char how = change.n && (*change.p == '+' || *change.p == '-') ? *change.p : 0;
	if (!box_rights_parse(how ? slice_skip(change, 1) : change, &rights))
		return err_set(e, ERR_PROTO, "These are not all rights: lrswipkxtea");
	if (how && rights_of(s, name, who, &old, e) < 0)
		return -1;
	if (how)
		rights = how == '+' ? old | rights : old & ~rights;
	return box_grant(s->user, name, who, rights, e);
}

void imap_cmd_setacl(struct imap *s)
{
	struct imap_reader *r = &s->in;
	struct err e;
	slice name, who, change;
	if (!imap_space(r) || !imap_mailbox(r, &name) || !imap_space(r) || !imap_astring(r, &who) ||
		!imap_space(r) || !imap_astring(r, &change) || !imap_end(r)) {
		imap_complain(s);
		return;
	}
	if (set_rights(s, name, who, change, &e) == 0)
		imap_ok(s, NULL, "Rights are set");
	else if (e.kind == ERR_PROTO)
		imap_bad(s, "%s", e.text);
	else
		imap_fail(s, &e);
}

static bool mailbox_and_who(struct imap *s, slice *ret_name, slice *ret_who)
{
	struct imap_reader *r = &s->in;
	if (imap_space(r) && imap_mailbox(r, ret_name) && imap_space(r) &&
		imap_astring(r, ret_who) && imap_end(r))
		return true;
	imap_complain(s);
	return false;
}

void imap_cmd_deleteacl(struct imap *s)
{
	struct err e;
	slice name, who;
	if (!mailbox_and_who(s, &name, &who))
		return;
	if (box_grant(s->user, name, who, 0, &e) < 0)
		imap_fail(s, &e);
	else
		imap_ok(s, NULL, "Rights are taken away");
}

/* Nothing is granted to all, every right alone can be. */
void imap_cmd_listrights(struct imap *s)
{
	struct box_folder f;
	struct err e;
	slice name, who;
	if (!mailbox_and_who(s, &name, &who))
		return;
	if (box_folder(s->user, name, &s->mem, &f, &e) < 0) {
		imap_fail(s, &e);
		return;
	}
	if (!(f.rights & RIGHT_ADMIN)) {
		imap_no(s, "NOPERM", "You may not administer that mailbox");
		return;
	}
	bool owner = f.own && slice_ieq(who, box_user_login(s->user));
	imap_put(s, S("* LISTRIGHTS "));
	imap_put_mailbox(s, name);
	imap_put(s, S(" "));
	imap_put_astring(s, who);
	imap_put(s, owner ? S(" lrswipkxtea\r\n") : S(" \"\" l r s w i p k x t e a\r\n"));
	imap_ok(s, NULL, "Those rights can be given");
}

void imap_put_myrights(struct imap *s, const struct box_folder *f)
{
	imap_put(s, S("* MYRIGHTS "));
	imap_put_mailbox(s, f->name);
	imap_put(s, S(" "));
	imap_put_astring(s, box_rights_print(f->rights, &s->mem));
	imap_put(s, S("\r\n"));
}

void imap_cmd_myrights(struct imap *s)
{
	struct box_folder f;
	struct err e;
	slice name;
	if (!mailbox_and_end(s, &name))
		return;
	if (box_folder(s->user, name, &s->mem, &f, &e) < 0) {
		imap_fail(s, &e);
		return;
	}
	imap_put_myrights(s, &f);
	imap_ok(s, NULL, "Those are your rights");
}

/* ---- QUOTA */

static bool has_limit(const struct box_usage *u)
{
	return u->quota || u->quota_messages;
}

static void put_quota(struct imap *s, slice root, const struct box_usage *u)
{
	const char *between = "";
	imap_put(s, S("* QUOTA "));
	imap_put_mailbox(s, root);
	imap_put(s, S(" ("));
	if (u->quota) { /* units of 1024 bytes */
		imap_printf(s, "STORAGE %llu %llu", (unsigned long long)((u->bytes + 1023) / 1024),
			(unsigned long long)(u->quota / 1024));
		between = " ";
	}
	if (u->quota_messages)
		imap_printf(s, "%sMESSAGE %llu %llu", between, (unsigned long long)u->messages,
			(unsigned long long)u->quota_messages);
	imap_put(s, S(")\r\n"));
}

void imap_cmd_getquota(struct imap *s)
{
	struct imap_reader *r = &s->in;
	struct box_usage u;
	struct err e;
	slice root;
	if (!imap_space(r) || !imap_mailbox(r, &root) || !imap_end(r)) {
		imap_complain(s);
		return;
	}
	if (box_usage(s->user, root, &u, &e) < 0) {
		imap_fail(s, &e);
		return;
	}
	if (!has_limit(&u)) {
		imap_no(s, "NONEXISTENT", "There is no quota");
		return;
	}
	put_quota(s, root, &u);
	imap_ok(s, NULL, "That is the quota");
}

void imap_cmd_getquotaroot(struct imap *s)
{
	struct box_folder f;
	struct box_usage u;
	struct err e;
	slice name;
	if (!mailbox_and_end(s, &name))
		return;
	if (box_folder(s->user, name, &s->mem, &f, &e) < 0 ||
		box_usage(s->user, name, &u, &e) < 0) {
		imap_fail(s, &e);
		return;
	}
	slice root = f.own ? S("") : f.name;
	imap_put(s, S("* QUOTAROOT "));
	imap_put_mailbox(s, name);
	if (has_limit(&u)) {
		imap_put(s, S(" "));
		imap_put_mailbox(s, root);
	}
	imap_put(s, S("\r\n"));
	if (has_limit(&u))
		put_quota(s, root, &u);
	imap_ok(s, NULL, "That is the quota");
}

/* Read as it must be, refused as it must be (RFC 9208 4.1.3). */
void imap_cmd_setquota(struct imap *s)
{
	struct imap_reader *r = &s->in;
	slice root, resource;
	uint64_t limit;
	if (!imap_space(r) || !imap_astring(r, &root) || !imap_space(r) || !imap_char(r, '(')) {
		imap_complain(s);
		return;
	}
	while (imap_peek(r) && imap_peek(r) != ')') {
		if (!imap_atom(r, &resource) || !imap_space(r) ||
			!imap_number(r, INT64_MAX, &limit))
			break;
		if (!imap_accept(r, ' '))
			break;
	}
	if (!imap_char(r, ')') || !imap_end(r))
		imap_complain(s);
	else
		imap_no(s, "NOPERM", "Quotas are set by the administrator");
}
