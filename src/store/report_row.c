/*
 * Counted rows as bytes and as text columns (report_int.h): packed rows are the keys under which
 * equal ones are counted together in memory and in the database.
 */
#include "store/report_int.h"

#include "base/mem.h"
#include "base/time.h"
#include <openssl/sha.h>

static const char *const override_names[] = {
	[REPORT_TRUSTED_FORWARDER] = "trusted_forwarder",
	[REPORT_MAILING_LIST] = "mailing_list",
	[REPORT_LOCAL_POLICY] = "local_policy",
	[REPORT_POLICY_TEST_MODE] = "policy_test_mode",
	[REPORT_SAMPLED_OUT] = "sampled_out",
	[REPORT_OTHER] = "other",
};

const char *report_override_name(enum report_override o)
{
	return override_names[o];
}

/* One word of a text column: no white space or control characters, shortened; "-" when empty. */
static void put_word(struct buf *out, slice s)
{
	s = slice_first(s, REPORT_TEXT_MAX);
	for (size_t i = 0; i < s.n; i++)
		buf_byte(out, (unsigned char)s.p[i] <= ' ' || s.p[i] == 0x7f ? '?' : s.p[i]);
	if (s.n == 0)
		buf_byte(out, '-');
}

static slice word_value(slice word)
{
	return slice_eq(word, S("-")) ? (slice){0} : word;
}

/* The rest of a line. */
static void put_line(struct buf *out, slice s, size_t most)
{
	s = slice_first(s, most);
	for (size_t i = 0; i < s.n; i++)
		buf_byte(out, (unsigned char)s.p[i] < ' ' || s.p[i] == 0x7f ? ' ' : s.p[i]);
	buf_byte(out, '\n');
}

/* ---- results ---- */

void report_auth_text(struct buf *out, const struct dmarc_stat *s)
{
	buf_printf(out, "%s %s ", s->spf_helo ? "helo" : "mfrom", auth_result_name(s->spf));
	put_word(out, s->spf_domain);
	buf_byte(out, '\n');
	for (unsigned i = 0; i < s->ndkim && i < REPORT_DKIM_MAX; i++) {
		buf_printf(out, "dkim %s ", auth_result_name(s->dkim[i].result));
		put_word(out, s->dkim[i].domain);
		buf_byte(out, ' ');
		put_word(out, s->dkim[i].selector);
		buf_byte(out, '\n');
	}
}

void report_auth_parse(slice text, struct dmarc_stat *ret)
{
	slice line, kind, word, domain;
	enum auth_result result;
	ret->ndkim = 0;
	while (slice_cut(&text, '\n', &line)) {
		if (!slice_cut(&line, ' ', &kind) || !slice_cut(&line, ' ', &word) ||
			!slice_cut(&line, ' ', &domain) || !auth_result_parse(word, &result))
			continue;
		if (!slice_eq(kind, S("dkim"))) {
			ret->spf_helo = slice_eq(kind, S("helo"));
			ret->spf = result;
			ret->spf_domain = word_value(domain);
		} else if (ret->ndkim < REPORT_DKIM_MAX) {
			ret->dkim[ret->ndkim++] =
				(struct report_dkim){word_value(domain), word_value(line), result};
		}
	}
}

void report_reasons_text(struct buf *out, const struct dmarc_stat *s)
{
	for (unsigned i = 0; i < s->nreasons && i < REPORT_REASONS_MAX; i++) {
		buf_printf(out, "%s ", report_override_name(s->reasons[i].type));
		put_line(out, s->reasons[i].comment, REPORT_TEXT_MAX);
	}
}

void report_reasons_parse(slice text, struct dmarc_stat *ret)
{
	slice line, word;
	ret->nreasons = 0;
	while (slice_cut(&text, '\n', &line) && ret->nreasons < REPORT_REASONS_MAX) {
		if (!slice_cut(&line, ' ', &word))
			continue;
		for (int i = 0; i <= REPORT_OTHER; i++)
			if (slice_eq(word, slice_z(override_names[i])))
				ret->reasons[ret->nreasons++] =
					(struct report_reason){(enum report_override)i, line};
	}
}

enum { STRING_MAX = 1000 };

void report_list_text(struct buf *out, const slice *v, unsigned n)
{
	for (unsigned i = 0; i < n && i < REPORT_STRINGS_MAX; i++)
		put_line(out, v[i], STRING_MAX);
}

unsigned report_list_parse(slice text, slice v[REPORT_STRINGS_MAX])
{
	unsigned n = 0;
	slice line;
	while (n < REPORT_STRINGS_MAX && slice_cut(&text, '\n', &line))
		if (line.n)
			v[n++] = line;
	return n;
}

/* ---- packed ---- */

static slice shortened(slice s)
{
	return slice_first(s, REPORT_TEXT_MAX);
}

void report_pack_dmarc(struct buf *out, const struct dmarc_stat *s)
{
	AUTO(buf) struct buf auth = BUF(REPORT_ROW_MAX), reasons = BUF(REPORT_ROW_MAX);
	report_auth_text(&auth, s);
	report_reasons_text(&reasons, s);
	buf_str(out, shortened(s->client_ip));
	buf_str(out, shortened(s->header_from));
	buf_str(out, shortened(s->envelope_from));
	buf_str(out, shortened(s->envelope_to));
	buf_u8(out, s->spf_aligned);
	buf_u8(out, s->dkim_aligned);
	buf_u8(out, (uint8_t)s->disposition);
	buf_str(out, buf_slice(&auth));
	buf_str(out, buf_slice(&reasons));
}

void report_pack_tls(struct buf *out, const struct tls_stat *s)
{
	AUTO(buf) struct buf strings = BUF(REPORT_ROW_MAX), mx = BUF(REPORT_ROW_MAX);
	static const slice none;
	report_list_text(&strings, s->strings, s->nstrings);
	report_list_text(&mx, s->mx, s->nmx);
	buf_str(out, shortened(s->policy_type));
	buf_str(out, buf_slice(&strings));
	buf_str(out, buf_slice(&mx));
	buf_u8(out, s->ok);
	buf_str(out, s->ok ? none : shortened(s->result_type));
	buf_str(out, s->ok ? none : shortened(s->sending_ip));
	buf_str(out, s->ok ? none : shortened(s->receiving_mx));
	buf_str(out, s->ok ? none : shortened(s->receiving_helo));
	buf_str(out, s->ok ? none : shortened(s->receiving_ip));
	buf_str(out, s->ok ? none : shortened(s->reason_code));
}

void report_digest(slice bytes, char out[REPORT_DIGEST + 1])
{
	static const char hex[] = "0123456789abcdef";
	unsigned char d[SHA256_DIGEST_LENGTH];
	SHA256((const unsigned char *)bytes.p, bytes.n, d);
	for (int i = 0; i < REPORT_DIGEST; i++)
		out[i] = hex[d[i / 2] >> (i % 2 ? 0 : 4) & 15];
	out[REPORT_DIGEST] = 0;
}

/* ---- places ---- */

struct report_place report_place_dmarc(const struct dmarc_stat *s)
{
	return (struct report_place){.kind = REPORT_DMARC,
		.domain = shortened(s->policy_domain),
		.policy = slice_first(s->record, DMARC_RECORD_MAX),
		.by_suffix = s->by_suffix,
		.day = s->at / DAY};
}

struct report_place report_place_tls(const struct tls_stat *s)
{
	return (struct report_place){
		.kind = REPORT_TLS, .domain = shortened(s->policy_domain), .day = s->at / DAY};
}
