/*
 * What the files of sieve/ share, and the program that judges it (test/judge/sieve.c): the tree of a script, the tables of its
 * words, and the state of a run. Everybody else uses sieve.h.
 */
#pragma once
#include "base/buf.h"
#include "base/mem.h"
#include "codec/mime.h"
#include "sieve/sieve.h"

enum {
	SIEVE_MISTAKES_MAX = 50,
	SIEVE_ARGS_MAX = 32, /* of one command */
	SIEVE_WORD_MAX = 32, /* characters of an identifier (RFC 5228 has no limit) */
	SIEVE_TAGS_MAX = 12, /* that one command can have at once */
	SIEVE_INCLUDES_MAX = 10, /* of scripts inside each other */
	SIEVE_DEPTH_MAX = 100, /* blocks and tests of a run, through all includes */
	SIEVE_LOOPS_MAX = 4, /* foreverypart inside each other */
	SIEVE_MATCH_VALUES = 32, /* ${0} ... ${31} */
	SIEVE_NAME_PARTS = 128, /* bytes of a variable's name */
	SIEVE_WORK = 64, /* bytes looked at for one step */
	SIEVE_REGEXES_MAX = 2 << 20, /* bytes of all expressions of a script, compiled */
	SIEVE_FOLDER_MAX = 1000, /* bytes of a folder's name */
};

enum ext {
	EXT_CORE,
	EXT_VARIABLES,
	EXT_FILEINTO,
	EXT_COPY,
	EXT_IMAP4FLAGS,
	EXT_ENVELOPE,
	EXT_BODY,
	EXT_DATE,
	EXT_INDEX,
	EXT_RELATIONAL,
	EXT_REGEX,
	EXT_VACATION,
	EXT_VACATION_SECONDS,
	EXT_REJECT,
	EXT_EREJECT,
	EXT_EDITHEADER,
	EXT_MAILBOX,
	EXT_MBOXMETADATA,
	EXT_SERVERMETADATA,
	EXT_MAILBOXID,
	EXT_SPECIALUSE,
	EXT_SUBADDRESS,
	EXT_DUPLICATE,
	EXT_INCLUDE,
	EXT_MIME,
	EXT_FOREVERYPART,
	EXT_EXTRACTTEXT,
	EXT_REPLACE,
	EXT_ENCLOSE,
	EXT_ENOTIFY,
	EXT_SPAMTEST,
	EXT_SPAMTESTPLUS,
	EXT_VIRUSTEST,
	EXT_ENVIRONMENT,
	EXT_IHAVE,
	EXT_ENCODED,
	EXT_EXTLISTS,
	EXT_NUMERIC, /* comparators */
	EXT_UNICODE,
	EXT_OCTET,
	EXT_CASEMAP,
	EXT_EXTRA, /* of a judge */
	EXT_NONE,
};
#define EXT_BIT(e) (1ULL << (e))
/* EXT_NONE: there is none of that name. */
enum ext sieve_ext_find(slice name);
slice sieve_ext_name(enum ext e);

struct place {
	unsigned line, column;
};

/* ---- the tree ---- */

struct piece {
	enum { PIECE_PLAIN, PIECE_VARIABLE, PIECE_MATCH } kind;
	slice plain;
	unsigned index; /* of script->vars; of a match value */
};
struct text { /* a string of a script */
	slice plain;
	struct piece *v; /* n 0: it is plain */
	size_t n;
};
enum arg_kind { ARG_TAG, ARG_NUMBER, ARG_STRING, ARG_LIST };
struct arg {
	enum arg_kind kind;
	struct place at;
	slice tag; /* without its colon */
	uint64_t number;
	struct text *v; /* one or more strings */
	size_t n;
	slice *plain; /* the same, when none has pieces; else NULL */
};
enum match_type {
	MATCH_IS,
	MATCH_CONTAINS,
	MATCH_MATCHES,
	MATCH_REGEX,
	MATCH_COUNT,
	MATCH_VALUE,
	MATCH_LIST
};
enum comparator { COMPARE_CASEMAP, COMPARE_OCTET, COMPARE_NUMERIC, COMPARE_UNICODE };
enum relation { REL_GT, REL_GE, REL_LT, REL_LE, REL_EQ, REL_NE };
struct regex;
struct match {
	enum match_type type;
	enum comparator comparator;
	enum relation relation;
	struct regex **regex; /* of keys that are plain; NULL for others */
};
struct tagged {
	uint8_t id;
	const struct arg *arg; /* its value; NULL: it has none */
};
struct word;
struct node {
	slice name;
	struct place at;
	struct arg *args;
	unsigned nargs, ntests, ntags;
	bool list, has_block; /* tests in parentheses */
	bool dead; /* behind an `ihave` that does not hold: not checked, never run */
	struct node *tests, *block, *next;
	/* what the check found */
	const struct word *word;
	const struct arg **pos; /* as word->params; NULL: left out */
	struct tagged *tags;
	struct match match;
	void *data; /* of the word */
};

/* ---- words ---- */

enum tag_id {
	TAG_NONE,
	TAG_COMPARATOR,
	TAG_IS,
	TAG_CONTAINS,
	TAG_MATCHES,
	TAG_REGEX,
	TAG_COUNT,
	TAG_VALUE,
	TAG_LIST,
	TAG_ALL,
	TAG_LOCALPART,
	TAG_DOMAIN,
	TAG_USER,
	TAG_DETAIL,
	TAG_INDEX,
	TAG_LAST,
	TAG_MIME,
	TAG_ANYCHILD,
	TAG_TYPE,
	TAG_SUBTYPE,
	TAG_CONTENTTYPE,
	TAG_PARAM,
	TAG_OWN, /* from here on: those of single words */
	TAG_OVER,
	TAG_UNDER,
	TAG_COPY,
	TAG_CREATE,
	TAG_FLAGS,
	TAG_MAILBOXID,
	TAG_SPECIALUSE,
	TAG_LOWER,
	TAG_UPPER,
	TAG_LOWERFIRST,
	TAG_UPPERFIRST,
	TAG_QUOTEWILDCARD,
	TAG_QUOTEREGEX,
	TAG_ENCODEURL,
	TAG_LENGTH,
	TAG_FIRST,
	TAG_NAME,
	TAG_RAW,
	TAG_CONTENT,
	TAG_TEXT,
	TAG_ZONE,
	TAG_ORIGINALZONE,
	TAG_DAYS,
	TAG_SECONDS,
	TAG_SUBJECT,
	TAG_FROM,
	TAG_ADDRESSES,
	TAG_HANDLE,
	TAG_HEADER,
	TAG_HEADERS,
	TAG_UNIQUEID,
	TAG_IMPORTANCE,
	TAG_OPTIONS,
	TAG_MESSAGE,
	TAG_PERSONAL,
	TAG_GLOBAL,
	TAG_ONCE,
	TAG_OPTIONAL,
	TAG_PERCENT,
	TAG_EXTRA, /* of a judge */
};
enum { /* kinds of tags that words take besides their own */
	TAKES_MATCH = 1, /* match types and :comparator */
	TAKES_PART = 2, /* address parts */
	TAKES_INDEX = 4,
	TAKES_MIME = 8, /* :mime :anychild */
	TAKES_MIME_PART = 16, /* :type :subtype :contenttype :param */
};
struct tag {
	slice name;
	uint8_t id, ext;
	char value; /* 0, 's' string, 'S' list, 'n' number */
	uint8_t group; /* only one of a group; 0: alone */
};
struct param {
	char type; /* 's', 'S', 'n' */
	bool optional;
	const char *en, *zh; /* what it is, for mistakes */
};
struct check;
struct run;
struct word {
	slice name;
	uint8_t ext;
	bool test; /* else a command */
	uint8_t takes;
	uint8_t tests; /* 0, 1, 2: a list */
	bool block;
	struct param params[4]; /* type 0 ends */
	const struct tag *tags; /* name empty: end */
	bool (*check)(struct check *c, struct node *n); /* after arguments were; false: said why */
	void (*run)(struct run *r, const struct node *n);
	bool (*holds)(struct run *r, const struct node *n);
};
/* Words of one file, ended by an empty name. */
extern const struct word sieve_words_control[], sieve_words_tests[], sieve_words_address[],
	sieve_words_actions[], sieve_words_variables[], sieve_words_flags[], sieve_words_body[],
	sieve_words_date[], sieve_words_vacation[], sieve_words_reject[], sieve_words_editheader[],
	sieve_words_mailbox[], sieve_words_duplicate[], sieve_words_include[], sieve_words_mime[],
	sieve_words_replace[], sieve_words_enotify[], sieve_words_spamtest[],
	sieve_words_environment[], sieve_words_ihave[], sieve_words_extlists[];
/* NULL: unknown. exts: those that were required; another spelling of it with fewer is found, too: *ret_needs says which one. */
const struct word *sieve_word_find(
	const struct check *c, slice name, bool test, enum ext *ret_needs);
const struct tag *sieve_tag_find(
	const struct check *c, const struct word *w, slice name, enum ext *ret_needs);
/* ":is, :contains" of a word, for mistakes. */
slice sieve_tag_names(const struct check *c, const struct word *w);

/* ---- compiling ---- */

struct sieve_script {
	slice name;
	bool global;
	uint64_t exts; /* required */
	struct node *first;
	slice *vars; /* names, lower case; "global.x" with its prefix */
	size_t nvars, vars_room;
	struct sieve_include *includes;
	size_t nincludes, includes_room;
};
struct extra { /* words that only a judge has */
	slice names; /* for require, with blanks between them */
	const struct word *words;
};
struct check {
	struct arena *a;
	const struct sieve_source *source;
	struct sieve_mistakes *out;
	struct sieve_script *script;
	const struct extra *extra;
	uint64_t exts;
	unsigned nerrors, loops; /* foreverypart around */
	size_t regexes; /* bytes of all expressions */
	slice loop_names[SIEVE_LOOPS_MAX];
};
#define SAY(c, ...) arena_printf((c)->a, __VA_ARGS__)
void sieve_mistake(struct check *c, struct place at, slice en, slice zh);
void sieve_warning(struct check *c, struct place at, slice en, slice zh);
const struct sieve_script *sieve_compile_with(const struct sieve_source *s, size_t most,
	const struct extra *x, struct arena *a, struct sieve_mistakes *ret);

struct node *sieve_parse(struct check *c); /* mistakes were said when c->nerrors grew */
void sieve_check(struct check *c, struct node *first);

/* What a string means: encoded characters and variables. */
bool sieve_text_read(struct check *c, struct text *t, struct place at);
unsigned sieve_variable(struct check *c, slice name); /* its index; lower-cases */
bool sieve_variable_name(slice name); /* identifier, perhaps with namespaces */
/* The only string of an argument must be known now. */
bool sieve_constant(struct check *c, const struct node *n, const struct arg *arg, slice *ret);

const struct arg *sieve_node_tag(
	const struct node *n, enum tag_id id, bool *ret_there); /* ret_there may be NULL */
static inline bool node_has(const struct node *n, enum tag_id id)
{
	bool there;
	sieve_node_tag(n, id, &there);
	return there;
}

/* ---- running ---- */

struct field { /* of a header, as a run sees it */
	slice raw, name, value;
	slice text; /* decoded, when it was looked at */
	bool have_text;
	struct addr *addrs; /* likewise, with all of each as it is compared */
	slice *addr_all;
	size_t naddrs;
};
struct fields {
	struct field *v;
	size_t n, room;
};
struct var {
	slice value;
};
struct frame { /* a script that runs */
	const struct sieve_script *script;
	struct frame *up;
	struct var **slots;
	struct var *return_value;
};
struct global {
	slice name;
	struct var var;
	struct global *next;
};
enum run_state { RUN_ON, RUN_STOP, RUN_RETURN, RUN_BREAK, RUN_FAILED, RUN_ASKS };
struct action_made {
	struct sieve_action a;
	unsigned script; /* which of the sequence said it */
	bool done; /* carried out already: a judge's sequence */
	struct action_made *next;
};
struct loop { /* foreverypart */
	slice name;
	size_t part; /* now */
	bool ended; /* what it went over is no more */
	struct loop *up;
};
struct run {
	const struct sieve_input *in;
	struct sieve_limits lim;
	struct arena *a;
	struct sieve_result *out;
	enum run_state state;
	uint64_t steps, memory, looked; /* spent; bytes that make no whole step yet */
	unsigned depth, includes;
	struct frame *frame;
	struct global *globals;
	unsigned nvariables; /* set so far */
	slice values[SIEVE_MATCH_VALUES]; /* of the last match */
	unsigned nvalues;
	/* letter */
	slice message; /* replaced ones, too */
	struct fields fields; /* its header with edits */
	bool have_fields, have_mime;
	struct mime mime;
	slice *decoded; /* of parts, when they were looked at */
	struct fields **part_fields;
	struct loop *loop;
	slice break_name;
	/* result */
	struct action_made *first, *last;
	unsigned nactions, nredirects, nnotices, nedits;
	size_t edits_room, questions_room;
	unsigned script; /* in the sequence */
	bool implicit_keep, rejected;
	slice flags; /* of imap4flags, of this script */
	slice kept_flags; /* of the keep of scripts before, said or not */
	struct place at; /* of the command that runs */
	const struct sieve_script *once[100];
	size_t nonce;
	void *extra; /* of a judge */
};
static inline bool run_on(const struct run *r)
{
	return r->state == RUN_ON;
}
/* False: no more steps; the run failed. */
bool sieve_run_spend(struct run *r, uint64_t steps);
bool sieve_run_look(struct run *r, size_t bytes); /* spends for bytes that are looked at */
/* Counted memory; on its limit the run fails, and what is given is still valid. */
void *sieve_run_alloc(struct run *r, size_t n);
bool sieve_run_memory(struct run *r, size_t n); /* counts */
slice sieve_run_dup(struct run *r, slice s);
slice sieve_run_keep(struct run *r, struct buf *b); /* a copy, the buf is done */
void sieve_run_fail(struct run *r, slice en, slice zh);
void sieve_run_warn(struct run *r, slice en, slice zh);
/* Without a known answer the run ends with this question: false. */
/* The same without an end: more can be asked before sieve_run_wait(). */
bool sieve_run_know(
	struct run *r, int kind, slice key, int64_t seconds, const struct sieve_answer **ret);
void sieve_run_wait(struct run *r);
bool sieve_run_ask(
	struct run *r, int kind, slice key, int64_t seconds, const struct sieve_answer **ret);
void sieve_run_block(struct run *r, const struct node *first);
bool sieve_run_test(struct run *r, const struct node *n);
void sieve_run_init(
	struct run *r, const struct sieve_input *q, struct arena *a, struct sieve_result *ret);
/* One script of a sequence, whether or not those before kept; at its end sieve_run_end() once. */
void sieve_run_script(struct run *r, const struct sieve_script *s);
bool sieve_run_keeps(const struct run *r); /* is keep, said or not, in effect? */
void sieve_run_end(struct run *r);
/* Another script from within: its own variables (include). */
void sieve_run_included(struct run *r, const struct sieve_script *s);
struct var *sieve_run_global(struct run *r, slice name);

slice sieve_run_text(struct run *r, const struct text *t);
slice sieve_run_string(struct run *r, const struct arg *arg); /* its first */
slice *sieve_run_strings(struct run *r, const struct arg *arg, size_t *ret_n);
void sieve_run_set(struct run *r, unsigned var, slice value);
slice sieve_run_number(struct run *r, uint64_t n);
slice sieve_run_modify(
	struct run *r, const struct node *n, slice s); /* modifiers of set, extracttext */

/* fields.c: the header of the letter, or of the part that a loop stands at */
struct fields *sieve_run_fields(struct run *r);
struct fields *sieve_run_part_fields(struct run *r, size_t part);
slice sieve_field_text(struct run *r, struct field *f);
/* Walks fields of that name; :index and :last of n are heeded. *i starts at 0. NULL: no more. */
struct field *sieve_fields_next(
	struct run *r, struct fields *v, slice name, const struct node *n, size_t *i);
void sieve_run_edit(struct run *r, const struct sieve_edit *e); /* makes it and notes it */
bool sieve_field_name(slice s);
bool sieve_field_is_protected(slice name); /* no script adds or takes it (editheader.c) */

/* mime.c */
const struct mime *sieve_run_mime(struct run *r);
slice sieve_run_decoded(struct run *r, size_t part); /* its body, transfer encoding undone */
slice sieve_run_part_text(struct run *r, size_t part); /* and as UTF-8, when it is text */
void sieve_run_replace_message(struct run *r, slice message);
/* Walks the parts whose headers :mime looks at: of the loop's part or the letter, with :anychild all below. */
bool sieve_mime_next(struct run *r, const struct node *n, size_t *i, size_t *ret_part);
struct matching;
/* :type, :subtype, :contenttype, :param of a field's value. True: matched. */
bool sieve_mime_match_field(struct run *r, const struct node *n, struct matching *m, slice value);

/* match.c */
struct matching {
	struct run *r;
	const struct match *how;
	slice *keys;
	size_t nkeys;
	uint64_t count;
	bool matched;
	struct regex **regex; /* of keys with variables */
	bool asks; /* lists: answers are missing */
	bool no_values; /* body: what :matches finds is no ${1} (RFC 5173 section 6) */
};
void sieve_match_begin(
	struct matching *m, struct run *r, const struct node *n, const struct arg *keys);
bool sieve_match_value(struct matching *m, slice value); /* true: that is enough */
bool sieve_match_end(struct matching *m);
bool sieve_check_match(struct check *c, struct node *n);
/* Constant keys of the node: numbers, regular expressions. */
bool sieve_check_keys(struct check *c, struct node *n, const struct arg *keys);
int sieve_compare_values(enum comparator c, slice a, slice b); /* <0, 0, >0 */
void sieve_casemap_put(struct buf *out, slice utf8); /* i;unicode-casemap (RFC 5051) */
/* wild.c: *, ? of :matches. ret: places of values, at most SIEVE_MATCH_VALUES. */
bool sieve_wild_match(
	struct run *r, slice pattern, slice value, bool bytes, slice *ret, unsigned *ret_n);
/* regex.c */
struct regex *sieve_regex_compile(
	struct arena *a, slice pattern, enum comparator c, slice *ret_why);
size_t sieve_regex_size(const struct regex *x); /* bytes: a short expression can be large */
bool sieve_regex_match(
	struct run *r, const struct regex *x, slice value, slice *ret, unsigned *ret_n);

/* actions */
struct sieve_action *sieve_run_act(
	struct run *r, enum sieve_action_kind kind); /* NULL: failed by a limit */
bool sieve_run_store(struct run *r, const struct sieve_action *like); /* keep, fileinto */
bool sieve_run_redirect(struct run *r, const struct sieve_action *like);
slice sieve_run_flags(struct run *r, const struct node *n); /* :flags, or those of the variable */
/* One mailbox as "local@domain"; ret_full "Name <...>" when it is given. */
bool sieve_mailbox(slice s, struct arena *a, slice *ret_address, slice *ret_full);
bool sieve_folder_name(slice name); /* one that could be */
bool sieve_check_use(struct check *c, const struct arg *a);
const struct sieve_folder *sieve_run_folder(struct run *r, slice name);
