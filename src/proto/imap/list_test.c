/* Patterns of LIST against names. */
#include "proto/imap/list.h"

#include "base/test.h"

TEST(list_patterns)
{
	static const struct {
		const char *pattern, *name;
		bool want;
	} t[] = {
		{"", "", true},
		{"", "a", false},
		{"*", "", true},
		{"*", "a/b/c", true},
		{"%", "abc", true},
		{"%", "a/b", false},
		{"a%", "a", true},
		{"a%c", "abbc", true},
		{"a%c", "ab/c", false},
		{"a*c", "ab/c", true},
		{"%/%", "a/b", true},
		{"%/%", "a/b/c", false},
		{"*/%", "a/b/c", true},
		{"*b%d", "abxb/bcd", true},
		{"*b%d", "ab/cd", false},
		{"%b*d", "ab/cd", true},
		{"%b*d", "a/b/cd", false},
		{"%a%a%", "banana", true},
		{"%a%x%", "banana", false},
		{"*a/%/*c", "xa/b/c/c", true},
		{"inbox", "INBOX", true},
		{"in%", "INBOX", true},
		{"inbox", "Inbox2", false},
		{"work", "Work", false},
		{"inbox/x", "INBOX/x", false},
	};
	for (size_t i = 0; i < sizeof t / sizeof *t; i++)
		if (imap_list_match(slice_z(t[i].pattern), slice_z(t[i].name)) != t[i].want)
			test_fail(__FILE__, __LINE__, "\"%s\" and \"%s\"", t[i].pattern, t[i].name);
}
