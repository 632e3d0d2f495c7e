/*
 * cli_pictures: what the files of `posthouse learn pictures` share. The command reads files and
 * writes the model; letters and pictures are taken apart, and the model is made, in processes of
 * their own that are confined like a scan process.
 */
#pragma once
#include "bin/config.h"
#include "content/pictures.h"
#include <sys/types.h>

/* ---- cli_pictures_child.c ---- */

enum { PICTURES_OF_LETTER = 64 };

struct pictures_reading {
	const struct config *config;
	pid_t pid; /* 0: none, the next letter starts one */
	int fd;
};
/* The pictures of a letter, or a file that is one. ERR_TIMEOUT, ERR_BUG: it took too long, or the
 * process died of it; others can be read. ERR_PROTO: none can. ret: PICTURES_OF_LETTER. */
int pictures_of_letter(struct pictures_reading *r, slice letter, struct pictures_example *ret,
	size_t *ret_n, struct err *e);
void pictures_reading_end(struct pictures_reading *r);

/* pictures_train. */
int pictures_train_confined(const struct config *c, struct pictures_example *v, size_t n,
	struct pictures_figures *ret, struct buf *out, struct err *e);
