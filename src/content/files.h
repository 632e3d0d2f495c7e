/* Attachments and what is inside them: shared by files*.c. Inside content only. */
#pragma once
#include "codec/filetype.h"
#include "content/read.h"

enum {
	FILES_NAME_MAX = 255, /* bytes of a name that are kept */
	FILES_DETAIL_MAX = 400, /* of what is told about a file */
	FILES_PASSWORDS_MAX = 16, /* words of the letter that are tried */
};

/* One file that is looked into; ctx of the readers' callbacks. */
struct files_look {
	struct content_reader *r;
	int file; /* index in content.files */
	enum content_where where; /* of its links */
	struct extract_limits limits;
	struct extract x; /* to give to readers */
	struct buf text; /* of this file */
};

/* A file of the message (parent -1), or of another file. */
void files_add(
	struct content_reader *r, int parent, unsigned part, slice name, slice label, slice bytes);
void files_fact(struct content_reader *r, int file, unsigned fact, slice detail);
static inline struct content_file *files_of(const struct files_look *k)
{
	return &k->r->c->files[k->file];
}

/* files_archive.c */
void files_look_archive(struct files_look *k, slice bytes);
/* files_html.c: pages and drawings */
void files_look_html(struct files_look *k, slice bytes);
void files_read_page(struct files_look *k, slice utf8, struct arena *a);
/* files_mail.c: a message or saved web page as a file */
void files_look_mail(struct files_look *k, slice bytes);
/* files_words.c: words of the letter that may be passwords; NUL-terminated */
size_t files_passwords(struct content_reader *r, const char *ret[FILES_PASSWORDS_MAX]);
