/*
 * Running scripts over a letter in rounds (scripts_run.h): each run ends with a verdict or with questions; these are answered from
 * the account's mailbox and the directory, and the same letter is run again with all the answers so far. Called by local_scripts.c.
 */
#include "mail/scripts_run.h"

#include "base/mem.h"
#include "base/time.h"
#include "run/fetch.h"

struct sieve_limits scripts_limits(const struct scripts_conf *c)
{
	struct sieve_limits l = sieve_limits_default;
	l.steps = (uint64_t)c->steps;
	l.memory = (uint64_t)c->memory;
	l.actions = (unsigned)c->actions;
	l.redirects = (unsigned)c->redirects;
	l.notices = (unsigned)c->notices;
	return l;
}

bool scripts_may_reach(const struct scripts_conf *c, slice url)
{
	slice host;
	uint16_t port;
	if (!fetch_url_parse(url, &host, &port))
		return false;
	for (size_t i = 0; i < c->webhook_hosts.n; i++) {
		slice v = c->webhook_hosts.v[i];
		bool below = slice_starts(v, S(".")) && host.n > v.n && slice_iends(host, v);
		if (below || slice_ieq(host, v))
			return true;
	}
	return false;
}

/* ---- what scripts are told ---- */

/* The names of extensions are words in `require` and `ihave`; what is spelled in another way is asked for, too. */
static bool mentions(const struct script_set *set, slice word)
{
	for (size_t i = 0; i < set->nrun + set->nincluded; i++) {
		slice text = i < set->nrun ? set->run[i].text : set->included[i - set->nrun].text;
		if (slice_find(text, word) < text.n || slice_find(text, S("${")) < text.n)
			return true;
	}
	return false;
}

static bool wants_folders(const struct script_set *set)
{
	return mentions(set, S("mailbox")) || mentions(set, S("special-use"));
}

/* "192.0.2.1 helo.example" */
static void read_client(slice client, struct sieve_input *ret)
{
	size_t blank = slice_index(client, ' ');
	ret->client_ip = slice_first(client, blank);
	ret->client_name = slice_skip(client, blank + 1);
}

static int fill(const struct scripts_judge *judge, const struct scripts_ask *q, struct arena *a,
	struct sieve_input *ret, struct err *e)
{
	struct scripts_facts facts;
	struct sieve_limits *limits = ARENA_NEW(a, struct sieve_limits);
	scripts_facts_read(q->m, &facts);
	*limits = scripts_limits(q->conf);
	slice orcpt = q->r->orcpt;
	*ret = (struct sieve_input){.sender = q->m->sender,
		.recipient = q->r->address,
		.original_recipient =
			slice_istarts(orcpt, S("rfc822;")) || slice_istarts(orcpt, S("utf-8;"))
				? slice_skip(orcpt, slice_index(orcpt, ';') + 1)
				: S(""),
		.login = q->m->auth,
		.own = q->set->own,
		.nown = q->set->nown,
		.name = q->set->owner_name,
		.separator = '+',
		.home = q->home,
		.spam = facts.spam,
		.virus = facts.virus,
		.domain = slice_skip(q->set->owner, slice_rindex(q->set->owner, '@') + 1),
		.host = q->host,
		.version = S(VERSION),
		.now = wall_now(),
		.zone = q->zone,
		.limits = limits};
	read_client(q->m->client, ret);
	struct sieve_folder *folders;
	if (!wants_folders(q->set))
		return 0;
	if (judge->folders(judge->arg, q->account_id, a, &folders, &ret->nfolders, e) < 0)
		return -1;
	ret->folders = folders;
	return 0;
}

/* ---- questions ---- */

static int answer(const struct scripts_judge *judge, const struct scripts_ask *q,
	const struct sieve_question *w, int64_t now, struct arena *a, struct sieve_answer *ret,
	struct err *e)
{
	size_t cut = slice_index(w->key, '\n');
	slice first = slice_first(w->key, cut), second = slice_skip(w->key, cut + 1);
	const struct mailbox_seen seen = {.account_id = q->account_id,
		.key = w->key,
		.now = now,
		.queue_id = q->m->id,
		.rcpt_idx = q->r->idx};
	int r = 0;
	*ret = (struct sieve_answer){.kind = w->kind, .key = w->key};
	switch (w->kind) {
	case SIEVE_ASK_DUPLICATE:
		r = judge->seen(judge->arg, &seen, now - w->seconds * SECOND, e);
		break;
	case SIEVE_ASK_METADATA:
		r = judge->metadata(judge->arg, q->account_id, second, first, a, &ret->text, e);
		break;
	case SIEVE_ASK_LIST:
		r = judge->listed(judge->arg, q->account_id, first, second, e);
		break;
	}
	ret->yes = r == 1;
	return r < 0 ? -1 : 0;
}

static int answer_all(const struct scripts_judge *judge, const struct scripts_ask *q,
	const struct scripts_verdict *v, struct arena *a, struct sieve_input *in, struct err *e)
{
	struct sieve_answer *all =
		ARENA_ARRAY(a, struct sieve_answer, in->nanswers + v->nquestions);
	if (in->nanswers)
		memcpy(all, in->answers, in->nanswers * sizeof *all);
	for (size_t i = 0; i < v->nquestions; i++)
		if (answer(judge, q, &v->questions[i], in->now, a, &all[in->nanswers + i], e) < 0)
			return -1;
	in->answers = all;
	in->nanswers += v->nquestions;
	return 0;
}

/* ---- the run ---- */

static void give_up(struct scripts_verdict *ret, const char *en, const char *zh, struct arena *a)
{
	struct sieve_action *keep = ARENA_NEW(a, struct sieve_action);
	*keep = (struct sieve_action){.kind = SIEVE_KEEP};
	*ret = (struct scripts_verdict){.end = SIEVE_FAILED,
		.actions = keep,
		.nactions = 1,
		.mistake = {.en = slice_z(en), .zh = slice_z(zh)}};
}

/* The script that is to be blamed when nobody says which: the account's own. */
static void blame(const struct script_set *set, struct scripts_verdict *v)
{
	const struct script *s = &set->run[0];
	for (size_t i = 0; i < set->nrun; i++)
		if (set->run[i].account_id)
			s = &set->run[i];
	if (v->end != SIEVE_FAILED || v->mistake.script.n)
		return;
	v->mistake.script = s->name;
	v->mistake_system = !s->account_id;
}

int scripts_judge_letter(const struct scripts_judge *judge, const struct scripts_ask *q, struct arena *a,
	struct scripts_case *ret_case, struct scripts_verdict *ret, struct err *e)
{
	*ret_case = (struct scripts_case){.set = q->set, .account_id = q->account_id};
	if (fill(judge, q, a, &ret_case->input, e) < 0)
		return -1;
	for (unsigned i = 0; i < SIEVE_ROUNDS_MAX; i++) {
		int r = judge->run(judge->arg, ret_case, q->letter, a, ret, e);
		if (r < 0 && e->kind != ERR_PERM)
			return -1;
		if (r < 0)
			give_up(ret, "it took too much time or memory, and was ended",
				"占用的时间或内存过多，已被终止", a);
		if (ret->end != SIEVE_ASKS) {
			blame(q->set, ret);
			return 0;
		}
		if (answer_all(judge, q, ret, a, &ret_case->input, e) < 0)
			return -1;
	}
	give_up(ret, "it asks again and again", "反复提出查询", a);
	blame(q->set, ret);
	return 0;
}
