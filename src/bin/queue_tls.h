/*
 * queue_tls: how safe a connection of the queue must be, and telling what became of it: between
 * queue_smtp.c and queue_tls.c. Results go into s->tls_text, the metrics and the TLS report counts.
 */
#pragma once
#include "bin/queue.h"
#include "bin/way.h"

/* The rules and the domain's policy, for tls_policy_host; may look up and fetch. Lives in s->mem.
 */
const struct tls_domain *queue_tls_domain(struct queue_session *s, const struct way *w);

/* The policy refused the host before it was connected to. */
void queue_tls_refused(struct queue_session *s, const struct tls_domain *d, const struct host *h,
	const struct tls_policy *p, enum tls_failure failure);
/* The connection failed; does nothing when it was not about TLS. */
void queue_tls_failed(struct queue_session *s, const struct tls_domain *d, const struct host *h,
	const struct tls_policy *p, const struct smtpc_info *info);
void queue_tls_connected(struct queue_session *s, const struct tls_domain *d, const struct host *h,
	const struct tls_policy *p, const struct smtpc_info *info);

/* A failure's text with the policy that made it one: "DANE: tls: ...". */
slice queue_tls_reason(struct arena *a, const struct tls_policy *p, slice text);
