/* Reports of users: the letter as it came, found below what was put above it. */
#include "base/test.h"
#include "bin/user_report.h"

TEST(what_was_added_after_we_received_it_is_left_out)
{
	static const struct {
		const char *letter, *rest;
		const char *id; /* or NULL */
	} rows[] = {
		{"From: a\r\n\r\nx", "From: a\r\n\r\nx", NULL},
		{"Return-Path: <a>\r\nReceived: from b by mx.test with ESMTP id 0CL4VQ2GQ110O; "
		 "now\r\n"
		 "From: a\r\n\r\nx",
			"From: a\r\n\r\nx", "0CL4VQ2GQ110O"},
		{"Received: from b (c [192.0.2.1])\r\n\tby mx.test\r\n\twith ESMTP id "
		 "0CL4VQ2GQ110O\r\n"
		 "\tfor <x@y>; now\r\nFrom: a\r\n\r\nx",
			"From: a\r\n\r\nx", "0CL4VQ2GQ110O"},
		/* the first one that is ours */
		{"Received: by later.test id 1; now\nReceived: from b by MX.test id 0CL4VQ2GQ110O; "
		 "now\n"
		 "Received: from z by mx.test id 0CL4VQ2GQ110P; now\nX: y\n\nz",
			"Received: from z by mx.test id 0CL4VQ2GQ110P; now\nX: y\n\nz",
			"0CL4VQ2GQ110O"},
		/* a name that only begins so; no id of ours */
		{"Received: by mx.test.evil id 0CL4VQ2GQ110O; now\nA: b\n\n",
			"Received: by mx.test.evil id 0CL4VQ2GQ110O; now\nA: b\n\n", NULL},
		{"Received: by mx.test id hello; now\nA: b\n\n",
			"Received: by mx.test id hello; now\nA: b\n\n", NULL},
		/* not in the body */
		{"A: b\n\nReceived: by mx.test id 0CL4VQ2GQ110O; now\nC: d\n",
			"A: b\n\nReceived: by mx.test id 0CL4VQ2GQ110O; now\nC: d\n", NULL},
		{"", "", NULL},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		msg_id id, want = 0;
		slice rest = user_report_strip(slice_z(rows[i].letter), S("mx.test"), &id);
		if (rows[i].id)
			CHECK(msg_id_parse(slice_z(rows[i].id), &want));
		CHECK_STR(rest, slice_z(rows[i].rest));
		if (id != want)
			test_fail(__FILE__, __LINE__, "row %zu: another id", i);
	}
}
