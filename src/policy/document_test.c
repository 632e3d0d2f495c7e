/* Mistakes of documents: each told, with its line, in both languages; warnings; limits. */
#include "policy/policy_testing.h"

static const struct row {
	const char *text; /* behind "[policy "p"]\n": its first line is 2 */
	const char *said; /* in the first mistake */
} mistakes[] = {
	/* A mistake in each key. */
	{"disabled = perhaps\ndo = mark", "policies:2: disabled"},
	{"direction = inn\ndo = mark", "policies:2: direction: 'inn' is none of: in out internal"},
	{"organisation = a b@c\ndo = mark", "policies:2: organisation: 'b@c' is neither"},
	{"from = partner.example\ndo = mark",
		"policies:2: from: 'partner.example': a domain is written @partner.example"},
	{"from = group:none\ndo = mark", "policies:2: from: there is no [group \"none\"]"},
	{"from =\ndo = mark", "policies:2: from: nothing is written behind it"},
	{"envelope_from = a@@b\ndo = mark", "policies:2: envelope_from: 'a@@b' is neither"},
	{"header_from = <>x\ndo = mark", "policies:2: header_from: '<>x': a domain"},
	{"to = @-x-.example\ndo = mark", "policies:2: to: '@-x-.example' is neither"},
	{"login = @b c@..\nlogin = x\ndo = mark", "policies:3: 'login' is set twice"},
	{"login = @.\ndo = mark", "policies:2: login: '@.' is neither"},
	{"ip = 192.0.2.0/33\ndo = mark", "policies:2: ip: '192.0.2.0/33' is no network"},
	{"host = \"\"\ndo = mark", "policies:2: host: an empty word"},
	{"hours = 8-25\ndo = mark", "policies:2: hours: '8-25' is no time of the day"},
	{"hours = 08:00-08:00\ndo = mark", "policies:2: hours: '08:00-08:00' is no time"},
	{"hours = 08:00-24:01\ndo = mark", "policies:2: hours: '08:00-24:01' is no time"},
	{"weekdays = mon-xyz\ndo = mark", "policies:2: weekdays: 'mon-xyz' is no day"},
	{"weekdays = mon\nzone = Mars\ndo = mark", "policies:3: zone: 'Mars' is no time zone"},
	{"zone = UTC\ndo = mark", "policies:2: zone: says nothing without hours"},
	{"signal = spf fail! \ndo = mark", "policies:2: signal: 'fail!' is no signal"},
	{"signal = dnsbl>=x\ndo = mark", "policies:2: signal: 'dnsbl>=x' is no signal"},
	{"every_signal = >=2\ndo = mark", "policies:2: every_signal: '>=2' is no signal"},
	{"class = ham\ndo = mark", "policies:2: class: 'ham' is no class"},
	{"class = approval\ndo = mark", "policies:2: class: 'approval' is no class"},
	{"header = Subject\ndo = mark", "policies:2: header: 'Subject' is not written"},
	{"header = \"Two words: x\"\ndo = mark", "policies:2: header: 'Two words: x' is not"},
	{"subject = \"\"\ndo = mark", "policies:2: subject: an empty word"},
	{"attachment = exe+wrong\ndo = mark", "policies:2: attachment: 'wrong' is no kind of file"},
	{"attachment = size:10\ndo = mark", "policies:2: attachment: 'size:10' is no kind"},
	{"attachment = any+any+any+any+any+any+any+any+any\ndo = mark", "joins more than 8"},
	{"virus = \"\"\ndo = mark", "policies:2: virus: an empty word"},
	{"probability = 0.9\ndo = mark", "policies:2: probability: '0.9' is no range"},
	{"probability = 0.9..0.1\ndo = mark", "policies:2: probability: '0.9..0.1' is no range"},
	{"probability = 2..3\ndo = mark", "policies:2: probability: is a range within 0 to 1"},
	{"score = x..\ndo = mark", "policies:2: score: 'x..' is no range"},
	{"size = ..\ndo = mark", "policies:2: size: '..' is no range"},
	{"recipients = 5\ndo = mark", "policies:2: recipients: '5' is no range"},
	{"bulk = ..nan\ndo = mark", "policies:2: bulk: '..nan' is no range"},
	{"attachments = 1.5.\ndo = mark", "policies:2: attachments: '1.5.' is no range"},
	{"examined = maybe\ndo = mark", "policies:2: examined"},
	{"limited = 1\ndo = mark", "policies:2: limited"},
	{"allowed = ja\ndo = mark", "policies:2: allowed"},
	{"engine_down = x\ndo = mark", "policies:2: engine_down"},
	{"do = destroy", "policies:2: do: 'destroy' is none of: deliver junk"},
	{"do = quarantine:foo", "policies:2: do: quarantine:foo: the classes are"},
	{"do = quarantine:approval", "policies:2: do: quarantine:approval: the classes are"},
	{"do = approve\napprovers = nobody", "policies:3: approvers: 'nobody' is no mail address"},
	{"do = forward\nforward_to = @x", "policies:3: forward_to: '@x' is no mail address"},
	{"copy_to = a@b c", "policies:2: copy_to: 'c' is no mail address"},
	{"supervise_to = x@", "policies:2: supervise_to: 'x@' is no mail address"},
	{"add_field = X-A", "policies:2: add_field: 'X-A' is not written"},
	{"add_field = \"Subject: x\"", "policies:2: add_field: Subject belongs to the letter"},
	{"add_field = \"Content-Type: x\"", "policies:2: add_field: Content-Type belongs"},
	{"delay = 8d", "policies:2: delay"},
	{"do = reject\ncode = 450", "policies:3: code: 450: a reject has 550 to 559"},
	{"do = defer\ncode = 550", "policies:3: code: 550: a reject has 550"},
	{"do = reject\nstatus = 4.7.1", "policies:3: status: '4.7.1' does not fit the code 550"},
	{"do = reject\nstatus = 5.x", "policies:3: status: '5.x' does not fit"},
	{"do = reject\ntext = 不行", "policies:3: text: replies of SMTP are ASCII"},
	{"without = everything", "policies:2: without: 'everything' is neither"},
	{"without = !spf", "policies:2: without: nothing can be left in"},
	{"mark_from = 1.5", "policies:2: mark_from: '1.5' is no number from 0 to 1"},
	{"junk_from = x", "policies:2: junk_from: 'x' is no number"},
	{"quarantine_from = ", "policies:2: quarantine_from: '' is no number"},
	{"reject_from = -1", "policies:2: reject_from: '-1' is no number"},
	{"colour = red\ndo = mark", "policies:2: unknown key 'colour'"},
	/* What does not go together. */
	{"do = reject deliver", "policies:2: do: reject and deliver: a letter ends in one way"},
	{"do = quarantine quarantine:spam", "do: quarantine and quarantine: a letter ends"},
	{"do = approve", "policies:2: do: approve needs approvers"},
	{"do = forward", "policies:2: do: forward needs forward_to"},
	{"do = deliver\napprovers = a@b.example", "policies:3: approvers: needs do = approve"},
	{"do = mark\nforward_to = a@b.example", "policies:3: forward_to: needs do = forward"},
	{"do = deliver\ncode = 550", "policies:3: code: needs do = reject or defer"},
	{"do = mark\nstatus = 5.7.1", "policies:3: status: needs do = reject, defer or bounce"},
	{"do = discard\ntext = no",
		"policies:3: text: needs do = reject, defer, bounce, quarantine or approve"},
	{"do = reject\nsubject_tag = x", "policies:3: subject_tag: nobody gets a letter"},
	{"do = discard\nbanner_zh = x", "policies:3: banner_zh: nobody gets a letter"},
	{"do = quarantine\nbanner_en = x", "policies:3: banner_en: nobody gets a letter"},
	{"do = reject\ndisclaimer_zh = x", "policies:3: disclaimer_zh: nobody gets"},
	{"do = reject\ndisclaimer_en = x", "policies:3: disclaimer_en: nobody gets"},
	{"do = reject\nadd_field = \"X-A: b\"", "policies:3: add_field: nobody gets a letter"},
	{"do = bounce\ndelay = 5m", "policies:3: delay: nobody gets a letter"},
	{"do = junk\nmark_from = 0.5", "policies:3: mark_from: says nothing beside a decision"},
	{"do = junk\nwithout = spf", "policies:3: without: says nothing beside a decision"},
	{"do = reject mark", "policies:2: do: mark: nobody gets a letter"},
	{"do = discard clean", "policies:2: do: clean: nobody gets a letter"},
	{"do = reject strip:all", "policies:2: do: strip: nobody gets a letter"},
	{"do = deliver tell_sender", "policies:2: do: tell_sender: goes with quarantine"},
	{"do = reject tell_recipient", "policies:2: do: tell_recipient: goes with quarantine"},
	{"do = deliver keep_copy", "policies:2: do: keep_copy: goes with reject"},
	{"do = mark continue", "policies:2: do: continue: without a decision"},
	{"do = strip", "policies:2: do: strip: needs the condition attachment"},
	{"do = mark\nnotice_zh = x", "policies:3: notice: needs do = strip"},
	{"do = mark\nnotice_en = x", "policies:3: notice: needs do = strip"},
	{"from = @a.example", "policies:1: [policy \"p\"] does nothing: write `do = ...`"},
	/* The engine's. */
	{"include /etc/hostname", "policies:2: include is not allowed here"},
	{"do = mark\n[rules]\nx = y", "policies:3: unknown section [rules]"},
	{"do = mark\n[policy \"q\"]\ndo = mark\n[policy \"p\"]\nsubject_tag = x",
		"policies:5: [policy \"p\"] is there already, in line 1"},
	{"do = mark\n[policy]\ndo = mark", "policies:3: [policy] needs a name"},
	{"do = mark\n[group \"g\"]\nmembers = x y@z.example", "policies:4: members: 'x': a domain"},
	{"do = mark\n[group \"g\"]\nmembers = !a@b.example", "policies:4: members: '!a@b.example': "
							     "nobody can be left out"},
	{"do = mark\n[group \"g\"]\nmembers = group:h", "policies:4: members: there is no [group"},
};

static bool is_utf8_chinese(slice s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] >= 0xe4)
			return true;
	return false;
}

static slice first_mistake(slice text, enum conf_lang lang, struct arena *a)
{
	struct policy_set *s = NULL;
	struct conf_errors errors = {0};
	struct err e;
	if (policy_parse(text, S("policies"), lang, a, &s, &errors, &e) == 0) {
		policy_release(s);
		return S("(fine)");
	}
	return errors.n ? errors.v[0] : S("(none told)");
}

TEST(mistakes_are_told)
{
	for (size_t i = 0; i < sizeof mistakes / sizeof *mistakes; i++) {
		AUTO(arena) struct arena a = {0};
		slice text = arena_printf(&a, "[policy \"p\"]\n%s\n", mistakes[i].text);
		slice said = first_mistake(text, CONF_EN, &a);
		if (slice_find(said, slice_z(mistakes[i].said)) == said.n)
			test_fail(__FILE__, __LINE__, "%s\n  says: %.*s\n  not: %s",
				mistakes[i].text, SFMT(said), mistakes[i].said);
		said = first_mistake(text, CONF_ZH, &a);
		if (!is_utf8_chinese(said))
			test_fail(__FILE__, __LINE__, "%s\n  says: %.*s", mistakes[i].text,
				SFMT(said));
	}
}

/* A document with a mistake in each key names every key of the section. */
TEST(no_key_is_without_a_test)
{
	for (const struct conf_key *k = policy_section.keys; k->key; k++) {
		bool found = false;
		for (size_t i = 0; !found && i < sizeof mistakes / sizeof *mistakes; i++) {
			slice text = slice_z(mistakes[i].text), line;
			while (slice_cut(&text, '\n', &line))
				found |= slice_starts(line, slice_z(k->key)) &&
					 line.p[strlen(k->key)] == ' ';
		}
		if (!found)
			test_fail(__FILE__, __LINE__, "%s", k->key);
	}
}

TEST(all_mistakes_are_told_at_once)
{
	AUTO(arena) struct arena a = {0};
	struct policy_set *s = NULL;
	struct conf_errors errors = {0};
	struct err e;
	CHECK(policy_parse(S("[policy \"a\"]\nfrom = x\ndo = foo\n[policy \"b\"]\nbad\nto = "
			     "group:y\nsize = 1\ndo = reject mark\n"),
		      S("p"), CONF_EN, &a, &s, &errors, &e) < 0);
	CHECK_INT(e.kind, ERR_PERM);
	CHECK_INT(errors.n, 6);
	CHECK(s == NULL);
}

static const struct row warnings[] = {
	{"[policy \"a\"]\ndo = discard\n", "has no condition: discard all mail"},
	{"[policy \"a\"]\ndirection = in\ndo = quarantine\n", "asks nothing of the letter itself"},
	{"[policy \"a\"]\ndo = deliver\n[policy \"b\"]\ndo = mark\n",
		"[policy \"b\"] is never tried"},
	{"[group \"a\"]\nmembers = group:b\n[group \"b\"]\nmembers = group:a\n", "contains itself"},
};

TEST(what_is_probably_not_meant_is_a_warning)
{
	for (size_t i = 0; i < sizeof warnings / sizeof *warnings; i++) {
		AUTO(arena) struct arena a = {0};
		AUTO(policy_set)
		const struct policy_set *s = must_parse(slice_z(warnings[i].text), &a);
		bool found = false;
		for (size_t w = 0; w < policy_warnings(s).n; w++) {
			slice said = policy_warnings(s).v[w];
			found |= slice_find(said, slice_z(warnings[i].said)) < said.n;
		}
		if (!found)
			test_fail(__FILE__, __LINE__, "%s", warnings[i].text);
	}
	AUTO(arena) struct arena a = {0};
	AUTO(policy_set)
	const struct policy_set *s = must_parse(S("[policy \"a\"]\nfrom = @x.example\ndo = reject\n"
						  "[policy \"b\"]\ndirection = in\ndo = deliver\n"),
		&a);
	CHECK_INT(policy_warnings(s).n, 0);
	CHECK_INT(policy_count(s), 2);
}

static void check_limit(struct buf *text, const char *said)
{
	AUTO(arena) struct arena a = {0};
	slice first = first_mistake(buf_slice(text), CONF_EN, &a);
	if (slice_find(first, slice_z(said)) == first.n)
		test_fail(__FILE__, __LINE__, "%.*s, not %s", SFMT(first), said);
}

TEST(limits_are_told)
{
	AUTO(buf) struct buf text = BUF(4 << 20);
	for (int i = 0; i <= POLICY_POLICIES_MAX; i++)
		buf_printf(&text, "[policy \"%d\"]\ndo = mark\n", i);
	check_limit(&text, "more than 500 policies");
	buf_reset(&text);
	for (int i = 0; i <= POLICY_GROUPS_MAX; i++)
		buf_printf(&text, "[group \"%d\"]\nmembers = a@b.example\n", i);
	check_limit(&text, "more than 1000 groups");
	buf_reset(&text);
	for (int g = 0; g < 13; g++) {
		buf_printf(&text, "[group \"%d\"]\nmembers =", g);
		for (int i = 0; i < 4000; i++)
			buf_printf(&text, " %d@b.cn", i);
		buf_put(&text, S("\n"));
	}
	check_limit(&text, "more than 50000 addresses");
	buf_reset(&text);
	buf_put(&text, S("[policy \"p\"]\nsubject ="));
	for (int i = 0; i <= POLICY_WORDS_MAX; i++)
		buf_put(&text, S(" x"));
	check_limit(&text, "subject: more than 1000 words");
	buf_reset(&text);
	for (int p = 0; p < 3; p++) {
		buf_printf(&text, "[policy \"%d\"]\nsubject_tag = x\nsignal =", p);
		for (int i = 0; i < 900; i++)
			buf_printf(&text, " s%d-%d", p, i);
		buf_put(&text, S("\n"));
	}
	check_limit(&text, "more than 2000 different signals");
	buf_reset(&text);
	buf_put(&text, S("[policy \"p\"]\nbanner_en = "));
	buf_fill(&text, 'x', POLICY_TEXT_MAX + 1);
	check_limit(&text, "banner_en: longer than 4000 bytes");
	buf_reset(&text);
	buf_put(&text, S("[policy \"p\"]\ncopy_to ="));
	for (int i = 0; i <= POLICY_ADDRESSES_MAX; i++)
		buf_printf(&text, " u%d@b.example", i);
	check_limit(&text, "copy_to: more than 50 addresses");
	buf_reset(&text);
	buf_fill(&text, '#', POLICY_DOCUMENT_MAX + 1);
	check_limit(&text, "longer than 1048576 bytes");
}

TEST(a_set_lives_as_long_as_it_is_held)
{
	AUTO(arena) struct arena a = {0};
	const struct policy_set *s = must_parse(S("[policy \"a\"]\ndo = mark\n"), &a);
	const struct policy_set *again = policy_hold(s);
	policy_release(s);
	CHECK_INT(policy_count(again), 1);
	policy_release(again);
	policy_release(policy_hold(NULL));
}
