/*
 * Checks of the program that a message says it was written with: does the rest of it look like that
 * program's? And programs that hardly anybody uses for honest mail. What is compared here is what
 * the program has always written and what gateways leave alone.
 */
#include "base/b64.h"
#include "base/hex.h"
#include "base/mem.h"
#include "content/checking.h"
#include "content/checks.h"

enum {
	INDEX_FIRST = 22, /* bytes of Thread-Index: of a first message, MS-OXOMSG 2.2.1.3 */
	INDEX_ANSWER = 5, /* that each answer adds */
	INDEX_MAX = 4000,
};

static slice program(struct content_exam *x)
{
	slice v = checking_text(x, S("x-mailer"));
	return v.n ? v : checking_text(x, S("user-agent"));
}

/* ---- shapes of Message-ID ---- */

/* "2D8F21A4-7E0C-4F5B-9C26-0AF2E5B0D3C1" */
static bool is_uuid(slice s)
{
	for (size_t i = 0; i < s.n; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;
		if (dash ? s.p[i] != '-' : hex_digit(s.p[i]) < 0)
			return false;
	}
	return s.n == 36;
}

/* "000001d7c2f1$5a3b2c10$0eb18430$": three or four groups of hexadecimal digits. */
static bool is_outlook_id(slice s)
{
	unsigned dollars = 0;
	for (size_t i = 0; i < s.n; i++) {
		dollars += s.p[i] == '$';
		if (s.p[i] != '$' && hex_digit(s.p[i]) < 0)
			return false;
	}
	return dollars >= 2;
}

static slice id_local(struct content_exam *x)
{
	slice v = checking_value(x, S("message-id"));
	return v.n > 2 && v.p[0] == '<' ? checking_local(slice_skip(v, 1)) : (slice){0};
}

/* Servers give an identifier to what has none, and some systems replace it. */
static bool replaced_id(struct content_exam *x)
{
	static const slice makers[] = {S_INIT(".outlook.com>"), S_INIT(".phx.gbl>"),
		S_INIT(".gbl>"), S_INIT("amazonses.com>"), S_INIT("mail.gmail.com>"),
		S_INIT("hotmail.com>"), S_INIT("mx.google.com>"), S_INIT("smtp-in.orange.fr>")};
	slice v = checking_value(x, S("message-id"));
	for (size_t i = 0; i < sizeof makers / sizeof *makers; i++)
		if (slice_iends(v, makers[i]))
			return true;
	return !v.n || checking_has(x, S("x-microsoft-original-message-id")) ||
	       checking_has(x, S("resent-message-id"));
}

/* ---- programs ---- */

static void forged(struct content_exam *x, slice mailer, const char *why)
{
	checking_found(x, SIGNAL_MAILER_FORGED, 1,
		arena_printf(x->a, "%.*s: %s", SFMT(slice_first(mailer, 80)), why));
}

/* Outlook Express and Outlook up to 2007 write X-MimeOLE and identifiers with $. */
static void look_at_old_outlook(struct content_exam *x, slice mailer)
{
	if (!checking_has(x, S("mime-version")))
		forged(x, mailer, "no MIME-Version");
	else if (!checking_has(x, S("x-mimeole")) && !checking_is_list(x))
		forged(x, mailer, "no X-MimeOLE");
	else if (!is_outlook_id(id_local(x)) && !replaced_id(x) && !checking_is_list(x))
		forged(x, mailer, "Message-ID");
}

static void look_at_outlook(struct content_exam *x, slice mailer)
{
	if (!checking_has(x, S("mime-version")))
		forged(x, mailer, "no MIME-Version");
	else if (!is_outlook_id(id_local(x)) && !replaced_id(x) && !checking_is_list(x) &&
		 !checking_has(x, S("thread-index")))
		forged(x, mailer, "no Thread-Index, Message-ID");
}

static void look_at_apple(struct content_exam *x, slice mailer)
{
	if (!checking_has(x, S("mime-version")))
		forged(x, mailer, "no MIME-Version");
	else if (!is_uuid(id_local(x)) && !replaced_id(x) && !checking_is_list(x))
		forged(x, mailer, "Message-ID");
}

static void look_at_program(struct content_exam *x)
{
	static const struct {
		slice starts;
		void (*look)(struct content_exam *x, slice mailer);
	} programs[] = {
		{S_INIT("Microsoft Outlook Express "), look_at_old_outlook},
		{S_INIT("Microsoft Outlook, Build "), look_at_old_outlook},
		{S_INIT("Microsoft Outlook IMO, Build "), look_at_old_outlook},
		{S_INIT("Microsoft Office Outlook, Build "), look_at_old_outlook},
		{S_INIT("Microsoft Office Outlook 11"), look_at_old_outlook},
		{S_INIT("Microsoft Office Outlook 12"), look_at_outlook},
		{S_INIT("Microsoft Outlook 14."), look_at_outlook},
		{S_INIT("Microsoft Outlook 15."), look_at_outlook},
		{S_INIT("Microsoft Outlook 16."), look_at_outlook},
		{S_INIT("iPhone Mail ("), look_at_apple},
		{S_INIT("iPad Mail ("), look_at_apple},
	};
	slice mailer = program(x);
	for (size_t i = 0; i < sizeof programs / sizeof *programs; i++)
		if (slice_starts(mailer, programs[i].starts)) {
			programs[i].look(x, mailer);
			return;
		}
}

static void look_at_tool(struct content_exam *x)
{
	static const slice tools[] = {S_INIT("leaf phpmailer"), S_INIT("leafmailer"),
		S_INIT("advanced mass sender"), S_INIT("atomic mail sender"), S_INIT("dark mailer"),
		S_INIT("darkmailer"), S_INIT("mass mailer"), S_INIT("mach10"),
		S_INIT("ultimate bulk"), S_INIT("bulk mailer"), S_INIT("群发"),
		S_INIT("king mailer"), S_INIT("heart sender"), S_INIT("turbo mailer"),
		S_INIT("smtp inboxer"), S_INIT("gx mailer")};
	slice mailer = program(x);
	if (!mailer.n)
		return;
	if (checking_says(checking_normal(x, mailer), tools, sizeof tools / sizeof *tools))
		checking_found(x, SIGNAL_MAILER_SPAMWARE, 1, mailer);
	else if (slice_istarts(mailer, S("PHPMailer")) || slice_istarts(mailer, S("PHP/")))
		checking_found(x, SIGNAL_MADE_BY_SCRIPT, checking_unless_bulk(x), mailer);
}

static void look_at_script(struct content_exam *x)
{
	slice v = checking_value(x, S("x-php-originating-script"));
	v = v.n ? v : checking_value(x, S("x-php-script"));
	if (slice_find(v, S("eval()")) < v.n)
		checking_found(x, SIGNAL_MAILER_SPAMWARE, 1, v);
	else if (v.n)
		checking_found(x, SIGNAL_MADE_BY_SCRIPT, checking_unless_bulk(x), v);
}

/* ---- single fields ---- */

static void look_at_index(struct content_exam *x)
{
	AUTO(buf) struct buf out = BUF(INDEX_MAX);
	slice v = checking_value(x, S("thread-index"));
	if (!v.n || v.n > INDEX_MAX)
		return;
	b64_decode_tolerant(&out, v);
	if (out.n < INDEX_FIRST || (out.n - INDEX_FIRST) % INDEX_ANSWER)
		checking_found(x, SIGNAL_THREAD_INDEX_BAD, 1, v);
}

static void look_at_priority(struct content_exam *x)
{
	slice p = checking_value(x, S("x-priority")), i = checking_value(x, S("importance"));
	slice m = checking_value(x, S("x-msmail-priority"));
	if (slice_starts(p, S("1")) || slice_starts(p, S("2")) || slice_ieq(i, S("high")) ||
		slice_ieq(m, S("high")) || slice_ieq(checking_value(x, S("priority")), S("urgent")))
		checking_found(x, SIGNAL_PRIORITY_HIGH, 1, S(""));
	if (m.n && !checking_has(x, S("x-mimeole")) && !checking_is_list(x) &&
		slice_find(program(x), S("Outlook")) == program(x).n)
		checking_found(x, SIGNAL_MSMAIL_ALONE, 1, program(x));
}

static void look_at_version(struct content_exam *x)
{
	const struct mime_part *p = &x->c->mime->v[0];
	if (!checking_has(x, S("mime-version")) && (p->multipart || p->encoding >= MIME_QP))
		checking_found(x, SIGNAL_MIME_VERSION_MISSING, 1, S(""));
}

void content_check_mailer(struct content_exam *x)
{
	look_at_program(x);
	look_at_tool(x);
	look_at_script(x);
	look_at_index(x);
	look_at_priority(x);
	look_at_version(x);
}
