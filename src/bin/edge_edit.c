/*
 * The changed form of a message for one group of recipients (edge_edit.h): what policy wants becomes a
 * struct edit (codec/edit.h), the result a blob of its own, with signatures that hold. Called by
 * edge_policy*.c in accept().
 *
 * Not here: keeping the original (the caller does, in the same commit), marks and fields (the prefix).
 */
#include "bin/edge_edit_impl.h"

#include "base/mem.h"
#include "bin/edge_sign.h"
#include "bin/keys_client.h"
#include "codec/address.h"
#include "codec/dkim_field.h"
#include "mail/forward.h"
#include "mail/sign.h"
#include "run/metrics.h"
#include "run/pool.h"
#include "senderauth/arc.h"
#include "store/trace.h"

METRIC_COUNTER(changed, "posthouse_edge_messages_changed_total", "",
	"Messages whose content policy had changed, counted by groups of recipients.");
METRIC_COUNTER(cleaned, "posthouse_edge_messages_cleaned_total", "",
	"Messages that viruses were taken out of.");

enum { POOL_FROM = 256 * 1024 /* bytes; smaller ones are edited at once */ };

bool edge_edit_wanted(const struct policy_decision *d)
{
	return d->subject_tag.n || d->banner.en.n || d->banner.zh.n || d->disclaimer.en.n ||
	       d->disclaimer.zh.n || d->strip || d->clean;
}

/* ---- what is to be done ---- */

static struct edit_text text_of(const struct policy_text *t, struct arena *a)
{
	if (!t->zh.n || !t->en.n)
		return (struct edit_text){.text = t->zh.n ? t->zh : t->en};
	return (struct edit_text){
		.text = arena_printf(a, "%.*s\r\n%.*s", SFMT(t->zh), SFMT(t->en))};
}

/* A message without header gets an empty one. */
static slice with_header(const struct edge_edit_ask *q, struct arena *a)
{
	if (!q->headless)
		return q->message;
	char *p = arena_alloc(a, q->message.n + 2);
	memcpy(p, "\r\n", 2);
	if (q->message.n)
		memcpy(p + 2, q->message.p, q->message.n);
	return slice_of(p, q->message.n + 2);
}

struct making {
	slice message;
	struct edit edit;
	struct arena *a;
	struct buf out;
	unsigned notes;
	int status;
	struct err err;
};

static void make(void *arg)
{
	struct making *m = arg;
	m->status = edit_message(m->message, &m->edit, m->a, &m->out, &m->notes, &m->err);
}

static void make_edit(struct making *m, const struct edge_stripping *t)
{
	const struct policy_decision *d = t->q->decision;
	m->message = t->whole;
	m->a = t->a;
	m->out = BUF(edit_limit(t->whole.n));
	m->edit = (struct edit){.subject_tag = d->subject_tag,
		.banner = text_of(&d->banner, t->a),
		.disclaimer = text_of(&d->disclaimer, t->a),
		.strip = t->v,
		.nstrip = t->n};
	if (t->whole.n < POOL_FROM)
		make(m);
	else
		pool_call(make, m);
}

/* ---- cleaning ---- */

/* Was there anything to be cleaned, and is it clean now? */
static enum edge_edit_result is_clean(
	struct edge_stripping *t, const struct making *m, struct edge_edited *ret, struct err *e)
{
	struct engines_answer answer = {0};
	if (!t->q->decision->clean || !t->q->facts->virus.n)
		return EDGE_EDIT_DONE;
	if (edge_edit_ask_engines(t, buf_slice(&m->out), S("message.eml"), &answer, e) < 0)
		return EDGE_EDIT_FAILED;
	ret->virus = answer.infected ? answer.virus : t->silent.n ? t->silent : S("");
	if (ret->virus.n)
		return EDGE_EDIT_INFECTED;
	metric_add(&cleaned, 1);
	return EDGE_EDIT_DONE;
}

/* ---- signatures ---- */

static bool signs_subject(const struct dkim_field *f)
{
	for (size_t i = 0; i < f->nnames; i++)
		if (slice_ieq(f->names[i], S("Subject")))
			return true;
	return false;
}

/* Those of others that do not hold any more: "dkim:example.org smime". */
static slice what_broke(slice message, unsigned notes, struct arena *a)
{
	enum { SHOWN = 10 };
	AUTO(buf) struct buf out = BUF(TRACE_VALUE_MAX);
	struct header_field f;
	slice rest = message;
	unsigned n = 0;
	while (header_next(&rest, &f) && n < SHOWN) {
		struct dkim_field d = {0};
		if (!slice_ieq(f.name, S("DKIM-Signature")))
			continue;
		dkim_field_parse(f.value, DKIM_SIGNATURE, a, &d);
		if (!(notes & EDIT_BODY) && !signs_subject(&d))
			continue;
		buf_printf(&out, "%sdkim:%.*s", out.n ? " " : "", SFMT(d.domain));
		n++;
	}
	if (notes & EDIT_SIGNATURE_LOST)
		buf_printf(&out, "%smessage-signature", out.n ? " " : "");
	return arena_dup(a, buf_slice(&out));
}

static slice join(slice x, slice y, slice z, struct arena *a)
{
	AUTO(buf) struct buf out = BUF(x.n + y.n + z.n + 1);
	buf_put(&out, x);
	buf_put(&out, y);
	buf_put(&out, z);
	return arena_dup(a, buf_slice(&out));
}

static slice without(slice prefix, slice old, struct arena *a)
{
	size_t at = old.n ? slice_find(prefix, old) : prefix.n;
	return at == prefix.n
		       ? prefix
		       : join(slice_first(prefix, at), slice_skip(prefix, at + old.n), S(""), a);
}

static bool goes_on(const struct queue_msg *m)
{
	for (size_t i = 0; i < m->nrcpts; i++)
		if (slice_starts(m->rcpts[i].dest, S("backend:")) ||
			slice_starts(m->rcpts[i].dest, S("smtp:")))
			return true;
	return false;
}

/* What was verified here is told to the system that it goes on to, by the keys of its recipients' domain:
 * it cannot find out by itself any more. Without keys it goes without. */
static slice seal(struct edge_session *s, const struct edge_edit_ask *q, slice prefix,
	slice message, struct arena *a)
{
	struct edge *e = s->edge;
	const struct queue_msg *m = q->m;
	slice local, domain, ascii, why = {0};
	struct err err;
	if (e->config->signing->arc == SIGNING_ARC_NONE || (m->flags & MSG_SUBMITTED) ||
		!goes_on(m) || !address_split(m->rcpts[0].address, &local, &domain) ||
		!domain_to_ascii(domain, a, &ascii))
		return S("");
	AUTO(buf) struct buf header = BUF(FORWARD_HEADER_MAX), out = BUF(FORWARD_SEAL_MAX);
	struct body_hashes *b = body_hashes_new(a);
	struct signer keys = keys_client_signer(e->keys);
	int digest = arc_seal_want(b);
	size_t n = header_length(message);
	buf_put(&header, prefix);
	buf_put(&header, slice_first(message, n));
	body_hashes_add(b, slice_skip(message, n));
	body_hashes_end(b);
	const struct arc_seal how = {.header = buf_slice(&header),
		.authserv_id = e->authserv_id,
		.domain = ascii,
		.wall = wall_now()};
	int r = buf_ok(&header) ? arc_seal(&how, b, digest, &keys, a, &out, &why, &err) : -1;
	body_hashes_free(b);
	return r == 0 && buf_ok(&out) ? arena_dup(a, buf_slice(&out)) : S("");
}

static int make_prefix(struct edge_session *s, const struct edge_edit_ask *q, slice message,
	struct arena *a, slice *ret, struct err *e)
{
	slice prefix = q->m->prefix, old, new;
	if (q->headless && slice_ends(prefix, S("\r\n\r\n")))
		prefix.n -= 2; /* the message has a header of its own now */
	if (edge_sign_again(s, message, a, &old, &new, e) < 0)
		return -1;
	prefix = without(prefix, old, a);
	slice sealed = seal(s, q, prefix, message, a);
	*ret = join(sealed, new, prefix, a);
	return 0;
}

/* ---- the result ---- */

static int store(struct edge_session *s, slice message, struct edge_edited *ret, struct err *e)
{
	struct blob_writer *w = blob_begin(s->edge->blobs);
	if (blob_add(w, message, e) < 0) {
		blob_cancel(w);
		return -1;
	}
	return blob_finish(w, &ret->blob, &ret->size, e);
}

static slice file_names(const struct edge_stripping *t)
{
	AUTO(buf) struct buf out = BUF(TRACE_VALUE_MAX);
	for (size_t i = 0; i < t->n && out.n < TRACE_VALUE_MAX / 2; i++)
		buf_printf(&out, "%s%.*s", i ? ", " : "", SFMT(slice_first(t->names[i], 80)));
	return arena_dup(t->a, buf_slice(&out));
}

static slice event(const struct edge_stripping *t, const struct making *m)
{
	AUTO(buf) struct buf what = BUF(200), log = BUF(4096);
	const struct edit *e = &m->edit;
	if (m->notes & EDIT_SUBJECT)
		buf_put(&what, S(" subject"));
	if (e->banner.text.n)
		buf_put(&what, S(" banner"));
	if (e->disclaimer.text.n)
		buf_put(&what, S(" disclaimer"));
	if (t->n)
		buf_printf(&what, " stripped:%zu", t->n);
	if (m->notes & EDIT_RECODED)
		buf_put(&what, S(" recoded"));
	trace_event(&log, wall_now(), "changed", "what", slice_skip(buf_slice(&what), 1), "files",
		file_names(t), "virus", t->viruses, "broke", what_broke(t->whole, m->notes, t->a),
		NULL);
	return arena_dup(t->a, buf_slice(&log));
}

static enum edge_edit_result finish(
	struct edge_stripping *t, const struct making *m, struct edge_edited *ret, struct err *e)
{
	slice message = buf_slice(&m->out);
	if (make_prefix(t->s, t->q, message, t->a, &ret->prefix, e) < 0 ||
		store(t->s, message, ret, e) < 0)
		return EDGE_EDIT_FAILED;
	ret->flags = t->q->m->flags;
	ret->notes = m->notes;
	ret->log = event(t, m);
	metric_add(&changed, 1);
	return EDGE_EDIT_DONE;
}

/* What fails for good would fail again when it came again. */
static enum edge_edit_result failed(const struct err *e, struct arena *a, struct edge_edited *ret)
{
	if (e->kind != ERR_PROTO && e->kind != ERR_LIMIT)
		return EDGE_EDIT_FAILED;
	ret->virus = arena_dup(a, slice_z(e->text));
	return EDGE_EDIT_CANNOT;
}

static enum edge_edit_result edit(
	struct edge_stripping *t, struct making *m, struct edge_edited *ret, struct err *e)
{
	bool clean = t->q->decision->clean && t->q->facts->virus.n;
	if (edge_strip_wanted(t, e) < 0 || (clean && edge_strip_infected(t, e) < 0))
		return failed(e, t->a, ret);
	if (clean && (t->silent.n || !t->viruses.n)) { /* nothing to be taken out was found */
		ret->virus = t->silent.n ? t->silent : t->q->facts->virus;
		return EDGE_EDIT_INFECTED;
	}
	make_edit(m, t);
	if (m->status < 0) {
		*e = m->err;
		return failed(e, t->a, ret);
	}
	if (!(m->notes & EDIT_CHANGED))
		return EDGE_EDIT_SAME;
	enum edge_edit_result r = is_clean(t, m, ret, e);
	return r == EDGE_EDIT_DONE ? finish(t, m, ret, e) : r;
}

enum edge_edit_result edge_edit(struct edge_session *s, const struct edge_edit_ask *q,
	struct arena *a, struct edge_edited *ret, struct err *e)
{
	struct edge_stripping t = {.s = s, .q = q, .a = a, .whole = with_header(q, a)};
	struct making m = {.a = a};
	*ret = (struct edge_edited){0};
	edge_stripping_init(&t);
	enum edge_edit_result r = edit(&t, &m, ret, e);
	buf_done(&m.out);
	return r;
}
