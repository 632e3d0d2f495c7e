/*
 * Tagged answers (session.h): RFC 9051 sections 7.1 and 2.2.2, response codes of RFC 5530. Each command ends with exactly one of
 * them. The one table from kinds of errors to response codes is here.
 */
#include "proto/imap/session.h"

#include "base/must.h"
#include "run/log.h"
#include "run/metrics.h"

#include <stdio.h>

enum { TEXT_MAX = 400 };

METRIC_COUNTER(bad, "posthouse_imap_bad_total", "", "IMAP commands that were none.");

/* Response text is one line of what the client can read. */
static void put_text(struct imap *s, const char *fmt, va_list ap)
{
	char text[TEXT_MAX];
	vsnprintf(text, sizeof text, fmt, ap);
	for (char *p = text; *p; p++)
		if ((unsigned char)*p < ' ' || (unsigned char)*p > 126)
			*p = '?';
	imap_putz(s, *text ? text : "Done");
}

/* News come before the end, as far as the command lets them (RFC 9051 7.5.1, 5.2). */
static void tell_news(struct imap *s)
{
	const struct imap_command *c = s->command;
	if (!s->view || !c || (c->flags & IMAP_QUIET))
		return;
	if (!(c->flags & IMAP_CHANGES) && !imap_hears_messages(s))
		return;
	imap_tell_news(s, s->uid || !(c->flags & IMAP_NO_EXPUNGE));
}

static void put_tagged(
	struct imap *s, const char *status, const char *code, const char *fmt, va_list ap)
{
	must(!s->answered);
	tell_news(s);
	s->answered = true;
	imap_put(s, s->tag);
	imap_putz(s, status);
	if (code) {
		imap_put(s, S("["));
		imap_putz(s, code);
		imap_put(s, S("] "));
	}
	put_text(s, fmt, ap);
	imap_put(s, S("\r\n"));
}

void imap_ok(struct imap *s, const char *code, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	put_tagged(s, " OK ", code, fmt, ap);
	va_end(ap);
	if (s->user)
		s->bad_commands = 0;
}

void imap_no(struct imap *s, const char *code, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	put_tagged(s, " NO ", code, fmt, ap);
	va_end(ap);
}

static void too_many(struct imap *s)
{
	metric_add(&bad, 1);
	if (++s->bad_commands >= s->service->limits.bad_commands)
		imap_bye(s, "bad", "Too many bad commands");
}

void imap_bad_code(struct imap *s, const char *code, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	put_tagged(s, " BAD ", code, fmt, ap);
	va_end(ap);
	too_many(s);
}

void imap_bad(struct imap *s, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	put_tagged(s, " BAD ", NULL, fmt, ap);
	va_end(ap);
	too_many(s);
}

/* What a kind is to the client. Causes that are ours are not its business: they are logged. */
static const struct answer {
	const char *code, *text; /* NULL: the error's own */
} answers[] = {
	[ERR_NONE] = {"SERVERBUG", "Internal error"},
	[ERR_TEMP] = {"UNAVAILABLE", "Not possible at the moment, please try again"},
	[ERR_PERM] = {"CANNOT", NULL},
	[ERR_DENIED] = {"NOPERM", NULL},
	[ERR_NOTFOUND] = {"NONEXISTENT", NULL},
	[ERR_EXISTS] = {"ALREADYEXISTS", NULL},
	[ERR_LIMIT] = {"LIMIT", NULL},
	[ERR_QUOTA] = {"OVERQUOTA", NULL},
	[ERR_PROTO] = {"CANNOT", NULL},
	[ERR_CLOSED] = {"UNAVAILABLE", "The session ends"},
	[ERR_TIMEOUT] = {"UNAVAILABLE", "Not possible at the moment, please try again"},
	[ERR_BUG] = {"SERVERBUG", "Internal error"},
};

void imap_fail(struct imap *s, const struct err *e)
{
	const struct answer *a = &answers[e->kind];
	if (a->text && e->kind != ERR_CLOSED)
		log_warn(NULL, "imap.failed", F("command", s->command ? s->command->name : ""),
			F("kind", err_kind_name(e->kind)), F("error", e->text));
	imap_no(s, a->code, "%s", a->text ? a->text : e->text);
}

void imap_complain(struct imap *s)
{
	const char *what = s->in.what ? s->in.what : "there is something wrong";
	if (s->in.lost)
		return;
	if (s->in.too_big) {
		imap_no(s, s->in.pending ? "TOOBIG" : "LIMIT", "Too much: %s", what);
		too_many(s);
	} else if (s->in.code) {
		imap_bad_code(s, s->in.code, "Syntax: %s", what);
	} else {
		imap_bad(s, "Syntax: %s", what);
	}
}

void imap_bye(struct imap *s, const char *end, const char *fmt, ...)
{
	va_list ap;
	if (s->ending)
		return;
	imap_put(s, S("* BYE "));
	va_start(ap, fmt);
	put_text(s, fmt, ap);
	va_end(ap);
	imap_put(s, S("\r\n"));
	s->summary.end = end;
	s->ending = true;
}
