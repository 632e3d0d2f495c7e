/*
 * What scripts do to a letter: RFC 5228 and each of its extensions, several scripts in a row, limits. Pigeonhole's cases
 * (test/sieve.py) judge the language besides; here stands what they do not look at.
 */
#include "sieve/testing.h"

struct example {
	const char *script, *want;
};

static void run_all(const struct example *v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		AUTO(arena) struct arena a = {0};
		struct sieve_input q;
		testing_input(&q);
		slice got = testing_run(&a, &q, slice_z(v[i].script));
		if (!slice_eq(got, slice_z(v[i].want)))
			test_fail(__FILE__, __LINE__, "%s\n\tgave: %.*s\n\tnot:  %s", v[i].script,
				SFMT(got), v[i].want);
	}
}
#define RUN_ALL(v) run_all(v, sizeof v / sizeof *v)
/* A test that holds files into Y. */
#define IF(require, test) "require [\"fileinto\"" require "]; if " test " { fileinto \"Y\"; }"
#define Y "file \"Y\""
#define NO "keep"

TEST(sieve_base)
{
	static const struct example v[] = {
		{"", "keep"},
		{"# nothing\n/* at all */", "keep"},
		{"keep;", "keep"},
		{"discard;", "discard"},
		{"keep; discard;", "keep; discard"},
		{"stop; discard;", "keep"},
		{"redirect \"a@example.com\"; redirect \"A@example.com\";",
			"redirect a@example.com"},
		{"redirect \"A B <a@example.com>\"; keep;", "redirect a@example.com; keep"},
		{"require \"fileinto\"; fileinto \"inbox\"; keep;", "keep"},
		{"require \"fileinto\"; fileinto \"A\"; fileinto \"A\"; fileinto \"a\";",
			"file \"A\"; file \"a\""},
		{"if false { discard; } elsif true { stop; } else { discard; }", "keep"},
		{"if false { discard; } elsif false { discard; } else { discard; } keep;",
			"discard; keep"},
		{"if true { if true { discard; } } else { keep; }", "discard"},
		{IF("", "header :contains \"subject\" \"GR\xc3\xbc\xc3\x9f"
			"e\""),
			Y},
		{IF("", "header :is \"x-tag\" [\"a\", \"TWO\"]"), Y},
		{IF("", "header :comparator \"i;octet\" \"x-tag\" \"TWO\""), NO},
		{IF("", "not exists [\"from\", \"nothing\"]"), Y},
		{IF("", "allof(exists \"from\", size :over 100, not size :over 1M)"), Y},
		{IF("", "address :localpart [\"cc\"] \"juergen\""), Y},
		{IF("", "address :domain \"to\" \"ACME.example.com\""), Y},
		{IF(", \"envelope\"", "envelope :domain \"from\" \"desert.example.org\""), Y},
		{IF(", \"subaddress\"", "address :detail \"to\" \"list\""), Y},
		{IF(", \"subaddress\"", "address :user \"to\" \"bird\""), Y},
		{IF(", \"comparator-i;ascii-numeric\", \"relational\"",
			 "address :count \"eq\" :comparator \"i;ascii-numeric\" \"to\" \"2\""),
			Y},
		{IF(", \"relational\"", "header :value \"gt\" \"x-tag\" \"three\""), Y},
		{IF("", "header :comparator \"i;unicode-casemap\" :contains \"subject\" "
			"\"GR\xc3\x9c\xc3\x9f"
			"E\""),
			Y},
	};
	RUN_ALL(v);
}

TEST(sieve_matches_values)
{static const struct example v[] =
		{
#define M(pattern, say)                                                                            \
	{"require [\"variables\", \"fileinto\"]; if header :matches \"subject\" \"" pattern        \
	 "\" { fileinto \"" say "\"; }"
			M("*[acme-*] *", "${0}|${1}|${2}|${3}|${4}."),
			"file \"Gr\xc3\xbc\xc3\x9f"
			"e from [acme-users] Item 42|Gr\xc3\xbc\xc3\x9f"
			"e from |users|Item 42|.\""},
	M("*?", "${1}|${2}"),
	"file \"Gr\xc3\xbc\xc3\x9f"
	"e from [acme-users] Item 4|2\""},
	M("??\xc3\x9c*", "${1}${2}-${3}"), "keep"
}
, M("G??\xc3\x9f*", "${1}${2}"), "file \"r\xc3\xbc\""
}
, M("* * *", "${1},${2},${3}"),
	"file \"Gr\xc3\xbc\xc3\x9f"
	"e,from,[acme-users] Item 42\""
}
, M("gr*FROM*", "${1}"),
	"file \"\xc3\xbc\xc3\x9f"
	"e \""
}
, M("\\\\*", "x"), "keep"
}
, M("***42", "${1}|${2}|${3}"),
	"file \"||Gr\xc3\xbc\xc3\x9f"
	"e from [acme-users] Item \""
}
,
#undef M
}
;
RUN_ALL(v);
}

TEST(sieve_variables)
{static const struct example v[] =
		{
#define V(what, say)                                                                               \
	{"require [\"variables\", \"fileinto\", \"enotify\", \"regex\"]; " what " fileinto \"" say \
	 "\";"
			V("set \"a\" \"juMBlEd lETteRS\"; set :length \"b\" \"${a}\";", "${b}"),
			"file \"15\""},
	V("set \"a\" \"juMBlEd lETteRS\"; set :lower \"b\" \"${a}\";", "${B}"),
	"file \"jumbled letters\""},
	V("set \"a\" \"juMBlEd lETteRS\"; set :upperfirst \"b\" \"${a}\";", "${b}"),
	"file \"JuMBlEd lETteRS\""
}
, V("set \"a\" \"juMBlEd lETteRS\"; set :upperfirst :lower \"b\" \"${a}\";", "${b}"),
	"file \"Jumbled letters\""
}
, V("set :quotewildcard \"b\" \"Rock*\";", "${b}"), "file \"Rock\\*\""
}
, V("set :quoteregex \"b\" \"a.b\";", "${b}"), "file \"a\\.b\""
}
, V("set :encodeurl \"b\" \"a b&\xc3\xbc\";", "${b}"), "file \"a%20b%26%C3%BC\""
}
, V("set \"company\" \"ACME\";", "${company}s ${BAD ${Company} $x ${pref${company}} ${$"),
	"file \"ACMEs ${BAD ACME $x ${prefACME} ${$\""
}
, V("set :length \"n\" \"\xe4\xbd\xa0\xe5\xa5\xbd\";", "${n}${unset}."), "file \"2.\""
}
, V("if string :is \"a\" [\"b\", \"a\"] { set \"x\" \"yes\"; }", "${x}"), "file \"yes\""
}
, V("if header :regex \"subject\" \"item ([0-9]+)(x)?\" { set \"x\" \"${1}\"; }", "${x}/${2}."),
	"file \"42/.\""
}
,
#undef V
	{"require \"variables\"; set \"a\" \"x\"; if string \"${a}\" \"x\" { discard; }",
		"discard"},
	{"require [\"variables\", \"relational\"]; if string :count \"eq\" [\"\", \"a\", \"\"] "
	 "\"1\" { discard; }",
		"discard"},
}
;
RUN_ALL(v);
}

TEST(sieve_flags)
{static const struct example v[] =
		{
#define F(what)                                                                                    \
	{"require [\"imap4flags\", \"fileinto\", \"variables\", \"copy\", \"relational\"]; " what
			F("setflag \"\\\\Deleted\"; keep;"), "keep {\\Deleted}"},
	F("addflag [\"\\\\Seen\", \"$A $B\"]; addflag \"$a\"; removeflag \"\\\\seen\";"),
	"keep {$A $B}"},
	F("addflag \"x\" \"\\\\Flagged $W\"; fileinto :flags \"${x}\" \"A\"; keep;"),
	"file \"A\" {\\Flagged $W}; keep"
}
, F("fileinto :copy :flags \"\\\\Seen\" \"A\"; fileinto :copy :flags \"$X\" \"A\";"),
	"file \"A\" copy {\\Seen $X}; keep"
}
, F("setflag \"\\\\Recent \\\\Nonsense a(b ok\";"), "keep {ok}"
}
, F("setflag \"\\\\Seen $W\"; if hasflag :contains \"$w\" { discard; }"), "discard"
}
, F("setflag \"A B\"; if hasflag :count \"eq\" \"2\" { discard; }"), "discard"
}
, F("setflag \"v\" \"A B\"; if hasflag \"v\" \"b\" { discard; }"), "discard"
}
,
#undef F
}
;
RUN_ALL(v);
}

TEST(sieve_date_and_index)
{static const struct example v[] =
		{
#define D(test) {IF(", \"date\", \"index\", \"relational\"", test)
			D("date :zone \"+0000\" \"date\" \"hour\" \"10\""), Y},
	D("date :originalzone \"date\" \"time\" \"18:05:09\""), Y},
	D("date \"date\" \"iso8601\" \"2026-11-21T18:05:09+08:00\""), Y
}
, D("date :originalzone \"date\" \"std11\" \"Sat, 21 Nov 2026 18:05:09 +0800\""), Y
}
, D("date :originalzone \"date\" \"zone\" \"+0800\""), Y
}
, D("date :zone \"-0500\" \"date\" \"weekday\" \"6\""), Y
}
, D("date :zone \"+0000\" \"date\" \"julian\" \"61365\""), Y
}
, D("currentdate :zone \"+0000\" :value \"ge\" \"date\" \"2026-11-21\""), Y
}
, D("currentdate \"time\" \"18:05:09\""), Y
}
, D("date :index 2 :originalzone \"received\" \"day\" \"20\""), Y
}
, D("date :index 1 :last :zone \"+0000\" \"received\" \"day\" \"21\""), Y
}
, D("header :index 2 \"x-tag\" \"two\""), Y
}
, D("header :index 1 :last \"x-tag\" \"three\""), Y
}
, D("header :index 4 :contains \"x-tag\" \"\""), NO
}
, D("date \"x-tag\" \"year\" \"2026\""), NO
}
,
#undef D
}
;
RUN_ALL(v);
}

TEST(sieve_mime)
{static const struct example v[] =
		{
#define P(what)                                                                                    \
	{"require [\"mime\", \"foreverypart\", \"extracttext\", \"variables\", "                   \
	 "\"fileinto\"]; " what
			P("if header :mime :anychild :contenttype \"content-type\" \"image/png\" { "
			  "discard; }"),
			"discard"},
	P("if header :mime :contenttype \"content-type\" \"image/png\" { discard; }"), "keep"},
	P("if header :mime :type \"content-type\" \"multipart\" { discard; }"), "discard"
}
, P("if header :mime :anychild :subtype \"content-type\" \"plain\" { discard; }"), "discard"
}
, P("if header :mime :anychild :param \"filename\" \"content-disposition\" \"a.png\" { discard; }"),
	"discard"
}
, P("if exists :mime :anychild \"content-disposition\" { discard; }"), "discard"
}
,
	P("foreverypart { if header :mime :type \"content-type\" \"text\" { extracttext :first 4 "
	  "\"t\"; break; } } fileinto \"${t}\";"),
	"file \"Beep\""
}
,
	P("foreverypart { extracttext :upper \"t\"; if string :contains \"${t}\" \"BEEP\" { "
	  "discard; } }"),
	"discard"
}
,
	P("foreverypart :name \"o\" { foreverypart { if header :mime :type \"content-type\" "
	  "\"image\" { break :name \"o\"; } } "
	  "fileinto \"never\"; } keep;"),
	"keep"
}
,
#undef P
	{IF(", \"body\"", "body :contains \"BEEP\""), Y},
	{IF(", \"body\"", "body :raw :contains \"AAEC\""), Y},
	{IF(", \"body\"", "body :text :contains \"AAEC\""), NO},
	{IF(", \"body\"", "body :content \"image/png\" :is \"${unicode:0}\""), NO},
	{IF(", \"body\"", "body :contains \"\xe4\xbd\xa0\xe5\xa5\xbd\""), Y},
}
;
RUN_ALL(v);
}

TEST(sieve_actions)
{
	static const struct example v[] = {
		{"require [\"reject\"]; reject \"no\";", "reject 'no'"},
		{"require [\"reject\"]; reject \"no\"; keep;",
			"keep | failed: a letter that is rejected cannot be kept, filed, "
			"redirected or "
			"answered, too"},
		{"require [\"reject\", \"ereject\"]; reject \"no\"; ereject \"no\";",
			"keep | failed: a letter can be rejected only once"},
		{"require [\"fileinto\", \"mailbox\"]; fileinto :create \"New\";",
			"file \"New\" create"},
		{"require [\"fileinto\", \"mailboxid\"]; fileinto :mailboxid \"F9\" \"New\";",
			"file \"New\" <F9>"},
		{"require [\"fileinto\", \"special-use\"]; fileinto :specialuse \"\\\\Junk\" "
		 "\"Junk\";",
			"file \"Junk\" <\\Junk>"},
		{IF(", \"mailbox\"", "mailboxexists [\"inbox\", \"Work\"]"), Y},
		{IF(", \"mailbox\"", "mailboxexists \"Shared/Read\""), NO},
		{IF(", \"mailboxid\"", "mailboxidexists \"F2\""), Y},
		{IF(", \"special-use\"", "specialuse_exists \"\\\\archive\""), Y},
		{IF(", \"special-use\"", "specialuse_exists \"INBOX\" \"\\\\archive\""), NO},
		{"require \"enotify\"; notify :importance \"1\" :message \"m\" "
		 "\"mailto:a@example.com\";",
			"notify mailto:a@example.com !1 'm'; keep"},
		{"require \"enotify\"; notify \"https://hook.example.com/x?y\";",
			"notify https://hook.example.com/x?y !2; keep"},
		{"require [\"enotify\", \"variables\"]; set \"a\" \"http://x\"; notify \"${a}\";",
			"keep | failed: notify: 'http://x' is no method that is known: there are "
			"mailto and https"},
		{"require \"vacation\"; vacation \"away\";", "vacation 'away' 604800; keep"},
		{"require [\"vacation\", \"vacation-seconds\"]; vacation :seconds 0 \"away\";",
			"vacation 'away' 0; keep"},
		{"require \"vacation\"; vacation :days 0 \"away\"; discard;",
			"vacation 'away' 86400; discard"},
		{"require \"vacation\"; vacation \"a\"; vacation \"b\";",
			"keep | failed: a letter that is rejected or answered already cannot "
			"be answered"},
		{IF(", \"spamtest\", \"relational\", \"comparator-i;ascii-numeric\"",
			 "spamtest :value \"ge\" :comparator \"i;ascii-numeric\" \"6\""),
			Y},
		{IF(", \"spamtestplus\", \"relational\", \"comparator-i;ascii-numeric\"",
			 "spamtest :percent :value \"eq\" :comparator \"i;ascii-numeric\" \"50\""),
			Y},
		{IF(", \"virustest\"", "virustest \"1\""), Y},
		{IF(", \"environment\"", "environment \"host\" \"mail.example.com\""), Y},
		{"require [\"ihave\", \"fileinto\"]; if ihave \"nonsense\" { nonsense \"x\"; } "
		 "else { fileinto \"Y\"; }",
			Y},
		{"require [\"ihave\"]; if allof(ihave \"nonsense\", nonsense) { blah; } if ihave "
		 "\"fileinto\" { fileinto \"Y\"; }",
			Y},
		{"require [\"ihave\"]; error \"oops\";", "keep | failed: error: oops"},
	};
	RUN_ALL(v);
}

/* To whom no answer goes. */
TEST(sieve_vacation_is_careful)
{
	static const struct {
		const char *sender, *header;
		bool answers;
	} v[] = {
		{"a@example.org", "To: roadrunner@acme.example.com\r\n", true},
		{"a@example.org", "Cc: x@example.com, Me <ROADRUNNER+x@acme.example.com>\r\n",
			true},
		{"", "To: roadrunner@acme.example.com\r\n", false},
		{"a@example.org", "To: somebody@else.example\r\n", false},
		{"a@example.org", "To: roadrunner@acme.example.com\r\nList-Id: <x>\r\n", false},
		{"a@example.org", "To: roadrunner@acme.example.com\r\nPrecedence: bulk\r\n", false},
		{"a@example.org",
			"To: roadrunner@acme.example.com\r\nAuto-Submitted: auto-replied\r\n",
			false},
		{"a@example.org", "To: roadrunner@acme.example.com\r\nAuto-Submitted: no\r\n",
			true},
		{"a@example.org", "To: alias@elsewhere.example\r\n", true},
		{"MAILER-DAEMON@example.org", "To: roadrunner@acme.example.com\r\n", false},
		{"x-request@example.org", "To: roadrunner@acme.example.com\r\n", false},
		{"bird@acme.example.com", "To: roadrunner@acme.example.com\r\n", false},
	};
	for (size_t i = 0; i < sizeof v / sizeof *v; i++) {
		AUTO(arena) struct arena a = {0};
		struct sieve_input q;
		testing_input(&q);
		q.sender = slice_z(v[i].sender);
		q.message = arena_printf(&a, "From: x\r\n%s\r\nHello\r\n", v[i].header);
		slice got = testing_run(&a, &q,
			S("require \"vacation\"; vacation :addresses \"alias@elsewhere.example\" "
			  ":handle \"h\" \"away\";"));
		if (slice_starts(got, S("vacation")) != v[i].answers)
			test_fail(__FILE__, __LINE__, "%s %s gave %.*s", v[i].sender, v[i].header,
				SFMT(got));
	}
}

static slice edit(struct arena *a, const char *script)
{
	struct sieve_input q;
	struct sieve_result r;
	slice header, body;
	testing_input(&q);
	q.message = S("A: 1\r\nB: 2\r\nB: 3\r\nB: 4\r\nSubject: s\r\n\r\nbody\r\n");
	const struct sieve_script *s = testing_compile(a, S("edit"), slice_z(script));
	q.scripts = &s;
	q.nscripts = 1;
	sieve_run(&q, a, &r);
	CHECK(r.end == SIEVE_DONE && r.nactions == 1);
	sieve_edited(q.message, r.edits, r.actions[0].edits, a, &header, &body);
	return arena_printf(a, "%.*s|%.*s", SFMT(header), SFMT(body));
}

TEST(sieve_editheader)
{
	AUTO(arena) struct arena a = {0};
#define E(what)                                                                                    \
	edit(&a, "require [\"editheader\", \"index\", \"variables\", \"replace\", "                \
		 "\"enclose\"]; " what)
	CHECK_STR(E("addheader \"X\" \"v\"; addheader :last \"Z\" \"w\";"),
		S("X: v\r\nA: 1\r\nB: 2\r\nB: 3\r\nB: 4\r\nSubject: s\r\nZ: w\r\n\r\n|body\r\n"));
	CHECK_STR(E("deleteheader \"b\";"), S("A: 1\r\nSubject: s\r\n\r\n|body\r\n"));
	CHECK_STR(E("deleteheader :is \"b\" [\"3\", \"9\"];"),
		S("A: 1\r\nB: 2\r\nB: 4\r\nSubject: s\r\n\r\n|body\r\n"));
	CHECK_STR(E("deleteheader :index 2 \"b\";"),
		S("A: 1\r\nB: 2\r\nB: 4\r\nSubject: s\r\n\r\n|body\r\n"));
	CHECK_STR(E("deleteheader :index 1 :last \"b\";"),
		S("A: 1\r\nB: 2\r\nB: 3\r\nSubject: s\r\n\r\n|body\r\n"));
	CHECK_STR(E("deleteheader :index 1 :contains \"b\" \"9\";"),
		S("A: 1\r\nB: 2\r\nB: 3\r\nB: 4\r\nSubject: s\r\n\r\n|body\r\n"));
	CHECK_STR(E("if header :matches \"subject\" \"*\" { deleteheader \"subject\"; addheader "
		    ":last \"Subject\" \"[x] ${1}\"; }"
		    "if header \"subject\" \"[x] s\" { deleteheader \"b\"; deleteheader \"a\"; }"),
		S("Subject: [x] s\r\n\r\n|body\r\n"));
	CHECK_STR(E("addheader \"Received\" \"forged\"; addheader \"X\" \"a\\r\\nBcc: b\"; "
		    "deleteheader \"b\"; deleteheader \"a\";"),
		S("X: arnBcc: b\r\nSubject: s\r\n\r\n|body\r\n"));
	CHECK_STR(E("replace :subject \"new\" \"text\"; deleteheader \"b\";"),
		S("A: 1\r\nOriginal-Subject: s\r\nSubject: new\r\nMIME-Version: "
		  "1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
		  "Content-Transfer-Encoding: quoted-printable\r\n\r\n|text"));
	CHECK(slice_find(E("deleteheader \"b\"; enclose :subject \"w\" \"read this\";"),
		      S("Content-Type: message/rfc822\r\n\r\nA: 1\r\nSubject: s\r\n\r\nbody\r\n")) >
		0);
	/* what tells where a letter has been cannot be made up */
	slice made = E("enclose :headers [\"Delivered-To: x@y.test\", \"X-A: b\"] \"t\";");
	CHECK(slice_find(made, S("X-A: b\r\n")) < made.n &&
		slice_find(made, S("Delivered-To")) == made.n);
	/* a line end in a value starts no field */
	CHECK(slice_find(E("addheader \"X\" text:\na\nBcc: b\n.\n;"), S("\nBcc")) ==
		E("addheader \"X\" text:\na\nBcc: b\n.\n;").n);
#undef E
}

/* Else letters could go round between people who enclose and redirect them. */
TEST(sieve_encloses_but_remembers_the_way)
{
	AUTO(arena) struct arena a = {0};
	struct sieve_input q;
	struct sieve_result r;
	slice header, body;
	testing_input(&q);
	q.message = S("Delivered-To: b@y.test\r\nAuto-Submitted: auto-generated\r\nSubject: "
		      "s\r\n\r\nx\r\n");
	const struct sieve_script *s =
		testing_compile(&a, S("x"), S("require \"enclose\"; enclose \"t\";"));
	q.scripts = &s;
	q.nscripts = 1;
	sieve_run(&q, &a, &r);
	CHECK(r.end == SIEVE_DONE && r.nactions == 1);
	sieve_edited(q.message, r.edits, r.actions[0].edits, &a, &header, &body);
	CHECK(slice_find(header, S("Delivered-To: b@y.test\r\n")) < header.n &&
		slice_find(header, S("Auto-Submitted: auto-generated\r\n")) < header.n);
}

TEST(sieve_replaces_a_part)
{
	AUTO(arena) struct arena a = {0};
	struct sieve_input q;
	struct sieve_result r;
	slice header, body;
	testing_input(&q);
	const struct sieve_script *s = testing_compile(&a, S("x"),
		S("require [\"foreverypart\", \"mime\", \"replace\"]; foreverypart { if header "
		  ":mime :contenttype \"content-type\" "
		  "\"image/png\" { replace \"gone\"; } }"));
	q.scripts = &s;
	q.nscripts = 1;
	sieve_run(&q, &a, &r);
	CHECK_INT(r.end, SIEVE_DONE);
	CHECK_INT(r.nedits, 1);
	sieve_edited(q.message, r.edits, r.nedits, &a, &header, &body);
	CHECK(slice_find(body, S("AAEC")) == body.n);
	CHECK(slice_find(body, S("Beep beep")) < body.n);
	CHECK(slice_ends(body, S("\r\n\r\ngone\r\n--b1--\r\n")));
}

/* ---- more scripts than one ---- */

static slice run_many(struct arena *a, const char *const *v, size_t n)
{
	struct sieve_input q;
	struct sieve_result r;
	const struct sieve_script *s[8];
	testing_input(&q);
	for (size_t i = 0; i < n; i++)
		s[i] = testing_compile(a, arena_printf(a, "script %zu", i), slice_z(v[i]));
	q.scripts = s;
	q.nscripts = n;
	sieve_run(&q, a, &r);
	return testing_result(a, &r);
}

TEST(sieve_scripts_in_a_row)
{
	static const struct {
		const char *scripts[3], *want;
	} v[] = {
		{{"keep;", "discard;", "redirect \"a@example.com\";"}, "discard"},
		{{"stop;", "require \"fileinto\"; fileinto \"A\";", "discard;"}, "file \"A\""},
		{{"require [\"fileinto\", \"copy\"]; fileinto :copy \"Log\";", "",
			 "require \"fileinto\"; fileinto \"B\";"},
			"file \"Log\" copy; file \"B\""},
		{{"discard;", "keep;", "keep;"}, "discard"},
		{{"require [\"imap4flags\"]; keep :flags \"$A\";", "", ""}, "keep {$A}"},
		{{"require [\"imap4flags\"]; addflag \"$A\";",
			 "require \"imap4flags\"; addflag \"$B\";", ""},
			"keep {$A $B}"},
		{{"require [\"fileinto\", \"copy\"]; fileinto :copy \"Log\";",
			 "require \"ihave\"; redirect \"a@example.com\"; error \"x\";", "discard;"},
			"file \"Log\" copy; keep | failed: error: x"},
	};
	for (size_t i = 0; i < sizeof v / sizeof *v; i++) {
		AUTO(arena) struct arena a = {0};
		CHECK_STR(run_many(&a, v[i].scripts, 3), slice_z(v[i].want));
	}
}

TEST(sieve_include)
{
	AUTO(arena) struct arena a = {0};
	struct sieve_input q;
	struct sieve_result r;
	size_t n;
	static const char *const texts[] = {
		"require [\"include\", \"variables\"]; global \"g\"; set \"g\" \"set there\"; set "
		"\"l\" \"x\"; return; discard;",
		"require [\"include\"]; include \"self\";",
		"require [\"include\", \"fileinto\"]; fileinto \"once\"; include :once \"lib\";"};
	const struct sieve_script *lib[3] = {testing_compile(&a, S("lib"), slice_z(texts[0])),
		testing_compile(&a, S("self"), slice_z(texts[1])),
		testing_compile(&a, S("third"), slice_z(texts[2]))};
	static const struct example v[] = {
		{"require [\"include\", \"variables\", \"fileinto\"]; global [\"g\"]; include "
		 "\"lib\"; fileinto \"${g}${l}.\";",
			"file \"set there.\""},
		{"require [\"include\", \"variables\", \"fileinto\"]; include \"lib\"; fileinto "
		 "\"${global.g}\";",
			"file \"set there\""},
		{"require \"include\"; include :optional \"nothing\";", "keep"},
		{"require \"include\"; include \"nothing\";",
			"keep | failed: include: there is no script 'nothing', or it has mistakes"},
		{"require \"include\"; include :global \"lib\";",
			"keep | failed: include: there is no script 'lib', or it has mistakes"},
		{"require \"include\"; include \"self\";",
			"keep | failed: include: 'self' would include itself"},
		{"require \"include\"; include \"third\"; include :once \"third\";",
			"file \"once\""},
		{"require \"include\"; return; discard;", "keep"},
	};
	for (size_t i = 0; i < sizeof v / sizeof *v; i++) {
		testing_input(&q);
		q.included = lib;
		q.nincluded = 3;
		const struct sieve_script *s = testing_compile(&a, S("main"), slice_z(v[i].script));
		q.scripts = &s;
		q.nscripts = 1;
		sieve_run(&q, &a, &r);
		CHECK_STR(testing_result(&a, &r), slice_z(v[i].want));
	}
	const struct sieve_include *inc = sieve_includes(lib[2], &n);
	CHECK_INT(n, 1);
	CHECK_STR(inc[0].name, S("lib"));
}

TEST(sieve_asks)
{
	AUTO(arena) struct arena a = {0};
	struct sieve_input q;
	struct sieve_result r;
	testing_input(&q);
	const struct sieve_script *s = testing_compile(&a, S("x"),
		S("require [\"duplicate\", \"fileinto\", \"mboxmetadata\", \"extlists\"]; if "
		  "duplicate { discard; stop; }"
		  "if metadata \"INBOX\" \"/private/x\" \"v\" { fileinto \"M\"; } if address :list "
		  "[\"to\", \"cc\"] \"friends\" { keep; }"));
	q.scripts = &s;
	q.nscripts = 1;
	sieve_run(&q, &a, &r);
	CHECK_INT(r.end, SIEVE_ASKS);
	CHECK_INT(r.nquestions, 1);
	CHECK_INT(r.questions[0].kind, SIEVE_ASK_DUPLICATE);
	CHECK_INT(r.questions[0].seconds, 7 * 86400);
	struct sieve_answer v[8] = {{.kind = SIEVE_ASK_DUPLICATE, .key = r.questions[0].key}};
	q.answers = v;
	q.nanswers = 1;
	sieve_run(&q, &a, &r);
	CHECK_INT(r.nquestions, 1);
	CHECK_STR(r.questions[0].key, S("/private/x\nINBOX"));
	v[1] = (struct sieve_answer){
		.kind = SIEVE_ASK_METADATA, .key = r.questions[0].key, .yes = true, .text = S("v")};
	q.nanswers = 2;
	sieve_run(&q, &a, &r);
	CHECK_INT(r.nquestions, 3); /* all addresses at once */
	for (size_t i = 0; i < 3; i++)
		v[2 + i] = (struct sieve_answer){
			.kind = SIEVE_ASK_LIST, .key = r.questions[i].key, .yes = i == 1};
	q.nanswers = 5;
	sieve_run(&q, &a, &r);
	CHECK_STR(testing_result(&a, &r), S("remember 604800; file \"M\"; keep"));
	v[0].yes = true;
	sieve_run(&q, &a, &r);
	CHECK_STR(testing_result(&a, &r), S("discard"));
}

TEST(sieve_notify_letters)
{
	AUTO(arena) struct arena a = {0};
	struct sieve_mailto to;
	struct sieve_input q;
	struct err e;
	struct sieve_action act = {
		.kind = SIEVE_NOTIFY, .text = S("Look: \xc3\xbc"), .importance = 1};
	testing_input(&q);
	CHECK(sieve_mailto(S("mailto:a@example.com,b%40example.com?cc=A%40example.com&subject=x%"
			     "20y&X-Mine=1&From=f@example.com"),
		&a, &to, &e));
	CHECK_INT(to.nrcpts, 2);
	CHECK_STR(to.to, S("a@example.com, b@example.com"));
	CHECK_STR(to.cc, S(""));
	CHECK_STR(to.fields, S("X-Mine: 1\r\n"));
	slice letter = sieve_notify_letter(&act, &q, &to, S("p@example.com"), &a);
	CHECK(slice_starts(letter, S("From: p@example.com\r\nTo: a@example.com, "
				     "b@example.com\r\nSubject: x y\r\nDate: ")));
	CHECK(slice_find(letter, S("\r\nAuto-Submitted: auto-notified; "
				   "owner-email=\"roadrunner@acme.example.com\"\r\n")) < letter.n);
	CHECK(slice_ends(letter, S("\r\n\r\nLook: =C3=BC\r\n")));
	CHECK(!sieve_mailto(S("mailto:?subject=x"), &a, &to, &e));
	CHECK(!sieve_mailto(S("mailto:a@example.com?x=%0"), &a, &to, &e));
	CHECK(sieve_mailto(
		S("mailto:a@example.com?subject=a%0D%0ABcc:x@example.com"), &a, &to, &e));
	letter = sieve_notify_letter(&act, &q, &to, S("p@example.com"), &a);
	CHECK(slice_find(letter, S("\nBcc")) == letter.n);
}
