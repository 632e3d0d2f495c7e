/*
 * Bytes as a file in memory, to be passed to another process.
 */
#pragma once
#include "base/err.h"
#include "base/slice.h"

/* The new descriptor (close-on-exec, at its end; readers use pread or mmap), or -1. The name is
 * seen in /proc only. May be sealed. */
int memfile_of(const char *name, slice bytes, struct err *e);
