/* The families of checks, one function each (check_NAME.c). Inside content only. */
#pragma once
#include "content/content.h"

void content_check_bulk(struct content_exam *x);
void content_check_header(struct content_exam *x);
void content_check_subject(struct content_exam *x);
void content_check_mailer(struct content_exam *x);
void content_check_link(struct content_exam *x);
void content_check_link_where(struct content_exam *x);
void content_check_html(struct content_exam *x);
void content_check_text(struct content_exam *x);
void content_check_structure(struct content_exam *x);
void content_check_pictures(struct content_exam *x);
void content_check_files(struct content_exam *x);
void content_check_brand(struct content_exam *x);
void content_check_sender(struct content_exam *x);
void content_check_people(struct content_exam *x);
void content_check_internal(struct content_exam *x);
void content_check_history(struct content_exam *x);
