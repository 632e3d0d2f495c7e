/* SEARCH with all its keys and answers, SORT, THREAD. The orders that RFC 5256 wants are also judged by Dovecot's tests. */
#include "proto/imap/search.h"
#include "proto/imap/testing.h"

#define IN LOGIN "C: i SELECT INBOX\nW: i OK [READ-WRITE] <any>\n"

static void fill(struct world *w)
{
	world_deliver(w, S("INBOX"),
		S("From: Ann <ann@example.com>\r\nTo: bob@example.com\r\n"
		  "Date: Mon, 1 Jan 2024 23:30:00 -0800\r\nSubject: =?utf-8?q?Stra=C3=9Fe?=\r\n"
		  "Message-ID: <1@x>\r\n\r\nHello\r\n World\r\n"));
	world_deliver(w, S("INBOX"),
		S("From: zoe@example.com\r\nDate: Tue, 2 Jan 2024 12:00:00 +0000\r\nSubject: Re: "
		  "other\r\n"
		  "Message-ID: <2@x>\r\nReferences: <1@x>\r\nContent-Type: text/html; "
		  "charset=gb2312\r\n"
		  "Content-Transfer-Encoding: base64\r\n\r\n"
		  "PHA+1tA8Yj7OxDwvYj48c3R5bGU+aGlkZGVuPC9zdHlsZT4mYW1wOzwvcD4=\r\n"));
	world_deliver(w, S("INBOX"),
		S("From: Bob <bob@example.com>\r\nCc: Ann <ann@example.com>\r\nSubject: "
		  "=?gb2312?b?1tDOxA==?=\r\n"
		  "X-Note: one\r\nX-Note: TWO words\r\n"
		  "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\ntext one\r\n--b\r\n"
		  "Content-Type: application/pdf; "
		  "name=\"invoice.pdf\"\r\nContent-Transfer-Encoding: base64\r\n\r\n"
		  "bmVlZGxl\r\n--b--\r\n"));
}

TEST(imap_search_keys)
{
	struct world *w = imap_world();
	fill(w);
	static const struct {
		const char *keys, *found;
	} rows[] = {
		{"ALL", " 1 2 3"},
		{"FROM ann", " 1"},
		{"FROM \"ann <ann@\"", " 1"},
		{"OR FROM ann CC ANN@EXAMPLE", " 1 3"},
		{"NOT FROM bob", " 1 2"},
		{"SUBJECT strasse", " 1"},
		{"SUBJECT \"\xe4\xb8\xad\xe6\x96\x87\"", " 3"},
		{"CHARSET UTF-8 SUBJECT \"\xe4\xb8\xad\"", " 3"},
		{"BODY \"hello world\"", " 1"},
		{"BODY \"\xe4\xb8\xad\xe6\x96\x87\"",
			" 2"}, /* "\u4e2d<b>\u6587</b>" in GB 2312 in base64 */
		{"BODY hidden", ""},
		{"BODY needle", ""}, /* in a file */
		{"BODY invoice.pdf", " 3"},
		{"TEXT \"two words\"", " 3"},
		{"TEXT zoe", " 2"},
		{"BODY zoe", ""},
		{"HEADER X-Note \"\"", " 3"},
		{"HEADER x-note one", " 3"},
		{"HEADER X-Note \"two w\"", " 3"},
		{"HEADER Message-ID <2@x>", " 2"},
		{"HEADER X-Prefix yes", " 1 2 3"},
		{"HEADER References 1@x", " 2"},
		{"SENTON 1-Jan-2024", " 1"}, /* its writer's day, not UTC's */
		{"SENTSINCE 2-Jan-2024", " 2"},
		{"SENTBEFORE \"2-Jan-2024\"", " 1"},
		{"ON 1-Jan-1970", " 1 2 3"},
		{"SINCE 2-Jan-1970", ""},
		{"BEFORE 2-Jan-1970", " 1 2 3"},
		{"OLDER 60", " 1 2 3"},
		{"YOUNGER 60", ""},
		{"SAVEDSINCE 1-Jan-2020", " 1 2 3"},
		{"SAVEDBEFORE 1-Jan-2020", ""},
		{"SAVEDATESUPPORTED 2", " 2"},
		{"LARGER 300", " 3"},
		{"SMALLER 230 UNSEEN", " 1"},
		{"2:* NOT 3", " 2"},
		{"UID 2,99", " 2"},
		{"(1:2) (OR 2 3)", " 2"},
		{"(1 2)", ""},
		{"UNKEYWORD foo", " 1 2 3"},
		{"KEYWORD foo", ""},
		{"EMAILID M1-4294967299", " 3"},
		{"EMAILID nosuch", ""},
		{"NOT (OR SUBJECT other NOT FROM ann)", " 1"},
		{"UNDELETED UNFLAGGED UNANSWERED UNDRAFT UNSEEN", " 1 2 3"},
		{"DELETED", ""},
		{"7", ""},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		AUTO(arena) struct arena a = {0};
		slice script =
			arena_printf(&a, IN "C: a SEARCH %s\nS: * SEARCH%s\nS: a OK Searched\n%c",
				rows[i].keys, rows[i].found, 0);
		CHECK_IMAP(w, script.p);
	}
	world_close(w);
}

TEST(imap_search_answers)
{
	struct world *w = imap_world();
	fill(w);
	CHECK_IMAP(w,
		IN "C: a SEARCH RETURN (MIN MAX COUNT) ALL\nS: * ESEARCH (TAG \"a\") MIN 1 MAX 3 "
		   "COUNT 3\nS: a OK Searched\n"
		   "C: b UID SEARCH RETURN () NOT 2\nS: * ESEARCH (TAG \"b\") UID ALL 1,3\nS: b OK "
		   "Searched\n"
		   "C: c SEARCH RETURN (COUNT) DELETED\nS: * ESEARCH (TAG \"c\") COUNT 0\nS: c OK "
		   "Searched\n"
		   "C: d SEARCH RETURN (PARTIAL -1:-2) ALL\nS: * ESEARCH (TAG \"d\") PARTIAL "
		   "(-1:-2 2:3)\nS: d OK Searched\n"
		   "C: e SEARCH RETURN (PARTIAL 9:10) ALL\nS: * ESEARCH (TAG \"e\") PARTIAL (9:10 "
		   "NIL)\nS: e OK Searched\n"
		   "C: f SEARCH RETURN (SAVE) FROM bob\nS: f OK Searched\n"
		   "C: g SEARCH $\nS: * SEARCH 3\nS: g OK Searched\n"
		   "C: h FETCH $ UID\nS: * 3 FETCH (UID 3)\nS: h OK Fetched\n"
		   "C: j SEARCH RETURN (SAVE MIN) ALL\nS: * ESEARCH (TAG \"j\") MIN 1\nS: j OK "
		   "Searched\n"
		   "C: k UID SEARCH $\nS: * SEARCH 1\nS: k OK Searched\n"
		   "C: m SEARCH CHARSET KOI8-R ALL\nS: m NO [BADCHARSET (US-ASCII UTF-8)] <any>\n"
		   "C: n SEARCH RETURN (ALL PARTIAL 1:2) ALL\nS: n BAD <any>\n"
		   "C: o SEARCH RETURN (NOSUCH) ALL\nS: o BAD <any>\n"
		   "C: p SEARCH FUZZY\nS: p BAD <any>\n"
		   "C: p1 SEARCH FUZZY (SUBJECT other FROM zoe)\nS: * SEARCH 2\nS: p1 OK Searched\n"
		   "C: p2 SEARCH RETURN (RELEVANCY ALL) FUZZY SUBJECT other\n"
		   "S: * ESEARCH (TAG \"p2\") ALL 2 RELEVANCY (50)\nS: p2 OK Searched\n"
		   "C: p3 SEARCH RETURN (RELEVANCY) SUBJECT other\nS: p3 BAD <any>\n"
		   "C: p4 SORT RETURN (RELEVANCY ALL) (RELEVANCY) UTF-8 FUZZY ALL\n"
		   "S: * ESEARCH (TAG \"p4\") ALL 1:3 RELEVANCY (50 50 50)\nS: p4 OK Searched\n"
		   "C: p5 SORT (RELEVANCY) UTF-8 ALL\nS: p5 BAD <any>\n"
		   "C: q SEARCH\nS: q BAD <any>\n"
		   "C: r SEARCH SUBJECT \"\xff\"\nS: r BAD <any>\n"
		   "C: s SEARCH ON 31-Foo-2024\nS: s BAD <any>\n"
		   "C: t SEARCH MODSEQ 1 2\nS: * OK [HIGHESTMODSEQ <any>] <any>\nS: * SEARCH 2 "
		   "(MODSEQ <1>)\nS: t OK Searched\n"
		   "C: u SEARCH RETURN (MAX) MODSEQ \"/flags/\\\\draft\" all 1 2\nS: * ESEARCH "
		   "(TAG \"u\") MAX 2 MODSEQ <1>\nS: u OK Searched\n");
	CHECK_IMAP(w, LOGIN "C: q ENABLE IMAP4rev2\nW: q OK <any>\nC: i SELECT INBOX\nW: i OK "
			    "[READ-WRITE] <any>\n"
			    "C: a SEARCH ALL\nS: * ESEARCH (TAG \"a\") ALL 1:3\nS: a OK Searched\n"
			    "C: b SEARCH DELETED\nS: * ESEARCH (TAG \"b\")\nS: b OK Searched\n");
	world_close(w);
}

TEST(imap_search_has_limits)
{
	struct world *w = imap_world();
	AUTO(buf) struct buf deep = BUF(100000), many = BUF(100000);
	buf_put(&deep, S(IN "C: a SEARCH "));
	for (unsigned i = 0; i < 60; i++)
		buf_put(&deep, S("("));
	buf_put(&deep, S("ALL"));
	for (unsigned i = 0; i < 60; i++)
		buf_put(&deep, S(")"));
	buf_put(&deep, S("\nS: a NO [LIMIT] <any>\n"));
	buf_byte(&deep, 0);
	CHECK_IMAP(w, deep.p);
	buf_put(&many, S(IN "C: a SEARCH"));
	for (unsigned i = 0; i < 1100; i++)
		buf_put(&many, S(" SEEN"));
	buf_put(&many, S("\nS: a NO [LIMIT] <any>\n"));
	buf_byte(&many, 0);
	CHECK_IMAP(w, many.p);
	world_close(w);
}

TEST(imap_sort_and_thread)
{
	struct world *w = imap_world();
	fill(w);
	CHECK_IMAP(w, IN
		"C: a SORT (FROM) UTF-8 ALL\nS: * SORT 1 3 2\nS: a OK Searched\n"
		"C: b UID SORT (REVERSE SIZE) UTF-8 ALL\nS: * SORT 3 2 1\nS: b OK Searched\n"
		"C: c SORT (SUBJECT) US-ASCII ALL\nS: * SORT 2 1 3\nS: c OK Searched\n"
		"C: d SORT (DATE) UTF-8 ALL\nS: * SORT 3 1 2\nS: d OK Searched\n"
		"C: e SORT (DISPLAYFROM REVERSE DATE) UTF-8 1:2\nS: * SORT 1 2\nS: e OK Searched\n"
		"C: f SORT RETURN (MIN ALL COUNT) (REVERSE ARRIVAL) UTF-8 ALL\nS: * ESEARCH (TAG "
		"\"f\") MIN 1 ALL 1:3 COUNT 3\nS: f OK Searched\n"
		"C: g SORT RETURN (PARTIAL -1:-2) (SIZE) UTF-8 ALL\nS: * ESEARCH (TAG \"g\") "
		"PARTIAL (-1:-2 2:3)\nS: g OK Searched\n"
		"C: h SORT (NOSUCH) UTF-8 ALL\nS: h BAD <any>\n"
		"C: j SORT (DATE) KOI8-R ALL\nS: j NO [BADCHARSET<any>\n"
		"C: k THREAD REFERENCES UTF-8 ALL\nS: * THREAD (3)(1 2)\nS: k OK Searched\n"
		"C: m UID THREAD ORDEREDSUBJECT UTF-8 2:3\nS: * THREAD (3)(2)\nS: m OK Searched\n"
		"C: n THREAD NOSUCH UTF-8 ALL\nS: n BAD <any>\n"
		"C: o THREAD REFERENCES UTF-8 DELETED\nS: * THREAD\nS: o OK Searched\n");
	world_close(w);
}

/* ---- REFERENCES alone ---- */

static uint32_t same(void *arg, uint32_t uid)
{
	(void)arg;
	return uid;
}

static void collect(void *arg, slice text)
{
	buf_put(arg, text);
}

TEST(threads_by_references)
{
	static const struct {
		struct {
			const char *id, *refs, *subject;
			bool reply;
		} m[6];
		const char *want;
	} rows[] = {
		{{{"a", "", "S", 0}, {"b", "a", "S", 1}, {"c", "a b", "S", 1}}, "(1 2 3)"},
		{{{"a", "", "S", 0}, {"b", "a", "S", 1}, {"c", "a", "S", 1}}, "(1 (2)(3))"},
		{{{"b", "a", "S", 0}, {"c", "a", "T", 0}},
			"((1)(2))"}, /* of one that is not there */
		{{{"b", "a", "S", 0}}, "(1)"},
		{{{"a", "b", "S", 0}, {"b", "a", "T", 0}}, "(2 1)"}, /* a loop */
		{{{"a", "a", "S", 0}}, "(1)"},
		{{{"a", "", "S", 0}, {"a", "", "T", 0}}, "(1)(2)"}, /* an id twice */
		{{{"a", "", "S", 0}, {"b", "", "S", 1}, {"c", "", "T", 0}},
			"(1 2)(3)"}, /* by subject */
		{{{"a", "", "S", 1}, {"b", "", "S", 0}}, "(2 1)"},
		{{{"a", "", "S", 0}, {"b", "", "S", 0}}, "((1)(2))"},
		{{{"a", "", "S", 0}, {"b", "", "S", 0}, {"c", "", "S", 0}}, "((1)(2)(3))"},
		{{{"a", "", "", 0}, {"b", "", "", 0}}, "(1)(2)"}, /* no subject */
		{{{"c", "a b", "S", 0}, {"b", "a", "S", 0}, {"a", "", "S", 0}}, "(3 2 1)"},
		{{{"", "", "S", 0}, {"", "", "T", 0}}, "(1)(2)"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		AUTO(buf) struct buf out = BUF(1000);
		struct threads *t = threads_new();
		for (uint32_t k = 0; k < 6 && rows[i].m[k].id; k++) {
			slice refs = slice_z(rows[i].m[k].refs), one;
			while (slice_cut(&refs, ' ', &one))
				threads_refer(t, one);
			threads_add(t, k + 1, k, slice_z(rows[i].m[k].id),
				slice_z(rows[i].m[k].subject), rows[i].m[k].reply);
		}
		threads_print(t, same, collect, &out);
		threads_free(t);
		CHECK_STR(buf_slice(&out), slice_z(rows[i].want));
	}
}

TEST(threads_may_be_as_deep_as_there_are_messages)
{
	AUTO(buf) struct buf out = BUF(10 << 20);
	struct threads *t = threads_new();
	enum { DEEP = 100000 };
	char id[16], before[16] = "";
	for (uint32_t i = 1; i <= DEEP; i++) {
		snprintf(id, sizeof id, "%u", i);
		threads_refer(t, slice_z(before));
		threads_add(t, i, i, slice_z(id), S("s"), i > 1);
		memcpy(before, id, sizeof id);
	}
	threads_print(t, same, collect, &out);
	threads_free(t);
	CHECK(slice_starts(buf_slice(&out), S("(1 2 3 4 5 ")));
	CHECK(slice_ends(buf_slice(&out), S(" 99999 100000)")));
}
