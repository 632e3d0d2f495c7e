/*
 * The two parts of a report that dsn.c puts together (dsn_text.c, dsn_status.c). Nobody else needs
 * it.
 */
#pragma once
#include "codec/dsn.h"

/* What the whole report is about: the gravest of its recipients' actions. */
enum dsn_action dsn_kind(const struct dsn_facts *f);

/* The readable part, Chinese then English: UTF-8 with LF line ends. */
void dsn_text(struct buf *out, const struct dsn_facts *f);
/* The fields of message/delivery-status, CRLF lines; with utf8 those of
 * message/global-delivery-status. */
void dsn_status(struct buf *out, const struct dsn_facts *f, bool utf8);

/* One line without control characters, at most `most` bytes. */
void dsn_put_line(struct buf *out, slice s, size_t most);
