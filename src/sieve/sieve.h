/*
 * sieve: people's own rules for their mail (RFC 5228 and extensions). Pure: no I/O, no clock, no databases; what a script
 * may know is handed in, what it wants comes back as a list of actions, which others carry out. So it runs inside a scan
 * process, where hostile letters and hostile scripts find nothing to steal, and in tests.
 *
 *	lex.c, parse.c		text -> commands, tests, arguments
 *	words.c, check.c	what RFCs allow: extensions, tags, arguments	compile.c	all of it, and mistakes
 *	run.c, actions.c	scripts and letter -> actions			match.c	keys and values
 *	others			one file for each extension or two; impl.h: what they share
 *	form.c			simple rules of people (form.h) <-> script
 *
 * A run that needs something it was not told (was this seen before? is this address in my book?) ends with questions; the caller
 * answers and runs again: same input, same way, so it comes further each time (at most SIEVE_ROUNDS_MAX).
 */
#pragma once
#include "base/arena.h"
#include "base/err.h"
#include "base/slice.h"

enum {
	SIEVE_SCRIPT_MAX = 256 * 1024, /* bytes of one script (the class may allow less) */
	SIEVE_SCRIPTS_MAX = 100, /* of one account */
	SIEVE_NAME_MAX = 128, /* characters of a script's name (RFC 5804 1.6: at least 128) */
	SIEVE_TOKENS_MAX = 100000,
	SIEVE_BLOCKS_MAX = 32, /* nested blocks, tests, includes: each */
	SIEVE_ROUNDS_MAX = 16,
	SIEVE_QUESTIONS_MAX = 200, /* of a run */
};

/* ---- compiling ---- */

struct sieve_mistake {
	slice script; /* its name */
	unsigned line, column; /* from 1; 0: the script as a whole */
	bool warning; /* it runs nevertheless */
	slice en, zh; /* what is wrong, for people */
};
struct sieve_source {
	slice name;
	slice text; /* UTF-8 */
	bool global; /* the administrator's: may use what people may not; `include :global` finds it */
};
/* What a script may use: the names of extensions that `require` knows, separated by blanks; also SIEVE of CAPABILITY (RFC 5804 1.7). */
slice sieve_extensions(void);
slice sieve_notify_methods(void); /* "mailto https" */

struct sieve_script; /* lives in its arena, is never changed: any number of runs */
struct sieve_mistakes {
	struct sieve_mistake *v;
	size_t n; /* at most 50 are kept */
};
/* NULL: mistakes say why. Scripts that it includes are not needed for this (RFC 6609 3.2). `most`: bytes, 0: SIEVE_SCRIPT_MAX. */
const struct sieve_script *sieve_compile(
	const struct sieve_source *s, size_t most, struct arena *a, struct sieve_mistakes *ret);
/* Names that it includes, for the caller to load beforehand; borrowed from the script. */
struct sieve_include {
	slice name;
	bool global, optional;
};
const struct sieve_include *sieve_includes(const struct sieve_script *s, size_t *ret_n);

/* ---- running ---- */

struct sieve_limits { /* of one delivery, all scripts together */
	uint64_t
		steps; /* 1: a command, a test, 64 bytes looked at: the same script and letter always take the same */
	uint64_t memory; /* bytes of variables and strings made */
	unsigned actions; /* 32 */
	unsigned redirects; /* 4 */
	unsigned notices; /* 4 */
	unsigned variables; /* 255 */
	size_t variable; /* bytes of one: 4096 */
	unsigned edits; /* fields added or deleted: 100 */
};
extern const struct sieve_limits sieve_limits_default;

struct sieve_folder { /* what mailbox, mailboxid, special-use ask for */
	slice name; /* "Work/2026", UTF-8 */
	slice id; /* MAILBOXID (RFC 8474) */
	slice use; /* "\\Junk" or empty */
	bool may_insert;
};
struct sieve_answer { /* to a question of an earlier round: same kind and key */
	int kind; /* enum sieve_question_kind */
	slice key;
	bool yes;
	slice text;
};
struct sieve_input {
	const struct sieve_script *const *
		scripts; /* in order: before, the person's, after; a `stop` or cancelled keep ends as multiscript rules say (doc/notes/sieve.md) */
	size_t nscripts;
	const struct sieve_script *const
		*included; /* that `include` finds; found by name and global */
	size_t nincluded;
	slice message; /* as it would be delivered, header and body, CRLF; borrowed by the result */
	slice sender, recipient, original_recipient; /* envelope; "" the null sender */
	slice login; /* authenticated sender or empty */
	const slice *own; /* addresses of the account: vacation, and loops of redirect */
	size_t nown;
	slice name; /* of the account's owner */
	char separator; /* of subaddress: '+' */
	const struct sieve_folder *folders;
	size_t nfolders;
	slice home; /* where `keep` goes: "INBOX" (also when empty), or what a policy chose; fileinto of that name is the same as keep */
	float spam; /* 0..1: score as a part of what is certainly spam; below 0: was not judged */
	int virus; /* 0: not looked at, 1: clean ... 5: certain (RFC 5235) */
	slice domain, host, version, client_ip, client_name; /* environment */
	int64_t now; /* usec UTC */
	int zone; /* minutes east */
	const struct sieve_answer *answers;
	size_t nanswers;
	const struct sieve_limits *limits; /* NULL: defaults */
};

enum sieve_action_kind {
	SIEVE_KEEP, /* into the folder it would go to anyway */
	SIEVE_FILEINTO,
	SIEVE_REDIRECT,
	SIEVE_REJECT, /* by a notice to the sender, or at SMTP time where that is possible (ereject) */
	SIEVE_DISCARD, /* the person's wish, in words, for the trace: nothing is kept */
	SIEVE_VACATION,
	SIEVE_NOTIFY,
	SIEVE_REMEMBER, /* duplicate: note this key now */
	SIEVE_REPORT, /* vnd.dovecot.report is not offered; log line of debug_log when global */
};
struct sieve_action {
	enum sieve_action_kind kind;
	slice folder; /* FILEINTO: name; or, by_id, the id of mailboxid; or use of special-use, falling back to name */
	slice folder_id, folder_use;
	bool create; /* :create */
	slice flags; /* KEEP, FILEINTO: "\\Seen $Work", empty: none */
	size_t edits; /* KEEP, FILEINTO, REDIRECT, REJECT, VACATION: how many of result.edits count for this one */
	slice address; /* REDIRECT */
	bool copy, list; /* REDIRECT */
	slice text; /* REJECT reason; VACATION, NOTIFY message; REPORT */
	bool ereject;
	/* VACATION: that the letter may be answered at all (RFC 5230 4.5, 4.6: to the person, by a person, no list) was looked at here;
	 * whether this sender was answered within `seconds` is the caller's to know. */
	slice subject, from; /* as said, or empty; from of NOTIFY, too: a valid "Name <address>" */
	slice handle; /* never empty: two vacations with the same one are the same (RFC 5230 4.7); a key together with the sender */
	int64_t seconds; /* between answers to one sender; 0: each time. REMEMBER: how long */
	bool mime; /* text is a MIME entity with its header (text/plain; charset=utf-8 if it is not) */
	/* NOTIFY */
	slice method; /* URI: "mailto:...", "https://..." ; sieve_mailto() reads the first */
	slice options; /* "name=value" lines, LF */
	int importance; /* 1..3 */
	/* REMEMBER: only after all of the delivery went well (RFC 7352 3.3) */
	slice key;
	/* who said it */
	slice script;
	unsigned line;
};
struct sieve_edit {
	enum { SIEVE_EDIT_ADD, SIEVE_EDIT_DELETE, SIEVE_EDIT_MESSAGE } kind;
	bool last; /* add: behind all fields, else before them */
	slice name,
		value; /* add: value is encoded and folded as it must stand; message: value is the whole new letter (replace, enclose) */
	unsigned
		at; /* delete: which one of that name, from 0 from the top, as counted at that moment */
};
enum sieve_question_kind {
	SIEVE_ASK_DUPLICATE = 1, /* key: was it noted within `seconds`? */
	SIEVE_ASK_METADATA, /* mailbox annotation: text */
	SIEVE_ASK_LIST, /* extlists: is address in list */
};
struct sieve_question {
	int kind;
	slice key;
	int64_t seconds;
};
enum sieve_end {
	SIEVE_DONE,
	SIEVE_ASKS, /* answer and run again */
	SIEVE_FAILED, /* a script went wrong or too far: mistake says what. Actions of scripts that ended before are in, and keep is */
};
struct sieve_result {
	enum sieve_end end;
	struct sieve_action *
		actions; /* in the order in which they were said; duplicates folded; SIEVE_KEEP in it when kept */
	size_t nactions;
	struct sieve_edit *edits; /* of the header, in order */
	size_t nedits;
	struct sieve_question *questions;
	size_t nquestions;
	struct sieve_mistake mistake;
	struct sieve_mistakes
		warnings; /* went on nevertheless: an expression that is none, a folder's name that cannot be */
	uint64_t steps;
};
/* All memory from *a. Never fails otherwise: what cannot be done is SIEVE_FAILED. */
void sieve_run(const struct sieve_input *q, struct arena *a, struct sieve_result *ret);
/* The letter with the first n edits made: header with its empty line; body borrowed from the message (or from an edit). */
void sieve_edited(slice message, const struct sieve_edit *v, size_t n, struct arena *a,
	slice *ret_header, slice *ret_body);

/* ---- what a mailto: URI of notify says (RFC 5436, RFC 6068) ---- */
struct sieve_mailto {
	slice *rcpts; /* all of to, cc and bcc, each once: to be sent to */
	size_t nrcpts;
	slice to, cc; /* values of fields, encoded; empty: none */
	slice subject, body; /* UTF-8; empty: not said */
	slice fields; /* other fields that are allowed, whole lines */
};
enum { SIEVE_NOTIFY_RCPTS_MAX = 8 };
bool sieve_mailto(slice uri, struct arena *a, struct sieve_mailto *ret, struct err *e);
/* The letter that a NOTIFY of mailto sends, CRLF, with Auto-Submitted, without Message-ID and DKIM. `from` when the action has none. */
slice sieve_notify_letter(const struct sieve_action *act, const struct sieve_input *q,
	const struct sieve_mailto *to, slice from, struct arena *a);
