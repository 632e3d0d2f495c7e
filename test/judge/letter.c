/*
 * Letters examined whole, as the scan process does.
 *
 *	letter [--rules FILE]... [--model FILE]		requests from standard input
 *	letter ... --times N			names of files from standard input
 *
 * A request: {"path": FILE, "context": {...}, "site": {...}, "features": true}, each member but the
 * first may be missing; members of context are those of struct content_context, of site "domains",
 * "partners", "people" ({NAME: [ADDRESS ...]}). Answered by a line: the report, as of
 * `posthouse explain --json`.
 *
 * With --times every file is examined N times; a line tells what that took (test/reading.py counts
 * the instructions of each file under callgrind).
 */
#include "lib_file.h"

#include "base/mem.h"
#include "codec/charset.h"
#include "codec/json_read.h"
#include "content/report.h"
#include "content/rules.h"
#include "senderauth/psl.h"
#include <locale.h>
#include <stdio.h>
#include <sys/resource.h>
#if __has_include(<valgrind/callgrind.h>)
#include <valgrind/callgrind.h>
#else
#define CALLGRIND_ZERO_STATS
#define CALLGRIND_DUMP_STATS_AT(name) (void)(name)
#endif

enum { FILE_MAX = 256 << 20, SOURCES_MAX = 64 };

static const struct url_names names = {psl_is_known_suffix, psl_org_domain};

static _Noreturn void refuse(const char *what, const char *why)
{
	fprintf(stderr, "letter: %s: %s\n", what, why);
	exit(2);
}

/* ---- what judges ---- */

struct set_up {
	struct content_examiner *x;
	struct content_tools tools;
	struct learn_model model;
	struct rules_source sources[SOURCES_MAX];
	size_t nsources;
	int times;
};

static void read_arguments(struct set_up *s, int argc, char **argv)
{
	struct err e;
	for (int i = 1; i + 1 < argc; i += 2) {
		const char *value = argv[i + 1];
		if (strcmp(argv[i], "--times") == 0)
			s->times = atoi(value);
		else if (strcmp(argv[i], "--rules") == 0 && s->nsources < SOURCES_MAX)
			s->sources[s->nsources++] =
				(struct rules_source){slice_z(value), file_of(value)};
		else if (strcmp(argv[i], "--model") != 0)
			refuse(argv[i], "unknown");
		else if (learn_model_read(file_of(value), &s->model, &e) < 0)
			refuse(value, e.text);
		else
			s->tools.base = &s->model;
	}
	if (s->nsources && rules_compile(s->sources, s->nsources, &s->tools.rules, &e) < 0)
		refuse("rules", e.text);
}

/* ---- requests ---- */

static slice *texts(const json_t *v, struct arena *a, size_t *ret_n)
{
	slice *out = ARENA_ARRAY(a, slice, json_array_size(v) + 1);
	for (*ret_n = 0; *ret_n < json_array_size(v); (*ret_n)++) {
		const json_t *t = json_array_get(v, *ret_n);
		out[*ret_n] = slice_of(json_string_value(t), json_string_length(t));
	}
	return out;
}

static struct content_context context(const json_t *j, struct arena *a)
{
	struct content_context c = {
		.client_ip = json_read_text(j, "client_ip"),
		.client_name = json_read_text(j, "client_name"),
		.helo = json_read_text(j, "helo"),
		.sender = json_read_text(j, "sender"),
		.login = json_read_text(j, "login"),
		.proven = json_is_true(json_object_get(j, "proven")),
		.verified = json_is_true(json_object_get(j, "verified")),
		.wrote_before = json_is_true(json_object_get(j, "wrote_before")),
		.written_to = json_is_true(json_object_get(j, "written_to")),
		.now = (uint64_t)json_read_count(j, "now"),
	};
	slice direction = json_read_text(j, "direction");
	if (slice_eq(direction, S("outbound")))
		c.direction = CONTENT_OUTBOUND;
	if (slice_eq(direction, S("internal")))
		c.direction = CONTENT_INTERNAL;
	c.rcpts = texts(json_object_get(j, "rcpts"), a, &c.nrcpts);
	c.rcpts_total = (size_t)json_read_count(j, "rcpts_total");
	if (c.rcpts_total < c.nrcpts)
		c.rcpts_total = c.nrcpts;
	return c;
}

static struct content_site site(json_t *j, struct arena *a)
{
	json_t *people = json_object_get(j, "people"), *addresses;
	struct content_site s = {0};
	const char *name;
	s.domains = texts(json_object_get(j, "domains"), a, &s.ndomains);
	s.partners = texts(json_object_get(j, "partners"), a, &s.npartners);
	s.people = ARENA_ARRAY(a, struct content_person, json_object_size(people) + 1);
	json_object_foreach(people, name, addresses)
	{
		struct content_person *p = &s.people[s.npeople++];
		p->name = slice_z(name);
		p->addresses = texts(addresses, a, &p->naddresses);
	}
	return s;
}

static json_t *answer(void *ctx, json_t *request)
{
	const struct set_up *s = ctx;
	AUTO(arena) struct arena a = {0};
	AUTO(buf) struct buf in = BUF(FILE_MAX);
	const char *path = json_string_value(json_object_get(request, "path"));
	bool wants = json_is_true(json_object_get(request, "features"));
	unsigned wishes = CONTENT_EXPLAIN | (wants ? CONTENT_FEATURES : 0);
	struct content_context about = context(json_object_get(request, "context"), &a);
	struct content_site here = site(json_object_get(request, "site"), &a);
	struct content_tools tools = s->tools;
	struct content_report *r = ARENA_NEW(&a, struct content_report);
	tools.site = &here;
	if (!path || !file_add(path, &in))
		return json_pack("{s:s}", "error", "no such file");
	content_examine(s->x, buf_slice(&in), &about, &tools, wishes, &a, r);
	return content_report_json(r, wishes);
}

/* ---- what it costs ---- */

static void examine(const struct set_up *s, slice letter)
{
	AUTO(arena) struct arena a = {0};
	struct content_context ctx = {0};
	struct content_report *r = ARENA_NEW(&a, struct content_report);
	content_examine(s->x, letter, &ctx, &s->tools, 0, &a, r);
}

static void measure(const struct set_up *s)
{
	char path[1024];
	double took = 0;
	size_t letters = 0, bytes = 0;
	struct rusage u;
	while (fgets(path, sizeof path, stdin)) {
		AUTO(buf) struct buf in = BUF(FILE_MAX);
		path[strcspn(path, "\n")] = 0;
		if (!file_add(path, &in))
			refuse(path, "cannot be read");
		CALLGRIND_ZERO_STATS;
		double began = spent();
		for (int i = 0; i < s->times; i++, letters++)
			examine(s, buf_slice(&in));
		took += spent() - began;
		bytes += (size_t)s->times * in.n;
		CALLGRIND_DUMP_STATS_AT(path);
	}
	getrusage(RUSAGE_SELF, &u);
	printf("%zu letters, %zu bytes, %.1f us each, peak %ld KiB\n", letters, bytes,
		letters ? took / (double)letters : 0, u.ru_maxrss);
}

int main(int argc, char **argv)
{
	static struct set_up s = {.tools = {.names = &names}};
	setlocale(LC_CTYPE, "C.UTF-8"); /* as the program does */
	charset_warm_up();
	text_warm_up();
	url_warm_up();
	psl_warm_up();
	read_arguments(&s, argc, argv);
	s.x = content_examiner_new();
	if (s.times)
		measure(&s);
	else
		judge_lines(answer, &s);
	content_examiner_free(s.x);
	rules_free(s.tools.rules);
	learn_model_done(&s.model);
	return 0;
}
