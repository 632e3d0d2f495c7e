/*
 * Folders (RFC 9051 section 6.3.9, 6.3.10; RFC 6154, 5258; XLIST): the own ones, with their special use, subscribed or not, and their names as people
 * read them. What belongs to others and to everybody is left out; where that lies NAMESPACE tells (RFC 2342).
 *
 * Names come in modified UTF-7 or, against the rules, in UTF-8; one that is neither is taken byte for byte as Latin-1, so that it has a name at all.
 */
#include "base/mem.h"
#include "base/utf8.h"
#include "codec/mutf7.h"
#include "proto/imapc/session.h"

#include <stdlib.h>

/* ---- where the own folders are ---- */

/* ((prefix delimiter) ...) or NIL. */
static int read_namespaces(
	struct imapc *s, struct imapc_namespace *v, unsigned most, unsigned *n, struct err *e)
{
	struct imapc_word w;
	if (imapc_word(s, &w, e) < 0)
		return -1;
	if (w.kind == WORD_ATOM)
		return 0;
	if (w.kind != WORD_OPEN)
		return imapc_broken(s, e, "a broken NAMESPACE");
	for (;;) {
		struct imapc_namespace one = {0};
		slice text;
		if (imapc_word(s, &w, e) < 0)
			return -1;
		if (w.kind == WORD_CLOSE)
			return 0;
		if (w.kind != WORD_OPEN || imapc_string(s, &text, e) < 0)
			return s->dead ? -1 : imapc_broken(s, e, "a broken NAMESPACE");
		one.prefix = arena_dup(&s->mem, text);
		if (imapc_string(s, &text, e) < 0)
			return -1;
		one.delimiter = text.n ? text.p[0] : 0;
		do {
			if (imapc_word(s, &w, e) < 0)
				return -1;
			if (w.kind != WORD_CLOSE && imapc_skip_value(s, &w, e) < 0)
				return -1;
		} while (w.kind != WORD_CLOSE);
		if (*n < most)
			v[(*n)++] = one;
	}
}

static int on_namespace(struct imapc *s, slice name, uint64_t n, void *arg, struct err *e)
{
	struct imapc_namespace own[4];
	unsigned nown = 0;
	(void)n, (void)arg;
	if (!slice_ieq(name, S("NAMESPACE")))
		return 1;
	s->nothers = 0;
	if (read_namespaces(s, own, 4, &nown, e) < 0 ||
		read_namespaces(s, s->others, IMAPC_NAMESPACES_MAX, &s->nothers, e) < 0 ||
		read_namespaces(s, s->others, IMAPC_NAMESPACES_MAX, &s->nothers, e) < 0)
		return -1;
	if (nown)
		s->own = own[0];
	return imapc_skip_line(s, e);
}

static int find_namespaces(struct imapc *s, struct err *e)
{
	if (s->has_namespaces || !(s->caps & CAP_NAMESPACE))
		return 0;
	s->has_namespaces = true;
	if (imapc_begin(s, e) < 0 || io_write(s->io, S("NAMESPACE"), e) < 0)
		return -1;
	if (imapc_run(s, on_namespace, NULL, e) < 0 && s->dead)
		return -1;
	return 0; /* a NO is no reason to stop */
}

/* A level of its own, or all that begins with the prefix. */
static bool is_others(const struct imapc *s, slice name)
{
	for (unsigned i = 0; i < s->nothers; i++) {
		slice p = s->others[i].prefix;
		if (p.n == 0)
			continue;
		bool bare = s->others[i].delimiter && p.p[p.n - 1] == s->others[i].delimiter &&
			    slice_eq(name, slice_first(p, p.n - 1));
		if (slice_starts(name, p) || bare)
			return true;
	}
	return false;
}

/* ---- names ---- */

static void put_latin1(struct buf *out, slice level)
{
	for (size_t i = 0; i < level.n; i++)
		utf8_put(out, (unsigned char)level.p[i]);
}

/* The level of a name in UTF-8; a "/" in it is U+2215, which looks like it. */
static void put_level(const struct imapc *s, struct buf *out, slice level)
{
	AUTO(buf) struct buf text = BUF(4 * IMAPC_WORD_MAX);
	if (s->utf8 || !utf8_is_ascii(level) || !mutf7_decode(level, &text)) {
		buf_reset(&text);
		if (utf8_valid(level))
			buf_put(&text, level);
		else
			put_latin1(&text, level);
	}
	slice rest = buf_slice(&text), part;
	for (bool first = true; slice_cut(&rest, '/', &part); first = false) {
		if (!first)
			buf_put(out, S("\xe2\x88\x95"));
		buf_put(out, part);
	}
}

static slice path_of(const struct imapc *s, slice name, char delimiter, struct arena *a)
{
	AUTO(buf) struct buf out = BUF(8 * IMAPC_WORD_MAX);
	slice level, prefix = s->own.prefix;
	if (prefix.n && name.n > prefix.n && slice_istarts(name, prefix))
		name = slice_skip(name, prefix.n);
	if (!delimiter) {
		put_level(s, &out, name);
		return arena_dup(a, buf_slice(&out));
	}
	while (slice_cut(&name, delimiter, &level)) {
		if (out.n)
			buf_byte(&out, '/');
		put_level(s, &out, level);
	}
	return arena_dup(a, buf_slice(&out));
}

/* ---- LIST ---- */

struct listing {
	struct arena *a;
	struct imapc_folder *v;
	size_t n, cap;
	bool subscribed; /* LSUB: only marks */
};

static enum imapc_use use_of(slice attribute)
{
	static const struct {
		const char *name;
		enum imapc_use use;
	} uses[] = {
		{"\\Archive", IMAPC_USE_ARCHIVE},
		{"\\Drafts", IMAPC_USE_DRAFTS},
		{"\\Junk", IMAPC_USE_JUNK},
		{"\\Spam", IMAPC_USE_JUNK},
		{"\\Sent", IMAPC_USE_SENT},
		{"\\Trash", IMAPC_USE_TRASH},
		{"\\Flagged", IMAPC_USE_FLAGGED},
		{"\\Starred", IMAPC_USE_FLAGGED},
		{"\\All", IMAPC_USE_ALL},
		{"\\AllMail", IMAPC_USE_ALL},
		{"\\Important", IMAPC_USE_IMPORTANT},
	};
	for (size_t i = 0; i < sizeof uses / sizeof *uses; i++)
		if (slice_ieq(attribute, slice_z(uses[i].name)))
			return uses[i].use;
	return IMAPC_USE_NONE;
}

static int read_attributes(struct imapc *s, struct imapc_folder *f, struct err *e)
{
	struct imapc_word w;
	if (imapc_word(s, &w, e) < 0)
		return -1;
	if (w.kind != WORD_OPEN)
		return imapc_broken(s, e, "a broken LIST");
	f->selectable = true;
	for (;;) {
		if (imapc_word(s, &w, e) < 0)
			return -1;
		if (w.kind == WORD_CLOSE)
			return 0;
		if (w.kind != WORD_ATOM)
			return imapc_broken(s, e, "a broken LIST");
		if (slice_ieq(w.text, S("\\Noselect")) || slice_ieq(w.text, S("\\NonExistent")))
			f->selectable = false;
		if (slice_ieq(w.text, S("\\Subscribed")))
			f->subscribed = true;
		if (!f->use)
			f->use = use_of(w.text);
	}
}

static void mark(struct listing *l, slice name)
{
	for (size_t i = 0; i < l->n; i++)
		if (slice_eq(l->v[i].name, name))
			l->v[i].subscribed = true;
}

static int add(struct imapc *s, struct listing *l, const struct imapc_folder *f, struct err *e)
{
	if (l->n == IMAPC_FOLDERS_MAX) {
		s->dead = true;
		return err_set(e, ERR_LIMIT, "more than %d folders", IMAPC_FOLDERS_MAX);
	}
	if (l->n == l->cap) {
		struct imapc_folder *old = l->v;
		l->cap = l->cap ? 2 * l->cap : 64;
		l->v = ARENA_ARRAY(l->a, struct imapc_folder, l->cap);
		if (l->n)
			memcpy(l->v, old, l->n * sizeof *old);
	}
	l->v[l->n++] = *f;
	return 0;
}

static int on_list(struct imapc *s, slice is, uint64_t n, void *arg, struct err *e)
{
	struct listing *l = arg;
	struct imapc_folder f = {0};
	slice text;
	(void)n;
	if (!slice_ieq(is, S("LIST")) && !slice_ieq(is, S("XLIST")) && !slice_ieq(is, S("LSUB")))
		return 1;
	if (read_attributes(s, &f, e) < 0 || imapc_string(s, &text, e) < 0)
		return -1;
	char delimiter = text.n ? text.p[0] : 0;
	if (imapc_string(s, &text, e) < 0)
		return -1;
	if (!text.n || is_others(s, text))
		return imapc_skip_line(s, e);
	if (l->subscribed) {
		mark(l, text);
		return imapc_skip_line(s, e);
	}
	f.name = arena_dup(l->a, text);
	f.path = path_of(s, f.name, delimiter, l->a);
	if (slice_ieq(f.name, S("INBOX")))
		f.path = S("INBOX");
	if (add(s, l, &f, e) < 0)
		return -1;
	return imapc_skip_line(s, e);
}

static int by_name(const void *a, const void *b)
{
	return slice_cmp(
		((const struct imapc_folder *)a)->name, ((const struct imapc_folder *)b)->name);
}

/* The same name twice, as some servers do. */
static size_t unique(struct imapc_folder *v, size_t n)
{
	size_t kept = 0;
	for (size_t i = 0; i < n; i++)
		if (!kept || !slice_eq(v[kept - 1].name, v[i].name))
			v[kept++] = v[i];
	return kept;
}

static int ask(struct imapc *s, const char *command, struct listing *l, struct err *e)
{
	if (imapc_begin(s, e) < 0 || io_printf(s->io, e, "%s", command) < 0)
		return -1;
	return imapc_run(s, on_list, l, e);
}

int imapc_list(
	struct imapc *s, struct arena *a, struct imapc_folder **ret, size_t *ret_n, struct err *e)
{
	struct listing l = {.a = a};
	bool extended = s->caps & CAP_LIST_EXTENDED, use = s->caps & CAP_SPECIAL_USE;
	if (find_namespaces(s, e) < 0)
		return -1;
	const char *command = extended ? use ? "LIST \"\" \"*\" RETURN (SUBSCRIBED SPECIAL-USE)"
					     : "LIST \"\" \"*\" RETURN (SUBSCRIBED)"
			      : s->caps & CAP_XLIST ? "XLIST \"\" \"*\""
						    : "LIST \"\" \"*\"";
	if (ask(s, command, &l, e) < 0 && (s->dead || ask(s, "LIST \"\" \"*\"", &l, e) < 0))
		return -1;
	if (l.n)
		qsort(l.v, l.n, sizeof *l.v, by_name);
	l.n = unique(l.v, l.n);
	l.subscribed = true;
	if (!extended && ask(s, "LSUB \"\" \"*\"", &l, e) < 0 && s->dead)
		return -1;
	*ret = l.v;
	*ret_n = l.n;
	return 0;
}
