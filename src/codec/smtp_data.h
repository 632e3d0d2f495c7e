/*
 * The message behind DATA: taking it apart on arrival, and stuffing it on its way out.
 *
 * Both are fed with chunks as they come from the network or the disk, cut anywhere, and hand back
 * runs of bytes that point into the chunk: nothing is copied.
 */
#pragma once
#include "base/slice.h"

/*
 * The receiver. Only <CRLF>.<CRLF> ends the data, only a dot behind a true <CRLF> is taken away
 * (RFC 5321 4.1.1.4, 4.5.2). A bare CR or LF ends nothing; it is passed on and remembered, so that
 * the caller can refuse the message after its real end (SMTP smuggling).
 */
struct smtp_data {
	uint64_t bytes; /* clean bytes handed out, with the CRLF of the last line */
	uint64_t lines; /* true CRLFs among them */
	uint64_t longest_line; /* without its CRLF */
	uint64_t bare_cr, bare_lf;
	uint64_t header_bytes; /* up to and with the empty line; all while none has come */
	unsigned received; /* Received: fields in the header */
	bool has_8bit, has_nul, in_header, ended;
	/* private */
	uint8_t state, matched;
	uint64_t line, lfs;
};
enum smtp_data_step { SMTP_DATA_MORE, SMTP_DATA_RUN, SMTP_DATA_END };

void smtp_data_init(struct smtp_data *d);

/*
 * Takes bytes off the front of *in. RUN: *ret_run is message content (it points into the chunk or
 * to static bytes), call again. MORE: *in is spent, feed the next chunk. END: the data ended; *in
 * holds what the client sent behind it.
 */
enum smtp_data_step smtp_data_next(struct smtp_data *d, slice *in, slice *ret_run);

/* The same counting for content that came by BDAT: nothing is unstuffed, nothing ends. */
void smtp_data_count(struct smtp_data *d, slice content);
/* Call once behind the last chunk of BDAT: a CR or line that is still open is counted. */
void smtp_data_finish(struct smtp_data *d);

/*
 * The sender. Dots at line starts are doubled; a bare LF becomes CRLF and a bare CR a space,
 * because a client must never send them (RFC 5321 2.3.8) and a lax receiver could be tricked by
 * them.
 */
struct smtp_stuff {
	uint64_t mended; /* bare CRs and LFs replaced */
	/* private */
	uint8_t state;
};
void smtp_stuff_init(struct smtp_stuff *s);
/* Takes bytes off the front of *in; *ret_run is to be sent. False: *in is spent. */
bool smtp_stuff_next(struct smtp_stuff *s, slice *in, slice *ret_run);
/* What ends the data: a CRLF if the last line had none, and ".CRLF". */
slice smtp_stuff_end(struct smtp_stuff *s);
