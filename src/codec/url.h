/*
 * URLs: finding them in text as readers and mail programs do, reading them as browsers do, and
 * seeing what is odd about them. No lookups.
 */
#pragma once
#include "base/arena.h"

enum {
	URL_MAX = 4096, /* longer ones are cut */
	URL_LIST_MAX = 2000, /* found in one text */
	URL_HOST_MAX = 253,
};

enum url_flag {
	URL_BARE = 1, /* no scheme was written: "www.example.org", "example.org/x" */
	URL_DEFANGED = 1 << 1, /* hxxp, [.], (dot): written so that a filter does not see it */
	URL_USERINFO = 1 << 2, /* http://bank.example@evil.example/ */
	URL_USERINFO_HOST = 1 << 3, /* and what stands before the @ looks like a host */
	URL_IP = 1 << 4, /* an address instead of a name */
	URL_IP_ODD = 1 << 5, /* in decimal, hexadecimal, octal or with parts left out */
	URL_PORT = 1 << 6, /* not the scheme's own */
	URL_IDN = 1 << 7, /* a name beyond ASCII, or its xn-- form */
	URL_MIXED = 1 << 8, /* a label of several scripts that no language mixes */
	URL_LOOKALIKE = 1 << 9, /* a label of other letters that looks like ASCII */
	URL_BAD_IDN = 1 << 10, /* an xn-- label that says nothing, or what IDNA forbids */
	URL_ENCODED_HOST = 1 << 11, /* %-escapes or full-width forms in the host */
	URL_ENCODED = 1 << 12, /* %-escapes of letters and digits, which need none */
	URL_BACKSLASH = 1 << 13, /* \ for /, or slashes too few or too many */
	URL_NESTED = 1 << 14, /* another URL inside: a redirector, an archive, a wrapper */
	URL_CONTROL = 1 << 15, /* control or invisible characters inside */
	URL_DEEP_HOST = 1 << 16, /* five labels and more */
	URL_HOST_IN_PATH = 1 << 17, /* a host name with "www." or a TLD before the real one's end,
				       or in the path */
	URL_CUT = 1 << 18, /* longer than URL_MAX */
	URL_BAD_HOST = 1 << 19, /* no name that DNS could have */
	URL_MAIL = 1 << 20, /* mailto: */
	URL_SCRIPT = 1 << 21, /* javascript:, vbscript: */
	URL_DATA = 1 << 22, /* data: */
	URL_LOCAL = 1 << 23, /* cid:, mid:, #fragment, file:, about:, relative */
	URL_TEL = 1 << 24, /* tel:, sms:, and their like */
};

struct url {
	slice text; /* normalised: "https://xn--...example/path?query#fragment" */
	slice scheme; /* lower case; "http" when none was written */
	slice userinfo;
	slice host; /* lower case A-labels; "192.0.2.1", "[2001:db8::1]"; empty if it has none */
	slice shown; /* the host as letters, for people; equal to host when that is ASCII */
	slice path, query, fragment; /* path with its '/', others without their mark */
	slice nested; /* URL inside it, decoded once; empty: none */
	unsigned port; /* 0: the scheme's own */
	unsigned flags; /* enum url_flag */
	size_t from, to; /* of url_find: where it stands in the text */
};

/* What only the list of public suffixes knows (senderauth/psl.h). */
struct url_names {
	/* Is the last label one that the internet has? Bare names without are no URLs. */
	bool (*is_suffix)(slice domain);
	/* The registered part of a host. */
	slice (*organisation)(slice host);
};

/* One URL, as it stands in an attribute: read as browsers do. False: nothing there. */
bool url_parse(slice s, struct arena *a, struct url *ret);

/* All in a text, in its order. names NULL: bare names only with "www.". */
size_t url_find(slice text, const struct url_names *names, struct arena *a, struct url **ret);

/* The host that the text of a link pretends to lead to: "www.bank.example" or "https://bank/x" as
 * the whole text or at its beginning. Empty: it names none. */
slice url_pretended(slice link_text, const struct url_names *names, struct arena *a);
/* Does the text name a host of another organisation than the target's? */
bool url_deceives(
	slice link_text, const struct url *target, const struct url_names *names, struct arena *a);

/* ---- look-alikes ---- */

/* How a name looks (Unicode TS 39 skeleton of the letters): equal for "paypal" and "раураl". */
slice url_skeleton(slice name, struct arena *a);
/* Loads ICU's tables; without it the first use does. */
void url_warm_up(void);
