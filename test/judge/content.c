/*
 * What is found in a letter, as JSON: requests are objects with "path", a line each; answers have
 * the files (attachments and what is inside them), links, pictures, signals, and the text of
 * attachments. With "repeat" the letter is read that often and the answer says what that took.
 * test/attachments.py asks.
 */
#include "content/content.h"
#include "base/hex.h"
#include "base/mem.h"
#include "codec/filetype.h"
#include "content/checks.h"
#include <jansson.h>
#include <libpsl.h>
#include <stdio.h>
#include <time.h>

enum { MESSAGE_MAX = 256 << 20 };

static const psl_ctx_t *list;

static bool is_suffix(slice s)
{
	char z[256];
	snprintf(z, sizeof z, "%.*s", SFMT(s));
	return psl_is_public_suffix2(list, z, PSL_TYPE_ANY | PSL_TYPE_NO_STAR_RULE);
}

static slice organisation(slice host)
{
	char z[256];
	snprintf(z, sizeof z, "%.*s", SFMT(host));
	const char *org = psl_registrable_domain(list, z);
	return org && host.n < sizeof z ? slice_skip(host, (size_t)(org - z)) : host;
}

static const struct url_names names = {is_suffix, organisation};
static const struct content_tools tools = {.names = &names};

static void load(const char *path, struct buf *out)
{
	FILE *f = fopen(path, "r");
	char *room;
	size_t n;
	if (!f)
		return;
	while ((room = buf_room(out, 65536)) && (n = fread(room, 1, 65536, f)) > 0)
		buf_commit(out, n);
	fclose(f);
}

static json_t *text(slice s)
{
	json_t *j = json_stringn(s.n ? s.p : "", s.n);
	return j ? j : json_string("(not UTF-8)");
}

static json_t *facts(unsigned bits)
{
	static const char *const shown[] = {"encrypted", "damaged", "limit", "macro", "autorun",
		"suspicious-macro", "script", "remote", "embedded", "launch", "exploit",
		"disguised", "double-name", "bidi-name", "blanks-name", "bomb", "smuggling", "form",
		"opened", "deep"};
	json_t *j = json_array();
	for (size_t i = 0; i < sizeof shown / sizeof *shown; i++)
		if (bits >> i & 1)
			json_array_append_new(j, json_string(shown[i]));
	return j;
}

static json_t *files(const struct content *c)
{
	json_t *all = json_array();
	for (size_t i = 0; i < c->nfiles; i++) {
		const struct content_file *f = &c->files[i];
		AUTO(buf) struct buf hex = BUF(100);
		hex_encode(&hex, slice_of(f->digest, 32));
		json_array_append_new(
			all, json_pack("{si sI so ss so so sI ss#}", "parent", f->parent, "depth",
				     (json_int_t)f->depth, "name", text(f->name), "type",
				     filetype_name(f->type), "facts", facts(f->facts), "detail",
				     text(f->detail), "size", (json_int_t)f->size, "digest", hex.p,
				     (int)hex.n));
	}
	return all;
}

static json_t *links(const struct content *c)
{
	static const char *const where[] = {
		"text", "html", "qr", "pdf", "office", "calendar", "file"};
	json_t *all = json_array();
	for (size_t i = 0; i < c->nlinks; i++)
		json_array_append_new(
			all, json_pack("{so ss so si}", "url", text(c->links[i].url.text), "where",
				     where[c->links[i].where], "text", text(c->links[i].text),
				     "file", c->links[i].file));
	return all;
}

static json_t *pictures(const struct content *c)
{
	json_t *all = json_array();
	for (size_t i = 0; i < c->npictures; i++)
		json_array_append_new(all,
			json_pack("{si si si sb sb}", "file", c->pictures[i].file, "width",
				(int)c->pictures[i].width, "height", (int)c->pictures[i].height,
				"decoded", c->pictures[i].decoded, "qr", c->pictures[i].qr));
	return all;
}

static json_t *signals(const struct content *c, struct arena *a)
{
	static const struct content_context nothing;
	struct signals *s = ARENA_NEW(a, struct signals);
	json_t *all = json_object();
	s->mem = a;
	struct content_exam x = {.c = c, .ctx = &nothing, .tools = &tools, .signals = s, .a = a};
	content_check_files(&x);
	content_check_pictures(&x);
	for (unsigned i = 0; i < s->n; i++)
		json_object_set_new(all, s->v[i].def->name, text(s->v[i].detail));
	return all;
}

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static json_t *answer(slice message, int repeat)
{
	AUTO(arena) struct arena a = {0};
	struct content c;
	double from = now();
	for (int i = 1; i < repeat; i++) {
		AUTO(arena) struct arena again = {0};
		content_read(message, &tools, &content_limits_default, &again, &c);
	}
	content_read(message, &tools, &content_limits_default, &a, &c);
	double took = (now() - from) / (repeat > 1 ? repeat : 1);
	return json_pack("{so so so so so so sb sf}", "files", files(&c), "links", links(&c),
		"pictures", pictures(&c), "signals", signals(&c, &a), "text", text(c.attached),
		"subject", text(c.mail.subject), "limited", c.limited, "seconds", took);
}

int main(void)
{
	AUTO(free) char *line = NULL;
	size_t room = 0;
	list = psl_builtin();
	setvbuf(stdout, NULL, _IOLBF, 0);
	while (getline(&line, &room, stdin) > 0) {
		AUTO(buf) struct buf in = BUF(MESSAGE_MAX);
		const char *path = NULL;
		int repeat = 1;
		json_t *request = json_loads(line, 0, NULL);
		if (!request || json_unpack(request, "{ss s?i}", "path", &path, "repeat", &repeat))
			return 1;
		load(path, &in);
		json_t *j = answer(buf_slice(&in), repeat);
		AUTO(free) char *out = json_dumps(j, JSON_COMPACT);
		puts(out);
		json_decref(j);
		json_decref(request);
	}
	return 0;
}
