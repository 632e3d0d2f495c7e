/* One run of rules over one letter: shared by rules_run.c and rules_tell.c. */
#pragma once
#include "content/rules_impl.h"

struct runner {
	struct rules *r;
	struct content_exam *x;
	struct rule_fields f;
	/* The pass that goes on. */
	struct rule_group_db *group;
	unsigned field;
	bool normal;
	slice text;
	/* What came of it. */
	struct rule **holding;
	size_t nholding;
};

/* rules_tell.c: signals for those in `holding`, and what they found. */
void rules_tell(struct runner *u);
