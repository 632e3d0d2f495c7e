/* report_conf: the section [reports] of the configuration. */
#pragma once
#include "run/conf.h"

struct reports_conf {
	bool dmarc, tls, failure; /* which are sent */
	slice from; /* empty: noreply-reports@ our host name */
	slice org_name; /* empty: our host name */
	slice contact;
	struct conf_list addresses; /* to which others send theirs */
	struct conf_list spam, ham; /* to which our users report letters */
	bool answer; /* they are told what was done */
	int64_t letters_per_hour; /* of one user */
	int64_t window; /* usec after the end of a day in which its reports are sent */
	int64_t keep; /* usec counts and received reports are kept */
	int64_t failures_per_hour; /* failure reports about one domain */
};
extern const struct conf_section reports_section;
