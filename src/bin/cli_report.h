/* What the verbs of `posthouse report` share (cli_report.c, cli_report_received.c). */
#pragma once
#include "bin/cli_env.h"

/* Options and arguments; CLI_OK, or the exit code after a complaint. */
int cli_report_since(struct cli_call *c, int64_t *ret); /* --since; 0 without */
int cli_report_limit(struct cli_call *c, uint64_t *ret); /* --limit */
int cli_report_number(struct cli_call *c, int64_t *ret); /* the first argument */
int cli_report_nothing(void); /* says that nothing matches; its exit code */

int cli_report_received(struct cli_call *c);
extern const struct cli_option cli_report_received_options[];
