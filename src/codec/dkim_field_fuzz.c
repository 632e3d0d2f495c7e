/* Signature fields of all kinds: what is read keeps its promises, is found again in what is built
 * of it, and the canonical form without b= does not depend on b=. */
#include "base/mem.h"
#include "base/must.h"
#include "codec/address.h"
#include "codec/dkim_field.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check_fields(const struct dkim_field *f)
{
	must(domain_valid(f->domain, false));
	must(f->selector.n > 0 && f->selector.n <= ADDRESS_DOMAIN_MAX && f->signature.n > 0);
	must(f->nnames <= DKIM_NAMES_MAX && (f->nnames > 0 || f->kind == ARC_SEAL));
	must(f->kind == DKIM_SIGNATURE ? f->instance == 0 : f->instance > 0);
	must(f->length >= -1 && f->signed_at >= -1 && f->expires_at >= -1);
}

static void check_built(const struct dkim_field *f, struct arena *a)
{
	AUTO(buf) struct buf out = BUF(1 << 20);
	struct dkim_field again;
	struct header_field h;
	dkim_field_begin(&out, f);
	dkim_field_finish(&out, f->signature);
	slice in = buf_slice(&out);
	must(header_next(&in, &h) && in.n == 0);
	if (f->signature.n > 2048 || f->body_hash.n > 150 || out.n > TAGS_TEXT_MAX)
		return; /* more than building is meant for */
	must(dkim_field_parse(h.value, f->kind, a, &again) == DKIM_FIELD_FINE);
	must(slice_eq(again.domain, f->domain) && slice_eq(again.selector, f->selector));
	must(slice_eq(again.identity, f->identity) && again.nnames == f->nnames);
	must(slice_eq(again.signature, f->signature) && slice_eq(again.body_hash, f->body_hash));
}

static void check_canon(slice raw, slice b, enum dkim_canon canon)
{
	AUTO(buf) struct buf whole = BUF(1 << 20), without = BUF(1 << 20);
	dkim_canon_field(&whole, canon, raw);
	dkim_canon_signature(&without, canon, raw, b);
	must(without.n <= whole.n);
	must(canon == CANON_SIMPLE || slice_index(buf_slice(&without), '\t') == without.n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	slice value = slice_of(data, n), in;
	for (int kind = DKIM_SIGNATURE; kind <= ARC_SEAL; kind++) {
		AUTO(arena) struct arena a = {0};
		struct dkim_field f;
		struct header_field h;
		in = arena_printf(&a, "S:%.*s\r\n", SFMT(value));
		if (!header_next(&in, &h) || h.value.n != n)
			continue;
		enum dkim_fault fault =
			dkim_field_parse(h.value, (enum dkim_field_kind)kind, &a, &f);
		must(dkim_fault_text(fault)[0]);
		if (fault)
			continue;
		check_fields(&f);
		check_built(&f, &a);
		check_canon(h.raw, f.b_span, f.header_canon);
	}
	return 0;
}
