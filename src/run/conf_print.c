/*
 * Printing configurations: the documented defaults, which are the reference manual of every key,
 * and the effective values of a loaded one. Called by the command line and by the supervisor, which
 * hands its configuration to its children as text.
 */
#include "base/mem.h"
#include "base/utf8.h"
#include "run/conf_internal.h"

enum { WIDTH = 98 };

/* ---- wrapping, with two columns for CJK ---- */

/* Characters that must not begin a line in Chinese text. */
static bool closes(uint32_t c)
{
	static const uint32_t closing[] = {0x2019, 0x201d, 0x3001, 0x3002, 0x300b, 0x300d, 0x300f,
		0x3011, 0xff01, 0xff09, 0xff0c, 0xff1a, 0xff1b, 0xff1f};
	for (size_t i = 0; i < sizeof closing / sizeof *closing; i++)
		if (closing[i] == c)
			return true;
	return false;
}

/* Length of the longest prefix that fits and may end a line; at least one character. */
static size_t line_length(slice s, unsigned width)
{
	slice rest = s;
	size_t at = 0, best = 0;
	unsigned columns = 0, wide, wide_before = 1;
	for (uint32_t c; at < s.n && s.p[at] != '\n' && utf8_next(&rest, &c); at = s.n - rest.n) {
		wide = utf8_cp_width(c);
		if (at > 0 && (c == ' ' || ((wide > 1 || wide_before > 1) && !closes(c))))
			best = at;
		columns += wide;
		if (columns > width)
			return best ? best : at ? at : s.n - rest.n;
		wide_before = wide;
	}
	return at;
}

static void put_comment(struct buf *out, const char *text)
{
	slice s = slice_z(text);
	while (s.n) {
		size_t n = line_length(s, WIDTH - 2);
		buf_put(out, S("# "));
		buf_put(out, slice_first(s, n));
		buf_byte(out, '\n');
		s = slice_skip(s, n);
		while (s.n && (*s.p == ' ' || *s.p == '\n'))
			s = slice_skip(s, 1);
	}
}

/* ---- defaults ---- */

static void put_default_section(const struct conf_section *s, enum conf_lang lang, struct buf *out)
{
	buf_byte(out, '\n');
	put_comment(out, lang == CONF_ZH ? s->doc_zh : s->doc_en);
	if (s->named)
		buf_printf(out, "#[%s \"main\"]\n", s->name);
	else
		buf_printf(out, "[%s]\n", s->name);
	for (const struct conf_key *k = s->keys; k->key; k++) {
		buf_byte(out, '\n');
		put_comment(out, lang == CONF_ZH ? k->doc_zh : k->doc_en);
		buf_put(out, S("# ("));
		conf_value_describe(k, lang, out);
		buf_printf(out, ")\n#%s =%s%s\n", k->key, *k->def ? " " : "", k->def);
	}
}

void conf_print_defaults(
	const struct conf_section *const *sections, enum conf_lang lang, struct buf *out)
{
	put_comment(out,
		lang == CONF_ZH
			? "Posthouse 的配置：所有的键、说明及默认值。只需写出与默认值不同的键。"
			  "“#”起注释；缩进的行延续上一个值；值中含有“#”或首尾空格时用双引号。"
			: "Configuration of Posthouse: every key with its meaning and default. "
			  "Only what differs "
			  "from the default needs to be written. A # begins a comment; indented "
			  "lines continue "
			  "the value above; quote values that contain # or begin or end with "
			  "spaces.");
	for (; *sections; sections++)
		put_default_section(*sections, lang, out);
}

/* ---- effective values ---- */

static void put_instance(const struct conf_section *s, const struct conf_instance *i,
	enum conf_show what, struct buf *out)
{
	AUTO(buf) struct buf keys = BUF(CONF_FILE_MAX);
	for (size_t k = 0; s->keys[k].key; k++) {
		if (what == CONF_SHOW_CHANGED && i->where[k].line == 0)
			continue;
		buf_printf(&keys, "%s = ", s->keys[k].key);
		conf_value_print(&s->keys[k], i->value + s->keys[k].offset,
			what == CONF_SHOW_SECRETS, &keys);
		buf_byte(&keys, '\n');
	}
	if (keys.n == 0 && !s->named)
		return;
	if (s->named)
		buf_printf(out, "[%s \"%.*s\"]\n", s->name, SFMT(i->name));
	else
		buf_printf(out, "[%s]\n", s->name);
	buf_put(out, buf_slice(&keys));
	buf_byte(out, '\n');
}

void conf_print(const struct conf *c, enum conf_show what, struct buf *out)
{
	for (size_t t = 0; t < c->ntables; t++)
		for (size_t i = 0; i < c->tables[t].n; i++)
			put_instance(c->tables[t].section, &c->tables[t].v[i], what, out);
}
