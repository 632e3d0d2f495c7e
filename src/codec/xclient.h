/*
 * Attributes of the XCLIENT command (postfix.org/XCLIENT_README.html): a trusted proxy tells who
 * its client is.
 */
#pragma once
#include "base/arena.h"
#include "base/slice.h"

enum xclient_has {
	XCLIENT_ABSENT = 0,
	XCLIENT_VALUE,
	XCLIENT_UNAVAILABLE, /* [UNAVAILABLE] */
	XCLIENT_TEMPUNAVAIL, /* [TEMPUNAVAIL] */
};

struct xclient_attr {
	enum xclient_has has;
	slice value; /* xtext decoded */
};

struct xclient {
	struct xclient_attr name, helo, login;
	struct xclient_attr addr, destaddr; /* IP text without the "IPV6:" prefix, checked */
	struct xclient_attr port, destport; /* checked; numbers below */
	struct xclient_attr proto; /* SMTP or ESMTP */
	uint16_t port_number, destport_number;
	uint8_t family; /* of addr: 4, 6, 0 */
	bool esmtp;
};

/* The command's argument. False: malformed; *ret_bad is the attribute (answer 501 5.5.4). */
bool xclient_parse(slice arg, struct arena *a, struct xclient *ret, slice *ret_bad);
