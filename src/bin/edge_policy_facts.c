/*
 * What is known of a message, for policies (struct policy_facts): from the session, verification, the
 * door, the scan process's report and the engines. Called once a message, by edge_policy.c. Mail
 * whose content nobody examined has facts, too: envelope, header, size.
 */
#include "bin/edge_policy.h"

#include "base/mem.h"
#include "bin/edge_door.h"
#include "bin/edge_learn.h"
#include "bin/edge_scan.h"
#include "bin/edge_verify.h"
#include "codec/address.h"
#include "codec/words.h"

enum { SUBJECT_MAX = 1000 };

/* ---- direction ---- */

static bool is_ours(const struct edge_session *s, slice address)
{
	slice local, domain;
	return address_split(address, &local, &domain) && edge_is_ours(s->edge, domain);
}

/* From trusted networks comes mail of our own users, and mail that other gateways of ours took in.
 */
enum policy_direction edge_policy_direction(
	const struct edge_session *s, const struct queue_msg *m, slice rcpt)
{
	if (!(m->flags & MSG_SUBMITTED))
		return POLICY_IN;
	if (!is_ours(s, rcpt))
		return POLICY_OUT;
	return s->client->login.n || is_ours(s, m->sender) ? POLICY_INTERNAL : POLICY_IN;
}

/* ---- the header ---- */

static slice field(slice header, slice name)
{
	struct header_field f;
	while (header_next(&header, &f))
		if (slice_ieq(f.name, name))
			return f.value;
	return S("");
}

static slice subject_of(const struct edge_plan *p, const struct edge_scan *x, struct arena *a)
{
	AUTO(buf) struct buf text = BUF(4 * SUBJECT_MAX);
	if (x && x->report)
		return x->report->subject;
	words_decode(&text, slice_first(field(p->header, S("Subject")), SUBJECT_MAX));
	return buf_ok(&text) ? arena_dup(a, buf_slice(&text)) : S("");
}

static slice from_of(const struct edge_plan *p, const struct edge_scan *x, struct arena *a)
{
	struct header_address *from;
	if (x && x->report)
		return x->report->from_address;
	return header_addresses(field(p->header, S("From")), a, &from) > 0 ? from[0].address
									   : S("");
}

/* ---- what was found ---- */

static struct signals *signals_of(struct edge_session *s, struct edge_plan *p)
{
	struct signals *all = edge_scan_signals(s);
	if (!all && s->visit)
		all = door_signals(s->visit);
	if (!all)
		all = edge_verify_signals(s);
	if (!all) {
		all = ARENA_NEW(&p->mem, struct signals);
		all->mem = &p->mem;
	}
	return all;
}

static double probability_of(void *arg, double score)
{
	return content_probability(arg, score);
}

static size_t attachments(const struct content_report *r)
{
	size_t n = 0;
	for (size_t i = 0; i < r->nfiles; i++)
		n += r->files[i].depth == 0;
	return n < POLICY_FILES_MAX ? n : POLICY_FILES_MAX;
}

/* In their order; what is inside of attachments gives way where there are too many. */
static void take_files(struct edge_plan *p, const struct content_report *r)
{
	struct policy_facts *f = &p->facts;
	size_t outside = attachments(r), inside = POLICY_FILES_MAX - outside;
	struct policy_file *v = ARENA_ARRAY(&p->mem, struct policy_file, POLICY_FILES_MAX);
	for (size_t i = 0; i < r->nfiles; i++) {
		const struct content_report_file *k = &r->files[i];
		size_t *left = k->depth ? &inside : &outside;
		if (!*left)
			continue;
		--*left;
		v[f->nfiles++] = (struct policy_file){.name = k->name,
			.type = (enum filetype)k->type,
			.size = k->size,
			.facts = k->facts,
			.depth = k->depth,
			.part = k->part};
	}
	f->files = v;
	f->limited = r->limited || f->nfiles < r->nfiles;
}

static void take_content(struct edge_plan *p, const struct edge_scan *x)
{
	struct policy_facts *f = &p->facts;
	struct content_report *r = x->report;
	f->too_large = scan_letter_cut(&x->letter);
	f->unavailable = x->unavailable;
	f->examined = r != NULL;
	f->why_unexamined = x->why;
	f->virus = x->engines.virus;
	f->engine_down = x->engines.failed;
	f->engine_holds = x->engines.hold;
	f->engine_defers = x->engines.defer;
	if (!r)
		return;
	f->probability = x->probability;
	f->bulk = r->bulk;
	f->probability_of = probability_of;
	f->arg = r;
	f->limited = r->limited;
	if (r->nfiles)
		take_files(p, r);
}

void edge_policy_gather(struct edge_session *s, struct edge_plan *p, const struct smtpd_verdict *v)
{
	const struct edge_scan *x = edge_scan_found(s);
	const struct queue_msg *m = v->msg;
	p->signals = signals_of(s, p);
	p->facts = (struct policy_facts){
		.at = m->arrived_at,
		.client_ip =
			s->client->peer.ss.ss_family == AF_UNIX ? S("") : slice_z(s->client->ip),
		.client_name = s->client->name,
		.login = s->client->login,
		.sender = m->sender,
		.from = from_of(p, x, &p->mem),
		.subject = subject_of(p, x, &p->mem),
		.header = p->header,
		.size = m->size,
		.rcpts = (unsigned)m->nrcpts,
		.signals = p->signals,
		.score = signals_score(p->signals),
		.allowed = s->visit && door_friends(s->visit).allowed,
		.spared = edge_scan_only_complaints(m) || edge_learn_only_traps(m),
	};
	if (x)
		take_content(p, x);
}

/* ---- the directory ---- */

static int ask(struct edge_session *s, struct edge_plan *p, slice address, struct err *e)
{
	slice *words = ARENA_NEW(&p->mem, slice);
	if (!address.n || map_get(&p->belonging, address))
		return 0;
	if (directory_belonging(s->edge->directory, address, &p->mem, words, e) < 0)
		return -1;
	map_put(&p->belonging, address, words);
	return 0;
}

static slice belonging_of(void *arg, slice address, struct arena *a)
{
	const struct edge_plan *p = arg;
	const slice *words = map_get(&p->belonging, address);
	(void)a;
	return words ? *words : S("");
}

int edge_policy_ask_directory(
	struct edge_session *s, struct edge_plan *p, const struct queue_msg *m, struct err *e)
{
	struct policy_facts *f = &p->facts;
	if (!policy_asks_directory(p->set))
		return 0;
	f->belonging_of = belonging_of;
	f->directory = p;
	if (ask(s, p, f->sender, e) < 0 || ask(s, p, f->from, e) < 0 || ask(s, p, f->login, e) < 0)
		return -1;
	for (size_t i = 0; i < m->nrcpts; i++)
		if (ask(s, p, m->rcpts[i].address, e) < 0)
			return -1;
	return 0;
}
