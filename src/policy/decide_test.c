/* What follows: each action, their order, what protects, thresholds, what is left out. */
#include "policy/policy_testing.h"

#include <time.h>

#define VIRUS_NAME "clamav: Eicar"
enum {
	PLAIN,
	SPAM,
	SURE,
	VIRUS,
	UNEXAMINED,
	UNAVAILABLE,
	LARGE,
	HOLDS,
	DEFERS,
	ALLOWED,
	SPARED,
	FILES,
	INNER,
	OWN_SPAM
};

static void vary(struct letter *l, int how)
{
	static const struct signal_def rule = {.name = "RULE", .class = "phishing"};
	switch (how) {
	case OWN_SPAM:
		l->f.direction = POLICY_OUT; /* fall through */
	case SPAM:
		l->f.probability = 0.95;
		break;
	case SURE:
		l->f.probability = 0.996;
		signals_add(&l->signals, SIGNAL_DNSBL, 1, S(""));
		signals_add_def(&l->signals, &rule, 2, S(""));
		break;
	case ALLOWED:
		l->f.allowed = true;
		l->f.probability = 0.996;
		break;
	case SPARED:
		l->f.spared = true;
		l->f.probability = 0.996;
		break;
	case VIRUS:
		l->f.virus = S(VIRUS_NAME);
		break;
	case UNAVAILABLE:
		l->f.unavailable = true; /* fall through */
	case UNEXAMINED:
		l->f.examined = false;
		l->f.why_unexamined = S("crashed");
		break;
	case LARGE:
		l->f.too_large = true;
		break;
	case DEFERS:
		l->f.engine_defers = true; /* fall through */
	case HOLDS:
		l->f.engine_holds = true;
		l->f.engine_down = S("clamav");
		break;
	case INNER:
		letter_file(l, S("a.txt"), FILETYPE_TEXT, 0, 0);
		letter_file(l, S("b.zip"), FILETYPE_ZIP, 0, 0);
		letter_file(l, S("c.exe"), FILETYPE_PE, 0, 1);
		break;
	case FILES:
		letter_file(l, S("a.exe"), FILETYPE_PE, 0, 0);
		letter_file(l, S("b.pdf"), FILETYPE_PDF, 0, 0);
	}
}

static const struct row {
	const char *policies;
	int how;
	const char *done;
} rows[] = {
	/* Each end, each action. */
	{"do = deliver", SPAM, "deliver"},
	{"do = junk", PLAIN, "junk mark"},
	{"do = quarantine", PLAIN, "quarantine class=policy"},
	{"do = quarantine", SPAM, "quarantine class=spam"},
	{"do = quarantine:high-phishing", SPAM, "quarantine class=high-phishing"},
	{"do = approve tell_sender tell_recipient\napprovers = a@b.example", PLAIN,
		"approve class=approval tell_sender tell_recipient approvers=a@b.example"},
	{"do = reject", PLAIN, "reject code=550"},
	{"do = reject keep_copy\ncode = 554\nstatus = 5.6.0\ntext = \"No\"", PLAIN,
		"reject code=554 keep_copy"},
	{"do = bounce", PLAIN, "bounce code=550"},
	{"do = discard", PLAIN, "discard"},
	{"do = forward\nforward_to = c@d.example e@f.example", PLAIN,
		"forward to=c@d.example,e@f.example"},
	{"do = defer", PLAIN, "defer code=451"},
	{"do = mark", PLAIN, "deliver mark"},
	{"subject_tag = \"[ext]\"", PLAIN, "deliver subject"},
	{"add_field = \"X-A: b\"", PLAIN, "deliver fields"},
	{"banner_zh = 外部", PLAIN, "deliver banner"},
	{"disclaimer_en = secret", PLAIN, "deliver disclaimer"},
	{"copy_to = c@d.example", PLAIN, "deliver copy=c@d.example"},
	{"supervise_to = c@d.example", PLAIN, "deliver supervise=c@d.example"},
	{"delay = 15m", PLAIN, "deliver delay=15m"},
	{"attachment = program\ndo = strip", FILES, "deliver strip"},
	{"do = strip:all", FILES, "deliver strip:all"},
	{"do = clean", PLAIN, "deliver clean"},
	/* What protects. */
	{"do = mark", VIRUS, "quarantine class=virus mark"},
	{"do = deliver", VIRUS, "quarantine class=virus"},
	{"do = junk", VIRUS, "quarantine class=virus"},
	{"do = forward\nforward_to = a@b.example", VIRUS, "quarantine class=virus"},
	{"do = bounce", VIRUS, "quarantine class=virus"},
	{"virus = found\ndo = deliver", VIRUS, "deliver"},
	{"class = virus\ndo = deliver", VIRUS, "deliver"},
	{"virus = found\ndo = reject", VIRUS, "reject code=550"},
	{"do = reject", VIRUS, "reject code=550"},
	{"do = discard", VIRUS, "discard"},
	{"do = clean", VIRUS, "deliver clean"},
	{"do = deliver", UNEXAMINED, "quarantine class=unexamined"},
	{"examined = no\ndo = deliver", UNEXAMINED, "deliver"},
	{"do = deliver", UNAVAILABLE, "defer code=451"},
	{"examined = no\ndo = deliver", UNAVAILABLE, "deliver"},
	{"do = deliver", LARGE, "deliver"}, /* [filter] too_large = accept */
	{"do = deliver", HOLDS, "quarantine class=unexamined"},
	{"do = deliver", DEFERS, "defer code=451"},
	{"engine_down = yes\ndo = deliver", HOLDS, "deliver"},
	{"do = reject", SPARED, "quarantine class=policy"},
	{"do = bounce", SPARED, "quarantine class=policy"},
	{"do = discard", SPARED, "quarantine class=policy"},
	/* Own thresholds, what is left out. */
	{"mark_from = 0.1", PLAIN, "deliver mark"},
	{"mark_from = 0", SPAM, "deliver"},
	{"junk_from = 0.9", SPAM, "junk mark"},
	{"quarantine_from = 0.9", SPAM, "quarantine class=spam mark"},
	{"reject_from = 0.9", SPAM, "reject code=550 mark"},
	{"reject_from = 0.9", OWN_SPAM, "reject code=550"},
	{"reject_from = 0.9", ALLOWED, "deliver"},
	{"quarantine_from = 0.99", SURE, "quarantine class=phishing mark"},
	{"quarantine_from = 0.99\nwithout = dnsbl", SURE, "deliver mark"},
	{"quarantine_from = 0.99\nwithout = keywords", SURE, "deliver mark"},
	{"quarantine_from = 0.99\nwithout = spf", SURE, "quarantine class=phishing mark"},
	/* Order. */
	{"do = mark\n[policy \"2\"]\ndo = deliver", PLAIN, "deliver mark"},
	{"do = deliver\n[policy \"2\"]\ndo = mark", PLAIN, "deliver"},
	{"do = junk continue\n[policy \"2\"]\ndo = quarantine", PLAIN, "quarantine class=policy"},
	{"do = quarantine continue\n[policy \"2\"]\nsubject_tag = x", PLAIN,
		"quarantine class=policy subject"},
	{"do = reject\ndisabled = yes\n[policy \"2\"]\ndo = junk", PLAIN, "junk mark"},
	{"copy_to = a@b.example\n[policy \"2\"]\ncopy_to = a@b.example c@d.example\n"
	 "[policy \"3\"]\ncopy_to = e@f.example",
		PLAIN, "deliver copy=a@b.example,c@d.example,e@f.example"},
	{"do = forward continue\nforward_to = a@b.example\n[policy \"2\"]\ndo = deliver", PLAIN,
		"deliver"},
};

TEST(actions_follow)
{
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct letter l;
		letter_init(&l);
		vary(&l, rows[i].how);
		slice text = arena_printf(&l.a, "[policy \"1\"]\n%s\n", rows[i].policies);
		AUTO(policy_set) const struct policy_set *s = must_parse(text, &l.a);
		slice done = decide_line(s, &usual, &l, S("rcpt@example.com"));
		if (!slice_eq(done, slice_z(rows[i].done)))
			test_fail(__FILE__, __LINE__, "%s, letter %d: %.*s, not %s",
				rows[i].policies, rows[i].how, SFMT(done), rows[i].done);
		letter_done(&l);
	}
}

TEST(thresholds_decide_when_no_policy_does)
{
	const struct {
		struct policy_thresholds t;
		int how;
		const char *done;
	} cases[] = {
		{usual, PLAIN, "deliver"},
		{usual, SPAM, "deliver mark"},
		{usual, OWN_SPAM, "deliver"},
		{usual, ALLOWED, "deliver"},
		{usual, SPARED, "deliver"},
		{usual, VIRUS, "quarantine class=virus"},
		{usual, UNEXAMINED, "quarantine class=unexamined"},
		{usual, UNAVAILABLE, "defer code=451"},
		{{.mark = 0.9, .junk = 2, .quarantine = 2, .reject = 0.94, .sure = 1}, SPAM,
			"reject code=550 mark"},
		{{.mark = 0.9, .junk = 2, .quarantine = 0.95, .reject = 2, .sure = 1}, SPAM,
			"quarantine class=spam mark"},
		{{.mark = 2, .junk = 0.95, .quarantine = 2, .reject = 2, .sure = 1}, SPAM,
			"junk mark"},
		{{.own_mark = 0.9, .own_junk = 2, .own_quarantine = 2, .own_reject = 2, .sure = 1},
			OWN_SPAM, "deliver mark"},
		{{.mark = 2, .junk = 2, .quarantine = 2, .reject = 2, .hold_large = true}, LARGE,
			"quarantine class=unexamined"},
		{{.mark = 2, .junk = 2, .quarantine = 2, .reject = 2}, UNAVAILABLE, "deliver"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct letter l;
		letter_init(&l);
		vary(&l, cases[i].how);
		CHECK_STR(decide_line(NULL, &cases[i].t, &l, S("rcpt@example.com")),
			slice_z(cases[i].done));
		letter_done(&l);
	}
}

TEST(what_nobody_wanted_examined_is_delivered)
{
	struct letter l;
	letter_init(&l);
	l.f.examined = false;
	CHECK_STR(decide_line(NULL, &usual, &l, S("a@example.com")), S("deliver"));
	CHECK_INT(policy_classify(&l.f, &usual), QUARANTINE_NONE);
	letter_done(&l);
}

TEST(recipients_are_decided_one_by_one)
{
	struct letter l;
	struct policy_decision a, b, c;
	letter_init(&l);
	AUTO(policy_set)
	const struct policy_set *s =
		must_parse(S("[policy \"1\"]\nto = a@example.com b@example.com\nsubject_tag = x\n"
			     "banner_en = hello\n"),
			&l.a);
	policy_decide(s, &usual, &l.f, S("a@example.com"), &l.a, &a);
	policy_decide(s, &usual, &l.f, S("b@example.com"), &l.a, &b);
	policy_decide(s, &usual, &l.f, S("c@example.com"), &l.a, &c);
	CHECK(policy_same(&a, &b) && !policy_same(&a, &c));
	CHECK_STR(a.subject_tag, S("x"));
	CHECK_STR(a.banner.en, S("hello"));
	CHECK_STR(a.why[0], S("1"));
	letter_done(&l);
}

TEST(matched_files_are_stripped_with_what_they_came_in)
{
	struct letter l;
	struct policy_decision d;
	letter_init(&l);
	vary(&l, INNER);
	AUTO(policy_set)
	const struct policy_set *s =
		must_parse(S("[policy \"1\"]\nattachment = program\ndo = strip\n"
			     "notice_en = gone\n"
			     "[policy \"2\"]\nattachment = picture\ndo = strip\n"),
			&l.a);
	policy_decide(s, &usual, &l.f, S("a@example.com"), &l.a, &d);
	CHECK_INT(d.strip, POLICY_STRIP_MATCHED);
	CHECK(!d.stripped[0] && d.stripped[1] && !d.stripped[2]);
	CHECK_STR(d.strip_notice.en, S("gone"));
	CHECK_INT(d.nwhy, 1);
	letter_done(&l);
}

TEST(who_says_what_is_left_out_of_the_judgement)
{
	struct letter l;
	struct policy_decision d;
	letter_init(&l);
	vary(&l, SURE);
	l.f.score = signals_score(&l.signals);
	AUTO(policy_set)
	const struct policy_set *s =
		must_parse(S("[policy \"1\"]\nwithout = dnsbl keywords\n"), &l.a);
	policy_decide(s, &usual, &l.f, S("a@example.com"), &l.a, &d);
	CHECK(d.score < 0.01 && d.score > -0.01);
	CHECK(d.probability < 0.95 && d.probability > 0.5);
	letter_done(&l);
}

static double asked; /* by probability_of */
static double half(void *arg, double score)
{
	(void)arg;
	asked = score;
	return 0.5;
}

TEST(the_models_are_asked_when_they_are_there)
{
	struct letter l;
	struct policy_decision d;
	letter_init(&l);
	vary(&l, SURE);
	l.f.score = 10;
	l.f.probability_of = half;
	AUTO(policy_set)
	const struct policy_set *s = must_parse(S("[policy \"1\"]\nwithout = dnsbl\n"), &l.a);
	policy_decide(s, &usual, &l.f, S("a@example.com"), &l.a, &d);
	CHECK(d.probability == 0.5 && asked == 6);
	letter_done(&l);
}

TEST(decisions_are_kept_as_lines)
{
	struct policy_decision d = {
		.end = POLICY_QUARANTINE, .class = QUARANTINE_SPAM, .policy = S("a\tb\n")};
	AUTO(buf) struct buf b = BUF(4000);
	struct policy_decided line;
	policy_decided_add(&b, S("x@example.com"), POLICY_IN, &d);
	d = (struct policy_decision){.mark = true};
	policy_decided_add(&b, S("y@example.com"), POLICY_INTERNAL, &d);
	slice text = buf_slice(&b);
	CHECK(policy_decided_next(&text, &line));
	CHECK_STR(line.rcpt, S("x@example.com"));
	CHECK_STR(line.done, S("quarantine class=spam"));
	CHECK_STR(line.policy, S("a b "));
	CHECK(line.direction == POLICY_IN);
	CHECK(policy_decided_next(&text, &line));
	CHECK_STR(line.done, S("deliver mark"));
	CHECK_STR(line.policy, S(""));
	CHECK(line.direction == POLICY_INTERNAL);
	CHECK(!policy_decided_next(&text, &line));
	text = S("no tab\na\tb\n\na\t3\tb\tc\na\t1\tb");
	CHECK(!policy_decided_next(&text, &line));
}

TEST(deciding_is_cheap)
{
	struct letter l;
	letter_init(&l);
	AUTO(buf) struct buf text = BUF(1 << 20);
	for (unsigned i = 0; i < 30; i++)
		signals_add(&l.signals, (enum signal_id)(i * 3), 1, S(""));
	vary(&l, FILES);
	for (int i = 0; i < 100; i++) {
		buf_printf(&text, "[policy \"p%d\"]\ndirection = in\n", i);
		static const char *const conditions[] = {"to = @other.example u%d@example.com",
			"from = .other%d.example",
			"signal = link-ip dnsbl>=%d spf-*\nprobability = 0.9..",
			"subject = *nothing%d*", "header = \"X-Nothing: *%d*\"",
			"attachment = archive+encrypted name:*.x%d"};
		char line[100];
		snprintf(line, sizeof line, conditions[i % 6], i);
		buf_printf(&text, "%s\ndo = quarantine\n", line);
	}
	AUTO(policy_set) const struct policy_set *s = must_parse(buf_slice(&text), &l.a);
	enum { ROUNDS = 2000 };
	AUTO(arena) struct arena a = {0};
	struct policy_decision d;
	clock_t began = clock();
	for (int i = 0; i < ROUNDS; i++) {
		policy_decide(s, &usual, &l.f, S("rcpt@example.com"), &a, &d);
		CHECK_INT(d.nwhy, 0);
		arena_reset(&a);
	}
	double each = (double)(clock() - began) * 1e6 / CLOCKS_PER_SEC / ROUNDS;
	fprintf(stderr, "100 policies: %.1f us a recipient\n", each);
	letter_done(&l);
	CHECK(each < 1000); /* with sanitizers, on a busy machine */
}
