/* Reading the filters of `posthouse quarantine` commands and finding what they mean (cli_quarantine.h). */
#include "bin/cli_quarantine.h"

#include "base/mem.h"
#include "base/time.h"
#include "policy/policy.h"

#include <stdlib.h>

static const char *const kinds[] = {"", "held", "rejected", "original", "recent"};

const char *held_kind_name(enum quarantine_kind k)
{
	return k >= QUARANTINE_HELD && k <= QUARANTINE_RECENT ? kinds[k] : "?";
}

static int parse_probability(struct cli_call *c, const char *option, double *ret)
{
	const char *text = cli_option(c, option);
	char *end;
	if (!text)
		return CLI_OK;
	*ret = strtod(text, &end);
	if (*text && !*end && *ret >= 0 && *ret <= 1)
		return CLI_OK;
	return out_usage(T("--%s is a number from 0 to 1", "--%s 为 0 到 1 之间的数"), option);
}

static int parse_kind(slice s, int *ret)
{
	*ret = QUARANTINE_HELD;
	if (s.n == 0)
		return CLI_OK;
	*ret = -1;
	if (slice_ieq(s, S("all")))
		return CLI_OK;
	for (int i = QUARANTINE_HELD; i <= QUARANTINE_RECENT; i++)
		if (slice_ieq(s, slice_z(kinds[i]))) {
			*ret = i;
			return CLI_OK;
		}
	return out_usage(T("--kind is held, rejected, original, recent or all",
		"--kind 为 held、rejected、original、recent 或 all"));
}

static int parse_state(slice s, int usual, int *ret)
{
	*ret = usual;
	if (s.n == 0)
		return CLI_OK;
	*ret = -1;
	if (slice_ieq(s, S("any")))
		return CLI_OK;
	for (int i = 0; i <= QUARANTINE_DISCARDED; i++)
		if (slice_ieq(s, slice_z(quarantine_state_name((enum quarantine_state)i)))) {
			*ret = i;
			return CLI_OK;
		}
	return out_usage(
		T("--state is waits, asked, released, deleted, refused, expired, discarded or any",
			"--state 为 waits、asked、released、deleted、refused、expired、discarded "
			"或 any"));
}

static int parse_class(slice s, int *ret)
{
	enum quarantine_class class;
	*ret = -1;
	if (s.n == 0)
		return CLI_OK;
	if (!quarantine_class_parse(s, &class))
		return out_usage(T("--class is spam, bulk, suspicious, phishing, high-phishing, "
				   "virus, policy, approval, unexamined or none",
			"--class 为 "
			"spam、bulk、suspicious、phishing、high-phishing、virus、policy、"
			"approval、unexamined 或 none"));
	*ret = (int)class;
	return CLI_OK;
}

static int parse_direction(slice s, int *ret)
{
	*ret = slice_ieq(s, S("in"))         ? POLICY_IN
	       : slice_ieq(s, S("out"))      ? POLICY_OUT
	       : slice_ieq(s, S("internal")) ? POLICY_INTERNAL
					     : -1;
	return s.n == 0 || *ret >= 0 ? CLI_OK
				     : out_usage(T("--direction is in, out or internal",
					       "--direction 为 in、out 或 internal"));
}

int held_parse_id(slice text, msg_id *ret_id, int32_t *ret_idx)
{
	slice id, rest = text;
	uint64_t idx = 0;
	slice_cut(&rest, '/', &id);
	if (!msg_id_parse(id, ret_id) || (rest.p && (!slice_u64(rest, &idx) || idx > INT32_MAX)))
		return out_usage(T("not a message id: %.*s", "不是邮件编号：%.*s"), SFMT(text));
	*ret_idx = rest.p ? (int32_t)idx : -1;
	return CLI_OK;
}

static int parse_ids(struct cli_call *c, struct arena *a, struct held_pick *p)
{
	if (c->nargs > HELD_IDS_MAX)
		return out_usage(T("at most %d ids at once", "一次最多 %d 个编号"), HELD_IDS_MAX);
	p->ids = ARENA_ARRAY(a, msg_id, (size_t)c->nargs);
	p->idx = ARENA_ARRAY(a, int32_t, (size_t)c->nargs);
	for (int i = 0; i < c->nargs; i++, p->nids++) {
		int r = held_parse_id(cli_arg(c, i), &p->ids[i], &p->idx[i]);
		if (r)
			return r;
	}
	return CLI_OK;
}

/* The query as it was typed. */
static slice query_text(struct cli_call *c, struct arena *a)
{
	AUTO(buf) struct buf out = BUF(8000);
	const struct cli_option *o = c->verb->options;
	for (int i = 0; i < c->nargs; i++)
		buf_printf(&out, "%s%.*s", out.n ? " " : "", SFMT(cli_arg(c, i)));
	for (int i = 0; o && o[i].name; i++)
		if (c->values[i] && o[i].value)
			buf_printf(
				&out, "%s--%s \"%s\"", out.n ? " " : "", o[i].name, c->values[i]);
	return arena_dup(a, buf_slice(&out));
}

static bool is_any(const struct held_pick *p)
{
	const struct quarantine_filter *f = &p->filter;
	return !f->rcpt.n && !f->sender.n && !f->subject.n && !f->signal.n && !f->policy.n &&
	       !f->virus.n && f->class < 0 && f->direction < 0 && !f->after && !f->before &&
	       f->probability_from == 0 && f->probability_to == 0 && !p->nids;
}

int held_pick_parse(struct cli_call *c, int state, struct arena *a, struct held_pick *ret,
	bool *ret_any, slice *ret_query)
{
	*ret = (struct held_pick){0};
	struct quarantine_filter *f = &ret->filter;
	f->sender = cli_option_text(c, "from");
	f->rcpt = cli_option_text(c, "to");
	f->subject = cli_option_text(c, "subject");
	f->signal = cli_option_text(c, "signal");
	f->policy = cli_option_text(c, "policy");
	f->virus = cli_option_text(c, "virus");
	int r = parse_ids(c, a, ret);
	bool one = ret->nids > 0 && !cli_option(c, "kind");
	if (r == CLI_OK)
		r = parse_kind(one ? S("all") : cli_option_text(c, "kind"), &f->kind);
	if (r == CLI_OK)
		r = parse_state(cli_option_text(c, "state"), state, &f->state);
	if (r == CLI_OK)
		r = parse_class(cli_option_text(c, "class"), &f->class);
	if (r == CLI_OK)
		r = parse_direction(cli_option_text(c, "direction"), &f->direction);
	if (r == CLI_OK)
		r = cli_time_option(c, "since", &f->after);
	if (r == CLI_OK)
		r = cli_time_option(c, "until", &f->before);
	if (r == CLI_OK)
		r = parse_probability(c, "least", &f->probability_from);
	if (r == CLI_OK)
		r = parse_probability(c, "most", &f->probability_to);
	if (f->probability_from > 0 && f->probability_to == 0)
		f->probability_to = 1;
	*ret_any = is_any(ret);
	if (ret_query)
		*ret_query = query_text(c, a);
	return r;
}

struct picking {
	int32_t idx;
	uint64_t left;
	bool (*row)(void *arg, const struct quarantine_row *r);
	void *arg;
	bool ended;
};

static bool pick_row(void *arg, const struct quarantine_row *r)
{
	struct picking *k = arg;
	if (k->idx >= 0 && k->idx != r->idx)
		return true;
	k->ended = !k->row(k->arg, r) || --k->left == 0;
	return !k->ended;
}

int held_pick_each(struct sql *db, const struct held_pick *p, uint64_t most,
	bool (*row)(void *arg, const struct quarantine_row *r), void *arg, struct err *e)
{
	struct picking k = {.idx = -1, .left = most, .row = row, .arg = arg};
	struct quarantine_order o = {.likely_mistakes = p->likely};
	if (most == 0)
		return 0;
	if (p->nids == 0)
		return quarantine_list(db, &p->filter, &o, UINT64_MAX, pick_row, &k, e);
	for (int i = 0; i < p->nids && !k.ended; i++) {
		struct quarantine_filter f = p->filter;
		f.id = p->ids[i];
		k.idx = p->idx[i];
		if (quarantine_list(db, &f, &o, UINT64_MAX, pick_row, &k, e) < 0)
			return -1;
	}
	return 0;
}

static bool count_row(void *arg, const struct quarantine_row *r)
{
	(void)r;
	++*(uint64_t *)arg;
	return true;
}

int held_pick_count(struct sql *db, const struct held_pick *p, uint64_t *ret, struct err *e)
{
	uint64_t n = 0;
	if (p->nids == 0)
		return quarantine_count(db, &p->filter, ret, e);
	if (held_pick_each(db, p, UINT64_MAX, count_row, &n, e) < 0)
		return -1;
	*ret = n;
	return 0;
}
