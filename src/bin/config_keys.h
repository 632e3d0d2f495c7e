/* The sections of config_keys.c, for config.c. */
#pragma once
#include "bin/config.h"

enum { CONFIG_RETRY_MAX = 64 };

extern const struct conf_section server_section, tls_section, connections_section, callout_section,
	queue_section, delivery_section, store_section, log_section;
