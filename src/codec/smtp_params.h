/*
 * The parameters of MAIL and RCPT (smtp.c calls this; nobody else does).
 */
#pragma once
#include "codec/smtp.h"

/* `s` is all behind the path. On a fault *ret_detail is the parameter. */
enum smtp_fault smtp_mail_params(
	slice s, unsigned ext, struct arena *a, struct smtp_mail *ret, slice *ret_detail);
enum smtp_fault smtp_rcpt_params(
	slice s, unsigned ext, struct arena *a, struct smtp_rcpt *ret, slice *ret_detail);
