/*
 * The condition `attachment`: a file that is all that one of its words says ("archive+encrypted",
 * "name:*.iso", "office+macro+size:10k.."). Notes which files they were, for stripping those. Files
 * inside of others count; what is stripped is the attachment that they came in, as whoever edits
 * finds it by `depth`. Called by match.c's loop.
 */
#include "policy/policy_impl.h"
#include "store/wildcard.h"

enum term { TERM_ANY, TERM_CLASS, TERM_TYPE, TERM_FACT, TERM_NAME, TERM_SIZE, TERM_PLACE };

static bool term_holds(const struct policy_word *term, const struct policy_file *file)
{
	switch ((enum term)term->index) {
	case TERM_ANY:
		return true;
	case TERM_CLASS:
		return filetype_is(file->type, term->bits);
	case TERM_TYPE:
		return file->type == (enum filetype)term->bits;
	case TERM_FACT:
		return file->facts & term->bits;
	case TERM_NAME:
		return wildcard_match(term->text, file->name);
	case TERM_SIZE:
		return (double)file->size >= term->min && (double)file->size <= term->max;
	case TERM_PLACE:
		return (file->depth > 0) == (term->bits > 0);
	}
	return false;
}

static bool file_is(const struct policy_word *w, const struct policy_file *file)
{
	for (size_t i = 0; i < w->nall; i++)
		if (term_holds(&w->all[i], file) == w->all[i].not )
			return false;
	return true;
}

/* All files are looked at where it matters which they are. */
static bool one_of_files(struct policy_judging *j, const struct policy_word *w)
{
	bool hit = false;
	for (size_t i = 0; i < j->f->nfiles; i++) {
		if (!file_is(w, &j->f->files[i]))
			continue;
		hit = true;
		if (w->not || !j->policy->wants_files)
			break;
		j->matched[i] = true;
	}
	return hit;
}

bool policy_holds_attachment(struct policy_judging *j, const struct policy_test *t)
{
	bool hit = false;
	if (j->policy->wants_files && !j->matched)
		j->matched = ARENA_ARRAY(j->scratch, bool, j->f->nfiles + 1);
	for (size_t i = 0; i < t->words.n; i++) {
		if (hit && !t->words.v[i].not &&!j->policy->wants_files)
			continue;
		if (!one_of_files(j, &t->words.v[i]))
			continue;
		if (t->words.v[i].not )
			return false;
		hit = true;
	}
	return hit || !t->words.positive;
}

/* ---- reading a word ---- */

static bool range_term(slice text, struct policy_word *ret)
{
	ret->index = TERM_SIZE;
	return policy_range_parse(text, true, &ret->min, &ret->max);
}

static const struct class_name {
	const char *name;
	unsigned bits;
} class_names[] = {
	{"program", FILETYPE_PROGRAM},
	{"script", FILETYPE_SCRIPT},
	{"shortcut", FILETYPE_SHORTCUT},
	{"archive", FILETYPE_ARCHIVE},
	{"disk", FILETYPE_DISK},
	{"document", FILETYPE_DOCUMENT},
	{"office", FILETYPE_OFFICE},
	{"web", FILETYPE_WEB},
	{"mail", FILETYPE_MAIL},
	{"locked", FILETYPE_LOCKED},
	{"picture", FILETYPE_PICTURE},
	{"media", FILETYPE_MEDIA},
	{"plain", FILETYPE_PLAIN},
	{"closed", FILETYPE_CLOSED},
	{"dangerous", FILETYPE_DANGEROUS},
};

static bool class_term(slice name, struct policy_word *ret)
{
	for (size_t i = 0; i < sizeof class_names / sizeof *class_names; i++)
		if (slice_eq(name, slice_z(class_names[i].name))) {
			ret->index = TERM_CLASS;
			ret->bits = class_names[i].bits;
			return true;
		}
	return false;
}

static bool type_term(slice name, struct policy_word *ret)
{
	enum filetype type;
	if (!filetype_by_name(name, &type))
		return false;
	ret->index = TERM_TYPE;
	ret->bits = (unsigned)type;
	return true;
}

static bool fact_term(slice name, struct policy_word *ret)
{
	for (unsigned i = 0; i < EXTRACT_FACTS; i++)
		if (slice_eq(name, slice_z(extract_fact_names[i].name))) {
			ret->index = TERM_FACT;
			ret->bits = 1U << i;
			return true;
		}
	return false;
}

static bool place_term(slice name, struct policy_word *ret)
{
	bool inside = slice_eq(name, S("inside"));
	ret->index = TERM_PLACE;
	ret->bits = inside;
	return inside || slice_eq(name, S("attached"));
}

static bool name_term(slice pattern, struct policy_word *ret)
{
	ret->index = TERM_NAME;
	ret->text = pattern;
	return pattern.n > 0;
}

static bool any_term(slice name, struct policy_word *ret)
{
	ret->index = TERM_ANY;
	return slice_eq(name, S("any"));
}

static bool read_term(slice text, struct policy_word *ret)
{
	static const struct prefix {
		slice text;
		bool (*read)(slice rest, struct policy_word *ret);
	} prefixes[] = {
		{S_INIT("name:"), name_term},
		{S_INIT("size:"), range_term},
		{S_INIT("type:"), type_term},
		{S_INIT("class:"), class_term},
		{S_INIT("fact:"), fact_term},
	};
	ret->not = slice_starts(text, S("!"));
	text = slice_skip(text, ret->not );
	for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++)
		if (slice_starts(text, prefixes[i].text))
			return prefixes[i].read(slice_skip(text, prefixes[i].text.n), ret);
	if (slice_index(text, '*') < text.n)
		return name_term(text, ret);
	return any_term(text, ret) || class_term(text, ret) || type_term(text, ret) ||
	       fact_term(text, ret) || place_term(text, ret);
}

bool policy_word_file(
	struct policy_reading *rd, const char *key, slice word, struct policy_word *ret)
{
	struct policy_word *terms =
		ARENA_ARRAY(&rd->set->mem, struct policy_word, POLICY_FILE_TERMS_MAX);
	slice rest = word, part;
	while (slice_cut(&rest, '+', &part)) {
		if (ret->nall == POLICY_FILE_TERMS_MAX) {
			policy_wrong(rd, key, "%s: '%.*s' joins more than %d things",
				"%s：“%.*s”连接了超过 %d 项", key, SFMT(word),
				POLICY_FILE_TERMS_MAX);
			return false;
		}
		if (!read_term(part, &terms[ret->nall++])) {
			policy_wrong(rd, key,
				"%s: '%.*s' is no kind of file (program script archive office exe "
				"pdf ...), nothing that is found out about files (encrypted macro "
				"disguised ...), nor name:PATTERN, size:FROM..TO, attached, "
				"inside, any",
				"%s：“%.*s”既不是文件类别（program script archive office exe pdf "
				"等）或文件特征（encrypted macro disguised 等），也不是 name:模式、"
				"size:下限..上限、attached、inside、any",
				key, SFMT(part));
			return false;
		}
	}
	ret->all = terms;
	return ret->nall > 0;
}
