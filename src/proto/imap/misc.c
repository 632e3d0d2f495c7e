/*
 * Small commands: NOOP, CHECK, LOGOUT, ENABLE (RFC 5161), ID (RFC 2971), COMPRESS (RFC 4978). What NOOP is for, telling news, each
 * tagged answer does (reply.c).
 */
#include "proto/imap/session.h"

#include "base/mem.h"
#include "run/deflate.h"

enum { ID_PAIRS_MAX = 30, ID_KEPT_MAX = 120 };

void imap_cmd_noop(struct imap *s)
{
	if (imap_end(&s->in))
		imap_ok(s, NULL, "Done");
	else
		imap_complain(s);
}

void imap_cmd_logout(struct imap *s)
{
	if (!imap_end(&s->in)) {
		imap_complain(s);
		return;
	}
	imap_bye(s, "logout", "Good bye");
	imap_ok(s, NULL, "Logged out");
}

/* ---- ENABLE */

static unsigned enable_one(slice word)
{
	static const struct {
		const char *word;
		unsigned bits;
	} known[] = {{"CONDSTORE", IMAP_CONDSTORE}, {"QRESYNC", IMAP_QRESYNC | IMAP_CONDSTORE},
		{"UTF8=ACCEPT", IMAP_UTF8}, {"IMAP4rev2", IMAP_REV2}, {"UIDONLY", IMAP_UIDONLY}};
	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (imap_is(word, known[i].word))
			return known[i].bits;
	return 0;
}

void imap_cmd_enable(struct imap *s)
{
	struct imap_reader *r = &s->in;
	unsigned bits = 0;
	AUTO(buf) struct buf said = BUF(200);
	do {
		slice word;
		if (!imap_space(r) || !imap_atom(r, &word)) {
			imap_complain(s);
			return;
		}
		unsigned b = enable_one(word);
		if (b & ~s->enabled)
			buf_printf(&said, " %.*s", SFMT(word));
		bits |= b;
	} while (imap_peek(r) == ' ');
	if (!imap_end(r)) {
		imap_complain(s);
		return;
	}
	imap_put(s, S("* ENABLED"));
	imap_put(s, buf_slice(&said));
	imap_put(s, S("\r\n"));
	if (bits & IMAP_CONDSTORE)
		imap_use_condstore(s);
	s->enabled |= bits;
	if (bits & IMAP_REV2)
		box_user_no_recent(s->user);
	imap_ok(s, NULL, "Enabled");
}

/* ---- ID */

/* "name" and "version" of what the client calls itself. */
static bool read_id(struct imap_reader *r, slice *name, slice *version)
{
	slice key, value;
	if (imap_peek(r) != '(')
		return imap_nstring(r, &value) &&
		       (!value.p || imap_wrong(r, "NIL or a list is expected"));
	imap_char(r, '(');
	for (unsigned i = 0; imap_peek(r) != ')'; i++) {
		if (i == ID_PAIRS_MAX)
			return imap_wrong(r, "there are too many fields");
		if ((i > 0 && !imap_space(r)) || !imap_string(r, &key) || !imap_space(r) ||
			!imap_nstring(r, &value))
			return false;
		if (imap_is(key, "name"))
			*name = value;
		else if (imap_is(key, "version"))
			*version = value;
	}
	return imap_char(r, ')');
}

/* For logs and lists: one line, short. */
static slice client_name(struct imap *s, slice name, slice version)
{
	slice whole =
		version.n ? arena_printf(&s->mem, "%.*s %.*s", SFMT(name), SFMT(version)) : name;
	char *text = arena_strz(&s->mem, slice_first(whole, ID_KEPT_MAX));
	for (char *p = text; *p; p++)
		if ((unsigned char)*p < ' ' || (unsigned char)*p > 126)
			*p = '?';
	return slice_z(text);
}

void imap_cmd_id(struct imap *s)
{
	struct imap_reader *r = &s->in;
	slice name = S(""), version = S("");
	if (!imap_space(r) || !read_id(r, &name, &version) || !imap_end(r)) {
		imap_complain(s);
		return;
	}
	if (name.n) {
		slice client = client_name(s, name, version);
		if (s->ops->client)
			s->ops->client(s->arg, client);
		if (s->user)
			box_user_client(s->user, client);
	}
	imap_put(s, S("* ID (\"name\" \"Posthouse\""));
	if (s->user) {
		imap_put(s, S(" \"version\" "));
		imap_put_string(s, s->service->version);
	}
	imap_put(s, S(")\r\n"));
	imap_ok(s, NULL, "Pleased to meet you");
}

/* ---- COMPRESS */

void imap_cmd_compress(struct imap *s)
{
	struct imap_reader *r = &s->in;
	struct err e;
	slice how;
	if (!imap_space(r) || !imap_atom(r, &how) || !imap_end(r)) {
		imap_complain(s);
		return;
	}
	if (!imap_is(how, "DEFLATE")) {
		imap_no(s, "CANNOT", "Only DEFLATE is known");
		return;
	}
	if (s->compressed) {
		imap_no(s, "COMPRESSIONACTIVE", "It is compressed already");
		return;
	}
	imap_ok(s, NULL, "Compressed from now on");
	io_set_deadline(s->io, instant_in(s->service->limits.command_time));
	if (io_flush(s->io, &e) < 0 || deflate_start(s->io, &e) < 0) {
		s->summary.end = "compress";
		s->ending = true;
		return;
	}
	s->compressed = true;
}
