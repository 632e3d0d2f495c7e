/*
 * What a summary says of a message, as JSON lines: file names come on stdin, one a line. test/summary.py compares that with
 * Python's email package.
 */
#include "lib_file.h"

#include "base/mem.h"
#include "codec/summary.h"
#include <jansson.h>
#include <stdio.h>
#include <string.h>

enum { MESSAGE_MAX = 64 << 20 };

/* Bytes as Latin-1: nothing is lost, whatever they are. */
static json_t *text(slice s)
{
	AUTO(buf) struct buf out = BUF(MESSAGE_MAX);
	if (!s.p)
		return json_null();
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];
		if (c >= 0x80)
			buf_byte(&out, (char)(0xc0 | c >> 6));
		buf_byte(&out, (char)(c < 0x80 ? c : 0x80 | (c & 0x3f)));
	}
	return json_stringn(out.n ? out.p : "", out.n);
}

static json_t *addresses(const struct summary *s, enum summary_who w)
{
	json_t *v = json_array();
	struct summary_address a;
	for (unsigned it = 0; summary_next_address(s, 0, w, &it, &a);)
		if (a.host.p) /* no beginnings and ends of groups */
			json_array_append_new(v,
				json_pack("[o,o,o]", text(a.name), text(a.mailbox), text(a.host)));
	return v;
}

static json_t *part(const struct summary *s, size_t i, slice message)
{
	struct summary_part p;
	summary_part(s, i, &p);
	return json_pack("{s:i,s:o,s:o,s:b,s:b,s:I,s:I,s:o,s:o}", "parent", p.parent, "type",
		text(p.type), "subtype", text(p.subtype), "multipart", p.multipart, "message",
		p.message, "lines", (json_int_t)p.lines, "decoded",
		p.decoded_n == UINT64_MAX ? (json_int_t)-1 : (json_int_t)p.decoded_n, "id",
		text(p.id), "body",
		text(slice_first(slice_of(message.p + p.body_at, p.body_n), 40)));
}

static void judge(slice message)
{
	static const char *const names[] = {"from", "sender", "reply_to", "to", "cc", "bcc"};
	AUTO(arena) struct arena a = {0};
	AUTO(buf) struct buf record = BUF(SUMMARY_MAX);
	struct mime m;
	struct summary s;
	json_t *o = json_object(), *parts = json_array();
	mime_parse(message, &mime_limits_default, &a, &m);
	summary_build(message, 0, &m, true, &record);
	if (summary_open(buf_slice(&record), &s)) {
		json_object_set_new(o, "bytes", json_integer((json_int_t)record.n));
		json_object_set_new(o, "date", text(summary_text(&s, 0, SUMMARY_DATE)));
		json_object_set_new(o, "subject", text(summary_text(&s, 0, SUMMARY_SUBJECT)));
		json_object_set_new(o, "message_id", text(summary_text(&s, 0, SUMMARY_MESSAGE_ID)));
		for (int w = 0; w < SUMMARY_WHOS; w++)
			json_object_set_new(o, names[w], addresses(&s, (enum summary_who)w));
		for (size_t i = 0; i < s.nparts; i++)
			json_array_append_new(parts, part(&s, i, message));
	}
	json_object_set_new(o, "parts", parts);
	json_dumpf(o, stdout, JSON_COMPACT);
	putchar('\n');
	json_decref(o);
}

int main(void)
{
	char line[4096];
	while (fgets(line, sizeof line, stdin)) {
		AUTO(buf) struct buf file = BUF(MESSAGE_MAX);
		line[strcspn(line, "\n")] = 0;
		if (!file_add(line, &file))
			return 1;
		judge(buf_slice(&file));
	}
	return 0;
}
