/* What the files of the journal share. */
#pragma once
#include "base/buf.h"
#include "base/cur.h"
#include "training/journal.h"

/* in[] as bytes, for the database. */
enum { INPUTS_BYTES = 4 * LEARN_INPUTS };
void journal_put_inputs(const float in[LEARN_INPUTS], struct buf *out);
void journal_get_inputs(slice s, float ret[LEARN_INPUTS]); /* zeros when it is damaged */

/* What the site's layer is made from changed; and so did the lessons of `who`. */
int journal_touch_site_tx(struct sql *db, struct err *e);
int journal_touch_person_tx(struct sql *db, slice who, struct err *e);

/* 1 for somebody new; towards 0 for who is contradicted. */
float journal_trust(int64_t agreed, int64_t disagreed);

#define JOURNAL_MILLION 1000000.0
