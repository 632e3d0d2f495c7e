/*
 * What a message is made of, as JSON lines: file names come on stdin, one a line. For each part its
 * type, name, encoding, sizes, the digest of its decoded content (line ends as LF), of text parts
 * the charset that was found and the digest of the text. test/mime.py compares that with others.
 */
#include "lib_file.h"

#include "base/hex.h"
#include "base/mem.h"
#include "codec/charset.h"
#include "codec/mime.h"
#include <jansson.h>
#include <openssl/evp.h>
#include <stdio.h>

enum { MESSAGE_MAX = 256 << 20, TEXT_MAX = 64 << 20 };

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* Of the bytes with LF line ends, without blanks before them and without those at the end. */
static json_t *digest(slice s)
{
	unsigned char hash[32];
	AUTO(buf) struct buf flat = BUF(MESSAGE_MAX);
	AUTO(buf) struct buf hex = BUF(100);
	while (s.n && (s.p[s.n - 1] == '\n' || s.p[s.n - 1] == '\r'))
		s.n--;
	for (size_t i = 0; i < s.n; i++) {
		while (s.p[i] == '\n' && flat.n && is_blank(flat.p[flat.n - 1]))
			flat.n--;
		if (s.p[i] != '\r')
			buf_byte(&flat, s.p[i]);
	}
	EVP_Digest(flat.p ? flat.p : "", flat.n, hash, NULL, EVP_sha256(), NULL);
	hex_encode(&hex, slice_of(hash, 12));
	return json_stringn(hex.p, hex.n);
}

static json_t *text(slice s)
{
	json_t *j = json_stringn(s.n ? s.p : "", s.n);
	return j ? j : json_string("(not UTF-8)");
}

static json_t *defects(unsigned bits)
{
	static const char *const names[] = {"no-boundary", "boundary-unseen", "unclosed",
		"too-deep", "too-many", "bad-type", "bad-encoding", "bad-header", "twice",
		"no-header", "values"};
	json_t *v = json_array();
	for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
		if (bits & 1u << i)
			json_array_append_new(v, json_string(names[i]));
	return v;
}

static void describe_text(json_t *o, const struct mime_part *p, slice bytes)
{
	static const char *const origins[] = {
		"declared", "bom", "meta", "valid", "guessed", "last-resort"};
	AUTO(buf) struct buf out = BUF(TEXT_MAX);
	struct charset_reading r;
	bool html = mime_is(p, S("text"), S("html"));
	charset_read(mime_param(&p->type, S("charset")), bytes, html, &out, &r);
	json_object_set_new(o, "charset", json_string(r.name));
	json_object_set_new(o, "origin", json_string(origins[r.origin]));
	json_object_set_new(o, "replaced", json_integer((json_int_t)r.replaced));
	json_object_set_new(o, "text", digest(buf_slice(&out)));
}

static json_t *describe(const struct mime_part *p, struct arena *a)
{
	static const char *const encodings[] = {
		"7bit", "8bit", "binary", "quoted-printable", "base64", "uuencode", "unknown"};
	AUTO(buf) struct buf out = BUF(MESSAGE_MAX);
	json_t *o = json_object();
	bool good = mime_decode(p, &out);
	bool leaf = !p->multipart && !p->message;
	json_object_set_new(o, "type", text(p->type.main));
	json_object_set_new(o, "parent", json_integer(p->parent));
	json_object_set_new(o, "depth", json_integer(p->depth));
	json_object_set_new(o, "encoding", json_string(encodings[p->encoding]));
	json_object_set_new(o, "disposition", text(p->disposition.main));
	json_object_set_new(o, "name", text(mime_filename(p, a)));
	json_object_set_new(o, "defects", defects(p->defects));
	json_object_set_new(o, "size", json_integer((json_int_t)p->body.n));
	json_object_set_new(o, "leaf", json_boolean(leaf));
	if (!leaf)
		return o;
	json_object_set_new(o, "decoded", json_integer((json_int_t)out.n));
	json_object_set_new(o, "clean", json_boolean(good));
	json_object_set_new(o, "sha256", digest(buf_slice(&out)));
	if (mime_is(p, S("text"), S("")))
		describe_text(o, p, buf_slice(&out));
	return o;
}

static void judge(const char *path)
{
	AUTO(buf) struct buf in = BUF(MESSAGE_MAX);
	AUTO(arena) struct arena a = {0};
	struct mime m;
	if (!file_add(path, &in))
		exit(1);
	mime_parse(buf_slice(&in), &mime_limits_default, &a, &m);
	json_t *o = json_object(), *parts = json_array();
	json_object_set_new(o, "file", text(slice_z(path)));
	for (size_t i = 0; i < m.n; i++)
		json_array_append_new(parts, describe(&m.v[i], &a));
	json_object_set_new(o, "parts", parts);
	json_dumpf(o, stdout, JSON_COMPACT);
	puts("");
	fflush(stdout);
	json_decref(o);
}

int main(void)
{
	char path[4096];
	while (fgets(path, sizeof path, stdin)) {
		path[strcspn(path, "\n")] = 0;
		judge(path);
	}
	return 0;
}
