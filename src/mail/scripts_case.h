/*
 * scripts_case: one letter and the scripts that have a say in it, as a scan process gets them; and what came of it. Pure, for hostile
 * letters and scripts: compiles, runs (sieve/sieve.h), makes what the script changed of the letter, and its summary. Both travel as
 * bytes (scripts_wire.c); who reads a verdict trusts nothing in it but the limits below.
 */
#pragma once
#include "base/buf.h"
#include "sieve/sieve.h"
#include "store/script.h"

enum {
	SCRIPTS_CASE_MAX = 16 << 20, /* bytes of a case without its letter */
	SCRIPTS_RUN_MAX = 240, /* scripts that run */
	SCRIPTS_FOLDERS_MAX = 10000,
	SCRIPTS_OWN_MAX = 500, /* addresses */
	SCRIPTS_ACTIONS_MAX = 200, /* of a verdict */
	SCRIPTS_WARNINGS_MAX = 50,
	SCRIPTS_LETTERS_MAX = 32, /* versions of the letter */
	SCRIPTS_STRING_MAX = 256 * 1024, /* bytes of a text of an action */
};

struct scripts_case {
	const struct script_set *set;
	int64_t account_id; /* not on the wire */
	struct sieve_input input; /* without scripts and included; message is given apart */
};

/* The letter with edits. */
struct scripts_letter {
	size_t edits; /* how many of them: sieve_action.edits; never 0 */
	slice header; /* with its empty line */
	bool whole; /* the body is not the letter's own */
	slice body; /* whole */
	uint64_t from; /* else: where in the letter it begins */
	slice summary; /* of header and body */
};
struct scripts_verdict {
	enum sieve_end end;
	struct sieve_action *actions;
	size_t nactions;
	struct sieve_question *questions;
	size_t nquestions;
	struct sieve_mistake mistake; /* SIEVE_FAILED */
	bool mistake_system; /* it is in one of the administrator's */
	struct scripts_letter *letters; /* one for each number of edits that an action names */
	size_t nletters;
	struct sieve_mistakes warnings;
	uint64_t steps;
};
/* From *a; texts are borrowed from the case, too. A script that cannot be compiled any more is SIEVE_FAILED, after those before it. */
void scripts_case_run(
	const struct scripts_case *c, slice message, struct arena *a, struct scripts_verdict *ret);

/* ---- scripts_wire.c ---- */

void scripts_case_encode(struct buf *out, const struct scripts_case *c);
/* Borrows from `in`. */
bool scripts_case_decode(slice in, struct arena *a, struct scripts_case *ret);
void scripts_verdict_encode(struct buf *out, const struct scripts_verdict *v);
/* `message`: bytes of the letter that was judged. False: nonsense. */
bool scripts_verdict_decode(slice in, uint64_t message, struct arena *a, struct scripts_verdict *ret);
