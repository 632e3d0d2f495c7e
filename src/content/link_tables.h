/* What kind of place a link leads to, by the host's name. Inside content only. */
#pragma once
#include "base/slice.h"

enum link_place {
	LINK_ORDINARY,
	LINK_SHORTENER, /* hides where it leads */
	LINK_FORM, /* anybody makes a form there */
	LINK_HOSTING, /* anybody puts pages there, free and unnamed */
	LINK_STORAGE, /* files of customers of big clouds */
	LINK_TUNNEL, /* to somebody's own machine; gateways of distributed storage */
	LINK_REDIRECTOR, /* of a big site, leads wherever its query says */
	LINK_WRAPPER, /* of another mail filter, around the real link */
};
/* host: lower-case A-labels; path with its '/'. */
enum link_place link_place(slice host, slice path);
/* A top level where names cost nearly nothing and most are thrown away. */
bool link_cheap_top(slice host);
