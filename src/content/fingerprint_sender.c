/*
 * Fingerprints of who and what made a message (F4): the network it came from, how it calls itself,
 * and the habits of the program that wrote it: the order of header fields, the shapes of Message-ID
 * and boundary, X-Mailer. Single traits are shared by many; combinations are not.
 *
 * Fields that others add on the way (Received, signatures, results) do not count.
 */
#include "content/fingerprint_impl.h"

#include "base/mem.h"
#include "content/checking.h"

enum {
	FIELDS_USED = 30,
	SHAPE_MAX = 60,
};

/* "<20240115.AB12cd@mail.example>" is "<9.A9a@": what kinds of characters stand in a row. */
static void put_shape(struct buf *out, slice s)
{
	char last = 0;
	for (size_t i = 0; i < s.n && i < SHAPE_MAX; i++) {
		char c = s.p[i], kind = c;
		if (c >= '0' && c <= '9')
			kind = '9';
		else if (c >= 'a' && c <= 'z')
			kind = 'a';
		else if (c >= 'A' && c <= 'Z')
			kind = 'A';
		if (kind != last || (kind != '9' && kind != 'a' && kind != 'A'))
			buf_byte(out, kind);
		last = kind;
	}
}

/* Words stay, versions go: "Mailer 5.0.1" is "mailer 9". */
static void put_program(struct buf *out, slice s)
{
	char last = 0;
	for (size_t i = 0; i < s.n && i < SHAPE_MAX; i++) {
		char c = ascii_lower(s.p[i]);
		bool number = (c >= '0' && c <= '9') || c == '.';
		if (!number || last != '9')
			buf_byte(out, number ? '9' : c);
		last = number ? '9' : c;
	}
}

static bool is_added_later(slice name)
{
	static const slice names[] = {S_INIT("received"), S_INIT("return-path"),
		S_INIT("delivered-to"), S_INIT("dkim-signature"), S_INIT("authentication-results"),
		S_INIT("domainkey-signature"), S_INIT("received-spf"), S_INIT("x-original-to"),
		S_INIT("envelope-to"), S_INIT("delivery-date"), S_INIT("to"), S_INIT("cc"),
		S_INIT("references"), S_INIT("in-reply-to"), S_INIT("status"), S_INIT("lines")};
	static const slice starts[] = {S_INIT("arc-"), S_INIT("x-spam"), S_INIT("x-forwarded"),
		S_INIT("x-google-"), S_INIT("x-ms-exchange"), S_INIT("x-received"),
		S_INIT("resent-"), S_INIT("list-"), S_INIT("x-gm-")};
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (slice_ieq(name, names[i]))
			return true;
	for (size_t i = 0; i < sizeof starts / sizeof *starts; i++)
		if (slice_istarts(name, starts[i]))
			return true;
	return false;
}

static void put_order(struct buf *out, const struct content_exam *x)
{
	slice rest = x->c->mail.header;
	struct header_field f;
	for (unsigned n = 0; n < FIELDS_USED && header_next(&rest, &f);) {
		if (f.name.n == 0 || is_added_later(f.name))
			continue;
		put_program(out, f.name);
		buf_byte(out, ' ');
		n++;
	}
}

static slice value(const struct content_exam *x, slice name)
{
	struct header_field f;
	return header_find(x->c->mail.header, name, 0, &f) ? slice_trim(f.value) : S("");
}

/* The program. */
static uint64_t tool(const struct content_exam *x)
{
	AUTO(buf) struct buf s = BUF(16384);
	const struct mime_part *top = &x->c->mime->v[0];
	slice id = value(x, S("message-id"));
	put_order(&s, x);
	put_program(&s, value(x, S("x-mailer")));
	buf_byte(&s, '\n');
	put_program(&s, value(x, S("user-agent")));
	buf_byte(&s, '\n');
	put_shape(&s, slice_first(id, slice_index(id, '@')));
	buf_byte(&s, '\n');
	put_shape(&s, mime_param(&top->type, S("boundary")));
	buf_byte(&s, '\n');
	buf_put(&s, slice_first(top->type.main, SHAPE_MAX));
	return learn_hash(51, buf_slice(&s));
}

/* 24 bits of an IPv4 address, 48 of an IPv6. */
static slice network(slice ip)
{
	bool v6 = slice_index(ip, ':') < ip.n;
	size_t at = 0;
	for (unsigned i = 0; i < 3 && at < ip.n; i++)
		at += slice_index(slice_skip(ip, at), v6 ? ':' : '.') + 1;
	return slice_first(ip, at);
}

static uint64_t source(const struct content_exam *x)
{
	AUTO(buf) struct buf s = BUF(2048);
	buf_put(&s, network(x->ctx->client_ip));
	buf_byte(&s, '\n');
	buf_put(&s, slice_first(checking_org(x, x->ctx->client_name), 255));
	buf_byte(&s, '\n');
	put_shape(&s, x->ctx->helo);
	return learn_hash(52, buf_slice(&s));
}

static uint64_t pair(uint64_t a, uint64_t b, uint64_t seed)
{
	uint64_t v[2] = {a, b};
	return learn_hash(seed, slice_of(v, sizeof v));
}

void fingerprints_of_sender(struct fingerprints_out *out, const struct content_exam *x)
{
	slice from = checking_from_domain(x);
	uint64_t program = tool(x), domain = learn_hash(53, checking_org(x, from));
	fingerprint_put(out, FINGERPRINT_SENDER, program);
	if (from.n)
		fingerprint_put(out, FINGERPRINT_SENDER, pair(program, domain, 54));
	if (x->ctx->client_ip.n == 0)
		return;
	uint64_t place = source(x);
	fingerprint_put(out, FINGERPRINT_SENDER, pair(program, place, 55));
	fingerprint_put(out, FINGERPRINT_SENDER, pair(place, domain, 56));
}
