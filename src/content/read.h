/* What the reading of a letter is made of: inside content only. */
#pragma once
#include "content/content.h"

enum { CONTENT_LINK_TEXT_MAX = 500 }; /* bytes */

struct content_reader {
	struct content *c;
	const struct content_tools *tools;
	const struct content_limits *limits;
	struct arena *a;
	struct buf attached; /* text of attachments */
	uint64_t unpacked; /* bytes that files.c made of archives and documents so far */
	uint64_t opened; /* bytes that files.c kept so far */
	uint64_t pixels; /* that pictures.c decoded so far */
	unsigned code_tries; /* that it made at QR codes so far: pictures.c */
	size_t links_room, links_cap;
	size_t files_cap, pictures_cap; /* of the arrays in *c, for their owners */
	const char **passwords; /* words of the letter that may open archives: files_words.c */
	size_t npasswords;
	bool passwords_looked;
};

/* files.c: a leaf of the message that is no plain body text: finds its true type, looks inside. */
void content_read_file(
	struct content_reader *r, unsigned part, slice name, slice label, slice bytes);
/* Files that stand uuencoded in the text of a part. */
void content_read_uu(struct content_reader *r, unsigned part, slice text);
/* pictures.c: statistics, codes, likeness of one picture; adds to pictures and links. */
void content_read_picture(struct content_reader *r, int file, slice bytes);
/* Pictures inside the HTML of the letter, and codes drawn with letters or tables; when c->mail is
 * complete. */
void content_read_drawn(struct content_reader *r);
/* read.c: for those two. False: a limit. */
bool content_add_link(
	struct content_reader *r, slice target, slice text, enum content_where where, int file);
void content_add_text(struct content_reader *r, slice utf8);
