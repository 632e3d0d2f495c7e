/*
 * arch: the part of a coroutine switch that depends on the processor; written in arch_*.S.
 */
#pragma once

/* Saves the callee-saved registers on the present stack, stores its pointer in *save_sp, goes on
 * where load_sp was saved. Returns when somebody switches back. */
void arch_switch(void **save_sp, void *load_sp);

/* Lays out a fresh stack that ends at top (exclusive): the first switch to the returned pointer
 * calls entry(), which must never return. */
void *arch_prepare(void *top, void (*entry)(void));
