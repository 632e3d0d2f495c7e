/* auth_conf: section [auth] of the configuration: logins, their log, what looks like theft. */
#pragma once
#include "run/conf.h"

enum auth_second_factor { SECOND_OFF, SECOND_OPTIONAL, SECOND_REQUIRED };
enum auth_stolen { STOLEN_OFF, STOLEN_ALARM, STOLEN_SUSPEND };

struct auth_conf {
	int64_t hashes_at_once, remember;
	int64_t failures_per_login, failures_per_ip, failure_window;
	int64_t failure_delay, failure_delay_max;
	int64_t ban_after, ban_time;
	struct conf_nets trusted;
	int second_factor; /* enum auth_second_factor */
	struct conf_list second_factor_classes;
	int64_t keep_logins;
	slice country_database;
	bool new_place_notices;
	int64_t new_place_after;
	int stolen; /* enum auth_stolen */
	int64_t stolen_networks, stolen_countries, stolen_failures;
	struct conf_list stolen_exempt;
};
extern const struct conf_section auth_section;
