/* Hosts of URLs as browsers read them, for url_parse.c. */
#pragma once
#include "codec/url.h"

/* raw: without brackets' port and userinfo. Sets host, shown and flags of *u. */
void url_read_host(slice raw, struct arena *a, struct url *u);
/* %-escapes undone; *ret_any: there were some. */
slice url_unescape(slice s, struct arena *a, bool *ret_any);
