/* conf: the section [learning]: what the site learns from whom. */
#pragma once
#include "run/conf.h"

struct learning_conf {
	bool enabled;
	int64_t keep; /* lessons */
	int64_t max_size; /* bytes of a letter that are kept until it is read */
	int64_t pause; /* before a new version is made */
	int64_t versions; /* kept */
	int64_t agree; /* users */
	int64_t per_user_day; /* lessons */
	int64_t weight_user, weight_honeypot; /* percent */
	int64_t honeypot_day; /* lessons */
	struct conf_list honeypots; /* addresses, local parts, "@domain" */
	int64_t sample; /* letters */
	int64_t worse_spam, worse_ham; /* hundredths of a percent */
	int64_t changed; /* hundredths of a percent */
	int64_t judge; /* witnesses of each kind */
};
extern const struct conf_section learning_section;
