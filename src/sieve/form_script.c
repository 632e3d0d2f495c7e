/*
 * A form as a script: first the automatic answer and the forward, which hold for all mail, then the rules in their order. The text is for people,
 * too: one rule a paragraph, its name above it.
 */
#include "sieve/form_impl.h"

#include "base/buf.h"
#include "base/mem.h"

enum {
	SCRIPT_ROOM = 8 << 20
}; /* every byte of a form may have to be written twice; the compiler limits what is used */

enum need { /* extensions, by bit */
	NEED_FILEINTO = 1,
	NEED_COPY = 2,
	NEED_FLAGS = 4,
	NEED_BODY = 8,
	NEED_REJECT = 16,
	NEED_VACATION = 32,
	NEED_DATE = 64,
	NEED_MIME = 128,
	NEED_MAILBOX = 256,
};
static const char *const needed[] = {"\"fileinto\"", "\"copy\"", "\"imap4flags\"", "\"body\"",
	"\"reject\"", "\"vacation\"", "\"date\", \"relational\"", "\"mime\"", "\"mailbox\""};

struct writing {
	struct buf out;
	unsigned needs;
};

static void put(struct writing *w, const char *s)
{
	buf_put(&w->out, slice_z(s));
}

/* Lines end in CRLF; what a pattern takes as special is no more, where `literally`. */
static void put_string(struct writing *w, slice before, slice v, slice after, bool literally)
{
	put(w, "\"");
	buf_put(&w->out, before);
	for (size_t i = 0; i < v.n; i++) {
		char c = v.p[i];
		if (c == '\r' && i + 1 < v.n && v.p[i + 1] == '\n')
			continue;
		if (c == '\n' || c == '\r') {
			put(w, "\r\n");
			continue;
		}
		if (literally && (c == '*' || c == '?' || c == '\\'))
			put(w, "\\\\");
		if (c == '"' || c == '\\')
			buf_byte(&w->out, '\\');
		buf_byte(&w->out, c);
	}
	buf_put(&w->out, after);
	put(w, "\"");
}

static void put_text(struct writing *w, slice v)
{
	put_string(w, S(""), v, S(""), false);
}

static void put_texts(struct writing *w, const slice *v, size_t n)
{
	put(w, "[");
	for (size_t i = 0; i < n; i++) {
		put(w, i ? ", " : "");
		put_text(w, v[i]);
	}
	put(w, "]");
}

/* ---- conditions ---- */

static const char *field_names(const struct form_condition *c)
{
	switch (c->field) {
	case FORM_FROM:
		return "\"From\"";
	case FORM_TO:
		return "\"To\"";
	case FORM_CC:
		return "\"Cc\"";
	case FORM_RECIPIENT:
		return "[\"To\", \"Cc\"]";
	case FORM_SUBJECT:
		return "\"Subject\"";
	case FORM_LIST:
		return "\"List-Id\"";
	case FORM_ATTACHMENT:
		return "[\"Content-Disposition\", \"Content-Type\"]";
	default:
		return NULL;
	}
}

static void put_names(struct writing *w, const struct form_condition *c)
{
	const char *names = field_names(c);
	put(w, " ");
	if (names)
		put(w, names);
	else
		put_text(w, c->header);
}

static void put_op(struct writing *w, const struct form_condition *c)
{
	static const char *const tags[] = {
		[FORM_CONTAINS] = " :contains",
		[FORM_IS] = " :is",
		[FORM_STARTS] = " :matches",
		[FORM_ENDS] = " :matches",
		[FORM_MATCHES] = " :matches",
		[FORM_DOMAIN] = " :is",
	};
	put(w, tags[c->op]);
}

static void put_values(struct writing *w, const struct form_condition *c)
{
	put(w, " [");
	for (size_t i = 0; i < c->nvalues; i++) {
		put(w, i ? ", " : "");
		put_string(w, c->op == FORM_ENDS ? S("*") : S(""), c->values[i],
			c->op == FORM_STARTS ? S("*") : S(""),
			c->op == FORM_STARTS || c->op == FORM_ENDS);
	}
	put(w, "]");
}

static void put_exists(struct writing *w, const struct form_condition *c)
{
	if (c->field == FORM_ATTACHMENT) {
		w->needs |= NEED_MIME;
		put(w, "header :mime :anychild :type :is \"Content-Disposition\" \"attachment\"");
	} else if (c->field == FORM_RECIPIENT) {
		put(w, "anyof (exists \"To\", exists \"Cc\")");
	} else {
		put(w, "exists");
		put_names(w, c);
	}
}

static void put_header_test(struct writing *w, const struct form_condition *c)
{
	if (c->field == FORM_ATTACHMENT) {
		w->needs |= NEED_MIME;
		put(w, "header :mime :anychild :param [\"filename\", \"name\"]");
	} else if (c->op == FORM_DOMAIN) {
		put(w, "address :domain");
	} else {
		put(w, "header");
	}
	put_op(w, c);
	put_names(w, c);
	put_values(w, c);
}

static void put_condition(struct writing *w, const struct form_condition *c)
{
	if (c->negated)
		put(w, "not ");
	if (c->field == FORM_SIZE) {
		put(w, c->op == FORM_OVER ? "size :over " : "size :under ");
		buf_put(&w->out, c->values[0]);
	} else if (c->op == FORM_EXISTS) {
		put_exists(w, c);
	} else if (c->field == FORM_BODY) {
		w->needs |= NEED_BODY;
		put(w, "body :text");
		put_op(w, c);
		put_values(w, c);
	} else {
		put_header_test(w, c);
	}
}

static void put_conditions(struct writing *w, const struct form_rule *r)
{
	put(w, r->match == FORM_ANY ? "if anyof (" : "if allof (");
	for (size_t i = 0; i < r->nconditions; i++) {
		put(w, i ? ",\r\n        " : "");
		put_condition(w, &r->conditions[i]);
	}
	put(w, ")\r\n");
}

/* ---- actions ---- */

static void put_fileinto(struct writing *w, const struct form_action *x)
{
	w->needs |= NEED_FILEINTO | NEED_MAILBOX | (x->what == FORM_COPY ? NEED_COPY : 0u);
	put(w, x->what == FORM_COPY ? "    fileinto :copy :create " : "    fileinto :create ");
	put_text(w, x->text);
}

static void put_redirect(struct writing *w, slice to, bool keep)
{
	w->needs |= keep ? NEED_COPY : 0u;
	put(w, keep ? "redirect :copy " : "redirect ");
	put_text(w, to);
}

static void put_action(struct writing *w, const struct form_action *x)
{
	switch (x->what) {
	case FORM_MOVE:
	case FORM_COPY:
		put_fileinto(w, x);
		break;
	case FORM_FLAG:
		w->needs |= NEED_FLAGS;
		put(w, "    addflag ");
		put_texts(w, x->flags, x->nflags);
		break;
	case FORM_FORWARD:
		put(w, "    ");
		put_redirect(w, x->text, x->keep);
		break;
	case FORM_REJECT:
		w->needs |= NEED_REJECT;
		put(w, "    reject ");
		put_text(w, x->text);
		break;
	case FORM_DISCARD:
		put(w, "    discard");
		break;
	case FORM_KEEP:
		put(w, "    keep");
		break;
	}
	put(w, ";\r\n");
}

/* Flags first: they are for what is filed behind them. */
static void put_actions(struct writing *w, const struct form_rule *r)
{
	put(w, "{\r\n");
	for (int later = 0; later < 2; later++)
		for (size_t i = 0; i < r->nactions; i++)
			if ((r->actions[i].what != FORM_FLAG) == later)
				put_action(w, &r->actions[i]);
	put(w, r->stop ? "    stop;\r\n}\r\n" : "}\r\n");
}

static void put_rule(struct writing *w, const struct form_rule *r)
{
	put(w, "\r\n# ");
	buf_put(&w->out, r->name);
	put(w, "\r\n");
	if (r->match == FORM_ALWAYS)
		put(w, "if true\r\n");
	else
		put_conditions(w, r);
	put_actions(w, r);
}

/* ---- for all mail ---- */

static void put_day(struct writing *w, const char *relation, slice day)
{
	w->needs |= NEED_DATE;
	put(w, "currentdate :value \"");
	put(w, relation);
	put(w, "\" \"date\" ");
	put_text(w, day);
}

/* From and until: whole days, both counted. */
static void put_autoreply(struct writing *w, const struct form_autoreply *r)
{
	w->needs |= NEED_VACATION;
	put(w, "\r\nif allof (true");
	if (r->from.n) {
		put(w, ", ");
		put_day(w, "ge", r->from);
	}
	if (r->until.n) {
		put(w, ", ");
		put_day(w, "le", r->until);
	}
	buf_printf(&w->out, ")\r\n{\r\n    vacation :days %lld", (long long)r->days);
	if (r->subject.n) {
		put(w, " :subject ");
		put_text(w, r->subject);
	}
	if (r->naddresses) {
		put(w, " :addresses ");
		put_texts(w, r->addresses, r->naddresses);
	}
	put(w, "\r\n        ");
	put_text(w, r->text);
	put(w, ";\r\n}\r\n");
}

static void put_forward(struct writing *w, const struct form_forward *v)
{
	put(w, "\r\n");
	for (size_t i = 0; i < v->nto; i++) {
		put_redirect(w, v->to[i], v->keep);
		put(w, ";\r\n");
	}
}

static void put_requires(struct buf *out, unsigned needs)
{
	bool first = true;
	if (!needs)
		return;
	buf_put(out, S("require ["));
	for (size_t i = 0; i < sizeof needed / sizeof *needed; i++)
		if (needs & 1u << i) {
			buf_printf(out, "%s%s", first ? "" : ", ", needed[i]);
			first = false;
		}
	buf_put(out, S("];\r\n"));
}

slice form_script(const struct form *f)
{
	struct writing w = {.out = BUF(SCRIPT_ROOM)};
	AUTO(buf) struct buf whole = BUF(SCRIPT_ROOM);
	if (f->autoreply.enabled)
		put_autoreply(&w, &f->autoreply);
	if (f->forward.enabled)
		put_forward(&w, &f->forward);
	for (size_t i = 0; i < f->nrules; i++)
		if (f->rules[i].enabled)
			put_rule(&w, &f->rules[i]);
	put_requires(&whole, w.needs);
	buf_put(&whole, buf_slice(&w.out));
	buf_done(&w.out);
	return arena_dup(f->a, buf_slice(&whole));
}
