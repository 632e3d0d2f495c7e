/*
 * tr: the two languages of everything a person reads on the command line.
 *
 *	printf(T("%d messages\n", "%d 封邮件\n"), n);
 *
 * The language is chosen once, by main: --lang, else LC_ALL, LC_MESSAGES, LANG.
 */
#pragma once
#include <stdbool.h>

enum lang { LANG_EN, LANG_ZH };
extern enum lang tr_lang;

/* A macro, so that the compiler checks both as format strings. */
#define T(en, zh) (tr_lang == LANG_ZH ? (zh) : (en))

/* "zh", "zh_CN.UTF-8" ... -> LANG_ZH; "en", "C", "POSIX", others -> LANG_EN. NULL or empty: false.
 */
bool tr_parse(const char *name, enum lang *ret);
void tr_from_environment(void);
