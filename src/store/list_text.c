/*
 * Entries as text, one a line, for import and export (list.h): words and key=value, values in
 * double quotes where they hold spaces, with a backslash before a quote or backslash. Pure.
 */
#include "base/time.h"
#include "store/list.h"

#define LONGEST (1000000 * DAY) /* a year of five digits is a mistake */

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Cuts one word off, quotes resolved. False at the end; *ret_bad: a quote is not closed. */
static bool next_word(slice *line, struct arena *a, slice *ret, bool *ret_bad)
{
	while (line->n && is_space(line->p[0]))
		*line = slice_skip(*line, 1);
	if (line->n == 0)
		return false;
	char *out = arena_alloc(a, line->n + 1);
	size_t n = 0, i = 0;
	bool quoted = false;
	for (; i < line->n && (quoted || !is_space(line->p[i])); i++) {
		if (line->p[i] == '"')
			quoted = !quoted;
		else if (quoted && line->p[i] == '\\' && i + 1 < line->n)
			out[n++] = line->p[++i];
		else
			out[n++] = line->p[i];
	}
	*line = slice_skip(*line, i);
	*ret = slice_of(out, n);
	*ret_bad |= quoted;
	return true;
}

static bool parse_scope(slice v, struct lists_entry *entry)
{
	slice level = slice_first(v, slice_index(v, ':'));
	entry->scope = slice_skip(v, level.n + 1);
	return lists_level_parse(level, &entry->level);
}

/* A date, or a time from now: "2026-12-31", "30d"; "never". */
static bool parse_expires(slice v, int64_t now, int64_t *ret)
{
	int64_t usec;
	if (slice_eq(v, S("never"))) {
		*ret = 0;
		return true;
	}
	if (duration_parse(v, &usec)) {
		*ret = now + usec;
		return usec > 0 && usec < LONGEST;
	}
	return time_parse(v, now, ret) && *ret > 0;
}

static bool parse_option(slice word, int64_t now, struct lists_entry *entry)
{
	size_t eq = slice_index(word, '=');
	slice key = slice_first(word, eq), v = slice_skip(word, eq + 1);
	if (slice_eq(word, S("insist"))) {
		entry->insist = true;
		return true;
	}
	if (eq == word.n)
		return false;
	if (slice_eq(key, S("level")))
		return parse_scope(v, entry);
	if (slice_eq(key, S("expires")))
		return parse_expires(v, now, &entry->expires_at);
	if (slice_eq(key, S("at")))
		return time_parse(v, now, &entry->created_at);
	if (slice_eq(key, S("by")))
		entry->created_by = v;
	else if (slice_eq(key, S("comment")))
		entry->comment = v;
	else
		return false;
	return true;
}

struct words {
	slice rest, word;
	struct arena *a;
	bool have, bad;
};

static void step(struct words *w)
{
	w->have = next_word(&w->rest, w->a, &w->word, &w->bad);
}

static bool is_last(const struct words *w)
{
	return slice_trim(w->rest).n == 0;
}

/* "block ip WHAT": both may be left out. The last word of a line is always WHAT. */
static void parse_head(struct words *w, struct lists_entry *entry, bool *ret_guess)
{
	if (!is_last(w) && (slice_ieq(w->word, S("allow")) || slice_ieq(w->word, S("block")))) {
		entry->allow = ascii_lower(w->word.p[0]) == 'a';
		step(w);
	}
	*ret_guess = true;
	if (!is_last(w) && lists_kind_parse(w->word, &entry->kind)) {
		*ret_guess = false;
		step(w);
	}
}

bool lists_line_parse(slice line, const struct lists_entry *defaults, struct arena *a,
	struct lists_entry *ret, bool *ret_guess, struct err *e)
{
	struct lists_entry entry = *defaults;
	struct words w = {.rest = slice_trim(line), .a = a};
	e->kind = ERR_NONE;
	if (w.rest.n == 0 || w.rest.p[0] == '#')
		return false;
	if (w.rest.n > LISTS_LINE_MAX) {
		err_set(e, ERR_LIMIT, "the line is longer than %d bytes", LISTS_LINE_MAX);
		return false;
	}
	step(&w);
	parse_head(&w, &entry, ret_guess);
	entry.what = w.word;
	for (step(&w); w.have; step(&w))
		if (!parse_option(w.word, defaults->created_at, &entry)) {
			err_set(e, ERR_PROTO, "not understood: %.*s",
				SFMT(slice_first(w.word, 100)));
			return false;
		}
	if (w.bad) {
		err_set(e, ERR_PROTO, "a quote is not closed");
		return false;
	}
	*ret = entry;
	return true;
}

/* ---- printing ---- */

static void put_value(struct buf *out, const char *key, slice v)
{
	bool quote = v.n == 0;
	for (size_t i = 0; i < v.n; i++)
		quote |= is_space(v.p[i]) || v.p[i] == '"' || v.p[i] == '\\';
	buf_printf(out, "%s", key);
	if (!quote) {
		buf_put(out, v);
		return;
	}
	buf_byte(out, '"');
	for (size_t i = 0; i < v.n; i++) {
		if (v.p[i] == '"' || v.p[i] == '\\')
			buf_byte(out, '\\');
		buf_byte(out, v.p[i]);
	}
	buf_byte(out, '"');
}

void lists_line_print(struct buf *out, const struct lists_entry *entry)
{
	char when[TIME_ISO_MAX];
	buf_printf(out, "%s %s ", entry->allow ? "allow" : "block", lists_kind_name(entry->kind));
	put_value(out, "", entry->what);
	if (entry->level != LISTS_SYSTEM) {
		buf_printf(out, " level=%s:", lists_level_name(entry->level));
		put_value(out, "", entry->scope);
	}
	if (entry->insist)
		buf_put(out, S(" insist"));
	if (entry->expires_at) {
		time_iso(entry->expires_at, when);
		buf_printf(out, " expires=%s", when);
	}
	if (entry->created_by.n)
		put_value(out, " by=", entry->created_by);
	if (entry->created_at) {
		time_iso(entry->created_at, when);
		buf_printf(out, " at=%s", when);
	}
	if (entry->comment.n)
		put_value(out, " comment=", entry->comment);
	buf_byte(out, '\n');
}
