/*
 * Automatic whitelist (autowhite.h): records in the key-value store. "aw:USER|PEER" and
 * "aw:@DOMAIN|PEER" tell how often and when last our user (anybody of our domain) wrote to the
 * peer; "awid:DIGEST" tells which domains a message of ours went to, for recognising answers: a
 * digest, because message ids are long and mailbox owners' business.
 */
#include "defence/autowhite.h"

#include "base/cur.h"
#include "base/mem.h"
#include "base/must.h"
#include "base/time.h"
#include "codec/header.h"
#include "defence/names.h"

#include <openssl/evp.h>

enum {
	FORMAT = 1,
	ID_DIGEST = 16,
	ID_MAX = 998, /* a longer one is none (RFC 5322 2.1.1) */
	DOMAINS_MAX = 20, /* of one message's recipients */
};

#define T struct autowhite_conf
static const struct conf_key autowhite_keys[] = {
	CONF_KEY_BOOL(T, enabled, "yes",
		"Whom our users write to may write back: such mail is known, once it is proven to "
		"be from there.",
		"本系统用户写信给谁，谁的回信就视为已知来源（须通过来源认证）。"),
	CONF_KEY_DURATION(T, keep, "180d", DAY, 3650 * DAY,
		"For so long after our last message to that address.",
		"自最后一次写信给该地址起保留多久。"),
	CONF_KEY_BOOL(T, whole_organisation, "yes",
		"Whom one user wrote to is known to all users of his domain.",
		"某个用户写过信的地址，对同域所有用户都视为已知。"),
	CONF_KEY_DURATION(T, answer_time, "30d", HOUR, 365 * DAY,
		"Answers to a message of ours are recognised for so long.",
		"多久之内的回复可识别为对我方邮件的答复。"),
	CONF_END};
#undef T
const struct conf_section autowhite_section = {.name = "autowhite",
	.keys = autowhite_keys,
	.size = sizeof(struct autowhite_conf),
	.doc_en = "The automatic whitelist: those whom our users write to.",
	.doc_zh = "自动白名单：本系统用户写过信的地址。"};

struct autowhite {
	struct kv *kv;
	const struct autowhite_conf *conf;
};

struct autowhite *autowhite_open(struct kv *kv, const struct autowhite_conf *conf)
{
	struct autowhite *w = NEW(struct autowhite);
	w->kv = kv;
	w->conf = conf;
	return w;
}

void autowhite_close(struct autowhite *w)
{
	free(w);
}

const char *autowhite_how_name(enum autowhite_how h)
{
	static const char *const names[] = {"no", "user", "organisation", "answer"};
	return names[h];
}

/* ---- records ---- */

struct record {
	uint32_t sent;
	int64_t last; /* seconds since 1970; 0: none */
};

static struct record read_record(slice v)
{
	struct cur c = cur_of(v);
	struct record r = {0};
	if (cur_u8(&c) != FORMAT)
		return r;
	r.sent = cur_u32(&c);
	r.last = cur_u32(&c);
	return cur_ok(&c) ? r : (struct record){0};
}

static void change_sent(slice old, slice arg, struct buf *out)
{
	int64_t now;
	struct record r = read_record(old);
	memcpy(&now, arg.p, sizeof now);
	buf_u8(out, FORMAT);
	buf_u32(out, r.sent + (r.sent < UINT32_MAX));
	buf_u32(out, (uint32_t)now);
}

static slice peer_key(slice ours, slice peer, struct arena *a)
{
	return arena_printf(a, "aw:%.*s|%.*s", SFMT(ours), SFMT(peer));
}

static slice org_of(slice user, struct arena *a)
{
	slice domain = name_domain_of(user, a);
	return domain.n ? arena_printf(a, "@%.*s", SFMT(domain)) : domain;
}

/* Without <>; ids compare as they are written (RFC 5322 3.6.4). */
static bool id_key(slice id, struct arena *a, slice *ret)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned n;
	id = slice_trim(id);
	if (slice_starts(id, S("<")) && slice_ends(id, S(">")))
		id = slice_first(slice_skip(id, 1), id.n - 2);
	if (id.n == 0 || id.n > ID_MAX)
		return false;
	must(EVP_Digest(id.p, id.n, digest, &n, EVP_sha256(), NULL) == 1);
	AUTO(buf) struct buf key = BUF(64);
	buf_put(&key, S("awid:"));
	buf_put(&key, slice_of(digest, ID_DIGEST));
	*ret = arena_dup(a, buf_slice(&key));
	return true;
}

/* The value is a list of the domains that the message went to, with blanks between. */
static bool has_word(slice list, slice word)
{
	slice part;
	while (slice_cut(&list, ' ', &part))
		if (slice_eq(part, word))
			return true;
	return false;
}

static void change_id(slice old, slice arg, struct buf *out)
{
	size_t words = 0;
	slice part;
	for (slice rest = old; old.n && slice_cut(&rest, ' ', &part);)
		words++;
	buf_put(out, old);
	if (words >= DOMAINS_MAX || (old.n && has_word(old, arg)))
		return;
	if (old.n)
		buf_byte(out, ' ');
	buf_put(out, arg);
}

/* ---- noting ---- */

static uint32_t seconds(int64_t usec)
{
	return (uint32_t)(usec / SECOND);
}

void autowhite_note_sent(struct autowhite *w, slice user, slice rcpt, slice message_id)
{
	AUTO(arena) struct arena a = {0};
	slice ours = name_address(user, &a), peer = name_address(rcpt, &a), key;
	if (!w->kv || !w->conf->enabled || ours.n == 0 || peer.n == 0)
		return;
	int64_t now = kv_now(w->kv);
	slice arg = slice_of(&now, sizeof now);
	kv_update(w->kv, peer_key(ours, peer, &a), change_sent, arg, seconds(w->conf->keep));
	if (w->conf->whole_organisation)
		kv_update(w->kv, peer_key(org_of(ours, &a), peer, &a), change_sent, arg,
			seconds(w->conf->keep));
	if (id_key(message_id, &a, &key))
		kv_update(w->kv, key, change_id, name_domain_of(peer, &a),
			seconds(w->conf->answer_time));
}

/* ---- asking ---- */

static bool wrote_to(
	struct autowhite *w, slice ours, slice peer, struct arena *a, struct autowhite_answer *ret)
{
	slice value;
	if (ours.n == 0 || kv_get(w->kv, peer_key(ours, peer, a), a, &value) != KV_FOUND)
		return false;
	struct record r = read_record(value);
	if (r.last == 0)
		return false;
	ret->sent = r.sent;
	ret->last_at = r.last;
	return true;
}

struct question {
	struct autowhite *w;
	const struct autowhite_facts *f;
	struct arena *a;
	struct autowhite_answer *ret;
};

/* `how` counts now, or once the domain is proven. */
static void answer(struct question *q, enum autowhite_how how, slice domain)
{
	if (name_is_proven(domain, q->f->proven, q->f->nproven))
		q->ret->how = how;
	else if (q->ret->waiting == AUTOWHITE_NO)
		q->ret->waiting = how;
}

static void ask_peer(struct question *q, slice address)
{
	slice peer = address.n ? name_address(address, q->a) : address;
	slice ours = name_address(q->f->rcpt, q->a);
	if (peer.n == 0 || q->ret->how != AUTOWHITE_NO)
		return;
	slice domain = name_domain_of(peer, q->a);
	if (wrote_to(q->w, ours, peer, q->a, q->ret))
		answer(q, AUTOWHITE_USER, domain);
	else if (q->w->conf->whole_organisation &&
		 wrote_to(q->w, org_of(ours, q->a), peer, q->a, q->ret))
		answer(q, AUTOWHITE_ORG, domain);
}

/* Did a message of ours with that id go to the domain of one of the senders? */
static void ask_id(struct question *q, slice id)
{
	slice key, domains;
	if (!id_key(id, q->a, &key) || kv_get(q->w->kv, key, q->a, &domains) != KV_FOUND)
		return;
	const slice senders[] = {q->f->from, q->f->sender};
	for (int i = 0; i < 2 && q->ret->how == AUTOWHITE_NO; i++) {
		slice domain = senders[i].n ? name_domain_of(senders[i], q->a) : (slice){0};
		if (domain.n && has_word(domains, domain))
			answer(q, AUTOWHITE_ANSWER, domain);
	}
}

/* Cuts "<id>" off; what is between ids does not matter. */
static bool next_id(slice *text, slice *ret)
{
	slice rest = slice_skip(*text, slice_index(*text, '<'));
	size_t end = slice_index(rest, '>');
	if (end == rest.n)
		return false;
	*ret = slice_first(rest, end + 1);
	*text = slice_skip(rest, end + 1);
	return true;
}

/* The last ids are the nearest ancestors: of a long list they count. */
static void ask_ids(struct question *q, slice field)
{
	slice ids[AUTOWHITE_REFERENCES_MAX], id, text = header_unfold(field, q->a);
	size_t n = 0;
	for (; next_id(&text, &id); n++)
		ids[n % AUTOWHITE_REFERENCES_MAX] = id;
	size_t least = n > AUTOWHITE_REFERENCES_MAX ? n - AUTOWHITE_REFERENCES_MAX : 0;
	for (size_t i = n; i > least && q->ret->how == AUTOWHITE_NO; i--)
		ask_id(q, ids[(i - 1) % AUTOWHITE_REFERENCES_MAX]);
}

void autowhite_ask(
	struct autowhite *w, const struct autowhite_facts *f, struct autowhite_answer *ret)
{
	AUTO(arena) struct arena a = {0};
	struct question q = {w, f, &a, ret};
	*ret = (struct autowhite_answer){.how = AUTOWHITE_NO};
	if (!w->kv || !w->conf->enabled)
		return;
	ask_peer(&q, f->from);
	ask_peer(&q, f->sender);
	if (f->in_reply_to.n && ret->how == AUTOWHITE_NO)
		ask_ids(&q, f->in_reply_to);
	if (f->references.n && ret->how == AUTOWHITE_NO)
		ask_ids(&q, f->references);
	if (ret->how != AUTOWHITE_NO)
		ret->waiting = AUTOWHITE_NO;
}
