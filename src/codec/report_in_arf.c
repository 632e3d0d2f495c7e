/* Feedback in ARF: its machine-readable part, and what the complained-of message says of itself. */
#include "codec/report_in_arf.h"

#include "base/mem.h"
#include "codec/report_in.h"

static slice field(slice block, slice name, struct arena *a)
{
	struct header_field f;
	return header_find(block, name, 0, &f) ? slice_trim(header_unfold(f.value, a)) : S("");
}

static slice without_brackets(slice s)
{
	if (slice_starts(s, S("<")) && slice_ends(s, S(">")))
		return slice_of(s.p + 1, s.n - 2);
	return s;
}

/* Headers of the original: a message/rfc822 or text/rfc822-headers part behind the report. */
static slice original(const struct mime *m, size_t feedback)
{
	for (size_t i = feedback + 1; i < m->n; i++) {
		const struct mime_part *p = &m->v[i];
		if (mime_is(p, S("text"), S("rfc822-headers")))
			return p->body;
		if (p->parent >= 0 && m->v[p->parent].message)
			return p->header;
	}
	return S("");
}

json_t *report_in_arf(const struct mime *m, size_t feedback, struct arena *a)
{
	static const struct {
		const char *key;
		slice name;
	} fields[] = {{"type", S_INIT("Feedback-Type")}, {"agent", S_INIT("User-Agent")},
		{"ip", S_INIT("Source-IP")}, {"domain", S_INIT("Reported-Domain")},
		{"auth_failure", S_INIT("Auth-Failure")},
		{"delivery_result", S_INIT("Delivery-Result")},
		{"dkim_domain", S_INIT("DKIM-Domain")}};
	AUTO(buf) struct buf decoded = BUF(64 * 1024);
	mime_decode(&m->v[feedback], &decoded);
	slice block = buf_slice(&decoded), from = original(m, feedback);
	json_t *report = json_pack("{s:s}", "kind", "feedback");
	for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
		report_in_set(report, fields[i].key, field(block, fields[i].name, a));
	report_in_set(report, "original_from",
		without_brackets(field(block, S("Original-Mail-From"), a)));
	report_in_set(
		report, "original_to", without_brackets(field(block, S("Original-Rcpt-To"), a)));
	uint64_t incidents = 1;
	slice_u64(field(block, S("Incidents"), a), &incidents);
	json_object_set_new(report, "incidents",
		json_integer(incidents < 1000000000 ? (int64_t)incidents : 1000000000));
	slice arrived = field(block, S("Arrival-Date"), a);
	report_in_set(report, "arrived", arrived.n ? arrived : field(block, S("Received-Date"), a));
	report_in_set(report, "message_id", field(from, S("Message-ID"), a));
	struct header_field subject;
	if (header_find(from, S("Subject"), 0, &subject))
		report_in_set(report, "subject", header_text(subject.value, a));
	return report;
}
