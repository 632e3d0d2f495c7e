/* What mbox*.c share. Nobody else includes this. */
#pragma once
#include "codec/mbox.h"

/* Is this line, which begins with "From ", the beginning of a letter? With an empty line before it a time somewhere is enough. */
bool mbox_is_from(slice line, bool after_blank);
/* The time in it; leaves *ret when there is none. */
void mbox_read_from(slice line, int64_t *ret);
/* What the header's first Content-Length: says. */
bool mbox_content_length(slice head, uint64_t *ret);
/* The first n bytes of m->raw are a letter: notes out, quoting undone. */
void mbox_read_letter(struct mbox *m, size_t n, enum mbox_quoting q, struct mbox_letter *l);

/* Our own field: tells when it came to the microsecond, and how many of the fields behind it are notes of ours. */
#define MBOX_OWN "X-Posthouse-Export"
