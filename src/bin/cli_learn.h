/* What the files of `posthouse learn` share. */
#pragma once
#include "bin/cli_env.h"
#include "content/pictures.h"
#include "training/build.h"

/* The configuration, the server's user, the journal opened for writing. NULL after a complaint. */
struct sql *cli_learn_open(struct cli_call *c, struct cli_env *env, int *ret_code);
/* The running server looks at the journal and at what is in service now; without one it will later.
 */
void cli_learn_wake(const struct cli_env *env);
/* 0 or an exit code. */
int cli_learn_number(slice text, uint64_t *ret);

/* cli_learn_show.c */
int cli_learn_status(struct cli_call *c);
int cli_learn_list(struct cli_call *c);
int cli_learn_users(struct cli_call *c);
/* cli_learn_pictures.c */
int cli_learn_pictures(struct cli_call *c);
struct learn_pictures {
	int64_t made_at; /* 0: there is no classifier */
	bool damaged;
	struct pictures_figures figures;
};
int cli_learn_pictures_state(slice data, struct learn_pictures *ret, struct err *e);
void cli_learn_pictures_json(struct json *j, const struct learn_pictures *p);
void cli_learn_pictures_text(const struct learn_pictures *p);
/* cli_learn_versions.c */
int cli_learn_versions(struct cli_call *c);
int cli_learn_compare(struct cli_call *c);
int cli_learn_use(struct cli_call *c);
