/*
 * duplicate (RFC 7352): was a letter with this id seen before? Asked of the caller, noted by him (SIEVE_REMEMBER) after the delivery
 * went well. The key is a digest, so that what is noted has one length and tells nothing.
 */
#include "base/hex.h"
#include "sieve/impl.h"
#include <openssl/sha.h>

enum { SECONDS_DEFAULT = 7 * 86400, SECONDS_MAX = 90 * 86400 };

static bool check_duplicate(struct check *c, struct node *n)
{
	const struct arg *header = sieve_node_tag(n, TAG_HEADER, NULL);
	if (!header || header->v[0].n || sieve_field_name(header->v[0].plain))
		return true;
	sieve_mistake(c, header->at,
		SAY(c, "no header field can have the name '%.*s'", SFMT(header->v[0].plain)),
		SAY(c, "信头字段不可能名为“%.*s”", SFMT(header->v[0].plain)));
	return false;
}

/* What makes letters the same. False: this one has none. */
static bool unique_id(struct run *r, const struct node *n, slice *ret)
{
	bool there;
	size_t i = 0;
	const struct arg *a = sieve_node_tag(n, TAG_UNIQUEID, &there);
	if (there) {
		*ret = sieve_run_string(r, a);
		return ret->n > 0;
	}
	a = sieve_node_tag(n, TAG_HEADER, &there);
	slice name = there ? sieve_run_string(r, a) : S("message-id");
	struct fields *v = sieve_run_fields(r);
	for (; i < v->n; i++)
		if (slice_ieq(v->v[i].name, name)) {
			*ret = sieve_field_text(r, &v->v[i]);
			return ret->n > 0;
		}
	return false;
}

static slice key_of(struct run *r, slice handle, slice id)
{
	unsigned char digest[SHA256_DIGEST_LENGTH];
	AUTO(buf) struct buf text = BUF(handle.n + id.n + 16), out = BUF(2 * sizeof digest);
	buf_printf(&text, "%zu:%.*s", handle.n, SFMT(handle));
	buf_put(&text, id);
	SHA256((const unsigned char *)text.p, text.n, digest);
	hex_encode(&out, slice_of(digest, sizeof digest));
	return sieve_run_dup(r, buf_slice(&out));
}

static void remember(struct run *r, slice key, int64_t seconds)
{
	for (const struct action_made *m = r->first; m; m = m->next)
		if (m->a.kind == SIEVE_REMEMBER && slice_eq(m->a.key, key))
			return;
	struct sieve_action *a = sieve_run_act(r, SIEVE_REMEMBER);
	if (a) {
		a->key = key;
		a->seconds = seconds;
	}
}

static bool holds_duplicate(struct run *r, const struct node *n)
{
	slice id;
	const struct sieve_answer *answer;
	const struct arg *a = sieve_node_tag(n, TAG_SECONDS, NULL);
	int64_t seconds = !a                        ? SECONDS_DEFAULT
			  : a->number > SECONDS_MAX ? SECONDS_MAX
						    : (int64_t)a->number;
	if (!unique_id(r, n, &id) || !sieve_run_look(r, id.n))
		return false;
	slice key = key_of(r, sieve_run_string(r, sieve_node_tag(n, TAG_HANDLE, NULL)), id);
	if (!sieve_run_ask(r, SIEVE_ASK_DUPLICATE, key, seconds, &answer))
		return false;
	if (!answer->yes || node_has(n, TAG_LAST))
		remember(r, key, seconds);
	return answer->yes;
}

static const struct tag tags[] = {
	{S_INIT("handle"), TAG_HANDLE, EXT_DUPLICATE, 's', 0},
	{S_INIT("header"), TAG_HEADER, EXT_DUPLICATE, 's', 1},
	{S_INIT("uniqueid"), TAG_UNIQUEID, EXT_DUPLICATE, 's', 1},
	{S_INIT("seconds"), TAG_SECONDS, EXT_DUPLICATE, 'n', 0},
	{S_INIT("last"), TAG_LAST, EXT_DUPLICATE, 0, 0},
	{{0}, 0, 0, 0, 0},
};

const struct word sieve_words_duplicate[] = {
	{.name = S_INIT("duplicate"),
		.ext = EXT_DUPLICATE,
		.test = true,
		.tags = tags,
		.check = check_duplicate,
		.holds = holds_duplicate},
	{.name = {0}},
};
