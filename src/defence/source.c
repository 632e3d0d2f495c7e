/*
 * Making the classes and ranges of callers out of the configuration (source_conf.c) and the
 * built-in table (source_defaults.c), and finding the one that an address or a host belongs to.
 * Called by door.c.
 */
#include "defence/source_conf.h"

enum { RANGES_MAX = 10000 };

static void put_limits(const struct source_conf *v, struct source *s)
{
#define X(key, id)                                                                                 \
	if (v->key.n)                                                                              \
		source_rule_parse(&v->key,                                                         \
			s->limits[id].action ? s->limits[id].action : DOOR_DEFER, &s->limits[id]);
	SOURCE_LIMIT_KEYS(X)
#undef X
#define X(key, id, kind)                                                                           \
	if (v->key.n)                                                                              \
		source_number_parse(v->key, kind, &s->numbers[id]);
	SOURCE_NUMBER_KEYS(X)
#undef X
	if (v->error_minimum.n)
		source_number_parse(v->error_minimum, WRITTEN_COUNT, &s->error_minimum);
	if (v->delay.n)
		source_number_parse(v->delay, WRITTEN_TIME, &s->delay);
	if (v->delay_max.n)
		source_number_parse(v->delay_max, WRITTEN_TIME, &s->delay_max);
}

static void put_checks(const struct source_conf *v, struct source *s)
{
#define X(key, id)                                                                                 \
	if (v->key.n)                                                                              \
		source_score_parse(v->key, &s->thresholds[id]);
	SOURCE_SCORE_KEYS(X)
#undef X
#define X(key, id)                                                                                 \
	if (v->key == SOURCE_YES)                                                                  \
		s->checks |= id;                                                                   \
	else if (v->key == SOURCE_NO)                                                              \
		s->checks &= ~(unsigned)id;
	SOURCE_CHECK_KEYS(X)
#undef X
}

static const struct conf_nets no_nets;
static const struct conf_list no_hosts;

/* What the section says, over what is there already. */
static void put(const struct source_conf *v, slice name, struct source *s)
{
	s->name = name;
	s->networks = &v->networks;
	s->exceptions = &v->exceptions;
	s->hosts = &v->hosts;
	put_limits(v, s);
	put_checks(v, s);
}

static void make_class(
	const struct conf *conf, enum source_class c, struct arena *a, struct source *ret)
{
	source_defaults(c, ret);
	ret->networks = ret->exceptions = &no_nets;
	ret->hosts = &no_hosts;
	const struct source_conf *v = conf_named(conf, &source_section, ret->name);
	if (v)
		put(v, ret->name, ret);
	ret->scores = source_scores(conf, ret->checks, a);
}

/* Private networks are not asked about in the DNS and have no limits, unless somebody says so. */
static void make_local(const struct source_conf *v, const struct source *cls, struct source *ret)
{
	*ret = *cls;
	ret->name = S("local");
	ret->range = true;
	memset(ret->limits, 0, sizeof ret->limits);
	memset(ret->numbers, 0, sizeof ret->numbers);
	ret->checks = CHECK_SPF | CHECK_DKIM | CHECK_CONTENT;
	for (int i = 0; i < DOOR_ACTIONS; i++)
		ret->thresholds[i] = SOURCE_OFF;
	if (v)
		put(v, ret->name, ret);
	if (!v || (!v->networks.n && !v->hosts.n))
		ret->networks = &source_local_networks;
}

static enum source_class class_of(const struct source_conf *v, enum source_class otherwise)
{
	return v && v->class != SOURCE_CLASSES ? (enum source_class)v->class : otherwise;
}

static void make_ranges(const struct conf *conf, struct arena *a, struct sources *s)
{
	size_t n = conf_count(conf, &source_section);
	const struct source_conf *local = conf_named(conf, &source_section, S("local"));
	s->ranges = ARENA_ARRAY(a, struct source, n + 1);
	make_local(local, &s->classes[class_of(local, SOURCE_KNOWN)], &s->ranges[s->n++]);
	for (size_t i = 0; i < n; i++) {
		slice name;
		enum source_class c;
		const struct source_conf *v = conf_nth(conf, &source_section, i, &name);
		if (source_is_class(name, &c) || v == local)
			continue;
		struct source *r = &s->ranges[s->n++];
		*r = s->classes[class_of(v, SOURCE_UNKNOWN)];
		r->range = true;
		put(v, name, r);
	}
	for (size_t i = 0; i < s->n; i++)
		s->ranges[i].scores = source_scores(conf, s->ranges[i].checks, a);
}

int sources_make(const struct conf *conf, struct arena *a, struct sources *ret, struct err *e)
{
	*ret = (struct sources){0};
	if (conf_count(conf, &source_section) > RANGES_MAX)
		return err_set(e, ERR_LIMIT, "more than %d [source] sections", RANGES_MAX);
	for (unsigned c = 0; c < SOURCE_CLASSES; c++)
		make_class(conf, (enum source_class)c, a, &ret->classes[c]);
	make_ranges(conf, a, ret);
	return 0;
}

/* ---- finding ---- */

const struct source *sources_by_address(const struct sources *s, const struct net_addr *ip)
{
	const struct source *best = NULL;
	int bits = -1;
	for (size_t i = 0; i < s->n; i++) {
		const struct conf_nets *nets = s->ranges[i].networks;
		for (size_t j = 0; j < nets->n; j++)
			if (nets->v[j].bits > bits && net_cidr_match(&nets->v[j], ip)) {
				best = &s->ranges[i];
				bits = nets->v[j].bits;
			}
	}
	return best;
}

/* How much of the name the pattern says, 0: does not match. ".example" is below example only. */
static size_t host_match(slice pattern, slice name)
{
	if (pattern.n && pattern.p[0] == '.')
		return name.n > pattern.n && slice_iends(name, pattern) ? pattern.n : 0;
	return slice_ieq(pattern, name) ? pattern.n + 1 : 0;
}

const struct source *sources_by_host(const struct sources *s, slice name)
{
	const struct source *best = NULL;
	size_t most = 0;
	for (size_t i = 0; i < s->n; i++) {
		const struct conf_list *hosts = s->ranges[i].hosts;
		for (size_t j = 0; j < hosts->n; j++) {
			size_t n = host_match(hosts->v[j], name);
			if (n > most) {
				best = &s->ranges[i];
				most = n;
			}
		}
	}
	return best;
}

bool source_excepts(const struct source *s, const struct net_addr *ip)
{
	for (size_t i = 0; i < s->exceptions->n; i++)
		if (net_cidr_match(&s->exceptions->v[i], ip))
			return true;
	return false;
}
