/*
 * Reading the ARC sets of a message (RFC 8617 sections 4.1, 4.2) and judging their structure
 * (section 5.2, steps 1 to 3): three fields for each instance from 1 without a gap, none twice,
 * "none" and then "pass" in the seals. Signatures: arc_verify.c. Called by the edge when a header
 * is complete, and by arc_seal.c.
 */
#include "senderauth/arc.h"

#include "senderauth/arc_impl.h"

/* ---- ARC-Authentication-Results: "i=1; payload" ---- */

static bool skip_space(slice *s)
{
	slice before = *s;
	while (s->n && strchr(" \t\r\n", s->p[0]) && s->p[0])
		*s = slice_skip(*s, 1);
	return s->n < before.n;
}

static bool skip_char(slice *s, char c)
{
	skip_space(s);
	if (!s->n || s->p[0] != c)
		return false;
	*s = slice_skip(*s, 1);
	return true;
}

bool arc_results_instance(slice value, unsigned *ret, slice *ret_rest)
{
	slice rest = value;
	uint64_t number;
	if (!skip_char(&rest, 'i') || !skip_char(&rest, '='))
		return false;
	skip_space(&rest);
	size_t n = 0;
	while (n < rest.n && rest.p[n] >= '0' && rest.p[n] <= '9')
		n++;
	if (!slice_u64(slice_first(rest, n), &number) || number == 0 || number > DKIM_INSTANCE_MAX)
		return false;
	rest = slice_skip(rest, n);
	if (!skip_char(&rest, ';'))
		return false;
	*ret = (unsigned)number;
	*ret_rest = rest;
	return true;
}

/* ---- sets ---- */

enum arc_part { ARC_NO_PART, ARC_AAR, ARC_AMS, ARC_AS };
static const char *const part_names[] = {
	[ARC_AAR] = "ARC-Authentication-Results",
	[ARC_AMS] = "ARC-Message-Signature",
	[ARC_AS] = "ARC-Seal",
};

static enum arc_part part_of(slice name)
{
	if (!slice_istarts(name, S("ARC-")))
		return ARC_NO_PART;
	for (int p = ARC_AAR; p <= ARC_AS; p++)
		if (slice_ieq(name, slice_z(part_names[p])))
			return (enum arc_part)p;
	return ARC_NO_PART;
}

/* One field on its way into its set. */
struct piece {
	const struct header_field *field;
	enum arc_part part;
	unsigned instance;
	slice results;
	struct dkim_field signature;
};

/* The first thing found wrong is told. */
static void broken(struct arc *x, struct arena *a, const struct piece *p, const char *what)
{
	if (x->broken.n)
		return;
	x->broken = p->instance
			    ? arena_printf(a, "%s i=%u: %s", part_names[p->part], p->instance, what)
			    : arena_printf(a, "%s: %s", part_names[p->part], what);
}

static void read_piece(struct arc *x, struct piece *p, struct arena *a)
{
	if (p->part == ARC_AAR) {
		if (!arc_results_instance(p->field->value, &p->instance, &p->results))
			broken(x, a, p, "does not begin with an instance number");
		return;
	}
	enum dkim_field_kind kind = p->part == ARC_AMS ? ARC_MESSAGE_SIGNATURE : ARC_SEAL;
	enum dkim_fault fault = dkim_field_parse(p->field->value, kind, a, &p->signature);
	p->instance = p->signature.instance;
	if (fault)
		broken(x, a, p, dkim_fault_text(fault));
	else if (kind == ARC_SEAL && p->signature.nnames)
		broken(x, a, p, "has an h= tag");
	else if (kind == ARC_MESSAGE_SIGNATURE && dkim_field_names(&p->signature, S("arc-seal")))
		broken(x, a, p, "signs ARC-Seal fields");
}

static void place_piece(struct arc *x, const struct piece *p, unsigned most, struct arena *a)
{
	if (p->instance > most) {
		broken(x, a, p, "too many instances");
		return;
	}
	struct arc_set *s = &x->sets[p->instance - 1];
	const struct header_field **place = p->part == ARC_AAR   ? &s->aar
					    : p->part == ARC_AMS ? &s->ams
								 : &s->as;
	if (*place) {
		broken(x, a, p, "is there twice");
		return;
	}
	*place = p->field;
	if (p->part == ARC_AAR)
		s->results = p->results;
	else if (p->part == ARC_AMS)
		s->message = p->signature;
	else
		s->seal = p->signature;
	if (p->instance > x->n)
		x->n = p->instance;
}

static void check_sets(struct arc *x, struct arena *a)
{
	for (unsigned i = 0; i < x->n && !x->broken.n; i++) {
		const struct arc_set *s = &x->sets[i];
		const char *missing = !s->aar   ? part_names[ARC_AAR]
				      : !s->ams ? part_names[ARC_AMS]
				      : !s->as  ? part_names[ARC_AS]
						: NULL;
		if (missing)
			x->broken = arena_printf(a, "%s i=%u is missing", missing, i + 1);
		else if (s->seal.cv != (i ? ARC_CV_PASS : ARC_CV_NONE))
			x->broken = arena_printf(a, "ARC-Seal i=%u: wrong cv=", i + 1);
	}
}

static size_t count_parts(slice header)
{
	struct header_field f;
	size_t n = 0;
	while (header_next(&header, &f))
		n += part_of(f.name) != ARC_NO_PART;
	return n;
}

void arc_read(struct arc *x, slice before, slice header, unsigned most, struct arena *a)
{
	size_t parts = count_parts(before) + count_parts(header);
	x->there = parts > 0;
	if (!parts)
		return;
	x->sets = ARENA_ARRAY(a, struct arc_set, most);
	x->header = dkim_header_new(before, header, a);
	if (!x->header || parts > 3 * (size_t)most) {
		x->broken = S("too many fields");
		return;
	}
	for (size_t i = 0; i < dkim_header_fields(x->header); i++) {
		struct piece p = {.field = dkim_header_field(x->header, i)};
		p.part = part_of(p.field->name);
		if (p.part == ARC_NO_PART)
			continue;
		read_piece(x, &p, a);
		if (p.instance)
			place_piece(x, &p, most, a);
	}
	/* Step 2: who found the chain broken before us has the last word. */
	if (x->n && x->sets[x->n - 1].as && x->sets[x->n - 1].seal.cv == ARC_CV_FAIL)
		x->failed_before = true;
	check_sets(x, a);
}

/* ---- beginning ---- */

struct arc *arc_begin(slice header, unsigned sets, struct body_hashes *b, struct arena *a)
{
	struct arc *x = ARENA_NEW(a, struct arc);
	unsigned most = sets && sets < ARC_SETS_MAX ? sets : ARC_SETS_MAX;
	arc_read(x, S(""), header, most, a);
	if (x->broken.n || x->failed_before)
		return x;
	for (unsigned i = x->n; i-- > 0;) { /* newest first: if places run out, those matter */
		struct arc_set *s = &x->sets[i];
		s->body_hash =
			body_hashes_want(b, s->message.body_canon, BODY_SHA256, s->message.length);
	}
	return x;
}

bool arc_is_there(const struct arc *x)
{
	return x->there;
}
