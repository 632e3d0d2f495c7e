/*
 * Who gets an automatic answer (autoreply.h): RFC 3834 section 2, and what experience adds to it: only letters that a
 * person wrote to this person. When in doubt none: a missing answer is a small harm, two machines that talk to each other
 * are a great one. Once per sender and time: store/forward_sent.c.
 */
#include "mail/autoreply.h"

#include "base/mem.h"
#include "base/utf8.h"
#include "codec/address.h"
#include "codec/header.h"
#include "codec/summary.h"
#include "store/notice.h"
#include <jansson.h>

/* ---- senders that are machines ---- */

static bool is_machine(slice sender)
{
	static const slice whole[] = {S_INIT("mailer-daemon"), S_INIT("postmaster"),
		S_INIT("listserv"), S_INIT("majordomo"), S_INIT("mailman"), S_INIT("noreply"),
		S_INIT("no-reply"), S_INIT("no_reply"), S_INIT("donotreply"),
		S_INIT("do-not-reply"), S_INIT("do_not_reply"), S_INIT("bounce"), S_INIT("bounces"),
		S_INIT("daemon"), S_INIT("nobody"), S_INIT("root"), S_INIT("system"),
		S_INIT("auto-reply"), S_INIT("autoreply")};
	static const slice begins[] = {S_INIT("owner-"), S_INIT("noreply-"), S_INIT("noreply+"),
		S_INIT("no-reply-"), S_INIT("no-reply+"), S_INIT("bounce-"), S_INIT("bounce+"),
		S_INIT("bounces-"), S_INIT("bounces+")};
	static const slice ends[] = {S_INIT("-request"), S_INIT("-owner"), S_INIT("-relay"),
		S_INIT("-bounces"), S_INIT("-noreply"), S_INIT("-no-reply"), S_INIT(".noreply"),
		S_INIT("_noreply")};
	slice local = slice_first(sender, slice_rindex(sender, '@'));
	for (size_t i = 0; i < sizeof whole / sizeof *whole; i++)
		if (slice_ieq(local, whole[i]))
			return true;
	for (size_t i = 0; i < sizeof begins / sizeof *begins; i++)
		if (slice_istarts(local, begins[i]))
			return true;
	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
		if (slice_iends(local, ends[i]))
			return true;
	return false;
}

/* ---- the header ---- */

static bool is_bulk(slice value)
{
	slice s = slice_trim(value);
	return slice_ieq(s, S("bulk")) || slice_ieq(s, S("junk")) || slice_ieq(s, S("list")) ||
	       slice_ieq(s, S("auto_reply"));
}

/* "All", "OOF, AutoReply" (MS-OXCMAIL 2.2.3.2.14). */
static bool suppresses(slice value)
{
	slice one;
	while (slice_cut(&value, ',', &one)) {
		slice s = slice_trim(one);
		if (slice_ieq(s, S("All")) || slice_ieq(s, S("OOF")) ||
			slice_ieq(s, S("AutoReply")))
			return true;
	}
	return false;
}

static const char *field_says_no(const struct header_field *f)
{
	slice value = slice_trim(f->value);
	if (slice_ieq(f->name, S("Auto-Submitted")))
		return slice_ieq(slice_trim(slice_first(value, slice_index(value, ';'))), S("no"))
			       ? NULL
			       : "automatic";
	if (slice_istarts(f->name, S("List-")) || slice_ieq(f->name, S("Mailing-List")) ||
		slice_ieq(f->name, S("Feedback-ID")) || slice_ieq(f->name, S("X-Mailing-List")))
		return "list";
	if (slice_ieq(f->name, S("Precedence")) && is_bulk(value))
		return "bulk";
	if (slice_ieq(f->name, S("X-Auto-Response-Suppress")) && suppresses(value))
		return "suppressed";
	if (slice_ieq(f->name, S("X-Autoreply")) || slice_ieq(f->name, S("X-Autorespond")) ||
		slice_ieq(f->name, S("X-Posthouse-Notice")))
		return "automatic";
	if (slice_ieq(f->name, S("X-Spam-Flag")) && slice_istarts(value, S("yes")))
		return "spam";
	if (slice_ieq(f->name, S("Content-Type")) && slice_istarts(value, S("multipart/report")))
		return "report";
	return NULL;
}

static bool names_readers(slice name)
{
	static const slice v[] = {S_INIT("To"), S_INIT("Cc"), S_INIT("Bcc"), S_INIT("Resent-To"),
		S_INIT("Resent-Cc"), S_INIT("Resent-Bcc")};
	for (size_t i = 0; i < sizeof v / sizeof *v; i++)
		if (slice_ieq(name, v[i]))
			return true;
	return false;
}

/* 1, 0, -1. */
static int is_addressed(
	const struct autoreply_ask *q, slice value, unsigned *looked, struct arena *a)
{
	struct header_address *v;
	size_t n = header_addresses(value, a, &v);
	for (size_t i = 0; i < n && *looked < AUTOREPLY_RCPTS_MAX; i++) {
		++*looked;
		int r = v[i].valid ? q->is_own(q->arg, v[i].address) : 0;
		if (r)
			return r;
	}
	return 0;
}

const char *autoreply_is_machines(const struct queue_msg *m, slice header)
{
	struct header_field f;
	const char *why;
	if (!m->sender.n || m->flags & MSG_BOUNCE)
		return "null-sender";
	if (m->flags & MSG_JUNK)
		return "junk";
	if (is_machine(m->sender))
		return "machine";
	while (header_next(&header, &f))
		if ((why = field_says_no(&f)))
			return why;
	return NULL;
}

static const char *header_why_not(const struct autoreply_ask *q, struct arena *a)
{
	struct header_field f;
	unsigned looked = 0;
	slice rest = q->header;
	int own = 0;
	while (header_next(&rest, &f)) {
		const char *why = field_says_no(&f);
		if (why)
			return why;
		if (!own && names_readers(f.name))
			own = is_addressed(q, f.value, &looked, a);
	}
	return own == 1 ? NULL : own ? "unknown" : "not-addressed";
}

const char *autoreply_why_not(const struct autoreply_ask *q, struct arena *a)
{
	const struct queue_msg *m = q->m;
	if (!autoreply_is_due(q->wishes->autoreply, q->now))
		return "not-due";
	if (!m->sender.n || m->flags & MSG_BOUNCE)
		return "null-sender";
	if (m->flags & MSG_JUNK)
		return "junk";
	if (is_machine(m->sender))
		return "machine";
	if (q->is_own(q->arg, m->sender) != 0)
		return "own";
	return header_why_not(q, a);
}

/* ---- what it says ---- */

static slice subject_of(const struct autoreply_ask *q, struct arena *a)
{
	struct header_field f;
	if (q->wishes->autoreply->subject.n)
		return q->wishes->autoreply->subject;
	slice theirs =
		header_find(q->header, S("Subject"), 0, &f) ? header_text(f.value, a) : S("");
	/* RFC 3834 3.1.5 */
	return arena_printf(a, "Auto: %.*s", SFMT(utf8_first(theirs, AUTOREPLY_SUBJECT_MAX)));
}

/* Strangers wrote it, and it goes into a header. */
static bool is_good_id(slice id)
{
	for (size_t i = 0; i < id.n; i++)
		if (id.p[i] <= ' ' || id.p[i] > '~' || id.p[i] == '<')
			return false;
	return id.n > 0 && id.n <= AUTOREPLY_ID_MAX;
}

/* The last ids that fit, and the one that is answered (RFC 5322 3.6.4). */
static slice references(slice header, slice id, struct arena *a)
{
	struct header_field f;
	AUTO(buf) struct buf out = BUF(2 * AUTOREPLY_REFERENCES_MAX);
	slice one, in = header_find(header, S("References"), 0, &f) ? f.value : (slice){0};
	if (in.n > AUTOREPLY_REFERENCES_MAX)
		in = slice_skip(in, in.n - AUTOREPLY_REFERENCES_MAX);
	while (summary_message_id(&in, a, &one))
		if (is_good_id(one))
			buf_printf(&out, "<%.*s>\r\n ", SFMT(one));
	buf_put(&out, id);
	return buf_ok(&out) ? arena_dup(a, buf_slice(&out)) : id;
}

static slice message_id(slice header, struct arena *a)
{
	struct header_field f;
	slice id, in = header_find(header, S("Message-ID"), 0, &f) ? f.value : (slice){0};
	if (!summary_message_id(&in, a, &id) || !is_good_id(id))
		return S("");
	return arena_printf(a, "<%.*s>", SFMT(id));
}

void autoreply_thread(slice header, struct arena *a, slice *ret_id, slice *ret_references)
{
	*ret_id = message_id(header, a);
	*ret_references = ret_id->n ? references(header, *ret_id, a) : S("");
}

static void set(json_t *o, const char *key, slice value)
{
	json_t *text = json_stringn(value.n ? value.p : "", value.n);
	if (text) /* else no UTF-8 */
		json_object_set_new(o, key, text);
}

slice autoreply_data(const struct autoreply_ask *q, struct arena *a)
{
	const struct autoreply *r = q->wishes->autoreply;
	slice id = message_id(q->header, a);
	json_t *o = json_object();
	set(o, "from", q->wishes->address);
	set(o, "name", q->wishes->name);
	set(o, "subject", subject_of(q, a));
	set(o, "text", r->text);
	set(o, "message_id", id);
	set(o, "references", id.n ? references(q->header, id, a) : S(""));
	AUTO(free) char *text = json_dumps(o, JSON_COMPACT);
	json_decref(o);
	return arena_dup(a, slice_z(text));
}
