/* What the files of the policies share: the compiled document, and one judgement under way. */
#pragma once
#include "policy/policy.h"

struct policy_judging;

/* ---- who.c: patterns of addresses ---- */

struct policy_slices {
	slice *v;
	size_t n, cap;
};
struct policy_who {
	struct policy_slices exact; /* whole texts, sorted */
	struct policy_slices domains; /* "example.com"; ".example.com": all below it; sorted */
	struct policy_slices wild; /* with '*' */
	struct policy_slices belongs; /* "class:vip", "group:all@example.com": what the directory says; sorted */
	const struct policy_who **groups; /* with those in them: one step is enough */
	size_t ngroups;
	bool below; /* there are ".example.com" */
};
struct policy_address { /* lower case, the domain as A-labels */
	slice whole, domain;
	slice belongs; /* a word a line, lower case */
};
enum policy_who_kind { POLICY_WHO_ADDRESS, POLICY_WHO_DOMAIN, POLICY_WHO_LOGIN };
enum policy_who_fault {
	POLICY_WHO_FINE,
	POLICY_WHO_BARE, /* a domain without '@' or '.' before it, where addresses are meant */
	POLICY_WHO_BAD, /* neither address nor domain */
};
struct policy_address policy_address_of(slice address, struct arena *a);
/* "org:", "class:", "department:", "group:ADDRESS". */
bool policy_who_is_of_directory(slice word);
enum policy_who_fault policy_who_add(
	struct policy_who *w, enum policy_who_kind kind, slice word, struct arena *a);
void policy_who_ready(struct policy_who *w); /* after the last word */
bool policy_who_has(const struct policy_who *w, const struct policy_address *x);
void policy_slices_add(struct policy_slices *l, slice s, struct arena *a);
slice policy_lower(slice s, struct arena *a); /* ASCII */
int policy_slice_order(slice a, slice b); /* by length first: quicker than the alphabet */

/* ---- conditions ---- */

/* One of several alternatives, or, `not`, what must not be. */
struct policy_word {
	bool not ;
	slice name, text;
	double min, max;
	unsigned bits, index;
	struct net_cidr net;
	const struct policy_word *all; /* terms that must hold together */
	size_t nall;
};
struct policy_words {
	struct policy_word *v;
	size_t n;
	bool positive; /* there is one that is not `not` */
};
struct policy_people {
	struct policy_who yes, no;
	bool positive;
};
struct policy_test {
	bool (*holds)(struct policy_judging *j, const struct policy_test *t);
	struct policy_words words;
	struct policy_people *people;
	double min, max; /* ranges */
	bool yes; /* of what is asked by yes and no */
	int zone; /* minutes east of Greenwich, or POLICY_ZONE_LOCAL */
};
enum { POLICY_ZONE_LOCAL = 10000, POLICY_TESTS_MAX = 40, POLICY_FILE_TERMS_MAX = 8 };

/* ---- actions ---- */

struct policy_does {
	bool ends, go_on;
	enum policy_end end;
	bool classed; /* `class` was written */
	enum quarantine_class class;
	bool mark, clean, tell_sender, tell_rcpt, keep_copy;
	enum policy_strip strip;
	slice subject_tag;
	struct policy_slices fields, copies, supervisors, forwards, approvers;
	struct policy_text banner, disclaimer, notice;
	int64_t delay;
	int code;
	slice status, reply;
	/* What is judged from here on. Negative: as before. */
	double mark_from, junk_from, quarantine_from, reject_from;
	bool own_thresholds;
	struct policy_words without; /* `index`: of a family; or `text`: a pattern of names */
};

struct policy {
	slice name;
	const struct policy_test *tests;
	size_t ntests;
	bool knows_virus, knows_unexamined, knows_allowed; /* it speaks of them */
	bool wants_files; /* which files matched is of interest */
	struct policy_does does;
};
enum policy_signal_kind { POLICY_SIGNAL_NAME, POLICY_SIGNAL_WILD, POLICY_SIGNAL_CLASS };
struct policy_signal {
	enum policy_signal_kind kind;
	slice text;
};
struct policy_group {
	slice name;
	struct policy_who who; /* its own members */
	unsigned *direct; /* groups among them */
	size_t ndirect;
};
struct policy_set {
	unsigned users;
	struct arena mem;
	struct conf *conf;
	struct policy *policies; /* those that are not disabled */
	size_t n;
	struct policy_group *groups;
	size_t ngroups;
	bool asks_directory; /* there are words of what the directory says */
	struct policy_signal *signals; /* all that conditions ask about */
	size_t nsignals;
	unsigned *by_name; /* those of kind NAME in the order of their names */
	size_t nby_name;
	struct conf_errors warnings;
};

/* ---- a judgement under way ---- */

struct policy_line { /* a field of the header */
	slice name, value, text;
	bool decoded;
};
struct policy_judging {
	const struct policy_set *set;
	const struct policy *policy; /* the one at hand */
	const struct policy_facts *f;
	struct arena *a; /* of what is handed out */
	struct arena *scratch; /* of this judgement */
	struct policy_thresholds t; /* as changed on the way; for the direction in `line` */
	double mark, junk, quarantine, reject;
	struct policy_address rcpt, sender, from, login;
	bool *left_out; /* one a signal of the facts; NULL: none */
	double probability, score;
	enum quarantine_class class;
	double *found; /* best score of each signal of the set, -INFINITY: not there; NULL: not
			  looked for yet */
	struct policy_line *lines;
	size_t nlines;
	bool header_read;
	bool *matched; /* files that the conditions of the policy at hand chose */
};

/* classify.c */
enum quarantine_class policy_class_of(const struct policy_judging *j);
void policy_judge_line(struct policy_judging *j); /* thresholds of the letter's direction */
bool policy_is_virus(const struct policy_facts *f);
bool policy_is_unexamined(const struct policy_facts *f, const struct policy_thresholds *t);

/* family.c: kinds of checks by the names of their signals */
bool policy_family_by_name(slice name, unsigned *ret);
const char *policy_family_names(void); /* all, for people */
bool policy_family_has(unsigned family, const struct signal_def *def);
void policy_leave_out(struct policy_judging *j, const struct policy_words *without);

/* match.c */
bool policy_matches(struct policy_judging *j, const struct policy *p);
bool policy_words_hold(struct policy_judging *j, const struct policy_words *w,
	bool (*one)(struct policy_judging *j, const struct policy_word *w));
bool policy_match_files(struct policy_judging *j, const struct policy_test *t); /* match_file.c */
/* match_*.c: one a kind of condition. */
typedef bool policy_holds(struct policy_judging *j, const struct policy_test *t);
policy_holds policy_holds_direction, policy_holds_organisation, policy_holds_from,
	policy_holds_envelope_from, policy_holds_header_from, policy_holds_to, policy_holds_login,
	policy_holds_ip, policy_holds_host, policy_holds_hours, policy_holds_weekdays,
	policy_holds_signal, policy_holds_every_signal, policy_holds_class, policy_holds_header,
	policy_holds_subject, policy_holds_attachment, policy_holds_virus, policy_holds_probability,
	policy_holds_score, policy_holds_size, policy_holds_recipients, policy_holds_bulk,
	policy_holds_attachments, policy_holds_examined, policy_holds_limited, policy_holds_allowed,
	policy_holds_engine_down;

/* ---- reading a document ---- */

struct policy_entry {
	bool disabled;
	struct conf_list direction, organisation, from, envelope_from, header_from, to, login, ip,
		host, hours, weekdays, signal, every_signal, class, header, subject, attachment,
		virus;
	slice zone, probability, score, size, recipients, bulk, attachments;
	int examined, limited, allowed, engine_down;
	struct conf_list does, approvers, forward_to, copy_to, supervise_to, add_field, without;
	int64_t code, delay;
	slice status, text, subject_tag, banner_zh, banner_en, disclaimer_zh, disclaimer_en,
		notice_zh, notice_en, mark_from, junk_from, quarantine_from, reject_from;
};
struct policy_group_entry {
	struct conf_list members;
};
extern const struct conf_section policy_section, policy_group_section; /* document_keys.c */

struct policy_reading {
	struct policy_set *set;
	struct conf_review *r;
	size_t members; /* so far, of all lists of addresses */
	bool crowded; /* that there are too many was told */
	/* The policy at hand. */
	size_t i;
	const struct policy_entry *c;
	struct policy *p;
};
#define policy_wrong(rd, key, ...)                                                                 \
	conf_review_mistake((rd)->r, &policy_section, (rd)->i, key, __VA_ARGS__)
#define policy_doubt(rd, key, ...)                                                                 \
	conf_review_warning((rd)->r, &policy_section, (rd)->i, key, __VA_ARGS__)
static inline bool policy_says(const struct policy_reading *rd, const char *key)
{
	return conf_written(rd->r->conf, &policy_section, rd->i, key);
}
void policy_read_groups(struct policy_reading *rd); /* document_groups.c */
void policy_read_people(struct policy_reading *rd, const char *key, const struct conf_list *words,
	enum policy_who_kind kind, struct policy_people *ret);
void policy_read_conditions(struct policy_reading *rd); /* document_conditions.c */
bool policy_read_range(struct policy_reading *rd, const char *key, slice text, bool sizes,
	double *ret_min, double *ret_max);
/* document_words.c: the words of conditions that are not people. */
void policy_read_words(struct policy_reading *rd, const char *key, const struct conf_list *words,
	bool (*one)(
		struct policy_reading *rd, const char *key, slice word, struct policy_word *ret),
	struct policy_words *ret);
typedef bool policy_word_reader(
	struct policy_reading *rd, const char *key, slice word, struct policy_word *ret);
policy_word_reader policy_word_direction, policy_word_ip, policy_word_hours, policy_word_weekdays,
	policy_word_pattern, policy_word_signal, policy_word_class, policy_word_header,
	policy_word_file, policy_word_without;
bool policy_range_parse(slice text, bool sizes, double *ret_min, double *ret_max);
void policy_read_actions(struct policy_reading *rd); /* document_actions.c */
void policy_check_actions(struct policy_reading *rd); /* document_check.c */
