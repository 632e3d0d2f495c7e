/*
 * Body digests of DKIM and ARC (RFC 6376 sections 3.4.3, 3.4.4, 3.7, 5.3): a canonicaliser for each
 * of the two forms, run only if somebody wants it, and digests fed by it. Line ends are CRLF; a
 * bare CR or LF is an ordinary character. Callers: dkim_verify.c, dkim_sign.c, arc*.c and whoever
 * passes the body by.
 *
 * Both forms drop empty lines at the end, so line ends are owed until something follows; relaxed
 * also owes one space for a run of blanks until the line goes on.
 */
#include "senderauth/bodyhash.h"

#include "base/mem.h"
#include "base/must.h"
#include <openssl/evp.h>

enum { GATHER = 4096, FORMS = CANON_RELAXED + 1 };

struct digest {
	enum dkim_canon canon;
	enum body_digest kind;
	int64_t limit; /* -1 all */
	EVP_MD_CTX *ctx;
	uint64_t eaten; /* canonical bytes that were hashed: never above limit */
	unsigned char value[EVP_MAX_MD_SIZE];
	unsigned size;
};

/* Where the canonicaliser of one form is. */
struct form {
	bool wanted;
	bool cr; /* the last byte was a CR, maybe half of a line end */
	bool blank; /* relaxed: blanks were read and not written */
	uint64_t owed; /* line ends not written yet */
	uint64_t length; /* canonical bytes */
	size_t gathered;
	char gather[GATHER]; /* small pieces on their way to the digests */
};

struct body_hashes {
	struct digest v[BODY_HASHES_MAX];
	int n;
	bool ended;
	struct form *forms[FORMS]; /* NULL: not wanted */
	struct arena *mem;
};

/* Fetched once: the lookup by name costs more than hashing a small body. */
static const EVP_MD *md_of(enum body_digest kind)
{
	static EVP_MD *fetched[BODY_SHA256 + 1];
	if (!fetched[kind])
		fetched[kind] = EVP_MD_fetch(NULL, kind == BODY_SHA1 ? "SHA1" : "SHA256", NULL);
	must(fetched[kind] != NULL);
	return fetched[kind];
}

struct body_hashes *body_hashes_new(struct arena *a)
{
	struct body_hashes *b = ARENA_NEW(a, struct body_hashes);
	b->mem = a;
	return b;
}

int body_hashes_want(
	struct body_hashes *b, enum dkim_canon canon, enum body_digest digest, int64_t limit)
{
	must(!b->ended);
	for (int i = 0; i < b->n; i++)
		if (b->v[i].canon == canon && b->v[i].kind == digest && b->v[i].limit == limit)
			return i;
	if (b->n == BODY_HASHES_MAX)
		return -1;
	if (!b->forms[canon])
		b->forms[canon] = ARENA_NEW(b->mem, struct form);
	struct digest *d = &b->v[b->n];
	*d = (struct digest){
		.canon = canon, .kind = digest, .limit = limit, .ctx = EVP_MD_CTX_new()};
	must(d->ctx && EVP_DigestInit_ex(d->ctx, md_of(digest), NULL) == 1);
	return b->n++;
}

/* Canonical bytes to all digests of the form. */
static void feed(struct body_hashes *b, enum dkim_canon canon, slice bytes)
{
	for (int i = 0; i < b->n; i++) {
		struct digest *d = &b->v[i];
		if (d->canon != canon)
			continue;
		size_t n = bytes.n;
		if (d->limit >= 0 && n > (uint64_t)d->limit - d->eaten)
			n = (size_t)((uint64_t)d->limit - d->eaten);
		must(n == 0 || EVP_DigestUpdate(d->ctx, bytes.p, n) == 1);
		d->eaten += n;
	}
}

static void flush(struct body_hashes *b, enum dkim_canon canon)
{
	struct form *f = b->forms[canon];
	feed(b, canon, slice_of(f->gather, f->gathered));
	f->gathered = 0;
}

static void emit(struct body_hashes *b, enum dkim_canon canon, slice bytes)
{
	struct form *f = b->forms[canon];
	f->length += bytes.n;
	if (bytes.n > sizeof f->gather - f->gathered)
		flush(b, canon);
	if (bytes.n >= sizeof f->gather) {
		feed(b, canon, bytes);
		return;
	}
	memcpy(f->gather + f->gathered, bytes.p, bytes.n);
	f->gathered += bytes.n;
}

static void pay_lines(struct body_hashes *b, enum dkim_canon canon)
{
	static const char lines[] = "\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n";
	enum { AT_ONCE = sizeof lines / 2 };
	struct form *f = b->forms[canon];
	while (f->owed) {
		uint64_t n = f->owed < AT_ONCE ? f->owed : AT_ONCE;
		emit(b, canon, slice_of(lines, 2 * n));
		f->owed -= n;
	}
}

/* Something that stays as it is: what was owed before it is due. */
static void content(struct body_hashes *b, enum dkim_canon canon, slice bytes)
{
	struct form *f = b->forms[canon];
	if (f->owed)
		pay_lines(b, canon);
	if (f->blank)
		emit(b, canon, S(" "));
	f->blank = false;
	emit(b, canon, bytes);
}

/* After a CR: a line end if an LF follows, else the CR was content. True if *in was moved. */
static bool second_half(struct body_hashes *b, enum dkim_canon canon, slice *in)
{
	struct form *f = b->forms[canon];
	f->cr = false;
	if (in->p[0] != '\n') {
		content(b, canon, S("\r"));
		return false;
	}
	f->blank = false;
	f->owed++;
	*in = slice_skip(*in, 1);
	return true;
}

static void add_simple(struct body_hashes *b, slice in)
{
	struct form *f = b->forms[CANON_SIMPLE];
	if (f->cr && in.n)
		second_half(b, CANON_SIMPLE, &in);
	bool cr = in.n && in.p[in.n - 1] == '\r';
	size_t end = in.n - cr, lines = 0;
	for (; end >= 2 && in.p[end - 1] == '\n' && in.p[end - 2] == '\r'; end -= 2)
		lines++;
	if (end)
		content(b, CANON_SIMPLE, slice_first(in, end));
	f->owed += lines;
	f->cr |= cr;
}

enum { PLAIN, BLANK, CR };
static const unsigned char class_of[256] = {[' '] = BLANK, ['\t'] = BLANK, ['\r'] = CR};

static bool plain_at(slice s, size_t i)
{
	return i < s.n && class_of[(unsigned char)s.p[i]] == PLAIN;
}

typedef uint8_t block __attribute__((vector_size(16)));

static block load(const char *p)
{
	block b;
	memcpy(&b, p, sizeof b);
	return b;
}

/* From i on, blocks in which every byte stays as it is: no tab, no CR, no space before a blank or a
 * line end. Lines of text pass here; stops anywhere in front of what is not so, or near the end. */
static size_t skip_plain(slice s, size_t i)
{
	for (; i + sizeof(block) < s.n; i += sizeof(block)) {
		block now = load(s.p + i), next = load(s.p + i + 1);
		block odd = (block)((now == '\t') | (now == '\r'));
		odd |= (block)((now == ' ') & ((next == ' ') | (next == '\t') | (next == '\r')));
		uint64_t half[2];
		memcpy(half, &odd, sizeof half);
		if (half[0])
			return i + (size_t)__builtin_ctzll(half[0]) / 8;
		if (half[1])
			return i + 8 + (size_t)__builtin_ctzll(half[1]) / 8;
	}
	return i;
}

/* How much of s, which begins with a plain character, is its own relaxed form and ends with a plain
 * character: single spaces inside lines and line ends between characters included. */
static size_t relaxed_run(slice s)
{
	size_t i = 1;
	for (;;) {
		i = skip_plain(s, i);
		while (plain_at(s, i))
			i++;
		if (i < s.n && s.p[i] == ' ' && plain_at(s, i + 1))
			i += 2;
		else if (i + 2 < s.n && s.p[i] == '\r' && s.p[i + 1] == '\n' && plain_at(s, i + 2))
			i += 3;
		else
			return i;
	}
}

static void add_relaxed(struct body_hashes *b, slice in)
{
	struct form *f = b->forms[CANON_RELAXED];
	while (in.n) {
		if (f->cr && second_half(b, CANON_RELAXED, &in))
			continue;
		size_t n = 1;
		switch (class_of[(unsigned char)in.p[0]]) {
		case BLANK:
			f->blank = true;
			break;
		case CR:
			f->cr = true;
			break;
		default:
			n = relaxed_run(in);
			content(b, CANON_RELAXED, slice_first(in, n));
		}
		in = slice_skip(in, n);
	}
}

void body_hashes_add(struct body_hashes *b, slice bytes)
{
	must(!b->ended);
	if (b->forms[CANON_SIMPLE])
		add_simple(b, bytes);
	if (b->forms[CANON_RELAXED])
		add_relaxed(b, bytes);
}

/* The last line gets its end; in the simple form an empty body is one, too (3.4.3). */
static void end_form(struct body_hashes *b, enum dkim_canon canon)
{
	struct form *f = b->forms[canon];
	if (f->cr)
		content(b, canon, S("\r"));
	if (f->length || canon == CANON_SIMPLE)
		emit(b, canon, S("\r\n"));
	flush(b, canon);
}

void body_hashes_end(struct body_hashes *b)
{
	must(!b->ended);
	b->ended = true;
	for (int canon = 0; canon < FORMS; canon++)
		if (b->forms[canon])
			end_form(b, (enum dkim_canon)canon);
	for (int i = 0; i < b->n; i++) {
		struct digest *d = &b->v[i];
		must(EVP_DigestFinal_ex(d->ctx, d->value, &d->size) == 1);
	}
}

slice body_hashes_get(const struct body_hashes *b, int i)
{
	must(b->ended && i >= 0 && i < b->n);
	return slice_of(b->v[i].value, b->v[i].size);
}

uint64_t body_hashes_length(const struct body_hashes *b, int i)
{
	must(i >= 0 && i < b->n);
	return b->forms[b->v[i].canon]->length;
}

void body_hashes_free(struct body_hashes *b)
{
	for (int i = 0; b && i < b->n; i++) {
		EVP_MD_CTX_free(b->v[i].ctx);
		b->v[i].ctx = NULL;
	}
}
