/*
 * The receiving end of DATA and BDAT (RFC 5321 4.1.1.4 and 4.5.2, RFC 3030). proto/smtpd feeds what
 * it reads; the runs that come out go to the store unchanged. Limits are the caller's: it looks at
 * the counters. The sending end: smtp_stuff.c.
 *
 * The work per byte is one search for CR and one pass of 16-byte vectors (note_bytes); only the
 * header is looked at more closely.
 */
#include "codec/smtp_data.h"

enum state {
	LINE_START, /* behind a true CRLF, or at the very start */
	MIDDLE,
	AFTER_CR, /* the CR was handed out */
	DOT, /* a dot at a line start: taken away, or the end */
	DOT_CR, /* and a CR behind it, held back */
};

/* How far a header line has matched "received:"; two special values. */
enum { ONLY_CR = 254, OTHER_LINE = 255 };

void smtp_data_init(struct smtp_data *d)
{
	*d = (struct smtp_data){.in_header = true, .state = LINE_START};
}

typedef unsigned char vec __attribute__((vector_size(16)));

/* 8-bit, NUL and LF, for all bytes of a run. */
static void note_bytes(struct smtp_data *d, slice s)
{
	enum { ROUNDS = 255 }; /* a lane of `lfs` counts that far */
	size_t i = 0;
	vec high = {0}, nul = {0};
	while (i + sizeof(vec) <= s.n) {
		vec lfs = {0}, v;
		for (int k = 0; k < ROUNDS && i + sizeof v <= s.n; k++, i += sizeof v) {
			memcpy(&v, s.p + i, sizeof v);
			high |= v;
			nul |= (vec)(v == 0);
			lfs -= (vec)(v == '\n');
		}
		for (size_t k = 0; k < sizeof lfs; k++)
			d->lfs += lfs[k];
	}
	unsigned any_high = 0, any_nul = 0;
	for (size_t k = 0; k < sizeof high; k++) {
		any_high |= high[k];
		any_nul |= nul[k];
	}
	for (; i < s.n; i++) {
		any_high |= (unsigned char)s.p[i];
		any_nul |= s.p[i] == 0;
		d->lfs += s.p[i] == '\n';
	}
	d->has_8bit |= any_high >= 0x80;
	d->has_nul |= any_nul != 0;
}

/* One byte of a header line that may still be empty or "received:". */
static void note_header_byte(struct smtp_data *d, char c)
{
	static const char field[] = "received:";
	if (c == '\r' && d->matched == 0) {
		d->matched = ONLY_CR;
	} else if (d->matched < sizeof field - 1 && ascii_lower(c) == field[d->matched]) {
		d->matched++;
		d->received += d->matched == sizeof field - 1;
	} else {
		d->matched = OTHER_LINE;
	}
}

/* Counts Received: fields and finds the empty line. As readers do, takes a bare LF for a line end.
 */
static void note_header(struct smtp_data *d, slice s)
{
	size_t i = 0;
	while (i < s.n && d->in_header) {
		if (d->matched == OTHER_LINE)
			i += slice_index(slice_skip(s, i), '\n');
		if (i == s.n)
			break;
		char c = s.p[i++];
		if (c == '\n') {
			d->in_header = d->matched != 0 && d->matched != ONLY_CR;
			d->matched = 0;
		} else {
			note_header_byte(d, c);
		}
	}
	d->header_bytes += i;
}

static void note_run(struct smtp_data *d, slice run)
{
	note_bytes(d, run);
	if (d->in_header)
		note_header(d, run);
	d->bytes += run.n;
	d->bare_lf = d->lfs - d->lines;
	if (d->line > d->longest_line)
		d->longest_line = d->line;
}

static void end_line(struct smtp_data *d, size_t more)
{
	d->line += more;
	if (d->line > d->longest_line)
		d->longest_line = d->line;
	d->line = 0;
	d->lines++;
}

/* How much of the chunk is content, up to its end or, with `dots`, to the next dot at a line start.
 */
static size_t content_length(struct smtp_data *d, slice in, bool dots)
{
	const char *p = in.p, *end = in.p + in.n;
	if (d->state == AFTER_CR && *p == '\n') {
		end_line(d, 0);
		p++;
		d->state = LINE_START;
	} else if (d->state == AFTER_CR) {
		d->bare_cr++;
		d->line++;
	}
	while (p < end) {
		if (d->state == LINE_START && dots && *p == '.')
			return (size_t)(p - in.p);
		d->state = MIDDLE;
		const char *from = p, *cr = memchr(p, '\r', (size_t)(end - p));
		while (cr && cr + 1 < end && cr[1] != '\n') {
			d->bare_cr++;
			cr = memchr(cr + 1, '\r', (size_t)(end - cr - 1));
		}
		if (!cr || cr + 1 == end) {
			d->line += (size_t)((cr ? cr : end) - from);
			d->state = cr ? AFTER_CR : MIDDLE;
			return in.n;
		}
		end_line(d, (size_t)(cr - from));
		d->state = LINE_START;
		p = cr + 2;
	}
	return in.n;
}

/* Steps over a dot at a line start. True: something to report came of it. */
static bool pass_dot(struct smtp_data *d, slice *in, enum smtp_data_step *ret_step, slice *ret_run)
{
	char c = in->p[0];
	switch (d->state) {
	case LINE_START:
		if (c == '.') {
			d->state = DOT;
			*in = slice_skip(*in, 1);
		}
		return false;
	case DOT:
		d->state = c == '\r' ? DOT_CR : MIDDLE;
		if (c == '\r')
			*in = slice_skip(*in, 1);
		return false;
	case DOT_CR:
		if (c == '\n') {
			*in = slice_skip(*in, 1);
			d->ended = true;
			*ret_step = SMTP_DATA_END;
			return true;
		}
		d->state = AFTER_CR; /* content after all: hand out the CR, then look at c */
		*ret_run = S("\r");
		note_run(d, *ret_run);
		*ret_step = SMTP_DATA_RUN;
		return true;
	default:
		return false;
	}
}

enum smtp_data_step smtp_data_next(struct smtp_data *d, slice *in, slice *ret_run)
{
	enum smtp_data_step step;
	if (d->ended)
		return SMTP_DATA_END;
	while (in->n) {
		if (pass_dot(d, in, &step, ret_run))
			return step;
		if (in->n == 0 || d->state == DOT || d->state == DOT_CR)
			continue;
		size_t n = content_length(d, *in, true);
		if (n == 0)
			continue;
		*ret_run = slice_first(*in, n);
		*in = slice_skip(*in, n);
		note_run(d, *ret_run);
		return SMTP_DATA_RUN;
	}
	return SMTP_DATA_MORE;
}

void smtp_data_count(struct smtp_data *d, slice content)
{
	if (content.n == 0)
		return;
	content_length(d, content, false);
	note_run(d, content);
}

void smtp_data_finish(struct smtp_data *d)
{
	if (d->state == AFTER_CR) {
		d->bare_cr++;
		d->line++;
		d->state = MIDDLE;
	}
	if (d->line > d->longest_line)
		d->longest_line = d->line;
	d->ended = true;
}
