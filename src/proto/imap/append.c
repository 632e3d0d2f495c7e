/*
 * APPEND and REPLACE (RFC 9051 6.3.12; MULTIAPPEND RFC 3502, CATENATE RFC 4469, BINARY RFC 3516, UTF8 RFC 9755, APPENDLIMIT RFC 7889,
 * REPLACE RFC 8508): literals flow to the store as they come. All messages of a command are there at its end, or none.
 *
 * Stored mail never holds NUL. A literal8 that does is rewritten: the parts concerned become base64, as RFC 3516 4.4 lets a
 * server do; that takes the message in memory, so larger ones are refused with UNKNOWN-CTE and come again as base64.
 */
#include "proto/imap/append.h"
#include "base/mem.h"

enum {
	BINARY_MAX = 16 << 20, /* bytes of a literal8 that may be rewritten */
	MESSAGES_MAX = 1000, /* of one command */
	ROOM_ASKED_FROM = 4097, /* bytes of a waiting literal for which the quota is asked before */
};

static int fail(
	struct append *a, const char *code, struct err *e, enum err_kind kind, const char *text)
{
	a->code = code;
	return err_set(e, kind, "%s", text);
}

int append_bytes(struct imap *s, struct append *a, slice bytes, struct err *e)
{
	a->size += bytes.n;
	if (a->size > (uint64_t)boxes_max_message(s->service->boxes))
		return fail(a, "TOOBIG", e, ERR_LIMIT, "The message is larger than may be stored");
	if (!box_append_bytes(a->to, bytes, e))
		return 0;
	if (e->kind == ERR_LIMIT)
		a->code = "TOOBIG";
	return -1;
}

/* Size and room, before the client is asked to send it. */
static int may_come(struct imap *s, struct append *a, uint64_t size, struct err *e)
{
	struct box_usage u;
	if (size + a->size > (uint64_t)boxes_max_message(s->service->boxes))
		return fail(a, "TOOBIG", e, ERR_LIMIT, "The message is larger than may be stored");
	if (!s->in.announced || size < ROOM_ASKED_FROM || a->replaced.count)
		return 0; /* the one that leaves makes room (RFC 8508 3.4) */
	if (box_usage(s->user, a->mailbox, &u, e))
		return e->kind == ERR_DENIED ? 0 : -1; /* who may insert need not know the quota */
	if ((u.quota && u.bytes + size > u.quota) ||
		(u.quota_messages && u.messages >= u.quota_messages))
		return fail(
			a, "OVERQUOTA", e, ERR_QUOTA, "There is not so much room in the mailbox");
	return 0;
}

int append_literal(struct imap *s, struct append *a, uint64_t size, struct err *e)
{
	slice piece;
	int r;
	if (may_come(s, a, size, e))
		return -1;
	while ((r = imap_literal_bytes(&s->in, &piece, e)) > 0) {
		if (memchr(piece.p, 0, piece.n))
			return fail(a, "UNKNOWN-CTE", e, ERR_PROTO, "A message may not hold NUL");
		if (append_bytes(s, a, piece, e))
			return -1;
	}
	return r;
}

static int append_literal8(struct imap *s, struct append *a, uint64_t size, struct err *e)
{
	if (size > BINARY_MAX)
		return append_literal(s, a, size, e);
	AUTO(buf) struct buf message = BUF(BINARY_MAX), plain = BUF(2 * BINARY_MAX);
	slice piece;
	int r;
	if (may_come(s, a, size, e))
		return -1;
	while ((r = imap_literal_bytes(&s->in, &piece, e)) > 0)
		buf_put(&message, piece);
	if (r)
		return -1;
	if (!message.n || !memchr(message.p, 0, message.n))
		return append_bytes(s, a, buf_slice(&message), e);
	if (!append_without_nul(buf_slice(&message), &plain))
		return fail(a, "UNKNOWN-CTE", e, ERR_PROTO,
			"NUL may only stand in parts that are binary");
	return append_bytes(s, a, buf_slice(&plain), e);
}

/* literal, literal8, UTF8 (literal8), CATENATE (...). 0; -1: *e or s->in.bad. */
static int data(struct imap *s, struct append *a, struct err *e)
{
	struct imap_reader *r = &s->in;
	uint64_t size;
	bool binary;
	slice word;
	char c = imap_peek(r);
	if (c == '{' || c == '~') {
		if (!imap_literal(r, &size, &binary))
			return -1;
		if (!size)
			return fail(a, NULL, e, ERR_PERM, "An empty message is none");
		return binary ? append_literal8(s, a, size, e) : append_literal(s, a, size, e);
	}
	if (!imap_atom(r, &word) || !imap_space(r))
		return -1;
	if (imap_is(word, "CATENATE"))
		return append_catenate(s, a, e);
	if (!imap_is(word, "UTF8") || !imap_char(r, '(') || !imap_literal(r, &size, &binary)) {
		imap_wrong(r, "a message is expected");
		return -1;
	}
	if (append_literal8(s, a, size, e))
		return -1;
	return imap_char(r, ')') ? 0 : -1;
}

/* " (flags) "date" message" */
static int message(struct imap *s, struct append *a, struct err *e)
{
	struct imap_reader *r = &s->in;
	struct box_append_options o = {0};
	if (imap_peek(r) == '(' &&
		(!imap_flag_list(r, true, &o.flags, &o.keywords) || !imap_space(r)))
		return -1;
	if (imap_peek(r) == '"' && (!imap_date_time(r, &o.received_at) || !imap_space(r)))
		return -1;
	if (a->messages == MESSAGES_MAX ||
		(s->service->limits.messages && a->messages == s->service->limits.messages))
		return fail(a, "LIMIT", e, ERR_LIMIT, "Too many messages at once");
	if (!a->to && box_append_begin(s->user, a->mailbox, &a->to, e)) {
		if (e->kind == ERR_NOTFOUND)
			a->code = "TRYCREATE";
		return -1;
	}
	a->size = 0;
	a->messages++;
	if (box_append_start(a->to, &o, e) || data(s, a, e))
		return -1;
	if (!a->size)
		return fail(a, NULL, e, ERR_PERM, "An empty message is none");
	if (box_append_end(a->to, e))
		return -1;
	s->summary.messages++;
	return 0;
}

static void failed(struct imap *s, struct append *a, const struct err *e)
{
	if (s->in.bad || s->in.lost)
		imap_complain(s);
	else if (a->code)
		imap_no(s, a->code, "%s", e->text);
	else if (e->kind == ERR_LIMIT)
		imap_no(s, "TOOBIG", "%s", e->text);
	else
		imap_fail(s, e);
}

/* As after UID EXPUNGE (RFC 8508 4.5, RFC 7162 3.2.9). */
static void replaced(struct imap *s, slice code)
{
	imap_printf(s, "* OK [%s] The new message is stored\r\n", code.p);
	imap_tell_news(s, true);
	code = arena_printf(&s->mem, "HIGHESTMODSEQ %llu", (unsigned long long)s->view->modseq);
	imap_ok(s, imap_has(s, IMAP_CONDSTORE | IMAP_QRESYNC) ? code.p : NULL, "Replaced");
}

static void commit(struct imap *s, struct append *a, bool replace)
{
	AUTO(uidset) struct uidset uids = {0};
	struct err e = {0};
	uint32_t validity, old = replace ? uidset_last(&a->replaced) : 0;
	if (box_append_commit(a->to, replace ? s->view : NULL, old, &validity, &uids, &e)) {
		failed(s, a, &e);
		return;
	}
	if (s->view && slice_eq(a->mailbox, s->view->folder.name))
		s->made = &uids;
	slice set = imap_print_set(&s->mem, &uids);
	slice code = arena_printf(&s->mem, "APPENDUID %u %.*s%c", validity, SFMT(set), 0);
	if (replace)
		replaced(s, code);
	else
		imap_ok(s, code.p, "Stored");
	s->made = NULL;
}

static void append(struct imap *s, struct append *a, bool replace)
{
	struct imap_reader *r = &s->in;
	struct err e = {0};
	if (!imap_mailbox(r, &a->mailbox) || !imap_space(r)) {
		imap_complain(s);
		return;
	}
	do {
		if (message(s, a, &e)) {
			failed(s, a, &e);
			return;
		}
	} while (!replace && imap_accept(r, ' '));
	if (!imap_end(r))
		imap_complain(s);
	else
		commit(s, a, replace);
}

void imap_cmd_append(struct imap *s)
{
	struct append a = {0};
	if (!imap_space(&s->in))
		imap_complain(s);
	else
		append(s, &a, false);
	box_append_cancel(a.to);
}

static bool one_message(struct imap *s, struct append *a)
{
	slice set;
	if (!imap_space(&s->in) || !imap_set(&s->in, &set) || !imap_space(&s->in)) {
		imap_complain(s);
		return false;
	}
	if (!imap_resolve(s, set, &a->replaced))
		return false;
	if (s->view->read_only)
		imap_no(s, NULL, "The mailbox is open for reading only");
	else if (a->replaced.count != 1)
		imap_no(s, "EXPUNGEISSUED", "REPLACE is for one message that is there");
	else
		return true;
	return false;
}

void imap_cmd_replace(struct imap *s)
{
	struct append a = {0};
	if (one_message(s, &a))
		append(s, &a, true);
	box_append_cancel(a.to);
	uidset_done(&a.replaced);
}
