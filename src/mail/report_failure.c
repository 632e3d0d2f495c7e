/*
 * DMARC failure reports (report.h): one message that failed, told to its alleged domain in the form
 * of ARF (RFC 5965) with the fields of RFC 6591, as RFC 9991 asks. Made by the edges, where the
 * administrator switched them on (bin/edge_failure.c).
 *
 * What is told is cut down: of the header only the fields that show how the message came to fail,
 * of addresses of recipients only the domain, nothing of the body. To: and Cc: are left out, as is
 * everything that could name a person who received it.
 */
#include "mail/report_impl.h"

#include "base/b64.h"
#include "base/mem.h"
#include "base/time.h"
#include "codec/authres.h"
#include "codec/header.h"

enum { FIELD_MAX = 4096, LINE_MAX = 900 };

/* RFC 9991: "0" nothing aligned passed (as the message failed, that is so), "1" anything else than
 * an aligned pass, "d" a signature failed, "s" SPF failed, the last two whether aligned or not. */
bool report_failure_wanted(const struct report_failure *f)
{
	const struct dmarc_result *d = f->result;
	const struct dmarc_record *r = d->record;
	if (!r || r->nruf == 0 || (d->result != AUTH_FAIL && d->result != AUTH_PASS))
		return false;
	bool dkim_failed = false;
	for (size_t i = 0; i < f->ndkim; i++)
		dkim_failed = dkim_failed || f->dkim[i].result == AUTH_FAIL;
	return ((r->fo & DMARC_FO_ALL) && d->result == AUTH_FAIL) ||
	       ((r->fo & DMARC_FO_ANY) && !(d->spf_aligned && d->dkim_aligned)) ||
	       ((r->fo & DMARC_FO_DKIM) && dkim_failed) ||
	       ((r->fo & DMARC_FO_SPF) && (f->spf == AUTH_FAIL || f->spf == AUTH_SOFTFAIL));
}

/* ---- the fields for programs ---- */

/* One line; what could break it is made '?'. */
static void put_field(struct buf *out, const char *name, slice value)
{
	value = slice_first(value, LINE_MAX);
	if (value.n == 0)
		return;
	buf_printf(out, "%s: ", name);
	for (size_t i = 0; i < value.n; i++)
		buf_byte(out, value.p[i] < ' ' || value.p[i] > '~' ? '?' : value.p[i]);
	buf_put(out, S("\r\n"));
}

static void put_authres(struct buf *out, const struct report_failure *f, struct arena *a)
{
	struct authres r = {.authserv_id = f->authserv_id, .version = 1};
	r.v = ARENA_ARRAY(a, struct authres_method, 2);
	dmarc_authres(f->result, a, &r.v[r.n++]);
	r.v[r.n++] = (struct authres_method){
		.method = S("spf"),
		.result = slice_z(auth_result_name(f->spf)),
		.props = {{S("smtp"), S("mailfrom"), f->spf_domain}},
		.nprops = f->spf_domain.n ? 1 : 0,
	};
	buf_put(out, S("Authentication-Results: "));
	authres_build(out, &r);
	buf_put(out, S("\r\n"));
}

static void put_dkim(struct buf *out, const struct report_failure *f)
{
	for (size_t i = 0; i < f->ndkim; i++)
		if (f->dkim[i].result == AUTH_FAIL) {
			put_field(out, "DKIM-Domain", f->dkim[i].domain);
			put_field(out, "DKIM-Selector", f->dkim[i].selector);
			return;
		}
}

static slice alignment(const struct dmarc_result *d)
{
	if (d->spf_aligned && d->dkim_aligned)
		return S("dkim, spf");
	return d->dkim_aligned ? S("dkim") : d->spf_aligned ? S("spf") : S("none");
}

static void put_report(struct buf *out, const struct report_sender *s,
	const struct report_failure *f, struct arena *a)
{
	char date[TIME_RFC5322_MAX];
	buf_put(out, S("Feedback-Type: auth-failure\r\nVersion: 1\r\n"
		       "Auth-Failure: dmarc\r\n"));
	buf_printf(out, "User-Agent: Posthouse/%s\r\n", VERSION);
	put_field(out, "Original-Mail-From",
		f->sender.n ? arena_printf(a, "<%.*s>", SFMT(f->sender)) : S("<>"));
	put_field(out, "Source-IP", f->client_ip);
	put_field(out, "Reported-Domain", f->result->from_domain);
	buf_printf(out, "Arrival-Date: %.*s\r\n", (int)time_rfc5322(f->arrived_at, date), date);
	put_field(out, "Reporting-MTA", arena_printf(a, "dns; %.*s", SFMT(s->hostname)));
	put_field(out, "Delivery-Result", f->refused ? S("reject") : S("delivered"));
	put_field(out, "Identity-Alignment", alignment(f->result));
	put_authres(out, f, a);
	put_dkim(out, f);
}

/* ---- what is told of the header ---- */

static bool is_told(slice name)
{
	static const slice told[] = {S_INIT("From"), S_INIT("Sender"), S_INIT("Date"),
		S_INIT("Message-ID"), S_INIT("MIME-Version"), S_INIT("Content-Type"),
		S_INIT("DKIM-Signature"), S_INIT("List-Id"), S_INIT("X-Mailer"),
		S_INIT("User-Agent")};
	for (size_t i = 0; i < sizeof told / sizeof told[0]; i++)
		if (slice_ieq(name, told[i]))
			return true;
	return false;
}

/* 7-bit, CRLF lines. */
static void put_lines(struct buf *out, slice raw)
{
	slice line;
	while (raw.n && slice_cut(&raw, '\n', &line)) {
		if (line.n && line.p[line.n - 1] == '\r')
			line.n--;
		line = slice_first(line, LINE_MAX);
		for (size_t i = 0; i < line.n; i++)
			buf_byte(out, (line.p[i] < ' ' && line.p[i] != '\t') || line.p[i] > '~'
					      ? '?'
					      : line.p[i]);
		buf_put(out, S("\r\n"));
	}
}

static void put_header(struct buf *out, const struct report_failure *f)
{
	slice header = slice_first(f->header, REPORT_HEADERS_MAX);
	struct header_field field;
	while (header_next(&header, &field))
		if (is_told(field.name) && field.raw.n <= FIELD_MAX)
			put_lines(out, field.raw);
}

/* ---- the message ---- */

static slice text_for_people(
	const struct report_sender *s, const struct report_failure *f, struct arena *a)
{
	return arena_printf(a,
		"This is a report by %.*s about a message in the name of %.*s that came from %.*s\n"
		"and failed DMARC: %.*s.\n"
		"Parts of its header follow; recipients and content are left out.\n"
		"\n这是 %.*s 的报告：一封以 %.*s 名义、来自 %.*s 的邮件未通过 DMARC 验证。\n"
		"后附其部分邮件头，不含收件人和正文。\n",
		SFMT(s->hostname), SFMT(f->result->from_domain), SFMT(f->client_ip),
		SFMT(f->result->reason), SFMT(s->hostname), SFMT(f->result->from_domain),
		SFMT(f->client_ip));
}

static void open_part(struct buf *out, slice boundary, const char *type, const char *encoding)
{
	buf_printf(out, "\r\n--%.*s\r\nContent-Type: %s\r\nContent-Transfer-Encoding: %s\r\n\r\n",
		SFMT(boundary), type, encoding);
}

int report_failure_build(const struct report_sender *s, const struct report_failure *f, slice to,
	int64_t now, struct buf *out, struct arena *a, slice *ret_subject, slice *ret_message_id,
	struct err *e)
{
	char random[MSG_ID_TEXT];
	msg_id_print(msg_id_new(), random);
	slice id = arena_printf(a, "failure.%.*s.%s", SFMT(f->id), random);
	slice boundary = arena_printf(a, "=_posthouse_%.*s", SFMT(id));
	*ret_subject = arena_printf(a, "DMARC failure report for %.*s, message from %.*s",
		SFMT(f->result->from_domain), SFMT(f->client_ip));
	*ret_message_id = arena_printf(a, "<%.*s@%.*s>", SFMT(id), SFMT(s->hostname));
	report_put_header(out, s, to, *ret_subject, id, now);
	buf_printf(out,
		"Content-Type: multipart/report; report-type=feedback-report;\r\n"
		"\tboundary=\"%.*s\"\r\n",
		SFMT(boundary));
	open_part(out, boundary, "text/plain; charset=utf-8", "base64");
	report_put_text(out, text_for_people(s, f, a));
	open_part(out, boundary, "message/feedback-report", "7bit");
	put_report(out, s, f, a);
	open_part(out, boundary, "text/rfc822-headers", "7bit");
	put_header(out, f);
	buf_printf(out, "\r\n--%.*s--\r\n", SFMT(boundary));
	return buf_ok(out) ? 0
			   : err_set(e, ERR_LIMIT, "a report of more than %zu bytes", out->limit);
}
