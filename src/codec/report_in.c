/*
 * Finds the report in a message (report_in.h) by what its parts are, not by what they are called:
 * senders disagree about types and names. Called in the scan process.
 */
#include "codec/report_in.h"

#include "base/mem.h"
#include "base/utf8.h"
#include "codec/mime.h"
#include "codec/report_in_arf.h"
#include "codec/unpack.h"

enum { TRIES_MAX = 20 /* parts of a message that are opened */ };

struct search {
	json_t *report;
	const char *error, *of; /* of something that looked like a report */
};

void report_in_set(json_t *to, const char *key, slice text)
{
	AUTO(buf) struct buf clean = BUF(4 * REPORT_IN_TEXT_MAX);
	if (!text.n)
		return;
	utf8_scrub(&clean, utf8_first(text, REPORT_IN_TEXT_MAX));
	slice s = buf_slice(&clean);
	json_t *v = json_stringn(s.p, s.n);
	if (v)
		json_object_set_new(to, key, v);
}

static slice without_mark(slice s)
{
	if (slice_starts(s, S("\xef\xbb\xbf")))
		s = slice_skip(s, 3);
	return slice_trim(s);
}

/* The bytes of a file, unpacked. */
static void try_content(struct search *s, slice bytes)
{
	slice text = without_mark(bytes);
	const char *error = "";
	if (slice_starts(text, S("{"))) {
		s->report = report_in_tls(text, &error);
		s->of = "tls";
	} else if (slice_starts(text, S("<"))) {
		s->report = report_in_dmarc(text, &error);
		s->of = "dmarc";
	} else {
		return;
	}
	s->error = s->report ? NULL : error;
}

static bool try_file(void *arg, slice name, slice bytes)
{
	struct search *s = arg;
	(void)name;
	try_content(s, bytes);
	return !s->report;
}

static bool may_hold(const struct mime_part *p, slice name)
{
	static const slice types[] = {S_INIT("application/zip"), S_INIT("application/gzip"),
		S_INIT("application/x-gzip"), S_INIT("application/x-zip-compressed"),
		S_INIT("application/x-zip"), S_INIT("application/octet-stream"),
		S_INIT("application/tlsrpt+gzip"), S_INIT("application/tlsrpt+json"),
		S_INIT("application/xml"), S_INIT("text/xml"), S_INIT("application/json"),
		S_INIT("application/dmarc+xml"), S_INIT("application/dmarc+gzip")};
	static const slice ends[] = {
		S_INIT(".xml"), S_INIT(".gz"), S_INIT(".zip"), S_INIT(".json")};
	for (size_t i = 0; i < sizeof types / sizeof *types; i++)
		if (slice_eq(p->type.main, types[i]))
			return true;
	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
		if (slice_iends(name, ends[i]))
			return true;
	return false;
}

static void try_part(struct search *s, const struct mime_part *p, struct arena *a)
{
	const struct unpack_limits limits = {REPORT_IN_UNPACKED_MAX, REPORT_IN_FILES_MAX};
	AUTO(buf) struct buf content = BUF(REPORT_IN_UNPACKED_MAX);
	if (!may_hold(p, mime_filename(p, a)))
		return;
	mime_decode(p, &content);
	enum unpack_result r = unpack(buf_slice(&content), &limits, try_file, s);
	if (r == UNPACK_NO_ARCHIVE)
		try_content(s, buf_slice(&content));
	else if (!s->report && !s->error && r == UNPACK_LIMIT)
		s->error = "too large when unpacked", s->of = "archive";
	else if (!s->report && !s->error && r == UNPACK_DAMAGED)
		s->error = "a damaged archive", s->of = "archive";
}

static json_t *outcome(const struct search *s)
{
	if (s->report)
		return s->report;
	if (s->error)
		return json_pack(
			"{s:s,s:s,s:s}", "kind", "unreadable", "of", s->of, "error", s->error);
	return json_pack("{s:s}", "kind", "none");
}

json_t *report_in_read(slice message)
{
	AUTO(arena) struct arena a = {0};
	struct search s = {0};
	struct mime m;
	unsigned tries = 0;
	mime_parse(message, &mime_limits_default, &a, &m);
	for (size_t i = 0; i < m.n && !s.report && tries < TRIES_MAX; i++) {
		const struct mime_part *p = &m.v[i];
		if (p->multipart || p->message)
			continue;
		tries++;
		if (mime_is(p, S("message"), S("feedback-report")))
			s.report = report_in_arf(&m, i, &a);
		else
			try_part(&s, p, &a);
	}
	return outcome(&s);
}
