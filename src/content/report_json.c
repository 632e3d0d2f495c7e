/*
 * Reports as JSON (jansson) and back: between the scan process and those who decide, and for
 * `posthouse explain --json`. A signal of a rule carries its sentences, because only the rule knows
 * them. Numbers that are hashes travel as hexadecimal text: JSON's are not wide enough.
 */
#include "content/report.h"

#include "base/b64.h"
#include "base/hex.h"
#include "base/mem.h"
#include "codec/filetype.h"
#include "codec/json_read.h"
#include <inttypes.h>
#include <stdio.h>

static const char *const kinds[FINGERPRINTS] = {
	"text", "layout", "links", "link", "picture", "file", "sender", "cluster"};

/* ---- writing ---- */

static json_t *text(slice s)
{
	json_t *j = json_stringn(s.n ? s.p : "", s.n);
	return j ? j : json_string(""); /* no UTF-8: never from our readers */
}

static json_t *signals(const struct signals *s)
{
	json_t *v = json_array();
	for (unsigned i = 0; i < s->n; i++) {
		const struct signal_def *d = s->v[i].def;
		enum signal_id id;
		json_t *o =
			json_pack("{s:s, s:f}", "name", d->name, "score", (double)s->v[i].score);
		if (s->v[i].detail.n)
			json_object_set_new(o, "detail", text(s->v[i].detail));
		if (!signal_by_name(slice_z(d->name), &id)) {
			json_object_set_new(o, "en", json_string(d->en));
			json_object_set_new(o, "zh", json_string(d->zh));
			if (d->class)
				json_object_set_new(o, "class", json_string(d->class));
		}
		json_array_append_new(v, o);
	}
	return v;
}

static json_t *prints(const struct content_report *r)
{
	json_t *v = json_array();
	for (size_t i = 0; i < r->nprints; i++) {
		char hash[17];
		snprintf(hash, sizeof hash, "%016" PRIx64, r->prints[i].hash);
		const char *kind = kinds[r->prints[i].kind], *number = hash;
		json_array_append_new(v, json_pack("[s, s]", kind, number));
	}
	return v;
}

/* Each as [name, kind, size, facts, depth, part]. */
static json_t *files(const struct content_report *r)
{
	json_t *v = json_array();
	for (size_t i = 0; i < r->nfiles; i++) {
		const struct content_report_file *f = &r->files[i];
		json_array_append_new(
			v, json_pack("[o, s, I, I, i, i]", text(f->name),
				   filetype_name((enum filetype)f->type), (json_int_t)f->size,
				   (json_int_t)f->facts, (int)f->depth, (int)f->part));
	}
	return v;
}

/* Each as [name, from, size]. */
static json_t *opened(const struct content_report *r)
{
	json_t *v = json_array();
	for (size_t i = 0; i < r->nopened; i++)
		json_array_append_new(
			v, json_pack("[o, I, I]", text(r->opened[i].name),
				   (json_int_t)r->opened[i].from, (json_int_t)r->opened[i].size));
	return v;
}

static json_t *numbers(const float *v, size_t n)
{
	json_t *j = json_array();
	for (size_t i = 0; i < n; i++)
		json_array_append_new(j, json_real((double)v[i]));
	return j;
}

static json_t *texts(const slice *v, size_t n)
{
	json_t *j = json_array();
	for (size_t i = 0; i < n; i++)
		json_array_append_new(j, text(v[i]));
	return j;
}

static json_t *base64(slice bytes)
{
	AUTO(buf) struct buf out = BUF(2 * bytes.n + 8);
	b64_encode(&out, bytes);
	return text(buf_slice(&out));
}

static json_t *fuse(const struct learn_fuse *f)
{
	AUTO(buf) struct buf out = BUF(4096);
	learn_fuse_write(f, &out);
	return base64(buf_slice(&out));
}

/* Each as the 8 bytes of its hash and a byte for its group. */
static json_t *features(const struct content_report *r)
{
	AUTO(buf) struct buf out = BUF(9 * r->nfeatures + 1);
	for (size_t i = 0; i < r->nfeatures; i++) {
		buf_u64(&out, r->features[i].hash);
		buf_u8(&out, r->features[i].group);
	}
	return base64(buf_slice(&out));
}

static json_t *reasons(const struct content_report *r)
{
	json_t *v = json_array();
	for (size_t i = 0; i < r->nreasons; i++)
		json_array_append_new(v, json_pack("[o, f]", text(r->reasons[i].what),
						 (double)r->reasons[i].margin));
	return v;
}

json_t *content_report_json(const struct content_report *r, unsigned wishes)
{
	json_t *j = json_pack("{s:o, s:o, s:f, s:i, s:b, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}",
		"signals", signals(&r->signals), "models", numbers(r->in, LEARN_INPUTS),
		"probability", r->probability, "bulk", (int)r->bulk, "limited", (int)r->limited,
		"subject", text(r->subject), "from_name", text(r->from_name), "from_address",
		text(r->from_address), "text", text(r->text), "hosts", texts(r->hosts, r->nhosts),
		"fingerprints", prints(r), "fuse", fuse(&r->fuse), "files", files(r));
	if (r->nopened)
		json_object_set_new(j, "opened", opened(r));
	if (wishes & CONTENT_FEATURES)
		json_object_set_new(j, "features", features(r));
	if (!(wishes & CONTENT_EXPLAIN))
		return j;
	json_object_set_new(j, "reasons", reasons(r));
	json_object_set_new(j, "groups", numbers(r->groups, LEARN_GROUPS));
	if (r->content)
		json_object_set_new(j, "details", content_details_json(r->content));
	return j;
}

/* ---- reading ---- */

static const struct signal_def *rule_def(const json_t *o, slice name, struct arena *a)
{
	struct signal_def *d = ARENA_NEW(a, struct signal_def);
	slice class = json_read_text(o, "class");
	*d = (struct signal_def){.name = arena_strz(a, name),
		.stage = SIGNAL_CONTENT,
		.en = arena_strz(a, json_read_text(o, "en")),
		.zh = arena_strz(a, json_read_text(o, "zh")),
		.class = class.n ? arena_strz(a, class) : NULL};
	return d;
}

static bool read_signals(const json_t *v, struct arena *a, struct signals *ret)
{
	size_t i;
	json_t *o;
	*ret = (struct signals){.mem = a};
	json_array_foreach(v, i, o)
	{
		enum signal_id id;
		slice name = json_read_text(o, "name");
		double score = json_number_value(json_object_get(o, "score"));
		if (!name.n || !(score > -1000 && score < 1000))
			return false;
		bool known = signal_by_name(name, &id);
		signals_add_def(ret, known ? signal_def(id) : rule_def(o, name, a), (float)score,
			json_read_text(o, "detail"));
	}
	return json_is_array(v);
}

static bool read_numbers(const json_t *v, size_t n, float *ret)
{
	if (json_array_size(v) != n)
		return false;
	for (size_t i = 0; i < n; i++) {
		double x = json_number_value(json_array_get(v, i));
		if (!(x > -1e6 && x < 1e6))
			return false;
		ret[i] = (float)x;
	}
	return true;
}

static bool read_print(const json_t *pair, struct fingerprint *ret)
{
	const char *kind = json_string_value(json_array_get(pair, 0));
	const char *hash = json_string_value(json_array_get(pair, 1));
	if (!kind || !hash)
		return false;
	for (unsigned k = 0; k < FINGERPRINTS; k++)
		if (strcmp(kind, kinds[k]) == 0) {
			ret->kind = (enum fingerprint_kind)k;
			return hex_u64(slice_z(hash), &ret->hash);
		}
	return false;
}

static bool read_prints(const json_t *v, struct content_report *ret)
{
	size_t n = json_array_size(v);
	for (size_t i = 0; i < n && i < CONTENT_FINGERPRINTS_MAX; i++)
		if (!read_print(json_array_get(v, i), &ret->prints[ret->nprints++]))
			return false;
	return true;
}

static void read_hosts(const json_t *v, struct arena *a, struct content_report *ret)
{
	size_t n = json_array_size(v);
	if (n > CONTENT_HOSTS_MAX)
		n = CONTENT_HOSTS_MAX;
	ret->hosts = ARENA_ARRAY(a, slice, n + 1);
	for (size_t i = 0; i < n; i++) {
		const json_t *t = json_array_get(v, i);
		if (json_is_string(t))
			ret->hosts[ret->nhosts++] =
				slice_of(json_string_value(t), json_string_length(t));
	}
}

static bool read_file(const json_t *v, struct content_report_file *ret)
{
	const json_t *name = json_array_get(v, 0), *kind = json_array_get(v, 1);
	json_int_t n[4];
	enum filetype type;
	for (size_t i = 0; i < 4; i++) {
		n[i] = json_integer_value(json_array_get(v, i + 2));
		if (n[i] < 0 || (i && n[i] > UINT32_MAX))
			return false;
	}
	if (!json_is_string(name) || !json_is_string(kind) ||
		!filetype_by_name(slice_z(json_string_value(kind)), &type))
		return false;
	*ret = (struct content_report_file){
		slice_of(json_string_value(name), json_string_length(name)), type, (uint64_t)n[0],
		(unsigned)n[1], (unsigned)n[2], (unsigned)n[3]};
	return true;
}

static bool read_files(const json_t *v, struct arena *a, struct content_report *ret)
{
	size_t n = json_array_size(v);
	if (!json_is_array(v) || n > CONTENT_REPORT_FILES_MAX)
		return false;
	ret->files = ARENA_ARRAY(a, struct content_report_file, n + 1);
	for (; ret->nfiles < n; ret->nfiles++)
		if (!read_file(json_array_get(v, ret->nfiles), &ret->files[ret->nfiles]))
			return false;
	return true;
}

static bool read_opened(const json_t *v, struct arena *a, struct content_report *ret)
{
	size_t n = json_array_size(v);
	if (n > CONTENT_OPENED_MAX)
		return false;
	ret->opened = ARENA_ARRAY(a, struct content_report_opened, n + 1);
	for (; ret->nopened < n; ret->nopened++) {
		const json_t *o = json_array_get(v, ret->nopened), *name = json_array_get(o, 0);
		json_int_t from = json_integer_value(json_array_get(o, 1));
		json_int_t size = json_integer_value(json_array_get(o, 2));
		if (!json_is_string(name) || from < 0 || size < 0)
			return false;
		ret->opened[ret->nopened] = (struct content_report_opened){
			.name = slice_of(json_string_value(name), json_string_length(name)),
			.from = (uint64_t)from,
			.size = (uint64_t)size};
	}
	return true;
}

static bool read_fuse(const json_t *j, struct learn_fuse *ret)
{
	AUTO(buf) struct buf bytes = BUF(4096);
	struct err e;
	return b64_decode(&bytes, json_read_text(j, "fuse")) &&
	       learn_fuse_read(buf_slice(&bytes), ret, &e) == 0;
}

static bool read_features(const json_t *j, struct arena *a, struct content_report *ret)
{
	slice t = json_read_text(j, "features");
	AUTO(buf) struct buf bytes = BUF(t.n + 8);
	if (!t.n)
		return true;
	if (!b64_decode(&bytes, t) || bytes.n % 9 || bytes.n / 9 > LEARN_FEATURES_MAX)
		return false;
	size_t n = bytes.n / 9;
	struct learn_feature *v = ARENA_ARRAY(a, struct learn_feature, n + 1);
	const uint8_t *p = (const uint8_t *)bytes.p;
	for (size_t i = 0; i < n; i++, p += 9) {
		for (unsigned k = 0; k < 8; k++)
			v[i].hash = v[i].hash << 8 | p[k];
		v[i].group = p[8];
		if (v[i].group >= LEARN_GROUPS)
			return false;
	}
	ret->features = v;
	ret->nfeatures = n;
	return true;
}

static void read_reasons(const json_t *v, struct content_report *ret)
{
	size_t n = json_array_size(v);
	for (size_t i = 0; i < n && i < CONTENT_REASONS_MAX; i++) {
		const json_t *pair = json_array_get(v, i), *what = json_array_get(pair, 0);
		ret->reasons[ret->nreasons++] = (struct content_reason){
			slice_of(json_string_value(what), json_string_length(what)),
			(float)json_number_value(json_array_get(pair, 1))};
	}
}

bool content_report_read(json_t *j, struct arena *a, struct content_report *ret)
{
	*ret = (struct content_report){0};
	ret->probability = json_number_value(json_object_get(j, "probability"));
	int64_t bulk = json_read_count(j, "bulk");
	ret->bulk = bulk > 100 ? 100 : (unsigned)bulk;
	ret->class = ret->bulk >= CONTENT_BULK_FROM ? CONTENT_BULK : CONTENT_ORDINARY;
	ret->limited = json_is_true(json_object_get(j, "limited"));
	ret->subject = json_read_text(j, "subject");
	ret->from_name = json_read_text(j, "from_name");
	ret->from_address = json_read_text(j, "from_address");
	ret->text = json_read_text(j, "text");
	read_hosts(json_object_get(j, "hosts"), a, ret);
	read_reasons(json_object_get(j, "reasons"), ret);
	read_numbers(json_object_get(j, "groups"), LEARN_GROUPS, ret->groups);
	ret->details = json_object_get(j, "details");
	return read_signals(json_object_get(j, "signals"), a, &ret->signals) &&
	       read_numbers(json_object_get(j, "models"), LEARN_INPUTS, ret->in) &&
	       read_prints(json_object_get(j, "fingerprints"), ret) &&
	       read_files(json_object_get(j, "files"), a, ret) &&
	       read_opened(json_object_get(j, "opened"), a, ret) && read_fuse(j, &ret->fuse) &&
	       read_features(j, a, ret);
}
