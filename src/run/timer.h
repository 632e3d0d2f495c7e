/*
 * timer: a heap of instants. What happens at one is the business of whoever embeds the timer.
 */
#pragma once
#include "base/time.h"

struct timer {
	instant at;
	size_t pos; /* in the heap, from 1; 0: not set */
};

void timer_set(struct timer *t, instant at); /* sets or moves */
void timer_clear(struct timer *t);
struct timer *timer_first(void); /* the earliest, or NULL */
void timer_forget_all(void);
