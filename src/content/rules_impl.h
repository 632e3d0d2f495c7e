/*
 * What rules are made of: inside the engine only (rules*.c).
 *
 *	source --lex--> lines, words --parse--> rules, lists, conditions (names are names)
 *	  --link--> values, rules in an order in which each stands behind those it needs
 *	  --db--> phrases as chains of literals, expressions; Hyperscan databases
 */
#pragma once
#include "base/map.h"
#include "content/rules.h"
#include "run/net.h"
#include <hs/hs.h>

/* ---- what is looked at ---- */

/* Bits of struct rule_cond.fields. */
enum rule_field {
	/* prose */
	FIELD_SUBJECT,
	FIELD_TEXT,
	FIELD_HIDDEN,
	FIELD_ATTACHED,
	FIELD_FROM_NAME,
	FIELD_LINK_TEXT,
	FIELD_FILE,
	FIELDS_PROSE, /* and header fields, from FIELD_HEADER on */
	/* addresses and names */
	FIELD_FROM = FIELDS_PROSE,
	FIELD_REPLY_TO,
	FIELD_SENDER,
	FIELD_RCPT,
	FIELD_LINK,
	FIELD_HOST,
	FIELD_HELO,
	FIELD_CLIENT_NAME,
	FIELD_LOGIN,
	FIELD_TYPE,
	FIELD_HTML,
	FIELD_HEADER, /* the first of RULES_HEADERS_MAX */
	FIELDS_MAX = FIELD_HEADER + RULES_HEADERS_MAX,
};
_Static_assert(FIELDS_MAX <= 64, "bits of a uint64_t");

enum rule_group { GROUP_PROSE, GROUP_NAMES, GROUP_HTML, GROUPS };
enum rule_group rules_field_group(unsigned field);
bool rules_field_many(unsigned field); /* has several values: LF between them */

enum rule_number {
	NUMBER_SIZE,
	NUMBER_RCPTS,
	NUMBER_LINKS,
	NUMBER_FILES,
	NUMBER_PICTURES,
	NUMBER_TEXT_LENGTH,
	NUMBER_SUBJECT_LENGTH,
	NUMBER_HIDDEN_LENGTH,
	NUMBER_CHINESE,
	NUMBER_BULK,
	NUMBERS,
};
enum rule_fact {
	FACT_INBOUND,
	FACT_OUTBOUND,
	FACT_INTERNAL,
	FACT_LOGGED_IN,
	FACT_PROVEN,
	FACT_UNPROVEN,
	FACT_WROTE_BEFORE,
	FACT_WRITTEN_TO,
	FACTS,
};
enum rule_op {
	/* with phrases */
	OP_HAS,
	OP_IS,
	OP_STARTS,
	OP_ENDS,
	OP_DOMAIN,
	OP_NEAR,
	/* with others */
	OP_LIKE,
	OP_SIGNAL,
	OP_EXISTS,
	OP_NUMBER,
	OP_FACT,
	OP_IP,
	OP_IP_EXISTS,
};
enum rule_compare { CMP_GT, CMP_LT, CMP_GE, CMP_LE, CMP_EQ };

/* ---- as written ---- */

enum rule_word_kind { WORD_BARE, WORD_QUOTED, WORD_REGEX, WORD_LIST };
enum { STAR = '\x01' }; /* in the text of a word: a '*' that stands for something */
struct rule_word {
	enum rule_word_kind kind;
	slice text; /* of a list: its name */
	slice flags; /* of an expression */
	unsigned line, source; /* where it is written */
};
struct rule_words {
	struct rule_word *v;
	size_t n, room;
};

struct rule_list {
	slice name;
	struct rule_words words;
	unsigned source;
	bool open; /* while it is put in its place: a circle is seen */
};

/* ---- conditions ---- */

struct rule_cond {
	enum rule_op op;
	uint64_t fields;
	unsigned line, source;
	unsigned need; /* different values; 0: all of them */
	unsigned number, compare; /* of OP_NUMBER; number: which fact of OP_FACT */
	double limit;
	unsigned distance; /* of OP_NEAR */
	struct rule_words words;
	size_t nvalues; /* after linking */
	struct net_cidr *nets;
	uint32_t id; /* in rules.conds */
	uint32_t rule; /* whose it is */
};

enum rule_node_kind { NODE_COND, NODE_GROUP };
struct rule_node {
	enum rule_node_kind kind;
	bool not ;
	unsigned need, n; /* so many of its n children */
	struct rule_node *child, *next;
	struct rule_cond *cond;
};

struct rule {
	struct rule_info info;
	struct rule_node body; /* a group that needs all */
	uint32_t index, order; /* in rules.v, in rules.sorted */
};

/* ---- values: what can be found ---- */

enum rule_edge { EDGE_NONE, EDGE_WORD, EDGE_VALUE, EDGE_DOMAIN };

struct rule_segment {
	uint32_t literal; /* index in its group */
	uint8_t left, right; /* enum rule_edge */
};
/* One way in which a value may stand there; `near` has two of them. */
struct rule_chain {
	uint32_t value, first; /* first: its segments in rules.segments */
	uint8_t n;
	uint16_t gap; /* characters between segments, at most */
};
struct rule_value {
	uint32_t cond;
};
struct rule_literal {
	slice text;
	uint32_t uses, nuses; /* in rule_group_db.uses: segments */
	uint32_t spent; /* the pass in which it tells nothing new any more */
};
struct rule_use {
	uint32_t literal, chain;
	uint8_t segment;
};
struct rule_regex {
	slice source, flags;
	const char *look; /* what Hyperscan looks for: that, or what matches at least as much */
	uint32_t value, cond;
	unsigned hs_flags;
	uint32_t pcre_flags;
	bool normal; /* over the one spelling */
	bool exact; /* Hyperscan knows by itself */
	void *code[2]; /* pcre2_code, when it was needed; [1]: for fields with several values */
	uint64_t fields;
	unsigned line, origin; /* for errors */
};

struct rule_group_db {
	struct rule_literal *literals;
	size_t nliterals, literals_room;
	struct map by_text; /* -> index + 1 */
	struct rule_use *uses; /* sorted by literal */
	size_t nuses, uses_room;
	hs_database_t *db;
	uint64_t fields; /* that anybody asks for */
};
struct rule_regex_db {
	unsigned field;
	bool normal;
	hs_database_t *db;
};

/* ---- while a letter is looked at ---- */

enum { ENDS_KEPT = 4 };
struct rule_span {
	uint32_t from, to;
};
struct rule_progress { /* of a segment of a chain of several */
	uint32_t scan; /* the pass that it belongs to */
	uint32_t n;
	struct rule_span ends[ENDS_KEPT]; /* a ring: where the chain up to here stands */
};
struct rule_found { /* by condition */
	uint32_t run, count;
	uint8_t field;
	bool normal, unknown; /* unknown: an expression, whose place was not asked for */
	uint32_t regex;
	struct rule_span span;
};

struct rules {
	struct arena mem;
	struct buf warnings;
	slice *files; /* names of sources */
	slice headers[RULES_HEADERS_MAX]; /* lower case */
	size_t nheaders;
	struct map by_name; /* -> struct rule */
	struct map lists;
	struct rule **v; /* in order of reading */
	size_t n, room;
	struct rule **sorted; /* those that are on */
	size_t nsorted;
	struct rule_cond **conds;
	size_t nconds, conds_room;
	struct rule_value *values;
	size_t nvalues, values_room;
	struct rule_chain *chains;
	size_t nchains, chains_room;
	struct rule_segment *segments;
	size_t nsegments, segments_room;
	struct rule_regex *regexes;
	size_t nregexes, regexes_room;
	struct rule_change { /* score, off */
		slice name;
		unsigned line, source;
		float score;
		bool off;
	} * changes;
	size_t nchanges, changes_room;
	/* Values that wait for signals: by signal's id, and by rule's order behind them. */
	struct rule_wait {
		uint32_t signal, value;
	} * waits;
	size_t nwaits, waits_room;
	uint32_t *wait_at; /* where waits of a signal begin; SIGNALS_KNOWN + n + 1 */

	struct rule_group_db groups[GROUPS];
	struct rule_regex_db *regex_dbs;
	size_t nregex_dbs;
	hs_scratch_t *scratch;
	void *match_data, *match_context;
	uint64_t *always; /* bits by order: rules that can hold without anything found */

	bool ready;

	/* State of a run. */
	uint32_t run, scan;
	uint32_t *value_run;
	struct rule_progress *progress;
	struct rule_found *found;
	uint64_t *touched;
	unsigned confirms;
	uint64_t limited;
	const struct rule_hit *hits;
	size_t nhits;
};

/* rules_lex.c */
struct rule_line {
	unsigned number, indent;
	struct rule_words words;
	slice rest; /* behind the first word, without comment, trimmed: a sentence */
	const char *from, *to; /* in the source */
};
struct rule_lexer {
	slice left, file;
	unsigned number, source;
	struct arena *a;
	bool have;
	struct rule_line line;
	const char *taken; /* the end of the last line that was taken */
};
/* The line ahead, which stays until rules_lex_take. False: the end, or an error (e->kind). */
bool rules_lex_peek(struct rule_lexer *l, struct err *e);
void rules_lex_take(struct rule_lexer *l);
void rules_words_add(struct rule_words *w, struct arena *a, const struct rule_word *word);
int rules_err(struct err *e, slice file, unsigned line, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/* At a word, of whatever file. */
#define RULES_ERR_AT(r, w, e, ...) rules_err(e, (r)->files[(w)->source], (w)->line, __VA_ARGS__)

/* rules_parse.c, rules_cond.c */
int rules_read(struct rules *r, const struct rules_source *s, unsigned source, struct err *e);
int rules_read_cond(struct rules *r, unsigned source, const struct rule_line *l,
	struct rule_node *ret, struct err *e);

/* rules_link.c */
int rules_link(struct rules *r, struct err *e);

/* rules_phrase.c: what is written as *w, in condition *c, as value number `value`. */
int rules_phrase(struct rules *r, const struct rule_cond *c, const struct rule_word *w,
	uint32_t value, struct err *e);
int rules_near(struct rules *r, const struct rule_cond *c, const struct rule_word *w,
	uint32_t value, struct err *e);
/* White space as rules see it: one blank, none between Chinese characters; with lines they stay. */
void rules_squeeze(slice normal, bool lines, struct buf *out);

/* rules_regex.c */
int rules_regex(struct rules *r, const struct rule_cond *c, const struct rule_word *w,
	uint32_t value, struct err *e);
/* Where the expression matches in `text`; false: nowhere within the limits. */
bool rules_confirm(
	struct rules *r, struct rule_regex *x, bool many, slice text, struct rule_span *ret);
/* The same of one that is known to match, for showing. */
bool rules_place(
	struct rules *r, struct rule_regex *x, bool many, slice text, struct rule_span *ret);
void rules_count_limited(struct rules *r);
void rules_regex_free(struct rules *r);

/* rules_db.c */
int rules_db(struct rules *r, struct err *e);
void rules_db_free(struct rules *r);

/* rules_field.c: what one letter has in its fields, read when asked for. */
struct rule_fields {
	struct rules *r;
	struct content_exam *x;
	slice written[FIELDS_MAX], normal[FIELDS_MAX];
	uint64_t have_written, have_normal;
	bool have_headers;
	double numbers[NUMBERS];
	unsigned have_numbers;
};
slice rules_field_written(struct rule_fields *f, unsigned field); /* valid UTF-8 */
slice rules_field_normal(struct rule_fields *f, unsigned field); /* as literals are */
double rules_number(struct rule_fields *f, enum rule_number n);
bool rules_fact(const struct rule_fields *f, enum rule_fact n);
slice rules_field_name(const struct rules *r, unsigned field);

/* Room for one more at the end of an array of T. */
#define ROOM(v, n, room)                                                                           \
	do {                                                                                       \
		if ((n) == (room)) {                                                               \
			(room) = (room) ? (room)*2 : 16;                                           \
			(v) = mem_grow((v), (room) * sizeof *(v));                                 \
		}                                                                                  \
	} while (0)
