/*
 * Any bytes as a message: its summary opens, what it says lies inside the message. Any bytes as a record: it opens
 * or not, and all that can be asked of one that opens is inside it. The first byte decides.
 */
#include "codec/summary.h"

#include "base/mem.h"
#include "base/must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static size_t touched;

static void touch(slice s)
{
	for (size_t i = 0; i < s.n; i++)
		touched += (unsigned char)s.p[i];
}

static void ask_envelopes(const struct summary *s)
{
	struct summary_address a;
	for (size_t e = 0; e < s->nenvelopes; e++) {
		for (int t = 0; t < SUMMARY_TEXTS; t++)
			touch(summary_text(s, (int)e, (enum summary_text)t));
		for (int w = 0; w < SUMMARY_WHOS; w++)
			for (unsigned it = 0;
				summary_next_address(s, (int)e, (enum summary_who)w, &it, &a);) {
				touch(a.name);
				touch(a.route);
				touch(a.mailbox);
				touch(a.host);
			}
	}
}

static void ask_part(const struct summary *s, size_t i)
{
	struct summary_part p;
	slice name, value;
	summary_part(s, i, &p);
	must(p.header_at <= s->size && p.header_n <= s->size - p.header_at);
	must(p.body_at <= s->size && p.body_n <= s->size - p.body_at);
	must(p.parent < (int)i && p.type.p && p.subtype.p && p.envelope < (int)s->nenvelopes);
	const slice texts[] = {p.type, p.subtype, p.id, p.description, p.encoding_text, p.md5,
		p.disposition, p.location};
	for (size_t k = 0; k < sizeof texts / sizeof *texts; k++)
		touch(texts[k]);
	while (summary_next_pair(&p.params, &name, &value) ||
		summary_next_pair(&p.disposition_params, &name, &value)) {
		touch(name);
		touch(value);
	}
	while (summary_next_text(&p.language, &value))
		touch(value);
}

static void ask_everything(const struct summary *s)
{
	slice id;
	ask_envelopes(s);
	for (size_t i = 0; i < s->nparts; i++)
		ask_part(s, i);
	for (unsigned it = 0; summary_next_reference(s, &it, &id);)
		touch(id);
	for (unsigned i = 0; i < 27; i++) {
		const unsigned path[] = {i % 3 + 1, i / 3 % 3 + 1, i / 9 + 1};
		must(summary_find_part(s, path, 3) < (int)s->nparts);
	}
}

static void as_message(slice in)
{
	AUTO(arena) struct arena a = {0};
	AUTO(buf) struct buf out = BUF(SUMMARY_MAX), full = BUF(SIZE_MAX);
	struct mime m;
	struct summary s;
	mime_parse(in, &mime_limits_default, &a, &m);
	summary_build(in, 0, &m, true, &out);
	must(buf_ok(&out) && summary_open(buf_slice(&out), &s));
	ask_everything(&s);
	summary_build_whole(in, 0, &m, &full);
	must(summary_open(buf_slice(&full), &s) && s.nparts == m.n && !(s.flags & SUMMARY_CUT));
	ask_everything(&s);
	for (size_t i = 0; i < m.n; i++) {
		struct summary_part p;
		summary_part(&s, i, &p);
		must(p.body_n == m.v[i].body.n && (!p.body_n || in.p + p.body_at == m.v[i].body.p));
		must(p.parent == m.v[i].parent && p.depth == m.v[i].depth);
		must(p.encoding != MIME_BASE64 || p.decoded_n == UINT64_MAX ||
			p.decoded_n <= p.body_n);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	slice in = slice_skip(slice_of(data, n), 1);
	struct summary s;
	if (n && data[0] == 'R') {
		if (summary_open(in, &s))
			ask_everything(&s);
	} else if (n) {
		as_message(in);
	}
	return 0;
}
