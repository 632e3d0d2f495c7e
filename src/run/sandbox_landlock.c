/*
 * The landlock half of run/sandbox.h: which files, which TCP ports, no signals to others, no
 * abstract unix sockets (landlock(7)). The constants newer than Debian 12's headers are spelled out
 * here; what the running kernel does not know is left out and counted.
 */
#include "run/sandbox_parts.h"

#include "base/mem.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
	FS_READ = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR,
	FS_WRITE_FILE = LANDLOCK_ACCESS_FS_WRITE_FILE,
	FS_MAKE = LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE |
		  LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |
		  LANDLOCK_ACCESS_FS_REFER,
	FS_ABI1 = (1 << 13) - 1,
	FS_REFER = 1 << 13, /* ABI 2 */
	FS_TRUNCATE = 1 << 14, /* ABI 3 */
	FS_IOCTL_DEV = 1 << 15, /* ABI 5 */
	NET_BIND_TCP = 1 << 0, /* ABI 4 */
	NET_CONNECT_TCP = 1 << 1,
	SCOPE_ABSTRACT_UNIX = 1 << 0, /* ABI 6 */
	SCOPE_SIGNAL = 1 << 1,
	ABI_WANTED = 6,
};

/* struct landlock_ruleset_attr of ABI 6. */
struct ruleset {
	uint64_t fs, net, scoped;
};

static uint64_t fs_known(int abi)
{
	uint64_t fs = FS_ABI1;
	if (abi >= 2)
		fs |= FS_REFER;
	if (abi >= 3)
		fs |= FS_TRUNCATE;
	if (abi >= 5)
		fs |= FS_IOCTL_DEV;
	return fs;
}

static int make_ruleset(const struct sandbox *s, int abi, int *ret_fd, struct err *e)
{
	struct ruleset r = {.fs = fs_known(abi)};
	size_t size = sizeof r.fs;
	if (abi >= 4) {
		r.net |= s->may & SANDBOX_MAY_BIND ? 0 : NET_BIND_TCP;
		r.net |= s->may & SANDBOX_MAY_CONNECT ? 0 : NET_CONNECT_TCP;
		size += sizeof r.net;
	}
	if (abi >= 6) {
		r.scoped = SCOPE_ABSTRACT_UNIX | SCOPE_SIGNAL;
		size += sizeof r.scoped;
	}
	*ret_fd = (int)syscall(SYS_landlock_create_ruleset, &r, size, 0);
	return *ret_fd < 0 ? err_sys(e, errno, "landlock: ruleset") : 0;
}

static int allow_path(int ruleset, const struct sandbox_path *p, uint64_t known, struct err *e)
{
	char path[4096 - 512];
	snprintf(path, sizeof path, "%.*s", SFMT(p->path));
	AUTO(fd) int fd = open(path, O_PATH | O_CLOEXEC);
	struct stat st;
	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_sys(e, errno, "landlock: %s", path);
	uint64_t access = FS_READ;
	if (p->write)
		access |= FS_WRITE_FILE | FS_MAKE | FS_TRUNCATE;
	if (!S_ISDIR(st.st_mode))
		access &= LANDLOCK_ACCESS_FS_READ_FILE | FS_WRITE_FILE | FS_TRUNCATE;
	const struct landlock_path_beneath_attr rule = {access & known, fd};
	if (syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) < 0)
		return err_sys(e, errno, "landlock: %s", path);
	return 0;
}

int sandbox_landlock(const struct sandbox *s, slice *ret_missing, struct err *e)
{
	int abi =
		(int)syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	if (abi < 1) {
		*ret_missing = S("landlock");
		return 0;
	}
	*ret_missing = abi < 4            ? S("landlock-net,landlock-scope")
		       : abi < ABI_WANTED ? S("landlock-scope")
					  : S("");
	AUTO(fd) int ruleset = -1;
	if (make_ruleset(s, abi, &ruleset, e) < 0)
		return -1;
	for (size_t i = 0; i < s->npaths; i++)
		if (allow_path(ruleset, &s->paths[i], fs_known(abi), e) < 0)
			return -1;
	if (syscall(SYS_landlock_restrict_self, ruleset, 0) < 0)
		return err_sys(e, errno, "landlock: restrict");
	return 0;
}
