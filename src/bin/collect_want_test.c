/* Which folders and messages are collected (collect_want.c). */
#include "base/test.h"
#include "base/time.h"
#include "bin/collect.h"

TEST(folders_are_chosen)
{
	static const struct {
		const char *lines, *path;
		bool wanted;
	} t[] = {{"INBOX\nWork", "INBOX", 1}, {"inbox", "INBOX", 1}, {"Work", "Work/Deep", 1},
		{"Work", "Workshop", 0}, {"Work", "Private", 0}, {"*", "Anything/at all", 1},
		{"工作", "工作/订单", 1}, {"Work/*", "Work", 0}, {"\n\n", "INBOX", 0}};
	for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
		const struct collect_job j = {.folders = slice_z(t[i].lines)};
		CHECK_INT(collect_folder_wanted(&j, slice_z(t[i].path)), t[i].wanted);
	}
}

/* In two pieces: decided when the header is whole, or at the end. */
static enum collect_chosen choose(
	const struct collect_job *j, const struct import_message *m, slice text)
{
	struct collect_choice *c = collect_choice_new(j);
	enum collect_chosen is = COLLECT_UNWANTED;
	if (collect_choice_begin(c, m)) {
		collect_choice_add(c, slice_first(text, 10), false);
		is = collect_choice_add(c, slice_skip(text, 10), true);
		CHECK_STR(collect_choice_read(c), text);
	}
	collect_choice_free(c);
	return is;
}

TEST(messages_are_chosen)
{
	const slice text =
		S("From: =?utf-8?b?6K6i5Y2V?= <Shop@Far.test>\r\nSubject: Your ＯＲＤＥＲ\r\n"
		  "Date: Sun, 22 Nov 2026 09:11:10 +0000\r\n\r\nshop order body\r\n");
	const int64_t november = 1793491200 * SECOND, december = 1796083200 * SECOND;
	static const struct {
		slice from, subject;
		int months; /* since: 1 November, 2 December of 2026 */
		bool wanted;
	} t[] = {{S_INIT("shop@far"), S_INIT(""), 0, 1}, {S_INIT("订单"), S_INIT("order"), 0, 1},
		{S_INIT("nobody"), S_INIT(""), 0, 0}, {S_INIT(""), S_INIT("body"), 0, 0},
		{S_INIT(""), S_INIT(""), 1, 1}, {S_INIT(""), S_INIT(""), 2, 0}};
	for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
		const struct collect_job j = {.every = HOUR,
			.from_has = t[i].from,
			.subject_has = t[i].subject,
			.since = t[i].months == 0   ? 0
				 : t[i].months == 1 ? november
						    : december};
		const struct import_message m = {.key = S("7")};
		CHECK_INT(choose(&j, &m, text) == COLLECT_WANTED, t[i].wanted);
	}
	/* What the server says counts more than the header, and is asked first. */
	const struct collect_job j = {.every = HOUR, .since = november};
	const struct import_message old = {.key = S("7"), .received_at = november - DAY};
	CHECK_INT(choose(&j, &old, text), COLLECT_UNWANTED);
	const struct collect_job all = {.every = HOUR};
	CHECK(!collect_choice_new(&all));
}
