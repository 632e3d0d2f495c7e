/* Automatic whitelist: who was written to, for whom, proof, answers, time. */
#include "base/time.h"
#include "defence/autowhite.h"
#include "defence/kv_testing.h"

struct white {
	struct test_kv t;
	struct autowhite *w;
};

static void open_white(struct white *w, const char *conf)
{
	const struct autowhite_conf *c = test_kv_open(&w->t, &autowhite_section, conf);
	w->w = autowhite_open(w->t.kv, c);
	autowhite_note_sent(w->w, S("Ann@here.test"), S("Friend@Peer.test"), S("<id-1@here.test>"));
	autowhite_note_sent(w->w, S("ann@here.test"), S("friend@peer.test"), S("<id-2@here.test>"));
	autowhite_note_sent(w->w, S("ann@here.test"), S("other@far.test"), S("<id-2@here.test>"));
	autowhite_note_sent(w->w, S("ann@here.test"), S("not an address"), S(""));
	kv_flush(w->t.kv);
}

static void close_white(struct white *w)
{
	autowhite_close(w->w);
	test_kv_close(&w->t);
}

struct ask {
	const char *rcpt, *sender, *from, *proven, *reply, *references;
	const char *want; /* how, waiting */
};

static void check_asks(struct white *w, const struct ask *v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct autowhite_answer a;
		char got[60];
		slice proven = slice_z(v[i].proven);
		const struct autowhite_facts f = {.rcpt = slice_z(v[i].rcpt),
			.sender = slice_z(v[i].sender),
			.from = slice_z(v[i].from),
			.proven = &proven,
			.nproven = proven.n > 0,
			.in_reply_to = slice_z(v[i].reply),
			.references = slice_z(v[i].references)};
		autowhite_ask(w->w, &f, &a);
		snprintf(got, sizeof got, "%s %s", autowhite_how_name(a.how),
			autowhite_how_name(a.waiting));
		if (!slice_eq(slice_z(got), slice_z(v[i].want)))
			test_fail(__FILE__, __LINE__, "%zu: \"%s\", not \"%s\"", i, got, v[i].want);
	}
}

TEST(autowhite_knows_whom_ours_wrote_to)
{
	struct white w;
	open_white(&w, "");
	static const struct ask asks[] = {
		{"ann@here.test", "friend@peer.test", "", "peer.test", "", "", "user no"},
		{"ANN@here.test", "", "FRIEND@peer.test", "peer.test", "", "", "user no"},
		{"ann@here.test", "bounce@esp.test", "friend@peer.test", "peer.test", "", "",
			"user no"},
		{"bob@here.test", "friend@peer.test", "", "peer.test", "", "", "organisation no"},
		{"bob@there.test", "friend@peer.test", "", "peer.test", "", "", "no no"},
		{"ann@here.test", "stranger@peer.test", "", "peer.test", "", "", "no no"},
		/* not proven, proven to be somebody else, forged From: */
		{"ann@here.test", "friend@peer.test", "", "", "", "", "no user"},
		{"ann@here.test", "friend@peer.test", "", "evil.test", "", "", "no user"},
		{"ann@here.test", "x@evil.test", "friend@peer.test", "evil.test", "", "",
			"no user"},
		{"ann@here.test", "friend@peer.test", "", "er.test", "", "", "no user"},
		/* answers: from the domain that the message went to */
		{"ann@here.test", "desk@peer.test", "", "peer.test", "<id-1@here.test>", "",
			"answer no"},
		{"bob@here.test", "desk@far.test", "", "far.test", "",
			"<a@b>\r\n <id-2@here.test> <c@d>", "answer no"},
		{"ann@here.test", "desk@far.test", "", "far.test", "<id-1@here.test>", "", "no no"},
		{"ann@here.test", "x@evil.test", "", "evil.test", "<id-1@here.test>", "", "no no"},
		{"ann@here.test", "desk@peer.test", "", "", "<id-1@here.test>", "", "no answer"},
		{"ann@here.test", "x@peer.test", "", "peer.test", "id-1@here.test", "<", "no no"},
		{"ann@here.test", "", "", "", "", "", "no no"},
	};
	check_asks(&w, asks, sizeof asks / sizeof *asks);
	close_white(&w);
}

TEST(autowhite_counts_and_forgets)
{
	struct white w;
	struct autowhite_answer a;
	open_white(&w, "[autowhite]\nkeep = 10d\nanswer_time = 2d\n");
	slice proven = S("peer.test");
	struct autowhite_facts f = {.rcpt = S("ann@here.test"),
		.sender = S("friend@peer.test"),
		.proven = &proven,
		.nproven = 1};
	autowhite_ask(w.w, &f, &a);
	CHECK(a.sent == 2 && a.last_at == test_now);
	test_now += 3 * 86400;
	f.sender = S("desk@peer.test");
	f.in_reply_to = S("<id-1@here.test>");
	autowhite_ask(w.w, &f, &a);
	CHECK_INT(a.how, AUTOWHITE_NO);
	test_now += 8 * 86400;
	f.sender = S("friend@peer.test");
	autowhite_ask(w.w, &f, &a);
	CHECK_INT(a.how, AUTOWHITE_NO);
	close_white(&w);
}

TEST(autowhite_can_be_kept_personal_or_off)
{
	struct white w;
	open_white(&w, "[autowhite]\nwhole_organisation = no\n");
	static const struct ask personal[] = {
		{"ann@here.test", "friend@peer.test", "", "peer.test", "", "", "user no"},
		{"bob@here.test", "friend@peer.test", "", "peer.test", "", "", "no no"},
	};
	check_asks(&w, personal, 2);
	close_white(&w);
	open_white(&w, "[autowhite]\nenabled = no\n");
	static const struct ask off[] = {
		{"ann@here.test", "friend@peer.test", "", "peer.test", "", "", "no no"}};
	check_asks(&w, off, 1);
	close_white(&w);
}

TEST(autowhite_long_references_end_with_the_nearest)
{
	struct white w;
	open_white(&w, "");
	AUTO(buf) struct buf refs = BUF(1 << 20);
	for (int i = 0; i < 5000; i++)
		buf_printf(&refs, "<old-%d@x.test> ", i);
	buf_put(&refs, S("<id-1@here.test>"));
	slice proven = S("peer.test");
	struct autowhite_answer a;
	const struct autowhite_facts f = {.rcpt = S("ann@here.test"),
		.sender = S("desk@peer.test"),
		.proven = &proven,
		.nproven = 1,
		.references = buf_slice(&refs)};
	autowhite_ask(w.w, &f, &a);
	CHECK_INT(a.how, AUTOWHITE_ANSWER);
	close_white(&w);
}
