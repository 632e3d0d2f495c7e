/*
 * http1: HTTP/1.1 as it travels (RFC 9112; fields RFC 9110). Heads of requests and responses, chunked bodies, targets,
 * forms; pure. Strict where two readers could understand different things: what ends lines, how long a body is,
 * what is a field. Nothing is repaired.
 *
 *	size_t from = 0;
 *	while ((r = http1_head_end(input, &from, &n)) == HTTP1_MORE) ... more input
 *	r = http1_read_request(slice_first(input, n), head)
 */
#pragma once
#include "base/arena.h"
#include "base/buf.h"

enum {
	HTTP1_LINE_MAX = 8 * 1024, /* of a request, status or field line, with CRLF */
	HTTP1_HEAD_MAX = 32 * 1024,
	HTTP1_FIELDS_MAX = 100,
	HTTP1_METHOD_MAX = 24,
	HTTP1_CHUNK_LINE_MAX = 256, /* size and extensions */
	HTTP1_TRAILER_MAX = 4 * 1024,
	HTTP1_SEGMENTS_MAX = 16, /* of a path */
	HTTP1_PAIRS_MAX = 200, /* of a form that are looked at */
};

enum http1_result {
	HTTP1_FINE,
	HTTP1_MORE,
	HTTP1_BAD, /* 400 */
	HTTP1_LONG_TARGET, /* 414 */
	HTTP1_LARGE, /* 431 */
	HTTP1_CODING, /* 501: a transfer coding that is not known */
	HTTP1_VERSION, /* 505 */
};

enum http1_body { HTTP1_NO_BODY, HTTP1_LENGTH, HTTP1_CHUNKED, HTTP1_TO_END /* responses only */ };

struct http1_field {
	slice name, value;
};
struct http1_head { /* 3.5 KB: not for stacks */
	slice method, target; /* of a request */
	unsigned status; /* of a response: 100 .. 599 */
	slice reason;
	unsigned minor; /* HTTP/1.0 or 1.1 */
	slice host; /* of a request; empty: none (1.0) */
	struct http1_field fields[HTTP1_FIELDS_MAX];
	size_t nfields;
	enum http1_body body;
	uint64_t length; /* HTTP1_LENGTH */
	bool keep_alive; /* the connection may be used again */
	bool expects; /* Expect: 100-continue */
};

/* Where the head ends (behind its empty line). *from: how far was looked already, 0 at first. MORE, BAD (a CR or LF
 * alone, other control characters), LONG_TARGET, LARGE. */
enum http1_result http1_head_end(slice in, size_t *from, size_t *ret_n);
/* A whole head. *ret borrows from it. */
enum http1_result http1_read_request(slice head, struct http1_head *ret);
/* `to_head`: answers a HEAD request, which has no body whatever its fields say. */
enum http1_result http1_read_response(slice head, bool to_head, struct http1_head *ret);

/* The first field of that name; empty: none, or empty. */
slice http1_field(const struct http1_head *h, slice name);
size_t http1_count(const struct http1_head *h, slice name);
/* Is `word` one of the elements of the list fields of that name? */
bool http1_has_word(const struct http1_head *h, slice name, slice word);

/* ---- chunked bodies (RFC 9112 7.1); start with all zero ---- */

struct http1_chunks {
	int state;
	uint64_t left; /* of the chunk */
	unsigned digits;
	size_t line; /* bytes of the line at hand; of the trailer */
};
enum http1_chunk { HTTP1_CHUNK_MORE, HTTP1_CHUNK_DATA, HTTP1_CHUNK_END, HTTP1_CHUNK_BAD };
/* Takes what it understands off *in. DATA: a piece in *ret, borrowed. Extensions and trailers are read over. */
enum http1_chunk http1_chunk_next(struct http1_chunks *c, slice *in, slice *ret);

/* ---- targets and forms ---- */

struct http1_target {
	slice path; /* as it came, without the query */
	slice segments
		[HTTP1_SEGMENTS_MAX]; /* decoded UTF-8; "/a/b" has two, "/a/" has "a" and "" */
	size_t nsegments;
	slice query;
	slice host; /* of the absolute form, which wins over Host */
};
/* Origin form, absolute form (http, https), or "*". False: neither; a segment that is "." or "..", or holds a slash,
 * a backslash, a control character or no UTF-8 once it is decoded; too many. */
bool http1_target_read(slice target, struct arena *a, struct http1_target *ret);

/* The value of a name in application/x-www-form-urlencoded text (also a query), decoded. False: not there, or no
 * UTF-8. */
bool http1_form_get(slice form, slice name, struct arena *a, slice *ret);
/* The same for names that come several times: cuts what was looked at off *form. */
bool http1_form_next(slice *form, slice name, struct arena *a, slice *ret);
/* Letters, digits and -._~ as they are, the rest as %XX. */
void http1_put_encoded(struct buf *out, slice s);

/* Which of the languages ("zh", "en") an Accept-Language wants most (RFC 9110 12.5.4, by primary tag); `def` when it
 * wants none of them. */
size_t http1_language(slice value, const slice *offered, size_t n, size_t def);

/* ---- writing ---- */

const char *http1_reason(unsigned status);
void http1_put_request(struct buf *out, slice method, slice target, slice host);
void http1_put_status(struct buf *out, unsigned status);
/* False: not a field (control characters in it); then nothing was written. */
bool http1_put_field(struct buf *out, slice name, slice value);
/* "Sun, 06 Nov 1994 08:49:37 GMT" */
enum { HTTP1_DATE_MAX = 32 };
size_t http1_date(int64_t wall, char out[HTTP1_DATE_MAX]);
