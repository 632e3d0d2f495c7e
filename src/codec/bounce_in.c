/*
 * Reading bounces (bounce_in.h). A report is taken at its word: groups of fields, one for each recipient (RFC 3464 2.3). What is no
 * report is a bounce when its sender or subject says so and no field says that it is an automatic answer; then the first status code
 * (RFC 3463) or well-known sentence tells hard from soft. Whoever sent it is not known: what follows from it is the caller's matter.
 */
#include "codec/bounce_in.h"

#include "base/mem.h"
#include "codec/mime.h"
#include "codec/report_in.h"
#include "codec/status.h"

struct reading {
	struct arena a;
	struct mime m;
	json_t *out, *rcpts;
	bool failed, delayed, hard;
	struct status_code status;
	slice text;
};

static bool find_status(slice text, struct status_code *ret)
{
	for (size_t i = 0; i + 5 <= text.n; i++) {
		slice rest = slice_skip(text, i);
		bool start = i == 0 || !((text.p[i - 1] >= '0' && text.p[i - 1] <= '9') ||
					       text.p[i - 1] == '.');
		if (start && (text.p[i] == '4' || text.p[i] == '5') && text.p[i + 1] == '.' &&
			status_parse(&rest, ret))
			return true;
	}
	return false;
}

/* ---- reports ---- */

/* "rfc822; ann@example.net" */
static slice typed(slice value, struct arena *a)
{
	slice v = slice_trim(header_unfold(value, a));
	return slice_trim(slice_skip(v, slice_index(v, ';') + 1));
}

static void read_group(struct reading *r, slice group)
{
	struct header_field f;
	slice action = S("");
	struct status_code status = {0};
	if (!header_find(group, S("Final-Recipient"), 0, &f) &&
		!header_find(group, S("Original-Recipient"), 0, &f))
		return;
	json_t *one = json_object();
	report_in_set(one, "address", typed(f.value, &r->a));
	if (header_find(group, S("Original-Recipient"), 0, &f))
		report_in_set(one, "original", typed(f.value, &r->a));
	if (header_find(group, S("Action"), 0, &f))
		action = slice_trim(f.value);
	if (header_find(group, S("Status"), 0, &f))
		find_status(slice_trim(f.value), &status);
	slice said =
		header_find(group, S("Diagnostic-Code"), 0, &f) ? typed(f.value, &r->a) : S("");
	report_in_set(one, "action", action);
	report_in_set(one, "text", slice_first(said, BOUNCE_IN_TEXT_MAX));
	if (status.cls)
		report_in_set(one, "status",
			arena_printf(&r->a, "%u.%u.%u", status.cls, status.subject, status.detail));
	bool failed = slice_ieq(action, S("failed"));
	r->delayed |= slice_ieq(action, S("delayed"));
	if (failed && !r->failed) {
		r->status = status;
		r->text = arena_dup(&r->a, said); /* the part is decoded somewhere else */
	}
	r->failed |= failed;
	json_array_append_new(r->rcpts, one);
}

static void read_status_part(struct reading *r, const struct mime_part *p)
{
	AUTO(buf) struct buf body = BUF(4 << 20);
	mime_decode(p, &body);
	slice rest = buf_slice(&body), all = rest;
	while (all.n && json_array_size(r->rcpts) < BOUNCE_IN_RCPTS_MAX) {
		struct header_field f;
		slice start = rest;
		while (header_next(&rest, &f))
			;
		read_group(r, slice_of(start.p, (size_t)(rest.p - start.p)));
		if (!rest.n)
			break;
	}
}

/* ---- in words ---- */

static bool has(slice text, slice needle)
{
	for (size_t i = 0; i + needle.n <= text.n; i++)
		if (slice_ieq(slice_of(text.p + i, needle.n), needle))
			return true;
	return false;
}

static bool has_any(slice text, const slice *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (has(text, v[i]))
			return true;
	return false;
}

static bool is_automatic(slice header)
{
	struct header_field f;
	if (header_find(header, S("Auto-Submitted"), 0, &f) &&
		slice_istarts(slice_trim(f.value), S("auto-replied")))
		return !header_find(header, S("X-Failed-Recipients"), 0, &f);
	return header_find(header, S("X-Autoreply"), 0, &f) ||
	       header_find(header, S("X-Autorespond"), 0, &f);
}

static bool is_bounce(slice header, slice subject)
{
	static const slice senders[] = {
		S_INIT("mailer-daemon"), S_INIT("postmaster@"), S_INIT("mail delivery")};
	static const slice subjects[] = {S_INIT("undeliver"), S_INIT("delivery failure"),
		S_INIT("failure notice"), S_INIT("returned mail"), S_INIT("delivery status"),
		S_INIT("mail delivery failed"), S_INIT("could not be delivered"), S_INIT("退信"),
		S_INIT("投递失败"), S_INIT("无法投递")};
	struct header_field f;
	if (header_find(header, S("X-Failed-Recipients"), 0, &f))
		return true;
	bool by = header_find(header, S("From"), 0, &f) &&
		  has_any(f.value, senders, sizeof senders / sizeof *senders);
	return by || has_any(subject, subjects, sizeof subjects / sizeof *subjects);
}

static void read_words(struct reading *r, slice text)
{
	static const slice soft[] = {S_INIT("quota"), S_INIT("mailbox is full"),
		S_INIT("mailbox full"), S_INIT("over its storage"), S_INIT("try again later"),
		S_INIT("temporar"), S_INIT("greylist"), S_INIT("邮箱已满"), S_INIT("容量")};
	r->failed = true;
	r->text = slice_first(slice_trim(text), BOUNCE_IN_TEXT_MAX);
	if (!find_status(text, &r->status) && has_any(text, soft, sizeof soft / sizeof *soft))
		r->status = (struct status_code){5, 2, 2};
}

/* A full mailbox, a policy, a network: such things pass, whatever the first digit says. */
static bool is_hard(struct status_code s)
{
	if (s.cls == 4)
		return false;
	return s.cls == 0 || s.subject == 1 || s.subject == 0 ||
	       (s.subject == 2 && (s.detail == 0 || s.detail == 1)) ||
	       (s.subject == 4 && s.detail == 4);
}

/* The first text of the letter itself. */
static void first_text(const struct reading *r, struct buf *out)
{
	for (size_t i = 0; i < r->m.n && r->m.v[i].depth < 3; i++)
		if (mime_is(&r->m.v[i], S("text"), S("")) && !r->m.v[i].multipart) {
			mime_decode(&r->m.v[i], out);
			return;
		}
}

static const char *kind_of(struct reading *r, slice header, slice subject, slice text)
{
	for (size_t i = 0; i < r->m.n; i++)
		if (mime_is(&r->m.v[i], S("message"), S("delivery-status")) ||
			mime_is(&r->m.v[i], S("message"), S("global-delivery-status"))) {
			read_status_part(r, &r->m.v[i]);
			break;
		}
	if (json_array_size(r->rcpts))
		return r->failed ? "bounce" : r->delayed ? "delay" : "none";
	if (is_automatic(header))
		return "reply";
	if (!is_bounce(header, subject))
		return "none";
	read_words(r, text);
	return "bounce";
}

json_t *bounce_in_read(slice message)
{
	AUTO(buf) struct buf text = BUF(BOUNCE_IN_LOOK_MAX);
	struct reading r = {.out = json_object(), .rcpts = json_array()};
	struct header_field f;
	mime_parse(message, &mime_limits_default, &r.a, &r.m);
	slice header = r.m.v[0].header;
	slice subject =
		header_find(header, S("Subject"), 0, &f) ? header_text(f.value, &r.a) : S("");
	first_text(&r, &text);
	const char *kind = kind_of(&r, header, subject, buf_slice(&text));
	json_object_set_new(r.out, "kind", json_string(kind));
	json_object_set_new(r.out, "hard", json_boolean(r.failed && is_hard(r.status)));
	if (r.status.cls)
		report_in_set(r.out, "status",
			arena_printf(
				&r.a, "%u.%u.%u", r.status.cls, r.status.subject, r.status.detail));
	report_in_set(r.out, "text", slice_first(r.text, BOUNCE_IN_TEXT_MAX));
	report_in_set(r.out, "subject", subject);
	report_in_set(r.out, "words", slice_first(buf_slice(&text), BOUNCE_IN_WORDS_MAX));
	json_object_set_new(r.out, "rcpts", r.rcpts);
	arena_done(&r.a);
	return r.out;
}
