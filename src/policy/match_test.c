/* Each condition: letters that meet it and letters that do not. */
#include "policy/policy_testing.h"

/* A variation of the letter; 0 leaves it alone. */
enum {
	PLAIN,
	OUT,
	INTERNAL,
	LOGIN,
	NULL_SENDER,
	FILES,
	VIRUS,
	EARLY,
	LATE,
	RULE,
	DNSBL,
	ALLOWED,
	SPAM,
	UNEXAMINED,
	LARGE,
	LIMITED,
	BULK,
	ENGINE,
	NO_IP,
	V6,
	MONDAY,
	INNER
};

static void vary(struct letter *l, int how)
{
	static const struct signal_def rule = {
		.name = "ZH-INVOICE", .en = "", .zh = "", .class = "fraud"};
	switch (how) {
	case OUT:
		l->f.direction = POLICY_OUT;
		l->f.login = S("Alice@Example.com");
		l->f.sender = S("alice@example.com");
		break;
	case INTERNAL:
		l->f.direction = POLICY_INTERNAL;
		l->f.sender = S("carol@sub.example.com");
		break;
	case LOGIN:
		l->f.login = S("Alice@Example.com");
		break;
	case NULL_SENDER:
		l->f.sender = S("");
		break;
	case FILES:
		letter_file(l, S("Invoice.pdf.EXE"), FILETYPE_PE, EXTRACT_DOUBLE_NAME, 0);
		letter_file(l, S("list.xlsm"), FILETYPE_XLSM, EXTRACT_MACRO, 0);
		break;
	case INNER:
		letter_file(l, S("a.zip"), FILETYPE_ZIP, EXTRACT_ENCRYPTED, 0);
		letter_file(l, S("run.js"), FILETYPE_JS, 0, 1);
		break;
	case VIRUS:
		l->f.virus = S("clamav: Win.Test.EICAR_HDB-1, other: Trojan.X");
		break;
	case EARLY:
		l->f.at += 3 * HOUR + 30 * MINUTE; /* 05:30 UTC */
		break;
	case LATE:
		l->f.at += 21 * HOUR; /* 23:00 UTC */
		break;
	case MONDAY:
		l->f.at += DAY;
		break;
	case RULE:
		signals_add_def(&l->signals, &rule, 2.5f, S(""));
		break;
	case DNSBL:
		signals_add(&l->signals, SIGNAL_DNSBL, 1, S(""));
		signals_add(&l->signals, SIGNAL_SPF_FAIL, 1, S(""));
		break;
	case ALLOWED:
		l->f.allowed = true;
		l->f.probability = 0.95;
		l->f.score = 9;
		break;
	case SPAM:
		l->f.probability = 0.95;
		l->f.score = 9;
		break;
	case UNEXAMINED:
		l->f.examined = false;
		l->f.why_unexamined = S("it was too hard");
		break;
	case LARGE:
		l->f.too_large = true;
		l->f.size = 60 << 20;
		break;
	case LIMITED:
		l->f.limited = true;
		break;
	case BULK:
		l->f.bulk = 80;
		break;
	case ENGINE:
		l->f.engine_down = S("clamav: no answer");
		break;
	case NO_IP:
		l->f.client_ip = l->f.client_name = S("");
		break;
	case V6:
		l->f.client_ip = S("2001:db8::5");
	}
}

static const struct row {
	const char *condition;
	int how;
	bool holds;
} rows[] = {
	{"direction = in", PLAIN, true},
	{"direction = in", OUT, false},
	{"direction = out internal", OUT, true},
	{"direction = out internal", INTERNAL, true},
	{"direction = out internal", PLAIN, false},
	{"direction = !internal", INTERNAL, false},
	{"direction = !internal", OUT, true},
	{"organisation = example.com", PLAIN, true},
	{"organisation = example.com", OUT, true},
	{"organisation = partner.example", PLAIN, false},
	{"organisation = .example.com", INTERNAL, true},
	{"organisation = !example.com", PLAIN, false},
	{"from = @partner.example", PLAIN, true},
	{"from = bounce@partner.example", PLAIN, true},
	{"from = boss@partner.example", PLAIN, true},
	{"from = BOSS@Partner.Example", PLAIN, true},
	{"from = .example", PLAIN, true},
	{"from = .partner.example", PLAIN, false},
	{"from = b*@partner.example", PLAIN, true},
	{"from = c*@partner.example", PLAIN, false},
	{"from = group:friends", PLAIN, true},
	{"from = group:all", PLAIN, true},
	{"from = group:others", PLAIN, false},
	{"from = !group:all", PLAIN, false},
	{"from = @partner.example !boss@*", PLAIN, false},
	{"from = !@other.example", PLAIN, true},
	{"envelope_from = boss@partner.example", PLAIN, false},
	{"envelope_from = bounce@partner.example", PLAIN, true},
	{"envelope_from = <>", PLAIN, false},
	{"envelope_from = <>", NULL_SENDER, true},
	{"envelope_from = !<>", NULL_SENDER, false},
	{"header_from = boss@partner.example", PLAIN, true},
	{"header_from = bounce@partner.example", PLAIN, false},
	{"to = rcpt@example.com", PLAIN, true},
	{"to = other@example.com", PLAIN, false},
	{"to = @example.com !rcpt@example.com", PLAIN, false},
	{"login = *", PLAIN, false},
	{"login = *", LOGIN, true},
	{"login = alice@example.com", LOGIN, true},
	{"login = !*", PLAIN, true},
	{"login = !*", LOGIN, false},
	{"ip = 192.0.2.0/24", PLAIN, true},
	{"ip = 198.51.100.0/24 192.0.2.7", PLAIN, true},
	{"ip = 198.51.100.0/24", PLAIN, false},
	{"ip = 192.0.2.0/24 !192.0.2.7", PLAIN, false},
	{"ip = 192.0.2.0/24", NO_IP, false},
	{"ip = !192.0.2.0/24", NO_IP, true},
	{"ip = 2001:db8::/32", V6, true},
	{"ip = 2001:db8::/32", PLAIN, false},
	{"host = *.partner.example", PLAIN, true},
	{"host = *.other.example", PLAIN, false},
	{"host = *", NO_IP, false},
	{"hours = 01:00-05:00\nzone = UTC", PLAIN, true},
	{"hours = 01:00-05:00\nzone = UTC", EARLY, false},
	{"hours = 22:00-03:00\nzone = UTC", PLAIN, true},
	{"hours = 22:00-03:00\nzone = UTC", LATE, true},
	{"hours = 22:00-03:00\nzone = UTC", EARLY, false},
	{"hours = 10:00-10:01\nzone = +08:00", PLAIN, true},
	{"hours = 10:00-10:01\nzone = UTC", PLAIN, false},
	{"hours = 02:00-24:00\nzone = UTC", LATE, true},
	{"hours = !01:00-03:00\nzone = UTC", PLAIN, false},
	{"weekdays = sun\nzone = UTC", PLAIN, true},
	{"weekdays = mon-fri\nzone = UTC", PLAIN, false},
	{"weekdays = mon-fri\nzone = UTC", MONDAY, true},
	{"weekdays = sat-sun\nzone = UTC", PLAIN, true},
	{"weekdays = !sun\nzone = UTC", PLAIN, false},
	{"weekdays = sat\nzone = -03:00", PLAIN, true},
	{"signal = dnsbl", DNSBL, true},
	{"signal = dnsbl", PLAIN, false},
	{"signal = spf-*", DNSBL, true},
	{"signal = link-*", DNSBL, false},
	{"signal = dnsbl>=3", DNSBL, true},
	{"signal = dnsbl>=5", DNSBL, false},
	{"signal = !dnsbl", DNSBL, false},
	{"signal = !dnsbl", PLAIN, true},
	{"signal = class:fraud", RULE, true},
	{"signal = class:fraud>=3", RULE, false},
	{"signal = class:phishing", RULE, false},
	{"signal = ZH-INVOICE", RULE, true},
	{"every_signal = dnsbl spf-fail", DNSBL, true},
	{"every_signal = dnsbl dkim-pass", DNSBL, false},
	{"every_signal = dnsbl !spf-fail", DNSBL, false},
	{"every_signal = dnsbl !spf-pass", DNSBL, true},
	{"class = spam", SPAM, true},
	{"class = spam", PLAIN, false},
	{"class = none", PLAIN, true},
	{"class = spam", ALLOWED, false},
	{"class = virus", VIRUS, true},
	{"class = unexamined", UNEXAMINED, true},
	{"class = bulk", BULK, true},
	{"class = !spam !virus", SPAM, false},
	{"class = !spam !virus", PLAIN, true},
	{"probability = 0.9..", SPAM, true},
	{"probability = 0.9..", PLAIN, false},
	{"probability = 0.1..0.3", PLAIN, true},
	{"probability = ..0.1", PLAIN, false},
	{"probability = 0.9..", ALLOWED, false},
	{"probability = 0.9..\nallowed = yes", ALLOWED, true},
	{"score = 5..", SPAM, true},
	{"score = -3..2", PLAIN, true},
	{"score = 5..", ALLOWED, false},
	{"bulk = 50..", BULK, true},
	{"bulk = 50..", PLAIN, false},
	{"size = 50m..", LARGE, true},
	{"size = 50m..", PLAIN, false},
	{"size = 10k..30k", PLAIN, true},
	{"recipients = 3..", PLAIN, true},
	{"recipients = 4..", PLAIN, false},
	{"attachments = 1..", PLAIN, false},
	{"attachments = 2..", FILES, true},
	{"attachments = 2..", INNER, false},
	{"attachment = any", FILES, true},
	{"attachment = any", PLAIN, false},
	{"attachment = !any", PLAIN, true},
	{"attachment = !any", FILES, false},
	{"attachment = program", FILES, true},
	{"attachment = exe", FILES, true},
	{"attachment = dangerous", PLAIN, false},
	{"attachment = office+macro", FILES, true},
	{"attachment = program+macro", FILES, false},
	{"attachment = office+!macro", FILES, false},
	{"attachment = double-name", FILES, true},
	{"attachment = *.exe", FILES, true},
	{"attachment = name:*.iso", FILES, false},
	{"attachment = exe+size:1k..10k", FILES, true},
	{"attachment = exe+size:10k..", FILES, false},
	{"attachment = archive+encrypted", INNER, true},
	{"attachment = script+inside", INNER, true},
	{"attachment = script+attached", INNER, false},
	{"attachment = script", INNER, true},
	{"attachment = !script archive", INNER, false},
	{"virus = found", VIRUS, true},
	{"virus = found", PLAIN, false},
	{"virus = *eicar*", VIRUS, true},
	{"virus = Trojan.*", VIRUS, true},
	{"virus = other:*", VIRUS, true},
	{"virus = Worm.*", VIRUS, false},
	{"virus = !found", VIRUS, false},
	{"virus = !found", PLAIN, true},
	{"header = \"Subject: *发票*\"", PLAIN, true},
	{"header = \"Subject: 发票\"", PLAIN, false},
	{"header = \"subject: RE:*\"", PLAIN, true},
	{"header = \"X-Mailer: foo*\" \"X-None: x\"", PLAIN, true},
	{"header = X-Mailer:", PLAIN, true},
	{"header = X-None:", PLAIN, false},
	{"header = !List-Id:", PLAIN, false},
	{"subject = *发票*", PLAIN, true},
	{"subject = *账单*", PLAIN, false},
	{"subject = \"re: 发票 2026\"", PLAIN, true},
	{"examined = yes", PLAIN, true},
	{"examined = no", PLAIN, false},
	{"examined = no", UNEXAMINED, true},
	{"examined = no", LARGE, true},
	{"examined = any", PLAIN, true},
	{"limited = yes", LIMITED, true},
	{"limited = yes", PLAIN, false},
	{"allowed = yes", ALLOWED, true},
	{"allowed = no", ALLOWED, false},
	{"engine_down = yes", ENGINE, true},
	{"engine_down = no", ENGINE, false},
	{"direction = in\nfrom = @partner.example\nsubject = *发票*", PLAIN, true},
	{"direction = in\nfrom = @partner.example\nsubject = *账单*", PLAIN, false},
};

static const char groups[] = "[group \"friends\"]\nmembers = @partner.example x@y.example\n"
			     "[group \"others\"]\nmembers = .partner.example a@partner.example\n"
			     "[group \"all\"]\nmembers = group:others group:friends\n";

TEST(conditions_hold_or_not)
{
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const struct row *r = &rows[i];
		struct letter l;
		letter_init(&l);
		vary(&l, r->how);
		slice text = arena_printf(&l.a,
			"%s[policy \"p\"]\n%s\ndo = keep_copy\nsubject_tag = \"hit\"\n", groups,
			r->condition);
		AUTO(policy_set) const struct policy_set *s = must_parse(text, &l.a);
		struct policy_decision d;
		policy_decide(s, &usual, &l.f, S("rcpt@example.com"), &l.a, &d);
		if ((d.nwhy == 1) != r->holds)
			test_fail(__FILE__, __LINE__, "%s, letter %d: %s", r->condition, r->how,
				d.nwhy ? "holds" : "does not hold");
		letter_done(&l);
	}
}

TEST(addresses_are_compared_in_one_spelling)
{
	struct letter l;
	letter_init(&l);
	AUTO(policy_set)
	const struct policy_set *s =
		must_parse(S("[policy \"p\"]\nto = @例子.example\nsubject_tag = x\n"
			     "[policy \"q\"]\nto = .EXAMPLE\nsubject_tag = x\n"),
			&l.a);
	struct policy_decision d;
	policy_decide(s, &usual, &l.f, S("A@xn--fsqu00a.example"), &l.a, &d);
	CHECK_INT(d.nwhy, 2);
	policy_decide(s, &usual, &l.f, S("a@例子.example"), &l.a, &d);
	CHECK_INT(d.nwhy, 2);
	policy_decide(s, &usual, &l.f, S("postmaster"), &l.a, &d);
	CHECK_INT(d.nwhy, 0);
	letter_done(&l);
}

TEST(groups_may_hold_many_and_each_other)
{
	struct letter l;
	letter_init(&l);
	AUTO(buf) struct buf text = BUF(1 << 20);
	for (int g = 0; g < 20; g++) {
		buf_printf(&text, "[group \"g%d\"]\nmembers = ", g);
		for (int i = 0; i < 300; i++)
			buf_printf(&text, "u%d-%d@example.com ", g, i);
		for (int other = 0; other < 20; other++)
			buf_printf(&text, "group:g%d ", other);
		buf_put(&text, S("\n"));
	}
	buf_put(&text, S("[policy \"p\"]\nto = group:g0\nsubject_tag = x\n"));
	AUTO(policy_set) const struct policy_set *s = must_parse(buf_slice(&text), &l.a);
	CHECK_INT(policy_warnings(s).n, 20); /* circles */
	CHECK(slice_find(decide_line(s, &usual, &l, S("u19-299@example.com")), S("subject")) < 100);
	CHECK_STR(decide_line(s, &usual, &l, S("u19-300@example.com")), S("deliver"));
	letter_done(&l);
}

/* ---- what the directory says ---- */

static slice belonging(void *arg, slice address, struct arena *a)
{
	unsigned *asked = arg;
	(void)a;
	++*asked;
	if (slice_eq(address, S("ann@example.com")))
		return S("org:Acme\nclass:vip\ngroup:all@example.com\ndepartment:Sales/East\n"
			 "department:acme:Sales/East\ndepartment:Sales\ndepartment:acme:Sales\n");
	return slice_eq(address, S("bob@example.com")) ? S("org:acme\nclass:standard\n") : S("");
}

TEST(conditions_on_the_directory)
{
	static const struct {
		const char *condition;
		bool ann, bob, stranger;
	} cases[] = {
		{"to = org:ACME", true, true, false}, {"to = class:VIP", true, false, false},
		{"to = class:vi", false, false, false},
		{"to = department:Sales", true, false, false},
		{"to = department:sales/east", true, false, false},
		{"to = department:Sales/West", false, false, false},
		{"to = department:acme:Sales", true, false, false},
		{"to = department:other:Sales", false, false, false},
		{"to = group:all@example.com", true, false, false},
		{"to = group:mixed", true, true, false}, {"to = !class:vip", false, true, true},
		{"to = org:acme !department:Sales", false, true, false},
		{"organisation = org:acme", true, true, false},
		{"from = org:acme", false, false, false}, /* the sender is a stranger */
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct letter l;
		unsigned asked = 0;
		letter_init(&l);
		l.f.belonging_of = belonging;
		l.f.directory = &asked;
		slice text = arena_printf(&l.a,
			"[group \"mixed\"]\nmembers = class:vip bob@example.com\n"
			"[policy \"p\"]\n%s\nsubject_tag = x\n",
			cases[i].condition);
		AUTO(policy_set) const struct policy_set *s = must_parse(text, &l.a);
		struct policy_decision d;
		CHECK(policy_asks_directory(s));
		policy_decide(s, &usual, &l.f, S("ann@example.com"), &l.a, &d);
		CHECK_INT(d.nwhy, cases[i].ann);
		policy_decide(s, &usual, &l.f, S("bob@example.com"), &l.a, &d);
		CHECK_INT(d.nwhy, cases[i].bob);
		policy_decide(s, &usual, &l.f, S("eve@elsewhere.example"), &l.a, &d);
		CHECK_INT(d.nwhy, cases[i].stranger);
		CHECK(asked > 0);
		letter_done(&l);
	}
}

TEST(nobody_asks_the_directory_in_vain)
{
	struct letter l;
	unsigned asked = 0;
	letter_init(&l);
	l.f.belonging_of = belonging;
	l.f.directory = &asked;
	AUTO(policy_set)
	const struct policy_set *s =
		must_parse(S("[policy \"p\"]\nto = @example.com\nsubject_tag = x\n"), &l.a);
	struct policy_decision d;
	policy_decide(s, &usual, &l.f, S("ann@example.com"), &l.a, &d);
	CHECK_INT(d.nwhy, 1);
	CHECK_INT(asked, 0);
	CHECK(!policy_asks_directory(s) && !policy_asks_directory(NULL));
	letter_done(&l);
}
