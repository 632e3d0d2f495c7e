/*
 * The list of all programmed checks, in the order in which they run: what others build on comes
 * first. One line each; the families are in check_*.c.
 */
#include "content/checks.h"

const struct content_check content_checks[] = {
	{NULL, CONTENT_CHEAP, NULL},
};
