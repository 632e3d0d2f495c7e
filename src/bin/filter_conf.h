/*
 * filter_conf: section [filter] of the configuration: whether the content of mail is judged, what
 * follows from the probability that it is spam, what happens to mail that could not be examined,
 * and where the site's rules lie; and sections [person "NAME"]: whom swindlers like to impersonate.
 */
#pragma once
#include "policy/policy.h"
#include "run/conf.h"

enum filter_unavailable { FILTER_DEFER, FILTER_ACCEPT };
enum filter_too_large { FILTER_LARGE_ACCEPT, FILTER_LARGE_HOLD };
enum filter_fields { FILTER_FIELDS_MARKED, FILTER_FIELDS_ALWAYS, FILTER_FIELDS_NEVER };

struct filter_conf {
	bool enabled;
	slice mark, junk, quarantine, reject; /* probabilities: filter_probability */
	slice own_mark, own_junk, own_quarantine,
		own_reject; /* likewise, mail of our own users and trusted networks */
	slice suspicious, sure; /* classes of letters (policy/classify.c) */
	int fields; /* enum filter_fields */
	bool strip_forged;
	int unavailable; /* enum filter_unavailable */
	int too_large; /* enum filter_too_large */
	int64_t wait; /* usec */
	int64_t waiting; /* messages of one process that wait */
	int64_t lookups; /* hosts */
	int64_t lookup_time; /* usec */
	struct conf_list partners; /* domains */
	slice rules; /* directory of *.rules; empty: none */
};
extern const struct conf_section filter_section;

/* [person "Zhang Wei"] */
struct person_conf {
	struct conf_list addresses;
};
extern const struct conf_section person_section;

/* Of a checked value: 0 is "never" and gives 2, which no probability reaches. */
double filter_probability(slice value);
/* What policies end with. */
struct policy_thresholds filter_thresholds(const struct filter_conf *c);
