/* What the script*.c files share (script.h). Nobody else includes this. */
#pragma once
#include "store/directory_impl.h"
#include "store/script.h"

/* A row with everything; SHORT without the long texts. */
#define SCRIPT_REST                                                                                \
	", s.id, s.account_id, s.name, s.size, s.active, s.version, s.includes, s.warnings,"       \
	" s.changed_by, s.changed_at, s.place, s.scope, s.scope_id, s.ord,"                        \
	" CASE s.scope WHEN 2 THEN (SELECT org.name FROM org WHERE org.id = s.scope_id)"           \
	" WHEN 3 THEN (SELECT domain.name FROM domain WHERE domain.id = s.scope_id) ELSE '' END"
#define SCRIPT_WHOLE "SELECT s.body, s.form" SCRIPT_REST
#define SCRIPT_SHORT "SELECT '', ''" SCRIPT_REST
void script_read_row(struct sql_stmt *s, struct arena *a, void *row);
/* One row into *ret. ERR_NOTFOUND: no such script. s NULL: -1. */
int script_one(struct sql_stmt *s, slice name, struct arena *a, struct script *ret, struct err *e);
int script_check(const struct script *s, struct err *e);
/* Inside a transaction: the new text of (account_id, name). */
int64_t script_write(struct sql *db, const struct script *s, struct err *e);
