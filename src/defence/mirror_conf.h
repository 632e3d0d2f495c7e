/* A section [mirror "NAME"], shared by mirror.c (asking) and mirror_keep.c (making). */
#pragma once
#include "defence/mirror.h"
#include "defence/rbldnsd.h"
#include "run/log.h"

struct mirror_conf {
	slice file; /* below DATA/mirror; empty: transfer */
	int format; /* enum rbldnsd_format */
	slice subzone;
	struct conf_addrs transfer_from;
	slice zone;
	slice tsig_name, tsig_algorithm;
	struct secret tsig_secret; /* base64 */
	int64_t refresh; /* usec */
};
slice mirror_list_path(slice data, slice name, struct arena *a); /* what is mapped */
