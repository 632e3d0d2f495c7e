/* TLS reports (RFC 8460 section 4): their JSON to that of report_in.h. */
#include "codec/report_in.h"

#include "base/mem.h"
#include "base/time.h"
#include "codec/json_read.h"
#include <stdio.h>

static void set(json_t *to, const char *key, const json_t *from, const char *name)
{
	report_in_set(to, key, json_read_text(from, name));
}

static void set_number(json_t *to, const char *key, int64_t v)
{
	json_object_set_new(to, key, json_integer(v));
}

/* RFC 3339: "2026-11-22T00:00:00Z", or with an offset. */
static bool read_time(slice s, int64_t *ret_wall)
{
	uint64_t hours = 0, minutes = 0;
	char utc[40];
	int64_t sign = 0;
	if (s.n > 30)
		return false;
	if (s.n > 19 && s.p[s.n - 3] == ':' && (s.p[s.n - 6] == '+' || s.p[s.n - 6] == '-')) {
		sign = s.p[s.n - 6] == '+' ? 1 : -1;
		if (!slice_u64(slice_of(s.p + s.n - 5, 2), &hours) ||
			!slice_u64(slice_of(s.p + s.n - 2, 2), &minutes))
			return false;
		s.n -= 6;
	} else if (slice_iends(s, S("z"))) {
		s.n--;
	}
	int n = snprintf(utc, sizeof utc, "%.*sZ", SFMT(s));
	if (!time_parse(slice_of(utc, (size_t)n), 0, ret_wall))
		return false;
	*ret_wall -= sign * ((int64_t)hours * HOUR + (int64_t)minutes * MINUTE);
	return true;
}

/* Some send numbers. */
static void set_time(json_t *to, const char *key, const json_t *from, const char *name)
{
	int64_t wall = 0;
	const json_t *v = json_object_get(from, name);
	if (v && json_is_integer(v))
		set_number(to, key, json_integer_value(v));
	else if (read_time(json_read_text(from, name), &wall))
		set_number(to, key, wall / SECOND);
}

static void set_strings(json_t *to, const char *key, const json_t *from, const char *name)
{
	json_t *list = json_array(), *v = json_object_get(from, name);
	if (v && json_is_string(v)) /* one, without its brackets */
		json_array_append(list, v);
	for (size_t i = 0; i < json_array_size(v) && i < REPORT_IN_LIST_MAX; i++)
		if (json_is_string(json_array_get(v, i)))
			json_array_append(list, json_array_get(v, i));
	if (json_array_size(list))
		json_object_set(to, key, list);
	json_decref(list);
}

static json_t *read_failure(const json_t *f)
{
	json_t *o = json_object();
	set(o, "type", f, "result-type");
	set(o, "sending_ip", f, "sending-mta-ip");
	set(o, "mx", f, "receiving-mx-hostname");
	set(o, "helo", f, "receiving-mx-helo");
	set(o, "receiving_ip", f, "receiving-ip");
	set(o, "reason", f, "failure-reason-code");
	set(o, "info", f, "additional-information");
	set_number(o, "count", json_read_count(f, "failed-session-count"));
	return o;
}

static json_t *read_policy(const json_t *p, int64_t *rows, int64_t *omitted)
{
	const json_t *policy = json_object_get(p, "policy"), *sums = json_object_get(p, "summary");
	const json_t *failures = json_object_get(p, "failure-details");
	json_t *o = json_object(), *list = json_array();
	set(o, "type", policy, "policy-type");
	set(o, "domain", policy, "policy-domain");
	set_strings(o, "strings", policy, "policy-string");
	set_strings(o, "mx", policy, "mx-host");
	set_number(o, "ok", json_read_count(sums, "total-successful-session-count"));
	set_number(o, "failed", json_read_count(sums, "total-failure-session-count"));
	for (size_t i = 0; i < json_array_size(failures); i++) {
		const json_t *f = json_array_get(failures, i);
		if (++*rows > REPORT_IN_ROWS_MAX)
			++*omitted;
		else if (json_is_object(f))
			json_array_append_new(list, read_failure(f));
	}
	json_object_set_new(o, "failures", list);
	return o;
}

static int64_t plus(int64_t a, int64_t b)
{
	int64_t sum;
	return __builtin_add_overflow(a, b, &sum) ? INT64_MAX : sum;
}

static void read_policies(json_t *report, const json_t *in)
{
	const json_t *policies = json_object_get(in, "policies");
	json_t *list = json_array();
	int64_t rows = 0, omitted = 0, ok = 0, failed = 0;
	for (size_t i = 0; i < json_array_size(policies); i++) {
		const json_t *p = json_array_get(policies, i);
		if (!json_is_object(p) || ++rows > REPORT_IN_ROWS_MAX)
			continue;
		json_t *o = read_policy(p, &rows, &omitted);
		ok = plus(ok, json_read_count(o, "ok"));
		failed = plus(failed, json_read_count(o, "failed"));
		if (!json_read_text(report, "domain").n)
			set(report, "domain", o, "domain");
		json_array_append_new(list, o);
	}
	set_number(report, "messages", plus(ok, failed));
	set_number(report, "failed", failed);
	json_object_set_new(report, "policies", list);
	if (omitted)
		set_number(report, "omitted", omitted);
}

json_t *report_in_tls(slice text, const char **ret_error)
{
	json_error_t error;
	json_t *in = json_loadb(text.p ? text.p : "", text.n, JSON_REJECT_DUPLICATES, &error);
	if (!json_is_object(in) || !json_is_array(json_object_get(in, "policies"))) {
		*ret_error = in ? "no TLS report: it has no policies" : "not well-formed JSON";
		json_decref(in);
		return NULL;
	}
	json_t *report = json_pack("{s:s}", "kind", "tls"),
	       *range = json_object_get(in, "date-range");
	set(report, "org", in, "organization-name");
	set(report, "contact", in, "contact-info");
	set(report, "id", in, "report-id");
	set_time(report, "begin", range, "start-datetime");
	set_time(report, "end", range, "end-datetime");
	read_policies(report, in);
	json_decref(in);
	return report;
}
