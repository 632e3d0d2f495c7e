/*
 * Whole verification: the input is a key record up to the first line end, then a message. However
 * the body is cut the results are the same, and nothing that was not signed passes.
 */
#include "base/must.h"
#include "senderauth/dkim.h"
#include "senderauth/pubkey.h"
#include "senderauth/zone_testing.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* Every question gets the record. */
static enum lookup_status any_txt(
	void *arg, slice name, instant deadline, struct arena *a, slice **ret, size_t *ret_n)
{
	(void)deadline;
	must(name.n > S("._domainkey.").n);
	*ret = ARENA_NEW(a, slice);
	**ret = *(slice *)arg;
	*ret_n = 1;
	return LOOKUP_OK;
}

static struct dkim_results verify(slice record, slice message, size_t chunk, struct arena *a)
{
	struct dkim_policy policy = {.signatures = 3, .partial_body = chunk & 1};
	struct lookup l = {.txt = any_txt, .arg = &record};
	struct dkim_results r;
	struct body_hashes *b = body_hashes_new(a);
	slice header = slice_first(message, header_length(message));
	slice body = slice_skip(message, header.n);
	struct dkim_verifier *v = dkim_verify_new(a, header, b, &policy, 1700000000);
	for (; body.n; body = slice_skip(body, chunk))
		body_hashes_add(b, slice_first(body, chunk));
	body_hashes_end(b);
	dkim_verify_finish(v, &l, INSTANT_NEVER, &r);
	body_hashes_free(b);
	must(r.n <= policy.signatures);
	return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	AUTO(arena) struct arena a = {0};
	slice message = slice_of(data, n), record;
	struct authres_method m;
	if (!slice_cut(&message, '\n', &record))
		return 0;
	struct dkim_results whole = verify(record, message, 2 * n + 2, &a);
	struct dkim_results pieces = verify(record, message, 2, &a);
	must(whole.n == pieces.n && whole.skipped == pieces.skipped);
	for (size_t i = 0; i < whole.n; i++) {
		const struct dkim_result *r = &whole.v[i];
		must(r->result == pieces.v[i].result && r->reason && r->result != AUTH_NONE);
		must(r->result != AUTH_PASS || (r->bits >= PUBKEY_RSA_MIN || r->bits == 256));
		dkim_result_method(&whole, i, &a, &m);
		must(m.nprops <= AUTHRES_PROPS_MAX);
	}
	if (pubkeys_kept() > 100)
		pubkeys_forget();
	return 0;
}
