/*
 * pictures_file: DATA/learn/pictures.model, what the site's classifier of pictures has learned
 * (content/pictures.h). `posthouse learn pictures` writes it; a scan process reads it at its start,
 * the learn process has those that run use another one.
 */
#pragma once
#include "base/buf.h"
#include "base/err.h"

/* ERR_NOTFOUND: there is none. */
int pictures_file_open(slice data, int *ret_fd, struct err *e);
/* The same, read whole. out's limit: PICTURES_MODEL_MAX. */
int pictures_file_read(slice data, struct buf *out, struct err *e);
/* What tells one file from another; *ret_made_at: wall time. Both 0: there is none. */
int pictures_file_look(slice data, uint64_t *ret_which, int64_t *ret_made_at, struct err *e);
/* There whole or not at all, durably. */
int pictures_file_put(slice data, slice model, struct err *e);
/* ERR_NOTFOUND: there was none. */
int pictures_file_remove(slice data, struct err *e);
