/* Which class a letter is of. */
#include "policy/policy_testing.h"

static const struct row {
	double probability;
	const char *signals; /* names, from the table */
	const char *rule; /* class of a rule, 2 points */
	unsigned bulk;
	bool allowed;
	const char *class;
} rows[] = {
	{0.1, "", NULL, 0, false, "none"},
	{0.65, "", NULL, 0, false, "suspicious"},
	{0.65, "", NULL, 80, false, "bulk"},
	{0.1, "", NULL, 50, false, "bulk"},
	{0.1, "", NULL, 49, false, "none"},
	{0.95, "", NULL, 80, false, "spam"},
	{0.95, "brand-name", NULL, 0, false, "spam"},
	{0.95, "brand-name link-deceives", NULL, 0, false, "phishing"},
	{0.95, "link-deceives-brand", NULL, 0, false, "phishing"},
	{0.95, "", "phishing", 0, false, "phishing"},
	{0.95, "", "fraud", 0, false, "phishing"},
	{0.95, "", "advertising", 0, false, "spam"},
	{0.995, "link-deceives-brand", NULL, 0, false, "phishing"},
	{0.995, "link-deceives-brand", "phishing", 0, false, "high-phishing"},
	{0.985, "link-deceives-brand", "phishing", 0, false, "phishing"},
	{0.5, "link-deceives-brand", "phishing", 0, false, "none"},
	{0.995, "link-deceives-brand", "phishing", 0, true, "none"},
	{0.995, "", NULL, 90, true, "bulk"},
	{0.1, "", "virus", 0, false, "virus"},
	{0.1, "file-program-disguised", NULL, 0, false, "virus"},
	{0.1, "file-program-disguised", NULL, 0, true, "virus"},
	{0.1, "file-program", NULL, 0, false, "none"},
	{0.1, "file-double-name", NULL, 0, false, "none"},
	{0.1, "file-double-name file-script", NULL, 0, false, "virus"},
	{0.1, "fp-file-bad", NULL, 0, false, "none"},
	{0.1, "fp-file-bad file-program", NULL, 0, false, "virus"},
};

static void add_signals(struct letter *l, const char *names)
{
	slice rest = slice_z(names), name;
	enum signal_id id;
	while (rest.n && slice_cut(&rest, ' ', &name)) {
		CHECK(signal_by_name(name, &id));
		signals_add(&l->signals, id, 1, S(""));
	}
}

TEST(letters_have_a_class)
{
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const struct row *r = &rows[i];
		struct signal_def rule = {.name = "RULE", .class = r->rule};
		struct letter l;
		letter_init(&l);
		add_signals(&l, r->signals);
		if (r->rule)
			signals_add_def(&l.signals, &rule, 2, S(""));
		l.f.probability = r->probability;
		l.f.bulk = r->bulk;
		l.f.allowed = r->allowed;
		enum quarantine_class class = policy_classify(&l.f, &usual);
		const char *name = class ? quarantine_class_name(class) : "none";
		if (strcmp(name, r->class) != 0)
			test_fail(__FILE__, __LINE__, "row %zu: %s, not %s", i, name, r->class);
		letter_done(&l);
	}
}

/* Every signal that is spoken of exists: a renamed one would fall out silently. */
TEST(families_know_their_signals)
{
	slice rest = slice_z(policy_family_names()), name;
	unsigned family;
	while (rest.n && slice_cut(&rest, ' ', &name)) {
		bool found = slice_eq(name, S("keywords"));
		CHECK(policy_family_by_name(name, &family));
		for (unsigned i = 0; i < SIGNALS_KNOWN; i++)
			found |= policy_family_has(family, signal_def((enum signal_id)i));
		CHECK(found);
	}
	struct signal_def rule = {.name = "RULE", .class = "spam"};
	CHECK(policy_family_by_name(S("keywords"), &family) && policy_family_has(family, &rule));
	CHECK(!policy_family_by_name(S("nothing"), &family));
}

TEST(where_spam_begins_is_where_something_happens_to_it)
{
	struct letter l;
	struct policy_thresholds t = usual;
	letter_init(&l);
	l.f.probability = 0.75;
	CHECK_INT(policy_classify(&l.f, &t), QUARANTINE_SUSPICIOUS);
	t.quarantine = 0.7;
	CHECK_INT(policy_classify(&l.f, &t), QUARANTINE_SPAM);
	l.f.direction = POLICY_OUT;
	CHECK_INT(policy_classify(&l.f, &t), QUARANTINE_SUSPICIOUS);
	l.f.probability = 0.92; /* no threshold of its direction: 0.9 */
	CHECK_INT(policy_classify(&l.f, &t), QUARANTINE_SPAM);
	t.suspicious = 2;
	l.f.probability = 0.8;
	CHECK_INT(policy_classify(&l.f, &t), QUARANTINE_NONE);
	letter_done(&l);
}
