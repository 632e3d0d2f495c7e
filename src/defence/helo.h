/*
 * helo: what the names of a caller tell about it: the one it gives itself in HELO or EHLO, and the
 * one the DNS gives it. Pure but for one lookup. Signals, no decisions.
 */
#pragma once
#include "codec/signal.h"
#include "senderauth/iprev.h"

struct helo_facts {
	slice helo;
	bool odd; /* no host name or address literal by its grammar */
	const struct net_addr *peer;
	slice hostname; /* our own */
	bool (*ours)(void *arg, slice domain); /* a domain of ours; may be NULL */
	void *arg;
	const struct iprev *iprev; /* as far as known */
};
/* Without the DNS: its form, and names it has no right to. */
void helo_judge_form(const struct helo_facts *f, struct signals *s);
/* With it: does the name exist, and belong to the address? In a coroutine. */
void helo_judge_name(const struct helo_facts *f, const struct lookup *l, instant deadline,
	struct arena *a, struct signals *s);

/* A name such as providers give to the lines of their customers: "dsl-192-0-2-7.dyn.example". */
bool host_looks_dynamic(slice name, const struct net_addr *ip);
