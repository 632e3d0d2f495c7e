/* Inside the plan: what dns_plan*.c share. */
#pragma once
#include "bin/dns_plan.h"

struct making_plan {
	struct plan *p;
	struct arena *mem;
};
/* The new record; beyond PLAN_RECORDS_MAX the last one is replaced. */
struct plan_record *plan_add(struct making_plan *m, enum plan_kind kind, const char *type,
	slice name, slice value, bool optional, const char *why);
int plan_add_tls(struct making_plan *m, const struct plan_input *in, struct err *e);
