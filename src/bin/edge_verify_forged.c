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

unsigned edge_verify_forged(const struct edge_session *s, struct smtpd_header *h, struct arena *a)
{
	slice name = S("Authentication-Results"), rest = h->block, *out;
	struct header_field f;
	unsigned n = 0;
	if (!s->edge->config->verify->strip_forged || s->client->trusted)
		return 0;
	size_t count = header_count(h->block, name);
	if (!count)
		return 0;
	out = ARENA_ARRAY(a, slice, count);
	while (header_next(&rest, &f))
		if (slice_ieq(f.name, name) && is_ours(s, authres_id(f.value, a)))
			out[n++] = f.raw;
	h->left_out = out;
	h->nleft_out = n;
	return n;
}
