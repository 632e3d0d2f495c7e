/*
 * TLS reports: the JSON and the message of RFC 8460 (sections 4, 5). Called by report_mail.c. Sent
 * by mail alone; addresses of https: are passed over.
 */
#include "mail/report_impl.h"

#include "base/mem.h"
#include "base/time.h"
#include "base/utf8.h"
#include <jansson.h>
#include <stdio.h>

/* ---- rows: each a policy with its failures ---- */

static void set(json_t *to, const char *key, slice value)
{
	AUTO(buf) struct buf clean = BUF(16 * 1024);
	if (value.n == 0)
		return;
	utf8_scrub(&clean, value);
	json_object_set_new(to, key, json_stringn(clean.p ? clean.p : "", clean.n));
}

static void set_list(json_t *to, const char *key, const slice *v, unsigned n)
{
	if (n == 0)
		return;
	json_t *list = json_array();
	for (unsigned i = 0; i < n; i++) {
		AUTO(buf) struct buf clean = BUF(16 * 1024);
		utf8_scrub(&clean, v[i]);
		json_array_append_new(list, json_stringn(clean.p ? clean.p : "", clean.n));
	}
	json_object_set_new(to, key, list);
}

struct rendering {
	struct report_parts *p;
	json_t *policy, *failures; /* the one at hand; NULL at first */
};

/* The policy is whole: a row, ended by a comma. */
static bool finish(struct rendering *r)
{
	if (!r->policy)
		return true;
	if (json_array_size(r->failures))
		json_object_set(r->policy, "failure-details", r->failures);
	char *text = json_dumps(r->policy, JSON_COMPACT);
	buf_put(&r->p->text, slice_z(text));
	buf_byte(&r->p->text, ',');
	free(text);
	json_decref(r->policy);
	json_decref(r->failures);
	r->policy = r->failures = NULL;
	return report_add_row(r->p);
}

static void begin_policy(struct rendering *r, const struct tls_row *row)
{
	json_t *policy = json_object(), *summary = json_object();
	set(policy, "policy-type", row->stat.policy_type);
	set_list(policy, "policy-string", row->stat.strings, row->stat.nstrings);
	set(policy, "policy-domain", r->p->window.domain);
	set_list(policy, "mx-host", row->stat.mx, row->stat.nmx);
	json_object_set_new(summary, "total-successful-session-count", json_integer(row->ok));
	json_object_set_new(summary, "total-failure-session-count", json_integer(row->failed));
	r->policy = json_object();
	r->failures = json_array();
	json_object_set_new(r->policy, "policy", policy);
	json_object_set_new(r->policy, "summary", summary);
}

static bool put_row(void *arg, const struct tls_row *row)
{
	struct rendering *r = arg;
	if (row->policy) {
		if (!finish(r))
			return false;
		begin_policy(r, row);
		return true;
	}
	json_t *f = json_object();
	set(f, "result-type", row->stat.result_type);
	set(f, "sending-mta-ip", row->stat.sending_ip);
	set(f, "receiving-mx-hostname", row->stat.receiving_mx);
	set(f, "receiving-mx-helo", row->stat.receiving_helo);
	set(f, "receiving-ip", row->stat.receiving_ip);
	json_object_set_new(f, "failed-session-count", json_integer(row->count));
	set(f, "failure-reason-code", row->stat.reason_code);
	json_array_append_new(r->failures, f);
	return true;
}

int report_tls_render(struct report_parts *p, struct sql *db, struct err *e)
{
	struct rendering r = {.p = p};
	int status = report_tls_rows(db, p->window.id, put_row, &r, e);
	finish(&r);
	return status;
}

/* ---- the file ---- */

/* To the second: all that some readers take. */
static void set_time(json_t *to, const char *key, int64_t wall)
{
	char iso[TIME_ISO_MAX], text[TIME_ISO_MAX];
	time_iso(wall, iso);
	snprintf(text, sizeof text, "%.19sZ", iso);
	json_object_set_new(to, key, json_string(text));
}

void report_tls_file(
	const struct report_parts *p, size_t first, size_t n, slice id, struct buf *out)
{
	AUTO(arena) struct arena a = {0};
	json_t *head = json_object(), *range = json_object();
	set(head, "organization-name", p->sender.org_name);
	set_time(range, "start-datetime", p->window.begin_at);
	set_time(range, "end-datetime", p->window.end_at - SECOND);
	json_object_set_new(head, "date-range", range);
	set(head, "contact-info", p->sender.contact.n ? p->sender.contact : p->sender.from);
	set(head, "report-id", arena_printf(&a, "%.*s@%.*s", SFMT(id), SFMT(p->sender.hostname)));
	char *text = json_dumps(head, JSON_COMPACT);
	slice rows = report_rows(p, first, n);
	buf_put(out, slice_first(slice_z(text), strlen(text) - 1));
	buf_put(out, S(",\"policies\":["));
	buf_put(out, slice_first(rows, rows.n - 1)); /* without the last comma */
	buf_put(out, S("]}\n"));
	free(text);
	json_decref(head);
}

/* ---- the message ---- */

static const struct report_words words = {
	"an aggregate TLS report", "sessions", "TLS 汇总报告", "次会话", "次失败"};

int report_tls_mail(const struct report_parts *p, slice gz, slice id, unsigned i, int64_t now,
	struct arena *a, slice *ret_subject, struct buf *out, struct err *e)
{
	struct report_mail m = report_message(p, gz, id, i, now, &words, "json.gz", a);
	/* RFC 8689: a report about broken TLS must not wait for TLS. */
	m.headers = arena_printf(a,
		"TLS-Report-Domain: %.*s\r\nTLS-Report-Submitter: %.*s\r\n"
		"TLS-Required: No\r\n",
		SFMT(p->window.domain), SFMT(p->sender.hostname));
	m.type = "multipart/report; report-type=\"tlsrpt\"";
	m.file_type = S("application/tlsrpt+gzip");
	*ret_subject = m.subject;
	return report_mail_build(out, &m, e);
}
