/*
 * route: where a recipient's mail goes, and why. Asked by edge at RCPT, by the queue before
 * attempts (the directory may have changed meanwhile) and by `posthouse route test`.
 *
 * The answer is a destination key, the unit of scheduling and connection reuse:
 *	local			mailboxes here
 *	report			nowhere: reports of others about our mail, which are read
 *	report:spam, report:ham	nowhere: letters that our users report, by which the filter learns
 *	list			a mailing list, or an address that belongs to one
 *	list:out, :archive, :digest, :issue	a post on its way: to the members, into the archive, into the next digest; a digest
 *	honeypot		nowhere: addresses that nobody has; their mail is learned as spam
 *	backend:NAME		the route NAME of the directory (a backend, a smarthost)
 *	smtp:example.com	the domain's MX hosts; smtp:[192.0.2.1] and smtp:[IPv6:...] that address
 *	error:5.1.1 text	nowhere: refused at RCPT, or bounced when it is queued already
 *	bounce			an administrator wants it bounced; the recipient's reason says why
 */
#pragma once
#include "codec/status.h"
#include "mail/srs.h"
#include "run/conf.h"
#include "store/directory.h"

enum { ROUTE_WHY_MAX = 8, ROUTE_DEST_MAX = 512 };

/* The copy of what somebody sent as a shared mailbox: for its folder Sent. Made at RCPT, never decided. */
#define ROUTE_SENT "local:sent"

/* What the queue process makes of a post to a mailing list; never decided. */
#define ROUTE_LIST_OUT "list:out"
#define ROUTE_LIST_ARCHIVE "list:archive"
#define ROUTE_LIST_DIGEST "list:digest"
#define ROUTE_LIST_ISSUE "list:issue"

enum route_kind {
	ROUTE_LOCAL, /* also ROUTE_SENT */
	ROUTE_BACKEND,
	ROUTE_SMTP,
	ROUTE_ERROR,
	ROUTE_BOUNCE,
	ROUTE_REPORT,
	ROUTE_HONEYPOT,
	ROUTE_LIST
};

struct route_why {
	slice en, zh;
};
struct route_decision {
	enum route_kind kind;
	slice dest; /* the key */
	struct status_code status; /* ROUTE_ERROR: 5.1.1, 5.1.2, 5.2.1 ... */
	slice text; /* ROUTE_ERROR: the sentence of the key */
	bool verified; /* the recipient is known to exist (or, for an error, known not to) */
	bool callout; /* ROUTE_BACKEND: the backend should be asked */
	bool ours; /* the recipient's domain is one that we are responsible for */
	slice route; /* ROUTE_BACKEND: the route's name */
	/* The address is a sender that we rewrote (srs.h): mail for it goes to this one, which the
	 * decision is about, though `ours` is true. Only reports (null sender) may. Else empty. */
	slice stands_for;
	int64_t account; /* ROUTE_LOCAL without alias: the mailbox, and its quotas (0 none) */
	uint64_t quota, quota_messages;
	struct route_why why[ROUTE_WHY_MAX];
	unsigned nwhy;
};

/* Where the rules look things up; the directory, or a test's table. Results as directory_rcpt,
 * directory_get_route_for, directory_get_route. */
struct route_lookup {
	int (*rcpt)(
		void *arg, slice address, struct arena *a, struct rcpt_answer *ret, struct err *e);
	int (*route_for)(
		void *arg, slice address, struct arena *a, struct route *ret, struct err *e);
	int (*route)(void *arg, slice name, struct arena *a, struct route *ret, struct err *e);
	void *arg;
	/* Addresses, or local parts in every domain of ours, to which reports come; NULL: none. */
	const struct conf_list *reports;
	/* Likewise, to which our users report letters. */
	const struct conf_list *spam, *ham;
	/* Addresses that nobody has: addresses, local parts in every domain of ours, "@domain" for
	 * all of its addresses. NULL: none. */
	const struct conf_list *honeypots;
	const struct srs *srs; /* NULL: no rewritten senders are known */
};
struct route_lookup route_lookup_directory(struct directory *d);

/*
 * Decides for one mailbox (without <>). In a coroutine (the lookups may wait). `why` makes the list
 * of reasons, which costs a little. -1 with ERR_TEMP when the directory cannot answer now;
 * unroutable is a decision (ROUTE_ERROR), not an error.
 */
int route_decide(const struct route_lookup *l, slice address, bool why, struct arena *a,
	struct route_decision *ret, struct err *e);

/* Takes a key apart. `name` is the route's name, the domain (or literal with its []), the error's
 * "5.1.1 text"; "spam" or "ham" of what users report; empty for local and bounce. False: no such key. */
bool route_parse(slice dest, enum route_kind *ret_kind, slice *ret_name);
/* The status and text of an error key's name. Without a status: 5.0.0. */
void route_error(slice name, struct status_code *ret_status, slice *ret_text);
