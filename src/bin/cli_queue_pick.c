/* Reading the filters of `posthouse queue` commands and finding what they mean (cli_queue.h). */
#include "bin/cli_queue.h"

#include "base/mem.h"
#include "base/time.h"

static const char *const priorities[] = {"urgent", "normal", "bulk"};

const char *queue_priority_name(int priority)
{
	return priority >= 0 && priority < QUEUE_PRIORITIES ? priorities[priority] : "?";
}

static int parse_state(struct cli_call *c, struct queue_pick *p)
{
	slice s = cli_option_text(c, "state");
	p->filter.state = -1;
	if (s.n == 0)
		return CLI_OK;
	p->filter.state = slice_eq(s, S("held")) ? RCPT_HELD : RCPT_WAITING;
	p->deferred = slice_eq(s, S("deferred"));
	if (slice_eq(s, S("held")) || slice_eq(s, S("waiting")) || p->deferred)
		return CLI_OK;
	return out_usage(
		T("--state is waiting, deferred or held", "--state 为 waiting、deferred 或 held"));
}

static int parse_priority(struct cli_call *c, struct queue_pick *p)
{
	slice s = cli_option_text(c, "priority");
	p->filter.priority = -1;
	if (s.n == 0)
		return CLI_OK;
	for (int i = 0; i < QUEUE_PRIORITIES; i++)
		if (slice_eq(s, slice_z(priorities[i]))) {
			p->filter.priority = i;
			return CLI_OK;
		}
	return out_usage(
		T("--priority is urgent, normal or bulk", "--priority 为 urgent、normal 或 bulk"));
}

static int parse_id(slice text, struct queue_pick *p)
{
	slice id, rest = text;
	uint64_t idx = 0;
	slice_cut(&rest, '/', &id);
	if (!msg_id_parse(id, &p->ids[p->nids]) ||
		(rest.p && (!slice_u64(rest, &idx) || idx > INT32_MAX)))
		return out_usage(T("not a message id: %.*s", "不是邮件编号：%.*s"), SFMT(text));
	p->idx[p->nids++] = rest.p ? (int32_t)idx : -1;
	return CLI_OK;
}

static int parse_ids(struct cli_call *c, struct arena *a, struct queue_pick *p)
{
	if (c->nargs > PICK_IDS_MAX)
		return out_usage(T("at most %d ids at once", "一次最多 %d 个编号"), PICK_IDS_MAX);
	p->ids = ARENA_ARRAY(a, msg_id, (size_t)c->nargs);
	p->idx = ARENA_ARRAY(a, int32_t, (size_t)c->nargs);
	for (int i = 0; i < c->nargs; i++) {
		int r = parse_id(cli_arg(c, i), p);
		if (r)
			return r;
	}
	return CLI_OK;
}

int queue_pick_parse(struct cli_call *c, struct arena *a, struct queue_pick *ret, bool *ret_any)
{
	*ret = (struct queue_pick){0};
	struct queue_filter *f = &ret->filter;
	f->sender = cli_option_text(c, "from");
	f->rcpt = cli_option_text(c, "to");
	f->domain = cli_option_text(c, "domain");
	f->reason = cli_option_text(c, "reason");
	f->dest = cli_option_text(c, "dest");
	int r = cli_time_option(c, "older", &f->before);
	if (r == CLI_OK)
		r = cli_time_option(c, "newer", &f->after);
	if (r == CLI_OK)
		r = parse_state(c, ret);
	if (r == CLI_OK)
		r = parse_priority(c, ret);
	if (r == CLI_OK)
		r = parse_ids(c, a, ret);
	*ret_any = !f->sender.n && !f->rcpt.n && !f->domain.n && !f->reason.n && !f->dest.n &&
		   !f->before && !f->after && f->state < 0 && f->priority < 0 && ret->nids == 0;
	return r;
}

struct picking {
	const struct queue_pick *p;
	int32_t idx;
	uint64_t left;
	bool (*row)(void *arg, const struct queue_row *r);
	void *arg;
	bool ended;
};

static bool pick_row(void *arg, const struct queue_row *r)
{
	struct picking *k = arg;
	if ((k->idx >= 0 && k->idx != r->idx) || (k->p->deferred && r->attempts == 0 && r->reason.n == 0))
		return true;
	k->ended = !k->row(k->arg, r) || --k->left == 0;
	return !k->ended;
}

int queue_pick_each(struct sql *db, const struct queue_pick *p, uint64_t most,
	bool (*row)(void *arg, const struct queue_row *r), void *arg, struct err *e)
{
	struct picking k = {.p = p, .idx = -1, .left = most, .row = row, .arg = arg};
	if (most == 0)
		return 0;
	if (p->nids == 0)
		return queue_list(db, &p->filter, UINT64_MAX, pick_row, &k, e);
	for (int i = 0; i < p->nids && !k.ended; i++) {
		struct queue_filter f = p->filter;
		f.id = p->ids[i];
		k.idx = p->idx[i];
		if (queue_list(db, &f, UINT64_MAX, pick_row, &k, e) < 0)
			return -1;
	}
	return 0;
}
