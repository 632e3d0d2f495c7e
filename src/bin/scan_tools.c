/* What judges in a scan process, and how it is exchanged (scan_tools.h). */
#include "bin/scan_tools.h"

#include "base/mem.h"
#include "bin/filter_conf.h"
#include "bin/pictures_file.h"
#include "bin/rule_files.h"
#include "bin/shipped.h"
#include "bin/yara_files.h"
#include "codec/address.h"
#include "content/pictures.h"
#include "defence/source_conf.h"
#include "run/log.h"
#include "senderauth/psl.h"
#include "training/published.h"
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DOMAINS_MAX = 200000, DOMAINS_TEXT_MAX = 32 << 20 };

struct scan_tools {
	struct arena mem; /* of what comes from the configuration */
	struct arena domains_mem;
	struct content_site site;
	struct rules *rules;
	struct yara_rules *yara;
	struct learn_model base;
	struct training_published *learned; /* NULL: nothing */
	struct pictures_model *pictures; /* NULL: none */
	struct content_tools tools;
};

static const struct url_names names = {psl_is_known_suffix, psl_org_domain};

const struct content_tools *scan_tools_get(const struct scan_tools *t)
{
	return &t->tools;
}

/* ---- the site ---- */

static void take_partners(struct scan_tools *t, const struct filter_conf *f)
{
	struct content_site *s = &t->site;
	s->partners = ARENA_ARRAY(&t->mem, slice, f->partners.n);
	for (size_t i = 0; i < f->partners.n; i++)
		if (domain_to_ascii(f->partners.v[i], &t->mem, &s->partners[s->npartners]))
			s->npartners++;
}

static void take_people(struct scan_tools *t, const struct conf *conf)
{
	struct content_site *s = &t->site;
	s->npeople = conf_count(conf, &person_section);
	s->people = ARENA_ARRAY(&t->mem, struct content_person, s->npeople);
	for (size_t i = 0; i < s->npeople; i++) {
		slice name;
		const struct person_conf *p = conf_nth(conf, &person_section, i, &name);
		s->people[i].name = arena_dup(&t->mem, name);
		s->people[i].naddresses = p->addresses.n;
		s->people[i].addresses = ARENA_ARRAY(&t->mem, slice, p->addresses.n);
		for (size_t k = 0; k < p->addresses.n; k++)
			s->people[i].addresses[k] = arena_dup(&t->mem, p->addresses.v[k]);
	}
}

/* One a line, A-labels, lower case. */
static int take_domains(struct scan_tools *t, slice text, struct err *e)
{
	struct arena a = {0};
	slice line, rest = text;
	size_t n = 0, most = 1;
	for (size_t i = 0; i < text.n; i++)
		most += text.p[i] == '\n';
	if (most > DOMAINS_MAX || text.n > DOMAINS_TEXT_MAX)
		return err_set(e, ERR_LIMIT, "more than %d domains", DOMAINS_MAX);
	rest = arena_dup(&a, text);
	slice *v = ARENA_ARRAY(&a, slice, most);
	while (slice_cut(&rest, '\n', &line))
		if (line.n)
			v[n++] = line;
	arena_done(&t->domains_mem);
	t->domains_mem = a;
	t->site.domains = v;
	t->site.ndomains = n;
	return 0;
}

/* ---- what was learned ---- */

static void forget_learned(struct scan_tools *t)
{
	t->tools.local = NULL;
	t->tools.counts = NULL;
	t->tools.fuse = NULL;
	if (t->learned)
		training_published_done(t->learned);
	free(take(&t->learned));
}

/* It stays mapped, shared with the other processes. */
static int take_learned(struct scan_tools *t, int fd, struct err *e)
{
	struct stat st;
	if (fstat(fd, &st) == 0 && st.st_size == 0) {
		forget_learned(t);
		return 0;
	}
	AUTO(free) struct training_published *fresh = NEW(struct training_published);
	if (training_published_map(fd, fresh, e) < 0)
		return -1;
	forget_learned(t);
	t->learned = take(&fresh);
	t->tools.local = &t->learned->model.weights;
	t->tools.counts = t->learned->has_counts ? &t->learned->counts : NULL;
	t->tools.fuse = t->learned->flags & TRAINING_CALIBRATED ? &t->learned->model.fuse : NULL;
	return 0;
}

/* Without it mail is still judged by everything else. */
static void read_learned(struct scan_tools *t, slice data)
{
	struct err e;
	AUTO(fd) int fd = -1;
	if (training_current_open(data, &fd, &e) == 0 && take_learned(t, fd, &e) == 0)
		return;
	if (e.kind != ERR_NOTFOUND)
		log_error(NULL, "scan.learned", F("error", &e));
}

/* ---- pictures ---- */

static void forget_pictures(struct scan_tools *t)
{
	t->tools.pictures = NULL;
	pictures_model_free(take(&t->pictures));
}

/* Empty: none. */
static int take_pictures(struct scan_tools *t, slice model, struct err *e)
{
	struct pictures_model *fresh = NULL;
	if (model.n && pictures_model_read(model, &fresh, e) < 0)
		return -1;
	forget_pictures(t);
	t->tools.pictures = t->pictures = fresh;
	return 0;
}

static void read_pictures(struct scan_tools *t, slice data)
{
	struct err e;
	AUTO(buf) struct buf model = BUF(PICTURES_MODEL_MAX);
	if (pictures_file_read(data, &model, &e) == 0 &&
		take_pictures(t, buf_slice(&model), &e) == 0)
		return;
	if (e.kind != ERR_NOTFOUND)
		log_error(NULL, "scan.pictures", F("error", &e));
}

/* ---- rules ---- */

static int compile_rules(struct scan_tools *t, int fd, struct err *e)
{
	AUTO(arena) struct arena a = {0};
	const struct rules_source *v;
	size_t n;
	if (rule_files_unpack(fd, &a, &v, &n, e) < 0 || rules_compile(v, n, &t->rules, e) < 0)
		return -1;
	t->tools.rules = t->rules;
	return 0;
}

static int open_rules(struct scan_tools *t, int fd, bool strict, struct err *e)
{
	if (compile_rules(t, fd, e) == 0)
		return 0;
	if (strict || fd < 0)
		return -1;
	log_error(NULL, "scan.rules", F("error", e),
		F("then", S("the shipped rules alone are in force")));
	return compile_rules(t, -1, e);
}

/* ---- the base model ---- */

static int read_model(int fd, struct learn_model *ret, struct err *e)
{
	AUTO(buf) struct buf file = BUF(LEARN_MODEL_MAX);
	struct stat st;
	if (fstat(fd, &st) < 0)
		return err_sys(e, errno, "base model");
	size_t n = (size_t)st.st_size;
	char *room = buf_room(&file, n);
	if (!room || pread(fd, room, n, 0) != (ssize_t)n)
		return err_set(e, ERR_PROTO, "base model: too large, or not readable");
	buf_commit(&file, n);
	return learn_model_read(buf_slice(&file), ret, e);
}

/* One of a feature pack, else the shipped one. */
static int open_model(struct scan_tools *t, int fd, bool strict, struct err *e)
{
	if (fd >= 0 && read_model(fd, &t->base, e) == 0) {
		t->tools.base = &t->base;
		return 0;
	}
	if (fd >= 0 && strict)
		return err_wrap(e, "the base model of a pack");
	if (fd >= 0)
		log_error(NULL, "scan.model", F("error", e),
			F("then", S("the shipped one is in force")));
	if (learn_model_read(shipped_base_model(), &t->base, e) < 0)
		return err_wrap(e, "the shipped model");
	t->tools.base = &t->base;
	return 0;
}

/* ---- YARA ---- */

static void yara_broken(void *arg, slice about)
{
	(void)arg;
	log_error(NULL, "scan.yara", F("error", about), F("then", S("this file is left out")));
}

/* Rules of others that are wrong do not stop mail, nor a reload. */
static void open_yara(struct scan_tools *t, const struct config *c, int fd)
{
	AUTO(arena) struct arena a = {0};
	const struct yara_conf *conf = conf_get(c->conf, &yara_section);
	struct yara_source *v;
	struct err e;
	size_t n;
	if (yara_files_unpack(fd, &a, &v, &n, &e) < 0 ||
		yara_compile(v, n, yara_broken, NULL, &t->yara, &e) < 0)
		log_error(NULL, "scan.yara", F("error", &e));
	t->tools.yara = t->yara;
	t->tools.yara_time = conf->time;
	if (t->yara)
		log_info(NULL, "scan.yara", F("rules", yara_count(t->yara)));
}

/* ---- opening ---- */

static int open_all(struct scan_tools *t, const struct config *c, const struct scan_given *given,
	bool strict, struct err *e)
{
	t->tools.names = &names;
	t->tools.site = &t->site;
	t->tools.scores = source_scores(c->conf, CHECKS_ALL, &t->mem);
	take_partners(t, c->filter);
	take_people(t, c->conf);
	if (open_model(t, given->model, strict, e) < 0)
		return -1;
	if (open_rules(t, given->rules, strict, e) < 0)
		return -1;
	open_yara(t, c, given->yara);
	read_learned(t, c->server->data);
	read_pictures(t, c->server->data);
	return 0;
}

int scan_tools_open(const struct config *c, const struct scan_given *given, bool strict,
	struct scan_tools **ret, struct err *e)
{
	struct scan_tools *t = NEW(struct scan_tools);
	psl_warm_up();
	if (open_all(t, c, given, strict, e) < 0) {
		scan_tools_close(t);
		return -1;
	}
	*ret = t;
	return 0;
}

void scan_tools_close(struct scan_tools *t)
{
	if (!t)
		return;
	forget_learned(t);
	forget_pictures(t);
	rules_free(t->rules);
	yara_free(t->yara);
	learn_model_done(&t->base);
	arena_done(&t->domains_mem);
	arena_done(&t->mem);
	free(t);
}

int scan_tools_use(struct scan_tools *t, enum scan_use what, int fd, slice bytes, struct err *e)
{
	switch (what) {
	case SCAN_USE_DOMAINS:
		return take_domains(t, bytes, e);
	case SCAN_USE_LEARNED:
		return take_learned(t, fd, e);
	case SCAN_USE_PICTURES:
		return take_pictures(t, bytes, e);
	default:
		return err_set(e, ERR_PROTO, "not known here");
	}
}
