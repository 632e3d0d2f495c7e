/*
 * lookalike: is a host made to be taken for a domain that it is not? Letters that look alike,
 * letters added, left out, exchanged, another ending, the name inside a longer one. Pure; no lists
 * of its own.
 */
#pragma once
#include "codec/url.h"

enum lookalike {
	LOOKALIKE_NO,
	LOOKALIKE_LETTERS, /* looks the same: examp1e.com, exarnple.com, other scripts */
	LOOKALIKE_NEAR, /* a letter added, left out, replaced, or two exchanged */
	LOOKALIKE_HYPHEN, /* hyphens put in or left out */
	LOOKALIKE_AFFIX, /* example-login.com, secureexample.com */
	LOOKALIKE_INSIDE, /* example.com.evil.net, example-com.evil.net */
	LOOKALIKE_BELOW, /* example.service.com: many a service gives its customers such names */
	LOOKALIKE_TOP, /* example.net for example.com */
};
const char *lookalike_text(enum lookalike k);

/* What is imitated, prepared once for many hosts. */
struct lookalike_name {
	slice domain; /* registered, A-labels, lower case */
	slice name; /* its first label: "example" */
	slice folded; /* how it looks */
};
void lookalike_prepare(
	slice domain, const struct url_names *names, struct arena *a, struct lookalike_name *ret);

/* The same for what is known to be a registered domain. */
void lookalike_prepare_org(slice org, struct arena *a, struct lookalike_name *ret);

/* A host under examination, prepared once for many names. */
struct lookalike_host {
	slice host, org;
	slice name; /* first label of org, as letters */
	slice folded;
	slice below; /* what stands before org in the host */
};
void lookalike_host(
	slice host, const struct url_names *names, struct arena *a, struct lookalike_host *ret);

/* LOOKALIKE_NO for the domain itself and everything below it. Names of less than four letters are
 * only seen inside (LOOKALIKE_INSIDE). */
enum lookalike lookalike_compare(
	const struct lookalike_host *h, const struct lookalike_name *of, struct arena *a);
