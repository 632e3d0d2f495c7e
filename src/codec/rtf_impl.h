/* Shared by rtf*.c. */
#pragma once
#include "base/buf.h"
#include "codec/rtf.h"

struct rtf_object { /* \object */
	bool update; /* \objupdate: read at once */
	bool linked;
	bool odd; /* its data is written to hide it from readers */
};
/* rtf_object.c: the data of an object (MS-OLEDS 2.2.4, 2.2.5). False: the caller wants no more. */
bool rtf_object(const struct rtf_object *how, slice data, const struct extract *x);
