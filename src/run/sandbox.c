/*
 * Enters the sandbox of a role (run/sandbox.h): limits, user, landlock, seccomp, in this order:
 * each step needs what the next one takes away. Called by bin/role.c in every process except the
 * master.
 */
#include "run/sandbox.h"

#include "run/arch_san.h"
#include "run/log.h"
#include "run/sandbox_parts.h"
#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int sandbox_user_ids(slice user, unsigned *ret_uid, unsigned *ret_gid, struct err *e)
{
	char name[64];
	snprintf(name, sizeof name, "%.*s", SFMT(user));
	const struct passwd *pw = user.n < sizeof name ? getpwnam(name) : NULL;
	if (!pw)
		pw = getpwnam("nobody");
	if (!pw)
		return err_set(e, ERR_NOTFOUND, "no such user: %s", name);
	*ret_uid = pw->pw_uid;
	*ret_gid = pw->pw_gid;
	return 0;
}

/* A command that works for root as another user could take root back: what is forked of it and confined cannot. */
static int give_up_rest(struct err *e)
{
	unsigned uid = geteuid(), gid = getegid();
	return setresgid(gid, gid, gid) < 0 || setresuid(uid, uid, uid) < 0
		       ? err_sys(e, errno, "giving up root")
		       : 0;
}

static int give_up_root(slice user, struct err *e)
{
	unsigned uid, gid;
	if (geteuid() != 0)
		return give_up_rest(e);
	if (sandbox_user_ids(user, &uid, &gid, e) < 0)
		return -1;
	if (uid == 0)
		return err_set(e, ERR_PERM, "user root cannot be the server's user");
	if (setgroups(0, NULL) < 0 || setresgid(gid, gid, gid) < 0 || setresuid(uid, uid, uid) < 0)
		return err_sys(e, errno, "giving up root");
	if (setuid(0) == 0)
		return err_set(e, ERR_BUG, "root could be taken back");
	return 0;
}

/* What a master without root may still do (bind low ports) is not for its children. */
static int drop_capabilities(struct err *e)
{
	struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {0};
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	return syscall(SYS_capset, &head, none) < 0 ? err_sys(e, errno, "dropping capabilities")
						    : 0;
}

/* The leak checker of sanitized builds cannot look at a sandboxed process: it asks here, at the
 * end. */
static int entered;
static slice lacks_files = S_INIT(""),
	     lacks_calls = S_INIT(""); /* what of the sandbox is missing */
static bool turned_off;
int __lsan_is_turned_off(void);
int __lsan_is_turned_off(void)
{
	return entered;
}

static int limit(int what, rlim_t wanted, const char *name, struct err *e)
{
	struct rlimit r;
	if (getrlimit(what, &r) < 0)
		return err_sys(e, errno, "%s", name);
	r.rlim_cur = wanted < r.rlim_max ? wanted : r.rlim_max;
	if (wanted == 0)
		r.rlim_max = 0;
	return setrlimit(what, &r) < 0 ? err_sys(e, errno, "%s", name) : 0;
}

static int limits(const struct sandbox *s, struct err *e)
{
	/* A core has mail and keys in it. */
	if (s->mode != SANDBOX_OFF && limit(RLIMIT_CORE, 0, "RLIMIT_CORE", e) < 0)
		return -1;
	if (s->open_files && limit(RLIMIT_NOFILE, s->open_files, "RLIMIT_NOFILE", e) < 0)
		return -1;
	return s->memory && !SAN_ON ? limit(RLIMIT_AS, s->memory, "RLIMIT_AS", e) : 0;
}

static int missing(const struct sandbox *s, slice what, struct err *e)
{
	if (what.n == 0)
		return 0;
	if (s->mode == SANDBOX_REQUIRED)
		return err_set(
			e, ERR_PERM, "sandbox = required, but not available: %.*s", SFMT(what));
	log_warn(NULL, "sandbox.partial", F("missing", what));
	return 0;
}

/* The three lines that setuid and friends undo. */
static int after_user(const struct sandbox *s, struct err *e)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return err_sys(e, errno, "no_new_privs");
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		return err_sys(e, errno, "PR_SET_PDEATHSIG");
	if (prctl(PR_SET_DUMPABLE, s->may & SANDBOX_NO_DUMP ? 0 : 1) < 0)
		return err_sys(e, errno, "PR_SET_DUMPABLE");
	return 0;
}

int sandbox_enter(const struct sandbox *s, struct err *e)
{
	tzset(); /* reads /etc/localtime while it can */
	if (limits(s, e) < 0 || give_up_root(s->user, e) < 0 || after_user(s, e) < 0)
		return err_wrap(e, "sandbox");
	if (drop_capabilities(e) < 0)
		return err_wrap(e, "sandbox");
	entered = 1;
	turned_off = s->mode == SANDBOX_OFF;
	if (turned_off)
		return 0;
	if (sandbox_landlock(s, &lacks_files, e) < 0 || missing(s, lacks_files, e) < 0)
		return err_wrap(e, "sandbox");
	if (sandbox_seccomp(s, &lacks_calls, e) < 0 || missing(s, lacks_calls, e) < 0)
		return err_wrap(e, "sandbox");
	return 0;
}

void sandbox_state(char out[SANDBOX_STATE_MAX])
{
	if (!entered || turned_off)
		snprintf(out, SANDBOX_STATE_MAX, "off");
	else if (lacks_files.n + lacks_calls.n == 0)
		snprintf(out, SANDBOX_STATE_MAX, "complete");
	else
		snprintf(out, SANDBOX_STATE_MAX, "without:%.*s%s%.*s", SFMT(lacks_files),
			lacks_files.n && lacks_calls.n ? "," : "", SFMT(lacks_calls));
}
