/* What form.c and form_script.c share: a form that was read and checked. Texts are borrowed from the JSON. */
#pragma once
#include "sieve/form.h"

enum form_field {
	FORM_FROM,
	FORM_TO,
	FORM_CC,
	FORM_RECIPIENT,
	FORM_SUBJECT,
	FORM_BODY,
	FORM_LIST,
	FORM_HEADER,
	FORM_ATTACHMENT,
	FORM_SIZE,
};
enum form_op {
	FORM_CONTAINS,
	FORM_IS,
	FORM_STARTS,
	FORM_ENDS,
	FORM_MATCHES,
	FORM_DOMAIN,
	FORM_EXISTS,
	FORM_OVER,
	FORM_UNDER,
};
struct form_condition {
	enum form_field field;
	enum form_op op;
	bool negated;
	slice header;
	slice *values;
	size_t nvalues;
};
enum form_do {
	FORM_MOVE,
	FORM_COPY,
	FORM_FLAG,
	FORM_FORWARD,
	FORM_REJECT,
	FORM_DISCARD,
	FORM_KEEP,
};
struct form_action {
	enum form_do what;
	slice text; /* folder, address, reason */
	slice *flags;
	size_t nflags;
	bool keep;
};
enum form_match { FORM_ALL, FORM_ANY, FORM_ALWAYS };
struct form_rule {
	slice name;
	bool enabled, stop;
	enum form_match match;
	struct form_condition *conditions;
	size_t nconditions;
	struct form_action *actions;
	size_t nactions;
};
struct form_autoreply {
	bool enabled;
	slice subject, text;
	slice from, until; /* "2026-10-01" or empty */
	int64_t days;
	slice *addresses;
	size_t naddresses;
};
struct form_forward {
	bool enabled, keep;
	slice *to;
	size_t nto;
};
struct form {
	struct arena *a;
	struct sieve_mistakes *mistakes;
	struct form_rule *rules;
	size_t nrules;
	struct form_autoreply autoreply;
	struct form_forward forward;
};

/* form_script.c: the script, from f->a. */
slice form_script(const struct form *f);
