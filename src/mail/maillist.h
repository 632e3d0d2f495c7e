/*
 * maillist: what mailing lists do with mail, without databases and sockets: may this be posted, what a post looks like to its
 * readers, what a letter to LIST-request asks for, what the digest looks like, what the list's own letters say, and the tokens in
 * addresses and links. The queue process (bin/queue_maillist*.c) reads, asks and stores; the pages are bin/web_maillist.c.
 *
 *	maillist_judge.c	loops, proof of authors, who may post
 *	maillist_edit.c		a post that is changed: subject, footer, From, fields of other lists
 *	maillist_fields.c	the fields that every post gets (RFC 2369, 2919, 8058)
 *	maillist_token.c	tokens
 *	maillist_command.c	commands by mail
 *	maillist_digest.c	the daily digest (RFC 2046 5.1.5)
 *	maillist_notice.c	letters
 */
#pragma once
#include "codec/edit.h"
#include "mail/notice.h"
#include "store/maillist.h"

/* ---- may it be posted (maillist_judge.c) ---- */

enum { MAILLIST_HOPS_MAX = 60 /* Received: fields */ };

/* The author: the only address in the only From:, canonical. False: there is none, or several. From *a. */
bool maillist_author(slice header, struct arena *a, slice *ret);
/* Do our own results (Authentication-Results in the prefix that we wrote) prove this author? By DMARC, an aligned signature, or
 * SPF of exactly his domain. *ret_policy: what his domain's DMARC record asks for ("reject"), empty: not known. */
bool maillist_proven(slice prefix, slice author, struct arena *a, slice *ret_policy);
/* Why a machine wrote it, or it came back, so that it must neither be posted nor answered; NULL: a person's letter. */
const char *maillist_machine(slice header, const struct queue_msg *m, slice list);

enum maillist_say {
	MAILLIST_SAY_POST,
	MAILLIST_SAY_HOLD, /* for a moderator */
	MAILLIST_SAY_REFUSE, /* the author is told */
	MAILLIST_SAY_DROP, /* nobody is told */
	MAILLIST_SAY_LATER, /* the list has had its share of this hour */
};
struct maillist_case {
	const struct maillist *list;
	const struct queue_msg *m;
	slice header; /* prefix and stored header */
	slice author; /* empty: none */
	bool proven, member;
	unsigned roles; /* of the author */
	uint64_t posts_author, posts_all; /* within the hour */
};
/* A refusal goes to the envelope's sender, who may be another than the author who is proven: then nobody is told. */
bool maillist_may_refuse(const struct queue_msg *m, slice author, bool proven);
enum maillist_say maillist_judge(const struct maillist_case *c, const char **ret_why);

/* ---- what readers get ---- */

struct maillist_change {
	bool strip; /* it has fields of another list */
	slice from; /* new value of From:; empty: as it is */
	slice reply_to; /* likewise; any there is goes */
	slice sender; /* likewise */
	slice tag, footer;
};
bool maillist_has_list_fields(slice header);
/* "Ann via Dev <dev@here>" of the author's From:. */
slice maillist_from(slice header, slice author, const struct maillist *l, struct arena *a);
/* The whole message changed so. -1: ERR_LIMIT. */
int maillist_edit(slice message, const struct maillist_change *c, struct arena *a, struct buf *out,
	struct err *e);

/* Fields of every post. `header`: of the message, whose Precedence stays. url: of our pages; empty: none. */
void maillist_fields(const struct maillist *l, slice header, slice archive, struct buf *out);
/* How to leave. Personal: by a member's token, with one click where there are pages; else (empty) for anybody on the list, whose
 * page has list_token. */
void maillist_leave_fields(const struct maillist *l, slice url, slice member_token,
	slice list_token, struct arena *a, struct buf *out);
slice maillist_url(
	slice url, slice token, struct arena *a); /* "https://host/l/TOKEN"; empty without pages */

/* ---- tokens ---- */

enum maillist_token_kind {
	MAILLIST_TOKEN_BOUNCE = 'v', /* id: of the member; in envelope senders */
	MAILLIST_TOKEN_PROBE = 'p', /* likewise, of a probe */
	MAILLIST_TOKEN_LEAVE = 'u', /* id: of the member; for ever */
	MAILLIST_TOKEN_CONFIRM = 'c', /* id: of the request */
	MAILLIST_TOKEN_DECIDE = 'm', /* id: of the moderator's row */
	MAILLIST_TOKEN_PAGE = 'l', /* id: of the list; for ever */
};
enum { MAILLIST_TOKEN_TEXT = 25, MAILLIST_KEY = 32 };
struct maillist_token {
	enum maillist_token_kind kind;
	int64_t id;
	int64_t until; /* wall, whole hours; 0: for ever */
};
/* The text of a HMAC by the secret of links that makes the key of tokens. */
#define MAILLIST_KEY_TEXT "posthouse mailing list tokens"
slice maillist_token_make(
	const unsigned char key[MAILLIST_KEY], const struct maillist_token *t, struct arena *a);
/* ERR_PROTO: none of ours; ERR_TIMEOUT: its time is over (*ret is filled). Case does not count: systems fold addresses. */
int maillist_token_read(const unsigned char key[MAILLIST_KEY], slice text, int64_t now,
	struct maillist_token *ret, struct err *e);

/* ---- commands by mail ---- */

enum maillist_command {
	MAILLIST_CMD_NONE, /* nothing that we know: a letter with help */
	MAILLIST_CMD_HELP,
	MAILLIST_CMD_JOIN,
	MAILLIST_CMD_LEAVE,
	MAILLIST_CMD_DIGEST,
	MAILLIST_CMD_NODIGEST,
	MAILLIST_CMD_NOMAIL,
	MAILLIST_CMD_MAIL,
	MAILLIST_CMD_APPROVE, /* of moderators */
	MAILLIST_CMD_REJECT,
	MAILLIST_CMD_DISCARD,
};
/* By the subject, else the first line of the text that says one. "Re:" does not count. */
enum maillist_command maillist_command(slice subject, slice text);

/* ---- letters of the list: rows of the outbox with kind NOTICE_MAILLIST ---- */

struct maillist_letter {
	const char *
		what; /* "confirm", "welcome", "left", "help", "held", "waiting", "refused", "denied", "disabled", "probe",
			     "settings" */
	const struct maillist *list;
	slice to, from; /* from empty: LIST-owner */
	slice url; /* what to press; empty: none */
	slice reply; /* address that a reply to this letter goes to: the same */
	bool leave; /* of confirm: to leave */
	slice text; /* more to say, lines */
	const slice *lines; /* facts */
	size_t nlines;
};
/* The row; strings in *a. */
struct notice maillist_notice(const struct maillist_letter *l, int64_t now, struct arena *a);
/* For notice_write.c. */
bool notice_write_maillist(
	const struct notice_facts *f, struct arena *a, struct notice_letter *ret);

/* ---- the digest ---- */

struct maillist_digest_post {
	slice from, subject;
	slice message; /* whole, CRLF; empty: it is not in it, as `apart` says */
	bool apart; /* too large for a digest: it comes by itself; else it cannot be read any more */
	uint64_t size;
	int64_t at;
};
/* The message: contents as text, then multipart/digest. */
int maillist_digest_build(const struct maillist *l, uint64_t issue,
	const struct maillist_digest_post *v, size_t n, slice id, slice hostname, int64_t now,
	struct buf *out, struct err *e);
enum { MAILLIST_DIGEST_MAX = 24 << 20 /* bytes of one */ };
