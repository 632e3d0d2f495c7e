/*
 * lib_zone: DNS data of a test suite, as JSON, that answers a struct lookup.
 *
 *	{"example.com": [{"TXT": "v=spf1 -all"}, {"TXT": ["in two ", "strings"]},
 *		{"A": "192.0.2.1"}, {"AAAA": "2001:db8::1"}, {"MX": [10, "mx.example.com"]},
 *		{"CNAME": "other.example"}],
 *	 "1.2.0.192.in-addr.arpa": [{"PTR": "host.example.com"}],
 *	 "slow.example": ["TIMEOUT"]}
 *
 * A value may also be one record instead of a list. "TIMEOUT": what stands behind it, and types
 * that have no record before it, get no answer.
 */
#pragma once
#include "senderauth/zone_testing.h"
#include <jansson.h>

/* Adds what the object holds. Prints to stderr and exits 2 on data of another shape. */
void zone_from_json(struct zone *z, json_t *object);
/* The same from a file. */
void zone_from_file(struct zone *z, const char *path);

/* A judge's whole main(): requests from stdin, each answered by a line of JSON (a new reference). A
 * "zone" in a request replaces what there was. */
int judge_main(const char *name, json_t *(*answer)(struct zone *z, json_t *request));
