/* cli_tty: asking a person: passwords without echo, yes or no, a line. */
#pragma once
#include "base/arena.h"
#include "base/err.h"

/* A new password, asked twice on the terminal; with from_stdin the first line of stdin instead.
 * Never from the command line, where every user of the machine can see it. ERR_PROTO: no terminal,
 * the two differ, stdin empty. */
int tty_new_password(bool from_stdin, struct arena *a, slice *ret, struct err *e);
/* One secret, asked once; as above. */
int tty_secret(const char *prompt, bool from_stdin, struct arena *a, slice *ret, struct err *e);
/* False also without a terminal. */
bool tty_confirm(const char *question);
bool tty_present(void);
/* A line; empty input gives `def`. */
int tty_ask(const char *question, slice def, struct arena *a, slice *ret, struct err *e);
