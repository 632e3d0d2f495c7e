/* Names of Maildir files and folders. */
#include "base/mem.h"
#include "base/test.h"
#include "codec/maildir.h"

TEST(maildir_files)
{
	static const struct {
		const char *name, *unique;
		unsigned flags;
		uint32_t words;
		uint64_t size;
		int64_t at;
	} cases[] = {
		{"1.2.host", "1.2.host", 0, 0, 0, 0},
		{"1.2.host:2,", "1.2.host", 0, 0, 0, 0},
		{"1.2.host,S=12,W=13:2,FSac", "1.2.host", MAILDIR_FLAGGED | MAILDIR_SEEN, 5, 12, 0},
		{"1.2.host;2,RPTD", "1.2.host",
			MAILDIR_ANSWERED | MAILDIR_PASSED | MAILDIR_DELETED | MAILDIR_DRAFT, 0, 0,
			0},
		{"1.2.host!2,S", "1.2.host", MAILDIR_SEEN, 0, 0, 0},
		{"1.2.host:1,S", "1.2.host", 0, 0, 0, 0},
		{"1795378621.M000123U17V3.posthouse,S=5:2,S", "1795378621.M000123U17V3.posthouse",
			MAILDIR_SEEN, 0, 5, 1795378621000123},
		{".hidden", NULL, 0, 0, 0, 0},
		{"", NULL, 0, 0, 0, 0},
		{":2,S", NULL, 0, 0, 0, 0},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct maildir_file f = {0};
		bool ok = maildir_file(slice_z(cases[i].name), &f);
		CHECK_INT(ok, cases[i].unique != NULL);
		if (!ok)
			continue;
		CHECK_STR(f.unique, slice_z(cases[i].unique));
		CHECK_INT(f.flags, cases[i].flags);
		CHECK_INT(f.words, cases[i].words);
		CHECK_INT(f.size, cases[i].size);
		CHECK_INT(f.at, cases[i].at);
	}
}

TEST(maildir_folders)
{
	static const struct {
		const char *name, *path;
	} cases[] = {
		{"Work.2026", "Work/2026"},
		{"&V4NXPnux-.a&-b", "垃圾箱/a&b"},
		{"a\\2eb\\5cc.\\2f", "a.b\\c/_"},
		{"垃圾", "垃圾"},
		{"..a..b.", "a/b"},
		{"bad\\zz\\00", "bad\\zz\\00"},
	};
	AUTO(arena) struct arena a = {0};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		CHECK_STR(maildir_folder(slice_z(cases[i].name), '.', &a), slice_z(cases[i].path));
	CHECK_STR(maildir_folder(S("a.b/c"), '/', &a), S("a.b/c"));
}

TEST(maildir_folders_there_and_back)
{
	static const char *const paths[] = {
		"Work/2026", "垃圾箱/\"a\" & b", "a.b\\c/.d./~", "%41/ x /*?"};
	AUTO(arena) struct arena a = {0};
	for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
		AUTO(buf) struct buf out = BUF(1000);
		maildir_put_folder(&out, slice_z(paths[i]));
		CHECK(out.p[0] == '.');
		CHECK_STR(maildir_folder(buf_slice(&out), '.', &a), slice_z(paths[i]));
	}
}

TEST(maildir_paths)
{
	static const struct {
		const char *path, *want;
	} cases[] = {{"Work/2026", "Work/2026"}, {"../a", "%2E%2E/a"}, {".", "%2E"},
		{"a:b/c?", "a%3Ab/c%3F"}, {"100%", "100%25"}, {"a. /b.", "a.%20/b%2E"},
		{"工作/二", "工作/二"}};
	char longest[600];
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		AUTO(buf) struct buf out = BUF(1000);
		maildir_put_path(&out, slice_z(cases[i].path));
		CHECK_STR(buf_slice(&out), slice_z(cases[i].want));
	}
	memset(longest, 'x', sizeof longest);
	AUTO(buf) struct buf out = BUF(1000);
	maildir_put_path(&out, slice_of(longest, sizeof longest));
	CHECK(out.n <= MAILDIR_LEVEL_MAX && slice_find(buf_slice(&out), S("~")) < out.n);
}
