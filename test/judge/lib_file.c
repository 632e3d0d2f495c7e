/* What judges of files share (lib_file.h). */
#include "lib_file.h"

#include "base/mem.h"
#include <stdio.h>
#include <time.h>

enum { FILE_MAX = 256 << 20, PIECE = 1 << 16 };

bool file_add(const char *path, struct buf *out)
{
	FILE *f = strcmp(path, "-") == 0 ? stdin : fopen(path, "rb");
	char *room;
	size_t n;
	if (!f)
		return false;
	while ((room = buf_room(out, PIECE)) && (n = fread(room, 1, PIECE, f)) > 0)
		buf_commit(out, n);
	bool good = !ferror(f) && buf_ok(out);
	if (f != stdin)
		fclose(f);
	return good;
}

slice file_of(const char *path)
{
	AUTO(buf) struct buf out = BUF(FILE_MAX);
	if (!file_add(path, &out)) {
		fprintf(stderr, "%s: cannot be read\n", path);
		exit(2);
	}
	return slice_of(mem_dup(out.p, out.n), out.n);
}

double spent(void)
{
	struct timespec t;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

void judge_lines(json_t *(*answer)(void *ctx, json_t *request), void *ctx)
{
	AUTO(free) char *line = NULL;
	size_t room = 0;
	while (getline(&line, &room, stdin) > 0) {
		json_error_t bad;
		json_t *request = json_loads(line, 0, &bad);
		if (!request) {
			fprintf(stderr, "request: %s\n", bad.text);
			exit(2);
		}
		json_t *reply = answer(ctx, request);
		json_dumpf(reply, stdout, JSON_COMPACT);
		putchar('\n');
		fflush(stdout);
		json_decref(reply);
		json_decref(request);
	}
}
