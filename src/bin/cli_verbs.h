/* The verbs of each command, for the table in commands.c. */
#pragma once
#include "bin/cli_env.h"

extern const struct cli_verb import_verbs[], export_verbs[];
extern const struct cli_verb migrate_verbs[], collect_verbs[];

extern const struct cli_verb encryption_verbs[], backup_verbs[], restore_verbs[], maillist_verbs[];
extern const struct cli_verb init_verbs[], check_config_verbs[], version_verbs[], config_verbs[],
	domain_verbs[], dkim_verbs[], org_verbs[], department_verbs[], class_verbs[],
	group_verbs[], shared_verbs[], account_verbs[], alias_verbs[], route_verbs[], queue_verbs[],
	mailbox_verbs[], retention_verbs[], hold_verbs[], trace_verbs[], report_verbs[], digest_verbs[], store_verbs[], list_verbs[],
	reputation_verbs[], learn_verbs[], metrics_verbs[], outbound_verbs[], lookup_verbs[], rule_verbs[],
	engine_verbs[], explain_verbs[], features_verbs[],
	app_password_verbs[], second_factor_verbs[], login_verbs[], ldap_verbs[], ban_verbs[],
	quarantine_verbs[], forward_verbs[], autoreply_verbs[], sieve_verbs[], why_verbs[], policy_verbs[], session_verbs[], search_verbs[];
