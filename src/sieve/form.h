/*
 * form: the rules of people who write no scripts: a structure that pages and programs edit, as JSON, and that becomes a script. The JSON is
 * kept with the script (store/script.h), so that it is edited again as what it was; a script that is changed by hand
 * has none any more.
 *
 *	{"rules": [{"name": "Orders", "enabled": true, "match": "all", "stop": true,
 *	    "conditions": [{"field": "from", "op": "contains", "values": ["@shop.example"], "not": false}],
 *	    "actions": [{"do": "move", "folder": "Work/Orders"}, {"do": "flag", "flags": ["\\Flagged"]}]}],
 *	 "autoreply": {"enabled": true, "subject": "", "text": "...", "from": "2026-10-01", "until": "2026-10-07", "days": 7, "addresses": []},
 *	 "forward": {"enabled": true, "to": ["ann@example.net"], "keep": true}}
 *
 *	field	from to cc recipient (To or Cc) subject body list header (with "header": its name) attachment (a name) size
 *	op	contains is starts ends matches ("*" and "?") domain (of addresses) exists over under (size: "10M")
 *	match	all, any, always (no conditions)
 *	do	move copy flag forward (with "to", "keep") reject (with "text") discard keep
 *
 * Members that are not known are mistakes: nothing is silently left out.
 */
#pragma once
#include "sieve/sieve.h"

enum {
	SIEVE_FORM_MAX = 256 * 1024, /* bytes of JSON */
	SIEVE_FORM_RULES_MAX = 200,
	SIEVE_FORM_CONDITIONS_MAX = 50, /* of a rule; its actions likewise */
	SIEVE_FORM_VALUES_MAX = 200, /* of a condition */
	SIEVE_FORM_VALUE_MAX = 1000, /* bytes of one */
	SIEVE_FORM_TEXT_MAX = 16 * 1024, /* of an automatic answer, of a refusal */
	SIEVE_FORM_TARGETS_MAX = 4, /* of a forward: what a script may redirect to */
};

/* The script of a form, from *a; false: mistakes say what is wrong, and where ("rules[2].conditions[0]"). */
bool sieve_form_compile(slice json, struct arena *a, slice *ret_script, struct sieve_mistakes *ret);
