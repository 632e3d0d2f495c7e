/*
 * stack: memory for coroutine stacks: reserved, with a guard page below, recycled.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

size_t stack_size(void);
void *stack_get(void); /* the low end of stack_size() usable bytes */
void stack_put(void *low);
/* Gives the pages below sp of a parked stack back to the system; they read as zero later. */
void stack_trim(void *low, const void *sp);
/* Call every few seconds: releases half of the spare stacks nobody needed since the last call. */
void stack_sweep(void);
size_t stack_spare(void); /* how many wait for reuse */
void stack_drop_spare(void);
bool stack_in_guard(const void *low, const void *addr);
