/*
 * MTA-STS records and policies (RFC 8461 sections 3.1, 3.2, 4.1). Called by mail/sts.c, which looks
 * up and fetches. What is broken beside the fields we need is passed over: refusing a policy for it
 * would only make mail less safe.
 */
#include "codec/mta_sts.h"

#include "codec/address.h"
#include "codec/tags.h"

static const slice version = S_INIT("STSv1");

static bool is_alnum(char c)
{
	char l = ascii_lower(c);
	return (l >= 'a' && l <= 'z') || (c >= '0' && c <= '9');
}

/* ---- the record */

static bool id_valid(slice id)
{
	for (size_t i = 0; i < id.n; i++)
		if (!is_alnum(id.p[i]))
			return false;
	return id.n > 0 && id.n <= MTA_STS_ID_MAX;
}

/* Only texts that begin so are MTA-STS records at all. */
static bool is_record(slice txt)
{
	slice first;
	return slice_cut(&txt, ';', &first) && slice_eq(slice_trim(first), S("v=STSv1"));
}

bool mta_sts_record_parse(slice txt, slice *ret_id)
{
	struct tag tag;
	enum tag_found found;
	if (!is_record(txt))
		return false;
	while ((found = tags_next(&txt, &tag)) != TAG_END) {
		if (found == TAG_BAD || !slice_eq(tag.name, S("id")))
			continue;
		if (!id_valid(tag.value))
			return false;
		*ret_id = tag.value;
		return true;
	}
	return false;
}

enum mta_sts_found mta_sts_record_find(const slice *txt, size_t n, slice *ret_id)
{
	size_t found = 0, at = 0;
	for (size_t i = 0; i < n; i++)
		if (is_record(txt[i])) {
			found++;
			at = i;
		}
	if (found == 0)
		return MTA_STS_NONE;
	return found == 1 && mta_sts_record_parse(txt[at], ret_id) ? MTA_STS_FOUND : MTA_STS_BAD;
}

/* ---- the policy */

const char *mta_sts_mode_name(enum mta_sts_mode m)
{
	static const char *const names[] = {"none", "testing", "enforce"};
	return names[m];
}

/* What has been seen; each of these keys counts once. */
struct reading {
	struct mta_sts_policy p;
	bool version, mode, age;
	const char *why;
};

static bool bad(struct reading *r, const char *why)
{
	r->why = why;
	return false;
}

static bool take_version(struct reading *r, slice value)
{
	if (r->version)
		return true;
	r->version = true;
	return slice_eq(value, version) || bad(r, "unknown version");
}

static bool take_mode(struct reading *r, slice value)
{
	if (r->mode)
		return true;
	r->mode = true;
	for (int m = MTA_STS_MODE_NONE; m <= MTA_STS_ENFORCE; m++)
		if (slice_eq(value, slice_z(mta_sts_mode_name((enum mta_sts_mode)m)))) {
			r->p.mode = (enum mta_sts_mode)m;
			return true;
		}
	return bad(r, "unknown mode");
}

static bool take_age(struct reading *r, slice value)
{
	uint64_t age;
	if (r->age)
		return true;
	r->age = true;
	if (value.n > 10 || !slice_u64(value, &age))
		return bad(r, "bad max_age");
	r->p.max_age = age < MTA_STS_AGE_MAX ? (int64_t)age : MTA_STS_AGE_MAX;
	return true;
}

static bool take_mx(struct reading *r, slice value)
{
	slice name = slice_starts(value, S("*.")) ? slice_skip(value, 2) : value;
	if (!domain_valid(name, false))
		return bad(r, "bad mx pattern");
	if (r->p.nmx == MTA_STS_MX_MAX)
		return bad(r, "too many mx patterns");
	r->p.mx[r->p.nmx++] = value;
	return true;
}

static bool take_line(struct reading *r, slice line)
{
	static const struct {
		slice key;
		bool (*take)(struct reading *r, slice value);
	} keys[] = {{S_INIT("version"), take_version}, {S_INIT("mode"), take_mode},
		{S_INIT("max_age"), take_age}, {S_INIT("mx"), take_mx}};
	line = slice_trim(line);
	size_t colon = slice_index(line, ':');
	if (line.n == 0)
		return true;
	if (colon == line.n)
		return bad(r, "a line without \":\"");
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
		if (slice_eq(slice_trim(slice_first(line, colon)), keys[i].key))
			return keys[i].take(r, slice_trim(slice_skip(line, colon + 1)));
	return true;
}

static bool complete(struct reading *r)
{
	if (!r->version)
		return bad(r, "no version");
	if (!r->mode)
		return bad(r, "no mode");
	if (!r->age)
		return bad(r, "no max_age");
	return r->p.mode == MTA_STS_MODE_NONE || r->p.nmx > 0 || bad(r, "no mx");
}

bool mta_sts_policy_parse(slice text, struct mta_sts_policy *ret, const char **ret_why)
{
	struct reading r = {0};
	bool ok = text.n <= MTA_STS_POLICY_MAX || bad(&r, "too long");
	for (slice line; ok && slice_cut(&text, '\n', &line);)
		ok = take_line(&r, line);
	if (!ok || !complete(&r)) {
		*ret_why = r.why;
		return false;
	}
	*ret = r.p;
	return true;
}

bool mta_sts_mx_matches(const struct mta_sts_policy *p, slice host)
{
	if (host.n && host.p[host.n - 1] == '.')
		host.n--;
	slice parent = slice_skip(host, slice_index(host, '.'));
	for (size_t i = 0; i < p->nmx; i++) {
		slice mx = p->mx[i];
		bool wild = mx.p[0] == '*';
		if (wild ? parent.n > 0 && parent.n < host.n && slice_ieq(slice_skip(mx, 1), parent)
			 : slice_ieq(mx, host))
			return true;
	}
	return false;
}
