/* Reads a message (a file named on the command line) as a report and prints its JSON. */
#include "lib_file.h"

#include "codec/report_in.h"
#include <stdio.h>

int main(int argc, char **argv)
{
	slice message = file_of(argc > 1 ? argv[1] : "-");
	json_t *report = report_in_read(message);
	json_dumpf(report, stdout, JSON_INDENT(1) | JSON_SORT_KEYS);
	puts("");
	json_decref(report);
	free((char *)message.p);
	return 0;
}
