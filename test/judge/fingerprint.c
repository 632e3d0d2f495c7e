/*
 * Fingerprints of letters: requests are objects with "path", a line each; answers have kind and
 * hash of all, and what making them took (microseconds, reading included). test/fingerprints.py
 * asks.
 */
#include "base/mem.h"
#include "content/report.h"

#include <jansson.h>
#include <libpsl.h>
#include <stdio.h>
#include <time.h>

enum { MESSAGE_MAX = 64 << 20 };

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

static void load(const char *path, struct buf *out)
{
	FILE *f = fopen(path, "rb");
	char *room;
	size_t n;
	if (!f)
		return;
	while ((room = buf_room(out, 65536)) && (n = fread(room, 1, 65536, f)) > 0)
		buf_commit(out, n);
	fclose(f);
}

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static json_t *answer(struct content_examiner *e, slice message)
{
	static const struct url_names names = {is_suffix, organisation};
	static const struct content_tools tools = {.names = &names};
	static const struct content_context nothing;
	AUTO(arena) struct arena a = {0};
	struct content_report *r = ARENA_NEW(&a, struct content_report);
	json_t *all = json_array();
	char hash[20];
	double from = now();
	content_examine(e, message, &nothing, &tools, 0, &a, r);
	for (size_t i = 0; i < r->nprints; i++) {
		snprintf(hash, sizeof hash, "%016llx", (unsigned long long)r->prints[i].hash);
		json_array_append_new(all, json_pack("[i,s]", (int)r->prints[i].kind, hash));
	}
	return json_pack("{s:o, s:f}", "prints", all, "took", now() - from);
}

int main(void)
{
	AUTO(free) char *line = NULL;
	size_t room = 0;
	struct content_examiner *e = content_examiner_new();
	list = psl_builtin();
	while (getline(&line, &room, stdin) > 0) {
		AUTO(buf) struct buf in = BUF(MESSAGE_MAX);
		const char *path = NULL;
		json_t *request = json_loads(line, 0, NULL);
		if (json_unpack(request, "{s:s}", "path", &path))
			return 1;
		load(path, &in);
		json_t *j = answer(e, buf_slice(&in));
		json_dumpf(j, stdout, JSON_COMPACT);
		putchar('\n');
		fflush(stdout);
		json_decref(j);
		json_decref(request);
	}
	content_examiner_free(e);
	return 0;
}
