/* What the notice_*.c files share. Nobody else includes this. */
#pragma once
#include "codec/json_read.h"
#include "mail/notice.h"

struct notice_job {
	const struct notice_facts *f;
	json_t *data; /* NULL: none */
	struct arena *a;
	struct notice_page page;
	struct notice_letter *ret;
};
slice notice_or(slice a, slice b); /* the first that is not empty */
void notice_finish(struct notice_job *j, slice subject, const char *kind);
/* notice_report.c */
void notice_write_report(struct notice_job *j);
/* notice_own.c */
void notice_write_forward(struct notice_job *j);
void notice_write_script(struct notice_job *j);
bool notice_write_answer(const struct notice_facts *f, struct arena *a, struct notice_letter *ret);
