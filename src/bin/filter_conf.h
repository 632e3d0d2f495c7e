/*
 * filter_conf: section [filter] of the configuration: whether the content of mail is judged, what
 * follows from the probability that it is spam, and where the site's rules lie.
 */
#pragma once
#include "run/conf.h"

struct filter_conf {
	bool enabled;
	slice mark, reject; /* probabilities: filter_probability */
	slice rules; /* directory of *.rules; empty: none */
};
extern const struct conf_section filter_section;

/* Of a checked value: 0 is "never" and gives 2, which no probability reaches. */
double filter_probability(slice value);
