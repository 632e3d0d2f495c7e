/*
 * scripts: people's Sieve scripts, from what they wrote to what is stored (store/script.h), and back to what happened to their mail.
 * Used by the command line, ManageSieve and pages; delivery (local.h) has scripts_run.h.
 */
#pragma once
#include "sieve/sieve.h"
#include "store/script.h"

/* Is it a good script? Mistakes and warnings from *a, also of a good one. `system`: the administrator's, which may use more. */
bool scripts_check(slice name, slice text, bool system, size_t most, struct arena *a,
	struct sieve_mistakes *ret);
/* The mistakes as lines "12:3: what is wrong", for people. */
slice scripts_mistakes(const struct sieve_mistakes *m, bool chinese, struct arena *a);

/*
 * Compiles and stores a script of an account: account_id, name, text, form and changed_by are read. -1 with ERR_PROTO: it is wrong, and
 * *ret says why (mistakes without warning), or its name is; ERR_LIMIT: no room. With `activate` it becomes the active one, too.
 */
int scripts_put(struct sql *db, const struct script *s, bool activate, struct arena *a,
	struct sieve_mistakes *ret, struct err *e);
/* The same from a form (sieve/form.h): account_id, name, form and changed_by are read. ERR_PROTO: the form is wrong, *ret says where. */
int scripts_put_form(struct sql *db, const struct script *s, bool activate, struct arena *a,
	struct sieve_mistakes *ret, struct err *e);
/* The administrator's likewise: name, text, active, place, scope, scope_id, order, changed_by. */
int scripts_put_system(struct sql *db, const struct script *s, struct arena *a,
	struct sieve_mistakes *ret, struct err *e);
