/*
 * DMARC aggregate reports: the XML of RFC 9990 appendix A (which readers of RFC 7489 appendix C
 * understand, too), names and subjects by RFC 9990 section 3.3. Called by report_mail.c.
 *
 * Differences that old readers need: a disposition of messages that passed is "none" (not "pass"),
 * and IPv6 addresses are written in full, as the pattern of both schemas wants them.
 */
#include "mail/report_impl.h"

#include "base/mem.h"
#include "base/time.h"
#include "base/utf8.h"
#include <arpa/inet.h>

#define NAMESPACE "urn:ietf:params:xml:ns:dmarc-2.0"

/* Character data: markup escaped, what XML cannot have left out, broken UTF-8 replaced. */
static void put_xml(struct buf *out, slice s)
{
	uint32_t c;
	while (utf8_next(&s, &c)) {
		if (c == '&')
			buf_put(out, S("&amp;"));
		else if (c == '<')
			buf_put(out, S("&lt;"));
		else if (c == '>')
			buf_put(out, S("&gt;"));
		else if (c == '\t' || (c >= ' ' && c != 0x7f && c != 0xfffe && c != 0xffff))
			utf8_put(out, c);
	}
}

static void put(struct buf *out, const char *name, slice value)
{
	buf_printf(out, "<%s>", name);
	put_xml(out, value);
	buf_printf(out, "</%s>", name);
}

static void put_z(struct buf *out, const char *name, const char *value)
{
	put(out, name, slice_z(value));
}

static void put_int(struct buf *out, const char *name, int64_t v)
{
	buf_printf(out, "<%s>%lld</%s>", name, (long long)v, name);
}

/* "2001:db8:0:0:0:0:0:1" */
static void put_ip(struct buf *out, slice ip)
{
	char z[INET6_ADDRSTRLEN];
	unsigned char b[16];
	if (ip.n >= sizeof z || slice_index(ip, ':') == ip.n) {
		put(out, "source_ip", ip);
		return;
	}
	memcpy(z, ip.p, ip.n);
	z[ip.n] = 0;
	if (inet_pton(AF_INET6, z, b) != 1) {
		put(out, "source_ip", ip);
		return;
	}
	buf_put(out, S("<source_ip>"));
	for (int i = 0; i < 16; i += 2)
		buf_printf(out, "%s%x", i ? ":" : "", b[i] << 8 | b[i + 1]);
	buf_put(out, S("</source_ip>"));
}

/* ---- one row ---- */

static const char *pass_fail(bool pass)
{
	return pass ? "pass" : "fail";
}

static const char *spf_result(enum auth_result r)
{
	return r == AUTH_POLICY ? "neutral" : auth_result_name(r);
}

static const char *dkim_result(enum auth_result r)
{
	return r == AUTH_SOFTFAIL ? "fail" : auth_result_name(r);
}

/* RFC 9990 has no sampled_out any more. */
static void put_reason(struct buf *out, const struct report_reason *r)
{
	bool sampled = r->type == REPORT_SAMPLED_OUT;
	buf_put(out, S("<reason>"));
	put_z(out, "type", report_override_name(sampled ? REPORT_OTHER : r->type));
	if (sampled)
		put(out, "comment", S("sampled out (pct)"));
	else if (r->comment.n)
		put(out, "comment", r->comment);
	buf_put(out, S("</reason>"));
}

static void put_auth(struct buf *out, const struct dmarc_stat *s)
{
	buf_put(out, S("<auth_results>"));
	for (unsigned i = 0; i < s->ndkim; i++) {
		buf_put(out, S("<dkim>"));
		put(out, "domain", s->dkim[i].domain);
		put(out, "selector", s->dkim[i].selector);
		put_z(out, "result", dkim_result(s->dkim[i].result));
		buf_put(out, S("</dkim>"));
	}
	buf_put(out, S("<spf>"));
	put(out, "domain", s->spf_domain);
	put_z(out, "scope", s->spf_helo ? "helo" : "mfrom");
	put_z(out, "result", spf_result(s->spf));
	buf_put(out, S("</spf></auth_results>"));
}

static bool put_row(void *arg, const struct dmarc_row *r)
{
	struct report_parts *p = arg;
	struct buf *out = &p->text;
	const struct dmarc_stat *s = &r->stat;
	buf_put(out, S("<record><row>"));
	put_ip(out, s->client_ip);
	put_int(out, "count", r->count);
	buf_put(out, S("<policy_evaluated>"));
	put_z(out, "disposition", dmarc_policy_name(s->disposition));
	put_z(out, "dkim", pass_fail(s->dkim_aligned));
	put_z(out, "spf", pass_fail(s->spf_aligned));
	for (unsigned i = 0; i < s->nreasons; i++)
		put_reason(out, &s->reasons[i]);
	buf_put(out, S("</policy_evaluated></row><identifiers>"));
	if (s->envelope_to.n)
		put(out, "envelope_to", s->envelope_to);
	put(out, "envelope_from", s->envelope_from);
	put(out, "header_from", s->header_from);
	buf_put(out, S("</identifiers>"));
	put_auth(out, s);
	buf_put(out, S("</record>\n"));
	return report_add_row(p);
}

int report_dmarc_render(struct report_parts *p, struct sql *db, struct err *e)
{
	return report_dmarc_rows(db, p->window.id, put_row, p, e);
}

/* ---- the file ---- */

static void put_metadata(const struct report_parts *p, slice id, struct buf *out)
{
	const struct report_window *w = &p->window;
	buf_put(out, S("<report_metadata>"));
	put(out, "org_name", p->sender.org_name);
	put(out, "email", p->sender.from);
	if (p->sender.contact.n)
		put(out, "extra_contact_info", p->sender.contact);
	buf_put(out, S("<report_id>"));
	put_xml(out, id);
	buf_byte(out, '@');
	put_xml(out, p->sender.hostname);
	buf_put(out, S("</report_id><date_range>"));
	put_int(out, "begin", w->begin_at / SECOND);
	put_int(out, "end", w->end_at / SECOND - 1);
	buf_put(out, S("</date_range>"));
	if (w->dropped)
		buf_printf(out,
			"<error>%lld messages are not in the records: too many different ones"
			"</error>",
			(long long)w->dropped);
	buf_put(out, S("</report_metadata>\n"));
}

static void put_fo(struct buf *out, unsigned fo)
{
	static const char letters[] = "01ds";
	char text[8];
	size_t n = 0;
	for (unsigned i = 0; i < 4; i++)
		if (fo & 1u << i) {
			if (n)
				text[n++] = ':';
			text[n++] = letters[i];
		}
	put(out, "fo", slice_of(text, n));
}

static void put_policy(const struct report_parts *p, struct buf *out)
{
	AUTO(arena) struct arena a = {0};
	struct dmarc_record r;
	buf_put(out, S("<policy_published>"));
	put(out, "domain", p->window.domain);
	if (dmarc_record_parse(p->window.policy, &a, &r, NULL)) {
		put_z(out, "adkim", r.strict_dkim ? "s" : "r");
		put_z(out, "aspf", r.strict_spf ? "s" : "r");
		put_z(out, "p", dmarc_policy_name(r.p));
		put_z(out, "sp", dmarc_policy_name(r.sp));
		if (r.has_np)
			put_z(out, "np", dmarc_policy_name(r.np));
		if (r.has_t)
			put_z(out, "testing", r.testing ? "y" : "n");
		put_fo(out, r.fo);
	}
	put_z(out, "discovery_method", p->window.by_suffix ? "psl" : "treewalk");
	buf_put(out, S("</policy_published>\n"));
}

void report_dmarc_file(
	const struct report_parts *p, size_t first, size_t n, slice id, struct buf *out)
{
	buf_put(out, S("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<feedback xmlns=\"" NAMESPACE
		       "\">\n<version>1.0</version>\n"));
	put_metadata(p, id, out);
	put_policy(p, out);
	buf_put(out, report_rows(p, first, n));
	buf_put(out, S("</feedback>\n"));
}

/* ---- the message ---- */

static const struct report_words words = {
	"a DMARC aggregate report", "messages", "DMARC 汇总报告", "封邮件", "封未通过"};

int report_dmarc_mail(const struct report_parts *p, slice gz, slice id, unsigned i, int64_t now,
	struct arena *a, slice *ret_subject, struct buf *out, struct err *e)
{
	struct report_mail m = report_message(p, gz, id, i, now, &words, "xml.gz", a);
	m.type = "multipart/mixed";
	m.file_type = S("application/gzip");
	*ret_subject = m.subject;
	return report_mail_build(out, &m, e);
}
