/*
 * Signals in words, for timelines (cli_timeline.c). Rules are only read, not made ready to run:
 * that takes some milliseconds. Rules of the site that are wrong or gone leave the shipped ones.
 */
#include "bin/cli_words.h"

#include "base/mem.h"
#include "bin/rule_files.h"
#include "bin/tr.h"

static void load(struct signal_words *w, slice dir, slice data)
{
	const struct rule_files_from from = {.own = dir, .data = data};
	AUTO(arena) struct arena a = {0};
	const struct rules_source *v;
	size_t n;
	struct err e;
	if (rule_files_read(&from, &a, &v, &n, &e) == 0)
		rules_parse(v, n, &w->rules, &e);
}

const struct signal_def *signal_words_def(struct signal_words *w, slice name)
{
	enum signal_id id;
	if (signal_by_name(name, &id))
		return signal_def(id);
	if (!w->tried) {
		w->tried = true;
		load(w, w->dir, w->data);
		if (!w->rules)
			load(w, S(""), S(""));
	}
	return w->rules ? rules_signal(w->rules, name) : NULL;
}

const char *signal_in_words(struct signal_words *w, slice name)
{
	const struct signal_def *d = signal_words_def(w, name);
	return d ? T(d->en, d->zh) : NULL;
}

void signal_words_done(struct signal_words *w)
{
	rules_free(take(&w->rules));
}
