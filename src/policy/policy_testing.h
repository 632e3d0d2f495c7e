/* What the tests of policies share: a letter as facts, and documents that must be fine. */
#pragma once
#include "base/mem.h"
#include "base/test.h"
#include "base/time.h"
#include "policy/policy_impl.h"

#include <stdio.h>

#define BEYOND 2 /* a threshold that nothing reaches */

static const struct policy_thresholds usual = {.mark = 0.9,
	.junk = BEYOND,
	.quarantine = BEYOND,
	.reject = BEYOND,
	.own_mark = BEYOND,
	.own_junk = BEYOND,
	.own_quarantine = BEYOND,
	.own_reject = BEYOND,
	.suspicious = 0.6,
	.sure = 0.99,
	.defer_unavailable = true};

struct letter {
	struct arena a;
	struct signals signals;
	struct policy_facts f;
	struct policy_file files[8];
};

__attribute__((unused)) static void letter_init(struct letter *l)
{
	*l = (struct letter){0};
	l->signals.mem = &l->a;
	l->f = (struct policy_facts){.direction = POLICY_IN,
		.at = 1795312800LL * SECOND, /* Sunday 22 November 2026, 02:00 UTC */
		.client_ip = S("192.0.2.7"),
		.client_name = S("mail.partner.example"),
		.sender = S("Bounce@partner.example"),
		.from = S("boss@partner.example"),
		.subject = S("Re: 发票 2026"),
		.header = S("Subject: =?utf-8?B?UmU6IOWPkeelqCAyMDI2?=\r\nX-Mailer: Foo 1.0\r\n"
			    "List-Id: <x.example>\r\n\r\n"),
		.size = 20000,
		.rcpts = 3,
		.signals = &l->signals,
		.probability = 0.2,
		.score = 1.5,
		.examined = true,
		.files = l->files};
}

__attribute__((unused)) static void letter_done(struct letter *l)
{
	arena_done(&l->a);
}

__attribute__((unused)) static void letter_file(
	struct letter *l, slice name, enum filetype type, unsigned facts, unsigned depth)
{
	l->files[l->f.nfiles++] = (struct policy_file){
		.name = name, .type = type, .size = 5000, .facts = facts, .depth = depth};
}

__attribute__((unused)) static const struct policy_set *must_parse(slice text, struct arena *a)
{
	struct policy_set *s = NULL;
	struct conf_errors errors = {0};
	struct err e;
	if (policy_parse(text, S("policies"), CONF_EN, a, &s, &errors, &e) < 0)
		test_fail(__FILE__, __LINE__, "%.*s", errors.n ? (int)errors.v[0].n : 4,
			errors.n ? errors.v[0].p : "none");
	return s;
}

/* The decision on one line, for that recipient. */
__attribute__((unused)) static slice decide_line(
	const struct policy_set *s, const struct policy_thresholds *t, struct letter *l, slice rcpt)
{
	struct policy_decision d;
	AUTO(buf) struct buf b = BUF(4000);
	policy_decide(s, t, &l->f, rcpt, &l->a, &d);
	policy_decision_print(&b, &d);
	return arena_dup(&l->a, buf_slice(&b));
}
