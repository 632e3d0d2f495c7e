/*
 * Authentication-Results that claim to be ours but came from outside (RFC 8601 section 5): they are
 * left out of what is stored, however they are folded, quoted or commented, so that nobody behind
 * us believes them. Trusted networks keep theirs: other hosts of ours.
 */
#include "bin/edge_verify_impl.h"

static bool is_ours(const struct edge_session *s, slice id)
{
	while (slice_ends(id, S(".")))
		id.n--;
	return slice_ieq(id, s->edge->authserv_id) ||
	       edge_verify_listed(&s->edge->config->verify->our_ids, id);
}

/* The value of a field of results. Not only as the grammar has it: a name with its colon on the
 * next line is one for some readers. */
static bool is_results(const struct header_field *f, slice *ret_value)
{
	slice name = f->name, value = f->value;
	if (!name.n) {
		size_t colon = slice_index(f->raw, ':');
		name = slice_trim(slice_first(f->raw, colon));
		value = slice_skip(f->raw, colon + 1);
	}
	*ret_value = value;
	return slice_ieq(name, S("Authentication-Results"));
}

static size_t count_results(slice block)
{
	struct header_field f;
	slice value;
	size_t n = 0;
	while (header_next(&block, &f))
		n += is_results(&f, &value);
	return n;
}

unsigned edge_verify_forged(const struct edge_session *s, struct smtpd_header *h, struct arena *a)
{
	slice rest = h->block, value, *out;
	struct header_field f;
	unsigned n = 0;
	if (!s->edge->config->verify->strip_forged || s->client->trusted)
		return 0;
	size_t count = count_results(h->block);
	if (!count)
		return 0;
	out = ARENA_ARRAY(a, slice, count);
	while (header_next(&rest, &f))
		if (is_results(&f, &value) && is_ours(s, authres_id(value, a)))
			out[n++] = f.raw;
	h->left_out = out;
	h->nleft_out = n;
	return n;
}
