/* Reads a message (a file named on the command line) as a report and prints its JSON. */
#include "codec/report_in.h"

#include "base/buf.h"
#include "base/mem.h"
#include <stdio.h>

int main(int argc, char **argv)
{
	AUTO(buf) struct buf in = BUF(256 << 20);
	FILE *f = argc > 1 ? fopen(argv[1], "r") : stdin;
	if (!f)
		return 1;
	char *room;
	size_t n;
	while ((room = buf_room(&in, 65536)) && (n = fread(room, 1, 65536, f)) > 0)
		buf_commit(&in, n);
	json_t *report = report_in_read(buf_slice(&in));
	json_dumpf(report, stdout, JSON_INDENT(1) | JSON_SORT_KEYS);
	puts("");
	json_decref(report);
	fclose(f);
	return 0;
}
