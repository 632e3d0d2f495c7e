/*
 * Tag lists, "v=DKIM1; k=rsa; p=MIIB..." (RFC 6376 section 3.2): DKIM and ARC fields, and the
 * records of DKIM, DMARC, MTA-STS and TLS-RPT. Names are case-sensitive, values keep inner folding.
 */
#pragma once
#include "base/arena.h"
#include "base/slice.h"

enum {
	TAGS_MAX = 48, /* of one list */
	TAGS_TEXT_MAX = 64 * 1024, /* longer lists are not read */
};

struct tag {
	slice name;
	slice value; /* without outer white space; may be empty, may be folded inside */
	slice span; /* all between the "=" and the ";", white space included */
};

enum tag_found { TAG_FOUND, TAG_END, TAG_BAD };
/* Cuts one off the front of *in, for readers that forgive: behind a TAG_BAD it goes on with the
 * next. An empty place between two ";" is bad; white space behind the last ";" is not. */
enum tag_found tags_next(slice *in, struct tag *ret);

struct tags {
	struct tag v[TAGS_MAX];
	unsigned n;
};
/* The whole list, strictly: false for a syntax error, a name given twice (RFC 6376 3.2: the list is
 * invalid then), a limit. An empty list has n = 0. */
bool tags_parse(slice text, struct tags *ret);
/* NULL when there is none. */
const struct tag *tags_get(const struct tags *t, slice name);

/* Without any white space (SP HTAB CR LF): base64, domain names. Borrowed when there is none. */
slice tags_compact(slice value, struct arena *a);
/* Cuts one item off a list like "From : To:Cc" or "email:*", white space around it removed. */
bool tags_item(slice *list, char sep, slice *ret);
/* base64 with white space in it (and nothing else foreign); padding may be missing. */
bool tags_base64(slice value, struct arena *a, slice *ret);
