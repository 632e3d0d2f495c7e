/* Tables for text_normal.c, made once from ICU's data. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

/* The simplified form of a Chinese character; itself when there is none. */
uint32_t text_simplified(uint32_t cp);
/* The small ASCII letter or digit that it looks like, or 0. */
char text_lookalike(uint32_t cp);
void text_tables_warm_up(void);

bool text_is_cjk(uint32_t cp); /* Han, kana, Hangul */
