/*
 * lex: the text of a script as tokens (RFC 5228 section 8.1).
 */
#pragma once
#include "sieve/impl.h"

enum token_kind {
	TOKEN_END,
	TOKEN_BAD, /* was complained about */
	TOKEN_WORD,
	TOKEN_TAG,
	TOKEN_NUMBER,
	TOKEN_STRING,
	TOKEN_PUNCT, /* ( ) [ ] { } , ; */
};
struct token {
	enum token_kind kind;
	struct place at;
	char punct;
	slice text; /* identifier, tag without colon, string's value */
	uint64_t number;
};
struct lexer {
	struct check *c;
	slice rest;
	struct place at;
	unsigned tokens;
};
void sieve_lex_init(struct lexer *l, struct check *c, slice text);
void sieve_lex_next(struct lexer *l, struct token *ret);
