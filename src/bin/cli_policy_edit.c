/*
 * `posthouse policy edit`: the document in force in the caller's editor, in a file of his own; with a
 * mistake in it he is asked to edit again, and what he wrote is never thrown away.
 */
#include "bin/cli_policy.h"

#include "base/mem.h"
#include "bin/cli_tty.h"
#include "bin/shipped.h"

#include <errno.h>
#include <stdio.h>
#include <sys/wait.h>

static int run_editor(const char *path, struct err *e)
{
	const char *editor = getenv("VISUAL");
	int status;
	if (!editor || !*editor)
		editor = getenv("EDITOR");
	if (!editor || !*editor)
		editor = "vi";
	pid_t pid = fork();
	if (pid < 0)
		return err_sys(e, errno, "fork");
	if (pid == 0) {
		execlp("sh", "sh", "-c", "exec $0 \"$1\"", editor, path, NULL);
		_exit(127);
	}
	if (waitpid(pid, &status, 0) != pid)
		return err_sys(e, errno, "waitpid");
	return WIFEXITED(status) && WEXITSTATUS(status) == 0
		       ? 0
		       : err_set(e, ERR_PERM, "the editor failed: %s", editor);
}

static int write_file(char *path, slice text, struct err *e)
{
	AUTO(fd) int fd = mkstemps(path, 5);
	if (fd < 0 || write(fd, text.p, text.n) != (ssize_t)text.n)
		return err_sys(e, errno, "%s", path);
	return 0;
}

/* One turn of the editor. CLI_OK and what is there now. */
static int turn(struct cli_env *env, const char *path, struct buf *text)
{
	struct err e;
	cli_env_as_caller(env);
	int r = run_editor(path, &e);
	cli_env_as_server(env);
	if (r < 0)
		return out_fail(&e);
	buf_reset(text);
	return policy_file_read(env, slice_z(path), text);
}

/* Until it has no mistakes, or he gives up. */
static int edit_until_fine(struct cli_env *env, const char *path, struct buf *text)
{
	for (;;) {
		AUTO(policy_set) const struct policy_set *set = NULL;
		int code = turn(env, path, text);
		if (code == CLI_OK)
			code = policy_text_parse(
				buf_slice(text), S("policies"), false, &env->mem, &set);
		if (code != CLI_USAGE || !tty_confirm(T("Edit again?", "重新编辑？")))
			return code;
	}
}

/* What is in force, or what new installations begin with. */
static int begin(struct cli_env *env, struct policies_version *ret, struct err *e)
{
	struct sql *db = cli_env_db(env, DB_DIRECTORY, e);
	if (!db)
		return -1;
	if (policies_get(db, 0, &env->mem, ret, e) == 0)
		return 0;
	*ret = (struct policies_version){.text = shipped_policies()};
	return e->kind == ERR_NOTFOUND ? 0 : -1;
}

static int edit(struct cli_env *env, const struct policies_version *from, slice note, char *path)
{
	AUTO(buf) struct buf text = BUF(POLICY_DOCUMENT_MAX + 65536);
	int code = edit_until_fine(env, path, &text);
	if (code == CLI_OK && from->version && slice_eq(buf_slice(&text), from->text))
		puts(T("Nothing has changed.", "没有改变。"));
	else if (code == CLI_OK)
		code = policy_put_text(env, buf_slice(&text), note, from->version);
	return code;
}

int policy_edit(struct cli_call *c)
{
	AUTO(cli_env) struct cli_env env = {0};
	struct policies_version from;
	char path[] = "/tmp/policies-XXXXXX.conf";
	struct err e;
	int code;
	if (cli_env_open(c->cli, &env, &code) < 0)
		return code;
	if (begin(&env, &from, &e) < 0)
		return out_fail(&e);
	cli_env_as_caller(&env);
	int r = write_file(path, from.text, &e);
	cli_env_as_server(&env);
	if (r < 0)
		return out_fail(&e);
	code = edit(&env, &from, cli_option_text(c, "note"), path);
	if (code != CLI_OK) {
		fprintf(stderr, T("What you wrote is in %s.\n", "所编辑的内容保存在 %s。\n"), path);
		return code;
	}
	cli_env_as_caller(&env);
	unlink(path);
	cli_env_as_server(&env);
	return code;
}
