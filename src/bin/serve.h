/* serve: the commands that concern a running server: serve, reload, status, role. */
#pragma once
#include "bin/commands.h"

int serve_command(struct cli *cli, int argc, char **argv);
int reload_command(struct cli *cli, int argc, char **argv);
int status_command(struct cli *cli, int argc, char **argv);
int role_command(struct cli *cli, int argc, char **argv); /* for the master only */

/* Tells a running server that the queue was changed by hand; without one it is no error. */
void serve_wake_queue(slice run_dir);
