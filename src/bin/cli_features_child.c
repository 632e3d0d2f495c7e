/*
 * Reading a pack for the command line (cli_features.h): in a child that is confined like a scan process (role.c): the
 * file is as hostile as any other, and who installs it may be root. What comes back through a pipe is verified again.
 */
#include "bin/cli_features.h"

#include "base/mem.h"
#include "bin/cli_child.h"
#include "bin/role.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { STATUS_REFUSED = 10, SECONDS_MAX = 120, ANSWER_MAX = FEATURE_TOTAL_MAX + (2 << 20) };

struct offered {
	const struct config *c;
	slice archive;
	const struct feature_keys *trusted;
};

static void child(void *arg, int out)
{
	const struct offered *o = arg;
	struct arena a = {0};
	struct buf answer = BUF(ANSWER_MAX);
	struct feature_pack p;
	struct err e;
	signal(SIGALRM, SIG_DFL);
	alarm(SECONDS_MAX);
	if (role_confine("scan", o->c, &e) < 0 ||
		feature_pack_read(o->archive, o->trusted, &a, &p, &e) < 0 ||
		features_check(&p, true, &e) < 0) {
		const char kind = (char)e.kind;
		cli_child_write(out, slice_of(&kind, 1));
		cli_child_write(out, slice_z(e.text));
		_exit(STATUS_REFUSED);
	}
	feature_pack_encode(&p, &answer);
	cli_child_write(out, buf_slice(&answer));
	_exit(0);
}

static int judge_end(int status, slice text, struct err *e)
{
	if (WIFEXITED(status) && WEXITSTATUS(status) == STATUS_REFUSED && text.n) {
		bool denied = text.p[0] == ERR_DENIED;
		text = slice_skip(text, 1);
		return err_set(e, denied ? ERR_DENIED : ERR_PROTO, "%.*s", SFMT(text));
	}
	if (WIFSIGNALED(status))
		return err_set(e, ERR_PROTO,
			"the pack cannot be read: its reader was ended by signal %d",
			WTERMSIG(status));
	return WEXITSTATUS(status) ? err_set(e, ERR_PROTO, "the pack cannot be read") : 0;
}

int cli_features_read(const struct config *c, slice archive, const struct feature_keys *trusted,
	struct arena *a, struct feature_pack *ret, struct err *e)
{
	AUTO(buf) struct buf answer = BUF(ANSWER_MAX);
	int status;
	struct offered o = {c, archive, trusted};
	if (cli_child(child, &o, &answer, &status, e) < 0)
		return -1;
	if (judge_end(status, buf_slice(&answer), e) < 0)
		return -1;
	return feature_pack_decode(arena_dup(a, buf_slice(&answer)), trusted, a, ret, e);
}

int cli_features_load(const char *path, size_t most, struct buf *out, struct err *e)
{
	struct stat st;
	AUTO(fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(e, errno, "%s", path);
	if (S_ISDIR(st.st_mode) || (uint64_t)st.st_size > most)
		return err_set(e, ERR_LIMIT, "%s: no file, or larger than %zu bytes", path, most);
	*out = BUF(most + (64 << 10));
	cli_child_read(fd, out);
	return out->n <= most ? 0 : err_set(e, ERR_LIMIT, "%s: larger than %zu bytes", path, most);
}

int cli_features_trusted(struct cli_call *c, const struct config *conf, struct feature_keys *ret)
{
	const struct features_conf *f = conf_get(conf->conf, &features_section);
	struct feature_key k;
	struct err e;
	int at = 0;
	if (features_trusted(f, conf->server->data, ret, &e) < 0 && e.kind != ERR_DENIED)
		return out_fail(&e);
	for (const char *word; (word = cli_word(c, "trust", &at));) {
		if (!feature_key_parse(slice_z(word), &k))
			return out_usage(T("not a key: %s", "不是公钥：%s"), word);
		if (!feature_keys_add(ret, &k))
			return out_usage("%s", T("too many keys", "公钥太多"));
	}
	if (!ret->n)
		return out_usage("%s",
			T("no key is trusted: [features] keys", "没有信任的公钥：[features] keys"));
	return CLI_OK;
}
