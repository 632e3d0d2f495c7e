/*
 * Documents that are written like the configuration but are data of their own (the organisation's
 * policies): read without includes, and looked through as a whole by their owner, whose mistakes and
 * warnings stand beside those of the engine. Called by whoever owns such a document.
 */
#include "base/must.h"
#include "run/conf_internal.h"

static const struct conf_instance *instance_of(
	const struct conf *c, const struct conf_section *s, size_t i)
{
	for (size_t t = 0; t < c->ntables; t++)
		if (c->tables[t].section == s && i < c->tables[t].n)
			return &c->tables[t].v[i];
	must(!"section was not among those read");
	return NULL;
}

static struct conf_place key_place(
	const struct conf_instance *in, const struct conf_section *s, const char *key)
{
	size_t k = 0;
	while (key && s->keys[k].key && strcmp(s->keys[k].key, key) != 0)
		k++;
	must(!key || s->keys[k].key);
	return key ? in->where[k] : (struct conf_place){0};
}

bool conf_written(const struct conf *c, const struct conf_section *s, size_t i, const char *key)
{
	return key_place(instance_of(c, s, i), s, key).line > 0;
}

bool conf_sound(const struct conf *c, const struct conf_section *s, size_t i)
{
	return !instance_of(c, s, i)->broken;
}

static struct conf_place find_place(
	const struct conf_review *r, const struct conf_section *s, size_t i, const char *key)
{
	const struct conf_instance *in = instance_of(r->conf, s, i);
	struct conf_place at = key_place(in, s, key);
	return at.line ? at : in->at;
}

void conf_review_mistake(struct conf_review *r, const struct conf_section *s, size_t i,
	const char *key, const char *en, const char *zh, ...)
{
	va_list ap;
	va_start(ap, zh);
	conf_mistake_at(
		r->mistakes, find_place(r, s, i, key), r->mistakes->lang == CONF_ZH ? zh : en, ap);
	va_end(ap);
}

void conf_review_warning(struct conf_review *r, const struct conf_section *s, size_t i,
	const char *key, const char *en, const char *zh, ...)
{
	va_list ap;
	va_start(ap, zh);
	conf_mistake_at(
		r->warnings, find_place(r, s, i, key), r->warnings->lang == CONF_ZH ? zh : en, ap);
	va_end(ap);
}
