/*
 * Whether what a pack holds can be used (features.h): rules are read together with the shipped ones, the model is one
 * for this program, each line of a list is an entry, YARA compiles its sources. Signatures for ClamAV are judged by clamd. Called where there is nothing to steal: by a scan process and by
 * the confined child of the command line; and, for lists and fingerprints, by whoever puts them into effect.
 */
#include "bin/features.h"

#include "base/hex.h"
#include "base/mem.h"
#include "bin/rule_files.h"
#include "content/yara.h"
#include "defence/fingerprint.h"
#include "learn/model.h"
#include "store/list.h"
#include <stdlib.h>

enum { ENTRIES_MAX = 200000, PRINTS_MAX = 200000 };

/* ---- entries of lists ---- */

static size_t count_lines(slice text)
{
	size_t n = 1;
	for (size_t i = 0; i < text.n; i++)
		n += text.p[i] == '\n';
	return n;
}

static int read_entry(slice pack, slice line, struct arena *a, struct lists_entry *ret,
	bool *ret_is, struct err *e)
{
	const struct lists_entry defaults = {.level = LISTS_SYSTEM,
		.created_at = wall_now(),
		.created_by = arena_printf(a, "features:%.*s", SFMT(pack))};
	struct lists_entry entry = defaults;
	bool guess = false;
	*ret_is = false;
	if (!lists_line_parse(line, &defaults, a, &entry, &guess, e))
		return e->kind == ERR_NONE ? 0 : -1;
	if (lists_canonical(&entry, guess, a, e) < 0)
		return -1;
	if (entry.level != LISTS_SYSTEM)
		return err_set(e, ERR_PROTO, "a pack has entries of the system alone");
	entry.created_by = defaults.created_by;
	*ret = entry;
	*ret_is = true;
	return 0;
}

int features_entries(slice pack, slice text, struct arena *a, struct lists_entry **ret,
	size_t *ret_n, struct err *e)
{
	size_t n = 0, lines = count_lines(text), number = 0;
	slice line;
	if (lines > ENTRIES_MAX)
		return err_set(e, ERR_LIMIT, "more than %d entries", ENTRIES_MAX);
	struct lists_entry *v = ARENA_ARRAY(a, struct lists_entry, lines + 1);
	while (slice_cut(&text, '\n', &line)) {
		bool is;
		number++;
		*e = (struct err){0};
		if (read_entry(pack, line, a, &v[n], &is, e) < 0)
			return err_wrap(e, "line %zu", number);
		n += is;
	}
	*ret = v;
	*ret_n = n;
	return 0;
}

/* ---- fingerprints ---- */

static bool print_kind(slice word, enum fingerprint_kind *ret)
{
	for (int k = 0; k < FINGERPRINTS; k++)
		if (slice_eq(word, slice_z(fingerprint_kind_name((enum fingerprint_kind)k)))) {
			*ret = (enum fingerprint_kind)k;
			return true;
		}
	return false;
}

static bool read_print(slice line, struct features_print *ret)
{
	slice word;
	char number[16], *end;
	if (!slice_cut(&line, ' ', &word) || !print_kind(word, &ret->print.kind) ||
		!slice_cut(&line, ' ', &word) || word.n != 16 || !hex_u64(word, &ret->print.hash) ||
		!slice_cut(&line, ' ', &word))
		return false;
	ret->bad = slice_eq(word, S("bad"));
	if ((!ret->bad && !slice_eq(word, S("good"))) || line.n == 0 || line.n >= sizeof number)
		return false;
	memcpy(number, line.p, line.n);
	number[line.n] = 0;
	ret->weight = strtod(number, &end);
	return *end == 0 && ret->weight > 0 && ret->weight <= FINGERPRINT_WEIGHT_MAX;
}

int features_prints(
	slice text, struct arena *a, struct features_print **ret, size_t *ret_n, struct err *e)
{
	size_t n = 0, lines = count_lines(text), number = 0;
	slice line;
	if (lines > PRINTS_MAX)
		return err_set(e, ERR_LIMIT, "more than %d fingerprints", PRINTS_MAX);
	struct features_print *v = ARENA_ARRAY(a, struct features_print, lines + 1);
	while (slice_cut(&text, '\n', &line)) {
		line = slice_trim(line);
		number++;
		if (!line.n || line.p[0] == '#')
			continue;
		if (!read_print(line, &v[n++]))
			return err_set(
				e, ERR_PROTO, "line %zu: not KIND HASH good|bad WEIGHT", number);
	}
	*ret = v;
	*ret_n = n;
	return 0;
}

/* ---- YARA ---- */

/* What a source is broken by, the first of it. */
static void on_broken(void *arg, slice about)
{
	struct err *e = arg;
	if (e->kind == ERR_NONE)
		err_set(e, ERR_PROTO, "%.*s", SFMT(slice_first(about, 200)));
}

static int check_yara(slice bytes, slice name, struct err *e)
{
	const struct yara_source source = {name, bytes};
	struct yara_rules *r = NULL;
	struct err broken = {0};
	int got = yara_compile(&source, 1, on_broken, &broken, &r, e);
	yara_free(r);
	if (got == 0 && broken.kind) {
		*e = broken;
		return -1;
	}
	return got;
}

/* ---- the whole ---- */

static int check_rules(const struct feature_pack *p, bool compile, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	AUTO(rules) struct rules *r = NULL;
	const struct rules_source *v;
	size_t n = 0, all;
	struct rules_source *own = ARENA_ARRAY(&a, struct rules_source, p->m.nfiles + 1);
	for (size_t i = 0; i < p->m.nfiles; i++)
		if (p->m.files[i].kind == FEATURE_RULES)
			own[n++] = (struct rules_source){
				rule_files_name(p->m.name, p->m.files[i].name, &a), p->bytes[i]};
	if (!n)
		return 0;
	rule_files_join(own, n, &a, &v, &all);
	return compile ? rules_compile(v, all, &r, e) : rules_parse(v, all, &r, e);
}

static int check_file(const struct feature_manifest *m, const struct feature_file *file,
	slice bytes, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	AUTO(learn_model) struct learn_model model = {0};
	struct lists_entry *entries;
	struct features_print *prints;
	size_t n;
	switch (file->kind) {
	case FEATURE_MODEL:
		return learn_model_read(bytes, &model, e);
	case FEATURE_LISTS:
		return features_entries(m->name, bytes, &a, &entries, &n, e);
	case FEATURE_YARA:
		return check_yara(bytes, file->name, e);
	case FEATURE_PRINTS:
		return features_prints(bytes, &a, &prints, &n, e);
	default:
		return 0;
	}
}

int features_check(const struct feature_pack *p, bool compile, struct err *e)
{
	if (!feature_program_fits(p->m.needs, S(VERSION)))
		return err_set(e, ERR_PROTO, "it needs version %.*s of the program; this is %s",
			SFMT(p->m.needs), VERSION);
	for (size_t i = 0; i < p->m.nfiles; i++)
		if (check_file(&p->m, &p->m.files[i], p->bytes[i], e) < 0)
			return err_wrap(e, "%.*s", SFMT(p->m.files[i].name));
	return check_rules(p, compile, e);
}
