/*
 * The list of all programmed checks, in the order in which they run: what others build on comes
 * first. One line each; the families are in check_*.c.
 */
#include "content/checks.h"

const struct content_check content_checks[] = {
	{"bulk", CONTENT_CHEAP, content_check_bulk},
	{"header", CONTENT_CHEAP, content_check_header},
	{"subject", CONTENT_CHEAP, content_check_subject},
	{"mailer", CONTENT_CHEAP, content_check_mailer},
	{"link", CONTENT_MEDIUM, content_check_link},
	{"link_where", CONTENT_MEDIUM, content_check_link_where},
	{"html", CONTENT_CHEAP, content_check_html},
	{"text", CONTENT_MEDIUM, content_check_text},
	{"structure", CONTENT_MEDIUM, content_check_structure},
	{"brand", CONTENT_MEDIUM, content_check_brand},
	{"sender", CONTENT_MEDIUM, content_check_sender},
	{"people", CONTENT_CHEAP, content_check_people},
	{"internal", CONTENT_CHEAP, content_check_internal},
	{"history", CONTENT_CHEAP, content_check_history},
	{"pictures", CONTENT_MEDIUM, content_check_pictures},
	{"files", CONTENT_CHEAP, content_check_files},
	{NULL, CONTENT_CHEAP, NULL},
};
