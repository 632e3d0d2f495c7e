/* Section [search] of the configuration: whether mail is indexed for searching, and what of it. */
#pragma once
#include "run/conf.h"

struct search_conf {
	bool enabled, attachments;
};
extern const struct conf_section search_section;
