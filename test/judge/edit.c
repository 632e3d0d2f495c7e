/*
 * Judge of edits: reads one JSON object a line and answers with one. Bytes are base64.
 *
 *	{"message": "...", "tag": "[SPAM] ", "fields": [...], "banner": "", "banner_html": "",
 *	 "disclaimer": "", "disclaimer_html": "", "strip": [{"part": 2, "block": -1, "notice": ""}]}
 *	{"message": "...", "notes": 3, "seconds": 0.01, "parts": [{"type": "text/plain", "parent": 0,
 *	 "name": "", "leaf": true}]}		or {"error": "limit: ..."}
 *
 * "parts" are those of the message that came in.
 */
#include "codec/edit.h"

#include "base/b64.h"
#include "base/mem.h"
#include "base/time.h"
#include <jansson.h>
#include <stdio.h>

enum { MESSAGE_MAX = 256 << 20 };

static slice member(json_t *o, const char *key)
{
	json_t *s = json_object_get(o, key);
	return slice_of(json_string_value(s), json_string_length(s));
}

static json_t *text(slice s)
{
	json_t *j = json_stringn(s.n ? s.p : "", s.n);
	return j ? j : json_string("(not UTF-8)");
}

static json_t *parts_of(slice message, struct arena *a)
{
	struct mime m;
	json_t *v = json_array();
	mime_parse(message, &mime_limits_default, a, &m);
	for (size_t i = 0; i < m.n; i++) {
		const struct mime_part *p = &m.v[i];
		json_t *o = json_object();
		json_object_set_new(o, "type", text(p->type.main));
		json_object_set_new(o, "parent", json_integer(p->parent));
		json_object_set_new(o, "name", text(mime_filename(p, a)));
		json_object_set_new(o, "leaf", json_boolean(!p->multipart && !p->message));
		json_array_append_new(v, o);
	}
	return v;
}

static const struct edit *wanted(json_t *request, struct arena *a)
{
	struct edit *e = ARENA_NEW(a, struct edit);
	json_t *fields = json_object_get(request, "fields");
	json_t *strip = json_object_get(request, "strip");
	slice *names = ARENA_ARRAY(a, slice, json_array_size(fields) + 1);
	struct edit_strip *gone = ARENA_ARRAY(a, struct edit_strip, json_array_size(strip) + 1);
	*e = (struct edit){.subject_tag = member(request, "tag"),
		.banner = {member(request, "banner"), member(request, "banner_html")},
		.disclaimer = {member(request, "disclaimer"), member(request, "disclaimer_html")},
		.fields = names,
		.strip = gone};
	for (; e->nfields < json_array_size(fields); e->nfields++) {
		json_t *s = json_array_get(fields, e->nfields);
		names[e->nfields] = slice_of(json_string_value(s), json_string_length(s));
	}
	for (; e->nstrip < json_array_size(strip); e->nstrip++) {
		json_t *o = json_array_get(strip, e->nstrip);
		gone[e->nstrip] = (struct edit_strip){
			(unsigned)json_integer_value(json_object_get(o, "part")),
			(int)json_integer_value(json_object_get(o, "block")), member(o, "notice")};
	}
	return e;
}

static json_t *judge(json_t *request)
{
	AUTO(arena) struct arena a = {0};
	AUTO(buf) struct buf in = BUF(MESSAGE_MAX);
	json_t *o = json_object();
	struct err err;
	unsigned notes;
	b64_decode_tolerant(&in, member(request, "message"));
	AUTO(buf) struct buf out = BUF(edit_limit(in.n));
	const struct edit *e = wanted(request, &a);
	instant began = instant_now();
	int r = edit_message(buf_slice(&in), e, &a, &out, &notes, &err);
	double took = (double)(instant_now() - began) / SECOND;
	if (r < 0) {
		json_object_set_new(
			o, "error", json_sprintf("%s: %s", err_kind_name(err.kind), err.text));
		return o;
	}
	AUTO(buf) struct buf coded = BUF(2 * out.n + 16);
	b64_encode(&coded, buf_slice(&out));
	json_object_set_new(o, "message", text(buf_slice(&coded)));
	json_object_set_new(o, "notes", json_integer(notes));
	json_object_set_new(o, "seconds", json_real(took));
	json_object_set_new(o, "parts", parts_of(buf_slice(&in), &a));
	return o;
}

int main(void)
{
	char *line = NULL;
	size_t cap = 0;
	for (ssize_t n; (n = getline(&line, &cap, stdin)) > 0;) {
		json_t *request = json_loadb(line, (size_t)n, 0, NULL);
		if (!request)
			return 2;
		json_t *o = judge(request);
		json_dumpf(o, stdout, JSON_COMPACT);
		puts("");
		fflush(stdout);
		json_decref(o);
		json_decref(request);
	}
	free(line);
	return 0;
}
