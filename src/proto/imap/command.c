/*
 * The table of commands and who may say them when (RFC 9051 section 6). Called by imap.c with the first line of a command read.
 */
#include "proto/imap/session.h"

#include "base/must.h"

static const struct imap_command table[] = {
	{"APPEND", IMAP_LOGGED_IN, 0, imap_cmd_append},
	{"AUTHENTICATE", IMAP_NOT_AUTHENTICATED, 0, imap_cmd_authenticate},
	{"CAPABILITY", IMAP_ANY, 0, imap_cmd_capability},
	{"CHECK", IMAP_SELECTED, 0, imap_cmd_noop},
	{"CLOSE", IMAP_SELECTED, IMAP_QUIET, imap_cmd_close},
	{"COMPRESS", IMAP_LOGGED_IN, IMAP_QUIET, imap_cmd_compress},
	{"COPY", IMAP_SELECTED, IMAP_UID_FORM | IMAP_NUMBERS, imap_cmd_copy},
	{"CREATE", IMAP_LOGGED_IN, 0, imap_cmd_create},
	{"DELETE", IMAP_LOGGED_IN, 0, imap_cmd_delete},
	{"DELETEACL", IMAP_LOGGED_IN, 0, imap_cmd_deleteacl},
	{"ENABLE", IMAP_LOGGED_IN, IMAP_QUIET, imap_cmd_enable},
	{"EXAMINE", IMAP_LOGGED_IN, IMAP_QUIET, imap_cmd_examine},
	{"EXPUNGE", IMAP_SELECTED, IMAP_UID_FORM | IMAP_CHANGES, imap_cmd_expunge},
	{"FETCH", IMAP_SELECTED, IMAP_UID_FORM | IMAP_NUMBERS | IMAP_NO_EXPUNGE, imap_cmd_fetch},
	{"GETACL", IMAP_LOGGED_IN, 0, imap_cmd_getacl},
	{"GETMETADATA", IMAP_LOGGED_IN, 0, imap_cmd_getmetadata},
	{"GETQUOTA", IMAP_LOGGED_IN, 0, imap_cmd_getquota},
	{"GETQUOTAROOT", IMAP_LOGGED_IN, 0, imap_cmd_getquotaroot},
	{"ID", IMAP_ANY, 0, imap_cmd_id},
	{"IDLE", IMAP_LOGGED_IN, 0, imap_cmd_idle},
	{"LIST", IMAP_LOGGED_IN, 0, imap_cmd_list},
	{"LISTRIGHTS", IMAP_LOGGED_IN, 0, imap_cmd_listrights},
	{"LOGIN", IMAP_NOT_AUTHENTICATED, 0, imap_cmd_login},
	{"LOGOUT", IMAP_ANY, IMAP_QUIET, imap_cmd_logout},
	{"LSUB", IMAP_LOGGED_IN, 0, imap_cmd_lsub},
	{"MOVE", IMAP_SELECTED, IMAP_UID_FORM | IMAP_NUMBERS | IMAP_CHANGES, imap_cmd_move},
	{"MYRIGHTS", IMAP_LOGGED_IN, 0, imap_cmd_myrights},
	{"NAMESPACE", IMAP_LOGGED_IN, 0, imap_cmd_namespace},
	{"NOOP", IMAP_ANY, 0, imap_cmd_noop},
	{"NOTIFY", IMAP_LOGGED_IN, 0, imap_cmd_notify},
	{"RENAME", IMAP_LOGGED_IN, 0, imap_cmd_rename},
	{"REPLACE", IMAP_SELECTED, IMAP_UID_FORM | IMAP_NUMBERS | IMAP_CHANGES, imap_cmd_replace},
	{"SEARCH", IMAP_SELECTED, IMAP_UID_FORM | IMAP_NUMBERS | IMAP_NO_EXPUNGE, imap_cmd_search},
	{"SELECT", IMAP_LOGGED_IN, IMAP_QUIET, imap_cmd_select},
	{"SETACL", IMAP_LOGGED_IN, 0, imap_cmd_setacl},
	{"SETMETADATA", IMAP_LOGGED_IN, 0, imap_cmd_setmetadata},
	{"SETQUOTA", IMAP_LOGGED_IN, 0, imap_cmd_setquota},
	{"SORT", IMAP_SELECTED, IMAP_UID_FORM | IMAP_NUMBERS | IMAP_NO_EXPUNGE, imap_cmd_sort},
	{"STARTTLS", IMAP_NOT_AUTHENTICATED, IMAP_QUIET, imap_cmd_starttls},
	{"STATUS", IMAP_LOGGED_IN, 0, imap_cmd_status},
	{"STORE", IMAP_SELECTED, IMAP_UID_FORM | IMAP_NUMBERS | IMAP_NO_EXPUNGE | IMAP_CHANGES,
		imap_cmd_store},
	{"SUBSCRIBE", IMAP_LOGGED_IN, 0, imap_cmd_subscribe},
	{"THREAD", IMAP_SELECTED, IMAP_UID_FORM | IMAP_NUMBERS | IMAP_NO_EXPUNGE, imap_cmd_thread},
	{"UNSELECT", IMAP_SELECTED, IMAP_QUIET, imap_cmd_unselect},
	{"UNSUBSCRIBE", IMAP_LOGGED_IN, 0, imap_cmd_unsubscribe},
};

static const struct imap_command *find(slice name)
{
	if (name.n == 0)
		return NULL;
	char first = (char)(ascii_lower(*name.p) - 'a' + 'A');
	for (size_t i = 0; i < sizeof table / sizeof *table; i++)
		if (*table[i].name == first && imap_is(name, table[i].name))
			return &table[i];
	return NULL;
}

/* A tag: what an astring may hold, but "+". */
static bool read_tag(struct imap_reader *r, slice *ret)
{
	slice t;
	char c = imap_peek(r);
	if (c == '"' || c == '{' || c == 0 || !imap_astring(r, &t) || memchr(t.p, '+', t.n))
		return imap_wrong(r, "a command begins with a tag");
	*ret = t;
	return true;
}

static bool read_name(struct imap *s, slice *ret)
{
	struct imap_reader *r = &s->in;
	slice name;
	if (!imap_space(r) || !imap_atom(r, &name))
		return false;
	s->uid = imap_is(name, "UID");
	if (s->uid && (!imap_space(r) || !imap_atom(r, &name)))
		return false;
	*ret = name;
	return true;
}

static bool is_its_time(struct imap *s, const struct imap_command *c)
{
	if (s->uid && !(c->flags & IMAP_UID_FORM))
		imap_bad(s, "%s has no UID form", c->name);
	else if (!(c->allowed_in & s->state) && !s->user)
		imap_bad(s, "Log in first");
	else if (!(c->allowed_in & s->state) && c->allowed_in == IMAP_SELECTED)
		imap_bad(s, "Select a mailbox first");
	else if (!(c->allowed_in & s->state))
		imap_bad(s, "You are logged in already");
	else if (!s->uid && (c->flags & IMAP_NUMBERS) && imap_has(s, IMAP_UIDONLY))
		imap_bad_code(s, "UIDREQUIRED", "Message numbers are not used in this session");
	else
		return true;
	return false;
}

void imap_dispatch(struct imap *s)
{
	slice name;
	if (!read_tag(&s->in, &s->tag) || !read_name(s, &name)) {
		imap_complain(s);
		return;
	}
	const struct imap_command *c = find(name);
	if (!c) {
		imap_bad(s, "There is no such command");
		return;
	}
	if (!is_its_time(s, c))
		return;
	s->command = c;
	if (s->ops->state)
		s->ops->state(s->arg, c->name, s->view ? s->view->folder.name : S(""));
	c->run(s);
	must(s->answered || s->in.lost || s->lost);
}
