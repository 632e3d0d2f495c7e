/* sandbox_parts: the pieces that sandbox.c puts together. */
#pragma once
#include "run/sandbox.h"

/* Each: 0, or -1. What the kernel (or this build) does not offer is named in *ret_missing. */
int sandbox_landlock(const struct sandbox *s, slice *ret_missing, struct err *e);
int sandbox_seccomp(const struct sandbox *s, slice *ret_missing, struct err *e);
