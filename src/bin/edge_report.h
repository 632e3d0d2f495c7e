/*
 * edge_report: what other domains will be told about the messages that came in their name: a count
 * for each (DMARC aggregate reports), and, where the administrator wants it, a failure report about
 * a single one.
 */
#pragma once
#include "bin/edge.h"

/* After the verdict on a message; `refused` is the refusal that follows from it, or NULL. */
void edge_report(
	struct edge_session *s, const struct queue_msg *m, const struct smtpd_refusal *refused);
