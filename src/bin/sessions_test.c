/* The file of sessions: what a process writes, what the command sees and marks. */
#include "base/mem.h"
#include "base/test.h"
#include "bin/sessions.h"
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static bool by_login(void *arg, const struct session_row *row)
{
	return strcmp(row->login, arg) == 0;
}

static struct session_row *enter(struct sessions *s, const char *login)
{
	struct session_row *row = sessions_enter(s);
	if (row)
		session_text(row->login, sizeof row->login, slice_z(login));
	return row;
}

static slice make_dir(char *path)
{
	CHECK(mkdtemp(path) != NULL);
	return slice_z(path);
}

TEST(sessions_are_seen_and_ended)
{
	char path[] = "/tmp/sessions-test-XXXXXX";
	slice run = make_dir(path);
	AUTO(arena) struct arena a = {0};
	struct session_seen *seen;
	struct sessions *s, *other;
	struct err e;
	size_t n = 0, it = 0;
	CHECK_INT(sessions_read(run, &a, &seen, &n, &e), 0);
	CHECK_INT(n, 0);
	CHECK_INT(sessions_open(run, S("access"), 3, &s, &e), 0);
	CHECK_INT(sessions_open(run, S("web"), 0, &other, &e), 0);
	struct session_row *alice = enter(s, "alice@example.com"),
			   *bob = enter(s, "bob@example.com");
	enter(other, "alice@example.com");
	CHECK_INT(sessions_read(run, &a, &seen, &n, &e), 0);
	CHECK_INT(n, 3);
	CHECK_INT(seen[0].pid, getpid());
	CHECK(sessions_next_asked(s, &it) == NULL);
	CHECK_INT(sessions_end(run, by_login, (char *)"alice@example.com", &e), 2);
	it = 0;
	CHECK(sessions_next_asked(s, &it) == alice);
	CHECK(sessions_next_asked(s, &it) == NULL);
	it = 0;
	CHECK(sessions_next_asked(s, &it) == NULL); /* told once */
	it = 0;
	CHECK(sessions_next_asked(other, &it) != NULL);
	/* The next one in her slot is not meant. */
	CHECK_INT(sessions_end(run, by_login, (char *)"alice@example.com", &e), 2);
	sessions_leave(s, alice);
	CHECK(enter(s, "carol@example.com") == alice);
	it = 0;
	CHECK(sessions_next_asked(s, &it) == NULL);
	CHECK_INT(sessions_index(s, bob), 1);
	/* Who is gone has no sessions. */
	sessions_close(other);
	CHECK_INT(sessions_read(run, &a, &seen, &n, &e), 0);
	CHECK_INT(n, 2);
	CHECK_STR(seen[0].role, S("access"));
	CHECK_INT(seen[0].n, 3);
	sessions_close(s);
}

TEST(a_process_has_so_many_sessions_and_no_more)
{
	char path[] = "/tmp/sessions-test-XXXXXX";
	slice run = make_dir(path);
	AUTO(arena) struct arena a = {0};
	struct session_seen *seen;
	struct sessions *s;
	struct err e;
	size_t n;
	CHECK_INT(sessions_open(run, S("access"), 0, &s, &e), 0);
	struct session_row *last = NULL;
	for (int i = 0; i < SESSIONS_MAX; i++)
		CHECK((last = sessions_enter(s)) != NULL);
	CHECK(sessions_enter(s) == NULL);
	CHECK_INT(sessions_read(run, &a, &seen, &n, &e), 0);
	CHECK_INT(n, SESSIONS_MAX);
	sessions_leave(s, last);
	CHECK(sessions_enter(s) == last);
	sessions_close(s);
}

TEST(texts_are_cut_and_harmless)
{
	char to[8];
	session_text(to, sizeof to,
		S("a\nb\x1b"
		  "c"));
	CHECK_STR(slice_z(to), S("a?b?c"));
	session_text(
		to, sizeof to, S("12345\xe4\xbd\xa0\xe5\xa5\xbd")); /* the character does not fit */
	CHECK_STR(slice_z(to), S("12345"));
	session_text(to, sizeof to, S("1234567"));
	CHECK_STR(slice_z(to), S("1234567"));
	session_text(to, sizeof to, S(""));
	CHECK_STR(slice_z(to), S(""));
}
