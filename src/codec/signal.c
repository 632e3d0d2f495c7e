/*
 * Signals: the table, collecting, printing and reading them. Used by everything that judges mail
 * and by the command line that explains.
 */
#include "codec/signal.h"

#include <stdlib.h>

static const struct signal_def table[] = {
#define SIGNAL(id, name, stage, score, en, zh) {name, stage, score, en, zh, NULL},
#include "codec/signal_table.h"
#undef SIGNAL
};

const struct signal_def *signal_def(enum signal_id id)
{
	return &table[id];
}

bool signal_by_name(slice name, enum signal_id *ret)
{
	for (unsigned i = 0; i < SIGNALS_KNOWN; i++)
		if (slice_eq(name, slice_z(table[i].name))) {
			*ret = (enum signal_id)i;
			return true;
		}
	return false;
}

static struct signal *find(struct signals *s, const struct signal_def *def)
{
	for (unsigned i = 0; i < s->n; i++)
		if (s->v[i].def == def)
			return &s->v[i];
	return NULL;
}

enum signal_id signal_of_spf(enum auth_result r)
{
	static const enum signal_id of[] = {
		[AUTH_NONE] = SIGNAL_SPF_NONE,
		[AUTH_PASS] = SIGNAL_SPF_PASS,
		[AUTH_FAIL] = SIGNAL_SPF_FAIL,
		[AUTH_SOFTFAIL] = SIGNAL_SPF_SOFTFAIL,
		[AUTH_NEUTRAL] = SIGNAL_SPF_NEUTRAL,
		[AUTH_POLICY] = SIGNAL_SPF_NEUTRAL,
		[AUTH_TEMPERROR] = SIGNAL_SPF_TEMPERROR,
		[AUTH_PERMERROR] = SIGNAL_SPF_PERMERROR,
	};
	return of[r];
}

void signals_add(struct signals *s, enum signal_id id, float weight, slice detail)
{
	float score = weight * (s->scores ? s->scores[id] : table[id].score);
	signals_add_def(s, &table[id], score, detail);
}

void signals_add_def(struct signals *s, const struct signal_def *def, float score, slice detail)
{
	struct signal *known = find(s, def);
	if (known) {
		if (score > known->score)
			known->score = score;
		return;
	}
	if (s->n < SIGNALS_MAX)
		s->v[s->n++] = (struct signal){
			def, score, arena_dup(s->mem, slice_first(detail, SIGNAL_DETAIL_MAX))};
}

bool signals_has(const struct signals *s, enum signal_id id)
{
	return find((struct signals *)s, &table[id]) != NULL;
}

bool signals_has_name(const struct signals *s, slice name)
{
	for (unsigned i = 0; i < s->n; i++)
		if (slice_eq(name, slice_z(s->v[i].def->name)))
			return true;
	return false;
}

double signals_score(const struct signals *s)
{
	double sum = 0;
	for (unsigned i = 0; i < s->n; i++)
		sum += (double)s->v[i].score;
	return sum;
}

static int by_score(const void *a, const void *b)
{
	const struct signal *x = *(const struct signal *const *)a,
			    *y = *(const struct signal *const *)b;
	return (x->score < y->score) - (x->score > y->score);
}

/* Parentheses are what ends a detail. */
static void print_detail(struct buf *out, slice detail)
{
	buf_put(out, S("("));
	for (size_t i = 0; i < detail.n; i++) {
		char c = detail.p[i];
		char shown = c == '(' ? '[' : c == ')' ? ']' : (unsigned char)c < ' ' ? ' ' : c;
		buf_put(out, slice_of(&shown, 1));
	}
	buf_put(out, S(")"));
}

void signals_print(struct buf *out, const struct signals *s)
{
	const struct signal *order[SIGNALS_MAX];
	for (unsigned i = 0; i < s->n; i++)
		order[i] = &s->v[i];
	qsort(order, s->n, sizeof *order, by_score);
	for (unsigned i = 0; i < s->n; i++) {
		buf_printf(out, "%s%s=%.1f", i ? " " : "", order[i]->def->name,
			(double)order[i]->score);
		if (order[i]->detail.n)
			print_detail(out, order[i]->detail);
	}
}

/* The number of a signal in text: "-12.5". */
static bool read_score(slice *in, double *ret)
{
	char number[16];
	size_t n = 0;
	while (n < in->n && n < sizeof number - 1 &&
		(in->p[n] == '-' || in->p[n] == '.' || (in->p[n] >= '0' && in->p[n] <= '9'))) {
		number[n] = in->p[n];
		n++;
	}
	number[n] = '\0';
	*in = slice_skip(*in, n);
	*ret = strtod(number, NULL);
	return n > 0;
}

bool signals_next(slice *text, slice *ret_name, double *ret_score, slice *ret_detail)
{
	slice in = *text, name, detail = S("");
	double score;
	while (in.n && in.p[0] == ' ')
		in = slice_skip(in, 1);
	size_t eq = slice_index(in, '=');
	if (eq == 0 || eq >= in.n)
		return false;
	name = slice_first(in, eq);
	in = slice_skip(in, eq + 1);
	if (!read_score(&in, &score))
		return false;
	if (in.n && in.p[0] == '(') {
		size_t end = slice_index(in, ')');
		if (end >= in.n)
			return false;
		detail = slice_of(in.p + 1, end - 1);
		in = slice_skip(in, end + 1);
	}
	*text = in;
	*ret_name = name;
	*ret_score = score;
	*ret_detail = detail;
	return true;
}
